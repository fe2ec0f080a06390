"""Writing files so that a kill, or a full disk, never leaves half of one where a whole one was."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Callable, Iterator
from typing import Any

from reflow.base import errors

_FAILURES: dict[int, Callable[[Any, Any, str], Exception]] = {
    errno.ENOENT: errors.NotFoundError,
    errno.EEXIST: errors.AlreadyExistsError,
    errno.EACCES: errors.PermissionDeniedError,
    errno.EPERM: errors.PermissionDeniedError,
    errno.EROFS: errors.PermissionDeniedError,
    errno.EISDIR: errors.FailedPreconditionError,
    errno.ENOTDIR: errors.FailedPreconditionError,
    errno.ENOTEMPTY: errors.FailedPreconditionError,
    errno.ENOSPC: errors.ResourceExhaustedError,
    errno.EDQUOT: errors.ResourceExhaustedError,
    errno.EFBIG: errors.ResourceExhaustedError,
}
MAX_TRANSFER = 1 << 30  # bytes that one system call is asked to move


@contextlib.contextmanager
def reporting(path: Any = None) -> Iterator[None]:
    """Turn an OSError into the `tf.errors` exception for it; `path` is named when the error names none."""
    try:
        yield
    except OSError as error:
        kind = _FAILURES.get(error.errno or 0, errors.UnknownError)
        shown = os.fspath(error.filename if error.filename is not None else path or "")
        shown = shown.decode(errors="replace") if isinstance(shown, bytes) else shown
        raise kind(None, None, f"{shown}; {error.strerror}") from error


def write_all(file: int, data: Any) -> None:
    """Write all of `data`, bytes or a flat array of bytes, to a file descriptor."""
    view = memoryview(data)
    while len(view):
        view = view[os.write(file, view[:MAX_TRANSFER]) :]


def begin_transfer(file: int, start: int, size: int) -> None:
    """Have the system begin to put a part of a file on the disk, without waiting for it.

    Else all of it waits for `fsync`, and until then the disk has nothing to do. Where the system cannot,
    nothing happens.
    """
    with contextlib.suppress(AttributeError, OSError):
        os.posix_fadvise(file, start, size, os.POSIX_FADV_DONTNEED)


def sync_folder(path: str) -> None:
    """Make renames in the folder of `path` survive a loss of power, where the system can."""
    with contextlib.suppress(OSError):
        folder = os.open(os.path.dirname(path) or ".", os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def write_file(path: str, data: bytes) -> None:
    """Make the file `path` of `data`, and see it on the disk; a failure leaves nothing behind."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    try:
        write_all(file, data)
        os.fsync(file)
    except BaseException:
        remove(path)
        raise
    finally:
        os.close(file)


def replace_file(path: str, data: bytes) -> None:
    """Make the file at `path` hold `data`: whoever reads it finds the old content or all of the new.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "state")
    >>> replace_file(path, b"one")
    >>> os.listdir(os.path.dirname(path))
    ['state']
    """
    with reporting(path):
        beside = f"{path}.tmp{secrets.token_hex(8)}"
        write_file(beside, data)
        try:
            os.replace(beside, path)
        except BaseException:
            remove(beside)
            raise


def remove(path: str) -> None:
    """Delete a file if it is there and can be deleted."""
    with contextlib.suppress(OSError):
        os.remove(path)
