"""Measures of images: how alike two of them are, and how much one varies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.graph import constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops.array import identity, shape, shape_n, zeros
from reflow.ops.atrous import depthwise_conv2d
from reflow.ops.casting import cast
from reflow.ops.check import Assert
from reflow.ops.control_flow import cond
from reflow.ops.image_adjust import convert_image_dtype
from reflow.ops.joining import concat, stack, unstack
from reflow.ops.padding import pad, tile

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SOBEL = np.array([[[-1, -2, -1], [0, 0, 0], [1, 2, 1]], [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]])


# Variation


def total_variation(images: Any, name: str | None = None) -> Any:
    """The sum of the absolute differences of neighbouring pixels: a measure of noise.

    Args:
        images: a tensor, [height, width, channels] or [batch, height, width, channels]; ValueError for other
            ranks.

    Returns:
        A scalar, or [batch].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.total_variation(tf.constant([1.0, 4.0, 2.0], shape=[1, 3, 1]))))
    5.0
    """
    with name_scope(name, "total_variation"):
        rank = images.shape.ndims
        if rank == 3:
            down = images[1:, :, :] - images[:-1, :, :]
            across = images[:, 1:, :] - images[:, :-1, :]
        elif rank == 4:
            down = images[:, 1:, :, :] - images[:, :-1, :, :]
            across = images[:, :, 1:, :] - images[:, :, :-1, :]
        else:
            raise ValueError("'images' must be either 3 or 4-dimensional.")
        axes = None if rank == 3 else [1, 2, 3]
        sums = [blocks.reduce("Sum", emit("Abs", each), axes) for each in (down, across)]
        return sums[0] + sums[1]


def image_gradients(image: Any) -> tuple[Any, Any]:
    """The differences of each pixel and the one below it, and of each and the one to its right.

    Args:
        image: a tensor, [batch, height, width, channels]; ValueError for other ranks.

    Returns:
        Two tensors of the image's shape; the last row and the last column are zeros.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     dy, dx = tf.image.image_gradients(tf.constant([1.0, 4.0, 2.0, 2.0], shape=[1, 2, 2, 1]))
    ...     print(sess.run(dy).ravel(), sess.run(dx).ravel())
    [ 1. -2.  0.  0.] [3. 0. 0. 0.]
    """
    if image.shape.ndims != 4:
        raise ValueError(f"image_gradients expects a 4D tensor [batch_size, h, w, d], not {image.shape}.")
    sizes = shape(image)
    batch, height, width, depth = unstack(sizes)
    down = image[:, 1:, :, :] - image[:, :-1, :, :]
    across = image[:, :, 1:, :] - image[:, :, :-1, :]
    row = stack([batch, 1, width, depth])
    down = blocks.reshape(concat([down, zeros(row, image.dtype)], 1), sizes)
    column = stack([batch, height, 1, depth])
    across = blocks.reshape(concat([across, zeros(column, image.dtype)], 2), sizes)
    return down, across


def sobel_edges(image: Any) -> Any:
    """The Sobel filters' answers, down and across: [batch, height, width, channels, 2].

    Args:
        image: a tensor, [batch, height, width, channels], of a float type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.image.sobel_edges(tf.zeros([1, 5, 6, 3])).shape)
    (1, 5, 6, 3, 2)
    """
    static = image.shape
    sizes = shape(image)
    filters = constant(np.transpose(SOBEL, (1, 2, 0))[:, :, None, :], dtype=image.dtype)
    filters = tile(filters, [1, 1, sizes[-1], 1], name="sobel_filters")
    padded = pad(image, [[0, 0], [1, 1], [1, 1], [0, 0]], mode="REFLECT")
    found = _by_channel(padded, filters)
    found = blocks.reshape(found, concat([sizes, [2]], 0))
    found.set_shape(static.concatenate([2]))
    return found


def _by_channel(images: Any, filters: Any) -> Any:
    """The convolution of each channel with filters of its own, where they fit."""
    return depthwise_conv2d(images, filters, strides=[1, 1, 1, 1], padding="VALID")


# Likeness


def _check_alike(one: Any, other: Any) -> tuple[Any, Any, list[Any]]:
    """The shapes of two batches of images as tensors, and nodes that check that they fit.

    ValueError when they are known not to.
    """
    first, second = one.shape.with_rank_at_least(3), other.shape.with_rank_at_least(3)
    first[-3:].assert_is_compatible_with(second[-3:])
    if first.ndims is not None and second.ndims is not None:
        pairs = zip(reversed(first.dims[:-3]), reversed(second.dims[:-3]), strict=False)
        for a, b in pairs:
            if not (a == 1 or b == 1 or a.is_compatible_with(b)):
                raise ValueError(f"Two images are not compatible: {first} and {second}")
    sizes, others = shape_n([one, other])
    ranked = Assert(emit("GreaterEqual", blocks.size_of(sizes), 3), [sizes, others], summarize=10)
    same = blocks.reduce("All", emit("Equal", sizes[-3:], others[-3:]))
    return sizes, others, [ranked, Assert(same, [sizes, others], summarize=10)]


def _on_one_scale(max_val: Any, one: Any, other: Any) -> tuple[Any, Any, Any]:
    """The greatest value and both images as float32."""
    max_val = convert_image_dtype(cast(max_val, one.dtype), dtypes.float32)
    return (
        max_val,
        convert_image_dtype(one, dtypes.float32),
        convert_image_dtype(other, dtypes.float32),
    )


def psnr(a: Any, b: Any, max_val: Any, name: str | None = None) -> Any:
    """The peak signal-to-noise ratio of each pair of images, in decibels: inf for equal ones.

    Args:
        a, b: tensors of one shape, [..., height, width, channels].
        max_val: the range of the values: 255 for uint8, 1.0 for most floats.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.psnr(tf.zeros([4, 4, 1]), tf.fill([4, 4, 1], 0.1), max_val=1.0)))
    20.0
    """
    with name_scope(name, "PSNR", [a, b]):
        max_val, a, b = _on_one_scale(max_val, a, b)
        error = blocks.reduce("Mean", emit("SquaredDifference", a, b), [-3, -2, -1])
        peak = 20 * emit("Log", max_val) / emit("Log", 10.0)
        noise = np.float32(10 / np.log(10)) * emit("Log", error)
        ratio = emit("Sub", peak, noise, name="psnr")
        _, _, checks = _check_alike(a, b)
        with control_dependencies(checks):
            return identity(ratio)


def _gaussian(size: Any, sigma: Any) -> Any:
    """A filter of normal weights, [size, size, 1, 1]."""
    size = convert_to_tensor(size, dtypes.int32)
    sigma = convert_to_tensor(sigma)
    places = cast(blocks.span(0, size), sigma.dtype)
    places = places - cast(size - 1, sigma.dtype) / 2.0
    powers = emit("Square", places)
    powers = powers * (-0.5 / emit("Square", sigma))
    powers = blocks.reshape(powers, [1, -1]) + blocks.reshape(powers, [-1, 1])
    weights = emit("Softmax", blocks.reshape(powers, [1, -1]))
    return blocks.reshape(weights, [size, size, 1, 1])


def _likeness(
    x: Any, y: Any, average: Callable[[Any], Any], max_val: Any, k1: float, k2: float
) -> tuple[Any, Any]:
    """Luminance, and contrast times structure, of windows that `average` looks at."""
    c1 = (k1 * max_val) ** 2
    c2 = (k2 * max_val) ** 2
    mean_x, mean_y = average(x), average(y)
    product = mean_x * mean_y * 2.0
    squares = emit("Square", mean_x) + emit("Square", mean_y)
    luminance = (product + c1) / (squares + c1)
    mixed = average(x * y) * 2.0
    own = average(emit("Square", x) + emit("Square", y))
    c2 = c2 * 1.0
    return luminance, (mixed - product + c2) / (own - squares + c2)


def _by_window(
    one: Any, other: Any, max_val: Any, size: Any, sigma: Any, k1: float, k2: float
) -> tuple[Any, Any]:
    """For each channel: the structural similarity, and its part without luminance."""
    size = constant(size, dtype=dtypes.int32)
    sigma = constant(sigma, dtype=one.dtype)
    first, second = shape_n([one, other])
    checks = [
        Assert(blocks.reduce("All", emit("GreaterEqual", sizes[-3:-1], size)), [sizes, size], summarize=8)
        for sizes in (first, second)
    ]
    with control_dependencies(checks):
        one = identity(one)
    kernel = tile(_gaussian(size, sigma), [1, 1, first[-1], 1])

    def average(x: Any) -> Any:
        sizes = shape(x)
        flat = blocks.reshape(x, concat([[-1], sizes[-3:]], 0))
        found = _by_channel(flat, kernel)
        return blocks.reshape(found, concat([sizes[:-3], shape(found)[1:]], 0))

    luminance, structure = _likeness(one, other, average, max_val, k1, k2)
    axes = constant([-3, -2], dtype=dtypes.int32)
    whole = blocks.reduce("Mean", luminance * structure, axes)
    return whole, blocks.reduce("Mean", structure, axes)


def ssim(
    img1: Any,
    img2: Any,
    max_val: Any,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """The structural similarity of each pair of images, in (-1, 1]: 1 for equal ones.

    Args:
        img1, img2: tensors, [..., height, width, channels], of one type; their first dimensions broadcast.
        max_val: the range of the values: 255 for uint8, 1.0 for most floats.
        filter_size, filter_sigma: the windows, which must fit into the images.
        k1, k2: small constants against divisions by zero.

    Raises:
        ValueError: the shapes do not fit; InvalidArgumentError when that shows in the run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.image.ssim(tf.zeros([2, 16, 16, 3]), tf.zeros([2, 16, 16, 3]), max_val=1.0).shape)
    (2,)
    """
    _, _, checks = _check_alike(img1, img2)
    with control_dependencies(checks):
        img1 = identity(img1)
    max_val, img1, img2 = _on_one_scale(max_val, img1, img2)
    by_channel, _ = _by_window(img1, img2, max_val, filter_size, filter_sigma, k1, k2)
    return blocks.reduce("Mean", by_channel, [-1])


def ssim_multiscale(
    img1: Any,
    img2: Any,
    max_val: Any,
    power_factors: Sequence[float] = SCALE_WEIGHTS,
    filter_size: int = 11,
    filter_sigma: float = 1.5,
    k1: float = 0.01,
    k2: float = 0.03,
) -> Any:
    """The product of structural similarities of images and of smaller and smaller copies of them.

    Args:
        power_factors: the power of each scale's part; their number is that of the scales. The images must be
            large enough for a window at the last one, which is 2**(n - 1) times smaller.

    The other arguments and the errors are those of `ssim`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     image = tf.zeros([2, 32, 32, 3])
    ...     print(tf.image.ssim_multiscale(image, image, 1.0, power_factors=(0.5, 0.5)).shape)
    (2,)
    """
    with name_scope(None, "MS-SSIM", [img1, img2]):
        images = [convert_to_tensor(img1, name="img1"), convert_to_tensor(img2, name="img2")]
        sizes, others, checks = _check_alike(*images)
        with control_dependencies(checks):
            images[0] = identity(images[0])
        max_val, *images = _on_one_scale(max_val, *images)
        heads = [s[:-3] for s in (sizes, others)]
        tails = [s[-3:] for s in (sizes, others)]
        halves = constant([2, 2, 1], dtype=dtypes.int32)
        parts = []
        by_channel: Any = None
        for number in range(len(power_factors)):
            with name_scope(None, f"Scale{number}", images):
                if number > 0:
                    images, tails = _halved(images, heads, tails, halves)
                one, other = images
                by_channel, structure = _by_window(one, other, max_val, filter_size, filter_sigma, k1, k2)
                parts.append(emit("Relu", structure))
        parts.pop()
        whole = stack([*parts, emit("Relu", by_channel)], axis=-1)
        product = blocks.reduce("Prod", emit("Pow", whole, list(power_factors)), [-1])
        return blocks.reduce("Mean", product, [-1])


def _halved(images: Any, heads: Any, tails: Any, halves: Any) -> tuple[Any, Any]:
    """Images of half the size, odd ones padded first, and their last three dimensions."""
    flat = [blocks.reshape(x, concat([[-1], tail], 0)) for x, tail in zip(images, tails, strict=True)]
    rest = tails[0] % halves
    odd = blocks.reduce("Any", emit("NotEqual", rest, 0))
    even = cond(odd, lambda: _made_even(flat, rest), lambda: flat)
    window = [1, 2, 2, 1]
    small = [emit("AvgPool", x, ksize=window, strides=window, padding="VALID") for x in even]
    tails = [sizes[1:] for sizes in shape_n(small)]
    joined = zip(small, heads, tails, strict=True)
    return [blocks.reshape(x, concat([head, tail], 0)) for x, head, tail in joined], tails


def _made_even(images: Any, rest: Any) -> list[Any]:
    widths = pad(blocks.expand_dims(rest, -1), [[1, 0], [1, 0]])
    return [pad(x, widths, mode="SYMMETRIC") for x in images]
