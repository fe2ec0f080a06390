"""What elementwise kernels share: errors of broadcasting, special functions.

NumPy's warnings are off while a plan runs.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.graph.checks import fail

Kernel = Callable[..., Any]
SMALL_FLOATS = ("float16", "bfloat16")


def broadcasting(kernel: Kernel) -> Kernel:
    """A kernel of two broadcasting inputs that says which shapes do not fit, as TensorFlow does."""

    @functools.wraps(kernel)
    def wrapped(xp: Any, x: Any, y: Any, **attrs: Any) -> Any:
        try:
            return kernel(xp, x, y, **attrs)
        except (ValueError, TypeError):
            check_broadcast(x, y)
            raise

    return wrapped


def check_broadcast(x: Any, y: Any) -> None:
    """Refuse two arrays whose shapes do not broadcast."""
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        fail(f"Incompatible shapes: {shown(x.shape)} vs. {shown(y.shape)}")


def shown(shape: Any) -> str:
    """A shape as TensorFlow's kernels write it.

    >>> shown((2, 3))
    '[2,3]'
    """
    return "[" + ",".join(str(d) for d in shape) + "]"


def is_concrete(*values: Any) -> bool:
    """Whether all values are NumPy's, and not traced."""
    return all(isinstance(v, (np.ndarray, np.generic)) for v in values)


def all_true(xp: Any, condition: Any) -> Any:
    """`condition.all()`, at once when the condition is known."""
    return bool(np.all(condition)) if is_concrete(condition) else xp.all(condition)


def module_of_special(xp: Any) -> Any:
    """SciPy's special functions, of the tier; both come with JAX, and are imported when first needed."""
    if xp is np:
        import scipy.special

        return scipy.special
    import jax.scipy.special

    return jax.scipy.special


def special(name: str) -> Kernel:
    """A kernel that is one of SciPy's special functions, computed in at least single precision."""

    def kernel(xp: Any, *inputs: Any) -> Any:
        return at_least_single(xp, getattr(module_of_special(xp), name), *inputs)

    return kernel


def at_least_single(xp: Any, function: Kernel, *inputs: Any) -> Any:
    """`function(*inputs)` in the inputs' type, but computed in float32 when that is half or bfloat16."""
    dtype = inputs[0].dtype
    if dtype.name in SMALL_FLOATS:
        inputs = tuple(x.astype(np.float32) for x in inputs)
    return xp.asarray(function(*inputs)).astype(dtype)


def conj_of(xp: Any, x: Any) -> Any:
    """The complex conjugate of an array; a real one itself."""
    return xp.conj(x) if x.dtype.kind == "c" else x
