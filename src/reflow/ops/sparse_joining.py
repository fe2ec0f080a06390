"""Sparse tensors joined and cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail
from reflow.graph.composite import SparseTensor
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.deprecation import renamed
from reflow.ops.sparse_parts import (
    as_sparse,
    components,
    length_of,
    matrix_sizes,
    numbered,
    row_order,
    rows_of,
    same_rank,
    vector_of,
)

# Joining


def _concat_host(ctx: Any, *inputs: Any, concat_dim: int) -> Any:
    count = len(inputs) // 3
    indices, values, sizes = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    for part in zip(indices, values, sizes, strict=True):
        same_rank(*part)
    axis = _joining_axis(sizes, concat_dim)
    offsets = np.cumsum([0, *(s[axis] for s in sizes)])
    moved = [
        i + offset * (np.arange(len(sizes[0])) == axis) for i, offset in zip(indices, offsets, strict=False)
    ]
    rows, elements = np.concatenate(moved).astype(np.int64), np.concatenate(values)
    order = row_order(np, rows)
    whole = sizes[0].copy()
    whole[axis] = offsets[-1]
    return rows[order], elements[order], whole


def _joining_axis(sizes: Sequence[Any], concat_dim: int) -> int:
    """The axis as a number from 0; refuses shapes that differ in another one."""
    ndims = len(sizes[0])
    axis = concat_dim + ndims if concat_dim < 0 else concat_dim
    if not 0 <= axis < ndims:
        fail(f"Concat dimension must be in range [{-ndims}, {ndims}), got {concat_dim}")
    for i, other in enumerate(sizes):
        if len(other) != ndims:
            fail(f"Ranks of all input tensors must match: expected {ndims} but got {len(other)} in input {i}")
        for place, (one, size) in enumerate(zip(sizes[0].tolist(), other.tolist(), strict=True)):
            if place != axis and one != size:
                fail(
                    "Input shapes must match except in the concat dimension: "
                    f"expected {one} but got {size} in dimension {place} of input {i}"
                )
    return axis


def _concat_shape(node: Any) -> list[TensorShape]:
    count = len(node.inputs) // 3
    whole = node.inputs[2 * count].shape
    rows: int | None = 0
    width = vector_of(None)
    for i in range(count):
        indices, values, sizes = (node.inputs[i + k * count].shape for k in range(3))
        own, columns = matrix_sizes(indices)
        length = length_of(vector_of(own).merge_with(values.with_rank(1)))
        rows = None if rows is None or length is None else rows + length
        whole = whole.merge_with(sizes.with_rank(1))
        width = width.merge_with((columns,))
    return [TensorShape.of((rows, length_of(width))), vector_of(rows), whole]


register("SparseConcat", shape=_concat_shape, host=_concat_host, gradient=None)


def sparse_concat(
    axis: Any,
    sp_inputs: Any,
    name: str | None = None,
    expand_nonconcat_dim: bool = False,
    concat_dim: Any = None,
    expand_nonconcat_dims: Any = None,
) -> SparseTensor:
    """Sparse tensors joined along a dimension.

    Args:
        axis: the dimension, an integer; negative counts from the end.
        sp_inputs: a list of sparse tensors of one type and rank.
        expand_nonconcat_dims: widen the other dimensions to the greatest size; they must agree otherwise.
        expand_nonconcat_dim, concat_dim: older names.

    Raises:
        TypeError: `sp_inputs` is not a list of `SparseTensor`s.
        ValueError: an argument is given under both its names.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 1]], [5], [1, 2])
    >>> tf.Session().run(tf.sparse_concat(1, [x, x])).indices.tolist()
    [[0, 1], [0, 3]]
    """
    axis = renamed("axis", axis, "concat_dim", concat_dim)
    expand = expand_nonconcat_dim if expand_nonconcat_dims is None else expand_nonconcat_dims
    if not isinstance(sp_inputs, (list, tuple)):
        raise TypeError("Inputs must be a list or tuple.")
    sparse = [as_sparse(x) for x in sp_inputs]
    if len(sparse) == 1:
        return sparse[0]
    sizes = [x.dense_shape for x in sparse]
    if expand:
        sizes = _widened(sizes, axis)
    lists = [x.indices for x in sparse], [x.values for x in sparse], sizes
    indices, values, whole = emit("SparseConcat", *lists, concat_dim=axis, name=name)
    known = [_plain_value(s) for s in sizes]
    if all(k is not None for k in known):
        total = known[0].copy()
        total[axis] = sum(k[axis] for k in known)
        whole = convert_to_tensor(total)
    return SparseTensor(indices, values, whole)


def _plain_value(tensor: Tensor) -> Any:
    """The value of a tensor if TensorFlow 1.15 knows it too: it knows not that of a slice or sum."""
    return constant_value(tensor) if tensor.op.type in ("Const", "Shape", "Cast", "Pack") else None


def _widened(sizes: list[Tensor], axis: int) -> list[Tensor]:
    """Shapes that agree but in `axis`: with the greatest sizes."""
    rows = [blocks.reshape(s, [1, -1]) for s in sizes]
    most = blocks.reduce("Max", blocks.concat(rows, 0), 0)
    return [_with_size(most, s, axis) for s in sizes]


def _with_size(most: Tensor, own: Tensor, axis: int) -> Tensor:
    before = most[:axis]
    if axis == -1:
        return blocks.concat([before, own[-1:], []], 0)  # type: ignore[no-any-return]
    return blocks.concat([before, own[axis : axis + 1], most[axis + 1 :]], 0)  # type: ignore[no-any-return]


# Cutting


def _split_host(ctx: Any, axis: Any, indices: Any, values: Any, sizes: Any, *, num_split: int) -> Any:
    same_rank(indices, values, sizes)
    at = int(axis)
    if not -len(sizes) <= at < len(sizes):
        fail(f"Input axis should be in range [{-len(sizes)}, {len(sizes)}), got {at}")
    total = int(sizes[at])
    if not 1 <= num_split <= total:
        fail(
            f"Input num_split should be between 1 and the splitting dimension size ({total}), got {num_split}"
        )
    lengths = np.full(num_split, total // num_split)
    lengths[: total % num_split] += 1
    ends = np.cumsum(lengths)
    owner = np.searchsorted(ends, indices[:, at], side="right")
    places: list[Any] = []
    elements: list[Any] = []
    shapes: list[Any] = []
    for i, length in enumerate(lengths.tolist()):
        own = indices[owner == i].copy()
        own[:, at] -= ends[i] - length
        shape = sizes.copy()
        shape[at] = length
        places.append(own)
        elements.append(values[owner == i])
        shapes.append(shape)
    return *places, *elements, *shapes


def _split_shape(node: Any) -> list[TensorShape]:
    sizes, count = node.inputs[3].shape, node.attrs["num_split"]
    elements = sizes.num_elements()
    return [TensorShape.of((None, elements))] * count + [vector_of(None)] * count + [sizes] * count


register("SparseSplit", shape=_split_shape, host=_split_host)


class KeywordRequired:
    """Stands for an argument that may not be given by position."""

    def __repr__(self) -> str:
        return "KeywordRequired()"


KEYWORDS_ONLY = KeywordRequired()


def sparse_split(
    keyword_required: Any = KEYWORDS_ONLY,
    sp_input: Any = None,
    num_split: int | None = None,
    axis: Any = None,
    name: str | None = None,
    split_dim: Any = None,
) -> list[SparseTensor]:
    """A sparse tensor cut along a dimension into `num_split` parts; the first are longer by one if need be.

    Args:
        keyword_required: not to be given: all arguments are given by name.
        axis: the dimension, an integer; `split_dim` is an older name.

    Raises:
        ValueError: an argument is missing, or given by position.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 3]], [5, 6], [1, 4])
    >>> parts = tf.sparse_split(sp_input=x, num_split=2, axis=1)
    >>> tf.Session().run(parts[1]).indices.tolist()
    [[0, 1]]
    """
    if keyword_required is not KEYWORDS_ONLY:
        raise ValueError("Keyword arguments are required for this function.")
    axis = renamed("axis", axis, "split_dim", split_dim)
    for value, what in ((sp_input, "sp_input"), (num_split, "num_split"), (axis, "axis")):
        if value is None:
            raise ValueError(f"{what} is required")
    flat = emit("SparseSplit", axis, *components(as_sparse(sp_input)), num_split=num_split, name=name)
    return [SparseTensor(*parts) for parts in zip(*flat, strict=True)]


def _slice_host(ctx: Any, indices: Any, values: Any, sizes: Any, start: Any, size: Any) -> Any:
    same_rank(indices, values, sizes)
    if start.shape != sizes.shape or size.shape != sizes.shape:
        fail(
            f"Expected start and size to be vectors of length {len(sizes)} but got shapes "
            f"{list(start.shape)} and {list(size.shape)}"
        )
    inside = ((indices >= start) & (indices < start + size)).all(axis=1)
    shape = np.clip(np.minimum(size, sizes - start), 0, None)
    return indices[inside] - start, values[inside], shape


def _slice_gradient(op: Any, *grads: Any) -> list[Any]:
    indices, start = op.inputs[0], op.inputs[3]
    own = emit("SparseSliceGrad", grads[1], indices, start, op.outputs[0])
    own.set_shape(op.inputs[1].shape)
    return [None, own, None, None, None]


def _slice_shape(node: Any) -> list[TensorShape]:
    sizes = node.inputs[2].shape
    for other in (node.inputs[3].shape, node.inputs[4].shape):
        sizes.merge_with(other)
    return [TensorShape.of((None, sizes.num_elements())), vector_of(None), sizes]


@op("SparseSlice", shape=_slice_shape, host=_slice_host, gradient=_slice_gradient)
def sparse_slice(sp_input: Any, start: Any, size: Any, name: str | None = None) -> SparseTensor:
    """The part of a sparse tensor from `start` on, at most `size` long in each dimension.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [1, 2]], [5, 6], [2, 3])
    >>> tf.Session().run(tf.sparse_slice(x, [1, 1], [1, 9]))
    SparseTensorValue(indices=array([[0, 1]]), values=array([6], dtype=int32), dense_shape=array([1, 2]))
    """
    sp_input = as_sparse(sp_input)
    start = convert_to_tensor(start, dtypes.int64)
    size = convert_to_tensor(size, dtypes.int64)
    with name_scope(name, "SparseSlice", [sp_input]) as scope:
        return SparseTensor(*emit("SparseSlice", *components(sp_input), start, size, name=scope))


def _slice_grad_host(ctx: Any, grad: Any, indices: Any, start: Any, cut: Any) -> Any:
    if grad.shape != (len(cut),):
        fail(f"Got {grad.shape} gradients of {len(cut)} elements")
    rows = np.concatenate([indices, cut + start])
    distinct, number = numbered(rows)
    found = np.zeros(len(distinct), grad.dtype)
    found[number[len(indices) :]] = grad
    return found[number[: len(indices)]]


register(
    "SparseSliceGrad",
    shape=lambda node: vector_of(rows_of(node.inputs[1].shape)),
    host=_slice_grad_host,
)
