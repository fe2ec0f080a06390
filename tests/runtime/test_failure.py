"""A run that fails changes nothing, and says which node failed and where it was made."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import reflow as tf

InvalidArgument = tf.errors.InvalidArgumentError


@pytest.mark.parametrize("resource", [False, True])
def test_a_failed_check_keeps_all_variables(session: Any, resource: bool) -> None:
    x = tf.placeholder(tf.float32, [])
    a, b = (tf.Variable([1.0, 2.0], use_resource=resource) for _ in range(2))
    before, checked = a.assign_add([1.0, 1.0]), tf.check_numerics(x, "bad")
    with tf.control_dependencies([before]):
        after = b.assign(b * checked)
    sess = session()
    for _ in range(3):
        with pytest.raises(InvalidArgument, match="bad : Tensor had NaN"):
            sess.run([after.op, before.op], {x: np.nan})
        assert np.array_equal(sess.run([a, b]), [[1, 2], [1, 2]])
    sess.run(after.op, {x: 2.0})
    assert np.array_equal(sess.run([a, b]), [[2, 3], [2, 4]])


def test_a_failed_assignment_of_a_value_not_read(session: Any) -> None:
    x, v = tf.placeholder(tf.int32, []), tf.Variable([1, 2])
    put = v.assign(tf.gather([[5, 6], [7, 8]], x))
    sess = session()
    with pytest.raises(InvalidArgument, match=r"indices = 2 is not in \[0, 2\)"):
        sess.run(put.op, {x: 2})
    assert sess.run(v).tolist() == [1, 2]
    sess.run(put.op, {x: 1})
    assert sess.run(v).tolist() == [7, 8]


def test_a_variable_that_changes_its_shape(session: Any) -> None:
    x = tf.placeholder(tf.float32, [])
    v = tf.Variable(tf.zeros([4]), validate_shape=False)
    grow = tf.assign(v, tf.concat([v, tf.check_numerics(v * x, "bad")], 0), validate_shape=False)
    sess = session()
    sess.run(grow.op, {x: 1})
    with pytest.raises(InvalidArgument):
        sess.run(grow.op, {x: np.nan})
    assert sess.run(v).shape == (8,)
    sess.run(grow.op, {x: 1})
    assert sess.run(v).shape == (16,)


def test_the_message_is_of_the_shape_that_came(session: Any) -> None:
    v, i = tf.Variable(tf.zeros([4]), validate_shape=False), tf.placeholder(tf.int32, [])
    grow, row = tf.assign(v, tf.concat([v, v], 0), validate_shape=False), tf.gather(v, i)
    sess = session()
    for limit in (4, 8, 4):
        with pytest.raises(InvalidArgument, match=rf"indices = 9 is not in \[0, {limit}\)"):
            sess.run(row, {i: 9})
        assert sess.run(row, {i: 3}) == 0
        sess.run(grow.op if limit == 4 else v.initializer)


def test_the_first_of_several_checks_is_reported(session: Any) -> None:
    x, y = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    both = tf.check_numerics(x, "first") + tf.check_numerics(y, "second")
    sess = session()
    for fed, text in (((np.nan, np.nan), "first"), ((1, np.nan), "second"), ((np.inf, 1), "first")):
        with pytest.raises(InvalidArgument, match=text):
            sess.run(both, dict(zip((x, y), fed, strict=True)))
    assert sess.run(both, {x: 1, y: 2}) == 3


@pytest.mark.parametrize("tier", ["compile", "interpret"])
def test_a_failed_run_draws_no_numbers(tier: str) -> None:
    """What is drawn beside a failing check, in the same program as an update of rows, is drawn again."""

    def run(fed: list[int]) -> list[Any]:
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            table, at = tf.Variable(tf.zeros([8])), tf.placeholder(tf.int32, [])
            true = tf.constant([[1]], tf.int64)
            drawn = tf.nn.log_uniform_candidate_sampler(true, 1, 4, unique=True, range_max=50)[0]
            put = tf.scatter_add(table, [at], tf.random_uniform([1]) + tf.cast(drawn[:1], tf.float32))
            with tf.Session(tier=tier) as sess:
                sess.run(tf.global_variables_initializer())
                for place in fed:
                    try:
                        sess.run([drawn, put.op], {at: place})
                    except InvalidArgument as error:
                        assert "indices[0] = 9 is not in [0, 8)" in error.message
                return [sess.run(table).tolist(), *sess.run(drawn).tolist()]

    assert run([1, 9, 9, 2]) == run([1, 2])


def test_segments_are_committed_each_as_a_whole(session: Any) -> None:
    """A host step between two XLA segments: what was done before the failing one stays, the rest does not."""
    a, b, x = tf.Variable(1.0), tf.Variable(1.0), tf.placeholder(tf.float32, [])
    first = a.assign_add(1.0)
    middle = tf.py_func(lambda value: value, [first], tf.float32)
    second = b.assign(middle + tf.check_numerics(x, "bad"))
    sess = session()
    with pytest.raises(InvalidArgument):
        sess.run(second.op, {x: np.nan})
    assert sess.run(b) == 1
    assert sess.run(a) in (1, 2)
    start = sess.run(a)
    sess.run(second.op, {x: 1.0})
    assert sess.run([a, b]) == [start + 1, start + 2]


def test_a_failing_python_function(session: Any) -> None:
    v, x = tf.Variable(1.0), tf.placeholder(tf.float32, [])

    def refuse(value: Any) -> Any:
        if value > 1:
            raise ValueError("too large")
        return value

    put = v.assign(tf.py_func(refuse, [x], tf.float32))
    sess = session()
    with pytest.raises(InvalidArgument, match="too large"):
        sess.run(put.op, {x: 2.0})
    assert sess.run(v) == 1
    sess.run(put.op, {x: 0.5})
    assert sess.run(v) == 0.5


def test_uninitialized(tier: str) -> None:
    v, w = tf.Variable(1.0, name="v"), tf.Variable(1.0, name="w", use_resource=True)
    ready = tf.Variable(1.0, name="ready")
    both = tf.group(ready.assign_add(1.0), v.assign_add(1.0))
    with tf.Session(tier=tier) as sess:
        sess.run(ready.initializer)
        for fetch, name in ((v, "v"), (v + 1, "v"), (w, "w"), (both, "v"), (v.assign_add(1.0), "v")):
            with pytest.raises(
                tf.errors.FailedPreconditionError, match=f"uninitialized value {name}:"
            ) as info:
                sess.run(fetch)
            assert info.value.op.name == name
        assert sess.run(ready) == 1
        sess.run(v.assign(2.0).op)
        assert sess.run(v) == 2


def test_bad_feeds_change_nothing(session: Any) -> None:
    x, v = tf.placeholder(tf.float32, [2]), tf.Variable([1.0, 1.0])
    add = v.assign_add(x)
    sess = session()
    with pytest.raises(ValueError, match="Cannot feed"):
        sess.run(add, {x: [1.0]})
    assert sess.run(v).tolist() == [1, 1]


def test_errors_name_the_node_the_values_and_the_line(session: Any) -> None:
    a, b = (tf.placeholder(tf.float32, [None, None], name=n) for n in "ab")
    product = tf.matmul(a, b, name="product")  # this line
    sess = session()
    with pytest.raises(InvalidArgument) as info:
        sess.run(product, {a: np.ones([2, 3]), b: np.ones([4, 2])})
    error, text = info.value, str(info.value)
    assert error.op is product.op and error.error_code == 3
    assert "[2,3]" in text.replace(" ", "") and "[4,2]" in text.replace(" ", "")
    assert "'product' (type MatMul)" in text
    assert "test_failure.py" in text and "# this line" in text


def test_an_op_that_nobody_implements(session: Any) -> None:
    op = tf.get_default_graph().create_op("NoSuchOp", [], dtypes=[tf.float32], name="n")
    with pytest.raises(tf.errors.UnimplementedError, match="NoSuchOp"):
        tf.Session().run(op.outputs[0])


def test_a_failing_thread_leaves_the_session_usable(session: Any) -> None:
    x, v = tf.placeholder(tf.float32, []), tf.Variable(0.0)
    add = v.assign_add(tf.check_numerics(x, "bad"))
    sess, caught = session(), []

    def work(value: float) -> None:
        for _ in range(20):
            try:
                sess.run(add.op, {x: value})
            except InvalidArgument as error:
                caught.append(error)

    threads = [threading.Thread(target=work, args=(value,)) for value in (1.0, np.nan, 1.0, np.inf)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(caught) == 40 and sess.run(v) == 40


OPTIMIZERS = {
    "adam": lambda: tf.train.AdamOptimizer(0.1),
    "momentum": lambda: tf.train.MomentumOptimizer(0.1, 0.9),
    "adagrad": lambda: tf.train.AdagradOptimizer(0.1),
    "adadelta": lambda: tf.train.AdadeltaOptimizer(0.1),
    "rmsprop": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.9),
    "centered rmsprop": lambda: tf.train.RMSPropOptimizer(0.1, momentum=0.9, centered=True),
    "ftrl": lambda: tf.train.FtrlOptimizer(0.1),
    "proximal adagrad": lambda: tf.train.ProximalAdagradOptimizer(0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_failed_step_changes_no_slot(name: str) -> None:
    """Also those slots from whose new contents a step computes other ones."""
    labels = tf.placeholder(tf.int32, [2])
    weights = tf.Variable(np.float32([[0.5, -1, 2], [1, 0.25, -0.5]]))
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=weights * weights)
    train = OPTIMIZERS[name]().minimize(tf.reduce_mean(losses))
    state = tf.global_variables()
    found = []
    for tier in ("interpret", "compile"):
        with tf.Session(tier=tier) as session:
            session.run(tf.global_variables_initializer())
            session.run(train, {labels: [1, 2]})
            before = session.run(state)
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(train, {labels: [1, 3]})
            for a, b in zip(session.run(state), before, strict=True):
                np.testing.assert_array_equal(a, b)
            session.run(train, {labels: [0, 2]})
            found.append(session.run(state))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-7)
