"""Elementwise functions that keep zeros, of a sparse tensor: those of its values."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import Any, TypeVar

from reflow.graph.composite import SparseTensor

F = TypeVar("F", bound=Callable[..., Any])


def of_sparse_too(function: F) -> F:
    """Decorator: of a `SparseTensor`, `function(x, ...)` is the one with its values transformed."""

    @functools.wraps(function)
    def wrapper(x: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(x, SparseTensor):
            return function(x, *args, **options)
        with contextlib.suppress(TypeError):  # TensorFlow tries this first: the name is then taken
            function(x, *args, **options)
        return SparseTensor(x.indices, function(x.values, *args, **options), x.dense_shape)

    return wrapper  # type: ignore[return-value]
