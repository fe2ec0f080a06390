"""Time saving and restoring a gigabyte in 200 variables: Reflow beside other ways to write and read the same.

The others are measured against a plain copy of the bytes, flushed to the disk as Reflow's saves are.
TensorFlow (`--tensorflow PYTHON`) does not flush: its saves are timed as they are, and with a flush.
`safetensors` is timed where it is installed, or in another interpreter (`--safetensors PYTHON`). Every way
has a process of its own; they take turns, and medians are reported.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

VARIABLES = 200


def values(megabytes):
    random = np.random.RandomState(0)
    size = megabytes * 1024 * 1024 // 4 // VARIABLES
    block = random.standard_normal(size).astype(np.float32)
    return {f"layer{i}/weights": block + np.float32(i) for i in range(VARIABLES)}


def flush(folder):
    """Have everything in a folder on the disk."""
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            os.fsync(file.fileno())


def session_ways(tf, arrays, flushed):
    """Save and restore by a Saver, of Reflow or of TensorFlow."""
    graph = tf.Graph()
    with graph.as_default():
        feeds = {n: tf.placeholder(tf.float32, a.shape) for n, a in arrays.items()}
        variables = [
            tf.get_variable(n, a.shape, initializer=tf.zeros_initializer()) for n, a in arrays.items()
        ]
        fill = tf.group(*[tf.assign(v, f) for v, f in zip(variables, feeds.values(), strict=True)])
        saver = tf.train.Saver()
    session = tf.Session(graph=graph)
    session.run(fill, {feeds[n]: a for n, a in arrays.items()})

    def save(folder):
        saver.save(session, os.path.join(folder, "model"), write_meta_graph=False)
        if flushed:
            flush(folder)

    return save, lambda folder: saver.restore(session, os.path.join(folder, "model"))


def npz_ways(arrays):
    named = {n.replace("/", "."): a for n, a in arrays.items()}

    def save(folder):
        np.savez(os.path.join(folder, "model.npz"), **named)
        flush(folder)

    def restore(folder):
        with np.load(os.path.join(folder, "model.npz")) as found:
            return [found[n] for n in found.files]

    return save, restore


def safetensors_ways(arrays):
    from safetensors.numpy import load_file, save_file

    def save(folder):
        save_file(arrays, os.path.join(folder, "model.safetensors"))
        flush(folder)

    return save, lambda folder: load_file(os.path.join(folder, "model.safetensors"))


def copy_ways(arrays):
    content = np.concatenate(list(arrays.values()))

    def save(folder):
        with open(os.path.join(folder, "copy"), "wb", buffering=0) as file:
            for start in range(0, len(content), 1 << 24):
                file.write(content[start : start + (1 << 24)].data)
        flush(folder)

    def restore(folder):
        with open(os.path.join(folder, "copy"), "rb", buffering=0) as file:
            file.readinto(content)

    return save, restore


def ways(name, arrays):
    if name == "copy":
        return copy_ways(arrays)
    if name == "npz":
        return npz_ways(arrays)
    if name == "safetensors":
        return safetensors_ways(arrays)
    if name == "reflow":
        import reflow as tf
    else:
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
    return session_ways(tf, arrays, flushed=name == "tensorflow+flush")


def serve(name, megabytes):
    """The worker: saves and restores once for each line it reads."""
    save, restore = ways(name, values(megabytes))
    print("ready", flush=True)
    for line in sys.stdin:
        folder = tempfile.mkdtemp(dir=line.strip() or None)
        started = time.perf_counter()
        save(folder)
        saved = time.perf_counter()
        restore(folder)
        print(json.dumps([saved - started, time.perf_counter() - saved]), flush=True)
        shutil.rmtree(folder)


class Worker:
    """One way, in a process of its own."""

    def __init__(self, name, python, megabytes):
        self.name = name
        self.times = []
        command = [python, os.path.abspath(__file__), "--serve", name, "--megabytes", str(megabytes)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.ready = self._process.stdout.readline().strip() == "ready"

    def turn(self, folder):
        self._process.stdin.write(f"{folder}\n")
        self._process.stdin.flush()
        self.times.append(json.loads(self._process.stdout.readline()))

    def close(self):
        self._process.stdin.close()
        self._process.wait()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tensorflow", metavar="PYTHON", help="an interpreter that has TensorFlow")
    parser.add_argument("--safetensors", metavar="PYTHON", help="an interpreter that has safetensors")
    parser.add_argument("--megabytes", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--folder", default="", help="where to write; the system's temporary folder by default"
    )
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        return serve(options.serve, options.megabytes)
    names = dict.fromkeys(("copy", "reflow", "npz"), sys.executable)
    names["safetensors"] = options.safetensors or sys.executable
    if options.tensorflow:
        names |= dict.fromkeys(("tensorflow", "tensorflow+flush"), options.tensorflow)
    workers = [w for w in (Worker(n, p, options.megabytes) for n, p in names.items()) if w.ready]
    for _ in range(options.rounds):
        for worker in workers:
            os.sync()  # nobody's disk is busy with what another has left in memory
            worker.turn(options.folder)
    medians = {w.name: [statistics.median(t) for t in zip(*w.times, strict=True)] for w in workers}
    print(f"{options.megabytes} MB in {VARIABLES} variables; seconds, and how many times the copy's")
    for name, (saving, restoring) in medians.items():
        rows = [
            f"{t:7.2f} ({t / c:4.1f} x)" for t, c in zip((saving, restoring), medians["copy"], strict=True)
        ]
        print(f"{name:18} save {rows[0]}   restore {rows[1]}")
    for worker in workers:
        worker.close()


if __name__ == "__main__":
    main()
