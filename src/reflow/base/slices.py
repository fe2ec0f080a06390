"""Parts of tensors, as checkpoints name them: along each axis a start and a length, or all of it."""

from __future__ import annotations

from typing import Any, NamedTuple

from reflow.base import protos

FULL = -1  # the length that stands for a whole axis


class TensorSlice(NamedTuple):
    """Starts and lengths, one of each for every axis; a length of `FULL` takes the whole axis.

    >>> part = TensorSlice.parse("0,2:-")
    >>> part, part.shape([4, 3]), str(part)
    (TensorSlice(starts=(0, 0), lengths=(2, -1)), (2, 3), '0,2:-')
    """

    starts: tuple[int, ...]
    lengths: tuple[int, ...]

    @classmethod
    def whole(cls, rank: int) -> TensorSlice:
        """All of a tensor."""
        return cls((0,) * rank, (FULL,) * rank)

    @classmethod
    def parse(cls, text: str) -> TensorSlice:
        """`start,length` or `-` for each axis, with colons between. ValueError for anything else."""
        starts, lengths = [], []
        for item in filter(None, text.split(":")):
            if item == "-":
                start, length = 0, FULL
            else:
                parts = item.split(",")
                if len(parts) != 2 or not all(_is_number(p) for p in parts) or int(parts[1]) <= 0:
                    raise ValueError(f"Expected a pair of numbers or '-' but got '{item}': string = {text}")
                start, length = int(parts[0]), int(parts[1])
            starts.append(start)
            lengths.append(length)
        return cls(tuple(starts), tuple(lengths))

    @classmethod
    def from_proto(cls, message: Any) -> TensorSlice:
        """The slice of a TensorSliceProto. ValueError for negative places."""
        starts = tuple(e.start for e in message.extent)
        lengths = tuple(e.length if e.HasField("length") else FULL for e in message.extent)
        if any(s < 0 for s in starts) or any(n < FULL for n in lengths):
            raise ValueError(f"a slice of starts {starts} and lengths {lengths}")
        return cls(starts, lengths)

    def to_proto(self) -> Any:
        """The slice as a TensorSliceProto."""
        message = protos.TensorSliceProto()
        for start, length in zip(self.starts, self.lengths, strict=True):
            extent = message.extent.add()
            if length != FULL:
                extent.start, extent.length = start, length
        return message

    def shape(self, whole: Any) -> tuple[int, ...]:
        """The slice's shape in a tensor of shape `whole`. ValueError when it does not lie within."""
        if len(whole) != len(self.starts):
            raise ValueError(f"Mismatching ranks: shape = {_shown(whole)}, slice = {self}")
        found = []
        for axis, (start, length, size) in enumerate(zip(self.starts, self.lengths, whole, strict=True)):
            if length == FULL:
                found.append(size)
                continue
            if start + length > size:
                raise ValueError(
                    f"Extent in dimension {axis} out of bounds: shape = {_shown(whole)}, slice = {self}"
                )
            found.append(length)
        return tuple(found)

    def is_whole(self, shape: Any) -> bool:
        """Whether the slice is all of a tensor of this shape."""
        return all(
            length == FULL or (start == 0 and length == size)
            for start, length, size in zip(self.starts, self.lengths, shape, strict=True)
        )

    def bounds(self, shape: Any) -> list[tuple[int, int]]:
        """First place and end along each axis."""
        return [
            (0, size) if length == FULL else (start, start + length)
            for start, length, size in zip(self.starts, self.lengths, shape, strict=True)
        ]

    def __str__(self) -> str:
        pairs = zip(self.starts, self.lengths, strict=True)
        return ":".join("-" if length == FULL else f"{start},{length}" for start, length in pairs)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def _shown(shape: Any) -> str:
    return f"[{','.join(str(s) for s in shape)}]"


def parse_shape_and_slice(text: str) -> tuple[tuple[int, ...], TensorSlice]:
    """What a save or restore op is told of a slice: the whole shape, and the slice. ValueError if malformed.

    >>> parse_shape_and_slice("5 2 0,3:0,2")
    ((5, 2), TensorSlice(starts=(0, 0), lengths=(3, 2)))
    """
    items = text.split(" ")
    if len(items) < 2:
        raise ValueError(f"Need least two elements in shape_and_slice specification: {text}")
    if not all(_is_number(i) for i in items[:-1]):
        raise ValueError(f"Non numerical dimension in shape_and_slice: {text}")
    shape = tuple(int(i) for i in items[:-1])
    part = TensorSlice.parse(items[-1])
    part.shape(shape)
    return shape, part


# Keys of slices: ordered so that the bytes sort as name, then starts and lengths.


def slice_key(name: bytes, part: TensorSlice) -> bytes:
    """The key under which a table has a slice of the tensor `name`.

    >>> slice_key(b"v", TensorSlice((0,), (3,))).hex(" ")
    '00 76 00 01 01 01 80 83'
    """
    key = _unsigned(0) + _string(name) + _unsigned(len(part.starts))
    return key + b"".join(_signed(n) for pair in zip(part.starts, part.lengths, strict=True) for n in pair)


def _unsigned(value: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _string(text: bytes) -> bytes:
    escaped = text.replace(b"\xff", b"\xff\0") if b"\0" not in text else _escaped(text)
    return escaped + b"\0\1"


def _escaped(text: bytes) -> bytes:
    return b"".join({0: b"\0\xff", 255: b"\xff\0"}.get(c, bytes([c])) for c in text)


def _signed(value: int) -> bytes:
    """As many leading one bits as there are bytes, then the number; all of it inverted if negative."""
    bits = (~value if value < 0 else value).bit_length()
    size = 1 if bits <= 6 else bits // 7 + 1
    width = 8 * size
    header = ((1 << size) - 1) << (width - size)
    number = value & ((1 << width) - 1)
    return (number ^ header).to_bytes(size, "big")
