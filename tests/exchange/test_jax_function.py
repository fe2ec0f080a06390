"""`to_jax`: a session's computations as pure functions."""

from __future__ import annotations

import jax
import numpy as np
import pytest

import reflow as tf


def test_a_model_goes_on_in_jax() -> None:
    """A trained regression: the function gives what the session gives, and its gradient is JAX's."""
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 3], name="x")
        kernel = tf.get_variable("kernel", [3, 2], initializer=tf.random_normal_initializer(seed=1))
        bias = tf.get_variable("bias", initializer=tf.ones([2]), use_resource=True)
        y = tf.nn.relu(tf.matmul(x, kernel) + bias)
        sess.run(tf.global_variables_initializer())
        function, params = tf.export.to_jax({"y": y, "twice": [y * 2.0]}, [x], sess)
        value = np.arange(6, dtype=np.float32).reshape(2, 3) - 2
        wanted = sess.run(y, {x: value})
        (slope,) = sess.run(tf.gradients(tf.reduce_sum(y), [kernel]), {x: value})
    assert sorted(params) == ["bias", "kernel"]
    found = jax.jit(function)(params, value)
    np.testing.assert_allclose(found["y"], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["twice"][0], wanted * 2, rtol=1e-6)
    grads = jax.grad(lambda p: function(p, value)["y"].sum())(params)
    np.testing.assert_allclose(grads["kernel"], slope, rtol=1e-6)


def test_a_training_step_returns_the_new_parameters() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [4])
        w = tf.Variable(np.ones(4, np.float32), name="w")
        loss = tf.reduce_sum(tf.square(w - tf.nn.dropout(x, rate=0.5, seed=3)))
        train = tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss)
        sess.run(tf.global_variables_initializer())
        with pytest.raises(ValueError, match="assign to w, w/Momentum"):
            tf.export.to_jax([train, loss], [x], sess)
        step, params = tf.export.to_jax([train, loss], [x], sess, updates=True)
        step = jax.jit(step)
        for number in range(3):
            (_, mine), params = step(params, np.full(4, number, np.float32))
            theirs = sess.run([train, loss], {x: np.full(4, number, np.float32)})[1]
            np.testing.assert_allclose(mine, theirs, rtol=1e-6)
        np.testing.assert_allclose(params["w"], sess.run(w), rtol=1e-6)
        before = sess.run(w)
        step(params, np.zeros(4, np.float32))
        np.testing.assert_array_equal(before, sess.run(w))  # the session's own state is not touched


def test_random_numbers_are_a_parameter() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        noise = tf.random_uniform([3], seed=5, name="noise")
        function, params = tf.export.to_jax(noise, [], sess, updates=True)
        first, params = function(params)
        second, _ = function(params)
        np.testing.assert_array_equal([first, second], [sess.run(noise), sess.run(noise)])


def test_a_conditional_and_shape_arithmetic() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 2])
        flat = tf.reshape(x, [-1, tf.shape(x)[0] * 2])
        y = tf.cond(tf.reduce_sum(x) > 0.0, lambda: flat * 2.0, lambda: flat - 1.0)
        function, params = tf.export.to_jax(y, [x], sess)
        for sign in (1, -1):
            value = sign * np.ones((3, 2), np.float32)
            np.testing.assert_array_equal(jax.jit(function)(params, value), sess.run(y, {x: value}))


def test_what_cannot_be_a_function_is_named() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        w = tf.Variable(1.0, name="w")
        with pytest.raises(tf.errors.FailedPreconditionError, match="w"):
            tf.export.to_jax(w * 2.0, [], sess)
        host = tf.py_func(lambda: np.float32(1), [], tf.float32, name="host")
        with pytest.raises(tf.errors.UnimplementedError, match="'host'"):
            tf.export.to_jax(host * 2.0, [], sess)
        batch = tf.data.Dataset.range(3).make_one_shot_iterator().get_next()
        with pytest.raises(tf.errors.UnimplementedError, match="IteratorGetNext"):
            tf.export.to_jax(batch + 1, [], sess)
        assert tf.export.to_jax(batch + 1, [batch], sess)[0]({}, 4) == 5
        x = tf.placeholder(tf.float32, [2], name="x")
        function, params = tf.export.to_jax(x + 1.0, [x], sess)
        with pytest.raises(TypeError, match="1 inputs, got 0"):
            function(params)
        with pytest.raises(ValueError, match="x:0 has the shape"):
            function(params, [1, 2, 3])
        with pytest.raises(tf.errors.InvalidArgumentError, match="must feed"):
            tf.export.to_jax(x + 1.0, [], sess)
    with pytest.raises(ValueError, match="needs a session"):
        tf.export.to_jax(x, [x])
