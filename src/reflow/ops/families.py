"""Factories of op families: one decorator gives shape rule, kernel, gradient and the public function's body.

    @unary("Exp", lambda xp, x: xp.exp(x), lambda op, dy: dy * op.outputs[0])
    def exp(x, name=None):
        \"\"\"...\"\"\"

The decorated function keeps its name, signature and docstring; its body is the family's.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reflow.graph import registry, shapes
from reflow.graph.graph import emit

Public = Callable[[Callable[..., Any]], Callable[..., Any]]


def _public(template: Callable[..., Any], body: Callable[..., Any]) -> Callable[..., Any]:
    """`body` under the name, signature and docstring of `template`."""
    return functools.wraps(template)(body)


def unary(
    op_type: str, kernel: Callable[..., Any], gradient: Any = registry.GENERIC, **fields: Any
) -> Public:
    """An elementwise op of one input `x`: the output has its shape."""
    fields.setdefault("shape", shapes.unchanged)

    def decorate(template: Callable[..., Any]) -> Callable[..., Any]:
        registry.register(op_type, kernel=kernel, gradient=gradient, **fields)
        return _public(template, lambda x, name=None: emit(op_type, x, name=name))

    return decorate


def binary(
    op_type: str, kernel: Callable[..., Any], gradient: Any = registry.GENERIC, **fields: Any
) -> Public:
    """An elementwise op of two inputs `x` and `y` that broadcast against each other."""
    fields.setdefault("shape", shapes.broadcast)

    def decorate(template: Callable[..., Any]) -> Callable[..., Any]:
        registry.register(op_type, kernel=kernel, gradient=gradient, **fields)
        return _public(template, lambda x, y, name=None: emit(op_type, x, y, name=name))

    return decorate
