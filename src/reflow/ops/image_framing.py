"""Images cut, padded and resized to a frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops import image_checks as checks
from reflow.ops.casting import cast
from reflow.ops.control import with_dependencies
from reflow.ops.joining import stack
from reflow.ops.padding import pad
from reflow.ops.shaping import squeeze


class ResizeMethod:
    """The kinds of interpolation of `resize_images`."""

    BILINEAR = 0
    NEAREST_NEIGHBOR = 1
    BICUBIC = 2
    AREA = 3


RESIZERS = {
    ResizeMethod.BILINEAR: "ResizeBilinear",
    ResizeMethod.NEAREST_NEIGHBOR: "ResizeNearestNeighbor",
    ResizeMethod.BICUBIC: "ResizeBicubic",
    ResizeMethod.AREA: "ResizeArea",
    "bilinear": "ResizeBilinear",
    "nearest": "ResizeNearestNeighbor",
    "bicubic": "ResizeBicubic",
    "area": "ResizeArea",
}


# Crops


def central_crop(image: Any, central_fraction: float) -> Any:
    """The middle of images: `central_fraction` of their height and width.

    Args:
        image: [height, width, channels] or a batch; its rank must be known.
        central_fraction: a number in (0, 1].

    Raises:
        ValueError: the fraction is out of its range, or the rank is neither 3 nor 4.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.image.central_crop(tf.zeros([8, 6, 3]), 0.5).shape)
    (4, 4, 3)
    """
    with name_scope(None, "central_crop", [image]):
        image = convert_to_tensor(image, name="image")
        if not 0.0 < central_fraction <= 1.0:
            raise ValueError("central_fraction must be within (0, 1]")
        if central_fraction == 1.0:
            return image
        checks.at_least_3d(image)
        rank = image.shape.ndims
        if rank not in (3, 4):
            raise ValueError(
                f"`image` should either be a Tensor with rank = 3 or rank = 4. Had rank = {rank}."
            )
        sizes = [_size_of(image, rank - 3), _size_of(image, rank - 2)]
        starts = [_central_start(size, central_fraction) for size in sizes]
        lengths = [size - start * 2 for size, start in zip(sizes, starts, strict=True)]
        batch = [0] if rank == 4 else []
        begin = stack([*batch, *starts, 0])
        part = emit("Slice", image, begin, stack([*[-1 for _ in batch], *lengths, -1]))
        known = image.shape.as_list()
        part.set_shape([*known[: rank - 3], *checks.known(lengths), known[-1]])
        return part


def _size_of(image: Any, axis: int) -> Any:
    """A dimension as a number, or else as a tensor."""
    known = image.shape.as_list()[axis]
    return blocks.shape_of(image)[axis] if known is None else known


def _central_start(size: Any, fraction: float) -> Any:
    """Where the middle begins."""
    if not is_tensor_like(size):
        return int((float(size) - float(size) * fraction) / 2)
    whole = cast(size, dtypes.float64)
    return cast((whole - whole * fraction) / 2, dtypes.int32)


def crop_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """The part of images of size target_height x target_width whose upper left corner is at the offsets.

    Args:
        image: [height, width, channels] or a batch.
        offset_height, offset_width, target_height, target_width: numbers or int32 scalars.

    Raises:
        ValueError: a rank but 3 or 4, a negative offset, a target that is not positive or does not fit;
            InvalidArgumentError when that shows in the run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.reshape(tf.range(9), [3, 3, 1])
    ...     print(sess.run(tf.image.crop_to_bounding_box(image, 1, 0, 2, 2))[:, :, 0])
    [[3 4]
     [6 7]]
    """
    with name_scope(None, "crop_to_bounding_box", [image]):
        image = convert_to_tensor(image, name="image")
        image, is_batch = checks.as_batch(image)
        nodes = checks.check_at_least_3d(image)
        batch, height, width, depth = checks.dimensions(image, 4)
        nodes += checks.check(offset_width >= 0, "offset_width must be >= 0.")
        nodes += checks.check(offset_height >= 0, "offset_height must be >= 0.")
        nodes += checks.check(target_width > 0, "target_width must be > 0.")
        nodes += checks.check(target_height > 0, "target_height must be > 0.")
        nodes += checks.check(width >= target_width + offset_width, "width must be >= target + offset.")
        nodes += checks.check(height >= target_height + offset_height, "height must be >= target + offset.")
        image = with_dependencies(nodes, image)
        begin = stack([0, offset_height, offset_width, 0])
        cropped = emit("Slice", image, begin, stack([-1, target_height, target_width, -1]))
        cropped.set_shape(checks.known([batch, target_height, target_width, depth]))
        return cropped if is_batch else squeeze(cropped, axis=[0])


def pad_to_bounding_box(
    image: Any, offset_height: Any, offset_width: Any, target_height: Any, target_width: Any
) -> Any:
    """Images in a frame of zeros, target_height x target_width, their upper left corner at the offsets.

    Arguments and errors as of `crop_to_bounding_box`: the image must fit into the frame.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.pad_to_bounding_box(tf.ones([1, 2, 1]), 1, 0, 2, 3))[:, :, 0])
    [[0. 0. 0.]
     [1. 1. 0.]]
    """
    with name_scope(None, "pad_to_bounding_box", [image]):
        image = convert_to_tensor(image, name="image")
        image, is_batch = checks.as_batch(image)
        nodes = checks.check_at_least_3d(image)
        batch, height, width, depth = checks.dimensions(image, 4)
        after_width = target_width - offset_width - width
        after_height = target_height - offset_height - height
        nodes += checks.check(offset_height >= 0, "offset_height must be >= 0")
        nodes += checks.check(offset_width >= 0, "offset_width must be >= 0")
        nodes += checks.check(after_width >= 0, "width must be <= target - offset")
        nodes += checks.check(after_height >= 0, "height must be <= target - offset")
        image = with_dependencies(nodes, image)
        widths = stack([0, 0, offset_height, after_height, offset_width, after_width, 0, 0])
        padded = pad(image, blocks.reshape(widths, [4, 2]))
        padded.set_shape(checks.known([batch, target_height, target_width, depth]))
        return padded if is_batch else squeeze(padded, axis=[0])


def resize_image_with_crop_or_pad(image: Any, target_height: Any, target_width: Any) -> Any:
    """Images of a given size, without scaling: cut at both sides, or padded with zeros, evenly.

    Args:
        image: [height, width, channels] or a batch.
        target_height, target_width: numbers or int32 scalars.

    Raises:
        ValueError: a rank but 3 or 4, or a size that is not positive; InvalidArgumentError when that
            shows in the run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.resize_image_with_crop_or_pad(tf.ones([3, 1, 1]), 1, 3))[:, :, 0])
    [[0. 1. 0.]]
    """
    with name_scope(None, "resize_image_with_crop_or_pad", [image]):
        image = convert_to_tensor(image, name="image")
        image, is_batch = checks.as_batch(image)
        nodes = checks.check_at_least_3d(image)
        nodes += checks.check(target_width > 0, "target_width must be > 0.")
        nodes += checks.check(target_height > 0, "target_height must be > 0.")
        image = with_dependencies(nodes, image)
        if is_tensor_like(target_height):
            target_height = with_dependencies(nodes, target_height)
        if is_tensor_like(target_width):
            target_width = with_dependencies(nodes, target_width)
        resized = _cropped_or_padded(image, target_height, target_width)
        return resized if is_batch else squeeze(resized, axis=[0])


def _cropped_or_padded(image: Any, target_height: Any, target_width: Any) -> Any:
    _, height, width, _ = checks.dimensions(image, 4)
    left, right = _offsets(target_width - width)
    top, bottom = _offsets(target_height - height)
    least_height, least_width = checks.minimum(target_height, height), checks.minimum(target_width, width)
    cropped = crop_to_bounding_box(image, top, left, least_height, least_width)
    resized = pad_to_bounding_box(cropped, bottom, right, target_height, target_width)
    _, height, width, _ = checks.dimensions(resized, 4)
    nodes = checks.check(checks.equal(height, target_height), "resized height is not correct.")
    nodes += checks.check(checks.equal(width, target_width), "resized width is not correct.")
    return with_dependencies(nodes, resized)


def _offsets(difference: Any) -> tuple[Any, Any]:
    """How much to cut and how much to pad before an image that lacks so many pixels."""
    return checks.maximum(-difference // 2, 0), checks.maximum(difference // 2, 0)


# Resizing


def resize_images(
    images: Any,
    size: Any,
    method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
    preserve_aspect_ratio: bool = False,
    name: str | None = None,
) -> Any:
    """Images resized by one of the methods of `ResizeMethod`.

    Args:
        images: [height, width, channels] or a batch; the rank must be known.
        size: the new height and width: two numbers or an int32 tensor.
        method: a number or name of `ResizeMethod`.
        align_corners: keep the centres of the corner pixels in place; else the upper left corner stays.
        preserve_aspect_ratio: the largest size inside of `size` with the images' proportions.

    Returns:
        The resized images: float32, or of the images' type for nearest neighbors. Images that have the
        size already, as far as is known while building, are returned as they are.

    Raises:
        ValueError: unknown or wrong ranks, an unknown method.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     image = tf.zeros([10, 20, 3])
    ...     print(tf.image.resize_images(image, [4, 4]).shape)
    ...     print(tf.image.resize_images(image, [4, 4], preserve_aspect_ratio=True).shape)
    (4, 4, 3)
    (2, 4, 3)
    """
    with name_scope(name, "resize", [images, size]):
        images, is_batch = _images_to_resize(convert_to_tensor(images, name="images"))
        known = images.shape.as_list()[1:3]
        size = _size_tensor(size)
        target = _known_size(size)
        if preserve_aspect_ratio:
            size, target = _fitting(images, target), [None, None]  # known to the shape rule only
        if None in (*known, *target) or known != target:
            images = _resized(images, size, method, align_corners)
            images.set_shape([None, *target, None])
        return images if is_batch else squeeze(images, axis=[0])


def _images_to_resize(images: Any) -> tuple[Any, bool]:
    rank = images.shape.ndims
    if rank is None:
        raise ValueError("'images' contains no shape.")
    if rank not in (3, 4):
        raise ValueError("'images' must have either 3 or 4 dimensions.")
    return checks.as_batch(images)


def _size_tensor(size: Any) -> Any:
    try:
        size = convert_to_tensor(size, dtypes.int32, name="size")
    except (TypeError, ValueError):
        raise ValueError("'size' must be a 1-D int32 Tensor") from None
    if not size.shape.is_compatible_with([2]):
        raise ValueError("'size' must be a 1-D Tensor of 2 elements: new_height, new_width")
    return size


def _known_size(size: Any) -> list[int | None]:
    sizes = constant_value_as_shape(size).ints
    return [None, None] if sizes is None else list(sizes)


def _fitting(images: Any, target: list[int | None]) -> Any:
    """The largest size inside of `target` with the proportions of `images`."""
    if None in target:
        raise ValueError("preserve_aspect_ratio needs a 'size' that is known while building the graph")
    _, height, width, _ = checks.dimensions(images, 4)
    rows = cast(target[0], dtypes.float32) / cast(height, dtypes.float32)
    columns = cast(target[1], dtypes.float32) / cast(width, dtypes.float32)
    factor = emit("Minimum", rows, columns)
    scaled = [
        cast(emit("Round", factor * cast(length, dtypes.float32)), dtypes.int32) for length in (height, width)
    ]
    return convert_to_tensor(scaled, dtypes.int32, name="size")


def _resized(images: Any, size: Any, method: Any, align_corners: bool) -> Any:
    if method not in RESIZERS:
        raise ValueError("Resize method is not implemented.")
    return emit(RESIZERS[method], images, size, align_corners=align_corners)


def resize_image_with_pad(
    image: Any,
    target_height: Any,
    target_width: Any,
    method: Any = ResizeMethod.BILINEAR,
    align_corners: bool = False,
) -> Any:
    """Images scaled to fit into a frame with their proportions kept, then padded with zeros evenly.

    Arguments as of `resize_images`, errors as of `resize_image_with_crop_or_pad`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.resize_image_with_pad(tf.ones([2, 4, 1]), 4, 4))[:, :, 0])
    [[0. 0. 0. 0.]
     [1. 1. 1. 1.]
     [1. 1. 1. 1.]
     [0. 0. 0. 0.]]
    """
    with name_scope(None, "resize_image_with_pad", [image]):
        image = convert_to_tensor(image, name="image")
        image, is_batch = checks.as_batch(image)
        nodes = checks.check_at_least_3d(image)
        nodes += checks.check(target_width > 0, "target_width must be > 0.")
        nodes += checks.check(target_height > 0, "target_height must be > 0.")
        image = with_dependencies(nodes, image)

        def resize(images: Any, size: Any) -> Any:
            return resize_images(images, size, method, align_corners=align_corners)

        padded = _scaled_and_padded(image, target_height, target_width, resize)
        return padded if is_batch else squeeze(padded, axis=[0])


def _scaled_and_padded(
    image: Any, target_height: Any, target_width: Any, resize: Callable[[Any, Any], Any]
) -> Any:
    _, height, width, _ = checks.dimensions(image, 4)
    high, wide = cast(height, dtypes.float64), cast(width, dtypes.float64)
    frame_high, frame_wide = cast(target_height, dtypes.float64), cast(target_width, dtypes.float64)
    ratio = checks.maximum(wide / frame_wide, high / frame_high)
    new_high, new_wide = high / ratio, wide / ratio
    size = [cast(emit("Floor", length), dtypes.int32) for length in (new_high, new_wide)]
    space_high, space_wide = (frame_high - new_high) / 2, (frame_wide - new_wide) / 2
    floors = [emit("Floor", space) for space in (space_high, space_wide)]
    top, left = (checks.maximum(0, cast(floor, dtypes.int32)) for floor in floors)
    resized = resize(image, size)
    padded = pad_to_bounding_box(resized, top, left, target_height, target_width)
    checks.dimensions(padded, 4)
    return padded
