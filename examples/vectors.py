"""Words by their vectors: nearest neighbours, analogies, and word2vec's file formats."""

import os

import numpy as np


class Neighbours:
    """Words by the direction of their vectors; word 0, which stands for all unknown ones, is never near."""

    def __init__(self, vocabulary, vectors):
        self.vocabulary = vocabulary
        self.number_of = {word: i for i, word in enumerate(vocabulary)}
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        self.directions = vectors / np.maximum(lengths, 1e-12)

    def near(self, direction, count, without=()):
        """The words whose vectors have the smallest angles with `direction`, nearest first."""
        scores = self.directions @ direction
        scores[[0, *(self.number_of[w] for w in without)]] = -np.inf
        order = np.argsort(-scores)[:count]
        return [(self.vocabulary[i], float(scores[i])) for i in order if scores[i] > -np.inf]

    def of(self, word, count=6):
        """The nearest words of a word."""
        return self.near(self.directions[self.number_of[word]], count, [word])

    def analogy(self, a, b, c, count=3):
        """What is to `c` as `b` is to `a`."""
        direction = sum(s * self.directions[self.number_of[w]] for s, w in ((-1, a), (1, b), (1, c)))
        return self.near(direction / max(np.linalg.norm(direction), 1e-12), count, [a, b, c])


def save_vectors(path, vocabulary, vectors, binary):
    """Write vectors in word2vec's format: a line `words size`, then each word and its numbers.

    The file appears under its name when all of it is written.
    """
    partial = f"{path}.partial"
    try:
        with open(partial, "wb") as file:
            file.write(f"{len(vocabulary)} {vectors.shape[1]}\n".encode())
            for word, vector in zip(vocabulary, np.asarray(vectors, "<f4"), strict=True):
                numbers = vector.tobytes() if binary else " ".join(f"{x:.6g}" for x in vector).encode()
                file.write(word.encode() + b" " + numbers + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        if os.path.exists(partial):
            os.remove(partial)


def load_vectors(path):
    """The words and the vectors, `[words, size]`, of a file in word2vec's text format."""
    with open(path, encoding="utf-8") as file:
        words, size = map(int, file.readline().split())
        rows = [line.split(" ") for line in file]
    if len(rows) != words or any(len(row) != size + 1 for row in rows):
        raise ValueError(f"{path} does not hold {words} words with {size} numbers each")
    return [row[0] for row in rows], np.array([row[1:] for row in rows], np.float32)
