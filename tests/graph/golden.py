"""A graph with every kind of attribute: TensorFlow 1.15 wrote its GraphDef to `data/golden.pb`."""


def build(tf, np):
    """Build the graph in the default graph."""
    x = tf.placeholder(tf.float32, [None, 4, 4, 3], name="x")
    tf.placeholder(tf.string, name="text")  # a shape of unknown rank
    with tf.name_scope("filter"), tf.device("/cpu:0"):
        kernel = tf.constant(np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2), name="kernel")
    with tf.colocate_with(kernel):
        y = tf.space_to_depth(x, 2, name="blocks")  # int, string
    tf.squeeze(kernel[:1], [0], name="squeezed")  # list(int)
    for dtype in (
        tf.float16,
        tf.float64,
        tf.int8,
        tf.uint8,
        tf.int16,
        tf.uint16,
        tf.int64,
        tf.bool,
        tf.complex64,
    ):
        tf.constant(np.array([1, 0], dtype.as_numpy_dtype), name="c_" + dtype.name)
        tf.constant(np.array(1, dtype.as_numpy_dtype), name="s_" + dtype.name)
    tf.constant([], tf.float32, name="empty")
    tf.constant([b"a", b"\xff"], name="texts")
    tf.constant(3.0, shape=[2, 2], name="filled")
    v = tf.Variable([1.0, 2.0], name="v")
    tf.Variable([1, 2], name="r", use_resource=True)
    with tf.control_dependencies([v.initializer]):
        tf.split(y, 2, axis=3, name="split")
    tf.concat([y, y], 0, name="twice")
    tf.nn.leaky_relu(y, alpha=0.1, name="leaky")  # float
    tf.argmax(y, 3, output_type=tf.int32, name="best")  # type
    tf.matmul(tf.ones([2, 2]), [[1.0, 0.0], [0.0, 1.0]], transpose_b=True, name="product")  # bool
    tf.Print(y, [y, "bad"], message="m", summarize=7, name="printed")  # list(type)
    tf.random_uniform([2], seed=5, name="random")
    tf.as_string(y, precision=3, name="shown")
    with tf.get_default_graph().gradient_override_map({"Square": "Mine"}):
        tf.square(y, name="squared")
