"""`tf.contrib.metrics`: the metrics of `tf.metrics` under their older names, predictions before labels, and
some more.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import control_dependencies, name_scope
from reflow.model.metrics import area, classes, counts, means, ranking, thresholds
from reflow.model.metrics.common import Pair, matched, matched_truths, metric_variable, published, streamed
from reflow.model.metrics.thresholds import (
    BEYOND,
    Counts,
    checked_counts,
    counts_at_thresholds,
    even_thresholds,
)
from reflow.model.variable_scope import variable_scope
from reflow.ops import math
from reflow.ops.arithmetic import div, div_no_nan, multiply
from reflow.ops.array import identity, ones_like, size
from reflow.ops.casting import cast
from reflow.ops.comparison import equal, greater_equal
from reflow.ops.confusion import confusion_matrix
from reflow.ops.control import group
from reflow.ops.control_flow import cond
from reflow.ops.diagonal import diag_part
from reflow.ops.joining import stack
from reflow.ops.reduction import argmax, argmin, reduce_max, reduce_mean, reduce_sum
from reflow.ops.shaping import squeeze
from reflow.ops.sorting import in_top_k
from reflow.ops.state import assign_add
from reflow.ops.weights import broadcast_weights

streaming_mean = means.mean
streaming_mean_tensor = means.mean_tensor
streaming_percentage_less = means.percentage_below


def _switched(metric: Callable[..., Pair], without: Sequence[str] = ()) -> Callable[..., Pair]:
    """The metric with its first two arguments, labels and predictions, the other way round."""
    own = inspect.signature(metric)
    labels, predictions, *others = [p for p in own.parameters.values() if p.name not in without]
    signature = own.replace(parameters=[predictions, labels, *others])

    def switched(*args: Any, **kwargs: Any) -> Pair:
        return metric(**signature.bind(*args, **kwargs).arguments)

    sparse = "sparse_" if metric.__name__.endswith("_at_k") else ""
    switched.__name__ = switched.__qualname__ = f"streaming_{sparse}{metric.__name__}"
    switched.__doc__ = f"`tf.metrics.{metric.__name__}` with the predictions before the labels."
    switched.__signature__ = signature  # type: ignore[attr-defined]
    return switched


streaming_true_positives = _switched(counts.true_positives)
streaming_true_negatives = _switched(counts.true_negatives)
streaming_false_positives = _switched(counts.false_positives)
streaming_false_negatives = _switched(counts.false_negatives)
streaming_accuracy = _switched(means.accuracy)
streaming_precision = _switched(counts.precision)
streaming_recall = _switched(counts.recall)
streaming_auc = _switched(area.auc, without=("summation_method", "thresholds"))
streaming_specificity_at_sensitivity = _switched(thresholds.specificity_at_sensitivity)
streaming_sensitivity_at_specificity = _switched(thresholds.sensitivity_at_specificity)
streaming_precision_at_thresholds = _switched(thresholds.precision_at_thresholds)
streaming_recall_at_thresholds = _switched(thresholds.recall_at_thresholds)
streaming_sparse_recall_at_k = _switched(ranking.recall_at_k)
streaming_sparse_precision_at_k = _switched(ranking.precision_at_k)
streaming_sparse_average_precision_at_k = _switched(ranking.average_precision_at_k)
streaming_mean_absolute_error = _switched(means.mean_absolute_error)
streaming_mean_relative_error = _switched(means.mean_relative_error)
streaming_mean_squared_error = _switched(means.mean_squared_error)
streaming_root_mean_squared_error = _switched(means.root_mean_squared_error)
streaming_mean_cosine_distance = _switched(means.mean_cosine_distance)
streaming_mean_iou = _switched(classes.mean_iou)


# Several metrics at once


def aggregate_metrics(*value_update_tuples: Pair) -> tuple[list[Any], list[Any]]:
    """The values and the updates of several metrics. ValueError without any.

    >>> aggregate_metrics(("value", "update"), ("other", "its update"))
    (['value', 'other'], ['update', 'its update'])
    """
    if not value_update_tuples:
        raise ValueError("Expected at least one value_tensor/update_op pair")
    values, updates = zip(*value_update_tuples, strict=True)
    return list(values), list(updates)


def aggregate_metric_map(names_to_tuples: dict[str, Pair]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values and the updates of several metrics, by their names.

    >>> aggregate_metric_map({"loss": ("value", "update")})
    ({'loss': 'value'}, {'loss': 'update'})
    """
    values, updates = zip(*names_to_tuples.values(), strict=True)
    return dict(zip(names_to_tuples, values, strict=True)), dict(zip(names_to_tuples, updates, strict=True))


# Of one batch


def accuracy(predictions: Any, labels: Any, weights: Any = None, name: str | None = None) -> Any:
    """The fraction of the predictions of a batch that equal their labels, which are no floats; weighted.

    Raises ValueError for labels of floats, or of another type than the predictions.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.metrics.accuracy(tf.constant([1, 2]), tf.constant([1, 3]))))
    0.5
    """
    if not (labels.dtype.is_integer or labels.dtype in (dtypes.bool, dtypes.string)):
        raise ValueError(f"Labels should have bool, integer, or string dtype, not {labels.dtype!r}")
    if not labels.dtype.is_compatible_with(predictions.dtype):
        raise ValueError(
            "Dtypes of predictions and labels should match. Given: "
            f"predictions ({predictions.dtype!r}) and labels ({labels.dtype!r})"
        )
    with name_scope(name, "accuracy", [predictions, labels]):
        right = cast(equal(predictions, labels), dtypes.float32)
        if weights is None:
            return reduce_mean(right)
        right = multiply(right, weights)
        number = multiply(weights, ones_like(right))
        total = reduce_sum(right)
        return div(total, reduce_sum(number))


# Counts and rates


def count(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many values were seen, or the sum of their weights. Arguments as of `tf.metrics.mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.count(tf.constant([5.0, 6.0]))
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update), sess.run(update))
    2.0 4.0
    """
    with variable_scope(name, "count", (values, weights)):
        total = metric_variable([], dtypes.float32, name="count")
        if weights is None:
            number = cast(size(values), dtypes.float32)
        else:
            values, _, weights = matched(cast(values, dtypes.float32), None, weights)
            number = reduce_sum(broadcast_weights(cast(weights, dtypes.float32), values))
        with control_dependencies([values]):
            update = assign_add(total, number)
        return published((identity(total), update), metrics_collections, updates_collections)


def _rate(
    wrong: Callable[..., Pair],
    right: Callable[..., Pair],
    default: str,
    inputs: tuple[Any, ...],
    collections: tuple[Any, Any],
) -> Pair:
    """One count over itself and another."""
    predictions, labels, weights, name = inputs
    with variable_scope(name, default, (predictions, labels, weights)):
        predictions, labels, weights = matched_truths(predictions, labels, weights)
        pairs = wrong(labels, predictions, weights), right(labels, predictions, weights)
        values, updates = zip(*pairs, strict=True)
        return streamed(counts.share, values, updates, *collections)


def streaming_false_positive_rate(
    predictions: Any,
    labels: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the false labels that are predicted to be true.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.streaming_false_positive_rate([1, 0, 1], [0, 0, 1])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    inputs, collections = (predictions, labels, weights, name), (metrics_collections, updates_collections)
    kinds = counts.false_positives, counts.true_negatives
    return _rate(*kinds, "false_positive_rate", inputs, collections)


def streaming_false_negative_rate(
    predictions: Any,
    labels: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the true labels that are predicted to be false.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.streaming_false_negative_rate([1, 0, 1], [1, 1, 1])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.333
    """
    inputs, collections = (predictions, labels, weights, name), (metrics_collections, updates_collections)
    kinds = counts.false_negatives, counts.true_positives
    return _rate(*kinds, "false_negative_rate", inputs, collections)


# At thresholds


def _counts(
    predictions: Any, labels: Any, limits: Sequence[float], weights: Any, keys: Sequence[str] | None = None
) -> tuple[Counts, Counts]:
    """Counts at thresholds of predictions that need not be in [0, 1]."""
    predictions, labels, weights = matched(predictions, labels, weights)
    return checked_counts(labels, predictions, limits, weights, keys)


def _counter(key: str) -> Callable[..., Pair]:
    def counter(predictions: Any, labels: Any, thresholds: Sequence[float], weights: Any = None) -> Pair:
        values, updates = _counts(predictions, labels, thresholds, weights, (key,))
        return values[key], updates[key]

    what = thresholds.COUNTS[key][0]
    counter.__name__ = counter.__qualname__ = f"streaming_{what}_at_thresholds"
    counter.__doc__ = f"The {what.replace('_', ' ')} at each threshold: the variable and its update."
    return counter


streaming_true_positives_at_thresholds = _counter("tp")
streaming_true_negatives_at_thresholds = _counter("tn")
streaming_false_positives_at_thresholds = _counter("fp")
streaming_false_negatives_at_thresholds = _counter("fn")


def streaming_false_positive_rate_at_thresholds(
    predictions: Any,
    labels: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the false labels whose prediction is above each threshold.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     chances = tf.constant([0.2, 0.7, 0.4])
    ...     rate = tf.contrib.metrics.streaming_false_positive_rate_at_thresholds
    ...     value, update = rate(chances, tf.constant([0, 0, 1]), [0.1, 0.5])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    [1.  0.5]
    """
    with variable_scope(name, "false_positive_rate_at_thresholds", (predictions, labels, weights)):
        counted = _counts(predictions, labels, thresholds, weights, ("fp", "tn"))
        rate = _quotient("fp", "tn", "fpr_")
        return streamed(rate, *counted, metrics_collections, updates_collections)


def streaming_false_negative_rate_at_thresholds(
    predictions: Any,
    labels: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the true labels whose prediction is not above each threshold.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     chances = tf.constant([0.2, 0.7, 0.4])
    ...     rate = tf.contrib.metrics.streaming_false_negative_rate_at_thresholds
    ...     value, update = rate(chances, tf.constant([1, 1, 0]), [0.1, 0.5])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    [0.  0.5]
    """
    with variable_scope(name, "false_negative_rate_at_thresholds", (predictions, labels, weights)):
        counted = _counts(predictions, labels, thresholds, weights, ("fn", "tp"))
        rate = _quotient("fn", "tp", "fnr_")
        return streamed(rate, *counted, metrics_collections, updates_collections)


_quotient = thresholds.quotient


def _all_thresholds(number: int) -> list[float]:
    return [0.0 - BEYOND, *even_thresholds(number), 1.0 + BEYOND]


def f1_score(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The best harmonic mean of precision and recall over thresholds. Arguments as of `tf.metrics.auc`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.f1_score([0, 1, 1], tf.constant([0.6, 0.5, 0.9]))
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.8
    """
    with variable_scope(name, "f1", (labels, predictions, weights)):
        predictions, labels, weights = matched(predictions, labels, weights)
        limits = _all_thresholds(num_thresholds)
        values, updates = counts_at_thresholds(labels, predictions, limits, weights, ("tp", "fp", "fn"))
        pair = _best_f1(values, "value"), _best_f1(updates, "update")
        return published(pair, metrics_collections, updates_collections)


def _best_f1(counted: Counts, name: str) -> Any:
    precisions = _quotient("tp", "fp", "precision_")(counted, name)
    recalls = _quotient("tp", "fn", "recall_")(counted, name)
    return reduce_max(2.0 * precisions * recalls / (precisions + recalls + BEYOND))


def streaming_curve_points(
    labels: Any = None,
    predictions: Any = None,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
) -> Pair:
    """The points of the "ROC" or "PR" curve, `[num_thresholds, 2]`, and an operation that adds a batch.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels, predictions = tf.constant([0, 1]), tf.constant([0.2, 0.7])
    ...     points, update = tf.contrib.metrics.streaming_curve_points(labels, predictions, num_thresholds=3)
    ...     sess.run(tf.local_variables_initializer())
    ...     sess.run(update)
    ...     print(sess.run(points).round(3).tolist())
    [[1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    with variable_scope(name, "curve_points", (labels, predictions, weights)):
        area.check_curve(curve)
        values, updates = _counts(predictions, labels, _all_thresholds(num_thresholds), weights)
        points = stack(area.curve_points(values, curve), axis=1)
        return published((points, group(*updates.values())), metrics_collections, updates_collections)


def precision_at_recall(
    labels: Any,
    predictions: Any,
    target_recall: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The precision at the highest threshold whose recall is at least `target_recall`, in [0, 1].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     predictions = tf.constant([0.6, 0.5, 0.9])
    ...     value, update = tf.contrib.metrics.precision_at_recall([0, 1, 1], predictions, 0.9)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.667
    """
    if target_recall < 0 or target_recall > 1:
        raise ValueError("`target_recall` must be in the range [0, 1].")

    def compute(counted: Counts, name: str) -> Any:
        tp, fp, fn = counted["tp"], counted["fp"], counted["fn"]
        enough = cast(greater_equal(div(tp, tp + fn + BEYOND), target_recall), dtypes.int64)
        last = reduce_sum(enough) - 1
        return div(tp[last] + BEYOND, tp[last] + fp[last] + BEYOND, name)

    with variable_scope(name, "precision_at_recall", (predictions, labels, weights)):
        counted = _counts(predictions, labels, _all_thresholds(num_thresholds), weights)
        return streamed(compute, *counted, metrics_collections, updates_collections)


def recall_at_precision(
    labels: Any,
    predictions: Any,
    precision: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
    strict_mode: bool = False,
) -> Pair:
    """The recall at the threshold whose precision is nearest `precision`, in [0, 1].

    With `strict_mode` the precision must be at least that much; 0 if it never is.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     predictions = tf.constant([0.6, 0.5, 0.9])
    ...     value, update = tf.contrib.metrics.recall_at_precision([0, 1, 1], predictions, 1.0)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.5
    """
    if not 0 <= precision <= 1:
        raise ValueError("`precision` must be in the range [0, 1].")

    def compute(counted: Counts, name: str) -> Any:
        tp, fp, fn = counted["tp"], counted["fp"], counted["fn"]
        precisions = div(tp, tp + fp + BEYOND)
        if not strict_mode:
            nearest = argmin(math.abs(precisions - precision), 0, output_type=dtypes.int32)
            return _recall_at(nearest, tp, fn, name)
        best = argmax(div(1.0, precisions - precision + BEYOND), 0, output_type=dtypes.int32)
        good = precisions[best] >= precision
        return cond(good, lambda: _recall_at(best, tp, fn, name), lambda: 0.0)

    with variable_scope(name, "recall_at_precision", (predictions, labels, weights)):
        counted = _counts(predictions, labels, _all_thresholds(num_thresholds), weights)
        return streamed(compute, *counted, metrics_collections, updates_collections)


def _recall_at(place: Any, tp: Any, fn: Any, name: str) -> Any:
    return div(tp[place], tp[place] + fn[place] + BEYOND, name)


# The k best


def streaming_recall_at_k(
    predictions: Any,
    labels: Any,
    k: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How often the label, one for each row, is among the k classes predicted best.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.streaming_recall_at_k([[0.1, 0.9], [0.8, 0.2]], [1, 1], 1)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    hits = cast(in_top_k(predictions, labels, k), dtypes.float32)
    return means.mean(
        hits, weights, metrics_collections, updates_collections, name or ranking.named("recall", k)
    )


def streaming_sparse_precision_at_top_k(
    top_k_predictions: Any,
    labels: Any,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """`tf.metrics.precision_at_top_k` with the predictions before the labels.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     best = tf.constant([[0, 2], [1, 3]], tf.int64)
    ...     labels = tf.constant([[0, 1], [3, 1]], tf.int64)
    ...     value, update = tf.contrib.metrics.streaming_sparse_precision_at_top_k(best, labels)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.75
    """
    default = ranking.named("precision", class_id=class_id)
    with name_scope(name, default, (top_k_predictions, labels, weights)) as scope:
        options = class_id, weights, metrics_collections, updates_collections, scope
        return ranking.precision_at_top_k(labels, top_k_predictions, None, *options)


def sparse_recall_at_top_k(
    labels: Any,
    top_k_predictions: Any,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """`tf.metrics.recall_at_top_k`, without its `k`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     best = tf.constant([[0, 2], [1, 3]], tf.int64)
    ...     labels = tf.constant([[0, 1], [3, 1]], tf.int64)
    ...     value, update = tf.contrib.metrics.sparse_recall_at_top_k(labels, best)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.75
    """
    default = ranking.named("recall", class_id=class_id)
    with name_scope(name, default, (top_k_predictions, labels, weights)) as scope:
        options = class_id, weights, metrics_collections, updates_collections, scope
        return ranking.recall_at_top_k(labels, top_k_predictions, None, *options)


def streaming_sparse_average_precision_at_top_k(
    top_k_predictions: Any,
    labels: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean average precision of the classes predicted for each row, int64 `[..., k]`, best first.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     best = tf.constant([[0, 2], [1, 3]], tf.int64)
    ...     labels = tf.constant([[0, 1], [3, 1]], tf.int64)
    ...     metric = tf.contrib.metrics.streaming_sparse_average_precision_at_top_k
    ...     value, update = metric(best, labels)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.75
    """
    options = weights, metrics_collections, updates_collections, name
    return ranking.streaming_average_precision(labels, top_k_predictions, *options)


# Agreement


def cohen_kappa(
    labels: Any,
    predictions_idx: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How much labels and predictions agree beyond chance: Cohen's kappa, float64.

    `labels` and `predictions_idx` are class numbers, vectors or columns; `weights` a vector or column.
    ValueError for fewer than 2 classes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels, predictions = tf.constant([0, 0, 1, 1]), tf.constant([0, 1, 1, 1])
    ...     value, update = tf.contrib.metrics.cohen_kappa(labels, predictions, 2)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    if num_classes < 2:
        raise ValueError(f"`num_classes` must be >= 2. Found: {num_classes}")
    with variable_scope(name, "cohen_kappa", (labels, predictions_idx, weights)):
        labels.shape.with_rank_at_most(2)
        if labels.shape.ndims == 2:
            labels = squeeze(labels, axis=[-1])
        predictions, labels, weights = matched(predictions_idx, labels, weights)
        dtype = dtypes.int64 if weights is None or weights.dtype.is_integer else dtypes.float32
        names = ("po", "pe_row", "pe_col")
        values = [metric_variable((num_classes,), dtype, name=each) for each in names]
        table = confusion_matrix(labels, predictions, num_classes, dtype, "counts_in_table", weights)
        batch = [diag_part(table), reduce_sum(table, axis=0), reduce_sum(table, axis=1)]
        updates = [assign_add(v, more) for v, more in zip(values, batch, strict=True)]
        return streamed(_kappa, values, updates, metrics_collections, updates_collections)


def _kappa(parts: Any, name: str) -> Any:
    agreeing, of_rows, of_columns = parts
    agreed, total = reduce_sum(agreeing), reduce_sum(of_rows)
    by_chance = cast(of_rows * of_columns, dtypes.float64)
    expected = reduce_sum(div_no_nan(by_chance, cast(total, dtypes.float64)))
    agreed, total = cast(agreed, dtypes.float64), cast(total, dtypes.float64)
    return div_no_nan(agreed - expected, total - expected, name=name)
