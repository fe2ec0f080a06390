"""Tests marked `joint` share their compiles; see `joint`."""

from __future__ import annotations

import pytest

import joint


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    if pyfuncitem.get_closest_marker("joint") is None:
        return None
    with pytest.MonkeyPatch.context() as monkeypatch:
        joint.call(pyfuncitem, monkeypatch)
    return True
