"""Convolutions by oneDNN inside programs for the CPU.

XLA's own convolutions reach half of what the processor can do, and less for few channels; oneDNN's, which
TensorFlow and PyTorch use too, nearly all of it, in the same layout. A program of this process calls them
through XLA's foreign function interface. The batch is divided among XLA's own threads, with which the
threads of another pool would have to share the cores.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
import operator
import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.base.onednn import Convolution, Kind, Library, OneDnnError, Runner, find
from reflow.base.xla_calls import Call, Handler
from reflow.graph import scopes
from reflow.ops.windows import as_format, channels_last, is_cpu

if TYPE_CHECKING:
    from reflow.ops.convolution_kernels import Geometry

TARGET = "reflow_convolution"
# Multiplications and additions: for fewer, a call through Python, or another thread, is not worth it.
SMALL, SMALL_PART = 1 << 20, 1 << 22
KEPT = 512  # convolutions that stay prepared
SHALLOW = 4  # channels; the library's gradients for inputs of so few are slower than XLA's


def takes(jnp: Any, kind: Kind, geometry: Geometry, dtype: Any) -> bool:
    """Whether oneDNN is there for a convolution, or a gradient of one, and worth the call."""
    if jnp is np or dtype != np.float32 or scopes.foreign.top is None or not is_cpu(jnp):
        return False
    what = _described(kind, geometry)
    return _is_worth_it(what) and _accepts(what)


def convolution(jnp: Any, kind: Kind, geometry: Geometry, one: Any, other: Any) -> Any:
    """A convolution or a gradient of one by oneDNN, which `takes` it."""
    layout = geometry.data_format
    arrays = [channels_last(jnp, a, layout) if is_image else a for a, is_image in _images(kind, one, other)]
    result = _called(_described(kind, geometry), arrays)
    return result if kind == "to_filter" else as_format(jnp, result, layout)


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


def _shape(what: Convolution) -> tuple[int, ...]:
    return {"forward": what.outputs, "to_input": what.inputs, "to_filter": what.filters}[what.kind]


def _called(what: Convolution, arrays: list[Any]) -> Any:
    import jax

    calls = scopes.foreign.top
    assert calls is not None, "`takes` has said no"
    shape = _shape(what)
    if what.kind == "to_filter":  # one for each part, which the program adds up
        shape = (len(_parts(what, _threads())), *shape)
    result = jax.ShapeDtypeStruct(shape, np.float32)  # type: ignore[no-untyped-call]
    # A call also takes the result of the one before, at which it does not look: so they run one by one, each
    # on all threads, in the order of the graph. XLA would start some together, and leave the gradients of
    # filters, for which nothing waits, to the end, when what they are made of is in no cache any more.
    made = jax.ffi.ffi_call(TARGET, result)(*arrays, *calls[-1:], what=what.text)
    calls.append(made)
    return functools.reduce(operator.add, made) if what.kind == "to_filter" else made


@functools.cache
def _accepts(what: Convolution) -> bool:
    if _ready() is None:
        return False
    try:
        work = _work(what.text.encode())
        work.free.append(work.team())
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
    with scopes.foreign.pushed([]), jax.ensure_compile_time_eval():
        found = jax.jit(lambda *arrays: _called(what, list(arrays)))(x, w)
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


def _parts(what: Convolution, threads: int) -> list[Part]:
    """A convolution, divided for so many threads along the batch."""
    batch, images = what.inputs[0], math.prod(what.inputs) + math.prod(what.outputs)
    count = min(threads, batch, what.operations // SMALL_PART)
    if what.kind == "to_filter":  # each part makes all filters: not where these are larger than the images
        count = min(count, images // math.prod(what.filters))
    count = max(1, count)
    bounds = [batch * i // count for i in range(count + 1)]
    steps = [4 * math.prod(sizes[1:]) for sizes in (what.inputs, what.outputs)]
    parts = []
    for start, stop in itertools.pairwise(bounds):
        inputs, outputs = (stop - start, *what.inputs[1:]), (stop - start, *what.outputs[1:])
        part = dataclasses.replace(what, inputs=inputs, outputs=outputs)
        places = (start * steps[0], start * steps[1])
        parts.append(Part(part, *places, threads=max(1, threads // count)))
    return parts


class Work:
    """What is to be done for one convolution, and who does it."""

    def __init__(self, what: Convolution, threads: int) -> None:
        self.what, self.parts = what, _parts(what, threads)
        self.free: list[Team] = []  # those that no call uses now

    def team(self) -> Team:
        """A team of its own for a call."""
        try:
            return self.free.pop()
        except IndexError:
            return Team(self)


class Team:
    """A runner for each part."""

    def __init__(self, work: Work) -> None:
        library = find()
        assert library is not None, "a program calls oneDNN, which is not there"
        self._what, self._parts = work.what, work.parts
        self._runners = [Runner(library, p.what, p.threads) for p in work.parts]
        self._actions = [runner.run for runner in self._runners]
        self._size = 4 * math.prod(work.what.filters)

    def run(self, call: Call) -> None:
        (one, other, *_), (result,) = call.arguments, call.results
        kind = self._what.kind
        for n, (p, runner) in enumerate(zip(self._parts, self._runners, strict=True)):
            if kind == "forward":
                places = (one + p.inputs, other, result + p.outputs)
            elif kind == "to_input":
                places = (one, other + p.outputs, result + p.inputs)
            else:
                places = (one + p.inputs, other + p.outputs, result + n * self._size)
            runner.place(*places)
        call.each(self._actions)


def _threads() -> int:
    return os.cpu_count() or 1


@functools.lru_cache(KEPT)
def _work(text: bytes) -> Work:
    return Work(Convolution.parse(text.decode()), _threads())


def _handle(call: Call) -> None:
    work = _work(call.text)
    team = work.team()
    team.run(call)
    work.free.append(team)


_HANDLER = Handler(_handle)
