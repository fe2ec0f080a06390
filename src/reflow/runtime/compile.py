"""XLA segments: the interpreter loop traced once into a program, called with the session's arrays."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph import scopes
from reflow.graph.branches import DEAD
from reflow.graph.calls import Calls
from reflow.graph.checks import Check
from reflow.runtime import backend
from reflow.runtime.evaluate import Memo, trace
from reflow.runtime.ordering import Order, companions, live
from reflow.runtime.packing import Layout, pack, unpack
from reflow.runtime.policy import LARGE_PRODUCTS, MAX_PROGRAMS, Estimate
from reflow.runtime.segments import Segment

BAKED_LIMIT = 1024  # bytes: larger constants are arguments, resident on the device


class Program:
    """One XLA segment, compiled for concrete static values.

    `arguments` are the places of its arguments in the list of values; the old contents of the slots that
    it writes and whose shape stays come first: they are `donated`. `results` are the places of what it
    returns, in the same order as far as the slots go.
    """

    def __init__(
        self,
        segment: Segment,
        known: dict[int, Any],
        size: int,
        varying: set[int],
        singles: set[int],
        hostward: set[int],
        estimate: Estimate,
    ) -> None:
        self.segment = segment
        self.known = {i: known[i] for i in segment.inputs if i in known}
        passed = [i for i in segment.inputs if i not in self.known]
        # JAX gives each buffer to the first result that it fits: the results have the order of the arguments,
        # or else XLA would copy the contents from one slot's buffer to another's.
        self.donated = [i for i in segment.writes if i in passed and i not in segment.resized]
        self.arguments = self.donated + [i for i in passed if i not in self.donated]
        others = [i for i in segment.writes if i not in self.donated]
        self.results = self.donated + others + segment.outputs
        self.layouts: list[Layout] = []  # of all traces: each shape of the arguments has its own
        self.checks: list[list[Check]] = []  # of the traces of `_find`
        first = len(self.results) - len(segment.outputs)
        self._hostward = [n for n, i in enumerate(segment.outputs, first) if i in hostward]
        self._size = size
        self._singles = singles  # feeds of float32, cast here when they come as float64
        self._lock = threading.Lock()
        self.refused = False  # its branches have different shapes
        self.conditional = False  # what it takes may be of a branch that did not run
        self.varying = [i for i in self.arguments if i in varying]
        self._seen: set[Any] = set()
        self._live = live(segment.steps, self.results)
        self._beside = companions(segment.steps, self._live)
        convolves = any("Conv" in s.node.type for s in segment.steps)
        donated = tuple(range(len(self.donated)))
        large = estimate.products >= LARGE_PRODUCTS
        self._shares = estimate.shares_loops and not convolves and backend.can_share_loops()
        self.call: Callable[..., Any] = backend.jitted(self._trace, donated, convolves, large, self._shares)

    def _trace(self, *arrays: Any) -> Any:
        """The segment as a function of its arguments; runs once, on tracers."""
        env, checks, good = self._computed(arrays) or self._computed(arrays, ordered=False)  # type: ignore[misc]
        for i in self.results:
            if env[i] is DEAD:  # nobody looks at it, but a program returns arrays
                env[i] = np.zeros((), np.bool_)
        results = [*(env[i] for i in self.results), backend.jnp().asarray(good)]
        last = len(self.results) if checks else None
        groups, layout = pack(results, self._hostward, backend.jnp(), last)
        *results, good = results
        if not checks and not groups:
            return tuple(results)
        with self._lock:
            self.layouts.append(layout)
            number = len(self.layouts) - 1
        return (*results, {number: (good if checks else None, groups)})

    def _computed(self, arrays: Any, ordered: bool = True) -> tuple[list[Any], list[Check], Any] | None:
        """All values after the last step, the checks, and whether they hold.

        None if calls of libraries were to be ordered and the second pass makes some anew: those of the first
        would hold on to others that nobody needs any more.
        """
        env = self._environment(arrays)
        checks: list[Check] = []
        start, memo = env.copy(), Memo()
        self._pass(env, checks, memo, Calls(ordered, self._shares))
        good = _all_hold(checks)
        if checks and self.segment.writes:
            env, again = start, Calls(ordered, self._shares)
            self._pass(env, [], memo, again, good)
            if ordered and again.last:
                return None
        return env, checks, good

    def _environment(self, arrays: Any) -> list[Any]:
        """All values before the first step."""
        env: list[Any] = [None] * self._size
        for place, value in self.known.items():
            env[place] = value
        for place, array in zip(self.arguments, arrays, strict=True):
            env[place] = array.astype(np.float32) if place in self._singles else array
        return env

    def _pass(self, env: list[Any], checks: list[Check], memo: Memo, calls: Calls, good: Any = True) -> None:
        collected = scopes.checks.pushed(checks, what="check")
        with collected, scopes.foreign.pushed(calls), np.errstate(all="ignore"):
            trace(self.segment.steps, env, checks, memo, Order(self._live, self._beside), good)

    def takes(self, env: list[Any]) -> bool:
        """Whether the program is there, or may be compiled, for the shapes of what host segments have
        made.
        """
        if self.refused:
            return False
        if self.conditional and any(env[i] is DEAD for i in self.arguments):
            return False
        if not self.varying:
            return True
        shapes = tuple([np.shape(env[i]) for i in self.varying])
        if shapes in self._seen:
            return True
        if len(self._seen) >= MAX_PROGRAMS:
            return False
        self._seen.add(shapes)
        return True

    def run(self, env: list[Any]) -> None:
        """Compute the segment's results into `env`; raises what its checks found."""
        arguments = [env[i] for i in self.arguments]
        results = self.call(*arguments)
        failure = None
        if len(results) > len(self.results):
            results, failure = self.finished(results, arguments)
        for place, value in zip(self.results, results, strict=True):
            env[place] = value
        if failure is not None:
            raise failure

    def finished(self, returned: Any, arguments: list[Any]) -> tuple[list[Any], errors.OpError | None]:
        """The results of a call that returned more than these, and what its checks found."""
        *results, rest = returned
        ((number, (good, groups)),) = rest.items()
        results.append(good)
        unpack(results, groups, self.layouts[number])
        good = results.pop()  # None: it has no checks
        failure = None
        if good is not None and not np.asarray(good):
            count = len(self.donated)
            failure = self._explained([*results[:count], *arguments[count:]])
        return results, failure

    def _explained(self, arguments: list[Any]) -> errors.OpError:
        """Why a call failed. It has changed nothing: on the same arguments another program finds it out.

        So a step pays for knowing whether its checks hold, and not for what they would say.
        """
        ((number, found),) = self._find(*arguments).items()
        return _first_failure(self.checks[number], *found)

    @functools.cached_property
    def _find(self) -> Callable[..., Any]:
        """The program that says what the checks find."""

        def find(*arrays: Any) -> Any:
            checks: list[Check] = []
            self._pass(self._environment(arrays), checks, Memo(), Calls())
            with self._lock:
                self.checks.append(checks)
                return {len(self.checks) - 1: _findings(checks)}

        return backend.jitted(find, ())


def _all_hold(checks: list[Check]) -> Any:
    return functools.reduce(backend.jnp().logical_and, [c.ok for c in checks]) if checks else True


def _findings(checks: list[Check]) -> Any:
    """What the checks found: numbers in one array, first whether each held; and all else."""
    jnp = backend.jnp()
    packed = [*(c.ok for c in checks), *(v for c in checks for v in c.values if _packable(v))]
    numbers = jnp.stack([jnp.asarray(v).astype(np.int64) for v in packed])
    return numbers, [v for c in checks for v in c.values if not _packable(v)]


def _first_failure(checks: list[Check], packed: Any, others: list[Any]) -> errors.OpError:
    numbers, rest = iter(np.asarray(packed).tolist()), iter(others)
    held = [next(numbers) for _ in checks]
    for ok, check in zip(held, checks, strict=True):
        values = [next(numbers) if _packable(v) else np.asarray(next(rest)) for v in check.values]
        if not ok:
            failure: errors.OpError = check.error(None, check.node, check.message.format(*values))
            return failure
    return errors.InternalError(None, None, "a step failed, and did not fail again")


def _packable(value: Any) -> bool:
    """Whether a value of a message is an integer, which goes with the others into one array."""
    dtype = getattr(value, "dtype", None)
    return dtype is not None and np.ndim(value) == 0 and dtype.kind == "i"
