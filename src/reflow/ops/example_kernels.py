"""What the ops compute that parse serialized Examples and SequenceExamples."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn

import numpy as np

from reflow.base import dtypes, examples
from reflow.base.example_layouts import Layouts
from reflow.base.examples import Column
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail

SHOWN = 1000  # bytes of a malformed example that an error shows


@dataclass(frozen=True)
class Wording:
    """How an op words its refusals. Each is a format string over what `Feature.refuse` gives it."""

    garbage: str
    mismatch: str
    malformed: str
    count: str
    missing: str
    sparse_mismatch: str = ""
    stride: str = ""


_IN_BATCH = "Name: {name}, Key: {key}, Index: {index}.  "
BATCH = Wording(
    garbage="Could not parse example input, value: '{data}'",
    mismatch=_IN_BATCH + "Data types don't match. Data type: {actual} but expected type: {wanted}",
    sparse_mismatch=_IN_BATCH + "Data types don't match. Expected type: {wanted}, Actual type: {actual}",
    malformed=_IN_BATCH + "Can't parse serialized Example.",
    count=_IN_BATCH + "Number of {noun} values != expected.  Values size: {size} but output shape: {shape}",
    stride=_IN_BATCH + "Number of {noun} values is not a multiple of stride length. "
    "Saw {size} values but output shape is: {shape}",
    missing="Name: {name}, Feature: {key} (data type: {wanted}) is required but could not be found.",
)
SINGLE = Wording(
    garbage=BATCH.garbage,
    mismatch="Key: {key}.  Data types don't match. Data type: {actual} but expected type: {wanted}",
    sparse_mismatch="Key: {key}.  Data types don't match. Expected type: {wanted}, Actual type: {actual}",
    malformed="Key: {key}.  Can't parse serialized Example.",
    count="Key: {key}.  Can't parse serialized Example.  Number of {noun} values != expected.  "
    "Values size: {size} but output shape: {shape}",
    stride="Key: {key}.  Can't parse serialized Example.  Number of {noun} values is not a multiple of "
    "stride length. Saw {size} values but output shape is: {shape}",
    missing="Feature: {key} (data type: {wanted}) is required but could not be found.",
)
CONTEXT = Wording(
    garbage=BATCH.garbage,
    mismatch="Name: {name}, Context feature: {key}.  Data types don't match. Expected type: {wanted}, "
    "Actual type: {actual}",
    malformed="Name: {name}, Context feature: {key}.  Can't parse serialized Example.",
    count="Name: {name}, Key: {key}, Index: {index}.  Number of {noun} values != expected.  "
    "Values size: {size} but output shape: {shape}",
    missing="Name: {name}, Context feature '{key}' is required but could not be found.",
)
FEATURE_LIST = Wording(
    garbage=BATCH.garbage,
    mismatch="Name: {name}, Feature list: {key}, Index: {index}.  Data types don't match. "
    "Expected type: {wanted}, Actual type: {actual}",
    malformed="Name: {name}, Feature list: {key}, Index: {index}.  Can't parse serialized Example.",
    count="Name: {name}, Key: {key}, Index: {index}.  Number of {noun} values != expected.  "
    "Values size: {size} but output shape: {shape}",
    missing="Name: {name}, Feature list '{key}' is required but could not be found.  Did you mean to include "
    "it in feature_list_dense_missing_assumed_empty or feature_list_dense_defaults?",
)
CONTEXT_BATCH = Wording(
    garbage="Invalid protocol message input, example id: {name}",
    mismatch="Error in context feature {key} in example {name}: its data type is {actual} "
    "but expected type: {wanted}",
    malformed="Error in context feature {key} in example {name}: can't parse serialized Example.",
    count="Inconsistent number of elements for feature {key} in example {name}: {size} values "
    "but output shape: {shape}",
    missing="Inconsistent number of elements for feature {key}: it is required but could not be found "
    "in example {name}",
)
FEATURE_LIST_BATCH = Wording(
    garbage=CONTEXT_BATCH.garbage,
    mismatch="Error in sequence feature {key} in example {name}: its data type is {actual} "
    "but expected type: {wanted}",
    malformed="Error in sequence feature {key} in example {name}: can't parse serialized Example.",
    count="Unexpected number of elements in feature {key}, example {name}: {size} values "
    "but output shape: {shape}",
    missing="Missing feature {key} in example {name}",
)


class Feature(NamedTuple):
    """A feature to be read from several examples."""

    key: str
    dtype: str
    names: Sequence[str]  # of the examples; fewer than there are when they have none
    wording: Wording
    shape: tuple[int | None, ...] = ()

    def refuse(self, what: str, index: int, **facts: Any) -> NoReturn:
        """Refuse the value of an example, as the op words it."""
        shown = ",".join("?" if d is None else str(d) for d in self.shape)
        fail(
            getattr(self.wording, what).format(
                name=name_of(self.names, index),
                key=self.key,
                index=index,
                wanted=examples.KINDS[self.dtype].type,
                noun=examples.KINDS[self.dtype].noun,
                shape=f"[{shown}]",
                **facts,
            )
        )
        raise AssertionError

    def read(
        self, features: Sequence[Any], owners: Sequence[int] | None = None, sparse: bool = False
    ) -> Column:
        """The values in `features`; `owners` are their examples, when these are not simply 0, 1, ..."""
        what = "sparse_mismatch" if sparse and self.wording.sparse_mismatch else "mismatch"

        def mismatch(i: int, field: str) -> None:
            self.refuse(what, i if owners is None else owners[i], actual=examples.TYPES[field])

        try:
            return examples.read(features, examples.KINDS[self.dtype], mismatch)
        except examples.MalformedError as error:
            i = error.args[0]
            self.refuse("malformed", i if owners is None else owners[i])


def name_of(names: Sequence[str], index: int) -> str:
    """The name of an example; that of the only one is also its rows'."""
    return names[min(index, len(names) - 1)] if names else "<unknown>"


def parsed(
    serialized: Sequence[bytes], names: Sequence[str], wording: Wording, sequence: bool = False
) -> list[Any]:
    """The messages; refuses what is none."""
    try:
        return examples.features_of(serialized, sequence)
    except examples.MalformedError as error:
        i = error.args[0]
        data = bytes(serialized[i][:SHOWN]).decode("utf-8", "backslashreplace")
        fail(wording.garbage.format(data=data, name=name_of(names, i)))
        raise AssertionError from None


# What is made of a column


def dense(feature: Feature, column: Column, default: np.ndarray) -> np.ndarray:
    """One row of a fixed shape from each example; examples without the feature get `default`."""
    size, count = math.prod(feature.shape), len(column.counts)  # type: ignore[arg-type]
    wrong = column.counts != size
    wrong[column.absent] = False
    if wrong.any():
        i = int(np.argmax(wrong))
        feature.refuse("count", i, size=int(column.counts[i]))
    if not column.absent:
        return column.values.reshape(count, *feature.shape)
    if not default.size:
        feature.refuse("missing", column.absent[0])
    rows = np.empty((count, size), column.values.dtype)
    present = np.ones(count, bool)
    present[column.absent] = False
    rows[present] = column.values.reshape(-1, size) if size else 0
    rows[~present] = default.reshape(-1)
    return rows.reshape(count, *feature.shape)


def strides(feature: Feature, column: Column) -> tuple[int, np.ndarray]:
    """How many values each further element of a feature of variable length takes, and its length in each
    example.
    """
    stride = math.prod(feature.shape[1:])  # type: ignore[arg-type]
    odd = column.counts % stride if stride else column.counts
    if odd.any():
        i = int(np.argmax(odd != 0))
        feature.refuse("stride", i, size=int(column.counts[i]))
    return stride, column.counts // max(stride, 1)


def padded(feature: Feature, column: Column, default: Any) -> np.ndarray:
    """The values of each example in a row, filled up to the longest with `default`."""
    stride, lengths = strides(feature, column)
    rows = spread(column.values, lengths, stride, default)
    return rows.reshape(*rows.shape[:2], *feature.shape[1:])


def spread(values: np.ndarray, lengths: np.ndarray, stride: int, default: Any) -> np.ndarray:
    """Rows of different lengths as an array `[rows, longest, stride]`."""
    longest = int(lengths.max(initial=0))
    rows = np.full((len(lengths), longest, stride), default, values.dtype)
    if values.size == rows.size:
        return values.reshape(rows.shape)
    rows[np.arange(longest) < lengths[:, None]] = values.reshape(-1, stride)
    return rows


def positions(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each of a ragged matrix's values its row, and its place there."""
    rows = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - starts[rows]


def sparse(column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The indices, the values and the shape of the sparse matrix with a row for each example."""
    indices = np.stack(positions(column.counts), axis=1)
    return indices, column.values, np.array([len(column.counts), column.counts.max(initial=0)], np.int64)


def sparse_vector(column: Column) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same of one example, as a vector."""
    count = len(column.values)
    return np.arange(count).reshape(count, 1), column.values, np.array([count], np.int64)


# The ops on Examples


def texts(inputs: Any) -> list[str]:
    """Keys and names as str."""
    return [np.asarray(x, object).item().decode("utf-8", "surrogateescape") for x in inputs]


def batch_of(serialized: Any, names: Any) -> tuple[list[bytes], list[str]]:
    """The strings of a batch and their names."""
    if np.ndim(serialized) != 1:
        fail(f"Expected serialized to be a vector, got shape: {shown(serialized)}")
    if np.size(names) not in (0, len(serialized)):
        fail(f"Expected len(names) == len(serialized), but got: {np.size(names)} vs. {len(serialized)}")
    return serialized.tolist(), texts(np.ravel(names))


def shown(value: Any) -> str:
    return f"[{','.join(map(str, np.shape(value)))}]"


def check_default(default: np.ndarray, shape: tuple[int | None, ...], i: int) -> None:
    """Refuse a default of another shape than the feature's."""
    if not shape or shape[0] is not None:
        if default.size and np.shape(default) != shape:
            wanted = ",".join(map(str, shape))
            fail(
                f"def_value[{i}].shape() == {shown(default)} is not compatible with "
                f"dense_shapes_[{i}] == [{wanted}]"
            )
    elif default.size != 1:
        fail(
            f"dense_shape[{i}] is a variable length shape: so the default must be a scalar, got shape: "
            f"{shown(default)}"
        )


def parse_example(
    ctx: Any,
    serialized: Any,
    names: Any,
    *rest: Any,
    Nsparse: int,  # noqa: N803
    Ndense: int,  # noqa: N803
    sparse_types: list[dtypes.DType],
    Tdense: list[dtypes.DType],  # noqa: N803
    dense_shapes: list[TensorShape],
) -> tuple[Any, ...]:
    strings, labels = batch_of(serialized, names)
    keys, defaults = texts(rest[: Nsparse + Ndense]), rest[Nsparse + Ndense :]
    layouts = ctx.node.graph.runtime.setdefault(f"example layouts of {ctx.node.name}", Layouts())
    read = _reader(strings, labels, keys, [*sparse_types, *Tdense], layouts)
    triples = [
        sparse(read(Feature(key, dtype.name, labels, BATCH), True))
        for key, dtype in zip(keys, sparse_types, strict=False)
    ]
    rows = []
    for i, (key, dtype, shape) in enumerate(zip(keys[Nsparse:], Tdense, dense_shapes, strict=True)):
        feature = Feature(key, dtype.name, labels, BATCH, shape.ints or ())
        check_default(defaults[i], feature.shape, i)
        column = read(feature, False)
        fixed = not feature.shape or feature.shape[0] is not None
        rows.append(
            dense(feature, column, defaults[i]) if fixed else padded(feature, column, defaults[i].item())
        )
    return (*transposed(triples), *rows)


def _reader(
    strings: list[bytes], labels: list[str], keys: list[str], types: list[dtypes.DType], layouts: Layouts
) -> Callable[[Feature, bool], Column]:
    """A function that reads a feature (the values of a sparse one?) of a batch, in the quickest way."""
    wanted = [(key, examples.KINDS[dtype.name]) for key, dtype in zip(keys, types, strict=True)]
    columns = examples.columns(strings, wanted, layouts)
    if columns is not None:
        known = {(key, kind.type): column for (key, kind), column in zip(wanted, columns, strict=True)}
        return lambda feature, sparse: known[feature.key, examples.KINDS[feature.dtype].type]
    maps = parsed(strings, labels, BATCH)
    return lambda feature, sparse: feature.read(examples.look_up(maps, feature.key), sparse=sparse)


def transposed(triples: Sequence[tuple[Any, Any, Any]]) -> list[Any]:
    """All indices, then all values, then all shapes."""
    return [triple[part] for part in range(3) for triple in triples]


def parse_single_example(
    ctx: Any,
    serialized: Any,
    *defaults: Any,
    sparse_keys: list[str],
    dense_keys: list[str],
    sparse_types: list[dtypes.DType],
    Tdense: list[dtypes.DType],  # noqa: N803
    dense_shapes: list[TensorShape],
) -> tuple[Any, ...]:
    data = [scalar_of(serialized)]
    (features,) = parsed(data, (), SINGLE)
    triples = []
    for key, dtype in zip(sparse_keys, sparse_types, strict=True):
        column = Feature(key, dtype.name, (), SINGLE).read(examples.look_up([features], key), sparse=True)
        triples.append(sparse_vector(column))
    rows = []
    for i, (key, dtype, shape) in enumerate(zip(dense_keys, Tdense, dense_shapes, strict=True)):
        feature = Feature(key, dtype.name, (), SINGLE, shape.ints or ())
        rows.append(single(feature, examples.look_up([features], key), defaults[i], i))
    return (*transposed(triples), *rows)


def scalar_of(serialized: Any) -> bytes:
    if np.ndim(serialized):
        fail(f"Expected serialized to be a scalar, got shape: {shown(serialized)}")
    return np.asarray(serialized, object).item()  # type: ignore[no-any-return]


def single(feature: Feature, features: list[Any], default: np.ndarray, number: int) -> np.ndarray:
    """A dense feature of one example."""
    column, shape = feature.read(features), feature.shape
    if shape and shape[0] is None:
        stride, _ = strides(feature, column)
        return column.values.reshape(-1 if stride else 0, *shape[1:])
    check_default(default, shape, number)
    if column.absent:
        if not default.size:
            feature.refuse("missing", 0)
        return default
    if len(column.values) != math.prod(shape):  # type: ignore[arg-type]
        feature.refuse("count", 0, size=len(column.values))
    return column.values.reshape(shape)  # type: ignore[arg-type]
