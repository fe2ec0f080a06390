"""Elements in random order, the very order that TensorFlow's shuffle gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import Block, Cursor, Dataset, Element, Place, only_row, size
from reflow.base.pipeline.shaping import Unary

Words = Callable[[int], np.ndarray]  # the next n words of a stream of random 32-bit numbers
Stream = Callable[[int, int], Words]  # the stream of two seeds


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)


class Shuffle(Unary):
    """The elements in random order: each is drawn from a buffer of `size` that is filled up again.

    Without `repeats` one pass over the input is a pass; with it (a fused repetition) the passes follow each
    other without emptying the buffer, though no element comes before those of an earlier pass.
    """

    def __init__(
        self,
        source: Dataset,
        buffer_size: int,
        seeds: tuple[int, int],
        stream: Stream,
        reshuffles: bool = True,
        repeats: int = 1,
    ) -> None:
        super().__init__(source)
        if buffer_size < 1:
            raise _invalid("buffer_size must be greater than zero.")
        self.buffer_size, self.seeds, self.stream = buffer_size, seeds, stream
        self.reshuffles, self.repeats = reshuffles, repeats

    @property
    def fusible(self) -> bool:
        """Whether a repetition of it may become one with it."""
        return self.reshuffles and self.repeats == 1

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Shuffle")
        seeds = self.seeds
        if self.reshuffles:
            draw = inner.state(lambda: self.stream(*self.seeds))
            seeds = (int(draw(1)[0]), int(draw(1)[0]))
        kind = _StackedShuffle if self.stacks else _ShuffleCursor
        return kind(self, self.stream(*seeds), inner)

    def length(self) -> int | None:
        one = self.source.length()
        if self.repeats == 1 or one in (None, -1, 0):
            return one
        return -1 if self.repeats < 0 else self.repeats * one


class _Order:
    """The random order of elements in a ring of `size` places: which row of the storage comes next.

    `enter` notes an element at a row; `draw` chooses one among those of the earliest pass.
    """

    def __init__(self, size: int, words: Words) -> None:
        self._size = size
        self._words = words
        self._ring: list[int] = []  # grows up to `size`
        self.held = 0
        self._passes = [[0, 0]]  # the [start, end) of each pass that has elements in the ring
        self._ready: list[int] = []

    def enter(self, row: int) -> None:
        end = self._passes[-1][1]
        at = end % self._size
        if at == len(self._ring):
            self._ring.append(row)
        else:
            self._ring[at] = row
        self._passes[-1][1] = end + 1
        self.held += 1

    def next_pass(self) -> None:
        end = self._passes[-1][1]
        self._passes.append([end, end])

    def draw(self) -> int:
        while len(self._passes) > 1 and self._passes[0][0] == self._passes[0][1]:
            self._passes.pop(0)
        if not self._ready:
            self._ready = self._words(256)[::-1].tolist()
        first = self._passes[0]
        start = first[0]
        ring, size = self._ring, self._size
        at = (start + self._ready.pop() % (first[1] - start)) % size
        row = ring[at]
        ring[at] = ring[start % size]
        first[0] = start + 1
        self.held -= 1
        return row

    def exchange(self, entering: Sequence[int]) -> list[int]:
        """The rows drawn while, before each draw, one of `entering` comes in: `enter` and `draw` in one."""
        if len(self._passes) > 1 or len(self._ring) < self._size:
            split = len(entering) if len(self._passes) > 1 else 1
            drawn = [self._one(row) for row in entering[:split]]
            return drawn + (self.exchange(entering[split:]) if entering[split:] else [])
        words = self._ready[::-1][: len(entering)]
        del self._ready[len(self._ready) - len(words) :]
        words += self._words(len(entering) - len(words)).tolist() if len(words) < len(entering) else []
        ring, size = self._ring, self._size
        start, end = self._passes[0]
        out = []
        width = end + 1 - start
        for row, word in zip(entering, words, strict=True):
            ring[end % size] = row
            at = (start + word % width) % size
            out.append(ring[at])
            ring[at] = ring[start % size]
            start += 1
            end += 1
        self._passes[0] = [start, end]
        return out

    def _one(self, row: int) -> int:
        self.enter(row)
        return self.draw()


class _Filling:
    """The input of a shuffle, pass after pass."""

    def __init__(self, dataset: Shuffle, place: Place, order: _Order) -> None:
        self._dataset = dataset
        self._place = place
        self._order = order
        self._left = dataset.repeats
        self._current: Cursor | None = dataset.source.cursor(place)
        self._any = False

    def pull(self, pull: Callable[[Cursor], Any]) -> Any:
        """What `pull` gives, of the next pass when one is at its end; None after the last."""
        while self._current is not None:
            try:
                result = pull(self._current)
            except StopIteration:
                self._next_pass()
            else:
                self._any = True
                return result
        return None

    def block(self, count: int) -> Block | None:
        """The next elements, stacked; None after the last."""
        return self.pull(lambda cursor: cursor.block(count))  # type: ignore[no-any-return]

    def _next_pass(self) -> None:
        self._left -= 1
        endless_and_empty = self._left < 0 and not self._any
        if self._left == 0 or endless_and_empty:
            self._current = None
            return
        self._order.next_pass()
        self._current = self._dataset.source.cursor(self._place)


class _ShuffleCursor(Cursor):
    def __init__(self, dataset: Shuffle, words: Words, place: Place) -> None:
        self._size = dataset.buffer_size
        self._order = _Order(self._size, words)
        self._input = _Filling(dataset, place, self._order)
        self._rows: list[Element] = []
        self._free: list[int] = []

    def __next__(self) -> Element:
        order = self._order
        while order.held < self._size:
            element = self._input.pull(next)
            if element is None:
                break
            order.enter(self._store(element))
        if not order.held:
            raise StopIteration
        row = order.draw()
        self._free.append(row)
        element, self._rows[row] = self._rows[row], []
        return element

    def _store(self, element: Element) -> int:
        if self._free:
            row = self._free.pop()
            self._rows[row] = element
            return row
        self._rows.append(element)
        return len(self._rows) - 1


class _StackedShuffle(Cursor):
    """The same over blocks: elements stay where they were put, in large arrays, and rows are drawn."""

    def __init__(self, dataset: Shuffle, words: Words, place: Place) -> None:
        self._size = dataset.buffer_size
        self._order = _Order(self._size, words)
        self._input = _Filling(dataset, place, self._order)
        self._columns: Block = []
        self._room = 0
        self._free: list[int] = []

    def __next__(self) -> Element:
        return only_row(self.block(1))

    def block(self, count: int) -> Block:
        self._fill()
        drawn = self._drawn(count)
        if not drawn:
            raise StopIteration
        result = [column[drawn] for column in self._columns]
        self._free.extend(drawn)
        return result

    def _fill(self) -> None:
        """Fill all places but one, as the next draw's own element comes with it."""
        while self._order.held < self._size - 1:
            wanted = min(self._size - 1 - self._order.held, 1 << 16)
            block = self._input.block(wanted)
            if block is None:
                return
            for row in self._store(block):
                self._order.enter(row)

    def _drawn(self, count: int) -> list[int]:
        drawn: list[int] = []
        while len(drawn) < count:
            wanted = count - len(drawn)
            block = self._input.block(wanted)
            if block is None:
                break
            drawn += self._order.exchange(self._store(block))
        while len(drawn) < count and self._order.held:
            drawn.append(self._order.draw())
        return drawn

    def _store(self, block: Block) -> list[int]:
        """The rows that the elements of a block are put in."""
        count = size(block)
        if len(self._free) < count:
            self._grow(count - len(self._free), block)
        rows = self._free[-count:]
        del self._free[-count:]
        for column, values in zip(self._columns, block, strict=True):
            if column.shape[1:] != values.shape[1:]:
                raise _invalid(f"Elements of shapes {column.shape[1:]} and {values.shape[1:]} in one shuffle")
            column[rows] = values
        return rows

    def _grow(self, missing: int, block: Block) -> None:
        room = max(self._room + missing, min(2 * self._room, self._size + 256))
        grown = [np.empty((room, *values.shape[1:]), values.dtype) for values in block]
        for new, old in zip(grown, self._columns, strict=False):
            new[: self._room] = old
        self._columns = grown
        self._free.extend(range(room - 1, self._room - 1, -1))
        self._room = room
