"""`tf.Variable`: the one name under which variables of either kind are made and known."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from reflow.graph import scopes
from reflow.model.modes import VariableAggregation, VariableSynchronization
from reflow.model.reference_variables import RefVariable
from reflow.model.resource_variables import ResourceVariable
from reflow.model.scope_state import get_variable_scope_store
from reflow.model.variable_common import BaseVariable


def _bound(creator: Callable[..., Any], following: Callable[..., Any]) -> Callable[..., Any]:
    return lambda **kwargs: creator(following, **kwargs)


class _VariableType(type):
    """Makes `Variable(...)` pick the kind of variable, and every kind an instance of `Variable`."""

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        return create_variable(*args, **kwargs) if cls is Variable else super().__call__(*args, **kwargs)

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, BaseVariable) if cls is Variable else super().__instancecheck__(instance)

    def __subclasscheck__(cls, subclass: type) -> bool:
        return issubclass(subclass, BaseVariable) if cls is Variable else super().__subclasscheck__(subclass)


def create_variable(
    initial_value: Any = None,
    trainable: bool | None = None,
    collections: Any = None,
    validate_shape: bool = True,
    caching_device: Any = None,
    name: str | None = None,
    variable_def: Any = None,
    dtype: Any = None,
    expected_shape: Any = None,
    import_scope: str | None = None,
    constraint: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = VariableSynchronization.AUTO,
    aggregation: Any = VariableAggregation.NONE,
    shape: Any = None,
) -> Any:
    """Call the creators of the scopes around, the innermost first; `default_creator` is the last one."""
    create: Callable[..., Any] = default_creator
    for creator in get_variable_scope_store().creators:
        create = _bound(creator, create)
    return create(
        initial_value=initial_value,
        trainable=trainable,
        collections=collections,
        validate_shape=validate_shape,
        caching_device=caching_device,
        name=name,
        variable_def=variable_def,
        dtype=dtype,
        expected_shape=expected_shape,
        import_scope=import_scope,
        constraint=constraint,
        use_resource=use_resource,
        synchronization=synchronization,
        aggregation=VariableAggregation.NONE if aggregation is None else aggregation,
        shape=shape,
    )


def default_creator(use_resource: bool | None = None, expected_shape: Any = None, **settings: Any) -> Any:
    """A reference or resource variable, as the caller, the variable scope or the process has it."""
    if use_resource is None:
        use_resource = get_variable_scope_store().current_scope.use_resource
    if scopes.function_graph() is not None:
        use_resource = True  # a function cannot hold a reference
    elif use_resource is None:
        use_resource = scopes.process.resource_variables
    return (ResourceVariable if use_resource else RefVariable)(**settings)


class Variable(BaseVariable, metaclass=_VariableType):
    """A tensor that a session keeps from run to run and that ops can change.

    A new variable is an op that holds the value, an op that assigns the initial value (`initializer`), and
    one that reads it. It is used wherever a tensor is. `tf.Variable` makes a reference variable unless
    `use_resource=True`, the variable scope, or `tf.enable_resource_variables()` asks for a resource variable,
    whose reads and writes are ordered.

    Args:
        initial_value: a tensor, a Python or NumPy value, or a function of no arguments that returns one.
        trainable: add the variable to `GraphKeys.TRAINABLE_VARIABLES` (default: yes, unless read as an
            aggregate).
        collections: the collections to add it to; `[GraphKeys.GLOBAL_VARIABLES]` by default.
        validate_shape: False allows an initial value of unknown shape.
        caching_device: a device that keeps a copy of the values read.
        name: the variable's name, made unique; "Variable" by default.
        variable_def: a VariableDef message, to rebuild the object for nodes that exist; nothing else but
            `import_scope`, a prefix of the names in it, goes with it.
        dtype: the type; by default the initial value's.
        expected_shape: ignored.
        constraint: a function of the value that optimizers apply after each update.
        use_resource: whether to make a resource variable.
        synchronization, aggregation: how copies of a distributed variable are kept together.
        shape: the variable's shape, where it should be less specific than the initial value's.

    Raises:
        ValueError: there is no initial value, or its shape is unknown although `validate_shape` is set.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(3, name="x")
    ...     sess.run(x.initializer)
    ...     print(x, sess.run(x * 2), sess.run(x.assign_add(1)))
    <tf.Variable 'x:0' shape=() dtype=int32_ref> 6 4
    """

    @staticmethod
    def from_proto(variable_def: Any, import_scope: str | None = None) -> Any:
        """The variable that a VariableDef message describes, whose nodes are in the default graph."""
        kind = ResourceVariable if variable_def.is_resource else RefVariable
        return kind(variable_def=variable_def, import_scope=import_scope)


Variable.__signature__ = inspect.signature(create_variable)  # type: ignore[attr-defined]
