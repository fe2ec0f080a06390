"""Weights of losses and metrics: which shapes go with which values.

Weights broadcast to values when they are a scalar, or of the same rank with each dimension 1 or that of the
values.
"""

from __future__ import annotations

from typing import Any

from reflow.graph.graph import (
    Operation,
    Tensor,
    constant_value,
    control_dependencies,
    convert_to_tensor,
    name_scope,
)
from reflow.ops.arithmetic import multiply
from reflow.ops.array import ones_like, rank, shape, size
from reflow.ops.check import Assert
from reflow.ops.comparison import equal
from reflow.ops.control import no_op
from reflow.ops.control_flow import cond
from reflow.ops.joining import concat
from reflow.ops.set_operations import set_difference
from reflow.ops.shaping import expand_dims

REFUSAL = "weights can not be broadcast to values."


def assert_broadcastable(weights: Any, values: Any) -> Operation:
    """An operation that fails unless `weights` broadcast to `values`.

    ValueError at once when the static shapes do not; InvalidArgumentError in the run otherwise.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     assert_broadcastable(1.0, tf.zeros([2, 3])).type
    'NoOp'
    """
    with name_scope(None, "assert_broadcastable", (weights, values)) as scope:
        weights, weights_shape, weights_rank = _measured(weights, "weights")
        values, values_shape, values_rank = _measured(values, "values")
        known = _statically(weights, values, weights_shape, values_shape, weights_rank, values_rank)
        if known is not None:
            return no_op(name=known)
        is_scalar = equal(0, weights_rank, name="is_scalar")
        data = (
            *(REFUSAL, "weights.shape=", weights.name, weights_shape, "values.shape=", values.name),
            *(values_shape, "is_scalar=", is_scalar),
        )
        is_valid = cond(
            is_scalar,
            lambda: is_scalar,
            lambda: _valid_shape(weights_rank, weights_shape, values_rank, values_shape),
            name="is_valid_shape",
        )
        return Assert(is_valid, data, name=scope)


def _measured(value: Any, name: str) -> tuple[Tensor, Tensor, Tensor]:
    """A tensor with its shape and rank."""
    with name_scope(None, name, (value,)) as scope:
        tensor = convert_to_tensor(value, name=scope)
        return tensor, shape(tensor, name="shape"), rank(tensor, name="rank")


def _statically(
    weights: Tensor, values: Tensor, weights_shape: Tensor, values_shape: Tensor, *ranks: Tensor
) -> str | None:
    """The name of the check that static shapes pass; None when they say nothing."""
    ndims, wanted = [constant_value(r) for r in ranks]
    if ndims is None or wanted is None:
        return None
    if ndims == 0:
        return "static_scalar_check_success"
    if ndims != wanted:
        raise ValueError(
            f"{REFUSAL} values.rank={wanted}. weights.rank={ndims}. "
            f"values.shape={values.shape}. weights.shape={weights.shape}."
        )
    sizes, full = constant_value(weights_shape), constant_value(values_shape)
    if sizes is None or full is None:
        return None
    for i, (own, other) in enumerate(zip(sizes, full, strict=True)):
        if own not in (1, other):
            raise ValueError(f"{REFUSAL} Mismatch at dim {i}. values.shape={full} weights.shape={sizes}.")
    return "static_dims_check_success"


def _valid_shape(weights_rank: Any, weights_shape: Any, values_rank: Any, values_shape: Any) -> Tensor:
    parts = (weights_rank, weights_shape, values_rank, values_shape)
    with name_scope(None, "has_valid_nonscalar_shape", parts) as scope:
        same = equal(values_rank, weights_rank, name="is_same_rank")
        return cond(  # type: ignore[no-any-return]
            same, lambda: _valid_dims(weights_shape, values_shape), lambda: same, name=scope
        )


def _valid_dims(weights_shape: Any, values_shape: Any) -> Tensor:
    """Whether each dimension of the weights is 1 or that of the values: one set for each dimension."""
    with name_scope(None, "has_invalid_dims", (weights_shape, values_shape)) as scope:
        full = expand_dims(values_shape, -1)
        valid = concat((full, ones_like(full)), axis=1)
        wrong = set_difference(expand_dims(weights_shape, -1), valid)
        return equal(0, size(wrong.values, name="num_invalid_dims"), name=scope)  # type: ignore[no-any-return]


def broadcast_weights(weights: Any, values: Any) -> Tensor:
    """`weights` in the shape of `values`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(broadcast_weights([[1.0], [0.5]], tf.zeros([2, 3]))))
    [[1.  1.  1. ]
     [0.5 0.5 0.5]]
    """
    with name_scope(None, "broadcast_weights", (weights, values)) as scope:
        values = convert_to_tensor(values, name="values")
        weights = convert_to_tensor(weights, dtype=values.dtype.base_dtype, name="weights")
        known = weights.shape.is_fully_defined() and values.shape.is_fully_defined()
        if known and weights.shape.is_compatible_with(values.shape):
            return weights  # type: ignore[no-any-return]
        with control_dependencies((assert_broadcastable(weights, values),)):
            return multiply(weights, ones_like(values), name=scope)  # type: ignore[no-any-return]
