"""A program that is killed while it saves: what is named afterwards is whole."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time

import numpy as np

import reflow as tf
from reflow.base.bundle_files import NEXT

KILLS = 200
SIZE = 20_000


def build():
    step = tf.Variable(0, name="step", dtype=tf.int64)
    values = [tf.Variable(np.zeros(SIZE), name=f"v{i}") for i in range(3)]
    feeds = [tf.placeholder(tf.float64, [SIZE]) for _ in values]
    fill = tf.group(*[v.assign(f) for v, f in zip(values, feeds, strict=True)])
    return step, values, feeds, fill


def save_until_killed(sess, parts, savers, folder, first):
    """The child's loop: each save has numbers that all say which one it is."""
    step, _, feeds, fill = parts
    for number in range(first, first + 10_000):
        sess.run(fill, dict.fromkeys(feeds, np.full(SIZE, float(number))))
        step.load(number, sess)
        savers[0].save(sess, os.path.join(folder, "numbered"), global_step=number, latest_filename="latest")
        savers[1].save(sess, os.path.join(folder, "same"), write_meta_graph=number % 5 == 0)


def check(sess, parts, saver, path):
    """Restore a checkpoint; its number, which all of its values agree on."""
    step, values, _, _ = parts
    saver.restore(sess, path)
    number = int(sess.run(step))
    for value in sess.run(values):
        assert (value == number).all(), f"{path} is a mixture of saves"
    return number


def kill_savers(folder):
    """Fork children that save, kill each, and look at what it leaves."""
    parts = build()
    savers = tf.train.Saver(max_to_keep=2), tf.train.Saver()
    dice = random.Random(7)
    reached, kept, unfinished = 0, 0, 0
    with tf.Session(tier="interpret") as sess:  # no threads of a compiler: the process forks
        sess.run(tf.global_variables_initializer())
        sess.run(parts[3], dict.fromkeys(parts[2], np.zeros(SIZE)))
        savers[1].save(sess, os.path.join(folder, "same"))
        for _ in range(KILLS):
            child = os.fork()
            if child == 0:
                try:
                    save_until_killed(sess, parts, savers, folder, reached + 1)
                finally:
                    os._exit(1)
            time.sleep(dice.uniform(0.0, 0.2))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            unfinished += any(n.endswith(NEXT) or ".tmp" in n for n in os.listdir(folder))
            newest = tf.train.latest_checkpoint(folder, "latest")
            same = check(sess, parts, savers[1], os.path.join(folder, "same"))
            numbered = 0 if newest is None else check(sess, parts, savers[0], newest)
            assert numbered >= reached, "a checkpoint that was complete is gone"
            assert kept <= same <= numbered
            reached, kept = numbered, same
            state = tf.train.get_checkpoint_state(folder, "latest")
            for path in state.all_model_checkpoint_paths if state else ():
                check(sess, parts, savers[0], path)
    assert min(reached, kept) > KILLS / 8, "the children did not get far enough for this to say anything"
    assert unfinished > KILLS / 20, "no kill came in the middle of a save"


def test_a_killed_save_leaves_the_last_checkpoint_whole(tmp_path):
    """In a process of its own: one that has grown by other tests takes longer to fork than to save."""
    command = [sys.executable, "-W", "error", __file__, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


if __name__ == "__main__":
    kill_savers(sys.argv[1])
