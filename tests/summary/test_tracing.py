"""Traced runs, timelines, and the search for NaN."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from reflow.python.client import timeline

import reflow as tf
from reflow.graph import scopes
from reflow.runtime import tracing
from reflow.runtime.session import Session

FULL = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
FEED = np.ones([10, 3], np.float32)


@pytest.fixture
def model() -> dict[str, Any]:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.Variable(np.full([3, 2], 0.5, np.float32), name="w")
    y = tf.matmul(x, w, name="y")
    loss = tf.reduce_sum(y, name="loss")
    train = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="train")
    return {"x": x, "w": w, "loss": loss, "train": train}


def traced(session: Any, fetches: Any, feed: Any, options: Any = FULL) -> tuple[Any, Any]:
    found = tf.RunMetadata()
    return session.run(fetches, feed, options=options, run_metadata=found), found


def nodes_of(metadata: Any) -> dict[str, Any]:
    return {n.node_name: n for n in metadata.step_stats.dev_stats[0].node_stats}


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_a_traced_step_is_a_step(model: dict[str, Any], tier: str) -> None:
    session, plain = Session(tier=tier), Session(tier=tier)
    feed = {model["x"]: FEED}
    for s in (session, plain):
        s.run(tf.global_variables_initializer())
    for _ in range(2):
        (_, loss), _ = traced(session, [model["train"], model["loss"]], feed)
        assert loss == plain.run([model["train"], model["loss"]], feed)[1]
    assert session.run([model["train"], model["loss"]], feed)[1] == session.run(model["loss"], feed) + 60.0
    np.testing.assert_allclose(session.run(model["w"]), 0.5 - 3 * 1.0, rtol=1e-6)


def test_times_and_memory_of_nodes(model: dict[str, Any]) -> None:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    _, found = traced(session, [model["train"], model["loss"]], {model["x"]: FEED})
    (device,) = found.step_stats.dev_stats
    assert device.device == "/job:localhost/replica:0/task:0/device:CPU:0"
    nodes = nodes_of(found)
    assert {"w", "y", "loss", "gradients/y_grad/MatMul_1"} <= set(nodes)
    y = nodes["y"]
    assert y.timeline_label == "y = MatMul(x, w/read)"
    assert y.all_end_rel_nanos > 0 and y.all_end_rel_micros >= 1 and y.all_start_micros > 1e15
    assert y.memory[0].total_bytes == 80
    description = y.output[0].tensor_description
    assert [d.size for d in description.shape.dim] == [10, 2] and description.dtype == 1
    assert description.allocation_description.requested_bytes == 80
    starts = [n.all_start_nanos for n in device.node_stats]
    assert starts == sorted(starts)


def test_compiled_segments_have_a_time(model: dict[str, Any]) -> None:
    session = Session(tier="compile")
    session.run(tf.global_variables_initializer())
    feed = {model["x"]: FEED}
    for _ in range(2):
        session.run([model["train"], model["loss"]], feed)
    before = session.run(model["w"])
    _, found = traced(session, [model["train"], model["loss"]], feed)
    assert found.step_stats.dev_stats[1].device.endswith("XLA")
    (segment,) = found.step_stats.dev_stats[1].node_stats
    assert segment.node_name.startswith("XLA segment") and segment.all_end_rel_nanos > 0
    np.testing.assert_allclose(session.run(model["w"]), before - 1.0, rtol=1e-6)  # one step, not two


def test_partition_graphs_and_clearing(model: dict[str, Any]) -> None:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    options = tf.RunOptions(output_partition_graphs=True)
    _, found = traced(session, model["loss"], {model["x"]: FEED}, options)
    names = [n.name for n in found.partition_graphs[0].node]
    assert names == ["x", "w", "w/read", "y", "Const", "loss"]
    assert not found.step_stats.dev_stats
    session.run(model["loss"], {model["x"]: FEED}, run_metadata=found)
    assert found == tf.RunMetadata()


def test_wrong_messages(model: dict[str, Any]) -> None:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    with pytest.raises(TypeError, match=r"options must be a tf\.RunOptions, but got int"):
        session.run(model["w"], options=3)
    with pytest.raises(TypeError, match=r"run_metadata must be a tf\.RunMetadata, but got dict"):
        session.run(model["w"], run_metadata={})


def test_an_error_in_a_traced_run_changes_nothing(model: dict[str, Any]) -> None:
    session = tf.Session()
    with pytest.raises(tf.errors.FailedPreconditionError, match="w"):
        traced(session, model["loss"], {model["x"]: FEED})
    session.run(tf.global_variables_initializer())
    checked = tf.group(model["train"], tf.check_numerics(model["x"], "the feed"))
    with pytest.raises(tf.errors.InvalidArgumentError, match="the feed"):
        traced(session, checked, {model["x"]: FEED * np.nan})
    np.testing.assert_array_equal(session.run(model["w"]), 0.5)


def test_a_timeline(model: dict[str, Any]) -> None:
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    _, found = traced(session, [model["train"], model["loss"]], {model["x"]: FEED})
    made = timeline.Timeline(found.step_stats)
    trace = json.loads(made.generate_chrome_trace_format(show_memory=True))["traceEvents"]
    processes = [e["args"]["name"] for e in trace if e["name"] == "process_name"]
    device = "/job:localhost/replica:0/task:0/device:CPU:0"
    assert processes == ["Allocators", f"{device} Compute", f"{device} Tensors"]
    (matmul,) = [e for e in trace if e["ph"] == "X" and e["args"]["name"] == "y"]
    assert matmul["name"] == "MatMul" and matmul["dur"] >= 1
    assert (matmul["args"]["input0"], matmul["args"]["input1"]) == ("x", "w/read")
    counters = [e["args"]["cpu"] for e in trace if e["ph"] == "C" and e["name"] == "cpu"]
    assert max(counters) >= 80 and counters[-1] == 0
    assert {e["ph"] for e in trace} >= {"M", "X", "N", "O", "D", "C"}
    analysis = timeline.Timeline(found.step_stats).analyze_step_stats()
    assert analysis.allocator_maximums["cpu"].num_bytes == max(counters)


def test_overlapping_nodes_are_in_lanes_and_joined_by_arrows() -> None:
    stats = tf.RunMetadata().step_stats
    device = stats.dev_stats.add(device="/gpu:0")
    for name, start, label in [("a", 10, "a = A()"), ("b", 12, "b = B(a)"), ("c", 30, "c = C(a, b, gone)")]:
        node = device.node_stats.add(node_name=name, all_start_micros=start, timeline_label=label)
        node.all_end_rel_micros = 5
        node.output.add()
    trace = json.loads(timeline.Timeline(stats).generate_chrome_trace_format())["traceEvents"]
    assert [(e["args"]["name"], e["tid"]) for e in trace if e["ph"] == "X"] == [("a", 0), ("b", 1), ("c", 0)]
    assert [(e["ph"], e["name"], e["tid"]) for e in trace if e["ph"] in "st"] == [
        ("s", "a", 0),
        ("t", "a", 1),
        ("s", "b", 1),
        ("t", "b", 0),
    ]


@pytest.fixture
def checking() -> Iterator[None]:
    scopes.process.observer = tracing.refuse_not_finite
    yield
    scopes.process.observer = None


@pytest.mark.usefixtures("checking")
@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_the_first_nan_is_found(tier: str) -> None:
    x = tf.placeholder(tf.float32, [2])
    v = tf.Variable([1.0, 1.0])
    bad = tf.log(x, name="bad_log")  # the line to show
    step = v.assign_add(bad * 0.0)
    session = Session(tier=tier)
    session.run(v.initializer)
    session.run(step, {x: [1.0, 2.0]})
    with pytest.raises(tf.errors.InvalidArgumentError) as caught:
        session.run(step, {x: [1.0, 0.0]})
    text = str(caught.value)
    assert "Log 'bad_log' made Inf (1 of 2 values): all its inputs were finite" in text
    assert "the line to show" in text
    np.testing.assert_array_equal(session.run(v), 1.0)
    with pytest.raises(
        tf.errors.InvalidArgumentError, match=r"made NaN .*: input Placeholder:0 had NaN \(1 of 2"
    ):
        session.run(step, {x: [1.0, np.nan]})


@pytest.mark.usefixtures("checking")
def test_every_float_type_is_checked() -> None:
    session = tf.Session()
    for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64, tf.complex64):
        x = tf.placeholder(dtype, [1])
        with pytest.raises(tf.errors.InvalidArgumentError, match="made Inf|made NaN"):
            session.run(x + x, {x: np.array([np.inf], dtype.as_numpy_dtype)})
