"""XLA segments: the interpreter loop traced once into a program, called with the session's arrays."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph import scopes
from reflow.graph.branches import DEAD
from reflow.graph.checks import Check
from reflow.runtime import backend
from reflow.runtime.evaluate import trace
from reflow.runtime.policy import MAX_PROGRAMS
from reflow.runtime.segments import Segment

BAKED_LIMIT = 1024  # bytes: larger constants are arguments, resident on the device


class Program:
    """One XLA segment, compiled for concrete static values.

    `arguments` are the places of its arguments in the list of values; the old contents of the slots that
    it writes and whose
    shape stays come first: they are `donated`. `results` are the places of what it returns.
    """

    def __init__(
        self, segment: Segment, known: dict[int, Any], size: int, varying: set[int], singles: set[int]
    ) -> None:
        self.segment = segment
        self.known = {i: known[i] for i in segment.inputs if i in known}
        written = set(segment.writes)
        passed = [i for i in segment.inputs if i not in self.known]
        self.donated = [i for i in passed if i in written and i not in segment.resized]
        self.arguments = self.donated + [i for i in passed if i not in self.donated]
        self.results = segment.outputs + segment.writes
        self.checks: list[Check] = []  # of all traces: each shape of the arguments has its own
        self._size = size
        self._singles = singles  # feeds of float32, cast here when they come as float64
        self._lock = threading.Lock()
        self.refused = False  # its branches have different shapes
        self.varying = [i for i in self.arguments if i in varying]
        self._seen: set[Any] = set()
        self.call: Callable[..., Any] = backend.jitted(self._trace, tuple(range(len(self.donated))))

    def _trace(self, *arrays: Any) -> Any:
        """The segment as a function of its arguments; runs once, on tracers."""
        env: list[Any] = [None] * self._size
        for place, value in self.known.items():
            env[place] = value
        for place, array in zip(self.arguments, arrays, strict=True):
            env[place] = array.astype(np.float32) if place in self._singles else array
        checks: list[Check] = []
        with scopes.checks.pushed(checks, what="check"), np.errstate(all="ignore"):
            trace(self.segment.steps, env, checks)
        for i in self.results:
            if env[i] is DEAD:  # nobody looks at it, but a program returns arrays
                env[i] = np.zeros((), np.bool_)
        if not checks:
            return tuple(env[i] for i in self.results)
        self._guard(env, dict(zip(self.donated, arrays, strict=False)), checks)
        with self._lock:
            first = len(self.checks)
            self.checks.extend(checks)
        found = {first + n: (c.ok, c.values) for n, c in enumerate(checks)}
        return (*(env[i] for i in self.results), found)

    def _guard(self, env: list[Any], old: dict[int, Any], checks: list[Check]) -> None:
        """A step whose checks fail leaves the slots as they were."""
        jnp = backend.jnp()
        good = checks[0].ok
        for check in checks[1:]:
            good = jnp.logical_and(good, check.ok)
        for place, before in old.items():
            if env[place] is not before:
                env[place] = jnp.where(good, env[place], before)

    def takes(self, env: list[Any]) -> bool:
        """Whether the program is there, or may be compiled, for the shapes of what host segments have
        made.
        """
        if self.refused:
            return False
        if not self.varying:
            return True
        if any(env[i] is DEAD for i in self.varying):
            return False
        shapes = tuple([np.shape(env[i]) for i in self.varying])
        if shapes in self._seen:
            return True
        if len(self._seen) >= MAX_PROGRAMS:
            return False
        self._seen.add(shapes)
        return True

    def run(self, env: list[Any]) -> None:
        """Compute the segment's results into `env`; raises what its checks found."""
        results = self.call(*[env[i] for i in self.arguments])
        failure = None
        if len(results) > len(self.results):
            *results, found = results
            failure = self._first_failure(found)
        for place, value in zip(self.results, results, strict=True):
            env[place] = value
        if failure is not None:
            raise failure

    def raise_failure(self, results: Any) -> None:
        """Raise what the checks among the results of a call found."""
        failure = self._first_failure(results[-1]) if len(results) > len(self.results) else None
        if failure is not None:
            raise failure

    def _first_failure(self, found: Any) -> errors.OpError | None:
        for number in sorted(found):
            check, (ok, values) = self.checks[number], found[number]
            if not np.asarray(ok):
                shown = [np.asarray(v) for v in values]
                failure: errors.OpError = check.error(None, check.node, check.message.format(*shown))
                return failure
        return None
