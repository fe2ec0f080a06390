"""Word vectors: skip-gram (or CBOW) with noise-contrastive estimation, in the style of TensorFlow 1.

    reflow run examples/word2vec.py [--corpus text8.zip] [--steps 100000] [--out DIR]

Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality" (2013); Gutmann
and Hyvarinen, "Noise-contrastive estimation" (2010). The defaults are the CS20 lecture's: a vocabulary of up
to 50,000 words, batches of 128 pairs, vectors of 128 numbers, a window of 1, 64 sampled words, gradient descent
with a rate of 1. Without a corpus it learns from the Python documentation inside CPython.
"""

import argparse
import os
import sys
import time

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus as text

PYTHON_WORDS = ("list", "raise", "import", "class", "integer", "loop", "string", "parameter")
PYTHON_ANALOGIES = (("list", "lists", "object"), ("function", "functions", "class"), ("set", "sets", "name"))


class Word2Vec:
    """The model: its graph is built once, then trained in a session.

    Args:
        dataset: batches of inputs, `[batch]` word numbers (CBOW: `[batch, words]`, -1 where there is none), and
            `[batch, 1]` words to predict.
        vocabulary: the number of words.
        size: how many numbers a vector has.
        sampled: how many words that are not the right one are drawn for each batch.
        rate: the learning rate.
        cbow: predict a word from the mean of its context, instead of the context from the word.
    """

    def __init__(self, dataset, vocabulary, size, sampled, rate, cbow=False):
        self.vocabulary, self.size, self.sampled, self.rate, self.cbow = vocabulary, size, sampled, rate, cbow
        self.global_step = tf.train.get_or_create_global_step()
        self._create_data(dataset)
        self._create_embedding()
        self._create_loss()
        self._create_optimizer()
        self._create_summaries()

    def _create_data(self, dataset):
        with tf.name_scope("data"):
            self.iterator = dataset.make_initializable_iterator()
            self.inputs, self.targets = self.iterator.get_next()

    def _create_embedding(self):
        with tf.name_scope("embed"):
            self.vectors = tf.get_variable(
                "embed_matrix", [self.vocabulary, self.size], initializer=tf.random_uniform_initializer(-1.0, 1.0)
            )
            if not self.cbow:
                self.embedded = tf.nn.embedding_lookup(self.vectors, self.inputs, name="embedding")
                return
            present = tf.expand_dims(tf.cast(self.inputs >= 0, tf.float32), 2)
            words = tf.nn.embedding_lookup(self.vectors, tf.maximum(self.inputs, 0), name="embedding")
            count = tf.maximum(tf.reduce_sum(present, axis=1), 1.0)
            self.embedded = tf.reduce_sum(words * present, axis=1) / count

    def _create_loss(self):
        with tf.name_scope("loss"):
            weights = tf.get_variable(
                "nce_weight",
                [self.vocabulary, self.size],
                initializer=tf.truncated_normal_initializer(stddev=self.size**-0.5),
            )
            biases = tf.get_variable("nce_bias", [self.vocabulary], initializer=tf.zeros_initializer())
            losses = tf.nn.nce_loss(weights, biases, self.targets, self.embedded, self.sampled, self.vocabulary)
            self.loss = tf.reduce_mean(losses, name="loss")

    def _create_optimizer(self):
        with tf.name_scope("optimizer"):
            optimizer = tf.train.GradientDescentOptimizer(self.rate)
            self.step = optimizer.minimize(self.loss, global_step=self.global_step)

    def _create_summaries(self):
        with tf.name_scope("summaries"):
            self.summary = tf.summary.scalar("loss", self.loss)

    def train(self, session, steps, report, every=500):
        """Take `steps` steps; calls `report(step, mean loss, summary)` every so many of them."""
        session.run(self.iterator.initializer)
        session.run(tf.global_variables_initializer())
        total, counted = 0.0, 0
        for number in range(1, steps + 1):
            if number % every and number < steps:
                _, loss = session.run([self.step, self.loss])
                summary = None
            else:
                _, loss, summary = session.run([self.step, self.loss, self.summary])
            total, counted = total + loss, counted + 1
            if summary is not None:
                report(number, total / counted, summary)
                total, counted = 0.0, 0
        return session.run(self.vectors)


class Neighbours:
    """Words by the direction of their vectors."""

    def __init__(self, vocabulary, vectors):
        self.vocabulary = vocabulary
        self.number_of = {word: i for i, word in enumerate(vocabulary)}
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.directions = vectors / np.maximum(lengths, 1e-12)

    def near(self, direction, count, without=()):
        """The words whose vectors have the smallest angles with `direction`, nearest first."""
        scores = self.directions @ direction
        scores[[0, *(self.number_of[w] for w in without)]] = -np.inf
        return [(self.vocabulary[i], float(scores[i])) for i in np.argsort(-scores)[:count]]

    def of(self, word, count=6):
        """The nearest words of a word."""
        return self.near(self.directions[self.number_of[word]], count, [word])

    def analogy(self, a, b, c, count=3):
        """What is to `c` as `b` is to `a`."""
        direction = sum(s * self.directions[self.number_of[w]] for s, w in ((-1, a), (1, b), (1, c)))
        return self.near(direction / np.linalg.norm(direction), count, [a, b, c])


def save_vectors(path, vocabulary, vectors, binary):
    """Write vectors in word2vec's format: a line `words size`, then each word and its numbers."""
    partial = path + ".partial"
    with open(partial, "wb") as file:
        file.write(f"{len(vocabulary)} {vectors.shape[1]}\n".encode())
        for word, vector in zip(vocabulary, np.asarray(vectors, np.float32), strict=True):
            numbers = vector.tobytes() if binary else " ".join(f"{x:.6g}" for x in vector).encode()
            file.write(word.encode() + b" " + numbers + b"\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)


def run(arguments):
    source = text.read_text(arguments.corpus) if arguments.corpus else text.python_documentation()
    corpus = text.Corpus(text.words_of(source), arguments.vocabulary, arguments.window)
    words = len(corpus.vocabulary)
    if arguments.sampled >= words:
        raise text.CorpusError(f"{arguments.sampled} sampled words of a vocabulary of {words}: too many")
    print(f"{len(corpus.numbers):,} words, {words:,} of them different")
    shape = [arguments.batch, 2 * arguments.window] if arguments.cbow else [arguments.batch]

    def generate():
        options = (arguments.window, arguments.subsample, arguments.cbow, arguments.seed)
        yield from text.batches(corpus, arguments.batch, *options)

    tf.set_random_seed(arguments.seed)
    dataset = tf.data.Dataset.from_generator(
        generate, (tf.int32, tf.int32), (tf.TensorShape(shape), tf.TensorShape([arguments.batch, 1]))
    ).prefetch(16)
    model = Word2Vec(dataset, words, arguments.size, arguments.sampled, arguments.rate, arguments.cbow)
    neighbours = Neighbours(corpus.vocabulary, fit(model, arguments))
    show(neighbours, arguments)
    return neighbours


def fit(model, arguments):
    """Train with a progress bar; returns the vectors."""
    columns = [BarColumn(), TextColumn("{task.fields[state]}"), TimeElapsedColumn()]
    writer = tf.summary.FileWriter(arguments.out, tf.get_default_graph()) if arguments.out else None
    with tf.Session() as session, Progress(*columns) as progress:
        bar = progress.add_task("train", total=arguments.steps, state="")
        started = time.perf_counter()

        def report(step, loss, summary):
            speed = step * arguments.batch / (time.perf_counter() - started)
            state = f"step {step:,}  loss {loss:.3f}  {speed:,.0f} pairs/s"
            progress.update(bar, completed=step, state=state)
            if writer is not None:
                writer.add_summary(summary, global_step=step)

        vectors = model.train(session, arguments.steps, report)
        seconds = time.perf_counter() - started
    if writer is not None:
        writer.close()
    print(f"{arguments.steps:,} steps in {seconds:.1f} s: {arguments.steps / seconds:,.0f} steps/s")
    return vectors


def show(neighbours, arguments):
    """Print neighbours and analogies, and write the files that were asked for."""
    for word in arguments.words or PYTHON_WORDS:
        if word in neighbours.number_of:
            print(f"{word:>12}: " + ", ".join(f"{w} {s:.2f}" for w, s in neighbours.of(word)))
    for a, b, c in PYTHON_ANALOGIES if not arguments.words else ():
        if {a, b, c} <= neighbours.number_of.keys():
            print(f"{a} : {b} = {c} : " + ", ".join(w for w, _ in neighbours.analogy(a, b, c)))
    for path, binary in ((arguments.save_text, False), (arguments.save_binary, True)):
        if path:
            save_vectors(path, neighbours.vocabulary, neighbours.directions, binary)
            print(f"vectors written to {path}")


def parse(argv=None):
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter)
    parser.add_argument("--corpus", help="a text file, or a zip archive of one")
    parser.add_argument("--vocabulary", type=int, help="number of words, the unknown one included")
    parser.add_argument("--batch", type=int, default=128, help="pairs in a batch")
    parser.add_argument("--size", type=int, default=128, help="numbers in a vector")
    parser.add_argument("--window", type=int, default=1, help="how far the context reaches")
    parser.add_argument("--sampled", type=int, default=64, help="wrong words drawn for a batch")
    parser.add_argument("--rate", type=float, default=1.0, help="learning rate")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--subsample", type=float, default=0.0, help="threshold for dropping frequent words")
    parser.add_argument("--cbow", action="store_true", help="predict words from their contexts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", help="folder for event files")
    parser.add_argument("--save-text", metavar="FILE", help="write the vectors in word2vec's text format")
    parser.add_argument("--save-binary", metavar="FILE", help="the same in its binary format")
    parser.add_argument("--words", nargs="*", help="words to show the neighbours of")
    return parser.parse_args(argv)


def main():
    try:
        run(parse())
    except text.CorpusError as error:
        raise SystemExit(f"word2vec: {error}") from None


if __name__ == "__main__":
    main()
