"""Elements chosen by index or by condition, and put back: gather, scatter, masks, `where`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import require
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import colocate_with, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import emit_range, identity, keep_dtype, ones, rank, shape, size, zeros, zeros_like
from reflow.ops.grids import meshgrid
from reflow.ops.joining import concat, stack, unstack
from reflow.ops.padding import tile
from reflow.ops.shaping import expand_dims, reshape, squeeze, transpose
from reflow.ops.state_kernels import rows_of

# Gather along one axis


def _gather_shape(node: Any) -> TensorShape:
    params, indices = node.inputs[0].shape.ints, node.inputs[1].shape.ints
    batch = node.attrs.get("batch_dims", 0)
    value = constant_value(node.inputs[2]) if len(node.inputs) > 2 else np.array(0)
    if indices is not None and batch < 0:
        batch += len(indices)
    if params is None or indices is None:
        return unknown_shape()
    if value is None:
        return unknown_shape(len(params) + len(indices) - 1 - batch)
    axis = int(value)
    if not -len(params) <= axis < len(params):
        raise ValueError(
            f"Shape must be at least rank {axis + 1 if axis >= 0 else -axis} but is rank {len(params)}"
        )
    at = axis % len(params)
    if batch > at:
        raise ValueError(f"batch_dims ({batch}) must be less than or equal to axis ({at})")
    lead = TensorShape.of(params[:batch]).merge_with(TensorShape.of(indices[:batch]))
    return TensorShape.of((*(lead.ints or ()), *params[batch:at], *indices[batch:], *params[at + 1 :]))


def check_indices(xp: Any, indices: Any, limit: int) -> None:
    """Refuse indices outside [0, limit), naming the first."""
    if indices.size == 0:
        return
    xp = _room_of(xp, indices)
    wrong = (indices < 0) | (indices >= limit)
    first = xp.argmax(wrong.reshape(-1))
    place = _place_text(xp, first, indices.shape)
    message = "indices" + place[0] + " = {} is not in [0, " + str(limit) + ")"
    require(xp, ~xp.any(wrong), message, *place[1], indices.reshape(-1)[first])


def _room_of(xp: Any, values: Any) -> Any:
    """NumPy for values that are known while a program is traced, so that a check of them is made at once."""
    return np if isinstance(values, (np.ndarray, np.generic)) else xp


def _place_text(xp: Any, flat: Any, sizes: tuple[int, ...]) -> tuple[str, tuple[Any, ...]]:
    """A format for a position in an array, and the numbers that go in it."""
    if not sizes:
        return "", ()
    return "[" + ",".join("{}" for _ in sizes) + "]", tuple(xp.unravel_index(flat, sizes))


def _gather_kernel(xp: Any, params: Any, indices: Any, axis: Any = 0, *, batch_dims: int = 0) -> Any:
    batch = batch_dims + indices.ndim if batch_dims < 0 else batch_dims
    at = int(axis) % params.ndim if params.ndim else 0
    check_indices(xp, indices, params.shape[at])
    safe = {} if xp is np else {"mode": "clip"}
    if not batch and not at and xp is not np:
        return keep_dtype(xp, rows_of(xp, params, indices), params)
    if not batch:
        return keep_dtype(xp, xp.take(params, indices, axis=at, **safe), params)
    rows = params.reshape((-1, *params.shape[batch:]))
    count = rows.shape[0]
    chosen = indices.reshape((count, *indices.shape[batch:]))
    moved = xp.moveaxis(rows, at - batch + 1, 1)
    steps = xp.arange(count).reshape((-1,) + (1,) * (chosen.ndim - 1))
    picked = moved[steps, chosen]  # [count, indices..., the dimensions before and after the axis]
    ahead, width = at - batch, chosen.ndim - 1
    picked = xp.moveaxis(picked, tuple(range(1 + width, 1 + width + ahead)), tuple(range(1, 1 + ahead)))
    return picked.reshape((*params.shape[:batch], *picked.shape[1:]))


def _row_shape(params: Any) -> Tensor:
    """The shape of `params` as int32, placed where it is."""
    with colocate_with(params):
        return emit("Cast", shape(params, out_type=dtypes.int64), DstT=dtypes.int32)  # type: ignore[no-any-return]


def _rows_gradient(grad: Any, indices: Any, whole: Tensor, count: Tensor) -> IndexedSlices:
    values = reshape(grad, concat([count, whole[1:]], 0))
    return IndexedSlices(values, reshape(indices, count), whole)


def _gather_gradient(op: Any, grad: Any) -> list[Any]:
    whole = _row_shape(op.inputs[0])
    count = expand_dims(size(op.inputs[1]), 0)
    return [_rows_gradient(grad, op.inputs[1], whole, count), None]


def _gather_v2_gradient(op: Any, grad: Any) -> list[Any]:
    params, indices, axis = op.inputs
    whole = _row_shape(params)
    batch = op.attrs["batch_dims"]
    batch = batch + indices.shape.ndims if batch < 0 else batch
    count = expand_dims(size(indices), 0)
    if constant_value(axis) == 0:
        return [_rows_gradient(grad, indices, whole, count), None, None]
    return [_inner_gradient(grad, indices, axis, whole, batch), None, None]


def _inner_gradient(grad: Any, indices: Tensor, axis: Tensor, whole: Tensor, batch: int) -> Tensor:
    """The gradient of a gather along an inner axis: the axis moved to the front, summed, moved back."""
    outer, inner = whole[:axis], whole[axis:][1:]
    values_shape = concat([outer, [-1], inner], 0)
    total, ahead = size(values_shape), size(outer)
    batches, before = emit_range(0, batch), emit_range(batch, ahead)
    after = emit_range(ahead + 1, total)
    values = reshape(grad, values_shape)
    values = transpose(values, concat([batches, [ahead], before, after], 0))
    summed = _batch_sums(whole, values, indices, batch, whole[axis])
    return transpose(summed, concat([batches, before + 1, [batch], after], 0))


def _batch_sums(whole: Tensor, values: Tensor, indices: Tensor, batch: int, rows: Tensor) -> Tensor:
    """Rows of `values` summed by index, within each batch."""
    count = expand_dims(size(indices), 0)
    if batch:
        sizes = shape(values)
        outer, inner = sizes[:batch], sizes[batch:][1:]
        batches = emit("Prod", outer, [0], keep_dims=False)
        flat = concat([[-1], inner], 0)
        rows = rows * batches
        dtype = indices.dtype.base_dtype
        own = whole if dtype == whole.dtype else emit("Cast", whole, DstT=dtype)
        indices = _batch_indices(own, ones((), dtype), indices, batch)
        values = reshape(values, flat)
    summed = emit("UnsortedSegmentSum", values, reshape(indices, count), rows)
    return reshape(summed, concat([outer, flat], 0)) if batch else summed


def _batch_indices(
    sizes: Tensor, stride: Tensor, indices: Any, batch: int, range_name: str = "range"
) -> Tensor:
    """Indices into the flattened batches: a batch's own plus what lies before it. `stride` is 1 at first."""
    ndims, dtype = indices.shape.ndims, indices.dtype.base_dtype
    for dim in range(batch, 0, -1):
        length = sizes[dim - 1]
        stride = stride * sizes[dim]
        start, step = zeros((), dtype), ones((), dtype)
        numbers = emit("Range", start, length, step, name=range_name) * stride
        layout = stack([1] * (dim - 1) + [length] + [1] * (ndims - dim), axis=0)
        indices = indices + reshape(numbers, layout)
    return indices  # type: ignore[no-any-return]


register("Gather", shape=_gather_shape, kernel=_gather_kernel, gradient=_gather_gradient)


@op("GatherV2", shape=_gather_shape, kernel=_gather_kernel, gradient=_gather_v2_gradient, static=(2,))
def gather(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    name: str | None = None,
    axis: Any = None,
    batch_dims: int = 0,
) -> Tensor:
    """The slices of `params` along `axis` that `indices`, integers of any shape, name.

    Args:
        validate_indices: not used (indices are always checked).
        axis: the axis; None: the first after the batch dimensions.
        batch_dims: the number of leading dimensions that `params` and `indices` share.

    The gradient of `params` is `IndexedSlices` for axis 0. Indices out of range are an InvalidArgumentError.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.gather([10, 20, 30], [2, 0])))
    [30 10]
    """
    axis = batch_dims if axis is None else axis
    static = constant_value(axis) if isinstance(axis, Tensor) else axis
    if static is None or static != 0:
        return emit("GatherV2", params, indices, axis, batch_dims=batch_dims, name=name)  # type: ignore[no-any-return]
    read = getattr(params, "sparse_read", None) if not isinstance(params, Tensor) else None
    if read is not None:
        return read(indices, name=name)  # type: ignore[no-any-return]
    return emit("GatherV2", params, indices, axis, name=name)  # type: ignore[no-any-return]


def gather_v2(
    params: Any,
    indices: Any,
    validate_indices: bool | None = None,
    axis: Any = None,
    batch_dims: int = 0,
    name: str | None = None,
) -> Tensor:
    """`gather` with the argument order of TensorFlow 2."""
    return gather(params, indices, validate_indices, name, axis, batch_dims)


def batch_gather(params: Any, indices: Any, name: str | None = None) -> Tensor:
    """`gather` along the last dimension of `indices`, within each element of the dimensions before it.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.batch_gather([[1, 2], [3, 4]], [[1], [0]])))
    [[2]
     [3]]
    """
    with name_scope(name, "BatchGather", [params, indices]):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if indices.shape.ndims is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        return _gathered_in_batches(params, indices, indices.shape.ndims - 1)


def _gathered_in_batches(params: Tensor, indices: Tensor, batch: int) -> Tensor:
    """A gather with `batch` batch dimensions and the axis after them, from the flattened batches."""
    _check_batch(params, indices, batch)
    indices_shape, whole = shape(indices), shape(params)
    dtype = indices.dtype.base_dtype
    stride, sizes = ones((), dtype), emit("Cast", whole, DstT=dtype)
    flat_indices = reshape(_batch_indices(sizes, stride, indices, batch, "Range"), [-1])
    outer = whole[batch + 1 :]
    rows = emit("Prod", whole[: batch + 1], [0], keep_dims=False)
    flat = gather(reshape(params, concat([[rows], outer], axis=0)), flat_indices)
    result = reshape(flat, concat([indices_shape, outer], axis=0))
    lead = indices.shape[:batch].merge_with(params.shape[:batch])
    result.set_shape(lead.concatenate(indices.shape[batch:]).concatenate(params.shape[batch + 1 :]))
    return result


def _check_batch(params: Tensor, indices: Tensor, batch: int) -> None:
    for tensor, what in ((indices, "indices"), (params, "params")):
        ndims = tensor.shape.ndims
        if ndims is not None and not 0 <= batch < ndims:
            raise ValueError(f"batch_dims = {batch} must be less than rank({what}) = {ndims}")


# Gather and scatter by coordinates


def _gather_nd_shape(node: Any) -> TensorShape:
    params, indices = node.inputs[0].shape.ints, node.inputs[1].shape.with_rank_at_least(1).ints
    if params is None or indices is None or indices[-1] is None:
        return unknown_shape()
    if indices[-1] > len(params):
        raise ValueError(
            "indices.shape[-1] must be <= params.rank, "
            f"but saw indices shape: {indices} and params shape: {params}"
        )
    return TensorShape.of((*indices[:-1], *params[indices[-1] :]))


def coordinates(xp: Any, indices: Any) -> tuple[Any, ...]:
    """Coordinates in the last dimension as an index of arrays."""
    return tuple(indices[..., i] for i in range(indices.shape[-1]))


def check_coordinates(xp: Any, indices: Any, sizes: tuple[int, ...], what: str = "indices") -> None:
    """Refuse coordinates that lie outside an array of these sizes, naming the first."""
    depth = indices.shape[-1]
    if indices.size == 0:
        return
    xp = _room_of(xp, indices)
    wrong = xp.any((indices < 0) | (indices >= np.array(sizes[:depth], indices.dtype)), axis=-1)
    first = xp.argmax(wrong.reshape(-1))
    place, numbers = _place_text(xp, first, indices.shape[:-1])
    shown = "[" + ",".join(str(s) for s in sizes) + "]"
    message = what + place + " = {} does not index into param shape " + shown
    require(xp, ~xp.any(wrong), message, *numbers, indices.reshape(-1, depth)[first])


def _gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    check_coordinates(xp, indices, params.shape)
    if indices.shape[-1] == 0:
        return xp.broadcast_to(params, indices.shape[:-1] + params.shape)
    return keep_dtype(xp, xp.asarray(params)[coordinates(xp, indices)], params)


def _gather_nd_gradient(op: Any, grad: Any) -> list[Any]:
    params, indices = op.inputs
    whole = shape(params, out_type=indices.dtype)
    if indices.shape.ndims == 2 and indices.shape.ints[-1] == 1:
        return [IndexedSlices(grad, squeeze(indices, axis=-1), whole), None]
    return [emit("ScatterNd", indices, grad, whole), None]


@op("GatherNd", shape=_gather_nd_shape, kernel=_gather_nd_kernel, gradient=_gather_nd_gradient)
def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """The elements, or slices, of `params` at the coordinates in the last dimension of `indices`.

    Args:
        batch_dims: the number of leading dimensions that `params` and `indices` share.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.gather_nd([[1, 2], [3, 4]], [[0, 0], [1, 1]])))
    [1 4]
    """
    if isinstance(batch_dims, Tensor):
        known = constant_value(batch_dims)
        batch_dims = batch_dims if known is None else int(known)
    if batch_dims != 0:
        return _batch_gather_nd(params, indices, batch_dims, name)
    read = getattr(params, "gather_nd", None) if not isinstance(params, Tensor) else None
    if read is not None:
        return read(indices, name=name)  # type: ignore[no-any-return]
    return emit("GatherNd", params, indices, name=name)  # type: ignore[no-any-return]


def gather_nd_v2(params: Any, indices: Any, batch_dims: int = 0, name: str | None = None) -> Tensor:
    """`gather_nd` with the argument order of TensorFlow 2."""
    return gather_nd(params, indices, name, batch_dims)


def _batch_gather_nd(params: Any, indices: Any, batch: int, name: str | None) -> Tensor:
    with name_scope(name, "BatchGatherND", [params, indices]):
        indices = convert_to_tensor(indices, name="indices")
        params = convert_to_tensor(params, name="params")
        if not isinstance(batch, int):
            raise TypeError(f"batch_dims must be an int; got {batch!r}")
        if batch < 0:
            raise ValueError("tf.gather_nd does not allow negative batch_dims.")
        _check_batch(params, indices, batch)
        whole, indices_shape = shape(params), shape(indices)
        batch_shape = whole[:batch]
        flat = emit("GatherNd", params, _with_batch_coordinates(indices, indices_shape, batch_shape, batch))
        return reshape(flat, concat((batch_shape, shape(flat)[1:]), axis=0))


def _with_batch_coordinates(indices: Tensor, sizes: Tensor, batch_shape: Tensor, batch: int) -> Tensor:
    """Indices, flattened over the batches, with the coordinates of their batch put in front."""
    count = emit("Prod", batch_shape, [0])
    inner_rank = rank(indices) - batch - 1
    inner = sizes[batch:-1]
    numbers = [_cast_range(length, indices.dtype) for length in unstack(batch_shape, axis=0)]
    columns = [reshape(x, (-1,)) for x in meshgrid(*numbers, indexing="ij")]
    grid = transpose(stack(columns, axis=0))
    grid_shape = shape(grid)
    layout = [grid_shape[:1], ones(inner_rank, dtypes.int32), grid_shape[1:]]
    grid = reshape(grid, concat(layout, axis=0))
    grid = tile(grid, concat(((1,), inner, (1,)), axis=0))
    own = reshape(indices, concat(([count], sizes[batch:]), axis=0))
    return concat((grid, own), axis=-1)


def _cast_range(limit: Tensor, dtype: dtypes.DType) -> Tensor:
    return emit("Cast", emit("Range", 0, limit, 1), DstT=dtype)  # type: ignore[no-any-return]


def _scatter_nd_shape(node: Any) -> TensorShape:
    whole = constant_value_as_shape(node.inputs[2])
    _check_scatter_shapes(node.inputs[0].shape.ints, node.inputs[1].shape.ints, whole.ints)
    return whole


def _check_scatter_shapes(indices: Any, updates: Any, whole: Any) -> None:
    """ValueError when `updates` cannot go to `indices` of a tensor of shape `whole`."""
    if indices is None or updates is None or whole is None:
        return
    lead = TensorShape.of(indices[:-1])
    if not lead.is_compatible_with(updates[: len(lead)]):
        raise ValueError(
            f"The outer {len(lead)} dimensions of indices.shape={list(indices)} must match "
            f"the outer {len(lead)} dimensions of updates.shape={list(updates)}"
        )
    if indices and indices[-1] is not None:
        inner = TensorShape.of(whole[indices[-1] :])
        if not inner.is_compatible_with(updates[len(lead) :]):
            raise ValueError(
                f"The inner {len(inner)} dimensions of input.shape={list(whole)} must match the inner "
                f"{len(updates) - len(lead)} dimensions of updates.shape={list(updates)}"
            )


def scattered(xp: Any, target: Any, indices: Any, updates: Any, how: str) -> Any:
    """`target` with `updates` put in at coordinates: `how` is "add", "set", "min" or "max"."""
    check_coordinates(xp, indices, target.shape)
    if indices.shape[-1] == 0:  # every update goes to the whole
        indices = xp.zeros((*indices.shape[:-1], 1), indices.dtype)
        return scattered(xp, target[None], indices, updates, how)[0]
    place = coordinates(xp, indices)
    if xp is not np:
        return getattr(xp.asarray(target).at[place], how)(updates)
    result = target.copy()
    if how == "set":
        result[place] = updates
    else:
        {"add": np.add, "min": np.minimum, "max": np.maximum}[how].at(result, place, updates)
    return result


def _scatter_nd_kernel(xp: Any, indices: Any, updates: Any, sizes: Any) -> Any:
    return scattered(xp, xp.zeros(tuple(sizes.tolist()), updates.dtype), indices, updates, "add")


@op(
    "ScatterNd",
    shape=_scatter_nd_shape,
    kernel=_scatter_nd_kernel,
    gradient=lambda op, grad: [None, gather_nd(grad, op.inputs[0]), None],
    static=(2,),
)
def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor of `shape` that is zero but at the coordinates `indices`, where `updates` are added up.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.scatter_nd([[1], [3], [1]], [5, 6, 7], [4])))
    [ 0 12  0  6]
    """
    return emit("ScatterNd", indices, updates, shape, name=name)  # type: ignore[no-any-return]


def _tensor_scatter_shape(node: Any) -> TensorShape:
    _check_scatter_shapes(*[node.inputs[i].shape.ints for i in (1, 2, 0)])
    return node.inputs[0].shape  # type: ignore[no-any-return]


def _scatter_update_gradient(op: Any, grad: Any) -> list[Any]:
    _, indices, updates = op.inputs
    own = gather_nd(grad, indices)
    rest = emit("TensorScatterUpdate", identity(grad), indices, zeros_like(updates, dtype=grad.dtype))
    return [rest, None, own]


def _scatter_add_gradient(op: Any, grad: Any) -> list[Any]:
    own = gather_nd(grad, op.inputs[1])
    return [identity(grad), None, own]


def _scatter_sub_gradient(op: Any, grad: Any) -> list[Any]:
    own = gather_nd(grad, op.inputs[1])
    whole = identity(grad)
    return [whole, None, -own]


@op(
    "TensorScatterUpdate",
    shape=_tensor_scatter_shape,
    kernel=lambda xp, x, indices, updates: scattered(xp, x, indices, updates, "set"),
    gradient=_scatter_update_gradient,
)
def tensor_scatter_update(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with the elements, or slices, at the coordinates `indices` replaced by `updates`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tensor_scatter_update([1, 1, 1], [[1]], [5])))
    [1 5 1]
    """
    return emit("TensorScatterUpdate", tensor, indices, updates, name=name)  # type: ignore[no-any-return]


@op(
    "TensorScatterAdd",
    shape=_tensor_scatter_shape,
    kernel=lambda xp, x, indices, updates: scattered(xp, x, indices, updates, "add"),
    gradient=_scatter_add_gradient,
)
def tensor_scatter_add(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with `updates` added at the coordinates `indices`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tensor_scatter_add([1, 1, 1], [[1], [1]], [5, 6])))
    [ 1 12  1]
    """
    return emit("TensorScatterAdd", tensor, indices, updates, name=name)  # type: ignore[no-any-return]


@op(
    "TensorScatterSub",
    shape=_tensor_scatter_shape,
    kernel=lambda xp, x, indices, updates: scattered(xp, x, indices, -updates, "add"),
    gradient=_scatter_sub_gradient,
)
def tensor_scatter_sub(tensor: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`tensor` with `updates` subtracted at the coordinates `indices`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.tensor_scatter_sub([1, 1, 1], [[1]], [5])))
    [ 1 -4  1]
    """
    return emit("TensorScatterSub", tensor, indices, updates, name=name)  # type: ignore[no-any-return]


@op(
    "ScatterNdNonAliasingAdd",
    shape=_tensor_scatter_shape,
    kernel=lambda xp, x, indices, updates: scattered(xp, x, indices, updates, "add"),
    gradient=lambda op, grad: [grad, None, gather_nd(grad, op.inputs[1])],
)
def scatter_nd_non_aliasing_add(input: Any, indices: Any, updates: Any, name: str | None = None) -> Tensor:
    """`input` with `updates` added at the coordinates `indices`."""
    return emit("ScatterNdNonAliasingAdd", input, indices, updates, name=name)  # type: ignore[no-any-return]
