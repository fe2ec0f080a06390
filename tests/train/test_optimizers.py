"""Optimizers and the programs that use them: node lists and values as TensorFlow 1.15 gives them."""

from __future__ import annotations

import functools
from typing import Any

import pytest

import reflow as tf
from reflow.runtime.session import Session

from . import FAMILIES, harness

KINDS = ("optimizers", "training", "contrib")
NAMES = [(family, name) for family in KINDS for name in FAMILIES[family].builds]


@functools.cache
def recordings(family: str) -> dict[str, Any]:
    return harness.load(family)


@pytest.mark.parametrize(("family", "name"), NAMES, ids=[name for _, name in NAMES])
def test_scenario(family: str, name: str) -> None:
    assert name in recordings(family), "not recorded: run tools/record_training.py"
    harness.check(tf, FAMILIES[family], name, recordings(family)[name])


@pytest.mark.joint
@pytest.mark.parametrize(
    "name", [name for family, name in NAMES if family == "optimizers" and "float32_" in name]
)
def test_compiled(name: str) -> None:
    make_session = functools.partial(Session, tier="compile")
    harness.check(tf, FAMILIES["optimizers"], name, recordings("optimizers")[name], make_session)


def test_every_recording_has_a_scenario() -> None:
    for family in KINDS:
        assert set(recordings(family)) == set(FAMILIES[family].builds)


def test_settings_are_read_at_each_step() -> None:
    """A placeholder as the rate: each step takes the rate that is fed."""
    with tf.Graph().as_default(), tf.Session() as session:
        x, rate = tf.Variable(1.0), tf.placeholder(tf.float32, [])
        step = tf.train.GradientDescentOptimizer(rate).minimize(x * 2.0)
        session.run(tf.global_variables_initializer())
        seen = []
        for value in (0.1, 0.25):
            session.run(step, {rate: value})
            seen.append(float(session.run(x)))
    assert seen == pytest.approx([0.8, 0.3])


def test_proximal_steps_take_float64_variables() -> None:
    """TensorFlow 1.15 refuses these; the rate is converted as by the other optimizers."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.Variable(1.0, dtype=tf.float64)
        step = tf.train.ProximalAdagradOptimizer(0.1).minimize(x * x)
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(x) == pytest.approx(1.0 - 0.2 / 4.1**0.5)


def test_a_step_may_depend_on_a_rate_function_called_once_per_graph() -> None:
    calls = []

    def rate() -> float:
        calls.append(1)
        return 0.5

    with tf.Graph().as_default():
        x = tf.Variable(1.0)
        tf.train.AdamOptimizer(rate).minimize(x * x)
    assert len(calls) == 1


def test_messages() -> None:
    with tf.Graph().as_default():
        x = tf.Variable(1.0, name="x")
        with pytest.raises(ValueError, match="No gradients provided for any variable"):
            tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1.0))
        with pytest.raises(NotImplementedError, match="GradientDescentLess"):
            type("GradientDescentLess", (tf.train.Optimizer,), {})(False, "less").minimize(x * x)
        with pytest.raises(ValueError, match="Must specify the optimizer name"):
            tf.train.GradientDescentOptimizer(0.1, name="")
        with pytest.raises(ValueError, match="'int32'|int32"):
            tf.train.GradientDescentOptimizer(0.1).minimize(tf.constant(1))
