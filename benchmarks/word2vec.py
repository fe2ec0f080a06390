"""Time the step of skip-gram word2vec with NCE beside raw JAX and TensorFlow: see README.md.

python benchmarks/word2vec.py
python benchmarks/word2vec.py --tensorflow PYTHON        a Python that has TensorFlow
python benchmarks/word2vec.py --vocabularies             the step as the vocabulary grows, and peak memory
"""

import argparse
import importlib.util
import itertools
import os
import resource
import subprocess
import sys
import time

import numpy as np

VOCABULARY, SIZE, BATCH, SAMPLED, RATE = 50_000, 128, 128, 64, 1.0
CALLS = 200
TASKS = ("feeds", "generator")
OPTIMIZERS = {
    "sgd": lambda tf: tf.train.GradientDescentOptimizer(RATE),
    "momentum": lambda tf: tf.train.MomentumOptimizer(0.1, 0.9),
    "adagrad": lambda tf: tf.train.AdagradOptimizer(0.1),
}


def batches(vocabulary, count=64):
    """Centers and targets, distributed like words."""
    rng = np.random.RandomState(0)
    pairs = [[rng.zipf(1.3, shape) % vocabulary for shape in ((BATCH,), (BATCH, 1))] for _ in range(count)]
    return [(centers.astype(np.int32), targets.astype(np.int32)) for centers, targets in pairs]


def tf_step(tf, task, vocabulary=VOCABULARY, optimizer="sgd"):
    """The lecture's program as a function that takes one step and returns the loss."""
    data = batches(vocabulary)
    centers, targets, feeds = inputs(tf, task, data)
    bound = 1.0 / SIZE**0.5
    vectors = tf.get_variable(
        "vectors", [vocabulary, SIZE], initializer=tf.random_uniform_initializer(-1.0, 1.0)
    )
    weights = tf.get_variable(
        "weights", [vocabulary, SIZE], initializer=tf.truncated_normal_initializer(stddev=bound)
    )
    biases = tf.get_variable("biases", initializer=tf.zeros([vocabulary]))
    embedded = tf.nn.embedding_lookup(vectors, centers)
    losses = tf.nn.nce_loss(weights, biases, targets, embedded, num_sampled=SAMPLED, num_classes=vocabulary)
    loss = tf.reduce_mean(losses)
    step = OPTIMIZERS[optimizer](tf).minimize(loss)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return lambda: session.run([loss, step], next(feeds))[0]


def inputs(tf, task, data):
    """Centers and targets, and the feeds of the steps: what is fed, or what a generator gives."""
    if task == "feeds":
        centers, targets = tf.placeholder(tf.int32, [BATCH]), tf.placeholder(tf.int32, [BATCH, 1])
        feeds = [{centers: c, targets: t} for c, t in data]
        return centers, targets, itertools.cycle(feeds)
    shapes = (tf.TensorShape([BATCH]), tf.TensorShape([BATCH, 1]))
    dataset = tf.data.Dataset.from_generator(lambda: itertools.cycle(data), (tf.int32, tf.int32), shapes)
    centers, targets = tf.data.make_one_shot_iterator(dataset).get_next()
    return centers, targets, itertools.repeat(None)


def jax_step(task):
    """The same step in JAX: rows are gathered, differentiated and scattered back in place."""
    import jax
    import jax.numpy as jnp

    scale = np.float32(np.log1p(VOCABULARY))

    def draw(key):
        """Distinct candidates, log-uniform, and how many were tried."""
        shares = jax.random.uniform(key, (2 * SAMPLED,))
        drawn = (jnp.exp(shares * scale).astype(np.int32) - 1) % VOCABULARY
        earlier = np.tri(2 * SAMPLED, k=-1, dtype=bool)
        new = ~jnp.any((drawn[:, None] == drawn) & earlier, axis=1)
        rank = jnp.cumsum(new)
        place = jnp.where(new, rank - 1, SAMPLED)
        picked = jnp.zeros(SAMPLED, np.int32).at[place].set(drawn, mode="drop")
        return picked, jnp.argmax(rank == SAMPLED) + 1

    def log_expected(ids, tries):
        chance = jnp.log((ids + 2.0) / (ids + 1.0)) / scale
        return jnp.log(-jnp.expm1(tries * jnp.log1p(-chance)))

    def cross_entropy(logits, label):
        return jnp.maximum(logits, 0) - logits * label + jnp.log1p(jnp.exp(-jnp.abs(logits)))

    def loss_of(embedded, rows, offsets, true_log, sampled_log):
        true = jnp.sum(embedded * rows[:BATCH], 1) + offsets[:BATCH] - true_log
        sampled = embedded @ rows[BATCH:].T + offsets[BATCH:] - sampled_log
        return jnp.mean(cross_entropy(true, 1.0) + jnp.sum(cross_entropy(sampled, 0.0), 1))

    def step(vectors, weights, biases, key, centers, targets):
        key, own = jax.random.split(key)
        sampled, tries = draw(own)
        targets = targets[:, 0]
        ids = jnp.concatenate([targets, sampled])
        logs = log_expected(targets, tries), log_expected(sampled, tries)
        parts = vectors[centers], weights[ids], biases[ids]
        loss, (first, second, third) = jax.value_and_grad(loss_of, (0, 1, 2))(*parts, *logs)
        vectors = vectors.at[centers].add(-RATE * first)
        weights = weights.at[ids].add(-RATE * second)
        return vectors, weights, biases.at[ids].add(-RATE * third), key, loss

    rng = np.random.RandomState(1)
    state = [
        jnp.asarray(rng.uniform(-1, 1, (VOCABULARY, SIZE)).astype(np.float32)),
        jnp.asarray(rng.randn(VOCABULARY, SIZE).astype(np.float32) / SIZE**0.5),
        jnp.zeros(VOCABULARY, np.float32),
        jax.random.PRNGKey(0),
    ]
    jitted = jax.jit(step, donate_argnums=(0, 1, 2, 3))
    feeds = itertools.cycle(batches(VOCABULARY))

    def run():
        *state[:], loss = jitted(*state, *next(feeds))
        return float(loss)

    return run


def work(implementation):
    """A worker: answers `task` lines with the microseconds of a step."""
    ready = {}
    print("ready", flush=True)
    for line in sys.stdin:
        task = line.strip()
        if task not in ready:
            ready[task] = build(implementation, task)
            start = time.perf_counter()
            while time.perf_counter() - start < 2.0:  # warm-up, past any change of tier
                ready[task]()
        start = time.perf_counter()
        for _ in range(CALLS):
            ready[task]()
        print((time.perf_counter() - start) / CALLS * 1e6, flush=True)


def build(implementation, task):
    if implementation == "jax":
        return jax_step(task)
    if implementation == "tensorflow":
        import tensorflow.compat.v1 as tf

        tf.disable_v2_behavior()
        tf.logging.set_verbosity(tf.logging.ERROR)
    else:
        import reflow as tf
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        return tf_step(tf, task)


class Worker:
    """One implementation in a process of its own."""

    def __init__(self, implementation, python):
        self.implementation = implementation
        self.process = subprocess.Popen(
            [python, os.path.abspath(__file__), "--work", implementation],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=dict(os.environ, TF_CPP_MIN_LOG_LEVEL="3"),
        )
        self._read()

    def time(self, task):
        self.process.stdin.write(task + "\n")
        self.process.stdin.flush()
        return float(self._read())

    def _read(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(
                f"{self.implementation} failed: run benchmarks/word2vec.py --work by hand to see why"
            )
        return line.strip()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def compare(workers, rounds):
    """The table, in Markdown: the fastest and the median of rounds that alternate."""
    names = [w.implementation for w in workers]
    others = names[1:]
    print(
        "| input | "
        + " | ".join(f"{n} us" for n in names)
        + "".join(f" | {n} / reflow" for n in others)
        + " |"
    )
    print("|---" * (1 + len(names) + len(others)) + "|")
    for task in TASKS:
        times = {n: [] for n in names}
        for _ in range(rounds):
            for w in workers:
                times[w.implementation].append(w.time(task))
        for what, of in (("fastest", min), ("median", np.median)):
            best = {n: of(t) for n, t in times.items()}
            ratios = "".join(f" | {best[n] / best['reflow']:.2f}" for n in others)
            print(f"| {task}, {what} | " + " | ".join(f"{best[n]:.0f}" for n in names) + ratios + " |")


def grow(vocabulary, optimizer):
    """The step for one vocabulary, in this process: microseconds, and peak memory beside the variables."""
    import reflow as tf

    with tf.Graph().as_default():
        step = tf_step(tf, "feeds", vocabulary, optimizer)
        held = sum(4 * v.shape.num_elements() for v in tf.global_variables())
        for _ in range(300):
            step()
    rounds = []
    for _ in range(7):
        start = time.perf_counter()
        for _ in range(CALLS):
            step()
        rounds.append((time.perf_counter() - start) / CALLS * 1e6)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(f"| {optimizer} | {vocabulary:,} | {min(rounds):.0f} | {peak / 2**20:.0f} | {peak / held:.2f} |")


def vocabularies():
    print("| optimizer | vocabulary | us | peak MB | peak / variables |\n|---|---|---|---|---|", flush=True)
    for optimizer in OPTIMIZERS:
        for vocabulary in (50_000, 200_000, 1_000_000):
            this = [sys.executable, os.path.abspath(__file__), "--grow", str(vocabulary), optimizer]
            subprocess.run(this, check=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tensorflow", metavar="PYTHON", help="a Python that has TensorFlow")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--vocabularies", action="store_true")
    parser.add_argument("--work", help=argparse.SUPPRESS)
    parser.add_argument("--grow", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.work:
        return work(arguments.work)
    if arguments.grow:
        return grow(int(arguments.grow[0]), arguments.grow[1])
    if arguments.vocabularies:
        return vocabularies()
    pythons = {"reflow": sys.executable, "jax": sys.executable}
    if arguments.tensorflow or importlib.util.find_spec("tensorflow"):
        pythons["tensorflow"] = arguments.tensorflow or sys.executable
    workers = [Worker(name, python) for name, python in pythons.items()]
    try:
        compare(workers, arguments.rounds)
    finally:
        for w in workers:
            w.close()


if __name__ == "__main__":
    main()
