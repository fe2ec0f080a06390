"""Profiles of compiled programs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import reflow as tf


def recorded(folder: Path, ending: str) -> Path:
    (file,) = folder.glob(f"plugins/profile/*/*{ending}")
    return file


def test_a_profile_has_the_instructions_of_compiled_programs(tmp_path: Path) -> None:
    x = tf.placeholder(tf.float32, [64, 64])
    y = tf.tanh(tf.matmul(x, x))
    feed = {x: np.eye(64)}
    config = tf.ConfigProto()
    config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_1
    with tf.Session(config=config) as session:
        plain = session.run(y, feed)
        with tf.profile(tmp_path / "logs"):
            for _ in range(3):
                np.testing.assert_array_equal(session.run(y, feed), plain)
    with gzip.open(recorded(tmp_path / "logs", ".trace.json.gz")) as file:
        events = json.load(file)["traceEvents"]
    modules = [e["args"].get("hlo_module", "") for e in events if e.get("ph") == "X" and "args" in e]
    assert any(name.startswith("jit_") for name in modules)
    assert b"tanh" in recorded(tmp_path / "logs", ".xplane.pb").read_bytes()


def test_one_profile_at_a_time(tmp_path: Path) -> None:
    two = tf.profile(tmp_path / "two")
    with tf.profile(tmp_path / "one"), pytest.raises(RuntimeError, match=r"[Pp]rofile"):
        two.__enter__()
    with tf.profile(tmp_path / "three"):
        pass


def test_a_failing_block_ends_its_profile(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with pytest.raises(ZeroDivisionError), tf.profile(tmp_path / name):
            raise ZeroDivisionError
        assert recorded(tmp_path / name, ".xplane.pb").exists()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(tf.errors.OpError), tf.profile(tmp_path / "file" / "logs"):
        raise AssertionError("no folder")
