"""What DecodeCSV computes: lines of comma-separated values as columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.checks import fail
from reflow.ops.string_kernels import flat, texts

_INTEGER = re.compile(rb"\s*-?\d+\s*\Z")
_FLOAT = re.compile(rb"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf(?:inity)?|nan)\s*\Z", re.IGNORECASE)
_LINE_ENDS = re.compile(rb"[\r\n]")
_SPECIAL = re.compile(rb'["\r\n]')
_TYPE_NAMES = {"float32": "float", "float64": "double"}


def decode_csv(
    ctx: Any,
    records: Any,
    *defaults: np.ndarray,
    OUT_TYPE: list[dtypes.DType],  # noqa: N803
    field_delim: str,
    use_quote_delim: bool,
    na_value: str,
    select_cols: list[int],
) -> tuple[Any, ...]:
    delimiter = field_delim.encode("utf-8", "surrogateescape")
    if len(delimiter) != 1:
        fail("field_delim should be only 1 char")
    rows = [split(line, delimiter, use_quote_delim) for line in flat(records)]
    _check_counts(rows, len(OUT_TYPE), select_cols)
    numbers = select_cols or range(len(OUT_TYPE))
    missing = {b"", na_value.encode("utf-8", "surrogateescape")}
    return tuple(
        _column([row[number] for row in rows], i, dtype, default, missing).reshape(np.shape(records))
        for i, (number, dtype, default) in enumerate(zip(numbers, OUT_TYPE, defaults, strict=True))
    )


def _check_counts(rows: list[list[bytes]], count: int, select_cols: Sequence[int]) -> None:
    for i, row in enumerate(rows):
        found = sum(number < len(row) for number in select_cols) if select_cols else len(row)
        if found != count:
            fail(f"Expect {count} fields but have {found} in record {i}")


def split(line: bytes, delimiter: bytes, quotes: bool) -> list[bytes]:
    """The fields of a line."""
    if not line:
        return []
    special = _SPECIAL if quotes else _LINE_ENDS
    if not special.search(line) and not (quotes and delimiter == b'"'):
        return line.split(delimiter)
    fields = list(_fields(line, delimiter, quotes))
    if line.endswith(delimiter):
        fields.append(b"")
    return fields


def _fields(line: bytes, delimiter: bytes, quotes: bool) -> Iterator[bytes]:
    """The fields of a line with quotes or line ends; an empty one at the end of the line is left out."""
    place, special = 0, _SPECIAL if quotes else _LINE_ENDS
    while place < len(line):
        if line[place] in b"\r\n":  # allowed before a field only
            place += 1
        elif quotes and line[place] == 34:
            field, place = _quoted(line, place + 1, delimiter)
            yield field
        else:
            end = line.find(delimiter, place)
            end = len(line) if end < 0 else end
            if special.search(line, place, end):
                fail("Unquoted fields cannot have quotes/CRLFs inside")
            yield line[place:end]
            place = end + 1


def _quoted(line: bytes, place: int, delimiter: bytes) -> tuple[bytes, int]:
    """The field whose text begins at `place`, and where the next one begins."""
    parts = []
    while True:
        end = line.find(b'"', place)
        if end < 0:
            fail("Quoted field has to end with quote followed by delim or end")
        parts.append(line[place:end])
        after = line[end + 1 : end + 2]
        if after in (b"", delimiter):
            return b"".join(parts), end + 2
        if after != b'"':
            fail("Quote inside a string has to be escaped by another quote")
        parts.append(b'"')
        place = end + 2


def _column(
    fields: list[bytes], number: int, dtype: dtypes.DType, default: np.ndarray, missing: set[bytes]
) -> np.ndarray:
    """The values of a column; `default` in place of what is missing."""
    if any(field in missing for field in fields):
        lacking = [i for i, field in enumerate(fields) if field in missing]
        if not default.size:
            fail(f"Field {number} is required but missing in record {lacking[0]}!")
        filler = np.ravel(default)[0]
    else:
        lacking, filler = [], None
    if dtype == dtypes.string:
        for i in lacking:
            fields[i] = filler
        return texts(fields, [len(fields)])
    values = np.empty(len(fields), dtype.as_numpy_dtype)
    values[lacking] = filler if lacking else 0
    present = [i for i in range(len(fields)) if i not in set(lacking)] if lacking else range(len(fields))
    values[present] = _numbers([fields[i] for i in present], present, number, dtype)
    return values


def _numbers(fields: list[bytes], rows: Sequence[int], number: int, dtype: dtypes.DType) -> Any:
    pattern, convert = _READERS[dtype.is_integer]
    limits = np.iinfo(dtype.as_numpy_dtype) if dtype.is_integer else None
    found = []
    for field, row in zip(fields, rows, strict=True):
        value = convert(field) if pattern.match(field) else None
        if value is None or (limits is not None and not limits.min <= value <= limits.max):
            shown = field.decode("utf-8", "backslashreplace")
            name = _TYPE_NAMES.get(dtype.name, dtype.name)
            fail(f"Field {number} in record {row} is not a valid {name}: {shown}")
        found.append(value)
    with np.errstate(over="ignore"):
        return np.array(found, dtype.as_numpy_dtype)


_READERS: dict[bool, tuple[re.Pattern[bytes], Callable[[bytes], Any]]] = {
    True: (_INTEGER, int),
    False: (_FLOAT, float),
}
