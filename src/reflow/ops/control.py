"""Operations that only order others: no_op, group, tuple, with_dependencies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.graph import shapes
from reflow.graph.composite import IndexedSlices
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import (
    Operation,
    Tensor,
    colocate_with,
    control_dependencies,
    convert_to_tensor,
    device,
    emit,
    get_default_graph,
    name_scope,
)
from reflow.graph.registry import op
from reflow.platform import nest


@op("NoOp", shape=shapes.no_outputs, gradient=None)
def no_op(name: str | None = None) -> Operation:
    """An operation that does nothing but wait for its control inputs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1)
    ...     with tf.control_dependencies([x.assign(2)]):
    ...         step = tf.no_op(name="step")
    ...     sess.run(step)
    ...     print(sess.run(x))
    2
    """
    return get_default_graph().emit("NoOp", name=name)  # type: ignore[no-any-return]


def group(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that has run when all `inputs` have.

    Args:
        *inputs: operations, tensors, variables, or nested structures of these.
        name: the name of the operation.

    Raises TypeError for an input that is none of these, ValueError for an unknown keyword.
    Inputs on several devices are waited for on each device first, so that one signal crosses between devices.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, y = tf.Variable(1), tf.Variable(2)
    ...     sess.run(tf.group(x.initializer, y.initializer))
    ...     print(sess.run(x + y))
    3
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise ValueError("Unknown keyword arguments: " + ", ".join(kwargs))
    with name_scope(name, "group_deps", inputs) as scope:
        if not inputs:
            return no_op(name=scope)
        by_device = _by_device(inputs)
        if len(by_device) == 1:
            ((place, members),) = by_device.items()
            return _waiting(members, place, name=scope)
        gates = [_waiting(by_device[place], place) for place in sorted(by_device)]
        return _waiting(gates, name=scope)


def _by_device(inputs: Any) -> dict[str, list[Any]]:
    """The elements of a structure by the device they are on."""
    found: dict[str, list[Any]] = {}
    for item in nest.flatten(inputs):
        for part in item._components() if hasattr(item, "_components") else [item]:
            if not hasattr(part, "device"):
                raise TypeError(
                    f"Expected tf.group() expected Tensor arguments not '{part}' with type '{type(part)}'"
                )
            found.setdefault(part.device or "", []).append(part)
    return found


def _waiting(members: Iterable[Any], place: str | None = None, name: str | None = None) -> Operation:
    """A NoOp after `members`, on a device."""
    with control_dependencies(members):
        if place is None:
            return no_op(name=name)
        with device(place):
            return no_op(name=name)


def with_dependencies(dependencies: Iterable[Any], output_tensor: Any, name: str | None = None) -> Any:
    """`output_tensor` (a tensor, reference or IndexedSlices) that is there only when `dependencies` have run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant(4.0)
    ...     positive = tf.assert_positive(x)
    ...     print(sess.run(with_dependencies([positive], x)))
    4.0
    """
    dependencies = list(dependencies)
    values = [*dependencies, output_tensor]
    with (
        name_scope(name, "control_dependency", values) as scope,
        colocate_with(output_tensor),
        control_dependencies(dependencies),
    ):
        return _same(output_tensor, scope)


def _same(value: Any, name: str) -> Any:
    """An Identity of a tensor, or of the values of slices; a reference stays one."""
    if isinstance(value, IndexedSlices):
        return IndexedSlices(_same(value.values, name), value.indices, value.dense_shape)
    tensor = convert_to_tensor(value)
    return emit("RefIdentity" if tensor.dtype.is_ref_dtype else "Identity", tensor, name=name)


def tuple(tensors: Any, name: str | None = None, control_inputs: Any = None) -> list[Any]:  # noqa: A001 (TF's name)
    """The tensors (or operations, or None) of a list, none of which is there before all are.

    Args:
        tensors: tensors, IndexedSlices, operations and Nones.
        name: the name scope of the operations made.
        control_inputs: further operations or tensors to wait for.

    Raises ValueError when no tensor is given, TypeError for a control input that is no operation or tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, y = tf.tuple([tf.constant(1), tf.constant(2)])
    ...     print(x.name, sess.run(y))
    tuple/control_dependency:0 2
    """
    with name_scope(name, "tuple", tensors):
        items = [_gated_item(t) for t in tensors]
        gating = [t if isinstance(t, Operation) else t.op for t in items if t is not None]
        gating += [_control_op(c) for c in control_inputs or ()]
        if not gating:
            raise ValueError(f"Must have at least one Tensor: {items}")
        gate = group(*sorted(set(gating), key=lambda each: each._id))
        return [_gated(gate, t) for t in items]


def _gated_item(value: Any) -> Any:
    if value is None or isinstance(value, Operation) or is_tensor_like(value):
        return value
    return convert_to_tensor(value)


def _control_op(value: Any) -> Operation:
    if isinstance(value, Tensor):
        return value.op
    if isinstance(value, Operation):
        return value
    raise TypeError(f"Control input must be Operation or Tensor: {value}")


def _gated(gate: Operation, item: Any) -> Any:
    if item is None:
        return None
    if isinstance(item, Operation):
        with control_dependencies([gate]):
            return group(item)
    return with_dependencies([gate], item)
