"""Ops that rearrange a tensor's elements: reshape, transpose, join, cut, repeat, pad, reverse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import Dimension, TensorShape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import constant, convert_to_tensor, emit, graph_of, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import emit_range, identity, keep_dtype, rank, shape, shape_n, size
from reflow.ops.deprecation import renamed


def positive_axis(axis: int, ndims: int) -> int:
    """`axis` counted from the front; ValueError when there is no such axis."""
    if not -ndims <= axis < ndims:
        raise ValueError(f"axis = {axis} not in [{-ndims}, {ndims})")
    return axis % ndims if ndims else 0


def _to_input_shape(op: Any, grad: Any) -> Tensor:
    """The gradient in the shape of the op's input."""
    return emit("Reshape", grad, shape(op.inputs[0]))  # type: ignore[no-any-return]


# Same elements, same order


def _reshape_shape(node: Any) -> TensorShape:
    target, source = constant_value_as_shape(node.inputs[1]), node.inputs[0].shape
    if target.ints is None:
        return target
    given = constant_value(node.inputs[1])
    count = source.num_elements()
    missing = [i for i, d in enumerate(target.ints) if d is None]
    if given is not None and (given == -1).sum() > 1:
        raise ValueError("Cannot infer multiple unknown dimensions in shape " + str(target))
    if count is None or len(missing) > 1:
        return _matched_unknowns(source, target)
    known = math.prod(d for d in target.ints if d is not None)
    if not missing and known != count:
        raise ValueError(
            f"Cannot reshape a tensor with {count} elements to shape {_brackets(target)} ({known} elements)"
        )
    if missing and known and count % known:
        raise ValueError(
            f"Dimension size must be evenly divisible by {known} but is {count}"
        )
    if missing and known:
        return TensorShape.of(tuple(count // known if d is None else d for d in target.ints))
    return target


def _matched_unknowns(source: TensorShape, target: TensorShape) -> TensorShape:
    """With one unknown size on either side and all others equal in number, the unknown ones are equal: still unknown."""
    return target


def _brackets(sizes: TensorShape) -> str:
    return "[" + ",".join("?" if d is None else str(d) for d in sizes.ints or ()) + "]"


def _reshape_kernel(xp: Any, x: Any, shape: Any) -> Any:
    sizes = [int(d) for d in np.ravel(shape)]
    known = math.prod(d for d in sizes if d != -1)
    count = math.prod(x.shape)
    if sizes.count(-1) > 1 or any(d < -1 for d in sizes):
        fail(f"Size {sizes} is not a shape: at most one dimension may be -1")
    if -1 in sizes:
        if not known and count:
            fail("reshape cannot infer the missing input size for an empty tensor unless all specified sizes are non-zero")
        if known and count % known:
            fail(f"Input to reshape is a tensor with {count} values, but the requested shape requires a multiple of {known}")
        sizes[sizes.index(-1)] = count // known if known else 0
    elif known != count:
        fail(f"Input to reshape is a tensor with {count} values, but the requested shape has {known}")
    return x.reshape(sizes)


@op(
    "Reshape",
    shape=_reshape_shape,
    kernel=_reshape_kernel,
    gradient=lambda op, grad: [_to_input_shape(op, grad), None],
    static=(1,),
)
def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """The elements of `tensor`, in order, in another shape; one size may be -1: what is left.

    Raises:
        ValueError: the number of elements is known and does not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.reshape([1, 2, 3, 4], [2, -1])))
    [[1 2]
     [3 4]]
    """
    return emit("Reshape", tensor, shape, name=name)  # type: ignore[no-any-return]


def _expand_dims_shape(node: Any) -> TensorShape:
    sizes, axis = node.inputs[0].shape.ints, constant_value(node.inputs[1])
    if sizes is None:
        return unknown_shape()
    if axis is None:
        return unknown_shape(len(sizes) + 1)
    at, ndims = int(np.ravel(axis)[0]), len(sizes) + 1
    if not -ndims <= at < ndims:
        raise ValueError(f"dim {at} not in the interval [{-ndims}, {ndims - 1}].")
    return TensorShape.of((*sizes[: at % ndims], 1, *sizes[at % ndims :]))


def _expand_dims_kernel(xp: Any, x: Any, axis: Any) -> Any:
    at, ndims = int(np.ravel(axis)[0]), x.ndim + 1
    if not -ndims <= at < ndims:
        fail(f"Tried to expand dim index {at} for tensor with {x.ndim} dimensions.")
    return xp.expand_dims(x, at)


@op(
    "ExpandDims",
    shape=_expand_dims_shape,
    kernel=_expand_dims_kernel,
    gradient=lambda op, grad: [_to_input_shape(op, grad), None],
    static=(1,),
)
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:  # noqa: A002
    """A dimension of size 1 inserted at `axis`; a negative axis counts from the end.

    Args:
        dim: the old name of `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.expand_dims([1, 2, 3], 0).shape
    TensorShape([Dimension(1), Dimension(3)])
    """
    axis = renamed("axis", axis, "dim", dim)
    if axis is None:
        raise ValueError("Must specify an axis argument to tf.expand_dims()")
    return emit("ExpandDims", input, axis, name=name)  # type: ignore[no-any-return]


def _squeeze_shape(node: Any) -> TensorShape:
    sizes, axes = node.inputs[0].shape.ints, node.attrs["squeeze_dims"]
    if sizes is None:
        return unknown_shape()
    for axis in axes:
        if not -len(sizes) <= axis < len(sizes):
            raise ValueError(f"squeeze_dims[{axis}] not in [{-len(sizes)},{len(sizes)}).")
        if sizes[axis] not in (None, 1):
            raise ValueError(f"Can not squeeze dim[{axis % len(sizes)}], expected a dimension of 1, got {sizes[axis]}")
    if not axes and None in sizes:
        return unknown_shape()
    gone = {a % len(sizes) for a in axes} if axes else {i for i, d in enumerate(sizes) if d == 1}
    return TensorShape.of(tuple(d for i, d in enumerate(sizes) if i not in gone))


def _squeeze_kernel(xp: Any, x: Any, *, squeeze_dims: list[int]) -> Any:
    for axis in squeeze_dims:
        if not -x.ndim <= axis < x.ndim or x.shape[axis] != 1:
            fail(f"Can not squeeze dim[{axis}], expected a dimension of 1, got shape {list(x.shape)}")
    return xp.squeeze(x, axis=tuple({a % x.ndim for a in squeeze_dims}) or None)


@op("Squeeze", shape=_squeeze_shape, kernel=_squeeze_kernel, gradient=lambda op, grad: [_to_input_shape(op, grad)])
def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:  # noqa: A002
    """The dimensions of size 1, or those of them that `axis` names, removed.

    Args:
        squeeze_dims: the old name of `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.squeeze([[[1, 2]]], [0]).shape
    TensorShape([Dimension(1), Dimension(2)])
    """
    axis = renamed("axis", axis, "squeeze_dims", squeeze_dims)
    if axis is not None and np.isscalar(axis):
        axis = [axis]
    return emit("Squeeze", input, squeeze_dims=axis, name=name)  # type: ignore[no-any-return]


# Transposition


def _transpose_shape(node: Any) -> TensorShape:
    sizes, perm = node.inputs[0].shape.ints, constant_value(node.inputs[1])
    if perm is None or sizes is None:
        length = (node.inputs[1].shape.ints or (None,))[0] if perm is None else perm.size
        ndims = length if sizes is None else len(sizes)
        if ndims is not None and length is not None and ndims != length:
            raise ValueError(f"Dimension must be {ndims} but is {length}")
        return unknown_shape(ndims)
    order = perm.ravel().tolist()
    if len(order) != len(sizes):
        raise ValueError(f"Dimension must be {len(sizes)} but is {len(order)}")
    if any(not -len(sizes) <= p < len(sizes) for p in order):
        raise ValueError(f"perm dim {max(order)} is out of range of input rank {len(sizes)}")
    return TensorShape.of(tuple(sizes[p] for p in order))


def _transpose_kernel(xp: Any, x: Any, perm: Any) -> Any:
    order = perm.tolist()
    if sorted(p % x.ndim if x.ndim else p for p in order) != list(range(x.ndim)):
        fail(f"{order} is not a permutation of the {x.ndim} dimensions of the input")
    return xp.transpose(x, order)


def _transpose_gradient(op: Any, grad: Any) -> list[Any]:
    return [transpose(grad, invert_permutation(op.inputs[1])), None]


def _conjugate_transpose_gradient(op: Any, grad: Any) -> list[Any]:
    return [transpose(grad, invert_permutation(op.inputs[1]), conjugate=True), None]


register(
    "ConjugateTranspose",
    shape=_transpose_shape,
    kernel=lambda xp, x, perm: xp.conj(_transpose_kernel(xp, x, perm)),
    gradient=_conjugate_transpose_gradient,
    static=(1,),
)


@op("Transpose", shape=_transpose_shape, kernel=_transpose_kernel, gradient=_transpose_gradient, static=(1,))
def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """The dimensions in the order `perm`; reversed when it is not given.

    Args:
        perm: a permutation of the dimensions' numbers.
        conjugate: take the complex conjugate too.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.transpose([[1, 2, 3], [4, 5, 6]])))
    [[1 4]
     [2 5]
     [3 6]]
    """
    with name_scope(name, "transpose", [a]) as scope:
        op_type = "ConjugateTranspose" if conjugate and a.dtype.is_complex else "Transpose"
        if perm is not None:
            return emit(op_type, a, perm, name=scope)  # type: ignore[no-any-return]
        a = convert_to_tensor(a, name="a")
        ndims = a.shape.ndims
        if ndims:
            perm = np.arange(ndims)[::-1]
        else:
            count = emit("Rank", a)
            perm = (count - 1) - emit("Range", 0, count, 1)
        result = emit(op_type, a, perm, name=scope)
        if ndims is not None:
            result.set_shape(a.shape.ints[::-1])
        return result  # type: ignore[no-any-return]


def transpose_v2(a: Any, perm: Any = None, conjugate: bool = False, name: str = "transpose") -> Tensor:
    """`transpose` with the argument order of TensorFlow 2."""
    return transpose(a, perm, name, conjugate)


def matrix_transpose(a: Any, name: str = "matrix_transpose", conjugate: bool = False) -> Tensor:
    """The last two dimensions exchanged.

    Raises:
        ValueError: the rank is known to be below 2.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.matrix_transpose(tf.zeros([5, 2, 3])).shape
    TensorShape([Dimension(5), Dimension(3), Dimension(2)])
    """
    with name_scope(name, values=[a]):
        a = convert_to_tensor(a, name="a")
        ndims = a.shape.ndims
        if ndims is None:
            count = rank(a)
            perm = concat((emit("Range", 0, count - 2, 1), [count - 1, count - 2]), 0)
        elif ndims < 2:
            raise ValueError(f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {a.shape}")
        else:
            perm = [*range(ndims - 2), ndims - 1, ndims - 2]
        return transpose(a, perm=perm, conjugate=conjugate)


def _inverse_of(xp: Any, x: Any) -> Any:
    if xp is np and (x.ndim != 1 or sorted(x.tolist()) != list(range(len(x)))):
        fail(f"{x.tolist()} is not a permutation of 0 ... {x.size - 1}")
    return xp.argsort(x).astype(x.dtype)


@op("InvertPermutation", shape=lambda node: node.inputs[0].shape.with_rank(1), kernel=_inverse_of, gradient=None)
def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes the permutation `x` of 0 ... n-1: `y[x[i]] == i`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.invert_permutation([2, 0, 1])))
    [1 2 0]
    """
    return emit("InvertPermutation", x, name=name)  # type: ignore[no-any-return]


# Joining along a new dimension


def _pack_shape(node: Any) -> TensorShape:
    one, axis = shapes.merged_inputs(node).ints, node.attrs["axis"]
    if one is None:
        return unknown_shape()
    at = positive_axis(axis, len(one) + 1)
    return TensorShape.of((*one[:at], len(node.inputs), *one[at:]))


def _pack_kernel(xp: Any, *values: Any, axis: int) -> Any:
    first = values[0].shape
    for i, v in enumerate(values):
        if v.shape != first:
            fail(f"Shapes of all inputs must match: values[0].shape = {list(first)} != values[{i}].shape = {list(v.shape)}")
    return xp.stack(values, axis=axis)


def _pack_gradient(op: Any, grad: Any) -> list[Any]:
    return unstack(grad, num=len(op.inputs), axis=op.attrs["axis"])


@op("Pack", shape=_pack_shape, kernel=_pack_kernel, gradient=_pack_gradient)
def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Tensors of one shape and type as one tensor with a new dimension at `axis`.

    Raises:
        ValueError: the shapes differ, or there is no such axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.stack([[1, 4], [2, 5]], axis=1)))
    [[1 2]
     [4 5]]
    """
    if axis == 0:
        try:
            return convert_to_tensor(values, name=name) if isinstance(values, Tensor) else _converted(values, name)
        except (TypeError, ValueError):
            pass  # shapes or types that a constant cannot have: Pack says what is wrong
    ndims = convert_to_tensor(values[0], name=name).shape.ndims
    if ndims is not None:
        positive_axis(axis, ndims + 1)
    return emit("Pack", values, axis=axis, name=name)  # type: ignore[no-any-return]


def _converted(values: Any, name: str) -> Tensor:
    return graph_of([*values] if isinstance(values, (list, tuple)) else [values]).convert(values, name=name)


pack = stack


def _concat_rows_shape(node: Any) -> Any:
    return node.attrs["shape"]


@op(
    "ParallelConcat",
    shape=_concat_rows_shape,
    kernel=lambda xp, *values: xp.concatenate(values, axis=0),
    gradient=lambda op, grad: unstack(grad, num=len(op.inputs)),
)
def parallel_stack(values: Any, name: str = "parallel_stack") -> Tensor:
    """Tensors of one known shape stacked along a new first dimension.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.parallel_stack([[1, 4], [2, 5], [3, 6]]).shape
    TensorShape([Dimension(3), Dimension(2)])
    """
    with name_scope(name):
        one = convert_to_tensor(values[0]).shape
        whole = TensorShape([len(values)]).concatenate(one)
        return emit("ParallelConcat", [expand_dims(v, 0) for v in values], shape=whole)  # type: ignore[no-any-return]


def _unpack_shape(node: Any) -> list[TensorShape]:
    sizes, num = node.inputs[0].shape.ints, node.attrs["num"]
    if sizes is None:
        return [unknown_shape()] * num
    at = positive_axis(node.attrs["axis"], len(sizes))
    if sizes[at] not in (None, num):
        raise ValueError(f"Dimension must be {num} but is {sizes[at]}")
    return [TensorShape.of((*sizes[:at], *sizes[at + 1 :]))] * num


def _unpack_kernel(xp: Any, x: Any, *, num: int, axis: int) -> tuple[Any, ...]:
    if x.shape[axis] != num:
        fail(f"Input shape axis {axis} must equal {num}, got shape {list(x.shape)}")
    rows = xp.moveaxis(x, axis, 0)
    return tuple(keep_dtype(xp, rows[i], x) for i in range(num))


@op(
    "Unpack",
    shape=_unpack_shape,
    kernel=_unpack_kernel,
    gradient=lambda op, *grads: [stack(grads, axis=op.attrs["axis"])],
)
def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """The slices of `value` along `axis`, as a list of tensors without that dimension.

    Args:
        num: the size of the dimension, if it is not known.

    Raises:
        ValueError: the size is neither known nor given.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.unstack([[1, 2], [3, 4]], axis=1)))
    [array([1, 3], dtype=int32), array([2, 4], dtype=int32)]
    """
    if num is None:
        value = convert_to_tensor(value)
        sizes = value.shape.ints
        if sizes is not None:
            num = sizes[positive_axis(axis, len(sizes))]
        if num is None:
            raise ValueError(f"Cannot infer num from shape {value.shape}")
    return emit("Unpack", value, num=num, axis=axis, name=name)  # type: ignore[no-any-return]


unpack = unstack


# Joining along an existing dimension


def _concat_shape_of(values: Sequence[Tensor], axis: Any) -> TensorShape:
    known = [v.shape for v in values if v.shape.ndims is not None]
    if not known:
        return unknown_shape()
    ndims = max(s.ndims for s in known)
    if any(s.ndims != ndims for s in known):
        low = min(s.ndims for s in known)
        raise ValueError(f"Shape must be rank {ndims} but is rank {low}")
    if axis is None:
        return unknown_shape(ndims)
    if ndims == 0 or not -ndims <= axis < ndims:
        raise ValueError(f"Expected concatenating dimensions in the range [{-ndims}, {ndims}), but got {axis}")
    at = axis % ndims
    rest = unknown_shape(ndims - 1)
    for s in known:
        others = TensorShape.of(s.ints[:at] + s.ints[at + 1 :])
        try:
            rest = rest.merge_with(others)
        except ValueError:
            pair = next(p for p in zip(rest.ints, others.ints, strict=True) if None not in p and p[0] != p[1])
            raise ValueError(f"Dimension {at} in both shapes must be equal, but are {pair[0]} and {pair[1]}") from None
    sizes = [None if v.shape.ints is None else v.shape.ints[at] for v in values]
    total = None if None in sizes else sum(sizes)
    return TensorShape.of((*rest.ints[:at], total, *rest.ints[at:]))


def _axis_value(tensor: Tensor) -> int | None:
    value = constant_value(tensor)
    return None if value is None else int(np.ravel(value)[0])


def _concat_kernel(xp: Any, *inputs: Any) -> Any:
    return joined(xp, inputs[:-1], int(inputs[-1]))


def joined(xp: Any, values: Sequence[Any], axis: int) -> Any:
    """Arrays joined along `axis`; checks as TensorFlow's kernel."""
    ndims = values[0].ndim
    if not -ndims <= axis < ndims:
        fail(f"ConcatOp : Expected concatenating dimensions in the range [{-ndims}, {ndims}), but got {axis}")
    at = axis % ndims
    for i, v in enumerate(values):
        if v.ndim != ndims or v.shape[:at] + v.shape[at + 1 :] != values[0].shape[:at] + values[0].shape[at + 1 :]:
            fail(
                f"ConcatOp : Dimensions of inputs should match: shape[0] = {list(values[0].shape)} "
                f"vs. shape[{i}] = {list(v.shape)}"
            )
    return xp.concatenate(values, axis=at)


def _concat_gradient(op: Any, grad: Any) -> list[Any]:
    return [*_concat_parts(op.inputs[:-1], op.inputs[-1], grad), None]


register(
    "Concat",
    shape=lambda node: _concat_shape_of(node.inputs[1:], _axis_value(node.inputs[0])),
    kernel=lambda xp, axis, *values: joined(xp, values, int(axis)),
    gradient=lambda op, grad: [None, *_concat_parts(op.inputs[1:], op.inputs[0], grad)],
    static=(0,),
)


@op(
    "ConcatV2",
    shape=lambda node: _concat_shape_of(node.inputs[:-1], _axis_value(node.inputs[-1])),
    kernel=_concat_kernel,
    gradient=_concat_gradient,
    static=(-1,),
)
def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Tensors joined along an existing dimension; all other dimensions must be equal.

    Raises:
        ValueError: the static shapes do not fit, or there is no such axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.concat([[[1, 2]], [[3, 4]]], 0)))
    [[1 2]
     [3 4]]
    """
    if not isinstance(values, (list, tuple)):
        values = [values]
    if len(values) == 1:
        with name_scope(name):
            convert_to_tensor(axis, dtypes.int32, name="concat_dim").shape.assert_has_rank(0)
            return identity(values[0], name=name)
    return emit("ConcatV2", values, axis, name=name)  # type: ignore[no-any-return]


def _concat_offset_kernel(xp: Any, axis: Any, *sizes: Any) -> tuple[Any, ...]:
    at, offset, results = int(axis), 0, []
    for one in sizes:
        begin = np.zeros_like(one)
        begin[at] = offset
        results.append(begin)
        offset += int(one[at])
    return tuple(results)


register(
    "ConcatOffset",
    shape=lambda node: [x.shape for x in node.inputs[1:]],
    kernel=_concat_offset_kernel,
    gradient=None,
)


def _known_sizes(values: Sequence[Tensor]) -> list[Tensor]:
    """The shapes of tensors: constants when all are known, else one `ShapeN`."""
    sizes = []
    for value in values:
        one = shape(value)
        if one.op.type != "Const":
            return shape_n(values)
        sizes.append(one)
    return sizes


MANY_PARTS = 16  # TensorFlow splits the gradient of more inputs, and slices that of fewer


def _concat_parts(values: Sequence[Tensor], axis: Tensor, grad: Any) -> list[Any]:
    """The part of a concatenation's gradient that belongs to each input."""
    if len(values) == 1:
        return [grad]
    at = axis % rank(values[0])
    if isinstance(grad, IndexedSlices):
        return _concat_parts_of_rows(values, axis, at, grad)
    sizes = _known_sizes(values)
    if len(sizes) > MANY_PARTS:
        lengths = squeeze(emit("Slice", stack(sizes, axis=1), [at, 0], [1, -1]))
        return split(grad, lengths, at)
    begins = emit("ConcatOffset", at, sizes)
    return [emit("Slice", grad, begin, length) for begin, length in zip(begins, sizes, strict=True)]


def _concat_parts_of_rows(values: Sequence[Tensor], axis: Tensor, at: Tensor, grad: IndexedSlices) -> list[Any]:
    static = _axis_value(axis)
    if static is None:
        raise ValueError("Can only compute IndexedSlices gradient with statically-known concat_dim")
    if static < 0:
        ndims = constant_value(rank(values[0]))
        if ndims is None:
            raise ValueError(
                "Can only compute IndexedSlices gradient with negative concat_dim when first value rank is "
                "statically-known."
            )
        static %= int(ndims)
    sizes = [shape(v) for v in values]
    return _inner_parts(sizes, at, grad) if static > 0 else _outer_parts(sizes, at, grad)


def _inner_parts(sizes: list[Tensor], at: Tensor, grad: IndexedSlices) -> list[Any]:
    """Joined along an inner dimension: every input gets all rows, cut."""
    length = shape(sizes[0])
    ahead = emit("Fill", expand_dims(at, 0), 0)
    mask = concat([ahead, [1], emit("Fill", length - at - 1, 0)], 0)
    begin, parts = emit("Fill", length, 0), []
    for one in sizes:
        end = concat([[-1], emit("Slice", one, [1], [-1])], 0)
        parts.append(IndexedSlices(emit("Slice", grad.values, begin, end), grad.indices, one))
        begin = emit("Add", begin, one * mask)
    return parts


def _outer_parts(sizes: list[Tensor], at: Tensor, grad: IndexedSlices) -> list[Any]:
    """Joined along the first dimension: every input gets the rows in its range."""
    indices, parts = grad.indices, []
    start = constant(0, indices.dtype)
    for one in sizes:
        count = emit("GatherV2", one, at, 0)
        if count.dtype != indices.dtype:
            count = emit("Cast", count, DstT=indices.dtype)
        end = start + count
        chosen = squeeze(emit("Where", emit("LogicalAnd", indices >= start, indices < end)), axis=[1])
        own = emit("GatherV2", indices, chosen, 0) - start
        parts.append(IndexedSlices(emit("GatherV2", grad.values, chosen, 0), own, one))
        start = end
    return parts


# Cutting


def _split_shape(node: Any) -> list[TensorShape]:
    sizes, axis = node.inputs[1].shape.ints, _axis_value(node.inputs[0])
    count = node.attrs["num_split"]
    if sizes is None or axis is None:
        return [unknown_shape(None if sizes is None else len(sizes))] * count
    at = positive_axis(axis, len(sizes))
    if sizes[at] is None:
        return [node.inputs[1].shape] * count
    if sizes[at] % count:
        raise ValueError(f"Dimension size must be evenly divisible by {count} but is {sizes[at]}")
    return [TensorShape.of((*sizes[:at], sizes[at] // count, *sizes[at + 1 :]))] * count


def _split_kernel(xp: Any, axis: Any, x: Any, *, num_split: int) -> tuple[Any, ...]:
    at = int(axis)
    if not -x.ndim <= at < x.ndim:
        fail(f"-input rank(-{x.ndim}) <= split_dim < input rank ({x.ndim}), but got {at}")
    if x.shape[at] % num_split:
        fail(
            f"Number of ways to split should evenly divide the split dimension, but got split_dim {at} "
            f"(size = {x.shape[at]}) and num_split {num_split}"
        )
    return tuple(xp.split(x, num_split, axis=at))


register(
    "Split",
    shape=_split_shape,
    kernel=_split_kernel,
    gradient=lambda op, *grads: [None, concat(list(grads), op.inputs[0])],
    static=(0,),
)


def _split_v_shape(node: Any) -> list[TensorShape]:
    sizes, axis = node.inputs[0].shape.ints, _axis_value(node.inputs[2])
    lengths, count = constant_value(node.inputs[1]), node.attrs["num_split"]
    if sizes is None or axis is None:
        return [unknown_shape(None if sizes is None else len(sizes))] * count
    at = positive_axis(axis, len(sizes))
    known: list[int | None] = [None] * count if lengths is None else [int(n) for n in lengths]
    if lengths is not None:
        known = _completed(known, sizes[at])
    return [TensorShape.of((*sizes[:at], n, *sizes[at + 1 :])) for n in known]


def _completed(lengths: list[Any], total: int | None) -> list[int | None]:
    """Lengths with the one that is -1 worked out from the total; ValueError if they do not add up."""
    fixed = sum(n for n in lengths if n != -1)
    if total is None:
        return [None if n == -1 else n for n in lengths]
    missing = lengths.count(-1)
    if missing > 1 or fixed > total or (not missing and fixed != total):
        raise ValueError(f"The sizes {lengths} of a split do not add up to {total}, the size of the dimension")
    return [total - fixed if n == -1 else n for n in lengths]


def _split_v_kernel(xp: Any, x: Any, lengths: Any, axis: Any) -> tuple[Any, ...]:
    at = int(axis)
    if not -x.ndim <= at < x.ndim:
        fail(f"-input rank(-{x.ndim}) <= split_dim < input rank ({x.ndim}), but got {at}")
    sizes = _completed(lengths.tolist(), x.shape[at])
    return tuple(xp.split(x, np.cumsum(sizes)[:-1].tolist(), axis=at))


register(
    "SplitV",
    shape=_split_v_shape,
    kernel=_split_v_kernel,
    gradient=lambda op, *grads: [concat(list(grads), op.inputs[2]), None, None],
    static=(1, 2),
)


def split(
    value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split"
) -> list[Tensor]:
    """`value` cut along `axis`.

    Args:
        num_or_size_splits: the number of equal parts, or a vector with the size of each (one may be -1: what is left).
        num: the number of parts, when the length of the vector is not known.

    Raises:
        ValueError: the number of parts is not known, or the sizes do not fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.split([1, 2, 3, 4], [1, 3])))
    [array([1], dtype=int32), array([2, 3, 4], dtype=int32)]
    """
    lengths = convert_to_tensor(num_or_size_splits)
    if isinstance(num_or_size_splits, (int, np.integer, Dimension)):
        return emit("Split", axis, value, num_split=int(num_or_size_splits), name=name)  # type: ignore[no-any-return]
    if lengths.shape.ndims == 0:
        raise ValueError(
            "Rank-0 tensors are not supported as the num_or_size_splits argument to split. "
            f"Argument provided: {num_or_size_splits}"
        )
    if num is None:
        num = lengths.shape.ints[0] if lengths.shape.ints else None
        if num is None:
            raise ValueError(f"Cannot infer num from shape {num_or_size_splits}")
    return emit("SplitV", value, lengths, axis, num_split=num, name=name)  # type: ignore[no-any-return]
