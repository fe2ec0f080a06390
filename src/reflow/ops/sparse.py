"""Sparse tensors from dense ones and back, and their product with a dense matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail, require
from reflow.graph.composite import SparseTensor
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops.sparse_parts import as_sparse, changes, components, flat_positions, matrix_sizes, room_of

# To dense tensors


def _rows_of_positions(indices: Any, sizes: Any) -> Any:
    """The indices as a matrix: a scalar and a vector are positions in a vector."""
    if indices.ndim > 2:
        fail(f"sparse_indices should be a scalar, vector, or matrix, got shape {list(indices.shape)}")
    if sizes.ndim != 1:
        fail(f"output_shape must be rank 1, got shape {list(sizes.shape)}")
    rows = indices.reshape((-1, 1)) if indices.ndim < 2 else indices
    if rows.shape[1] != sizes.shape[0]:
        fail(f"output_shape has incorrect number of elements: {sizes.shape[0]} should be: {rows.shape[1]}")
    return rows


def _check_values(values: Any, count: int, default: Any) -> None:
    if values.ndim > 1 or values.ndim == 1 and values.shape[0] != count:
        fail(f"sparse_values has incorrect shape {list(values.shape)}, should be [] or [{count}]")
    if default.ndim != 0:
        fail("default_value should be a scalar.")


def _numbered_message(rank: int, what: str) -> str:
    return "indices[{}] = [" + ",".join(["{}"] * rank) + "] is " + what


def _require_rows(xp: Any, wrong: Any, rows: Any, what: str) -> None:
    """Refuse the first row for which `wrong` holds, naming it."""
    first = xp.argmax(wrong)
    numbers = [rows[first, axis] for axis in range(rows.shape[1])]
    require(xp, ~xp.any(wrong), _numbered_message(rows.shape[1], what), first, *numbers)


def _check_rows(xp: Any, rows: Any, sizes: Any, validate: bool) -> None:
    """Refuse positions outside of the tensor and, when asked to, those that repeat or are out of order."""
    if rows.shape[0] == 0:
        return
    xp = room_of(xp, rows)
    bounds = ",".join(map(str, sizes.tolist()))
    outside = ((rows < 0) | (rows >= sizes)).any(axis=1)
    _require_rows(xp, outside, rows, f"out of bounds: need 0 <= index < [{bounds}]")
    if not validate:
        return
    flat = flat_positions(xp, rows, sizes.tolist())
    falls = xp.concatenate([xp.zeros(1, bool), flat[1:] < flat[:-1]])
    _require_rows(xp, falls, rows, "out of order. Many sparse ops require sorted indices.")
    _require_rows(xp, ~changes(xp, rows) & (xp.arange(rows.shape[0]) > 0), rows, "repeated")


def _to_dense_kernel(
    xp: Any, indices: Any, sizes: Any, values: Any, default: Any, *, validate_indices: bool
) -> Any:
    rows = _rows_of_positions(indices, sizes)
    _check_values(values, rows.shape[0], default)
    if (sizes < 0).any():
        fail(f"Dimension {int(sizes.min())} must be >= 0")
    _check_rows(xp, rows, sizes, validate_indices)
    dense = xp.full(tuple(sizes.tolist()), default, default.dtype)
    places = tuple(rows[:, axis] for axis in range(rows.shape[1]))
    if xp is not np:
        return dense.at[places].set(values)
    dense[places] = values
    return dense


def _to_dense_gradient(op: Any, grad: Any) -> list[Any]:
    indices, sizes = op.inputs[:2]
    own = emit("GatherNd", grad, indices)
    rest = blocks.reduce("Sum", grad) - blocks.reduce("Sum", own)
    return [blocks.zeros_like(indices), blocks.zeros_like(sizes), own, rest]


@op(
    "SparseToDense",
    shape=shapes.from_input(1),
    kernel=_to_dense_kernel,
    gradient=_to_dense_gradient,
    static=(1,),
)
def sparse_to_dense(
    sparse_indices: Any,
    output_shape: Any,
    sparse_values: Any,
    default_value: Any = 0,
    validate_indices: bool = True,
    name: str | None = None,
) -> Tensor:
    """A dense tensor with some elements set, the others being `default_value`.

    Args:
        sparse_indices: the positions, int32 or int64: a scalar, a vector of positions in a vector, or a
            matrix with one row of coordinates for each element.
        output_shape: the shape, a vector of the type of `sparse_indices`.
        sparse_values: the elements, a vector, or a scalar for all of them.
        validate_indices: refuse positions that repeat or are not in lexicographic order.

    InvalidArgumentError in a run with positions that are not valid.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse_to_dense([[0, 1], [1, 0]], [2, 2], [5, 6]))
    array([[0, 5],
           [6, 0]], dtype=int32)
    """
    return emit(  # type: ignore[no-any-return]
        "SparseToDense",
        sparse_indices,
        output_shape,
        sparse_values,
        default_value,
        validate_indices=validate_indices,
        name=name,
    )


def sparse_tensor_to_dense(
    sp_input: Any, default_value: Any = None, validate_indices: bool = True, name: str | None = None
) -> Tensor:
    """The dense tensor that a `SparseTensor` stands for.

    Args:
        default_value: the elements that are not given; zero (the empty string) if None.
        validate_indices: refuse indices that repeat or are not in lexicographic order.

    Raises:
        TypeError: `sp_input` is not a `SparseTensor`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse.to_dense(tf.SparseTensor([[0, 1]], [5], [2, 2])))
    array([[0, 5],
           [0, 0]], dtype=int32)
    """
    sp_input = as_sparse(sp_input)
    if default_value is None:
        default_value = _zero(sp_input.dtype)
    return sparse_to_dense(
        sp_input.indices, sp_input.dense_shape, sp_input.values, default_value, validate_indices, name
    )


def _zero(dtype: Any) -> Tensor:
    if dtype.base_dtype == dtypes.string:
        with name_scope(None, "zeros") as scope:
            return constant("", dtypes.string, name=scope)
    return blocks.zeros([], dtype.base_dtype)  # type: ignore[no-any-return]


# From dense tensors


def from_dense(tensor: Any, name: str | None = None) -> SparseTensor:
    """The `SparseTensor` of the elements of `tensor` that are not zero.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse.from_dense([0, 7]))
    SparseTensorValue(indices=array([[1]]), values=array([7], dtype=int32), dense_shape=array([2]))
    """
    with name_scope(name, "dense_to_sparse"):
        tensor = convert_to_tensor(tensor)
        zero = constant("" if tensor.dtype == dtypes.string else 0, tensor.dtype)
        indices = emit("Where", emit("NotEqual", tensor, zero))
        values = emit("GatherNd", tensor, indices)
        return SparseTensor(indices, values, blocks.shape_of(tensor, dtypes.int64))


def _int64(value: Any, name: str) -> Tensor:
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool):
        return convert_to_tensor(value, dtypes.int64, name=name)
    if not isinstance(value, Tensor):
        raise TypeError(f"{name} must be an integer value")
    return blocks.cast(value, dtypes.int64)  # type: ignore[no-any-return]


def sparse_eye(
    num_rows: Any, num_columns: Any = None, dtype: Any = dtypes.float32, name: str | None = None
) -> SparseTensor:
    """A sparse matrix with ones on its diagonal.

    Args:
        num_rows, num_columns: integers or scalar tensors; as many columns as rows if not given.

    Raises:
        TypeError: a size is not an integer.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sparse.to_dense(tf.sparse.eye(2, 3)))
    array([[1., 0., 0.],
           [0., 1., 0.]], dtype=float32)
    """
    with name_scope(name, "eye", [num_rows, num_columns]):
        rows = _int64(num_rows, "num_rows")
        columns = rows if num_columns is None else _int64(num_columns, "num_columns")
        size = emit("Minimum", rows, columns)
        steps = _counted(size)
        indices = blocks.stack([steps, steps], axis=1)
        return SparseTensor(indices, blocks.ones(size, dtype), [rows, columns])


def _counted(size: Tensor) -> Tensor:
    """The numbers below `size`, int64."""
    with name_scope(None, "range") as scope:
        start = convert_to_tensor(0, dtypes.int64, name="start")
        delta = convert_to_tensor(1, dtypes.int64, name="delta")
        return emit("Range", start, size, delta, name=scope)  # type: ignore[no-any-return]


# Products


def _product_shape(node: Any) -> TensorShape:
    adjoint_a, adjoint_b = node.attrs["adjoint_a"], node.attrs["adjoint_b"]
    a, b = (matrix_sizes(s) for s in (constant_value_as_shape(node.inputs[2]), node.inputs[3].shape))
    left, inner = a[::-1] if adjoint_a else a
    other, right = b[::-1] if adjoint_b else b
    if None not in (inner, other) and inner != other:
        raise ValueError(
            f"Dimensions must be equal, but are {inner} and {other} for a product of {a} and {b}"
        )
    return TensorShape.of((left, right))


def _check_product(sizes: Any, b: Any, inner: int, adjoint_b: bool) -> None:
    if sizes.shape != (2,):
        fail(f"Tensor 'a_shape' must have 2 elements, got {sizes.tolist()}")
    if b.ndim != 2:
        fail(f"Tensor 'b' is not a matrix, its shape is {list(b.shape)}")
    if b.shape[1 if adjoint_b else 0] != inner:
        fail(
            f"Cannot multiply A and B because inner dimension does not match: {inner} vs. "
            f"{b.shape[1 if adjoint_b else 0]}.  Did you forget a transpose?  "
            f"Dimensions of A: {sizes.tolist()}.  Dimensions of B: {list(b.shape)}"
        )


def _require_inside(xp: Any, numbers: Any, name: str, limit: int) -> None:
    wrong = (numbers < 0) | (numbers >= limit)
    if wrong.size:
        first = xp.argmax(wrong)
        message = f"{name} ({{}}) from index[{{}}] out of bounds (>={limit})"
        require(xp, ~xp.any(wrong), message, numbers[first], first)


def _product_kernel(
    xp: Any, indices: Any, values: Any, sizes: Any, b: Any, *, adjoint_a: bool, adjoint_b: bool
) -> Any:
    turned = 1 if adjoint_a else 0
    left, inner = int(sizes[turned]), int(sizes[1 - turned])
    _check_product(sizes, b, inner, adjoint_b)
    dense = b.T.conj() if adjoint_b else b
    rows, columns = indices[:, turned], indices[:, 1 - turned]
    for numbers, name, limit in ((rows, "m", left), (columns, "k", inner)):
        _require_inside(room_of(xp, numbers), numbers, name, limit)
    terms = xp.asarray(values)[:, None] * xp.asarray(dense)[columns]
    return _summed_rows(xp, terms.astype(b.dtype), rows, left)


def _summed_rows(xp: Any, terms: Any, rows: Any, count: int) -> Any:
    """The terms of each row added up."""
    result = xp.zeros((count, terms.shape[1]), terms.dtype)
    if xp is not np:
        return result.at[rows].add(terms)
    if not terms.size:
        return result
    order = np.argsort(rows, kind="stable")
    ordered = rows[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    result[ordered[starts]] = np.add.reduceat(terms[order], starts, axis=0)
    return result


def _product_gradient(op: Any, grad: Any) -> list[Any]:
    indices, values, sizes, b = op.inputs
    adjoint_a, adjoint_b = op.attrs["adjoint_a"], op.attrs["adjoint_b"]
    if values.dtype.is_complex:
        raise NotImplementedError("SparseTensorDenseMatMul op does not support complex gradients.")
    dense = emit("SparseTensorDenseMatMul", indices, values, sizes, grad, adjoint_a=not adjoint_a)
    if adjoint_b:
        dense = blocks.transpose(dense)
    rows, columns = indices[:, 0], indices[:, 1]
    own = blocks.gather(grad, columns if adjoint_a else rows)
    other = blocks.gather(blocks.transpose(b) if adjoint_b else b, rows if adjoint_a else columns)
    return [None, blocks.reduce("Sum", own * other, 1), None, dense]


@op(
    "SparseTensorDenseMatMul",
    shape=_product_shape,
    kernel=_product_kernel,
    gradient=_product_gradient,
    static=(2,),
)
def sparse_tensor_dense_matmul(
    sp_a: Any, b: Any, adjoint_a: bool = False, adjoint_b: bool = False, name: str | None = None
) -> Tensor:
    """The product of a sparse and a dense matrix, dense.

    Args:
        sp_a: a `SparseTensor` of rank 2; its indices may be in any order.
        b: a matrix of the same type.
        adjoint_a: use the transpose of `sp_a` (not conjugated, as in TensorFlow 1.15).
        adjoint_b: use the conjugate transpose of `b`.

    Raises:
        TypeError: `sp_a` is not a `SparseTensor`.
        ValueError: the shapes do not fit.

    >>> import reflow as tf
    >>> a = tf.SparseTensor([[0, 1], [1, 0]], [2.0, 3.0], [2, 2])
    >>> tf.Session().run(tf.sparse_tensor_dense_matmul(a, [[1.0, 1.0], [0.0, 4.0]]))
    array([[0., 8.],
           [3., 3.]], dtype=float32)
    """
    sp_a = as_sparse(sp_a)
    with name_scope(name, "SparseTensorDenseMatMul", [sp_a.indices, sp_a.values, b]):
        b = convert_to_tensor(b, name="b")
        flags: dict[str, Any] = {"adjoint_a": adjoint_a, "adjoint_b": adjoint_b}
        return emit("SparseTensorDenseMatMul", *components(sp_a), b, **flags)  # type: ignore[no-any-return]
