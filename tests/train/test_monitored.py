"""Monitored sessions: calls of hooks, log lines, files and graphs, as TensorFlow 1.15 has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.train import monitored_programs as programs
from tests.train import supervised_programs  # noqa: F401  (they enter themselves among the programs)

import reflow as tf

RECORDED = json.loads((Path(__file__).parent / "data" / "monitored.json").read_text())


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each program gives: each is run once, when it is first asked for."""

    class Results(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            found = programs.run(tf, name, str(tmp_path_factory.mktemp(name)))
            self[name] = json.loads(json.dumps(found))
            return self[name]

    return Results()


def test_every_program_is_recorded() -> None:
    assert set(RECORDED) == set(programs.PROGRAMS)


@pytest.mark.parametrize("part", ["facts", "log", "nodes"])
@pytest.mark.parametrize("name", sorted(programs.PROGRAMS))
def test_as_recorded(results: dict[str, Any], name: str, part: str) -> None:
    expected = RECORDED[name][part]
    if part == "nodes" and isinstance(expected, str):  # the same graph as that program's
        expected = RECORDED[expected]["nodes"]
    assert results[name][part] == expected
