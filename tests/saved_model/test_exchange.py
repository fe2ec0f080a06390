"""SavedModels, written by TensorFlow and by Reflow, loaded and asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import reflow as tf

from . import models

DATA = Path(__file__).parent / "data"
RECORDED = [(version, name) for version in ("tf1", "tf2") for name in sorted(models.MODELS)]


@pytest.mark.parametrize("scope", [None, "outer"])
@pytest.mark.parametrize(("version", "name"), RECORDED)
def test_what_tensorflow_saved(version: str, name: str, scope: str | None) -> None:
    wanted = json.loads((DATA / version / "answers.json").read_text())[name]
    assert models.same(models.ask(tf, name, str(DATA / version / name), scope), wanted)


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_what_reflow_saves_answers_as_tensorflow_does(name: str, tmp_path: Path) -> None:
    wanted = json.loads((DATA / "tf1" / "answers.json").read_text())[name]
    assert models.same(models.save(tf, name, str(tmp_path / name)), wanted)


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_the_files_are_those_of_tensorflow(name: str, tmp_path: Path) -> None:
    models.save(tf, name, str(tmp_path / name))
    assert _files(tmp_path / name) == _files(DATA / "tf1" / name)


def _files(folder: Path) -> set[str]:
    return {os.path.relpath(os.path.join(top, f), folder) for top, _, files in os.walk(folder) for f in files}


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_the_graphs_are_those_of_tensorflow(name: str, tmp_path: Path) -> None:
    models.save(tf, name, str(tmp_path / name))
    for mine, recorded in zip(_graphs(tmp_path / name), _graphs(DATA / "tf1" / name), strict=True):
        assert [(n.name, n.op) for n in mine.graph_def.node] == [
            (n.name, n.op) for n in recorded.graph_def.node
        ]
        assert mine.signature_def == recorded.signature_def
        assert mine.saver_def == recorded.saver_def
        assert mine.asset_file_def == recorded.asset_file_def
        assert list(mine.meta_info_def.tags) == list(recorded.meta_info_def.tags)
        assert set(mine.collection_def) == set(recorded.collection_def)


def _graphs(folder: Path):
    from reflow.saved_model.loader import parse_saved_model

    return parse_saved_model(folder).meta_graphs
