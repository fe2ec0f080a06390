"""tf.contrib.metrics: the older names, and what tf.metrics has not."""

from .cases_metrics import BEST, CHANCES, FEW, KINDS, LIMITS, RANKED, ROWS, SURE, TRUTHS, updated
from .table import Rows, f32, given, i64

rows = Rows("contrib_metrics")
case, error = rows.case, rows.error


def streaming(name, build, **inputs_and_options):
    case(name, build, **dict({"steps": 3, "grad": False}, **inputs_and_options))


def older(function, *args, **keywords):
    """The update of tf.contrib.metrics.<function> of predictions y and labels x, maybe weights w."""

    def build(tf, x, y, **weights):
        options = dict(keywords, **({"weights": weights["w"]} if weights else {}))
        return updated(getattr(tf.contrib.metrics, function)(y, x, *args, **options))

    return build


def newer(function, *args, **keywords):
    """The same of a function with labels first."""
    inner = older(function, *args, **keywords)
    return lambda tf, x, y, **weights: inner(tf, y, x, **weights)


def weighted(name, build, weights, **inputs_and_options):
    streaming(name, build, **inputs_and_options)
    for kind in sorted(weights):
        streaming(name + "_" + kind, build, w=weights[kind], **inputs_and_options)


PAIRS = {"x": f32(2, 3), "y": f32(2, 3)}
streaming("streaming_accuracy", older("streaming_accuracy"), **TRUTHS)
streaming("streaming_mean", lambda tf, x: updated(tf.contrib.metrics.streaming_mean(x)), x=f32(3))
streaming("streaming_auc", older("streaming_auc", None, 20), **CHANCES)
streaming("streaming_mean_cosine_distance", older("streaming_mean_cosine_distance", 1), **PAIRS)
for each in (
    "streaming_mean_absolute_error",
    "streaming_root_mean_squared_error",
    "streaming_mean_squared_error",
):
    streaming(each, older(each), **PAIRS)
for each in (
    "streaming_precision",
    "streaming_recall",
    "streaming_true_positives",
    "streaming_false_negatives",
):
    streaming(each, older(each), **TRUTHS)
for each in ("streaming_false_positive_rate", "streaming_false_negative_rate"):
    weighted(each, older(each), FEW, **TRUTHS)
for each in ("streaming_false_positive_rate_at_thresholds", "streaming_false_negative_rate_at_thresholds"):
    weighted(each, older(each, LIMITS, name="rate"), FEW, **CHANCES)
for each in ("true_positives", "true_negatives", "false_positives", "false_negatives"):
    weighted("%s_at" % each, older("streaming_%s_at_thresholds" % each, LIMITS), FEW, **CHANCES)
for each in ("streaming_sparse_precision_at_k", "streaming_sparse_recall_at_k"):
    streaming(each, older(each, 2), **RANKED)
for curve in ("ROC", "PR"):
    streaming(
        "curve_points_" + curve,
        lambda tf, x, y, curve=curve: points(
            tf, tf.contrib.metrics.streaming_curve_points(x, y, None, 5, curve=curve)
        ),
        steps=1,
        **CHANCES,
    )


def points(tf, pair):
    """The points before any batch, and the operation's name."""
    return pair[0], pair[1].name


weighted("f1_score", newer("f1_score"), FEW, **CHANCES)
weighted("precision_at_recall", newer("precision_at_recall", 0.6), FEW, **CHANCES)
weighted("recall_at_precision", newer("recall_at_precision", 0.6), FEW, **CHANCES)
streaming("recall_at_precision_strict", newer("recall_at_precision", 0.6, strict_mode=True), **CHANCES)
streaming(
    "streaming_recall_at_k", older("streaming_recall_at_k", 2), x=given([0, 1, 3], "int64"), y=RANKED["y"]
)
weighted("sparse_precision_at_top_k", older("streaming_sparse_precision_at_top_k"), ROWS, **BEST)
streaming("sparse_precision_at_top_k_class", older("streaming_sparse_precision_at_top_k", 2), **BEST)
streaming("sparse_recall_at_top_k", newer("sparse_recall_at_top_k", class_id=0), **BEST)
LAST = "the static size of the last dimension is how many predictions there are"
streaming(
    "sparse_average_precision_at_top_k",
    older("streaming_sparse_average_precision_at_top_k"),
    unknown=LAST,
    **BEST,
)
weighted("cohen_kappa", newer("cohen_kappa", 4), SURE, **KINDS)
streaming(
    "cohen_kappa_column", newer("cohen_kappa", 4), x=given([[0], [1]], "int64"), y=i64(2, low=0, high=4)
)
streaming("count", lambda tf, x: updated(tf.contrib.metrics.count(x)), x=f32(2, 3))
streaming(
    "count_weighted", lambda tf, x, w: updated(tf.contrib.metrics.count(x, w)), x=f32(2, 3), w=FEW["column"]
)
NO_SIZES = "the other sizes must be known"


def concat(**options):
    return lambda tf, x: updated_concat(tf, tf.contrib.metrics.streaming_concat(x, **options))


def updated_concat(tf, pair):
    return pair[1], pair[0].name, str(pair[0].shape)


streaming("concat", concat(), x=f32(3), unknown=NO_SIZES)
streaming("concat_axis", concat(axis=-1, name="all"), x=f32(2, 3), unknown=NO_SIZES)
streaming("concat_max", concat(max_size=4), x=f32(3, 2), unknown=NO_SIZES)
error("concat_axis", concat(axis=1), "ValueError", "not in", x=f32(3))
for each in ("streaming_covariance", "streaming_pearson_correlation"):
    weighted(each, older(each), FEW, rtol=1e-4, **PAIRS)
FEW_VALUES = [[0.5, 1.0, 2.0], [1.0, 1.0, 0.0]]
case("accuracy", lambda tf, x, y: tf.contrib.metrics.accuracy(y, x), grad=False, **TRUTHS)
case(
    "accuracy_weighted", lambda tf, x, y: tf.contrib.metrics.accuracy(y, x, FEW_VALUES), grad=False, **TRUTHS
)
case(
    "aggregate",
    lambda tf, x, y: [
        names(tf.contrib.metrics.aggregate_metrics(tf.metrics.mean(x), tf.metrics.mean(y))),
        names(tf.contrib.metrics.aggregate_metric_map({"x": tf.metrics.mean(x), "y": tf.metrics.mean(y)})),
    ],
    grad=False,
    **PAIRS,
)


def names(parts):
    return str([sorted(p.items()) if isinstance(p, dict) else p for p in parts])


error("accuracy", lambda tf, x, y: tf.contrib.metrics.accuracy(y, x), "ValueError", x=f32(2), y=f32(2))
error("aggregate_none", lambda tf: tf.contrib.metrics.aggregate_metrics(), "ValueError", "at least one")
error("kappa_classes", newer("cohen_kappa", 1), "ValueError", "num_classes", **KINDS)
error("recall_precision", newer("recall_at_precision", 1.5), "ValueError", "range", **CHANCES)
error("precision_recall", newer("precision_at_recall", 1.5), "ValueError", "range", **CHANCES)
