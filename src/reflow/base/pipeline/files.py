"""Datasets of what is in files: lines of text, records of a fixed length, TFRecord files."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import IO, Any

from reflow.base import errors
from reflow.base.pipeline.core import Block, Cursor, Dataset, Element, Place, scalar, texts

CHUNK = 1 << 18

Reader = Callable[[str], Iterator[bytes]]


class Records(Dataset):
    """The byte strings that a reader finds in each of some files, one file after the other."""

    stacks = True

    def __init__(self, names: Sequence[bytes], reader: Reader) -> None:
        self._names = list(names)
        self._reader = reader

    def cursor(self, place: Place) -> Cursor:
        return _RecordsCursor(self._names, self._reader)


class _RecordsCursor(Cursor):
    """A damaged file (or a folder) is left where it is damaged, and the next pull goes on with the next file;
    a file that cannot be opened is tried again."""

    def __init__(self, names: list[bytes], reader: Reader) -> None:
        self._names = names
        self._reader = reader
        self._at = 0
        self._records: Iterator[bytes] | None = None
        self._error: Exception | None = None  # what came after the records of the last block

    def __next__(self) -> Element:
        return [scalar(self._record())]

    def block(self, count: int) -> Block:
        found = [self._record()]
        try:
            found.extend(islice(self._records or (), count - 1))
        except errors.OpError as error:  # what came before it is in the list
            self._leave(error)
            self._error = error
        return [texts(found)]

    def _leave(self, error: Exception) -> None:
        """Close the file, and go on to the next one unless it could not be opened."""
        self._records = None
        unreadable = (StopIteration, errors.DataLossError, errors.FailedPreconditionError)
        self._at += isinstance(error, unreadable)

    def _record(self) -> bytes:
        if self._error is not None:
            error, self._error = self._error, None
            raise error
        while self._at < len(self._names):
            if self._records is None:
                self._records = self._reader(os.fsdecode(self._names[self._at]))
            try:
                return next(self._records)
            except StopIteration as end:
                self._leave(end)
            except errors.OpError as error:
                self._leave(error)
                raise
        raise StopIteration


def opened(name: str) -> IO[bytes]:
    """A file open for reading. NotFoundError, PermissionDeniedError ... that name it."""
    try:
        return open(name, "rb")
    except FileNotFoundError:
        raise errors.NotFoundError(None, None, f"{name}; No such file or directory") from None
    except PermissionError:
        raise errors.PermissionDeniedError(None, None, f"{name}; Permission denied") from None
    except IsADirectoryError:
        raise errors.FailedPreconditionError(None, None, f"{name}; Is a directory") from None


def chunks(name: str, compression: str, buffer_size: int = CHUNK) -> Iterator[bytes]:
    """The content of a file, decompressed ("", "ZLIB" or "GZIP"), in pieces."""
    wanted = max(buffer_size, 1) if buffer_size else CHUNK
    with opened(name) as file:
        if compression == "GZIP":
            yield from _gunzipped(name, file, wanted)
        elif compression == "ZLIB":
            yield from _inflated(name, file, wanted)
        else:
            while chunk := file.read(wanted):
                yield chunk


def _gunzipped(name: str, file: IO[bytes], wanted: int) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as source:
        while True:
            try:
                chunk = source.read(wanted)
            except (EOFError, OSError, zlib.error) as error:
                raise errors.DataLossError(None, None, f"{name}: damaged GZIP data: {error}") from None
            if not chunk:
                return
            yield chunk


def _inflated(name: str, file: IO[bytes], wanted: int) -> Iterator[bytes]:
    inflater, data, piece = zlib.decompressobj(), b"", b""
    while not inflater.eof:
        if not data and len(piece) < CHUNK:
            data = file.read(wanted)
            if not data:
                raise errors.DataLossError(None, None, f"{name}: the ZLIB data is cut off")
        try:
            piece = inflater.decompress(data, CHUNK)
        except zlib.error as error:
            raise errors.DataLossError(None, None, f"{name}: damaged ZLIB data: {error}") from None
        yield piece
        data = inflater.unconsumed_tail


def lines(compression: str, buffer_size: int) -> Reader:
    """A reader of lines, without their ends (`\\n` or `\\r\\n`)."""

    def read(name: str) -> Iterator[bytes]:
        rest = b""
        for chunk in chunks(name, compression, buffer_size):
            *whole, rest = (rest + chunk).split(b"\n")
            for line in whole:
                yield line.removesuffix(b"\r")
        if rest:
            yield rest.removesuffix(b"\r")

    return read


def fixed_length(header: int, record: int, footer: int, compression: str, buffer_size: int) -> Reader:
    """A reader of records of `record` bytes, between a header and a footer that are left out."""
    for what, count in (("header_bytes", header), ("footer_bytes", footer), ("buffer_size", buffer_size)):
        if count < 0:
            raise _invalid(f"{what} must be >= 0, it is {count}")
    if record <= 0:
        raise _invalid(f"record_bytes must be > 0, it is {record}")

    def read(name: str) -> Iterator[bytes]:
        if not compression:
            _check_length(name, header, record, footer)
        held = b""
        to_skip = header
        for chunk in chunks(name, compression, buffer_size):
            held += chunk
            if to_skip:
                cut = min(to_skip, len(held))
                held, to_skip = held[cut:], to_skip - cut
            at = 0
            while len(held) - at >= record + footer:
                yield held[at : at + record]
                at += record
            held = held[at:]
        if len(held) != footer or to_skip:
            raise _invalid(_uneven(name, record, header, footer))

    return read


def _check_length(name: str, header: int, record: int, footer: int) -> None:
    with opened(name) as file:
        total = file.seek(0, 2)
    body = total - header - footer
    if body < 0 or body % record:
        raise _invalid(
            f'Excluding the header ({header} bytes) and footer ({footer} bytes), input file "{name}" has '
            f"body length {body} bytes, which is not an exact multiple of the record length ({record} bytes)."
        )


def _uneven(name: str, record: int, header: int, footer: int) -> str:
    return (
        f'Excluding the header ({header} bytes) and footer ({footer} bytes), input file "{name}" has a body '
        f"that is not an exact multiple of the record length ({record} bytes)."
    )


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)


def checked_compression(value: Any) -> str:
    """A compression type: "", "ZLIB" or "GZIP"."""
    text = value.decode() if isinstance(value, bytes) else str(value)
    if text not in ("", "ZLIB", "GZIP"):
        raise _invalid("Unsupported compression_type: " + text)
    return text
