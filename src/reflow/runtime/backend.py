"""JAX, imported when the first plan is compiled and not before."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.base.allocation import keep_freed_memory
from reflow.graph import scopes
from reflow.runtime import xla_options


def jax() -> Any:
    """The jax module, with 64-bit types on (they are everyday types in TF 1).

    Programs for the CPU run in the thread that calls them, without the GIL: handing one to another thread and
    waiting for it costs 5 to 40 us, more than most steps' work. JAX heeds this until its first computation.
    """
    if scopes.process.jax is None:
        import jax as imported

        imported.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
        imported.config.update("jax_cpu_enable_async_dispatch", False)  # type: ignore[no-untyped-call]
        keep_freed_memory()
        scopes.process.jax = imported
    return scopes.process.jax


def jnp() -> Any:
    """`jax.numpy`."""
    return jax().numpy


def on_device(array: np.ndarray | np.generic) -> Any:
    """A device array with a buffer of its own (so that it may be donated)."""
    return jax().device_put(array, may_alias=False)


ALIGNMENT, COPIED_AT_ONCE = 64, 100 * 1024  # bytes; of XLA
KEPT = 1 << 24  # bytes of a copy whose memory is used again


class Aligned:
    """Hands one fed tensor's arrays to XLA, so that it can take them as they are.

    XLA takes over memory at addresses that suit its instructions. Else it copies, and large arrays in another
    thread, for which the program then waits: longer than a copy takes here. The memory of a copy is used
    again in a later run, when nothing else refers to it any more (JAX lets go of what a call has taken in the
    next call).
    """

    __slots__ = ("_copies",)

    def __init__(self) -> None:
        self._copies: deque[np.ndarray] = deque()

    def __call__(self, array: Any) -> Any:
        if array.__class__ is not np.ndarray or array.nbytes <= COPIED_AT_ONCE:
            return array
        if array.__array_interface__["data"][0] % ALIGNMENT == 0 and array.flags.c_contiguous:
            return array
        copy = self._memory(array)
        copy[...] = array
        if array.nbytes <= KEPT:
            self._copies.append(copy)
        return copy

    def _memory(self, array: np.ndarray) -> np.ndarray:
        """Memory for a copy of an array, which nobody else has."""
        try:
            copy = self._copies.popleft()
        except IndexError:
            return _aligned_like(array)
        if copy.shape == array.shape and copy.dtype == array.dtype:
            if sys.getrefcount(copy) == 2:  # by this function and by this call
                return copy
            if not self._copies:
                self._copies.append(copy)
        return _aligned_like(array)


def _aligned_like(array: np.ndarray) -> np.ndarray:
    memory = np.empty(array.nbytes + ALIGNMENT, np.uint8)
    start = -memory.__array_interface__["data"][0] % ALIGNMENT
    return memory[start : start + array.nbytes].view(array.dtype).reshape(array.shape)


def on_arrays(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """An XLA kernel as a function of NumPy arrays, run op by op: for interpreted plans."""

    def call(*arrays: Any) -> Any:
        result = kernel(*arrays)
        return tuple(map(np.asarray, result)) if isinstance(result, (tuple, list)) else np.asarray(result)

    return call


def jitted(
    function: Callable[..., Any],
    donated: tuple[int, ...],
    convolves: bool = False,
    large: bool = False,
    shares: bool = False,
) -> Callable[..., Any]:
    """`function` compiled by XLA, taking over the buffers of the donated arguments; `xla_options` says what
    the others are.
    """
    jit = jax().jit
    options = xla_options.of_program(convolves, large, shares)
    return jit(function, donate_argnums=donated, compiler_options=options)  # type: ignore[no-any-return]


def can_share_loops() -> bool:
    """Whether programs may share loops: see `xla_options`."""
    jax()
    return xla_options.can_share_loops()


CODES = {"RESOURCE_EXHAUSTED": errors.ResourceExhaustedError, "UNIMPLEMENTED": errors.UnimplementedError}


def failure(error: Exception, lost: list[str]) -> errors.OpError:
    """What a program's user is told when XLA itself fails to run it, as when memory runs out.

    `lost` are the variables whose memory it had taken over.
    """
    code = str(error).partition(":")[0]
    text = f"XLA failed to run the step: {error}"
    if lost:
        text += (
            f"\nLost, since they were being updated in place: {', '.join(lost)}. Initialize or restore them."
        )
    return CODES.get(code, errors.InternalError)(None, None, text)


def is_lost(value: Any) -> bool:
    """Whether a variable's content is gone: given to a program, or to come from one that failed."""
    if not hasattr(value, "is_deleted"):
        return False
    if value.is_deleted():
        return True
    try:
        value.block_until_ready()
    except failures():
        return True
    return False


def failures() -> tuple[type[Exception], ...]:
    """What JAX raises when XLA fails; nothing while it is not imported, which an error is no reason for."""
    if scopes.process.jax is None:
        return ()
    return (jax().errors.JaxRuntimeError, ValueError)
