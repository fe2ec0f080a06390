"""Ops that move blocks between the batch, space and depth dimensions, and that cut images into patches."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import zeros
from reflow.ops.deprecation import renamed
from reflow.ops.joining import stack

# Space to batch


def _space_to_batch(xp: Any, x: Any, block: Any, paddings: Any) -> Any:
    """Each block's positions as elements of the batch."""
    sizes, pairs = block.tolist(), [(int(a), int(b)) for a, b in paddings]
    count = len(sizes)
    _check_blocks(x, sizes, pairs)
    x = xp.pad(x, [(0, 0), *pairs] + [(0, 0)] * (x.ndim - count - 1))
    for i, size in enumerate(sizes):
        if x.shape[i + 1] % size:
            fail(f"padded_shape[{i}]={x.shape[i + 1]} is not divisible by block_shape[{i}]={size}")
    cut = [n for i, size in enumerate(sizes) for n in (x.shape[i + 1] // size, size)]
    rest = x.shape[count + 1 :]
    x = x.reshape((x.shape[0], *cut, *rest))
    within, across = range(2, 2 * count + 1, 2), range(1, 2 * count + 1, 2)
    x = xp.transpose(x, (*within, 0, *across, *range(2 * count + 1, x.ndim)))
    return x.reshape((x.shape[count] * math.prod(sizes), *x.shape[count + 1 :]))


def _batch_to_space(xp: Any, x: Any, block: Any, crops: Any) -> Any:
    """The inverse of `_space_to_batch`; what it padded is cut off."""
    sizes, pairs = block.tolist(), [(int(a), int(b)) for a, b in crops]
    count, volume = len(sizes), math.prod(sizes)
    _check_blocks(x, sizes, pairs)
    if x.shape[0] % volume:
        fail(f"Input batch dimension ({x.shape[0]}) is not divisible by product of block sizes ({volume})")
    batch, rest = x.shape[0] // volume, x.shape[count + 1 :]
    space = x.shape[1 : count + 1]
    x = x.reshape((*sizes, batch, *space, *rest))
    order = [count] + [axis for i in range(count) for axis in (count + 1 + i, i)]
    x = xp.transpose(x, (*order, *range(2 * count + 1, x.ndim)))
    whole = [n * size for n, size in zip(space, sizes, strict=True)]
    x = x.reshape((batch, *whole, *rest))
    for n, (a, b) in zip(whole, pairs, strict=True):
        if a + b > n:
            fail(f"crops [{a}, {b}] are larger than the dimension they cut, {n}")
    return x[(slice(None), *(slice(a, n - b) for n, (a, b) in zip(whole, pairs, strict=True)))]


def _check_blocks(x: Any, sizes: list[int], pairs: list[tuple[int, int]]) -> None:
    if x.ndim <= len(sizes):
        fail(f"input rank should be >= {1 + len(sizes)} instead of {x.ndim}")
    if len(sizes) != len(pairs):
        fail(f"block_shape has {len(sizes)} elements, paddings or crops {len(pairs)} rows")
    if any(s < 1 for s in sizes) or any(a < 0 or b < 0 for a, b in pairs):
        fail(f"All block_shape values must be positive and paddings non-negative, got {sizes}, {pairs}")


def _nd_shape(to_batch: bool) -> Any:
    def rule(node: Any) -> TensorShape:
        sizes, count = node.inputs[0].shape.ints, node.inputs[1].shape.with_rank(1).ints[0]
        if count is not None and sizes is not None and len(sizes) <= count:
            raise ValueError(f"Shape must be at least rank {count + 1} but is rank {len(sizes)}")
        block, pairs = constant_value(node.inputs[1]), constant_value(node.inputs[2])
        if sizes is None:
            return unknown_shape()
        return _blocked_shape(sizes, count, block, pairs, to_batch)

    return rule


def _blocked_shape(sizes: Any, count: int | None, block: Any, pairs: Any, to_batch: bool) -> TensorShape:
    if count is None:
        return unknown_shape(len(sizes))
    if block is None:
        return TensorShape.of((None,) * (count + 1) + sizes[count + 1 :])
    volume = math.prod(int(b) for b in block)
    batch = sizes[0]
    if batch is not None:
        if not to_batch and batch % volume:
            raise ValueError(f"Dimension size must be evenly divisible by {volume} but is {batch}")
        batch = batch * volume if to_batch else batch // volume
    space = [
        _blocked_size(sizes[i + 1], int(block[i]), None if pairs is None else pairs[i], to_batch)
        for i in range(count)
    ]
    return TensorShape.of((batch, *space, *sizes[count + 1 :]))


def _blocked_size(size: int | None, block: int, pair: Any, to_batch: bool) -> int | None:
    if size is None or pair is None:
        return None
    ends = int(pair[0]) + int(pair[1])
    if not to_batch:
        if size * block < ends:
            raise ValueError(f"Crops {pair.tolist()} are larger than the dimension they cut, {size * block}")
        return size * block - ends
    if (size + ends) % block:
        raise ValueError(f"Dimension size must be evenly divisible by {block} but is {size + ends}")
    return (size + ends) // block


def _nd_gradient(inverse: str) -> Any:
    return lambda op, grad: [emit(inverse, grad, op.inputs[1], op.inputs[2]), None, None]


@op(
    "SpaceToBatchND",
    shape=_nd_shape(True),
    kernel=_space_to_batch,
    gradient=_nd_gradient("BatchToSpaceND"),
    static=(1, 2),
)
def space_to_batch_nd(input: Any, block_shape: Any, paddings: Any, name: str | None = None) -> Tensor:
    """The space dimensions cut into blocks of `block_shape`, whose positions become elements of the batch.

    Args:
        input: a tensor of shape `[batch, space dimensions..., rest...]`.
        block_shape: the size of a block along each space dimension.
        paddings: how much to pad before and after each; the padded sizes must be multiples of the block's.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.space_to_batch_nd([[1, 2, 3, 4]], [2], [[0, 0]])))
    [[1 3]
     [2 4]]
    """
    return emit("SpaceToBatchND", input, block_shape, paddings, name=name)  # type: ignore[no-any-return]


@op(
    "BatchToSpaceND",
    shape=_nd_shape(False),
    kernel=_batch_to_space,
    gradient=_nd_gradient("SpaceToBatchND"),
    static=(1, 2),
)
def batch_to_space_nd(input: Any, block_shape: Any, crops: Any, name: str | None = None) -> Tensor:
    """The inverse of `space_to_batch_nd`: blocks come back from the batch; `crops` is cut off at the ends.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.batch_to_space_nd([[1, 3], [2, 4]], [2], [[0, 0]])))
    [[1 2 3 4]]
    """
    return emit("BatchToSpaceND", input, block_shape, crops, name=name)  # type: ignore[no-any-return]


def _square(kernel: Any) -> Any:
    """The kernel of the older op of two space dimensions and one block size."""
    return lambda xp, x, pairs, *, block_size: kernel(xp, x, np.array([block_size] * 2), pairs)


def _square_shape(to_batch: bool) -> Any:
    def rule(node: Any) -> TensorShape:
        sizes = node.inputs[0].shape.with_rank(4).ints
        pairs = constant_value(node.inputs[1])
        return _blocked_shape(sizes, 2, [node.attrs["block_size"]] * 2, pairs, to_batch)

    return rule


def _square_gradient(inverse: str) -> Any:
    def gradient(op: Any, grad: Any) -> list[Any]:
        block = np.array([op.attrs["block_size"]] * 2, np.int64)
        result = emit(inverse, grad, block, op.inputs[1])
        result.set_shape(result.shape.with_rank(4))
        return [result, None]

    return gradient


register(
    "SpaceToBatch",
    shape=_square_shape(True),
    kernel=_square(_space_to_batch),
    gradient=_square_gradient("BatchToSpaceND"),
    static=(1,),
)
register(
    "BatchToSpace",
    shape=_square_shape(False),
    kernel=_square(_batch_to_space),
    gradient=_square_gradient("SpaceToBatchND"),
    static=(1,),
)


def space_to_batch(
    input: Any,
    paddings: Any,
    block_size: Any = None,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """`space_to_batch_nd` of images with square blocks.

    Args:
        input: a tensor of shape `[batch, height, width, depth]`.
        block_size: the side of a block (also taken as `block_shape`).

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.space_to_batch(tf.zeros([1, 4, 4, 3]), [[0, 0], [0, 0]], 2).shape.as_list()
    [4, 2, 2, 3]
    """
    size = renamed("block_shape", block_shape, "block_size", block_size)
    result = space_to_batch_nd(input, np.array([size, size], np.int64), paddings, name)
    result.set_shape(result.shape.with_rank(4))
    return result


def batch_to_space(
    input: Any,
    crops: Any,
    block_size: Any,
    name: str | None = None,
    block_shape: Any = None,
) -> Tensor:
    """`batch_to_space_nd` of images with square blocks: the inverse of `space_to_batch`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.batch_to_space(tf.zeros([4, 2, 2, 3]), [[0, 0], [0, 0]], 2).shape.as_list()
    [1, 4, 4, 3]
    """
    size = renamed("block_shape", block_shape, "block_size", block_size)
    result = batch_to_space_nd(input, np.array([size, size], np.int64), crops, name)
    result.set_shape(result.shape.with_rank(4))
    return result


def required_space_to_batch_paddings(
    input_shape: Any, block_shape: Any, base_paddings: Any = None, name: str | None = None
) -> tuple[Tensor, Tensor]:
    """The paddings that make a space divisible into blocks, and the crops that undo them.

    Args:
        input_shape: the sizes of the space dimensions.
        block_shape: the sizes of a block, a vector of known length.
        base_paddings: the least padding, of shape `[dimensions, 2]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.required_space_to_batch_paddings([5], [2])))
    [[0 1]] [[0 1]]
    """
    with name_scope(name, "required_space_to_batch_paddings", [input_shape, block_shape]):
        input_shape = convert_to_tensor(input_shape, dtypes.int32, name="input_shape")
        block_shape = convert_to_tensor(block_shape, dtypes.int32, name="block_shape")
        block_shape.shape.assert_is_fully_defined()
        block_shape.shape.assert_has_rank(1)
        count = block_shape.shape.ints[0]
        if count == 0:
            return zeros([0, 2], dtypes.int32), zeros([0, 2], dtypes.int32)
        input_shape.shape.assert_is_compatible_with([count])
        if base_paddings is None:
            base_paddings = zeros([count, 2], dtypes.int32)
        else:
            base_paddings = convert_to_tensor(base_paddings, dtypes.int32, name="base_paddings")
            base_paddings.shape.assert_is_compatible_with([count, 2])
        known = [constant_value(t) for t in (block_shape, input_shape, base_paddings)]
        if all(k is not None for k in known):
            block_shape, input_shape, base_paddings = known
        start, end = base_paddings[:, 0], base_paddings[:, 1]
        whole = input_shape + start + end
        extra = (block_shape - whole % block_shape) % block_shape
        end = end + extra
        paddings = stack([[start[i], end[i]] for i in range(count)], name="paddings")
        return paddings, stack([[0, extra[i]] for i in range(count)], name="crops")


# Space to depth


def _depth_shape(deeper: bool) -> Any:
    def rule(node: Any) -> TensorShape:
        layout = node.attrs["data_format"]
        sizes = node.inputs[0].shape.with_rank(5 if layout == "NCHW_VECT_C" else 4).ints
        return TensorShape.of(tuple(_moved_sizes(sizes, node.attrs["block_size"], layout, deeper)))

    return rule


def _moved_sizes(sizes: Any, block: int, layout: str, deeper: bool) -> list[int | None]:
    result = list(sizes)
    depth_axis = 3 if layout == "NHWC" else 1
    space_axes = (1, 2) if layout == "NHWC" else (2, 3)
    for axis, factor in ((depth_axis, block * block), (space_axes[0], block), (space_axes[1], block)):
        if result[axis] is None:
            continue
        grows = deeper == (axis == depth_axis)
        if not grows and result[axis] % factor:
            raise ValueError(f"Dimension size must be evenly divisible by {factor} but is {result[axis]}")
        result[axis] = result[axis] * factor if grows else result[axis] // factor
    return result


def _space_to_depth(xp: Any, x: Any, *, block_size: int, data_format: str) -> Any:
    b = block_size
    if data_format == "NHWC":
        n, h, w, c = x.shape
        _check_divisible(b, h, w)
        x = x.reshape(n, h // b, b, w // b, b, c)
        return xp.transpose(x, (0, 1, 3, 2, 4, 5)).reshape(n, h // b, w // b, b * b * c)
    n, c, h, w = x.shape[:4]
    _check_divisible(b, h, w)
    x = x.reshape(n, c, h // b, b, w // b, b)
    return xp.transpose(x, (0, 3, 5, 1, 2, 4)).reshape(n, b * b * c, h // b, w // b)


def _depth_to_space(xp: Any, x: Any, *, block_size: int, data_format: str) -> Any:
    b = block_size
    if data_format == "NHWC":
        n, h, w, c = x.shape
        _check_divisible(b * b, c)
        x = x.reshape(n, h, w, b, b, c // (b * b))
        return xp.transpose(x, (0, 1, 3, 2, 4, 5)).reshape(n, h * b, w * b, c // (b * b))
    n, c, h, w = x.shape[:4]
    _check_divisible(b * b, c)
    x = x.reshape(n, b, b, c // (b * b), h, w)
    return xp.transpose(x, (0, 3, 4, 1, 5, 2)).reshape(n, c // (b * b), h * b, w * b)


def _check_divisible(factor: int, *sizes: int) -> None:
    for size in sizes:
        if size % factor:
            fail(f"Dimension size {size} is not divisible by {factor}")


def _depth_gradient(inverse: str) -> Any:
    def gradient(op: Any, grad: Any) -> list[Any]:
        if op.attrs["data_format"] == "NCHW_VECT_C":
            raise ValueError(
                f"Cannot compute {op.type} gradient with NCHW_VECT_C, which requires qint8 data."
            )
        attrs = {name: op.attrs[name] for name in ("block_size", "data_format")}
        return [emit(inverse, grad, **attrs)]

    return gradient


@op(
    "SpaceToDepth", shape=_depth_shape(True), kernel=_space_to_depth, gradient=_depth_gradient("DepthToSpace")
)
def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Images whose square blocks become the channels of one position each.

    Args:
        input: a tensor of shape `[batch, height, width, depth]` (`[batch, depth, height, width]` for "NCHW").
        block_size: the side of a block, a divisor of height and width.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.space_to_depth([[[[1], [2]], [[3], [4]]]], 2)))
    [[[[1 2 3 4]]]]
    """
    return emit("SpaceToDepth", input, block_size=block_size, data_format=data_format, name=name)  # type: ignore[no-any-return]


@op(
    "DepthToSpace",
    shape=_depth_shape(False),
    kernel=_depth_to_space,
    gradient=_depth_gradient("SpaceToDepth"),
)
def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """The inverse of `space_to_depth`: the channels of each position become a block.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.depth_to_space([[[[1, 2, 3, 4]]]], 2))[0, :, :, 0])
    [[1 2]
     [3 4]]
    """
    return emit("DepthToSpace", input, block_size=block_size, data_format=data_format, name=name)  # type: ignore[no-any-return]


# Patches


def _window(size: int | None, kernel: int, stride: int, padding: str) -> tuple[int | None, int]:
    """How many windows fit, and how much padding goes before the first."""
    if size is None:
        return None, 0
    if padding == "VALID":
        return max(0, -(-(size - kernel + 1) // stride)), 0
    count = -(-size // stride)
    return count, max(0, (count - 1) * stride + kernel - size) // 2


def _spread_sizes(ksizes: list[int], rates: list[int]) -> list[int]:
    return [k + (k - 1) * (r - 1) for k, r in zip(ksizes, rates, strict=True)]


def _patches_shape(node: Any) -> TensorShape:
    ksizes, strides = node.attrs["ksizes"], node.attrs["strides"]
    rates = node.attrs.get("rates", [1] * len(ksizes))
    sizes = node.inputs[0].shape.with_rank(len(ksizes)).ints
    spread = _spread_sizes(ksizes, rates)
    space = [
        _window(sizes[i], spread[i], strides[i], node.attrs["padding"])[0] for i in range(1, len(sizes) - 1)
    ]
    depth = None if sizes[-1] is None else sizes[-1] * math.prod(ksizes)
    return TensorShape.of((sizes[0], *space, depth))


def _patches(xp: Any, x: Any, ksizes: list[int], strides: list[int], rates: list[int], padding: str) -> Any:
    """All windows of the space dimensions, each flattened into the depth."""
    spread = _spread_sizes(ksizes, rates)
    axes = range(1, x.ndim - 1)
    fits = [_window(x.shape[i], spread[i], strides[i], padding) for i in axes]
    counts = [count or 0 for count, _ in fits]
    ends = [
        (before, max(0, (n - 1) * strides[i] + spread[i] - before - x.shape[i]) if padding == "SAME" else 0)
        for i, n, (_, before) in zip(axes, counts, fits, strict=True)
    ]
    x = xp.pad(x, [(0, 0), *ends, (0, 0)])
    parts = []
    for offsets in np.ndindex(*(ksizes[i] for i in axes)):
        index = [
            slice(o * rates[i], o * rates[i] + max(0, (n - 1) * strides[i] + 1), strides[i])
            for o, i, n in zip(offsets, axes, counts, strict=True)
        ]
        parts.append(x[(slice(None), *index)])
    return xp.concatenate(parts, axis=-1)


def _image_patches_kernel(
    xp: Any, x: Any, *, ksizes: list[int], strides: list[int], rates: list[int], padding: str
) -> Any:
    return _patches(xp, x, ksizes, strides, rates, padding)


def _volume_patches_kernel(xp: Any, x: Any, *, ksizes: list[int], strides: list[int], padding: str) -> Any:
    return _patches(xp, x, ksizes, strides, [1] * x.ndim, padding)


@op("ExtractImagePatches", shape=_patches_shape, kernel=_image_patches_kernel)
def extract_image_patches(
    images: Any,
    ksizes: Any = None,
    strides: Any = None,
    rates: Any = None,
    padding: str | None = None,
    name: str | None = None,
    sizes: Any = None,
) -> Tensor:
    """The windows of images, each flattened into the depth dimension of its position.

    Args:
        images: a tensor of shape `[batch, height, width, depth]`.
        ksizes: `[1, height, width, 1]` of a window (also taken as `sizes`).
        strides: `[1, down, across, 1]`: how far apart windows are.
        rates: `[1, down, across, 1]`: how far apart the elements of a window are.
        padding: "VALID" or "SAME" (windows may reach over the edge, where the image is zero).

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     windows, rates = [1, 3, 3, 1], [1, 1, 1, 1]
    ...     tf.extract_image_patches(tf.zeros([1, 9, 9, 1]), windows, windows, rates, "VALID").shape.as_list()
    [1, 3, 3, 9]
    """
    ksizes = renamed("sizes", sizes, "ksizes", ksizes)
    attrs = {"ksizes": ksizes, "strides": strides, "rates": rates, "padding": padding}
    return emit("ExtractImagePatches", images, name=name, **attrs)  # type: ignore[no-any-return]


def extract_image_patches_v2(
    images: Any, sizes: Any, strides: Any, rates: Any, padding: str, name: str | None = None
) -> Tensor:
    """`extract_image_patches` with the argument names of TensorFlow 2."""
    return extract_image_patches(images, sizes, strides, rates, padding, name)


@op("ExtractVolumePatches", shape=_patches_shape, kernel=_volume_patches_kernel)
def extract_volume_patches(
    input: Any, ksizes: Any, strides: Any, padding: str, name: str | None = None
) -> Tensor:
    """The windows of volumes `[batch, planes, rows, columns, depth]`, each flattened into the depth.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     windows = [1, 2, 2, 2, 1]
    ...     tf.extract_volume_patches(tf.zeros([1, 4, 4, 4, 3]), windows, windows, "VALID").shape.as_list()
    [1, 2, 2, 2, 24]
    """
    return emit("ExtractVolumePatches", input, ksizes=ksizes, strides=strides, padding=padding, name=name)  # type: ignore[no-any-return]
