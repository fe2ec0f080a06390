"""Every test and every doctest starts with an empty default graph and without the import hook."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import reflow
from reflow.graph import scopes


@pytest.fixture(autouse=True)
def fresh_process() -> Iterator[None]:
    """Forget the default graph before a test, and take the import hook away after it."""
    scopes.process.root_graph = None
    yield
    reflow.uninstall()
