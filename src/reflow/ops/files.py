"""Ops on files: reading, writing and finding them."""

from __future__ import annotations

import os
import re
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.durable import reporting
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import Operation, Tensor, emit
from reflow.graph.registry import op
from reflow.ops.string_kernels import flat, texts
from reflow.platform import gfile

_WILDCARD = re.compile(r"[*?\[\\]")


def _path(value: Any, what: str) -> str:
    if np.ndim(value):
        fail(f"Input {what} tensor must be scalar, but had shape: {list(np.shape(value))}")
    return os.fsdecode(np.asarray(value, object).item())


def _read_shape(node: Any) -> TensorShape:
    return node.inputs[0].shape.with_rank(0)  # type: ignore[no-any-return]


def _read(ctx: Any, filename: Any) -> np.ndarray:
    path = _path(filename, "filename")
    with reporting(path), open(path, "rb") as file:
        return np.array(file.read(), object)


@op("ReadFile", shape=_read_shape, host=_read, gradient=None)
def read_file(filename: Any, name: str | None = None) -> Tensor:
    """The whole content of a file, as a scalar string.

    Raises (when run): NotFoundError when there is no such file, and other `tf.errors` of the system.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "greeting")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(tf.write_file(path, "hello"))
    ...     print(sess.run(tf.read_file(path)))
    b'hello'
    """
    return emit("ReadFile", filename, name=name)  # type: ignore[no-any-return]


def _write_shape(node: Any) -> list[Any]:
    for tensor in node.inputs:
        tensor.shape.with_rank(0)
    return []


def _write(ctx: Any, filename: Any, contents: Any) -> None:
    path = _path(filename, "filename")
    if np.ndim(contents):
        fail(f"Contents tensor must be scalar, but had shape: {list(np.shape(contents))}")
    folder = os.path.dirname(path)
    with reporting(path):
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(path, "wb") as file:
            file.write(np.asarray(contents, object).item())


@op("WriteFile", shape=_write_shape, host=_write, gradient=None)
def write_file(filename: Any, contents: Any, name: str | None = None) -> Operation:
    """An operation that writes a scalar string to a file, which is made anew, as are the folders it lacks.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "new", "folder", "greeting")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(tf.write_file(path, "hello"))
    >>> os.path.getsize(path)
    5
    """
    return emit("WriteFile", filename, contents, name=name)  # type: ignore[no-any-return]


def _matching_shape(node: Any) -> TensorShape:
    node.inputs[0].shape.with_rank_at_most(1)
    return shapes.vector(node)


def _matching(ctx: Any, pattern: Any) -> np.ndarray:
    if np.ndim(pattern) > 1:
        fail(f"Input pattern tensor must be scalar or vector, but had shape: {list(np.shape(pattern))}")
    found = [os.fsencode(path) for one in map(os.fsdecode, flat(pattern)) for path in _matches(one)]
    return texts(sorted(found), [len(found)])


def _matches(pattern: str) -> list[str]:
    wildcard = _WILDCARD.search(pattern)
    fixed = os.path.dirname(pattern[: wildcard.start()] if wildcard else pattern) or "."
    if not os.path.isdir(fixed):
        raise errors.NotFoundError(None, None, f"{fixed}; No such file or directory")
    return gfile.Glob(pattern)


@op("MatchingFiles", shape=_matching_shape, host=_matching, gradient=None)
def matching_files(pattern: Any, name: str | None = None) -> Tensor:
    """The names of the files that match a pattern with `*`, `?` and `[...]`, or several such: sorted.

    A file that matches two patterns is there twice.

    Args:
        pattern: a scalar string or a string vector. The wildcards do not match "/".
        name: the name of the operation.

    Raises NotFoundError (when run) if the folder before the first wildcard is not there.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(tf.write_file(os.path.join(folder, "part-0"), ""))
    ...     print([os.path.basename(p) for p in sess.run(tf.matching_files(os.path.join(folder, "part-*")))])
    [b'part-0']
    """
    return emit("MatchingFiles", pattern, name=name)  # type: ignore[no-any-return]
