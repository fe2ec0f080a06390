"""Word vectors: skip-gram (or CBOW) with noise-contrastive estimation, in the style of TensorFlow 1.

    reflow run examples/word2vec.py [--corpus text8.zip] [--steps 100000] [--checkpoint DIR] [--out DIR]

Mikolov et al., "Distributed Representations of Words and Phrases and their Compositionality" (2013);
Gutmann and Hyvarinen, "Noise-contrastive estimation" (2010). The defaults are the CS20 lecture's: a
vocabulary of up to 50,000 words, batches of 128 pairs, vectors of 128 numbers, a window of 1, 64 sampled
words, gradient descent with a rate of 1. Without a corpus it learns from the Python documentation inside
CPython. A small corpus wants another start: see `make demo`.
"""

import argparse
import json
import math
import os
import sys
import time

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import corpus as text
from projection import write_projection
from vectors import Neighbours, save_vectors

PYTHON_WORDS = ("list", "raise", "import", "class", "integer", "loop", "string", "parameter", "true", "key")
PYTHON_ANALOGIES = (
    ("integer", "int", "string"),
    ("list", "mutable", "tuple"),
    ("yield", "generator", "await"),
    ("lowercase", "lower", "uppercase"),
)
REPORT_EVERY = 500
LAST_RATE = 1e-4  # where a falling rate ends, as a share of the first


class TrainingError(Exception):
    """Training that cannot begin or go on; the message says why."""


class Word2Vec:
    """The model: its graph is built once, then trained in a session.

    Args:
        dataset: batches of inputs, `[batch]` word numbers (CBOW: `[batch, words]`, -1 where there is none),
            and `[batch, 1]` words to predict.
        vocabulary: the number of words.
        arguments: the program's.
    """

    def __init__(self, dataset, vocabulary, arguments):
        self.vocabulary, self.arguments = vocabulary, arguments
        self.global_step = tf.train.get_or_create_global_step()
        self._create_data(dataset)
        self._create_embedding()
        self._create_loss()
        self._create_optimizer()
        self._create_summaries()
        self.saver = tf.train.Saver()

    def _create_data(self, dataset):
        with tf.name_scope("data"):
            self.iterator = dataset.make_initializable_iterator()
            self.inputs, self.targets = self.iterator.get_next()

    def _create_embedding(self):
        shape, reach = [self.vocabulary, self.arguments.size], self.arguments.initial
        with tf.name_scope("embed"):
            uniform = tf.random_uniform_initializer(-reach, reach)
            self.vectors = tf.get_variable("embed_matrix", shape, initializer=uniform)
            self.finite = tf.reduce_all(tf.is_finite(self.vectors))
            self.embedded = self._embed_bag() if self.arguments.cbow else self._embed(self.inputs)

    def _embed(self, words):
        return tf.nn.embedding_lookup(self.vectors, words, name="embedding")

    def _embed_bag(self):
        """The mean of the vectors of a context's words."""
        present = tf.expand_dims(tf.cast(self.inputs >= 0, tf.float32), 2)
        count = tf.maximum(tf.reduce_sum(present, axis=1), 1.0)
        return tf.reduce_sum(self._embed(tf.maximum(self.inputs, 0)) * present, axis=1) / count

    def _create_loss(self):
        size, sampled = self.arguments.size, self.arguments.sampled
        with tf.name_scope("loss"):
            normal = tf.truncated_normal_initializer(stddev=self.arguments.initial / size**0.5)
            weights = tf.get_variable("nce_weight", [self.vocabulary, size], initializer=normal)
            biases = tf.get_variable("nce_bias", [self.vocabulary], initializer=tf.zeros_initializer())
            losses = tf.nn.nce_loss(weights, biases, self.targets, self.embedded, sampled, self.vocabulary)
            self.loss = tf.reduce_mean(losses, name="loss")

    def _create_optimizer(self):
        rate = self.arguments.rate
        with tf.name_scope("optimizer"):
            if self.arguments.decay:
                step, steps = self.global_step, self.arguments.steps
                rate = tf.train.polynomial_decay(rate, step, steps, end_learning_rate=rate * LAST_RATE)
            optimizer = tf.train.GradientDescentOptimizer(rate)
            self.step = optimizer.minimize(self.loss, global_step=self.global_step)

    def _create_summaries(self):
        with tf.name_scope("summaries"):
            self.summary = tf.summary.scalar("loss", self.loss)

    def start(self, session, checkpoint):
        """Set the variables: from a checkpoint, or to their first values; begin with the data."""
        session.run(self.iterator.initializer)
        if checkpoint is None:
            session.run(tf.global_variables_initializer())
        else:
            self.saver.restore(session, checkpoint)

    def train(self, session, first, last, report):
        """Take the steps after `first` up to `last`; calls `report(step, mean loss, summary)` now and then.

        Raises:
            TrainingError: the loss is not finite.
        """
        total, counted = 0.0, 0
        for number in range(first + 1, last + 1):
            fetches = [self.step, self.loss]
            told = number % REPORT_EVERY == 0 or number == last
            _, loss, *summary = session.run([*fetches, self.summary] if told else fetches)
            if not math.isfinite(loss):
                raise TrainingError(self.diverged(f"the loss is {loss} at step {number:,}"))
            total, counted = total + loss, counted + 1
            if told:
                report(number, total / counted, summary[0])
                total, counted = 0.0, 0
        return session.run(self.vectors)

    def save(self, session, step):
        """Write a checkpoint, unless the vectors are spoilt: those of the last step no loss has seen yet."""
        if not session.run(self.finite):
            raise TrainingError(self.diverged(f"the vectors are not finite after step {step:,}"))
        self.saver.save(session, os.path.join(self.arguments.checkpoint, "model"), global_step=step)

    def diverged(self, what):
        """The message that says what happened and what would help."""
        return f"{what}, with a rate of {self.arguments.rate:g}: try a smaller --rate"


class Checkpoints:
    """A folder with the newest checkpoints of a training and the vocabulary that they are for."""

    def __init__(self, folder, vocabulary, size):
        self.folder = folder
        self.newest = tf.train.latest_checkpoint(folder) if folder else None
        self.step = 0
        if folder:
            self._check_vocabulary(folder, vocabulary)
        if self.newest is not None:
            reader = tf.train.NewCheckpointReader(self.newest)
            self._check_shape(reader.get_variable_to_shape_map().get("embed_matrix"), [len(vocabulary), size])
            self.step = int(reader.get_tensor("global_step"))

    def _check_shape(self, found, wanted):
        if found != wanted:
            raise TrainingError(f"the checkpoints in {self.folder!r} have vectors of {found}, not {wanted}")

    def _check_vocabulary(self, folder, vocabulary):
        path = os.path.join(folder, "vocabulary.json")
        if self.newest is None:
            with open(f"{path}.partial", "w", encoding="utf-8") as file:
                json.dump(vocabulary, file, ensure_ascii=False)
            os.replace(f"{path}.partial", path)
            return
        with open(path, encoding="utf-8") as file:
            if json.load(file) != vocabulary:
                raise TrainingError(f"the checkpoints in {folder!r} are of another vocabulary")


class Training:
    """A session's worth of training, with a progress bar, event files and checkpoints."""

    def __init__(self, model, arguments, checkpoints):
        self.model, self.arguments, self.first = model, arguments, checkpoints.step
        self.checkpoint = checkpoints.newest
        self.last = max(arguments.steps, self.first)

    def run(self):
        """Train; returns the vectors."""
        columns = [BarColumn(), TextColumn("{task.fields[state]}"), TimeElapsedColumn()]
        with tf.Session() as session, Progress(*columns) as progress, self._writer() as writer:
            self.model.start(session, self.checkpoint)
            bar = progress.add_task("train", total=self.last, completed=self.first, state="")

            def report(step, loss, summary):
                state = f"step {step:,}  loss {loss:.3f}  {self._speed(step):,.0f} pairs/s"
                progress.update(bar, completed=step, state=state)
                writer.add_summary(summary, step)
                self._save(session, step)

            self.started = time.perf_counter()
            vectors = self.model.train(session, self.first, self.last, report)
            seconds = time.perf_counter() - self.started
        self._tell(seconds)
        return vectors

    def _writer(self):
        out = self.arguments.out
        return tf.summary.FileWriter(out, tf.get_default_graph()) if out else NoWriter()

    def _save(self, session, step):
        every = self.arguments.checkpoint_every
        due = step == self.last or step // every > max(step - REPORT_EVERY, self.first) // every
        if self.arguments.checkpoint and due:
            self.model.save(session, step)

    def _speed(self, step):
        return (step - self.first) * self.arguments.batch / (time.perf_counter() - self.started)

    def _tell(self, seconds):
        steps, batch = self.last - self.first, self.arguments.batch
        resumed = f" after the first {self.first:,}" if self.first else ""
        speed = f": {steps / seconds:,.0f} steps/s, {steps * batch / seconds:,.0f} pairs/s" if steps else ""
        print(f"{steps:,} steps{resumed} in {seconds:.1f} s{speed}")


class NoWriter:
    """Stands for the event files that nobody asked for."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def add_summary(self, summary, step):
        """Write nothing."""


def read_corpus(arguments):
    """The corpus that was asked for; refuses one that has too few words for what was asked."""
    source = text.read_text(arguments.corpus) if arguments.corpus else text.python_documentation()
    corpus = text.Corpus(text.words_of(source), arguments.vocabulary, arguments.window)
    words = len(corpus.vocabulary)
    if arguments.sampled >= words:
        raise text.CorpusError(f"{arguments.sampled} sampled words of a vocabulary of {words}: too many")
    print(f"{len(corpus.numbers):,} words, {words - 1:,} of them different")
    return corpus


def dataset_of(corpus, arguments, first):
    """Batches for the model; those of a resumed training are others than those that it began with."""
    shape = [arguments.batch, 2 * arguments.window] if arguments.cbow else [arguments.batch]
    options = (arguments.window, arguments.subsample, arguments.cbow, (arguments.seed, first))
    source = text.batches(corpus, arguments.batch, *options)
    shapes = (tf.TensorShape(shape), tf.TensorShape([arguments.batch, 1]))
    return tf.data.Dataset.from_generator(lambda: source, (tf.int32, tf.int32), shapes).prefetch(16)


def run(arguments):
    """Read, train, show and save."""
    make_folders(arguments)
    corpus = read_corpus(arguments)
    checkpoints = Checkpoints(arguments.checkpoint, corpus.vocabulary, arguments.size)
    tf.set_random_seed(arguments.seed)
    dataset = dataset_of(corpus, arguments, checkpoints.step)
    model = Word2Vec(dataset, len(corpus.vocabulary), arguments)
    vectors = Training(model, arguments, checkpoints).run()
    if not np.isfinite(vectors).all():
        raise TrainingError(model.diverged("the vectors are not finite"))
    show(Neighbours(corpus.vocabulary, vectors), arguments)
    for path, binary in outputs(arguments):
        save_vectors(path, corpus.vocabulary, vectors, binary)
        print(f"vectors written to {path}")
    if arguments.out:
        write_projection(os.path.join(arguments.out, "projector"), corpus.vocabulary, vectors)


def outputs(arguments):
    """The files of vectors that were asked for, and whether they are binary."""
    named = ((arguments.save_text, False), (arguments.save_binary, True))
    return [(path, binary) for path, binary in named if path]


def make_folders(arguments):
    """Refuse what cannot be written before the training, not after it."""
    for folder in filter(None, (arguments.out, arguments.checkpoint)):
        os.makedirs(folder, exist_ok=True)
    for path, _ in outputs(arguments):
        folder = os.path.dirname(os.path.abspath(path))
        if os.path.isdir(path) or not os.access(folder, os.W_OK):
            raise TrainingError(f"{path!r} cannot be written: it is a folder, or its folder is closed to us")


def show(neighbours, arguments):
    """Print neighbours and analogies."""
    analogies = arguments.analogy
    if not arguments.corpus and arguments.words is None:
        analogies = analogies or PYTHON_ANALOGIES
    for word in words_to_show(neighbours, arguments):
        print(f"{word:>12}: " + ", ".join(f"{w} {s:.2f}" for w, s in neighbours.of(word)))
    for a, b, c in analogies:
        if known(neighbours, a, b, c):
            print(f"{a} : {b} = {c} : " + ", ".join(w for w, _ in neighbours.analogy(a, b, c)))


def words_to_show(neighbours, arguments):
    """The words that were asked for, or else some of the documentation's, or frequent ones of the corpus."""
    frequent = neighbours.vocabulary[51:451:40]
    wanted = (frequent if arguments.corpus else PYTHON_WORDS) if arguments.words is None else arguments.words
    return [word for word in wanted if known(neighbours, word)]


def known(neighbours, *words):
    """Whether all the words have vectors; says which of them has none."""
    missing = [word for word in words if word not in neighbours.number_of]
    for word in missing:
        print(f"{word:>12}: not in the vocabulary")
    return not missing


def at_least(least, number=int):
    """The type of an option that takes numbers from `least` on."""

    def convert(word):
        value = number(word)
        if not least <= value < math.inf:
            raise ValueError(word)
        return value

    convert.__name__ = f"{number.__name__} of {least} or more"
    return convert


def parse(argv=None):
    """The program's arguments."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("word2vec.py", description=__doc__, formatter_class=raw)
    count, amount = at_least(1), at_least(0.0, float)
    parser.add_argument("--corpus", help="a text file, or a zip archive of one")
    parser.add_argument("--vocabulary", type=at_least(2), help="number of words, the unknown one included")
    parser.add_argument("--batch", type=count, default=128, help="pairs in a batch")
    parser.add_argument("--size", type=count, default=128, help="numbers in a vector")
    parser.add_argument("--window", type=count, default=1, help="how far the context reaches")
    parser.add_argument("--sampled", type=count, default=64, help="wrong words drawn for a batch")
    parser.add_argument("--rate", type=amount, default=1.0, help="learning rate")
    parser.add_argument("--decay", action="store_true", help="let the rate fall to nearly 0, in a line")
    parser.add_argument("--initial", type=amount, default=1.0, help="how far from 0 the vectors may begin")
    parser.add_argument("--steps", type=count, default=100_000)
    parser.add_argument("--subsample", type=amount, default=0.0, help="threshold for dropping frequent words")
    parser.add_argument("--cbow", action="store_true", help="predict words from their contexts")
    parser.add_argument("--seed", type=at_least(0), default=1)
    parser.add_argument("--checkpoint", metavar="DIR", help="folder for checkpoints; goes on with the newest")
    parser.add_argument("--checkpoint-every", metavar="STEPS", type=count, default=5000)
    parser.add_argument("--out", metavar="DIR", help="folder for event files and the projector's")
    parser.add_argument("--save-text", metavar="FILE", help="write the vectors in word2vec's text format")
    parser.add_argument("--save-binary", metavar="FILE", help="the same in its binary format")
    parser.add_argument("--words", nargs="*", help="words to show the neighbours of")
    parser.add_argument("--analogy", nargs=3, action="append", default=[], metavar=("A", "B", "C"))
    return parser.parse_args(argv)


def main():
    """Run; what goes wrong with the input or the training is told in one line."""
    arguments = parse()
    try:
        run(arguments)
    except (text.CorpusError, TrainingError, OSError, ValueError, tf.errors.OpError) as error:
        raise SystemExit(f"word2vec: {str(error).splitlines()[0]}") from None


if __name__ == "__main__":
    main()
