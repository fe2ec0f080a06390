"""`convert_to_tensor`: whatever a program passes where a tensor is wanted, as a tensor of the graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import Dimension, TensorShape
from reflow.graph import scopes
from reflow.graph.constant import make_constant
from reflow.graph.node import Tensor


def convert(
    graph: Any,
    value: Any,
    dtype: Any = None,
    name: str | None = None,
    as_ref: bool = False,
    preferred_dtype: Any = None,
) -> Tensor:
    """`value` as a Tensor: itself, a variable's value, a packed list that holds tensors, or a new
    constant.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    if isinstance(value, Tensor):
        return _checked(value, wanted, name)
    own = getattr(value, "_as_tensor", None)
    if own is not None:
        return _checked(own(dtype=dtype, name=name, as_ref=as_ref), wanted, name)
    if wanted is None and preferred_dtype is not None:
        try:
            return _convert_value(graph, value, dtypes.as_dtype(preferred_dtype), name, as_ref)
        except (TypeError, ValueError):
            pass  # the preference does not fit the value: its own type then
    return _convert_value(graph, value, wanted, name, as_ref)


def _checked(tensor: Tensor, wanted: dtypes.DType | None, name: str | None) -> Tensor:
    if wanted is not None and not wanted.is_compatible_with(tensor.dtype):
        raise ValueError(
            f"Tensor conversion requested dtype {wanted.name} for Tensor with dtype "
            f"{tensor.dtype.name}: {str(tensor)!r}"
        )
    return tensor


def _convert_value(
    graph: Any, value: Any, wanted: dtypes.DType | None, name: str | None, as_ref: bool
) -> Tensor:
    for _, kind, function in scopes.process.conversions:
        if isinstance(value, kind):
            result = function(value, dtype=wanted, name=name, as_ref=as_ref)
            if result is not NotImplemented:
                return _checked(result, wanted, name)
    if isinstance(value, TensorShape):
        return _shape_constant(graph, value, wanted, name)
    if isinstance(value, Dimension):
        if value.value is None:
            raise ValueError(f"Cannot convert an unknown Dimension to a Tensor: {value}")
        if wanted is not None and wanted not in (dtypes.int32, dtypes.int64):
            raise TypeError(f"Cannot convert a Dimension to dtype {wanted.name}: it is int32 or int64")
        return make_constant(graph, value.value, wanted or dtypes.int32, name=name or "shape_as_tensor")
    if isinstance(value, (list, tuple)) and holds_tensor(value):
        return pack_list(graph, value, wanted, name or "packed")
    if value is None:
        raise ValueError("None values not supported.")
    value = _without_dimensions(value)
    return make_constant(graph, value, wanted, name=name or "Const")


def _shape_constant(graph: Any, shape: TensorShape, wanted: dtypes.DType | None, name: str | None) -> Tensor:
    if not shape.is_fully_defined():
        raise ValueError(f"Cannot convert a partially known TensorShape to a Tensor: {shape}")
    if wanted is not None and wanted not in (dtypes.int32, dtypes.int64):
        raise TypeError(f"Cannot convert a TensorShape to dtype {wanted.name}: it is int32 or int64")
    return make_constant(
        graph, np.array(shape.as_list(), np.int32), wanted or dtypes.int32, name=name or "shape_as_tensor"
    )


def _without_dimensions(value: Any) -> Any:
    """The value with every Dimension of a list replaced by its number."""
    if isinstance(value, (list, tuple)) and any(isinstance(x, (Dimension, list, tuple)) for x in value):
        return [_without_dimensions(x) for x in value]
    if isinstance(value, Dimension):
        if value.value is None:
            raise TypeError("Cannot convert an unknown Dimension to a number: use tf.shape(x)[i] for it")
        return value.value
    return value


def is_tensor_like(value: Any) -> bool:
    """Whether `value` stands for a tensor: a Tensor, a Variable, IndexedSlices, a SparseTensor."""
    return isinstance(value, Tensor) or hasattr(value, "_as_tensor") or getattr(value, "_is_sparse", False)


def holds_tensor(value: Any) -> bool:
    """Whether a nested list holds a tensor anywhere."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, (list, tuple)):
            todo.extend(item)
        elif isinstance(item, Tensor) or hasattr(item, "_as_tensor"):
            return True
    return False


def _dtype_of(value: Any) -> dtypes.DType | None:
    """The type of the first tensor in a nested list."""
    todo = [value]
    while todo:
        item = todo.pop(0)
        if isinstance(item, (list, tuple)):
            todo[:0] = list(item)
        elif hasattr(item, "_as_tensor"):
            return item.dtype.base_dtype  # type: ignore[no-any-return]
    return None


def pack_list(graph: Any, values: Any, wanted: dtypes.DType | None, name: str) -> Tensor:
    """A list that holds tensors as a tensor of type `wanted`, or else of the first tensor's type."""
    own = _dtype_of(values)
    if wanted is not None and own != wanted.base_dtype:
        values = _cast_tensors(graph, values, wanted.base_dtype)
    return pack_nested(graph, values, own if wanted is None else wanted.base_dtype, name)


def _cast_tensors(graph: Any, item: Any, dtype: dtypes.DType) -> Any:
    """The nested list with its tensors cast to `dtype`."""
    if isinstance(item, (list, tuple)):
        return [_cast_tensors(graph, x, dtype) for x in item]
    if not hasattr(item, "_as_tensor"):
        return item
    tensor = convert(graph, item)
    return tensor if tensor.dtype.base_dtype == dtype else graph.emit("Cast", tensor, DstT=dtype)


def pack_nested(graph: Any, values: Any, dtype: Any, name: str) -> Tensor:
    """A nested list that holds tensors, as nested `Pack` nodes; plain numbers become constants named by
    position.
    """
    with graph.name_scope(name) as scope:
        parts = [_pack_part(graph, item, dtype, str(i)) for i, item in enumerate(values)]
        return graph.emit("Pack", parts, axis=0, name=scope)  # type: ignore[no-any-return]


def _pack_part(graph: Any, item: Any, dtype: Any, name: str) -> Tensor:
    if isinstance(item, (list, tuple)):
        if holds_tensor(item):
            return pack_nested(graph, item, dtype, name)
        graph.unique_name(name)  # TensorFlow opens a scope for the list first, which uses the name up
        return make_constant(graph, _without_dimensions(item), dtype, name=name)
    if isinstance(item, Tensor) or hasattr(item, "_as_tensor"):
        tensor = convert(graph, item)
        if dtype is not None and tensor.dtype.base_dtype != dtypes.as_dtype(dtype).base_dtype:
            raise TypeError(
                f"Cannot convert a list containing a tensor of dtype {tensor.dtype.name} to "
                f"{dtypes.as_dtype(dtype).name} (Tensor is: {tensor!r})"
            )
        return tensor
    return make_constant(graph, _without_dimensions(item), dtype, name=name)
