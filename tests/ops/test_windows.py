"""Ops on sliding windows where TensorFlow's CPU kernels cannot be asked: the other layout, dilations, groups.

Also, that every lowering gives the same: NumPy's, the one for XLA on the CPU, and XLA's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.ops import convolution_kernels, depthwise, pooling_kernels, windows
from reflow.runtime import policy

RANDOM = np.random.RandomState(0)


def draw(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape)


def run(build: Any, *arrays: np.ndarray, tier: str = "interpret") -> list[np.ndarray]:
    """The output of `build(*inputs)`, and the gradients of its weighted sum for all inputs."""
    with tf.Graph().as_default():
        inputs = [tf.placeholder(tf.float64, a.shape) for a in arrays]
        output = build(*inputs)
        weight = np.random.RandomState(1).normal(size=output.shape.as_list())
        found = [output, *tf.gradients(tf.reduce_sum(output * weight), inputs)]
        with tf.Session(tier=tier) as session:
            return session.run(found, dict(zip(inputs, arrays, strict=True)))


def assert_close(found: list[np.ndarray], wanted: list[np.ndarray]) -> None:
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


def first(x: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.moveaxis(x, -1, 1))


OPS: dict[str, Any] = {
    "conv2d": lambda x, w, f: tf.nn.conv2d(x, w, 2, "SAME", data_format=f),
    "explicit": lambda x, w, f: tf.nn.conv2d(
        x,
        w,
        1,
        [[0, 0], *([[1, 2], [0, 1]] if f == "NHWC" else [[0, 0], [1, 2]]), [[0, 0], [0, 1]][f != "NHWC"]],
        data_format=f,
    ),
    "dilated": lambda x, w, f: tf.nn.conv2d(x, w, 1, "SAME", data_format=f, dilations=2),
    "depthwise": lambda x, w, f: tf.nn.depthwise_conv2d_native(x, w, [1, 1, 1, 1], "VALID", f),
    "max_pool": lambda x, w, f: tf.nn.max_pool(x, 3, 2, "SAME", f) + tf.reduce_sum(w),
    "avg_pool": lambda x, w, f: tf.nn.avg_pool(x, 2, 2, "SAME", f) + tf.reduce_sum(w),
    "depth": lambda x, w, f: (
        tf.nn.max_pool(
            x,
            [1, 1, 1, 2] if f == "NHWC" else [1, 2, 1, 1],
            [1, 1, 1, 2] if f == "NHWC" else [1, 2, 1, 1],
            "VALID",
            f,
        )
        + tf.reduce_sum(w)
    ),
}


@pytest.mark.joint
@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("name", sorted(OPS))
def test_channels_first(name: str, tier: str) -> None:
    x, w = draw(2, 6, 5, 4), draw(3, 2, 4, 2)
    build = OPS[name]
    last = run(lambda x, w: build(x, w, "NHWC"), x, w)
    found = run(lambda x, w: build(x, w, "NCHW"), first(x), w, tier=tier)
    # The weights of the sum are drawn for the output's own layout, so compare gradients for equal weights.
    np.testing.assert_allclose(found[0], first(last[0]), rtol=1e-9, atol=1e-9)


def numeric(build: Any, arrays: list[np.ndarray], number: int, direction: np.ndarray) -> float:
    step, values = 1e-6, []
    for sign in (1, -1):
        moved = [a + sign * step * direction if i == number else a for i, a in enumerate(arrays)]
        output = run(build, *moved)[0]
        weight = np.random.RandomState(1).normal(size=output.shape)
        values.append(float((output * weight).sum()))
    return (values[0] - values[1]) / (2 * step)


@pytest.mark.joint
@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("name", sorted(OPS))
def test_gradients_in_both_layouts(name: str, layout: str) -> None:
    x = draw(2, 6, 5, 4)
    arrays = [x if layout == "NHWC" else first(x), draw(3, 2, 4, 2)]
    build = lambda x, w: OPS[name](x, w, layout)  # noqa: E731
    found = run(build, *arrays)
    assert_close(run(build, *arrays, tier="compile"), found)
    for number, gradient in enumerate(found[1:]):
        direction = np.random.RandomState(2).normal(size=gradient.shape)
        difference = numeric(build, arrays, number, direction)
        assert float((gradient * direction).sum()) == pytest.approx(difference, rel=1e-5, abs=1e-5)


def test_groups_of_channels() -> None:
    x, w = draw(2, 5, 5, 4), draw(3, 3, 2, 6)
    whole = run(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), x, w)
    assert_close(run(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), x, w, tier="compile"), whole)
    halves = [
        run(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), x[..., i : i + 2], w[..., n : n + 3])[0]
        for i, n in ((0, 0), (2, 3))
    ]
    np.testing.assert_allclose(whole[0], np.concatenate(halves, -1), rtol=1e-9)
    direction = np.random.RandomState(2).normal(size=w.shape)
    difference = numeric(lambda x, w: tf.nn.conv2d(x, w, 1, "SAME"), [x, w], 1, direction)
    assert float((whole[2] * direction).sum()) == pytest.approx(difference, rel=1e-5)


def test_dilations_of_volumes() -> None:
    x, w = draw(1, 5, 5, 5, 2), draw(2, 2, 2, 2, 1)
    build = lambda x, w: tf.nn.conv3d(x, w, [1] * 5, "VALID", dilations=[1, 2, 2, 2, 1])  # noqa: E731
    found = run(build, x, w)
    assert_close(run(build, x, w, tier="compile"), found)
    spread = np.zeros((3, 3, 3, 2, 1))
    spread[::2, ::2, ::2] = w
    np.testing.assert_allclose(found[0], run(lambda x, w: tf.nn.conv3d(x, w, [1] * 5, "VALID"), x, spread)[0])


LOWERINGS: dict[str, Any] = {
    "max overlapping": (lambda x: tf.nn.max_pool(x, 3, 2, "SAME"), (2, 9, 8, 3)),
    "max side by side": (lambda x: tf.nn.max_pool(x, 2, 2, "SAME"), (2, 7, 8, 3)),
    "max side by side, rest": (lambda x: tf.nn.max_pool(x, [2, 3], [2, 3], "VALID"), (2, 7, 8, 3)),
    "max with gaps": (lambda x: tf.nn.max_pool(x, 2, 3, "VALID"), (2, 9, 8, 3)),
    "max of all": (lambda x: tf.nn.max_pool(x, 8, 8, "VALID"), (2, 8, 8, 3)),
    "max of large windows": (lambda x: tf.nn.max_pool(x, [1, 9, 9, 1], [1, 1, 1, 1], "SAME"), (1, 12, 12, 2)),
    "max of long windows": (lambda x: tf.nn.max_pool(x, [1, 40, 1, 1], [1, 3, 1, 1], "SAME"), (1, 50, 2, 2)),
    "mean of long windows": (lambda x: tf.nn.avg_pool(x, [1, 40, 1, 1], [1, 3, 1, 1], "SAME"), (1, 50, 2, 2)),
    "mean": (lambda x: tf.nn.avg_pool(x, 3, 2, "SAME"), (2, 9, 8, 3)),
    "depthwise, many filters": (
        lambda x: tf.nn.depthwise_conv2d_native(
            x, np.cos(np.arange(243.0)).reshape(3, 3, 3, 9), [1] * 4, "SAME"
        ),
        (2, 5, 5, 3),
    ),
    "depthwise, large windows": (
        lambda x: tf.nn.depthwise_conv2d_native(
            x, np.cos(np.arange(243.0)).reshape(9, 9, 3, 1), [1] * 4, "SAME"
        ),
        (2, 10, 10, 3),
    ),
    "depthwise, strided": (
        lambda x: tf.nn.depthwise_conv2d_native(
            x, np.cos(np.arange(54.0)).reshape(3, 3, 3, 2), [1, 2, 2, 1], "SAME"
        ),
        (2, 6, 7, 3),
    ),
    "one channel": (
        lambda x: tf.nn.conv2d(x, np.cos(np.arange(36.0)).reshape(3, 3, 1, 4), 2, "SAME"),
        (2, 7, 6, 1),
    ),
    "one tap": (
        lambda x: tf.nn.conv2d(x, np.cos(np.arange(12.0)).reshape(1, 1, 3, 4), 2, "SAME"),
        (2, 7, 6, 3),
    ),
}


@pytest.mark.parametrize("name", sorted(LOWERINGS))
def test_lowerings_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    build, shape = LOWERINGS[name]
    x = RANDOM.permutation(np.prod(shape)).reshape(shape) / 7.0
    wanted = run(build, x)
    assert_close(run(build, x, tier="compile"), wanted)
    for module in (windows, convolution_kernels, depthwise, pooling_kernels):
        if hasattr(module, "is_cpu"):
            monkeypatch.setattr(module, "is_cpu", lambda xp: xp is np)
    assert_close(run(build, x, tier="compile"), wanted)


def test_a_convolution_is_compiled_at_once() -> None:
    """The cost model knows convolutions: one of 400 million products is not left to NumPy."""
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 28, 28, 32])
        y = tf.nn.conv2d(x, tf.zeros([5, 5, 32, 64]), 1, "SAME")
        node = y.op
    assert policy._products(node, 10) == 10 * 28 * 28 * 64 * 5 * 5 * 32


def test_unknown_shapes_that_do_not_fit_are_refused() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x, w = tf.placeholder(tf.float32), tf.placeholder(tf.float32)
        y = tf.nn.conv2d(x, w, 1, "VALID", name="layer")
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"depth: 2 vs 3[\s\S]*layer"):
            session.run(y, {x: np.zeros((1, 3, 3, 2)), w: np.zeros((2, 2, 3, 1))})
        with pytest.raises(tf.errors.InvalidArgumentError, match="would be negative"):
            session.run(y, {x: np.zeros((1, 1, 3, 2)), w: np.zeros((4, 2, 2, 1))})
