"""Grayscale morphology on images: `dilation2d`, `erosion2d`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.graph import emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.graph.shapes import like_input
from reflow.ops import matrix_shapes as mats
from reflow.ops.deprecation import renamed
from reflow.ops.pooling_kernels import lowest
from reflow.ops.windows import Axis, fit, placed, slices, taps

LAYOUT = "NHWC"


def _shape(node: Any) -> TensorShape:
    strides, rates = node.attrs["strides"], node.attrs["rates"]
    for name, values in (("strides", strides), ("rates", rates)):
        if len(values) != 4:
            raise ValueError(
                f"Dilation2D requires the {name} attribute to contain 4 values, but got: {len(values)}"
            )
    inputs, kernel = mats.ranked(node.inputs[0].shape, 4), mats.ranked(node.inputs[1].shape, 3)
    depth = mats.same(inputs[3], kernel[2])
    sizes = [_count(inputs[i], kernel[i - 1], strides[i], rates[i], node.attrs["padding"]) for i in (1, 2)]
    return TensorShape.of((inputs[0], *sizes, depth))


def _count(size: int | None, window: int | None, stride: int, rate: int, padding: str) -> int | None:
    """How many windows fit, as far as it is known; none is no mistake here."""
    if stride <= 0:
        raise ValueError(f"Stride must be > 0, but got {stride}")
    if size is None or window is None:
        return None
    if padding == "SAME":
        return -(-size // stride)
    count = (size - (window - 1) * rate - 1 + stride) // stride
    if count < 0:
        raise ValueError(f"Computed output size would be negative: {count}")
    return count


def _axes(
    xp: Any, x: Any, w: Any, strides: Sequence[int], rates: Sequence[int], padding: str
) -> tuple[Axis, ...]:
    require(xp, x.ndim == 4, "input must be 4-dimensional: {}", mats.shown(x))
    require(xp, w.ndim == 3, "filter must be 3-dimensional: {}", mats.shown(w))
    same = x.shape[3] == w.shape[2]
    require(xp, same, "input and filter must have the same depth: {} vs {}", x.shape[3], w.shape[2])
    for name, values in (("Stride", strides), ("Rate", rates)):
        if values[0] != 1 or values[3] != 1:
            fail(f"{name} is only supported across spatial dimensions.")
    return tuple(fit(x.shape[i], w.shape[i - 1], strides[i], rates[i], padding) for i in (1, 2))


def _raised(xp: Any, x: Any, w: Any, axes: Sequence[Axis]) -> list[Any]:
    """What each tap sees, plus the filter's value there."""
    seen = zip(taps(axes), slices(xp, x, axes, lowest(x.dtype)), strict=True)
    return [view + w[tap] for tap, view in seen]


def _forward(xp: Any, x: Any, w: Any, *, strides: list[int], rates: list[int], padding: str) -> Any:
    axes = _axes(xp, x, w, strides, rates, padding)
    sizes = (x.shape[0], *(a.count for a in axes), x.shape[3])
    if 0 in (*sizes, *w.shape):
        return xp.full(sizes, lowest(x.dtype), x.dtype)
    if x.dtype.kind in "iu":
        return _integers(xp, x, w, axes)
    return functools.reduce(xp.maximum, _raised(xp, x, w, axes))


def _integers(xp: Any, x: Any, w: Any, axes: Sequence[Axis]) -> Any:
    """Integers have no value that stays the least when something is added: the padding is marked instead."""
    inside = slices(xp, xp.ones(x.shape, bool), axes, False)
    seen = zip(taps(axes), slices(xp, x, axes), inside, strict=True)
    low = xp.asarray(lowest(x.dtype), x.dtype)
    return functools.reduce(xp.maximum, [xp.where(ok, view + w[tap], low) for tap, view, ok in seen])


def _winners(xp: Any, x: Any, w: Any, axes: Sequence[Axis]) -> Any:
    """The number of the first tap of each window that gives its maximum."""
    raised = _raised(xp, x, w, axes)
    best = functools.reduce(xp.maximum, raised)
    codes = xp.zeros(best.shape, np.int32)
    for number, each in reversed(list(enumerate(raised))):
        codes = xp.where(each == best, np.int32(number), codes)
    return codes


def _to_input(
    xp: Any, x: Any, w: Any, grad: Any, *, strides: list[int], rates: list[int], padding: str
) -> Any:
    axes = _axes(xp, x, w, strides, rates, padding)
    if 0 in (*x.shape, *grad.shape, *w.shape):
        return xp.zeros(x.shape, x.dtype)
    codes = _winners(xp, x, w, axes)
    number = {tap: i for i, tap in enumerate(taps(axes))}

    def part(tap: tuple[int, ...], codes: Any, grad: Any) -> Any:
        return xp.where(codes == np.int32(number[tap]), grad, xp.zeros((), grad.dtype))

    return placed(xp, axes, part, codes, grad, fills=(-1, 0))


def _to_filter(
    xp: Any, x: Any, w: Any, grad: Any, *, strides: list[int], rates: list[int], padding: str
) -> Any:
    axes = _axes(xp, x, w, strides, rates, padding)
    if 0 in (*x.shape, *grad.shape, *w.shape):
        return xp.zeros(w.shape, w.dtype)
    codes = _winners(xp, x, w, axes)
    zero = xp.zeros((), grad.dtype)
    sums = [
        xp.where(codes == np.int32(i), grad, zero).sum(axis=(0, 1, 2), dtype=grad.dtype)
        for i in range(w.shape[0] * w.shape[1])
    ]
    return xp.stack(sums).reshape(w.shape)


def _gradient(node: Any, grad: Any) -> list[Any]:
    x, w = node.inputs
    attrs = {name: node.attrs[name] for name in ("strides", "rates", "padding")}
    return [
        emit("Dilation2DBackpropInput", x, w, grad, **attrs),
        emit("Dilation2DBackpropFilter", x, w, grad, **attrs),
    ]


register("Dilation2DBackpropInput", shape=like_input(0), kernel=_to_input, gradient=None)
register("Dilation2DBackpropFilter", shape=like_input(1), kernel=_to_filter, gradient=None)


@op("Dilation2D", shape=_shape, kernel=_forward, gradient=_gradient)
def dilation2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: str | None = None,
    name: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """Grayscale dilation: the maximum, over each window, of the image plus the structuring function.

    Args:
        input: [batch, height, width, depth] of a real type.
        filter: [height, width, depth], the structuring function; `filters` is another name.
        strides: four numbers: how far apart windows are.
        rates: four numbers: how far apart a window's elements are; `dilations` is another name.
        padding: "SAME" or "VALID".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w, ones = tf.reshape(tf.range(4.0), [1, 2, 2, 1]), tf.zeros([2, 2, 1]), [1, 1, 1, 1]
    ...     print(sess.run(tf.nn.dilation2d(x, w, ones, ones, "VALID")).ravel())
    [3.]
    """
    filter = renamed("filters", filters, "filter", filter)
    rates = renamed("dilations", dilations, "rates", rates)
    attrs = {"strides": strides, "rates": rates, "padding": padding}
    return emit("Dilation2D", input, filter, name=name, **attrs)  # type: ignore[no-any-return]


def erosion2d(
    value: Any, kernel: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """Grayscale erosion: the minimum, over each window, of the image less the structuring function.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w, ones = tf.reshape(tf.range(5.0, 9.0), [1, 2, 2, 1]), tf.zeros([2, 2, 1]), [1] * 4
    ...     print(sess.run(tf.nn.erosion2d(x, w, ones, ones, "VALID")).ravel())
    [5.]
    """
    with name_scope(name, "erosion2d", [value, kernel]) as scope:
        negative = emit("Neg", value)
        turned = emit("ReverseV2", kernel, [0, 1])
        attrs = {"strides": strides, "rates": rates, "padding": padding}
        return emit("Neg", emit("Dilation2D", negative, turned, name=scope, **attrs))  # type: ignore[no-any-return]
