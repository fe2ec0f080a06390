"""`reflow export`: variables and programs in the formats of other tools."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import reflow as tf
from reflow.exchange import commands

MODELS = Path(__file__).parent.parent / "saved_model" / "data" / "tf1"
CHECKPOINTS = Path(__file__).parent.parent / "train" / "data" / "checkpoints" / "tf1"


def export(model, to, path, *options):
    return commands.main(["export", str(model), "--to", to, "-o", str(path), *options])


@pytest.fixture
def saved(tmp_path):
    """A checkpoint with many types, and the values in it."""
    values = {
        "dense/kernel": np.arange(6, dtype=np.float32).reshape(2, 3),
        "count": np.int64(5),
        "empty": np.zeros([0, 4], np.float16),
        "flags": np.array([True, False]),
        "words": np.array([b"one", b"three"], object),
    }
    with tf.Graph().as_default(), tf.Session() as sess:
        for name, value in values.items():
            tf.Variable(value, name=name)
        tf.Variable(tf.constant([1.5, 2.0], tf.bfloat16), name="brain")
        sess.run(tf.global_variables_initializer())
        tf.train.Saver(exact=True).save(sess, str(tmp_path / "model"))
    return tmp_path / "model", values


def test_npz(saved, tmp_path, capsys):
    model, values = saved
    assert export(model, "npz", tmp_path / "out.npz") == 0
    found = np.load(tmp_path / "out.npz")
    assert set(found.files) == {*values, "brain"}
    for name, value in values.items():
        kind = "S5" if name == "words" else value.dtype
        assert found[name].dtype == kind and np.array_equal(found[name], value.astype(kind))
    np.testing.assert_array_equal(found["brain"], np.float32([1.5, 2.0]))
    assert "brain: bfloat16 became float32" in capsys.readouterr().err


def test_safetensors(saved, tmp_path, capsys):
    model, values = saved
    path = tmp_path / "out.safetensors"
    assert export(model, "safetensors", path) == 0
    assert "left out: words (string" in capsys.readouterr().err
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + size]), data[8 + size :]
    assert (8 + size) % 8 == 0 and header.pop("__metadata__") == {"format": "reflow"}
    assert header["brain"]["dtype"] == "BF16" and header["count"]["shape"] == []
    assert sorted(header) == ["brain", "count", "dense/kernel", "empty", "flags"]
    kinds = {"F32": "f4", "I64": "i8", "F16": "f2", "BOOL": "?"}
    for name, row in header.items():
        if name != "brain":
            start, stop = row["data_offsets"]
            found = np.frombuffer(body[start:stop], kinds[row["dtype"]]).reshape(row["shape"])
            assert np.array_equal(found, values[name])
    assert max(row["data_offsets"][1] for row in header.values()) == len(body)


def test_safetensors_reads_it(saved, tmp_path):
    library = pytest.importorskip("safetensors.numpy")
    values = saved[1]
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.Variable(values["dense/kernel"], name="k")
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, str(tmp_path / "plain"))
    assert export(tmp_path / "plain", "safetensors", tmp_path / "out") == 0
    np.testing.assert_array_equal(library.load_file(tmp_path / "out")["k"], values["dense/kernel"])


@pytest.mark.parametrize("name", ["simple", "convnet", "conditional"])
def test_programs(name, tmp_path, capsys):
    """The module has one argument, the batch, and the weights are in it."""
    assert export(MODELS / name, "stablehlo", tmp_path / "m.mlir", "--batch", "2") == 0
    text = (tmp_path / "m.mlir").read_text()
    assert "stablehlo." in text and "func.func public @main(%arg0: tensor<2x2xf32>" in text
    assert "%arg1" not in text.split("->")[0]
    assert export(MODELS / name, "stablehlo", tmp_path / "m.bc", "--shape", "x=3x2") == 0
    assert (tmp_path / "m.bc").read_bytes().startswith(b"ML\xefR")
    assert "input x: float32[3, 2]" in capsys.readouterr().err


def test_programs_of_graphs(tmp_path):
    assert export(CHECKPOINTS / "dense", "stablehlo", tmp_path / "m.mlir", "--outputs", "answer") == 0
    assert "tensor<2x3xf32>" in (tmp_path / "m.mlir").read_text()
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [2], name="x")
        tf.multiply(x, x, name="y")
        tf.train.write_graph(graph, str(tmp_path), "frozen.pb", as_text=False)
    options = ("--inputs", "x", "--outputs", "y:0")
    assert export(tmp_path / "frozen.pb", "stablehlo", tmp_path / "f.mlir", *options) == 0
    assert "stablehlo.multiply" in (tmp_path / "f.mlir").read_text()
    options = ("--inputs", "x:0", "--outputs", "y:0", "--shape", "x=2")  # with and without the number
    assert export(tmp_path / "frozen.pb", "stablehlo", tmp_path / "f.mlir", *options) == 0
    assert export(tmp_path / "frozen.pb", "stablehlo", tmp_path / "f.mlir", *options[:-1], "x=3") == 1


@pytest.mark.parametrize(
    ("model", "to", "options", "reason"),
    [
        (MODELS / "simple", "stablehlo", (), "give --batch N or --shape x=2x3"),
        (MODELS / "simple", "stablehlo", ("--shape", "x=3x5"), "does not fit"),
        (MODELS / "simple", "stablehlo", ("--signature", "none"), "no signature 'none', but serving_default"),
        (MODELS / "two_graphs", "stablehlo", (), "choose one with --tags"),
        (MODELS / "two_graphs", "stablehlo", ("--tags", "nope"), "could not be found"),
        (MODELS / "vocabulary", "stablehlo", ("--batch", "1"), "LookupTableFindV2 runs on the host"),
        (CHECKPOINTS / "dense", "stablehlo", (), "no signatures"),
        (CHECKPOINTS / "dense", "stablehlo", ("--outputs", "gone"), "does not exist"),
        (CHECKPOINTS / "many", "stablehlo", ("--outputs", "y"), "without its graph"),
        (MODELS / "no_variables", "npz", (), "no checkpoint"),
        (MODELS / "gone", "npz", (), "no such file"),
    ],
)
def test_what_cannot_be_exported(model, to, options, reason, tmp_path, capsys):
    assert export(model, to, tmp_path / "out", *options) == 1
    error = capsys.readouterr().err
    assert "reflow export: " in error and reason in error, error
    assert not list(tmp_path.iterdir())


def test_no_such_folder(tmp_path, capsys):
    assert export(CHECKPOINTS / "dense", "npz", tmp_path / "gone" / "out.npz") == 1
    assert "No such file or directory" in capsys.readouterr().err


def test_strings_that_numpy_would_cut(tmp_path, capsys):
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.Variable(tf.constant([b"a\0"]), name="words")
        sess.run(tf.global_variables_initializer())
        tf.train.Saver().save(sess, str(tmp_path / "model"))
    assert export(tmp_path / "model", "npz", tmp_path / "out.npz") == 1
    assert "zero byte" in capsys.readouterr().err and not list(tmp_path.glob("out*"))
