"""Runs that are cut off and go on: with `Saver(exact=True)` they end with the same bits."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import reflow as tf
from reflow.base.bundle import BundleWriter
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.train.exact_state import KEY

STEPS = 23


def numbers():
    """What a generator gives: rows that are all different."""
    for i in range(57):
        yield np.full(3, i / 57, np.float32), i % 3


def build(one_shot=False, use_resource=False):
    """A small network with dropout that is fed by a generator, shuffled and in batches."""
    tf.set_random_seed(11)
    data = tf.data.Dataset.from_generator(numbers, (tf.float32, tf.int32), ([3], []))
    data = data.map(lambda x, y: (x + tf.random_uniform([3], seed=4), y)).shuffle(13).repeat().batch(4)
    iterator = (data.prefetch(2).make_one_shot_iterator if one_shot else data.make_initializable_iterator)()
    x, y = iterator.get_next()
    w = tf.get_variable("w", [3, 3], initializer=tf.random_normal_initializer(), use_resource=use_resource)
    logits = tf.matmul(tf.nn.dropout(x, rate=0.4), w)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    noise = tf.random_normal([2], name="noise")
    start = [tf.global_variables_initializer()] + ([] if one_shot else [iterator.initializer])
    return start, [train, loss, noise], w, tf.train.Saver(exact=True)


def run(steps, fetches, sess):
    return [[value.tobytes() for value in sess.run(fetches[1:] + fetches[:1])[:2]] for _ in range(steps)]


@pytest.mark.parametrize("tier", ["interpret", "compile"])
@pytest.mark.parametrize(("one_shot", "use_resource"), [(False, True), (True, False)])
def test_a_resumed_run_ends_with_the_same_bits(tmp_path, one_shot, use_resource, tier):
    path = str(tmp_path / "model")
    with tf.Graph().as_default():
        start, fetches, w, saver = build(one_shot, use_resource)
        with tf.Session(tier=tier) as sess:
            sess.run(start)
            run(9, fetches, sess)
            saver.save(sess, path)
            wanted = run(STEPS - 9, fetches, sess), sess.run(w).tobytes()
    with tf.Graph().as_default():
        start, fetches, w, saver = build(one_shot, use_resource)
        with tf.Session(tier=tier) as sess:
            sess.run(start)
            run(2, fetches, sess)  # restoring goes back as well as forth
            saver.restore(sess, path)
            assert (run(STEPS - 9, fetches, sess), sess.run(w).tobytes()) == wanted


def test_an_iterator_may_be_initialized_after_the_restore(tmp_path):
    path = str(tmp_path / "model")
    wanted = []
    for resumed in (False, True):
        with tf.Graph().as_default(), tf.Session() as sess:
            start, fetches, _, saver = build()
            if resumed:
                saver.restore(sess, path)
                sess.run(start[1])
                assert run(5, fetches, sess) == wanted
            else:
                sess.run(start)
                run(9, fetches, sess)
                saver.save(sess, path)
                wanted = run(5, fetches, sess)


def test_the_meta_graph_brings_an_exact_saver(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        noise = tf.random_uniform([3], seed=7, name="noise")
        v = tf.Variable(1.0)
        sess.run([v.initializer, noise])
        tf.train.Saver(exact=True).save(sess, path)
        wanted = [sess.run(noise) for _ in range(3)]
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(path + ".meta")
        saver.restore(sess, path)
        np.testing.assert_array_equal([sess.run("noise:0") for _ in range(2)], wanted[:2])
        saver.save(sess, path)
        saver.restore(sess, path)
        np.testing.assert_array_equal(sess.run("noise:0"), wanted[2])


def test_an_element_that_fails_counts(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        values = tf.data.Dataset.from_tensor_slices([1.0, float("nan"), 3.0, 4.0])
        item = values.map(lambda x: tf.check_numerics(x, "bad")).make_one_shot_iterator().get_next()
        v = tf.Variable(0.0)
        sess.run(v.initializer)
        saver = tf.train.Saver(exact=True)
        assert sess.run(item) == 1.0
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(item)
        saver.save(sess, path)
        assert [sess.run(item), sess.run(item)] == [3.0, 4.0]
        with pytest.raises(tf.errors.OutOfRangeError):
            sess.run(item)
        saver.restore(sess, path)
        assert sess.run(item) == 3.0


def test_a_plain_saver_restores_the_variables_only(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(4.0)
        noise = tf.random_uniform([], seed=1)
        sess.run(v.initializer)
        tf.train.Saver(exact=True).save(sess, path)
        first = sess.run(noise)
        tf.train.Saver().restore(sess, path)
        assert sess.run(v) == 4.0 and sess.run(noise) != first


def test_an_exact_saver_takes_a_plain_checkpoint(tmp_path, caplog):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(4.0)
        sess.run(v.initializer)
        tf.train.Saver().save(sess, path)
        tf.train.Saver(exact=True).restore(sess, path)
        assert sess.run(v) == 4.0
    assert "only variables are restored" in caplog.text


# Errors


@pytest.mark.parametrize(
    "pipeline",
    [lambda d: d.shuffle(5), lambda d: d.map(lambda x: x + tf.random_uniform([]))],
    ids=["shuffle", "map"],
)
def test_a_pipeline_without_seeds_is_refused(tmp_path, pipeline):
    with tf.Graph().as_default(), tf.Session() as sess:
        item = pipeline(tf.data.Dataset.from_tensor_slices([1.0, 2.0])).make_one_shot_iterator().get_next()
        v = tf.Variable(0.0)
        sess.run([v.initializer, item])
        with pytest.raises(ValueError, match="no seed"):
            tf.train.Saver(exact=True).save(sess, str(tmp_path / "model"))
    assert not list(tmp_path.glob("model*"))


def test_a_builder_of_the_programs_own_is_refused():
    builder = tf.python.training.saver.BulkSaverBuilder()
    with tf.Graph().as_default(), pytest.raises(ValueError, match="default builder"):
        tf.train.Saver([tf.Variable(1.0)], builder=builder, exact=True)


NOISE = "noise/RandomUniform"
LONG = {"dtype": "int64", "shape": [9], "data": "AAAA"}
SHORT = {"dtype": "float32", "shape": [], "data": "AAAAAA=="}


def state_of(**parts):
    return json.dumps({"version": 1, "random": {}, "iterators": {}, **parts}).encode()


STATES = [
    (b"{", tf.errors.DataLossError),
    (b"[1]", tf.errors.DataLossError),
    (b'{"version": 2}', tf.errors.DataLossError),
    (b'{"version": 1, "random": {}}', tf.errors.DataLossError),
    (json.dumps({"version": 1, "random": {}, "iterators": {"it": -1}}).encode(), tf.errors.DataLossError),
    (json.dumps({"version": 1, "random": {}, "iterators": {"it": 1}}).encode(), tf.errors.NotFoundError),
    (json.dumps({"version": 1, "random": {"r": {}}, "iterators": {}}).encode(), tf.errors.NotFoundError),
    (json.dumps({"version": 1, "random": {NOISE: {}}, "iterators": {}}).encode(), tf.errors.DataLossError),
    (
        json.dumps({"version": 1, "random": {NOISE: LONG}, "iterators": {}}).encode(),
        tf.errors.DataLossError,
    ),
    (state_of(queues=[]), tf.errors.DataLossError),
    (state_of(queues={"absent": {"elements": [], "closed": False, "drawn": 0}}), tf.errors.NotFoundError),
    (state_of(queues={"q": {"elements": [[LONG]], "closed": False, "drawn": 0}}), tf.errors.DataLossError),
    (state_of(queues={"q": {"elements": [[SHORT]], "closed": False, "drawn": 0}}), tf.errors.DataLossError),
    (state_of(queues={"q": {"elements": [], "closed": 3, "drawn": 0}}), tf.errors.DataLossError),
    (state_of(queues={"q": {"elements": [], "closed": True, "drawn": 1 << 60}}), tf.errors.DataLossError),
]


@pytest.mark.parametrize(("state", "error"), STATES)
def test_a_damaged_state_changes_nothing(tmp_path, state, error):
    path = str(tmp_path / "model")
    with BundleWriter(path) as writer:
        writer.add(KEY, np.array(state, object), tf.string)
        writer.add("v", np.float32(9), tf.float32)
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0, name="v")
        tf.random_uniform([], seed=1, name="noise")
        tf.FIFOQueue(5, [tf.int32], [[]], name="q")
        sess.run(v.initializer)
        saver = tf.train.Saver(exact=True)
        with pytest.raises(error, match="model"):
            saver.restore(sess, path)
        assert sess.run(v) == 1.0


# Queues


def queues():
    """A queue of each kind: what fills it, and what takes from it."""
    tf.set_random_seed(5)
    number, names = tf.placeholder(tf.int64, [None]), tf.placeholder(tf.string, [None])
    made = [
        tf.FIFOQueue(50, [tf.int64, tf.string], [[], []], name="fifo"),
        tf.RandomShuffleQueue(50, 2, [tf.int64, tf.string], [[], []], name="shuffle"),
        tf.PriorityQueue(50, [tf.string], [[]], name="priority"),
    ]
    fill = [q.enqueue_many([number, names]) for q in made]
    v = tf.Variable(0, name="v")
    return (number, names), fill, [q.dequeue() for q in made], v, made


def test_queues_come_back(tmp_path):
    path = str(tmp_path / "model")
    rows = [5, 3, 9, 3, 1, 7, 2, 8], [b"five", b"three", b"", b"3", b"one", b"\0\xff", b"two", b"eight"]
    with tf.Graph().as_default(), tf.Session() as sess:
        feeds, fill, take, v, made = queues()
        sess.run([v.initializer, fill], dict(zip(feeds, rows, strict=True)))
        sess.run(take), sess.run(take)
        sess.run(made[0].close())
        tf.train.Saver(exact=True).save(sess, path)
        wanted = [sess.run(take) for _ in range(4)]
        assert [number for _, _, (number, _) in wanted] == [3, 3, 5, 7]
    for used in (False, True):
        with tf.Graph().as_default(), tf.Session() as sess:
            feeds, fill, take, _, made = queues()
            if used:
                sess.run(fill, dict(zip(feeds, rows, strict=True)))
                sess.run(take)
            tf.train.Saver(exact=True).restore(sess, path)
            assert sess.run([q.size() for q in made]) == [6, 6, 6]
            assert [sess.run(take) for _ in range(4)] == wanted
            assert sess.run(made[0].is_closed()) and not sess.run(made[1].is_closed())


def test_queues_that_threads_fill_are_refused(tmp_path):
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0)
        queue = tf.train.string_input_producer(["a", "b"], shuffle=False)
        sess.run([v.initializer, queue.size(), tf.local_variables_initializer()])
        with pytest.raises(ValueError, match=f"queue '{queue.name}' is used by other threads"):
            tf.train.Saver(exact=True).save(sess, path)
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0)
        queue = tf.RandomShuffleQueue(5, 0, [tf.int32], [[]], name="unseeded")
        sess.run([v.initializer, queue.enqueue([1])])
        with pytest.raises(ValueError, match="queue 'unseeded' has no seed"):
            tf.train.Saver(exact=True).save(sess, path)
    assert not list(tmp_path.iterdir())


# A real kill


PROGRAM = """
    import os, signal, sys
    sys.path.insert(0, sys.argv[3])
    import reflow as tf
    from train.test_exact import build

    folder, die = sys.argv[1], int(sys.argv[2])
    with tf.Graph().as_default(), tf.Session() as sess:
        step = tf.train.get_or_create_global_step()
        start, fetches, w, _ = build()
        count = tf.assign_add(step, 1)
        saver = tf.train.Saver(exact=True)
        sess.run(start)
        sess.run(step.initializer)
        newest = tf.train.latest_checkpoint(folder)
        if newest:
            saver.restore(sess, newest)
        while sess.run(step) < 20:
            values = sess.run(fetches[1:] + fetches[:1])
            if sess.run(count) % 4 == 0:
                saver.save(sess, os.path.join(folder, "model"), global_step=step)
            if sess.run(step) == die:
                os.kill(os.getpid(), signal.SIGKILL)
        print(sess.run(w).tobytes().hex(), values[0].tobytes().hex(), values[1].tobytes().hex())
"""


def test_a_killed_run_ends_with_the_same_bits(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(textwrap.dedent(PROGRAM))
    tests = str(Path(__file__).parent.parent)

    def result(folder, die):
        os.makedirs(folder, exist_ok=True)
        words = [sys.executable, str(program), str(folder), str(die), tests]
        return subprocess.run(words, capture_output=True, text=True, check=False)

    whole = result(tmp_path / "whole", 0)
    assert whole.returncode == 0, whole.stderr
    for die in (6, 15):
        assert result(tmp_path / "killed", die).returncode == -signal.SIGKILL
    resumed = result(tmp_path / "killed", 0)
    assert resumed.stdout == whole.stdout != "", resumed.stderr


def test_tensorflow_sees_one_more_tensor(tmp_path):
    """The state is an ordinary string tensor, and the graph has no op that TensorFlow does not know."""
    path = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0, name="v")
        sess.run(v.initializer)
        tf.train.Saver(exact=True, sharded=True).save(sess, path)
        graph = sess.graph.as_graph_def()
    with open_checkpoint(path) as checkpoint:
        assert checkpoint.names() == [KEY, "v"]
        assert json.loads(checkpoint.read(KEY)[()])["version"] == 1
    assert {n.op for n in graph.node if n.name.startswith("save/exact_state")} == {
        "Const",
        "PlaceholderWithDefault",
    }
    (restore,) = [n for n in graph.node if n.op == "RestoreV2"]
    names = next(n for n in graph.node if n.name == restore.input[1])
    assert list(names.attr["value"].tensor.string_val) == [b"v"]
