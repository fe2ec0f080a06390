"""Merged summaries in a run that changes variables: which values they show, and what goes wrong in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.graph.graph import emit
from reflow.runtime.session import Session

TIERS = pytest.mark.parametrize("tier", ["interpret", "compile"])


def histograms(summary: bytes) -> dict[str, float]:
    """Tag -> sum of the histogram."""
    return {value.tag: value.histo.sum for value in tf.Summary.FromString(summary).value}


def started(tier: str) -> Any:
    session = Session(tier=tier)
    session.run(tf.global_variables_initializer())
    return session


@TIERS
def test_parts_are_merged_as_if_each_were_encoded_alone(tier: str) -> None:
    x = tf.placeholder(tf.float32, [None, 3])
    parts = [
        tf.summary.histogram("all", x),
        tf.summary.scalar("mean", tf.reduce_mean(x)),
        tf.summary.histogram("large", tf.tile(x, [20, 1])),
        tf.summary.scalar("count", tf.size(x)),
        tf.summary.histogram("whole", tf.cast(x, tf.int32)),
    ]
    merged = tf.summary.merge(parts)
    session = started(tier)
    for rows in (1, 4):
        feed = {x: np.random.default_rng(rows).normal(size=[rows, 3]) * 10}
        assert session.run(merged, feed) == b"".join(session.run(parts, feed))
        one, whole = session.run([parts[0], merged], feed)  # a part that is looked at stays a part
        assert whole.startswith(one)


@TIERS
def test_a_histogram_shows_the_variable_before_the_step_unless_an_edge_says_otherwise(tier: str) -> None:
    v = tf.Variable([1.0, 2.0], name="v")
    plain = tf.summary.histogram("before", v)
    step = v.assign_add([10.0, 10.0])
    with tf.control_dependencies([step]):
        edge = tf.summary.histogram("after", v)
    merged = tf.summary.merge([plain, edge])
    session = started(tier)
    for done in range(4):
        assert histograms(session.run([merged, step])[0]) == {
            "before": 3 + 20 * done,
            "after": 23 + 20 * done,
        }
    assert session.run(v).tolist() == [41, 42]


@TIERS
def test_a_step_that_waits_for_a_histogram(tier: str) -> None:
    v = tf.Variable([1.0, 2.0])
    shown = tf.summary.histogram("v", v)
    with tf.control_dependencies([shown]):
        step = v.assign(v * 2.0)
    session = started(tier)
    assert [histograms(session.run([shown, step.op])[0])["v"] for _ in range(3)] == [3, 6, 12]


@TIERS
def test_host_steps_read_copies_of_large_variables_and_of_all_types(tier: str) -> None:
    kinds = [tf.float64, tf.int32, tf.int64, tf.float16]
    variables = [tf.Variable(tf.ones([300, 5], kind), name="v") for kind in kinds]
    merged = tf.summary.merge([tf.summary.histogram("h", v) for v in variables])
    step = tf.group(*[tf.assign_add(v, tf.ones([300, 5], v.dtype.base_dtype)) for v in variables])
    session = started(tier)
    for done in (1, 2, 3):
        assert set(histograms(session.run([step, merged])[1]).values()) == {1500.0 * done}


@TIERS
def test_an_uninitialized_variable_is_told(tier: str) -> None:
    v = tf.Variable([1.0], name="fresh")
    merged = tf.summary.merge([tf.summary.histogram("h", v)])
    with pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value fresh"):
        Session(tier=tier).run([v.assign_add([1.0]).op, merged])


@TIERS
@pytest.mark.parametrize(("value", "what"), [(np.nan, "Nan"), (np.inf, "Infinity")])
def test_a_histogram_of_what_is_no_number_names_its_node(tier: str, value: float, what: str) -> None:
    x = tf.placeholder(tf.float32, [2])
    merged = tf.summary.merge([tf.summary.scalar("s", x[0]), tf.summary.histogram("scope/h", x)])
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=f"{what} in summary histogram for: scope/h"
    ) as e:
        started(tier).run(merged, {x: [1.0, value]})
    assert e.value.op.name == "scope/h"


@TIERS
def test_a_scalar_of_another_rank_names_its_node_and_tag(tier: str) -> None:
    x = tf.placeholder(tf.float32)
    merged = tf.summary.merge([tf.summary.scalar("loss", x), tf.summary.histogram("h", x)])
    session = started(tier)
    assert session.run(merged, {x: 1.0})
    message = r"tags and values not the same shape: \[\] != \[1\] \(tag 'loss'\)"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message) as error:
        session.run(merged, {x: [1.0]})
    assert error.value.op.name == "loss"


@TIERS
def test_tags_that_are_fed_or_occur_twice(tier: str) -> None:
    tag = tf.placeholder_with_default("a", [])
    parts = [emit("ScalarSummary", each, 1.0) for each in (tag, tf.constant("b"))]
    merged = tf.summary.merge(parts)
    session = started(tier)
    assert [v.tag for v in tf.Summary.FromString(session.run(merged, {tag: "c"})).value] == ["c", "b"]
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag b found in summary inputs"):
        session.run(merged, {tag: "b"})


@TIERS
def test_effects_beside_a_failing_summary_happen_once(tier: str) -> None:
    seen: list[float] = []
    x = tf.placeholder(tf.float32, [])
    note = tf.py_func(seen.append, [x], [])
    merged = tf.summary.merge([tf.summary.histogram("h", x)])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Nan in summary histogram for: h"):
        started(tier).run([merged, *note] if isinstance(note, list) else [merged, note], {x: np.nan})
    assert len(seen) <= 1


@pytest.mark.parametrize("make", [tf.summary.scalar, tf.summary.histogram, tf.summary.image])
def test_a_summary_needs_a_name(make: Any) -> None:
    with pytest.raises(ValueError, match="'' is not a valid node name"):
        make("", tf.zeros([]))
