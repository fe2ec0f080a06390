"""Random ops, which draw the numbers that TensorFlow draws: uniform, normal, gamma, Poisson, categorical, shuffles.

An op with an `xp` kernel and a `state` keeps its place in its stream of numbers in the session; the public functions
scale and shift what the ops draw.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph.checks import CheckFailed, require
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import Tensor, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.graph.shapes import from_input, unchanged
from reflow.ops import blocks, philox, philox_sampling
from reflow.ops.check import Assert
from reflow.ops.control import with_dependencies
from reflow.ops.random_seed import get_seed

UNIFORM_TYPES = (
    dtypes.float16,
    dtypes.bfloat16,
    dtypes.float32,
    dtypes.float64,
    dtypes.int32,
    dtypes.int64,
)
_WORD = 2**32


def initial_state(attrs: dict[str, Any]) -> np.ndarray:
    """Where an op's stream of numbers begins; two zero seeds ask for a place that nobody can foresee."""
    seed, seed2 = attrs["seed"], attrs["seed2"]
    if seed == 0 and seed2 == 0:
        seed, seed2 = (int.from_bytes(os.urandom(8), "little") for _ in range(2))
    return philox.initial_state(seed, seed2)


def no_gradient(node: Any, *grads: Any) -> Any:
    """The rule of an op whose derivative TensorFlow does not define."""
    raise LookupError(f"No gradient defined for operation '{node.name}' (op type: {node.type})")


def _sizes(xp: Any, shape: np.ndarray) -> tuple[int, ...]:
    """The output shape that a shape input asks for."""
    sizes = tuple(int(d) for d in np.ravel(shape))
    require(xp, min(sizes, default=0) >= 0, "Dimension {} must be >= 0", min(sizes, default=0))
    return sizes


def _filler(draw: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a stateful op that fills a shape with `draw(xp, state, shape, dtype)`."""

    def kernel(xp: Any, state: Any, shape: np.ndarray, *, dtype: dtypes.DType) -> tuple[Any, Any]:
        return draw(xp, state, _sizes(xp, shape), dtype.as_numpy_dtype)  # type: ignore[no-any-return]

    return kernel


def _stateless(draw: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a stateless op: the same stream, its place found from the `seed` input."""

    def kernel(xp: Any, shape: np.ndarray, seed: Any, *, dtype: dtypes.DType) -> Any:
        state = philox.stateless_state(xp, seed)
        return draw(xp, state, _sizes(xp, shape), dtype.as_numpy_dtype)[1]

    return kernel


def _seed_shape(node: Any, position: int) -> None:
    seed = node.inputs[position].shape
    if seed.ndims not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {seed.ndims}")
    if seed.ndims == 1 and seed.ints[0] not in (None, 2):
        raise ValueError(f"Dimension must be 2 but is {seed.ints[0]}")


def _stateless_shape(node: Any) -> TensorShape:
    _seed_shape(node, 1)
    return constant_value_as_shape(node.inputs[0])


for _type, _draw in (
    ("RandomUniform", philox.uniform),
    ("RandomStandardNormal", philox.standard_normal),
    ("TruncatedNormal", philox.truncated_normal),
):
    register(
        _type, shape=from_input(0), kernel=_filler(_draw), state=initial_state, static=(0,), gradient=None
    )
for _type, _draw in (
    ("StatelessRandomUniform", philox.uniform),
    ("StatelessRandomNormal", philox.standard_normal),
    ("StatelessTruncatedNormal", philox.truncated_normal),
):
    register(_type, shape=_stateless_shape, kernel=_stateless(_draw), static=(0,), gradient=None)


def _draw_ints(xp: Any, state: Any, shape: np.ndarray, low: Any, high: Any, dtype: dtypes.DType) -> Any:
    sizes = _sizes(xp, shape)
    if 0 in sizes:
        return state, xp.zeros(sizes, dtype.as_numpy_dtype)
    require(xp, low < high, "Need minval < maxval, got {} >= {}", low, high)
    return philox.uniform_int(xp, state, sizes, low, high, dtype.as_numpy_dtype)


def _uniform_int_kernel(
    xp: Any, state: Any, shape: np.ndarray, minval: Any, maxval: Any, *, Tout: dtypes.DType
) -> tuple[Any, Any]:
    return _draw_ints(xp, state, shape, minval, maxval, Tout)  # type: ignore[no-any-return]


def _stateless_int_kernel(
    xp: Any, shape: np.ndarray, seed: Any, minval: Any, maxval: Any, *, dtype: dtypes.DType
) -> Any:
    return _draw_ints(xp, philox.stateless_state(xp, seed), shape, minval, maxval, dtype)[1]


register(
    "RandomUniformInt",
    shape=from_input(0),
    kernel=_uniform_int_kernel,
    state=initial_state,
    static=(0,),
    gradient=no_gradient,
)
register(
    "StatelessRandomUniformInt",
    shape=_stateless_shape,
    kernel=_stateless_int_kernel,
    static=(0,),
    gradient=None,
)


def shape_tensor(shape: Any) -> Tensor:
    """A `shape` argument (numbers, Dimensions, a tensor) as a tensor."""
    empty = isinstance(shape, (list, tuple)) and not shape
    return convert_to_tensor(shape, dtypes.int32 if empty else None, name="shape")


def _scaled(draw: Callable[[], Tensor], scale: Any, offset: Any, name: str) -> Tensor:
    product = draw() * scale
    return emit("Add", product, offset, name=name)  # type: ignore[no-any-return]


def _normal(op_type: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: int | None, name: str) -> Tensor:
    size = shape_tensor(shape)
    mean = convert_to_tensor(mean, dtype, name="mean")
    stddev = convert_to_tensor(stddev, dtype, name="stddev")
    seed1, seed2 = get_seed(seed)
    return _scaled(lambda: emit(op_type, size, dtype=dtype, seed=seed1, seed2=seed2), stddev, mean, name)


def random_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal values.

    Args:
        shape: the shape of the result: integers or a 1-D integer tensor.
        mean, stddev: numbers or tensors of `dtype` that broadcast with `shape`.
        dtype: float16, bfloat16, float32 or float64.
        seed: the op's seed; see `tf.set_random_seed`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random_normal([2, 3], seed=1)).shape)
    (2, 3)
    """
    with name_scope(name, "random_normal", [shape, mean, stddev]) as scope:
        return _normal("RandomStandardNormal", shape, mean, stddev, dtype, seed, scope)


def truncated_normal(
    shape: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal values less than two standard deviations from the mean. Arguments as of `random_normal`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(abs(sess.run(tf.truncated_normal([1000], stddev=0.5))).max() <= 1)
    True
    """
    with name_scope(name, "truncated_normal", [shape, mean, stddev]) as scope:
        return _normal("TruncatedNormal", shape, mean, stddev, dtype, seed, scope)


def _uniform_bounds(maxval: Any, dtype: dtypes.DType) -> Any:
    """The upper bound; ValueError for a type that no uniform op makes, or integers without a bound."""
    if dtype not in UNIFORM_TYPES:
        raise ValueError(f"Invalid dtype {dtype!r}")
    if maxval is None and dtype.is_integer:
        raise ValueError(f"Must specify maxval for integer dtype {dtype!r}")
    return 1 if maxval is None else maxval


def random_uniform(
    shape: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Uniform values in `[minval, maxval)`, real or integer.

    Args:
        shape: the shape of the result: integers or a 1-D integer tensor.
        minval, maxval: the bounds, numbers or tensors of `dtype`; scalars for integers, of which `maxval` must be
            given; for floats they broadcast with `shape`, and `maxval` is 1 by default.
        dtype: float16, bfloat16, float32, float64, int32 or int64; ValueError for others.
        seed: the op's seed; see `tf.set_random_seed`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.random_uniform([], -10, 10, seed=2)
    ...     print(sess.run(x), sess.run(x))
    3.574932 -5.9731865
    """
    dtype = dtypes.as_dtype(dtype)
    maxval = _uniform_bounds(maxval, dtype)
    with name_scope(name, "random_uniform", [shape, minval, maxval]) as scope:
        size = shape_tensor(shape)
        low = convert_to_tensor(minval, dtype, name="min")
        high = convert_to_tensor(maxval, dtype, name="max")
        seeds = dict(zip(("seed", "seed2"), get_seed(seed), strict=True))
        if dtype.is_integer:
            return emit("RandomUniformInt", size, low, high, name=scope, **seeds)  # type: ignore[no-any-return]
        units = emit("RandomUniform", size, dtype=dtype, **seeds)
        width = high - low
        return _scaled(lambda: units, width, low, scope)


# Bounded normals


def _parameterized_shape(node: Any) -> TensorShape:
    for parameter in node.inputs[1:]:
        parameter.shape.with_rank_at_most(1)
    return constant_value_as_shape(node.inputs[0])


def _parameterized_kernel(ctx: Any, state: Any, shape: Any, *parameters: Any) -> tuple[Any, Any]:
    sizes = _sizes(np, shape)
    require(np, len(sizes) > 0, "Shape tensor must not be empty, got {}", "[0]")
    return philox_sampling.parameterized_truncated_normal(state, sizes, *parameters)


@op(
    "ParameterizedTruncatedNormal",
    shape=_parameterized_shape,
    host=_parameterized_kernel,
    state=initial_state,
    gradient=None,
)
def parameterized_truncated_normal(
    shape: Any,
    means: Any = 0.0,
    stddevs: Any = 1.0,
    minvals: Any = -2.0,
    maxvals: Any = 2.0,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Normal values between bounds, which may differ from row to row.

    Args:
        shape: the shape of the result, of rank 1 at least.
        means, stddevs, minvals, maxvals: numbers, or vectors with one element for each row of the result.
        dtype: float16, float32 or float64.
        seed: the op's seed; see `tf.set_random_seed`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = sess.run(parameterized_truncated_normal([100], minvals=1.0, maxvals=1.5))
    ...     print(x.min() >= 1.0, x.max() <= 1.5)
    True True
    """
    given = (means, stddevs, minvals, maxvals)
    with name_scope(name, "parameterized_truncated_normal", [shape, *given]):
        size = shape_tensor(shape)
        names = ("means", "stddevs", "minvals", "maxvals")
        parameters = [convert_to_tensor(v, dtype, name=n) for n, v in zip(names, given, strict=True)]
        seed1, seed2 = get_seed(seed)
        return emit("ParameterizedTruncatedNormal", size, *parameters, seed=seed1, seed2=seed2)  # type: ignore[no-any-return]


# Shuffles and crops


@op(
    "RandomShuffle",
    shape=unchanged,
    kernel=philox_sampling.shuffle,
    state=initial_state,
    gradient=no_gradient,
)
def random_shuffle(value: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """`value` (of any type) with its rows, along dimension 0, in random order.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sorted(sess.run(tf.random_shuffle([3, 1, 2])).tolist()))
    [1, 2, 3]
    """
    seed1, seed2 = get_seed(seed)
    return emit("RandomShuffle", value, seed=seed1, seed2=seed2, name=name)  # type: ignore[no-any-return]


def random_crop(value: Any, size: Any, seed: int | None = None, name: str | None = None) -> Tensor:
    """A part of `value` of shape `size`, from a random place.

    The crop fails (InvalidArgumentError) when a dimension of `size` is greater than that of `value`; to leave a
    dimension whole, give its full size.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random_crop(tf.ones([8, 8, 3]), [4, 4, 3])).shape)
    (4, 4, 3)
    """
    with name_scope(name, "random_crop", [value, size]) as scope:
        value = convert_to_tensor(value, name="value")
        size = convert_to_tensor(size, dtypes.int32, name="size")
        whole = blocks.shape_of(value)
        fits = Assert(
            blocks.reduce("All", whole >= size), ["Need value.shape >= size, got ", whole, size], summarize=1000
        )
        whole = with_dependencies([fits], whole)
        limit = whole - size + 1
        rank = blocks.shape_of(whole)
        place = random_uniform(rank, dtype=size.dtype, maxval=size.dtype.max, seed=seed) % limit
        return emit("Slice", value, place, size, name=scope)  # type: ignore[no-any-return]


# Categorical samples


def _matrix_rows(logits: Any, num_samples: Any) -> TensorShape:
    """The shape of `num_samples` draws for each row of `logits`."""
    rows = logits.shape.with_rank(2).ints[0]
    if num_samples.shape.ndims not in (None, 0):
        raise ValueError(f"Shape must be rank 0 but is rank {num_samples.shape.ndims}")
    count = constant_value(num_samples)
    return TensorShape([rows, None if count is None else int(count)])


def _categorical_shape(node: Any) -> TensorShape:
    return _matrix_rows(node.inputs[0], node.inputs[1])


def _stateless_categorical_shape(node: Any) -> TensorShape:
    _seed_shape(node, 2)
    return _matrix_rows(node.inputs[0], node.inputs[1])


def _draw_classes(xp: Any, state: Any, logits: Any, num_samples: Any, dtype: dtypes.DType) -> Any:
    shape = list(logits.shape)
    require(xp, logits.ndim == 2, "logits should be a matrix, got shape {}", shape)
    require(xp, np.ndim(num_samples) == 0, "num_samples should be a scalar, got shape {}", np.shape(num_samples))
    count = int(num_samples)
    require(xp, count >= 0, "num_samples should be nonnegative, got {}", count)
    if not shape[0] or not count:
        return state, xp.zeros((shape[0], count), dtype.as_numpy_dtype)
    require(xp, shape[1] > 0, "num_classes should be positive, got {}", shape[1])
    return philox_sampling.multinomial(xp, state, logits, count, dtype.as_numpy_dtype)


def _multinomial_kernel(
    xp: Any, state: Any, logits: Any, num_samples: Any, *, output_dtype: dtypes.DType
) -> tuple[Any, Any]:
    return _draw_classes(xp, state, logits, num_samples, output_dtype)  # type: ignore[no-any-return]


def _stateless_multinomial_kernel(
    xp: Any, logits: Any, num_samples: Any, seed: Any, *, output_dtype: dtypes.DType
) -> Any:
    return _draw_classes(xp, philox.stateless_state(xp, seed), logits, num_samples, output_dtype)[1]


def _emit_multinomial(logits: Any, num_samples: Any, dtype: Any, seed: int | None) -> Tensor:
    logits = convert_to_tensor(logits, name="logits")
    seed1, seed2 = get_seed(seed)
    return emit("Multinomial", logits, num_samples, seed=seed1, seed2=seed2, output_dtype=dtype)  # type: ignore[no-any-return]


def multinomial(
    logits: Any,
    num_samples: Any,
    seed: int | None = None,
    name: str | None = None,
    output_dtype: Any = None,
) -> Tensor:
    """Class numbers drawn from unnormalised log-probabilities: `categorical` under its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.multinomial([[0.0, float("-inf")]], 3)))
    [[0 0 0]]
    """
    with name_scope(name, "multinomial", [logits]):
        return _emit_multinomial(logits, num_samples, output_dtype, seed)


@op(
    "Multinomial",
    shape=_categorical_shape,
    kernel=_multinomial_kernel,
    state=initial_state,
    static=(1,),
    gradient=None,
)
def categorical(
    logits: Any,
    num_samples: Any,
    dtype: Any = None,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Class numbers drawn from unnormalised log-probabilities.

    Args:
        logits: floats or integers of shape [batch, classes].
        num_samples: how many to draw for each row, a scalar.
        dtype: the type of the result, int64 (the default) or int32.
        seed: the op's seed; see `tf.set_random_seed`.

    Returns: a tensor of shape [batch, num_samples].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random.categorical([[0.0, float("-inf")]], 3)))
    [[0 0 0]]
    """
    with name_scope(name, "categorical", [logits]):
        return _emit_multinomial(logits, num_samples, dtype, seed)


# Gamma and Poisson


def _samples_shape(node: Any) -> TensorShape:
    """The shape that input 0 holds, then the shape of the parameters."""
    return constant_value_as_shape(node.inputs[0]).concatenate(node.inputs[1].shape)


def _gamma_kernel(xp: Any, state: Any, shape: np.ndarray, alpha: Any) -> tuple[Any, Any]:
    return philox_sampling.random_gamma(xp, state, _sizes(xp, shape), alpha)


def _gamma_slope(xp: Any, alpha: Any, sample: Any) -> Any:
    """The derivative of a gamma sample for its parameter, by reparametrisation; inputs broadcast."""
    import jax

    with np.errstate(invalid="ignore"):
        found = jax.lax.random_gamma_grad(*xp.broadcast_arrays(alpha, sample))
    return np.asarray(found) if xp is np else found


def _gamma_gradient(node: Any, grad: Tensor) -> list[Any]:
    shape, alpha = node.inputs
    with control_dependencies([grad]):
        rank = blocks.shape_of(shape)[0]
        leading = blocks.ones([rank], dtypes.int32)
        unit_shape = blocks.concat([leading, blocks.shape_of(alpha)], 0)
        slope = emit("RandomGammaGrad", blocks.reshape(alpha, unit_shape), node.outputs[0])
        product = grad * slope
        return [None, blocks.reduce("Sum", product, blocks.span(0, rank))]


register("RandomGammaGrad", shape=lambda node: _broadcast(node), kernel=_gamma_slope, gradient=no_gradient)
register(
    "RandomGamma",
    shape=_samples_shape,
    kernel=_gamma_kernel,
    state=initial_state,
    static=(0,),
    gradient=_gamma_gradient,
)
