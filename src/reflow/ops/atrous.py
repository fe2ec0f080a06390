"""Operations on windows whose elements lie apart, by way of the batch; convolutions of any rank.

TensorFlow 1 computes these between `space_to_batch_nd` and `batch_to_space_nd`: so do we, node for node.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.graph import constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.ops import blocks
from reflow.ops.convolution import channel_axis, conv1d, conv2d, sequence_for
from reflow.ops.deprecation import renamed
from reflow.ops.depthwise import depthwise_conv2d_native
from reflow.ops.joining import concat
from reflow.ops.space import (
    batch_to_space,
    batch_to_space_nd,
    required_space_to_batch_paddings,
    space_to_batch,
    space_to_batch_nd,
)

Inner = Callable[[Any, str], Any]  # what is done to the blocks, with which padding


# Space to batch and back


def with_space_to_batch(
    input: Any,
    dilation_rate: Any,
    padding: str,
    op: Callable[[Any, int, str], Any],
    filter_shape: Any = None,
    spatial_dims: Sequence[int] | None = None,
    data_format: str | None = None,
) -> Any:
    """`op` on windows whose elements are `dilation_rate` apart: each set of such elements is one image.

    Args:
        input: a tensor whose space axes are `spatial_dims` (by default, those of `data_format`).
        dilation_rate: an integer vector of known length.
        padding: "SAME" (needs `filter_shape`) or "VALID".
        op: called with the blocks as a batch, the number of space axes and the padding to use.

    Raises:
        ValueError: for a rate that is not positive, another padding, space axes that do not rise.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     def sums(x, count, padding):
    ...         return tf.nn.pool(x, [2], "AVG", padding) * 2
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.with_space_to_batch(x, [2], "VALID", sums)).ravel())
    [2. 4.]
    """
    input = convert_to_tensor(input, name="input")
    axes = _Axes(input.shape, dilation_rate, spatial_dims, data_format)
    return axes.call(input, padding, filter_shape, lambda x, p: op(x, axes.count, p))


class _Axes:
    """The space axes that are cut into blocks, and the blocks' sizes."""

    def __init__(self, shape: TensorShape, rate: Any, dims: Any, data_format: str | None) -> None:
        self.rate = convert_to_tensor(rate, dtypes.int32, name="dilation_rate")
        if self.rate.shape.ndims not in (None, 1):
            raise ValueError("rate must be rank 1")
        if not self.rate.shape.is_fully_defined():
            raise ValueError("rate must have known shape")
        self.shape = shape
        self.count: int = self.rate.shape.as_list()[0]  # type: ignore[assignment]
        self.channels_first = data_format is not None and data_format.startswith("NC")
        first = 2 if self.channels_first else 1
        given = list(range(first, first + self.count) if dims is None else dims)
        self.dims = sorted({int(d) for d in given})
        if self.dims != given or any(d < 1 for d in self.dims):
            raise ValueError("spatial_dims must be a monotonically increasing sequence of positive integers")
        least = self.dims[-1] + (0 if self.channels_first else 1)
        if shape.ndims is not None and shape.ndims < least:
            raise ValueError(f"input tensor must have rank {least} at least")
        self.known = constant_value(self.rate)
        if self.known is not None and np.any(self.known < 1):
            raise ValueError("dilation_rate must be positive")

    def call(self, x: Any, padding: str, filter_shape: Any, op: Inner, filters: Any = None) -> Any:
        """`op` on the blocks, or at once when the elements are not apart."""
        if self.known is not None and np.all(self.known == 1):
            return op(x, padding)
        base = self._base_paddings(padding, filter_shape)
        sizes = self._sizes(x)
        if base is None:
            base = self._around(filter_shape if filters is None else blocks.shape_of(filters))
        paddings, crops = required_space_to_batch_paddings(sizes, self.rate, base)
        rate = _on_all_axes(self.rate, 1, self.dims)
        paddings, crops = _on_all_axes(paddings, 0, self.dims), _on_all_axes(crops, 0, self.dims)
        result = op(space_to_batch_nd(x, rate, paddings), "VALID")
        result = batch_to_space_nd(result, rate, crops)
        if self.channels_first and filters is not None and not result.shape.as_list()[1]:
            sizes = result.shape.as_list()
            sizes[1] = filters.shape.as_list()[-1]
            result.set_shape(sizes)
        return result

    def _base_paddings(self, padding: str, filter_shape: Any) -> Any:
        """How much a "SAME" padding needs; None when only the run will know the filters' sizes."""
        if padding == "VALID":
            return np.zeros([self.count, 2], np.int32)
        if padding != "SAME":
            raise ValueError(f"Invalid padding method {padding!r}")
        if filter_shape is None:
            raise ValueError("filter_shape must be specified for SAME padding")
        if isinstance(filter_shape, TensorShape) and not filter_shape.is_fully_defined():
            return None
        shape = convert_to_tensor(filter_shape, name="filter_shape")
        known = constant_value(shape)
        return self._around(known) if known is not None else None

    def _around(self, filter_shape: Any) -> Any:
        rate = self.rate if self.known is None else self.known
        space = filter_shape[: self.count]
        extra = space + (space - 1) * (rate - 1) - 1
        start = extra // 2
        end = extra - start
        return blocks.pack([[start[i], end[i]] for i in range(self.count)])

    def _sizes(self, x: Any) -> Any:
        static = self.shape.as_list() if self.shape.ndims is not None else None
        if static is not None and all(static[d] is not None for d in self.dims):
            return [static[d] for d in self.dims]
        shape = blocks.shape_of(x)
        return blocks.pack([shape[d] for d in self.dims])


def _on_all_axes(values: Any, fill: int, dims: Sequence[int]) -> Any:
    """A value for each space axis, put among `fill` for the axes before and between."""
    known = constant_value(values)
    source = values if known is None else known
    rest = values.shape.as_list()[1:]
    parts: list[Any] = []
    start, before = 0, 0
    while start < len(dims):
        if dims[start] > 1:
            parts.append(np.full([dims[start] - 1 - before, *rest], fill, values.dtype.as_numpy_dtype))
        end = start + 1
        while end < len(dims) and dims[end] == dims[end - 1] + 1:
            end += 1
        parts.append(source[start:end])
        before, start = dims[end - 1], end
    return np.concatenate(parts) if known is not None else concat(parts, 0)


# Convolutions of any rank


def convolution(
    input: Any,
    filter: Any,
    padding: str,
    strides: Any = None,
    dilation_rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    filters: Any = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution of sequences, images or volumes, by the rank of the input.

    Args:
        input: [batch, space axes..., depth], with one to three space axes; for a `data_format` that begins
            with "NC", the depth comes second.
        filter: [window..., depth, filters].
        padding: "SAME" or "VALID".
        strides: a number for each space axis.
        dilation_rate: how far apart the elements of a window are, for each space axis; `dilations` is another
            name. Not together with strides.

    Raises:
        ValueError: the rank is not known or not from 3 to 5, or the arguments do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w = tf.reshape(tf.range(4.0), [1, 4, 1]), tf.ones([2, 1, 1])
    ...     print(sess.run(tf.nn.convolution(x, w, "VALID", dilation_rate=[2])).ravel())
    [2. 4.]
    """
    filter = renamed("filters", filters, "filter", filter)
    rate = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    return convolution_v2(input, filter, strides, padding, data_format, rate, name)


def convolution_v2(
    input: Any,
    filters: Any,
    strides: Any = None,
    padding: str = "VALID",
    data_format: str | None = None,
    dilations: Any = None,
    name: str | None = None,
) -> Tensor:
    """`convolution` with the argument names and order of TensorFlow 2."""
    shapes = [_shape(input), _shape(filters)]
    rank = next((s.ndims for s in shapes if s.ndims is not None), None)
    if rank is None:
        raise ValueError("rank of input or filter must be known")
    if rank not in (3, 4, 5):
        raise ValueError(f"Input tensor must be of rank 3, 4 or 5 but was {rank}.")
    count = rank - 2
    axis = channel_axis(data_format or "", count + 1)
    strides = sequence_for(strides, count, axis, "strides")
    rates = sequence_for(dilations, count, axis, "dilations")
    with name_scope(name, "convolution", [input, filters]) as scope:
        if all(r == 1 for r in rates):
            return _plain(count, input, filters, strides, padding, data_format, scope)  # type: ignore[no-any-return]
        inner = slice(2, None) if axis == 1 else slice(1, -1)
        arguments = (list(strides[inner]), list(rates[inner]), padding, data_format, scope)
        return _dilated(input, filters, shapes, count, *arguments)  # type: ignore[no-any-return]


def _shape(value: Any) -> TensorShape:
    return as_shape(value.shape if hasattr(value, "shape") else np.shape(value))


def _plain(
    count: int, x: Any, w: Any, strides: Any, padding: str, data_format: str | None, scope: str
) -> Any:
    """A convolution whose elements are not apart."""
    ones = [1] * len(strides)
    if count == 1:
        return conv1d(x, w, strides, padding, data_format=data_format, dilations=ones, name=scope)
    attrs: dict[str, Any] = {"strides": strides, "padding": padding, "dilations": ones}
    if data_format is not None:
        attrs["data_format"] = data_format
    return emit("Conv2D" if count == 2 else "Conv3D", x, w, name=scope, **attrs)


def _dilated(
    x: Any,
    w: Any,
    shapes: list[TensorShape],
    count: int,
    strides: list[int],
    rates: list[int],
    padding: str,
    data_format: str | None,
    scope: str,
) -> Any:
    shape, w_shape = shapes
    run = prepared_convolution(shape, w_shape, count, strides, rates, padding, data_format, scope)
    return run(x, w)


def prepared_convolution(
    x_shape: TensorShape,
    w_shape: TensorShape,
    count: int,
    strides: Any,
    rates: Any,
    padding: str,
    data_format: str | None,
    scope: str | None = None,
) -> Callable[[Any, Any], Any]:
    """A function of inputs and filters of these shapes; the node of the dilation rates is made at once."""
    for shape, what in ((x_shape, "input"), (w_shape, "filter")):
        if shape.ndims not in (None, count + 2):
            raise ValueError(f"{what} tensor must have rank {count + 2}")
    _check_depth(x_shape, w_shape, count, data_format)
    steps, spread = strides_and_rates(count, strides, rates)
    axes = _Axes(x_shape, spread, None, data_format)

    def convolve(x: Any, w: Any) -> Any:
        def inner(blocks_in: Any, padding: str) -> Any:
            return _unspread(blocks_in, w, padding, data_format, list(steps), scope)

        return axes.call(x, padding, w_shape, inner, w)

    return convolve


def _check_depth(x: TensorShape, w: TensorShape, count: int, data_format: str | None) -> None:
    if x.ndims is None or w.ndims is None:
        return
    depth = x.dims[channel_axis(data_format or "", count + 1)]  # type: ignore[index]
    if not depth.is_compatible_with(w.dims[count]):  # type: ignore[index]
        raise ValueError(
            "number of input channels does not match corresponding dimension of filter, "
            f"{depth} != {w.dims[count]}"  # type: ignore[index]
        )


def strides_and_rates(count: int, strides: Any, rates: Any) -> tuple[np.ndarray, np.ndarray]:
    """Strides and dilation rates of the space axes, checked. ValueError when they cannot be used together."""
    found = []
    for value, what in ((rates, "dilation_rate"), (strides, "strides")):
        value = [1] * count if value is None else value
        if len(value) != count:
            raise ValueError(f"len({what})={len(value)} but should be {count}")
        array = np.array(value, dtype=np.int32)
        if np.any(array < 1):
            raise ValueError(f"all values of {what} must be positive")
        found.append(array)
    if np.any(found[1] > 1) and np.any(found[0] > 1):
        raise ValueError("strides > 1 not supported in conjunction with dilation_rate > 1")
    return found[1], found[0]


def _unspread(
    x: Any, w: Any, padding: str, data_format: str | None, strides: list[int], scope: str | None
) -> Any:
    """The convolution of the blocks."""
    count = len(strides)
    first = data_format is not None and data_format.startswith("NC")
    allowed = {1: ("NCW", "NWC", "NCHW", "NHWC"), 2: ("NHWC", "NCHW"), 3: ("NDHWC", "NCDHW")}[count]
    if data_format is not None and data_format not in allowed:
        raise ValueError(f'data_format must be "{allowed[1]}" or "{allowed[0]}".')
    if count == 1:
        return conv1d(x, w, strides[0], padding, data_format=data_format, name=scope)
    steps = [1, 1, *strides] if first else [1, *strides, 1]
    if count == 2:
        return conv2d(x, w, steps, padding, data_format=data_format or "NHWC", name=scope)
    attrs = {} if data_format is None else {"data_format": data_format}
    return emit("Conv3D", x, w, strides=steps, padding=padding, name=scope, **attrs)


def atrous_conv2d(value: Any, filters: Any, rate: Any, padding: str, name: str | None = None) -> Tensor:
    """The convolution of images with filters whose elements are `rate` apart.

    Args:
        value: [batch, height, width, depth].
        filters: [height, width, depth, filters].
        rate: a number.
        padding: "SAME" or "VALID".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w = tf.ones([1, 3, 3, 1]), tf.ones([2, 2, 1, 1])
    ...     print(sess.run(tf.nn.atrous_conv2d(x, w, rate=2, padding="VALID")).ravel())
    [4.]
    """
    rates = np.broadcast_to(rate, (2,))
    return convolution(value, filters, padding, dilation_rate=rates, name=name)


def atrous_conv2d_transpose(
    value: Any, filters: Any, output_shape: Any, rate: int, padding: str, name: str | None = None
) -> Tensor:
    """The transpose of `atrous_conv2d`: its gradient for an input of `output_shape`.

    Args:
        value: [batch, height, width, depth].
        filters: [height, width, filters, depth].
        output_shape: four numbers, or a tensor.
        rate: a number, 1 or more.
        padding: "SAME" or "VALID".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w = tf.ones([1, 1, 1, 1]), tf.ones([2, 2, 1, 1])
    ...     print(sess.run(tf.nn.atrous_conv2d_transpose(x, w, [1, 3, 3, 1], 2, "VALID"))[0, :, :, 0])
    [[1. 0. 1.]
     [0. 0. 0.]
     [1. 0. 1.]]
    """
    with name_scope(name, "atrous_conv2d_transpose", [value, filters, output_shape]):
        value = convert_to_tensor(value, name="value")
        filters = convert_to_tensor(filters, name="filters")
        depths = value.shape.dims[3], filters.shape[3]
        if not depths[0].is_compatible_with(depths[1]):
            raise ValueError(
                "value's input channels does not match filters' input channels, "
                f"{value.shape[3]} != {filters.shape[3]}"
            )
        if rate < 1:
            raise ValueError(f"rate {rate} cannot be less than one")
        if rate == 1:
            sizes = output_shape
            with name_scope(None, "conv2d_transpose", [value, filters, sizes]) as scope:
                return _transposed(sizes, filters, value, padding, scope)  # type: ignore[no-any-return]
        output_shape = _output_sizes(output_shape, filters)
        ends = _same_ends(filters, rate, padding)
        return _atrous_transposed(value, filters, output_shape, rate, ends)  # type: ignore[no-any-return]


def _transposed(sizes: Any, filters: Any, value: Any, padding: str, name: str | None = None) -> Any:
    attrs = {"strides": [1, 1, 1, 1], "padding": padding, "data_format": "NHWC"}
    return emit("Conv2DBackpropInput", sizes, filters, value, name=name, **attrs)


def _output_sizes(output_shape: Any, filters: Any) -> Any:
    shape = convert_to_tensor(output_shape, name="output_shape")
    if not shape.shape.is_compatible_with([4]):
        raise ValueError(f"output_shape must have shape (4,), got {shape.shape}")
    if isinstance(output_shape, tuple):
        output_shape = list(output_shape)
    if isinstance(output_shape, (list, np.ndarray)):
        made = filters.shape.dims[2]
        if not made.is_compatible_with(output_shape[3]):
            raise ValueError(
                f"output_shape does not match filter's output channels, {output_shape[3]} != {made}"
            )
    return output_shape


def _same_ends(filters: Any, rate: int, padding: str) -> tuple[Any, Any, Any, Any]:
    """How much is padded at the top, bottom, left and right."""
    if padding == "VALID":
        return 0, 0, 0, 0
    if padding != "SAME":
        raise ValueError(f"padding must be either VALID or SAME: {padding}")
    static = filters.shape.is_fully_defined()
    sizes = filters.shape.as_list() if static else blocks.shape_of(filters)
    height, width = sizes[0], sizes[1]
    tall = height + (height - 1) * (rate - 1)
    wide = width + (width - 1) * (rate - 1)
    tall, wide = tall - 1, wide - 1
    top = tall // 2
    bottom = tall - top
    left = wide // 2
    return top, bottom, left, wide - left


def _atrous_transposed(
    value: Any, filters: Any, sizes: Any, rate: int, ends: tuple[Any, Any, Any, Any]
) -> Any:
    top, bottom, left, right = ends
    height = sizes[1] + top + bottom
    width = sizes[2] + left + right
    below = (rate - height % rate) % rate
    beside = (rate - width % rate) % rate
    value = space_to_batch(value, [[0, below], [0, beside]], rate)
    inner = [rate * rate * sizes[0], (height + below) // rate, (width + beside) // rate, sizes[3]]
    value = _transposed(inner, filters, value, "VALID")
    return batch_to_space(value, [[top, bottom + below], [left, right + beside]], rate)


# Depthwise and separable convolutions


def depthwise_conv2d(
    input: Any,
    filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """The convolution of each channel of images with filters of its own.

    Args:
        input: [batch, height, width, depth]; [batch, depth, height, width] for "NCHW".
        filter: [height, width, depth, filters of each channel].
        strides: four numbers.
        padding: "SAME" or "VALID".
        rate: two numbers: how far apart a window's elements are; `dilations` is another name.

    Returns:
        [batch, height, width, depth * filters of each channel].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, w = tf.ones([1, 2, 2, 2]), tf.constant([1.0, 10.0], shape=[1, 1, 2, 1])
    ...     print(sess.run(tf.nn.depthwise_conv2d(x, w, [1, 1, 1, 1], "SAME"))[0, 0, 0])
    [ 1. 10.]
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "depthwise", [input, filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        filter = convert_to_tensor(filter, name="filter_in")
        return _depthwise(input, filter, strides, padding, rate, data_format, scope)  # type: ignore[no-any-return]


def _depthwise(
    x: Any, w: Any, strides: Any, padding: str, rate: Any, data_format: str | None, name: str
) -> Any:
    def inner(blocks_in: Any, count: int, padding: str) -> Any:
        return depthwise_conv2d_native(blocks_in, w, strides, padding, data_format, name=name)

    rate = [1, 1] if rate is None else rate
    sizes = blocks.shape_of(w)
    return with_space_to_batch(x, rate, padding, inner, sizes, data_format=data_format)


def separable_conv2d(
    input: Any,
    depthwise_filter: Any,
    pointwise_filter: Any,
    strides: Any,
    padding: str,
    rate: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """`depthwise_conv2d`, then a convolution with 1 x 1 filters that mixes the channels.

    Args:
        depthwise_filter: [height, width, depth, filters of each channel].
        pointwise_filter: [1, 1, depth * filters of each channel, filters].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, d, p = tf.ones([1, 2, 2, 1]), tf.ones([2, 2, 1, 1]), tf.ones([1, 1, 1, 3])
    ...     print(sess.run(tf.nn.separable_conv2d(x, d, p, [1, 1, 1, 1], "VALID")).ravel())
    [4. 4. 4.]
    """
    rate = renamed("dilations", dilations, "rate", rate)
    with name_scope(name, "separable_conv2d", [input, depthwise_filter, pointwise_filter]) as scope:
        input = convert_to_tensor(input, name="tensor_in")
        depthwise_filter = convert_to_tensor(depthwise_filter, name="depthwise_filter")
        pointwise_filter = convert_to_tensor(pointwise_filter, name="pointwise_filter")
        points = pointwise_filter.shape.with_rank(4)
        points.dims[0].assert_is_compatible_with(1)
        points.dims[1].assert_is_compatible_with(1)
        result = _depthwise(input, depthwise_filter, strides, padding, rate, data_format, "depthwise")
        return conv2d(result, pointwise_filter, [1, 1, 1, 1], "VALID", data_format=data_format, name=scope)
