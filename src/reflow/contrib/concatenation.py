"""Streaming concatenation: all values seen, one after the other."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import Operation, control_dependencies
from reflow.model.metrics.common import Pair, metric_variable, published
from reflow.model.variable_scope import variable_scope
from reflow.ops import math
from reflow.ops.arithmetic import minimum
from reflow.ops.array import shape, zeros
from reflow.ops.casting import cast
from reflow.ops.control import no_op
from reflow.ops.control_flow import cond
from reflow.ops.joining import stack
from reflow.ops.shaping import transpose
from reflow.ops.state import assign

GROWTH = 1.5  # by how much the array grows when it is full


def streaming_concat(
    values: Any,
    axis: int = 0,
    max_size: int | None = None,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    name: str | None = None,
) -> Pair:
    """All values seen, concatenated along `axis`.

    Args:
        values: a tensor whose static shape is known but for the size of `axis`.
        axis: where to concatenate; negative counts from the end.
        max_size: keep this many only, the first; all if None.
        metrics_collections, updates_collections: collections for the value and for the update.
        name: the variable scope.

    Returns the value, and the update, which gives how many there are. ValueError for an unknown shape
    or an axis out of range.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [None])
    ...     value, update = tf.contrib.metrics.streaming_concat(x)
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update, {x: [1.0, 2.0]}), sess.run(update, {x: [3.0]}), sess.run(value))
    2 3 [1. 2. 3.]
    """
    with variable_scope(name, "streaming_concat", (values,)):
        axis, fixed = _checked(values, axis)
        array = metric_variable([max_size or 0, *fixed], values.dtype, validate_shape=False, name="array")
        size = metric_variable([], dtypes.int32, name="size")
        value = _in_place(array[:size], axis, fixed)
        added = shape(values)[axis]
        if max_size is not None:
            added = minimum(added, max_size - size)
        first = [axis, *(n for n in range(len(fixed) + 1) if n != axis)]
        batch = transpose(values, first)[:added]
        update = _appended(array, size, size + added, batch, fixed)
        return published((value, update), metrics_collections, updates_collections)


def _checked(values: Any, axis: int) -> tuple[int, list[int]]:
    """The axis from the front, and the sizes of the other dimensions."""
    sizes = values.shape.ints
    if sizes is None:
        raise ValueError("`values` must have known statically known rank")
    place = axis + len(sizes) if axis < 0 else axis
    if not 0 <= place < len(sizes):
        raise ValueError(f"axis = {place!r} not in [0, {len(sizes)!r})")
    fixed = [d for n, d in enumerate(sizes) if n != place]
    if None in fixed:
        raise ValueError(
            "all dimensions of `values` other than the dimension to concatenate along must have statically "
            f"known size, got the shape {values.shape}"
        )
    return place, fixed


def _in_place(rows: Any, axis: int, fixed: list[int]) -> Any:
    """What is kept along the first axis, along the axis asked for."""
    rows.set_shape([None, *fixed])
    order = [0 if n == axis else n + 1 if n < axis else n for n in range(len(fixed) + 1)]
    return transpose(rows, order, name="concat")


def _appended(array: Any, size: Any, new_size: Any, batch: Any, fixed: list[int]) -> Any:
    """The new size, once the batch is in the array, which grows for it when it is full."""
    room = shape(array)[0]

    def grown() -> Operation:
        return _grown(array, size, new_size, fixed)

    ready = cond(new_size > room, grown, no_op)
    with control_dependencies([ready]):
        filled = array[size:new_size].assign(batch)
    with control_dependencies([filled]):
        return size.assign(new_size)


def _grown(array: Any, size: Any, new_size: Any, fixed: list[int]) -> Operation:
    """An operation after which the array has room for the new size, and holds what it held."""
    room = stack([_next_power(new_size), *fixed])
    empty = zeros(room, dtype=array.dtype.base_dtype)
    old = array.value()
    with control_dependencies([old]):
        emptied = assign(array, empty, validate_shape=False)
    with control_dependencies([emptied]):
        copied = array[:size].assign(old[:size])
    with control_dependencies([copied]):
        return no_op()


def _next_power(size: Any) -> Any:
    """The smallest power of the growth that is `size` or more, int32."""
    wanted = math.log(cast(size, dtypes.float32))
    exponent = math.ceil(wanted / math.log(cast(GROWTH, dtypes.float32)))
    return cast(math.ceil(GROWTH**exponent), dtypes.int32)
