"""Gradients that programs give: overrides, tf.custom_gradient; and the checker of gradients."""

import numpy as np

from .harness import Plan
from .scenarios_autodiff import MATRIX, VECTOR, of, scenarios, vector


@scenarios
def override(tf):
    graph = tf.get_default_graph()

    @tf.RegisterGradient("Twice" + str(id(graph)))
    def _twice(op, grad):
        return grad * 2.0

    x = vector(tf)
    with graph.gradient_override_map({"Identity": "Twice" + str(id(graph))}):
        y = tf.identity(x, name="doubled")
    return of(tf.gradients(y * y, x))


@scenarios
def override_two_inputs(tf):
    graph = tf.get_default_graph()

    @tf.RegisterGradient("OnlyFirst" + str(id(graph)))
    def _first(op, grad):
        return grad, None

    x, y = vector(tf), vector(tf, "y")
    with graph.gradient_override_map({"Mul": "OnlyFirst" + str(id(graph))}):
        z = x * y
    return of(tf.gradients(z, [x, y]))


@scenarios.error
def override_wrong_count(tf):
    graph = tf.get_default_graph()

    @tf.RegisterGradient("Short" + str(id(graph)))
    def _short(op, grad):
        return [grad]

    x = vector(tf)
    with graph.gradient_override_map({"Mul": "Short" + str(id(graph))}):
        z = x * x
    tf.gradients(z, x)


@scenarios.error
def override_wrong_shape(tf):
    graph = tf.get_default_graph()

    @tf.RegisterGradient("Grown" + str(id(graph)))
    def _grown(op, grad):
        return tf.concat([grad, grad], 0)

    x = vector(tf)
    with graph.gradient_override_map({"Exp": "Grown" + str(id(graph))}):
        z = tf.exp(x)
    tf.gradients(z, x)


@scenarios.error
def override_unknown(tf):
    x = vector(tf)
    with tf.get_default_graph().gradient_override_map({"Exp": "NobodyRegisteredThis"}):
        z = tf.exp(x)
    tf.gradients(z, x)


@scenarios.error
def register_twice(tf):
    for _ in range(2):
        tf.RegisterGradient("RegisteredTwice")(lambda op, grad: grad)


@scenarios.error
def register_not_a_name(tf):
    tf.RegisterGradient(3)


@scenarios
def custom(tf):
    @tf.custom_gradient
    def log1pexp(x):
        e = tf.exp(x)

        def grad(dy):
            return dy * (1 - 1 / (1 + e))

        return tf.log(1 + e), grad

    x = vector(tf)
    y = log1pexp(x)
    return of([y, *tf.gradients(y * 2.0, x)])


@scenarios
def custom_two_and_two(tf):
    @tf.custom_gradient
    def both(a, b):
        def grad(da, db):
            return da * 10.0, db * 100.0

        return (a + b, a * b), grad

    x, y = vector(tf), vector(tf, "y")
    first, second = both(x, y)
    return of([first, second, *tf.gradients([first, second], [x, y])])


@scenarios
def custom_one_of_two_used(tf):
    @tf.custom_gradient
    def both(a, b):
        def grad(da, db):
            return [da + db, db]

        return [a + b, a * b], grad

    x = vector(tf)
    first, _ = both(x, [3.0, 4.0, 5.0])
    return of([first, *tf.gradients(first, x)])


@scenarios
def custom_nested(tf):
    @tf.custom_gradient
    def named(a):
        def grad(*dys):
            return dys[0] + 2.0 * dys[1]

        return {"b": a * 1.0, "a": a * 2.0}, grad

    x = vector(tf)
    out = named(x)
    return of([out["a"], out["b"], *tf.gradients([out["a"] * 3.0, out["b"] * 5.0], x)])


@scenarios
def custom_second_order(tf):
    @tf.custom_gradient
    def cube(a):
        def grad(dy):
            return 3.0 * dy * a * a

        return a * a * a, grad

    x = vector(tf)
    first = tf.gradients(cube(x), x)[0]
    return of([first, *tf.gradients(first, x)])


@scenarios
def custom_clip(tf):
    @tf.custom_gradient
    def clipped(a):
        return tf.identity(a), lambda dy: tf.clip_by_value(dy, -0.5, 0.5)

    x = vector(tf)
    return of(tf.gradients(clipped(x * 3.0) * 2.0, x))


@scenarios
def custom_with_variable(tf):
    with tf.variable_scope("layer", use_resource=True):

        @tf.custom_gradient
        def scaled(a):
            w = tf.get_variable("w", initializer=2.0)
            out = a * w

            def grad(dy, variables=None):
                return dy * w * 10.0, [tf.reduce_sum(dy * a) for _ in variables]

            return out, grad

        x = vector(tf)
        y = scaled(x)
    w = tf.trainable_variables()[0]
    return of([y, *tf.gradients(y * 2.0, [x, w])])


@scenarios.error
def custom_with_reference_variable(tf):
    @tf.custom_gradient
    def scaled(a):
        w = tf.get_variable("w", initializer=2.0, use_resource=False)
        return a * w, lambda dy, variables=None: (dy, [dy])

    scaled(vector(tf))


@scenarios.error
def custom_without_variables_argument(tf):
    with tf.variable_scope("layer", use_resource=True):

        @tf.custom_gradient
        def scaled(a):
            w = tf.get_variable("w", initializer=2.0)
            return a * w, lambda dy: dy

        scaled(vector(tf))


@scenarios.error
def custom_keywords(tf):
    @tf.custom_gradient
    def scaled(a, factor=1.0):
        return a * factor, lambda dy: dy

    scaled(vector(tf), factor=2.0)


@scenarios
def custom_around_existing_variable(tf):
    w = tf.get_variable("w", initializer=2.0, use_resource=True)
    with tf.variable_scope("layer", use_resource=True):

        @tf.custom_gradient
        def scaled(a, b):
            out = a * b

            def grad(dy):
                return dy * 7.0, tf.reduce_sum(dy)

            return out, grad

        x = vector(tf)
        y = scaled(x, w)
    return of([y, *tf.gradients(y, [x, w])])


# Other names


@scenarios
def py_func_gradient(tf):
    graph = tf.get_default_graph()

    @tf.RegisterGradient("Mine" + str(id(graph)))
    def _mine(op, grad):
        return grad * op.inputs[0]

    x = vector(tf)
    with graph.gradient_override_map({"PyFunc": "Mine" + str(id(graph))}):
        y = tf.py_func(lambda a: a * a, [x], tf.float32)
    y.set_shape([3])
    return of([y, *tf.gradients(y, x)])


def checked(tf, x, y, x_shape, y_shape, **options):
    with tf.Session():
        tf.global_variables_initializer().run()
        jacobians = tf.test.compute_gradient(x, x_shape, y, y_shape, **options)
        error = tf.test.compute_gradient_error(x, x_shape, y, y_shape, **options)
    pairs = jacobians if isinstance(jacobians, list) else [jacobians]
    rounded = [np.round(np.asarray(j, np.float64), 3).tolist() for pair in pairs for j in pair]
    types = [j.dtype.name for pair in pairs for j in pair]
    return Plan([], facts={"jacobians": rounded, "types": types, "small": bool(error < 1e-2)})


@scenarios
def compute_gradient(tf):
    x = vector(tf, dtype="float64")
    return checked(tf, x, tf.square(x), [3], [3], x_init_value=np.array(VECTOR))


@scenarios
def compute_gradient_reduced(tf):
    x = tf.constant(MATRIX, name="x")
    y = tf.reduce_sum(x * x, axis=1)
    return checked(tf, x, y, [2, 3], [2], x_init_value=np.array(MATRIX, np.float32), delta=1e-2)


@scenarios
def compute_gradient_of_gather(tf):
    x = tf.constant(MATRIX, dtype="float64", name="x")
    y = tf.gather(x, [1, 1])
    return checked(tf, x, y, [2, 3], [2, 3], x_init_value=np.array(MATRIX))


@scenarios
def compute_gradient_complex(tf):
    x = tf.constant([1 + 2j, 0.5 - 1j], tf.complex128, name="x")
    return checked(tf, x, x * x, [2], [2], x_init_value=np.array([1 + 2j, 0.5 - 1j]))


@scenarios
def compute_gradient_list(tf):
    x, y = vector(tf, dtype="float64"), vector(tf, "y", dtype="float64")
    start = [np.array(VECTOR), np.array(VECTOR) + 1.0]
    return checked(tf, [x, y], x * y, [[3], [3]], [3], x_init_value=start)


@scenarios
def compute_gradient_fed(tf):
    x = vector(tf, dtype="float64")
    scale = tf.placeholder(tf.float64, [], name="scale")
    return checked(tf, x, x * scale, [3], [3], x_init_value=np.array(VECTOR), extra_feed_dict={scale: 3.0})
