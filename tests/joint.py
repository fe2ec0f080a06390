"""Tests marked `joint`: what a batch of them has XLA compile is compiled as one program.

A compile takes nearly as long for one op as for ten. Each test of a batch runs in a thread of its own, one
at a time, up to its first call of a program that is not compiled yet; when all that are left wait there,
their programs are traced and compiled as one, and each goes on with its own results. A test passes, fails
and is selected by itself: what it raised is kept until its turn. It takes parametrized arguments only, and
changes nothing of the process while it waits (as `pytest.warns` around a run does).
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from reflow.graph import scopes
from reflow.runtime import backend

BATCH = 32
Jitted = Callable[..., Callable[..., Any]]

current = threading.local()  # its `worker`: the one whose thread this is


class Joint:
    """Several calls as one program."""

    def __init__(self, calls: list[Call], arguments: list[tuple[Any, ...]]) -> None:
        self._functions = [call.function for call in calls]
        self._counts = [call.donated for call in calls]
        self._spare = [tuple(map(np.array, args)) for args in arguments]
        self._program = backend.jax().jit(self._all, donate_argnums=0)
        self.results = self._run(arguments)

    def _all(self, donated: list[Any], others: list[Any]) -> list[Any]:
        return [f(*d, *o) for f, d, o in zip(self._functions, donated, others, strict=True)]

    def _run(self, arguments: list[tuple[Any, ...]]) -> list[Any]:
        pairs = list(zip(arguments, self._counts, strict=True))
        results: list[Any] = self._program([a[:n] for a, n in pairs], [a[n:] for a, n in pairs])
        return results

    def again(self, place: int, arguments: tuple[Any, ...]) -> Any:
        """One of the calls with other arguments; what the others give is thrown away."""
        given = list(self._spare)
        given[place] = arguments
        return self._run(given)[place]


def signature(arguments: tuple[Any, ...]) -> Any:
    """What a program is compiled for."""
    return tuple([(np.shape(a), getattr(a, "dtype", type(a))) for a in arguments])


class Call:
    """A function to be compiled, with those that wait beside it; by itself when that is not possible."""

    def __init__(self, function: Callable[..., Any], donated: tuple[int, ...], jitted: Jitted) -> None:
        assert donated == tuple(range(len(donated)))
        self.function, self.donated = function, len(donated)
        self._alone = jitted(function, donated)
        self._joints: dict[Any, tuple[Joint, int] | None] = {}

    def __call__(self, *arguments: Any) -> Any:
        key = signature(arguments)
        if key not in self._joints:
            self._joints[key], result = current.worker.wait(self, arguments)
            return result if self._joints[key] is not None else self._alone(*arguments)
        found = self._joints[key]
        return self._alone(*arguments) if found is None else found[0].again(found[1], arguments)


class Worker(threading.Thread):
    """A test in a thread that runs only while `step` waits for it."""

    def __init__(self, test: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._test = test
        self._mine, self._theirs = threading.Semaphore(0), threading.Semaphore(0)
        self._root: Any = None  # the default graph is the process's: each test has its own
        self.asked: tuple[Call, tuple[Any, ...]] | None = None
        self.answer: tuple[tuple[Joint, int] | None, Any] = None, None
        self.error: BaseException | None = None
        self.start()

    def step(self) -> None:
        """Go on until the test ends or waits for a program."""
        self.asked = None
        scopes.process.root_graph = self._root
        self._mine.release()
        self._theirs.acquire()
        self._root = scopes.process.root_graph

    def run(self) -> None:
        self._mine.acquire()
        current.worker = self
        try:
            self._test()
        except BaseException as error:
            self.error = error
        self._theirs.release()

    def wait(self, call: Call, arguments: tuple[Any, ...]) -> tuple[tuple[Joint, int] | None, Any]:
        """Have the call compiled with those of the other tests: the program, and what it gives here."""
        self.asked = call, arguments
        self._theirs.release()
        self._mine.acquire()
        answer, self.answer = self.answer, (None, None)
        return answer


def run(tests: list[Callable[[], None]]) -> list[BaseException | None]:
    """Run tests side by side; what each raised."""
    workers = [Worker(test) for test in tests]
    left = workers
    while left:
        for worker in left:
            worker.step()
        left = [worker for worker in left if worker.asked is not None]
        compile_together(left)
    return [worker.error for worker in workers]


def compile_together(workers: list[Worker]) -> None:
    """Answer what the workers asked for; a call that fails is left to be made alone, where it is made."""
    asked = [worker.asked for worker in workers if worker.asked is not None]
    if len(asked) < 2:
        return
    try:
        joint = Joint([call for call, _ in asked], [arguments for _, arguments in asked])
    except Exception:
        half = len(workers) // 2
        compile_together(workers[:half])
        compile_together(workers[half:])
        return
    for place, (worker, result) in enumerate(zip(workers, joint.results, strict=True)):
        worker.answer = (joint, place), result


def batch(item: pytest.Function) -> Iterator[pytest.Function]:
    """The items of the same function that are selected and come with `item`, in order."""
    same = [i for i in item.session.items if isinstance(i, pytest.Function) and i.function is item.function]
    first = same.index(item) // BATCH * BATCH
    yield from same[first : first + BATCH]


OUTCOME = pytest.StashKey[BaseException | None]()


def call(item: pytest.Function, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the call of a test: with its batch, if that was not done yet."""
    if OUTCOME not in item.stash:
        items, jitted = list(batch(item)), backend.jitted
        tests = [lambda i=i: i.obj(**i.callspec.params) for i in items]
        monkeypatch.setattr(backend, "jitted", functools.partial(joined, jitted))
        for each, error in zip(items, run(tests), strict=True):
            each.stash[OUTCOME] = error
    error = item.stash[OUTCOME]
    del item.stash[OUTCOME]
    if error is not None:
        raise error


def joined(
    jitted: Jitted,
    function: Callable[..., Any],
    donated: tuple[int, ...],
    convolves: bool = False,
    large: bool = False,
    shares: bool = False,
) -> Callable[..., Any]:
    """In the thread of a test a call that waits for the others; elsewhere an ordinary one. A program that
    convolves, is large, or shares loops has other options of the compiler.
    """
    if convolves or large or shares:
        return jitted(function, donated, convolves, large, shares)
    together = getattr(current, "worker", None) is not None
    return Call(function, donated, jitted) if together else jitted(function, donated)
