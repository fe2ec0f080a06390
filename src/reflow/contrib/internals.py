"""Small parts of `tensorflow.python` that programs import although they are no public API."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from reflow.base import dtypes
from reflow.graph import scopes
from reflow.graph.composite import IndexedSlices, SparseTensor
from reflow.graph.graph import Tensor
from reflow.model.layers.sizes import convolved_size
from reflow.model.variable_common import BaseVariable
from reflow.ops.casting import cast
from reflow.summary.event_file import EventsFile


def uid() -> int:
    """A number that this process has not given before.

    >>> uid() != uid()
    True
    """
    return scopes.process.next_number()


def enabled() -> bool:
    """`tensorflow.python.tf2.enabled`: False."""
    return False


def control_flow_v2_enabled() -> bool:
    """False: conditionals are made of Switch and Merge nodes."""
    return False


def is_tensor(x: Any) -> bool:
    """Whether `x` is a tensor, a variable, a SparseTensor or IndexedSlices.

    >>> import reflow as tf
    >>> tf.is_tensor(tf.constant(1)), tf.is_tensor(1)
    (True, False)
    """
    return isinstance(x, (Tensor, BaseVariable, SparseTensor, IndexedSlices))


def conv_output_length(
    input_length: int | None, filter_size: int, padding: str, stride: int, dilation: int = 1
) -> int | None:
    """The size of an axis after a convolution with "same", "valid" or "full" padding.

    >>> conv_output_length(28, 5, "valid", 2), conv_output_length(28, 5, "same", 2)
    (12, 14)
    """
    if padding not in ("same", "valid", "full"):
        raise ValueError(f'padding must be one of "same", "valid", "full"; it is {padding!r}')
    if input_length is not None and padding == "full":
        input_length += 2 * (filter_size - 1) * dilation
    word = "same" if padding == "same" else "valid"
    return convolved_size(input_length, filter_size, word, stride, dilation)  # type: ignore[no-any-return]


def as_indexed_slices_list(inputs: Sequence[Any], optimize: bool = True) -> list[IndexedSlices]:
    """Slices whose indices have one type: int64 if any have."""
    slices = list(inputs)
    if any(not isinstance(s, IndexedSlices) for s in slices):
        raise TypeError("_as_indexed_slices_list takes IndexedSlices only")
    if len({s.indices.dtype for s in slices}) < 2:
        return slices
    return [
        IndexedSlices(s.values, cast(s.indices, dtypes.int64), s.dense_shape)
        if s.indices.dtype == dtypes.int32
        else s
        for s in slices
    ]


def containing_while_context(ctxt: Any, stop_ctxt: Any = None) -> None:
    """None: Reflow's graphs have no while contexts."""
    return


def containing_xla_context(ctxt: Any) -> None:
    """None: Reflow's graphs have no contexts of XLA; all of a graph is compiled by it."""
    return


def in_xla_context(graph: Any) -> bool:
    """False: see `containing_xla_context`."""
    return False


class EventsWriter:
    """Writes Event messages to `<file_prefix>.out.tfevents.<seconds>.<host>`.

    >>> import tempfile, reflow as tf
    >>> from reflow.python.pywrap_tensorflow import EventsWriter
    >>> writer = EventsWriter((tempfile.mkdtemp() + "/events").encode())
    >>> writer.WriteEvent(tf.Event(step=7))
    >>> writer.Close()
    >>> [e.step for e in tf.train.summary_iterator(writer.FileName().decode())]
    [0, 7]
    """

    def __init__(self, file_prefix: Any) -> None:
        self._folder, self._prefix = os.path.split(os.fsdecode(file_prefix))
        self._suffix = ""
        self._file: EventsFile | None = None

    def InitWithSuffix(self, suffix: str) -> None:
        """Let the file's name end in `suffix`."""
        self._suffix = suffix

    def _opened(self) -> EventsFile:
        if self._file is None:
            self._file = EventsFile(self._folder or ".", self._suffix, self._prefix)
            self._file.open()
        return self._file

    def FileName(self) -> bytes:
        """The path of the file, which is made if it is not there."""
        return os.fsencode(self._opened().path)

    def WriteEvent(self, event: Any) -> None:
        """Write one Event message."""
        self._opened().pending.append(event.SerializeToString())

    def Flush(self) -> None:
        """Put what was written in the file."""
        self._opened().drain()
        self._opened().check()

    def Close(self) -> None:
        """Flush, and close the file."""
        self._opened().close()
