"""Optimizers outside the graph. The nodes and the messages are TensorFlow 1.15's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf

Scipy = tf.contrib.opt.ScipyOptimizerInterface


def problem() -> tuple[Any, Any, Any, Any]:
    x, s = tf.Variable([7.0, 7.0], name="vec"), tf.Variable(1.0, name="s")
    wanted = tf.placeholder(tf.float32, [])
    return x, s, wanted, tf.reduce_sum(tf.square(x)) + tf.square(s - wanted)


def test_conditions_feeds_and_callbacks() -> None:
    x, s, wanted, loss = problem()
    conditions = {"equalities": [x[1] - 2.0], "inequalities": [x[0] - 1.0]}
    optimizer = Scipy(loss, method="SLSQP", options={"maxiter": 100}, **conditions)
    names = [op.name for op in tf.get_default_graph().get_operations()]
    assert len(names) == 87 and {"Reshape", "gradients_1/strided_slice_grad/StridedSliceGrad"} <= set(names)
    losses: list[float] = []
    steps: list[np.ndarray] = []
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        optimizer.minimize(
            sess,
            feed_dict={wanted: 3.0},
            fetches=[loss, s],
            loss_callback=lambda value, _: losses.append(float(value)),
            step_callback=steps.append,
        )
        np.testing.assert_allclose(sess.run(x), [1.0, 2.0], atol=1e-4)
        np.testing.assert_allclose(sess.run(s), 3.0, atol=1e-4)
    assert losses[0] == 102.0 and steps[-1].shape == (3,)


def test_bounds_and_unconnected_variables() -> None:
    x, y = tf.Variable([[7.0], [7.0]]), tf.Variable(5.0)
    optimizer = Scipy(tf.reduce_sum(tf.square(x)), var_list=[x, y], var_to_bounds={x: ([[1.0], [-9.0]], 3.0)})
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        optimizer.minimize(sess)
        np.testing.assert_allclose(sess.run(x), [[1.0], [0.0]], atol=1e-4)
        assert sess.run(y) == 5.0


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"bounds": [(0, 1)]}, "Bounds must be set using the var_to_bounds argument"),
        ({"jac": False}, "'jac' is set automatically and cannot be injected manually"),
    ],
)
def test_what_is_set_automatically(options: dict[str, Any], text: str) -> None:
    _, _, wanted, loss = problem()
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match=text):
            Scipy(loss, **options).minimize(sess, feed_dict={wanted: 3.0})


def test_a_subclass_minimizes() -> None:
    class Nowhere(tf.contrib.opt.ExternalOptimizerInterface):
        def _minimize(self, initial_val: Any, loss_grad_func: Any, **_: Any) -> Any:
            loss, gradient = loss_grad_func(initial_val)
            assert loss == 98.0
            return initial_val - 0.5 * gradient

    x = tf.Variable([7.0, 7.0])
    loss = tf.reduce_sum(tf.square(x))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        with pytest.raises(NotImplementedError, match="subclass from it"):
            tf.contrib.opt.ExternalOptimizerInterface(loss).minimize(sess)
        Nowhere(loss).minimize(sess)
        assert sess.run(x).tolist() == [0.0, 0.0]
