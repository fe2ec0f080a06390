"""Iterators over datasets, and optional values: the ops and the state that a session keeps for them."""

from __future__ import annotations

import threading
from typing import Any, NoReturn

import numpy as np

from reflow.base import errors
from reflow.base.pipeline import positions
from reflow.base.pipeline.buffering import Iteration
from reflow.base.pipeline.core import Dataset, Element, scalar
from reflow.graph import scopes, shapes
from reflow.graph.registry import register
from reflow.ops.dataset_functions import text
from reflow.ops.dataset_transforms import declared_shapes

NOT_INITIALIZED = (
    "GetNext() failed because the iterator has not been initialized. Ensure that you have run the "
    "initializer operation for this iterator before getting the next element."
)
NOT_READY = (
    "{}() failed because the iterator has not been initialized. Ensure that you have run the initializer "
    "operation for this iterator before {} it."
)


class IteratorState:
    """What a session keeps for an iterator: the pass it is in, and the types of its elements."""

    shape = ()  # it is passed about as a scalar tensor

    def __init__(self, attrs: dict[str, Any]) -> None:
        self.types = list(attrs["output_types"])
        self.shapes = list(attrs["output_shapes"])
        self.factory = attrs.get("dataset_factory")
        self.iteration = Iteration()
        self._beginning = threading.Lock()
        self.handle = f"iterator_{scopes.process.next_number()}".encode()

    def pull(self, ctx: Any) -> Element:
        """The next element. StopIteration at the end; FailedPreconditionError before a pass has begun."""
        if not self.iteration.ready:
            self._begin_by_factory(ctx)
        return self.iteration.pull()

    def _begin_by_factory(self, ctx: Any) -> None:
        """A one-shot iterator makes its own dataset when it is first used."""
        if self.factory is None:
            raise errors.FailedPreconditionError(None, ctx.node, NOT_INITIALIZED)
        with self._beginning:
            if not self.iteration.ready:  # no other thread did it meanwhile
                functions = ctx.store.functions
                body = functions.body(ctx.node.graph, self.factory)
                (dataset,) = functions.instance(body, ctx.store)([])
                self.iteration.begin(dataset)

    def close(self) -> None:
        """End background work."""
        self.iteration.close()


for _type in ("Iterator", "IteratorV2", "OneShotIterator"):
    register(_type, shape=shapes.scalar, slot=IteratorState, gradient=None)


def _make_iterator(ctx: Any, dataset: Dataset, iterator: IteratorState) -> tuple[()]:
    iterator.iteration.begin(dataset)
    return ()


register("MakeIterator", shape=shapes.no_outputs, host=_make_iterator, gradient=None)


def _checked(node: Any, iterator: Any) -> IteratorState:
    if not isinstance(iterator, IteratorState):
        raise errors.InvalidArgumentError(None, node, f"{node.name} needs an iterator, got {iterator!r}")
    return iterator


def _next_element(ctx: Any, iterator: Any) -> Element:
    try:
        return _checked(ctx.node, iterator).pull(ctx)
    except errors.OpError as error:
        _raise_at(ctx.node, error)


def _raise_at(node: Any, error: errors.OpError) -> NoReturn:
    """Raise an error of a function's node as one of the node that asked for the element."""
    inner = error.op
    if inner is None:
        error._op = node
    if inner is None or inner.graph is node.graph:
        raise error
    line = f", created at {inner.traceback_line}" if inner.traceback_line else ""
    where = f"\n\t [[{{{{node {inner.name}}}}}]] (in function {inner.graph.name!r}{line})"
    copy = error.__copy__()
    copy._message, copy._op = error.message + where, node
    raise copy from error


def _get_next(ctx: Any, iterator: Any) -> tuple[Any, ...]:
    try:
        return tuple(_next_element(ctx, iterator))
    except StopIteration:
        raise errors.OutOfRangeError(None, ctx.node, "End of sequence") from None


for _type in ("IteratorGetNext", "IteratorGetNextSync"):
    register(_type, shape=declared_shapes, host=_get_next, gradient=None)


# Positions


def _started(ctx: Any, iterator: Any, message: str) -> IteratorState:
    """The iterator, a pass begun. FailedPreconditionError when that needs its initializer."""
    state = _checked(ctx.node, iterator)
    if not state.iteration.ready:
        if state.factory is None:
            raise errors.FailedPreconditionError(None, ctx.node, message)
        state._begin_by_factory(ctx)
    return state


def _serialize(ctx: Any, iterator: Any) -> Any:
    state = _started(ctx, iterator, NOT_READY.format("Save", "saving"))
    _, dataset = state.iteration.position()
    for function in positions.functions(dataset):
        effect = getattr(function, "effect", None)
        if effect is not None:
            raise errors.FailedPreconditionError(None, ctx.node, f"{effect} is stateful.")
    return scalar(positions.serialized(state.iteration))


def _deserialize(ctx: Any, iterator: Any, serialized: Any) -> tuple[()]:
    state = _started(ctx, iterator, NOT_READY.format("Restore", "restoring"))
    positions.restore(state.iteration, text(serialized))
    return ()


register("SerializeIterator", shape=shapes.scalar, host=_serialize, gradient=None)
register("DeserializeIterator", shape=shapes.no_outputs, host=_deserialize, gradient=None)


# Handles


def _to_string_handle(ctx: Any, iterator: Any) -> Any:
    state = _checked(ctx.node, iterator)
    ctx.store.iterators[state.handle] = state
    return scalar(state.handle)


def _from_string_handle(
    ctx: Any, handle: Any, *, output_types: list[Any], output_shapes: list[Any]
) -> IteratorState:
    state = ctx.store.iterators.get(text(handle))
    if state is None:
        raise errors.InvalidArgumentError(
            None,
            ctx.node,
            f"Could not parse string_handle into a valid ResourceHandle: this session has no iterator of the "
            f"handle {text(handle)!r}",
        )
    if output_types:
        _check_types(state, output_types)
        _check_shapes(state, output_shapes)
    return state  # type: ignore[no-any-return]


def _check_types(state: IteratorState, wanted: list[Any]) -> None:
    if len(wanted) != len(state.types):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"Number of components does not match: expected {len(wanted)} types but got {len(state.types)}.",
        )
    for n, (want, have) in enumerate(zip(wanted, state.types, strict=True)):
        if want != have:
            message = f"Data type mismatch at component {n}: expected {want.name} but got {have.name}."
            raise errors.InvalidArgumentError(None, None, message)


def _check_shapes(state: IteratorState, wanted: list[Any]) -> None:
    for n, (want, have) in enumerate(zip(wanted, state.shapes, strict=False)):
        if not want.is_compatible_with(have):
            message = f"Incompatible shapes at component {n}: expected {want} but got {have}."
            raise errors.InvalidArgumentError(None, None, message)


register("IteratorToStringHandle", shape=shapes.scalar, host=_to_string_handle, gradient=None)
for _type in ("IteratorFromStringHandle", "IteratorFromStringHandleV2"):
    register(_type, shape=shapes.scalar, host=_from_string_handle, gradient=None)
register(
    "IteratorGetDevice",
    shape=shapes.scalar,
    host=lambda ctx, iterator: scalar(b"/job:localhost/replica:0/task:0/device:CPU:0"),
    gradient=None,
)


# Optional values


class Optional:
    """A value that may be absent: the components of an element, or None."""

    shape = ()  # it is passed about as a scalar tensor

    def __init__(self, components: Element | None) -> None:
        self.components = components


def _get_next_as_optional(ctx: Any, iterator: Any) -> Optional:
    try:
        return Optional(_next_element(ctx, iterator))
    except StopIteration:
        return Optional(None)


def _optional_value(ctx: Any, optional: Optional) -> tuple[Any, ...]:
    if optional.components is None:
        raise errors.InvalidArgumentError(None, ctx.node, "The given optional does not have a value.")
    return tuple(optional.components)


register("IteratorGetNextAsOptional", shape=shapes.scalar, host=_get_next_as_optional, gradient=None)
register("OptionalGetValue", shape=declared_shapes, host=_optional_value, gradient=None)
register(
    "OptionalFromValue",
    shape=shapes.scalar,
    host=lambda ctx, *components: Optional(list(components)),
    gradient=None,
)
register("OptionalNone", shape=shapes.scalar, host=lambda ctx: Optional(None), gradient=None)
register(
    "OptionalHasValue",
    shape=shapes.scalar,
    host=lambda ctx, optional: np.bool_(optional.components is not None),
    gradient=None,
)
