"""Every op against TensorFlow 1.15: values in both tiers, shapes, types, names, gradients, errors.

The rows are in ``cases_*.py``, the recordings in ``data/`` (made by ``tools/record_ops.py``). A check that
a row turns off says why in the row.
"""

from __future__ import annotations

import builtins
import functools
import itertools
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.base.shape import TensorShape
from reflow.graph import registry
from reflow.runtime.session import Session

from . import differences
from .harness import Built
from .pending import pending
from .recordings import Recordings
from .table import ErrorRow, Row, families

TABLE = families()
PENDING = pending()
CASES = [row for rows in TABLE.values() for row in rows.cases if row.id not in PENDING]
ERRORS = [row for rows in TABLE.values() for row in rows.errors if row.id not in PENDING]
WAITING = {row.id: row for rows in TABLE.values() for row in rows.cases + rows.errors if row.id in PENDING}
GRADIENTS = [
    row for row in CASES if row.grad is not False and any(i.differentiable for i in row.inputs.values())
]
REAL_GRADIENTS = [row for row in GRADIENTS if differences.applies(row) and not row.double]
UNKNOWN = [(row, how) for row in CASES if row.inputs and row.known for how in ("dims", "rank")]

RTOL = {"float16": 4e-3, "float32": 1e-5, "float64": 1e-10, "complex64": 1e-5, "complex128": 1e-10}
# Reasons of rows not recorded for unknown shapes whose values are others then, with both systems.
OTHER_VALUES = (
    "the seed is the number of nodes",
    "TensorFlow takes an unknown rank for 3",
    "it needs a shape",
    "bytes stay bytes only if the size is known to be the same",
    "its diagonals are padded by their static lengths",
)
NO_GRADIENT = (LookupError, TypeError, NotImplementedError)


def each(rows: Iterable[Row]) -> Any:
    return pytest.mark.parametrize("row", rows, ids=lambda row: row.id)


@functools.cache
def recordings(family: str) -> Recordings:
    return Recordings(family)


def recorded(row: Row) -> dict[str, Any]:
    """The row's recording, as JSON."""
    stored = recordings(row.family)
    assert row.name in stored, f"{row.id} is not recorded: run tools/record_ops.py {row.family}"
    return stored[row.name]


def arrays(row: Row, entries: list[Any]) -> list[Any]:
    """The arrays of JSON entries; None stays None."""
    return [None if e is None else recordings(row.family).array(e) for e in entries]


def session(built: Built, tier: str = "interpret") -> Session:
    return Session(graph=built.graph, tier=tier)


def usual(row: Row) -> str:
    """How the row's inputs are fed where nothing else is said."""
    return "known" if row.known else "rank"


def assert_same(actual: Any, expected: np.ndarray, row: Row, exact: bool = False) -> None:
    """Equal type, shape and values, within the row's or the type's tolerance."""
    actual = np.array(actual, dtype=object) if isinstance(actual, bytes) else np.asarray(actual)
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    rtol = row.rtol or RTOL.get(expected.dtype.name)
    if exact or rtol is None or expected.dtype.kind not in "fc":
        np.testing.assert_array_equal(actual, expected)
        return
    finite = np.abs(expected[np.isfinite(expected)])
    scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=rtol * scale)


def together(*checks: Callable[[], None]) -> None:
    """Make all checks, and raise what those that fail raise."""
    failures = []
    for check in checks:
        try:
            check()
        except Exception as error:
            failures.append(error)
    if failures:
        raise failures[0] if len(failures) == 1 else ExceptionGroup("checks of the row", failures)


def assert_compatible(built: Built, row: Row) -> None:
    """The static shapes allow the recorded ones."""
    for tensor, stored in zip(built.tensors, recorded(row)["steps"][0], strict=True):
        assert tensor.shape.is_compatible_with(TensorShape(stored["shape"]))


def assert_steps(found: list[list[Any]], row: Row) -> None:
    expected = recorded(row)["steps"]
    assert len(found) == len(expected)
    for step, entries in zip(found, expected, strict=True):
        for value, array in zip(step, arrays(row, entries), strict=True):
            assert_same(value, array, row)


class FoldingGraph(tf.Graph):
    """A graph whose names count as equal when they differ in case only, as TensorFlow 1.13 and later have it.

    Reflow's names are case-sensitive, as those of the TF 1.x of the documents; the recordings are of 1.15.
    """

    def __init__(self) -> None:
        super().__init__()
        self._folded: dict[str, int] = {}

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        name = f"{self._name_stack}/{name}" if self._name_stack else name
        used, base = self._folded, name
        i = used.get(name.lower(), 0)
        if mark_as_used:
            used[name.lower()] = i + 1
        if i > 0:
            while name.lower() in used:
                name = f"{base}_{i}"
                i += 1
            if mark_as_used:
                used[name.lower()] = 1
        return name


RANDOM_SUM = re.compile(r"^(\S+) Add ((\S+/)mul:0 \3(?:min|mean):0|\S*random_uniform(?:_\d+)?/mul:0 \S+)$")


def assert_nodes(found: list[str], expected: list[str]) -> None:
    """The same nodes in the same order; says the first that differs.

    The sum that ends a random op is AddV2, as TensorFlow has it since 2.0: the acceptance programs print it.
    """
    expected = [RANDOM_SUM.sub(r"\1 AddV2 \2", line) for line in expected]
    for number, (node, wanted) in enumerate(itertools.zip_longest(found, expected)):
        assert node == wanted, f"node {number} is {node!r}, TensorFlow's {wanted!r}"


# --- values, types, shapes, names -----------------------------------------------------------------


@each(CASES)
def test_row(row: Row) -> None:
    """Types, static shapes, nodes and NumPy's values."""
    how, entry = usual(row), recorded(row)
    built = Built(tf, row, how, graph=FoldingGraph())

    def described() -> None:
        assert [t.dtype.name for t in built.tensors] == entry["dtypes"]
        assert built.python == entry["python"]
        assert row.shapes or built.shapes() == entry["shapes"][how]

    together(
        described,
        lambda: None if row.shapes else assert_compatible(built, row),
        lambda: None if row.nodes else assert_nodes(built.nodes, entry["nodes"][how]),
        lambda: assert_steps(built.run(session(built)), row),
    )


@pytest.mark.joint
@each([row for row in CASES if not row.compiled])
def test_compiled(row: Row) -> None:
    """Values and gradients, which share one XLA program: compiling takes most of the time of these tests."""
    built = Built(tf, row, usual(row))
    interpreted = built.run(session(built))
    found = built.gradients(arrays(row, recorded(row)["steps"][0]))[0] if has_gradients(row) else []
    running = session(built, "compile")
    running.run(built.init)
    fetches = [built.tensors, built.operations, [g for g in found if g is not None]]
    steps = [running.run(fetches, built.feed) for _ in range(row.steps)]
    assert_compiled([values for values, _, _ in steps], interpreted, row)
    if has_gradients(row):
        assert_gradients(found, steps[0][2], row)


def assert_compiled(compiled: list[list[Any]], interpreted: list[list[Any]], row: Row) -> None:
    """The recorded values, and to the bit those of NumPy when XLA has no part in them."""
    assert_steps(compiled, row)
    for left, right in zip(compiled, interpreted, strict=True):
        for a, b in zip(left, right, strict=True):
            b = np.array(b, dtype=object) if isinstance(b, bytes) else np.asarray(b)
            assert_same(a, b, row, exact=not row.xla)


def refused(row: Row, how: str) -> str | None:
    """Why TensorFlow does not build the row with placeholders that know less, if so: an exception's name."""
    known = recorded(row)["shapes"].get(how)
    return known["error"] if isinstance(known, dict) else None


@pytest.mark.parametrize(("row", "how"), UNKNOWN, ids=[f"{row.id}-{how}" for row, how in UNKNOWN])
def test_unknown_shapes(row: Row, how: str) -> None:
    """Nodes and values with placeholders that know less; of what TensorFlow refuses, that it is refused."""
    if row.unknown:
        check_unrecorded(row, how)
        return
    error = refused(row, how)
    if error is not None:
        with pytest.raises(getattr(builtins, error)):
            Built(tf, row, how)
        return
    built = Built(tf, row, how, graph=FoldingGraph())
    together(
        lambda: assert_compatible(built, row),
        lambda: (
            None if row.nodes or row.unknown_nodes else assert_nodes(built.nodes, recorded(row)["nodes"][how])
        ),
        lambda: assert_steps(built.run(session(built)), row),
    )


def check_unrecorded(row: Row, how: str) -> None:
    """Reflow may build more than TensorFlow: then the values are right; else it says why it does not."""
    if row.unknown in OTHER_VALUES:
        pytest.skip(row.unknown)
    try:
        built = Built(tf, row, how)
    except (ValueError, TypeError) as error:
        pytest.skip(f"{row.unknown}: {error}")
    together(
        lambda: None if row.shapes else assert_compatible(built, row),
        lambda: assert_steps(built.run(session(built)), row),
    )


# --- gradients ------------------------------------------------------------------------------------


def has_gradients(row: Row) -> bool:
    return row in GRADIENTS and "grads" in recorded(row)


def assert_gradients(found: list[Any], values: list[Any], row: Row) -> None:
    """The recorded gradients: ``found`` are tensors or None, ``values`` those of the tensors."""
    expected = arrays(row, recorded(row)["grads"])
    assert [g is None for g in found] == [g is None for g in expected]
    for value, array in zip(values, [e for e in expected if e is not None], strict=True):
        assert_same(value, array, row)


@each(GRADIENTS)
def test_gradients(row: Row) -> None:
    """Values and nodes of the gradients; finite differences are all there is for those TensorFlow lacks."""
    entry = recorded(row)
    built = Built(tf, row, usual(row), graph=FoldingGraph())
    if "no_gradient" in entry:
        pytest.skip(entry["no_gradient"])
    if "grads" not in entry:
        assert not (built.sources() and built.targets())
        return
    found, nodes = built.gradients(arrays(row, entry["steps"][0]))

    def values() -> None:
        running = session(built)
        running.run(built.init)
        assert_gradients(found, running.run([g for g in found if g is not None], built.feed), row)

    together(
        lambda: None if row.nodes or row.grad_nodes else assert_nodes(nodes, entry["grad_nodes"]),
        values,
    )


def directional(row: Row) -> differences.Directional:
    """The row in double precision; skips when neither TensorFlow nor Reflow differentiates it."""
    built = Built(tf, row, double=True)
    targets = built.targets()
    if not targets or any(built.tensors[i].dtype.is_complex for i in targets):
        pytest.skip("no real output")
    try:
        return differences.Directional(built, session(built))
    except NO_GRADIENT:
        if "grads" in recorded(row):
            raise
        pytest.skip("not differentiable")


@each(REAL_GRADIENTS)
def test_finite_differences(row: Row) -> None:
    """First derivatives, and second ones where TensorFlow or Reflow has some."""
    function = directional(row)
    together(
        lambda: assert_close(*function.first()),
        lambda: None if row.second else assert_second(function, row),
    )


def assert_close(derivative: float, difference: float) -> None:
    assert differences.close(derivative, difference), f"derivative {derivative}, difference {difference}"


def assert_second(function: differences.Directional, row: Row) -> None:
    try:
        found = function.second()
    except NO_GRADIENT:
        if "grads" in recorded(row) and "no_second" not in recorded(row):
            raise
        return
    assert_close(*found)


# --- errors ---------------------------------------------------------------------------------------


def fail(row: ErrorRow) -> tuple[Exception, str]:
    """What the row raises, and when."""
    try:
        built = Built(tf, row, "known" if row.when == "build" else "rank")
    except Exception as error:
        return error, "build"
    try:
        built.run(session(built))
    except Exception as error:
        return error, "run"
    pytest.fail("nothing was raised")


@each(ERRORS)
def test_errors(row: ErrorRow) -> None:
    error, when = fail(row)
    stored = recorded(row)
    types = [c.__name__ for c in type(error).__mro__]
    assert row.raises in types and row.raises in stored["types"], repr(error)
    assert when == stored["when"]
    assert re.search(row.match, str(error)), str(error)
    if when == "run":
        assert error.op is not None and error.op.name in str(error), str(error)


# --- completeness ---------------------------------------------------------------------------------

# Ops that no row can show, and why, or which test shows them instead.
ELSEWHERE: dict[str, str] = {
    "EagerPyFunc": "tests/model/test_eager_function.py: its function is no plain one",
    "Timestamp": "its value is the time",
    "TileGrad": "only in graphs of GraphDef version 2 and older, TensorFlow 1.15 builds none",
    "TopK": "only in graphs of GraphDef version 6 and older, TensorFlow 1.15 builds none",
}


def reached(outputs: Iterable[Any]) -> set[str]:
    """The op types in the subgraph of tensors and operations, function bodies included."""
    todo = [getattr(o, "op", o) for o in outputs]
    seen, types = set(todo), set()
    while todo:
        op = todo.pop()
        types.add(op.type)
        before = [t.op for t in op.inputs] + list(op.control_inputs) + list(bodies(op))
        fresh = [o for o in before if o not in seen]
        seen.update(fresh)
        todo += fresh
    return types


def bodies(op: Any) -> Iterable[Any]:
    """The operations of the function graphs among an operation's attributes."""
    for value in op.attrs.values():
        graph = getattr(value, "graph", None)
        if graph is not None and hasattr(graph, "get_operations"):
            yield from graph.get_operations()


def types_of(row: Row) -> set[str]:
    """The op types in a row's fetched subgraph and in that of its gradients."""
    built = Built(tf, row, usual(row))
    types = reached([*built.tensors, *built.operations, built.init])
    if "grads" in recorded(row):
        found, _ = built.gradients(arrays(row, recorded(row)["steps"][0]))
        types |= reached([g for g in found if g is not None])
    return types


def test_every_op_has_a_row() -> None:
    shown: set[str] = set()
    for row in CASES:
        try:
            shown |= types_of(row)
        except Exception:
            continue
    missing = sorted(set(registry.registered()) - shown - set(ELSEWHERE))
    assert not missing, f"ops without a row in tests/ops/cases_*.py: {missing}"


def test_every_row_is_recorded() -> None:
    missing = [row.id for row in CASES + ERRORS if row.name not in recordings(row.family)]
    assert not missing


def test_pending_rows_still_wait() -> None:
    assert sorted(WAITING) == sorted(PENDING), "pending.txt names rows that are not in the table"
    for name, row in WAITING.items():
        room, _, function = PENDING[name].rpartition(".")
        with pytest.raises(AttributeError, match=f"module '{room}' has no attribute '{function}'"):
            Built(tf, row, usual(row))
