"""How the C library keeps the memory that programs free.

A compiled step takes tens of megabytes for its temporaries and frees them at its end. glibc gives so large
blocks back to the system at once, and each step then waits for the system to clear every page of them again:
a third of the time of a step of a small convolutional network. TensorFlow's and PyTorch's allocators keep
them, for the same reason.
"""

from __future__ import annotations

import ctypes
import os
import sys

KEPT = 1 << 30  # bytes: larger blocks, and what is free beyond so much, still go back to the system

# Parameters of `mallopt` (glibc's malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8


def keep_freed_memory() -> bool:
    """Let the C library keep up to `KEPT` bytes of freed memory for what comes next; whether it does now.

    All threads share one heap, where they would otherwise have parts of 64 MB of their own that are given
    back. Where the environment sets how memory is allocated (`MALLOC_...`, `GLIBC_TUNABLES`), that holds, and
    nothing is changed; nor is there anything to change without glibc.
    """
    own = [name for name in os.environ if name.startswith("MALLOC_")]
    if own or "malloc" in os.environ.get("GLIBC_TUNABLES", "") or sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((_MMAP_THRESHOLD, KEPT), (_TRIM_THRESHOLD, KEPT), (_ARENA_MAX, 1))
    return all(mallopt(parameter, value) for parameter, value in settings)
