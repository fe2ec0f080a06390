"""Checks on values that kernels make: raised at once by NumPy kernels, collected and reported after the
step by XLA ones.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
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


@dataclass
class Commit:
    """Whether what a step of an XLA segment writes is to count; `heeded` by its kernel, or by a select."""

    condition: Any
    padded: bool = False  # some of its indices may stand for no row
    heeded: bool = False
    kept: list[Any] = field(default_factory=list)  # results that hold the old contents if it is not to count


def committed(xp: Any, indices: Any, limit: int) -> Any:
    """The rows for a scatter into a variable of `limit` rows: all out of range when the step is not to count.

    XLA drops what is scattered there, so a step that fails has no effect, and no copy of the variable is
    needed to restore it from.
    """
    commit = scopes.commits.top
    if commit is None or xp is np:
        return indices
    counts = commit.condition if not commit.padded else commit.condition & ~absent(xp, indices)
    commit.heeded = True
    return xp.where(counts, indices, xp.asarray(limit, indices.dtype))


def kept(xp: Any, new: Any, old: Any) -> Any:
    """The new contents of a slot from which a kernel goes on to compute another's.

    If the step is not to count they are the old ones. Were they selected after the step only, XLA would make
    the new ones twice, and would need a copy of the old ones.
    """
    commit = scopes.commits.top
    if commit is None or commit.condition is True or xp is np or new.shape != old.shape:
        return new
    commit.kept.append(xp.where(commit.condition, new, old))
    return commit.kept[-1]


def no_row(dtype: Any) -> Any:
    """The index that stands for no row."""
    return np.iinfo(dtype).min


def any_absent() -> bool:
    """Whether the indices of the step being traced are padded: some may stand for no row."""
    commit = scopes.commits.top
    return commit is not None and commit.padded


def absent(xp: Any, indices: Any) -> Any:
    """Which indices stand for no row, of a step whose indices are padded."""
    return xp.asarray(indices) == no_row(indices.dtype)


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
