"""Connectionist temporal classification: a loss for sequences of labels without alignment, and decoders."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops import blocks, ctc_kernels
from reflow.ops.deprecation import renamed
from reflow.ops.sparse_parts import room_of

NO_SECOND_DERIVATIVE = "ctc_loss has no second derivative: its gradient is computed with it"

# Checks


def _check_inputs(logits: Any, lengths: Any) -> None:
    """Refuse logits and lengths of wrong shape."""
    if logits.ndim != 3:
        fail("inputs is not a 3-Tensor")
    if lengths.ndim != 1:
        fail("sequence_length is not a vector")
    if lengths.shape[0] != logits.shape[1]:
        fail(
            f"len(sequence_length) != batch_size.  len(sequence_length):  {lengths.shape[0]} "
            f"batch_size: {logits.shape[1]}",
            errors.FailedPreconditionError,
        )


def _check_lengths(xp: Any, lengths: Any, time: int, error: Any) -> None:
    late = lengths > time
    message = "sequence_length({}) <= " + str(time)
    require(xp, ~xp.any(late), message, xp.argmax(late), error=error)
    negative = lengths < 0
    require(xp, ~xp.any(negative), "seq_len({}) < 0", xp.argmax(negative))


def _check_places(xp: Any, indices: Any, batch: int) -> None:
    """Refuse labels of sequences that are not there, or out of order."""
    rows = indices[:, 0]
    outside = ((indices < 0) | (indices >= np.array([batch, np.iinfo(np.int64).max]))).any(axis=1)
    message = (
        f"label SparseTensor is not valid: indices[{{}}] is out of bounds: it names one of {batch} sequences"
    )
    if indices.shape[0]:
        require(xp, ~xp.any(outside), message, xp.argmax(outside))
    falls = (rows[1:] < rows[:-1]) | ((rows[1:] == rows[:-1]) & (indices[1:, 1] <= indices[:-1, 1]))
    if indices.shape[0] > 1:
        message = (
            "label SparseTensor is not valid: indices[{}] is out of order. Many sparse ops require sorted "
        )
        require(xp, ~xp.any(falls), message + "indices.", xp.argmax(falls) + 1)


# The loss


def _loss_kernel(
    xp: Any,
    logits: Any,
    indices: Any,
    values: Any,
    lengths: Any,
    *,
    preprocess_collapse_repeated: bool,
    ctc_merge_repeated: bool,
    ignore_longer_outputs_than_inputs: bool,
) -> Any:
    _check_inputs(logits, lengths)
    if indices.ndim != 2 or values.ndim != 1 or indices.shape[0] != values.shape[0]:
        fail(
            "labels_indices and labels_values must contain the same number of rows, "
            f"but saw shapes: {list(indices.shape)} vs. {list(values.shape)}"
        )
    time, batch, classes = logits.shape
    if not batch:
        fail("batch_size must not be 0")
    _check_lengths(room_of(xp, lengths), lengths, time, errors.InvalidArgumentError)
    own = xp if any(room_of(xp, x) is xp for x in (indices, values, lengths)) else np
    _check_places(room_of(xp, indices), indices, batch)
    indices, values, lengths = own.asarray(indices), own.asarray(values), own.asarray(lengths)
    longer, blank = ignore_longer_outputs_than_inputs, classes - 1
    labels = ctc_kernels.padded_labels(own, indices, values, batch, time, blank, preprocess_collapse_repeated)
    ctc_kernels.check_labels(own, values, indices[:, 0], labels, blank, lengths, longer)
    return ctc_kernels.loss_and_gradient(xp, logits, labels, lengths, ctc_merge_repeated, longer)


def _loss_shape(node: Any) -> list[TensorShape]:
    logits, indices, values, lengths = (x.shape for x in node.inputs)
    logits, lengths = logits.with_rank(3), lengths.with_rank(1)
    indices.with_rank(2)[:1].merge_with(values.with_rank(1))
    batch = logits[1:2].merge_with(lengths)
    return [batch, logits]


def _loss_gradient(op: Any, grad: Any, _: Any) -> list[Any]:
    backprop = emit("PreventGradient", op.outputs[1], message=NO_SECOND_DERIVATIVE)
    return [blocks.expand_dims(grad, -1) * backprop, None, None, None]


@op("CTCLoss", shape=_loss_shape, kernel=_loss_kernel, gradient=_loss_gradient)
def ctc_loss(
    labels: Any,
    inputs: Any = None,
    sequence_length: Any = None,
    preprocess_collapse_repeated: bool = False,
    ctc_merge_repeated: bool = True,
    ignore_longer_outputs_than_inputs: bool = False,
    time_major: bool = True,
    logits: Any = None,
) -> Tensor:
    """The negative logarithm of the probability of a sequence of labels, whatever their times.

    Args:
        labels: an int32 `SparseTensor`: the labels of each sequence, in its row. The last class is the blank.
        inputs: logits of shape `[time, sequences, classes]`; `logits` is another name.
        sequence_length: how many steps each sequence has, an int32 vector.
        preprocess_collapse_repeated: take labels that repeat as one.
        ctc_merge_repeated: take a class that repeats without a blank between as one label.
        ignore_longer_outputs_than_inputs: give a loss of 0 to sequences of more labels than steps, instead of
            failing.
        time_major: False: logits are of shape `[sequences, time, classes]`.

    Returns:
        A vector with the loss of each sequence.

    Raises:
        TypeError: `labels` is not a `SparseTensor`.
        ValueError: the shapes do not fit.

    InvalidArgumentError in a run for labels that cannot be.

    >>> import reflow as tf
    >>> labels = tf.SparseTensor([[0, 0]], [0], [1, 1])
    >>> tf.Session().run(tf.nn.ctc_loss(labels, tf.zeros([2, 1, 2]), [2]))  # 3 paths of 4
    array([0.2876821], dtype=float32)
    """
    if not isinstance(labels, SparseTensor):
        raise TypeError("Expected labels (first argument) to be a SparseTensor")
    inputs = renamed("logits", logits, "inputs", inputs)
    if not time_major:
        inputs = blocks.transpose(convert_to_tensor(inputs), [1, 0, 2])
    loss, _ = emit(
        "CTCLoss",
        inputs,
        labels.indices,
        labels.values,
        sequence_length,
        preprocess_collapse_repeated=preprocess_collapse_repeated,
        ctc_merge_repeated=ctc_merge_repeated,
        ignore_longer_outputs_than_inputs=ignore_longer_outputs_than_inputs,
    )
    return loss  # type: ignore[no-any-return]


# Decoders


def _as_sparse(sequences: list[Any]) -> tuple[Any, Any, Any]:
    """Label sequences as the parts of a sparse matrix."""
    places = [(i, j) for i, sequence in enumerate(sequences) for j in range(len(sequence))]
    values = np.array([label for sequence in sequences for label in sequence], np.int64)
    longest = max((len(s) for s in sequences), default=0)
    return np.array(places, np.int64).reshape(-1, 2), values, np.array([len(sequences), longest], np.int64)


def _merged(labels: Any) -> list[int]:
    """Labels with repeated ones taken as one."""
    return [label for label, _ in itertools.groupby(labels)]


def _greedy_host(ctx: Any, logits: Any, lengths: Any, *, merge_repeated: bool) -> Any:
    _check_inputs(logits, lengths)
    _check_lengths(np, lengths, logits.shape[0], errors.FailedPreconditionError)
    blank = logits.shape[2] - 1
    best, most = logits.argmax(axis=2), logits.max(axis=2)
    inside = np.arange(logits.shape[0])[:, None] < lengths
    score = -np.where(inside, most, 0).sum(axis=0, dtype=logits.dtype)
    sequences = []
    for b, length in enumerate(lengths.tolist()):
        labels = best[:length, b].tolist()
        sequences.append([x for x in (_merged(labels) if merge_repeated else labels) if x != blank])
    return *_as_sparse(sequences), score.reshape(-1, 1)


def _decoder_shapes(node: Any, paths: int) -> list[TensorShape]:
    logits, lengths = node.inputs[0].shape.with_rank(3), node.inputs[1].shape.with_rank(1)
    batch = logits[1:2].merge_with(lengths)
    places, values, sizes = TensorShape.of((None, 2)), TensorShape.of((None,)), TensorShape.of((2,))
    return [places] * paths + [values] * paths + [sizes] * paths + [batch.concatenate((paths,))]


@op("CTCGreedyDecoder", shape=lambda node: _decoder_shapes(node, 1), host=_greedy_host, gradient=None)
def ctc_greedy_decoder(
    inputs: Any, sequence_length: Any, merge_repeated: bool = True
) -> tuple[list[SparseTensor], Tensor]:
    """The labels of the likeliest class at each step.

    Args:
        inputs: logits of shape `[time, sequences, classes]`; the last class is the blank.
        sequence_length: how many steps each sequence has, an int32 vector.
        merge_repeated: take a class that repeats without a blank between as one label.

    Returns:
        A list with one sparse matrix of labels, int64, and the negative sum of the greatest logits, of shape
        `[sequences, 1]`.

    >>> import reflow as tf
    >>> logits = tf.constant([[[3.0, 0.0]], [[3.0, 0.0]], [[0.0, 3.0]], [[3.0, 0.0]]])
    >>> (labels,), _ = tf.nn.ctc_greedy_decoder(logits, [4])
    >>> tf.Session().run(labels).values
    array([0, 0])
    """
    *parts, score = emit("CTCGreedyDecoder", inputs, sequence_length, merge_repeated=merge_repeated)
    return [SparseTensor(*parts)], score


def _beam_host(
    ctx: Any, logits: Any, lengths: Any, *, beam_width: int, top_paths: int, merge_repeated: bool
) -> Any:
    _check_inputs(logits, lengths)
    _check_lengths(np, lengths, logits.shape[0], errors.FailedPreconditionError)
    found = [
        ctc_kernels.beam_search(logits[:length, b], beam_width, top_paths)
        for b, length in enumerate(lengths.tolist())
    ]
    scores = np.array([score for _, score in found], logits.dtype).reshape(-1, top_paths)
    by_rank = [[paths[i] for paths, _ in found] for i in range(top_paths)]
    parts = [_as_sparse([_merged(p) for p in paths] if merge_repeated else paths) for paths in by_rank]
    return *(x for kind in zip(*parts, strict=True) for x in kind), scores


@op(
    "CTCBeamSearchDecoder",
    shape=lambda node: _decoder_shapes(node, node.attrs["top_paths"]),
    host=_beam_host,
    gradient=None,
)
def ctc_beam_search_decoder(
    inputs: Any,
    sequence_length: Any,
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
) -> tuple[list[SparseTensor], Tensor]:
    """The likeliest sequences of labels, found by a beam search.

    Args:
        inputs: logits of shape `[time, sequences, classes]`; the last class is the blank.
        sequence_length: how many steps each sequence has, an int32 vector.
        beam_width: how many sequences are kept at each step.
        top_paths: how many are returned.
        merge_repeated: take labels that repeat in the result as one.

    Returns:
        A list of `top_paths` sparse matrices of labels, int64, and the logarithms of the probabilities, of
        shape `[sequences, top_paths]`.

    >>> import reflow as tf
    >>> logits = tf.log([[[0.3, 0.7]], [[0.4, 0.6]]])
    >>> (labels,), score = tf.nn.ctc_beam_search_decoder(logits, [2])
    >>> tf.Session().run([labels.values, tf.exp(score)])
    [array([0]), array([[0.58]], dtype=float32)]
    """
    attrs: dict[str, Any] = {
        "beam_width": beam_width,
        "top_paths": top_paths,
        "merge_repeated": merge_repeated,
    }
    indices, values, sizes, score = emit("CTCBeamSearchDecoder", inputs, sequence_length, **attrs)
    return [SparseTensor(*parts) for parts in zip(indices, values, sizes, strict=True)], score


def ctc_beam_search_decoder_v2(
    inputs: Any, sequence_length: Any, beam_width: int = 100, top_paths: int = 1
) -> tuple[list[SparseTensor], Tensor]:
    """`ctc_beam_search_decoder` that keeps labels that repeat."""
    return ctc_beam_search_decoder(inputs, sequence_length, beam_width, top_paths, merge_repeated=False)


def _dense_as_sparse(labels: Tensor, lengths: Any) -> SparseTensor:
    """The first labels of each row as a sparse matrix."""
    mask = emit("Range", 0, blocks.shape_of(labels)[1], 1) < blocks.expand_dims(
        blocks.cast(convert_to_tensor(lengths), dtypes.int32), 1
    )
    places = emit("Where", mask)
    values = blocks.cast(emit("GatherNd", labels, places), dtypes.int32)
    return SparseTensor(places, values, blocks.shape_of(labels, dtypes.int64))


def ctc_loss_v2(
    labels: Any,
    logits: Any,
    label_length: Any,
    logit_length: Any,
    logits_time_major: bool = True,
    unique: Any = None,
    blank_index: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`ctc_loss` with any class as the blank, and with labels that may be dense.

    Args:
        labels: an int32 `SparseTensor`, or a padded matrix with a row for each sequence.
        logits: of shape `[time, sequences, classes]`, or `[sequences, time, classes]`.
        label_length: how many labels each row of a dense matrix has; not used for a sparse one.
        logit_length: how many steps each sequence has.
        unique: accepted; the result does not depend on it.
        blank_index: the class that is the blank; 0 if not given, for dense labels only.

    Unlike TensorFlow's, which gives a loss of about 707, a sequence of more labels than steps fails.

    Raises:
        ValueError: the labels are sparse and `blank_index` is not given.

    >>> import reflow as tf
    >>> loss = tf.nn.ctc_loss_v2([[1, 0]], tf.zeros([2, 1, 2]), [1], [2])
    >>> tf.Session().run(loss)
    array([0.2876821], dtype=float32)
    """
    dense = not isinstance(labels, SparseTensor)
    if blank_index is None:
        if not dense:
            raise ValueError("blank_index must be given when using SparseTensor labels.")
        blank_index = 0
    logits = convert_to_tensor(logits, name="logits")
    if not logits_time_major:
        logits = blocks.transpose(logits, [1, 0, 2])
    if dense:
        labels = _dense_as_sparse(convert_to_tensor(labels, name="labels"), label_length)
    logits, labels = _with_last_blank(logits, labels, blank_index)
    return ctc_loss(labels, logits, convert_to_tensor(logit_length, name="logit_length"))


def _with_last_blank(logits: Tensor, labels: SparseTensor, blank: int) -> tuple[Tensor, SparseTensor]:
    """Logits with the blank as the last class, and the labels that go with them."""
    count = logits.shape[2].value
    if count is None:
        raise ValueError(f"The number of classes must be known, the logits have shape {logits.shape}")
    blank += count if blank < 0 else 0
    if blank == count - 1:
        return logits, labels
    parts = [logits[:, :, :blank], logits[:, :, blank + 1 :], logits[:, :, blank : blank + 1]]
    values = emit("Select", labels.values < blank, labels.values, labels.values - 1)
    return blocks.concat(parts, 2), SparseTensor(labels.indices, values, labels.dense_shape)
