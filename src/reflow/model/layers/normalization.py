"""Batch normalization.

A batch is normalized with its own mean and variance while training, and their moving averages are kept for
the time after. The ops that renew the averages are put into the collection UPDATE_OPS, as in TensorFlow: a
program runs them with its training step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.constant import constant_value
from reflow.graph.graph import (
    Tensor,
    colocate_with,
    constant,
    control_dependencies,
    convert_to_tensor,
    name_scope,
)
from reflow.model.initializers import ones_initializer, zeros_initializer
from reflow.model.layers.base import InputSpec, Layer
from reflow.model.layers.functional import functional
from reflow.ops.activations import relu
from reflow.ops.arithmetic import maximum, minimum
from reflow.ops.array import identity, ones_like, shape, size, stop_gradient, zeros_like
from reflow.ops.batch_norm import fused_batch_norm
from reflow.ops.casting import cast
from reflow.ops.control_flow import smart_cond
from reflow.ops.math import sqrt
from reflow.ops.moments import batch_normalization as normalized
from reflow.ops.moments import moments
from reflow.ops.reduction import reduce_mean
from reflow.ops.shaping import reshape
from reflow.ops.state import assign, assign_sub

ZEROS = zeros_initializer()
ONES = ones_initializer()
RENORM = ("renorm", "renorm_clipping", "renorm_momentum")
CLIPPING = ("rmax", "rmin", "dmax")


def _known(training: Any) -> Any:
    """The value of `training`: True, False, or None when only a run tells it."""
    value = constant_value(training) if isinstance(training, Tensor) else training
    return None if value is None else bool(value)


def _composed(scale: Any, offset: Any, then_scale: Any, then_offset: Any) -> tuple[Any, Any]:
    """scale and offset, followed by others."""
    if then_scale is not None:
        scale *= then_scale
        offset *= then_scale
    if then_offset is not None:
        offset += then_offset
    return scale, offset


def _assign_moving_average(variable: Any, value: Any, momentum: Any) -> Any:
    with name_scope("AssignMovingAvg") as scope, colocate_with(variable):
        dtype = variable.dtype.base_dtype
        decay = convert_to_tensor(1.0 - momentum, name="decay")
        if decay.dtype != dtype:
            decay = cast(decay, dtype)
        return assign_sub(variable, (variable - cast(value, dtype)) * decay, name=scope)


def _assign_new_value(variable: Any, value: Any) -> Any:
    with name_scope("AssignNewValue") as scope, colocate_with(variable):
        return assign(variable, value, name=scope)


class BatchNormalization(Layer):
    """Batch normalization: gamma * (inputs - mean) / sqrt(variance + epsilon) + beta, channel by channel.

    Call arguments: `inputs`, and `training`, a bool or a scalar bool tensor: with the mean and the variance
    of the batch while training, with their moving averages otherwise. The ops that renew the averages are in
    `updates` and in the collection UPDATE_OPS; they don't run by themselves.

    Args:
        axis: the axis of the channels, or a list of axes; -1 is the last.
        momentum: of the moving averages.
        epsilon: added to the variance.
        center, scale: whether there are `beta`, `gamma`.
        beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer: how the
            variables begin.
        beta_regularizer, gamma_regularizer: functions of the variables that are added to the losses.
        beta_constraint, gamma_constraint: functions applied to their new values.
        renorm: batch renormalization (https://arxiv.org/abs/1702.03275).
        renorm_clipping: a dict of bounds "rmax", "rmin", "dmax" of its corrections.
        renorm_momentum: of its averages.
        fused: whether one op computes it all, where it can: for inputs of rank 4. None and True are the same.
        trainable: as of `Layer`.
        virtual_batch_size: the batch is cut into batches of this size, each normalized with its own mean.
        adjustment: a function of the shape of the inputs that gives a scale and an offset to apply while
            training.
        name: as of `Layer`.

    Variables: `gamma`, `beta`, `moving_mean`, `moving_variance`, with an element for each channel.
    ValueError for an unknown number of channels, axes that don't exist, `fused` on an axis that it can't
    take.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     layer = tf.layers.BatchNormalization()
    ...     y = layer(tf.constant([[1.0], [3.0]]), training=True)
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(y).round(2).tolist(), len(layer.updates))
    [[-1.0], [1.0]] 2
    """

    def __init__(
        self,
        axis: Any = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = ZEROS,
        gamma_initializer: Any = ONES,
        moving_mean_initializer: Any = ZEROS,
        moving_variance_initializer: Any = ONES,
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, Any] | None = None,
        renorm_momentum: float = 0.99,
        fused: bool | None = None,
        trainable: bool = True,
        virtual_batch_size: int | None = None,
        adjustment: Callable[[Any], tuple[Any, Any]] | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, **kwargs)
        if not isinstance(axis, (int, list)):
            raise TypeError(f"axis must be int or list, type given: {type(axis)}")
        self.axis: Any = list(axis) if isinstance(axis, list) else axis
        self.momentum, self.epsilon = momentum, epsilon
        self.center, self.scale = center, scale
        self.beta_initializer, self.gamma_initializer = beta_initializer, gamma_initializer
        self.moving_mean_initializer = moving_mean_initializer
        self.moving_variance_initializer = moving_variance_initializer
        self.beta_regularizer, self.gamma_regularizer = beta_regularizer, gamma_regularizer
        self.beta_constraint, self.gamma_constraint = beta_constraint, gamma_constraint
        self.renorm = renorm
        self.renorm_clipping, self.renorm_momentum = renorm_clipping or {}, renorm_momentum
        self.fused = True if fused is None else fused
        self.virtual_batch_size, self.adjustment = virtual_batch_size, adjustment
        self._bessels_correction_test_only = True
        unknown = set(self.renorm_clipping) - set(CLIPPING)
        if renorm and unknown:
            raise ValueError(f"renorm_clipping {renorm_clipping} contains keys not in {list(CLIPPING)}")

    # Building

    @property
    def _param_dtype(self) -> Any:
        """The type of the variables: single precision for inputs of half of it."""
        short = self.dtype in ("float16", "bfloat16")
        return dtypes.float32 if short else dtypes.as_dtype(self.dtype or dtypes.float32)

    def _checked_axes(self, ndims: int) -> list[int]:
        wanted = [self.axis] if isinstance(self.axis, int) else self.axis
        axes = [ndims + axis if axis < 0 else axis for axis in wanted]
        for axis in axes:
            if not 0 <= axis < ndims:
                raise ValueError(f"Invalid axis: {axis}: the inputs have {ndims} dimensions")
        if len(axes) != len(set(axes)):
            raise ValueError(f"Duplicate axis: {axes}")
        return axes

    def _check_virtual_batches(self) -> None:
        if self.virtual_batch_size is None:
            return
        if self.virtual_batch_size <= 0:
            raise ValueError(
                "virtual_batch_size must be a positive integer that divides the true batch size of the input "
                f"Tensor, not {self.virtual_batch_size}"
            )
        if 0 in self.axis:
            raise ValueError(
                "When using virtual_batch_size, the batch dimension must be 0 and thus axis cannot include 0"
            )
        if self.adjustment is not None:
            raise ValueError("When using virtual_batch_size, adjustment cannot be specified")

    def _can_be_fused(self, ndims: int) -> bool:
        plain = not self.renorm and self.virtual_batch_size is None and self.adjustment is None
        return ndims == 4 and plain and self.axis in ([1], [3])

    def _parameter_shape(self, sizes: dict[int, int], ndims: int) -> list[int]:
        if len(sizes) == 1 and self.virtual_batch_size is None:
            return list(sizes.values())
        result = [sizes.get(i, 1) for i in range(ndims)]
        if self.virtual_batch_size is not None:
            result.insert(1, 1)  # the axis that `call` cuts out of the batch
            self.axis = [axis + 1 for axis in self.axis]
        return result

    def build(self, input_shape: Any) -> None:
        input_shape = as_shape(input_shape)
        if not input_shape.ndims:
            raise ValueError("Input has undefined rank:", input_shape)
        ndims = input_shape.ndims
        self.axis = self._checked_axes(ndims)
        self._check_virtual_batches()
        self.fused = bool(self.fused) and self._can_be_fused(ndims)
        self._data_format = "NCHW" if self.axis == [1] else "NHWC"
        sizes = {axis: input_shape.as_list()[axis] for axis in self.axis}
        if None in sizes.values():
            raise ValueError("Input has undefined `axis` dimension. Input shape: ", input_shape)
        self.input_spec = InputSpec(ndim=ndims, axes=sizes)
        self._build_variables(self._parameter_shape(sizes, ndims))
        super().build(input_shape)

    def _build_variables(self, sizes: list[int]) -> None:
        self.gamma = self._trained("gamma", sizes) if self.scale else None
        if self.gamma is None and self.fused:
            self._gamma_const = constant(1.0, dtype=self._param_dtype, shape=sizes)
        self.beta = self._trained("beta", sizes) if self.center else None
        if self.beta is None and self.fused:
            self._beta_const = constant(0.0, dtype=self._param_dtype, shape=sizes)
        partitioner = self._scope.partitioner if self._scope else None
        if partitioner is not None:
            self._scope.set_partitioner(None)  # the averages are never cut into parts
        try:
            self._build_averages(sizes)
        finally:
            if partitioner is not None:
                self._scope.set_partitioner(partitioner)

    def _trained(self, name: str, sizes: list[int]) -> Any:
        return self.add_weight(
            name,
            sizes,
            dtype=self._param_dtype,
            initializer=getattr(self, f"{name}_initializer"),
            regularizer=getattr(self, f"{name}_regularizer"),
            constraint=getattr(self, f"{name}_constraint"),
        )

    def _average(self, name: str, sizes: list[int], initializer: Any) -> Any:
        return self.add_weight(name, sizes, dtype=self._param_dtype, initializer=initializer, trainable=False)

    def _build_averages(self, sizes: list[int]) -> None:
        def initial_deviation(*args: Any, **kwargs: Any) -> Any:
            return sqrt(self.moving_variance_initializer(*args, **kwargs))

        self.moving_mean = self._average("moving_mean", sizes, self.moving_mean_initializer)
        self.moving_variance = self._average("moving_variance", sizes, self.moving_variance_initializer)
        if not self.renorm:
            return
        with colocate_with(self.moving_variance):
            self.moving_stddev = self._average("moving_stddev", sizes, initial_deviation)
        with colocate_with(self.moving_mean):
            self.renorm_mean = self._average("renorm_mean", sizes, self.moving_mean_initializer)
        with colocate_with(self.moving_stddev):
            self.renorm_stddev = self._average("renorm_stddev", sizes, initial_deviation)

    # Calling

    def call(self, inputs: Any, training: Any = False) -> Any:
        if self.fused:
            return self._fused(inputs, training)
        if self.virtual_batch_size is None:
            return self._by_moments(inputs, training)
        sizes = [-1, *inputs.shape.as_list()[1:]]
        cut = reshape(inputs, [self.virtual_batch_size, -1, *sizes[1:]])
        return reshape(self._by_moments(cut, training), sizes)

    def _fused(self, inputs: Any, training: Any) -> Any:
        options: dict[str, Any] = {"epsilon": self.epsilon, "data_format": self._data_format}
        beta = self.beta if self.center else self._beta_const
        gamma = self.gamma if self.scale else self._gamma_const

        def trained() -> Any:
            return fused_batch_norm(inputs, gamma, beta, **options)

        def averaged() -> Any:
            averages: dict[str, Any] = {"mean": self.moving_mean, "variance": self.moving_variance}
            return fused_batch_norm(inputs, gamma, beta, **averages, is_training=False, **options)

        output, mean, variance = smart_cond(training, trained, averaged)
        if not self._bessels_correction_test_only:
            variance = self._uncorrected(variance, inputs)
        known = _known(training)
        if known is None:
            momentum = smart_cond(training, lambda: self.momentum, lambda: 1.0)
        else:
            momentum = convert_to_tensor(self.momentum)
        if known is not False:
            self.add_update(lambda: _assign_moving_average(self.moving_mean, mean, momentum))
            self.add_update(lambda: _assign_moving_average(self.moving_variance, variance, momentum))
        return output

    def _uncorrected(self, variance: Any, inputs: Any) -> Any:
        """The variance without Bessel's correction, as the other implementation computes it."""
        count = cast(size(inputs) / size(variance), variance.dtype)
        factor = (count - cast(1.0, variance.dtype)) / count
        return variance * factor

    def _reduced_axes(self, ndims: int) -> list[int]:
        axes = [i for i in range(ndims) if i not in self.axis]
        if self.virtual_batch_size is not None:
            del axes[1]
        return axes

    def _broadcaster(self, input_shape: TensorShape, reduced: list[int]) -> Callable[[Any], Any]:
        """A function that gives a vector of channels the shape in which it broadcasts against the inputs."""
        ndims = len(reduced) + 1 if input_shape.ndims is None else input_shape.ndims
        at = self.axis[0]
        wide = [input_shape.as_list()[i] if i == at else 1 for i in range(ndims)]

        def broadcast(vector: Any) -> Any:
            if vector is None or len(vector.shape) == ndims or reduced == list(range(ndims - 1)):
                return vector
            return reshape(vector, wide)

        return broadcast

    def _by_moments(self, inputs: Any, training: Any) -> Any:
        """Normalization by single ops, for any rank and any axes."""
        reduced = self._reduced_axes(inputs.shape.ndims)
        broadcast = self._broadcaster(inputs.shape, reduced)
        scale, offset = broadcast(self.gamma), broadcast(self.beta)
        if _known(training) is False:
            mean, variance = self.moving_mean, self.moving_variance
        else:
            if self.adjustment:
                scale, offset = self._adjusted(inputs, training, scale, offset)
            mean, variance = self._statistics(inputs, training, reduced)
            scale, offset = self._kept(mean, variance, training, scale, offset, broadcast)
        mean, variance = cast(mean, inputs.dtype), cast(variance, inputs.dtype)
        offset = None if offset is None else cast(offset, inputs.dtype)
        scale = None if scale is None else cast(scale, inputs.dtype)
        outputs = normalized(inputs, broadcast(mean), broadcast(variance), offset, scale, self.epsilon)
        outputs.set_shape(inputs.shape)
        return outputs

    def _adjusted(self, inputs: Any, training: Any, scale: Any, offset: Any) -> tuple[Any, Any]:
        assert self.adjustment is not None
        factor, shift = self.adjustment(shape(inputs))
        factor = smart_cond(training, lambda: factor, lambda: ones_like(factor))
        shift = smart_cond(training, lambda: shift, lambda: zeros_like(shift))
        return _composed(factor, shift, scale, offset)

    def _statistics(self, inputs: Any, training: Any, reduced: list[int]) -> tuple[Any, Any]:
        keep = self.virtual_batch_size is not None or len(self.axis) > 1
        mean, variance = moments(cast(inputs, self._param_dtype), reduced, keep_dims=keep)
        mean = smart_cond(training, lambda: mean, lambda: convert_to_tensor(self.moving_mean))
        variance = smart_cond(training, lambda: variance, lambda: convert_to_tensor(self.moving_variance))
        return mean, variance

    def _kept(
        self, mean: Any, variance: Any, training: Any, scale: Any, offset: Any, broadcast: Any
    ) -> tuple[Any, Any]:
        """Add the updates of the moving averages; gives scale and offset, with the corrections of renorm."""
        if self.virtual_batch_size is not None:
            mean = reduce_mean(mean, axis=1, keepdims=True)
            variance = reduce_mean(variance, axis=1, keepdims=True)
        if self.renorm:
            r, d, mean, variance = self._renormed(mean, variance, training)
            r = broadcast(stop_gradient(r, name="renorm_r"))
            d = broadcast(stop_gradient(d, name="renorm_d"))
            scale, offset = _composed(r, d, scale, offset)
        update = self._update_deviation if self.renorm else self._update_variance
        self.add_update(
            lambda: smart_cond(training, lambda: self._update_mean(mean), lambda: self.moving_mean)
        )
        self.add_update(lambda: smart_cond(training, lambda: update(variance), lambda: self.moving_variance))
        return scale, offset

    def _update_mean(self, mean: Any) -> Any:
        return _assign_moving_average(self.moving_mean, mean, self.momentum)

    def _update_variance(self, variance: Any) -> Any:
        return _assign_moving_average(self.moving_variance, variance, self.momentum)

    def _update_deviation(self, variance: Any) -> Any:
        deviation = _assign_moving_average(self.moving_stddev, sqrt(variance + self.epsilon), self.momentum)
        return _assign_new_value(self.moving_variance, relu(deviation * deviation - self.epsilon))

    # Renormalization

    def _renormed(self, mean: Any, variance: Any, training: Any) -> tuple[Any, Any, Any, Any]:
        """The corrections of renorm, and mean and variance as of after the update of its averages."""
        deviation = sqrt(variance + self.epsilon)
        average = self.renorm_mean
        divisor = maximum(self.renorm_stddev, sqrt(self.epsilon))
        r = deviation / divisor
        d = (mean - average) / divisor
        with control_dependencies([r, d]):  # the corrections are by the averages of before the update
            mean, deviation = identity(mean), identity(deviation)
        r, d = self._clipped(r, d)
        r = smart_cond(training, lambda: r, lambda: ones_like(r))
        d = smart_cond(training, lambda: d, lambda: zeros_like(d))
        new_mean = self._update_renorm(self.renorm_mean, mean, training)
        new_deviation = self._update_renorm(self.renorm_stddev, deviation, training)
        with control_dependencies([new_mean, new_deviation]):
            return r, d, identity(mean), identity(variance)

    def _clipped(self, r: Any, d: Any) -> tuple[Any, Any]:
        rmin, rmax, dmax = (self.renorm_clipping.get(key) for key in ("rmin", "rmax", "dmax"))
        r = r if rmin is None else maximum(r, rmin)
        r = r if rmax is None else minimum(r, rmax)
        return r, d if dmax is None else minimum(maximum(d, -dmax), dmax)

    def _update_renorm(self, variable: Any, value: Any, training: Any) -> Any:
        value = identity(value)
        return smart_cond(
            training,
            lambda: _assign_moving_average(variable, value, self.renorm_momentum),
            lambda: identity(variable),
        )

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


batch_normalization = functional(
    BatchNormalization,
    "batch_normalization",
    """>>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.layers.batch_normalization(tf.zeros([2, 4, 4, 3]), training=True)
    ...     y.shape.as_list(), len(tf.get_collection(tf.GraphKeys.UPDATE_OPS))
    ([2, 4, 4, 3], 2)""",
    after_reuse=(*RENORM, "fused", "virtual_batch_size", "adjustment"),
)
