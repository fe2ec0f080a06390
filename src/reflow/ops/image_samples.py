"""The random boxes of `sample_distorted_bounding_box`, drawn from TensorFlow's stream of numbers."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from reflow.ops import philox

SINGLE = np.float32
WORD = 2**32
Crop = tuple[int, int, int, int]  # top, left, height, width


def _words(state: Any) -> Iterator[int]:
    """The stream's 32-bit words, one after the other."""
    for block in itertools.count():
        for word in philox.random_words(np, state, np.uint64(block)):
            yield int(word)


def _round(x: Any) -> int:
    """C's lrintf: the closest integer, halves to the even one."""
    return int(np.rint(SINGLE(x)))


class SampledBox:
    """Draws one box with the attributes of the op; `next_state` is the state for the next one."""

    def __init__(self, state: Any, attrs: dict[str, Any]) -> None:
        self.words = _words(state)
        self.attempts = attrs["max_attempts"]
        self.ratios = [SINGLE(n) for n in attrs["aspect_ratio_range"]]
        self.areas = [SINGLE(n) for n in attrs["area_range"]]
        self.next_state = philox.advance(np, state, self.attempts)

    def _float(self) -> Any:
        """A float32 in [0, 1)."""
        mantissa = np.uint32((next(self.words) & 0x7FFFFF) | 0x3F800000)
        return mantissa.view(SINGLE) - SINGLE(1)

    def _below(self, n: int) -> int:
        """An integer in [0, n); 0 when n is 0."""
        if n & (n - 1) == 0:
            return next(self.words) & max(n - 1, 0) if n else next(self.words) * 0
        unfair = (WORD - 1) % n + 1
        word = next(word for word in self.words if word >= unfair)
        return word % n

    def draw(self, height: int, width: int, boxes: Any, covered: Any) -> Crop:
        """A box in an image of that size that shows `covered` of one of `boxes`; the image, if none does."""
        scaled = boxes * np.array([height, width, height, width], SINGLE)
        pixels = [tuple(int(n) for n in box) for box in scaled] or [(0, 0, height, width)]
        for _ in range(self.attempts):
            ratio = self._float() * (self.ratios[1] - self.ratios[0]) + self.ratios[0]
            crop = self._crop(height, width, ratio)
            if crop is not None and _shows(crop, pixels, covered):
                return crop
        return 0, 0, height, width

    def _crop(self, height: int, width: int, ratio: Any) -> Crop | None:
        """A box with that ratio of width to height; None when it can't have the wanted area."""
        if self.areas[1] <= 0 or ratio <= 0 or self.areas[0] > self.areas[1]:
            return None
        least, most = (area * SINGLE(width) * SINGLE(height) for area in self.areas)
        rows = _round(np.sqrt(least / ratio))
        highest = min(_highest(_round(np.sqrt(most / ratio)), width, ratio), height)
        rows = min(rows, highest)
        if rows < highest:
            rows += self._below(highest - rows + 1)
        rows, columns = _within(rows, ratio, least, most)
        area = SINGLE(rows * columns)
        if not least <= area <= most or not 0 < columns <= width or not 0 < rows <= height:
            return None
        top = self._below(height - rows) if rows < height else 0
        left = self._below(width - columns) if columns < width else 0
        return top, left, rows, columns


def _highest(rows: int, width: int, ratio: Any) -> int:
    """The greatest height whose width fits."""
    if _round(rows * ratio) <= width:
        return rows
    # In double precision, as the constants are; the constant itself is a single.
    fitting = int((width + 0.5 - float(SINGLE(1e-7))) / float(ratio))
    return fitting - 1 if _round(fitting * ratio) > width else fitting


def _within(rows: int, ratio: Any, least: Any, most: Any) -> tuple[int, int]:
    """Height and width, moved by one where rounding took the area out of its range."""
    columns = _round(rows * ratio)
    if SINGLE(rows * columns) < least:
        rows += 1
        columns = _round(rows * ratio)
    if SINGLE(rows * columns) > most:
        rows -= 1
        columns = _round(rows * ratio)
    return rows, columns


def _shows(crop: Crop, boxes: list[Any], covered: Any) -> bool:
    """Whether enough of one of the boxes, in pixels, is in the crop."""
    top, left, height, width = crop
    if height * width < 1:
        return False
    for y0, x0, y1, x1 in boxes:
        area = SINGLE((y1 - y0) * (x1 - x0))
        if area < 1:
            continue
        rows = max(0, min(y1, top + height) - max(y0, top))
        columns = max(0, min(x1, left + width) - max(x0, left))
        if SINGLE(rows * columns) / area >= covered:
            return True
    return False
