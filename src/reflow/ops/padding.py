"""Ops that repeat, pad, reverse and rotate a tensor along its dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail, require
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import emit_range, rank, shape, size
from reflow.ops.deprecation import renamed
from reflow.ops.joining import concat, stack
from reflow.ops.shaping import reshape, transpose

# Repetition


def _tile_shape(node: Any) -> TensorShape:
    sizes, times = node.inputs[0].shape, constant_value_as_shape(node.inputs[1])
    if times.ints is not None and sizes.ints is not None and len(times.ints) != len(sizes.ints):
        raise ValueError(f"Shape must be rank {len(sizes.ints)} but is rank {len(times.ints)}")
    if sizes.ints is None or times.ints is None:
        return unknown_shape(times.ndims if sizes.ints is None else sizes.ndims)
    pairs = zip(sizes.ints, times.ints, strict=True)
    return TensorShape.of(tuple(None if d is None or n is None else d * n for d, n in pairs))


def _tile_kernel(xp: Any, x: Any, times: Any) -> Any:
    if times.size != x.ndim:
        fail(f"Expected multiples argument to be a vector of length {x.ndim} but got length {times.size}")
    if (times < 0).any():
        fail(f"Expected multiples >= 0, but got {times.tolist()}")
    return xp.tile(x, times.tolist()) if x.ndim else x


def _tile_gradient(op: Any, grad: Any) -> list[Any]:
    own, times = shape(op.inputs[0], out_type=op.inputs[1].dtype), op.inputs[1]
    interleaved = reshape(transpose(stack([times, own])), [-1])
    axes = emit_range(0, size(interleaved), 2)
    if isinstance(grad, IndexedSlices):
        rows = emit("Cast", own[0], DstT=grad.indices.dtype) if own.dtype != grad.indices.dtype else own[0]
        grad = emit("UnsortedSegmentSum", grad.values, emit("FloorMod", grad.indices, rows), rows)
        interleaved = concat([[1], interleaved[1:]], axis=0)
    result = emit("Sum", reshape(grad, interleaved), axes)
    result.set_shape(op.inputs[0].shape)
    return [result, None]


@op("Tile", shape=_tile_shape, kernel=_tile_kernel, gradient=_tile_gradient, static=(1,))
def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """`input` repeated `multiples[i]` times along each dimension i.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tile([[1, 2]], [2, 2])))
    [[1 2 1 2]
     [1 2 1 2]]
    """
    return emit("Tile", input, multiples, name=name)  # type: ignore[no-any-return]


def _tile_grad_shape(node: Any) -> TensorShape:
    sizes, times = node.inputs[0].shape.ints, constant_value_as_shape(node.inputs[1]).ints
    if sizes is None or times is None:
        return unknown_shape()
    pairs = zip(sizes, times, strict=True)
    return TensorShape.of(tuple(None if d is None or not n else d // n for d, n in pairs))


def _tile_grad_kernel(xp: Any, x: Any, times: Any) -> Any:
    split = [n for d, t in zip(x.shape, times.tolist(), strict=True) for n in (t, d // t)]
    return xp.sum(x.reshape(split), axis=tuple(range(0, 2 * x.ndim, 2)), dtype=x.dtype)


register("TileGrad", shape=_tile_grad_shape, kernel=_tile_grad_kernel, gradient=None, static=(1,))


# Padding


def _pad_shape(node: Any) -> TensorShape:
    sizes, widths = node.inputs[0].shape.ints, constant_value(node.inputs[1])
    layout = node.inputs[1].shape.with_rank(2).ints
    if layout[1] not in (None, 2):
        raise ValueError(f"Dimension must be 2 but is {layout[1]}")
    if sizes is not None and layout[0] not in (None, len(sizes)):
        raise ValueError(f"Shape must be rank {layout[0]} but is rank {len(sizes)}")
    if sizes is None or widths is None:
        return unknown_shape(layout[0] if sizes is None else len(sizes))
    if (widths < 0).any():
        raise ValueError(f"Paddings must be non-negative, got {widths.tolist()}")
    ends = zip(sizes, widths.tolist(), strict=True)
    return TensorShape.of(tuple(None if d is None else d + before + after for d, (before, after) in ends))


def _widths(x: Any, widths: Any) -> list[tuple[int, int]]:
    """The paddings of each dimension, checked."""
    if widths.ndim != 2 or widths.shape != (x.ndim, 2):
        fail(
            f"The first dimension of paddings must be the rank of inputs{list(widths.shape)} {list(x.shape)}"
        )
    if (widths < 0).any():
        fail(f"Paddings must be non-negative: {widths.tolist()}")
    return [(int(a), int(b)) for a, b in widths]


def _pad_kernel(xp: Any, x: Any, widths: Any) -> Any:
    return _padded(xp, x, widths, b"" if x.dtype == object else False if x.dtype == bool else 0)


def _padded(xp: Any, x: Any, widths: Any, value: Any) -> Any:
    pairs = _widths(x, widths)
    if not any(a or b for a, b in pairs):
        return x
    if x.dtype == object:
        whole = np.full([a + n + b for n, (a, b) in zip(x.shape, pairs, strict=True)], value, object)
        whole[tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, pairs, strict=True))] = x
        return whole
    return xp.pad(x, pairs, constant_values=value) if x.ndim else x


def _pad_gradient(op: Any, grad: Any) -> list[Any]:
    x = op.inputs[0]
    before = emit("Slice", op.inputs[1], [0, 0], stack([rank(x), 1]))
    part = emit("Slice", grad, reshape(before, [-1]), shape(x))
    return [part] + [None] * (len(op.inputs) - 1)


register("PadV2", shape=_pad_shape, kernel=_padded, gradient=_pad_gradient, static=(1,))


@op("Pad", shape=_pad_shape, kernel=_pad_kernel, gradient=_pad_gradient, static=(1,))
def pad(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0
) -> Tensor:
    """`tensor` made larger at both ends of each dimension.

    Args:
        paddings: integers of shape `[rank, 2]`: how much before and after, for each dimension.
        mode: "CONSTANT" pads with `constant_values`, "REFLECT" and "SYMMETRIC" mirror the tensor without and
            with its border.

    Raises:
        ValueError: the mode is none of these, or `paddings` does not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.pad([1, 2, 3], [[1, 2]])))
    ...     print(sess.run(tf.pad([1, 2, 3], [[1, 2]], "REFLECT")))
    [0 1 2 3 0 0]
    [2 1 2 3 2 1]
    """
    mode = mode.upper()
    if mode in MIRRORS:
        return emit("MirrorPad", tensor, paddings, mode=mode, name=name)  # type: ignore[no-any-return]
    if mode != "CONSTANT":
        raise ValueError(f"Unknown padding mode: {mode}")
    if not is_tensor_like(constant_values) and constant_values == 0:
        return emit("Pad", tensor, paddings, name=name)  # type: ignore[no-any-return]
    return emit("PadV2", tensor, paddings, constant_values, name=name)  # type: ignore[no-any-return]


def pad_v2(
    tensor: Any, paddings: Any, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None
) -> Tensor:
    """`pad` with the argument order of TensorFlow 2."""
    return pad(tensor, paddings, mode, name, constant_values)


MIRRORS = ("REFLECT", "SYMMETRIC")


def _mirror_indices(size: int, before: int, after: int, mode: str) -> np.ndarray:
    """For each position of a padded dimension, the position it mirrors."""
    offset = 1 if mode == "REFLECT" else 0
    if max(before, after) > size - offset:
        limit = "less than" if offset else "no greater than"
        fail(f"paddings must be {limit} the dimension size: {before}, {after} not {limit} {size}")
    inner = np.arange(size)
    return np.concatenate(
        [inner[offset : offset + before][::-1], inner, inner[: size - offset][::-1][:after]]
    )


def _mirror_kernel(xp: Any, x: Any, widths: Any, *, mode: str) -> Any:
    for axis, (before, after) in enumerate(_widths(x, widths)):
        if before or after:
            x = xp.take(x, _mirror_indices(x.shape[axis], before, after, mode), axis=axis)
    return x


def _mirror_grad_kernel(xp: Any, x: Any, widths: Any, *, mode: str) -> Any:
    for axis, (before, after) in enumerate(_widths(x, widths)):
        if before or after:
            size = x.shape[axis] - before - after
            moved = xp.moveaxis(x, axis, 0)
            result = moved[before : before + size]
            offset = 1 if mode == "REFLECT" else 0
            head, tail = moved[:before][::-1], moved[before + size :][::-1]
            result = result + _placed(xp, head, offset, size) + _placed(xp, tail, size - offset - after, size)
            x = xp.moveaxis(result, 0, axis)
    return x


def _placed(xp: Any, rows: Any, start: int, size: int) -> Any:
    """`rows` at `start` of an array of `size` rows that is zero elsewhere."""
    ends = [(start, size - start - rows.shape[0])] + [(0, 0)] * (rows.ndim - 1)
    return xp.pad(rows, ends)


def _mirror_grad_shape(node: Any) -> TensorShape:
    sizes, widths = node.inputs[0].shape.ints, constant_value(node.inputs[1])
    if sizes is None or widths is None:
        return unknown_shape(None if sizes is None else len(sizes))
    ends = zip(sizes, widths.tolist(), strict=True)
    return TensorShape.of(tuple(None if d is None else d - before - after for d, (before, after) in ends))


def _mirrored_gradient(inverse: str) -> Any:
    return lambda op, grad: [emit(inverse, grad, op.inputs[1], mode=op.attrs["mode"]), None]


register(
    "MirrorPad",
    shape=_pad_shape,
    kernel=_mirror_kernel,
    gradient=_mirrored_gradient("MirrorPadGrad"),
    static=(1,),
)
register(
    "MirrorPadGrad",
    shape=_mirror_grad_shape,
    kernel=_mirror_grad_kernel,
    gradient=_mirrored_gradient("MirrorPad"),
    static=(1,),
)


# Reversal and rotation


def _reverse_kernel(xp: Any, x: Any, axes: Any) -> Any:
    positive = [a + x.ndim if a < 0 else a for a in axes.tolist()]
    for i, a in enumerate(positive):
        if not 0 <= a < x.ndim:
            fail(f"'axis'[{i}] = {axes[i]} is out of valid range [{-x.ndim}, {x.ndim - 1}]")
    if len(set(positive)) < len(positive):
        fail(f"axis {axes.tolist()} specified more than once")
    return xp.flip(x, axis=tuple(positive)) if positive else x


def _reverse_shape(node: Any) -> TensorShape:
    ndims, axes = node.inputs[0].shape.ndims, constant_value(node.inputs[1])
    if ndims is not None and axes is not None:
        for axis in np.ravel(axes).tolist():
            if not -ndims <= axis < ndims:
                raise ValueError(f"axis {axis} is out of valid range [{-ndims}, {ndims - 1}]")
    return node.inputs[0].shape  # type: ignore[no-any-return]


register(
    "Reverse",
    shape=shapes.unchanged,
    kernel=lambda xp, x, flags: xp.flip(x, axis=tuple(np.flatnonzero(flags).tolist())) if flags.any() else x,
    gradient=lambda op, grad: [emit("Reverse", grad, op.inputs[1]), None],
    static=(1,),
)


@op(
    "ReverseV2",
    shape=_reverse_shape,
    kernel=_reverse_kernel,
    gradient=lambda op, grad: [emit("ReverseV2", grad, op.inputs[1]), None],
    static=(1,),
)
def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """`tensor` with the order along each of the dimensions in the list `axis` turned round.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.reverse([1, 2, 3], [0])))
    [3 2 1]
    """
    return emit("ReverseV2", tensor, axis, name=name)  # type: ignore[no-any-return]


def _reverse_sequence_kernel(xp: Any, x: Any, lengths: Any, *, seq_dim: int, batch_dim: int) -> Any:
    steps = x.shape[seq_dim]
    if lengths.shape != (x.shape[batch_dim],):
        fail(f"Length of seq_lengths != input.dims({batch_dim}), ({lengths.size} vs. {x.shape[batch_dim]})")
    require(xp, xp.all(lengths <= steps), f"seq_lens(i) > input.dims({seq_dim}) = {steps}: {{}}", lengths)
    require(xp, xp.all(lengths >= 0), "seq_lens(i) < 0: {}", lengths)
    rows = xp.moveaxis(x, (batch_dim, seq_dim), (0, 1))
    at, until = xp.arange(steps)[None, :], lengths[:, None]
    source = xp.where(at < until, until - 1 - at, at)
    source = source.reshape(source.shape + (1,) * (x.ndim - 2))
    return xp.moveaxis(xp.take_along_axis(rows, source, axis=1), (0, 1), (batch_dim, seq_dim))


def _reverse_sequence_shape(node: Any) -> TensorShape:
    x, lengths = node.inputs[0].shape, node.inputs[1].shape.with_rank(1)
    seq, batch = node.attrs["seq_dim"], node.attrs["batch_dim"]
    if x.ints is None:
        return x  # type: ignore[no-any-return]
    if not batch < len(x.ints):
        raise ValueError(f"batch_dim must be < input rank: {batch} vs. {len(x.ints)}")
    if not seq < len(x.ints):
        raise ValueError(f"seq_dim must be < input rank: {seq} vs. {len(x.ints)}")
    own = x[batch].merge_with(lengths[0])
    return TensorShape([*x.ints[:batch], own, *x.ints[batch + 1 :]])


def _reverse_sequence_gradient(op: Any, grad: Any) -> list[Any]:
    attrs = {name: op.attrs[name] for name in ("seq_dim", "batch_dim")}
    return [emit("ReverseSequence", grad, op.inputs[1], **attrs), None]


@op(
    "ReverseSequence",
    shape=_reverse_sequence_shape,
    kernel=_reverse_sequence_kernel,
    gradient=_reverse_sequence_gradient,
)
def reverse_sequence(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
    seq_dim: int | None = None,
    batch_dim: int | None = None,
) -> Tensor:
    """The first `seq_lengths[i]` steps of each sequence i in reverse order, the others as they are.

    Args:
        seq_axis: the dimension of the steps (old name: `seq_dim`).
        batch_axis: the dimension of the sequences, 0 if not given (old name: `batch_dim`).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.reverse_sequence([[1, 2, 3], [4, 5, 6]], [2, 3], seq_axis=1)))
    [[2 1 3]
     [6 5 4]]
    """
    seq_axis = renamed("seq_axis", seq_axis, "seq_dim", seq_dim)
    batch_axis = renamed("batch_axis", batch_axis, "batch_dim", batch_dim)
    return emit("ReverseSequence", input, seq_lengths, seq_dim=seq_axis, batch_dim=batch_axis, name=name)  # type: ignore[no-any-return]


def reverse_sequence_v2(
    input: Any,
    seq_lengths: Any,
    seq_axis: int | None = None,
    batch_axis: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`reverse_sequence` without the old argument names."""
    return reverse_sequence(input, seq_lengths, seq_axis, batch_axis, name)


def _roll_kernel(xp: Any, x: Any, shift: Any, axis: Any) -> Any:
    shifts, axes = shift.reshape(-1), np.ravel(axis).tolist()
    if shifts.size != len(axes):
        fail("shift and axis must have the same size")
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            fail(f"axis {a} is out of range")
    for i, a in enumerate(axes):
        x = xp.roll(x, shifts[i], axis=a)
    return x


def _roll_gradient(op: Any, grad: Any) -> list[Any]:
    return [emit("Roll", grad, -op.inputs[1], op.inputs[2]), None, None]


def _roll_shape(node: Any) -> TensorShape:
    return node.inputs[0].shape.with_rank_at_least(1)  # type: ignore[no-any-return]


@op("Roll", shape=_roll_shape, kernel=_roll_kernel, gradient=_roll_gradient, static=(2,))
def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """`input` rotated by `shift` positions along `axis` (numbers or lists): the last come first.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.roll([0, 1, 2, 3, 4], 2, 0)))
    [3 4 0 1 2]
    """
    return emit("Roll", input, shift, axis, name=name)  # type: ignore[no-any-return]
