"""Inverses, determinants and solutions of linear systems, with their gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.control_flow import cond
from reflow.ops.linalg import matmul

NOT_INVERTIBLE = "Input matrix is not invertible."


# Inverse and determinants


def _has_inverse(xp: Any, a: Any) -> Any:
    """Whether no matrix of the batch is singular to the last bit: no zero among the pivots."""
    if a.size == 0:
        return np.True_
    if xp is np:
        return np.all(np.linalg.slogdet(a)[0] != 0)
    return xp.all(xp.linalg.slogdet(a)[0] != 0)


@mats.widened
def _solved(xp: Any, a: Any, b: Any) -> Any:
    """The solution of a x = b; not-a-numbers for singular matrices."""
    return xp.linalg.solve(a, b)


def _inverse_kernel(xp: Any, a: Any, *, adjoint: bool) -> Any:
    mats.check_square(xp, a)
    a = mats.adjoint(xp, a) if adjoint else a
    wide = a.astype(np.float32) if mats.is_short(a) else a
    require(xp, _has_inverse(xp, wide), "Input is not invertible.")
    return xp.linalg.inv(wide).astype(a.dtype)


def _inverse_gradient(op: Any, grad: Any) -> Any:
    inverse = op.outputs[0]
    return -matmul(inverse, matmul(grad, inverse, adjoint_b=True), adjoint_a=True)


@op("MatrixInverse", shape=mats.square_matrices, kernel=_inverse_kernel, gradient=_inverse_gradient)
def matrix_inverse(input: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The inverses of square matrices [..., m, m] (or of their conjugate transposes, with `adjoint`).

    Raises:
        InvalidArgumentError: when run, if a matrix has none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_inverse([[2.0, 0.0], [0.0, 4.0]])))
    [[0.5  0.  ]
     [0.   0.25]]
    """
    return emit("MatrixInverse", input, adjoint=adjoint, name=name)


@mats.widened
def _determinant_kernel(xp: Any, a: Any) -> Any:
    mats.check_square(xp, a)
    return xp.asarray(xp.linalg.det(a))


def _scaled_inverse(op: Any, factors: Any, like: Any) -> Any:
    """The adjoint inverse of the input, each matrix times its own factor."""
    inverse = matrix_inverse(op.inputs[0], adjoint=True)
    scalars = blocks.reshape(factors(), blocks.concat([blocks.shape_of(like), [1, 1]], 0))
    return scalars * inverse


def _determinant_gradient(op: Any, grad: Any) -> Any:
    value = op.outputs[0]
    return _scaled_inverse(op, lambda: grad * value, value)


@op(
    "MatrixDeterminant",
    shape=mats.one_number_each,
    kernel=_determinant_kernel,
    gradient=_determinant_gradient,
)
def matrix_determinant(input: Any, name: str | None = None) -> Any:
    """The determinants of square matrices [..., m, m]: [...].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_determinant([[2.0, 0.0], [0.0, 4.0]])))
    8.0
    """
    return emit("MatrixDeterminant", input, name=name)


class LogMatrixDeterminant(NamedTuple):
    """Determinants as their signs and the logarithms of their absolute values."""

    sign: Any
    log_abs_determinant: Any


@mats.widened
def _log_determinant_kernel(xp: Any, a: Any) -> tuple[Any, Any]:
    mats.check_square(xp, a)
    sign, log = xp.linalg.slogdet(a)
    return xp.asarray(sign), xp.asarray(log).astype(a.dtype)


def _log_determinant_gradient(op: Any, _: Any, grad: Any) -> Any:
    return _scaled_inverse(op, lambda: grad, op.outputs[1])


@op(
    "LogMatrixDeterminant",
    shape=mats.one_number_each,
    kernel=_log_determinant_kernel,
    gradient=_log_determinant_gradient,
)
def log_matrix_determinant(input: Any, name: str | None = None) -> LogMatrixDeterminant:
    """The determinants of square matrices [..., m, m], as signs and logarithms of absolute values.

    Returns:
        A named pair: `sign` and `log_abs_determinant`, both [...] and of the input's type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.slogdet([[-1.0, 0.0], [0.0, 1.0]]).sign))
    -1.0
    """
    return LogMatrixDeterminant(*emit("LogMatrixDeterminant", input, name=name))


def logdet(matrix: Any, name: str | None = None) -> Any:
    """The logarithms of the determinants of Hermitian positive definite matrices [..., m, m]: [...].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.logdet([[1.0, 0.0], [0.0, 1.0]])))
    0.0
    """
    with name_scope(name, "logdet", [matrix]):
        factor = emit("Cholesky", matrix)
        diagonal = blocks.real(blocks.diagonal_of(factor))
        return 2.0 * blocks.reduce("Sum", emit("Log", diagonal), [-1])


# Linear systems


def _solve_shape(node: Any) -> TensorShape:
    return _solution_shape(node, square_only=True)


def _solution_shape(node: Any, square_only: bool) -> TensorShape:
    """Left [..., m, n], right [..., m, k]: solution [..., n, k]."""
    left, right = (mats.at_least(x.shape, 2) for x in node.inputs[:2])
    if left is None and right is None:
        return unknown_shape()
    known = left if left is not None else right
    assert known is not None
    batch = known[:-2] if left is None or right is None else mats.merged(left[:-2], right[:-2])
    rows, columns = left[-2:] if left is not None else (None, None)
    if right is not None:
        rows = mats.same(rows, right[-2])
    if square_only:
        columns = mats.same(rows, columns)
    return TensorShape.of((*batch, columns, right[-1] if right is not None else None))


def _check_system(xp: Any, a: Any, b: Any) -> None:
    mats.check_square(xp, a)
    fits = a.ndim == b.ndim and a.shape[:-1] == b.shape[:-1]
    require(xp, fits, "Input matrix and rhs are incompatible: {} vs. {}", mats.shown(a), mats.shown(b))


def _solve_kernel(xp: Any, a: Any, b: Any, *, adjoint: bool) -> Any:
    _check_system(xp, a, b)
    a = mats.adjoint(xp, a) if adjoint else a
    wide = a.astype(np.float32) if mats.is_short(a) else a
    require(xp, _has_inverse(xp, wide), NOT_INVERTIBLE)
    return _solved(xp, a, b)


def _system_gradient(op: Any, grad: Any, solve: Any) -> list[Any]:
    adjoint, solution = op.attrs["adjoint"], op.outputs[0]
    right_grad = solve(op.inputs[0], grad, adjoint=not adjoint)
    x, y = (solution, right_grad) if adjoint else (right_grad, solution)
    return [-matmul(x, y, adjoint_b=True), right_grad]


def _solve_gradient(op: Any, grad: Any) -> list[Any]:
    return _system_gradient(op, grad, matrix_solve)


@op("MatrixSolve", shape=_solve_shape, kernel=_solve_kernel, gradient=_solve_gradient)
def matrix_solve(matrix: Any, rhs: Any, adjoint: bool = False, name: str | None = None) -> Any:
    """The solutions of linear systems: matrix [..., m, m] times solution [..., m, k] is rhs [..., m, k].

    Args:
        matrix, rhs: tensors of one float or complex type.
        adjoint: take the matrices' conjugate transposes.

    Raises:
        InvalidArgumentError: when run, if a matrix is singular.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_solve([[2.0, 0.0], [0.0, 4.0]], [[1.0], [1.0]])))
    [[0.5 ]
     [0.25]]
    """
    return emit("MatrixSolve", matrix, rhs, adjoint=adjoint, name=name)


def _triangular_kernel(xp: Any, a: Any, b: Any, *, lower: bool, adjoint: bool) -> Any:
    _check_system(xp, a, b)
    diagonal = xp.diagonal(a, axis1=-2, axis2=-1)
    require(xp, xp.all(diagonal != 0), NOT_INVERTIBLE)
    triangle = xp.tril(a) if lower else xp.triu(a)
    return _solved(xp, mats.adjoint(xp, triangle) if adjoint else triangle, b)


def _triangular_xla(jnp: Any, a: Any, b: Any, *, lower: bool, adjoint: bool) -> Any:
    import jax

    _check_system(jnp, a, b)
    require(jnp, jnp.all(jnp.diagonal(a, axis1=-2, axis2=-1) != 0), NOT_INVERTIBLE)

    @mats.widened
    def solve(_: Any, x: Any, y: Any) -> Any:
        return jax.lax.linalg.triangular_solve(
            x, y, left_side=True, lower=lower, transpose_a=adjoint, conjugate_a=adjoint
        )

    return solve(jnp, a, b)


def _triangular_gradient(op: Any, grad: Any) -> list[Any]:
    lower = op.attrs["lower"]

    def solve(matrix: Any, rhs: Any, adjoint: bool) -> Any:
        return matrix_triangular_solve(matrix, rhs, lower=lower, adjoint=adjoint)

    left_grad, right_grad = _system_gradient(op, grad, solve)
    return [blocks.band_part(left_grad, -1, 0) if lower else blocks.band_part(left_grad, 0, -1), right_grad]


@op(
    "MatrixTriangularSolve",
    shape=_solve_shape,
    kernel=_triangular_kernel,
    xla=_triangular_xla,
    gradient=_triangular_gradient,
)
def matrix_triangular_solve(
    matrix: Any, rhs: Any, lower: bool = True, adjoint: bool = False, name: str | None = None
) -> Any:
    """The solutions of triangular systems, by substitution; only one triangle of the matrices is read.

    Args:
        matrix, rhs: tensors [..., m, m] and [..., m, k] of one float or complex type.
        lower: the triangle to read.
        adjoint: take the matrices' conjugate transposes.

    Raises:
        InvalidArgumentError: when run, if there is a zero on a diagonal.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_triangular_solve([[1.0, 9.0], [1.0, 2.0]], [[1.0], [2.0]])))
    [[1. ]
     [0.5]]
    """
    return emit("MatrixTriangularSolve", matrix, rhs, lower=lower, adjoint=adjoint, name=name)


def cholesky_solve(chol: Any, rhs: Any, name: str | None = None) -> Any:
    """The solutions of A x = rhs for matrices A given by their lower Cholesky factors `chol` [..., m, m].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.cholesky_solve([[2.0, 0.0], [0.0, 1.0]], [[4.0], [3.0]])))
    [[1.]
     [3.]]
    """
    with name_scope(name, "cholesky_solve", [chol, rhs]):
        half = matrix_triangular_solve(chol, rhs, adjoint=False, lower=True)
        return matrix_triangular_solve(chol, half, adjoint=True, lower=True)


# Least squares

CACHE_BYTES = 256000  # above this, TensorFlow takes its one-matrix-at-a-time op for large batches


def _gram_factor(matrix: Any, regularizer: Any, columns: bool) -> Any:
    """The Cholesky factor of A^H A (or of A A^H) plus `regularizer` times the identity."""
    gram = matmul(matrix, matrix, adjoint_a=columns, adjoint_b=not columns)
    if hasattr(regularizer, "op") or regularizer != 0:
        shape = blocks.shape_of(matrix)
        batch = shape[:-2]
        axis = -1 if columns else -2
        identity = blocks.eye(shape[axis], batch_shape=batch, dtype=matrix.dtype)
        size = matrix.shape[axis]
        identity.set_shape(matrix.shape[:-2].concatenate([size, size]))
        gram = gram + regularizer * identity
    return emit("Cholesky", gram)


def _overdetermined(matrix: Any, rhs: Any, regularizer: Any) -> Any:
    factor = _gram_factor(matrix, regularizer, columns=True)
    return cholesky_solve(factor, matmul(matrix, rhs, adjoint_a=True))


def _underdetermined(matrix: Any, rhs: Any, regularizer: Any) -> Any:
    factor = _gram_factor(matrix, regularizer, columns=False)
    return matmul(matrix, cholesky_solve(factor, rhs), adjoint_a=True)


def _is_composite(matrix: Any, fast: bool) -> bool:
    """Whether TensorFlow composes the solution of other ops."""
    dims = matrix.shape
    if not fast:
        return False
    if not dims.is_fully_defined():
        return True
    large = dims.num_elements() * matrix.dtype.size > CACHE_BYTES
    return not (large and (dims[:-2].num_elements() or 0) > min(dims.as_list()[-2:]))


def _least_squares_shape(node: Any) -> TensorShape:
    mats.ranked(node.inputs[2].shape, 0)
    return _solution_shape(node, square_only=False)


@mats.widened
def _least_squares(xp: Any, a: Any, b: Any, regularizer: Any, *, fast: bool) -> Any:
    """The normal equations when `fast`, else the pseudoinverse, which ignores the regularizer."""
    fits = a.ndim == b.ndim and a.shape[:-1] == b.shape[:-1]
    require(xp, fits, "Input matrix and rhs are incompatible: {} vs. {}", mats.shown(a), mats.shown(b))
    conjugate = mats.adjoint(xp, a)
    if not fast:
        small = np.finfo(a.dtype).eps * max(a.shape[-2:], default=0)
        return xp.matmul(xp.linalg.pinv(a, rcond=small), b).astype(b.dtype)
    tall = a.shape[-2] >= a.shape[-1]
    gram = xp.matmul(conjugate, a) if tall else xp.matmul(a, conjugate)
    gram = gram + (regularizer * xp.eye(gram.shape[-1])).astype(a.dtype)
    require(
        xp,
        _has_inverse(xp, gram),
        "Input matrix was rank deficient or ill-conditioned. Try setting fast=False",
    )
    solution = xp.matmul(conjugate, b) if tall else b
    solution = xp.linalg.solve(gram, solution)
    return solution if tall else xp.matmul(conjugate, solution)


def _least_squares_gradient(op: Any, grad: Any) -> list[Any]:
    if not op.attrs["fast"]:
        raise ValueError("Gradient not defined for fast=False")
    size = op.inputs[0].shape[-2:]
    if not size.is_fully_defined():
        tall, wide = _overdetermined_gradient, _underdetermined_gradient
        found = cond(_is_tall(op.inputs[0]), lambda: tall(op, grad)[:2], lambda: wide(op, grad)[:2])
        return [*found, None]
    rows, columns = size.as_list()
    return (_overdetermined_gradient if rows >= columns else _underdetermined_gradient)(op, grad)


def _is_tall(matrix: Any) -> Any:
    """Whether matrices turn out to have at least as many rows as columns."""
    sizes = blocks.shape_of(matrix)[-2:]
    return sizes[-2] >= sizes[-1]


def _overdetermined_gradient(op: Any, grad: Any) -> list[Any]:
    a, b = op.inputs[:2]
    regularizer = blocks.cast(op.inputs[2], a.dtype.base_dtype)
    factor = _gram_factor(a, regularizer, columns=True)
    z = cholesky_solve(factor, grad)
    outer = matmul(op.outputs[0], z, adjoint_b=True)
    both = outer + blocks.matrix_transpose(outer)
    grad_a = -matmul(a, both) + matmul(b, z, adjoint_b=True)
    return [grad_a, matmul(a, z), None]


def _underdetermined_gradient(op: Any, grad: Any) -> list[Any]:
    a, b = op.inputs[:2]
    regularizer = blocks.cast(op.inputs[2], a.dtype.base_dtype)
    factor = _gram_factor(a, regularizer, columns=False)
    grad_b = cholesky_solve(factor, matmul(a, grad))
    inner = cholesky_solve(factor, b)
    first = -matmul(grad_b, matmul(inner, a, adjoint_a=True))
    rest = grad - matmul(a, grad_b, adjoint_a=True)
    return [first + matmul(inner, rest, adjoint_b=True), grad_b, None]


@op("MatrixSolveLs", shape=_least_squares_shape, kernel=_least_squares, gradient=_least_squares_gradient)
def matrix_solve_ls(
    matrix: Any, rhs: Any, l2_regularizer: Any = 0.0, fast: bool = True, name: str | None = None
) -> Any:
    """The least-squares solutions x [..., n, k] of matrix [..., m, n] times x = rhs [..., m, k].

    Args:
        matrix, rhs: tensors of one float or complex type.
        l2_regularizer: a number or scalar: the weight of |x|^2 in what is minimized. Not used if not `fast`.
        fast: solve the normal equations; else a slower method that takes matrices of any rank.

    Raises:
        NotImplementedError: for complex128 with a regularizer.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matrix_solve_ls([[1.0], [1.0]], [[1.0], [3.0]])))
    [[2.]]
    """
    matrix = convert_to_tensor(matrix, name="matrix")
    if matrix.dtype == dtypes.complex128 and l2_regularizer != 0:
        raise NotImplementedError(
            "matrix_solve_ls takes no l2_regularizer for complex128: its accuracy is poor"
        )
    if not _is_composite(matrix, fast):
        return emit("MatrixSolveLs", matrix, rhs, l2_regularizer, fast=fast, name=name)
    with name_scope(name, "matrix_solve_ls", [matrix, rhs, l2_regularizer]):
        size = matrix.shape[-2:]
        if not size.is_fully_defined():
            return cond(
                _is_tall(matrix),
                lambda: _overdetermined(matrix, rhs, l2_regularizer),
                lambda: _underdetermined(matrix, rhs, l2_regularizer),
            )
        rows, columns = size.as_list()
        return (_overdetermined if rows >= columns else _underdetermined)(matrix, rhs, l2_regularizer)


# Tridiagonal systems


def _tridiagonal_shape(node: Any) -> TensorShape:
    diagonals, right = (mats.at_least(x.shape, 2) for x in node.inputs)
    if diagonals is None or right is None:
        return unknown_shape() if right is None else TensorShape.of(right)
    mats.same(diagonals[-2], 3)
    batch = mats.merged(diagonals[:-2], right[:-2])
    return TensorShape.of((*batch, mats.same(diagonals[-1], right[-2]), right[-1]))


def _tridiagonal_kernel(xp: Any, diagonals: Any, rhs: Any, *, partial_pivoting: bool) -> Any:
    """LAPACK's banded solver, one system after the other; it always pivots."""
    from scipy.linalg import LinAlgError, solve_banded

    bands = np.zeros_like(diagonals)
    bands[..., 0, 1:] = diagonals[..., 0, :-1]
    bands[..., 1, :] = diagonals[..., 1, :]
    bands[..., 2, :-1] = diagonals[..., 2, 1:]
    result = np.empty_like(rhs)
    for index in np.ndindex(*rhs.shape[:-2]) if rhs.size else ():
        try:
            result[index] = solve_banded((1, 1), bands[index], rhs[index], check_finite=False)
        except LinAlgError:
            require(
                np,
                False,
                "The first element of diagonals is zero." if not partial_pivoting else NOT_INVERTIBLE,
            )
    return result


def _tridiagonal_xla(jnp: Any, diagonals: Any, rhs: Any) -> Any:
    import jax

    above, main, below = (diagonals[..., i, :] for i in range(3))
    above, below = above.at[..., -1].set(0), below.at[..., 0].set(0)
    return jax.lax.linalg.tridiagonal_solve(below, main, above, rhs)


def _transposed_bands(diagonals: Any) -> Any:
    """The compact diagonals of the transposed matrices."""
    main = diagonals[..., 1, :]
    if diagonals.shape.is_fully_defined():
        none = blocks.zeros([*diagonals.shape.as_list()[:-2], 1], diagonals.dtype)
        above = blocks.concat([diagonals[..., 2, 1:], none], -1)
        below = blocks.concat([none, diagonals[..., 0, :-1]], -1)
    else:
        rank = blocks.rank_of(diagonals)
        none = blocks.zeros((rank - 2, 2), dtypes.int32)
        paddings = blocks.concat([none, convert_to_tensor([[0, 1]])], 0)
        above = emit("Pad", diagonals[..., 2, 1:], paddings)
        paddings = blocks.concat([none, convert_to_tensor([[1, 0]])], 0)
        below = emit("Pad", diagonals[..., 0, :-1], paddings)
    return blocks.stack([above, main, below], axis=-2)


def _three_diagonals(x: Any, y: Any) -> Any:
    """The compact three diagonals of x y^T."""

    def summed(z: Any) -> Any:
        return blocks.reduce("Sum", x * z, -1)

    main = summed(y)
    if y.shape.is_fully_defined():
        none = blocks.zeros([*x.shape.as_list()[:-2], 1, x.shape.as_list()[-1]], x.dtype)
        above = summed(blocks.concat([y[..., 1:, :], none], -2))
        below = summed(blocks.concat([none, y[..., :-1, :]], -2))
    else:
        rank = blocks.rank_of(y)
        none = blocks.zeros((rank - 2, 2), dtypes.int32)
        paddings = blocks.concat([none, convert_to_tensor([[0, 1], [0, 0]])], 0)
        above = summed(emit("Pad", y[..., 1:, :], paddings))
        paddings = blocks.concat([none, convert_to_tensor([[1, 0], [0, 0]])], 0)
        below = summed(emit("Pad", y[..., :-1, :], paddings))
    return blocks.stack([above, main, below], axis=-2)


def _tridiagonal_gradient(op: Any, grad: Any) -> list[Any]:
    bands = _transposed_bands(op.inputs[0])
    grad_rhs = emit("TridiagonalSolve", bands, grad, partial_pivoting=op.attrs["partial_pivoting"])
    return [-_three_diagonals(grad_rhs, op.outputs[0]), grad_rhs]


register(
    "TridiagonalSolve",
    shape=_tridiagonal_shape,
    kernel=_tridiagonal_kernel,
    xla=_tridiagonal_xla,
    gradient=_tridiagonal_gradient,
)
