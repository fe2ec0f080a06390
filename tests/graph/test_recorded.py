"""Names, operators, slices, blocks, static shapes and constants as TensorFlow 1.15 builds them."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.graph import describe, snippets, values

import reflow as tf

DATA = Path(__file__).parent / "data"

# What TensorFlow silently wraps round is refused: Python numbers outside of the type's range.
REFUSED = frozenset(
    (
        "tf.convert_to_tensor(2**40, tf.int32)",
        "tf.convert_to_tensor(2**40, tf.uint8)",
        "tf.convert_to_tensor(-1, tf.uint8)",
        "tf.convert_to_tensor(300, tf.uint8)",
        "tf.constant(-1,dtype=tf.uint16)",
    )
)
# What TensorFlow 1.15 refuses and Reflow takes, as NumPy and later TensorFlows do.
TAKEN = {
    "range(3)": [0, 1, 2],
    "[np.array([1,2]),np.array([3,4])]": [[1, 2], [3, 4]],
    "[np.array([1,2]),[3,4]]": [[1, 2], [3, 4]],
    "[np.array([1.5],np.float32)]": [[1.5]],
    "[tf.Dimension(2),3]": [2, 3],
    "[3,tf.Dimension(2)]": [3, 2],
    "1,shape=3": [1, 1, 1],
    "1,dtype=int": 1,
}
# Both refuse; of ValueError and TypeError TensorFlow raises the other. Or only the printed form differs.
OTHER_ERROR = {
    "x[True]": "SLICES",
    "tf.ones([2,None])": "SHAPES",
    "[np.array([1]),np.array([1,2])]": "values",
    "tf.TensorShape([2,3])": "values",
    "tf.TensorShape([2,None])": "values",
    "3,dtype=tf.qint8": "values",
    "1,dtype=tf.bfloat16": "values",
}


@functools.cache
def recorded(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf8"))


def rows(group: str) -> list[Any]:
    texts = getattr(snippets, group)
    names = [k for k in recorded(group.lower()) if k not in OTHER_ERROR and k not in LATER]
    return [pytest.param(texts[k], recorded(group.lower())[k], id=k) for k in names]


def as_json(value: Any) -> Any:
    return json.loads(json.dumps(value))


# `x + 256` for a uint8 `x` is refused too; placeholder_with_default does not look at the declared shape.
LATER = frozenset(("uint8 overflow", "tf.placeholder_with_default(x,[4,3])"))


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


def argument(text: str) -> str:
    """The text between the parentheses of a call."""
    return text[text.index("(") + 1 : -1]


@pytest.mark.parametrize("text", [t for t in values.CALLS if argument(t) not in OTHER_ERROR])
def test_values(text: str) -> None:
    wanted, got = recorded("values")[text], as_json(describe.converted(tf, np, text))
    if text in REFUSED:
        assert "error" not in wanted
        assert got["error"] in ("ValueError", "TypeError")
    elif got != wanted:
        assert "error" in wanted
        assert got[3] == repr(TAKEN[argument(text)])


@pytest.mark.parametrize("text", [k for k, group in OTHER_ERROR.items() if group != "values"])
def test_other_errors(text: str) -> None:
    group = OTHER_ERROR[text]
    got = describe.built(tf, np, getattr(snippets, group)[text])
    assert {got["error"], recorded(group.lower())[text]["error"]} == {"TypeError", "ValueError"}
