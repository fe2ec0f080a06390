"""Where in a program the nodes of a graph were made, as TensorFlow's GraphDebugInfo message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.base import protos


def debug_info(operations: Iterable[Any]) -> Any:
    """The message for some operations: for each the lines of the program, innermost first.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     x = tf.constant(1, name="x")
    >>> [entry.key for entry in debug_info(graph.get_operations()).traces]
    ['x@']
    """
    message = protos.GraphDebugInfo()
    files: dict[str, int] = {}
    for op in operations:
        trace = message.traces.add(key=f"{op.name}@").value
        for path, line, function, text in reversed(op.traceback):
            number = files.setdefault(path, len(files))
            trace.file_line_cols.add(file_index=number, line=line, func=function, code=text)
    message.files.extend(files)
    return message
