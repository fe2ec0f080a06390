"""One NodeDef as an Operation: its attributes read and checked against the op's signature."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import as_shape
from reflow.graph import registry
from reflow.graph.binding import attr_value, default_value
from reflow.graph.core import Graph, output_types
from reflow.graph.graphdef import constant_value_of, plain_attr
from reflow.graph.node import Operation, Tensor

MAX_OUTPUTS = 1 << 16  # of one node: no real one has more
# Attributes that TensorFlow has added since, with the values by which they change nothing.
LATER_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "incompatible_shape_error": (True,),
    "allowed_devices": ([],),
    "metadata": ("",),
    "reset_on_empty": (False,),
    "num_args": (0,),
}
# Attributes of later versions that change nothing, whatever they are: hints, and names for messages.
INFORMATIVE = frozenset(("debug_name", "grad_a", "grad_b", "grad_x", "grad_y"))
# What an op of which nothing is known may call the type of its outputs, by preference.
_TYPE_NAMES = ("dtype", "T", "out_type", "DstT", "output_type", "Tout")


def described(node: Any) -> str:
    """A NodeDef for an error's text."""
    return f"'{node.name}' (op: '{node.op}')"


class NodeReader:
    """Makes the operations of one GraphDef message; knows what its nodes say of ops that Reflow does not."""

    def __init__(
        self, message: Any, inputs: Mapping[str, list[tuple[str, int]]], producer_op_list: Any
    ) -> None:
        self._producer = {d.name: d for d in producer_op_list.op} if producer_op_list is not None else {}
        self._functions = {f.signature.name: f.signature for f in message.library.function}
        self._room = MAX_OUTPUTS + message.ByteSize()  # how many outputs all the nodes together may have
        self._highest: dict[str, int] = {}  # the last output of a node that some node uses
        for sources in inputs.values():
            for source, index in sources:
                if index >= self._highest.get(source, -1):
                    self._highest[source] = index

    def operation(self, graph: Graph, node: Any, name: str, inputs: list[Tensor]) -> Operation:
        """The operation of a NodeDef, not yet part of the graph. ValueError or TypeError when it is not well
        formed."""
        definition = registry.definition(node.op)
        if definition is None:
            return self._unknown(graph, node, name, inputs)
        attrs = self._attrs(node, definition)
        if node.op == "Const":
            _check_constant(attrs)
        _check_inputs(definition, attrs, inputs)
        op = Operation(graph, node.op, name, inputs, attrs)
        op.colocation = list(node.attr["_class"].list.s) if "_class" in node.attr else []
        self._take_room(sum(_count(a, attrs) for a in definition.outputs))
        types = [d for argument in definition.outputs for d in output_types(argument, attrs)]
        op.outputs = [Tensor(op, i, d) for i, d in enumerate(types)]
        graph._infer_shapes(op)
        return op

    # Attributes

    def _attrs(self, node: Any, definition: registry.Definition) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, message in node.attr.items():
            attribute = definition.attrs.get(name)
            if attribute is not None:
                found[name] = _value(message, attribute, node.op)
            elif name.startswith("_"):
                if name not in ("_class", "_output_shapes"):
                    found[name] = plain_attr(message)
            elif name not in INFORMATIVE and not self._is_later_default(node.op, name, message):
                raise ValueError(f"NodeDef mentions attr '{name}' not in Op<name={node.op}>")
        for attribute in definition.attrs.values():
            if attribute.name not in found:
                if not attribute.has_default:
                    raise ValueError(f"NodeDef missing attr '{attribute.name}' from Op<name={node.op}>")
                found[attribute.name] = default_value(attribute)
        return {n: found[n] for n in definition.attrs} | {n: v for n, v in found.items() if n[0] == "_"}

    def _is_later_default(self, op_type: str, name: str, message: Any) -> bool:
        """Whether an attribute that the signature lacks has the value by which it changes nothing."""
        for attribute in self._producer[op_type].attr if op_type in self._producer else ():
            if attribute.name == name and attribute.HasField("default_value"):
                return bool(attribute.default_value == message)
        return name in LATER_DEFAULTS and plain_attr(message) in LATER_DEFAULTS[name]

    def _take_room(self, outputs: int) -> None:
        """ValueError for a node with more outputs than any has, or when those of all nodes are too many."""
        self._room -= outputs
        if not 0 <= outputs <= MAX_OUTPUTS or self._room < 0:
            raise ValueError(f"it has {outputs} outputs")

    # Ops that are not known

    def _unknown(self, graph: Graph, node: Any, name: str, inputs: list[Tensor]) -> Operation:
        """A node that is kept as it is: its outputs are those that its signature has, or that are used."""
        attrs = {k: plain_attr(v) for k, v in node.attr.items() if k not in ("_class", "_output_shapes")}
        op = Operation(graph, node.op, name, inputs, attrs)
        op.colocation = list(node.attr["_class"].list.s) if "_class" in node.attr else []
        types = self._unknown_types(node, attrs)
        op.outputs = [Tensor(op, i, d) for i, d in enumerate(types)]
        shapes = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
        for tensor, shape in zip(op.outputs, shapes, strict=False):
            tensor._shape = as_shape(shape)
        return op

    def _unknown_types(self, node: Any, attrs: dict[str, Any]) -> list[dtypes.DType]:
        signature = self._functions.get(node.op) or self._producer.get(node.op)
        if signature is not None:
            arguments = (d for a in signature.output_arg for d in _argument_types(a, attrs))
            types = list(itertools.islice(arguments, MAX_OUTPUTS + 1))
        else:
            shapes = node.attr["_output_shapes"].list.shape if "_output_shapes" in node.attr else ()
            count = max(self._highest.get(node.name, -1) + 1, len(shapes))
            guess = next((attrs[n] for n in _TYPE_NAMES if isinstance(attrs.get(n), dtypes.DType)), None)
            types = [guess or dtypes.variant] * min(count, MAX_OUTPUTS + 1)
        self._take_room(len(types))
        return types


def _argument_types(argument: Any, attrs: dict[str, Any]) -> list[dtypes.DType]:
    """The types of the tensors of an OpDef's argument."""
    if argument.type_list_attr:
        return list(attrs[argument.type_list_attr])
    one = attrs[argument.type_attr] if argument.type_attr else dtypes.as_dtype(argument.type)
    count = attrs[argument.number_attr] if argument.number_attr else 1
    if not 0 <= count <= MAX_OUTPUTS:
        raise ValueError(f"it has {count} outputs")
    return [one._as_ref if argument.is_ref else one] * count


_FIELDS = {
    "int": "i",
    "float": "f",
    "bool": "b",
    "string": "s",
    "type": "type",
    "shape": "shape",
    "tensor": "tensor",
    "func": "func",
}


def _value(message: Any, attribute: registry.Attribute, op_type: str) -> Any:
    """An AttrValue message as the plain value of an attribute of its kind."""
    kind = attribute.type
    field = message.WhichOneof("value")
    if field != ("list" if kind.startswith("list(") else _FIELDS[kind]):
        raise ValueError(f"AttrValue of '{attribute.name}' is of kind {field}, {kind} was wanted")
    if kind == "tensor":
        return constant_value_of(message.tensor)
    if kind.startswith("list("):
        stored = [d.name for d, _ in message.list.ListFields()]
        if stored not in ([], [_FIELDS[kind[5:-1]]]):
            raise ValueError(f"AttrValue of '{attribute.name}' is a list of {stored}, {kind} was wanted")
        if kind == "list(tensor)":
            return [constant_value_of(t) for t in message.list.tensor]
    value = attr_value(plain_attr(message), attribute, op_type)
    if attribute.minimum is not None:
        size = value if kind == "int" else len(value)
        if size < attribute.minimum:
            raise ValueError(
                f"Value for attr '{attribute.name}' of {size} must be at least minimum {attribute.minimum}"
            )
    return value


def _check_constant(attrs: dict[str, Any]) -> None:
    stored, wanted = attrs["value"].dtype, attrs["dtype"]
    if stored != wanted.as_numpy_dtype:
        raise ValueError(f"Inconsistent types: the value is of {stored}, the attr 'dtype' says {wanted.name}")


# Inputs and outputs


def _check_inputs(definition: registry.Definition, attrs: dict[str, Any], inputs: list[Tensor]) -> None:
    """ValueError unless the inputs are as many, and of the types, as the signature has."""
    counts = [_count(a, attrs) for a in definition.inputs]
    if sum(counts) != len(inputs):
        raise ValueError(
            f"NodeDef expected inputs '{sum(counts)}' do not match {len(inputs)} inputs specified"
        )
    tensors = iter(inputs)
    for argument in definition.inputs:
        for number, wanted in enumerate(output_types(argument, attrs)):
            tensor = next(tensors)
            if wanted.is_ref_dtype and not tensor.dtype.is_ref_dtype:
                raise ValueError(f"Input '{argument.name}' passed {tensor.dtype.name} expected {wanted.name}")
            if wanted.base_dtype != tensor.dtype.base_dtype:
                raise ValueError(
                    f"Input {number} of '{argument.name}' passed {tensor.dtype.base_dtype.name} from "
                    f"{tensor.name} incompatible with expected {wanted.base_dtype.name}"
                )


def _count(argument: registry.Argument, attrs: dict[str, Any]) -> int:
    if argument.type_list_attr:
        return len(attrs[argument.type_list_attr])
    return int(attrs[argument.number_attr]) if argument.number_attr else 1
