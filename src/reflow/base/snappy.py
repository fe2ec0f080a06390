"""Snappy decompression, for blocks of table files that TensorFlow compressed. Reflow compresses nothing."""

from __future__ import annotations

from reflow.base.varint import read_varint

MAX_RATIO = 32  # a copy of three bytes makes at most 64; a longer claim than this is false


def decompress(data: bytes) -> bytes:
    """The content of a raw Snappy block. ValueError when it is damaged, or claims to be impossibly large.

    >>> decompress(bytes([6, 4]) + b"ab" + bytes([1, 2]))
    b'ababab'
    """
    length, at = read_varint(data, 0)
    if length > MAX_RATIO * len(data):
        raise ValueError(f"{len(data)} compressed bytes cannot hold {length}")
    out = bytearray()
    while at < len(data):
        tag = data[at]
        if tag & 3 == 0:
            size, at = _literal_size(data, at)
            if at + size > len(data):
                raise ValueError("a literal goes beyond the end of the block")
            out += data[at : at + size]
            at += size
        else:
            size, offset, at = _copy(data, at)
            _repeat(out, offset, size)
        if len(out) > length:
            raise ValueError(f"the block holds more than the {length} bytes it claims")
    if len(out) != length:
        raise ValueError(f"the block holds {len(out)} bytes and claims {length}")
    return bytes(out)


def _literal_size(data: bytes, at: int) -> tuple[int, int]:
    """The length of the literal whose tag is at `at`, and where its bytes begin."""
    size = data[at] >> 2
    if size < 60:
        return size + 1, at + 1
    width = size - 59
    field = data[at + 1 : at + 1 + width]
    if len(field) < width:
        raise ValueError("a length is cut off")
    return int.from_bytes(field, "little") + 1, at + 1 + width


def _copy(data: bytes, at: int) -> tuple[int, int, int]:
    """Size and distance of the copy whose tag is at `at`, and where the next element begins."""
    tag = data[at]
    width = (0, 1, 2, 4)[tag & 3]
    field = data[at + 1 : at + 1 + width]
    if len(field) < width:
        raise ValueError("a copy is cut off")
    offset = int.from_bytes(field, "little")
    if width == 1:
        return ((tag >> 2) & 7) + 4, offset | (tag >> 5) << 8, at + 2
    return (tag >> 2) + 1, offset, at + 1 + width


def _repeat(out: bytearray, offset: int, size: int) -> None:
    """Append `size` bytes from `offset` before the end; they may overlap what is appended."""
    start = len(out) - offset
    if offset == 0 or start < 0:
        raise ValueError(f"a copy from {offset} bytes back, of {len(out)}")
    piece = out[start : start + size]
    out += (piece * (size // len(piece) + 1))[:size]
