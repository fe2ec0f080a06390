"""Maxima and means of sliding windows, and the ways back of gradients, in NumPy and for XLA.

Arrays have the batch first; the windows' axes are all others (`Windows`), so the channels may be pooled as
well. On the CPU a maximum is taken axis by axis over slices; which tap of a window is the first of those that
have the maximum (`winners`) decides where a gradient goes. On other devices, and where windows are too large
to be unrolled, XLA's own lowerings are used.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph.checks import fail
from reflow.ops import matrix_shapes as mats
from reflow.ops.windows import (
    UNROLLED,
    Axis,
    arranged,
    as_format,
    channels_last,
    depth_of,
    fit,
    is_cpu,
    placed,
    slices,
    space_of,
    tap_count,
    taps,
)

LONG = 32  # taps along one axis that are still unrolled


@dataclass(frozen=True)
class Pooling:
    """The attributes of a pooling op."""

    ksize: Sequence[int]
    strides: Sequence[int]
    padding: str
    data_format: str

    def axes(self, op_type: str, sizes: Sequence[int]) -> tuple[Axis, ...]:
        """The windows along the space axes and the channels, in this order."""
        if len(sizes) != len(self.ksize):
            shown = ",".join(map(str, sizes))
            fail(f"{op_type}: the input must be {len(self.ksize)}-dimensional, got shape [{shown}]")
        self._check(op_type)
        layout = self.data_format
        triples = [
            (*space_of(values, layout), depth_of(values, layout))
            for values in (sizes, self.ksize, self.strides)
        ]
        return tuple(fit(n, k, s, 1, self.padding) for n, k, s in zip(*triples, strict=True))

    def _check(self, op_type: str) -> None:
        if self.ksize[0] != 1 or self.strides[0] != 1:
            fail("Pooling is not yet supported on the batch dimension.", errors.UnimplementedError)
        deep = depth_of(self.ksize, self.data_format)
        if deep != 1 and any(k != 1 for k in space_of(self.ksize, self.data_format)):
            message = (
                f"{op_type} supports exactly one of pooling across depth or pooling across width/height."
            )
            fail(message, errors.UnimplementedError)
        if min(*self.ksize, *self.strides) < 1:
            fail(f"{op_type}: window sizes and strides must be positive, got {self.ksize}, {self.strides}")

    def into(self, xp: Any, x: Any) -> Any:
        return channels_last(xp, x, self.data_format)

    def back(self, xp: Any, x: Any) -> Any:
        x = as_format(xp, x, self.data_format)
        return np.ascontiguousarray(x) if xp is np else x

    def output(self, sizes: Sequence[int], axes: Sequence[Axis]) -> tuple[int, ...]:
        """The sizes of the pooled tensor, in the order of the layout."""
        counts = [a.count for a in axes]
        return arranged(sizes[0], counts[:-1], counts[-1], self.data_format)


def lowest(dtype: Any) -> Any:
    """A value of a type that is below all others (or equal to the least)."""
    dtype = np.dtype(dtype)
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _region(axis: Axis) -> slice:
    """What the one window of an axis covers."""
    return slice(0, axis.window - axis.before)


def _one_window(axes: Sequence[Axis]) -> bool:
    return all(a.count == 1 for a in axes)


# Maxima


def maxima(xp: Any, x: Any, axes: Sequence[Axis]) -> Any:
    """The maximum of each window."""
    fill = lowest(x.dtype)
    if not is_cpu(xp):
        return _reduced(xp, x, axes, "max")
    return _axis_by_axis(xp, x, axes, xp.maximum, lambda a, i: a.max(axis=i, keepdims=True), fill)


def _axis_by_axis(xp: Any, x: Any, axes: Sequence[Axis], combine: Any, reduce: Any, fill: Any) -> Any:
    for i, axis in enumerate(axes):
        if axis.window == axis.stride == 1:
            continue
        if axis.count == 1:
            index = [slice(None)] * (i + 1) + [_region(axis)]
            x = reduce(x[tuple(index)], i + 1)
            continue
        alone = [_whole(x.shape[j + 1]) if j != i else axis for j in range(len(axes))]
        if xp is not np and axis.window > LONG:
            x = _reduced(xp, x, alone, "max" if fill != 0 else "add")
        else:
            x = functools.reduce(combine, slices(xp, x, alone, fill))
    return x


def _whole(size: int) -> Axis:
    """An axis that is left alone."""
    return Axis(size, 1, 1, 1, 0, 0, size)


def _reduced(jnp: Any, x: Any, axes: Sequence[Axis], kind: str) -> Any:
    """XLA's own windows."""
    from jax import lax

    # A NumPy number: JAX must see that it is the neutral element, or there is no derivative.
    first = np.asarray(lowest(x.dtype) if kind == "max" else 0, x.dtype)[()]
    function = lax.max if kind == "max" else lax.add
    window, strides = (1, *(a.window for a in axes)), (1, *(a.stride for a in axes))
    ends = [(0, 0), *((a.before, a.after) for a in axes)]
    return lax.reduce_window(x, first, function, window, strides, ends)


def winners(xp: Any, x: Any, y: Any, axes: Sequence[Axis]) -> Any:
    """The number of the tap of each window that has its maximum `y`: the first, if there are several."""
    count = tap_count(axes)
    kind = np.int8 if count <= np.iinfo(np.int8).max else np.int32  # small: it is memory that takes the time
    found = xp.full(y.shape, count, kind)
    for number, seen in reversed(list(enumerate(slices(xp, x, axes, lowest(x.dtype))))):
        found = xp.where(seen == y, kind(number), found)
    return found


def max_gradient(xp: Any, x: Any, y: Any, grad: Any, axes: Sequence[Axis]) -> Any:
    """The gradient of `maxima` for `x`: it goes to the first element that is a window's maximum."""
    if _one_window(axes):
        return _max_gradient_of_one(xp, x, grad, axes)
    if xp is not np and (tap_count(axes) > UNROLLED or not is_cpu(xp)):
        return _transposed_maxima(xp, x, grad, axes)
    codes = winners(xp, x, y, axes)
    if xp is not np and all(a.window == a.stride and a.before == 0 for a in axes):
        return _spread_to_winners(xp, codes, grad, axes)
    number = {tap: i for i, tap in enumerate(taps(axes))}

    def part(tap: tuple[int, ...], codes: Any, grad: Any) -> Any:
        return xp.where(codes == codes.dtype.type(number[tap]), grad, xp.zeros((), grad.dtype))

    return placed(xp, axes, part, codes, grad, fills=(-1, 0))


def _spread_to_winners(jnp: Any, codes: Any, grad: Any, axes: Sequence[Axis]) -> Any:
    """Windows that lie side by side: every element looks at its own window."""
    batch, counts = grad.shape[0], grad.shape[1:]
    wide = (batch, *(n for c in counts for n in (c, 1)))
    place = np.zeros((1,), np.int32)
    for i, a in enumerate(axes):
        own = np.arange(a.window, dtype=np.int32).reshape((-1,) + (1,) * (2 * (len(axes) - i - 1)))
        step = int(np.prod([b.window for b in axes[i + 1 :]], dtype=np.int64))
        place = place + own * np.int32(step)
    mine = codes.reshape(wide) == place.astype(codes.dtype)
    spread = jnp.where(mine, grad.reshape(wide), jnp.zeros((), grad.dtype))
    spread = spread.reshape((batch, *(a.count * a.window for a in axes)))
    if any(a.count * a.window > a.size for a in axes):
        spread = spread[(slice(None), *(slice(0, a.size) for a in axes))]
    missing = [(0, max(0, a.size - a.count * a.window)) for a in axes]
    return jnp.pad(spread, [(0, 0), *missing]) if any(m for _, m in missing) else spread


def _max_gradient_of_one(xp: Any, x: Any, grad: Any, axes: Sequence[Axis]) -> Any:
    """When one window covers all, its maximum is looked for at once."""
    region = x[(slice(None), *(_region(a) for a in axes))]
    flat = region.reshape(region.shape[0], -1)
    first = xp.argmax(flat, axis=1)
    places = np.arange(flat.shape[1])
    spread = xp.where(places == first[:, None], grad.reshape(-1, 1), xp.zeros((), grad.dtype))
    missing = [(0, n - m) for n, m in zip(x.shape, region.shape, strict=True)]
    return xp.pad(spread.reshape(region.shape), missing)


def _transposed_maxima(jnp: Any, x: Any, grad: Any, axes: Sequence[Axis]) -> Any:
    """XLA's own way back."""
    import jax

    _, pull = jax.vjp(lambda a: _reduced(jnp, a, axes, "max"), x)
    return pull(grad)[0]


def at_winners(xp: Any, x: Any, y: Any, values: Any, axes: Sequence[Axis]) -> Any:
    """What `values`, of the shape of `x`, has where `x` has the (first) maximum of each window."""
    codes = winners(xp, x, y, axes)
    result = xp.zeros(y.shape, values.dtype)
    for number, seen in enumerate(slices(xp, values, axes)):
        result = xp.where(codes == codes.dtype.type(number), seen, result)
    return result


def winner_positions(xp: Any, x: Any, y: Any, axes: Sequence[Axis]) -> Any:
    """The position of each window's maximum, counted through all axes but the batch's; int64."""
    sizes = [a.size for a in axes]
    positions = np.arange(int(np.prod(sizes, dtype=np.int64)), dtype=np.int64).reshape(1, *sizes)
    codes = winners(xp, x, y, axes)
    result = xp.zeros(y.shape, np.int64)
    for number, seen in enumerate(slices(np, positions, axes)):
        result = xp.where(codes == codes.dtype.type(number), seen, result)
    return result


def all_maxima_gradient(xp: Any, x: Any, y: Any, grad: Any, axes: Sequence[Axis]) -> Any:
    """As `max_gradient`, but every element that is a window's maximum gets the gradient."""
    seen = dict(zip(taps(axes), slices(xp, x, axes, lowest(x.dtype)), strict=True))
    if xp is not np and (tap_count(axes) > UNROLLED or not is_cpu(xp)):
        return _transposed_maxima(xp, x, grad, axes)
    parts = [xp.where(s == y, grad, xp.zeros((), grad.dtype)) for s in seen.values()]
    number = {tap: i for i, tap in enumerate(seen)}
    return placed(xp, axes, lambda tap, *p: p[number[tap]], *parts, fills=(0,) * len(parts))


# Means


def _counts(axes: Sequence[Axis], dtype: Any) -> Any:
    """How many elements each window covers, without the padding."""
    result = np.ones((), dtype)
    for a in axes:
        starts = np.arange(a.count) * a.stride - a.before
        inside = np.minimum(starts + a.window, a.size) - np.maximum(starts, 0)
        result = result[..., None] * inside.astype(dtype)
    return result


@mats.widened
def means(xp: Any, x: Any, *, axes: Sequence[Axis]) -> Any:
    """The mean of each window."""
    if not is_cpu(xp):
        total = _reduced(xp, x, axes, "add")
    else:
        total = _axis_by_axis(xp, x, axes, xp.add, lambda a, i: a.sum(axis=i, keepdims=True), 0)
    return total / _counts(axes, x.dtype)


@mats.widened
def mean_gradient(xp: Any, grad: Any, *, axes: Sequence[Axis]) -> Any:
    """The gradient of `means` for its input."""
    result = grad / _counts(axes, grad.dtype)
    for i, axis in enumerate(axes):
        if axis.window == axis.stride == 1:
            continue
        alone = [_whole(result.shape[j + 1]) if j != i else axis for j in range(len(axes))]
        result = _sum_spread(xp, result, alone, i)
    return result


def _sum_spread(xp: Any, x: Any, axes: Sequence[Axis], moved: int) -> Any:
    """Each element added to all positions of its window along one axis."""
    axis = axes[moved]
    if axis.count == 1:
        covered = axis.window - axis.before
        x = xp.repeat(x, min(covered, axis.size), axis=moved + 1)
        missing = [(0, 0)] * x.ndim
        missing[moved + 1] = (0, axis.size - min(covered, axis.size))
        return xp.pad(x, missing)
    if xp is not np and (axis.window > LONG or not is_cpu(xp)):
        import jax

        like = xp.zeros((x.shape[0], *(a.size for a in axes)), x.dtype)
        return jax.linear_transpose(lambda a: _reduced(xp, a, axes, "add"), like)(x)[0]
    return placed(xp, axes, lambda tap, part: part, x)
