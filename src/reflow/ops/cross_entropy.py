"""Losses of logits: cross entropies of softmax and sigmoid, the Poisson loss, the half sum of squares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, broadcast_static_shape
from reflow.graph import shapes
from reflow.graph.checks import require
from reflow.graph.graph import (
    constant,
    constant_value,
    control_dependencies,
    convert_to_tensor,
    emit,
    name_scope,
)
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.activations import log_softmax_kernel, softmax_kernel
from reflow.ops.check import assert_equal
from reflow.ops.deprecation import renamed

SHORT_FLOATS = (dtypes.float16, dtypes.bfloat16)
NO_SECOND_DERIVATIVE = (
    "Currently there is no way to take the second derivative of sparse_softmax_cross_entropy_with_logits "
    "due to the fused implementation's interaction with tf.gradients()"
)


# The two fused ops


def _dense_shape(node: Any) -> list[TensorShape]:
    whole = broadcast_static_shape(*(x.shape for x in node.inputs))
    batch, classes = mats.ranked(whole, 2)
    return [TensorShape.of((batch,)), TensorShape.of((batch, classes))]


@mats.widened
def _dense_kernel(xp: Any, logits: Any, labels: Any) -> tuple[Any, Any]:
    fits = logits.ndim == labels.ndim == 2
    fits = fits and all(m == n or 1 in (m, n) for m, n in zip(logits.shape, labels.shape, strict=True))
    message = "logits and labels must be broadcastable: logits_size={} labels_size={}"
    require(xp, fits, message, mats.shown(logits), mats.shown(labels))
    logits, labels = xp.broadcast_arrays(logits, labels)
    loss = -xp.sum(labels * log_softmax_kernel(xp, logits), axis=-1)
    return loss, softmax_kernel(xp, logits) - labels


def _scaled_rows(factors: Any, rows: Any) -> Any:
    return blocks.expand_dims(factors, -1) * rows


def _is_zero(grad: Any) -> bool:
    """Whether a gradient is known to be zero."""
    if grad is None or grad.op.type in ("ZerosLike", "Zeros"):
        return True
    value = constant_value(grad)
    return value is not None and not np.any(value)


def _dense_gradient(op: Any, loss_grad: Any, backprop_grad: Any) -> list[Any]:
    logits = op.inputs[0]
    grad = _scaled_rows(loss_grad, op.outputs[1])
    if not _is_zero(backprop_grad):
        softmax = emit("Softmax", logits)
        row = blocks.expand_dims(backprop_grad, 1)
        inner = emit("BatchMatMulV2", row, blocks.expand_dims(softmax, 2), name="MatMul")
        grad = grad + (backprop_grad - blocks.squeeze(inner, 1)) * softmax
    return [grad, _scaled_rows(loss_grad, -emit("LogSoftmax", logits))]


def _sparse_shape(node: Any) -> list[TensorShape]:
    batch, classes = mats.ranked(node.inputs[0].shape, 2)
    batch = mats.same(batch, mats.ranked(node.inputs[1].shape, 1)[0])
    return [TensorShape.of((batch,)), TensorShape.of((batch, classes))]


@mats.widened
def _sparse_kernel(xp: Any, logits: Any, labels: Any) -> tuple[Any, Any]:
    require(xp, logits.ndim == 2, "logits must be 2-D, but got shape {}", mats.shown(logits))
    require(xp, labels.ndim == 1, "labels must be 1-D, but got shape {}", mats.shown(labels))
    fits = logits.shape[0] == labels.shape[0]
    message = "logits and labels must have the same first dimension, got logits shape {} and labels shape {}"
    require(xp, fits, message, mats.shown(logits), mats.shown(labels))
    _check_labels(xp, labels, logits.shape[1])
    if logits.size == 0:
        return xp.zeros(labels.shape, logits.dtype), xp.zeros_like(logits)
    rows = xp.arange(labels.shape[0])
    loss = -log_softmax_kernel(xp, logits)[rows, labels]
    hits = labels[:, None] == xp.arange(logits.shape[1], dtype=labels.dtype)
    return loss, softmax_kernel(xp, logits) - hits.astype(logits.dtype)


def _check_labels(xp: Any, labels: Any, classes: int) -> None:
    wrong = (labels < 0) | (labels >= classes)
    message = "Received a label value of {} which is outside the valid range of [0, {}).  Label values: {}"
    if xp is np:
        if wrong.any():
            require(xp, False, message, labels[wrong][0], classes, " ".join(map(str, labels.tolist())))
    elif labels.shape[0]:
        require(xp, ~xp.any(wrong), message, xp.asarray(labels)[xp.argmax(wrong)], classes, labels)


def _sparse_gradient(op: Any, loss_grad: Any, _: Any) -> list[Any]:
    backprop = emit("PreventGradient", op.outputs[1], message=NO_SECOND_DERIVATIVE)
    return [_scaled_rows(loss_grad, backprop), None]


# softmax_cross_entropy


def _check_named(name: str, sentinel: Any, labels: Any, logits: Any) -> None:
    if sentinel is not None:
        raise ValueError(f"Only call `{name}` with named arguments (labels=..., logits=..., ...)")
    if labels is None or logits is None:
        raise ValueError("Both labels and logits must be provided.")


def _moved_last(x: Any, axis: int, rank: Any) -> Any:
    """`x` with an axis made the last one."""
    before = blocks.span(0, axis)
    after = blocks.span(axis + 1, rank)
    return blocks.transpose(x, blocks.concat([before, after, [axis]], 0))


def _as_rows(x: Any) -> Any:
    """`x` as a matrix: all axes but the last joined to one."""
    rank = blocks.rank_of(x)
    width = emit("Slice", blocks.shape_of(x), [emit("Sub", rank, 1)], [1])
    result = blocks.reshape(x, blocks.concat([[-1], width], 0))
    sizes = x.shape.ints
    if sizes is not None and None not in sizes[:-1]:
        result.set_shape([math.prod(sizes[:-1]), sizes[-1]])
    return result


@op("SoftmaxCrossEntropyWithLogits", shape=_dense_shape, kernel=_dense_kernel, gradient=_dense_gradient)
def softmax_cross_entropy_with_logits_v2(
    labels: Any, logits: Any, axis: int | None = None, name: str | None = None, dim: int | None = None
) -> Any:
    """The cross entropy between distributions and the softmax of logits. Gradients flow into both.

    Args:
        labels: distributions along `axis`; of the shape and the type of `logits`.
        logits: of a float type, [batch, classes] or of any other rank.
        axis: the classes' axis; the last one by default.
        dim: the old name of `axis`.

    Returns:
        The loss of each example: the logits' shape without `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     loss = tf.nn.softmax_cross_entropy_with_logits_v2(labels=[[1.0, 0.0]], logits=[[9.0, 9.0]])
    ...     print(sess.run(loss))
    [0.6931472]
    """
    axis = renamed("axis", axis, "dim", dim)
    axis = -1 if axis is None else axis
    with name_scope(name, "softmax_cross_entropy_with_logits", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        short = logits.dtype.base_dtype in SHORT_FLOATS
        wide = blocks.cast(logits, dtypes.float32) if short else logits
        labels = blocks.cast(labels, wide.dtype)
        rank = blocks.rank_of(wide)
        if axis != -1:
            wide = _moved_last(wide, axis, rank)
            labels = _moved_last(labels, axis, rank)
        shape = blocks.shape_of(wide)
        rows = _as_rows(wide)
        loss, _ = emit("SoftmaxCrossEntropyWithLogits", rows, _as_rows(labels), name=scope)
        loss = blocks.reshape(loss, emit("Slice", shape, [0], [emit("Sub", rank, 1)]))
        if logits.shape.ndims is not None:
            sizes = logits.shape.as_list()
            del sizes[axis]
            loss.set_shape(sizes)
        return blocks.cast(loss, logits.dtype) if short else loss


def softmax_cross_entropy_with_logits(
    _sentinel: Any = None,
    labels: Any = None,
    logits: Any = None,
    dim: int = -1,
    name: str | None = None,
    axis: int | None = None,
) -> Any:
    """`softmax_cross_entropy_with_logits_v2`, which see, without a gradient for the labels.

    Raises:
        ValueError: labels and logits are not given by name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     loss = tf.nn.softmax_cross_entropy_with_logits(labels=[[1.0, 0.0]], logits=[[9.0, 9.0]])
    ...     print(sess.run(loss))
    [0.6931472]
    """
    dim = dim if axis is None else axis
    _check_named("softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "softmax_cross_entropy_with_logits_sg", [logits, labels]) as scope:
        labels = emit("StopGradient", labels, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, axis=dim, name=scope)


@op(
    "SparseSoftmaxCrossEntropyWithLogits",
    shape=_sparse_shape,
    kernel=_sparse_kernel,
    gradient=_sparse_gradient,
)
def sparse_softmax_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """The cross entropy between class numbers and the softmax of logits.

    Args:
        labels: int32 or int64, [...]: the number of each example's class.
        logits: of a float type, [..., classes].

    Returns:
        The loss of each example, of the labels' shape.

    Raises:
        ValueError: the arguments are not given by name, or their shapes do not fit.
        InvalidArgumentError: when run, if a label is no class number.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0], logits=[[9.0, 9.0]])
    ...     print(sess.run(loss))
    [0.6931472]
    """
    _check_named("sparse_softmax_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "SparseSoftmaxCrossEntropyWithLogits", [labels, logits]):
        labels = convert_to_tensor(labels)
        logits = convert_to_tensor(logits)
        short = logits.dtype.base_dtype == dtypes.float16
        wide = blocks.cast(logits, dtypes.float32) if short else logits
        labels_shape = blocks.shape_of(labels)
        static = labels.shape.is_fully_defined() and logits.shape[:-1].is_fully_defined()
        _check_sparse_shapes(labels.shape, logits.shape, static)
        if logits.shape.ndims == 2:
            loss, _ = emit("SparseSoftmaxCrossEntropyWithLogits", wide, labels, name=name)
            return blocks.cast(loss, dtypes.float16) if short else loss
        checks = []
        if not static:
            checks.append(assert_equal(blocks.shape_of(labels), blocks.shape_of(logits)[:-1]))
        with control_dependencies(checks):
            classes = blocks.shape_of(logits)[blocks.rank_of(logits) - 1]
            wide = blocks.reshape(wide, [-1, classes])
            flat = blocks.reshape(labels, [-1])
            loss, _ = emit("SparseSoftmaxCrossEntropyWithLogits", wide, flat, name=name)
            loss = blocks.reshape(loss, labels_shape)
            loss.set_shape(labels.shape)
            return blocks.cast(loss, dtypes.float16) if short else loss


def _check_sparse_shapes(labels: TensorShape, logits: TensorShape, static: bool) -> None:
    if logits.ndims == 0:
        raise ValueError(f"Logits cannot be scalars - received shape {logits}.")
    if logits.ndims is not None and labels.ndims is not None and labels.ndims != logits.ndims - 1:
        raise ValueError(
            f"Rank mismatch: Rank of labels (received {labels.ndims}) should equal rank of logits "
            f"minus 1 (received {logits.ndims})."
        )
    if static and labels.ints != logits.ints[:-1]:  # type: ignore[index]
        raise ValueError(
            f"Shape mismatch: The shape of labels (received {labels}) should equal the shape of logits "
            f"except for the last dimension (received {logits})."
        )


# Losses of independent logits


def _check_same(first: str, x: Any, second: str, y: Any) -> None:
    try:
        y.shape.merge_with(x.shape)
    except ValueError:
        raise ValueError(f"{first} and {second} must have the same shape ({x.shape} vs {y.shape})") from None


def sigmoid_cross_entropy_with_logits(
    _sentinel: Any = None, labels: Any = None, logits: Any = None, name: str | None = None
) -> Any:
    """The cross entropy between probabilities and the sigmoid of logits, element by element.

    Args:
        labels: probabilities, of the shape and type of `logits`.
        logits: of a float type.

    Raises:
        ValueError: the arguments are not given by name, or their shapes differ.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.sigmoid_cross_entropy_with_logits(labels=[1.0], logits=[0.0])))
    [0.6931472]
    """
    _check_named("sigmoid_cross_entropy_with_logits", _sentinel, labels, logits)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _check_same("logits", logits, "labels", labels)
        # max(x, 0) - x z + log(1 + exp(-|x|)): nothing overflows, and the gradient at 0 is right.
        zero = blocks.zeros_like(logits)
        positive = logits >= zero
        clipped = blocks.where(positive, logits, zero)
        falling = blocks.where(positive, -logits, logits)
        linear = clipped - logits * labels
        return emit("Add", linear, emit("Log1p", emit("Exp", falling)), name=scope)


def weighted_cross_entropy_with_logits(
    labels: Any = None,
    logits: Any = None,
    pos_weight: Any = None,
    name: str | None = None,
    targets: Any = None,
) -> Any:
    """`sigmoid_cross_entropy_with_logits` with a factor `pos_weight` for the positive part.

    Args:
        labels: probabilities, of the shape and type of `logits`; `targets` is the old name.
        logits: of a float type.
        pos_weight: a number or tensor: greater than 1, it makes false negatives cost more.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.weighted_cross_entropy_with_logits([1.0], [0.0], pos_weight=2.0)))
    [1.3862944]
    """
    labels = renamed("labels", labels, "targets", targets)
    with name_scope(name, "logistic_loss", [logits, labels]) as scope:
        logits = convert_to_tensor(logits, name="logits")
        labels = convert_to_tensor(labels, name="labels")
        _check_same("logits", logits, "labels", labels)
        weight = 1 + (pos_weight - 1) * labels
        negative = (1 - labels) * logits
        smooth = emit("Log1p", emit("Exp", -emit("Abs", logits)))
        return emit("Add", negative, weight * (smooth + emit("Relu", -logits)), name=scope)


def log_poisson_loss(
    targets: Any, log_input: Any, compute_full_loss: bool = False, name: str | None = None
) -> Any:
    """The negative log likelihood of counts under Poisson distributions of mean exp(log_input).

    Args:
        targets: counts, of the shape and type of `log_input`.
        log_input: of a float type.
        compute_full_loss: add Stirling's approximation of the part that only the targets have.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.log_poisson_loss([2.0], [0.0])))
    [1.]
    """
    with name_scope(name, "log_poisson_loss", [log_input, targets]):
        log_input = convert_to_tensor(log_input, name="log_input")
        targets = convert_to_tensor(targets, name="targets")
        _check_same("log_input", log_input, "targets", targets)
        result = emit("Exp", log_input) - log_input * targets
        if compute_full_loss:
            result = result + _log_factorials(targets)
        return result


def _log_factorials(counts: Any) -> Any:
    """Stirling's approximation of the logarithms of the factorials of counts; 0 from 0 to 1."""
    half = constant(0.5, dtype=counts.dtype)
    two_pi = constant(2 * math.pi, dtype=counts.dtype)
    stirling = counts * emit("Log", counts) - counts
    stirling = stirling + half * emit("Log", two_pi * counts)
    zeros = blocks.zeros_like(counts)
    ones = blocks.ones_like(counts)
    small = emit("LogicalAnd", counts >= zeros, counts <= ones)
    return blocks.where(small, zeros, stirling)


@mats.widened
def _l2_kernel(xp: Any, x: Any) -> Any:
    return xp.asarray(xp.sum(x * x) * x.dtype.type(0.5))


@op("L2Loss", shape=shapes.scalar, kernel=_l2_kernel, gradient=lambda op, grad: [op.inputs[0] * grad])
def l2_loss(t: Any, name: str | None = None) -> Any:
    """Half the sum of the squares of all elements: a scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.l2_loss([3.0, 4.0])))
    12.5
    """
    return emit("L2Loss", t, name=name)
