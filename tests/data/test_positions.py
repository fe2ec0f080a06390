"""Positions of iterators in checkpoints: saved, restored in this and another session, refused."""

from __future__ import annotations

import base64
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.base import dtypes
from reflow.base.bundle import BundleReader, BundleWriter

Dataset = tf.data.Dataset
saveable = tf.data.experimental.make_saveable_from_iterator


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def pulled(session: Any, element: Any, count: int = 1000) -> list[Any]:
    found: list[Any] = []
    while len(found) < count:
        try:
            found.append(np.asarray(session.run(element)).tolist())
        except tf.errors.OutOfRangeError:
            found.append("end")
            break
        except tf.errors.OpError as error:
            found.append(type(error).__name__)
    return found


sample = tf.data.experimental.sample_from_datasets
BUILDS = {
    "range": lambda: Dataset.range(20),
    "shuffle": lambda: Dataset.range(20).shuffle(5),
    "shuffle once": lambda: Dataset.range(6).shuffle(6, reshuffle_each_iteration=False).repeat(4),
    "shuffle and repeat": lambda: Dataset.range(4).shuffle(4).repeat(5),
    "batches": lambda: Dataset.range(25).shuffle(9).batch(2).prefetch(2),
    "maps": lambda: Dataset.range(20).map(lambda x: x * 2, 4).filter(lambda x: x > 5),
    "errors": lambda: Dataset.range(9).map(lambda x: 60 // (x - 4)),
    "inner": lambda: Dataset.range(5).flat_map(lambda x: Dataset.range(x)),
    "interleave": lambda: Dataset.range(5).interleave(lambda x: Dataset.range(x), 3, 2, 2),
    "cache": lambda: Dataset.range(6).shuffle(6).cache().repeat(3),
    "sample": lambda: sample([Dataset.range(9), Dataset.range(10, 19)]),
    "zip": lambda: Dataset.zip((Dataset.range(9), Dataset.range(9).shuffle(3))).map(lambda a, b: 100 * a + b),
}


@pytest.mark.parametrize("name", list(BUILDS))
@pytest.mark.parametrize("taken", [0, 3, 7])
def test_elements_go_on_where_they_were(name: str, taken: int, tmp_path: Path) -> None:
    iterator = BUILDS[name]().make_initializable_iterator()
    element = iterator.get_next()
    saver = tf.train.Saver([saveable(iterator)])
    with tf.Session() as session:
        session.run(iterator.initializer)
        pulled(session, element, taken)
        path = saver.save(session, str(tmp_path / "input"))
        rest = pulled(session, element)
        saver.restore(session, path)
        assert pulled(session, element) == rest
    with tf.Session() as session:
        session.run(iterator.initializer)
        saver.restore(session, path)
        assert pulled(session, element) == rest
    assert tf.train.list_variables(path) == [("IteratorV2:0-state", [])]


def test_the_end_is_a_position_too(tmp_path: Path) -> None:
    iterator = Dataset.range(3).make_one_shot_iterator()
    element = iterator.get_next()
    saver = tf.train.Saver([saveable(iterator)])
    with tf.Session() as session:
        assert pulled(session, element) == [0, 1, 2, "end"]
        path = saver.save(session, str(tmp_path / "input"))
    with tf.Session() as session:  # a one-shot iterator needs no initializer
        saver.restore(session, path)
        assert pulled(session, element) == ["end"]


def test_iterators_in_the_collection_of_saveables(tmp_path: Path) -> None:
    iterator = Dataset.range(9).make_initializable_iterator()
    element = iterator.get_next()
    tf.add_to_collection(tf.GraphKeys.SAVEABLE_OBJECTS, saveable(iterator))
    step = tf.Variable(0)
    more, saver = step.assign_add(1), tf.train.Saver()
    types_of = {op.name: op.type for op in tf.get_default_graph().get_operations()}
    assert types_of["SerializeIterator"] == "SerializeIterator"
    assert types_of["save/DeserializeIterator"] == "DeserializeIterator"
    with tf.Session() as session:
        session.run([iterator.initializer, step.initializer])
        session.run([element, more])
        path = saver.save(session, str(tmp_path / "all"))
        session.run([element, more])
        saver.restore(session, path)
        assert session.run([element, step]) == [1, 1]


def test_a_position_needs_a_pass(tmp_path: Path) -> None:
    iterator = Dataset.range(9).make_initializable_iterator()
    saver = tf.train.Saver([saveable(iterator)])
    with tf.Session() as session:
        with pytest.raises(tf.errors.FailedPreconditionError, match=r"Save\(\) failed because the iterator"):
            saver.save(session, str(tmp_path / "input"))
        session.run(iterator.initializer)
        path = saver.save(session, str(tmp_path / "input"))
    message = r"Restore\(\) failed because the iterator"
    with tf.Session() as session, pytest.raises(tf.errors.FailedPreconditionError, match=message):
        saver.restore(session, path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d.map(lambda x: tf.random_uniform([])), "RandomUniform is stateful"),
        (lambda d: d.map(lambda x: tf.py_func(abs, [x], tf.int64)).batch(2), "PyFunc is stateful"),
        (lambda d: Dataset.from_generator(lambda: iter([1]), tf.int64), "PyFunc is stateful"),
        (lambda d: d.flat_map(lambda x: d.map(lambda y: tf.random_normal([]))), "RandomStandardNormal is"),
    ],
)
def test_functions_with_state_are_refused(change: Any, message: str, tmp_path: Path) -> None:
    iterator = change(Dataset.range(9)).make_initializable_iterator()
    saver = tf.train.Saver([saveable(iterator)])
    with tf.Session() as session:
        session.run(iterator.initializer)
        with pytest.raises(tf.errors.FailedPreconditionError, match=message):
            saver.save(session, str(tmp_path / "input"))


def test_a_position_of_another_dataset_is_refused(tmp_path: Path) -> None:
    iterator = tf.data.Iterator.from_structure(tf.int64, [])
    one = iterator.make_initializer(Dataset.range(9).shuffle(3))
    two = iterator.make_initializer(Dataset.range(9))
    saver = tf.train.Saver([saveable(iterator)])
    with tf.Session() as session:
        session.run(one)
        path = saver.save(session, str(tmp_path / "input"))
        session.run(two)
        with pytest.raises(tf.errors.InvalidArgumentError, match="1 random datasets, this one has 0"):
            saver.restore(session, path)


# What TensorFlow 1.15 wrote for a range of which one element was taken.
INDEX = (
    "AAAGCAEaAggBABcLT25lU2hvdEl0ZXJhdG9yOjAtc3RhdGUIFRIAKEM1a267dQAAAAABAAAAAA+lQaAAAAAAAQAAAADA8qGw"
    "AAECUAA2AAAAAAEAAAAAM+uOXzsISA4AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABX+4CLJHVH2w=="
)
DATA = "PgoUdGVuc29yZmxvdzo6SXRlcmF0b3ISHUBASXRlcmF0b3I6Ok1vZGVsOjpSYW5nZTpuZXh0GgcICRIAUgEBmeU39g=="


def from_tensorflow(folder: Path) -> str:
    (folder / "tf.index").write_bytes(base64.b64decode(INDEX))
    (folder / "tf.data-00000-of-00001").write_bytes(base64.b64decode(DATA))
    return str(folder / "tf")


def test_variants_are_written_as_tensorflow_writes_them(tmp_path: Path) -> None:
    path = from_tensorflow(tmp_path)
    with BundleReader(path) as reader:
        state = reader.read("OneShotIterator:0-state")
    assert b"tensorflow::Iterator" in state[()]
    with BundleWriter(str(tmp_path / "own")) as writer:
        writer.add("OneShotIterator:0-state", state, dtypes.variant)
    for end in (".index", ".data-00000-of-00001"):
        assert (tmp_path / f"own{end}").read_bytes() == (tmp_path / f"tf{end}").read_bytes()


@pytest.mark.parametrize("place", [0, 1, 30, 64])
def test_a_damaged_variant_is_refused(place: int, tmp_path: Path) -> None:
    path = from_tensorflow(tmp_path)
    data = bytearray(base64.b64decode(DATA))
    data[place] ^= 1
    (tmp_path / "tf.data-00000-of-00001").write_bytes(data)
    with BundleReader(path) as reader, pytest.raises(tf.errors.DataLossError):
        reader.read("OneShotIterator:0-state")


def test_the_state_that_tensorflow_saved_is_refused(tmp_path: Path) -> None:
    iterator = Dataset.range(9).make_one_shot_iterator()
    saver = tf.train.Saver([saveable(iterator)])
    message = "'tensorflow::Iterator' is not one of"
    with tf.Session() as session, pytest.raises(tf.errors.InvalidArgumentError, match=message):
        saver.restore(session, from_tensorflow(tmp_path))


# The hook


def test_the_hook_saves_and_restores_all_iterators(tmp_path: Path) -> None:
    config = types.SimpleNamespace(
        save_checkpoints_secs=None, save_checkpoints_steps=2, num_worker_replicas=1
    )
    estimator = types.SimpleNamespace(model_dir=str(tmp_path), _config=config)

    def run(steps: int) -> list[int]:
        with tf.Graph().as_default():
            step = tf.train.get_or_create_global_step()
            iterator = Dataset.range(100).make_initializable_iterator()
            tf.add_to_collection(tf.GraphKeys.TABLE_INITIALIZERS, iterator.initializer)
            element, more = iterator.get_next(), tf.assign_add(step, 1)
            hook = tf.data.experimental.CheckpointInputPipelineHook(estimator)
            settings = {"hooks": [hook], "save_checkpoint_steps": 2, "save_summaries_steps": None}
            with tf.train.MonitoredTrainingSession(
                checkpoint_dir=str(tmp_path), save_summaries_secs=None, log_step_count_steps=None, **settings
            ) as session:
                return [int(session.run([element, more])[0]) for _ in range(steps)]

    assert run(4) == [0, 1, 2, 3]
    assert run(3) == [4, 5, 6]
    names = {path.name for path in tmp_path.iterdir()}
    assert "checkpoint_input" in names
    assert "input.ckpt-4.index" in names
