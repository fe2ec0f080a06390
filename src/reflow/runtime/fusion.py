"""Host steps that do the work of the steps before them too.

A merged summary is made of parts that nobody else looks at: one kernel writes them all, without the loop's
work for each and without looking at the parts again.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reflow.graph.node import Operation
from reflow.runtime.evaluate import Step

if TYPE_CHECKING:
    from reflow.runtime.plan import Plan


def fused(plan: Plan, steps: list[Step], kept: list[int]) -> tuple[list[Step], dict[Operation, list[Step]]]:
    """The steps of a host segment without writes, where one that can be joined with its makers is.

    `kept` are the places that are looked at after the segment. Gives the steps of each joined one too, by its
    node: when it fails, they tell the error.
    """
    users = Counter(kept)
    users.update(i for step in steps for i in step.inputs)
    makers = {
        s.outputs[0]: s for s in steps if len(s.outputs) == 1 and not s.guard and users[s.outputs[0]] == 1
    }
    result: list[Step] = []
    originals: dict[Operation, list[Step]] = {}
    for step in steps:
        parts = [makers[i] for i in step.inputs if i in makers]
        whole = _joined(plan, step, parts) if len(parts) == len(step.inputs) else None
        if whole is not None:
            originals[step.node] = [*parts, step]
            absorbed = {id(p) for p in parts}
            result = [s for s in result if id(s) not in absorbed]
        result.append(whole or step)
    return (result if originals else steps), originals


def _joined(plan: Plan, step: Step, parts: list[Step]) -> Step | None:
    """A step that does the work of its makers too, if its rule knows how."""
    if step.rule.fused is None or step.guard:
        return None
    kernel = step.rule.fused([(p.node, [plan.constants.get(i) for i in p.inputs]) for p in parts])
    if kernel is None:
        return None
    inputs = tuple(i for p in parts for i in p.inputs if i not in plan.constants)
    whole = Step(step.node, step.rule, inputs, step.outputs, host=True)
    whole.concrete = kernel
    return whole
