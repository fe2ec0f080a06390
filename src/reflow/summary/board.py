"""TensorBoard for a log folder."""

from __future__ import annotations

from typing import Any


def server(logdir: str, port: int | None = None, host: str = "localhost") -> Any:
    """A TensorBoard that is set up for a folder; its `main()` serves until it is interrupted.

    Args:
        logdir: the folder of the event files.
        port: the port; 6006, or the next that is free, when None.
        host: the address to serve on.
    """
    from tensorboard import program  # type: ignore[import-untyped]

    board = program.TensorBoard()
    flags = ["tensorboard", "--logdir", logdir, "--host", host]
    board.configure(flags + (["--port", str(port)] if port is not None else []))
    return board
