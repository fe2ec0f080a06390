"""The confusion matrix of a classification."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import blocks
from reflow.ops.check import assert_less, assert_non_negative
from reflow.ops.control import with_dependencies
from reflow.ops.control_flow import cond
from reflow.ops.elementwise import all_true, shown


def _squeezed_if(condition: Any, x: Any) -> Any:
    """`x` without its last dimension if the condition holds in the run; it must be 1 then."""
    return cond(condition, lambda: blocks.squeeze(x, [-1]), lambda: x)


def _may_squeeze(shape: TensorShape) -> bool:
    return shape.ndims is None or (shape.ndims > 0 and shape.ints[-1] in (None, 1))  # type: ignore[index]


def remove_squeezable_dimensions(
    labels: Any, predictions: Any, expected_rank_diff: int = 0, name: str | None = None
) -> tuple[Any, Any]:
    """Labels and predictions, one of them without its last dimension if its rank is one too high.

    Args:
        expected_rank_diff: by how much the rank of the predictions should be above the labels'.

    >>> import reflow as tf
    >>> from reflow.ops.confusion import remove_squeezable_dimensions
    >>> labels, predictions = remove_squeezable_dimensions([1, 2], [[1], [3]])
    >>> predictions.shape
    TensorShape([Dimension(2)])
    """
    with name_scope(name, "remove_squeezable_dimensions", [labels, predictions]):
        predictions, labels = convert_to_tensor(predictions), convert_to_tensor(labels)
        ranks = predictions.shape.ndims, labels.shape.ndims
        if None not in ranks:
            difference = ranks[0] - ranks[1]
            if difference == expected_rank_diff + 1:
                predictions = blocks.squeeze(predictions, [-1])
            elif difference == expected_rank_diff - 1:
                labels = blocks.squeeze(labels, [-1])
            return labels, predictions
        found = blocks.rank_of(predictions) - blocks.rank_of(labels)
        if _may_squeeze(predictions.shape):
            predictions = _squeezed_if(emit("Equal", expected_rank_diff + 1, found), predictions)
        if _may_squeeze(labels.shape):
            labels = _squeezed_if(emit("Equal", expected_rank_diff - 1, found), labels)
        return labels, predictions


def _require(assertion: Any, tensor: Any) -> Any:
    return with_dependencies([assertion], tensor)


def _within(labels: Any, limit: Any, what: str) -> Any:
    return _require(assert_less(labels, limit, message=f"`{what}` out of bound"), labels)


def _not_negative(labels: Any, what: str) -> Any:
    return _require(assert_non_negative(labels, message=f"`{what}` contains negative values"), labels)


def confusion_matrix(
    labels: Any,
    predictions: Any,
    num_classes: Any = None,
    dtype: Any = dtypes.int32,
    name: str | None = None,
    weights: Any = None,
) -> Any:
    """How often each label (a row) was predicted as each class (a column): a square matrix.

    Args:
        labels: the true classes, a vector of integers from 0.
        predictions: the predicted classes, a vector of the same length.
        num_classes: how many classes there are; one more than the greatest that occurs if not given.
        dtype: the type of the counts.
        weights: what each prediction counts, a vector; 1 if not given.

    InvalidArgumentError in a run with a class that is negative or too large.

    >>> import reflow as tf
    >>> tf.Session().run(tf.confusion_matrix([0, 1, 1], [0, 1, 0]))
    array([[1, 0],
           [1, 1]], dtype=int32)
    """
    with name_scope(name, "confusion_matrix", [predictions, labels, num_classes, weights]):
        labels = convert_to_tensor(labels, name="labels")
        predictions = convert_to_tensor(predictions, name="predictions")
        labels, predictions = remove_squeezable_dimensions(labels, predictions)
        predictions = blocks.cast(predictions, dtypes.int64)
        labels = _not_negative(blocks.cast(labels, dtypes.int64), "labels")
        predictions = _not_negative(predictions, "predictions")
        if num_classes is None:
            greatest = blocks.reduce("Max", predictions), blocks.reduce("Max", labels)
            num_classes = emit("Maximum", *greatest) + 1
        else:
            limit = blocks.cast(num_classes, dtypes.int64)
            labels, predictions = _within(labels, limit, "labels"), _within(predictions, limit, "predictions")
        if weights is not None:
            weights = convert_to_tensor(weights, name="weights")
            predictions.shape.assert_is_compatible_with(weights.shape)
            weights = blocks.cast(weights, dtype)
        return _counts(labels, predictions, num_classes, weights, dtypes.as_dtype(dtype))


def _counts(labels: Any, predictions: Any, num_classes: Any, weights: Any, dtype: Any) -> Any:
    """A matrix with `weights`, or ones, added at each pair of label and prediction."""
    shape = blocks.pack([num_classes, num_classes])
    indices = blocks.stack([labels, predictions], axis=1)
    if weights is None:
        weights = _ones_like(predictions, dtype)
    places = SparseTensor(indices, weights, blocks.cast(shape, dtypes.int64))
    zeros = blocks.zeros(blocks.cast(shape, dtypes.int32), dtype)
    return emit("SparseTensorDenseAdd", places.indices, places.values, places.dense_shape, zeros)


def _ones_like(x: Any, dtype: Any) -> Any:
    with name_scope("ones_like") as scope:
        result = blocks.ones(blocks.shape_of(x), dtype, name=scope)
    result.set_shape(x.shape)
    return result


# The sum of a sparse and a dense tensor


def _sparse_dense_add_kernel(xp: Any, indices: Any, values: Any, shape: Any, dense: Any) -> Any:
    for axis, (sparse, own) in enumerate(zip(shape.tolist(), dense.shape, strict=True)):
        if sparse != own:
            fail(f"Dimension {axis} is {sparse} in the sparse tensor, {own} in the dense one")
    inside = all_true(xp, (indices >= 0) & (indices < np.array(dense.shape, np.int64)))
    require(xp, inside, f"Sparse tensor has some invalid index; dense tensor shape: {shown(dense.shape)}")
    places = tuple(indices[:, axis] for axis in range(dense.ndim))
    if xp is not np:
        return xp.asarray(dense).at[places].add(values)
    result = dense.copy()
    np.add.at(result, places, values)
    return result


def _sparse_dense_add_gradient(op: Any, grad: Any) -> Any:
    return [None, emit("GatherNd", grad, op.inputs[0]), None, grad]


register(
    "SparseTensorDenseAdd",
    shape=lambda node: node.inputs[3].shape,
    kernel=_sparse_dense_add_kernel,
    static=(2,),
    gradient=_sparse_dense_add_gradient,
)
