"""Tests that take `tier` run in both: interpreted by NumPy, and compiled by XLA from the first run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import reflow as tf


@pytest.fixture(params=["interpret", "compile"])
def tier(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def session(tier: str) -> Callable[..., Any]:
    """Makes a session of the tier whose variables are initialized."""

    def make(**options: Any) -> Any:
        made = tf.Session(tier=tier, **options)
        made.run(tf.group(tf.global_variables_initializer(), tf.no_op()))
        return made

    return make
