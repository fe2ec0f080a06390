"""The table of public names, and the modules that are made from it."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import reflow as tf
from reflow import api


def entries() -> list[tuple[str, str]]:
    return [(room, name) for room, names in api.table().items() for name in names]


def failure(room: str, name: str) -> str | None:
    try:
        api.resolve(room, name)
    except Exception as error:
        return f"tf.{room}.{name}: {type(error).__name__}: {error}".replace("..", ".")
    return None


def test_every_entry_resolves() -> None:
    missing = [text for room, name in entries() if (text := failure(room, name))]
    assert not missing, f"{len(missing)} entries do not resolve:\n" + "\n".join(missing)


@pytest.mark.parametrize("room", sorted(api.children()))
def test_every_room_is_a_module(room: str) -> None:
    module = importlib.import_module(f"reflow.{room}".rstrip("."))
    assert isinstance(module, ModuleType)
    assert set(api.public_names(room)) <= set(dir(module))
    assert module.__all__ == api.public_names(room)


@pytest.mark.parametrize("alias", sorted(api.aliases()))
def test_every_alias_is_the_module_it_names(alias: str) -> None:
    target = api.canonical(alias)
    assert api.is_room(target), f"{alias} stands for {target}, which is no room"
    assert importlib.import_module(f"reflow.{alias}") is importlib.import_module(
        f"reflow.{target}".rstrip(".")
    )


def test_no_file_hides_a_public_name() -> None:
    """A file `reflow/x/y.py` becomes the attribute `y` of `reflow.x`; no function can be `y` then."""
    root = Path(api.__file__).parent
    files = {
        (".".join(path.relative_to(root).parent.parts), path.stem)
        for path in root.rglob("*.py")
        if path.stem != "__init__"
    }
    folders = {(".".join(p.relative_to(root).parts[:-1]), p.name) for p in root.rglob("*") if p.is_dir()}
    assert not (files | folders) & set(entries())


def test_names_are_cached() -> None:
    assert tf.version.VERSION == "1.15.0"
    assert "VERSION" in vars(tf.version)


def test_top_level_values() -> None:
    assert tf.__version__ == tf.VERSION == "1.15.0"
    assert tf.newaxis is None
    assert tf.float32.name == "float32"


def test_whole_tree_again() -> None:
    assert importlib.import_module("reflow.compat.v1") is tf
    assert importlib.import_module("reflow.compat.v1.io.gfile") is tf.io.gfile
    assert tf.compat.v1.io is tf.io


def test_a_room_in_from_import() -> None:
    from reflow.python.util import nest

    assert nest.flatten([1, (2,)]) == [1, 2]
    assert nest is tf.python.util.nest


def test_unknown_name_names_the_nearest() -> None:
    with pytest.raises(
        AttributeError, match=r"module 'tf.gfile' has no attribute 'Exist'; .*nearest: Exists"
    ):
        _ = tf.gfile.Exist


def test_unknown_name_that_tensorflow_has() -> None:
    with pytest.raises(AttributeError, match="TensorFlow 1.15 has it, Reflow does not"):
        _ = tf.keras
    with pytest.raises(AttributeError, match="TensorFlow 1.15 has none either"):
        _ = tf.no_such_function


def test_unknown_module_names_the_nearest() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'reflow.gfil'.*nearest: gfile") as caught:
        importlib.import_module("reflow.gfil")
    assert caught.value.name == "reflow.gfil"


def test_wrong_from_import_is_an_import_error() -> None:
    with pytest.raises(ImportError, match=r"cannot import name 'Exist': module 'tf.gfile' has.*: Exists"):
        exec("from reflow.gfile import Exist")
    names: dict[str, object] = {}
    exec("from reflow import gfile, float32", names)
    assert names["gfile"] is tf.gfile


def test_two_places_for_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api.api_tables, "TABLES", ("a\n  .: x", "b\n  .: x"))
    with pytest.raises(ValueError, match="tf.*x is both"):
        api.table.__wrapped__()


def test_nothing_is_imported_before_it_is_used() -> None:
    code = "import sys, reflow, reflow.gfile; sys.exit('reflow.platform.gfile' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
