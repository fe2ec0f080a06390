"""Functions of a graph: a body graph with arguments, traced from a Python function, and its FunctionDef.

A tensor of the graph around that the body uses becomes an argument too (a *capture*): the op that holds the
function passes it in.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reflow.base import dtypes, protos
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph import graphdef, registry, scopes
from reflow.graph.core import Graph, output_types
from reflow.graph.graph import get_default_graph
from reflow.graph.node import Operation, Tensor

# Stateful ops that keep an order of their own: TensorFlow makes nothing wait for them.
UNORDERED = frozenset(
    (
        "Multinomial",
        "ParameterizedTruncatedNormal",
        "RandomGamma",
        "RandomGammaGrad",
        "RandomPoisson",
        "RandomPoissonV2",
        "RandomShuffle",
        "RandomStandardNormal",
        "RandomUniform",
        "RandomUniformInt",
        "TruncatedNormal",
    )
)
SHARED_COLLECTIONS = ("variables", "local_variables", "trainable_variables")


class FuncGraph(Graph):
    """The body of a function: a graph with inputs and outputs, inside another graph.

    Attributes:
        name: the function's name in a GraphDef's library.
        inputs: the arguments, `Placeholder` tensors: those declared, then one for each captured tensor.
        outputs: the tensors that the function returns.
        control_outputs: operations that a call runs whether or not an output needs them.
        outer_graph: the graph that was the default one when the function was made.

    >>> outer = Graph()
    >>> with outer.as_default():
    ...     body = FuncGraph("f")
    >>> body.outer_graph is outer
    True
    """

    def __init__(self, name: str, outer_graph: Graph | None = None) -> None:
        super().__init__()
        outer = outer_graph if outer_graph is not None else get_default_graph()
        self.name = name
        self.outer_graph = outer
        self.inputs: list[Tensor] = []
        self.outputs: list[Tensor] = []
        self.control_outputs: list[Operation] = []
        self.structured_outputs: Any = None
        self.captures: dict[Tensor, Tensor] = {}  # tensor outside -> argument inside
        self.seed = outer.seed
        self._device_stack = list(outer._device_stack)
        for key in outer.collections:
            shared = key in SHARED_COLLECTIONS or not isinstance(key, str)
            self._collections[key] = outer.get_collection_ref(key) if shared else outer.get_collection(key)

    @property
    def building_function(self) -> bool:
        return True

    @property
    def graph(self) -> FuncGraph:
        """The body graph: itself, as what a node's attribute holds is the function."""
        return self

    @property
    def captured_inputs(self) -> list[Tensor]:
        """The tensors of the graph around that a call must pass after the declared arguments."""
        return list(self.captures)

    def add_argument(self, dtype: Any, shape: Any = None, name: str = "args_0") -> Tensor:
        """A declared argument."""
        argument = self._placeholder(dtype, shape, name)
        self.inputs.append(argument)
        return argument

    def _placeholder(self, dtype: Any, shape: Any, name: str) -> Tensor:
        attrs = {"dtype": dtypes.as_dtype(dtype), "shape": TensorShape(shape)}
        return super().add("Placeholder", [], attrs, name).outputs[0]

    def add(self, op_type: str, inputs: list[Tensor], attrs: dict[str, Any], name: str) -> Operation:
        if any(t.graph is not self for t in inputs):
            outer, self._name_stack = self._name_stack, name[:-1] if name.endswith("/") else self._name_stack
            try:
                inputs = [self.capture(t) for t in inputs]
            finally:
                self._name_stack = outer
        return super().add(op_type, inputs, attrs, name)

    @functools.cached_property
    def written_arguments(self) -> list[int]:
        """The numbers of the arguments that are variables which the body changes, or may hand on to a
        function that does: what it is passed for them is the variable, not its value."""
        written = {op.inputs[i] for op in self.get_operations() for i in _may_write(op)}
        return [n for n, t in enumerate(self.inputs) if t.dtype.name == "resource" and t in written]

    @functools.cached_property
    def written_nodes(self) -> set[Operation]:
        """The placeholders of those arguments."""
        return {self.inputs[n].op for n in self.written_arguments}

    def capture(self, tensor: Tensor) -> Tensor:
        """The tensor of this graph that stands for `tensor`: itself, or the argument it is passed as.

        ValueError when it is of a body that does not hold this one.
        """
        if tensor.graph is self:
            return tensor
        found = self.captures.get(tensor)
        if found is None:
            self._check_around(tensor)
            found = self._captured(tensor)
        return found

    def _captured(self, tensor: Tensor) -> Tensor:
        with self.device(None):
            found = self._placeholder(tensor.dtype.base_dtype, tensor.shape, tensor.op.name)
        found.op.stands_for = tensor
        self.captures[tensor] = found
        self.inputs.append(found)
        return found

    def _check_around(self, tensor: Tensor) -> None:
        graph: Any = self.outer_graph
        while graph is not tensor.graph:
            if not isinstance(graph, FuncGraph):
                raise ValueError(
                    f"The tensor {tensor} cannot be used in the function {self.name!r}: it is of a graph "
                    "that is not around it. Return it from the function that makes it, or make it outside."
                )
            graph = graph.outer_graph

    def _leader(self, op: Any) -> Operation:
        element = getattr(op, "op", op)
        if isinstance(element, Operation) and element.graph is not self:
            return element
        return super()._leader(op)

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """As a graph's; what is outside of the function has run when it is called, and is left out."""
        if control_inputs is not None:
            parts = [getattr(c, "_as_control_input", lambda c=c: c)() for c in control_inputs]
            control_inputs = [c for c in parts if getattr(c, "graph", self) is self]
        with super().control_dependencies(control_inputs):
            yield

    def as_function_def(self) -> Any:
        """The function as TF's FunctionDef message."""
        return function_def(self)

    def add_to_outer(self) -> None:
        """Enter the function in the library of the graph around, with all that its body uses."""
        library = self.outer_graph.functions
        library.update(self.functions)
        library[self.name] = self


class ByValueGraph(FuncGraph):
    """A body that holds copies of the nodes outside that it uses, so that it stands alone.

    `allowed` are stateful operations that may be copied all the same.
    """

    def __init__(self, name: str, allowed: Iterable[Operation] = ()) -> None:
        super().__init__(name)
        self._allowed = set(allowed)
        self._copies: dict[Tensor, Tensor] = {}

    def capture(self, tensor: Tensor) -> Tensor:
        if tensor.graph is self:
            return tensor
        for op in _missing(tensor.op, self._copies):
            self._copy(op)
        return self._copies[tensor]

    def _copy(self, op: Operation) -> None:
        stateful = op.definition is not None and op.definition.stateful
        if stateful and op not in self._allowed:
            raise ValueError(f"Cannot capture a stateful node (name:{op.name}, type:{op.type}) by value.")
        if op.type in ("Placeholder", "PlaceholderV2"):
            raise ValueError(f"Cannot capture a placeholder (name:{op.name}, type:{op.type}) by value.")
        inputs = [self._copies[t] for t in op.inputs]
        copy = super().add(op.type, inputs, dict(op.attrs), op.name)
        for mine, theirs in zip(copy.outputs, op.outputs, strict=True):
            mine._shape = theirs.shape
            self._copies[theirs] = mine
        for key, function in op.graph.functions.items():
            self.functions.setdefault(key, function)


def _may_write(op: Operation) -> Iterable[int]:
    """The inputs of an operation that it, or a function that it holds, may change."""
    own = registry.rule(op.type)
    if op.definition is not None and any(a.type == "func" for a in op.definition.attrs.values()):
        return range(len(op.inputs))
    return own.updates if own is not None else ()


def _missing(op: Operation, copies: Mapping[Tensor, Tensor]) -> list[Operation]:
    """The operations that `op` follows from and itself, inputs first, but those that are copied."""
    order: dict[Operation, None] = {}
    todo = [(op, False)]
    while todo:
        node, ready = todo.pop()
        if node in order or (node.outputs and node.outputs[0] in copies):
            continue
        if ready:
            order[node] = None
        else:
            todo.append((node, True))
            todo.extend((t.op, False) for t in reversed(node.inputs))
    return list(order)


def unique_function_name(stem: str) -> str:
    """A library name in TensorFlow's form, that no other function of this process has."""
    return f"__inference_{stem}_{scopes.process.next_number()}"


def trace(
    function: Callable[..., Any],
    types: Iterable[Any],
    shapes: Iterable[Any],
    name: str,
    names: Iterable[str] | None = None,
    add: bool = True,
) -> FuncGraph:
    """The body graph of `function`, which takes tensors and returns a flat list of them.

    Each result passes an `Identity`, which waits for the stateful operations of the body, as TensorFlow has
    it. With `add` the function is entered in the library of the default graph.
    """
    body = FuncGraph(name)
    kinds = list(types)
    labels = list(names) if names is not None else [f"args_{i}" for i in range(len(kinds))]
    with body.as_default():
        arguments = [body.add_argument(t, s, n) for t, s, n in zip(kinds, shapes, labels, strict=True)]
        for argument in arguments:
            argument.op.attrs["_user_specified_name"] = argument.op.name
        returned = [body.convert(r) for r in function(*arguments)]
        body.outputs = [body.emit("Identity", body.capture(r)) for r in returned]
    _order_effects(body)
    if add:
        body.add_to_outer()
    return body


def _order_effects(body: FuncGraph) -> None:
    """Chain the stateful operations in creation order and make the results wait for them.

    Those in the branch of a conditional are left out of that: nothing may wait for what may not run.
    """
    body.control_outputs = [op for op in body.get_operations() if has_effect(op)]
    effects = [op for op in body.control_outputs if op._control_flow_context is None]
    last: dict[Any, Operation] = {}
    for op in effects:
        resources = [t for t in op.inputs if t.dtype.name == "resource"]
        keys: list[Any] = [*resources] or [None]
        for key in keys:
            if key in last:
                op._add_control_input(last[key])
            last[key] = op
    for tensor in body.outputs:
        tensor.op._add_control_inputs([op for op in effects if op is not tensor.op])


def has_effect(op: Operation) -> bool:
    """Whether an operation of a function runs on every call."""
    return op.definition is not None and op.definition.stateful and op.type not in UNORDERED


# FunctionDef


def function_def(body: FuncGraph) -> Any:
    """A body graph as a FunctionDef message."""
    message = protos.FunctionDef()
    signature = message.signature
    signature.name = body.name
    names: dict[Tensor, str] = {}
    taken: set[str] = set()
    for number, argument in enumerate(body.inputs):
        names[argument] = _argument_name(argument.op.name, taken)
        signature.input_arg.add(name=names[argument], type=argument.dtype.as_datatype_enum)
        attr = message.arg_attr[number].attr
        if "_user_specified_name" in argument.op.attrs:
            attr["_user_specified_name"].s = names[argument].encode()
    arguments = {t.op for t in body.inputs}
    inner = [op for op in body.get_operations() if op not in arguments]
    for op in inner:
        _name_outputs(op, names)
    for op in inner:
        message.node_def.append(_body_node(op, names, arguments))
        signature.is_stateful = signature.is_stateful or bool(op.definition and op.definition.stateful)
    _write_results(body, message, names)
    return message


def _write_results(body: FuncGraph, message: Any, names: Mapping[Tensor, str]) -> None:
    taken: set[str] = set()
    for tensor in body.outputs:
        label = _argument_name(tensor.op.name, taken)
        message.signature.output_arg.add(name=label, type=tensor.dtype.as_datatype_enum)
        message.ret[label] = names[tensor]
    for op in body.control_outputs:
        message.signature.control_output.append(op.name)
        message.control_ret[op.name] = op.name


def _argument_name(name: str, taken: set[str]) -> str:
    """A node's name as that of an argument: lower case, without slashes, unique."""
    stem = re.sub(r"[^a-z0-9]", "_", name.lower()).lstrip("_0123456789") or "unknown"
    label, number = stem, 0
    while label in taken:
        number += 1
        label = f"{stem}_{number}"
    taken.add(label)
    return label


def _name_outputs(op: Operation, names: dict[Tensor, str]) -> None:
    """Name each output as a function's body does: `node:argument:number`."""
    outputs = iter(op.outputs)
    for argument in op.definition.outputs if op.definition else ():
        for number, _ in enumerate(output_types(argument, op.attrs)):
            names[next(outputs)] = f"{op.name}:{argument.name}:{number}"


def _body_node(op: Operation, names: Mapping[Tensor, str], arguments: set[Operation]) -> Any:
    node = graphdef.node_def(op)
    node.ClearField("input")
    node.input.extend(names[t] for t in op.inputs)
    node.input.extend(f"^{n}" for n in sorted(c.name for c in op.control_inputs if c not in arguments))
    return node


def read_library(graph: Graph, library: Any) -> None:
    """Enter the functions of a FunctionDefLibrary message in the library of `graph`."""
    for message in library.function:
        if message.signature.name not in graph.functions:
            graph.functions[message.signature.name] = read_function(message, graph)


def read_function(message: Any, outer: Graph) -> FuncGraph:
    """The body graph of a FunctionDef message. ValueError when its nodes do not fit together."""
    body = FuncGraph(message.signature.name, outer)
    made: dict[str, Tensor] = {}
    with body.as_default():
        for argument in message.signature.input_arg:
            made[argument.name] = body.add_argument(argument.type, unknown_shape(), argument.name)
        for node in _sorted_nodes(message):
            op = _read_node(body, node, made)
            names: dict[Tensor, str] = {}
            _name_outputs(op, names)
            made.update({label: tensor for tensor, label in names.items()})
        body.outputs = [made[message.ret[a.name]] for a in message.signature.output_arg]
        body.control_outputs = [body.get_operation_by_name(n) for n in message.control_ret.values()]
    return body


def _read_node(body: FuncGraph, node: Any, made: Mapping[str, Tensor]) -> Operation:
    if registry.definition(node.op) is None:
        raise ValueError(f"Function {body.name!r}: node {node.name!r} is of the unknown op {node.op!r}")
    inputs = [made[label] for label in node.input if not label.startswith("^")]
    op = body.create_op(
        node.op, inputs, name=node.name, attrs={k: v for k, v in node.attr.items() if k != "_class"}
    )
    op._set_device(node.device)
    controls = [label[1:] for label in node.input if label.startswith("^")]
    op._add_control_inputs([body.get_operation_by_name(n) for n in controls if n not in made])
    return op


def _sorted_nodes(message: Any) -> list[Any]:
    """The nodes of a body, each after those that it uses."""
    nodes = {node.name: node for node in message.node_def}
    order: dict[str, Any] = {}
    todo = [(name, False) for name in reversed(nodes)]
    while todo:
        name, ready = todo.pop()
        if name in order:
            continue
        if ready:
            order[name] = nodes[name]
            continue
        todo.append((name, True))
        for label in nodes[name].input:
            source = label.lstrip("^").partition(":")[0]
            if source in nodes and source not in order:
                todo.append((source, False))
    return list(order.values())


def function_of(graph: Graph, value: Any) -> FuncGraph:
    """The body graph that a `func` attribute of a node of `graph` stands for.

    KeyError when the libraries of the graph and those around have no function of that name.
    """
    if isinstance(value, FuncGraph):
        return value
    name = value if isinstance(value, str) else value.name
    home: Any = graph
    while home is not None:
        if name in home.functions:
            return home.functions[name]  # type: ignore[no-any-return]
        home = getattr(home, "outer_graph", None)
    raise KeyError(f"The graph has no function {name!r}")
