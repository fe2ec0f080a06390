"""Normalization of each example for itself: `layer_norm`, `instance_norm`, `group_norm`."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.contrib.arg_scopes import add_arg_scope
from reflow.contrib.layers_common import check_format, finished
from reflow.contrib.layers_utils import get_variable_collections
from reflow.contrib.model_variables import model_variable
from reflow.graph.graph import convert_to_tensor
from reflow.model.initializers import ones_initializer, zeros_initializer
from reflow.model.variable_scope import variable_scope
from reflow.ops.array import shape
from reflow.ops.math import rsqrt
from reflow.ops.moments import batch_normalization, moments, normalize_moments, sufficient_statistics
from reflow.ops.shaping import reshape

INITIAL = {"beta": zeros_initializer(), "gamma": ones_initializer()}


def _parameter(
    name: str, sizes: Any, inputs: Any, initializers: Any, variables_collections: Any, trainable: bool
) -> Any:
    return model_variable(
        name,
        shape=sizes,
        dtype=inputs.dtype.base_dtype,
        initializer=(initializers or {}).get(name, INITIAL[name]),
        collections=get_variable_collections(variables_collections, name),
        trainable=trainable,
    )


def _ranked(inputs: Any) -> int:
    rank = inputs.shape.ndims
    if rank is None:
        raise ValueError(f"Inputs {inputs.name} has undefined rank.")
    return int(rank)


@add_arg_scope
def layer_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    activation_fn: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    begin_norm_axis: int = 1,
    begin_params_axis: int = -1,
    scope: Any = None,
) -> Any:
    """Each example brought to mean 0 and variance 1, then times `gamma`, plus `beta`.

    Args:
        inputs: a tensor [batch, ...].
        center, scale: whether there are the variables `beta`, `gamma`.
        begin_norm_axis: the first of the axes over which the mean is taken.
        begin_params_axis: the first of the axes along which the variables have elements.
        activation_fn, variables_collections, outputs_collections, trainable, reuse, scope: as of
            `fully_connected`; the scope is `LayerNorm` by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     y = tf.contrib.layers.layer_norm(tf.constant([[1.0, 3.0]]))
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(y))
    [[-1.  1.]]
    """
    with variable_scope(scope, "LayerNorm", [inputs], reuse=reuse) as opened:
        inputs = convert_to_tensor(inputs)
        rank = _ranked(inputs)
        first = rank + begin_norm_axis if begin_norm_axis < 0 else begin_norm_axis
        if begin_params_axis >= rank or first >= rank:
            raise ValueError(
                f"begin_params_axis ({begin_params_axis}) and begin_norm_axis ({first}) must be < "
                f"rank(inputs) ({rank})"
            )
        sizes = inputs.shape[begin_params_axis:]
        if not sizes.is_fully_defined():
            raise ValueError(
                f"Inputs {inputs.name}: shape(inputs)[{begin_params_axis}:] is not fully defined: "
                f"{inputs.shape}"
            )
        settings = (sizes, inputs, None, variables_collections, trainable)
        beta = _parameter("beta", *settings) if center else None
        gamma = _parameter("gamma", *settings) if scale else None
        mean, variance = moments(inputs, list(range(first, rank)), keep_dims=True)
        epsilon = 1e-3 if inputs.dtype.base_dtype == dtypes.float16 else 1e-12
        outputs = batch_normalization(inputs, mean, variance, beta, gamma, epsilon)
        outputs.set_shape(inputs.shape)
        return finished(outputs, opened.name, None, None, activation_fn, outputs_collections)


@add_arg_scope
def instance_norm(
    inputs: Any,
    center: bool = True,
    scale: bool = True,
    epsilon: float = 1e-6,
    activation_fn: Any = None,
    param_initializers: dict[str, Any] | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Any:
    """Each channel of each example brought to mean 0 and variance 1, then times `gamma`, plus `beta`.

    Args:
        inputs: [batch, space..., channels]; [batch, channels, space...] for "NCHW".
        epsilon: added to the variance.
        param_initializers: a dict by "beta", "gamma".

    The other arguments are those of `layer_norm`; the scope is `InstanceNorm` by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.instance_norm(tf.zeros([2, 4, 4, 3])).shape.as_list()
    [2, 4, 4, 3]
    """
    inputs = convert_to_tensor(inputs)
    rank = _ranked(inputs)
    check_format(data_format)
    with variable_scope(scope, "InstanceNorm", [inputs], reuse=reuse) as opened:
        axis = 1 if data_format == "NCHW" else rank - 1
        sizes = inputs.shape[axis : axis + 1]
        if not sizes.is_fully_defined():
            raise ValueError(f"Inputs {inputs.name} has undefined channels dimension {sizes}.")
        settings = (sizes, inputs, param_initializers, variables_collections, trainable)
        wide = [1, sizes.as_list()[0]] + [1] * (rank - 2) if data_format == "NCHW" else None
        beta = _wide(_parameter("beta", *settings), wide) if center else None
        gamma = _wide(_parameter("gamma", *settings), wide) if scale else None
        axes = [i for i in range(1, rank) if i != axis]
        mean, variance = moments(inputs, axes, keep_dims=True)
        outputs = batch_normalization(inputs, mean, variance, beta, gamma, epsilon, name="instancenorm")
        return finished(outputs, opened.name, None, None, activation_fn, outputs_collections)


def _wide(parameter: Any, sizes: list[int] | None) -> Any:
    return reshape(parameter, sizes) if sizes else parameter


@add_arg_scope
def group_norm(
    inputs: Any,
    groups: int = 32,
    channels_axis: int = -1,
    reduction_axes: Any = (-3, -2),
    center: bool = True,
    scale: bool = True,
    epsilon: float = 1e-6,
    activation_fn: Any = None,
    param_initializers: dict[str, Any] | None = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
    mean_close_to_zero: bool = False,
) -> Any:
    """Each group of channels of each example brought to mean 0 and variance 1, then times `gamma`, plus
    `beta`.

    Args:
        inputs: a tensor whose sizes along `reduction_axes` and `channels_axis` are known.
        groups: the number of groups; it divides the number of channels.
        channels_axis: the axis of the channels.
        reduction_axes: the other axes over which the mean is taken.
        mean_close_to_zero: computes the variance as the mean of squares less the square of the mean.

    The other arguments are those of `instance_norm`; the scope is `GroupNorm` by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.group_norm(tf.zeros([2, 4, 4, 6]), groups=3).shape.as_list()
    [2, 4, 4, 6]
    """
    inputs = convert_to_tensor(inputs)
    rank = _ranked(inputs)
    if channels_axis > rank - 1:
        raise ValueError(f"Axis is out of bounds: {channels_axis} of {rank}.")
    dynamic = shape(inputs)
    sizes = [dynamic[i] if n is None else n for i, n in enumerate(inputs.shape.as_list())]
    channels_axis %= rank
    channels = inputs.shape.as_list()[channels_axis]
    axes = [axis + rank if axis < 0 else axis for axis in reduction_axes]
    _check_groups(inputs, groups, channels, channels_axis, axes)
    before, after = sizes[:channels_axis], sizes[channels_axis + 1 :]
    grouped = [groups, channels // groups]
    wide = [1] * len(before) + grouped + [1] * len(after)
    inputs = reshape(inputs, [*before, *grouped, *after])
    axes = [channels_axis + 1, *(axis + 1 if axis > channels_axis else axis for axis in axes)]
    with variable_scope(scope, "GroupNorm", [inputs], reuse=reuse) as opened:
        settings = ([channels], inputs, param_initializers, variables_collections, trainable)
        beta = reshape(_parameter("beta", *settings), wide) if center else None
        gamma = reshape(_parameter("gamma", *settings), wide) if scale else None
        outputs = _group_normalized(inputs, axes, beta, gamma, epsilon, mean_close_to_zero)
        outputs = reshape(outputs, sizes)
        return finished(outputs, opened.name, None, None, activation_fn, outputs_collections)


def _check_groups(inputs: Any, groups: int, channels: Any, channels_axis: int, axes: list[int]) -> None:
    sizes = inputs.shape.as_list()
    if channels is None:
        raise ValueError(f"Inputs {inputs.name} has undefined channel dimension: {channels_axis}.")
    for axis in axes:
        if axis >= len(sizes):
            raise ValueError(f"Axis is out of bounds: {axis} of {len(sizes)}.")
        if sizes[axis] is None:
            raise ValueError(f"Inputs {inputs.name} has undefined dimensions {axis}.")
        if axis == channels_axis:
            raise ValueError("reduction_axis must be mutually exclusive with channels_axis")
    if groups > channels:
        raise ValueError(f"Invalid groups {groups} for {channels} channels.")
    if channels % groups:
        raise ValueError(f"{channels} channels is not commensurate with {groups} groups.")


def _group_normalized(
    inputs: Any, axes: list[int], beta: Any, gamma: Any, epsilon: float, mean_close_to_zero: bool
) -> Any:
    if mean_close_to_zero:
        count, sums, squares, _ = sufficient_statistics(inputs, axes, keep_dims=True)
        mean, variance = normalize_moments(count, sums, squares, shift=None)
    else:
        mean, variance = moments(inputs, axes, keep_dims=True)
    gain = rsqrt(variance + epsilon)
    offset = -mean * gain
    if gamma is not None:
        gain *= gamma
        offset *= gamma
    if beta is not None:
        offset += beta
    return inputs * gain + offset
