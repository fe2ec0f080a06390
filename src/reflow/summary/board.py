"""TensorBoard for a log folder."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from reflow.base import errors
from reflow.platform import versions
from reflow.train.checkpoint_reader import load_checkpoint
from reflow.train.checkpoint_state import latest_checkpoint

STUB = "stub"  # the version of what TensorBoard has in place of TensorFlow


def server(logdir: str, port: int | None = None, host: str = "localhost") -> Any:
    """A TensorBoard that is set up for a folder; its `main()` serves until it is interrupted.

    Args:
        logdir: the folder of the event files.
        port: the port; 6006, or the next that is free, when None.
        host: the address to serve on.
    """
    from tensorboard import program  # type: ignore[import-untyped]

    _lend_checkpoint_reader()
    board = program.TensorBoard()
    flags = ["tensorboard", "--logdir", logdir, "--host", host]
    board.configure(flags + (["--port", str(port)] if port is not None else []))
    return board


def _lend_checkpoint_reader() -> None:
    """Have the projector read checkpoints with Reflow: without TensorFlow it would read none."""
    from tensorboard.compat import tf  # type: ignore[import-untyped]
    from tensorboard.plugins.projector import projector_plugin  # type: ignore[import-untyped]

    if tf.__version__ != STUB:
        return
    train = SimpleNamespace(latest_checkpoint=latest_checkpoint, load_checkpoint=load_checkpoint)
    projector_plugin.tf = SimpleNamespace(__version__=versions.VERSION, io=tf.io, errors=errors, train=train)
