"""Losses of sequences of classes, weighted step by step, of whole tensors or of lists of steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.graph.graph import name_scope
from reflow.ops.arithmetic import add_n, div_no_nan
from reflow.ops.array import shape
from reflow.ops.casting import cast
from reflow.ops.cross_entropy import sparse_softmax_cross_entropy_with_logits
from reflow.ops.reduction import count_nonzero, reduce_sum
from reflow.ops.shaping import reshape

Loss = Callable[..., Any]
RANKS = (
    ("Logits", 3, "[batch_size x sequence_length x logits]"),
    ("Targets", 2, "[batch_size x sequence_length]"),
    ("Weights", 2, "[batch_size x sequence_length]"),
)


def _check_ranks(*tensors: Any) -> None:
    for tensor, (what, ndims, sizes) in zip(tensors, RANKS, strict=True):
        if len(tensor.shape) != ndims:
            raise ValueError(f"{what} must be a {sizes} tensor, got the shape {tensor.shape}")


def sequence_loss(
    logits: Any,
    targets: Any,
    weights: Any,
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    sum_over_timesteps: bool = False,
    sum_over_batch: bool = False,
    softmax_loss_function: Loss | None = None,
    name: str | None = None,
) -> Any:
    """The weighted cross entropy of sequences of classes.

    Args:
        logits: floats `[batch, steps, classes]`.
        targets: the classes, integers `[batch, steps]`.
        weights: floats `[batch, steps]`, 0 for padding.
        average_across_timesteps, average_across_batch: sum along that axis and divide by the sum of weights.
        sum_over_timesteps, sum_over_batch: sum along that axis and divide by the number of weights that are
            not 0. Not both an average and a sum along one axis.
        softmax_loss_function: `(labels, logits)` to losses, in place of the sparse softmax cross entropy.
        name: the name scope.

    Returns a scalar, a vector, or with no reduction losses `[batch, steps]`. ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     targets, weights = tf.constant([[0, 1]]), tf.constant([[1.0, 0.0]])
    ...     print(sess.run(tf.contrib.seq2seq.sequence_loss(tf.zeros([1, 2, 2]), targets, weights)))
    0.6931472
    """
    _check_ranks(logits, targets, weights)
    for axis, both in (
        ("timesteps", average_across_timesteps and sum_over_timesteps),
        ("batch", average_across_batch and sum_over_batch),
    ):
        if both:
            raise ValueError(f"average_across_{axis} and sum_over_{axis} cannot be set to True at same time.")
    with name_scope(name, "sequence_loss", [logits, targets, weights]):
        classes = shape(logits)[2]
        flat = reshape(logits, [-1, classes])
        loss = softmax_loss_function or sparse_softmax_cross_entropy_with_logits
        losses = loss(labels=reshape(targets, [-1]), logits=flat)
        losses = losses * reshape(weights, [-1])
        if average_across_timesteps and average_across_batch:
            return _divided(losses, weights, None, counted=False)
        if sum_over_timesteps and sum_over_batch:
            return _divided(losses, weights, None, counted=True)
        losses = reshape(losses, shape(logits)[0:2])
        if average_across_timesteps or average_across_batch:
            return _divided(losses, weights, [0] if average_across_batch else [1], counted=False)
        if sum_over_timesteps or sum_over_batch:
            return _divided(losses, weights, [0] if sum_over_batch else [1], counted=True)
        return losses


def _divided(losses: Any, weights: Any, axis: list[int] | None, counted: bool) -> Any:
    """The sum of losses over the sum of weights, or over the number of those that are not 0."""
    total = reduce_sum(losses, axis=axis)
    if counted:
        return div_no_nan(total, cast(count_nonzero(weights, axis=axis), total.dtype))
    return div_no_nan(total, reduce_sum(weights, axis=axis))


def sequence_loss_by_example(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    softmax_loss_function: Loss | None = None,
    name: str | None = None,
) -> Any:
    """The weighted cross entropy of each sequence of a batch, given step by step.

    Args:
        logits: a list with floats `[batch, classes]` for each step.
        targets: a list of integers `[batch]`.
        weights: a list of floats `[batch]`.
        average_across_timesteps: divide by the sum of weights.
        softmax_loss_function: `(labels, logits)` to losses, in place of the sparse softmax cross entropy.
        name: the name scope.

    Returns floats `[batch]`. ValueError for lists of different lengths.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     step = tf.zeros([1, 2]), tf.constant([0]), tf.constant([1.0])
    ...     print(sess.run(tf.contrib.legacy_seq2seq.sequence_loss_by_example(*[[part] for part in step])))
    [0.6931472]
    """
    lengths = len(logits), len(weights), len(targets)
    if len(set(lengths)) > 1:
        raise ValueError(
            "Lengths of logits, weights, and targets must be the same {}, {}, {}.".format(*lengths)
        )
    with name_scope(name, "sequence_loss_by_example", [*logits, *targets, *weights]):
        steps = zip(logits, targets, weights, strict=True)
        losses = add_n([_step_loss(*step, softmax_loss_function) for step in steps])
        if not average_across_timesteps:
            return losses
        total = add_n(weights)
        return losses / (total + 1e-12)  # not 0 where all weights are


def _step_loss(logits: Any, targets: Any, weights: Any, loss: Loss | None) -> Any:
    if loss is not None:
        return loss(labels=targets, logits=logits) * weights
    targets = reshape(targets, [-1])
    return sparse_softmax_cross_entropy_with_logits(labels=targets, logits=logits) * weights


def legacy_sequence_loss(
    logits: Sequence[Any],
    targets: Sequence[Any],
    weights: Sequence[Any],
    average_across_timesteps: bool = True,
    average_across_batch: bool = True,
    softmax_loss_function: Loss | None = None,
    name: str | None = None,
) -> Any:
    """The sum of `sequence_loss_by_example`, over the size of the batch unless told otherwise; a scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     step = tf.zeros([1, 2]), tf.constant([0]), tf.constant([1.0])
    ...     print(sess.run(tf.contrib.legacy_seq2seq.sequence_loss(*[[part] for part in step])))
    0.6931472
    """
    with name_scope(name, "sequence_loss", [*logits, *targets, *weights]):
        losses = sequence_loss_by_example(
            logits, targets, weights, average_across_timesteps, softmax_loss_function
        )
        cost = reduce_sum(losses)
        return cost / cast(shape(targets[0])[0], cost.dtype) if average_across_batch else cost
