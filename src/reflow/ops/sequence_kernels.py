"""What the ops compute that parse serialized SequenceExamples.

A feature list is read as one column, with a row for each of its features: `steps` says how many rows belong
to each example, `owners` which example a row belongs to.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.base import dtypes, examples
from reflow.base.examples import Column
from reflow.base.shape import TensorShape
from reflow.ops import example_kernels as kernels
from reflow.ops.example_kernels import Feature

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]


class Rows(NamedTuple):
    """The features of a feature list in several examples, one after another."""

    features: list[Any]
    steps: np.ndarray  # how many there are in each example
    absent: list[int]  # the examples that do not have the list


def rows_of(messages: Sequence[Any], key: str) -> Rows:
    lists = [message.feature_lists.feature_list.get(key) for message in messages]
    features = [feature for one in lists if one is not None for feature in one.feature]
    steps = [0 if one is None else len(one.feature) for one in lists]
    return Rows(features, np.array(steps, np.int64), [i for i, one in enumerate(lists) if one is None])


def read_rows(feature: Feature, rows: Rows) -> Column:
    owners = np.repeat(np.arange(len(rows.steps)), rows.steps).tolist()
    return feature.read(rows.features, owners if len(rows.steps) > 1 else None)


def dense_rows(feature: Feature, rows: Rows, may_lack: bool) -> np.ndarray:
    """The values of all rows, each of the feature's shape, flattened to a matrix."""
    if rows.absent and not may_lack:
        feature.refuse("missing", rows.absent[0])
    column, size = read_rows(feature, rows), math.prod(feature.shape)  # type: ignore[arg-type]
    wrong = column.counts != size
    if wrong.any():
        row = int(np.argmax(wrong))
        example = int(np.searchsorted(np.cumsum(rows.steps), row, side="right"))
        feature.refuse("count", example if len(rows.steps) > 1 else row, size=int(column.counts[row]))
    return column.values.reshape(len(rows.features), size)


def sparse_rows(feature: Feature, rows: Rows) -> Triple:
    """The indices (step, place), the values and the shape of a feature list of one example."""
    return kernels.sparse(read_rows(feature, rows))


def sparse_cube(feature: Feature, rows: Rows) -> Triple:
    """The indices (example, step, place), the values and the shape of a feature list of a batch."""
    column = read_rows(feature, rows)
    row, place = kernels.positions(column.counts)
    owners, steps = kernels.positions(rows.steps)
    indices = np.stack([owners[row], steps[row], place], axis=1)
    shape = [len(rows.steps), rows.steps.max(initial=0), column.counts.max(initial=0)]
    return indices, column.values, np.array(shape, np.int64)


def padded_rows(feature: Feature, rows: Rows, may_lack: bool) -> np.ndarray:
    """A feature list of a batch, filled up to the longest with zeros or empty strings."""
    values = dense_rows(feature, rows, may_lack)
    filler: Any = b"" if values.dtype == object else 0
    spread = kernels.spread(values.reshape(-1), rows.steps, values.shape[1], filler)
    return spread.reshape(*spread.shape[:2], *feature.shape)


# The ops


class Wanted(NamedTuple):
    """The features that an op is asked for."""

    context_sparse: list[Feature]
    context_dense: list[Feature]
    list_sparse: list[Feature]
    list_dense: list[Feature]


def wanted(
    keys: Sequence[Sequence[str]],
    types: Sequence[Sequence[dtypes.DType]],
    shapes: Sequence[Sequence[TensorShape]],
    names: Sequence[str],
    wordings: Sequence[kernels.Wording],
) -> Wanted:
    """The features of the four kinds, from the keys and types of each, and the shapes of the dense ones."""
    context, lists = wordings
    return Wanted(
        [Feature(k, t.name, names, context) for k, t in zip(keys[0], types[0], strict=True)],
        [
            Feature(k, t.name, names, context, s.ints or ())
            for k, t, s in zip(keys[1], types[1], shapes[0], strict=True)
        ],
        [Feature(k, t.name, names, lists) for k, t in zip(keys[2], types[2], strict=True)],
        [
            Feature(k, t.name, names, lists, s.ints or ())
            for k, t, s in zip(keys[3], types[3], shapes[1], strict=True)
        ],
    )


def parse_single_sequence_example(
    ctx: Any,
    serialized: Any,
    may_lack: Any,
    *rest: Any,
    Ncontext_sparse: int,  # noqa: N803
    Ncontext_dense: int,  # noqa: N803
    Nfeature_list_sparse: int,  # noqa: N803
    Nfeature_list_dense: int,  # noqa: N803
    context_sparse_types: list[dtypes.DType],
    Tcontext_dense: list[dtypes.DType],  # noqa: N803
    feature_list_dense_types: list[dtypes.DType],
    context_dense_shapes: list[TensorShape],
    feature_list_sparse_types: list[dtypes.DType],
    feature_list_dense_shapes: list[TensorShape],
) -> tuple[Any, ...]:
    counts = (Ncontext_sparse, Ncontext_dense, Nfeature_list_sparse, Nfeature_list_dense)
    types = (context_sparse_types, Tcontext_dense, feature_list_sparse_types, feature_list_dense_types)
    shapes = (context_dense_shapes, feature_list_dense_shapes)
    names, total = kernels.texts(rest[-1:]), sum(counts)
    left = iter(kernels.texts(rest[:total]))
    keys = [list(itertools.islice(left, count)) for count in counts]
    features = wanted(keys, types, shapes, names, (kernels.CONTEXT, kernels.FEATURE_LIST))
    data = [kernels.scalar_of(serialized)]
    (message,) = kernels.parsed(data, names, kernels.CONTEXT, sequence=True)
    return single_outputs(features, message, rest[total:-1], set(kernels.texts(np.ravel(may_lack))))


def single_outputs(
    features: Wanted, message: Any, defaults: Sequence[Any], may_lack: set[str]
) -> tuple[Any, ...]:
    context = [message.context.feature]
    vectors = [
        kernels.sparse_vector(f.read(examples.look_up(context, f.key))) for f in features.context_sparse
    ]
    values = [
        kernels.single(f, examples.look_up(context, f.key), defaults[i], i)
        for i, f in enumerate(features.context_dense)
    ]
    matrices = [sparse_rows(f, rows_of([message], f.key)) for f in features.list_sparse]
    rows = [dense_rows(f, rows_of([message], f.key), f.key in may_lack) for f in features.list_dense]
    shaped = [x.reshape(len(x), *f.shape) for f, x in zip(features.list_dense, rows, strict=True)]
    return (*kernels.transposed(vectors), *values, *kernels.transposed(matrices), *shaped)


def parse_sequence_example(
    ctx: Any,
    serialized: Any,
    debug_name: Any,
    *defaults: Any,
    feature_list_dense_missing_assumed_empty: list[str],
    context_sparse_keys: list[str],
    context_dense_keys: list[str],
    feature_list_sparse_keys: list[str],
    feature_list_dense_keys: list[str],
    context_sparse_types: list[dtypes.DType],
    Tcontext_dense: list[dtypes.DType],  # noqa: N803
    feature_list_dense_types: list[dtypes.DType],
    context_dense_shapes: list[TensorShape],
    feature_list_sparse_types: list[dtypes.DType],
    feature_list_dense_shapes: list[TensorShape],
) -> tuple[Any, ...]:
    keys = (context_sparse_keys, context_dense_keys, feature_list_sparse_keys, feature_list_dense_keys)
    types = (context_sparse_types, Tcontext_dense, feature_list_sparse_types, feature_list_dense_types)
    shapes = (context_dense_shapes, feature_list_dense_shapes)
    strings, names = kernels.batch_of(serialized, debug_name)
    features = wanted(keys, types, shapes, names, (kernels.CONTEXT_BATCH, kernels.FEATURE_LIST_BATCH))
    messages = kernels.parsed(strings, names, kernels.CONTEXT_BATCH, sequence=True)
    return batch_outputs(features, messages, defaults, set(feature_list_dense_missing_assumed_empty))


def batch_outputs(
    features: Wanted, messages: list[Any], defaults: Sequence[Any], may_lack: set[str]
) -> tuple[Any, ...]:
    contexts = [message.context.feature for message in messages]
    matrices = [kernels.sparse(f.read(examples.look_up(contexts, f.key))) for f in features.context_sparse]
    values = [
        kernels.dense(f, f.read(examples.look_up(contexts, f.key)), defaults[i])
        for i, f in enumerate(features.context_dense)
    ]
    cubes = [sparse_cube(f, rows_of(messages, f.key)) for f in features.list_sparse]
    rows = [rows_of(messages, f.key) for f in features.list_dense]
    padded = [padded_rows(f, r, f.key in may_lack) for f, r in zip(features.list_dense, rows, strict=True)]
    lengths = [r.steps for r in rows]
    return (*kernels.transposed(matrices), *values, *kernels.transposed(cubes), *padded, *lengths)
