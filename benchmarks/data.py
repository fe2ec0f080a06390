"""Time input pipelines of Reflow beside TensorFlow's, where there is one, and check that memory stays flat.

python benchmarks/data.py
python benchmarks/data.py --tensorflow PYTHON      a Python that has TensorFlow
python benchmarks/data.py --memory                 10^7 elements, and how much memory they take
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

N = 1_000_000


def elements(tf, folder):
    """Numbers, through a function, shuffled, in batches."""
    numbers = tf.data.Dataset.range(N).map(lambda x: tf.cast(x, tf.float32) * 2.0 + 1.0)
    return numbers.shuffle(10_000, seed=1).batch(128), N


def arrays(tf, folder):
    """Rows of arrays in memory, shuffled as a whole, in batches."""
    rows = np.random.RandomState(0).rand(200_000, 28).astype(np.float32)
    labels = np.arange(len(rows))
    return tf.data.Dataset.from_tensor_slices((rows, labels)).shuffle(len(rows), seed=1).batch(64), len(rows)


def filtered(tf, folder):
    """Every third number, in batches."""
    return tf.data.Dataset.range(N).filter(lambda x: tf.equal(x % 3, 0)).batch(128), N


def generated(tf, folder):
    """Pairs from a Python generator, in batches, made ahead."""

    def pairs():
        for i in range(50_000):
            yield i, i + 1

    return tf.data.Dataset.from_generator(pairs, (tf.int32, tf.int32), ([], [])).batch(128).prefetch(
        2
    ), 50_000


def records(tf, folder):
    """TFRecords of examples: read, batched, parsed."""
    features = {"x": tf.io.FixedLenFeature([8], tf.float32), "y": tf.io.FixedLenFeature([], tf.int64)}
    batches = tf.data.TFRecordDataset(records_file(tf, folder)).batch(128)
    return batches.map(lambda b: tf.io.parse_example(b, features)), 50_000


def records_one_by_one(tf, folder):
    """TFRecords of examples: read, parsed one by one, shuffled, batched."""
    features = {"x": tf.io.FixedLenFeature([8], tf.float32), "y": tf.io.FixedLenFeature([], tf.int64)}
    parsed = tf.data.TFRecordDataset(records_file(tf, folder)).map(
        lambda r: tf.io.parse_single_example(r, features)
    )
    return parsed.shuffle(1000, seed=1).batch(128), 50_000


PIPELINES = {f.__name__: f for f in (elements, arrays, filtered, generated, records, records_one_by_one)}


def records_file(tf, folder):
    name = os.path.join(folder, "examples.tfrecord")
    if not os.path.exists(name):
        with tf.io.TFRecordWriter(name) as writer:
            for i in range(50_000):
                features = {
                    "x": tf.train.Feature(float_list=tf.train.FloatList(value=[i + 0.5] * 8)),
                    "y": tf.train.Feature(int64_list=tf.train.Int64List(value=[i])),
                }
                example = tf.train.Example(features=tf.train.Features(feature=features))
                writer.write(example.SerializeToString())
    return name


def system(implementation):
    """The module of an implementation."""
    if implementation == "reflow":
        import reflow as tf

        return tf
    import tensorflow.compat.v1 as tf

    tf.disable_v2_behavior()
    return tf


def rate(tf, build, folder):
    """Elements per second of a whole pass, after the first batch."""
    with tf.Graph().as_default(), tf.Session() as session:
        dataset, count = build(tf, folder)
        iterator = tf.data.make_initializable_iterator(dataset)
        element = iterator.get_next()
        session.run(iterator.initializer)
        session.run(element)
        start = time.perf_counter()
        try:
            while True:
                session.run(element)
        except tf.errors.OutOfRangeError:
            return count / (time.perf_counter() - start)


def worker(implementation):
    """Reads names of pipelines, answers their rates."""
    tf = system(implementation)
    with tempfile.TemporaryDirectory() as folder:
        print("ready", flush=True)
        for line in sys.stdin:
            print(rate(tf, PIPELINES[line.strip()], folder), flush=True)


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

    def rate(self, name):
        self.process.stdin.write(name + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.implementation} failed on {name!r}")
        return float(answer)


def compare(python, rounds):
    """The table of rates, in Markdown."""
    workers = [Worker("reflow", sys.executable)]
    if python:
        workers.append(Worker("tensorflow", python))
    print("| pipeline | Reflow elements/s |" + (" TensorFlow elements/s | ratio |" if python else ""))
    print("|---|---|" + ("---|---|" if python else ""))
    for name in PIPELINES:
        best = [max(w.rate(name) for _ in range(rounds)) for w in workers]
        line = f"| {name} | {best[0]:,.0f} |"
        print(line + (f" {best[1]:,.0f} | {best[0] / best[1]:.2f} |" if python else ""), flush=True)


def mapped(tf, folder):
    numbers = tf.data.Dataset.range(10 * N).map(lambda x: tf.cast(x, tf.float32) * 2.0)
    return numbers.shuffle(10_000, seed=1).batch(128)


def repeated(tf, folder):
    rows = np.random.RandomState(0).rand(10_000, 8).astype(np.float32)
    return tf.data.Dataset.from_tensor_slices(rows).shuffle(1000).repeat().batch(128).prefetch(2)


def reread(tf, folder):
    features = {"x": tf.io.FixedLenFeature([8], tf.float32), "y": tf.io.FixedLenFeature([], tf.int64)}
    batches = tf.data.TFRecordDataset(records_file(tf, folder)).repeat().shuffle(1000).batch(128)
    return batches.map(lambda b: tf.io.parse_example(b, features), num_parallel_calls=2).prefetch(1)


FLAT = {f.__name__: f for f in (mapped, repeated, reread)}


def memory(name):
    """How much a process grows between 10^6 and 10^7 elements of a pipeline."""
    tf = system("reflow")
    with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
        element = FLAT[name](tf, folder).make_one_shot_iterator().get_next()
        for _ in range(N // 128):
            session.run(element)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(9 * N // 128):
            session.run(element)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print(
        f"{name}: {before // 1024} MB after 10^6 elements, {grown / 1024:.1f} MB more after 10^7", flush=True
    )
    if grown > 10 * 1024:
        raise SystemExit("memory does not stay flat")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--memory", nargs="*", choices=[*FLAT, []], help="of which pipelines; all if none")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        worker(arguments.worker)
    elif arguments.memory is not None and len(arguments.memory) == 1:
        memory(arguments.memory[0])
    elif arguments.memory is not None:  # each in a process of its own
        for name in arguments.memory or FLAT:
            subprocess.run([sys.executable, os.path.abspath(__file__), "--memory", name], check=True)
    else:
        compare(arguments.tensorflow, arguments.rounds)


if __name__ == "__main__":
    main()
