"""Local files behind TensorFlow's file interface (`tf.gfile`, `tf.io.gfile`).

Failures are `tf.errors`: NotFoundError, AlreadyExistsError, PermissionDeniedError, FailedPreconditionError.
"""

from __future__ import annotations

import errno
import glob as python_glob
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, BinaryIO, NamedTuple

from reflow.base import errors
from reflow.base.durable import reporting as _errors
from reflow.platform.compat import as_bytes

MODES = ("r", "w", "a", "r+", "w+", "a+")


class FileStatistics(NamedTuple):
    """What `tf.gfile.Stat` tells: bytes, time of the last change in nanoseconds, whether it is a folder."""

    length: int
    mtime_nsec: int
    is_directory: bool


class GFile:
    """A local file, opened when it is first read or written.

    Args:
      name: the path, str or path object.
      mode: "r", "w", "a", "r+", "w+" or "a+", each also with "b": bytes are then read instead of str.

    Raises:
      InvalidArgumentError: for another mode.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "greeting.txt")
    >>> with GFile(path, "w") as f:
    ...     f.write("hello\\nworld\\n")
    >>> GFile(path).read()
    'hello\\nworld\\n'
    >>> [line for line in GFile(path, "rb")]
    [b'hello\\n', b'world\\n']
    """

    def __init__(self, name: Any, mode: str = "r") -> None:
        self._name = os.fspath(name)
        self._mode = mode
        self._binary = "b" in mode
        self._plain = mode.replace("b", "")
        if self._plain not in MODES:
            raise errors.InvalidArgumentError(None, None, f"mode is not {' or '.join(map(repr, MODES))}")
        self._file: BinaryIO | None = None

    @property
    def name(self) -> Any:
        """The path."""
        return self._name

    @property
    def mode(self) -> str:
        """The mode that the file was opened in."""
        return self._mode

    def _open(self) -> BinaryIO:
        if self._file is None:
            with _errors():
                mode = self._plain[0] + "b" + self._plain[1:]
                self._file = open(self._name, mode)  # type: ignore[assignment]  # noqa: SIM115  (closed by close)
        return self._file  # type: ignore[return-value]

    def _reader(self) -> BinaryIO:
        if self._plain in ("w", "a"):
            raise errors.PermissionDeniedError(None, None, "File isn't open for reading")
        return self._open()

    def _writer(self) -> BinaryIO:
        if self._plain == "r":
            raise errors.PermissionDeniedError(None, None, "File isn't open for writing")
        return self._open()

    def _decoded(self, data: bytes) -> Any:
        return data if self._binary else data.decode("utf-8")

    def read(self, n: int = -1) -> Any:
        """The next `n` bytes, or all that is left: bytes in a binary mode, else str."""
        with _errors():
            return self._decoded(self._reader().read(n))

    def readline(self) -> Any:
        """The next line with its newline; empty at the end."""
        with _errors():
            return self._decoded(self._reader().readline())

    def readlines(self) -> list[Any]:
        """The lines that are left."""
        return list(self)

    def write(self, file_content: Any) -> None:
        """Write str (as UTF-8) or bytes."""
        with _errors():
            self._writer().write(as_bytes(file_content))

    def seek(self, offset: int | None = None, whence: int = 0, position: int | None = None) -> None:
        """Move to `offset` from the start (`whence` 0), from here (1) or from the end (2)."""
        target = position if offset is None else offset
        if target is None:
            raise TypeError("seek(): offset argument required")
        if whence not in (0, 1, 2):
            raise errors.InvalidArgumentError(
                None, None, f"Invalid whence argument: {whence}. Valid values are 0, 1, or 2."
            )
        self._seek(target, whence)

    def _seek(self, offset: int, whence: int) -> None:
        file = self._reader()
        start = (0, file.tell() if whence == 1 else 0, self.size() if whence == 2 else 0)[whence]
        if start + offset < 0:
            raise errors.InvalidArgumentError(None, None, f"Seeking to a negative position: {start + offset}")
        file.seek(start + offset)

    def seekable(self) -> bool:
        """True: local files are."""
        return True

    def tell(self) -> int:
        """The position in bytes."""
        return self._open().tell()

    def size(self) -> int:
        """The number of bytes in the file."""
        return Stat(self._name).length

    def flush(self) -> None:
        """Hand what was written to the system."""
        if self._file is not None and self._plain != "r":
            self._file.flush()

    def close(self) -> None:
        """Close the file; using it again opens it anew."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> GFile:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_file", None) is not None:
            self.close()

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        line = self.readline()
        if not line:
            raise StopIteration
        return line

    next = __next__


class FastGFile(GFile):
    """The same as `GFile`."""


def Exists(filename: Any) -> bool:
    """Whether there is a file or folder at `filename`.

    >>> Exists("/no/such/file")
    False
    """
    return os.path.exists(filename)


def IsDirectory(dirname: Any) -> bool:
    """Whether `dirname` is a folder."""
    return os.path.isdir(dirname)


def Remove(filename: Any) -> None:
    """Delete a file. NotFoundError if there is none, FailedPreconditionError for a folder."""
    with _errors():
        os.remove(filename)


def MkDir(dirname: Any) -> None:
    """Make a folder; its parent must exist. A folder that is there already is left as it is."""
    if not os.path.isdir(dirname):
        with _errors():
            os.mkdir(dirname)


def MakeDirs(dirname: Any) -> None:
    """Make a folder and the folders above it, as far as they are missing.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "a", "b")
    >>> MakeDirs(path)
    >>> IsDirectory(path)
    True
    """
    with _errors():
        os.makedirs(dirname, exist_ok=True)


def DeleteRecursively(dirname: Any) -> None:
    """Delete a folder with all that is in it, or a file. NotFoundError if there is nothing."""
    with _errors():
        if os.path.isdir(dirname) and not os.path.islink(dirname):
            shutil.rmtree(dirname)
        else:
            os.remove(dirname)


def ListDirectory(dirname: Any) -> list[str]:
    """The names in a folder, sorted. NotFoundError if there is no such folder."""
    if not os.path.isdir(dirname):
        raise errors.NotFoundError(None, None, f"Could not find directory {os.fspath(dirname)}")
    with _errors():
        return sorted(os.listdir(dirname))


def Glob(filename: Any) -> list[str]:
    """The paths that match a pattern, or any of a list of patterns, sorted for each pattern.

    >>> Glob("/no/such/folder/*")
    []
    """
    patterns: Sequence[Any] = filename if isinstance(filename, (list, tuple)) else [filename]
    return [path for p in patterns for path in sorted(python_glob.glob(os.fspath(p), include_hidden=True))]


def _refuse_existing(path: Any, overwrite: bool) -> None:
    if not overwrite and os.path.exists(path):
        raise errors.AlreadyExistsError(None, None, "file already exists")


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file. AlreadyExistsError if `newpath` is there and `overwrite` is False."""
    with _errors():
        if not os.path.exists(oldpath):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(oldpath))
        _refuse_existing(newpath, overwrite)
        shutil.copyfile(oldpath, newpath)


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Rename a file or folder. AlreadyExistsError if `newname` is there and `overwrite` is False."""
    _refuse_existing(newname, overwrite)
    with _errors():
        os.replace(oldname, newname)


def Stat(filename: Any) -> FileStatistics:
    """Length, time of the last change, and whether it is a folder. NotFoundError if there is nothing."""
    with _errors():
        stat = os.stat(filename)
    return FileStatistics(stat.st_size, stat.st_mtime_ns, os.path.isdir(filename))


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Each folder under `top` as (path, folders, files); a folder before its folders if `in_order`."""
    for path, folders, files in os.walk(top, topdown=in_order):
        folders.sort()
        yield path, list(folders), sorted(files)


def walk(
    top: Any, topdown: bool = True, onerror: Callable[[Exception], None] | None = None
) -> Iterator[tuple[str, list[str], list[str]]]:
    """`Walk` under the names of `tf.io.gfile`; `onerror` gets the error when `top` is no folder."""
    if onerror is not None and not os.path.isdir(top):
        onerror(errors.NotFoundError(None, None, f"Could not find directory {os.fspath(top)}"))
    return Walk(top, topdown)


def read_file_to_string(filename: Any, binary_mode: bool = False) -> Any:
    """The whole file, as bytes if `binary_mode`, else as str."""
    with GFile(filename, "rb" if binary_mode else "r") as file:
        return file.read()


def write_string_to_file(filename: Any, file_content: Any) -> None:
    """Make the file hold `file_content`, str or bytes."""
    with GFile(filename, "w") as file:
        file.write(file_content)
