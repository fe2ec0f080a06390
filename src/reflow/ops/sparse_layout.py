"""Sparse tensors rearranged: sorted, reshaped, transposed, filtered, filled up, merged."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.composite import SparseTensor, SparseTensorValue
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.array import rank
from reflow.ops.check import assert_equal, assert_less_equal
from reflow.ops.control import with_dependencies
from reflow.ops.masks import where_v2
from reflow.ops.sequences import range as numbers
from reflow.ops.sparse import sparse_tensor_to_dense
from reflow.ops.sparse_parts import (
    as_sparse,
    components,
    flat_positions,
    length_of,
    row_order,
    rows_of,
    same_rank,
    static_shape,
    vector_of,
)

# Order


def _reorder_kernel(xp: Any, indices: Any, values: Any, sizes: Any) -> Any:
    same_rank(indices, values, sizes)
    order = row_order(xp, indices)
    return indices[order], xp.asarray(values)[order]


def _reorder_shape(node: Any) -> list[TensorShape]:
    indices, values, sizes = (x.shape for x in node.inputs)
    sizes.assert_has_rank(1)
    return [indices.with_rank(2), values.with_rank(1)]


def _reorder_gradient(op: Any, *grads: Any) -> list[Any]:
    indices, _, sizes = op.inputs
    entries = numbers(blocks.shape_of(indices)[0])
    sorted_entries = sparse_reorder(SparseTensor(indices, entries, sizes)).values
    return [None, blocks.gather(grads[1], emit("InvertPermutation", sorted_entries)), None]


@op("SparseReorder", shape=_reorder_shape, kernel=_reorder_kernel, gradient=_reorder_gradient)
def sparse_reorder(sp_input: Any, name: str | None = None) -> SparseTensor:
    """The same sparse tensor with its indices in lexicographic (row-major) order.

    Raises:
        TypeError: `sp_input` is not a `SparseTensor`.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[1, 0], [0, 1]], [5, 6], [2, 2])
    >>> tf.Session().run(tf.sparse_reorder(x).indices)
    array([[0, 1],
           [1, 0]])
    """
    sp_input = as_sparse(sp_input)
    indices, values = emit("SparseReorder", *components(sp_input), name=name)
    known = static_shape(sp_input)
    if known.is_fully_defined():
        return SparseTensor(indices, values, known.as_list())
    return SparseTensor(indices, values, emit("Identity", sp_input.dense_shape))


# Shape


def _completed(sizes: Any, wanted: Any) -> Any:
    """The new shape with its -1 filled in; refuses a shape of another number of elements."""
    total = int(np.prod(sizes, dtype=np.int64))
    open_axes = [axis for axis, size in enumerate(wanted.tolist()) if size == -1]
    if len(open_axes) > 1:
        fail(f"only one output shape size may be -1, not both {open_axes[0]} and {open_axes[1]}")
    for axis, size in enumerate(wanted.tolist()):
        if size < -1:
            fail(f"size {axis} must be non-negative, not {size}")
    result = wanted.copy()
    rest = int(np.prod(wanted[wanted != -1], dtype=np.int64))
    if open_axes:
        if rest == 0:
            fail(
                "reshape cannot infer the missing input size for an empty tensor unless all specified "
                "input sizes are non-zero"
            )
        if total % rest:
            fail(
                f"Input to reshape is a SparseTensor with {total} dense values, but the requested shape "
                f"requires a multiple of {rest}. input_shape={sizes.tolist()} output_shape={wanted.tolist()}"
            )
        result[open_axes[0]] = total // rest
    elif rest != total:
        fail(
            f"Input to reshape is a tensor with {total} dense values, but the requested shape has {rest}. "
            f"input_shape={sizes.tolist()} output_shape={wanted.tolist()}"
        )
    return result


def _reshape_kernel(xp: Any, indices: Any, sizes: Any, wanted: Any) -> Any:
    if indices.ndim != 2 or sizes.ndim != 1 or wanted.ndim != 1:
        fail(
            "Input indices should be a matrix, input shape and target shape vectors, but received shapes "
            f"{list(indices.shape)}, {list(sizes.shape)} and {list(wanted.shape)}"
        )
    target = _completed(sizes, wanted)
    flat = flat_positions(xp, indices, sizes.tolist())
    strides = np.cumprod([1, *target[:0:-1]], dtype=np.int64)[::-1]
    columns = [
        flat // stride % size if size else flat
        for stride, size in zip(strides.tolist(), target.tolist(), strict=False)
    ]
    if not columns:
        return xp.zeros((indices.shape[0], 0), np.int64), target
    return xp.stack(columns, axis=1), target


def _reshape_shape(node: Any) -> list[TensorShape]:
    count, target = rows_of(node.inputs[0].shape), node.inputs[2].shape
    return [TensorShape.of((count, length_of(target))), target]


register("SparseReshape", shape=_reshape_shape, kernel=_reshape_kernel, static=(1, 2), gradient=None)


def sparse_reshape(sp_input: Any, shape: Any, name: str | None = None) -> SparseTensor:
    """The same elements as a sparse tensor of another shape; one size of `shape` may be -1.

    Raises:
        TypeError: `sp_input` is not a `SparseTensor`.
        ValueError: the shapes are known and of different numbers of elements, or `shape` has several -1.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 1], [1, 2]], [5, 6], [2, 3])
    >>> tf.Session().run(tf.sparse_reshape(x, [-1])).indices.tolist()
    [[1], [5]]
    """
    sp_input = as_sparse(sp_input)
    shape = blocks.cast(shape, dtypes.int64)
    with name_scope(name, "SparseReshape", [sp_input]) as scope:
        indices, target = emit("SparseReshape", sp_input.indices, sp_input.dense_shape, shape, name=scope)
        sizes = _known_target(static_shape(sp_input), shape)
        if sizes is not None:
            target = constant(sizes, dtypes.int64)
        return SparseTensor(indices, emit("Identity", sp_input.values), target)


def _known_target(own: TensorShape, shape: Tensor) -> list[int] | None:
    """The new shape when it follows from what is known. ValueError when it does not fit."""
    sizes = constant_value_as_shape(shape).ints
    if sizes is None or not own.is_fully_defined():
        return None
    given = constant_value(shape)
    if given is not None and (given == -1).sum() > 1:
        raise ValueError(f"At most one dimension can be inferred (-1). Found: {given}")
    if list(sizes).count(None) > 1:
        return None
    total = own.num_elements() or 0
    rest = int(np.prod([d for d in sizes if d is not None], dtype=np.int64))
    target: list[int] = [(total // rest if rest else 0) if d is None else d for d in sizes]
    count = int(np.prod(target, dtype=np.int64))
    if count != total:
        raise ValueError(
            f"Cannot reshape a tensor with {total} elements to shape {list(sizes)} ({count} elements)."
        )
    return target


def sparse_transpose(sp_input: Any, perm: Any = None, name: str | None = None) -> SparseTensor:
    """The sparse tensor with its dimensions in the order `perm`, in reverse order if not given; sorted.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 2]], [5], [2, 3])
    >>> tf.Session().run(tf.sparse_transpose(x))
    SparseTensorValue(indices=array([[2, 0]]), values=array([5], dtype=int32), dense_shape=array([3, 2]))
    """
    with name_scope(name, "SparseTranspose", [sp_input]):
        computed = perm is None
        if computed:
            count = rank(sp_input)
            perm = (count - 1) - numbers(0, count, 1)
        indices = blocks.transpose(blocks.gather(blocks.transpose(sp_input.indices), perm))
        order = convert_to_tensor(perm)
        known, own = None if computed else constant_value(order), static_shape(sp_input)
        if known is not None and own.is_fully_defined():
            sizes: Any = [own.as_list()[axis] for axis in known.tolist()]
        else:
            sizes = blocks.gather(sp_input.dense_shape, perm)
        return sparse_reorder(SparseTensor(indices, sp_input.values, sizes))


def sparse_expand_dims(sp_input: SparseTensor, axis: Any = None, name: str | None = None) -> SparseTensor:
    """The sparse tensor with a dimension of size 1 put in before `axis` (at the end if not given).

    Raises:
        TypeError: `axis` is neither an integer nor a tensor.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[3]], [5], [4])
    >>> tf.Session().run(tf.sparse.expand_dims(x, 0).dense_shape)
    array([1, 4])
    """
    axis = -1 if axis is None else axis
    with name_scope(name, "expand_dims", [sp_input]):
        if isinstance(axis, Integral) and not isinstance(axis, bool):
            axis = convert_to_tensor(axis, dtypes.int32, name="axis")
        elif not isinstance(axis, Tensor):
            raise TypeError("axis must be an integer value in range [-rank(sp_input) - 1, rank(sp_input)]")
        count = sp_input.dense_shape.shape[0]
        axis = where_v2(axis >= 0, axis, axis + count + 1)
        rows = blocks.shape_of(sp_input.indices)[0]
        column = blocks.zeros([rows, 1], dtypes.int64)
        before = emit("Slice", sp_input.indices, [0, 0], [-1, axis])
        after = emit("Slice", sp_input.indices, [0, axis], [-1, -1])
        indices = blocks.concat([before, column, after], 1)
        before = emit("Slice", sp_input.dense_shape, [0], [axis])
        after = emit("Slice", sp_input.dense_shape, [axis], [-1])
        one = convert_to_tensor([1], dtypes.int64, name="new_shape")
        sizes = blocks.concat([before, one, after], 0)
        if count.value is not None:
            indices.set_shape([None, count + 1])
            sizes.set_shape([count + 1])
        return SparseTensor(indices, sp_input.values, sizes)


def sparse_reset_shape(sp_input: Any, new_shape: Any = None) -> SparseTensor:
    """The same elements in a tensor of another shape of the same rank.

    Args:
        new_shape: sizes not less than those of `sp_input`; if not given, the least that hold all elements.

    Raises:
        ValueError: `new_shape` is known to be of another rank or too small.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[1, 2]], [5], [9, 9])
    >>> tf.Session().run(tf.sparse_reset_shape(x).dense_shape)
    array([2, 3])
    """
    sp_input = as_sparse(sp_input)
    known = static_shape(sp_input)
    indices, values, sizes = (emit("Identity", x) for x in components(sp_input))
    if new_shape is None:
        highest = emit("Max", indices, 0)
        least = constant(0, dtypes.int64)
        bounds = emit("Add", highest, blocks.ones_like(sizes))
        return SparseTensor(indices, values, emit("Maximum", least, bounds))
    return SparseTensor(indices, values, _larger_shape(known, sizes, new_shape))


def _larger_shape(known: TensorShape, sizes: Tensor, new_shape: Any) -> Any:
    """The new shape, checked now when all is known and else by assertions."""
    wanted = convert_to_tensor(new_shape)
    wanted.shape.assert_has_rank(1)
    wanted = blocks.cast(wanted, dtypes.int64)
    wanted.shape[0].merge_with(sizes.shape[0])
    value = constant_value(wanted)
    if value is not None and known.is_fully_defined():
        own = np.array(known.as_list())
        if not (own <= value).all():
            raise ValueError(
                "Requested new_shape should have dimension sizes >= sp_input.shape.  "
                f"Found new_shape ({value}), sp_input.shape ({own})."
            )
        return value
    same = assert_equal(blocks.shape_of(sizes), blocks.shape_of(wanted))
    wanted = with_dependencies([same], wanted)
    return with_dependencies([assert_less_equal(sizes, wanted)], wanted)


# Choosing and filling


def sparse_retain(sp_input: Any, to_retain: Any) -> SparseTensor:
    """The elements for which the boolean vector `to_retain` is true.

    Raises:
        ValueError: `to_retain` is known to be of another length than the values.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0], [2]], [5, 6], [3])
    >>> tf.Session().run(tf.sparse_retain(x, [False, True]))
    SparseTensorValue(indices=array([[2]]), values=array([6], dtype=int32), dense_shape=array([3]))
    """
    sp_input = as_sparse(sp_input)
    to_retain = convert_to_tensor(to_retain)
    to_retain.shape.assert_has_rank(1)
    if sp_input.values.shape.ndims is not None:
        sp_input.values.shape[0].merge_with(to_retain.shape[0])
    kept = blocks.reshape(where_v2(to_retain), [-1])
    indices, values = blocks.gather(sp_input.indices, kept), blocks.gather(sp_input.values, kept)
    return SparseTensor(indices, values, emit("Identity", sp_input.dense_shape))


def _fill_host(ctx: Any, indices: Any, values: Any, sizes: Any, default: Any) -> Any:
    same_rank(indices, values, sizes)
    if not sizes.size:
        fail("Dense shape cannot be empty")
    if np.ndim(default) != 0:
        fail(f"default_value must be a scalar, saw: {list(np.shape(default))}")
    rows, count = indices[:, 0], int(sizes[0])
    outside = np.flatnonzero((rows < 0) | (rows >= count))
    if outside.size:
        if not count:
            fail(f"Received SparseTensor with dense_shape[0] = 0 but indices.shape[0] = {len(rows)}")
        fail(f"indices({outside[0]}, 0) is invalid: {rows[outside[0]]} >= {count}")
    empty = np.bincount(rows, minlength=count) == 0
    added = np.zeros((int(empty.sum()), indices.shape[1]), np.int64)
    added[:, 0] = np.flatnonzero(empty)
    order = np.argsort(np.concatenate([rows, added[:, 0]]), kind="stable")
    places = np.empty(len(order), np.int64)
    places[order] = np.arange(len(order))
    filler = np.full(len(added), default, values.dtype)
    everything = np.concatenate([values, filler])[order]
    return np.concatenate([indices, added])[order], everything, empty, places[: len(rows)]


def _fill_shape(node: Any) -> list[TensorShape]:
    indices, values, sizes = (x.shape for x in node.inputs[:3])
    node.inputs[3].shape.assert_has_rank(0)
    count = vector_of(rows_of(indices)).merge_with(values.with_rank(1))
    if sizes.num_elements() == 0:
        raise ValueError("dense_shape must not be empty")
    known = constant_value_as_shape(node.inputs[2]).ints
    places = TensorShape.of((None, sizes.num_elements()))
    return [places, vector_of(None), vector_of(known[0] if known else None), count]


def _fill_gradient(op: Any, *grads: Any) -> list[Any]:
    own, default = emit("SparseFillEmptyRowsGrad", op.outputs[3], grads[1])
    return [None, own, None, default]


@op("SparseFillEmptyRows", shape=_fill_shape, host=_fill_host, gradient=_fill_gradient)
def sparse_fill_empty_rows(
    sp_input: Any, default_value: Any, name: str | None = None
) -> tuple[SparseTensor, Tensor]:
    """A sparse matrix with an element `default_value` at the start of each row that has none.

    Returns:
        The sparse tensor, and a boolean vector that is true for the rows that were empty.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[1, 2]], [5], [2, 3])
    >>> filled, empty = tf.sparse_fill_empty_rows(x, 0)
    >>> tf.Session().run([filled.indices, empty])
    [array([[0, 0],
           [1, 2]]), array([ True, False])]
    """
    sp_input = as_sparse(sp_input)
    with name_scope(name, "SparseFillEmptyRows", [sp_input]):
        default = convert_to_tensor(default_value, sp_input.dtype)
        indices, values, empty, _ = emit("SparseFillEmptyRows", *components(sp_input), default)
        return SparseTensor(indices, values, sp_input.dense_shape), empty


def _fill_grad_kernel(xp: Any, places: Any, grad: Any) -> Any:
    wrong = (places < 0) | (places >= grad.shape[0])
    message = f"Elements in reverse index must be in [0, {grad.shape[0]})"
    require(xp, ~xp.any(wrong), message)
    own = xp.asarray(grad)[places]
    rest = xp.ones(grad.shape, bool)
    if xp is np:
        rest[places] = False
    else:
        rest = rest.at[places].set(False)
    return own, xp.sum(xp.where(rest, grad, 0), dtype=grad.dtype)


register(
    "SparseFillEmptyRowsGrad",
    shape=lambda node: [node.inputs[0].shape.with_rank(1), TensorShape.of(())],
    kernel=_fill_grad_kernel,
)


# Ids as coordinates


def sparse_merge(
    sp_ids: Any, sp_values: Any, vocab_size: Any, name: str | None = None, already_sorted: bool = False
) -> SparseTensor:
    """Ids and their values as one sparse tensor whose last dimensions are the ids.

    Args:
        sp_ids: a sparse tensor of ids, or a list of them with equal indices.
        sp_values: a sparse tensor of values, one for each id.
        vocab_size: the size of the dimension (list: of each dimension) of ids.
        already_sorted: the ids of each row are in order, so that nothing needs sorting.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: `sp_ids` and `vocab_size` are of different length.

    >>> import reflow as tf
    >>> ids = tf.SparseTensor([[0, 0], [1, 0]], [2, 0], [2, 1])
    >>> values = tf.SparseTensor([[0, 0], [1, 0]], [5, 6], [2, 1])
    >>> tf.Session().run(tf.sparse_tensor_to_dense(tf.sparse_merge(ids, values, 3)))
    array([[0, 0, 5],
           [6, 0, 0]], dtype=int32)
    """
    sp_ids, vocab_size = _id_lists(sp_ids, vocab_size)
    with name_scope(name, "SparseMerge", [sp_ids, sp_values]):
        sp_ids, sp_values = [as_sparse(x) for x in sp_ids], as_sparse(sp_values)
        columns = [blocks.expand_dims(blocks.cast(x.values, dtypes.int64), 1) for x in sp_ids]
        limits = [blocks.cast(size, dtypes.int64) for size in vocab_size]
        kept = sp_ids[0].indices[:, :-1]
        indices = blocks.concat([kept, *columns], 1)
        shape = blocks.concat([sp_ids[0].dense_shape[:-1], limits], 0)
        merged = SparseTensor(indices, sp_values.values, shape)
        if already_sorted:
            return merged
        ordered = sparse_reorder(merged)
        return SparseTensor(ordered.indices, ordered.values, shape)


def _id_lists(sp_ids: Any, vocab_size: Any) -> tuple[list[Any], list[Any]]:
    """The ids and the sizes as lists of equal length."""
    if isinstance(sp_ids, (SparseTensor, SparseTensorValue)):
        if not isinstance(vocab_size, (Tensor, Integral)):
            raise TypeError(f"vocab_size has to be a Tensor or Python int. Found {type(vocab_size)}")
        return [sp_ids], [vocab_size]
    if not isinstance(sp_ids, Iterable):
        raise TypeError(f"sp_ids has to be a SparseTensor or list thereof. Found {type(sp_ids)}")
    sizes = list(vocab_size) if isinstance(vocab_size, Iterable) else [None]
    for size in sizes:
        if not isinstance(size, (Tensor, Integral)):
            raise TypeError(f"vocab_size has to be a list of Tensors or Python ints. Found {vocab_size!r}")
    ids = list(sp_ids)
    if len(ids) != len(sizes):
        raise ValueError("sp_ids and vocab_size have to have equal lengths.")
    return ids, sizes


def sparse_to_indicator(sp_input: Any, vocab_size: Any, name: str | None = None) -> Tensor:
    """A boolean tensor that is true at the ids of each row: the values of `sp_input` become positions.

    >>> import reflow as tf
    >>> ids = tf.SparseTensor([[0, 0], [1, 0]], [2, 0], [2, 1])
    >>> tf.Session().run(tf.sparse_to_indicator(ids, 3))
    array([[False, False,  True],
           [ True, False, False]])
    """
    sp_input = as_sparse(sp_input)
    with name_scope(name, "SparseToIndicator", [sp_input]) as scope:
        count = blocks.shape_of(sp_input.indices)[0]
        flags = emit("Fill", blocks.expand_dims(count, 0), True)
        marked = SparseTensor(sp_input.indices, flags, sp_input.dense_shape)
        merged = sparse_merge(sp_input, marked, vocab_size, scope)
        return sparse_tensor_to_dense(merged, False, False, scope)
