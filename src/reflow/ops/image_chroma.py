"""The colors of JPEG files, stored at half the size of the brightness: enlarged smoothly, and made RGB.

The integers are those of libjpeg, so that images are equal to its to the bit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Enlarge = Callable[[Array, int, int], Array]
HALF = 1 << 15  # one half in fixed point of 16 bits
LEAST_WIDTH = 3  # narrower colors are enlarged plainly


def _fixed(x: float) -> int:
    return int(x * 65536 + 0.5)


def _beside(x: Array) -> tuple[Array, Array]:
    """The left and the right neighbours; at the ends the elements themselves."""
    return np.concatenate([x[:, :1], x[:, :-1]], axis=1), np.concatenate([x[:, 1:], x[:, -1:]], axis=1)


def _interleaved(even: Array, odd: Array, axis: int) -> Array:
    shape = list(even.shape)
    shape[axis] *= 2
    return np.stack([even, odd], axis=axis + 1).reshape(shape)


def _across(plain: Array, height: int, width: int) -> Array:
    """Colors of half the width, enlarged by weights of 3/4 and 1/4."""
    x = plain[:, ::2].astype(np.int16)
    if x.shape[1] < LEAST_WIDTH:
        return plain
    left, right = _beside(x)
    return _interleaved((3 * x + left + 1) >> 2, (3 * x + right + 2) >> 2, 1)[:, :width]


def _both(plain: Array, height: int, width: int) -> Array:
    """Colors of half the width and height, enlarged by weights of 9/16, 3/16 and 1/16."""
    x = plain[::2, ::2].astype(np.int16)
    if x.shape[1] < LEAST_WIDTH:
        return plain
    above, below = np.concatenate([x[:1], x[:-1]]), np.concatenate([x[1:], x[-1:]])
    rows = _interleaved(3 * x + above, 3 * x + below, 0)
    left, right = _beside(rows)
    return _interleaved((3 * rows + left + 8) >> 4, (3 * rows + right + 7) >> 4, 1)[:height, :width]


# By how many samples there are across and down of each component.
ENLARGE: dict[Any, Enlarge] = {
    ((2, 1), (1, 1), (1, 1)): _across,
    ((2, 2), (1, 1), (1, 1)): _both,
}


def colors(pixels: Array, enlarge: Enlarge) -> Array:
    """RGB, uint8, of YCbCr pixels whose Cb and Cr were enlarged by repetition."""
    height, width = pixels.shape[:2]
    y = pixels[..., 0].astype(np.int16)
    blue, red = (enlarge(pixels[..., i], height, width) for i in (1, 2))
    shift = np.arange(256) - 128
    to_red, to_blue = ((_fixed(x) * shift + HALF) >> 16 for x in (1.402, 1.772))
    to_green = (-_fixed(0.34414) * shift[:, None] + HALF - _fixed(0.71414) * shift[None, :]) >> 16
    mixed = np.empty((height, width, 3), np.int16)
    np.add(y, to_red.astype(np.int16)[red], out=mixed[..., 0])
    np.add(y, to_green.astype(np.int16)[blue, red], out=mixed[..., 1])
    np.add(y, to_blue.astype(np.int16)[blue], out=mixed[..., 2])
    return np.clip(mixed, 0, 255, out=mixed).astype(np.uint8)
