"""Histograms with TensorFlow's buckets: the limits grow by a tenth, from 1e-12 to 1e20, on both sides."""

from __future__ import annotations

import bisect
import functools
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.graph.checks import fail
from reflow.ops import summary_wire as wire

SMALL = 48  # up to so many values, plain Python is quicker than NumPy
_SKIPPED = (0.0, 1.0)  # an empty bucket, and the next with one value

# Minimum, maximum, number, sum and sum of squares; the limits of the buckets; how many values are in each.
Counted = tuple[tuple[float, ...], list[float], list[float]]


@functools.cache
def bucket_limits() -> list[float]:
    """The upper ends of all buckets, ascending.

    >>> limits = bucket_limits()
    >>> len(limits), limits[774:777]
    (1551, [-1e-12, 0.0, 1e-12])
    """
    positive, limit = [], 1e-12
    while limit < 1e20:
        positive.append(limit)
        limit *= 1.1
    positive.append(sys.float_info.max)
    return [-x for x in reversed(positive)] + [0.0] + positive


@functools.cache
def _limit_array() -> np.ndarray:
    return np.array(bucket_limits())


def encode(tag: bytes, values: np.ndarray, name: str) -> bytes:
    """A serialized Summary with the histogram of `values`. InvalidArgumentError for NaN and infinity."""
    flat = values.ravel()
    if flat.dtype.kind != "f":
        flat = flat.astype(np.float64)  # sums are of doubles
    count = _count_few if flat.size <= SMALL else _count_many
    statistics, ends, numbers = count(flat, name)
    return wire.histogram(tag, statistics, ends, numbers)


def _count_few(flat: np.ndarray, name: str) -> Counted:
    values = flat.tolist()
    total = squares = 0.0
    for value in values:
        total += value
        squares += value * value
    if not math.isfinite(total):  # or an honest sum that is too large
        _require_finite(flat, name)
    limits = bucket_limits()
    last = len(limits) - 1
    values.sort()
    low, high = (values[0], values[-1]) if values else (limits[-1], limits[0])
    ends: list[float] = []
    numbers: list[float] = []
    place, end = -1, -math.inf
    for value in values:
        if value < end:
            numbers[-1] += 1.0
            continue
        before, place = place, bisect.bisect_right(limits, value, place + 1, last)
        if place > before + 1:  # empty buckets between are one
            ends += limits[place - 1 : place + 1]
            numbers += _SKIPPED
        else:
            ends.append(limits[place])
            numbers.append(1.0)
        end = limits[place] if place < last else math.inf
    _close(ends, numbers)
    return (low, high, float(len(values)), total, squares), ends, numbers


def _close(ends: list[float], numbers: list[float]) -> None:
    """The buckets after the last that is not empty are one bucket."""
    last = bucket_limits()[-1]
    if not ends or ends[-1] != last:
        ends.append(last)
        numbers.append(0.0)


def _count_many(flat: np.ndarray, name: str) -> Counted:
    _require_finite(flat, name)
    values = flat.astype(np.float64)
    limits = _limit_array()
    counts = np.bincount(_places(values), minlength=len(limits))
    # Of a run of empty buckets the last one is written.
    written = (counts > 0) | (np.append(counts[1:], 1) > 0)
    # Running sums add in order, as TensorFlow does; `sum` would add in pairs and give other last digits.
    total, squares = values.cumsum()[-1], np.square(values).cumsum()[-1]
    statistics = tuple(float(x) for x in (values.min(), values.max(), values.size, total, squares))
    return statistics, limits[written].tolist(), counts[written].astype(np.float64).tolist()


def _places(values: np.ndarray) -> np.ndarray:
    """The number of each value's bucket: how many limits are not above it.

    The first 16 bits of a double divide each power of two in 16 cells, which are narrower than buckets: a
    cell has at most one limit in it. So a look at a table and one comparison take the place of a search.
    """
    base = _first_places()[values.view(np.uint64) >> np.uint64(48)]
    limits = _limit_array()
    return np.minimum(base + (values >= limits[base]), len(limits) - 1)  # type: ignore[no-any-return]


@functools.cache
def _first_places() -> np.ndarray:
    """The number of the bucket of the smallest double that begins with each 16 bits."""
    bits = np.arange(1 << 16, dtype=np.uint64) << np.uint64(48)
    bits[1 << 15 :] |= np.uint64((1 << 48) - 1)  # of negative ones, the one farthest from 0
    places = _limit_array().searchsorted(np.nan_to_num(bits.view(np.float64)), "right")
    return np.minimum(places, len(bucket_limits()) - 1)


def _require_finite(flat: np.ndarray, name: str) -> None:
    wrong = ~np.isfinite(flat)
    if wrong.any():
        what = "Nan" if np.isnan(flat[wrong.argmax()]) else "Infinity"
        fail(f"{what} in summary histogram for: {name}")


def histogram_host(ctx: Any, tag: Any, values: Any) -> np.ndarray:
    """The host kernel of HistogramSummary."""
    return wire.text_scalar(encode(as_tag(tag), np.asarray(values), ctx.node.name))


def histogram_encoder(tag: bytes) -> Callable[[np.ndarray], bytes]:
    """What encodes the histogram of a known tag."""
    name = tag.decode()
    return lambda values: encode(tag, values, name)


def as_tag(tag: Any) -> bytes:
    """The tag of a summary op that takes one. InvalidArgumentError unless it is a scalar."""
    if tag.ndim:
        fail("tag must be scalar")
    return tag.item()  # type: ignore[no-any-return]
