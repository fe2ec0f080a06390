"""Time training steps of four networks: Reflow beside raw JAX and, where there are, TensorFlow and PyTorch.

Every implementation runs in a process of its own. They take turns, a few steps each, so that noise falls on
all alike: each round begins with another of them, and each turn with a step that is not timed, since threads
of the one before may still spin. Medians of the rounds are reported, and ratios are what counts.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time

import numpy as np

# Network -> the batch's shape, and how many steps make a round.
NETS = {
    "convnet": ((128, 784), 4),
    "resnet": ((64, 32, 32, 3), 6),
    "vae": ((128, 784), 10),
    "mlp": ((128, 784), 40),
}
WARM_UP = 6  # steps


def batch(net):
    random = np.random.RandomState(0)
    shape = NETS[net][0]
    return random.uniform(size=shape).astype(np.float32), random.randint(0, 10, shape[0]).astype(np.int32)


def build(implementation, net):
    """The step function of a network under one implementation."""
    x, y = batch(net)
    if implementation == "jax":
        import nets_jax

        return nets_jax.build(net, x, y)
    if implementation == "torch":
        import nets_torch

        return nets_torch.build(net, x, y)
    import nets_graph

    if implementation == "tensorflow":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
    else:
        import reflow as tf
    return nets_graph.build(tf, net, x, y)


def serve(implementation):
    """The worker: reads names of networks, answers milliseconds for each step of a round."""
    ready = {}
    print("ready", flush=True)
    for line in sys.stdin:
        net = line.strip()
        if net not in ready:
            ready[net] = build(implementation, net)
            for _ in range(WARM_UP):
                loss = ready[net]()
            assert np.isfinite(loss), f"the loss of {net} is {loss}"
        ready[net]()
        start = time.perf_counter()
        for _ in range(NETS[net][1]):
            ready[net]()
        print((time.perf_counter() - start) / NETS[net][1] * 1e3, flush=True)


class Worker:
    """One implementation in its own process."""

    def __init__(self, implementation, python):
        self.implementation = implementation
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--worker", implementation],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{implementation} does not start under {python}")

    def time(self, net):
        self.process.stdin.write(f"{net}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.implementation} failed on {net}: see `nets.py --worker`")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def measure(workers, nets, rounds):
    """Network -> implementation -> milliseconds of a step, the median round."""
    found = {}
    for net in nets:
        times = {w.implementation: [] for w in workers}
        for w in workers:
            w.time(net)  # compiles
        for i in range(rounds):
            first = i % len(workers)
            for w in workers[first:] + workers[:first]:
                times[w.implementation].append(w.time(net))
        found[net] = {name: statistics.median(values) for name, values in times.items()}
    return found


def report(found):
    """The table, in Markdown: milliseconds, then how many times as long as Reflow the others take."""
    others = [name for name in next(iter(found.values())) if name != "reflow"]
    lines = [
        "| network | Reflow ms |" + "".join(f" {name} ms | {name} / Reflow |" for name in others),
        "|---|---|" + "---|---|" * len(others),
    ]
    for net, row in found.items():
        cells = "".join(f" {row[name]:.2f} | {row[name] / row['reflow']:.2f} |" for name in others)
        lines.append(f"| {net} | {row['reflow']:.2f} |" + cells)
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow 2")
    parser.add_argument("--torch", metavar="PYTHON", help="a Python that has PyTorch")
    parser.add_argument("--nets", nargs="*", default=list(NETS), choices=list(NETS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--worker", metavar="IMPLEMENTATION", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return serve(arguments.worker)
    pythons = {"reflow": sys.executable, "jax": sys.executable}
    for name in ("tensorflow", "torch"):
        if getattr(arguments, name) or importlib.util.find_spec(name):
            pythons[name] = getattr(arguments, name) or sys.executable
    workers = [Worker(name, python) for name, python in pythons.items()]
    try:
        print(report(measure(workers, arguments.nets, arguments.rounds)))
    finally:
        for w in workers:
            w.close()


if __name__ == "__main__":
    main()
