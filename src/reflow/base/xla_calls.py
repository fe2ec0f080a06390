"""Functions of this process as calls inside XLA programs on the CPU, without a compiled extension.

XLA's foreign function interface is a C interface: a handler gets one structure that holds the addresses of
the arguments, of the results and of the attributes (`xla/ffi/api/c_api.h`, which JAX ships in
`jax.ffi.include_dir()`). `Handler` is such a handler in Python, made with ctypes: what it gets are addresses,
which it hands to a library's functions. Those run without the GIL; XLA's own threads are used through `each`.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import struct
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

_SIZE, _POINTER, _INT64, _INT = ctypes.c_size_t, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int
_MAJOR = 0  # the version of the interface that the structures below are of
_METADATA = 1  # the type of the extension that asks for the version
_INTERNAL = 13  # the code of an error
LAST_WAIT = 5.0  # seconds, for threads when Python ends
FRAMES = 4096  # lists of buffers, whose places are remembered


def _plain(name: str, *fields: tuple[str, Any]) -> Any:
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def _structure(name: str, *fields: tuple[str, Any]) -> Any:
    """A structure of the interface: each begins with its size and a list of extensions."""
    return _plain(name, ("size", _SIZE), ("extension", _POINTER), *fields)


_Version = _structure("_Version", ("major", _INT), ("minor", _INT))
_Metadata = _plain("_Metadata", ("size", _SIZE), ("version", _Version), ("traits", ctypes.c_uint32))
_Extension = _plain("_Extension", ("size", _SIZE), ("type", _INT), ("next", _POINTER), ("metadata", _POINTER))
_FUNCTIONS = (
    *("error_create", "error_message", "error_destroy", "handler_register", "stream", "type_register"),
    *("context", "state_set", "state_get", "allocate", "free", "schedule", "threads"),
)
_Api = _structure(
    "_Api", ("version", _Version), ("internal", _POINTER), *((name, _POINTER) for name in _FUNCTIONS)
)
_NewError = _structure("_NewError", ("message", ctypes.c_char_p), ("code", _INT))
_Schedule = _structure("_Schedule", ("context", _POINTER), ("task", _POINTER), ("data", _POINTER))

_ENTRY = ctypes.CFUNCTYPE(_POINTER, _POINTER)  # what XLA calls
_QUICK = ctypes.PYFUNCTYPE(_POINTER, _POINTER)  # what XLA does at once: the GIL is not worth giving away
_TASK = ctypes.CFUNCTYPE(None, _POINTER)

# What is read in every call is unpacked at once. The lists of arguments, results and attributes are each:
# size, extension, how many, their types, (names,) addresses.
_FRAME = struct.Struct("QQ QQ i4x QQqQQ QQqQQ QQqQQQ")
_CONTENTS = 24  # bytes of a buffer before the address of its contents: its size, extension and type
_SPAN = struct.Struct("QQ")
_ADDRESS = struct.Struct("Q")


def _read(kind: struct.Struct, address: int) -> tuple[Any, ...]:
    return kind.unpack(ctypes.string_at(address, kind.size))


class Job:
    """Something to do once, in whichever thread comes first."""

    def __init__(self, action: Callable[[], None]) -> None:
        self._todo = [action]
        self._error: BaseException | None = None
        self._done = threading.Lock()
        self._done.acquire()

    def run(self) -> None:
        """Do it, unless another thread has begun."""
        try:
            action = self._todo.pop()  # atomic
        except IndexError:
            return
        try:
            action()
        except BaseException as error:
            self._error = error
        finally:
            self._done.release()

    def wait(self) -> BaseException | None:
        """Wait until it is done; what it raised."""
        self._done.acquire()
        return self._error


_known = threading.local()  # its `stays`: that Python keeps the state of this thread


def _stay() -> None:
    """Let Python keep its state of a thread of XLA's, which it would make anew in each call."""
    if not getattr(_known, "stays", False):
        _known.stays = True
        ctypes.pythonapi.PyGILState_Ensure()  # never released


class _Scheduled:
    """The jobs that XLA has been asked to do, until a thread of XLA's has had them."""

    def __init__(self) -> None:
        self._jobs: dict[int, Job] = {}  # by their addresses
        atexit.register(self.wait)

    def add(self, job: Job) -> int:
        """Keep a job alive; its address."""
        self._jobs[id(job)] = job
        return id(job)

    def run(self, address: int) -> None:
        """What a thread of XLA's does with the address of a job."""
        self._jobs[address].run()
        self.forget(address)

    def forget(self, address: int) -> None:
        """No thread comes for this job any more."""
        del self._jobs[address]

    def wait(self) -> None:
        """Wait until no thread of XLA's is about to enter Python, which is about to end.

        A thread may come late for a job that is done. When Python has ended it would end the thread, without
        XLA's knowing, and XLA would wait for it forever.
        """
        end = time.monotonic() + LAST_WAIT
        while self._jobs and time.monotonic() < end:
            time.sleep(0.0005)


_scheduled = _Scheduled()


def _task(address: int) -> None:
    """What XLA calls in one of its threads, with the address of a job."""
    _stay()
    _scheduled.run(address)


_TASK_ENTRY = _TASK(_task)
_TASK_ADDRESS = ctypes.cast(_TASK_ENTRY, _POINTER).value
_SCHEDULE_SIZE = ctypes.sizeof(_Schedule)


@functools.cache
def _function(api: int, name: str) -> Any:
    """One of the functions that XLA offers to handlers."""
    return _QUICK(getattr(_Api.from_address(api), name))


class Call:
    """One call of a handler, while it lasts."""

    __slots__ = ("_api", "_arguments", "_context", "_lists", "_results")

    def __init__(self, api: int, context: int, lists: tuple[int, ...]) -> None:
        self._api, self._context, self._lists = api, context, lists
        self._arguments: list[int] | None = None  # read when they are asked for
        self._results: list[int] | None = None

    @property
    def arguments(self) -> list[int]:
        """The addresses of the arguments."""
        if self._arguments is None:
            self._arguments = _addresses(self._lists[2], self._lists[4])
        return self._arguments

    @property
    def results(self) -> list[int]:
        """The addresses of the results."""
        if self._results is None:
            self._results = _addresses(self._lists[7], self._lists[9])
        return self._results

    @property
    def text(self) -> bytes:
        """The one attribute of the call, a text."""
        (span,) = _read(_ADDRESS, self._lists[15])
        return ctypes.string_at(*_read(_SPAN, span))

    def each(self, actions: Sequence[Callable[[], None]]) -> None:
        """Do all actions, each in one of XLA's threads or in this one; raises what the first of them raised.

        This thread does the first, then those that no other thread has begun.
        """
        if len(actions) == 1:
            actions[0]()
            return
        jobs = [Job(action) for action in actions]
        for job in jobs[1:]:
            self._schedule(job)
        for job in jobs:
            job.run()
        errors = [job.wait() for job in jobs]  # of all: none may still write to the results of an ended call
        for error in errors:
            if error is not None:
                raise error

    def _schedule(self, job: Job) -> None:
        """Have XLA do a job in another thread. If it refuses, this thread is to do it."""
        address = _scheduled.add(job)
        wanted = _Schedule(_SCHEDULE_SIZE, None, self._context, _TASK_ADDRESS, address)
        if _function(self._api, "schedule")(ctypes.addressof(wanted)):
            _scheduled.forget(address)

    def failure(self, error: BaseException) -> int:
        """An error of XLA's that says what was raised."""
        message = f"{type(error).__name__}: {error}".encode()
        wanted = _NewError(ctypes.sizeof(_NewError), None, message, _INTERNAL)
        return _function(self._api, "error_create")(ctypes.addressof(wanted)) or 0


def _addresses(count: int, places: int) -> list[int]:
    return [field.value for field in _contents(ctypes.string_at(places, count * _ADDRESS.size))]


@functools.lru_cache(FRAMES)
def _contents(buffers: bytes) -> list[ctypes.c_uint64]:
    """Where each of these buffers says where its contents are."""
    places = struct.unpack(f"{len(buffers) // _ADDRESS.size}Q", buffers)
    return [ctypes.c_uint64.from_address(place + _CONTENTS) for place in places]


class Handler:
    """A function of a `Call` as a handler of XLA's."""

    def __init__(self, function: Callable[[Call], None]) -> None:
        self._function = function
        self._entry = _ENTRY(self._handle)  # must live as long as programs that call it

    @property
    def capsule(self) -> Any:
        """What `jax.ffi.register_ffi_target` takes."""
        import jax

        address = ctypes.cast(self._entry, _POINTER).value
        return jax.ffi.pycapsule(address)  # type: ignore[no-untyped-call]

    def _handle(self, address: int) -> int | None:
        _stay()
        size, extension, api, context, _, *lists = _read(_FRAME, address)
        call = Call(api, context, tuple(lists))
        try:
            if extension:
                _tell_version(size, extension, api)
            else:
                self._function(call)
        except BaseException as error:  # it would be lost: nothing of Python's is around this call
            return call.failure(error)
        return None


def _tell_version(size: int, extension: int, api: int) -> None:
    asked, version = _Extension.from_address(extension), _Api.from_address(api).version
    if asked.type != _METADATA or version.major != _MAJOR or size < _FRAME.size:
        raise RuntimeError(f"XLA's foreign functions have version {version.major}.{version.minor}")
    metadata = _Metadata.from_address(asked.metadata)
    metadata.version.major, metadata.version.minor, metadata.traits = version.major, version.minor, 0
