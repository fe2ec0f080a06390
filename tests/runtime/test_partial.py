"""Runs made in several calls."""

import numpy as np
import pytest

import reflow as tf


@pytest.fixture
def parts():
    """Placeholders a, b, c with a + b and (a + b) * c, and a session."""
    with tf.Graph().as_default(), tf.Session() as session:
        a, b, c = [tf.placeholder(tf.float32, [], name=n) for n in "abc"]
        total = tf.add(a, b, name="total")
        yield session, a, b, c, total, total * c


def test_values_between_calls_stay(parts):
    session, a, b, c, total, product = parts
    handle = session.partial_run_setup([total, product], [a, b, c])
    first = session.partial_run(handle, total, {a: 1, b: 2.0})
    assert (first, session.partial_run(handle, product, {c: first})) == (3.0, 9.0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="Must run 'setup'"):
        session.partial_run(handle, product, {c: 1})


def test_a_random_op_is_drawn_once_and_a_variable_changed_once():
    with tf.Graph().as_default(), tf.Session() as session:
        noise, x, v = tf.random_normal([2]), tf.placeholder(tf.float32, []), tf.Variable(0.0)
        session.run(v.initializer)
        twice, step = noise * x, tf.assign_add(v, x)
        with tf.control_dependencies([step]):
            after = tf.identity(noise)
        handle = session.partial_run_setup([noise, twice, after], [x])
        drawn = session.partial_run(handle, noise)
        np.testing.assert_array_equal(session.partial_run(handle, twice, {x: 2.0}), drawn * 2)
        np.testing.assert_array_equal(session.partial_run(handle, [after])[0], drawn)
        assert session.run(v) == 2.0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s, h, a, b, c, t, p: s.partial_run(h, t, {a: 1}), "b:0 must be fed first"),
        (lambda s, h, a, b, c, t, p: s.partial_run("no", t), "Must run 'setup'"),
        (lambda s, h, a, b, c, t, p: s.partial_run_setup([], [a]), "at least one target"),
        (lambda s, h, a, b, c, t, p: [s.partial_run(h, [], {a: 1}), s.partial_run(h, [], {a: 1})], "already"),
        (lambda s, h, a, b, c, t, p: s.partial_run(h, t, {t: 1}), "is not one of"),
        (lambda s, h, a, b, c, t, p: s.partial_run(h, t + 1, {a: 1, b: 1}), "not among the fetches"),
    ],
)
def test_misuse_is_refused(parts, call, message):
    session, a, b, c, total, product = parts
    handle = session.partial_run_setup([total, product], [a, b, c])
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        call(session, handle, a, b, c, total, product)


def test_an_uninitialized_variable_is_named():
    with tf.Graph().as_default(), tf.Session() as session:
        v = tf.Variable(0.0, name="weights")
        handle = session.partial_run_setup([v + 1.0], [])
        with pytest.raises(tf.errors.FailedPreconditionError, match="weights"):
            session.partial_run(handle, session.graph.get_tensor_by_name("add:0"))
