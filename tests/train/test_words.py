"""Word vectors and other sparse steps: TensorFlow's nodes and numbers, one program, nothing copied."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.runtime.session import Session

from . import FAMILIES, harness
from .scenarios_words import OPTIMIZERS

SCENARIOS = FAMILIES["words"]


@functools.cache
def recordings() -> dict[str, Any]:
    return harness.load("words")


@pytest.mark.joint
@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("name", sorted(SCENARIOS.builds))
def test_scenario(name: str, tier: str) -> None:
    make_session = functools.partial(Session, tier=tier)
    harness.check(tf, SCENARIOS, name, recordings()[name], make_session)


def sampling(graph: tf.Graph) -> Any:
    """What the runtime keeps of the one run that draws candidates."""
    (found,) = (
        e
        for e in graph.runtime["executables"].values()
        if any(s.node.type == "LogUniformCandidateSampler" for s in e.plan.steps)
    )
    return found


class Words:
    """A step of skip-gram with centers and targets fed."""

    def __init__(self, optimizer: str, rows: int = 5000, size: int = 8, **options: Any) -> None:
        tf.set_random_seed(1)
        self.centers = tf.placeholder(tf.int32, [None])
        self.targets = tf.placeholder(tf.int64, [None, 1])
        self.vectors = tf.get_variable("vectors", [rows, size])
        self.weights = tf.get_variable("weights", [rows, size])
        self.biases = tf.get_variable("biases", initializer=tf.zeros([rows]))
        inputs = tf.nn.embedding_lookup(self.vectors, self.centers)
        loss = tf.nn.nce_loss(
            self.weights, self.biases, self.targets, inputs, num_sampled=8, num_classes=rows, **options
        )
        self.loss = tf.reduce_mean(loss)
        self.step = OPTIMIZERS[optimizer](tf).minimize(self.loss)

    def feed(self, centers: list[int], targets: list[int]) -> dict[Any, Any]:
        return {self.centers: centers, self.targets: np.reshape(targets, (-1, 1))}

    def run(self, session: Any, centers: list[int], targets: list[int]) -> Any:
        return session.run([self.loss, self.step], self.feed(centers, targets))[0]


@pytest.mark.parametrize("hits", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adagrad", "adam"])
def test_a_step_is_one_program_whatever_the_ids(optimizer: str, hits: bool) -> None:
    """No host step between, and no other program for another number of distinct ids."""
    with tf.Graph().as_default() as graph, Session(tier="compile") as session:
        words = Words(optimizer, rows=50, remove_accidental_hits=hits)
        session.run(tf.global_variables_initializer())
        for targets in ([1, 2, 3, 4], [1, 1, 1, 1], [4, 4, 2, 1]):
            words.run(session, [5, 5, 6, 7], targets)
        run = sampling(graph)
        assert [s.host for s in run.segments] == [False]
        ((program,),) = run.programs.values()
        assert program.call._cache_size() == 1


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adagrad", "rmsprop"])
def test_no_copy_of_a_table(optimizer: str) -> None:
    """What the program needs beside its arguments is far less than one matrix."""
    with tf.Graph().as_default() as graph, Session(tier="compile") as session:
        words = Words(optimizer, rows=20_000)
        session.run(tf.global_variables_initializer())
        words.run(session, [5, 5, 6, 7], [1, 2, 3, 4])
        run = sampling(graph)
        ((program,),) = run.programs.values()
        compiled = program.call.lower(*arguments(program, run, session)).compile()
        table = 20_000 * 8 * 4
        used = compiled.memory_analysis()
        assert used.temp_size_in_bytes < table / 4
        assert used.alias_size_in_bytes > 2 * table


def arguments(program: Any, run: Any, session: Any) -> list[Any]:
    """Arrays like those that a program is called with."""
    import jax

    tensors = {place: t for t, place in run.plan.index.items() if isinstance(t, tf.Tensor)}
    slots = dict(run.plan.slots.values())
    result = []
    for place in program.arguments:
        if place in slots:
            shape = slots[place].attrs.get("shape")
            kind = np.float32 if shape is not None else np.uint32
            result.append(jax.ShapeDtypeStruct(tuple(shape.as_list()) if shape is not None else (6,), kind))
        elif place in run.plan.constants:
            result.append(run.plan.constants[place])
        else:
            shape = (4,) if tensors[place].shape.ndims == 1 else (4, 1)
            result.append(jax.ShapeDtypeStruct(shape, tensors[place].dtype.as_numpy_dtype))
    return result


@pytest.mark.joint
@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
def test_an_id_out_of_range_changes_nothing(optimizer: str, tier: str) -> None:
    with tf.Graph().as_default(), Session(tier=tier) as session:
        words = Words(optimizer, rows=50)
        session.run(tf.global_variables_initializer())
        words.run(session, [5, 5, 6, 7], [1, 2, 3, 4])
        before = session.run(tf.global_variables())
        for centers, targets, match in (
            ([5, 50, 6, 7], [1, 2, 3, 4], r"indices\[1\] = 50 is not in \[0, 50\)"),
            ([5, 5, 6, 7], [1, 2, -1, 4], r"indices\[2\] = -1 is not in \[0, 50\)"),
        ):
            with pytest.raises(tf.errors.InvalidArgumentError, match=match):
                words.run(session, centers, targets)
            for old, new in zip(before, session.run(tf.global_variables()), strict=True):
                np.testing.assert_array_equal(old, new)
        assert np.isfinite(words.run(session, [5, 5, 6, 7], [1, 2, 3, 4]))


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_of_two_scatters_neither_counts_when_one_fails(tier: str) -> None:
    with tf.Graph().as_default(), Session(tier=tier) as session:
        a, b, dense = (tf.Variable(tf.zeros([4])) for _ in range(3))
        i, j = tf.placeholder(tf.int32, [2]), tf.placeholder(tf.int32, [2])
        ones = tf.ones([2])
        both = tf.group(
            tf.scatter_add(a, i, ones).op, tf.scatter_sub(b, j, ones).op, dense.assign_add([1.0] * 4).op
        )
        session.run(tf.global_variables_initializer())
        for first, second in (([0, 1], [2, 4]), ([0, -1], [2, 3])):
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[1\] = (4|-1) is not in"):
                session.run(both, {i: first, j: second})
            for value in session.run([a, b, dense]):
                assert not value.any()
        session.run(both, {i: [0, 0], j: [3, 1]})
        assert session.run(a).tolist() == [2, 0, 0, 0]
        assert session.run(b).tolist() == [0, -1, 0, -1]
        assert session.run(dense).tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_an_index_out_of_range_in_rows_that_a_program_makes(tier: str) -> None:
    """No gather has looked at these: the update itself must."""
    with tf.Graph().as_default(), Session(tier=tier) as session:
        x = tf.Variable(tf.ones([4, 2]))
        i = tf.placeholder(tf.int32, [3])
        rows = tf.IndexedSlices(tf.ones([3, 2]), i, tf.constant([4, 2]))
        step = tf.train.MomentumOptimizer(0.5, 0.9).apply_gradients([(rows, x)])
        session.run(tf.global_variables_initializer())
        for bad in (4, -1, np.iinfo(np.int32).min):
            with pytest.raises(tf.errors.InvalidArgumentError, match=f"{bad}"):
                session.run(step, {i: [1, bad, 1]})
            assert (session.run(x) == 1).all()
        session.run(step, {i: [1, 2, 1]})
        assert session.run(x).tolist() == [[1, 1], [0, 0], [0.5, 0.5], [1, 1]]


def test_distinct_ids_that_are_looked_at_are_not_padded() -> None:
    with tf.Graph().as_default(), Session(tier="compile") as session:
        ids = tf.placeholder(tf.int32, [None])
        x = tf.Variable(tf.zeros([9]))
        distinct, _ = tf.unique(ids)
        step = tf.scatter_add(x, distinct, tf.ones_like(distinct, dtype=tf.float32))
        session.run(x.initializer)
        found, _ = session.run([distinct, step.op], {ids: [3, 3, 1]})
        assert found.tolist() == [3, 1]
        assert session.run(x).tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 0]


@pytest.mark.parametrize("count", [5, 700])
def test_rows_of_many_equal_ids_are_added_up_in_their_order(count: int) -> None:
    """By comparison for few ids, by sorting for many: the numbers are those of NumPy to the bit."""
    rng = np.random.RandomState(count)
    ids, rows = rng.randint(0, 7, count), rng.standard_normal((count, 3)).astype(np.float32)
    results = []
    for tier in ("interpret", "compile"):
        with tf.Graph().as_default(), Session(tier=tier) as session:
            x = tf.Variable(tf.zeros([9, 3]))
            fed, values = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.float32, [None, 3])
            slices = tf.IndexedSlices(values, fed, tf.constant([9, 3]))
            step = tf.train.MomentumOptimizer(1.0, 0.0).apply_gradients([(slices, x)])
            session.run(tf.global_variables_initializer())
            session.run(step, {fed: ids, values: rows})
            results.append(session.run(x))
    np.testing.assert_array_equal(*results)
