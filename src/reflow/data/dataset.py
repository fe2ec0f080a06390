"""`tf.data.Dataset`: sources, transformations and iterators of datasets, as nodes of the graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.data import nest, structure
from reflow.data.ending import one_shot_factory, with_options_applied
from reflow.data.generator import generator_dataset
from reflow.data.iterators import Iterator
from reflow.data.options import Options
from reflow.data.padding import padding_arguments
from reflow.data.seeds import dataset_seeds
from reflow.data.structure import ElementFunction, check_predicate, count_tensor, state_function
from reflow.graph.composite import SparseTensor
from reflow.graph.constant import constant_value
from reflow.graph.graph import (
    colocate_with,
    control_dependencies,
    convert_to_tensor,
    emit,
    name_scope,
)
from reflow.graph.node import Tensor
from reflow.graph.specs import TensorSpec, TypeSpec
from reflow.ops.arithmetic import add, maximum
from reflow.ops.array import identity, shape
from reflow.ops.check import Assert
from reflow.ops.strings import reduce_join

AUTOTUNE = -1
MAX_INT64 = np.iinfo(np.int64).max


class DatasetSpec(TypeSpec):
    """What is known of a dataset that is itself an element: the structure of its elements."""

    def __init__(self, element_spec: Any, dataset_shape: Any = ()) -> None:
        self._element_spec = element_spec
        self._dataset_shape = as_shape(dataset_shape)

    value_type: Any = property(lambda self: Dataset)

    def _key(self) -> tuple[Any, ...]:
        return self._element_spec, self._dataset_shape

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [TensorSpec(self._dataset_shape, dtypes.variant)]

    def _to_tensor_list(self, value: Any) -> list[Tensor]:
        return [value._variant_tensor]

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        (variant,) = tensors
        if self._dataset_shape.ndims == 0:
            dataset = Dataset(variant, self._element_spec)
            dataset._shown_as = "_VariantDataset"
            return dataset
        return _ManyDatasets(variant, self._element_spec, self._dataset_shape)

    def _batch(self, batch_size: Any) -> Any:
        return DatasetSpec(self._element_spec, TensorShape([batch_size]).concatenate(self._dataset_shape))

    def _unbatch(self) -> Any:
        if self._dataset_shape.ndims == 0:
            raise ValueError("Unbatching a dataset is only supported for rank >= 1")
        return DatasetSpec(self._element_spec, self._dataset_shape[1:])


class _ManyDatasets:
    """A batch of datasets."""

    def __init__(self, variant: Tensor, element_spec: Any, dataset_shape: Any) -> None:
        self._variant_tensor = variant
        self._type_spec = DatasetSpec(element_spec, dataset_shape)


class Dataset:
    """A sequence of elements, each a structure (tuple, dict ...) of tensors.

    A dataset is a node of the graph: a recipe. An iterator runs it. Sources are the static methods
    (`from_tensor_slices`, `range`, `from_generator` ...), the other methods make a dataset out of this one.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     dataset = tf.data.Dataset.range(5).map(lambda x: x * x).batch(2)
    ...     squares = dataset.make_one_shot_iterator().get_next()
    ...     print(sess.run(squares), sess.run(squares))
    [0 1] [4 9]
    """

    _shown_as = "DatasetV1Adapter"

    def __init__(
        self,
        variant_tensor: Tensor,
        element_spec: Any,
        inputs: Sequence[Dataset] = (),
        functions: Sequence[ElementFunction] = (),
        options: Options | None = None,
    ) -> None:
        self._variant_tensor = variant_tensor
        self._element_spec = element_spec
        self._input_datasets = list(inputs)
        self._element_functions = list(functions)
        self._own_options = options
        self._graph = variant_tensor.graph

    # What it is

    @property
    def element_spec(self) -> Any:
        """The spec of each part of an element, in the element's structure."""
        return self._element_spec

    @property
    def output_types(self) -> Any:
        """The type of each part of an element."""
        return structure.legacy(self.element_spec, 0)

    @property
    def output_shapes(self) -> Any:
        """The shape of each part of an element."""
        return structure.legacy(self.element_spec, 1)

    @property
    def output_classes(self) -> Any:
        """The class of each part of an element: Tensor or SparseTensor."""
        return structure.legacy(self.element_spec, 2)

    @property
    def _type_spec(self) -> DatasetSpec:
        return DatasetSpec(self.element_spec)

    @property
    def _flat_structure(self) -> dict[str, Any]:
        return structure.attributes(self.element_spec)

    def _inputs(self) -> list[Dataset]:
        return list(self._input_datasets)

    def _as_variant_tensor(self) -> Tensor:
        return self._variant_tensor

    def options(self) -> Options:
        """The options of this dataset and of those it is made of."""
        if self._own_options is not None:
            return self._own_options
        options = Options()
        for source in self._input_datasets:
            options = options.merge(source.options())
        return options

    def __repr__(self) -> str:
        shapes = str(nest.map_structure(str, self.output_shapes)).replace("'", "")
        types = str(nest.map_structure(repr, self.output_types)).replace("'", "")
        return f"<{self._shown_as} shapes: {shapes}, types: {types}>"

    def __iter__(self) -> Any:
        raise RuntimeError(
            "__iter__() is only supported inside of tf.function or when eager execution is enabled."
        )

    def _unary(
        self, op_type: str, *arguments: Any, spec: Any = None, functions: Any = (), **attrs: Any
    ) -> Dataset:
        """The dataset of a node over this one; its elements are of `spec`, or like this one's."""
        own = self.element_spec if spec is None else spec
        variant = emit(op_type, self._variant_tensor, *arguments, **attrs, **structure.attributes(own))
        return Dataset(variant, own, [self], functions)

    # Sources

    @staticmethod
    def from_tensors(tensors: Any) -> Dataset:
        """A dataset of one element, `tensors`.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensors([1, 2])
        <DatasetV1Adapter shapes: (2,), types: tf.int32>
        """
        element = structure.normalized(tensors)
        spec = structure.structure_of(element)
        shapes = structure.flat_shapes(spec)
        variant = emit("TensorDataset", structure.to_tensors(spec, element), output_shapes=shapes)
        return Dataset(variant, spec)

    @staticmethod
    def from_tensor_slices(tensors: Any) -> Dataset:
        """The slices of `tensors` along their first dimension, which must be of one size.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensor_slices({"x": [[1.0, 2.0]], "y": [3]})
        <DatasetV1Adapter shapes: {x: (2,), y: ()}, types: {x: tf.float32, y: tf.int32}>
        """
        element = structure.normalized(tensors)
        whole = structure.structure_of(element)
        parts = structure.to_batched_tensors(whole, element)
        spec = structure.unbatched(whole)
        count = parts[0].shape[0]
        for part in parts[1:]:
            count.assert_is_compatible_with(part.shape[0])
        variant = emit("TensorSliceDataset", parts, output_shapes=structure.flat_shapes(spec))
        return Dataset(variant, spec)

    @staticmethod
    def from_sparse_tensor_slices(sparse_tensor: Any) -> Dataset:
        """The rows of a SparseTensor, each as a tuple of indices, values and dense shape.

        TypeError for anything else.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_sparse_tensor_slices(tf.SparseTensor([[0, 1]], [5], [1, 2]))
        <DatasetV1Adapter shapes: ((?, 1), (?,), (1,)), types: (tf.int64, tf.int32, tf.int64)>
        """
        if not isinstance(sparse_tensor, SparseTensor):
            raise TypeError(f"`sparse_tensor` must be a `tf.SparseTensor` object. Was {sparse_tensor}.")
        s = sparse_tensor
        rank = (s.indices.shape.with_rank(2)[1] - 1).merge_with(s.dense_shape.shape.with_rank(1)[0] - 1)
        spec = (
            TensorSpec([None, rank], dtypes.int64),
            TensorSpec([None], s.dtype),
            TensorSpec([rank], dtypes.int64),
        )
        return Dataset(emit("SparseTensorSliceDataset", s.indices, s.values, s.dense_shape), spec)

    @staticmethod
    def from_generator(
        generator: Callable[..., Any], output_types: Any, output_shapes: Any = None, args: Any = None
    ) -> Dataset:
        """The elements that a Python generator yields; `generator` is called anew for each pass.

        Args:
            generator: a function that returns an iterable of elements of the structure of `output_types`.
            output_types: the types of an element's parts. What is yielded is converted to them, within
                NumPy's rules for values of the same kind.
            output_shapes: the shapes that the parts have; unknown when left out.
            args: tensors whose values `generator` is called with.

        An exception in the generator is raised by the run, with its message and its own traceback. An element
        of another structure, type or shape is an InvalidArgumentError that says what came and was wanted.

        >>> import reflow as tf
        >>> def count(n):
        ...     yield from range(n)
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     dataset = tf.data.Dataset.from_generator(count, tf.int32, [], args=[3])
        ...     print(sess.run(dataset.batch(3).make_one_shot_iterator().get_next()))
        [0 1 2]
        """
        if not callable(generator):
            raise TypeError("`generator` must be callable.")
        if output_shapes is None:
            output_shapes = nest.map_structure(lambda _: unknown_shape(), output_types)
        else:
            output_shapes = nest.map_structure_up_to(output_types, as_shape, output_shapes)
        tensors = [convert_to_tensor(a, name=f"args_{i}") for i, a in enumerate(args or ())]

        def elements(dummy: Tensor) -> Dataset:
            return Dataset(*generator_dataset(dummy, generator, output_types, output_shapes, tensors))

        return Dataset.from_tensors(0).flat_map(_named(elements, "flat_map_fn"))

    @staticmethod
    def range(*args: Any) -> Dataset:
        """The int64 numbers of `range(stop)`, `range(start, stop)` or `range(start, stop, step)`.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(5)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        if not 1 <= len(args) <= 3:
            raise ValueError(f"Invalid arguments to RangeDataset: {args}")
        start, stop, step = {1: (0, *args, 1), 2: (*args, 1), 3: args}[len(args)]
        spec = TensorSpec([], dtypes.int64)
        numbers = [count_tensor(v, n) for v, n in ((start, "start"), (stop, "stop"), (step, "step"))]
        return Dataset(emit("RangeDataset", *numbers, **structure.attributes(spec)), spec)

    @staticmethod
    def zip(datasets: Any) -> Dataset:
        """The elements of several datasets side by side, in the structure of `datasets`.

        It ends with the shortest. TypeError for a list: use a tuple.

        >>> import reflow as tf
        >>> one, two = tf.data.Dataset.range(3), tf.data.Dataset.from_tensors("x")
        >>> tf.data.Dataset.zip((one, {"two": two}))
        <DatasetV1Adapter shapes: ((), {two: ()}), types: (tf.int64, {two: tf.string})>
        """
        flat = nest.flatten(datasets)
        for one in flat:
            if not isinstance(one, Dataset):
                more = " Nested structures do not support Python lists; please use a tuple instead."
                raise TypeError(
                    "The argument to `Dataset.zip()` must be a nested structure of `Dataset` objects."
                    + (more if isinstance(one, list) else "")
                )
        spec = nest.pack_sequence_as(datasets, [one.element_spec for one in flat])
        variants = [one._variant_tensor for one in flat]
        return Dataset(emit("ZipDataset", variants, **structure.attributes(spec)), spec, flat)

    @staticmethod
    def list_files(file_pattern: Any, shuffle: Any = None, seed: Any = None) -> Dataset:
        """The names of the files that match patterns, shuffled unless `shuffle` is False.

        InvalidArgumentError, when run, if there is none.

        >>> import reflow as tf
        >>> tf.data.Dataset.list_files("/data/*.txt")
        <DatasetV1Adapter shapes: (), types: tf.string>
        """
        with name_scope("list_files"):
            pattern = convert_to_tensor(file_pattern, dtypes.string, name="file_pattern")
            found = emit("MatchingFiles", pattern)
            some = emit("Greater", _first(shape(found)), 0, name="match_not_empty")
            text = reduce_join(pattern, separator=", ")
            message = add("No files matched pattern: ", text, name="message")
            check = Assert(some, [message], summarize=1, name="assert_not_empty")
            with control_dependencies([check]):
                found = identity(found)
            dataset = Dataset.from_tensor_slices(found)
            if shuffle is None or shuffle:
                count = maximum(_first(shape(found, out_type=dtypes.int64)), 1)
                dataset = dataset.shuffle(count, seed=seed)
            return dataset

    # The same elements, otherwise arranged

    def concatenate(self, dataset: Dataset) -> Dataset:
        """The elements of this dataset, then those of another. TypeError when their types differ.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(2).concatenate(tf.data.Dataset.range(8, 10))
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        if not isinstance(dataset, Dataset):
            kind = type(dataset)
            raise TypeError(f"`dataset_or_iterator` must be a Dataset or Iterator object, but got {kind}.")
        for what, i in (("types", 0), ("classes", 2)):
            mine, theirs = (structure.legacy(d.element_spec, i) for d in (self, dataset))
            if mine != theirs:
                raise TypeError(f"Two datasets to concatenate have different {what} {mine} and {theirs}")
        return _side_by_side(
            [self, dataset], lambda variants, attrs: emit("ConcatenateDataset", *variants, **attrs)
        )

    def repeat(self, count: Any = None) -> Dataset:
        """The elements `count` times over; for ever when it is None or -1.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(2).repeat(3)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        return self._unary("RepeatDataset", count_tensor(-1 if count is None else count, "count"))

    def shuffle(
        self, buffer_size: Any, seed: Any = None, reshuffle_each_iteration: bool | None = None
    ) -> Dataset:
        """The elements in random order: each is drawn from the next `buffer_size` that are left.

        Args:
            buffer_size: from how many elements to draw; for a fair shuffle, as many as there are.
            seed: the seed; with it (or a graph seed) the order is TensorFlow's own, run after run.
            reshuffle_each_iteration: whether each pass has an order of its own; true if left out.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).shuffle(10, seed=1)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        size = count_tensor(buffer_size, "buffer_size")
        seeds = dataset_seeds(seed)
        again = True if reshuffle_each_iteration is None else reshuffle_each_iteration
        return self._unary("ShuffleDataset", size, *seeds, reshuffle_each_iteration=again)

    def take(self, count: Any) -> Dataset:
        """The first `count` elements; all when it is -1.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).take(3)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        return self._unary("TakeDataset", count_tensor(count, "count"))

    def skip(self, count: Any) -> Dataset:
        """The elements after the first `count`; none when it is -1.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).skip(3)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        return self._unary("SkipDataset", count_tensor(count, "count"))

    def shard(self, num_shards: Any, index: Any) -> Dataset:
        """Every `num_shards`-th element, beginning with number `index`.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).shard(3, 0)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        return self._unary(
            "ShardDataset", count_tensor(num_shards, "num_shards"), count_tensor(index, "index")
        )

    def cache(self, filename: Any = "") -> Dataset:
        """The same elements, computed once: kept in memory, or in a file of that name.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).cache()
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        return self._unary("CacheDataset", convert_to_tensor(filename, dtypes.string, name="filename"))

    def prefetch(self, buffer_size: Any) -> Dataset:
        """The same elements, up to `buffer_size` of them made in the background (-1: a few).

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).prefetch(1)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        size = count_tensor(AUTOTUNE if buffer_size is None else buffer_size, "buffer_size")
        return self._unary("PrefetchDataset", size)

    def enumerate(self, start: Any = 0) -> Dataset:
        """Pairs of a number, from `start` on, and an element.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensors("x").enumerate()
        <DatasetV1Adapter shapes: ((), ()), types: (tf.int64, tf.string)>
        """
        return Dataset.zip((Dataset.range(start, MAX_INT64), self))

    def with_options(self, options: Options) -> Dataset:
        """The same dataset with options. ValueError when they contradict those that it has."""
        merged = self.options().merge(options)
        return Dataset(self._variant_tensor, self.element_spec, [self], (), merged)

    # Elements put together and taken apart

    def batch(self, batch_size: Any, drop_remainder: Any = False) -> Dataset:
        """`batch_size` elements stacked into one; the last has fewer unless it is dropped.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(10).batch(3, drop_remainder=True)
        <DatasetV1Adapter shapes: (3,), types: tf.int64>
        """
        size = count_tensor(batch_size, "batch_size")
        drop = convert_to_tensor(drop_remainder, dtypes.bool, name="drop_remainder")
        spec = structure.batched(self.element_spec, _known_size(size, drop))
        return self._unary("BatchDatasetV2", size, drop, spec=spec)

    def padded_batch(
        self, batch_size: Any, padded_shapes: Any, padding_values: Any = None, drop_remainder: Any = False
    ) -> Dataset:
        """`batch_size` elements stacked into one after padding each part at its ends.

        Args:
            batch_size: how many.
            padded_shapes: the shape to pad each part to, None or -1 for the largest of the batch.
            padding_values: what to pad with; zeros and empty strings if left out.
            drop_remainder: whether to drop a last batch of fewer elements.

        >>> import reflow as tf
        >>> rows = tf.data.Dataset.range(4).map(lambda x: tf.fill([x], tf.to_int32(x)))
        >>> rows.padded_batch(2, [None])
        <DatasetV1Adapter shapes: (?, ?), types: tf.int32>
        """
        size = count_tensor(batch_size, "batch_size")
        shapes, values, row_spec = padding_arguments(self.element_spec, padded_shapes, padding_values)
        drop = convert_to_tensor(drop_remainder, dtypes.bool, name="drop_remainder")
        spec = structure.batched(row_spec, _known_size(size, drop))
        arguments = [self._variant_tensor, size, shapes, values, drop]
        whole = structure.flat_shapes(spec)
        return Dataset(emit("PaddedBatchDatasetV2", *arguments, output_shapes=whole), spec, [self])

    def unbatch(self) -> Dataset:
        """The rows of each element, as elements.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensors([[1, 2], [3, 4]]).unbatch()
        <DatasetV1Adapter shapes: (2,), types: tf.int32>
        """
        spec = self.element_spec

        def normalize(arg: Any, *rest: Any) -> Any:
            return tuple(structure.to_batched_tensors(spec, (arg, *rest) if rest else arg))

        mapped = self.map(normalize)
        _check_rows(structure.flat_shapes(mapped.element_spec))
        same = Dataset(mapped._variant_tensor, spec, [mapped])
        return same._unary("UnbatchDataset", spec=structure.unbatched(spec))

    def window(self, size: Any, shift: Any = None, stride: Any = 1, drop_remainder: Any = False) -> Dataset:
        """Datasets of `size` elements each, in place of each part, `shift` elements apart.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(7).window(2).flat_map(lambda window: window.batch(2))
        <DatasetV1Adapter shapes: (?,), types: tf.int64>
        """
        numbers = [
            count_tensor(v, n)
            for v, n in ((size, "size"), (size if shift is None else shift, "shift"), (stride, "stride"))
        ]
        drop = convert_to_tensor(drop_remainder, dtypes.bool, name="drop_remainder")
        spec = nest.map_structure(DatasetSpec, self.element_spec)
        return self._unary("WindowDataset", *numbers, drop, spec=spec)

    # Functions

    def map(self, map_func: Callable[..., Any], num_parallel_calls: Any = None) -> Dataset:
        """What a function makes of each element.

        Args:
            map_func: a function of an element's tensors (the parts of a tuple are its arguments), which
                returns a structure of tensors. It is called once, to add its nodes to a graph of its own.
            num_parallel_calls: how many elements to compute at the same time.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(5).map(lambda x: {"x": x, "y": tf.cast(x, tf.float32)})
        <DatasetV1Adapter shapes: {x: (), y: ()}, types: {x: tf.int64, y: tf.float32}>
        """
        return self._mapped(map_func, num_parallel_calls, False)

    map_with_legacy_function = map

    def _mapped(
        self, map_func: Callable[..., Any], num_parallel_calls: Any, keeps: bool, parallel: bool = True
    ) -> Dataset:
        function = ElementFunction(map_func, "Dataset.map()", self.element_spec)
        attrs = {"f": function.body, "use_inter_op_parallelism": parallel, "preserve_cardinality": keeps}
        rest: list[Any] = [function.captured]
        kind = "MapDataset"
        if num_parallel_calls is not None:
            kind = "ParallelMapDataset"
            rest.append(count_tensor(num_parallel_calls, "num_parallel_calls", dtypes.int32))
        return self._unary(kind, *rest, spec=function.structure, functions=[function], **attrs)

    def filter(self, predicate: Callable[..., Any]) -> Dataset:
        """The elements for which a function returns true. ValueError when it is no scalar bool.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(5).filter(lambda x: x > 2)
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        function = ElementFunction(predicate, "Dataset.filter()", self.element_spec)
        check_predicate(function)
        return self._unary("FilterDataset", function.captured, predicate=function.body, functions=[function])

    filter_with_legacy_function = filter

    def flat_map(self, map_func: Callable[..., Any]) -> Dataset:
        """The elements of the dataset that a function makes of each element, one dataset after the other.

        >>> import reflow as tf
        >>> tf.data.Dataset.from_tensors([1, 2]).flat_map(tf.data.Dataset.from_tensor_slices)
        <DatasetV1Adapter shapes: (), types: tf.int32>
        """
        function, spec = self._dataset_function(map_func, "Dataset.flat_map()")
        return self._unary(
            "FlatMapDataset", function.captured, f=function.body, spec=spec, functions=[function]
        )

    def interleave(
        self,
        map_func: Callable[..., Any],
        cycle_length: Any = AUTOTUNE,
        block_length: Any = 1,
        num_parallel_calls: Any = None,
    ) -> Dataset:
        """The elements of the datasets that a function makes, of `cycle_length` datasets in turn.

        `block_length` elements come from one before the next one's turn.

        >>> import reflow as tf
        >>> files = tf.data.Dataset.from_tensor_slices(["a.txt", "b.txt"])
        >>> files.interleave(tf.data.TextLineDataset, cycle_length=2)
        <DatasetV1Adapter shapes: (), types: tf.string>
        """
        function, spec = self._dataset_function(map_func, "Dataset.interleave()")
        rest = [count_tensor(cycle_length, "cycle_length"), count_tensor(block_length, "block_length")]
        kind = "InterleaveDataset"
        if num_parallel_calls is not None:
            kind = "ParallelInterleaveDatasetV2"
            rest.append(count_tensor(num_parallel_calls, "num_parallel_calls"))
        return self._unary(kind, function.captured, *rest, f=function.body, spec=spec, functions=[function])

    def _dataset_function(self, function: Callable[..., Any], what: str) -> tuple[ElementFunction, Any]:
        """A traced function that returns a dataset, and the structure of that one's elements."""
        traced = ElementFunction(function, what, self.element_spec)
        if not isinstance(traced.structure, DatasetSpec):
            raise TypeError(f"`map_func` must return a `Dataset` object. Got {type(traced.structure)}")
        return traced, traced.structure._element_spec

    def apply(self, transformation_func: Callable[[Dataset], Dataset]) -> Dataset:
        """What a function makes of the dataset. TypeError when that is no dataset.

        >>> import reflow as tf
        >>> tf.data.Dataset.range(5).apply(lambda dataset: dataset.repeat(2))
        <DatasetV1Adapter shapes: (), types: tf.int64>
        """
        dataset = transformation_func(self)
        if not isinstance(dataset, Dataset):
            raise TypeError(f"`transformation_func` must return a Dataset. Got {dataset}.")
        dataset._input_datasets = [self]
        return dataset

    def reduce(self, initial_state: Any, reduce_func: Callable[..., Any]) -> Any:
        """The last state of a computation over all elements, as tensors.

        Args:
            initial_state: the state before the first element.
            reduce_func: a function of a state and an element, that returns the next state. Its structure and
                types are those of `initial_state` (TypeError otherwise).

        >>> import reflow as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     print(sess.run(tf.data.Dataset.range(5).reduce(np.int64(0), lambda state, x: state + x)))
        10
        """
        with name_scope("initial_state"):
            state = structure.normalized(initial_state)
        first = structure.structure_of(state)
        spec, function = state_function(reduce_func, "reduce()", first, self.element_spec)
        function.body.add_to_outer()
        parts = [structure.to_tensors(spec, state), function.captured]
        attrs = structure.attributes(spec)
        flat = emit("ReduceDataset", self._variant_tensor, *parts, f=function.body, **attrs)
        return structure.from_tensors(spec, flat)

    # Iterators

    def make_one_shot_iterator(self) -> Iterator:
        """An iterator that needs no initializer. ValueError when the dataset uses a variable or a table."""
        factory = one_shot_factory(self)
        resource = emit("OneShotIterator", dataset_factory=factory, **self._flat_structure)
        return Iterator(resource, None, self.output_types, self.output_shapes, self.output_classes)

    def make_initializable_iterator(self, shared_name: str | None = None) -> Iterator:
        """An iterator whose `initializer` must be run before each pass over the elements."""
        dataset = with_options_applied(self)
        attrs = self._flat_structure
        resource = emit("IteratorV2", container="", shared_name=shared_name or "", **attrs)
        with colocate_with(resource):
            initializer = emit("MakeIterator", dataset._variant_tensor, resource)
        return Iterator(resource, initializer, self.output_types, self.output_shapes, self.output_classes)


def _named(function: Any, name: str) -> Any:
    function.__name__ = name
    return function


def _first(vector: Tensor) -> Tensor:
    return vector[0]  # type: ignore[no-any-return]


def _known_size(size: Tensor, drop: Tensor) -> int | None:
    """The size that every batch has, if that is known."""
    dropped, known = constant_value(drop), constant_value(size)
    return int(known) if dropped is not None and dropped and known is not None else None


def _check_rows(shapes: list[Any]) -> None:
    if any(s.ndims == 0 for s in shapes):
        raise ValueError("Cannot unbatch an input with scalar components.")
    known = TensorShape([None])
    for s in shapes:
        try:
            known = known.merge_with(s[:1]) if s.ndims else known
        except ValueError:
            raise ValueError("Cannot unbatch an input whose components have different batch sizes.") from None


def _side_by_side(datasets: Sequence[Dataset], make: Callable[[list[Tensor], Any], Tensor]) -> Dataset:
    """A dataset whose elements come from several ones: their shapes are what all have in common."""
    first = datasets[0].element_spec
    types, shapes, classes = (structure.legacy(first, i) for i in range(3))
    for other in datasets[1:]:
        pairs = zip(nest.flatten(shapes), nest.flatten(structure.legacy(other.element_spec, 1)), strict=True)
        shapes = nest.pack_sequence_as(shapes, [a.most_specific_compatible_shape(b) for a, b in pairs])
    spec = structure.from_legacy(types, shapes, classes)
    variant = make([d._variant_tensor for d in datasets], structure.attributes(spec))
    return Dataset(variant, spec, datasets)
