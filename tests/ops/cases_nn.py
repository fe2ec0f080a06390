"""Neural network ops: activations, losses, normalization, convolution, pooling, dropout, sampling."""

from .table import Rows, call, distinct, f16, f32, f64, given, i32, i64

rows = Rows("nn")
case, error = rows.case, rows.error

LABELS = "its rule holds the labels constant"
SINGLE = "it takes float32 only"
KINK = "not differentiable there"
RANDOM = "its values are random"
SECOND = "TensorFlow 1.15 has no second derivative"

# --- activations ----------------------------------------------------------------------------------

SMOOTH = ["softplus", "softsign", "sigmoid", "tanh", "softmax"]
BENT = ["relu", "relu6", "elu", "selu", "leaky_relu"]
for each in [*BENT, *SMOOTH, "log_softmax", "crelu", "swish"]:
    options = {"second": SECOND} if each == "swish" else {}
    case(each, call("nn." + each), x=f32(2, 4), **options)
    case(each + "_wide", call("nn." + each), x=f32(9, low=-7, high=7), rtol=1e-4, **options)
    case(each + "_f64", call("nn." + each), x=f64(3), **options)
    if each != "swish":
        case(each + "_named", call("nn." + each, name="act"), x=f32(2, 2))
for each in BENT + SMOOTH:
    case(each + "_f16", call("nn." + each), x=f16(2, 3), rtol=1e-2)
for each in ["relu", "relu6", "leaky_relu", "elu", "softplus"]:
    case(each + "_special", call("nn." + each), x=given([-1.0, -0.0, 0.0, 6.0, 7.0, 1e4, -1e4]), double=KINK)
case("relu_i32", call("nn.relu"), x=i32(5))
case("relu_nan", call("nn.relu"), x=given([float("nan"), float("inf"), float("-inf")]), grad=False)
case("leaky_relu_alpha", call("nn.leaky_relu", alpha=0.3), x=f32(4))
case("softmax_axis", call("nn.softmax", axis=0), x=f32(2, 3))
case("softmax_old", call("nn.softmax", dim=1, name="attention"), x=f32(2, 3, 2))
case("softmax_logits", lambda tf, x: tf.nn.softmax(logits=x), x=f32(2, 3))
case("softmax_vector", call("nn.softmax"), x=f32(3))
case("softmax_rank4", call("nn.softmax"), x=f32(1, 2, 2, 3))
case("log_softmax_axis", call("nn.log_softmax", axis=0), x=f32(2, 3))
case("log_softmax_extreme", call("nn.log_softmax"), x=given([[1000.0, 0.0, -1000.0]]))
case("tf_sigmoid", call("sigmoid", name="p"), x=f32(3))
case("log_sigmoid_wide", call("log_sigmoid"), x=given([-100.0, -1.0, 1.0, 100.0]), rtol=1e-4)

# --- losses ---------------------------------------------------------------------------------------

case(
    "sparse_xent",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(3, 4),
    y=given([0, 3, 1], "int32"),
)
case(
    "sparse_xent_named",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x, name="loss"),
    x=f32(2, 4),
    y=given([2, 0], "int64"),
)
case(
    "sparse_xent_rank3",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(2, 2, 3),
    y=i32(2, 2, low=0, high=3),
)
case(
    "sparse_xent_mean",
    lambda tf, x, y: tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x)),
    x=f32(3, 4),
    y=given([0, 3, 1], "int32"),
)
for suffix in ("", "_v2"):
    for shape in ((3, 4), (2, 2, 3)):
        case(
            f"softmax_xent{suffix}_rank{len(shape)}",
            lambda tf, x, y, suffix=suffix: getattr(tf.nn, "softmax_cross_entropy_with_logits" + suffix)(
                labels=tf.nn.softmax(y), logits=x
            ),
            x=f32(*shape),
            y=f32(*shape),
            wrt=None if suffix else ["x"],
            second=LABELS if suffix else None,
        )
case(
    "softmax_xent_onehot",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(
        labels=tf.one_hot(y, 4), logits=x, name="xent"
    ),
    x=f32(3, 4),
    y=given([0, 3, 1], "int32"),
    double="its labels are float32",
)
case(
    "softmax_xent_named",
    lambda tf, x: tf.nn.softmax_cross_entropy_with_logits(labels=[[0.0, 1.0]], logits=x, name="loss"),
    x=f32(1, 2),
    double="its labels are float32",
)
case(
    "softmax_xent_dim",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits(labels=y, logits=x, dim=0),
    x=f32(4, 2),
    y=given([[0, 1], [1, 0], [0, 0], [0, 0]]),
    wrt=["x"],
)
case(
    "softmax_xent_v2_axis",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x, axis=0),
    x=f32(4, 2),
    y=given([[0.5, 0], [0.25, 0], [0.25, 0], [0, 1]]),
    wrt=["x"],
    second=LABELS,
)
case(
    "sigmoid_xent",
    lambda tf, x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(2, 3),
    y=f32(2, 3, low=0, high=1),
)
case(
    "sigmoid_xent_wide",
    lambda tf, x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x, name="gan"),
    x=given([-90.0, -0.5, 0.5, 90.0]),
    y=given([0, 1, 0, 1]),
)
case(
    "weighted_xent",
    lambda tf, x, y: tf.nn.weighted_cross_entropy_with_logits(y, x, 2.0),
    x=f32(2, 3),
    y=f32(2, 3, low=0, high=1),
)
case("log_poisson", lambda tf, x, y: tf.nn.log_poisson_loss(y, x), x=f32(3), y=f32(3, low=1))
case("mse", lambda tf, x, y: tf.reduce_mean(tf.squared_difference(x, y)), x=f32(3, 2), y=f32(3, 2))

# --- bias and normalization -----------------------------------------------------------------------

case("bias_add", call("nn.bias_add"), x=f32(3, 2), b=f32(2))
case("bias_add_rank4", call("nn.bias_add", name="biased"), x=f32(2, 2, 2, 3), b=f32(3))
case("bias_add_nhwc", call("nn.bias_add", data_format="NHWC"), x=f32(1, 2, 2, 3), b=f32(3))
case("bias_add_nchw", call("nn.bias_add", data_format="NCHW"), x=f32(1, 3, 2, 2), b=f32(3))
case("bias_add_i32", call("nn.bias_add"), x=i32(3, 2), b=i32(2))
case("l2_normalize", call("nn.l2_normalize", axis=1), x=f32(2, 3))
case("l2_normalize_old", call("nn.l2_normalize", dim=0, epsilon=1e-6, name="unit"), x=f32(2, 3))
case("l2_normalize_all", call("nn.l2_normalize", [0, 1]), x=f32(2, 3))
case("l2_normalize_zero", call("nn.l2_normalize", 0), x=given([0.0, 0.0]), double=KINK)
case(
    "batch_normalization",
    lambda tf, x, m, v, b, g: tf.nn.batch_normalization(x, m, v, b, g, 1e-3),
    x=f32(4, 3),
    m=f32(3),
    v=f32(3, low=0.5),
    b=f32(3),
    g=f32(3),
)
case(
    "batch_normalization_plain",
    lambda tf, x, m, v: tf.nn.batch_normalization(x, m, v, None, None, 1e-3, name="bn"),
    x=f32(4, 3),
    m=f32(3),
    v=f32(3, low=0.5),
)
case(
    "batch_norm_of_moments",
    lambda tf, x: tf.nn.batch_normalization(
        x, *tf.nn.moments(x, [0]), offset=None, scale=None, variance_epsilon=1e-3
    ),
    x=f32(5, 2),
    rtol=1e-4,
    second="the rule of the variance holds the mean constant",
)
case(
    "fused_batch_norm",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b)[0],
    x=f32(2, 3, 3, 2),
    g=f32(2),
    b=f32(2),
    rtol=2e-4,
    double=SINGLE,
    second="checked in double only",
)
case(
    "fused_batch_norm_stats",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, epsilon=1e-3, data_format="NHWC"),
    x=f32(2, 2, 2, 2),
    g=f32(2),
    b=f32(2),
    rtol=2e-4,
    grad=False,
    double=SINGLE,
)
case(
    "fused_batch_norm_test",
    lambda tf, x, g, b, m, v: tf.nn.fused_batch_norm(x, g, b, m, v, is_training=False)[0],
    x=f32(2, 2, 2, 2),
    g=f32(2),
    b=f32(2),
    m=f32(2),
    v=f32(2, low=0.5),
    wrt=["x", "g", "b"],
    rtol=2e-4,
    double=SINGLE,
)
case(
    "lrn",
    call("nn.local_response_normalization"),
    x=f32(1, 2, 2, 6),
    rtol=1e-4,
    second=SECOND,
    double=SINGLE,
)
case(
    "lrn_keywords",
    call("nn.lrn", depth_radius=2, bias=2.0, alpha=1e-1, beta=0.75, name="norm1"),
    x=f32(1, 1, 2, 5),
    rtol=1e-4,
    second=SECOND,
    double=SINGLE,
)

# --- convolution and pooling ----------------------------------------------------------------------

for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        case(
            f"conv2d_{padding}_{stride}".lower(),
            call("nn.conv2d", strides=[1, stride, stride, 1], padding=padding),
            x=f32(2, 5, 4, 2),
            w=f32(3, 2, 2, 3),
            rtol=1e-4,
        )
        for each in ["max_pool", "avg_pool"]:
            case(
                f"{each}_{padding}_{stride}".lower(),
                call("nn." + each, ksize=[1, 2, 2, 1], strides=[1, stride, stride, 1], padding=padding),
                x=distinct(2, 5, 4, 2),
            )
case(
    "conv2d_keywords",
    lambda tf, x, w: tf.nn.conv2d(
        input=x, filter=w, strides=[1, 1, 1, 1], padding="SAME", data_format="NHWC", name="c1"
    ),
    x=f32(1, 4, 4, 1),
    w=f32(3, 3, 1, 2),
    rtol=1e-4,
)
case(
    "conv2d_filters",
    lambda tf, x, w: tf.nn.conv2d(x, filters=w, strides=1, padding="SAME"),
    x=f32(1, 4, 4, 1),
    w=f32(3, 3, 1, 2),
    rtol=1e-4,
)
case(
    "conv2d_dilated",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="VALID", dilations=[1, 2, 2, 1]),
    x=f32(1, 6, 6, 1),
    w=f32(2, 2, 1, 1),
    rtol=1e-4,
    grad=False,
)
case(
    "conv2d_explicit",
    call("nn.conv2d", strides=1, padding=[[0, 0], [1, 2], [0, 1], [0, 0]]),
    x=f32(1, 3, 3, 1),
    w=f32(2, 2, 1, 1),
    rtol=1e-4,
)
case(
    "conv2d_1x1",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="VALID"),
    x=f32(1, 2, 2, 3),
    w=f32(1, 1, 3, 2),
    rtol=1e-4,
)
case(
    "conv2d_f64",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="SAME"),
    x=f64(1, 3, 3, 2),
    w=f64(3, 3, 2, 1),
)
case(
    "conv2d_transpose",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [1, 4, 4, 2], strides=[1, 2, 2, 1]),
    x=f32(1, 2, 2, 3),
    w=f32(3, 3, 2, 3),
    rtol=1e-4,
)
case(
    "conv2d_transpose_valid",
    lambda tf, x, w: tf.nn.conv2d_transpose(
        value=x,
        filter=w,
        output_shape=tf.stack([tf.shape(x)[0], 5, 5, 1]),
        strides=[1, 2, 2, 1],
        padding="VALID",
        name="up",
    ),
    x=f32(1, 2, 2, 1),
    w=f32(3, 3, 1, 1),
    rtol=1e-4,
)
case("conv1d", call("nn.conv1d", stride=2, padding="SAME"), x=f32(2, 5, 2), w=f32(3, 2, 3), rtol=1e-4)
case("conv1d_named", call("nn.conv1d", 1, "VALID", name="line"), x=f32(2, 5, 2), w=f32(3, 2, 3), rtol=1e-4)
case(
    "conv3d",
    call("nn.conv3d", strides=[1, 1, 1, 1, 1], padding="SAME"),
    x=f32(1, 3, 3, 2, 1),
    w=f32(2, 2, 2, 1, 2),
    rtol=1e-4,
)
case(
    "conv3d_strided",
    call("nn.conv3d", strides=[1, 2, 2, 2, 1], padding="VALID"),
    x=f32(1, 4, 3, 3, 1),
    w=f32(2, 2, 2, 1, 1),
    rtol=1e-4,
)
case(
    "depthwise_conv2d",
    call("nn.depthwise_conv2d", strides=[1, 1, 1, 1], padding="SAME"),
    x=f32(1, 4, 4, 2),
    w=f32(3, 3, 2, 2),
    rtol=1e-4,
)
case(
    "depthwise_conv2d_strided",
    call("nn.depthwise_conv2d", strides=[1, 2, 2, 1], padding="VALID"),
    x=f32(1, 5, 5, 2),
    w=f32(3, 3, 2, 1),
    rtol=1e-4,
)
case(
    "separable_conv2d",
    call("nn.separable_conv2d", strides=[1, 1, 1, 1], padding="SAME"),
    x=f32(1, 3, 3, 2),
    d=f32(2, 2, 2, 1),
    p=f32(1, 1, 2, 3),
    rtol=1e-4,
)
case(
    "atrous_conv2d",
    call("nn.atrous_conv2d", rate=2, padding="SAME"),
    x=f32(1, 4, 4, 1),
    w=f32(2, 2, 1, 1),
    rtol=1e-4,
    unknown="it pads by the static shape",
)
case(
    "convolution",
    call("nn.convolution", padding="SAME"),
    x=f32(1, 4, 2),
    w=f32(2, 2, 1),
    rtol=1e-4,
    unknown="it needs the rank",
)
case(
    "dilation2d",
    call("nn.dilation2d", strides=[1, 1, 1, 1], rates=[1, 1, 1, 1], padding="SAME"),
    x=distinct(1, 3, 3, 1),
    w=f32(2, 2, 1),
    second=SECOND,
)
case(
    "max_pool_keywords",
    lambda tf, x: tf.nn.max_pool(
        value=x, ksize=[1, 3, 3, 1], strides=[1, 2, 2, 1], padding="SAME", data_format="NHWC", name="pool"
    ),
    x=distinct(1, 5, 5, 1),
)
case(
    "max_pool_ties",
    call("nn.max_pool", [1, 2, 2, 1], [1, 2, 2, 1], "VALID"),
    x=given([[[[1.0], [1.0]], [[1.0], [0.0]]]]),
    double=KINK,
)
case(
    "max_pool_depth",
    call("nn.max_pool", [1, 1, 1, 2], [1, 1, 1, 2], "VALID"),
    x=distinct(1, 2, 2, 4),
    grad=False,
)
case("max_pool_overlap", call("nn.max_pool", [1, 3, 3, 1], [1, 1, 1, 1], "SAME"), x=distinct(1, 3, 4, 1))
case(
    "avg_pool_named",
    call("nn.avg_pool", ksize=[1, 3, 2, 1], strides=[1, 2, 1, 1], padding="SAME", name="mean"),
    x=f32(1, 5, 3, 1),
)
case(
    "avg_pool_nhwc",
    call("nn.avg_pool", [1, 2, 2, 1], [1, 2, 2, 1], "SAME", data_format="NHWC"),
    x=f32(1, 3, 3, 1),
)
case(
    "max_pool_with_argmax",
    lambda tf, x: tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"),
    x=distinct(1, 4, 4, 2),
    second=SECOND,
)
case("max_pool1d", call("nn.max_pool1d", 2, 2, "VALID"), x=distinct(1, 4, 2))
case(
    "max_pool3d",
    call("nn.max_pool3d", [1, 2, 2, 2, 1], [1, 2, 2, 2, 1], "SAME"),
    x=distinct(1, 3, 2, 2, 1),
    double=SINGLE,
)
case("avg_pool3d", call("nn.avg_pool3d", [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "VALID"), x=f32(1, 3, 2, 2, 1))
case(
    "pool", lambda tf, x: tf.nn.pool(x, [2], "MAX", "SAME"), x=distinct(1, 4, 2), unknown="it needs the rank"
)
case(
    "fractional_max_pool",
    lambda tf, x: tf.nn.fractional_max_pool(
        x, [1, 1.5, 1.5, 1], pseudo_random=True, overlapping=True, deterministic=True, seed=3, seed2=5
    )[0],
    x=distinct(1, 6, 6, 1),
    grad=False,
)

# --- dropout and sampling -------------------------------------------------------------------------

case("dropout", call("nn.dropout", keep_prob=0.6, seed=3), x=f32(3, 4), steps=2, grad=False, double=RANDOM)
case(
    "dropout_rate",
    call("nn.dropout", rate=0.3, seed=3, name="drop"),
    x=f32(3, 4),
    seed=7,
    steps=2,
    grad=False,
    double=RANDOM,
)
case(
    "dropout_noise_shape",
    call("nn.dropout", rate=0.5, noise_shape=[3, 1], seed=1),
    x=f32(3, 4),
    grad=False,
    double=RANDOM,
)
case("dropout_graph_seed", call("nn.dropout", 0.5), x=f32(2, 4), seed=42, grad=False, double=RANDOM)
case("dropout_none", call("nn.dropout", keep_prob=1.0), x=f32(2, 2))
case(
    "dropout_placeholder",
    lambda tf, x, k: tf.nn.dropout(x, k, seed=2),
    x=f32(2, 4),
    k=given(0.75),
    grad=False,
    double=RANDOM,
)
for each in ["uniform_candidate_sampler", "log_uniform_candidate_sampler"]:
    case(
        each,
        lambda tf, t, each=each: getattr(tf.nn, each)(t, 1, 4, True, 20, seed=5),
        t=given([[1], [7]], "int64"),
        steps=2,
        xla=False,
        grad=False,
    )
case(
    "learned_unigram",
    lambda tf, t: tf.nn.learned_unigram_candidate_sampler(t, 1, 4, False, 20, seed=5),
    t=given([[1], [7]], "int64"),
    xla=False,
    grad=False,
)
case(
    "fixed_unigram",
    lambda tf, t: tf.nn.fixed_unigram_candidate_sampler(t, 1, 3, True, 5, unigrams=[1.0, 2, 3, 4, 5], seed=5),
    t=given([[1], [3]], "int64"),
    xla=False,
    grad=False,
)
case(
    "all_candidates",
    lambda tf, t: tf.nn.all_candidate_sampler(t, 1, 4, True, seed=5),
    t=given([[1], [3]], "int64"),
    xla=False,
    grad=False,
)
case(
    "compute_accidental_hits",
    lambda tf, t, s: tf.nn.compute_accidental_hits(t, s, 1),
    t=given([[1], [3]], "int64"),
    s=given([3, 1, 2], "int64"),
    xla=False,
)
case(
    "nce_loss",
    lambda tf, w, b, x, y: tf.nn.nce_loss(
        weights=w, biases=b, labels=y, inputs=x, num_sampled=3, num_classes=8
    ),
    w=f32(8, 2),
    b=f32(8),
    x=f32(2, 2),
    y=given([[1], [5]], "int64"),
    seed=3,
    double=RANDOM,
    unknown="it needs static shapes",
)
case(
    "sampled_softmax_loss",
    lambda tf, w, b, x, y: tf.nn.sampled_softmax_loss(
        weights=w, biases=b, labels=y, inputs=x, num_sampled=3, num_classes=8, seed=4
    ),
    w=f32(8, 2),
    b=f32(8),
    x=f32(2, 2),
    y=given([[1], [5]], "int64"),
    double=RANDOM,
    unknown="it needs static shapes",
)
case(
    "ctc_loss",
    lambda tf, x: tf.nn.ctc_loss(tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 0, 2], [2, 2]), x, [4, 4]),
    x=f32(4, 2, 4),
    rtol=1e-4,
    xla=False,
    double=SINGLE,
    second=SECOND,
)
case(
    "ctc_greedy",
    lambda tf, x: (lambda d, p: [d[0], p])(*tf.nn.ctc_greedy_decoder(x, [4, 3])),
    x=f32(4, 2, 4),
    xla=False,
    grad=False,
    unknown="TensorFlow needs the shape",
)
case("top_k_i64", lambda tf, x: tf.nn.top_k(x, 2), x=i64(4))

error("relu_string", lambda tf: tf.nn.relu("a"), raises="TypeError")
error(
    "sparse_xent_positional",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(x, y),
    x=f32(2, 3),
    y=i32(2),
    raises="ValueError",
    match="named arguments",
)
error(
    "sparse_xent_rank",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(2, 3),
    y=i32(2, 1),
    raises="ValueError",
    match="Rank mismatch",
)
error(
    "sparse_xent_label",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(1, 3),
    y=given([5], "int32"),
    raises="InvalidArgumentError",
    match="outside the valid range",
    when="run",
)
error(
    "sigmoid_xent_shapes",
    lambda tf, x, y: tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(2, 3),
    y=f32(2),
    raises="ValueError",
    match="must have the same shape",
)
error(
    "softmax_xent_shapes",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x),
    x=f32(2, 3),
    y=f32(2, 4),
    raises="ValueError",
)
error(
    "softmax_axis",
    call("nn.softmax", axis=3),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="dim",
    when="build",
)
error(
    "bias_add_shape",
    call("nn.bias_add"),
    x=f32(2, 3),
    b=f32(2),
    raises="ValueError",
    match="Dimensions must be equal",
)
error("bias_add_run", call("nn.bias_add"), x=f32(2, 3), b=f32(2), raises="InvalidArgumentError", when="run")
error(
    "conv2d_channels",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="SAME"),
    x=f32(1, 3, 3, 2),
    w=f32(2, 2, 3, 1),
    raises="ValueError",
    match="Depth of input",
)
error(
    "conv2d_rank",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="SAME"),
    x=f32(3, 3, 2),
    w=f32(2, 2, 2, 1),
    raises="ValueError",
    match="rank 4",
)
error(
    "conv2d_small",
    call("nn.conv2d", strides=[1, 1, 1, 1], padding="VALID"),
    x=f32(1, 2, 2, 1),
    w=f32(3, 3, 1, 1),
    raises="ValueError",
    match="Negative dimension size",
)
error("dropout_prob", call("nn.dropout", keep_prob=1.5), x=f32(2), raises="ValueError")
error(
    "max_pool_padding",
    call("nn.max_pool", [1, 2, 2, 1], [1, 2, 2, 1], "MAYBE"),
    x=f32(1, 2, 2, 1),
    raises="ValueError",
)
error(
    "in_top_k_shape",
    lambda tf, p, t: tf.nn.in_top_k(p, t, 1),
    p=f32(3),
    t=i32(3),
    raises="ValueError",
    match="rank 2",
)
