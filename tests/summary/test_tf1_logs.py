"""Event files that Reflow writes, beside those that TensorFlow 1.1 wrote for the same programs in 2017.

tools/cut_tf1_logs.py has where they come from. Names, inputs and tags are the same, and so are the numbers;
of the op types only Add differs, which later became AddV2, and of a training graph what is in `gradients`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.summary.graph_file import read_graph

DATA = Path(__file__).parent / "data"
LOGS = json.loads((DATA / "tf1_logs.json").read_text(encoding="utf8"))
FEATURES = 8


def unit(x: Any, threshold: Any, last: str = "max") -> Any:
    w = tf.Variable(tf.random_normal((int(x.get_shape()[1]), 1)), name="weights")
    b = tf.Variable(0.0, name="bias")
    return tf.maximum(tf.add(tf.matmul(x, w), b, name="z"), threshold, name=last)


def shared_threshold() -> Any:
    return tf.get_variable("threshold", shape=(), initializer=tf.constant_initializer(0.0))


def named_scopes(x: Any) -> list[Any]:
    made = []
    for _ in range(5):
        with tf.name_scope("relu"):
            made.append(unit(x, 0.0))
    return made


def reused_scope(x: Any) -> list[Any]:
    with tf.variable_scope("relu"):
        shared_threshold()
    made = []
    for _ in range(5):
        with tf.variable_scope("relu", reuse=True):
            made.append(unit(x, tf.get_variable("threshold")))
    return made


def reuse_after_the_first(x: Any) -> list[Any]:
    made = []
    for number in range(5):
        with tf.variable_scope("relu", reuse=number >= 1):
            made.append(unit(x, shared_threshold()))
    return made


def event_file(folder: Path) -> Path:
    (file,) = folder.glob("events.out.tfevents.*")
    return file


def nodes(folder: Path) -> list[str]:
    lines = [
        f"{node.name} = {node.op}({', '.join(node.input)})" for node in read_graph(event_file(folder)).node
    ]
    return [line.replace("= AddV2(", "= Add(") for line in lines]


@pytest.mark.parametrize(
    ("run", "build"), [("relu2", named_scopes), ("relu6", reused_scope), ("relu9", reuse_after_the_first)]
)
def test_graphs(run: str, build: Callable[[Any], list[Any]], tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, shape=(None, 3), name="X")
        tf.add_n(build(x), name="output")
        tf.summary.FileWriter(str(tmp_path), graph).close()
    assert nodes(tmp_path) == LOGS[run]["nodes"]


@pytest.fixture(scope="module")
def training(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run: the first steps of a linear regression by mini-batches."""
    folder = tmp_path_factory.mktemp("run")
    with np.load(DATA / "housing.npz") as file:
        features, targets = file["x"], file["y"]
    with tf.Graph().as_default() as graph, tf.Session() as session:
        tf.set_random_seed(42)
        x = tf.placeholder(tf.float32, shape=(None, FEATURES + 1), name="X")
        y = tf.placeholder(tf.float32, shape=(None, 1), name="y")
        theta = tf.Variable(tf.random_uniform([FEATURES + 1, 1], -1.0, 1.0, seed=42), name="theta")
        error = tf.matmul(x, theta, name="predictions") - y
        mse = tf.reduce_mean(tf.square(error), name="mse")
        step = tf.train.GradientDescentOptimizer(learning_rate=0.01).minimize(mse)
        init = tf.global_variables_initializer()
        summary = tf.summary.scalar("MSE", mse)
        writer = tf.summary.FileWriter(str(folder), graph)
        session.run(init)
        for number, (rows, wanted) in enumerate(zip(features, targets, strict=True)):
            feed = {x: np.c_[np.ones(len(rows)), rows], y: wanted.reshape(-1, 1)}
            if number % 10 == 0:
                writer.add_summary(summary.eval(feed), number)
            session.run(step, feed)
        writer.close()
    return folder


def test_scalars(training: Path) -> None:
    events = tf.train.summary_iterator(str(event_file(training)))
    found = [(event.step, value.tag, value.simple_value) for event in events for value in event.summary.value]
    wanted = LOGS["mse"]["scalars"]
    assert len(wanted) == 210 and len(found) == 3
    assert [row[:2] for row in found] == [tuple(row[:2]) for row in wanted[:3]]
    np.testing.assert_allclose([row[2] for row in found], [row[2] for row in wanted[:3]], rtol=1e-6)


def test_the_training_graph(training: Path) -> None:
    def outside(lines: list[str]) -> list[str]:
        return [line for line in lines if not line.startswith("gradients/")]

    assert outside(nodes(training)) == outside(LOGS["mse"]["nodes"])
