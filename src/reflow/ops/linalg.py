"""Products of matrices and tensors: matmul in its forms, tensordot, cross, trace."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks, parts
from reflow.ops import matrix_shapes as mats
from reflow.ops.windows import is_cpu

SPARSE_TYPES = (dtypes.bfloat16, dtypes.float32)
FEW, MANY = 32, 1 << 12  # columns of a product; elements of a matrix
COLUMNS, INNER = 500, 256  # of products for which a transposed copy pays off
APART = 128  # numbers: rows that lie a multiple of this apart share few places of a cache


# The three ops that multiply matrices


def product(xp: Any, a: Any, b: Any) -> Any:
    """The matrix product of arrays; 16-bit floats are summed in single precision."""
    if xp is np and mats.is_short(a):
        return np.matmul(a.astype(np.float32), b.astype(np.float32)).astype(a.dtype)
    return xp.matmul(a, b)


def _matmul_shape(node: Any) -> TensorShape:
    a, b = (mats.ranked(x.shape, 2) for x in node.inputs)
    rows, inner_a = a[::-1] if node.attrs["transpose_a"] else a
    inner_b, columns = b[::-1] if node.attrs["transpose_b"] else b
    mats.same(inner_a, inner_b)
    return TensorShape.of((rows, columns))


def _matmul_kernel(xp: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    x, y = a.T if transpose_a else a, b.T if transpose_b else b
    fits = x.ndim == y.ndim == 2 and x.shape[1] == y.shape[0]
    require(xp, fits, "Matrix size-incompatible: In[0]: {}, In[1]: {}", mats.shown(a), mats.shown(b))
    return product(xp, x, y)


def _matmul_xla(jnp: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    """The product by contracted axes: a transposition before the product costs XLA a copy for thin
    matrices. A vector times a matrix is quicker than the transposed matrix times the vector (45 against 55 us
    for 20,640 x 9 on two cores).
    """
    import jax

    if transpose_a and not transpose_b and np.ndim(b) == 2 and np.shape(b)[1] == 1:
        return _matmul_xla(jnp, b, a, transpose_a=True, transpose_b=False).T
    if transpose_a and not transpose_b and _is_large_on_cpu(jnp, a, b):
        if _has_few_columns(a, b):
            return parts.apart(jnp, parts.apart(jnp, b.T) @ a).T
        if _is_better_copied(a, b):
            return parts.apart(jnp, a.T) @ b
    axes = (0 if transpose_a else 1, 1 if transpose_b else 0)
    fits = np.ndim(a) == np.ndim(b) == 2 and np.shape(a)[axes[0]] == np.shape(b)[axes[1]]
    require(jnp, fits, "Matrix size-incompatible: In[0]: {}, In[1]: {}", mats.shown(a), mats.shown(b))
    return jax.lax.dot_general(jnp.asarray(a), jnp.asarray(b), (((axes[0],), (axes[1],)), ((), ())))


def _is_large_on_cpu(jnp: Any, a: Any, b: Any) -> bool:
    """Whether the transposed `a` times `b` is a product to choose another form for.

    On the CPU, XLA hands products to a library (YNNPACK), but not those of a transposed first matrix, as the
    gradient of a layer's weights is.
    """
    if np.ndim(a) != 2 or np.ndim(b) != 2 or b.dtype != np.float32 or not is_cpu(jnp):
        return False
    return bool(np.shape(a)[0] == np.shape(b)[0] and np.size(a) >= MANY)


def _has_few_columns(a: Any, b: Any) -> bool:
    """Whether it is quicker turned: as the transposed `b` times `a`.

    For few columns XLA's own loops are slow: the gradient of a layer's weights for ten classes takes 3 to 9
    times as long as turned (for batches of 128 and 256 to 1024 inputs, on two cores).
    """
    rows, columns = np.shape(a)[1], np.shape(b)[1]
    return bool(rows >= 2 * columns and columns <= FEW)


def _is_better_copied(a: Any, b: Any) -> bool:
    """Whether it is quicker with a transposed copy of `a`.

    What takes the place of the library reads `a` by columns: the numbers of one, whose distance is a power of
    two or some times one, displace each other from the cache. With a copy, most gradients of weights for 128
    to 1024 inputs, batches of 64 to 256 and less than 500 units take a half to 0.95 of the time on two cores;
    for 784 inputs, larger batches or more units the copy costs what it saves.
    """
    (inner, rows), columns = np.shape(a), np.shape(b)[1]
    return bool(rows % APART == 0 and inner <= INNER and FEW < columns < COLUMNS)


def _sparse_matmul_kernel(xp: Any, a: Any, b: Any, *, transpose_a: bool, transpose_b: bool) -> Any:
    single = np.float32
    return _matmul_kernel(
        xp, a.astype(single), b.astype(single), transpose_a=transpose_a, transpose_b=transpose_b
    )


# For each (transpose_a, transpose_b): of the gradient of a, then of b, the factors ("g" is the incoming
# gradient), and which of them are transposed.
_FACTORS = {
    (False, False): (("gb", False, True), ("ag", True, False)),
    (False, True): (("gb", False, False), ("ga", True, False)),
    (True, False): (("bg", False, True), ("ag", False, False)),
    (True, True): (("bg", True, True), ("ga", True, True)),
}


def _matmul_gradient(op: Any, grad: Any) -> list[Any]:
    factors = _FACTORS[op.attrs["transpose_a"], op.attrs["transpose_b"]]
    by_letter = {"a": blocks.conj(op.inputs[0]), "b": blocks.conj(op.inputs[1]), "g": grad}
    return [
        emit("MatMul", by_letter[which[0]], by_letter[which[1]], transpose_a=first, transpose_b=second)
        for which, first, second in factors
    ]


def _sparse_matmul_gradient(op: Any, grad: Any) -> list[Any]:
    factors = _FACTORS[op.attrs["transpose_a"], op.attrs["transpose_b"]]
    a, b = op.inputs
    by_letter = {
        "a": (a, op.attrs["a_is_sparse"]),
        "b": (b, op.attrs["b_is_sparse"]),
        "g": (grad, grad.op.type == "ReluGrad"),
    }
    grads = []
    for (which, first, second), wanted in zip(factors, (a, b), strict=True):
        (x, x_sparse), (y, y_sparse) = by_letter[which[0]], by_letter[which[1]]
        y = blocks.transpose(y) if second else y
        result = matmul(x, y, transpose_a=first, a_is_sparse=x_sparse, b_is_sparse=y_sparse)
        grads.append(blocks.cast(result, wanted.dtype))
    return grads


def _batch_shape(node: Any) -> TensorShape:
    x, y = (mats.at_least(t.shape, 2) for t in node.inputs)
    if x is None or y is None:
        return unknown_shape()
    rows, inner_x = (x[-1], x[-2]) if node.attrs["adj_x"] else x[-2:]
    inner_y, columns = (y[-1], y[-2]) if node.attrs["adj_y"] else y[-2:]
    if node.type == "BatchMatMul":
        batch = TensorShape.of(mats.merged(x[:-2], y[:-2]))
    else:
        batch = mats.broadcast_batch(x[:-2], y[:-2])
    mats.same(inner_x, inner_y)
    return batch.concatenate(TensorShape.of((rows, columns)))


def _batch_kernel(xp: Any, a: Any, b: Any, *, adj_x: bool, adj_y: bool) -> Any:
    enough = a.ndim >= 2 and b.ndim >= 2
    require(xp, enough, "In[0] and In[1] ndims must be >= 2: {}, {}", a.ndim, b.ndim)
    x, y = mats.adjoint(xp, a) if adj_x else a, mats.adjoint(xp, b) if adj_y else b
    batches = zip(a.shape[-3::-1], b.shape[-3::-1], strict=False)
    fits = all(m == n or 1 in (m, n) for m, n in batches)
    require(
        xp,
        fits,
        "In[0] and In[1] must have compatible batch dimensions: {} vs. {}",
        mats.shown(a),
        mats.shown(b),
    )
    fits = x.shape[-1] == y.shape[-2]
    message = "In[0] mismatch In[1] shape: {} vs. {}: {} {} {} {}"
    require(xp, fits, message, x.shape[-1], y.shape[-2], mats.shown(a), mats.shown(b), int(adj_x), int(adj_y))
    return product(xp, x, y)


_BATCH_FACTORS = {
    (False, False): (("gy", False, True), ("xg", True, False)),
    (False, True): (("gy", False, False), ("gx", True, False)),
    (True, False): (("yg", False, True), ("xg", False, False)),
    (True, True): (("yg", True, True), ("gx", True, True)),
}


def _batch_gradient(op: Any, grad: Any) -> list[Any]:
    by_letter = {"x": op.inputs[0], "y": op.inputs[1], "g": grad}
    return [
        matmul(by_letter[which[0]], by_letter[which[1]], adjoint_a=first, adjoint_b=second)
        for which, first, second in _BATCH_FACTORS[op.attrs["adj_x"], op.attrs["adj_y"]]
    ]


def _broadcasting_gradient(op: Any, grad: Any) -> list[Any]:
    x, y = op.inputs
    grads = _batch_gradient(op, grad)
    if x.shape.is_fully_defined() and x.shape.ints == y.shape.ints:
        return grads
    sizes = [blocks.shape_of(x), blocks.shape_of(y)]
    axes = emit("BroadcastGradientArgs", sizes[0][:-2], sizes[1][:-2])
    return [blocks.reshape(blocks.reduce("Sum", g, a), s) for g, a, s in zip(grads, axes, sizes, strict=True)]


register("BatchMatMul", shape=_batch_shape, kernel=_batch_kernel, gradient=_batch_gradient)
register("BatchMatMulV2", shape=_batch_shape, kernel=_batch_kernel, gradient=_broadcasting_gradient)


@op("MatMul", shape=_matmul_shape, kernel=_matmul_kernel, xla=_matmul_xla, gradient=_matmul_gradient)
def matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The product of matrices, or of batches of matrices whose batch dimensions broadcast.

    Args:
        a, b: tensors of one type (float, int32, int64 or complex) and shapes [..., m, k] and [..., k, n].
        transpose_a, transpose_b: exchange the last two axes first.
        adjoint_a, adjoint_b: exchange them and take the complex conjugate.
        a_is_sparse, b_is_sparse: many entries are zero. Changes the op (matrices of float32 or bfloat16
            only).

    Returns:
        The products, [..., m, n].

    Raises:
        ValueError: both `transpose` and `adjoint` are set for an input, or the shapes do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.matmul([[1, 2]], [[3, 4]], transpose_b=True)))
    [[11]]
    """
    with name_scope(name, "MatMul", [a, b]) as scope:
        if transpose_a and adjoint_a:
            raise ValueError("Only one of transpose_a and adjoint_a can be True.")
        if transpose_b and adjoint_b:
            raise ValueError("Only one of transpose_b and adjoint_b can be True.")
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        batched = any(x.shape.ndims is None or x.shape.ndims > 2 for x in (a, b))
        sparse = a_is_sparse or b_is_sparse
        if batched and not sparse:
            x, y = blocks.conj(a) if transpose_a else a, blocks.conj(b) if transpose_b else b
            flags = {"adj_x": transpose_a or adjoint_a, "adj_y": transpose_b or adjoint_b}
            return emit("BatchMatMulV2", x, y, name=scope, **flags)
        a, b = blocks.conj(a) if adjoint_a else a, blocks.conj(b) if adjoint_b else b
        flags = {"transpose_a": transpose_a or adjoint_a, "transpose_b": transpose_b or adjoint_b}
        if _needs_sparse_op(a, b, sparse):
            result = emit(
                "SparseMatMul", a, b, a_is_sparse=a_is_sparse, b_is_sparse=b_is_sparse, name=scope, **flags
            )
            both_short = a.dtype == b.dtype == dtypes.bfloat16
            return blocks.cast(result, dtypes.bfloat16) if both_short else result
        return emit("MatMul", a, b, name=scope, **flags)


def _needs_sparse_op(a: Any, b: Any, sparse: bool) -> bool:
    """Whether the product is a SparseMatMul: asked for, or of bfloat16 and another type."""
    types = [x.dtype.base_dtype for x in (a, b)]
    if sparse and all(t in SPARSE_TYPES for t in types):
        return True
    return dtypes.bfloat16 in types and types[0] != types[1]


@op("SparseMatMul", shape=_matmul_shape, kernel=_sparse_matmul_kernel, gradient=_sparse_matmul_gradient)
def sparse_matmul(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    transpose_b: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The product of two matrices of float32 or bfloat16, with many zeros, as float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sparse_matmul([[0.0, 2.0]], [[3.0], [4.0]], a_is_sparse=True)))
    [[8.]]
    """
    return emit(
        "SparseMatMul",
        a,
        b,
        transpose_a=transpose_a,
        transpose_b=transpose_b,
        a_is_sparse=a_is_sparse,
        b_is_sparse=b_is_sparse,
        name=name,
    )


def batch_mat_mul(x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None) -> Any:
    """The op BatchMatMul itself: products of batches of matrices of one batch shape (see `matmul`)."""
    return emit("BatchMatMul", x, y, adj_x=adj_x, adj_y=adj_y, name=name)


def batch_mat_mul_v2(
    x: Any, y: Any, adj_x: bool = False, adj_y: bool = False, name: str | None = None
) -> Any:
    """The op BatchMatMulV2 itself: products of batches of matrices that broadcast (see `matmul`)."""
    return emit("BatchMatMulV2", x, y, adj_x=adj_x, adj_y=adj_y, name=name)


def mat_mul(
    a: Any, b: Any, transpose_a: bool = False, transpose_b: bool = False, name: str | None = None
) -> Any:
    """The op MatMul itself: the product of two matrices (see `matmul`)."""
    return emit("MatMul", a, b, transpose_a=transpose_a, transpose_b=transpose_b, name=name)


def matvec(
    a: Any,
    b: Any,
    transpose_a: bool = False,
    adjoint_a: bool = False,
    a_is_sparse: bool = False,
    b_is_sparse: bool = False,
    name: str | None = None,
) -> Any:
    """The products of matrices [..., m, k] and vectors [..., k]: vectors [..., m]. See `matmul`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.matvec([[1, 2], [3, 4]], [1, 1])))
    [3 7]
    """
    with name_scope(name, "MatVec", [a, b]):
        column = blocks.expand_dims(b, -1)
        result = matmul(
            a, column, transpose_a, adjoint_a=adjoint_a, a_is_sparse=a_is_sparse, b_is_sparse=b_is_sparse
        )
        return blocks.squeeze(result, -1)


# tensordot


def _contracted_axes(a: Any, axes: Any) -> tuple[Any, Any]:
    """The axes of `a` and of `b` that are summed over: lists, or tensors when not known."""
    if isinstance(axes, (numbers.Integral, np.integer)):
        return _last_and_first(a, int(axes))
    if isinstance(axes, (list, tuple)):
        if len(axes) != 2:
            raise ValueError("'axes' must be an integer or have length 2.")
        of_a, of_b = axes
        if isinstance(of_a, (numbers.Integral, np.integer)) and isinstance(
            of_b, (numbers.Integral, np.integer)
        ):
            of_a, of_b = [of_a], [of_b]
        if len(of_a) != len(of_b):
            raise ValueError(f"Different number of contraction axes 'a' and 'b', {len(of_a)} != {len(of_b)}.")
        return of_a, of_b
    axes = convert_to_tensor(axes, name="axes", dtype=dtypes.int32)
    return axes[0], axes[1]


def _last_and_first(a: Any, count: int) -> tuple[Any, Any]:
    """The last `count` axes of `a`, and the first `count` of `b`."""
    if count < 0:
        raise ValueError("'axes' must be at least 0.")
    rank = a.shape.ndims
    if rank is None:
        rank = blocks.rank_of(a)
        return blocks.span(rank - count, rank), blocks.span(0, count)
    if count > rank:
        raise ValueError(f"'axes' must not be larger than the number of dimensions of tensor {a}.")
    return list(range(rank - count, rank)), list(range(count))


def _as_matrix(x: Any, axes: Any, summed_first: bool) -> tuple[Any, Any, Any]:
    """`x` as a matrix of its free and its summed axes; and the free ones' sizes, for the graph and static."""
    listed = isinstance(axes, (list, tuple))
    if listed and x.shape.is_fully_defined():
        return _as_matrix_static(x, axes, summed_first)
    if listed and x.shape.ndims is not None:
        sizes = x.shape.as_list()
        axes = [int(i) if i >= 0 else int(i) + len(sizes) for i in axes]
        others = [i for i in range(len(sizes)) if i not in axes]
        static = [sizes[i] for i in others]
        summed = convert_to_tensor(axes, dtype=dtypes.int32, name="axes")
        free = convert_to_tensor(others, dtype=dtypes.int32, name="free")
        shape = blocks.shape_of(x)
    else:
        static = None
        shape, rank = blocks.shape_of(x), blocks.rank_of(x)
        summed = convert_to_tensor(axes, dtype=dtypes.int32, name="axes")
        summed = blocks.where(summed >= 0, summed, summed + rank)
        free, _ = emit("ListDiff", blocks.span(0, rank), summed)
    free_sizes = blocks.gather(shape, free)
    summed_sizes = blocks.gather(shape, summed)
    sides = [blocks.reduce("Prod", free_sizes), blocks.reduce("Prod", summed_sizes)]
    order = [free, summed]
    if summed_first:
        sides, order = sides[::-1], order[::-1]
    perm = blocks.concat(order, 0)
    matrix_shape = blocks.pack(sides)
    return blocks.reshape(blocks.transpose(x, perm), matrix_shape), free_sizes, static


def _as_matrix_static(x: Any, axes: Any, summed_first: bool) -> tuple[Any, list[int], list[int]]:
    sizes = x.shape.as_list()
    summed = [int(i) if i >= 0 else int(i) + len(sizes) for i in axes]
    free = [i for i in range(len(sizes)) if i not in summed]
    kept = [sizes[i] for i in free]
    sides = [int(np.prod(kept)), int(np.prod([sizes[i] for i in summed]))]
    order = summed + free if summed_first else free + summed
    matrix = blocks.reshape(blocks.transpose(x, order), sides[::-1] if summed_first else sides)
    return matrix, kept, kept


def tensordot(a: Any, b: Any, axes: Any, name: str | None = None) -> Any:
    """The sum over some axes of `a` and `b`, as a product of matrices between transpositions.

    Args:
        a, b: tensors of one type.
        axes: a number n: the last n axes of `a` and the first n of `b`; or two lists, or a tensor of two
            rows, with the axes of `a` and those of `b`.

    Returns:
        A tensor with the axes of `a`, then those of `b`, that are not summed over.

    Raises:
        ValueError: the axes do not pair.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tensordot([[1, 2], [3, 4]], [10, 1], axes=1)))
    [12 34]
    """
    with name_scope(name, "Tensordot", [a, b, axes]) as scope:
        a = convert_to_tensor(a, name="a")
        b = convert_to_tensor(b, name="b")
        a_axes, b_axes = _contracted_axes(a, axes)
        a_matrix, a_free, a_static = _as_matrix(a, a_axes, summed_first=False)
        b_matrix, b_free, b_static = _as_matrix(b, b_axes, summed_first=True)
        result = matmul(a_matrix, b_matrix)
        if isinstance(a_free, list) and isinstance(b_free, list):
            return blocks.reshape(result, a_free + b_free, name=scope)
        a_free = convert_to_tensor(a_free, dtype=dtypes.int32)
        b_free = convert_to_tensor(b_free, dtype=dtypes.int32)
        result = blocks.reshape(result, blocks.concat([a_free, b_free], 0), name=scope)
        if a_static is not None and b_static is not None:
            result.set_shape(a_static + b_static)
        return result


# Small ones


def _cross_shape(node: Any) -> TensorShape:
    a, b = (mats.at_least(x.shape, 1) for x in node.inputs)
    for shape in (a, b):
        if shape is not None:
            mats.same(shape[-1], 3)
    if a is not None and b is not None:
        return TensorShape.of(mats.merged(a, b))
    return TensorShape.of(b if a is None else a)


def _cross_kernel(xp: Any, a: Any, b: Any) -> Any:
    require(
        xp, a.shape == b.shape, "Both inputs must be of same shape: {} vs. {}", mats.shown(a), mats.shown(b)
    )
    ok = a.ndim >= 1 and a.shape[-1] == 3
    require(xp, ok, "Cross-products are only defined for 3-element vectors.")
    x, y, z = (a[..., i] for i in range(3))
    u, v, w = (b[..., i] for i in range(3))
    return xp.stack([y * w - z * v, z * u - x * w, x * v - y * u], axis=-1)


def _cross_gradient(op: Any, grad: Any) -> list[Any]:
    u, v = op.inputs
    return [cross(v, grad), cross(grad, u)]


@op("Cross", shape=_cross_shape, kernel=_cross_kernel, gradient=_cross_gradient)
def cross(a: Any, b: Any, name: str | None = None) -> Any:
    """The cross products of vectors of three elements: `a` and `b` have one shape [..., 3] and one real type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.cross([1, 0, 0], [0, 1, 0])))
    [0 0 1]
    """
    return emit("Cross", a, b, name=name)


def trace(x: Any, name: str | None = None) -> Any:
    """The sums of the diagonals of matrices [..., m, n]: [...].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.trace([[1, 2], [3, 4]])))
    5
    """
    with name_scope(name, "Trace", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return blocks.reduce("Sum", blocks.diagonal_of(x), [-1], name=scope)


def adjoint(matrix: Any, name: str | None = None) -> Any:
    """The conjugate transpose of matrices [..., m, n]: [..., n, m].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.linalg.adjoint([[1 + 2j], [3j]])))
    [[1.-2.j 0.-3.j]]
    """
    with name_scope(name, "adjoint", [matrix]):
        matrix = convert_to_tensor(matrix, name="matrix")
        return blocks.matrix_transpose(matrix, conjugate=True)


def _tridiagonal_product_shape(node: Any) -> TensorShape:
    for diagonal in node.inputs[:3]:
        dims = mats.at_least(diagonal.shape, 2)
        if dims is not None:
            mats.same(dims[-2], 1)
    mats.at_least(node.inputs[3].shape, 2)
    return node.inputs[3].shape  # type: ignore[no-any-return]


def _tridiagonal_product(xp: Any, above: Any, main: Any, below: Any, x: Any) -> Any:
    above, main, below = (xp.swapaxes(d, -1, -2) for d in (above, main, below))
    row = xp.zeros_like(x[..., :1, :])
    following = xp.concatenate([x[..., 1:, :], row], axis=-2)
    preceding = xp.concatenate([row, x[..., :-1, :]], axis=-2)
    return above * following + main * x + below * preceding


def _shifted(x: Any, up: bool) -> Any:
    """The rows of matrices moved up (or down) by one, a row of zeros coming in."""
    rank = blocks.rank_of(x)
    none = blocks.zeros((rank - 2, 2), dtypes.int32)
    edge = convert_to_tensor([[0, 1], [0, 0]] if up else [[1, 0], [0, 0]])
    paddings = blocks.concat([none, edge], 0)
    return emit("Pad", x[..., 1:, :] if up else x[..., :-1, :], paddings)


def _tridiagonal_product_gradient(op: Any, grad: Any) -> list[Any]:
    above, main, below = (blocks.matrix_transpose(d, conjugate=True) for d in op.inputs[:3])
    x = blocks.conj(op.inputs[3])
    above_grad = blocks.reduce("Sum", _shifted(x, up=True) * grad, -1)
    main_grad = blocks.reduce("Sum", x * grad, -1)
    below_grad = blocks.reduce("Sum", _shifted(x, up=False) * grad, -1)
    x_grad = _shifted(above * grad, up=False) + main * grad + _shifted(below * grad, up=True)
    return [*(blocks.expand_dims(g, -2) for g in (above_grad, main_grad, below_grad)), x_grad]


register(
    "TridiagonalMatMul",
    shape=_tridiagonal_product_shape,
    kernel=_tridiagonal_product,
    gradient=_tridiagonal_product_gradient,
)
