"""GraphDef messages cut down: the part that some nodes need, variables as constants, no training nodes."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from reflow.base import dtypes, protos
from reflow.graph.graph import Operation
from reflow.graph.graphdef import tensor_proto

VARIABLE_OPS = frozenset(
    (
        "Assign",
        "AssignAdd",
        "AssignSub",
        "Queue",
        "ScatterAdd",
        "ScatterSub",
        "ScatterUpdate",
        "TruncatedNormal",
        "Variable",
        "VariableV2",
    )
)
PASSES_ON = frozenset(("Switch", "Enter", "Exit", "Identity", "Merge", "NextIteration"))
# The attributes by which ops say that integers are in play, which then stay on the host.
_HOST_INTEGERS = {"Const": "dtype", "DynamicStitch": "T", "ParallelDynamicStitch": "T", "Cast": "SrcT"}
_log = logging.getLogger("tensorflow")


def must_run_on_cpu(node: Any, pin_variables_on_cpu: bool = False) -> bool:
    """Whether TensorFlow runs a node (an Operation or a NodeDef) on the CPU whatever device is asked for.

    `pin_variables_on_cpu` counts variables among such nodes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.graph_util.must_run_on_cpu(tf.constant(1).op)
    True
    """
    message = node.node_def if isinstance(node, Operation) else node
    assert isinstance(message, protos.NodeDef)
    if pin_variables_on_cpu and message.op in VARIABLE_OPS:
        return True
    if message.op not in _HOST_INTEGERS:
        return False
    number = message.attr[_HOST_INTEGERS[message.op]].type
    wanted = [dtypes.int32, dtypes.string] if message.op == "Const" else [dtypes.int32]
    return number in [d.as_datatype_enum for d in wanted]


def node_name(n: str) -> str:
    """The node that an input of a NodeDef is of.

    >>> node_name("^x"), node_name("x:1")
    ('x', 'x')
    """
    return n[1:] if n.startswith("^") else n.partition(":")[0]


def _summary(graph_def: Any) -> tuple[dict[str, list[str]], dict[str, Any], dict[str, int]]:
    """By the nodes' names: what they take (colocated nodes included), the nodes, their numbers."""
    inputs: dict[str, list[str]] = {}
    nodes: dict[str, Any] = {}
    for node in graph_def.node:
        name = node_name(node.name)
        nodes[name] = node
        inputs[name] = [node_name(i) for i in node.input]
        groups = node.attr["_class"].list.s if "_class" in node.attr else ()
        inputs[name] += [g[len(b"loc:@") :].decode() for g in groups if g.startswith(b"loc:@")]
    return inputs, nodes, {name: number for number, name in enumerate(nodes)}


def _reachable(target_nodes: Iterable[str], name_to_input_name: dict[str, list[str]]) -> set[str]:
    """The nodes that some nodes need, and themselves."""
    found: set[str] = set()
    todo = list(target_nodes)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo += name_to_input_name.get(name, ())
    return found


def extract_sub_graph(graph_def: Any, dest_nodes: Sequence[str]) -> Any:
    """The nodes of a GraphDef that the nodes named in `dest_nodes` need, and these, as a GraphDef.

    Raises TypeError for arguments of another type, AssertionError when a node is not there.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     a, b = tf.constant(1, name="a"), tf.constant(2, name="b")
    >>> [n.name for n in tf.graph_util.extract_sub_graph(graph.as_graph_def(), ["b"]).node]
    ['b']
    """
    if not isinstance(graph_def, protos.GraphDef):
        raise TypeError("graph_def must be a graph_pb2.GraphDef proto.")
    if isinstance(dest_nodes, str):
        raise TypeError("dest_nodes must be a list.")
    inputs, nodes, numbers = _summary(graph_def)
    for name in dest_nodes:
        assert name in nodes, f"{name} is not in graph"
    kept = _reachable(dest_nodes, inputs)
    missing = sorted(kept - set(nodes))
    if missing:
        raise ValueError(f"The graph has no node {missing[0]!r}, which another node takes")
    found = protos.GraphDef(library=graph_def.library, versions=graph_def.versions)
    found.node.extend(nodes[name] for name in sorted(kept, key=numbers.__getitem__))
    return found


def tensor_shape_from_node_def_name(graph: Any, input_name: str) -> Any:
    """The static shape of the tensor that an input of a NodeDef names.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     x = tf.constant([1, 2], name="x")
    >>> tf.graph_util.tensor_shape_from_node_def_name(graph, "x")
    TensorShape([Dimension(2)])
    """
    name = input_name if ":" in input_name else f"{input_name}:0"
    return graph.get_tensor_by_name(name).get_shape()


def convert_variables_to_constants(
    sess: Any,
    input_graph_def: Any,
    output_node_names: Sequence[str],
    variable_names_whitelist: Collection[str] | None = None,
    variable_names_blacklist: Collection[str] | None = None,
) -> Any:
    """The part of a graph that some nodes need, with constants in place of the variables: a GraphDef.

    Args:
        sess: the session that has the variables' values.
        input_graph_def: the graph, as a GraphDef.
        output_node_names: the names of the nodes.
        variable_names_whitelist: the names of the variables to convert; all if None.
        variable_names_blacklist: the names of variables to leave.

    Raises AssertionError when a node is not there, ValueError when it is not seen which variable is read.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph, tf.Session() as sess:
    ...     y = tf.add(tf.Variable(2.0), 1.0, name="y")
    ...     sess.run(tf.global_variables_initializer())
    ...     frozen = tf.graph_util.convert_variables_to_constants(sess, graph.as_graph_def(), ["y"])
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     (y,) = tf.import_graph_def(frozen, return_elements=["y:0"])
    ...     print(sess.run(y))
    3.0
    """
    return _Freezing(
        sess,
        extract_sub_graph(input_graph_def, output_node_names),
        variable_names_whitelist,
        variable_names_blacklist,
    ).result()


class _Freezing:
    """One graph whose variables are turned into constants."""

    def __init__(
        self, sess: Any, graph_def: Any, only: Collection[str] | None, without: Collection[str] | None
    ) -> None:
        self._source = graph_def
        self._nodes = {n.name: n for n in graph_def.node}
        self._passing: dict[str, Any] = {}  # nodes that hand a handle on, with the type of the value
        names = [
            n.name
            for n in graph_def.node
            if n.op in ("Variable", "VariableV2", "VarHandleOp")
            and (only is None or n.name in only)
            and (without is None or n.name not in without)
        ]
        for node in graph_def.node:
            if node.op in ("ReadVariableOp", "ResourceGather"):
                self._trace(node)
        resources = {n for n in names if self._nodes[n].op == "VarHandleOp"}
        fetches = [f"{n}/Read/ReadVariableOp:0" if n in resources else f"{n}:0" for n in names]
        self._values = dict(zip(names, sess.run(fetches) if fetches else [], strict=True))
        self._left = {n.name for n in graph_def.node if n.op == "VarHandleOp"} - set(names)
        _log.info("Froze %d variables.", len(names))

    def _trace(self, node: Any) -> None:
        """Note the nodes between a read and its variable. ValueError when it comes from elsewhere."""
        todo, seen = [node_name(node.input[0])], set()
        while todo:
            source = self._nodes[todo.pop()]
            if source.name in seen:
                continue
            seen.add(source.name)
            if source.op in PASSES_ON:
                self._passing[source.name] = node.attr["dtype"]
                todo += [node_name(i) for i in source.input[: 2 if source.op == "Merge" else 1]]
            elif source.op != "VarHandleOp":
                raise ValueError("Cannot find the variable that is an input to the ReadVariableOp.")

    def _keeps_handle(self, node: Any) -> bool:
        """Whether a node reads a variable that is left as it is."""
        source = self._nodes[node_name(node.input[0])]
        while source.op in PASSES_ON:
            source = self._nodes[node_name(source.input[0])]
        return source.name in self._left

    def result(self) -> Any:
        found = protos.GraphDef(library=self._source.library)
        for node in self._source.node:
            found.node.extend(self._converted(node))
        return found

    def _converted(self, node: Any) -> list[Any]:
        if node.name in self._values:
            return [_constant(node.name, node.attr["dtype"].type, self._values[node.name])]
        reads = node.op in ("ReadVariableOp", "ResourceGather") or node.name in self._passing
        if not reads or self._keeps_handle(node):
            return [node]
        if node.op == "ReadVariableOp":
            return [_renamed(node, "Identity", T=node.attr["dtype"])]
        if node.op == "ResourceGather":
            return _gather(node)
        copy = _renamed(node, node.op, T=self._passing[node.name])
        for name, value in node.attr.items():
            if name not in ("T", "_output_shapes", "_class"):
                copy.attr[name].CopyFrom(value)
        return [copy]


def _constant(name: str, number: int, value: Any) -> Any:
    node = protos.NodeDef(name=name, op="Const")
    node.attr["dtype"].type = number
    node.attr["value"].tensor.CopyFrom(tensor_proto(value, dtypes.as_dtype(number)))
    return node


def _renamed(node: Any, op_type: str, **attrs: Any) -> Any:
    """A node of another type with the same name, inputs and group."""
    copy = protos.NodeDef(name=node.name, op=op_type, input=node.input, device=node.device)
    for name, value in attrs.items():
        copy.attr[name].CopyFrom(value)
    if "_class" in node.attr:
        copy.attr["_class"].CopyFrom(node.attr["_class"])
    return copy


def _gather(node: Any) -> list[Any]:
    """Rows of a variable as rows of a constant. ValueError for batches, which TensorFlow does not freeze."""
    if node.attr["batch_dims"].i != 0:
        raise ValueError("batch_dims != 0 is not supported by freeze_graph.")
    kind = node.attr["Tindices"]
    axis = _constant(f"{node.name}/axis", kind.type, 0)
    copy = _renamed(node, "GatherV2", Tparams=node.attr["dtype"], Tindices=kind, Taxis=kind)
    del copy.input[:]
    copy.input.extend([node.input[0], node.input[1], axis.name])
    return [axis, copy]


def remove_training_nodes(input_graph: Any, protected_nodes: Collection[str] | None = None) -> Any:
    """A GraphDef without the nodes that only training needs: CheckNumerics, and Identity nodes that no
    control edge touches.

    `protected_nodes` are names of nodes to be kept.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     y = tf.negative(tf.identity(x), name="y")
    >>> [n.name for n in tf.graph_util.remove_training_nodes(graph.as_graph_def()).node]
    ['x', 'y']
    """
    protected = set(protected_nodes or ())
    checks = {n.name for n in input_graph.node if n.op == "CheckNumerics" and n.name not in protected}
    kept = [_with_inputs(n, [i for i in n.input if i.lstrip("^") not in checks]) for n in input_graph.node]
    kept = [n for n in kept if n.name not in checks]
    waited_for = {i.lstrip("^") for n in kept for i in n.input if "^" in i}
    spliced = {
        n.name: n.input[0]
        for n in kept
        if n.op == "Identity" and n.name not in protected | waited_for and not any("^" in i for i in n.input)
    }
    found = protos.GraphDef()
    for node in kept:
        if node.name not in spliced:
            found.node.append(_with_inputs(node, [_source(i, spliced) for i in node.input]))
    return found


def _with_inputs(node: Any, inputs: list[str]) -> Any:
    copy = protos.NodeDef()
    copy.CopyFrom(node)
    del copy.input[:]
    copy.input.extend(inputs)
    return copy


def _source(text: str, spliced: dict[str, str]) -> str:
    """An input, or what the nodes that are taken out would hand on as it."""
    while text.lstrip("^") in spliced:
        text = spliced[text.lstrip("^")]
    return text
