"""Elements put together by a key or by their length (`tf.data.experimental`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import as_shape
from reflow.data import nest, structure
from reflow.data.dataset import Dataset, DatasetSpec
from reflow.data.structure import ElementFunction, state_function
from reflow.graph.graph import constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.specs import TensorSpec
from reflow.ops.check import assert_less
from reflow.ops.masks import where
from reflow.ops.reduction import reduce_min

Transformation = Callable[[Dataset], Dataset]
NUMBER = TensorSpec([], dtypes.int64)


def group_by_window(
    key_func: Callable[..., Any],
    reduce_func: Callable[..., Any],
    window_size: Any = None,
    window_size_func: Callable[..., Any] | None = None,
) -> Transformation:
    """For `dataset.apply`: elements of one key gathered, and each window of them made a dataset.

    Args:
        key_func: a function of an element that returns a scalar int64 key.
        reduce_func: a function of a key and a dataset of up to `window_size` elements of that key, which
            returns a dataset.
        window_size: how many elements of one key make a window; or
        window_size_func: a function of a key that returns that.

    >>> import reflow as tf
    >>> odd_and_even = tf.data.experimental.group_by_window(lambda x: x % 2, lambda key, d: d.batch(3), 3)
    >>> tf.data.Dataset.range(9).apply(odd_and_even)
    <DatasetV1Adapter shapes: (?,), types: tf.int64>
    """
    if (window_size is None) == (window_size_func is None):
        raise ValueError("Must pass either window_size or window_size_func.")

    def window_of(key: Tensor) -> Tensor:
        return convert_to_tensor(window_size, dtypes.int64)

    size_of = window_size_func or window_of

    def transformed(dataset: Dataset) -> Dataset:
        what = "tf.data.experimental.group_by_window()"
        key = ElementFunction(_to_number(key_func, "key_func_wrapper"), what, dataset.element_spec)
        inner = DatasetSpec(dataset.element_spec)
        reduced = ElementFunction(reduce_func, what, (NUMBER, inner))
        if not isinstance(reduced.structure, DatasetSpec):
            raise TypeError("`reduce_func` must return a `Dataset` object.")
        window = ElementFunction(_to_number(size_of, "window_size_func_wrapper"), what, NUMBER)
        for name, function in (("key_func", key), ("window_size_func", window)):
            if not NUMBER.is_compatible_with(function.structure):
                raise ValueError(f"`{name}` must return a single tf.int64 scalar tensor.")
        return dataset._unary(
            "GroupByWindowDataset",
            key.captured,
            reduced.captured,
            window.captured,
            key_func=key.body,
            reduce_func=reduced.body,
            window_size_func=window.body,
            spec=reduced.structure._element_spec,
            functions=[key, reduced, window],
        )

    return transformed


def _to_number(function: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    def wrapper(*args: Any) -> Tensor:
        return convert_to_tensor(function(*args), dtypes.int64)

    wrapper.__name__ = name
    return wrapper


class Reducer:
    """What `group_by_reducer` does with the elements of one key.

    >>> import reflow as tf
    >>> total = tf.data.experimental.Reducer(lambda key: np.int64(0), lambda s, x: s + x, lambda s: s)
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.group_by_reducer(lambda x: x % 2, total))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def __init__(
        self,
        init_func: Callable[..., Any],
        reduce_func: Callable[..., Any],
        finalize_func: Callable[..., Any],
    ) -> None:
        self._functions = init_func, reduce_func, finalize_func

    @property
    def init_func(self) -> Callable[..., Any]:
        """A function of a key that returns its first state."""
        return self._functions[0]

    @property
    def reduce_func(self) -> Callable[..., Any]:
        """A function of a state and an element that returns the next state."""
        return self._functions[1]

    @property
    def finalize_func(self) -> Callable[..., Any]:
        """A function of the last state that returns an element."""
        return self._functions[2]


def group_by_reducer(key_func: Callable[..., Any], reducer: Reducer) -> Transformation:
    """For `dataset.apply`: one element for each key, reduced from all elements of that key.

    >>> import reflow as tf
    >>> count = tf.data.experimental.Reducer(lambda key: np.int64(0), lambda s, x: s + 1, lambda s: s)
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.group_by_reducer(lambda x: x % 2, count))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def transformed(dataset: Dataset) -> Dataset:
        what = "tf.data.experimental.group_by_reducer()"
        key = ElementFunction(key_func, what, dataset.element_spec)
        if not NUMBER.is_compatible_with(key.structure):
            raise ValueError(
                "`key_func` must return a single tf.int64 tensor. Got "
                f"type={structure.legacy(key.structure, 0)} and shape={structure.legacy(key.structure, 1)}"
            )
        first = ElementFunction(reducer.init_func, what, NUMBER)
        spec, step = state_function(reducer.reduce_func, what, first.structure, dataset.element_spec)
        step.body.add_to_outer()
        last = ElementFunction(reducer.finalize_func, what, spec)
        functions = [key, first, step, last]
        return dataset._unary(
            "ExperimentalGroupByReducerDataset",
            *[f.captured for f in functions],
            key_func=key.body,
            init_func=first.body,
            reduce_func=step.body,
            finalize_func=last.body,
            spec=last.structure,
            functions=functions,
        )

    return transformed


def bucket_by_sequence_length(
    element_length_func: Callable[..., Any],
    bucket_boundaries: Sequence[int],
    bucket_batch_sizes: Sequence[int],
    padded_shapes: Any = None,
    padding_values: Any = None,
    pad_to_bucket_boundary: bool = False,
    no_padding: bool = False,
    drop_remainder: bool = False,
) -> Transformation:
    """For `dataset.apply`: padded batches of elements of similar length.

    Args:
        element_length_func: a function of an element that returns its length, an int32 scalar.
        bucket_boundaries: the lengths at which the next bucket begins.
        bucket_batch_sizes: how many elements of each bucket make a batch; one more than boundaries.
        padded_shapes: as `padded_batch`'s; unknown dimensions are padded if left out.
        padding_values: as `padded_batch`'s.
        pad_to_bucket_boundary: pad to the longest length that a bucket takes.
        no_padding: batch without padding.
        drop_remainder: drop the last batch of a bucket if it is smaller.

    >>> import reflow as tf
    >>> rows = tf.data.Dataset.range(9).map(lambda x: tf.fill([x], x))
    >>> rows.apply(tf.data.experimental.bucket_by_sequence_length(lambda x: tf.size(x), [3, 6], [2, 2, 2]))
    <DatasetV1Adapter shapes: (?, ?), types: tf.int64>
    """
    with name_scope("bucket_by_seq_length"):
        if len(bucket_batch_sizes) != len(bucket_boundaries) + 1:
            raise ValueError("len(bucket_batch_sizes) must equal len(bucket_boundaries) + 1")
        sizes = constant(list(bucket_batch_sizes), dtypes.int64)
        boundaries = list(bucket_boundaries)

        def bucket(*args: Any) -> Tensor:
            length = element_length_func(*args)
            smallest = [np.iinfo(np.int32).min, *boundaries]
            largest = [*boundaries, np.iinfo(np.int32).max]
            inside = emit("LogicalAnd", emit("LessEqual", smallest, length), emit("Less", length, largest))
            return reduce_min(where(inside))  # type: ignore[no-any-return]

        def batching_fn(key: Tensor, group: Dataset) -> Dataset:
            count = sizes[key]
            if no_padding:
                return group.batch(count, drop_remainder=drop_remainder)
            filler = _longest(key, boundaries) if pad_to_bucket_boundary else None
            shapes = _filled(padded_shapes or group.output_shapes, filler)
            return group.padded_batch(count, shapes, padding_values, drop_remainder=drop_remainder)

        grouping = group_by_window(bucket, batching_fn, window_size_func=lambda key: sizes[key])
        return lambda dataset: dataset.apply(grouping)


def _longest(key: Tensor, boundaries: list[int]) -> Tensor:
    """The longest length that a bucket takes. Its last one takes any, and must stay empty."""
    text = "When pad_to_bucket_boundary=True, elements must have length < max(bucket_boundaries)."
    check = assert_less(key, constant(len(boundaries), dtypes.int64), message=text)
    with control_dependencies([check]):
        return constant(boundaries, dtypes.int64)[key] - 1  # type: ignore[no-any-return]


def _filled(shapes: Any, filler: Any) -> Any:
    """Shapes with `filler` for each unknown dimension."""

    def one(shape: Any) -> list[Any]:
        return [filler if d is None else d for d in as_shape(shape).as_list()]

    return nest.pack_sequence_as(shapes, [one(s) for s in nest.flatten(shapes)])
