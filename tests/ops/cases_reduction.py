"""Reductions, arg-reductions and cumulative ops."""

from .table import Rows, bools, c64, call, distinct, f16, f32, f64, given, i32, i64, spd

rows = Rows("reduction")
case, error = rows.case, rows.error

HELD = "its rule holds the mean constant"
KINK = "not differentiable there"
REAL = ["sum", "mean", "prod", "max", "min", "logsumexp", "math.reduce_euclidean_norm", "math.reduce_std"]
REAL += ["math.reduce_variance"]


def full(name):
    return name if "." in name else "reduce_" + name


for each in REAL:
    short = each.split("reduce_")[-1]
    options = {"grad": False} if short == "euclidean_norm" else {}  # (it has no gradient)
    case(short, call(full(each)), x=distinct(2, 3, step=0.3), **options)
    case(f"{short}_axis", call(full(each), axis=1), x=distinct(2, 3, 2, step=0.3), **options)
    case(f"{short}_negative_axis", call(full(each), axis=-1), x=distinct(2, 3, step=0.3), **options)
    case(
        f"{short}_axes_keepdims",
        call(full(each), axis=[0, 2], keepdims=True),
        x=distinct(2, 3, 2, step=0.3),
        **options,
    )
    case(f"{short}_f64", call(full(each), axis=0), x=f64(3, 2), **options)
    kink = KINK if short == "std" else None
    if short != "euclidean_norm":  # (TensorFlow 1.15 gives the input itself, signs and all)
        case(f"{short}_no_axes", call(full(each), axis=[]), x=f32(2, 3), double=kink, **options)
    case(f"{short}_scalar", call(full(each)), x=f32(low=0.5), double=kink, **options)
for each in ["sum", "mean", "prod", "max", "min", "logsumexp"]:
    case(
        f"{each}_old_keywords",
        call("reduce_" + each, reduction_indices=[1], keep_dims=True),
        x=distinct(2, 3),
    )
    case(f"{each}_named", call("reduce_" + each, name="total"), x=distinct(4))
    case(
        f"{each}_tensor_axis",
        lambda tf, x, axis, each=each: getattr(tf, "reduce_" + each)(x, axis),
        x=distinct(2, 3),
        axis=given([1], "int32"),
    )
for each in ["sum", "mean", "prod", "max", "min"]:
    case(f"{each}_i32", call("reduce_" + each, 1), x=i32(2, 3))
    case(f"{each}_i64", call("reduce_" + each, 0, keepdims=True), x=i64(2, 3))
    case(
        f"{each}_numpy_axis",
        lambda tf, x, each=each: getattr(tf, "reduce_" + each)(x, (0, 1)),
        x=distinct(2, 2),
    )
for each in ["sum", "mean", "prod"]:
    case(f"{each}_c64", call("reduce_" + each, axis=0), x=c64(3, 2), rtol=5e-5)
case("sum_f16", call("reduce_sum", axis=1), x=f16(2, 4), rtol=4e-3)
case("mean_f16", call("reduce_mean"), x=f16(2, 4), rtol=4e-3)
case("sum_empty", call("reduce_sum", axis=0), x=f32(0, 3))
case("sum_nothing", call("reduce_sum"), x=f32(0))
case("mean_empty", call("reduce_mean", axis=0), x=f32(0, 3), grad=False)
case("max_empty", call("reduce_max", axis=0), x=f32(0, 3), grad=False)
case(
    "prod_zeros",
    call("reduce_prod", axis=1),
    x=given([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]]),
    second="it divides by zero",
)
case("prod_all_axes", call("reduce_prod"), x=distinct(2, 3))
case("max_ties", call("reduce_max", axis=1), x=given([[1, 3, 3], [2, 2, 2]]), double=KINK)
case("min_ties", call("reduce_min"), x=given([[1, 3, 3], [1, 2, 2]]), double=KINK)
case("max_nan", call("reduce_max"), x=given([1, float("nan"), 3]), grad=False)
case("logsumexp_large", call("reduce_logsumexp", 1), x=given([[1000, 1001, 999], [-1000, -999, -1002.0]]))
case("logsumexp_inf", call("reduce_logsumexp"), x=given([float("-inf"), float("-inf")]), grad=False)
case("mean_of_square", lambda tf, x, y: tf.reduce_mean(tf.square(x - y)), x=f32(4, 2), y=f32(4, 2))
case("sum_of_sum", lambda tf, x: tf.reduce_sum(tf.reduce_sum(x, 1), 0), x=f32(4, 2))

for each in ["all", "any"]:
    case(each, call("reduce_" + each), x=bools(2, 3))
    case(each + "_axis", call("reduce_" + each, axis=1, keepdims=True), x=bools(4, 2))
    case(each + "_old_keywords", call("reduce_" + each, reduction_indices=0, keep_dims=True), x=bools(4, 2))
    case(each + "_empty", call("reduce_" + each), x=bools(0))
case("count_nonzero", call("count_nonzero"), x=given([[0.0, 1.0, -0.0], [2.0, 0.0, 3.0]]), grad=False)
case(
    "count_nonzero_axis",
    call("count_nonzero", axis=1, keepdims=True, dtype="int32"),
    x=i32(3, 4, low=0, high=2),
)
case(
    "zero_fraction",
    call("nn.zero_fraction"),
    x=given([[0.0, 1.0, -0.0], [2.0, 0.0, 3.0]]),
    grad=False,
)

for each in ["argmax", "argmin"]:
    case(each, call(each), x=distinct(3, 4))
    case(each + "_axis", call(each, 1), x=distinct(3, 4))
    case(each + "_keywords", call(each, axis=-1, output_type="int32", name="best"), x=distinct(2, 3, 2))
    case(each + "_dimension", call(each, dimension=0), x=distinct(3, 4))
    case(each + "_ties", call(each, axis=0), x=given([2, 3, 3, 2, 1, 1]))
    case(each + "_i32", call(each, axis=1), x=i32(3, 4))
case("arg_max", lambda tf, x: tf.arg_max(x, 1), x=distinct(2, 3))
case("arg_min", lambda tf, x: tf.arg_min(x, 1), x=distinct(2, 3))

for each in ["cumsum", "cumprod"]:
    case(each, call(each), x=f32(3, 2))
    case(each + "_axis", call(each, axis=1), x=f32(2, 4))
    case(each + "_exclusive", call(each, axis=-1, exclusive=True), x=f32(2, 4))
    case(each + "_reverse", call(each, reverse=True), x=f32(3, 2))
    case(each + "_both", call(each, exclusive=True, reverse=True, name="run"), x=f32(4))
    case(each + "_i32", call(each, axis=1), x=i32(2, 3))
case("cumulative_logsumexp", call("math.cumulative_logsumexp"), x=f32(5), rtol=1e-4)
case(
    "cumulative_logsumexp_both",
    call("math.cumulative_logsumexp", exclusive=True, reverse=True),
    x=f32(2, 3),
    grad=False,
    rtol=1e-4,
)

NORMS = {"norm": {}, "norm_1": {"ord": 1}, "norm_inf": {"ord": float("inf")}, "norm_3": {"ord": 3}}
for each, keywords in sorted(NORMS.items()):
    case(each, call("norm", **keywords), x=distinct(2, 3, step=0.3))
    case(each + "_axis", call("norm", axis=1, keepdims=True, **keywords), x=distinct(2, 3, step=0.3))
case("norm_euclidean", call("norm", ord="euclidean", axis=-1), x=f32(2, 3))
case("norm_matrix", call("norm", ord="fro", axis=[0, 1]), x=f32(2, 3))
case("norm_keep_dims", call("norm", axis=0, keep_dims=True, name="length"), x=f32(2, 3))
case("trace", call("trace"), x=f32(2, 3, 3))
case("l2_loss", call("nn.l2_loss"), x=f32(2, 3))
case("l2_loss_named", call("nn.l2_loss", name="decay"), x=f32(4))
case("global_norm", lambda tf, x, y: tf.global_norm([x, y]), x=f32(2, 3), y=f32(2))
case(
    "global_norm_with_none", lambda tf, x, y: tf.global_norm([x, None, y], name="size"), x=f32(2, 3), y=f32(2)
)
case("moments", call("nn.moments", axes=[0]), x=f32(4, 3), second=HELD)
case(
    "moments_keep", call("nn.moments", axes=[0, 1], keep_dims=True, name="stats"), x=f32(4, 2, 3), second=HELD
)
case("moments_keepdims", call("nn.moments", axes=[1], keepdims=True), x=f32(2, 5), second=HELD)
case("moments_f16", call("nn.moments", axes=[0]), x=f16(4, 3), rtol=4e-3, second=HELD)
case(
    "weighted_moments", lambda tf, x, w: tf.nn.weighted_moments(x, [0], w), x=f32(4, 3), w=f32(4, 1, low=0.5)
)
case("sufficient_statistics", lambda tf, x: tf.nn.sufficient_statistics(x, [0])[:3], x=f32(4, 3))
case(
    "normalize_moments",
    lambda tf, m, v: tf.nn.normalize_moments(4.0, m, v, None),
    m=f32(3),
    v=f32(3, low=1),
    double="its divisor is float32",
)
case("bincount", call("bincount"), x=given([1, 2, 2, 5, 0], "int32"))
case("bincount_sized", call("bincount", minlength=4, maxlength=5), x=given([1, 2, 2, 5, 0], "int32"))
case("bincount_weights", call("bincount"), x=given([1, 2, 2], "int32"), w=f32(3), grad=False)
case(
    "histogram_fixed_width",
    lambda tf, x: tf.histogram_fixed_width(x, [-2.0, 2.0], nbins=5),
    x=f32(20),
    grad=False,
)
case(
    "confusion_matrix",
    lambda tf, a, b: tf.confusion_matrix(a, b),
    a=i64(8, low=0, high=3),
    b=i64(8, low=0, high=3),
)
case(
    "confusion_matrix_sized",
    lambda tf, a, b: tf.confusion_matrix(a, b, num_classes=4, dtype=tf.float32),
    a=i32(8, low=0, high=3),
    b=i32(8, low=0, high=3),
)
case("reduce_join_norm", call("reduce_sum", axis=(0, 1)), x=spd(2, 2))

error(
    "sum_axis",
    call("reduce_sum", axis=2),
    x=f32(2, 3),
    raises="ValueError",
    match="Invalid reduction dimension",
)
error(
    "sum_axis_run",
    call("reduce_sum", axis=2),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="Invalid reduction dimension",
    when="run",
)
error("argmax_axis", call("argmax", axis=3), x=f32(2, 3), raises="ValueError", match="must be in the range")
error(
    "cumsum_axis",
    call("cumsum", axis=2),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="axis in the range",
    when="run",
)
error("max_bool", call("reduce_max"), x=bools(2), raises="TypeError")
error("all_float", call("reduce_all"), x=f32(2), raises="TypeError")
