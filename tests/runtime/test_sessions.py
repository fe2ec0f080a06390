"""Sessions: their making, defaults, nesting, options, closing, callables, threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

import reflow as tf


def test_eval_and_run_need_a_session() -> None:
    c = tf.constant(1)
    with pytest.raises(ValueError, match=r"Cannot evaluate tensor using `eval\(\)`: No default session"):
        c.eval()
    with pytest.raises(
        ValueError, match=r"Cannot execute operation using `run\(\)`: No default session.*run\(session"
    ):
        c.op.run()
    session = tf.Session()
    assert c.eval(session=session) == 1 and c.op.run(session=session) is None
    with session.as_default() as same:
        assert same is session and tf.get_default_session() is session
        assert c.eval() == 1 and c.eval({c: 5}) == 5
    assert tf.get_default_session() is None
    assert session.run(c) == 1  # as_default does not close it


def test_eval_in_a_session_of_another_graph() -> None:
    c, other = tf.constant(1), tf.Session(graph=tf.Graph())
    with pytest.raises(
        ValueError, match="Cannot use the given session to evaluate tensor.*graph is different"
    ):
        c.eval(session=other)
    with (
        other.as_default(),
        pytest.raises(ValueError, match="Cannot use the default session to evaluate tensor"),
    ):
        c.eval()


def test_with_closes_the_session_and_sets_the_graph() -> None:
    graph = tf.Graph()
    with tf.Session(graph=graph) as session:
        assert tf.get_default_graph() is graph and session.graph is graph
        c = tf.constant(1)
        assert c.graph is graph and c.eval() == 1
    assert tf.get_default_graph() is not graph
    for attempt in (lambda: session.run(c), lambda: c.eval(session=session)):
        with pytest.raises(RuntimeError, match="Attempted to use a closed Session."):
            attempt()
    session.close()


def test_with_is_not_reentrant() -> None:
    session = tf.Session()
    with session:
        with pytest.raises(RuntimeError, match="not re-entrant"):
            session.__enter__()
        with session.as_default(), session.as_default():
            assert tf.constant(1).eval() == 1
        assert tf.constant(2).eval() == 2


def test_an_error_leaves_the_block_and_closes() -> None:
    session = tf.Session()
    with pytest.raises(KeyError), session:
        raise KeyError("x")
    assert tf.get_default_session() is None
    with pytest.raises(RuntimeError, match="closed"):
        session.run(tf.constant(1))


def test_nested_sessions() -> None:
    c = tf.constant(1)
    with tf.Session() as outer:
        with tf.Session() as inner:
            assert tf.get_default_session() is inner
        assert tf.get_default_session() is outer and c.eval() == 1


def test_interactive_sessions() -> None:
    first = tf.InteractiveSession()
    c = tf.constant(1)
    assert c.eval() == 1 and tf.get_default_session() is first
    graph = tf.Graph()
    second = tf.InteractiveSession(graph=graph)
    assert tf.get_default_session() is second and tf.get_default_graph() is graph
    assert tf.constant(2).eval() == 2
    second.close()
    assert tf.get_default_session() is first and c.eval() == 1
    with tf.Session() as third:
        assert tf.get_default_session() is third
    first.close()
    assert tf.get_default_session() is None


def test_interactive_sessions_closed_out_of_order() -> None:
    first, second = tf.InteractiveSession(), tf.InteractiveSession()
    first.close()
    assert tf.get_default_session() is not first
    second.close()
    assert tf.get_default_session() is None


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"graph": 3}, TypeError, "graph must be a tf.Graph, but got <class 'int'>"),
        ({"config": 3}, TypeError, "config must be a tf.ConfigProto, but got <class 'int'>"),
        ({"target": 3}, TypeError, "target must be a string, but got <class 'int'>"),
        ({"tier": "gpu"}, ValueError, "tier must be one of"),
    ],
)
def test_bad_options(options: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        tf.Session(**options)
    with pytest.raises(tf.errors.UnimplementedError, match="grpc://a:1"):
        tf.Session("grpc://a:1")


def test_config() -> None:
    config = tf.ConfigProto(
        allow_soft_placement=True,
        log_device_placement=False,
        inter_op_parallelism_threads=1,
        device_count={"GPU": 0},
        gpu_options=tf.GPUOptions(per_process_gpu_memory_fraction=0.3, allow_growth=True),
    )
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as session:
        assert session.run(tf.constant(1)) == 1
    levels = tf.OptimizerOptions
    for level, tier in ((levels.ON_1, "compile"), (levels.OFF, "interpret"), (levels.DEFAULT, "auto")):
        config.graph_options.optimizer_options.global_jit_level = level
        assert tf.Session(config=config)._tier == tier


def test_the_tier_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFLOW_TIER", "compile")
    assert tf.Session()._tier == "compile" and tf.Session(tier="interpret")._tier == "interpret"
    monkeypatch.setenv("REFLOW_TIER", "fast")
    with pytest.raises(ValueError, match="tier must be one of"):
        tf.Session()


def test_an_empty_graph() -> None:
    with (
        tf.Graph().as_default(),
        tf.Session() as session,
        pytest.raises(RuntimeError, match="graph is empty"),
    ):
        session.run([])


def test_run_options() -> None:
    metadata = tf.RunMetadata()
    with tf.Session() as session:
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        assert session.run(tf.constant(1), options=options, run_metadata=metadata) == 1


def test_callables(session: Any) -> None:
    x, y = tf.placeholder(tf.float32, [2]), tf.placeholder(tf.float32, [])
    sess = session()
    call = sess.make_callable({"sum": x + y, "nothing": tf.no_op()}, [x, y])
    for scale in (1, 2):
        got = call([1, 2], scale)
        assert got["sum"].tolist() == [1 + scale, 2 + scale] and got["nothing"] is None
    assert sess.make_callable(tf.constant(3))() == 3
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        call([1, 2, 3], 1)
    for values in ((), ([1, 2],), ([1, 2], 1, 1)):
        with pytest.raises(TypeError, match="takes 2 fed values"):
            call(*values)
    with pytest.raises(TypeError, match="invalid type"):
        sess.make_callable(3)
    sess.close()
    with pytest.raises(RuntimeError, match="closed"):
        call([1, 2], 1)


def run_threads(work: Any, count: int) -> None:
    """`work(i)` in threads, all at once; raises the first error."""
    gate, failed = threading.Barrier(count), []

    def target(i: int) -> None:
        gate.wait()
        try:
            work(i)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=target, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


@pytest.mark.parametrize("resource", [False, True])
def test_many_threads_count_exactly(tier: str, resource: bool) -> None:
    v = tf.Variable(0, use_resource=resource)
    add = v.assign_add(1)
    for _ in range(3):  # the threads also race for the first run of a new session
        with tf.Session(tier=tier) as session:
            session.run(v.initializer)
            seen: list[int] = []
            run_threads(lambda _, s=session, seen=seen: seen.extend(s.run(add) for _ in range(50)), 8)
            assert session.run(v) == 400 and sorted(seen) == list(range(1, 401))


def test_threads_draw_each_random_number_once(tier: str) -> None:
    random = tf.random_uniform([], seed=3)
    with tf.Session(tier=tier) as one, tf.Session(tier=tier) as many:
        seen: list[float] = []
        run_threads(lambda _: seen.extend(many.run(random) for _ in range(25)), 4)
        assert sorted(seen) == sorted(one.run(random) for _ in range(100))


def test_threads_reading_on_the_host_while_another_trains(tier: str) -> None:
    v = tf.Variable(tf.zeros([512]))
    add = v.assign_add(tf.ones([512]))
    shown = tf.py_func(lambda a: np.float64(a.max() - a.min()), [v], tf.float64)
    with tf.Session(tier=tier) as session:
        session.run(v.initializer)

        def work(i: int) -> None:
            for _ in range(60):
                assert i < 2 and session.run(add.op) is None or session.run([shown, v])[0] == 0

        run_threads(work, 4)
        assert session.run(v).tolist() == [120] * 512


def test_threads_have_their_own_defaults() -> None:
    c = tf.constant(1)
    with tf.Session() as session:

        def work(_: int) -> None:
            assert tf.get_default_session() is None
            assert session.run(c) == 1
            with session.as_default():
                assert c.eval() == 1

        run_threads(work, 3)


def test_threads_with_different_runs(tier: str) -> None:
    x = tf.placeholder(tf.float32, [None])
    outputs = [x + i for i in range(4)]
    with tf.Session(tier=tier) as session:

        def work(i: int) -> None:
            for n in range(1, 6):
                assert session.run(outputs[i], {x: np.ones(n)}).tolist() == [1 + i] * n

        run_threads(work, 4)


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_eight_threads_of_one_session(tier: str) -> None:
    """Reads, writes, feeds of several shapes, callables and failing runs, all at once: nothing is lost."""
    x = tf.placeholder(tf.float32, [None])
    count, total = tf.Variable(0, name="count"), tf.Variable(0.0, use_resource=True)
    add = tf.group(tf.assign_add(count, 1), total.assign_add(tf.reduce_sum(tf.check_numerics(x, "bad"))))
    doubled, both = x * 2.0, tf.stack([tf.cast(count, tf.float32), tf.identity(total)])
    sess = tf.Session(tier=tier)
    sess.run(tf.global_variables_initializer())
    double = sess.make_callable(doubled, [x])
    failures: list[object] = []

    def work(number: int) -> None:
        for step in range(12):
            values = np.full(1 + (number + step) % 3, float(number), np.float32)
            sess.run(add, {x: [1.0]})
            if not np.array_equal(double(values), 2 * values):
                failures.append(("callable", number, step))
            if not np.array_equal(sess.run([doubled, count], {x: values})[0], 2 * values):
                failures.append(("feed", number, step))
            with pytest.raises(tf.errors.InvalidArgumentError):
                sess.run(add, {x: [np.nan]})
            seen = sess.run(both)
            if seen[0] != seen[1]:
                failures.append(("half a step", seen))

    threads = [threading.Thread(target=work, args=[i]) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert [np.asarray(v).item() for v in sess.run([count, total])] == [96, 96.0]
