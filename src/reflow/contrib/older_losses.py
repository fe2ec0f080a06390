"""`tf.contrib.losses` (and `tf.contrib.slim.losses`): the older losses, with the predictions first.

They differ from `tf.losses` in more than the order of the arguments: weights weigh whole examples (one number
for each, or for each of the leading dimensions), and the mean is over the elements whose weight is not 0.
"""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.contrib.arg_scopes import add_arg_scope
from reflow.graph.graph import Tensor, convert_to_tensor, name_scope
from reflow.model import losses as newer
from reflow.ops.activations import relu
from reflow.ops.arithmetic import add_n, div, div_no_nan, multiply, squared_difference, subtract
from reflow.ops.array import ones, ones_like, shape, size, zeros_like
from reflow.ops.casting import cast
from reflow.ops.comparison import equal, not_equal
from reflow.ops.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits,
    sparse_softmax_cross_entropy_with_logits,
)
from reflow.ops.deprecation import renamed
from reflow.ops.masks import where
from reflow.ops.math import abs, log, square  # noqa: A004
from reflow.ops.reduction import reduce_prod, reduce_sum
from reflow.ops.shaping import reshape, squeeze
from reflow.ops.slicing import slice  # noqa: A004

get_regularization_losses = newer.get_regularization_losses
get_losses = newer.get_losses
add_loss = add_arg_scope(newer.add_loss)


def _float(value: Any) -> Any:
    return cast(convert_to_tensor(value), dtypes.float32)


def _rank(tensor: Tensor, name: str) -> int:
    if tensor.shape.ndims is None:
        raise ValueError(f"{name}.get_shape().ndims cannot be None")
    return int(tensor.shape.ndims)


def _weighted_sum(losses: Tensor, weights: Tensor) -> Any:
    axes = list(range(max(0, _rank(weights, "weights")), _rank(losses, "losses")))
    return reduce_sum(multiply(reduce_sum(losses, axis=axes), weights))


def _present_of_number(losses: Tensor, weight: Tensor) -> Any:
    """How many elements of each example count, under one weight for all: all or none."""
    examples = reshape(slice(shape(losses), [0], [1]), [])
    each = div(cast(size(losses), dtypes.float32), cast(examples, dtypes.float32))
    each = where(equal(weight, 0), 0.0, each)
    return multiply(ones(reshape(examples, [1])), each)


def _present_of_array(losses: Tensor, weights: Tensor) -> Any:
    """How many elements of each example count, under a weight for each example or part of one."""
    rank = _rank(weights, "weights")
    parts = reduce_sum(cast(not_equal(weights, 0), dtypes.float32), axis=list(range(1, rank)))
    rest = cast(reduce_prod(slice(shape(losses), [rank], [-1])), dtypes.float32)
    return multiply(parts, rest)


def _present(losses: Tensor, weights: Tensor) -> Any:
    build = _present_of_number if _rank(weights, "weights") == 0 else _present_of_array
    return build(losses, weights)


def compute_weighted_loss(losses: Any, weights: Any = 1.0, scope: str | None = None) -> Any:
    """The mean of element losses under weights, and put among the losses of the graph.

    `weights` is a number, or has the leading dimensions of `losses` (a last dimension of 1 is dropped).
    ValueError when the rank of either is unknown.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.losses.compute_weighted_loss([[1.0, 3.0], [7.0, 7.0]], [1.0, 0.0])))
    2.0
    """
    with name_scope(scope, "weighted_loss", [losses, weights]):
        losses = convert_to_tensor(losses)
        dtype = losses.dtype
        losses, weights = cast(losses, dtypes.float32), _float(weights)
        _rank(losses, "losses")
        if _rank(weights, "weights") > 1 and weights.shape.dims[-1].is_compatible_with(1):
            weights = squeeze(weights, [-1])
        total = _weighted_sum(losses, weights)
        present = reduce_sum(_present(losses, weights))
        mean = cast(div_no_nan(reduce_sum(total), present, name="value"), dtype)
        add_loss(mean)
        return mean


def get_total_loss(add_regularization_losses: bool = True, name: str = "total_loss") -> Any:
    """The sum of the losses of the graph, and of the regularization losses unless told not to.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     tf.contrib.losses.add_loss(tf.constant(2.0))
    ...     print(sess.run(tf.contrib.losses.get_total_loss()))
    2.0
    """
    return add_n(get_losses() + (get_regularization_losses() if add_regularization_losses else []), name=name)


def _compatible(predictions: Any, labels: Any) -> None:
    predictions.get_shape().assert_is_compatible_with(labels.get_shape())


def _floats(predictions: Any, labels: Any) -> tuple[Tensor, Tensor]:
    _compatible(predictions, labels)
    return cast(predictions, dtypes.float32), cast(labels, dtypes.float32)


def absolute_difference(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Any:
    """The mean of `|predictions - labels|`, tensors of one shape.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, y = tf.constant([1.0, 2.0]), tf.constant([1.0, 4.0])
    ...     print(sess.run(tf.contrib.losses.absolute_difference(x, y)))
    1.0
    """
    with name_scope(scope, "absolute_difference", [predictions, labels, weights]) as scope:
        predictions, labels = _floats(predictions, labels)
        return compute_weighted_loss(abs(subtract(predictions, labels)), weights, scope=scope)


def mean_squared_error(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Any:
    """The mean of `(predictions - labels)^2`, tensors of one shape."""
    with name_scope(scope, "mean_squared_error", [predictions, labels, weights]) as scope:
        predictions, labels = _floats(predictions, labels)
        return compute_weighted_loss(squared_difference(predictions, labels), weights, scope=scope)


def log_loss(
    predictions: Any,
    labels: Any = None,
    weights: Any = 1.0,
    epsilon: float = 1e-7,
    scope: str | None = None,
) -> Any:
    """The mean of the cross entropy of probabilities and labels in [0, 1]; `epsilon` keeps it finite."""
    with name_scope(scope, "log_loss", [predictions, labels, weights]) as scope:
        predictions, labels = _floats(predictions, labels)
        of_true = -multiply(labels, log(predictions + epsilon))
        losses = of_true - multiply(1 - labels, log(1 - predictions + epsilon))
        return compute_weighted_loss(losses, weights, scope=scope)


def hinge_loss(logits: Any, labels: Any = None, scope: str | None = None) -> Any:
    """`max(0, 1 - y * logits)` of each element, where y is 1 for the label 1 and -1 for 0; no mean is taken.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.losses.hinge_loss(tf.constant([0.5, 2.0]), tf.constant([1.0, 0.0]))))
    [0.5 3. ]
    """
    with name_scope(scope, "hinge_loss", [logits, labels]):
        _compatible(logits, labels)
        labels = cast(labels, dtypes.float32)
        one = ones_like(labels)
        labels = subtract(2 * labels, one)
        return relu(subtract(one, multiply(labels, logits)))


def sigmoid_cross_entropy(
    logits: Any,
    multi_class_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Any:
    """The mean of `tf.nn.sigmoid_cross_entropy_with_logits`; smoothing draws the labels towards 1/2."""
    with name_scope(scope, "sigmoid_cross_entropy_loss", [logits, multi_class_labels, weights]) as scope:
        _compatible(logits, multi_class_labels)
        labels = cast(multi_class_labels, logits.dtype)
        if label_smoothing > 0:
            labels = labels * (1 - label_smoothing) + 0.5 * label_smoothing
        losses = sigmoid_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=scope)


def softmax_cross_entropy(
    logits: Any,
    onehot_labels: Any,
    weights: Any = 1.0,
    label_smoothing: float = 0,
    scope: str | None = None,
) -> Any:
    """The mean of `tf.nn.softmax_cross_entropy_with_logits`; smoothing draws the labels towards 1/classes."""
    with name_scope(scope, "softmax_cross_entropy_loss", [logits, onehot_labels, weights]) as scope:
        _compatible(logits, onehot_labels)
        labels = cast(onehot_labels, logits.dtype)
        if label_smoothing > 0:
            classes = cast(shape(labels)[1], logits.dtype)
            labels = _smoothed(labels, label_smoothing, classes)
        losses = softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=scope)


def _smoothed(labels: Tensor, smoothing: float, classes: Tensor) -> Any:
    negative = smoothing / classes
    return labels * (1.0 - smoothing) + negative


def sparse_softmax_cross_entropy(
    logits: Any, labels: Any, weights: Any = 1.0, scope: str | None = None
) -> Any:
    """The mean of `tf.nn.sparse_softmax_cross_entropy_with_logits`; `labels` is a vector or a column."""
    with name_scope(scope, "sparse_softmax_cross_entropy_loss", [logits, labels, weights]) as scope:
        labels = reshape(labels, shape=[shape(labels)[0]])
        losses = sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits, name="xentropy")
        return compute_weighted_loss(losses, weights, scope=scope)


def mean_pairwise_squared_error(
    predictions: Any, labels: Any = None, weights: Any = 1.0, scope: str | None = None
) -> Any:
    """How much the differences between the elements of an example differ from those of its labels, squared.

    ValueError when the rank of the predictions or the weights is unknown.
    """
    with name_scope(scope, "mean_pairwise_squared_error", [predictions, labels, weights]):
        predictions, labels = _floats(predictions, labels)
        weights = _float(weights)
        differences = subtract(predictions, labels)
        loss, present = _pairwise(differences, weights, list(range(1, _rank(differences, "diffs"))))
        mean = where(reduce_sum(present) > 0, loss, zeros_like(loss), name="value")
        add_loss(mean)
        return mean


def _pairwise(differences: Tensor, weights: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    _rank(weights, "weights")
    squares = reduce_sum(square(differences), axis=axes)
    present = _present(differences, weights)
    of_squares = 2.0 * div_no_nan(squares, present, name="value")
    total = reduce_sum(differences, axis=axes)
    of_sums = 2.0 * div_no_nan(square(total), square(present), name="value")
    return _weighted_sum(of_squares - of_sums, weights), present


def cosine_distance(
    predictions: Any,
    labels: Any = None,
    axis: int | None = None,
    weights: Any = 1.0,
    scope: str | None = None,
    dim: int | None = None,
) -> Any:
    """The mean of `1 - sum(predictions * labels)` over `axis`, for vectors of length 1 along it.

    ValueError when there is no axis. `dim` is its older name.
    """
    axis = renamed("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("You must specify 'axis'.")
    with name_scope(scope, "cosine_distance_loss", [predictions, labels, weights]) as scope:
        predictions, labels = _floats(predictions, labels)
        losses = 1 - reduce_sum(multiply(predictions, labels), axis=[axis])
        return compute_weighted_loss(losses, weights, scope=scope)
