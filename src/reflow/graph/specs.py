"""What is known of a value before it is there: its type and shape (`tf.TensorSpec` and its kin)."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.composite import SparseTensor, SparseTensorValue
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Tensor


class TypeSpec:
    """The base of all specs: what kind of value, made of which tensors.

    Attributes:
        value_type: the class of the values.
    """

    value_type: Any = None

    def _key(self) -> tuple[Any, ...]:
        """What makes the spec what it is."""
        raise NotImplementedError

    def is_compatible_with(self, spec_or_value: Any) -> bool:
        """Whether a spec, or a value, may be of this spec, unknown dimensions being any."""
        other = spec_or_value if isinstance(spec_or_value, TypeSpec) else spec_of(spec_or_value)
        return type(self) is type(other) and _compatible(self._key(), other._key())

    def most_specific_compatible_type(self, other: Any) -> Any:
        """The narrowest spec that takes the values of both. ValueError when there is none."""
        raise ValueError(f"No TypeSpec is compatible with both {self} and {other}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and _comparable(self._key()) == _comparable(other._key())

    def __hash__(self) -> int:
        return hash((type(self), _comparable(self._key())))

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._key()!r}"

    # The tensors that a value is made of, as datasets pass them.

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        raise NotImplementedError

    def _to_tensor_list(self, value: Any) -> list[Tensor]:
        raise NotImplementedError

    def _to_batched_tensor_list(self, value: Any) -> list[Tensor]:
        """The tensors of a value whose first dimension counts elements."""
        tensors = self._to_tensor_list(value)
        if any(t.shape.ndims == 0 for t in tensors):
            raise ValueError(f"Value {value} has insufficient rank for batching.")
        return tensors

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        raise NotImplementedError

    def _batch(self, batch_size: Any) -> Any:
        raise TypeError(f"Values of {self} cannot be batched")

    def _unbatch(self) -> Any:
        raise TypeError(f"Values of {self} cannot be unbatched")

    # Type, shape and class, as programs older than specs have them.

    @property
    def _legacy(self) -> tuple[Any, Any, Any]:
        return self, self, self


def _compatible(a: Any, b: Any) -> bool:
    if isinstance(a, tuple) and isinstance(b, tuple):
        return len(a) == len(b) and all(map(_compatible, a, b))
    if isinstance(a, (TensorShape, dtypes.DType, TypeSpec)):
        return type(a) is type(b) and bool(a.is_compatible_with(b))
    return bool(a == b)


def _comparable(key: Any) -> Any:
    """A key with shapes as tuples, which are equal when they are the same."""
    if isinstance(key, tuple):
        return tuple(map(_comparable, key))
    if isinstance(key, dict):
        return tuple((k, _comparable(key[k])) for k in sorted(key))
    return key.ints if isinstance(key, TensorShape) else key


class TensorSpec(TypeSpec):
    """The type and shape of a tensor.

    >>> import reflow as tf
    >>> spec = tf.TensorSpec([None, 3], tf.float32, name="x")
    >>> spec
    TensorSpec(shape=(?, 3), dtype=tf.float32, name='x')
    >>> spec.is_compatible_with(tf.zeros([2, 3]))
    True
    """

    value_type = Tensor

    def __init__(self, shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> None:
        self._shape = as_shape(shape)
        self._dtype = dtypes.as_dtype(dtype)
        self._name = name

    @classmethod
    def from_spec(cls, spec: Any, name: str | None = None) -> Any:
        """A spec like another, under a name of its own."""
        return cls(spec.shape, spec.dtype, name or spec.name)

    @classmethod
    def from_tensor(cls, tensor: Any, name: str | None = None) -> Any:
        """The spec of a tensor, named after its operation."""
        if not isinstance(tensor, Tensor):
            raise ValueError("`tensor` should be a tf.Tensor")
        return cls(tensor.shape, tensor.dtype, name or tensor.op.name)

    @property
    def shape(self) -> TensorShape:
        """The shape, as far as it is known."""
        return self._shape

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self._dtype

    @property
    def name(self) -> str | None:
        """The name, if one was given."""
        return self._name

    def is_compatible_with(self, spec_or_tensor: Any) -> bool:
        """Whether a spec or a tensor is of this type and may be of this shape; the name does not count."""
        if not isinstance(spec_or_tensor, (TensorSpec, Tensor)):
            return False
        same = self._dtype.is_compatible_with(spec_or_tensor.dtype)
        return bool(same and self._shape.is_compatible_with(spec_or_tensor.shape))

    def most_specific_compatible_type(self, other: Any) -> Any:
        """The narrowest spec that takes the values of both. ValueError when their types differ."""
        if type(self) is not type(other) or self._dtype != other.dtype:
            raise ValueError(f"Types are not compatible: {self!r} vs {other!r}")
        shape = self._shape.most_specific_compatible_shape(other.shape)
        return TensorSpec(shape, self._dtype, self._name if self._name == other.name else None)

    def _key(self) -> tuple[Any, ...]:
        return self._shape, self._dtype, self._name

    def __repr__(self) -> str:
        return f"TensorSpec(shape={self.shape}, dtype={self.dtype!r}, name={self.name!r})"

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [self]

    def _to_tensor_list(self, value: Any) -> list[Tensor]:
        tensor = convert_to_tensor(value, self._dtype)
        if not tensor.shape.is_compatible_with(self._shape):
            raise ValueError(
                f"Value {value!r} is not convertible to a tensor with dtype {self._dtype} and shape "
                f"{self._shape}."
            )
        return [tensor]

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        (tensor,) = tensors
        tensor.set_shape(self._shape)
        return tensor

    def _batch(self, batch_size: Any) -> Any:
        return TensorSpec(TensorShape([batch_size]).concatenate(self._shape), self._dtype)

    def _unbatch(self) -> Any:
        if self._shape.ndims == 0:
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        return TensorSpec(self._shape[1:], self._dtype)

    @property
    def _legacy(self) -> tuple[Any, Any, Any]:
        return self._dtype, self._shape, Tensor


class SparseTensorSpec(TypeSpec):
    """The type and dense shape of a `SparseTensor`.

    >>> import reflow as tf
    >>> tf.SparseTensorSpec([None, 3], tf.int64)
    SparseTensorSpec(TensorShape([Dimension(None), Dimension(3)]), tf.int64)
    """

    value_type = SparseTensor

    def __init__(self, shape: Any = None, dtype: Any = dtypes.float32) -> None:
        self._shape = as_shape(shape)
        self._dtype = dtypes.as_dtype(dtype)

    @property
    def shape(self) -> TensorShape:
        """The dense shape, as far as it is known."""
        return self._shape

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self._dtype

    @classmethod
    def from_value(cls, value: Any) -> Any:
        """The spec of a SparseTensor or SparseTensorValue."""
        if isinstance(value, SparseTensorValue):
            values = value.values
            return (
                cls(tuple(value.dense_shape), values.dtype)
                if hasattr(values, "dtype")
                else cls.from_value(SparseTensor.from_value(value))
            )
        if not isinstance(value, SparseTensor):
            raise TypeError("Expected SparseTensor or SparseTensorValue")
        return cls(value.shape, value.dtype)

    def most_specific_compatible_type(self, other: Any) -> Any:
        """The narrowest spec that takes the values of both. ValueError when their types differ."""
        if type(self) is not type(other) or self._dtype != other.dtype:
            raise ValueError(f"Types are not compatible: {self!r} vs {other!r}")
        return SparseTensorSpec(self._shape.most_specific_compatible_shape(other.shape), self._dtype)

    def _key(self) -> tuple[Any, ...]:
        return self._shape, self._dtype

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [TensorSpec(None, dtypes.variant)]

    def _to_tensor_list(self, value: Any) -> list[Tensor]:
        return [_serialized("SerializeSparse", value)]

    def _to_batched_tensor_list(self, value: Any) -> list[Tensor]:
        if self._shape.ndims == 0:
            raise ValueError("Unbatching a sparse tensor is only supported for rank >= 1")
        return [_serialized("SerializeManySparse", value)]

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Any:
        parts = emit("DeserializeSparse", tensors[0], dtype=self._dtype)
        result = SparseTensor(*parts)
        rank = self._shape.ndims
        result.indices.set_shape([None, rank])
        result.dense_shape.set_shape([rank])
        return result

    def _batch(self, batch_size: Any) -> Any:
        return SparseTensorSpec(TensorShape([batch_size]).concatenate(self._shape), self._dtype)

    def _unbatch(self) -> Any:
        if self._shape.ndims == 0:
            raise ValueError("Unbatching a tensor is only supported for rank >= 1")
        return SparseTensorSpec(self._shape[1:], self._dtype)

    @property
    def _legacy(self) -> tuple[Any, Any, Any]:
        return self._dtype, self._shape, SparseTensor


def _serialized(op_type: str, value: Any) -> Tensor:
    sparse = SparseTensor.from_value(value)
    parts = sparse.indices, sparse.values, sparse.dense_shape
    return emit(op_type, *parts, out_type=dtypes.variant)  # type: ignore[no-any-return]


def known_spec(value: Any) -> TypeSpec | None:
    """The spec of a tensor, sparse tensor or other composite; None for what would have to be converted."""
    if isinstance(value, Tensor):
        return TensorSpec(value.shape, value.dtype)
    if isinstance(value, (SparseTensor, SparseTensorValue)):
        return SparseTensorSpec.from_value(value)  # type: ignore[no-any-return]
    own = getattr(value, "_type_spec", None)
    return own if isinstance(own, TypeSpec) else None


def spec_of(value: Any) -> TypeSpec:
    """The spec of a value, converted to a tensor if need be. TypeError when it has none."""
    spec = known_spec(value)
    if spec is None:
        with contextlib.suppress(ValueError, TypeError):
            spec = known_spec(convert_to_tensor(value))
    if spec is None:
        raise TypeError(f"Could not build a TypeSpec for {value!r} with type {type(value).__name__}")
    return spec
