"""Serialized Examples as tensors: parse_example and parse_single_example."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import Tensor, constant, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import example_kernels as kernels
from reflow.ops.array import rank
from reflow.ops.check import Assert
from reflow.ops.comparison import equal
from reflow.ops.control import with_dependencies
from reflow.ops.parsing_features import EXAMPLE_TYPES, SparseFeature, Wanted, of_any_length, wanted
from reflow.ops.shaping import expand_dims, reshape, squeeze
from reflow.ops.slicing import slice as slice_
from reflow.ops.sparse_layout import sparse_merge

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_.\-/]")


def in_name(key: str) -> str:
    """A key as a part of a node's name."""
    return _NOT_IN_NAMES.sub("_", key)


def sparse_shapes(count: int, rank_: int) -> list[TensorShape]:
    """Static shapes of the indices, values and shapes of `count` sparse tensors."""
    return (
        [TensorShape.of((None, rank_))] * count
        + [TensorShape.of((None,))] * count
        + [TensorShape.of((rank_,))] * count
    )


def _example_shapes(node: Any) -> list[TensorShape]:
    batch = node.inputs[0].shape.with_rank(1)
    node.inputs[1].shape.with_rank(1)
    dense = [batch.concatenate(shape) for shape in node.attrs["dense_shapes"]]
    return sparse_shapes(node.attrs["Nsparse"], 2) + dense


def _single_shapes(node: Any) -> list[TensorShape]:
    node.inputs[0].shape.with_rank(0)
    return [*sparse_shapes(node.attrs["num_sparse"], 1), *node.attrs["dense_shapes"]]


register("ParseExample", shape=_example_shapes, host=kernels.parse_example, gradient=None)
register("ParseSingleExample", shape=_single_shapes, host=kernels.parse_single_example, gradient=None)


def parse_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of a batch of serialized Examples.

    Args:
        serialized: a string vector, each string a serialized `tf.train.Example`.
        features: by key, what to parse and how: `FixedLenFeature`, `FixedLenSequenceFeature`, `VarLenFeature`
            or `SparseFeature`.
        name: the name of the operation.
        example_names: a string vector, what errors call the examples.

    Returns: a dict of the same keys. A `FixedLenFeature` gives a tensor `[batch, *shape]`; a
    `FixedLenSequenceFeature` gives `[batch, longest, *shape]`, filled up with its default; a `VarLenFeature`
    gives a SparseTensor `[batch, longest]`; a `SparseFeature` gives a SparseTensor `[batch, size]`.

    Raises:
        ValueError: a feature is not described well, or there is none.
        tf.errors.InvalidArgumentError (when run): a string is not an Example; a feature is missing, or is not
            of the type or the number of values described.

    >>> import reflow as tf
    >>> values = tf.train.FloatList(value=[0.5, 1.5])
    >>> one = tf.train.Example(features=tf.train.Features(feature={"x": tf.train.Feature(float_list=values)}))
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     parsed = tf.parse_example([one.SerializeToString()], {
    ...         "x": tf.FixedLenFeature([2], tf.float32),
    ...         "label": tf.FixedLenFeature([], tf.int64, default_value=-1),
    ...     })
    ...     print(sorted(sess.run(parsed).items()))
    [('label', array([-1])), ('x', array([[0.5, 1.5]], dtype=float32))]
    """
    if not features:
        raise ValueError(f"Missing: features was {features}.")
    features = of_any_length(features)
    parsed = _parse_batch(serialized, example_names, wanted(features, EXAMPLE_TYPES), name)
    return with_sparse_features(features, parsed)


def _parse_batch(serialized: Any, names: Any, parts: Wanted, name: str | None) -> dict[str, Any]:
    with name_scope(name, "ParseExample", [serialized, names]):
        indices, values, sizes, dense = emit(
            "ParseExample",
            serialized,
            [] if names is None else names,
            parts.sparse_keys,
            parts.dense_keys,
            defaults_of(parts),
            sparse_types=parts.sparse_types,
            dense_shapes=parts.dense_shapes,
            name=name,
        )
    return by_key(parts, indices, values, sizes, dense)


def by_key(parts: Wanted, indices: Any, values: Any, sizes: Any, dense: Any) -> dict[str, Any]:
    """What an op returns, by key."""
    sparse = [SparseTensor(*triple) for triple in zip(indices, values, sizes, strict=True)]
    return dict(zip(parts.sparse_keys + parts.dense_keys, [*sparse, *dense], strict=True))


def defaults_of(parts: Wanted) -> list[Tensor]:
    """The defaults of the dense features, as tensors."""
    rows = zip(parts.dense_keys, parts.dense_types, parts.dense_shapes, strict=True)
    return [_default(key, parts.dense_defaults.get(key), dtype, shape) for key, dtype, shape in rows]


def _default(key: str, value: Any, dtype: Any, shape: TensorShape) -> Tensor:
    """The default of a feature as the ops take it: a scalar to fill with, a whole value, or nothing."""
    if shape.ndims and shape.ints[0] is None:  # type: ignore[index]
        if value is None:
            return convert_to_tensor("" if dtypes.as_dtype(dtype) == dtypes.string else 0, dtype)
        filler = convert_to_tensor(value, dtype, name=f"padding_{in_name(key)}")
        return reshape(filler, [])
    return default_of(key, value, dtype, shape)


def default_of(key: str, value: Any, dtype: Any, shape: TensorShape | None) -> Tensor:
    """The default of a feature of fixed shape: an empty tensor for none; reshaped if a shape is given."""
    if value is None:
        return constant([], dtype)
    if isinstance(value, Tensor):
        return value
    tensor = convert_to_tensor(value, dtype, name=f"key_{in_name(key)}")
    return tensor if shape is None else reshape(tensor, shape)


def with_sparse_features(features: Mapping[str, Any], parsed: dict[str, Any]) -> dict[str, Any]:
    """The parsed features with the parts of each SparseFeature put together."""
    result = dict(parsed)
    for key in sorted(features):
        feature = features[key]
        if isinstance(feature, SparseFeature):
            one = isinstance(feature.index_key, str)
            ids = result[feature.index_key] if one else [result[k] for k in feature.index_key]
            result[key] = sparse_merge(
                ids, result[feature.value_key], feature.size, already_sorted=feature.already_sorted
            )
    return {key: value for key, value in result.items() if key in features}


def parse_single_example(
    serialized: Any, features: Mapping[str, Any], name: str | None = None, example_names: Any = None
) -> dict[str, Any]:
    """The features of one serialized Example.

    Args:
        serialized: a scalar string, a serialized `tf.train.Example`.
        features: by key, what to parse and how: `FixedLenFeature`, `FixedLenSequenceFeature`, `VarLenFeature`
            or `SparseFeature`.
        name: the name of the operation.
        example_names: a scalar string, what errors call the example.

    Returns: a dict of the same keys. A `FixedLenFeature` gives a tensor of its shape; a
    `FixedLenSequenceFeature` gives `[length, *shape]`; a `VarLenFeature` and a `SparseFeature` give a
    SparseTensor with one dimension (or as many as the latter has).

    Raises: as `parse_example`.

    >>> import reflow as tf
    >>> label = tf.train.Feature(int64_list=tf.train.Int64List(value=[7]))
    >>> one = tf.train.Example(features=tf.train.Features(feature={"label": label}))
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     features = {"label": tf.FixedLenFeature([], tf.int64)}
    ...     print(sess.run(tf.parse_single_example(one.SerializeToString(), features)["label"]))
    7
    """
    if not features:
        raise ValueError("Missing features.")
    features = of_any_length(features)
    parts = wanted(features, EXAMPLE_TYPES)
    if example_names is None:
        return with_sparse_features(features, _parse_one(serialized, parts, name))
    return with_sparse_features(features, _parse_named(serialized, example_names, parts, name))


def _parse_one(serialized: Any, parts: Wanted, name: str | None) -> dict[str, Any]:
    with name_scope(name, "ParseSingleExample", [serialized]):
        serialized = convert_to_tensor(serialized, name="serialized")
        indices, values, sizes, dense = emit(
            "ParseSingleExample",
            serialized,
            defaults_of(parts),
            num_sparse=len(parts.sparse_keys),
            sparse_keys=parts.sparse_keys,
            sparse_types=parts.sparse_types,
            dense_keys=parts.dense_keys,
            dense_shapes=parts.dense_shapes,
            name=name,
        )
    return by_key(parts, indices, values, sizes, dense)


def _parse_named(serialized: Any, names: Any, parts: Wanted, name: str | None) -> dict[str, Any]:
    """One Example with a name, as a batch of one."""
    with name_scope(name, "ParseSingleExample", [serialized, names]):
        batch = expand_dims(_checked_scalar(serialized, "serialized", "Serialized"), 0)
        labels = expand_dims(_checked_scalar(names, "names", "Names"), 0)
        parsed = _parse_batch(batch, labels, parts, name)
        for key in parts.dense_keys:
            parsed[key] = squeeze(parsed[key], [0], name=f"Squeeze_{in_name(key)}")
        for key in parts.sparse_keys:
            parsed[key] = _without_batch(parsed[key], in_name(key))
        return parsed


def _checked_scalar(value: Any, what: str, title: str) -> Tensor:
    """A tensor that is a scalar, which is checked when it runs if it isn't known now."""
    tensor = convert_to_tensor(value)
    message = f"Input {what} must be a scalar"
    if tensor.shape.ndims is None:
        check = Assert(equal(rank(tensor), 0), [message], name=f"{title}IsScalar")
        return with_dependencies([check], tensor, name=f"{title}Dependencies")  # type: ignore[no-any-return]
    if tensor.shape.ndims:
        raise ValueError(message)
    return tensor


def _without_batch(sparse: SparseTensor, name: str) -> SparseTensor:
    """A sparse tensor of one row as a vector."""
    indices = slice_(sparse.indices, [0, 1], [-1, -1], name=f"Slice_Indices_{name}")
    return SparseTensor(
        indices, sparse.values, slice_(sparse.dense_shape, [1], [-1], name=f"Squeeze_Shape_{name}")
    )
