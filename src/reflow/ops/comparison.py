"""Comparison and logic: elementwise ops whose results are booleans."""

from __future__ import annotations

from typing import Any

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.graph import emit
from reflow.graph.registry import op
from reflow.ops.elementwise import broadcasting
from reflow.ops.families import binary, unary

# Comparison


def _equality_shape(node: Any) -> TensorShape:
    if node.attrs["incompatible_shape_error"]:
        return shapes.broadcast(node)
    return unknown_shape()


def _equality_kernel(differ: bool) -> Any:
    compare = broadcasting(lambda xp, x, y: x != y if differ else x == y)

    def kernel(xp: Any, x: Any, y: Any, *, incompatible_shape_error: bool) -> Any:
        if not incompatible_shape_error and not _fit(x.shape, y.shape):
            return xp.asarray(differ)
        return xp.asarray(compare(xp, x, y), bool)

    return kernel


def _fit(x: tuple[int, ...], y: tuple[int, ...]) -> bool:
    return all(a == b or 1 in (a, b) for a, b in zip(reversed(x), reversed(y), strict=False))


@op("Equal", shape=_equality_shape, kernel=_equality_kernel(False), gradient=None)
def equal(x: Any, y: Any, name: str | None = None) -> Any:
    """`x == y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.equal([1, 2, 3], 2))
    array([False,  True, False])
    """
    return emit("Equal", x, y, name=name)


@op("NotEqual", shape=_equality_shape, kernel=_equality_kernel(True), gradient=None)
def not_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """`x != y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.not_equal([1, 2, 3], 2))
    array([ True, False,  True])
    """
    return emit("NotEqual", x, y, name=name)


@binary("Less", broadcasting(lambda xp, x, y: x < y), None)
def less(x: Any, y: Any, name: str | None = None) -> Any:
    """`x < y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.less([1, 2, 3], 2))
    array([ True, False, False])
    """


@binary("LessEqual", broadcasting(lambda xp, x, y: x <= y), None)
def less_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """`x <= y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.less_equal([1, 2, 3], 2))
    array([ True,  True, False])
    """


@binary("Greater", broadcasting(lambda xp, x, y: x > y), None)
def greater(x: Any, y: Any, name: str | None = None) -> Any:
    """`x > y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.greater([1, 2, 3], 2))
    array([False, False,  True])
    """


@binary("GreaterEqual", broadcasting(lambda xp, x, y: x >= y), None)
def greater_equal(x: Any, y: Any, name: str | None = None) -> Any:
    """`x >= y`, elementwise with broadcasting: booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.greater_equal([1, 2, 3], 2))
    array([False,  True,  True])
    """


def _approximate_kernel(xp: Any, x: Any, y: Any, *, tolerance: float) -> Any:
    return xp.abs(x - y) < tolerance


@op("ApproximateEqual", shape=shapes.merged_inputs, kernel=_approximate_kernel, gradient=None)
def approximate_equal(x: Any, y: Any, tolerance: float = 1e-5, name: str | None = None) -> Any:
    """Whether `|x - y| < tolerance`, elementwise; the inputs are of one shape.

    >>> import reflow as tf
    >>> from reflow.python.ops.math_ops import approximate_equal
    >>> tf.Session().run(approximate_equal([1.0, 2.0], [1.1, 3.0], tolerance=0.5))
    array([ True, False])
    """
    return emit("ApproximateEqual", x, y, tolerance=tolerance, name=name)


# Logic


@binary("LogicalAnd", broadcasting(lambda xp, x, y: xp.logical_and(x, y)), None)
def logical_and(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether both of `x` and `y`, elementwise with broadcasting. TypeError unless they are booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.logical_and([True, False], True))
    array([ True, False])
    """


@binary("LogicalOr", broadcasting(lambda xp, x, y: xp.logical_or(x, y)), None)
def logical_or(x: Any, y: Any, name: str | None = None) -> Any:
    """Whether one of `x` and `y`, elementwise with broadcasting. TypeError unless they are booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.logical_or([True, False], False))
    array([ True, False])
    """


@unary("LogicalNot", lambda xp, x: xp.logical_not(x), None)
def logical_not(x: Any, name: str | None = None) -> Any:
    """The opposite of each element. TypeError unless `x` is of booleans.

    >>> import reflow as tf
    >>> tf.Session().run(tf.logical_not([True, False]))
    array([False,  True])
    """


def logical_xor(x: Any, y: Any, name: str = "LogicalXor") -> Any:
    """Whether just one of `x` and `y`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.logical_xor([True, False], True))
    array([False,  True])
    """
    either = emit("LogicalOr", x, y)
    return emit("LogicalAnd", either, emit("LogicalNot", emit("LogicalAnd", x, y)), name=name)
