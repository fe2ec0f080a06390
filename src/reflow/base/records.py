"""TFRecord files: records of bytes, each framed by its length and two checksums.

    length      8 bytes, little endian
    CRC         4 bytes, of the length: masked CRC-32C
    data        `length` bytes
    CRC         4 bytes, of the data

A whole file may be compressed, as zlib ("ZLIB") or gzip ("GZIP") does.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from types import TracebackType
from typing import Any, BinaryIO, NoReturn

import google_crc32c

from reflow.base import errors
from reflow.base.checksums import masked_crc32c
from reflow.base.durable import reporting

COMPRESSIONS = ("", "ZLIB", "GZIP")
BLOCK = 1 << 20  # bytes asked of a file at a time
BUFFER = 256 << 10  # bytes gathered before they are compressed, and before they are written
_LENGTH, _CRC = struct.Struct("<Q"), struct.Struct("<I")
_HEADER = _LENGTH.size + _CRC.size
_MASK = 0xA282EAD8
_WINDOW_BITS = {"ZLIB": zlib.MAX_WBITS, "GZIP": zlib.MAX_WBITS + 16}  # zlib's way to ask for gzip's header
_GZIP_MAGIC = b"\x1f\x8b"
_MANY = 1 << 16  # headers whose checksum is remembered
_FLUSH_MODES = (zlib.Z_NO_FLUSH, zlib.Z_PARTIAL_FLUSH, zlib.Z_SYNC_FLUSH, zlib.Z_FULL_FLUSH, zlib.Z_BLOCK)


def check_compression(compression: str) -> str:
    """The name of a compression itself; ValueError when there is no such one."""
    if compression not in COMPRESSIONS:
        raise ValueError(f'Not a valid compression_type: "{compression}"; the valid ones are {COMPRESSIONS}')
    return compression


def read_records(
    path: str, compression: str = "", start: int = 0, buffer_size: int | None = None
) -> Iterator[bytes]:
    """The records of a file, in order, with their checksums verified.

    Args:
        path: the file; it is opened when the first record is asked for.
        compression: "", "ZLIB" or "GZIP".
        start: where in the file (in the uncompressed data) the first record begins.
        buffer_size: how many bytes to ask of the file at a time.

    Raises:
        ValueError: there is no such compression, or `start` is negative.
        tf.errors.NotFoundError: there is no such file; other failures of the system are `tf.errors` too.
        tf.errors.DataLossError: a record is corrupted or cut off. The message names the file and where in its
            uncompressed data the damage is: the beginning of a record, or that of a record's data. All
            records before have been given.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "two.tfrecord")
    >>> with RecordWriter(path) as writer:
    ...     writer.write(b"one")
    ...     writer.write(b"two")
    >>> list(read_records(path)), list(read_records(path, start=19))
    ([b'one', b'two'], [b'two'])
    """
    if start < 0:
        raise ValueError(f"start must not be negative, got {start}")
    path, check = os.fspath(path), check_compression(compression)
    blocks = _blocks(path, max(buffer_size or BLOCK, 1))
    if check:
        blocks = _inflated(path, blocks, check)
    return _records(path, _without(start, blocks), start)


def _records(path: str, blocks: Iterator[bytes], start: int) -> Iterator[bytes]:
    """The records in a stream of blocks, the first of which is at `start` of the whole."""
    # This loop decides how fast files are read: names are local, and the checksum of the length, which is the
    # same for all records of a length, is computed once.
    crc32c, number, known = google_crc32c.value, int.from_bytes, dict[bytes, int]()
    block, need = b"", _HEADER
    while block := _refilled(block, need, blocks):
        end, place = len(block), 0
        if end < need:
            _damaged(path, "truncated", start)
        need = _HEADER
        while end - place >= _HEADER:
            header = block[place : place + _HEADER]
            length = known.get(header)
            if length is None:
                length = _length(path, header, start + place, known)
            data_end = place + _HEADER + length
            if data_end + 4 > end:
                need = data_end + 4 - place
                break
            data = block[place + _HEADER : data_end]
            crc = crc32c(data)
            if ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF != number(
                block[data_end : data_end + 4], "little"
            ):
                _damaged(path, "corrupted", start + place + _HEADER)
            yield data
            place = data_end + 4
        start += place
        block = block[place:]


def _refilled(block: bytes, need: int, blocks: Iterator[bytes]) -> bytes:
    """`block` with what follows it, at least `need` bytes together unless the stream ends before."""
    parts, have = [block], len(block)
    while have < need:
        more = next(blocks, b"")
        if not more:
            break
        parts.append(more)
        have += len(more)
    return b"".join(parts)


def _length(path: str, header: bytes, place: int, known: dict[bytes, int]) -> int:
    """The length that a header tells, once its checksum is verified."""
    length, crc = _LENGTH.unpack_from(header)[0], _CRC.unpack_from(header, _LENGTH.size)[0]
    if masked_crc32c(header[: _LENGTH.size]) != crc:
        _damaged(path, "corrupted", place)
    if len(known) >= _MANY:
        known.clear()
    known[header] = length
    return int(length)


def _damaged(path: str, how: str, place: int) -> NoReturn:
    raise errors.DataLossError(None, None, f"{how} record at {place} of {path}")


def _blocks(path: str, size: int) -> Iterator[bytes]:
    """The content of a file in blocks of at most `size` bytes; none is empty."""
    with reporting(path):
        file = open(path, "rb", buffering=0)  # noqa: SIM115  (closed by the next line)
    with file:
        while True:
            with reporting(path):
                block = file.read(size)
            if not block:
                return
            yield block


def _without(count: int, blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The blocks without their first `count` bytes."""
    for block in blocks:
        rest = block[count:] if count else block
        count = max(count - len(block), 0)
        if rest:
            yield rest


def _inflated(path: str, blocks: Iterator[bytes], compression: str) -> Iterator[bytes]:
    """The uncompressed data, in blocks of bounded size; for gzip, of all the members of the file."""
    data, place = next(blocks, b""), 0
    while data:
        machine = zlib.decompressobj(_WINDOW_BITS[compression])
        while not machine.eof:
            piece = _decompressed(path, machine, data, place)
            place += len(piece)
            if piece:
                yield piece
            data = machine.unconsumed_tail
            if not data and not machine.eof and len(piece) < BLOCK:
                data = next(blocks, b"") or _damaged(path, "truncated", place)
        data = machine.unused_data or next(blocks, b"")
        if compression != "GZIP" or not _GZIP_MAGIC.startswith(data[:2]):
            return  # what else is behind the end does not belong to the data


def _decompressed(path: str, machine: Any, data: bytes, place: int) -> bytes:
    try:
        return machine.decompress(data, BLOCK)  # type: ignore[no-any-return]
    except zlib.error as error:
        # "Error -3 while decompressing data: incorrect header check"
        code, _, reason = str(error).removeprefix("Error ").partition(" while decompressing data: ")
        message = f"inflate() failed with error {code}: {reason} (after {place} bytes of the data of {path})"
        raise errors.DataLossError(None, None, message) from None


class RecordWriter:
    """Writes records to a file, which is made anew.

    Args:
        path: the file.
        compression: "", "ZLIB" or "GZIP".
        flush_mode: how zlib flushes its data, whenever `input_buffer_size` bytes are full and in `flush`.
        input_buffer_size: how many bytes are gathered before they are compressed.
        output_buffer_size: how many bytes are gathered before they are written.
        window_bits, compression_level, compression_method, mem_level, compression_strategy: zlib's
            parameters. None of these and of the former has a meaning without compression.

    Raises:
        ValueError: there is no such compression.
        tf.errors.InvalidArgumentError: zlib refuses a parameter.
        tf.errors.NotFoundError: the folder is not there; other failures of the system are `tf.errors` too.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "packed.tfrecord")
    >>> with RecordWriter(path, "GZIP", compression_level=9) as writer:
    ...     writer.write(b"x" * 1000)
    >>> os.path.getsize(path) < 60, [len(record) for record in read_records(path, "GZIP")]
    (True, [1000])
    """

    def __init__(
        self,
        path: Any,
        compression: str = "",
        *,
        flush_mode: int = zlib.Z_NO_FLUSH,
        input_buffer_size: int = BUFFER,
        output_buffer_size: int = BUFFER,
        window_bits: int | None = None,
        compression_level: int = zlib.Z_DEFAULT_COMPRESSION,
        compression_method: int = zlib.DEFLATED,
        mem_level: int = 9,
        compression_strategy: int = zlib.Z_DEFAULT_STRATEGY,
    ) -> None:
        self._file: BinaryIO | None = None
        self._path = os.fspath(path)
        self._machine: Any = None
        self._pending = bytearray()  # what is to be compressed
        self._most_pending = input_buffer_size
        self._flush_mode = flush_mode
        if check_compression(compression):
            bits = _WINDOW_BITS[compression] if window_bits is None else window_bits
            self._machine = _compressor(
                flush_mode,
                level=compression_level,
                method=compression_method,
                wbits=bits,
                memLevel=mem_level,
                strategy=compression_strategy,
            )
        with reporting(path):
            buffering = max(output_buffer_size, 2) if compression else BUFFER
            self._file = open(path, "wb", buffering=buffering)  # noqa: SIM115  (closed by `close`)

    def write(self, record: bytes) -> None:
        """Write one record. TypeError when it is not bytes; FailedPreconditionError when closed."""
        if not isinstance(record, bytes):
            raise TypeError(f"expected bytes, {type(record).__name__} found")
        length, crc = _LENGTH.pack(len(record)), _CRC.pack(masked_crc32c(record))
        data = b"".join((length, _CRC.pack(masked_crc32c(length)), record, crc))
        file = self._file or self._open_file()
        try:
            if self._machine is None:
                file.write(data)
            else:
                self._gather(file, data)
        except OSError:
            with reporting(self._path):  # only now: it costs as much as the rest
                raise

    def _gather(self, file: BinaryIO, data: bytes) -> None:
        if len(self._pending) + len(data) > self._most_pending:
            self._compress(file)
        self._pending += data
        if len(data) > self._most_pending:
            self._compress(file)

    def _compress(self, file: BinaryIO) -> None:
        file.write(self._machine.compress(self._pending))
        self._pending.clear()
        if self._flush_mode != zlib.Z_NO_FLUSH:
            file.write(self._machine.flush(self._flush_mode))

    def _open_file(self) -> BinaryIO:
        if self._file is None:
            raise errors.FailedPreconditionError(None, None, "Writer not initialized or previously closed")
        return self._file

    def flush(self) -> None:
        """Hand what is written to the operating system.

        Of a compressed file, zlib keeps the end to itself, unless `flush_mode` says otherwise.
        """
        file = self._open_file()
        with reporting(self._path):
            if self._machine is not None:
                self._compress(file)
            file.flush()

    def close(self) -> None:
        """Write what is left and close the file. A second call does nothing."""
        file, self._file = self._file, None
        if file is None:
            return
        with reporting(self._path), file:
            if self._machine is not None:
                file.write(self._machine.compress(self._pending) + self._machine.flush())
                self._pending.clear()

    def __enter__(self) -> RecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()


def _compressor(flush_mode: int, **settings: int) -> Any:
    if flush_mode not in _FLUSH_MODES:
        raise errors.InvalidArgumentError(
            None, None, f"flush_mode must be one of {_FLUSH_MODES}, got {flush_mode}"
        )
    try:
        return zlib.compressobj(**settings)  # type: ignore[arg-type]  # none is `zdict`
    except (ValueError, zlib.error) as error:
        given = ", ".join(f"{name}={value}" for name, value in settings.items())
        raise errors.InvalidArgumentError(None, None, f"zlib refuses {given}: {error}") from None
