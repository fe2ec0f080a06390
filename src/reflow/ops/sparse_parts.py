"""What the families of sparse ops share: checked arguments, static shapes, and positions as sorted rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail
from reflow.graph.composite import SparseTensor, SparseTensorValue
from reflow.graph.graph import emit

FOLLOWED = ("Const", "Shape", "Pack", "Cast", "ConcatV2", "StridedSlice", "Fill", "Range")

# Arguments


def as_sparse(value: Any) -> SparseTensor:
    """A `SparseTensor`, made of a `SparseTensorValue` if need be; TypeError for anything else."""
    if isinstance(value, SparseTensorValue):
        return SparseTensor.from_value(value)
    if not isinstance(value, SparseTensor):
        raise TypeError("Input must be a SparseTensor.")
    return value


def components(*sparse: SparseTensor) -> list[Any]:
    """Indices, values and dense shape of one after another."""
    return [part for x in sparse for part in (x.indices, x.values, x.dense_shape)]


def emit_sparse(op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> SparseTensor:
    """The `SparseTensor` whose three parts an op gives."""
    return SparseTensor(*emit(op_type, *inputs, name=name, **attrs))


def static_shape(sparse: SparseTensor) -> TensorShape:
    """What TensorFlow 1.15 knows of the dense shape while it builds a graph: it follows few op types."""
    if sparse.dense_shape.op.type in FOLLOWED:
        return sparse.shape
    length = sparse.dense_shape.shape.ints
    return unknown_shape(ndims=length[0] if length else None)


# Static shapes of the parts


def _sizes(shape: TensorShape, ndims: int) -> tuple[int | None, ...]:
    """The sizes of a shape of `ndims` dimensions. ValueError when it has another number of them."""
    return shape.with_rank(ndims).ints or (None,) * ndims


def length_of(shape: TensorShape) -> int | None:
    """The length of a vector, None when it is not known. ValueError when the shape is of another rank."""
    return _sizes(shape, 1)[0]


def rows_of(shape: TensorShape) -> int | None:
    """The number of rows of a matrix, None when it is not known. ValueError when it is no matrix."""
    return matrix_sizes(shape)[0]


def matrix_sizes(shape: TensorShape) -> tuple[int | None, int | None]:
    """The numbers of rows and columns of a matrix. ValueError when it is no matrix."""
    rows, columns = _sizes(shape, 2)
    return rows, columns


def vector_of(count: int | None) -> TensorShape:
    """The shape of a vector of `count` elements."""
    return TensorShape.of((count,))


def parts_shape(shape: TensorShape, count: int | None = None) -> list[TensorShape]:
    """The shapes of the parts of a sparse tensor of `count` elements whose `dense_shape` is of this shape."""
    rank = length_of(shape)
    return [TensorShape.of((count, rank)), vector_of(count), vector_of(rank)]


def any_parts_shape(node: Any) -> list[TensorShape]:
    """A sparse tensor of which nothing is known."""
    return [TensorShape.of((None, None)), vector_of(None), vector_of(None)]


# Positions


def same_rank(indices: Any, values: Any, dense_shape: Any) -> None:
    """Refuse parts that do not make one sparse tensor."""
    if indices.ndim != 2 or values.ndim != 1 or dense_shape.ndim != 1:
        fail(
            "A sparse tensor has a matrix of indices, a vector of values and a vector for its shape, not "
            f"{list(indices.shape)}, {list(values.shape)} and {list(dense_shape.shape)}"
        )
    if indices.shape != (values.shape[0], dense_shape.shape[0]):
        fail(
            f"The indices of {values.shape[0]} values of rank {dense_shape.shape[0]} have shape "
            f"[{values.shape[0]},{dense_shape.shape[0]}], not {list(indices.shape)}"
        )


def same_shape(a: Any, b: Any) -> None:
    """Refuse two dense shapes that differ."""
    if len(a) != len(b):
        fail(f"Operands do not have the same ranks; got shapes: {_listed(a)} and {_listed(b)}")
    for axis, (one, other) in enumerate(zip(a.tolist(), b.tolist(), strict=True)):
        if one != other:
            fail(f"Operands' shapes do not match: got {one} and {other} for dimension {axis}")


def _listed(shape: Any) -> str:
    return "[" + ",".join(map(str, shape.tolist())) + "]"


def room_of(xp: Any, values: Any) -> Any:
    """NumPy for values that are known while a program is traced, else `xp`."""
    return np if isinstance(values, (np.ndarray, np.generic)) else xp


def row_order(xp: Any, indices: Any) -> Any:
    """The order that sorts rows of numbers lexicographically; equal rows stay as they come."""
    xp = room_of(xp, indices)
    if indices.shape[1] == 0:
        return xp.arange(indices.shape[0])
    return xp.lexsort(tuple(indices[:, axis] for axis in reversed(range(indices.shape[1]))))


def changes(xp: Any, rows: Any) -> Any:
    """For each row whether it differs from the one before; the first does not."""
    xp = room_of(xp, rows)
    differs = (rows[1:] != rows[:-1]).any(axis=1)
    return xp.concatenate([xp.zeros(min(rows.shape[0], 1), bool), differs])


def numbered(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct rows, sorted, and the number of each row among them."""
    order = row_order(np, rows)
    groups = np.cumsum(changes(np, rows[order]))
    numbers = np.empty(len(rows), np.int64)
    numbers[order] = groups
    distinct = np.empty((int(groups[-1]) + 1 if len(rows) else 0, rows.shape[1]), np.int64)
    distinct[groups] = rows[order]
    return distinct, numbers


def flat_positions(xp: Any, indices: Any, sizes: Sequence[int]) -> Any:
    """Coordinates as positions in the flat array of a shape, int64."""
    strides = np.cumprod([1, *sizes[:0:-1]], dtype=np.int64)[::-1] if len(sizes) else np.zeros(0, np.int64)
    return (indices.astype(np.int64) * strides).sum(axis=1)


def stacked(found: Sequence[tuple[Any, Any, Any]]) -> tuple[Any, Any, Any]:
    """Sparse tensors as one, with their numbers as a first dimension; the other sizes are the greatest."""
    ranks = {len(sizes) for _, _, sizes in found}
    if len(ranks) > 1:
        fail(f"Inconsistent rank across SparseTensors: they are of ranks {sorted(ranks)}")
    indices = [
        np.concatenate([np.full((len(own), 1), i, np.int64), own], axis=1)
        for i, (own, _, _) in enumerate(found)
    ]
    most = np.max([sizes for _, _, sizes in found], axis=0)
    shape = np.concatenate([[len(found)], most]).astype(np.int64)
    return np.concatenate(indices), np.concatenate([values for _, values, _ in found]), shape
