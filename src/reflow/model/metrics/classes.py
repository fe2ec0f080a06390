"""Streaming metrics class by class: accuracy, and intersection over union."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import convert_to_tensor
from reflow.model.metrics.common import Pair, metric_variable, published
from reflow.model.variable_scope import variable_scope
from reflow.ops.arithmetic import div, div_no_nan, maximum
from reflow.ops.array import ones, ones_like, size
from reflow.ops.casting import cast
from reflow.ops.comparison import equal, greater, not_equal
from reflow.ops.confusion import confusion_matrix
from reflow.ops.diagonal import diag_part
from reflow.ops.masks import where
from reflow.ops.reduction import reduce_mean, reduce_sum
from reflow.ops.shaping import reshape
from reflow.ops.state import assign_add, scatter_add


def _flat(x: Any) -> Any:
    """`x` as a vector."""
    ndims = x.shape.ndims
    return reshape(x, [-1]) if ndims is None or ndims > 1 else x


def mean_per_class_accuracy(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The accuracy within each class of labels, averaged over the classes.

    Args:
        labels, predictions: tensors of class numbers of one shape.
        num_classes: how many classes there are.
        weights: what each counts: a number, or a tensor of the labels' shape.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the variable scope.

    Returns the value, a scalar of float32, and the update, which gives the accuracy of each class.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.mean_per_class_accuracy([0, 1, 1], tf.constant([0, 1, 0]), 2)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update), sess.run(value))
    [1.  0.5] 0.75
    """
    with variable_scope(name, "mean_accuracy", (predictions, labels, weights)):
        labels = _flat(cast(labels, dtypes.int64))
        predictions = _flat(convert_to_tensor(predictions))
        predictions.shape.assert_is_compatible_with(labels.shape)
        total = metric_variable([num_classes], dtypes.float32, name="total")
        count = metric_variable([num_classes], dtypes.float32, name="count")
        present = ones([size(labels)], dtypes.float32)
        if labels.dtype != predictions.dtype:
            predictions = cast(predictions, labels.dtype)
        right = cast(equal(predictions, labels), dtypes.float32)
        if weights is not None:
            weights = cast(_flat(convert_to_tensor(weights)), dtypes.float32)
            right, present = right * weights, present * weights
        present = scatter_add(total, labels, present)
        right = scatter_add(count, labels, right)
        each = div_no_nan(count, maximum(total, 0))
        value = reduce_mean(each, name="mean_accuracy")
        update = div_no_nan(right, maximum(present, 0), name="update_op")
        return published((value, update), metrics_collections, updates_collections)


def _streaming_confusion(labels: Any, predictions: Any, num_classes: int, weights: Any) -> Pair:
    """A confusion matrix of float64, and its update."""
    total = metric_variable([num_classes, num_classes], dtypes.float64, name="total_confusion_matrix")
    predictions, labels = cast(predictions, dtypes.int64), cast(labels, dtypes.int64)
    number = cast(num_classes, dtypes.int64)
    predictions, labels = _flat(predictions), _flat(labels)
    if weights is not None:
        weights = _flat(convert_to_tensor(weights))
    current = confusion_matrix(labels, predictions, number, weights=weights, dtype=dtypes.float64)
    return total, assign_add(total, current)


def _mean_overlap(matrix: Any) -> Any:
    """The mean over the classes that occur of intersection over union."""
    rows = cast(reduce_sum(matrix, 0), dtypes.float32)
    columns = cast(reduce_sum(matrix, 1), dtypes.float32)
    common = cast(diag_part(matrix), dtypes.float32)
    union = rows + columns - common
    occurring = reduce_sum(cast(not_equal(union, 0), dtypes.float32))
    union = where(greater(union, 0), union, ones_like(union))
    each = div(common, union)
    return where(greater(occurring, 0), reduce_sum(each, name="mean_iou") / occurring, 0)


def mean_iou(
    labels: Any,
    predictions: Any,
    num_classes: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean over the classes of intersection over union: of the elements labelled and predicted so.

    Arguments as of `mean_per_class_accuracy`. Returns the value, a scalar of float32, and the update, which
    gives the confusion matrix.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels, predictions = tf.constant([0, 1, 1, 1]), tf.constant([0, 1, 0, 0])
    ...     value, update = tf.metrics.mean_iou(labels, predictions, 2)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).tolist(), sess.run(value).round(3))
    [[1.0, 0.0], [2.0, 1.0]] 0.333
    """
    with variable_scope(name, "mean_iou", (predictions, labels, weights)):
        predictions, labels = convert_to_tensor(predictions), convert_to_tensor(labels)
        predictions.shape.assert_is_compatible_with(labels.shape)
        total, update = _streaming_confusion(labels, predictions, num_classes, weights)
        return published((_mean_overlap(total), update), metrics_collections, updates_collections)
