"""Losses: one number for how far predictions are from what they should be, weighted element by element.

Each loss computes an array of element losses and hands it to `compute_weighted_loss`, which weights, reduces
and collects it. All are computed in float32, whatever the types of the inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import (
    GraphKeys,
    Tensor,
    add_to_collection,
    constant,
    control_dependencies,
    convert_to_tensor,
    emit,
    get_collection,
    get_default_graph,
    name_scope,
)
from reflow.ops import confusion
from reflow.ops.activations import relu
from reflow.ops.arithmetic import add, div_no_nan, maximum, minimum, multiply, subtract
from reflow.ops.arithmetic import squared_difference as square_of_difference
from reflow.ops.array import ones_like, rank, shape, size, stop_gradient, zeros_like
from reflow.ops.casting import cast
from reflow.ops.comparison import equal
from reflow.ops.control_flow import cond
from reflow.ops.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
    sparse_softmax_cross_entropy_with_logits,
)
from reflow.ops.deprecation import renamed
from reflow.ops.masks import where
from reflow.ops.math import abs, log, square  # noqa: A004
from reflow.ops.reduction import reduce_sum
from reflow.ops.shaping import squeeze
from reflow.ops.weights import assert_broadcastable, broadcast_weights


class Reduction:
    """How the weighted element losses become one number.

    NONE: they stay as they are; SUM; MEAN: over the sum of the weights; SUM_OVER_BATCH_SIZE: over the number
    of elements; SUM_BY_NONZERO_WEIGHTS: over the number of elements whose weight is not zero, the default.
    """

    NONE = "none"
    SUM = "weighted_sum"
    SUM_OVER_BATCH_SIZE = "weighted_sum_over_batch_size"
    MEAN = "weighted_mean"
    SUM_BY_NONZERO_WEIGHTS = "weighted_sum_by_nonzero_weights"
    SUM_OVER_NONZERO_WEIGHTS = SUM_BY_NONZERO_WEIGHTS

    @classmethod
    def all(cls) -> tuple[str, ...]:
        """All reductions.

        >>> "none" in Reduction.all()
        True
        """
        sums = (cls.SUM_OVER_BATCH_SIZE, cls.SUM_OVER_NONZERO_WEIGHTS, cls.SUM_BY_NONZERO_WEIGHTS)
        return (cls.NONE, cls.SUM, cls.MEAN, *sums)

    @classmethod
    def validate(cls, key: str) -> None:
        """ValueError unless `key` is a reduction."""
        if key not in cls.all():
            raise ValueError(f"Invalid Reduction Key {key}: it must be one of {', '.join(cls.all())}.")


def add_loss(loss: Any, loss_collection: Any = GraphKeys.LOSSES) -> None:
    """Put a loss among those that `get_losses` and `get_total_loss` see; None as collection puts it nowhere.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.losses.add_loss(tf.constant(1.0, name="penalty"))
    ...     [loss.name for loss in tf.losses.get_losses()]
    ['penalty:0']
    """
    if loss_collection:
        add_to_collection(loss_collection, loss)


def get_losses(scope: str | None = None, loss_collection: Any = GraphKeys.LOSSES) -> list[Any]:
    """The losses of the default graph whose names match `scope`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     loss = tf.losses.mean_squared_error([1.0], [2.0])
    ...     tf.losses.get_losses() == [loss]
    True
    """
    return get_collection(loss_collection, scope)


def get_regularization_losses(scope: str | None = None) -> list[Any]:
    """The regularization losses of the default graph whose names match `scope`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     penalty = tf.contrib.layers.l2_regularizer(0.5)
    ...     w = tf.get_variable("w", [2], regularizer=penalty)
    ...     len(tf.losses.get_regularization_losses())
    1
    """
    return get_collection(GraphKeys.REGULARIZATION_LOSSES, scope)


def get_regularization_loss(scope: str | None = None, name: str = "total_regularization_loss") -> Tensor:
    """The sum of the regularization losses; 0 when there is none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.get_regularization_loss()))
    0.0
    """
    losses = get_regularization_losses(scope)
    return emit("AddN", losses, name=name) if losses else constant(0.0)


def get_total_loss(
    add_regularization_losses: bool = True, name: str = "total_loss", scope: str | None = None
) -> Tensor:
    """The sum of all losses, and of the regularization losses unless told otherwise.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     near = tf.losses.absolute_difference([1.0], [2.0])
    ...     far = tf.losses.absolute_difference([1.0], [4.0])
    ...     print(sess.run(tf.losses.get_total_loss()))
    4.0
    """
    losses = get_losses(scope=scope)
    if add_regularization_losses:
        losses += get_regularization_losses(scope=scope)
    if not losses:
        raise ValueError("inputs must be a list of at least one Tensor: there is no loss in the graph")
    if len(losses) == 1:
        return emit("Identity", losses[0], name=name) if name else convert_to_tensor(losses[0])
    return emit("AddN", losses, name=name)  # type: ignore[no-any-return]


# Weighting


def _element_count(losses: Tensor) -> Tensor:
    with name_scope(None, "num_elements", values=[losses]) as scope:
        return cast(size(losses, name=scope), losses.dtype)  # type: ignore[no-any-return]


def _present_count(losses: Tensor, weights: Any, per_batch: bool = False) -> Tensor:
    """How many elements have a weight that is not zero; of each batch element for `per_batch`."""
    if isinstance(weights, float) and weights != 0.0:
        return _element_count(losses)
    with name_scope(None, "num_present", (losses, weights)) as scope:
        weights = cast(weights, dtypes.float32)
        present = where(equal(weights, 0.0), zeros_like(weights), ones_like(weights))
        present = broadcast_weights(present, losses)
        if per_batch:
            axes = emit("Range", 1, rank(present), 1, name="range")
            return reduce_sum(present, axis=axes, keepdims=True, name=scope)  # type: ignore[no-any-return]
        return reduce_sum(present, name=scope)  # type: ignore[no-any-return]


def _mean(losses: Tensor, count: Tensor) -> Tensor:
    return div_no_nan(reduce_sum(losses), count, name="value")  # type: ignore[no-any-return]


def _reduced(weighted: Tensor, losses: Tensor, weights: Tensor, reduction: str) -> Tensor:
    if reduction == Reduction.NONE:
        return weighted
    total = reduce_sum(weighted)
    if reduction == Reduction.MEAN:
        return _mean(total, reduce_sum(ones_like(losses) * weights))
    if reduction == Reduction.SUM_BY_NONZERO_WEIGHTS:
        return _mean(total, _present_count(losses, weights))
    if reduction == Reduction.SUM_OVER_BATCH_SIZE:
        return _mean(total, _element_count(losses))
    return total  # type: ignore[no-any-return]


def compute_weighted_loss(
    losses: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Element losses times weights, reduced to one number and put into a collection.

    Args:
        losses: a tensor.
        weights: a number, or a tensor of the rank of `losses`, each dimension 1 or that of `losses`.
        scope: the name scope.
        loss_collection: the collection that the result goes to, or None.
        reduction: one of `Reduction`.

    Returns:
        A scalar, or for `Reduction.NONE` a tensor of the shape of `losses`; of the type of `losses`.

    Raises ValueError for weights that do not fit, or an unknown reduction.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.compute_weighted_loss([1.0, 2.0, 6.0], [1.0, 0.0, 0.5])))
    2.0
    """
    Reduction.validate(reduction)
    with name_scope(scope, "weighted_loss", (losses, weights)):
        get_default_graph()._last_loss_reduction = reduction  # type: ignore[attr-defined]
        with control_dependencies((assert_broadcastable(weights, losses),)):
            losses = convert_to_tensor(losses)
            dtype = losses.dtype
            losses = cast(losses, dtypes.float32)
            weights = cast(weights, dtypes.float32)
            loss = _reduced(multiply(losses, weights), losses, weights, reduction)
            loss = cast(loss, dtype)
            add_loss(loss, loss_collection)
            return loss  # type: ignore[no-any-return]


# Losses


def _given(**values: Any) -> None:
    for name, value in values.items():
        if value is None:
            raise ValueError(f"{name} must not be None.")


def _of_pairs(
    formula: Callable[[Tensor, Tensor], Tensor],
    default_scope: str,
    labels: Any,
    predictions: Any,
    weights: Any,
    scope: str | None,
    loss_collection: Any,
    reduction: str,
) -> Tensor:
    """The weighted loss whose elements are `formula(labels, predictions)`, both float32 of one shape."""
    with name_scope(scope, default_scope, (predictions, labels, weights)) as inner:
        predictions = cast(predictions, dtypes.float32)
        labels = cast(labels, dtypes.float32)
        predictions.shape.assert_is_compatible_with(labels.shape)
        losses = formula(labels, predictions)
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


def absolute_difference(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """|predictions - labels|, weighted and reduced as by `compute_weighted_loss`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.absolute_difference([1.0, 2.0], [2.0, 5.0])))
    2.0
    """
    _given(labels=labels, predictions=predictions)

    def formula(labels: Tensor, predictions: Tensor) -> Tensor:
        return abs(subtract(predictions, labels))  # type: ignore[no-any-return]

    rest = (labels, predictions, weights, scope, loss_collection, reduction)
    return _of_pairs(formula, "absolute_difference", *rest)


def mean_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """(predictions - labels)^2, weighted and reduced as by `compute_weighted_loss`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.mean_squared_error([1.0, 2.0], [2.0, 5.0])))
    5.0
    """
    _given(labels=labels, predictions=predictions)

    def formula(labels: Tensor, predictions: Tensor) -> Tensor:
        return square_of_difference(predictions, labels)  # type: ignore[no-any-return]

    rest = (labels, predictions, weights, scope, loss_collection, reduction)
    return _of_pairs(formula, "mean_squared_error", *rest)


def cosine_distance(
    labels: Any,
    predictions: Any,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
    dim: int | None = None,
) -> Tensor:
    """1 - the scalar product along `axis` (of vectors of length 1), weighted and reduced.

    `dim` is an older name of `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.cosine_distance([[1.0, 0.0]], [[0.0, 1.0]], axis=1)))
    1.0
    """
    axis = renamed("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    _given(labels=labels, predictions=predictions)

    def formula(labels: Tensor, predictions: Tensor) -> Tensor:
        products = multiply(predictions, labels)
        return 1 - reduce_sum(products, axis=(axis,), keepdims=True)  # type: ignore[no-any-return]

    rest = (labels, predictions, weights, scope, loss_collection, reduction)
    return _of_pairs(formula, "cosine_distance_loss", *rest)


def hinge_loss(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """max(0, 1 - y logits) with y = -1 and 1 for labels 0 and 1, weighted and reduced.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.hinge_loss([0.0, 1.0], [0.0, 3.0])))
    0.5
    """
    _given(labels=labels, logits=logits)

    def formula(labels: Tensor, logits: Tensor) -> Tensor:
        ones = ones_like(labels)
        signs = subtract(2 * labels, ones)
        return relu(subtract(ones, multiply(signs, logits)))  # type: ignore[no-any-return]

    return _of_pairs(formula, "hinge_loss", labels, logits, weights, scope, loss_collection, reduction)


def huber_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    delta: float = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """Half the squared error up to an error of `delta`, and linear beyond (Huber 1964), weighted and reduced.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.huber_loss([0.0, 0.0], [1.0, 3.0])))
    1.5
    """
    _given(labels=labels, predictions=predictions)

    def formula(labels: Tensor, predictions: Tensor) -> Tensor:
        error = abs(subtract(predictions, labels))
        quadratic = minimum(error, delta)
        linear = subtract(error, quadratic)
        half = convert_to_tensor(0.5, dtype=quadratic.dtype)
        return add(multiply(half, multiply(quadratic, quadratic)), multiply(delta, linear))  # type: ignore[no-any-return]

    rest = (labels, predictions, weights, scope, loss_collection, reduction)
    return _of_pairs(formula, "huber_loss", *rest)


def log_loss(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """-labels log(p + epsilon) - (1 - labels) log(1 - p + epsilon) of predictions p, weighted and reduced.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.log_loss([1.0, 0.0], [0.5, 0.5])))
    0.69314694
    """
    _given(labels=labels, predictions=predictions)

    def formula(labels: Tensor, predictions: Tensor) -> Tensor:
        present = -multiply(labels, log(predictions + epsilon))
        return present - multiply((1 - labels), log(1 - predictions + epsilon))  # type: ignore[no-any-return]

    rest = (labels, predictions, weights, scope, loss_collection, reduction)
    return _of_pairs(formula, "log_loss", *rest)


def mean_pairwise_squared_error(
    labels: Any,
    predictions: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
) -> Tensor:
    """The mean squared error of the differences between the pairs of elements of each batch element.

    `weights` weigh whole batch elements: a number or a tensor `[batch]` or `[batch, 1, ...]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.mean_pairwise_squared_error([[1.0, 2.0]], [[1.0, 4.0]])))
    4.0
    """
    _given(labels=labels, predictions=predictions)
    with name_scope(scope, "mean_pairwise_squared_error", (predictions, labels, weights)):
        weights = cast(weights, dtypes.float32)
        labels = cast(labels, dtypes.float32)
        with control_dependencies((assert_broadcastable(weights, labels),)):
            predictions = cast(predictions, dtypes.float32)
            predictions.shape.assert_is_compatible_with(labels.shape)
            loss = _pairwise(subtract(predictions, labels), weights)
            add_loss(loss, loss_collection)
            return loss


def _pairwise(differences: Tensor, weights: Tensor) -> Tensor:
    axes = emit("Range", 1, rank(differences), 1, name="range")
    squares = reduce_sum(square(differences), axis=axes, keepdims=True)
    count = _present_count(differences, weights, per_batch=True)
    first = 2.0 * div_no_nan(squares, maximum(count - 1, 0), name="value")
    total = reduce_sum(differences, axis=axes, keepdims=True)
    squared_total = square(total)
    pairs = maximum(multiply(count, count - 1), 0)
    second = 2.0 * div_no_nan(squared_total, pairs, name="value")
    loss = reduce_sum(multiply(first - second, weights))
    return where(reduce_sum(count) > 0, loss, zeros_like(loss), name="value")


def sigmoid_cross_entropy(
    multi_class_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The cross entropy of independent classes, weighted and reduced.

    `label_smoothing` moves the labels that far towards 1/2.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.sigmoid_cross_entropy([[1.0, 0.0]], [[0.0, 0.0]])))
    0.6931472
    """
    _given(multi_class_labels=multi_class_labels, logits=logits)
    with name_scope(scope, "sigmoid_cross_entropy_loss", (logits, multi_class_labels, weights)) as inner:
        logits = convert_to_tensor(logits)
        labels = cast(multi_class_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


def softmax_cross_entropy(
    onehot_labels: Any,
    logits: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The cross entropy of exclusive classes, labels as distributions, weighted and reduced.

    `label_smoothing` moves the labels that far towards the uniform distribution.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.softmax_cross_entropy([[1.0, 0.0]], [[0.0, 0.0]])))
    0.6931472
    """
    _given(onehot_labels=onehot_labels, logits=logits)
    with name_scope(scope, "softmax_cross_entropy_loss", (logits, onehot_labels, weights)) as inner:
        logits = convert_to_tensor(logits)
        labels = cast(onehot_labels, logits.dtype)
        logits.shape.assert_is_compatible_with(labels.shape)
        if label_smoothing > 0:
            classes = cast(shape(labels)[-1], logits.dtype)
            rest = label_smoothing / classes
            labels = labels * (1.0 - label_smoothing) + rest
        labels = stop_gradient(labels, name="labels_stop_gradient")
        losses = softmax_cross_entropy_with_logits_v2(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


def sparse_softmax_cross_entropy(
    labels: Any,
    logits: Any,
    weights: Any = 1.0,
    scope: str | None = None,
    loss_collection: Any = GraphKeys.LOSSES,
    reduction: str = Reduction.SUM_BY_NONZERO_WEIGHTS,
) -> Tensor:
    """The cross entropy of exclusive classes, labels as class numbers, weighted and reduced.

    `labels` and `weights` may have a last dimension of 1 too many.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.losses.sparse_softmax_cross_entropy([0], [[0.0, 0.0]])))
    0.6931472
    """
    _given(labels=labels, logits=logits)
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", (logits, labels, weights)) as inner:
        labels, logits = confusion.remove_squeezable_dimensions(labels, logits, expected_rank_diff=1)
        weights = _squeezed_weights(weights, labels)
        losses = sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, inner, loss_collection, reduction=reduction)


def _squeezed_weights(weights: Any, labels: Tensor) -> Any:
    """Weights without their last dimension, if it is one more than the labels have."""
    if weights is None:
        return None
    weights = convert_to_tensor(weights)
    own, wanted = weights.shape.ndims, labels.shape.ndims
    if own is not None and wanted is not None:
        return squeeze(weights, [-1]) if own - wanted == 1 else weights
    surplus = rank(weights) - rank(labels)
    if own is None or (own > 0 and weights.shape.ints[-1] in (None, 1)):
        return cond(equal(1, surplus), lambda: squeeze(weights, [-1]), lambda: weights)
    return weights
