"""Datasets of files: lines of text, TFRecords, records of a fixed length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.data.dataset import AUTOTUNE, Dataset
from reflow.data.structure import count_tensor
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Tensor
from reflow.graph.specs import TensorSpec
from reflow.ops.shaping import reshape

BUFFER_SIZE = 256 * 1024


def _names(filenames: Any) -> Dataset:
    """File names, given as a tensor or a dataset, as a dataset. TypeError when they are no strings."""
    if not isinstance(filenames, Dataset):
        names = convert_to_tensor(filenames, dtypes.string)
        return Dataset.from_tensor_slices(reshape(names, [-1], name="flat_filenames"))
    if filenames.output_types != dtypes.string:
        raise TypeError("`filenames` must be a `tf.data.Dataset` of `tf.string` elements.")
    if not TensorSpec([]).shape.is_compatible_with(filenames.output_shapes):
        raise TypeError("`filenames` must be a `tf.data.Dataset` of scalar `tf.string` elements.")
    return filenames


def _read(names: Dataset, reader: Callable[[Tensor], Dataset], num_parallel_reads: Any) -> Dataset:
    """The records of all files: file after file, or of several in turn."""

    def read_one_file(filename: Tensor) -> Dataset:
        return reader(convert_to_tensor(filename, dtypes.string, name="filename"))

    if num_parallel_reads is None:
        return names.flat_map(read_one_file)
    if isinstance(num_parallel_reads, int) and num_parallel_reads == AUTOTUNE:
        return names.interleave(read_one_file, num_parallel_calls=num_parallel_reads)
    return parallel_interleaved(names, read_one_file, num_parallel_reads)


def parallel_interleaved(
    source: Dataset,
    function: Callable[..., Any],
    cycle_length: Any,
    block_length: Any = 1,
    sloppy: Any = False,
    buffer_output_elements: Any = None,
    prefetch_input_elements: Any = None,
) -> Dataset:
    """The dataset of a ParallelInterleaveDataset node."""
    traced, spec = source._dataset_function(function, "tf.data.experimental.parallel_interleave()")
    rest = [
        count_tensor(cycle_length, "cycle_length"),
        count_tensor(block_length, "block_length"),
        convert_to_tensor(sloppy, dtypes.bool, name="sloppy"),
        optional_tensor(buffer_output_elements, "buffer_output_elements", lambda: 2 * block_length),
        optional_tensor(prefetch_input_elements, "prefetch_input_elements", lambda: 2 * cycle_length),
    ]
    return source._unary(
        "ParallelInterleaveDataset", traced.captured, *rest, f=traced.body, spec=spec, functions=[traced]
    )


def optional_tensor(value: Any, name: str, default: Callable[[], Any], dtype: Any = dtypes.int64) -> Tensor:
    """An argument as a tensor, or a default."""
    return convert_to_tensor(default() if value is None else value, dtype, name=name)


def compression_tensor(value: Any) -> Tensor:
    """A compression type as a tensor."""
    return optional_tensor(value, "compression_type", str, dtypes.string)


def buffer_tensor(value: Any) -> Tensor:
    """How many bytes to read at a time, as a tensor."""
    return optional_tensor(value, "buffer_size", lambda: BUFFER_SIZE)


class _Reader(Dataset):
    """What the three kinds have in common: a pipeline that reads one file after the other."""

    _filenames: Any = None

    def _set_up(self, filenames: Any, reader: Callable[[Tensor], Tensor], num_parallel_reads: Any) -> None:
        self._filenames = names = _names(filenames)
        spec = TensorSpec([], dtypes.string)
        inner = _read(names, lambda name: Dataset(reader(name), spec), num_parallel_reads)
        super().__init__(inner._variant_tensor, spec, inner._inputs(), inner._element_functions)


class TextLineDataset(_Reader):
    """The lines of text files, without their ends.

    Args:
        filenames: a string tensor of names, or a dataset of them.
        compression_type: "" (or None), "ZLIB" or "GZIP".
        buffer_size: how many bytes to read at a time.
        num_parallel_reads: of how many files to take lines in turn; one after the other if left out.

    >>> import reflow as tf
    >>> tf.data.TextLineDataset(["a.txt", "b.txt"]).skip(1)
    <DatasetV1Adapter shapes: (), types: tf.string>
    """

    _shown_as = "TextLineDatasetV1"

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
        num_parallel_reads: Any = None,
    ) -> None:  # fmt: skip
        def reader(name: Tensor) -> Tensor:
            kind, buffer = compression_tensor(compression_type), buffer_tensor(buffer_size)
            return emit("TextLineDataset", name, kind, buffer)  # type: ignore[no-any-return]

        self._set_up(filenames, reader, num_parallel_reads)


class TFRecordDataset(_Reader):
    """The records of TFRecord files, as strings.

    Args:
        filenames: a string tensor of names, or a dataset of them.
        compression_type: "" (or None), "ZLIB" or "GZIP".
        buffer_size: how many bytes to read at a time.
        num_parallel_reads: of how many files to take records in turn; one after the other if left out.

    DataLossError, when run, for a damaged file: it names the file and the place.

    >>> import reflow as tf
    >>> tf.data.TFRecordDataset("train.tfrecords")
    <TFRecordDatasetV1 shapes: (), types: tf.string>
    """

    _shown_as = "TFRecordDatasetV1"

    def __init__(
        self, filenames: Any, compression_type: Any = None, buffer_size: Any = None,
        num_parallel_reads: Any = None,
    ) -> None:  # fmt: skip
        def reader(name: Tensor) -> Tensor:
            kind, buffer = compression_tensor(compression_type), buffer_tensor(buffer_size)
            return emit("TFRecordDataset", name, kind, buffer)  # type: ignore[no-any-return]

        self._set_up(filenames, reader, num_parallel_reads)


class FixedLengthRecordDataset(_Reader):
    """The records of files of records of one length, as strings.

    Args:
        filenames: a string tensor of names, or a dataset of them.
        record_bytes: how many bytes a record has.
        header_bytes: how many bytes to leave out at a file's beginning.
        footer_bytes: how many bytes to leave out at a file's end.
        buffer_size: how many bytes to read at a time.
        compression_type: "" (or None), "ZLIB" or "GZIP".
        num_parallel_reads: of how many files to take records in turn; one after the other if left out.

    >>> import reflow as tf
    >>> tf.data.FixedLengthRecordDataset("images.bin", record_bytes=784, header_bytes=16)
    <FixedLengthRecordDatasetV1 shapes: (), types: tf.string>
    """

    _shown_as = "FixedLengthRecordDatasetV1"

    def __init__(
        self, filenames: Any, record_bytes: Any, header_bytes: Any = None, footer_bytes: Any = None,
        buffer_size: Any = None, compression_type: Any = None, num_parallel_reads: Any = None,
    ) -> None:  # fmt: skip
        def reader(name: Tensor) -> Tensor:
            record = count_tensor(record_bytes, "record_bytes")
            header = optional_tensor(header_bytes, "header_bytes", int)
            footer = optional_tensor(footer_bytes, "footer_bytes", int)
            buffer, kind = buffer_tensor(buffer_size), compression_tensor(compression_type)
            return emit("FixedLengthRecordDatasetV2", name, header, record, footer, buffer, kind)  # type: ignore[no-any-return]

        self._set_up(filenames, reader, num_parallel_reads)
