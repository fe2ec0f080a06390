"""Convolutions in the frequency domain, by oneDNN's products of matrices.

A convolution of images with filters is, frequency by frequency, a product of matrices of their channels
(M. Mathieu, M. Henaff, Y. LeCun, "Fast training of convolutional networks through FFTs", 2014). For a window
of 5 x 5 that takes an eighth of the multiplications, for 3 x 3 a third or less, and both gradients use the
same transforms. Images are transformed along their columns, then along their rows, by products with matrices
of sines and cosines: for images of up to some dozens of rows that is faster than a fast Fourier transform,
and rounds less. A period of a little more than the image is enough: what wraps around meets results that
nobody asked for.

Rounding is not that of direct sums. Measured against float64, the error's root mean square is 0.8 of theirs
(the sums are shorter), but it is spread over the image: small numbers beside large ones are less exact. What
programs rely on is kept. Where a window sees only zeros the result is 0. Images that are not finite, or with
a window of numbers less than a ten-thousandth of others, are left to direct sums (`_survey`), and so is
what overflows on the way.
"""

from __future__ import annotations

import ctypes
import dataclasses
import functools
import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from reflow.base.onednn import Convolution, Library, Matrices, Products
from reflow.base.xla_calls import Call
from reflow.graph import scopes

OFF = "0"  # in the environment's REFLOW_FOURIER: do without
GAIN = 0.7  # of the time of a direct convolution: for more the difference is not worth it
# Times, in those of an operation of a direct convolution: an operation in a transform and in a product, a
# number of a spectrum that is written and read, and a call.
SLOW_TRANSFORM, SLOW_PRODUCT, MEMORY, CALL = 2.0, 1.2, 80, 5e7
KEPT = 512  # sizes whose matrices are kept
SMALLEST = 1e-4  # of an image's largest number: what a window sees is to be larger
LARGE = 1 << 28  # bytes that a call may need for itself
FLOAT = np.dtype(np.float32).itemsize
ALIGNED = 64  # bytes
OPERANDS = {
    "forward": ("inputs", "filters", "result"),
    "to_input": ("filters", "outputs", "result"),
    "to_filter": ("inputs", "outputs", "parts"),
}  # the arguments and the result of each kind
USERS = {"inputs": {"forward", "to_filter"}, "outputs": {"to_input", "to_filter"}}  # of spectra of images
SOURCES = {"forward": "inputs", "to_input": "outputs"}  # the images that a kind filters
OTHERS = {"inputs": "outputs", "outputs": "inputs"}


@dataclasses.dataclass(frozen=True)
class Axis:
    """The rows of images, or their columns, and how many frequencies they have."""

    inputs: int
    outputs: int
    window: int
    rate: int
    before: int

    @property
    def period(self) -> int:
        """After how many rows the images repeat."""
        after = self.outputs + (self.window - 1) * self.rate - self.inputs - self.before
        return max(self.inputs + max(self.before, after), self.outputs)

    @property
    def places(self) -> np.ndarray[Any, Any]:
        """Where the taps of the filter are: result i is the sum of the input at i less each of these."""
        return self.before - np.arange(self.window) * self.rate

    def waves(self, places: Any, frequencies: int) -> np.ndarray[Any, Any]:
        """exp(-2 pi i k p / period): frequencies x places."""
        return np.exp(-2j * np.pi * np.outer(np.arange(frequencies), places) / self.period)


@dataclasses.dataclass(frozen=True)
class Spectrum:
    """The sizes of a convolution of stride 1, in two dimensions, and of its frequencies.

    The spectrum of images is [batch, columns' frequencies, rows' frequencies, real or imaginary, channels]:
    of the columns half is enough, the images being real.
    """

    batch: int
    depth: int
    filters: int
    rows: Axis
    columns: Axis

    @classmethod
    def of(cls, what: Convolution) -> Spectrum:
        """That of a convolution, or of a gradient of it."""
        numbers = zip(
            what.inputs[1:-1], what.outputs[1:-1], what.window, what.rates, what.before, strict=True
        )
        rows, columns = (Axis(*n) for n in numbers)
        return cls(what.inputs[0], what.inputs[-1], what.outputs[-1], rows, columns)

    @property
    def down(self) -> int:
        """The frequencies of rows."""
        return self.rows.period

    @property
    def across(self) -> int:
        """The frequencies of columns."""
        return self.columns.period // 2 + 1

    @property
    def frequencies(self) -> int:
        """All of them."""
        return self.down * self.across

    @property
    def taps(self) -> int:
        """The numbers of the filters."""
        return self.rows.window * self.columns.window * self.depth * self.filters

    def channels(self, images: str) -> int:
        """Those of the `inputs` or of the `outputs`."""
        return self.depth if images == "inputs" else self.filters

    def size(self, images: str) -> tuple[int, int]:
        """Rows and columns."""
        return getattr(self.rows, images), getattr(self.columns, images)

    @property
    def operations(self) -> float:
        """The time of the forward convolution, in operations of a direct one (see `suits`)."""
        across, down = 2 * self.across, 2 * self.down
        images = 0
        for kind in ("inputs", "outputs"):
            rows, columns = self.size(kind)
            images += self.channels(kind) * (rows * columns * across + self.across * down * 2 * rows)
        rows, columns = self.rows.window, self.columns.window
        filters = self.depth * self.filters * (rows * columns * across + across * down * 2 * rows)
        products = 4 * self.frequencies * self.depth * self.filters
        computed = SLOW_TRANSFORM * (self.batch * images + filters) + SLOW_PRODUCT * self.batch * products
        return 2 * computed + MEMORY * self._numbers + CALL

    @property
    def _numbers(self) -> int:
        """Those of the spectra of the inputs, outputs and filters."""
        images, filters = self.batch * (self.depth + self.filters), self.depth * self.filters
        return self.frequencies * (2 * images + 4 * filters)

    @property
    def scratch(self) -> int:
        """About how many bytes both gradients need beside arguments and results."""
        images = self.batch * self.frequencies * 2 * (2 * self.depth + self.filters)
        return FLOAT * (2 * images + 8 * self.frequencies * self.depth * self.filters)


@functools.cache
def suits(what: Convolution) -> bool:
    """Whether this is the faster way for a convolution; the same for its gradients.

    The estimate is within 20 % of what was measured for large convolutions, and too high for small ones (14
    sizes on 2 cores with AVX-512: windows of 3 to 9, images of 7 to 64 rows, 16 to 128 channels, batches of 1
    to 64).
    """
    if os.environ.get("REFLOW_FOURIER") == OFF or len(what.window) != 2:
        return False
    if what.groups > 1 or math.prod(what.strides) > 1:
        return False
    spectrum = Spectrum.of(what)
    return spectrum.operations < GAIN * what.operations and spectrum.scratch <= LARGE


def sizes(jnp: Any, whats: Sequence[Convolution], arrays: Sequence[Any]) -> list[Any]:
    """What a call takes besides the `arrays` that it multiplies, for `_survey`.

    For each pixel of the images the size of its largest number: of the inputs, then of the outputs, if a call
    has these.
    """
    kinds = [what.kind for what in whats]
    given = dict(zip(OPERANDS[kinds[0]], arrays, strict=False))
    if len(kinds) > 1:
        given["inputs"] = arrays[2]
    return [jnp.abs(given[images]).max(axis=-1) for images in _used(kinds)]


def _used(kinds: Sequence[str]) -> list[str]:
    """The images that these kinds of convolutions make spectra of."""
    return [images for images, users in USERS.items() if not users.isdisjoint(kinds)]


def _survey(
    s: Spectrum, images: str, sizes: np.ndarray[Any, Any]
) -> tuple[bool, np.ndarray[Any, Any] | None]:
    """Look at the `sizes` of images' numbers, [batch, rows, columns], through the windows of the convolution.

    Tells whether the images are even enough: no window sees only numbers so small that others spoil them. And
    for each place of the result whether its window sees a number other than 0; None if all do.
    """
    least = SMALLEST * sizes.max(axis=(1, 2), keepdims=True)
    if (sizes > least).all():  # mostly
        return True, None
    largest = sizes
    for n, axis in enumerate((s.rows, s.columns), start=1):
        lengths, places = (axis.inputs, axis.outputs), axis.places
        if images == "outputs":
            lengths, places = lengths[::-1], -places
        largest = _over_windows(largest, n, lengths, places)
    return bool(((largest == 0) | (largest > least)).all()), largest > 0


def _over_windows(
    numbers: np.ndarray[Any, Any], n: int, lengths: tuple[int, int], places: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    """Along axis n: the largest of those at i - place; 0 beside the images."""
    length, wanted = lengths
    before, after = max(0, places.max()), max(0, wanted - length - places.min())
    padded = np.pad(numbers, [(before, after) if axis == n else (0, 0) for axis in range(numbers.ndim)])
    starts = [before - place for place in places]
    windows = [padded[(slice(None),) * n + (slice(start, start + wanted),)] for start in starts]
    return functools.reduce(np.maximum, windows)


# The matrices


def _blocks(complex_: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Complex numbers [a, b] as matrices of (real, imaginary): [a, of the result, of the argument, b]."""
    re, im = complex_.real, complex_.imag
    return np.stack([np.stack([re, -im], 1), np.stack([im, re], 1)], 1)


@functools.lru_cache(KEPT)
def _matrices(s: Spectrum) -> dict[str, np.ndarray[Any, Any]]:
    """All that convolutions of these sizes need, by name."""
    found: dict[str, np.ndarray[Any, Any]] = {}
    for images in ("inputs", "outputs"):
        rows, columns = (np.arange(n) for n in s.size(images))
        found[f"{images} columns"] = _analysis(s.columns.waves(columns, s.across))
        down = _blocks(s.rows.waves(rows, s.down))
        found[f"{images} rows"] = down.reshape(2 * s.down, -1)
        found[f"{images} from rows"] = _blocks(_inverse(s.rows, rows)).transpose(1, 0, 3, 2)
        found[f"{images} from columns"] = _synthesis(s.columns, columns)
    for kind in ("forward", "to_input"):
        sign = 1 if kind == "forward" else -1
        found[f"{kind} columns"] = _analysis(s.columns.waves(sign * s.columns.places, s.across))
        found[f"{kind} rows"] = _filter_rows(s.rows.waves(sign * s.rows.places, s.down))
    found["to_filter from rows"] = _gradient_rows(_inverse(s.rows, -s.rows.places))
    found["to_filter from columns"] = _synthesis(s.columns, -s.columns.places)
    flat = {name: m.reshape(math.prod(m.shape[: m.ndim // 2]), -1) for name, m in found.items()}
    return {name: np.ascontiguousarray(m, np.float32) for name, m in flat.items()}


def _analysis(waves: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """From real numbers: rows (frequency, part)."""
    return np.stack([waves.real, waves.imag], 1).reshape(-1, waves.shape[1])


def _inverse(axis: Axis, places: Any) -> np.ndarray[Any, Any]:
    """places x frequencies."""
    return axis.waves(places, axis.period).conj().T / axis.period


def _synthesis(axis: Axis, places: Any) -> np.ndarray[Any, Any]:
    """To real numbers: columns (frequency, part). The frequencies left out are the mirror of the others."""
    half = axis.period // 2 + 1
    waves = axis.waves(places, half).conj().T / axis.period
    alone = [k == 0 or 2 * k == axis.period for k in range(half)]
    waves = waves * np.where(alone, 1, 2)
    return np.stack([waves.real, -waves.imag], 2).reshape(len(waves), -1)


def _filter_rows(waves: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Rows (frequency, part of the result, part of the image), for the product with an image's numbers."""
    re, im = _blocks(waves).transpose(1, 0, 2, 3)
    parts = np.stack([np.stack([re, -im], 1), np.stack([im, re], 1)], 1)
    return parts.reshape(-1, 2 * waves.shape[1])


def _gradient_rows(waves: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Columns (frequency, part of the gradient, part of the image): conjugate gradient x image."""
    re, im = _blocks(waves).transpose(2, 1, 0, 3)  # of the product: [part of the result, tap, frequency]
    parts = np.stack([np.stack([re, im], -1), np.stack([-im, re], -1)], -2)
    return parts.reshape(2 * len(waves), -1)


# What is computed


class _Steps:
    """The products of one thread, in two halves: all threads end the first before any begins the second."""

    def __init__(self, library: Library, s: Spectrum, share: Share, threads: int) -> None:
        self._s, self._share, self._images = s, share, share.images
        self._widths = {name: m.shape[1] for name, m in _matrices(s).items()}
        self.first, self.second = Products(library, threads), Products(library, threads)
        self.needs: dict[str, int] = {}  # arrays -> how many numbers they have

    def _need(self, name: str, count: int) -> str:
        self.needs[name] = max(count, self.needs.get(name, 0))
        return name

    def _spectrum(self, images: str) -> str:
        count = self._s.batch * self._s.frequencies * 2 * self._s.channels(images)
        return self._need(f"{images} spectrum", count)

    def _middle(self, images: str) -> tuple[str, int]:
        """Where images are that are transformed along their columns, and how many numbers each has."""
        count = self._s.across * 2 * self._s.size(images)[0] * self._s.channels(images)
        return self._need(f"middle {self._share.number}", len(self._images) * count), count

    def _along_columns(self, images: str, array: str) -> tuple[Matrices, Matrices]:
        """Images as they are, and transformed along their columns: for each image and row a matrix."""
        s, (rows, columns), depth = self._s, self._s.size(images), self._s.channels(images)
        middle, count = self._middle(images)
        batch, line, one = (len(self._images), rows), columns * depth, rows * columns * depth
        plain = Matrices(array, (*batch, columns, depth), (one, line, depth, 1), self._images.start * one)
        steps = (count, depth, rows * depth, 1)
        return plain, Matrices(middle, (*batch, 2 * s.across, depth), steps)

    def _along_rows(self, images: str, spectrum: str) -> tuple[Matrices, Matrices]:
        """Transformed along their columns, and along both: for each image and frequency a matrix."""
        s, rows, depth = self._s, 2 * self._s.size(images)[0], self._s.channels(images)
        middle, _ = self._middle(images)
        batch = len(self._images) * s.across
        start = self._images.start * s.across * 2 * s.down * depth
        half = Matrices(middle, (batch, rows, depth), (rows * depth, depth, 1))
        return half, Matrices(spectrum, (batch, 2 * s.down, depth), (2 * s.down * depth, depth, 1), start)

    def analyse(self, images: str) -> None:
        """The spectrum of this thread's images."""
        plain, half = self._along_columns(images, images)
        half_as_rows, spectrum = self._along_rows(images, self._spectrum(images))
        self._transform(self.first, f"{images} columns", plain, half)
        self._transform(self.first, f"{images} rows", half_as_rows, spectrum)

    def filter(self, kind: str) -> None:
        """The result of a `forward` or `to_input` convolution for this thread's images."""
        s, images = self._s, SOURCES[kind]
        result = OTHERS[images]
        depth, count, total = s.channels(images), s.channels(result), s.frequencies
        product = self._need("product spectrum", s.batch * total * 2 * count)
        self._filters(kind, depth, count)
        source = Matrices(
            self._spectrum(images),
            (total, len(self._images), 2 * depth),
            (2 * depth, total * 2 * depth, 1),
            self._images.start * total * 2 * depth,
        )
        for part in range(2):  # real, imaginary
            sizes, steps = (total, 2 * depth, count), (4 * depth * count, count, 1)
            filters = Matrices("filters spectrum", sizes, steps, part * 2 * depth * count)
            start = self._images.start * total * 2 * count + part * count
            sizes, steps = (total, len(self._images), count), (2 * count, total * 2 * count, 1)
            self.second.multiply(source, filters, Matrices(product, sizes, steps, start))
        half, spectrum = self._along_rows(result, product)
        plain, half_as_columns = self._along_columns(result, "result")
        self._transform(self.second, f"{result} from rows", spectrum, half)
        self._transform(self.second, f"{result} from columns", half_as_columns, plain)

    def _filters(self, kind: str, depth: int, count: int) -> None:
        """This thread's share of the spectrum of the filters: [frequency, part, part of an image, ...]."""
        s, size = self._s, depth * count
        self._need("filters spectrum", s.frequencies * 4 * size)
        if not self._share.across:
            return
        filters = "filters"
        if kind == "to_input":
            filters = self._need(f"turned filters {self._share.number}", s.taps)
            taps = s.taps // size
            given = Matrices("filters", (taps, depth, count), (size, 1, depth))
            self.first.copy(given, Matrices(filters, (taps, depth, count), (size, count, 1)))
        lines, spectrum = self._lines(size), self._filter_frequencies("filters spectrum", size)
        row = 2 * self._share.across.start
        self._transform(self.first, f"{kind} columns", self._plain_taps(filters, size), lines, row)
        self._transform(self.first, f"{kind} rows", self._taps_along_rows(size), spectrum)

    def _plain_taps(self, array: str, size: int, start: int = 0) -> Matrices:
        """Filters as they are: for each row a matrix."""
        rows, columns = self._s.rows.window, self._s.columns.window
        return Matrices(array, (rows, columns, size), (columns * size, size, 1), start)

    def _lines(self, size: int) -> Matrices:
        """Filters transformed along their columns: for each row a matrix."""
        rows, across = self._s.rows.window, 2 * len(self._share.across)
        taps = self._need(f"taps {self._share.number}", across * rows * size)
        return Matrices(taps, (rows, across, size), (size, rows * size, 1))

    def _taps_along_rows(self, size: int) -> Matrices:
        rows = 2 * self._s.rows.window
        return Matrices(
            f"taps {self._share.number}", (len(self._share.across), rows, size), (rows * size, size, 1)
        )

    def _filter_frequencies(self, array: str, size: int, start: int | None = None) -> Matrices:
        down = 4 * self._s.down
        start = self._share.across.start if start is None else start
        return Matrices(
            array, (len(self._share.across), down, size), (down * size, size, 1), start * down * size
        )

    def differentiate(self) -> None:
        """This thread's frequencies' share of the gradient for the filters."""
        s, total, size = self._s, self._s.frequencies, self._s.depth * self._s.filters
        if not self._share.across:
            return
        count, before = len(self._share.across) * s.down, self._share.across.start * s.down
        gradient = self._need(f"gradient {self._share.number}", count * 4 * size)
        depth = 2 * s.depth
        sizes, steps = (count, depth, s.batch), (depth, 1, total * depth)
        images = Matrices(self._spectrum("inputs"), sizes, steps, before * depth)
        for part in range(2):  # of the gradient of the outputs
            sizes, steps = (count, s.batch, s.filters), (2 * s.filters, total * 2 * s.filters, 1)
            start = before * 2 * s.filters + part * s.filters
            outputs = Matrices(self._spectrum("outputs"), sizes, steps, start)
            sizes, steps = (count, depth, s.filters), (4 * size, s.filters, 1)
            self.second.multiply(images, outputs, Matrices(gradient, sizes, steps, part * depth * s.filters))
        lines, plain = self._lines(size), self._plain_taps("parts", size, self._share.number * s.taps)
        spectrum = self._filter_frequencies(gradient, size, 0)
        self._transform(self.second, "to_filter from rows", spectrum, self._taps_along_rows(size))
        self._transform(
            self.second, "to_filter from columns", lines, plain, columns=2 * self._share.across.start
        )

    def _transform(
        self,
        products: Products,
        name: str,
        source: Matrices,
        result: Matrices,
        row: int = 0,
        columns: int = 0,
    ) -> None:
        """Multiply by the matrix of this name: by its rows, columns from these on, as many as there are."""
        rank, rows, inner = len(source.sizes) - 2, result.sizes[-2], source.sizes[-2]
        width = self._widths[name]
        sizes = (1,) * rank + (rows, inner)
        steps = (rows * width,) * rank + (width, 1)
        products.multiply(Matrices(name, sizes, steps, row * width + columns), source, result)


class Direct(Protocol):
    """What computes a call without spectra."""

    def run(self, call: Call) -> None:
        """Compute it."""


class Team:
    """A convolution, or both gradients of one, prepared to be computed in so many parts.

    `direct` makes what takes the place of this where the numbers are not finite.
    """

    def __init__(
        self,
        library: Library,
        whats: Sequence[Convolution],
        count: int,
        threads: int,
        direct: Callable[[], Direct],
    ) -> None:
        self._spectrum = s = Spectrum.of(whats[0])
        self._kinds = [what.kind for what in whats]
        self._used = _used(self._kinds)
        # Of these: those that are filtered.
        self._filtered = len(self._used) - 1 if self._kinds[0] == "to_input" else 0
        self._make_direct = direct
        self._direct: Direct | None = None
        self._steps = [_Steps(library, s, share, threads) for share in _shares(s, count)]
        for steps in self._steps:
            self._describe(steps)
        self._constants = {name: m.ctypes.data for name, m in _matrices(s).items()}
        self._starts, self._size = _arranged([steps.needs for steps in self._steps])
        self._first = [steps.first.run for steps in self._steps]
        self._second = [steps.second.run for steps in self._steps]
        self._placed: tuple[int, ...] = ()
        self._sizes: list[np.ndarray[Any, Any]] = []
        self._result: np.ndarray[Any, Any] | None = None
        self._checked: list[np.ndarray[Any, Any]] = []
        self._unused: list[np.ndarray[Any, Any]] = []

    def _describe(self, steps: _Steps) -> None:
        for images in self._used:
            steps.analyse(images)
        for kind in self._kinds:
            if kind == "to_filter":
                steps.differentiate()
            else:
                steps.filter(kind)

    def run(self, call: Call) -> None:
        """Compute a call."""
        scratch = _taken(self._size)
        start = scratch.ctypes.data
        self._place(start + -start % ALIGNED, call.arguments, call.results)
        views = zip(self._used, self._sizes, strict=True)
        found = [_survey(self._spectrum, images, numbers) for images, numbers in views]
        is_even = all(even for even, _ in found)
        if is_even:
            call.each(self._first)
            call.each(self._second)
        scopes.process.scratch.append(scratch)
        for part in self._unused:
            part.fill(0)
        if not is_even or not all(np.isfinite(numbers).all() for numbers in self._checked):
            self._directly(call)
            return
        seen = found[self._filtered][1]
        if self._result is not None and seen is not None:
            self._result[~seen] = 0

    def _directly(self, call: Call) -> None:
        self._direct = self._direct or self._make_direct()
        self._direct.run(call)

    def _place(self, scratch: int, arguments: list[int], results: list[int]) -> None:
        placed = (scratch, *arguments, *results)
        if placed == self._placed:  # mostly all is where it was in the last call
            return
        addresses = self._named(arguments, results)
        places = {name: scratch + FLOAT * start for name, start in self._starts.items()}
        for steps in self._steps:
            for products in (steps.first, steps.second):
                products.place({**self._constants, **places, **addresses})
        self._look_at(addresses)
        self._placed = placed

    def _named(self, arguments: list[int], results: list[int]) -> dict[str, int]:
        """The addresses by name."""
        found: dict[str, int] = {}
        for n, (kind, result) in enumerate(zip(self._kinds, results, strict=True)):
            given = [arguments[2], arguments[1]] if n else arguments[:2]
            found.update(zip(OPERANDS[kind], [*given, result], strict=True))
        found.update(
            (f"{images} sizes", at)
            for images, at in zip(self._used, arguments[1 + len(results) :], strict=False)
        )
        return found

    def _look_at(self, addresses: Mapping[str, int]) -> None:
        """One number of each image and filter: if any of a spectrum is not finite, none made of it is."""
        s = self._spectrum
        self._checked, self._unused = [], []
        self._sizes = [
            _array(addresses[f"{images} sizes"], np.float32, (s.batch, *s.size(images)))
            for images in self._used
        ]
        if "parts" in addresses:
            parts = _array(addresses["parts"], np.float32, (len(self._steps), s.taps))
            used = min(len(self._steps), s.across)
            self._checked.append(parts[:used, : s.depth * s.filters])
            self._unused += list(parts[used:])
        if "result" in addresses:
            images = OTHERS[SOURCES[self._kinds[0]]]
            places = (s.batch, *s.size(images))
            self._result = _array(addresses["result"], np.float32, (*places, s.channels(images)))
            self._checked.append(self._result[:, 0, 0])


@dataclasses.dataclass(frozen=True)
class Share:
    """What one thread computes: its images, and its frequencies of columns."""

    number: int
    images: range
    across: range


def _shares(s: Spectrum, count: int) -> list[Share]:
    used = min(count, s.across)  # threads that compute for the filters
    images, across = _divided(s.batch, count), _divided(s.across, used)
    across += [range(0)] * (count - used)
    return [Share(n, *shares) for n, shares in enumerate(zip(images, across, strict=True))]


def _divided(total: int, count: int) -> list[range]:
    bounds = [total * i // count for i in range(count + 1)]
    return [range(*pair) for pair in itertools.pairwise(bounds)]


def _arranged(needs: Sequence[Mapping[str, int]]) -> tuple[dict[str, int], int]:
    """Where arrays begin in the memory for all, and the size of that, in bytes."""
    counts: dict[str, int] = {}
    for need in needs:
        for name, count in need.items():
            counts[name] = max(count, counts.get(name, 0))
    starts, end = {}, 0
    for name, count in counts.items():
        starts[name] = end
        end += count + -count % (ALIGNED // FLOAT)
    return starts, FLOAT * end + ALIGNED


def _taken(size: int) -> np.ndarray[Any, Any]:
    """So many bytes at least, which no other call uses. What was too small is given up."""
    try:
        found: np.ndarray[Any, Any] = scopes.process.scratch.pop()  # calls one after the other find the same
    except IndexError:
        return np.empty(size, np.uint8)
    return found if found.size >= size else np.empty(size, np.uint8)


def _array(address: int, dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    size = math.prod(shape) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)
