"""Time the XOR program of the lecture, which writes eight summaries each step, and the same without them.

Beside Reflow it runs TensorFlow's compat.v1, where there is one (`--tensorflow PYTHON`): see README.md. Each
implementation is a process of its own, and rounds take turns, so that both meet the same machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from tasks import XOR_X, XOR_Y

STEPS, ROUNDS = 10_001, 11
TASKS = ("summaries", "plain")


def build(tf, folder):
    """Task -> function of a number of steps to train: with eight summaries written each step, and without."""
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    y = tf.placeholder(tf.float32, [None, 1], name="y")
    layer, output = x, None
    for number, shape in [(1, [2, 2]), (2, [2, 1])]:
        with tf.name_scope(f"Layer{number}"):
            w = tf.Variable(tf.random_normal(shape, seed=number), name=f"weight_{number}")
            b = tf.Variable(tf.random_normal(shape[1:], seed=number), name=f"bias_{number}")
            output = layer = tf.sigmoid(tf.matmul(layer, w) + b)
            for name, tensor in [("W", w), ("b", b), ("Layer", layer)]:
                tf.summary.histogram(f"{name}{number}", tensor)
    with tf.name_scope("Cost"):
        cost = -tf.reduce_mean(y * tf.log(output) + (1 - y) * tf.log(1 - output))
        tf.summary.scalar("Cost", cost)
    with tf.name_scope("Train"):
        train = tf.train.AdamOptimizer(learning_rate=0.01).minimize(cost)
    predicted = tf.cast(output > 0.5, dtype=tf.float32)
    tf.summary.scalar("accuracy", tf.reduce_mean(tf.cast(tf.equal(predicted, y), dtype=tf.float32)))
    merged = tf.summary.merge_all()
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    writer = tf.summary.FileWriter(folder, session.graph)
    feed = {x: XOR_X, y: XOR_Y}

    def with_summaries(steps):
        for step in range(steps):
            _, summary, _ = session.run([train, merged, cost], feed_dict=feed)
            writer.add_summary(summary, global_step=step)
        writer.flush()

    def plain(steps):
        for _ in range(steps):
            session.run([train, cost], feed_dict=feed)

    return dict(zip(TASKS, (with_summaries, plain), strict=True))


def work(implementation):
    """The process of one implementation: reads `task steps`, answers seconds."""
    if implementation == "tensorflow":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
    else:
        import reflow as tf
    with tempfile.TemporaryDirectory() as folder, tf.Graph().as_default():
        tasks = build(tf, folder)
        for task in tasks.values():
            task(1500)  # past any change of tier
        print("ready", flush=True)
        for line in sys.stdin:
            task, steps = line.split()
            start = time.perf_counter()
            tasks[task](int(steps))
            print(time.perf_counter() - start, flush=True)


def start(implementation, python):
    """The process of an implementation, ready to work."""
    process = subprocess.Popen(
        [python, os.path.abspath(__file__), "--worker", implementation],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
    )
    if process.stdout.readline().strip() != "ready":
        raise SystemExit(f"{implementation} does not start under {python}")
    return process


def seconds(process, task, steps):
    process.stdin.write(f"{task} {steps}\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow")
    parser.add_argument("--steps", type=int, default=STEPS, help="steps of each task, over all rounds")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        return work(arguments.worker)
    workers = {"reflow": start("reflow", sys.executable)}
    if arguments.tensorflow:
        workers["tensorflow"] = start("tensorflow", arguments.tensorflow)
    steps = arguments.steps // ROUNDS
    times = {(task, name): [] for task in TASKS for name in workers}
    for _ in range(ROUNDS):
        for task, name in times:
            times[task, name].append(seconds(workers[name], task, steps) / steps * 1e6)
    report(times, list(workers))
    return None


def report(times, names):
    """The table, in Markdown: the fastest round and, for the ratio, the median of the rounds' ratios."""
    print("| a step of the XOR program |", *[f"{n} us |" for n in names], "TensorFlow / Reflow |")
    print("|---|" + "---|" * (len(names) + 1))
    for task in TASKS:
        cells = [f"{min(times[task, n]):.0f} |" for n in names]
        ratio = np.median(np.divide(times[task, names[-1]], times[task, "reflow"]))
        print(f"| {task} |", *cells, f"{ratio:.2f} |" if len(names) > 1 else "|")


if __name__ == "__main__":
    main()
