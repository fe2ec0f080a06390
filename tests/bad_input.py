"""What a new user does wrong: programs of a few lines, each of which must end in an error.

``tools/record_bad_input.py`` records the errors of TensorFlow 1.15 (under Python 3.7), ``test_bad_input.py``
compares Reflow's, so this file imports neither. Each program gets `tf` and a session-making function.
"""

import numpy as np

PROGRAMS = {}


def program(function):
    PROGRAMS[function.__name__] = function
    return function


# --- building: shapes and types


@program
def matmul_shapes(tf, session):
    tf.matmul(tf.ones([2, 3]), tf.ones([2, 3]))


@program
def add_shapes(tf, session):
    tf.ones([2, 3]) + tf.ones([2, 4])


@program
def add_types(tf, session):
    tf.constant(1.0) + tf.constant(1)


@program
def float_and_int_constant(tf, session):
    tf.constant(1) * 2.5


@program
def constant_of_text_as_float(tf, session):
    tf.constant("a", tf.float32)


@program
def constant_shape(tf, session):
    tf.constant([1, 2, 3], shape=[2])


@program
def ragged_constant(tf, session):
    tf.constant([[1, 2], [3]])


@program
def none_as_tensor(tf, session):
    tf.convert_to_tensor(None)


@program
def reshape_count(tf, session):
    tf.reshape(tf.ones([6]), [4])


@program
def concat_shapes(tf, session):
    tf.concat([tf.ones([2, 3]), tf.ones([2, 4])], 0)


@program
def set_shape(tf, session):
    tf.placeholder(tf.float32, [2]).set_shape([3])


@program
def placeholder_in_if(tf, session):
    if tf.constant(True):
        pass


@program
def iterate(tf, session):
    list(tf.constant([1, 2]))


@program
def length(tf, session):
    len(tf.constant([1, 2]))


@program
def index_with_float(tf, session):
    tf.constant([1, 2])[0.5]


@program
def index_out_of_range(tf, session):
    tf.constant([1, 2])[5]


@program
def argmax_axis(tf, session):
    tf.reduce_sum(tf.ones([2, 2]), axis=5)


@program
def one_hot_float(tf, session):
    tf.one_hot([0.5], 3)


@program
def cast_text(tf, session):
    tf.cast(tf.constant("1"), tf.float32)


@program
def unknown_type(tf, session):
    tf.as_dtype("float31")


@program
def bad_op_name(tf, session):
    tf.constant(1, name="a b")


@program
def bad_scope_name(tf, session):
    with tf.name_scope("a b"):
        pass


# --- variables


@program
def get_variable_twice(tf, session):
    tf.get_variable("w", [2])
    tf.get_variable("w", [2])


@program
def reuse_of_nothing(tf, session):
    with tf.variable_scope("s", reuse=True):
        tf.get_variable("w", [2])


@program
def reuse_other_shape(tf, session):
    with tf.variable_scope("s"):
        tf.get_variable("w", [2])
    with tf.variable_scope("s", reuse=True):
        tf.get_variable("w", [3])


@program
def reuse_other_type(tf, session):
    with tf.variable_scope("s"):
        tf.get_variable("w", [2])
    with tf.variable_scope("s", reuse=True):
        tf.get_variable("w", [2], tf.int32)


@program
def get_variable_no_shape(tf, session):
    tf.get_variable("w")


@program
def get_variable_unknown_shape(tf, session):
    tf.get_variable("w", [None, 2])


@program
def get_variable_two_shapes(tf, session):
    tf.get_variable("w", [2], initializer=tf.constant([1.0, 2.0]))


@program
def variable_without_value(tf, session):
    tf.Variable()


@program
def variable_of_unknown_shape(tf, session):
    tf.Variable(tf.placeholder(tf.float32))


@program
def assign_other_shape(tf, session):
    tf.Variable([1.0, 2.0]).assign([1.0, 2.0, 3.0])


@program
def assign_other_type(tf, session):
    tf.Variable([1.0, 2.0]).assign(tf.constant([1, 2]))


@program
def uninitialized(tf, session):
    v = tf.Variable(1.0, name="weight")
    session().run(v + 1)


@program
def uninitialized_resource(tf, session):
    v = tf.Variable(1.0, name="weight", use_resource=True)
    session().run(v + 1)


@program
def uninitialized_update(tf, session):
    v = tf.Variable(1.0, name="weight")
    session().run(tf.assign_add(v, 1.0))


# --- feeding and fetching


@program
def unfed(tf, session):
    x = tf.placeholder(tf.float32, [2], name="x")
    session().run(x * 2)


@program
def unfed_no_shape(tf, session):
    x = tf.placeholder(tf.int32, name="x")
    session().run(x * 2)


@program
def feed_shape(tf, session):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    session().run(x * 2, {x: [1.0, 2.0]})


@program
def feed_text(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {x: "abc"})


@program
def feed_tensor(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {x: tf.constant(1.0)})


@program
def feed_ragged(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {x: [[1.0], [1.0, 2.0]]})


@program
def feed_fraction_as_int(tf, session):
    x = tf.placeholder(tf.int32, name="x")
    session().run(x * 2, {x: 1.5})


@program
def feed_large_int(tf, session):
    x = tf.placeholder(tf.int32, name="x")
    session().run(x * 2, {x: 2**40})


@program
def feed_none(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {x: None})


@program
def feed_key_number(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {3: 1.0})


@program
def feed_key_missing_name(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {"y:0": 1.0})


@program
def feed_operation(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, {x.op: 1.0})


@program
def feed_list(tf, session):
    x = tf.placeholder(tf.float32, name="x")
    session().run(x * 2, [1.0])


@program
def fetch_none(tf, session):
    tf.constant(1)
    session().run(None)


@program
def fetch_none_in_list(tf, session):
    session().run([tf.constant(1), None])


@program
def fetch_number(tf, session):
    tf.constant(1)
    session().run(3)


@program
def fetch_missing_name(tf, session):
    tf.constant(1, name="a")
    session().run("b:0")


@program
def fetch_missing_output(tf, session):
    tf.constant(1, name="a")
    session().run("a:1")


@program
def fetch_missing_operation(tf, session):
    tf.constant(1, name="a")
    session().run("nothing")


@program
def fetch_array(tf, session):
    tf.constant(1)
    session().run(np.ones(2))


# --- graphs and sessions


@program
def other_graph(tf, session):
    with tf.Graph().as_default():
        x = tf.constant(1.0, name="elsewhere")
    session().run(x)


@program
def two_graphs(tf, session):
    with tf.Graph().as_default():
        x = tf.constant(1.0, name="elsewhere")
    tf.add(x, tf.constant(1.0))


@program
def feed_of_other_graph(tf, session):
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, name="elsewhere")
    session().run(tf.constant(1), {x: 1.0})


@program
def closed(tf, session):
    x = tf.constant(1)
    sess = session()
    sess.close()
    sess.run(x)


@program
def eval_without_session(tf, session):
    tf.constant(1).eval()


@program
def run_without_session(tf, session):
    tf.no_op().run()


@program
def empty_graph(tf, session):
    session().run([])
    session().run(tf.Graph())


@program
def finalized(tf, session):
    tf.get_default_graph().finalize()
    tf.constant(1)


@program
def missing_tensor(tf, session):
    tf.constant(1, name="a")
    tf.get_default_graph().get_tensor_by_name("b:0")


@program
def tensor_name_of_operation(tf, session):
    tf.constant(1, name="a")
    tf.get_default_graph().get_tensor_by_name("a")


@program
def missing_operation(tf, session):
    tf.get_default_graph().get_operation_by_name("b")


@program
def operation_name_of_tensor(tf, session):
    tf.constant(1, name="a")
    tf.get_default_graph().get_operation_by_name("a:0")


@program
def control_dependency_on_number(tf, session):
    with tf.control_dependencies([3]):
        tf.constant(1)


@program
def control_dependency_on_none(tf, session):
    with tf.control_dependencies([None]):
        tf.constant(1)


@program
def device_name(tf, session):
    with tf.device("/nothing:0"):
        tf.constant(1)


@program
def group_of_number(tf, session):
    tf.group(3)


@program
def session_of_no_graph(tf, session):
    tf.Session(graph=3)


@program
def config_of_no_message(tf, session):
    tf.Session(config={"a": 1})


# --- running: values


@program
def run_reshape(tf, session):
    n = tf.placeholder(tf.int32, [1], name="n")
    session().run(tf.reshape(tf.ones([6]), n, name="wrong"), {n: [4]})


@program
def run_add(tf, session):
    x = tf.placeholder(tf.float32, [None], name="x")
    session().run(tf.add(x, tf.ones([3]), name="sum"), {x: [1.0, 2.0]})


@program
def run_matmul(tf, session):
    x = tf.placeholder(tf.float32, [None, None], name="x")
    session().run(tf.matmul(x, tf.ones([3, 3]), name="product"), {x: [[1.0, 2.0]]})


@program
def run_gather(tf, session):
    i = tf.placeholder(tf.int32, [None], name="i")
    session().run(tf.gather([1.0, 2.0], i, name="rows"), {i: [0, 5]})


@program
def run_concat(tf, session):
    x = tf.placeholder(tf.float32, [None, None], name="x")
    session().run(tf.concat([x, tf.ones([2, 2])], 0, name="joined"), {x: [[1.0, 2.0, 3.0]]})


@program
def run_nan(tf, session):
    x = tf.placeholder(tf.float32, [], name="x")
    session().run(tf.check_numerics(tf.log(x), "the loss", name="finite"), {x: -1.0})


@program
def run_assert(tf, session):
    x = tf.placeholder(tf.int32, [], name="x")
    with tf.control_dependencies([tf.assert_positive(x, message="counts")]):
        y = tf.identity(x)
    session().run(y, {x: -1})


@program
def run_division(tf, session):
    x = tf.placeholder(tf.int32, [], name="x")
    session().run(tf.floordiv(1, x, name="ratio"), {x: 0})


@program
def run_slice(tf, session):
    n = tf.placeholder(tf.int32, [1], name="n")
    session().run(tf.slice(tf.ones([3]), n, [2], name="part"), {n: [2]})


@program
def run_index(tf, session):
    i = tf.placeholder(tf.int32, [], name="i")
    session().run(tf.identity(tf.ones([3])[i]), {i: 7})


@program
def run_labels(tf, session):
    y = tf.placeholder(tf.int32, [None], name="y")
    loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=tf.ones([2, 3]), name="xent")
    session().run(loss, {y: [0, 3]})


@program
def run_cholesky(tf, session):
    x = tf.placeholder(tf.float32, [2, 2], name="x")
    session().run(tf.cholesky(x, name="root"), {x: [[1.0, 2.0], [2.0, 1.0]]})


@program
def run_inverse(tf, session):
    x = tf.placeholder(tf.float32, [2, 2], name="x")
    session().run(tf.matrix_inverse(x, name="inverse"), {x: np.zeros([2, 2])})


@program
def run_number(tf, session):
    x = tf.placeholder(tf.string, [], name="x")
    session().run(tf.string_to_number(x, name="number"), {x: "abc"})


@program
def run_function(tf, session):
    def fail(x):
        raise ValueError(f"this is wrong: {x}")

    session().run(tf.py_func(fail, [1.0], tf.float32, name="called"))


# --- derivatives and training


@program
def gradient_of_nothing(tf, session):
    x = tf.Variable(1.0)
    tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0), var_list=[x])


@program
def no_variables(tf, session):
    tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))


@program
def gradient_of_integer(tf, session):
    x = tf.Variable(1)
    tf.train.GradientDescentOptimizer(0.1).minimize(x * 2)


@program
def apply_nothing(tf, session):
    tf.train.GradientDescentOptimizer(0.1).apply_gradients([])


@program
def apply_none(tf, session):
    tf.train.GradientDescentOptimizer(0.1).apply_gradients([(None, tf.Variable(1.0))])


@program
def gradient_of_number(tf, session):
    tf.gradients(1.0, [tf.constant(1.0)])


@program
def grad_ys_shape(tf, session):
    x = tf.constant([1.0, 2.0])
    tf.gradients([x * x], [x], grad_ys=[tf.constant(1.0), tf.constant(2.0)])


@program
def no_gradient_defined(tf, session):
    x = tf.placeholder(tf.float32, [], name="x")
    tf.gradients(tf.py_func(lambda v: v, [x], tf.float32, name="called"), [x])


@program
def dense_unknown_depth(tf, session):
    tf.layers.dense(tf.placeholder(tf.float32, [None, None]), 3)


@program
def softmax_without_names(tf, session):
    tf.nn.softmax_cross_entropy_with_logits(tf.ones([2, 3]), tf.ones([2, 3]))


@program
def dropout_probability(tf, session):
    tf.nn.dropout(tf.ones([2]), 1.5)


@program
def saver_of_nothing(tf, session):
    tf.train.Saver()


@program
def restore_of_nothing(tf, session):
    tf.Variable(1.0)
    tf.train.Saver().restore(session(), "./no_such_model")


@program
def split_uneven(tf, session):
    tf.split(tf.ones([5]), 2)


@program
def stack_shapes(tf, session):
    tf.stack([tf.ones([2]), tf.ones([3])])


@program
def unstack_unknown(tf, session):
    tf.unstack(tf.placeholder(tf.float32))


@program
def convolution_depth(tf, session):
    tf.nn.conv2d(tf.ones([1, 4, 4, 3]), tf.ones([2, 2, 1, 1]), [1, 1, 1, 1], "SAME")


def answer(tf, build, make_session):
    """Type and text of the error that a program ends in."""
    tf.reset_default_graph()
    sessions = []

    def session():
        sessions.append(make_session())
        return sessions[-1]

    try:
        build(tf, session)
    except Exception as error:
        kind, text = type(error).__name__, str(error)
    else:
        kind, text = None, ""
    finally:
        for each in sessions:
            each.close()
    return [kind, text.split("\n\n")[0].split("\n")[0]]
