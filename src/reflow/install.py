"""`import tensorflow` as another name for Reflow, for programs that were written for TensorFlow 1.

It is opt-in: only `reflow.install()` and `reflow run` turn it on, and only in their own process.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from reflow import api

NAME = "tensorflow"
# TensorBoard takes any importable `tensorflow` for the real one, unless this module of its exists. What it
# has loaded before, it has without TensorFlow: else the real one would be among the modules.
TENSORBOARD_MARK = "tensorboard.compat.notf"


class TensorFlowFinder:
    """Finds `tensorflow` and its submodules: the rooms of Reflow, the same module objects."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> ModuleSpec | None:
        root, _, room = fullname.partition(".")
        if root != NAME:
            return None
        if not api.is_room(room):
            raise api.missing_room(fullname)
        return api.alias_spec(fullname, room)


def _finders() -> list[Any]:
    return [finder for finder in sys.meta_path if isinstance(finder, TensorFlowFinder)]


def _modules() -> list[str]:
    return [name for name in sys.modules if name == NAME or name.startswith(NAME + ".")]


def install() -> None:
    """Make `import tensorflow` and `import tensorflow.x.y` give Reflow in this process; once or twice.

    TensorBoard's own code in the process goes on without TensorFlow, whether it is loaded before or after.

    Raises:
      RuntimeError: if the real TensorFlow is imported already.

    >>> import reflow
    >>> reflow.install()
    >>> import tensorflow as tf
    >>> tf is reflow
    True
    >>> reflow.uninstall()
    """
    if _finders():
        return
    if _modules():
        raise RuntimeError(
            "reflow.install(): the real TensorFlow is imported already; call install() before it"
        )
    sys.modules.setdefault(TENSORBOARD_MARK, _Mark(TENSORBOARD_MARK))
    sys.meta_path.insert(0, TensorFlowFinder())


class _Mark(ModuleType):
    """The module that tells TensorBoard to use its own small replacement of TensorFlow."""


def uninstall() -> None:
    """Undo `install`: a later `import tensorflow` finds the real one, or none."""
    for finder in _finders():
        sys.meta_path.remove(finder)
        for name in _modules():
            del sys.modules[name]
    if isinstance(sys.modules.get(TENSORBOARD_MARK), _Mark):
        del sys.modules[TENSORBOARD_MARK]
