"""Initial values that depend on other variables, made safe to compute in one run with those variables'
initializers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from reflow.graph.graph import GraphKeys, colocate_with, emit, name_scope
from reflow.graph.node import Operation, Tensor

HOLDERS = ("Variable", "VariableV2", "VarHandleOp")
SAFE = ("IsVariableInitialized", "VarIsInitializedOp", "ReadVariableOp", "If", "StatelessIf")


def guarded(scope: str, value: Tensor) -> Tensor:
    """`value` with each variable that it reads replaced by that variable's `initialized_value`.

    The nodes between are copied, under their names with `scope` appended. A value that reads no variable, or
    that is part of a loop, is returned as it is.
    """
    if not isinstance(value, Tensor):
        raise TypeError(f"initial_value needs to be a Tensor: {value}")
    if value.op.type == "Const":
        return value
    order = _ancestors_first(value.op)
    if order is None or not any(op.type in HOLDERS for op in order):
        return value
    copies: dict[Operation, list[Tensor]] = {}
    for op in order:
        copies[op] = _guarded_outputs(op, copies, scope)
    return copies[value.op][value.value_index]


def initialized_or_initial(
    is_initialized: Tensor, initial: Tensor, read: Callable[[Callable[[Operation], None]], Tensor]
) -> Tensor:
    """The value that `read` adds to the graph if `is_initialized`, else `initial`.

    The nodes are those of a conditional in TensorFlow 1, in its order: only the side that is taken is
    computed. `read` calls its argument with the node that reads, which then reads through a switch.
    """
    with name_scope("cond"):
        sides = _switched(is_initialized, is_initialized, "Switch", colocated=False)
        emit("Identity", sides[1], name="switch_t")
        emit("Identity", sides[0], name="switch_f")
        chosen = emit("Identity", is_initialized, name="pred_id")

        def through_switch(reader: Operation) -> None:
            with name_scope(reader.name + "/"):
                reader._update_input(0, _switched(reader.inputs[0], chosen, "Switch")[1])

        value = read(through_switch)
        other = _switched(initial, chosen, "Switch")[0]
        merged: list[Tensor] = emit("Merge", [other, value])
        merged[0].set_shape(initial.shape)
        merged[1].set_shape(())
    return merged[0]


def _switched(tensor: Tensor, chosen: Tensor, name: str, colocated: bool = True) -> list[Tensor]:
    """`tensor` as it goes to either side of a conditional."""
    op_type = "RefSwitch" if tensor.dtype.is_ref_dtype else "Switch"
    with colocate_with(tensor.op, ignore_existing=True) if colocated else contextlib.nullcontext():
        sides: list[Tensor] = emit(op_type, tensor, chosen, name=name)
    for side in sides:
        side.set_shape(tensor.shape)
    return sides


def _guarded_outputs(op: Operation, copies: dict[Operation, list[Tensor]], scope: str) -> list[Tensor]:
    """The outputs of `op`, or of its guarded copy."""
    if op.type in SAFE:
        return op.outputs
    if op.type in HOLDERS:
        safe = _initialized_value(op)
        return op.outputs if safe is None else safe.op.outputs
    inputs = [copies[t.op][t.value_index] for t in op.inputs]
    if all(new is old for new, old in zip(inputs, op.inputs, strict=True)):
        return op.outputs
    new_type = "Switch" if op.type == "RefSwitch" else op.type
    name = f"{op.name}_{scope}".replace(":", "_")
    copy = op.graph.create_op(new_type, inputs, name=name, attrs=dict(op.attrs))
    copy.colocation = copy.colocation or list(op.colocation)
    for new, old in zip(copy.outputs, op.outputs, strict=True):
        new.set_shape(old.shape)
    return copy.outputs


def _initialized_value(holder: Operation) -> Any:
    """The `initialized_value` of the variable that `holder` holds; None if it is in no collection of
    variables."""
    names = (holder.name, holder.name + ":0")
    for key in (GraphKeys.GLOBAL_VARIABLES, GraphKeys.LOCAL_VARIABLES):
        for variable in holder.graph.get_collection(key):
            if getattr(variable, "name", None) in names and hasattr(variable, "initialized_value"):
                return variable.initialized_value()
    return None


def _ancestors_first(last: Operation) -> list[Operation] | None:
    """All nodes that `last` reads from and `last`, in an order to compute them; None if there is a cycle
    among them.

    Depth first, inputs in order, so that copies are made in TensorFlow's order; an explicit stack, as graphs
    are deep. Nodes behind a safe node or a variable are not visited, as nothing behind them is copied.
    """
    order: list[Operation] = []
    state: dict[Operation, bool] = {last: False}  # False: begun, True: in `order`
    stack = [(last, iter(_parents(last)))]
    while stack:
        op, parents = stack[-1]
        parent = next(parents, None)
        if parent is None:
            stack.pop()
            state[op] = True
            order.append(op)
        elif parent not in state:
            state[parent] = False
            stack.append((parent, iter(_parents(parent))))
        elif not state[parent]:
            return None
    return order


def _parents(op: Operation) -> list[Operation]:
    return [] if op.type in SAFE or op.type in HOLDERS else [t.op for t in op.inputs]
