"""Ops with results of unknown length, in XLA: their results padded, where nobody can tell.

XLA knows all shapes beforehand; the results of `Unique` and `ComputeAccidentalHits` have none. What
optimizers and sampled losses do with them comes to the same, though, when they are as long as the input, and
the elements that are too many stand for no row (`graph.checks.absent`) or say what another one says. Such an
op has a kernel `padded`, and here is looked up whether all that is made of its results is of that kind. If
not, the op stays on the host, where it is in interpreted runs in any case.
"""

from __future__ import annotations

from typing import Any

from reflow.graph.constant import constant_value
from reflow.runtime.evaluate import Step
from reflow.runtime.plan import Plan

ELEMENTWISE = ("Mul", "Neg", "Square", "RealDiv", "Add", "AddV2", "Sub", "Cast", "Identity")
WRITERS = ("ScatterAdd", "ScatterSub", "ResourceScatterAdd", "ResourceScatterSub")
DONE = ""  # what an op makes of it does not show the padding

# Kind of a padded value -> op type and position of the input -> kind of what the op makes of it.
# The rows that `Unique` numbers are summed and written to a variable.
FLOWS: dict[str, dict[tuple[str, int], str]] = {
    "number": {("Shape", 0): "count", **{(writer, 1): DONE for writer in WRITERS}},
    "place": {("UnsortedSegmentSum", 1): "row"},
    "count": {("StridedSlice", 0): "count", ("UnsortedSegmentSum", 2): DONE},
    "row": {
        **{(name, position): "row" for name in ELEMENTWISE for position in (0, 1)},
        **{(writer, 2): DONE for writer in WRITERS},
    },
    "cell": {
        ("Reshape", 0): "cell",
        ("Cast", 0): "cell",
        ("ConcatV2", 0): "cell",
        ("ConcatV2", 1): "cell",
        ("SparseToDense", 0): DONE,
    },
    "weight": {("Cast", 0): "weight", ("SparseToDense", 2): DONE},
}
KINDS = {"Unique": ("number", "place"), "ComputeAccidentalHits": ("cell", "cell", "weight")}


def pad(plan: Plan) -> None:
    """Mark the steps that may run in XLA with padded results, and those that use these."""
    starts = [s for s in plan.steps if s.rule.padded is not None]
    users = _users(plan) if starts else {}
    for step in starts:
        found = _follow(step, users, set(plan.fetched))
        if found is not None:
            step.host = False
            for each in (step, *found):
                each.padded = True


def _users(plan: Plan) -> dict[int, list[tuple[Step, int]]]:
    users: dict[int, list[tuple[Step, int]]] = {}
    for step in plan.steps:
        for position, place in enumerate(step.inputs):
            users.setdefault(place, []).append((step, position))
    return users


def _follow(start: Step, users: dict[int, list[tuple[Step, int]]], fetched: set[int]) -> list[Step] | None:
    """All steps that the padding reaches, or None when one of them would show it."""
    kinds = dict(zip(start.outputs, KINDS[start.node.type], strict=True))
    todo, reached = list(kinds), []
    while todo:
        place = todo.pop()
        if place in fetched:
            return None
        for step, position in users.get(place, []):
            made = _made(kinds[place], step, position)
            if made is None or step.guard:
                return None
            reached.append(step)
            if made == DONE:
                continue
            for output in step.outputs:
                if output not in kinds:
                    kinds[output] = made
                    todo.append(output)
    return reached if all(_level(step, kinds) for step in reached) else None


def _made(kind: str, step: Step, position: int) -> str | None:
    """The kind of what a step makes of a padded input; None when it may show the padding."""
    name = step.node.type
    if "SparseApply" in name and step.node.definition is not None:
        argument = step.node.definition.inputs[position].name
        return DONE if (kind, argument) in (("number", "indices"), ("row", "grad")) else None
    if name == "SparseToDense" and not _fills_with_zeros(step):
        return None
    return FLOWS[kind].get((name, position))


def _fills_with_zeros(step: Step) -> bool:
    default = constant_value(step.node.inputs[3])
    return not step.node.attrs["validate_indices"] and default is not None and not default.any()


def _level(step: Step, kinds: dict[int, str]) -> bool:
    """Whether an elementwise step joins padded rows with nothing but such rows and scalars."""
    if step.node.type not in ELEMENTWISE:
        return True
    pairs: Any = zip(step.inputs, step.node.inputs, strict=True)
    return all(place in kinds or tensor.shape.ints == () for place, tensor in pairs)
