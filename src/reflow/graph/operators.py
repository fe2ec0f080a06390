"""Python's operators and slicing, for whatever stands for a tensor in a graph (tensors and variables).

The mixin reaches the ops by name through `self._home.emit`, so this file, like the rest of `graph/`, knows
no op family.
"""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import Dimension
from reflow.graph import scopes
from reflow.graph.registry import helper

OPERATORS = ["add", "sub", "mul", "div", "truediv", "floordiv", "mod", "pow", "and", "or", "xor", "matmul"]
OVERLOADABLE = frozenset(
    f"__{name}__"
    for name in (
        *OPERATORS,
        *(f"r{name}" for name in OPERATORS),
        *("abs", "eq", "ge", "getitem", "gt", "invert", "le", "lt", "ne", "neg"),
    )
)
# An integer divided by an integer is a float (PEP 238); small integers need no float64.
TRUE_DIVISION_TYPES = {
    "uint8": dtypes.float32,
    "int8": dtypes.float32,
    "uint16": dtypes.float32,
    "int16": dtypes.float32,
    "int32": dtypes.float64,
    "int64": dtypes.float64,
}


class Reference:
    """A key that stands for one object: equal to another only if both are of the same object.

    >>> x = [1]
    >>> Reference(x) == Reference(x), Reference(x) == Reference([1]), Reference(x).deref() is x
    (True, False, True)
    """

    def __init__(self, wrapped: Any) -> None:
        self._wrapped = wrapped

    def deref(self) -> Any:
        """The object."""
        return self._wrapped

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Reference) and self._wrapped is other._wrapped

    def __hash__(self) -> int:
        return id(self._wrapped)

    def __repr__(self) -> str:
        return f"<Reference wrapping {self._wrapped!r}>"


class Operators:
    """Arithmetic, comparison, logic and slicing as graph nodes, named as TensorFlow 1.15 names them."""

    __slots__ = ()
    __array_priority__ = 100  # NumPy arrays leave `array + tensor` to the tensor

    graph: Any
    dtype: Any

    def experimental_ref(self) -> Reference:
        """A hashable stand-in for this object, to use as a key; `deref()` gives the object back."""
        return Reference(self)

    @property
    def _home(self) -> Any:
        """The graph that an operator adds to: this tensor's, or the body of a function being traced."""
        return scopes.function_graph() or self.graph

    def _binary(self, op_type: str, name: str, other: Any) -> Any:
        """`self <op> other`; a Python value takes this tensor's type if it fits it."""
        if getattr(other, "_is_sparse", False):
            return NotImplemented
        graph = self._home
        with graph.name_scope(name) as scope:
            left = graph.convert(self)
            right = graph.convert(other, preferred_dtype=left.dtype.base_dtype, name="y")
            return graph.emit(op_type, left, right, name=scope)

    def _reflected(self, op_type: str, name: str, other: Any) -> Any:
        """`other <op> self`; `other` must be of this tensor's type."""
        graph = self._home
        with graph.name_scope(name) as scope:
            right = graph.convert(self)
            left = graph.convert(other, dtype=right.dtype.base_dtype, name="x")
            return graph.emit(op_type, left, right, name=scope)

    def _compared(self, op_type: str, other: Any) -> Any:
        return self._home.emit(op_type, self, other)

    def __add__(self, other: Any) -> Any:
        return self._binary(_addition(self), "add", other)

    def __radd__(self, other: Any) -> Any:
        return self._reflected(_addition(self), "add", other)

    def __sub__(self, other: Any) -> Any:
        return self._binary("Sub", "sub", other)

    def __rsub__(self, other: Any) -> Any:
        return self._reflected("Sub", "sub", other)

    def __mul__(self, other: Any) -> Any:
        return self._binary("Mul", "mul", other)

    def __rmul__(self, other: Any) -> Any:
        return self._reflected("Mul", "mul", other)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary("FloorDiv", "floordiv", other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._reflected("FloorDiv", "floordiv", other)

    def __mod__(self, other: Any) -> Any:
        return self._binary("FloorMod", "mod", other)

    def __rmod__(self, other: Any) -> Any:
        return self._reflected("FloorMod", "mod", other)

    def __pow__(self, other: Any) -> Any:
        return self._binary("Pow", "pow", other)

    def __rpow__(self, other: Any) -> Any:
        return self._reflected("Pow", "pow", other)

    def __and__(self, other: Any) -> Any:
        return self._binary("LogicalAnd", "and", other)

    def __rand__(self, other: Any) -> Any:
        return self._reflected("LogicalAnd", "and", other)

    def __or__(self, other: Any) -> Any:
        return self._binary("LogicalOr", "or", other)

    def __ror__(self, other: Any) -> Any:
        return self._reflected("LogicalOr", "or", other)

    def __xor__(self, other: Any) -> Any:
        with self._home.name_scope("xor") as scope:
            return _exclusive_or(
                self._home, self, self._home.convert(other, dtype=dtypes.bool, name="y"), scope
            )

    def __rxor__(self, other: Any) -> Any:
        with self._home.name_scope("xor") as scope:
            return _exclusive_or(
                self._home, self._home.convert(other, dtype=dtypes.bool, name="x"), self, scope
            )

    def __matmul__(self, other: Any) -> Any:
        return _matmul(self._home, self, other, reflected=False)

    def __rmatmul__(self, other: Any) -> Any:
        return _matmul(self._home, self, other, reflected=True)

    def __truediv__(self, other: Any) -> Any:
        graph = self._home
        with graph.name_scope("truediv") as scope:
            left = graph.convert(self)
            right = graph.convert(other, preferred_dtype=left.dtype.base_dtype, name="y")
            return true_divide(graph, left, right, scope)

    def __rtruediv__(self, other: Any) -> Any:
        graph = self._home
        with graph.name_scope("truediv") as scope:
            right = graph.convert(self)
            left = graph.convert(other, dtype=right.dtype.base_dtype, name="x")
            return true_divide(graph, left, right, scope)

    __div__, __rdiv__ = __truediv__, __rtruediv__

    def __neg__(self) -> Any:
        return self._home.emit("Neg", self)

    def __pos__(self) -> Any:
        return self

    def __abs__(self) -> Any:
        tensor = self._home.convert(self)
        if tensor.dtype.is_complex:
            return self._home.emit("ComplexAbs", tensor, Tout=tensor.dtype.real_dtype, name="Abs")
        return self._home.emit("Abs", tensor)

    def __invert__(self) -> Any:
        return self._home.emit("LogicalNot", self)

    def __lt__(self, other: Any) -> Any:
        return self._compared("Less", other)

    def __le__(self, other: Any) -> Any:
        return self._compared("LessEqual", other)

    def __gt__(self, other: Any) -> Any:
        return self._compared("Greater", other)

    def __ge__(self, other: Any) -> Any:
        return self._compared("GreaterEqual", other)

    # TensorFlow 1's `==` is identity, so that tensors can be keys of a feed.
    def __eq__(self, other: object) -> bool:
        return self is other

    def __ne__(self, other: object) -> bool:
        return self is not other

    __hash__ = object.__hash__

    def __getitem__(self, key: Any) -> Any:
        return slice_tensor(self._home, self._home.convert(self), key)


def _addition(value: Any) -> str:
    """The op of `+`: AddV2 takes no strings."""
    return "Add" if value.dtype.base_dtype == dtypes.string else "AddV2"


def true_divide(graph: Any, x: Any, y: Any, name: str) -> Any:
    """`x / y` in floating point, integers being cast first."""
    if x.dtype.base_dtype != y.dtype.base_dtype:
        raise TypeError(
            f"x and y must have the same dtype, got {x.dtype.base_dtype!r} != {y.dtype.base_dtype!r}: "
            f"{x.name} / {y.name}"
        )
    cast_to = TRUE_DIVISION_TYPES.get(x.dtype.base_dtype.name)
    if cast_to is not None:
        x, y = graph.emit("Cast", x, DstT=cast_to), graph.emit("Cast", y, DstT=cast_to)
    return graph.emit("RealDiv", x, y, name=name)


def _exclusive_or(graph: Any, x: Any, y: Any, scope: str) -> Any:
    either = graph.emit("LogicalOr", x, y)
    both = graph.emit("LogicalAnd", x, y)
    return graph.emit("LogicalAnd", either, graph.emit("LogicalNot", both), name=scope)


def _matmul(graph: Any, own: Any, other: Any, *, reflected: bool) -> Any:
    with graph.name_scope("matmul") as scope:
        own = graph.convert(own)
        other = graph.convert(other, preferred_dtype=own.dtype.base_dtype, name="x" if reflected else "y")
        x, y = (other, own) if reflected else (own, other)
        ranks = [t.shape.ndims for t in (x, y)]
        batched = any(r is None or r > 2 for r in ranks)
        return graph.emit("BatchMatMulV2" if batched else "MatMul", x, y, name=scope)


def _is_index(value: Any) -> bool:
    """Whether `value` can stand for one position: an integer, or a scalar integer tensor."""
    if isinstance(value, (bool, np.bool_)):
        return False
    if isinstance(value, (numbers.Integral, np.integer)):
        return True
    if isinstance(value, np.ndarray):
        return value.ndim == 0 and value.dtype.kind in "iu"
    if isinstance(value, Dimension):
        return value.value is not None
    dtype = getattr(value, "dtype", None)
    return isinstance(dtype, dtypes.DType) and dtype.is_integer and value.get_shape().ndims in (0, None)


def _checked_index(value: Any) -> Any:
    if not _is_index(value):
        raise TypeError(
            "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar "
            "tf.int32/tf.int64 tensors "
            f"are valid indices, got {value!r}"
        )
    kept = isinstance(value, Dimension) or isinstance(getattr(value, "dtype", None), dtypes.DType)
    return value if kept else int(value)


class SliceSpec:
    """The begin, end, strides and masks of a StridedSlice, read off a Python index."""

    def __init__(self, key: Any) -> None:
        self.begin: list[Any] = []
        self.end: list[Any] = []
        self.strides: list[Any] = []
        self.masks = dict.fromkeys(
            ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0
        )
        for position, item in enumerate(key if isinstance(key, (list, tuple)) else [key]):
            self._add(item, 1 << position)

    def _append(self, begin: Any, end: Any, stride: Any) -> None:
        self.begin.append(begin)
        self.end.append(end)
        self.strides.append(stride)

    def _add(self, item: Any, bit: int) -> None:
        if isinstance(item, slice):
            self._add_slice(item, bit)
        elif item is Ellipsis:
            if self.masks["ellipsis_mask"]:
                raise ValueError("Multiple ellipses (`...`) in one index are not allowed")
            self._append(0, 0, 1)
            self.masks["ellipsis_mask"] |= bit
        elif item is None:
            self._append(0, 0, 1)
            self.masks["new_axis_mask"] |= bit
        else:
            index = _checked_index(item)
            self._append(index, index + 1, 1)
            self.masks["shrink_axis_mask"] |= bit

    def _add_slice(self, item: slice, bit: int) -> None:
        begin = 0 if item.start is None else _checked_index(item.start)
        end = 0 if item.stop is None else _checked_index(item.stop)
        self._append(begin, end, 1 if item.step is None else _checked_index(item.step))
        self.masks["begin_mask"] |= bit if item.start is None else 0
        self.masks["end_mask"] |= bit if item.stop is None else 0


def slice_tensor(graph: Any, tensor: Any, key: Any) -> Any:
    """`tensor[key]` as a StridedSlice node; by a boolean mask, as the nodes of `tf.boolean_mask`."""
    if isinstance(key, (np.ndarray, Operators)) and key.dtype in (np.bool_, dtypes.bool):
        return helper("boolean_mask")(tensor, key)
    spec = SliceSpec(key)  # the `+ 1` after an index that is a tensor stays outside of the scope
    with graph.name_scope("strided_slice") as scope:
        parts = (spec.begin, spec.end, spec.strides) if spec.begin else ([],)
        packed = [graph.pack(part, name="stack") for part in parts]
        packed = packed if spec.begin else packed * 3
        if len({p.dtype.base_dtype for p in packed}) > 1:
            packed = [
                p if p.dtype == dtypes.int64 else graph.emit("Cast", p, DstT=dtypes.int64) for p in packed
            ]
        return graph.emit("StridedSlice", tensor, *packed, name=scope, **spec.masks)
