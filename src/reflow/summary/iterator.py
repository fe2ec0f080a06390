"""Reading event files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from reflow.base import errors, protos
from reflow.base.records import read_records


def summary_iterator(path: Any) -> Iterator[Any]:
    """The events of an event file, in order.

    Args:
        path: the file.

    Raises:
        tf.errors.NotFoundError: there is no such file.
        tf.errors.DataLossError: a record is damaged, is no event or, at the end of the file, is cut off. The
            events before it have been given.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.summary.FileWriter(folder) as writer:
    ...     writer.add_summary(tf.Summary(value=[{"tag": "loss", "simple_value": 0.5}]), 7)
    >>> for event in tf.train.summary_iterator(os.path.join(folder, os.listdir(folder)[0])):
    ...     print(event.step, event.file_version, [value.tag for value in event.summary.value])
    0 brain.Event:2 []
    7  ['loss']
    """
    from google.protobuf.message import DecodeError

    for number, record in enumerate(read_records(os.fspath(path))):
        try:
            event = protos.Event.FromString(record)
        except DecodeError as error:
            raise errors.DataLossError(
                None, None, f"record {number} of {os.fspath(path)} is no event: {error}"
            ) from None
        yield event
