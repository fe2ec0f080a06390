"""Derivatives checked against finite differences along random directions, in double precision.

Imports neither Reflow nor TensorFlow: works with the ``tf`` module and session handed in.
"""

import numpy as np

STEP = 1e-6
RTOL, ATOL = 2e-5, 2e-6


class Directional:
    """A row built in double precision, as a function along one direction of its input space."""

    def __init__(self, built, session):
        self.built, self.session = built, session
        self.sources = built.sources()
        arrays = self._run(built.tensors, 0.0)
        self.weights = built.weights(arrays)
        self.gradients, _ = built.gradients(arrays)

    def direction(self, what):
        """A fixed random vector for each source."""
        rng, found = self.built.row.rng(what), []
        for name, source in self.built.inputs.items():
            if any(source is s for s in self.sources):
                vector = rng.normal(size=self.built.feed[source].shape)
                symmetric = self.built.row.inputs[name].symmetric
                found.append((vector + np.swapaxes(vector, -1, -2)) / 2 if symmetric else vector)
        return found

    def _run(self, fetches, step):
        """The fetches at the row's inputs moved by ``step`` along the direction, from a fresh state."""
        feed = dict(self.built.feed)
        for source, vector in zip(self.sources, self.direction("direction")):
            feed[source] = feed[source] + step * vector
        self.session.run(self.built.init)
        return self.session.run(fetches, feed)

    def _weighted(self, step):
        targets = [self.built.tensors[i] for i in self.built.targets()]
        return dot(self._run(targets, step), self.weights)

    def _slope(self, step, vectors):
        """The inner product of the gradients with ``vectors``."""
        present = [(g, v) for g, v in zip(self.gradients, vectors) if g is not None]
        return dot(self._run([g for g, _ in present], step), [v for _, v in present])

    def first(self):
        """``(derivative, difference)`` of the weighted outputs along the direction."""
        difference = (self._weighted(STEP) - self._weighted(-STEP)) / (2 * STEP)
        return self._slope(0.0, self.direction("direction")), difference

    def second(self):
        """``(derivative, difference)`` along the direction of the gradients' product with another vector."""
        other = self.direction("other")
        difference = (self._slope(STEP, other) - self._slope(-STEP, other)) / (2 * STEP)
        present = [(g, v) for g, v in zip(self.gradients, other) if g is not None]
        tf = self.built.tf
        with self.built.graph.as_default():
            seconds = tf.gradients([g for g, _ in present], self.sources, grad_ys=[v for _, v in present])
            seconds = [None if s is None else tf.convert_to_tensor(s) for s in seconds]
        pairs = zip(seconds, self.direction("direction"))
        pairs = [(s, v) for s, v in pairs if s is not None]
        return dot(self._run([s for s, _ in pairs], 0.0), [v for _, v in pairs]), difference


def dot(left, right):
    return float(sum(np.sum(a * b) for a, b in zip(left, right)))


def close(derivative, difference):
    """Whether the two agree, up to the error of the difference."""
    return abs(derivative - difference) <= ATOL + RTOL * max(abs(derivative), abs(difference))


def applies(row):
    """Whether the row has something to differentiate in reals."""
    kinds = [spec.dtype for name, spec in row.inputs.items() if spec.differentiable]
    return bool(kinds) and row.grad is not False and not any(k.startswith("complex") for k in kinds)
