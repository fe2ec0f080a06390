"""Switch and Merge: TensorFlow 1's conditional values, which `Variable.initialized_value()` is made of."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.branches import DEAD
from reflow.graph.checks import CheckFailed
from reflow.graph.graph import emit
from reflow.graph.registry import register


def _switch_shape(node: Any) -> list[TensorShape]:
    node.inputs[1].shape.assert_is_compatible_with(TensorShape([]))
    return [node.inputs[0].shape] * 2


def _switch(ctx: Any, data: Any, pred: Any) -> tuple[Any, Any]:
    return (DEAD, data) if pred else (data, DEAD)


def _switch_gradient(op: Any, *grads: Any) -> list[Any]:
    """What came through the branch taken."""
    given = [g for g in grads if g is not None]
    return [
        emit("Merge", given, name="cond_grad")[0] if len(given) > 1 else given[0] if given else None,
        None,
    ]


def _merge_shape(node: Any) -> list[TensorShape]:
    shapes = [t.shape.ints for t in node.inputs]
    if any(s is None or len(s) != len(shapes[0] or ()) for s in shapes):
        merged = unknown_shape()
    else:
        merged = TensorShape.of(tuple(d[0] if len(set(d)) == 1 else None for d in zip(*shapes, strict=True)))
    return [merged, TensorShape.of(())]


def _merge(ctx: Any, *inputs: Any) -> tuple[Any, Any]:
    for i, value in enumerate(inputs):
        if value is not DEAD:
            return value, np.int32(i)
    raise CheckFailed("Merge has no live input", errors.InternalError)


def _merge_gradient(op: Any, grad: Any, _: Any) -> list[Any]:
    """The gradient goes to the input that was taken."""
    index = op.outputs[1]
    result = []
    for i in range(len(op.inputs)):
        taken = emit("Switch", grad, emit("Equal", index, np.int32(i)))
        result.append(taken[1])
    return result


for _type in ("Switch", "RefSwitch"):
    register(_type, shape=_switch_shape, host=_switch, gradient=_switch_gradient)
register("Merge", shape=_merge_shape, host=_merge, gradient=_merge_gradient)
