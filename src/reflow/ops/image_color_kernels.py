"""Kernels of color ops: spaces of colors, and adjustments. The last dimension holds red, green and blue."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats

# The categories of a hue: which color is greatest (0), in the middle (1) and least (2).
ORDERS = np.array([[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0], [2, 0, 1], [0, 2, 1]])


def _check_space(xp: Any, images: Any) -> None:
    require(xp, images.ndim >= 1, "input must be at least 1D{}", mats.shown(images))
    message = "input must have 3 channels but input only has {} channels."
    require(xp, images.shape[-1] == 3, message, images.shape[-1], error=errors.FailedPreconditionError)


def _check_image(xp: Any, images: Any, name: str, scalar: Any, colors: bool = True) -> None:
    require(xp, images.ndim >= 3, "input must be at least 3-D, got shape{}", mats.shown(images))
    require(xp, scalar.ndim == 0, "{} must be scalar: {}", name, mats.shown(scalar))
    ok = images.shape[-1] == 3 or not colors
    require(xp, ok, "input must have 3 channels but instead has {} channels.", images.shape[-1])


def _channels(x: Any) -> tuple[Any, Any, Any]:
    return x[..., 0], x[..., 1], x[..., 2]


def _ratio(xp: Any, over: Any, under: Any) -> Any:
    """over / under, 0 where `under` is 0."""
    safe = xp.where(under > 0, under, xp.ones_like(under))
    return xp.where(under > 0, over / safe, xp.zeros_like(under))


@mats.widened
def _to_hsv(xp: Any, images: Any) -> Any:
    _check_space(xp, images)
    number = images.dtype.type
    red, green, blue = _channels(images)
    value = xp.max(images, axis=-1)
    span = value - xp.min(images, axis=-1)
    saturation = _ratio(xp, span, value)
    norm = _ratio(xp, xp.ones_like(span), span * number(6))
    third = number(1 / 3)
    hue = xp.where(
        red == value,
        norm * (green - blue),
        xp.where(green == value, norm * (blue - red) + third, norm * (red - green) + number(2) * third),
    )
    hue = xp.where(span > 0, hue, xp.zeros_like(hue))
    hue = xp.where(hue < 0, hue + number(1), hue)
    return xp.stack([hue, saturation, value], axis=-1)


@mats.widened
def _from_hsv(xp: Any, images: Any) -> Any:
    _check_space(xp, images)
    number = images.dtype.type
    hue, saturation, value = _channels(images)
    sixth = hue * number(6)
    red = xp.clip(xp.abs(sixth - number(3)) - number(1), 0, 1)
    green = xp.clip(number(2) - xp.abs(sixth - number(2)), 0, 1)
    blue = xp.clip(number(2) - xp.abs(sixth - number(4)), 0, 1)
    gray = number(1) - saturation
    return xp.stack([(gray + saturation * c) * value for c in (red, green, blue)], axis=-1)


def _hue_parts(xp: Any, images: Any) -> tuple[Any, Any, Any]:
    """The hue in 0..6, the least and the greatest of the three colors."""
    red, green, blue = _channels(images)
    first = xp.where(blue < red, 1, xp.where(blue > green, 3, 2))
    second = xp.where(blue < green, 0, xp.where(blue > red, 4, 5))
    category = xp.where(red < green, first, second)
    least, greatest = xp.min(images, axis=-1), xp.max(images, axis=-1)
    middle = xp.maximum(xp.minimum(red, green), xp.minimum(xp.maximum(red, green), blue))
    ratio = _ratio(xp, middle - least, greatest - least)
    hue = category.astype(images.dtype) + xp.where(category % 2 == 0, ratio, 1 - ratio)
    return xp.where(greatest == least, xp.zeros_like(hue), hue), least, greatest


def _from_hue(xp: Any, hue: Any, least: Any, greatest: Any) -> Any:
    category = hue.astype(np.int32)
    ratio = hue - category.astype(hue.dtype)
    ratio = xp.where(category % 2 == 0, ratio, 1 - ratio)
    middle = least + ratio * (greatest - least)
    ranks = xp.asarray(np.argsort(ORDERS, axis=1))[xp.clip(category, 0, 5)]
    parts = [greatest[..., None], middle[..., None], least[..., None]]
    return xp.where(ranks == 0, parts[0], xp.where(ranks == 1, parts[1], parts[2]))


@mats.widened
def _adjusted_hue(xp: Any, images: Any, delta: Any) -> Any:
    _check_image(xp, images, "delta", delta)
    hue, least, greatest = _hue_parts(xp, images)
    turn = images.dtype.type(6)
    hue = hue + delta.astype(images.dtype) * turn
    hue = hue - turn * xp.floor(hue / turn)
    hue = xp.where(hue >= turn, hue - turn, hue)
    return _from_hue(xp, hue, least, greatest)


@mats.widened
def _adjusted_saturation(xp: Any, images: Any, scale: Any) -> Any:
    _check_image(xp, images, "scale", scale)
    hsv = _to_hsv(xp, images)
    hue, saturation, value = _channels(hsv)
    saturation = xp.clip(saturation * scale.astype(images.dtype), 0, 1)
    return _from_hsv(xp, xp.stack([hue, saturation, value], axis=-1))


@mats.widened
def _adjusted_contrast(xp: Any, images: Any, factor: Any) -> Any:
    _check_image(xp, images, "contrast_factor", factor, colors=False)
    mean = xp.mean(images, axis=(-3, -2), keepdims=True, dtype=images.dtype)
    return (images - mean) * factor.astype(images.dtype) + mean


# Shapes and gradients


def _colored(node: Any) -> TensorShape:
    """Shape rule: the input's shape, whose last dimension must be 3."""
    dims = mats.at_least(node.inputs[0].shape, 1)
    if dims is None:
        return node.inputs[0].shape  # type: ignore[no-any-return]
    if dims[-1] not in (3, None):
        raise ValueError(f"Dimension must be 3 but is {dims[-1]}")
    return TensorShape.of((*dims[:-1], 3))


def _at_least_3d(node: Any) -> TensorShape:
    mats.at_least(node.inputs[0].shape, 3)
    return node.inputs[0].shape  # type: ignore[no-any-return]


# The derivative of the hue, saturation and value: which color is the greatest and which the least decides.
# Tables over red, green and blue, as comparisons of two colors.

GREATEST = (((0, ">=", 2), (0, ">=", 1)), ((1, ">", 0), (1, ">=", 2)), ((2, ">", 0), (2, ">", 1)))
LEAST = (((0, "<", 2), (0, "<", 1)), ((1, "<=", 0), (1, "<", 2)), ((2, "<=", 0), (2, "<=", 1)))
OTHERS = ((1, 2), (0, 2), (1, 0))
COMPARE = {">=": operator.ge, ">": operator.gt, "<": operator.lt, "<=": operator.le}
# Of the hue for each color: its derivative's numerator where that color is the greatest, and the other cases:
# (the greatest, the least, numerator or None for 1, negative, denominator; squared with a numerator).
HUE_OWN = ((1, 2), (2, 0), (0, 1))
HUE_OTHER = (
    (
        (1, 0, (2, 1), False, (0, 1)),
        (1, 2, None, True, (1, 2)),
        (2, 0, (2, 1), False, (2, 0)),
        (2, 1, None, False, (2, 1)),
    ),
    (
        (0, 1, (0, 2), False, (0, 1)),
        (0, 2, None, False, (0, 2)),
        (2, 1, (0, 2), False, (2, 1)),
        (2, 0, None, True, (2, 0)),
    ),
    (
        (0, 2, (1, 0), False, (0, 2)),
        (0, 1, None, True, (0, 1)),
        (1, 2, (1, 0), False, (1, 2)),
        (1, 0, None, False, (1, 0)),
    ),
)


def _reciprocal(x: Any) -> Any:
    """1 / x, or 0 where x is 0."""
    with name_scope("div_no_nan", values=[1.0, x]) as scope:
        one = convert_to_tensor(1.0, name="x", dtype=x.dtype.base_dtype)
        return emit("DivNoNan", one, x, name=scope)


class _Slopes:
    """The derivatives of hue, saturation and value for each color of `images`."""

    def __init__(self, images: Any, hsv: Any) -> None:
        self.type = images.dtype.base_dtype
        self.colors = [images[..., i] for i in range(3)]
        self.saturation, self.value = hsv[..., 1], hsv[..., 2]
        self.greatest = [self._flag(row) for row in GREATEST]
        self.least = [self._flag(row) for row in LEAST]

    def _flag(self, row: Any) -> Any:
        first, second = (COMPARE[sign](self.colors[i], self.colors[j]) for i, sign, j in row)
        return blocks.cast(first & second, self.type)

    def _positive(self, color: int) -> Any:
        return blocks.cast(self.colors[color] > 0, self.type)

    def _difference(self, pair: tuple[int, int]) -> Any:
        return self.colors[pair[0]] - self.colors[pair[1]]

    def of_saturation(self, color: int) -> Any:
        p, q = OTHERS[color]
        colors, greatest, least = self.colors, self.greatest, self.least
        positive = self._positive(color)
        low = emit("Add", least[p] * colors[p], least[q] * colors[q])
        own = greatest[color] * low * _reciprocal(emit("Square", colors[color]))
        lower = least[color] * -1
        other = lower * _reciprocal(greatest[p] * colors[p] + greatest[q] * colors[q])
        return positive * emit("Add", own, other)

    def of_hue(self, color: int) -> Any:
        total = self._hue_as_greatest(color)
        cases = [self._hue_otherwise(*row) for row in HUE_OTHER[color]]
        for case in cases:
            total = total + case
        return total / 360

    def _hue_as_greatest(self, color: int) -> Any:
        flags = self._positive(color) * self.greatest[color] * -1
        slope = flags * self._difference(HUE_OWN[color]) * _reciprocal(emit("Square", self.saturation))
        return 60 * (slope * _reciprocal(emit("Square", self.value)))

    def _hue_otherwise(
        self, greatest: int, least: int, over: tuple[int, int] | None, negative: bool, under: tuple[int, int]
    ) -> Any:
        slope = self._positive(greatest) * self.greatest[greatest] * self.least[least]
        if over is not None:
            slope = slope * self._difference(over)
            return 60 * (slope * _reciprocal(emit("Square", self._difference(under))))
        if negative:
            slope = slope * -1
        return 60 * (slope * _reciprocal(self._difference(under)))


def _to_hsv_gradient(op: Any, grad: Any) -> Any:
    slopes = _Slopes(op.inputs[0], op.outputs[0])
    saturation = [slopes.of_saturation(i) for i in range(3)]
    hue = [slopes.of_hue(i) for i in range(3)]
    parts = [
        blocks.stack([grad[..., place] * slope for slope in own], -1)
        for place, own in ((2, slopes.greatest), (1, saturation), (0, hue))
    ]
    return emit("Add", emit("Add", parts[0], parts[1]), parts[2])


register("RGBToHSV", shape=_colored, kernel=_to_hsv, gradient=_to_hsv_gradient)
register("HSVToRGB", shape=_colored, kernel=_from_hsv, gradient=None)
register("AdjustHue", shape=_at_least_3d, kernel=_adjusted_hue)
register("AdjustSaturation", shape=_at_least_3d, kernel=_adjusted_saturation)
register("AdjustContrastv2", shape=_at_least_3d, kernel=_adjusted_contrast)
