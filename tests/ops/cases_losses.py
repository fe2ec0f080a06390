"""tf.losses, the weights of losses, and sets of rows."""

from .table import Rows, f32, f64, given, i32, i64, strings

rows = Rows("losses")
case, error = rows.case, rows.error

SELECTED = "its weights of zero make a constant of float32"
KINK = "not differentiable there"

PAIRS = ["absolute_difference", "mean_squared_error", "huber_loss", "log_loss", "hinge_loss"]
KEYS = {"hinge_loss": "logits"}


def loss(name, **keywords):
    """tf.losses.<name> of labels x and predictions y, weights w if there are any."""

    def build(tf, x, y, w=1.0):
        given_options = {k: v(tf) if callable(v) else v for k, v in keywords.items()}
        arguments = {"labels": x, KEYS.get(name, "predictions"): y}
        return getattr(tf.losses, name)(weights=w, **dict(arguments, **given_options))

    return build


DOUBLE = "it computes in float32"
for each in PAIRS:
    labels = given([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])
    guesses = f32(2, 3, low=0.1, high=0.8)
    options = {"double": DOUBLE}
    case(each, loss(each), x=labels, y=guesses, wrt=["y"], **options)
    case(each + "_weighted", loss(each), x=labels, y=guesses, w=given([[0.5], [2.0]]), wrt=["y"], **options)
    case(
        each + "_masked",
        loss(each),
        x=labels,
        y=guesses,
        w=given([[0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]),
        wrt=["y"],
        **options,
    )
    case(
        each + "_number",
        lambda tf, x, y, each=each: loss(each)(tf, x, y, 0.5),
        x=labels,
        y=guesses,
        wrt=["y"],
        **options,
    )
    case(each + "_scoped", loss(each, scope="cost"), x=labels, y=guesses, wrt=["y"], **options)
    case(
        each + "_f64",
        loss(each),
        x=f64(2, 2, low=0.1, high=0.9),
        y=f64(2, 2, low=0.1, high=0.9),
        wrt=["y"],
        rtol=1e-5,
        **options,
    )
for each in [
    "NONE",
    "SUM",
    "MEAN",
    "SUM_OVER_BATCH_SIZE",
    "SUM_BY_NONZERO_WEIGHTS",
    "SUM_OVER_NONZERO_WEIGHTS",
]:
    case(
        "reduction_" + each.lower(),
        loss("mean_squared_error", reduction=lambda tf, each=each: getattr(tf.losses.Reduction, each)),
        x=f32(2, 3),
        y=f32(2, 3),
        w=given([[1.0], [0.0]]),
        wrt=["y"],
        double=DOUBLE,
    )
    case(
        "weighted_" + each.lower(),
        lambda tf, x, w, each=each: tf.losses.compute_weighted_loss(
            x, w, reduction=getattr(tf.losses.Reduction, each)
        ),
        x=f32(4),
        w=f32(4, low=0.5),
        double=DOUBLE,
    )
case("weighted_ints", lambda tf, x: tf.losses.compute_weighted_loss(x, 2.0), x=i32(3))
case("huber_delta", loss("huber_loss", delta=0.3), x=f32(2, 3), y=f32(2, 3), wrt=["y"], double=DOUBLE)
case(
    "log_epsilon",
    loss("log_loss", epsilon=0.1),
    x=given([0.0, 1.0]),
    y=given([0.0, 1.0]),
    wrt=["y"],
    double=DOUBLE,
)
case("cosine", loss("cosine_distance", axis=1), x=f32(2, 3), y=f32(2, 3), wrt=["y"], double=DOUBLE)
case("cosine_dim", loss("cosine_distance", dim=0), x=f32(2, 3), y=f32(2, 3), wrt=["y"], double=DOUBLE)
case("pairwise", loss("mean_pairwise_squared_error"), x=f32(3, 2), y=f32(3, 2), wrt=["y"], double=DOUBLE)
case(
    "pairwise_weighted",
    loss("mean_pairwise_squared_error"),
    x=f32(3, 2),
    y=f32(3, 2),
    w=given([[1.0], [0.0], [2.0]]),
    wrt=["y"],
    double=DOUBLE,
)
case(
    "sigmoid",
    lambda tf, x, y: tf.losses.sigmoid_cross_entropy(x, y),
    x=given([[0.0, 1.0], [1.0, 0.0]]),
    y=f32(2, 2),
    wrt=["y"],
    double=DOUBLE,
)
case(
    "sigmoid_smooth",
    lambda tf, x, y, w: tf.losses.sigmoid_cross_entropy(x, y, weights=w, label_smoothing=0.1, scope="cost"),
    x=given([[0, 1], [1, 0]], "int32"),
    y=f32(2, 2),
    w=given([[1.0], [3.0]]),
    wrt=["y"],
    double=DOUBLE,
)
case(
    "softmax",
    lambda tf, x, y: tf.losses.softmax_cross_entropy(onehot_labels=x, logits=y),
    x=given([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
    y=f32(2, 3),
    wrt=["y"],
    double=DOUBLE,
)
case(
    "softmax_smooth",
    lambda tf, x, y, w: tf.losses.softmax_cross_entropy(x, y, w, 0.2),
    x=given([[0, 1, 0], [1, 0, 0]], "int64"),
    y=f32(2, 3),
    w=given([1.0, 0.0]),
    wrt=["y"],
    double=DOUBLE,
)
for name, labels in [("", given([2, 0], "int32")), ("_column", given([[2], [0]], "int64"))]:
    case(
        "sparse_softmax" + name,
        lambda tf, x, y: tf.losses.sparse_softmax_cross_entropy(labels=x, logits=y),
        x=labels,
        y=f32(2, 3),
        double=DOUBLE,
        second="TensorFlow 1.15 has no second derivative",
    )
    case(
        "sparse_softmax_weighted" + name,
        lambda tf, x, y, w: tf.losses.sparse_softmax_cross_entropy(x, y, weights=w),
        x=labels,
        y=f32(2, 3),
        w=given([[0.5], [2.0]] if name else [0.5, 2.0]),
        wrt=["y"],
        double=DOUBLE,
        second="TensorFlow 1.15 has no second derivative",
    )
case(
    "total",
    lambda tf, x: [
        tf.losses.mean_squared_error(x, x * 2.0),
        tf.losses.absolute_difference(x, x + 1.0),
        tf.losses.get_total_loss(),
    ],
    x=f32(3),
    double=DOUBLE,
)
case("no_regularization", lambda tf: tf.losses.get_regularization_loss())

# --- sets -----------------------------------------------------------------------------------------

A = given([[3, 1, 2], [5, 5, 4]], "int64")
B = given([[2, 3, 9], [5, 6, 7]], "int64")
for each in ["intersection", "difference", "union"]:
    case("set_" + each, lambda tf, a, b, each=each: getattr(tf.sets, "set_" + each)(a, b), a=A, b=B)
    case(
        "set_" + each + "_sparse",
        lambda tf, a, each=each: getattr(tf.sets, each)(
            a, tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([2, 3, 5], tf.int64), [2, 2])
        ),
        a=A,
    )
    case(
        "set_" + each + "_of_sparse",
        lambda tf, each=each: getattr(tf.sets, each)(
            tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [1, 2, 3], [2, 2]),
            tf.SparseTensor([[0, 0], [1, 0], [1, 1]], [1, 3, 4], [2, 2]),
        ),
    )
case("set_difference_back", lambda tf, a, b: tf.sets.difference(a, b, aminusb=False), a=A, b=B)
case("set_strings", lambda tf, a, b: tf.sets.union(a, b), a=strings([["x", "y"]]), b=strings([["y", "z"]]))
case("set_size", lambda tf: tf.sets.size(tf.SparseTensor([[0, 0], [0, 1], [2, 0]], [4, 4, 7], [3, 2])))

# --- errors ---------------------------------------------------------------------------------------

error(
    "no_labels",
    lambda tf, x: tf.losses.mean_squared_error(None, x),
    x=f32(2),
    raises="ValueError",
    match="labels",
)
error("shapes", lambda tf, x, y: tf.losses.mean_squared_error(x, y), x=f32(2), y=f32(3), raises="ValueError")
error(
    "weights",
    lambda tf, x: tf.losses.mean_squared_error(x, x, weights=[1.0]),
    x=f32(2, 3),
    raises="ValueError",
    match="can not be broadcast",
)
error(
    "weights_dim",
    lambda tf, x: tf.losses.mean_squared_error(x, x, weights=[[1.0], [1.0], [1.0]]),
    x=f32(2, 3),
    raises="ValueError",
    match="Mismatch at dim 0",
)
error(
    "reduction",
    lambda tf, x: tf.losses.mean_squared_error(x, x, reduction="mean"),
    x=f32(2),
    raises="ValueError",
    match="Invalid Reduction",
)
error(
    "no_axis", lambda tf, x: tf.losses.cosine_distance(x, x), x=f32(2, 3), raises="ValueError", match="axis"
)
error("set_types", lambda tf, x: tf.sets.union(x, x), x=f32(2, 3), raises="TypeError")
error("set_mixed", lambda tf, x, y: tf.sets.union(x, y), x=i32(2, 3), y=i64(2, 3), raises="TypeError")
