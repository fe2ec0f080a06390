"""Readers of files whose names come from a queue: `tf.TFRecordReader` and its kin."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import numpy as np

from reflow.base import readers
from reflow.base.readers import Reader
from reflow.base.shape import TensorShape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import Operation, Tensor, emit
from reflow.graph.registry import register
from reflow.ops.queues import QueueBase, queue_of
from reflow.ops.string_kernels import texts
from reflow.platform.tf_record import TFRecordOptions

# The ops


def _text_lines(attrs: dict[str, Any]) -> Reader:
    return Reader(functools.partial(readers.text_lines, skip=attrs["skip_header_lines"]))


def _fixed_length(attrs: dict[str, Any]) -> Reader:
    record, hop = attrs["record_bytes"], attrs["hop_bytes"]
    sizes = {"header": attrs["header_bytes"], "footer": attrs["footer_bytes"], "hop": hop or record}
    if attrs.get("encoding"):
        raise NotImplementedError(f"FixedLengthRecordReader: encoding {attrs['encoding']!r} is not supported")
    return Reader(functools.partial(readers.fixed_length, record=record, **sizes))


def _tf_records(attrs: dict[str, Any]) -> Reader:
    return Reader(functools.partial(readers.tf_records, compression=attrs["compression_type"]))


for _type, _make in {
    "WholeFileReaderV2": lambda attrs: Reader(readers.whole_file, whole=True),
    "IdentityReaderV2": lambda attrs: Reader(readers.identity, whole=True),
    "TextLineReaderV2": _text_lines,
    "TFRecordReaderV2": _tf_records,
    "FixedLengthRecordReaderV2": _fixed_length,
}.items():
    register(_type, shape=shapes.scalar, slot=_make, gradient=None)


def _reader(ctx: Any, reader: Any) -> Reader:
    if not isinstance(reader, Reader):
        fail(f"{ctx.node.name} needs a reader, got {type(reader).__name__}")
    return reader  # type: ignore[no-any-return]


def _records(ctx: Any, reader: Any, queue: Any, count: int) -> list[readers.Record]:
    names = queue_of(ctx, queue, position=1)

    def next_name() -> bytes:
        ((name, *_),) = names.remove(1)
        return np.asarray(name, object).item()  # type: ignore[no-any-return]

    return _reader(ctx, reader).read(next_name, count)


def _read(ctx: Any, reader: Any, queue: Any) -> tuple[np.ndarray, np.ndarray]:
    ((key, value),) = _records(ctx, reader, queue, 1)
    return texts([key], ()), texts([value], ())


def _read_up_to(ctx: Any, reader: Any, queue: Any, count: Any) -> tuple[np.ndarray, np.ndarray]:
    if int(count) < 1:
        fail(f"num_records must be positive, got {int(count)}")
    found = _records(ctx, reader, queue, int(count))
    keys, values = zip(*found, strict=True)
    return texts(keys, [len(found)]), texts(values, [len(found)])


def _produced(ctx: Any, reader: Any) -> np.ndarray:
    return np.array(_reader(ctx, reader).counts()[0], np.int64)


def _completed(ctx: Any, reader: Any) -> np.ndarray:
    return np.array(_reader(ctx, reader).counts()[1], np.int64)


def _serialize(ctx: Any, reader: Any) -> np.ndarray:
    return texts([_reader(ctx, reader).state()], ())


def _restore(ctx: Any, reader: Any, state: Any) -> tuple[()]:
    _reader(ctx, reader).restore(np.asarray(state, object).item())
    return ()


def _reset(ctx: Any, reader: Any) -> tuple[()]:
    _reader(ctx, reader).reset()
    return ()


def _two_scalars(node: Any) -> list[TensorShape]:
    return [TensorShape(())] * 2


def _two_vectors(node: Any) -> list[TensorShape]:
    return [TensorShape((None,))] * 2


for _type, _kernel, _shape in (
    ("ReaderReadV2", _read, _two_scalars),
    ("ReaderReadUpToV2", _read_up_to, _two_vectors),
    ("ReaderNumRecordsProducedV2", _produced, shapes.scalar),
    ("ReaderNumWorkUnitsCompletedV2", _completed, shapes.scalar),
    ("ReaderSerializeStateV2", _serialize, shapes.scalar),
    ("ReaderRestoreStateV2", _restore, shapes.no_outputs),
    ("ReaderResetV2", _reset, shapes.no_outputs),
):
    register(_type, shape=_shape, host=_kernel, gradient=None)


# Public


class KeyAndValue(NamedTuple):
    """What a reader gives: where the record is from, and the record."""

    key: Tensor
    value: Tensor


class KeysAndValues(NamedTuple):
    """Several of them."""

    keys: Tensor
    values: Tensor


class ReaderBase:
    """What all readers can do; `tf.TFRecordReader` and the others make one.

    Args:
        reader_ref: the handle, a tensor.
        supports_serialize: the state of the reader can be saved.
    """

    def __init__(self, reader_ref: Tensor, supports_serialize: bool = False) -> None:
        self._reader_ref = reader_ref
        self._supports_serialize = supports_serialize

    @property
    def reader_ref(self) -> Tensor:
        """The handle, a tensor."""
        return self._reader_ref

    def read(self, queue: Any, name: str | None = None) -> KeyAndValue:
        """The next record, as two scalar strings: its key and its value.

        Args:
            queue: the queue of file names, or its handle. When a file ends, the next name is taken from it.
            name: the name of the operation.

        Running it raises OutOfRangeError when the last file has ended and the queue is closed and empty.
        """
        return KeyAndValue(*emit("ReaderReadV2", self._reader_ref, _handle(queue), name=name))

    def read_up_to(self, queue: Any, num_records: Any, name: str | None = None) -> KeysAndValues:
        """The next records of one file, at least one and at most `num_records`, as two string vectors."""
        found = emit("ReaderReadUpToV2", self._reader_ref, _handle(queue), num_records, name=name)
        return KeysAndValues(*found)

    def num_records_produced(self, name: str | None = None) -> Tensor:
        """How many records were given, an int64."""
        return emit("ReaderNumRecordsProducedV2", self._reader_ref, name=name)  # type: ignore[no-any-return]

    def num_work_units_completed(self, name: str | None = None) -> Tensor:
        """How many files are finished, an int64."""
        return emit("ReaderNumWorkUnitsCompletedV2", self._reader_ref, name=name)  # type: ignore[no-any-return]

    def serialize_state(self, name: str | None = None) -> Tensor:
        """The state of the reader as a string. Most readers raise UnimplementedError when it is run."""
        return emit("ReaderSerializeStateV2", self._reader_ref, name=name)  # type: ignore[no-any-return]

    def restore_state(self, state: Any, name: str | None = None) -> Operation:
        """The operation that goes back to a state that `serialize_state` gave."""
        return emit("ReaderRestoreStateV2", self._reader_ref, state, name=name)  # type: ignore[no-any-return]

    @property
    def supports_serialize(self) -> bool:
        """Whether the state of the reader can be saved."""
        return self._supports_serialize

    def reset(self, name: str | None = None) -> Operation:
        """The operation that makes the reader begin anew, with the next name of the queue."""
        return emit("ReaderResetV2", self._reader_ref, name=name)  # type: ignore[no-any-return]


def _handle(queue: Any) -> Tensor:
    return queue.queue_ref if isinstance(queue, QueueBase) else queue


class WholeFileReader(ReaderBase):
    """A reader that gives each file as one record, whose key is the file's name."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(emit("WholeFileReaderV2", name=name), supports_serialize=True)


class IdentityReader(ReaderBase):
    """A reader that gives the names themselves, as keys and as values."""

    def __init__(self, name: str | None = None) -> None:
        super().__init__(emit("IdentityReaderV2", name=name), supports_serialize=True)


class TextLineReader(ReaderBase):
    """A reader that gives lines without their ends, with keys `file:number`.

    Args:
        skip_header_lines: how many lines to leave out at the beginning of each file.
        name: the name of the operation.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "lines")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     queue = tf.FIFOQueue(1, tf.string, [[]])
    ...     _, line = tf.TextLineReader(skip_header_lines=1).read(queue)
    ...     sess.run(tf.write_file(path, "a,b\\n1,2\\n"))
    ...     sess.run(queue.enqueue(path))
    ...     print(sess.run(line))
    b'1,2'
    """

    def __init__(self, skip_header_lines: int | None = None, name: str | None = None) -> None:
        super().__init__(emit("TextLineReaderV2", skip_header_lines=skip_header_lines, name=name))


class FixedLengthRecordReader(ReaderBase):
    """A reader that gives pieces of one length, with keys `file:number`.

    Args:
        record_bytes: the length.
        header_bytes, footer_bytes: how many bytes to leave out at the beginning and the end of each file.
        hop_bytes: how far one piece begins after another; `record_bytes` by default.
        name: the name of the operation.
        encoding: must be empty: compressed files are not supported.
    """

    def __init__(
        self,
        record_bytes: int,
        header_bytes: int | None = None,
        footer_bytes: int | None = None,
        hop_bytes: int | None = None,
        name: str | None = None,
        encoding: str | None = None,
    ) -> None:
        if encoding:
            raise NotImplementedError(f"FixedLengthRecordReader: encoding {encoding!r} is not supported")
        handle = emit(
            "FixedLengthRecordReaderV2",
            record_bytes=record_bytes,
            header_bytes=header_bytes,
            footer_bytes=footer_bytes,
            hop_bytes=hop_bytes,
            encoding=encoding,
            name=name,
        )
        super().__init__(handle)


class TFRecordReader(ReaderBase):
    """A reader that gives the records of TFRecord files, with keys `file:offset`.

    Args:
        name: the name of the operation.
        options: a `TFRecordOptions`, which says how the files are compressed.
    """

    def __init__(self, name: str | None = None, options: Any = None) -> None:
        compression = TFRecordOptions.get_compression_type_string(options)
        super().__init__(emit("TFRecordReaderV2", compression_type=compression, name=name))
