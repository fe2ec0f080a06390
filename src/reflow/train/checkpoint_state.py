"""The file `checkpoint`, which names a folder's newest checkpoints; finding and deleting checkpoints."""

from __future__ import annotations

import glob
import logging
import os
import re
from collections.abc import Iterable
from typing import Any

from reflow.base import protos
from reflow.base.bundle_files import current_index, discard
from reflow.base.durable import replace_file, reporting
from reflow.train.graph_io import shortened

DEFAULT_NAME = "checkpoint"
V2 = 2  # SaverDef's number of the format with an index
_log = logging.getLogger("tensorflow")


def _relative(path: str, folder: str) -> str:
    """A relative path as seen from `folder`, itself relative."""
    return path if os.path.isabs(path) or os.path.isabs(folder) else os.path.relpath(path, folder)


def generate_checkpoint_state_proto(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Iterable[str] | None = None,
    all_model_checkpoint_timestamps: Iterable[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> Any:
    """What the file `checkpoint` of the folder `save_dir` is to hold: a CheckpointState message.

    Args:
        save_dir: the folder.
        model_checkpoint_path: the newest checkpoint.
        all_model_checkpoint_paths: all that are kept, the oldest first; the newest is added if missing.
        all_model_checkpoint_timestamps: when each was made, in seconds.
        last_preserved_timestamp: when the last one was made that is kept for good.

    Relative paths are made relative to a relative folder. ValueError unless there are as many times as paths.

    >>> print(generate_checkpoint_state_proto("/m", "/m/a").model_checkpoint_path)
    /m/a
    """
    paths = list(all_model_checkpoint_paths or ())
    if not paths or paths[-1] != model_checkpoint_path:
        _log.info("%s is not in all_model_checkpoint_paths. Manually adding it.", model_checkpoint_path)
        paths.append(model_checkpoint_path)
    times = list(all_model_checkpoint_timestamps or ())
    if times and len(times) != len(paths):
        raise ValueError(
            "Checkpoint timestamps, if provided, must match checkpoint paths "
            f"(got paths {paths} and timestamps {times})"
        )
    message = protos.CheckpointState(
        model_checkpoint_path=_relative(model_checkpoint_path, save_dir),
        all_model_checkpoint_paths=[_relative(p, save_dir) for p in paths],
        all_model_checkpoint_timestamps=times,
    )
    if last_preserved_timestamp is not None:
        message.last_preserved_timestamp = last_preserved_timestamp
    return message


def update_checkpoint_state(
    save_dir: str,
    model_checkpoint_path: str,
    all_model_checkpoint_paths: Iterable[str] | None = None,
    latest_filename: str | None = None,
    all_model_checkpoint_timestamps: Iterable[float] | None = None,
    last_preserved_timestamp: float | None = None,
) -> None:
    """Write the file `checkpoint` (or `latest_filename`) of the folder `save_dir`, all of it or nothing.

    The arguments are those of `generate_checkpoint_state_proto`. RuntimeError when the checkpoint itself has
    the file's name.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> update_checkpoint_state(folder, folder + "/model-1")
    >>> get_checkpoint_state(folder).model_checkpoint_path == folder + "/model-1"
    True
    """
    write_state(
        save_dir,
        model_checkpoint_path,
        all_model_checkpoint_paths,
        latest_filename,
        all_model_checkpoint_timestamps=all_model_checkpoint_timestamps,
        last_preserved_timestamp=last_preserved_timestamp,
    )


def write_state(
    save_dir: str,
    newest: str,
    paths: Iterable[str] | None,
    latest_filename: str | None = None,
    save_relative_paths: bool = False,
    **times: Any,
) -> None:
    """`update_checkpoint_state`, with absolute paths made relative if `save_relative_paths`."""
    from google.protobuf import text_format

    shown, listed = newest, list(paths or ())
    if save_relative_paths:
        shown, *listed = (os.path.relpath(p, save_dir) if os.path.isabs(p) else p for p in (newest, *listed))
    message = generate_checkpoint_state_proto(save_dir, shown, listed, **times)
    target = os.path.join(save_dir, latest_filename or DEFAULT_NAME)
    if target == message.model_checkpoint_path:
        raise RuntimeError(
            f"Save path '{newest}' conflicts with path used for checkpoint state. "
            "Please use a different save path."
        )
    replace_file(target, text_format.MessageToString(message).encode())


def get_checkpoint_state(checkpoint_dir: str, latest_filename: str | None = None) -> Any:
    """What the file `checkpoint` of a folder says, with paths joined to the folder; None when there is none.

    A file that cannot be read is told of in the log and ignored. ValueError when it names no checkpoint.

    >>> import tempfile
    >>> print(get_checkpoint_state(tempfile.mkdtemp()))
    None
    """
    from google.protobuf import text_format

    path = os.path.join(checkpoint_dir, latest_filename or DEFAULT_NAME)
    message = protos.CheckpointState()
    try:
        with open(path, encoding="utf-8") as file:
            text_format.MergeLines(file, message)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
        _log.warning("%s: %s", type(error).__name__, shortened(error))
        _log.warning("%s: Checkpoint ignored", path)
        return None
    if not message.model_checkpoint_path:
        raise ValueError(f"Invalid checkpoint state loaded from {checkpoint_dir}")
    message.model_checkpoint_path = os.path.join(checkpoint_dir, message.model_checkpoint_path)
    for i, one in enumerate(message.all_model_checkpoint_paths):
        message.all_model_checkpoint_paths[i] = os.path.join(checkpoint_dir, one)
    return message


def latest_checkpoint(checkpoint_dir: str, latest_filename: str | None = None) -> str | None:
    """The newest checkpoint that a folder's file `checkpoint` names; None when there is none, or it is gone.

    >>> import tempfile
    >>> print(latest_checkpoint(tempfile.mkdtemp()))
    None
    """
    found = get_checkpoint_state(checkpoint_dir, latest_filename)
    if found is None:
        return None
    if files_of(found.model_checkpoint_path):
        return str(found.model_checkpoint_path)
    _log.error("Couldn't match files for checkpoint %s", found.model_checkpoint_path)
    return None


def _matching(pattern: str) -> list[str]:
    """The files of that name, which may be a pattern."""
    return [pattern] if os.path.exists(pattern) else sorted(glob.glob(pattern))


def files_of(prefix: str) -> list[str]:
    """The files by which a checkpoint is known: its index, or for version 1 the files with the tensors."""
    index = current_index(prefix)
    return [index] if index is not None else _matching(prefix + ".index") or _matching(prefix)


def checkpoint_exists(checkpoint_prefix: Any) -> bool:
    """Whether there is a checkpoint of that name, of either version.

    >>> checkpoint_exists("/no/such/model")
    False
    """
    return bool(files_of(os.fsdecode(checkpoint_prefix)))


def get_checkpoint_mtimes(checkpoint_prefixes: Iterable[str]) -> list[float]:
    """When the checkpoints were written, in seconds; those that are gone are left out.

    >>> get_checkpoint_mtimes(["/no/such/model"])
    []
    """
    files = [files_of(prefix) for prefix in checkpoint_prefixes]
    return [os.stat(found[0]).st_mtime for found in files if found]


def meta_graph_filename(checkpoint_filename: str, meta_graph_suffix: str = "meta") -> str:
    """The name of the file with a checkpoint's graph.

    >>> meta_graph_filename("model-5-00001-of-00002")
    'model-5.meta'
    """
    base = re.sub(r"-[\d\?]+-of-\d+$", "", checkpoint_filename)
    return f"{base}.{meta_graph_suffix}"


def remove_checkpoint(
    checkpoint_prefix: str, checkpoint_format_version: int = V2, meta_graph_suffix: str = "meta"
) -> None:
    """Delete a checkpoint's files, as far as they are there, and the file with its graph.

    >>> remove_checkpoint("/no/such/model")
    """
    found = _matching(meta_graph_filename(checkpoint_prefix, meta_graph_suffix))
    if checkpoint_format_version == V2:
        # The index first: a checkpoint without one is none, one without its data would be a damaged one.
        found += _matching(f"{checkpoint_prefix}.index") + _matching(
            f"{checkpoint_prefix}.data-?????-of-?????"
        )
        discard(checkpoint_prefix)
    else:
        found += _matching(checkpoint_prefix)
    for path in found:
        with reporting(path):
            os.remove(path)
