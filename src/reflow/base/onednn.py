"""oneDNN, where it is installed: convolutions of float32 arrays on the CPU, through its C interface.

The library (https://github.com/uxlfoundation/oneDNN) is `libdnnl.so.3`, built on OpenMP: `reflow[onednn]`
brings it. `find` loads it, a `Convolution` says what is to be computed, a `Runner` computes it on addresses
of memory. Arrays have their channels last, and filters are [window..., depth, filters]; the library wants the
filters in another order, into which they are brought in each run. `Products` are products of matrices.

Numbers here are those of the public headers of version 3 (`dnnl_types.h`, `dnnl_common_types.h`).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import math
import os
import site
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

NAME, MAJOR = "libdnnl.so.3", 3
OFF = "0"  # in the environment's REFLOW_ONEDNN: do without
FEW = 1 << 14  # filters; to reorder so many takes a few microseconds

Kind = Literal["forward", "to_input", "to_filter"]

CPU, IN_ORDER, FLOAT, ANY_ORDER = 1, 1, 3, 1
TRAINING, DIRECT = 64, 1  # the kind of pass, the algorithm
CHANNELS_LAST = {3: 15, 4: 22, 5: 33}  # rank -> the tag of that order
FROM, TO = 1, 17  # the arguments of a reordering
INPUT, OUTPUT, FILTERS = 1, 17, 33  # the arguments of a convolution (of a product too), and the gradients:
INPUT_GRADIENT, OUTPUT_GRADIENT, FILTER_GRADIENT = 129, 145, 161
ITS_FILTERS, ITS_FILTER_GRADIENT, ITS_SCRATCH = 131, 132, 136  # what a primitive is asked for
SCRATCH, GIVEN = 80, 1  # the argument for what a primitive notes down, and that the caller gives it memory


@dataclass(frozen=True)
class Convolution:
    """A convolution or one of its two gradients, by the sizes of the forward convolution."""

    kind: Kind
    inputs: tuple[int, ...]  # batch, space..., depth
    outputs: tuple[int, ...]  # batch, space..., filters
    window: tuple[int, ...]
    strides: tuple[int, ...]
    rates: tuple[int, ...]
    before: tuple[int, ...]  # padding
    groups: int = 1

    @property
    def after(self) -> tuple[int, ...]:
        """The padding behind, up to where the last window ends; less than 0 if a rest is left."""
        axes = zip(self.inputs[1:-1], self.outputs[1:-1], self.window, self.strides, self.rates, strict=True)
        ends = [(o - 1) * s + (w - 1) * r + 1 - i for i, o, w, s, r in axes]
        return tuple(e - b for e, b in zip(ends, self.before, strict=True))

    @property
    def filters(self) -> tuple[int, ...]:
        """The sizes of the filters."""
        return (*self.window, self.inputs[-1] // self.groups, self.outputs[-1])

    @property
    def operations(self) -> int:
        """How many numbers are multiplied and added."""
        return 2 * math.prod(self.outputs) * math.prod(self.filters[:-1])

    @property
    def text(self) -> str:
        """All of it, for `parse`.

        >>> c = Convolution("forward", (8, 5, 5, 3), (8, 5, 5, 4), (3, 3), (1, 1), (1, 1), (1, 1))
        >>> c.text
        'forward 8,5,5,3 8,5,5,4 3,3 1,1 1,1 1,1 1'
        >>> Convolution.parse(c.text) == c
        True
        """
        lists = (self.inputs, self.outputs, self.window, self.strides, self.rates, self.before)
        return " ".join([self.kind, *(",".join(map(str, v)) for v in lists), str(self.groups)])

    @classmethod
    def parse(cls, text: str) -> Convolution:
        """The convolution of a `text`."""
        kind, *lists, groups = text.split(" ")
        return cls(kind, *(tuple(map(int, v.split(","))) for v in lists), int(groups))  # type: ignore[call-arg,arg-type]


class OneDnnError(Exception):
    """The library refused a call."""


def _places() -> list[str]:
    """Where the library may be: with what pip and conda install, or where the system's loader looks."""
    chosen = os.environ.get("REFLOW_ONEDNN")
    if chosen:
        return [chosen]
    roots = dict.fromkeys([sysconfig.get_path("data"), sys.prefix, site.getuserbase()])
    return [*(os.path.join(root, "lib", NAME) for root in roots), NAME]


@functools.cache
def find() -> Library | None:
    """The library, or None where there is none. The environment's `REFLOW_ONEDNN` is its path, or `OFF`.

    Raises:
        ImportError: the file that `REFLOW_ONEDNN` names is not the library.
    """
    chosen = os.environ.get("REFLOW_ONEDNN")
    if chosen == OFF or (chosen is None and sys.platform != "linux"):
        return None
    for place in _places():
        try:
            return Library(ctypes.CDLL(place), ctypes.PyDLL(place))
        except OSError as error:  # not there
            if chosen:
                raise ImportError(f"REFLOW_ONEDNN={chosen} cannot be loaded: {error}") from error
        except (AttributeError, OneDnnError) as error:
            text = f"{place} is not oneDNN 3 on OpenMP: {error}"
            if chosen:
                raise ImportError(f"REFLOW_ONEDNN: {text}") from error
            warnings.warn(text, RuntimeWarning, stacklevel=2)
    return None


_Version = ctypes.c_int * 3


class _Argument(ctypes.Structure):
    _fields_ = (("number", ctypes.c_int), ("memory", ctypes.c_void_p))


ALLOCATED = ctypes.c_void_p(-1)  # the address of memory that the library is to allocate
_MAX_RANK = 12
_Sizes = ctypes.c_int64 * _MAX_RANK
_POINTER, _INT, _SIZES = ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(ctypes.c_int64)
_MADE = ctypes.POINTER(_POINTER)
_WINDOWS = (_SIZES,) * 4  # strides, dilations, padding before and after

# What makes an object -> the types of its arguments after the object, and what destroys it.
_MAKERS: dict[str, tuple[tuple[Any, ...], str]] = {
    "engine_create": ((_INT, ctypes.c_size_t), "engine_destroy"),
    "stream_create": ((_POINTER, ctypes.c_uint), "stream_destroy"),
    "memory_desc_create_with_tag": ((_INT, _SIZES, _INT, _INT), "memory_desc_destroy"),
    "memory_desc_create_with_strides": ((_INT, _SIZES, _INT, _SIZES), "memory_desc_destroy"),
    "memory_create": ((_POINTER,) * 3, "memory_destroy"),
    "primitive_create": ((_POINTER,), "primitive_destroy"),
    "primitive_attr_create": ((), "primitive_attr_destroy"),
    "reorder_primitive_desc_create": ((_POINTER,) * 5, "primitive_desc_destroy"),
    "matmul_primitive_desc_create": ((_POINTER,) * 6, "primitive_desc_destroy"),
    "convolution_forward_primitive_desc_create": (
        (_POINTER, _INT, _INT, *(_POINTER,) * 4, *_WINDOWS, _POINTER),
        "primitive_desc_destroy",
    ),
    "convolution_backward_data_primitive_desc_create": (
        (_POINTER, _INT, *(_POINTER,) * 3, *_WINDOWS, *(_POINTER,) * 2),
        "primitive_desc_destroy",
    ),
    "convolution_backward_weights_primitive_desc_create": (
        (_POINTER, _INT, *(_POINTER,) * 4, *_WINDOWS, *(_POINTER,) * 2),
        "primitive_desc_destroy",
    ),
}


class _Object:
    """An object of the library, destroyed with this."""

    def __init__(self, handle: ctypes.c_void_p, destroy: Any) -> None:
        self._as_parameter_ = handle  # what ctypes passes
        self.handle = handle.value
        self._destroy = destroy

    def __del__(self) -> None:
        self._destroy(self._as_parameter_)


class Library:
    """The loaded library, through which functions are called without the GIL (`functions`) and with it."""

    def __init__(self, functions: Any, quick: Any) -> None:
        quick.dnnl_version.restype = ctypes.POINTER(_Version)
        self.version = tuple(quick.dnnl_version().contents)
        if self.version[0] != MAJOR:
            raise OneDnnError(f"it has version {'.'.join(map(str, self.version))}")
        self._makers = {}
        for name, (types, destroyer) in _MAKERS.items():
            make = _typed(functions, name, (_MADE, *types))
            self._makers[name] = (make, _typed(functions, destroyer, (_POINTER,)))
        execute = (_POINTER, _POINTER, _INT, ctypes.POINTER(_Argument))
        self.execute = _typed(functions, "primitive_execute", execute)
        self.execute_quick = _typed(quick, "primitive_execute", execute)
        self.place = _typed(quick, "memory_set_data_handle", (_POINTER, _POINTER))
        self._query = _typed(quick, "primitive_desc_query_md", (_POINTER, _INT, _INT), _POINTER)
        self._equal = _typed(quick, "memory_desc_equal", (_POINTER, _POINTER))
        self._size = _typed(quick, "memory_desc_get_size", (_POINTER,), ctypes.c_size_t)
        # Of the OpenMP that the library is built on: found through it.
        self.threads = quick.omp_get_max_threads
        self.set_threads = quick.omp_set_num_threads
        self.engine = self.make("engine_create", CPU, 0)
        # Else a primitive notes down in memory of the thread that made it, and fails, or worse, in another.
        self.given_scratch = self.make("primitive_attr_create")
        mode = _typed(functions, "primitive_attr_set_scratchpad_mode", (_POINTER, _INT))
        check(mode(self.given_scratch, GIVEN), "primitive_attr_set_scratchpad_mode")

    def make(self, name: str, *arguments: Any) -> _Object:
        """An object, by the function of this name."""
        make, destroy = self._makers[name]
        handle = ctypes.c_void_p()
        check(make(ctypes.byref(handle), *arguments), name)
        return _Object(handle, destroy)

    def wanted(self, description: _Object, question: int) -> ctypes.c_void_p:
        """How a primitive wants one of its arguments to lie in memory."""
        return ctypes.c_void_p(self._query(description, question, 0))

    def scratch(self, description: _Object) -> _Object | None:
        """Memory for what a primitive notes down while it runs, if it does."""
        wanted = self.wanted(description, ITS_SCRATCH)
        if not self._size(wanted):
            return None
        return self.make("memory_create", wanted, self.engine, ALLOCATED)

    def same(self, one: Any, other: Any) -> bool:
        """Whether two descriptions of memory are equal."""
        return bool(self._equal(one, other))

    @contextlib.contextmanager
    def limited(self, threads: int) -> Iterator[None]:
        """Let the calling thread use so many threads of OpenMP's, for this time."""
        before = self.threads()
        self.set_threads(threads)
        try:
            yield
        finally:
            self.set_threads(before)


def _typed(functions: Any, name: str, types: Sequence[Any], result: Any = _INT) -> Any:
    function = getattr(functions, f"dnnl_{name}")
    function.argtypes, function.restype = types, result
    return function


def check(status: int, name: str) -> None:
    """Raise what a function of the library says of its call."""
    if status:
        raise OneDnnError(f"oneDNN's dnnl_{name} failed with status {status}")


class Prepared:
    """Calls of the library, prepared for so many threads, to be made one after the other."""

    def __init__(self, library: Library, threads: int) -> None:
        self._library, self._threads = library, threads
        self._stream = library.make("stream_create", library.engine, IN_ORDER)
        self._calls: list[tuple[Any, Any, Any, int, Any]] = []  # functions and their arguments
        self._keep: list[_Object] = []

    def _strided(self, sizes: Sequence[int], strides: Sequence[int]) -> _Object:
        """A description of memory; strides are counted in numbers."""
        name = "memory_desc_create_with_strides"
        return self._library.make(name, len(sizes), _Sizes(*sizes), FLOAT, _Sizes(*strides))

    def _memory(self, description: Any, own: bool = False) -> _Object:
        place = ALLOCATED if own else None
        return self._library.make("memory_create", description, self._library.engine, place)

    def _place(self, memory: _Object, address: int) -> None:
        check(self._library.place(memory.handle, address), "memory_set_data_handle")

    def _reorder(self, one: tuple[Any, _Object], other: tuple[Any, _Object], quick: bool = False) -> None:
        """Copy between two orders of the same numbers; `quick`: with the GIL, not worth giving it away."""
        engine, scratch = self._library.engine, self._library.given_scratch
        name = "reorder_primitive_desc_create"
        description = self._library.make(name, one[0], engine, other[0], engine, scratch)
        self._add(description, (FROM, one[1]), (TO, other[1]), quick=quick)

    def _add(self, description: _Object, *arguments: tuple[int, _Object], quick: bool = False) -> None:
        primitive = self._library.make("primitive_create", description)
        scratch = self._library.scratch(description)
        if scratch is not None:
            arguments = (*arguments, (SCRATCH, scratch))
        array = (_Argument * len(arguments))(*[_Argument(n, m.handle) for n, m in arguments])
        execute = self._library.execute_quick if quick else self._library.execute
        self._calls.append((execute, primitive.handle, self._stream.handle, len(arguments), array))
        self._keep += [primitive, *(m for _, m in arguments)]

    def run(self) -> None:
        """Make the calls. With one thread it is the caller's."""
        library = self._library
        before = library.threads()  # as `limited`, without its cost in every call
        library.set_threads(self._threads)
        try:
            for execute, primitive, stream, count, arguments in self._calls:
                status = execute(primitive, stream, count, arguments)
                if status:
                    check(status, "primitive_execute")
        finally:
            library.set_threads(before)


class Runner(Prepared):
    """A convolution, prepared for so many threads, with memory for its filters in the library's order."""

    def __init__(self, library: Library, what: Convolution, threads: int) -> None:
        super().__init__(library, threads)
        with library.limited(threads):
            self._prepare(what)

    def _prepare(self, what: Convolution) -> None:
        library = self._library
        self._has_few_filters = math.prod(what.filters) <= FEW  # not worth giving the GIL away for
        batch, *space, depth = what.inputs
        count, tag = what.outputs[-1], CHANNELS_LAST[len(what.inputs)]
        x = self._described((batch, depth, *space), tag)
        y = self._described((batch, count, *what.outputs[1:-1]), tag)
        given, free = self._filters(what)
        windows = [_Sizes(*v) for v in (what.strides, [r - 1 for r in what.rates], what.before, what.after)]
        make, engine, scratch = library.make, library.engine, library.given_scratch
        forward = make(
            "convolution_forward_primitive_desc_create",
            *(engine, TRAINING, DIRECT, x, free, None, y, *windows, scratch),
        )
        if what.kind == "forward":
            self._filtering(forward, given, (x, INPUT), (y, OUTPUT), filters_at=1)
        elif what.kind == "to_input":
            name = "convolution_backward_data_primitive_desc_create"
            back = make(name, engine, DIRECT, x, free, y, *windows, forward, scratch)
            self._filtering(back, given, (y, OUTPUT_GRADIENT), (x, INPUT_GRADIENT), filters_at=0)
        else:
            name = "convolution_backward_weights_primitive_desc_create"
            back = make(name, engine, DIRECT, x, free, None, y, *windows, forward, scratch)
            self._to_filters(back, given, (x, INPUT), (y, OUTPUT_GRADIENT))

    def _described(self, sizes: Sequence[int], tag: int) -> _Object:
        name = "memory_desc_create_with_tag"
        return self._library.make(name, len(sizes), _Sizes(*sizes), FLOAT, tag)

    def _filters(self, what: Convolution) -> tuple[_Object, _Object]:
        """Descriptions of the filters: as they are given, and in an order that the library chooses."""
        depth, count, groups = what.filters[-2], what.outputs[-1], what.groups
        sizes: tuple[int, ...] = (count // groups, depth, *what.window)
        steps = [depth * count * math.prod(what.window[i + 1 :]) for i in range(len(what.window))]
        strides: tuple[int, ...] = (1, count, *steps)
        if groups > 1:
            sizes, strides = (groups, *sizes), (count // groups, *strides)
        return self._strided(sizes, strides), self._described(sizes, ANY_ORDER)

    def _filtering(
        self, primitive: _Object, given: _Object, source: Any, result: Any, *, filters_at: int
    ) -> None:
        """The calls of a primitive that takes filters."""
        outside = self._memory(given)
        inside, wanted = outside, self._library.wanted(primitive, ITS_FILTERS)
        if not self._library.same(wanted, given):
            inside = self._memory(wanted, own=True)
            self._reorder((given, outside), (wanted, inside), quick=self._has_few_filters)
        (x, x_number), (y, y_number) = source, result
        argument, product = self._memory(x), self._memory(y)
        self._add(primitive, (FILTERS, inside), (x_number, argument), (y_number, product))
        arguments = [argument]
        arguments.insert(filters_at, outside)
        self._memories = [*arguments, product]

    def _to_filters(self, primitive: _Object, given: _Object, one: Any, other: Any) -> None:
        """The calls of a primitive that makes the gradient of filters."""
        outside = self._memory(given)
        inside, wanted = outside, self._library.wanted(primitive, ITS_FILTER_GRADIENT)
        different = not self._library.same(wanted, given)
        if different:
            inside = self._memory(wanted, own=True)
        arguments = [self._memory(description) for description, _ in (one, other)]
        numbered = [(number, m) for (_, number), m in zip((one, other), arguments, strict=True)]
        self._add(primitive, (FILTER_GRADIENT, inside), *numbered)
        if different:
            self._reorder((wanted, inside), (given, outside), quick=self._has_few_filters)
        self._memories = [*arguments, outside]

    def place(self, *addresses: int) -> None:
        """Say where the two arguments and the result are, for `run`.

        The arguments are, in order, for `forward` the input and the filters, for `to_input` the filters and
        the output's gradient, for `to_filter` the input and the output's gradient.
        """
        for memory, address in zip(self._memories, addresses, strict=True):
            self._place(memory, address)


@dataclass(frozen=True)
class Matrices:
    """Where matrices are: from which number of which array on, [batch..., rows, columns], and their steps.

    Columns, or rows, must be next to each other: their step is 1.
    """

    array: str
    sizes: tuple[int, ...]
    steps: tuple[int, ...]
    start: int = 0


class Products(Prepared):
    """Products of matrices, one after the other, in arrays whose addresses come later (`place`)."""

    def __init__(self, library: Library, threads: int) -> None:
        super().__init__(library, threads)
        self._movable: list[tuple[_Object, str, int]] = []

    def multiply(self, one: Matrices, other: Matrices, result: Matrices) -> None:
        """To come: result = one @ other. A batch of size 1 goes with all of the other's."""
        operands = [(v, self._strided(v.sizes, v.steps)) for v in (one, other, result)]
        memories = [self._movable_memory(v, description) for v, description in operands]
        name = "matmul_primitive_desc_create"
        (_, a), (_, b), (_, c) = operands
        with self._library.limited(self._threads):
            scratch = self._library.given_scratch
            description = self._library.make(name, self._library.engine, a, b, None, c, scratch)
            self._add(description, *zip((INPUT, FILTERS, OUTPUT), memories, strict=True))

    def copy(self, one: Matrices, result: Matrices) -> None:
        """To come: the same numbers elsewhere, or in another order."""
        descriptions = [self._strided(v.sizes, v.steps) for v in (one, result)]
        ends = [(d, self._movable_memory(v, d)) for v, d in zip((one, result), descriptions, strict=True)]
        with self._library.limited(self._threads):
            self._reorder(ends[0], ends[1])

    def _movable_memory(self, where: Matrices, description: _Object) -> _Object:
        memory = self._memory(description)
        self._movable.append((memory, where.array, 4 * where.start))
        return memory

    def place(self, addresses: Mapping[str, int]) -> None:
        """Say where the arrays are, for `run`."""
        for memory, array, start in self._movable:
            self._place(memory, addresses[array] + start)
