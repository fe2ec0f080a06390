"""Layers as one call: `xw_plus_b`, `relu_layer`, `dropout`, embedding lookups, response normalization."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.graph import (
    colocate_with,
    constant,
    constant_value,
    convert_to_tensor,
    emit,
    name_scope,
)
from reflow.graph.registry import op, register
from reflow.graph.shapes import merged_inputs
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats
from reflow.ops.activations import bias_add, bias_add_v1
from reflow.ops.clip import clip_by_norm
from reflow.ops.deprecation import renamed
from reflow.ops.linalg import matmul
from reflow.ops.random import random_uniform


def _layer_inputs(x: Any, weights: Any, biases: Any) -> tuple[Any, Any, Any]:
    x = convert_to_tensor(x, name="x")
    weights = convert_to_tensor(weights, name="weights")
    return x, weights, convert_to_tensor(biases, name="biases")


def xw_plus_b(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """matmul(x, weights) + biases, for x [batch, in], weights [in, out] and biases [out].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.xw_plus_b([[1.0, 2.0]], [[1.0], [1.0]], [0.5])))
    [[3.5]]
    """
    with name_scope(name, "xw_plus_b", [x, weights, biases]) as scope:
        x, weights, biases = _layer_inputs(x, weights, biases)
        return bias_add(matmul(x, weights), biases, name=scope)


def xw_plus_b_v1(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """`xw_plus_b` with the older op for the biases."""
    with name_scope(name, "xw_plus_b_v1", [x, weights, biases]) as scope:
        x, weights, biases = _layer_inputs(x, weights, biases)
        return bias_add_v1(matmul(x, weights), biases, name=scope)


def relu_layer(x: Any, weights: Any, biases: Any, name: str | None = None) -> Any:
    """relu(matmul(x, weights) + biases); see `xw_plus_b`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.relu_layer([[1.0, 2.0]], [[1.0], [1.0]], [-5.0])))
    [[0.]]
    """
    with name_scope(name, "relu_layer", [x, weights, biases]) as scope:
        x, weights, biases = _layer_inputs(x, weights, biases)
        return emit("Relu", bias_add(matmul(x, weights), biases), name=scope)


# Dropout


def dropout(
    x: Any,
    keep_prob: Any = None,
    noise_shape: Any = None,
    seed: int | None = None,
    name: str | None = None,
    rate: Any = None,
) -> Any:
    """Each element of `x` zero with probability `rate`, else divided by 1 - rate: the expectation is `x`.

    Args:
        x: of a float type.
        keep_prob: 1 - rate: the old way to say it.
        noise_shape: where 1, the axis is kept or dropped as one; the shape of `x` by default.
        seed: see `tf.set_random_seed`.
        rate: a number from 0 to less than 1, or a scalar tensor.

    Raises:
        ValueError: there is no rate, or it is out of range, or `x` is of another type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.dropout([1.0, 1.0], rate=0.0)))
    [1. 1.]
    """
    try:
        drop = 1.0 - keep_prob if keep_prob is not None else None
    except TypeError:
        raise ValueError(f"keep_prob must be a floating point number or Tensor (got {keep_prob!r})") from None
    rate = renamed("rate", rate, "keep_prob", drop)
    if rate is None:
        raise ValueError("You must provide a rate to dropout.")
    with name_scope(name, "dropout", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_floating:
            raise ValueError(
                "x has to be a floating point tensor since it's going to be scaled. "
                f"Got a {x.dtype} tensor instead."
            )
        if _keeps_all(rate):
            return x
        rate = convert_to_tensor(rate, dtype=x.dtype, name="rate")
        rate.shape.assert_has_rank(0)
        if constant_value(rate) == 0:
            return x
        return _dropped(x, rate, noise_shape, seed)


def _keeps_all(rate: Any) -> bool:
    if not isinstance(rate, (int, float, np.number)):
        return False
    if not 0 <= rate < 1:
        raise ValueError(f"rate must be a scalar tensor or a float in the range [0, 1), got {rate:g}")
    if rate > 0.5:
        logging.getLogger("tensorflow").info("dropout drops more than half: its rate is %g", rate)
    return rate == 0


def _dropped(x: Any, rate: Any, noise_shape: Any, seed: int | None) -> Any:
    noise = random_uniform(_noise_shape(x, noise_shape), seed=seed, dtype=x.dtype.base_dtype)
    scale = 1 / (1 - rate)
    kept = noise >= rate
    result = x * scale * blocks.cast(kept, x.dtype)
    result.set_shape(x.shape)
    return result


def _noise_shape(x: Any, wanted: Any) -> Any:
    """The wanted shape, its unknown sizes those of `x`."""
    if wanted is None:
        return blocks.shape_of(x)
    try:
        given = as_shape(wanted)
    except (TypeError, ValueError):
        return wanted  # a tensor, or a list that holds one
    if x.shape.ndims is None or given.ndims != x.shape.ndims:
        return wanted
    sizes = zip(given.as_list(), x.shape.as_list(), strict=True)
    return TensorShape([own if mine is None else mine for mine, own in sizes])


# Embeddings


def embedding_lookup(
    params: Any,
    ids: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    validate_indices: bool = True,
    max_norm: float | None = None,
) -> Any:
    """Rows of a matrix (or of one that is cut into parts), by their numbers.

    Args:
        params: a tensor or variable [rows, ...], a list of its parts, or a partitioned variable.
        ids: int32 or int64, of any shape.
        partition_strategy: how a list cuts the rows: "mod" deals them out in turn, "div" cuts them in runs.
        validate_indices: not used: numbers that are no row are refused in any case.
        max_norm: scale rows down to this Euclidean norm.

    Returns:
        The rows: the shape of `ids`, then that of a row.

    Raises:
        ValueError: there are no `params`, or the strategy is another.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    ...     print(sess.run(tf.nn.embedding_lookup(rows, [1])))
    [[3. 4.]]
    """
    parts = partitions(params)
    with name_scope(name, "embedding_lookup", [*parts, ids]) as scope:
        if not any(hasattr(p, "sparse_read") for p in parts):
            parts = [convert_to_tensor(p, name=f"params_{i}") for i, p in enumerate(parts)]
        ids = convert_to_tensor(ids, name="ids")
        if len(parts) == 1:
            with colocate_with(parts[0]):
                rows = _gathered(parts[0], ids, scope)
                rows = _clipped(rows, ids, max_norm)
            return emit("Identity", rows)
        return _clipped(_partitioned_lookup(parts, ids, partition_strategy, scope), ids, max_norm)


def partitions(params: Any) -> list[Any]:
    """What a lookup takes as the parts of a matrix: its own variables for a partitioned one. ValueError when
    there is none."""
    if params is None:
        raise ValueError("params must be specified")
    if isinstance(params, (list, tuple)) and not params:
        raise ValueError("Need at least one param")
    if hasattr(params, "_get_partitions"):
        return list(params)
    return params if isinstance(params, list) else [params]


def _gathered(params: Any, ids: Any, name: str | None = None) -> Any:
    read = getattr(params, "sparse_read", None)
    return read(ids, name=name) if read is not None else emit("GatherV2", params, ids, 0, name=name)


def _clipped(rows: Any, ids: Any, max_norm: float | None) -> Any:
    """Rows scaled down to `max_norm`; which axes a row has, the ids say."""
    if max_norm is None:
        return rows
    first, known = _rank(ids)
    last, also_known = _rank(rows)
    axes = list(range(first, last)) if known and also_known else blocks.span(first, last)
    return clip_by_norm(rows, max_norm, axes=axes)


def _rank(x: Any) -> tuple[Any, bool]:
    """The rank as a number, and True; or as a tensor, and False."""
    return (x.shape.ndims, True) if x.shape.ndims else (blocks.rank_of(x), False)


def _partitioned_lookup(parts: list[Any], ids: Any, strategy: str, name: str) -> Any:
    """Each part gathers the rows it has; the rows are then put in the order of the ids."""
    flat = blocks.reshape(ids, [-1])
    positions = blocks.span(0, blocks.size_of(flat))
    if strategy == "mod":
        owner, inner = flat % len(parts), flat // len(parts)
    elif strategy == "div":
        owner, inner = _runs(parts, flat)
    else:
        raise ValueError(f"Unrecognized partition strategy: {strategy}")
    owner = blocks.cast(owner, dtypes.int32)
    wanted = emit("DynamicPartition", inner, owner, num_partitions=len(parts))
    places = emit("DynamicPartition", positions, owner, num_partitions=len(parts))
    found = []
    for part, rows in zip(parts, wanted, strict=True):
        with colocate_with(part):
            found.append(_gathered(part, rows))
    result = emit("ParallelDynamicStitch", places, found, name=name)
    static = parts[0].get_shape()[1:]
    for part in parts[1:]:
        static = static.merge_with(part.get_shape()[1:])
    if static.is_fully_defined():
        row_shape: Any = static
    else:
        with colocate_with(parts[0]):
            shape = blocks.shape_of(convert_to_tensor(parts[0]))
        row_shape = shape[1:]
    result = blocks.reshape(result, blocks.concat([blocks.shape_of(ids), row_shape], 0))
    result.set_shape(ids.shape.concatenate(static))
    return result


def _runs(parts: list[Any], flat: Any) -> tuple[Any, Any]:
    """The part, and the row in it, of each id when the rows are cut in runs, the first ones maybe longer."""
    count = len(parts)
    total = _row_count(parts, flat.dtype)
    length, longer = total // count, total % count
    owner = emit("Maximum", flat // (length + 1), (flat - longer) // length)
    inner = blocks.where(owner < longer, flat % (length + 1), (flat - longer) % length)
    return owner, inner


def _row_count(parts: list[Any], dtype: dtypes.DType) -> Any:
    sizes = [p.get_shape().as_list()[0] if p.get_shape().ndims else None for p in parts]
    total = sum(s for s in sizes if s is not None)
    if None not in sizes and total:
        return constant(total, dtype)
    known = []
    for part, size in zip(parts, sizes, strict=True):
        if size is None:
            with colocate_with(part):
                size = blocks.shape_of(convert_to_tensor(part))[0]
        known.append(size)
    return blocks.reduce("Sum", blocks.cast(blocks.pack(known), dtype))


# Local response normalization


def _window_sums(xp: Any, x: Any, radius: int) -> Any:
    """Sums over the channels (the last axis) from `radius` before to `radius` after each."""
    depth = x.shape[-1]
    padded = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(radius, radius)])
    result = xp.zeros_like(x)
    for i in range(2 * radius + 1):
        result = result + padded[..., i : i + depth]
    return result


@mats.widened
def _lrn_kernel(xp: Any, x: Any, *, depth_radius: int, bias: float, alpha: float, beta: float) -> Any:
    number = x.dtype.type
    base = number(bias) + number(alpha) * _window_sums(xp, x * x, depth_radius)
    return x * base ** number(-beta)


@mats.widened
def _lrn_grad_kernel(
    xp: Any, dy: Any, x: Any, y: Any, *, depth_radius: int, bias: float, alpha: float, beta: float
) -> Any:
    number = x.dtype.type
    base = number(bias) + number(alpha) * _window_sums(xp, x * x, depth_radius)
    inner = _window_sums(xp, dy * y / base, depth_radius)
    return dy * base ** number(-beta) - number(2 * alpha * beta) * x * inner


def _lrn_shape(node: Any) -> TensorShape:
    return TensorShape.of(mats.ranked(node.inputs[0].shape, 4))


def _lrn_gradient(op: Any, grad: Any) -> list[Any]:
    settings = {k: op.attrs[k] for k in ("depth_radius", "bias", "alpha", "beta")}
    return [emit("LRNGrad", grad, op.inputs[0], op.outputs[0], **settings)]


register("LRNGrad", shape=merged_inputs, kernel=_lrn_grad_kernel)


@op("LRN", shape=_lrn_shape, kernel=_lrn_kernel, gradient=_lrn_gradient)
def local_response_normalization(
    input: Any,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    name: str | None = None,
) -> Any:
    """`input` [batch, height, width, channels] divided by (bias + alpha * s) ** beta.

    s is the sum of the squares of the channels at most `depth_radius` away.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.lrn([[[[3.0]]]], bias=0.0)))
    [[[[1.]]]]
    """
    return emit("LRN", input, depth_radius=depth_radius, bias=bias, alpha=alpha, beta=beta, name=name)
