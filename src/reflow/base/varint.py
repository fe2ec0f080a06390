"""Integers of seven bits a byte, low bits first, as TensorFlow's file formats have them."""

from __future__ import annotations

MAX_BYTES = 10  # of a 64-bit integer


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The integer at `at`, and where the next thing begins. ValueError when it is cut off or too long.

    >>> read_varint(bytes([0xAC, 0x02, 7]), 0)
    (300, 2)
    """
    result = shift = 0
    for i in range(at, min(at + MAX_BYTES, len(data))):
        byte = data[i]
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, i + 1
        shift += 7
    raise ValueError(f"no integer at byte {at}")


def varint(value: int) -> bytes:
    """`value`, not negative, in this form.

    >>> varint(300).hex()
    'ac02'
    """
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
