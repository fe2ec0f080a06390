"""Convolution layers."""

from __future__ import annotations

from typing import Any

from reflow.base.shape import TensorShape, as_shape
from reflow.model.initializers import zeros_initializer
from reflow.model.layers.base import InputSpec, Layer
from reflow.model.layers.functional import functional
from reflow.model.layers.sizes import (
    convolved_size,
    format_word,
    normalized_format,
    padding_word,
    spread,
    transposed_size,
)
from reflow.ops.activations import bias_add
from reflow.ops.array import shape
from reflow.ops.atrous import prepared_convolution, separable_conv2d
from reflow.ops.convolution import conv2d_transpose, conv3d_transpose
from reflow.ops.joining import stack
from reflow.ops.padding import pad
from reflow.ops.shaping import expand_dims, reshape, squeeze, transpose

ZEROS = zeros_initializer()


class _Filters(Layer):
    """What convolution layers share: filters, a bias, an activation."""

    rank: int

    def _settle(
        self, filters: int, kernel_size: Any, strides: Any, padding: str, data_format: str | None
    ) -> None:
        self.filters = filters
        self.kernel_size = spread(kernel_size, self.rank, "kernel_size")
        self.strides = spread(strides, self.rank, "strides")
        self.padding = padding_word(padding)
        if self.padding == "causal" and self.rank > 1:
            raise ValueError("Causal padding is only supported for `Conv1D` and `SeparableConv1D`.")
        self.data_format = normalized_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self.kernel: Any = None
        self.bias: Any = None

    @property
    def _channel_axis(self) -> int:
        return 1 if self.data_format == "channels_first" else -1

    def _input_depth(self, input_shape: Any) -> int:
        dims = as_shape(input_shape).dims
        depth = dims[self._channel_axis].value if dims else None
        if depth is None:
            raise ValueError("The channel dimension of the inputs should be defined. Found `None`.")
        self.input_spec = InputSpec(ndim=self.rank + 2, axes={self._channel_axis: depth})
        return int(depth)

    def _add_bias_weight(self, initializer: Any, regularizer: Any, constraint: Any) -> None:
        self.bias = self.add_weight(
            "bias", (self.filters,), initializer=initializer, regularizer=regularizer, constraint=constraint
        )

    def _sizes(self, input_shape: Any, size_of: Any, channels: int) -> TensorShape:
        """The shape of the outputs, `size_of` giving each axis from its number and its size before."""
        sizes = as_shape(input_shape).as_list()
        first = self.data_format == "channels_first"
        space = sizes[2:] if first else sizes[1:-1]
        new = [size_of(i, size) for i, size in enumerate(space)]
        return TensorShape([sizes[0], channels, *new] if first else [sizes[0], *new, channels])


class _Convolution(_Filters):
    """A convolution of `rank` space axes. Its arguments are those of `Conv2D`."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self._settle(filters, kernel_size, strides, padding, data_format)
        self.dilation_rate = spread(dilation_rate, self.rank, "dilation_rate")
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint

    def build(self, input_shape: Any) -> None:
        depth = self._input_depth(input_shape)
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, depth, self.filters),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self._add_bias_weight(self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        self._convolve = prepared_convolution(
            self._padded_shape(as_shape(input_shape)),
            self.kernel.shape,
            self.rank,
            self.strides,
            self.dilation_rate,
            "VALID" if self.padding == "causal" else self.padding.upper(),
            format_word(self.data_format, self.rank + 2),
        )
        super().build(input_shape)

    def _padded_shape(self, input_shape: TensorShape) -> TensorShape:
        return input_shape

    def call(self, inputs: Any) -> Any:
        outputs = self._convolve(inputs, self.kernel)
        if self.use_bias:
            outputs = self._biased(outputs)
        return outputs if self.activation is None else self.activation(outputs)

    def _biased(self, outputs: Any) -> Any:
        if self.data_format == "channels_last":
            return bias_add(outputs, self.bias, data_format="NHWC")
        if self.rank == 1:
            return outputs + reshape(self.bias, (1, self.filters, 1))
        return bias_add(outputs, self.bias, data_format="NCHW")

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        def size_of(axis: int, size: int | None) -> Any:
            settings = (self.kernel_size[axis], self.padding, self.strides[axis], self.dilation_rate[axis])
            return convolved_size(size, *settings)

        return self._sizes(input_shape, size_of, self.filters)


class Conv1D(_Convolution):
    """A convolution of sequences [batch, steps, channels]: arguments as of `Conv2D`.

    `padding` may be "causal" too: an output then depends on inputs up to its own step only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.Conv1D(4, 3)(tf.zeros([2, 8, 1])).shape.as_list()
    [2, 6, 4]
    """

    rank = 1

    def _causal(self) -> list[list[int]]:
        before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
        rows = [[0, 0], [before, 0], [0, 0]]
        return rows if self.data_format == "channels_last" else [rows[0], rows[2], rows[1]]

    def call(self, inputs: Any) -> Any:
        if self.padding == "causal":
            inputs = pad(inputs, self._causal())
        return super().call(inputs)


class Conv2D(_Convolution):
    """A convolution of images [batch, height, width, channels].

    Args:
        filters: the number of channels of the outputs.
        kernel_size: the size of the window, a number or one for each space axis.
        strides: how far the window moves, likewise.
        padding: "valid", or "same": outputs of the size of the inputs divided by the strides.
        data_format: "channels_last" or "channels_first".
        dilation_rate: how far apart the elements of the window are; not together with strides.
        activation: a function of the result, or None.
        use_bias: whether a bias is added to each channel.
        kernel_initializer, bias_initializer: how the variables begin.
        kernel_regularizer, bias_regularizer: functions of them that are added to the losses.
        activity_regularizer: a function of the outputs that is added to the losses.
        kernel_constraint, bias_constraint: functions applied to their new values.
        trainable, name: as of `Layer`.

    Variables: `kernel` [window..., input channels, filters] and `bias` [filters].
    ValueError for inputs of another rank or an unknown number of channels, and for unknown words.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     layer = tf.layers.Conv2D(4, 3, padding="same", activation=tf.nn.relu)
    ...     layer(tf.zeros([2, 8, 8, 1])).shape.as_list(), layer.kernel.shape.as_list()
    ([2, 8, 8, 4], [3, 3, 1, 4])
    """

    rank = 2


class Conv3D(_Convolution):
    """A convolution of volumes [batch, depth, height, width, channels]: arguments as of `Conv2D`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.Conv3D(4, 3)(tf.zeros([2, 8, 8, 8, 1])).shape.as_list()
    [2, 6, 6, 6, 4]
    """

    rank = 3


class _Transposed(_Filters):
    """A transposed convolution of `rank` space axes."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self._settle(filters, kernel_size, strides, padding, data_format)
        self.activation, self.use_bias = activation, use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint

    def build(self, input_shape: Any) -> None:
        rank = as_shape(input_shape).ndims
        if rank != self.rank + 2:
            raise ValueError(f"Inputs should have rank {self.rank + 2}. Received input shape: {input_shape}")
        depth = self._input_depth(input_shape)
        self.kernel = self.add_weight(
            "kernel",
            (*self.kernel_size, self.filters, depth),
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self._add_bias_weight(self.bias_initializer, self.bias_regularizer, self.bias_constraint)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        first = self.data_format == "channels_first"
        sizes = shape(inputs)
        batch = sizes[0]
        space = [sizes[i + (2 if first else 1)] for i in range(self.rank)]
        new = [self._size_of(i, size) for i, size in enumerate(space)]
        target = stack([batch, self.filters, *new] if first else [batch, *new, self.filters])
        outputs = self._transposed(inputs, target)
        outputs.set_shape(self.compute_output_shape(inputs.shape))
        if self.use_bias:
            outputs = bias_add(outputs, self.bias, data_format=format_word(self.data_format, 4))
        return outputs if self.activation is None else self.activation(outputs)

    def _transposed(self, inputs: Any, target: Any) -> Any:
        first = self.data_format == "channels_first"
        steps = (1, 1, *self.strides) if first else (1, *self.strides, 1)
        word = format_word(self.data_format, self.rank + 2)
        options = {"padding": self.padding.upper(), "data_format": word}
        if self.rank == 3:
            return conv3d_transpose(inputs, self.kernel, target, steps, **options)
        return self._transposed_images(inputs, target, steps, options)

    def _transposed_images(self, inputs: Any, target: Any, steps: Any, options: Any) -> Any:
        """As TensorFlow builds it where there is no GPU: channels that come first are moved to the end."""
        if self.data_format == "channels_last":
            target[0]  # a node without a use, which counts in random seeds
            return conv2d_transpose(inputs, self.kernel, target, steps, **options)
        inputs = transpose(inputs, (0, 2, 3, 1))
        target = stack([target[i] for i in (0, 2, 3, 1)])
        outputs = conv2d_transpose(
            inputs, self.kernel, target, (1, *self.strides, 1), padding=self.padding.upper()
        )
        return transpose(outputs, (0, 3, 1, 2))

    def _size_of(self, axis: int, size: Any) -> Any:
        return transposed_size(size, self.kernel_size[axis], self.padding, self.strides[axis])

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        return self._sizes(input_shape, self._size_of, self.filters)


class Conv2DTranspose(_Transposed):
    """The transpose (gradient) of a convolution of images, also called deconvolution: arguments as of
    `Conv2D`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.Conv2DTranspose(4, 3, strides=2, padding="same")(tf.zeros([2, 8, 8, 1])).shape.as_list()
    [2, 16, 16, 4]
    """

    rank = 2


class Conv3DTranspose(_Transposed):
    """The transpose (gradient) of a convolution of volumes: arguments as of `Conv2D`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.Conv3DTranspose(4, 3, strides=2)(tf.zeros([1, 2, 2, 2, 1])).shape.as_list()
    [1, 5, 5, 5, 4]
    """

    rank = 3


class _Separable(_Filters):
    """A convolution of each channel for itself, then one over the channels at each place."""

    def __init__(
        self,
        filters: int,
        kernel_size: Any,
        strides: Any = 1,
        padding: str = "valid",
        data_format: str = "channels_last",
        dilation_rate: Any = 1,
        depth_multiplier: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        depthwise_initializer: Any = None,
        pointwise_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        depthwise_regularizer: Any = None,
        pointwise_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        depthwise_constraint: Any = None,
        pointwise_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self._settle(filters, kernel_size, strides, padding, data_format)
        self.dilation_rate = spread(dilation_rate, self.rank, "dilation_rate")
        self.depth_multiplier = depth_multiplier
        self.activation, self.use_bias = activation, use_bias
        self._depthwise = (depthwise_initializer, depthwise_regularizer, depthwise_constraint)
        self._pointwise = (pointwise_initializer, pointwise_regularizer, pointwise_constraint)
        self._bias = (bias_initializer, bias_regularizer, bias_constraint)

    def build(self, input_shape: Any) -> None:
        depth = self._input_depth(input_shape)
        wide = self.depth_multiplier * depth
        self.depthwise_kernel = self._weight(
            "depthwise_kernel", (*self.kernel_size, depth, self.depth_multiplier), self._depthwise
        )
        ones = (1,) * self.rank
        self.pointwise_kernel = self._weight("pointwise_kernel", (*ones, wide, self.filters), self._pointwise)
        if self.use_bias:
            self._add_bias_weight(*self._bias)
        super().build(input_shape)

    def _weight(self, name: str, sizes: Any, settings: tuple[Any, Any, Any]) -> Any:
        initializer, regularizer, constraint = settings
        return self.add_weight(
            name, sizes, initializer=initializer, regularizer=regularizer, constraint=constraint
        )

    def _separable(self, inputs: Any, depthwise: Any, pointwise: Any, steps: Any, rates: Any) -> Any:
        first = self.data_format == "channels_first"
        word = format_word(self.data_format, 4)
        padding = "VALID" if self.padding == "causal" else self.padding.upper()
        steps = (1, 1, *steps) if first else (1, *steps, 1)
        outputs = separable_conv2d(
            inputs, depthwise, pointwise, strides=steps, padding=padding, rate=rates, data_format=word
        )
        return bias_add(outputs, self.bias, data_format=word) if self.use_bias else outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        def size_of(axis: int, size: int | None) -> Any:
            settings = (self.kernel_size[axis], self.padding, self.strides[axis], self.dilation_rate[axis])
            return convolved_size(size, *settings)

        return self._sizes(input_shape, size_of, self.filters)


class SeparableConv1D(_Separable):
    """A depthwise convolution of sequences, then a pointwise one: arguments as of `SeparableConv2D`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.SeparableConv1D(4, 3)(tf.zeros([2, 8, 3])).shape.as_list()
    [2, 6, 4]
    """

    rank = 1

    def call(self, inputs: Any) -> Any:
        if self.padding == "causal":
            before = self.dilation_rate[0] * (self.kernel_size[0] - 1)
            rows = [[0, 0], [before, 0], [0, 0]]
            inputs = pad(inputs, rows if self.data_format == "channels_last" else [rows[0], rows[2], rows[1]])
        axis = 1 if self.data_format == "channels_last" else 2
        inputs = expand_dims(inputs, axis)
        depthwise, pointwise = expand_dims(self.depthwise_kernel, 0), expand_dims(self.pointwise_kernel, 0)
        outputs = self._separable(inputs, depthwise, pointwise, self.strides * 2, (1, *self.dilation_rate))
        outputs = squeeze(outputs, [axis])
        return outputs if self.activation is None else self.activation(outputs)


class SeparableConv2D(_Separable):
    """A convolution of each channel for itself, then one over the channels at each place.

    Args:
        filters, kernel_size, strides, padding, data_format, dilation_rate, activation, use_bias: as of
            `Conv2D`.
        depth_multiplier: how many channels the first convolution makes of each.
        depthwise_initializer, pointwise_initializer, bias_initializer: how the variables begin; regularizers
            and constraints likewise.

    Variables: `depthwise_kernel` [window..., channels, multiplier], `pointwise_kernel` [1, 1, channels x
    multiplier, filters] and `bias` [filters].

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.SeparableConv2D(4, 3)(tf.zeros([2, 8, 8, 3])).shape.as_list()
    [2, 6, 6, 4]
    """

    rank = 2

    def call(self, inputs: Any) -> Any:
        kernels = (self.depthwise_kernel, self.pointwise_kernel)
        outputs = self._separable(inputs, *kernels, self.strides, self.dilation_rate)
        return outputs if self.activation is None else self.activation(outputs)


def _example(call: str, shape: str, result: str) -> str:
    return (
        f">>> import reflow as tf\n>>> with tf.Graph().as_default():\n"
        f"...     tf.layers.{call.format(f'tf.zeros({shape})')}.shape.as_list()\n{result}"
    )


conv1d = functional(Conv1D, "conv1d", _example("conv1d({}, 4, 3)", "[2, 8, 1]", "[2, 6, 4]"))
conv2d = functional(Conv2D, "conv2d", _example("conv2d({}, 4, 3)", "[2, 8, 8, 1]", "[2, 6, 6, 4]"))
conv3d = functional(Conv3D, "conv3d", _example("conv3d({}, 4, 3)", "[1, 3, 3, 3, 1]", "[1, 1, 1, 1, 4]"))
conv2d_transpose_layer = functional(
    Conv2DTranspose,
    "conv2d_transpose",
    _example("conv2d_transpose({}, 4, 3)", "[1, 2, 2, 1]", "[1, 4, 4, 4]"),
)
conv3d_transpose_layer = functional(
    Conv3DTranspose,
    "conv3d_transpose",
    _example("conv3d_transpose({}, 4, 3)", "[1, 2, 2, 2, 1]", "[1, 4, 4, 4, 4]"),
)
separable_conv1d = functional(
    SeparableConv1D, "separable_conv1d", _example("separable_conv1d({}, 4, 3)", "[2, 8, 2]", "[2, 6, 4]")
)
separable_conv2d_layer = functional(
    SeparableConv2D,
    "separable_conv2d",
    _example("separable_conv2d({}, 4, 3)", "[1, 8, 8, 2]", "[1, 6, 6, 4]"),
)
