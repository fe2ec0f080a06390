"""Random numbers, the very ones that TensorFlow draws: uniform and normal values, shuffles, crops.

A stateful op keeps its place in its stream of numbers in the session; a stateless one finds it from its
`seed` input. The ops draw from unit ranges, and the public functions scale and shift. `sampling` has the
other
distributions.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import Tensor, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.graph.shapes import unchanged
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


def initial_state(attrs: dict[str, Any]) -> np.ndarray:
    """Where an op's stream of numbers begins; two zero seeds ask for a place that nobody can foresee."""
    seed, seed2 = attrs["seed"], attrs["seed2"]
    if seed == 0 and seed2 == 0:
        seed, seed2 = (int.from_bytes(os.urandom(8), "little") for _ in range(2))
    return philox.initial_state(seed, seed2)


def no_gradient(node: Any, *grads: Any) -> Any:
    """The rule of an op whose derivative TensorFlow does not define."""
    raise LookupError(f"No gradient defined for operation '{node.name}' (op type: {node.type})")


def sizes_of(xp: Any, shape: np.ndarray) -> tuple[int, ...]:
    """The output shape that a shape input asks for."""
    sizes = tuple(int(d) for d in np.ravel(shape))
    require(xp, min(sizes, default=0) >= 0, "Dimension {} must be >= 0", min(sizes, default=0))
    return sizes


def _filler(draw: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a stateful op that fills a shape with `draw(xp, state, shape, dtype)`."""

    def kernel(xp: Any, state: Any, shape: np.ndarray, *, dtype: dtypes.DType) -> tuple[Any, Any]:
        return draw(xp, state, sizes_of(xp, shape), dtype.as_numpy_dtype)  # type: ignore[no-any-return]

    return kernel


def _stateless(draw: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a stateless op: the same stream, its place found from the `seed` input."""

    def kernel(xp: Any, shape: np.ndarray, seed: Any, *, dtype: dtypes.DType) -> Any:
        state = philox.stateless_state(xp, seed)
        return draw(xp, state, sizes_of(xp, shape), dtype.as_numpy_dtype)[1]

    return kernel


def check_seed_shape(node: Any, position: int) -> None:
    seed = node.inputs[position].shape
    if seed.ndims not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {seed.ndims}")
    if seed.ndims == 1 and seed.ints[0] not in (None, 2):
        raise ValueError(f"Dimension must be 2 but is {seed.ints[0]}")


def requested_shape(node: Any) -> TensorShape:
    """The output shape as far as input 0, which holds it, is known. A size of -1 stands for any."""
    known = constant_value(node.inputs[0])
    if known is not None and known.size and known.min() < -1:
        raise ValueError(f"Dimension {known.min()} must be >= 0")
    return constant_value_as_shape(node.inputs[0])


def _stateless_shape(node: Any) -> TensorShape:
    check_seed_shape(node, 1)
    return requested_shape(node)


for _type, _draw in (
    ("RandomUniform", philox.uniform),
    ("RandomStandardNormal", philox.standard_normal),
    ("TruncatedNormal", philox.truncated_normal),
):
    register(
        _type, shape=requested_shape, kernel=_filler(_draw), state=initial_state, static=(0,), gradient=None
    )
for _type, _draw in (
    ("StatelessRandomUniform", philox.uniform),
    ("StatelessRandomNormal", philox.standard_normal),
    ("StatelessTruncatedNormal", philox.truncated_normal),
):
    register(_type, shape=_stateless_shape, kernel=_stateless(_draw), static=(0,), gradient=None)


def _draw_ints(xp: Any, state: Any, shape: np.ndarray, low: Any, high: Any, dtype: dtypes.DType) -> Any:
    sizes = sizes_of(xp, shape)
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
    shape=requested_shape,
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


def _scaled(drawn: Tensor, scale: Any, offset: Any, name: str) -> Tensor:
    # AddV2, as TensorFlow has it since 2.0 (1.15 has Add): the acceptance programs print it.
    return emit("AddV2", drawn * scale, offset, name=name)  # type: ignore[no-any-return]


def _normal(
    op_type: str, shape: Any, mean: Any, stddev: Any, dtype: Any, seed: int | None, name: str
) -> Tensor:
    size = shape_tensor(shape)
    mean = convert_to_tensor(mean, dtype, name="mean")
    stddev = convert_to_tensor(stddev, dtype, name="stddev")
    seed1, seed2 = get_seed(seed)
    return _scaled(emit(op_type, size, dtype=dtype, seed=seed1, seed2=seed2), stddev, mean, name)


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
        minval, maxval: the bounds, numbers or tensors of `dtype`; scalars for integers, of which `maxval`
            must be
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
        seeds: dict[str, Any] = dict(zip(("seed", "seed2"), get_seed(seed), strict=True))
        if dtype.is_integer:
            return emit("RandomUniformInt", size, low, high, name=scope, **seeds)  # type: ignore[no-any-return]
        units = emit("RandomUniform", size, dtype=dtype, **seeds)
        width = high - low
        return _scaled(units, width, low, scope)


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

    The crop fails (InvalidArgumentError) when a dimension of `size` is greater than that of `value`; to
    leave a dimension whole, give its full size.

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
            blocks.reduce("All", whole >= size),
            ["Need value.shape >= size, got ", whole, size],
            summarize=1000,
        )
        whole = with_dependencies([fits], whole)
        limit = whole - size + 1
        rank = blocks.shape_of(whole)
        place = random_uniform(rank, dtype=size.dtype, maxval=size.dtype.max, seed=seed) % limit
        return emit("Slice", value, place, size, name=scope)  # type: ignore[no-any-return]


# Stateless forms


def stateless_random_uniform(
    shape: Any,
    seed: Any,
    minval: Any = 0,
    maxval: Any = None,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Uniform values that follow from `seed`, two integers (or a tensor), alone. Else as `random_uniform`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.random.stateless_uniform([2], seed=[1, 2])
    ...     print((sess.run(x) == sess.run(x)).all())
    True
    """
    dtype = dtypes.as_dtype(dtype)
    maxval = _uniform_bounds(maxval, dtype)
    with name_scope(name, "stateless_random_uniform", [shape, seed, minval, maxval]) as scope:
        size = shape_tensor(shape)
        low = convert_to_tensor(minval, dtype, name="min")
        high = convert_to_tensor(maxval, dtype, name="max")
        if dtype.is_integer:
            return emit("StatelessRandomUniformInt", size, seed, low, high, name=scope)  # type: ignore[no-any-return]
        units = emit("StatelessRandomUniform", size, seed, dtype=dtype)
        width = high - low
        return _scaled(units, width, low, scope)


def _stateless_normal(
    op_type: str, shape: Any, seed: Any, mean: Any, stddev: Any, dtype: Any, name: str
) -> Tensor:
    size = shape_tensor(shape)
    mean = convert_to_tensor(mean, dtype, name="mean")
    stddev = convert_to_tensor(stddev, dtype, name="stddev")
    return _scaled(emit(op_type, size, seed, dtype=dtypes.as_dtype(dtype)), stddev, mean, name)


def stateless_random_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Normal values that follow from `seed`, two integers (a tensor or not), alone. Else as `random_normal`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.random.stateless_normal([2], seed=[1, 2])
    ...     print((sess.run(x) == sess.run(x)).all())
    True
    """
    with name_scope(name, "stateless_random_normal", [shape, seed, mean, stddev]) as scope:
        return _stateless_normal("StatelessRandomNormal", shape, seed, mean, stddev, dtype, scope)


def stateless_truncated_normal(
    shape: Any,
    seed: Any,
    mean: Any = 0.0,
    stddev: Any = 1.0,
    dtype: Any = dtypes.float32,
    name: str | None = None,
) -> Tensor:
    """Truncated normal values that follow from `seed`, two integers, alone. Else as `truncated_normal`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(abs(sess.run(tf.random.stateless_truncated_normal([1000], seed=[1, 2]))).max() < 2)
    True
    """
    with name_scope(name, "stateless_truncated_normal", [shape, seed, mean, stddev]) as scope:
        return _stateless_normal("StatelessTruncatedNormal", shape, seed, mean, stddev, dtype, scope)
