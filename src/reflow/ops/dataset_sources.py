"""The ops that start a dataset: values in memory, ranges, generators, files."""

from __future__ import annotations

import itertools
import os
from typing import Any

import numpy as np

from reflow.base.pipeline import csv, files, sources, sql
from reflow.base.pipeline.core import scalar
from reflow.base.records import check_compression, read_records
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail
from reflow.graph.registry import register
from reflow.ops.dataset_functions import Body, given_seeds, register_dataset, stream, text, texts


def _tensors(ctx: Any, *components: Any) -> sources.Tensors:
    return sources.Tensors([scalar(c) for c in components])


def _slices(ctx: Any, *components: Any) -> sources.Slices:
    return sources.Slices([np.asarray(c) for c in components])


def _sparse_slices(ctx: Any, indices: Any, values: Any, dense_shape: Any) -> sources.SparseSlices:
    return sources.SparseSlices(indices, values, dense_shape)


def _range(ctx: Any, start: Any, stop: Any, step: Any) -> sources.Range:
    return sources.Range(int(start), int(stop), int(step))


def _random(ctx: Any, seed: Any, seed2: Any) -> sources.Random:
    return sources.Random(given_seeds(seed, seed2), stream)


def _generator(
    ctx: Any,
    *inputs: Any,
    init_func: Any,
    next_func: Any,
    finalize_func: Any,
    Tinit_func_args: list[Any],
    Tnext_func_args: list[Any],
) -> sources.Generated:
    first, second = len(Tinit_func_args), len(Tinit_func_args) + len(Tnext_func_args)
    start = Body(ctx, init_func, inputs[:first], 0)
    step = Body(ctx, next_func, inputs[first:second], first)
    stop = Body(ctx, finalize_func, inputs[second:], second)
    return sources.Generated(start.bind, step.bind, stop.bind)


register_dataset("TensorDataset", _tensors)
register_dataset("TensorSliceDataset", _slices)
register_dataset("SparseTensorSliceDataset", _sparse_slices)
register_dataset("RangeDataset", _range)
register_dataset("RandomDataset", _random)
register_dataset("GeneratorDataset", _generator)


def _text_lines(ctx: Any, names: Any, compression: Any, buffer_size: Any) -> files.Records:
    kind = files.checked_compression(text(compression))
    return files.Records(texts(names), files.lines(kind, int(buffer_size)))


def _fixed_length(
    ctx: Any, names: Any, header: Any, record: Any, footer: Any, buffer_size: Any, compression: Any = b""
) -> files.Records:
    kind = files.checked_compression(text(compression))
    reader = files.fixed_length(int(header), int(record), int(footer), kind, int(buffer_size))
    return files.Records(texts(names), reader)


def _tf_records(ctx: Any, names: Any, compression: Any, buffer_size: Any) -> files.Records:
    kind = check_compression(text(compression).decode())
    return files.Records(texts(names), lambda name: read_records(name, kind, buffer_size=int(buffer_size)))


def _csv_shape(node: Any) -> TensorShape:
    for tensor in node.inputs[8:]:
        if (tensor.shape.ndims or 0) > 1 or (tensor.shape.num_elements() or 0) > 1:
            raise ValueError(
                f"The default of a column must be one element at most: {node.name} got "
                f"one of shape {tensor.shape}"
            )
    return TensorShape([])


def _csv(
    ctx: Any,
    names: Any,
    compression: Any,
    buffer_size: Any,
    header: Any,
    delimiter: Any,
    quotes: Any,
    na_value: Any,
    select_cols: Any,
    *defaults: Any,
) -> csv.Csv:
    selected = np.asarray(select_cols).tolist()
    if selected and len(selected) != len(defaults):
        fail("select_cols should match output size")
    if any(a >= b for a, b in itertools.pairwise(selected)) or min(selected, default=0) < 0:
        fail("select_cols should be strictly increasing indices")
    if len(text(delimiter)) != 1:
        fail("field_delim should be only 1 char")
    if int(buffer_size) <= 0:
        fail("buffer_size should be positive")
    kind = files.checked_compression(text(compression))
    how = csv.CsvFormat(text(delimiter), bool(quotes), text(na_value), bool(header), kind, int(buffer_size))
    types = [t.as_numpy_dtype for t in ctx.node.attrs["output_types"]]
    rows = zip(types, map(np.ravel, defaults), strict=True)
    columns = [
        csv.CsvColumn(n, np.dtype(dtype), scalar(default[0]) if default.size else None)
        for n, (dtype, default) in enumerate(rows)
    ]
    return csv.Csv(texts(names), how, columns, selected)


SQL_TYPES = ("string", "int8", "int16", "int32", "int64", "uint8", "uint16", "bool", "float64")


def _sql(ctx: Any, driver: Any, source: Any, query: Any) -> sql.Sql:
    types = ctx.node.attrs["output_types"]
    other = [f"{n} is {t.name}" for n, t in enumerate(types) if t.name not in SQL_TYPES]
    if other:
        fail(f"Each element of `output_types` must be one of {', '.join(SQL_TYPES)}: {other[0]}")
    if any(shape.ndims != 0 for shape in ctx.node.attrs["output_shapes"]):
        fail("Each element of `output_shapes` must be a scalar.")
    if text(driver) != b"sqlite":
        fail(f"The database type of driver_name must be sqlite, got {text(driver).decode()}")
    arrays = [np.dtype(t.as_numpy_dtype) for t in types]
    return sql.Sql(os.fsdecode(text(source)), text(query).decode(), arrays)


register_dataset("SqlDataset", _sql)
register("CSVDataset", shape=_csv_shape, host=_csv, gradient=None)
register_dataset("TextLineDataset", _text_lines)
register_dataset("FixedLengthRecordDataset", _fixed_length)
register_dataset("FixedLengthRecordDatasetV2", _fixed_length)
register_dataset("TFRecordDataset", _tf_records)
