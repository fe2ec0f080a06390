"""Datasets of the records in files of comma-separated values."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import Block, Cursor, Dataset, Element, scalar, stacked, texts
from reflow.base.pipeline.core import Place as Where
from reflow.base.pipeline.files import chunks

QUOTE = 34
_LINE_END = re.compile(rb"\r\n?|\n")
_STOP = re.compile(rb'["\r\n]')
_INTEGER = re.compile(rb"\s*-?\d+\s*\Z")
_FLOAT = re.compile(rb"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)\s*\Z", re.IGNORECASE)
_INTEGERS = re.compile(rb"-?\d{1,18}(?:,-?\d{1,18})*\Z")
_FLOATS = re.compile(rb"-?\d+\.?\d*(?:e[-+]?\d+)?(?:,-?\d+\.?\d*(?:e[-+]?\d+)?)*\Z")
_TYPE_NAMES = {"float32": "float", "float64": "double"}

Record = list[bytes] | Exception  # the fields of a record, or why it has none


class CsvFormat(NamedTuple):
    """How records are written."""

    delimiter: bytes
    quotes: bool  # whether a field may be quoted
    missing: bytes  # what stands for no value, beside nothing at all
    header: bool  # whether the first line of each file is left out
    compression: str
    buffer_size: int


class CsvColumn(NamedTuple):
    """A column that is wanted."""

    number: int  # among the elements' components
    dtype: np.dtype[Any]
    default: Any  # for missing values; None when there must be none


class Csv(Dataset):
    """The records of files, with a component for each column; `selected` are the fields that they are,
    in order, and empty for all.

    A record that is not as it should be is an InvalidArgumentError; the next pull gives the next one.
    """

    stacks = True

    def __init__(
        self, names: Sequence[bytes], how: CsvFormat, columns: Sequence[CsvColumn], selected: Sequence[int]
    ) -> None:
        self.names, self.how, self.columns, self.selected = names, how, list(columns), list(selected)

    def cursor(self, place: Where) -> Cursor:
        return _CsvCursor(self)


class _CsvCursor(Cursor):
    def __init__(self, dataset: Csv) -> None:
        self._columns, self._selected = dataset.columns, dataset.selected
        self._how = dataset.how
        self._missing = {b"", dataset.how.missing}
        self._names = deque(dataset.names)
        self._file: Iterator[Record] | None = None
        self._left: deque[Record] = deque()  # of a block that was not as it should be

    def __next__(self) -> Element:
        record = self._left.popleft() if self._left else self._record()
        return self._element(record)

    def _record(self) -> Record:
        while True:
            if self._file is None:
                if not self._names:
                    raise StopIteration
                self._file = records(os.fsdecode(self._names[0]), self._how)
            try:
                record = next(self._file)
            except StopIteration:
                self._leave()
                continue
            except errors.NotFoundError:
                self._file = None  # it is tried again
                raise
            except errors.OpError:
                self._leave()
                raise
            return record

    def _leave(self) -> None:
        self._file = None
        self._names.popleft()

    def _element(self, record: Record) -> Element:
        if isinstance(record, Exception):
            raise record
        fields = self._wanted(record)
        return [
            _value(field, column, self._missing) for field, column in zip(fields, self._columns, strict=True)
        ]

    def _wanted(self, record: list[bytes]) -> list[bytes]:
        """The selected fields. InvalidArgumentError when there are too few, or too many of all."""
        want = self._selected[-1] + 1 if self._selected else len(self._columns)
        if len(record) < want or (len(record) > want and not self._selected):
            have = (
                "more" if len(record) > want else sum(n < len(record) for n in self._selected or range(want))
            )
            raise _invalid(f"Expect {len(self._columns)} fields but have {have} in record")
        return [record[n] for n in self._selected] if self._selected else record

    def block(self, count: int) -> Block:
        if self._left:
            return stacked([next(self)])
        found = [self._record()]
        found.extend(islice(self._file or (), count - 1))
        block = self._stacked(found)
        if block is None:
            self._left.extend(found)
            return stacked([next(self)])
        return block

    def _stacked(self, found: list[Record]) -> Block | None:
        """The columns of records; None when one is not as it should be, or when each must be looked at."""
        try:
            rows = [self._wanted(record) for record in found if isinstance(record, list)]
        except errors.OpError:
            return None
        if len(rows) < len(found):
            return None
        columns = zip(map(list, zip(*rows, strict=True)), self._columns, strict=True)
        block = []
        for fields, column in columns:
            values = _values(fields, column, self._missing)
            if values is None:
                return None
            block.append(values)
        return block


# Records


def records(name: str, how: CsvFormat) -> Iterator[Record]:
    """The records of a file. A damaged record comes as an error, so that those after it can be read."""
    pieces = chunks(name, how.compression, how.buffer_size)
    text = b""
    if how.header:
        text = _without_header(name, pieces)
    for piece in pieces:
        text += piece
        if how.quotes and b'"' in text:
            text = yield from _read(text, how, False)
        else:
            *whole, text = text.splitlines(keepends=True) or [b""]
            for line in whole:
                yield line.rstrip(b"\r\n").split(how.delimiter)
    yield from _read(text, how, True)


def _without_header(name: str, pieces: Iterator[bytes]) -> bytes:
    """The text that follows the first line, as far as it was read."""
    text = b""
    for piece in pieces:
        text += piece
        if b"\n" in piece:
            return text.partition(b"\n")[2]
    if not text:
        raise _invalid(f"Can't read header of file {name}")
    return b""


def _read(text: bytes, how: CsvFormat, last: bool) -> Any:
    """The records of a text; returns what is left of it, as more may follow unless it is the last."""
    at = 0
    while at < len(text):
        end = _LINE_END.search(text, at)
        line = text[at : end.start()] if end else text[at:]
        if how.quotes and QUOTE in line:
            record, stop = _quoted(text, at, how)
        else:
            record, stop = line.split(how.delimiter), end.end() if end else None
        if not last and (stop is None or stop == len(text)):  # a line end may have two bytes
            break
        yield record
        at = len(text) if stop is None else stop
    return text[at:]


def _quoted(text: bytes, at: int, how: CsvFormat) -> tuple[Record, int | None]:
    """The record that begins at a place, and where the next one does; None if the text ends before."""
    fields: list[bytes] = []
    failure: Exception | None = None
    while True:
        read = _quoted_field if text[at : at + 1] == b'"' else _plain_field
        field, place, ends, error = read(text, at, how.delimiter)
        fields.append(field)
        failure = failure or error
        if place is None or ends:
            return failure or fields, place
        at = place


Field = tuple[bytes, int | None, bool, Exception | None]  # its text, where it ends, whether the record does


def _plain_field(text: bytes, at: int, delimiter: bytes) -> Field:
    start, error = at, None
    stop = re.compile(rb'["\r\n]|' + re.escape(delimiter))
    while True:
        found = stop.search(text, at)
        if found is None:
            return text[start:], None, True, error
        if found[0] == b'"':  # it goes on to the end of the field all the same
            error = _invalid("Unquoted fields cannot have quotes inside")
            at = found.end()
            continue
        if found[0] == delimiter:
            return text[start : found.start()], found.end(), False, error
        return text[start : found.start()], _after_line(text, found.start()), True, error


def _quoted_field(text: bytes, at: int, delimiter: bytes) -> Field:
    parts, error, at = [], None, at + 1
    while True:
        end = text.find(b'"', at)
        if end < 0:
            return (
                b"",
                None,
                True,
                _invalid("Reached end of file without closing quoted field in quoted field"),
            )
        parts.append(text[at:end])
        after = text[end + 1 : end + 2]
        if not after:
            return b"".join(parts), None, True, error
        if after == delimiter:
            return b"".join(parts), end + 2, False, error
        if after in b"\r\n":
            return b"".join(parts), _after_line(text, end + 1), True, error
        if after != b'"':
            error = _invalid("Quote inside a string has to be escaped by another quote")
        parts.append(after)
        at = end + 2


def _after_line(text: bytes, at: int) -> int:
    """Where the line goes on after its end at a place."""
    found = _LINE_END.match(text, at)
    return found.end() if found else at


# Values


def _value(field: bytes, column: CsvColumn, missing: set[bytes]) -> Any:
    if field in missing:
        if column.default is None:
            raise _invalid(f"Field {column.number} is required but missing in record!")
        return column.default
    if column.dtype == object:
        return scalar(field)
    pattern, convert = _READERS[column.dtype.kind]
    value = convert(field) if pattern.match(field) else None
    if value is None or not _fits(value, column.dtype):
        name = _TYPE_NAMES.get(column.dtype.name, column.dtype.name)
        shown = field.decode("utf-8", "backslashreplace")
        raise _invalid(f"Field {column.number} in record is not a valid {name}: {shown}")
    with np.errstate(over="ignore"):
        return column.dtype.type(value)


_READERS: dict[str, tuple[re.Pattern[bytes], Callable[[bytes], Any]]] = {
    "i": (_INTEGER, int),
    "f": (_FLOAT, float),
}


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    return dtype.kind != "i" or bool(np.iinfo(dtype).min <= value <= np.iinfo(dtype).max)


def _values(fields: list[bytes], column: CsvColumn, missing: set[bytes]) -> np.ndarray | None:
    """The values of many records at once; None where some are not simply written."""
    lacking = [i for i, field in enumerate(fields) if field in missing] if missing & set(fields) else []
    if lacking and column.default is None:
        return None
    if column.dtype == object:
        for i in lacking:
            fields[i] = np.asarray(column.default, object).item()
        return texts(fields)
    for i in lacking:
        fields[i] = b"0"
    integer = column.dtype.kind == "i"
    text = b",".join(fields)
    if not (_INTEGERS if integer else _FLOATS).match(text):
        return None
    wide = np.fromstring(text.decode(), np.int64 if integer else np.float64, sep=",")
    with np.errstate(over="ignore"):
        values = wide.astype(column.dtype)
    if integer and (values != wide).any():
        return None
    values[lacking] = column.default if lacking else 0
    return values


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)
