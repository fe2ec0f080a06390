"""Images of few channels seen as fewer, longer rows, in programs for the CPU.

XLA's loops run along the last axis of an array: of images, the channels. Fewer than 32 of them the compiler
unrolls, and makes of the rest of the loop what it can: to normalize [64, 32, 32, 16] takes four times as long
as the same numbers as [2048, 512]. So images of few channels are computed and handed on as rows; the vectors
that go with channels are repeated along a row.

What counts is the shape in which a loop writes its results. XLA joins a change of shape at the end to the
loop, at the beginning it costs nothing.
"""

from __future__ import annotations

import functools
import math
from typing import Any

from reflow.ops import parts

FEW = 32  # channels from which on nothing is gained
SHORTEST, LONGEST = 256, 2048  # numbers in a row
MANY = 1 << 16  # numbers that are worth it


@functools.lru_cache(1024)
def of(shape: tuple[int, ...]) -> tuple[int, int] | None:
    """The shape of the same numbers in long rows, each of whole vectors of channels; None if there is none.

    >>> of((64, 32, 32, 16)), of((64, 32, 32, 32)), of((2, 2, 2, 3))
    ((4096, 256), None, None)
    """
    size = math.prod(shape)
    if size < MANY or shape[-1] >= FEW:
        return None
    channels = shape[-1]
    count = size // channels
    for together in range(-(-SHORTEST // channels), LONGEST // channels + 1):
        if count % together == 0:
            return count // together, together * channels
    return None


def arranged(xp: Any, images: Any) -> Any:
    """Images, channels last, as rows; as they are where they have none."""
    shape = of(images.shape) if parts.fits(xp) else None
    return images if shape is None else images.reshape(shape)


def repeated(xp: Any, vector: Any, count: int) -> Any:
    """A vector so many times, as an array of its own: a loop would look it up number by number."""
    return parts.as_one(xp, lambda v: xp.tile(v, count), vector)
