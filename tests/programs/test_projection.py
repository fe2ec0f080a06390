"""The word-vector example's files for the projector, as TensorBoard reads them."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.summary import board

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what TensorBoard imports
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def projection() -> ModuleType:
    tf.install()
    spec = importlib.util.spec_from_file_location("example_projection", EXAMPLES / "projection.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    tf.uninstall()  # TensorBoard is to be without TensorFlow
    return module


def ask(folder: Path, path: str, **query: Any) -> bytes:
    """What TensorBoard's projector answers for a log folder."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.projector.projector_plugin import ProjectorPlugin
    from werkzeug.test import Client

    board.server(str(folder), 0)  # lends the reader of checkpoints
    runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
    runs.Reload()
    context = TBContext(logdir=str(folder), data_provider=MultiplexerDataProvider(runs, str(folder)))
    answer = Client(ProjectorPlugin(context).get_plugin_apps()[path]).get(path, query_string=query)
    assert answer.status_code == 200, answer.data
    return answer.data


def test_the_projector_shows_the_most_frequent_words(tmp_path: Path, projection: ModuleType) -> None:
    vocabulary = ["UNK", *(f"word{i}" for i in range(50))]
    vectors = np.arange(51 * 4, dtype=np.float32).reshape(51, 4)
    projection.write_projection(str(tmp_path / "projector"), vocabulary, vectors, most=20)
    (embedding,) = json.loads(ask(tmp_path, "/info", run="projector"))["embeddings"]
    assert embedding["tensorShape"] == [20, 4] and embedding["tensorName"] == "words"
    words = ask(tmp_path, "/metadata", run="projector", name="words").decode().splitlines()
    assert words == vocabulary[1:21]
    shown = np.frombuffer(ask(tmp_path, "/tensor", run="projector", name="words"), np.float32)
    np.testing.assert_array_equal(shown.reshape(20, 4), vectors[1:21])


def test_the_example_writes_it(tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the log " * 20)
    words = [
        "--corpus",
        text,
        "--size",
        4,
        "--batch",
        8,
        "--sampled",
        2,
        "--steps",
        5,
        "--out",
        tmp_path / "out",
    ]
    command = [sys.executable, "-m", "reflow", "run", EXAMPLES / "word2vec.py", *words]
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    shown = (tmp_path / "out" / "projector" / "words.tsv").read_text().split()
    assert shown[0] == "the" and sorted(shown) == sorted(set(text.read_text().split()))
    assert ask(tmp_path / "out", "/runs") == b'["projector"]'
