"""What becomes a part of a program for the CPU, where that is not left to XLA.

XLA compiles such a program as parts, one for each group of operations that it can fuse, and starts them one
by one. To start a part takes up to a microsecond, and where more than eight are ready at once it wakes
another thread to share them, which takes longer than 20 small parts. What works on small arrays and cannot
be fused, with its sums, loops and look-ups, is quicker as a single part: its loops run without a start for
each round. And what XLA would join, or compute once for several uses, is sometimes better kept `apart`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
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
