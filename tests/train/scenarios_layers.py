"""Layers: what they build, the variables and collections they fill, and what a few training steps give."""

import numpy as np

from .harness import Plan, Scenarios

SCENARIOS = scenarios = Scenarios("layers")
KEYS = ("TRAINABLE_VARIABLES", "GLOBAL_VARIABLES", "MODEL_VARIABLES", "UPDATE_OPS", "REGULARIZATION_LOSSES")


def names(elements):
    return [getattr(e, "name", str(e)) for e in elements]


def numbers(*shape):
    """Numbers between -1 and 1, the same in every run."""
    count = int(np.prod(shape))
    return (np.sin(np.arange(count) * 1.7) * 0.9).reshape(shape).astype(np.float32)


def observed(tf, outputs, feed=None, train=True, facts=None, steps=2):
    """A plan that runs the outputs, with steps of training (and updates) before when there are variables."""
    facts = dict(facts or {})
    for key in KEYS:
        facts[key] = names(tf.get_collection(getattr(tf.GraphKeys, key)))
    facts["shapes"] = [str(t.shape) for t in outputs]
    step = None
    if train and tf.trainable_variables():
        loss = tf.add_n([tf.reduce_mean(tf.square(t - 0.3)) for t in outputs])
        losses = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
        loss = tf.add_n([loss, *losses]) if losses else loss
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    return Plan(list(outputs) + tf.global_variables(), step=step, steps=steps, feed=feed, facts=facts)


def layer(name, shape, build, unknown=(0,), **options):
    """A scenario: a function from a placeholder (the axes in `unknown` open) to outputs."""

    def scenario(tf):
        tf.set_random_seed(7)
        open_shape = [None if i in unknown else n for i, n in enumerate(shape)]
        x = tf.placeholder(tf.float32, open_shape, name="x")
        outputs = build(tf, x)
        outputs = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        return observed(tf, outputs, {x: numbers(*shape)}, **options)

    SCENARIOS.add(name, scenario)


def refused(name, shape, build, unknown=(0,)):
    """A scenario that must raise."""

    def scenario(tf):
        open_shape = None if shape is None else [None if i in unknown else n for i, n in enumerate(shape)]
        build(tf, tf.placeholder(tf.float32, open_shape, name="x"))

    SCENARIOS.raising.add(name)
    SCENARIOS.add(name, scenario)


def square_sum(tf, scale=0.01):
    return lambda w: scale * tf.reduce_sum(w * w)


def clipped(tf):
    return lambda w: tf.clip_by_value(w, -0.05, 0.05)


VECTORS, SEQUENCES, IMAGES, CHANNELS_FIRST, VOLUMES = (
    (4, 5),
    (2, 6, 3),
    (2, 6, 6, 2),
    (2, 2, 6, 6),
    (2, 3, 3, 3, 2),
)


# Dense layers

layer("dense", VECTORS, lambda tf, x: tf.layers.dense(x, 3))
layer("dense_twice", VECTORS, lambda tf, x: tf.layers.dense(tf.layers.dense(x, 3, tf.nn.relu), 2, name="out"))
layer("dense_no_bias", VECTORS, lambda tf, x: tf.layers.dense(x, 3, use_bias=False, activation=tf.nn.tanh))
layer("dense_rank3", SEQUENCES, lambda tf, x: tf.layers.dense(x, 4))
layer("dense_rank3_known", SEQUENCES, lambda tf, x: tf.layers.dense(x, 4), unknown=())
layer("dense_rank4", IMAGES, lambda tf, x: tf.layers.dense(x, 3, tf.nn.relu), unknown=(0, 1))
layer(
    "dense_regularized",
    VECTORS,
    lambda tf, x: tf.layers.dense(
        x, 3, kernel_regularizer=square_sum(tf), bias_regularizer=square_sum(tf), name="fc"
    ),
)
layer("dense_activity", VECTORS, lambda tf, x: tf.layers.dense(x, 3, activity_regularizer=square_sum(tf)))
layer(
    "dense_constrained",
    VECTORS,
    lambda tf, x: tf.layers.dense(x, 3, kernel_constraint=clipped(tf), bias_constraint=clipped(tf)),
)
layer(
    "dense_initializers",
    VECTORS,
    lambda tf, x: tf.layers.dense(
        x,
        3,
        kernel_initializer=tf.truncated_normal_initializer(stddev=0.1),
        bias_initializer=tf.constant_initializer(0.2),
    ),
)
layer("dense_frozen", VECTORS, lambda tf, x: [tf.layers.dense(x, 3, trainable=False), tf.layers.dense(x, 2)])
layer(
    "dense_reused",
    VECTORS,
    lambda tf, x: [tf.layers.dense(x, 3, name="fc"), tf.layers.dense(x + 1.0, 3, name="fc", reuse=True)],
)


@SCENARIOS
def dense_in_scopes(tf):
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    outputs = []
    for reuse in (False, True):
        with tf.variable_scope("net", reuse=reuse, regularizer=square_sum(tf)):
            outputs.append(tf.layers.dense(tf.layers.dense(x, 4, name="one"), 2, name="two"))
    with tf.variable_scope("net", reuse=tf.AUTO_REUSE), tf.name_scope("again"):
        outputs.append(tf.layers.dense(x, 4, name="one"))
    with tf.variable_scope("other", initializer=tf.ones_initializer()):
        outputs += [tf.layers.dense(x, 2), tf.layers.dense(x, 2)]
    return observed(tf, outputs, {x: numbers(*VECTORS)})


@SCENARIOS
def dense_object(tf):
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    one = tf.layers.Dense(3, kernel_regularizer=square_sum(tf), name="one")
    outputs = [one(x), one(x * 2.0), tf.layers.Dense(3)(x), tf.layers.Dense(3)(x)]
    facts = {
        "name": [one.name, one.scope_name, str(one.dtype)],
        "variables": names(one.variables) + names(one.trainable_weights) + names(one.non_trainable_weights),
        "losses": [len(one.losses), len(one.get_losses_for(None)), len(one.get_losses_for(x))],
        "count": one.count_params(),
    }
    return observed(tf, outputs, {x: numbers(*VECTORS)}, facts=facts)


@SCENARIOS
def dense_in_float64_and_resource(tf):
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float64, [None, 5], name="x")
    with tf.variable_scope("net", use_resource=True):
        y = tf.layers.dense(x, 3, tf.nn.sigmoid)
    return Plan([y, *tf.global_variables()], feed={x: numbers(*VECTORS).astype(np.float64)})


@SCENARIOS
def dense_partitioned(tf):
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [None, 6], name="x")
    with tf.variable_scope("net", partitioner=tf.fixed_size_partitioner(2)):
        y = tf.layers.dense(x, 4, kernel_regularizer=square_sum(tf))
        y = tf.layers.batch_normalization(y, training=True)
    return observed(tf, [y], {x: numbers(4, 6)})


# Flattening, dropout

layer("flatten", SEQUENCES, lambda tf, x: tf.layers.flatten(x))
layer("flatten_known", SEQUENCES, lambda tf, x: tf.layers.flatten(x), unknown=())
layer("flatten_open", SEQUENCES, lambda tf, x: tf.layers.flatten(x), unknown=(0, 1))
layer(
    "flatten_channels_first", CHANNELS_FIRST, lambda tf, x: tf.layers.flatten(x, data_format="channels_first")
)
layer("flatten_rank1", (4,), lambda tf, x: tf.layers.flatten(x))
layer("dropout_off", VECTORS, lambda tf, x: tf.layers.dropout(x))
layer("dropout", VECTORS, lambda tf, x: tf.layers.dropout(x, 0.4, training=True))
layer("dropout_seed", VECTORS, lambda tf, x: tf.layers.dropout(x, 0.4, seed=3, training=True, name="drop"))
layer("dropout_mask", SEQUENCES, lambda tf, x: tf.layers.dropout(x, 0.5, (2, 1, 3), training=True))
layer("dropout_tensor_rate", VECTORS, lambda tf, x: tf.layers.dropout(x, tf.constant(0.3), training=True))
layer(
    "dropout_when_told",
    VECTORS,
    lambda tf, x: [
        tf.layers.dropout(x, 0.4, training=tf.placeholder_with_default(value, [])) for value in (True, False)
    ],
)


# Convolutions

for rank, shape in ((1, SEQUENCES), (2, IMAGES), (3, VOLUMES)):
    for padding in ("valid", "same"):

        def convolved(tf, x, rank=rank, padding=padding):
            return getattr(tf.layers, f"conv{rank}d")(x, 3, 2, padding=padding, activation=tf.nn.relu)

        def strided(tf, x, rank=rank, padding=padding):
            return getattr(tf.layers, f"conv{rank}d")(x, 3, 3, 2, padding, use_bias=False)

        layer(f"conv{rank}d_{padding}", shape, convolved)
        layer(f"conv{rank}d_{padding}_strided", shape, strided)

layer("conv2d_open", IMAGES, lambda tf, x: tf.layers.conv2d(x, 3, (3, 2), padding="same"), unknown=(0, 1, 2))
layer("conv2d_dilated", IMAGES, lambda tf, x: tf.layers.conv2d(x, 3, 3, padding="same", dilation_rate=2))
layer("conv2d_dilated_open", IMAGES, lambda tf, x: tf.layers.conv2d(x, 3, 2, dilation_rate=(2, 1)), (0, 1, 2))
layer("conv1d_dilated", SEQUENCES, lambda tf, x: tf.layers.conv1d(x, 3, 2, padding="same", dilation_rate=2))
layer("conv1d_causal", SEQUENCES, lambda tf, x: tf.layers.Conv1D(3, 2, padding="causal", dilation_rate=2)(x))
layer(
    "conv2d_regularized",
    IMAGES,
    lambda tf, x: tf.layers.conv2d(
        x, 3, 2, kernel_regularizer=square_sum(tf), activity_regularizer=square_sum(tf), name="c"
    ),
)
layer(
    "conv2d_reused",
    IMAGES,
    lambda tf, x: [tf.layers.conv2d(x, 3, 2, name="c"), tf.layers.conv2d(x, 3, 2, name="c", reuse=True)],
)
layer(
    "conv2d_transpose",
    IMAGES,
    lambda tf, x: tf.layers.conv2d_transpose(x, 3, 3, 2, "same", activation=tf.nn.relu),
)
layer(
    "conv2d_transpose_valid",
    IMAGES,
    lambda tf, x: tf.layers.conv2d_transpose(x, 3, (3, 2), 2, use_bias=False),
)
layer("conv2d_transpose_open", IMAGES, lambda tf, x: tf.layers.conv2d_transpose(x, 3, 2), unknown=(0, 1, 2))
layer("conv3d_transpose", VOLUMES, lambda tf, x: tf.layers.conv3d_transpose(x, 2, 2, 2))
layer("conv3d_transpose_same", VOLUMES, lambda tf, x: tf.layers.conv3d_transpose(x, 2, 3, 2, padding="same"))
layer("separable_conv2d", IMAGES, lambda tf, x: tf.layers.separable_conv2d(x, 3, 3, depth_multiplier=2))
layer(
    "separable_conv2d_same",
    IMAGES,
    lambda tf, x: tf.layers.separable_conv2d(
        x,
        3,
        3,
        2,
        "same",
        activation=tf.nn.relu,
        use_bias=False,
        depthwise_regularizer=square_sum(tf),
        pointwise_regularizer=square_sum(tf),
    ),
)
layer("separable_conv2d_dilated", IMAGES, lambda tf, x: tf.layers.separable_conv2d(x, 3, 2, dilation_rate=2))
layer("separable_conv1d", SEQUENCES, lambda tf, x: tf.layers.separable_conv1d(x, 4, 3, activation=tf.nn.relu))


# Pools

for rank, shape in ((1, SEQUENCES), (2, IMAGES), (3, VOLUMES)):
    for kind in ("max", "average"):

        def pooled(tf, x, rank=rank, kind=kind):
            pool = getattr(tf.layers, f"{kind}_pooling{rank}d")
            return [pool(x, 2, 2), pool(x, 3, 1, padding="same", name="named")]

        layer(f"{kind}_pooling{rank}d", shape, pooled)


# Batch normalization

ON, FUSED_ON = {"training": True}, {"training": True, "fused": True}
for words, options in (
    ("", {}),
    ("_training", ON),
    ("_no_scale", {"training": True, "scale": False}),
    ("_no_center", {"training": True, "center": False, "momentum": 0.9}),
    (
        "_renorm",
        {"training": True, "renorm": True, "renorm_clipping": {"rmax": 1.5, "rmin": 0.5, "dmax": 0.4}},
    ),
    ("_renorm_off", {"renorm": True}),
    ("_virtual", {"training": True, "virtual_batch_size": 2}),
    ("_frozen", {"training": True, "trainable": False}),
    ("_momentum", {"training": True, "momentum": 0.5, "epsilon": 0.1, "name": "bn"}),
):
    for kind, shape in (("vectors", VECTORS), ("images", IMAGES)):

        def batch_normalized(tf, x, options=options):
            return tf.layers.batch_normalization(x, **options)

        layer(f"batch_norm_{kind}{words}", shape, batch_normalized)

layer(
    "batch_norm_unfused", IMAGES, lambda tf, x: tf.layers.batch_normalization(x, fused=False, training=True)
)
layer("batch_norm_axis1", SEQUENCES, lambda tf, x: tf.layers.batch_normalization(x, axis=1, training=True))
layer("batch_norm_axes", IMAGES, lambda tf, x: tf.layers.batch_normalization(x, axis=[1, 3], training=True))
layer(
    "batch_norm_regularized",
    VECTORS,
    lambda tf, x: tf.layers.batch_normalization(
        x, training=True, gamma_regularizer=square_sum(tf), beta_constraint=clipped(tf)
    ),
)
layer(
    "batch_norm_adjusted",
    VECTORS,
    lambda tf, x: tf.layers.batch_normalization(
        x, training=True, adjustment=lambda shape: (tf.fill(shape[-1:], 1.1), tf.fill(shape[-1:], 0.1))
    ),
)
for kind, shape in (("vectors", VECTORS), ("images", IMAGES)):
    for value in (True, False):
        for renorm in (False, True):

            def told(tf, x, value=value, renorm=renorm):
                training = tf.placeholder_with_default(value, [], name="training")
                return tf.layers.batch_normalization(x, training=training, renorm=renorm)

            layer(f"batch_norm_{kind}_told_{value}_{renorm}", shape, told)


@SCENARIOS
def batch_norm_object(tf):
    x = tf.placeholder(tf.float32, [None, 5], name="x")
    norm = tf.layers.BatchNormalization(momentum=0.8)
    outputs = [norm(x, training=True), norm(x), norm.apply(x * 2.0, training=True)]
    facts = {
        "variables": names(norm.trainable_variables) + names(norm.non_trainable_variables),
        "updates": names(norm.updates) + names(norm.get_updates_for(x)) + names(norm.get_updates_for(None)),
    }
    return observed(tf, outputs, {x: numbers(*VECTORS)}, train=False, facts=facts)


@SCENARIOS
def batch_norm_half(tf):
    x = tf.placeholder(tf.float16, [None, 5], name="x")
    y = tf.layers.batch_normalization(x, training=True)
    return Plan([y, *tf.global_variables()], feed={x: numbers(*VECTORS).astype(np.float16)})


@SCENARIOS
def convnet(tf):
    tf.set_random_seed(7)
    x = tf.placeholder(tf.float32, [None, 12, 12, 1], name="x")
    training = tf.placeholder_with_default(True, [], name="training")
    with tf.variable_scope("net", regularizer=square_sum(tf, 0.001)):
        h = tf.layers.conv2d(x, 4, 3, padding="same", use_bias=False)
        h = tf.nn.relu(tf.layers.batch_normalization(h, training=training, momentum=0.9))
        h = tf.layers.max_pooling2d(h, 2, 2)
        h = tf.layers.conv2d(h, 6, 3, activation=tf.nn.relu)
        h = tf.layers.average_pooling2d(h, (2, 2), (2, 2))
        h = tf.layers.dense(tf.layers.flatten(h), 8, activation=tf.nn.elu)
        h = tf.layers.dropout(h, 0.25, training=training)
        logits = tf.layers.dense(h, 3, name="logits")
    return observed(tf, [logits], {x: numbers(3, 12, 12, 1)})


# A program's own layers


@SCENARIOS
def own_layer(tf):
    tf.set_random_seed(7)

    class Scale(tf.layers.Layer):
        def __init__(self, units, **kwargs):
            super(Scale, self).__init__(**kwargs)
            self.units = units
            self.input_spec = tf.layers.InputSpec(min_ndim=2)

        def build(self, input_shape):
            size = input_shape[-1].value
            self.kernel = self.add_variable("kernel", [size, self.units], regularizer=square_sum(tf))
            self.count = self.add_weight("count", [], trainable=False, initializer=tf.zeros_initializer())
            self.built = True

        def call(self, inputs, power=1.0):
            self.add_update(tf.assign_add(self.count, 1.0))
            self.add_loss(tf.reduce_mean(inputs), inputs=inputs)
            return tf.matmul(inputs, self.kernel) ** power

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    scale = Scale(2)
    outputs = [scale(x), scale(x, power=2.0), Scale(3, name="named")(x)]
    facts = {
        "weights": names(scale.weights),
        "updates": names(scale.updates),
        "losses": names(scale.losses),
        "for": names(scale.get_losses_for(x)) + names(scale.get_updates_for(x)),
    }
    return observed(tf, outputs, {x: numbers(*VECTORS)}, facts=facts)


@SCENARIOS
def own_layer_of_two_inputs(tf):
    tf.set_random_seed(7)

    class Both(tf.layers.Layer):
        def build(self, input_shape):
            self.kernel = self.add_weight("kernel", [input_shape[0][-1].value, 2])
            super(Both, self).build(input_shape)

        def call(self, inputs):
            return tf.matmul(inputs[0] + inputs[1], self.kernel)

    x = tf.placeholder(tf.float32, [None, 5], name="x")
    with tf.variable_scope("outer"):
        both = Both()
        outputs = [both([x, x * 2.0])]
    return observed(tf, outputs, {x: numbers(*VECTORS)}, facts={"scope": both.scope_name})


# What must be refused

refused("dense_open_size", (4, 5), lambda tf, x: tf.layers.dense(x, 3), unknown=(1,))
refused("dense_rank1", (4,), lambda tf, x: tf.layers.dense(x, 3))
refused("dense_no_rank", None, lambda tf, x: tf.layers.dense(x, 3))
refused("dense_integers", (4, 5), lambda tf, x: tf.layers.dense(tf.cast(x, tf.int32), 3))
refused("dense_keyword", (4, 5), lambda tf, x: tf.layers.dense(x, 3, unit=3))
refused("dense_class_keyword", (4, 5), lambda tf, x: tf.layers.Dense(3, unit=3))
refused("conv2d_rank", (2, 6, 6), lambda tf, x: tf.layers.conv2d(x, 3, 2))
refused("conv2d_open_channels", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 2), unknown=(3,))
refused("conv2d_padding", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 2, padding="full"))
refused("conv2d_format", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 2, data_format="NHWC"))
refused("conv2d_kernel", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, (2, 2, 2)))
refused("conv2d_causal", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 2, padding="causal"))
refused("conv2d_too_large", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 7), unknown=())
refused(
    "conv2d_strides_and_dilation", (2, 6, 6, 2), lambda tf, x: tf.layers.conv2d(x, 3, 2, 2, dilation_rate=2)
)
refused("pool_rank", (2, 6, 2), lambda tf, x: tf.layers.max_pooling2d(x, 2, 2))
refused("pool_size", (2, 6, 6, 2), lambda tf, x: tf.layers.max_pooling2d(x, (2, 2, 2), 2))
refused("batch_norm_axis", (4, 5), lambda tf, x: tf.layers.batch_normalization(x, axis=2))
refused("batch_norm_axis_type", (4, 5), lambda tf, x: tf.layers.batch_normalization(x, axis="1"))
refused("batch_norm_twice", (4, 5), lambda tf, x: tf.layers.batch_normalization(x, axis=[1, -1]))
refused("batch_norm_open", (4, 5), lambda tf, x: tf.layers.batch_normalization(x), unknown=(1,))
refused(
    "batch_norm_clip",
    (4, 5),
    lambda tf, x: tf.layers.batch_normalization(x, renorm=True, renorm_clipping={"r": 1}),
)
refused("batch_norm_virtual", (4, 5), lambda tf, x: tf.layers.batch_normalization(x, virtual_batch_size=0))
refused(
    "name_twice", (4, 5), lambda tf, x: [tf.layers.dense(x, 3, name="a"), tf.layers.dense(x, 3, name="a")]
)
refused("reuse_of_nothing", (4, 5), lambda tf, x: tf.layers.dense(x, 3, name="a", reuse=True))
refused(
    "other_size",
    (4, 5),
    lambda tf, x: [tf.layers.dense(x, 3, name="a"), tf.layers.dense(x, 2, name="a", reuse=True)],
)


@SCENARIOS.error
def other_graph(tf):
    dense = tf.layers.Dense(3)
    dense(tf.zeros([2, 5]))
    with tf.Graph().as_default():
        dense(tf.zeros([2, 5]))


@SCENARIOS.error
def scope_name_too_early(tf):
    return tf.layers.Dense(3).scope_name


@SCENARIOS.error
def no_output(tf):
    class Nothing(tf.layers.Layer):
        def call(self, inputs):
            return None

    Nothing()(tf.zeros([2]))
