"""Streaming metrics of the k best predictions: precision, recall and average precision at k.

Labels are class numbers (int64), several for each row: a tensor `[..., number of labels]`, where numbers out
of range do not count, a sparse tensor, or a tensor `[...]` of one label for each row.
"""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.composite import SparseTensor, convert_to_tensor_or_sparse_tensor
from reflow.graph.graph import control_dependencies, name_scope
from reflow.model.metrics.common import Pair, metric_variable, published
from reflow.ops.arithmetic import add, div, div_no_nan, minimum, multiply
from reflow.ops.array import fill, ones_like, rank, shape, size, zeros_like
from reflow.ops.broadcasting import kept_shape
from reflow.ops.casting import cast
from reflow.ops.comparison import equal, greater_equal
from reflow.ops.control_flow import cond
from reflow.ops.joining import concat
from reflow.ops.masks import where_v2
from reflow.ops.padding import tile
from reflow.ops.reduction import reduce_max, reduce_sum
from reflow.ops.sequences import cumsum
from reflow.ops.set_operations import set_difference, set_intersection, set_size
from reflow.ops.shaping import expand_dims, reshape
from reflow.ops.slicing import slice as part_of
from reflow.ops.sorting import top_k
from reflow.ops.sparse_joining import sparse_concat
from reflow.ops.sparse_layout import sparse_reshape, sparse_retain
from reflow.ops.state import assign_add
from reflow.ops.weights import assert_broadcastable, broadcast_weights

KINDS = {  # the rows of predictions and labels of which the elements count
    "true_positive": lambda predictions, labels: set_intersection(predictions, labels),
    "false_positive": lambda predictions, labels: set_difference(predictions, labels, aminusb=True),
    "false_negative": lambda predictions, labels: set_difference(predictions, labels, aminusb=False),
}


def named(name: str, k: int | None = None, class_id: int | None = None) -> str:
    name = f"{name}_at_k" if k is None else f"{name}_at_{k:d}"
    return name if class_id is None else f"{name}_class{class_id:d}"


def expanded_labels(labels: Any, predictions: Any) -> Any:
    """Labels of the rank of the predictions: one for each row becomes a row of one."""
    with name_scope(None, "expand_labels", (labels, predictions)) as scope:
        labels = convert_to_tensor_or_sparse_tensor(labels)
        if isinstance(labels, SparseTensor):
            return _expanded_sparse(labels, predictions, scope)
        own, wanted = labels.shape.ndims, predictions.shape.ndims
        if own is None or wanted is None:
            return cond(
                equal(rank(predictions), rank(labels) + 1),
                lambda: expand_dims(labels, -1, name=scope),
                lambda: labels,
            )
        if wanted not in (own, own + 1):
            raise ValueError(
                f"Unexpected labels shape {labels.shape} for predictions shape {predictions.shape}."
            )
        return labels if wanted == own else expand_dims(labels, -1, name=scope)


def _expanded_sparse(labels: SparseTensor, predictions: Any, scope: str) -> Any:
    missing = equal(rank(predictions), size(labels.dense_shape) + 1)

    def expanded() -> SparseTensor:
        return sparse_reshape(labels, concat((labels.dense_shape, (1,)), 0), name=scope)

    return cond(missing, expanded, lambda: labels)


def _only(ids: Any, class_id: int) -> SparseTensor:
    """The rows of `ids` without all other classes."""
    ids = convert_to_tensor_or_sparse_tensor(ids)
    if isinstance(ids, SparseTensor):
        return sparse_retain(ids, equal(ids.values, class_id))
    sizes = shape(ids, out_type=dtypes.int64)
    last = size(sizes) - 1
    sizes_of_one = kept_shape(sizes, reshape(last, [1]))
    wanted = fill(sizes_of_one, cast(class_id, dtypes.int64))
    found = set_intersection(wanted, ids)
    return SparseTensor(found.indices, found.values, sizes)


def _batch_count(
    kind: str, labels: Any, predictions: Any, class_id: int | None, weights: Any, name: str | None = None
) -> Any:
    """How many elements of each row count, weighted, float64."""
    with name_scope(name, kind + "s", (predictions, labels, weights)):
        if class_id is not None:
            labels, predictions = _only(labels, class_id), _only(predictions, class_id)
        count = cast(set_size(KINDS[kind](predictions, labels)), dtypes.float64)
        if weights is not None:
            with control_dependencies((assert_broadcastable(weights, count),)):
                weights = cast(weights, dtypes.float64)
                count = multiply(count, weights)
        return count


def _counted(kind: str, labels: Any, predictions: Any, k: int | None, class_id: Any, weights: Any) -> Pair:
    """A variable, and its update by what counts of a batch."""
    with name_scope(None, named(kind, k, class_id), (predictions, labels, weights)) as scope:
        batch = _batch_count(kind, labels, predictions, class_id, weights)
        total = cast(reduce_sum(batch), dtypes.float64)
        variable = metric_variable([], dtypes.float64, name=scope)
        return variable, assign_add(variable, total, name="update")


def _share(
    other: str,
    scope: str,
    labels: Any,
    predictions: Any,
    options: tuple[Any, ...],
    collections: tuple[Any, Any],
) -> Pair:
    """The true positives over themselves and `other`."""
    labels = expanded_labels(labels, predictions)
    predictions = cast(predictions, dtypes.int64)
    wanted, wanted_update = _counted("true_positive", labels, predictions, *options)
    rest, rest_update = _counted(other, labels, predictions, *options)
    value = div(wanted, add(wanted, rest), name=scope)
    update = div(wanted_update, add(wanted_update, rest_update), name="update")
    return published((value, update), *collections)


def precision_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the predicted classes that are among the labels of their row.

    Args:
        labels: class numbers, see the top of this module.
        predictions_idx: integers, the k classes predicted for each row.
        k: the number in the default names.
        class_id: count this class only; NaN while it is not predicted.
        weights: a number or a tensor that broadcasts to the rows.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the name scope.

    Returns the value and the update, scalars of float64.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     best = tf.constant([[0, 2], [1, 3]], tf.int64)
    ...     value, update = tf.metrics.precision_at_top_k(tf.constant([[0, 1], [3, 1]], tf.int64), best)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.75
    """
    with name_scope(name, named("precision", k, class_id), (predictions_idx, labels, weights)) as scope:
        options, collections = (k, class_id, weights), (metrics_collections, updates_collections)
        return _share("false_positive", scope, labels, predictions_idx, options, collections)


def recall_at_top_k(
    labels: Any,
    predictions_idx: Any,
    k: int | None = None,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the labels that are among the classes predicted for their row.

    Arguments as of `precision_at_top_k`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     best = tf.constant([[0, 2], [1, 2]], tf.int64)
    ...     value, update = tf.metrics.recall_at_top_k(tf.constant([[0], [3]], tf.int64), best)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    with name_scope(name, named("recall", k, class_id), (predictions_idx, labels, weights)) as scope:
        options, collections = (k, class_id, weights), (metrics_collections, updates_collections)
        return _share("false_negative", scope, labels, predictions_idx, options, collections)


def precision_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the k classes predicted best that are among the labels of their row.

    `predictions` are numbers `[..., classes]`; other arguments as of `precision_at_top_k`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels = tf.constant([[0], [2]], tf.int64)
    ...     value, update = tf.metrics.precision_at_k(labels, [[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]], 1)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.5
    """
    with name_scope(name, named("precision", k, class_id), (predictions, labels, weights)) as scope:
        best = top_k(predictions, k).indices
        options, collections = (k, class_id, weights), (metrics_collections, updates_collections)
        return precision_at_top_k(labels, best, *options, *collections, name=scope)


def recall_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    class_id: int | None = None,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The fraction of the labels that are among the k classes predicted best for their row.

    `predictions` are numbers `[..., classes]`; other arguments as of `precision_at_top_k`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels = tf.constant([[0], [2]], tf.int64)
    ...     value, update = tf.metrics.recall_at_k(labels, [[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]], 2)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    1.0
    """
    with name_scope(name, named("recall", k, class_id), (predictions, labels, weights)) as scope:
        best = top_k(predictions, k).indices
        options, collections = (k, class_id, weights), (metrics_collections, updates_collections)
        return recall_at_top_k(labels, best, *options, *collections, name=scope)


# Average precision


def _repeated(labels: Any, k: int, name: str) -> Any:
    """Each row of labels k times, in a new dimension before the last."""
    with name_scope(name, "expand_and_tile", (labels, k, -1)) as scope:
        labels = convert_to_tensor_or_sparse_tensor(labels)
        if isinstance(labels, SparseTensor):
            expanded = _with_new_dimension(labels)
            return expanded if k == 1 else sparse_concat(-2, [expanded] * k, name=scope)
        dense = expand_dims(labels, -2, name="expand")
        if k == 1:
            return dense
        ones = ones_like(shape(labels))
        return tile(dense, concat((ones[:-1], (k,), ones[-1:]), 0, name="multiples"), name=scope)


def _with_new_dimension(labels: SparseTensor) -> SparseTensor:
    sizes = labels.dense_shape
    before = reshape(size(sizes) + -1, [1])
    parts = part_of(sizes, [0], before), [1], part_of(sizes, before, [-1])
    return sparse_reshape(labels, concat(parts, 0, name="expanded_shape"), name="expand")


def _relevant(labels: Any, k: int) -> Any:
    """How many labels each row has, at most k."""
    with name_scope(None, "num_relevant", (labels,)) as scope:
        labels = convert_to_tensor_or_sparse_tensor(labels)
        if isinstance(labels, SparseTensor):
            return minimum(set_size(labels), k, name=scope)
        present = where_v2(greater_equal(labels, 0), ones_like(labels), zeros_like(labels))
        return minimum(reduce_sum(present, axis=-1), k, name=scope)


def _average_precision(labels: Any, predictions: Any) -> Any:
    """The average precision of each row, float64."""
    with name_scope(None, "average_precision", (predictions, labels)) as scope:
        predictions = cast(predictions, dtypes.int64, name="predictions_idx")
        if predictions.shape.ndims == 0:
            raise ValueError("The rank of predictions_idx must be at least 1.")
        k = predictions.shape.as_list()[-1]
        if k is None:
            raise ValueError("The last dimension of predictions_idx must be set.")
        labels = expanded_labels(labels, predictions)
        each = expand_dims(predictions, -1, name="predictions_idx_per_k")
        labels_of_each = _repeated(labels, k, "labels_per_k")
        right = _batch_count("true_positive", labels_of_each, each, None, None, "relevant_per_k")
        found = cumsum(right, axis=-1, name="tp_per_k")
        tried = cumsum(ones_like(right), axis=-1, name="retrieved_per_k")
        precisions = div(found, tried, name="precision_per_k")
        counted = multiply(precisions, right, name="relevant_precision_per_k")
        total = reduce_sum(counted, axis=(-1,), name="precision_sum")
        return div(total, cast(_relevant(labels, k), dtypes.float64), name=scope)


def streaming_average_precision(
    labels: Any,
    predictions_idx: Any,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean average precision of the classes predicted for each row, best first, of int64 `[..., k]`."""
    values = predictions_idx, labels, weights
    with name_scope(name, "average_precision_at_top_k", values) as scope:
        average = _average_precision(labels, predictions_idx)
        if weights is not None:
            weights = broadcast_weights(cast(weights, dtypes.float64), average)
            average = multiply(average, weights)
        most, most_update = _greatest_possible(average, weights)
        total, total_update = _total(average)
        value = div_no_nan(total, most, name="mean")
        update = div_no_nan(total_update, most_update, name=scope)
        return published((value, update), metrics_collections, updates_collections)


def _greatest_possible(average: Any, weights: Any) -> Pair:
    with name_scope(None, "max", (average,)) as scope:
        variable = metric_variable([], dtypes.float64, name=scope)
        if weights is None:
            batch = cast(size(average, name="batch_max"), dtypes.float64)
        else:
            batch = reduce_sum(weights, name="batch_max")
        return variable, assign_add(variable, batch, name="update")


def _total(average: Any) -> Pair:
    with name_scope(None, "total", (average,)) as scope:
        variable = metric_variable([], dtypes.float64, name=scope)
        batch = reduce_sum(average, name="batch_total")
        return variable, assign_add(variable, batch, name="update")


def _in_range(labels: Any, classes: Any) -> Any:
    """Labels, -1 in place of those that are no class."""
    numbers = labels.values if isinstance(labels, SparseTensor) else labels

    def cleaned() -> Any:
        out = greater_equal(numbers, classes)
        fixed = where_v2(out, -1 * ones_like(numbers), numbers)
        return SparseTensor(labels.indices, fixed, labels.dense_shape) if numbers is not labels else fixed

    return cond(greater_equal(reduce_max(numbers), classes), cleaned, lambda: labels)


def average_precision_at_k(
    labels: Any,
    predictions: Any,
    k: int,
    weights: Any = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """The mean over the rows of the average precision of the k classes predicted best.

    `predictions` are numbers `[..., classes]`; ValueError for a `k` below 1. Other arguments as of
    `precision_at_top_k`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels = tf.constant([[0], [2]], tf.int64)
    ...     value, update = tf.metrics.average_precision_at_k(labels, [[0.9, 0.1, 0.0], [0.9, 0.0, 0.1]], 2)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update))
    0.75
    """
    if k < 1:
        raise ValueError(f"Invalid k={k}.")
    with name_scope(name, named("average_precision", k), (predictions, labels, weights)) as scope:
        best = top_k(predictions, k).indices
        labels = convert_to_tensor_or_sparse_tensor(labels)
        labels = _in_range(labels, cast(shape(predictions)[-1], dtypes.int64))
        collections = metrics_collections, updates_collections
        return streaming_average_precision(labels, best, weights, *collections, name=scope)


sparse_precision_at_k = precision_at_k
sparse_average_precision_at_k = average_precision_at_k
