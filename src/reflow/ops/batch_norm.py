"""Batch normalization as one op, `fused_batch_norm`, and its gradient."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.graph import constant, convert_to_tensor, emit
from reflow.graph.registry import op, register
from reflow.ops import blocks, long_rows, parts
from reflow.ops import matrix_shapes as mats
from reflow.ops.convolution_shapes import layout_of
from reflow.ops.windows import is_channels_first

MIN_EPSILON = 1.001e-5  # TensorFlow's: what cuDNN asks for
RESERVED = TensorShape.of((0,))

# Kernels: statistics are over all axes but the channels', in single precision at least. The variance is that
# of the distances from the mean: computing both sums in one pass was no faster in XLA, and loses digits. The
# distances are computed anew where they are used: kept, they are written to memory and read again, which
# takes longer.


class _Channels:
    """How the channels of images lie, for vectors that go with them and for sums over all else.

    `of(images)` are the images as they are computed with; `back` undoes it.
    """

    def __init__(self, xp: Any, shape: tuple[int, ...], data_format: str) -> None:
        self._xp, self._shape = xp, shape
        channel = 1 if is_channels_first(data_format) else len(shape) - 1
        self._others = tuple(i for i in range(len(shape)) if i != channel)
        self._vector = tuple(-1 if i == channel else 1 for i in range(len(shape)))
        self._rows = long_rows.of(shape) if channel == len(shape) - 1 and parts.fits(xp) else None
        self.count = math.prod(shape[i] for i in self._others)  # images' numbers for each channel

    def of(self, images: Any) -> Any:
        return images if self._rows is None else images.reshape(self._rows)

    def back(self, images: Any) -> Any:
        return images.reshape(self._shape)

    def spread(self, vector: Any) -> Any:
        """A vector of channels, to compute with images."""
        if self._rows is None:
            return vector.reshape(self._vector)
        return long_rows.repeated(self._xp, vector, self._rows[1] // self._shape[-1])

    def total(self, images: Any) -> Any:
        """For each channel the sum."""
        if self._rows is None:
            return images.sum(axis=self._others)
        return images.sum(axis=0).reshape(-1, self._shape[-1]).sum(axis=0)


def _wide(x: Any) -> Any:
    return x.astype(np.float32) if mats.is_short(x) else x


def _check(xp: Any, x: Any, *vectors: Any) -> None:
    require(xp, x.ndim == 4, "input must be 4-dimensional{}", mats.shown(x))
    for v in vectors:
        require(xp, v.ndim == 1, "scale, offset, mean and variance must be 1-dimensional: {}", mats.shown(v))


def _check_channels(xp: Any, x: Any, data_format: str, *vectors: Any) -> None:
    channels = x.shape[1 if is_channels_first(data_format) else 3]
    message = "scale, offset, mean and variance must have as many elements as there are channels, {}: got {}"
    for v in vectors:
        require(xp, v.shape[0] == channels, message, channels, v.shape[0])


def _normalized(xp: Any, x: Any, mean: Any, variance: Any, epsilon: float, channels: _Channels) -> Any:
    factor = 1 / xp.sqrt(variance + variance.dtype.type(epsilon))
    return (x - channels.spread(mean)) * channels.spread(factor)


def _forward(
    xp: Any,
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    _check(xp, x, scale, offset, mean, variance)
    _check_channels(xp, x, data_format, scale, offset, *(() if is_training else (mean, variance)))
    channels = _Channels(xp, x.shape, data_format)
    wide = channels.of(_wide(x))
    shown = variance
    if is_training:
        mean, variance = _statistics(xp, wide, channels, scale.shape)
        shown = variance * variance.dtype.type(channels.count / max(1, channels.count - 1))
    unit = _normalized(xp, wide, mean, variance, epsilon, channels)
    y = channels.back(unit * channels.spread(scale) + channels.spread(offset))
    return y.astype(x.dtype), mean, shown, mean, variance


def _statistics(xp: Any, x: Any, channels: _Channels, shape: tuple[int, ...]) -> tuple[Any, Any]:
    if x.size == 0:
        nothing = xp.full(shape, np.nan, x.dtype)
        return nothing, nothing
    count = x.dtype.type(channels.count)
    mean = channels.total(x) / count
    distance = x - parts.apart(xp, channels.spread(parts.apart(xp, mean)))
    return mean, channels.total(distance * distance) / count


def _backward(
    xp: Any,
    grad: Any,
    x: Any,
    scale: Any,
    mean: Any,
    variance: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> tuple[Any, ...]:
    """`mean` and `variance` are those that the forward op normalized with."""
    _check(xp, x, scale, mean, variance)
    require(xp, grad.shape == x.shape, "x and y_backprop differ in shape: {}, {}", x.shape, grad.shape)
    _check_channels(xp, x, data_format, scale, mean, variance)
    channels = _Channels(xp, x.shape, data_format)
    wide, dy = channels.of(_wide(x)), channels.of(_wide(grad))
    unit = _normalized(xp, wide, mean, variance, epsilon, channels)
    d_offset = channels.total(dy)
    again = _normalized(xp, wide, parts.apart(xp, mean), parts.apart(xp, variance), epsilon, channels)
    d_scale = channels.total(dy * again)
    factor = scale / xp.sqrt(variance + variance.dtype.type(epsilon))
    if is_training:
        count = variance.dtype.type(max(1, channels.count))
        dy = dy - channels.spread(d_offset / count) - unit * channels.spread(d_scale / count)
    dx = channels.back(dy * channels.spread(factor))
    nothing = xp.zeros(0, scale.dtype)
    return dx.astype(x.dtype), d_scale, d_offset, nothing, nothing


def _forward_v3(xp: Any, *inputs: Any, epsilon: float, data_format: str, is_training: bool) -> Any:
    options = {"epsilon": epsilon, "data_format": data_format, "is_training": is_training}
    outputs = _forward(xp, *inputs, **options)  # type: ignore[arg-type]
    return (*outputs, xp.zeros((), np.float32))


def _backward_v3(
    xp: Any,
    grad: Any,
    x: Any,
    scale: Any,
    mean: Any,
    variance: Any,
    _: Any,
    *,
    epsilon: float,
    data_format: str,
    is_training: bool,
) -> Any:
    options = {"epsilon": epsilon, "data_format": data_format, "is_training": is_training}
    return _backward(xp, grad, x, scale, mean, variance, **options)  # type: ignore[arg-type]


# Shapes


def _with_channels(dims: Any, layout: str, vectors: Any) -> tuple[TensorShape, int | None]:
    """The shape of the images and the number of channels, from all that tell it."""
    axis = 1 if is_channels_first(layout) else 3
    channels = dims[axis]
    for tensor in vectors:
        channels = mats.same(channels, mats.ranked(tensor.shape, 1)[0])
    return TensorShape.of((*dims[:axis], channels, *dims[axis + 1 :])), channels


def _forward_shape(node: Any) -> list[TensorShape]:
    x, *vectors = node.inputs
    dims = mats.ranked(x.shape, 4)
    used = vectors[:2] if node.attrs["is_training"] else vectors
    whole, channels = _with_channels(dims, layout_of(node), used)
    vector = TensorShape.of((channels,))
    rest = [unknown_shape()] * (len(node.outputs) - 5)
    return [whole, *[vector] * 4, *rest]


def _backward_shape(node: Any) -> list[TensorShape]:
    grad, x, scale, mean, variance = node.inputs[:5]
    dims = mats.merged(mats.ranked(grad.shape, 4), mats.ranked(x.shape, 4))
    used = (scale, mean, variance)
    whole, channels = _with_channels(dims, layout_of(node), used)
    vector = TensorShape.of((channels,))
    return [whole, vector, vector, RESERVED, RESERVED]


# Gradients


def _gradient(grad_type: str) -> Any:
    def rule(node: Any, grad: Any, *_: Any) -> list[Any]:
        x, scale, _, mean, variance = node.inputs
        attrs = {name: node.attrs[name] for name in ("epsilon", "data_format", "is_training")}
        reserved = list(node.outputs[5:])
        if node.attrs["is_training"]:
            return list(emit(grad_type, grad, x, scale, *node.outputs[3:5], *reserved, **attrs))
        first = node.attrs["data_format"] == "NCHW"
        if first:
            x, grad = blocks.transpose(x, [0, 2, 3, 1]), blocks.transpose(grad, [0, 2, 3, 1])
        attrs["data_format"] = "NHWC"
        dx, d_scale, d_offset, *_ = emit(grad_type, grad, x, scale, mean, variance, *reserved, **attrs)
        if first:
            dx = blocks.transpose(dx, [0, 3, 1, 2])
        return [dx, d_scale, d_offset, None, None]

    return rule


for _version in ("", "V2"):
    register(
        f"FusedBatchNorm{_version}",
        shape=_forward_shape,
        kernel=_forward,
        gradient=_gradient(f"FusedBatchNormGrad{_version}"),
    )
    register(f"FusedBatchNormGrad{_version}", shape=_backward_shape, kernel=_backward)
register("FusedBatchNormGradV3", shape=_backward_shape, kernel=_backward_v3)


@op(
    "FusedBatchNormV3",
    shape=_forward_shape,
    kernel=_forward_v3,
    gradient=_gradient("FusedBatchNormGradV3"),
)
def fused_batch_norm(
    x: Any,
    scale: Any,
    offset: Any,
    mean: Any = None,
    variance: Any = None,
    epsilon: float = 0.001,
    data_format: str = "NHWC",
    is_training: bool = True,
    name: str | None = None,
) -> tuple[Any, Any, Any]:
    """Images with the values of each channel brought to mean `offset` and deviation `scale`.

    Args:
        x: [batch, height, width, depth]; [batch, depth, height, width] for "NCHW". 16-bit floats are computed
            in single precision.
        scale, offset: float32 vectors with an element for each channel.
        mean, variance: those to normalize with when `is_training` is false; None when it is true.
        epsilon: added to the variance; at least 1.001e-5.

    Returns:
        The images, and the mean and the variance (with Bessel's correction) of the batch; in place of these,
        `mean` and `variance` when not training.

    Raises:
        ValueError: `mean` or `variance` is given for training, or the shapes do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([1.0, 3.0], shape=[1, 2, 1, 1])
    ...     y, mean, variance = tf.nn.fused_batch_norm(x, [1.0], [0.0])
    ...     print(*sess.run([mean, variance]))
    [2.] [2.]
    """
    x = convert_to_tensor(x, name="input")
    scale = convert_to_tensor(scale, name="scale")
    offset = convert_to_tensor(offset, name="offset")
    if is_training and (mean is not None or variance is not None):
        raise ValueError("Both 'mean' and 'variance' must be None if is_training is True.")
    mean = constant([]) if mean is None else mean
    variance = constant([]) if variance is None else variance
    epsilon = max(epsilon, MIN_EPSILON)
    attrs = {"epsilon": epsilon, "data_format": data_format, "is_training": is_training}
    y, batch_mean, batch_variance, *_ = emit(
        "FusedBatchNormV3", x, scale, offset, mean, variance, name=name, **attrs
    )
    return y, batch_mean, batch_variance
