"""Rounding of floats to the values that a quantized network would have, with gradients that pass it."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import require
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops import matrix_shapes as mats

SINGLE = np.float32


def _levels(num_bits: int, narrow_range: bool) -> tuple[Any, Any]:
    """The least and the greatest quantized value."""
    return SINGLE(int(narrow_range)), SINGLE(2**num_bits - 1)


def _nudged(xp: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> tuple[Any, Any, Any]:
    """The range moved so that zero is one of the quantized values, and the step between them."""
    first, last = _levels(num_bits, narrow_range)
    step = (high - low) / (last - first)
    zero = first - low / step
    rounded = xp.floor(zero + SINGLE(0.5))
    zero = xp.where(zero < first, first, xp.where(zero > last, last, rounded)).astype(SINGLE)
    return (first - zero) * step, (last - zero) * step, step


def _rounded(xp: Any, x: Any, low: Any, high: Any, num_bits: int, narrow_range: bool) -> Any:
    least, greatest, step = _nudged(xp, low, high, num_bits, narrow_range)
    shifted = xp.maximum(xp.minimum(x, greatest), least) - least
    return xp.floor(shifted / step + SINGLE(0.5)) * step + least


def _check_range(xp: Any, low: Any, high: Any, rank: int) -> None:
    for name, value in (("min", low), ("max", high)):
        require(xp, value.ndim == rank, "{} must be of rank {}, got shape {}", name, rank, mats.shown(value))


def _check_depth(xp: Any, x: Any, low: Any, high: Any) -> None:
    _check_range(xp, low, high, 1)
    require(xp, x.ndim >= 1, "inputs must have a last dimension, got shape {}", mats.shown(x))
    for name, value in (("min", low), ("max", high)):
        ok = value.shape[0] == x.shape[-1]
        require(xp, ok, "{} has incorrect size, expected {} was {}", name, x.shape[-1], value.shape[0])


def _args_kernel(xp: Any, x: Any, *, min: float, max: float, num_bits: int, narrow_range: bool) -> Any:
    least, greatest, step = _nudged(np, SINGLE(min), SINGLE(max), num_bits, narrow_range)
    shifted = xp.maximum(xp.minimum(x, greatest), least) - least
    return xp.floor(shifted * (SINGLE(1) / step) + SINGLE(0.5)) * step + least


def _args_grad_kernel(
    xp: Any, grad: Any, x: Any, *, min: float, max: float, num_bits: int, narrow_range: bool
) -> Any:
    least, greatest, _ = _nudged(np, SINGLE(min), SINGLE(max), num_bits, narrow_range)
    return xp.where((x >= least) & (x <= greatest), grad, SINGLE(0))


def _vars_kernel(xp: Any, x: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool) -> Any:
    _check_range(xp, low, high, 0)
    return _rounded(xp, x, low, high, num_bits, narrow_range)


def _channel_kernel(xp: Any, x: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool) -> Any:
    _check_depth(xp, x, low, high)
    return _rounded(xp, x, low, high, num_bits, narrow_range)


def _split(
    xp: Any, grad: Any, x: Any, low: Any, high: Any, num_bits: int, narrow_range: bool, axes: Any
) -> tuple[Any, Any, Any]:
    """The gradient goes to the input inside the range, and to the bound that was passed outside of it."""
    require(xp, grad.shape == x.shape, "gradient and input must be the same size")
    least, greatest, _ = _nudged(xp, low, high, num_bits, narrow_range)
    zero = SINGLE(0)
    inside = xp.where((x >= least) & (x <= greatest), grad, zero)
    below = xp.sum(xp.where(x < least, grad, zero), axis=axes, dtype=SINGLE)
    above = xp.sum(xp.where(x > greatest, grad, zero), axis=axes, dtype=SINGLE)
    return inside, below, above


def _vars_grad_kernel(
    xp: Any, grad: Any, x: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool
) -> tuple[Any, Any, Any]:
    _check_range(xp, low, high, 0)
    return _split(xp, grad, x, low, high, num_bits, narrow_range, None)


def _channel_grad_kernel(
    xp: Any, grad: Any, x: Any, low: Any, high: Any, *, num_bits: int, narrow_range: bool
) -> tuple[Any, Any, Any]:
    _check_depth(xp, x, low, high)
    return _split(xp, grad, x, low, high, num_bits, narrow_range, tuple(range(x.ndim - 1)))


# Shape rules and gradients


def _scalars(node: Any) -> TensorShape:
    for x in node.inputs[1:]:
        mats.ranked(x.shape, 0)
    return node.inputs[0].shape  # type: ignore[no-any-return]


def _depth(x: TensorShape, *vectors: TensorShape) -> tuple[TensorShape, int | None]:
    dims = mats.at_least(x, 1)
    depth = None if dims is None else dims[-1]
    for v in vectors:
        depth = mats.same(depth, mats.ranked(v, 1)[0])
    return (x if dims is None else TensorShape.of((*dims[:-1], depth))), depth


def _channels(node: Any) -> TensorShape:
    return _depth(*(x.shape for x in node.inputs))[0]


def _scalar_grads(node: Any) -> list[TensorShape]:
    whole = node.inputs[0].shape.merge_with(node.inputs[1].shape)
    for x in node.inputs[2:]:
        mats.ranked(x.shape, 0)
    return [whole, shapes.SCALAR, shapes.SCALAR]


def _channel_grads(node: Any) -> list[TensorShape]:
    whole = node.inputs[0].shape.merge_with(node.inputs[1].shape)
    whole, depth = _depth(whole, *(x.shape for x in node.inputs[2:]))
    return [whole, TensorShape.of((depth,)), TensorShape.of((depth,))]


def _gradient(op_type: str, *names: str) -> Any:
    def rule(node: Any, grad: Any) -> list[Any]:
        attrs = {name: node.attrs[name] for name in (*names, "num_bits", "narrow_range")}
        found = emit(op_type, grad, *node.inputs, **attrs)
        return list(found) if isinstance(found, (list, tuple)) else [found]

    return rule


# Public functions


@op(
    "FakeQuantWithMinMaxArgs",
    shape=shapes.unchanged,
    kernel=_args_kernel,
    gradient=_gradient("FakeQuantWithMinMaxArgsGradient", "min", "max"),
)
def fake_quant_with_min_max_args(
    inputs: Any,
    min: float = -6,
    max: float = 6,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:
    """Floats rounded to one of 2 ** num_bits values from `min` to `max`, of which zero is one.

    Args:
        inputs: float32, of any shape.
        narrow_range: use one value less.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.fake_quant_with_min_max_args([0.3, 0.6, 9.0], 0, 3, num_bits=2)))
    [0. 1. 3.]
    """
    attrs = {"min": min, "max": max, "num_bits": num_bits, "narrow_range": narrow_range}
    return emit("FakeQuantWithMinMaxArgs", inputs, name=name, **attrs)  # type: ignore[no-any-return]


@op("FakeQuantWithMinMaxArgsGradient", shape=shapes.unchanged, kernel=_args_grad_kernel, gradient=None)
def fake_quant_with_min_max_args_gradient(
    gradients: Any,
    inputs: Any,
    min: float = -6,
    max: float = 6,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Tensor:
    """The gradient of `fake_quant_with_min_max_args` for its inputs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.fake_quant_with_min_max_args_gradient([1.0, 1.0], [5.0, 7.0])))
    [1. 0.]
    """
    attrs = {"min": min, "max": max, "num_bits": num_bits, "narrow_range": narrow_range}
    return emit("FakeQuantWithMinMaxArgsGradient", gradients, inputs, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "FakeQuantWithMinMaxVars",
    shape=_scalars,
    kernel=_vars_kernel,
    gradient=_gradient("FakeQuantWithMinMaxVarsGradient"),
)
def fake_quant_with_min_max_vars(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> Tensor:
    """`fake_quant_with_min_max_args` with a range of two scalar tensors, to which gradients flow.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.fake_quant_with_min_max_vars([0.3, 0.6, 9.0], 0.0, 3.0, num_bits=2)))
    [0. 1. 3.]
    """
    attrs = {"num_bits": num_bits, "narrow_range": narrow_range}
    return emit("FakeQuantWithMinMaxVars", inputs, min, max, name=name, **attrs)  # type: ignore[no-any-return]


@op("FakeQuantWithMinMaxVarsGradient", shape=_scalar_grads, kernel=_vars_grad_kernel, gradient=None)
def fake_quant_with_min_max_vars_gradient(
    gradients: Any,
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """The gradients of `fake_quant_with_min_max_vars` for its inputs, `min` and `max`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.fake_quant_with_min_max_vars_gradient([1.0, 2.0], [5.0, 7.0], 0.0, 6.0)))
    [1. 0.] 0.0 2.0
    """
    attrs = {"num_bits": num_bits, "narrow_range": narrow_range}
    return emit("FakeQuantWithMinMaxVarsGradient", gradients, inputs, min, max, name=name, **attrs)


@op(
    "FakeQuantWithMinMaxVarsPerChannel",
    shape=_channels,
    kernel=_channel_kernel,
    gradient=_gradient("FakeQuantWithMinMaxVarsPerChannelGradient"),
)
def fake_quant_with_min_max_vars_per_channel(
    inputs: Any, min: Any, max: Any, num_bits: int = 8, narrow_range: bool = False, name: str | None = None
) -> Tensor:
    """`fake_quant_with_min_max_vars` with a range for each channel: `min` and `max` are vectors.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, zeros = tf.constant([[0.6, 0.6]]), [0.0, 0.0]
    ...     found = tf.fake_quant_with_min_max_vars_per_channel(x, zeros, [3.0, 0.3], num_bits=2)
    ...     print(sess.run(found))
    [[1.  0.3]]
    """
    attrs = {"num_bits": num_bits, "narrow_range": narrow_range}
    return emit("FakeQuantWithMinMaxVarsPerChannel", inputs, min, max, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "FakeQuantWithMinMaxVarsPerChannelGradient",
    shape=_channel_grads,
    kernel=_channel_grad_kernel,
    gradient=None,
)
def fake_quant_with_min_max_vars_per_channel_gradient(
    gradients: Any,
    inputs: Any,
    min: Any,
    max: Any,
    num_bits: int = 8,
    narrow_range: bool = False,
    name: str | None = None,
) -> Any:
    """The gradients of `fake_quant_with_min_max_vars_per_channel` for its inputs, `min` and `max`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     function = tf.fake_quant_with_min_max_vars_per_channel_gradient
    ...     print(*sess.run(function([[1.0, 2.0]], [[5.0, 7.0]], [0.0, 0.0], [6.0, 6.0])))
    [[1. 0.]] [0. 0.] [0. 2.]
    """
    attrs = {"num_bits": num_bits, "narrow_range": narrow_range}
    op_type = "FakeQuantWithMinMaxVarsPerChannelGradient"
    return emit(op_type, gradients, inputs, min, max, name=name, **attrs)
