"""Arguments of an op matched with its signature: inputs converted, type attributes inferred, attributes
checked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import as_shape
from reflow.graph.conversion import convert
from reflow.graph.node import Tensor
from reflow.graph.registry import Argument, Attribute, Definition


class Binding:
    """The inputs and attributes of one call of an op, worked out argument by argument."""

    def __init__(self, graph: Any, definition: Definition, given: dict[str, Any]) -> None:
        self.graph = graph
        self.definition = definition
        self.attrs: dict[str, Any] = {}
        self.inputs: list[Tensor] = []
        self.references: list[Tensor] = []  # the inputs that the op takes by reference
        for name, value in given.items():
            attribute = definition.attrs.get(name)
            if attribute is None:
                raise TypeError(
                    f"Op {definition.name} has no attribute {name!r}; it has {sorted(definition.attrs)}"
                )
            if value is not None:
                self.attrs[name] = attr_value(value, attribute, definition.name)
        self._from: dict[str, str] = {}  # inferred attribute -> the input it came from

    def bind(self, values: tuple[Any, ...]) -> None:
        """Convert all inputs, then complete and check the attributes."""
        arguments = self.definition.inputs
        if len(values) != len(arguments):
            raise TypeError(
                f"Op {self.definition.name} takes {len(arguments)} inputs, {len(values)} were given"
            )
        for argument, value in zip(arguments, values, strict=True):
            if argument.number_attr:
                self._bind_sequence(argument, value)
            elif argument.type_list_attr:
                self._bind_list(argument, value)
            else:
                self._bind_one(argument, value)
        for attribute in self.definition.attrs.values():
            self._complete(attribute)

    def _bind_one(self, argument: Argument, value: Any) -> None:
        wanted = argument.type or self.attrs.get(argument.type_attr or "")
        tensor = self._convert(argument, value, wanted, argument.name)
        self.inputs.append(tensor)
        if argument.type_attr:
            self._infer(argument.type_attr, tensor.dtype.base_dtype, argument.name)

    def _bind_sequence(self, argument: Argument, values: Any) -> None:
        if isinstance(values, Tensor) or not isinstance(values, Iterable):
            raise TypeError(
                f"Expected list for '{argument.name}' argument to '{self.definition.name}' Op, not "
                f"{values!r}."
            )
        items = list(values)
        wanted = argument.type or self.attrs.get(argument.type_attr or "") or _first_dtype(items)
        tensors = [self._convert(argument, v, wanted, f"{argument.name}_{i}") for i, v in enumerate(items)]
        types = [t.dtype.base_dtype for t in tensors]
        if any(t != types[0] for t in types):
            raise TypeError(
                f"Tensors in list passed to '{argument.name}' of '{self.definition.name}' Op have types "
                f"[{', '.join(t.name for t in types)}] that don't all match."
            )
        self.inputs.extend(tensors)
        self._infer(argument.number_attr or "", len(tensors), argument.name)
        if argument.type_attr and types:
            self._infer(argument.type_attr, types[0], argument.name)

    def _bind_list(self, argument: Argument, values: Any) -> None:
        items = list(values)
        known = self.attrs.get(argument.type_list_attr or "") or [None] * len(items)
        if len(known) != len(items):
            raise ValueError(
                f"'{argument.name}' of '{self.definition.name}' Op needs {len(known)} tensors, not "
                f"{len(items)}"
            )
        tensors = [
            self._convert(argument, v, t, f"{argument.name}_{i}")
            for i, (v, t) in enumerate(zip(items, known, strict=True))
        ]
        self.inputs.extend(tensors)
        self._infer(argument.type_list_attr or "", [t.dtype.base_dtype for t in tensors], argument.name)

    def _convert(self, argument: Argument, value: Any, wanted: Any, name: str) -> Tensor:
        preferred = None
        if wanted is None and argument.type_attr:
            preferred = self.definition.attrs[argument.type_attr].default
        try:
            tensor = convert(
                self.graph, value, wanted, name=name, as_ref=argument.is_ref, preferred_dtype=preferred
            )
        except ValueError as error:
            raise self._mismatch(argument, value, wanted, error) from None
        except TypeError as error:
            if wanted is None:
                raise
            raise self._mismatch(argument, value, wanted, error) from None
        if tensor.graph is not self.graph and not self.graph.building_function:
            raise ValueError(
                f"{tensor} must be from the same graph as the other inputs of {self.definition.name}."
            )
        captured = tensor.graph is not self.graph  # a function gets the value of a variable around it
        if argument.is_ref and (captured or not tensor.dtype.is_ref_dtype):
            raise TypeError(
                f"'{self.definition.name}' Op requires that input '{argument.name}' be a mutable tensor "
                f"(e.g.: a tf.Variable), got {tensor}"
            )
        if argument.is_ref:
            self.references.append(tensor)
        return tensor

    def _mismatch(self, argument: Argument, value: Any, wanted: Any, error: Exception) -> Exception:
        """The error of an input of the wrong type, in terms of the op's arguments."""
        dtype = getattr(value, "dtype", None)
        if wanted is None or not isinstance(dtype, dtypes.DType):
            return error
        want = dtypes.as_dtype(wanted).base_dtype.name
        start = f"Input '{argument.name}' of '{self.definition.name}' Op has type {dtype.base_dtype.name}"
        source = self._from.get(argument.type_attr or "")
        if source:
            return TypeError(f"{start} that does not match type {want} of argument '{source}'.")
        return TypeError(f"{start} that does not match expected type of {want}.")

    def _infer(self, attr: str, value: Any, source: str) -> None:
        attribute = self.definition.attrs[attr]
        known = self.attrs.get(attr)
        if known is not None and known != value:
            raise ValueError(
                f"Argument '{source}' of '{self.definition.name}' Op gives {attr} = {value}, but "
                f"{known} was wanted"
            )
        _check_allowed(attribute, value, f"parameter '{source}'")
        if attribute.minimum is not None and attribute.type == "int" and value < attribute.minimum:
            raise ValueError(
                f"List argument '{source}' to '{self.definition.name}' Op with length {value} "
                f"shorter than minimum length {attribute.minimum}."
            )
        self.attrs[attr] = value
        self._from.setdefault(attr, source)

    def _complete(self, attribute: Attribute) -> None:
        if attribute.name not in self.attrs:
            if not attribute.has_default:
                raise TypeError(
                    f"Op {self.definition.name} needs a value for the attribute {attribute.name!r}"
                )
            self.attrs[attribute.name] = default_value(attribute)


def _first_dtype(items: list[Any]) -> Any:
    for item in items:
        dtype = getattr(item, "dtype", None)
        if isinstance(dtype, dtypes.DType):
            return dtype.base_dtype
    return None


def default_value(attribute: Attribute) -> Any:
    """The default of an attribute, as emit stores it."""
    value = attribute.default
    if attribute.type == "shape":
        return as_shape(
            None if value is None or (isinstance(value, dict) and value.get("unknown_rank")) else value
        )
    return list(value) if isinstance(value, (list, tuple)) else value


_SCALARS: dict[str, Any] = {
    "type": dtypes.as_dtype,
    "shape": as_shape,
    "bool": bool,
    "string": lambda v: v.decode("utf-8", "surrogateescape") if isinstance(v, bytes) else str(v),
    "float": float,
    "tensor": lambda v: v,
    "func": lambda v: v,
}


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"Expected int, got {value!r}")
    return int(value)


def attr_value(value: Any, attribute: Attribute, op_type: str) -> Any:
    """`value` as the plain Python value of an attribute of that kind; TypeError when it cannot be one."""
    kind = attribute.type
    try:
        if kind.startswith("list("):
            if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
                raise TypeError(f"Expected list, got {value!r}")
            one = _integer if kind[5:-1] == "int" else _SCALARS[kind[5:-1]]
            result: Any = [one(v) for v in value]
        else:
            result = (_integer if kind == "int" else _SCALARS[kind])(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"Attribute '{attribute.name}' of '{op_type}' Op: {error}") from None
    _check_allowed(attribute, result, f"attr '{attribute.name}' of '{op_type}' Op")
    if kind == "int" and attribute.minimum is not None and result < attribute.minimum:
        raise ValueError(
            f"Attr '{attribute.name}' of '{op_type}' Op passed {result} less than minimum "
            f"{attribute.minimum}."
        )
    return result


def _check_allowed(attribute: Attribute, value: Any, what: str) -> None:
    if attribute.allowed is None:
        return
    for one in value if isinstance(value, list) else [value]:
        if one in attribute.allowed:
            continue
        names = ", ".join(a.name if isinstance(a, dtypes.DType) else repr(a) for a in attribute.allowed)
        if isinstance(one, dtypes.DType):
            raise TypeError(
                f"Value passed to {what} has DataType {one.name} not in list of allowed values: {names}"
            )
        raise ValueError(f"Value passed to {what} is {one!r}, not one of {names}")
