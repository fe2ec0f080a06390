"""What the kernels of dataset ops share: functions of elements, random streams, arguments."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.pipeline.core import Block, Dataset, Element, Place, size
from reflow.graph import shapes
from reflow.graph.registry import register
from reflow.ops import philox

Words = Callable[[int], np.ndarray]


def register_dataset(op_type: str, host: Callable[..., Any]) -> None:
    """Register an op that makes a dataset: a scalar variant, made on the host, not differentiable."""
    register(op_type, shape=shapes.scalar, host=host, gradient=None)


class Body:
    """A function that a node holds, as the engine calls it: with the captured values after the element."""

    def __init__(self, ctx: Any, function: Any, captures: tuple[Any, ...], first: int) -> None:
        """`first` is the number of the node's input that is the first captured value."""
        store = ctx.store
        self._store = store.root  # weak: a thread that works ahead must not keep a session alive
        self._functions = functions = store.functions
        self._body = functions.body(ctx.node.graph, function)
        tensors = ctx.node.inputs[first : first + len(captures)]
        pairs = zip(tensors, captures, strict=True)
        self._captures = [store.captured(tensor, value) for tensor, value in pairs]
        fixed = not any(t.dtype.name == "resource" for t in tensors)
        declared = len(self._body.inputs) - len(captures)
        self._vectorized = functions.vectorized(self._body, declared) if fixed else None
        self.stacks = self._vectorized is not None

    @property
    def slow(self) -> bool:
        """Whether calls in several threads may take less time than one after the other."""
        return self._functions.is_slow(self._body)  # type: ignore[no-any-return]

    @property
    def makes_slow(self) -> bool:
        """Whether that holds for the functions in the datasets that it makes."""
        return self._functions.makes_slow(self._body)  # type: ignore[no-any-return]

    @property
    def effect(self) -> str | None:
        """The type of an op of it, or of a function in it, that does more than compute; None without one."""
        return self._functions.effect(self._body)  # type: ignore[no-any-return]

    @property
    def makes(self) -> str:
        """The type of the op that the function's first result comes from."""
        op = self._body.outputs[0].op
        while op.type == "Identity":
            op = op.inputs[0].op
        return op.type  # type: ignore[no-any-return]

    def bind(self, place: Place) -> BoundBody:
        """The function with the state that it has in one run of a pipeline."""
        store = self._store()
        if store is None:
            raise errors.CancelledError(None, None, "The session of the iterator is gone")
        make = self._functions.instance
        instance = place.run.state(self._body, lambda: make(self._body, store, self._captures))
        return BoundBody(instance, self._captures, self._vectorized)


class BoundBody:
    """A function at work in one run of a pipeline."""

    def __init__(self, instance: Callable[..., Any], captures: list[Any], vectorized: Any) -> None:
        self._instance, self._captures, self._vectorized = instance, captures, vectorized

    def __call__(self, element: Element) -> Element:
        return self._instance([*element, *self._captures])  # type: ignore[no-any-return]

    def block(self, block: Block) -> Block | None:
        """The results for stacked elements; None when the function must be called for each, also to find
        out which element an error is of."""
        if self._vectorized is None:
            return None
        try:
            return self._vectorized.call([*block, *self._captures], size(block))  # type: ignore[no-any-return]
        except Exception:
            return None


class _Stream:
    """The words of TensorFlow's generator, one after the other, made some hundreds at a time."""

    def __init__(self, seed: int, seed2: int) -> None:
        self._state = philox.initial_state(seed, seed2)
        self._block = 0
        self._count = 32
        self._words = np.empty(0, np.int64)

    def __call__(self, count: int) -> np.ndarray:
        parts = [self._words]
        have = len(self._words)
        while have < count:
            parts.append(self._more())
            have += len(parts[-1])
        words = np.concatenate(parts) if len(parts) > 1 else parts[0]
        self._words = words[count:]
        return words[:count]

    def _more(self) -> np.ndarray:
        index = np.arange(self._block, self._block + self._count, dtype=np.uint64)
        self._block += self._count
        self._count = min(4 * self._count, 8192)
        return np.stack(philox.random_words(np, self._state, index), axis=1).reshape(-1).astype(np.int64)


def stream(seed: int, seed2: int) -> Words:
    """The stream of random words of two seeds."""
    return _Stream(seed, seed2)


def given_seeds(seed: Any, seed2: Any) -> tuple[int, int]:
    """Two seeds; two zeros ask for seeds from the system."""
    pair = int(seed), int(seed2)
    if pair == (0, 0):
        pair = int.from_bytes(os.urandom(7), "little"), int.from_bytes(os.urandom(7), "little")
    return pair


def texts(value: Any) -> list[bytes]:
    """A string tensor as a flat list of bytes."""
    return [bytes(x) for x in np.asarray(value, object).reshape(-1)]


def text(value: Any) -> bytes:
    """A scalar string tensor as bytes."""
    return texts(value)[0]


def is_dataset(value: Any) -> bool:
    return isinstance(value, Dataset)
