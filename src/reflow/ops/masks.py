"""Choices by condition: `where`, `boolean_mask`, and what is built on them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, broadcast_static_shape
from reflow.graph.checks import fail
from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import register, register_helper
from reflow.ops.array import broadcast_to, keep_dtype, ones, rank, shape, zeros, zeros_like
from reflow.ops.gather import gather
from reflow.ops.grids import all_axes, sequence_mask
from reflow.ops.joining import concat, stack
from reflow.ops.padding import tile
from reflow.ops.shaping import expand_dims, reshape, squeeze

# Where and Select


def _where_shape(node: Any) -> TensorShape:
    return TensorShape.of((None, node.inputs[0].shape.ndims))


def _where_host(ctx: Any, condition: Any) -> Any:
    if condition.ndim == 0:
        fail("WhereOp : Unhandled input dimensions: 0")
    return np.argwhere(condition).astype(np.int64)


register("Where", shape=_where_shape, host=_where_host, gradient=None)


def _select_shape(node: Any) -> TensorShape:
    condition, x, y = (t.shape for t in node.inputs)
    both = _merged_branches(x, y)
    if condition.ints is None or both.ints is None or condition.ints == ():
        return both
    if len(condition.ints) == 1 and len(both.ints) > 1:
        rows = TensorShape.of(both.ints[:1]).merge_with(condition)
        return rows.concatenate(both[1:])
    try:
        return both.merge_with(condition)
    except ValueError:
        raise ValueError(f"Shapes of condition {condition} and of the branches {both} do not fit") from None


def _merged_branches(x: TensorShape, y: TensorShape) -> TensorShape:
    if x.ints is not None and y.ints is not None and len(x.ints) == len(y.ints):
        for i, (a, b) in enumerate(zip(x.ints, y.ints, strict=True)):
            if None not in (a, b) and a != b:
                raise ValueError(f"Dimension {i} in both shapes must be equal, but are {a} and {b}")
    return x.merge_with(y)


def _select_kernel(xp: Any, condition: Any, x: Any, y: Any) -> Any:
    if x.shape != y.shape:
        fail(f"'then' and 'else' must have the same size.  but received: {list(x.shape)} vs. {list(y.shape)}")
    if condition.ndim and condition.shape != x.shape:
        if condition.ndim != 1 or x.ndim < 1 or condition.shape[0] != x.shape[0]:
            fail(
                f"The condition's shape {list(condition.shape)} does not fit that of 'then', {list(x.shape)}"
            )
        condition = condition.reshape((-1,) + (1,) * (x.ndim - 1))
    return keep_dtype(xp, xp.where(condition, x, y), x)


def _select_gradient(op: Any, grad: Any) -> list[Any]:
    condition, x, _ = op.inputs
    blank = zeros_like(x)
    return [None, emit("Select", condition, grad, blank), emit("Select", condition, blank, grad)]


register("Select", shape=_select_shape, kernel=_select_kernel, gradient=_select_gradient)


def _select_v2_shape(node: Any) -> TensorShape:
    whole = node.inputs[0].shape
    for t in node.inputs[1:]:
        whole = broadcast_static_shape(whole, t.shape)
    return whole  # type: ignore[no-any-return]


def _select_v2_gradient(op: Any, grad: Any) -> list[Any]:
    condition, x, y = op.inputs
    blank = zeros([], dtype=grad.dtype.base_dtype)
    dx = emit("SelectV2", condition, grad, blank)
    sx, whole = shape(x), shape(op.outputs[0])
    dx = _reduced_to(dx, sx, whole)
    dy = emit("SelectV2", condition, blank, grad)
    return [None, dx, _reduced_to(dy, shape(y), whole)]


def _reduced_to(grad: Tensor, own: Tensor, whole: Tensor) -> Tensor:
    """The gradient of the branch of shape `own`, summed where it was broadcast."""
    axes, _ = emit("BroadcastGradientArgs", own, whole)
    return emit("Reshape", emit("Sum", grad, axes, keep_dims=True), own)  # type: ignore[no-any-return]


register(
    "SelectV2",
    shape=_select_v2_shape,
    kernel=lambda xp, condition, x, y: keep_dtype(xp, xp.where(condition, x, y), x),
    gradient=_select_v2_gradient,
)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`x` where `condition` is true and `y` elsewhere; without them, the positions where it is true.

    Args:
        condition: booleans of the shape of `x`, or a vector that chooses among its rows, or a scalar.
        x, y: tensors of one type and shape. Both are computed.

    Returns:
        A tensor of the shape of `x`; without `x` and `y`, int64 positions of shape `[n, condition's rank]`.

    Raises:
        ValueError: only one of `x` and `y` is given, or the shapes do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.where([True, False], [1, 2], [10, 20])))
    ...     print(sess.run(tf.where([False, True])))
    [ 1 20]
    [[1]]
    """
    return _where(condition, x, y, name, "Select")


def where_v2(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """`where` whose three arguments broadcast against each other.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.where_v2([True, False], [1, 2], 0)))
    [1 0]
    """
    return _where(condition, x, y, name, "SelectV2")


def _where(condition: Any, x: Any, y: Any, name: str | None, op_type: str) -> Tensor:
    if (x is None) != (y is None):
        raise ValueError("x and y must both be non-None or both be None.")
    if x is not None:
        return emit(op_type, condition, x, y, name=name)  # type: ignore[no-any-return]
    with name_scope(name, "Where", [condition]) as scope:
        condition = convert_to_tensor(condition, name="condition", preferred_dtype=dtypes.bool)
        return emit("Where", condition, name=scope)  # type: ignore[no-any-return]


# Masks


@register_helper
def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: int | None = None) -> Tensor:
    """The elements (or slices) of `tensor` where `mask` is true, in order.

    Args:
        mask: booleans of known rank above 0, of the shape of the first dimensions of `tensor`.
        axis: where in `tensor` the mask's dimensions begin.

    Raises:
        ValueError: the rank of `mask` is 0 or unknown, or its shape does not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.boolean_mask([1, 2, 3], [True, False, True])))
    [1 3]
    """
    with name_scope(name, values=[tensor, mask]):
        tensor = convert_to_tensor(tensor, name="tensor")
        mask = convert_to_tensor(mask, name="mask")
        count, at = mask.shape.ndims, axis or 0
        if count == 0:
            raise ValueError("mask cannot be scalar.")
        if count is None:
            raise ValueError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  "
                "E.g. shape=[None] is ok, but shape=None is not."
            )
        static = tensor.shape
        static[at : at + count].assert_is_compatible_with(mask.shape)
        length = emit("Prod", shape(tensor)[at : at + count], [0])
        sizes = [shape(tensor)[:at], [length], shape(tensor)[at + count :]]
        flat = reshape(tensor, concat(sizes, 0))
        rows = [static[at : at + count].num_elements()]
        flat.set_shape(static[:at].concatenate(rows).concatenate(static[at + count :]))
        chosen = squeeze(where(reshape(mask, [-1])), axis=[1])
        return gather(flat, chosen, axis=at)


def boolean_mask_v2(tensor: Any, mask: Any, axis: int | None = None, name: str = "boolean_mask") -> Tensor:
    """`boolean_mask` with the argument order of TensorFlow 2."""
    return boolean_mask(tensor, mask, name, axis)


def sparse_mask(a: IndexedSlices, mask_indices: Any, name: str | None = None) -> IndexedSlices:
    """`IndexedSlices` without the rows whose numbers are in `mask_indices`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     rows = tf.IndexedSlices(tf.constant([1.0, 2.0]), tf.constant([3, 5]), tf.constant([9]))
    ...     print(sess.run(tf.sparse_mask(rows, [3]).indices))
    [5]
    """
    with name_scope(name, "sparse_mask", [a, mask_indices]) as scope:
        kept, positions = emit("ListDiff", a.indices, mask_indices)
        return IndexedSlices(gather(a.values, positions, name=scope), kept, a.dense_shape)


# Repetition of single elements


def repeat(input: Any, repeats: Any, axis: int | None = None, name: str | None = None) -> Tensor:
    """Each element of `input` (slice, when `axis` is given) repeated, each as often as `repeats` says.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.repeat([7, 8, 9], [1, 0, 2])))
    [7 9 9]
    """
    if axis is None:
        input, axis = reshape(input, [-1]), 0
    if not isinstance(axis, int):
        raise TypeError(f"axis must be an int; got {type(axis).__name__}")
    with name_scope(name, "Repeat", [input, repeats]):
        data = convert_to_tensor(input, name="data")
        counts = _integers(repeats, "repeats")
        counts.shape.with_rank_at_most(1)
        data = _at_least_a_vector(data)
        sizes = shape(data)
        axis = _axis_in(axis, data.shape.ndims)
        if counts.shape.ndims == 1 and data.shape.ints is not None:
            TensorShape.of((data.shape.ints[axis],)).assert_is_compatible_with(counts.shape)
        if counts.shape.ndims == 0:
            copies = _tiled(expand_dims(data, axis + 1), axis + 1, counts)
            return reshape(copies, _flattened(sizes, axis))
        return _repeated(data, counts, axis, sizes)


def _repeated(data: Tensor, counts: Tensor, axis: int, sizes: Tensor) -> Tensor:
    """Every slice as often as the largest count, and of those as many as its own count kept."""
    if counts.shape.ndims != axis + 1:
        own, own_rank = shape(counts), rank(counts)
        counts = broadcast_to(counts, concat([sizes[: axis + 1 - own_rank], own], axis=0))
        counts.set_shape([None] * (axis + 1))
    largest = emit("Maximum", 0, emit("Max", counts, all_axes(counts)))
    mask = sequence_mask(counts, largest)
    copies = _tiled(expand_dims(data, axis + 1), axis + 1, largest)
    result = boolean_mask(copies, mask)
    if axis != 0:
        result = reshape(result, _flattened(sizes, axis))
    if data.shape.ints is not None:
        length = 0 if counts.shape.ints and counts.shape.ints[0] == 0 else None
        result.set_shape(TensorShape.of((*data.shape.ints[:axis], length, *data.shape.ints[axis + 1 :])))
    return result


def _flattened(sizes: Tensor, axis: int) -> Tensor:
    return concat([sizes[:axis], [-1], sizes[axis + 1 :]], axis=0)


def _integers(value: Any, name: str) -> Tensor:
    tensor = convert_to_tensor(value, name=name, preferred_dtype=dtypes.int32)
    if not tensor.dtype.is_integer:
        raise TypeError(f"{name} must be an integer tensor; dtype={tensor.dtype!r}")
    return emit("Cast", tensor, DstT=dtypes.int32)  # type: ignore[no-any-return]


def _axis_in(axis: int, ndims: int | None) -> int:
    if ndims is None:
        if axis < 0:
            raise ValueError("axis may only be negative if ndims is statically known.")
        return axis
    if not -ndims <= axis < ndims:
        raise ValueError(f"axis={axis} out of bounds: expected {-ndims}<=axis<{ndims}")
    return axis % ndims


def _at_least_a_vector(data: Tensor) -> Tensor:
    if data.shape.ndims is None:
        sizes, count = shape(data), rank(data)
        return reshape(data, concat([[1], sizes], axis=0)[-count:])
    return stack([data]) if data.shape.ndims == 0 else data


def _tiled(data: Tensor, axis: int, times: Tensor) -> Tensor:
    """`data` repeated along one dimension."""
    if data.shape.ndims is None:
        one = ones(rank(data), dtypes.int32)
        return tile(data, concat([one[:axis], [times], one[axis + 1 :]], axis=0))
    multiples: list[Any] = [1] * data.shape.ndims
    multiples[axis] = times
    return tile(data, multiples)
