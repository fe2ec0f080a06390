"""Ops that keep a tensor's elements and rearrange them: reshape, new and lost dimensions, transposition."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, unknown_shape
from reflow.graph.checks import fail
from reflow.graph.constant import constant_value, constant_value_as_shape
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops.array import rank, shape
from reflow.ops.deprecation import renamed


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
        return target
    known = math.prod(d for d in target.ints if d is not None)
    if not missing and known != count:
        raise ValueError(
            f"Cannot reshape a tensor with {count} elements to shape {_brackets(target)} ({known} elements)"
        )
    if missing and known and count % known:
        raise ValueError(f"Dimension size must be evenly divisible by {known} but is {count}")
    if missing and known:
        return TensorShape.of(tuple(count // known if d is None else d for d in target.ints))
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
            fail(
                "reshape cannot infer the missing input size for an empty tensor unless all specified "
                "input sizes are non-zero"
            )
        if known and count % known:
            fail(
                f"Input to reshape is a tensor with {count} values, "
                f"but the requested shape requires a multiple of {known}"
            )
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
    if sizes is None or axis is None:
        return unknown_shape()
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
def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
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
            raise ValueError(
                f"Can not squeeze dim[{axis % len(sizes)}], expected a dimension of 1, got {sizes[axis]}"
            )
    if not axes and None in sizes:
        return unknown_shape()
    gone = {a % len(sizes) for a in axes} if axes else {i for i, d in enumerate(sizes) if d == 1}
    return TensorShape.of(tuple(d for i, d in enumerate(sizes) if i not in gone))


def _squeeze_kernel(xp: Any, x: Any, *, squeeze_dims: list[int]) -> Any:
    for axis in squeeze_dims:
        if not -x.ndim <= axis < x.ndim or x.shape[axis] != 1:
            fail(f"Can not squeeze dim[{axis}], expected a dimension of 1, got shape {list(x.shape)}")
    return xp.squeeze(x, axis=tuple({a % x.ndim for a in squeeze_dims}) or None)


@op(
    "Squeeze",
    shape=_squeeze_shape,
    kernel=_squeeze_kernel,
    gradient=lambda op, grad: [_to_input_shape(op, grad)],
)
def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
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
        fail(f"transpose expects a permutation of the {x.ndim} dimensions of its input, not {order}")
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
            outer = emit("Range", 0, count - 2, 1)
            perm = emit("ConcatV2", [outer, [count - 1, count - 2]], 0, name="concat")
        elif ndims < 2:
            raise ValueError(f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {a.shape}")
        else:
            perm = [*range(ndims - 2), ndims - 1, ndims - 2]
        return transpose(a, perm=perm, conjugate=conjugate)


def _inverse_of(xp: Any, x: Any) -> Any:
    if xp is np and (x.ndim != 1 or sorted(x.tolist()) != list(range(len(x)))):
        fail(f"{x.tolist()} is not a permutation of 0 ... {x.size - 1}")
    return xp.argsort(x).astype(x.dtype)


@op(
    "InvertPermutation",
    shape=lambda node: node.inputs[0].shape.with_rank(1),
    kernel=_inverse_of,
    gradient=None,
)
def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """The permutation that undoes the permutation `x` of 0 ... n-1: `y[x[i]] == i`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.invert_permutation([2, 0, 1])))
    [1 2 0]
    """
    return emit("InvertPermutation", x, name=name)  # type: ignore[no-any-return]
