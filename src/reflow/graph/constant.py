"""Constants: Python values as `Const` nodes, and the values of tensors that are known before any run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import registry
from reflow.graph.node import Tensor

PYTHON_TYPES = {bool: dtypes.bool, int: dtypes.int32, float: dtypes.float32, complex: dtypes.complex128}
FOLD_LIMIT = 1 << 16  # elements; folding is for shape arithmetic, not for data


def as_array(value: Any, dtype: dtypes.DType | None = None) -> np.ndarray:
    """`value` as the NumPy array a constant of it holds.

    Python floats become float32 and Python integers int32, NumPy values keep their type, text becomes bytes.
    Raises TypeError when an element cannot be of `dtype`, ValueError when rows differ in length or a value
    does not fit.
    """
    if isinstance(value, np.ndarray):
        return _numpy_as(value, dtype) if value.dtype != object else _object_array(value, dtype)
    if dtype is not None and dtype.base_dtype == dtypes.string:
        return _bytes_array(value)
    leaf = _first_leaf(value)
    if isinstance(leaf, (str, bytes)):
        if dtype is not None:
            raise _not_of(dtype, leaf)
        return _bytes_array(value)
    _check_leaves(value, dtype)
    try:
        array = np.array(value)
    except ValueError as error:
        raise ValueError(
            f"Argument must be a dense tensor: its rows differ in shape ({error}): {value!r}"
        ) from None
    if array.dtype == object:
        if not _leaves_are_numbers(value):
            raise TypeError(f"Failed to convert object of type {type(value)} to Tensor. Contents: {value!r}")
        raise ValueError(f"Argument must be a dense tensor: {value!r} - its rows differ in shape.")
    return _python_array(array, value, leaf, dtype)


def _numpy_as(value: np.ndarray, dtype: dtypes.DType | None) -> np.ndarray:
    if value.dtype.kind in "US":
        if dtype is not None and dtype.base_dtype != dtypes.string:
            raise ValueError(f"An array of text cannot be a tensor of {dtype.name}: {value!r}")
        return _bytes_array(value)
    if dtype is not None and dtype.base_dtype == dtypes.string:
        raise TypeError(f"Expected string, got an array of {value.dtype.name} instead.")
    if dtype is None:
        dtypes.as_dtype(value.dtype)  # TypeError for what no tensor can hold
        return value
    target = dtype.as_numpy_dtype
    if value.dtype == target:
        return value
    with np.errstate(all="ignore"):  # arrays are cast as NumPy casts them, unlike Python's numbers
        return value.astype(target)


def _object_array(value: np.ndarray, dtype: dtypes.DType | None) -> np.ndarray:
    """An array of Python objects: texts, or numbers that go the way of a list."""
    texts = any(isinstance(x, (str, bytes)) for x in value.reshape(-1))
    return _bytes_array(value) if texts else as_array(value.tolist(), dtype)


def _not_of(dtype: dtypes.DType, leaf: Any) -> TypeError:
    return TypeError(f"Expected {dtype.name}, got {leaf!r} of type '{type(leaf).__name__}' instead.")


def _python_array(array: np.ndarray, value: Any, leaf: Any, dtype: dtypes.DType | None) -> np.ndarray:
    """The array of a Python value, of the type that Python's own numbers take."""
    if dtype is not None:
        if dtype.is_integer and array.size and array.dtype.kind in "iu" and not isinstance(value, np.generic):
            _check_range(array, dtype)
        with np.errstate(over="ignore"):  # what float16 cannot hold is inf in it
            return array.astype(dtype.as_numpy_dtype, copy=False)
    if isinstance(value, np.generic):
        return array
    if array.size == 0 or array.dtype == np.float64:
        with np.errstate(over="ignore"):  # 1e40 is inf
            return array.astype(np.float32)
    if array.dtype == np.int64:
        fits = array.min() >= -(2**31) and array.max() < 2**31
        return array.astype(np.int32 if fits else np.int64)
    return array


def _check_range(array: np.ndarray, dtype: dtypes.DType) -> None:
    info = np.iinfo(dtype.as_numpy_dtype)
    low, high = array.min(), array.max()
    if low < info.min or high > info.max:
        bad = low if low < info.min else high
        raise ValueError(f"Value {bad} is out of the range of {dtype.name} ({info.min} to {info.max})")


def _first_leaf(value: Any) -> Any:
    while isinstance(value, (list, tuple)) and value:
        value = value[0]
    return value


def _leaves(value: Any) -> list[Any]:
    found, todo = [], [value]
    while todo:
        item = todo.pop()
        if isinstance(item, (list, tuple)):
            todo.extend(reversed(item))
        else:
            found.append(item)
    return found


def _leaves_are_numbers(value: Any) -> bool:
    return all(isinstance(x, (bool, int, float, complex, np.generic, np.ndarray)) for x in _leaves(value))


def _check_leaves(value: Any, dtype: dtypes.DType | None) -> None:
    """TypeError for the first element that cannot be of `dtype`: Python's numbers are never truncated."""
    leaves = _leaves(value) if isinstance(value, (list, tuple)) else [value]
    first_kind = None
    for leaf in leaves:
        if leaf is None:
            error = ValueError if value is None else TypeError
            raise error("None values not supported.")
        if isinstance(leaf, Tensor):
            raise TypeError(f"List of Tensors when single Tensor expected: {leaf}")
        kind = _kind(leaf)
        if dtype is not None and not isinstance(leaf, np.generic) and kind not in _accepted_kinds(dtype):
            raise _not_of(dtype, leaf)
        if dtype is None and len(leaves) > 1:
            first_kind = first_kind or kind
            if (kind == "S") != (first_kind == "S"):
                raise TypeError(f"Expected values of one type, got {leaves[0]!r} and {leaf!r}")


def _accepted_kinds(dtype: dtypes.DType) -> str:
    """The kinds of Python numbers that `dtype` takes without losing anything but precision."""
    if dtype.is_bool:
        return "b"
    if dtype.is_integer or dtype.is_quantized:
        return "bi"
    return "bifc" if dtype.is_complex else "bif"


def _kind(leaf: Any) -> str:
    if isinstance(leaf, (bool, np.bool_)):
        return "b"
    if isinstance(leaf, (int, np.integer)) or hasattr(leaf, "__index__") and not isinstance(leaf, np.ndarray):
        return "i"
    if isinstance(leaf, (float, np.floating)):
        return "f"
    if isinstance(leaf, (complex, np.complexfloating)):
        return "c"
    if isinstance(leaf, (str, bytes)):
        return "S"
    if isinstance(leaf, np.ndarray):
        return "i" if leaf.dtype.kind == "u" else str(leaf.dtype.kind)
    return "?"


def _bytes_array(value: Any) -> np.ndarray:
    array = np.array(value, dtype=object)
    flat = array.reshape(-1)
    for i, item in enumerate(flat):
        if isinstance(item, str):
            flat[i] = item.encode("utf-8")
        elif not isinstance(item, bytes):
            raise TypeError(f"Expected string, got {item!r} of type '{type(item).__name__}' instead.")
    return flat.reshape(array.shape)


def fill_to(array: np.ndarray, shape: TensorShape, verify: bool) -> np.ndarray:
    """`array` in `shape`: reshaped, or its last element repeated when it is too short (TF 1's rule)."""
    if not shape.is_fully_defined():
        raise TypeError(f"The shape of a constant must be fully defined, got {shape}")
    target: tuple[Any, ...] = tuple(shape.as_list())
    wanted = int(np.prod(target, dtype=np.int64))
    if array.size == wanted and (not verify or array.shape == target):
        return array.reshape(target)
    if verify:
        raise TypeError(f"Expected Tensor's shape: {target}, got {array.shape}.")
    if wanted == 0 and array.size <= 1:
        return array.reshape(-1)[:0].reshape(target)
    if array.size > wanted:
        raise ValueError(f"Too many elements provided. Needed at most {wanted}, but received {array.size}")
    if array.size == 0:
        raise ValueError(f"A constant of shape {target} needs a value, got none")
    if array.size == 1:
        return np.broadcast_to(array.reshape(()), target)  # kept, and written, as one value
    flat = np.full(wanted, array.reshape(-1)[-1], array.dtype)
    flat[: array.size] = array.reshape(-1)
    return flat.reshape(target)


def make_constant(
    graph: Any,
    value: Any,
    dtype: Any = None,
    shape: Any = None,
    name: str = "Const",
    verify_shape: bool = False,
) -> Tensor:
    """A `Const` node of `graph` that holds `value`."""
    wanted = None if dtype is None else dtypes.as_dtype(dtype).base_dtype
    array = as_array(value, wanted)
    if wanted is not None and wanted != dtypes.string and array.dtype == object:
        raise TypeError(f"Expected {wanted.name}, got {value!r} of type '{type(value).__name__}' instead.")
    if array is value or array.base is not None:
        array = array.copy()  # a constant never changes when the program's own array does
    if shape is not None:
        array = fill_to(array, as_shape(shape), verify_shape)
    held = wanted if wanted is not None else dtypes.as_dtype(array.dtype)
    node = graph.add("Const", [], {"value": array, "dtype": held}, name)
    return node.outputs[0]  # type: ignore[no-any-return]


def constant_value(tensor: Any, partial: bool = False) -> np.ndarray | None:
    """The value of `tensor` if it is known without running the graph, else None.

    Follows small nodes whose inputs are known, and `Shape`-like nodes of known static shapes. With `partial`,
    the value of a stack of tensors of which some are known is an array of objects, None for those that are
    not.
    """
    if isinstance(tensor, np.ndarray):
        return tensor
    value = _folded(tensor)
    if value is None and partial and tensor.op.type == "Pack" and tensor.op.attrs["axis"] == 0:
        return np.array([constant_value(x, partial) for x in tensor.op.inputs], object)
    return value


def _folded(tensor: Tensor) -> np.ndarray | None:
    values: dict[Tensor, np.ndarray | None] = {}
    todo = [tensor]
    while todo:  # an explicit stack: graphs are thousands of nodes deep
        t = todo[-1]
        if t in values:
            todo.pop()
            continue
        rule = FOLDED.get(t.op.type)
        waiting = [] if rule is None or rule[0] is None else [x for x in t.op.inputs if x not in values]
        if waiting:
            todo.extend(waiting)
            continue
        todo.pop()
        values[t] = None if rule is None else _apply_fold(t, rule, values)
    return values[tensor]


def _apply_fold(t: Tensor, rule: Any, values: dict[Tensor, np.ndarray | None]) -> np.ndarray | None:
    needs_inputs, function = rule
    if needs_inputs is None:
        result = function(t.op)
    else:
        known = [values[x] for x in t.op.inputs]
        if any(k is None or k.size > FOLD_LIMIT for k in known):
            return None
        result = function(t.op, *known)
    if isinstance(result, (list, tuple)):
        result = result[t.value_index]
    return None if result is None else np.asarray(result, t.dtype.base_dtype.as_numpy_dtype)


def _stored_value(op: Any) -> Any:
    """A constant's value, unless it is yet to be made and large."""
    value = op.attrs["value"]
    made = isinstance(value, np.ndarray) or value.is_single()
    return value if made or value.size <= FOLD_LIMIT else None


def _shape_value(op: Any) -> np.ndarray | None:
    shape = op.inputs[0].shape
    return np.array(shape.as_list()) if shape.is_fully_defined() else None


def _size_value(op: Any) -> Any:
    shape = op.inputs[0].shape
    return np.array(shape.num_elements()) if shape.is_fully_defined() else None


def _rank_value(op: Any) -> Any:
    return None if op.inputs[0].shape.ndims is None else np.array(op.inputs[0].shape.ndims)


def _sliced(op: Any, value: Any, begin: Any, end: Any, strides: Any) -> Any:
    return value[index_of_slice(begin, end, strides, op.attrs)]


def index_of_slice(begin: Any, end: Any, strides: Any, attrs: dict[str, Any]) -> tuple[Any, ...]:
    """The NumPy index that a StridedSlice's inputs and masks stand for."""
    index: list[Any] = []
    for i, (b, e, s) in enumerate(zip(begin.tolist(), end.tolist(), strides.tolist(), strict=True)):
        bit = 1 << i
        if attrs["ellipsis_mask"] & bit:
            index.append(Ellipsis)
        elif attrs["new_axis_mask"] & bit:
            index.append(None)
        elif attrs["shrink_axis_mask"] & bit:
            index.append(b)
        else:
            index.append(
                slice(None if attrs["begin_mask"] & bit else b, None if attrs["end_mask"] & bit else e, s)
            )
    return tuple(index)


def _pack(op: Any, *values: Any) -> Any:
    return np.stack(values, axis=op.attrs["axis"])


# op type -> (whether the inputs' values are needed, function). Only what shape arithmetic uses.
FOLDED: dict[str, Any] = {
    "Const": (None, _stored_value),
    "Shape": (None, _shape_value),
    "Size": (None, _size_value),
    "Rank": (None, _rank_value),
    "ShapeN": (None, lambda op: None),
    "Range": (True, lambda op, a, b, d: np.arange(a, b, d)),
    "Cast": (True, lambda op, x: x.astype(op.attrs["DstT"].as_numpy_dtype)),
    "ConcatV2": (True, lambda op, *a: np.concatenate(a[:-1], axis=int(a[-1]))),
    "Concat": (True, lambda op, axis, *a: np.concatenate(a, axis=int(axis))),
    "Pack": (True, _pack),
    "Fill": (True, lambda op, dims, x: np.full(dims, x) if np.prod(dims) <= FOLD_LIMIT else None),
    "Equal": (True, lambda op, x, y: x == y),
    "NotEqual": (True, lambda op, x, y: x != y),
    "Identity": (True, lambda op, x: x),
    "StridedSlice": (True, _sliced),
    "Reshape": (True, lambda op, x, shape: x.reshape(shape)),
    "ExpandDims": (True, lambda op, x, axis: np.expand_dims(x, int(axis))),
    "Squeeze": (True, lambda op, x: np.squeeze(x, tuple(op.attrs["squeeze_dims"]) or None)),
    "Add": (True, lambda op, x, y: x + y),
    "AddV2": (True, lambda op, x, y: x + y),
    "Sub": (True, lambda op, x, y: x - y),
    "Mul": (True, lambda op, x, y: x * y),
    "FloorDiv": (True, lambda op, x, y: x // y if np.all(y) else None),
    "FloorMod": (True, lambda op, x, y: x % y if np.all(y) else None),
    "Maximum": (True, lambda op, x, y: np.maximum(x, y)),
    "Minimum": (True, lambda op, x, y: np.minimum(x, y)),
    "Prod": (True, lambda op, x, axes: np.prod(x, tuple(np.ravel(axes)), keepdims=op.attrs["keep_dims"])),
    "GatherV2": (True, lambda op, x, i, axis: np.take(x, i, axis=int(axis))),
    "Gather": (True, lambda op, x, i: np.take(x, i, axis=0)),
}


def _by_kernel(op: Any, *values: np.ndarray) -> Any:
    """The outputs of an op by its own NumPy or host kernel; None when they are large or cannot be
    computed.
    """
    own = registry.rule(op.type)
    if own is None or any((t.shape.num_elements() or 0) > FOLD_LIMIT for t in op.outputs):
        return None
    try:
        with np.errstate(all="ignore"):
            if own.kernel is not None:
                return own.bound("kernel", op.attrs)(np, *values)  # type: ignore[misc]
            return own.bound("host", op.attrs)(SimpleNamespace(node=op), *values)  # type: ignore[misc]
    except Exception:  # whatever it is, it is the run's to report
        return None


for _type in (
    "ListDiff",
    "DynamicStitch",
    "BroadcastGradientArgs",
    "Unpack",
    "Max",
    "Transpose",
    "Slice",
    "Tile",
    "RealDiv",
    "Floor",
    "Round",
):
    FOLDED[_type] = (True, _by_kernel)


def constant_value_as_shape(tensor: Tensor) -> TensorShape:
    """What is known of the shape that the 1-D integer `tensor` holds; elements may stay unknown (-1 too)."""
    op = tensor.op
    known = constant_value(tensor)
    if known is not None:
        return TensorShape.of(tuple(None if d < 0 else int(d) for d in np.ravel(known)))
    if op.type == "Shape":
        return op.inputs[0].shape
    if op.type == "Pack" and op.attrs["axis"] == 0:
        parts = [constant_value(x) for x in op.inputs]
        return TensorShape.of(tuple(None if p is None or p < 0 else int(p) for p in parts))
    if op.type in ("Cast", "Identity"):
        return constant_value_as_shape(op.inputs[0])
    if op.type == "ConcatV2":
        result = TensorShape.of(())
        for x in op.inputs[:-1]:
            result = result.concatenate(constant_value_as_shape(x))
        return result
    if op.type == "StridedSlice" and not op.attrs["shrink_axis_mask"]:
        part = _sliced_shape(op)
        if part is not None:
            return part
    length = tensor.shape.ints
    if length is not None and len(length) == 1 and length[0] is not None:
        return unknown_shape(ndims=length[0])
    return unknown_shape()


def _sliced_shape(op: Any) -> TensorShape | None:
    begin, end, strides = [constant_value(x) for x in op.inputs[1:]]
    whole = constant_value_as_shape(op.inputs[0]).ints
    if whole is None or begin is None or end is None or strides is None or op.attrs["new_axis_mask"]:
        return None
    (index,) = index_of_slice(begin, end, strides, op.attrs)
    return TensorShape.of(whole[index])
