"""`reflow graph`: the graph in files of all kinds, listed and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

import reflow as tf
from reflow import cli
from reflow.base import protos
from reflow.summary.graph_file import read_graph, with_shapes

NAMES = ["x", "w/initial_value", "w", "w/Assign", "w/read", "MatMul", "save/Const"]


@pytest.fixture
def graph() -> tf.Graph:
    with tf.Graph().as_default() as made:
        x = tf.placeholder(tf.float32, [None, 2], name="x")
        w = tf.Variable([[1.0], [2.0]], name="w")
        tf.matmul(x, w)
        tf.constant("model", name="save/Const")
    return made


def written(graph: tf.Graph, kind: str, folder: Path) -> Path:
    """A file or folder with the graph in it."""
    definition = graph.as_graph_def()
    meta = protos.MetaGraphDef(graph_def=definition)
    meta.meta_info_def.tags.append("serve")
    meta.meta_info_def.meta_graph_version = "1"
    meta.meta_info_def.stripped_op_list.op.add(name="MatMul")
    saved = protos.SavedModel(saved_model_schema_version=1, meta_graphs=[meta])
    messages = {"GraphDef": definition, "MetaGraphDef": meta, "SavedModel": saved}
    name, _, form = kind.partition(" ")
    if name == "events":
        with tf.summary.FileWriter(str(folder), graph) as writer:
            writer.add_summary(tf.Summary(value=[{"tag": "a", "simple_value": 1.0}]), 1)
        return next(folder.iterdir())
    ending = "pbtxt" if form == "text" else "pb"
    file = folder / ("saved_model" if name == "SavedModel" else "graph")
    file = file.with_suffix(f".{ending}")
    message = messages[name]
    file.write_bytes(str(message).encode() if form == "text" else message.SerializeToString())
    return folder if form == "folder" else file


KINDS = ["SavedModel folder", "events"]
KINDS += [name + form for name in ("GraphDef", "MetaGraphDef", "SavedModel") for form in ("", " text")]


@pytest.mark.parametrize("kind", KINDS)
def test_graphs_are_read_from(kind: str, graph: tf.Graph, tmp_path: Path) -> None:
    found = read_graph(written(graph, kind, tmp_path))
    assert [node.name for node in found.node] == NAMES


def test_the_last_graph_of_an_event_file_that_is_cut_off(graph: tf.Graph, tmp_path: Path) -> None:
    with tf.summary.FileWriter(str(tmp_path), tf.Graph()) as writer:
        writer.add_graph(graph)
        writer.add_summary(tf.Summary(value=[{"tag": "a", "simple_value": 1.0}]), 1)
    file = next(tmp_path.iterdir())
    file.write_bytes(file.read_bytes()[:-3])
    assert [node.name for node in read_graph(file).node] == NAMES


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff\xfe\x00", b"\x00" * 64, b"node {"])
def test_no_graph(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "rubbish"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"no graph in .*rubbish"):
        read_graph(file)


def test_shapes_are_inferred(graph: tf.Graph) -> None:
    found = {node.name: node for node in with_shapes(graph.as_graph_def()).node}
    sizes = [d.size for d in found["MatMul"].attr["_output_shapes"].list.shape[0].dim]
    assert sizes == [-1, 1]


def test_the_command_draws(graph: tf.Graph, tmp_path: Path) -> None:
    file, svg = written(graph, "GraphDef", tmp_path), tmp_path / "out.svg"
    assert cli.main(["graph", str(file), "--svg", str(svg)]) == 0
    assert svg.stat().st_mode == file.stat().st_mode  # what the user lets others read, they can
    text = svg.read_text(encoding="utf8")
    assert "MatMul" in text and "2×1" in text and "initial_value" not in text
    assert cli.main(["graph", str(file), "--svg", str(svg), "--depth", "1"]) == 0
    assert "initial_value" in svg.read_text(encoding="utf8")


def test_the_command_lists(graph: tf.Graph, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["graph", str(written(graph, "events", tmp_path))]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(NAMES) and lines[5] == "MatMul = MatMul(x, w/read)"


def test_a_damaged_graph_is_drawn_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, svg = tmp_path / "graph.pb", tmp_path / "out.svg"
    file.write_bytes(tf.GraphDef(node=[{"name": "mine", "op": "Neg", "input": ["gone"]}]).SerializeToString())
    assert cli.main(["graph", str(file), "--svg", str(svg)]) == 0
    assert "gone" in capsys.readouterr().err
    assert "mine" in svg.read_text(encoding="utf8")


@pytest.mark.parametrize("words", [["absent.pb"], ["absent.pb", "--svg", "out.svg"]])
def test_the_command_tells_of_missing_files(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["graph", *words]) == cli.USAGE_ERROR
    assert "absent.pb" in capsys.readouterr().err
