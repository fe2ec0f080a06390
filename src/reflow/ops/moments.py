"""Means and variances, and normalization by them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops.control_flow import cond
from reflow.ops.deprecation import renamed
from reflow.ops.linalg_decompositions import svd

INT32_MAX = 2**31 - 1


def moments(
    x: Any,
    axes: Any,
    shift: Any = None,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any]:
    """The mean and the variance of `x` over `axes`.

    Args:
        x: a tensor of a float type; float16 is computed in float32.
        axes: a list of numbers.
        shift: not used.
        keepdims: keep the axes, with size 1; `keep_dims` is the old name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.nn.moments(tf.constant([1.0, 3.0]), axes=[0])))
    2.0 1.0
    """
    keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    with name_scope(name, "moments", [x, axes]):
        short = x.dtype.base_dtype == dtypes.float16
        y = blocks.cast(x, dtypes.float32) if short else x
        mean = blocks.reduce("Mean", y, axes, keepdims=True, name="mean")
        distances = emit("SquaredDifference", y, emit("StopGradient", mean))
        variance = blocks.reduce("Mean", distances, axes, keepdims=True, name="variance")
        if not keep:
            mean, variance = blocks.squeeze(mean, axes), blocks.squeeze(variance, axes)
        if short:
            return blocks.cast(mean, dtypes.float16), blocks.cast(variance, dtypes.float16)
        return mean, variance


def weighted_moments(
    x: Any,
    axes: Any,
    frequency_weights: Any,
    name: str | None = None,
    keep_dims: bool | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any]:
    """The mean and the variance of `x` over `axes`, each element counting as often as its weight says.

    Args:
        x: a tensor of a float type; float16 is computed in float32.
        axes: a list of numbers.
        frequency_weights: not negative, broadcast against `x`.
        keepdims: keep the axes, with size 1; `keep_dims` is the old name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.nn.weighted_moments([1.0, 5.0], [0], [3.0, 1.0])))
    2.0 3.0
    """
    keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    with name_scope(name, "weighted_moments", [x, frequency_weights, axes]):
        x = convert_to_tensor(x, name="x")
        weights = convert_to_tensor(frequency_weights, name="frequency_weights")
        short = x.dtype.base_dtype == dtypes.float16
        x = blocks.cast(x, dtypes.float32) if short else x
        weights = blocks.cast(weights, x.dtype)

        def total(values: Any, name: str) -> Any:
            return blocks.reduce("Sum", values, axes, keepdims=True, name=name)

        weighted = total(weights * x, "weighted_input_sum")
        count = total(weights + blocks.zeros_like(x), "sum_of_weights")
        divisor = emit("Reciprocal", count, name="inv_weight_sum")
        mean = emit("Mul", weighted, divisor)
        distances = total(weights * emit("SquaredDifference", x, mean), "weighted_distsq")
        variance = emit("Mul", distances, divisor)
        if not keep:
            mean, variance = blocks.squeeze(mean, axes), blocks.squeeze(variance, axes)
        if short:
            return blocks.cast(mean, dtypes.float16), blocks.cast(variance, dtypes.float16)
        return mean, variance


def sufficient_statistics(
    x: Any,
    axes: Any,
    shift: Any = None,
    keep_dims: bool | None = None,
    name: str | None = None,
    keepdims: bool | None = None,
) -> tuple[Any, Any, Any, Any]:
    """What `normalize_moments` needs: the count, the (shifted) sum and sum of squares, and the shift.

    Args:
        x: of a float type.
        axes: a list of numbers: the axes to sum over.
        shift: a value near the mean, for better digits; None for none.
        keepdims: keep the axes, with size 1; `keep_dims` is the old name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.nn.sufficient_statistics([1.0, 3.0], [0])[:3]))
    2.0 4.0 10.0
    """
    axes = list(set(axes))
    keep = bool(renamed("keepdims", keepdims, "keep_dims", keep_dims))
    with name_scope(name, "sufficient_statistics", [x, shift]):
        x = convert_to_tensor(x, name="x")
        sizes = x.shape.as_list() if x.shape.ndims is not None else None
        if sizes is not None and all(sizes[d] is not None for d in axes):
            counts = constant(int(np.prod([sizes[d] for d in axes])), dtype=x.dtype)
        else:
            known = blocks.gather(blocks.cast(blocks.shape_of(x), x.dtype), axes)
            counts = blocks.reduce("Prod", known, name="count")
        if shift is not None:
            shift = convert_to_tensor(shift, name="shift")
            first, second = emit("Sub", x, shift), emit("SquaredDifference", x, shift)
        else:
            first, second = x, emit("Square", x)
        first = blocks.reduce("Sum", first, axes, keepdims=keep, name="mean_ss")
        second = blocks.reduce("Sum", second, axes, keepdims=keep, name="var_ss")
    return counts, first, second, shift


def normalize_moments(
    counts: Any, mean_ss: Any, variance_ss: Any, shift: Any, name: str | None = None
) -> tuple[Any, Any]:
    """The mean and the variance that follow from `sufficient_statistics`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.nn.normalize_moments(2.0, 4.0, 10.0, None)))
    2.0 1.0
    """
    with name_scope(name, "normalize", [counts, mean_ss, variance_ss, shift]):
        divisor = emit("Reciprocal", counts, name="divisor")
        if shift is not None:
            shifted = emit("Mul", mean_ss, divisor, name="shifted_mean")
            mean = emit("Add", shifted, shift, name="mean")
        else:
            shifted = mean = emit("Mul", mean_ss, divisor, name="mean")
        squares = emit("Mul", variance_ss, divisor)
        return mean, emit("Sub", squares, emit("Square", shifted), name="variance")


def batch_normalization(
    x: Any, mean: Any, variance: Any, offset: Any, scale: Any, variance_epsilon: Any, name: str | None = None
) -> Any:
    """(x - mean) / sqrt(variance + variance_epsilon) * scale + offset, all broadcast against `x`.

    Args:
        offset, scale: None for none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([1.0, 3.0])
    ...     print(sess.run(tf.nn.batch_normalization(x, 2.0, tf.constant(1.0), None, None, 0.0)))
    [-1.  1.]
    """
    with name_scope(name, "batchnorm", [x, mean, variance, scale, offset]):
        factor = emit("Rsqrt", variance + variance_epsilon)
        if scale is not None:
            factor = factor * scale
        scaled = x * blocks.cast(factor, x.dtype)
        rest = offset - mean * factor if offset is not None else -mean * factor
        return scaled + blocks.cast(rest, x.dtype)


def batch_norm_with_global_normalization(
    t: Any = None,
    m: Any = None,
    v: Any = None,
    beta: Any = None,
    gamma: Any = None,
    variance_epsilon: Any = None,
    scale_after_normalization: bool | None = None,
    name: str | None = None,
    input: Any = None,
    mean: Any = None,
    variance: Any = None,
) -> Any:
    """`batch_normalization` under an older name; `gamma` counts only with `scale_after_normalization`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     t, one = tf.constant([1.0, 3.0]), tf.constant(1.0)
    ...     print(sess.run(tf.nn.batch_norm_with_global_normalization(t, one, one, one, one, 0.0, True)))
    [1. 3.]
    """
    t = renamed("input", input, "t", t)
    m = renamed("mean", mean, "m", m)
    v = renamed("variance", variance, "v", v)
    scale = gamma if scale_after_normalization else None
    return batch_normalization(t, m, v, beta, scale, variance_epsilon, name)


# Norms


def l2_normalize(
    x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None, dim: Any = None
) -> Any:
    """`x` divided by its Euclidean norm along `axis`.

    Args:
        x: of a float type.
        axis: a number, a list, or None for all; `dim` is the old name.
        epsilon: the least square of a norm to divide by.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.l2_normalize([0.0, 2.0], 0)))
    [0. 1.]
    """
    axis = renamed("axis", axis, "dim", dim)
    with name_scope(name, "l2_normalize", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        total = blocks.reduce("Sum", emit("Square", x), axis, keepdims=True)
        inverse = emit("Rsqrt", emit("Maximum", total, epsilon))
        return emit("Mul", x, inverse, name=scope)


EUCLIDEAN = ("euclidean", 2, 2.0)
MATRIX_ORDERS = ("euclidean", "fro", 1, 2, np.inf)
VECTOR_ORDERS = ("euclidean", 1, 2, np.inf)
BAD_AXIS = "'axis' must be None, an integer, or a tuple of 2 unique integers"


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Any:
    """The norms of vectors or matrices.

    Args:
        tensor: of a float or complex type.
        ord: "euclidean", a positive number (the p-norm) or `np.inf`; for matrices "euclidean", "fro", 1, 2 or
            `np.inf`.
        axis: a number for vectors, two for matrices; None takes all elements for one vector.
        keepdims: keep the axes, with size 1; `keep_dims` is the old name.

    Raises:
        ValueError: another `ord` or `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.norm([3.0, 4.0])))
    5.0
    """
    keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    of_matrix = isinstance(axis, (tuple, list)) and len(axis) == 2
    axes = _checked_axes(axis, ord, of_matrix)
    with name_scope(name, "norm", [tensor]):
        tensor = convert_to_tensor(tensor)
        if ord == "fro" or ord in EUCLIDEAN:
            spectral = of_matrix and ord == 2
            result = _spectral_norm(tensor, axes) if spectral else _euclidean_norm(tensor, axes)
        else:
            result = _other_norm(tensor, ord, axes, of_matrix)
        return result if keep else blocks.squeeze(result, axes)


def _checked_axes(axis: Any, ord: Any, of_matrix: bool) -> tuple[int, ...] | None:
    if of_matrix:
        if not all(isinstance(a, int) for a in axis) or axis[0] == axis[1]:
            raise ValueError(BAD_AXIS)
        if ord not in MATRIX_ORDERS:
            raise ValueError(f"'ord' must be a supported matrix norm in {list(MATRIX_ORDERS)}, got {ord}")
        return tuple(axis)
    if not (isinstance(axis, int) or axis is None):
        raise ValueError(BAD_AXIS)
    positive = isinstance(ord, (int, float, np.number)) and ord > 0
    if not positive and ord not in VECTOR_ORDERS:
        raise ValueError(f"'ord' must be a supported vector norm, got {ord}")
    return None if axis is None else (axis,)


def _euclidean_norm(x: Any, axes: Any) -> Any:
    return emit("Sqrt", blocks.reduce("Sum", x * blocks.conj(x), axes, keepdims=True))


def _other_norm(x: Any, ord: Any, axes: Any, of_matrix: bool) -> Any:
    result = blocks.absolute(x)
    first = None if axes is None else axes[0]
    if ord == 1:
        result = blocks.reduce("Sum", result, first, keepdims=True)
        return blocks.reduce("Max", result, axes[-1], keepdims=True) if of_matrix else result
    if ord == np.inf:
        if of_matrix:
            result = blocks.reduce("Sum", result, axes[1], keepdims=True)
        return blocks.reduce("Max", result, first, keepdims=True)
    total = blocks.reduce("Sum", emit("Pow", result, ord), axes, keepdims=True)
    return emit("Pow", total, 1.0 / ord)


def _spectral_norm(x: Any, axes: Any) -> Any:
    """The largest singular values of the matrices that stand in two axes."""
    before, after = _orders_with_last(x, axes)
    values = blocks.absolute(svd(blocks.transpose(x, before), compute_uv=False))
    largest = blocks.expand_dims(blocks.reduce("Max", values, -1, keepdims=True), -1)
    return blocks.transpose(largest, after)


def _orders_with_last(x: Any, axes: Any) -> tuple[Any, Any]:
    """The order of axes that makes two axes the last ones, and the order that undoes it."""
    rank = x.shape.ndims
    if rank is not None:
        last = [a % rank for a in axes]
        order = [a for a in range(rank) if a not in last] + last
        return order, np.argsort(order).tolist()
    count = blocks.rank_of(x)
    wanted = convert_to_tensor(list(axes))
    wanted = blocks.where(wanted >= 0, wanted, wanted + count)
    others, _ = emit("ListDiff", blocks.span(0, count), wanted)
    order = blocks.concat([others, wanted], 0)
    return order, emit("InvertPermutation", order)


def normalize(
    tensor: Any, ord: Any = "euclidean", axis: Any = None, name: str | None = None
) -> tuple[Any, Any]:
    """`tensor` divided by its norm, and the norm, its axes kept with size 1. See `norm` for the arguments.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.linalg.normalize([3.0, 4.0])))
    [0.6 0.8] [5.]
    """
    with name_scope(name, "normalize", [tensor]):
        tensor = convert_to_tensor(tensor)
        length = norm(tensor, ord, axis, keepdims=True)
        length = blocks.cast(length, tensor.dtype)
        return tensor / length, length


def zero_fraction(value: Any, name: str | None = None) -> Any:
    """The fraction of the elements that are zero: a float32 scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.zero_fraction([0.0, 1.0, 2.0, 0.0])))
    0.5
    """
    with name_scope(name, "zero_fraction", [value]):
        value = convert_to_tensor(value, name="value")
        size = blocks.size_of(value, dtypes.int64)
        nonzero = cond(
            size <= INT32_MAX,
            lambda: blocks.cast(_nonzero_count(value, dtypes.int32), dtypes.int64),
            lambda: _nonzero_count(value, dtypes.int64),
        )
        with name_scope("counts_to_fraction"):
            zero = blocks.cast(size - nonzero, dtypes.float32)
            fraction = zero / blocks.cast(size, dtypes.float32)
        return emit("Identity", fraction, name="fraction")


def _nonzero_count(value: Any, dtype: dtypes.DType) -> Any:
    with name_scope("count_nonzero", values=[value]):
        zero = blocks.zeros([], value.dtype.base_dtype)
        hits = blocks.cast(emit("NotEqual", value, zero), dtype)
        return blocks.reduce("Sum", hits, name="nonzero_count")
