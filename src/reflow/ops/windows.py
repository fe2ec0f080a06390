"""Sliding windows over the space axes of images and volumes: where they lie, what they see, the way back.

Convolutions, pooling and morphology share this. Arrays here have their batch first and their space axes next,
whatever comes after (`channels_last` puts the other layout in that order). A *tap* is one position inside the
window: what it sees of all windows at once is one strided slice of the input, so that every op on windows is
a few elementwise operations on slices, which NumPy does fast and XLA fuses into one loop. XLA's own lowerings
on the CPU (`reduce_window`, `select_and_scatter`, grouped convolutions) take up to 30 times as long.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.graph.checks import fail

UNROLLED = 64  # taps: larger windows become too long programs

Tap = tuple[int, ...]


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of `size`: `count` of them, `stride` apart, of `window` taps `rate` apart."""

    size: int
    window: int
    stride: int
    rate: int
    before: int  # padding
    after: int
    count: int

    @property
    def spread(self) -> int:
        """From the first to the last tap of a window."""
        return (self.window - 1) * self.rate + 1

    def seen(self, tap: int) -> slice:
        """What a tap sees of the padded axis."""
        start = tap * self.rate
        return slice(start, start + max(0, (self.count - 1) * self.stride + 1), self.stride)

    @property
    def covered(self) -> tuple[int, int]:
        """From where to where the first window covers the axis itself."""
        return max(0, -self.before), min(self.size, self.window - self.before)


# How many windows fit


def fit(size: int, window: int, stride: int, rate: int, padding: str, ends: tuple[int, int] = (0, 0)) -> Axis:
    """The windows along an axis; `ends` is how much to pad where `padding` is "EXPLICIT"."""
    spread = (window - 1) * rate + 1
    if padding == "SAME":
        count = -(-size // stride)
        whole = max(0, (count - 1) * stride + spread - size)
        ends = (whole // 2, whole - whole // 2)
    else:
        count = (size + sum(ends) - spread + stride) // stride
        if count < 0:
            fail(
                f"Computed output size would be negative: {count} [input_size: {size}, "
                f"effective_filter_size: {spread}, stride: {stride}]"
            )
    return Axis(size, window, stride, rate, *ends, count)


def static_count(
    size: int | None, window: int | None, stride: int, rate: int, padding: str, ends: tuple[int, int] = (0, 0)
) -> int | None:
    """How many windows fit, as far as it is known. ValueError when a window is larger than the axis."""
    if stride <= 0:
        raise ValueError(f"Stride must be > 0, but got {stride}")
    if rate < 1:
        raise ValueError(f"Dilation rate must be >= 1, but got {rate}")
    if size is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    if window is None:
        return None
    size, spread = size + sum(ends), (window - 1) * rate + 1
    if spread > size:
        raise ValueError(f"Negative dimension size caused by subtracting {spread} from {size}")
    return (size - spread + stride) // stride


# Layouts


def is_channels_first(data_format: str) -> bool:
    return data_format.startswith("NC")


def space_of(values: Sequence[Any], data_format: str) -> tuple[Any, ...]:
    """The values (sizes, strides ...) of the space axes."""
    return tuple(values[2:] if is_channels_first(data_format) else values[1:-1])


def depth_of(values: Sequence[Any], data_format: str) -> Any:
    """The value of the channel axis."""
    return values[1 if is_channels_first(data_format) else -1]


def arranged(batch: Any, space: Sequence[Any], depth: Any, data_format: str) -> tuple[Any, ...]:
    """The values of all axes in the order of a layout."""
    if is_channels_first(data_format):
        return (batch, depth, *space)
    return (batch, *space, depth)


def channels_last(xp: Any, x: Any, data_format: str) -> Any:
    return xp.moveaxis(x, 1, -1) if is_channels_first(data_format) else x


def as_format(xp: Any, x: Any, data_format: str) -> Any:
    """The way back from `channels_last`."""
    return xp.moveaxis(x, -1, 1) if is_channels_first(data_format) else x


def is_cpu(xp: Any) -> bool:
    """Whether arrays are NumPy's, or XLA's on the CPU. On other devices XLA's own lowerings are the best."""
    if xp is np:
        return True
    import jax

    return bool(jax.default_backend() == "cpu")


# Slices


def taps(axes: Sequence[Axis]) -> Iterator[Tap]:
    """The positions inside a window, in row-major order."""
    return np.ndindex(*(a.window for a in axes))


def tap_count(axes: Sequence[Axis]) -> int:
    return math.prod(a.window for a in axes)


def padded(xp: Any, x: Any, axes: Sequence[Axis], fill: Any = 0) -> Any:
    """`x` with the windows' padding."""
    ends = [(a.before, a.after) for a in axes]
    return _grown(xp, x, ends, fill)


def _grown(xp: Any, x: Any, ends: Sequence[tuple[int, int]], fill: Any) -> Any:
    """`x` with so many elements more at the two ends of its space axes."""
    if not any(map(any, ends)):
        return x
    rest = [(0, 0)] * (x.ndim - len(ends) - 1)
    return xp.pad(x, [(0, 0), *ends, *rest], constant_values=fill)


def slices(xp: Any, x: Any, axes: Sequence[Axis], fill: Any = 0) -> Iterator[Any]:
    """What each tap sees of `x`, [batch, counts..., rest...], in row-major order of the taps."""
    x = padded(xp, x, axes, fill)
    for tap in taps(axes):
        yield x[(slice(None), *(a.seen(i) for a, i in zip(axes, tap, strict=True)))]


def placed(
    xp: Any, axes: Sequence[Axis], part: Callable[..., Any], *sources: Any, fills: tuple[Any, ...] = (0,)
) -> Any:
    """The way back from `slices`: the sum, at each input position, of the parts of all windows' taps there.

    `part(tap, *sources)` gives a tap's part of all windows, elementwise in the sources [batch, counts...,
    rest...]; with sources of the fill values it must give 0.
    """
    if xp is np:
        return _placed_at_once(axes, part, *sources)
    return _placed_by_phase(xp, axes, part, sources, fills)


def _placed_at_once(axes: Sequence[Axis], part: Callable[..., Any], *sources: Any) -> Any:
    total: Any = None
    for tap in taps(axes):
        new = part(tap, *sources)
        if total is None:
            whole = [a.before + a.size + a.after + a.stride for a in axes]
            total = np.zeros((new.shape[0], *whole, *new.shape[len(axes) + 1 :]), new.dtype)
        total[(slice(None), *(a.seen(i) for a, i in zip(axes, tap, strict=True)))] += new
    return _cropped(total, axes)


def _cropped(x: Any, axes: Sequence[Axis]) -> Any:
    """The padded axes without their padding."""
    return x[(slice(None), *(slice(a.before, a.before + a.size) for a in axes))]


def _placed_by_phase(
    jnp: Any, axes: Sequence[Axis], part: Callable[..., Any], sources: tuple[Any, ...], fills: tuple[Any, ...]
) -> Any:
    """Without scattering: position q * stride + r is seen by the taps i with (i * rate) % stride == r.

    Each of these sees it in window q - (i * rate) // stride, so a phase r is a sum of shifted parts.
    """
    blocks = [max(a.count, -(-(a.before + a.size) // a.stride)) for a in axes]
    reach = [(a.spread - 1) // a.stride for a in axes]
    ends = [(m, b - a.count) for m, b, a in zip(reach, blocks, axes, strict=True)]
    wide = [_grown(jnp, x, ends, fill) for x, fill in zip(sources, fills, strict=True)]
    phases: dict[Tap, Any] = {}
    for tap in taps(axes):
        offsets = [i * a.rate for i, a in zip(tap, axes, strict=True)]
        starts = [m - o // a.stride for m, o, a in zip(reach, offsets, axes, strict=True)]
        index = (slice(None), *(slice(s, s + b) for s, b in zip(starts, blocks, strict=True)))
        new = part(tap, *(w[index] for w in wide))
        phase = tuple(o % a.stride for o, a in zip(offsets, axes, strict=True))
        phases[phase] = new if phase not in phases else phases[phase] + new
    return _cropped(_interleaved(jnp, phases, [a.stride for a in axes]), axes)


def _interleaved(jnp: Any, phases: dict[Tap, Any], strides: Sequence[int]) -> Any:
    """[batch, blocks..., rest...] for each phase, put together to [batch, blocks * strides..., rest...]."""
    some = next(iter(phases.values()))
    if all(s == 1 for s in strides):
        return some
    count = len(strides)
    nothing = jnp.zeros_like(some)
    x = jnp.stack([phases.get(p, nothing) for p in np.ndindex(*strides)])
    x = x.reshape((*strides, *some.shape))
    order = [count, *(axis for i in range(count) for axis in (count + 1 + i, i))]
    x = jnp.transpose(x, (*order, *range(2 * count + 1, x.ndim)))
    sizes = [b * s for b, s in zip(some.shape[1 : count + 1], strides, strict=True)]
    return x.reshape((some.shape[0], *sizes, *some.shape[count + 1 :]))
