"""Checks of ranks and shapes: decided while building where static shapes allow, else at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from reflow.base import dtypes
from reflow.graph.graph import (
    Operation,
    Tensor,
    constant_value,
    control_dependencies,
    convert_to_tensor,
    emit,
    name_scope,
)
from reflow.ops import blocks
from reflow.ops.check import Assert, assert_type
from reflow.ops.control import group, no_op, with_dependencies


class _RankRule(NamedTuple):
    """What a rank must be: its wording, and the condition for a known and for an unknown rank."""

    words: str
    holds: Callable[[int, Sequence[int]], bool]
    emitted: Callable[[Tensor, Sequence[Tensor]], Tensor]


def _any_of(actual: Tensor, ranks: Sequence[Tensor]) -> Tensor:
    if not ranks:
        return convert_to_tensor(False)
    found = emit("Equal", ranks[0], actual)
    for rank in ranks[1:]:
        found = emit("LogicalOr", found, emit("Equal", rank, actual))
    return found  # type: ignore[no-any-return]


EXACTLY = _RankRule("rank", lambda a, r: a == r[0], lambda a, r: emit("Equal", a, r[0]))
AT_LEAST = _RankRule("rank at least", lambda a, r: a >= r[0], lambda a, r: emit("GreaterEqual", a, r[0]))
ONE_OF = _RankRule("rank in", lambda a, r: a in r, _any_of)


def _check_rank(
    rule: _RankRule, x: Tensor, ranks: Sequence[Tensor], data: Any, limit: int | None, message: str | None
) -> Operation:
    """The nodes of a rank check on converted arguments."""
    if data is None:
        start = [message or "", f"Tensor {x.name} must have {rule.words}", *ranks]
        data = [*start, "Received shape: ", blocks.shape_of(x)]
    for rank in ranks:
        assert_type(rank, dtypes.int32)
    known: list[Any] = [constant_value(rank) for rank in ranks]
    if all(k is not None for k in known):
        if any(k.ndim for k in known):
            raise ValueError("Rank must be a scalar.")
        if x.shape.ndims is not None:
            _refuse_rank(rule, x, [int(k) for k in known], message)
            return no_op(name="static_checks_determined_all_ok")
    condition = rule.emitted(blocks.rank_of(x), ranks)
    for rank, value in zip(ranks, known, strict=True):
        if value is None:
            scalar = assert_rank(rank, 0, data=["Rank must be a scalar. Received rank: ", rank])
            condition = with_dependencies([scalar], condition)
    return Assert(condition, data, summarize=limit)


def _refuse_rank(rule: _RankRule, x: Tensor, ranks: list[int], message: str | None) -> None:
    if rule.holds(x.shape.ndims or 0, ranks):
        return
    wanted = tuple(ranks) if rule is ONE_OF else ranks[0]
    raise ValueError(
        f"{message or ''}.  Tensor {x.name} must have {rule.words} {wanted}.  "
        f"Received rank {x.shape.ndims}, shape {x.shape}"
    )


def assert_rank(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x` has rank `rank`, a scalar int32 (a tensor or not).

    Raises ValueError while building when both ranks are known and differ, TypeError for a rank that is not
    int32. Other arguments as of `assert_equal`.

    >>> import reflow as tf
    >>> tf.assert_rank(tf.constant([1], name="one"), 2)
    Traceback (most recent call last):
    ValueError: .  Tensor one:0 must have rank 2.  Received rank 1, shape (1,)
    """
    with name_scope(name, "assert_rank", [x, rank, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        return _check_rank(EXACTLY, x, [convert_to_tensor(rank, name="rank")], data, summarize, message)


def assert_rank_at_least(
    x: Any,
    rank: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless `x` has rank `rank` or more; arguments as of `assert_rank`."""
    with name_scope(name, "assert_rank_at_least", [x, rank, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        return _check_rank(AT_LEAST, x, [convert_to_tensor(rank, name="rank")], data, summarize, message)


def assert_rank_in(
    x: Any,
    ranks: Iterable[Any],
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless the rank of `x` is one of `ranks`; arguments as of `assert_rank`."""
    ranks = list(ranks)
    with name_scope(name, "assert_rank_in", [x, *ranks, *(data or ())]):
        x = convert_to_tensor(x, name="x")
        found = [convert_to_tensor(rank, name="rank") for rank in ranks]
        return _check_rank(ONE_OF, x, found, data, summarize, message)


def assert_scalar(tensor: Any, name: str | None = None, message: str | None = None) -> Tensor:
    """`tensor`, refused with a ValueError unless it is known to be a scalar.

    >>> import reflow as tf
    >>> tf.assert_scalar(tf.constant([1, 2], name="two"))
    Traceback (most recent call last):
    ValueError: Expected scalar shape for two:0, saw shape: (2,).
    """
    with name_scope(name, "assert_scalar", [tensor]) as scope:
        tensor = convert_to_tensor(tensor, name=scope)
        if tensor.shape.ndims != 0:
            raise ValueError(
                f"{message or ''}Expected scalar shape for {tensor.name}, saw shape: {tensor.shape}."
            )
        return tensor  # type: ignore[no-any-return]


# Shapes with named dimensions


class _Spec:
    """The sizes that a tensor must have, some of them by name, and those that it has."""

    def __init__(self, tensor: Tensor, symbols: Any, message: str) -> None:
        if not (hasattr(symbols, "__iter__") or hasattr(symbols, "__getitem__")):
            raise ValueError(
                f"{message}.  Tensor {tensor.name}.  Specified shape must be an iterable.  "
                "An iterable has the attribute `__iter__` or `__getitem__`.  "
                f"Received specified shape: {symbols}"
            )
        self.tensor = tensor
        wanted = tuple(symbols)
        for i, symbol in enumerate(wanted):
            if symbol in (Ellipsis, "*") and i:
                raise ValueError(
                    f"{message}.  Tensor {tensor.name} specified shape index {i}.  "
                    "Symbol `...` or `*` for a variable number of unspecified dimensions "
                    "is only allowed as the first entry"
                )
        self.innermost = bool(wanted) and wanted[0] in (Ellipsis, "*")  # the sizes are those of the last axes
        wanted = wanted[1:] if self.innermost else wanted
        self.symbols = wanted or (1,)
        self._shape = blocks.shape_of(tensor)
        static = tensor.shape.as_list() if tensor.shape.ndims else None
        self._sizes = (
            None if static is None else [self._shape[i] if d is None else d for i, d in enumerate(static)]
        )

    def size(self, axis: int) -> Any:
        """The size of an axis, a number or a tensor; scalars count as vectors of one element."""
        if self._sizes is not None:
            return self._sizes[axis]
        if self.tensor.shape.ndims == 0:
            return (1,)[axis]
        parts = [[1], self._shape] if axis < 0 else [self._shape, [1]]
        return blocks.concat(parts, 0)[axis]

    def check_rank(self, data: Any, limit: int | None, message: str, name: str | None) -> Operation | None:
        rank = len(self.symbols)
        if rank > 1:
            check = assert_rank_at_least if self.innermost else assert_rank
            return check(self.tensor, rank, data=data, summarize=limit, message=message, name=name)
        if self.innermost:
            return None
        return assert_rank_in(self.tensor, [0, 1], data=data, summarize=limit, message=message, name=name)


def _as_number(size: Any) -> int | None:
    """A size that is a number, or text or a Dimension that stands for one."""
    try:
        return int(size)
    except (ValueError, TypeError):
        return None


class _Sizes:
    """The sizes found so far for the names of a set of specs, and the checks made."""

    def __init__(self, data: Any, limit: int | None, message: str) -> None:
        self.data, self.limit, self.message = data, limit, message
        self.named: dict[Any, tuple[Any, Tensor, int]] = {}
        self.checks: list[Operation] = []

    def add(self, spec: _Spec) -> None:
        for i, symbol in enumerate(spec.symbols):
            if symbol is None or symbol == ".":
                continue
            axis = i - len(spec.symbols) if spec.innermost else i
            number = _as_number(symbol)
            if number is not None:
                self._compare(spec, axis, number, "Specified explicitly")
            elif symbol in self.named:
                size, tensor, at = self.named[symbol]
                self._compare(spec, axis, size, f"Specified by tensor {tensor.name} dimension {at}")
            else:
                self.named[symbol] = (spec.size(axis), spec.tensor, axis)

    def _compare(self, spec: _Spec, axis: int, wanted: Any, source: str) -> None:
        actual, name = spec.size(axis), spec.tensor.name
        if _as_number(actual) is not None and _as_number(wanted) is not None:
            if int(actual) != int(wanted):
                raise ValueError(
                    f"{self.message}.  {source}.  Tensor {name} dimension {axis} must have size {wanted}.  "
                    f"Received size {actual}, shape {spec.tensor.shape}"
                )
            return
        condition = emit("Equal", convert_to_tensor(actual), convert_to_tensor(wanted))
        data = self.data
        if data is None:
            start = [self.message, source, f"Tensor {name} dimension", axis, "must have size", wanted]
            data = [*start, "Received shape: ", blocks.shape_of(spec.tensor)]
        self.checks.append(Assert(condition, data, summarize=self.limit))


def assert_shapes(
    shapes: Any,
    data: Any = None,
    summarize: int | None = None,
    message: str | None = None,
    name: str | None = None,
) -> Operation:
    """An operation that fails unless tensors have the shapes given, in which one name stands for one size.

    Args:
        shapes: a dict, or list of pairs, of tensors and their shapes: tuples of sizes, names, and None or
            "." for any
            size; a shape may begin with `...` or "*", for any number of axes. A shape that is None is not
            checked.
        data, summarize, message, name: as of `assert_equal`.

    Raises ValueError while building for shapes that are known to be wrong.

    >>> import reflow as tf
    >>> x, y = tf.zeros([2, 3]), tf.zeros([4], name="y")
    >>> tf.debugging.assert_shapes([(x, ("N", "D")), (y, ("D",))])
    Traceback (most recent call last):
    ValueError: .  Specified by tensor zeros:0 dimension 1.  Tensor y:0 dimension 0 must have size 3.
        Received size 4, ...
    """
    pairs = list(shapes.items() if isinstance(shapes, dict) else shapes)
    message = message or ""
    with name_scope(name, "assert_shapes", [pairs, data]):
        tensors = [(convert_to_tensor(x), symbols) for x, symbols in pairs if symbols is not None]
        specs = [_Spec(x, symbols, message) for x, symbols in tensors]
        ranks = [s.check_rank(data, summarize, message, name) for s in specs]
        sizes = _Sizes(data, summarize, message)
        for spec in specs:
            sizes.add(spec)
        with control_dependencies([r for r in ranks if r is not None]):
            return group(sizes.checks)
