"""Random numbers of more distributions, as TensorFlow draws them: bounded normal, classes, gamma, Poisson."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value
from reflow.graph.graph import Tensor, constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.graph.shapes import broadcast
from reflow.ops import blocks, philox, philox_sampling
from reflow.ops.random import (
    check_seed_shape,
    initial_state,
    no_gradient,
    requested_shape,
    shape_tensor,
    sizes_of,
)
from reflow.ops.random_seed import get_seed

# Bounded normals


def _parameterized_shape(node: Any) -> TensorShape:
    for parameter in node.inputs[1:]:
        parameter.shape.with_rank_at_most(1)
    return requested_shape(node)


def _parameterized_kernel(ctx: Any, state: Any, shape: Any, *parameters: Any) -> tuple[Any, Any]:
    sizes = sizes_of(np, shape)
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


# Categorical samples


def _matrix_rows(logits: Any, num_samples: Any) -> TensorShape:
    """The shape of `num_samples` draws for each row of `logits`."""
    for tensor, rank in ((logits, 2), (num_samples, 0)):
        if tensor.shape.ndims not in (None, rank):
            raise ValueError(f"Shape must be rank {rank} but is rank {tensor.shape.ndims}")
    rows = logits.shape.with_rank(2).ints[0]
    count = constant_value(num_samples)
    return TensorShape([rows, None if count is None else int(count)])


def _categorical_shape(node: Any) -> TensorShape:
    return _matrix_rows(node.inputs[0], node.inputs[1])


def _stateless_categorical_shape(node: Any) -> TensorShape:
    check_seed_shape(node, 2)
    return _matrix_rows(node.inputs[0], node.inputs[1])


def _draw_classes(xp: Any, state: Any, logits: Any, num_samples: Any, dtype: dtypes.DType) -> Any:
    shape = list(logits.shape)
    require(xp, logits.ndim == 2, "logits should be a matrix, got shape {}", shape)
    require(
        xp, np.ndim(num_samples) == 0, "num_samples should be a scalar, got shape {}", np.shape(num_samples)
    )
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
    return requested_shape(node).concatenate(node.inputs[1].shape)


def _gamma_kernel(xp: Any, state: Any, shape: np.ndarray, alpha: Any) -> tuple[Any, Any]:
    return philox_sampling.random_gamma(xp, state, sizes_of(xp, shape), alpha)


def _gamma_slope(xp: Any, alpha: Any, sample: Any) -> Any:
    """The derivative of a gamma sample for its parameter, by reparametrisation; inputs broadcast."""
    import jax

    with np.errstate(invalid="ignore"):
        found = jax.lax.random_gamma_grad(*xp.broadcast_arrays(alpha, sample))
    return np.asarray(found) if xp is np else found


def _ones(count: Tensor) -> Tensor:
    """That many ones, as `tf.ones([count])` makes them."""
    with name_scope(None, "ones", [count]) as scope:
        emit(
            "Less", count, 1000
        )  # TensorFlow asks whether a constant would be small, and leaves the question
        packed = convert_to_tensor([count], name="packed")
        return emit("Fill", packed, constant(1), name=scope)  # type: ignore[no-any-return]


def _gamma_gradient(node: Any, grad: Tensor) -> list[Any]:
    shape, alpha = node.inputs
    with control_dependencies([grad]):
        rank = blocks.shape_of(shape)[0]
        unit_shape = blocks.concat([_ones(rank), blocks.shape_of(alpha)], 0)
        slope = emit("RandomGammaGrad", blocks.reshape(alpha, unit_shape), node.outputs[0])
        product = grad * slope
        return [None, blocks.reduce("Sum", product, blocks.span(0, rank))]


register("RandomGammaGrad", shape=broadcast, kernel=_gamma_slope, gradient=no_gradient)


@op(
    "RandomGamma",
    shape=_samples_shape,
    kernel=_gamma_kernel,
    state=initial_state,
    static=(0,),
    gradient=_gamma_gradient,
)
def random_gamma(
    shape: Any,
    alpha: Any,
    beta: Any = None,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Gamma values.

    Args:
        shape: the shape of the sample drawn for each element of the parameters.
        alpha: the shape parameters, a positive number or tensor of `dtype`.
        beta: the inverse scales, 1 by default; `alpha` and `beta` broadcast against each other.
        dtype: float16, float32 or float64.
        seed: the op's seed; see `tf.set_random_seed`.

    Returns: a tensor of shape `shape + (alpha + beta).shape`, differentiable for `alpha` and `beta`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random_gamma([10], [0.5, 1.5])).shape)
    (10, 2)
    """
    with name_scope(name, "random_gamma", [shape, alpha, beta]):
        size = convert_to_tensor(shape, dtypes.int32, name="shape")
        alpha = convert_to_tensor(alpha, dtype, name="alpha")
        beta = convert_to_tensor(1 if beta is None else beta, dtype, name="beta")
        spread = alpha + blocks.zeros_like(beta)
        seed1, seed2 = get_seed(seed)
        units = emit("RandomGamma", size, spread, seed=seed1, seed2=seed2)
        # Zero, to which small values round, is no gamma value.
        least = np.asarray(np.finfo(alpha.dtype.as_numpy_dtype).tiny)
        return emit("Maximum", least, units / beta)  # type: ignore[no-any-return]


def _poisson_kernel(
    xp: Any, state: Any, shape: np.ndarray, rate: Any, *, dtype: dtypes.DType
) -> tuple[Any, Any]:
    return philox_sampling.random_poisson(xp, state, sizes_of(xp, shape), rate, dtype.as_numpy_dtype)


@op(
    "RandomPoissonV2",
    shape=_samples_shape,
    kernel=_poisson_kernel,
    state=initial_state,
    static=(0,),
    gradient=no_gradient,
)
def random_poisson(
    lam: Any,
    shape: Any,
    dtype: Any = dtypes.float32,
    seed: int | None = None,
    name: str | None = None,
) -> Tensor:
    """Poisson counts.

    Args:
        lam: the rates, numbers or a tensor.
        shape: the shape of the sample drawn for each rate.
        dtype: the type of the result: a float, int32 or int64.
        seed: the op's seed; see `tf.set_random_seed`.

    Returns: a tensor of shape `shape + lam.shape`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random_poisson([0.5, 1.5], [10])).shape)
    (10, 2)
    """
    with name_scope(name, "random_poisson", [lam, shape]):
        size = convert_to_tensor(shape, dtypes.int32, name="shape")
        seed1, seed2 = get_seed(seed)
        return emit("RandomPoissonV2", size, lam, dtype=dtypes.as_dtype(dtype), seed=seed1, seed2=seed2)  # type: ignore[no-any-return]


# Stateless classes


def stateless_multinomial(
    logits: Any, num_samples: Any, seed: Any, output_dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """`stateless_categorical` under its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random.stateless_multinomial([[0.0, float("-inf")]], 3, seed=[1, 2])))
    [[0 0 0]]
    """
    with name_scope(name, "stateless_multinomial", [logits, seed]):
        logits = convert_to_tensor(logits, name="logits")
        return emit("StatelessMultinomial", logits, num_samples, seed, output_dtype=output_dtype)  # type: ignore[no-any-return]


@op(
    "StatelessMultinomial",
    shape=_stateless_categorical_shape,
    kernel=_stateless_multinomial_kernel,
    static=(1,),
    gradient=None,
)
def stateless_categorical(
    logits: Any, num_samples: Any, seed: Any, dtype: Any = dtypes.int64, name: str | None = None
) -> Tensor:
    """Class numbers that follow from `logits` and `seed`, two integers, alone. Else as `categorical`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.random.stateless_categorical([[0.0, float("-inf")]], 3, seed=[1, 2])))
    [[0 0 0]]
    """
    with name_scope(name, "stateless_categorical", [logits, seed]):
        logits = convert_to_tensor(logits, name="logits")
        return emit("StatelessMultinomial", logits, num_samples, seed, output_dtype=dtype)  # type: ignore[no-any-return]
