"""Reductions over segments: rows that share a segment number are summed, averaged, multiplied or compared."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail, require
from reflow.graph.graph import constant, constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import blocks
from reflow.ops.elementwise import all_true, is_concrete, shown

# How rows are put together: the ufunc, the name of JAX's scatter, and the start


def _least(dtype: Any) -> Any:
    return dtypes.as_dtype(dtype).min


def _greatest(dtype: Any) -> Any:
    return dtypes.as_dtype(dtype).max


COMBINE: dict[str, tuple[Any, str, Callable[[Any], Any]]] = {
    "Sum": (np.add, "add", lambda dtype: 0),
    "Prod": (np.multiply, "multiply", lambda dtype: 1),
    "Max": (np.maximum, "max", _least),
    "Min": (np.minimum, "min", _greatest),
}


def _scattered(xp: Any, kind: str, rows: Any, ids: Any, count: int, start: Any = None) -> Any:
    """Rows combined by number into `count` rows; numbers out of range are passed over."""
    ufunc, method, first = COMBINE[kind]
    shape = (count, *rows.shape[1:])
    start = first(rows.dtype) if start is None else start
    if xp is not np:
        places = xp.where(ids < 0, count, ids)  # a negative number would count from the end
        return getattr(xp.full(shape, start, rows.dtype).at[places], method)(rows, mode="drop")
    inside = (ids >= 0) & (ids < count)
    if not inside.all():
        rows, ids = rows[inside], ids[inside]
    result = np.full(shape, start, rows.dtype)
    ufunc.at(result, ids, rows)
    return result


def _counts(xp: Any, ids: Any, count: int, rank: int) -> Any:
    """How many rows each segment has, shaped to divide rows of `rank` dimensions."""
    ones = xp.ones(ids.shape, np.int64)
    return _scattered(xp, "Sum", ones, ids, count).reshape((count,) + (1,) * (rank - 1))


# Segments in order: the number of segments is in the values, so these run on the host


def _segment_count(rows: int, ids: np.ndarray) -> int:
    """One more than the last segment number; the numbers must not decrease."""
    if ids.ndim != 1 or ids.shape[0] != rows:
        fail("segment_ids should be the same size as dimension 0 of input.")
    if not ids.size:
        return 0
    if ids[0] < 0:
        fail(
            f"Segment id {ids[0]} out of range [0, {int(ids[-1]) + 1}), "
            "possibly because 'segment_ids' input is not sorted."
        )
    if (ids[1:] < ids[:-1]).any():
        fail("segment ids are not increasing")
    return int(ids[-1]) + 1


def _divided(total: Any, counts: Any) -> Any:
    """`total / counts` in the type of `total`, integers rounded toward zero."""
    if total.dtype.kind in "iu":
        counts = counts.astype(total.dtype)
        return (total - np.fmod(total, counts)) // counts
    return total / counts.astype(total.dtype)


def _segment_host(kind: str) -> Callable[..., Any]:
    """The host kernel of a sorted reduction; segments without rows are 0 (1 in products)."""

    def host(ctx: Any, data: Any, ids: Any) -> Any:
        count = _segment_count(data.shape[0] if data.ndim else 0, ids)
        with np.errstate(all="ignore"):
            if kind == "Mean":
                return _divided(
                    _scattered(np, "Sum", data, ids, count), np.maximum(_counts(np, ids, count, data.ndim), 1)
                )
            result = _scattered(np, kind, data, ids, count)
            if kind in ("Max", "Min"):
                result[np.setdiff1d(np.arange(count), ids)] = 0
        return result

    return host


def _rows_shape(node: Any) -> TensorShape:
    """An unknown number of rows of the first input."""
    shape = node.inputs[0].shape
    return unknown_shape() if shape.ndims is None else TensorShape.of((None, *shape.ints[1:]))


def _segment_shape(node: Any) -> TensorShape:
    node.inputs[0].shape.with_rank_at_least(1)
    node.inputs[1].shape.with_rank(1)
    return _rows_shape(node)


def _segment_mean_gradient(op: Any, grad: Any) -> Any:
    rank = blocks.rank_of(op.inputs[0])
    ids_shape = blocks.shape_of(op.inputs[1])
    trailing = emit("Fill", blocks.expand_dims(rank - 1, 0), 1)
    shape = blocks.concat([ids_shape, trailing], 0)
    ones = emit("Fill", shape, constant(1, dtype=grad.dtype.base_dtype))
    scaled = grad / emit("SegmentSum", ones, op.inputs[1])
    return [blocks.gather(scaled, op.inputs[1]), None]


def _segment_extreme_gradient(op: Any, grad: Any) -> Any:
    data, ids = op.inputs
    zeros = blocks.zeros_like(data)
    selected = emit("Equal", data, blocks.gather(op.outputs[0], ids))
    count = emit("SegmentSum", blocks.cast(selected, grad.dtype), ids)
    weighted = blocks.gather(grad / count, ids)
    return [emit("Select", selected, weighted, zeros), None]


SEGMENT_GRADIENTS: dict[str, Any] = {
    "Sum": lambda op, grad: [blocks.gather(grad, op.inputs[1]), None],
    "Mean": _segment_mean_gradient,
    "Prod": None,
    "Max": _segment_extreme_gradient,
    "Min": _segment_extreme_gradient,
}
for _kind, _rule in SEGMENT_GRADIENTS.items():
    register(f"Segment{_kind}", shape=_segment_shape, host=_segment_host(_kind), gradient=_rule)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """The sums of the rows of each segment.

    Args:
        data: a tensor of rank 1 or more.
        segment_ids: the segment of each row, an integer vector that does not decrease.

    InvalidArgumentError in a run whose numbers decrease. Segments without rows are 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.segment_sum([1.0, 2.0, 3.0], [0, 0, 2]))
    array([3., 0., 3.], dtype=float32)
    """
    return emit("SegmentSum", data, segment_ids, name=name)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """The means of the rows of each segment; the arguments are those of `segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.segment_mean([1.0, 2.0, 3.0], [0, 0, 2]))
    array([1.5, 0. , 3. ], dtype=float32)
    """
    return emit("SegmentMean", data, segment_ids, name=name)


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """The products of the rows of each segment, 1 for no row; the arguments are those of `segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.segment_prod([1.0, 2.0, 3.0], [0, 0, 2]))
    array([2., 1., 3.], dtype=float32)
    """
    return emit("SegmentProd", data, segment_ids, name=name)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """The greatest of the rows of each segment; the arguments are those of `segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.segment_max([1.0, 2.0, 3.0], [0, 0, 2]))
    array([2., 0., 3.], dtype=float32)
    """
    return emit("SegmentMax", data, segment_ids, name=name)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Any:
    """The least of the rows of each segment; the arguments are those of `segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.segment_min([1.0, 2.0, 3.0], [0, 0, 2]))
    array([1., 0., 3.], dtype=float32)
    """
    return emit("SegmentMin", data, segment_ids, name=name)


# Segments in any order


def _unsorted_kernel(kind: str) -> Callable[..., Any]:
    def kernel(xp: Any, data: Any, ids: Any, num_segments: Any) -> Any:
        count = int(num_segments)
        require(xp, count >= 0, "Input num_segments == {} must not be negative.", count)
        if data.shape[: ids.ndim] != ids.shape:
            fail(
                f"data.shape = {shown(data.shape)} does not start with segment_ids.shape = {shown(ids.shape)}"
            )
        flat = ids.reshape(-1)
        _require_below(xp, flat, count)
        return _scattered(
            xp, kind, data.reshape((-1 if flat.size else 0, *data.shape[ids.ndim :])), flat, count
        )

    return kernel


def _require_below(xp: Any, ids: Any, count: int) -> None:
    if is_concrete(ids):
        beyond = np.flatnonzero(ids >= count)
        if beyond.size:
            fail(f"segment_ids[{beyond[0]}] = {ids[beyond[0]]} is out of range [0, {count})")
        return
    require(xp, all_true(xp, ids < count), "a number in segment_ids is out of range [0, {})", count)


def _unsorted_shape(node: Any) -> TensorShape:
    data, ids, count = node.inputs[0].shape, node.inputs[1].shape, constant_value(node.inputs[2])
    if data.ndims is None or ids.ndims is None:
        return unknown_shape()
    for a, b in zip(data.with_rank_at_least(ids.ndims).ints, ids.ints, strict=False):
        if a is not None and b is not None and a != b:
            raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    return TensorShape.of((None if count is None else int(count), *data.ints[ids.ndims :]))


def _clipped(ids: Any) -> Any:
    """The segment numbers with 0 for negative ones."""
    return emit("Maximum", ids, blocks.zeros_like(ids))


class _Gathered:
    """Rows gathered by segment number, 0 where it is negative; the parts can serve several gathers."""

    def __init__(self, ids: Any, clipped: Any = None) -> None:
        self.ids = ids
        self.clipped = _clipped(ids) if clipped is None else clipped
        self.positive: Any = None

    def __call__(self, params: Any) -> Any:
        rows = blocks.gather(params, self.clipped)
        if self.positive is None:
            self.positive = self._mask(rows)
        return emit("Select", self.positive, rows, blocks.zeros_like(rows))

    def _mask(self, rows: Any) -> Any:
        positive = emit("GreaterEqual", self.ids, 0)
        for _ in range(rows.shape.ndims - positive.shape.ndims):
            positive = blocks.expand_dims(positive, -1)
        with name_scope("ones_like") as scope:
            ones = blocks.ones(blocks.shape_of(rows), dtypes.bool, name=scope)
        ones.set_shape(rows.shape)
        return positive & ones


def _unsorted_extreme_gradient(op: Any, grad: Any) -> Any:
    data, ids, count = op.inputs
    gathered = _Gathered(ids)
    selected = emit("Equal", data, gathered(op.outputs[0]))
    selected = emit("LogicalAnd", selected, gathered.positive)
    number = emit("UnsortedSegmentSum", blocks.cast(selected, grad.dtype), ids, count)
    rows = gathered(grad / number)
    return [emit("Select", selected, rows, blocks.zeros_like(rows)), None, None]


def _unsorted_prod_gradient(op: Any, grad: Any) -> Any:
    """Division gives the product of the others; a lone zero gets the product of what is not zero."""
    data, ids, count = op.inputs
    is_zero = emit("Equal", data, 0)
    zeros = emit("UnsortedSegmentSum", blocks.cast(is_zero, dtypes.int32), ids, count)
    several = emit("Greater", zeros, 1)
    grad = emit("Select", several, blocks.zeros_like(grad), grad)
    nonzero = emit("Select", is_zero, blocks.ones_like(data), data)
    nonzero_product = emit("UnsortedSegmentProd", nonzero, ids, count)
    clipped = _clipped(ids)
    product = blocks.gather(op.outputs[0], clipped)
    of_others = blocks.gather(nonzero_product, clipped)
    partial = emit("Select", is_zero, of_others, product / data)
    return [_Gathered(ids, clipped)(grad) * partial, None, None]


UNSORTED_GRADIENTS: dict[str, Any] = {
    "Sum": lambda op, grad: [_Gathered(op.inputs[1])(grad), None, None],
    "Prod": _unsorted_prod_gradient,
    "Max": _unsorted_extreme_gradient,
    "Min": _unsorted_extreme_gradient,
}
for _kind, _rule in UNSORTED_GRADIENTS.items():
    register(
        f"UnsortedSegment{_kind}",
        shape=_unsorted_shape,
        kernel=_unsorted_kernel(_kind),
        static=(2,),
        gradient=_rule,
    )


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The sums of the parts of `data` that have each segment number.

    Args:
        data: a tensor whose shape begins with that of `segment_ids`.
        segment_ids: the segment of each part, in any order; parts with a negative number are dropped.
        num_segments: how many segments there are.

    InvalidArgumentError in a run with a number that is too large. Segments without parts are 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_sum([1.0, 2.0, 3.0], [2, 0, 2], 3))
    array([2., 0., 4.], dtype=float32)
    """
    return emit("UnsortedSegmentSum", data, segment_ids, num_segments, name=name)


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The products of each segment, 1 for no part; the arguments are those of `unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_prod([1.0, 2.0, 3.0], [2, 0, 2], 3))
    array([2., 1., 3.], dtype=float32)
    """
    return emit("UnsortedSegmentProd", data, segment_ids, num_segments, name=name)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The greatest of each segment, the lowest number of the type for no part; see `unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_max([1.0, 2.0, 3.0], [1, 0, 1], 2))
    array([2., 3.], dtype=float32)
    """
    return emit("UnsortedSegmentMax", data, segment_ids, num_segments, name=name)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The least of each segment, the highest number of the type for no part; see `unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_min([1.0, 2.0, 3.0], [1, 0, 1], 2))
    array([2., 1.], dtype=float32)
    """
    return emit("UnsortedSegmentMin", data, segment_ids, num_segments, name=name)


def _parts(data: Any, segment_ids: Any, num_segments: Any) -> Any:
    """How many parts each segment has, at least 1, shaped to divide the segments."""
    ones = blocks.ones(blocks.shape_of(segment_ids), data.dtype.base_dtype)
    counts = emit("UnsortedSegmentSum", ones, segment_ids, num_segments)
    trailing = data.shape.ndims - segment_ids.shape.ndims
    return emit("Maximum", emit("Reshape", counts, [num_segments] + [1] * trailing), 1)


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The means of each segment, 0 for no part; the arguments are those of `unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_mean([1.0, 2.0, 3.0], [2, 0, 2], 3))
    array([2., 0., 2.], dtype=float32)
    """
    with name_scope(name, "UnsortedSegmentMean"):
        data, segment_ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        counts = _parts(data, segment_ids, num_segments)
        return emit("UnsortedSegmentSum", data, segment_ids, num_segments) / counts


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """The sums of each segment, divided by the root of the number of its parts; see `unsorted_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.unsorted_segment_sqrt_n([1.0, 2.0, 3.0, 4.0, 5.0], [1, 0, 1, 1, 1], 2))
    array([2. , 6.5], dtype=float32)
    """
    with name_scope(name, "UnsortedSegmentSqrtN"):
        data, segment_ids = convert_to_tensor(data), convert_to_tensor(segment_ids)
        counts = _parts(data, segment_ids, num_segments)
        return emit("UnsortedSegmentSum", data, segment_ids, num_segments) / emit("Sqrt", counts)
