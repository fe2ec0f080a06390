"""Streaming counts of right and wrong truths, and what is made of them: precision and recall."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import control_dependencies
from reflow.model.metrics.common import Pair, matched_truths, metric_variable, published, streamed
from reflow.model.variable_scope import variable_scope
from reflow.ops.arithmetic import div, multiply
from reflow.ops.array import identity, rank
from reflow.ops.casting import cast
from reflow.ops.check import assert_type
from reflow.ops.comparison import equal, greater, logical_and
from reflow.ops.masks import where
from reflow.ops.rank_checks import assert_rank_in
from reflow.ops.reduction import reduce_sum
from reflow.ops.state import assign_add


def _counted(
    label: bool, prediction: bool, scope: str, inputs: tuple[Any, ...], collections: tuple[Any, Any]
) -> Pair:
    """How often a label is `label` where its prediction is `prediction`."""
    labels, predictions, weights, name = inputs
    with variable_scope(name, scope, (predictions, labels, weights)):
        predictions, labels, weights = matched_truths(predictions, labels, weights)
        hits = logical_and(equal(labels, label), equal(predictions, prediction))
        return _number_of(hits, weights, collections)


def _number_of(hits: Any, weights: Any, collections: tuple[Any, Any]) -> Pair:
    """The sum of weights where the condition holds."""
    assert_type(hits, dtypes.bool)
    count = metric_variable([], dtypes.float32, name="count")
    values = cast(hits, dtypes.float32)
    if weights is not None:
        with control_dependencies((assert_rank_in(weights, (0, rank(values))),)):
            weights = cast(weights, dtypes.float32)
            values = multiply(values, weights)
    value = identity(count)
    return published((value, assign_add(count, reduce_sum(values))), *collections)


def true_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are true, rightly.

    Args:
        labels, predictions: tensors of one shape, cast to booleans.
        weights: what each counts: a number, or a tensor of the labels' rank that broadcasts to them.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the variable scope.

    Returns the value and the update, float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.true_positives([1, 1, 0, 0], [1, 0, 1, 0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update), sess.run(update), sess.run(value))
    1.0 2.0 2.0
    """
    inputs = labels, predictions, weights, name
    return _counted(True, True, "true_positives", inputs, (metrics_collections, updates_collections))


def true_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are false, rightly. Arguments as of `true_positives`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.true_negatives([1, 0, 0, 0], [1, 0, 1, 0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    inputs = labels, predictions, weights, name
    return _counted(False, False, "true_negatives", inputs, (metrics_collections, updates_collections))


def false_positives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are true, wrongly. Arguments as of `true_positives`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.false_positives([1, 0, 0, 0], [1, 1, 1, 0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    inputs = labels, predictions, weights, name
    return _counted(False, True, "false_positives", inputs, (metrics_collections, updates_collections))


def false_negatives(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """How many predictions are false, wrongly. Arguments as of `true_positives`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.false_negatives([1, 1, 1, 0], [1, 0, 0, 0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    2.0
    """
    inputs = labels, predictions, weights, name
    return _counted(True, False, "false_negatives", inputs, (metrics_collections, updates_collections))


def share(parts: Any, name: str) -> Any:
    """The first of two counts over both; 0 if both are 0."""
    wanted, other = parts
    return where(greater(wanted + other, 0), div(wanted, wanted + other), 0, name)


def precision(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the true predictions that are right. Arguments as of `true_positives`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.precision([1, 1, 0, 0], [1, 1, 1, 1])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    with variable_scope(name, "precision", (predictions, labels, weights)):
        predictions, labels, weights = matched_truths(predictions, labels, weights)
        right = true_positives(labels, predictions, weights)
        wrong = false_positives(labels, predictions, weights)
        values, updates = zip(right, wrong, strict=True)
        return streamed(share, values, updates, metrics_collections, updates_collections)


def recall(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the true labels that are predicted. Arguments as of `true_positives`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.recall([1, 1, 1, 1], [1, 0, 0, 0])
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.25
    """
    with variable_scope(name, "recall", (predictions, labels, weights)):
        predictions, labels, weights = matched_truths(predictions, labels, weights)
        found = true_positives(labels, predictions, weights)
        missed = false_negatives(labels, predictions, weights)
        values, updates = zip(found, missed, strict=True)
        return streamed(share, values, updates, metrics_collections, updates_collections)
