"""`tf.data.experimental` and `tf.contrib.data`: further transformations, mostly for `dataset.apply`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.data import nest, structure
from reflow.data.dataset import (
    Dataset,
    _side_by_side,
)
from reflow.data.grouping import NUMBER, Reducer, group_by_reducer
from reflow.data.options import Options
from reflow.data.padding import shape_vector
from reflow.data.readers import parallel_interleaved
from reflow.data.seeds import dataset_seeds
from reflow.data.structure import ElementFunction, count_tensor, state_function
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.specs import SparseTensorSpec, TensorSpec
from reflow.ops.shaping import expand_dims, squeeze

Transformation = Callable[[Dataset], Dataset]
INFINITE_CARDINALITY = -1
UNKNOWN_CARDINALITY = -2


# Batches


def map_and_batch(
    map_func: Callable[..., Any],
    batch_size: Any,
    num_parallel_batches: Any = None,
    drop_remainder: Any = False,
    num_parallel_calls: Any = None,
) -> Transformation:
    """For `dataset.apply`: `map(map_func)`, then `batch(batch_size)`, as one node.

    ValueError when both `num_parallel_batches` and `num_parallel_calls` are given.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.map_and_batch(lambda x: x * 2, 3))
    <DatasetV1Adapter shapes: (?,), types: tf.int64>
    """
    if num_parallel_batches is not None and num_parallel_calls is not None:
        raise ValueError(
            "The `num_parallel_batches` and `num_parallel_calls` arguments are mutually exclusive."
        )
    calls = num_parallel_calls
    if calls is None:
        calls = batch_size if num_parallel_batches is None else batch_size * num_parallel_batches

    def transformed(dataset: Dataset) -> Dataset:
        what = "tf.data.experimental.map_and_batch()"
        function = ElementFunction(map_func, what, dataset.element_spec)
        count = count_tensor(batch_size, "batch_size")
        parallel = count_tensor(calls, "num_parallel_calls")
        drop = convert_to_tensor(drop_remainder, dtypes.bool, name="drop_remainder")
        known = constant_value(count) if constant_value(drop) else None
        spec = structure.batched(function.structure, None if known is None else int(known))
        arguments = [function.captured, count, parallel, drop]
        attrs = {"f": function.body, "preserve_cardinality": True}
        return dataset._unary("MapAndBatchDataset", *arguments, spec=spec, functions=[function], **attrs)

    return transformed


map_and_batch_with_legacy_function = map_and_batch


def batch_and_drop_remainder(batch_size: Any) -> Transformation:
    """For `dataset.apply`: `batch(batch_size, drop_remainder=True)`.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.contrib.data.batch_and_drop_remainder(2))
    <DatasetV1Adapter shapes: (2,), types: tf.int64>
    """
    return lambda dataset: dataset.batch(batch_size, drop_remainder=True)


def padded_batch_and_drop_remainder(
    batch_size: Any, padded_shapes: Any, padding_values: Any = None
) -> Transformation:
    """For `dataset.apply`: `padded_batch(..., drop_remainder=True)`.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.contrib.data.padded_batch_and_drop_remainder(2, []))
    <DatasetV1Adapter shapes: (2,), types: tf.int64>
    """
    return lambda dataset: dataset.padded_batch(batch_size, padded_shapes, padding_values, True)


def dense_to_sparse_batch(batch_size: Any, row_shape: Any) -> Transformation:
    """For `dataset.apply`: elements of different sizes as the rows of one sparse tensor.

    `row_shape` is the shape of a row, None or -1 for the largest of the batch. TypeError when an element
    has more than one part.

    >>> import reflow as tf
    >>> tf.data.Dataset.from_tensors([1, 2]).apply(tf.data.experimental.dense_to_sparse_batch(2, [5]))
    <DatasetV1Adapter shapes: (?, 5), types: tf.int32>
    """

    def transformed(dataset: Dataset) -> Dataset:
        types = dataset.output_types
        if not isinstance(types, dtypes.DType):
            raise TypeError(
                "DenseToSparseDataset requires an input whose elements have a single component, whereas the "
                f"input has {types!r}."
            )
        spec = SparseTensorSpec(TensorShape([None]).concatenate(as_shape(row_shape)), types)
        return dataset._unary("DenseToSparseBatchDataset", batch_size, shape_vector(row_shape), spec=spec)

    return transformed


def unbatch() -> Transformation:
    """For `dataset.apply`: `dataset.unbatch()`.

    >>> import reflow as tf
    >>> tf.data.Dataset.from_tensors([1, 2]).apply(tf.data.experimental.unbatch())
    <DatasetV1Adapter shapes: (), types: tf.int32>
    """
    return lambda dataset: dataset.unbatch()


def assert_element_shape(expected_shapes: Any) -> Transformation:
    """For `dataset.apply`: the same elements, with their shapes checked when run, and known from then on.

    >>> import reflow as tf
    >>> generated = tf.data.Dataset.from_generator(lambda: iter([[1, 2]]), tf.int32)
    >>> generated.apply(tf.contrib.data.assert_element_shape([2]))
    <DatasetV1Adapter shapes: (2,), types: tf.int32>
    """

    def transformed(dataset: Dataset) -> Dataset:
        shapes = nest.map_structure_up_to(dataset.output_types, as_shape, expected_shapes)
        nest.map_structure(lambda a, b: a.merge_with(b), dataset.output_shapes, shapes)
        flat = nest.flatten(shapes)

        def check(*element: Any) -> Any:
            whole = element if len(element) > 1 or type(dataset.output_types) is tuple else element[0]
            pairs = zip(nest.flatten(whole), flat, strict=True)
            checked = [emit("EnsureShape", part, shape=shape) for part, shape in pairs]
            return nest.pack_sequence_as(whole, checked)

        return dataset._mapped(check, None, False)

    return transformed


# Order


def parallel_interleave(
    map_func: Callable[..., Any],
    cycle_length: Any,
    block_length: Any = 1,
    sloppy: Any = False,
    buffer_output_elements: Any = None,
    prefetch_input_elements: Any = None,
) -> Transformation:
    """For `dataset.apply`: the elements of `cycle_length` datasets in turn, `block_length` of each.

    The order is always the deterministic one; `sloppy` and the buffer sizes only permit more.

    >>> import reflow as tf
    >>> files = tf.data.Dataset.from_tensor_slices(["a.txt", "b.txt"])
    >>> files.apply(tf.data.experimental.parallel_interleave(tf.data.TextLineDataset, cycle_length=2))
    <DatasetV1Adapter shapes: (), types: tf.string>
    """
    settings = (cycle_length, block_length, sloppy, buffer_output_elements, prefetch_input_elements)
    return lambda dataset: parallel_interleaved(dataset, map_func, *settings)


def sloppy_interleave(
    map_func: Callable[..., Any], cycle_length: Any, block_length: Any = 1
) -> Transformation:
    """For `dataset.apply`: `parallel_interleave` whose order need not be kept.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(3).apply(tf.contrib.data.sloppy_interleave(tf.data.Dataset.from_tensors, 2))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    return parallel_interleave(map_func, cycle_length, block_length, sloppy=True)


def shuffle_and_repeat(buffer_size: Any, count: Any = None, seed: Any = None) -> Transformation:
    """For `dataset.apply`: `shuffle(buffer_size, seed)`, then `repeat(count)`, without a gap in between.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.shuffle_and_repeat(9, 2))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def transformed(dataset: Dataset) -> Dataset:
        buffer = count_tensor(buffer_size, "buffer_size")
        times = count_tensor(-1 if count is None else count, "count")
        return dataset._unary("ShuffleAndRepeatDataset", buffer, *dataset_seeds(seed), times)

    return transformed


def choose_from_datasets(datasets: Sequence[Dataset], choice_dataset: Dataset) -> Dataset:
    """For each number of `choice_dataset`, the next element of the dataset of that number.

    TypeError when the numbers are not scalar int64, or the datasets are of different types.

    >>> import reflow as tf
    >>> one, two = tf.data.Dataset.from_tensors(1), tf.data.Dataset.from_tensors(2)
    >>> tf.data.experimental.choose_from_datasets([one, two], tf.data.Dataset.range(2))
    <DatasetV1Adapter shapes: (), types: tf.int32>
    """
    if not _is_number(choice_dataset.element_spec):
        raise TypeError("`choice_dataset` must be a dataset of scalar `tf.int64` tensors.")
    return _directed(choice_dataset, list(datasets))


def _is_number(spec: Any) -> bool:
    return isinstance(spec, TensorSpec) and spec.dtype == dtypes.int64 and spec.shape.ndims == 0


def _directed(selector: Dataset, datasets: list[Dataset]) -> Dataset:
    first = datasets[0]
    for other in datasets[1:]:
        if other.output_types != first.output_types or other.output_classes != first.output_classes:
            raise TypeError("All datasets must have the same type and class.")
    chosen = _side_by_side(
        datasets,
        lambda variants, attrs: emit(
            "DirectedInterleaveDataset", selector._variant_tensor, variants, **attrs
        ),
    )
    chosen._input_datasets = [selector, *datasets]
    return chosen


def sample_from_datasets(datasets: Sequence[Dataset], weights: Any = None, seed: Any = None) -> Dataset:
    """Elements of several datasets, each of one that is drawn at random.

    Args:
        datasets: the datasets, of one type.
        weights: how often each is drawn, as a vector or a dataset of vectors; all the same if left out.
        seed: the seed.

    >>> import reflow as tf
    >>> one, two = tf.data.Dataset.from_tensors(1), tf.data.Dataset.from_tensors(2)
    >>> tf.data.experimental.sample_from_datasets([one, two], [0.2, 0.8])
    <DatasetV1Adapter shapes: (), types: tf.int32>
    """
    if isinstance(weights, Dataset):
        logits_of = weights.map(lambda *p: emit("Log", p, name="logits"))
        pairs = Dataset.zip((logits_of, RandomDataset(seed).batch(2)))

        def select_dataset_varying_logits(logits: Tensor, seed: Tensor) -> Tensor:
            return _drawn(logits, seed)

        selector = pairs._mapped(select_dataset_varying_logits, None, False, parallel=False)
        return _directed(selector, list(datasets))
    count = len(datasets)
    if weights is None:
        logits: Any = [[1.0] * count]
    else:
        weights = convert_to_tensor(weights, name="weights")
        if weights.dtype not in (dtypes.float32, dtypes.float64):
            raise TypeError(
                "`weights` must be convertible to a tensor of `tf.float32` or `tf.float64` elements."
            )
        if not weights.shape.is_compatible_with(TensorShape([count])):
            raise ValueError("`weights` must be a vector of length `len(datasets)`.")
        logits = expand_dims(emit("Log", weights, name="logits"), 0)
    if count == 1:
        return datasets[0]

    def select_dataset_constant_logits(seed: Tensor) -> Tensor:
        return _drawn(logits, seed)

    seeds = RandomDataset(seed).batch(2)
    selector = seeds._mapped(select_dataset_constant_logits, None, False, parallel=False)
    return _directed(selector, list(datasets))


def _drawn(logits: Any, seed: Tensor) -> Tensor:
    return squeeze(emit("StatelessMultinomial", logits, 1, seed), axis=[0, 1])


# Functions of elements


def scan(initial_state: Any, scan_func: Callable[..., Any]) -> Transformation:
    """For `dataset.apply`: what a function makes of a running state and each element.

    `scan_func(state, element)` returns the next state and an element. TypeError when the state's structure or
    types change.

    >>> import reflow as tf
    >>> sums = tf.data.experimental.scan(np.int64(0), lambda state, x: (state + x, state + x))
    >>> tf.data.Dataset.range(5).apply(sums)
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def transformed(dataset: Dataset) -> Dataset:
        state = structure.normalized(initial_state)
        what = "tf.data.experimental.scan()"
        first = structure.structure_of(state)
        spec, function = state_function(scan_func, what, first, dataset.element_spec)
        function.body.add_to_outer()
        return dataset._unary(
            "ScanDataset",
            structure.to_tensors(spec, state),
            function.captured,
            f=function.body,
            spec=function.structure[1],
            functions=[function],
            preserve_cardinality=True,
        )

    return transformed


def take_while(predicate: Callable[..., Any]) -> Transformation:
    """For `dataset.apply`: the elements before the first for which a function returns false.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.take_while(lambda x: x < 3))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def transformed(dataset: Dataset) -> Dataset:
        function = ElementFunction(predicate, "tf.data.experimental.take_while()", dataset.element_spec)
        spec = function.structure
        if not (isinstance(spec, TensorSpec) and TensorSpec([], dtypes.bool).is_compatible_with(spec)):
            raise ValueError("`predicate` must return a scalar boolean tensor.")
        return dataset._unary(
            "TakeWhileDataset", function.captured, predicate=function.body, functions=[function]
        )

    return transformed


def unique() -> Transformation:
    """For `dataset.apply`: the elements that have not come before. TypeError but for numbers and strings.

    >>> import reflow as tf
    >>> tf.data.Dataset.from_tensor_slices([1, 2, 1]).apply(tf.data.experimental.unique())
    <DatasetV1Adapter shapes: (), types: tf.int32>
    """

    def transformed(dataset: Dataset) -> Dataset:
        if dataset.output_types not in (dtypes.int32, dtypes.int64, dtypes.string):
            raise TypeError(
                "`tf.data.experimental.unique()` only supports inputs with a single `tf.int32`, `tf.int64`, "
                "or `tf.string` component."
            )
        return dataset._unary("UniqueDataset")

    return transformed


def ignore_errors() -> Transformation:
    """For `dataset.apply`: the elements that can be computed; an error drops its element.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(3).map(lambda x: 1 // x).apply(tf.data.experimental.ignore_errors())
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    return lambda dataset: dataset._unary("IgnoreErrorsDataset")


def enumerate_dataset(start: Any = 0) -> Transformation:
    """For `dataset.apply`: `dataset.enumerate(start)`.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(3).apply(tf.data.experimental.enumerate_dataset())
    <DatasetV1Adapter shapes: ((), ()), types: (tf.int64, tf.int64)>
    """
    return lambda dataset: dataset.enumerate(start)


# Sources


def Counter(start: Any = 0, step: Any = 1, dtype: Any = dtypes.int64) -> Dataset:  # noqa: N802
    """The numbers `start`, `start + step` and so on, without end.

    >>> import reflow as tf
    >>> tf.data.experimental.Counter(5)
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    with name_scope("counter"):
        first = convert_to_tensor(start, dtype, name="start")
        more = convert_to_tensor(step, dtype, name="step")
        endless = Dataset.from_tensors(0).repeat(None)
        return endless.apply(scan(first, lambda state, _: (state + more, state)))


class RandomDataset(Dataset):
    """Pseudo-random int64 numbers from 0 to 2**32 - 1, without end.

    >>> import reflow as tf
    >>> tf.data.experimental.RandomDataset(seed=3)
    <RandomDatasetV1 shapes: (), types: tf.int64>
    """

    _shown_as = "RandomDatasetV1"

    def __init__(self, seed: Any = None) -> None:
        seeds = dataset_seeds(seed)
        super().__init__(emit("RandomDataset", *seeds, **structure.attributes(NUMBER)), NUMBER)


# Datasets to values, devices, variants


def get_single_element(dataset: Dataset) -> Any:
    """The only element of a dataset, as tensors. InvalidArgumentError, when run, if there are none or more.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.data.experimental.get_single_element(tf.data.Dataset.from_tensors(3))))
    3
    """
    if not isinstance(dataset, Dataset):
        raise TypeError("`dataset` must be a `tf.data.Dataset` object.")
    flat = emit("DatasetToSingleElement", dataset._variant_tensor, **dataset._flat_structure)
    return structure.from_tensors(dataset.element_spec, flat)


def reduce_dataset(dataset: Dataset, reducer: Reducer) -> Any:
    """The state that a reducer makes of all elements of a dataset, as tensors.

    >>> import reflow as tf
    >>> total = tf.contrib.data.Reducer(lambda key: np.int64(0), lambda s, x: s + x, lambda s: s)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.data.reduce_dataset(tf.data.Dataset.range(4), total)))
    6
    """
    if not isinstance(dataset, Dataset):
        raise TypeError("`dataset` must be a `tf.data.Dataset` object.")
    return get_single_element(dataset.apply(group_by_reducer(lambda *_: np.int64(0), reducer)))


def cardinality(dataset: Dataset) -> Tensor:
    """The number of elements, a scalar int64 tensor: -1 when there is no end, -2 when it is not known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.data.experimental.cardinality(tf.data.Dataset.range(7).batch(2))))
    4
    """
    return emit("DatasetCardinality", dataset._variant_tensor)  # type: ignore[no-any-return]


def copy_to_device(target_device: str, source_device: str = "/cpu:0") -> Transformation:
    """For `dataset.apply`: the same elements. Where a tensor is, is the session's business.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(3).apply(tf.data.experimental.copy_to_device("/gpu:0"))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """

    def transformed(dataset: Dataset) -> Dataset:
        options = Options()
        options.experimental_optimization.apply_default_optimizations = False
        options.experimental_optimization.autotune = False
        return dataset.with_options(options)

    return transformed


def prefetch_to_device(device: str, buffer_size: Any = None) -> Transformation:
    """For `dataset.apply`: `prefetch(buffer_size)`. Where a tensor is, is the session's business.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(3).apply(tf.data.experimental.prefetch_to_device("/gpu:0"))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    return lambda dataset: dataset.apply(copy_to_device(device)).prefetch(buffer_size)


def to_variant(dataset: Dataset) -> Tensor:
    """The scalar variant tensor that a dataset is.

    >>> import reflow as tf
    >>> tf.data.experimental.to_variant(tf.data.Dataset.range(3)).dtype
    tf.variant
    """
    return dataset._variant_tensor


def from_variant(variant: Tensor, structure: Any) -> Dataset:
    """The dataset that a variant tensor is, whose elements are of `structure`.

    >>> import reflow as tf
    >>> one = tf.data.Dataset.range(3)
    >>> tf.data.experimental.from_variant(tf.data.experimental.to_variant(one), one.element_spec)
    <_VariantDataset shapes: (), types: tf.int64>
    """
    dataset = Dataset(variant, structure)
    dataset._shown_as = "_VariantDataset"
    return dataset
