"""Variables as ops: their handles, reading and writing them, and updates of their rows, elements and
slices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail, require
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import index_of_slice
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import state_kernels as kernels
from reflow.ops.array import ones_like, shape, size
from reflow.ops.joining import concat
from reflow.ops.shaping import expand_dims, reshape, squeeze

PASSES_ON = ("Identity", "Switch", "RefSwitch", "Enter", "RefEnter", "RefIdentity")
ROWS_MESSAGE = (
    "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], "
    "got updates.shape {}, indices.shape {}, params.shape {}"
)
RESOURCE_ROWS_MESSAGE = "shape of indices ({1}) is not compatible with the shape of updates ({0})"


def handle_shape(handle: Any) -> TensorShape:
    """The static shape of the variable behind a resource handle; unknown when the handle comes from
    elsewhere."""
    node = handle.op
    while node.type in PASSES_ON or node.stands_for is not None:
        node = (node.inputs[0] if node.stands_for is None else node.stands_for).op
    return as_shape(node.attrs["shape"]) if node.type == "VarHandleOp" else unknown_shape()


def _merged(left: TensorShape, right: TensorShape) -> TensorShape:
    """One shape out of two; the error speaks as TensorFlow's shape functions do."""
    a, b = left.ints, right.ints
    if a is None or b is None:
        return left if b is None else right
    if len(a) != len(b):
        raise ValueError(f"Shapes must be equal rank, but are {len(a)} and {len(b)}")
    for i, (x, y) in enumerate(zip(a, b, strict=True)):
        if x is not None and y is not None and x != y:
            pair = " and ".join("[" + ",".join("?" if d is None else str(d) for d in s) + "]" for s in (a, b))
            raise ValueError(
                f"Dimension {i} in both shapes must be equal, but are {x} and {y}. Shapes are {pair}."
            )
    return left.merge_with(right)


# Handles


def _declared(node: Any) -> TensorShape:
    return as_shape(node.attrs["shape"])


for _type in ("VariableV2", "Variable"):
    register(_type, shape=_declared, slot=lambda attrs: None, gradient=None)
register("VarHandleOp", shape=shapes.scalar, slot=lambda attrs: None, gradient=None)


# Reading


def _is_initialized(xp: Any, value: Any) -> Any:
    return np.asarray(value is not None)


register("VarIsInitializedOp", shape=shapes.scalar, kernel=_is_initialized, gradient=None)


@op("IsVariableInitialized", shape=shapes.scalar, kernel=_is_initialized, gradient=None)
def is_variable_initialized(ref: Any, name: str | None = None) -> Any:
    """Whether the variable `ref` has a value yet: a scalar bool tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(1.0)
    ...     print(sess.run(tf.is_variable_initialized(v)))
    False
    """
    if _is_reference(ref):
        return emit("IsVariableInitialized", _ref_of(ref), name=name)
    return ref.is_initialized(name=name)


register(
    "ReadVariableOp",
    shape=lambda node: handle_shape(node.inputs[0]),
    kernel=lambda xp, value: value,
    gradient=lambda op, grad: [grad],
)


def _variable_shape(xp: Any, value: Any, *, out_type: dtypes.DType) -> Any:
    return np.array(np.shape(value), out_type.as_numpy_dtype)


register(
    "VariableShape",
    shape=lambda node: [handle_shape(node.inputs[0]).ndims],
    kernel=_variable_shape,
    gradient=None,
)


def _gather_shape(node: Any) -> TensorShape:
    params, batch = handle_shape(node.inputs[0]), node.attrs.get("batch_dims", 0)
    if params.ndims is None:
        return unknown_shape()
    rows: TensorShape = params[:batch].concatenate(node.inputs[1].shape[batch:])
    return rows.concatenate(params[batch + 1 :])


def _resource_gather(xp: Any, value: Any, indices: Any, *, batch_dims: int) -> Any:
    return kernels.gather_rows(xp, value, indices, batch_dims)


def _shape_tensor(handle: Any, dtype: dtypes.DType) -> Any:
    """The shape of the variable behind a handle as a tensor: a constant if it is known."""
    known = handle_shape(handle)
    if known.is_fully_defined():
        return constant(known.as_list(), dtype=dtype)
    return emit("VariableShape", handle, out_type=dtype)


def _gather_gradient(op: Any, grad: Any) -> list[Any]:
    whole = _shape_tensor(op.inputs[0], dtypes.int32)
    count = expand_dims(size(op.inputs[1]), 0)
    values = reshape(grad, concat([count, whole[1:]], 0))
    return [IndexedSlices(values, reshape(op.inputs[1], count), whole), None]


register("ResourceGather", shape=_gather_shape, kernel=_resource_gather, gradient=_gather_gradient)


def _gather_nd_shape(node: Any) -> TensorShape:
    params, indices = handle_shape(node.inputs[0]), node.inputs[1].shape
    if params.ndims is None or indices.ndims is None or indices.ints[-1] is None:
        return unknown_shape()
    found: TensorShape = indices[:-1].concatenate(params[indices.ints[-1] :])
    return found


def _resource_gather_nd(xp: Any, value: Any, indices: Any) -> Any:
    kernels.check_places(xp, indices, np.shape(value))
    return xp.asarray(value)[kernels.places_index(xp, indices)]


def _gather_nd_gradient(op: Any, grad: Any) -> list[Any]:
    handle, indices = op.inputs
    whole = _shape_tensor(handle, indices.dtype)
    if indices.shape.ndims == 2 and indices.shape.ints[-1] == 1:
        return [IndexedSlices(grad, squeeze(indices, axis=-1), whole), None]
    return [emit("ScatterNd", indices, grad, whole), None]


register("ResourceGatherNd", shape=_gather_nd_shape, kernel=_resource_gather_nd, gradient=_gather_nd_gradient)


# Whole values


def _assign_shape(node: Any) -> TensorShape:
    ref, value = (t.shape for t in node.inputs)
    return _merged(ref, value) if node.attrs["validate_shape"] else value


def _assign(xp: Any, ref: Any, value: Any, *, validate_shape: bool) -> Any:
    if validate_shape and ref is not None:
        message = "Assign requires shapes of both tensors to match. lhs shape= {} rhs shape= {}"
        kernels.same_shape(xp, ref, value, message)
    return value


@op("Assign", shape=_assign_shape, kernel=_assign, updates=(0,), gradient=None)
def assign(
    ref: Any,
    value: Any,
    validate_shape: bool | None = None,
    use_locking: bool | None = None,
    name: str | None = None,
) -> Any:
    """Give the variable `ref` the value `value`, of its type and (unless `validate_shape=False`) its shape.

    Returns what holds the new value: a reference for a reference variable, else a value read after the
    assignment. ValueError when the shapes are known to differ.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(1.0)
    ...     print(sess.run(tf.assign(v, 5.0)))
    5.0
    """
    if not _is_reference(ref):
        return ref.assign(value, name=name)
    return emit(
        "Assign", _ref_of(ref), value, validate_shape=validate_shape, use_locking=use_locking, name=name
    )


def _same_shape_rule(node: Any) -> TensorShape:
    return _merged(*(t.shape for t in node.inputs))


def _resource_shape_rule(node: Any) -> list[TensorShape]:
    _merged(handle_shape(node.inputs[0]), node.inputs[1].shape)
    return []


def _whole_update(function: str, message: str) -> Callable[..., Any]:
    def kernel(xp: Any, ref: Any, value: Any) -> Any:
        kernels.same_shape(xp, ref, value, message)
        return getattr(xp, function)(ref, value)

    return kernel


register(
    "AssignVariableOp",
    shape=_resource_shape_rule,
    kernel=lambda xp, old, value: value,
    updates=(0,),
    gradient=None,
)
for _type, _function in (("Add", "add"), ("Sub", "subtract")):
    register(
        f"Assign{_type}VariableOp",
        shape=_resource_shape_rule,
        kernel=_whole_update(
            _function,
            "Cannot update variable with shape {} using a Tensor with shape {}, shapes must be equal.",
        ),
        updates=(0,),
        gradient=None,
    )
SAME_SIZE = "Parameters and update must be the same size"


@op(
    "AssignAdd",
    shape=_same_shape_rule,
    kernel=_whole_update("add", SAME_SIZE),
    updates=(0,),
    gradient=None,
)
def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Add `value` to the variable `ref`; returns what holds the sum.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1.0, 2.0])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.assign_add(v, [10.0, 20.0])))
    [11. 22.]
    """
    if not _is_reference(ref):
        return ref.assign_add(value)
    return emit("AssignAdd", _ref_of(ref), value, use_locking=use_locking, name=name)


@op(
    "AssignSub",
    shape=_same_shape_rule,
    kernel=_whole_update("subtract", SAME_SIZE),
    updates=(0,),
    gradient=None,
)
def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Any:
    """Subtract `value` from the variable `ref`; returns what holds the difference.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1.0, 2.0])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.assign_sub(v, [1.0, 1.0])))
    [0. 1.]
    """
    if not _is_reference(ref):
        return ref.assign_sub(value)
    return emit("AssignSub", _ref_of(ref), value, use_locking=use_locking, name=name)


def _count_up_to(ctx: Any, value: Any, *, limit: int) -> tuple[Any, Any]:
    if value >= limit:
        fail(f"Reached limit of {limit}", errors.OutOfRangeError)
    return np.add(value, 1, dtype=value.dtype), value


register("ResourceCountUpTo", shape=shapes.scalar, host=_count_up_to, updates=(0,), gradient=None)


@op("CountUpTo", shape=shapes.scalar, host=_count_up_to, updates=(0,), gradient=None)
def count_up_to(ref: Any, limit: int, name: str | None = None) -> Any:
    """Add one to the scalar integer variable `ref`; returns the value before. OutOfRangeError once it is
    `limit`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(0)
    ...     sess.run(v.initializer)
    ...     step = tf.count_up_to(v, 3)
    ...     print(sess.run(step), sess.run(step))
    0 1
    """
    if _is_reference(ref):
        return emit("CountUpTo", _ref_of(ref), limit=limit, name=name)
    return emit("ResourceCountUpTo", ref.handle, limit=limit, T=ref.dtype, name=name)


# Rows, elements and slices


def _rows_rule(variable: Callable[[Any], TensorShape]) -> Callable[[Any], Any]:
    """Checks that updates are a scalar, or one row for each index."""

    def rule(node: Any) -> Any:
        own, indices, updates = variable(node.inputs[0]), node.inputs[1].shape, node.inputs[2].shape
        if own.ndims is not None and indices.ndims is not None and updates.ndims != 0:
            _merged(updates, indices.concatenate(own[1:]))
        return own if node.outputs else []

    return rule


def _places_rule(variable: Callable[[Any], TensorShape]) -> Callable[[Any], Any]:
    """Checks that there is an update for each row of the indices."""

    def rule(node: Any) -> Any:
        own, indices, updates = variable(node.inputs[0]), node.inputs[1].shape, node.inputs[2].shape
        if indices.ndims is not None and updates.ndims is not None:
            outer = indices.ndims - 1
            try:
                _merged(indices[:outer], updates[:outer])
            except ValueError as error:
                texts = [
                    "[" + ",".join("?" if d is None else str(d) for d in s.ints) + "]"
                    for s in (indices, updates)
                ]
                raise ValueError(
                    f"The outer {outer} dimensions of indices.shape={texts[0]} must match the outer {outer} "
                    f"dimensions of updates.shape={texts[1]}: {error}"
                ) from None
        return own if node.outputs else []

    return rule


def _own_shape(ref: Any) -> TensorShape:
    shape: TensorShape = ref.shape
    return shape


def _rows_kernel(how: str, message: str) -> Callable[..., Any]:
    return lambda xp, ref, indices, updates: kernels.scatter_rows(xp, ref, indices, updates, how, message)


def _places_kernel(how: str) -> Callable[..., Any]:
    return lambda xp, ref, indices, updates: kernels.scatter_places(xp, ref, indices, updates, how)


for _how in kernels.UPDATES:
    for _prefix, _variable, _message in (
        ("", _own_shape, ROWS_MESSAGE),
        ("Resource", handle_shape, RESOURCE_ROWS_MESSAGE),
    ):
        register(
            f"{_prefix}Scatter{_how}",
            shape=_rows_rule(_variable),
            kernel=_rows_kernel(_how, _message),
            updates=(0,),
            gradient=None,
        )
for _how in ("Update", "Add", "Sub"):
    for _prefix, _variable in (("", _own_shape), ("Resource", handle_shape)):
        register(
            f"{_prefix}ScatterNd{_how}",
            shape=_places_rule(_variable),
            kernel=_places_kernel(_how),
            updates=(0,),
            gradient=None,
        )


def _slice_assign(
    xp: Any,
    ref: Any,
    begin: Any,
    end: Any,
    strides: Any,
    value: Any,
    *,
    begin_mask: int,
    end_mask: int,
    ellipsis_mask: int,
    new_axis_mask: int,
    shrink_axis_mask: int,
) -> Any:
    masks = {
        "begin_mask": begin_mask,
        "end_mask": end_mask,
        "ellipsis_mask": ellipsis_mask,
        "new_axis_mask": new_axis_mask,
        "shrink_axis_mask": shrink_axis_mask,
    }
    index = index_of_slice(begin, end, strides, masks)
    wanted = np.empty(np.shape(ref), np.bool_)[index].shape
    require(xp, wanted == np.shape(value), "The slice has shape {}, the value {}", wanted, np.shape(value))
    return kernels.put(xp, ref, index, value, "Update")


register(
    "StridedSliceAssign",
    shape=shapes.unchanged,
    kernel=_slice_assign,
    static=(1, 2, 3),
    updates=(0,),
    gradient=None,
)
register(
    "ResourceStridedSliceAssign",
    shape=shapes.no_outputs,
    kernel=_slice_assign,
    static=(1, 2, 3),
    updates=(0,),
    gradient=None,
)


# The public functions


def _is_reference(variable: Any) -> bool:
    """Whether the ops for references take `variable`; the rest must be a resource variable."""
    reference: bool = variable.dtype._is_ref_dtype
    return reference


def _ref_of(variable: Any) -> Any:
    """The reference tensor of a variable, or the tensor itself."""
    own = getattr(variable, "_ref", None)
    return variable if own is None else own()


def _scatter(op_type: str, ref: Any, indices: Any, updates: Any, use_locking: bool, name: str | None) -> Any:
    if _is_reference(ref):
        return emit(op_type, _ref_of(ref), indices, updates, use_locking=use_locking, name=name)
    values = convert_to_tensor(updates, ref.dtype)
    return ref._lazy_read(emit("Resource" + op_type, ref.handle, indices, values, name=name))


def scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Any:
    """Put the rows of `updates` into the rows `indices` of the variable `ref`.

    Args:
        ref: a variable of shape [n, ...].
        indices: int32 or int64 numbers of rows, of any shape; InvalidArgumentError at run time for one not in
            [0, n).
        updates: of shape `indices.shape + ref.shape[1:]`, or a scalar for all.
        use_locking: kept in the node; updates never interleave.
        name: the node's name.

    Returns what holds the new value.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_update(v, [0, 2], [10, 30])))
    [10  2 30]
    """
    return _scatter("ScatterUpdate", ref, indices, updates, use_locking, name)


def scatter_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Add the rows of `updates` to the rows `indices` of `ref`; rows that are named twice get both. As
    `scatter_update`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_add(v, [0, 0], [10, 10])))
    [21  2  3]
    """
    return _scatter("ScatterAdd", ref, indices, updates, use_locking, name)


def scatter_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Subtract the rows of `updates` from the rows `indices` of `ref`. As `scatter_add`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_sub(v, [1], [2])))
    [1 0 3]
    """
    return _scatter("ScatterSub", ref, indices, updates, use_locking, name)


def scatter_mul(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Multiply the rows `indices` of `ref` by the rows of `updates`. As `scatter_add`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_mul(v, [1], [5])))
    [ 1 10  3]
    """
    return _scatter("ScatterMul", ref, indices, updates, use_locking, name)


def scatter_div(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Divide the rows `indices` of `ref` by the rows of `updates`, integers towards zero. As `scatter_add`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([7, -7, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_div(v, [0, 1], [2, 2])))
    [ 3 -3  3]
    """
    return _scatter("ScatterDiv", ref, indices, updates, use_locking, name)


def scatter_min(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """The lesser of the rows `indices` of `ref` and the rows of `updates`, element by element. As
    `scatter_add`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_min(v, [0, 2], [2, 2])))
    [1 2 2]
    """
    return _scatter("ScatterMin", ref, indices, updates, use_locking, name)


def scatter_max(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """The greater of the rows `indices` of `ref` and the rows of `updates`, element by element. As
    `scatter_add`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_max(v, [0, 2], [2, 2])))
    [2 2 3]
    """
    return _scatter("ScatterMax", ref, indices, updates, use_locking, name)


def scatter_nd_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Any:
    """Put `updates` into the places of the variable `ref` that the rows of `indices` name.

    Args:
        ref: a variable.
        indices: int32 or int64, of shape [..., k]: a row names an element of `ref`, or a slice if k is less
            than its rank.
        updates: of shape `indices.shape[:-1] + ref.shape[k:]`.
        use_locking: kept in the node.
        name: the node's name.

    Returns what holds the new value.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([[1, 2], [3, 4]])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_nd_update(v, [[0, 1]], [9])).tolist())
    [[1, 9], [3, 4]]
    """
    return _scatter("ScatterNdUpdate", ref, indices, updates, use_locking, name)


def scatter_nd_add(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Add `updates` to the places of `ref` that the rows of `indices` name. As `scatter_nd_update`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_nd_add(v, [[0], [0]], [5, 5])))
    [11  2  3]
    """
    return _scatter("ScatterNdAdd", ref, indices, updates, use_locking, name)


def scatter_nd_sub(
    ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None
) -> Any:
    """Subtract `updates` from the places of `ref` that the rows of `indices` name. As `scatter_nd_update`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2, 3])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.scatter_nd_sub(v, [[2]], [3])))
    [1 2 0]
    """
    return _scatter("ScatterNdSub", ref, indices, updates, use_locking, name)


def batch_scatter_update(
    ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None
) -> Any:
    """`scatter_update` in which all axes of `indices` but the last go with the first axes of `ref`.

    `updates` has shape `indices.shape + ref.shape[indices.ndims:]`. ValueError if the rank of `indices` is
    unknown.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([[1, 2], [3, 4]])
    ...     sess.run(v.initializer)
    ...     print(sess.run(tf.batch_scatter_update(v, [[0], [1]], [[10], [40]])).tolist())
    [[10, 2], [3, 40]]
    """
    with name_scope(name):
        rows = convert_to_tensor(indices, name="indices")
        depth = rows.shape.ndims
        if depth is None:
            raise ValueError("batch_gather does not allow indices with unknown shape.")
        sizes = shape(rows)
        last = expand_dims(rows, axis=-1)
        parts = [_batch_numbers(sizes, last, axis, depth) for axis in range(depth - 1)]
        places = concat([*parts, last], axis=-1)
        return scatter_nd_update(ref, places, updates, use_locking=use_locking)


def _batch_numbers(sizes: Any, last: Any, axis: int, depth: int) -> Any:
    """For each index, its own position along a batch axis."""
    size = sizes[axis]
    spread: list[Any] = [1] * (depth + 1)
    spread[axis] = size
    numbers = reshape(emit("Range", 0, size, 1), spread)
    if numbers.dtype.base_dtype != last.dtype.base_dtype:
        numbers = emit("Cast", numbers, DstT=last.dtype.base_dtype)
    return numbers * ones_like(last)
