"""A plan made ready to run in either tier.

It belongs to the graph: all its sessions share the compiled programs.
"""

from __future__ import annotations

import re
import threading
from typing import Any, NoReturn

import numpy as np

from reflow.base import dtypes, errors
from reflow.graph import scopes
from reflow.graph.node import Operation, Tensor
from reflow.runtime import backend
from reflow.runtime.compile import BAKED_LIMIT, Program
from reflow.runtime.evaluate import uninitialized
from reflow.runtime.guards import BranchesDifferError
from reflow.runtime.plan import Plan
from reflow.runtime.policy import MAX_PROGRAMS, Estimate
from reflow.runtime.segments import STATIC_FEED_LIMIT, Segment, as_key, cut, static_sources
from reflow.runtime.store import Cell, Store

XLA_ERROR = re.compile(r"[A-Z_]+: ")  # how its messages begin: with a code


class Executable:
    """The segments of a plan, its programs by the shapes of the feeds, and how often it ran."""

    def __init__(self, fetches: list[Tensor], targets: list[Operation], feeds: list[Tensor]) -> None:
        self.plan = plan = Plan(fetches, targets, feeds)
        self.static = sorted(static_sources(plan))
        self.segments = cut(plan)
        self.writes = any(s.writes for s in self.segments)
        self.outlived = self.writes and len(self.segments) > 1 or not self._waits()
        self.template: list[Any] = [None] * plan.size
        for place, value in plan.constants.items():
            self.template[place] = value
        # The feeds of float32, which may come as float64: a program of one segment casts them itself.
        self.singles = [n for n, t in enumerate(feeds) if t.dtype.base_dtype == dtypes.float32]
        self.device_template: list[Any] | None = None
        self.runs = 0
        self.estimates: dict[Any, Estimate] = {}
        self.programs: dict[Any, list[Any]] = {}
        self._lock = threading.Lock()

    def _waits(self) -> bool:
        """Whether a run ends only when its XLA segments have: dispatch is asynchronous, fetching waits."""
        fetched = set(self.plan.fetched)
        return all(s.host or not fetched.isdisjoint(s.outputs) for s in self.segments)

    def key(self, arrays: list[Any]) -> Any:
        """What a program depends on: the shapes of the feeds, and the values of static ones."""
        if not self.static:
            return tuple([a.shape for a in arrays])
        shapes = [a.shape for a in arrays]
        values = [as_key(np.asarray(arrays[self.plan.feed_places.index(i)])) for i in self.static]
        return (tuple(shapes), tuple(values))

    def compiled(self, key: Any, arrays: list[Any], tier: str) -> list[Any] | None:
        """The segments as programs if this run is to be compiled, else None."""
        found = self.programs.get(key)
        if found is not None:
            return found
        with self._lock:
            runs, self.runs = self.runs, self.runs + 1
            if not self._worth(key, arrays, tier, runs):
                return None
            return self._compile(key, arrays)

    def _worth(self, key: Any, arrays: list[Any], tier: str, runs: int) -> bool:
        if tier != "auto":
            return tier == "compile" and any(not s.host for s in self.segments)
        if len(self.programs) >= MAX_PROGRAMS or any(
            arrays[self.plan.feed_places.index(i)].size > STATIC_FEED_LIMIT for i in self.static
        ):
            return False
        return self._estimate(arrays).worth_compiling(runs)

    def _estimate(self, arrays: list[Any]) -> Estimate:
        """What the plan costs for feeds of these shapes."""
        shapes = tuple([a.shape for a in arrays])
        estimate = self.estimates.get(shapes)
        if estimate is None:
            batch = max((a.shape[0] for a in arrays if a.shape), default=1)
            if len(self.estimates) > 4 * MAX_PROGRAMS:
                self.estimates.clear()
            estimate = self.estimates[shapes] = Estimate(self.plan, max(batch, 1))
        return estimate

    def _compile(self, key: Any, arrays: list[Any]) -> list[Any]:
        if self.device_template is None:
            self.device_template = self._on_device()
        baked = {i: v for i, v in self.plan.constants.items() if _baked(v)}
        for i in self.static:
            baked[i] = np.asarray(arrays[self.plan.feed_places.index(i)])
        varying = {i for s in self.segments if s.host for i in s.outputs}
        singles = {self.plan.feed_places[n] for n in self.singles}
        estimate = self._estimate(arrays)
        parts = [
            s if s.host else Program(s, baked, self.plan.size, varying, singles, self._hostward(s), estimate)
            for s in self.segments
        ]
        conditional = any(step.guard for step in self.plan.steps)
        for part in parts:
            if isinstance(part, Program):
                part.conditional = conditional
        self.programs[key] = parts
        return parts

    def _hostward(self, segment: Segment) -> set[int]:
        """Those results of a segment that no other one computes with: the host or the caller gets them."""
        wanted = {i for s in self.segments if not s.host and s is not segment for i in s.inputs}
        return set(segment.outputs) - wanted

    def _on_device(self) -> list[Any]:
        """The template with large constants of XLA segments as device arrays."""
        wanted = {i for s in self.segments if not s.host for i in s.inputs}
        return [
            backend.on_device(v) if i in wanted and isinstance(v, np.ndarray) and not _baked(v) else v
            for i, v in enumerate(self.template)
        ]


def _baked(value: np.ndarray) -> bool:
    return value.nbytes <= BAKED_LIMIT or value.dtype == object


class Runner:
    """An executable bound to one session's cells: what `Session.run` calls when it finds it in its cache."""

    def __init__(self, executable: Executable, store: Store, lock: Any, tier: str) -> None:
        self.executable = executable
        self.lock = lock
        self.tier = tier
        plan = executable.plan
        cells = {place: store.cell(name, node) for name, (place, node) in plan.slots.items()}
        self.needed = [cells[place] for place, _, _ in plan.needed]
        self.maybe_needed = [cells[place] for place, _, _ in plan.maybe_needed]
        self.direct: dict[Any, Direct] = {}
        self.ready = False  # a variable that has a value keeps one
        self.store = store
        self.settled = -1  # the state of the store when all cells that it reads were on the device
        self.feed_places = plan.feed_places
        self.fetched = plan.fetched
        self.parts = [
            ([(i, cells[i]) for i in s.slots], [(i, cells[i]) for i in s.writes], s)
            for s in executable.segments
        ]
        # What XLA reads, in any segment.
        self.reads = [pair for reads, _, segment in self.parts if not segment.host for pair in reads]

    def run(self, arrays: list[Any]) -> list[Any]:
        """Run the plan on fed arrays; returns the fetched values, the caller's own."""
        try:
            return self._run(arrays)
        except backend.failures() as error:  # of a program that had returned, when its results are looked at
            with self.lock:
                _raise_failure(error, [cell for _, writes, _ in self.parts for _, cell in writes])

    def _run(self, arrays: list[Any]) -> list[Any]:
        executable = self.executable
        key = executable.key(arrays) if executable.static else tuple([a.shape for a in arrays])
        direct = self.direct.get(key)
        if direct is not None:
            return direct.run(self, arrays)
        for n in executable.singles:
            arrays[n] = _single(arrays[n])
        tier = self.tier
        if not self.ready:
            self._check_needed()
            if not self.ready:  # some branch reads a variable without a value: XLA would compute both
                tier = "interpret"
        programs = executable.programs.get(key)
        if tier == "interpret":
            programs = None
        elif programs is None or tier != "auto":
            programs = executable.compiled(key, arrays, tier)
        if programs is None:
            env = executable.template.copy()
            if executable.writes:
                arrays = _copied(arrays)
            for place, array in zip(self.feed_places, arrays, strict=True):
                env[place] = array
            for reads, writes, segment in self.parts:
                self._interpret(env, reads, writes, segment)
        else:
            env = executable.device_template.copy()  # type: ignore[union-attr]
            if executable.outlived:
                arrays = _copied(arrays)
            for place, array in zip(self.feed_places, arrays, strict=True):
                env[place] = array
            for (reads, writes, segment), part in zip(self.parts, programs, strict=True):
                if segment.host or not part.takes(env):
                    self._interpret(env, reads, writes, segment)
                else:
                    try:
                        self._dispatch(env, reads, writes, part)
                    except BranchesDifferError:
                        part.refused = True
                        self._interpret(env, reads, writes, segment)
            if self.tier == "auto":
                self._shorten(key, programs)
        return [own(env[i]) for i in self.fetched]

    def _shorten(self, key: Any, programs: list[Any]) -> None:
        """Take the direct way from now on, when one program is all there is but for the host's work on its
        results.
        """
        program, *others = programs
        if not isinstance(program, Program):
            self._shorten_after_host(key, programs)
            return
        if not others and not self.executable.outlived and set(self.fetched) <= set(program.results):
            self.direct[key] = Direct(self, program)
        elif len(others) == 1 and others[0].host and not (others[0].writes or others[0].slots):
            self.direct[key] = DirectThenHost(self, program, others[0])

    def _shorten_after_host(self, key: Any, programs: list[Any]) -> None:
        """Likewise when the host's work comes first: the next element of an iterator."""
        if len(programs) != 2 or programs[0].writes or not isinstance(programs[1], Program):
            return
        segment, program = programs
        known = {*program.results, *segment.made}
        if not (program.refused or program.conditional) and set(self.fetched) <= known:
            self.direct[key] = HostThenDirect(self, program, segment)

    def _check_needed(self) -> None:
        for cell in self.needed:
            if cell.value is None:
                raise uninitialized(cell.node)
        self.ready = all(cell.value is not None for cell in self.maybe_needed)

    def _to_device(self, reads: Any) -> None:
        """Move what interpreted runs left as NumPy arrays to the device."""
        for _, cell in reads:
            value = cell.value
            if value.__class__ is np.ndarray or isinstance(value, np.generic):
                cell.value = backend.on_device(value)

    def _dispatch(self, env: list[Any], reads: Any, writes: Any, program: Program) -> None:
        """Gather, call and commit one XLA segment under the session's lock."""
        with self.lock:
            if self.settled != self.store.host_writes:
                self._to_device(self.reads)
                self.settled = self.store.host_writes
            for place, cell in reads:
                env[place] = cell.value
            try:
                program.run(env)
            except errors.OpError:
                for place, cell in writes:
                    if place in program.donated:
                        cell.value = env[place]
                raise
            except backend.failures() as error:
                _raise_failure(error, [cell for _, cell in writes])
            for place, cell in writes:
                cell.value = env[place]

    def _interpret(self, env: list[Any], reads: Any, writes: Any, segment: Segment) -> None:
        """Compute a segment with NumPy; a failure before its end changes no cell."""
        if segment.host and not writes:
            with self.lock:  # while no other thread gives the buffers of the variables away
                self._gather(env, reads, segment)
            self._evaluate(env, segment)
            return
        with self.lock:
            self._gather(env, reads, segment)
            self._evaluate(env, segment)
            if writes:
                self.store.host_writes += 1
            for place, cell in writes:
                cell.value = env[place]

    def _evaluate(self, env: list[Any], segment: Segment) -> None:
        if not segment.needs_store:
            segment.evaluate(env)
            return
        with scopes.stores.pushed(self.store):
            segment.evaluate(env)

    def _gather(self, env: list[Any], reads: Any, segment: Segment) -> None:
        for place, cell in reads:
            env[place] = cell.value
        for place in segment.inputs:
            value = env[place]
            if value.__class__ is not np.ndarray and hasattr(value.__class__, "addressable_shards"):
                env[place] = np.asarray(value)


def _raise_failure(error: Exception, written: list[Cell]) -> NoReturn:
    """Raise for a program that could not be run: XLA's error, or else one of Python's while it was traced."""
    if isinstance(error, ValueError) and not XLA_ERROR.match(str(error)):
        raise error
    lost = [c for c in written if backend.is_lost(c.value)]
    for cell in lost:
        cell.value = None
    raise backend.failure(error, [c.name for c in lost]) from error


class Direct:
    """The commonest run, one program from feeds and cells to results, with every place looked up
    beforehand.
    """

    __slots__ = ("cells", "constants", "count", "feeds", "fetched", "kept", "program", "reads", "written")

    def __init__(self, runner: Runner, program: Program) -> None:
        plan = runner.executable.plan
        reads, writes, _ = next(part for part in runner.parts if part[2] is program.segment)
        template: list[Any] = runner.executable.device_template or []
        cells = dict(reads)
        self.program = program
        self.count = len(program.results)
        self.reads = reads
        # What each argument is: a cell, the number of a feed, or a constant.
        places = program.arguments
        self.cells = [(n, cells[i]) for n, i in enumerate(places) if i in cells]
        fed = {i: n for n, i in enumerate(plan.feed_places)}
        feeds = [(n, fed[i]) for n, i in enumerate(places) if i in fed and i not in cells]
        self.feeds = [(n, feed, backend.Aligned()) for n, feed in feeds]
        self.constants = [template[i] for i in places]
        at = {i: n for n, i in enumerate(program.results)}
        self.kept = [(at[i], cell) for i, cell in writes if i in program.donated]
        self.written = [(at[i], cell) for i, cell in writes if i not in program.donated]
        self.fetched = [at[i] for i in runner.fetched if i in at]

    def run(self, runner: Runner, arrays: list[Any]) -> list[Any]:
        results = self.results(runner, arrays)
        return [own(results[n]) for n in self.fetched]

    def results(self, runner: Runner, arrays: list[Any]) -> list[Any]:
        """Call the program on fed arrays and commit what it writes; all that it returns."""
        arguments = self.constants.copy()
        for n, feed, aligned in self.feeds:
            arguments[n] = aligned(arrays[feed])
        return self.call(runner, arguments)

    def call(self, runner: Runner, arguments: list[Any]) -> list[Any]:
        """Call the program on its arguments, to which the cells' contents are added."""
        with runner.lock:
            if runner.settled != runner.store.host_writes:
                runner._to_device(self.reads)
                runner.settled = runner.store.host_writes
            for n, cell in self.cells:
                arguments[n] = cell.value
            try:
                results = self.program.call(*arguments)
            except backend.failures() as error:
                _raise_failure(error, [cell for _, cell in self.kept])
            for n, cell in self.kept:
                cell.value = results[n]  # the old content when a check failed
            if len(results) > self.count:
                results, failure = self.program.finished(results, arguments)
                if failure is not None:
                    raise failure
            for n, cell in self.written:
                cell.value = results[n]
        return results  # type: ignore[no-any-return]


class DirectThenHost(Direct):
    """Such a run with host steps at its end that look at nothing that runs change: a step with summaries."""

    __slots__ = ("handed", "seen", "segment")

    def __init__(self, runner: Runner, program: Program, segment: Segment) -> None:
        super().__init__(runner, program)
        self.segment = segment
        wanted = {*segment.inputs, *runner.fetched}
        self.handed = [(n, i) for n, i in enumerate(program.results) if i in wanted]
        fed = enumerate(runner.feed_places)  # the feeds that the host looks at
        self.seen = [(n, i, n in runner.executable.singles) for n, i in fed if i in wanted]

    def run(self, runner: Runner, arrays: list[Any]) -> list[Any]:
        arrays = _copied(arrays)
        results = self.results(runner, arrays)
        env = runner.executable.template.copy()
        for n, place, single in self.seen:
            env[place] = np.asarray(_single(arrays[n]) if single else arrays[n])
        for n, place in self.handed:
            value = results[n]
            env[place] = value if value.__class__ is np.ndarray else np.asarray(value)
        runner._evaluate(env, self.segment)
        return [own(env[i]) for i in runner.fetched]


class HostThenDirect(Direct):
    """A run of host steps and of one program on what they make: a step on the next element of a dataset."""

    __slots__ = ("ahead", "made", "passed", "program_part")

    def __init__(self, runner: Runner, program: Program, segment: Segment) -> None:
        super().__init__(runner, program)
        self.ahead, self.program_part = runner.parts
        given = {n for n, *_ in (*self.cells, *self.feeds)}
        self.made = [(n, i) for n, i in enumerate(program.arguments) if n not in given and i in segment.made]
        at = {i: n for n, i in enumerate(program.results)}
        self.passed = [(at.get(i), i) for i in runner.fetched]  # in the results, or else among all values

    def run(self, runner: Runner, arrays: list[Any]) -> list[Any]:
        for n in runner.executable.singles:
            arrays[n] = _single(arrays[n])
        if runner.executable.outlived:
            arrays = _copied(arrays)
        env = runner.executable.template.copy()
        for place, array in zip(runner.feed_places, arrays, strict=True):
            env[place] = array
        runner._interpret(env, *self.ahead)
        if not self.program.takes(env):  # of shapes that are not worth another compilation
            runner._interpret(env, *self.program_part)
            return [own(env[i]) for i in runner.fetched]
        arguments = self.constants.copy()
        for n, feed, aligned in self.feeds:
            arguments[n] = aligned(arrays[feed])
        for n, place in self.made:
            arguments[n] = env[place]
        results = self.call(runner, arguments)
        return [own(env[i] if n is None else results[n]) for n, i in self.passed]


def _single(array: Any) -> Any:
    """A fed array of float32, which may have come as float64."""
    if array.dtype == np.float32:
        return array
    with np.errstate(all="ignore"):
        return array.astype(np.float32)


def _copied(arrays: list[Any]) -> list[Any]:
    """Fed arrays that the program may change while they are still in use, in a variable or on the device."""
    return [a.copy() if a.__class__ is np.ndarray else a for a in arrays]


def own(value: Any) -> Any:
    """A result as the caller's own NumPy value: scalars as NumPy scalars, arrays writable and unshared."""
    if isinstance(value, np.generic):
        return value
    array = np.array(value)
    return array if array.ndim else array[()]
