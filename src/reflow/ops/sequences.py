"""Sequences of numbers, running sums and products, and counts of values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail, require
from reflow.graph.graph import constant, constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.arithmetic import truediv
from reflow.ops.elementwise import all_true

# Evenly spaced numbers


def _count(start: Any, limit: Any, delta: Any) -> int:
    """How many numbers there are from `start` up to, but without, `limit`. ValueError if there is no end."""
    if delta == 0:
        raise ValueError(f"Requires delta != 0: {delta}")
    if delta > 0 and start > limit:
        raise ValueError(f"Requires start <= limit when delta > 0: {start}/{limit}")
    if delta < 0 and start < limit:
        raise ValueError(f"Requires start >= limit when delta < 0: {start}/{limit}")
    if isinstance(start, int):
        return -int((start - limit) // delta)
    return math.ceil(math.fabs((limit - start) / delta))


def _range_shape(node: Any) -> TensorShape:
    known = [constant_value(t) for t in node.inputs]
    if any(k is None for k in known):
        return shapes.vector(node)
    return TensorShape.of((_count(*(k.item() for k in known)),))  # type: ignore[union-attr]


def _range_kernel(xp: Any, start: Any, limit: Any, delta: Any) -> Any:
    try:
        size = _count(start.item(), limit.item(), delta.item())
    except ValueError as error:
        fail(str(error))
    steps = np.full(size, delta, start.dtype)  # added up one by one, as TensorFlow does, and not multiplied
    steps[:1] = start
    return np.add.accumulate(steps, dtype=start.dtype)


register("Range", shape=_range_shape, kernel=_range_kernel, static=(0, 1, 2), gradient=None)
RANGE_TYPES = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)


def range(
    start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = "range"
) -> Any:
    """The numbers `start`, `start + delta` ... below `limit` (above it if `delta` is negative), a vector.

    Args:
        start: the first number; if `limit` is not given this is the limit, and the first number is 0.
        dtype: the type; if not given the widest of those of the arguments.

    >>> import reflow as tf
    >>> tf.Session().run([tf.range(3), tf.range(10, 1, -4)])
    [array([0, 1, 2], dtype=int32), array([10,  6,  2], dtype=int32)]
    """
    if limit is None:
        start, limit = 0, start
    with name_scope(name, "Range", [start, limit, delta]) as scope:
        named = {"start": start, "limit": limit, "delta": delta}
        parts = [convert_to_tensor(value, dtype=dtype, name=key) for key, value in named.items()]
        if dtype is None:
            widest = max(RANGE_TYPES.index(p.dtype.base_dtype) for p in parts)
            parts = [blocks.cast(p, RANGE_TYPES[widest]) for p in parts]
        return emit("Range", *parts, name=scope)


def _linspace_shape(node: Any) -> TensorShape:
    count = constant_value(node.inputs[2])
    if count is not None and count <= 0:
        raise ValueError(f"Requires num > 0: {count}")
    return TensorShape.of((None if count is None else int(count),))


def _linspace_kernel(xp: Any, start: Any, stop: Any, num: Any) -> Any:
    count = int(num)
    require(xp, count > 0, f"Requires num > 0: {count}")
    if count == 1:
        return xp.reshape(start, (1,))
    step = (stop - start) / np.array(count - 1, start.dtype)
    values = start + step * np.arange(count).astype(start.dtype)
    return xp.concatenate([values[:-1], xp.reshape(stop, (1,))])


@op("LinSpace", shape=_linspace_shape, kernel=_linspace_kernel, static=(2,), gradient=None)
def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Any:
    """`num` evenly spaced numbers from `start` to `stop`, both included.

    >>> import reflow as tf
    >>> tf.Session().run(tf.linspace(0.0, 1.0, 5))
    array([0.  , 0.25, 0.5 , 0.75, 1.  ], dtype=float32)
    """
    return emit("LinSpace", start, stop, num, name=name)


# Running sums and products


def _cumulative(accumulate: Any, first: Any) -> Any:
    """A kernel from `accumulate(xp, x, axis)` and `first(dtype)`, the result for no element."""

    def kernel(xp: Any, x: Any, axis: Any, *, exclusive: bool, reverse: bool) -> Any:
        axis = int(axis)
        if not -x.ndim <= axis < x.ndim:
            fail(f"ScanOp: Expected scan axis in the range [{-x.ndim}, {x.ndim}), but got {axis}")
        axis %= x.ndim
        if reverse:
            x = xp.flip(x, axis)
        result = accumulate(xp, x, axis)
        if exclusive and x.shape[axis]:
            index = (slice(None),) * axis
            start = xp.full_like(result[(*index, slice(0, 1))], first(x.dtype))
            result = xp.concatenate([start, result[(*index, slice(0, -1))]], axis)
        return (xp.flip(result, axis) if reverse else result).astype(x.dtype)

    return kernel


def _cumsum_gradient(op: Any, grad: Any) -> Any:
    back = {"exclusive": op.attrs["exclusive"], "reverse": not op.attrs["reverse"]}
    return [emit("Cumsum", grad, op.inputs[1], **back), None]


@op(
    "Cumsum",
    shape=shapes.unchanged,
    kernel=_cumulative(lambda xp, x, axis: xp.cumsum(x, axis=axis, dtype=x.dtype), lambda dtype: 0),
    static=(1,),
    gradient=_cumsum_gradient,
)
def cumsum(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running sums along an axis.

    Args:
        exclusive: leave each element itself out of its sum.
        reverse: sum from the end.

    >>> import reflow as tf
    >>> tf.Session().run([tf.cumsum([1, 2, 3]), tf.cumsum([1, 2, 3], exclusive=True)])
    [array([1, 3, 6], dtype=int32), array([0, 1, 3], dtype=int32)]
    """
    return _scan("Cumsum", x, axis, exclusive, reverse, name)


def _scan(op_type: str, x: Any, axis: Any, exclusive: bool, reverse: bool, name: str | None) -> Any:
    with name_scope(name, op_type, [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return emit(op_type, x, axis, exclusive=exclusive, reverse=reverse, name=scope)


def _cumprod_gradient(op: Any, grad: Any) -> Any:
    x, axis = op.inputs
    exclusive, reverse = op.attrs["exclusive"], op.attrs["reverse"]
    product = emit("Cumprod", x, axis, exclusive=exclusive, reverse=reverse)
    total = emit("Cumsum", product * grad, axis, exclusive=exclusive, reverse=not reverse)
    return [total / x, None]


@op(
    "Cumprod",
    shape=shapes.unchanged,
    kernel=_cumulative(lambda xp, x, axis: xp.cumprod(x, axis=axis, dtype=x.dtype), lambda dtype: 1),
    static=(1,),
    gradient=_cumprod_gradient,
)
def cumprod(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running products along an axis; the arguments are those of `cumsum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.cumprod([1, 2, 3]))
    array([1, 2, 6], dtype=int32)
    """
    return _scan("Cumprod", x, axis, exclusive, reverse, name)


def _lowest(dtype: Any) -> Any:
    return dtypes.as_dtype(dtype).min


def _accumulate_logsumexp(xp: Any, x: Any, axis: int) -> Any:
    total: Any
    if xp is np:
        total = np.logaddexp.accumulate(x, axis)
    else:
        import jax

        total = jax.lax.cumlogsumexp(x, axis)
    least = np.array(_lowest(x.dtype), x.dtype)
    return xp.maximum(total, least)  # the sum of nothing is 0, and its logarithm the lowest number


def _cumulative_logsumexp_gradient(op: Any, grad: Any) -> Any:
    x, axis, total = op.inputs[0], op.inputs[1], op.outputs[0]
    back = {"exclusive": op.attrs["exclusive"], "reverse": not op.attrs["reverse"]}
    least = grad.dtype.base_dtype.min

    def part(of_sign: Any, magnitude: Any) -> Any:
        return emit("SelectV2", of_sign, emit("Log", magnitude()), least)

    positive = part(emit("Greater", grad, 0), lambda: grad)
    negative = part(emit("Less", grad, 0), lambda: -grad)
    sums = [
        emit("Exp", _scan("CumulativeLogsumexp", p - total, axis, **back, name=None) + x)
        for p in (positive, negative)
    ]
    return [sums[0] - sums[1], None]


@op(
    "CumulativeLogsumexp",
    shape=shapes.unchanged,
    kernel=_cumulative(_accumulate_logsumexp, _lowest),
    static=(1,),
    gradient=_cumulative_logsumexp_gradient,
)
def cumulative_logsumexp(
    x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None
) -> Any:
    """Running `log(sum(exp(x)))` along an axis, without overflow; the arguments are those of `cumsum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.cumulative_logsumexp([1000.0, 1000.0])).round(2)
    array([1000.  , 1000.69], dtype=float32)
    """
    return _scan("CumulativeLogsumexp", x, axis, exclusive, reverse, name)


# Counts of values


def _bincount_shape(node: Any) -> TensorShape:
    size = constant_value(node.inputs[1])
    return TensorShape.of((None if size is None else int(size),))


def _bincount_kernel(xp: Any, values: Any, size: Any, weights: Any) -> Any:
    count = int(size)
    require(xp, count >= 0, f"size ({count}) must be non-negative")
    require(xp, all_true(xp, values >= 0), "Input arr must be non-negative!")
    values = xp.ravel(values)
    amounts = xp.ones(values.shape, weights.dtype) if weights.size == 0 else xp.ravel(weights)
    if xp is not np:
        return xp.zeros(count, weights.dtype).at[values].add(amounts, mode="drop")
    result = np.zeros(count, weights.dtype)
    np.add.at(result, values[values < count], amounts[values < count])
    return result


register("Bincount", shape=_bincount_shape, kernel=_bincount_kernel, static=(1,), gradient=None)


def bincount(
    arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = dtypes.int32
) -> Any:
    """How often each of the numbers 0, 1 ... up to the greatest is in the integer tensor `arr`.

    Args:
        weights: of the shape of `arr`; then each number's weights are added up, not counted.
        minlength: have at least this many counts.
        maxlength: have at most this many counts, larger numbers being passed over.
        dtype: the type of the counts.

    InvalidArgumentError in a run with a negative number.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bincount([1, 1, 3]))
    array([0, 2, 0, 1], dtype=int32)
    """
    with name_scope("bincount"):
        arr = convert_to_tensor(arr, name="arr", dtype=dtypes.int32)
        nonempty = blocks.reduce("Prod", blocks.shape_of(arr)) > 0
        size = blocks.cast(nonempty, dtypes.int32) * (blocks.reduce("Max", arr) + 1)
        if minlength is not None:
            size = emit("Maximum", convert_to_tensor(minlength, name="minlength", dtype=dtypes.int32), size)
        if maxlength is not None:
            size = emit("Minimum", convert_to_tensor(maxlength, name="maxlength", dtype=dtypes.int32), size)
        if weights is not None:
            weights = convert_to_tensor(weights, name="weights")
            return emit("UnsortedSegmentSum", weights, arr, size)
        return emit("Bincount", arr, size, constant([], dtype))


def _histogram_shape(node: Any) -> TensorShape:
    node.inputs[1].shape.assert_is_compatible_with((2,))
    nbins = constant_value(node.inputs[2])
    if nbins is not None and nbins <= 0:
        raise ValueError(f"Requires nbins > 0: {nbins}")
    return TensorShape.of((None if nbins is None else int(nbins),))


def _histogram_kernel(xp: Any, values: Any, value_range: Any, nbins: Any, *, dtype: Any) -> Any:
    count = int(nbins)
    require(xp, count > 0, f"nbins should be a positive number, but got '{count}'")
    low, high = value_range[0], value_range[1]
    message = "value_range should satisfy value_range[0] < value_range[1], but got '[{}, {}]'"
    require(xp, all_true(xp, low < high), message, low, high)
    step = (high - low).astype(np.float64) / count
    distance = (xp.maximum(xp.ravel(values), low) - low).astype(np.float64)
    bins = xp.clip(distance / step, 0, count - 1).astype(np.int32)
    counts = xp.bincount(bins, minlength=count) if xp is np else xp.bincount(bins, length=count)
    return counts.astype(dtype.as_numpy_dtype)


register("HistogramFixedWidth", shape=_histogram_shape, kernel=_histogram_kernel, static=(2,), gradient=None)


def histogram_fixed_width(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Any:
    """How many values fall into each of `nbins` equal parts of a range; the end parts take what is beyond.

    Args:
        value_range: the two ends of the range, of the type of `values`.
        dtype: the type of the counts, int32 or int64.

    >>> import reflow as tf
    >>> tf.Session().run(tf.histogram_fixed_width([-1.0, 0.5, 1.5, 9.0], [0.0, 3.0], nbins=3))
    array([2, 1, 1], dtype=int32)
    """
    with name_scope(name, "histogram_fixed_width", [values, value_range, nbins]) as scope:
        return emit("HistogramFixedWidth", values, value_range, nbins, dtype=dtype, name=scope)


def histogram_fixed_width_bins(
    values: Any, value_range: Any, nbins: Any = 100, dtype: Any = dtypes.int32, name: str | None = None
) -> Any:
    """Which of `nbins` equal parts of a range each value falls into: int32, of the shape of `values`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.histogram_fixed_width_bins([-1.0, 0.5, 1.5, 9.0], [0.0, 3.0], nbins=3))
    array([0, 0, 1, 2], dtype=int32)
    """
    with name_scope(name, "histogram_fixed_width_bins", [values, value_range, nbins]):
        values = convert_to_tensor(values, name="values")
        shape = blocks.shape_of(values)
        values = emit("Reshape", values, [-1])
        value_range = convert_to_tensor(value_range, name="value_range")
        nbins = convert_to_tensor(nbins, dtype=dtypes.int32, name="nbins")
        count = blocks.cast(nbins, values.dtype)
        distance, width = values - value_range[0], value_range[1] - value_range[0]
        scaled = truediv(distance, width, name="scaled_values")
        indices = emit("Floor", count * scaled, name="indices")
        last = count - 1
        with name_scope("clip_by_value") as scope:
            capped = emit("Minimum", indices, last)
            indices = emit("Maximum", capped, 0, name=scope)
        return emit("Reshape", blocks.cast(indices, dtypes.int32), shape)


def _bucketize_kernel(xp: Any, x: Any, *, boundaries: list[float]) -> Any:
    edges = np.array(boundaries, np.float32).astype(np.result_type(np.float32, x.dtype))
    return xp.searchsorted(edges, x, side="right").astype(np.int32)


@op("Bucketize", shape=shapes.unchanged, kernel=_bucketize_kernel, gradient=None)
def bucketize(input: Any, boundaries: Any, name: str | None = None) -> Any:
    """Between which of the sorted boundaries each element is: the number of boundaries not above it.

    >>> import reflow as tf
    >>> from reflow.ops.sequences import bucketize
    >>> tf.Session().run(bucketize([-5, 10, 10000], [0, 10, 100]))
    array([0, 2, 3], dtype=int32)
    """
    return emit("Bucketize", input, boundaries=boundaries, name=name)
