"""The convolutions and pools of `tf.contrib.layers`."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from reflow.contrib.arg_scopes import add_arg_scope
from reflow.contrib.layers_common import (
    RENAMED,
    check_format,
    collect_weights,
    finished,
    keras_format,
    layer_scope,
    settings_of_layer,
    settings_of_weights,
)
from reflow.contrib.layers_initializers import xavier_initializer
from reflow.contrib.layers_utils import (
    add_variable_to_collections,
    channel_dimension,
    collect_named_outputs,
    get_variable_collections,
    last_dimension,
    n_positive_integers,
    two_element_tuple,
)
from reflow.contrib.model_variables import model_variable
from reflow.graph.graph import convert_to_tensor, name_scope
from reflow.model.initializers import zeros_initializer
from reflow.model.layers import convolutional, pooling
from reflow.model.variable_scope import variable_scope
from reflow.ops.activations import bias_add, relu
from reflow.ops.atrous import depthwise_conv2d
from reflow.ops.padding import tile
from reflow.ops.pooling import pool as nn_pool

XAVIER, ZEROS = xavier_initializer(), zeros_initializer()
FORMATS = (None, "NWC", "NCW", "NHWC", "NCHW", "NDHWC", "NCDHW")
VOLUMES = ("NCDHW", "NDHWC")
BY_RANK = {3: convolutional.Conv1D, 4: convolutional.Conv2D, 5: convolutional.Conv3D}

# Convolutions


@add_arg_scope
def convolution(
    inputs: Any,
    num_outputs: int,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str | None = None,
    rate: Any = 1,
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Any = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
    conv_dims: int | None = None,
) -> Any:
    """A convolution, with normalization and activation, over one to three space axes, by the rank of the
    inputs.

    Args:
        inputs: [batch, space..., channels]; [batch, channels, space...] for a format that begins with "NC".
        num_outputs: the number of channels of the outputs.
        kernel_size: the size of the window, a number or one for each space axis.
        stride, rate: how far it moves; how far apart its elements are (not both other than 1).
        padding: "SAME" or "VALID".
        data_format: such as "NHWC"; None is channels last.
        activation_fn: a function of the result; None for none.
        normalizer_fn, normalizer_params: a function (`batch_norm`) in place of the bias, and its arguments.
        weights_initializer, weights_regularizer: of the variable `weights`.
        biases_initializer, biases_regularizer: of the variable `biases`; an initializer None is no bias.
        reuse, scope: of the variable scope, `Conv` by default.
        variables_collections: further collections for the variables, or a dict of these by "weights",
            "biases".
        outputs_collections: collections for the outputs.
        trainable: whether the variables are trainable.
        conv_dims: the number of space axes that the inputs must have.

    ValueError for another rank or format.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.contrib.layers.convolution(tf.zeros([1, 8, 8, 3]), 4, 3, stride=2)
    ...     y.shape.as_list(), [v.name for v in tf.model_variables()]
    ([1, 4, 4, 4], ['Conv/weights:0', 'Conv/biases:0'])
    """
    if data_format not in FORMATS:
        raise ValueError(f"Invalid data_format: {data_format!r}")
    with layer_scope(scope, "Conv", inputs, reuse, RENAMED) as opened:
        inputs = convert_to_tensor(inputs)
        layer = _layer_for(inputs, conv_dims)(
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=keras_format(data_format),
            dilation_rate=rate,
            **settings_of_weights(
                normalizer_fn,
                weights_initializer,
                weights_regularizer,
                biases_initializer,
                biases_regularizer,
            ),
            **settings_of_layer(opened, inputs, trainable, reuse),
        )
        outputs = layer.apply(inputs)
        collect_weights(layer, variables_collections)
        rest = (normalizer_fn, normalizer_params, activation_fn, outputs_collections)
        return finished(outputs, opened.name, *rest)


def _layer_for(inputs: Any, conv_dims: int | None) -> Any:
    rank = inputs.shape.ndims
    if conv_dims is not None and conv_dims + 2 != rank:
        raise ValueError(f"Convolution expects input with rank {conv_dims + 2}, got {rank}")
    if rank not in BY_RANK:
        raise ValueError("Convolution not supported for input with rank", rank)
    return BY_RANK[rank]


def _of_rank(dims: int, shape: str, result: str) -> Callable[..., Any]:
    """`convolution` for inputs with one number of space axes."""
    parameters = list(inspect.signature(convolution).parameters.values())[:-1]
    signature = inspect.Signature(parameters)

    def convolve(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        return convolution(*bound.args, conv_dims=dims)

    name = f"convolution{dims}d"
    convolve.__name__ = convolve.__qualname__ = name
    convolve.__signature__ = signature  # type: ignore[attr-defined]
    convolve.__doc__ = f"""`convolution` of inputs with {dims} space axes: see there for the arguments.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.{name}(tf.zeros({shape}), 4, 3).shape.as_list()
    {result}
    """
    return add_arg_scope(convolve)


convolution1d = _of_rank(1, "[1, 8, 3]", "[1, 8, 4]")
convolution2d = _of_rank(2, "[1, 8, 8, 3]", "[1, 8, 8, 4]")
convolution3d = _of_rank(3, "[1, 4, 4, 4, 3]", "[1, 4, 4, 4, 4]")


@add_arg_scope
def convolution2d_in_plane(
    inputs: Any,
    kernel_size: Any,
    stride: Any = 1,
    padding: str = "SAME",
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Any = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """The same convolution of each channel for itself; arguments as of `convolution`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.conv2d_in_plane(tf.zeros([1, 8, 8, 3]), 3).shape.as_list()
    [1, 8, 8, 3]
    """
    with variable_scope(scope, "ConvInPlane", [inputs], reuse=reuse) as opened:
        channels = last_dimension(inputs.shape, min_rank=4)
        weights = model_variable(
            "weights",
            shape=[*two_element_tuple(kernel_size), 1, 1],
            dtype=inputs.dtype.base_dtype,
            initializer=weights_initializer,
            regularizer=weights_regularizer,
            collections=get_variable_collections(variables_collections, "weights"),
            trainable=trainable,
        )
        kernels = tile(weights, [1, 1, channels, 1])
        outputs = depthwise_conv2d(inputs, kernels, [1, *two_element_tuple(stride), 1], padding)
        if normalizer_fn is None and biases_initializer is not None:
            settings = (biases_initializer, biases_regularizer, variables_collections, trainable)
            outputs = bias_add(outputs, _biases(channels, inputs, *settings))
        rest = (normalizer_fn, normalizer_params, activation_fn, outputs_collections)
        return finished(outputs, opened.name, *rest)


def _biases(
    size: int, inputs: Any, initializer: Any, regularizer: Any, variables_collections: Any, trainable: bool
) -> Any:
    return model_variable(
        "biases",
        shape=[size],
        dtype=inputs.dtype.base_dtype,
        initializer=initializer,
        regularizer=regularizer,
        collections=get_variable_collections(variables_collections, "biases"),
        trainable=trainable,
    )


def _transposed(dims: int) -> Callable[..., Any]:
    """The transposed convolution of two or of three space axes."""
    layer_class = convolutional.Conv2DTranspose if dims == 2 else convolutional.Conv3DTranspose
    formats = ("NCHW", "NHWC") if dims == 2 else VOLUMES

    def transposed(
        inputs: Any,
        num_outputs: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: str = "SAME",
        data_format: str = formats[1],
        activation_fn: Any = relu,
        normalizer_fn: Any = None,
        normalizer_params: dict[str, Any] | None = None,
        weights_initializer: Any = XAVIER,
        weights_regularizer: Any = None,
        biases_initializer: Any = ZEROS,
        biases_regularizer: Any = None,
        reuse: Any = None,
        variables_collections: Any = None,
        outputs_collections: Any = None,
        trainable: bool = True,
        scope: Any = None,
    ) -> Any:
        with layer_scope(scope, f"Conv{dims}d_transpose", inputs, reuse, RENAMED) as opened:
            check_format(data_format, formats)
            inputs = convert_to_tensor(inputs)
            layer = layer_class(
                num_outputs,
                kernel_size,
                strides=stride,
                padding=padding,
                data_format=keras_format(data_format),
                **settings_of_weights(
                    normalizer_fn,
                    weights_initializer,
                    weights_regularizer,
                    biases_initializer,
                    biases_regularizer,
                ),
                **settings_of_layer(opened, inputs, trainable, reuse),
            )
            outputs = layer.apply(inputs)
            collect_weights(layer, variables_collections)
            rest = (normalizer_fn, normalizer_params, activation_fn, outputs_collections)
            return finished(outputs, opened.name, *rest)

    name = f"convolution{dims}d_transpose"
    transposed.__name__ = transposed.__qualname__ = name
    small = [1, *[3] * dims, 2]
    transposed.__doc__ = f"""The transpose of a convolution of {dims} space axes; arguments as of
    `convolution`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.{name}(tf.zeros({small}), 4, 3, stride=2).shape.as_list()
    {[1, *[6] * dims, 4]}
    """
    return add_arg_scope(transposed)


convolution2d_transpose = _transposed(2)
convolution3d_transpose = _transposed(3)


@add_arg_scope
def separable_convolution2d(
    inputs: Any,
    num_outputs: int | None,
    kernel_size: Any,
    depth_multiplier: int = 1,
    stride: Any = 1,
    padding: str = "SAME",
    data_format: str = "NHWC",
    rate: Any = 1,
    activation_fn: Any = relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    pointwise_initializer: Any = None,
    weights_regularizer: Any = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """A convolution of each channel for itself, then one over the channels at each place.

    Args:
        num_outputs: the number of channels of the outputs; None leaves the second convolution out.
        depth_multiplier: how many channels the first convolution makes of each.
        pointwise_initializer: of the second one's weights; `weights_initializer` when None.

    The other arguments are those of `convolution`. Variables: `depthwise_weights`, `pointwise_weights`,
    `biases`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.zeros([1, 8, 8, 3])
    ...     wide = tf.contrib.layers.separable_conv2d(x, None, 3, depth_multiplier=2)
    ...     tf.contrib.layers.separable_conv2d(x, 4, 3).shape.as_list(), wide.shape.as_list()
    ([1, 8, 8, 4], [1, 8, 8, 6])
    """
    check_format(data_format)
    rename = {
        "bias": "biases",
        "depthwise_kernel": "depthwise_weights",
        "pointwise_kernel": "pointwise_weights",
    }
    with layer_scope(scope, "SeparableConv2d", inputs, reuse, rename) as opened:
        inputs = convert_to_tensor(inputs)
        rest = (normalizer_fn, normalizer_params, activation_fn, outputs_collections)
        if num_outputs is None:
            weights = _depthwise_weights(
                inputs,
                kernel_size,
                depth_multiplier,
                data_format,
                weights_initializer,
                weights_regularizer,
                variables_collections,
                trainable,
            )
            steps = two_element_tuple(stride)
            outputs = depthwise_conv2d(
                inputs,
                weights,
                [1, 1, *steps] if data_format == "NCHW" else [1, *steps, 1],
                padding,
                rate=two_element_tuple(rate),
                data_format=data_format,
            )
            if normalizer_fn is None and biases_initializer is not None:
                size = weights.shape.as_list()[2] * depth_multiplier
                settings = (biases_initializer, biases_regularizer, variables_collections, trainable)
                outputs = bias_add(outputs, _biases(size, inputs, *settings), data_format=data_format)
            return finished(outputs, opened.name, *rest)
        layer = convolutional.SeparableConv2D(
            num_outputs,
            kernel_size,
            strides=stride,
            padding=padding,
            data_format=keras_format(data_format),
            dilation_rate=two_element_tuple(rate),
            depth_multiplier=depth_multiplier,
            use_bias=bool(not normalizer_fn and biases_initializer),
            depthwise_initializer=weights_initializer,
            pointwise_initializer=pointwise_initializer or weights_initializer,
            bias_initializer=biases_initializer,
            depthwise_regularizer=weights_regularizer,
            pointwise_regularizer=weights_regularizer,
            bias_regularizer=biases_regularizer,
            **settings_of_layer(opened, inputs, trainable, reuse),
        )
        outputs = layer.apply(inputs)
        for kernel in (layer.depthwise_kernel, layer.pointwise_kernel):
            add_variable_to_collections(kernel, variables_collections, "weights")
        if layer.bias is not None:
            add_variable_to_collections(layer.bias, variables_collections, "biases")
        return finished(outputs, opened.name, *rest)


def _depthwise_weights(
    inputs: Any,
    kernel_size: Any,
    depth_multiplier: int,
    data_format: str,
    initializer: Any,
    regularizer: Any,
    variables_collections: Any,
    trainable: bool,
) -> Any:
    channels = channel_dimension(inputs.shape, keras_format(data_format), min_rank=4)
    return model_variable(
        "depthwise_weights",
        shape=[*two_element_tuple(kernel_size), channels, depth_multiplier],
        dtype=inputs.dtype.base_dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=get_variable_collections(variables_collections, "weights"),
    )


# Pools


def _pooling(layer_class: Any, name: str, scope_name: str, shape: str, result: str) -> Callable[..., Any]:
    """The function form of a pooling layer."""
    formats = VOLUMES if "3" in name else ("NCHW", "NHWC")

    def pooled(
        inputs: Any,
        kernel_size: Any,
        stride: Any = 2,
        padding: str = "VALID",
        data_format: str = formats[1],
        outputs_collections: Any = None,
        scope: Any = None,
    ) -> Any:
        check_format(data_format, formats)
        with name_scope(scope, scope_name, [inputs]) as opened:
            inputs = convert_to_tensor(inputs)
            layer = layer_class(kernel_size, stride, padding, keras_format(data_format), _scope=opened)
            return collect_named_outputs(outputs_collections, opened, layer.apply(inputs))

    pooled.__name__ = pooled.__qualname__ = name
    pooled.__doc__ = f"""The function form of `{layer_class.__name__}`: a pool with windows of `kernel_size`.

    Args:
        kernel_size, stride: the size of the window, and how far it moves: a number or one for each space
            axis.
        padding: "VALID" or "SAME".
        data_format: "{formats[1]}" or "{formats[0]}".
        outputs_collections, scope: as of `convolution`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.{name}(tf.zeros({shape}), 2).shape.as_list()
    {result}
    """
    return add_arg_scope(pooled)


IMAGE, HALF = "[1, 8, 8, 3]", "[1, 4, 4, 3]"
VOLUME, EIGHTH = "[1, 4, 4, 4, 3]", "[1, 2, 2, 2, 3]"
max_pool2d = _pooling(pooling.MaxPooling2D, "max_pool2d", "MaxPool2D", IMAGE, HALF)
max_pool3d = _pooling(pooling.MaxPooling3D, "max_pool3d", "MaxPool3D", VOLUME, EIGHTH)
avg_pool2d = _pooling(pooling.AveragePooling2D, "avg_pool2d", "AvgPool2D", IMAGE, HALF)
avg_pool3d = _pooling(pooling.AveragePooling3D, "avg_pool3d", "AvgPool3D", VOLUME, EIGHTH)


@add_arg_scope
def pool(
    inputs: Any,
    kernel_size: Any,
    pooling_type: str,
    padding: str = "VALID",
    data_format: str | None = None,
    dilation_rate: Any = 1,
    stride: Any = 1,
    outputs_collections: Any = None,
    scope: Any = None,
) -> Any:
    """`tf.nn.pool`, of any number of space axes: `pooling_type` is "AVG" or "MAX".

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.pool(tf.zeros([1, 8, 8, 3]), 3, "MAX").shape.as_list()
    [1, 6, 6, 3]
    """
    with name_scope(scope, f"{pooling_type.lower()}_pool", [inputs]) as opened:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.ndims
        if rank is None:
            raise ValueError("Rank of inputs must be known")
        if rank < 3:
            raise ValueError(f"Rank of inputs must be >= 3, not {rank}")
        window, rates, steps = (
            n_positive_integers(rank - 2, value) for value in (kernel_size, dilation_rate, stride)
        )
        output = nn_pool(
            inputs,
            window,
            pooling_type,
            padding,
            dilation_rate=rates,
            strides=steps,
            name=opened,
            data_format=data_format,
        )
        return collect_named_outputs(outputs_collections, opened, output)
