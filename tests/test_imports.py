"""The order of the rooms: who may import whom, no cycles, and no imports hidden in functions."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

SRC = Path(__file__).parent.parent / "src"

# Room -> the rooms it may import, besides itself. `api` names its modules in strings and imports none.
LOW = ("base", "graph")
MODEL = (*LOW, "platform", "ops", "autodiff", "runtime", "model")
TOP = (
    *MODEL,
    "train",
    "train.hooks_writing",
    "train.supervisor",
    "summary",
    "data",
    "saved_model",
    "contrib",
)
ALLOWED = {
    "base": (),
    "graph": ("base",),
    "platform": LOW,
    "platform.test": (*LOW, "runtime"),
    "ops": (*LOW, "platform"),
    "autodiff": (*LOW, "ops"),
    "runtime": LOW,
    "model": MODEL,
    "train": MODEL,
    # What runs a training writes summaries as well as checkpoints.
    "train.hooks_writing": (*MODEL, "summary"),
    "train.supervisor": (*MODEL, "summary"),
    "summary": (*MODEL, "train"),
    "data": MODEL,
    # Positions of iterators are saved as variables are.
    "data.checkpoints": (*MODEL, "train", "train.hooks_writing"),
    "saved_model": (*MODEL, "train"),
    "contrib": TOP,
    "exchange": (*MODEL, "train", "saved_model", "api"),
    "api_tables": (),
    "api": ("api_tables",),
    "install": ("api",),
    "cli": ("base", "graph", "platform", "runtime", "summary", "exchange", "install", "api"),
    "__main__": ("cli",),
    "": ("api", "install"),
}

# What a function may import: JAX, which is slow to load, and third-party packages that one feature needs.
IN_FUNCTIONS = {
    "jax",
    "jaxlib",
    "ml_dtypes",
    "tensorboard",
    "google",
    "rich",
    "scipy",
    "sklearn",
    "PIL",
    "matplotlib",
}


class Import(NamedTuple):
    """One import statement: the module that it is in, what it imports, and where."""

    module: str
    target: str
    line: int
    in_function: bool


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(SRC).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def trees() -> dict[str, ast.Module]:
    files = sorted((SRC / "reflow").rglob("*.py"))
    return {module_name(path): ast.parse(path.read_text(encoding="utf8")) for path in files}


def targets(node: ast.Import | ast.ImportFrom, module: str) -> list[str]:
    """The modules that a statement imports; `from package import submodule` is an import of the submodule."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    assert node.level == 0, f"{module}:{node.lineno}: relative imports are not used here"
    whole = [f"{node.module}.{alias.name}" for alias in node.names]
    return [name if name in trees() else str(node.module) for name in whole]


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports_in(node: ast.AST, module: str, in_function: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            for target in targets(child, module):
                yield Import(module, target, child.lineno, in_function)
        elif not for_types_only(child):
            inside = in_function or isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            yield from imports_in(child, module, inside)


@functools.cache
def all_imports() -> list[Import]:
    return [found for module, tree in trees().items() for found in imports_in(tree, module)]


def room(module: str) -> str:
    inside = module.removeprefix("reflow").removeprefix(".")
    return inside if inside in ALLOWED else inside.partition(".")[0]


def test_every_folder_is_a_package() -> None:
    """A folder without `__init__.py` would be missing in an installed Reflow."""
    folders = {path.parent for path in (SRC / "reflow").rglob("*.py")}
    assert not [str(folder) for folder in folders if not (folder / "__init__.py").exists()]


def test_every_room_is_known() -> None:
    assert {room(module) for module in trees()} <= set(ALLOWED)


def test_a_room_imports_only_from_rooms_above_it() -> None:
    wrong = [
        f"{i.module}:{i.line} imports {i.target}"
        for i in all_imports()
        if i.target.startswith("reflow") and room(i.target) not in (room(i.module), *ALLOWED[room(i.module)])
        if room(i.target).partition(".")[0] != room(i.module).partition(".")[0]
    ]
    assert not wrong, "\n".join(wrong)


def test_functions_import_only_slow_or_optional_packages() -> None:
    wrong = [
        f"{i.module}:{i.line} imports {i.target} in a function"
        for i in all_imports()
        if i.in_function and i.target.partition(".")[0] not in IN_FUNCTIONS
    ]
    assert not wrong, "\n".join(wrong)


def test_jax_and_tensorboard_are_imported_in_functions_only() -> None:
    wrong = [
        f"{i.module}:{i.line} imports {i.target}"
        for i in all_imports()
        if not i.in_function and i.target.partition(".")[0] in ("jax", "jaxlib", "tensorboard")
    ]
    assert not wrong, "\n".join(wrong)


def graph() -> dict[str, set[str]]:
    edges: dict[str, set[str]] = {module: set() for module in trees()}
    for i in all_imports():
        if i.target in edges and i.target != i.module:
            edges[i.module].add(i.target)
    return edges


def a_cycle(edges: dict[str, set[str]]) -> list[str]:
    """Some cycle of the graph as a path, or an empty list: take away what imports nothing that is left."""
    left = {module: set(targets) for module, targets in edges.items()}
    while free := [module for module, targets in left.items() if not targets & left.keys()]:
        for module in free:
            del left[module]
    path: list[str] = []
    module = min(left, default="")
    while left and module not in path:
        path.append(module)
        module = min(left[module] & left.keys())
    return [*path[path.index(module) :], module] if path else []


def test_no_import_cycles() -> None:
    cycle = a_cycle(graph())
    assert not cycle, " -> ".join(cycle)


def test_the_cycle_finder_finds_cycles() -> None:
    assert a_cycle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    assert a_cycle({"a": {"b"}, "b": set()}) == []


@functools.cache
def loaded_modules() -> set[str]:
    """What a process has loaded after `import reflow`."""
    code = "import sys, reflow, reflow.cli; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(result.stdout.split())


@pytest.mark.parametrize("module", ["jax", "tensorboard", "absl", "rich", "google.protobuf"])
def test_import_reflow_is_light(module: str) -> None:
    assert "reflow.cli" in loaded_modules() and module not in loaded_modules()


def test_an_error_of_an_interpreted_step_needs_no_compiler() -> None:
    code = (
        "import sys, reflow as tf\n"
        "x = tf.placeholder(tf.float32, [None])\n"
        "try:\n"
        "    tf.Session(tier='interpret').run(tf.gather(x, 3), {x: [1.0]})\n"
        "except tf.errors.InvalidArgumentError:\n"
        "    print('jax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
