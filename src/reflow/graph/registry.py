"""The ops that Reflow knows: TensorFlow's signatures (`catalogue.json`) and, for each, our rule.

A rule holds everything else about an op: how shapes follow, how it is computed in each tier, how it is
differentiated.
Rules are registered by the `op` decorator when the files of `ops/` are imported, and never change afterwards.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any, TypeVar

import numpy as np

from reflow.base import dtypes

CATALOGUES = ("catalogue.json", "own_ops.json")  # TensorFlow's ops; Reflow's own, and some of tf.contrib

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Argument:
    """One input or output of an op: a tensor, `number_attr` tensors of a type, or a list of types."""

    name: str
    type: dtypes.DType | None = None
    type_attr: str | None = None
    number_attr: str | None = None
    type_list_attr: str | None = None
    is_ref: bool = False

    @property
    def is_list(self) -> bool:
        return self.number_attr is not None or self.type_list_attr is not None


@dataclass(frozen=True)
class Attribute:
    """One attribute of an op: its kind ("type", "int", "list(shape)" ...), default and allowed values."""

    name: str
    type: str
    has_default: bool = False
    default: Any = None
    allowed: tuple[Any, ...] | None = None
    minimum: int | None = None


@dataclass(frozen=True)
class Definition:
    """An op's signature, as in TensorFlow's OpDef."""

    name: str
    inputs: tuple[Argument, ...]
    outputs: tuple[Argument, ...]
    attrs: dict[str, Attribute]
    stateful: bool = False
    allows_uninitialized_input: bool = False

    @functools.cached_property
    def inferred_attrs(self) -> frozenset[str]:
        """The attributes that follow from the inputs and need not be given."""
        names: set[str] = set()
        for a in self.inputs:
            names.update(n for n in (a.type_attr, a.number_attr, a.type_list_attr) if n)
        return frozenset(names)

    @property
    def signature(self) -> inspect.Signature:  # TensorFlow's OpDef has it for tooling; cheap to give
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        return inspect.Signature([inspect.Parameter(a.name, kind) for a in self.inputs])


def _attribute(row: Mapping[str, Any]) -> Attribute:
    kind, allowed = row["type"], row.get("allowed")
    default = row.get("default")
    if kind in ("type", "list(type)"):
        allowed = tuple(dtypes.as_dtype(t) for t in allowed) if allowed else None
        if kind == "type" and default is not None:
            default = dtypes.as_dtype(default)
        elif default is not None:
            default = [dtypes.as_dtype(t) for t in default]
    elif kind == "tensor" and default is not None:
        default = np.array(default["value"], default["dtype"]).reshape(default["shape"])
    elif allowed:
        allowed = tuple(allowed)
    return Attribute(row["name"], kind, "default" in row, default, allowed, row.get("minimum"))


def _argument(row: Mapping[str, Any]) -> Argument:
    kind = row.get("type")
    return Argument(
        row["name"],
        dtypes.as_dtype(kind) if kind else None,
        row.get("type_attr"),
        row.get("number_attr"),
        row.get("type_list_attr"),
        row.get("is_ref", False),
    )


@functools.cache
def _catalogue() -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name in CATALOGUES:
        rows.update(json.loads(resources.files("reflow.graph").joinpath(name).read_text(encoding="utf8")))
    return rows


@functools.cache
def definition(op_type: str) -> Definition | None:
    """The signature of `op_type`, or None when the catalogue does not have it."""
    row = _catalogue().get(op_type)
    if row is None:
        return None
    return Definition(
        op_type,
        tuple(_argument(a) for a in row["inputs"]),
        tuple(_argument(a) for a in row["outputs"]),
        {a["name"]: _attribute(a) for a in row["attrs"]},
        row.get("stateful", False),
        row.get("allows_uninitialized_input", False),
    )


def known_types() -> list[str]:
    """Every op type whose signature the catalogue has."""
    return sorted(_catalogue())


class _Generic:
    """Says that an op has no hand-written gradient: autodiff makes one from the kernel."""

    def __repr__(self) -> str:
        return "GENERIC"


GENERIC: Any = _Generic()
KERNEL_KINDS = ("kernel", "xla", "host")


@dataclass
class Rule:
    """Everything about an op but its signature. CONTRIBUTING.md explains the fields."""

    type: str
    shape: Callable[..., Any]
    kernel: Callable[..., Any] | None = None
    xla: Callable[..., Any] | None = None
    host: Callable[..., Any] | None = None
    padded: Callable[..., Any] | None = None  # in XLA, with results that are too long: see runtime/padded.py
    fused: Callable[..., Any] | None = None  # on the host, with the steps before it: see runtime/fusion.py
    gradient: Callable[..., Any] | None = GENERIC
    static: tuple[int, ...] = ()
    updates: tuple[int, ...] = ()
    state: Callable[[dict[str, Any]], Any] | None = None
    slot: Callable[[dict[str, Any]], Any] | None = None
    beside: tuple[str, int, int] | None = None  # what a call of a library does too: see runtime/ordering.py
    _attrs: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def host_only(self) -> bool:
        return self.kernel is None and self.xla is None

    def bound(self, kind: str, attrs: Mapping[str, Any]) -> Callable[..., Any] | None:
        """The kernel of that kind with the attributes it names filled in."""
        function = getattr(self, kind)
        if function is None:
            return None
        names = self._attrs.get(kind)
        if names is None:
            names = self._attrs[kind] = keyword_names(function)
        if not names:
            return function  # type: ignore[no-any-return]
        return functools.partial(function, **{n: attrs[n] for n in names if n in attrs})


def keyword_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The keyword-only parameters of a kernel: the attributes it wants."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)


_rules: dict[str, Rule] = {}


def registered() -> Mapping[str, Rule]:
    """All rules by op type."""
    return _rules


def rule(op_type: str) -> Rule | None:
    """The rule of `op_type`, or None when Reflow has none."""
    return _rules.get(op_type)


def register(op_type: str, **fields: Any) -> Rule:
    """Add the rule of one op. An op is registered once, and only if the catalogue has its signature."""
    if op_type in _rules:
        raise ValueError(f"Op {op_type!r} is registered twice")
    if op_type not in _catalogue():
        raise ValueError(f"Op {op_type!r} is not in graph/catalogue.json: add it to tools/catalogue_ops.txt")
    new = _rules[op_type] = Rule(op_type, **fields)
    return new


_helpers: dict[str, Callable[..., Any]] = {}


def helper(name: str) -> Callable[..., Any]:
    """A function of the op families that Python's operators stand for but that is not one op."""
    return _helpers[name]


def register_helper(function: F) -> F:
    """Decorator: makes a function known to `helper` by its name."""
    _helpers[function.__name__] = function
    return function


def op(op_type: str | Sequence[str], **fields: Any) -> Callable[[F], F]:
    """Decorator of the public function of an op (or of several that share a rule): registers the rule."""
    types = (op_type,) if isinstance(op_type, str) else tuple(op_type)

    def decorate(function: F) -> F:
        for one in types:
            register(one, **fields)
        return function

    return decorate
