"""Graphs and other messages in files, binary or as text."""

from __future__ import annotations

import os
from typing import Any

from reflow.base import errors
from reflow.base.durable import replace_file, reporting
from reflow.platform import gfile

MAX_SHOWN = 500  # characters of an error of the parser of texts


class DamagedFileError(errors.DataLossError, OSError):
    """A file does not hold the message that it should. An IOError too, which is what TensorFlow raises."""


def write_graph(
    graph_or_graph_def: Any, logdir: str | os.PathLike[str], name: str, as_text: bool = True
) -> str:
    """Write a graph (or any message) to the file `name` in the folder `logdir`; returns its path.

    Args:
        graph_or_graph_def: a `tf.Graph`, or a GraphDef or other message.
        logdir: the folder; it is made if it is missing.
        name: the file's name.
        as_text: write the text form, else the binary one.

    The file is there in full or not at all. Raises the error of the file system.

    >>> import os, tempfile, reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     path = tf.train.write_graph(graph, tempfile.mkdtemp(), "train.pbtxt")
    >>> os.path.basename(path)
    'train.pbtxt'
    """
    message = graph_or_graph_def
    if hasattr(message, "as_graph_def"):
        message = message.as_graph_def()
    folder = os.fspath(logdir)
    if folder and not os.path.isdir(folder):
        gfile.MakeDirs(folder)
    path = os.path.join(folder, name)
    if as_text:
        from google.protobuf import text_format

        replace_file(path, text_format.MessageToString(message).encode())
    else:
        replace_file(path, message.SerializeToString(deterministic=True))
    return path


def read_message(path: str | os.PathLike[str], kind: Any) -> Any:
    """The message in a file, binary or text.

    Raises OSError when there is no such file, and an error that is both DataLossError and OSError when it
    holds no message of that kind.
    """
    from google.protobuf import text_format
    from google.protobuf.message import DecodeError

    if not os.path.exists(path):
        raise OSError(f"File {os.fspath(path)} does not exist.")
    try:
        with reporting(path), open(path, "rb") as file:
            return kind.FromString(file.read())
    except DecodeError as error:
        binary = error
    message = kind()
    try:
        with reporting(path), open(path, encoding="utf-8") as file:
            text_format.MergeLines(file, message)  # a line at a time: the file may be large
    except (text_format.ParseError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedFileError(
            None,
            None,
            f"Cannot parse file {os.fspath(path)}: neither as a binary {kind.DESCRIPTOR.name} ({binary}) nor "
            f"as text: {shortened(error)}",
        ) from None
    return message


def shortened(error: Exception) -> str:
    """What an error says, without most of the line that it shows."""
    text = str(error)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN // 2]} ... {text[-MAX_SHOWN // 2 :]}"
