"""tf.contrib.layers, slim and framework: what they build, and what a few training steps give."""

from .harness import Plan, Scenarios
from .scenarios_layers import CHANNELS_FIRST, IMAGES, SEQUENCES, VECTORS, VOLUMES, names, numbers, observed

SCENARIOS = scenarios = Scenarios("slim")
SAMPLES = {
    "vectors": VECTORS,
    "sequences": SEQUENCES,
    "images": IMAGES,
    "first": CHANNELS_FIRST,
    "volumes": VOLUMES,
}


def layer(name, kind, build, train=True):
    """A scenario: a function of ``tf.contrib.layers`` and a placeholder, of a batch of unknown size."""

    def scenario(tf):
        tf.set_random_seed(7)
        shape = SAMPLES[kind]
        x = tf.placeholder(tf.float32, (None, *shape[1:]), name="x")
        outputs = build(tf, tf.contrib.layers, x)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        ends = tf.contrib.slim.utils.convert_collection_to_dict("ends")
        facts = {"ends": [[alias, tensor.name] for alias, tensor in ends.items()]}
        facts["mine"] = sorted(v.name for v in tf.get_collection("mine"))
        return observed(tf, outputs, {x: numbers(*shape)}, train=train, facts=facts)

    SCENARIOS.add(name, scenario)


def refused(name, kind, build):
    def scenario(tf):
        shape = SAMPLES[kind]
        build(tf, tf.contrib.layers, tf.placeholder(tf.float32, (None, *shape[1:]), name="x"))

    SCENARIOS.raising.add(name)
    SCENARIOS.add(name, scenario)


COLLECTED = {"outputs_collections": "ends", "variables_collections": ["mine"]}

layer("fully_connected", "vectors", lambda tf, c, x: c.fully_connected(x, 3, **COLLECTED))
layer("fully_connected_rank3", "sequences", lambda tf, c, x: c.fully_connected(x, 3, activation_fn=None))
layer(
    "fully_connected_settings",
    "vectors",
    lambda tf, c, x: c.fully_connected(
        x,
        3,
        activation_fn=tf.nn.tanh,
        weights_initializer=tf.truncated_normal_initializer(stddev=0.1),
        weights_regularizer=c.l2_regularizer(0.01),
        biases_regularizer=c.l1_regularizer(0.02),
        variables_collections={"weights": ["mine"]},
        scope="fc",
    ),
)
layer(
    "fully_connected_normalized",
    "vectors",
    lambda tf, c, x: c.fully_connected(x, 3, normalizer_fn=c.batch_norm, normalizer_params={"decay": 0.9}),
)
layer("fully_connected_no_bias", "vectors", lambda tf, c, x: c.fully_connected(x, 3, biases_initializer=None))
layer("linear", "vectors", lambda tf, c, x: [c.linear(x, 3), c.relu(x, 2), c.relu6(x, 2), c.elu(x, 2)])
layer("frozen", "vectors", lambda tf, c, x: [c.linear(x, 3, trainable=False), c.linear(x, 3)])
layer(
    "reused",
    "vectors",
    lambda tf, c, x: [c.linear(x, 3, scope="fc"), c.linear(x, 3, scope="fc", reuse=True)],
)
layer("conv2d", "images", lambda tf, c, x: c.conv2d(x, 3, [3, 3], **COLLECTED))
layer(
    "conv2d_strided", "images", lambda tf, c, x: c.conv2d(x, 3, 3, stride=2, padding="VALID", scope="conv1")
)
layer("conv2d_rate", "images", lambda tf, c, x: c.conv2d(x, 3, 3, rate=2, activation_fn=None))
layer(
    "conv2d_normalized",
    "images",
    lambda tf, c, x: c.conv2d(
        x,
        3,
        3,
        normalizer_fn=c.batch_norm,
        normalizer_params={"is_training": True, "scale": True},
        weights_regularizer=c.l2_regularizer(0.01),
    ),
)
layer("conv1d", "sequences", lambda tf, c, x: c.convolution(x, 3, 2))
layer("conv3d", "volumes", lambda tf, c, x: c.conv3d(x, 3, 2))
layer("conv2d_in_plane", "images", lambda tf, c, x: c.conv2d_in_plane(x, 3))
layer("conv2d_transpose", "images", lambda tf, c, x: c.conv2d_transpose(x, 3, 3, stride=2, **COLLECTED))
layer("conv3d_transpose", "volumes", lambda tf, c, x: c.conv3d_transpose(x, 2, 2, stride=2))
layer("separable_conv2d", "images", lambda tf, c, x: c.separable_conv2d(x, 3, 3, 2, **COLLECTED))
layer("separable_conv2d_wide", "images", lambda tf, c, x: c.separable_conv2d(x, None, 3, 2, stride=2))
layer(
    "separable_conv2d_normalized",
    "images",
    lambda tf, c, x: c.separable_conv2d(
        x, None, [3, 3], depth_multiplier=1, normalizer_fn=c.batch_norm, scope="dw"
    ),
)
layer(
    "pools",
    "images",
    lambda tf, c, x: [c.max_pool2d(x, 2, **ENDS), c.avg_pool2d(x, [3, 3], 1, "SAME", scope="p")],
)
layer("pools3d", "volumes", lambda tf, c, x: [c.max_pool3d(x, 2), c.avg_pool3d(x, 2, 1)])
layer(
    "pool",
    "images",
    lambda tf, c, x: [
        tf.contrib.slim.pool(x, 3, "MAX"),
        tf.contrib.slim.pool(x, [2, 2], "AVG", "SAME", stride=2),
    ],
)
ENDS = {"outputs_collections": "ends"}

for words, options in (
    ("", {}),
    ("_off", {"is_training": False}),
    ("_scaled", {"scale": True, "decay": 0.9, "scope": "bn", "outputs_collections": "ends"}),
    ("_forced", {"updates_collections": None, "decay": 0.9}),
    ("_forced_off", {"updates_collections": None, "is_training": False}),
    ("_debiased", {"zero_debias_moving_mean": True, "decay": 0.9}),
    ("_unfused", {"fused": False, "updates_collections": None, "scale": True, "center": False}),
    ("_elsewhere", {"updates_collections": "mine_too", "variables_collections": ["mine"]}),
    ("_renorm", {"renorm": True}),
    ("_plain", {"fused": False, "activation_fn": True}),
):
    for kind in ("vectors", "images"):

        def batch_normalized(tf, c, x, options=options):
            given = dict(options)
            if "activation_fn" in given:
                given["activation_fn"] = tf.nn.relu
            return c.batch_norm(x, **given)

        layer("batch_norm_" + kind + words, kind, batch_normalized)

for value in (True, False):
    for words, options in (
        ("", {}),
        ("_forced", {"updates_collections": None}),
        ("_unfused", {"fused": False}),
    ):
        for kind in ("vectors", "images"):

            def told(tf, c, x, value=value, options=options):
                training = tf.placeholder_with_default(value, [], name="training")
                return c.batch_norm(x, is_training=training, **options)

            layer("batch_norm_" + kind + "_told_" + str(value) + words, kind, told)

layer(
    "batch_norm_weights",
    "images",
    lambda tf, c, x: c.batch_norm(x, batch_weights=tf.constant([1.0, 0.5]), decay=0.9),
)
layer(
    "batch_norm_first_unfused",
    "first",
    lambda tf, c, x: c.batch_norm(x, data_format="NCHW", fused=False, updates_collections=None),
)
layer(
    "batch_norm_initializers",
    "vectors",
    lambda tf, c, x: c.batch_norm(x, param_initializers={"beta": tf.constant_initializer(0.3)}),
)
layer("layer_norm", "vectors", lambda tf, c, x: c.layer_norm(x, outputs_collections="ends"))
layer("layer_norm_images", "images", lambda tf, c, x: c.layer_norm(x, activation_fn=tf.nn.relu, scope="ln"))
layer("layer_norm_last", "sequences", lambda tf, c, x: c.layer_norm(x, begin_norm_axis=-1, center=False))
layer("instance_norm", "images", lambda tf, c, x: c.instance_norm(x))
layer("instance_norm_first", "first", lambda tf, c, x: c.instance_norm(x, data_format="NCHW", epsilon=1e-3))
layer("group_norm", "images", lambda tf, c, x: c.group_norm(x, groups=2))
layer("group_norm_sums", "images", lambda tf, c, x: c.group_norm(x, groups=1, mean_close_to_zero=True))
layer("bias_add", "images", lambda tf, c, x: c.bias_add(x, activation_fn=tf.nn.relu))
layer("dropout", "vectors", lambda tf, c, x: c.dropout(x, 0.6, outputs_collections="ends"))
layer("dropout_off", "vectors", lambda tf, c, x: c.dropout(x, 0.6, is_training=False, scope="drop"))
layer(
    "dropout_told",
    "vectors",
    lambda tf, c, x: c.dropout(x, 0.6, is_training=tf.placeholder_with_default(True, [])),
)
layer("flatten", "images", lambda tf, c, x: c.flatten(x, **ENDS))
layer("one_hot", "vectors", lambda tf, c, x: [c.one_hot_encoding([0, 2], 3), c.one_hot_encoding([1], 2, 5.0)])
layer("softmax", "sequences", lambda tf, c, x: tf.contrib.slim.softmax(x))
layer("unit_norm", "sequences", lambda tf, c, x: [c.unit_norm(x, 1), c.unit_norm(x, 2, scope="u")])
layer("maxout", "images", lambda tf, c, x: c.maxout(x, 1))
layer("repeat", "images", lambda tf, c, x: c.repeat(x, 2, c.conv2d, 3, [3, 3], scope="conv1"))
layer("repeat_nameless", "images", lambda tf, c, x: c.repeat(x, 2, c.conv2d, 3, 2))
layer("stack", "vectors", lambda tf, c, x: c.stack(x, c.fully_connected, [4, 3, 2], scope="fc"))
layer("stack_rows", "images", lambda tf, c, x: c.stack(x, c.conv2d, [(3, [3, 3]), (2, 1)], padding="VALID"))
layer("stack_partial", "vectors", lambda tf, c, x: c.stack(x, c.relu, [4, 3]))


@SCENARIOS
def embeddings(tf):
    tf.set_random_seed(7)
    ids = tf.constant([[1, 2], [2, 0]])
    embed = tf.contrib.layers.embed_sequence
    one = embed(ids, 5, 3, initializer=tf.random_uniform_initializer(-1.0, 1.0))
    two = embed(ids, 5, 3, unique=True, scope="words")
    three = embed(ids, scope="words", reuse=True)
    return observed(tf, [one, two, three], train=False)


@SCENARIOS
def scopes(tf):
    tf.set_random_seed(7)
    slim = tf.contrib.slim

    @slim.add_arg_scope
    def block(inputs, depth, stride=1, scope=None):
        with tf.variable_scope(scope, "block", [inputs]):
            return slim.conv2d(inputs, depth, 3, stride=stride)

    def arguments():
        weighted = slim.arg_scope(
            [slim.conv2d, slim.fully_connected],
            activation_fn=tf.nn.elu,
            weights_regularizer=slim.l2_regularizer(0.01),
            biases_initializer=tf.zeros_initializer(),
        )
        padded = slim.arg_scope([slim.conv2d], padding="VALID")
        with weighted, padded, slim.arg_scope([slim.batch_norm], decay=0.9) as settings:
            return settings

    x = tf.placeholder(tf.float32, [None, 6, 6, 2], name="x")
    with slim.arg_scope(arguments()):
        h = slim.conv2d(x, 4, 3, scope="conv1")
        with slim.arg_scope([block], stride=2):
            h = block(h, 3)
        h = slim.flatten(slim.batch_norm(h))
        y = slim.fully_connected(h, 2, activation_fn=None, scope="logits")
    facts = {
        "stride": slim.has_arg_scope(block),
        "arguments": list(slim.arg_scoped_arguments(block)),
        "model": names(slim.get_model_variables()),
        "scoped": names(slim.get_variables(scope="conv1")),
        "suffix": names(slim.get_variables_by_suffix("biases")),
        "now": len(slim.current_arg_scope()),
    }
    return observed(tf, [y], {x: numbers(*IMAGES)}, facts=facts, steps=1)


@SCENARIOS
def framework_variables(tf):
    tf.set_random_seed(7)
    framework = tf.contrib.framework
    a = framework.variable("a", [2], initializer=tf.ones_initializer(), collections=["mine"])
    b = framework.model_variable("b", [2, 3], regularizer=tf.contrib.layers.l2_regularizer(0.5))
    with framework.arg_scope([framework.model_variable], trainable=False):
        c = framework.model_variable("c", [3], device="/cpu:0")
    tf.add_to_collection(tf.GraphKeys.GLOBAL_VARIABLES, a)
    return observed(tf, [a + 0.0, b + 0.0, c + 0.0], train=False)


refused("fully_connected_rank", "vectors", lambda tf, c, x: c.fully_connected(tf.reshape(x, [-1]), 3))
refused("fully_connected_outputs", "vectors", lambda tf, c, x: c.fully_connected(x, "3"))
refused("conv2d_rank", "vectors", lambda tf, c, x: c.conv2d(x, 3, 3))
refused("conv2d_format", "images", lambda tf, c, x: c.conv2d(x, 3, 3, data_format="NWHC"))
refused("pool_format", "images", lambda tf, c, x: c.max_pool2d(x, 2, data_format="NHCW"))
refused("batch_norm_format", "images", lambda tf, c, x: c.batch_norm(x, data_format="NHCW"))
refused(
    "batch_norm_renorm", "images", lambda tf, c, x: c.batch_norm(x, renorm=True, updates_collections=None)
)
refused("group_norm_groups", "images", lambda tf, c, x: c.group_norm(x, groups=3))
refused("layer_norm_axis", "vectors", lambda tf, c, x: c.layer_norm(x, begin_norm_axis=2))
refused("unit_norm_axis", "vectors", lambda tf, c, x: c.unit_norm(x, dim=2))
refused("maxout_units", "vectors", lambda tf, c, x: c.maxout(x, 2))
refused("stack_arguments", "vectors", lambda tf, c, x: c.stack(x, c.linear, 3))
refused("embed_nothing", "vectors", lambda tf, c, x: c.embed_sequence([[1]]))
refused("scope_undecorated", "vectors", lambda tf, c, x: enter(tf.contrib.slim.arg_scope([print], a=1)))
refused("scope_of_one", "vectors", lambda tf, c, x: enter(tf.contrib.slim.arg_scope(c.conv2d, stride=1)))
refused("scope_and_arguments", "vectors", lambda tf, c, x: enter(tf.contrib.slim.arg_scope({}, stride=1)))
refused("unknown_argument", "images", lambda tf, c, x: c.conv2d(x, 3, 3, strides=1))


def enter(scope):
    with scope:
        pass


# Training


def model(tf):
    """A small model: the loss of it, and the feed."""
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    h = tf.contrib.layers.fully_connected(x, 3, normalizer_fn=tf.contrib.layers.batch_norm, scope="hidden")
    loss = tf.reduce_mean(tf.square(tf.contrib.layers.linear(h, 2, scope="out") - 0.3))
    return loss, {x: numbers(*VECTORS)}


def trained(name, build):
    """A scenario: a function from a loss to the operation that makes a step."""

    def scenario(tf):
        loss, feed = model(tf)
        step = build(tf, loss)
        facts = {
            "summaries": names(tf.get_collection(tf.GraphKeys.SUMMARIES)),
            "train": names(tf.get_collection(tf.GraphKeys.TRAIN_OP)),
        }
        return Plan([loss, *tf.global_variables()], step=step, steps=2, feed=feed, facts=facts)

    SCENARIOS.add(name, scenario)


def step_of(tf):
    return tf.train.get_or_create_global_step()


for _name in ("Adagrad", "Adam", "Ftrl", "Momentum", "RMSProp", "SGD"):
    trained(
        "optimize_" + _name,
        lambda tf, loss, name=_name: tf.contrib.layers.optimize_loss(loss, step_of(tf), 0.1, name),
    )
trained(
    "optimize_settings",
    lambda tf, loss: tf.contrib.layers.optimize_loss(
        loss,
        step_of(tf),
        0.1,
        tf.train.GradientDescentOptimizer,
        gradient_multipliers={"hidden/weights:0": 2.0},
        clip_gradients=0.5,
        learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, 10, 0.5),
        name="train",
        summaries=tf.contrib.layers.OPTIMIZER_SUMMARIES,
    ),
)
trained(
    "optimize_noise",
    lambda tf, loss: tf.contrib.layers.optimize_loss(
        loss, None, tf.constant(0.1), "SGD", gradient_noise_scale=0.1, update_ops=[], summaries=[]
    ),
)
trained(
    "optimize_adaptive",
    lambda tf, loss: tf.contrib.layers.optimize_loss(
        loss,
        step_of(tf),
        None,
        tf.train.AdamOptimizer(0.1),
        clip_gradients=tf.contrib.slim.adaptive_clipping_fn(static_max_norm=0.7, report_summary=True),
        increment_global_step=False,
    ),
)
trained(
    "optimize_function",
    lambda tf, loss: tf.contrib.layers.optimize_loss(
        loss,
        step_of(tf),
        0.1,
        lambda rate: tf.train.MomentumOptimizer(rate, 0.5),
        variables=tf.trainable_variables("out"),
    ),
)
trained(
    "slim_train_op",
    lambda tf, loss: tf.contrib.slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(0.1)),
)
trained(
    "slim_train_op_settings",
    lambda tf, loss: tf.contrib.slim.learning.create_train_op(
        loss,
        tf.train.GradientDescentOptimizer(0.1),
        clip_gradient_norm=0.2,
        gradient_multipliers={"out/weights": 3.0},
        summarize_gradients=True,
        check_numerics=False,
        global_step=None,
    ),
)
trained(
    "training_train_op",
    lambda tf, loss: tf.contrib.training.create_train_op(
        loss,
        tf.train.AdamOptimizer(0.1),
        variables_to_train=tf.trainable_variables("out"),
        update_ops=[],
        transform_grads_fn=tf.contrib.training.clip_gradient_norms_fn(0.1),
    ),
)


@SCENARIOS
def summaries(tf):
    layers = tf.contrib.slim
    x = tf.constant([[0.5, -1.0], [7.0, 2.0]])
    for each in (tf.nn.relu(x), tf.nn.relu6(x), tf.nn.softplus(x), tf.nn.tanh(x)):
        tf.add_to_collection(tf.GraphKeys.ACTIVATIONS, each)
    tf.get_variable("w", initializer=[1.0, 2.0])
    made = layers.summarize_activations() + layers.summarize_variables()
    made += layers.summarize_tensors([tf.reduce_sum(x), tf.constant("text")])
    made += layers.summarize_collection(tf.GraphKeys.ACTIVATIONS, "Relu", layers.summarize_tensor)
    return Plan([], facts={"made": [getattr(m, "name", None) for m in made]})


for _name, _bad in (
    ("rate", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, -0.1, "SGD")),
    ("rate_type", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, "0.1", "SGD")),
    ("name", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, 0.1, "Sgd")),
    ("no_rate", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, None, "SGD")),
    ("kind", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, 0.1, 5)),
    ("function", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, 0.1, lambda rate: rate)),
    ("summary", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", summaries=["a"])),
    ("clip", lambda tf, loss: tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", clip_gradients="1")),
    ("vector", lambda tf, loss: tf.contrib.layers.optimize_loss(tf.stack([loss, loss]), None, 0.1, "SGD")),
    (
        "multiplier",
        lambda tf, loss: tf.contrib.training.multiply_gradients(
            [(None, tf.Variable(1.0, name="v"))], {"v": 1.0}
        ),
    ),
):
    SCENARIOS.raising.add("optimize_bad_" + _name)
    SCENARIOS.add("optimize_bad_" + _name, lambda tf, bad=_bad: bad(tf, model(tf)[0]))
