"""Operations that are run when a SavedModel is loaded."""

from __future__ import annotations

from typing import Any

from reflow.graph.graph import control_dependencies
from reflow.model.variables import (
    global_variables_initializer,
    local_variables_initializer,
    tables_initializer,
)
from reflow.ops.control import group


def main_op() -> Any:
    """An operation that initializes all variables, local ones too, and fills all tables.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.saved_model.main_op.main_op().name
    'group_deps'
    """
    return group(global_variables_initializer(), local_variables_initializer(), tables_initializer())


def main_op_with_restore(restore_op_name: Any) -> Any:
    """`main_op`, and then the operation that restores the variables.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.saved_model.main_op_with_restore(tf.no_op()).name
    'group_deps_1'
    """
    with control_dependencies([main_op()]):
        return group(restore_op_name)
