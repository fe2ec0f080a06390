"""Switch and Merge: TensorFlow 1's conditional values.

A Switch hands its input to one of two sides; what is computed from the other side is dead and does not run; a
Merge takes what is alive. `runtime.guards` says how a session runs them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.branches import DEAD
from reflow.graph.checks import CheckFailed
from reflow.graph.composite import IndexedSlices, SparseTensor
from reflow.graph.graph import Tensor, colocate_with, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register


def switch(data: Any, pred: Any, dtype: Any = None, name: str | None = None) -> Any:
    """`data` on the side that `pred` chooses: `(if_false, if_true)`; the other side is dead.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     off, on = switch(tf.constant(1), tf.constant(True))
    ...     print(sess.run(merge([off + 10, on])[0]))
    1
    """
    with name_scope(name, "Switch", [data, pred]) as scope:
        chosen = convert_to_tensor(pred, name="pred")
        if isinstance(data, (IndexedSlices, SparseTensor)):
            sides = [emit("Switch", part, chosen) for part in data._components()]
            return tuple(type(data)(*[s[i] for s in sides]) for i in (0, 1))
        off, on = emit("Switch", convert_to_tensor(data, dtype, name="data"), chosen, name=scope)
        return off, on


def switch_ref_or_tensor(data: Any, pred: Any, name: str = "Switch") -> Any:
    """Both sides of a tensor, reference or slices, placed with it."""
    with colocate_with(data.op, ignore_existing=True):
        if not isinstance(data, Tensor):
            return switch(data, pred, name=name)
        op_type = "RefSwitch" if data.dtype.is_ref_dtype else "Switch"
        return emit(op_type, data, pred, name=name)


def merge(inputs: Sequence[Any], name: str | None = None) -> Any:
    """The one input that is alive, and its number: `[value, value_index]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     off, on = switch(tf.constant(1), tf.constant(False))
    ...     print(*sess.run(merge([off, on])))
    1 0
    """
    if any(i is None for i in inputs):
        raise ValueError(f"At least one of the merge inputs is None: {inputs}")
    with name_scope(name, "Merge", inputs) as scope:
        if any(isinstance(i, (IndexedSlices, SparseTensor)) for i in inputs):
            return _merge_composites(inputs)
        tensors = [convert_to_tensor(i) for i in inputs]
        op_type = "RefMerge" if all(t.dtype.is_ref_dtype for t in tensors) else "Merge"
        return emit(op_type, tensors, name=scope)


def _merge_composites(inputs: Sequence[Any]) -> list[Any]:
    """The parts of slices or sparse tensors, each merged; dense gradients among slices become slices."""
    if any(isinstance(i, IndexedSlices) for i in inputs):
        inputs = [i if isinstance(i, IndexedSlices) else _as_slices(i) for i in inputs]
        types = {i.indices.dtype.base_dtype for i in inputs}
        if len(types) > 1:
            wide = [emit("Cast", i.indices, DstT=dtypes.int64) for i in inputs]
            inputs = [IndexedSlices(i.values, w, i.dense_shape) for i, w in zip(inputs, wide, strict=True)]
    parts = [emit("Merge", list(p)) for p in zip(*[i._components() for i in inputs], strict=True)]
    return [type(inputs[0])(*[p[0] for p in parts]), parts[0][1]]


def _as_slices(dense: Any) -> IndexedSlices:
    tensor = convert_to_tensor(dense)
    shape = emit("Shape", tensor)
    return IndexedSlices(tensor, emit("Range", 0, shape[0], 1), shape)


# The ops


def _switch_shape(node: Any) -> list[TensorShape]:
    node.inputs[1].shape.assert_is_compatible_with(TensorShape([]))
    return [node.inputs[0].shape] * 2


def _switch_kernel(xp: Any, data: Any, pred: Any) -> tuple[Any, Any]:
    return (DEAD, data) if pred else (data, DEAD)


def _switch_traced(xp: Any, data: Any, pred: Any) -> tuple[Any, Any]:
    return data, data  # both sides are computed, and the Merge selects


def _switch_gradient(op: Any, *grads: Any) -> list[Any]:
    """What came through the branch taken."""
    context = op._get_control_flow_context()
    if context is None:
        off, on = switch(grads[0], op.inputs[1])[0], switch(grads[1], op.inputs[1])[1]
        return [merge([off, on])[0], None]
    if grads[1 - context.branch] is not None:
        return [merge(grads, name="cond_grad")[0], None]
    if op.inputs[0].dtype.name == "resource":  # there are no zeros of a handle
        return [merge([grads[context.branch]] * 2, name="cond_resource_grad")[0], None]
    return [None, None]


def _merge_shape(node: Any) -> list[TensorShape]:
    shapes = [t.shape.ints for t in node.inputs]
    if any(s is None or len(s) != len(shapes[0] or ()) for s in shapes):
        merged = unknown_shape()
    else:
        merged = TensorShape.of(tuple(d[0] if len(set(d)) == 1 else None for d in zip(*shapes, strict=True)))
    return [merged, TensorShape.of(())]


def _merge_kernel(xp: Any, *inputs: Any) -> tuple[Any, Any]:
    for i, value in enumerate(inputs):
        if value is not DEAD:
            return value, np.int32(i)
    raise CheckFailed("Merge has no live input", errors.InternalError)


def _merge_gradient(op: Any, grad: Any, _: Any) -> list[Any]:
    """The gradient goes to the input that was taken."""
    context = op.inputs[0].op._get_control_flow_context()
    if context is not None:
        return list(switch_ref_or_tensor(grad, context.pred, name="cond_grad"))
    taken = [emit("Equal", op.outputs[1], np.int32(i)) for i in range(len(op.inputs))]
    return [switch_ref_or_tensor(grad, t)[1] for t in taken]


for _type in ("Switch", "RefSwitch"):
    register(_type, shape=_switch_shape, kernel=_switch_kernel, xla=_switch_traced, gradient=_switch_gradient)
for _type in ("Merge", "RefMerge"):
    register(_type, shape=_merge_shape, kernel=_merge_kernel, gradient=_merge_gradient)
