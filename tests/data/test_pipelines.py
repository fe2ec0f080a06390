"""Every recorded pipeline: the same nodes, functions and elements as TensorFlow 1.15's."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

import reflow as tf

from . import harness
from .scenarios import BUILDS

RECORDED = harness.load()
# TensorFlow 1.15 makes `If` nodes in functions, Reflow the Switch and Merge that it makes elsewhere.
WITH_CONDITIONS = ("mapped_conditions", "bucketed_to_boundary", "resampled", "resampled_without_dist")


@pytest.mark.parametrize("name", list(BUILDS))
def test_pipeline(name: str, tmp_path: Path) -> None:
    want = RECORDED[name]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "tf.data static optimizations")
        got: Any = harness.answer(tf, BUILDS[name], str(tmp_path))
    if "raises" in want or "raises" in got:
        assert got == want
        return
    assert got["elements"] == want["elements"]
    assert got["nodes"] == want["nodes"]
    if name not in WITH_CONDITIONS:
        assert got["bodies"] == want["bodies"]
