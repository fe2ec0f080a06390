"""Runs that are watched node by node: traces of times and memory, and the search for NaN and infinity.

A watched run is interpreted, whatever the tier, and calls its observer after each node. Where the plan has
been compiled already, a trace has the time of the XLA segments too: each is called once more, on copies.
"""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors, protos
from reflow.base.shape import as_shape
from reflow.graph import graphdef, scopes
from reflow.graph.node import Operation
from reflow.runtime import backend
from reflow.runtime.evaluate import Step, evaluate
from reflow.runtime.executable import Runner
from reflow.runtime.segments import Segment

Observer = Callable[[Step, list[Any], int, int], None]  # a step, the values, start and end in nanoseconds
DEVICE = "/job:localhost/replica:0/task:0/device:CPU:0"
ALLOCATOR = "cpu"
FLOATS = "fcV"  # kinds of arrays that can hold NaN; bfloat16 is a V


class ObservedRunner(Runner):
    """A runner that interprets and tells an observer of each node."""

    def __init__(self, runner: Runner, observer: Observer) -> None:
        self.__dict__.update(runner.__dict__)
        self.tier = "interpret"
        self.direct = {}
        self.observer = observer

    def _evaluate(self, env: list[Any], segment: Segment) -> None:
        with scopes.stores.pushed(self.store):
            for step in segment.steps:
                start = time.time_ns()
                evaluate([step], env)
                self.observer(step, env, start, time.time_ns())


class TracedRunner(ObservedRunner):
    """A runner that fills a StepStats message."""

    def __init__(self, runner: Runner, stats: Any) -> None:
        super().__init__(runner, self._note)
        self.device = stats.dev_stats.add(device=DEVICE)
        self.compiled = stats.dev_stats.add(device=f"{DEVICE}/XLA")
        self._programs: dict[int, Any] = {}

    def run(self, arrays: list[Any]) -> list[Any]:
        programs = self.executable.programs.get(self.executable.key(arrays)) or []
        segments = self.executable.segments
        self._programs = {id(s): p for s, p in zip(segments, programs, strict=False) if not s.host}
        self._note_held()
        return super().run(arrays)

    def _note_held(self) -> None:
        """Constants and variables, which are there before the run."""
        plan, now = self.executable.plan, time.time_ns()
        for tensor, place in plan.index.items():
            if place in plan.constants and not isinstance(tensor, str):
                self._add(tensor.op, [plan.constants[place]], 0, now, now)
        for _, owner in plan.slots.values():
            self._add(owner, [], 0, now, now)

    def _interpret(self, env: list[Any], reads: Any, writes: Any, segment: Segment) -> None:
        program = self._programs.get(id(segment))
        if program is not None:
            self._time_program(program, env, reads, segment)
        super()._interpret(env, reads, writes, segment)

    def _time_program(self, program: Any, env: list[Any], reads: Any, segment: Segment) -> None:
        """Call a compiled segment on copies of its arguments; what it computes is dropped."""
        with self.lock:
            held = {place: cell.value for place, cell in reads}
            values = [held.get(i, env[i]) for i in program.arguments]
            if any(v is None for v in values):
                return
            arguments = [backend.on_device(np.array(v)) for v in values]
        start = time.time_ns()
        backend.jax().block_until_ready(program.call(*arguments))
        end = time.time_ns()
        node = self.compiled.node_stats.add(node_name=f"XLA segment of {len(segment.steps)} nodes")
        node.timeline_label = f"{node.node_name} = XLA()"
        _set_times(node, start, end)

    def _note(self, step: Step, env: list[Any], start: int, end: int) -> None:
        inputs = [id(env[i]) for i in step.inputs]
        own = {t: i for t in step.node.outputs if (i := self.executable.plan.index.get(t)) is not None}
        values = [env[own[t]] if t in own else None for t in step.node.outputs]
        made = sum(getattr(v, "nbytes", 0) for v in values if id(v) not in inputs)
        self._add(step.node, values, made, start, end)

    def _add(self, op: Operation, values: list[Any], made: int, start: int, end: int) -> None:
        node = self.device.node_stats.add(node_name=op.name, timeline_label=_label(op))
        node.thread_id = threading.get_native_id()
        _set_times(node, start, end)
        if made:
            node.memory.add(allocator_name=ALLOCATOR, total_bytes=made, peak_bytes=made, live_bytes=made)
        for slot, (tensor, value) in enumerate(zip(op.outputs, values, strict=False)):
            if isinstance(value, (np.ndarray, np.generic)):
                _describe(node.output.add(slot=slot), tensor, value)


def _describe(output: Any, tensor: Any, value: Any) -> None:
    description = output.tensor_description
    description.dtype = tensor.dtype.base_dtype.as_datatype_enum
    description.shape.CopyFrom(as_shape(value.shape).as_proto())
    allocation = description.allocation_description
    allocation.requested_bytes = allocation.allocated_bytes = value.nbytes
    allocation.allocator_name = ALLOCATOR


def _set_times(node: Any, start: int, end: int) -> None:
    node.all_start_nanos, node.all_start_micros = start, start // 1000
    node.op_end_rel_nanos = node.all_end_rel_nanos = end - start
    # Chrome's viewer and TensorBoard look at whole microseconds: nothing takes no time.
    node.op_end_rel_micros = node.all_end_rel_micros = max((end - start) // 1000, 1 if end > start else 0)
    node.scheduled_nanos, node.scheduled_micros = start, start // 1000


def _label(op: Operation) -> str:
    return f"{op.name} = {op.type}({', '.join(graphdef.input_name(t) for t in op.inputs)})"


def run(entry: Any, feed: Any, options: Any, run_metadata: Any) -> Any:
    """A call of `Session.run` with options or metadata: traced, if the options ask for it.

    Args:
        entry: what the session knows of this form of call.
        options: a RunOptions or None; `trace_level` above NO_TRACE fills `run_metadata.step_stats`, and
            `output_partition_graphs` its `partition_graphs`.
        run_metadata: a RunMetadata or None; its old content goes.

    TypeError for other messages.
    """
    _check(options, "RunOptions", "options")
    _check(run_metadata, "RunMetadata", "run_metadata")
    if run_metadata is None:
        return entry.run(feed)
    found = protos.RunMetadata()
    if options is not None and options.trace_level > 0:
        traced = copy.copy(entry)
        traced.runner = TracedRunner(entry.runner, found.step_stats)
        result = traced.run(feed)
        if not traced.runner.compiled.node_stats:
            del found.step_stats.dev_stats[1]
    else:
        result = entry.run(feed)
    if options is not None and options.output_partition_graphs:
        found.partition_graphs.add().CopyFrom(_graph_of(entry))
    run_metadata.CopyFrom(found)
    return result


def _check(message: Any, kind: str, name: str) -> None:
    if message is not None and not isinstance(message, getattr(protos, kind)):
        raise TypeError(f"{name} must be a tf.{kind}, but got {type(message).__name__}")


def _graph_of(entry: Any) -> Any:
    """The GraphDef of the nodes that a call runs, fed placeholders among them."""
    plan = entry.runner.executable.plan
    nodes = plan._needed_nodes(entry.fetches.tensors, entry.fetches.targets)
    nodes |= {t.op for t in plan.feeds}
    graph = graphdef.graph_def(sorted(nodes, key=lambda n: n._id))
    for node in graph.node:
        node.device = DEVICE
    return graph


def refuse_not_finite(step: Step, env: list[Any], start: int, end: int) -> None:
    """An observer that fails at the first node that makes a NaN or an infinity.

    InvalidArgumentError, which names the node and the line of the program that created it.
    """
    for place in step.outputs:
        what = _not_finite(env[place])
        if what is None:
            continue
        given = {f"input {t.name} had {w}" for t, w in _inputs(step, env) if w is not None}
        origin = "; ".join(sorted(given)) if given else "all its inputs were finite"
        message = f"{step.node.type} {step.node.name!r} made {what}: {origin}"
        raise errors.InvalidArgumentError(None, step.node, message)


def _inputs(step: Step, env: list[Any]) -> list[tuple[Any, str | None]]:
    places = step.inputs[len(step.inputs) - len(step.node.inputs) :]  # the node's own state comes first
    # What the step has just written is not what it got.
    pairs = [(t, i) for t, i in zip(step.node.inputs, places, strict=True) if i not in step.writes]
    return [(t, _not_finite(env[i])) for t, i in pairs]


def _not_finite(value: Any) -> str | None:
    """What an array has besides finite numbers, in words."""
    if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in FLOATS:
        return None
    if value.dtype.kind == "V":
        value = value.astype(np.float32)
    with np.errstate(all="ignore"):
        if np.isfinite(value).all():
            return None
        kinds = [w for w, there in (("NaN", np.isnan(value)), ("Inf", np.isinf(value))) if there.any()]
    count = int((~np.isfinite(value)).sum())
    return f"{' and '.join(kinds)} ({count} of {value.size} values)"
