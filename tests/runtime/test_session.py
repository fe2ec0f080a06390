"""Sessions: fetches, feeds, errors, and whose arrays are whose. Everything in both tiers."""

from __future__ import annotations

import collections
import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.runtime.session import Session

Point = collections.namedtuple("Point", "x y")


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


@pytest.fixture(params=["interpret", "compile"])
def session(request: pytest.FixtureRequest, graph: Any) -> Any:
    return Session(graph=graph, tier=request.param)


def counter(session: Session, start: float = 0.0) -> Any:
    variable = tf.Variable(start, name="counter")
    session.run(variable.initializer)
    return variable


# --- fetches --------------------------------------------------------------------------------------


def test_any_nesting_of_fetches_keeps_its_form(session: Session) -> None:
    a, b = tf.constant(1.0), tf.constant([2, 3])
    got = session.run({"pair": Point(a, [b]), "op": a.op, "name": "Const:0", "again": (a, a)})
    assert got["pair"].x == 1.0 and isinstance(got["pair"], Point)
    assert got["pair"].y[0].tolist() == [2, 3]
    assert got["op"] is None and got["name"] == 1.0 and got["again"] == (1.0, 1.0)


def test_scalars_are_numpy_scalars_and_strings_bytes(session: Session) -> None:
    number, text = session.run([tf.constant(1.5), tf.constant("text")])
    assert type(number) is np.float32 and text == b"text"


def test_sparse_fetches_and_feeds(session: Session) -> None:
    slices = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([4, 1]))
    assert session.run(slices).indices.tolist() == [2]
    sparse = tf.sparse_placeholder(tf.float32)
    value = tf.SparseTensorValue(np.array([[0, 1]]), np.array([5.0], np.float32), np.array([2, 2]))
    assert session.run(sparse, {sparse: value}).values.tolist() == [5.0]


@pytest.mark.parametrize(
    ("bad", "error"), [(None, TypeError), (3.5, TypeError), ("no:0", ValueError), ([None], TypeError)]
)
def test_bad_fetches(session: Session, bad: Any, error: type[Exception]) -> None:
    tf.constant(1)
    with pytest.raises(error, match="Fetch argument"):
        session.run(bad)


def test_tensors_of_another_graph_are_refused(session: Session) -> None:
    tf.constant(1)
    with tf.Graph().as_default():
        other = tf.constant(2.0)
    with pytest.raises(ValueError, match="is not an element of this graph"):
        session.run(other)
    with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor"):
        session.run("Const:0", {other: 1.0})


# --- feeds ----------------------------------------------------------------------------------------


def test_any_tensor_can_be_fed(session: Session) -> None:
    v = tf.Variable(1.0)
    middle = v * 10.0
    constant = tf.constant(4.0)
    assert session.run(middle + constant, {middle: 1.0, constant: 2.0}) == 3.0
    assert session.run(middle, {v: 7.0}) == 70.0  # no initialization is needed


@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (
            [[1.0, 2.0]],
            ValueError,
            r"Cannot feed value of shape \(1, 2\) for Tensor 'x:0', which has shape '\(\?, 3\)'",
        ),
        ([1.0], ValueError, "Cannot feed value of shape"),
        ([["a", "b", "c"]], ValueError, "Cannot feed"),
    ],
)
def test_bad_feeds(session: Session, value: Any, error: type[Exception], match: str) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    with pytest.raises(error, match=match):
        session.run(x + 1.0, {x: value})


def test_a_tensor_is_no_feed_and_large_integers_do_not_wrap(session: Session) -> None:
    x = tf.placeholder(tf.int32, [])
    with pytest.raises(TypeError, match="cannot be a tf.Tensor object"):
        session.run(x, {x: tf.constant(1)})
    with pytest.raises((TypeError, OverflowError)):
        session.run(x, {x: 2**40})


def test_an_unfed_placeholder_is_named(session: Session) -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="inputs")
    with pytest.raises(
        tf.errors.InvalidArgumentError, match="placeholder tensor 'inputs' with dtype float"
    ) as caught:
        session.run(x * 2.0)
    assert caught.value.op is x.op
    assert "test_session.py" in str(caught.value)


def test_shapes_fed_as_values(session: Session) -> None:
    shape = tf.placeholder(tf.int32, [2])
    filled = tf.fill(shape, 1.0) * tf.Variable(2.0).initial_value
    assert session.run(filled, {shape: [2, 3]}).shape == (2, 3)
    assert session.run(filled, {shape: [1, 4]}).shape == (1, 4)


# --- state ----------------------------------------------------------------------------------------


def test_reads_see_the_start_of_the_run(session: Session) -> None:
    v = counter(session, 1.0)
    update = tf.assign_add(v, 1.0)
    before, double, after = session.run([v + 0.0, v * 2.0, update])
    assert (before, double, after) == (1.0, 2.0, 2.0)


def test_control_edges_put_reads_after_writes(session: Session) -> None:
    v = counter(session, 1.0)
    with tf.control_dependencies([tf.assign_add(v, 1.0)]):
        read = v.read_value() * 1.0
        plain = v * 1.0
    assert session.run([read, plain]) == [2.0, 2.0]


def test_a_moving_average_after_a_step_sees_the_step(session: Session) -> None:
    v = tf.Variable(1.0)
    step = tf.train.GradientDescentOptimizer(1.0).minimize(v * 1.0)
    average = tf.train.ExponentialMovingAverage(0.5)
    with tf.control_dependencies([step]):
        apply = average.apply([v])
    session.run(tf.global_variables_initializer())
    session.run(apply)
    assert session.run([v, average.average(v)]) == [0.0, 0.5]


def test_uninitialized_variables_are_named(session: Session) -> None:
    v = tf.Variable([1.0], name="weights")
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value weights"):
        session.run(v + 1.0)


def test_a_failed_run_changes_nothing(session: Session) -> None:
    v = counter(session, 1.0)
    rows = tf.placeholder(tf.int32, [None])
    table = tf.Variable([1.0, 2.0, 3.0])
    session.run(table.initializer)
    picked = tf.reduce_sum(tf.gather(table, rows))
    step = tf.group(tf.assign_add(v, picked), tf.assign(table, table * 2.0))
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        session.run(step, {rows: [0, 7]})
    assert session.run(v) == 1.0 and session.run(table).tolist() == [1.0, 2.0, 3.0]
    session.run(step, {rows: [0, 1]})
    assert session.run(v) == 4.0 and session.run(table).tolist() == [2.0, 4.0, 6.0]


def test_sessions_share_nothing(graph: Any) -> None:
    v = tf.Variable(0)
    up = tf.assign_add(v, 1)
    with tf.Session() as one, tf.Session() as two:
        one.run(v.initializer)
        two.run(v.initializer)
        one.run(up)
        one.run(up)
        two.run(up)
        assert (one.run(v), two.run(v)) == (2, 1)


def test_fetched_arrays_are_the_caller_s_own(session: Session) -> None:
    v = tf.Variable(np.zeros(4, np.float32))
    session.run(v.initializer)
    first = session.run(v)
    first[:] = 9.0
    assert session.run(v).tolist() == [0.0] * 4
    kept = session.run(v)
    session.run(tf.assign_add(v, np.ones(4, np.float32)))
    assert kept.tolist() == [0.0] * 4


def test_fed_arrays_are_not_aliased(session: Session) -> None:
    x = tf.placeholder(tf.float32, [1000])
    v = tf.Variable(np.zeros(1000, np.float32))
    assign = tf.assign(v, x).op
    fed = np.ones(1000, np.float32)
    session.run(assign, {x: fed})
    fed[:] = 5.0
    assert session.run(v).tolist() == [1.0] * 1000


def test_threads_lose_no_update(session: Session) -> None:
    v = counter(session)
    up = tf.assign_add(v, 1.0).op

    def work() -> None:
        for _ in range(50):
            session.run(up)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert session.run(v) == 400.0


def test_a_stream_of_random_numbers_goes_on_when_the_tier_changes(graph: Any) -> None:
    x = tf.random_uniform([3], seed=5)
    alone, mixed = Session(tier="interpret"), Session(tier="interpret")
    want = [alone.run(x).tolist() for _ in range(4)]
    got = [mixed.run(x).tolist() for _ in range(2)]
    mixed._tier = "compile"
    mixed._entries.clear()
    got += [mixed.run(x).tolist() for _ in range(2)]
    assert got == want


# --- the session itself ---------------------------------------------------------------------------


def test_closed_and_empty_sessions(graph: Any) -> None:
    with pytest.raises(RuntimeError, match="graph is empty"):
        tf.Session().run("x")
    x = tf.constant(1)
    with tf.Session() as session:
        pass
    with pytest.raises(RuntimeError, match="closed Session"):
        session.run(x)


def test_default_sessions(graph: Any) -> None:
    x = tf.constant(3)
    with pytest.raises(ValueError, match="No default session"):
        x.eval()
    session = tf.InteractiveSession()
    assert x.eval() == 3 and tf.get_default_session() is session
    session.close()
    assert tf.get_default_session() is None


def test_make_callable(session: Session) -> None:
    x = tf.placeholder(tf.float32, [])
    call = session.make_callable(x + 1.0, [x])
    assert call(2.0) == 3.0
    with pytest.raises(TypeError, match="takes 1 fed values"):
        call()


def test_a_cycle_is_reported(session: Session) -> None:
    a = tf.identity(tf.constant(1.0), name="a")
    b = tf.identity(a, name="b")
    a.op._update_input(0, b)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cycle"):
        session.run(b)


def test_deep_graphs_need_no_recursion(graph: Any) -> None:
    x = tf.Variable(0.0)
    y = x * 1.0
    for _ in range(5000):
        y = y + 1.0
    with Session(tier="interpret") as session:
        session.run(x.initializer)
        assert session.run(y) == 5000.0
        assert session.run(tf.gradients(y, x)) == [1.0]


def test_host_nodes_in_the_middle(session: Session) -> None:
    x = tf.placeholder(tf.float32, [None])
    doubled = tf.py_func(lambda a: a * 2, [x * 3.0], tf.float32)
    found = tf.where(tf.greater(doubled, 10.0))
    rest = tf.reduce_sum(tf.gather_nd(doubled, found) + 1.0)
    assert session.run(rest, {x: [1.0, 2.0, 3.0]}) == 12.0 + 18.0 + 2.0


def test_changing_the_graph_between_runs(session: Session) -> None:
    v = counter(session, 1.0)
    read = v.read_value()
    assert session.run(read) == 1.0
    read.op._add_control_input(tf.assign(v, 5.0).op)
    assert session.run(read) == 5.0


def test_global_jit_level_chooses_the_tier(graph: Any) -> None:
    config = tf.ConfigProto(allow_soft_placement=True)
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    assert tf.Session(config=config)._tier == "compile"
    with pytest.raises(TypeError, match="config must be a tf.ConfigProto"):
        tf.Session(config="fast")
    with pytest.raises(ValueError, match="tier must be one of"):
        Session(tier="fast")


def test_plans_of_a_graph_whose_nodes_changed_are_let_go() -> None:
    x = tf.placeholder(tf.float32, [None])
    y, z = x * 2.0, x + 1.0
    with tf.Session() as session:
        session.run(y, {x: [1.0]})
        before = weakref.ref(y.graph.runtime["executables"][(y, (x,), y.graph.mutations)])
        z.set_shape([1])
        assert session.run(y, {x: [3.0]}).tolist() == [6.0]
        assert session.run(z, {x: [3.0]}).tolist() == [4.0]
        gc.collect()
        assert before() is None
