"""Restoring needs the memory of the variables, and no copy of it: no XLA, and no file read as a whole."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

MEGABYTES = 64
PROGRAM = f"""
    import os, sys, tempfile
    import numpy as np
    import reflow as tf
    from reflow.base.bundle import BundleWriter

    def memory(key):  # not ru_maxrss, which begins with that of the process that started this one
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line for line in lines if line.startswith(key)).split()[1]) * 1024

    count, resource = int(sys.argv[1]), sys.argv[2] == "resource"
    size = ({MEGABYTES} << 20) // 4 // count
    with tempfile.TemporaryDirectory() as folder, tf.Graph().as_default():
        variables = [
            tf.get_variable(f"v{{i}}", [size], initializer=tf.zeros_initializer(), use_resource=resource)
            for i in range(count)
        ]
        saver = tf.train.Saver()
        path = os.path.join(folder, "model")
        with BundleWriter(path) as writer:
            for i in range(count):
                writer.add(f"v{{i}}", np.full(size, i, np.float32), tf.float32)
        with tf.Session() as sess:
            for _ in range(2):  # into nothing, then over the values that are there
                with open("/proc/self/clear_refs", "w") as file:
                    file.write("5")  # begin with the peak anew
                before = memory("VmRSS")
                saver.restore(sess, path)
                print((memory("VmHWM") - before) / ({MEGABYTES} << 20))
            assert "jax" not in sys.modules
            assert sess.run(variables[-1][0]) == count - 1
    """


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("count", [1, 50])
@pytest.mark.parametrize("kind", ["reference", "resource"])
def test_peak_memory(count: int, kind: str) -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM), str(count), kind]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    for factor in map(float, result.stdout.split()):
        assert 0.9 < factor < 1.1, result.stdout
