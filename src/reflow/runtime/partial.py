"""A run in several calls: some feeds come only after some fetches have been looked at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflow.base import errors
from reflow.graph.node import Operation, Tensor
from reflow.runtime.evaluate import Step, evaluate, uninitialized
from reflow.runtime.executable import own
from reflow.runtime.fetches import Feeder, Fetches, feed_tensors
from reflow.runtime.plan import Plan
from reflow.runtime.store import Store


class PartialRun:
    """The state of one such run: the plan of all fetches, interpreted step by step as calls ask for them."""

    def __init__(self, graph: Any, store: Store, fetches: Any, feeds: Any) -> None:
        self._graph, self._store = graph, store
        whole = Fetches(graph, fetches)
        self._open: set[Tensor | Operation] = {*whole.tensors, *whole.targets}
        if not self._open:
            raise errors.InvalidArgumentError(
                None, None, "Must specify at least one target to fetch or execute."
            )
        tensors = [t for _, row in feed_tensors(graph, dict.fromkeys(feeds or [])) for t in row]
        self._unfed = set(tensors)
        self._plan = plan = Plan(whole.tensors, whole.targets, tensors)
        self._cells = {place: store.cell(name, node) for name, (place, node) in plan.slots.items()}
        self._env: list[Any] = [None] * plan.size
        for place, value in plan.constants.items():
            self._env[place] = value
        self._done: set[int] = set()
        self.finished = False
        self._makers = {place: n for n, step in enumerate(plan.steps) for place in step.outputs}

    def run(self, fetches: Any, feed: Mapping[Any, Any] | None) -> Any:
        """Compute some of the fetches, with some of the feeds; each at most once."""
        wanted = Fetches(self._graph, fetches)
        self._take(feed or {})
        asked: set[Tensor | Operation] = {*wanted.tensors, *wanted.targets}
        missing = asked - self._open
        if missing:
            names = ", ".join(sorted(each.name for each in missing))
            raise errors.InvalidArgumentError(
                None, None, f"{names}: not among the fetches of partial_run_setup, or fetched before"
            )
        numbers = sorted(self._needed(wanted) - self._done)
        self._evaluate([self._plan.steps[n] for n in numbers])
        self._done.update(numbers)
        self._open -= asked
        self.finished = not self._open
        return wanted.rebuild([own(self._env[self._plan.index[t]]) for t in wanted.tensors])

    def _take(self, feed: Mapping[Any, Any]) -> None:
        """Note the fed values."""
        for (_, tensors), value in zip(feed_tensors(self._graph, feed), feed.values(), strict=True):
            for tensor, part in zip(tensors, [value] if len(tensors) == 1 else value, strict=True):
                if tensor not in self._unfed:
                    known = tensor in self._plan.feeds
                    why = "has already been fed" if known else "is not one of partial_run_setup's"
                    raise errors.InvalidArgumentError(None, tensor.op, f"The feed {tensor.name} {why}.")
                self._env[self._plan.index[tensor]] = Feeder(tensor)(part)
                self._unfed.remove(tensor)

    def _needed(self, wanted: Fetches) -> set[int]:
        """The numbers of the steps that the fetches need; refuses those that need a value not fed yet."""
        unfed = {self._plan.index[t]: t for t in self._unfed}
        places = [self._plan.index[t] for t in wanted.tensors]
        todo = [self._makers[p] for p in places if p in self._makers]
        targets = set(wanted.targets)
        todo += [n for n, step in enumerate(self._plan.steps) if step.node in targets]
        found: set[int] = set()
        while todo:
            number = todo.pop()
            if number in found:
                continue
            found.add(number)
            step = self._plan.steps[number]
            places += step.inputs
            todo.extend(step.after)
            todo.extend(self._makers[p] for p in step.inputs if p in self._makers and p not in step.outputs)
        late = next((unfed[p] for p in places if p in unfed), None)
        if late is not None:
            raise errors.InvalidArgumentError(
                None,
                late.op,
                f"The fetch can't be computed from the feeds so far: {late.name} must be fed first.",
            )
        return found

    def _evaluate(self, steps: list[Step]) -> None:
        slots = {i for s in steps for i in (*s.inputs, *s.writes) if i in self._cells}
        for place in slots:
            self._env[place] = self._value(place)
        owners = {place: node for place, _, node in self._plan.needed}
        for step in steps:
            for place in step.reads:
                if place in owners and self._env[place] is None:
                    raise uninitialized(owners[place])
        evaluate(steps, self._env)
        for place in {i for s in steps for i in s.writes}:
            self._cells[place].value = self._env[place]
            self._store.host_writes += 1

    def _value(self, place: int) -> Any:
        value = self._cells[place].value
        return own(value) if hasattr(value, "addressable_shards") else value
