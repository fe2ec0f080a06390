"""Interpret or compile: a deterministic model of what each costs, never a stopwatch, so that a program's
bits do not depend on
the machine's mood. All times are nanoseconds on an ordinary core; only their ratios matter."""

from __future__ import annotations

import math
import os
from typing import Any

from reflow.graph.node import Operation
from reflow.runtime.plan import Plan

NODE = 2_500  # a NumPy kernel on a few elements, loop included
ELEMENT = 1.0
MULTIPLY_ADD = 0.1
RANDOM = 12.0  # a number drawn by NumPy, in several threads
RANDOM_XLA = 40.0  # and by XLA, in one
DISPATCH = 12_000  # an XLA call
ARGUMENT = 2_000  # an array passed in or out
XLA_SPEEDUP = 4.0  # of the elementwise work, by fusion
COMPILE = 30_000_000
COMPILE_NODE = 1_000_000
LARGE_STATE = 1 << 25  # bytes of variables: a plan that writes so much is compiled at once
LARGE_PRODUCTS = 2e6  # of a step: its parts need not run in order
PATIENCE = 0.25  # compile when interpreting has cost this part of it: loops run long
MAX_PROGRAMS = 16  # shapes of the feeds that a plan is compiled for; further ones are interpreted

PASSING = frozenset({"Identity", "ReadVariableOp", "Reshape"})  # what costs nothing in a program
UPDATES = ("Apply", "ResourceApply")  # how the types of the optimizers' dense steps begin
RANDOM_OPS = frozenset({"RandomUniform", "RandomStandardNormal", "TruncatedNormal"})

TIERS = ("auto", "interpret", "compile")


def tier_of(config: Any, wanted: str | None) -> str:
    """The tier asked for: by argument, by REFLOW_TIER, or by TensorFlow's `global_jit_level` (ON or OFF)."""
    tier = wanted or os.environ.get("REFLOW_TIER") or ""
    if not tier and config is not None:
        level = config.graph_options.optimizer_options.global_jit_level
        tier = "compile" if level > 0 else "interpret" if level < 0 else ""
    if tier not in ("", *TIERS):
        raise ValueError(f"tier must be one of {', '.join(TIERS)}, not {tier!r}")
    return tier or "auto"


class Estimate:
    """What a plan costs in each tier, unknown dimensions taken as `batch`."""

    def __init__(self, plan: Plan, batch: int) -> None:
        sizes = {place: _elements(owner) for place, owner in plan.slots.values()}
        elements, products, drawn, steps, updated, computed = 0.0, 0.0, 0.0, 0, 0.0, 0.0
        for step in plan.steps:
            if step.host:
                continue
            steps += 1
            made = sum(_size(tensor, batch) for tensor in step.node.outputs)
            multiplied = _products(step.node, batch)
            elements += made
            products += multiplied
            if step.writes and step.node.type.startswith(UPDATES):
                updated += sizes.get(step.writes[0], 0.0) * (len(step.writes) - 1)
            elif not multiplied and step.node.type not in PASSING:
                computed += made
            if step.node.type in RANDOM_OPS:
                drawn += _size(step.node.outputs[0], batch)
        arguments = len(plan.slots) + len(plan.feeds) + len(plan.fetched)
        self.products = products * MULTIPLY_ADD
        # Whether it has more to gain from one loop for each variable and its slots than to lose. The
        # rounds of a random generator take many times as long unless they are computed where they are used.
        draws = any(step.rule.state is not None for step in plan.steps)
        self.shares_loops = updated > computed and not draws
        self.interpret = steps * NODE + elements * ELEMENT + self.products + drawn * RANDOM
        self.compiled = (
            DISPATCH
            + ARGUMENT * arguments
            + elements * ELEMENT / XLA_SPEEDUP
            + self.products
            + drawn * RANDOM_XLA
        )
        self.compiling = COMPILE + steps * COMPILE_NODE
        self.large = _written_bytes(plan) >= LARGE_STATE
        self.must_compile = any(
            s.rule.kernel is None and s.rule.padded is None and not s.host for s in plan.steps
        )

    def worth_compiling(self, runs: int) -> bool:
        """Whether run number `runs` (from 0) should be compiled."""
        if self.must_compile or self.large or self.products >= self.compiling:
            return True
        if self.interpret - self.compiled >= self.compiling:
            return True
        return self.interpret > self.compiled and runs * self.interpret >= PATIENCE * self.compiling


def _written_bytes(plan: Plan) -> float:
    """The size of the variables that a plan changes: NumPy copies them, XLA changes them where they are.

    What only replaces a variable's value, as its initializer does, copies nothing.
    """
    written = {i for step in plan.steps if not step.host for i in step.writes if i in step.reads}
    owners = [owner for place, owner in plan.slots.values() if place in written and "shape" in owner.attrs]
    return sum(_bytes(owner.attrs["shape"], owner.attrs["dtype"]) for owner in owners)


def _elements(owner: Operation) -> float:
    """The size of a variable."""
    return float(owner.attrs["shape"].num_elements() or 0) if "shape" in owner.attrs else 0.0


def _bytes(shape: Any, dtype: Any) -> float:
    return float(shape.num_elements() or 0) * float(dtype.base_dtype.size or 0)


def _size(tensor: Any, batch: int) -> float:
    ints = tensor.shape.ints
    if ints is None:
        return float(batch)
    result = 1.0
    for d in ints:
        result *= batch if d is None else d
    return result


# Convolutions: the tensor of the output's shape, and that of the filters, each as (is an output, position).
_FORWARD = ((True, 0), (False, 1))
_TO_INPUT = ((False, 2), (False, 1))
_TO_FILTER = ((False, 2), (True, 0))
CONVOLUTIONS = {
    "Conv2D": _FORWARD,
    "Conv2DBackpropInput": _TO_INPUT,
    "Conv2DBackpropFilter": _TO_FILTER,
    "Conv3D": _FORWARD,
    "Conv3DBackpropInputV2": _TO_INPUT,
    "Conv3DBackpropFilterV2": _TO_FILTER,
    "DepthwiseConv2dNative": _FORWARD,
    "DepthwiseConv2dNativeBackpropInput": _TO_INPUT,
    "DepthwiseConv2dNativeBackpropFilter": _TO_FILTER,
}


def _products(node: Any, batch: int) -> float:
    """Multiply-adds of the ops that cost far more than their outputs' elements."""
    if node.type in CONVOLUTIONS:
        return _convolution_products(node, batch)
    if node.type not in ("MatMul", "BatchMatMul", "BatchMatMulV2"):
        return 0.0
    ints = node.inputs[0].shape.ints
    transposed = node.attrs.get("transpose_a", node.attrs.get("adj_x"))
    inner = ints[-2 if transposed else -1] if ints is not None and len(ints) >= 2 else None
    return _size(node.outputs[0], batch) * (batch if inner is None else inner)


def _convolution_products(node: Any, batch: int) -> float:
    """Each element of the output takes a product with each element of its filter."""
    result, filters = (
        (node.outputs if is_output else node.inputs)[place] for is_output, place in CONVOLUTIONS[node.type]
    )
    ints = filters.shape.ints
    if ints is None:
        return _size(result, batch) * batch
    one = ints[:-2] if node.type.startswith("Depthwise") else ints[:-1]
    return _size(result, batch) * math.prod(batch if d is None else d for d in one)
