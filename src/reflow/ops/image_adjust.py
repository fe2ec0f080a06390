"""Colors of images: types, brightness, contrast, hue, saturation, gamma, and the color spaces."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops import image_checks as checks
from reflow.ops.arithmetic import div
from reflow.ops.array import identity, ones, rank
from reflow.ops.casting import cast, saturate_cast
from reflow.ops.control import with_dependencies
from reflow.ops.linalg import tensordot
from reflow.ops.padding import tile
from reflow.ops.random import random_uniform
from reflow.ops.reduction import reduce_mean, reduce_prod, reduce_std

SINGLE_OR_LESS = (dtypes.float16, dtypes.float32)
GRAY_WEIGHTS = (0.2989, 0.587, 0.114)
# Rows: red, green, blue (or Y, I, Q and Y, U, V); the inverses are TensorFlow's numbers.
RGB_TO_YIQ = (
    (0.299, 0.59590059, 0.2115),
    (0.587, -0.27455667, -0.52273617),
    (0.114, -0.32134392, 0.31119955),
)
YIQ_TO_RGB = ((1, 1, 1), (0.95598634, -0.27201283, -1.10674021), (0.6208248, -0.64720424, 1.70423049))
RGB_TO_YUV = (
    (0.299, -0.14714119, 0.61497538),
    (0.587, -0.28886916, -0.51496512),
    (0.114, 0.43601035, -0.10001026),
)
YUV_TO_RGB = ((1, 1, 1), (0, -0.394642334, 2.03206185), (1.13988303, -0.58062185, 0))


# Types


def convert_image_dtype(image: Any, dtype: Any, saturate: bool = False, name: str | None = None) -> Any:
    """Images of another type, their numbers scaled: floats in [0, 1), integers up to the type's maximum.

    Args:
        image: a tensor.
        dtype: a float or integer type; AttributeError for others.
        saturate: clip what is out of the range of an integer `dtype`; else it wraps around.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.image.convert_image_dtype(tf.constant([0, 255], tf.uint8), tf.float32)
    ...     print(sess.run([image, tf.image.convert_image_dtype(image, tf.int16)]))
    [array([0., 1.], dtype=float32), array([    0, 32767], dtype=int16)]
    """
    image = convert_to_tensor(image, name="image")
    dtype = dtypes.as_dtype(dtype)
    source = image.dtype.base_dtype
    if not dtype.is_floating and not dtype.is_integer:
        raise AttributeError("dtype must be either floating point or integer")
    if dtype == source:
        return identity(image, name=name)
    with name_scope(name, "convert_image", [image]) as scope:
        if source.is_integer and dtype.is_integer:
            return _rescaled(image, dtype, saturate, scope)
        if source.is_floating and dtype.is_floating:
            return cast(image, dtype, name=scope)
        if source.is_integer:
            return emit("Mul", cast(image, dtype), 1.0 / float(source.max), name=scope)
        scaled = emit("Mul", image, float(dtype.max) + 0.5)
        return (saturate_cast if saturate else cast)(scaled, dtype, name=scope)


def _rescaled(image: Any, dtype: dtypes.DType, saturate: bool, scope: str) -> Any:
    """Integers of one type in another one's range."""
    convert = saturate_cast if saturate else cast
    own, wanted = int(image.dtype.max), int(dtype.max)
    if own > wanted:
        return convert(div(image, (own + 1) // (wanted + 1)), dtype, name=scope)
    return emit("Mul", convert(image, dtype), (wanted + 1) // (own + 1), name=scope)


def _as_floats(image: Any) -> Any:
    """Images as float32, unless they are float32 or float16."""
    if image.dtype.base_dtype in SINGLE_OR_LESS:
        return image
    return convert_image_dtype(image, dtypes.float32)


# Adjustments


def per_image_standardization(image: Any) -> Any:
    """Each image minus its mean, divided by its standard deviation (or 1/sqrt(number of values), if greater).

    Args:
        image: [..., height, width, channels]; ValueError for lower ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1.0, 3.0], shape=[1, 2, 1])
    ...     print(sess.run(tf.image.per_image_standardization(image)).ravel())
    [-1.  1.]
    """
    with name_scope(None, "per_image_standardization", [image]) as scope:
        image = checks.at_least_3d(convert_to_tensor(image, name="image"))
        original = image.dtype
        image = _as_floats(image)
        count = reduce_prod(blocks.shape_of(image)[-3:])
        mean = reduce_mean(image, axis=[-1, -2, -3], keepdims=True)
        deviation = reduce_std(image, axis=[-1, -2, -3], keepdims=True)
        least = emit("Rsqrt", cast(count, image.dtype))
        deviation = emit("Maximum", deviation, least)
        image = div(image - mean, deviation, name=scope)
        return convert_image_dtype(image, original, saturate=True)


def adjust_brightness(image: Any, delta: Any) -> Any:
    """Images with `delta` added, on the scale of floats in [0, 1): integers are converted and back.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.adjust_brightness(tf.constant([10, 250], tf.uint8), 0.1)))
    [ 35 255]
    """
    with name_scope(None, "adjust_brightness", [image, delta]) as scope:
        image = convert_to_tensor(image, name="image")
        floats = _as_floats(image)
        adjusted = emit("Add", floats, cast(delta, floats.dtype), name=scope)
        return convert_image_dtype(adjusted, image.dtype, saturate=True)


def random_brightness(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """`adjust_brightness` by a random number in [-max_delta, max_delta); ValueError when that is negative.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.random_brightness(tf.zeros([1]), 0.5, seed=2)))
    [0.17874658]
    """
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_brightness(image, random_uniform([], -max_delta, max_delta, seed=seed))


def adjust_contrast(images: Any, contrast_factor: Any) -> Any:
    """Images, [..., height, width, channels], with the distances from each channel's mean multiplied.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1.0, 3.0], shape=[1, 2, 1])
    ...     print(sess.run(tf.image.adjust_contrast(image, 2.0)).ravel())
    [0. 4.]
    """
    with name_scope(None, "adjust_contrast", [images, contrast_factor]) as scope:
        images = convert_to_tensor(images, name="images")
        floats = _as_floats(images)
        adjusted = emit("AdjustContrastv2", floats, contrast_factor, name=scope)
        return convert_image_dtype(adjusted, images.dtype, saturate=True)


def _check_range(lower: float, upper: float) -> None:
    if upper <= lower:
        raise ValueError("upper must be > lower.")
    if lower < 0:
        raise ValueError("lower must be non-negative.")


def random_contrast(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """`adjust_contrast` by a random factor in [lower, upper); ValueError unless 0 <= lower < upper.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.random_contrast(tf.ones([1, 1, 1]), 0.5, 2.0, seed=1)).ravel())
    [1.]
    """
    _check_range(lower, upper)
    return adjust_contrast(image, random_uniform([], lower, upper, seed=seed))


def adjust_gamma(image: Any, gamma: Any = 1, gain: Any = 1) -> Any:
    """gain * image ** gamma, on the scale of floats in [0, 1).

    ValueError for a negative gamma; InvalidArgumentError, when run, if it is a tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.adjust_gamma([0.5, 1.0], gamma=2.0)))
    [0.25 1.  ]
    """
    with name_scope(None, "adjust_gamma", [image, gamma, gain]):
        image = convert_to_tensor(image, name="image")
        floats = _as_floats(image)
        nodes = checks.check(gamma >= 0, "Gamma should be a non-negative real number.")
        if nodes:
            gamma = with_dependencies(nodes, gamma)
        return convert_image_dtype(gain * floats**gamma, image.dtype, saturate=True)


def adjust_hue(image: Any, delta: Any, name: str | None = None) -> Any:
    """RGB images with their hue turned by `delta`, of which 1 is the whole circle.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.adjust_hue([[[1.0, 0.0, 0.0]]], 0.5)).ravel())
    [0. 1. 1.]
    """
    return _adjusted("AdjustHue", "adjust_hue", image, delta, name)


def adjust_saturation(image: Any, saturation_factor: Any, name: str | None = None) -> Any:
    """RGB images with their saturation multiplied (and clipped to 1).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.adjust_saturation([[[1.0, 0.5, 0.5]]], 0.0)).ravel())
    [1. 1. 1.]
    """
    return _adjusted("AdjustSaturation", "adjust_saturation", image, saturation_factor, name)


def _adjusted(op_type: str, default: str, image: Any, amount: Any, name: str | None) -> Any:
    with name_scope(name, default, [image]):
        image = convert_to_tensor(image, name="image")
        return convert_image_dtype(emit(op_type, _as_floats(image), amount), image.dtype)


def random_hue(image: Any, max_delta: float, seed: int | None = None) -> Any:
    """`adjust_hue` by a random number in [-max_delta, max_delta); ValueError unless 0 <= max_delta <= 0.5.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.random_hue(tf.ones([1, 1, 3]), 0.2)).ravel())
    [1. 1. 1.]
    """
    if max_delta > 0.5:
        raise ValueError("max_delta must be <= 0.5.")
    if max_delta < 0:
        raise ValueError("max_delta must be non-negative.")
    return adjust_hue(image, random_uniform([], -max_delta, max_delta, seed=seed))


def random_saturation(image: Any, lower: float, upper: float, seed: int | None = None) -> Any:
    """`adjust_saturation` by a random factor in [lower, upper); ValueError unless 0 <= lower < upper.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.random_saturation(tf.ones([1, 1, 3]), 0.5, 2.0)).ravel())
    [1. 1. 1.]
    """
    _check_range(lower, upper)
    return adjust_saturation(image, random_uniform([], lower, upper, seed=seed))


def adjust_jpeg_quality(image: Any, jpeg_quality: Any, name: str | None = None) -> Any:
    """Images as they look after JPEG compression.

    Args:
        image: [height, width, 1 or 3].
        jpeg_quality: 0 to 100: a number or an int32 scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.image.adjust_jpeg_quality(tf.zeros([8, 8, 3], tf.uint8), 75)
    ...     print(sess.run(image).shape)
    (8, 8, 3)
    """
    with name_scope(name, "adjust_jpeg_quality", [image]):
        image = convert_to_tensor(image, name="image")
        original = image.dtype
        image = convert_image_dtype(image, dtypes.uint8)
        if not is_tensor_like(jpeg_quality):
            jpeg_quality = convert_to_tensor(jpeg_quality, dtype=dtypes.int32)
        contents = emit("EncodeJpegVariableQuality", image, jpeg_quality)
        return convert_image_dtype(emit("DecodeJpeg", contents), original)


def random_jpeg_quality(
    image: Any, min_jpeg_quality: int, max_jpeg_quality: int, seed: int | None = None
) -> Any:
    """`adjust_jpeg_quality` with a random quality in [min_jpeg_quality, max_jpeg_quality).

    ValueError unless 0 <= min_jpeg_quality < max_jpeg_quality <= 100.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.image.random_jpeg_quality(tf.zeros([8, 8, 3], tf.uint8), 75, 95)
    ...     print(sess.run(image).shape)
    (8, 8, 3)
    """
    qualities = (min_jpeg_quality, max_jpeg_quality)
    if min(qualities) < 0 or max(qualities) > 100:
        raise ValueError("jpeg encoding range must be between 0 and 100.")
    if min_jpeg_quality >= max_jpeg_quality:
        raise ValueError("`min_jpeg_quality` must be less than `max_jpeg_quality`.")
    return adjust_jpeg_quality(image, random_uniform([], *qualities, dtype=dtypes.int32, seed=seed))


# Color spaces


def rgb_to_hsv(images: Any, name: str | None = None) -> Any:
    """Hue, saturation and value, all in [0, 1], of RGB images, [..., 3].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.rgb_to_hsv([0.0, 0.5, 0.5])))
    [0.5 1.  0.5]
    """
    return emit("RGBToHSV", images, name=name)


def hsv_to_rgb(images: Any, name: str | None = None) -> Any:
    """RGB images from hue, saturation and value, [..., 3]. Not differentiable.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.hsv_to_rgb([0.5, 1.0, 0.5])))
    [0.  0.5 0.5]
    """
    return emit("HSVToRGB", images, name=name)


def rgb_to_grayscale(images: Any, name: str | None = None) -> Any:
    """Images, [..., 3], as gray, [..., 1], of the same type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.rgb_to_grayscale([[1.0, 0.0, 0.0]])))
    [[0.2989]]
    """
    with name_scope(name, "rgb_to_grayscale", [images]) as scope:
        images = convert_to_tensor(images, name="images")
        floats = convert_image_dtype(images, dtypes.float32)
        gray = tensordot(floats, list(GRAY_WEIGHTS), [-1, -1])
        return convert_image_dtype(blocks.expand_dims(gray, -1), images.dtype, name=scope)


def grayscale_to_rgb(images: Any, name: str | None = None) -> Any:
    """Gray images, [..., 1], as RGB, [..., 3]. ValueError when the last dimension is known and not 1.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.grayscale_to_rgb(tf.constant([[7], [8]]))))
    [[7 7 7]
     [8 8 8]]
    """
    with name_scope(name, "grayscale_to_rgb", [images]) as scope:
        images = checks.grayscale(convert_to_tensor(images, name="images"))
        others = blocks.expand_dims(rank(images) - 1, 0)
        multiples = [ones(others, dtype=dtypes.int32), blocks.expand_dims(3, 0)]
        rgb = tile(images, blocks.concat(multiples, 0), name=scope)
        rgb.set_shape(_with_last(images.shape, 3))
        return rgb


def _with_last(shape: TensorShape, size: int) -> TensorShape:
    return shape if shape.ndims is None else shape[:-1].concatenate([size])


def _mixed(images: Any, matrix: Any) -> Any:
    """The colors multiplied by a matrix."""
    images = convert_to_tensor(images, name="images")
    rows = [list(row) for row in matrix]
    kernel = convert_to_tensor(rows, dtype=images.dtype, name="kernel")
    if images.shape.ndims is None:
        raise TypeError("the rank of 'images' must be known")
    return tensordot(images, kernel, axes=[[images.shape.ndims - 1], [0]])


def rgb_to_yiq(images: Any) -> Any:
    """Images, [..., 3], of known rank, in the color space YIQ. Y is in [0, 1] if the colors are.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.rgb_to_yiq([[1.0, 0.0, 0.0]])))
    [[0.299     0.5959006 0.2115   ]]
    """
    return _mixed(images, RGB_TO_YIQ)


def yiq_to_rgb(images: Any) -> Any:
    """The inverse of `rgb_to_yiq`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.yiq_to_rgb([[1.0, 0.0, 0.0]])))
    [[1. 1. 1.]]
    """
    return _mixed(images, YIQ_TO_RGB)


def rgb_to_yuv(images: Any) -> Any:
    """Images, [..., 3], of known rank, in the color space YUV. Y is in [0, 1] if the colors are.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.rgb_to_yuv([[0.0, 0.0, 1.0]])))
    [[ 0.114       0.43601036 -0.10001026]]
    """
    return _mixed(images, RGB_TO_YUV)


def yuv_to_rgb(images: Any) -> Any:
    """The inverse of `rgb_to_yuv`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.yuv_to_rgb([[1.0, 0.0, 0.0]])))
    [[1. 1. 1.]]
    """
    return _mixed(images, YUV_TO_RGB)
