"""Arrays as short text, in TensorFlow's two styles: that of Assert and Print, and that of tf.print."""

from __future__ import annotations

import math

import numpy as np

_ESCAPES = {9: "\\t", 10: "\\n", 13: "\\r", 34: '\\"', 39: "\\'", 92: "\\\\"}


def summarize(value: np.ndarray, limit: int) -> str:
    """The first `limit` elements (all for -1), as Assert and Print show them.

    >>> summarize(np.arange(6.0).reshape(2, 3), 4)
    '[0 1 2][3...]...'
    """
    array = np.asarray(value)
    shown = array.size if limit == -1 else min(limit, array.size)
    more = "..." if array.size > shown else ""
    if array.ndim <= 1 or array.dtype.kind == "c":
        return " ".join(_element(x) for x in array.reshape(-1)[:shown]) + more
    return _rows(array, shown) + more


def _rows(array: np.ndarray, left: int) -> str:
    """The first `left` elements, each row in brackets; below the first axis a cut row says so."""
    text = ""
    for row in array:
        if left <= 0:
            break
        if row.ndim == 1:
            text += "[" + " ".join(_element(x) for x in row[:left]) + ("..." if left < row.size else "") + "]"
        else:
            text += "[" + _rows(row, left) + "]"
        left -= row.size
    return text


def summarize_ends(value: np.ndarray, limit: int) -> str:
    """The first and last `limit` entries of each axis (all for -1), as tf.print shows them.

    >>> print(summarize_ends(np.arange(12).reshape(3, 4), 1))
    [[0 ... 3]
     ...
     [8 ... 11]]
    """
    array = np.asarray(value)
    ends = array.size if limit == -1 else min(limit, array.size)
    if array.dtype.kind == "c":
        return "[" + " ".join(["?"] * ends) + ("..." if ends < array.size else "") + "]"
    if array.ndim == 0:
        return _quoted(array[()]) if ends else "..."
    return _nested(array, ends, 0)


def _nested(array: np.ndarray, ends: int, depth: int) -> str:
    if array.ndim == 0:
        return _quoted(array[()])
    gap = " " if array.ndim == 1 else "\n" * (array.ndim - 1) + " " * (depth + 1)
    size = array.shape[0]
    parts = [_nested(array[i, ...], ends, depth + 1) for i in range(min(ends, size))]
    if size > 2 * ends:
        parts.append("..." if parts else gap + "...")
    parts += [_nested(array[i, ...], ends, depth + 1) for i in range(max(ends, size - ends), size)]
    return "[" + gap.join(parts) + "]"


def _quoted(element: object) -> str:
    text = _element(element)
    return f'"{text}"' if isinstance(element, (bytes, str)) else text


def _element(element: object) -> str:
    if isinstance(element, (bytes, str)):
        data = element.encode() if isinstance(element, str) else element
        return "".join(_character(c) for c in data)
    if isinstance(element, np.complexfloating):
        return "?"
    if isinstance(element, (bool, np.bool_, int, np.integer)):
        return str(int(element))
    return number_text(element)


def _character(code: int) -> str:
    if code in _ESCAPES:
        return _ESCAPES[code]
    return chr(code) if 32 <= code < 127 else f"\\{code:03o}"


def number_text(element: object) -> str:
    """A float with the fewest digits, of two choices, that give it back.

    >>> number_text(np.float32(0.1)), number_text(np.float32(1) / 3), number_text(np.float64(1) / 3)
    ('0.1', '0.333333343', '0.33333333333333331')
    """
    wide = isinstance(element, np.float64)
    value = float(element)  # type: ignore[arg-type]
    if not math.isfinite(value):
        return str(value)
    text = f"{value:.15g}" if wide else f"{value:.6g}"
    back = float(text) if wide else float(np.float32(text))
    return text if back == value else f"{value:.17g}" if wide else f"{value:.9g}"
