"""Updates of large variables after all that reads their old contents: so that these need no copy.

A program updates a variable in the memory that it has. XLA makes a copy of the old contents where it does
not see that the update comes after whatever looks at them, as the input gradients of a layer look at its
weights: a step with a layer of 3136 x 1024 took 2 ms more for it. So something that the update uses, a
learning rate or the gradient, is made to depend on these results.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from reflow.runtime import backend

if TYPE_CHECKING:
    from reflow.runtime.evaluate import Step

LARGE = 1 << 16  # bytes of a variable: to copy fewer costs no more than the order


def live(steps: Sequence[Step], results: Iterable[int]) -> set[int]:
    """The numbers of the steps whose results are looked at: XLA leaves out what others compute."""
    wanted, found = set(results), set()
    for number in reversed(range(len(steps))):
        step = steps[number]
        if not wanted.isdisjoint(step.outputs) or not wanted.isdisjoint(step.writes):
            found.add(number)
            guards = (step.guard, *(step.choices or ()))
            wanted.update(step.inputs, step.reads, (place for guard in guards for place, _ in guard))
    return found


def companions(steps: Sequence[Step], live: Collection[int]) -> dict[int, int]:
    """Steps of which a library's call may do another step's work too: the place of that one's own input.

    Both take a common input, and no other step of either kind takes it: as the two gradients of a convolution
    take that of its output.
    """
    able = [number for number in live if steps[number].rule.beside is not None]
    if not able:
        return {}
    takers: dict[tuple[str, int], list[int]] = {}
    for number, step in enumerate(steps):
        for place in step.inputs:
            takers.setdefault((step.node.type, place), []).append(number)
    found = {}
    for number in able:
        step = steps[number]
        other, common, own = step.rule.beside  # type: ignore[misc]
        place = step.inputs[common]
        same, others = (takers.get((kind, place), []) for kind in (step.node.type, other))
        if same != [number] or len(others) != 1 or others[0] not in live or number > others[0]:
            continue
        beside = steps[others[0]]
        if beside.inputs[common] == place:  # and not some other of its inputs
            found[number] = beside.inputs[own]
    return found


class Order:
    """What was made from what, in one pass over a segment while it is traced.

    `beside` are the segment's `companions`.
    """

    def __init__(self, live: Collection[int], beside: Mapping[int, int]) -> None:
        self.live, self.beside = live, beside
        self._made: dict[int, int] = {}  # the steps that a value depends on, as bits
        self._used: dict[int, list[tuple[int, Sequence[Any]]]] = {}  # the steps that took it; what they made
        self._alive: list[Any] = []  # the values, so that no other gets the number of one

    def note(self, number: int, seen: list[Any], results: Sequence[Any]) -> None:
        """A step has made `results` from the values that it saw."""
        needed = self._needed(seen) | 1 << number
        taken = {id(value) for value in seen}
        for value in seen:
            self._used.setdefault(id(value), []).append((number, results))
        for value in results:
            if id(value) not in taken:  # or else it is what the step was given, as an Identity's
                self._made[id(value)] = needed
        self._alive += [*seen, *results]

    def _needed(self, values: list[Any]) -> int:
        needed = 0
        for value in values:
            needed |= self._made.get(id(value), 0)
        return needed

    def pending(self, old: Any, seen: list[Any]) -> list[Any]:
        """What was made of the contents `old`, and what sees `seen` does not depend on anyway."""
        if getattr(old, "nbytes", 0) < LARGE:
            return []
        needed = self._needed(seen)
        uses = self._used.get(id(old), ())
        later = [results for n, results in uses if n in self.live and not needed >> n & 1]
        return [value for results in later for value in results if _is_made(value, old)]


def _is_made(result: Any, old: Any) -> bool:
    return result is not old and getattr(result, "size", 0) > 0 and result.dtype.kind in "fiub"


def after(arguments: list[Any], olds: list[Any], pending: list[Any]) -> list[Any]:
    """The arguments of an update of the contents `olds`; the smallest other one waits for the `pending`."""
    able = [
        (np.size(argument), n)
        for n, argument in enumerate(arguments)
        if getattr(argument, "dtype", None) in (np.float32, np.float64)
        and not any(argument is old for old in olds)
    ]
    if not able:
        return arguments
    _, n = min(able)
    return [*arguments[:n], _after(arguments[n], pending), *arguments[n + 1 :]]


def _after(argument: Any, pending: list[Any]) -> Any:
    """`argument` itself. XLA does not know that an integer whose last bit is set is not 0."""
    jnp = backend.jnp()
    bits = [_bits(value[(0,) * value.ndim]) for value in pending]
    never = jnp.stack([(b | 1) == 0 for b in bits]).any() if len(bits) > 1 else (bits[0] | 1) == 0
    return jnp.where(never, jnp.zeros((), argument.dtype), argument)


def _bits(number: Any) -> Any:
    """A number of any type as an integer."""
    if number.dtype.kind != "f":
        return number.astype(np.int32)
    kind = {2: np.int16, 4: np.int32, 8: np.int64}[number.dtype.itemsize]
    return backend.jax().lax.bitcast_convert_type(number, kind)
