"""Factors and functions of matrices: Cholesky, QR, LU, eigenvalues, singular values, exponential, root."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.graph import control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.linalg import matmul
from reflow.ops.linalg_solvers import matrix_solve, matrix_triangular_solve

# Cholesky

NOT_DEFINITE = "Cholesky decomposition was not successful. The input might not be valid."


@mats.widened
def _cholesky_kernel(xp: Any, a: Any) -> Any:
    """Only the lower triangle is read. A not-a-number in the input gives not-a-numbers, as in TensorFlow."""
    mats.check_square(xp, a)
    strange = np.isnan(a).any(axis=(-2, -1), keepdims=True)
    try:
        factor = np.linalg.cholesky(np.where(strange, np.eye(a.shape[-1], dtype=a.dtype), a))
    except np.linalg.LinAlgError:
        require(np, False, NOT_DEFINITE)
    return np.where(strange, np.tril(np.full_like(factor, np.nan)), factor)


def _cholesky_xla(jnp: Any, a: Any) -> Any:
    @mats.widened
    def run(_: Any, a: Any) -> Any:
        lower = jnp.tril(a)
        whole = lower + mats.adjoint(jnp, jnp.tril(a, -1))
        factor = jnp.linalg.cholesky(whole, symmetrize_input=False)
        require(jnp, ~jnp.any(jnp.isnan(factor)) | jnp.any(jnp.isnan(lower)), NOT_DEFINITE)
        return factor

    mats.check_square(jnp, a)
    return run(jnp, a)


def _cholesky_gradient(op: Any, grad: Any) -> Any:
    factor = op.outputs[0]
    size = blocks.shape_of(factor)[-1]
    batch = blocks.shape_of(factor)[:-2]
    inverse = matrix_triangular_solve(factor, blocks.eye(size, batch_shape=batch, dtype=factor.dtype))
    middle = matmul(factor, grad, adjoint_a=True)
    middle = blocks.with_diagonal(middle, 0.5 * blocks.diagonal_of(middle))
    middle = blocks.band_part(middle, -1, 0)
    result = matmul(matmul(inverse, middle, adjoint_a=True), inverse)
    return (result + blocks.adjoint(result)) * 0.5


@op(
    "Cholesky",
    shape=mats.square_matrices,
    kernel=_cholesky_kernel,
    xla=_cholesky_xla,
    gradient=_cholesky_gradient,
)
def cholesky(input: Any, name: str | None = None) -> Any:
    """The lower triangular factors L of Hermitian positive definite matrices [..., m, m] = L L^H.

    Only the lower triangles of the input are read.

    Raises:
        InvalidArgumentError: when run, if a matrix is not positive definite.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.cholesky([[4.0, 0.0], [0.0, 9.0]])))
    [[2. 0.]
     [0. 3.]]
    """
    return emit("Cholesky", input, name=name)


# QR


class Qr(NamedTuple):
    """The factors of a QR decomposition."""

    q: Any
    r: Any


def _qr_shape(node: Any) -> list[TensorShape]:
    dims = mats.at_least(node.inputs[0].shape, 2)
    if dims is None:
        return [unknown_shape()] * 2
    *batch, m, n = dims
    p = m if node.attrs["full_matrices"] else _smaller(m, n)
    return [TensorShape.of((*batch, m, p)), TensorShape.of((*batch, p, n))]


def _smaller(m: int | None, n: int | None) -> int | None:
    if m == 0 or n == 0:
        return 0
    return None if m is None or n is None else min(m, n)


@mats.widened
def _qr_kernel(xp: Any, a: Any, *, full_matrices: bool) -> tuple[Any, Any]:
    q, r = xp.linalg.qr(a, mode="complete" if full_matrices else "reduced")
    return q, r


def _upper_solve(x: Any, r: Any) -> Any:
    """x times the inverse of r^H, for an upper triangular r."""
    return blocks.adjoint(matrix_triangular_solve(r, blocks.adjoint(x), lower=False, adjoint=False))


def _qr_gradient(op: Any, q_grad: Any, r_grad: Any) -> Any:
    q, r = op.outputs
    if q.dtype.is_complex:
        raise NotImplementedError(f"The gradient of {op.name} (Qr) is not defined for {q.dtype.name}")
    rows, columns = r.shape.as_list()[-2:] if r.shape.ndims is not None else (None, None)
    if rows is None or columns is None:
        raise NotImplementedError(f"The gradient of {op.name} (Qr) needs the static shape of its matrices")
    if rows != columns:
        raise NotImplementedError(
            f"The gradient of {op.name} (Qr) is not defined when there are more columns than rows, "
            "or when full_matrices is true and the matrices are not square"
        )
    qdq = matmul(q, q_grad, adjoint_a=True)
    q_part = qdq - blocks.adjoint(qdq)
    rdr = matmul(r, r_grad, adjoint_b=True)
    r_part = rdr - blocks.adjoint(rdr)
    lower = blocks.band_part(q_part + r_part, -1, 0)
    first = matmul(q, r_grad + _upper_solve(lower, r))
    second = _upper_solve(q_grad - matmul(q, qdq), r)
    return first + second


@op("Qr", shape=_qr_shape, kernel=_qr_kernel, gradient=_qr_gradient)
def qr(input: Any, full_matrices: bool = False, name: str | None = None) -> Qr:
    """The QR decompositions of matrices [..., m, n]: q has orthonormal columns, r is upper triangular.

    Returns:
        A named pair: `q` [..., m, p] and `r` [..., p, n], p being min(m, n), or m with `full_matrices`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(abs(sess.run(tf.qr([[0.0, 2.0], [3.0, 0.0]]).r)))
    [[3. 0.]
     [0. 2.]]
    """
    return Qr(*emit("Qr", input, full_matrices=full_matrices, name=name))


# LU


class Lu(NamedTuple):
    """The factors of an LU decomposition, in one matrix, and the order of the rows."""

    lu: Any
    p: Any


def _lu_shape(node: Any) -> list[TensorShape]:
    found = mats.square(node.inputs[0].shape)
    if found is None:
        return [unknown_shape()] * 2
    batch, size = found
    return [TensorShape.of((*batch, size, size)), TensorShape.of((*batch, size))]


def _lu_kernel(xp: Any, a: Any, *, output_idx_type: Any) -> tuple[Any, Any]:
    """Gaussian elimination with row exchanges, for all matrices of the batch at a time."""
    mats.check_square(xp, a)
    size = a.shape[-1]
    lu = np.array(a).reshape(-1, size, size)
    order = np.tile(np.arange(size), (len(lu), 1))
    each = np.arange(len(lu))
    for k in range(size):
        pivot = k + np.argmax(np.abs(lu[:, k:, k]), axis=1)
        for rows in (lu, order):
            rows[each, k], rows[each, pivot] = rows[each, pivot], rows[each, k]
        require(xp, np.all(lu[:, k, k] != 0), "Input is not invertible.")
        lu[:, k + 1 :, k] /= lu[:, k, k, None]
        lu[:, k + 1 :, k + 1 :] -= lu[:, k + 1 :, k, None] * lu[:, k, None, k + 1 :]
    return lu.reshape(a.shape), order.reshape(a.shape[:-1]).astype(output_idx_type.as_numpy_dtype)


def _lu_xla(jnp: Any, a: Any, *, output_idx_type: Any) -> tuple[Any, Any]:
    import jax

    mats.check_square(jnp, a)
    lu, _, order = jax.lax.linalg.lu(a)
    pivots = jnp.diagonal(lu, axis1=-2, axis2=-1)
    require(jnp, jnp.all(pivots != 0), "Input is not invertible.")
    return lu, order.astype(output_idx_type.as_numpy_dtype)


@op("Lu", shape=_lu_shape, kernel=_lu_kernel, xla=_lu_xla)
def lu(input: Any, output_idx_type: Any = dtypes.int32, name: str | None = None) -> Lu:
    """The LU decompositions of square matrices [..., m, m].

    Returns:
        A named pair: `lu` [..., m, m], holding the upper factor and, below the diagonal, the lower one (whose
            diagonal
        is 1); and `p` [..., m], the order of the input's rows: row i of the product is row p[i] of the input.

    Raises:
        InvalidArgumentError: when run, if a matrix is singular.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.lu([[0.0, 2.0], [4.0, 0.0]]).p))
    [1 0]
    """
    return Lu(*emit("Lu", input, output_idx_type=output_idx_type, name=name))


# Eigenvalues


def _eigen_shape(node: Any) -> list[TensorShape]:
    found = mats.square(node.inputs[0].shape)
    vectors = node.attrs["compute_v"]
    if found is None:
        return [unknown_shape(), unknown_shape() if vectors else TensorShape.of((0,))]
    batch, size = found
    return [TensorShape.of((*batch, size)), TensorShape.of((*batch, size, size) if vectors else (0,))]


@mats.widened
def _eigen_kernel(xp: Any, a: Any, *, compute_v: bool) -> tuple[Any, Any]:
    mats.check_square(xp, a)
    options: dict[str, Any] = {} if xp is np else {"symmetrize_input": False}
    if not compute_v:
        return xp.linalg.eigvalsh(a, UPLO="L", **options).astype(a.dtype), xp.zeros((0,), a.dtype)
    values, vectors = xp.linalg.eigh(a, UPLO="L", **options)
    return values.astype(a.dtype), vectors


def _eigen_gradient(op: Any, value_grad: Any, vector_grad: Any) -> Any:
    values = op.outputs[0]
    with control_dependencies([value_grad, vector_grad]):
        if op.attrs["compute_v"]:
            vectors = op.outputs[1]
            gaps = blocks.expand_dims(values, -2) - blocks.expand_dims(values, -1)
            factors = blocks.with_diagonal(emit("Reciprocal", gaps), blocks.zeros_like(values))
            inner = blocks.diagonal_matrix(value_grad)
            inner = inner + factors * matmul(vectors, vector_grad, adjoint_a=True)
        else:
            _, vectors = self_adjoint_eig(op.inputs[0])
            inner = blocks.diagonal_matrix(value_grad)
        grad = matmul(vectors, matmul(inner, vectors, adjoint_b=True))
        # The op reads the lower triangle only: the gradient is folded into it.
        grad = blocks.band_part(grad + blocks.adjoint(grad), -1, 0)
        return blocks.with_diagonal(grad, 0.5 * blocks.diagonal_of(grad))


@op("SelfAdjointEigV2", shape=_eigen_shape, kernel=_eigen_kernel, gradient=_eigen_gradient)
def self_adjoint_eig(tensor: Any, name: str | None = None) -> tuple[Any, Any]:
    """The eigenvalues, ascending, and eigenvectors of Hermitian matrices [..., m, m].

    Only the lower triangles are read.

    Returns:
        The values [..., m], and the vectors [..., m, m], which are the columns.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.self_adjoint_eig([[2.0, 0.0], [0.0, 1.0]])[0]))
    [1. 2.]
    """
    values, vectors = emit("SelfAdjointEigV2", tensor, compute_v=True, name=name)
    return values, vectors


def self_adjoint_eigvals(tensor: Any, name: str | None = None) -> Any:
    """The eigenvalues [..., m], ascending, of Hermitian matrices [..., m, m].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.self_adjoint_eigvals([[2.0, 0.0], [0.0, 1.0]])))
    [1. 2.]
    """
    values, _ = emit("SelfAdjointEigV2", tensor, compute_v=False, name=name)
    return values


# Singular values


def _svd_shape(node: Any) -> list[TensorShape]:
    dims = mats.at_least(node.inputs[0].shape, 2)
    empty = TensorShape.of((0,))
    vectors = node.attrs["compute_uv"]
    if dims is None:
        return [unknown_shape(), *([unknown_shape()] * 2 if vectors else [empty, empty])]
    *batch, m, n = dims
    p = _smaller(m, n)
    if not vectors:
        return [TensorShape.of((*batch, p)), empty, empty]
    sides = (m, n) if node.attrs["full_matrices"] else (p, p)
    left, right = TensorShape.of((*batch, m, sides[0])), TensorShape.of((*batch, n, sides[1]))
    return [TensorShape.of((*batch, p)), left, right]


@mats.widened
def _svd_kernel(xp: Any, a: Any, *, compute_uv: bool, full_matrices: bool) -> tuple[Any, Any, Any]:
    if not compute_uv:
        values = xp.linalg.svd(a, compute_uv=False)
        return values.astype(a.dtype), xp.zeros((0,), a.dtype), xp.zeros((0,), a.dtype)
    left, values, right = xp.linalg.svd(a, full_matrices=full_matrices)
    return values.astype(a.dtype), left, mats.adjoint(xp, right)


def _svd_gradient(op: Any, s_grad: Any, u_grad: Any, v_grad: Any) -> Any:
    a = op.inputs[0]
    shape = a.shape.with_rank_at_least(2)
    s_grad_matrix = blocks.diagonal_matrix(s_grad)
    if not op.attrs["compute_uv"]:
        _, u, v = svd(a, compute_uv=True)
        grad = matmul(u, matmul(s_grad_matrix, v, adjoint_b=True))
        grad.set_shape(shape)
        return grad
    rows, columns = _svd_sizes(op, u_grad, v_grad)
    s, u, v = op.outputs
    wide = rows <= columns
    if not wide:  # the rule is for wide matrices: take the transpose
        u, v, u_grad, v_grad = v, u, v_grad, u_grad
    with control_dependencies([s_grad, u_grad, v_grad]):
        full = op.attrs["full_matrices"]
        if full and abs(rows - columns) > 1:
            raise NotImplementedError(
                f"The gradient of {op.name} (Svd) with full_matrices needs (nearly) square matrices, "
                f"not {rows} by {columns}"
            )
        grad = _svd_wide_gradient(s, u, v, s_grad_matrix, u_grad, v_grad, sorted((rows, columns)), full)
        grad = grad if wide else blocks.matrix_transpose(grad)
        batch = shape[:-2].merge_with(u_grad.shape[:-2]).merge_with(v_grad.shape[:-2])
        grad.set_shape(batch.concatenate([rows, columns]))
        return grad


def _svd_sizes(op: Any, u_grad: Any, v_grad: Any) -> tuple[int, int]:
    """The static size of the matrices. NotImplementedError for what has no gradient."""
    a = op.inputs[0]
    if a.dtype.is_complex:
        raise NotImplementedError(
            f"The gradient of {op.name} (Svd) with compute_uv is not defined for complex types"
        )
    shape = a.shape.with_rank_at_least(2)
    sizes = []
    for axis, grad in ((-2, u_grad), (-1, v_grad)):
        mine = shape.as_list()[axis] if shape.ndims is not None else None
        given = grad.shape.as_list()[-2] if grad.shape.ndims is not None else None
        sizes.append(mats.same(mine, given))
    rows, columns = sizes
    if rows is None or columns is None:
        raise NotImplementedError(f"The gradient of {op.name} (Svd) needs the static shape of its matrices")
    return rows, columns


def _svd_wide_gradient(
    s: Any, u: Any, v: Any, s_grad_matrix: Any, u_grad: Any, v_grad: Any, sizes: list[int], full: bool
) -> Any:
    """The gradient for matrices of at least as many columns as rows."""
    rows, columns = sizes
    s_matrix = blocks.diagonal_matrix(s)
    squares = emit("Square", s)
    s_shape = blocks.shape_of(s)
    identity = blocks.eye(s_shape[-1], batch_shape=s_shape[:-1], dtype=s.dtype)
    gaps = blocks.expand_dims(squares, -2) - blocks.expand_dims(squares, -1)
    factors = blocks.with_diagonal(emit("Reciprocal", gaps + identity), blocks.zeros_like(s))
    inverses = blocks.diagonal_matrix(emit("Reciprocal", s))
    v_first, v_grad_first = v[..., :, :rows], v_grad[..., :, :rows]
    u_part = matmul(u, u_grad, adjoint_a=True)
    v_part = matmul(v_first, v_grad_first, adjoint_a=True)
    u_part, v_part = factors * u_part, factors * v_part
    inner = s_grad_matrix + matmul(u_part + blocks.adjoint(u_part), s_matrix)
    inner = inner + matmul(s_matrix, v_part + blocks.adjoint(v_part))
    result = matmul(u, matmul(inner, v_first, adjoint_b=True))
    if rows == columns:
        return result
    grad_t = blocks.matrix_transpose(v_grad_first)
    rest = grad_t - matmul(matmul(grad_t, v_first), v_first, adjoint_b=True)
    if full:
        v_last, v_grad_last = v[..., :, rows:columns], v_grad[..., :, rows:columns]
        rest = rest - matmul(matmul(v_first, v_grad_last, adjoint_a=True), v_last, adjoint_b=True)
    return result + matmul(matmul(u, inverses), rest)


@op("Svd", shape=_svd_shape, kernel=_svd_kernel, gradient=_svd_gradient)
def svd(tensor: Any, full_matrices: bool = False, compute_uv: bool = True, name: str | None = None) -> Any:
    """The singular value decompositions u diag(s) v^H of matrices [..., m, n].

    Args:
        tensor: of a float or complex type.
        full_matrices: all m left and n right singular vectors, not only the first p = min(m, n).
        compute_uv: compute the vectors; else only the values.

    Returns:
        The values s [..., p], descending and real; and with `compute_uv` u [..., m, p] and v [..., n, p] too.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.svd([[0.0, 2.0], [3.0, 0.0]], compute_uv=False)))
    [3. 2.]
    """
    s, u, v = emit("Svd", tensor, compute_uv=compute_uv, full_matrices=full_matrices, name=name)
    return (blocks.real(s), u, v) if compute_uv else blocks.real(s)


# Functions of matrices


def _by_matrix(function: Any, a: np.ndarray) -> np.ndarray:
    """`function` of each matrix of the batch."""
    mats.check_square(np, a)
    result = np.empty_like(a)
    for index in np.ndindex(*a.shape[:-2]) if a.size else ():
        value = function(a[index])
        result[index] = value if a.dtype.kind == "c" else np.real(value)
    return result


def _expm_kernel(xp: Any, a: Any) -> Any:
    from scipy.linalg import expm

    wide = a.astype(np.float32) if mats.is_short(a) else a
    return _by_matrix(expm, wide).astype(a.dtype)


def _expm_xla(jnp: Any, a: Any) -> Any:
    import jax

    mats.check_square(jnp, a)
    wide = a.astype(np.float32) if mats.is_short(a) else a
    flat = wide.reshape((-1, *wide.shape[-2:]))
    return jax.vmap(jax.scipy.linalg.expm)(flat).reshape(a.shape).astype(a.dtype)


@op("MatrixExponential", shape=mats.square_matrices, kernel=_expm_kernel, xla=_expm_xla)
def matrix_exponential(input: Any, name: str | None = None) -> Any:
    """The exponentials of square matrices [..., m, m] of a float or complex type.

    Raises:
        ValueError: for another type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.expm([[0.0, 1.0], [0.0, 0.0]])))
    [[1. 1.]
     [0. 1.]]
    """
    matrix = convert_to_tensor(input, name="input")
    if not (matrix.dtype.is_floating or matrix.dtype.is_complex):
        raise ValueError(f"tf.linalg.expm does not support matrices of type {matrix.dtype.name}")
    return emit("MatrixExponential", matrix, name=name or "matrix_exponential")


def _logm_host(ctx: Any, a: Any) -> Any:
    from scipy.linalg import logm

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow does not say either that a result may be inaccurate
        return _by_matrix(logm, a.astype(np.complex128)).astype(a.dtype)


@op("MatrixLogarithm", shape=mats.square_matrices, host=_logm_host)
def matrix_logarithm(input: Any, name: str | None = None) -> Any:
    """The principal logarithms of square matrices [..., m, m] of complex64 or complex128.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.logm([[1.0 + 0j]])))
    [[0.+0.j]]
    """
    return emit("MatrixLogarithm", input, name=name)


def _sqrtm_host(ctx: Any, a: Any) -> Any:
    from scipy.linalg import sqrtm

    wide = a.astype(np.float32) if mats.is_short(a) else a
    return _by_matrix(sqrtm, wide).astype(a.dtype)


def _kronecker(a: Any, b: Any) -> Any:
    """The Kronecker products of two batches of square matrices."""
    a_shape, b_shape = blocks.shape_of(a), blocks.shape_of(b)
    m, n = a_shape[-1], b_shape[-1]
    count = [emit("Sub", blocks.size_of(a_shape), 2)]
    batch = emit("Slice", a_shape, [0], count)
    a_spread = blocks.concat([batch, [m], [1], [m], [1]], 0)
    b_spread = blocks.concat([batch, [1], [n], [1], [n]], 0)
    a, b = blocks.reshape(a, a_spread), blocks.reshape(b, b_spread)
    size = m * n
    shape = blocks.concat([batch, [size], [size]], 0)
    return blocks.reshape(a * b, shape)


def _sqrtm_gradient(op: Any, grad: Any) -> Any:
    """From dA = R dR + dR R, which is a linear system in dR."""
    root = op.outputs[0]
    shape = blocks.shape_of(root)
    order = shape[-1]
    count = blocks.reduce("Prod", shape[0:-2])
    identity = blocks.reshape(blocks.eye(order, dtype=root.dtype), [-1])
    identity = blocks.reshape(emit("Tile", identity, [count]), shape)
    left = _kronecker(identity, blocks.matrix_transpose(root))
    system = emit("Add", left, _kronecker(root, identity))
    length = [emit("Sub", blocks.size_of(shape), 2)]
    batch = emit("Slice", shape, [0], length)
    column = blocks.concat([batch, [order * order], [1]], 0)
    right = blocks.reshape(blocks.matrix_transpose(grad), column)
    solution = blocks.reshape(matrix_solve(system, right), shape)
    return blocks.matrix_transpose(solution)


@op("MatrixSquareRoot", shape=mats.square_matrices, host=_sqrtm_host, gradient=_sqrtm_gradient)
def matrix_square_root(input: Any, name: str | None = None) -> Any:
    """The principal square roots of square matrices [..., m, m] of a float or complex type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.sqrtm([[4.0, 0.0], [0.0, 9.0]])))
    [[2. 0.]
     [0. 3.]]
    """
    return emit("MatrixSquareRoot", input, name=name)


# Rank and pseudoinverse


def _checked_matrix(a: Any) -> None:
    if not a.dtype.is_floating:
        raise TypeError(f"Input `a` must have `float`-like `dtype` (saw {a.dtype.name}).")
    if a.shape.ndims is not None and a.shape.ndims < 2:
        raise ValueError(f"Input `a` must have at least 2 dimensions (saw: {a.shape.ndims}).")


def matrix_rank(a: Any, tol: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """The ranks, int32 [...], of matrices [..., m, n]: how many singular values are greater than `tol`.

    Args:
        a: of a float type.
        tol: by default the type's precision, times the larger of m and n, times the largest singular value.
        validate_args: has no effect here: the rank of `a` is checked when it is run, in any case.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.matrix_rank([[1.0, 2.0], [2.0, 4.0]])))
    1
    """
    with name_scope(name or "matrix_rank"):
        a = convert_to_tensor(a, dtype_hint=dtypes.float32, name="a")
        _checked_matrix(a)
        s = svd(a, compute_uv=False)
        if tol is None:
            sides = a.shape[-2:]
            if sides.is_fully_defined():
                size: Any = np.max(sides.as_list())
            else:
                size = blocks.reduce("Max", blocks.shape_of(a)[-2:])
            precision = np.finfo(a.dtype.as_numpy_dtype).eps
            tol = precision * blocks.cast(size, a.dtype)
            tol = tol * blocks.reduce("Max", s, -1, keepdims=True)
        return blocks.reduce("Sum", blocks.cast(s > tol, dtypes.int32), -1)


def pinv(a: Any, rcond: Any = None, validate_args: bool = False, name: str | None = None) -> Any:
    """The Moore-Penrose pseudoinverses [..., n, m] of matrices [..., m, n] of a float type.

    Args:
        a: the matrices.
        rcond: singular values at most this fraction of the largest count as zero; by default ten times the
            type's precision, times the larger of m and n.
        validate_args: has no effect here: the rank of `a` is checked when it is run, in any case.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.pinv([[2.0, 0.0], [0.0, 4.0]])))
    [[0.5  0.  ]
     [0.   0.25]]
    """
    with name_scope(name or "pinv"):
        a = convert_to_tensor(a, name="a")
        _checked_matrix(a)
        kind = a.dtype.as_numpy_dtype
        if rcond is None:
            rcond = 10.0 * _larger_side(a) * np.finfo(kind).eps
        rcond = convert_to_tensor(rcond, dtype=a.dtype, name="rcond")
        s, u, v = svd(a, full_matrices=False, compute_uv=True)
        cutoff = rcond * blocks.reduce("Max", s, -1)
        large = s > blocks.expand_dims(cutoff, -1)
        # Infinity, not zero: its reciprocal is what is wanted, and no gradient is a not-a-number.
        s = emit("SelectV2", large, s, np.array(np.inf, kind))
        result = matmul(v / blocks.expand_dims(s, -2), u, adjoint_b=True)
        if a.shape.ndims is not None:
            sides = a.shape.as_list()
            result.set_shape([*sides[:-2], sides[-1], sides[-2]])
        return result


def _larger_side(a: Any) -> Any:
    """The larger of the matrices' two sizes: a number if both are known, else a tensor."""
    sides = []
    for axis in (-2, -1):
        known = a.shape.as_list()[axis] if a.shape.ndims is not None else None
        sides.append(blocks.shape_of(a)[axis] if known is None else known)
    if all(isinstance(d, int) for d in sides):
        return float(max(sides))
    return blocks.cast(emit("Maximum", *sides), a.dtype)


def _cholesky_grad_kernel(xp: Any, factor: Any, grad: Any) -> Any:
    """The gradient of a Cholesky factor, symmetric, as the op of early TensorFlow gives it."""
    half = mats.adjoint(xp, factor) @ grad
    lower = xp.tril(half) - 0.5 * half * xp.eye(half.shape[-1], dtype=half.dtype)
    inverse = xp.linalg.inv(factor)
    result = mats.adjoint(xp, inverse) @ lower @ inverse
    return 0.5 * (result + mats.adjoint(xp, result))


register("CholeskyGrad", shape=mats.square_matrices, kernel=mats.widened(_cholesky_grad_kernel))
