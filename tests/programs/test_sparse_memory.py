"""Training on a vocabulary of 10^6 words: no gradient is ever as large as the variables."""

from __future__ import annotations

import subprocess
import sys
import textwrap

ROWS, SIZE = 1_000_000, 128
PROGRAM = f"""
    import numpy as np
    import reflow as tf

    def train(rows):
        graph = tf.Graph()
        with graph.as_default():
            words, targets = tf.placeholder(tf.int32, [64]), tf.placeholder(tf.int32, [64, 1])
            value = tf.random_uniform([], 0.1, 0.2)  # one: many draws take longer than all the rest

            def start(shape, dtype=None, partition_info=None):
                return tf.fill(shape, value)

            vectors = tf.get_variable("vectors", [rows, {SIZE}], initializer=start)
            weights = tf.get_variable("weights", [rows, {SIZE}], initializer=start)
            biases = tf.get_variable("biases", [rows], initializer=tf.zeros_initializer())
            embedded = tf.nn.embedding_lookup(vectors, words)
            loss = tf.reduce_mean(tf.nn.nce_loss(weights, biases, targets, embedded, 32, rows))
            step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
            with tf.Session() as session:
                session.run(tf.global_variables_initializer())
                for number in range(20):
                    ids = np.arange(64, dtype=np.int32) * 7 % rows + number
                    value, _ = session.run([loss, step], {{words: ids, targets: ids[:, None]}})
                    assert np.isfinite(value)
        # Not ru_maxrss, which begins with that of the process that started this one.
        lines = open("/proc/self/status").read().splitlines()
        return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * 1024

    small = train(1000)
    print((train({ROWS}) - small) / (2 * {ROWS} * {SIZE} * 4))
    """


def test_peak_memory() -> None:
    command = [sys.executable, "-c", textwrap.dedent(PROGRAM)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    # 1 is the variables themselves.
    assert 0.9 < float(result.stdout) < 2.5, result.stdout
