"""Boxes in images: cut out and resized, drawn, chosen at random, and glimpses.

A box is [y_min, x_min, y_max, x_max], in units of the image's height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.deprecation import renamed
from reflow.ops.image_samples import SampledBox
from reflow.ops.random import initial_state

SINGLE = np.float32
# The colors of a box that is given none: yellow, blue, red, lime, purple, olive, maroon, navy, aqua, fuchsia.
PALETTE = np.array(
    [
        [1, 1, 0, 1],
        [0, 0, 1, 1],
        [1, 0, 0, 1],
        [0, 1, 0, 1],
        [0.5, 0, 0.5, 1],
        [0.5, 0.5, 0, 1],
        [0.5, 0, 0, 1],
        [0, 0, 0.5, 1],
        [0, 1, 1, 1],
        [1, 0, 1, 1],
    ],
    SINGLE,
)


# Crops of any place, resized


class _Places:
    """Along one axis, for each box: where each pixel of the crop lies in the image."""

    def __init__(self, xp: Any, low: Any, high: Any, size: int, length: int, nearest: bool) -> None:
        self.xp, self.last, self.size = xp, length - 1, size
        steps = np.arange(size, dtype=SINGLE)[None, :]
        if size > 1:
            stride = (high - low) * SINGLE(self.last) / SINGLE(size - 1)
            at = low[:, None] * SINGLE(self.last) + steps * stride[:, None]
        else:
            at = (SINGLE(0.5) * (low + high) * SINGLE(self.last))[:, None]
        self.inside = (at >= 0) & (at <= self.last)
        at = xp.where(self.inside, at, xp.zeros_like(at))
        self.closest = self._index(xp.floor(at + SINGLE(0.5)))
        self.lower, self.upper = self._index(xp.floor(at)), self._index(xp.ceil(at))
        self.part = xp.zeros_like(at) if nearest else at - xp.floor(at)
        if nearest:
            self.lower = self.upper = self.closest

    def _index(self, places: Any) -> Any:
        return self.xp.clip(places.astype(np.int32), 0, max(self.last, 0))

    def weights(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """Both neighbours with their weights."""
        return (self.lower, 1 - self.part), (self.upper, self.part)


def _check_boxes(xp: Any, images_shape: Any, boxes: Any, box_ind: Any) -> None:
    require(xp, len(images_shape) == 4, "input image must be 4-D, got rank {}", len(images_shape))
    require(
        xp, boxes.ndim == 2 and boxes.shape[1] == 4, "boxes must be 2-D with 4 columns{}", mats.shown(boxes)
    )
    ok = box_ind.ndim == 1 and box_ind.shape[0] == boxes.shape[0]
    require(xp, ok, "box_index has incompatible shape {} for {} boxes", mats.shown(box_ind), boxes.shape[0])
    if box_ind.shape[0]:
        ok = xp.all((box_ind >= 0) & (box_ind < images_shape[0]))
        message = "box_index has values outside [0, batch_size): {}"
        require(xp, ok, message, box_ind, error=errors.OutOfRangeError)


def _crop_places(
    xp: Any, boxes: Any, crop: tuple[int, int], image_shape: Any, nearest: bool = False
) -> tuple[_Places, _Places]:
    rows = _Places(xp, boxes[:, 0], boxes[:, 2], crop[0], image_shape[1], nearest)
    columns = _Places(xp, boxes[:, 1], boxes[:, 3], crop[1], image_shape[2], nearest)
    return rows, columns


def _corners(x: Any, box_ind: Any, rows: _Places, columns: _Places) -> tuple[Any, Any, Any, Any]:
    """The four pixels around each place: [boxes, height, width, channels] each."""
    image = box_ind[:, None, None]
    top, bottom = rows.lower[:, :, None], rows.upper[:, :, None]
    left, right = columns.lower[:, None, :], columns.upper[:, None, :]
    return x[image, top, left], x[image, top, right], x[image, bottom, left], x[image, bottom, right]


def _crop_kernel(
    xp: Any,
    image: Any,
    boxes: Any,
    box_ind: Any,
    crop_size: Any,
    *,
    method: str,
    extrapolation_value: float,
) -> Any:
    _check_boxes(xp, image.shape, boxes, box_ind)
    require(xp, crop_size.shape == (2,), "crop_size must have two elements{}", mats.shown(crop_size))
    crop = (int(crop_size[0]), int(crop_size[1]))
    require(xp, min(crop) > 0, "crop dimensions must be positive: {}", list(crop))
    require(xp, min(image.shape[1:3]) > 0, "image dimensions must be positive: {}", mats.shown(image))
    x = xp.asarray(image.astype(SINGLE))
    nearest = _text(method) == "nearest"
    rows, columns = _crop_places(xp, boxes, crop, image.shape, nearest)
    if not boxes.shape[0] or not image.shape[0]:
        return xp.zeros((boxes.shape[0], *crop, image.shape[3]), SINGLE)
    top_left, top_right, bottom_left, bottom_right = _corners(x, box_ind, rows, columns)
    across, down = columns.part[:, None, :, None], rows.part[:, :, None, None]
    top = top_left + (top_right - top_left) * across
    bottom = bottom_left + (bottom_right - bottom_left) * across
    inside = rows.inside[:, :, None, None] & columns.inside[:, None, :, None]
    return xp.where(inside, top + (bottom - top) * down, SINGLE(extrapolation_value))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _inside(rows: _Places, columns: _Places, grads: Any) -> Any:
    """The gradients of places inside of the image, 0 for the others."""
    inside = rows.inside[:, :, None, None] & columns.inside[:, None, :, None]
    return rows.xp.where(inside, grads, rows.xp.zeros_like(grads))


def _crop_grad_image(
    xp: Any, grads: Any, boxes: Any, box_ind: Any, image_size: Any, *, method: str, T: dtypes.DType
) -> Any:
    shape = tuple(int(n) for n in image_size)
    _check_boxes(xp, shape, boxes, box_ind)
    rows, columns = _crop_places(xp, boxes, grads.shape[1:3], shape, _text(method) == "nearest")
    kind = np.dtype(T.as_numpy_dtype)
    working = np.float64 if kind == np.float64 else SINGLE
    kept = _inside(rows, columns, grads).astype(working)
    total = xp.zeros(shape, working)
    image = box_ind[:, None, None]
    for row, down in rows.weights():
        for column, across in columns.weights():
            share = (kept * down[:, :, None, None] * across[:, None, :, None]).astype(working)
            total = _added(xp, total, (image, row[:, :, None], column[:, None, :]), share)
    return total.astype(kind)


def _added(xp: Any, total: Any, index: Any, values: Any) -> Any:
    if xp is np:
        np.add.at(total, index, values)
        return total
    return total.at[index].add(values)


def _crop_grad_boxes(xp: Any, grads: Any, image: Any, boxes: Any, box_ind: Any) -> Any:
    _check_boxes(xp, image.shape, boxes, box_ind)
    if not boxes.shape[0]:
        return xp.zeros((0, 4), SINGLE)
    rows, columns = _crop_places(xp, boxes, grads.shape[1:3], image.shape)
    corners = _corners(xp.asarray(image.astype(SINGLE)), box_ind, rows, columns)
    top_left, top_right, bottom_left, bottom_right = corners
    across, down = columns.part[:, None, :, None], rows.part[:, :, None, None]
    kept = _inside(rows, columns, grads)
    by_row = (1 - across) * (bottom_left - top_left) + across * (bottom_right - top_right)
    by_column = (1 - down) * (top_right - top_left) + down * (bottom_right - bottom_left)
    y_low, y_high = _ends(xp, xp.sum(by_row * kept, axis=(2, 3)), rows)
    x_low, x_high = _ends(xp, xp.sum(by_column * kept, axis=(1, 3)), columns)
    return xp.stack([y_low, x_low, y_high, x_high], axis=1)


def _ends(xp: Any, slopes: Any, places: _Places) -> tuple[Any, Any]:
    """The gradients of both ends of an axis from those of the places between."""
    if places.size == 1:
        half = xp.sum(slopes, axis=1) * SINGLE(0.5 * places.last)
        return half, half
    far = np.arange(places.size, dtype=SINGLE) * SINGLE(places.last / (places.size - 1))
    return xp.sum(slopes * (SINGLE(places.last) - far), axis=1), xp.sum(slopes * far, axis=1)


def _crop_shape(node: Any) -> TensorShape:
    channels = mats.ranked(node.inputs[0].shape, 4)[3]
    count, columns = mats.ranked(node.inputs[1].shape, 2)
    mats.same(columns, 4)
    count = mats.same(count, mats.ranked(node.inputs[2].shape, 1)[0])
    mats.same(mats.ranked(node.inputs[3].shape, 1)[0], 2)
    size = constant_value_as_shape(node.inputs[3]).ints or (None, None)
    return TensorShape.of((count, *size, channels))


def _crop_gradient(node: Any, grad: Any) -> list[Any]:
    image, boxes, box_ind = node.inputs[:3]
    shape = image.shape.as_list() if image.shape.is_fully_defined() else blocks.shape_of(image)
    given_back = None
    if image.dtype.base_dtype in (dtypes.float16, dtypes.float32, dtypes.float64):
        given_back = emit(
            "CropAndResizeGradImage",
            grad,
            boxes,
            box_ind,
            shape,
            T=node.attrs["T"],
            method=node.attrs["method"],
        )
    moved = emit("CropAndResizeGradBoxes", grad, image, boxes, box_ind)
    return [given_back, moved, None, None]


def _image_size_shape(node: Any) -> TensorShape:
    return constant_value_as_shape(node.inputs[3]).merge_with([None] * 4)


def _no_second(op_type: str) -> Callable[..., Any]:
    def refuse(node: Any, *grads: Any) -> Any:
        raise LookupError(f"No gradient defined for operation '{node.name}' (op type: {op_type})")

    return refuse


register(
    "CropAndResizeGradImage",
    shape=_image_size_shape,
    kernel=_crop_grad_image,
    static=(3,),
    gradient=_no_second("CropAndResizeGradImage"),
)
register(
    "CropAndResizeGradBoxes",
    shape=lambda node: node.inputs[2].shape,
    kernel=_crop_grad_boxes,
    gradient=_no_second("CropAndResizeGradBoxes"),
)


@op("CropAndResize", shape=_crop_shape, kernel=_crop_kernel, gradient=_crop_gradient, static=(3,))
def crop_and_resize(
    image: Any,
    boxes: Any,
    box_ind: Any = None,
    crop_size: Any = None,
    method: str = "bilinear",
    extrapolation_value: float = 0,
    name: str | None = None,
    box_indices: Any = None,
) -> Any:
    """Boxes cut out of images and resized to one size.

    Args:
        image: [batch, height, width, channels], of a number type.
        boxes: float32 [boxes, 4]; their edges are corner pixels' centres, and may lie outside of the image
            or in the wrong order, which mirrors the crop.
        box_indices: int32 [boxes]: the image of each box; `box_ind` is the old name.
        crop_size: int32 [2]: the height and width of the crops.
        method: "bilinear" or "nearest".
        extrapolation_value: what is outside of the image.

    Returns:
        float32, [boxes, crop height, crop width, channels].

    Raises:
        ValueError: the shapes do not fit.
        OutOfRangeError: when run, for an image number that there is not.
        InvalidArgumentError: when run, for a size that is not positive.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    ...     crop = tf.image.crop_and_resize(image, [[0.0, 0.0, 0.5, 0.5]], [0], [2, 2])
    ...     print(sess.run(crop)[0, :, :, 0])
    [[0. 1.]
     [3. 4.]]
    """
    indices = renamed("box_indices", box_indices, "box_ind", box_ind)
    return emit(
        "CropAndResize",
        image,
        boxes,
        indices,
        crop_size,
        method=method,
        extrapolation_value=extrapolation_value,
        name=name,
    )


# Glimpses


def _glimpse_offset(offset: Any, length: int, size: int, centered: bool, normalized: bool) -> int:
    """Where a glimpse begins along an axis."""
    place = float(offset) * length if normalized else float(offset)
    if centered:
        place = place / 2 + length / 2
    return int(SINGLE(place - size / 2))


def _noise(image: Any, shape: tuple[int, ...], uniform: bool, kind: str) -> Any:
    """What a glimpse shows outside of the image: numbers drawn afresh in every run, or zeros."""
    random = np.random.default_rng()
    if uniform or kind == "uniform":
        return (random.random(shape) * (image.max() - image.min()) + image.min()).astype(SINGLE)
    if kind == "gaussian":
        mean, deviation = image.mean(axis=(0, 1)), image.std(axis=(0, 1))
        return np.maximum(random.normal(size=shape) * deviation + mean, 0).astype(SINGLE)
    return np.zeros(shape, SINGLE)


def _glimpse_kernel(ctx: Any, images: Any, size: Any, offsets: Any) -> Any:
    attrs = ctx.node.attrs
    require(np, images.ndim == 4, "input must be 4-dimensional{}", mats.shown(images))
    require(np, size.shape == (2,), "input must be a vector of size 2{}", mats.shown(size))
    ok = offsets.shape == (images.shape[0], 2)
    require(np, ok, "input must be a matrix of size [batch, 2]{}", mats.shown(offsets))
    height, width = (int(n) for n in size)
    require(np, height >= 0 and width >= 0, "sizes must not be negative: {}", [height, width])
    options = (attrs["centered"], attrs["normalized"])
    kind = _text(attrs["noise"])
    found = np.zeros((images.shape[0], height, width, images.shape[3]), SINGLE)
    for image, (y, x), glimpse in zip(images, offsets, found, strict=True):
        top = _glimpse_offset(y, image.shape[0], height, *options)
        left = _glimpse_offset(x, image.shape[1], width, *options)
        rows = slice(max(top, 0), min(top + height, image.shape[0]))
        columns = slice(max(left, 0), min(left + width, image.shape[1]))
        part = (
            image[rows, columns] if rows.start < rows.stop and columns.start < columns.stop else image[:0, :0]
        )
        if part.shape != glimpse.shape:
            glimpse[:] = _noise(image, glimpse.shape, attrs["uniform_noise"], kind)
        if part.size:
            y0, x0 = rows.start - top, columns.start - left
            glimpse[y0 : y0 + part.shape[0], x0 : x0 + part.shape[1]] = part
    return found


def _glimpse_shape(node: Any) -> TensorShape:
    batch, _, _, channels = mats.ranked(node.inputs[0].shape, 4)
    rows, columns = mats.ranked(node.inputs[2].shape, 2)
    mats.same(columns, 2)
    mats.same(mats.ranked(node.inputs[1].shape, 1)[0], 2)
    size = constant_value(node.inputs[1])
    known = (None, None) if size is None else (int(size[0]), int(size[1]))
    return TensorShape.of((mats.same(batch, rows), *known, channels))


@op("ExtractGlimpse", shape=_glimpse_shape, host=_glimpse_kernel, gradient=None)
def extract_glimpse(
    input: Any,  # noqa: A002
    size: Any,
    offsets: Any,
    centered: bool = True,
    normalized: bool = True,
    uniform_noise: bool = True,
    name: str | None = None,
) -> Any:
    """A window out of each image; what lies outside of the image is noise. Not differentiable.

    Args:
        input: float32 [batch, height, width, channels].
        size: int32 [2]: the window's height and width.
        offsets: float32 [batch, 2]: where the window's middle is (y, x).
        centered: offsets count from the image's middle: (0, 0) is there, (-1, -1) the upper left corner.
        normalized: offsets are in units of the image's height and width; else in pixels.
        uniform_noise: uniform numbers between the image's least and greatest, else zeros. (The noise is new
            in every run.)

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    ...     print(sess.run(tf.image.extract_glimpse(image, [1, 1], [[0.0, 0.0]])).ravel())
    [4.]
    """
    return emit(
        "ExtractGlimpse",
        input,
        size,
        offsets,
        centered=centered,
        normalized=normalized,
        uniform_noise=uniform_noise,
        name=name,
    )


# Drawing


def _edges(box: Any, height: int, width: int) -> tuple[int, int, int, int] | None:
    """The pixels of a box's edges; None when nothing of it can be seen."""
    scaled = box * np.array([height - 1, width - 1, height - 1, width - 1], SINGLE)
    if not np.isfinite(scaled).all():
        return None
    top, left, bottom, right = (int(n) for n in scaled)
    if top > bottom or left > right or top >= height or left >= width or bottom < 0 or right < 0:
        return None
    return top, left, bottom, right


def _draw_box(image: Any, edges: tuple[int, int, int, int], color: Any) -> None:
    height, width = image.shape[:2]
    top, left, bottom, right = edges
    rows, columns = slice(max(top, 0), bottom + 1), slice(max(left, 0), right + 1)
    if top >= 0:
        image[top, columns] = color
    if bottom < height:
        image[bottom, columns] = color
    if left >= 0:
        image[rows, left] = color
    if right < width:
        image[rows, right] = color


def _draw_kernel(ctx: Any, images: Any, boxes: Any, colors: Any = None) -> Any:
    require(np, images.ndim == 4, "The rank of the images should be 4: {}", mats.shown(images))
    ok = boxes.ndim == 3 and boxes.shape[2] == 4
    require(np, ok, "The rank of the boxes tensor should be 3, of 4 numbers each: {}", mats.shown(boxes))
    ok = images.shape[0] == boxes.shape[0]
    require(np, ok, "The batch sizes should be the same: {} {}", mats.shown(images), mats.shown(boxes))
    depth = images.shape[3]
    ok = depth in (1, 3, 4)
    require(np, ok, "Channel depth should be either 1 (GRY), 3 (RGB), or 4 (RGBA), got {}", depth)
    if colors is None or not colors.size:
        colors = PALETTE
    ok = colors.ndim == 2 and colors.shape[1] >= depth
    require(np, ok, "colors must be 2-D with {} columns or more: {}", depth, mats.shown(colors))
    drawn = images.copy()
    for image, own in zip(drawn, boxes.astype(SINGLE), strict=True):
        for i, box in enumerate(own):
            edges = _edges(box, *image.shape[:2])
            if edges is not None:
                color = colors[i % len(colors)][:depth]
                _draw_box(image, edges, np.ones(1, SINGLE) if depth == 1 else color)
    return drawn


def _drawn_shape(node: Any) -> TensorShape:
    shape = node.inputs[0].shape
    return shape if shape.ndims in (None, 3) else shape.with_rank_at_least(3)  # type: ignore[no-any-return]


register("DrawBoundingBoxesV2", shape=_drawn_shape, host=_draw_kernel, gradient=None)


@op("DrawBoundingBoxes", shape=_drawn_shape, host=_draw_kernel, gradient=None)
def draw_bounding_boxes(images: Any, boxes: Any, name: str | None = None, colors: Any = None) -> Any:
    """Images with boxes drawn in, one pixel wide. Not differentiable.

    Args:
        images: float32 or float16, [batch, height, width, 1, 3 or 4].
        boxes: float32 [batch, boxes, 4].
        colors: float32 [colors, 3 or 4], taken in turn; ten colors of different hue by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     drawn = tf.image.draw_bounding_boxes(tf.zeros([1, 3, 4, 1]), [[[0.0, 0.0, 1.0, 1.0]]])
    ...     print(sess.run(drawn)[0, :, :, 0])
    [[1. 1. 1. 1.]
     [1. 0. 0. 1.]
     [1. 1. 1. 1.]]
    """
    if colors is None:
        return emit("DrawBoundingBoxes", images, boxes, name=name)
    return emit("DrawBoundingBoxesV2", images, boxes, colors, name=name)


# Random boxes


def _sampling_kernel(
    ctx: Any, state: Any, image_size: Any, bounding_boxes: Any, min_object_covered: Any = None
) -> tuple[Any, ...]:
    attrs = ctx.node.attrs
    require(np, image_size.shape == (3,), "image_size must contain 3 elements{}", mats.shown(image_size))
    ok = bounding_boxes.ndim == 3 and bounding_boxes.shape[2] == 4
    require(np, ok, "input boxes must be 3-dimensional, of 4 numbers each{}", mats.shown(bounding_boxes))
    covered = attrs["min_object_covered"] if min_object_covered is None else min_object_covered
    height, width = int(image_size[0]), int(image_size[1])
    require(np, height > 0 and width > 0, "Image height and width must be positive: {}", [height, width])
    require(np, covered >= 0, "Min object covered must be non-negative: {}", covered)
    boxes = bounding_boxes.reshape(-1, 4)
    if not len(boxes) and not attrs["use_image_if_no_bounding_boxes"]:
        fail(
            "No bounding boxes provided as input. One must enable use_image_if_no_bounding_boxes if you wish "
            "to not provide any bounding boxes."
        )
    sampled = SampledBox(state, attrs)
    top, left, rows, columns = sampled.draw(height, width, boxes, SINGLE(covered))
    kind = image_size.dtype
    pixels = np.array([top, left, top + rows, left + columns], SINGLE)
    box = pixels / np.array([height, width, height, width], SINGLE)
    begin, size = np.array([top, left, 0], kind), np.array([rows, columns, -1], np.int64).astype(kind)
    return sampled.next_state, begin, size, box[None, None]


def _sampled_shapes(node: Any) -> list[TensorShape]:
    return [TensorShape.of((3,)), TensorShape.of((3,)), TensorShape.of((1, 1, 4))]


for _type in ("SampleDistortedBoundingBox", "SampleDistortedBoundingBoxV2"):
    register(_type, shape=_sampled_shapes, host=_sampling_kernel, state=initial_state, gradient=None)


def sample_distorted_bounding_box(
    image_size: Any,
    bounding_boxes: Any,
    seed: int | None = None,
    seed2: int | None = None,
    min_object_covered: Any = 0.1,
    aspect_ratio_range: Any = None,
    area_range: Any = None,
    max_attempts: int | None = None,
    use_image_if_no_bounding_boxes: bool | None = None,
    name: str | None = None,
) -> Any:
    """A random box of an image that shows enough of one of the bounding boxes; the whole image if none does.

    Args:
        image_size: [3]: height, width and channels, of an integer type.
        bounding_boxes: float32 [batch, boxes, 4].
        seed, seed2: both 0 or None: drawn afresh in every session. (The graph's seed does not count.)
        min_object_covered: how much of a bounding box is to be shown.
        aspect_ratio_range: the least and greatest width / height, [0.75, 1.33] by default.
        area_range: the least and greatest part of the image's area, [0.05, 1.0] by default.
        max_attempts: how often to try, 100 by default.
        use_image_if_no_bounding_boxes: take the image for the only box when there is none; else that is an
            InvalidArgumentError.

    Returns:
        `begin` and `size`, for `tf.slice`, of the type of `image_size`, and the box, float32 [1, 1, 4].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     box = tf.image.sample_distorted_bounding_box([40, 60, 3], [[[0.2, 0.2, 0.8, 0.8]]], seed=1)
    ...     begin, size, _ = sess.run(box)
    ...     print(begin[2], size[2])
    0 -1
    """
    with name_scope(name, "sample_distorted_bounding_box"):
        return emit(
            "SampleDistortedBoundingBoxV2",
            image_size,
            bounding_boxes,
            min_object_covered,
            seed=seed,
            seed2=seed2,
            aspect_ratio_range=aspect_ratio_range,
            area_range=area_range,
            max_attempts=max_attempts,
            use_image_if_no_bounding_boxes=use_image_if_no_bounding_boxes,
            name=name,
        )
