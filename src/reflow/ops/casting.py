"""Conversions between types: casts, reinterpreted bits, complex numbers and their parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.composite import IndexedSlices, SparseTensor
from reflow.graph.graph import constant, control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops.broadcasting import broadcast_axes, sum_to
from reflow.ops.elementwise import SMALL_FLOATS, broadcasting, shown
from reflow.platform import logging as _log

INEXACT = (
    dtypes.float16,
    dtypes.float32,
    dtypes.float64,
    dtypes.bfloat16,
    dtypes.complex64,
    dtypes.complex128,
)


# Casts


def _cast_array(xp: Any, x: Any, *, DstT: Any) -> Any:  # noqa: N803  (the attribute's name)
    if dtypes.string in (DstT, dtypes.as_dtype(x.dtype)):
        fail(
            f"Cast {dtypes.as_dtype(x.dtype).name} to {DstT.name} is not supported", errors.UnimplementedError
        )
    target = np.dtype(DstT.as_numpy_dtype)
    kind = x.dtype.kind if x.dtype.name != "bfloat16" else "f"
    if kind == "c" and target.kind != "c":
        x, kind = x.real, "f"
    if kind == "f" and target.kind in "iu":
        return _float_to_integer(xp, x, target)
    return x.astype(target)


def _float_to_integer(xp: Any, x: Any, target: np.dtype[Any]) -> Any:
    """`x` without its fraction. What does not fit becomes the lowest number of 32 or 64 bits, as on x86.

    Types with fewer bits keep the low bits of that, and so do unsigned ones.
    """
    wide = np.dtype(np.int32 if target.itemsize < 4 or target == np.int32 else np.int64)
    if target == np.uint64:
        return xp.where(x < 0, x.astype(np.int64).astype(np.uint64), x.astype(np.uint64))
    if xp is np:
        return x.astype(wide).astype(target)
    x = x.astype(np.float32) if x.dtype.name in SMALL_FLOATS else x
    limit = np.array(2.0 ** (8 * wide.itemsize - 1), x.dtype)
    inside = (x >= -limit) & (x < limit)  # XLA itself would give the nearest number, and 0 for NaN
    return xp.where(inside, x.astype(wide), dtypes.as_dtype(wide).min).astype(target)


def _cast_gradient(op: Any, grad: Any) -> Any:
    source, target = op.inputs[0].dtype.base_dtype, grad.dtype.base_dtype
    return [blocks.cast(grad, source) if source in INEXACT and target in INEXACT else None]


@op("Cast", shape=shapes.unchanged, kernel=_cast_array, gradient=_cast_gradient)
def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """`x` with its elements converted to `dtype`; `x` itself when they are of that type.

    Fractions are cut off, booleans become 0 and 1, of complex numbers the real part is taken. Of a
    `SparseTensor` or `IndexedSlices` the values are cast.

    >>> import reflow as tf
    >>> tf.Session().run(tf.cast([1.8, -2.2], tf.int32))
    array([ 1, -2], dtype=int32)
    """
    base = dtypes.as_dtype(dtype).base_dtype
    if _stands_for_tensor(x) and x.dtype == base:
        return x
    with name_scope(name, "Cast", [x]) as scope:
        if isinstance(x, SparseTensor):
            return SparseTensor(x.indices, cast(x.values, base, name=scope), x.dense_shape)
        if isinstance(x, IndexedSlices):
            return IndexedSlices(cast(x.values, base, name=scope), x.indices, x.dense_shape)
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex and base.is_floating:
            _log.warning("Casting complex to real discards imaginary part.")
        return blocks.cast(x, base, name=scope)


def _stands_for_tensor(x: Any) -> bool:
    """A tensor, or a resource variable (which is returned as it is; a reference variable is read)."""
    return isinstance(x, Tensor) or hasattr(x, "handle")


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Any:
    """`value` cast to `dtype`, elements out of its range becoming its least or greatest number.

    >>> import reflow as tf
    >>> tf.Session().run(tf.saturate_cast([-3.0, 12.5, 300.0], tf.uint8))
    array([  0,  12, 255], dtype=uint8)
    """
    with name_scope(name, "saturate_cast", [value]) as scope:
        value = convert_to_tensor(value, name="value")
        target, source = dtypes.as_dtype(dtype).base_dtype, value.dtype.base_dtype
        number = int if source.is_integer else float  # Python's numbers compare without overflow
        if float(source.min) < float(target.min):
            value = emit("Maximum", value, convert_to_tensor(number(target.min), dtype=source, name="min"))
        if float(source.max) > float(target.max):
            value = emit("Minimum", value, convert_to_tensor(number(target.max), dtype=source, name="max"))
        return cast(value, target, name=scope)


def to_float(x: Any, name: str | None = "ToFloat") -> Any:
    """`tf.cast(x, tf.float32)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_float([1, 2]))
    array([1., 2.], dtype=float32)
    """
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str | None = "ToDouble") -> Any:
    """`tf.cast(x, tf.float64)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_double([1, 2]))
    array([1., 2.])
    """
    return cast(x, dtypes.float64, name=name)


def to_int32(x: Any, name: str | None = "ToInt32") -> Any:
    """`tf.cast(x, tf.int32)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_int32([1.5, 2.5]))
    array([1, 2], dtype=int32)
    """
    return cast(x, dtypes.int32, name=name)


def to_int64(x: Any, name: str | None = "ToInt64") -> Any:
    """`tf.cast(x, tf.int64)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_int64([1.5, 2.5]))
    array([1, 2])
    """
    return cast(x, dtypes.int64, name=name)


def to_bfloat16(x: Any, name: str | None = "ToBFloat16") -> Any:
    """`tf.cast(x, tf.bfloat16)`, the older way.

    >>> import reflow as tf
    >>> tf.to_bfloat16([1, 2]).dtype
    tf.bfloat16
    """
    return cast(x, dtypes.bfloat16, name=name)


def to_complex64(x: Any, name: str | None = "ToComplex64") -> Any:
    """`tf.cast(x, tf.complex64)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_complex64([1, 2]))
    array([1.+0.j, 2.+0.j], dtype=complex64)
    """
    return cast(x, dtypes.complex64, name=name)


def to_complex128(x: Any, name: str | None = "ToComplex128") -> Any:
    """`tf.cast(x, tf.complex128)`, the older way.

    >>> import reflow as tf
    >>> tf.Session().run(tf.to_complex128([1, 2]))
    array([1.+0.j, 2.+0.j])
    """
    return cast(x, dtypes.complex128, name=name)


# Bits


def _bitcast_shape(node: Any) -> TensorShape:
    ints, ratio = node.inputs[0].shape.ints, _size_ratio(node.attrs["T"], node.attrs["type"])
    if ints is None:
        return shapes.UNKNOWN
    if ratio >= 1:
        return TensorShape.of(ints if ratio == 1 else (*ints, int(ratio)))
    if not ints or ints[-1] not in (None, int(1 / ratio)):
        last = ints[-1] if ints else "a scalar"
        raise ValueError(f"Cannot bitcast due to shape. {last} is not evenly divisible by {int(1 / ratio)}")
    return TensorShape.of(ints[:-1])


def _size_ratio(source: Any, target: Any) -> float:
    return source.size / target.size  # type: ignore[no-any-return]


def _bitcast_kernel(xp: Any, x: Any, *, type: Any) -> Any:
    target = np.dtype(type.as_numpy_dtype)
    ratio = x.dtype.itemsize / target.itemsize
    if ratio == 1:
        return x.view(target)
    if ratio > 1:
        return x.reshape((*x.shape, 1)).view(target)
    if not x.ndim or x.shape[-1] != int(1 / ratio):
        fail(f"Cannot bitcast an array of shape {shown(x.shape)} from {x.dtype} to {target}")
    return (np.ascontiguousarray(x) if xp is np else x).view(target).reshape(x.shape[:-1])


@op("Bitcast", shape=_bitcast_shape, kernel=_bitcast_kernel, gradient=None)
def bitcast(input: Any, type: Any, name: str | None = None) -> Any:
    """The bits of `input` read as numbers of another type.

    A type with fewer bytes adds a last dimension, one with more takes up the last dimension.

    >>> import reflow as tf
    >>> tf.Session().run(tf.bitcast([1.0, -1.0], tf.int32))
    array([ 1065353216, -1082130432], dtype=int32)
    """
    return emit("Bitcast", input, type=type, name=name)


# Complex numbers


def _complex_array(xp: Any, real: Any, imag: Any) -> Any:
    if xp is not np:
        import jax

        return jax.lax.complex(*xp.broadcast_arrays(real, imag))
    shape = np.broadcast_shapes(real.shape, imag.shape)
    result = np.empty(shape, np.complex64 if real.dtype == np.float32 else np.complex128)
    result.real, result.imag = real, imag
    return result


def _complex_gradient(op: Any, grad: Any) -> Any:
    sx, sy, rx, ry = broadcast_axes(*op.inputs)
    gx = sum_to(real(grad), rx, sx)
    return [gx, sum_to(imag(grad), ry, sy)]


@op("Complex", shape=shapes.broadcast, kernel=broadcasting(_complex_array), gradient=_complex_gradient)
def complex(real: Any, imag: Any, name: str | None = None) -> Any:
    """Complex numbers of given real and imaginary parts, both float32 or both float64 (TypeError otherwise).

    >>> import reflow as tf
    >>> tf.Session().run(tf.complex([1.0, 2.0], [3.0, 4.0]))
    array([1.+3.j, 2.+4.j], dtype=complex64)
    """
    real, imag = convert_to_tensor(real, name="real"), convert_to_tensor(imag, name="imag")
    results = {dtypes.float64: dtypes.complex128, dtypes.float32: dtypes.complex64}
    with name_scope(name, "Complex", [real, imag]) as scope:
        kind = results.get(real.dtype)
        if kind is None or real.dtype != imag.dtype:
            raise TypeError(f"real and imag have incorrect types: {real.dtype.name} {imag.dtype.name}")
        return emit("Complex", real, imag, Tout=kind, name=scope)


def _zero_of(grad: Any) -> Any:
    return constant(0, dtype=grad.dtype.base_dtype)


def _real_gradient(op: Any, grad: Any) -> Any:
    return [complex(grad, _zero_of(grad))]


@op("Real", shape=shapes.unchanged, kernel=lambda xp, x: xp.real(x), gradient=_real_gradient)
def real(input: Any, name: str | None = None) -> Any:
    """The real part of each element; of a real tensor the tensor itself.

    >>> import reflow as tf
    >>> tf.Session().run(tf.real([1 + 2j, 3 - 4j]))
    array([1., 3.])
    """
    with name_scope(name, "Real", [input]) as scope:
        tensor = convert_to_tensor(input, name="input")
        if not tensor.dtype.is_complex:
            return tensor
        return emit("Real", tensor, Tout=tensor.dtype.real_dtype, name=scope)


def _imag_gradient(op: Any, grad: Any) -> Any:
    return [complex(_zero_of(grad), grad)]


@op("Imag", shape=shapes.unchanged, kernel=lambda xp, x: xp.imag(x), gradient=_imag_gradient)
def imag(input: Any, name: str | None = None) -> Any:
    """The imaginary part of each element; zeros for a real tensor.

    >>> import reflow as tf
    >>> tf.Session().run(tf.imag([1 + 2j, 3 - 4j]))
    array([ 2., -4.])
    """
    return _part("Imag", input, name)


def _part(op_type: str, value: Any, name: str | None) -> Any:
    with name_scope(name, op_type, [value]) as scope:
        tensor = convert_to_tensor(value, name="input")
        if not tensor.dtype.is_complex:
            return blocks.zeros_like(tensor)
        return emit(op_type, tensor, Tout=tensor.dtype.real_dtype, name=scope)


def _angle_gradient(op: Any, grad: Any) -> Any:
    x = op.inputs[0]
    with control_dependencies([grad]):
        re, im = real(x), imag(x)
        inverse = emit("Reciprocal", complex(im, re))
        whole = complex(grad, _zero_of(grad))
        return [-whole * inverse]


def _angle_kernel(xp: Any, x: Any) -> Any:
    return xp.arctan2(xp.imag(x), xp.real(x))


@op("Angle", shape=shapes.unchanged, kernel=_angle_kernel, gradient=_angle_gradient)
def angle(input: Any, name: str | None = None) -> Any:
    """The argument of each element, in (-pi, pi]; zeros for a real tensor.

    >>> import reflow as tf
    >>> tf.Session().run(tf.angle([1j, -1.0 + 0j]))
    array([1.57079633, 3.14159265])
    """
    return _part("Angle", input, name)


@op(
    "Conj",
    shape=shapes.unchanged,
    kernel=lambda xp, x: xp.conj(x),
    gradient=lambda op, grad: [blocks.conj(grad)],
)
def conj(x: Any, name: str | None = None) -> Any:
    """The complex conjugate of each element; a real tensor itself. TypeError for booleans and strings.

    >>> import reflow as tf
    >>> tf.Session().run(tf.conj([1 + 2j, 3 - 4j]))
    array([1.-2.j, 3.+4.j])
    """
    if isinstance(x, Tensor) and (x.dtype.is_floating or x.dtype.is_integer):
        return x
    with name_scope(name, "Conj", [x]) as scope:
        x = convert_to_tensor(x, name="x")
        if x.dtype.is_complex or x.dtype == dtypes.variant:
            return emit("Conj", x, name=scope)
        if x.dtype.is_floating or x.dtype.is_integer:
            return x
        raise TypeError(f"Expected numeric or variant tensor, got dtype {x.dtype!r}")
