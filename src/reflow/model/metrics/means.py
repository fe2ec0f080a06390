"""Streaming means: of values, of errors, of how often predictions are right."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import control_dependencies
from reflow.model.metrics.common import Pair, matched, metric_variable, published, streamed
from reflow.model.variable_scope import variable_scope
from reflow.ops import math
from reflow.ops.arithmetic import div, div_no_nan, maximum, multiply, squared_difference, subtract
from reflow.ops.array import ones_like, size, zeros_like
from reflow.ops.casting import cast
from reflow.ops.comparison import equal, less
from reflow.ops.confusion import remove_squeezable_dimensions
from reflow.ops.masks import where
from reflow.ops.reduction import reduce_sum
from reflow.ops.state import assign_add
from reflow.ops.weights import broadcast_weights


def _ratio(parts: Any, name: str) -> Any:
    total, count = parts
    return div_no_nan(total, maximum(count, 0), name=name)


def _weighted(values: Any, weights: Any) -> tuple[Any, Any]:
    """Values times weights, and the weights in the values' shape."""
    values, _, weights = matched(values, None, weights)
    weights = broadcast_weights(cast(weights, dtypes.float32), values)
    return multiply(values, weights), weights


def _accumulated(total: Any, count: Any, added: Any, values: Any, number: Any, *collections: Any) -> Pair:
    """The pair of the mean: `total` grows by `added`, `count` by `number` once the values are there."""
    more = assign_add(total, added)
    with control_dependencies([values]):
        further = assign_add(count, number)
    return streamed(_ratio, (total, count), (more, further), *collections)


def mean(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of all values seen, weighted; 0 before the first.

    Args:
        values: a tensor of numbers, which are cast to float32.
        weights: a number or a tensor that broadcasts to the values: of their rank, each dimension 1 or
            theirs. 0 leaves values out. InvalidArgumentError in the run, or ValueError, otherwise.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the variable scope, in which `total` and `count` are made.

    Returns the value and the update, scalars of float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [None])
    ...     value, update = tf.metrics.mean(x)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update, {x: [1.0, 3.0]}), sess.run(update, {x: [8.0]}), sess.run(value))
    2.0 4.0 4.0
    """
    with variable_scope(name, "mean", (values, weights)):
        values = cast(values, dtypes.float32)
        total = metric_variable([], dtypes.float32, name="total")
        count = metric_variable([], dtypes.float32, name="count")
        if weights is None:
            number = cast(size(values), dtypes.float32)
        else:
            values, weights = _weighted(values, weights)
            number = reduce_sum(weights)
        collections = metrics_collections, updates_collections
        return _accumulated(total, count, reduce_sum(values), values, number, *collections)


def mean_tensor(
    values: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of each element over the batches, whose static shape must be known. Arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [2])
    ...     value, update = tf.metrics.mean_tensor(x)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update, {x: [1.0, 3.0]}), sess.run(update, {x: [3.0, 4.0]}))
    [1. 3.] [2.  3.5]
    """
    with variable_scope(name, "mean", (values, weights)):
        values = cast(values, dtypes.float32)
        total = metric_variable(values.shape, dtypes.float32, name="total_tensor")
        count = metric_variable(values.shape, dtypes.float32, name="count_tensor")
        number = ones_like(values)
        if weights is not None:
            values, weights = _weighted(values, weights)
            number = multiply(number, weights)
        collections = metrics_collections, updates_collections
        return _accumulated(total, count, values, values, number, *collections)


def accuracy(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How often predictions equal labels.

    Predictions are cast to the type of the labels; either may have a last dimension of 1 too many. Other
    arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.accuracy([1, 2, 3, 4], [1, 2, 0, 4])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update), sess.run(value))
    0.75 0.75
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    if labels.dtype != predictions.dtype:
        predictions = cast(predictions, labels.dtype)
    right = cast(equal(predictions, labels), dtypes.float32)
    return mean(right, weights, metrics_collections, updates_collections, name or "accuracy")


def mean_absolute_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of how far predictions are from labels. Arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.mean_absolute_error([1.0, 2.0], [1.0, 5.0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    1.5
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    errors = math.abs(predictions - labels)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_absolute_error")


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of squared differences of predictions and labels. Arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.mean_squared_error([1.0, 2.0], [1.0, 4.0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    errors = squared_difference(labels, predictions)
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_squared_error")


def root_mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The square root of the mean squared error. Arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.root_mean_squared_error([1.0, 2.0], [3.0, 4.0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    squares = mean_squared_error(labels, predictions, weights, None, None, name or "root_mean_squared_error")
    pair = math.sqrt(squares[0]), math.sqrt(squares[1])
    return published(pair, metrics_collections, updates_collections)


def mean_relative_error(
    labels: Any,
    predictions: Any,
    normalizer: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean of absolute errors over `normalizer`, element by element; 0 where that is 0.

    `normalizer` has the shape of the predictions. Other arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.mean_relative_error([1.0, 2.0], [2.0, 4.0], [1.0, 4.0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.75
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    predictions, normalizer = remove_squeezable_dimensions(predictions, normalizer)
    predictions.shape.assert_is_compatible_with(normalizer.shape)
    is_zero, zero = equal(normalizer, 0.0), zeros_like(labels)
    errors = where(is_zero, zero, div(math.abs(labels - predictions), normalizer))
    return mean(errors, weights, metrics_collections, updates_collections, name or "mean_relative_error")


def mean_cosine_distance(
    labels: Any,
    predictions: Any,
    dim: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """1 minus the mean cosine of predictions and labels, unit vectors along dimension `dim`.

    Other arguments as of `mean`; the weights are those of the vectors.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.mean_cosine_distance([[1.0, 0.0]], [[0.0, 1.0]], 1)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    1.0
    """
    predictions, labels, weights = matched(predictions, labels, weights)
    cosines = reduce_sum(multiply(predictions, labels), axis=[dim], keepdims=True)
    similar = mean(cosines, weights, None, None, name or "mean_cosine_distance")
    pair = subtract(1.0, similar[0]), subtract(1.0, similar[1])
    return published(pair, metrics_collections, updates_collections)


def percentage_below(
    values: Any,
    threshold: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of values below a threshold, a scalar. Other arguments as of `mean`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.percentage_below([1.0, 2.0, 3.0, 4.0], 2.5)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    below = cast(less(values, threshold), dtypes.float32)
    name = name or "percentage_below_threshold"
    return mean(below, weights, metrics_collections, updates_collections, name)
