"""The bits of integers, elementwise."""

from __future__ import annotations

from typing import Any

from reflow.graph import shapes
from reflow.graph.registry import register
from reflow.ops.elementwise import broadcasting
from reflow.ops.families import binary, unary


def _bit_count(xp: Any, x: Any) -> Any:
    return xp.bitwise_count(x.view(f"uint{8 * x.dtype.itemsize}")).astype("uint8")


register("PopulationCount", shape=shapes.unchanged, kernel=_bit_count, gradient=None)


@binary("BitwiseAnd", broadcasting(lambda xp, x, y: x & y), None)
def bitwise_and(x: Any, y: Any, name: str | None = None) -> Any:
    """The bits that are set in both of two integers, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.bitwise_and([6, 5], 3))
    array([2, 1], dtype=int32)
    """


@binary("BitwiseOr", broadcasting(lambda xp, x, y: x | y), None)
def bitwise_or(x: Any, y: Any, name: str | None = None) -> Any:
    """The bits that are set in one or both of two integers, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.bitwise_or([6, 5], 3))
    array([7, 7], dtype=int32)
    """


@binary("BitwiseXor", broadcasting(lambda xp, x, y: x ^ y), None)
def bitwise_xor(x: Any, y: Any, name: str | None = None) -> Any:
    """The bits that are set in just one of two integers, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.bitwise_xor([6, 5], 3))
    array([5, 6], dtype=int32)
    """


@unary("Invert", lambda xp, x: ~x, None)
def invert(x: Any, name: str | None = None) -> Any:
    """Each integer with all its bits flipped.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.invert([0, 5]))
    array([-1, -6], dtype=int32)
    """


def _shift(xp: Any, y: Any) -> Any:
    """A number of places to shift by, not less than 0 nor more than there are."""
    return xp.clip(y, 0, 8 * y.dtype.itemsize - 1)


@binary("LeftShift", broadcasting(lambda xp, x, y: xp.left_shift(x, _shift(xp, y))), None)
def left_shift(x: Any, y: Any, name: str | None = None) -> Any:
    """The bits of `x` moved `y` places to the left, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.left_shift([1, 3], [4, 1]))
    array([16,  6], dtype=int32)
    """


@binary("RightShift", broadcasting(lambda xp, x, y: xp.right_shift(x, _shift(xp, y))), None)
def right_shift(x: Any, y: Any, name: str | None = None) -> Any:
    """The bits of `x` moved `y` places to the right, elementwise with broadcasting; the sign of `x` stays.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitwise.right_shift([16, -8], [4, 1]))
    array([ 1, -4], dtype=int32)
    """
