"""Readers: what takes file names from a queue and gives the records of the files, one after another."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any

from reflow.base import errors, protos
from reflow.base.durable import reporting
from reflow.base.records import read_records

Record = tuple[bytes, bytes]  # key and value


class Reader:
    """Gives the records of one file after another.

    Args:
        records: the records of one file (or whatever a name in the queue stands for).
        whole: a name is one record, so that there is nothing to note of an unfinished one: the state can be
            saved.
    """

    def __init__(self, records: Callable[[str], Iterator[Record]], whole: bool = False) -> None:
        self._records = records
        self._whole = whole
        self._lock = threading.Lock()
        self._clear()

    def _clear(self) -> None:
        self.started = self.finished = self.produced = 0
        self._name = b""
        self._current: Iterator[Record] | None = None

    def read(self, next_name: Callable[[], bytes], count: int = 1) -> list[Record]:
        """The next records: at least one, at most `count`, all of one file. `next_name` waits for a name."""
        with self._lock:
            while True:
                if self._current is None:
                    self._name = b""
                    self._name = next_name()
                    self._current = self._records(os.fsdecode(self._name))
                    self.started += 1
                found = self._some(count)
                if found:
                    self.produced += len(found)
                    return found

    def _some(self, count: int) -> list[Record]:
        """Up to `count` records of the current file. One that fails is given up."""
        assert self._current is not None
        try:
            found = list(itertools.islice(self._current, count))
        except Exception:
            self._current = None
            raise
        if len(found) < count:
            self._current = None
            self.finished += 1
        return found

    def reset(self) -> None:
        """Begin anew, with the next name."""
        with self._lock:
            self._clear()

    def state(self) -> bytes:
        """The state as bytes. UnimplementedError for readers that may be in the midst of a file."""
        if not self._whole:
            raise errors.UnimplementedError(None, None, "Reader SerializeState")
        with self._lock:
            self._finish_whole()
            message = protos.ReaderBaseState(
                work_started=self.started,
                work_finished=self.finished,
                num_records_produced=self.produced,
                current_work=self._name,
            )
            return message.SerializeToString()  # type: ignore[no-any-return]

    def _finish_whole(self) -> None:
        """A name that is one record is done with when the record is given."""
        if self._current is not None and self.produced == self.started:
            self._current = None
            self.finished += 1

    def counts(self) -> tuple[int, int]:
        """How many records were given, and how many files are finished."""
        with self._lock:
            if self._whole:
                self._finish_whole()
            return self.produced, self.finished

    def restore(self, state: bytes) -> None:
        """Go on from a state. InvalidArgumentError when it is none; UnimplementedError as for `state`."""
        if not self._whole:
            raise errors.UnimplementedError(None, None, "Reader RestoreState")
        message = _parsed(state)
        counts = None if message is None else (message.work_started, message.work_finished)
        if counts is None or counts[0] != counts[1] or min(*counts, message.num_records_produced) < 0:
            raise errors.InvalidArgumentError(None, None, f"Could not parse state for reader: {state!r}")
        with self._lock:
            self._clear()
            self.started, self.finished = counts
            self.produced, self._name = message.num_records_produced, message.current_work


def _parsed(state: bytes) -> Any:
    message = protos.ReaderBaseState()
    try:
        message.ParseFromString(state)
    except Exception as error:
        if type(error).__name__ != "DecodeError":
            raise
        return None
    return message


def whole_file(name: str) -> Iterator[Record]:
    """A file as one record."""
    with reporting(name), open(name, "rb") as file:
        data = file.read()
    yield os.fsencode(name), data


def identity(name: str) -> Iterator[Record]:
    """The name itself."""
    yield os.fsencode(name), os.fsencode(name)


def text_lines(name: str, skip: int) -> Iterator[Record]:
    """The lines of a file without their ends, after the first `skip`; a key is `file:number`, from 1."""
    prefix = os.fsencode(name) + b":"
    with reporting(name):
        file = open(name, "rb")  # noqa: SIM115  (closed by the next line)
    with file:
        for number, line in enumerate(file, start=1):
            if number > skip:
                yield prefix + b"%d" % number, line.removesuffix(b"\n").replace(b"\r", b"")


def tf_records(name: str, compression: str) -> Iterator[Record]:
    """The records of a TFRecord file; a key is `file:offset`."""
    prefix, place = os.fsencode(name) + b":", 0
    for record in read_records(name, compression):
        yield prefix + b"%d" % place, record
        place += len(record) + 16


def fixed_length(name: str, record: int, header: int, footer: int, hop: int) -> Iterator[Record]:
    """Records of `record` bytes, `hop` bytes apart, between a header and a footer; a key is `file:number`."""
    prefix = os.fsencode(name) + b":"
    with reporting(name):
        file = open(name, "rb")  # noqa: SIM115  (closed by the next line)
    with file:
        end = os.fstat(file.fileno()).st_size - footer
        for number, place in enumerate(range(header, end - record + 1, hop)):
            file.seek(place)
            yield prefix + b"%d" % number, file.read(record)
