"""Elements combined into larger ones, and taken apart: batch, padded_batch, unbatch, window, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import (
    Block,
    Cursor,
    Dataset,
    Element,
    FromIterator,
    Place,
    joined,
    part,
    scalar,
    size,
    stack,
)
from reflow.base.pipeline.mapping import Function, dataset_of
from reflow.base.pipeline.shaping import Unary


def _invalid(message: str) -> errors.OpError:
    return errors.InvalidArgumentError(None, None, message)


class Batch(Unary):
    """`count` elements stacked into one; the last may have fewer, or is dropped."""

    stacks = False

    def __init__(self, source: Dataset, count: int, drop_remainder: bool) -> None:
        super().__init__(source)
        if count <= 0:
            raise _invalid("Batch size must be greater than zero.")
        self.count, self.drop_remainder = count, drop_remainder

    def cursor(self, place: Place) -> Cursor:
        source = self.source.cursor(place.inside("Batch"))
        kind = _StackedBatch if self.source.stacks else _BatchCursor
        return kind(source, self.count, self.drop_remainder)

    def length(self) -> int | None:
        one = self.source.length()
        if one is None or one < 0:
            return one
        return one // self.count if self.drop_remainder else -(-one // self.count)


class _BatchCursor(Cursor):
    def __init__(self, source: Cursor, count: int, drop: bool) -> None:
        self._source: Cursor | None = source
        self._count, self._drop = count, drop

    def __next__(self) -> Element:
        return batched(self._elements())

    def _elements(self) -> list[Element]:
        """The elements of the next batch. StopIteration when there are none."""
        elements: list[Element] = []
        source = self._source
        while source is not None and len(elements) < self._count:
            try:
                elements.append(next(source))
            except StopIteration:
                source = self._source = None
        if not elements or (self._drop and len(elements) < self._count):
            raise StopIteration
        return elements


def batched(elements: list[Element]) -> Element:
    """Elements stacked into one. InvalidArgumentError when their shapes differ."""
    result = []
    for number, column in enumerate(zip(*elements, strict=True)):
        try:
            result.append(stack(list(column)))
        except ValueError as error:
            raise _invalid(
                f"Cannot batch tensors with different shapes in component {number}. {error}."
            ) from None
    return result


class _StackedBatch(Cursor):
    def __init__(self, source: Cursor, count: int, drop: bool) -> None:
        self._source: Cursor | None = source
        self._count, self._drop = count, drop

    def __next__(self) -> Element:
        blocks: list[Block] = []
        left = self._count
        while left and self._source is not None:
            try:
                block = self._source.block(left)
            except StopIteration:
                self._source = None
                break
            blocks.append(block)
            left -= size(block)
        if not blocks or (left and self._drop):
            raise StopIteration
        return _joined_batch(blocks)


def _joined_batch(blocks: list[Block]) -> Element:
    if len(blocks) == 1:  # may be a view of the input's own arrays
        return [column if column.base is None else column.copy() for column in blocks[0]]
    try:
        return joined(blocks)
    except ValueError as error:
        raise _invalid(f"Cannot batch tensors with different shapes: {error}") from None


class PaddedBatch(Unary):
    """`count` elements stacked into one, after each component is padded at its ends.

    `shapes` has the shape to pad each component to, with -1 for the largest of the batch.
    """

    stacks = False

    def __init__(
        self,
        source: Dataset,
        count: int,
        shapes: Sequence[Sequence[int]],
        values: Sequence[Any],
        drop_remainder: bool,
    ) -> None:
        super().__init__(source)
        if count <= 0:
            raise _invalid("Batch size must be greater than zero.")
        self.count, self.drop_remainder = count, drop_remainder
        self.shapes, self.values = [list(s) for s in shapes], list(values)

    def cursor(self, place: Place) -> Cursor:
        source = self.source.cursor(place.inside("PaddedBatch"))
        return _PaddedCursor(source, self.count, self.drop_remainder, self.shapes, self.values)


class _PaddedCursor(_BatchCursor):
    def __init__(
        self, source: Cursor, count: int, drop: bool, shapes: list[list[int]], values: list[Any]
    ) -> None:
        super().__init__(source, count, drop)
        self._shapes, self._values = shapes, values

    def __next__(self) -> Element:
        columns = zip(*self._elements(), strict=True)
        return [
            padded(list(column), shape, value, number)
            for number, (column, shape, value) in enumerate(
                zip(columns, self._shapes, self._values, strict=True)
            )
        ]


def padded(arrays: list[Any], shape: Sequence[int], value: Any, component: int) -> np.ndarray:
    """Arrays of one rank, stacked after padding to `shape` with `value`; -1 means the largest of them."""
    for array in arrays:
        if np.ndim(array) != len(shape):
            raise _invalid(
                "All elements in a batch must have the same rank as the padded shape for component"
                f"{component}: expected rank {len(shape)} but got element with rank {np.ndim(array)}"
            )
    largest = np.max([np.shape(a) for a in arrays], axis=0).astype(int) if shape else []
    sizes = [int(m) if d < 0 else d for d, m in zip(shape, largest, strict=True)]
    if any(m > d for d, m in zip(sizes, largest, strict=True)):
        raise errors.DataLossError(None, None, "Attempted to pad to a smaller size than the input element.")
    result = np.empty((len(arrays), *sizes), arrays[0].dtype)
    result[...] = np.asarray(value)[()] if np.asarray(value).dtype != object else _object(value)
    for row, array in zip(range(len(arrays)), arrays, strict=True):
        inside: tuple[Any, ...] = (row, *(slice(0, d) for d in np.shape(array)))
        result[inside] = array
    return result


def _object(value: Any) -> Any:
    return value[()] if isinstance(value, np.ndarray) else value


class Unbatch(Unary):
    """The rows of each element, as elements. `uniform`: all have one shape."""

    def __init__(self, source: Dataset, uniform: bool) -> None:
        super().__init__(source)
        self._uniform = uniform

    @property
    def stacks(self) -> bool:  # type: ignore[override]
        return self._uniform

    def cursor(self, place: Place) -> Cursor:
        return _UnbatchCursor(self.source.cursor(place.inside("Unbatch")))


class _UnbatchCursor(Cursor):
    def __init__(self, source: Cursor) -> None:
        self._source = source
        self._block: Block = []
        self._next = 0

    def __next__(self) -> Element:
        at = self._fill()
        self._next = at + 1
        return [scalar(column[at]) for column in self._block]

    def block(self, count: int) -> Block:
        at = self._fill()
        stop = min(at + count, size(self._block))
        self._next = stop
        return part(self._block, at, stop)

    def _fill(self) -> int:
        """The number of the next row; pulls an element when the last one is used up."""
        while not self._block or self._next >= size(self._block):
            block = [np.asarray(column) for column in next(self._source)]
            if any(column.ndim == 0 for column in block):
                raise _invalid("Unbatching a scalar is not possible: the input must have rank >= 1")
            counts = {len(column) for column in block}
            if len(counts) > 1:
                raise _invalid(f"Input tensors have different batch sizes: {sorted(counts)}")
            self._block, self._next = block, 0
        return self._next


class Elements(Dataset):
    """A dataset of elements in memory."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self._elements = elements

    def cursor(self, place: Place) -> Cursor:
        return FromIterator(iter(self._elements))

    def length(self) -> int:
        return len(self._elements)


class Window(Unary):
    """Datasets of `count` elements each, one for each component, `shift` elements apart."""

    stacks = False

    def __init__(self, source: Dataset, count: int, shift: int, stride: int, drop_remainder: bool) -> None:
        super().__init__(source)
        for name, value in (("size", count), ("shift", shift), ("stride", stride)):
            if value <= 0:
                raise _invalid(f"Window {name} must be greater than zero.")
        self.count, self.shift, self.stride = count, shift, stride
        self.drop_remainder = drop_remainder

    def cursor(self, place: Place) -> Cursor:
        windows = self._windows(self.source.cursor(place.inside("Window")))
        return FromIterator(map(self._made, windows))

    def _made(self, window: list[Element]) -> Element:
        return [Elements([[e[n]] for e in window]) for n in range(len(window[0]))]

    def _windows(self, source: Cursor) -> Any:
        reach = (self.count - 1) * self.stride + 1
        held: list[Element] = []
        more, to_skip = True, 0
        while True:
            while more and len(held) < reach:
                try:
                    element = next(source)
                except StopIteration:
                    more = False
                    break
                if to_skip:
                    to_skip -= 1
                else:
                    held.append(element)
            if not held or (len(held) < reach and self.drop_remainder):
                return
            yield held[:reach][:: self.stride]
            to_skip = max(self.shift - len(held), 0)
            held = held[self.shift :]


class SlidingBatch(Window):
    """Batches of `count` elements each, `shift` elements apart; what makes no whole one is left out."""

    def __init__(self, source: Dataset, count: int, shift: int, stride: int) -> None:
        super().__init__(source, count, shift, stride, drop_remainder=True)

    def _made(self, window: list[Element]) -> Element:
        return batched(window)


class GroupByWindow(Unary):
    """Elements gathered by a key; each `window size` of one key is reduced to a dataset by a function."""

    stacks = False

    def __init__(self, source: Dataset, key: Function, reduce: Function, window: Function) -> None:
        super().__init__(source)
        self.functions = key, reduce, window

    def cursor(self, place: Place) -> Cursor:
        return _WindowsCursor(self, place.inside("GroupByWindow"))


class _WindowsCursor(Cursor):
    def __init__(self, dataset: GroupByWindow, place: Place) -> None:
        self._key_of, self._reduce, self._window = (f.bind(place) for f in dataset.functions)
        self._source: Cursor | None = dataset.source.cursor(place)
        self._place = place
        self._groups: dict[int, list[Element]] = {}
        self._sizes: dict[int, int] = {}
        self._done = 0
        self._current: Cursor | None = None

    def __next__(self) -> Element:
        while True:
            if self._current is None:
                self._current = self._reduced(*self._full_group())
            try:
                return next(self._current)
            except StopIteration:
                self._current = None

    def _full_group(self) -> tuple[int, list[Element]]:
        """The next group that is full, or after the last element, of those that are left the first."""
        while self._source is not None:
            try:
                element = next(self._source)
            except StopIteration:
                self._source = None
                break
            key = int(self._key_of(element)[0])
            group = self._groups.setdefault(key, [])
            if self._size(key) == len(group) + 1:
                del self._groups[key]
                return key, [*group, element]
            group.append(element)
        if not self._groups:
            raise StopIteration
        key = min(self._groups)
        return key, self._groups.pop(key)

    def _size(self, key: int) -> int:
        """How many elements make a group of a key."""
        if key not in self._sizes:
            size = int(self._window([np.int64(key)])[0])
            if size <= 0:
                del self._groups[key]
                raise _invalid(f"Window size must be greater than zero, but got {size}.")
            self._sizes[key] = size
        return self._sizes[key]

    def _reduced(self, key: int, group: list[Element]) -> Cursor:
        number, self._done = self._done, self._done + 1
        made = dataset_of(self._reduce([np.int64(key), Elements(group)]))
        return made.cursor(self._place.inside(number))


class GroupByReducer(Unary):
    """One element for each key: what a function makes of the state that all elements of the key led to."""

    stacks = False

    def __init__(
        self, source: Dataset, key: Function, init: Function, reduce: Function, finish: Function
    ) -> None:
        super().__init__(source)
        self.functions = key, init, reduce, finish

    def cursor(self, place: Place) -> Cursor:
        return FromIterator(self._elements(place.inside("GroupByReducer")))

    def _elements(self, place: Place) -> Any:
        key_of, init, reduce, finish = (f.bind(place) for f in self.functions)
        states: dict[int, Element] = {}
        for element in self.source.cursor(place):
            key = int(key_of(element)[0])
            if key not in states:
                states[key] = init([np.int64(key)])
            states[key] = reduce([*states[key], *element])
        for key in sorted(states):
            yield finish(states[key])


class Unique(Unary):
    """The elements that have not come before."""

    stacks = False

    def cursor(self, place: Place) -> Cursor:
        return _UniqueCursor(self.source.cursor(place.inside("Unique")))


class _UniqueCursor(Cursor):
    def __init__(self, source: Cursor) -> None:
        self._source = source
        self._seen: set[Any] = set()

    def __next__(self) -> Element:
        while True:
            element = next(self._source)
            key = np.asarray(element[0])[()]
            if key not in self._seen:
                self._seen.add(key)
                return element


class SparseBatch(Unary):
    """Elements of one component, batched as the indices, values and shape of a sparse array."""

    stacks = False

    def __init__(self, source: Dataset, count: int, row_shape: Sequence[int]) -> None:
        super().__init__(source)
        self.count, self.row_shape = count, list(row_shape)

    def cursor(self, place: Place) -> Cursor:
        return _SparseBatchCursor(self.source.cursor(place.inside("SparseBatch")), self.count, self.row_shape)


class _SparseBatchCursor(_BatchCursor):
    def __init__(self, source: Cursor, count: int, row_shape: list[int]) -> None:
        super().__init__(source, count, drop=False)
        self._row_shape = row_shape

    def __next__(self) -> Element:
        arrays = [np.asarray(e[0]) for e in self._elements()]
        sizes = self._sizes(arrays)
        indices = [
            np.insert(np.indices(a.shape).reshape(a.ndim, -1).T, 0, n, axis=1) for n, a in enumerate(arrays)
        ]
        values = np.concatenate([a.reshape(-1) for a in arrays])
        shape = np.array([len(arrays), *sizes], np.int64)
        return [objects_of(np.concatenate(indices).astype(np.int64), values, shape)]

    def _sizes(self, arrays: list[np.ndarray]) -> list[int]:
        for a in arrays:
            if a.ndim != len(self._row_shape):
                raise _invalid(
                    "Input element had shape ("
                    f"{list(a.shape)}) that is incompatible with the row shape ({self._row_shape})."
                )
            if any(0 <= want < have for want, have in zip(self._row_shape, a.shape, strict=True)):
                raise errors.DataLossError(
                    None, None, f"Input element had shape ({list(a.shape)}) that is larger than the row shape"
                )
        largest = np.max([a.shape for a in arrays], axis=0).astype(int).tolist() if self._row_shape else []
        return [have if want < 0 else want for want, have in zip(self._row_shape, largest, strict=True)]


def objects_of(*parts: Any) -> np.ndarray:
    """Arrays as a vector of host objects: a serialized sparse array."""
    result = np.empty(len(parts), object)
    for i, value in enumerate(parts):
        result[i] = value
    return result
