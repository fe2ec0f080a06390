"""Scenarios: small training programs that are recorded under TensorFlow 1.15 and repeated under Reflow.

A scenario is a function of a ``tf`` module that is handed in. It builds a graph and returns what to run: a
`Plan`. What is recorded is the graph's node list and what the runs give. This file imports neither system,
and runs on Python 3.7, as do the files ``scenarios_*.py``.
"""

import json
import os
import re

import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data")
IGNORED = ("uid",)
RANDOM_SUM = re.compile(r"^([^|]*(?:random_(?:uniform|normal)|truncated_normal)(?:_\d+)?\|)Add(?=\|)")


class Plan:
    """What to run after the variables' initialization: ``step`` (or nothing) ``steps`` times, ``fetches``
    each time."""

    def __init__(self, fetches=(), step=None, steps=5, feed=None, facts=None):
        self.fetches = list(fetches)
        self.step = step
        self.steps = steps if step is not None else 1
        self.feed = feed or {}
        self.facts = facts or {}


class Scenarios:
    """The scenarios of one file: ``SCENARIOS.add(name, build)``, or ``@SCENARIOS`` on a function."""

    def __init__(self, family):
        self.family = family
        self.builds = {}
        self.raising = set()
        self.other_nodes = set()

    def add(self, name, build):
        if name in self.builds:
            raise ValueError(f"scenario {name} is there twice")
        self.builds[name] = build

    def __call__(self, build):
        self.add(build.__name__.strip("_"), build)
        return build

    def error(self, build):
        """A scenario that must raise: the exception's type is what is recorded."""
        self.raising.add(build.__name__.strip("_"))
        return self(build)

    def with_other_nodes(self, build):
        """A scenario whose nodes are Reflow's own: only values are compared."""
        self.other_nodes.add(build.__name__.strip("_"))
        return self(build)


def answer(tf, scenarios, name, make_session=None):
    """What a system answers to a scenario, as plain JSON values."""
    graph = tf.Graph()
    with graph.as_default():
        if name in scenarios.raising:
            return {"raises": raised(tf, scenarios.builds[name])}
        plan = scenarios.builds[name](tf)
        if not isinstance(plan, Plan):
            plan = Plan(plan)
        nodes = [line(op) for op in graph.get_operations()]
        values = run(tf, plan, (make_session or tf.Session)(graph=graph))
    return {"nodes": nodes, "values": values, "facts": json.loads(json.dumps(plan.facts))}


def raised(tf, build):
    """The names of the classes of the error that ``build`` raises, up to Exception."""
    try:
        build(tf)
    except Exception as error:
        names = [c.__name__ for c in type(error).__mro__]
        return names[: names.index("Exception")]
    raise AssertionError("nothing was raised")


def run(tf, plan, session):
    """The values of the plan's fetches after each step (before the first, when there is no step)."""
    parts, kept = [], []
    for fetch in plan.fetches:
        parts.append([] if fetch is None else components(fetch))
        kept.extend(parts[-1])
    init = tf.global_variables_initializer()
    results = []
    with session:
        session.run(init)
        for _ in range(plan.steps):
            if plan.step is not None:
                session.run(plan.step, plan.feed)
            results.append([plain(v) for v in session.run(kept, plan.feed)])
    return results


def components(fetch):
    """The tensors of a fetch: of slices their rows and numbers."""
    if hasattr(fetch, "indices") and hasattr(fetch, "values"):
        return [fetch.values, fetch.indices]
    return [fetch]


def plain(value):
    """An array as [dtype, shape, elements], float16 and complex numbers too."""
    array = np.asarray(value)
    kind = array.dtype.name
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], -1)
    elif array.dtype.kind not in "fiub":
        array = array.astype(np.float32)
    return [kind, list(np.shape(value)), array.ravel().tolist()]


def line(op):
    """A node as one line: name, type, inputs, control inputs, placement groups, device."""
    inputs = ",".join(t.name for t in op.inputs)
    controls = ",".join(sorted(c.name for c in op.control_inputs))
    groups = ",".join(sorted(g.decode() for g in op.colocation_groups()))
    groups = "" if groups == "loc:@" + op.name else groups
    return "|".join([op.name, op.type, inputs, controls, groups, op.device]).rstrip("|")


def path(family):
    return os.path.join(DATA, family + ".npz")


def save(family, answers):
    text = json.dumps(answers, sort_keys=True, separators=(",", ":")).encode()
    np.savez_compressed(path(family), answers=np.frombuffer(text, dtype=np.uint8))


def load(family):
    with np.load(path(family)) as stored:
        return json.loads(stored["answers"].tobytes().decode())


def node_difference(want, got):
    """None when two node lists are equal, else the first place where they differ, with what is around it.

    The sum that ends a random op is AddV2 in Reflow, as in TensorFlow since 2.0: acceptance programs print
    it.
    """
    want = [RANDOM_SUM.sub(r"\1AddV2", line) for line in want]
    for i, (a, b) in enumerate(zip(want, got)):
        if a != b:
            return "\n".join(
                [f"node {i}"]
                + ["  want " + w for w in want[i : i + 6]]
                + ["  got  " + g for g in got[i : i + 6]]
            )
    if len(want) != len(got):
        first = (want + got)[min(len(want), len(got))]
        return f"{len(want)} nodes wanted, got {len(got)}: {first}"
    return None


def value_difference(want, got):
    """None when all values agree, else where not. Tolerance: a few units in the last place."""
    if len(want) != len(got):
        return f"{len(want)} steps wanted, got {len(got)}"
    for step, (row, other) in enumerate(zip(want, got)):
        if len(row) != len(other):
            return f"{len(row)} values wanted, got {len(other)}"
        for i, ((kind, shape, flat), (kind2, shape2, flat2)) in enumerate(zip(row, other)):
            if kind != kind2 or shape != shape2:
                return f"step {step} value {i}: want {kind} {shape}, got {kind2} {shape2}"
            rtol = {"float16": 4e-3, "bfloat16": 3e-2, "float64": 1e-12, "complex128": 1e-12}.get(kind, 2e-6)
            if not np.allclose(flat2, flat, rtol=rtol, atol=rtol / 2, equal_nan=True):
                return f"step {step} value {i}: want {flat}, got {flat2}"
    return None


def check(tf, scenarios, name, want, make_session=None):
    """Assert that a system answers a scenario as recorded."""
    got = answer(tf, scenarios, name, make_session)
    if name in scenarios.raising:
        assert got["raises"] == want["raises"]
        return
    if name not in scenarios.other_nodes:
        difference = node_difference(want["nodes"], got["nodes"])
        assert difference is None, difference
    difference = value_difference(want["values"], got["values"])
    assert difference is None, difference
    assert got["facts"] == want["facts"]
