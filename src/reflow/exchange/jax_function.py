"""`reflow.export.to_jax`: what a session computes, as a pure function of JAX."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph import scopes
from reflow.graph.node import Operation
from reflow.runtime import backend
from reflow.runtime.evaluate import Memo, Step, trace, uninitialized
from reflow.runtime.fetches import Fetches, feed_tensors
from reflow.runtime.ordering import Order
from reflow.runtime.plan import Plan
from reflow.runtime.session import BaseSession

Params = dict[str, Any]


def to_jax(
    fetches: Any, feeds: Any = (), session: BaseSession | None = None, updates: bool = False
) -> tuple[Callable[..., Any], Params]:
    """A pure function that computes `fetches`, and its parameters: the variables' values in a session.

    `function(params, *inputs)` may be jitted, differentiated, exported. It does not check values (a label out
    of range, an `Assert`): such checks belong to a session.

    Args:
        fetches: a tensor, or any nesting of lists, tuples and dicts of tensors, variables and names.
        feeds: the tensors that are its inputs, in order.
        session: the session; the default one if None.
        updates: the function returns `(values, params)`, the parameters as the assignments and random ops
            among the fetches leave them.

    Returns:
        The function, and its parameters: JAX arrays by the names of the variables (and `state of ...` for the
        counters of random ops).

    Raises:
        ValueError: there is no session; or variables are assigned, but `updates` is False.
        tf.errors.FailedPreconditionError: a variable has no value.
        tf.errors.UnimplementedError: an op runs on the host only (text, datasets, Python functions).
            The error names it; feed its result instead.

    >>> import jax, reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [None])
    ...     w = tf.Variable(3.0, name="w")
    ...     sess.run(w.initializer)
    ...     function, params = tf.export.to_jax(tf.reduce_sum(w * x * x), [x], sess)
    >>> params
    {'w': Array(3., dtype=float32)}
    >>> print(jax.grad(function, argnums=1)(params, np.array([1.0, 2.0], np.float32)))
    [ 6. 12.]
    """
    session = session if session is not None else scopes.sessions.top
    if session is None:
        raise ValueError("to_jax needs a session: give one, or call it inside `with tf.Session():`")
    graph = session.graph
    structure = Fetches(graph, fetches)
    given = [t for _, tensors in feed_tensors(graph, dict.fromkeys(feeds)) for t in tensors]
    plan = Plan(structure.tensors, structure.targets, given)
    for step in plan.steps:
        _check(step)
    program = _Function(plan, structure, updates)
    if program.assigned and not updates:
        raise ValueError(
            f"The fetches assign to {', '.join(program.assigned)}: call to_jax with updates=True, so that "
            "the function returns the new parameters"
        )
    return program, program.parameters(session)


def _check(step: Step) -> None:
    """Refuse what has effects outside of the function, or looks at what only a session has."""
    node = step.node
    stateful = node.definition is not None and node.definition.stateful
    if step.rule.host_only and (stateful or step.reads):
        raise _host_only(node)


def _host_only(node: Operation) -> errors.OpError:
    return errors.UnimplementedError(
        None,
        node,
        f"{node.type} runs on the host and cannot be part of a JAX function: give what {node.name!r} "
        "computes as an input (`feeds`)",
    )


class _Function:
    """A plan as a function: the interpreter loop over JAX arrays, with nothing left between calls."""

    def __init__(self, plan: Plan, structure: Fetches, updates: bool) -> None:
        self._plan = plan
        self._structure = structure
        self._updates = updates
        written = {i for step in plan.steps for i in step.writes}
        self._places = {_parameter_name(n, node): place for n, (place, node) in plan.slots.items()}
        self._written = {n: i for n, i in self._places.items() if i in written}
        self.assigned = sorted(n for n in self._written if not n.startswith("state of "))

    def parameters(self, session: BaseSession) -> Params:
        """The values in a session of what the function reads. FailedPreconditionError if one has none."""
        jnp = backend.jnp()
        needed = {place for place, _, _ in (*self._plan.needed, *self._plan.maybe_needed)}
        found = {}
        with session._lock:
            for slot, (place, node) in self._plan.slots.items():
                value = session._store.cell(slot, node).value
                if value is None:
                    if place in needed:
                        raise uninitialized(node)
                    continue
                if not (hasattr(value, "dtype") and value.dtype != object):
                    raise _host_only(node)
                found[_parameter_name(slot, node)] = jnp.array(value, copy=True)
        return found

    def __call__(self, params: Params, *inputs: Any) -> Any:
        """The values of the fetches; with `updates`, also the new parameters."""
        plan = self._plan
        env = self._start(params, inputs)
        with scopes.checks.pushed([], what="check"), np.errstate(all="ignore"):
            trace(plan.steps, env, [], Memo(), Order((), {}))
        values = self._structure.rebuild([env[i] for i in plan.fetched])
        if not self._updates:
            return values
        return values, {**params, **{name: env[place] for name, place in self._written.items()}}

    def _start(self, params: Params, inputs: Sequence[Any]) -> list[Any]:
        plan, jnp = self._plan, backend.jnp()
        if len(inputs) != len(plan.feeds):
            raise TypeError(
                f"The function takes the parameters and {len(plan.feeds)} inputs, got {len(inputs)}"
            )
        env: list[Any] = [None] * plan.size
        for place, constant in plan.constants.items():
            env[place] = constant
        for tensor, place, value in zip(plan.feeds, plan.feed_places, inputs, strict=True):
            if not tensor.shape.is_compatible_with(np.shape(value)):
                raise ValueError(f"{tensor.name} has the shape {tensor.shape}, got {np.shape(value)}")
            env[place] = jnp.asarray(value, tensor.dtype.as_numpy_dtype)
        for name, place in self._places.items():
            if name in params:
                env[place] = jnp.asarray(params[name])
        return env


def _parameter_name(slot: str, node: Operation) -> str:
    return slot if slot.startswith("state of ") else node.name
