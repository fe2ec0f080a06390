"""Ops that resize images: bilinear, nearest neighbor, bicubic and area, with TensorFlow 1's corner rules.

Every kind works along rows and columns one after the other. What an axis needs is a table made from the two
sizes: for each place of the result the places of the input that count, and their weights. `_Scale` holds the
rule for where a place of the result lies in the input:

- by default at i * input / output, so that the first pixels coincide (and the image moves a little);
- with `align_corners` at i * (input - 1) / (output - 1): the corner pixels' centres coincide;
- with `half_pixel_centers` at (i + 1/2) * input / output - 1/2: the images' areas coincide.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.graph import emit
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats

SINGLE = np.float32
CUBIC_STEPS = 1024  # bicubic weights come from a table of so many steps between two pixels
TABLES = 512  # axis tables kept
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class _Scale:
    """How one axis of `source` pixels becomes one of `target` pixels."""

    source: int
    target: int
    align_corners: bool
    half_pixel_centers: bool

    @property
    def ratio(self) -> Any:
        """Input pixels for one pixel of the result."""
        if self.align_corners and self.target > 1:
            return SINGLE(self.source - 1) / SINGLE(self.target - 1)
        return SINGLE(self.source) / SINGLE(self.target)

    def places(self, shift: float = 0.5) -> Array:
        """Where each pixel of the result lies in the input, float32."""
        numbers = np.arange(self.target, dtype=SINGLE)
        if self.half_pixel_centers:
            numbers = numbers + SINGLE(0.5)
        places: Array = numbers * self.ratio
        return places - SINGLE(shift) if self.half_pixel_centers else places


# Tables of one axis


def _frozen(*arrays: Array) -> tuple[Array, ...]:
    for array in arrays:
        array.flags.writeable = False
    return arrays


@functools.lru_cache(TABLES)
def _between(scale: _Scale) -> tuple[Array, ...]:
    """The two pixels around each place and how far it is from the first."""
    places = scale.places()
    floor = np.floor(places)
    lower = np.clip(floor.astype(np.int64), 0, scale.source - 1)
    upper = np.clip(np.ceil(places).astype(np.int64), 0, scale.source - 1)
    return _frozen(lower, upper, places - floor)


@functools.lru_cache(TABLES)
def _closest(scale: _Scale) -> Array:
    """The pixel that each place takes."""
    places = scale.places(shift=0.0)
    # C's roundf: halves go up (places are not negative).
    found = np.floor(places + SINGLE(0.5)) if scale.align_corners else np.floor(places)
    return _frozen(np.clip(found.astype(np.int64), 0, scale.source - 1))[0]


@functools.cache
def _cubic_table(a: float) -> tuple[Array, ...]:
    """Weights of the nearer and of the farther pixel at a distance of 0..1 from the nearer one."""
    x = (np.arange(CUBIC_STEPS + 1) / CUBIC_STEPS).astype(SINGLE).astype(np.float64)
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    y = x + 1
    far = ((a * y - 5 * a) * y + 8 * a) * y - 4 * a
    return _frozen(near.astype(SINGLE), far.astype(SINGLE))


@functools.lru_cache(TABLES)
def _cubic(scale: _Scale) -> tuple[Array, ...]:
    """The four pixels around each place, [target, 4], and their weights."""
    places = scale.places()
    floor = np.floor(places)
    first = floor.astype(np.int64)
    step = np.rint((places - floor) * SINGLE(CUBIC_STEPS)).astype(np.int64)
    near, far = _cubic_table(-0.5 if scale.half_pixel_centers else -0.75)
    back = CUBIC_STEPS - step
    wanted = first[:, None] + np.arange(-1, 3)
    pixels = np.clip(wanted, 0, scale.source - 1)
    weights = np.stack([far[step], near[step], near[back], far[back]], axis=1)
    if scale.half_pixel_centers:  # pixels beyond the border do not count; otherwise the border's count again
        weights = np.where(wanted == pixels, weights, SINGLE(0))
        total = weights.sum(axis=1, keepdims=True, dtype=SINGLE)
        large = np.abs(total) >= 1000 * np.finfo(SINGLE).tiny
        weights = np.where(large, weights / np.where(large, total, SINGLE(1)), weights)
    return _frozen(pixels, weights.astype(SINGLE))


@functools.lru_cache(TABLES)
def _areas(scale: _Scale) -> Array:
    """[target, source]: how much of each pixel lies in each pixel of the result."""
    ratio = scale.ratio
    low = (np.arange(scale.target, dtype=SINGLE) * ratio)[:, None]
    high = (np.arange(1, scale.target + 1, dtype=SINGLE) * ratio)[:, None]
    reach = max(int(np.ceil(high).max()), scale.source)
    pixel = np.arange(reach, dtype=SINGLE)[None, :]
    over = pixel + 1 > high
    begun = np.where(over, ratio, pixel + 1 - low)
    whole = np.where(over, high - pixel, SINGLE(1))
    parts = np.where(pixel < low, begun, whole)
    parts = np.where((pixel >= np.floor(low)) & (pixel < np.ceil(high)), parts, SINGLE(0))
    parts[:, scale.source - 1] += parts[:, scale.source :].sum(axis=1)  # beyond the border: its pixel again
    return _frozen(np.ascontiguousarray(parts[:, : scale.source], SINGLE))[0]


def _matrix(scale: _Scale, pixels: Array, weights: Array) -> Array:
    """[target, source]: the weights as a matrix."""
    matrix = np.zeros((scale.target, scale.source), SINGLE)
    rows = np.arange(scale.target)
    for column, weight in zip(pixels.T, weights.T, strict=True):
        np.add.at(matrix, (rows, column), weight)
    return matrix


@functools.lru_cache(TABLES)
def _lerp_matrix(scale: _Scale) -> Array:
    lower, upper, part = _between(scale)
    return _matrix(scale, np.stack([lower, upper], 1), np.stack([1 - part, part], 1))


@functools.lru_cache(TABLES)
def _cubic_matrix(scale: _Scale) -> Array:
    return _matrix(scale, *_cubic(scale))


@functools.lru_cache(TABLES)
def _closest_matrix(scale: _Scale) -> Array:
    return _matrix(scale, _closest(scale)[:, None], np.ones((scale.target, 1), SINGLE))


# Steps along one axis


def _along(axis: int, values: Array) -> Array:
    """A vector laid along an axis of [batch, height, width, channels]."""
    return values.reshape([-1 if i == axis else 1 for i in range(4)])


def _times(xp: Any, x: Any, axis: int, matrix: Array) -> Any:
    """The products of `matrix` [n, m] with the vectors along an axis of size m."""
    return xp.moveaxis(xp.tensordot(x, matrix.astype(x.dtype), axes=((axis,), (1,))), -1, axis)


def _lerp(xp: Any, x: Any, axis: int, scale: _Scale) -> Any:
    lower, upper, part = _between(scale)
    low, high = xp.take(x, lower, axis=axis), xp.take(x, upper, axis=axis)
    return low + (high - low) * _along(axis, part)


def _weighted(xp: Any, x: Any, axis: int, scale: _Scale) -> Any:
    pixels, weights = _cubic(scale)
    parts = [xp.take(x, pixels[:, k], axis=axis) * _along(axis, weights[:, k]) for k in range(4)]
    return parts[0] + parts[1] + parts[2] + parts[3]


def _times_larger(scale: _Scale) -> int | None:
    """n, when each pixel is taken n times in a row."""
    n, rest = divmod(scale.target, scale.source)
    if rest or not n:
        return None
    return n if np.array_equal(_closest(scale), np.arange(scale.target) // n) else None


def _taken(xp: Any, x: Any, axis: int, scale: _Scale) -> Any:
    n = _times_larger(scale)
    if n is None:
        return xp.take(x, _closest(scale), axis=axis)
    wide = xp.expand_dims(x, axis + 1)
    wide = xp.broadcast_to(wide, (*wide.shape[: axis + 1], n, *wide.shape[axis + 2 :]))
    return wide.reshape(*x.shape[:axis], scale.target, *x.shape[axis + 1 :])


def _given_back(xp: Any, grads: Any, axis: int, scale: _Scale) -> Any:
    n = _times_larger(scale)
    if n is None:
        return _times(xp, grads, axis, _closest_matrix(scale).T)
    split = grads.reshape(*grads.shape[:axis], scale.source, n, *grads.shape[axis + 1 :])
    return xp.sum(split, axis=axis + 1, dtype=grads.dtype)


# Kernels


def _check_images(xp: Any, images: Any, align_corners: bool, half_pixel_centers: bool) -> None:
    require(xp, images.ndim == 4, "input must be 4-dimensional{}", mats.shown(images))
    require(
        xp,
        not (align_corners and half_pixel_centers),
        "If half_pixel_centers is True, align_corners must be False.",
    )


def _target(xp: Any, images: Any, size: Any) -> tuple[int, int]:
    """The wanted height and width, checked."""
    require(xp, size.ndim == 1, "shape_t must be 1-dimensional{}", mats.shown(size))
    require(xp, size.size == 2, "shape_t must have two elements{}", mats.shown(size))
    height, width = (int(n) for n in size)
    require(xp, height > 0 and width > 0, "output dimensions must be positive, got [{}, {}]", height, width)
    positive = images.shape[1] > 0 and images.shape[2] > 0
    require(xp, positive, "input image must be of non-zero size, got shape {}", mats.shown(images))
    return height, width


def _scales(
    xp: Any, images: Any, size: Any, align_corners: bool, half_pixel_centers: bool = False
) -> tuple[_Scale, _Scale]:
    """What becomes of rows and columns of `images` resized to `size`."""
    _check_images(xp, images, align_corners, half_pixel_centers)
    target = _target(xp, images, size)
    return _axes(images.shape[1:3], target, align_corners, half_pixel_centers)


def _axes(source: Any, target: Any, align_corners: bool, half_pixel_centers: bool) -> tuple[_Scale, _Scale]:
    rows, columns = (
        _Scale(int(m), int(n), align_corners, half_pixel_centers) for m, n in zip(source, target, strict=True)
    )
    return rows, columns


def _bilinear(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    rows, columns = _scales(xp, images, size, align_corners, half_pixel_centers)
    x = images.astype(SINGLE)
    if rows.source == rows.target and columns.source == columns.target:
        return x
    return _lerp(xp, _lerp(xp, x, 2, columns), 1, rows)


def _nearest(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    rows, columns = _scales(xp, images, size, align_corners, half_pixel_centers)
    return _taken(xp, _taken(xp, images, 1, rows), 2, columns)


def _bicubic(xp: Any, images: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    rows, columns = _scales(xp, images, size, align_corners, half_pixel_centers)
    return _weighted(xp, _weighted(xp, images.astype(SINGLE), 1, rows), 2, columns)


def _area(xp: Any, images: Any, size: Any, *, align_corners: bool) -> Any:
    rows, columns = _scales(xp, images, size, align_corners)
    sums = _times(xp, _times(xp, images.astype(SINGLE), 1, _areas(rows)), 2, _areas(columns))
    return sums * (SINGLE(1) / (rows.ratio * columns.ratio))


def _grad_kernel(matrix: Any) -> Any:
    """The kernel that gives gradients of resized images back to the original, by the transposed matrices."""

    def kernel(xp: Any, grads: Any, original: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
        _check_images(xp, grads, align_corners, half_pixel_centers)
        _check_images(xp, original, align_corners, half_pixel_centers)
        rows, columns = _axes(original.shape[1:3], grads.shape[1:3], align_corners, half_pixel_centers)
        working = np.float64 if original.dtype == np.float64 else SINGLE
        back = _times(xp, grads.astype(working), 1, matrix(rows).T)
        return _times(xp, back, 2, matrix(columns).T).astype(original.dtype)

    return kernel


def _nearest_grad(xp: Any, grads: Any, size: Any, *, align_corners: bool, half_pixel_centers: bool) -> Any:
    _check_images(xp, grads, align_corners, half_pixel_centers)
    source = _target(xp, grads, size)
    rows, columns = _axes(source, grads.shape[1:3], align_corners, half_pixel_centers)
    if mats.is_short(grads):
        wide = grads.astype(SINGLE)
        return _given_back(xp, _given_back(xp, wide, 1, rows), 2, columns).astype(grads.dtype)
    return _given_back(xp, _given_back(xp, grads, 1, rows), 2, columns)


# Shapes and gradients


def _sized_shape(node: Any) -> TensorShape:
    """The first input's batch and channels, with the height and width that the second one holds."""
    batch, _, _, channels = mats.ranked(node.inputs[0].shape, 4)
    mats.same(mats.ranked(node.inputs[1].shape, 1)[0], 2)
    known = constant_value_as_shape(node.inputs[1])
    height, width = known.ints if known.ints is not None else (None, None)
    return TensorShape.of((batch, height, width, channels))


def _original_shape(node: Any) -> TensorShape:
    return node.inputs[1].shape  # type: ignore[no-any-return]


def _corners(op: Any) -> dict[str, Any]:
    return {name: op.attrs[name] for name in ("align_corners", "half_pixel_centers")}


def _bilinear_gradient(op: Any, grad: Any) -> list[Any]:
    return [emit("ResizeBilinearGrad", grad, op.inputs[0], **_corners(op)), None]


def _bicubic_gradient(op: Any, grad: Any) -> list[Any]:
    if op.inputs[0].dtype.base_dtype not in (dtypes.float32, dtypes.float64):
        return [None, None]
    return [emit("ResizeBicubicGrad", grad, op.inputs[0], **_corners(op)), None]


def _nearest_gradient(op: Any, grad: Any) -> list[Any]:
    shape = op.inputs[0].shape[1:3]
    if not shape.is_fully_defined():
        shape = blocks.shape_of(op.inputs[0])[1:3]
    return [emit("ResizeNearestNeighborGrad", grad, shape, **_corners(op)), None]


def _bilinear_grad_gradient(op: Any, grad: Any) -> list[Any]:
    """Linear in the gradients: the resizing itself. (TensorFlow has no such rule.)"""
    size = blocks.shape_of(op.inputs[0])[1:3]
    return [emit("ResizeBilinear", grad, size, **_corners(op)), None]


def _bicubic_grad_gradient(op: Any, grad: Any) -> list[Any]:
    size = blocks.shape_of(op.inputs[0])[1:3]
    return [emit("ResizeBicubic", grad, size, **_corners(op)), None]


def _nearest_grad_gradient(op: Any, grad: Any) -> list[Any]:
    size = blocks.shape_of(op.inputs[0])[1:3]
    return [emit("ResizeNearestNeighbor", grad, size, **_corners(op)), None]


register(
    "ResizeBilinearGrad",
    shape=_original_shape,
    kernel=_grad_kernel(_lerp_matrix),
    gradient=_bilinear_grad_gradient,
)
register(
    "ResizeBicubicGrad",
    shape=_original_shape,
    kernel=_grad_kernel(_cubic_matrix),
    gradient=_bicubic_grad_gradient,
)
register(
    "ResizeNearestNeighborGrad",
    shape=_sized_shape,
    kernel=_nearest_grad,
    gradient=_nearest_grad_gradient,
    static=(1,),
)


# Public functions


@op("ResizeBilinear", shape=_sized_shape, kernel=_bilinear, gradient=_bilinear_gradient, static=(1,))
def resize_bilinear(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """Images resized by bilinear interpolation.

    Args:
        images: [batch, height, width, channels], of a number type.
        size: the new height and width: two int32 numbers or a tensor.
        align_corners: keep the centres of the corner pixels in place; else the upper left corner stays.
        half_pixel_centers: keep the images' areas in place (not with `align_corners`).

    Returns:
        float32, [batch, new height, new width, channels].

    Raises:
        ValueError: the ranks are known and wrong.
        InvalidArgumentError: when run, for sizes that are not positive, or both flags.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     row = tf.constant([0.0, 1.0, 2.0], shape=[1, 1, 3, 1])
    ...     print(sess.run(tf.image.resize_bilinear(row, [1, 6])).ravel())
    [0.  0.5 1.  1.5 2.  2. ]
    """
    return emit(
        "ResizeBilinear",
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


@op("ResizeNearestNeighbor", shape=_sized_shape, kernel=_nearest, gradient=_nearest_gradient, static=(1,))
def resize_nearest_neighbor(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """Images resized by taking for each new pixel one of the old; of the type of `images`.

    Arguments and errors as of `resize_bilinear`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     row = tf.constant([7, 8], shape=[1, 1, 2, 1])
    ...     print(sess.run(tf.image.resize_nearest_neighbor(row, [1, 4])).ravel())
    [7 7 8 8]
    """
    return emit(
        "ResizeNearestNeighbor",
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


@op("ResizeBicubic", shape=_sized_shape, kernel=_bicubic, gradient=_bicubic_gradient, static=(1,))
def resize_bicubic(
    images: Any,
    size: Any,
    align_corners: bool = False,
    name: str | None = None,
    half_pixel_centers: bool = False,
) -> Any:
    """Images resized by bicubic interpolation: float32. Arguments and errors as of `resize_bilinear`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     row = tf.constant([0.0, 1.0, 0.0], shape=[1, 1, 3, 1])
    ...     print(sess.run(tf.image.resize_bicubic(row, [1, 6])).ravel()[:4])
    [0.      0.59375 1.      0.59375]
    """
    return emit(
        "ResizeBicubic",
        images,
        size,
        align_corners=align_corners,
        half_pixel_centers=half_pixel_centers,
        name=name,
    )


@op("ResizeArea", shape=_sized_shape, kernel=_area, static=(1,))
def resize_area(images: Any, size: Any, align_corners: bool = False, name: str | None = None) -> Any:
    """Images resized by averages over areas: float32. Arguments and errors as of `resize_bilinear`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     row = tf.constant([0.0, 1.0, 4.0, 5.0], shape=[1, 1, 4, 1])
    ...     print(sess.run(tf.image.resize_area(row, [1, 2])).ravel())
    [0.5 4.5]
    """
    return emit("ResizeArea", images, size, align_corners=align_corners, name=name)
