"""What becomes a part of a program for the CPU, where that is not left to XLA.

XLA compiles such a program as parts, one for each group of operations that it can fuse, and starts them one
by one. To start a part takes up to a microsecond, and where more than eight are ready at once it wakes
another thread to share them, which takes longer than 20 small parts. What works on small arrays and cannot
be fused, with its sums, loops and look-ups, is quicker as a single part: its loops run without a start for
each round. And what XLA would join, or compute once for several uses, is sometimes better kept `apart`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reflow.graph import scopes
from reflow.ops.windows import is_cpu

# XLA outlines small loops into calls with the second of these, and compiles such a call as one part. The
# first keeps it from being dissolved before.
AS_ONE = {"inlineable": "false", "xla_cpu_small_call": "true"}


def fits(xp: Any) -> bool:
    """Whether `as_one` has an effect: in a program for the CPU, of this process, where XLA can do it."""
    return xp is not np and scopes.foreign.top is not None and is_cpu(xp) and _is_supported()


def as_one(xp: Any, function: Callable[..., Any], *arrays: Any) -> Any:
    """`function` of arrays; as one part, where that `fits`.

    It is for small arrays: XLA divides what reads and writes more than about 50 kB among threads, and can put
    nothing that is divided into a part, nor a scatter, a sort, a convolution or another library's call. Where
    `function` has one of these, compiling fails; a look-up by one index that XLA sees to be constant ends the
    process. So try `function` with all kinds of arguments.

    >>> as_one(np, lambda x: x + 1, np.arange(3)).tolist()
    [1, 2, 3]
    """
    return _called(function, *arrays) if fits(xp) else function(*arrays)


def in_one_loop(xp: Any, function: Callable[..., Any], arrays: Mapping[str, Any]) -> tuple[Any, ...]:
    """The results of `function` of named arrays, one of which XLA may need to make the others, in one loop.

    XLA makes one loop of those that read the same arrays, but not of two of which one reads what the other
    writes. So each result is computed from the arrays alone: in the one loop, what they have in common is
    computed once. Only in a program that `shares` loops; elsewhere, in as many as XLA makes of it.

    >>> in_one_loop(np, lambda x: (x + 1, (x + 1) * 2), {"x": np.arange(3)})
    (array([1, 2, 3]), array([2, 4, 6]))
    """
    calls = scopes.foreign.top
    results = tuple(function(**arrays))
    if xp is np or calls is None or not calls.shares:
        return results
    for n in range(1, len(results)):
        # Were they all computed from the same values, XLA would see that their parts are the same.
        arrays = {name: apart(xp, value) if np.ndim(value) else value for name, value in arrays.items()}
        results = (*results[:n], function(**arrays)[n], *results[n + 1 :])
    return results


def apart(xp: Any, array: Any) -> Any:
    """`array`; XLA looks for nothing to rewrite, and for nothing computed twice, across it.

    It may still join both sides to one loop: that is decided later.
    """
    if xp is np:
        return array
    from jax import lax

    return lax.optimization_barrier(array)  # type: ignore[no-untyped-call]


def _called(function: Callable[..., Any], *arrays: Any) -> Any:
    import jax
    from jax.experimental.xla_metadata import set_xla_metadata

    with set_xla_metadata(**AS_ONE):  # type: ignore[no-untyped-call]
        return jax.jit(function, inline=False)(*arrays)


@functools.cache
def _is_supported() -> bool:
    """Whether this XLA compiles a call as one part, and rightly: tried with a loop and a sum."""
    import jax

    def rounds(x: Any) -> Any:
        return jax.lax.while_loop(lambda y: y.sum() < 100, lambda y: y * 2, x)

    numbers = np.arange(8, dtype=np.int32)
    try:
        compiled = jax.jit(lambda x: _called(rounds, x)).lower(numbers).compile()
        kept = 'inlineable="false"' in (compiled.as_text() or "")
        return kept and np.array_equal(compiled(numbers), numbers * 4)
    except jax.errors.JaxRuntimeError:
        return False
