"""The training loops of slim.learning and contrib.training: files, stops, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

import reflow as tf

slim = tf.contrib.slim


def falling():
    """An operation that halves a variable, and gives its square as the loss."""
    x = tf.get_variable("x", initializer=1.0)
    loss = x * x
    tf.summary.scalar("loss", loss)
    return slim.learning.create_train_op(loss, tf.train.GradientDescentOptimizer(0.25))


def test_train_writes_checkpoints_traces_and_summaries(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        op = falling()
        loss = slim.learning.train(op, str(tmp_path), number_of_steps=3, trace_every_n_steps=2)
        assert loss == 0.0625
    names = {name.split(".data")[0] for name in os.listdir(tmp_path)}
    assert {"checkpoint", "model.ckpt-3.index", "tf_trace-1.json", "tf_trace-3.json"} <= names
    assert any(name.startswith("events") for name in names)
    with tf.Graph().as_default():  # goes on from the checkpoint
        op = falling()
        assert slim.learning.train(op, str(tmp_path), number_of_steps=4) == 0.125**2


def test_train_without_files() -> None:
    with tf.Graph().as_default():
        op = falling()
        seen = []

        def step(sess, train_op, global_step, settings):
            seen.append(sorted(settings))
            return slim.learning.train_step(sess, train_op, global_step, settings)

        slim.learning.train(op, None, train_step_fn=step, number_of_steps=2)
    assert seen == [["should_log", "should_stop", "summary_writer"]] * 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"number_of_steps": 0}, "number_of_steps"),
        ({"saver": True}, "Cannot provide saver because logdir=None"),
        ({"summary_op": None}, "Cannot provide summary_op because logdir=None"),
        ({"trace_every_n_steps": 1}, "Cannot provide trace_every_n_steps because logdir=None"),
        ({"train_op": None}, "train_op cannot be None"),
    ],
)
def test_refused(options, message) -> None:
    with tf.Graph().as_default():
        given = {"train_op": tf.constant(1.0), "logdir": None, **options}
        with pytest.raises(ValueError, match=message):
            slim.learning.train(**given)


def test_training_needs_a_folder_to_write_to() -> None:
    with tf.Graph().as_default(), pytest.raises(ValueError, match="logdir cannot be None"):
        tf.contrib.training.train(tf.constant(1.0), None)


def test_a_loss_that_is_no_number_is_an_error() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.get_variable("x", initializer=-1.0)
        op = slim.learning.create_train_op(tf.log(x), tf.train.GradientDescentOptimizer(0.25))
        session.run(tf.global_variables_initializer())
        with pytest.raises(tf.errors.InvalidArgumentError, match="LossTensor is inf or nan"):
            session.run(op)


def test_analyze_vars_prints(capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Graph().as_default() as graph:
        w = tf.get_variable("w", [2, 3])
        assert slim.model_analyzer.analyze_vars([w], print_info=True) == (6, 24)
        assert slim.model_analyzer.analyze_ops(graph, print_info=True) > 6
    shown = capsys.readouterr().out
    assert "w:0 (float32_ref 2x3) [6, bytes: 24]" in shown
    assert "Total bytes of variables: 24" in shown
