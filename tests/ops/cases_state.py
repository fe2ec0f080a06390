"""Variables, assignments, scatter updates, counters: several runs in one session."""

from .table import Rows, f32, given, i32

rows = Rows("state")
case, error = rows.case, rows.error

KINDS = {"": False, "_resource": True}
HOME = "it builds its own variable of a fixed type"


def state(name, build, **inputs_and_options):
    """A row for a reference variable and one for a resource variable: ``build(tf, variable, ...)``."""
    inputs_and_options.setdefault("steps", 3)
    for suffix, resource in sorted(KINDS.items()):

        def with_variable(tf, resource=resource, **inputs):
            variable = tf.Variable([1.0, 2.0, 3.0, 4.0], name="v", use_resource=resource)
            return build(tf, variable, **inputs)

        case(name + suffix, with_variable, **dict({"double": HOME}, **inputs_and_options))


def table(name, build, **inputs_and_options):
    """The same with a 4 x 2 variable."""
    inputs_and_options.setdefault("steps", 2)
    for suffix, resource in sorted(KINDS.items()):

        def with_variable(tf, resource=resource, **inputs):
            start = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]]
            return build(tf, tf.Variable(start, name="t", use_resource=resource), **inputs)

        case(name + suffix, with_variable, **dict({"double": HOME, "grad": False}, **inputs_and_options))


def after(tf, update, read):
    """What ``read()`` gives once ``update`` has run."""
    with tf.control_dependencies([update]):
        return read()


state("read", lambda tf, v: tf.identity(v), steps=1)
state("value", lambda tf, v: v.value() * 2.0, steps=1)
state("assign", lambda tf, v, x: tf.assign(v, x), x=f32(4), grad=False)
state("assign_keywords", lambda tf, v, x: tf.assign(v, x, use_locking=True, name="set"), x=f32(4), grad=False)
state("assign_self", lambda tf, v: tf.assign(v, v * 2.0))
state("assign_add", lambda tf, v, x: tf.assign_add(v, x), x=f32(4), grad=False)
state("assign_sub", lambda tf, v, x: tf.assign_sub(v, x, name="less"), x=f32(4), grad=False)
state("assign_method", lambda tf, v: v.assign([4.0, 3.0, 2.0, 1.0]))
state("assign_add_method", lambda tf, v: v.assign_add([1.0, 1.0, 1.0, 1.0]))
state("assign_sub_method", lambda tf, v: v.assign_sub([1.0, 1.0, 1.0, 1.0]))
state("assign_op", lambda tf, v: [after(tf, v.assign_add([1.0] * 4).op, lambda: tf.identity(v.read_value()))])
state("read_after_write", lambda tf, v: after(tf, tf.assign(v, v + 1.0), lambda: v.read_value()))
state(
    "old_value_then_write",
    lambda tf, v: (lambda old: after(tf, old, lambda: [old, tf.assign(v, v + 1.0)]))(v + 0.0),
)
state(
    "group",
    lambda tf, v: after(tf, tf.group(tf.assign_add(v, [1.0] * 4), name="all"), lambda: v.read_value()),
)
state("gradient", lambda tf, v: tf.gradients(tf.reduce_sum(v * v), v), steps=1)
state("slice", lambda tf, v: v[1:3] * 2.0, steps=1)
state("operators", lambda tf, v, x: v * x + v - 1.0, x=f32(4), steps=1)
state("count", lambda tf, v: tf.assign_add(tf.Variable(0, name="step"), 1))
state("is_initialized", lambda tf, v: tf.is_variable_initialized(v), steps=1)
state("shape", lambda tf, v: [tf.shape(v), str(v.shape), v.dtype.name], steps=1)
state(
    "two_updates_in_order",
    lambda tf, v: after(tf, tf.assign_add(v, [1.0] * 4), lambda: tf.assign(v, v.read_value() * 2.0)),
)

for each in ["update", "add", "sub", "mul", "div", "min", "max"]:
    function = "scatter_" + each
    state(
        function,
        lambda tf, v, u, function=function: after(tf, getattr(tf, function)(v, [1, 3], u), v.read_value),
        u=f32(2, low=0.5),
        grad=False,
    )
    table(
        function + "_rows",
        lambda tf, v, i, u, function=function: after(tf, getattr(tf, function)(v, i, u), v.read_value),
        i=given([2, 0], "int32"),
        u=f32(2, 2, low=0.5),
    )
table(
    "scatter_add_repeated",
    lambda tf, v, u: after(tf, tf.scatter_add(v, [1, 1], u), v.read_value),
    u=f32(2, 2),
)
table("scatter_update_scalar", lambda tf, v: after(tf, tf.scatter_update(v, [0, 2], 9.0), v.read_value))
table(
    "scatter_update_named",
    lambda tf, v, u: after(tf, tf.scatter_update(v, [1], u, name="put"), v.read_value),
    u=f32(1, 2),
)
for each in ["update", "add", "sub"]:
    function = "scatter_nd_" + each
    state(
        function,
        lambda tf, v, u, function=function: after(tf, getattr(tf, function)(v, [[1], [3]], u), v.read_value),
        u=f32(2),
        grad=False,
    )
table("gather", lambda tf, v, i: tf.gather(v, i), i=given([2, 0], "int32"), steps=1)
table(
    "embedding_lookup", lambda tf, v, i: tf.nn.embedding_lookup(v, i), i=given([[2], [0]], "int64"), steps=1
)
table(
    "embedding_gradient",
    lambda tf, v, i: tf.convert_to_tensor(
        tf.gradients(tf.reduce_sum(tf.square(tf.nn.embedding_lookup(v, i))), v)[0]
    ),
    i=given([2, 0, 2], "int32"),
    steps=1,
)
table("matmul_gradient", lambda tf, v, x: tf.gradients(tf.matmul(x, v), v), x=f32(3, 4), steps=1)

case("counter", lambda tf: tf.count_up_to(tf.Variable(0, name="n"), 5), steps=4)
case("counter_method", lambda tf: tf.Variable(2).count_up_to(5), steps=2)
case("int_variable", lambda tf: tf.assign_add(tf.Variable(10, dtype=tf.int64), 3), steps=2)
case("bool_variable", lambda tf: tf.assign(tf.Variable(False), True), steps=2)
case("string_variable", lambda tf: tf.assign(tf.Variable("a"), "b"), xla=False)
case("variable_names", lambda tf: [tf.Variable(1.0), tf.Variable(2.0), tf.Variable(3.0, name="w")])
case("variable_of_random", lambda tf: tf.Variable(tf.random_normal([3]), name="w"), seed=5)
case("variable_of_variable", lambda tf: tf.Variable(tf.Variable([1.0, 2.0]).initialized_value() * 2.0))
case(
    "variable_not_trainable",
    lambda tf: tf.Variable(0, trainable=False, name="global_step", dtype=tf.int32) + 1,
)
case("variable_callable", lambda tf: tf.Variable(lambda: tf.zeros([2]), name="made"))
case("get_variable", lambda tf: tf.get_variable("w", [2, 2], initializer=tf.ones_initializer()) * 2.0)
case("get_variable_default", lambda tf: tf.get_variable("w", [2, 3]), seed=3, rtol=1e-6)
case("get_variable_constant", lambda tf: tf.get_variable("w", initializer=tf.constant([1.0, 2.0])))
case(
    "get_variable_resource",
    lambda tf: tf.get_variable("w", [2], initializer=tf.zeros_initializer(), use_resource=True) + 1.0,
)
case(
    "variable_keywords",
    lambda tf: tf.Variable(initial_value=[1.0], trainable=True, collections=None, name="w"),
)
case("get_variable_keywords", lambda tf: _keywords(tf))
case(
    "get_variable_getter",
    lambda tf: tf.get_variable(
        "w",
        [2],
        initializer=tf.ones_initializer(),
        custom_getter=lambda getter, *a, **k: getter(*a, **k) * 3.0,
    ),
)
case("get_variable_scope", lambda tf: _scoped(tf), steps=2)
case(
    "assign_other_shape",
    lambda tf: tf.assign(tf.Variable([1.0], validate_shape=False), [1.0, 2.0], validate_shape=False),
)


def _keywords(tf):
    """A variable with a regularizer and its collections: its value, its loss and the collections' sizes."""
    made = tf.get_variable(
        name="w",
        shape=[2],
        dtype=tf.float32,
        initializer=tf.constant_initializer(3.0),
        trainable=False,
        collections=["mine", tf.GraphKeys.GLOBAL_VARIABLES],
        regularizer=tf.nn.l2_loss,
    )
    losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    return [made, losses, len(tf.get_collection("mine")), len(tf.trainable_variables())]


def _scoped(tf):
    """A variable made in a scope and found again."""
    with tf.variable_scope("layer"):
        first = tf.get_variable("w", [2], initializer=tf.ones_initializer())
    with tf.variable_scope("layer", reuse=True):
        second = tf.get_variable("w", [2])
    return [tf.assign_add(first, [1.0, 1.0]), tf.constant(first is second)]


error(
    "assign_shape",
    lambda tf, x: tf.assign(tf.Variable([1.0, 2.0]), x),
    x=f32(3),
    raises="ValueError",
    match="must be equal|not compatible",
)
error("assign_dtype", lambda tf, x: tf.assign(tf.Variable([1.0]), x), x=i32(1), raises="TypeError")
error(
    "assign_run",
    lambda tf, x: tf.assign(tf.Variable([1.0, 2.0]), x),
    x=f32(3),
    raises="InvalidArgumentError",
    match="both tensors to match|Assign requires",
    when="run",
)
error(
    "scatter_range",
    lambda tf, i: tf.scatter_update(tf.Variable([1.0, 2.0]), i, [0.0]),
    i=given([7], "int32"),
    raises="InvalidArgumentError",
    match="not in",
    when="run",
)
error(
    "count_limit",
    lambda tf: tf.count_up_to(tf.Variable(5), 5),
    raises="OutOfRangeError",
    match="Reached limit",
    when="run",
)
error(
    "uninitialized",
    lambda tf: tf.Variable(1.0, collections=["mine"]) + 1.0,
    raises="FailedPreconditionError",
    match="uninitialized value",
    when="run",
)
error(
    "uninitialized_resource",
    lambda tf: tf.Variable(1.0, collections=["mine"], use_resource=True) + 1.0,
    raises="FailedPreconditionError",
    when="run",
)
error("variable_no_value", lambda tf: tf.Variable(), raises="ValueError", match="initial_value")
error(
    "get_variable_twice",
    lambda tf: [tf.get_variable("w", [1]), tf.get_variable("w", [1])],
    raises="ValueError",
    match="already exists",
)
error("get_variable_no_shape", lambda tf: tf.get_variable("w"), raises="ValueError")
error(
    "not_fed",
    lambda tf: tf.placeholder(tf.float32, name="x") + 1.0,
    raises="InvalidArgumentError",
    match="You must feed a value for placeholder tensor",
    when="run",
)
