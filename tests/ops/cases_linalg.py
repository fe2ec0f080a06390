"""Linear algebra."""

from .table import Rows, bools, c64, call, f16, f32, f64, given, i32, invertible, spd

rows = Rows("linalg")
case, error = rows.case, rows.error

SIGNS = "the signs of its vectors are free"

for ta in (False, True):
    for tb in (False, True):
        left, right = ((4, 3) if ta else (3, 4)), ((5, 4) if tb else (4, 5))
        case(
            f"matmul_{ta:d}{tb:d}",
            call("matmul", transpose_a=ta, transpose_b=tb),
            a=f32(*left),
            b=f32(*right),
        )
        case(
            f"matmul_batch_{ta:d}{tb:d}",
            call("matmul", transpose_a=ta, transpose_b=tb),
            a=f32(2, *left),
            b=f32(2, *right),
        )
case("matmul_named", call("matmul", name="logits"), a=f32(2, 3), b=f32(3, 2))
case("matmul_f64", call("matmul"), a=f64(2, 3), b=f64(3, 2))
case("matmul_f16", call("matmul"), a=f16(2, 3), b=f16(3, 2), rtol=1e-2)
case("matmul_i32", call("matmul"), a=i32(2, 3), b=i32(3, 2))
case("matmul_c64", call("matmul"), a=c64(2, 3), b=c64(3, 2))
case("matmul_adjoint", call("matmul", adjoint_a=True), a=c64(3, 2), b=c64(3, 2))
case("matmul_adjoint_b", call("matmul", adjoint_b=True), a=f32(2, 2, 3), b=f32(2, 4, 3))
case("matmul_broadcast", call("matmul"), a=f32(2, 1, 2, 3), b=f32(3, 3, 2))
case("matmul_broadcast_matrix", call("matmul"), a=f32(2, 2, 3), b=f32(3, 2))
case("matmul_empty", call("matmul"), a=f32(2, 0), b=f32(0, 3))
case("matmul_sparse_hint", call("matmul", a_is_sparse=True), a=f32(2, 3), b=f32(3, 2))
case("sparse_matmul", call("sparse_matmul"), a=f32(2, 3), b=f32(3, 2), double="it takes float32 only")
case(
    "matmul_of_constant",
    lambda tf, x: tf.matmul(x, [[1.0], [2.0]]),
    x=f32(3, 2),
    double="its constant is float32",
)
case("matvec", call("linalg.matvec"), a=f32(2, 3), b=f32(3))
case("dense_layer", lambda tf, x, w, b: tf.nn.relu(tf.matmul(x, w) + b), x=f32(3, 2), w=f32(2, 4), b=f32(4))
case("xw_plus_b", call("nn.xw_plus_b", name="scores"), x=f32(3, 2), w=f32(2, 4), b=f32(4))
case("relu_layer", call("nn.relu_layer"), x=f32(3, 2), w=f32(2, 4), b=f32(4))

case("tensordot", lambda tf, a, b: tf.tensordot(a, b, axes=1), a=f32(2, 3, 4), b=f32(4, 2))
case("tensordot_pairs", lambda tf, a, b: tf.tensordot(a, b, [[1], [0]], name="dot"), a=f32(2, 3), b=f32(3, 2))
case(
    "tensordot_two",
    lambda tf, a, b: tf.tensordot(a, b, axes=[[1, 2], [1, 0]]),
    a=f32(2, 3, 4),
    b=f32(4, 3, 2),
)
case("tensordot_outer", lambda tf, a, b: tf.tensordot(a, b, axes=0), a=f32(2), b=f32(3))
for each, equation in (
    ("matmul", "ij,jk->ik"),
    ("batch", "bij,bjk->bik"),
    ("outer", "i,j->ij"),
    ("dot", "i,i->"),
    ("sum", "ij,jk->k"),
    ("implicit", "ij,jk"),
    ("transposed", "ijk,lk->lij"),
):
    letters = {"b": 2, "i": 2, "j": 3, "k": 4, "l": 2}
    left, right = equation.split("->")[0].split(",")
    shapes = [tuple(3 if each == "dot" else letters[c] for c in part) for part in (left, right)]
    case(
        "einsum_" + each,
        lambda tf, a, b, equation=equation: tf.einsum(equation, a, b),
        a=f32(*shapes[0]),
        b=f32(*shapes[1]),
    )
case("einsum_one", lambda tf, a: tf.einsum("ij->ji", a), a=f32(2, 3))

for each in ["matrix_inverse", "cholesky", "matrix_determinant"]:
    case(each, call(each), a=spd(3, 3), rtol=1e-4)
    case(each + "_batch", call(each), a=spd(2, 2, 2), rtol=1e-4)
    case(each + "_f64", call(each), a=spd(3, 3, dtype="float64"))
case(
    "matrix_inverse_adjoint",
    call("matrix_inverse", adjoint=True),
    a=invertible(3, 3),
    rtol=1e-4,
    double="TensorFlow's rule ignores adjoint",
)
case("matrix_inverse_named", call("matrix_inverse", name="inv"), a=invertible(2, 2), rtol=1e-4)
case("matrix_solve", call("matrix_solve"), a=invertible(3, 3), b=f32(3, 2), rtol=1e-4)
case("matrix_solve_adjoint", call("matrix_solve", adjoint=True), a=invertible(3, 3), b=f32(3, 2), rtol=1e-4)
case("matrix_solve_batch", call("matrix_solve"), a=invertible(2, 3, 3), b=f32(2, 3, 1), rtol=1e-4)
case("matrix_triangular_solve", call("matrix_triangular_solve"), a=invertible(3, 3), b=f32(3, 2), rtol=1e-4)
case(
    "matrix_triangular_solve_upper",
    call("matrix_triangular_solve", lower=False, adjoint=True),
    a=invertible(3, 3),
    b=f32(3, 2),
    rtol=1e-4,
)
case(
    "matrix_solve_ls",
    call("matrix_solve_ls"),
    a=f32(5, 2),
    b=f32(5, 1),
    rtol=1e-3,
)
case(
    "matrix_solve_ls_regular",
    call("matrix_solve_ls", l2_regularizer=0.1),
    a=f32(5, 2),
    b=f32(5, 1),
    rtol=1e-3,
)
case(
    "matrix_solve_ls_slow",
    call("matrix_solve_ls", fast=False),
    a=f32(5, 2),
    b=f32(5, 1),
    rtol=1e-3,
    grad=False,
)
case(
    "cholesky_solve",
    lambda tf, a, b: tf.cholesky_solve(tf.cholesky(a), b),
    a=spd(3, 3),
    b=f32(3, 1),
    rtol=1e-4,
)
case("log_matrix_determinant", call("linalg.slogdet"), a=spd(3, 3), rtol=1e-4)
case("logdet", call("linalg.logdet"), a=spd(3, 3), rtol=1e-4)
case(
    "self_adjoint_eigvals",
    call("self_adjoint_eigvals"),
    a=spd(3, 3),
    rtol=1e-4,
    second="its gradient needs the vectors",
)
case(
    "self_adjoint_eig",
    lambda tf, a: (lambda e, v: [e, tf.abs(v)])(*tf.self_adjoint_eig(a)),
    a=spd(3, 3),
    rtol=1e-4,
    grad=False,
)
case(
    "svd_values",
    call("svd", compute_uv=False),
    a=f32(3, 2),
    rtol=1e-4,
    second="its gradient needs the vectors",
)
case(
    "svd",
    lambda tf, a: (lambda s, u, v: [s, tf.abs(u), tf.abs(v)])(*tf.svd(a)),
    a=f32(3, 2),
    rtol=1e-4,
    grad=False,
)
case(
    "svd_rebuilt",
    lambda tf, a: (lambda s, u, v: tf.matmul(u, tf.matmul(tf.diag(s), v, transpose_b=True)))(*tf.svd(a)),
    a=f32(3, 3),
    rtol=1e-3,
    second="its rule has poles where values meet",
    unknown="svd's gradient needs shapes",
)
case("qr", lambda tf, a: [tf.abs(x) for x in tf.qr(a)], a=f32(3, 2), rtol=1e-4, grad=False)
case("qr_full", lambda tf, a: tf.abs(tf.qr(a, full_matrices=True)[1]), a=f32(3, 2), rtol=1e-4, grad=False)
case(
    "qr_rebuilt",
    lambda tf, a: (lambda q, r: tf.matmul(q, r))(*tf.qr(a)),
    a=f32(3, 3),
    rtol=1e-3,
    unknown="qr's gradient needs shapes",
)
case("matrix_square_root", call("linalg.sqrtm"), a=spd(2, 2), rtol=1e-3)
case(
    "expm",
    call("linalg.expm"),
    a=f32(2, 2),
    rtol=1e-3,
    grad=False,
    nodes="its series is a composition of our own",
)
case("lu", lambda tf, a: tf.linalg.lu(a), a=invertible(3, 3), rtol=1e-4, grad=False)

case("diag", call("diag"), x=f32(3))
case("diag_matrix", call("diag", name="d"), x=f32(2, 2))
case("diag_i32", call("diag"), x=i32(3))
case("diag_part", call("diag_part"), x=f32(3, 3))
case("diag_part_rank4", call("diag_part"), x=f32(2, 3, 2, 3))
case("matrix_diag", call("matrix_diag"), x=f32(2, 3))
case("matrix_diag_part", call("matrix_diag_part"), x=f32(2, 3, 2))
case("matrix_set_diag", call("matrix_set_diag"), x=f32(2, 3, 3), d=f32(2, 3))
case("matrix_band_part", call("matrix_band_part", -1, 0), x=f32(3, 4))
case("matrix_band_part_upper", call("matrix_band_part", 0, -1), x=f32(2, 3, 3))
case("matrix_band_part_band", call("matrix_band_part", 1, 1, name="band"), x=f32(4, 4))
case("matrix_transpose", call("matrix_transpose"), x=f32(2, 3, 4))
case("adjoint", call("linalg.adjoint"), x=c64(2, 3))
case("eye", lambda tf: tf.eye(3))
case("eye_rectangle", lambda tf: tf.eye(2, num_columns=3, dtype=tf.float64))
case("eye_batch", lambda tf: tf.eye(2, batch_shape=[2, 2], name="one"))
case("eye_dynamic", lambda tf, n: tf.eye(n), n=given(3, "int32"))
case("tensor_diag_bool", call("matrix_band_part", 0, 0), x=bools(3, 3))
case(
    "tridiagonal_matmul",
    lambda tf, d, x: tf.linalg.tridiagonal_matmul(d, x, diagonals_format="compact"),
    d=f32(3, 4),
    x=f32(4, 2),
)
case("global_norm_matrix", lambda tf, a: tf.norm(a, axis=(-2, -1)), a=f32(2, 2, 3))

error(
    "matmul_shapes",
    call("matmul"),
    a=f32(2, 3),
    b=f32(2, 3),
    raises="ValueError",
    match="Dimensions must be equal",
)
error("matmul_run", call("matmul"), a=f32(2, 3), b=f32(2, 3), raises="InvalidArgumentError", when="run")
error("matmul_types", call("matmul"), a=f32(2, 3), b=f64(3, 2), raises="TypeError", match="float64")
error("matmul_rank", call("matmul"), a=f32(3), b=f32(3, 2), raises="ValueError", match="rank 2")
error(
    "matmul_two_flags",
    call("matmul", transpose_a=True, adjoint_a=True),
    a=f32(2, 2),
    b=f32(2, 2),
    raises="ValueError",
)
error(
    "inverse_singular",
    call("matrix_inverse"),
    a=given([[1, 2], [2, 4]]),
    raises="InvalidArgumentError",
    match="not invertible",
    when="run",
)
error(
    "cholesky_indefinite",
    call("cholesky"),
    a=given([[1, 2], [2, 1]]),
    raises="InvalidArgumentError",
    match="not successful|not positive definite",
    when="run",
)
error("inverse_shape", call("matrix_inverse"), a=f32(2, 3), raises="ValueError", match="must be equal")
error("diag_part_odd", call("diag_part"), x=f32(2, 3), raises="ValueError")
