"""The global step: the variable that counts a program's training steps."""

from __future__ import annotations

import logging
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    control_dependencies,
    get_default_graph,
    name_scope,
)
from reflow.graph.node import Tensor
from reflow.model.initializers import zeros_initializer
from reflow.model.modes import VariableAggregation
from reflow.model.variable_common import BaseVariable
from reflow.model.variable_scope import get_variable
from reflow.ops import state

READ_KEY = "global_step_read_op_cache"
_log = logging.getLogger("tensorflow")


def global_step(sess: Any, global_step_tensor: Any) -> int:
    """The number of training steps so far: the value of `global_step_tensor` in the session `sess`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     step = tf.train.create_global_step()
    ...     sess.run(step.initializer)
    ...     tf.train.global_step(sess, step)
    0
    """
    return int(sess.run(global_step_tensor))


def get_global_step(graph: Any = None) -> Any:
    """The graph's global step: the one item of its collection, or else the tensor `global_step:0`; None if
    there is none.

    Raises TypeError if it is not a scalar integer variable or tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.train.get_global_step())
    None
    """
    graph = graph or get_default_graph()
    found = graph.get_collection(GraphKeys.GLOBAL_STEP)
    if len(found) > 1:
        _log.error("Multiple tensors in global_step collection.")
        return None
    if found:
        tensor = found[0]
    else:
        try:
            tensor = graph.get_tensor_by_name("global_step:0")
        except KeyError:
            return None
    assert_global_step(tensor)
    return tensor


def create_global_step(graph: Any = None) -> Any:
    """Make the global step, an int64 scalar that starts at 0 and is not trained. ValueError if there is one.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.train.create_global_step()
    <tf.Variable 'global_step:0' shape=() dtype=int64_ref>
    """
    graph = graph or get_default_graph()
    if get_global_step(graph) is not None:
        raise ValueError('"global_step" already exists.')
    with graph.as_default(), name_scope(None):
        return get_variable(
            GraphKeys.GLOBAL_STEP,
            shape=[],
            dtype=dtypes.int64,
            initializer=zeros_initializer(),
            trainable=False,
            aggregation=VariableAggregation.ONLY_FIRST_REPLICA,
            collections=[GraphKeys.GLOBAL_VARIABLES, GraphKeys.GLOBAL_STEP],
        )


def get_or_create_global_step(graph: Any = None) -> Any:
    """The global step, made if there is none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     step = tf.train.get_or_create_global_step()
    ...     step is tf.train.get_or_create_global_step()
    True
    """
    graph = graph or get_default_graph()
    found = get_global_step(graph)
    return create_global_step(graph) if found is None else found


def assert_global_step(global_step_tensor: Any) -> None:
    """TypeError unless `global_step_tensor` is a variable or tensor, of an integer type, and scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.train.assert_global_step(tf.Variable(0.0))
    Traceback (most recent call last):
    TypeError: Existing "global_step" does not have integer type: <dtype: 'float32_ref'>
    """
    if not isinstance(global_step_tensor, (BaseVariable, Tensor)):
        raise TypeError(f'Existing "global_step" must be a Variable or Tensor: {global_step_tensor}.')
    if not global_step_tensor.dtype.base_dtype.is_integer:
        raise TypeError(f'Existing "global_step" does not have integer type: {global_step_tensor.dtype}')
    shape = global_step_tensor.get_shape()
    if shape.ndims != 0 and shape.is_fully_defined():
        raise TypeError(f'Existing "global_step" is not scalar: {shape}')


def _get_global_step_read(graph: Any = None) -> Any:
    """The tensor that reads the global step before it is incremented, if there is one."""
    graph = graph or get_default_graph()
    found = graph.get_collection(READ_KEY)
    if len(found) > 1:
        raise RuntimeError(f"There are multiple items in collection {READ_KEY}. There should be only one.")
    return found[0] if found else None


def _get_or_create_global_step_read(graph: Any = None) -> Any:
    """The tensor that reads the global step before it is incremented; None if there is no global step."""
    graph = graph or get_default_graph()
    found = _get_global_step_read(graph)
    step = get_global_step(graph)
    if found is not None or step is None:
        return found
    with graph.as_default(), name_scope(None), name_scope(step.op.name + "/"):
        value = step.initialized_value() if isinstance(step, BaseVariable) else step
        add_to_collection(
            READ_KEY, value + 0
        )  # the addition makes a value of it, whatever the kind of variable
    return _get_global_step_read(graph)


def _increment_global_step(increment: Any, graph: Any = None) -> Any:
    """An op that adds `increment` to the global step after it was read. ValueError if there is no global
    step."""
    graph = graph or get_default_graph()
    step = get_global_step(graph)
    if step is None:
        raise ValueError(
            "Global step tensor should be created by tf.train.get_or_create_global_step before calling "
            "increment."
        )
    read = _get_or_create_global_step_read(graph)
    with graph.as_default(), name_scope(None), name_scope(step.op.name + "/"), control_dependencies([read]):
        return state.assign_add(step, increment)
