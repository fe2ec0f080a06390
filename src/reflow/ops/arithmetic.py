"""Arithmetic of two tensors that broadcast against each other, and sums of many."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import require
from reflow.graph.composite import IndexedSlices, convert_to_tensor_or_indexed_slices
from reflow.graph.graph import control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.operators import true_divide
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.broadcasting import Unbroadcast, broadcast_axes, same_known_shape, sum_to
from reflow.ops.elementwise import all_true, broadcasting, conj_of
from reflow.ops.families import binary

# Sum, difference, product


def _add_kernel(xp: Any, x: Any, y: Any) -> Any:
    return np.asarray(x + y, object) if x.dtype == object else x + y  # strings are joined


def _add_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    if same_known_shape(x, y, grad):
        return [grad, grad]
    back = Unbroadcast(x, y, grad)
    return [back(0, grad), back(1, grad)]


register("AddV2", shape=shapes.broadcast, kernel=broadcasting(_add_kernel), gradient=_add_gradient)


@binary("Add", broadcasting(_add_kernel), _add_gradient)
def add(x: Any, y: Any, name: str | None = None) -> Any:
    """`x + y`, elementwise with broadcasting. Strings are joined.

    Raises:
        ValueError: the shapes do not broadcast.
        TypeError: the types differ.

    >>> import reflow as tf
    >>> tf.Session().run(tf.add([1.0, 2.0], 10.0))
    array([11., 12.], dtype=float32)
    """


def _sub_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    if same_known_shape(x, y, grad):
        return [grad, -grad]
    back = Unbroadcast(x, y, grad)
    return [back(0, grad), back(1, -grad)]


@binary("Sub", broadcasting(lambda xp, x, y: x - y), _sub_gradient)
def subtract(x: Any, y: Any, name: str | None = None) -> Any:
    """`x - y`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.subtract([1.0, 2.0], 10.0))
    array([-9., -8.], dtype=float32)
    """


def _mul_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    if same_known_shape(x, y, grad) and grad.dtype in (dtypes.int32, dtypes.float32):
        return [emit("Mul", grad, y), emit("Mul", grad, x)]
    back = Unbroadcast(x, y, grad)
    x, y = blocks.conj(x), blocks.conj(y)
    return [back(0, emit("Mul", grad, y)), back(1, emit("Mul", x, grad))]


@binary("Mul", broadcasting(lambda xp, x, y: x * y), _mul_gradient)
def multiply(x: Any, y: Any, name: str | None = None) -> Any:
    """`x * y`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.multiply([1.0, 2.0], 10.0))
    array([10., 20.], dtype=float32)
    """


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """A tensor or `IndexedSlices` times a scalar. ValueError if `scalar` is not of rank 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.scalar_mul(3.0, tf.constant([1.0, 2.0])))
    array([3., 6.], dtype=float32)
    """
    scalar = convert_to_tensor(scalar, dtype=x.dtype.base_dtype, name="scalar")
    if scalar.shape.ndims != 0:
        raise ValueError(f"Only scalar multiply works, got shape {scalar.shape}")
    if isinstance(x, IndexedSlices):
        return IndexedSlices(emit("Mul", scalar, x.values, name=name), x.indices, x.dense_shape)
    return emit("Mul", scalar, x, name=name)


def _squared_difference_kernel(xp: Any, x: Any, y: Any) -> Any:
    difference = x - y
    return difference * conj_of(xp, difference)


def _squared_difference_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    with control_dependencies([grad]):
        scaled = scalar_mul(2.0, grad)
        x_grad = scaled * (x - y)
    if same_known_shape(x, y, grad):
        return [x_grad, -x_grad]
    back = Unbroadcast(x, y, grad)
    gx = back(0, x_grad)
    return [gx, -back(1, x_grad)]


@binary("SquaredDifference", broadcasting(_squared_difference_kernel), _squared_difference_gradient)
def squared_difference(x: Any, y: Any, name: str | None = None) -> Any:
    """`(x - y)^2`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.squared_difference([1.0, 5.0], 2.0))
    array([1., 9.], dtype=float32)
    """


# Division


def _require_divisor(xp: Any, x: Any, y: Any) -> None:
    if 0 not in x.shape:  # a zero that divides nothing does no harm
        require(xp, all_true(xp, y != 0), "Integer division by zero")


def _is_integer(x: Any) -> bool:
    return x.dtype.kind in "iu"


def _true_quotient(xp: Any, x: Any, y: Any) -> Any:
    """`x / y`; of integers rounded toward zero."""
    if not _is_integer(x):
        return x / y
    _require_divisor(xp, x, y)
    return (x - xp.fmod(x, y)) // y


def _floor_quotient(xp: Any, x: Any, y: Any) -> Any:
    if not _is_integer(x):
        return xp.floor(x / y)
    _require_divisor(xp, x, y)
    return x // y


def _floor_remainder(xp: Any, x: Any, y: Any) -> Any:
    """The remainder that has the sign of `y`."""
    if _is_integer(x):
        _require_divisor(xp, x, y)
        return x % y
    rest = xp.fmod(x, y)
    return xp.where((rest != 0) & ((rest < 0) != (y < 0)), rest + y, rest)


def _remainder(xp: Any, x: Any, y: Any) -> Any:
    """The remainder that has the sign of `x`."""
    if _is_integer(x):
        _require_divisor(xp, x, y)
    return xp.fmod(x, y)


def _quotient_gradient(op_type: str, op: Any, grad: Any) -> Any:
    x, y = op.inputs
    sx, sy, rx, ry = broadcast_axes(x, y)
    x, y = blocks.conj(x), blocks.conj(y)
    gx = sum_to(_divide(op_type, grad, y), rx, sx)
    negative = -x
    slope = _divide(op_type, _divide(op_type, negative, y), y)
    return [gx, sum_to(grad * slope, ry, sy)]


def _divide(op_type: str, x: Any, y: Any) -> Any:
    """A quotient as a gradient rule makes it: each op in its own style of names."""
    if op_type == "Div":
        return x / y
    if op_type == "DivNoNan":
        with name_scope("div_no_nan") as scope:
            return emit("DivNoNan", x, y, name=scope)
    return emit(op_type, x, y)


def _true_quotient_xla(jnp: Any, x: Any, y: Any) -> Any:
    """The quotient rounded once: XLA would make a product with the reciprocal of a divisor that it knows."""
    import jax

    if isinstance(y, (np.ndarray, np.generic)) and not _is_integer(x):
        y = jax.lax.optimization_barrier(jnp.asarray(y))  # type: ignore[no-untyped-call]
    return broadcasting(_true_quotient)(jnp, x, y)


@binary(
    "RealDiv",
    broadcasting(_true_quotient),
    lambda op, grad: _quotient_gradient("RealDiv", op, grad),
    xla=_true_quotient_xla,
)
def realdiv(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y`, elementwise with broadcasting, in the type of the inputs.

    >>> import reflow as tf
    >>> tf.Session().run(tf.realdiv([1.0, 2.0], 4.0))
    array([0.25, 0.5 ], dtype=float32)
    """


register(
    "Div",
    shape=shapes.broadcast,
    kernel=broadcasting(_true_quotient),
    gradient=lambda op, grad: _quotient_gradient("Div", op, grad),
)


def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y`, elementwise with broadcasting, in floating point: integers are cast first.

    >>> import reflow as tf
    >>> tf.Session().run(tf.truediv([1, 2], 4))
    array([0.25, 0.5 ])
    """
    with name_scope(name, "truediv", [x, y]) as scope:
        x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
        return true_divide(x.graph, x, y, scope)


def divide(x: Any, y: Any, name: str | None = None) -> Any:
    """Python's `x / y`, with a name. Two Python numbers are divided at once.

    >>> import reflow as tf
    >>> tf.Session().run(tf.divide([1, 2], tf.constant(4)))
    array([0.25, 0.5 ])
    """
    return x / y if name is None else truediv(x, y, name)


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """Python 2's `x / y`, elementwise with broadcasting: a floor division of integers.

    >>> import reflow as tf
    >>> tf.Session().run([tf.div(7, 2), tf.div(7.0, 2.0)])
    [np.int32(3), np.float32(3.5)]
    """
    with name_scope(name, "div", [x, y]) as scope:
        x, y = _same_type(x, y)
        inexact = x.dtype.is_floating or x.dtype.is_complex
        return emit("RealDiv" if inexact else "FloorDiv", x, y, name=scope)


def _same_type(x: Any, y: Any) -> tuple[Tensor, Tensor]:
    x = convert_to_tensor(x, name="x")
    return x, convert_to_tensor(y, name="y", dtype=x.dtype.base_dtype)


def floordiv(x: Any, y: Any, name: str | None = None) -> Any:
    """Python's `x // y`, elementwise with broadcasting: the quotient rounded down.

    InvalidArgumentError in a run that divides an integer by zero.

    >>> import reflow as tf
    >>> tf.Session().run(tf.floordiv([7, -7], 2))
    array([ 3, -4], dtype=int32)
    """
    with name_scope(name, "floordiv", [x, y]) as scope:
        return emit("FloorDiv", x, y, name=scope)


@binary("FloorDiv", broadcasting(_floor_quotient), lambda op, grad: [None, None])
def floor_div(x: Any, y: Any, name: str | None = None) -> Any:
    """`x // y`, elementwise with broadcasting; `floordiv` under another default name.

    >>> import reflow as tf
    >>> tf.Session().run(tf.floor_div([7.0, -7.0], 2.0))
    array([ 3., -4.], dtype=float32)
    """


@binary("TruncateDiv", broadcasting(_true_quotient), lambda op, grad: [None, None])
def truncatediv(x: Any, y: Any, name: str | None = None) -> Any:
    """The quotient of integers rounded toward zero, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.truncatediv([7, -7], 2))
    array([ 3, -3], dtype=int32)
    """


def _floormod_gradient(op: Any, grad: Any) -> Any:
    x, y = map(blocks.conj, op.inputs)
    sx, sy, rx, ry = broadcast_axes(x, y)
    quotient = emit("FloorDiv", x, y)
    gx = sum_to(grad, rx, sx)
    return [gx, sum_to(grad * emit("Neg", quotient), ry, sy)]


@binary("FloorMod", broadcasting(_floor_remainder), _floormod_gradient)
def floormod(x: Any, y: Any, name: str | None = None) -> Any:
    """Python's `x % y`, elementwise with broadcasting: the remainder with the sign of `y`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.floormod([7, -7], 3))
    array([1, 2], dtype=int32)
    """


register("Mod", shape=shapes.broadcast, kernel=broadcasting(_remainder))


@binary("TruncateMod", broadcasting(_remainder))
def truncatemod(x: Any, y: Any, name: str | None = None) -> Any:
    """C's `x % y`, elementwise with broadcasting: the remainder with the sign of `x`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.truncatemod([7, -7], 3))
    array([ 1, -1], dtype=int32)
    """


# Where zero wins over NaN


def _zero_where(xp: Any, zero: Any, value: Any) -> Any:
    return xp.where(zero, xp.zeros_like(value), value)


def _no_nan_gradient(op: Any, grad: Any) -> Any:
    return _quotient_gradient("DivNoNan", op, grad)


@op(
    "DivNoNan",
    shape=shapes.broadcast,
    kernel=broadcasting(lambda xp, x, y: _zero_where(xp, y == 0, x / y)),
    gradient=_no_nan_gradient,
)
def div_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y`, elementwise with broadcasting, and 0 where `y` is 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.divide_no_nan([1.0, 2.0], [0.0, 4.0]))
    array([0. , 0.5], dtype=float32)
    """
    with name_scope(name, "div_no_nan", [x, y]) as scope:
        return emit("DivNoNan", *_same_type(x, y), name=scope)


def _mul_no_nan_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    if same_known_shape(x, y, grad):
        return [emit("MulNoNan", grad, y), emit("MulNoNan", x, grad)]
    sx, sy, rx, ry = broadcast_axes(x, y)
    gx = sum_to(emit("MulNoNan", grad, y), rx, sx)
    return [gx, sum_to(emit("MulNoNan", x, grad), ry, sy)]


@op(
    "MulNoNan",
    shape=shapes.broadcast,
    kernel=broadcasting(lambda xp, x, y: _zero_where(xp, y == 0, x * y)),
    gradient=_mul_no_nan_gradient,
)
def multiply_no_nan(x: Any, y: Any, name: str | None = None) -> Any:
    """`x * y`, elementwise with broadcasting, and 0 where `y` is 0, even if `x` is infinite or NaN.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.multiply_no_nan([float("inf"), 2.0], [0.0, 4.0]))
    array([0., 8.], dtype=float32)
    """
    with name_scope(name, "multiply_no_nan", [x, y]) as scope:
        return emit("MulNoNan", *_same_type(x, y), name=scope)


def _not_zero(x: Any) -> Any:
    """1 where `x` is not 0, as a tensor of its type."""
    with name_scope("Cast") as scope:
        zero = blocks.cast(convert_to_tensor(0.0, name="x"), x.dtype, name=scope)
    return blocks.cast(emit("NotEqual", x, zero), x.dtype)


def _zero_first_gradient(partials: Any) -> Any:
    """The rule of an op that is 0 where x is, from its two partial derivatives."""

    def gradient(op: Any, grad: Any) -> Any:
        x, y = op.inputs
        sx, sy, rx, ry = broadcast_axes(x, y)
        with control_dependencies([grad]):
            partial_x, partial_y = partials(x, y, _not_zero(x))
            gx = sum_to(partial_x * grad, rx, sx)
            return [gx, sum_to(partial_y * grad, ry, sy)]

    return gradient


def _xlogy_partials(x: Any, y: Any, not_zero: Any) -> tuple[Any, Any]:
    return emit("Xlogy", not_zero, y), emit("Xdivy", x, y)


def _xdivy_partials(x: Any, y: Any, not_zero: Any) -> tuple[Any, Any]:
    partial_x = emit("Xdivy", not_zero, y)
    negative = emit("Neg", x)
    return partial_x, emit("Xdivy", negative, y**2)


@binary(
    "Xdivy",
    broadcasting(lambda xp, x, y: _zero_where(xp, x == 0, x / y)),
    _zero_first_gradient(_xdivy_partials),
)
def xdivy(x: Any, y: Any, name: str | None = None) -> Any:
    """`x / y`, elementwise with broadcasting, and 0 where `x` is 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.xdivy([0.0, 2.0], [0.0, 4.0]))
    array([0. , 0.5], dtype=float32)
    """


@binary(
    "Xlogy",
    broadcasting(lambda xp, x, y: _zero_where(xp, x == 0, x * xp.log(y))),
    _zero_first_gradient(_xlogy_partials),
)
def xlogy(x: Any, y: Any, name: str | None = None) -> Any:
    """`x * log(y)`, elementwise with broadcasting, and 0 where `x` is 0.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.xlogy([0.0, 2.0], [0.0, 1.0]))
    array([0., 0.], dtype=float32)
    """


# Powers, extremes


def _pow_kernel(xp: Any, x: Any, y: Any) -> Any:
    if _is_integer(x):
        allowed = all_true(xp, y >= 0)
        require(xp, allowed, "Integers to negative integer powers are not allowed")
    return xp.power(x, y)


def _pow_gradient(op: Any, grad: Any) -> Any:
    x, y = op.inputs
    back = Unbroadcast(x, y, grad)
    x, y = blocks.conj(x), blocks.conj(y)
    gx = back(0, grad * y * emit("Pow", x, y - 1))
    z = blocks.conj(op.outputs[0])
    mask = emit("NotEqual", x, 0) if x.dtype.is_complex else x > 0
    safe = emit("Select", mask, x, blocks.ones_like(x))
    log_x = emit("Select", mask, emit("Log", safe), blocks.zeros_like(x))
    return [gx, back(1, grad * z * log_x)]


@binary("Pow", broadcasting(_pow_kernel), _pow_gradient)
def pow(x: Any, y: Any, name: str | None = None) -> Any:
    """`x` to the power `y`, elementwise with broadcasting.

    InvalidArgumentError in a run that raises an integer to a negative integer.

    >>> import reflow as tf
    >>> tf.Session().run(tf.pow([2.0, 3.0], 2.0))
    array([4., 9.], dtype=float32)
    """


def _extreme_gradient(selector: str) -> Any:
    def gradient(op: Any, grad: Any) -> Any:
        x, y = op.inputs
        sx, sy, shape = blocks.shape_of(x), blocks.shape_of(y), blocks.shape_of(grad)
        zeros = blocks.zeros(shape, grad.dtype.base_dtype)
        of_x = emit(selector, x, y)
        rx, ry = emit("BroadcastGradientArgs", sx, sy)
        gx = sum_to(emit("Select", of_x, grad, zeros), rx, sx)
        return [gx, sum_to(emit("Select", of_x, zeros, grad), ry, sy)]

    return gradient


# TensorFlow gives a NaN of x, and skips one of y.


@binary("Maximum", broadcasting(lambda xp, x, y: xp.where(x < y, y, x)), _extreme_gradient("GreaterEqual"))
def maximum(x: Any, y: Any, name: str | None = None) -> Any:
    """The larger of `x` and `y`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.maximum([1.0, 5.0], 2.0))
    array([2., 5.], dtype=float32)
    """


@binary("Minimum", broadcasting(lambda xp, x, y: xp.where(y < x, y, x)), _extreme_gradient("LessEqual"))
def minimum(x: Any, y: Any, name: str | None = None) -> Any:
    """The smaller of `x` and `y`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.minimum([1.0, 5.0], 2.0))
    array([1., 2.], dtype=float32)
    """


def _nextafter_gradient(op: Any, grad: Any) -> Any:
    x1, x2 = op.inputs
    s1, s2, r1, r2 = broadcast_axes(x1, x2)
    with control_dependencies([grad]):
        partial_1 = blocks.ones(s1, x1.dtype.base_dtype)
        partial_2 = blocks.zeros(s2, x2.dtype.base_dtype)
        g1 = sum_to(partial_1 * grad, r1, s1)
        return [g1, sum_to(partial_2 * grad, r2, s2)]


@op(
    "NextAfter",
    shape=shapes.broadcast,
    kernel=broadcasting(lambda xp, x, y: xp.nextafter(x, y)),
    gradient=_nextafter_gradient,
)
def nextafter(x1: Any, x2: Any, name: str | None = None) -> Any:
    """The next number of the type after `x1` on the way to `x2`, elementwise with broadcasting.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.nextafter(1.0, 2.0))
    np.float32(1.0000001)
    """
    return emit("NextAfter", x1, x2, name=name)


# Sums of many


def _sum_kernel(xp: Any, *values: Any) -> Any:
    total = values[0]
    for value in values[1:]:
        total = total + value
    return total


register(
    "AddN",
    shape=shapes.merged_inputs,
    kernel=_sum_kernel,
    gradient=lambda op, grad: [grad] * len(op.inputs),
)


def add_n(inputs: Any, name: str | None = None) -> Any:
    """The sum of a list of tensors (or `IndexedSlices`) of one shape and type.

    Raises:
        ValueError: the list is empty, or the shapes differ.

    >>> import reflow as tf
    >>> tf.Session().run(tf.add_n([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    array([ 9., 12.], dtype=float32)
    """
    if not inputs or not isinstance(inputs, (list, tuple)):
        raise ValueError(
            "inputs must be a list of at least one Tensor/IndexedSlices with the same dtype and shape"
        )
    tensors = [convert_to_tensor_or_indexed_slices(x) for x in inputs]
    if len(tensors) > 1:
        return emit("AddN", tensors, name=name)
    only = convert_to_tensor(tensors[0])
    return emit("Identity", only, name=name) if name else only


def _accumulate_shape(node: Any) -> TensorShape:
    return shapes.merged_inputs(node).merge_with(node.attrs["shape"])


register(
    "AccumulateNV2",
    shape=_accumulate_shape,
    kernel=_sum_kernel,
    gradient=lambda op, grad: [grad] * len(op.inputs),
)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Any:
    """The sum of a list of tensors of one shape and type, as `add_n`.

    Args:
        shape: the shape of the result, if it does not follow from the inputs.
        tensor_dtype: the type that the inputs must have.

    >>> import reflow as tf
    >>> tf.Session().run(tf.accumulate_n([tf.constant([1.0, 2.0]), tf.constant([3.0, 4.0])]))
    array([4., 6.], dtype=float32)
    """
    wrong = ValueError("inputs must be a list of at least one Tensor with the same dtype and shape")
    if not inputs or not isinstance(inputs, (list, tuple)):
        raise wrong
    tensors = [convert_to_tensor_or_indexed_slices(x) for x in inputs]
    if any(not isinstance(t, Tensor) or t.dtype != tensors[0].dtype for t in tensors):
        raise wrong
    known = unknown_shape() if shape is None else as_shape(shape)
    for tensor in tensors:
        known = known.merge_with(tensor.shape)
    if tensor_dtype is not None and tensors[0].dtype != tensor_dtype:
        raise TypeError(f"tensor_dtype is {tensor_dtype}, but input is of type {tensors[0].dtype}")
    if len(tensors) > 1:
        return emit("AccumulateNV2", tensors, shape=known, name=name)
    return tensors[0] if name is None else emit("Identity", tensors[0], name=name)


def polyval(coeffs: Any, x: Any, name: str | None = None) -> Any:
    """The polynomial of the given coefficients, the highest power's first, at each element of `x`.

    >>> import reflow as tf
    >>> tf.Session().run(tf.math.polyval([1.0, 2.0, 3.0], 10.0))
    np.float32(123.0)
    """
    with name_scope(name, "polyval", [*coeffs, x]) as scope:
        x = convert_to_tensor(x, name="x")
        if len(coeffs) < 1:
            known = x.shape.is_fully_defined()
            return blocks.zeros(x.shape, x.dtype, name=scope) if known else emit("ZerosLike", x, name=scope)
        terms = [convert_to_tensor(c, name=f"coeff_{i}") for i, c in enumerate(coeffs)]
        total = terms[0]
        for term in terms[1:]:
            total = term + total * x
        return total
