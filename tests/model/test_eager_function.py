"""`tf.py_function`: what the function gets, and its gradient. The values are TensorFlow 1.15's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf


def branching(x: Any, y: Any) -> Any:
    assert (x.shape.as_list(), x.dtype, len(x)) == ([2], tf.float32, 2)
    assert bool(tf.reduce_all(x > 0)) and float(x[0]) == x.numpy()[0]
    return tf.square(x) * y if x[0] > 2.0 else x * y


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_values_decide_and_gradients_follow(tier: str) -> None:
    x, y = tf.placeholder(tf.float32, [2], name="x"), tf.constant(3.0)
    z = tf.py_function(branching, [x, y], tf.float32)
    dx, dy = tf.gradients(tf.reduce_sum(z), [x, y])
    assert (z.name, dx.name, dy.name) == (
        "EagerPyFunc:0",
        "gradients/EagerPyFunc_grad/EagerPyFunc:0",
        "gradients/EagerPyFunc_grad/EagerPyFunc:1",
    )
    assert z.shape.ndims is None and dx.shape.as_list() == [2] and dx.op.control_inputs == [z.op]
    with tf.Session(tier=tier) as sess:
        for _ in range(2):
            found = sess.run([z, dx, dy], {x: [3.0, 1.0]})
            assert [np.asarray(v).tolist() for v in found] == [[27, 3], [18, 6], 10]
            found = sess.run([z, dx, dy], {x: [1.0, 1.0]})
            assert [np.asarray(v).tolist() for v in found] == [[3, 3], [3, 3], 2]


def test_numpy_has_no_gradient() -> None:
    x = tf.constant([1.0, 1.0])
    y = tf.py_function(lambda a: a.numpy() * 2, [x], tf.float32)
    with tf.Session() as sess:
        value, grad = sess.run([y, tf.gradients(y, x)[0]])
    assert value.tolist() == [2.0, 2.0] and grad == 0.0


def test_results_are_converted() -> None:
    x = tf.constant([1.0, 1.0])
    several = tf.py_function(lambda a: [a + 1, "t"], [x], [tf.float32, tf.string])
    double = tf.py_function(lambda a: a.numpy().astype("float64"), [x], tf.float32)
    nothing = tf.py_function(lambda a: None, [x], [])
    with tf.Session() as sess:
        first, text = sess.run(several)
        assert first.tolist() == [2.0, 2.0] and text == b"t"
        assert sess.run(double).dtype == np.float32
        assert isinstance(nothing, tf.Operation) and sess.run(nothing) is None


@pytest.mark.parametrize(
    ("function", "error", "text"),
    [
        (lambda a: None, "InvalidArgumentError", "returns 0 values, but expects to see 1 values"),
        (lambda a: 1 / 0, "UnknownError", "ZeroDivisionError: division by zero"),
        (lambda a: tf.check_numerics(a / 0.0, "bad"), "UnknownError", "bad : Tensor had Inf"),
        (lambda a: a + tf.constant([1, 2]), "InvalidArgumentError", "TypeError"),
    ],
)
def test_errors(function: Any, error: str, text: str) -> None:
    y = tf.py_function(function, [tf.constant([1.0, 1.0])], tf.float32)
    with tf.Session() as sess, pytest.raises(getattr(tf.errors, error), match=text):
        sess.run(y)


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="Expected func to be callable, got func of type <class 'int'>"):
        tf.py_function(3, [], tf.float32)


def test_random_numbers_are_drawn_once() -> None:
    def twice(x: Any) -> Any:
        noise = tf.random_normal([3])
        before = noise.numpy()
        return tf.reduce_max(tf.abs(noise * x - before))

    y = tf.py_function(twice, [tf.constant(1.0)], tf.float32)
    with tf.Session() as sess:
        assert sess.run(y) == 0.0


def test_effects_and_conditionals(capsys: pytest.CaptureFixture[str]) -> None:
    def noisy(x: Any) -> Any:
        tf.print("got", x)
        total = 0.0
        for row in x:
            total += float(row)
        return tf.cond(x[0] > 0, lambda: x * total, lambda: -x)

    x = tf.placeholder(tf.float32, [2])
    y = tf.py_function(noisy, [x], tf.float32)
    with tf.Session() as sess:
        assert sess.run(y, {x: [1.0, 2.0]}).tolist() == [3.0, 6.0]
        assert sess.run(y, {x: [-1.0, 2.0]}).tolist() == [1.0, -2.0]
    assert capsys.readouterr().err.count("got [") == 2


def test_text_of_values() -> None:
    seen: list[str] = []
    y = tf.py_function(lambda a: seen.append(f"{a} {a!r} {int(a)} {[0, 1][a]}"), [tf.constant(1)], [])
    with tf.Session() as sess:
        sess.run(y)
    assert seen == ["tf.Tensor(1, shape=(), dtype=int32) <tf.Tensor: shape=(), dtype=int32, numpy=1> 1 1"]


def test_no_second_derivative() -> None:
    x, weight = tf.constant(2.0), tf.constant(3.0)
    y = tf.py_function(tf.square, [x], tf.float32)
    dx = tf.gradients(y, x, grad_ys=weight)[0]
    with pytest.raises(LookupError, match="has no gradient itself"):
        tf.gradients(dx, weight)
