"""Datasets and cursors: what can be iterated over, and one iteration of it.

An *element* is a list of component values: NumPy arrays or scalars, bytes objects in object arrays, or host
objects (another dataset, a sparse tensor). A cursor hands out elements one by one, as a Python iterator: an
error in one element does not end it, so that the next pull gives the next element.

A cursor may also hand out a *block*: the components of several elements, each stacked into one array.
Datasets whose elements are cheap to stack say so (`stacks`); `batch` then pulls blocks and never sees an
element. A block holds no more elements than were asked for, so nothing is computed earlier than it would be
one by one.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.base import errors

LAST_WAIT = 2.0  # seconds that the end of the process waits for threads

Element = list[Any]
Block = list[np.ndarray]


class Run:
    """One iterator over a pipeline: what lives as long as it does.

    `states` holds what outlives one pass over a dataset (the seeds of a reshuffle, a cache, a function's own
    state), by the place of the dataset in the pipeline.
    """

    def __init__(self) -> None:
        self.states: dict[Any, Any] = {}
        self.lock = threading.RLock()
        self.closed = threading.Event()
        self._workers: weakref.WeakSet[Workers] = weakref.WeakSet()

    def state(self, key: Any, make: Callable[[], Any]) -> Any:
        """The state kept under `key`, made on first use."""
        with self.lock:
            if key not in self.states:
                self.states[key] = make()
            return self.states[key]

    def workers(self, threads: int) -> Workers:
        """Threads to call functions in, until they or the run are dropped."""
        workers = Workers(threads, self.start)
        with self.lock:
            self._workers.add(workers)
        return workers

    def start(self, work: Callable[..., None], *arguments: Any, name: str) -> None:
        """Start a thread, which must end soon after `closed` is set. It must not hold the run itself."""
        _end_before_the_process()
        Background(work, arguments, name, weakref.ref(self)).start()

    def close(self) -> None:
        """End background work; what a thread is doing at this moment it does to the end."""
        self.closed.set()
        for workers in list(self._workers):
            workers.close()

    def __del__(self) -> None:
        self.close()


class Background(threading.Thread):
    """A thread that works for a run."""

    def __init__(self, work: Callable[..., None], arguments: Any, name: str, run: weakref.ref[Run]) -> None:
        super().__init__(target=work, args=arguments, name=name, daemon=True)
        self.owner = run


@functools.cache
def _end_before_the_process() -> None:
    """Let all threads end before the interpreter does: one that comes back from XLA later would abort it."""
    atexit.register(_end_all)


def _end_all() -> None:
    working = [thread for thread in threading.enumerate() if isinstance(thread, Background)]
    for thread in working:
        owner = thread.owner()
        if owner is not None:
            owner.close()
    end = time.monotonic() + LAST_WAIT
    for thread in working:
        thread.join(max(end - time.monotonic(), 0.0))


class Task:
    """A call that a worker makes."""

    __slots__ = ("_call", "_done", "_error", "_value")

    def __init__(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._call: tuple[Callable[..., Any], tuple[Any, ...]] | None = (call, arguments)
        self._done = threading.Lock()
        self._done.acquire()
        self._value: Any = None
        self._error: BaseException | None = None

    def run(self) -> None:
        """Make the call, and keep what comes of it."""
        made, self._call = self._call, None
        if made is not None:
            try:
                self._value = made[0](*made[1])
            except BaseException as error:
                self._error = error
        self._done.release()

    def cancel(self) -> None:
        """In place of the call: who waits for it gets a CancelledError."""
        self._call = None
        self._error = errors.CancelledError(None, None, "The iterator was closed")
        self._done.release()

    def result(self) -> Any:
        """What the call returned or raised, when it has."""
        self._done.acquire()
        self._done.release()
        if self._error is not None:
            raise self._error
        return self._value


class Workers:
    """Threads that make calls, in the order in which these are handed in.

    The threads know of the calls only, so that they end when nobody needs the workers any more, and the
    process ends without them.
    """

    def __init__(self, count: int, start: Callable[..., None]) -> None:
        """`start(work, *arguments, name=...)` starts a thread."""
        self._start = start
        self._tasks: queue.SimpleQueue[Task | None] = queue.SimpleQueue()
        self._left = count
        self._count = count
        self._closed = False

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Task:
        """Have a call made."""
        task = Task(call, arguments)
        self._tasks.put(task)
        if self._left:
            self._left -= 1
            self._start(_work, self._tasks, name="reflow-map")
        if self._closed:
            self.close()
        return task

    def close(self) -> None:
        """End the threads; calls that have not begun are cancelled."""
        self._closed = True
        with contextlib.suppress(queue.Empty):
            while True:
                task = self._tasks.get_nowait()
                if task is not None:
                    task.cancel()
        for _ in range(self._count):
            self._tasks.put(None)

    def __del__(self) -> None:
        self.close()


def _work(tasks: queue.SimpleQueue[Task | None]) -> None:
    while (task := tasks.get()) is not None:
        task.run()
        del task  # while it waits for the next one, it keeps nothing


class Place:
    """Where in a pipeline a cursor is: the run and the path of datasets from the outermost one."""

    __slots__ = ("path", "run")

    def __init__(self, run: Run, path: tuple[Any, ...] = ()) -> None:
        self.run = run
        self.path = path

    def inside(self, *steps: Any) -> Place:
        """The place of an input."""
        return Place(self.run, (*self.path, *steps))

    def state(self, make: Callable[[], Any]) -> Any:
        """The state of the dataset at this place."""
        return self.run.state(self.path, make)


class Cursor(Iterator[Element]):
    """One pass over a dataset. A subclass gives `__next__`, and `block` if it can do better."""

    def __next__(self) -> Element:
        raise NotImplementedError

    def block(self, count: int) -> Block:
        """The next elements, stacked: at least one and at most `count`. StopIteration at the end."""
        return stacked([next(self)])

    def close(self) -> None:
        """End background work; the cursor is not used any more."""


class Dataset:
    """Something that can be iterated over, any number of times."""

    stacks = False  # whether blocks are cheaper than elements
    shape = ()  # it is passed about as a scalar tensor

    def cursor(self, place: Place) -> Cursor:
        """A new pass over the elements."""
        raise NotImplementedError

    def length(self) -> int | None:
        """The number of elements where it is known without a pass, -1 for endless, None otherwise."""
        return None


class FromIterator(Cursor):
    """A cursor over a Python iterator."""

    def __init__(self, elements: Iterator[Element]) -> None:
        self._elements = elements

    def __next__(self) -> Element:
        return next(self._elements)


def stacked(elements: Sequence[Element]) -> Block:
    """The components of elements, each stacked into one array. ValueError when their shapes differ."""
    return [stack(list(column)) for column in zip(*elements, strict=True)]


def stack(values: list[Any]) -> np.ndarray:
    """Arrays of one shape (or scalars, or host objects) as one array with a new first dimension."""
    first = values[0]
    if isinstance(first, (np.ndarray, np.generic)):
        if first.ndim == 0 and first.dtype != object:
            return np.array(values, first.dtype)
        return _stack_arrays(values, first)
    return objects(values)


def _stack_arrays(values: list[Any], first: Any) -> np.ndarray:
    result = np.empty((len(values), *first.shape), first.dtype)
    for i, value in enumerate(values):
        if value.shape != first.shape:
            raise ValueError(
                f"First element had shape {_text(first)} and element {i} had shape {_text(value)}"
            )
        result[i] = value if first.ndim else value[()]
    return result


def _text(array: Any) -> str:
    return f"[{','.join(map(str, array.shape))}]"


def objects(values: Sequence[Any]) -> np.ndarray:
    """A vector of host objects."""
    result = np.empty(len(values), object)
    for i, value in enumerate(values):
        result[i] = value
    return result


def texts(values: Sequence[bytes]) -> np.ndarray:
    """A vector of byte strings."""
    result = np.empty(len(values), object)
    result[:] = values
    return result


def rows(block: Block) -> list[Element]:
    """The elements of a block."""
    return [list(row) for row in zip(*[_split(column) for column in block], strict=True)]


def _split(column: np.ndarray) -> list[Any]:
    if column.ndim == 1 and column.dtype == object:
        return [scalar(x) for x in column]
    return list(column)


def scalar(value: Any) -> Any:
    """A host value as a 0-d array if it is bytes; others (datasets, sparse tensors) as they are."""
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    return value


def only_row(block: Block) -> Element:
    """The element of a block of one."""
    return [scalar(column[0]) for column in block]


def part(block: Block, start: int, stop: int | None = None) -> Block:
    """Some of the elements of a block."""
    return [column[start:stop] for column in block]


def joined(blocks: Sequence[Block]) -> Block:
    """Blocks one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    return [np.concatenate(columns) for columns in zip(*blocks, strict=True)]


def size(block: Block) -> int:
    """The number of elements in a block."""
    return len(block[0])
