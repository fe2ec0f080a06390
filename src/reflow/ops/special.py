"""Special functions, elementwise: error functions, the gamma function and its kin, Bessel functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.broadcasting import broadcast_axes, sum_to
from reflow.ops.elementwise import at_least_single, broadcasting, module_of_special, shown, special
from reflow.ops.families import unary
from reflow.ops.sparse_values import of_sparse_too

# Error functions


def _error_function_gradient(scale: float) -> Any:
    def gradient(op: Any, grad: Any) -> Any:
        factor = constant(scale, dtype=grad.dtype.base_dtype)
        with control_dependencies([grad]):
            x = blocks.conj(op.inputs[0])
            return [grad * factor * emit("Exp", -emit("Square", x))]

    return gradient


@of_sparse_too
@unary("Erf", special("erf"), _error_function_gradient(2 / math.sqrt(math.pi)))
def erf(x: Any, name: str | None = None) -> Any:
    """The error function: twice the integral of `exp(-t^2) / sqrt(pi)` from 0 to each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.erf([0.0, 1.0])).round(4)
    array([0.    , 0.8427], dtype=float32)
    """


@unary("Erfc", special("erfc"), _error_function_gradient(-2 / math.sqrt(math.pi)))
def erfc(x: Any, name: str | None = None) -> Any:
    """`1 - erf(x)`, elementwise, exact for large elements too.

    >>> import reflow as tf
    >>> tf.Session().run(tf.erfc([0.0, 1.0])).round(4)
    array([1.    , 0.1573], dtype=float32)
    """


# The gamma function


def _lgamma_gradient(op: Any, grad: Any) -> Any:
    with control_dependencies([grad]):
        return [grad * emit("Digamma", blocks.conj(op.inputs[0]))]


@unary("Lgamma", special("gammaln"), _lgamma_gradient)
def lgamma(x: Any, name: str | None = None) -> Any:
    """The logarithm of the absolute value of the gamma function of each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.lgamma([1.0, 4.0])).round(4)
    array([0.    , 1.7918], dtype=float32)
    """


def _digamma_gradient(op: Any, grad: Any) -> Any:
    with control_dependencies([grad]):
        x = blocks.conj(op.inputs[0])
        return [grad * emit("Polygamma", constant(1, dtype=x.dtype.base_dtype), x)]


def _digamma_array(xp: Any, x: Any) -> Any:
    pole = (x <= 0) & (x == xp.floor(x))
    return xp.where(pole, xp.inf, at_least_single(xp, module_of_special(xp).digamma, x)).astype(x.dtype)


@unary("Digamma", _digamma_array, _digamma_gradient)
def digamma(x: Any, name: str | None = None) -> Any:
    """The derivative of the logarithm of the gamma function, at each element.

    >>> import reflow as tf
    >>> tf.Session().run(tf.digamma([1.0, 2.0])).round(4)
    array([-0.5772,  0.4228], dtype=float32)
    """


def _second_input_gradient(partial: Any) -> Any:
    """The rule of an op of two inputs that has a derivative for the second one only."""

    def gradient(op: Any, grad: Any) -> Any:
        _, shape, _, axes = broadcast_axes(*op.inputs)
        with control_dependencies([grad]):
            return [None, sum_to(partial(*map(blocks.conj, op.inputs)) * grad, axes, shape)]

    return gradient


def _polygamma_kernel(xp: Any, n: Any, x: Any) -> Any:
    """`(-1)^(n + 1) n! zeta(n + 1, x)`, for n = 0 the digamma function; NaN for other n."""
    functions = module_of_special(xp)
    order = xp.where(n < 1, 1, n).astype(n.dtype)
    sign = 1 - 2 * ((order + 1) % 2)
    value = sign * xp.exp(functions.gammaln(order + 1)) * functions.zeta(order + 1, x)
    value = xp.where(n == 0, _digamma_array(xp, x), value)
    return xp.where((n < 0) | (n != xp.floor(n)), xp.nan, value).astype(x.dtype)


@op(
    "Polygamma",
    shape=shapes.broadcast,
    kernel=broadcasting(_polygamma_kernel),
    gradient=_second_input_gradient(lambda n, x: emit("Polygamma", n + 1, x)),
)
def polygamma(a: Any, x: Any, name: str | None = None) -> Any:
    """The derivative of order `a` of the digamma function, at `x`; NaN unless `a` is a whole number >= 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.polygamma(1.0, 1.0)).round(4)
    np.float32(1.6449)
    """
    return emit("Polygamma", a, x, name=name)


def _zeta_kernel(xp: Any, x: Any, q: Any) -> Any:
    pole = (x > 1) & (q <= 0) & (q == xp.floor(q))
    return xp.where(pole, xp.inf, module_of_special(xp).zeta(x, q)).astype(x.dtype)


@op(
    "Zeta",
    shape=shapes.broadcast,
    kernel=broadcasting(_zeta_kernel),
    gradient=_second_input_gradient(lambda x, q: -x * emit("Zeta", x + 1, q)),
)
def zeta(x: Any, q: Any, name: str | None = None) -> Any:
    """The Hurwitz zeta function: the sum of `(q + n)^-x` over all n >= 0. NaN for x < 1.

    >>> import reflow as tf
    >>> tf.Session().run(tf.zeta(2.0, 1.0)).round(4)
    np.float32(1.6449)
    """
    return emit("Zeta", x, q, name=name)


def _igamma_kernel(name: str) -> Any:
    def kernel(xp: Any, a: Any, x: Any) -> Any:
        value = getattr(module_of_special(xp), name)(a, x)
        return xp.where((a <= 0) | (x < 0), xp.nan, value).astype(x.dtype)

    return broadcasting(kernel)


def _igamma_parts(op: Any, grad: Any) -> tuple[Any, Any]:
    a, x = op.inputs
    sa, sx, ra, rx = broadcast_axes(a, x)
    with control_dependencies([grad]):
        partial_a = emit("IgammaGradA", a, x)
        exponent = -x + (a - 1) * emit("Log", x) - emit("Lgamma", a)
        partial_x = emit("Exp", exponent)
        return sum_to(partial_a * grad, ra, sa), sum_to(partial_x * grad, rx, sx)


def _igamma_grad_a_kernel(xp: Any, a: Any, x: Any) -> Any:
    import jax

    shape = np.broadcast_shapes(a.shape, x.shape)
    return jax.lax.igamma_grad_a(xp.broadcast_to(a, shape), xp.broadcast_to(x, shape))


register("IgammaGradA", shape=shapes.broadcast, xla=broadcasting(_igamma_grad_a_kernel))


@op(
    "Igamma",
    shape=shapes.broadcast,
    kernel=_igamma_kernel("gammainc"),
    gradient=lambda op, grad: _igamma_parts(op, grad),
)
def igamma(a: Any, x: Any, name: str | None = None) -> Any:
    """The lower regularized incomplete gamma function P(a, x); NaN unless a > 0 and x >= 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.igamma(1.0, 2.0)).round(4)
    np.float32(0.8647)
    """
    return emit("Igamma", a, x, name=name)


@op(
    "Igammac",
    shape=shapes.broadcast,
    kernel=_igamma_kernel("gammaincc"),
    gradient=lambda op, grad: [-part for part in _igamma_parts(op, grad)],
)
def igammac(a: Any, x: Any, name: str | None = None) -> Any:
    """The upper regularized incomplete gamma function, `1 - igamma(a, x)`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.igammac(1.0, 2.0)).round(4)
    np.float32(0.1353)
    """
    return emit("Igammac", a, x, name=name)


# The beta function


def _betainc_shape(node: Any) -> TensorShape:
    """The one shape that those of the inputs have which are not scalars."""
    if any(t.shape.ndims is None for t in node.inputs):
        return shapes.UNKNOWN
    result = shapes.SCALAR
    for tensor in node.inputs:
        if tensor.shape.ndims:
            result = result.merge_with(tensor.shape) if result.ndims else tensor.shape
    return result


def _betainc_kernel(xp: Any, a: Any, b: Any, x: Any) -> Any:
    sizes = {v.shape for v in (a, b, x) if v.ndim}
    if len(sizes) > 1:
        fail(f"Shapes of a, b and x are inconsistent: {', '.join(shown(v.shape) for v in (a, b, x))}")
    return xp.asarray(module_of_special(xp).betainc(a, b, x)).astype(x.dtype)


def _betainc_gradient(op: Any, grad: Any) -> Any:
    a, b, x = op.inputs
    _, shape, _, axes = broadcast_axes(a, x)
    log_beta = emit("Lgamma", a) + emit("Lgamma", b) - emit("Lgamma", a + b)
    tail = (b - 1) * emit("Log", 1 - x)
    partial_x = emit("Exp", tail + (a - 1) * emit("Log", x) - log_beta)
    return [None, None, sum_to(partial_x * grad, axes, shape)]


@op("Betainc", shape=_betainc_shape, kernel=_betainc_kernel, gradient=_betainc_gradient)
def betainc(a: Any, b: Any, x: Any, name: str | None = None) -> Any:
    """The regularized incomplete beta integral I_x(a, b). The inputs are of one shape, or scalars.

    >>> import reflow as tf
    >>> tf.Session().run(tf.betainc(1.0, 2.0, 0.5))
    np.float32(0.75)
    """
    return emit("Betainc", a, b, x, name=name)


def lbeta(x: Any, name: str | None = None) -> Any:
    """The logarithm of the absolute value of the beta function of the elements along the last axis.

    >>> import reflow as tf
    >>> tf.Session().run(tf.lbeta([1.0, 1.0]))
    np.float32(0.0)
    """
    with name_scope(name, "lbeta", [x]):
        x = convert_to_tensor(x, name="x")
        log_product = emit("Sum", emit("Lgamma", x), [-1])
        return log_product - emit("Lgamma", emit("Sum", x, [-1]))


# Bessel functions


def _bessel_i0e_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    with control_dependencies([grad]):
        partial = emit("BesselI1e", x) - emit("Sign", x) * y
        return [grad * partial]


@of_sparse_too
@unary("BesselI0e", special("i0e"), _bessel_i0e_gradient)
def bessel_i0e(x: Any, name: str | None = None) -> Any:
    """The exponentially scaled modified Bessel function of order 0: `exp(-|x|) I0(x)`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.bessel_i0e([0.0, 1.0])).round(4)
    array([1.    , 0.4658], dtype=float32)
    """


def _bessel_i1e_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs[0], op.outputs[0]
    with control_dependencies([grad]):
        epsilon = float(np.finfo(x.dtype.as_numpy_dtype).eps)
        zeros = blocks.zeros_like(x)
        known = emit("Abs", x) > epsilon
        safe = emit("Select", known, x, epsilon + zeros)
        slope = emit("BesselI0e", safe) - y * (emit("Sign", safe) + emit("Reciprocal", safe))
        return [grad * emit("Select", known, slope, 0.5 + zeros)]


@of_sparse_too
@unary("BesselI1e", special("i1e"), _bessel_i1e_gradient)
def bessel_i1e(x: Any, name: str | None = None) -> Any:
    """The exponentially scaled modified Bessel function of order 1: `exp(-|x|) I1(x)`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.bessel_i1e([0.0, 1.0])).round(4)
    array([0.    , 0.2079], dtype=float32)
    """


def bessel_i0(x: Any, name: str | None = None) -> Any:
    """The modified Bessel function of order 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.bessel_i0([0.0, 1.0])).round(4)
    array([1.    , 1.2661], dtype=float32)
    """
    return _unscaled("bessel_i0", "BesselI0e", x, name)


def bessel_i1(x: Any, name: str | None = None) -> Any:
    """The modified Bessel function of order 1.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.bessel_i1([0.0, 1.0])).round(4)
    array([0.    , 0.5652], dtype=float32)
    """
    return _unscaled("bessel_i1", "BesselI1e", x, name)


def _unscaled(default_name: str, scaled_op: str, x: Any, name: str | None) -> Any:
    with name_scope(name, default_name, [x]):
        return emit("Exp", emit("Abs", x)) * emit(scaled_op, x)
