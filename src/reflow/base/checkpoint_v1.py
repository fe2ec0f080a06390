"""Checkpoints of version 1: one table, or several by a pattern of names, of tensors as messages.

The entry of the empty key lists the tensors, their types, shapes and slices; each slice is an entry of its
own.
"""

from __future__ import annotations

import glob
import math
import os
from typing import Any, NoReturn

import numpy as np

from reflow.base import dtypes, errors, protos
from reflow.base.bundle import NOT_FOUND, BundleReader, Checkpoint, as_shape_tuple
from reflow.base.bundle_files import current_index
from reflow.base.durable import replace_file, reporting
from reflow.base.slices import TensorSlice, slice_key
from reflow.base.table import Table, TableBuilder

VERSION = 1
# The field of a TensorProto that holds the values of a type.
_FIELDS = {
    dtypes.float32: "float_val",
    dtypes.float64: "double_val",
    dtypes.int64: "int64_val",
    dtypes.bool: "bool_val",
    dtypes.string: "string_val",
    dtypes.float16: "half_val",
    dtypes.complex64: "scomplex_val",
    dtypes.complex128: "dcomplex_val",
} | dict.fromkeys(
    (
        dtypes.int32,
        dtypes.int16,
        dtypes.int8,
        dtypes.uint8,
        dtypes.uint16,
        dtypes.qint8,
        dtypes.quint8,
        dtypes.qint32,
    ),
    "int_val",
)


class _File:
    """A file that slices like bytes, a part being read when it is asked for."""

    def __init__(self, path: str) -> None:
        self.path = path
        with reporting(path):
            self._file = os.open(path, os.O_RDONLY)
            self._size = os.fstat(self._file).st_size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice) -> bytes:
        start, stop, _ = where.indices(self._size)
        with reporting(self.path):
            data = os.pread(self._file, max(stop - start, 0), start)
        if len(data) < stop - start:
            raise errors.DataLossError(
                None, None, f"{self.path} is damaged: it ends at byte {start + len(data)}"
            )
        return data

    def __del__(self) -> None:
        if hasattr(self, "_file"):
            os.close(self._file)


class CheckpointV1(Checkpoint):
    """A checkpoint of version 1, opened for reading: the files that match a pattern.

    Raises as `BundleReader`.
    """

    def __init__(self, pattern: str) -> None:
        self.prefix = pattern
        self._tensors: dict[str, list[tuple[Table, Any]]] = {}  # name -> where, and what is said of it there
        for path in sorted(glob.glob(pattern)):
            self._open(path)
        if not self._tensors and not glob.glob(pattern):
            raise errors.NotFoundError(None, None, NOT_FOUND.format(pattern))

    def _open(self, path: str) -> None:
        try:
            table = Table(_File(path), path)
        except errors.DataLossError as error:
            raise errors.DataLossError(
                None,
                None,
                f"Unable to open table file {path}: Data loss: {error.message}: perhaps your file is in a "
                "different file format and you need to use a different restore operator?",
            ) from None
        listed = self._message(table, b"", "the list of its tensors")
        for tensor in listed.meta.tensor:
            self._tensors.setdefault(tensor.name, []).append((table, tensor))

    def _damaged(self, table: Table, what: str) -> NoReturn:
        raise errors.DataLossError(None, None, f"{table.name} is damaged: {what}")

    def _message(self, table: Table, key: bytes, what: str) -> Any:
        from google.protobuf.message import DecodeError

        data = table.get(key)
        if data is None:
            self._damaged(table, f"{what} is missing")
        try:
            return protos.SavedTensorSlices.FromString(data)
        except DecodeError as error:
            self._damaged(table, f"{what}: {error}")

    def names(self) -> list[str]:
        return sorted(self._tensors)

    def has(self, name: str) -> bool:
        return name in self._tensors

    def _found(self, name: str) -> tuple[Table, Any]:
        if name not in self._tensors:
            raise self.missing(name)
        return self._tensors[name][0]

    def dtype(self, name: str) -> dtypes.DType:
        table, tensor = self._found(name)
        try:
            return dtypes.as_dtype(tensor.type).base_dtype
        except TypeError:
            self._damaged(table, f"type {tensor.type} of {name}")

    def shape(self, name: str) -> tuple[int, ...]:
        table, tensor = self._found(name)
        try:
            return as_shape_tuple(tensor.shape)
        except ValueError as error:
            self._damaged(table, f"{error}: {name}")

    def read(self, name: str, part: TensorSlice | None = None) -> np.ndarray:
        shape, dtype = self.shape(name), self.dtype(name)
        wanted = (part or TensorSlice.whole(len(shape))).bounds(shape)
        pieces = []
        for table, tensor in self._tensors[name]:
            pieces += self._pieces(table, tensor, name, shape, dtype, wanted)
        covered = sum(math.prod(b - a for a, b in common) for _, _, common in pieces)
        count = math.prod(stop - start for start, stop in wanted)
        if covered < count:
            table = self._tensors[name][0][0]
            self._damaged(table, f"the slices of {name} hold {covered} of the {count} elements wanted")
        result = np.empty([stop - start for start, stop in wanted], dtype.as_numpy_dtype)
        for values, bounds, common in pieces:
            source = tuple(slice(a - s, b - s) for (a, b), (s, _) in zip(common, bounds, strict=True))
            target = tuple(slice(a - s, b - s) for (a, b), (s, _) in zip(common, wanted, strict=True))
            result[target] = values[source]
        return result

    def _pieces(
        self, table: Table, tensor: Any, name: str, shape: Any, dtype: dtypes.DType, wanted: Any
    ) -> list[tuple[np.ndarray, Any, Any]]:
        """The stored slices of one file that have something of what is wanted."""
        found, seen = [], set()
        for message in tensor.slice:
            try:
                stored = TensorSlice.from_proto(message)
                size, bounds = stored.shape(shape), stored.bounds(shape)
            except ValueError as error:
                self._damaged(table, f"{name}: {error}")
            common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(bounds, wanted, strict=True)]
            if stored not in seen and all(a < b for a, b in common):
                seen.add(stored)
                saved = self._message(
                    table, slice_key(name.encode(), stored), f"the slice {stored} of {name}"
                )
                found.append((self._values(table, saved.data.data, dtype, size, name), bounds, common))
        return found

    def _values(self, table: Table, message: Any, dtype: dtypes.DType, shape: Any, name: str) -> np.ndarray:
        if dtype not in _FIELDS:
            raise errors.UnimplementedError(None, None, f"{table.name}: {name} is of type {dtype.name}")
        stored = getattr(message, _FIELDS[dtype])
        count = math.prod(shape)
        if len(stored) != count * (2 if dtype.is_complex else 1):
            self._damaged(table, f"{name} of shape {list(shape)} has {len(stored)} values")
        try:
            return _array(stored, dtype, count).reshape(shape)
        except (OverflowError, ValueError) as error:
            self._damaged(table, f"{name}: {error}")


def _array(stored: Any, dtype: dtypes.DType, count: int) -> np.ndarray:
    """The values of a field as a vector."""
    kind = np.dtype(dtype.as_numpy_dtype)
    if dtype == dtypes.string:
        strings = np.empty(count, object)
        strings[:] = list(stored)
        return strings
    if dtype == dtypes.float16:
        return np.array(stored, np.uint16).view(kind)
    if dtype.is_complex:
        part = np.float32 if dtype == dtypes.complex64 else np.float64
        return np.array(stored, part).view(kind)
    if kind.names:  # a quantized type
        return np.array(stored, kind[0]).view(kind)
    return np.array(stored, kind)


class WriterV1:
    """Collects tensors for a checkpoint of version 1 and writes it, without compression.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> writer = WriterV1(path)
    >>> writer.add_slice("v", (2,), TensorSlice.whole(1), np.float32([1, 2]), dtypes.float32)
    >>> writer.finish()
    >>> CheckpointV1(path).read("v")
    array([1., 2.], dtype=float32)
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._listed = protos.SavedTensorSlices()
        self._listed.meta.versions.producer = VERSION
        self._tensors: dict[str, Any] = {}
        self._entries: dict[bytes, bytes] = {}

    def add_slice(
        self, name: str, shape: tuple[int, ...], part: TensorSlice, array: np.ndarray, dtype: dtypes.DType
    ) -> None:
        """Add a slice of a tensor of `shape`. InvalidArgumentError when slices disagree, or for a type that
        this version does not store."""
        if dtype not in _FIELDS:
            raise errors.InvalidArgumentError(
                None, None, f"{name}: checkpoints of version 1 do not store {dtype.name}; write version 2"
            )
        tensor = self._tensors.get(name)
        if tensor is None:
            tensor = self._tensors[name] = self._listed.meta.tensor.add(
                name=name, type=dtype.as_datatype_enum
            )
            for size in shape:
                tensor.shape.dim.add(size=size)
        if tensor.type != dtype.as_datatype_enum or as_shape_tuple(tensor.shape) != shape:
            raise errors.InvalidArgumentError(
                None, None, f"The slices of {name} do not agree on the type and shape of the whole"
            )
        saved = protos.SavedTensorSlices()
        saved.data.name = name
        for message in (tensor.slice.add(), saved.data.slice):
            message.CopyFrom(part.to_proto())
        saved.data.data.dtype = dtype.as_datatype_enum
        getattr(saved.data.data, _FIELDS[dtype]).extend(_plain(array, dtype))
        self._entries[slice_key(name.encode(), part)] = saved.SerializeToString()

    def finish(self) -> None:
        """Write the file."""
        builder = TableBuilder()
        builder.add(b"", self._listed.SerializeToString())
        for key in sorted(self._entries):
            builder.add(key, self._entries[key])
        replace_file(self._path, builder.finish())


def _plain(array: np.ndarray, dtype: dtypes.DType) -> list[Any]:
    flat = np.asarray(array).reshape(-1)
    if dtype == dtypes.string:
        return [s if isinstance(s, bytes) else str(s).encode() for s in flat]
    if dtype == dtypes.float16:
        flat = flat.view(np.uint16)
    elif dtype.is_complex:
        flat = flat.view(np.float32 if dtype == dtypes.complex64 else np.float64)
    elif flat.dtype.names:
        flat = flat.view(flat.dtype[0])
    plain: list[Any] = flat.tolist()
    return plain


def open_checkpoint(prefix: str) -> Checkpoint:
    """The checkpoint of that name: of version 2 if it has an index, else of version 1.

    NotFoundError when there is neither.
    """
    if current_index(prefix) is not None:
        return BundleReader(prefix)
    return CheckpointV1(prefix)
