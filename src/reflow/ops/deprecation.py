"""Arguments with two names: the one of today and the one that older programs use."""

from __future__ import annotations

from typing import Any


def renamed(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """The value given under either name, None when under neither. ValueError when both are given.

    >>> renamed("axis", None, "reduction_indices", 1)
    1
    >>> renamed("axis", 0, "reduction_indices", 1)
    Traceback (most recent call last):
    ValueError: Cannot specify both 'axis' and 'reduction_indices'
    """
    if old is None:
        return new
    if new is not None:
        raise ValueError(f"Cannot specify both '{new_name}' and '{old_name}'")
    return old
