"""Slices: `tf.slice` and the strided slices that `tensor[...]` makes."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail
from reflow.graph.constant import constant_value, constant_value_as_shape, index_of_slice
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import keep_dtype, ones_like, rank, shape
from reflow.ops.joining import concat, stack
from reflow.ops.padding import pad
from reflow.ops.shaping import reshape

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


# Plain slices


def _slice_shape(node: Any) -> TensorShape:
    sizes = node.inputs[0].shape.ints
    begin, length = constant_value(node.inputs[1]), constant_value(node.inputs[2])
    if length is None:
        return _partly_known(node, sizes)
    sizes = (None,) * length.size if sizes is None else sizes
    if length.size != len(sizes):
        raise ValueError(f"Shape must be rank {length.size} but is rank {len(sizes)}")
    starts = [None] * len(sizes) if begin is None else begin.tolist()
    return TensorShape.of(tuple(map(_slice_size, sizes, starts, length.tolist())))


def _partly_known(node: Any, sizes: tuple[int | None, ...] | None) -> TensorShape:
    """The shape of a slice of which some sizes, or only how many there are, is known."""
    known = constant_value_as_shape(node.inputs[2])
    starts = node.inputs[1].shape.ints
    ndims = (starts[0] if starts else None) if sizes is None else len(sizes)
    return known if known.ints is not None else unknown_shape(ndims)


def _slice_size(size: int | None, begin: int | None, length: int) -> int | None:
    if length != -1:
        return length
    if size is None or begin is None:
        return None
    if begin > size:
        raise ValueError(f"Negative dimension size caused by subtracting {begin} from {size}")
    return size - begin


def _slice_kernel(xp: Any, x: Any, begin: Any, length: Any) -> Any:
    if begin.size != x.ndim or length.size != x.ndim:
        fail(
            f"Expected begin and size arguments to be 1-D tensors of size {x.ndim}, "
            f"but got {begin.shape} and {length.shape}"
        )
    index = []
    for i, (b, n) in enumerate(zip(begin.tolist(), length.tolist(), strict=True)):
        n = x.shape[i] - b if n == -1 else n
        if not 0 <= b <= x.shape[i]:
            fail(f"Expected begin[{i}] in [0, {x.shape[i]}], but got {b}")
        if not 0 <= n <= x.shape[i] - b:
            fail(f"Expected size[{i}] in [0, {x.shape[i] - b}], but got {n}")
        index.append(slice_of(b, b + n))
    return x[tuple(index)]


def _slice_gradient(op: Any, grad: Any) -> list[Any]:
    x, begin, _ = op.inputs
    count, length = rank(x), shape(op.outputs[0])
    column = stack([count, 1])
    before = reshape(begin, column)
    after = reshape(shape(x) - length - begin, column)
    return [pad(grad, concat([before, after], 1)), None, None]


slice_of = slice  # the name is an op's below


@op("Slice", shape=_slice_shape, kernel=_slice_kernel, gradient=_slice_gradient, static=(1, 2))
def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """The block of `size` that starts at `begin`; a size of -1 takes all that is left of a dimension.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.slice([[1, 2, 3], [4, 5, 6]], [1, 0], [1, -1])))
    [[4 5 6]]
    """
    return emit("Slice", input_, begin, size, name=name)  # type: ignore[no-any-return]


# Strided slices


def _slice_bits(attrs: dict[str, Any], count: int) -> list[str]:
    """What each position of a strided slice is: "ellipsis", "new", "index" or "range"."""
    kinds, seen = [], False
    for i in range(count):
        bit = 1 << i
        if attrs["ellipsis_mask"] & bit:
            if seen:
                raise ValueError("Multiple ellipses in slice spec not allowed")
            seen = True
            kinds.append("ellipsis")
        elif attrs["new_axis_mask"] & bit:
            kinds.append("new")
        else:
            kinds.append("index" if attrs["shrink_axis_mask"] & bit else "range")
    return kinds


def _strided_shape(node: Any) -> TensorShape:
    count = next((x.shape.ints[0] for x in node.inputs[1:4] if x.shape.ints), None)
    sizes = node.inputs[0].shape.ints
    if count is None or sizes is None:
        return unknown_shape()
    strides = constant_value(node.inputs[3])
    if strides is None:
        return unknown_shape()
    known = [constant_value(x) for x in node.inputs[1:3]]
    bounds = [[None] * count if b is None else b.tolist() for b in known] + [strides.tolist()]
    kinds = _slice_bits(node.attrs, count)
    taken = sum(k in ("index", "range") for k in kinds)
    if taken > len(sizes):
        raise ValueError(f"Index out of range using input dim {len(sizes)}; input has only {len(sizes)} dims")
    result: list[int | None] = []
    at = 0
    for i, kind in enumerate(kinds):
        if kind == "new":
            result.append(1)
        elif kind == "ellipsis":
            result.extend(sizes[at : at + len(sizes) - taken])
            at += len(sizes) - taken
        else:
            result.extend(_strided_size(sizes[at], at, kind, [b[i] for b in bounds], node.attrs, i))
            at += 1
    return TensorShape.of((*result, *sizes[at:]))


def _strided_size(
    size: int | None, axis: int, kind: str, bounds: list[Any], attrs: dict[str, Any], i: int
) -> list[int | None]:
    """The size of one dimension of a strided slice, as a list that is empty when the dimension goes."""
    begin, end, stride = bounds
    if stride == 0:
        raise ValueError(f"strides[{i}] must be non-zero")
    if kind == "index":
        if stride <= 0:
            raise ValueError("only stride 1 allowed on non-range indexing.")
        if size is not None and begin is not None and not -size <= begin < size:
            raise ValueError(f"slice index {begin} of dimension {axis} out of bounds.")
        return []
    open_begin, open_end = bool(attrs["begin_mask"] >> i & 1), bool(attrs["end_mask"] >> i & 1)
    whole = open_begin and open_end
    if size is None or ((begin is None or end is None) and not whole):
        return [None]
    taken = slice_of(None if open_begin else begin, None if open_end else end, stride)
    return [len(range(*taken.indices(size)))]


def _check_strided(x: Any, begin: Any, strides: Any, attrs: dict[str, Any]) -> None:
    kinds = _slice_bits(attrs, begin.size)
    if (strides == 0).any():
        fail(f"strides[{int(np.flatnonzero(strides == 0)[0])}] must be non-zero")
    taken = sum(k in ("index", "range") for k in kinds)
    if taken > x.ndim:
        fail(f"Index out of range using input dim {x.ndim}; input has only {x.ndim} dims")
    axis = 0
    for i, kind in enumerate(kinds):
        if kind == "index":
            if strides[i] < 0:
                fail("only stride 1 allowed on non-range indexing.")
            if not -x.shape[axis] <= begin[i] < x.shape[axis]:
                fail(f"slice index {begin[i]} of dimension {axis} out of bounds.")
        axis += {"ellipsis": x.ndim - taken, "new": 0}.get(kind, 1)


def _strided_kernel(
    xp: Any,
    x: Any,
    begin: Any,
    end: Any,
    strides: Any,
    *,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
) -> Any:
    attrs = dict(
        zip(MASKS, (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask), strict=True)
    )
    _check_strided(x, begin, strides, attrs)
    return keep_dtype(xp, x[index_of_slice(begin, end, strides, attrs)], x)


def _strided_grad_kernel(
    xp: Any,
    sizes: Any,
    begin: Any,
    end: Any,
    strides: Any,
    dy: Any,
    *,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
) -> Any:
    attrs = dict(
        zip(MASKS, (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask), strict=True)
    )
    whole = np.zeros(sizes.tolist(), np.bool_)
    _check_strided(whole, begin, strides, attrs)
    return _placed(xp, tuple(sizes.tolist()), index_of_slice(begin, end, strides, attrs), dy)


def _placed(xp: Any, sizes: tuple[int, ...], index: tuple[Any, ...], values: Any) -> Any:
    """`values` at `index` of an array that is zero elsewhere."""
    result = xp.zeros(sizes, values.dtype)
    if xp is not np:
        return result.at[index].set(values)
    result[index] = values
    return result


def _masks(op: Any) -> dict[str, Any]:
    return {name: op.attrs[name] for name in MASKS}


def _strided_gradient(op: Any, grad: Any) -> list[Any]:
    x, *bounds = op.inputs
    sizes = shape(x, out_type=bounds[0].dtype)
    return [emit("StridedSliceGrad", sizes, *bounds, grad, **_masks(op)), None, None, None]


def _strided_grad_gradient(op: Any, grad: Any) -> list[Any]:
    return [None, None, None, None, strided_slice(grad, *op.inputs[1:4], **_masks(op))]


register(
    "StridedSliceGrad",
    shape=lambda node: constant_value_as_shape(node.inputs[0]),
    kernel=_strided_grad_kernel,
    gradient=_strided_grad_gradient,
    static=(0, 1, 2, 3),
)


def _strided_update_kernel(
    xp: Any,
    x: Any,
    begin: Any,
    end: Any,
    strides: Any,
    value: Any,
    *,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
) -> Any:
    attrs = dict(
        zip(MASKS, (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask), strict=True)
    )
    _check_strided(x, begin, strides, attrs)
    index = index_of_slice(begin, end, strides, attrs)
    if xp is not np:
        return xp.asarray(x).at[index].set(value)
    result = x.copy()
    result[index] = value
    return result


register(
    "TensorStridedSliceUpdate",
    shape=lambda node: node.inputs[0].shape,
    kernel=_strided_update_kernel,
    static=(1, 2, 3),
)


@op(
    "StridedSlice", shape=_strided_shape, kernel=_strided_kernel, gradient=_strided_gradient, static=(1, 2, 3)
)
def strided_slice(
    input_: Any,
    begin: Any,
    end: Any,
    strides: Any = None,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
    var: Any = None,
    name: str | None = None,
) -> Tensor:
    """`input_[begin[0]:end[0]:strides[0], ...]`: what `tensor[...]` stands for.

    Args:
        begin, end, strides: integer vectors of one length, an element for each item of the index.
        begin_mask, end_mask: bit i: item i has no begin (end).
        ellipsis_mask, new_axis_mask: bit i: item i is `...` (`tf.newaxis`).
        shrink_axis_mask: bit i: item i is the index `begin[i]`, whose dimension goes.
        var: the variable that `input_` is the value of, for assignments to the slice.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strided_slice([1, 2, 3, 4], [0], [4], [2])))
    [1 3]
    """
    if strides is None:
        strides = ones_like(begin)
    masks = dict(
        zip(MASKS, (begin_mask, end_mask, ellipsis_mask, new_axis_mask, shrink_axis_mask), strict=True)
    )
    result: Tensor = emit("StridedSlice", input_, begin, end, strides, name=name, **masks)

    def assign(val: Any, name: str | None = None) -> Any:
        """Assign `val` to the slice of the variable that was sliced."""
        if var is None:
            raise ValueError("Sliced assignment is only supported for variables")
        own = f"{result.op.name}_assign" if name is None else name
        return var._strided_slice_assign(begin=begin, end=end, strides=strides, value=val, name=own, **masks)

    result.assign = assign  # type: ignore[attr-defined]
    return result
