"""The budgets that keep the code readable: file and function lengths, and where mutable state may live."""

from __future__ import annotations

import ast
import collections
import functools
import statistics
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SRC = ROOT / "src" / "reflow"
MOST_LINES = 700
MEDIAN_FUNCTION = 10
# Process-wide state, and the registry that the `op` decorator fills at import time.
STATEFUL = {"graph/scopes.py", "graph/registry.py"}
ADDING = "add append appendleft extend insert setdefault update"
REMOVING = "clear discard pop popitem popleft remove sort"
MUTATORS = frozenset(f"{ADDING} {REMOVING}".split())
WEAK = "WeakKeyDictionary WeakSet WeakValueDictionary"
CONTAINERS = frozenset(f"{WEAK} Counter OrderedDict bytearray defaultdict deque dict list set".split())
Function = (ast.FunctionDef, ast.AsyncFunctionDef)


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf8").splitlines())


def sources(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in sorted(folder.rglob("*.py"))]


@functools.cache
def parsed() -> list[tuple[str, ast.Module]]:
    return [(str(p.relative_to(SRC)), ast.parse(p.read_text(encoding="utf8"))) for p in sources(SRC)]


@functools.cache
def function_lengths() -> list[int]:
    """Lines of each function of the source, without its docstring and decorators."""
    found = []
    for _, tree in parsed():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                first = node.body[0]
                doc = ast.get_docstring(node, clean=False) is not None
                skipped = (first.end_lineno or 0) - first.lineno + 1 if doc else 0
                found.append((node.end_lineno or 0) - node.lineno + 1 - skipped)
    return found


def test_files_are_short() -> None:
    long = {str(p.relative_to(ROOT)): lines(p) for p in sources(SRC, ROOT / "tests") if lines(p) > MOST_LINES}
    assert not long


def test_functions_are_short() -> None:
    assert statistics.median(function_lengths()) <= MEDIAN_FUNCTION


def shared_with_recorders() -> list[Path]:
    """The files of tests that run under the Python 3.7 of TensorFlow 1.15 too: ruff's settings name them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf8"))["tool"]["ruff"]["lint"]
    found = []
    for pattern, rules in settings["per-file-ignores"].items():
        before, _, rest = pattern.partition("{")
        names, _, after = rest.partition("}")
        if "UP" in rules:
            found += [path for name in names.split(",") for path in sorted(ROOT.glob(before + name + after))]
    return found


def test_what_recorders_share_is_python_3_7() -> None:
    wrong = []
    for path in shared_with_recorders():
        try:
            tree = ast.parse(path.read_text(encoding="utf8"), feature_version=(3, 7))
        except SyntaxError as error:
            wrong.append(f"{path.name}:{error.lineno}: {error.msg}")
            continue
        keywords = (n for call in ast.walk(tree) if isinstance(call, ast.Call) for n in call.keywords)
        wrong += [f"{path.name}:{n.lineno}: zip takes no strict=" for n in keywords if n.arg == "strict"]
    assert len(shared_with_recorders()) > 50 and not wrong


def test_no_global_statement() -> None:
    found = [f"{f}:{n.lineno}" for f, tree in parsed() for n in ast.walk(tree) if isinstance(n, ast.Global)]
    assert not found


def is_container(value: ast.expr | None) -> bool:
    """Whether an expression makes a new mutable container."""
    if isinstance(value, ast.Call):
        name = getattr(value.func, "id", getattr(value.func, "attr", ""))
        return name in CONTAINERS
    return isinstance(value, (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp))


def module_containers(tree: ast.Module) -> set[str]:
    """The module's own names that are bound to a mutable container."""
    names = set()
    for node in tree.body:
        bound = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, (ast.Assign, ast.AnnAssign)) and is_container(node.value):
            names.update(target.id for target in bound if isinstance(target, ast.Name))
    return names


def name_of(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else ""


def mutated(node: ast.AST) -> Iterator[str]:
    """The plain names whose contents one statement or expression changes."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
        yield name_of(node.func.value)
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, (ast.Store, ast.Del)):
        yield name_of(node.value)
    if isinstance(node, ast.AugAssign):
        yield name_of(node.target)


def local_names(function: ast.AST) -> set[str]:
    """The names that a function binds itself: its arguments and what it assigns."""
    nodes = list(ast.walk(function))
    stored = {n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return stored | {n.arg for n in nodes if isinstance(n, ast.arg)}


def mutable_globals(tree: ast.Module) -> set[str]:
    """The module-level containers that some function of the module changes."""
    changed = set()
    for function in (n for n in ast.walk(tree) if isinstance(n, Function)):
        changed |= {name for node in ast.walk(function) for name in mutated(node)} - local_names(function)
    return changed & module_containers(tree)


def test_no_mutable_globals() -> None:
    found = {f: names for f, tree in parsed() if f not in STATEFUL and (names := mutable_globals(tree))}
    assert not found


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("CACHE = {}\ndef f(x):\n    CACHE[x] = 1", {"CACHE"}),
        ("seen = set()\ndef f(x):\n    seen.add(x)", {"seen"}),
        ("TABLE: dict = dict(a=1)\ndef f(x):\n    return TABLE[x]", set()),
        ("rows = []\ndef f():\n    rows = []\n    rows.append(1)", set()),
    ],
)
def test_mutable_globals_are_found(code: str, names: set[str]) -> None:
    assert mutable_globals(ast.parse(code)) == names


def test_report() -> None:
    """Print the lines of each room (`pytest -rP` shows them)."""
    rooms: collections.Counter[str] = collections.Counter()
    for path in sources(SRC):
        rooms[path.relative_to(SRC).parts[0]] += lines(path)
    for room, count in rooms.most_common():
        print(f"{room:<16}{count:>7}")
    print(f"{'total':<16}{rooms.total():>7}   median function: {statistics.median(function_lengths())} lines")
    assert rooms.total() > 0
