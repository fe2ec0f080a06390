"""The arguments of `padded_batch` as tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.data import nest, structure
from reflow.graph.composite import SparseTensor
from reflow.graph.constant import constant_value_as_shape
from reflow.graph.graph import convert_to_tensor
from reflow.graph.node import Tensor


def padding_arguments(element_spec: Any, padded_shapes: Any, padding_values: Any) -> tuple[Any, Any, Any]:
    """The shapes to pad to and the values to pad with, as flat lists of tensors, and the padded structure."""
    types, shapes, classes = (structure.legacy(element_spec, i) for i in range(3))
    if any(c is SparseTensor for c in nest.flatten(classes)):
        raise TypeError("Batching of padded sparse tensors is not currently supported")
    if padding_values is None:
        padding_values = nest.map_structure(_zero, types)
    wanted = nest.flatten_up_to(shapes, padded_shapes)
    pairs = zip(wanted, nest.flatten(shapes), strict=True)
    targets = [shape_vector(want, have) for want, have in pairs]
    values = nest.flatten(nest.map_structure_up_to(shapes, _value, padding_values, types))
    known = nest.pack_sequence_as(shapes, [constant_value_as_shape(t) for t in targets])
    return targets, values, structure.from_legacy(types, known, classes)


def _zero(dtype: dtypes.DType) -> Any:
    if dtype.base_dtype == dtypes.string:
        return ""
    if dtype.base_dtype == dtypes.variant:
        raise TypeError("Unable to create padding for field of type 'variant'")
    return np.zeros((), dtype.as_numpy_dtype)[()]


def _value(value: Any, dtype: dtypes.DType) -> Tensor:
    tensor = convert_to_tensor(value, name="padding_value")
    if not tensor.shape.is_compatible_with(TensorShape([])):
        raise ValueError(f"Padding value should be a scalar, but is not: {tensor}")
    if tensor.dtype != dtype:
        raise TypeError(f"Padding value tensor ({tensor}) does not match output type: {dtype}")
    return tensor


def shape_vector(shape: Any, have: Any = None) -> Tensor:
    """A partly known shape as an int64 vector, -1 for what is unknown.

    ValueError when it is no shape or `have`, the shape of the elements, does not fit into it.
    """
    try:
        static = as_shape(shape)
        sizes = [-1 if d is None else d for d in static.as_list()]
        vector = convert_to_tensor(sizes, dtypes.int64)
    except (TypeError, ValueError):
        vector = convert_to_tensor(shape, preferred_dtype=dtypes.int64)
        _check_vector(shape, vector)
        static = constant_value_as_shape(vector)
    if have is not None and not _fits(static, have):
        raise ValueError(
            f"The padded shape {static} is not compatible with the corresponding input component shape "
            f"{have}."
        )
    return vector


def _check_vector(shape: Any, vector: Tensor) -> None:
    if vector.shape.ndims not in (None, 1):
        raise ValueError(
            f"Padded shape {shape} must be a 1-D tensor of tf.int64 values, but its shape was {vector.shape}."
        )
    if vector.dtype != dtypes.int64:
        raise TypeError(
            f"Padded shape {shape} must be a 1-D tensor of tf.int64 values, but its element type was "
            f"{vector.dtype.name}."
        )


def _fits(padded: TensorShape, have: TensorShape) -> bool:
    if padded.ints is None or have.ints is None:
        return True
    if len(padded.ints) != len(have.ints):
        return False
    pairs = zip(padded.ints, have.ints, strict=True)
    return all(p is None or h is None or p >= h for p, h in pairs)
