"""Tensors made from nothing or from a shape, the shapes of tensors, and nodes that pass a tensor on."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, broadcast_static_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.composite import SparseTensor, SparseTensorValue
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import constant, convert_to_tensor, emit, graph_of, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register

newaxis = None
SMALL = 1000  # elements; a smaller filled tensor is a constant
SPARSE = (SparseTensor, SparseTensorValue)


def keep_dtype(xp: Any, value: Any, like: Any) -> Any:
    """`value` as an array of the type of `like`: NumPy gives bare objects for single strings."""
    return np.asarray(value, like.dtype) if xp is np else value


register(
    "Const",
    shape=lambda node: as_shape(node.attrs["value"].shape),
    kernel=lambda xp, *, value: value,
    gradient=None,
)


# Placeholders


@op("Placeholder", shape=shapes.from_attr("shape"), gradient=None)
def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """A tensor without a value: every run that needs it must feed it.

    Args:
        dtype: the type of what is fed.
        shape: what is known of the shape; None for any, None in it for any size.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.placeholder(tf.float32, [None, 3], name="x")
    <tf.Tensor 'x:0' shape=(?, 3) dtype=float32>
    """
    return emit("Placeholder", dtype=dtype, shape=shape, name=name)  # type: ignore[no-any-return]


@op(
    "PlaceholderWithDefault",
    shape=shapes.from_attr("shape"),
    kernel=lambda xp, x: x,
    gradient=lambda op, grad: [grad],
)
def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """A tensor that may be fed, and is `input` in runs that do not.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     rate = tf.placeholder_with_default(0.5, [])
    ...     print(sess.run(rate), sess.run(rate, {rate: 0.25}))
    0.5 0.25
    """
    return emit("PlaceholderWithDefault", input, shape=as_shape(shape), name=name)  # type: ignore[no-any-return]


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """A `SparseTensor` without a value, to be fed with a `SparseTensorValue`.

    Args:
        shape: the dense shape; None for any. A shape with an unknown size gives the rank only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.sparse_placeholder(tf.float32, [3, 4]).shape
    TensorShape([Dimension(3), Dimension(4)])
    """

    def part(suffix: str) -> str | None:
        return None if name is None else f"{name}/{suffix}"

    rank, dense = None, None
    if shape is not None:
        rank = shape.shape[0] if isinstance(shape, Tensor) else len(shape)
        if isinstance(shape, Tensor) or None not in list(shape):
            dense = convert_to_tensor(shape, dtypes.int64, name=part("shape"))
    if dense is None:
        dense = placeholder(dtypes.int64, [rank], part("shape"))
    values = placeholder(dtype, [None], part("values"))
    return SparseTensor(placeholder(dtypes.int64, [None, rank], part("indices")), values, dense)


# Filled tensors


def _fill_shape(node: Any) -> TensorShape:
    dims = constant_value(node.inputs[0])
    if dims is not None and (dims < 0).any():
        raise ValueError(f"Fill dimensions must be >= 0, got {dims.tolist()}")
    return constant_value_as_shape(node.inputs[0])


def _fill_kernel(xp: Any, dims: Any, value: Any) -> Any:
    if (dims < 0).any():
        fail(f"Dimension {int(dims.min())} must be >= 0")
    return xp.full(tuple(np.ravel(dims).tolist()), value, dtype=value.dtype)


def sum_of_all(x: Any) -> Tensor:
    """The sum of all elements, with the nodes of `reduce_sum(x)`."""
    ndims = x.shape.ndims
    if ndims is not None:
        axes = constant(np.arange(ndims), dtypes.int32)
    else:
        axes = emit_range(0, rank(x), 1, name="range")
    return emit("Sum", x, axes)  # type: ignore[no-any-return]


def emit_range(start: Any, limit: Any, delta: Any = 1, name: str = "range") -> Tensor:
    """`tf.range` of int32 with its nodes, whose arguments become constants in its own scope."""
    with name_scope(name) as scope:
        parts = [
            convert_to_tensor(v, name=n) for v, n in ((start, "start"), (limit, "limit"), (delta, "delta"))
        ]
        return emit("Range", *parts, name=scope)  # type: ignore[no-any-return]


@op(
    "Fill",
    shape=_fill_shape,
    kernel=_fill_kernel,
    gradient=lambda op, grad: [None, sum_of_all(grad)],
    static=(0,),
)
def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """A tensor of shape `dims` whose elements are all `value`, of its type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.fill([2, 2], 7)))
    [[7 7]
     [7 7]]
    """
    return emit("Fill", dims, value, name=name)  # type: ignore[no-any-return]


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of zeros (False, empty strings).

    Args:
        shape: a list of integers (scalar tensors among them), a TensorShape, or a 1-D integer tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.zeros([2, 3])))
    [[0. 0. 0.]
     [0. 0. 0.]]
    """
    dtype = dtypes.as_dtype(dtype).base_dtype
    value: Any = {"bool": False, "string": ""}.get(dtype.name, 0)
    return _filled(value, shape, dtype, name, "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """A tensor of ones (True).

    Args:
        shape: a list of integers (scalar tensors among them), a TensorShape, or a 1-D integer tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.ones([2], tf.int32)))
    [1 1]
    """
    dtype = dtypes.as_dtype(dtype).base_dtype
    return _filled(dtype.is_bool or 1, shape, dtype, name, "ones")


def _filled(value: Any, shape: Any, dtype: dtypes.DType, name: str | None, default: str) -> Tensor:
    """A constant when the tensor is small and of known shape, otherwise a `Fill`."""
    with name_scope(name, default, [shape]) as scope:
        if not isinstance(shape, Tensor):
            if _is_small(shape):
                return constant(value, dtype, shape, scope)
            shape = _shape_tensor(shape)
        if not shape.shape.ndims:
            shape = emit("Reshape", shape, [-1])
        return emit("Fill", shape, constant(value, dtype), name=scope)  # type: ignore[no-any-return]


def _is_small(shape: Any) -> bool:
    """Whether a shape is known, and of fewer elements than a `Fill` is worth.

    When a tensor is among the sizes TensorFlow compares their product in the graph: nodes that nothing
    uses, but that count.
    """
    if isinstance(shape, TensorShape):
        count = shape.num_elements()
        return count is not None and count < SMALL
    if not isinstance(shape, (list, tuple)) and np.ndim(shape) == 0:
        return False
    items = list(shape)
    if any(isinstance(i, Tensor) or hasattr(i, "_as_tensor") for i in items):
        functools.reduce(operator.mul, items) < SMALL  # noqa: B015  (TensorFlow makes these nodes too)
        return False
    sizes = [getattr(i, "value", i) for i in items]
    if any(not hasattr(s, "__index__") for s in sizes):
        return False
    return math.prod(int(s) for s in sizes) < SMALL


def _shape_tensor(shape: Any) -> Tensor:
    try:
        shape = TensorShape(shape)
    except (TypeError, ValueError):
        return convert_to_tensor(shape, dtypes.int32)
    return convert_to_tensor(shape)


def _blank(xp: Any, x: Any) -> Any:
    return np.full(x.shape, b"", object) if x.dtype == object else xp.zeros_like(x)


@op("ZerosLike", shape=shapes.unchanged, kernel=_blank, gradient=None)
def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """A tensor of zeros of the shape of `tensor`.

    Args:
        dtype: the type of the result; None: that of `tensor`.
        optimize: use what is known of the shape while building the graph.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.zeros_like([3, 4])))
    [0 0]
    """
    with name_scope(name, "zeros_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        if optimize and tensor.shape.is_fully_defined() and tensor.dtype != dtypes.variant:
            return zeros(tensor.shape, dtype or tensor.dtype, scope)
        if dtype is not None and dtypes.as_dtype(dtype) not in (tensor.dtype, dtypes.variant):
            return zeros(_shape(tensor, None, dtypes.int32, optimize), dtype, scope)
        return emit("ZerosLike", tensor, name=scope)  # type: ignore[no-any-return]


@op("OnesLike", shape=shapes.unchanged, kernel=lambda xp, x: xp.ones_like(x), gradient=None)
def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """A tensor of ones of the shape of `tensor`; the arguments are those of `zeros_like`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.ones_like([3.0, 4.0])))
    [1. 1.]
    """
    with name_scope(name, "ones_like", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name="tensor")
        like = _shape(tensor, None, dtypes.int32, optimize)
        result = ones(like, tensor.dtype if dtype is None else dtype, scope)
        result.set_shape(tensor.shape)
        return result


def _empty_kernel(xp: Any, dims: Any, *, dtype: dtypes.DType) -> Any:
    blank = b"" if dtype == dtypes.string else 0
    return xp.full(tuple(dims.tolist()), blank, dtype=dtype.as_numpy_dtype)


@op("Empty", shape=shapes.from_input(0), kernel=_empty_kernel, gradient=None, static=(0,))
def empty(shape: Any, dtype: Any, init: bool = False, name: str | None = None) -> Tensor:
    """A tensor whose elements a program must not rely on (zeros here)."""
    return emit("Empty", shape, dtype=dtype, init=init, name=name)  # type: ignore[no-any-return]


# One-hot rows


def _one_hot_shape(node: Any) -> TensorShape:
    sizes, axis = node.inputs[0].shape.ints, node.attrs["axis"]
    if sizes is None:
        return unknown_shape()
    if not -1 <= axis <= len(sizes):
        raise ValueError(f"Expected axis to be -1 or between [0, {len(sizes)}] but axis is {axis}")
    known = constant_value(node.inputs[1])
    depth = None if known is None else int(np.ravel(known)[0])
    if depth is not None and depth < 0:
        raise ValueError(f"depth must be non-negative, got {depth}")
    at = len(sizes) if axis == -1 else axis
    return TensorShape.of((*sizes[:at], depth, *sizes[at:]))


def _one_hot_kernel(xp: Any, indices: Any, depth: Any, on: Any, off: Any, *, axis: int) -> Any:
    at = indices.ndim if axis == -1 else axis
    depths = xp.arange(int(depth)).reshape([-1 if i == at else 1 for i in range(indices.ndim + 1)])
    return keep_dtype(xp, xp.where(xp.expand_dims(indices, at) == depths, on, off), on)


@op("OneHot", shape=_one_hot_shape, kernel=_one_hot_kernel, gradient=None, static=(1,))
def one_hot(
    indices: Any,
    depth: Any,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Tensor:
    """For each index, a row of `off_value` (0) with `on_value` (1) at the index, if it is in [0, depth).

    Args:
        indices: integers of any shape.
        depth: the length of a row.
        axis: where the new dimension goes; -1: last.
        dtype: the type of the result: that of the values given, else float32.

    Raises:
        TypeError: the types of `on_value`, `off_value` and `dtype` differ.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.one_hot([2, 0], 3)))
    [[0. 0. 1.]
     [1. 0. 0.]]
    """
    with name_scope(name, "one_hot", [indices, depth, on_value, off_value]) as scope:
        given = [None if v is None else convert_to_tensor(v).dtype.base_dtype for v in (on_value, off_value)]
        dtype = _one_hot_dtype(given[0], given[1], dtype)
        if on_value is None:
            on_value = convert_to_tensor(1, dtype, name="on_value")
        if off_value is None:
            off_value = convert_to_tensor(0, dtype, name="off_value")
        return emit("OneHot", indices, depth, on_value, off_value, axis=axis, name=scope)  # type: ignore[no-any-return]


def _one_hot_dtype(on: Any, off: Any, wanted: Any) -> Any:
    for dtype, what in ((on, "on_value"), (off, "off_value")):
        if dtype is not None and wanted is not None and dtype != dtypes.as_dtype(wanted):
            raise TypeError(
                f"dtype {dtype!r} of {what} does not match dtype parameter {dtypes.as_dtype(wanted)!r}"
            )
    if on is not None and off is not None and on != off:
        raise TypeError(f"dtype {on!r} of on_value does not match dtype {off!r} of off_value")
    return on or off or wanted or dtypes.float32


# Shapes


def _shape_kernel(xp: Any, x: Any, *, out_type: dtypes.DType) -> Any:
    return np.array(x.shape, out_type.as_numpy_dtype)


def _shape_of_shape(node: Any) -> list[TensorShape]:
    return [TensorShape.of((x.shape.ndims,)) for x in node.inputs]


@op("Shape", shape=_shape_of_shape, kernel=_shape_kernel, gradient=None)
def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The shape of a tensor as an integer vector; a constant when it is known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.shape([[1, 2, 3]])))
    [1 3]
    """
    return _shape(input, name, out_type, True)


def shape_v2(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """`shape` with the argument order of TensorFlow 2."""
    return _shape(input, name, out_type, True)


def _shape(value: Any, name: str | None, out_type: Any, optimize: bool) -> Tensor:
    with name_scope(name, "Shape", [value]) as scope:
        if isinstance(value, SPARSE):
            return emit("Cast", value.dense_shape, DstT=out_type)  # type: ignore[no-any-return]
        static = convert_to_tensor(value).shape
        if optimize and static.is_fully_defined():
            return constant(static.as_list(), out_type, name=scope)
        return emit("Shape", value, out_type=out_type, name=scope)  # type: ignore[no-any-return]


@op(
    "ShapeN",
    shape=_shape_of_shape,
    kernel=lambda xp, *values, out_type: tuple(_shape_kernel(xp, v, out_type=out_type) for v in values),
    gradient=None,
)
def shape_n(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> list[Tensor]:
    """The shapes of several tensors of one type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.shape_n([[1], [1, 2]])))
    [array([1], dtype=int32), array([2], dtype=int32)]
    """
    return emit("ShapeN", input, out_type=out_type, name=name)  # type: ignore[no-any-return]


def _size_kernel(xp: Any, x: Any, *, out_type: dtypes.DType) -> Any:
    return np.array(math.prod(x.shape), out_type.as_numpy_dtype)


@op("Size", shape=shapes.scalar, kernel=_size_kernel, gradient=None)
def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """The number of elements of a tensor; a constant when it is known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.size([[1, 2, 3]])))
    3
    """
    with name_scope(name, "Size", [input]) as scope:
        if isinstance(input, SPARSE):
            return emit("Prod", emit("Cast", input.dense_shape, DstT=out_type), 0, name=scope)  # type: ignore[no-any-return]
        static = convert_to_tensor(input).shape
        count = 0 if 0 in (static.ints or ()) else static.num_elements()
        if count is not None:
            return constant(count, out_type, name=scope)
        return emit("Size", input, out_type=out_type, name=scope)  # type: ignore[no-any-return]


def size_v2(input: Any, out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """`size` with the argument order of TensorFlow 2."""
    return size(input, name, out_type)


@op("Rank", shape=shapes.scalar, kernel=lambda xp, x: np.array(x.ndim, np.int32), gradient=None)
def rank(input: Any, name: str | None = None) -> Tensor:
    """The number of dimensions of a tensor as an int32; a constant when it is known.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.rank([[1, 2, 3]])))
    2
    """
    with name_scope(name, "Rank", [input]) as scope:
        if isinstance(input, SPARSE):
            return emit("Size", input.dense_shape, name=scope)  # type: ignore[no-any-return]
        ndims = convert_to_tensor(input).shape.ndims
        if ndims is not None:
            return constant(ndims, dtypes.int32, name=scope)
        return emit("Rank", input, name=scope)  # type: ignore[no-any-return]


# Broadcasting


def _broadcast_to_shape(node: Any) -> TensorShape:
    target, own = constant_value_as_shape(node.inputs[1]), node.inputs[0].shape
    if target.ints is None or own.ints is None:
        return target
    if len(own.ints) > len(target.ints):
        raise ValueError(f"Shape must be at most rank {len(target.ints)} but is rank {len(own.ints)}")
    for have, want in zip(reversed(own.ints), reversed(target.ints), strict=False):
        if have not in (None, 1) and want is not None and have != want:
            raise ValueError(f"Dimensions must be equal, but are {have} and {want}")
    return broadcast_static_shape(own, target)


def _broadcast_to_kernel(xp: Any, x: Any, sizes: Any) -> Any:
    target = tuple(sizes.tolist())
    pairs = zip(reversed(x.shape), reversed(target), strict=False)
    if len(x.shape) > len(target) or any(a not in (1, b) for a, b in pairs):
        fail(f"Incompatible shapes: {list(x.shape)} vs. {list(target)}")
    return xp.broadcast_to(x, target)


def _broadcast_to_gradient(op: Any, grad: Any) -> list[Any]:
    own = shape(op.inputs[0])
    _, axes = emit("BroadcastGradientArgs", op.inputs[1], own)
    return [emit("Reshape", emit("Sum", grad, axes, keep_dims=True), own), None]


@op(
    "BroadcastTo",
    shape=_broadcast_to_shape,
    kernel=_broadcast_to_kernel,
    gradient=_broadcast_to_gradient,
    static=(1,),
)
def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """`input` repeated along its dimensions of size 1, and new leading ones, to `shape`.

    Raises:
        ValueError: the static shapes cannot fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.broadcast_to([1, 2], [2, 2])))
    [[1 2]
     [1 2]]
    """
    return emit("BroadcastTo", input, shape, name=name)  # type: ignore[no-any-return]


def _broadcast_args_kernel(xp: Any, x: Any, y: Any) -> Any:
    try:
        return np.array(np.broadcast_shapes(tuple(x.tolist()), tuple(y.tolist())), x.dtype)
    except ValueError:
        return fail(f"Incompatible shapes for broadcasting: {x.tolist()} and {y.tolist()}")


def _broadcast_args_shape(node: Any) -> TensorShape:
    lengths = [x.shape.with_rank(1).ints[0] for x in node.inputs]
    return TensorShape.of((None if None in lengths else max(lengths),))


@op("BroadcastArgs", shape=_broadcast_args_shape, kernel=_broadcast_args_kernel, gradient=None, static=(0, 1))
def broadcast_dynamic_shape(shape_x: Any, shape_y: Any) -> Tensor:
    """The shape that tensors of two shapes (integer vectors) broadcast to, as a vector.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.broadcast_dynamic_shape([2, 1], [3])))
    [2 3]
    """
    return emit("BroadcastArgs", shape_x, shape_y)  # type: ignore[no-any-return]


# Nodes that pass their input on


def _same(xp: Any, x: Any) -> Any:
    return x


def _identity_gradient(op: Any, grad: Any) -> list[Any]:
    return [grad]


@op("Identity", shape=shapes.unchanged, kernel=_same, gradient=_identity_gradient)
def identity(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input`: a name, or a point to hang control dependencies on.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.identity([1, 2], name="logits").name
    'logits:0'
    """
    return emit("Identity", input, name=name)  # type: ignore[no-any-return]


register("Snapshot", shape=shapes.unchanged, kernel=_same, gradient=_identity_gradient)


@op(
    "IdentityN",
    shape=lambda node: [x.shape for x in node.inputs],
    kernel=lambda xp, *values: values,
    gradient=lambda op, *grads: list(grads),
)
def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """The values of several tensors, none of which is there before all are.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.identity_n([1, 2.0])))
    1 2.0
    """
    return emit("IdentityN", input, name=name)  # type: ignore[no-any-return]


@op("StopGradient", shape=shapes.unchanged, kernel=_same, gradient=None)
def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input` that gradients take for a constant.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.constant(3.0)
    ...     tf.gradients(tf.stop_gradient(x), x)
    [None]
    """
    return emit("StopGradient", input, name=name)  # type: ignore[no-any-return]


def _refuse_gradient(op: Any, grad: Any) -> Any:
    raise LookupError(f"Gradient explicitly disabled. Reason: {op.attrs['message']}")


@op("PreventGradient", shape=shapes.unchanged, kernel=_same, gradient=_refuse_gradient)
def prevent_gradient(input: Any, message: str = "", name: str | None = None) -> Tensor:
    """A tensor with the value of `input`; a gradient through it is a LookupError with `message`."""
    return emit("PreventGradient", input, message=message, name=name)  # type: ignore[no-any-return]


@op("GuaranteeConst", shape=shapes.unchanged, kernel=_same, gradient=None)
def guarantee_const(input: Any, name: str | None = None) -> Tensor:
    """A tensor with the value of `input`, of which the program says that it never changes."""
    return emit("GuaranteeConst", input, name=name)  # type: ignore[no-any-return]


def _ensure_shape_kernel(xp: Any, x: Any, *, shape: TensorShape) -> Any:
    if not shape.is_compatible_with(x.shape):
        found = "[" + ",".join(str(d) for d in x.shape) + "]"
        wanted = "[" + ",".join("?" if d is None else str(d) for d in shape.ints or ()) + "]"
        fail(f"Shape of tensor {found} is not compatible with expected shape {wanted}.")
    return x


@op(
    "EnsureShape",
    shape=lambda node: node.inputs[0].shape.merge_with(node.attrs["shape"]),
    kernel=_ensure_shape_kernel,
    gradient=_identity_gradient,
)
def ensure_shape(x: Any, shape: Any, name: str | None = None) -> Tensor:
    """`x`, with a check in every run that it has this shape, and with what the shape says known from now on.

    Raises:
        ValueError: the static shape cannot be `shape`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.ensure_shape(tf.placeholder(tf.float32), [None, 3]).shape
    TensorShape([Dimension(None), Dimension(3)])
    """
    known = as_shape(shape)
    return graph_of([x]).emit("EnsureShape", x, shape=known, name=name)  # type: ignore[no-any-return]
