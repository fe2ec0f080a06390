"""Nodes and graphs as TensorFlow's messages, and their attributes back as plain values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base import dtypes, protos
from reflow.base.shape import TensorShape, as_shape
from reflow.graph import registry

PRODUCER, MIN_CONSUMER = 134, 0  # TF 1.15's GraphDef versions

SMALL = 4096  # bytes: a constant that comes to no more is made at once, whatever its message has of it
# TensorProto's field of values for each NumPy kind that is not stored as raw bytes.
_VALUE_FIELDS = {
    "float16": "half_val",
    "bfloat16": "half_val",
    "float32": "float_val",
    "float64": "double_val",
    "int32": "int_val",
    "int16": "int_val",
    "int8": "int_val",
    "uint8": "int_val",
    "uint16": "int_val",
    "qint8": "int_val",
    "quint8": "int_val",
    "qint32": "int_val",
    "int64": "int64_val",
    "bool": "bool_val",
    "uint32": "uint32_val",
    "uint64": "uint64_val",
    "string": "string_val",
    "complex64": "scomplex_val",
    "complex128": "dcomplex_val",
}


def versions() -> Any:
    """The VersionDef that written graphs carry."""
    return protos.VersionDef(producer=PRODUCER, min_consumer=MIN_CONSUMER)


def tensor_proto(value: Any, dtype: dtypes.DType) -> Any:
    """A NumPy array as a TensorProto."""
    array = np.asarray(value)
    proto = protos.TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=as_shape(array.shape).as_proto())
    if array.size > 1 and not any(array.strides):
        array = array[(slice(0, 1),) * array.ndim]  # one value, repeated
    if dtype == dtypes.string:
        proto.string_val.extend(_as_bytes(x) for x in array.reshape(-1))
    elif array.size == 1:
        _append_value(proto, dtype, array.reshape(-1))
    else:
        proto.tensor_content = (
            np.ascontiguousarray(array, dtype.as_numpy_dtype)
            .astype(np.dtype(dtype.as_numpy_dtype).newbyteorder("<"), copy=False)
            .tobytes()
        )
    return proto


def _append_value(proto: Any, dtype: dtypes.DType, flat: np.ndarray) -> None:
    field = getattr(proto, _VALUE_FIELDS[dtype.name])
    if dtype.name in ("float16", "bfloat16"):
        field.extend(int(x) for x in flat.astype(dtype.as_numpy_dtype).view(np.uint16))
    elif dtype.is_complex:
        field.extend(float(part) for x in flat for part in (x.real, x.imag))
    else:
        field.extend(flat.tolist())


def _as_bytes(value: Any) -> bytes:
    return value.encode("utf-8") if isinstance(value, str) else bytes(value)


def tensor_array(proto: Any) -> np.ndarray:
    """The NumPy array of a TensorProto. ValueError when its content does not fit its shape."""
    dtype = dtypes.as_dtype(proto.dtype)
    shape = tuple(d.size for d in proto.tensor_shape.dim)
    count = int(np.prod(shape, dtype=np.int64))
    if dtype == dtypes.string:
        values = np.empty(len(proto.string_val), object)
        values[:] = list(proto.string_val)
        return _spread(values, count, shape)
    content = proto.tensor_content  # each look at it makes a copy
    if content:
        kind = np.dtype(dtype.as_numpy_dtype)
        if len(content) != count * kind.itemsize:
            raise ValueError(f"tensor_content has {len(content)} bytes, {count} x {kind} are wanted")
        return np.frombuffer(content, kind).reshape(shape).copy()
    raw = list(getattr(proto, _VALUE_FIELDS[dtype.name]))
    if dtype.name in ("float16", "bfloat16"):
        values = np.array(raw, np.uint16).view(dtype.as_numpy_dtype)
    elif dtype.is_complex:
        pairs = np.array(raw, np.float64).reshape(-1, 2)
        values = (pairs[:, 0] + 1j * pairs[:, 1]).astype(dtype.as_numpy_dtype)
    else:
        values = np.array(raw, dtype.as_numpy_dtype)
    return _spread(values, count, shape)


class Continued:
    """A large constant whose message has some values of it and goes on with the last one.

    A message of ten bytes may stand for gigabytes. So the array is made when a run needs it, and one single
    value never takes more memory than one.
    """

    __slots__ = ("dtype", "message", "shape", "size")

    def __init__(self, message: Any) -> None:
        self.message = message
        self.dtype = np.dtype(dtypes.as_dtype(message.dtype).as_numpy_dtype)
        self.shape = tuple(d.size for d in message.tensor_shape.dim)
        self.size = math.prod(self.shape)

    def is_single(self) -> bool:
        """Whether all elements are the same."""
        return _stored(self.message) <= 1

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self._array()
        return array if dtype is None and not copy else np.array(array, dtype)

    def _array(self) -> np.ndarray:
        if not self.is_single():
            return tensor_array(self.message)
        one = type(self.message)()
        one.CopyFrom(self.message)
        one.tensor_shape.ClearField("dim")
        return np.broadcast_to(tensor_array(one), self.shape)


def constant_value_of(message: Any) -> np.ndarray | Continued:
    """What a TensorProto in a file stands for: never more in memory than a small part more than the message.

    ValueError when it is damaged.
    """
    shape = tuple(d.size for d in message.tensor_shape.dim)
    if message.tensor_shape.unknown_rank or any(d < 0 for d in shape):
        raise ValueError(f"a tensor of shape {shape}")
    count, size = math.prod(shape), message.ByteSize()
    content = len(message.tensor_content)
    if 0 < content < count:
        raise ValueError(f"tensor_content has {content} bytes for shape {shape}")
    if count * np.dtype(dtypes.as_dtype(message.dtype).as_numpy_dtype).itemsize <= max(SMALL, 2 * size):
        return tensor_array(message)
    if content or _stored(message) >= count:
        return tensor_array(message)  # all of it is there
    return Continued(message)


def _stored(message: Any) -> int:
    """How many values a TensorProto has."""
    fields = [(d.name, v) for d, v in message.ListFields() if d.name.endswith("_val")]
    return sum(len(v) // (2 if "complex" in n else 1) for n, v in fields)


def _spread(values: np.ndarray, count: int, shape: tuple[int, ...]) -> np.ndarray:
    """`values` in `shape`; a short list is continued by its last value, an empty one by zeros."""
    if len(values) > count:
        raise ValueError(f"A tensor of shape {shape} has {len(values)} values")
    if len(values) < count:
        last = values[-1] if len(values) else (b"" if values.dtype == object else 0)
        full = np.empty(count, values.dtype)
        full[:] = last
        full[: len(values)] = values
        values = full
    return values.reshape(shape)


def whole_array(message: Any) -> np.ndarray:
    """The array of a TensorProto that has all of its elements. ValueError when it has not."""
    found = constant_value_of(message)
    count = found.size
    if isinstance(found, Continued) or not (message.tensor_content or _stored(message) >= count):
        raise ValueError(f"{_stored(message)} values for a tensor of {count} elements")
    return found


def attr_proto(value: Any, kind: str, dtype: dtypes.DType | None = None) -> Any:
    """A plain attribute value as an AttrValue; `kind` is the signature's ("type", "list(int)" ...)."""
    attr = protos.AttrValue()
    if kind.startswith("list("):
        target, kind, values = attr.list, kind[5:-1], value
        attr.list.SetInParent()
        for one in values:
            _add_list_value(target, one, kind)
        return attr
    if kind == "tensor":
        attr.tensor.CopyFrom(_tensor_message(value, dtype))
    elif kind == "shape":
        attr.shape.CopyFrom(as_shape(value).as_proto())
    elif kind == "func":
        attr.func.name = value if isinstance(value, str) else value.name
    elif kind == "string":
        attr.s = _as_bytes(value)
    elif kind == "type":
        attr.type = value.as_datatype_enum
    else:
        setattr(attr, {"int": "i", "float": "f", "bool": "b"}[kind], value)
    return attr


def _tensor_message(value: Any, dtype: dtypes.DType | None) -> Any:
    if isinstance(value, Continued):
        return value.message
    if hasattr(value, "tensor_shape"):
        return value
    same = dtype is not None and np.asarray(value).dtype == dtype.as_numpy_dtype
    return tensor_proto(value, dtype if dtype is not None and same else _dtype(value))


def _dtype(value: Any) -> dtypes.DType:
    array = np.asarray(value)
    return dtypes.string if array.dtype == object else dtypes.as_dtype(array.dtype)


def _add_list_value(target: Any, value: Any, kind: str) -> None:
    if kind == "shape":
        target.shape.add().CopyFrom(as_shape(value).as_proto())
    elif kind == "string":
        target.s.append(_as_bytes(value))
    elif kind == "type":
        target.type.append(value.as_datatype_enum)
    elif kind == "tensor":
        target.tensor.add().CopyFrom(_tensor_message(value, None))
    elif kind == "func":
        target.func.add().name = value if isinstance(value, str) else value.name
    else:
        getattr(target, {"int": "i", "float": "f", "bool": "b"}[kind]).append(value)


def _kind_of(value: Any) -> str:
    """The attribute kind of a plain value that no signature describes (`_class`, `_gradient_op_type` ...)."""
    for kind, types in (
        ("bool", bool),
        ("int", int),
        ("float", float),
        ("string", (str, bytes)),
        ("type", dtypes.DType),
        ("shape", TensorShape),
        ("tensor", (np.ndarray, Continued)),
    ):
        if isinstance(value, types):
            return kind
    if isinstance(value, (list, tuple)):
        return f"list({_kind_of(value[0]) if value else 'int'})"
    return "func"


def plain_attr(value: Any) -> Any:
    """An AttrValue message as a plain value; other values pass."""
    if not hasattr(value, "WhichOneof"):
        return value
    field = value.WhichOneof("value")
    if field == "list":
        rows = [(d.name, list(v)) for d, v in value.list.ListFields()]
        return [_plain(name, v) for name, values in rows for v in values]
    return None if field is None else _plain(field, getattr(value, field))


def _plain(field: str, value: Any) -> Any:
    if field == "type":
        return dtypes.as_dtype(value)
    if field == "shape":
        return as_shape(value)
    if field == "tensor":
        return constant_value_of(value)
    if field == "s":
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value
    return value


def public_attr(op: Any, name: str) -> Any:
    """`Operation.get_attr`: strings as bytes, shapes and tensors as messages, types as DType."""
    if name == "_class" and op.colocation:
        return list(op.colocation)
    if name not in op.attrs:
        raise ValueError(f"Operation {op.name!r} has no attr named {name!r}; it has {sorted(op.attrs)}")
    value = op.attrs[name]
    kind = _attr_kind(op, name, value)
    if kind == "string":
        return _as_bytes(value)
    if kind == "list(string)":
        return [_as_bytes(v) for v in value]
    if kind == "shape":
        return as_shape(value).as_proto()
    if kind == "list(shape)":
        return [as_shape(v).as_proto() for v in value]
    if kind == "tensor":
        return _tensor_message(value, op.attrs.get("dtype"))
    return value


def _attr_kind(op: Any, name: str, value: Any) -> str:
    definition = op.definition or registry.definition(op.type)
    attribute = definition.attrs.get(name) if definition is not None else None
    return attribute.type if attribute is not None else _kind_of(value)


def input_name(tensor: Any) -> str:
    """A tensor as a NodeDef names it: `op` for output 0, else `op:1`."""
    return tensor.op.name if tensor.value_index == 0 else f"{tensor.op.name}:{tensor.value_index}"


def node_def(op: Any, add_shapes: bool = False) -> Any:
    """An operation as a NodeDef."""
    node = protos.NodeDef(name=op.name, op=op.type, device=op.device)
    node.input.extend(input_name(t) for t in op.inputs)
    node.input.extend(f"^{name}" for name in sorted(c.name for c in op.control_inputs))  # as TF writes them
    for name, value in op.attrs.items():
        if value is not None:
            node.attr[name].CopyFrom(attr_proto(value, _attr_kind(op, name, value), op.attrs.get("dtype")))
    if op.colocation:
        node.attr["_class"].list.s.extend(op.colocation)
    if add_shapes and op.outputs:
        shapes = node.attr["_output_shapes"].list.shape
        for tensor in op.outputs:
            shapes.add().CopyFrom(tensor.shape.as_proto())
    return node


def graph_def(operations: list[Any], add_shapes: bool = False) -> Any:
    """Operations, in order, as a GraphDef."""
    graph = protos.GraphDef(versions=versions())
    graph.node.extend(node_def(op, add_shapes) for op in operations)
    return graph
