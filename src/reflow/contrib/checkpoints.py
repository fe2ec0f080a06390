"""Checkpoints as `tf.contrib.framework` reads them: functions of `tf.train` with older argument names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflow.train import checkpoint_init, checkpoint_reader
from reflow.train.checkpoint_reader import CheckpointReader


def load_checkpoint(filepattern: Any) -> CheckpointReader:
    """A reader of a checkpoint, or of the newest in a folder; ValueError if there is none.

    >>> load_checkpoint("/nowhere")
    Traceback (most recent call last):
    reflow.base.errors.NotFoundError: ...
    """
    return checkpoint_reader.load_checkpoint(filepattern)


def load_variable(checkpoint_dir: Any, name: str) -> Any:
    """The value of a variable in a checkpoint, as an array."""
    return checkpoint_reader.load_variable(checkpoint_dir, name)


def list_variables(checkpoint_dir: Any) -> list[tuple[str, list[int]]]:
    """Name and shape of each variable in a checkpoint, sorted by name."""
    return checkpoint_reader.list_variables(checkpoint_dir)


def init_from_checkpoint(checkpoint_dir: Any, assignment_map: Mapping[str, Any]) -> None:
    """`tf.train.init_from_checkpoint`: variables take their initial values from a checkpoint."""
    checkpoint_init.init_from_checkpoint(checkpoint_dir, assignment_map)
