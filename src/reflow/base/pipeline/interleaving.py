"""Interleaved datasets whose elements are made by threads, each dataset's by one of its own."""

from __future__ import annotations

import threading
from collections import deque

from reflow.base import errors
from reflow.base.pipeline.buffering import PATIENCE, Ahead, AheadCursor
from reflow.base.pipeline.core import Cursor, Dataset, Element, Place
from reflow.base.pipeline.mapping import Function, Interleave, InterleaveCursor


class ParallelInterleave(Interleave):
    """The elements of `cycle` datasets in turn, up to `buffer` of each made ahead, and those of up to
    `staged` datasets that come after them.

    At most `calls` threads work at a time. With `sloppy`, a dataset that has nothing ready is passed over.
    Where threads would not pay, it is the plain interleaving.
    """

    def __init__(
        self,
        source: Dataset,
        function: Function,
        cycle: int,
        block: int,
        calls: int,
        buffer: int,
        staged: int,
        sloppy: bool = False,
    ) -> None:
        super().__init__(source, function, cycle, block)
        self.calls, self.buffer, self.staged, self.sloppy = calls, buffer, staged, sloppy

    def cursor(self, place: Place) -> Cursor:
        if not self.function.makes_slow:
            return super().cursor(place)
        kind = _SloppyCursor if self.sloppy else _ParallelCursor
        return kind(self, place.inside("Interleave"))


class _ParallelCursor(InterleaveCursor):
    def __init__(self, dataset: ParallelInterleave, place: Place) -> None:
        super().__init__(dataset, place)
        self._changed = threading.Condition()
        self._limit = threading.Semaphore(dataset.calls)
        self._buffer, self._ahead = dataset.buffer, dataset.staged
        self._staged: deque[AheadCursor | Exception] = deque()

    def __next__(self) -> Element:
        self._stage()
        return super().__next__()

    def _stage(self) -> None:
        """Open datasets until all places of the cycle, and those after them, have one."""
        wanted = sum(c is None for c in self._open) + self._ahead
        while self._more and len(self._staged) < wanted:
            try:
                cursor = AheadCursor(self._made_ahead(self._next_dataset()), self._place.run)
            except StopIteration:
                return
            except Exception as error:  # it comes when it is the dataset's turn
                self._staged.append(error)
            else:
                cursor.start()
                self._staged.append(cursor)

    def _made_ahead(self, cursor: Cursor) -> Ahead:
        return Ahead(cursor, self._buffer, self._place.run.closed, self._changed, self._limit)

    def _left(self) -> bool:
        return bool(self._staged) or super()._left()

    def _start(self) -> None:
        self._stage()
        if not self._staged:
            self._advance()
            return
        cursor = self._staged.popleft()
        if isinstance(cursor, Exception):
            raise cursor
        self._open[self._at] = cursor


class _SloppyCursor(_ParallelCursor):
    def __next__(self) -> Element:
        while True:
            self._fill()
            at = self._ready_place()
            if at is None:
                raise StopIteration
            if at != self._at:
                self._at, self._taken = at, 0
            current = self._open[at]
            assert current is not None
            try:
                element = next(current)
            except StopIteration:
                self._open[at] = None
                self._advance()
                continue
            self._count()
            return element

    def _fill(self) -> None:
        """Give each free place of the cycle a dataset, as far as there are some."""
        self._stage()
        for at, cursor in enumerate(self._open):
            if cursor is None and self._staged:
                opened = self._staged.popleft()
                if isinstance(opened, Exception):
                    raise opened
                self._open[at] = opened

    def _ready_place(self) -> int | None:
        """The next place of the cycle that has an element, or its end, ready; None when all are empty."""
        count = len(self._open)
        order = [(self._at + i) % count for i in range(count)]
        with self._changed:
            while any(cursor is not None for cursor in self._open):
                for at in order:
                    cursor = self._open[at]
                    if isinstance(cursor, AheadCursor) and cursor.ready:
                        return at
                if self._place.run.closed.is_set():
                    raise errors.CancelledError(None, None, "The iterator was closed")
                self._changed.wait(PATIENCE)
        return None
