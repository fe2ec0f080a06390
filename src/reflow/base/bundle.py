"""Checkpoints of version 2 ("tensor bundles"): an index, which is a table, and shards of raw tensors.

Every size and offset in an index is checked against the files' sizes before anything is allocated, and every
tensor against its CRC. Tensors are read one by one, into arrays of their own: an array that looked into the
file by a memory map would change, or end the process, when some other program writes to the file.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
from collections.abc import Iterator
from difflib import get_close_matches
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np

from reflow.base import dtypes, errors, protos
from reflow.base.bundle_files import (
    NEXT,
    commit,
    current_index,
    discard,
    finish_renames,
    index_name,
    open_shard,
    shard_name,
)
from reflow.base.checksums import crc32c, masked
from reflow.base.durable import begin_transfer, remove, reporting, write_all
from reflow.base.slices import TensorSlice, slice_key
from reflow.base.table import Table, TableBuilder
from reflow.base.varint import read_varint, varint

VERSION = 1
LITTLE = 0
MAX_RANK = 254
PIECE = 1 << 22  # bytes that are read, or written and given to the disk, at a time
NOT_FOUND = "Unsuccessful TensorSliceReader constructor: Failed to find any matching files for {}"


class Checkpoint:
    """What a reader of either version offers."""

    prefix: str

    def names(self) -> list[str]:
        """The tensors' names, in order."""
        raise NotImplementedError

    def has(self, name: str) -> bool:
        """Whether there is a tensor of that name."""
        raise NotImplementedError

    def dtype(self, name: str) -> dtypes.DType:
        """A tensor's type; NotFoundError when there is none of that name."""
        raise NotImplementedError

    def shape(self, name: str) -> tuple[int, ...]:
        """A tensor's shape, that of the whole when it is stored in slices."""
        raise NotImplementedError

    def read(self, name: str, part: TensorSlice | None = None) -> np.ndarray:
        """A tensor, or the part of it, as an array of the caller's own."""
        raise NotImplementedError

    def close(self) -> None:
        """Close the files."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def missing(self, name: str) -> errors.NotFoundError:
        """The error of asking for a name that is not there."""
        near = get_close_matches(name, self.names(), n=3)
        hint = f" {self.prefix}. The nearest keys in it: {', '.join(near)}" if near else f" {self.prefix}"
        return errors.NotFoundError(None, None, f"Key {name} not found in checkpoint{hint}")


def as_shape_tuple(message: Any) -> tuple[int, ...]:
    """The shape of a TensorShapeProto. ValueError unless it is fully known and possible."""
    shape = tuple(d.size for d in message.dim)
    if message.unknown_rank or len(shape) > MAX_RANK or any(d < 0 for d in shape):
        raise ValueError(f"a tensor of shape {list(shape)}")
    return shape


class BundleReader(Checkpoint):
    """A checkpoint of version 2, opened for reading.

    Raises:
        NotFoundError: there is no such checkpoint, or it has no tensor of the name asked for.
        DataLossError: a file is damaged; the message says where.
        UnimplementedError: it was written on a big-endian machine.
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        with reporting(prefix):
            self._index_path, content = _read_index(prefix)
        self._following = self._index_path.endswith(NEXT)
        self._rows = dict(Table(content, self._index_path).items())
        header = self._parsed(protos.BundleHeaderProto, self._rows.pop(b"", b""), "the header")
        self._check_header(header)
        self.shards = header.num_shards
        self._files: dict[int, tuple[int, int]] = {}  # shard -> file descriptor and size

    def _check_header(self, header: Any) -> None:
        if header.endianness != LITTLE:
            raise errors.UnimplementedError(
                None, None, f"{self.prefix} was written on a big-endian machine; this one is little-endian"
            )
        if header.num_shards < 1 or header.num_shards > 99_999:
            self._damaged(f"{header.num_shards} shards")
        if header.version.min_consumer > VERSION:
            raise errors.InvalidArgumentError(
                None,
                None,
                f"Checkpoint min consumer version {header.version.min_consumer} above current version "
                f"{VERSION} for {self.prefix}",
            )

    def _damaged(self, what: str, path: str | None = None) -> NoReturn:
        raise errors.DataLossError(None, None, f"{path or self._index_path} is damaged: {what}")

    def _parsed(self, kind: Any, data: bytes, what: str) -> Any:
        from google.protobuf.message import DecodeError

        try:
            return kind.FromString(data)
        except DecodeError as error:
            self._damaged(f"{what}: {error}")

    # What there is

    def entries(self) -> Iterator[tuple[bytes, Any]]:
        """All keys, those of slices included, with their entries."""
        for key in self._rows:
            yield key, self._entry(key)

    def names(self) -> list[str]:
        return [k.decode(errors="replace") for k in self._rows if not k.startswith(b"\0")]

    def has(self, name: str) -> bool:
        return name.encode() in self._rows

    def _entry(self, key: bytes) -> Any:
        return self._parsed(protos.BundleEntryProto, self._rows[key], f"the entry of {_shown(key)}")

    def _found(self, name: str) -> Any:
        if not self.has(name):
            raise self.missing(name)
        return self._entry(name.encode())

    def dtype(self, name: str) -> dtypes.DType:
        return self._dtype_of(self._found(name), name)

    def _dtype_of(self, entry: Any, name: str) -> dtypes.DType:
        try:
            return dtypes.as_dtype(entry.dtype).base_dtype
        except TypeError:
            self._damaged(f"type {entry.dtype} of {name}")

    def shape(self, name: str) -> tuple[int, ...]:
        return self._shape_of(self._found(name), name)

    def _shape_of(self, entry: Any, name: str) -> tuple[int, ...]:
        try:
            return as_shape_tuple(entry.shape)
        except ValueError as error:
            self._damaged(f"{error}: {name}")

    # Tensors

    def read(self, name: str, part: TensorSlice | None = None) -> np.ndarray:
        entry = self._found(name)
        if not entry.slices:
            whole = self._tensor(entry, name)
            return whole if part is None or part.is_whole(whole.shape) else _cut(whole, part)
        shape = self._shape_of(entry, name)
        return self._assembled(entry, name, shape, part or TensorSlice.whole(len(shape)))

    def _tensor(self, entry: Any, name: str) -> np.ndarray:
        """A tensor that is stored in one piece."""
        dtype, shape = self._dtype_of(entry, name), self._shape_of(entry, name)
        count = math.prod(shape)
        file, path = self._checked_place(entry, name)
        if dtype == dtypes.string:
            return self._strings(entry, name, shape, os.pread(file, entry.size, entry.offset), path)
        if dtype == dtypes.variant:
            return self._variants(entry, name, shape, os.pread(file, entry.size, entry.offset), path)
        if dtype.as_numpy_dtype is None or dtype == dtypes.resource:
            raise errors.UnimplementedError(None, None, f"{self.prefix}: {name} is of type {dtype.name}")
        kind = np.dtype(dtype.as_numpy_dtype)
        if entry.size != count * kind.itemsize:
            self._damaged(f"{name} of shape {list(shape)} and type {dtype.name} has {entry.size} bytes")
        flat = np.empty(count, kind)
        if entry.crc32c != masked(self._filled(flat.view(np.uint8), file, entry.offset, path)):
            self._bad_sum(name, entry, path)
        try:
            return flat.reshape(shape)
        except ValueError as error:  # more axes than NumPy has
            self._damaged(f"{error}: {name}")

    def _bad_sum(self, name: str, entry: Any, path: str) -> NoReturn:
        self._damaged(f"checksum does not match: {name}, {entry.size} bytes at byte {entry.offset}", path)

    def _checked_place(self, entry: Any, name: str) -> tuple[int, str]:
        """The file of an entry and its path, when all its bytes are in it."""
        if not 0 <= entry.shard_id < self.shards:
            self._damaged(f"{name} is in shard {entry.shard_id} of {self.shards}")
        path = shard_name(self.prefix, entry.shard_id, self.shards)
        file, size = self._shard(entry.shard_id)
        if entry.offset < 0 or entry.size < 0 or entry.offset + entry.size > size:
            self._damaged(
                f"{name}, {entry.size} bytes at byte {entry.offset}, lies beyond the end at {size}", path
            )
        return file, path

    def _shard(self, shard: int) -> tuple[int, int]:
        if shard not in self._files:
            with reporting(shard_name(self.prefix, shard, self.shards)):
                file = open_shard(self.prefix, shard, self.shards, self._following)
                self._files[shard] = file, os.fstat(file).st_size
        return self._files[shard]

    def _filled(self, target: np.ndarray, file: int, offset: int, path: str) -> int:
        """The CRC of a part of a file, which is read into `target`."""
        done = crc = 0
        while done < target.nbytes:
            piece = target[done : done + PIECE]
            with reporting(path):
                got = os.preadv(file, [piece.data], offset + done)
            if got == 0:
                self._damaged(f"the end comes at byte {offset + done}", path)
            crc = crc32c(piece[:got], crc)  # while it is still in the processor's cache
            done += got
        return crc

    def _strings(self, entry: Any, name: str, shape: tuple[int, ...], data: bytes, path: str) -> np.ndarray:
        """A string tensor: the lengths, a CRC of them, then the strings one after the other."""
        count = math.prod(shape)
        if count > entry.size or len(data) != entry.size:
            self._damaged(f"{name} of shape {list(shape)} has {entry.size} bytes")
        lengths, at = [], 0
        try:
            for _ in range(count):
                length, at = read_varint(data, at)
                lengths.append(length)
        except ValueError as error:
            self._damaged(f"the lengths of {name}: {error}", path)
        if at + 4 + sum(lengths) != entry.size:
            self._damaged(f"the lengths of {name} do not add up to {entry.size} bytes", path)
        self._check_strings(entry, name, lengths, data, at, path)
        found = np.empty(count, object)
        at += 4
        for i, length in enumerate(lengths):
            found[i] = data[at : at + length]
            at += length
        return found.reshape(shape)

    def _variants(self, entry: Any, name: str, shape: tuple[int, ...], data: bytes, path: str) -> np.ndarray:
        """A variant tensor, as VariantTensorDataProtos: of each the length, the bytes and a CRC."""
        count, at, crc = math.prod(shape), 0, 0
        if 5 * count > entry.size or len(data) != entry.size:
            self._damaged(f"{name} of shape {list(shape)} has {entry.size} bytes")
        found = np.empty(count, object)
        for i in range(count):
            try:
                length, at = read_varint(data, at)
            except ValueError as error:
                self._damaged(f"the lengths of {name}: {error}", path)
            found[i], at = data[at : at + length], at + length
            crc = crc32c(found[i], crc32c(struct.pack("<Q", length), crc))
            if data[at : at + 4] != struct.pack("<I", masked(crc)):
                self._bad_sum(name, entry, path)
            crc, at = crc32c(data[at : at + 4], crc), at + 4
        if at != entry.size or masked(crc) != entry.crc32c:
            self._bad_sum(name, entry, path)
        return found.reshape(shape)

    def _check_strings(
        self, entry: Any, name: str, lengths: list[int], data: bytes, at: int, path: str
    ) -> None:
        sums = masked(crc32c(_packed(lengths)))
        (stored,) = struct.unpack_from("<I", data, at)
        if stored != sums:
            self._damaged(f"checksum does not match: the lengths of {name}", path)
        if entry.crc32c != masked(crc32c(data[at:], crc32c(_packed(lengths)))):
            self._bad_sum(name, entry, path)

    def _assembled(self, entry: Any, name: str, shape: tuple[int, ...], part: TensorSlice) -> np.ndarray:
        """What `part` asks for of a tensor that is stored in slices."""
        wanted = part.bounds(shape)
        pieces = list(self._overlapping(entry, name, shape, wanted))
        count = math.prod(stop - start for start, stop in wanted)
        covered = sum(math.prod(b - a for a, b in common) for _, _, common in pieces)
        if covered < count:
            self._damaged(f"the slices of {name} hold {covered} of the {count} elements wanted")
        if count > sum(self._shard(i)[1] for i in {one.shard_id for one, _, _ in pieces}):
            self._damaged(f"{count} elements of {name} do not fit in the files: its slices overlap")
        result = np.empty(
            [stop - start for start, stop in wanted], self._dtype_of(entry, name).as_numpy_dtype
        )
        for one, bounds, common in pieces:
            source = tuple(slice(a - s, b - s) for (a, b), (s, _) in zip(common, bounds, strict=True))
            target = tuple(slice(a - s, b - s) for (a, b), (s, _) in zip(common, wanted, strict=True))
            result[target] = self._tensor(one, name)[source]
        return result

    def _overlapping(
        self, entry: Any, name: str, shape: tuple[int, ...], wanted: list[tuple[int, int]]
    ) -> Iterator[tuple[Any, list[tuple[int, int]], list[tuple[int, int]]]]:
        """The stored slices that have something of what is wanted: entry, bounds, what they have of it."""
        seen = set()
        for message in entry.slices:
            try:
                stored = TensorSlice.from_proto(message)
                size = stored.shape(shape)
            except ValueError as error:
                self._damaged(f"{name}: {error}")
            key = slice_key(name.encode(), stored)
            bounds = stored.bounds(shape)
            common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(bounds, wanted, strict=True)]
            if key in seen or any(a >= b for a, b in common):
                continue
            seen.add(key)
            if key not in self._rows:
                self._damaged(f"the slice {stored} of {name} is missing")
            one = self._entry(key)
            if self._shape_of(one, name) != size or one.dtype != entry.dtype:
                self._damaged(f"the slice {stored} of {name} is not of its shape and type")
            self._checked_place(one, name)
            yield one, bounds, common

    def close(self) -> None:
        files, self._files = self._files, {}
        for file, _ in files.values():
            with contextlib.suppress(OSError):
                os.close(file)

    def __del__(self) -> None:
        if hasattr(self, "_files"):
            self.close()


def _read_index(prefix: str) -> tuple[str, bytes]:
    """The path and content of the index; a rename between the look and the opening is tried again."""
    for _ in range(3):
        path = current_index(prefix)
        if path is None:
            break
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            return path, file.read()
    raise errors.NotFoundError(None, None, NOT_FOUND.format(prefix))


def _shown(key: bytes) -> str:
    return key.decode(errors="backslashreplace")


def _cut(whole: np.ndarray, part: TensorSlice) -> np.ndarray:
    return whole[tuple(slice(a, b) for a, b in part.bounds(whole.shape))].copy()


def _packed(lengths: list[int]) -> bytes:
    """The lengths of strings as their CRC takes them: four bytes each, eight for those that need them."""
    if max(lengths, default=0) <= 0xFFFFFFFF:
        return struct.pack(f"<{len(lengths)}I", *lengths)
    return b"".join(struct.pack("<I" if n <= 0xFFFFFFFF else "<Q", n) for n in lengths)


class BundleWriter:
    """Writes a checkpoint of version 2 with one shard, in the bytes that TensorFlow writes.

    Nothing is to be seen of it before `finish`; `abort`, or leaving a `with` block by an error, undoes it.
    The folder is made if only its last part is missing.

    >>> import os, tempfile
    >>> prefix = os.path.join(tempfile.mkdtemp(), "model")
    >>> with BundleWriter(prefix) as writer:
    ...     writer.add("v", np.float32([1, 2]), dtypes.float32)
    >>> BundleReader(prefix).read("v")
    array([1., 2.], dtype=float32)
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self._path = shard_name(prefix, 0, 1)
        self._entries: dict[bytes, Any] = {}
        self._size = 0
        self._begun = 0  # so many bytes the disk was told to begin with
        self._file = -1
        with reporting(prefix):
            _make_folder(prefix)
            recover(prefix)
            self._file = os.open(self._path + NEXT, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)

    def add(self, name: str, array: np.ndarray, dtype: dtypes.DType) -> None:
        """Append a tensor. InvalidArgumentError when the name is taken."""
        self._add(name.encode(), array, dtype)

    def add_slice(
        self, name: str, shape: tuple[int, ...], part: TensorSlice, array: np.ndarray, dtype: dtypes.DType
    ) -> None:
        """Append a slice of a tensor of `shape`. InvalidArgumentError when slices disagree."""
        if part.is_whole(shape):
            self._add(name.encode(), array, dtype)
            return
        key = name.encode()
        entry = self._entries.get(key)
        if entry is None:
            entry = self._entries[key] = _entry(dtype, shape)
        merge_check(entry, dtype.as_datatype_enum, shape, name)
        entry.slices.append(part.to_proto())
        self._add(slice_key(key, part), array, dtype)

    def _add(self, key: bytes, array: np.ndarray, dtype: dtypes.DType) -> None:
        if key in self._entries:
            raise errors.InvalidArgumentError(None, None, f"Adding duplicate key: {_shown(key)}")
        entry = _entry(dtype, np.shape(array))
        entry.offset = self._size
        with reporting(self._path):
            if dtype == dtypes.string:
                self._write_strings(array, entry)
            elif dtype == dtypes.variant:
                self._write_variants(array, entry)
            else:
                self._write_numbers(array, entry)
        self._entries[key] = entry
        self._size += entry.size

    def _write_numbers(self, array: np.ndarray, entry: Any) -> None:
        data = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        crc = 0
        for start in range(0, data.nbytes, PIECE):
            piece = data[start : start + PIECE]
            write_all(self._file, piece)
            crc = crc32c(piece, crc)
            self._begin_transfer(entry.offset + start + piece.nbytes)
        entry.size, entry.crc32c = data.nbytes, masked(crc)

    def _begin_transfer(self, end: int) -> None:
        """Let the disk work while the rest is being written, once there is enough for it."""
        if end - self._begun >= PIECE:
            begin_transfer(self._file, self._begun, end - self._begun)
            self._begun = end

    def _write_strings(self, array: np.ndarray, entry: Any) -> None:
        items = [s if isinstance(s, bytes) else str(s).encode() for s in np.asarray(array).reshape(-1)]
        lengths = [len(s) for s in items]
        crc = crc32c(_packed(lengths))
        data = b"".join([struct.pack("<I", masked(crc)), *items])
        head = b"".join(map(varint, lengths))
        write_all(self._file, head)
        write_all(self._file, data)
        entry.size, entry.crc32c = len(head) + len(data), masked(crc32c(data, crc))

    def _write_variants(self, array: np.ndarray, entry: Any) -> None:
        """Variants are given as the bytes of a VariantTensorDataProto each."""
        crc, parts = 0, []
        for item in np.asarray(array, object).reshape(-1):
            if not isinstance(item, bytes):
                kind = type(item).__name__
                raise errors.UnimplementedError(None, None, f"A variant of kind {kind} cannot be saved")
            crc = crc32c(item, crc32c(struct.pack("<Q", len(item)), crc))
            check = struct.pack("<I", masked(crc))
            crc = crc32c(check, crc)
            parts += [varint(len(item)), item, check]
        data = b"".join(parts)
        write_all(self._file, data)
        entry.size, entry.crc32c = len(data), masked(crc)

    def finish(self) -> None:
        """Put the checkpoint in its place."""
        with reporting(self.prefix):
            try:
                os.fsync(self._file)
                os.close(self._file)
                self._file = -1
                commit(self.prefix, index_bytes(self._entries, 1), 1)
            except BaseException:
                self.abort()
                raise

    def abort(self) -> None:
        """Leave nothing behind."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        if not os.path.exists(index_name(self.prefix) + NEXT):  # else it is complete, and stays
            discard(self.prefix)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.finish()
        else:
            self.abort()


def _entry(dtype: dtypes.DType, shape: tuple[int, ...]) -> Any:
    """An index entry with type and shape."""
    entry = protos.BundleEntryProto(dtype=dtype.as_datatype_enum)
    entry.shape.SetInParent()
    for size in shape:
        entry.shape.dim.add(size=size)
    return entry


def merge_check(entry: Any, dtype: int, shape: tuple[int, ...], name: str) -> None:
    """InvalidArgumentError unless a slice's type and whole shape are those of the slices before it."""
    if (
        entry.dtype != dtype
        or tuple(d.size for d in entry.shape.dim) != shape
        or not (entry.slices or not entry.size)
    ):
        raise errors.InvalidArgumentError(
            None, None, f"The slices of {name} do not agree on the type and shape of the whole"
        )


def _make_folder(prefix: str) -> None:
    folder = os.path.dirname(prefix)
    if folder and not os.path.isdir(folder):
        os.mkdir(folder)


def index_bytes(entries: dict[bytes, Any], shards: int) -> bytes:
    """The content of an index."""
    builder = TableBuilder()
    header = protos.BundleHeaderProto(num_shards=shards, endianness=LITTLE)
    header.version.producer = VERSION
    builder.add(b"", header.SerializeToString())
    for key in sorted(entries):
        builder.add(key, entries[key].SerializeToString())
    return builder.finish()


def recover(prefix: str) -> None:
    """Finish, or clear away, what a kill has left of an earlier save to the same name."""
    path = current_index(prefix)
    if path is not None and path.endswith(NEXT):
        try:
            shards = BundleReader(prefix).shards
        except errors.OpError:
            pass  # not one of ours: out of the way
        else:
            finish_renames(prefix, shards)
    discard(prefix)


def merge_bundles(prefixes: list[str], destination: str, delete_old_dirs: bool = True) -> None:
    """Make several checkpoints one, with all their shards; their own indexes are deleted.

    `delete_old_dirs` deletes their folders too, as far as they are empty.
    """
    entries: dict[bytes, Any] = {}
    shards: list[str] = []
    for prefix in prefixes:
        with BundleReader(prefix) as reader:
            first = len(shards)
            shards += [shard_name(prefix, i, reader.shards) for i in range(reader.shards)]
            for key, entry in reader.entries():
                _merge(entries, key, entry, first)
    with reporting(destination):
        _make_folder(destination)
        recover(destination)
        for i, path in enumerate(shards):
            os.replace(path, shard_name(destination, i, len(shards)) + NEXT)
        commit(destination, index_bytes(entries, len(shards)), len(shards))
    for prefix in prefixes:
        remove(index_name(prefix))
    for folder in {os.path.dirname(p) for p in prefixes} if delete_old_dirs else ():
        with contextlib.suppress(OSError):
            os.rmdir(folder)


def _merge(entries: dict[bytes, Any], key: bytes, entry: Any, first: int) -> None:
    known = entries.get(key)
    if known is None:
        if not entry.slices:
            entry.shard_id += first
        entries[key] = entry
        return
    if not (known.slices and entry.slices):
        raise errors.InvalidArgumentError(None, None, f"Duplicate tensor keyed by {_shown(key)} encountered")
    merge_check(known, entry.dtype, tuple(d.size for d in entry.shape.dim), _shown(key))
    known.slices.extend(entry.slices)
