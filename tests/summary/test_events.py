"""Event files: what is written, how it is read, and what happens when it cannot be written."""

from __future__ import annotations

import gc
import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf

from . import scenario

RECORDED = Path(__file__).parent / "data" / "scenario.tfevents"


def events(folder: Path) -> list[Any]:
    """The events of all files of a folder."""
    return [e for path in sorted(folder.iterdir()) for e in tf.train.summary_iterator(str(path))]


def scalars(folder: Path) -> list[tuple[int, str, float]]:
    return [(e.step, v.tag, v.simple_value) for e in events(folder) for v in e.summary.value]


def scalar(value: float, tag: str = "a") -> Any:
    return tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value)])


def nodes_of(graph_def: Any) -> list[tuple[Any, ...]]:
    return [
        (n.name, n.op, list(n.input), n.device, n.attr["_output_shapes"].SerializeToString())
        for n in graph_def.node
    ]


@pytest.fixture
def both(tmp_path: Path) -> list[tuple[Any, Any]]:
    """Our events of the scenario beside TensorFlow's."""
    scenario.write(tf, str(tmp_path))
    (name,) = os.listdir(tmp_path)
    assert name.startswith("events.out.tfevents.") and name.endswith(".test")
    return list(zip(events(tmp_path), tf.train.summary_iterator(str(RECORDED)), strict=True))


def test_the_same_events_as_tensorflow(both: list[tuple[Any, Any]]) -> None:
    kinds = ["file_version", "graph_def", "meta_graph_def", "session_log", *["summary"] * 4, None]
    for (ours, theirs), kind in zip(both, kinds, strict=True):
        assert ours.WhichOneof("what") == theirs.WhichOneof("what") == kind
        assert ours.step == theirs.step
        assert kind is None or ours.wall_time > 1e9
        if kind != "graph_def" and kind != "meta_graph_def":
            ours.wall_time = theirs.wall_time
            assert ours == theirs


def test_the_graph_has_shapes_and_devices(both: list[tuple[Any, Any]]) -> None:
    ours, theirs = (tf.GraphDef.FromString(e.graph_def) for e in both[1])
    assert nodes_of(ours) == nodes_of(theirs)
    ours, theirs = (tf.MetaGraphDef.FromString(e.meta_graph_def) for e in both[2])
    assert nodes_of(ours.graph_def) == nodes_of(theirs.graph_def)
    assert [o.name for o in ours.meta_info_def.stripped_op_list.op] == [
        o.name for o in theirs.meta_info_def.stripped_op_list.op
    ]
    assert ours.collection_def == theirs.collection_def


def test_metadata_are_written_once_for_each_tag(both: list[tuple[Any, Any]]) -> None:
    values = [{v.tag: v.HasField("metadata") for v in ours.summary.value} for ours, _ in both[4:7]]
    assert [v["note"] for v in values] == [True, False, False]
    assert [v["extent"] for v in values] == [True, False, False]
    assert not any(v["the_error"] for v in values)


def test_bytes_and_messages_are_taken(tmp_path: Path) -> None:
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_summary(scalar(1.0), 1)
        writer.add_summary(scalar(2.0).SerializeToString(), 2)
    assert scalars(tmp_path) == [(1, "a", 1.0), (2, "a", 2.0)]


@pytest.mark.parametrize("wrong", ["text", 3.0, None, np.zeros(2)])
def test_other_summaries_are_refused(tmp_path: Path, wrong: Any) -> None:
    with tf.summary.FileWriter(tmp_path) as writer, pytest.raises(TypeError, match=r"tf\.Summary"):
        writer.add_summary(wrong)


def test_rubbish_is_refused(tmp_path: Path) -> None:
    with tf.summary.FileWriter(tmp_path) as writer, pytest.raises(ValueError):
        writer.add_summary(b"\x0a\x99")


def test_graphs_in_each_form(tmp_path: Path) -> None:
    with tf.Graph().as_default() as graph:
        tf.constant(1.0, name="c")
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_graph(graph, 1)
        writer.add_graph(graph.as_graph_def(), 2)
        writer.add_graph(None, graph_def=graph)
        writer.add_meta_graph(tf.MetaGraphDef(graph_def=graph.as_graph_def()))
        with pytest.raises(TypeError, match="got int"):
            writer.add_graph(3)
        with pytest.raises(ValueError, match="not both"):
            writer.add_graph(graph, graph_def=graph.as_graph_def())
        with pytest.raises(TypeError, match="MetaGraphDef"):
            writer.add_meta_graph(graph)
    found = [tf.GraphDef.FromString(e.graph_def).node[0].name for e in events(tmp_path) if e.graph_def]
    assert found == ["c", "c", "c"]


def test_run_metadata_have_tags_of_their_own(tmp_path: Path) -> None:
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_run_metadata(tf.RunMetadata(), "step 1", 1)
        writer.add_run_metadata(tf.RunMetadata(), "step 2", 2)
        with pytest.raises(ValueError, match="already used"):
            writer.add_run_metadata(tf.RunMetadata(), "step 1")
    assert [e.tagged_run_metadata.tag for e in events(tmp_path)[1:]] == ["step 1", "step 2"]


def test_the_first_event_is_written_at_once_and_flush_writes_all(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path, flush_secs=1000, max_queue=100)
    assert not os.listdir(tmp_path)  # as in TensorFlow: the first event makes the file
    writer.add_summary(scalar(1.0), 1)
    deadline = time.time() + 20
    while not os.listdir(tmp_path) or len(scalars(tmp_path)) < 1:
        assert time.time() < deadline
        time.sleep(0.01)
    writer.add_summary(scalar(2.0), 2)
    writer.flush()
    assert [step for step, _, _ in scalars(tmp_path)] == [1, 2]
    writer.close()


def test_events_wait_no_longer_than_flush_secs(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path, flush_secs=0.05, max_queue=100)
    for step in range(3):
        writer.add_summary(scalar(1.0), step)
    deadline = time.time() + 20
    while not os.listdir(tmp_path) or len(scalars(tmp_path)) < 3:
        assert time.time() < deadline
        time.sleep(0.01)
    writer.close()


@pytest.mark.parametrize("max_queue", [0, 1, 10])
def test_many_threads_lose_nothing(tmp_path: Path, max_queue: int) -> None:
    writer = tf.summary.FileWriter(tmp_path, max_queue=max_queue)

    def work(thread: int) -> None:
        for i in range(200):
            writer.add_summary(scalar(float(i), f"t{thread}"), i)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = scalars(tmp_path)
    for n in range(4):
        assert [step for step, tag, _ in found if tag == f"t{n}"] == list(range(200))


def test_a_forgotten_writer_writes_what_it_has(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path, max_queue=100, flush_secs=1000)
    for step in range(5):
        writer.add_summary(scalar(1.0), step)
    del writer
    gc.collect()
    assert len(scalars(tmp_path)) == 5


def test_reopen_begins_a_new_file(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(scalar(1.0), 1)
    writer.reopen()  # nothing: it is open
    writer.close()
    with pytest.warns(UserWarning, match="closed FileWriter"):
        writer.add_summary(scalar(2.0), 2)
    writer.reopen()
    writer.add_summary(scalar(3.0), 3)
    writer.close()
    writer.close()
    assert len(os.listdir(tmp_path)) == 2
    assert [step for step, _, _ in scalars(tmp_path)] == [1, 3]


def test_writers_of_one_second_do_not_share_a_file(tmp_path: Path) -> None:
    for step in range(3):
        with tf.summary.FileWriter(tmp_path) as writer:
            writer.add_summary(scalar(1.0), step)
    assert len(os.listdir(tmp_path)) == 3
    assert sorted(step for step, _, _ in scalars(tmp_path)) == [0, 1, 2]


def test_writers_of_one_session_and_folder_share_a_file(tmp_path: Path) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        first = tf.summary.FileWriter(tmp_path, session=session)
        second = tf.summary.FileWriter(tmp_path, session=session)
        first.add_summary(scalar(1.0), 1)
        second.add_summary(scalar(2.0), 2)
        first.close()
    assert len(os.listdir(tmp_path)) == 1
    assert [step for step, _, _ in scalars(tmp_path)] == [1, 2]


def test_the_cache_has_one_writer_for_a_folder(tmp_path: Path) -> None:
    with tf.Graph().as_default():
        tf.constant(1.0, name="c")
        writer = tf.summary.FileWriterCache.get(str(tmp_path))
        assert tf.summary.FileWriterCache.get(str(tmp_path)) is writer
    tf.summary.FileWriterCache.clear()
    assert [e.WhichOneof("what") for e in events(tmp_path)][1] == "graph_def"
    assert tf.summary.FileWriterCache.get(str(tmp_path)) is not writer
    tf.summary.FileWriterCache.clear()


# Failures


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "logs").write_text("")
    with pytest.raises(tf.errors.OpError, match="logs"):
        tf.summary.FileWriter(tmp_path / "logs")


def test_a_failing_disk_is_told_once(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    writer = tf.summary.FileWriter(folder)
    folder.rmdir()
    writer.add_summary(scalar(1.0), 1)
    with pytest.raises(tf.errors.NotFoundError, match=r"Cannot write event file .*logs.*reopen\(\)"):
        writer.flush()
    for step in range(50):
        writer.add_summary(scalar(1.0), step)  # dropped
    writer.flush()
    folder.mkdir()
    writer.reopen()
    writer.add_summary(scalar(2.0), 2)
    writer.close()
    assert scalars(folder) == [(2, "a", 2.0)]


def test_the_training_loop_hears_of_a_failure_at_its_next_call(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path / "logs", max_queue=1)
    (tmp_path / "logs").rmdir()
    deadline = time.time() + 20
    with pytest.raises(tf.errors.NotFoundError, match="Cannot write event file"):
        while time.time() < deadline:
            writer.add_summary(scalar(1.0), 1)
            time.sleep(0.01)
    writer.add_summary(scalar(1.0), 2)
    writer.close()


def test_a_full_disk(tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("needs /dev/full")
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(scalar(1.0), 1)
    writer.flush()
    file = writer.event_writer._file
    with file._lock:
        file._file.close()
        file._file = type(file._file)("/dev/full")
    writer.add_summary(scalar(2.0), 2)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="No space left on device"):
        writer.close()


def test_a_vanished_file_is_told(tmp_path: Path) -> None:
    writer = tf.summary.FileWriter(tmp_path)
    writer.add_summary(scalar(1.0), 1)
    writer.flush()
    (tmp_path / os.listdir(tmp_path)[0]).unlink()
    writer.add_summary(scalar(2.0), 2)
    with pytest.raises(tf.errors.NotFoundError, match="disappeared"):
        writer.close()


# Reading


def test_a_cut_off_file_gives_its_whole_records(tmp_path: Path) -> None:
    whole = RECORDED.read_bytes()
    count = len(list(tf.train.summary_iterator(str(RECORDED))))
    path = tmp_path / "cut"
    for cut in (3, 10, 20):
        path.write_bytes(whole[:-cut])
        found = []
        with pytest.raises(tf.errors.DataLossError, match="truncated record at"):
            found.extend(e for e in _kept(tf.train.summary_iterator(str(path)), found))
        assert len(found) == count - 1


def _kept(iterator: Any, found: list[Any]) -> Any:
    for event in iterator:
        found.append(event)
    return []


def test_a_damaged_file(tmp_path: Path) -> None:
    data = bytearray(RECORDED.read_bytes())
    data[15] ^= 1
    (tmp_path / "bad").write_bytes(bytes(data))
    with pytest.raises(tf.errors.DataLossError, match="corrupted record at 12"):
        next(tf.train.summary_iterator(str(tmp_path / "bad")))


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="none"):
        next(tf.train.summary_iterator(str(tmp_path / "none")))


# Assets, the projector


def test_plugin_assets_are_written_with_the_graph(tmp_path: Path) -> None:
    plugin_asset = tf.python.summary.plugin_asset

    class Notes(plugin_asset.PluginAsset):  # type: ignore[misc,name-defined]
        plugin_name = "notes"

        def assets(self) -> dict[str, str]:
            return {"a.txt": "hello"}

    class Others(Notes):
        pass

    class Third(plugin_asset.PluginAsset):  # type: ignore[misc,name-defined]
        plugin_name = "notes"

        def assets(self) -> dict[str, str]:
            return {}

    with tf.Graph().as_default() as graph:
        plugin_asset.get_plugin_asset(Others)
        with pytest.raises(ValueError, match="collision"):
            plugin_asset.get_plugin_asset(Third)
    tf.summary.FileWriter(tmp_path, graph).close()
    assert (tmp_path / "plugins" / "notes" / "a.txt").read_text() == "hello"


def test_projector_config(tmp_path: Path) -> None:
    from reflow.contrib.tensorboard.plugins import projector

    config = projector.ProjectorConfig(model_checkpoint_path="model.ckpt")
    embedding = config.embeddings.add()
    embedding.tensor_name = "words:0"
    embedding.sprite.image_path = "all.png"
    embedding.sprite.single_image_dim.extend([28, 28])
    projector.visualize_embeddings(tf.summary.FileWriter(tmp_path), config)
    text = (tmp_path / "projector_config.pbtxt").read_text()
    assert text == (
        'model_checkpoint_path: "model.ckpt"\nembeddings {\n  tensor_name: "words:0"\n  sprite {\n'
        '    image_path: "all.png"\n    single_image_dim: 28\n    single_image_dim: 28\n  }\n}\n'
    )

    class Nowhere:
        def get_logdir(self) -> None:
            return None

    with pytest.raises(ValueError, match="logdir"):
        projector.visualize_embeddings(Nowhere(), config)


def test_an_empty_folder_name_is_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with tf.summary.FileWriter("") as writer:
        writer.add_summary(scalar(1.0), 1)
    assert writer.get_logdir() == ""
    assert scalars(tmp_path) == [(1, "a", 1.0)]
