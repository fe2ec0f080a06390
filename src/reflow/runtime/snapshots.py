"""Copies of variables for host steps that look at them in a run in which XLA changes them.

A histogram of a weight, say, shows the weight before the step. The host could look at it before XLA begins;
but that is one more segment, and XLA cannot change in place what the host still looks at. So the program
returns the old value among its results.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from reflow.graph.node import Operation
from reflow.graph.registry import rule
from reflow.runtime.evaluate import Step

if TYPE_CHECKING:
    from reflow.runtime.plan import Plan

NUMBERS = "fiubc"  # kinds of NumPy types that XLA copies


def add_snapshots(plan: Plan) -> None:
    """Let host steps that no XLA step waits for read copies of the variables that XLA writes.

    To be called before the accesses of the slots are put in order: a step then only follows those whose
    results, or whose end, it really waits for.
    """
    changed = {i for s in plan.steps if not s.host for i in s.writes}
    owners = {i: owner for i, owner in plan.slots.values() if i in changed and _is_array(owner)}
    readers = _last_readers(plan, owners)
    if not readers:
        return
    steps: list[Step] = []
    moved: list[int] = []  # the new number of each step
    for number, step in enumerate(plan.steps):
        step.after = {moved[n] for n in step.after}
        if number in readers:
            _read_copies(plan, steps, step, owners)
        moved.append(len(steps))
        steps.append(step)
    plan.steps = steps


def _is_array(owner: Operation) -> bool:
    """Whether a slot holds an array that XLA copies."""
    own = rule(owner.type)
    if own is None or own.slot is None or "shape" not in owner.attrs:
        return False
    return np.dtype(owner.attrs["dtype"].base_dtype.as_numpy_dtype).kind in NUMBERS


def _last_readers(plan: Plan, owners: dict[int, Operation]) -> set[int]:
    """The numbers of the host steps that read one of the slots and that no XLA step follows."""
    followed: set[int] = set()
    readers: set[int] = set()
    for number in reversed(range(len(plan.steps))):
        step = plan.steps[number]
        if not step.host or number in followed:
            followed |= step.after
        elif not step.writes and not step.guard and not owners.keys().isdisjoint(step.reads):
            readers.add(number)
    return readers


def _read_copies(plan: Plan, steps: list[Step], reader: Step, owners: dict[int, Operation]) -> None:
    """Append to `steps` what copies the slots that a step reads, and make it read the copies."""
    identity = rule("Identity")
    assert identity is not None
    copies: dict[int, int] = {}
    for slot in (i for i in reader.reads if i in owners):
        copies[slot] = plan.index.setdefault((slot, "before step", len(steps)), len(plan.index))
        step = Step(owners[slot], identity, (slot,), (copies[slot],), False, (slot,), after=set(reader.after))
        steps.append(step)
        reader.after.add(len(steps) - 1)
    reader.inputs = tuple(copies.get(i, i) for i in reader.inputs)
    reader.reads = tuple(i for i in reader.reads if i not in copies)
