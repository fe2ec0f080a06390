"""Reading checkpoints without a graph: their variables by name, and waiting for new ones."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator
from typing import Any

from reflow.base import dtypes, protos
from reflow.base.bundle import BundleReader, Checkpoint
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.train.checkpoint_state import latest_checkpoint

_log = logging.getLogger("tensorflow")


class CheckpointReader:
    """The variables of a checkpoint of either version: see `tf.train.NewCheckpointReader`."""

    def __init__(self, filepattern: Any) -> None:
        self._checkpoint: Checkpoint = open_checkpoint(os.fsdecode(filepattern))

    def has_tensor(self, tensor_str: Any) -> bool:
        """Whether there is a variable of that name."""
        return self._checkpoint.has(_text(tensor_str))

    def get_tensor(self, tensor_str: Any) -> Any:
        """A variable's value, an array or a scalar. NotFoundError when there is none of that name."""
        return self._checkpoint.read(_text(tensor_str))[()]

    def get_variable_to_shape_map(self) -> dict[str, list[int]]:
        """The shapes of all variables, by name."""
        return {name: list(self._checkpoint.shape(name)) for name in self._checkpoint.names()}

    def get_variable_to_dtype_map(self) -> dict[str, dtypes.DType]:
        """The types of all variables, by name."""
        return {name: self._checkpoint.dtype(name) for name in self._checkpoint.names()}

    def debug_string(self) -> bytes:
        """Names, types and shapes, one variable (or stored slice) a line."""
        found = self._checkpoint
        if isinstance(found, BundleReader):
            rows = [
                (key, entry.dtype, [d.size for d in entry.shape.dim])
                for key, entry in found.entries()
                if not entry.slices
            ]
        else:
            rows = [
                (n.encode(), found.dtype(n).as_datatype_enum, list(found.shape(n))) for n in found.names()
            ]
        return b"".join(
            key + f" ({_type_name(kind)}) [{','.join(map(str, shape))}]\n".encode()
            for key, kind, shape in rows
        )


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _type_name(number: int) -> str:
    return str(protos.DataType.Name(number))


def NewCheckpointReader(filepattern: Any) -> CheckpointReader:  # noqa: N802 (TF's name)
    """A reader of the checkpoint of that name, of either version.

    Raises NotFoundError when there is none, DataLossError when it is damaged.

    >>> import os, tempfile, reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable([1.0, 2.0], name="v")
    ...     sess.run(v.initializer)
    ...     path = tf.train.Saver().save(sess, os.path.join(tempfile.mkdtemp(), "model"))
    >>> reader = tf.train.NewCheckpointReader(path)
    >>> reader.get_variable_to_shape_map(), reader.get_tensor("v")
    ({'v': [2]}, array([1., 2.], dtype=float32))
    """
    return CheckpointReader(filepattern)


def checkpoint_filename(ckpt_dir_or_file: Any) -> Any:
    """A checkpoint's name; for a folder that of its newest checkpoint, or None."""
    return latest_checkpoint(ckpt_dir_or_file) if os.path.isdir(ckpt_dir_or_file) else ckpt_dir_or_file


def load_checkpoint(ckpt_dir_or_file: Any) -> CheckpointReader:
    """A reader of a checkpoint, or of the newest one of a folder.

    Raises ValueError when the folder has none, else as `NewCheckpointReader`. For an example see there.
    """
    found = checkpoint_filename(ckpt_dir_or_file)
    if found is None:
        raise ValueError(
            f"Couldn't find 'checkpoint' file or checkpoints in given directory {ckpt_dir_or_file}"
        )
    return NewCheckpointReader(found)


def load_variable(ckpt_dir_or_file: Any, name: str) -> Any:
    """The value of a checkpoint's variable as a NumPy array. Raises as `load_checkpoint` and `get_tensor`."""
    return load_checkpoint(ckpt_dir_or_file).get_tensor(name.removesuffix(":0"))


def list_variables(ckpt_dir_or_file: Any) -> list[tuple[str, list[int]]]:
    """The names and shapes of a checkpoint's variables, by name. Raises as `load_checkpoint`."""
    return sorted(load_checkpoint(ckpt_dir_or_file).get_variable_to_shape_map().items())


# Waiting


def wait_for_new_checkpoint(
    checkpoint_dir: str,
    last_checkpoint: str | None = None,
    seconds_to_sleep: float = 1,
    timeout: float | None = None,
) -> str | None:
    """The newest checkpoint of a folder, once it is another than `last_checkpoint`; None at the timeout.

    >>> import tempfile
    >>> print(wait_for_new_checkpoint(tempfile.mkdtemp(), timeout=0))
    None
    """
    _log.info("Waiting for new checkpoint at %s", checkpoint_dir)
    stop = None if timeout is None else time.time() + timeout
    while True:
        found = latest_checkpoint(checkpoint_dir)
        if found is not None and found != last_checkpoint:
            _log.info("Found new checkpoint at %s", found)
            return found
        if stop is not None and time.time() + seconds_to_sleep > stop:
            return None
        time.sleep(seconds_to_sleep)


def checkpoints_iterator(
    checkpoint_dir: str,
    min_interval_secs: float = 0,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Iterator[str]:
    """The checkpoints of a folder as they appear, for a program that evaluates them.

    Args:
        checkpoint_dir: the folder.
        min_interval_secs: at least this much time passes between two.
        timeout: how long to wait for a new one; without end if None.
        timeout_fn: asked at each timeout whether to stop; without it the first timeout stops.

    >>> import tempfile
    >>> list(checkpoints_iterator(tempfile.mkdtemp(), timeout=0))
    []
    """
    last = None
    while True:
        found = wait_for_new_checkpoint(checkpoint_dir, last, timeout=timeout)
        if found is not None:
            start, last = time.time(), found
            yield found
            time.sleep(max(start + min_interval_secs - time.time(), 0))
        elif timeout_fn is None:
            _log.info("Timed-out waiting for a checkpoint.")
            return
        elif timeout_fn():
            return
