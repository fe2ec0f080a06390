"""Python functions that XLA programs call, and XLA's threads."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from typing import Any

import numpy as np
import pytest

from reflow.base.xla_calls import Call, Handler
from reflow.runtime import backend


def numbers(address: int, count: int) -> np.ndarray:
    return np.ctypeslib.as_array((ctypes.c_float * count).from_address(address))


def add(call: Call) -> None:
    (one, other), (result,) = call.arguments, call.results
    size = int(call.text)
    parts = range(0, size, 3)

    def part(start: int) -> None:
        if start == 6 and numbers(one, size)[0] < 0:
            raise ValueError("no negative numbers")
        stop = min(start + 3, size)
        numbers(result, size)[start:stop] = (numbers(one, size) + numbers(other, size))[start:stop]

    call.each([lambda start=start: part(start) for start in parts])  # type: ignore[misc]


HANDLER = Handler(add)


@pytest.fixture(scope="module")
def program() -> Any:
    jax = backend.jax()
    jax.ffi.register_ffi_target("reflow_test_add", HANDLER.capsule, platform="cpu", api_version=1)
    result = jax.ShapeDtypeStruct((10,), np.float32)
    return jax.jit(lambda x, y: jax.ffi.ffi_call("reflow_test_add", result)(x, y, text="10") * 2)


def test_a_call_computes_by_parts(program: Any) -> None:
    x, y = np.arange(10, dtype=np.float32), np.ones(10, np.float32)
    for _ in range(20):
        np.testing.assert_array_equal(program(x, y), (x + y) * 2)


def test_an_error_waits_for_the_other_parts() -> None:
    """They write to arrays that the program gives away when the call ends."""
    ended: list[float] = []

    def slow() -> None:
        time.sleep(0.05)
        ended.append(time.monotonic())

    def fail() -> None:
        raise ValueError("one part")

    def handle(call: Call) -> None:
        try:
            call.each([fail, slow, slow])
        finally:
            ended.append(time.monotonic())

    jax = backend.jax()
    handler = Handler(handle)
    jax.ffi.register_ffi_target("reflow_test_wait", handler.capsule, platform="cpu", api_version=1)
    result = jax.ShapeDtypeStruct((1,), np.float32)
    run = jax.jit(lambda: jax.ffi.ffi_call("reflow_test_wait", result)(text=""))
    with pytest.raises(backend.failures(), match="one part"):
        run().block_until_ready()
    assert len(ended) == 3 and ended[-1] == max(ended)


def test_an_exception_is_the_programs_error(program: Any) -> None:
    x = np.full(10, -1, np.float32)
    with pytest.raises(backend.failures(), match="ValueError: no negative numbers"):
        program(x, x).block_until_ready()
    x = -x
    np.testing.assert_array_equal(program(x, x), x * 4)  # and the next call is as good as the first


LATE = """
import threading, time
from reflow.base import xla_calls

def come_late():
    time.sleep(0.3)
    print("came", flush=True)
    xla_calls._scheduled.run(address)

address = xla_calls._scheduled.add(xla_calls.Job(lambda: None))
threading.Thread(target=come_late, daemon=True).start()
"""


def test_python_ends_after_threads_that_come_late() -> None:
    """One that Python ended would be missed by XLA, which waits for all of its threads."""
    ended = subprocess.run([sys.executable, "-c", LATE], check=True, timeout=60, capture_output=True)
    assert ended.stdout == b"came\n"
