"""Checks on values that kernels make: raised at once by NumPy kernels, collected and reported after the
step by XLA ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph import scopes


@dataclass
class Check:
    """A condition inside an XLA segment, with what its message needs."""

    ok: Any
    message: str
    values: tuple[Any, ...]
    error: Callable[[Any, Any, str], errors.OpError]
    node: Any = None


class CheckFailed(Exception):
    """A kernel refused its inputs; the interpreter adds the node and raises the error class."""

    def __init__(self, message: str, error: Callable[[Any, Any, str], errors.OpError]) -> None:
        super().__init__(message)
        self.message = message
        self.error = error


def require(
    xp: Any,
    ok: Any,
    message: str,
    *values: Any,
    error: Callable[[Any, Any, str], errors.OpError] = errors.InvalidArgumentError,
) -> None:
    """Refuse the inputs of a kernel unless `ok`.

    `message` is a format string over `values` (arrays; formatted lazily).
    """
    if xp is np or isinstance(ok, (bool, np.bool_, np.ndarray)):
        if not ok:
            raise CheckFailed(message.format(*values), error)
        return
    collector = scopes.checks.top
    if collector is not None:
        collector.append(Check(ok, message, values, error))


def fail(message: str, error: Callable[[Any, Any, str], errors.OpError] = errors.InvalidArgumentError) -> Any:
    """Refuse the inputs of a kernel."""
    raise CheckFailed(message, error)
