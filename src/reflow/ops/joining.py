"""Ops that join tensors and cut them up: stack and unstack, concat and split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import Dimension, TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import constant_value
from reflow.graph.graph import constant, convert_to_tensor, emit, graph_of, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import identity, keep_dtype, rank, shape, shape_n
from reflow.ops.shaping import expand_dims, squeeze


def positive_axis(axis: int, ndims: int) -> int:
    """`axis` counted from the front; ValueError when there is no such axis."""
    if not -ndims <= axis < ndims:
        raise ValueError(f"axis = {axis} not in [{-ndims}, {ndims})")
    return axis % ndims if ndims else 0


# Joining along a new dimension


def _pack_shape(node: Any) -> TensorShape:
    one, axis = shapes.merged_inputs(node).ints, node.attrs["axis"]
    if one is None:
        return unknown_shape()
    at = positive_axis(axis, len(one) + 1)
    return TensorShape.of((*one[:at], len(node.inputs), *one[at:]))


def _pack_kernel(xp: Any, *values: Any, axis: int) -> Any:
    first = values[0].shape
    for i, v in enumerate(values):
        if v.shape != first:
            fail(
                f"Shapes of all inputs must match: values[0].shape = {list(first)} "
                f"!= values[{i}].shape = {list(v.shape)}"
            )
    return xp.stack(values, axis=axis)


def _pack_gradient(op: Any, grad: Any) -> list[Any]:
    return emit("Unpack", grad, num=len(op.inputs), axis=op.attrs["axis"], name="unstack")  # type: ignore[no-any-return]


@op("Pack", shape=_pack_shape, kernel=_pack_kernel, gradient=_pack_gradient)
def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape and type as one tensor with a new dimension at `axis`.

    Raises:
        ValueError: the shapes differ, or there is no such axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.stack([[1, 4], [2, 5]], axis=1)))
    [[1 2]
     [4 5]]
    """
    if axis == 0:
        try:
            return (
                convert_to_tensor(values, name=name)
                if isinstance(values, Tensor)
                else _converted(values, name)
            )
        except (TypeError, ValueError):
            pass  # shapes or types that a constant cannot have: Pack says what is wrong
    ndims = convert_to_tensor(values[0], name=name).shape.ndims
    if ndims is not None:
        positive_axis(axis, ndims + 1)
    return emit("Pack", values, axis=axis, name=name)  # type: ignore[no-any-return]


def _converted(values: Any, name: str) -> Tensor:
    return graph_of([*values] if isinstance(values, (list, tuple)) else [values]).convert(values, name=name)


pack = stack


def _concat_rows_shape(node: Any) -> Any:
    return node.attrs["shape"]


@op(
    "ParallelConcat",
    shape=_concat_rows_shape,
    kernel=lambda xp, *values: xp.concatenate(values, axis=0),
    gradient=lambda op, grad: emit("Unpack", grad, num=len(op.inputs), axis=0, name="unstack"),
)
def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """Tensors of one known shape stacked along a new first dimension.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.parallel_stack([[1, 4], [2, 5], [3, 6]]).shape
    TensorShape([Dimension(3), Dimension(2)])
    """
    with name_scope(name):
        one = convert_to_tensor(values[0]).shape
        whole = TensorShape([len(values)]).concatenate(one)
        return emit("ParallelConcat", [expand_dims(v, 0) for v in values], shape=whole)  # type: ignore[no-any-return]


def _unpack_shape(node: Any) -> list[TensorShape]:
    sizes, num = node.inputs[0].shape.ints, node.attrs["num"]
    if sizes is None:
        return [unknown_shape()] * num
    at = positive_axis(node.attrs["axis"], len(sizes))
    if sizes[at] not in (None, num):
        raise ValueError(f"Dimension must be {num} but is {sizes[at]}")
    return [TensorShape.of((*sizes[:at], *sizes[at + 1 :]))] * num


def _unpack_kernel(xp: Any, x: Any, *, num: int, axis: int) -> tuple[Any, ...]:
    if x.shape[axis] != num:
        fail(f"Input shape axis {axis} must equal {num}, got shape {list(x.shape)}")
    rows = xp.moveaxis(x, axis, 0)
    return tuple(keep_dtype(xp, rows[i], x) for i in range(num))


@op(
    "Unpack",
    shape=_unpack_shape,
    kernel=_unpack_kernel,
    gradient=lambda op, *grads: [stack(grads, axis=op.attrs["axis"])],
)
def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices of `value` along `axis`, as a list of tensors without that dimension.

    Args:
        num: the size of the dimension, if it is not known.

    Raises:
        ValueError: the size is neither known nor given.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.unstack([[1, 2], [3, 4]], axis=1)))
    [array([1, 3], dtype=int32), array([2, 4], dtype=int32)]
    """
    if num is None:
        value = convert_to_tensor(value)
        sizes = value.shape.ints
        if sizes is not None:
            num = sizes[positive_axis(axis, len(sizes))]
        if num is None:
            raise ValueError(f"Cannot infer num from shape {value.shape}")
    return emit("Unpack", value, num=num, axis=axis, name=name)  # type: ignore[no-any-return]


unpack = unstack


# Joining along an existing dimension


def _concat_shape_of(values: Sequence[Any], axis: Any) -> TensorShape:
    known = [v.shape.ints for v in values if v.shape.ints is not None]
    if not known:
        return unknown_shape()
    ndims = max(map(len, known))
    if any(len(sizes) != ndims for sizes in known):
        raise ValueError(f"Shape must be rank {ndims} but is rank {min(map(len, known))}")
    if axis is None:
        return unknown_shape(ndims)
    if ndims == 0 or not -ndims <= axis < ndims:
        raise ValueError(
            f"Expected concatenating dimensions in the range [{-ndims}, {ndims}), but got {axis}"
        )
    at = axis % ndims
    rest: list[int | None] = [None] * (ndims - 1)
    for sizes in known:
        rest = _merged_sizes(rest, sizes[:at] + sizes[at + 1 :])
    lengths: list[Any] = [None if v.shape.ints is None else v.shape.ints[at] for v in values]
    total = None if None in lengths else sum(lengths)
    return TensorShape.of((*rest[:at], total, *rest[at:]))


def _merged_sizes(one: Sequence[int | None], other: Sequence[int | None]) -> list[int | None]:
    """What is known of sizes that must be equal."""
    for i, (a, b) in enumerate(zip(one, other, strict=True)):
        if None not in (a, b) and a != b:
            raise ValueError(f"Dimension {i} in both shapes must be equal, but are {a} and {b}")
    return [b if a is None else a for a, b in zip(one, other, strict=True)]


def _axis_value(tensor: Tensor) -> int | None:
    value = constant_value(tensor)
    return None if value is None else int(np.ravel(value)[0])


def _concat_kernel(xp: Any, *inputs: Any) -> Any:
    return joined(xp, inputs[:-1], int(inputs[-1]))


def _sizes(value: Any) -> str:
    return "[" + ",".join(map(str, value.shape)) + "]"


def joined(xp: Any, values: Sequence[Any], axis: int) -> Any:
    """Arrays joined along `axis`; checks as TensorFlow's kernel."""
    ndims = values[0].ndim
    if not -ndims <= axis < ndims:
        fail(f"ConcatOp : Expected concatenating dimensions in the range [{-ndims}, {ndims}), but got {axis}")
    at = axis % ndims
    for i, v in enumerate(values):
        if (
            v.ndim != ndims
            or v.shape[:at] + v.shape[at + 1 :] != values[0].shape[:at] + values[0].shape[at + 1 :]
        ):
            fail(
                f"ConcatOp : Dimensions of inputs should match: shape[0] = {_sizes(values[0])} "
                f"vs. shape[{i}] = {_sizes(v)}"
            )
    return xp.concatenate(values, axis=at)


def _concat_gradient(op: Any, grad: Any) -> list[Any]:
    return [*_concat_parts(op.inputs[:-1], op.inputs[-1], grad), None]


register(
    "Concat",
    shape=lambda node: _concat_shape_of(node.inputs[1:], _axis_value(node.inputs[0])),
    kernel=lambda xp, axis, *values: joined(xp, values, int(axis)),
    gradient=lambda op, grad: [None, *_concat_parts(op.inputs[1:], op.inputs[0], grad)],
    static=(0,),
)


@op(
    "ConcatV2",
    shape=lambda node: _concat_shape_of(node.inputs[:-1], _axis_value(node.inputs[-1])),
    kernel=_concat_kernel,
    gradient=_concat_gradient,
    static=(-1,),
)
def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors joined along an existing dimension; all other dimensions must be equal.

    Raises:
        ValueError: the static shapes do not fit, or there is no such axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.concat([[[1, 2]], [[3, 4]]], 0)))
    [[1 2]
     [3 4]]
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if len(values) == 1:
        with name_scope(name):
            convert_to_tensor(axis, dtypes.int32, name="concat_dim").shape.assert_has_rank(0)
            return identity(values[0], name=name)
    return emit("ConcatV2", values, axis, name=name)  # type: ignore[no-any-return]


def _concat_offset_kernel(xp: Any, axis: Any, *sizes: Any) -> tuple[Any, ...]:
    at, offset, results = int(axis), 0, []
    here = np.arange(sizes[0].size) == at % sizes[0].size
    for one in sizes:
        results.append(xp.where(here, offset, 0).astype(one.dtype))
        offset = offset + one[at]
    return tuple(results)


register(
    "ConcatOffset",
    shape=lambda node: [x.shape for x in node.inputs[1:]],
    kernel=_concat_offset_kernel,
    gradient=None,
    static=(0,),
)


def _known_sizes(values: Sequence[Tensor]) -> list[Tensor]:
    """The shapes of tensors: constants when all are known, else one `ShapeN`."""
    sizes = []
    for value in values:
        one = shape(value)
        if one.op.type != "Const":
            return shape_n(values)
        sizes.append(one)
    return sizes


MANY_PARTS = 16  # TensorFlow splits the gradient of more inputs, and slices that of fewer


def _concat_parts(values: Sequence[Tensor], axis: Tensor, grad: Any) -> list[Any]:
    """The part of a concatenation's gradient that belongs to each input."""
    if len(values) == 1:
        return [grad]
    at = axis % rank(values[0])
    if isinstance(grad, IndexedSlices):
        return _concat_parts_of_rows(values, axis, at, grad)
    sizes = _known_sizes(values)
    if len(sizes) > MANY_PARTS:
        lengths = squeeze(emit("Slice", stack(sizes, axis=1), [at, 0], [1, -1]))
        return split(grad, lengths, at, num=len(sizes))
    begins = emit("ConcatOffset", at, sizes)
    return [emit("Slice", grad, begin, length) for begin, length in zip(begins, sizes, strict=True)]


def _concat_parts_of_rows(
    values: Sequence[Tensor], axis: Tensor, at: Tensor, grad: IndexedSlices
) -> list[Any]:
    static = _axis_value(axis)
    if static is None:
        raise ValueError("Can only compute IndexedSlices gradient with statically-known concat_dim")
    if static < 0:
        ndims = constant_value(rank(values[0]))
        if ndims is None:
            raise ValueError(
                "Can only compute IndexedSlices gradient with negative concat_dim when first value rank is "
                "statically-known."
            )
        static %= int(ndims)
    sizes = [shape(v) for v in values]
    return _inner_parts(sizes, at, grad) if static > 0 else _outer_parts(sizes, at, grad)


def _inner_parts(sizes: list[Tensor], at: Tensor, grad: IndexedSlices) -> list[Any]:
    """Joined along an inner dimension: every input gets all rows, cut."""
    length = shape(sizes[0])
    ahead = emit("Fill", expand_dims(at, 0), 0)
    mask = concat([ahead, [1], emit("Fill", length - at - 1, 0)], 0)
    begin, parts = emit("Fill", length, 0), []
    for one in sizes:
        end = concat([[-1], emit("Slice", one, [1], [-1])], 0)
        parts.append(IndexedSlices(emit("Slice", grad.values, begin, end), grad.indices, one))
        begin = emit("Add", begin, one * mask)
    return parts


def _outer_parts(sizes: list[Tensor], at: Tensor, grad: IndexedSlices) -> list[Any]:
    """Joined along the first dimension: every input gets the rows in its range."""
    indices, parts = grad.indices, []
    start = constant(0, indices.dtype)
    for one in sizes:
        count = emit("GatherV2", one, at, 0)
        if count.dtype != indices.dtype:
            count = emit("Cast", count, DstT=indices.dtype)
        end = start + count
        chosen = squeeze(emit("Where", emit("LogicalAnd", indices >= start, indices < end)), axis=[1])
        own = emit("GatherV2", indices, chosen, 0) - start
        parts.append(IndexedSlices(emit("GatherV2", grad.values, chosen, 0), own, one))
        start = end
    return parts


# Cutting


def _split_shape(node: Any) -> list[TensorShape]:
    sizes, axis = node.inputs[1].shape.ints, _axis_value(node.inputs[0])
    count = node.attrs["num_split"]
    if sizes is None or axis is None:
        return [unknown_shape(None if sizes is None else len(sizes))] * count
    at = positive_axis(axis, len(sizes))
    if sizes[at] is None:
        return [node.inputs[1].shape] * count
    if sizes[at] % count:
        raise ValueError(f"Dimension size must be evenly divisible by {count} but is {sizes[at]}")
    return [TensorShape.of((*sizes[:at], sizes[at] // count, *sizes[at + 1 :]))] * count


def _split_kernel(xp: Any, axis: Any, x: Any, *, num_split: int) -> tuple[Any, ...]:
    at = int(axis)
    if not -x.ndim <= at < x.ndim:
        fail(f"-input rank(-{x.ndim}) <= split_dim < input rank ({x.ndim}), but got {at}")
    if x.shape[at] % num_split:
        fail(
            f"Number of ways to split should evenly divide the split dimension, but got split_dim {at} "
            f"(size = {x.shape[at]}) and num_split {num_split}"
        )
    return tuple(xp.split(x, num_split, axis=at))


register(
    "Split",
    shape=_split_shape,
    kernel=_split_kernel,
    gradient=lambda op, *grads: [None, concat(list(grads), op.inputs[0])],
    static=(0,),
)


def _split_v_shape(node: Any) -> list[TensorShape]:
    sizes, axis = node.inputs[0].shape.ints, _axis_value(node.inputs[2])
    lengths, count = constant_value(node.inputs[1]), node.attrs["num_split"]
    if sizes is None or axis is None:
        return [unknown_shape(None if sizes is None else len(sizes))] * count
    at = positive_axis(axis, len(sizes))
    known: list[int | None] = [None] * count if lengths is None else [int(n) for n in lengths]
    if lengths is not None:
        known = _completed(known, sizes[at])
    return [TensorShape.of((*sizes[:at], n, *sizes[at + 1 :])) for n in known]


def _completed(lengths: list[Any], total: int | None) -> list[int | None]:
    """Lengths with the one that is -1 worked out from the total; ValueError if they do not add up."""
    fixed = sum(n for n in lengths if n != -1)
    if total is None:
        return [None if n == -1 else n for n in lengths]
    missing = lengths.count(-1)
    if missing > 1 or fixed > total or (not missing and fixed != total):
        raise ValueError(
            f"The sizes {lengths} of a split do not add up to {total}, the size of the dimension"
        )
    return [total - fixed if n == -1 else n for n in lengths]


def _split_v_kernel(xp: Any, x: Any, lengths: Any, axis: Any) -> tuple[Any, ...]:
    at = int(axis)
    if not -x.ndim <= at < x.ndim:
        fail(f"-input rank(-{x.ndim}) <= split_dim < input rank ({x.ndim}), but got {at}")
    sizes: list[Any] = _completed(lengths.tolist(), x.shape[at])
    return tuple(xp.split(x, np.cumsum(sizes)[:-1].tolist(), axis=at))


register(
    "SplitV",
    shape=_split_v_shape,
    kernel=_split_v_kernel,
    gradient=lambda op, *grads: [concat(list(grads), op.inputs[2]), None, None],
    static=(1, 2),
)


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """`value` cut along `axis`.

    Args:
        num_or_size_splits: the number of equal parts, or a vector of their sizes (one may be -1: the rest).
        num: the number of parts, when the length of the vector is not known.

    Raises:
        ValueError: the number of parts is not known, or the sizes do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.split([1, 2, 3, 4], [1, 3])))
    [array([1], dtype=int32), array([2, 3, 4], dtype=int32)]
    """
    lengths = convert_to_tensor(num_or_size_splits)
    if isinstance(num_or_size_splits, (int, np.integer, Dimension)):
        return emit("Split", axis, value, num_split=int(num_or_size_splits), name=name)  # type: ignore[no-any-return]
    if lengths.shape.ndims == 0:
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        num = lengths.shape.ints[0] if lengths.shape.ints else None
        if num is None:
            raise ValueError(f"Cannot infer num from shape {num_or_size_splits}")
    return emit("SplitV", value, lengths, axis, num_split=num, name=name)  # type: ignore[no-any-return]
