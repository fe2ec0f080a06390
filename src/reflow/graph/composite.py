"""Values made of several tensors: rows of a larger tensor (`IndexedSlices`) and sparse tensors."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import Graph, convert_to_tensor, emit, get_default_graph, graph_of, name_scope
from reflow.graph.node import Operation, Tensor
from reflow.graph.node import _session_for as session_for
from reflow.graph.operators import TRUE_DIVISION_TYPES

LARGE = 100_000_000  # elements; making more of them from a few rows deserves a warning


class IndexedSlicesValue(NamedTuple):
    """What a session returns for an `IndexedSlices`: arrays instead of tensors."""

    values: Any
    indices: Any
    dense_shape: Any


class SparseTensorValue(NamedTuple):
    """What a session returns, and takes in a feed, for a `SparseTensor`: arrays instead of tensors."""

    indices: Any
    values: Any
    dense_shape: Any


class IndexedSlices:
    """Some rows of a tensor that is zero elsewhere, as the gradient of `tf.gather` is.

    The tensor it stands for has `dense[indices[i], ...] += values[i, ...]` for every i.

    Args:
        values: the rows, a tensor of shape `[n, ...]`.
        indices: the rows' numbers, an integer tensor of shape `[n]`.
        dense_shape: the shape of the whole as an integer vector; needed only to convert to a dense tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     rows = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([5, 1]))
    ...     rows.shape
    TensorShape([Dimension(5), Dimension(1)])
    """

    _is_sparse = True
    __array_priority__ = 100

    def __init__(self, values: Any, indices: Any, dense_shape: Any = None) -> None:
        graph_of([values, indices, dense_shape])  # refuses tensors of different graphs
        self._values, self._indices, self._dense_shape = values, indices, dense_shape

    @property
    def values(self) -> Any:
        """The rows."""
        return self._values

    @property
    def indices(self) -> Any:
        """The rows' numbers."""
        return self._indices

    @property
    def dense_shape(self) -> Any:
        """The shape of the whole tensor, as a tensor; None when it is not known."""
        return self._dense_shape

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape of the whole tensor."""
        return unknown_shape() if self._dense_shape is None else constant_value_as_shape(self._dense_shape)

    def get_shape(self) -> TensorShape:
        """The static shape, as `shape`."""
        return self.shape

    @property
    def name(self) -> str:
        """The name of `values`."""
        return self._values.name  # type: ignore[no-any-return]

    @property
    def device(self) -> str:
        return self._values.device  # type: ignore[no-any-return]

    @property
    def op(self) -> Operation:
        """The operation that makes `values`."""
        return self._values.op  # type: ignore[no-any-return]

    @property
    def dtype(self) -> dtypes.DType:
        """The type of `values`."""
        return self._values.dtype  # type: ignore[no-any-return]

    @property
    def graph(self) -> Graph:
        return self._values.graph  # type: ignore[no-any-return]

    def consumers(self) -> list[Operation]:
        """The operations that take one of the tensors as an input."""
        return _consumers(self._components())

    def _as_control_input(self) -> Operation:
        return self.op

    def __neg__(self) -> IndexedSlices:
        return IndexedSlices(-self._values, self._indices, self._dense_shape)

    def __str__(self) -> str:
        shape = "" if self._dense_shape is None else f", dense_shape={self._dense_shape}"
        return f"IndexedSlices(indices={self._indices}, values={self._values}{shape})"

    def _components(self) -> list[Any]:
        """The tensors, in the order of `IndexedSlicesValue`."""
        parts = [self._values, self._indices]
        return parts if self._dense_shape is None else [*parts, self._dense_shape]

    def _from_components(self, values: Sequence[Any]) -> IndexedSlicesValue:
        """The value of which `values` are the parts."""
        return IndexedSlicesValue(values[0], values[1], values[2] if len(values) > 2 else None)

    def _as_tensor(self, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Tensor:
        """The whole tensor; ValueError when its shape is not given or it is not of `dtype`."""
        if dtype is not None and not dtypes.as_dtype(dtype).is_compatible_with(self.dtype):
            raise ValueError(
                f"Tensor conversion requested dtype {dtypes.as_dtype(dtype).name} "
                f"for IndexedSlices with dtype {self.dtype.name}"
            )
        if self._dense_shape is None:
            raise ValueError(f"Tensor conversion requested for IndexedSlices without dense_shape: {self}")
        _warn_if_large(self._dense_shape)
        rows = self._dense_shape[0]
        return emit("UnsortedSegmentSum", self._values, self._indices, rows, name=name)  # type: ignore[no-any-return]


def _warn_if_large(dense_shape: Any) -> None:
    """A few rows can stand for a tensor that does not fit in memory: say so before it is made."""
    shape = constant_value(dense_shape)
    if shape is None:
        size = "of unknown shape"
    else:
        count = int(np.prod(shape, dtype=object))
        if count < LARGE:
            return
        size = f"with {count} elements"
    warnings.warn(
        f"Converting sparse IndexedSlices to a dense Tensor {size}. "
        "This may consume a large amount of memory.",
        stacklevel=5,
    )


class SparseTensor:
    """A tensor of which only some elements are given; the others are zero.

    Args:
        indices: an int64 tensor of shape `[n, rank]`, the positions of the elements that are given.
        values: a tensor of shape `[n]`, the elements.
        dense_shape: an int64 tensor of shape `[rank]`.

    Raises:
        ValueError: the static shapes do not fit together.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.SparseTensor([[0, 0], [1, 2]], [1.0, 2.0], [3, 4]).shape
    TensorShape([Dimension(3), Dimension(4)])
    """

    _is_sparse = True
    __array_priority__ = 100

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        with name_scope(None, "SparseTensor", [indices, values, dense_shape]):
            self._indices = convert_to_tensor(indices, dtypes.int64, name="indices")
            self._values = convert_to_tensor(values, name="values")
            self._dense_shape = convert_to_tensor(dense_shape, dtypes.int64, name="dense_shape")
        positions = self._indices.shape.with_rank(2)
        elements, sizes = self._values.shape.with_rank(1), self._dense_shape.shape.with_rank(1)
        positions[0].merge_with(elements[0])
        positions[1].merge_with(sizes[0])

    @classmethod
    def from_value(cls, sparse_tensor_value: Any) -> SparseTensor:
        """A SparseTensor itself, or one made of a `SparseTensorValue`; TypeError for anything else."""
        if isinstance(sparse_tensor_value, SparseTensor):
            return sparse_tensor_value
        if isinstance(sparse_tensor_value, SparseTensorValue):
            return cls(*sparse_tensor_value)
        raise TypeError(f"Neither a SparseTensor nor SparseTensorValue: {sparse_tensor_value}.")

    @property
    def indices(self) -> Tensor:
        """The positions of the elements that are given, int64 of shape `[n, rank]`."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The elements that are given, of shape `[n]`."""
        return self._values

    @property
    def dense_shape(self) -> Tensor:
        """The shape of the whole, int64 of shape `[rank]`."""
        return self._dense_shape

    @property
    def shape(self) -> TensorShape:
        """What is known of the shape of the whole."""
        return constant_value_as_shape(self._dense_shape)

    def get_shape(self) -> TensorShape:
        """The static shape, as `shape`."""
        return self.shape

    @property
    def op(self) -> Operation:
        """The operation that makes `values`."""
        return self._values.op

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the elements."""
        return self._values.dtype  # type: ignore[no-any-return]

    @property
    def graph(self) -> Graph:
        return self._indices.graph

    def consumers(self) -> list[Operation]:
        """The operations that take one of the three tensors as an input."""
        return _consumers(self._components())

    def eval(self, feed_dict: Any = None, session: Any = None) -> SparseTensorValue:
        """The value, computed in `session` or the default session."""
        chosen = session_for(session, self, "evaluate sparse tensor using `eval()`")
        return SparseTensorValue(*chosen.run(self._components(), feed_dict))

    def __str__(self) -> str:
        return (
            f"SparseTensor(indices={self._indices}, values={self._values}, dense_shape={self._dense_shape})"
        )

    def _shape_tuple(self) -> tuple[int | None, ...] | None:
        return self.shape.ints

    def _components(self) -> list[Tensor]:
        """The tensors, in the order of `SparseTensorValue`."""
        return [self._indices, self._values, self._dense_shape]

    def _from_components(self, values: Sequence[Any]) -> SparseTensorValue:
        """The value of which `values` are the parts."""
        return SparseTensorValue(*values)

    # Elementwise operators with a dense tensor that broadcasts to this one's shape; the zeros stay zero.

    def _with_dense(self, op_type: str, name: str, dense: Any) -> SparseTensor:
        with name_scope(None, name, [*self._components(), dense]) as scope:
            y = convert_to_tensor(dense, self.dtype.base_dtype, name="y")
            values = emit(op_type, *self._components(), y, name=scope)
            return SparseTensor(self._indices, values, self._dense_shape)

    def __mul__(self, dense: Any) -> SparseTensor:
        return self._with_dense("SparseDenseCwiseMul", "mul", dense)

    __rmul__ = __mul__

    def __div__(self, dense: Any) -> SparseTensor:
        return self._with_dense("SparseDenseCwiseDiv", "div", dense)

    def __truediv__(self, dense: Any) -> SparseTensor:
        with name_scope(None, "truediv", [*self._components(), dense]) as scope:
            y = convert_to_tensor(dense, self.dtype.base_dtype, name="y")
            values, cast_to = self._values, TRUE_DIVISION_TYPES.get(self.dtype.base_dtype.name)
            if cast_to is not None:
                values, y = emit("Cast", values, DstT=cast_to), emit("Cast", y, DstT=cast_to)
            parts = [self._indices, values, self._dense_shape]
            quotient = emit("SparseDenseCwiseDiv", *parts, y, name=scope)
            return SparseTensor(self._indices, quotient, self._dense_shape)


def _consumers(tensors: Sequence[Any]) -> list[Operation]:
    return list(dict.fromkeys(op for t in tensors for op in t.consumers()))


def convert_to_tensor_or_indexed_slices(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """`value` as a tensor, but `IndexedSlices` as they are. ValueError when those are not of `dtype`."""
    if isinstance(value, IndexedSlicesValue):
        graph, hint = get_default_graph(), dtypes.int64
        parts = (
            graph.convert(value.values, name="values"),
            graph.convert(value.indices, hint, name="indices"),
        )
        shape = (
            None if value.dense_shape is None else graph.convert(value.dense_shape, hint, name="dense_shape")
        )
        return IndexedSlices(*parts, shape)
    if isinstance(value, (IndexedSlices, SparseTensor)):
        return _of_type(value, dtype)
    return convert_to_tensor(value, dtype, name)


def convert_to_tensor_or_sparse_tensor(value: Any, dtype: Any = None, name: str | None = None) -> Any:
    """`value` as a tensor; `SparseTensor`s as they are, and `SparseTensorValue`s as `SparseTensor`s."""
    if isinstance(value, SparseTensorValue):
        value = SparseTensor.from_value(value)
    if isinstance(value, SparseTensor):
        return _of_type(value, dtype)
    return convert_to_tensor(value, dtype, name)


def _of_type(value: Any, dtype: Any) -> Any:
    if dtype is not None and not dtypes.as_dtype(dtype).is_compatible_with(value.dtype):
        kind = type(value).__name__
        wanted = dtypes.as_dtype(dtype).name
        raise ValueError(
            f"Tensor conversion requested dtype {wanted} for {kind} with dtype {value.dtype.name}: {value}"
        )
    return value
