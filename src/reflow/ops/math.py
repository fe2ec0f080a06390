"""Elementwise functions of one tensor: sign, rounding, powers, roots, exponentials, logarithms, sigmoids."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph import shapes
from reflow.graph.graph import constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.elementwise import conj_of
from reflow.ops.families import unary
from reflow.ops.sparse_values import of_sparse_too

NONE = (None,)


def _after(grad: Any) -> Any:
    """A rule's nodes that need not be made before the gradient arrives wait for it."""
    return control_dependencies([grad])


# Magnitude and sign


def _abs_gradient(op: Any, grad: Any) -> Any:
    return [grad * emit("Sign", op.inputs[0])]


def _complex_abs_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    numerator = _as_complex(grad) * x
    denominator = _as_complex(y)
    with name_scope("div_no_nan") as scope:
        return [emit("DivNoNan", numerator, denominator, name=scope)]


def _as_complex(real: Any) -> Any:
    """`real + 0j`."""
    zero = blocks.zeros_like(real)
    wide = real.dtype.base_dtype == dtypes.float64
    return emit("Complex", real, zero, Tout=dtypes.complex128 if wide else dtypes.complex64)


@of_sparse_too
@op("Abs", shape=shapes.unchanged, kernel=lambda xp, x: xp.abs(x), gradient=_abs_gradient)
@op(
    "ComplexAbs",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.abs(x),
    gradient=_complex_abs_gradient,
)
def abs(x: Any, name: str | None = None) -> Any:
    """The absolute value of each element; of complex elements the magnitude, a real number.

    >>> import reflow as tf
    >>> tf.Session().run(tf.abs([-1.5, 2.0]))
    array([1.5, 2. ], dtype=float32)
    """
    with name_scope(name, "Abs", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex:
            return emit("ComplexAbs", x, Tout=x.dtype.real_dtype, name=scope)
        return emit("Abs", x, name=scope)


@of_sparse_too
@unary("Neg", lambda xp, x: -x, lambda op, grad: [-grad])
def negative(x: Any, name: str | None = None) -> Any:
    """`-x`, elementwise.

    >>> import reflow as tf
    >>> tf.Session().run(tf.negative([1, -2]))
    array([-1,  2], dtype=int32)
    """


def _sign_kernel(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return xp.sign(x)
    return (x > 0).astype(x.dtype) - (x < 0).astype(x.dtype)  # the sign of NaN and of -0.0 is 0


def _sign_gradient(op: Any, grad: Any) -> Any:
    x = op.inputs[0]
    return [blocks.zeros(blocks.shape_of(x), x.dtype.base_dtype)]


@of_sparse_too
@unary("Sign", _sign_kernel, _sign_gradient)
def sign(x: Any, name: str | None = None) -> Any:
    """-1, 0 or 1 as each element is negative, zero (or NaN) or positive; `x / |x|` of complex elements.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sign([-2.0, 0.0, 3.0]))
    array([-1.,  0.,  1.], dtype=float32)
    """


# Rounding


def _rounding(numpy_name: str) -> Any:
    return lambda xp, x: getattr(xp, numpy_name)(x)


@unary("Floor", _rounding("floor"), lambda op, grad: NONE)
def floor(x: Any, name: str | None = None) -> Any:
    """The largest whole number not above each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.floor([-0.5, 1.5]))
    array([-1.,  1.], dtype=float32)
    """


@unary("Ceil", _rounding("ceil"), lambda op, grad: NONE)
def ceil(x: Any, name: str | None = None) -> Any:
    """The smallest whole number not below each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.ceil([-0.5, 1.5]))
    array([-0.,  2.], dtype=float32)
    """


@unary("Rint", _rounding("rint"), lambda op, grad: NONE)
def rint(x: Any, name: str | None = None) -> Any:
    """The nearest whole number to each element; of two that are equally near, the even one.

    >>> import reflow as tf
    >>> tf.Session().run(tf.rint([0.5, 1.5, 1.7]))
    array([0., 2., 2.], dtype=float32)
    """


def _round_kernel(xp: Any, x: Any) -> Any:
    return x if x.dtype.kind in "iu" else xp.rint(x)


@op("Round", shape=shapes.unchanged, kernel=_round_kernel, gradient=lambda op, grad: NONE)
def round(x: Any, name: str | None = None) -> Any:
    """The nearest whole number to each element, half-way cases to the even one; integers as they are.

    >>> import reflow as tf
    >>> tf.Session().run(tf.round([0.5, 1.5, -2.5]))
    array([ 0.,  2., -2.], dtype=float32)
    """
    x = convert_to_tensor(x, name="x")
    return x if x.dtype.is_integer else emit("Round", x, name=name)


# Powers and roots


def _square_gradient(op: Any, grad: Any) -> Any:
    x = op.inputs[0]
    with _after(grad):
        x = blocks.conj(x)
        two = constant(2.0, dtype=x.dtype.base_dtype)
        return [emit("Mul", grad, emit("Mul", x, two))]


@of_sparse_too
@unary("Square", lambda xp, x: x * x, _square_gradient)
def square(x: Any, name: str | None = None) -> Any:
    """`x * x`, elementwise.

    >>> import reflow as tf
    >>> tf.Session().run(tf.square([-2.0, 3.0]))
    array([4., 9.], dtype=float32)
    """


def _sqrt_grad_gradient(op: Any, grad: Any) -> Any:
    a, y = op.inputs[0], op.outputs[0]
    with _after(grad):
        ga = grad / a
        return [-blocks.conj(ga) * y, 0.5 * ga]


register(
    "SqrtGrad",  # (y, dy) -> dy / (2 conj(y)), y being the root
    shape=shapes.unchanged,
    kernel=lambda xp, y, dy: dy / (2 * conj_of(xp, y)),
    gradient=_sqrt_grad_gradient,
)


@of_sparse_too
@unary("Sqrt", lambda xp, x: xp.sqrt(x), lambda op, grad: [emit("SqrtGrad", op.outputs[0], grad)])
def sqrt(x: Any, name: str | None = None) -> Any:
    """The square root of each element: NaN of negative ones. TypeError for integers.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sqrt([4.0, 9.0]))
    array([2., 3.], dtype=float32)
    """


def _rsqrt_grad_gradient(op: Any, grad: Any) -> Any:
    a, b = op.inputs
    with _after(grad):
        ca, cg = blocks.conj(a), blocks.conj(grad)
        grad_a = -1.5 * cg * b * emit("Square", ca)
        return [grad_a, emit("RsqrtGrad", ca, grad)]


def _rsqrt_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    y = conj_of(xp, y)
    return -(dy * (y * y * y)) / 2


register(
    "RsqrtGrad",  # (y, dy) -> -dy conj(y)^3 / 2, y being the inverse root
    shape=shapes.unchanged,
    kernel=_rsqrt_grad_kernel,
    gradient=_rsqrt_grad_gradient,
)


def _rsqrt_kernel(xp: Any, x: Any) -> Any:
    inverse = 1 / xp.sqrt(x)
    return inverse if x.dtype.kind == "c" else xp.abs(inverse)  # of -0.0 it is inf


@unary("Rsqrt", _rsqrt_kernel, lambda op, grad: [emit("RsqrtGrad", op.outputs[0], grad)])
def rsqrt(x: Any, name: str | None = None) -> Any:
    """`1 / sqrt(x)`, elementwise.

    >>> import reflow as tf
    >>> tf.Session().run(tf.rsqrt([4.0, 16.0]))
    array([0.5 , 0.25], dtype=float32)
    """


def _inverse_grad_gradient(op: Any, grad: Any) -> Any:
    b = op.inputs[1]
    with _after(grad):
        ca, cg = blocks.conj(op.inputs[0]), blocks.conj(grad)
        return [cg * -2.0 * b * ca, emit("ReciprocalGrad", ca, grad)]


def _inverse_grad_kernel(xp: Any, y: Any, dy: Any) -> Any:
    y = conj_of(xp, y)
    return -dy * (y * y)


for _kind in ("InvGrad", "ReciprocalGrad"):  # (y, dy) -> -dy conj(y)^2, y being the inverse
    register(_kind, shape=shapes.unchanged, kernel=_inverse_grad_kernel, gradient=_inverse_grad_gradient)


def _inverse_kernel(xp: Any, x: Any) -> Any:
    if x.dtype.kind in "iu":
        return xp.where(xp.abs(x) == 1, x, xp.zeros_like(x))
    return 1 / x


def _inverse_gradient(op: Any, grad: Any) -> Any:
    return [emit("ReciprocalGrad", op.outputs[0], grad)]


register("Inv", shape=shapes.unchanged, kernel=_inverse_kernel, gradient=_inverse_gradient)


@unary("Reciprocal", _inverse_kernel, _inverse_gradient)
def reciprocal(x: Any, name: str | None = None) -> Any:
    """`1 / x`, elementwise.

    >>> import reflow as tf
    >>> tf.Session().run(tf.reciprocal([4.0, -0.5]))
    array([ 0.25, -2.  ], dtype=float32)
    """


def reciprocal_no_nan(x: Any, name: str | None = None) -> Any:
    """`1 / x`, elementwise, and 0 where `x` is 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.reciprocal_no_nan([4.0, 0.0]))
    array([0.25, 0.  ], dtype=float32)
    """
    with name_scope(name, "reciprocal_no_nan", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        one = constant(1, dtype=x.dtype.base_dtype, name="one")
        return emit("DivNoNan", one, x, name=scope)


# Exponentials and logarithms


def _exp_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [grad * blocks.conj(op.outputs[0])]


@unary("Exp", lambda xp, x: xp.exp(x), _exp_gradient)
def exp(x: Any, name: str | None = None) -> Any:
    """e to the power of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.exp([0.0, 1.0])).round(4)
    array([1.    , 2.7183], dtype=float32)
    """


def _expm1_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [grad * emit("Exp", blocks.conj(op.inputs[0]))]


@unary("Expm1", lambda xp, x: xp.expm1(x), _expm1_gradient)
def expm1(x: Any, name: str | None = None) -> Any:
    """`exp(x) - 1`, elementwise, exact for small elements too.

    >>> import reflow as tf
    >>> tf.Session().run(tf.expm1([0.0, 1e-10]))
    array([0.e+00, 1.e-10], dtype=float32)
    """


def _log_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [grad * emit("Reciprocal", blocks.conj(op.inputs[0]))]


@unary("Log", lambda xp, x: xp.log(x), _log_gradient)
def log(x: Any, name: str | None = None) -> Any:
    """The natural logarithm of each element: -inf of 0, NaN of negative elements.

    >>> import reflow as tf
    >>> tf.Session().run(tf.log([1.0, 0.0]))
    array([  0., -inf], dtype=float32)
    """


def _log1p_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [grad * emit("Reciprocal", 1 + blocks.conj(op.inputs[0]))]


@unary("Log1p", lambda xp, x: xp.log1p(x), _log1p_gradient)
def log1p(x: Any, name: str | None = None) -> Any:
    """`log(1 + x)`, elementwise, exact for small elements too.

    >>> import reflow as tf
    >>> tf.Session().run(tf.log1p([0.0, 1e-10]))
    array([0.e+00, 1.e-10], dtype=float32)
    """


# Sigmoids and their kin


def _sigmoid_kernel(xp: Any, x: Any) -> Any:
    if xp is np or x.dtype.kind == "c":
        return 1 / (1 + xp.exp(-x))
    import jax

    return jax.nn.sigmoid(x)


def _sigmoid_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [emit("SigmoidGrad", blocks.conj(op.outputs[0]), grad)]


def _sigmoid_grad_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        a, b = blocks.conj(op.inputs[0]), blocks.conj(op.inputs[1])
        gb = grad * b
        return [gb - 2.0 * gb * a, emit("SigmoidGrad", a, grad)]


register(
    "SigmoidGrad",  # (y, dy) -> dy y (1 - y), y being the (conjugate) sigmoid
    shape=shapes.unchanged,
    kernel=lambda xp, y, dy: dy * (y * (1 - y)),
    gradient=_sigmoid_grad_gradient,
)


@unary("Sigmoid", _sigmoid_kernel, _sigmoid_gradient)
def sigmoid(x: Any, name: str | None = None) -> Any:
    """The logistic function `1 / (1 + exp(-x))`, elementwise.

    >>> import reflow as tf
    >>> tf.Session().run(tf.sigmoid([0.0, 100.0]))
    array([0.5, 1. ], dtype=float32)
    """


def log_sigmoid(x: Any, name: str | None = None) -> Any:
    """`log(sigmoid(x))`, elementwise, exact where the sigmoid is nearly 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.log_sigmoid([-200.0]))
    array([-200.], dtype=float32)
    """
    with name_scope(name, "LogSigmoid", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return emit("Neg", emit("Softplus", -x), name=scope)


def _tanh_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        return [emit("TanhGrad", blocks.conj(op.outputs[0]), grad)]


def _tanh_grad_gradient(op: Any, grad: Any) -> Any:
    with _after(grad):
        a, b = blocks.conj(op.inputs[0]), blocks.conj(op.inputs[1])
        return [grad * -2.0 * b * a, emit("TanhGrad", a, grad)]


register(
    "TanhGrad",  # (y, dy) -> dy (1 - y^2), y being the (conjugate) hyperbolic tangent
    shape=shapes.unchanged,
    kernel=lambda xp, y, dy: dy * (1 - y * y),
    gradient=_tanh_grad_gradient,
)


@of_sparse_too
@unary("Tanh", lambda xp, x: xp.tanh(x), _tanh_gradient)
def tanh(x: Any, name: str | None = None) -> Any:
    """The hyperbolic tangent of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.tanh([0.0, 1.0])).round(4)
    array([0.    , 0.7616], dtype=float32)
    """


def _softplus_grad_gradient(op: Any, grad: Any) -> Any:
    dy, x = op.inputs
    with _after(grad):
        ddy = emit("SoftplusGrad", grad, x)
        return [ddy, grad * dy / (emit("Exp", -x) + 2.0 + emit("Exp", x))]


register(
    "SoftplusGrad",  # (dy, x) -> dy sigmoid(x)
    shape=shapes.merged_inputs,
    kernel=lambda xp, dy, x: dy / (1 + xp.exp(-x)),
    gradient=_softplus_grad_gradient,
)


@op(
    "Softplus",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.logaddexp(x, xp.zeros_like(x)),
    gradient=lambda op, grad: [grad * emit("Sigmoid", op.inputs[0])],
)
def softplus(features: Any, name: str | None = None) -> Any:
    """`log(exp(x) + 1)` of each element, without overflow.

    >>> import reflow as tf
    >>> tf.Session().run(tf.nn.softplus([0.0, 1000.0])).round(4)
    array([6.931e-01, 1.000e+03], dtype=float32)
    """
    return emit("Softplus", features, name=name)


def _softsign_grad_kernel(xp: Any, dy: Any, x: Any) -> Any:
    scale = 1 + xp.abs(x)
    return dy / (scale * scale)


register("SoftsignGrad", shape=shapes.merged_inputs, kernel=_softsign_grad_kernel)


@op(
    "Softsign",
    shape=shapes.unchanged,
    kernel=lambda xp, x: x / (1 + xp.abs(x)),
    gradient=lambda op, grad: [emit("SoftsignGrad", grad, op.inputs[0])],
)
def softsign(features: Any, name: str | None = None) -> Any:
    """`x / (|x| + 1)` of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.nn.softsign([1.0, -3.0]))
    array([ 0.5 , -0.75], dtype=float32)
    """
    return emit("Softsign", features, name=name)


# Kinds of numbers


@unary("IsNan", lambda xp, x: xp.isnan(x), None)
def is_nan(x: Any, name: str | None = None) -> Any:
    """Whether each element is not a number; booleans of the shape of `x`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.is_nan([1.0, float("nan")]))
    array([False,  True])
    """


@unary("IsInf", lambda xp, x: xp.isinf(x), None)
def is_inf(x: Any, name: str | None = None) -> Any:
    """Whether each element is positive or negative infinity; booleans of the shape of `x`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.is_inf([1.0, float("-inf")]))
    array([False,  True])
    """


@unary("IsFinite", lambda xp, x: xp.isfinite(x), None)
def is_finite(x: Any, name: str | None = None) -> Any:
    """Whether each element is neither infinite nor NaN; booleans of the shape of `x`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.is_finite([1.0, float("nan")]))
    array([ True, False])
    """
