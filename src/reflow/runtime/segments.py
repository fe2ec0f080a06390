"""A plan cut into as few segments as possible: those that XLA can take, and host segments, in turn."""

from __future__ import annotations

import itertools
from collections.abc import Container
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph.branches import SWITCHES
from reflow.graph.node import Operation
from reflow.graph.registry import rule
from reflow.runtime.evaluate import Step, evaluate
from reflow.runtime.fusion import fused
from reflow.runtime.padded import pad
from reflow.runtime.plan import Plan

# Ops whose output is known while tracing although their input is not: they look at its shape only.
SHAPE_ONLY = frozenset(("Shape", "ShapeN", "Size", "Rank", "ZerosLike", "OnesLike"))
HOST_TYPES = frozenset(("string", "resource", "variant"))
RESTORES = frozenset({"RestoreV2", "Restore", "RestoreSlice"})
# Ops that wait for the disk, or for other threads, which may need the session's lock meanwhile: in no segment
# with writes.
WAITING = frozenset(
    {"QueueEnqueueV2", "QueueEnqueueManyV2", "QueueDequeueV2", "QueueDequeueManyV2", "QueueDequeueUpToV2"}
    | {"ReaderReadV2", "ReaderReadUpToV2"}
    | RESTORES
)
# Ops that make no copy of a NumPy array.
MOVES = frozenset(("Identity", "Reshape", "Assign", "AssignVariableOp"))
# Ops that may wait for functions of a dataset in other threads, which may need that lock too.
PULLING = frozenset(
    {"IteratorGetNext", "IteratorGetNextSync", "IteratorGetNextAsOptional"}
    | {"DatasetToSingleElement", "ReduceDataset"}
)
SMALL = 1 << 16  # elements: what the host may compute on the way to its own steps
STATIC_FEED_LIMIT = 256  # elements of a feed that may be part of a program's key

Sources = (
    frozenset[int] | None
)  # the feeds that a value follows from; None when it follows from anything else


class Segment:
    """Some steps of a plan that run together, and what passes in and out."""

    def __init__(self, plan: Plan, steps: list[Step], host: bool) -> None:
        self.steps = steps
        self.host = host
        self.writes = list(dict.fromkeys(i for s in steps for i in s.writes))
        self.resized = _resized(plan, steps)
        made: set[int] = set()
        inputs: dict[int, None] = {}
        for step in steps:
            inputs.update(dict.fromkeys(i for i in looked_at_by(step) if i not in made and _wanted(i, step)))
            made.update(step.outputs)
        self.inputs = list(inputs)
        self.needs_store = host and any(_needs_store(s.node) for s in steps)
        self.made = made
        self.slots = [i for i in self.inputs if i in plan.slot_places]
        self.outputs: list[int] = []
        self.joined = steps  # the same work in fewer steps, for runs that nobody watches
        self.parts: dict[Any, list[Step]] = {}  # what a joined step, by its node, is made of

    def evaluate(self, env: list[Any]) -> None:
        """Compute the steps with NumPy."""
        try:
            evaluate(self.joined, env)
        except errors.OpError as error:
            evaluate(self.parts.get(error.op, []), env)  # one of them tells the error as its own
            raise

    def keep(self, later: set[int]) -> None:
        """Note which of its results are needed after it."""
        self.outputs = sorted(i for i in self.made if i in later and i not in self.writes)
        self._free_early(later.union(self.writes))

    def _free_early(self, kept: set[int]) -> None:
        """Let interpreted runs drop large values after their last use: what initializes a variable takes
        several steps, each as large as the variable.
        """
        last: dict[int, int] = {}
        for number, step in enumerate(self.steps):
            last.update(dict.fromkeys(looked_at_by(step), number))
            if not _is_small(step):
                last.update(dict.fromkeys(step.outputs, number))
        large = {i for s in self.steps if not _is_small(s) for i in s.outputs} - kept
        for place in large:
            if last[place] + 1 < len(self.steps):
                self.steps[last[place] + 1].frees += (place,)


def _needs_store(node: Operation) -> bool:
    """Whether a node's kernel looks at the session: to call a function, or to find an iterator."""
    types = [t.dtype.base_dtype.name for t in (*node.inputs, *node.outputs)]
    return (
        "resource" in types
        or "variant" in types
        or any(
            a.type in ("func", "list(func)")
            for a in (node.definition.attrs.values() if node.definition else ())
        )
    )


def _resized(plan: Plan, steps: list[Step]) -> set[int]:
    """The slots that may have another shape after the steps than before."""
    free = {place for place, owner in plan.slots.values() if not _has_fixed_shape(owner)}
    free.update(i for s in steps if not s.node.attrs.get("validate_shape", True) for i in s.writes)
    return free


def _has_fixed_shape(owner: Operation) -> bool:
    if owner.type == "Placeholder":
        return False  # a variable that a function changes
    own = rule(owner.type)
    if own is None or own.slot is None:
        return True  # the state of a random op
    shape = owner.attrs.get("shape")
    return shape is not None and shape.is_fully_defined()


def _wanted(place: int, step: Step) -> bool:
    """Whether a step needs what is at `place` (an Assign does not need the old value)."""
    return step.host or bool(step.guard) or place in step.reads or place not in step.writes


def looked_at_by(step: Step) -> list[int]:
    """The places of a step's inputs and conditions."""
    guards = (step.guard, *(step.choices or ()))
    return [*step.inputs, *(place for guard in guards for place, _ in guard)]


def static_sources(plan: Plan) -> set[int]:
    """Mark the steps that must run on the host because a static input is not known while tracing; returns
    the feeds
    whose values must be."""
    pad(plan)
    sources: dict[int, Sources] = {i: frozenset() for i in plan.constants}
    sources.update({i: frozenset((i,)) for i in plan.feed_places})
    static: set[int] = set()
    for step in plan.steps:
        step.host = (step.host and not _is_foldable(step, sources)) or _has_host_type(step, plan.constants)
        for position in [] if step.host else static_positions(step):
            shift = 1 if step.rule.state is not None and position >= 0 else 0
            if not -len(step.inputs) <= position + shift < len(step.inputs):
                continue
            found = sources.get(step.inputs[position + shift])
            if found is None:
                step.host = True
                break
            static |= found
        known = _united(step, sources)
        sources.update(dict.fromkeys(step.outputs, known))
    return static


def _is_foldable(step: Step, sources: dict[int, Sources]) -> bool:
    """Whether a host step only works on shapes that are known while tracing: then it is computed there."""
    definition = step.node.definition
    pure = step.rule.host_only and definition is not None and not definition.stateful
    if not pure or step.reads or step.writes or step.guard:
        return False
    return all(sources.get(i) == frozenset() for i in step.inputs)


def static_positions(step: Step) -> tuple[int, ...]:
    """The inputs that must be concrete; a generic gradient has those of the op it is of."""
    if step.rule.host_only and not step.padded:
        return tuple(range(len(step.inputs)))
    forward = step.node.attrs.get("forward")
    if forward is None:
        return step.rule.static
    own = rule(forward.name)
    return tuple(i % forward.inputs for i in own.static) if own is not None else ()


def _united(step: Step, sources: dict[int, Sources]) -> Sources:
    if step.host or step.rule.state is not None or step.choices is not None:
        return None
    if step.node.type in SWITCHES:  # a value passes through as it is, whichever side is alive
        return sources.get(step.inputs[0])
    if step.node.type in SHAPE_ONLY:
        return frozenset()
    if step.reads:
        return None
    result: frozenset[int] = frozenset()
    for place in step.inputs:
        found = sources.get(place)
        if found is None:
            return None
        result |= found
    return result


def _has_host_type(step: Step, constants: Container[int]) -> bool:
    inputs = list(step.node.inputs)
    if step.node.type == "Assert":  # its message may hold texts, if they are known
        inputs = [t for t, i in zip(inputs, step.inputs, strict=True) if i not in constants]
    tensors = [*step.node.outputs, *inputs]
    variables = step.rule.updates or step.reads
    names = {t.dtype.base_dtype.name for t in tensors if not (variables and t.dtype.name == "resource")}
    return bool(names & HOST_TYPES)


def absorb(plan: Plan) -> None:
    """Let the host compute small steps between its inputs and its own steps, so that XLA need not run
    before it.

    The indices of a sparse update, say, pass a Reshape on their way from a feed to the host's Unique.
    """
    producer = {i: step for step in plan.steps for i in step.outputs}
    able: set[int] = set()  # could run on the host before any XLA segment
    for step in plan.steps:
        before = [producer[i] for i in step.inputs if i in producer]
        if _absorbable(plan, step) and all(p.host or id(p) in able for p in before):
            able.add(id(step))
    wanted: set[int] = set()
    for step in reversed(plan.steps):  # only if what they make goes to the host's own steps
        if step.host or (id(step) in able and not wanted.isdisjoint(step.outputs)):
            step.host = True
            wanted.update(step.inputs)


def _absorbable(plan: Plan, step: Step) -> bool:
    pure = not step.host and not step.writes and step.rule.kernel is not None
    stateless = step.rule.state is None
    return pure and stateless and plan.slot_places.isdisjoint(step.inputs) and _is_small(step)


def _is_small(step: Step) -> bool:
    sizes = [t.shape.num_elements() for t in step.node.outputs]
    return all(n is None or n <= SMALL for n in sizes)


def _keep_restored_on_host(plan: Plan) -> None:
    """Let a plan that only restores variables do without XLA, which would hold the values a second time."""
    computed = [s for s in plan.steps if not s.host]
    if all(s.node.type in MOVES for s in computed) and any(s.node.type in RESTORES for s in plan.steps):
        for step in computed:
            step.host = True


def cut(plan: Plan) -> list[Segment]:
    """The segments of a plan whose steps are marked as host steps or not."""
    _keep_restored_on_host(plan)
    absorb(plan)
    levels = _levels(plan)
    while _move_to_host(plan, levels):
        levels = _levels(plan)
    segments = []
    for level in sorted(set(levels)):
        steps = [s for s, n in zip(plan.steps, levels, strict=True) if n == level]
        segments += [Segment(plan, part, level % 2 == 0) for part in _apart(steps) if part]
    later = set(plan.fetched)
    for segment in reversed(segments):
        segment.keep(later)
        later |= set(segment.inputs)
        if segment.host and not segment.writes:
            segment.joined, segment.parts = fused(plan, segment.steps, segment.outputs)
    return segments


def _apart(steps: list[Step]) -> list[list[Step]]:
    """The steps of a level, those that wait by themselves."""
    waiting = [s for s in steps if s.node.type in WAITING]
    others = [s for s in steps if s.node.type not in WAITING] if waiting else steps
    if not any(s.writes for s in others):
        return [others, waiting]
    groups = itertools.groupby(others, lambda s: s.node.type in PULLING)
    return [*(list(group) for _, group in groups), waiting]


def _levels(plan: Plan) -> list[int]:
    """The segment of each step, by number."""
    levels: list[int] = []
    last_host_effect = -1
    for number, step in enumerate(plan.steps):
        after = set(step.after)
        effect = step.host and step.node.definition is not None and step.node.definition.stateful
        if effect and last_host_effect >= 0:
            after.add(last_host_effect)
        levels.append(_level(step, [(plan.steps[d], levels[d]) for d in after]))
        if effect:
            last_host_effect = number
    return levels


def _move_to_host(plan: Plan, levels: list[int]) -> bool:
    """Mark steps that need a static input from another segment, where it is an argument and so not known
    while tracing.
    """
    producer = {i: n for step, n in zip(plan.steps, levels, strict=True) for i in step.outputs}
    moved = False
    for step, level in zip(plan.steps, levels, strict=True):
        for position in [] if step.host else static_positions(step):
            shift = 1 if step.rule.state is not None and position >= 0 else 0
            if -len(step.inputs) <= position + shift < len(step.inputs):
                place = step.inputs[position + shift]
                step.host = step.host or producer.get(place, level) != level
        moved = moved or (step.host and level % 2 == 1)
    return moved


def _level(step: Step, before: list[tuple[Step, int]]) -> int:
    """Even levels are host segments, odd ones XLA segments; a step comes as early as those before it
    allow, and one that waits in a level after those before it.
    """
    level = 0 if step.host else 1
    for other, its in before:
        apart = step.node.type in WAITING or other.node.type in WAITING
        level = max(level, its + (2 if apart else 0) if other.host == step.host else its + 1)
    return level


def as_key(value: np.ndarray) -> Any:
    """A feed's value as part of a program's key."""
    return (value.dtype.str, value.shape, value.tobytes())
