"""The import hook: `import tensorflow` gives Reflow."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

import reflow


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_tensorflow_is_reflow() -> None:
    reflow.install()
    assert importlib.import_module("tensorflow") is reflow
    assert importlib.import_module("tensorflow.compat.v1") is reflow
    assert importlib.import_module("tensorflow.python.util.nest") is reflow.python.util.nest
    assert importlib.import_module("tensorflow.compat.v1.gfile") is reflow.gfile


def test_forms_of_import() -> None:
    reflow.install()
    names: dict[str, object] = {}
    exec(
        "import tensorflow as tf\nfrom tensorflow.python.platform import gfile\nimport tensorflow.io.gfile",
        names,
    )
    assert names["tf"] is names["tensorflow"] is reflow
    assert names["gfile"] is importlib.import_module("reflow.python.platform.gfile")


def test_install_twice_and_uninstall() -> None:
    before = list(sys.meta_path)
    reflow.install()
    reflow.install()
    assert len(sys.meta_path) == len(before) + 1
    importlib.import_module("tensorflow.gfile")
    reflow.uninstall()
    reflow.uninstall()
    assert sys.meta_path == before
    assert not [name for name in sys.modules if name.partition(".")[0] == "tensorflow"]


def test_unknown_module() -> None:
    reflow.install()
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'tensorflow.gfil'.*nearest: gfile"):
        importlib.import_module("tensorflow.gfil")


def test_reflows_own_files_are_not_tensorflow_modules() -> None:
    reflow.install()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("tensorflow.platform")


def test_not_installed_by_import() -> None:
    result = run("import reflow, sys; sys.exit(any('TensorFlowFinder' in str(f) for f in sys.meta_path))")
    assert result.returncode == 0, result.stderr


def test_a_foreign_tensorflow_is_refused() -> None:
    code = "import sys, types; sys.modules['tensorflow'] = types.ModuleType('tensorflow')\n"
    result = run(code + "import reflow; reflow.install()")
    assert "real TensorFlow is imported already" in result.stderr


def test_refused_in_a_tensorboard_process() -> None:
    result = run("import sys; sys.modules['tensorboard.main'] = sys\nimport reflow; reflow.install()")
    assert "TensorBoard must run without it" in result.stderr


def test_tensorboards_own_code_does_not_take_reflow_for_tensorflow() -> None:
    result = run("import reflow; reflow.install()\nfrom tensorboard.compat import tf; print(tf.__version__)")
    assert result.stdout == "stub\n", result.stderr


def test_switches() -> None:
    reflow.disable_v2_behavior()
    reflow.disable_eager_execution()
    assert reflow.executing_eagerly() is False
    with pytest.raises(RuntimeError, match="enable_eager_execution"):
        reflow.enable_eager_execution()
