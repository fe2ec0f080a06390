"""Datasets of the rows that a database answers a query with."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import Cursor, Dataset, Element, Place, scalar

_NUMBER = re.compile(rb"\s*[-+]?\d+")
_REAL = re.compile(rb"\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Sql(Dataset):
    """The rows of an SQLite database that a query finds, with a component for each type."""

    def __init__(self, path: str, query: str, types: Sequence[np.dtype[Any]]) -> None:
        self.path, self.query = path, query
        self.readers = [_reader(t) for t in types]

    def cursor(self, place: Place) -> Cursor:
        return _SqlCursor(self)


class _SqlCursor(Cursor):
    """The query is made when the first row is asked for, and again as long as it fails."""

    def __init__(self, dataset: Sql) -> None:
        self._dataset = dataset
        self._connection: sqlite3.Connection | None = None
        self._rows: sqlite3.Cursor | None = None

    def __next__(self) -> Element:
        try:
            if self._rows is None:
                self._rows = self._asked()
            row = next(self._rows)
        except StopIteration:
            self.close()
            raise
        except sqlite3.Error as error:
            self.close()
            message = f"{self._dataset.path}: {error} (in the query {self._dataset.query!r})"
            raise errors.UnknownError(None, None, message) from None
        return [read(value) for read, value in zip(self._dataset.readers, row, strict=True)]

    def _asked(self) -> sqlite3.Cursor:
        where = f"file:{quote(self._dataset.path)}?mode=ro"
        self._connection = sqlite3.connect(where, uri=True, check_same_thread=False)
        self._connection.text_factory = bytes
        rows = self._connection.execute(self._dataset.query)
        have, want = len(rows.description or ()), len(self._dataset.readers)
        if have != want:
            self.close()
            message = (
                f"The number of columns in query ({have}) must match the number of elements in output_types "
                f"({want})."
            )
            raise errors.InvalidArgumentError(None, None, message)
        return rows

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def __del__(self) -> None:
        self.close()


# Values, as SQLite converts them


def _reader(dtype: np.dtype[Any]) -> Callable[[Any], Any]:
    if dtype.kind == "O":
        return lambda value: scalar(_text(value))
    if dtype.kind == "b":
        return lambda value: np.bool_(_integer(value) != 0)
    if dtype.kind == "f":
        return lambda value: dtype.type(_real(value))
    return lambda value: np.array(_integer(value), np.int64).astype(dtype)[()]


def _text(value: Any) -> bytes:
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode()


def _integer(value: Any) -> int:
    if isinstance(value, bytes):
        found = _NUMBER.match(value)
        return int(found[0]) if found else 0
    return int(value or 0)


def _real(value: Any) -> float:
    if isinstance(value, bytes):
        found = _REAL.match(value)
        return float(found[0]) if found else 0.0
    return float(value or 0.0)
