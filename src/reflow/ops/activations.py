"""Activation functions: the rectifiers, softmax, and biases."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import require
from reflow.graph.graph import constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.deprecation import renamed

# Rectifiers. The kernel of a gradient op takes the gradient and the input, or the output, of the op.

SELU_SCALE = 1.0507009873554804934193349852946
SELU_SCALE_ALPHA = 1.7580993408473768599402175208123


def _zero_for_features(gradient_of_grad: Any) -> Any:
    """The rule of a gradient op that is linear in the gradient, and constant in pieces in the features."""

    def rule(op: Any, grad: Any) -> list[Any]:
        x = op.inputs[1]
        first = gradient_of_grad(op, grad, x)
        return [first, blocks.zeros(blocks.shape_of(x), x.dtype)]

    return rule


def _exponential_second(op_type: str, zero: Any) -> Any:
    """The rule of EluGrad and SeluGrad, which take the outputs: exponential where these are negative."""

    def rule(op: Any, grad: Any) -> list[Any]:
        y = op.inputs[1]
        first = emit(op_type, grad, y)
        return [first, blocks.where(y < zero, grad * op.inputs[0], blocks.zeros_like(y))]

    return rule


def _register_gradient(op_type: str, kernel: Any, gradient: Any) -> None:
    register(op_type, shape=shapes.merged_inputs, kernel=kernel, gradient=gradient)


def _number(x: Any, value: Any) -> Any:
    """A number of the type of `x`, so that 16-bit floats stay so."""
    return x.dtype.type(value)


_register_gradient(
    "ReluGrad",
    lambda xp, dy, x: xp.where(x > 0, dy, xp.zeros_like(dy)),
    _zero_for_features(lambda op, grad, x: emit("ReluGrad", grad, x)),
)
_register_gradient(
    "Relu6Grad",
    lambda xp, dy, x: xp.where((x > 0) & (x < _number(x, 6)), dy, xp.zeros_like(dy)),
    _zero_for_features(lambda op, grad, x: emit("Relu6Grad", grad, x)),
)
_register_gradient(
    "EluGrad",
    lambda xp, dy, y: xp.where(y < 0, (y + _number(y, 1)) * dy, dy),
    _exponential_second("EluGrad", 0),
)
_register_gradient(
    "SeluGrad",
    lambda xp, dy, y: xp.where(y < 0, dy * (y + _number(y, SELU_SCALE_ALPHA)), dy * _number(y, SELU_SCALE)),
    _exponential_second("SeluGrad", 0.0),
)


@op(
    "Relu",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.maximum(x, _number(x, 0)),
    gradient=lambda op, grad: [emit("ReluGrad", grad, op.outputs[0])],
)
def relu(features: Any, name: str | None = None) -> Any:
    """max(features, 0), element by element, for any real type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.relu([-1.0, 2.0])))
    [0. 2.]
    """
    return emit("Relu", features, name=name)


@op(
    "Relu6",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.minimum(xp.maximum(x, _number(x, 0)), _number(x, 6)),
    gradient=lambda op, grad: [emit("Relu6Grad", grad, op.outputs[0])],
)
def relu6(features: Any, name: str | None = None) -> Any:
    """min(max(features, 0), 6), element by element, for any real type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.relu6([-1.0, 2.0, 8.0])))
    [0. 2. 6.]
    """
    with name_scope(name, "Relu6", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        return emit("Relu6", features, name=scope)


@op(
    "Elu",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.where(x < 0, xp.exp(x) - _number(x, 1), x),
    gradient=lambda op, grad: [emit("EluGrad", grad, op.outputs[0])],
)
def elu(features: Any, name: str | None = None) -> Any:
    """The exponential linear unit: exp(x) - 1 where x is negative, else x. For float types.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.elu([0.0, 2.0])))
    [0. 2.]
    """
    return emit("Elu", features, name=name)


@op(
    "Selu",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.where(
        x < 0,
        _number(x, SELU_SCALE_ALPHA) * (xp.exp(x) - _number(x, 1)),
        _number(x, SELU_SCALE) * x,
    ),
    gradient=lambda op, grad: [emit("SeluGrad", grad, op.outputs[0])],
)
def selu(features: Any, name: str | None = None) -> Any:
    """The scaled exponential linear unit, which keeps mean 0 and variance 1 through layers. For float types.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.selu([0.0, 1.0])))
    [0.       1.050701]
    """
    return emit("Selu", features, name=name)


def _leaky_gradient(op: Any, grad: Any) -> list[Any]:
    return [emit("LeakyReluGrad", grad, op.inputs[0], alpha=op.attrs["alpha"])]


def _leaky_kernel(xp: Any, x: Any, *, alpha: float) -> Any:
    return xp.maximum(x * _number(x, np.float32(alpha)), x)  # an attribute is of single precision


def _leaky_grad_kernel(xp: Any, dy: Any, x: Any, *, alpha: float) -> Any:
    return xp.where(x > 0, dy, dy * _number(dy, np.float32(alpha)))


_register_gradient(
    "LeakyReluGrad",
    _leaky_grad_kernel,
    _zero_for_features(lambda op, grad, x: emit("LeakyReluGrad", grad, x, alpha=op.attrs["alpha"])),
)


@op("LeakyRelu", shape=shapes.unchanged, kernel=_leaky_kernel, gradient=_leaky_gradient)
def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """max(features, alpha features), element by element; integers become float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.leaky_relu([-1.0, 2.0], alpha=0.5)))
    [-0.5  2. ]
    """
    with name_scope(name, "LeakyRelu", [features, alpha]) as scope:
        features = convert_to_tensor(features, name="features")
        if features.dtype.is_integer:
            features = blocks.cast(features, dtypes.float32)
        return emit("LeakyRelu", features, alpha=float(np.asarray(alpha).item()), name=scope)


def crelu(features: Any, name: str | None = None, axis: Any = -1) -> Any:
    """`relu` of the features and of their negatives, side by side along `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.crelu([-1.0, 2.0])))
    [0. 2. 1. 0.]
    """
    with name_scope(name, "CRelu", [features]) as scope:
        features = convert_to_tensor(features, name="features")
        both = emit("ConcatV2", [features, -features], axis, name=scope)
        return emit("Relu", both)


def swish(features: Any) -> Any:
    """features * sigmoid(features), element by element. Its gradient keeps only the features in memory.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.swish([0.0, 100.0])))
    [  0. 100.]
    """
    features = convert_to_tensor(features, name="features")
    result = features * emit("Sigmoid", features)
    emit("Identity", result)  # TensorFlow makes one that nothing uses
    node = emit("IdentityN", [result, features])[0]
    node.op._gradient_rule = _swish_gradient
    return node


def _swish_gradient(op: Any, grad: Any, _: Any) -> list[Any]:
    features = op.inputs[1]
    with features.graph.control_dependencies([grad]):
        sigmoid = emit("Sigmoid", features)
    slope = sigmoid * (1.0 + features * (1.0 - sigmoid))
    return [None, grad * slope]


# Softmax


def _softmax_shape(node: Any) -> TensorShape:
    mats.at_least(node.inputs[0].shape, 1)
    return node.inputs[0].shape  # type: ignore[no-any-return]


def _shifted(xp: Any, x: Any) -> Any:
    """The logits less the largest of each row."""
    require(xp, x.ndim >= 1, "logits must have >= 1 dimension, got {}", x.ndim)
    return x - xp.max(x, axis=-1, keepdims=True) if x.shape[-1] else x


@mats.widened
def softmax_kernel(xp: Any, x: Any) -> Any:
    powers = xp.exp(_shifted(xp, x))
    return powers / xp.sum(powers, axis=-1, keepdims=True)


@mats.widened
def log_softmax_kernel(xp: Any, x: Any) -> Any:
    shifted = _shifted(xp, x)
    return shifted - xp.log(xp.sum(xp.exp(shifted), axis=-1, keepdims=True))


def _softmax_gradient(op: Any, grad: Any) -> list[Any]:
    y = op.outputs[0]
    total = blocks.reduce("Sum", grad * y, -1, keepdims=True)
    return [(grad - total) * y]


def _log_softmax_gradient(op: Any, grad: Any) -> list[Any]:
    y = emit("Exp", op.outputs[0])
    return [grad - blocks.reduce("Sum", grad, -1, keepdims=True) * y]


@op("Softmax", shape=_softmax_shape, kernel=softmax_kernel, gradient=_softmax_gradient)
def softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """exp(logits), divided by its sum along `axis`: probabilities.

    Args:
        logits: of a float type, of rank 1 or more.
        axis: the last one by default.
        dim: the old name of `axis`.

    Raises:
        InvalidArgumentError: there is no such axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.softmax([1.0, 1.0])))
    [0.5 0.5]
    """
    return _along_axis("Softmax", logits, renamed("axis", axis, "dim", dim), name)


@op("LogSoftmax", shape=_softmax_shape, kernel=log_softmax_kernel, gradient=_log_softmax_gradient)
def log_softmax(logits: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Any:
    """The logarithm of `softmax`, which see for the arguments, without its loss of digits.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.log_softmax([100.0, 0.0])))
    [   0. -100.]
    """
    return _along_axis("LogSoftmax", logits, renamed("axis", axis, "dim", dim), name)


def _along_axis(op_type: str, logits: Any, axis: Any, name: str | None) -> Any:
    """The op, which works on the last axis, on any axis: between two transpositions if it is another."""
    axis = -1 if axis is None else axis
    logits = convert_to_tensor(logits)
    shape = logits.shape
    is_tensor = hasattr(axis, "op")
    if not is_tensor and axis == -1:
        return emit(op_type, logits, name=name)
    if shape.ndims is None:
        raise TypeError(f"{op_type} along another axis than the last needs logits of known rank: {logits}")
    if not is_tensor and axis == shape.ndims - 1:
        return emit(op_type, logits, name=name)
    known = constant_value(axis) if is_tensor else axis
    if known is not None and not -shape.ndims <= known < shape.ndims:
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Dimension ({known}) must be in the range [{-shape.ndims}, {shape.ndims}) where {shape.ndims} "
            "is the number of dimensions in the input.",
        )
    rank = blocks.rank_of(logits)
    if is_tensor:
        axis = blocks.where(emit("Less", axis, 0), axis + rank, axis)
    elif axis < 0:
        axis = axis + rank
    count = blocks.rank_of(logits)
    axis = axis % shape.ndims
    result = emit(op_type, _swapped(logits, axis, emit("Sub", count, 1)))
    result = _swapped(result, axis, emit("Sub", count, 1), name=name)
    result.set_shape(shape)
    return result


def _swapped(x: Any, axis: Any, last: Any, name: str | None = None) -> Any:
    """`x` with an axis and the last one exchanged."""
    before = blocks.span(0, axis)
    between = blocks.span(axis + 1, last)
    return blocks.transpose(x, blocks.concat([before, [last], between, [axis]], 0), name=name)


# Biases


def _channel_axis(rank: int, data_format: str) -> int:
    """Where the channels are: last, or before the spatial axes."""
    return 1 if data_format == "NCHW" else rank - 1


def _bias_shape(node: Any) -> TensorShape:
    dims = mats.at_least(node.inputs[0].shape, 2)
    bias = mats.ranked(node.inputs[1].shape, 1)[0]
    if dims is None:
        return unknown_shape()
    axis = _channel_axis(len(dims), node.attrs.get("data_format", "NHWC"))
    return TensorShape.of((*dims[:axis], mats.same(dims[axis], bias), *dims[axis + 1 :]))


def _bias_kernel(xp: Any, x: Any, bias: Any, *, data_format: str = "NHWC") -> Any:
    require(xp, x.ndim >= 2, "Input tensor must be at least 2D: {}", mats.shown(x))
    require(xp, bias.ndim == 1, "Biases must be 1D: {}", mats.shown(bias))
    axis = _channel_axis(x.ndim, data_format)
    message = "Must provide as many biases as the last dimension of the input tensor: {} vs. {}"
    if data_format == "NCHW":
        message = "Must provide as many biases as the channel dimension of the input tensor: {} vs. {}"
    require(xp, bias.shape[0] == x.shape[axis], message, mats.shown(bias), mats.shown(x))
    return x + bias.reshape((-1,) + (1,) * (x.ndim - 1 - axis))


def _bias_grad_shape(node: Any) -> TensorShape:
    dims = mats.at_least(node.inputs[0].shape, 2)
    if dims is None:
        return TensorShape.of((None,))
    return TensorShape.of((dims[_channel_axis(len(dims), node.attrs["data_format"])],))


@mats.widened
def _bias_grad_kernel(xp: Any, grad: Any, *, data_format: str) -> Any:
    require(xp, grad.ndim >= 2, "Input tensor must be at least 2D: {}", mats.shown(grad))
    axis = _channel_axis(grad.ndim, data_format)
    others = tuple(i for i in range(grad.ndim) if i != axis)
    return xp.sum(grad, axis=others, dtype=grad.dtype)


def _bias_gradient(op: Any, grad: Any) -> list[Any]:
    return [grad, emit("BiasAddGrad", grad, data_format=op.attrs["data_format"])]


def _bias_v1_gradient(op: Any, grad: Any) -> list[Any]:
    axes = blocks.span(0, blocks.rank_of(grad) - 1)
    return [grad, blocks.reduce("Sum", grad, axes)]


def _bias_grad_gradient(op: Any, grad: Any) -> list[Any]:
    """The bias gradient is a sum: its gradient is repeated over what was summed."""
    shape, bias_shape = blocks.shape_of(op.inputs[0]), blocks.shape_of(grad)
    if op.attrs["data_format"] == "NCHW":
        spread = [blocks.ones_like(shape[:1]), bias_shape, blocks.ones_like(shape[2:])]
        spread_shape = blocks.concat(spread, 0)
        multiples = blocks.concat([shape[:1], [1], shape[2:]], 0)
    else:
        spread_shape = blocks.concat([blocks.ones_like(shape[:-1]), bias_shape], 0)
        multiples = blocks.concat([shape[:-1], [1]], 0)
    return [emit("Tile", blocks.reshape(grad, spread_shape), multiples)]


register("BiasAddGrad", shape=_bias_grad_shape, kernel=_bias_grad_kernel, gradient=_bias_grad_gradient)


@op("BiasAdd", shape=_bias_shape, kernel=_bias_kernel, gradient=_bias_gradient)
def bias_add(value: Any, bias: Any, data_format: str | None = None, name: str | None = None) -> Any:
    """`value` plus a bias for each channel.

    Args:
        value: a tensor of rank 2 or more.
        bias: a vector of its type, as long as the channel axis of `value`.
        data_format: "N...C" (the default): the channels are last; "NC...": they are second.

    Raises:
        ValueError: for another format, or a bias of another length.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.bias_add([[1, 2]], [10, 20])))
    [[11 22]]
    """
    with name_scope(name, "BiasAdd", [value, bias]) as scope:
        if data_format is not None:
            data_format = _known_format(data_format)
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype, name="bias")
        return emit("BiasAdd", value, bias, data_format=data_format, name=scope)


def _known_format(data_format: str) -> str:
    if data_format.startswith("NC"):
        return "NCHW"
    if data_format.startswith("N") and data_format.endswith("C"):
        return "NHWC"
    raise ValueError("data_format must be of the form `N...C` or `NC...`")


@op("BiasAddV1", shape=_bias_shape, kernel=_bias_kernel, gradient=_bias_v1_gradient)
def bias_add_v1(value: Any, bias: Any, name: str | None = None) -> Any:
    """The older op of `bias_add`, for channels that are last."""
    with name_scope(name, "BiasAddV1", [value, bias]) as scope:
        value = convert_to_tensor(value, name="input")
        bias = convert_to_tensor(bias, dtype=value.dtype, name="bias")
        return emit("BiasAddV1", value, bias, name=scope)
