"""The switches between TensorFlow 1 and 2. Reflow is TensorFlow 1: graphs and sessions, always.

Switches that ask for what Reflow does anyway do nothing; the others raise an error that says so.
"""

from __future__ import annotations

from typing import Any


def disable_v2_behavior() -> None:
    """Do nothing: Reflow always builds graphs.

    >>> import reflow as tf
    >>> tf.disable_v2_behavior()
    >>> tf.executing_eagerly()
    False
    """


def disable_eager_execution() -> None:
    """Do nothing: Reflow never executes eagerly."""


def disable_v2_tensorshape() -> None:
    """Do nothing: a `TensorShape` holds `Dimension` objects, as in TensorFlow 1."""


def disable_tensor_equality() -> None:
    """Do nothing: tensors compare by identity with `==`, as in TensorFlow 1."""


def disable_control_flow_v2() -> None:
    """Do nothing: how `tf.cond` and `tf.while_loop` are built does not change what they compute."""


def enable_control_flow_v2() -> None:
    """Do nothing: how `tf.cond` and `tf.while_loop` are built does not change what they compute."""


def executing_eagerly() -> bool:
    """False: a tensor has its value only in a session."""
    return False


def _refused(switch: str, instead: str) -> RuntimeError:
    return RuntimeError(
        f"tf.{switch}() is not available: Reflow is the graph-and-session system of TensorFlow 1. {instead}"
    )


def enable_eager_execution(config: Any = None, device_policy: Any = None, execution_mode: Any = None) -> None:
    """Raise RuntimeError: there is no eager execution.

    >>> import reflow as tf
    >>> tf.enable_eager_execution()
    Traceback (most recent call last):
    RuntimeError: tf.enable_eager_execution() is not available: ...
    """
    raise _refused("enable_eager_execution", "Build a graph and run it with tf.Session().run(...).")


def enable_v2_behavior() -> None:
    """Raise RuntimeError: there is no TensorFlow 2 behaviour to enable."""
    raise _refused("enable_v2_behavior", "Build a graph and run it with tf.Session().run(...).")


def enable_v2_tensorshape() -> None:
    """Raise RuntimeError: a `TensorShape` holds `Dimension` objects, as in TensorFlow 1."""
    raise _refused("enable_v2_tensorshape", "Use shape.as_list() for plain integers.")


def enable_tensor_equality() -> None:
    """Raise RuntimeError: `==` compares tensors by identity, as in TensorFlow 1."""
    raise _refused("enable_tensor_equality", "Use tf.equal(a, b).")
