"""What a program says of the features that it wants parsed, and what that means for the ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from reflow.base import dtypes
from reflow.base.shape import as_shape
from reflow.platform import logging


class VarLenFeature(NamedTuple):
    """A feature of any number of values, parsed into a `SparseTensor`.

    Args:
        dtype: float32, int64 or string.

    >>> VarLenFeature("float32").dtype
    'float32'
    """

    dtype: Any


class SparseFeature(NamedTuple):
    """A sparse vector (or array) whose indices and values are two features (or more).

    Args:
        index_key: the feature of the indices, or a list of those of each dimension: int64.
        value_key: the feature of the values.
        dtype: of the values: float32, int64 or string.
        size: how large the dimension is, or a list for the dimensions.
        already_sorted: the indices are in order, so that nothing needs sorting.

    >>> SparseFeature("ix", "val", "float32", 100).already_sorted
    False
    """

    index_key: Any
    value_key: Any
    dtype: Any
    size: Any
    already_sorted: bool = False


class FixedLenFeature(NamedTuple):
    """A feature of a fixed number of values, parsed into a dense `Tensor`.

    Args:
        shape: the shape of one example's values; all dimensions known.
        dtype: float32, int64 or string.
        default_value: what an example gets that lacks the feature: of this shape (or anything that can be
            reshaped to it). Without it, all examples must have the feature.

    >>> FixedLenFeature([], "int64", 0).default_value
    0
    """

    shape: Any
    dtype: Any
    default_value: Any = None


class FixedLenSequenceFeature(NamedTuple):
    """A feature of any number of elements of a fixed shape, parsed into a dense, padded `Tensor`.

    In a SequenceExample it is a feature list, with one element in each feature.

    Args:
        shape: the shape of an element.
        dtype: float32, int64 or string.
        allow_missing: an example may lack the feature, and then has no elements. Must be true when Examples
            are parsed.
        default_value: a scalar that fills the rows of a batch that are shorter than the longest; 0 or ""
            without it. Not for SequenceExamples.

    >>> FixedLenSequenceFeature([2], "float32", allow_missing=True).shape
    [2]
    """

    shape: Any
    dtype: Any
    allow_missing: bool = False
    default_value: Any = None


EXAMPLE_TYPES = (VarLenFeature, SparseFeature, FixedLenFeature, FixedLenSequenceFeature)
CONTEXT_TYPES = (VarLenFeature, FixedLenFeature)
LIST_TYPES = (VarLenFeature, FixedLenSequenceFeature)


@dataclass
class Wanted:
    """The features as the ops take them: sparse ones and dense ones, each sorted by key."""

    sparse_keys: list[str] = field(default_factory=list)
    sparse_types: list[Any] = field(default_factory=list)
    dense_keys: list[str] = field(default_factory=list)
    dense_types: list[Any] = field(default_factory=list)
    dense_shapes: list[Any] = field(default_factory=list)
    dense_defaults: dict[str, Any] = field(default_factory=dict)

    def add_sparse(self, key: str, dtype: Any) -> None:
        """Want a sparse feature, which may be wanted already; ValueError when it is, with another type."""
        if key not in self.sparse_keys:
            self.sparse_keys.append(key)
            self.sparse_types.append(dtype)
            return
        known = self.sparse_types[self.sparse_keys.index(key)]
        if known != dtype:
            raise ValueError(f"Conflicting type {known} vs {dtype} for feature {key}.")

    def add_dense(self, key: str, shape: Any, dtype: Any) -> None:
        self.dense_keys.append(key)
        self.dense_types.append(dtype)
        self.dense_shapes.append(as_shape(shape))


def wanted(features: Mapping[str, Any] | None, allowed: Sequence[type]) -> Wanted:
    """The features as the ops take them. ValueError for what is wrong, or not among the types allowed."""
    result = Wanted()
    for key in sorted(features or ()):
        feature = features[key]  # type: ignore[index]
        kind = next((t for t in EXAMPLE_TYPES if isinstance(feature, t)), None)
        if kind is None:
            raise ValueError(f"Invalid feature {key}:{feature}.")
        if kind not in allowed:
            raise ValueError(f"Unsupported {kind.__name__} {feature}.")
        _ADD[kind](result, key, feature)
    return result


def _require_type(key: str, feature: Any) -> None:
    if not feature.dtype:
        raise ValueError(f"Missing type for feature {key}.")


def _require_shape(key: str, feature: Any) -> None:
    _require_type(key, feature)
    if feature.shape is None:
        raise ValueError(f"Missing shape for feature {key}.")


def _add_variable(result: Wanted, key: str, feature: VarLenFeature) -> None:
    _require_type(key, feature)
    # A feature that is wanted twice, here and as part of a SparseFeature, is listed twice, as in TensorFlow.
    result.sparse_keys.append(key)
    result.sparse_types.append(feature.dtype)


def _add_sparse(result: Wanted, key: str, feature: SparseFeature) -> None:
    if not feature.index_key:
        raise ValueError(f"Missing index_key for SparseFeature {feature}.")
    if not feature.value_key:
        raise ValueError(f"Missing value_key for SparseFeature {feature}.")
    _require_type(key, feature)
    index_keys = [feature.index_key] if isinstance(feature.index_key, str) else feature.index_key
    if len(index_keys) > 1:
        logging.warning(
            "SparseFeature is a complicated feature config and should only be used after careful "
            "consideration of VarLenFeature."
        )
    for index_key in sorted(index_keys):
        result.add_sparse(index_key, dtypes.int64)
    result.add_sparse(feature.value_key, feature.dtype)


def _add_fixed(result: Wanted, key: str, feature: FixedLenFeature) -> None:
    _require_shape(key, feature)
    shape = as_shape(feature.shape)
    if shape.ndims and shape.ints[0] is None:  # type: ignore[index]
        raise ValueError(
            f"First dimension of shape for feature {key} unknown. Consider using FixedLenSequenceFeature."
        )
    if not shape.is_fully_defined():
        raise ValueError(
            f"All dimensions of shape for feature {key} need to be known but received {feature.shape}."
        )
    result.add_dense(key, shape, feature.dtype)
    if feature.default_value is not None:
        result.dense_defaults[key] = feature.default_value


def _add_sequence(result: Wanted, key: str, feature: FixedLenSequenceFeature) -> None:
    _require_shape(key, feature)
    result.add_dense(key, feature.shape, feature.dtype)
    if feature.allow_missing or feature.default_value is not None:
        result.dense_defaults[key] = feature.default_value


_ADD: dict[type, Any] = {
    VarLenFeature: _add_variable,
    SparseFeature: _add_sparse,
    FixedLenFeature: _add_fixed,
    FixedLenSequenceFeature: _add_sequence,
}


def of_any_length(features: Mapping[str, Any]) -> dict[str, Any]:
    """The features with an unknown first dimension for sequences, which is how Examples are asked for them.

    ValueError for a sequence that may not be missing: in an Example, it always may.
    """
    result = dict(features)
    for key, feature in features.items():
        if isinstance(feature, FixedLenSequenceFeature):
            if not feature.allow_missing:
                raise ValueError(
                    f"Unsupported: FixedLenSequenceFeature requires allow_missing to be True. (Feature {key})"
                )
            result[key] = feature._replace(shape=[None, *feature.shape])
    return result
