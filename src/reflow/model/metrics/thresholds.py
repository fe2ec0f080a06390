"""Streaming counts of right and wrong predictions at several thresholds, and what is made of them.

A prediction, a number between 0 and 1, is positive at a threshold when it is above it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import constant, control_dependencies
from reflow.model.metrics.common import Pair, matched, metric_variable, published, streamed
from reflow.model.variable_scope import variable_scope
from reflow.ops import math
from reflow.ops.arithmetic import div
from reflow.ops.array import identity, shape
from reflow.ops.casting import cast
from reflow.ops.check import assert_greater_equal, assert_less_equal
from reflow.ops.comparison import equal, greater, logical_and, logical_not
from reflow.ops.joining import stack
from reflow.ops.padding import tile
from reflow.ops.reduction import argmax, argmin, reduce_min, reduce_sum
from reflow.ops.sequences import cumsum
from reflow.ops.shaping import expand_dims, reshape, transpose
from reflow.ops.state import assign_add
from reflow.ops.weights import broadcast_weights

BEYOND = 1e-7  # how far the outermost thresholds lie outside of [0, 1]; keeps quotients from 0 / 0 as well
RANGE = "predictions must be in [0, 1]"
COUNTS = {  # key: the variable's name, whether the label and whether the prediction is positive
    "tp": ("true_positives", True, True),
    "fn": ("false_negatives", True, False),
    "tn": ("true_negatives", False, False),
    "fp": ("false_positives", False, True),
}
Counts = dict[str, Any]


def even_thresholds(number: int) -> list[float]:
    """Evenly spaced thresholds between 0 and 1, without both."""
    return [(i + 1) * 1.0 / (number - 1) for i in range(number - 2)]


def _within(predictions: Any) -> list[Any]:
    """Checks that predictions are in [0, 1]."""
    least = cast(0.0, predictions.dtype)
    lower = assert_greater_equal(predictions, least, message=RANGE)
    most = cast(1.0, predictions.dtype)
    return [lower, assert_less_equal(predictions, most, message=RANGE)]


def counts_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any,
    keys: Sequence[str] | None = None,
) -> tuple[Counts, Counts]:
    """Variables and updates, by key, of the weights of each kind of prediction at each threshold."""
    with control_dependencies(_within(predictions)):
        predictions = cast(predictions, dtypes.float32)
        predictions, labels, weights = matched(predictions, cast(labels, dtypes.bool), weights)
    return checked_counts(labels, predictions, thresholds, weights, keys)


def checked_counts(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any,
    keys: Sequence[str] | None = None,
) -> tuple[Counts, Counts]:
    """The counts of predictions and labels of one shape: a row for each threshold."""
    keys = tuple(COUNTS if keys is None else keys)
    column = reshape(predictions, [-1, 1])
    row = reshape(cast(labels, dtypes.bool), [1, -1])
    limits = _in_rows(thresholds, column)
    rows = [len(thresholds), 1]
    positive = greater(tile(transpose(column), rows), limits)
    negative = logical_not(positive) if {"fn", "tn"} & set(keys) else None
    truth = tile(row, rows)
    untruth = logical_not(truth) if {"fp", "tn"} & set(keys) else None
    tiled = _weights_in_rows(weights, predictions, rows)
    values, updates = {}, {}
    for key in (k for k in COUNTS if k in keys):
        name, label, prediction = COUNTS[key]
        sides = truth if label else untruth, positive if prediction else negative
        values[key], updates[key] = _accumulated(name, len(thresholds), sides, tiled)
    return values, updates


def _in_rows(thresholds: Sequence[float], column: Any) -> Any:
    """A row of each threshold, as long as the column."""
    number = column.shape.ints[0]
    if number is None:
        number = shape(column)[0]
    return tile(expand_dims(constant(thresholds), [1]), stack([1, number]))


def _weights_in_rows(weights: Any, predictions: Any, rows: list[int]) -> Any:
    if weights is None:
        return None
    weights = broadcast_weights(cast(weights, dtypes.float32), predictions)
    return tile(reshape(weights, [1, -1]), rows)


def _accumulated(name: str, number: int, sides: tuple[Any, Any], weights: Any) -> Pair:
    """A variable and its update by how often both sides hold."""
    variable = metric_variable([number], dtypes.float32, name=name)
    hits = cast(logical_and(*sides), dtypes.float32)
    if weights is not None:
        hits = hits * weights
    return variable, assign_add(variable, reduce_sum(hits, 1))


def _counted(key: str, inputs: tuple[Any, ...], collections: tuple[Any, Any]) -> Pair:
    labels, predictions, thresholds, weights, name = inputs
    with variable_scope(name, COUNTS[key][0], (predictions, labels, weights)):
        values, updates = counts_at_thresholds(labels, predictions, thresholds, weights, (key,))
        return published((identity(values[key]), updates[key]), *collections)


def true_positives_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are above each threshold, rightly.

    Args:
        labels: a tensor of the predictions' shape, cast to booleans.
        predictions: a floating-point tensor of numbers in [0, 1]; InvalidArgumentError in the run otherwise.
        thresholds: a list of floats in [0, 1].
        weights: what each counts: a number, or a tensor of the labels' rank that broadcasts to them.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the variable scope.

    Returns the value and the update, vectors of float32, one number for each threshold.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.true_positives_at_thresholds(
    ...         [1, 1, 0], tf.constant([0.2, 0.7, 0.9]), [0.1, 0.5, 0.8])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    [2. 1. 0.]
    """
    inputs = labels, predictions, thresholds, weights, name
    return _counted("tp", inputs, (metrics_collections, updates_collections))


def true_negatives_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are not above each threshold, rightly; see `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.true_negatives_at_thresholds(
    ...         [0, 0, 1], tf.constant([0.2, 0.7, 0.9]), [0.1, 0.5, 0.8])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    [0. 1. 2.]
    """
    inputs = labels, predictions, thresholds, weights, name
    return _counted("tn", inputs, (metrics_collections, updates_collections))


def false_positives_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are above each threshold, wrongly; see `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.false_positives_at_thresholds(
    ...         [0, 0, 1], tf.constant([0.2, 0.7, 0.9]), [0.1, 0.5, 0.8])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    [2. 1. 0.]
    """
    inputs = labels, predictions, thresholds, weights, name
    return _counted("fp", inputs, (metrics_collections, updates_collections))


def false_negatives_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are not above each threshold, wrongly; see `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.false_negatives_at_thresholds(
    ...         [1, 1, 0], tf.constant([0.2, 0.7, 0.9]), [0.1, 0.5, 0.8])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    [0. 1. 2.]
    """
    inputs = labels, predictions, thresholds, weights, name
    return _counted("fn", inputs, (metrics_collections, updates_collections))


def quotient(wanted: str, other: str, prefix: str) -> Callable[[Counts, str], Any]:
    """The first of two counts over both, in a node whose name has a prefix."""

    def compute(counts: Counts, name: str) -> Any:
        return div(counts[wanted], BEYOND + counts[wanted] + counts[other], name=prefix + name)

    return compute


def _quotients(
    keys: tuple[str, str], default: str, prefix: str, inputs: tuple[Any, ...], collections: tuple[Any, Any]
) -> Pair:
    labels, predictions, thresholds, weights, name = inputs
    with variable_scope(name, default, (predictions, labels, weights)):
        counts = counts_at_thresholds(labels, predictions, thresholds, weights, keys)
        return streamed(quotient(*keys, prefix), *counts, *collections)


def precision_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the predictions above each threshold that are right.

    Arguments as of `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.precision_at_thresholds([1, 0], tf.constant([0.2, 0.7]), [0.1, 0.5])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    [0.5 0. ]
    """
    inputs, collections = (
        (labels, predictions, thresholds, weights, name),
        (
            metrics_collections,
            updates_collections,
        ),
    )
    return _quotients(("tp", "fp"), "precision_at_thresholds", "precision_", inputs, collections)


def recall_at_thresholds(
    labels: Any,
    predictions: Any,
    thresholds: Sequence[float],
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the true labels whose prediction is above each threshold.

    Arguments as of `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.recall_at_thresholds([1, 1], tf.constant([0.2, 0.7]), [0.1, 0.5])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    [1.  0.5]
    """
    inputs, collections = (
        (labels, predictions, thresholds, weights, name),
        (
            metrics_collections,
            updates_collections,
        ),
    )
    return _quotients(("tp", "fn"), "recall_at_thresholds", "recall_", inputs, collections)


def _share_at(place: Any, wanted: Any, other: Any, name: str) -> Any:
    """The first of two counts over both, at one threshold."""
    place = cast(place, dtypes.int32)
    return div(wanted[place], wanted[place] + other[place] + BEYOND, name)


def sensitivity_at_specificity(
    labels: Any,
    predictions: Any,
    specificity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The recall of true labels at the threshold whose recall of false ones is nearest `specificity`.

    Args:
        specificity: a number in [0, 1]; ValueError otherwise.
        num_thresholds: how many thresholds are tried.

    Other arguments as of `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.sensitivity_at_specificity(
    ...         [0, 0, 1, 1], tf.constant([0.1, 0.4, 0.3, 0.8]), 1.0)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.5
    """
    if specificity < 0 or specificity > 1:
        raise ValueError("`specificity` must be in the range [0, 1].")

    def compute(counts: Counts, name: str) -> Any:
        negatives = counts["tn"], counts["tn"] + counts["fp"] + BEYOND
        nearest = argmin(math.abs(div(*negatives) - specificity), 0)
        return _share_at(nearest, counts["tp"], counts["fn"], name)

    with variable_scope(name, "sensitivity_at_specificity", (predictions, labels, weights)):
        thresholds = [0.0 - BEYOND, *even_thresholds(num_thresholds), 1.0 + BEYOND]
        counts = counts_at_thresholds(labels, predictions, thresholds, weights)
        return streamed(compute, *counts, metrics_collections, updates_collections)


def specificity_at_sensitivity(
    labels: Any,
    predictions: Any,
    sensitivity: float,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The recall of false labels at the threshold whose recall of true ones is nearest `sensitivity`.

    Args:
        sensitivity: a number in [0, 1]; ValueError otherwise.
        num_thresholds: how many thresholds are tried; of several as near the highest is taken.

    Other arguments as of `true_positives_at_thresholds`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.specificity_at_sensitivity(
    ...         [0, 0, 1, 1], tf.constant([0.1, 0.4, 0.3, 0.8]), 1.0)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.5
    """
    if sensitivity < 0 or sensitivity > 1:
        raise ValueError("`sensitivity` must be in the range [0, 1].")

    def compute(counts: Counts, name: str) -> Any:
        found = div(counts["tp"], counts["tp"] + counts["fn"] + BEYOND)
        least = reduce_min(math.abs(found - sensitivity))
        nearest = cast(equal(math.abs(found - sensitivity), least), dtypes.int64)
        last = argmax(cumsum(nearest), 0)
        return _share_at(last, counts["tn"], counts["fp"], name)

    with variable_scope(name, "specificity_at_sensitivity", (predictions, labels, weights)):
        thresholds = [0.0 - BEYOND, *even_thresholds(num_thresholds), 1.0 - BEYOND]
        counts = counts_at_thresholds(labels, predictions, thresholds, weights)
        return streamed(compute, *counts, metrics_collections, updates_collections)
