"""Images mirrored, turned and transposed, always or at random."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops import image_checks as checks
from reflow.ops.case import case
from reflow.ops.casting import cast
from reflow.ops.control_flow import cond
from reflow.ops.random import random_uniform
from reflow.ops.shaping import transpose as transposed


def _shaped_like(image: Any, result: Any) -> Any:
    """`result` with the static shape of `image`, or at least its rank."""
    result.set_shape([None] * 3 if image.shape.ndims is None else image.shape)
    return result


def _is_single(image: Any) -> bool:
    """Whether there is one image, not a batch. ValueError for ranks but 3 and 4."""
    rank = image.shape.ndims
    if rank not in (3, 4, None):
        raise ValueError(checks.WRONG_RANK)
    return bool(rank != 4)


def _flip(image: Any, axis: int, scope_name: str) -> Any:
    """Images reversed along an axis of [height, width, channels]."""
    with name_scope(None, scope_name, [image]):
        image = checks.at_least_3d(convert_to_tensor(image, name="image"))
        if _is_single(image):
            return _shaped_like(image, emit("ReverseV2", image, [axis]))
        return emit("ReverseV2", image, [axis + 1])


def flip_left_right(image: Any) -> Any:
    """Images, [height, width, channels] or a batch, mirrored left to right. ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1, 2, 3], shape=[1, 3, 1])
    ...     print(sess.run(tf.image.flip_left_right(image)).ravel())
    [3 2 1]
    """
    return _flip(image, 1, "flip_left_right")


def flip_up_down(image: Any) -> Any:
    """Images, [height, width, channels] or a batch, turned upside down. ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1, 2, 3], shape=[3, 1, 1])
    ...     print(sess.run(tf.image.flip_up_down(image)).ravel())
    [3 2 1]
    """
    return _flip(image, 0, "flip_up_down")


def _random_flip(image: Any, axis: int, seed: int | None, scope_name: str) -> Any:
    with name_scope(None, scope_name, [image]) as scope:
        image = checks.at_least_3d(convert_to_tensor(image, name="image"))
        if not _is_single(image):
            return _random_flips(image, axis + 1, seed)
        chance = random_uniform([], 0, 1.0, seed=seed)
        mirrored = emit("Less", chance, 0.5)
        result = cond(mirrored, lambda: emit("ReverseV2", image, [axis]), lambda: image, name=scope)
        return _shaped_like(image, result)


def _random_flips(images: Any, axis: int, seed: int | None) -> Any:
    """Each image of a batch flipped or not."""
    count = blocks.shape_of(images)[0]
    chance = random_uniform([count], 0, 1.0, seed=seed)
    flips = emit("Round", blocks.reshape(chance, [count, 1, 1, 1]))
    flips = cast(flips, images.dtype)
    flipped = emit("ReverseV2", images, [axis])
    return flips * flipped + (1 - flips) * images


def random_flip_left_right(image: Any, seed: int | None = None) -> Any:
    """Images mirrored left to right with probability 1/2, each image of a batch on its own.

    Args:
        image: [height, width, channels] or a batch; ValueError for other ranks.
        seed: the seed of the random op; see `tf.set_random_seed`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1, 2, 3], shape=[1, 3, 1])
    ...     flipped = tf.image.random_flip_left_right(image, seed=2)
    ...     print(sess.run(flipped).ravel(), sess.run(flipped).ravel())
    [1 2 3] [3 2 1]
    """
    return _random_flip(image, 1, seed, "random_flip_left_right")


def random_flip_up_down(image: Any, seed: int | None = None) -> Any:
    """Images turned upside down with probability 1/2. Arguments as of `random_flip_left_right`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1, 2, 3], shape=[3, 1, 1])
    ...     flipped = tf.image.random_flip_up_down(image, seed=2)
    ...     print(sess.run(flipped).ravel(), sess.run(flipped).ravel())
    [1 2 3] [3 2 1]
    """
    return _random_flip(image, 0, seed, "random_flip_up_down")


def rot90(image: Any, k: Any = 1, name: str | None = None) -> Any:
    """Images turned counter-clockwise by `k` right angles.

    Args:
        image: [height, width, channels] or a batch; ValueError for other ranks.
        k: a number or an int32 scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image = tf.constant([1, 2, 3, 4], shape=[2, 2, 1])
    ...     print(sess.run(tf.image.rot90(image))[:, :, 0])
    [[2 4]
     [1 3]]
    """
    with name_scope(name, "rot90", [image, k]) as scope:
        image = checks.at_least_3d(convert_to_tensor(image, name="image"))
        k = convert_to_tensor(k, dtype=dtypes.int32, name="k")
        k.shape.assert_has_rank(0)
        k = emit("FloorMod", k, 4)
        return _turned(image, k, 0 if _is_single(image) else 1, scope)


def _turned(image: Any, k: Any, first: int, scope: str) -> Any:
    """`image`, whose height is dimension `first`, turned by k in 0..3 right angles."""
    exchange = [0, 2, 1, 3] if first else [1, 0, 2]
    high, wide = first, first + 1
    turns = [
        (emit("Equal", k, 1), lambda: transposed(emit("ReverseV2", image, [wide]), exchange)),
        (emit("Equal", k, 2), lambda: emit("ReverseV2", image, [high, wide])),
        (emit("Equal", k, 3), lambda: emit("ReverseV2", transposed(image, exchange), [wide])),
    ]
    result = case(turns, default=lambda: image, exclusive=True, name=scope)
    known = image.shape.as_list() if image.shape.ndims is not None else [None] * 3
    result.set_shape([*known[:first], None, None, known[-1]])
    return result


def transpose(image: Any, name: str | None = None) -> Any:
    """Images, [height, width, channels] or a batch, with rows and columns exchanged.

    ValueError for other ranks.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.transpose_image(tf.zeros([2, 5, 3]))).shape)
    (5, 2, 3)
    """
    with name_scope(name, "transpose", [image]):
        image = checks.at_least_3d(convert_to_tensor(image, name="image"))
        return transposed(image, [1, 0, 2] if _is_single(image) else [0, 2, 1, 3], name=name or "transpose")
