"""`reflow inspect`: each kind of file, and what is none."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

import reflow as tf
from reflow.exchange import commands, inspection

CHECKPOINTS = Path(__file__).parent.parent / "train" / "data" / "checkpoints" / "tf1"
MODELS = Path(__file__).parent.parent / "saved_model" / "data"


def shown(path):
    """The report as text, a line a row."""
    console = Console(file=io.StringIO(), width=200)
    for part in inspection.report(path):
        console.print(part, markup=False, highlight=False)
    return console.file.getvalue()


@pytest.fixture
def saved(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        kernel = tf.get_variable("dense/kernel", [3, 4])
        odd = tf.get_variable("odd", initializer=tf.constant(["text"]))
        tf.placeholder(tf.float32, name="x")
        sess.run(tf.global_variables_initializer())
        saver = tf.train.Saver({"dense/kernel": kernel, "[odd] name": odd})
        saver.save(sess, str(tmp_path / "model"), global_step=7)
        tf.train.write_graph(sess.graph, str(tmp_path), "graph.pbtxt")
        tf.train.write_graph(sess.graph, str(tmp_path), "graph.pb", as_text=False)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["", "model-7", "model-7.index", "model-7.data-00000-of-00001", "model-7.meta"]
)
def test_checkpoints(saved, name):
    text = shown(saved / name)
    assert "dense/kernel │ float32 │ [3, 4]" in text and "48 B" in text
    assert "[odd] name   │ string  │ [1]" in text and "13 elements" in text
    assert ("Operations" in text) == name.endswith("meta")


@pytest.mark.parametrize("name", ["graph.pbtxt", "graph.pb", "model-7.meta"])
def test_graphs(saved, name):
    text = shown(saved / name)
    assert "VariableV2" in text and "Placeholder" in text and "GraphDef version 134" in text
    assert ("save/restore_all" in text) == name.endswith("meta")


def test_old_checkpoints():
    text = shown(CHECKPOINTS / "old")
    assert "complex64 │ complex64 │ [3, 4]" in text and "12 in all" in text


def test_saved_models():
    text = shown(MODELS / "tf1" / "two_graphs")
    assert "tags 'train'" in text and "tags 'serve', 'extra'" in text
    assert "tensorflow/serving/predict" in text and "x:0    │ float32 │ [?, 2]" in text
    assert shown(MODELS / "tf1" / "two_graphs" / "saved_model.pbtxt") == text
    text = shown(MODELS / "tf2" / "vocabulary")
    assert "file words.txt" in text and "scale" in text
    assert "sparse: sparse/indices:0, sparse/values:0" in shown(MODELS / "tf1" / "sparse")
    assert "no variables" in shown(MODELS / "tf1" / "no_variables")


def test_unknown_ops_and_functions(tmp_path):
    with tf.Graph().as_default() as graph:
        tf.data.Dataset.range(3).map(lambda x: x * 2).make_initializable_iterator()
        message = graph.as_graph_def()
    message.node.add(name="odd", op="NoSuchOp")
    (tmp_path / "g.pb").write_bytes(message.SerializeToString())
    text = shown(tmp_path / "g.pb")
    assert "unknown to Reflow" in text and "(1 functions)" in text and "Mul" in text


def test_what_is_no_model(saved, capsys):
    (saved / "text.txt").write_text("hello")
    (saved / "empty.pb").write_bytes(b"")
    (saved / "model-7.index").write_bytes((saved / "model-7.index").read_bytes()[:-9])
    (saved / "nothing").mkdir()
    for name, reason in (
        ("gone", "no such file"),
        ("nothing", "neither a SavedModel"),
        ("text.txt", "neither as a binary GraphDef"),
        ("empty.pb", "holds no graph"),
        ("model-7", "model-7.index"),
        ("nothing/saved_model.pb", "no saved_model.pb"),
    ):
        assert commands.main(["inspect", str(saved / name)]) == 1
        error = capsys.readouterr().err
        assert error.startswith("reflow inspect: ") and reason in error, error


def test_the_command(saved, capsys):
    assert commands.main(["inspect", str(saved / "graph.pb")]) == 0
    assert "Operations" in capsys.readouterr().out


def test_sizes_of_all_types(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.Variable(np.zeros(1000, np.float64), name="wide")
        tf.Variable(tf.zeros([3], tf.bfloat16), name="brain")
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, str(tmp_path / "m"))
    text = shown(tmp_path / "m")
    assert "7.8 KiB" in text and "bfloat16 │ [3]" in text and "6 B" in text
