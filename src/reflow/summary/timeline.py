"""Traces of a run in the form of Chrome's trace viewer (chrome://tracing, or ui.perfetto.dev)."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_LABEL = re.compile(r"(.*) = (.*)\((.*)\)")


class AllocationMaximum(NamedTuple):
    """The most that an allocator held: when, how many bytes, and of which tensors."""

    timestamp: int
    num_bytes: int
    tensors: set[str]


class StepStatsAnalysis(NamedTuple):
    """A trace, and the most that each allocator held."""

    chrome_trace: ChromeTrace
    allocator_maximums: dict[str, AllocationMaximum]


class ChromeTrace:
    """Events of Chrome's trace format."""

    def __init__(self) -> None:
        self.metadata: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []

    def name_process(self, pid: int, name: str) -> None:
        self.metadata.append({"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}})

    def add(self, phase: str, category: str, name: str, pid: int, tid: int, time: int, **more: Any) -> None:
        event = {"ph": phase, "cat": category, "name": name, "pid": pid, "tid": tid, "ts": time}
        self.events.append({**event, **more})

    def format_to_string(self, pretty: bool = False) -> str:
        """The trace as JSON."""
        trace = {"traceEvents": self.metadata + self.events}
        if pretty:
            return json.dumps(trace, indent=4, separators=(",", ": "))
        return json.dumps(trace, separators=(",", ":"))


class _Node(NamedTuple):
    """One execution of a node, placed in the picture."""

    stats: Any
    start: int
    end: int
    op: str
    inputs: list[str]
    pid: int  # of its device's row of computations
    tensors_pid: int  # and of its row of tensors
    lane: int  # nodes that overlap in time are in different lanes


class _Tensor:
    """The life of an output: made, used, and last used."""

    def __init__(self, name: str, node: _Node, output: Any, number: int) -> None:
        allocation = output.tensor_description.allocation_description
        self.name, self.node, self.output, self.number = name, node, output, number
        self.allocator = allocation.allocator_name
        self.num_bytes = int(allocation.requested_bytes)
        self.last_use = node.end


class Timeline:
    """A picture in time of a traced run.

    Args:
        step_stats: `run_metadata.step_stats` of a `Session.run` with `trace_level=tf.RunOptions.FULL_TRACE`.
        graph: the graph that ran (not needed).

    >>> import json
    >>> import reflow as tf
    >>> from reflow.python.client import timeline
    >>> found, options = tf.RunMetadata(), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32)
    ...     _ = sess.run(tf.square(x, name="y"), {x: 3.0}, options=options, run_metadata=found)
    >>> trace = json.loads(timeline.Timeline(found.step_stats).generate_chrome_trace_format())
    >>> [e["name"] for e in trace["traceEvents"] if e["ph"] == "X"]
    ['Square']
    """

    def __init__(self, step_stats: Any, graph: Any = None) -> None:
        self._step_stats = step_stats
        self._graph = graph

    def generate_chrome_trace_format(self, show_dataflow: bool = True, show_memory: bool = False) -> str:
        """The trace as JSON text.

        Args:
            show_dataflow: with arrows from where a tensor is made to where it is used.
            show_memory: with the sizes and lives of tensors, and how much each allocator held.
        """
        return self.analyze_step_stats(show_dataflow, show_memory).chrome_trace.format_to_string(pretty=True)

    def analyze_step_stats(self, show_dataflow: bool = True, show_memory: bool = True) -> StepStatsAnalysis:
        """The trace as an object, and the most memory that each allocator held."""
        trace = ChromeTrace()
        trace.name_process(0, "Allocators")
        nodes = list(self._nodes(trace))
        tensors = _tensors(nodes)
        flows = itertools.count()
        for node in nodes:
            _add_node(trace, node)
            for name in node.inputs:
                tensor = tensors.get(name)
                if tensor is None:  # of a node that did not run in this trace
                    continue
                tensor.last_use = max(tensor.last_use, node.end - 1)
                if show_dataflow and (tensor.node.pid, tensor.node.lane) != (node.pid, node.lane):
                    _add_flow(trace, tensor, node, next(flows))
        if not show_memory:
            return StepStatsAnalysis(trace, {})
        for tensor in tensors.values():
            _add_life(trace, tensor)
        return StepStatsAnalysis(trace, _add_memory(trace, list(tensors.values())))

    def _nodes(self, trace: ChromeTrace) -> Iterator[_Node]:
        for number, device in enumerate(self._step_stats.dev_stats):
            pid = 1 + 2 * number
            trace.name_process(pid, f"{device.device} Compute")
            trace.name_process(pid + 1, f"{device.device} Tensors")
            lanes: list[int] = []  # when each is free again
            for stats in device.node_stats:
                start, end = stats.all_start_micros, stats.all_start_micros + stats.all_end_rel_micros
                lane = next((i for i, free in enumerate(lanes) if start >= free), len(lanes))
                lanes[lane : lane + 1] = [end]
                op, inputs = _parsed(stats, device.device)
                yield _Node(stats, start, end, op, inputs, pid, pid + 1, lane)


def _parsed(stats: Any, device: str) -> tuple[str, list[str]]:
    """The op type and the input names of an execution."""
    if "/stream:" in device or "/memcpy" in device:  # a GPU's own trace names nodes `name:op`
        return [*stats.node_name.split(":"), "unknown"][1], []
    if stats.node_name == "RecvTensor":
        return "RecvTensor", []
    match = _LABEL.match(stats.timeline_label)
    if match is None:
        return "unknown", []
    _, op, inputs = match.groups()
    return op, inputs.split(", ") if inputs else []


def _tensors(nodes: list[_Node]) -> dict[str, _Tensor]:
    """All outputs by the names that their users call them."""
    found: dict[str, _Tensor] = {}
    for node in nodes:
        for place, output in enumerate(node.stats.output):
            slot = output.slot or place
            name = f"{node.stats.node_name}:{slot}" if slot else node.stats.node_name
            found[name] = _Tensor(name, node, output, len(found))
    return found


def _add_node(trace: ChromeTrace, node: _Node) -> None:
    arguments = {"name": node.stats.node_name, "op": node.op}
    arguments.update({f"input{i}": name for i, name in enumerate(node.inputs)})
    duration = node.end - node.start
    trace.add("X", "Op", node.op, node.pid, node.lane, node.start, dur=duration, args=arguments)


def _add_flow(trace: ChromeTrace, tensor: _Tensor, node: _Node, number: int) -> None:
    made = tensor.node
    trace.add("s", "DataFlow", tensor.name, made.pid, made.lane, made.end, id=number)
    trace.add("t", "DataFlow", tensor.name, node.pid, node.lane, node.start, id=number)


def _add_life(trace: ChromeTrace, tensor: _Tensor) -> None:
    node = tensor.node
    place = ("Tensor", tensor.name, node.tensors_pid, node.lane)
    shown = {"tensor_description": str(tensor.output.tensor_description).replace('"', "")}
    trace.add("N", *place, node.start, id=tensor.number)
    trace.add("O", *place, max(node.end - 1, node.start), id=tensor.number, args={"snapshot": shown})
    trace.add("D", "Tensor", tensor.name, node.tensors_pid, 0, tensor.last_use, id=tensor.number)


def _add_memory(trace: ChromeTrace, tensors: list[_Tensor]) -> dict[str, AllocationMaximum]:
    """Add how much each allocator held at each time; returns the maxima."""
    maxima: dict[str, AllocationMaximum] = {}
    for allocator in dict.fromkeys(t.allocator for t in tensors):
        mine = [t for t in tensors if t.allocator == allocator]
        changes = [(t.node.start, t.num_bytes, t.name) for t in mine]
        changes += [(t.last_use, -t.num_bytes, t.name) for t in mine]
        held = 0
        alive: set[str] = set()
        most = AllocationMaximum(0, 0, set())
        for time, size, name in sorted(changes):
            held += size
            alive = alive | {name} if size > 0 else alive - {name}
            if held > most.num_bytes:
                most = AllocationMaximum(time, held, alive)
            trace.add("C", "Memory", allocator, 0, 0, time, args={allocator: held})
        maxima[allocator] = most
    return maxima
