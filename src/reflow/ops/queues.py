"""Queues: `tf.FIFOQueue` and its kin. A queue lives in the session; its ops wait outside the session's
lock.
"""

from __future__ import annotations

import functools
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes as types
from reflow.base.queues import PriorityQueue as HeapQueue
from reflow.base.queues import Queue, ShuffleQueue, stacked
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import shapes as rules
from reflow.graph.checks import fail
from reflow.graph.constant import constant_value
from reflow.graph.graph import Operation, Tensor, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops.blocks import gather, stack
from reflow.ops.philox import initial_state, random_words
from reflow.ops.random_seed import get_seed

# The ops


def _draws(seed: int, seed2: int) -> Iterator[int]:
    """The 32-bit numbers that TensorFlow's queue draws."""
    if not seed and not seed2:
        seed, seed2 = secrets.randbits(64), secrets.randbits(64)
    state, block = initial_state(seed, seed2), 0
    while True:
        yield from (int(word) for word in random_words(np, state, np.uint64(block)))
        block += 1


def _fifo(attrs: dict[str, Any], kind: str = "FIFOQueue") -> Queue:
    return Queue(kind, attrs["capacity"])


def _padding(attrs: dict[str, Any]) -> Queue:
    return _fifo(attrs, "PaddingFIFOQueue")


def _shuffle(attrs: dict[str, Any]) -> Queue:
    draws = functools.partial(_draws, attrs["seed"], attrs["seed2"])
    return ShuffleQueue("RandomShuffleQueue", attrs["capacity"], attrs["min_after_dequeue"], draws)


def _priority(attrs: dict[str, Any]) -> Queue:
    return HeapQueue("PriorityQueue", attrs["capacity"])


for _type, _make in {
    "FIFOQueueV2": _fifo,
    "PaddingFIFOQueueV2": _padding,
    "RandomShuffleQueueV2": _shuffle,
    "PriorityQueueV2": _priority,
}.items():
    register(_type, shape=rules.scalar, slot=_make, gradient=None)


def maker_of(handle: Tensor) -> Operation:
    """The op that made a queue, from its handle, which other ops may have passed on."""
    op = handle.op
    while op.inputs and op.type in ("Identity", "Switch", "RefSwitch", "Enter"):
        op = op.inputs[0].op
    return op


def queue_of(ctx: Any, queue: Any, position: int = 0) -> Queue:
    """The queue that a kernel got."""
    if not isinstance(queue, Queue):
        fail(f"{ctx.node.name} needs a queue, got {type(queue).__name__}")
    if not queue.name:
        queue.name = maker_of(ctx.node.inputs[position]).name
    return queue  # type: ignore[no-any-return]


def _component_shapes(ctx: Any) -> list[TensorShape]:
    """The shapes of a queue's components; none when they were not given."""
    maker = maker_of(ctx.node.inputs[0])
    found: list[TensorShape] = maker.attrs.get("shapes") or []
    return [TensorShape(()), *found] if found and maker.type == "PriorityQueueV2" else found


def _check(ctx: Any, components: Sequence[np.ndarray], leading: tuple[int, ...]) -> None:
    """Refuse components that are not of the queue's shapes, behind `leading` dimensions."""
    shapes = _component_shapes(ctx) or [unknown_shape() for _ in components]
    for i, (component, shape) in enumerate(zip(components, shapes, strict=True)):
        found = np.shape(component)
        wanted = as_shape(leading).concatenate(shape) if shape.ints is not None else None
        ok = found[: len(leading)] == leading if wanted is None else wanted.is_compatible_with(found)
        if not ok:
            shown = leading if wanted is None else wanted.as_list()
            text = ",".join("?" if d is None else str(d) for d in shown)
            got = ",".join(map(str, found))
            fail(f"Shape mismatch in tuple component {i}. Expected [{text}], got [{got}]")


def _enqueue(ctx: Any, queue: Any, *components: Any) -> tuple[()]:
    arrays = [_own(component) for component in components]
    _check(ctx, arrays, ())
    queue_of(ctx, queue).add([tuple(arrays)])
    return ()


def _own(component: Any) -> np.ndarray:
    """A component as an array that nobody else changes."""
    array = np.asarray(component)
    return array.copy() if array.flags.writeable else array


def _enqueue_many(ctx: Any, queue: Any, *components: Any) -> tuple[()]:
    arrays = [_own(component) for component in components]
    if not arrays[0].ndim:
        fail("All components of a DequeueMany/EnqueueMany must have at least one dimension, got a scalar")
    _check(ctx, arrays, arrays[0].shape[:1])
    rows = [tuple(np.asarray(array[i], array.dtype) for array in arrays) for i in range(len(arrays[0]))]
    queue_of(ctx, queue).add(rows)
    return ()


def _dequeue(ctx: Any, queue: Any) -> tuple[Any, ...]:
    (element,) = queue_of(ctx, queue).remove(1)
    return element


def _dequeue_some(ctx: Any, queue: Any, n: Any, fewer: bool) -> tuple[Any, ...]:
    own, count = queue_of(ctx, queue), int(n)
    shapes = _component_shapes(ctx)
    if not shapes or any(shape.ints is None for shape in shapes):
        fail(f"{own.kind}'s DequeueMany and DequeueUpTo require the components to have specified shapes.")
    if count < 0:
        fail(f"{own.kind}'s DequeueMany and DequeueUpTo need a number of elements, got {count}")
    elements = own.remove(count, fewer)
    if elements:
        return tuple(stacked(column) for column in zip(*elements, strict=True))
    kinds = ctx.node.attrs["component_types"]
    return tuple(
        np.zeros((0, *(d or 0 for d in shape.as_list())), kind.as_numpy_dtype)
        for shape, kind in zip(shapes, kinds, strict=True)
    )


def _dequeue_many(ctx: Any, queue: Any, n: Any) -> tuple[Any, ...]:
    return _dequeue_some(ctx, queue, n, fewer=False)


def _dequeue_up_to(ctx: Any, queue: Any, n: Any) -> tuple[Any, ...]:
    return _dequeue_some(ctx, queue, n, fewer=True)


def _close(ctx: Any, queue: Any, *, cancel_pending_enqueues: bool) -> tuple[()]:
    queue_of(ctx, queue).shut(cancel_pending_enqueues)
    return ()


def _size(ctx: Any, queue: Any) -> np.ndarray:
    return np.array(len(queue_of(ctx, queue)), np.int32)


def _is_closed(ctx: Any, queue: Any) -> np.ndarray:
    return np.array(queue_of(ctx, queue).closed)


def _count_shape(node: Any) -> list[TensorShape]:
    """Outputs of unknown shape; the number of elements, if it is known, must be one."""
    count = constant_value(node.inputs[1])
    if count is not None and count < 0:
        raise ValueError(f"Input 'n' must be >= 0, but is {count}")
    return [unknown_shape() for _ in node.outputs]


for _type, _kernel, _shape in (
    ("QueueEnqueueV2", _enqueue, rules.no_outputs),
    ("QueueEnqueueManyV2", _enqueue_many, rules.no_outputs),
    ("QueueDequeueV2", _dequeue, rules.unknown),
    ("QueueDequeueManyV2", _dequeue_many, _count_shape),
    ("QueueDequeueUpToV2", _dequeue_up_to, _count_shape),
    ("QueueCloseV2", _close, rules.no_outputs),
    ("QueueSizeV2", _size, rules.scalar),
    ("QueueIsClosedV2", _is_closed, rules.scalar),
):
    register(_type, shape=_shape, host=_kernel, gradient=None)


# Arguments


def _type_list(dtypes: Any) -> list[types.DType]:
    return [types.as_dtype(t) for t in (dtypes if isinstance(dtypes, (list, tuple)) else [dtypes])]


def _shape_list(shapes: Any, partial: bool = False) -> list[TensorShape] | None:
    """The shapes of the components, as TensorShapes."""
    if partial and (not isinstance(shapes, Sequence) or not shapes or any(map(_is_dimension, shapes))):
        raise ValueError("When providing partial shapes, a list of shapes must be provided.")
    if shapes is None:
        return None
    if isinstance(shapes, TensorShape):
        shapes = [shapes]
    if not isinstance(shapes, (tuple, list)):
        raise TypeError("shapes must be a TensorShape or a list or tuple of TensorShapes.")
    if all(map(_is_dimension, shapes)):
        shapes = [shapes]
    found = [as_shape(shape) for shape in shapes]
    if not partial and not all(shape.is_fully_defined() for shape in found):
        raise ValueError(f"All shapes must be fully defined: {found}")
    if any(shape.ndims is None for shape in found):
        raise ValueError(f"All shapes must have a defined rank: {found}")
    return found


def _is_dimension(value: Any) -> bool:
    return value is None or isinstance(value, int)


def _name_list(names: Any, dtypes: Sequence[Any]) -> list[str] | None:
    if names is None:
        return None
    found = list(names) if isinstance(names, (list, tuple)) else [names]
    if len(found) != len(dtypes):
        raise ValueError("List of names must have the same length as the list of dtypes")
    return found


# Public


class QueueBase:
    """What all queues can do; `tf.FIFOQueue` and the others make one.

    An element is a tuple of tensors, or a dict of them when the queue has names. The operations wait: to add,
    until there is room; to take, until there is an element. Other threads of the same session may run
    meanwhile.

    Args:
        dtypes: the types of an element's components.
        shapes: their shapes, or None when they differ from element to element.
        names: their names, or None.
        queue_ref: the handle, a tensor.
    """

    def __init__(self, dtypes: Any, shapes: Any, names: Any, queue_ref: Tensor) -> None:
        if shapes is not None and len(shapes) != len(dtypes):
            raise ValueError("Queue shapes must have the same length as dtypes")
        if names is not None and len(names) != len(dtypes):
            raise ValueError("Queue names must have the same length as dtypes")
        self._dtypes = dtypes
        self._shapes = [unknown_shape()] * len(dtypes) if shapes is None else [as_shape(s) for s in shapes]
        self._names = names
        self._queue_ref = queue_ref
        self._name = queue_ref.op.name.split("/")[-1]

    @staticmethod
    def from_list(index: Any, queues: Any) -> QueueBase:
        """The queue with the number `index`, a scalar tensor that is known when the graph runs, of a list.

        Raises TypeError unless all are queues of the same types and names.
        """
        if not queues or not isinstance(queues, list) or not all(isinstance(q, QueueBase) for q in queues):
            raise TypeError("A list of queues expected")
        first = queues[0]
        if any(q.dtypes != first.dtypes for q in queues):
            raise TypeError("Queues do not have matching component dtypes.")
        if any(q.names != first.names for q in queues):
            raise TypeError("Queues do not have matching component names.")
        columns = zip(*(q.shapes for q in queues), strict=True)
        common = [functools.reduce(_common_shape, column) for column in columns]
        chosen = gather(stack([q.queue_ref for q in queues], 0), index)
        return QueueBase(first.dtypes, common, first.names, chosen)

    @property
    def queue_ref(self) -> Tensor:
        """The handle, a tensor."""
        return self._queue_ref

    @property
    def name(self) -> str:
        """The name of the queue's operation."""
        return str(self._queue_ref.op.name)

    @property
    def dtypes(self) -> Any:
        """The types of an element's components."""
        return self._dtypes

    @property
    def shapes(self) -> list[TensorShape]:
        """The shapes of an element's components."""
        return self._shapes

    @property
    def names(self) -> Any:
        """The names of an element's components, or None."""
        return self._names

    def enqueue(self, vals: Any, name: str | None = None) -> Operation:
        """The operation that adds one element, waiting for room.

        Args:
            vals: a tensor, a list of tensors, or a dict of them when the queue has names.
            name: the name of the operation.

        Running it raises CancelledError when the queue is closed.
        """
        with name_scope(name, f"{self._name}_enqueue", _values(vals)) as scope:
            tensors = self._tensors(vals)
            for tensor, shape in zip(tensors, self._shapes, strict=True):
                tensor.shape.assert_is_compatible_with(shape)
            return emit("QueueEnqueueV2", self._queue_ref, tensors, name=scope)  # type: ignore[no-any-return]

    def enqueue_many(self, vals: Any, name: str | None = None) -> Operation:
        """The operation that adds many elements, the slices of `vals` along dimension 0, waiting for room."""
        with name_scope(name, f"{self._name}_EnqueueMany", _values(vals)) as scope:
            tensors = self._tensors(vals)
            count = TensorShape([None])
            for tensor, shape in zip(tensors, self._shapes, strict=True):
                whole = tensor.shape.with_rank_at_least(1)
                count = count.merge_with(whole[:1]) if whole.ndims is not None else count
                whole[1:].assert_is_compatible_with(shape)
            return emit("QueueEnqueueManyV2", self._queue_ref, tensors, name=scope)  # type: ignore[no-any-return]

    def _tensors(self, vals: Any) -> list[Tensor]:
        """The components of what is added, as tensors of the queue's types."""
        if isinstance(vals, Mapping):
            vals = self._by_name(vals)
        elif self._names:
            raise ValueError("You must enqueue a dictionary in a Queue with names")
        elif not isinstance(vals, (list, tuple)):
            vals = [vals]
        if len(vals) != len(self._dtypes):
            raise ValueError(f"The queue {self.name} has {len(self._dtypes)} components, got {len(vals)}")
        rows = enumerate(zip(vals, self._dtypes, strict=True))
        return [convert_to_tensor(value, dtype, name=f"component_{i}") for i, (value, dtype) in rows]

    def _by_name(self, vals: Mapping[str, Any]) -> list[Any]:
        if not self._names:
            raise ValueError("Queue must have names to enqueue a dictionary")
        if sorted(self._names, key=str) != sorted(vals, key=str):
            raise ValueError(
                "Keys in dictionary to enqueue do not match names of Queue.  "
                f"Dictionary: ({sorted(vals)}), Queue: ({sorted(self._names)})"
            )
        return [vals[key] for key in self._names]

    def dequeue(self, name: str | None = None) -> Any:
        """The next element, waiting for one: a tensor, a list of tensors, or a dict when the queue has names.

        Running it raises OutOfRangeError when the queue is closed and empty.
        """
        name = name or f"{self._name}_Dequeue"
        found = emit("QueueDequeueV2", self._queue_ref, component_types=self._dtypes, name=name)
        return self._result(found, [])

    def dequeue_many(self, n: Any, name: str | None = None) -> Any:
        """The next `n` elements, waiting for them, each component stacked along a new dimension 0.

        Running it raises OutOfRangeError when the queue is closed and has fewer.
        """
        name = name or f"{self._name}_DequeueMany"
        found = emit("QueueDequeueManyV2", self._queue_ref, n, component_types=self._dtypes, name=name)
        count = constant_value(found[0].op.inputs[1])
        return self._result(found, [None if count is None else int(count)])

    def dequeue_up_to(self, n: Any, name: str | None = None) -> Any:
        """As `dequeue_many`, but gives what is left, if anything, when the queue is closed."""
        name = name or f"{self._name}_DequeueUpTo"
        found = emit("QueueDequeueUpToV2", self._queue_ref, n, component_types=self._dtypes, name=name)
        return self._result(found, [None])

    def _result(self, tensors: list[Tensor], leading: list[int | None]) -> Any:
        for tensor, shape in zip(tensors, self._shapes, strict=True):
            tensor.set_shape(TensorShape(leading).concatenate(shape) if leading else shape)
        if self._names:
            return dict(zip(self._names, tensors, strict=True))
        return tensors[0] if len(tensors) == 1 else tensors

    def close(self, cancel_pending_enqueues: bool = False, name: str | None = None) -> Operation:
        """The operation that closes the queue: nothing more is added; what is in it can be taken.

        Operations that already wait to add go on waiting, unless `cancel_pending_enqueues`.
        """
        return emit(  # type: ignore[no-any-return]
            "QueueCloseV2",
            self._queue_ref,
            cancel_pending_enqueues=cancel_pending_enqueues,
            name=name or f"{self._name}_Close",
        )

    def is_closed(self, name: str | None = None) -> Tensor:
        """Whether the queue is closed, a bool."""
        return emit("QueueIsClosedV2", self._queue_ref, name=name or f"{self._name}_Is_Closed")  # type: ignore[no-any-return]

    def size(self, name: str | None = None) -> Tensor:
        """How many elements are in the queue, an int32."""
        return emit("QueueSizeV2", self._queue_ref, name=name or f"{self._name}_Size")  # type: ignore[no-any-return]


def _values(vals: Any) -> list[Any]:
    """What is added, as the name scope takes it."""
    if isinstance(vals, Mapping):
        return list(vals.values())
    return list(vals) if isinstance(vals, (list, tuple)) else [vals]


def _common_shape(a: TensorShape, b: TensorShape) -> TensorShape:
    if a.ndims is None or a.ndims != b.ndims:
        return unknown_shape()
    return TensorShape([m if m == n else None for m, n in zip(a.as_list(), b.as_list(), strict=True)])


class FIFOQueue(QueueBase):
    """A queue that gives its elements in the order in which they came.

    Args:
        capacity: how many elements it holds.
        dtypes: the type of an element, or a list of the types of its components.
        shapes: the components' shapes, fully defined; None when they may differ. `dequeue_many` needs them.
        names: names of the components, for elements that are dicts.
        shared_name: queues of this name in a session are one queue.
        name: the name of the operation.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     queue = tf.FIFOQueue(10, tf.int32, shapes=[[]])
    ...     sess.run(queue.enqueue_many([[3, 1, 4]]))
    ...     print(sess.run(queue.dequeue_many(2)), sess.run(queue.size()))
    [3 1] 1
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "fifo_queue",
    ) -> None:
        dtypes, shapes = _type_list(dtypes), _shape_list(shapes)
        names = _name_list(names, dtypes)
        handle = emit(
            "FIFOQueueV2",
            component_types=dtypes,
            shapes=shapes,
            capacity=capacity,
            shared_name=shared_name,
            name=name,
        )
        super().__init__(dtypes, shapes, names, handle)


class PaddingFIFOQueue(QueueBase):
    """A FIFOQueue whose elements may differ in size: `dequeue_many` fills up with zeros or empty strings.

    Args:
        capacity, dtypes, names, shared_name, name: as for `tf.FIFOQueue`.
        shapes: a list of the components' shapes, in which dimensions may be unknown (None).

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     queue = tf.PaddingFIFOQueue(10, tf.int32, [[None]])
    ...     sess.run(queue.enqueue([[1]]))
    ...     sess.run(queue.enqueue([[2, 3]]))
    ...     print(sess.run(queue.dequeue_many(2)))
    [[1 0]
     [2 3]]
    """

    def __init__(
        self,
        capacity: int,
        dtypes: Any,
        shapes: Any,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "padding_fifo_queue",
    ) -> None:
        dtypes, found = _type_list(dtypes), _shape_list(shapes, partial=True) or []
        names = _name_list(names, dtypes)
        if len(dtypes) != len(found):
            raise ValueError(
                "Shapes must be provided for all components, "
                f"but received {len(dtypes)} dtypes and {len(found)} shapes."
            )
        handle = emit(
            "PaddingFIFOQueueV2",
            component_types=dtypes,
            shapes=found,
            capacity=capacity,
            shared_name=shared_name,
            name=name,
        )
        super().__init__(dtypes, found, names, handle)


class RandomShuffleQueue(QueueBase):
    """A queue that gives its elements in random order.

    Args:
        capacity, dtypes, shapes, names, shared_name, name: as for `tf.FIFOQueue`.
        min_after_dequeue: how many elements stay in, to choose from, as long as the queue is open.
        seed: with the graph's seed, tells which elements are chosen.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     queue = tf.RandomShuffleQueue(10, 0, tf.int32, shapes=[[]], seed=3)
    ...     sess.run(queue.enqueue_many([tf.range(10)]))
    ...     print(sess.run(queue.dequeue_many(5)))
    [7 1 4 5 6]
    """

    def __init__(
        self,
        capacity: int,
        min_after_dequeue: int,
        dtypes: Any,
        shapes: Any = None,
        names: Any = None,
        seed: int | None = None,
        shared_name: str | None = None,
        name: str = "random_shuffle_queue",
    ) -> None:
        dtypes, shapes = _type_list(dtypes), _shape_list(shapes)
        names = _name_list(names, dtypes)
        seed1, seed2 = _seeds(seed, shared_name)
        handle = emit(
            "RandomShuffleQueueV2",
            component_types=dtypes,
            shapes=shapes,
            capacity=capacity,
            min_after_dequeue=min_after_dequeue,
            seed=seed1,
            seed2=seed2,
            shared_name=shared_name,
            name=name,
        )
        super().__init__(dtypes, shapes, names, handle)


def _seeds(seed: int | None, shared_name: str | None) -> tuple[int, int]:
    """The seeds of the op; a queue that is shared must have the same wherever it is made."""
    seed1, seed2 = get_seed(seed)
    if seed1 is None and seed2 is None:
        return 0, 0
    if seed is None and shared_name is not None:
        digest = hashlib.md5((str(seed1) + shared_name).encode()).hexdigest()
        seed2 = int(digest[:8], 16) & 0x7FFFFFFF
    return seed1 or 0, seed2 or 0


class PriorityQueue(QueueBase):
    """A queue that gives the element of the least priority number first.

    Args:
        capacity, names, shared_name, name: as for `tf.FIFOQueue`.
        types, shapes: of the components behind the first, which is the priority, an int64 scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     queue = tf.PriorityQueue(10, tf.string, [[]])
    ...     sess.run(queue.enqueue_many([[3, 1], ["late", "early"]]))
    ...     print(sess.run(queue.dequeue()[1]))
    b'early'
    """

    def __init__(
        self,
        capacity: int,
        types: Any,
        shapes: Any = None,
        names: Any = None,
        shared_name: str | None = None,
        name: str = "priority_queue",
    ) -> None:
        kinds, found = _type_list(types), _shape_list(shapes)
        handle = emit(
            "PriorityQueueV2",
            component_types=kinds,
            shapes=found,
            capacity=capacity,
            shared_name=shared_name,
            name=name,
        )
        super().__init__([_INT64, *kinds], [TensorShape(()), *found] if found else found, names, handle)


_INT64 = types.int64
