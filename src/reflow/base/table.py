"""Sorted tables of bytes to bytes: the file format of checkpoint indexes and of V1 checkpoints.

A file is a row of blocks, each followed by its compression (one byte) and a CRC of both. The last block is
the index: for each data block a key that is not less than its keys, with its place. The footer, 48 bytes,
has the place of the index. In a block a key stores only what differs from the key before it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple, NoReturn

import numpy as np

from reflow.base import errors
from reflow.base.checksums import masked_crc32c
from reflow.base.snappy import decompress
from reflow.base.varint import read_varint, varint

MAGIC = 0xDB4775248B80FB57
FOOTER = 48
TRAILER = 5  # one byte of compression and the CRC
PLAIN, SNAPPY = 0, 1
BLOCK_SIZE = 262144
RESTART_INTERVAL = 16  # of data blocks: every 16th key is stored whole
MAX_KEYS = 32  # times a block's size that its keys may come to: they store what differs only


class _Handle(NamedTuple):
    """Where a block is."""

    offset: int
    size: int


class Table:
    """A table file, given as bytes or anything that slices like bytes (a memory map).

    Blocks are read, and their CRCs checked, when they are needed. DataLossError, with `name` and the place,
    for damaged content.

    >>> builder = TableBuilder()
    >>> builder.add(b"apple", b"1")
    >>> builder.add(b"apply", b"2")
    >>> table = Table(builder.finish(), "fruit")
    >>> list(table.items()), table.get(b"apply"), table.get(b"pear")
    ([(b'apple', b'1'), (b'apply', b'2')], b'2', None)
    """

    def __init__(self, data: Any, name: str) -> None:
        self._view = memoryview(data) if isinstance(data, (bytes, bytearray)) else data
        self._size = len(data)
        self.name = name
        if self._size < FOOTER or self._tail(8) != struct.pack("<Q", MAGIC):
            raise errors.DataLossError(None, None, f"not an sstable (bad magic number): {name}")
        footer = self._tail(FOOTER)
        try:
            at = read_varint(footer, read_varint(footer, 0)[1])[1]  # after the handle of the metaindex
            handle, _ = _read_handle(footer, at)
        except ValueError as error:
            self._damaged(f"the footer: {error}")
        self._index = [(key, self._handle(value)) for key, value in self._entries(handle)]
        self._check_apart()

    def _tail(self, size: int) -> bytes:
        return bytes(self._view[self._size - size : self._size])

    def _damaged(self, what: str) -> NoReturn:
        raise errors.DataLossError(None, None, f"{self.name} is damaged: {what}")

    def _check_apart(self) -> None:
        """DataLossError when blocks overlap: then the keys could come to any number of times the file."""
        end = 0
        for _, handle in self._index:
            if handle.offset < end:
                self._damaged(f"the block at byte {handle.offset} begins within another one")
            end = handle.offset + handle.size + TRAILER

    def _handle(self, value: bytes) -> _Handle:
        try:
            return _read_handle(value, 0)[0]
        except ValueError as error:
            self._damaged(f"the index: {error}")

    def _block(self, handle: _Handle) -> memoryview:
        """The content of a block, its CRC checked; of data in memory it is no copy."""
        end = handle.offset + handle.size
        if end + TRAILER > self._size - FOOTER:
            self._damaged(f"a block of {handle.size} bytes at byte {handle.offset}, in {self._size} bytes")
        content = self._view[handle.offset : end + 1]
        (crc,) = struct.unpack("<I", bytes(self._view[end + 1 : end + TRAILER]))
        if masked_crc32c(np.frombuffer(content, np.uint8)) != crc:
            self._damaged(f"block checksum mismatch in the block at byte {handle.offset}")
        if content[-1] == PLAIN:
            return memoryview(content)[:-1]
        if content[-1] != SNAPPY:
            self._damaged(f"unknown compression {content[-1]} of the block at byte {handle.offset}")
        try:
            return memoryview(decompress(bytes(content[:-1])))
        except ValueError as error:
            self._damaged(f"the block at byte {handle.offset}: {error}")

    def _entries(self, handle: _Handle) -> Iterator[tuple[bytes, bytes]]:
        try:
            yield from block_entries(self._block(handle))
        except ValueError as error:
            self._damaged(f"the block at byte {handle.offset}: {error}")

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """All keys and values, in the order of the keys."""
        for _, handle in self._index:
            yield from self._entries(handle)

    def get(self, key: bytes) -> bytes | None:
        """The value of a key, or None; reads one block."""
        for last, handle in self._index:
            if key <= last:
                return next((value for found, value in self._entries(handle) if found == key), None)
        return None


def _read_handle(data: bytes, at: int) -> tuple[_Handle, int]:
    offset, at = read_varint(data, at)
    size, at = read_varint(data, at)
    return _Handle(offset, size), at


def block_entries(block: Any) -> Iterator[tuple[bytes, bytes]]:
    """The keys and values of a block, given as bytes or a view of them. ValueError when it is not well
    formed."""
    if len(block) < 4:
        raise ValueError("too short for a block")
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 - 4 * restarts
    if end < 0:
        raise ValueError(f"{restarts} restarts in {len(block)} bytes")
    at, key, at_first = 0, b"", True
    room = MAX_KEYS * len(block)
    while at < end:
        shared, at = read_varint(block, at)
        fresh, at = read_varint(block, at)
        size, at = read_varint(block, at)
        if shared > len(key) or at + fresh + size > end:
            raise ValueError(f"an entry goes beyond its block at byte {at}")
        room -= shared + fresh
        if room < 0:
            raise ValueError(f"the keys of {len(block)} bytes come to more than {MAX_KEYS} times that")
        following = key[:shared] + bytes(block[at : at + fresh])
        if at_first:
            at_first = False
        elif following <= key:
            raise ValueError(f"the keys are not in order at byte {at}")
        key = following
        at += fresh
        yield key, bytes(block[at : at + size])
        at += size


class _BlockBuilder:
    """The bytes of one block."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self.reset()

    def reset(self) -> None:
        self._out = bytearray()
        self._restarts = [0]
        self._since = 0
        self._last = b""
        self.count = 0

    def add(self, key: bytes, value: bytes) -> None:
        shared = 0
        if self._since < self._interval:
            shared = _shared(self._last, key)
        else:
            self._restarts.append(len(self._out))
            self._since = 0
        self._out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        self._last = key
        self._since += 1
        self.count += 1

    @property
    def size(self) -> int:
        """What the block comes to."""
        return len(self._out) + 4 * len(self._restarts) + 4

    def finish(self) -> bytes:
        restarts = struct.pack(f"<{len(self._restarts) + 1}I", *self._restarts, len(self._restarts))
        return bytes(self._out) + restarts


def _shared(a: bytes, b: bytes) -> int:
    """How many bytes two keys begin with alike."""
    n = 0
    for x, y in zip(a, b, strict=False):
        if x != y:
            break
        n += 1
    return n


class TableBuilder:
    """Makes the bytes of a table file from keys that are added in order; never compressed.

    The bytes are those that TensorFlow's writer makes.
    """

    def __init__(self, block_size: int = BLOCK_SIZE) -> None:
        self._block_size = block_size
        self._out = bytearray()
        self._data = _BlockBuilder(RESTART_INTERVAL)
        self._index = _BlockBuilder(1)
        self._last: bytes | None = None
        self._pending: bytes | None = None  # the place of a finished block that is not in the index yet

    def add(self, key: bytes, value: bytes) -> None:
        """Append an entry. ValueError unless the key is greater than the one before it."""
        if self._last is not None and key <= self._last:
            raise ValueError(f"Keys must be added in order: {key!r} after {self._last!r}")
        if self._pending is not None:
            self._index.add(_separator(self._last or b"", key), self._pending)
            self._pending = None
        self._data.add(key, value)
        self._last = key
        if self._data.size >= self._block_size:
            self._flush()

    def _flush(self) -> None:
        self._pending = self._write(self._data.finish())
        self._data.reset()

    def _write(self, block: bytes) -> bytes:
        """Append a block; returns its handle."""
        handle = varint(len(self._out)) + varint(len(block))
        content = block + bytes([PLAIN])
        self._out += content + struct.pack("<I", masked_crc32c(content))
        return handle

    def finish(self) -> bytes:
        """The whole file."""
        if self._data.count:
            self._flush()
        metaindex = self._write(_BlockBuilder(RESTART_INTERVAL).finish())
        if self._pending is not None:
            self._index.add(_successor(self._last or b""), self._pending)
            self._pending = None
        index = self._write(self._index.finish())
        self._out += (metaindex + index).ljust(FOOTER - 8, b"\0") + struct.pack("<Q", MAGIC)
        return bytes(self._out)


def _separator(start: bytes, limit: bytes) -> bytes:
    """A short key that is at least `start` and less than `limit`."""
    n = _shared(start, limit)
    if n < min(len(start), len(limit)) and start[n] < 0xFF and start[n] + 1 < limit[n]:
        return start[:n] + bytes([start[n] + 1])
    return start


def _successor(key: bytes) -> bytes:
    """A short key that is at least `key`."""
    for i, byte in enumerate(key):
        if byte != 0xFF:
            return key[:i] + bytes([byte + 1])
    return key
