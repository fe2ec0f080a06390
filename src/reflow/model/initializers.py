"""Initializers: functions of a shape (and dtype) that add the nodes of a variable's initial value."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Self

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.graph import constant, emit, name_scope
from reflow.graph.node import Tensor
from reflow.ops.array import ones, zeros
from reflow.ops.blocks import matrix_transpose
from reflow.ops.random import random_normal, random_uniform, truncated_normal

# The standard deviation of a unit normal distribution cut off at two of its standard deviations.
TRUNCATED_STDDEV = 0.87962566103423978
MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("normal", "uniform", "truncated_normal", "untruncated_normal")


def _float_dtype(dtype: Any) -> dtypes.DType:
    found = dtypes.as_dtype(dtype)
    if not found.is_floating:
        raise ValueError(f"Expected floating point type, got {found}.")
    return found


class Initializer:
    """What all initializers are: called with a shape, they return a tensor of it.

    A subclass names its settings, in the order of its constructor, in `settings`.
    """

    settings: tuple[str, ...] = ()
    dtype: dtypes.DType

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        """The initial value of a variable of `shape`, or of the slice of one that `partition_info`
        describes."""
        raise NotImplementedError

    def get_config(self) -> dict[str, Any]:
        """The settings, as `from_config` takes them."""
        config = {name: getattr(self, name) for name in self.settings}
        return {k: v.name if isinstance(v, dtypes.DType) else v for k, v in config.items()}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """An initializer with the settings of `config`."""
        return cls(**config)

    def _chosen(self, dtype: Any) -> dtypes.DType:
        return self.dtype if dtype is None else dtypes.as_dtype(dtype)


class Zeros(Initializer):
    """Zeros (False, the empty string) of any type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.zeros_initializer()([2])))
    [0. 0.]
    """

    settings = ("dtype",)

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return zeros(shape, self._chosen(dtype))


class Ones(Initializer):
    """Ones of any type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.ones_initializer()([2])))
    [1. 1.]
    """

    settings = ("dtype",)

    def __init__(self, dtype: Any = dtypes.float32) -> None:
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return ones(shape, self._chosen(dtype))


class Constant(Initializer):
    """One value for all elements, or a list or array in row-major order, whose last element fills up what is
    missing.

    With `verify_shape`, values that are not of the variable's shape are refused with a TypeError.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.constant_initializer([1.0, 2.0])([3])))
    [1. 2. 2.]
    """

    settings = ("value", "dtype")

    def __init__(self, value: Any = 0, dtype: Any = dtypes.float32, verify_shape: bool = False) -> None:
        if not (np.isscalar(value) or isinstance(value, (list, tuple, np.ndarray))):
            raise TypeError(
                f"Invalid type for initial value: {type(value)} "
                "(expected Python scalar, list or tuple of values, or numpy.ndarray)."
            )
        self.value = value
        self.dtype = dtypes.as_dtype(dtype)
        self._verify_shape = verify_shape

    def __call__(
        self, shape: Any, dtype: Any = None, partition_info: Any = None, verify_shape: bool | None = None
    ) -> Tensor:
        verify = self._verify_shape if verify_shape is None else verify_shape
        return constant(self.value, dtype=self._chosen(dtype), shape=shape, verify_shape=verify)


class RandomUniform(Initializer):
    """Uniform values in [minval, maxval); integers too. `maxval` is 1 for floating-point types if not given.

    >>> import reflow as tf
    >>> tf.random_uniform_initializer(-1, 1, seed=5).get_config()
    {'minval': -1, 'maxval': 1, 'seed': 5, 'dtype': 'float32'}
    """

    settings = ("minval", "maxval", "seed", "dtype")

    def __init__(
        self, minval: Any = 0, maxval: Any = None, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed
        self.dtype = dtypes.as_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return random_uniform(shape, self.minval, self.maxval, self._chosen(dtype), seed=self.seed)


class RandomNormal(Initializer):
    """Normally distributed values. ValueError for a type that is not floating-point.

    >>> import reflow as tf
    >>> tf.random_normal_initializer(stddev=0.1).get_config()
    {'mean': 0.0, 'stddev': 0.1, 'seed': None, 'dtype': 'float32'}
    """

    settings = ("mean", "stddev", "seed", "dtype")
    _draw: Callable[..., Tensor] = staticmethod(random_normal)

    def __init__(
        self, mean: Any = 0.0, stddev: Any = 1.0, seed: int | None = None, dtype: Any = dtypes.float32
    ) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed
        self.dtype = _float_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        return self._draw(shape, self.mean, self.stddev, self._chosen(dtype), seed=self.seed)


class TruncatedNormal(RandomNormal):
    """Normally distributed values, those more than two standard deviations from the mean drawn again.

    >>> import reflow as tf
    >>> tf.truncated_normal_initializer(stddev=0.1).get_config()
    {'mean': 0.0, 'stddev': 0.1, 'seed': None, 'dtype': 'float32'}
    """

    _draw = staticmethod(truncated_normal)


def _whole(shape: Any, partition_info: Any) -> Any:
    """The shape of the whole variable, of which `shape` may be a slice."""
    return shape if partition_info is None else partition_info.full_shape


class UniformUnitScaling(Initializer):
    """Uniform values that keep the scale of a layer's input: within `factor * sqrt(3 / inputs)`. Deprecated.

    >>> import reflow as tf
    >>> tf.uniform_unit_scaling_initializer(factor=1.43).get_config()
    {'factor': 1.43, 'seed': None, 'dtype': 'float32'}
    """

    settings = ("factor", "seed", "dtype")

    def __init__(self, factor: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.factor, self.seed = factor, seed
        self.dtype = _float_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        inputs = math.prod((float(d) for d in _whole(shape, partition_info)[:-1]), start=1.0)
        bound = math.sqrt(3 / max(inputs, 1.0)) * self.factor
        return random_uniform(shape, -bound, bound, self._chosen(dtype), seed=self.seed)


class VarianceScaling(Initializer):
    """Random values whose variance is `scale / n`, n being the number of inputs or outputs of the layer, or
    their mean.

    Args:
        scale: a positive number.
        mode: what n is: "fan_in", "fan_out" or "fan_avg".
        distribution: "truncated_normal" ("normal" is the same), "untruncated_normal" or "uniform".
        seed: the seed of the random op.
        dtype: a floating-point type.

    Raises ValueError for anything else.

    >>> import reflow as tf
    >>> tf.variance_scaling_initializer(mode="fan_avg", distribution="uniform").mode
    'fan_avg'
    """

    settings: tuple[str, ...] = ("scale", "mode", "distribution", "seed", "dtype")

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
        dtype: Any = dtypes.float32,
    ) -> None:
        if scale <= 0.0:
            raise ValueError("`scale` must be positive float.")
        if mode not in MODES:
            raise ValueError("Invalid `mode` argument:", mode)
        distribution = distribution.lower()
        if distribution not in DISTRIBUTIONS:
            raise ValueError("Invalid `distribution` argument:", distribution)
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed
        self.dtype = _float_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        fan_in, fan_out = fans_of(_whole(shape, partition_info))
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2.0}[self.mode]
        variance, chosen = self.scale / max(1.0, fan), self._chosen(dtype)
        if self.distribution == "uniform":
            bound = math.sqrt(3.0 * variance)
            return random_uniform(shape, -bound, bound, chosen, seed=self.seed)
        if self.distribution == "untruncated_normal":
            return random_normal(shape, 0.0, math.sqrt(variance), chosen, seed=self.seed)
        return truncated_normal(shape, 0.0, math.sqrt(variance) / TRUNCATED_STDDEV, chosen, seed=self.seed)


def fans_of(shape: Sequence[Any]) -> tuple[int, int]:
    """The numbers of inputs and outputs of a unit whose weights have `shape`: the last two axes, times the
    others.

    >>> fans_of([3, 3, 16, 32])
    (144, 288)
    """
    sizes = [int(d) for d in shape]
    if len(sizes) < 2:
        fan = sizes[0] if sizes else 1
        return fan, fan
    field = math.prod(sizes[:-2])
    return sizes[-2] * field, sizes[-1] * field


class GlorotUniform(VarianceScaling):
    """Uniform values within `sqrt(6 / (inputs + outputs))`: what `get_variable` starts with if not told
    otherwise.

    >>> import reflow as tf
    >>> tf.glorot_uniform_initializer(seed=1).get_config()
    {'seed': 1, 'dtype': 'float32'}
    """

    settings: tuple[str, ...] = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(scale=1.0, mode="fan_avg", distribution="uniform", seed=seed)


class GlorotNormal(VarianceScaling):
    """Truncated normal values of variance `2 / (inputs + outputs)`.

    >>> import reflow as tf
    >>> tf.glorot_normal_initializer(seed=1).get_config()
    {'seed': 1, 'dtype': 'float32'}
    """

    settings: tuple[str, ...] = ("seed", "dtype")

    def __init__(self, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        super().__init__(scale=1.0, mode="fan_avg", distribution="truncated_normal", seed=seed)


def lecun_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal values of variance `1 / inputs`.

    >>> import reflow as tf
    >>> tf.initializers.lecun_normal().scale
    1.0
    """
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="truncated_normal", seed=seed)


def lecun_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform values within `sqrt(3 / inputs)`.

    >>> import reflow as tf
    >>> tf.initializers.lecun_uniform().distribution
    'uniform'
    """
    return VarianceScaling(scale=1.0, mode="fan_in", distribution="uniform", seed=seed)


def he_normal(seed: int | None = None) -> VarianceScaling:
    """Truncated normal values of variance `2 / inputs`.

    >>> import reflow as tf
    >>> tf.initializers.he_normal().scale
    2.0
    """
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="truncated_normal", seed=seed)


def he_uniform(seed: int | None = None) -> VarianceScaling:
    """Uniform values within `sqrt(6 / inputs)`.

    >>> import reflow as tf
    >>> tf.initializers.he_uniform().distribution
    'uniform'
    """
    return VarianceScaling(scale=2.0, mode="fan_in", distribution="uniform", seed=seed)


def random_orthogonal(
    shape: Any, dtype: dtypes.DType, seed: int | None, full_matrices: bool = False
) -> Tensor:
    """A matrix with orthonormal columns, all such matrices being equally likely."""
    normal = random_normal(shape, dtype=dtype, seed=seed)
    q, r = emit("Qr", normal, full_matrices=full_matrices)
    signs = emit(
        "Sign", emit("DiagPart", r)
    )  # they make the decomposition unique, and so the distribution uniform
    product: Tensor = q * signs
    return product


class Orthogonal(Initializer):
    """`gain` times a matrix with orthonormal rows or columns, whichever are fewer, reshaped if there are more
    axes.

    Calls raise ValueError for a shape of less than two dimensions.

    >>> import reflow as tf
    >>> tf.orthogonal_initializer(gain=2.0).get_config()
    {'gain': 2.0, 'seed': None, 'dtype': 'float32'}
    """

    settings = ("gain", "seed", "dtype")

    def __init__(self, gain: float = 1.0, seed: int | None = None, dtype: Any = dtypes.float32) -> None:
        self.gain, self.seed = gain, seed
        self.dtype = _float_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        if len(shape) < 2:
            raise ValueError("The tensor to initialize must be at least two-dimensional")
        rows, columns = math.prod(int(d) for d in shape[:-1]), int(shape[-1])
        q = random_orthogonal((max(rows, columns), min(rows, columns)), self._chosen(dtype), self.seed)
        if rows < columns:
            q = matrix_transpose(q)
        scaled: Tensor = self.gain * emit("Reshape", q, shape)
        return scaled


class Identity(Initializer):
    """`gain` times the identity matrix. Calls raise ValueError for a shape that is not of two dimensions.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.initializers.identity(gain=2.0)([2, 2])).tolist())
    [[2.0, 0.0], [0.0, 2.0]]
    """

    settings = ("gain", "dtype")

    def __init__(self, gain: float = 1.0, dtype: Any = dtypes.float32) -> None:
        self.gain = gain
        self.dtype = _float_dtype(dtype)

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        full_shape = _whole(shape, partition_info)
        if len(full_shape) != 2:
            raise ValueError("Identity matrix initializer can only be used for 2D matrices.")
        rows, columns = TensorShape(full_shape).as_list()
        matrix = identity_matrix(rows, columns, self._chosen(dtype))
        if partition_info is not None:
            matrix = emit("Slice", matrix, partition_info.var_offset, shape)
        scaled: Tensor = self.gain * matrix
        return scaled


def identity_matrix(rows: Any, columns: Any, dtype: dtypes.DType) -> Tensor:
    """Ones on the diagonal of a matrix of zeros."""
    with name_scope("eye"):
        diagonal = ones([min(rows, columns)], dtype)
        if rows == columns:
            square: Tensor = emit("MatrixDiag", diagonal, name="diag")
            return square
        matrix: Tensor = emit("MatrixSetDiag", zeros([rows, columns], dtype), diagonal, name="set_diag")
        return matrix


zeros_initializer = Zeros
ones_initializer = Ones
constant_initializer = Constant
random_uniform_initializer = RandomUniform
random_normal_initializer = RandomNormal
truncated_normal_initializer = TruncatedNormal
uniform_unit_scaling_initializer = UniformUnitScaling
variance_scaling_initializer = VarianceScaling
glorot_uniform_initializer = GlorotUniform
glorot_normal_initializer = GlorotNormal
orthogonal_initializer = Orthogonal
identity_initializer = Identity
