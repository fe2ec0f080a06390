"""Tensors as TensorProto messages and back, for programs that serve or store them."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.constant import as_array
from reflow.graph.graphdef import tensor_array, tensor_proto


def make_tensor_proto(
    values: Any,
    dtype: Any = None,
    shape: Any = None,
    verify_shape: bool = False,
    allow_broadcast: bool = False,
) -> Any:
    """A TensorProto message of values.

    Args:
        values: a number, string, array or nested lists.
        dtype: the type, when it should not follow from the values.
        shape: the shape; values of as many elements are put into it.
        verify_shape: refuse values that are not of `shape`.
        allow_broadcast: take one value, or fewer values, for all elements: the last one is repeated.

    Raises ValueError for values that do not fit the shape, TypeError for those that do not fit the type.

    >>> import reflow as tf
    >>> tf.make_tensor_proto([1.0, 2.0]).tensor_shape.dim[0].size
    2
    """
    if hasattr(values, "tensor_shape") and hasattr(values, "dtype"):
        return values
    array = as_array(values, None if dtype is None else dtypes.as_dtype(dtype))
    if shape is not None:
        array = _in_shape(array, tuple(int(d) for d in shape), verify_shape, allow_broadcast)
    wanted = dtypes.string if array.dtype == object else dtypes.as_dtype(array.dtype)
    return tensor_proto(array, wanted)


def _in_shape(array: np.ndarray, shape: tuple[int, ...], verify: bool, broadcast: bool) -> np.ndarray:
    size = int(np.prod(shape))
    if verify and array.shape != shape:
        raise TypeError(f"Expected Tensor's shape: {shape}, got {array.shape}.")
    if array.size > size:
        raise ValueError(f"Too many elements provided. Needed at most {size}, but received {array.size}")
    if array.size < size:
        if not broadcast or not array.size:
            raise ValueError(f"Too few elements provided. Needed {size}, but received {array.size}")
        flat = array.reshape(-1)
        array = np.concatenate([flat, np.repeat(flat[-1:], size - array.size)])
    return array.reshape(shape)


def make_ndarray(tensor: Any) -> np.ndarray:
    """The values of a TensorProto message as a NumPy array.

    >>> import reflow as tf
    >>> tf.make_ndarray(tf.make_tensor_proto([[1, 2]]))
    array([[1, 2]], dtype=int32)
    """
    return tensor_array(tensor)
