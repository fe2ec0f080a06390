"""`tf.resource_loader`: files that lie beside the calling module."""

from __future__ import annotations

import os
import sys


def get_data_files_path() -> str:
    """The folder of the file that calls.

    >>> import os
    >>> isinstance(get_data_files_path(), str)
    True
    """
    return os.path.dirname(sys._getframe(1).f_code.co_filename)


def get_path_to_datafile(path: str) -> str:
    """`path`, taken relative to the folder of the file that calls."""
    return os.path.join(os.path.dirname(sys._getframe(1).f_code.co_filename), path)


def load_resource(path: str) -> bytes:
    """The bytes of the file at `path`, relative to the folder of the file that calls."""
    with open(os.path.join(os.path.dirname(sys._getframe(1).f_code.co_filename), path), "rb") as file:
        return file.read()


def readahead_file_path(path: str, readahead: str = "128M") -> str:
    """`path` as it is: files are local, and the system reads ahead by itself."""
    return path
