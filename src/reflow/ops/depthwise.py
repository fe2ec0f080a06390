"""Depthwise convolutions, in which each channel has filters of its own, and their two gradients.

On the CPU oneDNN computes them, where it is there (2 to 17 times as fast as what follows); else they are
multiply-adds of slices, which XLA fuses: about 30 times as fast as its own lowering.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.graph.checks import fail
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.convolution_kernels import (
    Geometry,
    Settings,
    check_output,
    with_settings,
    xla_forward,
    xla_to_filter,
    xla_to_input,
)
from reflow.ops.convolution_shapes import depthwise_shape, sizes_input
from reflow.ops.library_convolution import takes
from reflow.ops.windows import (
    UNROLLED,
    arranged,
    as_format,
    channels_last,
    depth_of,
    fit,
    is_cpu,
    placed,
    slices,
    space_of,
    tap_count,
    taps,
)

MANY = 8  # filters for each channel: more make the gradient's program too long
ONES = (1, 1, 1, 1)


def _geometry(op_type: str, inputs: Sequence[int], kernel: Sequence[int], settings: Settings) -> Geometry:
    """The windows; every channel is a group."""
    for name, each in (("input", inputs), ("filter", kernel)):
        if len(each) != 4:
            fail(f"{op_type}: {name} must be 4-dimensional: [{','.join(map(str, each))}]")
    layout = settings.data_format
    depth = depth_of(inputs, layout)
    if depth != kernel[2]:
        fail(f"{op_type}: input and filter must have the same depth: {depth} vs {kernel[2]}")
    steps = zip(space_of(settings.strides, layout), space_of(settings.dilations, layout), strict=True)
    sizes = zip(space_of(inputs, layout), kernel, steps, strict=False)
    axes = [fit(size, window, stride, rate, settings.padding) for size, window, (stride, rate) in sizes]
    return Geometry(layout, tuple(axes), inputs[0], depth, depth * kernel[3], depth)


def _unrolled(xp: Any, geometry: Geometry) -> bool:
    return is_cpu(xp) and tap_count(geometry.axes) <= UNROLLED and geometry.filters <= MANY * geometry.depth


def _empty(xp: Any, geometry: Geometry, sizes: Sequence[int], like: Any) -> Any:
    return xp.zeros(tuple(sizes), like.dtype)


@mats.widened
def _forward(xp: Any, x: Any, w: Any, *, settings: Settings) -> Any:
    g = _geometry("DepthwiseConv2dNative", x.shape, w.shape, settings)
    if g.is_empty:
        return _empty(xp, g, arranged(g.batch, g.counts, g.filters, g.data_format), x)
    if not _unrolled(xp, g) or takes(xp, "forward", g, x.dtype):
        return xla_forward(g, xp.asarray(x), w.reshape(g.kernel))
    x = channels_last(xp, x, g.data_format)
    seen = zip(taps(g.axes), slices(xp, x, g.axes), strict=True)
    total = sum(view[..., None] * w[tap] for tap, view in seen)
    return as_format(xp, total.reshape(g.outputs), g.data_format)


@mats.widened
def _to_input(xp: Any, w: Any, grad: Any, *, sizes: tuple[int, ...], settings: Settings) -> Any:
    g = _geometry("DepthwiseConv2dNativeBackpropInput", sizes, w.shape, settings)
    check_output("DepthwiseConv2dNativeBackpropInput", g, grad)
    if g.is_empty:
        return _empty(xp, g, sizes, grad)
    if not _unrolled(xp, g) or takes(xp, "to_input", g, grad.dtype):
        return xla_to_input(g, w.reshape(g.kernel), xp.asarray(grad))
    grad = channels_last(xp, grad, g.data_format).reshape(*g.outputs[:-1], g.depth, -1)
    copies = [grad[..., i] for i in range(grad.shape[-1])]

    def part(tap: tuple[int, ...], *grads: Any) -> Any:
        return sum(each * w[tap][:, i] for i, each in enumerate(grads))

    total = placed(xp, g.axes, part, *copies, fills=(0,) * len(copies))
    return as_format(xp, total, g.data_format)


@mats.widened
def _to_filter(xp: Any, x: Any, grad: Any, *, sizes: tuple[int, ...], settings: Settings) -> Any:
    g = _geometry("DepthwiseConv2dNativeBackpropFilter", x.shape, sizes, settings)
    check_output("DepthwiseConv2dNativeBackpropFilter", g, grad)
    if g.is_empty:
        return _empty(xp, g, sizes, grad)
    if not _unrolled(xp, g) or takes(xp, "to_filter", g, x.dtype):
        return xla_to_filter(g, xp.asarray(x), xp.asarray(grad)).reshape(sizes)
    x = channels_last(xp, x, g.data_format)
    grad = channels_last(xp, grad, g.data_format).reshape(*g.outputs[:-1], g.depth, -1)
    sums = [(view[..., None] * grad).sum((0, 1, 2)) for view in slices(xp, x, g.axes)]
    return xp.stack(sums).reshape(sizes)


def _input_kernel(xp: Any, sizes: Any, w: Any, grad: Any, *, settings: Settings) -> Any:
    return _to_input(xp, w, grad, sizes=tuple(map(int, sizes)), settings=settings)


def _filter_kernel(xp: Any, x: Any, sizes: Any, grad: Any, *, settings: Settings) -> Any:
    return _to_filter(xp, x, grad, sizes=tuple(map(int, sizes)), settings=settings)


def _attributes(node: Any) -> dict[str, Any]:
    return {name: node.attrs[name] for name in ("strides", "padding", "data_format", "dilations")}


def _gradient(node: Any, grad: Any) -> list[Any]:
    x, w = node.inputs
    attrs = _attributes(node)
    return [
        emit("DepthwiseConv2dNativeBackpropInput", blocks.shape_of(x), w, grad, **attrs),
        emit("DepthwiseConv2dNativeBackpropFilter", x, blocks.shape_of(w), grad, **attrs),
    ]


def _input_gradient(node: Any, grad: Any) -> list[Any]:
    _, w, out = node.inputs
    attrs = _attributes(node)
    return [
        None,
        emit("DepthwiseConv2dNativeBackpropFilter", grad, blocks.shape_of(w), out, **attrs),
        emit("DepthwiseConv2dNative", grad, w, **attrs),
    ]


def _filter_gradient(node: Any, grad: Any) -> list[Any]:
    x, _, out = node.inputs
    attrs = _attributes(node)
    return [
        emit("DepthwiseConv2dNativeBackpropInput", blocks.shape_of(x), grad, out, **attrs),
        None,
        emit("DepthwiseConv2dNative", x, grad, **attrs),
    ]


@op("DepthwiseConv2dNative", shape=depthwise_shape, kernel=with_settings(_forward), gradient=_gradient)
def depthwise_conv2d_native(
    input: Any,
    filter: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str | None = "NHWC",
    dilations: Sequence[int] = ONES,
    name: str | None = None,
) -> Tensor:
    """The convolution of each channel of images with filters of its own.

    Args:
        input: [batch, height, width, depth] of a float type ([batch, depth, height, width] for "NCHW").
        filter: [height, width, depth, filters of each channel].
        strides, dilations: four numbers.
        padding: "SAME" or "VALID".

    Returns:
        [batch, height, width, depth * filters of each channel].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w = tf.ones([1, 2, 2, 2]), tf.constant([1.0, 10.0], shape=[1, 1, 2, 1])
    ...     print(sess.run(tf.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "VALID"))[0, 0, 0])
    [ 1. 10.]
    """
    attrs = {"strides": strides, "padding": padding, "data_format": data_format, "dilations": dilations}
    return emit("DepthwiseConv2dNative", input, filter, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "DepthwiseConv2dNativeBackpropInput",
    shape=sizes_input(0, 4),
    kernel=with_settings(_input_kernel),
    gradient=_input_gradient,
    static=(0,),
)
def depthwise_conv2d_native_backprop_input(
    input_sizes: Any,
    filter: Any,
    out_backprop: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `depthwise_conv2d_native` for its input, of shape `input_sizes`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     w, grad = tf.ones([2, 2, 1, 1]), tf.ones([1, 1, 1, 1])
    ...     found = tf.nn.depthwise_conv2d_backprop_input([1, 2, 2, 1], w, grad, [1, 1, 1, 1], "VALID")
    ...     print(sess.run(found).ravel())
    [1. 1. 1. 1.]
    """
    attrs = {"strides": strides, "padding": padding, "data_format": data_format, "dilations": dilations}
    return emit(  # type: ignore[no-any-return]
        "DepthwiseConv2dNativeBackpropInput", input_sizes, filter, out_backprop, name=name, **attrs
    )


@op(
    "DepthwiseConv2dNativeBackpropFilter",
    shape=sizes_input(1, 4),
    kernel=with_settings(_filter_kernel),
    gradient=_filter_gradient,
    static=(1,),
)
def depthwise_conv2d_native_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES,
    name: str | None = None,
) -> Tensor:
    """The gradient of `depthwise_conv2d_native` for its filters, of shape `filter_sizes`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, grad = tf.ones([1, 3, 3, 1]), tf.ones([1, 2, 2, 1])
    ...     found = tf.nn.depthwise_conv2d_backprop_filter(x, [2, 2, 1, 1], grad, [1, 1, 1, 1], "VALID")
    ...     print(sess.run(found).ravel())
    [4. 4. 4. 4.]
    """
    attrs = {"strides": strides, "padding": padding, "data_format": data_format, "dilations": dilations}
    return emit(  # type: ignore[no-any-return]
        "DepthwiseConv2dNativeBackpropFilter", input, filter_sizes, out_backprop, name=name, **attrs
    )
