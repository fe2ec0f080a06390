"""Order: the largest elements, sorting, and whether a prediction is among the best."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.graph import constant, constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import matrix_shapes as mats


class TopKV2(NamedTuple):
    """The largest elements of vectors and where they stood."""

    values: Any
    indices: Any


# top_k


def _top_k_shape(node: Any) -> list[TensorShape]:
    dims = mats.at_least(node.inputs[0].shape, 1)
    if node.type == "TopK":
        count = node.attrs["k"]
    else:
        mats.ranked(node.inputs[1].shape, 0)
        known = constant_value(node.inputs[1])
        count = None if known is None else int(known)
    if count is not None and count < 0:
        raise ValueError(f"Need k >= 0, got {count}")
    if dims is None:
        return [unknown_shape()] * 2
    if count is not None and dims[-1] is not None and dims[-1] < count:
        raise ValueError(f"input must have last dimension >= k = {count} but is {dims[-1]}")
    return [TensorShape.of((*dims[:-1], count))] * 2


def _check_count(xp: Any, x: Any, k: int) -> None:
    require(xp, k >= 0, "Need k >= 0, got {}", k)
    require(xp, x.ndim >= 1, "input must be >= 1-D, got shape {}", mats.shown(x))
    require(xp, x.shape[-1] >= k, "input must have at least k columns. Had {}, needed {}", x.shape[-1], k)


def _descending(x: np.ndarray) -> np.ndarray:
    """Keys whose ascending order is the descending order of `x`."""
    return ~x if x.dtype.kind in "iu" else -x


def _top_k_kernel(xp: Any, x: Any, k: Any) -> tuple[Any, Any]:
    """Equal elements stand in the order of their positions."""
    k = int(k)
    _check_count(xp, x, k)
    order = np.argsort(_descending(x), axis=-1, kind="stable")[..., :k]
    return np.take_along_axis(x, order, axis=-1), order.astype(np.int32)


def _top_k_xla(jnp: Any, x: Any, k: Any) -> tuple[Any, Any]:
    import jax

    _check_count(jnp, x, int(k))
    values, indices = jax.lax.top_k(x, int(k))
    return values, indices.astype(np.int32)


def _top_k_gradient(op: Any, grad: Any, _: Any) -> list[Any]:
    shape, found_shape = blocks.shape_of(op.inputs[0]), blocks.shape_of(op.outputs[1])
    width = blocks.gather(blocks.cast(found_shape, dtypes.int64), blocks.size_of(found_shape) - 1)
    rows = blocks.reshape(op.outputs[1], blocks.pack([-1, width]))
    full_width = blocks.gather(blocks.cast(shape, dtypes.int64), blocks.size_of(shape) - 1)
    count = blocks.shape_of(rows)[0]
    starts = blocks.span(0, blocks.cast(count, dtypes.int64) * full_width, full_width)
    starts = blocks.cast(blocks.expand_dims(starts, -1), dtypes.int32)
    flat = blocks.reshape(rows + starts, [-1])
    where = blocks.expand_dims(flat, -1)
    updates = blocks.reshape(grad, [-1])
    spread = emit("ScatterNd", where, updates, [blocks.reduce("Prod", shape)])
    result = blocks.reshape(spread, shape)
    return [result, blocks.zeros([], dtypes.int32)][: len(op.inputs)]


@op("TopKV2", shape=_top_k_shape, kernel=_top_k_kernel, xla=_top_k_xla, gradient=_top_k_gradient, static=(1,))
def top_k(input: Any, k: Any = 1, sorted: bool = True, name: str | None = None) -> TopKV2:
    """The k largest elements of each vector of the last axis [..., n], and their positions.

    Args:
        input: of a real type.
        k: a number, or an int32 scalar.
        sorted: whether they must be in descending order. (They always are.)

    Returns:
        A named pair: `values` and `indices` (int32), both [..., k]. Of equal elements the first comes first.

    Raises:
        ValueError: n is less than k. (InvalidArgumentError when that shows only when it is run.)

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.top_k([1.0, 3.0, 2.0], k=2).values))
    [3. 2.]
    """
    return TopKV2(*emit("TopKV2", input, k, sorted=sorted, name=name))


register(
    "TopK",
    shape=_top_k_shape,
    kernel=lambda xp, x, *, k: _top_k_kernel(xp, x, k),
    xla=lambda jnp, x, *, k: _top_k_xla(jnp, x, k),
    gradient=_top_k_gradient,
)


# in_top_k


def _in_top_k_shape(node: Any) -> TensorShape:
    predictions, targets = mats.ranked(node.inputs[0].shape, 2), mats.ranked(node.inputs[1].shape, 1)
    if node.type == "InTopKV2":
        mats.ranked(node.inputs[2].shape, 0)
    return TensorShape.of((mats.same(predictions[0], targets[0]),))


def _in_top_k_kernel(xp: Any, predictions: Any, targets: Any, k: Any) -> Any:
    """False too where the target is no class, or a prediction not finite. Ties do not count against it."""
    require(xp, predictions.ndim == 2, "predictions must be 2-dimensional")
    require(xp, targets.ndim == 1, "targets must be 1-dimensional")
    message = "First dimension of predictions {} must match length of targets {}"
    require(xp, predictions.shape[0] == targets.shape[0], message, predictions.shape[0], targets.shape[0])
    classes = predictions.shape[1]
    if classes == 0:
        return xp.zeros(targets.shape, bool)
    known = (targets >= 0) & (targets < classes)
    places = xp.where(known, targets, 0)[:, None]
    of_target = xp.take_along_axis(predictions, places, axis=1)
    better = xp.sum(predictions > of_target, axis=1)
    return known & xp.all(xp.isfinite(predictions), axis=1) & (better < k)


@op("InTopKV2", shape=_in_top_k_shape, kernel=_in_top_k_kernel, gradient=None)
def in_top_k(predictions: Any, targets: Any, k: Any, name: str | None = None) -> Any:
    """Whether each row's target is among its k best predictions.

    Args:
        predictions: float32 [batch, classes].
        targets: int32 or int64 [batch]: class numbers.
        k: a number, or a scalar of the targets' type.

    Returns:
        bool [batch]. False where the target is out of range or a prediction is not finite.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.nn.in_top_k([[0.1, 0.9], [0.2, 0.8]], [1, 0], k=1)))
    [ True False]
    """
    with name_scope(name, "in_top_k"):
        return emit("InTopKV2", predictions, targets, k, name=name)


register(
    "InTopK",
    shape=_in_top_k_shape,
    kernel=lambda xp, predictions, targets, *, k: _in_top_k_kernel(xp, predictions, targets, k),
    gradient=None,
)


# nth_element


def _nth_shape(node: Any) -> TensorShape:
    dims = mats.at_least(node.inputs[0].shape, 1)
    mats.ranked(node.inputs[1].shape, 0)
    n = constant_value(node.inputs[1])
    if n is not None and n < 0:
        raise ValueError(f"Input n must be non-negative but is {n}")
    if dims is None:
        return unknown_shape()
    if n is not None and dims[-1] is not None and dims[-1] <= n:
        raise ValueError(f"Input must have last dimension > n = {n} but is {dims[-1]}")
    return TensorShape.of(dims[:-1])


def _nth_kernel(xp: Any, x: Any, n: Any, *, reverse: bool) -> Any:
    require(xp, n >= 0, "Need n >= 0, got {}", n)
    require(xp, n < x.shape[-1], "Input must have at least n+1 columns")
    place = x.shape[-1] - 1 - n if reverse else n
    return xp.take(xp.sort(x, axis=-1), place, axis=-1)


def _nth_gradient(op: Any, grad: Any) -> list[Any]:
    x, found = op.inputs[0], op.outputs[0]
    hits = blocks.cast(emit("Equal", blocks.expand_dims(found, -1), x), grad.dtype)
    grad = blocks.expand_dims(grad, -1)
    count = blocks.expand_dims(blocks.reduce("Sum", hits, -1), -1)
    return [emit("RealDiv", hits, count, name="div") * grad, None]


@op("NthElement", shape=_nth_shape, kernel=_nth_kernel, gradient=_nth_gradient)
def nth_element(input: Any, n: Any, reverse: bool = False, name: str | None = None) -> Any:
    """The n-th smallest (with `reverse`, largest) elements of the vectors of the last axis, counted from 0.

    >>> import reflow as tf
    >>> from reflow.ops.sorting import nth_element
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(nth_element([5, 1, 3], 1)))
    3
    """
    return emit("NthElement", input, n, reverse=reverse, name=name)


# sort and argsort, made of top_k

DIRECTIONS = ("ASCENDING", "DESCENDING")


def sort(values: Any, axis: Any = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """`values` sorted along an axis.

    Args:
        values: of a real type, of rank 1 or more.
        axis: a number (or a constant scalar).
        direction: "ASCENDING" or "DESCENDING".

    Raises:
        ValueError: for another direction, or an axis that is not known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sort([3, 1, 2])))
    [1 2 3]
    """
    with name_scope(name, "sort"):
        return _sorted(values, axis, direction, positions=False)


def argsort(
    values: Any, axis: Any = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None
) -> Any:
    """The positions, int32, that sort `values` along an axis. Always stable; see `sort` for the arguments.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.argsort([3, 1, 2])))
    [1 2 0]
    """
    with name_scope(name, "argsort"):
        return _sorted(values, axis, direction, positions=True)


def _sorted(values: Any, axis: Any, direction: str, positions: bool) -> Any:
    if direction not in DIRECTIONS:
        raise ValueError(f"{direction} should be one of {', '.join(DIRECTIONS)}")
    axis = convert_to_tensor(axis, name="axis")
    known = constant_value(axis)
    if axis.shape.ndims != 0 or known is None:
        raise ValueError("axis must be a constant scalar")
    values = convert_to_tensor(values, name="values")
    if direction == "DESCENDING":
        return _sorted_down(values, int(known), positions)
    result = _sorted_down(-values, int(known), positions)
    return result if positions else -result


def _sorted_down(values: Any, axis: int, positions: bool) -> Any:
    """In descending order: `top_k` of all elements, the axis being made the last one for it."""
    count = blocks.shape_of(values)[axis]
    rank = blocks.rank_of(values)
    order = None if axis in (-1, (values.shape.ndims or 0) - 1) else _swapped_with_last(values, axis, rank)
    if order is not None:
        values = blocks.transpose(values, order)
    result = top_k(values, count)[1 if positions else 0]
    return result if order is None else blocks.transpose(result, order)


def _swapped_with_last(values: Any, axis: int, rank: Any) -> Any:
    """The order of axes in which `axis` and the last one have changed places."""
    static = values.shape.ndims
    if static is not None:
        order = np.arange(static)
        order[axis], order[-1] = order[-1], order[axis]
        return constant(order, name="transposition")
    place = axis + rank if axis < 0 else axis
    before = blocks.span(0, place)
    last = [rank - 1]
    between = blocks.span(place + 1, rank - 1)
    return blocks.concat([before, last, between, [place]], 0)
