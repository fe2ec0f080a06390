"""GraphDef messages as nodes of a graph."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reflow.base import protos
from reflow.base.shape import unknown_shape
from reflow.graph.core import Graph
from reflow.graph.device import merged
from reflow.graph.function import read_library
from reflow.graph.graph import convert_to_tensor, get_default_graph, name_scope
from reflow.graph.graphdef import PRODUCER
from reflow.graph.imported_nodes import NodeReader, described
from reflow.graph.node import Operation, Tensor, user_frames

_NODE_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$")
_INPUT = re.compile(r"^(?:\^([^:^]+)|([^:^]+)(?::(\d{1,9}))?)$")
LOOPS = {"NextIteration", "RefNextIteration"}
MERGES = {"Merge", "RefMerge"}


def import_graph_def(
    graph_def: Any,
    input_map: Mapping[str, Any] | None = None,
    return_elements: Sequence[str] | None = None,
    name: str | None = None,
    op_dict: Any = None,
    producer_op_list: Any = None,
) -> list[Any] | None:
    """Add the nodes of a GraphDef message to the default graph.

    Args:
        graph_def: the message.
        input_map: tensors that take the place of tensors of the message, by name (`"x"`, `"x:1"`), and
            operations or tensors that take the place of control inputs (`"^x"`).
        return_elements: names of operations (`"x"`) and tensors (`"x:0"`) to return.
        name: a prefix of the names of the new nodes, made unique; "import" if None, none if "".
        op_dict: ignored.
        producer_op_list: the signatures, as an OpList message, of the ops of the program that wrote the
            message: attributes unknown here are dropped if they have the default that is given there.

    Returns:
        The operations and tensors named in `return_elements`, or None.

    Nodes may come in any order. A node of an unknown op is kept, and fails only when it is run. When
    something is wrong, the graph stays as it was.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: the message is not well formed (a missing input, a cycle, types that do not fit), or a
            name is not in it.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as one:
    ...     y = tf.add(tf.placeholder(tf.float32, name="x"), 1.0, name="y")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     (y,) = tf.import_graph_def(one.as_graph_def(), {"x": tf.constant(2.0)}, ["y:0"])
    ...     print(y.name, sess.run(y))
    import/y:0 3.0
    """
    message = _checked_message(graph_def)
    given = _checked_map(input_map)
    wanted = _checked_returns(return_elements)
    _check_versions(message)
    graph = get_default_graph()
    with name_scope(name, "import", list(given.values())) as scope:
        given = _converted(given, name)
    return _Import(graph, message, scope, given, producer_op_list).run(wanted)


def _checked_message(graph_def: Any) -> Any:
    kind = protos.GraphDef
    if isinstance(graph_def, kind):
        return graph_def
    if getattr(getattr(graph_def, "DESCRIPTOR", None), "name", "") != "GraphDef":
        raise TypeError("graph_def must be a GraphDef proto.")
    return kind.FromString(graph_def.SerializeToString())


def _checked_map(input_map: Mapping[str, Any] | None) -> dict[str, Any]:
    if input_map is None:
        return {}
    if not isinstance(input_map, dict) or not all(isinstance(k, (str, bytes)) for k in input_map):
        raise TypeError("input_map must be a dictionary mapping strings to Tensor objects.")
    return {_text(k): v for k, v in input_map.items()}


def _checked_returns(return_elements: Sequence[str] | None) -> list[str] | None:
    if return_elements is None:
        return None
    if not all(isinstance(x, (str, bytes)) for x in return_elements):
        raise TypeError("return_elements must be a list of strings.")
    return [_text(x) for x in return_elements]


def _converted(given: dict[str, Any], name: str | None) -> dict[str, Any]:
    """The input map with constants for values that are no tensors."""
    if all(isinstance(v, (Tensor, Operation)) for v in given.values()):
        return given
    if name == "":
        raise ValueError(
            "tf.import_graph_def() requires a non-empty `name` if `input_map` contains non-Tensor values. "
            "Try calling tf.convert_to_tensor() on `input_map` values before calling tf.import_graph_def()."
        )
    with name_scope("_inputs"):
        return {k: v if isinstance(v, Operation) else convert_to_tensor(v) for k, v in given.items()}


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _check_versions(message: Any) -> None:
    versions = message.versions
    if versions.min_consumer > PRODUCER:
        raise ValueError(
            f"GraphDef min consumer version {versions.min_consumer} above current version {PRODUCER}. "
            "Please upgrade."
        )
    if PRODUCER in versions.bad_consumers:
        raise ValueError(f"GraphDef disallows consumer version {PRODUCER}.")


def parse_input(text: str) -> tuple[str, int]:
    """The node and output number of an input of a NodeDef, -1 for a control input. ValueError if malformed.

    >>> parse_input("x"), parse_input("x:1"), parse_input("^x")
    (('x', 0), ('x', 1), ('x', -1))
    """
    match = _INPUT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not the name of a tensor, nor of a control input")
    return (match[1], -1) if match[1] else (match[2], int(match[3] or 0))


class _Import:
    """One import: the nodes of a message, in an order in which their inputs are there, made in a graph."""

    def __init__(
        self, graph: Graph, message: Any, scope: str, input_map: dict[str, Any], producer_op_list: Any
    ) -> None:
        self.graph = graph
        self.message = message
        self.prefix = scope
        self.nodes: dict[str, Any] = {}
        self.made: dict[str, Operation] = {}  # by the name in the message
        self.order: list[Operation] = []
        self.used: set[str] = set()
        self.given = {self._canonical(k): (k, v) for k, v in input_map.items()}
        self.inputs = {n.name: [parse_input(i) for i in n.input] for n in self._unique_nodes()}
        self.reader = NodeReader(message, self.inputs, producer_op_list)
        self.back_edges: list[tuple[Operation, int, tuple[str, int]]] = []
        self.frames = user_frames()

    def _canonical(self, key: str) -> tuple[str, int]:
        try:
            return parse_input(key)
        except ValueError:
            raise ValueError(f"Cannot convert {key!r} to a tensor name.") from None

    def _unique_nodes(self) -> Iterator[Any]:
        for node in self.message.node:
            if not _NODE_NAME.match(node.name):
                raise ValueError(f"Node {described(node)}: Node name contains invalid characters")
            if node.name in self.nodes:
                raise ValueError(f"Node '{node.name}' is not unique")
            self.nodes[node.name] = node
            yield node

    def run(self, wanted: list[str] | None) -> list[Any] | None:
        """Make all nodes; returns the elements of those names."""
        before = dict(self.graph._names_in_use)
        functions = dict(self.graph.functions)
        self.graph._check_open()
        try:
            if self.message.library.function:
                read_library(self.graph, self.message.library)
            for node in self._ready_nodes():
                self._make(node)
            self._close_loops()
            self._place_colocated()
            self._check_map()
            return None if wanted is None else [self._element(w) for w in wanted]
        except BaseException:
            self._undo(before)
            self.graph.functions.clear()
            self.graph.functions.update(functions)
            raise

    # Order

    def _ready_nodes(self) -> Iterator[Any]:
        """The nodes, each after its inputs; otherwise as they stand in the message."""
        number = {name: i for i, name in enumerate(self.nodes)}
        names = list(self.nodes)
        waiting: dict[str, int] = {}
        users: dict[str, list[str]] = {}
        for name in names:
            sources = self._sources(name)
            waiting[name] = len(sources)
            for source in sources:
                users.setdefault(source, []).append(name)
        ready = [number[n] for n, count in waiting.items() if count == 0]
        heapq.heapify(ready)
        done = 0
        while ready:
            name = names[heapq.heappop(ready)]
            done += 1
            yield self.nodes[name]
            for user in users.get(name, ()):
                waiting[user] -= 1
                if waiting[user] == 0:
                    heapq.heappush(ready, number[user])
        if done < len(names):
            stuck = [n for n in names if waiting[n] > 0]
            raise ValueError(
                f"{len(stuck)} nodes in a cycle: {', '.join(stuck[:5])}{' ...' * (len(stuck) > 5)}"
            )

    def _sources(self, name: str) -> set[str]:
        """The nodes that a node waits for: the edges that close a loop are drawn later."""
        found = set()
        for source, index in self.inputs[name]:
            if (source, index) in self.given:
                continue
            if source not in self.nodes:
                raise ValueError(f"Node '{name}': Unknown input node '{'^' * (index < 0)}{source}'")
            if not self._closes_loop(name, source):
                found.add(source)
        return found

    def _closes_loop(self, name: str, source: str) -> bool:
        return self.nodes[name].op in MERGES and source in self.nodes and self.nodes[source].op in LOOPS

    # Nodes

    def _make(self, node: Any) -> None:
        inputs: list[Tensor] = []
        controls: list[Operation] = []
        later: list[tuple[int, tuple[str, int]]] = []
        for source, index in self.inputs[node.name]:
            if index < 0:
                controls.append(self._control(source))
            elif self._closes_loop(node.name, source) and (source, index) not in self.given:
                later.append((len(inputs), (source, index)))
                inputs.append(inputs[0] if inputs else self._bad(node, "its first input closes a loop"))
            else:
                inputs.append(self._tensor(node.name, source, index))
        try:
            op = self.reader.operation(self.graph, node, self._unique(node.name), inputs)
        except (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"Node {described(node)} cannot be imported: {error}") from error
        self._enter(node, op, controls)
        self.back_edges += [(op, place, source) for place, source in later]

    def _bad(self, node: Any, what: str) -> Any:
        raise ValueError(f"Node {described(node)}: {what}")

    def _unique(self, name: str) -> str:
        outer, self.graph._name_stack = self.graph._name_stack, ""
        try:
            return self.graph.unique_name(self.prefix + name)
        finally:
            self.graph._name_stack = outer

    def _enter(self, node: Any, op: Operation, controls: list[Operation]) -> None:
        """Join a new operation to the graph."""
        op.frames = self.frames
        sources = {t.op for t in op.inputs}
        op.control_inputs = [c for c in dict.fromkeys(controls) if c not in sources]
        for control in op.control_inputs:
            control.control_outputs.append(op)
        for tensor in op.inputs:
            tensor._consumers.append(op)
        op._control_flow_context = self.graph._control_flow_context
        self.graph._register(op)
        self.made[node.name] = op
        self.order.append(op)
        if not op.colocation and (node.device or self.graph._device_stack):
            self._place(op, node.device)

    def _place(self, op: Operation, name: str) -> None:
        op.device = merged(name, "") if name else ""
        if self.graph._device_stack:
            with self.graph.device(name or ""):
                op.device = self.graph._device_for(op)

    def _tensor(self, user: str, source: str, index: int) -> Tensor:
        mapped = self.given.get((source, index))
        if mapped is not None:
            self.used.add(mapped[0])
            if not isinstance(mapped[1], Tensor):
                raise ValueError(f"input_map gives no tensor for {mapped[0]!r}, but {mapped[1]!r}")
            return mapped[1]
        op = self.made[source]
        if index >= len(op.outputs):
            raise ValueError(
                f"Node '{user}': Connecting to invalid output {index} of source node {source} which has "
                f"{len(op.outputs)} outputs"
            )
        return op.outputs[index]

    def _control(self, source: str) -> Operation:
        mapped = self.given.get((source, -1))
        if mapped is None:
            return self.made[source]
        self.used.add(mapped[0])
        op: Operation = getattr(mapped[1], "op", mapped[1])
        return op

    def _close_loops(self) -> None:
        for op, place, (source, index) in self.back_edges:
            op._update_input(place, self._tensor(op.name, source, index))
        for op, _, _ in self.back_edges:
            op.outputs[0]._shape = unknown_shape()

    # Places

    def _place_colocated(self) -> None:
        """Give the groups their names in this graph, and each operation the device of its group."""
        for op in self.order:
            if op.colocation:
                op.colocation = [self._group(op, g) for g in op.colocation]
                self.graph._follow_device(op)

    def _group(self, op: Operation, group: bytes) -> bytes:
        text = group.decode(errors="replace")
        if not text.startswith("loc:@"):
            return group
        leader = self.made.get(text[len("loc:@") :])
        if leader is None:
            raise ValueError(
                f"Specified colocation to an op that does not exist during import: {text[5:]} in {op.name}"
            )
        return b"loc:@" + leader.name.encode()

    # Results

    def _check_map(self) -> None:
        missing = [
            key
            for (source, index), (key, _) in self.given.items()
            if key not in self.used
            and (source not in self.made or index >= max(len(self.made[source].outputs), 1))
        ]
        if missing:
            raise ValueError(
                f"Attempted to map inputs that were not found in graph_def: [{', '.join(missing)}]"
            )

    def _element(self, text: str) -> Any:
        source, index = self._canonical(text)
        if (source, index) in self.given and ":" in text:
            return self.given[source, index][1]
        if source not in self.made:
            raise ValueError(f"Requested return node '{source}' not found in graph def")
        op = self.made[source]
        if ":" not in text:
            return op
        if index >= len(op.outputs):
            raise ValueError(
                f"Invalid return output {index} of node '{source}', which has {len(op.outputs)} output(s)"
            )
        return op.outputs[index]

    def _undo(self, names: dict[str, int]) -> None:
        """Take the new operations out of the graph again."""
        for op in reversed(self.order):
            for tensor in op.inputs:
                tensor._consumers.remove(op)
            for control in op.control_inputs:
                control.control_outputs.remove(op)
            del self.graph._by_name[op.name]
            self.graph._operations.remove(op)
            for block in self.graph._control_stack:
                block.seen.discard(op)
        self.graph._names_in_use = names
