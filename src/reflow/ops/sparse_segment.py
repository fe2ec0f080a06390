"""Reductions over segments of rows that are picked by index."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail
from reflow.graph.graph import constant_value, emit
from reflow.graph.registry import register
from reflow.ops import blocks

POWERS = {"Sum": 0.0, "Mean": 1.0, "SqrtN": 0.5}  # the power of a segment's size that its sum is divided by


def _checked(rows: int, indices: np.ndarray, ids: np.ndarray) -> None:
    """Refuse indices out of range, and segment numbers that decrease or do not match them."""
    if indices.shape != ids.shape or ids.ndim != 1:
        fail("segment_ids and indices should have same size.")
    outside = np.flatnonzero((indices < 0) | (indices >= rows))
    if outside.size:
        fail(f"Bad: indices[{outside[0]}] == {indices[outside[0]]} out of range [0, {rows})")
    if ids.size and ids[0] < 0:
        fail(
            f"Segment id {ids[0]} out of range [0, {int(ids[-1]) + 1}), "
            "possibly because 'segment_ids' input is not sorted."
        )
    if (ids[1:] < ids[:-1]).any():
        fail("segment ids are not increasing")


def _sizes(ids: np.ndarray, power: float, rank: int) -> np.ndarray:
    """What to divide by for each row: its segment's size to a power."""
    sizes = np.bincount(ids)[ids] if ids.size else ids
    return (sizes.astype(np.float64) ** power).reshape((-1,) + (1,) * (rank - 1))


def _reduced(kind: str, data: Any, indices: Any, ids: Any, count: int) -> Any:
    _checked(data.shape[0], indices, ids)
    rows = data[indices]
    result = np.zeros((count, *data.shape[1:]), data.dtype)
    np.add.at(result, ids, rows)
    if kind != "Sum" and ids.size:
        sizes = np.maximum(np.bincount(ids, minlength=count), 1).astype(np.float64) ** POWERS[kind]
        result = (result / sizes.reshape((-1,) + (1,) * (data.ndim - 1))).astype(data.dtype)
    return result


def _host(kind: str) -> Any:
    def host(ctx: Any, data: Any, indices: Any, ids: Any) -> Any:
        return _reduced(kind, data, indices, ids, int(ids[-1]) + 1 if ids.size else 0)

    return host


def _host_with_count(kind: str) -> Any:
    def host(ctx: Any, data: Any, indices: Any, ids: Any, num_segments: Any) -> Any:
        if ids.size and ids.max() >= num_segments:
            fail("segment ids must be < num_segments")
        return _reduced(kind, data, indices, ids, int(num_segments))

    return host


def _spread_host(kind: str) -> Any:
    """The gradient of a mean: each segment's gradient, divided, added to the rows that it was taken of."""

    def host(ctx: Any, grad: Any, indices: Any, ids: Any, output_dim0: Any) -> Any:
        _checked(int(output_dim0), indices, ids)
        if ids.size and ids.max() >= grad.shape[0]:
            fail(f"Segment id {ids.max()} out of range [0, {grad.shape[0]})")
        result = np.zeros((int(output_dim0), *grad.shape[1:]), grad.dtype)
        rows = grad[ids] / _sizes(ids, POWERS[kind], grad.ndim)
        np.add.at(result, indices, rows.astype(grad.dtype))
        return result

    return host


def _rows_shape(node: Any, count: int | None) -> TensorShape:
    node.inputs[1].shape.with_rank(1).merge_with(node.inputs[2].shape.with_rank(1))
    shape = node.inputs[0].shape
    return (
        unknown_shape()
        if shape.ndims is None
        else TensorShape.of((count, *shape.with_rank_at_least(1).ints[1:]))
    )


def _counted_shape(node: Any) -> TensorShape:
    count = constant_value(node.inputs[3])
    return _rows_shape(node, None if count is None else int(count))


def _sum_gradient(op: Any, grad: Any) -> Any:
    rows = blocks.shape_of(op.inputs[0])[0]
    picked = blocks.gather(grad, op.inputs[2])
    spread = emit("UnsortedSegmentSum", picked, op.inputs[1], rows)
    return [spread, *[None] * (len(op.inputs) - 1)]


def _spread_gradient(kind: str) -> Any:
    def gradient(op: Any, grad: Any) -> Any:
        rows = blocks.shape_of(op.inputs[0])[0]
        spread = emit(f"SparseSegment{kind}Grad", grad, op.inputs[1], op.inputs[2], rows)
        return [spread, *[None] * (len(op.inputs) - 1)]

    return gradient


for _kind in POWERS:
    _rule = _sum_gradient if _kind == "Sum" else _spread_gradient(_kind)
    _op = f"SparseSegment{_kind}"
    register(_op, shape=lambda node: _rows_shape(node, None), host=_host(_kind), gradient=_rule)
    register(f"{_op}WithNumSegments", shape=_counted_shape, host=_host_with_count(_kind), gradient=_rule)
    if _kind != "Sum":
        register(f"{_op}Grad", shape=_counted_shape, host=_spread_host(_kind), gradient=None)


def _sparse_segment(
    kind: str, data: Any, indices: Any, segment_ids: Any, name: str | None, num_segments: Any
) -> Any:
    op_type = f"SparseSegment{kind}"
    if num_segments is None:
        return emit(op_type, data, indices, segment_ids, name=name)
    return emit(f"{op_type}WithNumSegments", data, indices, segment_ids, num_segments, name=name)


def sparse_segment_sum(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Any:
    """The sums of the rows of each segment, the rows being picked by index.

    Args:
        data: a tensor of rank 1 or more.
        indices: which rows to take, an integer vector.
        segment_ids: the segment of each row that is taken, an int32 vector that does not decrease.
        num_segments: how many segments there are; one more than the last number if not given.

    InvalidArgumentError in a run with an index or a number out of range.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse_segment_sum([[1.0], [2.0], [4.0]], [0, 2, 1], [0, 0, 1]))
    array([[5.],
           [2.]], dtype=float32)
    """
    return _sparse_segment("Sum", data, indices, segment_ids, name, num_segments)


def sparse_segment_mean(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Any:
    """The means of the rows of each segment, the rows being picked by index; see `sparse_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse_segment_mean([[1.0], [2.0], [4.0]], [0, 2, 1], [0, 0, 1]))
    array([[2.5],
           [2. ]], dtype=float32)
    """
    return _sparse_segment("Mean", data, indices, segment_ids, name, num_segments)


def sparse_segment_sqrt_n(
    data: Any, indices: Any, segment_ids: Any, name: str | None = None, num_segments: Any = None
) -> Any:
    """The sums of the rows of each segment, divided by the root of their number; see `sparse_segment_sum`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse_segment_sqrt_n([[1.0], [2.0], [3.0], [4.0]], [0, 1, 2, 3], [0, 0, 0, 0]))
    array([[5.]], dtype=float32)
    """
    return _sparse_segment("SqrtN", data, indices, segment_ids, name, num_segments)
