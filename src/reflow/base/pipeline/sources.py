"""Datasets that start a pipeline: values in memory, ranges, random numbers, functions that make elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import Block, Cursor, Dataset, Element, FromIterator, Place, scalar


class Tensors(Dataset):
    """One element, the given components."""

    def __init__(self, components: Sequence[Any]) -> None:
        self._components = list(components)

    def cursor(self, place: Place) -> Cursor:
        return FromIterator(iter([list(self._components)]))

    def length(self) -> int:
        return 1


class Slices(Dataset):
    """The rows of the given arrays."""

    stacks = True

    def __init__(self, components: Sequence[np.ndarray]) -> None:
        self.components = list(components)
        self.count = len(self.components[0])
        for n, array in enumerate(self.components):
            if len(array) != self.count:
                raise errors.InvalidArgumentError(
                    None,
                    None,
                    f"Components of a dataset of slices must have one first dimension: component 0 has "
                    f"{self.count} rows, component {n} has {len(array)}",
                )

    def cursor(self, place: Place) -> Cursor:
        return _SlicesCursor(self.components, self.count)

    def length(self) -> int:
        return self.count


class _SlicesCursor(Cursor):
    def __init__(self, components: list[np.ndarray], count: int) -> None:
        self._components = components
        self._count = count
        self._next = 0

    def __next__(self) -> Element:
        at = self._next
        if at >= self._count:
            raise StopIteration
        self._next = at + 1
        return [scalar(c[at]) for c in self._components]

    def block(self, count: int) -> Block:
        start, stop = self._next, min(self._next + count, self._count)
        if start >= stop:
            raise StopIteration
        self._next = stop
        return [c[start:stop] for c in self._components]


class Range(Dataset):
    """The integers from `start` to `stop` in steps of `step`, as int64."""

    stacks = True

    def __init__(self, start: int, stop: int, step: int) -> None:
        if step == 0:
            raise errors.InvalidArgumentError(None, None, "step must be a non-zero integer.")
        self.numbers = range(start, stop, step)

    def cursor(self, place: Place) -> Cursor:
        return _RangeCursor(self.numbers)

    def length(self) -> int:
        return len(self.numbers)


class _RangeCursor(Cursor):
    def __init__(self, numbers: range) -> None:
        self._left = numbers

    def __next__(self) -> Element:
        left = self._left
        if not left:
            raise StopIteration
        self._left = left[1:]
        return [np.int64(left[0])]

    def block(self, count: int) -> Block:
        mine, self._left = self._left[:count], self._left[count:]
        if not mine:
            raise StopIteration
        return [np.arange(mine.start, mine.stop, mine.step, dtype=np.int64)]


class SparseSlices(Dataset):
    """The rows of a sparse array, each as the indices, values and shape of a sparse array."""

    def __init__(self, indices: np.ndarray, values: np.ndarray, dense_shape: np.ndarray) -> None:
        if len(indices) > 1 and (np.diff(indices[:, 0]) < 0).any():
            raise errors.UnimplementedError(
                None, None, "The SparseTensor must be ordered in the batch dimension; handling arbitrarily "
                "ordered input is not currently supported."
            )  # fmt: skip
        self._parts = indices, values, dense_shape

    def cursor(self, place: Place) -> Cursor:
        indices, values, shape = self._parts
        bounds = np.searchsorted(indices[:, 0], np.arange(shape[0] + 1))
        return FromIterator(
            [indices[a:b, 1:], values[a:b], shape[1:]]
            for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        )


Binding = Callable[[Place], Callable[[Element], Element]]


class Generated(Dataset):
    """Elements that a function makes: `start([])` begins a pass, `step(state)` gives an element or raises
    OutOfRangeError, `stop(state)` ends the pass. Each is asked for once in a pass, by its place."""

    def __init__(self, start: Binding, step: Binding, stop: Binding) -> None:
        self.functions = start, step, stop

    def cursor(self, place: Place) -> Cursor:
        return _GeneratedCursor(self, place)


class _GeneratedCursor(Cursor):
    def __init__(self, dataset: Generated, place: Place) -> None:
        self._start, self._step, self._stop = dataset.functions
        self._place = place
        self._state: Element = []
        self._next: Callable[[Element], Element] | None = None
        self._ended = False

    def __next__(self) -> Element:
        if self._ended:
            raise StopIteration
        if self._next is None:
            self._state = self._start(self._place)([])
            self._next = self._step(self._place)
        try:
            return self._next(self._state)
        except errors.OutOfRangeError:
            self._ended = True
            self._stop(self._place)(self._state)
            raise StopIteration from None


class Random(Dataset):
    """Endless pseudo-random 32-bit numbers, as int64; `stream` of the seeds is the stream of them."""

    def __init__(
        self, seeds: tuple[int, int], stream: Callable[[int, int], Callable[[int], np.ndarray]]
    ) -> None:
        self.seeds, self.stream = seeds, stream

    def cursor(self, place: Place) -> Cursor:
        return _RandomCursor(self.stream(*self.seeds))

    def length(self) -> int:
        return -1


class _RandomCursor(Cursor):
    def __init__(self, draw: Callable[[int], np.ndarray]) -> None:
        self._draw = draw

    def __next__(self) -> Element:
        return [np.int64(self._draw(1)[0])]
