"""Small results of a program as one array for each type.

Each array that leaves XLA for NumPy costs some microseconds whatever its size: a step whose loss, accuracy
and summaries are looked at would pay more for them than for its own work.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

LIMIT = 256  # elements of a result that is packed
KINDS = "fiub"  # numbers; complex ones and bfloat16 go alone

Layout = list[tuple[int, int, int, int, tuple[int, ...]]]  # result, group, start, end, shape


def pack(
    results: list[Any], wanted: Collection[int], jnp: Any, flag: int | None = None
) -> tuple[list[Any], Layout]:
    """Join those results of which there are several small ones of a type.

    `wanted` has the numbers of the results that only the host looks at, `flag` that of one that is true or
    false, which goes as a number with others of any type. What is joined becomes None in `results`, which
    costs nothing to return; gives the joined arrays, and where each result is in them.
    """
    by_type: dict[Any, list[int]] = {}
    for n in wanted:
        dtype = getattr(results[n], "dtype", None)
        if dtype is not None and dtype.kind in KINDS and np.size(results[n]) <= LIMIT:
            by_type.setdefault(dtype, []).append(n)
    if flag is not None and by_type:
        dtype, numbers = next(iter(by_type.items()))
        results[flag] = results[flag].astype(dtype)
        numbers.append(flag)
    groups: list[Any] = []
    layout: Layout = []
    for numbers in by_type.values():
        if len(numbers) < 2:
            continue
        start = 0
        for n in numbers:
            shape = np.shape(results[n])
            end = start + int(np.prod(shape))
            layout.append((n, len(groups), start, end, shape))
            start = end
        groups.append(jnp.concatenate([jnp.ravel(results[n]) for n in numbers]))
        for n in numbers:
            results[n] = None
    return groups, layout


def unpack(results: list[Any], groups: list[Any], layout: Layout) -> None:
    """Put the parts of the joined arrays in the places of the results: numbers, and views of arrays."""
    flat = [np.asarray(group) for group in groups]
    for n, group, start, end, shape in layout:
        results[n] = flat[group][start:end].reshape(shape) if shape else flat[group][start]
