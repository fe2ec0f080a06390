"""Which elements, and how often: repeat, take, skip, shard, concatenate, zip."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import errors
from reflow.base.pipeline.core import Block, Cursor, Dataset, Element, Place, only_row, part, size


class Unary(Dataset):
    """A dataset over one other."""

    def __init__(self, source: Dataset) -> None:
        self.source = source

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return self.source.stacks


class Repeat(Unary):
    """The elements `count` times over; for ever when it is negative."""

    def __init__(self, source: Dataset, count: int) -> None:
        super().__init__(source)
        self.count = count

    def cursor(self, place: Place) -> Cursor:
        return _RepeatCursor(self.source, self.count, place.inside("Repeat"))

    def length(self) -> int | None:
        one = self.source.length()
        if one == 0 or self.count == 0:
            return 0
        if self.count < 0 or one == -1:
            return -1
        return None if one is None else one * self.count


class _RepeatCursor(Cursor):
    def __init__(self, source: Dataset, count: int, place: Place) -> None:
        self._source = source
        self._place = place
        self._left = count
        self._current: Cursor | None = None
        self._empty = True

    def _pull(self, pull: Callable[[Cursor], Any]) -> Any:
        while self._left:
            if self._current is None:
                self._current, self._empty = self._source.cursor(self._place), True
            try:
                result = pull(self._current)
            except StopIteration:
                self._next_pass()
            else:
                self._empty = False
                return result
        raise StopIteration

    def _next_pass(self) -> None:
        self._current = None
        self._left = self._left - 1
        if self._empty and self._left < 0:
            self._left = 0  # an empty input, repeated for ever, is empty

    def __next__(self) -> Element:
        return self._pull(next)  # type: ignore[no-any-return]

    def block(self, count: int) -> Block:
        return self._pull(lambda cursor: cursor.block(count))  # type: ignore[no-any-return]


class Take(Unary):
    """The first `count` elements; all when it is negative."""

    def __init__(self, source: Dataset, count: int) -> None:
        super().__init__(source)
        self.count = count

    def cursor(self, place: Place) -> Cursor:
        source = self.source.cursor(place.inside("Take"))
        return source if self.count < 0 else _TakeCursor(source, self.count)

    def length(self) -> int | None:
        one = self.source.length()
        if self.count < 0 or one is None:
            return one
        return self.count if one == -1 else min(one, self.count)


class _TakeCursor(Cursor):
    def __init__(self, source: Cursor, count: int) -> None:
        self._source = source
        self._left = count

    def __next__(self) -> Element:
        if self._left <= 0:
            raise StopIteration
        element = next(self._source)
        self._left -= 1
        return element

    def block(self, count: int) -> Block:
        if self._left <= 0:
            raise StopIteration
        block = self._source.block(min(count, self._left))
        self._left -= size(block)
        return block


class Skip(Unary):
    """The elements after the first `count`; none when it is negative."""

    def __init__(self, source: Dataset, count: int) -> None:
        super().__init__(source)
        self.count = count

    def cursor(self, place: Place) -> Cursor:
        return _SkipCursor(self.source.cursor(place.inside("Skip")), self.count, self.stacks)

    def length(self) -> int | None:
        one = self.source.length()
        if self.count < 0:
            return 0
        return one if one is None or one == -1 else max(one - self.count, 0)


class _SkipCursor(Cursor):
    def __init__(self, source: Cursor, count: int, stacks: bool) -> None:
        self._source = source
        self._left = count
        self._stacks = stacks

    def _skip(self) -> None:
        if self._left < 0:
            raise StopIteration
        while self._left:
            if self._stacks:
                self._left -= size(self._source.block(min(self._left, 4096)))
            else:
                next(self._source)
                self._left -= 1

    def __next__(self) -> Element:
        self._skip()
        return next(self._source)

    def block(self, count: int) -> Block:
        self._skip()
        return self._source.block(count)


class Shard(Unary):
    """Every `count`-th element, beginning with number `index`."""

    def __init__(self, source: Dataset, count: int, index: int) -> None:
        super().__init__(source)
        if count <= 0:
            raise _invalid(f"Number of shards must be greater than zero (currently num_shards = {count}).")
        if not 0 <= index < count:
            raise _invalid(
                f"Index must be between 0 and {count - 1} (currently index = {index}, num_shards = {count})."
            )
        self.count, self.index = count, index

    def cursor(self, place: Place) -> Cursor:
        return _ShardCursor(self.source.cursor(place.inside("Shard")), self.count, self.index)


class _ShardCursor(Cursor):
    def __init__(self, source: Cursor, count: int, index: int) -> None:
        self._source = source
        self._count, self._index = count, index
        self._seen = 0

    def __next__(self) -> Element:
        while True:
            element = next(self._source)
            number, self._seen = self._seen, self._seen + 1
            if number % self._count == self._index:
                return element

    def block(self, count: int) -> Block:
        while True:
            block = self._source.block(count)
            first = (self._index - self._seen) % self._count
            self._seen += size(block)
            if first < size(block):
                return [column[first :: self._count] for column in block]


class Concatenate(Dataset):
    """The elements of one dataset, then those of another. `uniform`: all have one shape."""

    def __init__(self, first: Dataset, second: Dataset, uniform: bool) -> None:
        self.sources = [first, second]
        self.stacks = uniform and first.stacks and second.stacks

    def cursor(self, place: Place) -> Cursor:
        return _ChainCursor([s.cursor(place.inside("Concatenate", i)) for i, s in enumerate(self.sources)])

    def length(self) -> int | None:
        a, b = (s.length() for s in self.sources)
        if -1 in (a, b):
            return -1
        return None if a is None or b is None else a + b


class _ChainCursor(Cursor):
    def __init__(self, cursors: list[Cursor]) -> None:
        self._cursors = cursors

    def _pull(self, pull: Callable[[Cursor], Any]) -> Any:
        while self._cursors:
            try:
                return pull(self._cursors[0])
            except StopIteration:
                self._cursors.pop(0)
        raise StopIteration

    def __next__(self) -> Element:
        return self._pull(next)  # type: ignore[no-any-return]

    def block(self, count: int) -> Block:
        return self._pull(lambda cursor: cursor.block(count))  # type: ignore[no-any-return]


class Zip(Dataset):
    """The components of several datasets side by side, as long as the shortest."""

    def __init__(self, sources: Sequence[Dataset]) -> None:
        self.sources = list(sources)
        self.stacks = all(s.stacks for s in self.sources)

    def cursor(self, place: Place) -> Cursor:
        return _ZipCursor([s.cursor(place.inside("Zip", i)) for i, s in enumerate(self.sources)])

    def length(self) -> int | None:
        known = [s.length() for s in self.sources]
        if None in known:
            return None
        return min((n for n in known if n is not None and n >= 0), default=-1)


class _ZipCursor(Cursor):
    def __init__(self, cursors: list[Cursor]) -> None:
        self._cursors = cursors
        self._held: list[Block | None] = [None] * len(cursors)  # what a longer block left over

    def __next__(self) -> Element:
        if any(h is not None for h in self._held):
            return only_row(self.block(1))
        return [component for cursor in self._cursors for component in next(cursor)]

    def block(self, count: int) -> Block:
        blocks: list[Block] = []
        for held, cursor in zip(self._held, self._cursors, strict=True):
            blocks.append(held if held is not None else cursor.block(count))
        count = min(count, *(size(b) for b in blocks))
        self._held = [part(b, count) if size(b) > count else None for b in blocks]
        return [column for b in blocks for column in part(b, 0, count)]


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)
