"""Time imports and a whole first program, each in fresh processes: see README.md."""

import argparse
import os
import subprocess
import sys
import tempfile
import time

PROGRAM = """
import {module} as tf
{setup}
x = tf.Variable(3, name="x")
y = tf.Variable(4, name="y")
f = x * x * y + y + 2
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print(sess.run(f))
"""


def fastest(command, rounds):
    """Seconds of the fastest of some runs of a command."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        subprocess.run(
            command, check=True, capture_output=True, env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3")
        )
        times.append(time.perf_counter() - start)
    return min(times)


def measure(name, python, module, setup, rounds):
    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as file:
        file.write(PROGRAM.format(module=module, setup=setup))
    try:
        bare = fastest([python, "-c", "pass"], rounds)
        imported = fastest([python, "-c", f"import {module}"], rounds)
        program = fastest([python, file.name], rounds)
    finally:
        os.unlink(file.name)
    print(f"| {name} | {imported - bare:.3f} | {program:.3f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print("| implementation | import s | first program, whole process s |\n|---|---|---|")
    measure("Reflow", sys.executable, "reflow", "", arguments.rounds)
    measure("NumPy alone", sys.executable, "numpy", "raise SystemExit(0)", arguments.rounds)
    if arguments.tensorflow:
        setup = "tf.disable_v2_behavior()"
        measure("TensorFlow", arguments.tensorflow, "tensorflow.compat.v1", setup, min(arguments.rounds, 2))


if __name__ == "__main__":
    main()
