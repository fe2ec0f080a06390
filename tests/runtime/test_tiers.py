"""The two tiers give the same, switch when they should, and keep what they compile within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.runtime.policy import MAX_PROGRAMS

InvalidArgument = tf.errors.InvalidArgumentError


def executable(fetch: Any) -> Any:
    """What the runtime keeps of the runs of `fetch` alone."""
    found = [e for key, e in fetch.graph.runtime["executables"].items() if key[0] is fetch]
    assert len(found) == 1
    return found[0]


def training() -> tuple[Any, Any, Any, Any]:
    tf.set_random_seed(3)
    x, y = tf.placeholder(tf.float32, [None, 4]), tf.placeholder(tf.float32, [None, 1])
    hidden = tf.tanh(x @ tf.Variable(tf.random_uniform([4, 8])))
    w = tf.Variable(tf.random_normal([8, 1]))
    dropped = tf.nn.dropout(hidden, keep_prob=0.8)
    loss = tf.reduce_mean(tf.square(dropped @ w - y))
    return x, y, loss, tf.train.AdamOptimizer(0.01).minimize(loss)


def losses(sess: Any, x: Any, y: Any, loss: Any, step: Any, count: int) -> list[float]:
    random = np.random.RandomState(0)
    sess.run(tf.global_variables_initializer())
    result = []
    for _ in range(count):
        batch = random.rand(16, 4)
        result.append(sess.run([step, loss], {x: batch, y: batch.sum(1, keepdims=True)})[1])
    return result


def test_both_tiers_train_alike() -> None:
    net = training()
    got = {}
    for tier in ("interpret", "compile", "auto"):
        with tf.Session(tier=tier) as sess:
            got[tier] = losses(sess, *net, 20)
    np.testing.assert_allclose(got["interpret"], got["compile"], rtol=2e-5)
    np.testing.assert_allclose(got["auto"], got["compile"], rtol=2e-5)


def test_the_policy_is_deterministic() -> None:
    runs = []
    for _ in range(2):
        with tf.Graph().as_default():
            net = training()
            with tf.Session() as sess:
                runs.append(losses(sess, *net, 40))
    assert runs[0] == runs[1]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: tf.random_uniform([3], seed=1),
        lambda: tf.random_normal([2, 2], seed=1),
        lambda: tf.truncated_normal([5], seed=1),
        lambda: tf.random_uniform([4], maxval=100, dtype=tf.int32, seed=1),
        lambda: tf.random_shuffle(tf.range(7), seed=1),
        lambda: tf.multinomial([[0.0, 0.0, 0.0]], 6, seed=1),
        lambda: tf.nn.dropout(tf.ones([9]), keep_prob=0.5, seed=1),
    ],
    ids=["uniform", "normal", "truncated", "integers", "shuffle", "multinomial", "dropout"],
)
def test_random_streams_go_on_when_the_tier_changes(draw: Any) -> None:
    numbers = draw()
    with tf.Session(tier="interpret") as sess:
        wanted = [sess.run(numbers) for _ in range(6)]
    with tf.Session(tier="compile") as sess:
        compiled = [sess.run(numbers) for _ in range(6)]
    with tf.Session() as sess:
        mixed = []
        for tier in ("interpret", "compile", "compile", "interpret", "compile", "interpret"):
            for entry in sess._entries.values():
                entry.runner.tier = tier
            mixed.append(sess.run(numbers))
    for got in (compiled, mixed):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)
    assert len({str(w) for w in wanted}) > 1


def test_variables_live_through_a_change_of_tier() -> None:
    v = tf.Variable([1.0, 2.0])
    add = v.assign_add([1.0, 1.0])
    with tf.Session() as sess:
        sess.run(v.initializer)
        for n, tier in enumerate(("interpret", "compile", "interpret", "interpret", "compile")):
            sess._tier = tier
            sess._entries.clear()
            assert sess.run(add).tolist() == [2 + n, 3 + n]


def test_small_plans_stay_interpreted_and_large_ones_are_compiled() -> None:
    small = tf.constant(1) + 2
    big = tf.placeholder(tf.float32, [1200, 1200])
    product = tf.matmul(big, tf.matmul(big, big))
    with tf.Session() as sess:
        for _ in range(300):
            sess.run(small)
        sess.run(product, {big: np.zeros([1200, 1200])})
    assert not executable(small).programs and len(executable(product).programs) == 1


def test_a_hot_loop_is_compiled() -> None:
    x = tf.placeholder(tf.float32, [64, 64])
    y = x
    for _ in range(30):
        y = tf.tanh(tf.matmul(y, x))
    with tf.Session() as sess:
        ones = np.ones([64, 64], np.float32)
        first = sess.run(y, {x: ones})
        assert not executable(y).programs
        for _ in range(200):
            last = sess.run(y, {x: ones})
    assert executable(y).programs
    np.testing.assert_allclose(first, last, rtol=1e-5)


def test_programs_by_shape_are_bounded() -> None:
    x = tf.placeholder(tf.float32, [None, 600])
    y = tf.matmul(tf.tanh(x), tf.ones([600, 600]))
    with tf.Session() as sess:
        for rows in range(1, MAX_PROGRAMS + 6):
            runner = sess.run(y, {x: np.zeros([rows * 500, 600], np.float32)})
            assert runner.shape == (rows * 500, 600)
    assert 1 <= len(executable(y).programs) <= MAX_PROGRAMS


def test_programs_after_a_host_step_are_bounded() -> None:
    """The shape that a host step makes is not known before it ran."""
    x = tf.placeholder(tf.float32, [None])
    y = tf.reduce_sum(tf.tanh(tf.boolean_mask(x, x > 0)))
    with tf.Session(tier="compile") as sess:
        for n in range(1, MAX_PROGRAMS + 6):
            values = np.array([1.0] * n + [-1.0] * (40 - n))
            assert sess.run(y, {x: values}) == pytest.approx(n * np.tanh(1.0), rel=1e-5)


def test_new_shapes(session: Any) -> None:
    x = tf.placeholder(tf.float32)
    y = tf.reduce_sum(x) + tf.cast(tf.rank(x), tf.float32)
    sess = session()
    for shape in ((), (3,), (2, 3), (3,), (1, 1, 4), ()):
        assert sess.run(y, {x: np.ones(shape)}) == np.prod(shape) + len(shape)


def test_a_graph_that_changes_between_runs(session: Any) -> None:
    a, b = tf.constant(1.0), tf.constant(10.0)
    y = tf.identity(a) * 2
    sess = session()
    assert sess.run(y) == 2
    y.op.inputs[0].op._update_input(0, b)
    assert sess.run(y) == 20
    v = tf.Variable(0)
    with tf.control_dependencies([y]):
        z = tf.constant(5)
    add = v.assign_add(1)
    sess.run(v.initializer)
    assert sess.run([z, v]) == [5, 0]
    z.op._add_control_input(add.op)
    assert sess.run(z) == 5 and sess.run(v) == 1
    assert sess.run(y + 1) == 21  # new nodes


def test_large_constants_are_arguments_of_the_program() -> None:
    big, small = tf.constant(np.ones(1000, np.float32)), tf.constant(np.ones(3, np.float32))
    x = tf.placeholder(tf.float32, [])
    y, z = big * x, small * x
    with tf.Session(tier="compile") as sess:
        sess.run(y, {x: 1})
        sess.run(z, {x: 1})
    (with_big,), (with_small,) = (next(iter(executable(t).programs.values())) for t in (y, z))
    assert len(with_big.arguments) == 2 and len(with_small.arguments) == 1
    assert "dense<1.0" not in with_big.call.lower(np.ones(1000, np.float32), np.float32(1)).as_text()


@pytest.mark.parametrize("length", [5000])
def test_deep_graphs(length: int) -> None:
    x = tf.placeholder(tf.float32, [])
    y = x
    for _ in range(length):
        y = y + 1
    with tf.Session(tier="interpret") as sess:
        assert sess.run(y, {x: 1}) == length + 1
        assert len(y.graph.as_graph_def().node) == 2 * length + 1
        with tf.control_dependencies([y]):
            last = tf.no_op()
        for _ in range(length):
            with tf.control_dependencies([last]):
                last = tf.no_op()
        assert sess.run(last, {x: 1}) is None


def test_deep_graphs_are_compiled() -> None:
    x = tf.placeholder(tf.float32, [])
    y = x
    for _ in range(1500):
        y = -y
    with tf.Session(tier="compile") as sess:
        assert sess.run(y, {x: 3}) == 3


def test_a_deep_chain_of_constants_folds() -> None:
    y = tf.constant(0)
    for _ in range(2000):
        y = y + 1
    with tf.Session() as sess:
        assert sess.run(tf.reshape(tf.ones([2000]), [y, -1])).shape == (2000, 1)


def test_host_steps_in_the_middle(session: Any) -> None:
    calls: list[Any] = []

    def double(a: Any) -> Any:
        calls.append(a)
        return a * 2

    x = tf.placeholder(tf.float32, [None])
    v = tf.Variable(10.0)
    doubled = tf.py_func(double, [tf.tanh(x) * 0 + x], tf.float32)
    places = tf.where(doubled > 3)
    values, index = tf.unique(tf.gather_nd(doubled, places))
    text = tf.as_string(tf.reduce_sum(values))
    add = v.assign_add(tf.reduce_sum(values))
    sess = session()
    for n in range(1, 4):
        got = sess.run([places, values, index, text, add], {x: [1, 2, 2, 3]})
        assert (
            got[0].tolist() == [[1], [2], [3]] and got[1].tolist() == [4, 6] and got[2].tolist() == [0, 0, 1]
        )
        assert got[3] in (b"10", b"10.000000") and got[4] == 10 + 10 * n
    assert len(calls) == 3


def test_segments_are_few() -> None:
    x = tf.placeholder(tf.string, [])
    number = tf.string_to_number(x)
    v = tf.Variable(1.0)
    y = tf.as_string(tf.tanh(v * number) + tf.sin(number))
    with tf.Session(tier="compile") as sess:
        sess.run(v.initializer)
        sess.run(y, {x: "1.5"})
    assert [s.host for s in executable(y).segments] == [True, False, True]


def test_python_functions_run_in_order_and_once(session: Any) -> None:
    seen: list[int] = []
    ops = [tf.py_func(lambda i=i: seen.append(i), [], [], name=f"f{i}") for i in range(4)]
    sess = session()
    sess.run(ops)
    assert seen == [0, 1, 2, 3]
    sess.run([ops[2], ops[2]])
    assert seen[4:] == [2]


def test_division_by_zero_is_silent(session: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    assert str(session().run(x / 0, {x: [1, -1, 0]})) == "[ inf -inf  nan]"


def test_host_ops_on_shapes_are_computed_while_compiling() -> None:
    """The mean over some axes of an unknown batch works out shapes with an op that only the host has."""
    x = tf.placeholder(tf.float32, [None, 4, 3])
    w = tf.Variable(tf.ones([3]))
    loss = tf.reduce_sum(tf.reduce_mean(x * w, [1]) ** 2)
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    with tf.Session(tier="compile") as session:
        session.run(w.initializer)
        session.run(step, {x: np.ones([2, 4, 3])})
        np.testing.assert_allclose(session.run(w), [0.6] * 3, rtol=1e-6)
        (entry,) = [e for e in session._entries.values() if e.fetches.targets == [step]]
        assert [s.host for s in entry.runner.executable.segments] == [False]


def test_steps_on_the_elements_of_a_dataset(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host takes an element, one program steps on it: by the short way, too, when a check fails, when an
    element has a shape that is not worth a program, and with a feed.
    """
    monkeypatch.setattr("reflow.runtime.compile.MAX_PROGRAMS", 3)

    def run(tier: str) -> list[Any]:
        with tf.Graph().as_default():
            lengths = [3, 3, 7, 1, 2, 4, 3]
            made = ((np.full(n, n, np.float32), np.int32(9 if n == 7 else n % 4)) for n in lengths)
            dataset = tf.data.Dataset.from_generator(lambda: made, (tf.float32, tf.int32), ([None], []))
            values, place = tf.data.make_one_shot_iterator(dataset).get_next()
            factor = tf.placeholder(tf.float32, [])
            large = tf.Variable(tf.zeros([4, 1 << 21]))  # so large that steps are compiled at once
            step = tf.scatter_add(large, place, tf.ones([1 << 21]) * factor * tf.reduce_sum(values))
            fetches = [values, step[:, 5], tf.reduce_sum(values) * factor]
            results: list[Any] = []
            with tf.Session(tier=tier) as sess:
                sess.run(large.initializer)
                while True:
                    try:
                        results.append([x.tolist() for x in sess.run(fetches, {factor: np.float64(0.5)})])
                    except InvalidArgument as error:
                        assert "indices = 9 is not in [0, 4)" in error.message
                        results.append("refused")
                    except tf.errors.OutOfRangeError:
                        runners = [e.runner for e in sess._entries.values() if e.runner.fetched]
                        return [*results, any(r.direct for r in runners)]

    *short, was_short = run("auto")
    *plain, _ = run("interpret")
    assert was_short
    assert short == plain
    assert short.count("refused") == 1
