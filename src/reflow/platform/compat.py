"""Text and bytes, and the number types that NumPy and Python share (`tf.compat`)."""

from __future__ import annotations

import datetime
import numbers
import os
from typing import Any

import numpy as np

integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)
complex_types = (numbers.Complex, np.number)
bytes_or_text_types = (bytes, str)

LAST_RELEASE = datetime.date(2019, 10, 14)  # TensorFlow 1.15.0


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """`bytes_or_text` as bytes. TypeError when it is neither bytes nor str.

    >>> as_bytes("né")
    b'n\\xc3\\xa9'
    """
    if isinstance(bytes_or_text, bytearray):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """`bytes_or_text` as str. TypeError when it is neither bytes nor str.

    >>> as_text(b"abc")
    'abc'
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    if isinstance(bytes_or_text, bytes):
        return bytes_or_text.decode(encoding)
    raise TypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_str(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """`bytes_or_text` as the native string type, which is str. TypeError when it is neither bytes nor str."""
    return as_text(bytes_or_text, encoding)


def as_str_any(value: Any) -> str:
    """`str(value)`, but bytes are decoded.

    >>> as_str_any(b"a"), as_str_any(1)
    ('a', '1')
    """
    return as_text(value) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> Any:
    """A path object as str; anything else as it is.

    >>> import pathlib
    >>> path_to_str(pathlib.PurePosixPath("a/b"))
    'a/b'
    """
    return as_str_any(os.fspath(path)) if hasattr(path, "__fspath__") else path


def forward_compatible(year: int, month: int, day: int) -> bool:
    """Whether a program may use what TensorFlow got by that day: True up to the release of 1.15.

    >>> forward_compatible(2019, 1, 1), forward_compatible(2020, 1, 1)
    (True, False)
    """
    return datetime.date(year, month, day) <= LAST_RELEASE
