"""Features of many serialized Examples at once, where these are laid out alike.

Examples that one program wrote mostly differ in the bytes of their values only: names, tags and lengths
stand at the same places. Such strings of one length are looked at as the rows of a matrix. The first row
says where everything is, one comparison tells whether that holds for all of them, and each feature is a
range of columns. What is laid out otherwise is left to protobuf (`base/examples.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

FEWEST = 6  # examples; fewer are quicker parsed one by one
RARE = 4  # there must be so many examples to each length
MOST = 1024  # layouts that are remembered

_KINDS = {10: "bytes_list", 18: "float_list", 26: "int64_list"}  # by the tag in a Feature
_LIST = 10  # the tag of a string, of a message and of a packed block, each of field 1
_VALUE = 18  # and of a message of field 2


class Place(NamedTuple):
    """Where the values of a feature are: the ranges of bytes, one for each text, or one block of numbers."""

    kind: str
    ranges: list[tuple[int, int]]


class OtherLayoutError(Exception):
    """An Example that is not written as it mostly is, or no Example."""


class Layout(NamedTuple):
    """How Examples of one length are laid out."""

    places: dict[bytes, Place]
    pattern: np.ndarray  # the bytes of one of them
    fixed: np.ndarray  # 255 where all have the byte of the pattern, 0 where values are


class Rows(NamedTuple):
    """Serialized Examples of one length and one layout."""

    numbers: np.ndarray | None  # which of the batch they are; None for all
    strings: Sequence[bytes]
    matrix: np.ndarray  # of shape [examples, length]
    places: dict[bytes, Place]


class Layouts:
    """The layouts that were met so far, by length: most batches have those of the batches before."""

    def __init__(self) -> None:
        self._known: dict[int, Layout] = {}

    def alike(self, serialized: Sequence[bytes]) -> list[Rows] | None:
        """The Examples in groups of one layout each; None when they are too different for that."""
        lengths = set(map(len, serialized))
        if len(serialized) < FEWEST or RARE * len(lengths) > len(serialized) + RARE or 0 in lengths:
            return None
        try:
            if len(lengths) == 1:
                return [self._rows(None, serialized)]
            sizes = np.fromiter(map(len, serialized), np.int64, len(serialized))
            groups = (np.flatnonzero(sizes == length) for length in sorted(lengths))
            return [self._rows(n, [serialized[i] for i in n.tolist()]) for n in groups]
        except (OtherLayoutError, IndexError):
            return None

    def _rows(self, numbers: np.ndarray | None, strings: Sequence[bytes]) -> Rows:
        length = len(strings[0])
        matrix = np.frombuffer(b"".join(strings), np.uint8).reshape(len(strings), length)
        layout = self._known.get(length)
        if layout is None or _differs(matrix, layout):
            layout = _learned(strings[0])
            if _differs(matrix, layout):
                raise OtherLayoutError
            if len(self._known) >= MOST:
                self._known.clear()
            self._known[length] = layout
        return Rows(numbers, strings, matrix, layout.places)


def _differs(matrix: np.ndarray, layout: Layout) -> bool:
    return bool(((matrix ^ layout.pattern) & layout.fixed).any())


def _learned(data: bytes) -> Layout:
    places = layout_of(data)
    fixed = np.full(len(data), 255, np.uint8)
    for place in places.values():
        for start, end in place.ranges:
            fixed[start:end] = 0
    return Layout(places, np.frombuffer(data, np.uint8), fixed)


def layout_of(data: bytes) -> dict[bytes, Place]:
    """Where the values of each feature are. Raises OtherLayoutError, or IndexError at a sudden end.

    >>> layout_of(bytes([10, 11, 10, 9, 10, 1, 97, 18, 4, 26, 2, 10, 0]))
    {b'a': Place(kind='int64_list', ranges=[(13, 13)])}
    """
    found: dict[bytes, Place] = {}
    at, end = _block(data, 0, len(data), _LIST)
    if end != len(data):
        raise OtherLayoutError
    while at < end:
        start, at = _block(data, at, end, _LIST)
        name, place = _entry(data, start, at)
        if name in found:
            raise OtherLayoutError
        found[name] = place
    return found


def _entry(data: bytes, start: int, end: int) -> tuple[bytes, Place]:
    """One entry of the map of features: a name and a Feature."""
    first, last = _block(data, start, end, _LIST)
    feature, stop = _block(data, last, end, _VALUE)
    if stop != end or feature == end:
        raise OtherLayoutError
    tag = data[feature]
    kind = _KINDS.get(tag)
    if kind is None:
        raise OtherLayoutError
    inside, stop = _block(data, feature, end, tag)
    if stop != end:
        raise OtherLayoutError
    ranges = list(_blocks(data, inside, end))
    if kind != "bytes_list" and len(ranges) > 1:
        raise OtherLayoutError
    return data[first:last], Place(kind, ranges)


def _blocks(data: bytes, at: int, end: int) -> Iterator[tuple[int, int]]:
    while at < end:
        start, at = _block(data, at, end, _LIST)
        yield start, at


def _block(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Where the content of the block at `at` begins and ends; it has the given tag and ends by `end`."""
    if data[at] != tag:
        raise OtherLayoutError
    length, shift = 0, 0
    while True:
        at += 1
        digit = data[at]
        length |= (digit & 127) << shift
        if digit < 128:
            break
        shift += 7
    if length > end - at - 1 or shift > 28:
        raise OtherLayoutError
    return at + 1, at + 1 + length


def texts(rows: Rows, ranges: Iterable[tuple[int, int]]) -> np.ndarray:
    """The texts at some ranges of each row, as a matrix of bytes objects."""
    columns = [[data[start:end] for data in rows.strings] for start, end in ranges]
    result = np.empty((len(rows.strings), len(columns)), object)
    for number, column in enumerate(columns):
        result[:, number] = column
    return result
