"""Freed memory is kept for what comes next, unless the environment has it otherwise."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

PROGRAM = """
import resource
from reflow.base.allocation import keep_freed_memory

print(keep_freed_memory())
for _ in range(3):
    bytearray(b"x") * (48 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    bytearray(b"x") * (48 << 20)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 10 * (48 << 20) // 4096

glibc = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="only glibc is tuned"
)


def run(**environment: str) -> tuple[bool, int]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = answer.stdout.split()
    return kept == "True", int(faults)


@glibc
def test_freed_memory_is_kept() -> None:
    kept, faults = run()
    assert kept and faults < PAGES // 20


@glibc
@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_TRIM_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}],
    ids=str,
)
def test_the_environment_wins(environment: dict[str, str]) -> None:
    kept, _ = run(**environment)
    assert not kept
