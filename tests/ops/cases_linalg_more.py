"""Linear algebra, continued: decompositions, norms, tridiagonal systems, einsum, sorting."""

from .table import Rows, c64, c128, call, distinct, f32, f64, given, i32, invertible, spd

rows = Rows("linalg_more")
case, error = rows.case, rows.error

OWN = "TensorFlow composes it of control flow"
STATIC = "it needs static shapes"
TRANSPOSED = "TensorFlow's rule of the adjoint inverse is that of the inverse"
VECTORS = "its gradient needs the vectors"
POLES = "its rule has poles where values meet"


def rebuilt_from_svd(tf, a, **options):
    s, u, v = tf.svd(a, **options)
    return tf.matmul(u * tf.expand_dims(s, -2), v, adjoint_b=True)


def rebuilt_from_eigen(tf, a):
    e, v = tf.self_adjoint_eig(a)
    return tf.matmul(v * tf.expand_dims(tf.square(e), -2), v, adjoint_b=True)


def rebuilt_from_lu(tf, a):
    lu, p = tf.linalg.lu(a)
    lower = tf.linalg.set_diag(tf.matrix_band_part(lu, -1, 0), tf.ones_like(lu[..., 0]))
    return [tf.matmul(lower, tf.matrix_band_part(lu, 0, -1)), p]


# --- products -------------------------------------------------------------------------------------

case("matmul_c64_transposed", call("matmul", transpose_a=True, adjoint_b=True), a=c64(3, 2), b=c64(2, 3))
case("matmul_c64_batch", call("matmul", transpose_b=True), a=c64(2, 3, 2), b=c64(2, 3, 2))
case(
    "matmul_rank4_flags", call("matmul", adjoint_a=True, transpose_b=True), a=f32(2, 1, 3, 2), b=f32(3, 4, 3)
)
case("matvec_transposed", call("linalg.matvec", transpose_a=True, name="mv"), a=f32(2, 3, 2), b=f32(2, 3))
case(
    "tensordot_tensor_axes",
    lambda tf, a, b, i: tf.tensordot(a, b, i),
    a=f32(2, 3),
    b=f32(3, 2),
    i=given([[1], [0]], "int32"),
    second="the axes are fed",
)
case(
    "tensordot_negative",
    lambda tf, a, b: tf.tensordot(a, b, [[-1, 0], [0, -1]]),
    a=f32(2, 3, 4),
    b=f32(4, 3, 2),
)
case("tensordot_numbers", lambda tf, a, b: tf.tensordot(a, b, (0, 1)), a=f32(3, 2), b=f32(2, 3))
case("cross_batch", call("cross", name="area"), a=f32(2, 3), b=f32(2, 3))
case("trace_batch", call("trace"), x=f32(2, 3, 4))
case("trace_named", call("linalg.trace", name="tr"), x=f32(2, 2))
for name, equation, shapes in (
    ("ellipsis", "...ij,...jk->...ik", [(2, 2, 3), (2, 3, 2)]),
    ("ellipsis_implicit", "...ij,jk", [(2, 2, 3), (3, 2)]),
    ("trace", "ii", [(3, 3)]),
    ("sum_all", "ij->", [(2, 3)]),
    ("sum_one", "ijk->j", [(2, 3, 2)]),
    ("three", "ij,jk,kl->il", [(2, 3), (3, 2), (2, 4)]),
    ("three_shared", "ij,ik,il->jkl", [(2, 3), (2, 2), (2, 4)]),
    ("two_summed", "aijb,ijc->abc", [(2, 2, 3, 2), (2, 3, 4)]),
    ("spaces", "b i, b j -> b i j", [(2, 3), (2, 2)]),
    ("attention", "bqhd,bkhd->bhqk", [(2, 2, 2, 3), (2, 4, 2, 3)]),
):
    case(
        "einsum_" + name,
        lambda tf, equation=equation, **x: tf.einsum(equation, *[x[k] for k in sorted(x)]),
        unknown=STATIC,
        **{"abc"[i]: f32(*shape) for i, shape in enumerate(shapes)},
    )
case(
    "einsum_unknown",
    lambda tf, a, b: tf.einsum("bij,jk->bik", tf.placeholder_with_default(a, [None, None, 3]), b),
    a=f32(2, 2, 3),
    b=f32(3, 4),
)

# --- systems and decompositions -------------------------------------------------------------------

case("matrix_solve_c64", call("matrix_solve"), a=c64(3, 3), b=c64(3, 2), rtol=1e-3)
case("matrix_solve_c128_adjoint", call("matrix_solve", adjoint=True), a=c128(2, 2), b=c128(2, 2), rtol=1e-8)
case(
    "triangular_f64", call("matrix_triangular_solve"), a=invertible(2, 3, 3, dtype="float64"), b=f64(2, 3, 2)
)
case(
    "triangular_c64",
    call("matrix_triangular_solve", adjoint=True, lower=False),
    a=c64(3, 3),
    b=c64(3, 2),
    rtol=1e-3,
)
case("inverse_c64", call("linalg.inv", adjoint=True), a=c64(2, 2), rtol=1e-3)
case("determinant_general", call("linalg.det"), a=invertible(2, 3, 3), rtol=1e-4, second=TRANSPOSED)
case(
    "slogdet_batch",
    lambda tf, a: tf.linalg.slogdet(-a).log_abs_determinant,
    a=invertible(2, 3, 3),
    second=TRANSPOSED,
    rtol=1e-4,
)
case(
    "slogdet_sign",
    lambda tf, a: tf.linalg.slogdet(-a, name="s").sign,
    a=invertible(3, 3),
    rtol=1e-4,
    grad=False,
)
case("logdet_batch", call("linalg.logdet"), a=spd(2, 2, 2), rtol=1e-4)
case(
    "cholesky_solve_batch",
    lambda tf, a, b: tf.linalg.cholesky_solve(tf.linalg.cholesky(a), b),
    a=spd(2, 2, 2),
    b=f32(2, 2, 3),
    rtol=1e-4,
)
case("lstsq_wide", call("linalg.lstsq"), a=f32(2, 4), b=f32(2, 2), rtol=1e-3, unknown=OWN)
case("lstsq_tall_f64", call("linalg.lstsq", l2_regularizer=0.5), a=f64(2, 4, 3), b=f64(2, 4, 1), unknown=OWN)
case("lu_rebuilt", rebuilt_from_lu, a=invertible(3, 3), rtol=1e-4, grad=False)
case("lu_batch_f64", rebuilt_from_lu, a=f64(2, 4, 4), rtol=1e-8, grad=False)
case("lu_i64", lambda tf, a: tf.linalg.lu(a, output_idx_type=tf.int64).p, a=invertible(3, 3), grad=False)
case("eigen_rebuilt", rebuilt_from_eigen, a=spd(3, 3, dtype="float64"), rtol=1e-6, second=POLES)
case("eigen_rebuilt_batch", rebuilt_from_eigen, a=spd(2, 2, 2, dtype="float64"), rtol=1e-6, second=POLES)
case("eigvalsh_f64", call("linalg.eigvalsh"), a=spd(2, 3, 3, dtype="float64"), second=VECTORS, rtol=1e-8)
case("svd_tall", rebuilt_from_svd, a=f64(4, 2), rtol=1e-6, second=POLES, unknown=STATIC)
case("svd_wide", rebuilt_from_svd, a=f64(2, 4), rtol=1e-6, second=POLES, unknown=STATIC)
case("svd_batch", rebuilt_from_svd, a=f64(2, 3, 3), rtol=1e-6, second=POLES, unknown=STATIC)
case(
    "svd_full",
    lambda tf, a: [tf.abs(x) for x in tf.svd(a, full_matrices=True)[1:]],
    a=f32(3, 3),
    rtol=1e-3,
    grad=False,
)
case(
    "svd_values_batch",
    call("svd", compute_uv=False, name="values"),
    a=f64(2, 2, 3),
    rtol=1e-8,
    second=VECTORS,
)
case(
    "qr_square_f64",
    lambda tf, a: tf.abs(tf.qr(a).r),
    a=invertible(3, 3, dtype="float64"),
    rtol=1e-8,
    unknown=STATIC,
)
case("qr_tall_f64", lambda tf, a: tf.abs(tf.qr(a).q), a=f64(2, 4, 2), rtol=1e-6, unknown=STATIC)
case("sqrtm_batch", call("linalg.sqrtm"), a=spd(2, 2, 2, dtype="float64"), rtol=1e-6)
case("logm", lambda tf, a: tf.linalg.logm(tf.cast(a, tf.complex64)), a=spd(3, 3), rtol=1e-4, grad=False)
case("expm_batch", call("linalg.expm"), a=f64(2, 3, 3), rtol=1e-8, nodes=OWN, grad_nodes=OWN)
case("pinv", call("linalg.pinv"), a=f64(4, 2), rtol=1e-6, second=POLES, unknown=STATIC)
case("pinv_rcond", call("linalg.pinv", rcond=0.5), a=f32(2, 3), rtol=1e-3, grad=False)
case("matrix_rank", call("linalg.matrix_rank"), a=given([[1, 2, 3], [2, 4, 6], [1, 0, 1]]))
case("matrix_rank_tol", call("linalg.matrix_rank", tol=100.0), a=f32(2, 3, 3))

for name, options, shape in (
    ("vectors", {}, (3,)),
    ("matrices", {}, (3, 2)),
    ("transposed", {"transpose_rhs": True}, (2, 3)),
):
    case(
        "tridiagonal_solve_" + name,
        call("linalg.tridiagonal_solve", **options),
        d=given([[0.5, -0.5, 0], [3, 4, -3], [0, 1, 0.5]], "float64"),
        b=f64(*shape),
        rtol=1e-8,
        unknown=STATIC,
    )
case(
    "tridiagonal_solve_sequence",
    lambda tf, a, b, c, x: tf.linalg.tridiagonal_solve([a, b, c], x, diagonals_format="sequence"),
    a=f64(2, 2),
    b=f64(2, 3, low=4, high=6),
    c=f64(2, 2),
    x=f64(2, 3, 2),
    rtol=1e-8,
    unknown="its diagonals are padded by their static lengths",
)
case(
    "tridiagonal_solve_matrix",
    call("linalg.tridiagonal_solve", diagonals_format="matrix"),
    a=invertible(4, 4, dtype="float64"),
    x=f64(4, 1),
    rtol=1e-8,
    unknown=STATIC,
)
case(
    "tridiagonal_matmul_sequence",
    lambda tf, a, b, c, x: tf.linalg.tridiagonal_matmul([a, b, c], x, diagonals_format="sequence"),
    a=f32(2, 3),
    b=f32(2, 3),
    c=f32(2, 3),
    x=f32(2, 3, 2),
)
case(
    "tridiagonal_matmul_matrix",
    call("linalg.tridiagonal_matmul", diagonals_format="matrix"),
    a=f32(3, 3),
    x=f32(3, 2),
    unknown=STATIC,
)

# --- norms ----------------------------------------------------------------------------------------

case("norm_complex", call("norm"), x=c64(2, 3))
for order in (1, float("inf"), "fro", "euclidean"):
    case(f"norm_matrix_{order}", call("norm", ord=order, axis=[-2, -1]), x=distinct(2, 3, 2, step=0.3))
case(
    "norm_spectral",
    call("norm", ord=2, axis=[0, 1]),
    x=f64(3, 2),
    rtol=1e-8,
    nodes=OWN,
    grad=False,
)
case(
    "norm_spectral_batch",
    lambda tf, x: tf.reduce_sum(tf.norm(x, ord=2, axis=(2, 0), keepdims=True)),
    x=f64(3, 2, 2),
    rtol=1e-8,
    nodes=OWN,
    grad=False,
)
case("normalize", call("linalg.normalize", axis=1), x=f32(2, 3))
case("normalize_l1", call("linalg.normalize", ord=1, name="unit"), x=f32(2, 3))

# --- order ----------------------------------------------------------------------------------------

case("top_k_rank3", lambda tf, x: tf.nn.top_k(x, 2).values, x=distinct(2, 2, 3))
case("top_k_all", lambda tf, x: tf.math.top_k(x, k=0), x=distinct(2, 3), grad=False)
case("top_k_u8", lambda tf, x: tf.nn.top_k(x, 3), x=given([3, 255, 0, 255, 7], "uint8"))
case("top_k_i64_least", lambda tf, x: tf.nn.top_k(x, 3), x=given([-(2**63), 2**63 - 1, 0], "int64"))
case(
    "in_top_k_strange",
    lambda tf, p, t: tf.nn.in_top_k(p, t, 2),
    p=given([[1, 2, 3], [1, 2, 3], [float("nan"), 2, 3], [3, 3, 3], [1, float("inf"), 2]]),
    t=given([5, -1, 1, 0, 2], "int64"),
    double="it takes float32 only",
)
case("sort_first_axis", call("sort", axis=0), x=distinct(3, 2), unknown=STATIC)
case("sort_middle_down", call("sort", axis=-2, direction="DESCENDING", name="s"), x=distinct(2, 3, 2))
case("sort_i32", call("sort"), x=i32(6))
case("argsort_ties", call("argsort"), x=given([2, 1, 2, 1], "int32"))
case(
    "argsort_stable",
    call("contrib.framework.argsort", axis=0, stable=True),
    x=given([[2, 1], [1, 1]]),
    grad=False,
)

error(
    "einsum_twice",
    lambda tf, a: tf.einsum("iij->j", a),
    a=f32(2, 2, 3),
    raises="ValueError",
    match="more than once",
)
error(
    "einsum_format",
    lambda tf, a: tf.einsum("i1->i", a),
    a=f32(2, 2),
    raises="ValueError",
    match="incorrect format",
)
error(
    "einsum_count", lambda tf, a: tf.einsum("i,j->ij", a), a=f32(2), raises="ValueError", match="expecting 2"
)
error(
    "tensordot_negative",
    lambda tf, a: tf.tensordot(a, a, -1),
    a=f32(2),
    raises="ValueError",
    match="at least 0",
)
error("tensordot_pairs", lambda tf, a: tf.tensordot(a, a, [[0], [0, 1]]), a=f32(2, 2), raises="ValueError")
error("norm_order", call("norm", ord=-1), a=f32(2), raises="ValueError", match="supported vector norm")
error("norm_axes", call("norm", axis=[1, 1]), a=f32(2, 2), raises="ValueError", match="unique integers")
error("sort_direction", call("sort", direction="UP"), a=f32(2), raises="ValueError", match="should be one of")
error(
    "solve_singular",
    call("matrix_solve"),
    a=given([[1, 2], [2, 4]]),
    b=f32(2, 1),
    raises="InvalidArgumentError",
    match="not invertible",
    when="run",
)
error(
    "triangular_zero",
    call("matrix_triangular_solve"),
    a=given([[0, 2], [2, 4]]),
    b=f32(2, 1),
    raises="InvalidArgumentError",
    match="not invertible",
    when="run",
)
error(
    "top_k_run",
    lambda tf, x, k: tf.nn.top_k(x, k),
    x=f32(3),
    k=given(5, "int32"),
    raises="InvalidArgumentError",
    match="at least k columns",
    when="run",
)
error(
    "batch_matmul_run",
    call("matmul"),
    a=f32(2, 2, 3),
    b=f32(3, 3, 4),
    raises="InvalidArgumentError",
    match="batch dimensions",
    when="run",
)
error("pinv_int", call("linalg.pinv"), a=i32(2, 2), raises="TypeError", match="float")
