"""`tf.contrib.image`: images turned, shifted and projected; colors changed in the space YIQ.

A projective transform is eight numbers [a0, a1, a2, b0, b1, b2, c0, c1]: the pixel (x, y) of the result is
taken from ((a0 x + a1 y + a2) / k, (b0 x + b1 y + b2) / k) with k = c0 x + c1 y + 1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.array import ones, shape, zeros
from reflow.ops.casting import cast
from reflow.ops.image_adjust import convert_image_dtype
from reflow.ops.joining import concat
from reflow.ops.random import random_uniform

SINGLE = np.float32
IMAGE_TYPES = (
    dtypes.uint8,
    dtypes.int32,
    dtypes.int64,
    dtypes.float16,
    dtypes.float32,
    dtypes.float64,
)
FROM_RGB = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]], SINGLE)
TO_RGB = np.array(
    [[1, 0.95617069, 0.62143257], [1, -0.2726886, -0.64681324], [1, -1.103744, 1.70062309]], SINGLE
)


# Kernels


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _sources(xp: Any, transforms: Any, height: int, width: int) -> tuple[Any, Any, Any]:
    """Where each pixel comes from, [transforms, height, width] for x and y, and whether it does."""
    y, x = np.mgrid[0:height, 0:width].astype(SINGLE)
    a0, a1, a2, b0, b1, b2, c0, c1 = (transforms[:, i, None, None] for i in range(8))
    scale = c0 * x + c1 * y + SINGLE(1)
    valid = scale != 0
    scale = xp.where(valid, scale, xp.ones_like(scale))
    return (a0 * x + a1 * y + a2) / scale, (b0 * x + b1 * y + b2) / scale, valid


def _read(xp: Any, images: Any, rows: Any, columns: Any) -> Any:
    """The pixels at float places, 0 outside of the images."""
    height, width = images.shape[1:3]
    inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
    y = xp.where(inside, rows, xp.zeros_like(rows)).astype(np.int32)
    x = xp.where(inside, columns, xp.zeros_like(columns)).astype(np.int32)
    number = np.arange(images.shape[0])[:, None, None]
    return xp.where(inside[..., None], xp.asarray(images)[number, y, x], xp.zeros((), images.dtype))


def _rounded(xp: Any, places: Any) -> Any:
    """Halves away from zero."""
    return xp.sign(places) * xp.floor(xp.abs(places) + SINGLE(0.5))


def _transform_kernel(xp: Any, images: Any, transforms: Any, size: Any, *, interpolation: str) -> Any:
    kind = _text(interpolation)
    require(
        xp,
        kind in ("NEAREST", "BILINEAR"),
        "Invalid interpolation {}. Supported types: NEAREST, BILINEAR",
        kind,
    )
    require(xp, images.ndim == 4, "Input images must have rank 4, got shape {}", mats.shown(images))
    ok = transforms.ndim == 2 and transforms.shape[1] == 8 and transforms.shape[0] in (1, images.shape[0])
    message = "Input transform should be num_images x 8 or 1 x 8, got shape {}"
    require(xp, ok, message, mats.shown(transforms))
    ok = size.shape == (2,) and bool((size > 0).all())
    require(xp, ok, "new_height and new_width must be positive: {}", size)
    x, y, valid = _sources(xp, transforms, int(size[0]), int(size[1]))
    if kind == "NEAREST":
        y, x = _rounded(xp, y), _rounded(xp, x)
        found = _read(xp, images, *_for_each(xp, images, y, x))
    else:
        found = _between(xp, images, *_for_each(xp, images, y, x))
    return xp.where(valid[..., None], found, xp.zeros((), images.dtype))


def _for_each(xp: Any, images: Any, *places: Any) -> list[Any]:
    """Places for each image."""
    return [xp.broadcast_to(p, (images.shape[0], *p.shape[1:])) for p in places]


def _between(xp: Any, images: Any, y: Any, x: Any) -> Any:
    """Pixels interpolated from the four around a place."""
    top, left = xp.floor(y), xp.floor(x)
    down, across = (y - top)[..., None], (x - left)[..., None]
    wide = images.astype(images.dtype if images.dtype == np.float64 else SINGLE)
    upper = (1 - across) * _read(xp, wide, top, left) + across * _read(xp, wide, top, left + 1)
    lower = (1 - across) * _read(xp, wide, top + 1, left) + across * _read(xp, wide, top + 1, left + 1)
    return ((1 - down) * upper + down * lower).astype(images.dtype)


def _transform_shape(node: Any) -> TensorShape:
    batch, _, _, channels = mats.ranked(node.inputs[0].shape, 4)
    mats.same(mats.ranked(node.inputs[2].shape, 1)[0], 2)
    size = constant_value_as_shape(node.inputs[2]).ints or (None, None)
    return TensorShape.of((batch, *size, channels))


def _transform_gradient(op: Any, grad: Any) -> list[Any]:
    """The gradient, projected back."""
    images = op.inputs[0]
    inverse = emit("MatrixInverse", flat_transforms_to_matrices(op.inputs[1]))
    back = matrices_to_flat_transforms(inverse)
    size = blocks.shape_of(images)[1:3]
    found = emit("ImageProjectiveTransformV2", grad, back, size, interpolation=op.attrs["interpolation"])
    return [found, None, None]


@mats.widened
def _yiq_kernel(xp: Any, images: Any, delta: Any, saturation: Any, value: Any) -> Any:
    require(xp, images.ndim >= 3, "input must be at least 3-D, got shape {}", mats.shown(images))
    names = zip(("delta_h", "scale_s", "scale_v"), (delta, saturation, value), strict=True)
    for name, scalar in names:
        require(xp, scalar.ndim == 0, "{} must be scalar: {}", name, mats.shown(scalar))
    ok = images.shape[-1] == 3
    require(xp, ok, "input must have 3 channels but instead has {} channels.", images.shape[-1])
    straight = value * saturation * xp.cos(delta)
    crossed = value * saturation * xp.sin(delta)
    zero = xp.zeros_like(value)
    turned = xp.stack([value, zero, zero, zero, straight, -crossed, zero, crossed, straight]).reshape(3, 3)
    matrix = xp.matmul(xp.matmul(TO_RGB, turned), FROM_RGB).astype(images.dtype)
    return xp.matmul(images, xp.swapaxes(matrix, 0, 1))


def _colored(node: Any) -> TensorShape:
    mats.at_least(node.inputs[0].shape, 3)
    return node.inputs[0].shape  # type: ignore[no-any-return]


register(
    "ImageProjectiveTransformV2",
    shape=_transform_shape,
    kernel=_transform_kernel,
    gradient=_transform_gradient,
    static=(2,),
)
register("AdjustHsvInYiq", shape=_colored, kernel=_yiq_kernel)


# Transforms


def flat_transforms_to_matrices(transforms: Any) -> Any:
    """Transforms, [8] or [n, 8], as matrices [n, 3, 3]. ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(flat_transforms_to_matrices([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0])))
    [[[1. 2. 3.]
      [4. 5. 6.]
      [7. 8. 1.]]]
    """
    with name_scope("flat_transforms_to_matrices"):
        transforms = convert_to_tensor(transforms, name="transforms")
        if transforms.shape.ndims not in (1, 2):
            raise ValueError(f"Transforms should be 1D or 2D, got: {transforms}")
        rows = blocks.reshape(transforms, constant([-1, 8]))
        count = shape(rows)[0]
        whole = concat([rows, ones([count, 1])], axis=1)
        return blocks.reshape(whole, constant([-1, 3, 3]))


def matrices_to_flat_transforms(transform_matrices: Any) -> Any:
    """Matrices, [3, 3] or [n, 3, 3], as transforms [n, 8]. ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(matrices_to_flat_transforms(tf.eye(3) * 2.0)))
    [[1. 0. 0. 0. 1. 0. 0. 0.]]
    """
    with name_scope("matrices_to_flat_transforms"):
        matrices = convert_to_tensor(transform_matrices, name="transform_matrices")
        if matrices.shape.ndims not in (2, 3):
            raise ValueError(f"Matrices should be 2D or 3D, got: {matrices}")
        rows = blocks.reshape(matrices, constant([-1, 9]))
        rows = rows / rows[:, 8:9]
        return rows[:, :8]


def compose_transforms(*transforms: Any) -> Any:
    """One transform, [n, 8], that does what all of them do, the last one first.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     shift = [1.0, 0.0, 2.0, 0.0, 1.0, 0.0, 0.0, 0.0]
    ...     print(sess.run(compose_transforms(shift, shift)))
    [[1. 0. 4. 0. 1. 0. 0. 0.]]
    """
    if not transforms:
        raise AssertionError("transforms cannot be empty")
    with name_scope("compose_transforms"):
        composed = flat_transforms_to_matrices(transforms[0])
        for each in transforms[1:]:
            composed = emit("BatchMatMulV2", composed, flat_transforms_to_matrices(each), name="MatMul")
        return matrices_to_flat_transforms(composed)


def angles_to_projective_transforms(
    angles: Any, image_height: Any, image_width: Any, name: str | None = None
) -> Any:
    """Transforms, [n, 8], that turn images by `angles` (radians, counter-clockwise) about their middle.

    TypeError unless `angles` is a scalar or a vector.
    """
    with name_scope(name, "angles_to_projective_transforms"):
        angles = convert_to_tensor(angles, name="angles", dtype=dtypes.float32)
        rank = angles.shape.ndims
        if rank not in (0, 1):
            raise TypeError("Angles should have rank 0 or 1.")
        if rank == 0:
            angles = angles[None]
        side = image_width - 1
        across = emit("Cos", angles) * (image_width - 1)
        x = (side - (across - emit("Sin", angles) * (image_height - 1))) / 2.0
        side = image_height - 1
        across = emit("Sin", angles) * (image_width - 1)
        y = (side - (across + emit("Cos", angles) * (image_height - 1))) / 2.0
        count = shape(angles)[0]
        columns = [
            emit("Cos", angles)[:, None],
            -emit("Sin", angles)[:, None],
            x[:, None],
            emit("Sin", angles)[:, None],
            emit("Cos", angles)[:, None],
            y[:, None],
            zeros((count, 2), dtypes.float32),
        ]
        return concat(columns, axis=1)


def translations_to_projective_transforms(translations: Any, name: str | None = None) -> Any:
    """Transforms, [n, 8], that shift images by `translations`, [dx, dy] or [n, 2].

    TypeError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(translations_to_projective_transforms([3.0, 4.0])))
    [[ 1.  0. -3.  0.  1. -4.  0.  0.]]
    """
    with name_scope(name, "translations_to_projective_transforms"):
        shifts = convert_to_tensor(translations, name="translations", dtype=dtypes.float32)
        if shifts.shape.ndims is None:
            raise TypeError("translation_or_translations rank must be statically known")
        if shifts.shape.ndims not in (1, 2):
            raise TypeError("Translations should have rank 1 or 2.")
        if shifts.shape.ndims == 1:
            shifts = shifts[None]
        count = shape(shifts)[0]
        columns = [
            ones((count, 1), dtypes.float32),
            zeros((count, 1), dtypes.float32),
            -shifts[:, 0, None],
            zeros((count, 1), dtypes.float32),
            ones((count, 1), dtypes.float32),
            -shifts[:, 1, None],
            zeros((count, 2), dtypes.float32),
        ]
        return concat(columns, axis=1)


# Images transformed


def _as_batch(images: Any) -> Any:
    """Images of 2 to 4 dimensions with 4. TypeError for other types and ranks."""
    if images.dtype.base_dtype not in IMAGE_TYPES:
        raise TypeError(f"Invalid dtype {images.dtype}.")
    rank = images.shape.ndims
    if rank is None:
        raise TypeError("image_or_images rank must be statically known")
    if rank == 2:
        return images[None, :, :, None]
    if rank == 3:
        return images[None, :, :, :]
    if rank == 4:
        return images
    raise TypeError("Images should have rank between 2 and 4.")


def _as_given(found: Any, rank: int | None) -> Any:
    """A batch with the dimensions that the images had."""
    if rank == 2:
        return found[0, :, :, 0]
    return found[0, :, :, :] if rank == 3 else found


def transform(
    images: Any,
    transforms: Any,
    interpolation: str = "NEAREST",
    output_shape: Any = None,
    name: str | None = None,
) -> Any:
    """Images projected; what comes from outside of them is 0.

    Args:
        images: [batch, height, width, channels], [height, width, channels] or [height, width]; uint8, int32,
            int64 or a float type.
        transforms: [8], one for all images, or [batch, 8]; see the head of this file.
        interpolation: "NEAREST" or "BILINEAR".
        output_shape: the new height and width; those of the images by default.

    Raises:
        TypeError: another type or rank.
        ValueError: `output_shape` is not two numbers.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([[1, 2], [3, 4]])
    ...     print(sess.run(tf.contrib.image.transform(image, [1, 0, 1, 0, 1, 0, 0, 0])))
    [[2 0]
     [4 0]]
    """
    with name_scope(name, "transform"):
        given = convert_to_tensor(images, name="images")
        transforms = convert_to_tensor(transforms, name="transforms", dtype=dtypes.float32)
        batch = _as_batch(given)
        if output_shape is None:
            output_shape = shape(batch)[1:3]
        output_shape = convert_to_tensor(output_shape, dtypes.int32, name="output_shape")
        if not output_shape.shape.is_compatible_with([2]):
            raise ValueError("output_shape must be a 1-D Tensor of 2 elements: new_height, new_width")
        rank = transforms.shape.ndims
        if rank is None:
            raise TypeError("transform_or_transforms rank must be statically known")
        if rank not in (1, 2):
            raise TypeError("Transforms should have rank 1 or 2.")
        if rank == 1:
            transforms = transforms[None]
        kind = interpolation.upper()
        found = emit("ImageProjectiveTransformV2", batch, transforms, output_shape, interpolation=kind)
        return _as_given(found, given.shape.ndims)


def rotate(images: Any, angles: Any, interpolation: str = "NEAREST", name: str | None = None) -> Any:
    """Images turned counter-clockwise about their middle; the corners that open are 0.

    Args:
        images, interpolation: as of `transform`.
        angles: radians: a scalar, or one for each image.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.image.rotate(tf.constant([[1, 2], [3, 4]]), 1.5707963)))
    [[2 4]
     [1 3]]
    """
    with name_scope(name, "rotate"):
        given = convert_to_tensor(images)
        batch = _as_batch(given)
        height = cast(shape(batch)[1], dtypes.float32)[None]
        width = cast(shape(batch)[2], dtypes.float32)[None]
        turns = angles_to_projective_transforms(angles, height, width)
        found = transform(batch, turns, interpolation=interpolation)
        return _as_given(found, given.shape.ndims)


def translate(images: Any, translations: Any, interpolation: str = "NEAREST", name: str | None = None) -> Any:
    """Images shifted by [dx, dy] (or one such pair for each); what opens is 0. Else as `transform`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.image.translate(tf.constant([[1, 2], [3, 4]]), [1.0, 0.0])))
    [[0 1]
     [0 3]]
    """
    with name_scope(name, "translate"):
        shifts = translations_to_projective_transforms(translations)
        return transform(images, shifts, interpolation=interpolation)


# Colors


def adjust_hsv_in_yiq(
    image: Any,
    delta_hue: Any = 0,
    scale_saturation: Any = 1,
    scale_value: Any = 1,
    name: str | None = None,
) -> Any:
    """RGB images with hue (turned by radians), saturation and value changed in the color space YIQ.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     darker = adjust_hsv_in_yiq(tf.ones([1, 1, 3]), scale_value=0.5)
    ...     print(sess.run(darker).round(3).ravel())
    [0.5 0.5 0.5]
    """
    with name_scope(name, "adjust_hsv_in_yiq", [image]):
        image = convert_to_tensor(image, name="image")
        floats = convert_image_dtype(image, dtypes.float32)
        altered = emit("AdjustHsvInYiq", floats, delta_hue, scale_saturation, scale_value)
        return convert_image_dtype(altered, image.dtype)


def random_hsv_in_yiq(
    image: Any,
    max_delta_hue: float = 0,
    lower_saturation: float = 1,
    upper_saturation: float = 1,
    lower_value: float = 1,
    upper_value: float = 1,
    seed: int | None = None,
) -> Any:
    """`adjust_hsv_in_yiq` by random numbers of these ranges. ValueError for negative or empty ones.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(random_hsv_in_yiq(tf.ones([4, 4, 3]), 0.1, 0.5, 1.5).shape)
    (4, 4, 3)
    """
    if max_delta_hue < 0:
        raise ValueError("max_delta must be non-negative.")
    if lower_saturation < 0:
        raise ValueError("lower_saturation must be non-negative.")
    if lower_value < 0:
        raise ValueError("lower_value must be non-negative.")
    if lower_saturation > upper_saturation:
        raise ValueError("lower_saturation must be < upper_saturation.")
    if lower_value > upper_value:
        raise ValueError("lower_value must be < upper_value.")

    def drawn(low: float, high: float) -> Any:
        return low if low == high else random_uniform([], low, high, seed=seed)

    hue = drawn(-max_delta_hue, max_delta_hue) if max_delta_hue else 0
    saturation = drawn(lower_saturation, upper_saturation)
    return adjust_hsv_in_yiq(image, hue, saturation, drawn(lower_value, upper_value))
