"""The messages of training data: Example, SequenceExample and their parts, which TensorBoard lacks.

Each message is there twice:

- as programs use it (`message_type("Example")`; the attributes of `reflow.base.protos`), like TensorFlow's;
- as parsing reads it (`wire_type("Example")`): the same bytes, but the lists of numbers are left as they are
  in the serialized form, so that NumPy can take them in one go, and keys need not be UTF-8.

>>> example = message_type("Example")()
>>> example.features.feature["age"].int64_list.value.append(3)
>>> data = example.SerializeToString()
>>> wire_type("Example").FromString(data).features.feature["age"].int64_list
b'\\n\\x01\\x03'
"""

from __future__ import annotations

from functools import cache
from typing import Any

# "field type", in the order of their numbers. `*` follows the type of a repeated field, `%` that of the
# values of a map from strings, and `|` that of the alternatives of one choice.
_MESSAGES = {
    "BytesList": "value bytes*",
    "FloatList": "value float*",
    "Int64List": "value int64*",
    "Feature": "bytes_list BytesList|, float_list FloatList|, int64_list Int64List|",
    "Features": "feature Feature%",
    "FeatureList": "feature Feature*",
    "FeatureLists": "feature_list FeatureList%",
    "Example": "features Features",
    "SequenceExample": "context Features, feature_lists FeatureLists",
}
NAMES = tuple(_MESSAGES)
_WIRE = _MESSAGES | {"Feature": "bytes_list BytesList|, float_list bytes|, int64_list bytes|"}


@cache
def message_type(name: str) -> Any:
    """A message type as programs use it."""
    return _type("reflow", "proto3", name)


@cache
def wire_type(name: str) -> Any:
    """A message type that leaves lists of numbers as they are in the serialized form."""
    return _type("reflow.wire", "proto2", name)


@cache
def decode_error() -> type[Exception]:
    """What `FromString` raises for bytes that are not such a message."""
    from google.protobuf.message import DecodeError

    return DecodeError  # type: ignore[no-any-return]


def _type(package: str, syntax: str, name: str) -> Any:
    from google.protobuf import descriptor_pool, message_factory

    _define(package, syntax)
    descriptor = descriptor_pool.Default().FindMessageTypeByName(f"{package}.{name}")
    return message_factory.GetMessageClass(descriptor)


@cache
def _define(package: str, syntax: str) -> None:
    from google.protobuf import descriptor_pb2, descriptor_pool

    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}/example.proto", package=package, syntax=syntax
    )
    for name, fields in (_WIRE if syntax == "proto2" else _MESSAGES).items():
        message = file.message_type.add(name=name)
        for number, row in enumerate(fields.split(","), start=1):
            _add_field(message, package, number, *row.split())
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())


def _add_field(message: Any, package: str, number: int, name: str, kind: str) -> None:
    plain = kind.rstrip("*%|")
    field = message.field.add(name=name, number=number, label=1)
    if kind.endswith("%"):
        plain = f"{message.name}.{_add_entry(message, package, name, plain)}"
    if kind[-1] in "*%":
        field.label = field.LABEL_REPEATED
    if kind.endswith("|"):
        if not message.oneof_decl:
            message.oneof_decl.add(name="kind")
        field.oneof_index = 0
    _set_type(field, package, plain)


def _add_entry(message: Any, package: str, name: str, value: str) -> str:
    """The message that a map's entries are."""
    entry = message.nested_type.add(name=f"{name.title().replace('_', '')}Entry")
    entry.options.map_entry = True
    _set_type(entry.field.add(name="key", number=1, label=1), package, "string")
    _set_type(entry.field.add(name="value", number=2, label=1), package, value)
    return str(entry.name)


def _set_type(field: Any, package: str, kind: str) -> None:
    if kind.islower():
        field.type = getattr(field, f"TYPE_{kind.upper()}")
    else:
        field.type, field.type_name = field.TYPE_MESSAGE, f".{package}.{kind}"
