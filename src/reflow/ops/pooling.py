"""Pooling: maxima and means of sliding windows, in one to three space axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops import pooling_kernels as kernels
from reflow.ops.atrous import strides_and_rates, with_space_to_batch
from reflow.ops.convolution import channel_axis, sequence_for
from reflow.ops.convolution_shapes import layout_of, pooled_dims, pooling_shape, sizes_input
from reflow.ops.deprecation import renamed
from reflow.ops.pooling_kernels import Pooling

# Kernels. Each computes with the channels last.


def _pooling(compute: Callable[..., Any]) -> Any:
    """A kernel from `compute(xp, pooling, *inputs)`."""

    def run(
        xp: Any,
        *inputs: Any,
        ksize: list[int],
        strides: list[int],
        padding: str,
        data_format: str = "NHWC",
    ) -> Any:
        return compute(xp, Pooling(ksize, strides, padding, data_format), *inputs)

    return run


def _pooling_v2(compute: Callable[..., Any]) -> Any:
    """A kernel from `compute`, the window sizes and strides being the last two inputs."""

    def run(xp: Any, *inputs: Any, padding: str, data_format: str = "NHWC") -> Any:
        *arrays, ksize, strides = inputs
        pooling = Pooling([int(k) for k in ksize], [int(s) for s in strides], padding, data_format)
        return compute(xp, pooling, *arrays)

    return run


def _max(xp: Any, pooling: Pooling, x: Any) -> Any:
    axes = pooling.axes("MaxPool", x.shape)
    if 0 in x.shape or any(a.count == 0 for a in axes):
        return xp.zeros(pooling.output(x.shape, axes), x.dtype)
    return pooling.back(xp, kernels.maxima(xp, pooling.into(xp, x), axes))


def _check_like_output(xp: Any, pooling: Pooling, sizes: Any, axes: Any, *arrays: Any) -> None:
    wanted = pooling.output(sizes, axes)
    for array in arrays:
        ok = tuple(array.shape) == wanted
        require(xp, ok, "Expected the shape {} of the pooled tensor, got {}", wanted, mats.shown(array))


def _max_back(compute: Callable[..., Any]) -> Callable[..., Any]:
    """From inputs of the shapes of a pooling's input, output and output, back to its input."""

    def run(xp: Any, pooling: Pooling, x: Any, y: Any, grad: Any) -> Any:
        axes = pooling.axes("MaxPoolGrad", x.shape)
        _check_like_output(xp, pooling, x.shape, axes, y, grad)
        if 0 in x.shape or any(a.count == 0 for a in axes):
            return xp.zeros(x.shape, grad.dtype)
        arrays = [pooling.into(xp, a) for a in (x, y, grad)]
        return pooling.back(xp, compute(xp, *arrays, axes))

    return run


def _max_forth(xp: Any, pooling: Pooling, x: Any, y: Any, grad: Any) -> Any:
    """From inputs of the shapes of a pooling's input, output and input, to its output."""
    axes = pooling.axes("MaxPoolGradGrad", x.shape)
    _check_like_output(xp, pooling, x.shape, axes, y)
    require(xp, x.shape == grad.shape, "Expected grad of shape {}, got {}", mats.shown(x), mats.shown(grad))
    if 0 in x.shape or any(a.count == 0 for a in axes):
        return xp.zeros(y.shape, grad.dtype)
    x, y, grad = (pooling.into(xp, a) for a in (x, y, grad))
    return pooling.back(xp, kernels.at_winners(xp, x, y, grad, axes))


def _mean(xp: Any, pooling: Pooling, x: Any) -> Any:
    axes = pooling.axes("AvgPool", x.shape)
    if 0 in x.shape or any(a.count == 0 for a in axes):
        return xp.zeros(pooling.output(x.shape, axes), x.dtype)
    return pooling.back(xp, kernels.means(xp, pooling.into(xp, x), axes=axes))


def _mean_back(xp: Any, pooling: Pooling, sizes: Any, grad: Any) -> Any:
    sizes = tuple(int(s) for s in sizes)
    axes = pooling.axes("AvgPoolGrad", sizes)
    _check_like_output(xp, pooling, sizes, axes, grad)
    if 0 in sizes or any(a.count == 0 for a in axes):
        return xp.zeros(sizes, grad.dtype)
    return pooling.back(xp, kernels.mean_gradient(xp, pooling.into(xp, grad), axes=axes))


# Shape rules and gradients


def _ranked_input(rank: int) -> Any:
    return lambda node: TensorShape.of(mats.ranked(node.inputs[0].shape, rank))


def _settings(node: Any) -> dict[str, Any]:
    return {name: node.attrs[name] for name in ("ksize", "strides", "padding", "data_format")}


def _max_gradient(op_type: str) -> Any:
    def rule(node: Any, grad: Any) -> list[Any]:
        return [emit(op_type, node.inputs[0], node.outputs[0], grad, **_settings(node))]

    return rule


def _zeros_of(x: Any) -> Any:
    return blocks.zeros(blocks.shape_of(x), x.dtype)


def _second_max_gradient(op_type: str) -> Any:
    """The rule of an op that is linear in its third input, and constant in pieces in the other two."""

    def rule(node: Any, grad: Any) -> list[Any]:
        x, y, _ = node.inputs
        return [_zeros_of(x), _zeros_of(y), emit(op_type, x, y, grad, **_settings(node))]

    return rule


def _mean_gradient(op_type: str) -> Any:
    def rule(node: Any, grad: Any) -> list[Any]:
        return [emit(op_type, blocks.shape_of(node.inputs[0]), grad, **_settings(node))]

    return rule


def _second_mean_gradient(op_type: str) -> Any:
    def rule(node: Any, grad: Any) -> list[Any]:
        return [emit("StopGradient", node.inputs[0]), emit(op_type, grad, **_settings(node))]

    return rule


def _by_rank(name: str) -> tuple[tuple[int, str], ...]:
    return ((4, name), (5, f"{name}3D"))


for _rank, _name in _by_rank("AvgPool"):
    register(
        _name, shape=pooling_shape(_rank), kernel=_pooling(_mean), gradient=_mean_gradient(f"{_name}Grad")
    )
    register(
        f"{_name}Grad",
        shape=sizes_input(0, _rank),
        kernel=_pooling(_mean_back),
        gradient=_second_mean_gradient(_name),
        static=(0,),
    )
for _rank, _name in _by_rank("MaxPool"):
    # TensorFlow's kernel for volumes gives the gradient to all elements that are a maximum, that for images
    # to the first.
    _back = kernels.max_gradient if _rank == 4 else kernels.all_maxima_gradient
    register(_name, shape=pooling_shape(_rank), kernel=_pooling(_max), gradient=_max_gradient(f"{_name}Grad"))
    register(
        f"{_name}Grad",
        shape=_ranked_input(_rank),
        kernel=_pooling(_max_back(_back)),
        gradient=_second_max_gradient(f"{_name}GradGrad"),
    )
    register(
        f"{_name}GradGrad",
        shape=pooling_shape(_rank),
        kernel=_pooling(_max_forth),
        gradient=_second_max_gradient(f"{_name}Grad"),
    )


# Window sizes and strides as inputs


def _v2_shape(node: Any) -> TensorShape:
    inputs = mats.ranked(node.inputs[0].shape, 4)
    known = [constant_value(t) for t in node.inputs[-2:]]
    lists = [None if k is None else [int(v) for v in k] for k in known]
    return pooled_dims(node, inputs, lists[0], lists[1], layout_of(node))


def _v2_settings(node: Any) -> dict[str, Any]:
    return {name: node.attrs[name] for name in ("padding", "data_format")}


def _max_v2_gradient(node: Any, grad: Any) -> list[Any]:
    x, ksize, strides = node.inputs
    y = node.outputs[0]
    return [emit("MaxPoolGradV2", x, y, grad, ksize, strides, **_v2_settings(node)), None, None]


def _second_v2_gradient(op_type: str) -> Any:
    def rule(node: Any, grad: Any) -> list[Any]:
        x, y, _, ksize, strides = node.inputs
        nothing = [_zeros_of(x), _zeros_of(y)]
        return [*nothing, emit(op_type, x, y, grad, ksize, strides, **_v2_settings(node)), None, None]

    return rule


_SIZES = (-2, -1)
register("MaxPoolV2", shape=_v2_shape, kernel=_pooling_v2(_max), gradient=_max_v2_gradient, static=_SIZES)
register(
    "MaxPoolGradV2",
    shape=_ranked_input(4),
    kernel=_pooling_v2(_max_back(kernels.max_gradient)),
    gradient=_second_v2_gradient("MaxPoolGradGradV2"),
    static=_SIZES,
)
register(
    "MaxPoolGradGradV2",
    shape=_v2_shape,
    kernel=_pooling_v2(_max_forth),
    gradient=_second_v2_gradient("MaxPoolGradV2"),
    static=_SIZES,
)


# Maxima and where they are


def _argmax_kernel(
    xp: Any,
    x: Any,
    *,
    ksize: list[int],
    strides: list[int],
    padding: str,
    Targmax: dtypes.DType,
    include_batch_in_index: bool,
) -> Any:
    pooling = Pooling(ksize, strides, padding, "NHWC")
    axes = pooling.axes("MaxPoolWithArgmax", x.shape)
    if 0 in x.shape or any(a.count == 0 for a in axes):
        sizes = pooling.output(x.shape, axes)
        return xp.zeros(sizes, x.dtype), xp.zeros(sizes, Targmax.as_numpy_dtype)
    y = kernels.maxima(xp, x, axes)
    places = kernels.winner_positions(xp, x, y, axes)
    if include_batch_in_index:
        places = places + _batch_starts(x)
    return y, places.astype(Targmax.as_numpy_dtype)


def _batch_starts(x: Any) -> np.ndarray:
    """Where each image begins among all elements."""
    size = int(np.prod(x.shape[1:], dtype=np.int64))
    return (np.arange(x.shape[0], dtype=np.int64) * size).reshape(-1, 1, 1, 1)


def _flat_places(xp: Any, x: Any, argmax: Any, include_batch: bool) -> Any:
    places = argmax.astype(np.int64)
    return (places if include_batch else places + _batch_starts(x)).reshape(-1)


def _argmax_back(xp: Any, x: Any, grad: Any, argmax: Any, *, include_batch_in_index: bool) -> Any:
    places = _flat_places(xp, x, argmax, include_batch_in_index)
    total = xp.zeros(x.size, grad.dtype)
    if xp is np:
        np.add.at(total, places, grad.reshape(-1))
    else:
        total = total.at[places].add(grad.reshape(-1))
    return total.reshape(x.shape)


def _argmax_settings(node: Any) -> dict[str, Any]:
    return {n: node.attrs[n] for n in ("ksize", "strides", "padding", "include_batch_in_index")}


def _argmax_gradient(node: Any, grad: Any, _: Any) -> list[Any]:
    x, argmax = node.inputs[0], node.outputs[1]
    return [emit("MaxPoolGradWithArgmax", x, grad, argmax, **_argmax_settings(node))]


def _argmax_shape(node: Any) -> list[TensorShape]:
    return [pooling_shape(4)(node)] * 2


register("MaxPoolGradWithArgmax", shape=_ranked_input(4), kernel=_argmax_back, gradient=None)


@op("MaxPoolWithArgmax", shape=_argmax_shape, kernel=_argmax_kernel, gradient=_argmax_gradient)
def max_pool_with_argmax(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str = "NHWC",
    Targmax: Any = None,
    name: str | None = None,
    output_dtype: Any = None,
    include_batch_in_index: bool = False,
) -> Any:
    """`max_pool` of images, and where each maximum was.

    Args:
        input: [batch, height, width, depth].
        ksize, strides: the size of a window and how far apart windows are: four numbers.
        data_format: "NHWC" and no other.
        Targmax: the type of the positions, int64 or int32; `output_dtype` is another name.
        include_batch_in_index: count positions through the whole batch, not through each image.

    Returns:
        The maxima, and their positions: (y * width + x) * depth + channel.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([1.0, 4.0, 3.0, 2.0], shape=[1, 2, 2, 1])
    ...     top, place = sess.run(tf.nn.max_pool_with_argmax(x, [1, 2, 2, 1], [1, 2, 2, 1], "VALID"))
    ...     print(top.ravel(), place.ravel())
    [4.] [1]
    """
    if data_format != "NHWC":
        raise ValueError("Data formats other than 'NHWC' are not yet supported")
    index_type = renamed("output_dtype", output_dtype, "Targmax", Targmax)
    attrs: dict[str, Any] = {"ksize": ksize, "strides": strides, "padding": padding}
    attrs["Targmax"] = dtypes.int64 if index_type is None else index_type
    attrs["include_batch_in_index"] = include_batch_in_index
    return emit("MaxPoolWithArgmax", input, name=name, **attrs)


# Public functions


def _arguments(
    ksize: Any, strides: Any, padding: str, data_format: str, count: int, last: int
) -> dict[str, Any]:
    axis = channel_axis(data_format, last)
    return {
        "ksize": sequence_for(ksize, count, axis, "ksize"),
        "strides": sequence_for(strides, count, axis, "strides"),
        "padding": padding,
        "data_format": data_format,
    }


def max_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The maximum of each window of images.

    Args:
        value: [batch, height, width, depth]; [batch, depth, height, width] for "NCHW". `input` is another
            name.
        ksize: the size of a window: one number, one for height and width, or one for each axis (the depth may
            be pooled instead of height and width).
        strides: how far apart windows are, given in the same way.
        padding: "VALID", or "SAME" (windows may reach over the edges).

    Raises:
        ValueError: a window is larger than the image, a stride is not positive, the format is another.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    ...     print(sess.run(tf.nn.max_pool(x, 2, 2, "VALID"))[0, :, :, 0])
    [[ 5.  7.]
     [13. 15.]]
    """
    value = renamed("input", input, "value", value)
    with name_scope(name, "MaxPool", [value]) as scope:
        attrs = _arguments(ksize, strides, padding, data_format or "NHWC", 2, 3)
        if 0 in attrs["ksize"]:
            raise ValueError("ksize cannot be zero.")
        return emit("MaxPool", value, name=scope, **attrs)  # type: ignore[no-any-return]


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
) -> Tensor:
    """`max_pool` under another name."""
    with name_scope(name, "MaxPool2d", [input]) as scope:
        attrs = _arguments(ksize, strides, padding, data_format or "NHWC", 2, 3)
        return emit("MaxPool", input, name=scope, **attrs)  # type: ignore[no-any-return]


def avg_pool(
    value: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NHWC",
    name: str | None = None,
    input: Any = None,
) -> Tensor:
    """The mean of each window of images, over what it covers of them; arguments as of `max_pool`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(16.0), [1, 4, 4, 1])
    ...     print(sess.run(tf.nn.avg_pool(x, 2, 2, "VALID"))[0, :, :, 0])
    [[ 2.5  4.5]
     [10.5 12.5]]
    """
    with name_scope(name, "AvgPool", [value]) as scope:
        value = renamed("input", input, "value", value)
        attrs = _arguments(ksize, strides, padding, data_format or "NHWC", 2, 3)
        return emit("AvgPool", value, name=scope, **attrs)  # type: ignore[no-any-return]


def _pool_lines(
    op_type: str, x: Any, ksize: Any, strides: Any, padding: str, data_format: str | None, scope: str
) -> Tensor:
    """Pooling of sequences: that of images of height 1."""
    data_format = data_format or "NWC"
    axis = channel_axis(data_format, 2)
    height = 1 if data_format == "NWC" else 2
    x = blocks.expand_dims(x, height)
    result = emit(
        op_type,
        x,
        ksize=[1, *sequence_for(ksize, 1, axis, "ksize")],
        strides=[1, *sequence_for(strides, 1, axis, "strides")],
        padding=padding,
        data_format="NHWC" if data_format == "NWC" else "NCHW",
        name=scope,
    )
    return blocks.squeeze(result, height)  # type: ignore[no-any-return]


def max_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of sequences [batch, width, depth] ([batch, depth, width] for "NCW").

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.max_pool1d(x, 2, 2, "VALID")).ravel())
    [1. 3.]
    """
    with name_scope(name, "MaxPool1d", [input]) as scope:
        return _pool_lines("MaxPool", input, ksize, strides, padding, data_format, scope)


def avg_pool1d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of sequences [batch, width, depth] ([batch, depth, width] for "NCW").

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.avg_pool1d(x, 2, 2, "VALID")).ravel())
    [0.5 2.5]
    """
    with name_scope(name, "AvgPool1D", [input]) as scope:
        return _pool_lines("AvgPool", input, ksize, strides, padding, data_format, scope)


def max_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of volumes [batch, planes, height, width, depth]; see `max_pool`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(8.0), [1, 2, 2, 2, 1])
    ...     print(sess.run(tf.nn.max_pool3d(x, 2, 2, "VALID")).ravel())
    [7.]
    """
    with name_scope(name, "MaxPool3D", [input]) as scope:
        attrs = _arguments(ksize, strides, padding, data_format or "NDHWC", 3, 4)
        return emit("MaxPool3D", input, name=scope, **attrs)  # type: ignore[no-any-return]


def avg_pool3d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = "NDHWC",
    name: str | None = None,
) -> Tensor:
    """The mean of each window of volumes [batch, planes, height, width, depth]; see `avg_pool`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(8.0), [1, 2, 2, 2, 1])
    ...     print(sess.run(tf.nn.avg_pool3d(x, 2, 2, "VALID")).ravel())
    [3.5]
    """
    with name_scope(name, "AvgPool3D", [input]) as scope:
        attrs = _arguments(ksize, strides, padding, data_format or "NDHWC", 3, 3)
        return emit("AvgPool3D", input, name=scope, **attrs)  # type: ignore[no-any-return]


def _space_axes(input: Any, data_format: str | None) -> int:
    shape = convert_to_tensor(input).shape if not hasattr(input, "shape") else input.shape
    count = len(shape) - 2
    if count not in (1, 2, 3):
        raise ValueError(f"Input tensor must be of rank 3, 4 or 5 but was {count + 2}.")
    return count


def _pool_any(
    op_type: str, line: Any, input: Any, arguments: tuple[Any, ...], data_format: str | None, name: str | None
) -> Tensor:
    ksize, strides, padding = arguments
    count = _space_axes(input, data_format)
    axis = channel_axis(data_format or "", count + 1)
    ksize = sequence_for(ksize, count, axis, "ksize")
    strides = sequence_for(strides, count, axis, "strides")
    if count == 1:
        return line(input, ksize, strides, padding, data_format, name)  # type: ignore[no-any-return]
    attrs = {"ksize": ksize, "strides": strides, "padding": padding, "data_format": data_format}
    return emit(op_type if count == 2 else f"{op_type}3D", input, name=name, **attrs)  # type: ignore[no-any-return]


def max_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The maximum of each window of sequences, images or volumes, by the rank of the input.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.max_pool_v2(x, 2, 2, "VALID")).ravel())
    [1. 3.]
    """
    return _pool_any("MaxPool", max_pool1d, input, (ksize, strides, padding), data_format, name)


def avg_pool_v2(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str,
    data_format: str | None = None,
    name: str | None = None,
) -> Tensor:
    """The mean of each window of sequences, images or volumes, by the rank of the input.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.avg_pool_v2(x, 2, 2, "VALID")).ravel())
    [0.5 2.5]
    """
    return _pool_any("AvgPool", avg_pool1d, input, (ksize, strides, padding), data_format, name)


def pool(
    input: Any,
    window_shape: Sequence[int],
    pooling_type: str,
    padding: str,
    dilation_rate: Any = None,
    strides: Any = None,
    name: str | None = None,
    data_format: str | None = None,
    dilations: Any = None,
) -> Tensor:
    """The maximum or the mean of each window of sequences, images or volumes.

    Args:
        input: [batch, space axes..., depth]; the depth comes second for a format that begins with "NC".
        window_shape: the size of a window along each of one to three space axes.
        pooling_type: "MAX" or "AVG".
        padding: "SAME" or "VALID".
        dilation_rate: how far apart a window's elements are (only with "VALID" and without strides);
            `dilations` is another name.
        strides: how far apart windows are, for each space axis: at most the windows' sizes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(4.0), [1, 4, 1])
    ...     print(sess.run(tf.nn.pool(x, [2], "MAX", "VALID", dilation_rate=[2])).ravel())
    [2. 3.]
    """
    rate = renamed("dilations", dilations, "dilation_rate", dilation_rate)
    with name_scope(name, f"{pooling_type.lower()}_pool", [input]) as scope:
        input = convert_to_tensor(input, name="input")
        count = len(window_shape)
        if count not in (1, 2, 3):
            raise ValueError("It is required that 1 <= num_spatial_dims <= 3.")
        input.shape.with_rank(count + 2)
        steps, spread = strides_and_rates(count, strides, rate)
        _check_pool(window_shape, steps, spread, padding)
        if pooling_type not in ("MAX", "AVG"):
            raise ValueError(f"{count}-D {pooling_type} pooling is not supported.")
        inner, axes = _pool_of_blocks(pooling_type, window_shape, steps, data_format, scope)
        return with_space_to_batch(input, spread, padding, inner, window_shape, axes)  # type: ignore[no-any-return]


def _check_pool(window: Sequence[int], strides: np.ndarray, rates: np.ndarray, padding: str) -> None:
    if padding == "SAME" and np.any(rates > 1):
        raise ValueError("pooling with SAME padding is not implemented for dilation_rate > 1")
    if np.any(strides > window):
        raise ValueError(
            "strides > window_shape not supported due to inconsistency between CPU and GPU implementations"
        )


def _pool_of_blocks(
    kind: str, window: Sequence[int], strides: np.ndarray, data_format: str | None, scope: str
) -> tuple[Any, range]:
    """What `pool` does to the blocks, and its space axes."""
    count = len(window)
    first = data_format is not None and data_format.startswith("NC")
    axes = range(2, count + 2) if first else range(1, count + 1)
    sizes, steps = list(window), [int(s) for s in strides]
    ksize = [1, 1, *sizes] if first else [1, *sizes, 1]
    moves = [1, 1, *steps] if first else [1, *steps, 1]
    if count == 1:
        if data_format not in (None, "NWC", "NCW"):
            raise ValueError('data_format must be either "NWC" or "NCW".')
        data_format = "NCHW" if data_format == "NCW" else "NHWC"
        ksize, moves = [1, *ksize], [1, *moves]
    functions = {"MAX": (max_pool, max_pool3d), "AVG": (avg_pool, avg_pool3d)}
    function = functions[kind][count == 3]

    def inner(x: Any, _: int, padding: str) -> Any:
        if count == 1:
            x = blocks.expand_dims(x, axes[0])
        result = function(x, ksize, moves, padding, data_format, name=scope)
        return blocks.squeeze(result, [axes[0]]) if count == 1 else result

    return inner, axes
