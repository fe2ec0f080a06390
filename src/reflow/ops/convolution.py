"""Convolutions: `conv1d`, `conv2d`, `conv3d`, their transposes, and the ops of their gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.graph.graph import emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.convolution_kernels import (
    convolution_kernel,
    filter_kernel,
    input_kernel,
    with_settings,
)
from reflow.ops.convolution_shapes import convolution_shape, sizes_input
from reflow.ops.deprecation import renamed

ONES_2D = (1, 1, 1, 1)
ONES_3D = (1, 1, 1, 1, 1)


def sequence_for(value: Any, space: int, channel_axis: int, name: str) -> list[Any]:
    """A number, or one for each space axis, or one for each axis, as a list with one for each axis."""
    values = [1] if value is None else list(value) if hasattr(value, "__len__") else [value]
    if len(values) == space + 2:
        return values
    if len(values) not in (1, space):
        raise ValueError(f"{name} should be of length 1, {space} or {space + 2} but was {len(values)}")
    inner = values * space if len(values) == 1 else values
    return [1, 1, *inner] if channel_axis == 1 else [1, *inner, 1]


def channel_axis(data_format: str, last: int) -> int:
    return 1 if data_format.startswith("NC") else last


def _attributes(node: Any, *names: str) -> dict[str, Any]:
    return {name: node.attrs[name] for name in (*names, "strides", "padding", "data_format", "dilations")}


# The ops of two space axes


def _attributes_2d(node: Any) -> dict[str, Any]:
    return _attributes(node, "explicit_paddings", "use_cudnn_on_gpu")


def _conv2d_gradient(node: Any, grad: Any) -> list[Any]:
    x, w = node.inputs
    attrs = _attributes_2d(node)
    x_sizes, w_sizes = emit("ShapeN", [x, w])
    return [
        emit("Conv2DBackpropInput", x_sizes, w, grad, **attrs),
        emit("Conv2DBackpropFilter", x, w_sizes, grad, **attrs),
    ]


def _conv2d_input_gradient(node: Any, grad: Any) -> list[Any]:
    _, w, out = node.inputs
    attrs = _attributes_2d(node)
    return [
        None,
        emit("Conv2DBackpropFilter", grad, blocks.shape_of(w), out, **attrs),
        emit("Conv2D", grad, w, **attrs),
    ]


def _conv2d_filter_gradient(node: Any, grad: Any) -> list[Any]:
    x, _, out = node.inputs
    attrs = _attributes_2d(node)
    return [
        emit("Conv2DBackpropInput", blocks.shape_of(x), grad, out, **attrs),
        None,
        emit("Conv2D", x, grad, **attrs),
    ]


# The ops of three space axes


def _conv3d_gradient(node: Any, grad: Any) -> list[Any]:
    x, w = node.inputs
    attrs = _attributes(node)
    return [
        emit("Conv3DBackpropInputV2", blocks.shape_of(x), w, grad, **attrs),
        emit("Conv3DBackpropFilterV2", x, blocks.shape_of(w), grad, **attrs),
    ]


def _conv3d_input_gradient(node: Any, grad: Any) -> list[Any]:
    _, w, out = node.inputs
    attrs = _attributes(node)
    return [
        None,
        emit("Conv3DBackpropFilterV2", grad, blocks.shape_of(w), out, **attrs),
        emit("Conv3D", grad, w, **attrs),
    ]


def _conv3d_filter_gradient(node: Any, grad: Any) -> list[Any]:
    x, _, out = node.inputs
    attrs = _attributes(node)
    return [
        emit("Conv3DBackpropInputV2", blocks.shape_of(x), grad, out, **attrs),
        None,
        emit("Conv3D", x, grad, **attrs),
    ]


register(
    "Conv3DBackpropInputV2",
    shape=sizes_input(0, 5),
    kernel=with_settings(input_kernel("Conv3DBackpropInputV2")),
    gradient=_conv3d_input_gradient,
    static=(0,),
)


# Public functions


def convert_padding(padding: Any) -> tuple[str, list[int]]:
    """The attributes `padding` and `explicit_paddings` of a padding given as a word or as pairs."""
    if padding == "EXPLICIT":
        raise ValueError(
            '"EXPLICIT" is not a valid value for the padding parameter. To use explicit padding, the padding '
            "parameter must be a list."
        )
    if not isinstance(padding, (list, tuple)):
        return padding, []
    rule = "When padding is a list, each element of padding must be a list/tuple of size 2."
    for i, pair in enumerate(padding):
        if not isinstance(pair, (list, tuple)):
            raise ValueError(f"{rule} Element with index {i} of padding is not a list/tuple")
        if len(pair) != 2:
            raise ValueError(f"{rule} Element with index {i} of padding has size {len(pair)}")
    if len(padding) != 4:
        raise ValueError(f"When padding is a list, it must be of size 4. Got padding of size: {len(padding)}")
    return "EXPLICIT", [n for pair in padding for n in pair]


def _spread_2d(value: Any, data_format: str | None, name: str) -> list[Any]:
    return sequence_for(value, 2, channel_axis(data_format or "NHWC", 3), name)


@op(
    "Conv2D",
    shape=convolution_shape(4),
    kernel=with_settings(convolution_kernel("Conv2D")),
    gradient=_conv2d_gradient,
)
def conv2d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str | None = "NHWC",
    dilations: Any = ONES_2D,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The convolution of images with filters (a cross-correlation: the filters are not turned).

    Args:
        input: [batch, height, width, depth] of a float type; [batch, depth, height, width] for "NCHW".
        filter: [height, width, depth, filters] of the same type; `filters` is another name. Its depth may be
            a divisor of the input's: then each group of channels has its own filters.
        strides: how far apart windows are: one number, one for height and width, or one for each axis.
        padding: "VALID"; "SAME", as many zeros at the edges as give size / stride outputs; or how many zeros,
            as [[0, 0], [top, bottom], [left, right], [0, 0]] (in the order of `data_format`).
        use_cudnn_on_gpu: not used.
        dilations: how far apart the elements of a window are, given as `strides` is.

    Raises:
        ValueError: the shapes do not fit, a window is larger than the image, a stride is not positive.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     image, ones = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])
    ...     print(sess.run(tf.nn.conv2d(image, ones, strides=1, padding="SAME"))[0, :, :, 0])
    [[4. 4. 2.]
     [4. 4. 2.]
     [2. 2. 1.]]
    """
    filter = renamed("filters", filters, "filter", filter)
    padding, explicit = convert_padding(padding)
    data_format = data_format or "NHWC"
    attrs = {
        "strides": _spread_2d(strides, data_format, "strides"),
        "padding": padding,
        "use_cudnn_on_gpu": use_cudnn_on_gpu,
        "explicit_paddings": explicit,
        "data_format": data_format,
        "dilations": _spread_2d(dilations, data_format, "dilations"),
    }
    return emit("Conv2D", input, filter, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "Conv2DBackpropFilter",
    shape=sizes_input(1, 4),
    kernel=with_settings(filter_kernel("Conv2DBackpropFilter")),
    gradient=_conv2d_filter_gradient,
    static=(1,),
)
def conv2d_backprop_filter(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Any,
    padding: Any,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES_2D,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv2d` for its filters, of shape `filter_sizes`, from that of its output.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, grad = tf.ones([1, 3, 3, 1]), tf.ones([1, 2, 2, 1])
    ...     found = tf.nn.conv2d_backprop_filter(x, [2, 2, 1, 1], grad, [1, 1, 1, 1], "VALID")
    ...     print(sess.run(found).ravel())
    [4. 4. 4. 4.]
    """
    padding, explicit = convert_padding(padding)
    attrs = {
        "strides": list(strides),
        "padding": padding,
        "use_cudnn_on_gpu": use_cudnn_on_gpu,
        "explicit_paddings": explicit,
        "data_format": data_format,
        "dilations": list(dilations),
    }
    return emit("Conv2DBackpropFilter", input, filter_sizes, out_backprop, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "Conv2DBackpropInput",
    shape=sizes_input(0, 4),
    kernel=with_settings(input_kernel("Conv2DBackpropInput")),
    gradient=_conv2d_input_gradient,
    static=(0,),
    beside=("Conv2DBackpropFilter", 2, 0),
)
def conv2d_backprop_input(
    input_sizes: Any,
    filter: Any = None,
    out_backprop: Any = None,
    strides: Any = None,
    padding: Any = None,
    use_cudnn_on_gpu: bool = True,
    data_format: str = "NHWC",
    dilations: Sequence[int] = ONES_2D,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The gradient of `conv2d` for its input, of shape `input_sizes`, from that of its output.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     w, grad = tf.ones([2, 2, 1, 1]), tf.ones([1, 2, 2, 1])
    ...     found = tf.nn.conv2d_backprop_input([1, 3, 3, 1], w, grad, [1, 1, 1, 1], "VALID")
    ...     print(sess.run(found)[0, :, :, 0])
    [[1. 2. 1.]
     [2. 4. 2.]
     [1. 2. 1.]]
    """
    filter = renamed("filters", filters, "filter", filter)
    padding, explicit = convert_padding(padding)
    attrs = {
        "strides": list(strides),
        "padding": padding,
        "use_cudnn_on_gpu": use_cudnn_on_gpu,
        "explicit_paddings": explicit,
        "data_format": data_format,
        "dilations": list(dilations),
    }
    return emit("Conv2DBackpropInput", input_sizes, filter, out_backprop, name=name, **attrs)  # type: ignore[no-any-return]


def conv2d_transpose(
    value: Any = None,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv2d`, which makes images larger: its gradient for an input of `output_shape`.

    Args:
        value: [batch, height, width, depth]; `input` is another name.
        filter: [height, width, filters, depth]: the output's channels come before the input's.
        output_shape: the shape of the output, in the order of `data_format`.
        strides, padding, dilations: those of the `conv2d` that would lead back.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, ones = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 1, 1])
    ...     print(sess.run(tf.nn.conv2d_transpose(x, ones, [1, 4, 4, 1], strides=2)).sum())
    16.0
    """
    value = renamed("input", input, "value", value)
    filter = renamed("filters", filters, "filter", filter)
    with name_scope(name, "conv2d_transpose", [value, filter, output_shape]) as scope:
        return conv2d_transpose_v2(
            value, filter, output_shape, strides, padding, data_format, dilations, scope
        )


def conv2d_transpose_v2(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv2d_transpose` with the argument names of TensorFlow 2."""
    with name_scope(name, "conv2d_transpose", [input, output_shape]) as scope:
        attrs = {
            "strides": _spread_2d(strides, data_format, "strides"),
            "padding": _word(padding),
            "data_format": data_format or "NHWC",
            "dilations": _spread_2d(dilations, data_format, "dilations"),
        }
        return emit("Conv2DBackpropInput", output_shape, filters, input, name=scope, **attrs)  # type: ignore[no-any-return]


def _word(padding: Any) -> Any:
    if isinstance(padding, (list, tuple)):
        raise TypeError(f"Expected string for argument 'padding' not {padding!r}.")
    return padding


# One space axis


def _line_format(data_format: str | None, old: bool) -> tuple[str, int]:
    """The layout of images of height 1, and which axis of them the height is."""
    if data_format in (None, "NWC") or (old and data_format == "NHWC"):
        return "NHWC", 1
    if data_format == "NCW" or (old and data_format == "NCHW"):
        return "NCHW", 2
    raise ValueError('data_format must be "NWC" or "NCW".')


def conv1d(
    value: Any = None,
    filters: Any = None,
    stride: Any = None,
    padding: str | None = None,
    use_cudnn_on_gpu: bool | None = None,
    data_format: str | None = None,
    name: str | None = None,
    input: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution of sequences with filters: that of images of height 1.

    Args:
        value: [batch, width, depth] ([batch, depth, width] for "NCW"); `input` is another name.
        filters: [width, depth, filters].
        stride, dilations: a number (or a list, as for `conv2d`).
        padding: "SAME" or "VALID".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, ones = tf.ones([1, 3, 1]), tf.ones([2, 1, 1])
    ...     print(sess.run(tf.nn.conv1d(x, ones, stride=1, padding="SAME")).ravel())
    [2. 2. 1.]
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "conv1d", [value, filters]) as scope:
        layout, height = _line_format(data_format, old=True)
        attrs: dict[str, Any] = {
            "strides": [1, *sequence_for(stride, 1, 3 - height, "stride")],
            "padding": padding,
            "data_format": layout,
            "dilations": [1, *sequence_for(dilations, 1, 3 - height, "dilations")],
        }
        if use_cudnn_on_gpu is not None:
            attrs["use_cudnn_on_gpu"] = use_cudnn_on_gpu
        value = blocks.expand_dims(value, height)
        filters = blocks.expand_dims(filters, 0)
        result = emit("Conv2D", value, filters, name=scope, **attrs)
        return blocks.squeeze(result, [height])  # type: ignore[no-any-return]


def conv1d_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """The transpose of `conv1d`, which makes sequences longer: see `conv2d_transpose`.

    Args:
        input: [batch, width, depth] ([batch, depth, width] for "NCW").
        filters: [width, filters, depth].
        output_shape: three numbers, or a tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, ones = tf.ones([1, 2, 1]), tf.ones([2, 1, 1])
    ...     print(sess.run(tf.nn.conv1d_transpose(x, ones, [1, 4, 1], strides=2)).ravel())
    [1. 1. 1. 1.]
    """
    with name_scope(name, "conv1d_transpose", [input, filters, output_shape]) as scope:
        layout, height = _line_format(data_format, old=False)
        strides = [1, *sequence_for(strides, 1, 3 - height, "stride")]
        dilations = [1, *sequence_for(dilations, 1, 3 - height, "dilations")]
        input = blocks.expand_dims(input, height)
        filters = blocks.expand_dims(filters, 0)
        if not hasattr(output_shape, "op"):
            output_shape = list(output_shape)
        sizes = blocks.concat([output_shape[:height], [1], output_shape[height:]], 0)
        attrs = {"strides": strides, "padding": padding, "data_format": layout, "dilations": dilations}
        result = emit("Conv2DBackpropInput", sizes, filters, input, name=scope, **attrs)
        return blocks.squeeze(result, height)  # type: ignore[no-any-return]


# Three space axes


@op(
    "Conv3D",
    shape=convolution_shape(5),
    kernel=with_settings(convolution_kernel("Conv3D")),
    gradient=_conv3d_gradient,
)
def conv3d(
    input: Any,
    filter: Any = None,
    strides: Any = None,
    padding: str | None = None,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = ONES_3D,
    name: str | None = None,
    filters: Any = None,
) -> Tensor:
    """The convolution of volumes [batch, planes, height, width, depth] with filters: see `conv2d`.

    Args:
        input: for "NCDHW", [batch, depth, planes, height, width].
        filter: [planes, height, width, depth, filters]; `filters` is another name.
        strides, dilations: five numbers.
        padding: "SAME" or "VALID".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, ones = tf.ones([1, 2, 2, 2, 1]), tf.ones([2, 2, 2, 1, 1])
    ...     print(sess.run(tf.nn.conv3d(x, ones, [1, 1, 1, 1, 1], "VALID")).ravel())
    [8.]
    """
    filter = renamed("filters", filters, "filter", filter)
    attrs = {"strides": strides, "padding": padding, "data_format": data_format, "dilations": dilations}
    return emit("Conv3D", input, filter, name=name, **attrs)  # type: ignore[no-any-return]


@op(
    "Conv3DBackpropFilterV2",
    shape=sizes_input(1, 5),
    kernel=with_settings(filter_kernel("Conv3DBackpropFilterV2")),
    gradient=_conv3d_filter_gradient,
    static=(1,),
)
def conv3d_backprop_filter_v2(
    input: Any,
    filter_sizes: Any,
    out_backprop: Any,
    strides: Sequence[int],
    padding: str,
    data_format: str = "NDHWC",
    dilations: Sequence[int] = ONES_3D,
    name: str | None = None,
) -> Tensor:
    """The gradient of `conv3d` for its filters, of shape `filter_sizes`, from that of its output.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, grad = tf.ones([1, 2, 2, 2, 1]), tf.ones([1, 1, 1, 1, 1])
    ...     sizes, ones = [2, 2, 2, 1, 1], [1, 1, 1, 1, 1]
    ...     print(sess.run(tf.nn.conv3d_backprop_filter_v2(x, sizes, grad, ones, "VALID")).sum())
    8.0
    """
    attrs = {"strides": strides, "padding": padding, "data_format": data_format, "dilations": dilations}
    return emit("Conv3DBackpropFilterV2", input, filter_sizes, out_backprop, name=name, **attrs)  # type: ignore[no-any-return]


def conv3d_transpose(
    value: Any,
    filter: Any = None,
    output_shape: Any = None,
    strides: Any = None,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    name: str | None = None,
    input: Any = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The transpose of `conv3d`, which makes volumes larger: see `conv2d_transpose`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, ones = tf.ones([1, 1, 1, 1, 1]), tf.ones([2, 2, 2, 1, 1])
    ...     print(sess.run(tf.nn.conv3d_transpose(x, ones, [1, 2, 2, 2, 1], strides=2)).sum())
    8.0
    """
    filter = renamed("filters", filters, "filter", filter)
    value = renamed("input", input, "value", value)
    return conv3d_transpose_v2(value, filter, output_shape, strides, padding, data_format, dilations, name)


def conv3d_transpose_v2(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = "NDHWC",
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv3d_transpose` with the argument names of TensorFlow 2."""
    with name_scope(name, "conv3d_transpose", [input, output_shape]) as scope:
        data_format = data_format or "NDHWC"
        axis = channel_axis(data_format, 4)
        attrs = {
            "strides": sequence_for(strides, 3, axis, "strides"),
            "padding": padding,
            "data_format": data_format,
            "dilations": sequence_for(dilations, 3, axis, "dilations"),
        }
        return emit("Conv3DBackpropInputV2", output_shape, filters, input, name=scope, **attrs)  # type: ignore[no-any-return]


def conv_transpose(
    input: Any,
    filters: Any,
    output_shape: Any,
    strides: Any,
    padding: str = "SAME",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`conv1d_transpose`, `conv2d_transpose` or `conv3d_transpose`, as `output_shape` is long.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x, w = tf.zeros([1, 2, 2, 1]), tf.zeros([2, 2, 1, 1])
    ...     tf.nn.conv_transpose(x, w, [1, 4, 4, 1], strides=2).shape.as_list()
    [1, 4, 4, 1]
    """
    with name_scope(name, "conv_transpose", [input, output_shape]) as scope:
        if hasattr(output_shape, "op"):
            count = output_shape.shape.as_list()[0]
        elif hasattr(output_shape, "__len__"):
            count = len(output_shape)
        else:
            raise ValueError("output_shape must be a tensor or sized collection.")
        if count not in (3, 4, 5):
            raise ValueError(f"output_shape must be of length 3, 4 or 5 but was {count}.")
        function = {3: conv1d_transpose, 4: conv2d_transpose_v2, 5: conv3d_transpose_v2}[count]
        return function(input, filters, output_shape, strides, padding, data_format, dilations, scope)
