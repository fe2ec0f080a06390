"""Sums, extremes, reductions and softmax of sparse tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, broadcast_static_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.composite import SparseTensor, SparseTensorValue
from reflow.graph.constant import constant_value
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.array import rank
from reflow.ops.broadcasting import kept_shape
from reflow.ops.deprecation import renamed
from reflow.ops.sequences import range as numbers
from reflow.ops.sparse_parts import (
    as_sparse,
    changes,
    components,
    flat_positions,
    numbered,
    parts_shape,
    row_order,
    rows_of,
    same_rank,
    same_shape,
    static_shape,
    vector_of,
)

SPARSE = (SparseTensor, SparseTensorValue)

# Sums


def _add_host(
    ctx: Any, ai: Any, av: Any, a_shape: Any, bi: Any, bv: Any, b_shape: Any, threshold: Any
) -> Any:
    same_rank(ai, av, a_shape)
    same_rank(bi, bv, b_shape)
    same_shape(a_shape, b_shape)
    places, number = numbered(np.concatenate([ai, bi]))
    sums = np.zeros(len(places), av.dtype)
    np.add.at(sums, number, np.concatenate([av, bv]))
    kept = (np.abs(sums) >= threshold) | (np.bincount(number, minlength=len(places)) < 2)
    return places[kept], sums[kept], a_shape


def _add_shape(node: Any) -> list[TensorShape]:
    return parts_shape(node.inputs[2].shape)


def _add_gradient(op: Any, *grads: Any) -> list[Any]:
    a, b = emit("SparseAddGrad", grads[1], op.inputs[0], op.inputs[3], op.outputs[0])
    a.set_shape(op.inputs[1].shape)
    b.set_shape(op.inputs[4].shape)
    return [None, a, None, None, b, None, None]


def _add_grad_host(ctx: Any, grad: Any, ai: Any, bi: Any, places: Any) -> Any:
    if grad.shape != (len(places),):
        fail(f"# elements in backprop_val_grad and # rows in sum_indices differ: {grad.size}, {len(places)}")
    distinct, number = numbered(np.concatenate([ai, bi, places]))
    found = np.zeros(len(distinct), grad.dtype)
    found[number[len(ai) + len(bi) :]] = grad
    return found[number[: len(ai)]], found[number[len(ai) : len(ai) + len(bi)]]


register("SparseAdd", shape=_add_shape, host=_add_host, gradient=_add_gradient)
register(
    "SparseAddGrad",
    shape=lambda node: [vector_of(rows_of(node.inputs[i].shape)) for i in (1, 2)],
    host=_add_grad_host,
    gradient=None,
)


def sparse_add(a: Any, b: Any, threshold: Any = None, thresh: Any = None) -> Any:
    """The sum of two sparse tensors, sparse, or of a sparse and a dense one, dense.

    Args:
        a, b: tensors of one shape and type; at least one is a `SparseTensor`. Indices must be sorted.
        threshold: sums of two elements whose magnitude is less than this are left out of a sparse sum.
        thresh: its older name.

    Raises:
        TypeError: neither is a `SparseTensor`.
        ValueError: the shapes are known to differ.

    >>> import reflow as tf
    >>> a, b = tf.SparseTensor([[0]], [5], [3]), tf.SparseTensor([[0], [2]], [1, 1], [3])
    >>> tf.Session().run([tf.sparse_add(a, b).values, tf.sparse_add(a, [1, 1, 1])])
    [array([6, 1], dtype=int32), array([6, 1, 1], dtype=int32)]
    """
    threshold = renamed("threshold", threshold, "thresh", thresh)
    if not any(isinstance(x, SPARSE) for x in (a, b)):
        raise TypeError("At least one input should be SparseTensor; do you mean to use tf.add()?")
    if not isinstance(a, SPARSE):
        a, b = b, a
    if isinstance(b, SPARSE):
        return _sparse_sum(as_sparse(a), as_sparse(b), 0 if threshold is None else threshold)
    return emit("SparseTensorDenseAdd", a.indices, a.values, a.dense_shape, b)


def _sparse_sum(a: SparseTensor, b: SparseTensor, threshold: Any) -> SparseTensor:
    limit = convert_to_tensor(threshold, a.dtype.real_dtype.base_dtype, name="threshold")
    indices, values, shape = emit("SparseAdd", *components(a, b), limit)
    one, other = static_shape(a), static_shape(b)
    one.assert_is_compatible_with(other)
    known = broadcast_static_shape(one, other)
    return SparseTensor(indices, values, known.as_list() if known.is_fully_defined() else shape)


# Extremes


def _extreme_host(choose: Any) -> Any:
    def host(ctx: Any, ai: Any, av: Any, a_shape: Any, bi: Any, bv: Any, b_shape: Any) -> Any:
        same_rank(ai, av, a_shape)
        same_rank(bi, bv, b_shape)
        same_shape(a_shape, b_shape)
        places, number = numbered(np.concatenate([ai, bi]))
        both = np.zeros((2, len(places)), av.dtype)
        both[0, number[: len(ai)]] = av
        both[1, number[len(ai) :]] = bv
        return places, choose(both[0], both[1])

    return host


def _extreme_shape(node: Any) -> list[TensorShape]:
    return [TensorShape.of((None, None)), vector_of(None)]


def _no_gradient(op: Any, *grads: Any) -> Any:
    raise NotImplementedError(f"{op.type} has no gradient: node {op.name}")


for _kind, _choose in (("Maximum", np.maximum), ("Minimum", np.minimum)):
    register(f"SparseSparse{_kind}", shape=_extreme_shape, host=_extreme_host(_choose), gradient=_no_gradient)


def _extreme(op_type: str, sp_a: Any, sp_b: Any, name: str | None) -> SparseTensor:
    values = [sp_a.indices, sp_a.values, sp_b.indices, sp_b.values]
    with name_scope(name, op_type, values) as scope:
        indices, chosen = emit(op_type, *components(sp_a, sp_b), name=scope)
    return SparseTensor(indices, chosen, sp_a.dense_shape)


def sparse_maximum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The greater of the elements of two sparse tensors of one shape; one that is not given counts as zero.

    >>> import reflow as tf
    >>> a, b = tf.SparseTensor([[0]], [5], [3]), tf.SparseTensor([[0], [2]], [1, -1], [3])
    >>> tf.Session().run(tf.sparse_maximum(a, b)).values
    array([5, 0], dtype=int32)
    """
    return _extreme("SparseSparseMaximum", sp_a, sp_b, name)


def sparse_minimum(sp_a: Any, sp_b: Any, name: str | None = None) -> SparseTensor:
    """The lesser of the elements of two sparse tensors of one shape; one that is not given counts as zero.

    >>> import reflow as tf
    >>> a, b = tf.SparseTensor([[0]], [5], [3]), tf.SparseTensor([[0], [2]], [1, -1], [3])
    >>> tf.Session().run(tf.sparse_minimum(a, b)).values
    array([ 1, -1], dtype=int32)
    """
    return _extreme("SparseSparseMinimum", sp_a, sp_b, name)


# Sparse and dense, element by element


def _dense_elements(xp: Any, indices: Any, sizes: Any, dense: Any) -> Any:
    """The elements of a dense tensor, broadcast to the sparse one's shape, at its positions."""
    own = dense.shape
    shown = f"{sizes.tolist()} vs. {list(own)}"
    if len(own) > len(sizes):
        fail(f"SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible shapes: {shown}")
    columns = []
    for axis, size in enumerate(own, len(sizes) - len(own)):
        if size not in (1, sizes[axis]):
            fail(
                f"SparseDenseBinaryOpShared broadcasts dense to sparse only; got incompatible shapes: {shown}"
            )
        columns.append(indices[:, axis] * (size != 1))
    if not columns:
        return xp.broadcast_to(dense, (indices.shape[0],))
    return xp.asarray(dense)[tuple(columns)]


def _with_dense_kernel(combine: Any) -> Any:
    def kernel(xp: Any, indices: Any, values: Any, sizes: Any, dense: Any) -> Any:
        same_rank(indices, values, sizes)
        return combine(xp, values, _dense_elements(xp, indices, sizes, dense)).astype(values.dtype)

    return kernel


def _quotient(xp: Any, x: Any, y: Any) -> Any:
    """Division; of integers toward zero."""
    if x.dtype.kind not in "iu":
        return x / y
    return (x - xp.fmod(x, y)) // y


def _scaled_gradient(multiply: bool) -> Any:
    def gradient(op: Any, grad: Any) -> list[Any]:
        indices, values, sizes, dense = op.inputs
        own = blocks.cast(blocks.shape_of(dense), dtypes.int64)
        added = blocks.expand_dims(blocks.size_of(sizes) - blocks.size_of(own), 0)
        aligned = blocks.concat([blocks.ones(added, dtypes.int64), own], 0)
        scaled = indices // (sizes // aligned)
        scaled = emit("Slice", scaled, blocks.concat([[0], added], 0), [-1, -1])
        elements = emit("GatherNd", dense, scaled)
        if multiply:
            dx, dy = grad * elements, grad * values
        else:
            dx = grad / elements
            dy = grad * (-values / emit("Square", elements))
        places = SparseTensor(scaled, dy, own)
        whole = emit("SparseTensorDenseAdd", *components(places), blocks.zeros_like(dense))
        return [None, dx, None, whole]

    return gradient


def _element_shape(node: Any) -> TensorShape:
    return vector_of(rows_of(node.inputs[0].shape))


for _kind, _combine, _rule in (
    ("Add", lambda xp, x, y: x + y, _no_gradient),
    ("Mul", lambda xp, x, y: x * y, _scaled_gradient(True)),
    ("Div", _quotient, _scaled_gradient(False)),
):
    register(
        f"SparseDenseCwise{_kind}",
        shape=_element_shape,
        kernel=_with_dense_kernel(_combine),
        gradient=_rule,
        static=(2,),
    )

# Reductions


def _kept_axes(axes: Any, ndims: int) -> list[int]:
    """The dimensions that a reduction leaves."""
    gone = set()
    for axis in np.ravel(axes).tolist():
        if not -ndims <= axis < ndims:
            fail(f"Invalid reduction dimension {axis}, for input with {ndims} dimensions.")
        gone.add(axis % ndims)
    return [axis for axis in range(ndims) if axis not in gone]


def _reduced_sizes(sizes: Any, kept: list[int], keep_dims: bool) -> list[int]:
    if keep_dims:
        return [size if axis in kept else 1 for axis, size in enumerate(sizes.tolist())]
    return [int(sizes[axis]) for axis in kept]


def _lowest(dtype: Any) -> Any:
    return np.iinfo(dtype).min if dtype.kind in "iu" else -np.inf


def _group_sums(xp: Any, values: Any, groups: Any, count: int) -> Any:
    result = xp.zeros(count, values.dtype)
    if xp is not np:
        return result.at[groups].add(values)
    np.add.at(result, groups, values)
    return result


def _group_maxima(xp: Any, values: Any, groups: Any, count: int) -> Any:
    """The greatest value of each group; zero where there is none."""
    start = xp.full(count, _lowest(values.dtype), values.dtype)
    if xp is not np:
        present = xp.zeros(count, bool).at[groups].set(True)
        return xp.where(present, start.at[groups].max(values), xp.zeros((), values.dtype))
    np.maximum.at(start, groups, values)
    start[np.bincount(groups, minlength=count) == 0] = 0
    return start


REDUCERS = {"Sum": _group_sums, "Max": _group_maxima}


def _reduction_kernel(kind: str) -> Any:
    def kernel(xp: Any, indices: Any, values: Any, sizes: Any, axes: Any, *, keep_dims: bool) -> Any:
        same_rank(indices, values, sizes)
        kept = _kept_axes(axes, len(sizes))
        lengths = [int(sizes[axis]) for axis in kept]
        groups = flat_positions(xp, indices[:, np.array(kept, np.int64)], lengths)
        count = int(np.prod(lengths, dtype=np.int64))
        flat = REDUCERS[kind](xp, values, groups, count)
        return flat.reshape(_reduced_sizes(sizes, kept, keep_dims))

    return kernel


def _sparse_reduction_host(kind: str) -> Any:
    def host(ctx: Any, indices: Any, values: Any, sizes: Any, axes: Any, *, keep_dims: bool) -> Any:
        same_rank(indices, values, sizes)
        kept = _kept_axes(axes, len(sizes))
        distinct, groups = numbered(indices[:, kept])
        places = distinct
        if keep_dims:
            places = np.zeros((len(distinct), len(sizes)), np.int64)
            places[:, kept] = distinct
        reduced = REDUCERS[kind](np, values, groups, len(distinct))
        return places, reduced, np.array(_reduced_sizes(sizes, kept, keep_dims), np.int64)

    return host


def _reduction_shape(node: Any) -> TensorShape:
    sizes, axes = (constant_value(x) for x in node.inputs[2:])
    if sizes is None or axes is None:
        return unknown_shape()
    kept = _kept_static(axes, len(sizes))
    return TensorShape.of(tuple(_reduced_sizes(sizes, kept, node.attrs["keep_dims"])))


def _kept_static(axes: Any, ndims: int) -> list[int]:
    for axis in np.ravel(axes).tolist():
        if not -ndims <= axis < ndims:
            raise ValueError(f"Invalid reduction dimension {axis}, for input with {ndims} dimensions.")
    return _kept_axes(axes, ndims)


def _sum_gradient(op: Any, grad: Any) -> list[Any]:
    indices, _, sizes, axes = op.inputs
    kept = kept_shape(sizes, axes)
    grad = blocks.reshape(grad, kept)
    scale = sizes // blocks.cast(kept, dtypes.int64)
    return [None, emit("GatherNd", grad, indices // scale), None, None]


for _kind in REDUCERS:
    register(
        f"SparseReduce{_kind}",
        shape=_reduction_shape,
        kernel=_reduction_kernel(_kind),
        static=(2, 3),
        **({"gradient": _sum_gradient} if _kind == "Sum" else {}),
    )
    register(f"SparseReduce{_kind}Sparse", shape=shapes.unknown, host=_sparse_reduction_host(_kind))


def _reduce(op_type: str, sp_input: Any, axis: Any, keepdims: Any, axes: Any, keep_dims: Any) -> Any:
    keepdims = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    axis = renamed("axis", axis, "reduction_axes", axes)
    if axis is None:
        ndims = static_shape(sp_input).ndims
        known = None if ndims is None else constant(np.arange(ndims), dtypes.int32)
        axis = numbers(0, rank(sp_input)) if known is None else known
    return emit(op_type, *components(sp_input), axis, keep_dims=bool(keepdims))


def sparse_reduce_sum(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool | None = None,
    reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The sums of the elements of a sparse tensor over some dimensions, dense.

    Args:
        axis: one dimension or several; all if not given.
        keepdims: keep the reduced dimensions with size 1.
        reduction_axes, keep_dims: older names.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 2], [1, 1]], [1, 2, 3], [2, 3])
    >>> tf.Session().run([tf.sparse_reduce_sum(x, 1), tf.sparse_reduce_sum(x, 0, keepdims=True)])
    [array([3, 3], dtype=int32), array([[1, 3, 2]], dtype=int32)]
    """
    return _reduce("SparseReduceSum", sp_input, axis, keepdims, reduction_axes, keep_dims)  # type: ignore[no-any-return]


def sparse_reduce_max(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool | None = None,
    reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """The greatest of the elements that are given, over some dimensions, dense; 0 where none is given.

    Arguments are those of `sparse_reduce_sum`.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 2]], [-1, -2], [2, 3])
    >>> tf.Session().run(tf.sparse_reduce_max(x, 1))
    array([-1,  0], dtype=int32)
    """
    return _reduce("SparseReduceMax", sp_input, axis, keepdims, reduction_axes, keep_dims)  # type: ignore[no-any-return]


def sparse_reduce_sum_sparse(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool | None = None,
    reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> SparseTensor:
    """`sparse_reduce_sum` as a sparse tensor.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[1, 0], [1, 2]], [1, 2], [2, 3])
    >>> tf.Session().run(tf.sparse_reduce_sum_sparse(x, 1))
    SparseTensorValue(indices=array([[1]]), values=array([3], dtype=int32), dense_shape=array([2]))
    """
    return SparseTensor(
        *_reduce("SparseReduceSumSparse", sp_input, axis, keepdims, reduction_axes, keep_dims)
    )


def sparse_reduce_max_sparse(
    sp_input: SparseTensor,
    axis: Any = None,
    keepdims: bool | None = None,
    reduction_axes: Any = None,
    keep_dims: bool | None = None,
) -> SparseTensor:
    """`sparse_reduce_max` as a sparse tensor.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[1, 0], [1, 2]], [1, 2], [2, 3])
    >>> tf.Session().run(tf.sparse_reduce_max_sparse(x, 1)).values
    array([2], dtype=int32)
    """
    return SparseTensor(
        *_reduce("SparseReduceMaxSparse", sp_input, axis, keepdims, reduction_axes, keep_dims)
    )


# Softmax


def _softmax_kernel(xp: Any, indices: Any, values: Any, sizes: Any) -> Any:
    same_rank(indices, values, sizes)
    if len(sizes) < 2:
        fail(f"Input should have rank >= 2, but saw shape: {sizes.tolist()}")
    if not values.shape[0]:
        return values
    order = row_order(xp, indices[:, :-1])
    ordered = xp.asarray(values)[order]
    rows = xp.cumsum(changes(xp, indices[order][:, :-1]))
    count = values.shape[0]  # there are no more rows than elements
    shifted = xp.exp(ordered - _group_maxima(xp, ordered, rows, count)[rows])
    shares = shifted / _group_sums(xp, shifted, rows, count)[rows]
    return shares[xp.argsort(order)]


def _softmax_gradient(op: Any, grad: Any) -> list[Any]:
    indices, _, sizes = op.inputs
    shares = op.outputs[0]
    output, given = SparseTensor(indices, shares, sizes), SparseTensor(indices, grad, sizes)
    product = SparseTensor(indices, output.values * given.values, sizes)
    total = -sparse_reduce_sum(product, [-1], keepdims=True)
    centred = emit("SparseDenseCwiseAdd", indices, grad, sizes, total)
    return [None, SparseTensor(indices, centred, sizes).values * shares, None]


def _softmax_shape(node: Any) -> TensorShape:
    node.inputs[0].shape.assert_has_rank(2)
    return node.inputs[1].shape.with_rank(1)  # type: ignore[no-any-return]


@op("SparseSoftmax", shape=_softmax_shape, kernel=_softmax_kernel, gradient=_softmax_gradient, static=(2,))
def sparse_softmax(sp_input: SparseTensor, name: str | None = None) -> SparseTensor:
    """Softmax over the last dimension among the elements that are given; the others stay zero.

    Args:
        sp_input: float32 or float64, of rank 2 or more.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 2], [1, 1]], [1.0, 1.0, 7.0], [2, 3])
    >>> tf.Session().run(tf.sparse_softmax(x).values)
    array([0.5, 0.5, 1. ], dtype=float32)
    """
    with name_scope(name, "SparseSoftmax", [sp_input.indices, sp_input.values]):
        shares = emit("SparseSoftmax", *components(sp_input))
        return SparseTensor(sp_input.indices, shares, sp_input.dense_shape)
