"""The profile of compiled programs, which XLA's own profiler records."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from reflow.platform import gfile
from reflow.runtime import backend


@contextlib.contextmanager
def profile(logdir: Any) -> Iterator[None]:
    """Context manager: record what XLA does in the block, as JAX's profiler sees it.

    A traced run (`RunOptions(trace_level=RunOptions.FULL_TRACE)`) tells the time and memory of each node, but
    runs the nodes one by one. A profile shows the fused program as it really runs. It is written to
    `logdir/plugins/profile/TIME/`: as `.xplane.pb` for TensorBoard's Profile tab (which needs the package
    tensorboard-plugin-profile) and as `.trace.json.gz` for a trace viewer, such as the one in Chrome.

    Args:
        logdir: the log folder; it is made if it is missing.

    Raises:
        RuntimeError: a profile is being recorded already.
        tf.errors.OpError: the folder cannot be made.

    >>> import glob, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.Session() as sess, tf.profile(folder):
    ...     print(sess.run(tf.constant(1.0) + 2.0))
    3.0
    >>> len(glob.glob(folder + "/plugins/profile/*/*.xplane.pb"))
    1
    """
    folder = os.fsdecode(os.fspath(logdir))
    gfile.MakeDirs(folder)
    profiler = backend.jax().profiler
    profiler.start_trace(folder)
    try:
        yield
    finally:
        profiler.stop_trace()
