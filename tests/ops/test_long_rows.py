"""Images of few channels, which programs for the CPU compute with as long rows: against NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.ops import long_rows

SHAPES = [(8, 32, 32, 16), (3, 90, 100, 3), (2, 37, 41, 24), (2, 256, 257, 1), (4, 64, 64, 32)]


def fed(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).normal(1.0, 2.0, size=shape).astype(np.float32)


def assert_tiers_agree(fetches: list[Any]) -> None:
    with tf.Session(tier="interpret") as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(fetches)
    with tf.Session(tier="compile") as session:
        session.run(tf.global_variables_initializer())
        found = session.run(fetches)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4 * np.abs(b).max())  # NumPy sums up one by one


@pytest.mark.parametrize("is_training", [True, False])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batch_normalization(shape: tuple[int, ...], is_training: bool) -> None:
    depth = shape[-1]
    images, scale, offset = tf.constant(fed(*shape)), tf.constant(fed(depth)), tf.constant(fed(depth))
    moments = {} if is_training else {"mean": fed(depth, seed=1), "variance": np.abs(fed(depth, seed=2))}
    y, mean, variance = tf.nn.fused_batch_norm(images, scale, offset, is_training=is_training, **moments)
    seed = tf.constant(fed(*shape, seed=3))
    assert_tiers_agree([y, mean, variance, *tf.gradients(y, [images, scale, offset], grad_ys=seed)])


def test_a_network_of_few_channels() -> None:
    """Convolutions take and give rows, what is between them computes with rows."""
    x = tf.constant(fed(4, 40, 42, 3))
    w = [tf.constant(fed(3, 3, *sizes, seed=n) / 10) for n, sizes in enumerate([(3, 16), (16, 16), (16, 32)])]
    vectors = [tf.constant(fed(16, seed=n)) for n in range(4)]

    def layer(image: Any, n: int, stride: int = 1) -> Any:
        return tf.nn.conv2d(image, w[n], [1, stride, stride, 1], "SAME")

    first, *_ = tf.nn.fused_batch_norm(layer(x, 0), *vectors[:2])
    second, *_ = tf.nn.fused_batch_norm(layer(tf.nn.relu(first), 1), *vectors[2:])
    y = layer(tf.nn.relu(first + second), 2, stride=2)
    assert_tiers_agree([y, *tf.gradients(tf.reduce_mean(y * y), [x, *w, *vectors])])


def test_rows_hold_whole_vectors_of_channels() -> None:
    for shape in SHAPES[:-1]:
        rows = long_rows.of(shape)
        assert rows is not None and np.prod(rows) == np.prod(shape)
        assert rows[1] % shape[-1] == 0 and long_rows.SHORTEST <= rows[1] <= long_rows.LONGEST
    assert long_rows.of(SHAPES[-1]) is None
    assert (
        long_rows.of((65537, 1)) is None and long_rows.of((65537, 3)) is None
    )  # of a prime number of vectors
