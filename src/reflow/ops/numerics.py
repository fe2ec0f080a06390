"""Checks for NaN and infinity."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.checks import require
from reflow.graph.graph import (
    Operation,
    Tensor,
    colocate_with,
    control_dependencies,
    convert_to_tensor,
    emit,
    get_default_graph,
    name_scope,
)
from reflow.graph.registry import op
from reflow.graph.shapes import unchanged
from reflow.ops.control import group, with_dependencies
from reflow.ops.deprecation import renamed

CHECKED_TYPES = (dtypes.float16, dtypes.float32, dtypes.float64)


def _numerics_kernel(xp: Any, x: Any, *, message: str) -> Any:
    text = message.replace("{", "{{").replace("}", "}}")
    nan, infinite = xp.isnan(x).any(), xp.isinf(x).any()
    require(xp, ~(nan & infinite), f"{text} : Tensor had Inf and NaN values")
    require(xp, ~nan, f"{text} : Tensor had NaN values")
    require(xp, ~infinite, f"{text} : Tensor had Inf values")
    return x


def _numerics_gradient(node: Operation, grad: Any) -> list[Any]:
    found = "Not a number (NaN) or infinity (Inf) values detected in gradient."
    return [emit("CheckNumerics", grad, message=f"{found} {node.attrs['message']}")]


@op("CheckNumerics", shape=unchanged, kernel=_numerics_kernel, gradient=_numerics_gradient)
def check_numerics(tensor: Any, message: str, name: str | None = None) -> Tensor:
    """`tensor`, failing with InvalidArgumentError and `message` when it holds NaN or infinity.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32)
    ...     try:
    ...         sess.run(tf.check_numerics(x, "the loss"), {x: float("nan")})
    ...     except tf.errors.InvalidArgumentError as error:
    ...         print(error.message.splitlines()[0])
    the loss : Tensor had NaN values
    """
    return emit("CheckNumerics", tensor, message=message, name=name)  # type: ignore[no-any-return]


def verify_tensor_all_finite(
    t: Any = None, msg: str | None = None, name: str | None = None, x: Any = None, message: str | None = None
) -> Tensor:
    """A tensor, checked to hold neither NaN nor infinity. `x` and `message` are newer names of `t` and `msg`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.verify_tensor_all_finite([1.0, 2.0], "not finite")))
    [1. 2.]
    """
    value = renamed("x", x, "t", t)
    text = renamed("message", message, "msg", msg)
    with name_scope(name, "VerifyFinite", [value]):
        value = convert_to_tensor(value, name="x")
        with colocate_with(value):
            return with_dependencies([check_numerics(value, text)], value)  # type: ignore[no-any-return]


def add_check_numerics_ops() -> Operation:
    """An operation that checks every float tensor of the default graph for NaN and infinity, in order.

    Raises ValueError when one of them is inside control flow.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.sqrt(tf.constant(-1.0), name="root")
    ...     try:
    ...         sess.run(tf.add_check_numerics_ops())
    ...     except tf.errors.InvalidArgumentError as error:
    ...         print(error.message.splitlines()[0])
    root:0 : Tensor had NaN values
    """
    checks: list[Tensor] = []
    tensors = [t for node in get_default_graph().get_operations() for t in node.outputs]
    for tensor in tensors:
        if tensor.dtype not in CHECKED_TYPES:
            continue
        if tensor.op._control_flow_context is not None:
            raise ValueError(
                "`tf.add_check_numerics_ops() is not compatible with TensorFlow control flow operations "
                "such as `tf.cond()` or `tf.while_loop()`."
            )
        with control_dependencies(checks[-1:]):
            checks.append(check_numerics(tensor, tensor.name))
    return group(*checks[-1:])
