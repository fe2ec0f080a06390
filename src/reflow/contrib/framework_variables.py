"""`tf.contrib.framework`: finding variables, and giving them values from checkpoints and arrays."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from reflow.graph.graph import GraphKeys, add_to_collection, get_collection
from reflow.model import global_step
from reflow.model.scope_state import VariableScope
from reflow.model.variable_base import create_variable
from reflow.ops.array import placeholder
from reflow.ops.control import group
from reflow.train.checkpoint_reader import NewCheckpointReader
from reflow.train.saver import Saver
from reflow.train.saver_builder import V1

Assignment = tuple[Any, dict[Any, Any]]
_log = logging.getLogger("tensorflow")


# Finding


def get_variables(
    scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES
) -> list[Any]:
    """The variables of a collection whose names begin with `scope` and end in `suffix`.

    `scope` may be a variable scope, or a regular expression; `suffix` leaves out the output's number.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(1.0, name="a/v")
    ...     tf.contrib.framework.get_variables("a") == [v]
    True
    """
    if isinstance(scope, VariableScope):
        scope = scope.name
    if suffix is not None:
        scope = f"{scope or ''}.*{suffix if ':' in suffix else suffix + ':'}"
    return get_collection(collection, scope)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` among the variables that are a model's own, as layers mark them."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` among the local variables."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """`get_variables` among the trainable variables."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_suffix(suffix: str, scope: Any = None) -> list[Any]:
    """The global variables whose names end in `suffix`."""
    return get_variables(scope, suffix)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """The global variables that are named so in their scopes."""
    return get_variables(scope, f"/{given_name}:|^{given_name}:")


def get_unique_variable(var_op_name: str) -> Any:
    """The global variable of that full name. ValueError when there is none."""
    candidates = get_variables(var_op_name)
    if not candidates:
        raise ValueError(f"Couldn't find variable {var_op_name}")
    for candidate in candidates:
        if candidate.op.name == var_op_name:
            return candidate
    raise ValueError(f"Variable {var_op_name} does not uniquely identify a variable")


def get_variables_to_restore(
    include: Iterable[str] | None = None, exclude: Iterable[str] | None = None
) -> list[Any]:
    """The global variables in the scopes of `include` (all if None) that are not in those of `exclude`.

    TypeError unless these are lists or tuples.
    """
    for name, given in (("include", include), ("exclude", exclude)):
        if given is not None and not isinstance(given, (list, tuple)):
            raise TypeError(f"{name} is provided but is not a list or a tuple.")
    included = get_variables() if include is None else [v for s in include for v in get_variables(s)]
    excluded = {v for s in exclude or () for v in get_variables(s)}
    return [v for v in included if v not in excluded]


def filter_variables(
    var_list: Iterable[Any],
    include_patterns: Iterable[str] | None = None,
    exclude_patterns: Iterable[str] | None = None,
    reg_search: bool = True,
) -> list[Any]:
    """The variables whose names match one of `include_patterns` (if given) and none of `exclude_patterns`.

    A pattern may match anywhere in the name, with `reg_search=False` only from its start.
    """
    find = re.search if reg_search else re.match

    def matches(variable: Any, patterns: Iterable[str]) -> bool:
        return any(find(p, variable.name) for p in patterns)

    found = list(var_list)
    if include_patterns is not None:
        found = [v for v in found if matches(v, include_patterns)]
    return [v for v in found if not matches(v, exclude_patterns or ())]


def get_variable_full_name(var: Any) -> str:
    """The name under which checkpoints have a variable: for a slice that of the whole."""
    info = var._get_save_slice_info()
    return str(info.full_name if info else var.op.name)


def add_model_variable(var: Any) -> None:
    """Mark a variable as a model's own."""
    if var not in get_collection(GraphKeys.MODEL_VARIABLES):
        add_to_collection(GraphKeys.MODEL_VARIABLES, var)


# Making


def local_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: bool | None = None
) -> Any:
    """A new variable of this process: not trained, not saved."""
    return _untrained(GraphKeys.LOCAL_VARIABLES, initial_value, validate_shape, name, use_resource)


def global_variable(
    initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: bool | None = None
) -> Any:
    """A new variable that is saved and not trained."""
    return _untrained(GraphKeys.GLOBAL_VARIABLES, initial_value, validate_shape, name, use_resource)


def _untrained(
    collection: str, initial_value: Any, validate_shape: bool, name: str | None, use_resource: bool | None
) -> Any:
    return create_variable(
        initial_value,
        trainable=False,
        collections=[collection],
        validate_shape=validate_shape,
        use_resource=use_resource,
        name=name,
    )


def assert_or_get_global_step(graph: Any = None, global_step_tensor: Any = None) -> Any:
    """`global_step_tensor`, checked to be one that counts steps; the graph's if None."""
    if global_step_tensor is None:
        return global_step.get_global_step(graph)
    global_step.assert_global_step(global_step_tensor)
    return global_step_tensor


# Giving values


def _assigned(variable: Any, value: np.ndarray) -> tuple[Any, Any]:
    """An assignment of a value that is fed, and its placeholder."""
    fed = placeholder(
        dtype=variable.dtype.base_dtype, shape=variable.get_shape(), name=f"placeholder/{variable.op.name}"
    )
    return variable.assign(fed), fed


def assign_from_values(var_names_to_values: Mapping[str, np.ndarray]) -> Assignment:
    """An operation that gives global variables the values of a dict by name, and the dict to feed it.

    The values are fed, and so do not become part of the graph. ValueError when a name is not found.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([0.0, 0.0], name="v")
    ...     assign, feed = tf.contrib.framework.assign_from_values({"v": np.float32([1, 2])})
    ...     sess.run(assign, feed)
    ...     print(sess.run(v))
    [1. 2.]
    """
    feeds, assigned = {}, []
    for name, value in var_names_to_values.items():
        variable = _named(name)
        op, fed = _assigned(variable, value)
        assigned.append(op)
        feeds[fed] = np.reshape(value, variable.get_shape().as_list())
    return group(*assigned), feeds


def _named(name: str) -> Any:
    found = get_collection(GraphKeys.GLOBAL_VARIABLES, name)
    if not found:
        raise ValueError(f"Variable {name} wasn't found")
    if len(found) == 1:
        return found[0]
    for variable in found:
        if variable.op.name == name:
            return variable
    raise ValueError(f"Variable {name} doesn't uniquely identify a variable")


def assign_from_values_fn(var_names_to_values: Mapping[str, np.ndarray]) -> Callable[[Any], Any]:
    """A function of a session that gives variables the values of a dict by name: see `assign_from_values`."""
    assign, feeds = assign_from_values(var_names_to_values)
    return lambda session: session.run(assign, feeds)


def assign_from_checkpoint(model_path: str, var_list: Any, ignore_missing_vars: bool = False) -> Assignment:
    """An operation that gives variables their values in a checkpoint, and the dict to feed it.

    Args:
        model_path: the checkpoint.
        var_list: variables, in a list, or in a dict by the checkpoint's names; slices of a variable may stand
            in the list, or in a list in the dict.
        ignore_missing_vars: leave out variables that the checkpoint does not have.

    ValueError when a variable is missing or has another shape.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1.0, 2.0], name="v")
    ...     sess.run(v.initializer)
    ...     path = tf.train.Saver().save(sess, path)
    ...     v.load([0.0, 0.0], sess)
    ...     assign, feed = tf.contrib.framework.assign_from_checkpoint(path, [v])
    ...     sess.run(assign, feed)
    ...     print(sess.run(v))
    [1. 2.]
    """
    reader = NewCheckpointReader(model_path)
    feeds, assigned = {}, []
    for name, variables in _grouped(var_list).items():
        if not reader.has_tensor(name):
            if not ignore_missing_vars:
                raise ValueError(f"Checkpoint is missing variable [{name}]")
            _log.warning("Checkpoint is missing variable [%s]", name)
            continue
        value = np.asarray(reader.get_tensor(name))
        for variable in variables:
            op, fed = _assigned(variable, value)
            assigned.append(op)
            feeds[fed] = _part_for(variable, value, name)
    return group(*assigned), feeds


def _grouped(var_list: Any) -> dict[str, list[Any]]:
    """Variables, or slices of one, by the checkpoint's names."""
    if not isinstance(var_list, (list, tuple)):
        return {k: list(v) if isinstance(v, (list, tuple)) else [v] for k, v in var_list.items()}
    found: dict[str, list[Any]] = {}
    for variable in var_list:
        found.setdefault(get_variable_full_name(variable), []).append(variable)
    return found


def _part_for(variable: Any, value: np.ndarray, name: str) -> np.ndarray:
    """What a variable, or a slice of one, takes of a value."""
    info = variable._get_save_slice_info()
    if info:
        pairs = zip(info.var_offset, info.var_shape, strict=True)
        return value[tuple(slice(start, start + size) for start, size in pairs)]
    if variable.get_shape().as_list() != list(value.shape):
        raise ValueError(
            f"Total size of new array must be unchanged for {name} lh_shape: [{value.shape}], "
            f"rh_shape: [{variable.get_shape()}]"
        )
    return value


def assign_from_checkpoint_fn(
    model_path: str, var_list: Any, ignore_missing_vars: bool = False, reshape_variables: bool = False
) -> Callable[[Any], None] | None:
    """A function of a session that gives variables their values in a checkpoint.

    Args:
        model_path: the checkpoint.
        var_list: variables, in a list, or in a dict by the checkpoint's names.
        ignore_missing_vars: leave out variables that the checkpoint does not have; None is returned if that
            leaves none.
        reshape_variables: let variables take values of another shape with as many elements.

    ValueError when `var_list` is empty.
    """
    if not var_list:
        raise ValueError("var_list cannot be empty")
    if ignore_missing_vars:
        var_list = _available(model_path, var_list)
    if not var_list:
        _log.warning("No Variables to restore")
        return None
    saver = Saver(var_list, reshape=reshape_variables, write_version=V1)
    return lambda session: saver.restore(session, model_path)


def _available(model_path: str, var_list: Any) -> dict[str, Any]:
    reader = NewCheckpointReader(model_path)
    named = var_list if isinstance(var_list, dict) else {v.op.name: v for v in var_list}
    for name in named:
        if not reader.has_tensor(name):
            _log.warning("Variable %s missing in checkpoint %s", name, model_path)
    return {name: v for name, v in named.items() if reader.has_tensor(name)}
