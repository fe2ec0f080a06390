"""Input by queues and threads: producers of names and numbers, and batches.

Everything here adds a QueueRunner to the graph; `tf.train.start_queue_runners` starts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.composite import SparseTensor, convert_to_tensor_or_indexed_slices
from reflow.graph.graph import (
    GraphKeys,
    Operation,
    Tensor,
    constant,
    control_dependencies,
    convert_to_tensor,
    name_scope,
)
from reflow.model.variable_base import Variable
from reflow.ops.arithmetic import maximum
from reflow.ops.array import identity, shape, size
from reflow.ops.casting import cast
from reflow.ops.check import Assert
from reflow.ops.comparison import greater
from reflow.ops.control import no_op
from reflow.ops.control_flow import smart_cond
from reflow.ops.files import matching_files
from reflow.ops.gather import gather
from reflow.ops.queues import FIFOQueue, PaddingFIFOQueue, QueueBase, RandomShuffleQueue
from reflow.ops.random import random_shuffle
from reflow.ops.sequences import range as range_
from reflow.ops.sets import dynamic_partition
from reflow.ops.summary import scalar
from reflow.train.queue_runner import QueueRunner, add_queue_runner

# Producers


def match_filenames_once(pattern: Any, name: str | None = None) -> Any:
    """A local variable with the names of the files that match a pattern when it is initialized.

    Args:
        pattern: a pattern, or a vector of patterns: see `tf.io.matching_files`.
        name: the name of the variable.
    """
    with name_scope(name, "matching_filenames", [pattern]) as scope:
        return _local_variable(name=scope, initial_value=matching_files(pattern), validate_shape=False)


def _local_variable(**options: Any) -> Any:
    make: Any = Variable  # which makes one of a class that is decided when it is called
    return make(trainable=False, collections=[GraphKeys.LOCAL_VARIABLES], **options)


def limit_epochs(tensor: Any, num_epochs: int | None = None, name: str | None = None) -> Any:
    """`tensor`, but it raises OutOfRangeError after it was read `num_epochs` times; itself for None.

    The count is a local variable, `epochs`, which must be initialized. ValueError unless the number is
    positive.
    """
    if num_epochs is None:
        return tensor
    if num_epochs <= 0:
        raise ValueError(f"num_epochs must be > 0 not {num_epochs}.")
    with name_scope(name, "limit_epochs", [tensor]) as scope:
        zero = constant(0, dtype=dtypes.int64)
        epochs = _local_variable(name="epochs", initial_value=zero)
        with control_dependencies([epochs.count_up_to(num_epochs)]):
            return identity(tensor, name=scope)


def input_producer(
    input_tensor: Any,
    element_shape: Any = None,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    summary_name: str | None = None,
    name: str | None = None,
    cancel_op: Any = None,
) -> QueueBase:
    """A queue that is filled with the rows of a tensor, again and again.

    Args:
        input_tensor: the rows, along dimension 0.
        element_shape: the shape of a row, when it is not known from the tensor.
        num_epochs: how often the rows are put in before the queue is closed; None for ever. The count is a
            local variable.
        shuffle: each time in another order.
        seed: of the order.
        capacity: of the queue.
        shared_name: queues of this name in a session are one queue.
        summary_name: the name of a summary of how full the queue is.
        name: the name of the operation.
        cancel_op: see `QueueRunner`.

    Raises ValueError if the shape of a row is not known.
    """
    with name_scope(name, "input_producer", [input_tensor]):
        rows = convert_to_tensor(input_tensor, name="input_tensor")
        element = rows.shape[1:].merge_with(element_shape)
        if not element.is_fully_defined():
            raise ValueError(
                "Either `input_tensor` must have a fully defined shape or `element_shape` must be specified"
            )
        if shuffle:
            rows = random_shuffle(rows, seed=seed)
        rows = limit_epochs(rows, num_epochs)
        queue = FIFOQueue(capacity, [rows.dtype.base_dtype], [element], shared_name=shared_name, name=name)  # type: ignore[arg-type]
        add_queue_runner(QueueRunner(queue, [queue.enqueue_many([rows])], cancel_op=cancel_op))
        if summary_name is not None:
            _summarize(summary_name, cast(queue.size(), dtypes.float32), capacity)
        return queue


def _summarize(name: str, count: Any, capacity: int) -> None:
    """A summary of which part of a capacity is used."""
    scalar(name, count * (1.0 / capacity))


def string_input_producer(
    string_tensor: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
    cancel_op: Any = None,
) -> QueueBase:
    """A queue that is filled with strings, such as file names, again and again.

    Args:
        string_tensor: a string vector.
        num_epochs, shuffle, seed, capacity, shared_name, name, cancel_op: as for `input_producer`.

    Raises:
        ValueError: the list is empty.
        tf.errors.InvalidArgumentError (when run): the tensor is.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     name = tf.train.string_input_producer(["a", "b"], num_epochs=1, shuffle=False).dequeue()
    ...     sess.run(tf.local_variables_initializer())
    ...     threads = tf.train.start_queue_runners(sess)
    ...     print(sess.run(name), sess.run(name))
    b'a' b'b'
    """
    message = "string_input_producer requires a non-null input tensor"
    if not isinstance(string_tensor, Tensor) and not _has_items(string_tensor):
        raise ValueError(message)
    with name_scope(name, "input_producer", [string_tensor]) as scope:
        strings = convert_to_tensor(string_tensor, dtype=dtypes.string)
        with control_dependencies([Assert(greater(size(strings), 0), [message])]):
            strings = identity(strings)
        return input_producer(
            strings,
            element_shape=[],
            num_epochs=num_epochs,
            shuffle=shuffle,
            seed=seed,
            capacity=capacity,
            shared_name=shared_name,
            summary_name=f"fraction_of_{capacity}_full",
            name=scope,
            cancel_op=cancel_op,
        )


def _has_items(value: Any) -> bool:
    """Whether a list, an array or a variable is not known to be empty."""
    return len(value) > 0 if hasattr(value, "__len__") else value is not None


def range_input_producer(
    limit: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
) -> QueueBase:
    """A queue that is filled with the integers from 0 to `limit - 1`, again and again.

    The other arguments are as for `input_producer`.
    """
    with name_scope(name, "input_producer", [limit]) as scope:
        return input_producer(
            range_(limit),
            [],
            num_epochs,
            shuffle,
            seed,
            capacity,
            shared_name,
            f"fraction_of_{capacity}_full",
            scope,
        )


def slice_input_producer(
    tensor_list: Any,
    num_epochs: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    capacity: int = 32,
    shared_name: str | None = None,
    name: str | None = None,
) -> list[Tensor]:
    """One row of each tensor in a list, the same row of all: another one in each run.

    The other arguments are as for `input_producer`. Raises ValueError if the list is empty.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     pair = tf.train.slice_input_producer([[1, 2, 3], ["a", "b", "c"]], shuffle=False)
    ...     threads = tf.train.start_queue_runners(sess)
    ...     print(sess.run(pair)[1], sess.run(pair)[1])
    b'a' b'b'
    """
    with name_scope(name, "input_producer", tensor_list):
        tensors = [convert_to_tensor_or_indexed_slices(t) for t in tensor_list]
        if not tensors:
            raise ValueError("Expected at least one tensor in slice_input_producer().")
        queue = range_input_producer(
            shape(tensors[0])[0],
            num_epochs=num_epochs,
            shuffle=shuffle,
            seed=seed,
            capacity=capacity,
            shared_name=shared_name,
        )
        index = queue.dequeue()
        return [gather(tensor, index) for tensor in tensors]


# What batches are made of


def _as_list(tensors: Any) -> list[Any]:
    """The tensors of a list or of a dict, in the order of its keys."""
    return [tensors[k] for k in sorted(tensors, key=str)] if isinstance(tensors, Mapping) else tensors


def _as_lists(tensors_list: Any) -> list[Any]:
    if not tensors_list:
        raise ValueError("Expected at least one set of tensors")
    first = tensors_list[0]
    if isinstance(first, Mapping) and any(set(t) != set(first) for t in tensors_list):
        raise ValueError("All dictionaries in tensors_list must have the same keys")
    return [_as_list(tensors) for tensors in tensors_list]


def _converted(tensors: Any, empty: str) -> list[Any]:
    if any(isinstance(t, SparseTensor) for t in tensors):
        raise NotImplementedError("batches of SparseTensors are not supported by queues: use tf.data instead")
    found = [convert_to_tensor_or_indexed_slices(t) for t in tensors]
    if not found:
        raise ValueError(empty)
    return found


def _checked_keep(keep_input: Any, enqueue_many: bool) -> Tensor:
    keep = convert_to_tensor(keep_input)
    rank = keep.shape.ndims
    if rank is None:
        raise ValueError("`keep_input` dimensions must be known at graph construction.")
    if not enqueue_many and rank == 1:
        raise ValueError("`keep_input` cannot be a vector when `enqueue_many=False`.")
    if rank > 1:
        raise ValueError("`keep_input` must be 0 or 1 dimensions.")
    return keep


def _types(lists: list[list[Any]]) -> list[Any]:
    """The types of the components, which all lists must have."""
    first = [t.dtype for t in lists[0]]
    for other in lists[1:]:
        if [t.dtype for t in other] != first:
            names = [", ".join(t.name for t in kinds) for kinds in (first, [t.dtype for t in other])]
            raise TypeError(f"Expected types to be consistent: {names[0]} vs. {names[1]}.")
    return first


def _shapes(lists: list[list[Any]], shapes: Any, enqueue_many: bool) -> Any:
    """The shapes of the components: those given, or else what the tensors of all lists have in common."""
    if shapes is not None:
        return shapes
    for tensor in (t for tensors in lists for t in tensors):
        if tensor.shape.ndims is None:
            raise ValueError(f"Cannot infer Tensor's rank: {tensor}")
    return [_merged([t.shape for t in column], enqueue_many) for column in zip(*lists, strict=True)]


def _merged(shapes: Sequence[TensorShape], enqueue_many: bool) -> list[int | None]:
    found = [as_shape(s).with_rank_at_least(1)[1:] if enqueue_many else as_shape(s) for s in shapes]
    for other in found[1:]:
        found[0].merge_with(other)  # refuses what does not fit, as TensorFlow does
    return found[0].as_list()


def _enqueue_op(queue: QueueBase, tensors: list[Any], many: bool, keep: Tensor) -> Any:
    """The operation that adds the tensors, or those (or only if) `keep` says."""
    add: Callable[[Any], Operation] = queue.enqueue_many if many else queue.enqueue
    if keep.shape.ndims == 1:
        kept = cast(keep, dtypes.int32)
        return add([dynamic_partition(x, kept, num_partitions=2)[1] for x in tensors])
    return smart_cond(keep, lambda: add(tensors), no_op)


def _dequeued(queue: QueueBase, original: Any, count: Any, fewer: bool, name: str) -> Any:
    """A batch, in the form in which the tensors were given."""
    found = queue.dequeue_up_to(count, name=name) if fewer else queue.dequeue_many(count, name=name)
    if not isinstance(original, Mapping):
        return found
    tensors = [found] if len(original) == 1 else found
    return {key: tensors[i] for i, key in enumerate(sorted(original, key=str))}


# Batches


def _plain_batch(
    title: str,
    lists: list[Any],
    original: Any,
    batch_size: Any,
    keep_input: Any,
    threads: int,
    options: Mapping[str, Any],
) -> Any:
    """What `batch` and `batch_join` do. `lists` has the tensors of each enqueue operation."""
    many, capacity = options["enqueue_many"], options["capacity"]
    with name_scope(
        options["name"], title, [t for tensors in lists for t in tensors] + [keep_input]
    ) as scope:
        tensors, keep = _prepared(lists, keep_input, many, title)
        kind = PaddingFIFOQueue if options["dynamic_pad"] else FIFOQueue
        found = _shapes(tensors, options["shapes"], many)
        queue = kind(capacity, _types(tensors), found, shared_name=options["shared_name"])
        _run_in_threads(queue, tensors, many, keep, threads)
        _summarize(f"fraction_of_{capacity}_full", cast(queue.size(), dtypes.float32), capacity)
        return _dequeued(queue, original, batch_size, options["allow_smaller_final_batch"], scope)


def _shuffled_batch(
    title: str,
    lists: list[Any],
    original: Any,
    batch_size: Any,
    keep_input: Any,
    threads: int,
    options: Mapping[str, Any],
) -> Any:
    """What `shuffle_batch` and `shuffle_batch_join` do."""
    many, capacity, least = options["enqueue_many"], options["capacity"], options["min_after_dequeue"]
    with name_scope(
        options["name"], title, [t for tensors in lists for t in tensors] + [keep_input]
    ) as scope:
        if capacity <= least and title == "shuffle_batch":
            raise ValueError(f"capacity {capacity} must be bigger than min_after_dequeue {least}.")
        tensors, keep = _prepared(lists, keep_input, many, title)
        queue = RandomShuffleQueue(
            capacity,
            least,
            _types(tensors),
            _shapes(tensors, options["shapes"], many),
            seed=options["seed"],
            shared_name=options["shared_name"],
        )
        _run_in_threads(queue, tensors, many, keep, threads)
        over = cast(maximum(0, queue.size() - least), dtypes.float32)
        _summarize(f"fraction_over_{least}_of_{capacity - least}_full", over, capacity - least)
        return _dequeued(queue, original, batch_size, options["allow_smaller_final_batch"], scope)


def _prepared(lists: list[Any], keep_input: Any, many: bool, title: str) -> tuple[list[list[Any]], Tensor]:
    tensors = [_converted(one, f"Expected at least one tensor in {title}().") for one in lists]
    return tensors, _checked_keep(keep_input, many)


def _run_in_threads(
    queue: QueueBase, tensors: list[list[Any]], many: bool, keep: Tensor, threads: int
) -> None:
    enqueue_ops = [_enqueue_op(queue, one, many, keep) for one in tensors] * threads
    add_queue_runner(QueueRunner(queue, enqueue_ops))


def batch(
    tensors: Any,
    batch_size: Any,
    num_threads: int = 1,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """Batches of what some tensors are in one run after another, gathered by threads.

    Args:
        tensors: a list, or a dict, of tensors.
        batch_size: how many elements are in a batch.
        num_threads: how many threads run the tensors.
        capacity: of the queue between.
        enqueue_many: each tensor is many elements already, along dimension 0.
        shapes: of the elements; from the tensors by default.
        dynamic_pad: elements may differ in size, and are filled up with zeros or empty strings.
        allow_smaller_final_batch: the last batch may have fewer elements; otherwise what is left is lost.
        shared_name: queues of this name in a session are one queue.
        name: the name of the operation.

    Returns: a tensor `[batch_size, ...]`, a list or a dict of such.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     number = tf.train.range_input_producer(10, shuffle=False).dequeue()
    ...     pairs = tf.train.batch({"n": number, "square": number * number}, batch_size=3)
    ...     threads = tf.train.start_queue_runners(sess)
    ...     print(sess.run(pairs["square"]), sess.run(pairs["n"]))
    [0 1 4] [3 4 5]
    """
    return maybe_batch(
        tensors,
        True,
        batch_size,
        num_threads,
        capacity,
        enqueue_many,
        shapes,
        dynamic_pad,
        allow_smaller_final_batch,
        shared_name,
        name,
    )


def maybe_batch(
    tensors: Any,
    keep_input: Any,
    batch_size: Any,
    num_threads: int = 1,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch`, of those elements only for which `keep_input` is true.

    `keep_input` is a bool scalar or, with `enqueue_many`, a vector with one for each element.
    """
    options = {
        "capacity": capacity,
        "enqueue_many": enqueue_many,
        "shapes": shapes,
        "dynamic_pad": dynamic_pad,
        "allow_smaller_final_batch": allow_smaller_final_batch,
        "shared_name": shared_name,
        "name": name,
    }
    lists = [_as_list(tensors)]
    return _plain_batch("batch", lists, tensors, batch_size, keep_input, num_threads, options)


def batch_join(
    tensors_list: Any,
    batch_size: Any,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch`, from several lists (or dicts) of tensors, each run by a thread of its own."""
    return maybe_batch_join(
        tensors_list,
        True,
        batch_size,
        capacity,
        enqueue_many,
        shapes,
        dynamic_pad,
        allow_smaller_final_batch,
        shared_name,
        name,
    )


def maybe_batch_join(
    tensors_list: Any,
    keep_input: Any,
    batch_size: Any,
    capacity: int = 32,
    enqueue_many: bool = False,
    shapes: Any = None,
    dynamic_pad: bool = False,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch_join`, of those elements only for which `keep_input` is true (see `maybe_batch`)."""
    options = {
        "capacity": capacity,
        "enqueue_many": enqueue_many,
        "shapes": shapes,
        "dynamic_pad": dynamic_pad,
        "allow_smaller_final_batch": allow_smaller_final_batch,
        "shared_name": shared_name,
        "name": name,
    }
    lists = _as_lists(tensors_list)
    return _plain_batch("batch_join", lists, tensors_list[0], batch_size, keep_input, 1, options)


def shuffle_batch(
    tensors: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    num_threads: int = 1,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `batch`, in random order.

    Args:
        min_after_dequeue: how many elements stay in the queue, to choose from.
        seed: of the order.
        tensors, batch_size, capacity, num_threads, enqueue_many, shapes, allow_smaller_final_batch,
            shared_name, name: as for `batch`.

    Raises ValueError if `capacity` is not larger than `min_after_dequeue`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     number = tf.train.range_input_producer(10, shuffle=False).dequeue()
    ...     numbers = tf.train.shuffle_batch([number], 4, capacity=20, min_after_dequeue=8)
    ...     threads = tf.train.start_queue_runners(sess)
    ...     print(sess.run(numbers).shape)
    (4,)
    """
    return maybe_shuffle_batch(
        tensors,
        batch_size,
        capacity,
        min_after_dequeue,
        True,
        num_threads,
        seed,
        enqueue_many,
        shapes,
        allow_smaller_final_batch,
        shared_name,
        name,
    )


def maybe_shuffle_batch(
    tensors: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    keep_input: Any,
    num_threads: int = 1,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `shuffle_batch`, of those elements only for which `keep_input` is true (see `maybe_batch`)."""
    options = {
        "capacity": capacity,
        "min_after_dequeue": min_after_dequeue,
        "seed": seed,
        "enqueue_many": enqueue_many,
        "shapes": shapes,
        "allow_smaller_final_batch": allow_smaller_final_batch,
        "shared_name": shared_name,
        "name": name,
    }
    lists = [_as_list(tensors)]
    return _shuffled_batch("shuffle_batch", lists, tensors, batch_size, keep_input, num_threads, options)


def shuffle_batch_join(
    tensors_list: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `shuffle_batch`, from several lists (or dicts) of tensors, each run by a thread of its own."""
    return maybe_shuffle_batch_join(
        tensors_list,
        batch_size,
        capacity,
        min_after_dequeue,
        True,
        seed,
        enqueue_many,
        shapes,
        allow_smaller_final_batch,
        shared_name,
        name,
    )


def maybe_shuffle_batch_join(
    tensors_list: Any,
    batch_size: Any,
    capacity: int,
    min_after_dequeue: int,
    keep_input: Any,
    seed: int | None = None,
    enqueue_many: bool = False,
    shapes: Any = None,
    allow_smaller_final_batch: bool = False,
    shared_name: str | None = None,
    name: str | None = None,
) -> Any:
    """As `shuffle_batch_join`, of those elements only for which `keep_input` is true (see `maybe_batch`)."""
    options = {
        "capacity": capacity,
        "min_after_dequeue": min_after_dequeue,
        "seed": seed,
        "enqueue_many": enqueue_many,
        "shapes": shapes,
        "allow_smaller_final_batch": allow_smaller_final_batch,
        "shared_name": shared_name,
        "name": name,
    }
    lists = _as_lists(tensors_list)
    return _shuffled_batch("shuffle_batch_join", lists, tensors_list[0], batch_size, keep_input, 1, options)
