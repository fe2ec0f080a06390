"""Candidate samplers beyond the table: both kernels alike, weights from files, lookups' sparse gradients."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.graph import scopes
from reflow.graph.calls import Calls
from reflow.ops import candidate_kernels as kernels
from reflow.ops import philox
from reflow.runtime import backend
from reflow.runtime.session import Session

RANGED = {
    "uniform": kernels.ranged_kernel(kernels.uniform_below, kernels.uniform_chance),
    "log_uniform": kernels.ranged_kernel(kernels.log_uniform_below, kernels.log_uniform_chance),
    "learned": kernels.learned_kernel,
}


class Both:
    """A sampler's kernel on NumPy arrays and compiled by XLA, there with few candidates `in_turn` or not."""

    def __init__(self, kind: str, num_true: int, in_turn: bool = False, **attrs: Any) -> None:
        self.plain = functools.partial(RANGED[kind], np, num_true=num_true, **attrs)
        traced = functools.partial(RANGED[kind], backend.jnp(), num_true=num_true, **attrs)

        def compiled(state: Any, true: Any) -> Any:
            with scopes.foreign.pushed(Calls() if in_turn else None):
                return traced(state, true)

        self.compiled = backend.jax().jit(compiled)

    def __call__(self, state: Any, true: Any) -> tuple[Any, Any]:
        with np.errstate(over="ignore"):
            return self.plain(state, true), [np.asarray(x) for x in self.compiled(state, true)]


CASES = [
    *[
        ("log_uniform", *case)
        for case in ((1, 1, True), (40, 40, True), (264, 280, True), (300, 320, True), (9, 70, False))
    ],
    *[
        ("uniform", *case)
        for case in ((7, 9, True), (300, 320, True), (5, 2**62 + 3, True), (5, 2**62 + 3, False))
    ],
    *[("learned", *case) for case in ((1, 1, True), (40, 40, True), (9, 70, False))],
]


@pytest.mark.parametrize("in_turn", [False, True])
@pytest.mark.parametrize(("kind", "count", "limit", "unique"), CASES)
def test_numpy_and_xla_draw_the_same(kind: str, count: int, limit: int, unique: bool, in_turn: bool) -> None:
    """One block or many (all of few classes), compared or sorted, with rejected words (2**62 + 3)."""
    true = np.array([[0], [limit - 1]])
    attrs = {"num_sampled": count, "unique": unique, "range_max": limit}
    state = philox.initial_state(3, count)
    if kind == "learned":
        state = kernels.initial_counts({"seed": 3, "seed2": count, **attrs})
    both = Both(kind, 1, in_turn, **attrs)
    for _ in range(3):
        plain, traced = both(state, true)
        for number, (a, b) in enumerate(zip(plain, traced, strict=True)):
            assert a.dtype == b.dtype
            if a.dtype.kind == "f":
                np.testing.assert_allclose(a, b, rtol=2e-7, err_msg=str(number))
            else:
                np.testing.assert_array_equal(a, b, err_msg=str(number))
        state, drawn = plain[0], plain[1]
        assert drawn.min() >= 0
        assert drawn.max() < limit
        assert not unique or len(set(drawn.tolist())) == count


def test_learned_counts_stop_at_the_greatest_int32() -> None:
    attrs = {"seed": 1, "seed2": 1, "range_max": 4}
    state = kernels.initial_counts(attrs)
    tree = state[kernels.WORDS :]
    tree[[4, 2, 1]] += np.uint32(2**31 - 2 - 4)
    true = np.array([[1], [2], [3]])
    attrs = {"num_sampled": 2, "unique": False, "range_max": 4}
    for result in Both("learned", 1, **attrs)(state, true):
        after = result[0][kernels.WORDS :]
        assert after[1] == 2**31 - 1
        assert after[[5, 6, 7]].tolist() == [2, 1, 1]


def test_learned_counts_belong_to_the_session() -> None:
    classes = tf.constant([[2], [2]], tf.int64)
    counts = tf.nn.learned_unigram_candidate_sampler(classes, 1, 1, False, 4).true_expected_count
    for _ in range(2):
        with tf.Session() as session:
            seen = [float(session.run(counts)[0, 0]) for _ in range(3)]
        assert seen == [0.25, 0.5, np.float32(5 / 8)]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_a_true_class_that_is_none(tier: str) -> None:
    """TensorFlow 1.15 reads whatever lies there in memory."""
    true = tf.placeholder(tf.int64, [None, 1])
    drawn = tf.nn.learned_unigram_candidate_sampler(true, 1, 2, False, 4)
    with Session(tier=tier) as session:
        for bad in (-1, 4):
            with pytest.raises(
                tf.errors.InvalidArgumentError, match=rf"out of range \[0, 4\), received {bad}"
            ):
                session.run(drawn, {true: [[1], [bad]]})
        assert session.run(drawn, {true: [[1]]}).true_expected_count.tolist() == [[0.5]]


# Weights from files


def fixed(path: Path, count: int, **options: Any) -> Any:
    classes = tf.constant([[0], [1]], tf.int64)
    return tf.nn.fixed_unigram_candidate_sampler(
        classes, 1, 20, False, count, vocab_file=str(path), seed=4, **options
    )


def test_weights_from_a_file_are_those_of_a_list(tmp_path: Path) -> None:
    path = tmp_path / "words.csv"
    path.write_text("the,5\nof, a comma,2.5\n1e0\nä,0\n", encoding="utf8")
    classes = tf.constant([[0], [1]], tf.int64)
    options = {"distortion": 0.75, "num_reserved_ids": 1}
    same = tf.nn.fixed_unigram_candidate_sampler(
        classes, 1, 20, False, 5, unigrams=[5.0, 2.5, 1.0, 0.0], seed=4, **options
    )
    with tf.Session() as session:
        found, wanted = session.run([fixed(path, 5, **options), same])
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)
    assert set(found.sampled_candidates) <= {1, 2, 3}
    assert found.true_expected_count[0, 0] == 0


def test_errors_of_given_weights(tmp_path: Path) -> None:
    """TensorFlow 1.15 ends the process for the first three."""
    path = tmp_path / "words.csv"
    path.write_text("a,1\nb,many\n")
    cases: list[tuple[Any, type[Exception], str]] = [
        (fixed(tmp_path / "none", 2), tf.errors.NotFoundError, "No such file"),
        (fixed(path, 2), tf.errors.InvalidArgumentError, "format at line: b,many"),
        (given(3, [1.0, 2.0]), tf.errors.InvalidArgumentError, "range is 3 must be equal to weights size  2"),
        (given(2, [0.0, 0.0]), tf.errors.InvalidArgumentError, "not all 0"),
        (given(2, [-1.0, 2.0]), tf.errors.InvalidArgumentError, "0 or more"),
        (given(3, [1.0, 2.0, 0.0], 3), tf.errors.InvalidArgumentError, "2 classes have a weight: 3 cannot"),
    ]
    with tf.Session() as session:
        for sampled, kind, match in cases:
            with pytest.raises(kind, match=match) as caught:
                session.run(sampled)
            assert caught.value.op is sampled.sampled_candidates.op


def given(count: int, weights: list[float], unique: int = 0) -> Any:
    classes = tf.constant([[0]], tf.int64)
    return tf.nn.fixed_unigram_candidate_sampler(
        classes, 1, unique or 4, bool(unique), count, unigrams=weights, seed=4
    )


# Gradients of lookups of sparse ids


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize("combiner", ["sum", "mean", "sqrtn"])
def test_the_gradient_of_a_weighted_lookup(combiner: str, tier: str) -> None:
    """The share of each id's vector in its row, for a variable whose gradient stays sparse."""
    ids, weights = [2, 0, 2], np.array([1.0, 3.0, 0.5], np.float32)
    rows = [[0, 0], [0, 1], [1, 0]]
    vectors = tf.Variable(tf.ones([4, 2]))
    looked = tf.nn.embedding_lookup_sparse(
        vectors,
        tf.SparseTensor(rows, tf.constant(ids, tf.int64), [2, 2]),
        tf.SparseTensor(rows, weights, [2, 2]),
        combiner=combiner,
    )
    with pytest.warns(UserWarning, match="unknown shape"):
        gradient = tf.gradients(looked, vectors)[0]
    assert isinstance(gradient, tf.IndexedSlices)
    scale = {
        "sum": np.ones(3),
        "mean": np.array([4.0, 4.0, 0.5]),
        "sqrtn": np.sqrt([10.0, 10.0, 0.25]),
    }[combiner]
    wanted = np.zeros((4, 2))
    np.add.at(wanted, ids, (weights / scale)[:, None])
    with Session(tier=tier) as session:
        session.run(vectors.initializer)
        found = session.run(gradient)
    dense = np.zeros((4, 2))
    np.add.at(dense, found.indices, found.values)
    np.testing.assert_allclose(dense, wanted, rtol=1e-6)


@pytest.mark.parametrize("rows", [(4,), (5, 7), (256,)])
@pytest.mark.parametrize("resource", [False, True])
def test_rows_of_a_large_table(rows: tuple[int, ...], resource: bool) -> None:
    """XLA gathers some rows of a large table in two halves, which overlap for an odd number."""
    values = np.arange(3000 * 64, dtype=np.float32).reshape(3000, 4, 16)
    with tf.Graph().as_default():
        table = tf.get_variable("table", initializer=values, use_resource=resource)
        ids = tf.placeholder(tf.int32, [None] * len(rows))
        found = tf.nn.embedding_lookup(table, ids)
        with tf.Session(tier="compile") as sess:
            sess.run(table.initializer)
            fed = np.random.RandomState(0).randint(0, 3000, rows)
            assert np.array_equal(sess.run(found, {ids: fed}), values[fed])
            fed.flat[-1] = 3000
            with pytest.raises(tf.errors.InvalidArgumentError, match=r"= 3000 is not in \[0, 3000\)"):
                sess.run(found, {ids: fed})
