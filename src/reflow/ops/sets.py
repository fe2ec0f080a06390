"""Vectors as sets and lists: unique elements, differences, partitions, searches, distances."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail, no_row, require
from reflow.graph.composite import IndexedSlices, SparseTensor, SparseTensorValue
from reflow.graph.constant import constant_value
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import emit_range, shape
from reflow.ops.gather import gather
from reflow.ops.grids import all_axes
from reflow.ops.shaping import reshape

COMPARED = 512  # elements: longer vectors are sorted to find equal ones, and not compared pair by pair

# Unique elements


def first_occurrences(values: np.ndarray, axis: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The distinct slices along `axis` in the order they come; each slice's number among them; the counts."""
    rows = np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)
    keys: dict[Any, int] = {}
    numbers = np.empty(len(rows), np.int64)
    for i, row in enumerate(rows.tolist()):  # Python's numbers: 0.0 is -0.0, and no NaN is another
        numbers[i] = keys.setdefault(tuple(row), len(keys))
    first = np.zeros(len(keys), np.int64)
    first[numbers[::-1]] = np.arange(len(rows))[::-1]
    return np.take(values, first, axis=axis), numbers, np.bincount(numbers, minlength=len(keys))


def _distinct(values: np.ndarray, axis: int, dtype: dtypes.DType, counted: bool) -> tuple[Any, ...]:
    chosen, numbers, counts = first_occurrences(values, axis)
    results = (chosen, numbers.astype(dtype.as_numpy_dtype), counts.astype(dtype.as_numpy_dtype))
    return results if counted else results[:2]


def _unique_host(counted: bool) -> Any:
    def kernel(ctx: Any, x: Any, axis: Any = None, *, out_idx: dtypes.DType) -> tuple[Any, ...]:
        if axis is None or np.size(axis) == 0:
            if x.ndim != 1:
                fail("unique expects a 1D vector.")
            return _distinct(x, 0, out_idx, counted)
        return _distinct(x, int(np.ravel(axis)[0]), out_idx, counted)

    return kernel


def _unique_shape(node: Any) -> list[TensorShape]:
    x = node.inputs[0].shape
    if len(node.inputs) == 1:
        x.assert_has_rank(1)
        return [TensorShape.of((None,)), x] + [TensorShape.of((None,))] * (len(node.outputs) - 2)
    axis = constant_value(node.inputs[1])
    if axis is None or x.ints is None:
        whole, length = unknown_shape(), None
    else:
        at = int(np.ravel(axis)[0]) if axis.size else 0
        whole = TensorShape.of(tuple(None if i == at % len(x.ints) else d for i, d in enumerate(x.ints)))
        length = x.ints[at]
    return [whole, TensorShape.of((length,))] + [TensorShape.of((None,))] * (len(node.outputs) - 2)


register("UniqueV2", shape=_unique_shape, host=_unique_host(False), gradient=None)
register("UniqueWithCountsV2", shape=_unique_shape, host=_unique_host(True), gradient=None)


def _first_places(jnp: Any, values: Any) -> Any:
    """Where each element of a vector first comes."""
    size = values.shape[0]
    if size <= COMPARED:
        return jnp.argmax(values[:, None] == values, axis=1)
    order = jnp.argsort(values, stable=True)
    ordered = values[order]
    starts = jnp.concatenate([jnp.ones(1, bool), ordered[1:] != ordered[:-1]])
    start = jnp.maximum.accumulate(jnp.where(starts, jnp.arange(size), 0))
    return jnp.zeros(size, order.dtype).at[order].set(order[start])


def _unique_padded(jnp: Any, x: Any, *, out_idx: dtypes.DType) -> tuple[Any, Any]:
    """Each element at its first place, no row at its others; the first place of each element."""
    if x.ndim != 1:
        fail("unique expects a 1D vector.")
    x = jnp.asarray(x)
    none = no_row(x.dtype)
    if x.size:
        at = jnp.argmax(x == none)
        require(jnp, ~jnp.any(x == none), "Index {} at offset {} in indices is out of range", x[at], at)
        first = _first_places(jnp, x)
    else:
        first = jnp.zeros(0, np.int64)
    chosen = jnp.where(first == jnp.arange(x.shape[0]), x, none)
    return chosen, first.astype(out_idx.as_numpy_dtype)


@op("Unique", shape=_unique_shape, host=_unique_host(False), padded=_unique_padded, gradient=None)
def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The distinct elements of a vector in the order they first come, and the number of each element.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.unique([5, 7, 5])))
    [5 7] [0 1 0]
    """
    return emit("Unique", x, out_idx=out_idx, name=name)  # type: ignore[no-any-return]


@op("UniqueWithCounts", shape=_unique_shape, host=_unique_host(True), gradient=None)
def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """`unique`, and how often each distinct element comes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.unique_with_counts([5, 7, 5])))
    [5 7] [0 1 0] [2 1]
    """
    return emit("UniqueWithCounts", x, out_idx=out_idx, name=name)  # type: ignore[no-any-return]


def _difference_host(ctx: Any, x: Any, y: Any, *, out_idx: dtypes.DType) -> tuple[Any, Any]:
    for value, what in ((x, "x"), (y, "y")):
        if value.ndim != 1:
            fail(f"{what} should be a 1D vector.")
    gone = set(y.tolist())
    kept = np.array([i for i, v in enumerate(x.tolist()) if v not in gone], out_idx.as_numpy_dtype)
    return x[kept], kept


@op("ListDiff", shape=lambda node: [TensorShape.of((None,))] * 2, host=_difference_host, gradient=None)
def setdiff1d(x: Any, y: Any, index_dtype: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The elements of the vector `x` that are not in `y`, in order, and their positions.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.setdiff1d([1, 2, 3, 4], [2, 4])))
    [1 3] [0 2]
    """
    return emit("ListDiff", x, y, out_idx=index_dtype, name=name)  # type: ignore[no-any-return]


def listdiff(x: Any, y: Any, out_idx: Any = None, name: str | None = None) -> list[Tensor]:
    """The old name of `setdiff1d`."""
    return emit("ListDiff", x, y, out_idx=out_idx, name=name)  # type: ignore[no-any-return]


# Partitions


def _partition_host(ctx: Any, data: Any, partitions: Any, *, num_partitions: int) -> tuple[Any, ...]:
    if data.shape[: partitions.ndim] != partitions.shape:
        fail(
            f"data.shape must start with partitions.shape, got data.shape = {list(data.shape)}, "
            f"partitions.shape = {list(partitions.shape)}"
        )
    wrong = np.argwhere((partitions < 0) | (partitions >= num_partitions))
    if len(wrong):
        place = "[" + ",".join(map(str, wrong[0])) + "]" if partitions.ndim else ""
        fail(f"partitions{place} = {partitions[tuple(wrong[0])]} is not in [0, {num_partitions})")
    return tuple(data[partitions == i] for i in range(num_partitions))


def _partition_shape(node: Any) -> list[TensorShape]:
    data, partitions = (x.shape.ints for x in node.inputs)
    one = unknown_shape()
    if data is not None and partitions is not None:
        TensorShape.of(data[: len(partitions)]).assert_is_compatible_with(partitions)
        one = TensorShape.of((None, *data[len(partitions) :]))
    return [one] * node.attrs["num_partitions"]


def _partition_gradient(op: Any, *grads: Any) -> list[Any]:
    data, partitions = op.inputs
    prefix = shape(partitions)
    count = emit("Prod", prefix, all_axes(prefix))
    numbers = reshape(emit_range(0, count), prefix)
    parts = emit("DynamicPartition", numbers, partitions, num_partitions=op.attrs["num_partitions"])
    whole = emit("DynamicStitch", parts, list(grads))
    return [reshape(whole, shape(data)), None]


@op("DynamicPartition", shape=_partition_shape, host=_partition_host, gradient=_partition_gradient)
def dynamic_partition(
    data: Any, partitions: Any, num_partitions: int, name: str | None = None
) -> list[Tensor]:
    """The rows of `data` sorted into `num_partitions` tensors, row i into number `partitions[i]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.dynamic_partition([10, 20, 30], [0, 1, 0], 2)))
    [10 30] [20]
    """
    return emit("DynamicPartition", data, partitions, num_partitions=num_partitions, name=name)  # type: ignore[no-any-return]


def _stitch_host(ctx: Any, *inputs: Any) -> Any:
    count = len(inputs) // 2
    indices, data = inputs[:count], inputs[count:]
    rows = max((int(i.max()) + 1 for i in indices if i.size), default=0)
    tail = data[0].shape[indices[0].ndim :]
    merged = np.zeros((rows, *tail), data[0].dtype)
    for i, (where, values) in enumerate(zip(indices, data, strict=True)):
        if values.shape[: where.ndim] != where.shape or values.shape[where.ndim :] != tail:
            fail(
                f"data[{i}].shape must start with indices[{i}].shape, "
                f"got data[{i}].shape = {list(values.shape)}, indices[{i}].shape = {list(where.shape)}"
            )
        if (where < 0).any():
            fail(f"indices[{i}] is out of range: {int(where.min())}")
        merged[where.reshape(-1)] = values.reshape((-1, *tail))
    return merged


def _stitch_shape(node: Any) -> TensorShape:
    count = len(node.inputs) // 2
    tail = unknown_shape()
    rows: int | None = 0
    for indices, data in zip(node.inputs[:count], node.inputs[count:], strict=True):
        known = constant_value(indices)
        if known is None or rows is None:
            rows = None
        elif known.size:
            rows = max(rows, int(known.max()) + 1)
        own, lead = data.shape.ints, indices.shape.ints
        if own is None or lead is None:
            continue
        if not TensorShape.of(own[: len(lead)]).is_compatible_with(lead):
            raise ValueError(
                f"Shapes {data.shape} and {indices.shape} do not fit: data must start with indices.shape"
            )
        tail = tail.merge_with(own[len(lead) :])
    return TensorShape.of((rows,)).concatenate(tail)


def _stitch_gradient(op: Any, grad: Any) -> list[Any]:
    count = len(op.inputs) // 2
    indices = [
        i if i.dtype == dtypes.int32 else emit("Cast", i, DstT=dtypes.int32) for i in op.inputs[:count]
    ]
    if isinstance(grad, IndexedSlices):
        rows = shape(op.outputs[0])[0]
        grad = emit("UnsortedSegmentSum", grad.values, grad.indices, rows)
    return [None] * count + [gather(grad, i) for i in indices]


register("ParallelDynamicStitch", shape=_stitch_shape, host=_stitch_host, gradient=_stitch_gradient)


@op("DynamicStitch", shape=_stitch_shape, host=_stitch_host, gradient=_stitch_gradient)
def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Rows of several tensors put together: `merged[indices[m][i]] = data[m][i]`; later ones win.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.dynamic_stitch([[0, 2], [1]], [[10, 30], [20]])))
    [10 20 30]
    """
    return emit("DynamicStitch", indices, data, name=name)  # type: ignore[no-any-return]


def parallel_dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """`dynamic_stitch` of which it is not said who wins when an index comes twice."""
    return emit("ParallelDynamicStitch", indices, data, name=name)  # type: ignore[no-any-return]


# Search


def _bound_kernel(side: str) -> Any:
    def kernel(xp: Any, rows: Any, values: Any, *, out_type: dtypes.DType) -> Any:
        if rows.shape[0] != values.shape[0]:
            fail(f"Leading dim_size of both tensors must match: {rows.shape[0]} and {values.shape[0]}")
        if rows.shape[0] == 0:
            return xp.zeros(values.shape, out_type.as_numpy_dtype)
        found = [xp.searchsorted(r, v, side=side) for r, v in zip(rows, values, strict=True)]
        return xp.stack(found).astype(out_type.as_numpy_dtype)

    return kernel


def _bound_shape(node: Any) -> TensorShape:
    node.inputs[0].shape.with_rank(2)
    return node.inputs[1].shape.with_rank(2)  # type: ignore[no-any-return]


register("LowerBound", shape=_bound_shape, kernel=_bound_kernel("left"), gradient=None)
register("UpperBound", shape=_bound_shape, kernel=_bound_kernel("right"), gradient=None)


def searchsorted(
    sorted_sequence: Any,
    values: Any,
    side: str = "left",
    out_type: Any = dtypes.int32,
    name: str | None = None,
) -> Tensor:
    """Where to insert each value in a sorted row so that it stays sorted, for each row of the last dimension.

    Args:
        side: "left": before equal elements, "right": after them.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.searchsorted([[1, 3, 5]], [[0, 3, 6]])))
    [[0 1 3]]
    """
    lengths = shape(sorted_sequence)[-1], shape(values)[-1]
    rows = reshape(sorted_sequence, [-1, lengths[0]])
    wanted = reshape(values, [-1, lengths[1]])
    if side not in ("left", "right"):
        raise ValueError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    op_type = "UpperBound" if side == "right" else "LowerBound"
    found = emit(op_type, rows, wanted, out_type=out_type, name=name)
    return reshape(found, shape(values))


def _unravel_kernel(xp: Any, indices: Any, dims: Any) -> Any:
    strides = np.cumprod([1, *dims[:0:-1].tolist()])[::-1]
    parts = [indices // stride % size for stride, size in zip(strides.tolist(), dims.tolist(), strict=True)]
    return xp.stack(parts).astype(indices.dtype)


def _unravel_shape(node: Any) -> TensorShape:
    indices, dims = node.inputs[0].shape.ints, node.inputs[1].shape.ints
    if indices is None:
        return unknown_shape()
    count = dims[0] if dims else None
    return TensorShape.of((count, *indices)) if len(indices) else TensorShape.of((count,))


@op("UnravelIndex", shape=_unravel_shape, kernel=_unravel_kernel, gradient=None, static=(1,))
def unravel_index(indices: Any, dims: Any, name: str | None = None) -> Tensor:
    """Flat positions in an array of shape `dims` as coordinates: shape `[rank, number of indices]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.unravel_index([5, 3], [2, 3])))
    [[1 1]
     [2 0]]
    """
    return emit("UnravelIndex", indices, dims, name=name)  # type: ignore[no-any-return]


# Edit distance


def _sequences(indices: Any, values: Any) -> dict[tuple[int, ...], list[Any]]:
    """The sequences of a sparse tensor, by the coordinates before the last."""
    found: dict[tuple[int, ...], list[Any]] = {}
    for row, value in zip(indices.tolist(), values.tolist(), strict=True):
        found.setdefault(tuple(row[:-1]), []).append(value)
    return found


def levenshtein(a: list[Any], b: list[Any]) -> int:
    """The least number of insertions, deletions and replacements that make `a` into `b`.

    >>> levenshtein(list("kitten"), list("sitting"))
    3
    """
    previous = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            row.append(min(previous[j] + 1, row[j - 1] + 1, previous[j - 1] + (x != y)))
        previous = row
    return previous[-1]


def _edit_distance_host(
    ctx: Any, ai: Any, av: Any, asize: Any, bi: Any, bv: Any, bsize: Any, *, normalize: bool
) -> Any:
    if asize.size != bsize.size:
        fail(f"truth_shape and hypothesis_shape must have the same length: {asize.size} vs. {bsize.size}")
    result = np.zeros(np.maximum(asize, bsize)[:-1], np.float32)
    hypotheses, truths = _sequences(ai, av), _sequences(bi, bv)
    for place in hypotheses.keys() | truths.keys():
        guess, truth = hypotheses.get(place, []), truths.get(place, [])
        distance = np.float32(levenshtein(truth, guess))
        if normalize:
            distance = distance / np.float32(len(truth)) if truth else np.float32(np.inf if guess else 0)
        result[place] = distance
    return result


def _edit_distance_shape(node: Any) -> TensorShape:
    one, other = (constant_value(node.inputs[i]) for i in (2, 5))
    if one is None or other is None:
        return unknown_shape()
    return TensorShape.of(tuple(np.maximum(one, other)[:-1].tolist()))


@op("EditDistance", shape=_edit_distance_shape, host=_edit_distance_host, gradient=None)
def edit_distance(hypothesis: Any, truth: Any, normalize: bool = True, name: str = "edit_distance") -> Tensor:
    """The Levenshtein distance of the sequences along the last dimension of two `SparseTensor`s, float32.

    Args:
        normalize: divide by the length of the true sequence (infinite when that is 0 and the other is not).

    Raises:
        TypeError: an argument is not a SparseTensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     a = tf.SparseTensor([[0, 0], [0, 1]], ["a", "b"], [1, 2])
    ...     b = tf.SparseTensor([[0, 0], [0, 1]], ["a", "c"], [1, 2])
    ...     print(sess.run(tf.edit_distance(a, b)))
    [0.5]
    """
    for value, what in ((hypothesis, "Hypothesis"), (truth, "Truth")):
        if not isinstance(value, (SparseTensor, SparseTensorValue)):
            raise TypeError(f"{what} must be a SparseTensor.")
    parts = [getattr(t, p) for t in (hypothesis, truth) for p in ("indices", "values", "dense_shape")]
    return emit("EditDistance", *parts, normalize=normalize, name=name)  # type: ignore[no-any-return]
