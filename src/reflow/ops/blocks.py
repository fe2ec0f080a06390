"""The calls that gradient rules and composite functions make most, with the nodes that TensorFlow makes.

These are not public: the public functions of the families take more arguments and check them. A gradient rule
    may use
what is here (and `emit`), and so depends on no family.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope

RANGE_TYPES = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)
SMALL = 1000  # elements: TensorFlow makes a constant of fewer zeros, and a Fill of more


def shape_of(x: Any, out_type: Any = dtypes.int32) -> Any:
    """The shape of `x` as a tensor: a constant when it is known."""
    with name_scope(None, "Shape", [x]) as scope:
        if x.shape.is_fully_defined():
            return constant(x.shape.as_list(), out_type, name=scope)
        return emit("Shape", x, out_type=out_type, name=scope)


def size_of(x: Any, out_type: Any = dtypes.int32) -> Any:
    """The number of elements of `x`: a constant when it is known."""
    with name_scope(None, "Size", [x]) as scope:
        if x.shape.is_fully_defined():
            return constant(x.shape.num_elements(), out_type, name=scope)
        if x.shape.ints and 0 in x.shape.ints:
            return constant(0, out_type, name=scope)
        return emit("Size", x, out_type=out_type, name=scope)


def rank_of(x: Any) -> Any:
    """The rank of `x` as a tensor: a constant when it is known."""
    with name_scope(None, "Rank", [x]) as scope:
        if x.shape.ndims is not None:
            return constant(x.shape.ndims, dtypes.int32, name=scope)
        return emit("Rank", x, name=scope)


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x`, a tensor or a number, itself when it is a tensor of `dtype`, else as a Cast."""
    wanted = dtypes.as_dtype(dtype).base_dtype
    if hasattr(x, "op") and x.dtype.base_dtype == wanted:
        return x
    with name_scope(name, "Cast", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        return x if x.dtype.base_dtype == wanted else emit("Cast", x, DstT=wanted, name=scope)


def real(x: Any) -> Any:
    """The real part of a complex tensor, a real tensor itself (its name scope is taken all the same)."""
    with name_scope(None, "Real", [x]) as scope:
        return emit("Real", x, Tout=x.dtype.real_dtype, name=scope) if x.dtype.is_complex else x


def conj(x: Any) -> Any:
    """The complex conjugate: a node for complex tensors only."""
    return emit("Conj", x) if x.dtype.is_complex else x


def absolute(x: Any) -> Any:
    """`abs` of a real or complex tensor."""
    if x.dtype.is_complex:
        return emit("ComplexAbs", x, Tout=x.dtype.real_dtype, name="Abs")
    return emit("Abs", x)


def reshape(x: Any, shape: Any, name: str | None = None) -> Any:
    return emit("Reshape", x, shape, name=name)


def expand_dims(x: Any, axis: Any) -> Any:
    return emit("ExpandDims", x, axis)


def squeeze(x: Any, axis: Any = None) -> Any:
    """`x` without the axes of size 1 that `axis` (a number, a sequence, or None for all) names."""
    axes = axis if axis is None or isinstance(axis, (list, tuple)) else [axis]
    return emit("Squeeze", x, squeeze_dims=axes)


def concat(values: Sequence[Any], axis: Any) -> Any:
    return emit("ConcatV2", values, axis, name="concat")


def pack(values: Sequence[Any]) -> Any:
    """Tensors and numbers stacked along a new first axis."""
    return convert_to_tensor(list(values), name="stack")


def stack(values: Sequence[Any], axis: int) -> Any:
    return emit("Pack", values, axis=axis, name="stack")


def gather(params: Any, indices: Any) -> Any:
    """Rows of `params`, a tensor or a resource variable."""
    read = getattr(params, "sparse_read", None)
    return read(indices) if read is not None else emit("GatherV2", params, indices, 0)


def span(start: Any, limit: Any, delta: Any = 1) -> Any:
    """`range`: numbers from `start` to before `limit`, of the widest of the three types."""
    with name_scope("range", values=[start, limit, delta]) as scope:
        given = zip(("start", "limit", "delta"), (start, limit, delta), strict=True)
        values = [convert_to_tensor(value, name=name) for name, value in given]
        widest = max((v.dtype.base_dtype for v in values), key=RANGE_TYPES.index)
        return emit("Range", *[cast(v, widest) for v in values], name=scope)


def where(condition: Any, x: Any, y: Any) -> Any:
    return emit("Select", condition, x, y)


def transpose(x: Any, perm: Any = None, conjugate: bool = False, name: str | None = None) -> Any:
    """`x` with its axes in the order `perm`; without it, in reverse."""
    kind = "ConjugateTranspose" if conjugate and x.dtype.is_complex else "Transpose"
    with name_scope(name, "transpose", [x]) as scope:
        if perm is not None:
            return emit(kind, x, perm, name=scope)
        if x.shape.ndims:
            return emit(kind, x, np.arange(x.shape.ndims, dtype=np.int64)[::-1], name=scope)
        rank = emit("Rank", x)
        last = rank - 1
        return emit(kind, x, last - emit("Range", 0, rank, 1), name=scope)


def matrix_transpose(x: Any, conjugate: bool = False) -> Any:
    """`x` with its last two axes exchanged. ValueError when its rank is less than 2."""
    with name_scope(None, "matrix_transpose", [x]):
        rank = x.shape.ndims
        if rank is None:
            count = rank_of(x)
            batch = emit("Range", 0, count - 2, 1)
            return transpose(x, concat([batch, [count - 1, count - 2]], 0), conjugate)
        if rank < 2:
            raise ValueError(f"Argument 'a' should be a (batch) matrix, with rank >= 2.  Found: {x.shape}")
        return transpose(x, [*range(rank - 2), rank - 1, rank - 2], conjugate)


def adjoint(x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    with name_scope(None, "adjoint", [x]):
        return matrix_transpose(x, conjugate=True)


def zeros(shape: Any, dtype: Any, name: str | None = None) -> Any:
    """Zeros of a shape given as a tensor, a list or a TensorShape."""
    return _filled(0, "zeros", shape, dtype, name)


def ones(shape: Any, dtype: Any, name: str | None = None) -> Any:
    """Ones of a shape given as a tensor, a list or a TensorShape."""
    return _filled(1, "ones", shape, dtype, name)


def _filled(value: int, default: str, shape: Any, dtype: Any, name: str | None) -> Any:
    held: Any = bool(value) if dtypes.as_dtype(dtype).is_bool else value
    with name_scope(name, default, [shape]) as scope:
        if isinstance(shape, (TensorShape, tuple, list)):
            known = _known_sizes(shape)
            if known is None:
                functools.reduce(operator.mul, shape) < SMALL  # noqa: B015  (nodes that TensorFlow makes)
            elif np.prod(known) < SMALL:
                return constant(held, dtype, shape=known, name=scope)
            shape = convert_to_tensor(shape if known is None else TensorShape(known), dtype=dtypes.int32)
        if not shape.shape.ints:
            shape = reshape(shape, [-1])
        return emit("Fill", shape, constant(held, dtype), name=scope)


def _known_sizes(shape: Any) -> list[int] | None:
    """The sizes as numbers; None when one of them is a tensor."""
    items: list[Any] = shape.as_list() if isinstance(shape, TensorShape) else list(shape)
    if any(hasattr(d, "op") for d in items):
        return None
    return [int(d) for d in items]


def zeros_like(x: Any) -> Any:
    """Zeros of the shape and type of `x`."""
    with name_scope(None, "zeros_like", [x]) as scope:
        if x.shape.is_fully_defined():
            return zeros(x.shape, x.dtype.base_dtype, name=scope)
        return emit("ZerosLike", x, name=scope)


def ones_like(x: Any) -> Any:
    """Ones of the shape and type of `x`."""
    with name_scope(None, "ones_like", [x]) as scope:
        result = ones(shape_of(x), x.dtype.base_dtype, name=scope)
        result.set_shape(x.shape)
        return result


def reduce(kind: str, x: Any, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """The reduction op `kind` ("Sum", "Max" ...) of `x` over `axis`, or over all axes."""
    if axis is not None:
        return emit(kind, x, axis, keep_dims=keepdims, name=name)
    rank = x.shape.ndims
    axes = span(0, rank_of(x)) if rank is None else constant(np.arange(rank), dtypes.int32)
    result = emit(kind, x, axes, keep_dims=keepdims, name=name)
    if not keepdims:
        result.set_shape(())
    return result


def diagonal_matrix(x: Any) -> Any:
    """Matrices with the last axis of `x` on their diagonals."""
    return emit("MatrixDiag", x, name="diag")


def diagonal_of(x: Any) -> Any:
    """The diagonals of matrices."""
    return emit("MatrixDiagPart", x, name="diag_part")


def with_diagonal(x: Any, diagonal: Any) -> Any:
    """Matrices `x` with another diagonal."""
    return emit("MatrixSetDiag", x, diagonal, name="set_diag")


def band_part(x: Any, lower: int, upper: int) -> Any:
    return emit("MatrixBandPart", x, lower, upper)


def eye(size: Any, batch_shape: Any = None, dtype: Any = dtypes.float32) -> Any:
    """Square identity matrices; the size is a number or tensor, the batch shape None, a tensor or a list."""
    with name_scope(None, "eye", [size, batch_shape]):
        batch = [] if batch_shape is None else batch_shape
        if hasattr(size, "op"):
            size = emit("Minimum", size, size)
        if hasattr(size, "op") or hasattr(batch, "op"):
            batch = convert_to_tensor(batch, name="shape", dtype=dtypes.int32)
            return diagonal_matrix(ones(concat([batch, [size]], 0), dtype))
        return diagonal_matrix(ones([*batch, size], dtype))
