"""Convolutions of any number of space axes and their two gradients, in NumPy and for XLA.

All three take the windows of the forward convolution (`Geometry`). Filters are [window..., depth, filters];
when the input has a multiple of the filters' depth, it is split in groups. In NumPy each tap of the window is
one matrix product. For XLA they are `lax` convolutions, or, on the CPU, what was faster for the shape: the
rule is at the head of that part.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.graph.checks import fail, require
from reflow.ops import library_convolution
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

LETTERS = "DHW"


@dataclass(frozen=True)
class Geometry:
    """The windows of a convolution: sizes in the order of `data_format`."""

    data_format: str
    axes: tuple[Axis, ...]
    batch: int
    depth: int
    filters: int
    groups: int

    @property
    def window(self) -> tuple[int, ...]:
        return tuple(a.window for a in self.axes)

    @property
    def counts(self) -> tuple[int, ...]:
        return tuple(a.count for a in self.axes)

    @property
    def inputs(self) -> tuple[int, ...]:
        """The sizes of the input, channels last."""
        return (self.batch, *(a.size for a in self.axes), self.depth)

    @property
    def outputs(self) -> tuple[int, ...]:
        """The sizes of the output, channels last."""
        return (self.batch, *self.counts, self.filters)

    @property
    def kernel(self) -> tuple[int, ...]:
        """The sizes of the filters."""
        return (*self.window, self.depth // self.groups, self.filters)

    @property
    def is_empty(self) -> bool:
        return 0 in (*self.inputs, *self.outputs, *self.kernel)

    @property
    def layout(self) -> str:
        """The layout of inputs and outputs as JAX spells it."""
        return "".join(arranged("N", LETTERS[-len(self.axes) :], "C", self.data_format))


@dataclass(frozen=True)
class Settings:
    """The attributes of a convolution."""

    strides: list[int]
    padding: str
    data_format: str
    dilations: list[int]
    explicit_paddings: Sequence[int] = ()

    def geometry(self, op_type: str, inputs: Sequence[int], kernel: Sequence[int]) -> Geometry:
        """The windows for an input and filters of these sizes; refuses those that do not fit."""
        rank = len(self.strides)
        _check_ranks(op_type, inputs, kernel, rank)
        _check_outer(self.strides, self.data_format, "strides")
        _check_outer(self.dilations, self.data_format, "dilations")
        depth, part = depth_of(inputs, self.data_format), kernel[-2]
        if part == 0 or depth % part or kernel[-1] % max(1, depth // part):
            fail(f"input depth must be evenly divisible by filter depth: {depth} vs {part}")
        axes = []
        for i, size in enumerate(space_of(inputs, self.data_format)):
            stride, rate = (
                space_of(values, self.data_format)[i] for values in (self.strides, self.dilations)
            )
            axes.append(fit(size, kernel[i], stride, rate, self.padding, self.ends[i]))
        return Geometry(self.data_format, tuple(axes), inputs[0], depth, kernel[-1], max(1, depth // part))

    @property
    def ends(self) -> tuple[tuple[int, int], ...]:
        """The explicit padding of the space axes."""
        values = list(self.explicit_paddings) or [0] * (2 * len(self.strides))
        pairs = [(values[2 * i], values[2 * i + 1]) for i in range(len(self.strides))]
        return space_of(pairs, self.data_format)


def _check_ranks(op_type: str, inputs: Sequence[int], kernel: Sequence[int], rank: int) -> None:
    for name, sizes in (("input", inputs), ("filter", kernel)):
        if len(sizes) != rank:
            shown = ",".join(map(str, sizes))
            fail(f"{op_type}: {name} must be {rank}-dimensional: [{shown}]")


def _check_outer(values: Sequence[int], data_format: str, what: str) -> None:
    if values[0] != 1 or depth_of(values, data_format) != 1:
        fail(f"Current implementation does not yet support {what} in the batch and depth dimensions.")


def check_output(op_type: str, geometry: Geometry, grad: Any) -> None:
    """Refuse a gradient that is not of the size of the convolution's output."""
    wanted = arranged(geometry.batch, geometry.counts, geometry.filters, geometry.data_format)
    if tuple(grad.shape) != wanted:
        shown = ",".join(map(str, wanted))
        fail(f"{op_type}: out_backprop must have shape [{shown}], that of the output, got {mats.shown(grad)}")


# NumPy


def _grouped(function: Any, geometry: Geometry, x: Any, w: Any, x_axis: int = -1) -> Any:
    """`function(x, w)` for each group of channels; the filters are split along their last axis."""
    parts = zip(np.split(x, geometry.groups, axis=x_axis), np.split(w, geometry.groups, axis=-1), strict=True)
    return np.concatenate([function(a, b) for a, b in parts], axis=-1)


def _forward(geometry: Geometry, x: Any, w: Any) -> Any:
    out = np.zeros((geometry.batch * math.prod(geometry.counts), w.shape[-1]), x.dtype)
    for tap, seen in zip(taps(geometry.axes), slices(np, x, geometry.axes), strict=True):
        out += seen.reshape(-1, w.shape[-2]) @ w[tap]
    return out.reshape(*geometry.outputs[:-1], -1)


def _to_input(geometry: Geometry, grad: Any, w: Any) -> Any:
    rows = grad.reshape(-1, grad.shape[-1])

    def part(tap: tuple[int, ...], rows: Any) -> Any:
        return (rows @ w[tap].T).reshape(*geometry.outputs[:-1], -1)

    return placed(np, geometry.axes, part, rows)


def _to_filter(geometry: Geometry, x: Any, grad: Any) -> Any:
    rows = grad.reshape(-1, grad.shape[-1])
    seen = [s.reshape(-1, x.shape[-1]).T @ rows for s in slices(np, x, geometry.axes)]
    return np.stack(seen).reshape(*geometry.window, x.shape[-1], -1)


def forward(geometry: Geometry, x: Any, w: Any) -> Any:
    """The convolution, by NumPy. Arrays are in the layout of the geometry."""
    x = channels_last(np, x, geometry.data_format)
    out = _grouped(lambda a, b: _forward(geometry, a, b), geometry, x, w)
    return np.ascontiguousarray(as_format(np, out, geometry.data_format))


def to_input(geometry: Geometry, w: Any, grad: Any) -> Any:
    """The gradient for the input, by NumPy."""
    grad = channels_last(np, grad, geometry.data_format)
    out = _grouped(lambda a, b: _to_input(geometry, a, b), geometry, grad, w)
    return np.ascontiguousarray(as_format(np, out, geometry.data_format))


def to_filter(geometry: Geometry, x: Any, grad: Any) -> Any:
    """The gradient for the filters, by NumPy."""
    x = channels_last(np, x, geometry.data_format)
    grad = channels_last(np, grad, geometry.data_format)
    return _grouped(lambda a, b: _to_filter(geometry, a, b), geometry, x, grad)


# XLA. On the CPU oneDNN computes nearly all, where it is installed (`library_convolution`). Else another form
# takes the place of a `lax` convolution where it was measured to be faster
# (float32, two cores with AVX-512): XLA's convolutions want deep inputs and strides of 1.
#
# - Forward: an input of one channel is a sum over the taps (3 to 7 times as fast); one of up to `SHALLOW`
#   channels under a window of up to `FEW_TAPS` taps is a product of the windows' columns (1.5 to 2.3 times).
# - To the input: with strides, or for up to `SHALLOW` channels, one product and shifted sums (1.2 to 3
#   times), as long as strides do not leave the product more than `SPREAD` times as large as the input.
# - To the filters: of one tap, a product (2 to 4 times).

SHALLOW = 4  # channels
FEW_TAPS = 9
SPREAD = 8


def _settled(jnp: Any, x: Any) -> Any:
    """`x`, which XLA computes once on the CPU: it repeats what is cheap in each of its uses, but no division.

    The uses of a convolution's input are the convolution and its filter gradient, for which XLA transposes
    it: a slow place for repeating what comes before, as the activation or a batch normalization.
    """
    return x / jnp.where(x != x, x, jnp.ones((), x.dtype)) if is_cpu(jnp) else x


def _filter_layout(geometry: Geometry) -> str:
    return LETTERS[-len(geometry.axes) :] + "IO"


def xla_forward(geometry: Geometry, x: Any, w: Any) -> Any:
    """The convolution, for XLA."""
    import jax.numpy as jnp

    if library_convolution.takes(jnp, "forward", geometry, x.dtype):
        return library_convolution.convolution(jnp, "forward", geometry, x, w)
    if is_cpu(jnp) and geometry.groups == 1:
        if geometry.depth == 1 and tap_count(geometry.axes) <= UNROLLED:
            return _single_depth(jnp, geometry, x, w)
        if geometry.depth <= SHALLOW and tap_count(geometry.axes) <= FEW_TAPS:
            return _columns(jnp, geometry, x, w)
    return _lax_forward(geometry, x, w)


def _single_depth(jnp: Any, geometry: Geometry, x: Any, w: Any) -> Any:
    """A sum over the taps: XLA makes one loop of it."""
    seen = slices(jnp, channels_last(jnp, x, geometry.data_format), geometry.axes)
    parts = [part * w[tap][0] for tap, part in zip(taps(geometry.axes), seen, strict=True)]
    return as_format(jnp, _settled(jnp, functools.reduce(operator.add, parts)), geometry.data_format)


def _columns(jnp: Any, geometry: Geometry, x: Any, w: Any) -> Any:
    """What the windows see side by side, times the filters."""
    seen = slices(jnp, channels_last(jnp, x, geometry.data_format), geometry.axes)
    out = jnp.concatenate(list(seen), axis=-1) @ w.reshape(-1, geometry.filters)
    return as_format(jnp, out, geometry.data_format)


def _lax_forward(geometry: Geometry, x: Any, w: Any) -> Any:
    import jax.numpy as jnp
    from jax import lax

    axes = geometry.axes
    return lax.conv_general_dilated(
        _settled(jnp, x),
        w,
        [a.stride for a in axes],
        [(a.before, a.after) for a in axes],
        rhs_dilation=[a.rate for a in axes],
        dimension_numbers=(geometry.layout, _filter_layout(geometry), geometry.layout),
        feature_group_count=geometry.groups,
    )


def xla_to_input(geometry: Geometry, w: Any, grad: Any) -> Any:
    """The gradient for the input, for XLA."""
    import jax.numpy as jnp

    if library_convolution.takes(jnp, "to_input", geometry, w.dtype):
        return library_convolution.convolution(jnp, "to_input", geometry, w, grad)
    if is_cpu(jnp) and geometry.groups == 1 and _is_product_cheap(geometry):
        return _product_to_input(jnp, geometry, w, grad)
    return _lax_to_input(geometry, w, grad)


def _lax_to_input(geometry: Geometry, w: Any, grad: Any) -> Any:
    """A convolution of the spread gradient with the turned filters."""
    import jax.numpy as jnp
    from jax import lax

    axes, groups = geometry.axes, geometry.groups
    turned = jnp.flip(w, tuple(range(len(axes))))
    turned = turned.reshape(*geometry.window, -1, groups, geometry.filters // groups)
    turned = jnp.swapaxes(turned, -1, -3).reshape(*geometry.window, -1, geometry.depth)
    ends = []
    for a in axes:
        low, length = a.spread - 1 - a.before, (a.count - 1) * a.stride + 1
        ends.append((low, a.size + a.spread - 1 - length - low))
    return lax.conv_general_dilated(
        _settled(jnp, grad),
        turned,
        [1] * len(axes),
        ends,
        lhs_dilation=[a.stride for a in axes],
        rhs_dilation=[a.rate for a in axes],
        dimension_numbers=(geometry.layout, _filter_layout(geometry), geometry.layout),
        feature_group_count=groups,
    )


def _is_product_cheap(geometry: Geometry) -> bool:
    count, strides = tap_count(geometry.axes), math.prod(a.stride for a in geometry.axes)
    if count > UNROLLED:
        return False
    return geometry.depth <= SHALLOW if strides == 1 else count <= SPREAD * strides


def _product_to_input(jnp: Any, geometry: Geometry, w: Any, grad: Any) -> Any:
    """One product gives what every tap adds to the input; then the parts are put in their places."""
    grad = channels_last(jnp, grad, geometry.data_format)
    parts = grad @ w.reshape(-1, geometry.filters).T
    parts = parts.reshape(*geometry.outputs[:-1], tap_count(geometry.axes), geometry.depth)
    number = {tap: i for i, tap in enumerate(taps(geometry.axes))}
    total = placed(jnp, geometry.axes, lambda tap, p: p[..., number[tap], :], parts)
    return as_format(jnp, total, geometry.data_format)


def xla_to_filter(geometry: Geometry, x: Any, grad: Any) -> Any:
    """The gradient for the filters, for XLA."""
    import jax.numpy as jnp

    if library_convolution.takes(jnp, "to_filter", geometry, x.dtype):
        return library_convolution.convolution(jnp, "to_filter", geometry, x, grad)
    if tap_count(geometry.axes) == geometry.groups == 1 and is_cpu(jnp):
        return _one_tap(jnp, geometry, x, grad)
    return _lax_to_filter(geometry, x, grad)


def _lax_to_filter(geometry: Geometry, x: Any, grad: Any) -> Any:
    """A convolution over the batch, whose windows are as large as the output."""
    import jax.numpy as jnp
    from jax import lax

    axes = geometry.axes
    letters = LETTERS[-len(axes) :]
    ends = [
        (a.before, (a.window - 1) * a.rate + (a.count - 1) * a.stride + 1 - a.size - a.before) for a in axes
    ]
    swapped = {"N": "C", "C": "N"}
    return lax.conv_general_dilated(
        _settled(jnp, x),
        _settled(jnp, grad),
        [a.rate for a in axes],
        ends,
        rhs_dilation=[a.stride for a in axes],
        dimension_numbers=(
            "".join(swapped.get(c, c) for c in geometry.layout),
            geometry.layout.replace("N", "I").replace("C", "O"),
            letters + "NC",
        ),
        batch_group_count=geometry.groups,
    )


def _one_tap(jnp: Any, geometry: Geometry, x: Any, grad: Any) -> Any:
    x = channels_last(jnp, x, geometry.data_format)
    rows = channels_last(jnp, grad, geometry.data_format).reshape(-1, geometry.filters)
    seen = next(slices(jnp, x, geometry.axes)).reshape(-1, geometry.depth)
    return (seen.T @ rows).reshape(geometry.kernel)


# The kernels of the ops


def convolution_kernel(op_type: str) -> Any:
    """The kernel of a forward convolution."""

    @mats.widened
    def kernel(xp: Any, x: Any, w: Any, *, settings: Settings) -> Any:
        geometry = settings.geometry(op_type, x.shape, w.shape)
        if geometry.is_empty:
            sizes = arranged(geometry.batch, geometry.counts, geometry.filters, geometry.data_format)
            return xp.zeros(sizes, x.dtype)
        return (forward if xp is np else xla_forward)(geometry, x, w)

    return kernel


def input_kernel(op_type: str) -> Any:
    """The kernel of the gradient for the input, whose sizes are its first argument."""

    @mats.widened
    def compute(xp: Any, w: Any, grad: Any, *, sizes: tuple[int, ...], settings: Settings) -> Any:
        geometry = settings.geometry(op_type, sizes, w.shape)
        check_output(op_type, geometry, grad)
        if geometry.is_empty:
            return xp.zeros(sizes, grad.dtype)
        return (to_input if xp is np else xla_to_input)(geometry, w, grad)

    def kernel(xp: Any, sizes: Any, w: Any, grad: Any, *, settings: Settings) -> Any:
        return compute(xp, w, grad, sizes=_sizes(xp, sizes), settings=settings)

    return kernel


def filter_kernel(op_type: str) -> Any:
    """The kernel of the gradient for the filters, whose sizes are its second argument."""

    @mats.widened
    def compute(xp: Any, x: Any, grad: Any, *, sizes: tuple[int, ...], settings: Settings) -> Any:
        geometry = settings.geometry(op_type, x.shape, sizes)
        check_output(op_type, geometry, grad)
        if geometry.is_empty:
            return xp.zeros(sizes, grad.dtype)
        return (to_filter if xp is np else xla_to_filter)(geometry, x, grad)

    def kernel(xp: Any, x: Any, sizes: Any, grad: Any, *, settings: Settings) -> Any:
        return compute(xp, x, grad, sizes=_sizes(xp, sizes), settings=settings)

    return kernel


def _sizes(xp: Any, sizes: Any) -> tuple[int, ...]:
    require(xp, sizes.ndim == 1, "The sizes must be a vector, not of shape {}", mats.shown(sizes))
    return tuple(int(s) for s in sizes)


def with_settings(kernel: Any) -> Any:
    """A kernel as the registry wants it: the op's attributes by name."""

    def run(
        xp: Any,
        *inputs: Any,
        strides: list[int],
        padding: str,
        dilations: list[int],
        data_format: str,
        explicit_paddings: Sequence[int] = (),
    ) -> Any:
        settings = Settings(strides, padding, data_format, dilations, explicit_paddings)
        return kernel(xp, *inputs, settings=settings)

    return run
