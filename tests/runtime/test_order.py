"""In which order a run computes, and when a variable is read."""

from __future__ import annotations

from typing import Any

import pytest

import reflow as tf


@pytest.fixture(params=[False, True], ids=["reference", "resource"])
def variable(request: pytest.FixtureRequest) -> Any:
    return lambda value, **options: tf.Variable(value, use_resource=request.param, **options)


def test_a_value_computed_before_the_update(session: Any, variable: Any) -> None:
    v = variable(1.0)
    square = v * v
    with tf.control_dependencies([square]):
        update = v.assign_add(10.0)
    sess = session()
    assert sess.run([square, update]) == [1, 11]
    assert sess.run([update, square]) == [21, 121]


def test_reads_without_an_edge_come_before_writes(session: Any, variable: Any) -> None:
    v = variable(1.0)
    update = v.assign_add(10.0)
    square = v * v  # made after the update, and still reads the state at the start
    sess = session()
    assert sess.run([update.op, square]) == [None, 1]
    assert sess.run([square, update.op]) == [121, None]


def test_reads_after_the_update_by_an_edge(session: Any, variable: Any) -> None:
    v = variable(1.0)
    update = v.assign_add(10.0)
    with tf.control_dependencies([update]):
        after = tf.identity(v.read_value()) * 2
    sess = session()
    assert sess.run(after) == 22
    assert sess.run([after, update]) == [42, 21]


def test_control_edges_pass_through_nodes_that_do_nothing(session: Any, variable: Any) -> None:
    v = variable(1.0)
    update = v.assign_add(10.0)
    with tf.control_dependencies([tf.group(update)]), tf.control_dependencies([tf.no_op()]):
        after = v.read_value() + 0
    assert session().run(after) == 11


def test_a_chain_of_assignments(session: Any, variable: Any) -> None:
    v = variable(0)
    ops: list[Any] = []
    for factor in range(1, 6):
        with tf.control_dependencies(ops[-1:]):
            ops.append(v.assign(v.read_value() * 2 + factor))
    sess = session()
    sess.run(ops[-1].op)
    assert sess.run(v) == (((((0 + 1) * 2 + 2) * 2 + 3) * 2 + 4) * 2 + 5)


def test_chained_reference_assignments(session: Any) -> None:
    v = tf.Variable(1.0)
    last = tf.assign_add(tf.assign(tf.assign_add(v, 1.0), 10.0), 5.0)
    sess = session()
    assert sess.run(last) == 15
    assert sess.run(v) == 15


def test_fetching_a_variable_beside_its_update(session: Any) -> None:
    """A reference variable comes as the run leaves it: programs print `run([train, global_step])`."""
    v, w = tf.Variable(1.0), tf.Variable(1.0, use_resource=True)
    add, put = tf.group(v.assign_add(1.0), w.assign_add(1.0)), tf.group(v.assign(v * 10), w.assign(w * 10))
    sess = session()
    assert sess.run([v, w, add])[:2] == [2, 1]
    assert sess.run([add, v, w, v * 1]) == [None, 3, 2, 2]
    assert sess.run([put, {"v": v}]) == [None, {"v": 30}]
    assert sess.run([v, w]) == [30, 30]


def test_two_unordered_updates_both_happen(session: Any, variable: Any) -> None:
    v = variable(1.0)
    double, add = v.assign(v * 2), v.assign_add(10.0)
    sess = session()
    sess.run([double.op, add.op])
    assert sess.run(v) in (12, 2, 22)  # any order, but the same in each run and tier
    assert sess.run(v) == sess.run(v)


def test_a_swap(session: Any, variable: Any) -> None:
    a, b = variable([1.0]), variable([2.0])
    old_a, old_b = tf.identity(a), tf.identity(b)
    with tf.control_dependencies([old_a, old_b]):
        swap = tf.group(a.assign(old_b), b.assign(old_a))
    sess = session()
    for wanted in ([[2], [1]], [[1], [2]], [[2], [1]]):
        sess.run(swap)
        assert sess.run([a, b]) == wanted


def test_variables_made_of_each_other_stay_apart(session: Any, variable: Any) -> None:
    a, b = variable([0.0] * 500), variable([1.0] * 500)
    copy, add = b.assign(a), a.assign_add([1.0] * 500)
    sess = session()
    for n in range(3):
        sess.run(copy.op)
        sess.run(add.op)
        assert [x[0] for x in sess.run([a, b])] == [n + 1, n]


def test_initial_values_in_order(session: Any, variable: Any) -> None:
    a = variable(3.0)
    b = variable(a.initialized_value() * 2)
    assert session().run([a, b]) == [3, 6]


def test_a_cycle(session: Any) -> None:
    a = tf.identity(tf.constant(1.0), name="a")
    b = tf.identity(a, name="b")
    a.op._update_input(0, b)
    with pytest.raises(tf.errors.InvalidArgumentError, match="cycle.*'a'"):
        session().run(b)


def test_a_control_cycle_elsewhere_does_not_matter() -> None:
    a, b = tf.no_op(name="a"), tf.no_op(name="b")
    a._add_control_input(b)
    b._add_control_input(a)
    sess = tf.Session()
    assert sess.run(tf.constant(1)) == 1
    with pytest.raises(tf.errors.InvalidArgumentError, match="cycle"):
        sess.run(a)
