"""Monitored trainings that are killed and go on; what is Reflow's own in monitored sessions."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.platform import logging

STEPS = 12
# Trains on shuffled, noisy data, and dies at the step that it is told; the checkpoints are at steps 0, 5, 10.
PROGRAM = """
import os, signal, sys
import numpy as np
import reflow as tf

folder, die_at, last = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
tf.set_random_seed(7)
data = tf.data.Dataset.range(20).shuffle(20, seed=3).repeat().batch(4)
if sys.argv[4] == "one_shot":
    iterator = tf.data.make_one_shot_iterator(data)
else:  # initialized with the tables, after the checkpoint is restored
    iterator = tf.data.make_initializable_iterator(data)
    tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
batch = tf.cast(iterator.get_next(), tf.float32)
step = tf.train.create_global_step()
w = tf.get_variable("w", [4], initializer=tf.random_normal_initializer())
noise = tf.random_normal([4])
loss = tf.reduce_sum(tf.square(w * batch - noise)) / 400.0
train = tf.train.AdamOptimizer(0.05).minimize(loss, global_step=step)
scaffold = tf.train.Scaffold(saver=tf.train.Saver(exact=True))
with tf.train.MonitoredTrainingSession(
    checkpoint_dir=folder,
    scaffold=scaffold,
    hooks=[tf.train.StopAtStepHook(last_step=last)],
    save_checkpoint_steps=5,
    save_checkpoint_secs=None,
    save_summaries_steps=None,
    save_summaries_secs=None,
    log_step_count_steps=None,
) as sess:
    while not sess.should_stop():
        _, at, values, given = sess.run([train, step, w, batch])
        print(at, values.tobytes().hex(), given.tobytes().hex(), flush=True)
        if at == die_at:
            os.kill(os.getpid(), signal.SIGKILL)
"""


def killed(folder: Path, iterator: str, at: int) -> list[str]:
    """What a run prints, step, weights and batch on a line, before it is killed at a step."""
    arguments = [sys.executable, "-c", PROGRAM, str(folder), str(at), str(STEPS), iterator]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    return done.stdout.splitlines()


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, iterator: str) -> list[str]:
    """What a run to the end prints."""
    monkeypatch.setattr(sys, "argv", ["train.py", str(folder), "-1", str(STEPS), iterator])
    with contextlib.redirect_stdout(io.StringIO()) as printed, tf.Graph().as_default():
        exec(PROGRAM, {})
    return printed.getvalue().splitlines()


@pytest.mark.parametrize("iterator", ["one_shot", "initializable"])
def test_a_killed_training_goes_on_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, iterator: str
) -> None:
    """It starts again at its newest checkpoint, and from there on is the run that was not killed."""
    folder = tmp_path / "killed"
    whole = run(monkeypatch, tmp_path / "whole", iterator)
    before = killed(folder, iterator, at=8)
    assert os.path.basename(str(tf.train.latest_checkpoint(str(folder)))) == "model.ckpt-5"
    after = run(monkeypatch, folder, iterator)
    assert len(after) == STEPS - 5
    assert before == whole[: len(before)] and after == whole[5:]


def train(exact: bool, folder: str, last: int) -> None:
    """A training that adds noise to its weights; the graph is made anew each time."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        step = tf.train.create_global_step()
        w = tf.get_variable("w", [3], initializer=tf.zeros_initializer())
        add = tf.assign_add(w, tf.random_normal([3]))
        with tf.control_dependencies([add]):
            one = tf.assign_add(step, 1)
        scaffold = tf.train.Scaffold(saver=tf.train.Saver(exact=exact))
        hooks = [
            tf.train.StopAtStepHook(last_step=last),
            tf.train.CheckpointSaverHook(folder, save_steps=100, scaffold=scaffold),
        ]
        creator = tf.train.ChiefSessionCreator(scaffold, checkpoint_dir=folder)
        with tf.train.MonitoredSession(creator, hooks=hooks) as sess:
            while not sess.should_stop():
                sess.run(one)


def weights(folder: str) -> Any:
    return tf.train.load_variable(folder, "w")


@pytest.mark.parametrize("exact", [True, False])
def test_only_an_exact_saver_keeps_random_counters(tmp_path: Path, exact: bool) -> None:
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    train(exact, whole, 6)
    train(exact, parts, 3)
    train(exact, parts, 6)
    assert np.array_equal(weights(whole), weights(parts)) == exact


def test_runs_that_do_not_step_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    logging._counts.cache_clear()  # it is told only five times in a process
    with tf.Graph().as_default():
        step = tf.train.create_global_step()
        with tf.train.MonitoredSession(hooks=[tf.train.StepCounterHook()]) as sess:
            for _ in range(3):
                sess.run(step)
    told = [r.getMessage() for r in caplog.records if "has not been increased" in r.getMessage()]
    assert told and "Current value (could be stable): 0 vs previous value: 0" in told[0]


def test_a_step_function_gets_the_session_of_its_time() -> None:
    """After a recovery it is the new session, and not the one that was closed."""
    with tf.Graph().as_default():
        c = tf.constant(3)
        seen: list[Any] = []

        def step(step_context: Any) -> Any:
            seen.append(step_context.session)
            if len(seen) == 1:
                raise tf.errors.AbortedError(None, None, "lost")
            return step_context.session.run(c)

        with tf.train.MonitoredSession() as sess:
            assert sess.run_step_fn(step) == 3
        assert seen[0] is not seen[1]


def test_a_worker_waits_for_nobody() -> None:
    """A worker's variables are never initialized: each session has its own."""
    with tf.Graph().as_default():
        v = tf.Variable(1.0)
        with pytest.raises(tf.errors.DeadlineExceededError):
            tf.train.MonitoredTrainingSession(is_chief=False, max_wait_secs=0).run(v)
    with tf.Graph().as_default():
        c = tf.constant(2)
        assert tf.train.MonitoredTrainingSession(is_chief=False, max_wait_secs=0).run(c) == 2


def test_servers_are_refused() -> None:
    cluster = tf.train.ClusterSpec({"ps": ["a:1"], "worker": ["b:1", "c:1"]})
    with pytest.raises(
        tf.errors.UnimplementedError, match="the cluster has 3 tasks, but Reflow has no servers"
    ):
        tf.train.Server(cluster, job_name="worker", task_index=0)
    server = tf.train.Server.create_local_server()
    assert server.target == "" and server.server_def.job_name == "local"
    with pytest.raises(tf.errors.UnimplementedError, match="nothing to wait for"):
        server.join()
    with pytest.raises(ValueError, match="No task with index 5 in job 'local'"):
        tf.train.Server({"local": ["a:1"]}, task_index=5)


def test_a_server_definition_is_a_server() -> None:
    given = tf.train.Server({"one": ["a:1"]}, protocol="grpc+x").server_def
    again = tf.train.Server(given, config=tf.ConfigProto(allow_soft_placement=True))
    assert again.server_def.protocol == "grpc+x"
    assert again.server_def.default_session_config.allow_soft_placement
