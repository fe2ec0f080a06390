"""Python generators as datasets: the three functions that a GeneratorDataset node calls."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.data import nest, structure
from reflow.data.structure import ElementFunction
from reflow.graph.graph import emit
from reflow.graph.node import Tensor
from reflow.graph.specs import spec_of
from reflow.ops.script import numpy_function

WHAT = "Dataset.from_generator()"


class _Passes:
    """The passes over a generator that are going on, by number."""

    def __init__(self, generator: Callable[..., Any]) -> None:
        self._generator = generator
        self._lock = threading.Lock()
        self._count = 0
        self._waiting: dict[int, tuple[Any, ...]] = {}
        self._running: dict[int, Any] = {}

    def new(self, *args: Any) -> np.ndarray:
        """The number of a new pass, whose generator will be called with `args`."""
        with self._lock:
            number, self._count = self._count, self._count + 1
            self._waiting[number] = args
        return np.array(number, np.int64)

    def elements(self, number: int) -> Any:
        """The iterator of a pass; the generator is called when the first element is asked for."""
        if number not in self._running:
            self._running[number] = iter(self._generator(*self._waiting.pop(number)))
        return self._running[number]

    def end(self, number: int) -> np.ndarray:
        """Forget a pass."""
        self._running.pop(int(number), None)
        return np.array(0, np.int64)


def generator_dataset(
    dummy: Tensor, generator: Callable[..., Any], types: Any, shapes: Any, args: Sequence[Tensor]
) -> tuple[Tensor, Any]:
    """The variant tensor of a GeneratorDataset node, and the structure of its elements."""
    passes = _Passes(generator)
    flat_types = [dtypes.as_dtype(t) for t in nest.flatten(types)]
    flat_shapes = nest.flatten(shapes)
    convert = Converter(types, flat_types, flat_shapes)

    def get_iterator_id_fn(unused: Tensor) -> Any:
        return numpy_function(passes.new, list(args), dtypes.int64)

    def generator_next_fn(number: Tensor) -> Any:
        def next_element(value: Any) -> list[np.ndarray]:
            return convert(next(passes.elements(int(value))))

        flat = numpy_function(next_element, [number], flat_types)
        for tensor, known in zip(flat, flat_shapes, strict=True):
            tensor.set_shape(known)
        return nest.pack_sequence_as(types, flat)

    def finalize_fn(number: Tensor) -> Any:
        return numpy_function(passes.end, [number], dtypes.int64)

    start = ElementFunction(get_iterator_id_fn, WHAT, spec_of(dummy))
    step = ElementFunction(generator_next_fn, WHAT, start.structure)
    stop = ElementFunction(finalize_fn, WHAT, start.structure)
    variant = emit(
        "GeneratorDataset",
        [dummy, *start.captured],
        step.captured,
        stop.captured,
        init_func=start.body,
        next_func=step.body,
        finalize_func=stop.body,
        **structure.attributes(step.structure),
    )
    return variant, step.structure


class Converter:
    """Turns what a generator yields into arrays. TypeError or ValueError say what came and was wanted."""

    def __init__(self, types: Any, flat_types: list[dtypes.DType], shapes: list[Any]) -> None:
        self._types = types
        self._single = not nest.is_sequence(types)
        self._flat = type(types) is tuple and not any(map(nest.is_sequence, types))
        self._rows = [
            (np.dtype(t.as_numpy_dtype), t, s, s.ints) for t, s in zip(flat_types, shapes, strict=True)
        ]

    def __call__(self, values: Any) -> list[np.ndarray]:
        """The arrays of one element, in order."""
        if self._single:
            parts: Any = (values,)
        elif self._flat and type(values) is tuple and len(values) == len(self._rows):
            parts = values
        else:
            parts = self._parts(values)
        return [_array(value, row) for value, row in zip(parts, self._rows, strict=True)]

    def _parts(self, values: Any) -> list[Any]:
        try:
            return nest.flatten_up_to(self._types, values)
        except (TypeError, ValueError):
            raise TypeError(
                "`generator` yielded an element that did not match the expected structure. The expected "
                f"structure was {self._types}, but the yielded element was {values}."
            ) from None


def _array(value: Any, row: tuple[Any, ...]) -> np.ndarray:
    wanted, dtype, shape, ints = row
    array: np.ndarray = value
    if value.__class__ is not np.ndarray or value.dtype is not wanted or wanted.kind == "O":
        array = _converted(value, wanted, dtype)
    if ints is not None and array.shape != ints and not shape.is_compatible_with(array.shape):
        raise ValueError(
            f"`generator` yielded an element of shape {array.shape} where an element of shape {shape} was "
            "expected."
        )
    return array


def _converted(value: Any, wanted: np.dtype[Any], dtype: dtypes.DType) -> np.ndarray:
    """`value` as an array of the type, as NumPy converts it."""
    try:
        array = np.asarray(value, dtype=wanted)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(
            "`generator` yielded an element that could not be converted to the expected type. The expected "
            f"type was {dtype.name}, but the yielded element was {value}."
        ) from None
    return _encoded(array) if wanted.kind == "O" else array


def _encoded(array: np.ndarray) -> np.ndarray:
    """An array of texts as one of bytes."""
    result = np.empty(array.shape, object)
    for index, text in np.ndenumerate(array):
        result[index] = text.encode("utf-8") if isinstance(text, str) else bytes(text)
    return result
