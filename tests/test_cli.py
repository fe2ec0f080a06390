"""The `reflow` command."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest


def reflow(*words: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reflow", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def program(folder: Path, text: str, name: str = "program.py") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text), encoding="utf8")
    return path


def test_a_script_runs_as_main(tmp_path: Path) -> None:
    script = program(
        tmp_path,
        """
        import sys, os
        import tensorflow as tf
        import beside
        print(__name__, sys.argv[1:], tf.__version__, beside.x, os.path.basename(__file__))
        print(sys.modules["__main__"].beside is beside)
        """,
    )
    program(tmp_path, "x = 5", "beside.py")
    result = reflow("run", script, "-a", "--graph-json", "b")
    assert result.stdout == "__main__ ['-a', '--graph-json', 'b'] 1.15.0 5 program.py\nTrue\n", result.stderr
    assert result.returncode == 0


def test_a_module_runs_as_main(tmp_path: Path) -> None:
    program(tmp_path, "", "pkg/__init__.py")
    program(tmp_path, "import sys, tensorflow; print(__name__, __package__, sys.argv[1:])", "pkg/mod.py")
    result = reflow("run", "-m", "pkg.mod", "-m", "x", cwd=tmp_path)
    assert result.stdout == "__main__ pkg ['-m', 'x']\n", result.stderr


@pytest.mark.parametrize(
    ("end", "status", "error"),
    [
        ("sys.exit(7)", 7, ""),
        ("sys.exit('gone')", 1, "gone\n"),
        ("sys.exit()", 0, ""),
        ("raise KeyboardInterrupt", 130, None),
        ("raise ValueError('no')", 1, None),
    ],
)
def test_exit_status(tmp_path: Path, end: str, status: int, error: str | None) -> None:
    result = reflow("run", program(tmp_path, f"import sys\n{end}\n"))
    assert result.returncode == status
    assert error is None or result.stderr == error


def test_a_traceback_shows_the_program_alone(tmp_path: Path) -> None:
    script = program(tmp_path, "def f():\n    raise ValueError('no')\n\nf()\n")
    result = reflow("run", script)
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert [line for line in result.stderr.splitlines() if "File" in line] == [
        f'  File "{script}", line 4, in <module>',
        f'  File "{script}", line 2, in f',
    ]
    assert result.stderr.endswith("ValueError: no\n")


def test_a_traceback_of_a_module_shows_the_program_alone(tmp_path: Path) -> None:
    program(tmp_path, "raise ValueError('no')\n", "mod.py")
    result = reflow("run", "-m", "mod", cwd=tmp_path)
    assert len([line for line in result.stderr.splitlines() if "File" in line]) == 1, result.stderr


def test_a_syntax_error_names_the_line(tmp_path: Path) -> None:
    result = reflow("run", program(tmp_path, "x = = 1\n"))
    assert result.returncode == 1
    assert "SyntaxError" in result.stderr and "line 1" in result.stderr and "cli.py" not in result.stderr


GRAPH_PROGRAM = """
import os, tensorflow as tf
tf.constant([1.0, 2.0], name="a")
tf.add_to_collection("mine", tf.get_default_graph().get_tensor_by_name("a:0"))
tf.add_to_collection("mine", 42)
os.chdir("/")
"""


@pytest.mark.parametrize(
    ("end", "status"), [("", 0), ("raise ValueError", 1), ("import sys; sys.exit(3)", 3)]
)
def test_graph_json(tmp_path: Path, end: str, status: int) -> None:
    result = reflow("run", "--graph-json", "g.json", program(tmp_path, GRAPH_PROGRAM + end), cwd=tmp_path)
    assert result.returncode == status, result.stderr
    assert json.loads((tmp_path / "g.json").read_text()) == {
        "nodes": [
            {
                "name": "a",
                "op": "Const",
                "inputs": [],
                "control_inputs": [],
                "outputs": [["float32", "(2,)"]],
                "device": "",
            }
        ],
        "collections": {"mine": ["a:0", "int"]},
    }
    assert [p.name for p in tmp_path.glob("g.json*")] == ["g.json"]


def test_graph_json_of_a_program_without_a_graph(tmp_path: Path) -> None:
    reflow("run", "--graph-json", "g.json", program(tmp_path, "x = 1"), cwd=tmp_path)
    assert json.loads((tmp_path / "g.json").read_text()) == {"nodes": [], "collections": {}}


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["run"],
        ["run", "--graph-json"],
        ["run", "-m"],
        ["run", "--no-such", "x.py"],
        ["info", "x"],
    ],
)
def test_wrong_arguments_give_the_usage(words: list[str]) -> None:
    result = reflow(*words)
    assert result.returncode == 2
    assert result.stderr.startswith("usage: reflow")


def test_missing_script(tmp_path: Path) -> None:
    result = reflow("run", tmp_path / "none.py")
    assert result.returncode == 2
    assert result.stderr == f"reflow run: no such file: {tmp_path / 'none.py'}\n"


def test_missing_module() -> None:
    result = reflow("run", "-m", "no.such.module")
    assert result.returncode == 1
    assert result.stderr == "reflow run: no module named no.such.module\n"


def test_version() -> None:
    result = reflow("--version")
    assert (result.returncode, result.stdout) == (0, "reflow 0.1.0\n")


def test_info_names_versions_and_devices() -> None:
    result = reflow("info")
    assert result.returncode == 0, result.stderr
    assert "numpy" in result.stdout and "cpu:0" in result.stdout
