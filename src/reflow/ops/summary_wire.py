"""Summary messages as bytes, written without making message objects.

A training loop makes several summaries each step, and protobuf's objects cost more than all the rest. The
bytes are those that `Summary.SerializeToString` gives; `tests/summary` compares them.

>>> scalar(b"loss", 0.5)
b'\\n\\x0b\\n\\x04loss\\x15\\x00\\x00\\x00?'
"""

from __future__ import annotations

import functools
import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.base.varint import read_varint, varint

_DOUBLE = struct.Struct("<d").pack
_FLOAT = struct.Struct("<f").pack

# Keys: the number of a field and how it is stored. A Summary has repeated values (1).
VALUE = b"\x0a"
_STATISTICS = [bytes([key]) for key in (9, 17, 25, 33, 41)]  # of a histogram
_IMAGE_SIZES = [b"\x08", b"\x10", b"\x18"]
TAG, SIMPLE_VALUE, IMAGE, HISTOGRAM, AUDIO = b"\x0a", b"\x15", b"\x22", b"\x2a", b"\x32"  # of a value
METADATA = 9

# Of an Event.
WALL_TIME, EVENT_VERSION, EVENT_GRAPH, EVENT_SUMMARY = b"\x09", b"\x1a", b"\x22", b"\x2a"
EVENT_SESSION_LOG, EVENT_RUN_METADATA, EVENT_META_GRAPH = b"\x3a", b"\x42", b"\x4a"

LENGTH_DELIMITED = 2
_SIZES = {1: 8, 5: 4}  # of the fixed storage forms


@functools.lru_cache(maxsize=4096)
def length(number: int) -> bytes:
    """A number, not negative, in the form that lengths have.

    >>> length(1), length(300)
    (b'\\x01', b'\\xac\\x02')
    """
    return varint(number)


def field(key: bytes, content: bytes) -> bytes:
    """A field that holds bytes: its key, the length and the content."""
    return key + length(len(content)) + content


def number_field(key: bytes, number: int) -> bytes:
    """A field that holds a number; nothing for 0, the value that a missing field has."""
    return key + length(number) if number else b""


def float_field(key: bytes, number: float) -> bytes:
    return key + _FLOAT(number) if number else b""


def double_field(key: bytes, number: float) -> bytes:
    return key + _DOUBLE(number) if number else b""


@functools.lru_cache(maxsize=4096)
def tag_field(tag: bytes) -> bytes:
    return field(TAG, tag) if tag else b""


def scalar(tag: bytes, number: float) -> bytes:
    """A Summary with one number."""
    return field(VALUE, tag_field(tag) + SIMPLE_VALUE + _FLOAT(number))


def scalar_encoder(tag: bytes) -> Callable[[np.ndarray], bytes]:
    """What encodes scalar arrays under a tag; ValueError for arrays of another rank."""
    head = scalar(tag, 0.0)[:-4]

    def encode(value: np.ndarray) -> bytes:
        if value.ndim:
            raise ValueError("not a scalar")
        return head + _FLOAT(value.item())

    return encode


def histogram(tag: bytes, statistics: Sequence[float], limits: list[float], counts: list[float]) -> bytes:
    """A Summary with one histogram.

    Args:
        statistics: minimum, maximum, number, sum and sum of squares.
        limits: the upper ends of the buckets.
        counts: how many values each bucket has.
    """
    if 0.0 in statistics:
        head = b"".join([double_field(key, x) for key, x in zip(_STATISTICS, statistics, strict=True)])
        size = struct.Struct(f"<{len(limits)}d").pack
        content = head + field(b"\x32", size(*limits)) + field(b"\x3a", size(*counts))
        return field(VALUE, tag_field(tag) + field(HISTOGRAM, content))
    start, ends, numbers, pack = _histogram_form(tag, len(limits))
    low, high, number, total, squares = statistics
    return pack(  # type: ignore[no-any-return]
        start, 9, low, 17, high, 25, number, 33, total, 41, squares, ends, *limits, numbers, *counts
    )


@functools.lru_cache(maxsize=4096)
def _histogram_form(tag: bytes, size: int) -> tuple[bytes, bytes, bytes, Any]:
    """The bytes between the numbers of a histogram whose statistics are all there, and what packs it all."""
    ends, numbers = b"\x32" + length(8 * size), b"\x3a" + length(8 * size)
    inside = 5 * 9 + len(ends) + len(numbers) + 2 * 8 * size
    start = tag_field(tag) + HISTOGRAM + length(inside)
    start = VALUE + length(len(start) + inside) + start
    form = f"<{len(start)}s" + 5 * "Bd" + 2 * f"{len(ends)}s{size}d"
    return start, ends, numbers, struct.Struct(form).pack


def image(tag: bytes, shape: tuple[int, ...], encoded: bytes) -> bytes:
    """A Summary with one image, a PNG file; `shape` is its height, width and number of channels."""
    sizes = b"".join([number_field(key, size) for key, size in zip(_IMAGE_SIZES, shape, strict=True)])
    return field(VALUE, tag_field(tag) + field(IMAGE, sizes + field(b"\x22", encoded)))


def audio(tag: bytes, rate: float, channels: int, frames: int, encoded: bytes) -> bytes:
    """A Summary with one sound, a WAV file."""
    head = float_field(b"\x0d", rate) + number_field(b"\x10", channels) + number_field(b"\x18", frames)
    content = head + field(b"\x22", encoded) + field(b"\x2a", b"audio/wav")
    return field(VALUE, tag_field(tag) + field(AUDIO, content))


def joined(parts: Sequence[bytes]) -> np.ndarray:
    """Serialized messages as one: repeated fields follow each other."""
    return text_scalar(b"".join(parts))


def text_scalar(data: bytes) -> np.ndarray:
    """Bytes as the value of a scalar string tensor."""
    return np.array(data, object)


# Reading


def fields(data: bytes) -> Iterator[tuple[int, int, int, int]]:
    """For each field of a message: its number, where it starts, where its content starts, and its end.

    ValueError when the data is not a message.
    """
    start, size = 0, len(data)
    while start < size:
        key, at = read_varint(data, start)
        kind = key & 7
        if kind == LENGTH_DELIMITED:
            size_inside, at = read_varint(data, at)
            end = at + size_inside
        elif kind == 0:
            end = read_varint(data, at)[1]
        elif kind in _SIZES:
            end = at + _SIZES[kind]
        else:
            raise ValueError(f"no storage form has number {kind}")
        if end > size or key < 8:
            raise ValueError("a field is cut off")
        yield key >> 3, start, at, end
        start = end


def values(summary: bytes) -> list[tuple[int, int]]:
    """Where the values of a serialized Summary begin and end. ValueError when it is none."""
    spans, at, size = [], 0, len(summary)
    try:
        while at < size:
            key, inside = summary[at], summary[at + 1]
            start = at + 2
            if inside > 127:  # most lengths have one byte or two
                inside, start = inside - 128 + (summary[start] << 7), start + 1
                if inside > 16383:
                    inside, start = read_varint(summary, at + 1)
            at = start + inside
            if key != 10 or at > size:
                raise ValueError("not a Summary")
            spans.append((start, at))
    except IndexError:
        raise ValueError("a field is cut off") from None
    return spans


def tags(summary: bytes) -> list[bytes]:
    """The tags of the values of a serialized Summary. ValueError when it is none."""
    found = []
    for start, end in values(summary):
        size = summary[start + 1] if end - start > 1 and summary[start] == 10 else 128
        found.append(summary[start + 2 : start + 2 + size] if size < 128 else tag_of(summary[start:end]))
    return found


def tag_of(value: bytes) -> bytes:
    """The tag of a serialized value.

    >>> two = scalar(b"a", 1.0) + scalar(b"b", 2.0)
    >>> [tag_of(two[start:end]) for start, end in values(two)]
    [b'a', b'b']
    """
    if value[:1] == TAG and len(value) > 1 and value[1] < 128 and len(value) >= 2 + value[1]:
        return value[2 : 2 + value[1]]
    found = [value[at:end] for number, _, at, end in fields(value) if number == 1]
    return found[-1] if found else b""


def has_metadata(summary: bytes) -> bool:
    """Whether some value has metadata: a field after its tag and its one content. ValueError for rubbish."""
    for start, end in values(summary):
        at = start
        if at < end and summary[at] == 10 and summary[at + 1] < 128:
            at += 2 + summary[at + 1]
        key = summary[at] if at < end else 0
        if key == 21:  # a number
            at += 5
        elif key == 42:  # a histogram, of one length byte or two
            size, at = summary[at + 1], at + 2
            if size > 127:
                size, at = size - 128 + (summary[at] << 7), at + 1
            at += size
        if at != end and any(number == METADATA for number, *_ in fields(summary[start:end])):
            return True
    return False


def without(value: bytes, unwanted: int) -> bytes:
    """A message without the fields of one number."""
    return b"".join(value[start:end] for number, start, _, end in fields(value) if number != unwanted)
