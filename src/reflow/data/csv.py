"""Datasets of files of comma-separated values."""

from __future__ import annotations

import collections
import csv
import gzip
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.data import structure
from reflow.data.dataset import AUTOTUNE, Dataset
from reflow.data.experimental import ignore_errors as without_errors
from reflow.data.experimental import parallel_interleave, shuffle_and_repeat
from reflow.data.readers import buffer_tensor, compression_tensor, optional_tensor
from reflow.graph.graph import constant, convert_to_tensor, emit
from reflow.graph.node import Tensor
from reflow.graph.specs import TensorSpec
from reflow.platform import gfile

TYPES = (dtypes.float32, dtypes.float64, dtypes.int32, dtypes.int64, dtypes.string)


class CsvDataset(Dataset):
    """The records of files of comma-separated values, as tuples with a scalar for each column.

    Args:
        filenames: a string tensor of names.
        record_defaults: for each column its default, a list of one value or a tensor of one element; or a
            type (float32, float64, int32, int64 or string) when it must not be missing.
        compression_type: "" (or None), "ZLIB" or "GZIP".
        buffer_size: how many bytes to read at a time.
        header: whether to leave out the first line of each file.
        field_delim: the character between fields.
        use_quote_delim: whether a field in double quotes may hold that character, line ends and `""` for `"`.
        na_value: what stands for a missing value, beside nothing.
        select_cols: the numbers of the columns that `record_defaults` are of, in order; all if left out.

    InvalidArgumentError, when run, for a record of another number of fields, a value that is not of the type,
    or one that is missing without a default.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "ages.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("name,age\\nAnn,31\\nBob,\\n")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     records = tf.data.experimental.CsvDataset(path, [tf.string, [-1]], header=True)
    ...     name, age = records.make_one_shot_iterator().get_next()
    ...     print(*sess.run([name, age]), *sess.run([name, age]))
    b'Ann' 31 b'Bob' -1
    """

    _shown_as = "CsvDatasetV1"

    def __init__(
        self,
        filenames: Any,
        record_defaults: Sequence[Any],
        compression_type: Any = None,
        buffer_size: Any = None,
        header: Any = False,
        field_delim: Any = ",",
        use_quote_delim: Any = True,
        na_value: Any = "",
        select_cols: Any = None,
    ) -> None:
        names = convert_to_tensor(filenames, dtypes.string, name="filenames")
        kind = compression_tensor(compression_type)
        if not len(record_defaults):
            raise ValueError("A CsvDataset needs at least one column: record_defaults is empty")
        defaults = [_required(d) for d in record_defaults]
        defaults = [convert_to_tensor(d, name=f"record_defaults_{n}") for n, d in enumerate(defaults)]
        settings = [
            buffer_tensor(buffer_size),
            convert_to_tensor(header, dtypes.bool, name="header"),
            convert_to_tensor(field_delim, dtypes.string, name="field_delim"),
            convert_to_tensor(use_quote_delim, dtypes.bool, name="use_quote_delim"),
            convert_to_tensor(na_value, dtypes.string, name="na_value"),
            optional_tensor(select_cols, "select_cols", list),
        ]
        spec = tuple(TensorSpec([], d.dtype) for d in defaults)
        shapes = structure.flat_shapes(spec)
        variant = emit("CSVDataset", names, kind, *settings, defaults, output_shapes=shapes)
        super().__init__(variant, spec)


def _required(default: Any) -> Any:
    """A default as given; for a type, the empty tensor that says that there is none."""
    if not isinstance(default, Tensor) and default in TYPES:
        return constant([], default)
    return default


def make_csv_dataset(
    file_pattern: Any,
    batch_size: Any,
    column_names: Sequence[str] | None = None,
    column_defaults: Sequence[Any] | None = None,
    label_name: str | None = None,
    select_columns: Sequence[Any] | None = None,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    na_value: str = "",
    header: bool = True,
    num_epochs: Any = None,
    shuffle: bool = True,
    shuffle_buffer_size: Any = 10000,
    shuffle_seed: Any = None,
    prefetch_buffer_size: Any = None,
    num_parallel_reads: Any = None,
    sloppy: Any = False,
    num_rows_for_inference: int | None = 100,
    compression_type: str | None = None,
    ignore_errors: bool = False,
) -> Dataset:
    """Batches of the records of files, as dicts from the columns' names.

    Args:
        file_pattern: a pattern of file names, or a list of patterns.
        batch_size: how many records make a batch.
        column_names: the names of the columns; the first line of the files has them if left out.
        column_defaults: as `CsvDataset`'s `record_defaults`; found out from the first
            `num_rows_for_inference` records (None: all) if left out.
        label_name: the column that is the label: elements are then pairs of a dict and this one's values.
        select_columns: the names or numbers of the columns to read; all if left out.
        field_delim, use_quote_delim, na_value, compression_type: as `CsvDataset`'s.
        header: whether the files begin with a line of names.
        num_epochs: how often to go through the files; for ever, in whole batches only, if left out.
        shuffle, shuffle_buffer_size, shuffle_seed: whether and how to shuffle files and records.
        prefetch_buffer_size: how many batches to make ahead.
        num_parallel_reads: of how many files to take records in turn; one after the other if left out.
        sloppy: whether the order in which several files are read may depend on which is ready.
        ignore_errors: whether to leave out records with errors.

    ValueError when no file matches, names or selected columns do not fit, or the files differ in their names.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "ages.csv")
    >>> with open(path, "w") as file:
    ...     _ = file.write("name,age\\nAnn,31\\nBob,\\n")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     batches = tf.data.experimental.make_csv_dataset(path, 2, num_epochs=1, shuffle=False)
    ...     print(sorted(sess.run(batches.make_one_shot_iterator().get_next()).items()))
    [('age', array([31,  0], dtype=int32)), ('name', array([b'Ann', b'Bob'], dtype=object))]
    """
    names = file_names(file_pattern, shuffle)
    dataset = Dataset.from_tensor_slices(names)
    if shuffle:
        dataset = dataset.shuffle(len(names), shuffle_seed)
    probe = _Probe(names, field_delim, use_quote_delim, header, compression_type)
    if column_names is None:
        column_names = probe.column_names()
    if len(column_names) != len(set(column_names)):
        raise ValueError("Cannot have duplicate column names.")
    selected = None if select_columns is None else _numbers_of(select_columns, column_names)
    if column_defaults is None:
        defaults = probe.defaults(len(column_names), selected, na_value, num_rows_for_inference)
    else:
        defaults = [_required(d) for d in column_defaults]
    if selected is not None and len(defaults) != len(selected):
        raise ValueError("If specified, column_defaults and select_columns must have same length.")
    keys = list(column_names) if selected is None else [column_names[n] for n in selected]
    if label_name is not None and label_name not in keys:
        raise ValueError("`label_name` provided must be one of the columns.")

    def filename_to_dataset(filename: Tensor) -> Dataset:
        settings = (compression_type, None, header, field_delim, use_quote_delim, na_value, selected)
        records: Dataset = CsvDataset(filename, defaults, *settings)
        return records.apply(without_errors()) if ignore_errors else records

    def map_fn(*columns: Tensor) -> Any:
        features = collections.OrderedDict(zip(keys, columns, strict=True))
        if label_name is None:
            return features
        label = features.pop(label_name)
        return features, label

    if isinstance(num_parallel_reads, int) and num_parallel_reads == AUTOTUNE:
        dataset = dataset.interleave(filename_to_dataset, num_parallel_calls=num_parallel_reads)
    else:
        together = 1 if num_parallel_reads is None else num_parallel_reads
        dataset = dataset.apply(parallel_interleave(filename_to_dataset, together, sloppy=sloppy))
    dataset = shuffled_and_repeated(dataset, num_epochs, shuffle, shuffle_buffer_size, shuffle_seed)
    dataset = dataset.batch(batch_size, drop_remainder=num_epochs is None)
    mapped = dataset._mapped(map_fn, None, False, parallel=False)
    return mapped.prefetch(AUTOTUNE if prefetch_buffer_size is None else prefetch_buffer_size)


def shuffled_and_repeated(
    dataset: Dataset, num_epochs: Any, shuffle: Any, buffer_size: Any, seed: Any
) -> Dataset:
    """The elements, shuffled if they are to be, as often as wanted."""
    if num_epochs != 1 and shuffle:
        return dataset.apply(shuffle_and_repeat(buffer_size, num_epochs, seed))
    if shuffle:
        return dataset.shuffle(buffer_size, seed)
    return dataset if num_epochs == 1 else dataset.repeat(num_epochs)


def file_names(file_pattern: Any, shuffle: bool) -> list[str]:
    """The names of the files that match some patterns; sorted, unless they are to be shuffled."""
    patterns = [file_pattern] if isinstance(file_pattern, (str, bytes)) else list(file_pattern)
    if not patterns:
        raise ValueError("File pattern is empty.")
    names = [name for pattern in patterns for name in gfile.Glob(pattern)]
    if not names:
        raise ValueError(f"No files match {file_pattern}.")
    return names if shuffle else sorted(names)


def _numbers_of(columns: Sequence[Any], names: Sequence[str]) -> list[int]:
    """The sorted numbers of columns that are given by number or name."""
    found = []
    for column in columns:
        if isinstance(column, int):
            if not 0 <= column < len(names):
                raise ValueError(f"Column index {column} specified in select_columns out of valid range.")
            found.append(column)
        elif column in names:
            found.append(names.index(column))
        else:
            raise ValueError(
                f"Value '{column}' specified in select_columns not a valid column index or name."
            )
    if len(set(found)) < len(found):
        raise ValueError("select_columns contains duplicate columns")
    return sorted(found)


class _Probe:
    """Looks into files for the names and the types of columns."""

    def __init__(
        self, names: list[str], delimiter: str, quotes: bool, header: bool, compression: str | None
    ) -> None:
        self._names, self._header, self._compression = names, header, compression
        self._format: Any = {
            "delimiter": delimiter,
            "quoting": csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE,
        }

    def _open(self, name: str) -> Any:
        if not self._compression:
            return gfile.GFile(name, "r")
        if self._compression == "GZIP":
            return gzip.open(name, "rt")
        raise ValueError(
            f"compression_type {self._compression!r} is not supported for probing columns: give both "
            "`column_names` and `column_defaults`"
        )

    def column_names(self) -> list[str]:
        """The first line of the files. ValueError when they differ, are empty, or have no such line."""
        if not self._header:
            raise ValueError("Cannot infer column names without a header line.")
        found: list[list[str]] = []
        for name in self._names:
            with self._open(name) as file:
                first = next(csv.reader(file, **self._format), None)
            if first is None:
                raise ValueError(f"The file {name} has no header line. Is it empty?")
            found.append(first)
        if any(row != found[0] for row in found):
            raise ValueError("Files have different column names in the header row.")
        return found[0]

    def defaults(
        self, count: int, selected: Sequence[int] | None, na_value: str, rows: int | None
    ) -> list[Tensor]:
        """Zeros and empty texts of the narrowest types that take the columns' first values."""
        numbers = range(count) if selected is None else selected
        kinds: list[int | None] = [None for _ in numbers]
        for read, row in enumerate(self._rows(count)):
            if read == rows:
                break
            kinds = [_wider(row[n], na_value, k) for n, k in zip(numbers, kinds, strict=True)]
        types = [dtypes.string if k is None else _NARROWEST[k][0] for k in kinds]
        return [constant([""] if t == dtypes.string else [0], t) for t in types]

    def _rows(self, count: int) -> Iterator[list[str]]:
        for name in self._names:
            with self._open(name) as file:
                rows: Iterable[list[str]] = csv.reader(file, **self._format)
                for number, row in enumerate(rows):
                    if number == 0 and self._header:
                        continue
                    if len(row) != count:
                        raise ValueError(
                            f"Problem inferring types: a row of {name} has {len(row)} fields where {count} "
                            "were expected."
                        )
                    yield row


def _within(convert: Callable[[str], Any], dtype: dtypes.DType) -> Callable[[str], bool]:
    least, most = (int(x) if dtype.is_integer else float(x) for x in (dtype.min, dtype.max))

    def fits(text: str) -> bool:
        try:
            return bool(least <= convert(text) <= most)
        except ValueError:
            return False

    return fits


_NARROWEST: list[tuple[dtypes.DType, Callable[[str], bool]]] = [
    (dtypes.int32, _within(int, dtypes.int32)),
    (dtypes.int64, _within(int, dtypes.int64)),
    (dtypes.float32, _within(float, dtypes.float32)),
    (dtypes.float64, _within(float, dtypes.float64)),
    (dtypes.string, lambda text: True),
]


def _wider(text: str, na_value: str, kind: int | None) -> int | None:
    """The narrowest type that takes a value and what `kind` takes."""
    if text in ("", na_value):
        return kind
    return next(k for k in range(kind or 0, len(_NARROWEST)) if _NARROWEST[k][1](text))
