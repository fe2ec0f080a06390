"""Signatures of ops as TensorFlow's OpDef messages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.base import protos
from reflow.graph import registry
from reflow.graph.graphdef import attr_proto


def op_def(definition: registry.Definition) -> Any:
    """The OpDef message of a signature, without its documentation.

    >>> from reflow.graph.registry import definition
    >>> op_def(definition("NoOp")).name
    'NoOp'
    """
    message = protos.OpDef(
        name=definition.name,
        is_stateful=definition.stateful,
        allows_uninitialized_input=definition.allows_uninitialized_input,
    )
    for target, arguments in (
        (message.input_arg, definition.inputs),
        (message.output_arg, definition.outputs),
    ):
        for argument in arguments:
            _add_argument(target, argument)
    for attribute in definition.attrs.values():
        _add_attribute(message, attribute)
    return message


def _add_argument(target: Any, argument: registry.Argument) -> None:
    target.add(
        name=argument.name,
        type=0 if argument.type is None else argument.type.as_datatype_enum,
        type_attr=argument.type_attr or "",
        number_attr=argument.number_attr or "",
        type_list_attr=argument.type_list_attr or "",
        is_ref=argument.is_ref,
    )


def _add_attribute(message: Any, attribute: registry.Attribute) -> None:
    one = message.attr.add(name=attribute.name, type=attribute.type)
    if attribute.has_default and attribute.default is not None:
        one.default_value.CopyFrom(attr_proto(attribute.default, attribute.type))
    if attribute.allowed is not None:
        kind = attribute.type.removeprefix("list(").removesuffix(")")
        one.allowed_values.CopyFrom(attr_proto(attribute.allowed, f"list({kind})"))
    if attribute.minimum is not None:
        one.has_minimum, one.minimum = True, attribute.minimum


def op_list(op_types: Iterable[str]) -> Any:
    """An OpList message of the ops of `op_types` that are known, in order of their names."""
    found = [registry.definition(t) for t in sorted(op_types)]
    return protos.OpList(op=[op_def(d) for d in found if d is not None])
