"""Datasets that call a function for each element: map, filter, flat_map, interleave, scan, take_while."""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import (
    Block,
    Cursor,
    Dataset,
    Element,
    Place,
    Workers,
    rows,
    stacked,
)
from reflow.base.pipeline.shaping import Unary


class Bound(Protocol):
    """A function at work in one run of a pipeline."""

    def __call__(self, element: Element) -> Element: ...

    def block(self, block: Block) -> Block | None:
        """The results for all elements of a block, or None when it must be called for each."""
        ...


class Function(Protocol):
    """A function of elements.

    `stacks`: it can be applied to whole blocks. `slow`: calls in several threads may pay. `makes_slow`: that
    holds for the elements of the datasets that it makes.
    """

    stacks: bool

    @property
    def slow(self) -> bool: ...

    @property
    def makes_slow(self) -> bool: ...

    def bind(self, place: Place) -> Bound: ...


class Map(Unary):
    """What a function makes of each element. With `threads` > 1, slow calls run side by side, in order."""

    def __init__(self, source: Dataset, function: Function, threads: int = 1, keeps: bool = False) -> None:
        super().__init__(source)
        self.function, self.threads, self.keeps = function, threads, keeps

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return self.source.stacks and self.function.stacks

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Map")
        source, call = self.source.cursor(inner), self.function.bind(inner)
        if self.threads > 1 and self.function.slow:
            return _ThreadedMap(source, call, self.threads, self.keeps, place.run.workers(self.threads))
        return _MapCursor(source, call, self.keeps)

    def length(self) -> int | None:
        return self.source.length()


def _at_end(error: errors.OutOfRangeError, keeps: bool) -> Exception:
    """What it means that a function is out of range: the end, unless it must keep the number of elements."""
    if keeps:
        message = (
            "Function invocation produced OutOfRangeError: " + error.message + ": a map that must keep the "
            "number of elements cannot end the sequence"
        )
        return errors.InvalidArgumentError(None, error.op, message)
    return StopIteration()


class _MapCursor(Cursor):
    def __init__(self, source: Cursor, call: Bound, keeps: bool) -> None:
        self._source = source
        self._call = call
        self._keeps = keeps
        self._left: deque[Element] = deque()  # of a block that had to be taken apart
        self._error: Exception | None = None

    def __next__(self) -> Element:
        if self._error is not None or self._left:
            return self._from_left()
        element = next(self._source)
        try:
            return self._call(element)
        except errors.OutOfRangeError as error:
            raise _at_end(error, self._keeps) from None

    def _from_left(self) -> Element:
        error, self._error = self._error, None
        if error is not None:
            raise error
        return self._call(self._left.popleft())

    def block(self, count: int) -> Block:
        if self._error is None and not self._left:
            block = self._source.block(count)
            result = self._call.block(block)
            if result is not None:
                return result
            self._left.extend(rows(block))
        return self._one_by_one(count)

    def _one_by_one(self, count: int) -> Block:
        """The results up to the first error, which is kept for the next pull."""
        results = [self._from_left()]
        while self._left and len(results) < count:
            try:
                results.append(self._from_left())
            except Exception as error:
                self._error = error
                break
        return stacked(results)


class _ThreadedMap(Cursor):
    """Calls for the next elements are made by workers; results come in order."""

    def __init__(self, source: Cursor, call: Bound, ahead: int, keeps: bool, workers: Workers) -> None:
        self._source, self._call, self._keeps = source, call, keeps
        self._ahead, self._workers = ahead, workers
        self._running: deque[Any] = deque()
        self._end: BaseException | None = None

    def __next__(self) -> Element:
        while self._end is None and len(self._running) < self._ahead:
            try:
                self._running.append(self._workers.submit(self._call, next(self._source)))
            except StopIteration as end:
                self._end = end
            except Exception as error:
                self._running.append(_Failed(error))
        if not self._running:
            raise StopIteration
        try:
            return self._running.popleft().result()  # type: ignore[no-any-return]
        except errors.OutOfRangeError as error:
            raise _at_end(error, self._keeps) from None


class _Failed:
    """In the place of a call's future: the error of the element that it would have been for."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def result(self) -> Any:
        raise self._error


class Filter(Unary):
    """The elements for which a function is true."""

    def __init__(self, source: Dataset, function: Function) -> None:
        super().__init__(source)
        self.function = function

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return self.source.stacks and self.function.stacks

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Filter")
        return _FilterCursor(self.source.cursor(inner), self.function.bind(inner))


def _truth(result: Element) -> bool:
    value = np.asarray(result[0])
    if value.ndim:
        raise errors.InvalidArgumentError(
            None, None, f"Filter predicate `f` must return a scalar bool, not one of shape {value.shape}."
        )
    return bool(value)


class _FilterCursor(Cursor):
    def __init__(self, source: Cursor, call: Bound) -> None:
        self._source = source
        self._call = call
        self._left: deque[Element] = deque()

    def __next__(self) -> Element:
        while True:
            element = self._left.popleft() if self._left else next(self._source)
            if _truth(self._call(element)):
                return element

    def block(self, count: int) -> Block:
        while not self._left:
            block = self._source.block(count)
            found = self._call.block(block)
            if found is None:
                self._left.extend(rows(block))
                break
            if found[0].all():
                return block
            if found[0].any():
                return [column[found[0]] for column in block]
        return stacked([next(self)])


class FlatMap(Unary):
    """The elements of the dataset that a function makes of each element, one dataset after the other.

    `inner_stacks` says that those datasets have elements of one shape and give blocks of them.
    """

    def __init__(self, source: Dataset, function: Function, inner_stacks: bool = False) -> None:
        super().__init__(source)
        self.function = function
        self._inner_stacks = inner_stacks

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return self._inner_stacks

    def cursor(self, place: Place) -> Cursor:
        return _FlatMapCursor(self.source, self.function, place.inside("FlatMap"))


class _FlatMapCursor(Cursor):
    def __init__(self, source: Dataset, function: Function, place: Place) -> None:
        self._source = source.cursor(place)
        self._call = function.bind(place)
        self._place = place
        self._count = 0
        self._current: Cursor | None = None

    def __next__(self) -> Element:
        return self._pull(next)  # type: ignore[no-any-return]

    def block(self, count: int) -> Block:
        return self._pull(lambda cursor: cursor.block(count))  # type: ignore[no-any-return]

    def _pull(self, pull: Callable[[Cursor], Any]) -> Any:
        while True:
            if self._current is None:
                self._current = self._open(next(self._source))
            try:
                return pull(self._current)
            except StopIteration:
                self._current = None

    def _open(self, element: Element) -> Cursor:
        number, self._count = self._count, self._count + 1
        return dataset_of(self._call(element)).cursor(self._place.inside(number))


def dataset_of(result: Element) -> Dataset:
    """The dataset that a function returned."""
    value = result[0]
    if isinstance(value, np.ndarray) and value.dtype == object and value.ndim == 0:
        value = value[()]
    if not isinstance(value, Dataset):
        raise errors.InvalidArgumentError(
            None, None, f"The function must return a dataset, it returned a {type(value).__name__}"
        )
    return value


class Interleave(Unary):
    """The elements of `cycle` datasets in turn, `block` of each at a time."""

    stacks = False

    def __init__(self, source: Dataset, function: Function, cycle: int, block: int) -> None:
        super().__init__(source)
        for name, value in (("cycle_length", cycle), ("block_length", block)):
            if value < 1:
                message = f"{name} must be greater than zero, it is {value}."
                raise errors.InvalidArgumentError(None, None, message)
        self.function, self.cycle, self.block = function, cycle, block

    def cursor(self, place: Place) -> Cursor:
        return InterleaveCursor(self, place.inside("Interleave"))


class InterleaveCursor(Cursor):
    """A pass over interleaved datasets: which are open, whose turn it is, and how often it has given."""

    def __init__(self, dataset: Interleave, place: Place) -> None:
        self._source = dataset.source.cursor(place)
        self._call = dataset.function.bind(place)
        self._place = place
        self._open: list[Cursor | None] = [None] * dataset.cycle
        self._block = dataset.block
        self._at = 0
        self._taken = 0  # of the current dataset's block
        self._opened = 0
        self._more = True

    def __next__(self) -> Element:
        while self._left():
            current = self._open[self._at]
            if current is None:
                self._start()
                continue
            try:
                element = next(current)
            except StopIteration:
                self._open[self._at] = None
                self._advance()
                continue
            self._count()
            return element
        raise StopIteration

    def _left(self) -> bool:
        """Whether anything may come."""
        return self._more or any(c is not None for c in self._open)

    def _count(self) -> None:
        """Note that the current dataset gave an element."""
        self._taken += 1
        if self._taken == self._block:
            self._advance()

    def _advance(self) -> None:
        self._taken = 0
        self._at = (self._at + 1) % len(self._open)

    def _start(self) -> None:
        """Open the next dataset at the current place of the cycle; go on when there is none."""
        if not self._more:
            self._advance()
            return
        with contextlib.suppress(StopIteration):
            self._open[self._at] = self._next_dataset()

    def _next_dataset(self) -> Cursor:
        """A pass over the next dataset. StopIteration when there is none."""
        try:
            element = next(self._source)
        except StopIteration:
            self._more = False
            raise
        number, self._opened = self._opened, self._opened + 1
        return dataset_of(self._call(element)).cursor(self._place.inside(number))


class Scan(Unary):
    """What a function of a running state and each element gives; the state is its first results."""

    stacks = False

    def __init__(self, source: Dataset, function: Function, state: Element) -> None:
        super().__init__(source)
        self.function, self.state = function, list(state)

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Scan")
        return _ScanCursor(self.source.cursor(inner), self.function.bind(inner), self.state)

    def length(self) -> int | None:
        return self.source.length()


class _ScanCursor(Cursor):
    def __init__(self, source: Cursor, call: Bound, state: Element) -> None:
        self._source, self._call, self._state = source, call, state

    def __next__(self) -> Element:
        try:
            result = self._call([*self._state, *next(self._source)])
        except errors.OutOfRangeError:
            raise StopIteration from None
        count = len(self._state)
        self._state = result[:count]
        return result[count:]


class TakeWhile(Unary):
    """The elements before the first for which a function is false."""

    stacks = False

    def __init__(self, source: Dataset, function: Function) -> None:
        super().__init__(source)
        self.function = function

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("TakeWhile")
        return _WhileCursor(self.source.cursor(inner), self.function.bind(inner))


class _WhileCursor(Cursor):
    def __init__(self, source: Cursor, call: Bound) -> None:
        self._source: Cursor | None = source
        self._call = call

    def __next__(self) -> Element:
        if self._source is None:
            raise StopIteration
        element = next(self._source)
        if not _truth(self._call(element)):
            self._source = None
            raise StopIteration
        return element


class Choose(Dataset):
    """For each number of the first dataset, the next element of the dataset of that number."""

    def __init__(self, selector: Dataset, sources: Sequence[Dataset]) -> None:
        self.selector, self.sources = selector, list(sources)

    def cursor(self, place: Place) -> Cursor:
        inner = place.inside("Choose")
        cursors: list[Cursor | None] = [s.cursor(inner.inside(i)) for i, s in enumerate(self.sources)]
        return _ChooseCursor(self.selector.cursor(inner.inside("selector")), cursors)


class _ChooseCursor(Cursor):
    """An exhausted dataset is passed over; the whole ends with the numbers or with the last dataset."""

    def __init__(self, selector: Cursor, cursors: list[Cursor | None]) -> None:
        self._selector, self._cursors = selector, cursors

    def __next__(self) -> Element:
        while any(c is not None for c in self._cursors):
            number = int(next(self._selector)[0])
            if not 0 <= number < len(self._cursors):
                message = f"Selector index out of range: {number} >= {len(self._cursors)}"
                raise errors.InvalidArgumentError(None, None, message)
            current = self._cursors[number]
            if current is not None:
                try:
                    return next(current)
                except StopIteration:
                    self._cursors[number] = None
        raise StopIteration


def reduce(dataset: Dataset, function: Bound, state: Element, place: Place) -> Element:
    """The last state, each being what the function makes of the one before and the next element."""
    for element in dataset.cursor(place):
        state = function([*state, *element])
    return state
