"""Logs of everything that TensorBoard shows: two short trainings of one small network, written by Reflow."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from reflow.contrib.tensorboard.plugins import projector

import reflow as tf

RATES = (0.5, 0.05)
STEPS = 40
WORDS = [f"word{i}" for i in range(30)]


def write_logs(folder: Path) -> list[str]:
    """Train once for each rate; the names of the runs."""
    return [_train(folder, rate) for rate in RATES]


def _train(folder: Path, rate: float) -> str:
    with tf.Graph().as_default() as graph, tf.experiment(folder, {"rate": rate, "cell": "dense"}) as run:
        tf.set_random_seed(1)
        train = _network(rate)
        notes = _notes()
        merged = tf.summary.merge_all()
        saver = tf.train.Saver()
        writer = run.writer(graph)
        with tf.Session() as session:
            session.run(tf.global_variables_initializer())
            writer.add_summary(session.run(notes), 0)
            for step in range(STEPS):
                summary, _ = session.run([merged, train], _feed(step))
                writer.add_summary(summary, step)
            _trace(session, [merged, train], writer)
            saver.save(session, run.checkpoint_prefix, STEPS)
        _project(writer)
    return run.name


def _network(rate: float) -> Any:
    x = tf.placeholder(tf.float32, [None, 8], name="x")
    y = tf.placeholder(tf.float32, [None, 1], name="y")
    words = tf.get_variable("words", [len(WORDS), 8], initializer=tf.random_normal_initializer())
    with tf.name_scope("hidden_layer"):
        w = tf.Variable(tf.random_normal([8, 4]), name="weights")
        hidden = tf.tanh(tf.matmul(x + tf.reduce_mean(words, 0), w))
        tf.summary.histogram("weights", w)
    with tf.name_scope("cost"):
        cost = tf.reduce_mean(tf.square(tf.reduce_sum(hidden, 1, keepdims=True) - y))
    tf.summary.scalar("train_cost", cost)
    return tf.train.GradientDescentOptimizer(rate).minimize(cost)


def _notes() -> Any:
    """A picture, a sound and a text: summaries of the beginning only."""
    ramp = tf.reshape(tf.linspace(0.0, 1.0, 32 * 32), [1, 32, 32, 1])
    tone = tf.reshape(tf.sin(tf.linspace(0.0, 400.0, 2000)), [1, 2000])
    made = [
        tf.summary.image("ramp_picture", ramp, collections=[]),
        tf.summary.audio("pure_tone", tone, 8000.0, collections=[]),
        tf.summary.text("remark", tf.constant("trained by **Reflow**"), collections=[]),
    ]
    return tf.summary.merge(made)


def _feed(step: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(step)
    return {"x:0": draw.normal(size=[16, 8]), "y:0": draw.normal(size=[16, 1])}


def _trace(session: Any, fetches: list[Any], writer: Any) -> None:
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    metadata = tf.RunMetadata()
    session.run(fetches, _feed(STEPS), options, metadata)
    writer.add_run_metadata(metadata, "traced_step", STEPS)


def _project(writer: Any) -> None:
    config = projector.ProjectorConfig()
    config.embeddings.add(tensor_name="words", metadata_path="words.tsv")
    Path(writer.get_logdir(), "words.tsv").write_text(os.linesep.join(WORDS) + os.linesep, encoding="utf8")
    projector.visualize_embeddings(writer, config)
