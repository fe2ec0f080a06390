"""Time a cached Session.run of Reflow beside raw JAX and, where there is one, TensorFlow 1's API: see
README.md.
"""

import argparse
import importlib.util
import os
import subprocess
import sys

from tasks import TASKS

HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """One implementation in its own process."""

    def __init__(self, implementation, python):
        self.implementation = implementation
        self.process = subprocess.Popen(
            [python, os.path.join(HERE, "worker.py"), implementation],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{implementation} does not start under {python}")

    def time(self, task, calls):
        self.process.stdin.write(f"{task}\t{calls}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(
                f"{self.implementation} failed on {task!r}: run benchmarks/worker.py by hand to see why"
            )
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(workers, rounds):
    """Task -> implementation -> microseconds of its fastest round."""
    results = {}
    for task, (_, _, calls) in TASKS.items():
        times = {w.implementation: [] for w in workers}
        for _ in range(rounds):
            for w in workers:
                times[w.implementation].append(w.time(task, calls // 5))
        results[task] = {name: min(values) for name, values in times.items()}
    return results


def report(results):
    """The table, in Markdown."""
    has_tf = any("tensorflow" in row for row in results.values())
    lines = [
        "| task | Reflow us | raw JAX us | Reflow / JAX |"
        + (" TensorFlow us | TensorFlow / Reflow |" if has_tf else "")
    ]
    lines.append("|---|---|---|---|" + ("---|---|" if has_tf else ""))
    for task, row in results.items():
        line = f"| {task} | {row['reflow']:.1f} | {row['jax']:.1f} | {row['reflow'] / row['jax']:.2f} |"
        if has_tf:
            line += f" {row['tensorflow']:.1f} | {row['tensorflow'] / row['reflow']:.1f} |"
        lines.append(line)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=15)
    arguments = parser.parse_args()
    pythons = {"reflow": sys.executable, "jax": sys.executable}
    if arguments.tensorflow or importlib.util.find_spec("tensorflow"):
        pythons["tensorflow"] = arguments.tensorflow or sys.executable
    workers = [Worker(name, python) for name, python in pythons.items()]
    try:
        print(report(measure(workers, arguments.rounds)))
    finally:
        for w in workers:
            w.close()


if __name__ == "__main__":
    main()
