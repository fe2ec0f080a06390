"""Diagonals and bands of matrices."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import colocate_with, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops.array import ones, rank, shape, zeros, zeros_like
from reflow.ops.grids import all_axes
from reflow.ops.joining import concat

# Tensors as matrices: the diagonal of a tensor of rank 2n


def _diag_kernel(xp: Any, x: Any) -> Any:
    flat = x.reshape(-1)
    mask = np.eye(flat.size, dtype=bool)
    return xp.where(mask, flat, xp.zeros((), x.dtype)).reshape(x.shape * 2)


def _diag_shape(node: Any) -> TensorShape:
    x = node.inputs[0].shape
    if x.ndims == 0:
        raise ValueError("Input must be at least rank 1, got 0")
    return x.concatenate(x)  # type: ignore[no-any-return]


@op("Diag", shape=_diag_shape, kernel=_diag_kernel, gradient=lambda op, grad: [emit("DiagPart", grad)])
def diag(diagonal: Any, name: str | None = None) -> Tensor:
    """A tensor of twice the rank with `diagonal` on its diagonal: `y[i, ..., i, ...] = diagonal[i, ...]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.diag([1, 2])))
    [[1 0]
     [0 2]]
    """
    return emit("Diag", diagonal, name=name)  # type: ignore[no-any-return]


def _diag_part_shape(node: Any) -> TensorShape:
    sizes = node.inputs[0].shape.ints
    if sizes is None:
        return unknown_shape()
    half = len(sizes) // 2
    if len(sizes) % 2 or not sizes:
        raise ValueError(f"Input must have even and non-zero rank, input rank is {len(sizes)}")
    return TensorShape.of(sizes[:half]).merge_with(TensorShape.of(sizes[half:]))


def _diag_part_kernel(xp: Any, x: Any) -> Any:
    half = x.ndim // 2
    if x.ndim % 2 or x.shape[:half] != x.shape[half:]:
        fail(f"Invalid shape {list(x.shape)}: the first half of the dimensions must be equal to the second")
    count = int(np.prod(x.shape[:half]))
    return xp.diagonal(x.reshape(count, count)).reshape(x.shape[:half])


@op("DiagPart", shape=_diag_part_shape, kernel=_diag_part_kernel, gradient=lambda op, grad: [diag(grad)])
def diag_part(input: Any, name: str | None = None) -> Tensor:
    """The diagonal that `diag` would put there: `y[i, ...] = input[i, ..., i, ...]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.diag_part([[1, 2], [3, 4]])))
    [1 4]
    """
    return emit("DiagPart", input, name=name)  # type: ignore[no-any-return]


# Batches of matrices


def _band_kernel(xp: Any, x: Any, lower: Any, upper: Any) -> Any:
    rows, columns = x.shape[-2:]
    low, up = int(lower), int(upper)
    for count, size, what, of in ((low, rows, "num_lower", "rows"), (up, columns, "num_upper", "columns")):
        if count > size:
            fail(f"{what} must be negative or less or equal to number of {of} ({size}) got: {count}")
    distance = np.arange(columns) - np.arange(rows)[:, None]
    inside = ((low < 0) | (-distance <= low)) & ((up < 0) | (distance <= up))
    return xp.where(inside, x, xp.zeros((), x.dtype))


def _band_gradient(op: Any, grad: Any) -> list[Any]:
    return [emit("MatrixBandPart", grad, op.inputs[1], op.inputs[2]), None, None]


@op("MatrixBandPart", shape=shapes.unchanged, kernel=_band_kernel, gradient=_band_gradient, static=(1, 2))
def matrix_band_part(input: Any, num_lower: Any, num_upper: Any, name: str | None = None) -> Tensor:
    """Matrices with zeros outside a band around the diagonal.

    Args:
        num_lower, num_upper: how many diagonals below and above the main one to keep; negative: all.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_band_part([[1, 2], [3, 4]], -1, 0)))
    [[1 0]
     [3 4]]
    """
    return emit("MatrixBandPart", input, num_lower, num_upper, name=name)  # type: ignore[no-any-return]


def _matrix_diag_shape(node: Any) -> TensorShape:
    x = node.inputs[0].shape.with_rank_at_least(1)
    return x.concatenate(x[-1:]) if x.ints is not None else x  # type: ignore[no-any-return]


def _matrix_diag_kernel(xp: Any, x: Any) -> Any:
    mask = np.eye(x.shape[-1], dtype=bool)
    return xp.where(mask, x[..., None], xp.zeros((), x.dtype))


@op(
    "MatrixDiag",
    shape=_matrix_diag_shape,
    kernel=_matrix_diag_kernel,
    gradient=lambda op, grad: [emit("MatrixDiagPart", grad, name="diag_part")],
)
def matrix_diag(
    diagonal: Any,
    name: str = "diag",
    k: Any = 0,
    num_rows: Any = -1,
    num_cols: Any = -1,
    padding_value: Any = 0,
) -> Tensor:
    """Square matrices with the last dimension of `diagonal` on their diagonals.

    Args:
        k, num_rows, num_cols, padding_value: not used, as in TensorFlow 1.15: its op has the main
            diagonal only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_diag([1, 2])))
    [[1 0]
     [0 2]]
    """
    return emit("MatrixDiag", diagonal, name=name)  # type: ignore[no-any-return]


def _smaller(a: int | None, b: int | None) -> int | None:
    if 0 in (a, b):
        return 0
    return None if a is None or b is None else min(a, b)


def _matrix_diag_part_shape(node: Any) -> TensorShape:
    x = node.inputs[0].shape.with_rank_at_least(2)
    if x.ints is None:
        return x  # type: ignore[no-any-return]
    return TensorShape.of((*x.ints[:-2], _smaller(*x.ints[-2:])))


def _matrix_diag_part_gradient(op: Any, grad: Any) -> list[Any]:
    x = op.inputs[0]
    sizes = x.shape[-2:].ints
    if sizes is not None and len(sizes) == 2 and None not in sizes and sizes[0] == sizes[1]:
        return [matrix_diag(grad)]
    return [matrix_set_diag(zeros_like(x), grad)]


@op(
    "MatrixDiagPart",
    shape=_matrix_diag_part_shape,
    kernel=lambda xp, x: xp.diagonal(x, axis1=-2, axis2=-1),
    gradient=_matrix_diag_part_gradient,
)
def matrix_diag_part(input: Any, name: str = "diag_part", k: Any = 0, padding_value: Any = 0) -> Tensor:
    """The diagonals of matrices in the last two dimensions.

    Args:
        k, padding_value: not used, as in TensorFlow 1.15, whose op has the main diagonal only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_diag_part([[1, 2], [3, 4]])))
    [1 4]
    """
    return emit("MatrixDiagPart", input, name=name)  # type: ignore[no-any-return]


def _set_diag_shape(node: Any) -> TensorShape:
    x, diagonal = node.inputs[0].shape.with_rank_at_least(2), node.inputs[1].shape.with_rank_at_least(1)
    if x.ints is None:
        if diagonal.ints is None:
            return x  # type: ignore[no-any-return]
        return TensorShape.of((*diagonal.ints[:-1], None, None))
    if diagonal.ints is None:
        return x  # type: ignore[no-any-return]
    if len(diagonal.ints) != len(x.ints) - 1:
        raise ValueError(f"Shape must be rank {len(x.ints) - 1} but is rank {len(diagonal.ints)}")
    lead = TensorShape.of(x.ints[:-2]).merge_with(diagonal.ints[:-1])
    TensorShape.of((_smaller(*x.ints[-2:]),)).merge_with(diagonal.ints[-1:])
    return lead.concatenate(x[-2:])


def _set_diag_kernel(xp: Any, x: Any, diagonal: Any) -> Any:
    rows, columns = x.shape[-2:]
    length = min(rows, columns)
    if diagonal.shape != (*x.shape[:-2], length):
        fail(
            f"The diagonal's shape {list(diagonal.shape)} does not fit that of the matrices, {list(x.shape)}"
        )
    mask = np.eye(rows, columns, dtype=bool)
    spread = xp.pad(diagonal, [(0, 0)] * (x.ndim - 2) + [(0, max(rows, columns) - length)])
    return xp.where(mask, spread[..., :rows, None], x)


def _set_diag_gradient(op: Any, grad: Any) -> list[Any]:
    whole = op.inputs[0].shape.merge_with(grad.shape)
    sizes = None
    if whole.ints is not None:
        lead = whole[:-2].merge_with(op.inputs[1].shape[:-1])
        sizes = whole[-2:] if lead.is_fully_defined() and whole[-2:].is_fully_defined() else None
    if sizes is not None:
        blank = zeros([*lead.as_list(), min(sizes.as_list())], dtype=grad.dtype)
    else:
        blank = zeros(_diagonal_shape(grad), dtype=grad.dtype)
    return [matrix_set_diag(grad, blank), matrix_diag_part(grad)]


def _diagonal_shape(grad: Any) -> Tensor:
    """The shape of the diagonals of matrices whose shapes only the run knows."""
    with colocate_with(grad):
        sizes, count = shape(grad), rank(grad)
        lead = emit("Slice", sizes, [0], [count - 2])
        matrix = emit("Slice", sizes, [count - 2], [2])
        length = emit("Min", matrix, all_axes(matrix))
        return concat([lead, [length]], 0)


@op("MatrixSetDiag", shape=_set_diag_shape, kernel=_set_diag_kernel, gradient=_set_diag_gradient)
def matrix_set_diag(input: Any, diagonal: Any, name: str = "set_diag", k: Any = 0) -> Tensor:
    """Matrices with their diagonals replaced.

    Args:
        k: not used, as in TensorFlow 1.15, whose op has the main diagonal only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_set_diag([[1, 2], [3, 4]], [8, 9])))
    [[8 2]
     [3 9]]
    """
    return emit("MatrixSetDiag", input, diagonal, name=name)  # type: ignore[no-any-return]


def eye(
    num_rows: Any,
    num_columns: Any = None,
    batch_shape: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """The identity matrix, or a batch of them.

    Args:
        num_columns: the number of columns, when the matrix is not square.
        batch_shape: a list of integers or a 1-D integer tensor: the dimensions in front.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.eye(2)))
    [[1. 0.]
     [0. 1.]]
    """
    with name_scope(name, "eye", [num_rows, num_columns, batch_shape]):
        square = num_columns is None
        batch_shape = [] if batch_shape is None else batch_shape
        num_columns = num_rows if num_columns is None else num_columns
        if isinstance(num_rows, Tensor) or isinstance(num_columns, Tensor):
            length = emit("Minimum", num_rows, num_columns)
        else:
            for size, what in ((num_rows, "num_rows"), (num_columns, "num_columns")):
                if not isinstance(size, (numbers.Integral, np.integer)):
                    raise TypeError(f"{what} must be an integer, not {size!r}")
            square, length = num_rows == num_columns, min(num_rows, num_columns)
        if isinstance(batch_shape, Tensor) or isinstance(length, Tensor):
            batch = convert_to_tensor(batch_shape, dtypes.int32, name="shape")
            diagonal: Any = concat((batch, [length]), axis=0)
            whole: Any = None if square else concat((batch, [num_rows, num_columns]), axis=0)
        else:
            diagonal = [*batch_shape, length]
            whole = [*batch_shape, num_rows, num_columns]
        one = ones(diagonal, dtype)
        return matrix_diag(one) if square else matrix_set_diag(zeros(whole, dtype), one)
