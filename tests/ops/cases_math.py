"""Elementwise math: unary, binary, comparison, logic, complex and bitwise ops."""

from .table import Rows, bools, c64, c128, call, f16, f32, f64, given, i32, i64, ints, u8

rows = Rows("math")
case, error = rows.case, rows.error


def unary(name, low=-2.0, high=2.0, **options):
    """Rows for the function ``tf.<name>`` (or ``tf.math.<name>``) of one float tensor."""
    case(name, call(name), x=f32(2, 3, low=low, high=high), **options)
    case(name + "_f64", call(name), x=f64(4, low=low, high=high), **options)


def special(name, values, **options):
    """A row for ``tf.<name>`` at special points, where rules and conventions show."""
    case(name + "_special", call(name), x=given(values), **options)


KINK = "not differentiable there"
EDGES = [float("-inf"), -1.5, -0.5, -0.0, 0.0, 0.5, 1.0, 2.5, float("inf"), float("nan")]
HALVES = [-2.5, -1.5, -0.5, -0.0, 0.0, 0.5, 1.5, 2.5, 3.0]

for each in [
    "abs",
    "negative",
    "square",
    "exp",
    "expm1",
    "sin",
    "cos",
    "tanh",
    "sinh",
    "cosh",
    "tan",
    "atan",
    "asinh",
]:
    unary(each)
for each in ["sigmoid", "erf", "erfc", "sign"]:
    unary(each)
for each in ["floor", "ceil", "round", "rint"]:
    unary(each)
for each in ["sqrt", "rsqrt", "log", "log1p", "reciprocal", "lgamma", "digamma"]:
    unary(each, low=0.25, high=3.0)
for each in ["asin", "acos", "atanh", "log_sigmoid", "bessel_i0e", "bessel_i1e"]:
    unary(each, low=-0.9, high=0.9, second="slow to converge" if "bessel" in each else None)
unary("acosh", low=1.25, high=3.0)
for each in ["softplus", "softsign"]:
    unary(each)

for each in ["abs", "sign", "square", "exp", "tanh", "sigmoid", "erf", "sqrt", "log", "reciprocal"]:
    special(each, EDGES, double=KINK, grad=False)
special("rsqrt", [float("-inf"), -1.5, 0.0, 2.5, float("inf"), float("nan")], double=KINK, grad=False)
for each in ["floor", "ceil", "round", "rint"]:
    special(each, HALVES, grad=False)
case("abs_at_zero", call("abs"), x=given([0.0, -0.0, 2.0]), double=KINK)
case("sqrt_at_zero", call("sqrt"), x=given([0.0, 4.0]), double=KINK)
case("negative_zero_sign", call("sign"), x=given([0.0, -0.0]), double=KINK)

for each in ["abs", "negative", "square", "sign"]:
    case(each + "_i32", call(each), x=i32(5))
    case(each + "_i64", call(each), x=i64(5))
for each in ["abs", "negative", "square", "exp", "tanh", "sqrt", "floor", "sigmoid"]:
    case(each + "_f16", call(each), x=f16(5, low=0.1), rtol=4e-3)
for each in ["negative", "square", "exp", "sin", "cos", "tanh", "sigmoid", "log", "sqrt"]:
    case(each + "_c64", call(each), x=c64(4), rtol=5e-5)
for each in ["rsqrt", "reciprocal", "sinh", "cosh", "log1p", "expm1"]:
    case(each + "_c64", call(each), x=c64(4), rtol=5e-5)

case("operator_neg", lambda tf, x: -x, x=f32(3))
case("operator_abs", lambda tf, x: abs(x), x=f32(3))
case("operator_invert", lambda tf, x: ~x, x=bools(4))
case("exp_named", call("exp", name="grow"), x=f32(2))
case("exp_scalar", call("exp"), x=f32())
case("exp_empty", call("exp"), x=f32(0, 3))
case("abs_complex", call("abs"), x=c64(4))
case(
    "polygamma",
    call("polygamma"),
    n=given([1.0, 2.0, 3.0]),
    x=f32(3, low=0.5),
    rtol=1e-4,
    wrt=["x"],
    second="its second derivative needs a further order",
)
case("zeta", call("zeta"), x=f32(4, low=1.5, high=3), q=f32(4, low=0.5), rtol=1e-4, wrt=["q"])
case("igamma", call("igamma"), a=f32(5, low=0.5, high=3), x=f32(5, low=0.1, high=4), rtol=2e-4, wrt=["x"])
case("igammac", call("igammac"), a=f32(5, low=0.5, high=3), x=f32(5, low=0.1, high=4), rtol=2e-4, wrt=["x"])
case(
    "betainc",
    call("betainc"),
    a=f32(4, low=0.5),
    b=f32(4, low=0.5),
    x=f32(4, low=0.1, high=0.9),
    rtol=2e-4,
    wrt=["x"],
)
case("lbeta", call("lbeta"), x=f32(2, 3, low=0.5, high=2))

for each in ["square", "abs", "sqrt", "log", "sigmoid", "to_int32", "negative", "rsqrt", "round", "floor"]:
    case(each + "_named", call(each, name="mine"), x=f32(3, low=0.5))

# --- binary ---------------------------------------------------------------------------------------

BROADCASTS = {
    "": ((2, 3), (2, 3)),
    "_row": ((2, 3), (3,)),
    "_outer": ((2, 1), (1, 3)),
    "_scalar": ((), (2, 2)),
}
for each in ["add", "subtract", "multiply", "divide", "maximum", "minimum", "squared_difference"]:
    for suffix, (left, right) in sorted(BROADCASTS.items()):
        case(each + suffix, call(each), x=f32(*left), y=f32(*right, low=0.5))
    for kind in ("int32", "int64"):
        case(each + "_" + kind, call(each), x=ints(kind, (6,), 1, 9), y=ints(kind, (6,), 1, 5))
for each in ["add", "subtract", "multiply", "divide"]:
    case(each + "_c64", call(each), x=c64(2, 2), y=c64(2))
    case(each + "_f16", call(each), x=f16(3), y=f16(3), rtol=4e-3)
    case(each + "_f64", call(each), x=f64(3), y=f64(3, low=0.5))
case("maximum_ties", call("maximum"), x=given([1, 2, 3]), y=given([1, 3, 2]), double=KINK)
case("minimum_ties", call("minimum"), x=given([1, 2, 3]), y=given([1, 3, 2]), double=KINK)
case("maximum_nan", call("maximum"), x=given([1, float("nan"), 1]), y=given([float("nan"), 1, 2]), grad=False)
case("maximum_constant", call("maximum", 0.5), x=f32(2, 3), double=None)
case("minimum_constant_left", lambda tf, x: tf.minimum(1.0, x), x=f32(2, 3), double="its constant is float32")
case("maximum_named", lambda tf, x: tf.maximum(0.25 * x, x, name="leaky"), x=f32(4))

OPERATORS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "truediv": lambda x, y: x / y,
    "floordiv": lambda x, y: x // y,
    "mod": lambda x, y: x % y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
}
for each, operator in sorted(OPERATORS.items()):
    case(
        "operator_" + each, lambda tf, x, y, operator=operator: operator(x, y), x=f32(2, 3), y=f32(3, low=0.5)
    )
    case(f"operator_{each}_right", lambda tf, x, operator=operator: operator(1.5, x), x=f32(3, low=0.5))
    case(f"operator_{each}_left", lambda tf, x, operator=operator: operator(x, 2), x=f32(3))
    case(
        f"operator_{each}_i32",
        lambda tf, x, y, operator=operator: operator(x, y),
        x=i32(6, low=-9, high=9),
        y=given([1, -2, 3, -4, 5, 3], "int32"),
    )
case("operator_pow", lambda tf, x: x**2, x=f32(3))
case("operator_pow_right", lambda tf, x: 2.0**x, x=f32(3))
case("operator_matmul", lambda tf, x, y: x @ y, x=f32(2, 3), y=f32(3, 2))
case("operator_numpy_left", lambda tf, x: __import__("numpy").float32(3) * x, x=f32(3))
case("operator_list", lambda tf, x: x + [1.0, 2.0, 3.0], x=f32(2, 3))  # noqa: RUF005

for each in [
    "div",
    "truediv",
    "realdiv",
    "divide",
    "floordiv",
    "floor_div",
    "floormod",
    "mod",
    "truncatediv",
    "truncatemod",
    "div_no_nan",
]:
    signs = given([-7, -7, 7, 7, 6, -6, 1, 0], "int32"), given([2, -2, 2, -2, 3, 3, 4, 5], "int32")
    if each not in ("realdiv", "div_no_nan"):
        case(each + "_signs", call(each), x=signs[0], y=signs[1])
    if each not in ("truncatediv",):
        case(each + "_f32", call(each), x=f32(2, 3, low=-5, high=5), y=f32(3, low=0.5), double=None)
case("div_i64", call("div"), x=i64(4), y=i64(4, low=1))
case("div_u8", call("div"), x=u8(4), y=u8(4, low=1))
case("truediv_u8", call("truediv"), x=u8(4), y=u8(4, low=1))
case("truediv_i64", call("truediv"), x=i64(4), y=i64(4, low=1))
case("div_no_nan_zero", call("div_no_nan"), x=f32(3), y=given([0, 1, 2]), double=KINK)
case("div_named", call("div", 255.0, name="scale"), x=f32(3))
case("mod_negative", call("mod"), x=given([-5.5, 5.5, -5.5]), y=given([2, -2, -2]))
case("fmod_scalar", call("mod", 3), x=i32(5))
case("multiply_no_nan", call("multiply_no_nan"), x=f32(3), y=given([0, 1, 2]), double=KINK)

case("pow", call("pow"), x=f32(2, 3, low=0.25), y=f32(3))
case("pow_int", call("pow", 3), x=f32(3))
case("pow_i32", call("pow", 3), x=i32(5))
case("pow_zero_base", call("pow"), x=given([0.0, 0.0, 1.0]), y=given([2.0, 1.0, 0.0]), double=KINK)
case("pow_negative_base", call("pow", 2.0), x=f32(4, low=-2, high=-0.5))
case("pow_c64", call("pow"), x=c64(3), y=c64(3), rtol=5e-5)
case("atan2", call("atan2"), y=f32(2, 3), x=f32(2, 3))
case("atan2_row", call("atan2"), y=f32(2, 3), x=f32(3), grad=False)
case("xdivy", call("xdivy"), x=given([0, 1, 2]), y=given([0, 2, 4]), double=KINK)
case("xlogy", call("xlogy"), x=given([0, 1, 2]), y=given([0, 2, 4]), double=KINK)
case("xlogy_positive", call("xlogy"), x=f32(3, low=0.5), y=f32(3, low=0.5))
case("nextafter", call("nextafter"), x=f32(3), y=f32(3), double="its step is the type's")
case("add_n", lambda tf, a, b, c: tf.add_n([a, b, c]), a=f32(2, 3), b=f32(2, 3), c=f32(2, 3))
case("add_n_named", lambda tf, a, b: tf.add_n([a, b], name="total"), a=f32(2), b=f32(2))
case("add_n_one", lambda tf, a: tf.add_n([a]), a=f32(2))
case("add_n_i32", lambda tf, a, b: tf.add_n([a, b]), a=i32(2), b=i32(2))
case(
    "accumulate_n",
    lambda tf, a, b: tf.accumulate_n([a, b]),
    a=f32(2, 3),
    b=f32(2, 3),
    unknown="it needs the shape of an input",
)
case("scalar_mul", lambda tf, x: tf.scalar_mul(2.0, x), x=f32(3))
case("add_named", call("add", name="sum"), x=f32(2), y=f32(2))
case("multiply_by_python", call("multiply", 3.0, name="triple"), x=f32(2))
case("sub_old_name", call("subtract", name="d"), x=f32(2), y=f32(2))
case("same_tensor_twice", lambda tf, x: x * x + x, x=f32(3))
case("names_repeat", lambda tf, x: [x + 1.0, x + 1.0, tf.add(x, 1.0), tf.add(x, 1.0)], x=f32(2))
case("cross", call("cross"), a=f32(2, 3), b=f32(2, 3))

# --- comparison and logic -------------------------------------------------------------------------

for each in ["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"]:
    case(each, call(each), x=i32(2, 6, low=0, high=3), y=i32(6, low=0, high=3))
    case(
        each + "_f32",
        call(each),
        x=given([0, 1, float("nan"), 2]),
        y=given([0, 2, float("nan"), 1]),
        grad=False,
    )
case("equal_bool", call("equal"), x=bools(5), y=bools(5))
case("equal_c64", call("equal"), x=given([1 + 1j, 2], "complex64"), y=given([1 + 1j, 3], "complex64"))
case("equal_constant", call("equal", 2), x=i32(5))
case("equal_named", call("equal", name="hit"), x=i64(5, low=0, high=2), y=i64(5, low=0, high=2))
for each in ["logical_and", "logical_or", "logical_xor"]:
    case(each, call(each), x=bools(2, 4), y=bools(4))
case("logical_not", call("logical_not"), x=bools(4))
case("operator_and", lambda tf, x, y: x & y, x=bools(4), y=bools(4))
case("operator_or", lambda tf, x, y: x | y, x=bools(4), y=bools(4))
case("operator_xor", lambda tf, x, y: x ^ y, x=bools(4), y=bools(4))
for each in ["is_finite", "is_inf", "is_nan"]:
    case(each, call(each), x=given(EDGES), grad=False)

# --- complex and bitwise --------------------------------------------------------------------------

case("complex", call("complex"), x=f32(2, 3), y=f32(3), second="its output is complex")
case("complex_f64", call("complex"), x=f64(2), y=f64(2), second="its output is complex")
for each in ["real", "imag", "angle", "conj"]:
    case(each, call(each), x=c64(4))
    case(each + "_c128", call(each), x=c128(4))
    case(each + "_of_real", call(each), x=f32(4), double=None, grad=False)
for each in ["bitwise_and", "bitwise_or", "bitwise_xor"]:
    case(each, call("bitwise." + each), x=u8(2, 4), y=u8(4))
case("left_shift", call("bitwise.left_shift"), x=i32(4, low=1, high=9), y=i32(4, low=0, high=5))
case("right_shift", call("bitwise.right_shift"), x=i32(4, low=-99, high=99), y=i32(4, low=0, high=5))
case("invert", call("bitwise.invert"), x=u8(4))

# --- casts ----------------------------------------------------------------------------------------

WIDE = given([-300.7, -1.5, 0.0, 0.9, 1.0, 2.5, 255.0, 1000.3])
for target in ["float16", "float64", "int32", "int64", "bool", "complex64", "int16"]:
    case(
        "cast_to_" + target,
        lambda tf, x, target=target: tf.cast(x, target),
        x=WIDE,
        grad=target == "float64",
        double="it would be a cast to the same type" if target == "float64" else None,
    )
for source, target in (
    ("int32", "float32"),
    ("int32", "uint8"),
    ("int64", "int32"),
    ("int32", "bool"),
    ("int32", "int64"),
):
    case(
        f"cast_{source}_{target}",
        lambda tf, x, target=target: tf.cast(x, getattr(tf, target)),
        x=given([-300, -1, 0, 1, 255, 256, 70000], source),
    )
case("cast_bool_f32", lambda tf, x: tf.cast(x, tf.float32), x=bools(5))
case("cast_bool_i32", lambda tf, x: tf.cast(x, dtype=tf.int32, name="as_int"), x=bools(5))
case("cast_same", lambda tf, x: tf.cast(x, tf.float32), x=f32(2), double="it would be a real cast")
case("cast_c64_f32", lambda tf, x: tf.cast(x, tf.float32), x=c64(2), grad=False)
for each in ["to_float", "to_double", "to_int32", "to_int64", "to_bfloat16"]:
    if each != "to_bfloat16":
        case(each, call(each), x=f16(3, low=-5, high=5), grad=False)
case("to_float_named", call("to_float", name="as_float"), x=i32(3))
case("saturate_cast", lambda tf, x: tf.saturate_cast(x, tf.uint8), x=WIDE, grad=False)
case("bitcast", lambda tf, x: tf.bitcast(x, tf.int32), x=f32(3), grad=False)
case("bitcast_narrow", lambda tf, x: tf.bitcast(x, tf.uint8), x=i32(3))

# --- errors ---------------------------------------------------------------------------------------

error("add_shapes", call("add"), x=f32(2, 3), y=f32(4), raises="ValueError", match="Dimensions must be equal")
error("add_dtypes", call("add"), x=f32(2), y=i32(2), raises="TypeError", match="int32")
error(
    "add_run",
    call("add"),
    x=f32(2, 3),
    y=f32(4),
    raises="InvalidArgumentError",
    match=r"Incompatible shapes: \[2,3\] vs. \[4\]",
    when="run",
)
error("sqrt_int", call("sqrt"), x=i32(2), raises="TypeError")
error("logical_and_float", call("logical_and", True), x=f32(2), raises="TypeError")
error(
    "floordiv_zero",
    call("floordiv"),
    x=i32(2),
    y=given([1, 0], "int32"),
    raises="InvalidArgumentError",
    match="division by zero",
    when="run",
)
error("add_n_shapes", lambda tf, x, y: tf.add_n([x, y]), x=f32(2), y=f32(3), raises="ValueError")
error("add_n_empty", lambda tf: tf.add_n([]), raises="ValueError")
error(
    "pow_negative_int",
    call("pow"),
    x=given([2], "int32"),
    y=given([-1], "int32"),
    raises="InvalidArgumentError",
    match="negative integer powers",
    when="run",
)
error("cast_string", call("cast", "nonsense"), x=f32(2), raises="TypeError")
