"""The file that TensorBoard reads: a stream of Event messages, written a few at a time.

`EventFileWriter.add_event` appends to a list, which goes to the operating system when `max_queue` events
have gathered or `flush_secs` have passed; a thread sees to the latter when no more events come. When a write
fails, the next call raises the error, once; what comes after it is dropped until `reopen`.
"""

from __future__ import annotations

import collections
import contextlib
import os
import socket
import struct
import threading
import time
import weakref
from typing import Any

from reflow.base import errors
from reflow.base.durable import reporting
from reflow.base.records import RecordWriter
from reflow.ops.summary_wire import EVENT_VERSION, WALL_TIME, field
from reflow.platform import gfile

VERSION = b"brain.Event:2"
BATCH = 10  # events that are written together, when the queue has no limit
DOUBLE = struct.Struct("<d").pack


class EventsFile:
    """An event file that is made when the first event is written, and the events that wait for it."""

    def __init__(self, logdir: str, suffix: str, prefix: str = "events") -> None:
        self.logdir = logdir
        self.prefix = prefix
        self.suffix = suffix
        self.path = ""
        self.pending: collections.deque[bytes] = collections.deque()  # whose methods need no lock
        self.failure: errors.OpError | None = None
        self.failed = False  # and everybody knows
        self._file: RecordWriter | None = None
        self._lock = threading.Lock()  # of the file: events stay in order

    def open(self) -> RecordWriter:
        """Make the file, under a name that no other writer has, and begin it."""
        now = int(time.time())
        host = socket.gethostname()
        while True:
            path = os.path.join(self.logdir, f"{self.prefix}.out.tfevents.{now:010d}.{host}{self.suffix}")
            try:
                with reporting(path):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            except errors.AlreadyExistsError:  # of this second
                now += 1
                continue
            self.path = path
            self._file = RecordWriter(path)
            self._file.write(WALL_TIME + DOUBLE(now) + field(EVENT_VERSION, VERSION))
            return self._file

    def drain(self) -> None:
        """Write what is pending, through to the operating system. A failure is kept for `check`."""
        with self._lock:
            if self.failed or self.failure:
                self.pending.clear()
                return
            batch = [self.pending.popleft() for _ in range(len(self.pending))]
            try:
                self._write(batch)
            except errors.OpError as error:
                self.failure = self._told(error)

    def _write(self, batch: list[bytes]) -> None:
        file = self._file
        if file is None:
            if not batch:
                return
            file = self.open()
        elif not os.path.exists(self.path):
            raise errors.NotFoundError(None, None, "the file has disappeared")
        for event in batch:
            file.write(event)
        file.flush()

    def _told(self, error: errors.OpError) -> errors.OpError:
        where = self.path or os.path.join(self.logdir, "events.out.tfevents.*")
        message = (
            f"Cannot write event file {where}: {error.message}. This writer drops all further events; the "
            "training may go on without them, and reopen() starts a new file."
        )
        return type(error)(None, None, message)  # type: ignore[call-arg]

    def check(self) -> None:
        """Raise the failure of a write that nobody was told of."""
        if self.failure is not None:
            failure, self.failure, self.failed = self.failure, None, True
            raise failure

    def close(self) -> None:
        """Write what is pending and close the file. `check` tells of a failure."""
        self.drain()
        with self._lock:
            file, self._file = self._file, None
            if file is not None:
                with contextlib.suppress(errors.OpError):  # a failed write has been noted
                    file.close()


class _Clock(threading.Thread):
    """Writes the events that have waited for a while, when no new ones come to push them on."""

    def __init__(self, file: EventsFile, seconds: float) -> None:
        super().__init__(name="events file", daemon=True)
        self.file = file
        self.seconds = seconds
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(self.seconds):
            self.file.drain()


class EventFileWriter:
    """Writes Event messages to an event file in a folder.

    Args:
        logdir: the folder, the current one if empty; it is made if it is missing.
        max_queue: how many events may wait to be written.
        flush_secs: how many seconds an event may wait.
        filename_suffix: what the file's name ends in.

    Raises:
        tf.errors.OpError: the folder cannot be made or written to.
    """

    def __init__(
        self, logdir: Any, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str | None = None
    ) -> None:
        self._logdir = os.fsdecode(os.fspath(logdir))
        folder = self._logdir or os.curdir
        gfile.MakeDirs(folder)
        if not os.access(folder, os.W_OK):
            raise errors.PermissionDeniedError(None, None, f"The log folder {folder} is not writable")
        self._batch = max_queue if max_queue > 0 else BATCH
        self._flush_secs = flush_secs
        self._suffix = filename_suffix or ""
        self._start()
        if self._suffix:
            self._file.open()

    def _start(self) -> None:
        self._closed = False
        self._file = EventsFile(self._logdir, self._suffix)
        self._clock: _Clock | None = None
        self._due = 0.0  # the first event is written at once
        self._end = weakref.finalize(self, self._file.close)  # at the latest when Python ends

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self._logdir

    def add_event(self, event: Any) -> None:
        """Add an Event message, or one that is serialized already. Nothing happens after `close`.

        tf.errors.OpError, once, when an earlier event could not be written.
        """
        if self._closed:
            return
        file = self._file
        if file.failure is not None:
            file.check()
        file.pending.append(event if event.__class__ is bytes else event.SerializeToString())
        if len(file.pending) >= self._batch or time.time() >= self._due:
            self._push()

    def _push(self) -> None:
        """Write what waits, here and not in a thread: that would cost more in taking turns than it takes."""
        if self._clock is None:
            self._clock = _Clock(self._file, self._flush_secs)
            self._clock.start()
        self._due = time.time() + self._flush_secs
        self._file.drain()

    def flush(self) -> None:
        """Write all events that were added. tf.errors.OpError, once, when that fails."""
        self._file.drain()
        self._file.check()

    def close(self) -> None:
        """Write all events and close the file. tf.errors.OpError, once, when that fails."""
        if self._closed:
            return
        self._closed = True
        if self._clock is not None:
            self._clock.ended.set()
        self._end()
        self._file.check()

    def reopen(self) -> None:
        """Begin a new file in the same folder; nothing happens if this one is open."""
        if self._closed or self._file.failed:
            self._closed = True
            self._end()
            self._start()
