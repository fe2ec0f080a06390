"""Neural network ops, continued: the corners of activations, losses, moments and lookups."""

from .table import Rows, call, distinct, f16, f32, f64, given, i32, i64

rows = Rows("nn_more")
case, error = rows.case, rows.error

SINGLE = "it takes float32 only"
LABELS = "its rule holds the labels constant"
RANDOM = "its values are random"
MEAN = "the rule of the variance holds the mean constant"
STATIC = "it needs the static shape"

# --- activations ----------------------------------------------------------------------------------

case("crelu_axis", call("nn.crelu", axis=0, name="both"), x=f32(2, 3))
case("relu_u8", call("nn.relu"), x=given([0, 3, 255], "uint8"))
case("relu6_i64", call("nn.relu6"), x=i64(5))
case("leaky_relu_i32", call("nn.leaky_relu", alpha=0.1), x=i32(5))
case("softmax_negative_axis", call("nn.softmax", axis=-2), x=f32(2, 3, 2), unknown=STATIC)
case(
    "softmax_fed_axis",
    lambda tf, x, a: tf.nn.softmax(x, axis=a),
    x=f32(2, 3),
    a=given(0, "int32"),
    unknown=STATIC,
)
case("softmax_empty", call("nn.softmax"), x=f32(0, 3), grad=False)
case("softmax_infinite", call("nn.softmax"), x=given([[float("-inf"), 0.0], [1e4, -1e4]]), grad=False)
case("log_softmax_dim", call("nn.log_softmax", dim=0, name="lp"), x=f32(2, 2))
case("softmax_math", call("math.softmax"), x=f64(2, 2))
case("bias_add_rank3_nchw", call("nn.bias_add", data_format="NCHW"), x=f32(2, 3, 2), b=f32(3))
case("bias_add_f16", call("nn.bias_add"), x=f16(2, 3), b=f16(3), rtol=1e-2)
case("bias_add_list", lambda tf, x: tf.nn.bias_add(x, [1.0, 2.0]), x=f32(2, 2), double="its bias is float32")

# --- losses ---------------------------------------------------------------------------------------

case(
    "softmax_xent_f16",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(labels=y, logits=x),
    x=f16(2, 3),
    y=given([[0, 1, 0], [0.5, 0, 0.5]], "float16"),
    wrt=["x"],
    rtol=1e-2,
    second=LABELS,
)
case(
    "softmax_xent_broadcast",
    lambda tf, x: tf.nn.softmax_cross_entropy_with_logits_v2(
        labels=tf.nn.softmax(tf.zeros_like(x)), logits=x, dim=-1
    ),
    x=f32(2, 3),
)
case(
    "softmax_xent_axis_middle",
    lambda tf, x, y: tf.nn.softmax_cross_entropy_with_logits_v2(
        labels=tf.nn.softmax(y, axis=1), logits=x, axis=1
    ),
    x=f32(2, 3, 2),
    y=f32(2, 3, 2),
    second=LABELS,
    unknown=STATIC,
)
case(
    "sparse_xent_f16",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f16(2, 3),
    y=given([0, 2], "int64"),
    rtol=1e-2,
)
case(
    "sparse_xent_vector",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(3),
    y=given(2, "int32"),
)
case(
    "sparse_xent_empty",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=f32(0, 3),
    y=given([], "int32"),
    grad=False,
)
case(
    "weighted_xent_targets",
    lambda tf, x, y, w: tf.nn.weighted_cross_entropy_with_logits(targets=y, logits=x, pos_weight=w, name="w"),
    x=f32(2, 3),
    y=f32(2, 3, low=0, high=1),
    w=f32(3),
)
case(
    "log_poisson_full",
    lambda tf, x, y: tf.nn.log_poisson_loss(y, x, compute_full_loss=True),
    x=f32(3),
    y=given([0.5, 2.0, 3.5]),
    rtol=1e-4,
)
case("l2_loss_f16", call("nn.l2_loss"), x=f16(3), rtol=1e-2)

# --- moments --------------------------------------------------------------------------------------

case("moments_two_axes", call("nn.moments", [0, 2]), x=f32(2, 3, 2), second=MEAN)
case(
    "weighted_moments_keep",
    lambda tf, x, w: tf.nn.weighted_moments(x, [0], w, keep_dims=True, name="wm"),
    x=f32(3, 2),
    w=f32(3, 1, low=0.5),
)
case(
    "weighted_moments_f16",
    lambda tf, x, w: tf.nn.weighted_moments(x, [0], w),
    x=f16(3, 2),
    w=f32(3, 1, low=0.5),
    rtol=1e-2,
)
case(
    "sufficient_statistics_shift",
    lambda tf, x: tf.nn.sufficient_statistics(x, [0], shift=0.5, keepdims=True),
    double="its shift is float32",
    x=f32(3, 2),
)
case(
    "normalize_moments_shift",
    lambda tf, m, v: tf.nn.normalize_moments(4.0, m, v, shift=0.5, name="nm"),
    m=f32(2),
    v=f32(2, low=1),
    double="its count is float32",
)
case(
    "batch_norm_global",
    lambda tf, x, m, v, b, g: tf.nn.batch_norm_with_global_normalization(x, m, v, b, g, 1e-3, True),
    x=f32(4, 3),
    m=f32(3),
    v=f32(3, low=0.5),
    b=f32(3),
    g=f32(3),
)
case(
    "batch_norm_global_unscaled",
    lambda tf, x, m, v, b, g: tf.nn.batch_norm_with_global_normalization(
        input=x,
        mean=m,
        variance=v,
        beta=b,
        gamma=g,
        variance_epsilon=1e-3,
        scale_after_normalization=False,
        name="bn",
    ),
    x=f32(4, 3),
    m=f32(3),
    v=f32(3, low=0.5),
    b=f32(3),
    g=f32(3),
    wrt=["x", "m", "v", "b"],
)
case("zero_fraction_matrix", call("nn.zero_fraction"), x=given([[0.0, 1.0], [0.0, 0.0]]), grad=False)
case("l2_normalize_math", call("math.l2_normalize", axis=-1), x=f64(2, 3))

# --- dropout and lookups --------------------------------------------------------------------------

case("dropout_f64", call("nn.dropout", rate=0.4, seed=5), x=f64(3, 3), grad=False)
case(
    "dropout_noise_unknown",
    call("nn.dropout", rate=0.5, noise_shape=[None, 1], seed=1),
    x=f32(3, 4),
    seed=2,
    grad=False,
    double=RANDOM,
    unknown=STATIC,
)
case(
    "dropout_gradient",
    lambda tf, x: tf.gradients(tf.nn.dropout(x, rate=0.5, seed=9), x),
    x=f32(6),
    grad=False,
    double=RANDOM,
)
case(
    "lookup_three_div",
    lambda tf, p, q, r, i: tf.nn.embedding_lookup([p, q, r], i, partition_strategy="div"),
    p=f32(3, 2),
    q=f32(2, 2),
    r=f32(2, 2),
    i=given([[0, 6], [3, 2]], "int64"),
    second="its gradient is sparse",
)
case(
    "lookup_one_in_list",
    lambda tf, p, i: tf.nn.embedding_lookup([p], i, name="e"),
    p=f32(3, 2),
    i=given([2, 2], "int32"),
)
case(
    "lookup_resource",
    lambda tf, i: tf.nn.embedding_lookup(
        tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=True), i, max_norm=2.0
    ),
    i=given([1, 0], "int32"),
    nodes="the variable's own nodes differ in attributes only by version",
)
case("xw_plus_b_f64", call("nn.xw_plus_b"), x=f64(3, 2), w=f64(2, 4), b=f64(4))
case("top_k_f16", lambda tf, x: tf.nn.top_k(x, 2), x=distinct(5, dtype="float16"))

error(
    "bias_add_format",
    call("nn.bias_add", data_format="CN"),
    x=f32(2, 2),
    b=f32(2),
    raises="ValueError",
    match="data_format",
)
error(
    "bias_add_vector", call("nn.bias_add"), x=f32(2), b=f32(2), raises="ValueError", match="at least rank 2"
)
error("softmax_scalar", call("nn.softmax"), x=given(1.0), raises="ValueError", match="rank 1")
error("softmax_both", call("nn.softmax", axis=0, dim=0), x=f32(2), raises="ValueError", match="both")
error(
    "xent_missing",
    lambda tf, x: tf.nn.sigmoid_cross_entropy_with_logits(logits=x),
    x=f32(2),
    raises="ValueError",
    match="must be provided",
)
error(
    "sparse_xent_scalar",
    lambda tf, x, y: tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=x),
    x=given(1.0),
    y=given(1, "int32"),
    raises="ValueError",
    match="scalar",
)
error("dropout_int", call("nn.dropout", rate=0.5), x=i32(3), raises="ValueError", match="floating point")
error("dropout_nothing", call("nn.dropout"), x=f32(3), raises="ValueError", match="rate")
error("lookup_none", lambda tf: tf.nn.embedding_lookup([], [1]), raises="ValueError", match="at least one")
error(
    "lookup_strategy",
    lambda tf, p: tf.nn.embedding_lookup([p, p], [1], partition_strategy="x"),
    p=f32(2, 2),
    raises="ValueError",
    match="strategy",
)
