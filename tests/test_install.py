"""The import hook: `import tensorflow` gives Reflow."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

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


TENSORBOARD = "from tensorboard import main, program\n"
HOOK = "import reflow; reflow.install()\n"


@pytest.mark.parametrize("code", [TENSORBOARD + HOOK, HOOK + TENSORBOARD], ids=["before", "after"])
def test_tensorboards_own_code_does_not_take_reflow_for_tensorflow(code: str, tmp_path: Path) -> None:
    with reflow.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(reflow.Summary(value=[reflow.Summary.Value(tag="loss", simple_value=0.5)]), 7)
    result = run(
        f"{code}import tensorflow; assert tensorflow is reflow\n"
        "from tensorboard.compat import tf; print(tf.__version__)\n"
        "from tensorboard.backend.event_processing.event_accumulator import EventAccumulator\n"
        f"print(EventAccumulator({str(tmp_path)!r}).Reload().Scalars('loss')[0].value)"
    )
    assert result.stdout == "stub\n0.5\n", result.stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of what TensorBoard imports
def test_tensorboard_in_the_same_process() -> None:
    """As in a notebook that shows one; its modules stay for the tests after this one."""
    importlib.import_module("tensorboard.program").TensorBoard()
    reflow.install()
    assert importlib.import_module("tensorflow") is reflow
    reflow.uninstall()
    reflow.install()
    assert importlib.import_module("tensorflow.compat.v1") is reflow


def test_switches() -> None:
    reflow.disable_v2_behavior()
    reflow.disable_eager_execution()
    assert reflow.executing_eagerly() is False
    with pytest.raises(RuntimeError, match="enable_eager_execution"):
        reflow.enable_eager_execution()
