"""JAX, imported when the first plan is compiled and not before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.graph import scopes

# XLA otherwise orders the parts of a CPU program so that threads take parts that do not wait for each other.
# Most are so small that waking a thread costs more than they do: a step of 50 parts runs 10 % faster so.
IN_ORDER = {"xla_cpu_scheduler_type": "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED"}


def jax() -> Any:
    """The jax module, with 64-bit types on (they are everyday types in TF 1).

    Programs for the CPU run in the thread that calls them, without the GIL: handing one to another thread and
    waiting for it costs 5 to 40 us, more than most steps' work. JAX heeds this until its first computation.
    """
    if scopes.process.jax is None:
        import jax as imported

        imported.config.update("jax_enable_x64", True)  # type: ignore[no-untyped-call]
        imported.config.update("jax_cpu_enable_async_dispatch", False)  # type: ignore[no-untyped-call]
        scopes.process.jax = imported
    return scopes.process.jax


def jnp() -> Any:
    """`jax.numpy`."""
    return jax().numpy


def on_device(array: np.ndarray | np.generic) -> Any:
    """A device array with a buffer of its own (so that it may be donated)."""
    return jnp().array(array, copy=True)


def on_arrays(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """An XLA kernel as a function of NumPy arrays, run op by op: for interpreted plans."""

    def call(*arrays: Any) -> Any:
        result = kernel(*arrays)
        return tuple(map(np.asarray, result)) if isinstance(result, (tuple, list)) else np.asarray(result)

    return call


def jitted(function: Callable[..., Any], donated: tuple[int, ...]) -> Callable[..., Any]:
    """`function` compiled by XLA, taking over the buffers of the donated arguments."""
    return jax().jit(function, donate_argnums=donated, compiler_options=_options())  # type: ignore[no-any-return]


def _options() -> Any:
    """What programs are compiled with, as far as this JAX knows it."""
    if scopes.process.compiler_options is None:
        probe = jax().jit(lambda: np.int32(0), compiler_options=IN_ORDER)
        try:
            probe.lower().compile()
            scopes.process.compiler_options = IN_ORDER
        except jax().errors.JaxRuntimeError:  # no such option
            scopes.process.compiler_options = {}
    return scopes.process.compiler_options
