"""Names, operators, slices, scopes, shapes and constants as TensorFlow 1.15 builds them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from tests.graph import describe, snippets, values

DATA = Path(__file__).parent / "data"


def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))


def rows(group: str) -> list[Any]:
    texts = getattr(snippets, group)
    return [pytest.param(texts[k], wanted, id=k) for k, wanted in recorded(group.lower()).items()]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


@pytest.mark.parametrize(("text", "wanted"), rows("NAMES"))
def test_names(text: str, wanted: Any) -> None:
    assert as_json(describe.built(tf, np, text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), rows("OPERATORS"))
def test_operators(text: str, wanted: Any) -> None:
    assert as_json(describe.built(tf, np, text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), rows("SLICES"))
def test_slices(text: str, wanted: Any) -> None:
    assert as_json(describe.built(tf, np, text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), rows("BLOCKS"))
def test_blocks(text: str, wanted: Any) -> None:
    assert as_json(describe.built(tf, np, text)) == wanted


@pytest.mark.parametrize(("text", "wanted"), rows("SHAPES"))
def test_static_shapes(text: str, wanted: Any) -> None:
    assert as_json(describe.built(tf, np, text)) == wanted


@pytest.mark.parametrize("text", values.CALLS)
def test_values(text: str) -> None:
    assert as_json(describe.converted(tf, np, text)) == recorded("values")[text]
