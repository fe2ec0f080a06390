"""Elements kept or made ahead of time: prefetch, cache; and errors passed over."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator

from reflow.base import errors
from reflow.base.pipeline.core import (
    Block,
    Cursor,
    Dataset,
    Element,
    FromIterator,
    Place,
    Run,
    joined,
    only_row,
    part,
    size,
)
from reflow.base.pipeline.shaping import Unary
from reflow.base.pipeline.sources import Slices

SKIPPED = 4096  # elements passed over at a time
AUTOMATIC = 4  # elements made ahead when the program leaves the number to us
PATIENCE = 0.5  # seconds after which an idle thread looks whether it is still wanted


class Prefetch(Unary):
    """The same elements, up to `count` of them made ahead by a thread (-1: a few).

    Blocks are passed on as they are: an input that gives them is cheaper than a thread.
    """

    def __init__(self, source: Dataset, count: int) -> None:
        super().__init__(source)
        if count < -1:
            message = f"buffer_size must be >= 0 or set buffer_size to be -1 for auto-tuning, it is {count}"
            raise errors.InvalidArgumentError(None, None, message)
        self.count = AUTOMATIC if count == -1 else count

    def cursor(self, place: Place) -> Cursor:
        source = self.source.cursor(place.inside("Prefetch"))
        if self.stacks or self.count == 0:
            return source
        return AheadCursor(Ahead(source, self.count, place.run.closed), place.run)

    def length(self) -> int | None:
        return self.source.length()


class Ahead:
    """What a thread that makes up to `count` elements ahead and its reader share. The thread knows nothing
    else, so that a reader that is dropped takes the thread with it.

    Several may share `changed`, which tells of all that happens, and `limit`, how many may work at a time.
    """

    def __init__(
        self,
        source: Cursor,
        count: int,
        closed: threading.Event,
        changed: threading.Condition | None = None,
        limit: threading.Semaphore | None = None,
    ) -> None:
        self.source = source
        self.limit = limit
        self.count = count
        self.closed = closed
        self.ready: deque[tuple[Element | None, BaseException | None]] = deque()
        self.changed = changed or threading.Condition()
        self.dropped = False

    def wanted(self) -> bool:
        return not self.dropped and not self.closed.is_set()

    def work(self) -> None:
        while self._wait_for_room():
            element, error = self._one()
            with self.changed:
                self.ready.append((element, error))
                self.changed.notify_all()
            if isinstance(error, StopIteration):
                return

    def _one(self) -> tuple[Element | None, BaseException | None]:
        """The next element or error."""
        try:
            if self.limit is None:
                return next(self.source), None
            with self.limit:
                return next(self.source), None
        except BaseException as error:
            return None, error

    def _wait_for_room(self) -> bool:
        with self.changed:
            while self.wanted() and len(self.ready) >= self.count:
                self.changed.wait(PATIENCE)
            return self.wanted()

    def drop(self) -> None:
        with self.changed:
            self.dropped = True
            self.changed.notify_all()


class AheadCursor(Cursor):
    """The reader of elements that are made ahead; the work begins when the first is asked for."""

    def __init__(self, ahead: Ahead, run: Run) -> None:
        self._ahead = ahead
        self._run = run
        self._started = False
        self._ended = False

    def start(self) -> None:
        """Begin the work."""
        if not self._started:
            self._started = True
            self._run.start(self._ahead.work, name="reflow-prefetch")

    @property
    def ready(self) -> bool:
        """Whether the next element, or the end, is there."""
        return bool(self._ahead.ready)

    def __next__(self) -> Element:
        if self._ended:
            raise StopIteration
        ahead = self._ahead
        self.start()
        with ahead.changed:
            while not ahead.ready:
                if ahead.closed.is_set():
                    raise errors.CancelledError(None, None, "The iterator was closed")
                ahead.changed.wait(PATIENCE)
            element, error = ahead.ready.popleft()
            ahead.changed.notify_all()
        if error is None:
            return element  # type: ignore[return-value]
        self._ended = isinstance(error, StopIteration)
        raise error

    def __del__(self) -> None:
        self._ahead.drop()


class Cache(Unary):
    """The same elements; the first full pass keeps them for those that follow in the same run."""

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Cache")
        kept = inner.state(_Kept)
        if kept.full is not None:
            return kept.full.cursor(inner)  # type: ignore[no-any-return]
        return _CachingCursor(self.source.cursor(inner), kept)

    def length(self) -> int | None:
        return self.source.length()


class _Kept:
    """What a cache keeps: the whole as a dataset, once a pass has come to the end."""

    full: Dataset | None = None


class _Stored(Dataset):
    def __init__(self, elements: list[Element]) -> None:
        self._elements = elements

    def cursor(self, place: Place) -> Cursor:
        return FromIterator(map(list, self._elements))

    def length(self) -> int:
        return len(self._elements)


class _CachingCursor(Cursor):
    def __init__(self, source: Cursor, kept: _Kept) -> None:
        self._source = source
        self._kept = kept
        self._elements: list[Element] = []
        self._blocks: list[Block] = []

    def __next__(self) -> Element:
        if self._blocks:
            return only_row(self.block(1))
        try:
            element = next(self._source)
        except StopIteration:
            self._kept.full = _Stored(self._elements)
            raise
        self._elements.append(element)
        return list(element)

    def block(self, count: int) -> Block:
        if self._elements:
            return super().block(count)
        try:
            block = self._source.block(count)
        except StopIteration:
            self._kept.full = Slices(joined(self._blocks)) if self._blocks else _Stored([])
            raise
        self._blocks.append([column.copy() for column in block])
        return part(block, 0)


class FileCache(Unary):
    """The same elements; the first full pass writes them to files, from which later passes and runs read.

    `found()` is whether the files are there, `read()` gives the elements in them, and `write(elements)`
    passes the elements on while it writes them.
    """

    stacks = False

    def __init__(
        self,
        source: Dataset,
        found: Callable[[], bool],
        read: Callable[[], Iterator[Element]],
        write: Callable[[Iterator[Element]], Iterator[Element]],
    ) -> None:
        super().__init__(source)
        self._found, self._read, self._write = found, read, write

    def cursor(self, place: Place) -> Cursor:
        if self._found():
            return FromIterator(self._read())
        return FromIterator(self._write(self.source.cursor(place.inside("FileCache"))))


class IgnoreErrors(Unary):
    """The elements that can be made: an error in one drops it."""

    stacks = False

    def cursor(self, place: Place) -> Cursor:
        return _IgnoringCursor(self.source.cursor(place.inside("IgnoreErrors")))


class _IgnoringCursor(Cursor):
    def __init__(self, source: Cursor) -> None:
        self._source = source

    def __next__(self) -> Element:
        while True:
            try:
                return next(self._source)
            except StopIteration:
                raise
            except Exception:
                continue


class Iteration:
    """An iterator of a session: a pass over a dataset that can be begun anew, pulled from any thread.

    `taken` is its position: how many elements, or errors in their place, were pulled in this pass.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._run: Run | None = None
        self._dataset: Dataset | None = None
        self._cursor: Cursor | None = None
        self._ended = False
        self._skipped = 0  # where the next pass is to begin
        self.taken = 0

    @property
    def ready(self) -> bool:
        """Whether a pass has begun."""
        return self._cursor is not None

    def begin(self, dataset: Dataset) -> None:
        """Begin a pass over `dataset`, in place of an older one."""
        run = Run()
        cursor = dataset.cursor(Place(run))
        _skip(cursor, self._skipped, dataset.stacks)
        with self._lock:
            old, self._run, self._cursor, self._ended = self._run, run, cursor, False
            self._dataset, self.taken, self._skipped = dataset, self._skipped, 0
        if old is not None:
            old.close()

    def position(self) -> tuple[int, Dataset]:
        """How many elements were taken in this pass, and the dataset that it goes over."""
        with self._lock:
            assert self._dataset is not None
            return self.taken, self._dataset

    def resume(self, taken: int) -> None:
        """Go to the position `taken`: now, or if no pass has begun, when one does."""
        self._skipped = taken
        if self._dataset is not None:
            self.begin(self._dataset)

    def pull(self) -> Element:
        """The next element. StopIteration at the end, and from then on."""
        with self._lock:
            if self._ended or self._cursor is None:
                raise StopIteration
            try:
                element = next(self._cursor)
            except StopIteration:
                self._ended = True
                raise
            except Exception:
                self.taken += 1
                raise
            self.taken += 1
            return element

    def close(self) -> None:
        """Drop the pass and end its background work."""
        run, self._run, self._cursor, self._dataset = self._run, None, None, None
        if run is not None:
            run.close()

    def __del__(self) -> None:
        self.close()


def _skip(cursor: Cursor, count: int, stacks: bool) -> None:
    """Pass over elements, and errors in their place, as far as there are some."""
    while count > 0:
        try:
            passed = size(cursor.block(min(count, SKIPPED))) if stacks else len([next(cursor)])
        except StopIteration:
            return
        except Exception:
            passed = 1
        count -= passed


def new_place() -> Place:
    """The place of a pipeline that is run once, from outside of any other."""
    return Place(Run())


def first(dataset: Dataset) -> Element:
    """The only element of a dataset. InvalidArgumentError when it has none or several."""
    cursor = dataset.cursor(new_place())
    element = next(cursor, None)
    if element is None:
        raise errors.InvalidArgumentError(None, None, "Dataset was empty.")
    if next(cursor, None) is not None:
        raise errors.InvalidArgumentError(None, None, "Dataset had more than one element.")
    return element
