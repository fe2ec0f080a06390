"""Conditionals at run time: when each node is alive.

A Switch makes its two outputs alive under a condition and under its opposite; what is computed from them
inherits that; a Merge whose inputs are alive under opposite conditions is alive whatever the condition. So
each node of a plan has a *guard*, a conjunction of conditions. The interpreter skips steps whose guard does
not hold. In an XLA program all steps are computed: a Merge selects, and what a guarded step writes or
refuses counts only where its guard holds (if-conversion: Allen, Kennedy, Porterfield, Warren, "Conversion of
control dependence to data dependence", POPL 1983).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.graph.branches import DEAD, MERGES, SWITCHES
from reflow.graph.node import Operation, Tensor

Literal = tuple[Tensor, bool]  # a condition and the value that it must have
Guard = tuple[Literal, ...]
Places = tuple[tuple[int, bool], ...]  # a guard as places in the list of values


class BranchesDifferError(Exception):
    """The sides of a conditional have different shapes, so XLA cannot select between them."""


class Guards:
    """The guards of the nodes of a plan, given in an order in which each follows those it waits for."""

    def __init__(self, fed: set[Tensor]) -> None:
        self._fed = fed
        self._of: dict[Operation, Guard] = {}

    def add(self, node: Operation) -> Guard:
        """Work out the guard of a node."""
        if node.type in MERGES:
            guards = [self.choice(t) for t in node.inputs]
            guard: Guard = tuple(x for x in guards[0] if all(x in other for other in guards[1:]))
        else:
            guard = ()
            for tensor in node.inputs:
                guard = _joined(guard, self.choice(tensor))
        for control in node.control_inputs:
            guard = _joined(guard, self._of.get(control, ()))
        if guard:
            self._of[node] = guard
        return guard

    def choice(self, tensor: Tensor) -> Guard:
        """When a tensor is alive."""
        if tensor in self._fed:
            return ()
        node = tensor.op
        guard = self._of.get(node, ())
        if node.type in SWITCHES:
            return _joined(guard, ((self._source(node.inputs[1]), tensor.value_index == 1),))
        return guard

    def _source(self, pred: Tensor) -> Tensor:
        """The tensor whose value a condition has: conditions reach a branch through Identity and Switch."""
        while pred not in self._fed and pred.op.type in ("Identity", "Switch"):
            origin = pred.op.inputs[0]
            if origin.dtype.is_ref_dtype:
                break
            pred = origin
        return pred


def _joined(one: Guard, other: Guard) -> Guard:
    return one + tuple(x for x in other if x not in one)


def holds(guard: Places, env: list[Any]) -> bool:
    """Whether a guard holds, all values being known."""
    for place, wanted in guard:
        value = env[place]
        if value is DEAD or bool(value) != wanted:
            return False
    return True


def traced(guard: Places, env: list[Any], jnp: Any) -> Any:
    """Whether a guard holds while a program is being made: True, False, or a traced boolean."""
    result: Any = True
    for place, wanted in guard:
        value = env[place]
        if value is DEAD:
            return False
        if isinstance(value, (np.ndarray, np.generic, bool)):
            if bool(value) != wanted:
                return False
            continue
        term = value.reshape(()) if wanted else jnp.logical_not(value.reshape(()))
        result = term if result is True else jnp.logical_and(result, term)
    return result


def selected(alive: Any, value: Any, other: Any, jnp: Any) -> Any:
    """`value` where `alive`, else `other`."""
    if alive is True or other is DEAD:
        return value
    if alive is False or value is DEAD:
        return other
    if np.shape(value) != np.shape(other):
        raise BranchesDifferError(f"{np.shape(value)} against {np.shape(other)}")
    return jnp.where(alive, value, other)
