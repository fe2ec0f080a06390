"""Queues between threads, as the queue ops keep them: tuples of arrays, in and out, waiting where they must.

Whoever takes several elements takes them as they come, and nobody else takes any meanwhile; the same holds
for adding. So a batch may be larger than the queue, and stays in order. Closing lets those finish who already
wait to add, and tells those who wait to take as soon as what they want can no longer come.
"""

from __future__ import annotations

import collections
import heapq
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.base import errors

Element = tuple[Any, ...]


class Contents(NamedTuple):
    """What a queue holds, in its order, whether it is closed, and how many random numbers it has used."""

    elements: list[Element]
    closed: bool
    drawn: int


class Queue:
    """A queue of tuples: first in, first out.

    Args:
        kind: what messages call it.
        capacity: how many elements it holds; -1 for any number.
    """

    drawn = 0  # how many random numbers it has used
    least = 0  # how many elements stay in while the queue is open

    def __init__(self, kind: str, capacity: int) -> None:
        self.kind = kind
        self.name = ""
        self.capacity = capacity
        self.closed = False
        self._items: collections.deque[Element] = collections.deque()
        self._changed = threading.Condition(threading.Lock())
        self._adding, self._taking = threading.Lock(), threading.Lock()  # one of each kind at a time
        self._adders = 0  # that came before the queue was closed and have not finished
        self._cancelled = False
        self._ended = False  # its session is closed

    def __len__(self) -> int:
        return len(self._items)

    # Saving

    def contents(self) -> Contents | None:
        """What is in the queue; None while somebody is adding or taking, which nothing could bring back."""
        with self._changed:
            if self._adders or self._adding.locked() or self._taking.locked():
                return None
            return Contents(self._in_order(), self.closed, self.drawn)

    def restore(self, contents: Contents) -> None:
        """Hold what another queue of this kind held. Nobody may use the queue meanwhile."""
        with self._changed:
            self._clear(contents.drawn)
            for element in contents.elements:
                self.put(element)
            self.closed = contents.closed
            self._changed.notify_all()

    def _in_order(self) -> list[Element]:
        return list(self._items)

    def _clear(self, drawn: int) -> None:
        self._items.clear()

    # What kinds of queues do in their own way

    def put(self, element: Element) -> None:
        self._items.append(element)

    def take(self) -> Element:
        return self._items.popleft()

    def put_back(self, elements: list[Element]) -> None:
        self._items.extendleft(reversed(elements))

    # Adding

    def add(self, elements: Sequence[Element]) -> None:
        """Add elements, waiting for room. CancelledError when the queue is closed, or closed meanwhile with
        all that wait told to give up.
        """
        with self._changed:
            if self.closed:
                raise self._error(errors.CancelledError, "is closed.")
            self._adders += 1
        try:
            with self._adding:
                for element in elements:
                    self._add_one(element)
        finally:
            with self._changed:
                self._adders -= 1
                self._changed.notify_all()

    def _add_one(self, element: Element) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self.capacity < 0 or len(self) < self.capacity)
            if self._cancelled:
                raise errors.CancelledError(None, None, "Enqueue operation was cancelled")
            self.put(element)
            self._changed.notify_all()

    # Taking

    def remove(self, count: int, fewer: bool = False) -> list[Element]:
        """Take `count` elements, waiting for them; what is left if the queue is closed and `fewer` will do.

        OutOfRangeError when the queue is closed and has not enough. CancelledError when the session ends.
        """
        if not count:
            return []
        found: list[Element] = []
        with self._taking:
            while len(found) < count:
                with self._changed:
                    self._changed.wait_for(lambda: self._ended or self._available() or self._exhausted())
                    if self._ended:
                        raise errors.CancelledError(None, None, "Dequeue operation was cancelled")
                    if not self._available():
                        return self._left(found, count, fewer)
                    found.append(self.take())
                    self._changed.notify_all()
        return found

    def _available(self) -> bool:
        return len(self) > (0 if self._exhausted() else self.least)

    def _exhausted(self) -> bool:
        """Whether nothing more can come."""
        return self.closed and not self._adders

    def _left(self, found: list[Element], count: int, fewer: bool) -> list[Element]:
        """What is taken from an exhausted queue; all of it goes back when it is not enough."""
        if found and fewer:
            return found
        self.put_back(found)
        raise self._error(
            errors.OutOfRangeError,
            f"is closed and has insufficient elements (requested {count}, current size {len(self)})",
        )

    # Closing

    def shut(self, cancel_pending: bool) -> None:
        """Let no more elements in. CancelledError when the queue is closed already."""
        with self._changed:
            if self.closed and not (cancel_pending and self._adders):
                raise errors.CancelledError(None, None, f"Queue '{self.name}' is already closed.")
            self.closed = True
            self._cancelled = self._cancelled or cancel_pending
            self._changed.notify_all()

    def close(self) -> None:
        """End everything that waits: the session is closed."""
        with self._changed:
            self.closed = self._cancelled = self._ended = True
            self._changed.notify_all()

    def _error(self, kind: Callable[..., errors.OpError], text: str) -> errors.OpError:
        return kind(None, None, f"{self.kind} '{self.name}' {text}")


class ShuffleQueue(Queue):
    """A queue that gives any of its elements, of which `least` stay in to choose from while it is open.

    `draws` makes an iterator of random numbers, 32 bits each.
    """

    def __init__(self, kind: str, capacity: int, least: int, draws: Callable[[], Iterator[int]]) -> None:
        super().__init__(kind, capacity)
        self.least = least
        self._start = draws
        self._draws = draws()

    def _clear(self, drawn: int) -> None:
        super()._clear(drawn)
        self._draws, self.drawn = self._start(), drawn
        collections.deque(itertools.islice(self._draws, drawn), maxlen=0)

    def take(self) -> Element:
        self.drawn += 1
        place = next(self._draws) % len(self._items)
        element, last = self._items[place], self._items.pop()
        if place < len(self._items):
            self._items[place] = last
        return element

    def put_back(self, elements: list[Element]) -> None:
        self._items.extend(elements)


class PriorityQueue(Queue):
    """A queue that gives the element whose first component is least; of several such, the first that came."""

    def __init__(self, kind: str, capacity: int) -> None:
        super().__init__(kind, capacity)
        self._heap: list[tuple[int, int, Element]] = []
        self._numbers = itertools.count()

    def __len__(self) -> int:
        return len(self._heap)

    def put(self, element: Element) -> None:
        heapq.heappush(self._heap, (int(element[0]), next(self._numbers), element))

    def take(self) -> Element:
        return heapq.heappop(self._heap)[2]

    def put_back(self, elements: list[Element]) -> None:
        for element in elements:
            self.put(element)

    def _in_order(self) -> list[Element]:
        return [element for _, _, element in sorted(self._heap, key=lambda row: row[:2])]

    def _clear(self, drawn: int) -> None:
        self._heap.clear()


def stacked(arrays: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays as one batch; those that are smaller than others are filled up with zeros or empty strings."""
    shapes = {array.shape for array in arrays}
    if len(shapes) == 1:
        return np.stack(arrays)
    largest = np.max([array.shape for array in arrays], axis=0)
    filler: Any = b"" if arrays[0].dtype == object else 0
    batch = np.full((len(arrays), *largest), filler, arrays[0].dtype)
    for row, array in zip(batch, arrays, strict=True):
        row[tuple(map(slice, array.shape))] = array
    return batch
