"""Trigonometric and hyperbolic functions, and their inverses, elementwise."""

from __future__ import annotations

from typing import Any

from reflow.base import errors
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import constant, control_dependencies, emit
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops.elementwise import broadcasting
from reflow.ops.families import unary


def _of_input(rule: Any) -> Any:
    """A gradient rule from a function of the gradient and the (conjugate) input."""

    def gradient(op: Any, grad: Any) -> Any:
        with control_dependencies([grad]):
            return [rule(grad, blocks.conj(op.inputs[0]))]

    return gradient


def _of_output(rule: Any) -> Any:
    """A gradient rule from a function of the gradient and the (conjugate) output."""

    def gradient(op: Any, grad: Any) -> Any:
        with control_dependencies([grad]):
            return [rule(grad, blocks.conj(op.outputs[0]))]

    return gradient


def _numpy(name: str) -> Any:
    """NumPy's function of that name; a few signatures allow integers, for which there is no kernel."""

    def kernel(xp: Any, x: Any) -> Any:
        if x.dtype.kind in "iu":
            fail(f"{name} of {x.dtype} is not supported: cast it to a float first", errors.UnimplementedError)
        return getattr(xp, name)(x)

    return kernel


@unary("Sin", _numpy("sin"), _of_input(lambda grad, x: grad * emit("Cos", x)))
def sin(x: Any, name: str | None = None) -> Any:
    """The sine of each element, in radians.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sin([0.0, 1.0])).round(4)
    array([0.    , 0.8415], dtype=float32)
    """


@unary("Cos", _numpy("cos"), _of_input(lambda grad, x: -grad * emit("Sin", x)))
def cos(x: Any, name: str | None = None) -> Any:
    """The cosine of each element, in radians.

    >>> import reflow as tf
    >>> tf.Session().run(tf.cos([0.0, 1.0])).round(4)
    array([1.    , 0.5403], dtype=float32)
    """


def _tan_rule(grad: Any, x: Any) -> Any:
    secant = emit("Reciprocal", emit("Cos", x))
    return emit("Square", secant) * grad


@unary("Tan", _numpy("tan"), _of_input(_tan_rule))
def tan(x: Any, name: str | None = None) -> Any:
    """The tangent of each element, in radians.

    >>> import reflow as tf
    >>> tf.Session().run(tf.tan([0.0, 1.0])).round(4)
    array([0.    , 1.5574], dtype=float32)
    """


def _inverse_of_root(grad: Any, x: Any) -> Any:
    """`1 / sqrt(1 - x^2)`."""
    squared = emit("Square", x)
    one = constant(1, dtype=grad.dtype.base_dtype)
    return emit("Reciprocal", emit("Sqrt", emit("Sub", one, squared)))


def _asin_rule(grad: Any, x: Any) -> Any:
    inverse = _inverse_of_root(grad, x)
    return grad * inverse


def _acos_rule(grad: Any, x: Any) -> Any:
    inverse = _inverse_of_root(grad, x)
    return -grad * inverse


@unary("Asin", _numpy("arcsin"), _of_input(_asin_rule))
def asin(x: Any, name: str | None = None) -> Any:
    """The angle in [-pi/2, pi/2] whose sine each element is; NaN outside [-1, 1].

    >>> import reflow as tf
    >>> tf.Session().run(tf.asin([0.0, 1.0])).round(4)
    array([0.    , 1.5708], dtype=float32)
    """


@unary("Acos", _numpy("arccos"), _of_input(_acos_rule))
def acos(x: Any, name: str | None = None) -> Any:
    """The angle in [0, pi] whose cosine each element is; NaN outside [-1, 1].

    >>> import reflow as tf
    >>> tf.Session().run(tf.acos([0.0, 1.0])).round(4)
    array([1.5708, 0.    ], dtype=float32)
    """


def _atan_rule(grad: Any, x: Any) -> Any:
    squared = emit("Square", x)
    one = constant(1, dtype=grad.dtype.base_dtype)
    inverse = emit("Reciprocal", emit("Add", one, squared))
    return grad * inverse


@unary("Atan", _numpy("arctan"), _of_input(_atan_rule))
def atan(x: Any, name: str | None = None) -> Any:
    """The angle in (-pi/2, pi/2) whose tangent each element is.

    >>> import reflow as tf
    >>> tf.Session().run(tf.atan([0.0, 1.0])).round(4)
    array([0.    , 0.7854], dtype=float32)
    """


def _atan2_gradient(op: Any, grad: Any) -> Any:
    y, x = op.inputs
    with control_dependencies([grad]):
        scaled = grad / (emit("Square", x) + emit("Square", y))
        return [x * scaled, -y * scaled]


@op(
    "Atan2",
    shape=shapes.broadcast,
    kernel=broadcasting(lambda xp, y, x: xp.arctan2(y, x)),
    gradient=_atan2_gradient,
)
def atan2(y: Any, x: Any, name: str | None = None) -> Any:
    """The angle in [-pi, pi] of each point (x, y), seen from the origin.

    >>> import reflow as tf
    >>> tf.Session().run(tf.atan2([1.0, 0.0], [0.0, -1.0])).round(4)
    array([1.5708, 3.1416], dtype=float32)
    """
    return emit("Atan2", y, x, name=name)


@unary("Sinh", _numpy("sinh"), _of_input(lambda grad, x: grad * emit("Cosh", x)))
def sinh(x: Any, name: str | None = None) -> Any:
    """The hyperbolic sine of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sinh([0.0, 1.0])).round(4)
    array([0.    , 1.1752], dtype=float32)
    """


@unary("Cosh", _numpy("cosh"), _of_input(lambda grad, x: grad * emit("Sinh", x)))
def cosh(x: Any, name: str | None = None) -> Any:
    """The hyperbolic cosine of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.cosh([0.0, 1.0])).round(4)
    array([1.    , 1.5431], dtype=float32)
    """


@unary("Asinh", _numpy("arcsinh"), _of_output(lambda grad, y: grad / emit("Cosh", y)))
def asinh(x: Any, name: str | None = None) -> Any:
    """The inverse hyperbolic sine of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.asinh([0.0, 1.0])).round(4)
    array([0.    , 0.8814], dtype=float32)
    """


@unary("Acosh", _numpy("arccosh"), _of_output(lambda grad, y: grad / emit("Sinh", y)))
def acosh(x: Any, name: str | None = None) -> Any:
    """The inverse hyperbolic cosine of each element; NaN below 1.

    >>> import reflow as tf
    >>> tf.Session().run(tf.acosh([1.0, 2.0])).round(4)
    array([0.   , 1.317], dtype=float32)
    """


def _atanh_rule(grad: Any, x: Any) -> Any:
    squared = emit("Square", x)
    one = constant(1, dtype=grad.dtype.base_dtype)
    inverse = emit("Reciprocal", emit("Sub", one, squared))
    return grad * inverse


@unary("Atanh", _numpy("arctanh"), _of_input(_atanh_rule))
def atanh(x: Any, name: str | None = None) -> Any:
    """The inverse hyperbolic tangent of each element; NaN outside [-1, 1].

    >>> import reflow as tf
    >>> tf.Session().run(tf.atanh([0.0, 0.5])).round(4)
    array([0.    , 0.5493], dtype=float32)
    """
