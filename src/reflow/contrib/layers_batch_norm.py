"""`tf.contrib.layers.batch_norm`.

Three ways lead to the same numbers, and programs tell them apart by the names of their nodes: the layer of
`tf.layers` when the updates go where it puts them; one fused op where it can be used; single ops for the
rest.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.contrib.arg_scopes import add_arg_scope
from reflow.contrib.layers_common import check_format, finished, layer_scope, settings_of_layer
from reflow.contrib.layers_utils import (
    add_variable_to_collections,
    constant_value,
    get_variable_collections,
    smart_cond,
)
from reflow.contrib.model_variables import model_variable
from reflow.graph.graph import (
    GraphKeys,
    add_to_collections,
    constant,
    control_dependencies,
    convert_to_tensor,
)
from reflow.model.initializers import ones_initializer, zeros_initializer
from reflow.model.layers.normalization import BatchNormalization
from reflow.model.scope_state import get_variable_scope
from reflow.model.variable_scope import variable_scope
from reflow.ops.array import identity, shape
from reflow.ops.batch_norm import fused_batch_norm
from reflow.ops.moments import batch_normalization, moments, weighted_moments
from reflow.ops.shaping import reshape
from reflow.train.moving_average import assign_moving_average

ZEROS, ONES = zeros_initializer(), ones_initializer()
INITIAL = {"beta": ZEROS, "gamma": ONES, "moving_mean": ZEROS, "moving_variance": ONES}


@add_arg_scope
def batch_norm(
    inputs: Any,
    decay: float = 0.999,
    center: bool = True,
    scale: bool = False,
    epsilon: float = 0.001,
    activation_fn: Any = None,
    param_initializers: dict[str, Any] | None = None,
    param_regularizers: dict[str, Any] | None = None,
    updates_collections: Any = GraphKeys.UPDATE_OPS,
    is_training: Any = True,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    batch_weights: Any = None,
    fused: bool | None = None,
    data_format: str = "NHWC",
    zero_debias_moving_mean: bool = False,
    scope: Any = None,
    renorm: bool = False,
    renorm_clipping: dict[str, Any] | None = None,
    renorm_decay: float = 0.99,
    adjustment: Any = None,
) -> Any:
    """Batch normalization: (inputs - mean) / sqrt(variance + epsilon) * gamma + beta, channel by channel.

    Args:
        inputs: a tensor of rank 2 at least, its number of channels known.
        decay: how much of the moving averages stays in each update.
        center, scale: whether there are the variables `beta`, `gamma`.
        epsilon: added to the variance.
        activation_fn: a function of the result; None for none.
        param_initializers, param_regularizers: dicts by "beta", "gamma", "moving_mean", "moving_variance".
        updates_collections: where the ops go that renew the averages; None runs them with each training step.
        is_training: a bool or a scalar bool tensor: normalize with the batch's mean, or with the averages.
        reuse, scope: of the variable scope, `BatchNorm` by default.
        variables_collections, outputs_collections, trainable: as of `fully_connected`.
        batch_weights: a weight for each example.
        fused: whether one op computes it all, where it can; None is True.
        data_format: "NHWC", or "NCHW" for channels that come second.
        zero_debias_moving_mean: whether the average of the mean is corrected for its start at zero.
        renorm, renorm_clipping, renorm_decay, adjustment: as of `tf.layers.BatchNormalization`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.contrib.layers.batch_norm(tf.zeros([2, 4, 4, 3]), is_training=True)
    ...     [v.op.name for v in tf.model_variables()], len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    (['BatchNorm/beta', 'BatchNorm/moving_mean', 'BatchNorm/moving_variance'], 2)
    """
    inputs = convert_to_tensor(inputs)
    rank = inputs.shape.ndims
    collected = updates_collections == GraphKeys.UPDATE_OPS
    plain = batch_weights is None and not renorm and adjustment is None
    may_fuse = (fused is None or fused) and plain and rank in (2, 4)
    check_format(data_format)
    initializers = {**INITIAL, **(param_initializers or {})}
    regularizers = param_regularizers or {}
    parameters = _Parameters(initializers, regularizers, variables_collections, trainable)
    updates = _Updates(is_training, decay, updates_collections, zero_debias_moving_mean)
    end = (None, None, activation_fn, outputs_collections)
    if may_fuse and (zero_debias_moving_mean or rank == 2 or not collected):
        with variable_scope(scope, "BatchNorm", [inputs], reuse=reuse) as opened:
            outputs = _fused(inputs, center, scale, epsilon, data_format, parameters, updates)
            return finished(outputs, opened.name, *end)
    with layer_scope(scope, "BatchNorm", inputs, reuse) as opened:
        if batch_weights is None and collected and not zero_debias_moving_mean:
            layer = BatchNormalization(
                axis=1 if data_format == "NCHW" else -1,
                momentum=decay,
                epsilon=epsilon,
                center=center,
                scale=scale,
                **{f"{name}_initializer": value for name, value in initializers.items()},
                beta_regularizer=regularizers.get("beta"),
                gamma_regularizer=regularizers.get("gamma"),
                renorm=renorm,
                renorm_clipping=renorm_clipping,
                renorm_momentum=renorm_decay,
                adjustment=adjustment,
                fused=fused is None or fused,
                **{
                    k: v
                    for k, v in settings_of_layer(opened, inputs, trainable, reuse).items()
                    if k != "dtype"
                },
            )
            outputs = layer.apply(inputs, training=is_training)
            for name in ("moving_mean", "moving_variance", "beta", "gamma"):
                if getattr(layer, name) is not None:
                    add_variable_to_collections(getattr(layer, name), variables_collections, name)
            return finished(outputs, opened.name, *end)
        if renorm:
            raise ValueError(
                "renorm is not supported with batch_weights, updates_collections or zero_debias_moving_mean"
            )
        outputs = _by_moments(inputs, batch_weights, center, scale, epsilon, data_format, parameters, updates)
        return finished(outputs, opened.name, *end)


class _Parameters:
    """How the variables of a normalization are made."""

    def __init__(
        self,
        initializers: dict[str, Any],
        regularizers: dict[str, Any],
        variables_collections: Any,
        trainable: bool,
    ) -> None:
        self.initializers, self.regularizers = initializers, regularizers
        self.variables_collections, self.trainable = variables_collections, trainable

    def make(self, name: str, sizes: Any, dtype: Any, trainable: bool | None = None) -> Any:
        return model_variable(
            name,
            shape=sizes,
            dtype=dtype,
            initializer=self.initializers[name],
            regularizer=self.regularizers.get(name),
            collections=get_variable_collections(self.variables_collections, name),
            trainable=self.trainable if trainable is None else trainable,
        )

    def averages(self, sizes: Any, dtype: Any) -> tuple[Any, Any]:
        """The moving mean and variance; they are never cut into parts."""
        with variable_scope(get_variable_scope()) as local:
            local.set_partitioner(None)
            mean = self.make("moving_mean", sizes, dtype, trainable=False)
            return mean, self.make("moving_variance", sizes, dtype, trainable=False)


class _Updates:
    """How the moving averages are renewed."""

    def __init__(self, is_training: Any, decay: Any, collections: Any, zero_debias: bool) -> None:
        self.is_training, self.decay = is_training, decay
        self.collections, self.zero_debias = collections, zero_debias
        known = constant_value(is_training)
        self.needed = known is None or bool(known)

    def made(self, averages: tuple[Any, Any], mean: Any, variance: Any) -> tuple[Any, Any]:
        """The ops that move the averages towards a mean and a variance."""
        first = assign_moving_average(averages[0], mean, self.decay, zero_debias=self.zero_debias)
        return first, assign_moving_average(averages[1], variance, self.decay, zero_debias=False)

    def forced(self, averages: tuple[Any, Any], mean: Any, variance: Any, *outputs: Any) -> Any:
        """Some outputs that can be had only when the averages have been renewed."""
        with control_dependencies(list(self.made(averages, mean, variance))):
            kept = tuple(identity(output) for output in outputs)
            return kept if len(kept) > 1 else kept[0]

    def collect(self, averages: tuple[Any, Any], mean: Any, variance: Any) -> None:
        """Put the ops into the collections for updates."""
        made = smart_cond(self.is_training, lambda: self.made(averages, mean, variance), lambda: averages)
        for update in made:
            add_to_collections(self.collections, update)


def _parameter_shape(inputs: Any, data_format: str) -> Any:
    sizes = inputs.shape[1:2] if data_format == "NCHW" else inputs.shape[-1:]
    if not sizes.is_fully_defined():
        raise ValueError(f"Inputs {inputs.name} has undefined channels dimension {sizes}.")
    return sizes


def _fused(
    inputs: Any,
    center: bool,
    scale: bool,
    epsilon: float,
    data_format: str,
    parameters: _Parameters,
    updates: _Updates,
) -> Any:
    """Inputs of rank 2 or 4, by one op."""
    original = inputs
    if inputs.shape.ndims == 2:
        channels = inputs.shape.as_list()[-1]
        if channels is None:
            raise ValueError("`C` dimension must be known but is None")
        inputs = reshape(inputs, [-1, channels, 1, 1] if data_format == "NCHW" else [-1, 1, 1, channels])
    sizes, dtype = _parameter_shape(inputs, data_format), dtypes.float32
    beta = parameters.make("beta", sizes, dtype) if center else constant(0.0, dtype=dtype, shape=sizes)
    gamma = parameters.make("gamma", sizes, dtype) if scale else constant(1.0, dtype=dtype, shape=sizes)
    averages = parameters.averages(sizes, dtype)
    outputs = _fused_outputs(inputs, gamma, beta, averages, epsilon, data_format, updates)
    outputs.set_shape(inputs.shape)
    return reshape(outputs, shape(original)) if original.shape.ndims == 2 else outputs


def _fused_outputs(
    inputs: Any,
    gamma: Any,
    beta: Any,
    averages: tuple[Any, Any],
    epsilon: float,
    data_format: str,
    updates: _Updates,
) -> Any:
    def trained() -> Any:
        return fused_batch_norm(inputs, gamma, beta, epsilon=epsilon, data_format=data_format)

    def averaged() -> Any:
        known = {"mean": averages[0], "variance": averages[1], "is_training": False}
        return fused_batch_norm(inputs, gamma, beta, epsilon=epsilon, data_format=data_format, **known)

    outputs, mean, variance = smart_cond(updates.is_training, trained, averaged)
    if not updates.needed:
        return outputs
    if updates.collections is not None:
        updates.collect(averages, mean, variance)
        return outputs
    return smart_cond(
        updates.is_training, lambda: updates.forced(averages, mean, variance, outputs), lambda: outputs
    )


def _by_moments(
    inputs: Any,
    batch_weights: Any,
    center: bool,
    scale: bool,
    epsilon: float,
    data_format: str,
    parameters: _Parameters,
    updates: _Updates,
) -> Any:
    """Inputs of any rank, by single ops."""
    rank = inputs.shape.ndims
    if rank is None:
        raise ValueError(f"Inputs {inputs.name} has undefined rank.")
    first = data_format == "NCHW"
    if batch_weights is not None:
        batch_weights = _as_column(batch_weights, inputs)
    sizes, dtype = _parameter_shape(inputs, data_format), inputs.dtype.base_dtype
    parameters.regularizers = {}  # TensorFlow has none on this way
    beta = parameters.make("beta", sizes, dtype) if center else None
    gamma = parameters.make("gamma", sizes, dtype) if scale else None
    averages = parameters.averages(sizes, dtype)
    statistics: Callable[[], Any] = lambda: _statistics(inputs, batch_weights, first)  # noqa: E731
    mean, variance = _moved(statistics, averages, updates)
    if first:
        wide = [1, inputs.shape.as_list()[1]] + [1] * (rank - 2)
        mean, variance = reshape(mean, wide), reshape(variance, wide)
        beta = None if beta is None else reshape(beta, wide)
        gamma = None if gamma is None else reshape(gamma, wide)
    outputs = batch_normalization(inputs, mean, variance, beta, gamma, epsilon)
    outputs.set_shape(inputs.shape)
    return outputs


def _as_column(batch_weights: Any, inputs: Any) -> Any:
    weights = convert_to_tensor(batch_weights)
    inputs.shape[0:1].assert_is_compatible_with(weights.shape)
    return reshape(weights, [-1] + [1] * (inputs.shape.ndims - 1))


def _statistics(inputs: Any, batch_weights: Any, first: bool) -> tuple[Any, Any]:
    rank = inputs.shape.ndims
    axes = [0, *range(2, rank)] if first else list(range(rank - 1))
    if batch_weights is None:
        mean, variance = moments(inputs, axes, keep_dims=True if first else None)
    else:
        mean, variance = weighted_moments(inputs, axes, batch_weights, keepdims=True if first else None)
    return (reshape(mean, [-1]), reshape(variance, [-1])) if first else (mean, variance)


def _moved(statistics: Callable[[], Any], averages: tuple[Any, Any], updates: _Updates) -> tuple[Any, Any]:
    """The mean and variance to normalize with; the averages are renewed by them."""
    if not updates.needed:
        return averages
    mean, variance = statistics()
    if updates.collections is None:
        result = smart_cond(
            updates.is_training,
            lambda: updates.forced(averages, mean, variance, mean, variance),
            lambda: averages,
        )
    else:
        updates.collect(averages, mean, variance)
        result = smart_cond(updates.is_training, lambda: (mean, variance), lambda: averages)
    return tuple(result)
