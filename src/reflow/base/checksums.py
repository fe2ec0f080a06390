"""CRC-32C in the masked form of TensorFlow's files."""

from __future__ import annotations

from typing import Any

import google_crc32c

_MASK = 0xA282EAD8


def crc32c(data: Any, start: int = 0) -> int:
    """The CRC-32C of bytes or of a contiguous NumPy array (which is not copied), going on from `start`.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return int(google_crc32c.extend(start, data))


def masked(crc: int) -> int:
    """A CRC as files store it, so that a CRC of data that holds CRCs is no weaker.

    >>> hex(masked(crc32c(b"123456789")))
    '0xc78ab0e5'
    """
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF


def masked_crc32c(data: Any) -> int:
    """The masked CRC-32C of bytes or of a contiguous NumPy array."""
    return masked(crc32c(data))
