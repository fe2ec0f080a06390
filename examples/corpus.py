"""Text as numbers for word vectors: reading a corpus, its vocabulary, and batches of training pairs."""

import collections
import os
import re
import zipfile

import numpy as np

UNKNOWN = "UNK"
# Two letters or more, so that neither markup nor what follows an apostrophe makes words; names as `__init__`
# stay whole, and so does "isn't".
WORD = re.compile(r"_*[^\W\d_][^\W\d]+(?:['’]t\b)?|\ba\b")


class CorpusError(Exception):
    """A corpus that cannot be trained on; the message says why."""


def python_documentation():
    """The text of the Python language reference that ships inside CPython."""
    from pydoc_data import topics

    return "\n".join(topics.topics[name] for name in sorted(topics.topics))


def read_text(path):
    """The text of a file; of a zip archive, that of its first file (as in text8.zip)."""
    if not os.path.exists(path):
        raise CorpusError(f"there is no corpus at {path!r}")
    try:
        text = _read_bytes(path).decode("utf-8-sig")
    except (OSError, ValueError, RuntimeError, zipfile.BadZipFile, StopIteration) as error:
        raise CorpusError(f"{path!r} is not a text file or a zip archive of one: {error}") from error
    if "\0" in text:
        raise CorpusError(f"{path!r} is a binary file: it contains zero bytes")
    return text


def _read_bytes(path):
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return archive.read(next(entry for entry in archive.infolist() if not entry.is_dir()))
    with open(path, "rb") as file:
        return file.read()


def words_of(text):
    """The words of a text, in lower case; single letters but "a", digits and punctuation drop out."""
    return WORD.findall(text.lower())


class Corpus:
    """A text as word numbers; 0 stands for all words that are not in the vocabulary.

    Args:
        words: the text, a list of words.
        size: how many words the vocabulary has, the unknown word included: the most frequent ones. None takes
            all words that occur, up to 50,000.
        window: how far from a word its context reaches; the text must be longer.
    """

    def __init__(self, words, size=None, window=1):
        if len(words) <= window:
            raise CorpusError(f"the corpus has {len(words)} words: too few for a window of {window}")
        counts = collections.Counter(words)
        if size is not None and size > len(counts) + 1:
            found = f"the corpus has {len(counts)} different words"
            raise CorpusError(f"a vocabulary of {size} words was asked for, but {found}")
        common = counts.most_common((size or 50_000) - 1)
        self.vocabulary = [UNKNOWN] + [word for word, _ in common]
        self.number_of = {word: i for i, word in enumerate(self.vocabulary)}
        self.numbers = np.array([self.number_of.get(word, 0) for word in words], np.int32)
        self.counts = np.bincount(self.numbers, minlength=len(self.vocabulary))

    def kept(self, threshold):
        """The share of each word that subsampling leaves (Mikolov et al. 2013, equation 5)."""
        frequency = np.maximum(self.counts, 1) / len(self.numbers)
        return np.minimum(1.0, np.sqrt(threshold / frequency)) if threshold else np.ones(len(self.counts))

    def subsampled(self, threshold, random):
        """The text without a share of its frequent words; with a threshold of 0 all of it."""
        if not threshold:
            return self.numbers
        return self.numbers[random.random(len(self.numbers)) < self.kept(threshold)[self.numbers]]

    def pairs(self, window, threshold, random):
        """One pass over the text: `(centers, targets)`, a target within a random distance of its center."""
        text = self.subsampled(threshold, random)
        reach = random.integers(1, window + 1, len(text))
        centers, targets = [text[:0]], [text[:0]]
        for distance in range(1, min(window, len(text) - 1) + 1):
            near = reach >= distance
            centers += [text[distance:][near[distance:]], text[:-distance][near[:-distance]]]
            targets += [text[:-distance][near[distance:]], text[distance:][near[:-distance]]]
        order = random.permutation(sum(map(len, centers)))
        return np.concatenate(centers)[order], np.concatenate(targets)[order]

    def bags(self, window, threshold, random):
        """One pass over the text for CBOW: `(contexts, centers)`, contexts of 2 x window words.

        Where a context has fewer words its places hold -1.
        """
        text = self.subsampled(threshold, random)
        reach = random.integers(1, window + 1, len(text))
        contexts = np.full((len(text), 2 * window), -1, np.int32)
        for distance in range(1, min(window, len(text) - 1) + 1):
            near = reach >= distance
            contexts[distance:, 2 * distance - 2] = np.where(near[distance:], text[:-distance], -1)
            contexts[:-distance, 2 * distance - 1] = np.where(near[:-distance], text[distance:], -1)
        order = random.permutation(len(text))
        return contexts[order], text[order]


def batches(corpus, size, window, threshold=0.0, cbow=False, seed=0):
    """Batches without end: inputs and the words to predict, `[size]` or `[size, 2 window]`, and `[size, 1]`.

    What is left at the end of a pass begins the next pass's first batch.
    """
    if corpus.counts @ corpus.kept(threshold) < 2:
        raise CorpusError(f"subsampling with a threshold of {threshold:g} drops nearly all words")
    make = corpus.bags if cbow else corpus.pairs
    return _passes(make, size, window, threshold, np.random.default_rng(seed))


def _passes(make, size, window, threshold, random):
    inputs, outputs = make(window, threshold, random)
    while True:
        while len(outputs) < size:
            more_inputs, more_outputs = make(window, threshold, random)
            inputs = np.concatenate([inputs, more_inputs])
            outputs = np.concatenate([outputs, more_outputs])
        whole = len(outputs) // size * size
        for start in range(0, whole, size):
            yield inputs[start : start + size], outputs[start : start + size, np.newaxis]
        inputs, outputs = inputs[whole:], outputs[whole:]
