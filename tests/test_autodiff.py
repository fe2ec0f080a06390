"""tf.gradients, custom gradients and the gradient checker: node lists and values as TensorFlow 1.15 gives
them."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import reflow as tf
from train import FAMILIES, harness

SCENARIOS = FAMILIES["autodiff"]


@functools.cache
def recordings() -> dict[str, Any]:
    return harness.load("autodiff")


@pytest.mark.parametrize("name", SCENARIOS.builds)
def test_scenario(name: str) -> None:
    assert name in recordings(), "not recorded: run tools/record_training.py"
    harness.check(tf, SCENARIOS, name, recordings()[name])


def test_every_recording_has_a_scenario() -> None:
    assert set(recordings()) == set(SCENARIOS.builds)


def test_a_deep_graph() -> None:
    """A chain of 5,000 nodes: neither the walk nor the run recurses."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant(1.0)
        y = x
        for _ in range(2500):
            y = y * 1.0001 + 0.0001
        (grad,) = tf.gradients(y, x)
        assert session.run(grad) == pytest.approx(1.0001**2500, rel=1e-4)


def test_generic_gradient() -> None:
    """An op without a rule of its own: the derivative comes from its kernel, and can be differentiated
    again."""
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.constant([0.3, -0.7])
        y = tf.cumsum(tf.math.erf(x) * x)
        first = tf.gradients(y, x)[0]
        second = tf.gradients(first, x)[0]
        assert np.isfinite(session.run([first, second])).all()


def test_lookup_error_names_the_node() -> None:
    with tf.Graph().as_default():
        x = tf.constant([1.0])
        with pytest.raises(LookupError, match=r"'where_it_is' \(op type: Unique\)"):
            tf.gradients(tf.unique(x, name="where_it_is")[0], x)


def test_shape_error_names_the_node() -> None:
    @tf.RegisterGradient("TestAutodiffGrown")
    def _grown(op: Any, grad: Any) -> Any:
        return tf.concat([grad, grad], 0)

    with tf.Graph().as_default() as graph:
        x = tf.constant([1.0])
        with graph.gradient_override_map({"Exp": "TestAutodiffGrown"}):
            y = tf.exp(x, name="grows")
        with pytest.raises(ValueError, match=r"Forward operation: grows"):
            tf.gradients(y, x)


def test_no_gradient_ends_the_way() -> None:
    tf.NotDifferentiable("TestAutodiffNothing")
    with tf.Graph().as_default() as graph:
        x = tf.constant([1.0])
        with graph.gradient_override_map({"Exp": "TestAutodiffNothing"}):
            y = tf.exp(x)
        assert tf.gradients(y, x) == [None]


def test_hessian_needs_a_shape() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None])
        with pytest.raises(ValueError, match="static shape"):
            tf.hessians(tf.reduce_sum(x * x), x)


def test_compute_gradient_finds_a_wrong_rule() -> None:
    @tf.RegisterGradient("TestAutodiffWrong")
    def _wrong(op: Any, grad: Any) -> Any:
        return grad * 3.0

    with tf.Graph().as_default() as graph, tf.Session():
        x = tf.constant([0.5, 1.0])
        with graph.gradient_override_map({"Exp": "TestAutodiffWrong"}):
            y = tf.exp(x)
        assert tf.test.compute_gradient_error(x, [2], y, [2], np.array([0.5, 1.0])) > 0.2


def test_custom_gradient_counts_the_variables() -> None:
    with tf.Graph().as_default(), tf.variable_scope("layer", use_resource=True):

        @tf.custom_gradient
        def scaled(a: Any) -> Any:
            w = tf.get_variable("w", initializer=2.0)
            return a * w, lambda dy, variables: (dy, [])

        x = tf.constant(1.0)
        with pytest.raises(ValueError, match="Must return gradient for each variable"):
            tf.gradients(scaled(x), x)
