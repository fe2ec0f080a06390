"""TFRecord files as programs see them: `tf.python_io`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import TracebackType
from typing import Any, ClassVar

from reflow.base.records import RecordWriter, read_records
from reflow.platform.compat import as_str_any

_SETTINGS = (
    "flush_mode",
    "input_buffer_size",
    "output_buffer_size",
    "window_bits",
    "compression_level",
    "compression_method",
    "mem_level",
    "compression_strategy",
)


class TFRecordCompressionType:
    """How a file of records is compressed: the older, numbered way to say it."""

    NONE = 0
    ZLIB = 1
    GZIP = 2


class TFRecordOptions:
    """How a file of records is compressed.

    Args:
        compression_type: "", "ZLIB" or "GZIP", or a constant of `TFRecordCompressionType`; None is "".
        flush_mode: how zlib flushes its data while it writes; `zlib.Z_NO_FLUSH` by default.
        input_buffer_size, output_buffer_size: bytes gathered before compressing, and before writing; 256 KiB.
        window_bits, compression_level, compression_method, mem_level, compression_strategy: zlib's
            parameters. All but the first matter to writing only.

    Raises:
        ValueError: there is no such compression.

    >>> options = TFRecordOptions("ZLIB", compression_level=9)
    >>> TFRecordOptions.get_compression_type_string(options)
    'ZLIB'
    """

    compression_type_map: ClassVar[dict[int, str]] = {
        TFRecordCompressionType.ZLIB: "ZLIB",
        TFRecordCompressionType.GZIP: "GZIP",
        TFRecordCompressionType.NONE: "",
    }

    def __init__(
        self,
        compression_type: Any = None,
        flush_mode: int | None = None,
        input_buffer_size: int | None = None,
        output_buffer_size: int | None = None,
        window_bits: int | None = None,
        compression_level: int | None = None,
        compression_method: int | None = None,
        mem_level: int | None = None,
        compression_strategy: int | None = None,
    ) -> None:
        self.get_compression_type_string(compression_type)  # refuses what is none
        self.compression_type = compression_type
        self.flush_mode = flush_mode
        self.input_buffer_size = input_buffer_size
        self.output_buffer_size = output_buffer_size
        self.window_bits = window_bits
        self.compression_level = compression_level
        self.compression_method = compression_method
        self.mem_level = mem_level
        self.compression_strategy = compression_strategy

    @classmethod
    def get_compression_type_string(cls, options: Any) -> str:
        """ "", "ZLIB" or "GZIP": of a TFRecordOptions, a constant of TFRecordCompressionType, such a name,
        or None. ValueError for anything else.

        >>> TFRecordOptions.get_compression_type_string(TFRecordCompressionType.GZIP)
        'GZIP'
        """
        if isinstance(options, TFRecordOptions):
            return cls.get_compression_type_string(options.compression_type)
        if not options:
            return ""
        for number, name in cls.compression_type_map.items():
            if options in (number, name):
                return name
        raise ValueError(f'Not a valid compression_type: "{options}"')

    def _settings(self) -> dict[str, int]:
        """What is given of zlib's settings, as `RecordWriter` takes them."""
        given = {name: getattr(self, name) for name in _SETTINGS}
        return {name: value for name, value in given.items() if value is not None}


class TFRecordWriter:
    """Writes records to a TFRecord file, which is made anew. Use it in a `with` block, or call `close`.

    Args:
        path: the file.
        options: a TFRecordOptions, a constant of TFRecordCompressionType, or "", "ZLIB" or "GZIP".

    Raises:
        ValueError: there is no such compression.
        tf.errors.NotFoundError: the folder is not there; other failures of the system are `tf.errors` too.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "words.tfrecord")
    >>> with TFRecordWriter(path) as writer:
    ...     for word in (b"graph", b"session"):
    ...         writer.write(word)
    >>> list(tf_record_iterator(path))
    [b'graph', b'session']
    """

    def __init__(self, path: Any, options: Any = None) -> None:
        if not isinstance(options, TFRecordOptions):
            options = TFRecordOptions(compression_type=options)
        compression = TFRecordOptions.get_compression_type_string(options)
        self._writer = RecordWriter(as_str_any(os.fspath(path)), compression, **options._settings())

    def write(self, record: bytes) -> None:
        """Write one record of bytes, such as `example.SerializeToString()`; TypeError for other types."""
        self._writer.write(record)

    def flush(self) -> None:
        """Hand what is written to the operating system. FailedPreconditionError once the file is closed."""
        self._writer.flush()

    def close(self) -> None:
        """Write what is left and close the file. A second call does nothing."""
        self._writer.close()

    def __enter__(self) -> TFRecordWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def tf_record_iterator(path: Any, options: Any = None) -> Iterator[bytes]:
    """The records of a TFRecord file, read one after another.

    Args:
        path: the file; it is opened when the first record is asked for.
        options: a TFRecordOptions, a constant of TFRecordCompressionType, or "", "ZLIB" or "GZIP".

    Raises:
        ValueError: there is no such compression.
        tf.errors.NotFoundError: there is no such file.
        tf.errors.DataLossError: a record is corrupted or cut off; the message names file and position.

    >>> import os, tempfile
    >>> path = os.path.join(tempfile.mkdtemp(), "words.tfrecord")
    >>> with TFRecordWriter(path, "GZIP") as writer:
    ...     writer.write(b"graph")
    >>> next(tf_record_iterator(path, "GZIP"))
    b'graph'
    """
    yield from read_records(as_str_any(os.fspath(path)), TFRecordOptions.get_compression_type_string(options))
