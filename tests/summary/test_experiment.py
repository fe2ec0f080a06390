"""Runs side by side, TensorBoard's own reading of them, and the commands for log folders."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.summary import experiment as experiments

from . import scenario


def command(*words: Any) -> subprocess.CompletedProcess[str]:
    """The result of a `reflow` command in a process of its own."""
    line = [sys.executable, "-m", "reflow", *map(str, words)]
    return subprocess.run(line, capture_output=True, text=True, check=False, timeout=300)


def train(folder: Path, rate: float, steps: int = 3, **more: Any) -> Any:
    with tf.experiment(folder, {"rate": rate, "layers": 2, **more}) as run:
        for step in range(steps):
            value = tf.Summary.Value(tag="loss", simple_value=rate * (steps - step))
            run.writer().add_summary(tf.Summary(value=[value]), step)
    return run


@pytest.mark.parametrize(
    ("hparams", "name"),
    [
        ({"lr": 0.1, "batch": 32}, "batch=32,lr=0.1"),
        ({"lr": np.float64(0.1), "deep": np.bool_(True)}, "deep=True,lr=0.1"),
        ({}, "default"),
    ],
)
def test_names(hparams: dict[str, Any], name: str) -> None:
    assert experiments.run_name(hparams) == name


def test_unsafe_and_long_names_stay_apart() -> None:
    first, second = experiments.run_name({"f": "a/b"}), experiments.run_name({"f": "a b"})
    assert first != second and "/" not in first and " " not in second
    first, second = (experiments.run_name({"text": "x" * 300 + end}) for end in "ab")
    assert first != second and len(first) <= experiments.MAX_NAME


@pytest.mark.parametrize("wrong", [None, [1], {1: 2}])
def test_settings_must_have_names(tmp_path: Path, wrong: Any) -> None:
    with pytest.raises(TypeError, match="hparams"):
        tf.experiment(tmp_path, wrong)


def test_the_table_of_runs(tmp_path: Path) -> None:
    train(tmp_path, 0.5)
    train(tmp_path, 0.25, steps=5, note="slow")
    found = experiments.runs(str(tmp_path))
    assert [(r.settings, r.step, r.scalars) for r in found] == [
        ({"layers": 2.0, "note": "slow", "rate": 0.25}, 4, {"loss": 0.25}),
        ({"layers": 2.0, "rate": 0.5}, 2, {"loss": 0.5}),
    ]
    result = command("runs", tmp_path)
    assert result.returncode == 0, result.stderr
    assert "0.25" in result.stdout and "slow" in result.stdout and "loss" in result.stdout


def test_a_failed_run_is_noted(tmp_path: Path) -> None:
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    with pytest.raises(KeyError), tf.experiment(tmp_path, {"a": True}) as run:
        raise KeyError
    values = [
        v
        for f in Path(run.logdir).iterdir()
        for e in tf.train.summary_iterator(str(f))
        for v in e.summary.value
    ]
    datas = [plugin_data_pb2.HParamsPluginData.FromString(v.metadata.plugin_data.content) for v in values]
    assert datas[0].session_start_info.hparams["a"].bool_value is True
    assert datas[-1].session_end_info.status == api_pb2.STATUS_FAILURE


def test_resume_takes_the_newest_checkpoint(tmp_path: Path) -> None:
    class Saver:
        def restore(self, session: Any, path: str) -> None:
            self.restored = path

    run, saver = tf.experiment(tmp_path, {"a": 1}), Saver()
    assert run.checkpoint is None and run.resume(None, saver) == 0
    Path(run.logdir).mkdir()
    Path(run.checkpoint_prefix + "-40.index").write_text("")
    (Path(run.logdir) / "checkpoint").write_text('model_checkpoint_path: "model.ckpt-40"\n')
    again = tf.experiment(tmp_path, {"a": 1})
    assert again.resume(None, saver) == 40
    assert saver.restored == run.checkpoint_prefix + "-40"


def test_tensorboard_reads_what_is_written(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing import event_accumulator

    scenario.write(tf, str(tmp_path))
    found = event_accumulator.EventAccumulator(str(tmp_path)).Reload()
    tags = found.Tags()
    assert tags["scalars"] == ["the_error", "test/accuracy"] and tags["graph"] and tags["meta_graph"]
    assert tags["histograms"] == ["layer/layer/weights_of_w"] and tags["audio"] == ["tone/audio"]
    assert set(tags["tensors"]) == {"note", "extent"}
    assert [e.step for e in found.Scalars("the_error")] == [0, 1, 2]
    assert found.summary_metadata["note"].plugin_data.plugin_name == "text"


def test_commands_on_missing_folders(tmp_path: Path) -> None:
    for name in ("board", "runs"):
        result = command(name, tmp_path / "none")
        assert result.returncode == 2 and "no such folder" in result.stderr
    result = command("runs", tmp_path)
    assert result.returncode == 1 and "no scalars" in result.stderr


def test_board_serves_on_localhost(tmp_path: Path) -> None:
    train(tmp_path, 0.5)
    line = [sys.executable, "-m", "reflow", "board", "--port", "0", str(tmp_path)]
    process = subprocess.Popen(line, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        assert process.stderr is not None
        url = next(w for text in process.stderr for w in text.split() if w.startswith("http://localhost"))
        with urllib.request.urlopen(f"{url}data/environment", timeout=30) as answer:
            assert str(tmp_path).encode() in answer.read()
    finally:
        process.kill()
        process.communicate()


def test_check_numerics_names_the_node_and_the_line(tmp_path: Path) -> None:
    script = tmp_path / "program.py"
    script.write_text(
        textwrap.dedent(
            """
            import tensorflow as tf
            x = tf.placeholder(tf.float32)
            y = tf.sqrt(x, name="root")  # here
            with tf.Session() as sess:
                print(sess.run(y, {x: 4.0}))
                print(sess.run(y + 1.0, {x: -1.0}))
            """
        )
    )
    result = command("run", script)
    assert result.returncode == 0 and result.stdout == "2.0\nnan\n"
    result = command("run", "--check-numerics", script)
    assert result.returncode == 1 and result.stdout == "2.0\n"
    assert "Sqrt 'root' made NaN" in result.stderr and "# here" in result.stderr
