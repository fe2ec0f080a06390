"""Reductions: sums, means, extremes and the like over some axes of a tensor."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail, require
from reflow.graph.graph import constant, constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import register
from reflow.ops import blocks
from reflow.ops.broadcasting import kept_shape, known_tiling, tile_scaling
from reflow.ops.deprecation import renamed
from reflow.ops.elementwise import SMALL_FLOATS, conj_of, shown
from reflow.ops.windows import is_cpu

# Kernels


def _reducer(reduce: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel from `reduce(xp, x, axes, keepdims)`, which gets a tuple of different axes, none negative."""

    def kernel(xp: Any, x: Any, axes: Any, *, keep_dims: bool) -> Any:
        return reduce(xp, x, _checked_axes(x, axes), keep_dims)

    return kernel


def _checked_axes(x: Any, axes: Any) -> tuple[int, ...]:
    found = np.ravel(axes).tolist()
    for axis in found:
        if not -x.ndim <= axis < x.ndim:
            fail(f"Invalid reduction dimension ({axis} for input with {x.ndim} dimension(s)")
    return tuple(dict.fromkeys(axis % x.ndim for axis in found))


def _summing_type(x: Any) -> Any:
    return np.float32 if x.dtype.name in SMALL_FLOATS else x.dtype


MANY = 1 << 12  # elements


def _made_first(xp: Any, x: Any) -> Any:
    """`x`, which XLA computes before it sums, where it would be slow to compute it in the sum.

    On the CPU it lets a library (YNNPACK) make what is summed, row by row: of rows of one element, 50 times
    slower than its own loops. The library does not know the choice that is made here, and leaves it to XLA.
    """
    if xp is np or x.dtype != np.float32 or x.ndim < 2 or x.shape[-1] != 1 or x.size < MANY or not is_cpu(xp):
        return x
    return xp.where(x == x, x, xp.asarray(np.nan, x.dtype))


def _sum(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    x = _made_first(xp, x)
    return xp.sum(x, axis=axes, dtype=_summing_type(x), keepdims=keepdims).astype(x.dtype)


def _mean(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    count = int(np.prod([x.shape[a] for a in axes], dtype=np.int64))
    x = _made_first(xp, x)
    total = xp.sum(x, axis=axes, dtype=_summing_type(x), keepdims=keepdims)
    if x.dtype.kind in "iu":  # rounded toward zero; of nothing, 0
        divisor = np.array(max(count, 1), x.dtype)
        return ((total - xp.fmod(total, divisor)) // divisor).astype(x.dtype)
    return (total / np.array(count, total.dtype)).astype(x.dtype)


def _prod(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    return xp.prod(x, axis=axes, dtype=_summing_type(x), keepdims=keepdims).astype(x.dtype)


def lowest(dtype: Any) -> Any:
    """The start of a search for the greatest element: -inf, or the least number of an integer type."""
    return np.iinfo(dtype).min if dtype.kind in "iu" else np.array(-np.inf, dtype)


def highest(dtype: Any) -> Any:
    """The start of a search for the least element: inf, or the greatest number of an integer type."""
    return np.iinfo(dtype).max if dtype.kind in "iu" else np.array(np.inf, dtype)


def _without_nan(xp: Any, x: Any, instead: Any) -> Any:
    """TensorFlow's comparisons pass over NaN."""
    return x if x.dtype.kind in "iu" else xp.where(xp.isnan(x), instead, x)


def _max(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    start = lowest(x.dtype)
    return xp.max(_without_nan(xp, x, start), axis=axes, keepdims=keepdims, initial=start)


def _min(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    start = highest(x.dtype)
    return xp.min(_without_nan(xp, x, start), axis=axes, keepdims=keepdims, initial=start)


def _norm(xp: Any, x: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if all(
        x.shape[a] == 1 for a in axes
    ):  # TensorFlow copies where there is nothing to add up, signs and all
        return x if keepdims else xp.squeeze(x, axis=axes)
    squares = x * conj_of(xp, x)
    return xp.sqrt(xp.sum(squares, axis=axes, dtype=_summing_type(x), keepdims=keepdims)).astype(x.dtype)


# Gradients


def _sum_gradient(op: Any, grad: Any) -> Any:
    x, axes = op.inputs[0], constant_value(op.inputs[1])
    known = x.shape.ints
    if known is not None and axes is not None:
        if np.array_equal(axes, np.arange(len(known))):
            grad = emit("Reshape", grad, [1] * len(known))
            whole = None not in known
            return [
                emit("Tile", grad, constant(list(known), dtypes.int32) if whole else blocks.shape_of(x)),
                None,
            ]
        if None not in known:
            kept, scaling = known_tiling(known, tuple(np.ravel(axes).tolist()))
            return [emit("Tile", emit("Reshape", grad, kept), scaling), None]
    shape = blocks.shape_of(x)
    with x.graph.colocate_with(shape):
        kept = kept_shape(shape, op.inputs[1])
        scaling = tile_scaling(shape, kept)
    return [emit("Tile", emit("Reshape", grad, kept), scaling), None]


def _mean_gradient(op: Any, grad: Any) -> Any:
    spread = _sum_gradient(op, grad)[0]
    x, y = op.inputs[0], op.outputs[0]
    if x.shape.is_fully_defined() and y.shape.is_fully_defined():
        factor = x.shape.num_elements() // max(y.shape.num_elements(), 1)
        count = constant(factor, dtype=spread.dtype.base_dtype)
    else:
        shape, reduced = blocks.shape_of(x), blocks.shape_of(y)
        sizes = blocks.reduce("Prod", shape), blocks.reduce("Prod", reduced)
        count = blocks.cast(tile_scaling(*sizes), spread.dtype)
    return [spread / count, None]


def _extreme_gradient(op: Any, grad: Any) -> Any:
    x, axes = op.inputs
    kept = kept_shape(blocks.shape_of(x), axes)
    y = emit("Reshape", op.outputs[0], kept)
    grad = emit("Reshape", grad, kept)
    hits = blocks.cast(emit("Equal", y, x), grad.dtype)
    count = emit("Reshape", emit("Sum", hits, axes), kept)
    return [hits / count * grad, None]


def _prod_gradient(op: Any, grad: Any) -> Any:
    x = op.inputs[0]
    shape = blocks.shape_of(x)
    axes = emit("Reshape", op.inputs[1], [-1])
    kept = kept_shape(shape, op.inputs[1])
    scaling = tile_scaling(shape, kept)
    grad = emit("Tile", emit("Reshape", grad, kept), scaling)
    with x.graph.device("/cpu:0"):
        rank = blocks.rank_of(x)
        reduced = blocks.cast((axes + rank) % rank, dtypes.int32)
        other = emit("ListDiff", blocks.span(0, rank), reduced)[0]
        order = blocks.concat([reduced, other], 0)
        reduced_size = blocks.reduce("Prod", blocks.gather(shape, reduced))
        other_size = blocks.reduce("Prod", blocks.gather(shape, other))
    permuted = blocks.transpose(x, order)
    permuted_shape = blocks.shape_of(permuted)
    rows = emit("Reshape", permuted, (reduced_size, other_size))
    before = emit("Cumprod", rows, 0, exclusive=True)
    after = emit("Cumprod", rows, 0, exclusive=True, reverse=True)
    others = emit("Reshape", blocks.conj(before) * blocks.conj(after), permuted_shape)
    spread = grad * blocks.transpose(others, emit("InvertPermutation", order))
    return [emit("Reshape", spread, shape), None]


_RULES: dict[str, tuple[Callable[..., Any], Any]] = {
    "Sum": (_sum, _sum_gradient),
    "Mean": (_mean, _mean_gradient),
    "Prod": (_prod, _prod_gradient),
    "Max": (_max, _extreme_gradient),
    "Min": (_min, _extreme_gradient),
    "EuclideanNorm": (_norm, None),
    "All": (lambda xp, x, axes, keepdims: xp.all(x, axis=axes, keepdims=keepdims), None),
    "Any": (lambda xp, x, axes, keepdims: xp.any(x, axis=axes, keepdims=keepdims), None),
}
for _type, (_reduce, _rule) in _RULES.items():
    register(_type, shape=shapes.reduction, kernel=_reducer(_reduce), static=(1,), gradient=_rule)


# Public functions


def _reduction(op_type: str, x: Any, axis: Any, keepdims: Any, name: str | None) -> Any:
    """A node of a reduction over the given axes; None stands for all, and needs nodes of its own."""
    axes = _all_axes(x) if axis is None else axis
    result = emit(op_type, x, axes, keep_dims=bool(keepdims), name=name)
    return _known_scalar(result, axis, keepdims)


def _all_axes(x: Any) -> Any:
    """The numbers of all axes of `x`: a constant for a tensor of known rank, else some nodes."""
    if isinstance(x, Tensor) and x.shape.ndims is not None:
        return constant(np.arange(x.shape.ndims), dtype=dtypes.int32)
    with name_scope(None, "Rank", [x]) as scope:
        tensor = convert_to_tensor(x)
        known = tensor.shape.ndims
        rank = (
            emit("Rank", tensor, name=scope) if known is None else constant(known, dtypes.int32, name=scope)
        )
    return blocks.span(0, rank)


def _known_scalar(result: Any, axis: Any, keepdims: Any) -> Any:
    if axis is None and not keepdims and not result.shape.is_fully_defined():
        result.set_shape(())
    return result


def _v1(op_type: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator of a reduction with TF 1's arguments, the deprecated names among them."""

    def decorate(template: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(template)
        def reduce(
            input_tensor: Any,
            axis: Any = None,
            keepdims: Any = None,
            name: str | None = None,
            reduction_indices: Any = None,
            keep_dims: Any = None,
        ) -> Any:
            axis = renamed("axis", axis, "reduction_indices", reduction_indices)
            return _reduction(
                op_type, input_tensor, axis, renamed("keepdims", keepdims, "keep_dims", keep_dims), name
            )

        return reduce

    return decorate


@_v1("Sum")
def reduce_sum(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """The sum of the elements of `input_tensor` over the given axes.

    Args:
        axis: an axis, several, or an integer tensor of them, negative ones from the last; None for all.
        keepdims: keep the axes, with size 1.
        reduction_indices, keep_dims: older names of `axis` and `keepdims`.

    ValueError when there is no such axis.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_sum([[1.0, 2.0], [3.0, 4.0]], axis=0))
    array([4., 6.], dtype=float32)
    """


@_v1("Mean")
def reduce_mean(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """The mean of the elements of `input_tensor` over the given axes; of integers rounded toward zero.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_mean([[1.0, 2.0], [3.0, 4.0]], axis=0))
    array([2., 3.], dtype=float32)
    """


@_v1("Prod")
def reduce_prod(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """The product of the elements of `input_tensor` over the given axes.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_prod([[1.0, 2.0], [3.0, 4.0]], axis=0))
    array([3., 8.], dtype=float32)
    """


@_v1("Max")
def reduce_max(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """The greatest of the elements of `input_tensor` over the given axes; NaN is passed over.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_max([[1.0, 2.0], [3.0, 4.0]], axis=1))
    array([2., 4.], dtype=float32)
    """


@_v1("Min")
def reduce_min(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """The least of the elements of `input_tensor` over the given axes; NaN is passed over.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_min([[1.0, 2.0], [3.0, 4.0]], axis=1))
    array([1., 3.], dtype=float32)
    """


@_v1("All")
def reduce_all(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """Whether all elements of the boolean `input_tensor` are true, over the given axes.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_all([[True, False], [True, True]], axis=1))
    array([False,  True])
    """


@_v1("Any")
def reduce_any(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """Whether some element of the boolean `input_tensor` is true, over the given axes.

    The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_any([[True, False], [False, False]], axis=1))
    array([ True, False])
    """


def reduce_euclidean_norm(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """The root of the sum of squares of the elements over the given axes (see `reduce_sum`).

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.reduce_euclidean_norm([3.0, 4.0]))
    np.float32(5.0)
    """
    return _reduction("EuclideanNorm", input_tensor, axis, keepdims, name)


def reduce_logsumexp(
    input_tensor: Any,
    axis: Any = None,
    keepdims: Any = None,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
) -> Any:
    """`log(sum(exp(x)))` over the given axes, without overflow. The arguments are those of `reduce_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reduce_logsumexp([1000.0, 1000.0])).round(2)
    np.float32(1000.69)
    """
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    x = convert_to_tensor(input_tensor)
    with name_scope(name, "ReduceLogSumExp", [x]):
        raw = _reduction("Max", x, axis, True, None)
        finite = emit("IsFinite", raw)
        top = emit("StopGradient", emit("Select", finite, raw, blocks.zeros_like(raw)))
        total = _reduction("Sum", emit("Exp", emit("Sub", x, top)), axis, keep, None)
        result = emit("Log", total)
        if not keep:
            top = emit("Reshape", top, blocks.shape_of(result))
        return _known_scalar(emit("Add", result, top), axis, keep)


def reduce_variance(
    input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None
) -> Any:
    """The mean of squared distances from the mean, over the given axes (see `reduce_sum`).

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.reduce_variance([1.0, 3.0]))
    np.float32(1.0)
    """
    with name_scope(name or "reduce_variance"):
        means = _reduction("Mean", input_tensor, axis, True, None)
        squares = emit("Square", input_tensor - means)
        return _reduction("Mean", squares, axis, keepdims, None)


def reduce_std(input_tensor: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """The standard deviation over the given axes (see `reduce_sum`): the root of `reduce_variance`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.reduce_std([1.0, 3.0]))
    np.float32(1.0)
    """
    with name_scope(name or "reduce_std"):
        return emit("Sqrt", reduce_variance(input_tensor, axis=axis, keepdims=keepdims))


def count_nonzero(
    input_tensor: Any = None,
    axis: Any = None,
    keepdims: Any = None,
    dtype: Any = dtypes.int64,
    name: str | None = None,
    reduction_indices: Any = None,
    keep_dims: Any = None,
    input: Any = None,
) -> Any:
    """The number of elements that are not zero, over the given axes (see `reduce_sum`).

    Args:
        dtype: the type of the result.
        input: a newer name of `input_tensor`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.count_nonzero([[0.0, 1.0], [2.0, 3.0]], axis=1))
    array([1, 2])
    """
    keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    value = renamed("input", input, "input_tensor", input_tensor)
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    with name_scope(name, "count_nonzero", [value]):
        x = convert_to_tensor(value, name="input")
        zero = blocks.zeros([], x.dtype.base_dtype)
        hits = blocks.cast(emit("NotEqual", x, zero), dtypes.int64)
        return blocks.cast(_reduction("Sum", hits, axis, keep, None), dtype)


# Places of extremes


def _place_shape(node: Any) -> TensorShape:
    ints, known = node.inputs[0].shape.ints, constant_value(node.inputs[1])
    if ints is None:
        return shapes.UNKNOWN
    if len(ints) <= 1:
        return shapes.SCALAR
    if known is None:
        return TensorShape.of((None,) * (len(ints) - 1))
    axis = int(known)
    if not -len(ints) <= axis < len(ints):
        raise ValueError(
            f"Dimension ({axis}) must be in the range [{-len(ints)}, {len(ints)}), where {len(ints)} is the "
            "number of dimensions in the input."
        )
    axis %= len(ints)
    return TensorShape.of(ints[:axis] + ints[axis + 1 :])


def _place_kernel(name: str, instead: Callable[[Any], Any]) -> Callable[..., Any]:
    def kernel(xp: Any, x: Any, axis: Any, *, output_type: Any) -> Any:
        axis = int(axis)
        require(
            xp,
            -x.ndim <= axis < x.ndim,
            f"Expected dimension in the range [{-x.ndim}, {x.ndim}), but got {axis}",
        )
        require(xp, x.shape[axis] > 0, f"Reduction axis {axis} is empty in shape {shown(x.shape)}")
        found = getattr(xp, name)(_without_nan(xp, x, instead(x.dtype)), axis=axis)
        return found.astype(output_type.as_numpy_dtype)

    return kernel


def _no_place_gradient(op: Any, grad: Any) -> Any:
    return [None, None]


register(
    "ArgMax",
    shape=_place_shape,
    kernel=_place_kernel("argmax", lowest),
    static=(1,),
    gradient=_no_place_gradient,
)
register(
    "ArgMin",
    shape=_place_shape,
    kernel=_place_kernel("argmin", highest),
    static=(1,),
    gradient=_no_place_gradient,
)


def argmax(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Any:
    """Where along an axis the greatest element is (the first of several).

    Args:
        axis: the axis; 0 when not given. `dimension` is its older name.
        output_type: int32 or int64.

    >>> import reflow as tf
    >>> tf.Session().run(tf.argmax([[1.0, 5.0, 2.0], [7.0, 0.0, 7.0]], axis=1))
    array([1, 0])
    """
    axis = renamed("axis", axis, "dimension", dimension)
    return emit("ArgMax", input, 0 if axis is None else axis, output_type=output_type, name=name)


def argmin(
    input: Any,
    axis: Any = None,
    name: str | None = None,
    dimension: Any = None,
    output_type: Any = dtypes.int64,
) -> Any:
    """Where along an axis the least element is (the first of several); the arguments are those of `argmax`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.argmin([[1.0, 5.0, 2.0], [7.0, 0.0, 0.0]], axis=1))
    array([0, 1])
    """
    axis = renamed("axis", axis, "dimension", dimension)
    return emit("ArgMin", input, 0 if axis is None else axis, output_type=output_type, name=name)


def arg_max(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """`argmax`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.arg_max([1.0, 5.0, 2.0], 0))
    np.int64(1)
    """
    return emit("ArgMax", input, dimension, output_type=output_type, name=name)


def arg_min(input: Any, dimension: Any, output_type: Any = dtypes.int64, name: str | None = None) -> Any:
    """`argmin`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.arg_min([1.0, 5.0, 2.0], 0))
    np.int64(0)
    """
    return emit("ArgMin", input, dimension, output_type=output_type, name=name)
