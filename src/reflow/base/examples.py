"""The values of features of serialized Examples, taken out as whole arrays.

A column is one feature of many examples. It is read as a flat array of values and the number of values in
each example; what is made of them (a matrix, a sparse matrix, padded rows) is the business of the ops.

Messages are parsed by protobuf's C library, in the form of `example_protos.wire_type`: lists of numbers come
as bytes, nearly always one packed block, which NumPy reads at once. Other forms (numbers one by one, several
blocks) are left to protobuf.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.base import example_layouts, example_protos

FEW = 48  # bytes up to which one list of integers is quicker read without NumPy


class MalformedError(Exception):
    """The bytes are no message; `args[0]` is the number of the example among those that were handed in."""


class Column(NamedTuple):
    """The values of one feature in several examples."""

    values: np.ndarray  # of all examples, one after another
    counts: np.ndarray  # how many belong to each example
    absent: list[int]  # the examples that do not have the feature at all


class Kind(NamedTuple):
    """One of the three kinds of lists that a feature can be."""

    field: str
    parts: Callable[[Sequence[Any]], list[Any]]  # of each feature, its list as the message has it
    decode: Callable[[list[Any]], tuple[np.ndarray, np.ndarray]]
    type: str  # its type, and what its values are, in messages
    noun: str


def features_of(serialized: Sequence[bytes], sequence: bool = False) -> list[Any]:
    """The features of each serialized Example, as a map from names.

    For a SequenceExample, the message itself: it has the maps `context.feature` and
    `feature_lists.feature_list`. Raises MalformedError.
    """
    parse = example_protos.wire_type("SequenceExample" if sequence else "Example").FromString
    found: list[Any] = []
    try:
        for data in serialized:
            found.append(parse(data))
    except example_protos.decode_error():
        raise MalformedError(len(found)) from None
    return found if sequence else [message.features.feature for message in found]


def look_up(maps: Sequence[Any], key: str) -> list[Any]:
    """The feature named `key` in each map; an empty one where there is none."""
    nothing = _nothing()
    return [features.get(key, nothing) for features in maps]


@functools.cache
def _nothing() -> Any:
    return example_protos.wire_type("Feature")()


def kind_of(feature: Any) -> str | None:
    """ "bytes_list", "float_list", "int64_list", or None for a feature without values of any kind."""
    return feature.WhichOneof("kind")  # type: ignore[no-any-return]


def read(features: Sequence[Any], kind: Kind, mismatch: Callable[[int, str], Any]) -> Column:
    """The values of one feature of several examples.

    Calls `mismatch(number, field)` for a feature that is of another kind; raises MalformedError.
    """
    parts = kind.parts(features)
    absent: list[int] = []
    if not all(parts):
        for i, part in enumerate(parts):
            if not part:
                field = features[i].WhichOneof("kind")
                if field is None:
                    absent.append(i)
                elif field != kind.field:
                    mismatch(i, field)
    values, counts = kind.decode(parts)
    return Column(values, counts, absent)


# Lists as bytes


@functools.lru_cache(maxsize=1 << 12)
def _header(size: int) -> bytes:
    """How a list begins that takes `size` bytes and is one packed block; no list begins with a zero."""
    for digits in range(1, 6):
        block = size - 1 - digits
        if block >= 0 and len(varint(block)) == digits:
            return b"\n" + varint(block)
    return b"\0"


def varint(number: int) -> bytes:
    """A number in protobuf's form: seven bits in a byte, the lowest first.

    >>> varint(300)
    b'\\xac\\x02'
    """
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    return bytes([*digits, number])


def _blocks(raws: list[bytes], message: str) -> list[bytes]:
    """The packed block of each list; `message` is the type of the lists."""
    blocks = []
    for i, raw in enumerate(raws):
        header = _header(len(raw))
        if raw.startswith(header):
            blocks.append(raw[len(header) :])
            continue
        values = _listed(raw, message)
        if values is None:
            raise MalformedError(i)
        packed = type(values)(value=values.value).SerializeToString()
        blocks.append(packed[len(_header(len(packed))) :] if packed else b"")
    return blocks


def _listed(raw: bytes, message: str) -> Any:
    """A list in any form, as a message; None when it is malformed."""
    try:
        return example_protos.message_type(message).FromString(raw)
    except example_protos.decode_error():
        return None


def _floats(raws: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    size = len(raws[0]) if raws else 0
    header = _header(size)
    if all(len(raw) == size and raw.startswith(header) for raw in raws) and (size - len(header)) % 4 == 0:
        rows = np.frombuffer(b"".join(raws), np.uint8).reshape(len(raws), size)
        values = rows[:, len(header) :].copy().view("<f4").reshape(-1)
        return values, np.full(len(raws), (size - len(header)) // 4, np.int64)
    blocks = _blocks(raws, "FloatList")
    odd = [i for i, block in enumerate(blocks) if len(block) % 4]
    if odd:
        raise MalformedError(odd[0])
    values = np.frombuffer(bytearray(b"".join(blocks)), "<f4")
    return values, np.array([len(block) // 4 for block in blocks], np.int64)


def _integers(raws: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    if len(raws) == 1 and len(raws[0]) <= FEW:
        return _few_integers(raws[0])
    found = _short_blocks(raws)
    if found is None:
        blocks = _blocks(raws, "Int64List")
        data = np.frombuffer(b"".join(blocks), np.uint8)
        sizes = np.array([len(block) for block in blocks], np.int64)
    else:
        data, sizes = found
    ends = np.cumsum(sizes)
    last = data < 128
    cut = np.flatnonzero((sizes > 0) & ~np.append(last, True)[ends - 1])
    if cut.size:
        raise MalformedError(int(cut[0]))
    values = _varints(data, last)
    if isinstance(values, int):
        raise MalformedError(int(np.searchsorted(ends, values, side="right")))
    before = np.zeros(len(data) + 1, np.int64)
    np.cumsum(last, out=before[1:])
    return values, before[ends] - before[ends - sizes]


def _short_blocks(raws: list[bytes]) -> tuple[np.ndarray, np.ndarray] | None:
    """All packed blocks in one array, and their sizes; None unless each is there and below 128 bytes."""
    data = np.frombuffer(b"".join(raws), np.uint8)
    sizes = np.fromiter(map(len, raws), np.int64, len(raws))
    if not len(raws) or sizes.min() < 2 or sizes.max() > 129:
        return None
    starts = np.cumsum(sizes) - sizes
    if (data[starts] != 10).any() or (data[starts + 1] != sizes - 2).any():
        return None
    inside = np.ones(len(data), bool)
    inside[starts] = inside[starts + 1] = False
    return data[inside], sizes - 2


def _few_integers(raw: bytes) -> tuple[np.ndarray, np.ndarray]:
    if len(raw) == 3 and raw[2] < 128 and raw[:2] == b"\n\1":
        return np.array([raw[2]], np.int64), np.array([1])
    message = _listed(raw, "Int64List")
    if message is None:
        raise MalformedError(0)
    values = message.value[:]
    return np.array(values, np.int64), np.array([len(values)])


def _varints(data: np.ndarray, last: np.ndarray) -> np.ndarray | int:
    """The numbers that stand in `data`, whose last bytes `last` marks; the place of one that is too long."""
    ends = np.flatnonzero(last)
    if len(ends) == len(data):
        return data.astype(np.int64)
    sizes = np.diff(ends, prepend=-1)
    starts = ends - sizes + 1
    if sizes.max() > 10:
        return int(starts[np.argmax(sizes > 10)])
    values = np.zeros(len(ends), np.uint64)
    for k in range(int(sizes.max())):
        longer = sizes > k
        digits = (data[starts[longer] + k] & 127).astype(np.uint64)
        values[longer] |= digits << np.uint64(7 * k)
    return values.view(np.int64)


def _texts(parts: list[Any]) -> tuple[np.ndarray, np.ndarray]:
    flat = [text for part in parts for text in part[:]]
    values = np.empty(len(flat), object)
    values[:] = flat
    return values, np.array([len(part) for part in parts], np.int64)


KINDS = {
    "float32": Kind("float_list", lambda parts: [f.float_list for f in parts], _floats, "float", "float"),
    "int64": Kind("int64_list", lambda parts: [f.int64_list for f in parts], _integers, "int64", "int64"),
    "string": Kind(
        "bytes_list", lambda parts: [f.bytes_list.value for f in parts], _texts, "string", "bytes"
    ),
}
TYPES = {kind.field: kind.type for kind in KINDS.values()}
_DTYPES = {"bytes_list": object, "float_list": np.float32, "int64_list": np.int64}


# Many at once


def columns(
    serialized: Sequence[bytes], wanted: Sequence[tuple[str, Kind]], layouts: example_layouts.Layouts
) -> list[Column] | None:
    """The values of some features of Examples that are laid out alike; None when they are not, or when a
    feature is of another kind or malformed: then `features_of` and `read` say what is wrong.
    """
    groups = layouts.alike(serialized)
    if groups is None:
        return None
    found = []
    for key, kind in wanted:
        name = key.encode("utf-8", "surrogateescape")
        parts = [_part(rows, rows.places.get(name), kind) for rows in groups]
        column = _joined(groups, parts, len(serialized), kind)
        if column is None:
            return None
        found.append(column)
    return found


Part = tuple[np.ndarray, np.ndarray] | None  # of some examples, all values and how many each has


def _part(rows: Any, place: Any, kind: Kind) -> Part:
    """The values of a feature in examples of one layout; None when it is not there or not as it should be."""
    if place is None or place.kind != kind.field:
        return None
    count = len(rows.strings)
    if kind.field == "bytes_list":
        return example_layouts.texts(rows, place.ranges).reshape(-1), np.full(count, len(place.ranges))
    start, end = place.ranges[0] if place.ranges else (0, 0)
    block = rows.matrix[:, start:end]
    if kind.field == "int64_list":
        return _integers_in(block)
    if (end - start) % 4:
        return None
    values = block.copy().view("<f4") if end > start else np.empty((count, 0), "<f4")
    return values.reshape(-1), np.full(count, values.shape[1])


def _integers_in(block: np.ndarray) -> Part:
    """The integers in a matrix of bytes, each row a packed block."""
    count, width = block.shape
    last = block < 128
    if not width or not last[:, -1].all():
        return None if width else (np.empty(0, np.int64), np.zeros(count, np.int64))
    if width <= 10 and np.count_nonzero(last) == count:  # one in each row
        digits = (block & 127).astype(np.uint64) << np.arange(0, 7 * width, 7, dtype=np.uint64)
        return np.bitwise_or.reduce(digits, axis=1).view(np.int64), np.ones(count, np.int64)
    values = _varints(block.reshape(-1), last.reshape(-1))
    return None if isinstance(values, int) else (values, last.sum(axis=1))


def _joined(groups: list[Any], parts: list[Part], count: int, kind: Kind) -> Column | None:
    """One column of the parts that groups of examples have; None when they do not fit together."""
    if len(parts) == 1 and parts[0] is not None:
        return Column(*parts[0], [])
    sizes = {int(size) for part in parts if part is not None for size in (part[1].min(), part[1].max())}
    if None in parts or len(sizes) > 1:
        return None
    (size,) = sizes
    values = np.empty((count, size), _DTYPES[kind.field])
    for rows, part in zip(groups, parts, strict=True):
        values[rows.numbers] = part[0].reshape(-1, size)  # type: ignore[index]
    return Column(values.reshape(-1), np.full(count, size), [])
