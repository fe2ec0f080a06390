"""Sets as rows: union, intersection and difference of the rows of two tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.composite import SparseTensor, convert_to_tensor_or_sparse_tensor
from reflow.graph.graph import Tensor, emit
from reflow.graph.registry import op, register
from reflow.graph.shapes import unknown

ELEMENTS = (
    *(dtypes.int8, dtypes.int16, dtypes.int32, dtypes.int64, dtypes.uint8, dtypes.uint16),
    dtypes.string,
)
Sets = dict[tuple[int, ...], set[Any]]
OPERATIONS: dict[str, Callable[[set[Any], set[Any]], set[Any]]] = {
    "a-b": lambda a, b: a - b,
    "b-a": lambda a, b: b - a,
    "intersection": lambda a, b: a & b,
    "union": lambda a, b: a | b,
}


def _of_dense(array: np.ndarray) -> Sets:
    """The set of each row, by the row's place."""
    return {place: set(array[place].tolist()) for place in np.ndindex(*array.shape[:-1])}


def _of_sparse(indices: np.ndarray, values: np.ndarray, shape: np.ndarray, validate: bool) -> Sets:
    if validate and len(indices):
        inside = bool(((indices >= 0) & (indices < shape)).all())
        ordered = bool((np.lexsort(indices.T[::-1]) == np.arange(len(indices))).all())
        require(np, inside, "Indices out of bounds of the dense shape {}", shape)
        require(np, ordered, "Indices of a set are not in order")
    sets: Sets = {}
    for index, value in zip(indices.tolist(), values.tolist(), strict=True):
        sets.setdefault(tuple(index[:-1]), set()).add(value)
    return sets


def _combined(
    first: Sets, second: Sets, shapes: Iterable[Any], operation: str, dtype: Any
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The sets of an operation as a sparse tensor: indices, values in order, and dense shape."""
    groups = [tuple(int(d) for d in s) for s in shapes]
    require(np, groups[0] == groups[1], "Mismatched group shapes {} vs {}", *groups)
    combine = OPERATIONS[operation]
    rows = [
        (place, sorted(combine(first.get(place, set()), second.get(place, set()))))
        for place in sorted({*first, *second})
    ]
    rank = len(groups[0]) + 1
    indices = [(*place, n) for place, row in rows for n in range(len(row))]
    values = np.array([v for _, row in rows for v in row], dtype)
    longest = max((len(row) for _, row in rows), default=0)
    return (
        np.array(indices, np.int64).reshape(-1, rank),
        values,
        np.array([*groups[0], longest], np.int64),
    )


def _known_operation(operation: str) -> str:
    require(np, operation in OPERATIONS, "Invalid set_operation {}", operation)
    return operation


def _dense_dense(ctx: Any, a: Any, b: Any, *, set_operation: str) -> Any:
    require(np, a.ndim >= 2 and b.ndim >= 2, "Sets need a rank of at least 2, got {} and {}", a.ndim, b.ndim)
    shapes = (a.shape[:-1], b.shape[:-1])
    return _combined(_of_dense(a), _of_dense(b), shapes, _known_operation(set_operation), a.dtype)


def _dense_sparse(
    ctx: Any, a: Any, indices: Any, values: Any, shape: Any, *, set_operation: str, validate_indices: bool
) -> Any:
    second = _of_sparse(indices, values, shape, validate_indices)
    shapes = (a.shape[:-1], shape[:-1])
    return _combined(_of_dense(a), second, shapes, _known_operation(set_operation), a.dtype)


def _sparse_sparse(ctx: Any, *parts: Any, set_operation: str, validate_indices: bool) -> Any:
    halves = (parts[0], parts[1], parts[2]), (parts[3], parts[4], parts[5])
    first, second = (_of_sparse(*three, validate=validate_indices) for three in halves)
    shapes = (parts[2][:-1], parts[5][:-1])
    return _combined(first, second, shapes, _known_operation(set_operation), parts[1].dtype)


def _result_shapes(rank: int | None) -> list[TensorShape]:
    return [TensorShape.of((None, rank)), TensorShape.of((None,)), TensorShape.of((rank,))]


def _dense_shape(node: Any) -> list[TensorShape]:
    ranks = [t.shape.ndims for t in node.inputs]
    for rank in ranks:
        if rank is not None and rank < 2:
            raise ValueError(f"Shape must be at least rank 2 but is rank {rank}")
    if None not in ranks and ranks[0] != ranks[1]:
        raise ValueError(f"Ranks of sets differ: {ranks[0]} and {ranks[1]}")
    return _result_shapes(ranks[0] if ranks[0] is not None else ranks[1])


def _mixed_shape(node: Any) -> list[TensorShape]:
    rank = node.inputs[0].shape.ndims
    if rank is None:
        ints = node.inputs[3].shape.ints
        rank = ints[0] if ints else None
    return _result_shapes(rank)


def _sparse_shape(node: Any) -> list[TensorShape]:
    ints = node.inputs[2].shape.ints or node.inputs[5].shape.ints
    return _result_shapes(ints[0] if ints else None)


register("DenseToDenseSetOperation", shape=_dense_shape, host=_dense_dense, gradient=None)
register("DenseToSparseSetOperation", shape=_mixed_shape, host=_dense_sparse, gradient=None)
register("SparseToSparseSetOperation", shape=_sparse_shape, host=_sparse_sparse, gradient=None)


def _operands(a: Any, b: Any) -> tuple[Any, Any, bool]:
    """Both operands, a dense one first; and whether that changed their order."""
    a = convert_to_tensor_or_sparse_tensor(a, name="a")
    if a.dtype.base_dtype not in ELEMENTS:
        raise TypeError(f"'a' invalid dtype {a.dtype}.")
    b = convert_to_tensor_or_sparse_tensor(b, name="b")
    if b.dtype.base_dtype != a.dtype.base_dtype:
        raise TypeError(f"Types don't match, {a.dtype} vs {b.dtype}.")
    if isinstance(a, SparseTensor) and not isinstance(b, SparseTensor):
        return b, a, True
    return a, b, False


def _operation(a: Any, b: Any, operation: str, validate_indices: bool) -> SparseTensor:
    parts = [x._components() if isinstance(x, SparseTensor) else [x] for x in (a, b)]
    kinds = ["Sparse" if isinstance(x, SparseTensor) else "Dense" for x in (a, b)]
    op_type = f"{kinds[0]}To{kinds[1]}SetOperation"
    inputs = [*parts[0], *parts[1]]
    return SparseTensor(*emit(op_type, *inputs, set_operation=operation, validate_indices=validate_indices))


def set_intersection(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements that each row of `a` has in common with that of `b`, in order, as a sparse tensor.

    Args:
        a, b: tensors or sparse tensors of integers or strings, of one shape but for the last dimension.
        validate_indices: check that the indices of sparse ones are in order and within bounds.

    Raises TypeError for other types of elements, InvalidArgumentError for rows that do not match.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sets.set_intersection([[3, 1, 2]], [[2, 3, 9]])).values)
    [2 3]
    """
    a, b, _ = _operands(a, b)
    return _operation(a, b, "intersection", validate_indices)


def set_difference(a: Any, b: Any, aminusb: bool = True, validate_indices: bool = True) -> SparseTensor:
    """The elements of each row of `a` that are not in that of `b` (the other way with `aminusb=False`).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sets.set_difference([[3, 1, 2]], [[2, 3, 9]])).values)
    [1]
    """
    a, b, flipped = _operands(a, b)
    return _operation(a, b, "a-b" if aminusb != flipped else "b-a", validate_indices)


def set_union(a: Any, b: Any, validate_indices: bool = True) -> SparseTensor:
    """The elements of each row of `a` and of that of `b`, each once, in order.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sets.set_union([[3, 1, 2]], [[2, 3, 9]])).values)
    [1 2 3 9]
    """
    a, b, _ = _operands(a, b)
    return _operation(a, b, "union", validate_indices)


def _size_host(ctx: Any, indices: Any, values: Any, shape: Any, *, validate_indices: bool) -> Any:
    sizes = np.zeros([int(d) for d in shape[:-1]], np.int32)
    for place, row in _of_sparse(indices, values, shape, validate_indices).items():
        sizes[place] = len(row)
    return sizes


@op("SetSize", shape=unknown, host=_size_host, gradient=None)
def set_size(a: Any, validate_indices: bool = True) -> Tensor:
    """How many different elements each row of a sparse tensor has, int32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     rows = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [5, 5, 7], [2, 2])
    ...     print(sess.run(tf.sets.set_size(rows)))
    [1 1]
    """
    a = convert_to_tensor_or_sparse_tensor(a, name="a")
    if not isinstance(a, SparseTensor):
        raise TypeError(f"Expected `SparseTensor`, got {a}.")
    if a.values.dtype.base_dtype not in ELEMENTS:
        raise TypeError(f"Invalid dtype {a.values.dtype}.")
    return emit("SetSize", *a._components(), validate_indices=validate_indices)  # type: ignore[no-any-return]
