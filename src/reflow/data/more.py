"""Less common sources and transformations of `tf.data.experimental` and `tf.contrib.data`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.data import nest, structure
from reflow.data.dataset import Dataset
from reflow.data.readers import compression_tensor
from reflow.data.structure import count_tensor
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Operation
from reflow.graph.specs import SparseTensorSpec, TensorSpec

Transformation = Callable[[Dataset], Dataset]


class SqlDataset(Dataset):
    """The rows that a database answers a query with, as tuples of scalars.

    Args:
        driver_name: the kind of database: "sqlite".
        data_source_name: the file of the database.
        query: the SQL query.
        output_types: a tuple of the columns' types: string, bool, float64 or integers. NULL is read as zero
            or an empty string.

    InvalidArgumentError for another kind of database, other types or another number of columns; UnknownError,
    with SQLite's message, when the query fails.

    >>> import os, sqlite3, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "data.sqlite")
    >>> connection = sqlite3.connect(path)
    >>> _ = connection.executescript("create table t (i); insert into t values (3), (4)")
    >>> connection.close()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     rows = tf.data.experimental.SqlDataset("sqlite", path, "select i from t", (tf.int32,))
    ...     print(sess.run(rows.batch(2).make_one_shot_iterator().get_next()))
    (array([3, 4], dtype=int32),)
    """

    _shown_as = "SqlDatasetV1"

    def __init__(self, driver_name: Any, data_source_name: Any, query: Any, output_types: Any) -> None:
        arguments = [
            convert_to_tensor(value, dtypes.string, name=name)
            for value, name in (
                (driver_name, "driver_name"),
                (data_source_name, "data_source_name"),
                (query, "query"),
            )
        ]
        spec = nest.map_structure(lambda dtype: TensorSpec([], dtype), output_types)
        super().__init__(emit("SqlDataset", *arguments, **structure.attributes(spec)), spec)


class TFRecordWriter:
    """Writes the elements of a dataset, which are strings, to a TFRecord file.

    Args:
        filename: the file, which is made anew.
        compression_type: "" (or None), "ZLIB" or "GZIP".

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "words.tfrecord")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     words = tf.data.Dataset.from_tensor_slices(["a", "b"])
    ...     sess.run(tf.data.experimental.TFRecordWriter(path).write(words))
    >>> list(tf.python_io.tf_record_iterator(path))
    [b'a', b'b']
    """

    def __init__(self, filename: Any, compression_type: Any = None) -> None:
        self._filename = convert_to_tensor(filename, dtypes.string, name="filename")
        self._compression_type = compression_tensor(compression_type)

    def write(self, dataset: Dataset) -> Operation:
        """The operation that writes a dataset. TypeError when its elements are no scalar strings."""
        if not isinstance(dataset, Dataset):
            raise TypeError("`dataset` must be a `tf.data.Dataset` object.")
        if not TensorSpec([], dtypes.string).is_compatible_with(dataset.element_spec):
            raise TypeError(
                "`dataset` must produce scalar `DT_STRING` tensors whereas it produces shape "
                f"{dataset.output_shapes} and types {dataset.output_types}"
            )
        arguments = (dataset._variant_tensor, self._filename, self._compression_type)
        return emit("DatasetToTFRecord", *arguments)  # type: ignore[no-any-return]


def sliding_window_batch(
    window_size: Any, stride: Any = None, window_shift: Any = None, window_stride: Any = 1
) -> Transformation:
    """For `dataset.apply`: batches of `window_size` elements each, `window_shift` elements apart.

    Args:
        window_size: how many elements make a batch.
        stride: an older name of `window_shift`. ValueError when both are given.
        window_shift: how far the next batch begins after this one (1).
        window_stride: how far apart the elements of a batch are.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.contrib.data.sliding_window_batch(3, window_shift=2))
    <DatasetV1Adapter shapes: (?,), types: tf.int64>
    """
    if stride is not None and window_shift is not None:
        raise ValueError("Cannot specify both `stride` and `window_shift`")
    shift = next((value for value in (window_shift, stride) if value is not None), 1)

    def transformed(dataset: Dataset) -> Dataset:
        size = count_tensor(window_size, "window_stride")  # TensorFlow's nodes have that name
        apart = count_tensor(window_stride, "window_stride")
        spec = structure.batched(dataset.element_spec, None)
        return dataset._unary(
            "SlidingWindowDataset", size, count_tensor(shift, "window_shift"), apart, spec=spec
        )

    return transformed


def TensorStructure(dtype: Any, shape: Any) -> TensorSpec:  # noqa: N802
    """The spec of a tensor, by an older name and with its arguments the other way round.

    >>> import reflow as tf
    >>> tf.data.experimental.TensorStructure(tf.int32, [2])
    TensorSpec(shape=(2,), dtype=tf.int32, name=None)
    """
    return TensorSpec(shape, dtype)


def SparseTensorStructure(dtype: Any, shape: Any) -> SparseTensorSpec:  # noqa: N802
    """The spec of a sparse tensor, by an older name and with its arguments the other way round.

    >>> import reflow as tf
    >>> tf.data.experimental.SparseTensorStructure(tf.int32, [2, 3])
    SparseTensorSpec(TensorShape([Dimension(2), Dimension(3)]), tf.int32)
    """
    return SparseTensorSpec(shape, dtype)


def bytes_produced_stats(tag: Any) -> Transformation:
    """For `dataset.apply`: the same elements. TensorFlow counts their bytes if there is a stats aggregator.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.bytes_produced_stats("numbers"))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    return lambda dataset: dataset._unary("BytesProducedStatsDataset", convert_to_tensor(tag, dtypes.string))


def latency_stats(tag: Any) -> Transformation:
    """For `dataset.apply`: the same elements. TensorFlow times them if there is a stats aggregator.

    >>> import reflow as tf
    >>> tf.data.Dataset.range(9).apply(tf.data.experimental.latency_stats("numbers"))
    <DatasetV1Adapter shapes: (), types: tf.int64>
    """
    return lambda dataset: dataset._unary("LatencyStatsDataset", convert_to_tensor(tag, dtypes.string))
