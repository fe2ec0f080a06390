"""The one interpreter loop: nodes in order, each reading and writing a list of values.

With NumPy arrays in the list it computes; with traced arrays among them it builds an XLA program. A step
whose inputs are all
concrete is computed by NumPy in either case, so shape arithmetic never reaches the compiler.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph import scopes
from reflow.graph.branches import DEAD
from reflow.graph.checks import CheckFailed, Commit, require
from reflow.graph.node import Operation
from reflow.graph.registry import Rule
from reflow.runtime import backend
from reflow.runtime.guards import BranchesDifferError, Places, holds, selected, traced
from reflow.runtime.ordering import Order, after

CONCRETE = (np.ndarray, np.generic)
# Steps that compute nothing themselves: what they call sees to floating-point errors as it likes.
CALLS = frozenset(("IteratorGetNext", "IteratorGetNextSync", "PyFunc", "PyFuncStateless"))
LARGE = 1 << 16  # elements


@dataclass
class Step:
    """One node made ready: its kernels with attributes bound, and where its values are in the list."""

    node: Operation
    rule: Rule
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    host: bool
    reads: tuple[int, ...] = ()  # slots whose content it needs
    writes: tuple[int, ...] = ()  # slots that it changes
    after: set[int] = field(default_factory=set)  # positions of the steps it must follow
    several: bool = False  # the kernel returns a tuple
    guard: Places = ()  # the conditions under which it runs
    padded: bool = False  # it makes, or uses, results that are padded in XLA
    owners: tuple[Operation, ...] = ()  # the nodes whose slots it reads, if it is guarded
    choices: tuple[Places, ...] | None = None  # of a Merge: when each input is alive
    declared: tuple[int | None, ...] | None = None  # the shape that an assigned value must have
    frees: tuple[int, ...] = ()  # large values that no step from here on looks at

    @functools.cached_property
    def concrete(self) -> Callable[..., Any]:
        """The kernel on NumPy arrays."""
        if self.rule.host is not None and (self.host or self.rule.host_only):
            return functools.partial(_bound(self.rule, "host", self.node), HostContext(self.node))
        if self.rule.kernel is not None:
            return self._checked(functools.partial(_bound(self.rule, "kernel", self.node), np))
        return backend.on_arrays(self.traced)

    @functools.cached_property
    def traced(self) -> Callable[..., Any]:
        """The kernel on traced arrays."""
        kind = "xla" if self.rule.xla is not None else "kernel"
        if self.padded and self.rule.padded is not None:
            kind = "padded"
        return self._checked(functools.partial(_bound(self.rule, kind, self.node), backend.jnp()))

    def _checked(self, kernel: Callable[..., Any]) -> Callable[..., Any]:
        """An assignment that refuses values not of the variable's declared shape."""
        declared = self.declared
        if declared is None:
            return kernel

        def assign(ref: Any, value: Any) -> Any:
            if not fits(np.shape(value), declared):
                shown = [
                    f"[{','.join('?' if d is None else str(d) for d in s)}]"
                    for s in (declared, np.shape(value))
                ]
                message = (
                    "Assign requires shapes of both tensors to match. lhs shape= {} rhs shape= {}".format(
                        *shown
                    )
                )
                raise CheckFailed(message, errors.InvalidArgumentError)
            return kernel(ref, value)

        return assign


def fits(shape: tuple[int, ...], ints: tuple[int | None, ...]) -> bool:
    """Whether an array's shape is one that a static shape allows."""
    return len(shape) == len(ints) and all(d is None or d == s for s, d in zip(shape, ints, strict=True))


@dataclass(frozen=True)
class HostContext:
    """What a host kernel gets beside its inputs."""

    node: Operation

    @property
    def store(self) -> Any:
        """The state of the session (or of the function's instance) that runs the node."""
        return scopes.stores.top


def _bound(rule: Rule, kind: str, node: Operation) -> Callable[..., Any]:
    function = rule.bound(kind, node.attrs)
    if function is None:
        raise errors.UnimplementedError(None, node, f"Op {node.type} has no kernel for this tier")
    return function


def evaluate(steps: list[Step], env: list[Any]) -> None:
    """Compute the steps in order; values are NumPy arrays.

    Overflow and division by zero give inf and NaN, as in XLA.
    """
    if len(steps) == 1 and steps[0].node.type in CALLS:
        _evaluate(steps, env)
        return
    with np.errstate(all="ignore"):
        _evaluate(steps, env)


def _evaluate(steps: list[Step], env: list[Any]) -> None:
    for step in steps:
        if step.frees:
            result = value = None
            for i in step.frees:
                env[i] = None
        if step.guard and not _runs(step, env):
            continue
        try:
            result = step.concrete(*_arguments(step, env))
        except Exception as error:
            raise located(error, step, env) from _cause(error)
        if step.several:
            for i, value in zip(step.outputs, result, strict=True):
                env[i] = value
        elif step.outputs:
            env[step.outputs[0]] = result


def _runs(step: Step, env: list[Any]) -> bool:
    """Whether a guarded step runs; if not, what it would compute is dead, and what it would write stays."""
    if not holds(step.guard, env):
        _kill(step, env)
        return False
    for i, owner in zip(step.reads, step.owners, strict=True):
        if env[i] is None:
            raise uninitialized(owner)
    return True


def _kill(step: Step, env: list[Any]) -> None:
    for i in step.outputs:
        if i not in step.writes:
            env[i] = DEAD


def _arguments(step: Step, env: list[Any]) -> list[Any]:
    if step.choices is None:
        return [env[i] for i in step.inputs]
    pairs = zip(step.inputs, step.choices, strict=True)
    return [env[i] if holds(guard, env) else DEAD for i, guard in pairs]


class Memo:
    """What the steps of a segment made of what, for a second pass over it that repeats only what differs."""

    def __init__(self) -> None:
        self._made: dict[int, tuple[list[Any], Any]] = {}

    def recall(self, number: int, seen: list[Any]) -> Any:
        """The results of a step if it sees the very same values again, else None."""
        before, results = self._made.get(number, ([], None))
        same = len(before) == len(seen) and all(a is b for a, b in zip(before, seen, strict=True))
        return results if same else None

    def note(self, number: int, seen: list[Any], results: Any) -> None:
        self._made[number] = (seen, results)


def trace(
    steps: list[Step], env: list[Any], checks: list[Any], memo: Memo, order: Order, good: Any = True
) -> None:
    """The same loop while an XLA program is being made: only steps with a traced input use its kernel.

    Whether the checks of a segment hold is known after the last step only, and nothing may be written when
    one does not. So a segment with checks is gone through twice: the second pass takes from `memo` what it
    can, and its writes count where `good`.
    """
    jnp, calls = backend.jnp(), scopes.foreign.top
    for number, step in enumerate(steps):
        alive = traced(step.guard, env, jnp) if step.guard else True
        if alive is False:
            _kill(step, env)
            continue
        seen = _seen(step, env)
        # A random op's counter is small: its new value is selected, and what was drawn stays.
        repeated = step.writes and good is not True and step.rule.state is None
        results = None if repeated else memo.recall(number, seen)
        commit = Commit(_both(alive, good, jnp), step.padded)
        if results is None:
            if calls is not None:
                calls.wanted = number in order.live
                calls.beside = env[order.beside[number]] if number in order.beside else None
            results = _made(step, env, checks, alive, commit, order)
            memo.note(number, seen, results)
        order.note(number, seen, results)
        for i, value in zip(step.outputs, results, strict=True):
            env[i] = _kept(commit, alive, value, env[i]) if i in step.writes else value


def _seen(step: Step, env: list[Any]) -> list[Any]:
    """All values that the result of a step depends on."""
    guards = (step.guard, *(step.choices or ()))
    return [env[i] for i in step.inputs] + [env[place] for guard in guards for place, _ in guard]


def _both(one: Any, other: Any, jnp: Any) -> Any:
    if one is True or other is True:
        return other if one is True else one
    return jnp.logical_and(one, other)


def _made(step: Step, env: list[Any], checks: list[Any], alive: Any, commit: Commit, order: Order) -> Any:
    """The results of a step as a tuple; the checks that its kernel made get to know it."""
    jnp = backend.jnp()
    known = len(checks)
    plain = commit.condition is True and not commit.padded
    scope = contextlib.nullcontext() if plain else scopes.commits.pushed(commit)
    try:
        with scope:
            result = _merged(step, env, jnp) if step.choices is not None else _traced(step, env, alive, order)
    except BranchesDifferError:
        raise
    except Exception as error:
        raise located(error, step, env) from _cause(error)
    for check in checks[known:]:
        check.node = step.node
        if alive is not True:
            check.ok = jnp.logical_or(check.ok, jnp.logical_not(alive))
    return result if step.several else (result,) if step.outputs else ()


def _kept(commit: Commit, alive: Any, value: Any, old: Any) -> Any:
    """What a slot holds after a step that writes `value`, if that is to count."""
    if commit.heeded or commit.condition is True or any(value is k for k in commit.kept):
        return value
    if alive is True and (old is None or np.shape(old) != np.shape(value)):
        return value  # the session does not take it from a segment that fails
    return selected(commit.condition, value, old, backend.jnp())


def _is_large(step: Step) -> bool:
    """Whether a step's results are better made in the run: known ones would be literals of the program."""
    sizes = [t.shape.num_elements() for t in step.node.outputs]
    return any(n is not None and n > LARGE for n in sizes)


def _traced(step: Step, env: list[Any], alive: Any, order: Order) -> Any:
    arguments = [env[i] for i in step.inputs]
    olds = [env[i] for i in step.writes]
    pending = [value for old in olds for value in order.pending(old, arguments)]
    if pending:
        arguments = after(arguments, olds, pending)
    able = step.rule.host_only or (step.rule.kernel is not None and not _is_large(step))
    whole = able and all(isinstance(a, CONCRETE) for a in arguments)
    if not whole:
        return step.traced(*arguments)
    try:
        return step.concrete(*arguments)
    except CheckFailed as error:
        if alive is True or step.outputs:
            raise
        text = error.message.replace("{", "{{").replace("}", "}}")  # an Assert that fails if it is run
        require(backend.jnp(), backend.jnp().asarray(False), text, error=error.error)
        return ()


def _merged(step: Step, env: list[Any], jnp: Any) -> tuple[Any, Any]:
    """The live input of a Merge and its number."""
    value: Any = DEAD
    index: Any = DEAD
    for n, (place, guard) in reversed(list(enumerate(zip(step.inputs, step.choices or (), strict=True)))):
        alive = traced(guard, env, jnp)
        value = selected(alive, env[place], value, jnp)
        index = selected(alive, np.int32(n), index, jnp)
    return value, index


def _cause(error: Exception) -> Exception | None:
    """What is shown as the cause of an op's error: nothing when a kernel itself refused its inputs."""
    return error.__cause__ if isinstance(error, (errors.OpError, CheckFailed)) else error  # type: ignore[return-value]


def uninitialized(node: Operation) -> errors.OpError:
    """The error of reading a variable that has no value."""
    return errors.FailedPreconditionError(
        None,
        node,
        f"Attempting to use uninitialized value {node.name}: run its initializer first "
        "(tf.global_variables_initializer() initializes all)",
    )


def located(error: Exception, step: Step, env: list[Any]) -> Exception:
    """The error of a kernel, as TensorFlow's type, with the node and what came."""
    if isinstance(error, errors.OpError):
        if error.op is None:
            error._op = step.node
        return error
    if isinstance(error, CheckFailed):
        return error.error(None, step.node, error.message)
    own = getattr(error, "reflow_keep", False)
    if own or isinstance(error, (KeyboardInterrupt, MemoryError)):
        return error
    came = ", ".join(_shown(env[i]) for i in step.inputs)
    if isinstance(error, (ValueError, TypeError, IndexError, np.linalg.LinAlgError)):
        message = f"{step.node.type} cannot be computed: {error} (inputs: {came})"
        return errors.InvalidArgumentError(None, step.node, message)
    return errors.InternalError(
        None, step.node, f"{type(error).__name__} in {step.node.type}: {error} (inputs: {came})"
    )


def _shown(value: Any) -> str:
    return f"{value.dtype}{list(value.shape)}" if hasattr(value, "dtype") else type(value).__name__
