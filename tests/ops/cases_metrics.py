"""tf.metrics: the updates over several runs. The values are read in ``tests/model/test_metrics.py``: a run
that fetches both a value and its update has no order between them.
"""

from .table import Rows, f32, f64, given, i32, i64

rows = Rows("metrics")
case, error = rows.case, rows.error

RANK = "TensorFlow compares the rank with 1, and an unknown one is no number"
STATIC = "its variables have the static shape of the values"
LAST = "the static size of the last dimension says how many predictions there are"


def metric(function, *args, **keywords):
    """The update of tf.metrics.<name> of labels x and predictions y, weights w if there are any."""

    def build(tf, x, y, **weights):
        options = dict(keywords, **({"weights": weights["w"]} if weights else {}))
        return updated(getattr(tf.metrics, function)(x, y, *args, **options))

    return build


def updated(pair):
    """The update, and the name of the value."""
    value, update = pair
    return update, value.name


def streaming(name, build, **inputs_and_options):
    case(name, build, **dict({"steps": 3, "grad": False}, **inputs_and_options))


def weighted(name, build, weights, **inputs_and_options):
    """A row without weights and one for each of ``weights``, by name."""
    streaming(name, build, **inputs_and_options)
    for kind in sorted(weights):
        streaming(name + "_" + kind, build, w=weights[kind], **inputs_and_options)


# --- means ----------------------------------------------------------------------------------------


def mean_of(function="mean", **keywords):
    def build(tf, x, **weights):
        options = dict(keywords, **({"weights": weights["w"]} if weights else {}))
        return updated(getattr(tf.metrics, function)(x, **options))

    return build


HEAVY = {
    "scalar": given(0.5),
    "column": given([[0.5], [2.0]]),
    "full": given([[0.0, 0.5, 1.0], [2.0, 1.0, 0.0]]),
}
FEW = {"column": HEAVY["column"]}
weighted("mean", mean_of(), dict(HEAVY, zero=given([[0.0] * 3] * 2)), x=f32(2, 3))
streaming("mean_i32", mean_of(), x=i32(4))
streaming("mean_f64", mean_of(), x=f64(3))
streaming("mean_of_scalar", mean_of(), x=f32())
streaming("mean_empty", mean_of(), x=f32(0))
streaming("mean_named", mean_of(name="loss"), x=f32(2))
streaming("mean_weights_wider", mean_of(), x=f32(2), w=given([[0.5], [2.0]]))
streaming("mean_weights_narrower", mean_of(), x=f32(2, 1), w=given([0.5, 2.0]))
streaming("mean_weights_f64", mean_of(), x=f32(2), w=f64(2, low=0))
streaming("mean_number", mean_of(weights=2), x=f32(2))
streaming(
    "mean_twice_in_scope",
    lambda tf, x: within(tf, lambda: [updated(tf.metrics.mean(x)), updated(tf.metrics.mean(x * 2.0))]),
    x=f32(2),
)
streaming(
    "mean_collections",
    lambda tf, x: collected(tf, tf.metrics.mean(x, None, ["m", "n"], "u")),
    x=f32(2),
)
weighted("mean_tensor", mean_of("mean_tensor"), HEAVY, x=f32(2, 3), unknown=STATIC)


def within(tf, build):
    with tf.variable_scope("eval"):
        return build()


def collected(tf, pair):
    names = [[t.name for t in tf.get_collection(key)] for key in ("m", "n", "u")]
    local = [v.name for v in tf.local_variables()]
    kept = [v.name for v in tf.get_collection(tf.GraphKeys.METRIC_VARIABLES)]
    trained = [v.name for v in tf.trainable_variables()]
    return (*updated(pair), str([*names, local, kept, trained]))


weighted(
    "accuracy",
    metric("accuracy"),
    {
        "scalar": given(2.0),
        "full": given([0.0, 0.5, 1.0, 1.0]),
        "column": given([[0.0], [0.5], [1.0], [1.0]]),
    },
    x=given([1, 2, 3, 4], "int64"),
    y=given([1, 2, 0, 4], "int64"),
)
streaming("accuracy_types", metric("accuracy"), x=given([1, 2], "int64"), y=given([1, 0], "int32"))
streaming("accuracy_tall", metric("accuracy"), x=given([[1], [2]], "int32"), y=given([1, 0], "int32"))
streaming("accuracy_wide", metric("accuracy"), x=given([1, 2], "int32"), y=given([[1], [0]], "int32"))
streaming(
    "accuracy_named", metric("accuracy", name="right"), x=i32(5, low=0, high=2), y=i32(5, low=0, high=2)
)
streaming(
    "accuracy_argmax",
    lambda tf, x, y: updated(tf.metrics.accuracy(tf.argmax(x, 1), tf.argmax(y, 1))),
    x=f32(6, 3),
    y=f32(6, 3),
)
for each in ("mean_absolute_error", "mean_squared_error", "root_mean_squared_error"):
    weighted(each, metric(each), FEW, x=f32(2, 3), y=f32(2, 3))
    streaming(each + "_tall", metric(each, name="e"), x=f32(3, 1), y=f32(3))
weighted("mean_cosine_distance", metric("mean_cosine_distance", 1), FEW, x=f32(2, 3), y=f32(2, 3))
streaming(
    "mean_relative_error",
    lambda tf, x, y, n: updated(tf.metrics.mean_relative_error(x, y, n)),
    x=f32(2, 3),
    y=f32(2, 3),
    n=given([[1.0, 2.0, 0.0], [3.0, 0.5, 1.0]]),
)
streaming(
    "mean_relative_error_weighted",
    lambda tf, x, y, n, w: updated(tf.metrics.mean_relative_error(x, y, n, w, name="r")),
    x=f32(2, 3),
    y=f32(2, 3),
    n=f32(2, 3, low=0.5),
    w=HEAVY["column"],
)
streaming("percentage_below", lambda tf, x: updated(tf.metrics.percentage_below(x, 0.5)), x=f32(2, 3))
streaming(
    "percentage_below_weighted",
    lambda tf, x, w: updated(tf.metrics.percentage_below(x, 0.5, weights=w, name="below")),
    x=f32(2, 3),
    w=HEAVY["full"],
)

# --- counts ---------------------------------------------------------------------------------------

TRUTHS = {"x": given([[0, 1, 1], [0, 0, 1]], "int32"), "y": given([[0, 1, 0], [1, 0, 1]], "int32")}
for each in (
    *("true_positives", "true_negatives", "false_positives", "false_negatives"),
    *("precision", "recall"),
):
    weighted(each, metric(each), dict(FEW, wider=given([[[0.5], [1.0], [2.0]]] * 2)), **TRUTHS)
    streaming(
        each + "_bool",
        metric(each, name="named"),
        x=given([True, False], "bool"),
        y=given([True, True], "bool"),
    )
    streaming(each + "_tall", metric(each), x=given([[1.0], [0.0]]), y=given([1.0, 1.0]))
    streaming(each + "_none", metric(each), x=given([0, 0], "int64"), y=given([0, 0], "int64"))

# --- thresholds -----------------------------------------------------------------------------------

CHANCES = {
    "x": given([[0, 1, 1], [0, 0, 1]], "int32"),
    "y": given([[0.1, 0.4, 0.7], [0.6, 0.0, 1.0]]),
}
LIMITS = [0.0, 0.25, 0.5, 1.0]
for each in (
    *("true_positives_at_thresholds", "true_negatives_at_thresholds", "false_positives_at_thresholds"),
    *("false_negatives_at_thresholds", "precision_at_thresholds", "recall_at_thresholds"),
):
    weighted(each, metric(each, LIMITS), FEW, **CHANCES)
    streaming(each + "_named", metric(each, LIMITS, name="at"), **CHANCES)
for each in ("sensitivity_at_specificity", "specificity_at_sensitivity"):
    weighted(each, metric(each, 0.6), FEW, **CHANCES)
    streaming(each + "_few", metric(each, 0.9, num_thresholds=5, name="few"), **CHANCES)
weighted("auc", metric("auc"), HEAVY, **CHANCES)
streaming("auc_flat", metric("auc"), x=given([True, False, True], "bool"), y=f64(3, low=0.0, high=1.0))
streaming("auc_tall", metric("auc"), x=given([1.0, 0.0, 1.0]), y=f32(3, 1, low=0.0, high=1.0))
for curve in ("ROC", "PR"):
    for method in ("trapezoidal", "careful_interpolation", "minoring", "majoring"):
        options = {"curve": curve, "summation_method": method, "num_thresholds": 9}
        streaming("auc_%s_%s" % (curve, method), metric("auc", **options), **CHANCES)
streaming("auc_thresholds", metric("auc", thresholds=[0.7, 0.2], name="area"), **CHANCES)

# --- classes --------------------------------------------------------------------------------------

KINDS = {"x": given([0, 1, 2, 2, 1, 3], "int64"), "y": given([0, 2, 2, 2, 1, 0], "int64")}
SURE = {"full": given([0.0, 1.0, 0.5, 2.0, 1.0, 1.0])}
for each in ("mean_iou", "mean_per_class_accuracy"):
    weighted(each, metric(each, 5), SURE, unknown_nodes=RANK, unknown=RANK, **KINDS)
    streaming(
        each + "_image",
        metric(each, 3, name="classes"),
        x=i32(2, 3, 2, low=0, high=3),
        y=i32(2, 3, 2, low=0, high=3),
        unknown=RANK,
    )
streaming(
    "mean_iou_image_weighted",
    metric("mean_iou", 3),
    x=i32(2, 3, low=0, high=3),
    y=i32(2, 3, low=0, high=3),
    w=f32(2, 3, low=0),
    unknown=RANK,
)

# --- the k best -----------------------------------------------------------------------------------

RANKED = {
    "x": given([[0, 2], [1, -1], [3, 0]], "int64"),
    "y": given([[0.4, 0.1, 0.3, 0.2], [0.3, 0.2, 0.4, 0.1], [0.1, 0.5, 0.25, 0.15]]),
}
BEST = {"x": RANKED["x"], "y": given([[0, 2, 1], [2, 0, 1], [1, 2, 3]], "int64")}
ROWS = {"scalar": given(0.5), "rows": given([0.5, 0.0, 2.0])}
ONE = given([0, 1, 3], "int64")
for each in ("precision", "recall"):
    at_k, at_top = each + "_at_k", each + "_at_top_k"
    weighted(at_k, metric(at_k, 2), ROWS, **RANKED)
    weighted(at_k + "_class", metric(at_k, 2, class_id=2), ROWS, **RANKED)
    streaming(at_k + "_one_label", metric(at_k, 2, name="best"), **dict(RANKED, x=ONE))
    weighted(at_top, metric(at_top), ROWS, **BEST)
    streaming(at_top + "_k", metric(at_top, k=3, class_id=1), **BEST)
    streaming(at_top + "_one_label", metric(at_top), **dict(BEST, x=ONE))
    streaming(
        at_top + "_i32", metric(at_top, 3), x=BEST["x"], y=given([[0, 2, 1], [2, 0, 1], [1, 2, 3]], "int32")
    )
weighted("average_precision_at_k", metric("average_precision_at_k", 3), ROWS, **RANKED)
streaming("average_precision_at_1", metric("average_precision_at_k", 1, name="map"), **RANKED)
streaming("average_precision_one_label", metric("average_precision_at_k", 2), **dict(RANKED, x=ONE))
streaming(
    "average_precision_out_of_range",
    metric("average_precision_at_k", 2),
    **dict(RANKED, x=given([[0, 9], [1, 4], [3, 0]], "int64")),
)
streaming("sparse_precision_at_k", metric("sparse_precision_at_k", 2), **RANKED)
streaming("sparse_average_precision_at_k", metric("sparse_average_precision_at_k", 2), **RANKED)


def sparse(function, *args, **keywords):
    """A metric whose labels are a sparse tensor of the class numbers x."""

    def build(tf, x, y):
        labels = tf.SparseTensor([[0, 0], [0, 1], [1, 0], [2, 0]], x, [3, 2])
        return updated(getattr(tf.metrics, function)(labels, y, *args, **keywords))

    return build


FLAT = dict(RANKED, x=given([0, 2, 1, 3], "int64"))
streaming("precision_at_k_sparse", sparse("precision_at_k", 2), **FLAT)
streaming("precision_at_k_sparse_class", sparse("precision_at_k", 2, class_id=2), **FLAT)
streaming("recall_at_k_sparse", sparse("recall_at_k", 2), **FLAT)
streaming("average_precision_at_k_sparse", sparse("average_precision_at_k", 3), **FLAT)
streaming("average_precision_at_1_sparse", sparse("average_precision_at_k", 1), **FLAT)

# --- errors ---------------------------------------------------------------------------------------

error("accuracy_shapes", metric("accuracy"), "ValueError", x=i32(3), y=i32(2))
error("mean_weights_shape", mean_of(), "ValueError", "can not be broadcast", x=f32(2, 3), w=f32(3, 2))
error("mean_weights_run", mean_of(), "InvalidArgumentError", when="run", x=f32(2, 3), w=f32(3, 2))
error("precision_weights", metric("precision"), "ValueError", x=i32(2, 3), y=i32(2, 3), w=f32(3, 2))
error("auc_curve", metric("auc", curve="AUC"), "ValueError", "curve must be either", **CHANCES)
error("auc_method", metric("auc", summation_method="most"), "ValueError", "Invalid summation", **CHANCES)
error(
    "auc_range",
    metric("auc"),
    "InvalidArgumentError",
    "must be in",
    when="run",
    x=i32(3),
    y=f32(3, low=2, high=3),
)
error("specificity", metric("sensitivity_at_specificity", 1.5), "ValueError", "range", **CHANCES)
error("sensitivity", metric("specificity_at_sensitivity", -0.5), "ValueError", "range", **CHANCES)
error("average_k", metric("average_precision_at_k", 0), "ValueError", "Invalid k", **RANKED)
error("top_k_rank", metric("precision_at_top_k"), "ValueError", "labels shape", x=i64(2), y=i64(2, 3, 4))
error(
    "iou_classes",
    lambda tf, x: updated(tf.metrics.mean_iou(tf.reshape(x, [6]), tf.reshape(x, [6]), 2)),
    "InvalidArgumentError",
    "out of bound",
    when="run",
    x=KINDS["x"],
)
