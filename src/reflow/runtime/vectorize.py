"""A function of one element as a function of many: its body run once on stacked arguments.

Only with NumPy, and only for bodies whose ops do the same to each element of a larger array as to a small
one, bit for bit: elementwise ops, broadcasting ones, and some that move elements. For any other body there is
no vectorized form, and the function is called for each element.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reflow.graph.function import FuncGraph
from reflow.graph.registry import rule
from reflow.runtime.evaluate import HostContext, Step
from reflow.runtime.plan import Plan

# fmt: off
ELEMENTWISE = frozenset((
    "Abs", "Acos", "Acosh", "AsString", "Asin", "Asinh", "Atan", "Atanh", "Cast", "Ceil", "Cos",
    "Cosh", "DecodeBase64", "DecodeRaw", "Elu", "EncodeBase64", "Erf", "Erfc", "Exp", "Expm1", "Floor",
    "Identity", "Inv", "Invert", "IsFinite", "IsInf", "IsNan", "Log", "Log1p", "LogicalNot", "Neg",
    "OnesLike", "PreventGradient", "Reciprocal", "Relu", "Relu6", "Rint", "Round", "Rsqrt", "Selu",
    "Sigmoid", "Sign", "Sin", "Sinh", "Snapshot", "Softplus", "Softsign", "Sqrt", "Square",
    "StaticRegexFullMatch", "StaticRegexReplace", "StopGradient", "StringLength", "StringLower",
    "StringStrip", "StringToHashBucket", "StringToHashBucketFast", "StringToHashBucketStrong",
    "StringToNumber", "StringUpper", "Tan", "Tanh", "ZerosLike",
))
BROADCASTING = frozenset((
    "Add", "AddV2", "Atan2", "BitwiseAnd", "BitwiseOr", "BitwiseXor", "Div", "DivNoNan", "Equal",
    "FloorDiv", "FloorMod", "Greater", "GreaterEqual", "LeftShift", "Less", "LessEqual",
    "LogicalAnd", "LogicalOr", "Maximum", "Minimum", "Mod", "Mul", "NotEqual", "Pow", "RealDiv",
    "RightShift", "SelectV2", "SquaredDifference", "Sub", "TruncateDiv", "TruncateMod", "Xdivy",
    "Xlogy",
))
# fmt: on

Run = Callable[[list[Any], int], Any]  # inputs and the number of elements -> the stacked result


@dataclass
class _Part:
    """One step of the body, for all elements at once or, when no input is stacked, as it is."""

    step: Step
    run: Run


class Vectorized:
    """A body for stacked arguments. `call` takes all arguments and returns the stacked results."""

    def __init__(self, plan: Plan, parts: list[_Part], stacked: set[int]) -> None:
        self._plan = plan
        self._parts = parts
        self._stacked = stacked

    @classmethod
    def of(cls, body: FuncGraph, plan: Plan, batched: int) -> Vectorized | None:
        """The vectorized form of a body with `batched` stacked arguments; None when some op has none."""
        stacked = set(plan.feed_places[:batched])
        parts = []
        for step in plan.steps:
            part = _part(step, stacked)
            if part is None:
                return None
            parts.append(part)
            if any(i in stacked for i in step.inputs):
                stacked.update(step.outputs)
        known = all(t.shape.is_fully_defined() for t in body.outputs)
        return cls(plan, parts, stacked) if known else None

    def call(self, arguments: list[Any], count: int) -> list[np.ndarray]:
        """The results for `count` elements. Errors are those of a kernel, of whichever element."""
        plan = self._plan
        env: list[Any] = [None] * plan.size
        for place, value in plan.constants.items():
            env[place] = value
        for place, value in zip(plan.feed_places, arguments, strict=True):
            env[place] = value
        with np.errstate(all="ignore"):
            for part in self._parts:
                result = part.run([env[i] for i in part.step.inputs], count)
                results = result if part.step.several else (result,)
                for place, value in zip(part.step.outputs, results, strict=True):
                    env[place] = value
        return [self._result(env[i], i, count) for i in plan.fetched]

    def _result(self, value: Any, place: int, count: int) -> np.ndarray:
        if place in self._stacked:
            return value  # type: ignore[no-any-return]
        one = np.asarray(value)
        return np.repeat(one[None], count, axis=0)


def _part(step: Step, stacked: set[int]) -> _Part | None:
    plain = step.rule.state is None and not step.writes and not step.guard and step.choices is None
    stateful = step.node.definition is None or step.node.definition.stateful
    if not plain or stateful or not step.outputs:
        return None
    flags = [i in stacked for i in step.inputs]
    if not any(flags):
        return _Part(step, lambda inputs, count: step.concrete(*inputs))
    run = _vectorized(step, flags)
    return None if run is None else _Part(step, run)


def _vectorized(step: Step, flags: list[bool]) -> Run | None:
    kind = step.node.type
    if kind in ELEMENTWISE:
        return lambda inputs, count: step.concrete(*inputs)
    if kind in BROADCASTING:
        return _broadcasting(step, flags)
    special = _SPECIAL.get(kind)
    return None if special is None else special(step, flags)


def _rank(step: Step, number: int) -> int | None:
    return step.node.inputs[number].shape.ndims


def _broadcasting(step: Step, flags: list[bool]) -> Run | None:
    """Dimensions of size 1 go between the elements' number and their own, as many as are missing."""
    ranks = [_rank(step, n) for n in range(len(flags))]
    if any(r is None for r in ranks):
        return None
    largest = max(r or 0 for r in ranks)
    missing = [largest - (r or 0) if flag else 0 for r, flag in zip(ranks, flags, strict=True)]
    if not any(missing):
        return lambda inputs, count: step.concrete(*inputs)

    def run(inputs: list[Any], count: int) -> Any:
        return step.concrete(*[_widened(x, m) for x, m in zip(inputs, missing, strict=True)])

    return run


def _widened(array: Any, missing: int) -> Any:
    return array.reshape(array.shape[0], *[1] * missing, *array.shape[1:]) if missing else array


def _reshape(step: Step, flags: list[bool]) -> Run | None:
    if flags[1] or not flags[0]:
        return None
    return lambda inputs, count: np.reshape(inputs[0], (count, *np.asarray(inputs[1]).tolist()))


def _expand_dims(step: Step, flags: list[bool]) -> Run | None:
    if flags[1] or not flags[0]:
        return None

    def run(inputs: list[Any], count: int) -> Any:
        axis = int(np.asarray(inputs[1]).reshape(-1)[0])
        return np.expand_dims(inputs[0], axis + 1 if axis >= 0 else axis)

    return run


def _squeeze(step: Step, flags: list[bool]) -> Run | None:
    shape = step.node.outputs[0].shape.ints
    if shape is None or None in shape:
        return None
    return lambda inputs, count: np.reshape(inputs[0], (count, *shape))


def _one_hot(step: Step, flags: list[bool]) -> Run | None:
    if flags != [True, False, False, False] or step.node.attrs["axis"] != -1:
        return None
    return lambda inputs, count: step.concrete(*inputs)


def _gather(step: Step, flags: list[bool]) -> Run | None:
    """Rows of a table that is the same for all elements."""
    if flags[:2] != [False, True] or any(flags[2:]) or step.node.attrs.get("batch_dims", 0):
        return None
    if len(flags) > 2:
        axis = step.node.inputs[2].op.attrs.get("value")
        if axis is None or int(np.asarray(axis)) != 0:
            return None
    return lambda inputs, count: step.concrete(*inputs)


def _transpose(step: Step, flags: list[bool]) -> Run | None:
    if flags != [True, False]:
        return None
    return lambda inputs, count: np.transpose(inputs[0], [0, *(int(p) + 1 for p in np.asarray(inputs[1]))])


def _pack(step: Step, flags: list[bool]) -> Run | None:
    axis = step.node.attrs["axis"]
    axis = axis + 1 if axis >= 0 else axis

    def run(inputs: list[Any], count: int) -> Any:
        whole = [
            x if flag else np.broadcast_to(x, (count, *np.shape(x)))
            for x, flag in zip(inputs, flags, strict=True)
        ]
        return np.stack(whole, axis)

    return run


def _strided_slice(step: Step, flags: list[bool]) -> Run | None:
    """The masks have a bit for each dimension: the elements' number comes first and is taken whole."""
    if flags != [True, False, False, False]:
        return None
    attrs = dict(step.node.attrs)
    for name in ("begin_mask", "end_mask"):
        attrs[name] = (attrs[name] << 1) | 1
    for name in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask"):
        attrs[name] <<= 1
    kernel = step.rule.bound("kernel", attrs)
    if kernel is None:
        return None

    def run(inputs: list[Any], count: int) -> Any:
        begin, end, strides = (np.concatenate([[n], x]) for n, x in zip((0, 0, 1), inputs[1:], strict=True))
        return kernel(np, inputs[0], begin, end, strides)

    return run


def _parse_single_example(step: Step, flags: list[bool]) -> Run | None:
    """Features of a fixed shape are parsed as those of a batch."""
    attrs, whole = step.node.attrs, rule("ParseExample")
    fixed = all(shape.is_fully_defined() for shape in attrs["dense_shapes"])
    if whole is None or attrs["sparse_keys"] or not fixed or flags[0] is not True or any(flags[1:]):
        return None
    keys = [np.array(key.encode(), object) for key in attrs["dense_keys"]]
    counts = {"Nsparse": 0, "Ndense": len(keys), "sparse_types": []}
    kernel, names = whole.bound("host", {**attrs, **counts}), np.empty(0, object)
    if kernel is None:
        return None
    context = HostContext(step.node)
    return lambda inputs, count: kernel(context, inputs[0], names, *keys, *inputs[1:])


_SPECIAL: dict[str, Callable[[Step, list[bool]], Run | None]] = {
    "Reshape": _reshape,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Pack": _pack,
    "StridedSlice": _strided_slice,
    "ParseSingleExample": _parse_single_example,
    "OneHot": _one_hot,
    "GatherV2": _gather,
    "Gather": _gather,
}
