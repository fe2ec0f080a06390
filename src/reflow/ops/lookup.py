"""Lookup tables: the ops, and what a session keeps for a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.constant import constant_value
from reflow.graph.registry import register

WHOLE_LINE, LINE_NUMBER = -2, -1  # columns of a text file that are none

MUTABLE = ("MutableHashTable", "MutableHashTableOfTensors", "MutableDenseHashTable")


class Table:
    """What a session keeps for a table: a dictionary of Python keys, and whether it has been filled."""

    def __init__(self, attrs: dict[str, Any]) -> None:
        self.key_dtype: dtypes.DType = attrs["key_dtype"]
        self.value_dtype: dtypes.DType = attrs["value_dtype"]
        self.value_shape = tuple(int(d or 0) for d in as_shape(attrs.get("value_shape", ())).as_list())
        self.entries: dict[Any, Any] = {}
        self.filled = False

    def arrays(self, key_shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
        """All keys and values, in the order in which they were added."""
        keys = _array(list(self.entries), self.key_dtype, key_shape)
        return keys, _array(list(self.entries.values()), self.value_dtype, self.value_shape)


class StaticTable(Table):
    """A table that is filled once."""


class MutableTable(Table):
    """A table that may be changed at any time."""


def _array(items: list[Any], dtype: dtypes.DType, inner: tuple[int, ...]) -> np.ndarray:
    """Python values, or arrays of shape `inner`, as one array."""
    result = np.zeros((len(items), *inner), dtype.as_numpy_dtype)
    if items:
        result[:] = items
    return result


# Kernels


def _table(ctx: Any, table: Any, *pairs: tuple[Any, str]) -> Table:
    """The table, after a check that the types of the tensors that come with it are its own."""
    if not isinstance(table, Table):
        fail(f"{ctx.node.name} needs a table, got {type(table).__name__}")
    for attr, own in pairs:
        given, wanted = ctx.node.attrs[attr], getattr(table, own)
        if given != wanted:
            fail(
                f"Signature mismatch, the table has {table.key_dtype.name}->{table.value_dtype.name}, "
                f"but {own} is {given.name}"
            )
    return table  # type: ignore[no-any-return]


KEYS, VALUES = ("Tin", "key_dtype"), ("Tout", "value_dtype")


def _owner(ctx: Any) -> Any:
    """The node that made the table, behind nodes that pass its handle on."""
    op = ctx.node.inputs[0].op
    while op.type == "Identity":
        op = op.inputs[0].op
    return op


def _key_shape(ctx: Any) -> tuple[int, ...]:
    """The shape of one key: a dense table's may be tensors."""
    owner = _owner(ctx)
    return tuple(owner.inputs[0].shape.as_list()) if owner.inputs else ()


def _key_list(keys: Any, inner: tuple[int, ...]) -> list[Any]:
    """Keys as Python values; those that are tensors as tuples."""
    if not inner:
        return keys.reshape(-1).tolist()  # type: ignore[no-any-return]
    if keys.shape[keys.ndim - len(inner) :] != inner:
        fail(f"Expected key shape {list(inner)} at the end of {list(keys.shape)}")
    count = int(np.prod(keys.shape[: keys.ndim - len(inner)], dtype=np.int64))
    return [tuple(row) for row in keys.reshape(count, -1).tolist()]


def _refuse_reserved(ctx: Any, keys: list[Any]) -> None:
    """A dense table marks free and deleted places by two keys, which may not be used."""
    for source, name in zip(_owner(ctx).inputs, ("empty_key", "deleted_key"), strict=False):
        value = constant_value(source)
        if value is None:
            continue
        reserved = tuple(value.reshape(-1).tolist()) if value.ndim else value.reshape(-1).tolist()[0]
        if reserved in keys:
            fail(f"Using the {name} as a table key is not allowed")


def _find(ctx: Any, table: Any, keys: Any, default: Any) -> Any:
    own = _table(ctx, table, KEYS, VALUES)
    if isinstance(own, StaticTable) and not own.filled:
        fail("Table not initialized.", errors.FailedPreconditionError)
    inner = _key_shape(ctx)
    names = _key_list(keys, inner)
    _refuse_reserved(ctx, names)
    if np.shape(default) != own.value_shape:
        fail(f"Expected shape {list(own.value_shape)} for default value, got {list(np.shape(default))}")
    fallback = default if own.value_shape else np.asarray(default).reshape(-1).tolist()[0]
    get = own.entries.get
    found = _array([get(name, fallback) for name in names], own.value_dtype, own.value_shape)
    return found.reshape(keys.shape[: keys.ndim - len(inner)] + own.value_shape)


def _entries(ctx: Any, own: Table, keys: Any, values: Any) -> Iterator[tuple[Any, Any]]:
    """Keys and their values, checked."""
    inner = _key_shape(ctx)
    wanted = keys.shape[: keys.ndim - len(inner)] + own.value_shape
    if values.shape != wanted:
        fail(f"Expected shape {list(wanted)} for value, got {list(values.shape)}")
    names = _key_list(keys, inner)
    _refuse_reserved(ctx, names)
    if own.value_shape:
        return zip(names, values.reshape(-1, *own.value_shape).copy(), strict=True)
    return zip(names, values.reshape(-1).tolist(), strict=True)


def _insert(ctx: Any, table: Any, keys: Any, values: Any) -> tuple[()]:
    own = _table(ctx, table, KEYS, VALUES)
    if isinstance(own, StaticTable):
        fail("Insert is not supported by a table that is filled once", errors.UnimplementedError)
    own.entries.update(_entries(ctx, own, keys, values))
    return ()


def _remove(ctx: Any, table: Any, keys: Any) -> tuple[()]:
    own = _table(ctx, table, KEYS)
    if isinstance(own, StaticTable):
        fail("Remove is not supported by a table that is filled once", errors.UnimplementedError)
    names = _key_list(keys, _key_shape(ctx))
    _refuse_reserved(ctx, names)
    for name in names:
        own.entries.pop(name, None)
    return ()


def _fill(own: Table, pairs: Any) -> tuple[()]:
    """The first content of a table; filling it again with as many entries does nothing."""
    entries: dict[Any, Any] = {}
    for key, value in pairs:
        known = entries.setdefault(key, value)
        if known != value:
            shown = [x.decode("utf-8", "replace") if isinstance(x, bytes) else x for x in (key, known, value)]
            fail(
                "HashTable has different value for same key. "
                f"Key {shown[0]} has {shown[1]} and trying to add value {shown[2]}",
                errors.FailedPreconditionError,
            )
    if own.filled:
        if len(entries) != len(own.entries):
            fail("Table was already initialized with different data.", errors.FailedPreconditionError)
        return ()
    own.entries, own.filled = entries, True
    return ()


def _import(ctx: Any, table: Any, keys: Any, values: Any) -> tuple[()]:
    own = _table(ctx, table, KEYS, VALUES)
    pairs = _entries(ctx, own, keys, values)
    if isinstance(own, StaticTable):
        return _fill(own, pairs)
    own.entries = dict(pairs)
    return ()


def _initialize(ctx: Any, table: Any, keys: Any, values: Any) -> tuple[()]:
    own = _table(ctx, table, ("Tkey", "key_dtype"), ("Tval", "value_dtype"))
    return _fill(own, _entries(ctx, own, keys, values))


def _size(ctx: Any, table: Any) -> Any:
    return np.array(len(_table(ctx, table).entries), np.int64)


def _export(ctx: Any, table: Any) -> Any:
    own = _table(ctx, table, ("Tkeys", "key_dtype"), ("Tvalues", "value_dtype"))
    return own.arrays(_key_shape(ctx))


# Text files


def _text_lines(path: str) -> list[str]:
    """The lines of a file, without their ends; bytes are kept as they are by way of Latin-1."""
    try:
        with open(path, "rb") as file:
            content = file.read().replace(b"\r", b"")
    except FileNotFoundError:
        return fail(f"{path}; No such file or directory", errors.NotFoundError)  # type: ignore[no-any-return]
    except OSError as error:
        return fail(f"{path}; {error.strerror}", errors.FailedPreconditionError)  # type: ignore[no-any-return]
    lines = content.decode("latin-1").split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def _parsed(text: str, dtype: dtypes.DType, number: int) -> Any:
    """A field of a text file as a Python value."""
    if dtype == dtypes.string:
        return text.encode("latin-1")
    try:
        if dtype.is_integer and text.strip() == text:
            value = int(text)
            if dtype.min <= value <= dtype.max:
                return value
        elif dtype.is_floating:
            return float(np.array(float(text), dtype.as_numpy_dtype))
    except ValueError:
        pass
    name = {"float32": "float", "float64": "double"}.get(dtype.name, dtype.name)
    return fail(f"Field {text} in line {number} is not a valid {name}.")


def _pairs_of_file(own: Table, path: str, attrs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Keys and values from the lines of a text file."""
    columns = (attrs["key_index"], own.key_dtype), (attrs["value_index"], own.value_dtype)
    last, limit, delimiter = max(c for c, _ in columns), attrs["vocab_size"], attrs["delimiter"]
    lines = _text_lines(path)
    if not lines:
        fail(f"{path} is empty: read less bytes than requested", errors.OutOfRangeError)
    if limit > len(lines):
        fail(f"Invalid vocab_size in {path}: expected {limit} but got {len(lines)}")
    position = 0
    for number, line in enumerate(lines if limit < 0 else lines[:limit]):
        position += len(line) + 1
        if not line:
            fail(f"Invalid content in {path}: empty line found at position {position}.")
        fields = line.split(delimiter) if last >= 0 else []
        if last >= len(fields):
            fail(
                f"Invalid number of columns in {path} line {number} ({line}) : expected at least {last + 1} "
                f"got {len(fields)}"
            )
        key, value = (_field(line, fields, number, column, dtype) for column, dtype in columns)
        yield key, value


def _field(line: str, fields: list[str], number: int, column: int, dtype: dtypes.DType) -> Any:
    if column == LINE_NUMBER:
        return number
    return _parsed(line if column == WHOLE_LINE else fields[column], dtype, number)


def _initialize_from_file(ctx: Any, table: Any, filename: Any) -> tuple[()]:
    path = np.asarray(filename, object).item()
    return _fill(_table(ctx, table), _pairs_of_file(table, path.decode(), ctx.node.attrs))


# Shapes


def _mutable_owner(node: Any) -> Any:
    """The node of a mutable table, whose keys' and values' shapes are known; None for other tables."""
    op = node.inputs[0].op
    while op.stands_for is not None:  # in a function
        op = op.stands_for.op
    return op if op.type.endswith("V2") and op.type[:-2] in MUTABLE else None


def _value_shape(owner: Any) -> TensorShape:
    return as_shape(owner.attrs.get("value_shape", ()))


def _find_shape(node: Any) -> TensorShape:
    owner, keys = _mutable_owner(node), node.inputs[1].shape
    if owner is None or keys.ndims is None:
        return unknown_shape()
    inner = owner.inputs[0].shape.ndims if owner.inputs else 0
    if inner is None:
        return unknown_shape()
    return TensorShape.of(keys.ints[: keys.ndims - inner]).concatenate(_value_shape(owner))


def _export_shape(node: Any) -> list[TensorShape]:
    owner = _mutable_owner(node)
    if owner is None:
        return [TensorShape.of((None,)), unknown_shape()]
    keys = owner.inputs[0].shape if owner.inputs else TensorShape.of(())
    count = TensorShape.of((None,))
    return [count.concatenate(keys), count.concatenate(_value_shape(owner))]


def _paired_shape(node: Any) -> list[TensorShape]:
    """A table that is filled once has scalar keys and values: as many of these as of those."""
    if node.inputs[0].op.type == "HashTableV2":
        node.inputs[1].shape.merge_with(node.inputs[2].shape)
    return []


for _suffix in ("", "V2"):
    register(f"HashTable{_suffix}", shape=shapes.scalar, slot=StaticTable, gradient=None)
    for _type in MUTABLE[:2] if not _suffix else MUTABLE:  # the first dense tables never had a kernel
        register(_type + _suffix, shape=shapes.scalar, slot=MutableTable, gradient=None)
    for _type, _shape, _host in (
        ("LookupTableFind", _find_shape, _find),
        ("LookupTableInsert", _paired_shape, _insert),
        ("LookupTableImport", _paired_shape, _import),
        ("LookupTableExport", _export_shape, _export),
        ("LookupTableSize", shapes.scalar, _size),
        ("InitializeTable", _paired_shape, _initialize),
        ("InitializeTableFromTextFile", shapes.no_outputs, _initialize_from_file),
    ):
        register(_type + _suffix, shape=_shape, host=_host, gradient=None)
register("LookupTableRemoveV2", shape=shapes.no_outputs, host=_remove, gradient=None)
