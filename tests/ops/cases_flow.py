"""Clipping, checks, assertions, printing, control dependencies, conditionals and loops."""

from .table import Rows, bools, call, distinct, f32, f64, given, i32, strings

rows = Rows("flow")
case, error = rows.case, rows.error

KINK = "not differentiable there"
FUNCTIONAL = "Reflow builds If and While, TensorFlow 1.15 Switch and Merge"

# --- clipping -------------------------------------------------------------------------------------

case("clip_by_value", call("clip_by_value", -1.0, 1.0), x=distinct(2, 3, step=0.7))
case(
    "clip_by_value_keywords",
    lambda tf, x: tf.clip_by_value(x, clip_value_min=0.1, clip_value_max=0.9, name="bound"),
    x=f32(4),
)
case("clip_by_value_i32", call("clip_by_value", 0, 3), x=i32(5))
case(
    "clip_by_value_tensors",
    call("clip_by_value"),
    x=f32(2, 3),
    lo=f32(low=-2, high=-1),
    hi=f32(low=1),
    wrt=["x"],
)
case("clip_by_value_at_bounds", call("clip_by_value", -1.0, 1.0), x=given([-1.0, 1.0, 0.0, 2.0]), double=KINK)
case("clip_by_norm", call("clip_by_norm", 1.0), x=f32(2, 3))
case("clip_by_norm_small", call("clip_by_norm", 100.0), x=f32(2, 3))
case("clip_by_norm_axes", call("clip_by_norm", 0.5, axes=[1]), x=f32(2, 3))
case("clip_by_norm_zero", call("clip_by_norm", 1.0), x=given([0.0, 0.0]), double=KINK)
case("clip_by_average_norm", call("clip_by_average_norm", 0.5), x=f32(2, 3), double="its count is float32")
case("clip_by_global_norm", lambda tf, x, y: tf.clip_by_global_norm([x, y], 1.0), x=f32(2, 3), y=f32(2))
case(
    "clip_by_global_norm_none",
    lambda tf, x, y: (lambda c, n: [c[0], c[2], n])(*tf.clip_by_global_norm([x, None, y], clip_norm=5.0)),
    x=f32(2),
    y=f32(2),
)
case(
    "clip_by_global_norm_given",
    lambda tf, x, n: tf.clip_by_global_norm([x], 1.0, use_norm=n, name="clip"),
    x=f32(2),
    n=f32(low=1),
)
# --- checks ---------------------------------------------------------------------------------------

case("check_numerics", call("check_numerics", "bad"), x=f32(3))
case(
    "assert_true",
    lambda tf, c, x: [tf.Assert(c, [x])],
    c=given(True, "bool"),
    x=f32(2),
    grad=False,
    unknown=None,
)
for each in ["equal", "less", "less_equal", "greater", "greater_equal", "none_equal"]:
    good = {
        "equal": ([1, 2], [1, 2]),
        "less": ([1, 2], [2, 3]),
        "less_equal": ([1, 2], [1, 3]),
        "greater": ([2, 3], [1, 2]),
        "greater_equal": ([2, 3], [2, 1]),
        "none_equal": ([1, 2], [2, 1]),
    }[each]
    case(
        "assert_" + each,
        lambda tf, x, y, each=each: _guarded(tf, getattr(tf, "assert_" + each)(x, y), x),
        x=given(good[0], "int32"),
        y=given(good[1], "int32"),
    )
    error(
        "assert_" + each,
        lambda tf, x, y, each=each: _guarded(tf, getattr(tf, "assert_" + each)(x, y, message="wrong"), x),
        x=given(good[0], "int32"),
        y=given(
            [0, 2]
            if each == "none_equal"
            else {
                "equal": [0, 0],
                "less": [0, 0],
                "less_equal": [0, 0],
                "greater": [9, 9],
                "greater_equal": [9, 9],
            }.get(each),
            "int32",
        ),
        raises="InvalidArgumentError",
        match="wrong",
        when="run",
    )
for each in ["positive", "negative", "non_negative", "non_positive"]:
    value = [-1.0, -2.0] if each in ("negative", "non_positive") else [1.0, 2.0]
    case(
        "assert_" + each,
        lambda tf, x, each=each: _guarded(tf, getattr(tf, "assert_" + each)(x), x),
        x=given(value),
        grad=False,
    )
case(
    "assert_rank",
    lambda tf, x: _guarded(tf, tf.assert_rank(x, 2), x),
    x=i32(2, 3),
    unknown="it is checked while building",
    xla=False,
)
case(
    "assert_rank_at_least",
    lambda tf, x: _guarded(tf, tf.assert_rank_at_least(x, 1), x),
    x=i32(2, 3),
    unknown="it is checked while building",
    xla=False,
)
case("assert_integer", lambda tf, x: _guarded(tf, tf.assert_integer(x), x), x=i32(2))
case("assert_type", lambda tf, x: _guarded(tf, tf.assert_type(x, tf.int32), x), x=i32(2))
case("assert_scalar", lambda tf, x: tf.assert_scalar(x), x=i32(), unknown="it is checked while building")
case("is_non_decreasing", call("is_non_decreasing"), x=i32(4))
case("is_strictly_increasing", call("is_strictly_increasing"), x=given([1, 2, 4], "int32"))
case("is_numeric_tensor", lambda tf, x: tf.is_numeric_tensor(x), x=i32(2))
case("verify_finite", lambda tf, x: tf.verify_tensor_all_finite(x, "not finite"), x=f32(3))
case("print", lambda tf, x: tf.Print(x, [x, tf.shape(x)], "x: ", first_n=1, summarize=2), x=f32(3))
case("print_ints", lambda tf, x: tf.Print(x, [x], name="show"), x=i32(3))


def _guarded(tf, check, value):
    """``value`` once the check has passed."""
    with tf.control_dependencies([check]):
        return tf.identity(value)


# --- control dependencies -------------------------------------------------------------------------

case("group", lambda tf, x: tf.group(x * 2.0, x + 1.0), x=f32(2), grad=False)
case("group_named", lambda tf, x: tf.group(*[x, x + 1.0], name="both"), x=f32(2), grad=False)
case("group_nothing", lambda tf: tf.group())
case("no_op", lambda tf: tf.no_op(name="rest"))
case("tuple", lambda tf, x, y: tf.tuple([x * 2.0, y]), x=f32(2), y=f32(3))
case("control_dependencies", lambda tf, x: _guarded(tf, x * 2.0, x + 1.0), x=f32(2))
case("control_nested", lambda tf, x: _guarded(tf, x * 2.0, _guarded(tf, x * 3.0, x)), x=f32(2))
case(
    "control_of_constant",
    lambda tf, x: _after(tf, x, lambda: [tf.constant(1.0), tf.zeros([2]), x + 1.0]),
    x=f32(2),
)
case(
    "control_cleared",
    lambda tf, x: _after(tf, x, lambda: _after(tf, None, lambda: tf.constant(1.0))),
    x=f32(2),
    grad=False,
)
case("name_scopes", lambda tf, x: _scopes(tf, x), x=f32(2))
case("device", lambda tf, x: _device(tf, x), x=f32(2))
case("colocate", lambda tf, x: _colocate(tf, x), x=f32(2))


def _after(tf, what, build):
    with tf.control_dependencies(None if what is None else [what]):
        return build()


def _scopes(tf, x):
    with tf.name_scope("outer"):
        a = tf.exp(x)
        with tf.name_scope("inner") as scope:
            b = tf.add(a, 1.0, name="sum")
            c = tf.identity(b, name=scope)
    with tf.name_scope("outer"):
        d = c + 1.0
    with tf.name_scope("outer/"), tf.name_scope(None):
        return [d, tf.exp(x), tf.exp(x, name="exp")]


def _device(tf, x):
    with tf.device("/cpu:0"):
        return [x + 1.0, tf.constant(2.0)]


def _colocate(tf, x):
    with tf.colocate_with(x):
        return x + 1.0


# --- conditionals and loops -----------------------------------------------------------------------

LOOP = {"nodes": FUNCTIONAL, "grad_nodes": FUNCTIONAL}

for value in (True, False):
    case(
        f"cond_{value}".lower(),
        lambda tf, p, x: tf.cond(p, lambda: x * 2.0, lambda: x + 1.0),
        p=given(value, "bool"),
        x=f32(2),
    )
case(
    "cond_of_less",
    lambda tf, x, y: tf.cond(x < y, lambda: tf.add(x, y), lambda: tf.square(y)),
    x=f32(),
    y=f32(),
)
case(
    "cond_keywords",
    lambda tf, p, x: tf.cond(pred=p, true_fn=lambda: [x, x * x], false_fn=lambda: [x * x, x], name="pick"),
    p=given(False, "bool"),
    x=f32(2),
)
case(
    "cond_constant",
    lambda tf, p: tf.cond(p, lambda: tf.constant(1), lambda: tf.constant(2)),
    p=given(True, "bool"),
)
case(
    "cond_nested",
    lambda tf, p, q, x: tf.cond(p, lambda: tf.cond(q, lambda: x, lambda: -x), lambda: x * 3.0),
    p=given(True, "bool"),
    q=given(False, "bool"),
    x=f32(2),
)
case(
    "cond_old_names",
    lambda tf, p, x: tf.cond(p, fn1=lambda: x, fn2=lambda: -x),
    p=given(True, "bool"),
    x=f32(2),
)
case("cond_assign", lambda tf, p: _conditional_update(tf, p), p=given(True, "bool"), steps=3)
case(
    "case",
    lambda tf, x: tf.case([(x > 1.0, lambda: x * 2.0), (x > 0.0, lambda: x * 3.0)], default=lambda: -x),
    x=f32(),
)
case(
    "case_exclusive",
    lambda tf, x: tf.case({x > 0.0: lambda: x * 2.0, x < 0.0: lambda: -x}, exclusive=True, default=lambda: x),
    x=f32(),
)
case("smart_constant", lambda tf, x: tf.cond(tf.constant(True), lambda: x, lambda: -x), x=f32(2))
case("while_count", lambda tf: tf.while_loop(lambda i: i < 5, lambda i: i + 1, [0]), **LOOP)
case(
    "while_power",
    lambda tf, x: tf.while_loop(lambda i, a: i < 4, lambda i, a: (i + 1, a * x), [0, tf.ones([2])])[1],
    x=f32(2),
    double="its loop variable is float32",
    **LOOP,
)
case(
    "while_power_double",
    lambda tf, x: tf.while_loop(lambda i, a: i < 3, lambda i, a: (i + 1, a * x), [0, x])[1],
    x=f64(2),
    **LOOP,
)
case(
    "while_dynamic",
    lambda tf, n, x: tf.while_loop(
        lambda i, a: i < n, lambda i, a: [i + 1, a + x], [tf.constant(0), x], name="grow"
    ),
    n=given(3, "int32"),
    x=f32(2),
    **LOOP,
)
case(
    "while_matrix",
    lambda tf, a, v: tf.while_loop(
        lambda i, u: i < 3,
        lambda i, u: (i + 1, tf.tanh(tf.matmul(a, u))),
        [0, v],
        parallel_iterations=1,
        back_prop=True,
    )[1],
    a=f32(2, 2),
    v=f32(2, 1),
    **LOOP,
)
case(
    "while_growing",
    lambda tf: tf.while_loop(
        lambda i, a: i < 3,
        lambda i, a: [i + 1, tf.concat([a, [i]], 0)],
        [tf.constant(0), tf.constant([7])],
        shape_invariants=[tf.TensorShape([]), tf.TensorShape([None])],
    ),
    **LOOP,
)
case(
    "while_maximum",
    lambda tf: tf.while_loop(lambda i: i < 100, lambda i: i + 1, [0], maximum_iterations=4),
    **LOOP,
)
case(
    "while_nested",
    lambda tf: tf.while_loop(
        lambda i, s: i < 3,
        lambda i, s: (i + 1, tf.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, t + j), [0, s])[1]),
        [0, 0],
    )[1],
    **LOOP,
)
case(
    "while_cond_inside",
    lambda tf, x: tf.while_loop(
        lambda i, a: i < 4,
        lambda i, a: (i + 1, tf.cond(tf.equal(i % 2, 0), lambda: a * 2.0, lambda: a + 1.0)),
        [0, x],
    )[1],
    x=f32(2),
    **LOOP,
)
case("map_fn", lambda tf, x: tf.map_fn(lambda row: row * row, x), x=f32(3, 2), **LOOP)
case(
    "map_fn_dtype",
    lambda tf, x: tf.map_fn(lambda row: tf.cast(tf.reduce_sum(row), tf.int32), x, dtype=tf.int32),
    x=f32(3, 2),
    grad=False,
    **LOOP,
)
case(
    "map_fn_pair",
    lambda tf, x, y: tf.map_fn(lambda pair: pair[0] * pair[1], (x, y), dtype=tf.float32),
    x=f32(3, 2),
    y=f32(3, 2),
    double="its dtype is float32",
    **LOOP,
)
case("scan", lambda tf, x: tf.scan(lambda a, e: a * 0.5 + e, x), x=f32(4, 2), **LOOP)
case(
    "scan_initial",
    lambda tf, x, s: tf.scan(lambda a, e: a + e, x, initializer=s, reverse=True),
    x=f32(4),
    s=f32(),
    **LOOP,
)
case("foldl", lambda tf, x: tf.foldl(lambda a, e: a * e, x), x=f32(4), **LOOP)
case(
    "foldr",
    lambda tf, x: tf.foldr(lambda a, e: a - e, x, initializer=0.0),
    x=f32(4),
    double="its start is float32",
    **LOOP,
)
case("tensor_array", lambda tf, x: _tensor_array(tf, x), x=f32(3, 2), second="TensorFlow has none", **LOOP)
case(
    "py_func",
    lambda tf, x: tf.py_func(lambda a: a * 2, [x], tf.float32, name="host"),
    x=f32(2),
    grad=False,
    xla=False,
)
case(
    "py_func_two",
    lambda tf, x: tf.py_func(lambda a: (a + 1, a.sum()), [x], [tf.float32, tf.float32], stateful=False),
    x=f32(2),
    grad=False,
    xla=False,
)
case(
    "string_join",
    lambda tf, a, b: tf.string_join([a, b], separator="-"),
    a=strings(["x", "y"]),
    b=strings("z"),
    xla=False,
)


def _conditional_update(tf, p):
    count = tf.Variable(0, name="count")
    return tf.cond(p, lambda: tf.assign_add(count, 2), lambda: tf.assign_add(count, 0))


def _tensor_array(tf, x):
    array = tf.TensorArray(x.dtype, size=3, clear_after_read=False)
    for i in range(3):
        array = array.write(i, x[i] * float(i + 1))
    return [array.stack(), array.read(1), array.size()]


error(
    "check_numerics",
    call("check_numerics", "my message"),
    x=given([1.0, float("nan")]),
    raises="InvalidArgumentError",
    match="my message : Tensor had NaN",
    when="run",
)
error(
    "assert",
    lambda tf, c: _guarded(tf, tf.Assert(c, ["so", c]), c),
    c=given(False, "bool"),
    raises="InvalidArgumentError",
    match="assertion failed",
    when="run",
)
error("assert_static", lambda tf: tf.assert_equal(1, 2), raises="InvalidArgumentError")
error("assert_rank", lambda tf, x: tf.assert_rank(x, 1), x=f32(2, 2), raises="ValueError", match="rank")
error(
    "assert_positive",
    lambda tf, x: _guarded(tf, tf.assert_positive(x), x),
    x=given([-1.0]),
    raises="InvalidArgumentError",
    match="Condition x > 0",
    when="run",
)
error(
    "cond_types", lambda tf, x: tf.cond(tf.constant(True), lambda: x, lambda: 1), x=f32(), raises="ValueError"
)
error(
    "cond_python",
    lambda tf, x: tf.cond(True, lambda: x, lambda: x),
    x=f32(),
    raises="TypeError",
    match="Python bool",
)
error(
    "while_shape",
    lambda tf: tf.while_loop(lambda a: True, lambda a: tf.concat([a, a], 0), [tf.zeros([1])]),
    raises="ValueError",
    match="shape",
)
error(
    "while_structure", lambda tf: tf.while_loop(lambda i: i < 2, lambda i: [i, i], [0]), raises="ValueError"
)
error(
    "py_func_raises",
    lambda tf, x: tf.py_func(lambda a: 1 / 0, [x], tf.float32),
    x=f32(),
    raises="UnknownError",
    match="division by zero",
    when="run",
)
error(
    "py_func_type",
    lambda tf, x: tf.py_func(lambda a: "no", [x], tf.float32),
    x=f32(),
    raises="InvalidArgumentError",
    when="run",
)
case("assert_bools", lambda tf, x: tf.reduce_all(x), x=bools(3))
