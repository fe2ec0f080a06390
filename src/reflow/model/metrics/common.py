"""What all metrics share: their variables, matching shapes, and the pair of value and update."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import GraphKeys, add_to_collections, convert_to_tensor
from reflow.model.modes import VariableAggregation, VariableSynchronization
from reflow.model.variable_base import create_variable
from reflow.ops.array import rank, zeros
from reflow.ops.casting import cast
from reflow.ops.comparison import equal
from reflow.ops.confusion import remove_squeezable_dimensions
from reflow.ops.control_flow import cond
from reflow.ops.shaping import expand_dims, squeeze

Pair = tuple[Any, Any]  # the value and the update of a metric


def metric_variable(shape: Any, dtype: Any, validate_shape: bool = True, name: str | None = None) -> Any:
    """A variable of zeros that is local, not trained, and in the collection of metric variables.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     total = metric_variable([2], tf.float32, name="total")
    ...     tf.get_collection(tf.GraphKeys.METRIC_VARIABLES) == [total]
    True
    """
    return create_variable(
        lambda: zeros(shape, dtype),
        trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.METRIC_VARIABLES],
        validate_shape=validate_shape,
        synchronization=VariableSynchronization.ON_READ,
        aggregation=VariableAggregation.SUM,
        name=name,
    )


def published(pair: Pair, metrics_collections: Any, updates_collections: Any) -> Pair:
    """The pair, whose parts are put into the collections named (a name or several, or None)."""
    for part, collections in zip(pair, (metrics_collections, updates_collections), strict=True):
        if collections:
            add_to_collections(collections, part)
    return pair


def streamed(
    compute: Callable[[Any, str], Any],
    values: Any,
    updates: Any,
    metrics_collections: Any = None,
    updates_collections: Any = None,
) -> Pair:
    """The metric computed from what its variables hold, and from what they hold after their updates."""
    pair = compute(values, "value"), compute(updates, "update_op")
    return published(pair, metrics_collections, updates_collections)


def matched(predictions: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any]:
    """Predictions, labels and weights, the last dimension of one taken away where its rank is one too high.

    Weights that are not a scalar get the rank of the predictions by a dimension of 1 more or less. Labels and
    weights may be None.
    """
    predictions = convert_to_tensor(predictions)
    if labels is not None:
        labels, predictions = remove_squeezable_dimensions(labels, predictions)
        predictions.shape.assert_is_compatible_with(labels.shape)
    if weights is not None:
        weights = _of_rank_of(convert_to_tensor(weights), predictions)
    return predictions, labels, weights


def _of_rank_of(weights: Any, predictions: Any) -> Any:
    own, wanted = weights.shape.ndims, predictions.shape.ndims
    if own == 0:
        return weights
    if own is None or wanted is None:
        return _of_rank_in_run(weights, predictions)
    if own - wanted == 1:
        return squeeze(weights, [-1])
    return expand_dims(weights, [-1]) if wanted - own == 1 else weights


def _of_rank_in_run(weights: Any, predictions: Any) -> Any:
    """Weights of the predictions' rank when one of the ranks is known in the run only."""
    own = rank(weights)
    surplus = own - rank(predictions)
    ints = weights.shape.ints
    fixed = ints is not None and ints[-1] not in (None, 1)  # a squeeze could only fail

    def wider() -> Any:
        return cond(equal(surplus, -1), lambda: expand_dims(weights, [-1]), lambda: weights)

    def narrower() -> Any:
        return weights if fixed else squeeze(weights, [-1])

    def adjusted() -> Any:
        return cond(equal(surplus, 1), narrower, wider)

    return cond(equal(own, 0), lambda: weights, adjusted)


def matched_truths(predictions: Any, labels: Any, weights: Any) -> tuple[Any, Any, Any]:
    """`matched` predictions and labels as booleans."""
    predictions = cast(predictions, dtypes.bool)
    return matched(predictions, cast(labels, dtypes.bool), weights)
