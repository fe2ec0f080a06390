"""Shape rules: how an op's static output shape follows from its inputs'.

A rule takes the node under construction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, broadcast_static_shape, unknown_shape
from reflow.graph.constant import constant_value, constant_value_as_shape

Rule = Callable[[Any], Any]
SCALAR = TensorShape.of(())
UNKNOWN = unknown_shape()


def unchanged(node: Any) -> TensorShape:
    """The shape of the first input."""
    return node.inputs[0].shape  # type: ignore[no-any-return]


def scalar(node: Any) -> TensorShape:
    return SCALAR


def unknown(node: Any) -> list[TensorShape]:
    return [UNKNOWN] * len(node.outputs)


def no_outputs(node: Any) -> list[TensorShape]:
    return []


def like_input(*positions: int) -> Rule:
    """Output i has the shape of input `positions[i]`."""
    return lambda node: [node.inputs[p].shape for p in positions]


def merged_inputs(node: Any) -> TensorShape:
    """All inputs have one shape, which is the output's."""
    shape = node.inputs[0].shape
    for x in node.inputs[1:]:
        shape = shape.merge_with(x.shape)
    return shape  # type: ignore[no-any-return]


def broadcast(node: Any) -> TensorShape:
    """NumPy broadcasting of the two inputs."""
    x, y = node.inputs[0].shape, node.inputs[1].shape
    try:
        return broadcast_static_shape(x, y)
    except ValueError:
        pair = next(
            (a, b)
            for a, b in zip(reversed(x.ints), reversed(y.ints), strict=False)
            if a != b and 1 not in (a, b)
        )
        raise ValueError(f"Dimensions must be equal, but are {pair[0]} and {pair[1]}") from None


def vector(node: Any) -> TensorShape:
    return TensorShape.of((None,))


def from_input(position: int) -> Rule:
    """The output's shape is the value of an input."""
    return lambda node: constant_value_as_shape(node.inputs[position])


def from_attr(name: str) -> Rule:
    """The output's shape is an attribute."""
    return lambda node: node.attrs[name]


def axes_of(tensor: Any, rank: int | None) -> tuple[int, ...] | None:
    """The axes that a constant axis input names, as non-negative numbers; None when not known."""
    value = constant_value(tensor)
    if value is None or rank is None:
        return None
    axes = []
    for axis in np.ravel(value).tolist():
        if not -rank <= axis < rank:
            raise ValueError(f"Invalid reduction dimension {axis} for input with {rank} dimensions.")
        axes.append(axis % rank)
    return tuple(axes)


def reduction(node: Any) -> TensorShape:
    """The first input's shape without (or with 1 for) the axes that the second input names."""
    shape, keep = node.inputs[0].shape, node.attrs.get("keep_dims", False)
    axes = axes_of(node.inputs[1], shape.ndims)
    if axes is None:
        if keep and shape.ndims is not None:
            return unknown_shape(ndims=shape.ndims)
        count = constant_value(node.inputs[1])
        if not keep and shape.ndims is not None and count is not None:
            return unknown_shape(ndims=shape.ndims - count.size)
        return UNKNOWN
    if keep:
        return TensorShape.of(tuple(1 if i in axes else d for i, d in enumerate(shape.ints)))
    return TensorShape.of(tuple(d for i, d in enumerate(shape.ints) if i not in axes))
