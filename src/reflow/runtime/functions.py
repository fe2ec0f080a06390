"""Running the body graphs that nodes hold: a dataset's map function, an iterator's factory.

A body is planned once, for all sessions. An `Instance` of it has a state of its own (the counters of its
random ops) and lives as long as the iterator that made it. A body of a few small nodes is run by NumPy with
as little around it as possible; larger ones are compiled by the same policy as a session's steps.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from reflow.graph import scopes
from reflow.graph.function import FuncGraph, function_of
from reflow.runtime.evaluate import Step, evaluate, uninitialized
from reflow.runtime.executable import Executable, Runner
from reflow.runtime.plan import Plan
from reflow.runtime.policy import Estimate
from reflow.runtime.segments import looked_at_by
from reflow.runtime.store import Cell, Store, slot_name
from reflow.runtime.vectorize import Vectorized

# Ops that wait for something else than the processor, or leave Python to work: calls side by side pay.
SLOW = frozenset(
    (
        "DecodeAndCropJpeg",
        "DecodeBmp",
        "DecodeGif",
        "DecodeImage",
        "DecodeJpeg",
        "DecodePng",
        "DecodeWav",
        "EncodeJpeg",
        "EncodePng",
        "MatchingFiles",
        "PyFunc",
        "PyFuncStateless",
        "ReadFile",
        "ResizeArea",
        "ResizeBicubic",
        "ResizeBilinear",
    )
)
MUCH = 300_000  # nanoseconds: NumPy and XLA let other threads go on meanwhile


class Functions:
    """A session's way to the functions of its graph."""

    def __init__(self, lock: Any, tier: str) -> None:
        self.lock = lock
        self.tier = tier

    def body(self, graph: Any, value: Any) -> FuncGraph:
        """The body that a `func` attribute of a node of `graph` stands for."""
        return function_of(graph, value)

    def instance(self, body: FuncGraph, store: Store, passed: Sequence[Any] = ()) -> Instance:
        """The function made ready to be called, with a state of its own.

        `passed` are the values, or variables' cells, of its last arguments, the captured ones.
        """
        return Instance(body, self, store, passed)

    def is_slow(self, body: FuncGraph) -> bool:
        """Whether calls in several threads may take less time than one after the other."""
        if any(op.type in SLOW for op in body.get_operations()):
            return True
        return Estimate(executable_of(body).plan, 1).interpret >= MUCH

    def makes_slow(self, body: FuncGraph) -> bool:
        """Whether some function that a body's nodes hold, or the functions in there, is slow in that way."""
        return any(self.is_slow(inner) for inner in self._inside(body) if inner is not body)

    def effect(self, body: FuncGraph) -> str | None:
        """The type of an op in a body, or the functions in there, that keeps state; None without one."""
        for inner in self._inside(body):
            for op in inner.get_operations():
                if op.definition is not None and op.definition.stateful and not _only_reads(op.type):
                    return op.type
        return None

    def _inside(self, body: FuncGraph) -> Iterator[FuncGraph]:
        """A body and all functions in there."""
        found, todo = {body}, [body]
        while todo:
            outer = todo.pop()
            yield outer
            held = [self.body(outer, f) for op in outer.get_operations() for f in _functions_of(op)]
            for inner in held:
                if inner not in found:
                    found.add(inner)
                    todo.append(inner)

    def vectorized(self, body: FuncGraph, batched: int) -> Vectorized | None:
        """The function of stacked arguments, the first `batched` of them; None when there is none."""
        plans = body.runtime.setdefault("vectorized", {})
        if batched not in plans:
            plans[batched] = Vectorized.of(body, executable_of(body).plan, batched)
        return plans[batched]  # type: ignore[no-any-return]


def _only_reads(op_type: str) -> bool:
    """Whether a stateful op is one of those that look at files, or check something."""
    return op_type == "Assert" or op_type.rstrip("V23").endswith("Dataset")


def _functions_of(op: Any) -> list[Any]:
    """What an operation's attributes have as functions."""
    attrs = op.definition.attrs.values() if op.definition is not None else ()
    return [op.attrs[a.name] for a in attrs if a.type == "func" and a.name in op.attrs]


def _without_identities(plan: Plan) -> tuple[list[Step], list[int]]:
    """The steps of a plan and the places of its results, without steps at its end that pass a value on."""
    plain = [s for s in plan.steps if s.node.type == "Identity" and not (s.guard or s.reads)]
    source = {s.outputs[0]: s.inputs[0] for s in plain}
    looked_at = {i for s in plan.steps for i in looked_at_by(s)}
    last = {i: source[i] for i in plan.fetched if i in source and i not in looked_at}
    steps = [s for s in plan.steps if not (s.outputs and s.outputs[0] in last)]
    return steps, [last.get(i, i) for i in plan.fetched]


def executable_of(body: FuncGraph) -> Executable:
    """The plan of a body, made on first use."""
    found = body.runtime.get("function")
    if found is None:
        fed = [t for n, t in enumerate(body.inputs) if n not in body.written_arguments]
        fresh = Executable(list(body.outputs), list(body.control_outputs), fed)
        found = body.runtime.setdefault("function", fresh)
    return found  # type: ignore[no-any-return]


class Instance:
    """A function with a state of its own: called with a list of arrays, it returns the list of its results.

    A captured variable is passed as its cell. It is read at each call, or if the function may change it, is
    a slot of the function as it is one of the session.
    """

    def __init__(self, body: FuncGraph, functions: Functions, outer: Store, passed: Sequence[Any]) -> None:
        executable = executable_of(body)
        self._functions = functions
        self._store = Store()
        self._store.functions, self._store.iterators = functions, outer.iterators
        self._store.root = outer.root
        self._written = body.written_arguments
        self._share(body, passed)
        plan = executable.plan
        # A function that only hands variables on to others need not have them for itself.
        self._changes = bool(self._written) and any(s.writes for s in executable.segments)
        lock = functions.lock if self._changes else threading.RLock()
        self._runner = Runner(executable, self._store, lock, functions.tier)
        self._plan, self._template = plan, executable.template
        self._steps, self._fetched = _without_identities(plan)
        self._calls_functions = any(s.needs_store for s in executable.segments)
        self._direct = self._is_direct(functions.tier)

    def _share(self, body: FuncGraph, passed: Sequence[Any]) -> None:
        """Make the variables that the function changes slots of its own store."""
        for number in self._written:
            node = body.inputs[number].op
            given = passed[number - len(body.inputs)]
            cell = given if given.__class__ is Cell else Cell(node.name, node, given)
            self._store.cells[slot_name(node)] = cell

    def _is_direct(self, tier: str) -> bool:
        """Whether NumPy runs it best, and nothing has to be kept between calls."""
        plan = self._plan
        if plan.slots or tier == "compile":
            return False
        estimate = Estimate(plan, 1)
        if estimate.must_compile:
            return False
        return tier == "interpret" or estimate.interpret <= estimate.compiled

    def __call__(self, arguments: list[Any]) -> list[Any]:
        if self._written:
            arguments = [a for n, a in enumerate(arguments) if n not in self._written]
            if self._changes:
                return self._run_shared(arguments)
        if any(a.__class__ is Cell for a in arguments):
            arguments = [self._content(a) if a.__class__ is Cell else a for a in arguments]
        if not self._direct:
            return self._run(arguments)
        if not self._calls_functions:
            return self._interpret(arguments)
        with scopes.stores.pushed(self._store):
            return self._interpret(arguments)

    def _run(self, arguments: list[Any]) -> list[Any]:
        return self._runner.run([np.asarray(a) if isinstance(a, np.generic) else a for a in arguments])

    def _run_shared(self, arguments: list[Any]) -> list[Any]:
        """Run it on variables that the session, and other functions, change too: one at a time, and each is
        told that what it knew of where the values are may not hold any more.
        """
        with self._functions.lock:
            self._runner.settled = -1
            self._runner.ready = False
            try:
                return self._run([self._content(a) if a.__class__ is Cell else a for a in arguments])
            finally:
                root = self._store.root()
                if root is not None:
                    root.host_writes += 1

    def _interpret(self, arguments: list[Any]) -> list[Any]:
        plan = self._plan
        env = self._template.copy()
        for place, value in zip(plan.feed_places, arguments, strict=True):
            env[place] = value
        evaluate(self._steps, env)
        return [env[i] for i in self._fetched]

    def _content(self, cell: Cell) -> Any:
        """The value of a captured variable at this moment."""
        with self._functions.lock:  # nobody gives the buffer away meanwhile
            if cell.value is None:
                raise uninitialized(cell.node)
            return np.asarray(cell.value) if hasattr(cell.value, "dtype") else cell.value
