"""More of math: edges of casts, divisions and comparisons, sparse gradients, counts, segments."""

from .table import Rows, bools, call, f16, f32, f64, given, i32, i64, u8

rows = Rows("math_more")
case, error = rows.case, rows.error

INF, NAN = float("inf"), float("nan")
KINK = "not differentiable there"

# --- functions made of others ---------------------------------------------------------------------

case(
    "polyval",
    lambda tf, x: tf.math.polyval([1.0, 2.0, x], x, name="p"),
    x=f32(3),
    double="its constants are single",
)
case("polyval_nothing", lambda tf, x: tf.math.polyval([], x), x=f32(3), grad=False)
case("reciprocal_no_nan", call("reciprocal_no_nan"), x=given([0.0, 2.0, -4.0]), double=KINK)
case("bessel_i0", call("bessel_i0"), x=f32(4), rtol=2e-5)
case("bessel_i1", call("bessel_i1", name="i1"), x=f64(4), rtol=1e-6)
case("scalar_mul_tensor", call("scalar_mul", name="scaled"), s=f32(), x=f32(2, 3))
case("divide_named", call("divide", name="ratio"), x=i32(4, low=1, high=9), y=i32(4, low=1, high=5))
case("truediv_u8", call("truediv"), x=u8(4), y=u8(4, low=1))
case("approximate_equal", lambda tf, x: tf.abs(x - 1.0) < 0.5, x=f32(5))
case("complex_abs_zero", call("abs"), x=given([0, 3 + 4j], "complex64"), double=KINK)

# --- edges ----------------------------------------------------------------------------------------

EDGES = given([NAN, INF, -INF, 3e9, -3e9, 300.7, -300.7, -1.5, -0.0])
for target in ["int32", "int64", "uint8", "int8", "int16", "uint16", "uint32", "bool", "float16", "bfloat16"]:
    case(
        "cast_edges_" + target,
        lambda tf, x, target=target: tf.cast(tf.cast(x, target), "float64"),
        x=EDGES,
        grad=False,
    )
case("cast_f64_int32", lambda tf, x: tf.cast(x, tf.int32), x=given([1e10, -2.5, NAN], "float64"))
case("cast_u8_wraps", lambda tf, x: tf.cast(x, tf.uint8), x=given([300, -1, 70000], "int64"))
case("cast_bool_c64", lambda tf, x: tf.cast(x, tf.complex64), x=bools(4))
case("saturate_i32_i8", lambda tf, x: tf.saturate_cast(x, tf.int8), x=given([-999, 5, 999], "int32"))
case("saturate_i32_f16", lambda tf, x: tf.saturate_cast(x, tf.float16), x=given([-99999, 5, 99999], "int32"))
case("bitcast_wide", lambda tf, x: tf.bitcast(x, tf.int64), x=i32(3, 2))
DIVIDENDS, DIVISORS = given([1.0, -1.0, 1.0, -6.0, NAN, 0.0]), given([INF, INF, 0.0, -2.0, 1.0, 0.0])
for each in ["floordiv", "floormod", "truncatemod", "realdiv", "div_no_nan", "xdivy", "multiply_no_nan"]:
    case(each + "_edges", call(each), x=DIVIDENDS, y=DIVISORS, grad=False)
for each in ["floordiv", "floormod", "truncatediv", "truncatemod", "div", "realdiv"]:
    case(
        each + "_signs", call(each), x=given([7, -7, 7, -7, 0], "int64"), y=given([2, 2, -2, -2, 3], "int64")
    )
case("minimum_nan", call("minimum"), x=given([1, NAN, 1]), y=given([NAN, 1, 2]), grad=False)
case("maximum_i64", call("maximum"), x=i64(6), y=i64(6))
case("less_nan", call("less"), x=given([1, NAN]), y=given([NAN, 1]), grad=False)
case("digamma_poles", call("digamma"), x=given([0.0, -1.0, -0.5, NAN]), grad=False)
case("lgamma_poles", call("lgamma"), x=given([0.0, -1.0, -0.5, INF]), grad=False)
case(
    "igamma_domain",
    call("igamma"),
    a=given([1.0, 0.0, -1.0, 2.0]),
    x=given([0.0, 1.0, 1.0, -1.0]),
    grad=False,
)
case(
    "igamma_of_a",
    call("igamma"),
    a=f32(4, low=0.5, high=3),
    x=f32(4, low=0.1, high=4),
    rtol=2e-3,
    double="TensorFlow's rule for a is approximate",
    second="the rule for a has no gradient",
)
case("zeta_domain", call("zeta"), x=given([1.0, 0.5, 3.0, 2.5]), q=given([2.0, 3.0, -1.0, -1.5]), grad=False)
case("polygamma_domain", call("polygamma"), n=given([0.0, 1.5, -1.0]), x=given([2.0, 2.0, 2.0]), grad=False)
case("pow_f16", call("pow"), x=f16(4, low=0.5), y=f16(4), rtol=8e-3)
case(
    "shift_clamped", call("bitwise.left_shift"), x=given([1, 1, -1], "int32"), y=given([32, -1, 40], "int32")
)
case(
    "shift_right_clamped", call("bitwise.right_shift"), x=given([-8, 8], "int32"), y=given([32, -1], "int32")
)
error(
    "floormod_zero",
    call("floormod"),
    x=i32(1),
    y=given([0], "int32"),
    raises="InvalidArgumentError",
    match="division by zero",
    when="run",
)
error(
    "bitcast_shape", lambda tf, x: tf.bitcast(x, tf.int64), x=i32(3, 3), raises="ValueError", match="bitcast"
)
error(
    "scalar_mul_rank",
    call("scalar_mul"),
    s=f32(2),
    x=f32(2),
    raises="ValueError",
    match="Only scalar multiply",
)
error("complex_types", call("complex"), x=f32(2), y=f64(2), raises="TypeError", match="incorrect types")

# --- sparse gradients through elementwise ops -----------------------------------------------------


def picked(tf, x):
    return tf.gather(x, [2, 0, 2])


ROWS = f32(4, 2)
case("gradient_of_gather_negative", lambda tf, x: -picked(tf, -x), x=ROWS)
case("add_n_of_gathers", lambda tf, x: picked(tf, x) + picked(tf, x * 2.0), x=ROWS)
case(
    "cast_slices",
    lambda tf, x: tf.cast(tf.IndexedSlices(x, tf.constant([1, 0])), tf.int32).values,
    x=f32(2, 3),
    grad=False,
)
case(
    "scalar_mul_slices",
    lambda tf, x: tf.scalar_mul(2.0, tf.IndexedSlices(x, tf.constant([1, 0]))).values,
    x=f32(2, 3),
)
case(
    "add_n_slices",
    lambda tf, x: tf.add_n([tf.IndexedSlices(x, tf.constant([1, 0]), tf.constant([3, 3]))]),
    x=f32(2, 3),
)

# --- reductions -----------------------------------------------------------------------------------

case("max_all_nan", call("reduce_max", axis=1), x=given([[NAN, 1, 3], [NAN, NAN, NAN]]), grad=False)
case("min_all_nan", call("reduce_min", axis=1), x=given([[NAN, 1, 3], [NAN, NAN, NAN]]), grad=False)
case("argmax_nan", call("argmax"), x=given([NAN, 1, NAN, 3, 2]), grad=False)
case("argmin_nan", call("argmin"), x=given([NAN, 1, NAN, 3, 2]), grad=False)
case("mean_negative_ints", call("reduce_mean"), x=given([-1, -2, -4], "int32"))
case("mean_no_ints", call("reduce_mean", axis=0), x=i32(0, 3))
case("max_no_ints", call("reduce_max", axis=0), x=i32(0, 3))
case("sum_i8_wraps", call("reduce_sum"), x=given([100, 100, 100], "int8"))
case("prod_empty", call("reduce_prod", axis=0), x=f32(0, 2), grad=False)
case("reduce_python_list", lambda tf: tf.reduce_sum([[1.0, 2.0], [3.0, 4.0]]))
case("reduce_python_list_axis", lambda tf: tf.reduce_mean([[1.0, 2.0], [3.0, 4.0]], 1))
case("sum_twice", lambda tf, x: [tf.reduce_sum(x, 1), tf.reduce_sum(x, 1)], x=f32(2, 3, 2))
case(
    "mean_scalar_axis_tensor",
    lambda tf, x, a: tf.reduce_mean(x, a, keepdims=True),
    x=f32(2, 3),
    a=given(1, "int32"),
)
case("cumprod_both_axis", call("cumprod", axis=1, exclusive=True, reverse=True), x=f32(2, 4, low=0.5))
case("cumsum_f16", call("cumsum"), x=f16(4), rtol=4e-3)
case("cumsum_empty", call("cumsum", exclusive=True), x=f32(0, 2), grad=False)
error(
    "argmax_empty",
    call("argmax", axis=0),
    x=f32(0, 3),
    raises="InvalidArgumentError",
    match="Reduction axis 0 is empty",
    when="run",
)
error(
    "cumsum_axis_run",
    call("cumsum", axis=3),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="Expected scan axis",
    when="run",
)
error(
    "axis_twice",
    call("reduce_sum", axis=1, reduction_indices=[1]),
    x=f32(2, 3),
    raises="ValueError",
    match="Cannot specify both",
)

# --- sequences and counts -------------------------------------------------------------------------

case("range_float_steps", lambda tf: tf.range(0.0, 1.0, 0.1))
case("range_down", lambda tf: tf.range(10.0, 1.0, -2.5, name="down"))
case("range_of_types", lambda tf, n: tf.range(0, n, 0.5), n=given(3, "int32"))
case("range_tensor", lambda tf, n: tf.range(n), n=given(4, "int64"))
case("linspace_uneven", lambda tf: tf.linspace(0.1, 0.7, 7))
case("linspace_one", lambda tf: tf.linspace(0.1, 0.7, 1))
case("linspace_tensor", lambda tf, n: tf.lin_space(0.0, 1.0, n), n=given(5, "int32"))
case(
    "histogram_bins",
    lambda tf, x: tf.histogram_fixed_width_bins(x, [-2.0, 2.0], nbins=5),
    x=f32(4, 3),
    grad=False,
    xla=False,
)
case(
    "histogram_ints",
    lambda tf, x: tf.histogram_fixed_width(x, [0, 5], nbins=4, dtype=tf.int64),
    x=given([-1, 0, 1, 2, 5], "int32"),
)
case("bincount_minlength", call("bincount", minlength=8), x=given([1, 2, 2], "int32"))
case("bincount_empty", call("bincount", minlength=3), x=i32(0))
case(
    "confusion_weights",
    lambda tf, a, b, w: tf.confusion_matrix(a, b, 4, weights=w, dtype=tf.float32),
    a=i64(6, low=0, high=3),
    b=i32(6, 1, low=0, high=3),
    w=f32(6),
    grad=False,
)
error("range_zero", lambda tf: tf.range(0, 5, 0), raises="ValueError", match="delta != 0")
error("range_backwards", lambda tf: tf.range(0, 5, -1), raises="ValueError", match="start >= limit")
error(
    "range_zero_run",
    lambda tf, d: tf.range(0, 5, d),
    d=given(0, "int32"),
    raises="InvalidArgumentError",
    match="delta != 0",
    when="run",
)
error("linspace_none", lambda tf: tf.linspace(0.0, 1.0, 0), raises="ValueError", match="num > 0")
error(
    "bincount_negative",
    call("bincount"),
    x=given([1, -1], "int32"),
    raises="InvalidArgumentError",
    match="must be non-negative",
    when="run",
)
error(
    "histogram_range",
    lambda tf, x: tf.histogram_fixed_width(x, [5.0, 0.0]),
    x=f32(3),
    raises="InvalidArgumentError",
    match="value_range",
    when="run",
)

# --- segments -------------------------------------------------------------------------------------

IDS = given([0, 0, 2, 2], "int32")
for each in ["sum", "mean", "prod", "max", "min"]:
    case("segment_i32_" + each, call("segment_" + each), x=i32(4, 2), ids=IDS, xla=False)
    case("segment_empty_" + each, call("segment_" + each), x=f32(0, 2), ids=i32(0), xla=False, grad=False)
for each in ["sum", "mean", "prod", "max", "min", "sqrt_n"]:
    if each in ("sum", "prod", "max", "min"):
        case(
            "unsorted_c_" + each,
            call("unsorted_segment_" + each, 4),
            x=i64(4, 2),
            ids=given([3, -1, 0, 3], "int64"),
        )
    case(
        "unsorted_f32_" + each,
        call("unsorted_segment_" + each, 4, name="u"),
        x=f32(4, 2, low=0.5),
        ids=given([3, 1, 0, 3], "int32"),
        unknown="its ranks must be known",
        double="ties of a single row" if each in ("max", "min") else None,
    )
case(
    "unsorted_prod_zeros",
    call("unsorted_segment_prod", 2),
    x=given([0.0, 2.0, 0.0, 0.0]),
    ids=given([0, 0, 1, 1], "int32"),
    unknown="its ranks must be known",
    double=KINK,
)
case(
    "unsorted_matrix_ids",
    call("unsorted_segment_sum", 3),
    x=f32(2, 2, 3),
    ids=given([[0, 2], [2, 0]], "int32"),
    unknown="its ranks must be known",
)
for each in ["sum", "mean", "sqrt_n"]:
    case(
        "sparse_counted_" + each,
        call("sparse_segment_" + each, num_segments=5),
        x=f32(4, 2),
        i=given([0, 3, 1], "int32"),
        ids=given([0, 0, 3], "int32"),
        xla=False,
        second="the gradient op has none" if each != "sum" else None,
    )
error(
    "segments_unsorted",
    call("segment_sum"),
    x=f32(3),
    ids=given([2, 0, 2], "int32"),
    raises="InvalidArgumentError",
    match="not increasing",
    when="run",
)
error(
    "segment_ids_length",
    call("segment_sum"),
    x=f32(3),
    ids=given([0, 2], "int32"),
    raises="InvalidArgumentError",
    match="same size",
    when="run",
)
error(
    "unsorted_range",
    call("unsorted_segment_sum", 3),
    x=f32(3),
    ids=given([0, 5, -1], "int32"),
    raises="InvalidArgumentError",
    match=r"segment_ids\[1\] = 5 is out of range \[0, 3\)",
    when="run",
)
error(
    "unsorted_shapes",
    call("unsorted_segment_sum", 3),
    x=f32(3),
    ids=i32(2, low=0, high=2),
    raises="ValueError",
)
error(
    "sparse_segment_index",
    call("sparse_segment_sum"),
    x=f32(3, 1),
    i=given([0, 9], "int32"),
    ids=given([0, 1], "int32"),
    raises="InvalidArgumentError",
    match=r"out of range \[0, 3\)",
    when="run",
)
error(
    "sparse_segment_count",
    call("sparse_segment_sum", num_segments=2),
    x=f32(3, 1),
    i=given([0, 1], "int32"),
    ids=given([1, 3], "int32"),
    raises="InvalidArgumentError",
    match="num_segments",
    when="run",
)
