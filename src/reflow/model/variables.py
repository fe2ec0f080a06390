"""Variables and what is done with many of them: the collections, their initializers, reports of what is
missing."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph import scopes
from reflow.graph.graph import (
    GraphKeys,
    colocate_with,
    constant,
    device,
    emit,
    get_collection,
    get_default_graph,
    name_scope,
)
from reflow.model.modes import VariableAggregation, VariableSynchronization
from reflow.model.reference_variables import RefVariable
from reflow.model.resource_variables import BaseResourceVariable, ResourceVariable, is_resource_variable
from reflow.model.variable_base import Variable
from reflow.ops import state
from reflow.ops.control import group, no_op
from reflow.ops.masks import boolean_mask

__all__ = [
    "BaseResourceVariable",
    "RefVariable",
    "ResourceVariable",
    "Variable",
    "VariableAggregation",
    "VariableSynchronization",
    "all_variables",
    "assert_variables_initialized",
    "disable_resource_variables",
    "enable_resource_variables",
    "global_variables",
    "global_variables_initializer",
    "initialize_all_variables",
    "initialize_local_variables",
    "initialize_variables",
    "is_resource_variable",
    "local_variables",
    "local_variables_initializer",
    "model_variables",
    "moving_average_variables",
    "report_uninitialized_variables",
    "resource_variables_enabled",
    "tables_initializer",
    "trainable_variables",
    "variables_initializer",
]

HOLDERS = ("Variable", "VariableV2", "AutoReloadVariable")


# Which kind of variable is made


def enable_resource_variables() -> None:
    """Make resource variables from now on, where nothing asks for the other kind.

    >>> import reflow as tf
    >>> tf.enable_resource_variables()
    >>> tf.resource_variables_enabled()
    True
    >>> tf.disable_resource_variables()
    """
    scopes.process.resource_variables = True


def disable_resource_variables() -> None:
    """Make reference variables from now on, where nothing asks for the other kind: the default.

    >>> import reflow as tf
    >>> tf.disable_resource_variables()
    >>> tf.resource_variables_enabled()
    False
    """
    scopes.process.resource_variables = False


def resource_variables_enabled() -> bool:
    """Whether `enable_resource_variables` is in effect.

    >>> import reflow as tf
    >>> tf.resource_variables_enabled()
    False
    """
    return scopes.process.resource_variables


# Collections


def global_variables(scope: str | None = None) -> list[Any]:
    """The graph's global variables: those that are saved, which variables are unless made otherwise.

    With `scope`, only those whose names match it, a regular expression, from the start; so too in the
    functions below.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(1.0, name="v")
    ...     print(tf.global_variables() == [v], tf.global_variables("w"))
    True []
    """
    return get_collection(GraphKeys.GLOBAL_VARIABLES, scope)


def all_variables() -> list[Any]:
    """`global_variables` by its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.all_variables()
    []
    """
    return global_variables()


def local_variables(scope: str | None = None) -> list[Any]:
    """The graph's local variables: of one process, not saved.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.local_variables()
    []
    """
    return get_collection(GraphKeys.LOCAL_VARIABLES, scope)


def model_variables(scope: str | None = None) -> list[Any]:
    """The variables that are a model's own, as layers mark them.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.model_variables()
    []
    """
    return get_collection(GraphKeys.MODEL_VARIABLES, scope)


def trainable_variables(scope: str | None = None) -> list[Any]:
    """The variables that optimizers change: those made with `trainable=True`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.Variable(1.0, name="w")
    ...     step = tf.Variable(0, trainable=False)
    ...     print(tf.trainable_variables() == [w])
    True
    """
    return get_collection(GraphKeys.TRAINABLE_VARIABLES, scope)


def moving_average_variables(scope: str | None = None) -> list[Any]:
    """The variables of which an `ExponentialMovingAverage` keeps averages.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.moving_average_variables()
    []
    """
    return get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, scope)


# Initializers


def variables_initializer(var_list: Any, name: str = "init") -> Any:
    """An operation that runs the initializers of the variables of `var_list`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(3.0)
    ...     sess.run(tf.variables_initializer([v]))
    ...     print(sess.run(v))
    3.0
    """
    return _all_of([v.initializer for v in var_list or ()], name)


def _all_of(operations: list[Any], name: str) -> Any:
    return group(*operations, name=name) if operations else no_op(name=name)


def initialize_variables(var_list: Any, name: str = "init") -> Any:
    """`variables_initializer` by its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.initialize_variables([]).name
    'init'
    """
    return variables_initializer(var_list, name=name)


def global_variables_initializer() -> Any:
    """An operation that gives all global variables made so far their initial values.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1, 2])
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(v))
    [1 2]
    """
    return variables_initializer(global_variables())


def initialize_all_variables() -> Any:
    """`global_variables_initializer` by its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.initialize_all_variables().type
    'NoOp'
    """
    return global_variables_initializer()


def local_variables_initializer() -> Any:
    """An operation that gives all local variables made so far their initial values.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.local_variables_initializer().name
    'init'
    """
    return variables_initializer(local_variables())


def initialize_local_variables() -> Any:
    """`local_variables_initializer` by its older name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.initialize_local_variables().name
    'init'
    """
    return local_variables_initializer()


def tables_initializer(name: str = "init_all_tables") -> Any:
    """An operation that fills all lookup tables made so far.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.tables_initializer().name
    'init_all_tables'
    """
    return _all_of(get_collection(GraphKeys.TABLE_INITIALIZERS), name)


# Reports


def _held_values() -> list[Any]:
    """The tensors of all variable ops, for graphs whose variables are in no collection."""
    return [op.outputs[0] for op in get_default_graph().get_operations() if op.type in HOLDERS]


def report_uninitialized_variables(var_list: Any = None, name: str = "report_uninitialized_variables") -> Any:
    """The names of the variables (all global and local ones, or `var_list`) that have no value yet: a string
    vector.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(1.0, name="v")
    ...     print(sess.run(tf.report_uninitialized_variables()))
    [b'v']
    """
    if var_list is None:
        var_list = global_variables() + local_variables() or _held_values()
    with name_scope(name):
        flags = [state.is_variable_initialized(v) for v in var_list]
        with device("/cpu:0"):
            if not var_list:
                return constant([], dtype=dtypes.string)
            missing = emit("LogicalNot", emit("Pack", flags, name="stack"))
            return boolean_mask(constant([v.op.name for v in var_list]), missing)


def _is_variable_initialized(variable: Any) -> Any:
    """Whether a variable has a value yet: a scalar bool tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.is_variable_initialized(tf.Variable(1.0))))
    False
    """
    return state.is_variable_initialized(variable)


def assert_variables_initialized(var_list: Any = None) -> Any:
    """A tensor that fails to compute, with FailedPreconditionError, while a variable has no value.
    Deprecated.

    Covers all global and local variables, or `var_list`. Returns None if there are none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.assert_variables_initialized() is None
    True
    """
    if var_list is None:
        var_list = global_variables() + local_variables()
    ranks = []
    for variable in var_list or _held_values():
        with colocate_with(variable.op):
            ranks.append(emit("Rank", variable))
    if len(ranks) <= 1:
        return ranks[0] if ranks else None
    return emit("Pack", ranks, name="stack")
