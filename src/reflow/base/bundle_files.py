"""The files of a checkpoint of version 2, and how new ones take the place of old ones.

A checkpoint `model` is `model.index` and the shards `model.data-00000-of-00001` and so on. Several files
cannot be renamed at once, so a new checkpoint is first made whole beside the old one, under names that end
in `.next`, its index last. From the moment that `model.index.next` is there, it is the checkpoint: readers
prefer it, and take each shard by its `.next` name if it still has that. Then the shards are renamed, and
last the index. Whoever saves next to the same name first finishes renames that a kill has cut off.
"""

from __future__ import annotations

import contextlib
import glob
import os

from reflow.base.durable import remove, sync_folder, write_file

NEXT = ".next"


def index_name(prefix: str) -> str:
    """The path of a checkpoint's index."""
    return f"{prefix}.index"


def shard_name(prefix: str, shard: int, shards: int) -> str:
    """The path of a checkpoint's shard.

    >>> shard_name("model", 0, 2)
    'model.data-00000-of-00002'
    """
    return f"{prefix}.data-{shard:05d}-of-{shards:05d}"


def current_index(prefix: str) -> str | None:
    """The path of the index to be read; None when there is no checkpoint.

    An index whose renames are not finished counts, unless another program has written a newer one since.
    """
    index, following = index_name(prefix), index_name(prefix) + NEXT
    ages = []
    for path in (following, index):
        try:
            ages.append(os.stat(path).st_mtime_ns)
        except OSError:
            ages.append(-1)
    if max(ages) < 0:
        return None
    return following if ages[0] >= ages[1] else index


def open_shard(prefix: str, shard: int, shards: int, following: bool) -> int:
    """A file descriptor of a shard; by its `.next` name if it has it and the index is such a one."""
    path = shard_name(prefix, shard, shards)
    if following:
        with contextlib.suppress(FileNotFoundError):
            return os.open(path + NEXT, os.O_RDONLY)
    return os.open(path, os.O_RDONLY)


def commit(prefix: str, index: bytes, shards: int) -> None:
    """Make the shards that are there under their `.next` names, and `index`, the checkpoint."""
    following = index_name(prefix) + NEXT
    beside = following + ".tmp"
    write_file(beside, index)
    try:
        os.replace(beside, following)
    except BaseException:
        remove(beside)
        raise
    sync_folder(prefix)
    finish_renames(prefix, shards)


def finish_renames(prefix: str, shards: int) -> None:
    """Give the parts of a complete new checkpoint their own names."""
    for shard in range(shards):
        path = shard_name(prefix, shard, shards)
        with contextlib.suppress(FileNotFoundError):
            os.replace(path + NEXT, path)
    os.replace(index_name(prefix) + NEXT, index_name(prefix))


def discard(prefix: str) -> None:
    """Delete what an unfinished save has left: parts of a checkpoint that has no index."""
    remove(index_name(prefix) + NEXT)
    remove(index_name(prefix) + NEXT + ".tmp")
    for path in glob.glob(glob.escape(prefix) + ".data-?????-of-?????" + NEXT):
        remove(path)
