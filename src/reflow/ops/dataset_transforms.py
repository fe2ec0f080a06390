"""The ops that make a dataset of others: their kernels build the engine's datasets (`base/pipeline`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.pipeline import batching, buffering, mapping, rewriting, shaping, shuffling
from reflow.base.pipeline.core import Dataset, scalar
from reflow.base.pipeline.interleaving import ParallelInterleave
from reflow.base.records import RecordWriter
from reflow.graph import shapes
from reflow.graph.registry import register
from reflow.ops.dataset_cache import cache_files
from reflow.ops.dataset_functions import Body, given_seeds, register_dataset, stream, text, texts
from reflow.ops.example_kernels import parse_example


def is_uniform(node: Any) -> bool:
    """Whether all elements of a dataset have one shape, that the node's attributes say."""
    return all(shape.is_fully_defined() for shape in node.attrs["output_shapes"])


def _count(value: Any) -> int:
    return int(np.asarray(value))


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)


def _repeat(ctx: Any, source: Dataset, count: Any) -> Dataset:
    return shaping.Repeat(source, _count(count))


def _take(ctx: Any, source: Dataset, count: Any) -> Dataset:
    return shaping.Take(source, _count(count))


def _skip(ctx: Any, source: Dataset, count: Any) -> Dataset:
    return shaping.Skip(source, _count(count))


def _shard(ctx: Any, source: Dataset, num_shards: Any, index: Any) -> Dataset:
    return shaping.Shard(source, _count(num_shards), _count(index))


def _concatenate(ctx: Any, first: Dataset, second: Dataset) -> Dataset:
    return shaping.Concatenate(first, second, is_uniform(ctx.node))


def _zip(ctx: Any, *sources: Dataset) -> Dataset:
    return shaping.Zip(sources)


def _shuffle(
    ctx: Any, source: Dataset, buffer_size: Any, seed: Any, seed2: Any, *, reshuffle_each_iteration: bool
) -> Dataset:
    seeds = given_seeds(seed, seed2)
    return shuffling.Shuffle(source, _count(buffer_size), seeds, stream, reshuffle_each_iteration)


def _shuffle_and_repeat(
    ctx: Any, source: Dataset, buffer_size: Any, seed: Any, seed2: Any, count: Any
) -> Dataset:
    seeds, times = given_seeds(seed, seed2), _count(count)
    if times <= 0 and times != -1:
        raise _invalid("count must be greater than zero or equal to -1.")
    return shuffling.Shuffle(source, _count(buffer_size), seeds, stream, False, times)


def _batch(ctx: Any, source: Dataset, batch_size: Any, drop_remainder: Any = False) -> Dataset:
    return batching.Batch(source, _count(batch_size), bool(drop_remainder))


def _padded_batch(ctx: Any, source: Dataset, batch_size: Any, *rest: Any, N: int) -> Dataset:
    shapes, values, drop = rest[:N], rest[N : 2 * N], rest[2 * N :]
    sizes = [np.asarray(s).tolist() for s in shapes]
    return batching.PaddedBatch(source, _count(batch_size), sizes, values, bool(drop and drop[0]))


def _unbatch(ctx: Any, source: Dataset) -> Dataset:
    return batching.Unbatch(source, is_uniform(ctx.node))


def _window(ctx: Any, source: Dataset, size: Any, shift: Any, stride: Any, drop_remainder: Any) -> Dataset:
    return batching.Window(source, _count(size), _count(shift), _count(stride), bool(drop_remainder))


def _prefetch(ctx: Any, source: Dataset, buffer_size: Any) -> Dataset:
    return buffering.Prefetch(source, _count(buffer_size))


def _cache(ctx: Any, source: Dataset, filename: Any) -> Dataset:
    name = text(filename)
    return cache_files(source, os.fsdecode(name)) if name else buffering.Cache(source)


def _ignore_errors(ctx: Any, source: Dataset) -> Dataset:
    return buffering.IgnoreErrors(source)


def _same(ctx: Any, source: Dataset, *settings: Any) -> Dataset:
    return source


def _optimize(ctx: Any, source: Dataset, optimizations: Any) -> Dataset:
    return rewriting.optimized(source, {t.decode() for t in texts(optimizations)})


register_dataset("RepeatDataset", _repeat)
register_dataset("TakeDataset", _take)
register_dataset("SkipDataset", _skip)
register_dataset("ShardDataset", _shard)
register_dataset("ConcatenateDataset", _concatenate)
register_dataset("ZipDataset", _zip)
register_dataset("ShuffleDataset", _shuffle)
register_dataset("ShuffleAndRepeatDataset", _shuffle_and_repeat)
register_dataset("BatchDataset", _batch)
register_dataset("BatchDatasetV2", _batch)
register_dataset("PaddedBatchDataset", _padded_batch)
register_dataset("PaddedBatchDatasetV2", _padded_batch)
register_dataset("UnbatchDataset", _unbatch)
register_dataset("WindowDataset", _window)
register_dataset("PrefetchDataset", _prefetch)
register_dataset("CacheDataset", _cache)
register_dataset("IgnoreErrorsDataset", _ignore_errors)
register_dataset("OptimizeDataset", _optimize)
for _type in (
    "BytesProducedStatsDataset",
    "LatencyStatsDataset",
    "ModelDataset",
    "MaxIntraOpParallelismDataset",
    "PrivateThreadPoolDataset",
    "NonSerializableDataset",
):
    register_dataset(_type, _same)


# With functions

# The ops of datasets that give blocks of elements of one shape.
STACKING = frozenset(
    (
        "CSVDataset",
        "FixedLengthRecordDatasetV2",
        "RangeDataset",
        "TFRecordDataset",
        "TensorSliceDataset",
        "TextLineDataset",
    )
)


def _map(ctx: Any, source: Dataset, *captures: Any, f: Any, preserve_cardinality: bool) -> Dataset:
    return mapping.Map(source, Body(ctx, f, captures, 1), 1, preserve_cardinality)


def _threads(wanted: Any) -> int:
    count = _count(wanted)
    if count == -1:
        return os.cpu_count() or 1
    if count < 1:
        raise _invalid("num_parallel_calls must be greater than zero.")
    return count


def _parallel_map(ctx: Any, source: Dataset, *rest: Any, f: Any, preserve_cardinality: bool) -> Dataset:
    *captures, calls = rest
    function = Body(ctx, f, tuple(captures), 1)
    return mapping.Map(source, function, _threads(calls), preserve_cardinality)


def _map_and_batch(ctx: Any, source: Dataset, *rest: Any, f: Any, preserve_cardinality: bool) -> Dataset:
    *captures, batch_size, calls, drop = rest
    if _count(batch_size) <= 0:
        raise _invalid("batch_size must be greater than zero.")
    function = Body(ctx, f, tuple(captures), 1)
    mapped = mapping.Map(source, function, _threads(calls), preserve_cardinality)
    return batching.Batch(mapped, _count(batch_size), bool(drop))


def _filter(ctx: Any, source: Dataset, *captures: Any, predicate: Any) -> Dataset:
    return mapping.Filter(source, Body(ctx, predicate, captures, 1))


def _take_while(ctx: Any, source: Dataset, *captures: Any, predicate: Any) -> Dataset:
    return mapping.TakeWhile(source, Body(ctx, predicate, captures, 1))


def _flat_map(ctx: Any, source: Dataset, *captures: Any, f: Any) -> Dataset:
    function = Body(ctx, f, captures, 1)
    return mapping.FlatMap(source, function, is_uniform(ctx.node) and function.makes in STACKING)


def _cycle(wanted: Any) -> int:
    count = _count(wanted)
    return (os.cpu_count() or 1) if count == -1 else count


def _interleave(ctx: Any, source: Dataset, *rest: Any, f: Any) -> Dataset:
    *captures, cycle, block = rest
    return mapping.Interleave(source, Body(ctx, f, tuple(captures), 1), _cycle(cycle), _count(block))


def _parallel_interleave_v2(ctx: Any, source: Dataset, *rest: Any, f: Any) -> Dataset:
    *captures, cycle, block, calls = rest
    function, together = Body(ctx, f, tuple(captures), 1), _cycle(cycle)
    threads = _threads(calls)
    if _count(calls) > together:
        raise _invalid("num_parallel_calls must less than or equal to cycle_length.")
    made_ahead = 2 * _count(block)
    return ParallelInterleave(source, function, together, _count(block), threads, made_ahead, 0)


def _parallel_interleave(ctx: Any, source: Dataset, *rest: Any, f: Any) -> Dataset:
    *captures, cycle, block, sloppy, outputs, inputs = rest
    function, together = Body(ctx, f, tuple(captures), 1), _count(cycle)
    if _count(outputs) <= 0:
        raise _invalid(f"`buffer_output_elements` must be > 0, it is {_count(outputs)}")
    if _count(inputs) < 0:
        raise _invalid(f"`prefetch_input_elements` must be >= 0, it is {_count(inputs)}")
    if together == 1 and not function.makes_slow:
        return mapping.FlatMap(source, function, is_uniform(ctx.node) and function.makes in STACKING)
    sizes = _count(block), together + _count(inputs), _count(outputs), _count(inputs)
    return ParallelInterleave(source, function, together, *sizes, sloppy=bool(sloppy))


def _scan(ctx: Any, source: Dataset, *rest: Any, f: Any, Tstate: list[Any]) -> Dataset:
    state, captures = rest[: len(Tstate)], rest[len(Tstate) :]
    return mapping.Scan(source, Body(ctx, f, captures, 1 + len(state)), list(state))


def _group_by_window(
    ctx: Any,
    source: Dataset,
    *rest: Any,
    key_func: Any,
    reduce_func: Any,
    window_size_func: Any,
    Tkey_func_other_arguments: list[Any],
    Treduce_func_other_arguments: list[Any],
) -> Dataset:
    first = len(Tkey_func_other_arguments)
    second = first + len(Treduce_func_other_arguments)
    return batching.GroupByWindow(
        source,
        Body(ctx, key_func, rest[:first], 1),
        Body(ctx, reduce_func, rest[first:second], 1 + first),
        Body(ctx, window_size_func, rest[second:], 1 + second),
    )


def _group_by_reducer(
    ctx: Any,
    source: Dataset,
    *rest: Any,
    key_func: Any,
    init_func: Any,
    reduce_func: Any,
    finalize_func: Any,
    Tkey_func_other_arguments: list[Any],
    Tinit_func_other_arguments: list[Any],
    Treduce_func_other_arguments: list[Any],
    Tfinalize_func_other_arguments: list[Any],
) -> Dataset:
    counts = map(
        len,
        (
            Tkey_func_other_arguments,
            Tinit_func_other_arguments,
            Treduce_func_other_arguments,
            Tfinalize_func_other_arguments,
        ),
    )
    bodies, at = [], 0
    for function, count in zip((key_func, init_func, reduce_func, finalize_func), counts, strict=True):
        bodies.append(Body(ctx, function, rest[at : at + count], 1 + at))
        at += count
    return batching.GroupByReducer(source, *bodies)


def _choose(ctx: Any, selector: Dataset, *sources: Dataset) -> Dataset:
    return mapping.Choose(selector, sources)


def _unique(ctx: Any, source: Dataset) -> Dataset:
    return batching.Unique(source)


def _sliding_window(ctx: Any, source: Dataset, size: Any, shift: Any, stride: Any) -> Dataset:
    return batching.SlidingBatch(source, _count(size), _count(shift), _count(stride))


def _sparse_batch(ctx: Any, source: Dataset, batch_size: Any, row_shape: Any) -> Dataset:
    return batching.SparseBatch(source, _count(batch_size), np.asarray(row_shape).tolist())


class _Parse:
    """Parsing as the engine's function of batches of serialized Examples."""

    stacks = slow = makes_slow = False

    def __init__(self, ctx: Any, defaults: tuple[Any, ...]) -> None:
        attrs = ctx.node.attrs
        keys = [*attrs["sparse_keys"], *attrs["dense_keys"]]
        order = sorted(range(len(keys)), key=lambda n: keys[n])
        self._sparse = len(attrs["sparse_keys"])
        settings = {
            "Nsparse": self._sparse,
            "Ndense": len(attrs["dense_keys"]),
            **{name: attrs[name] for name in ("sparse_types", "Tdense", "dense_shapes")},
        }
        names = np.empty(0, object)
        parts = [scalar(key.encode("utf-8", "surrogateescape")) for key in keys]
        self._parse: Callable[[Any], Any] = lambda batch: parse_example(
            ctx, batch, names, *parts, *defaults, **settings
        )
        self._order = order

    def bind(self, place: Any) -> _Parse:
        return self

    def block(self, block: Any) -> None:
        return None

    def __call__(self, element: Any) -> list[Any]:
        found = self._parse(element[0])
        n = self._sparse
        sparse = [batching.objects_of(*(found[i + part * n] for part in range(3))) for i in range(n)]
        values = [*sparse, *found[3 * n :]]
        return [values[i] for i in self._order]


def _parse_dataset(ctx: Any, source: Dataset, calls: Any, *defaults: Any) -> Dataset:
    return mapping.Map(source, _Parse(ctx, defaults), _threads(calls))


register_dataset("ParseExampleDataset", _parse_dataset)
register_dataset("MapDataset", _map)
register_dataset("ParallelMapDataset", _parallel_map)
register_dataset("MapAndBatchDataset", _map_and_batch)
register_dataset("FilterDataset", _filter)
register_dataset("TakeWhileDataset", _take_while)
register_dataset("FlatMapDataset", _flat_map)
register_dataset("InterleaveDataset", _interleave)
register_dataset("ParallelInterleaveDatasetV2", _parallel_interleave_v2)
register_dataset("ParallelInterleaveDataset", _parallel_interleave)
register_dataset("ScanDataset", _scan)
register_dataset("GroupByWindowDataset", _group_by_window)
register_dataset("ExperimentalGroupByReducerDataset", _group_by_reducer)
register_dataset("DirectedInterleaveDataset", _choose)
register_dataset("SlidingWindowDataset", _sliding_window)
register_dataset("UniqueDataset", _unique)
register_dataset("DenseToSparseBatchDataset", _sparse_batch)


# Datasets to values


def declared_shapes(node: Any) -> list[Any]:
    """The shapes that the node's attributes say."""
    return list(node.attrs["output_shapes"])


def _reduce(ctx: Any, source: Dataset, *rest: Any, f: Any, Tstate: list[Any]) -> tuple[Any, ...]:
    state, captures = list(rest[: len(Tstate)]), rest[len(Tstate) :]
    place = buffering.new_place()
    bound = Body(ctx, f, captures, 1 + len(state)).bind(place)
    return tuple(mapping.reduce(source, bound, state, place))


def _single(ctx: Any, source: Dataset) -> tuple[Any, ...]:
    return tuple(buffering.first(source))


def _cardinality(ctx: Any, source: Dataset) -> Any:
    known = source.length()
    return np.int64(-2 if known is None else known)


def _write_records(ctx: Any, source: Dataset, filename: Any, compression: Any) -> tuple[()]:
    with RecordWriter(os.fsdecode(text(filename)), text(compression).decode()) as writer:
        for (record,) in source.cursor(buffering.new_place()):
            writer.write(np.asarray(record, object).item())
    return ()


register("DatasetToTFRecord", shape=shapes.no_outputs, host=_write_records, gradient=None)
register("ReduceDataset", shape=declared_shapes, host=_reduce, gradient=None)
register("DatasetToSingleElement", shape=declared_shapes, host=_single, gradient=None)
register("DatasetCardinality", shape=lambda node: (), host=_cardinality, gradient=None)
