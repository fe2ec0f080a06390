"""Updates of large variables: whatever reads their old contents comes first, so that these are not copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.runtime import ordering

ROWS, INNER, COLUMNS = 8, 256, 128  # weights of 128 kB


def layers() -> tuple[Any, Any, Any]:
    """Two layers; the gradient of the first needs the weights of the second."""
    x = tf.placeholder(tf.float32, [ROWS, INNER])
    first = tf.get_variable("first", [INNER, INNER], initializer=tf.random_normal_initializer(0, 0.1, seed=1))
    second = tf.get_variable(
        "second", [INNER, COLUMNS], initializer=tf.random_normal_initializer(0, 0.1, seed=2)
    )
    y = tf.tanh(tf.matmul(tf.tanh(tf.matmul(x, first)), second))
    return x, tf.reduce_mean(y * y), [first, second]


def step_of(programs: list[str]) -> str:
    """The program of the steps: the last one that updates variables in place."""
    return [text for text in programs if "input_output_alias" in text][-1]


def copies(text: str) -> list[str]:
    """The copies of arrays that are as large as the weights."""
    main = text.split("ENTRY")[1].splitlines()
    return [line for line in main if " copy(" in line and f"f32[{INNER}," in line]


def by_hand(update: Any) -> Any:
    """Gradient descent as programs without an optimizer write it."""

    def step(loss: Any) -> Any:
        weights = tf.trainable_variables()
        return tf.group(*[update(v, g) for v, g in zip(weights, tf.gradients(loss, weights), strict=True)])

    return step


STEPS = {
    "sgd": lambda loss: tf.train.GradientDescentOptimizer(0.1).minimize(loss),
    "momentum": lambda loss: tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss),
    "adam": lambda loss: tf.train.AdamOptimizer(0.01).minimize(loss),
    "assign": by_hand(lambda v, g: tf.assign(v, v - 0.1 * g)),
    "assign_sub": by_hand(lambda v, g: tf.assign_sub(v, 0.1 * g)),
}


@pytest.mark.parametrize("name", STEPS)
def test_weights_are_not_copied(name: str, programs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same steps with and without the order: the same numbers, and no copy."""
    feed = np.random.RandomState(0).normal(size=(ROWS, INNER)).astype(np.float32)
    found = {}
    for ordered in (False, True):
        monkeypatch.setattr(ordering, "LARGE", 1 << 16 if ordered else 1 << 60)
        programs.clear()
        with tf.Graph().as_default():
            x, loss, weights = layers()
            step = STEPS[name](loss)
            with tf.Session(tier="compile") as sess:
                sess.run(tf.global_variables_initializer())
                losses = [sess.run([loss, step], {x: feed})[0] for _ in range(3)]
                found[ordered] = losses, sess.run(weights)
        assert bool(copies(step_of(programs))) is not ordered
    for one, other in zip(found[False][1], found[True][1], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(found[False][0], found[True][0], rtol=1e-6)


def test_the_number_stays_whatever_comes_before() -> None:
    """An infinity, a NaN, a zero of either sign, of every width."""
    values = [np.float32(np.nan), np.float64(-np.inf), np.float16(-0.0), np.int32(-1), np.bool_(True)]
    rate = np.float32(0.1)
    old = np.ones(3, np.float32)
    tied = ordering.after([old, rate], [old], [np.array([v]) for v in values])
    assert tied[0] is old and np.asarray(tied[1]) == rate and tied[1].dtype == np.float32


def test_results_that_nobody_looks_at_are_not_waited_for(programs: list[str]) -> None:
    """The gradient of what is fed: XLA leaves it out, and goes on to."""
    with tf.Graph().as_default():
        x, loss, _ = layers()
        step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
        with tf.Session(tier="compile") as sess:
            sess.run(tf.global_variables_initializer())
            sess.run(step, {x: np.ones((ROWS, INNER), np.float32)})
    assert step_of(programs).count(" dot(") == 5  # two forward, three backward
