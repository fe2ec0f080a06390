"""Streaming covariance and correlation."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import control_dependencies
from reflow.model.metrics.common import Pair, matched, metric_variable, published
from reflow.model.variable_scope import variable_scope
from reflow.ops import math
from reflow.ops.arithmetic import div_no_nan, multiply, truediv
from reflow.ops.array import size
from reflow.ops.casting import cast
from reflow.ops.comparison import less_equal
from reflow.ops.masks import where
from reflow.ops.reduction import reduce_sum
from reflow.ops.state import assign_add
from reflow.ops.weights import broadcast_weights


def streaming_covariance(
    predictions: Any,
    labels: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The unbiased covariance of predictions and labels, float32; NaN for less than two pairs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.contrib.metrics.streaming_covariance([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    with variable_scope(name, "covariance", (predictions, labels, weights)):
        predictions, labels, weights = matched(predictions, labels, weights)
        names = ("count", "mean_prediction", "mean_label", "comoment")
        variables = [metric_variable([], dtypes.float32, name=each) for each in names]
        number, *sums, weights = _weighted_pair(predictions, labels, weights)
        update = _comoment_update(variables, (predictions, labels), number, sums, weights)
        total, comoment = variables[0], variables[3]
        value = _unbiased(comoment, total, "covariance")
        with control_dependencies([update]):
            pair = value, _unbiased(comoment, total, "update_op")
    return published(pair, metrics_collections, updates_collections)


def _weighted_pair(predictions: Any, labels: Any, weights: Any) -> tuple[Any, ...]:
    """The sum of weights, predictions and labels times weights, and weights in their shape."""
    if weights is None:
        return cast(size(labels), dtypes.float32), predictions, labels, None
    weights = broadcast_weights(weights, labels)
    return reduce_sum(weights), multiply(predictions, weights), multiply(labels, weights), weights


def _moved_mean(mean: Any, values: Any, number: Any, total: Any) -> tuple[Any, Any]:
    """The mean of a batch, and the running mean before it; the update takes place between them."""
    batch = div_no_nan(reduce_sum(values), number)
    change = div_no_nan((batch - mean) * number, total)
    return batch, assign_add(mean, change) - change


def _comoment_update(variables: Any, pair: Any, number: Any, sums: Any, weights: Any) -> Any:
    total, mean_prediction, mean_label, comoment = variables
    more = assign_add(total, number)
    before = more - number
    batch_prediction, last_prediction = _moved_mean(mean_prediction, sums[0], number, more)
    batch_label, last_label = _moved_mean(mean_label, sums[1], number, more)
    residuals = (pair[0] - batch_prediction) * (pair[1] - batch_label)
    own = reduce_sum(residuals if weights is None else residuals * weights)
    shift = (last_prediction - batch_prediction) * (last_label - batch_label)
    return assign_add(comoment, own + shift * (before * number / more))


def _unbiased(comoment: Any, total: Any, name: str) -> Any:
    few = less_equal(total, 1.0)
    return where(few, float("nan"), truediv(comoment, total - 1), name=name)


def streaming_pearson_correlation(
    predictions: Any,
    labels: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The correlation coefficient of predictions and labels, float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, y = tf.constant([1.0, 2.0, 3.0]), tf.constant([-2.0, -4.0, -6.0])
    ...     value, update = tf.contrib.metrics.streaming_pearson_correlation(x, y)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    -1.0
    """
    with variable_scope(name, "pearson_r", (predictions, labels, weights)):
        predictions, labels, weights = matched(predictions, labels, weights)
        if weights is not None:
            weights = broadcast_weights(weights, labels)
        both = streaming_covariance(predictions, labels, weights, name="covariance")
        first = streaming_covariance(predictions, predictions, weights, name="variance_predictions")
        second = streaming_covariance(labels, labels, weights, name="variance_labels")
        names = ("pearson_r", "update_op")
        value, update = (_correlation(*parts) for parts in zip(both, first, second, names, strict=True))
    return published((value, update), metrics_collections, updates_collections)


def _correlation(covariance: Any, first: Any, second: Any, name: str) -> Any:
    return truediv(covariance, multiply(math.sqrt(first), math.sqrt(second)), name=name)
