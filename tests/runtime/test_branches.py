"""Conditionals: only the side that is taken has effects, in either tier."""

import numpy as np
import pytest

import reflow as tf

TIERS = ("interpret", "compile")


@pytest.fixture(params=TIERS)
def tier(request):
    with tf.Graph().as_default():
        yield request.param


def _bool():
    return tf.placeholder(tf.bool, [], name="chosen")


def test_the_side_taken_alone_writes(tier):
    p, v, w = _bool(), tf.Variable([1.0, 2.0]), tf.Variable(0)
    step = tf.cond(p, lambda: tf.assign_add(v, [1.0, 1.0]), lambda: tf.group(tf.assign(w, 7)) and v * 2.0)
    with tf.Session(tier=tier) as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step, {p: True}).tolist() == [2, 3]
        assert session.run([v, w])[1] == 0
        assert session.run(step, {p: False}).tolist() == [4, 6]
        assert session.run(v).tolist() == [2, 3]
        assert session.run(w) == 0  # the group is no result of the side: nothing needs it


def test_a_host_op_of_the_other_side_does_not_run(tier):
    calls = []

    def note(x):
        calls.append(float(x))
        return x

    p, x = _bool(), tf.placeholder(tf.float32, [])
    y = tf.cond(p, lambda: tf.py_func(note, [x], tf.float32), lambda: x + 1.0)
    with tf.Session(tier=tier) as session:
        assert [session.run(y, {p: q, x: 3.0}) for q in (False, True, False)] == [4.0, 3.0, 4.0]
    assert calls == [3.0]


def test_random_ops_of_the_other_side_do_not_advance(tier):
    p = _bool()
    noise = tf.cond(p, lambda: tf.random_uniform([2], seed=3), lambda: tf.zeros([2]))
    with tf.Session(tier=tier) as session:
        mixed = [session.run(noise, {p: q}) for q in (True, False, False, True)]
    with tf.Session(tier=tier) as session:
        straight = [session.run(noise, {p: True}) for _ in range(2)]
    np.testing.assert_array_equal(mixed[0], straight[0])
    np.testing.assert_array_equal(mixed[3], straight[1])


def test_a_variable_read_on_one_side_need_not_have_a_value_for_the_other(tier):
    p, v = _bool(), tf.Variable(5.0, name="late")
    y = tf.cond(p, lambda: v.read_value(), lambda: tf.constant(-1.0))
    with tf.Session(tier=tier) as session:
        assert session.run(y, {p: False}) == -1.0
        with pytest.raises(tf.errors.FailedPreconditionError, match="late"):
            session.run(y, {p: True})
        session.run(v.initializer)
        assert session.run(y, {p: True}) == 5.0


def test_a_check_counts_only_where_it_is_made(tier):
    p, x = _bool(), tf.placeholder(tf.float32, [2])

    def checked():
        with tf.control_dependencies([tf.assert_positive(x, message="must be positive")]):
            return tf.sqrt(x)

    y = tf.cond(p, checked, lambda: x)
    with tf.Session(tier=tier) as session:
        assert session.run(y, {p: False, x: [-1, 4]}).tolist() == [-1, 4]
        assert session.run(y, {p: True, x: [1, 4]}).tolist() == [1, 2]
        with pytest.raises(tf.errors.InvalidArgumentError, match="must be positive"):
            session.run(y, {p: True, x: [-1, 4]})


def test_gradients_flow_through_the_side_taken(tier):
    p, x = _bool(), tf.placeholder(tf.float32, [])
    y = tf.cond(p, lambda: tf.log(x), lambda: x * x)
    (g,) = tf.gradients(y, x)
    with tf.Session(tier=tier) as session:
        assert session.run(g, {p: True, x: 4.0}) == 0.25
        assert session.run(g, {p: False, x: -4.0}) == -8.0


def test_sides_of_different_shapes(tier):
    p, x = _bool(), tf.placeholder(tf.float32, [None])
    v = tf.Variable(0)
    y = tf.cond(p, lambda: tf.concat([x, x], 0), lambda: x)
    with tf.control_dependencies([tf.assign_add(v, 1)]):
        y = y * 1.0
    with tf.Session(tier=tier) as session:
        session.run(v.initializer)
        assert session.run(y, {p: True, x: [1]}).tolist() == [1, 1]
        assert session.run(y, {p: False, x: [1]}).tolist() == [1]
        assert session.run(v) == 2


def test_conditionals_nest(tier):
    p, q, x = _bool(), tf.placeholder(tf.bool, []), tf.placeholder(tf.float32, [])
    v = tf.Variable(0.0)

    def inner():
        return tf.cond(q, lambda: tf.assign_add(v, x), lambda: tf.assign_sub(v, x))

    y = tf.cond(p, inner, lambda: tf.identity(x))
    with tf.Session(tier=tier) as session:
        session.run(v.initializer)
        found = [session.run(y, {p: a, q: b, x: 2.0}) for a in (True, False) for b in (True, True, False)]
        assert found == [2.0, 4.0, 2.0, 2.0, 2.0, 2.0]
        assert session.run(v) == 2.0


def test_a_known_condition_is_decided_while_compiling(tier):
    x = tf.placeholder(tf.float32, [None])
    y = tf.cond(tf.constant(True), lambda: tf.reduce_sum(x), lambda: tf.reduce_sum(tf.reshape(x, [9])))
    with tf.Session(tier=tier) as session:
        assert session.run(y, {x: [1, 2, 3]}) == 6.0


def test_variables_with_handles(tier):
    p = _bool()
    v = tf.get_variable("v", initializer=tf.ones([2]), use_resource=True)
    y = tf.cond(p, lambda: v * 3.0, lambda: v + 1.0)
    (g,) = tf.gradients(y, v)
    with tf.Session(tier=tier) as session:
        session.run(v.initializer)
        assert session.run([y, g], {p: True})[0].tolist() == [3, 3]
        assert session.run(g, {p: True}).tolist() == [3, 3]
        assert session.run(g, {p: False}).tolist() == [1, 1]


def test_what_is_inside_cannot_be_fetched(tier):
    p, inside = _bool(), []
    tf.cond(p, lambda: inside.append(tf.constant(1.0)) or inside[0] * 2.0, lambda: tf.constant(2.0))
    with tf.Session(tier=tier) as session, pytest.raises(ValueError, match="not fetchable"):
        session.run(inside[0], {p: True})


def test_case_without_default_says_that_nothing_holds(tier):
    x = tf.placeholder(tf.int32, [])
    y = tf.case([(x < 1, lambda: tf.constant(1.0)), (x > 5, lambda: tf.constant(2.0))])
    with tf.Session(tier=tier) as session:
        assert [session.run(y, {x: v}) for v in (0, 6)] == [1.0, 2.0]
        with pytest.raises(tf.errors.InvalidArgumentError, match="None of conditions evaluated as True"):
            session.run(y, {x: 3})


@pytest.mark.parametrize(
    ("build", "error", "message"),
    [
        (lambda x: tf.cond(x > 0, lambda: x), TypeError, "false_fn argument required"),
        (lambda x: tf.cond(x > 0, lambda: x, x), TypeError, "must be callable"),
        (lambda x: tf.cond(x > 0, lambda: x, lambda: None), ValueError, "must have a return value"),
        (lambda x: tf.cond(x > 0, lambda: [x, x], lambda: [x]), ValueError, "Incompatible return values"),
        (lambda x: tf.cond(x > 0, lambda: x, lambda: x, fn1=lambda: x), TypeError, "may not be set"),
        (lambda x: tf.case([(True, lambda: x)]), TypeError, "pred must be a Tensor"),
        (lambda x: tf.case([(x, lambda: x)]), TypeError, "of type bool"),
    ],
)
def test_misuse_is_refused(build, error, message):
    with tf.Graph().as_default(), pytest.raises(error, match=message):
        build(tf.placeholder(tf.float32, []))


def test_a_condition_that_is_a_variable_has_one_value_for_the_run(tier):
    flag, v = tf.Variable(True), tf.Variable(1.0)

    def turn():
        with tf.control_dependencies([tf.assign(flag, False)]):
            return v + 1.0

    y = tf.cond(flag, turn, lambda: v - 1.0)
    z = tf.cond(v > 0.5, lambda: v - 1.0, lambda: v * 10.0)
    with tf.Session(tier=tier) as session:
        session.run(tf.global_variables_initializer())
        assert session.run([y, z]) == [2.0, 0.0]
        assert not session.run(flag)
        session.run(v.assign(0.25))
        assert session.run([y, z]) == [-0.75, 2.5]
