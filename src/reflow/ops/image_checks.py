"""Checks that functions of images share: while building where shapes are known, else as nodes.

The public functions of images take one image [height, width, channels] or a batch of them.
"""

from __future__ import annotations

from typing import Any

from reflow.base.shape import TensorShape
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import emit
from reflow.ops import blocks
from reflow.ops.check import Assert, assert_equal, assert_greater_equal, assert_positive
from reflow.ops.control import with_dependencies
from reflow.ops.joining import unstack

WRONG_RANK = "'image' must have either 3 or 4 dimensions."


def check(condition: Any, message: str) -> list[Any]:
    """ValueError at once for a Python condition that does not hold; a list with a node for a tensor's."""
    if is_tensor_like(condition):
        return [Assert(condition, [message])]
    if not condition:
        raise ValueError(message)
    return []


def positive_sizes(image: Any) -> Any:
    """A node that fails unless all dimensions are positive."""
    return assert_positive(blocks.shape_of(image), ["all dims of 'image.shape' must be > 0."])


def check_at_least_3d(image: Any) -> list[Any]:
    """Nodes that check what the static shape leaves open: rank 3 or more, no dimension 0."""
    try:
        ranked = image.shape.ndims is not None
        shape: TensorShape = image.shape.with_rank_at_least(3) if ranked else image.shape.with_rank(3)
    except ValueError:
        raise ValueError("'image' must be at least three-dimensional.") from None
    if 0 in (shape.ints or ()):
        raise ValueError(f"all dims of 'image.shape' must be > 0: {shape}")
    if shape.is_fully_defined():
        return []
    return [
        positive_sizes(image),
        assert_greater_equal(blocks.rank_of(image), 3, message="'image' must be at least three-dimensional."),
    ]


def at_least_3d(image: Any) -> Any:
    """`image`, after the checks of `check_at_least_3d`."""
    return with_dependencies(check_at_least_3d(image), image)


def grayscale(image: Any) -> Any:
    """`image`, after a check that its last dimension is 1."""
    return with_dependencies(_check_grayscale(image), image)


def _check_grayscale(image: Any) -> list[Any]:
    try:
        ranked = image.shape.ndims is not None
        shape: TensorShape = image.shape.with_rank_at_least(2) if ranked else image.shape.with_rank(2)
    except ValueError:
        raise ValueError("A grayscale image must be at least two-dimensional.") from None
    if shape.is_fully_defined():
        if shape.ints[-1] != 1:  # type: ignore[index]
            raise ValueError("Last dimension of a grayscale image should be size 1.")
        return []
    last = blocks.shape_of(image)[-1]
    return [
        assert_equal(last, 1, message="Last dimension of a grayscale image should be size 1."),
        assert_greater_equal(
            blocks.rank_of(image), 3, message="A grayscale image must be at least two-dimensional."
        ),
    ]


def dimensions(image: Any, rank: int) -> list[Any]:
    """The sizes of `image`: numbers where they are known, else scalar tensors."""
    if image.shape.is_fully_defined():
        return image.shape.as_list()  # type: ignore[no-any-return]
    known = image.shape.with_rank(rank).as_list()
    sizes = unstack(blocks.shape_of(image), rank)
    return [size if number is None else number for number, size in zip(known, sizes, strict=True)]


def as_batch(image: Any) -> tuple[Any, bool]:
    """`image` as a batch of images, and whether it is one already. ValueError for ranks but 3 and 4."""
    rank = image.shape.ndims
    if rank == 4:
        return image, True
    if rank not in (3, None):
        raise ValueError(WRONG_RANK)
    batch = blocks.expand_dims(image, 0)
    if rank is None:
        batch.set_shape([None] * 4)
    return batch, False


def maximum(x: Any, y: Any) -> Any:
    """The greater of two numbers or scalar tensors."""
    return emit("Maximum", x, y) if is_tensor_like(x) or is_tensor_like(y) else max(x, y)


def minimum(x: Any, y: Any) -> Any:
    """The less of two numbers or scalar tensors."""
    return emit("Minimum", x, y) if is_tensor_like(x) or is_tensor_like(y) else min(x, y)


def equal(x: Any, y: Any) -> Any:
    """Whether two numbers or scalar tensors are equal."""
    return emit("Equal", x, y) if is_tensor_like(x) or is_tensor_like(y) else x == y


def known(sizes: list[Any]) -> list[int | None]:
    """Sizes as far as they are numbers."""
    return [None if is_tensor_like(size) else size for size in sizes]
