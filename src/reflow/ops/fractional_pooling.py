"""Pooling by windows of random sizes, which shrinks images by any ratio: on the host only.

The windows are TensorFlow's for the same seeds. They are data, so XLA has no part in these ops.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.graph import emit
from reflow.graph.registry import op, register
from reflow.graph.shapes import like_input
from reflow.ops import matrix_shapes as mats
from reflow.ops import philox
from reflow.ops.convolution import sequence_for
from reflow.ops.philox_sampling import permutation
from reflow.ops.random import initial_state
from reflow.ops.random_seed import get_seed

Cells = list[tuple[int, int]]  # from where to where each window of an axis goes


# The windows


def _sequence(state: Any, size: int, count: int, pseudo_random: bool) -> tuple[Any, np.ndarray]:
    """Where the `count` windows of an axis begin, and where the last one ends."""
    draw = _pseudo_random_widths if pseudo_random else _random_widths
    state, widths = draw(state, size, count)
    return state, np.concatenate([[0], np.cumsum(widths)]).astype(np.int64)


def _pseudo_random_widths(state: Any, size: int, count: int) -> tuple[Any, np.ndarray]:
    """Widths from one random number, as in Graham's paper "Fractional Max-Pooling"."""
    ratio, least = size / count, size // count
    limit = min((least + 2) / ratio - 1, (size + 1 - least) / ratio - (count - 1))
    _, units = philox.uniform(np, state, (1,), np.float64)
    shift = float(units[0]) * limit
    starts = [1, *(math.ceil(ratio * (i + shift)) for i in range(1, count)), size + 1]
    return philox.advance(np, state, 1), np.diff(starts)


def _random_widths(state: Any, size: int, count: int) -> tuple[Any, np.ndarray]:
    """The two widths that make up the axis, in random order."""
    widths = np.full(count, size // count, np.int64)
    widths[: size % count] += 1
    _, order = permutation(np, state, count)
    return philox.advance(np, state, -(-count // 4)), widths[order]


def _cells(starts: np.ndarray, size: int, overlapping: bool) -> Cells:
    """Windows that overlap have their last element in common with the next one's first."""
    pairs = zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True)
    return [(start, min(end + int(overlapping), size)) for start, end in pairs]


# Kernels


def _output_sizes(sizes: Sequence[int | None], ratios: Sequence[float]) -> list[int | None]:
    pairs = zip(sizes, ratios, strict=True)
    return [None if n is None else math.floor(np.float32(n) / np.float32(r)) for n, r in pairs]


def _windows(
    state: Any, x: Any, ratios: Sequence[float], pseudo_random: bool
) -> tuple[Any, np.ndarray, np.ndarray]:
    require(np, x.ndim == 4, "value must be 4-dimensional, got shape {}", mats.shown(x))
    if len(ratios) != 4:
        fail("pooling_ratio field must specify 4 dimensions")
    if ratios[0] != 1 or ratios[3] != 1:
        message = "Fractional pooling is not yet supported on the batch nor channel dimension."
        fail(message, errors.UnimplementedError)
    sizes = _output_sizes(x.shape, ratios)
    for axis in (1, 2):
        if not sizes[axis]:
            fail(f"pooling_ratio {ratios[axis]} leaves nothing of a dimension of size {x.shape[axis]}")
    state, rows = _sequence(state, x.shape[1], sizes[1], pseudo_random)  # type: ignore[arg-type]
    state, columns = _sequence(state, x.shape[2], sizes[2], pseudo_random)  # type: ignore[arg-type]
    return state, rows, columns


def _forward(reduce: Any) -> Any:
    """The kernel of a pooling op from the reduction along one axis of a piece of it."""

    def host(
        ctx: Any,
        state: Any,
        x: Any,
        *,
        pooling_ratio: list[float],
        pseudo_random: bool,
        overlapping: bool,
        deterministic: bool,
        seed: int,
        seed2: int,
    ) -> tuple[Any, ...]:
        if not deterministic and (seed or seed2):
            fail("Both seed and seed2 should be 0 if deterministic is false.")
        later, rows, columns = _windows(state, x, pooling_ratio, pseudo_random)
        y = x
        for axis, starts in ((1, rows), (2, columns)):
            cells = _cells(starts, x.shape[axis], overlapping)
            y = np.stack([reduce(np.take(y, range(a, b), axis), axis) for a, b in cells], axis)
        counts = _counts(rows, columns, x.shape, overlapping) if reduce is np.sum else None
        y = y if counts is None else _divided(y, counts)
        return (state if deterministic else later), y.astype(x.dtype, copy=False), rows, columns

    return host


def _counts(rows: np.ndarray, columns: np.ndarray, sizes: Sequence[int], overlapping: bool) -> np.ndarray:
    """How many elements each window has, [rows, columns, 1]."""
    widths = [
        np.array([b - a for a, b in _cells(starts, size, overlapping)])
        for starts, size in ((rows, sizes[1]), (columns, sizes[2]))
    ]
    whole: np.ndarray = (widths[0][:, None] * widths[1])[..., None]
    return whole


def _divided(y: Any, counts: np.ndarray) -> Any:
    if y.dtype.kind != "i":
        return y / counts.astype(y.dtype)
    return np.sign(y) * (np.abs(y) // counts)  # towards zero, as in C


def _grid(
    rows: np.ndarray, columns: np.ndarray, sizes: Sequence[int], overlapping: bool
) -> Iterator[tuple[int, int, slice, slice]]:
    """Each window: its place in the output, and what it covers."""
    for i, (a, b) in enumerate(_cells(rows, sizes[1], overlapping)):
        for j, (c, d) in enumerate(_cells(columns, sizes[2], overlapping)):
            yield i, j, slice(a, b), slice(c, d)


def _max_backward(ctx: Any, x: Any, y: Any, grad: Any, rows: Any, columns: Any, *, overlapping: bool) -> Any:
    """The gradient goes to the first element of each window that is its maximum."""
    total = np.zeros_like(x)
    images, channels = np.ogrid[: x.shape[0], : x.shape[3]]
    for i, j, down, across in _grid(rows, columns, x.shape, overlapping):
        region = x[:, down, across]
        first = region.reshape(x.shape[0], -1, x.shape[3]).argmax(axis=1)
        height, width = np.unravel_index(first, region.shape[1:3])
        total[images, down.start + height, across.start + width, channels] += grad[:, i, j]
    return total


def _mean_backward(ctx: Any, sizes: Any, grad: Any, rows: Any, columns: Any, *, overlapping: bool) -> Any:
    sizes = [int(n) for n in sizes]
    total = np.zeros(sizes, np.float64)
    counts = _counts(rows, columns, sizes, overlapping)
    for i, j, down, across in _grid(rows, columns, sizes, overlapping):
        total[:, down, across] += (grad[:, i, j] / counts[i, j].astype(np.float64))[:, None, None]
    return total.astype(grad.dtype)


# Shape rules and gradients


def _shape(node: Any) -> list[TensorShape]:
    ratios = node.attrs["pooling_ratio"]
    if len(ratios) != 4:
        raise ValueError("pooling_ratio field must specify 4 dimensions")
    sizes = _output_sizes(mats.ranked(node.inputs[0].shape, 4), ratios)
    counts = [None if n is None else n + 1 for n in sizes[1:3]]
    return [TensorShape.of(tuple(sizes)), *(TensorShape.of((n,)) for n in counts)]


def _max_gradient(node: Any, grad: Any, *_: Any) -> list[Any]:
    y, rows, columns = node.outputs
    overlapping = node.attrs["overlapping"]
    return [emit("FractionalMaxPoolGrad", node.inputs[0], y, grad, rows, columns, overlapping=overlapping)]


def _mean_gradient(node: Any, grad: Any, *_: Any) -> list[Any]:
    _, rows, columns = node.outputs
    overlapping = node.attrs["overlapping"]
    sizes = node.inputs[0].shape
    return [emit("FractionalAvgPoolGrad", sizes, grad, rows, columns, overlapping=overlapping)]


def _sizes_shape(node: Any) -> TensorShape:
    return TensorShape.of(mats.ranked(constant_value_as_shape(node.inputs[0]), 4))


register("FractionalMaxPoolGrad", shape=like_input(0), host=_max_backward, gradient=None)
register("FractionalAvgPoolGrad", shape=_sizes_shape, host=_mean_backward, gradient=None)


# Public functions


@op("FractionalMaxPool", shape=_shape, host=_forward(np.max), state=initial_state, gradient=_max_gradient)
def fractional_max_pool(
    value: Any,
    pooling_ratio: Sequence[float],
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> Any:
    """The maxima of windows whose sizes are random, so that images shrink by any ratio.

    Args:
        value: [batch, height, width, depth] of float32, float64, int32 or int64.
        pooling_ratio: four numbers: by how much each axis shrinks; 1 for batch and depth.
        pseudo_random: draw one random number for each axis, not an order of the widths.
        overlapping: windows share their edges.
        deterministic: use the same windows in every run.
        seed, seed2: where the random numbers begin, for deterministic windows only; if both are 0, nobody can
            foresee it.

    Returns:
        The maxima, and where the windows begin along the height and the width (and where the last ones end).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    ...     print(sess.run(tf.nn.fractional_max_pool(x, [1.0, 1.5, 1.5, 1.0]))[0].shape)
    (1, 2, 2, 1)
    """
    return _emit(
        "FractionalMaxPool",
        value,
        pooling_ratio,
        (pseudo_random, overlapping, deterministic),
        (seed, seed2),
        name,
    )


@op("FractionalAvgPool", shape=_shape, host=_forward(np.sum), state=initial_state, gradient=_mean_gradient)
def fractional_avg_pool(
    value: Any,
    pooling_ratio: Sequence[float],
    pseudo_random: bool = False,
    overlapping: bool = False,
    deterministic: bool = False,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> Any:
    """The means of windows whose sizes are random: see `fractional_max_pool`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.reshape(tf.range(9.0), [1, 3, 3, 1])
    ...     print(sess.run(tf.nn.fractional_avg_pool(x, [1.0, 1.5, 1.5, 1.0]))[0].shape)
    (1, 2, 2, 1)
    """
    return _emit(
        "FractionalAvgPool",
        value,
        pooling_ratio,
        (pseudo_random, overlapping, deterministic),
        (seed, seed2),
        name,
    )


def _emit(
    op_type: str,
    value: Any,
    ratio: Sequence[float],
    flags: tuple[bool, bool, bool],
    seeds: tuple[int | None, int | None],
    name: str | None,
) -> Any:
    attrs = dict(zip(("pseudo_random", "overlapping", "deterministic"), flags, strict=True))
    return emit(op_type, value, name=name, pooling_ratio=ratio, seed=seeds[0], seed2=seeds[1], **attrs)


def _v2(op_type: str, value: Any, ratio: Any, flags: tuple[bool, bool], seed: int, name: str | None) -> Any:
    if seed == 0:
        return _emit(op_type, value, ratio, (*flags, False), (0, 0), name)
    return _emit(op_type, value, ratio, (*flags, True), get_seed(seed), name)


def fractional_max_pool_v2(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """`fractional_max_pool`, the same in every run when there is a seed; the ratio may be one number."""
    ratio = sequence_for(pooling_ratio, 2, 3, "pooling_ratio")
    return _v2("FractionalMaxPool", value, ratio, (pseudo_random, overlapping), seed, name)


def fractional_avg_pool_v2(
    value: Any,
    pooling_ratio: Any,
    pseudo_random: bool = False,
    overlapping: bool = False,
    seed: int = 0,
    name: str | None = None,
) -> Any:
    """`fractional_avg_pool`, the same in every run when there is a seed."""
    return _v2("FractionalAvgPool", value, pooling_ratio, (pseudo_random, overlapping), seed, name)
