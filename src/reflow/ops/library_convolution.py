"""Convolutions by oneDNN inside programs for the CPU.

XLA's own convolutions reach half of what the processor can do, and less for few channels; oneDNN's, which
TensorFlow and PyTorch use too, nearly all of it, in the same layout. A program of this process calls them
through XLA's foreign function interface. The batch is divided among XLA's own threads, with which the
threads of another pool would have to share the cores.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import itertools
import math
import operator
import os
import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.base.onednn import Convolution, Kind, Library, OneDnnError, Runner, find
from reflow.base.xla_calls import Call, Handler
from reflow.graph import scopes
from reflow.graph.calls import Calls
from reflow.ops import fourier_convolution, long_rows
from reflow.ops.windows import as_format, channels_last, is_cpu

if TYPE_CHECKING:
    from reflow.ops.convolution_kernels import Geometry

TARGET = "reflow_convolution"
# Multiplications and additions: for fewer, a call through Python, or another thread, is not worth it.
SMALL, SMALL_PART = 1 << 20, 1 << 22
FEW = 8  # parts
KEPT = 512  # convolutions that stay prepared
# Of calls of one size, so many stay prepared at their addresses: each has memory for its filters. Of those
# with more filters than these, one does.
TEAMS, FEW_FILTERS = 6, 1 << 17
Places = tuple[int, ...]  # addresses of arguments and results
SEPARATOR = ";"  # of the convolutions of one call
OPERANDS = ((0, 1), (2, 1))  # the arguments of the first and of the second of them
SHALLOW = 4  # channels; the library's gradients for inputs of so few are slower than XLA's


def takes(jnp: Any, kind: Kind, geometry: Geometry, dtype: Any) -> bool:
    """Whether oneDNN is there for a convolution, or a gradient of one, and worth the call."""
    calls = scopes.foreign.top
    if jnp is np or dtype != np.float32 or calls is None or not calls.wanted or not is_cpu(jnp):
        return False
    what = _described(kind, geometry)
    return _is_worth_it(what) and _accepts(what)


def convolution(jnp: Any, kind: Kind, geometry: Geometry, one: Any, other: Any) -> Any:
    """A convolution or a gradient of one by oneDNN, which `takes` it.

    The call that computes the gradient for the input computes that for the filters too, if the program wants
    it: it comes when both threads are awake and the gradient of the output is at hand.
    """
    calls: Calls = scopes.foreign.top  # type: ignore[assignment]
    made = calls.taken(one, other, geometry) if kind == "to_filter" else None
    if made is not None:
        return made
    layout = geometry.data_format
    arrays = [channels_last(jnp, a, layout) if is_image else a for a, is_image in _images(kind, one, other)]
    whats, x = [_described(kind, geometry)], calls.beside
    if kind == "to_input" and _goes_with(jnp, geometry, x):
        whats.append(_described("to_filter", geometry))
        arrays.append(channels_last(jnp, x, layout))
    result, *beside = _called(whats, arrays)
    calls.made += [(x, other, geometry, filters) for filters in beside]
    return result if kind == "to_filter" else as_format(jnp, result, layout)


def _goes_with(jnp: Any, geometry: Geometry, x: Any) -> bool:
    """Whether the gradient for filters, of the input `x`, is to be computed with that for the input."""
    if x is None or channels_last(jnp, x, geometry.data_format).shape != geometry.inputs:
        return False
    if not takes(jnp, "to_filter", geometry, x.dtype):
        return False
    return _count(_described("to_input", geometry)) == _count(_described("to_filter", geometry))


def _is_worth_it(what: Convolution) -> bool:
    """Whether the library is faster than what takes its place, as measured (see `convolution_kernels`)."""
    if what.operations < SMALL:
        return False
    depth, filters = (sizes[-1] // what.groups for sizes in (what.inputs, what.outputs))
    if depth == 1 < filters and what.groups > 1:  # several filters for each channel
        return what.kind == "to_filter"
    strided_taps = math.prod(what.window) == 1 < math.prod(what.strides)
    return what.kind != "to_input" or (what.inputs[-1] > SHALLOW and not strided_taps)


def _described(kind: Kind, geometry: Geometry) -> Convolution:
    axes = geometry.axes
    return Convolution(
        kind,
        geometry.inputs,
        geometry.outputs,
        geometry.window,
        strides=tuple(a.stride for a in axes),
        rates=tuple(a.rate for a in axes),
        before=tuple(a.before for a in axes),
        groups=geometry.groups,
    )


def _images(kind: Kind, one: Any, other: Any) -> list[tuple[Any, bool]]:
    """The arguments, and whether each is in the layout of images."""
    return [(one, kind != "to_input"), (other, kind != "forward")]


def _shape(what: Convolution, count: int) -> tuple[int, ...]:
    """Of what a call returns; of the gradient for filters, all parts, for the program to add up."""
    if what.kind == "to_filter":
        return (count, *what.filters)
    return what.outputs if what.kind == "forward" else what.inputs


def _text(whats: Sequence[Convolution], count: int) -> str:
    """What a call is told: in how many parts to compute which convolutions."""
    return SEPARATOR.join([str(count), *(what.text for what in whats)])


def _called(whats: Sequence[Convolution], arrays: list[Any]) -> list[Any]:
    """The results of one call for one convolution, or of one that makes both gradients of one."""
    import jax

    calls: Calls = scopes.foreign.top  # type: ignore[assignment]
    count = _count(whats[0])
    shapes = [_shape(what, count) for what in whats]
    # Only addresses count in a call: images of few channels come and go in the shape that suits XLA's loops.
    rows = [long_rows.of(shape) or shape for shape in shapes]
    results = [jax.ShapeDtypeStruct(shape, np.float32) for shape in rows]  # type: ignore[no-untyped-call]
    if fourier_convolution.suits(whats[0]):
        arrays = [*arrays, *fourier_convolution.sizes(jax.numpy, whats, arrays)]
    arrays = [long_rows.arranged(jax.numpy, array) for array in arrays]
    # A call also takes the result of the one before, at which it does not look: so they run one by one, each
    # on all threads, in the order of the graph. XLA would start some together, and leave the gradients of
    # filters, for which nothing waits, to the end, when what they are made of is in no cache any more.
    before = calls.last if calls.ordered else []
    made = jax.ffi.ffi_call(TARGET, results)(*arrays, *before, what=_text(whats, count))
    calls.last = list(made[:1])
    made = [m.reshape(shape) for m, shape in zip(made, shapes, strict=True)]
    return [_total(m) if w.kind == "to_filter" else m for w, m in zip(whats, made, strict=True)]


def _total(parts: Any) -> Any:
    """The sum; of few, as what XLA computes together with what comes next."""
    return functools.reduce(operator.add, parts) if len(parts) <= FEW else parts.sum(axis=0)


@functools.cache
def _accepts(what: Convolution) -> bool:
    if _ready() is None:
        return False
    try:
        work = _work(_text([what], _count(what)).encode())
        work.given((), work.taken(()))
    except OneDnnError:
        return False
    return True


@functools.cache
def _ready() -> Library | None:
    """The library, once XLA knows how to call it and a first call has given the right numbers."""
    library = find()
    if library is None:
        return None
    import jax

    try:
        jax.ffi.register_ffi_target(TARGET, _HANDLER.capsule, platform="cpu", api_version=1)
    except jax.errors.JaxRuntimeError as error:  # another version of the interface than this is written for
        _warn(f"XLA does not take it: {error}")
        return None
    what = Convolution("forward", (2, 3, 3, 2), (2, 3, 3, 2), (1, 1), (1, 1), (1, 1), (0, 0))
    x = np.arange(36, dtype=np.float32).reshape(2, 3, 3, 2)
    w = np.array([[[[1, 2], [3, 4]]]], np.float32)
    # The question comes up while another program is traced.
    with scopes.foreign.pushed(Calls()), jax.ensure_compile_time_eval():
        found = jax.jit(lambda *arrays: _called([what], list(arrays))[0])(x, w)
    if not np.array_equal(found, x @ w[0, 0]):
        _warn("it computes wrong numbers")
        return None
    return library


def _warn(why: str) -> None:
    text = f"oneDNN is installed, but XLA computes the convolutions: {why}"
    warnings.warn(text, RuntimeWarning, stacklevel=2)


# What happens in a call


@dataclasses.dataclass(frozen=True)
class Part:
    """The convolution of a part of the batch: where it begins in the input and in the output, in bytes."""

    what: Convolution
    inputs: int
    outputs: int
    threads: int

    def places(self, number: int, one: int, other: int, result: int) -> tuple[int, int, int]:
        """Where the arguments and the result of this part, the so manieth, are in those of the whole."""
        if self.what.kind == "forward":
            return one + self.inputs, other, result + self.outputs
        if self.what.kind == "to_input":
            return one, other + self.outputs, result + self.inputs
        return one + self.inputs, other + self.outputs, result + number * 4 * math.prod(self.what.filters)


def _threads() -> int:
    return os.cpu_count() or 1


def _count(what: Convolution) -> int:
    """Into how many parts a convolution is divided along the batch, one for each thread at most."""
    count = min(_threads(), what.inputs[0], what.operations // SMALL_PART)
    if what.kind == "to_filter":  # each part makes all filters: not where these are larger than the images
        images = math.prod(what.inputs) + math.prod(what.outputs)
        count = min(count, images // math.prod(what.filters))
    return max(1, count)


def _parts(what: Convolution, count: int) -> list[Part]:
    """So many parts of a convolution."""
    batch, threads = what.inputs[0], max(1, _threads() // count)
    bounds = [batch * i // count for i in range(count + 1)]
    steps = [4 * math.prod(sizes[1:]) for sizes in (what.inputs, what.outputs)]
    parts = []
    for start, stop in itertools.pairwise(bounds):
        inputs, outputs = (stop - start, *what.inputs[1:]), (stop - start, *what.outputs[1:])
        part = dataclasses.replace(what, inputs=inputs, outputs=outputs)
        places = (start * steps[0], start * steps[1])
        parts.append(Part(part, *places, threads))
    return parts


class Work:
    """What is to be done in one call, and who does it: for each part, what of each convolution."""

    def __init__(self, whats: Sequence[Convolution], count: int) -> None:
        self._whats, self._count = whats, count
        self.parts = list(zip(*[_parts(what, count) for what in whats], strict=True))
        # Those that no call uses now, by the addresses they are at. Layers of one size share this work.
        self._free: dict[Places, Team | fourier_convolution.Team] = {}
        self._most = TEAMS if math.prod(whats[0].filters) <= FEW_FILTERS else 1

    def taken(self, places: Places) -> Team | fourier_convolution.Team:
        """A team of its own for a call: the one at these addresses, or a new one, or at last another."""
        team = self._free.pop(places, None)
        if team is None and len(self._free) >= self._most:
            with contextlib.suppress(KeyError):  # other threads have taken them
                _, team = self._free.popitem()
        return team or self._new()

    def given(self, places: Places, team: Team | fourier_convolution.Team) -> None:
        """A call is done with its team."""
        self._free[places] = team

    def _new(self) -> Team | fourier_convolution.Team:
        library = find()
        assert library is not None, "a program calls oneDNN, which is not there"

        def direct() -> Team:
            return Team(library, self)

        if not fourier_convolution.suits(self._whats[0]):
            return direct()
        threads = self.parts[0][0].threads
        return fourier_convolution.Team(library, self._whats, self._count, threads, direct)


class Team:
    """A runner for each part of each convolution."""

    def __init__(self, library: Library, work: Work) -> None:
        made = [[Runner(library, p.what, p.threads) for p in part] for part in work.parts]
        self._actions = [functools.partial(_run, runners) for runners in made]
        self._placed = [
            (runner, part, n, number)
            for n, (runners, parts) in enumerate(zip(made, work.parts, strict=True))
            for number, (runner, part) in enumerate(zip(runners, parts, strict=True))
        ]
        self._at: tuple[list[int], list[int]] = [], []  # where the arguments and the results are

    def run(self, call: Call) -> None:
        """Compute a call."""
        at = call.arguments, call.results
        if at != self._at:  # mostly all is where it was in the last call
            self._place(*at)
            self._at = at
        call.each(self._actions)

    def _place(self, arguments: list[int], results: list[int]) -> None:
        for runner, part, n, number in self._placed:
            first, second = OPERANDS[number]
            runner.place(*part.places(n, arguments[first], arguments[second], results[number]))


def _run(runners: list[Runner]) -> None:
    for runner in runners:
        runner.run()


@functools.lru_cache(KEPT)
def _work(text: bytes) -> Work:
    count, *whats = text.decode().split(SEPARATOR)
    return Work([Convolution.parse(what) for what in whats], int(count))


def _handle(call: Call) -> None:
    work = _work(call.text)
    places = (*call.arguments, *call.results)
    team = work.taken(places)
    team.run(call)
    work.given(places, team)


_HANDLER = Handler(_handle)
