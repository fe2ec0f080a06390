"""Checks: Assert, and the `tf.assert_*` functions, which refuse while building what is known wrong.

A check is an operation; it happens when it is run, or when something that depends on it is
(`tf.control_dependencies`). `rank_checks` has those of ranks and shapes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.graph import shapes
from reflow.graph.checks import require
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import Operation, Tensor, constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op
from reflow.ops import blocks
from reflow.ops.control import no_op
from reflow.ops.control_flow import cond
from reflow.ops.slicing import strided_slice
from reflow.ops.summarize import summarize as summary

# TensorFlow's choice, without bfloat16, half and complex128.
NUMERIC_TYPES = frozenset(
    dtypes.as_dtype(name)
    for name in (
        [
            "float32",
            "float64",
            "int8",
            "int16",
            "int32",
            "int64",
            "uint8",
            "qint8",
            "qint32",
            "quint8",
            "complex64",
        ]
    )
)


class AssertionReport(str):
    """The message of a failed Assert, made of its data only when it is needed.

    It stands in for the format string of a check: what is known while the check is made is kept here, and
    the rest (traced values) comes with `format`.
    """

    data: Sequence[Any]
    limit: int

    def __new__(cls, data: Sequence[Any], limit: int) -> AssertionReport:
        self = super().__new__(cls, "assertion failed")
        self.data, self.limit = data, limit
        return self

    def format(self, *values: Any, **_: Any) -> str:
        rest = iter(values)
        known = [d if _is_concrete(d) else next(rest) for d in self.data]
        return "assertion failed: " + " ".join(f"[{summary(np.asarray(d), self.limit)}]" for d in known)


def _is_concrete(value: Any) -> bool:
    return isinstance(value, (np.ndarray, np.generic, bytes))


def _assert_kernel(xp: Any, condition: Any, *data: Any, summarize: int) -> tuple[()]:
    require(
        xp, condition.size == 1 and condition.ndim < 2, "In[0] should be a scalar: {}", list(condition.shape)
    )
    message = AssertionReport(data, summarize)
    require(xp, condition.reshape(()), message, *(d for d in data if not _is_concrete(d)))
    return ()


@op("Assert", shape=shapes.no_outputs, kernel=_assert_kernel, gradient=None)
def Assert(condition: Any, data: Any, summarize: int | None = None, name: str | None = None) -> Operation:  # noqa: N802
    """An operation that fails with InvalidArgumentError, showing `data`, unless `condition` is true.

    Args:
        condition: a scalar bool.
        data: a list of tensors or values to show.
        summarize: how many elements of each to show, 3 by default, -1 for all.
        name: the name scope.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([1, 2])
    ...     try:
    ...         sess.run(tf.Assert(tf.reduce_all(x > 1), ["not above 1:", x]))
    ...     except tf.errors.InvalidArgumentError as error:
    ...         print(error.message.splitlines()[0])
    assertion failed: [not above 1:] [1 2]
    """
    with name_scope(name, "Assert", [condition, *data]):
        types = {convert_to_tensor(x).dtype.base_dtype for x in data}
        if types <= {dtypes.string, dtypes.int32}:
            return emit("Assert", condition, data, summarize=summarize, name="Assert")  # type: ignore[no-any-return]
        # TensorFlow puts these under a condition, to copy data from other devices only when it is shown.
        condition = convert_to_tensor(condition, name="Condition")

        def fails() -> Any:
            return emit("Assert", condition, data, summarize=summarize, name="Assert")

        return cond(condition, no_op, fails, name="AssertGuard").op  # type: ignore[no-any-return]


def is_numeric_tensor(tensor: Any) -> bool:
    """Whether `tensor` is a Tensor of a number type.

    >>> import reflow as tf
    >>> is_numeric_tensor(tf.constant(1)), is_numeric_tensor(tf.constant("a")), is_numeric_tensor(1)
    (True, False, False)
    """
    return isinstance(tensor, Tensor) and tensor.dtype in NUMERIC_TYPES


def _refuse_static(holds: Any, data: Iterable[Any]) -> None:
    """InvalidArgumentError, while building, for a condition that is known not to hold."""
    if np.all(holds):
        return
    raise errors.InvalidArgumentError(None, None, "\n".join(str(_known(x)) for x in data))


def _known(value: Any) -> Any:
    known = constant_value(value) if isinstance(value, Tensor) else None
    return value if known is None else known


# Two tensors compared


class _Comparison:
    """A comparison that a check makes: its sign, its op, and the same for arrays."""

    def __init__(self, sign: str, op_type: str, static: Callable[[Any, Any], Any]) -> None:
        self.sign, self.op_type, self.static = sign, op_type, static

    def check(
        self, scope: str, x: Any, y: Any, data: Any, limit: int | None, message: Any, name: Any
    ) -> Operation:
        """The nodes of `assert_<comparison>(x, y)`."""
        with name_scope(name, scope, [x, y, *(data or ())]):
            x, y = convert_to_tensor(x, name="x"), convert_to_tensor(y, name="y")
            if data is None:
                header = f"Condition x {self.sign} y did not hold element-wise:"
                data = [header, f"x ({x.name}) = ", x, f"y ({y.name}) = ", y]
            if message is not None:
                data = [message, *data]
            condition = blocks.reduce("All", emit(self.op_type, x, y))
            known_x, known_y = constant_value(x), constant_value(y)
            if known_x is not None and known_y is not None:
                _refuse_static(self.static(known_x, known_y), data)
            return Assert(condition, data, summarize=limit)


EQUAL = _Comparison("==", "Equal", np.equal)
NOT_EQUAL = _Comparison("!=", "NotEqual", np.not_equal)
LESS = _Comparison("<", "Less", np.less)
LESS_EQUAL = _Comparison("<=", "LessEqual", np.less_equal)
GREATER = _Comparison(">", "Greater", np.greater)
GREATER_EQUAL = _Comparison(">=", "GreaterEqual", np.greater_equal)


def assert_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x == y` for all elements.

    Args:
        x, y: tensors or values of one type that broadcast against each other.
        data: what to show when the check fails, in place of `x` and `y`.
        summarize: how many elements of each item of data to show.
        message: a text to show before the data.
        name: the name scope.

    Raises InvalidArgumentError while building if both values are known and it does not hold; as all checks
    do.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.int32)
    ...     with tf.control_dependencies([tf.assert_equal(x, 2)]):
    ...         y = tf.identity(x)
    ...     print(sess.run(y, {x: 2}))
    2
    """
    with name_scope(name, "assert_equal", [x, y, *(data or ())]):
        if x is y:
            return no_op()
    return EQUAL.check("assert_equal", x, y, data, summarize, message, name)


def assert_none_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x != y` for all elements; arguments as of `assert_equal`."""
    return NOT_EQUAL.check("assert_none_equal", x, y, data, summarize, message, name)


def assert_less(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x < y` for all elements; arguments as of `assert_equal`."""
    return LESS.check("assert_less", x, y, data, summarize, message, name)


def assert_less_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x <= y` for all elements; arguments as of `assert_equal`."""
    return LESS_EQUAL.check("assert_less_equal", x, y, data, summarize, message, name)


def assert_greater(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x > y` for all elements; arguments as of `assert_equal`."""
    return GREATER.check("assert_greater", x, y, data, summarize, message, name)


def assert_greater_equal(
    x: Any,
    y: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x >= y` for all elements; arguments as of `assert_equal`."""
    return GREATER_EQUAL.check("assert_greater_equal", x, y, data, summarize, message, name)


def assert_near(
    x: Any,
    y: Any,
    rtol: Any = None,
    atol: Any = None,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `|x - y| < atol + rtol * |y|` for all elements.

    The tolerances are 10 times the type's epsilon by default; other arguments as of `assert_equal`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(tf.debugging.assert_near(1.0, 1.001, rtol=0.01))
    """
    with name_scope(name, "assert_near", [x, y, rtol, atol, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        y = convert_to_tensor(y, x.dtype, name="y")
        default = 10 * np.finfo(x.dtype.as_numpy_dtype).eps
        rtol = convert_to_tensor(default if rtol is None else rtol, x.dtype, name="rtol")
        atol = convert_to_tensor(default if atol is None else atol, x.dtype, name="atol")
        if data is None:
            header = f"x and y not equal to tolerance rtol = {rtol}, atol = {atol}"
            data = [message or "", header, f"x ({x.name}) = ", x, f"y ({y.name}) = ", y]
        tolerance = _tolerance(rtol, atol, y)
        near = emit("Less", blocks.absolute(x - y), tolerance)
        return Assert(blocks.reduce("All", near), data, summarize=summarize)


def _tolerance(rtol: Tensor, atol: Tensor, y: Tensor) -> Tensor:
    relative = rtol * blocks.absolute(y)
    return atol + relative  # type: ignore[no-any-return]


# One tensor compared with zero


def _signed(
    scope: str,
    text: str,
    compare: Callable[..., Operation],
    zero_first: bool,
    x: Any,
    data: Any,
    limit: Any,
    message: Any,
    name: Any,
) -> Operation:
    """The nodes of `assert_negative` and its like; `text` describes the condition."""
    with name_scope(name, scope, [x, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        if data is None:
            data = [message or "", *text.format(x.name).split("|"), x]
        zero = convert_to_tensor(0, x.dtype)
        pair = (zero, x) if zero_first else (x, zero)
        return compare(*pair, data=data, summarize=limit)


def assert_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x < 0` for all elements; arguments as of `assert_equal`."""
    text = "Condition x < 0 did not hold element-wise:|x ({}) = "
    return _signed("assert_negative", text, assert_less, False, x, data, summarize, message, name)


def assert_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x > 0` for all elements; arguments as of `assert_equal`."""
    text = "Condition x > 0 did not hold element-wise:|x ({}) = "
    return _signed("assert_positive", text, assert_less, True, x, data, summarize, message, name)


def assert_non_negative(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x >= 0` for all elements; arguments as of `assert_equal`."""
    text = "Condition x >= 0 did not hold element-wise:|x ({}) = "
    return _signed("assert_non_negative", text, assert_less_equal, True, x, data, summarize, message, name)


def assert_non_positive(
    x: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x <= 0` for all elements; arguments as of `assert_equal`."""
    text = "Condition x <= 0 did not hold element-wise:x ({}) = "
    return _signed("assert_non_positive", text, assert_less_equal, False, x, data, summarize, message, name)


# Types


def assert_type(tensor: Any, tf_type: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Refuse, with a TypeError, a tensor not of type `tf_type`. Returns an operation that does nothing.

    >>> import reflow as tf
    >>> tf.assert_type(tf.constant(1, name="one"), tf.float32)
    Traceback (most recent call last):
    TypeError:   one:0 must be of type <dtype: 'float32'>
    """
    with name_scope(name, "assert_type", [tensor]):
        tensor = convert_to_tensor(tensor, name="tensor")
        if tensor.dtype != tf_type:
            raise TypeError(f"{message or ''}  {tensor.name} must be of type {tf_type!s}")
        return no_op("statically_determined_correct_type")


def assert_integer(x: Any, message: str | None = None, name: str | None = None) -> Operation:
    """Refuse, with a TypeError, a tensor not of an integer type. Returns an operation that does nothing."""
    with name_scope(name, "assert_integer", [x]):
        x = convert_to_tensor(x, name="x")
        if not x.dtype.is_integer:
            found = f"Found: {x.name} of dtype {x.dtype!s}"
            raise TypeError(f'{message or ""}  Expected "x" to be integer type.  {found}')
        return no_op("statically_determined_was_integer")


def assert_proper_iterable(values: Any) -> None:
    """Refuse, with a TypeError, what is not iterable, or is a tensor, an array or a string.

    >>> assert_proper_iterable([1, 2])
    >>> assert_proper_iterable("ab")
    Traceback (most recent call last):
    TypeError: Expected argument "values" to be a "proper" iterable.  Found: <class 'str'>
    """
    if isinstance(values, (np.ndarray, str, bytes)) or is_tensor_like(values):
        raise TypeError(f'Expected argument "values" to be a "proper" iterable.  Found: {type(values)}')
    if not hasattr(values, "__iter__"):
        raise TypeError(f'Expected argument "values" to be iterable.  Found: {type(values)}')


def assert_same_float_dtype(tensors: Any = None, dtype: Any = None) -> dtypes.DType:
    """The floating type that `tensors` (some may be None) and `dtype` have in common; float32 without any.

    Raises ValueError when they differ, or when it is no floating type.

    >>> import reflow as tf
    >>> assert_same_float_dtype([tf.constant(1.0), None])
    tf.float32
    """
    given = [t for t in tensors or () if t is not None]
    wanted = dtype if dtype else given[0].dtype.base_dtype if given else dtypes.float32
    for tensor in given:
        if tensor.dtype.base_dtype != wanted:
            source = "" if dtype else f" as {getattr(given[0], 'name', given[0])}"
            raise ValueError(
                f"{getattr(tensor, 'name', tensor)}, type={tensor.dtype.base_dtype!s}, "
                f"must be of the same type ({wanted!s}){source}."
            )
    wanted = dtypes.as_dtype(wanted)
    if not wanted.is_floating:
        raise ValueError(f"Expected floating point type, got {wanted!s}.")
    return wanted


# Order


def _differences(x: Any) -> Tensor:
    """The steps from each element of `x` to the next, in row-major order; none for less than two elements."""
    flat = blocks.reshape(x, [-1])
    if not is_numeric_tensor(flat):
        raise TypeError(f"Expected x to be numeric, instead found: {flat}")
    short = emit("Less", blocks.size_of(flat), 2)
    steps = blocks.shape_of(flat) - 1

    def differences() -> Tensor:
        later = strided_slice(flat, [1], [1] + steps)  # noqa: RUF005  (a tensor)
        return later - strided_slice(flat, [0], steps)  # type: ignore[no-any-return]

    return cond(short, lambda: convert_to_tensor([], flat.dtype), differences)  # type: ignore[no-any-return]


def _ordered(scope: str, compare: str, x: Any, name: str | None) -> Tensor:
    with name_scope(name, scope, [x]):
        steps = _differences(x)
        zero = convert_to_tensor(0, steps.dtype)
        return blocks.reduce("All", emit(compare, zero, steps))  # type: ignore[no-any-return]


def is_non_decreasing(x: Any, name: str | None = None) -> Tensor:
    """Whether no element of `x` (numbers, row by row) is less than the one before it, a scalar bool.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.is_non_decreasing([1, 1, 2])), sess.run(tf.is_non_decreasing([[1, 3], [2, 4]])))
    True False
    """
    return _ordered("is_non_decreasing", "LessEqual", x, name)


def is_strictly_increasing(x: Any, name: str | None = None) -> Tensor:
    """Whether every element of `x` (numbers, row by row) is greater than the one before it, a scalar bool.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.is_strictly_increasing([1, 1, 2])), sess.run(tf.is_strictly_increasing([3])))
    False True
    """
    return _ordered("is_strictly_increasing", "Less", x, name)
