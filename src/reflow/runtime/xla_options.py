"""The options of XLA's compiler with which programs for the CPU are quicker, and how a program gets them."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import onednn
from reflow.base.varint import varint
from reflow.graph import scopes

# XLA otherwise orders the parts of a CPU program so that threads take parts that do not wait for each other.
# Most are so small that waking a thread costs more than they do: a step of 50 parts runs 10 % faster so.
IN_ORDER = ("xla_cpu_scheduler_type", "CPU_SCHEDULER_TYPE_MEMORY_OPTIMIZED")

# On the CPU, XLA hands most convolutions of two space axes to a library (YNNPACK) that computes each on one
# core. With the library kept to products and sums, XLA's own run on all cores, up to twice as fast.
OWN_CONVOLUTIONS = (
    "xla_cpu_experimental_ynn_fusion_type",
    "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT,LIBRARY_FUSION_TYPE_REDUCE",
)

# Loops that read the same arrays become one loop with several results. XLA then no longer computes cheap
# values again where they are used: that is for programs in which such loops are most of the work.
EXTRA = "xla_backend_extra_options"
SHARED_LOOPS = (EXTRA, "xla_cpu_use_multi_output_fusion=true")
TESTED = ((0, 10),)  # the versions of JAX with which shared loops were tested: a failure ends the process
OFF = "0"  # in the environment's REFLOW_SHARED_LOOPS: do without


def _jax() -> Any:
    """JAX as `backend.jax` has set it up. To use it before would make its client without these settings."""
    assert scopes.process.jax is not None
    return scopes.process.jax


def of_program(convolves: bool, large: bool, shares: bool) -> dict[str, str]:
    """The options of a program that has convolutions, large products, loops to be shared."""
    # Large products, and XLA's own convolutions, are worth a thread beside them: their programs are not run
    # in order. oneDNN's convolutions use all threads; what it leaves to XLA are the smallest.
    wanted = [OWN_CONVOLUTIONS] if convolves else []
    if not large and (not convolves or onednn.find() is not None):
        wanted.append(IN_ORDER)
    options = dict(option for option in wanted if knows(*option))
    if shares:
        options.update([SHARED_LOOPS])
    return options


@functools.cache
def knows(option: str, value: str) -> bool:
    """Whether programs may be compiled with an option: this JAX knows it, and `XLA_FLAGS` do not set it."""
    jax = _jax()
    if option in os.environ.get("XLA_FLAGS", ""):
        return False
    probe = jax.jit(lambda: np.int32(0), compiler_options={option: value})
    try:
        probe.lower().compile()
    except jax.errors.JaxRuntimeError:  # no such option
        return False
    return True


@functools.cache
def can_share_loops() -> bool:
    """Whether programs may have `SHARED_LOOPS`: on the CPU, with a JAX that was tested, where it works."""
    jax = _jax()
    if os.environ.get("REFLOW_SHARED_LOOPS") == OFF or EXTRA in os.environ.get("XLA_FLAGS", ""):
        return False
    if jax.default_backend() != "cpu" or jax.version.__version_info__[:2] not in TESTED:
        return False
    return _pass_on_extra_options() and _are_shared()


def _are_shared() -> bool:
    """Whether a program with the option shares its loops, and computes rightly."""
    jax = _jax()

    def two(x: Any, y: Any) -> Any:
        return x * 2 + y, x - y * 3

    x, y = np.array([[3, 1, 4, 1], [2, 7, 1, 8]], np.float32)
    try:
        compiled = jax.jit(two, compiler_options=dict([SHARED_LOOPS])).lower(x, y).compile()
    except jax.errors.JaxRuntimeError:  # the option is not passed on
        return False
    is_one = (compiled.as_text() or "").split("ENTRY")[-1].count(" fusion(") == 1
    return is_one and all(np.array_equal(a, b) for a, b in zip(compiled(x, y), two(x, y), strict=True))


def _pass_on_extra_options() -> bool:
    """Have JAX pass a program's own extra options to XLA, which it can do with all other options only.

    They are a table in the compiler's options, and JAX sets single values. Nothing else changes: a program
    without them is compiled as before. False if this JAX is built otherwise.
    """
    try:
        from jax._src import compiler
        from jax._src.lib import xla_client  # type: ignore[attr-defined]

        original = compiler.get_compile_options
        parse = xla_client.CompileOptions.ParseFromString
    except (ImportError, AttributeError):
        return False
    compiler.get_compile_options = _extended(original, parse)
    return True


def _extended(original: Callable[..., Any], parse: Callable[[bytes], Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_compile_options(*args: Any, env_options_overrides: Any = None, **others: Any) -> Any:
        overrides = dict(env_options_overrides or {})
        extra = overrides.pop(EXTRA, None)
        options = original(*args, env_options_overrides=overrides, **others)
        if extra is None:
            return options
        return parse(options.SerializeAsString() + _message(*extra.split("=")))

    return get_compile_options


def _message(key: str, value: str) -> bytes:
    """A `CompileOptionsProto` with one extra option; behind another message it adds to that.

    The field numbers are those of XLA's `compile_options.proto` and `xla.proto`.
    """
    entry = _field(1, key.encode()) + _field(2, value.encode())
    executable_build_options, debug_options, extra_options = 3, 3, 500
    return _field(executable_build_options, _field(debug_options, _field(extra_options, entry)))


def _field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that has a length."""
    return varint(number << 3 | 2) + varint(len(content)) + content
