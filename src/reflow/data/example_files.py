"""Datasets of serialized Examples, parsed; and of the files that hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.data.csv import shuffled_and_repeated
from reflow.data.dataset import AUTOTUNE, Dataset
from reflow.data.experimental import parallel_interleave
from reflow.data.readers import TFRecordDataset
from reflow.data.structure import count_tensor
from reflow.graph.graph import name_scope
from reflow.graph.specs import SparseTensorSpec, TensorSpec
from reflow.ops.parsing import defaults_of, with_sparse_features
from reflow.ops.parsing_features import EXAMPLE_TYPES, SparseFeature, Wanted, of_any_length, wanted


def parse_example_dataset(
    features: Mapping[str, Any] | None, num_parallel_calls: Any = 1
) -> Callable[[Dataset], Dataset]:
    """For `dataset.apply`: what `tf.parse_example` makes of each batch of serialized Examples.

    Args:
        features: by key, what to parse and how, as `tf.parse_example`'s.
        num_parallel_calls: how many batches to parse at the same time.

    ValueError without features; TypeError when the elements are no vectors of strings.

    >>> import reflow as tf
    >>> batches = tf.data.TFRecordDataset("train.tfrecords").batch(32)
    >>> features = {"label": tf.FixedLenFeature([], tf.int64)}
    >>> batches.apply(tf.data.experimental.parse_example_dataset(features))
    <DatasetV1Adapter shapes: {label: (?,)}, types: {label: tf.int64}>
    """
    if features is None:
        raise ValueError(f"Missing: features was {features}.")
    described = of_any_length(features)

    def parse(dataset: Dataset) -> Dataset:
        parsed = _parsed(dataset, wanted(described, EXAMPLE_TYPES), num_parallel_calls)
        if not any(isinstance(feature, SparseFeature) for feature in described.values()):
            return parsed
        merged = lambda x: with_sparse_features(described, x)  # noqa: E731
        return parsed._mapped(merged, num_parallel_calls, True)

    return parse


def _parsed(dataset: Dataset, parts: Wanted, num_parallel_calls: Any) -> Dataset:
    """The dataset of a ParseExampleDataset node."""
    if not TensorSpec([None], dtypes.string).is_compatible_with(dataset.element_spec):
        raise TypeError("Input dataset should be a dataset of vectors of strings")
    defaults = defaults_of(parts)
    batch = dataset.element_spec.shape
    spec: dict[str, Any] = {}
    for key, dtype in zip(parts.sparse_keys, parts.sparse_types, strict=True):
        spec[key] = SparseTensorSpec(batch.concatenate([None]), dtype)
    for key, dtype, shape in zip(parts.dense_keys, parts.dense_types, parts.dense_shapes, strict=True):
        spec[key] = TensorSpec(batch.concatenate(TensorShape(shape)), dtype)
    with name_scope("ParseExampleDataset") as scope:
        calls = count_tensor(num_parallel_calls, "num_parallel_calls")
    return dataset._unary(
        "ParseExampleDataset",
        calls,
        defaults,
        sparse_keys=parts.sparse_keys,
        dense_keys=parts.dense_keys,
        sparse_types=parts.sparse_types,
        dense_shapes=parts.dense_shapes,
        name=scope,
        spec=spec,
    )


def make_batched_features_dataset(
    file_pattern: Any,
    batch_size: Any,
    features: Mapping[str, Any],
    reader: Callable[..., Dataset] = TFRecordDataset,
    label_key: str | None = None,
    reader_args: Sequence[Any] | None = None,
    num_epochs: Any = None,
    shuffle: bool = True,
    shuffle_buffer_size: Any = 10000,
    shuffle_seed: Any = None,
    prefetch_buffer_size: Any = None,
    reader_num_threads: Any = None,
    parser_num_threads: Any = None,
    sloppy_ordering: Any = False,
    drop_final_batch: bool = False,
) -> Dataset:
    """Batches of the features of the Examples in files, as dicts from the features' names.

    Args:
        file_pattern: a pattern of file names, or several.
        batch_size: how many Examples make a batch.
        features: by key, what to parse and how, as `tf.parse_example`'s.
        reader: a function of a file name that returns a dataset of serialized Examples, or of pairs of a key
            and one.
        label_key: the feature that is the label: elements are then pairs of a dict and this one's values.
        reader_args: further arguments of `reader`.
        num_epochs: how often to go through the files; for ever, in whole batches only, if left out.
        shuffle, shuffle_buffer_size, shuffle_seed: whether and how to shuffle files and Examples.
        prefetch_buffer_size: how many batches to make ahead.
        reader_num_threads: how many files to read at the same time (1).
        parser_num_threads: how many batches to parse at the same time (2).
        sloppy_ordering: whether the order in which several files are read may depend on which is ready.
        drop_final_batch: whether to drop a last batch of fewer Examples.

    ValueError when `label_key` is no feature.

    >>> import reflow as tf
    >>> features = {"x": tf.FixedLenFeature([8], tf.float32), "y": tf.FixedLenFeature([], tf.int64)}
    >>> tf.data.experimental.make_batched_features_dataset("*.tfrecords", 32, features, label_key="y")
    <DatasetV1Adapter shapes: ({x: (32, 8)}, (32,)), types: ({x: tf.float32}, tf.int64)>
    """
    dataset = Dataset.list_files(file_pattern, shuffle, shuffle_seed)
    arguments = list(reader_args or ())
    threads = 1 if reader_num_threads is None else reader_num_threads
    read = lambda filename: reader(filename, *arguments)  # noqa: E731
    dataset = dataset.apply(parallel_interleave(read, threads, sloppy=sloppy_ordering))
    if dataset.output_types == (dtypes.string, dtypes.string):
        dataset = dataset._mapped(lambda _, v: v, None, False)
    dataset = shuffled_and_repeated(dataset, num_epochs, shuffle, shuffle_buffer_size, shuffle_seed)
    dataset = dataset.batch(batch_size, drop_remainder=drop_final_batch or num_epochs is None)
    calls = 2 if parser_num_threads is None else parser_num_threads
    dataset = dataset.apply(parse_example_dataset(features, num_parallel_calls=calls))
    if label_key:
        if label_key not in features:
            raise ValueError(f"The `label_key` provided ({label_key!r}) must be one of the `features` keys.")
        dataset = dataset.map(lambda x: (x, x.pop(label_key)))
    return dataset.prefetch(AUTOTUNE if prefetch_buffer_size is None else prefetch_buffer_size)


def read_batch_features(
    file_pattern: Any,
    batch_size: Any,
    features: Mapping[str, Any],
    reader: Callable[..., Dataset] = TFRecordDataset,
    reader_args: Sequence[Any] | None = None,
    randomize_input: bool = True,
    num_epochs: Any = None,
    capacity: Any = 10000,
) -> Any:
    """The next batch of `make_batched_features_dataset`, as a dict of tensors.

    `randomize_input` and `capacity` are its `shuffle` and `shuffle_buffer_size`, the others as there.

    >>> import reflow as tf
    >>> features = {"y": tf.FixedLenFeature([], tf.int64)}
    >>> tf.contrib.data.read_batch_features("*.tfrecords", 32, features, tf.data.TFRecordDataset)["y"].shape
    TensorShape([Dimension(32)])
    """
    dataset = make_batched_features_dataset(
        file_pattern,
        batch_size,
        features,
        reader=reader,
        reader_args=reader_args,
        shuffle=randomize_input,
        num_epochs=num_epochs,
        shuffle_buffer_size=capacity,
    )
    return dataset.make_one_shot_iterator().get_next()
