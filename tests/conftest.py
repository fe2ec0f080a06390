"""Tests marked `joint` share their compiles; see `joint`."""

from __future__ import annotations

from typing import Any

import pytest

import joint
from reflow.runtime import compile


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if pyfuncitem.get_closest_marker("joint") is None:
        return None
    with pytest.MonkeyPatch.context() as monkeypatch:
        joint.call(pyfuncitem, monkeypatch)
    return True


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts of the programs that XLA makes, as they are called."""
    texts: list[str] = []
    jitted = compile.backend.jitted

    def noted(function: Any, *options: Any) -> Any:
        program = jitted(function, *options)

        def call(*arrays: Any) -> Any:
            texts.append(program.lower(*arrays).compile().as_text())
            return program(*arrays)

        return call

    monkeypatch.setattr(compile.backend, "jitted", noted)
    return texts
