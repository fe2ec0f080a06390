"""tf.gradients with all its arguments, and what programs do with it."""

import numpy as np

from .harness import Plan, Scenarios

scenarios = Scenarios("autodiff")

VECTOR = [1.0, -2.0, 0.5]
MATRIX = [[1.0, 2.0, -1.0], [0.5, -0.25, 3.0]]


def vector(tf, name="x", **options):
    return tf.constant(VECTOR, name=name, **options)


def unknown(tf, value=VECTOR, shape=None, name="x"):
    """A placeholder that knows less of its shape than its value does."""
    return tf.placeholder_with_default(np.array(value, np.float32), shape, name=name)


def of(grads, **facts):
    """A plan that fetches gradients, which may be slices or None."""
    kinds = [type(g).__name__ for g in grads]
    return Plan(grads, facts=dict({"kinds": kinds}, **facts))


def several(tf, x):
    """A sum of many uses of x."""
    return tf.reduce_sum(tf.exp(x) * x + tf.sin(x) / (x * x + 3.0) - tf.tanh(x[1:2]))


@scenarios
def simple(tf):
    x = vector(tf)
    return of(tf.gradients(x * x, x))


@scenarios
def sum_of_uses(tf):
    x = vector(tf)
    return of(tf.gradients(several(tf, x), [x]))


@scenarios
def sum_of_uses_unknown_rank(tf):
    x = unknown(tf)
    return of(tf.gradients(several(tf, x), [x]))


@scenarios
def sum_of_uses_unknown_length(tf):
    x = unknown(tf, shape=[None])
    return of(tf.gradients(several(tf, x), [x]))


@scenarios
def float64(tf):
    x = vector(tf, dtype="float64")
    return of(tf.gradients(several(tf, x), [x]))


@scenarios
def broadcasting(tf):
    x, m = vector(tf), tf.constant(MATRIX, name="m")
    y = (m + x) * (x - m) / (tf.exp(m) + x) + tf.maximum(x, m) - tf.pow(tf.abs(m) + 1.0, x)
    return of(tf.gradients(y, [x, m]))


@scenarios
def broadcasting_unknown(tf):
    x, m = unknown(tf), unknown(tf, MATRIX, [None, 3], "m")
    y = (m + x) * (x - m) / (tf.exp(m) + x) + tf.maximum(x, m) - tf.pow(tf.abs(m) + 1.0, x)
    return of(tf.gradients(y, [x, m]))


@scenarios
def scalar_with_tensor(tf):
    s, x = tf.constant(2.0, name="s"), vector(tf)
    return of(tf.gradients([s * x + s, x / s], [s, x]))


@scenarios
def two_ys(tf):
    x = vector(tf)
    return of(tf.gradients([tf.exp(x), tf.reduce_sum(x * 3.0)], x))


@scenarios
def y_used_by_another_y(tf):
    x = vector(tf)
    y = x * x
    z = tf.reduce_sum(y * 2.0)
    return of(tf.gradients([y, z, z], [x, y]))


@scenarios
def ys_are_xs(tf):
    x = vector(tf)
    return of(tf.gradients(x, x))


@scenarios
def ys_are_xs_deeper(tf):
    x = vector(tf)
    y = tf.exp(x)
    return of(tf.gradients([x, y, tf.sin(y)], [x, y]))


@scenarios
def grad_ys_given(tf):
    x = vector(tf)
    return of(tf.gradients([x * x, tf.exp(x)], x, grad_ys=[tf.constant([1.0, 2.0, 3.0], name="g"), None]))


@scenarios
def grad_ys_list(tf):
    x = vector(tf)
    return of(tf.gradients(x * x, x, grad_ys=[[1.0, 2.0, 3.0]]))


@scenarios
def grad_ys_array(tf):
    x = vector(tf)
    return of(tf.gradients([x * x], [x], np.array([0.5, 0.0, 1.0], np.float32), name="back"))


@scenarios
def grad_ys_slices(tf):
    x = vector(tf)
    rows = tf.IndexedSlices(tf.constant([1.0]), tf.constant([2]), tf.constant([3]))
    return of(tf.gradients(tf.identity(x), x, grad_ys=[rows]))


@scenarios.error
def grad_ys_too_many(tf):
    x = vector(tf)
    tf.gradients(x * x, x, grad_ys=[tf.ones([3]), tf.ones([3])])


@scenarios.error
def grad_ys_complex(tf):
    x = vector(tf)
    tf.gradients(x * x, x, grad_ys=[tf.complex(tf.ones([3]), tf.ones([3]))])


@scenarios
def integer_grad_ys(tf):
    x = vector(tf)
    return of(tf.gradients(tf.cast(x, tf.int32), x))


@scenarios.error
def complex_y(tf):
    x = tf.complex(tf.ones([2]), tf.ones([2]))
    tf.gradients(x * x, x)


@scenarios
def complex_y_with_gradient(tf):
    re, im = tf.constant([1.0, 2.0], name="re"), tf.constant([0.5, -1.0], name="im")
    x = tf.complex(re, im)
    return of(tf.gradients(x * x, [re, im], grad_ys=[tf.complex(tf.ones([2]), tf.zeros([2]))]))


@scenarios
def complex_abs(tf):
    re, im = tf.constant([1.0, 2.0], name="re"), tf.constant([0.5, -1.0], name="im")
    return of(tf.gradients(tf.abs(tf.exp(tf.complex(re, im))), [re, im]))


@scenarios
def unconnected(tf):
    x, y = vector(tf), vector(tf, "other")
    return of(tf.gradients(x * x, [x, y]))


@scenarios
def unconnected_zero(tf):
    x, y, z = vector(tf), vector(tf, "other"), unknown(tf, name="z")
    v = tf.Variable([1.0], use_resource=True, name="v")
    zero = tf.UnconnectedGradients.ZERO
    return of(tf.gradients(x * x, [x, y, z, v], unconnected_gradients=zero))


@scenarios
def unconnected_by_name(tf):
    x, y = vector(tf), vector(tf, "other")
    return of(tf.gradients(x * x, [x, y], unconnected_gradients="zero"))


@scenarios.error
def unconnected_wrong(tf):
    x = vector(tf)
    tf.gradients(x * x, x, unconnected_gradients="nothing")


@scenarios
def stop_gradient(tf):
    x = vector(tf)
    return of(tf.gradients(x * tf.stop_gradient(x * x), x))


@scenarios
def stop_gradient_all(tf):
    x = vector(tf)
    return of(tf.gradients(tf.stop_gradient(x * x), x))


@scenarios
def stop_gradients_argument(tf):
    a = tf.constant(0.5, name="a")
    b = 2.0 * a
    return of(tf.gradients(a + b, [a, b], stop_gradients=[a, b]))


@scenarios
def stop_gradients_middle(tf):
    x = vector(tf)
    y = x * x
    z = tf.exp(y) + x
    return of(tf.gradients(z, [x, y], stop_gradients=y))


@scenarios
def xs_depend_on_each_other(tf):
    x = vector(tf)
    y = tf.exp(x)
    z = tf.sin(y) * x
    return of(tf.gradients(z, [x, y, z]))


@scenarios
def same_x_twice(tf):
    x = vector(tf)
    return of(tf.gradients(tf.exp(x), [x, x]))


@scenarios
def second_order(tf):
    x = vector(tf)
    first = tf.gradients(tf.exp(x) * tf.sin(x), x)[0]
    return of([first, *tf.gradients(first, x)])


@scenarios
def second_order_unknown(tf):
    x = unknown(tf)
    first = tf.gradients(tf.exp(x) * tf.sin(x) / (x + 5.0), x)[0]
    return of([first, *tf.gradients(first, x)])


@scenarios
def third_order(tf):
    x = vector(tf)
    y = x**4 + tf.sin(x)
    grads = []
    for _ in range(3):
        y = tf.gradients(y, x)[0]
        grads.append(y)
    return of(grads)


@scenarios
def tanh_third_order(tf):
    x = vector(tf)
    y, grads = tf.tanh(x) + tf.sigmoid(x), []
    for _ in range(3):
        y = tf.gradients(y, x)[0]
        grads.append(y)
    return of(grads)


@scenarios
def gradient_penalty(tf):
    x, w = unknown(tf, MATRIX, [None, 3]), tf.constant([[1.0], [2.0], [-1.0]], name="w")
    out = tf.nn.relu(tf.matmul(tf.tanh(x), w))
    grad = tf.gradients(out, x)[0]
    norm = tf.sqrt(tf.reduce_sum(tf.square(grad), axis=1) + 1e-6)
    return of(tf.gradients(tf.reduce_mean(tf.square(norm - 1.0)), [w, x]))


@scenarios.with_other_nodes
def hessian(tf):
    x = vector(tf)
    return of(tf.hessians(tf.reduce_sum(x**3) + x[0] * x[1], x))


@scenarios.with_other_nodes
def hessian_matrix(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.hessians(tf.reduce_sum(tf.exp(x)) * tf.reduce_sum(x), [x], name="second"))


@scenarios.with_other_nodes
def hessian_two(tf):
    x, y = vector(tf), vector(tf, "y")
    return of(tf.hessians([tf.reduce_sum(x**3), tf.reduce_sum(x * y * y)], [x, y]))


@scenarios
def add_n_of_three(tf):
    x = vector(tf)
    return of(tf.gradients([x * 2.0, tf.exp(x), tf.sin(x)], x))


for _method in ("ADD_N", "DEFAULT", "EXPERIMENTAL_TREE", "EXPERIMENTAL_ACCUMULATE_N"):

    def _by_method(tf, method=_method):
        x = vector(tf)
        y = [x * 2.0, tf.exp(x), tf.sin(x), tf.cos(x)]
        return of(tf.gradients(y, x, aggregation_method=getattr(tf.AggregationMethod, method)))

    scenarios.add("method_" + _method.lower(), _by_method)


@scenarios
def accumulate_n_unknown(tf):
    x = unknown(tf)
    method = tf.AggregationMethod.EXPERIMENTAL_ACCUMULATE_N
    return of(tf.gradients([x * 2.0, tf.exp(x), tf.sin(x)], x, aggregation_method=method))


@scenarios
def accumulate_n_two(tf):
    x = vector(tf)
    method = tf.AggregationMethod.EXPERIMENTAL_ACCUMULATE_N
    return of(tf.gradients([x * 2.0, tf.exp(x)], x, aggregation_method=method))


@scenarios
def tree_of_slices(tf):
    x = tf.constant(MATRIX, name="x")
    method = tf.AggregationMethod.EXPERIMENTAL_TREE
    return of(tf.gradients([tf.gather(x, [0]), tf.gather(x, [1, 0])], x, aggregation_method=method))


@scenarios.error
def method_wrong(tf):
    x = vector(tf)
    tf.gradients(x * x, x, aggregation_method=7)


@scenarios
def gate(tf):
    x, m = vector(tf), tf.constant(MATRIX, name="m")
    return of(tf.gradients(tf.reduce_sum(m * x + m / x), [x, m], gate_gradients=True))


@scenarios
def gate_slices(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients(tf.gather(x, [0, 1]) * tf.gather(x, [1, 1]), x, gate_gradients=True))


@scenarios
def colocated(tf):
    with tf.device("/cpu:0"):
        x = vector(tf)
        y = tf.exp(x) * x
    return of(tf.gradients(y + x, x, colocate_gradients_with_ops=True))


@scenarios
def colocated_and_gated(tf):
    x, m = vector(tf), tf.constant(MATRIX, name="m")
    y = tf.reduce_sum(m * x + tf.exp(m) * 2.0)
    return of(tf.gradients(y, [x, m], colocate_gradients_with_ops=True, gate_gradients=True))


@scenarios
def on_devices(tf):
    x = vector(tf)
    with tf.device("/cpu:0"):
        y = tf.exp(x)
    with tf.device("/device:CPU:0"):
        z = tf.sin(x)
    return of(tf.gradients([y, z, x * 3.0], x, colocate_gradients_with_ops=True))


@scenarios
def in_scopes(tf):
    with tf.name_scope("model"):
        x = vector(tf)
        y = tf.exp(x, name="out")
        with tf.name_scope("back"):
            g = tf.gradients(y, x)
    again = tf.gradients(y, x, name="model")
    third = tf.gradients(y * y, x)
    return of(g + again + third)


@scenarios
def in_a_graph_that_is_not_default(tf):
    x = vector(tf)
    with tf.Graph().as_default():
        g = tf.gradients(x * x, x)
    return of(g)


@scenarios
def under_control_dependencies(tf):
    x = vector(tf)
    y = tf.exp(x)
    with tf.control_dependencies([y]):
        return of(tf.gradients(y * x, x))


# Slices


@scenarios
def gather(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients(tf.gather(x, [1, 0, 1]), x))


@scenarios
def gather_twice(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients([tf.gather(x, [1, 0, 1]), tf.gather(x, [0]) * 2.0], x))


@scenarios
def gather_mixed_index_types(tf):
    x = tf.constant(MATRIX, name="x")
    long = tf.gather(x, tf.constant([0], tf.int64)) * 2.0
    return of(tf.gradients([tf.gather(x, [1, 0, 1]), long], x))


@scenarios
def gather_and_dense(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients([tf.gather(x, [1, 0, 1]), x * 2.0], x))


@scenarios
def gather_of_expression(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients(tf.gather(tf.exp(x), [1, 0, 1]), x))


@scenarios
def gather_through_identity(tf):
    x = tf.constant(MATRIX, name="x")
    return of(tf.gradients(tf.gather(tf.identity(x), [1, 1]), x))


@scenarios
def gather_unknown(tf):
    x = unknown(tf, MATRIX)
    return of(tf.gradients(tf.gather(x, [1, 0, 1]) * 3.0, x))


@scenarios
def gather_second_order(tf):
    x = tf.constant(MATRIX, name="x")
    g = tf.gradients(tf.reduce_sum(tf.gather(x, [1, 0, 1]) ** 3), x)[0]
    return of(tf.gradients(tf.convert_to_tensor(g), x))


@scenarios
def embedding(tf):
    table = tf.get_variable("table", initializer=tf.constant(MATRIX))
    rows = tf.nn.embedding_lookup(table, [[0, 1], [1, 1]])
    return of(tf.gradients(tf.reduce_sum(rows * rows), [table]))


@scenarios
def embedding_resource(tf):
    table = tf.get_variable("table", initializer=tf.constant(MATRIX), use_resource=True)
    rows = tf.nn.embedding_lookup(table, [[0, 1], [1, 1]])
    return of(tf.gradients(tf.reduce_sum(rows * rows), [table]))


@scenarios
def slices_as_xs(tf):
    rows = tf.IndexedSlices(tf.constant([[1.0, 2.0]], name="v"), tf.constant([1]), tf.constant([2, 2]))
    y = tf.reduce_sum(tf.square(rows.values))
    return of(tf.gradients(y, rows.values))


@scenarios
def slices_as_ys(tf):
    x = tf.constant([[1.0, 2.0]], name="x")
    rows = tf.IndexedSlices(x * x, tf.constant([1]), tf.constant([2, 2]))
    return of(tf.gradients(rows.values, x))


# Variables


@scenarios
def variable(tf):
    v = tf.Variable(VECTOR, name="v")
    return of(tf.gradients(tf.exp(v) * v, v))


@scenarios
def variable_reads(tf):
    v = tf.Variable(VECTOR, name="v")
    return of(tf.gradients(v.read_value() * v + v.value(), [v, v.value()]))


@scenarios
def variable_resource(tf):
    v = tf.Variable(VECTOR, name="v", use_resource=True)
    return of(tf.gradients(tf.exp(v) * v, v))


@scenarios
def variable_resource_sparse_read(tf):
    v = tf.Variable(MATRIX, name="v", use_resource=True)
    return of(tf.gradients([tf.gather(v, [0, 1]), v.read_value(), v.sparse_read([1])], [v]))


@scenarios
def variable_and_tensor(tf):
    v, x = tf.Variable(VECTOR, name="v"), vector(tf)
    return of(tf.gradients(v * x, [v, x]))


@scenarios
def dense_layer(tf):
    x = unknown(tf, MATRIX, [None, 3])
    w = tf.get_variable("w", initializer=tf.constant(np.ones([3, 2], np.float32) * 0.3))
    b = tf.get_variable("b", initializer=tf.zeros([2]))
    out = tf.nn.softmax(tf.nn.relu(tf.matmul(x, w) + b))
    loss = -tf.reduce_mean(tf.reduce_sum(tf.log(out + 1e-3) * [[1.0, 0.0]], axis=1))
    return of(tf.gradients(loss, [w, b, x]))


@scenarios
def cross_entropy(tf):
    x = unknown(tf, MATRIX, [None, 3])
    w = tf.get_variable("w", initializer=tf.constant(np.ones([3, 2], np.float32) * 0.3))
    logits = tf.matmul(x, w)
    losses = [
        tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=[0, 1], logits=logits)),
        tf.reduce_mean(
            tf.nn.softmax_cross_entropy_with_logits_v2(labels=[[0.0, 1.0], [1.0, 0.0]], logits=logits)
        ),
        tf.reduce_mean(
            tf.nn.sigmoid_cross_entropy_with_logits(labels=[[0.0, 1.0], [1.0, 0.0]], logits=logits)
        ),
    ]
    return of(tf.gradients(losses, [w, x]))


# Ops with several outputs, integers, conditions on the way


@scenarios
def split_one_used(tf):
    x = tf.constant(MATRIX, name="x")
    parts = tf.split(x, 3, axis=1)
    return of(tf.gradients(parts[1] * 2.0, x))


@scenarios
def unstack_some_used(tf):
    x = tf.constant(MATRIX, name="x")
    rows = tf.unstack(x)
    return of(tf.gradients(rows[0] * 2.0, x))


@scenarios
def top_k(tf):
    x = tf.constant(MATRIX, name="x")
    values, places = tf.nn.top_k(x, 2)
    return of(tf.gradients([values * tf.cast(places, tf.float32)], x))


@scenarios
def moments(tf):
    x = tf.constant(MATRIX, name="x")
    mean, variance = tf.nn.moments(x, [0])
    return of(tf.gradients([mean * variance], x))


@scenarios
def integer_on_the_way(tf):
    x = vector(tf)
    y = tf.cast(tf.cast(x, tf.int32), tf.float32) * x
    return of(tf.gradients(y, x))


@scenarios
def integers_only(tf):
    x = tf.constant([1, 2], name="x")
    return of(tf.gradients(x * x, x))


@scenarios
def integer_x_of_float_y(tf):
    x = tf.constant([1, 2], name="x")
    return of(tf.gradients(tf.cast(x, tf.float32) * 2.0, x))


@scenarios
def shape_of_x(tf):
    x = unknown(tf)
    y = tf.reshape(x, tf.shape(x)) * tf.cast(tf.size(x), tf.float32)
    return of(tf.gradients(y, x))


@scenarios
def where(tf):
    x = vector(tf)
    return of(tf.gradients(tf.where(x > 0.0, tf.log(tf.abs(x)), x * x), x))


@scenarios
def argmax_has_none(tf):
    x = vector(tf)
    return of(tf.gradients(tf.cast(tf.argmax(x), tf.float32), x))


@scenarios.error
def not_defined(tf):
    x = vector(tf)
    tf.gradients(tf.unique_with_counts(x)[0], x)


@scenarios
def concat_pack_slice(tf):
    x, y = vector(tf), vector(tf, "y")
    z = tf.concat([x, y * 2.0, x], 0)
    s = tf.stack([z[1:4], z[2:5]])
    p = tf.pad(tf.transpose(s), [[1, 0], [0, 0]])
    return of(tf.gradients(tf.reshape(p, [-1]) * 2.0, [x, y]))


@scenarios
def deep(tf):
    x = tf.constant(1.0, name="x")
    y = x
    for _ in range(300):
        y = y * 1.001 + 0.001
    return of(tf.gradients(y, x))
