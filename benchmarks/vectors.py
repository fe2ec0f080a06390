"""Train word vectors with Reflow's example and with gensim: speed and quality. See README.md.

python benchmarks/vectors.py                         Reflow, and gensim where it is installed
python benchmarks/vectors.py --gensim PYTHON         a Python that has gensim

Both train skip-gram over the Python documentation: vectors of one size, one window, the same number of pairs.
Reflow draws 64 wrong words for a batch of pairs, gensim some (`--negatives`) for each pair, in two threads.
The measure of quality is the share of unrelated pairs of words that are less similar than a related pair
(related.txt), and where each word of a related pair stands among the nearest of the other.
"""

import argparse
import importlib.util
import itertools
import json
import os
import re
import subprocess
import sys
import tempfile
import time

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
EXAMPLES = os.path.join(os.path.dirname(HERE), "examples")
sys.path.insert(0, EXAMPLES)
import corpus as text  # noqa: E402
from vectors import Neighbours, load_vectors  # noqa: E402

SIZE, WINDOW, THRESHOLD, BATCH, SAMPLED, RATE = 64, 5, 1e-4, 1024, 64, 12.0
THREADS = 2


def related():
    """The pairs of related words."""
    with open(os.path.join(HERE, "related.txt"), encoding="utf-8") as file:
        return [tuple(line.split()) for line in file if not line.startswith("#")]


def quality(words, vectors):
    """How well the vectors tell related words from others.

    Returns:
        The share of unrelated pairs that are less similar than a related one, on average; the median place of
        a word among the nearest of its related one (1 is the nearest); the share of places up to 10.
    """
    near = Neighbours(words, vectors)
    pairs = [pair for pair in related() if all(word in near.number_of for word in pair)]
    asked = sorted({word for pair in pairs for word in pair})
    place = {word: i for i, word in enumerate(asked)}
    rows = near.directions[[near.number_of[word] for word in asked]]
    matches = np.array([[place[a], place[b]] for a, b in pairs])
    alike = rows @ rows.T
    others = np.triu(np.ones_like(alike, bool), 1)
    others[tuple(np.sort(matches).T)] = False
    hits = alike[tuple(matches.T)]
    share = np.mean(np.searchsorted(np.sort(alike[others]), hits) / others.sum())
    ranks = [
        np.sum(near.directions @ rows[a] > alike[a, b]) for a, b in itertools.chain(matches, matches[:, ::-1])
    ]
    return share, np.median(ranks), np.mean(np.array(ranks) <= 10)


def reflow(corpus, steps, path):
    """Pairs and seconds of Reflow's example, its compilation included; the vectors go to `path`."""
    options = f"--size {SIZE} --window {WINDOW} --subsample {THRESHOLD} --batch {BATCH} --sampled {SAMPLED}"
    program = [
        "run",
        os.path.join(EXAMPLES, "word2vec.py"),
        "--corpus",
        corpus,
        "--save-text",
        path,
        "--words",
    ]
    training = f"--initial 0.01 --rate {RATE} --decay --steps {steps}"
    command = [sys.executable, "-m", "reflow", *program, *options.split(), *training.split()]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return steps * BATCH, float(re.search(r"steps in ([\d.]+) s", output)[1])


def gensim(python, corpus, pairs, negative, path):
    """The same of gensim, for about as many pairs."""
    options = json.dumps({"corpus": corpus, "pairs": pairs, "negative": negative, "path": path})
    command = [python, os.path.abspath(__file__), "--worker", options]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def work(corpus, pairs, negative, path):
    """Train with gensim in this process; prints pairs and seconds."""
    from gensim.models import Word2Vec

    with open(corpus, encoding="utf-8") as file:
        words = file.read().split()
    sentences = [words[i : i + 1000] for i in range(0, len(words), 1000)]
    model = Word2Vec(
        vector_size=SIZE,
        window=WINDOW,
        sample=THRESHOLD,
        negative=negative,
        sg=1,
        min_count=1,
        workers=THREADS,
    )
    model.build_vocab(sentences)
    # A word that is left has a window of 1 to WINDOW words on either side: WINDOW + 1 pairs on average.
    left = model.wv.expandos["count"] @ (model.wv.expandos["sample_int"] / 2.0**32)
    epochs = round(pairs / (left * (WINDOW + 1)))
    began = time.perf_counter()
    trained, _ = model.train(sentences, total_examples=len(sentences), epochs=epochs)
    seconds = time.perf_counter() - began
    model.wv.save_word2vec_format(path)
    print(json.dumps([trained * (WINDOW + 1), seconds]))


def row(name, wrong, result, path, base=None):
    """A line of the table."""
    pairs, seconds = result
    share, rank, first = quality(*load_vectors(path))
    ratio = f"{base / (pairs / seconds):.2f}" if base else ""
    speed = f"{pairs / 1e6:.1f} | {pairs / seconds:,.0f} | {ratio}"
    return f"| {name} | {wrong} | {speed} | {share:.3f} | {rank:.0f} | {first:.0%} |"


def compare(python, steps, negatives):
    """Train all, and print the table as it grows."""
    columns = "program|wrong words|million pairs|pairs/s|Reflow / it|unrelated below|median place|first 10"
    print(f"| {columns.replace('|', ' | ')} |\n{'|---' * 8}|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        corpus, path = os.path.join(folder, "corpus.txt"), os.path.join(folder, "vectors.txt")
        with open(corpus, "w", encoding="utf-8") as file:
            file.write(" ".join(text.words_of(text.python_documentation())))
        result = reflow(corpus, steps, path)
        print(row("Reflow", f"{SAMPLED} a batch of {BATCH}", result, path), flush=True)
        for negative in negatives if python else ():
            other = gensim(python, corpus, result[0], negative, path)
            speed = result[0] / result[1]
            print(row("gensim", f"{negative} a pair", other, path, speed), flush=True)


def main():
    """Compare, or be the process that gensim runs in."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--gensim", metavar="PYTHON", help="a Python that has gensim")
    parser.add_argument("--steps", type=int, default=8000, help="steps of Reflow")
    parser.add_argument("--negatives", type=int, nargs="+", default=[5, SAMPLED], help="gensim's wrong words")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        work(**json.loads(arguments.worker))
        return
    python = arguments.gensim or (sys.executable if importlib.util.find_spec("gensim") else None)
    if python is None:
        print("gensim is not installed here: --gensim PYTHON names a Python that has it", file=sys.stderr)
    compare(python, arguments.steps, arguments.negatives)


if __name__ == "__main__":
    main()
