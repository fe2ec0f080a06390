"""Symbolic derivatives: `gradients` walks the graph backwards from ys to xs and emits each op's gradient as
new nodes.

The walk, its order, and the scopes and names it makes are TensorFlow 1.15's, so that a training graph made
here has the same nodes. An op without a hand-written rule gets one generic node whose kernel is `jax.vjp` of
the op's own kernel.
"""

from __future__ import annotations

import contextlib
import functools
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape, unknown_shape
from reflow.graph import registry, scopes
from reflow.graph.branches import SWITCHES
from reflow.graph.composite import IndexedSlices
from reflow.graph.constant import make_constant
from reflow.graph.graph import Graph, Operation, Tensor, emit, get_default_graph, name_scope
from reflow.ops.control import tuple as gated
from reflow.ops.vjp import vjp_gradients

DIFFERENTIABLE = frozenset(
    ("float16", "bfloat16", "float32", "float64", "complex64", "complex128", "resource", "variant")
)

# Ops that TensorFlow refuses to differentiate, where others without a gradient just end the way.
REFUSED = frozenset(
    {
        *("Bitcast", "Empty", "GuaranteeConst", "ListDiff", "SegmentProd", "StridedSliceAssign", "TileGrad"),
        *("ScatterMax", "ScatterMin", "ScatterUpdate", "SparseSegmentMeanGrad", "SparseSegmentSqrtNGrad"),
        *("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"),
    }
)


class AggregationMethod:
    """How several gradients of one tensor are added up. The sums are equal but for rounding."""

    ADD_N = 0
    DEFAULT = ADD_N
    EXPERIMENTAL_TREE = 1
    EXPERIMENTAL_ACCUMULATE_N = 2


class UnconnectedGradients(Enum):
    """What the gradient of an x is on which no y depends: None, or zeros."""

    NONE = "none"
    ZERO = "zero"


def gradients(
    ys: Any,
    xs: Any,
    grad_ys: Any = None,
    name: str = "gradients",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
    stop_gradients: Any = None,
    unconnected_gradients: Any = UnconnectedGradients.NONE,
) -> list[Any]:
    """The derivatives of the sum of `ys` with respect to each of `xs`, as new nodes of the graph.

    Args:
        ys: a tensor or list of tensors.
        xs: a tensor or variable, or a list of them.
        grad_ys: for each y, the gradient that flows into it, of the y's shape; ones where None.
        name: the name scope of the new nodes.
        colocate_gradients_with_ops: place each gradient with the op it is of.
        gate_gradients: no gradient of an op is used before all of that op's gradients are computed.
        aggregation_method: one of `AggregationMethod`.
        stop_gradients: tensors through which nothing flows back.
        unconnected_gradients: what stands for the gradient of an x on which no y depends.

    Returns:
        For each x a tensor of its shape, an `IndexedSlices`, or None when no y depends on it.

    Raises:
        LookupError: an op on the way has no gradient.
        ValueError: `grad_ys` does not match `ys`, or an argument is invalid.
        TypeError: a y or its gradient has a type that cannot be differentiated so.

    >>> import reflow as tf
    >>> x = tf.constant(3.0)
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.gradients(x ** 2, x)[0]))
    6.0
    """
    ys, xs = _as_list(ys), _as_list(xs)
    stop = _as_list(stop_gradients) if stop_gradients is not None else []
    grads_in = [None] * len(ys) if grad_ys is None else _as_list(grad_ys)
    if len(grads_in) != len(ys):
        raise ValueError(f"Passed {len(grads_in)} grad_ys for {len(ys)} ys")
    try:
        unconnected = UnconnectedGradients(unconnected_gradients)
    except ValueError:
        raise ValueError(f"Unknown value for unconnected_gradients: {unconnected_gradients!r}") from None
    with name_scope(name, "gradients", [*ys, *xs, *stop, *[g for g in grads_in if g is not None]]):
        graph = get_default_graph()
        uid = graph.unique_name("uid")
        walk = _Walk(graph, colocate_gradients_with_ops, gate_gradients, aggregation_method, uid)
        ys = [graph.convert(y, name="y") for y in ys]
        xs = [_differentiated(graph, x) for x in xs]
        stop = [graph.convert(t, name="stop") for t in stop]
        grads_in = _default_grad_ys(walk, grads_in, ys)
        walk.run(ys, xs, grads_in, stop)
    return [_result(walk, x, unconnected) for x in xs]


def _as_list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, (list, tuple)) else [value]


def _differentiated(graph: Graph, x: Any) -> Tensor:
    """The tensor that stands for an x: a variable's handle or reference, so that all its reads count."""
    if isinstance(x, IndexedSlices):
        return graph.convert(x)
    handle = getattr(x, "handle", None)
    if isinstance(handle, Tensor) and handle.dtype.name == "resource":
        return handle
    if not isinstance(x, Tensor) and hasattr(x, "_as_tensor"):
        return x._as_tensor(as_ref=True)  # type: ignore[no-any-return]
    return graph.convert(x, name="x")


def _default_grad_ys(walk: _Walk, given: list[Any], ys: list[Tensor]) -> list[Any]:
    """The gradients that flow into the ys: those given, checked, or ones."""
    given = [
        g if g is None or isinstance(g, IndexedSlices) else walk.graph.convert(g, name=f"grad_y_{i}")
        for i, g in enumerate(given)
    ]
    result: list[Any] = []
    for i, (grad, y) in enumerate(zip(given, ys, strict=True)):
        with walk.placed_with(y.op):
            if grad is not None:
                result.append(_named(_checked_grad_y(grad, y), f"grad_ys_{i}"))
                continue
            if y.dtype.is_complex:
                raise TypeError(f"Gradients of complex tensors must set grad_ys (y.dtype = {y.dtype!r})")
            shape = _shape_constant(y)
            one = make_constant(walk.graph, 1, y.dtype.base_dtype, name=f"grad_ys_{i}")
            result.append(emit("Fill", shape, one))
    return result


def _named(grad: Any, name: str) -> Any:
    """A copy of a given gradient in the gradients' scope, so that a y that is its own gradient makes no
    circle."""
    if not isinstance(grad, IndexedSlices):
        return emit("Identity", grad, name=name)
    indices = emit("Identity", grad.indices, name=name + "_indices")
    values = emit("Identity", grad.values, name=name + "_values")
    shape = grad.dense_shape
    return IndexedSlices(
        values, indices, None if shape is None else emit("Identity", shape, name=name + "_shape")
    )


def _shape_constant(y: Tensor) -> Tensor:
    """`tf.shape(y)`: a constant named `Shape` when the shape is known."""
    if y.shape.is_fully_defined():
        return y.graph.convert(np.array(y.shape.as_list(), np.int32), name="Shape")
    return emit("Shape", y)  # type: ignore[no-any-return]


def _checked_grad_y(grad: Any, y: Tensor) -> Any:
    """A given gradient; TypeError unless it is real for a real or integer y, and complex for a complex y."""
    got, want = grad.dtype.base_dtype, y.dtype.base_dtype
    if want.is_complex:
        fits, kind = got.is_complex, "complex-valued tensor {} with type {} must be complex"
    else:
        fits = got.is_floating or got.is_integer
        kind = "real or integer-valued tensor {} with type {} must be real or integer"
    if not fits:
        raise TypeError(f"Gradient type {got.name} generated for " + kind.format(y, want.name))
    return grad


class _Walk:
    """One backward walk: the gradients found so far, and how new nodes are placed."""

    def __init__(self, graph: Graph, colocate: bool, gate: bool, method: int | None, uid: str) -> None:
        self.graph = graph
        self.colocate = colocate
        self.gate = gate
        self.method = method
        self.uid = uid
        self.grads: dict[Operation, list[Any]] = {}
        if method not in (None, 0, 1, 2):
            raise ValueError(f"Invalid aggregation_method specified {method}.")

    def placed_with(self, op: Operation) -> Any:
        return self.graph.colocate_with(op) if self.colocate else contextlib.nullcontext()

    def run(self, ys: list[Tensor], xs: list[Tensor], grad_ys: list[Any], stop: list[Tensor]) -> None:
        """Visit the ops between ys and xs, each after all ops that use its results."""
        for y, grad in zip(ys, grad_ys, strict=True):
            self._collect(y, grad)
        to_ops, from_ops = [y.op for y in ys], [x.op for x in xs]
        pending, reachable = _pending_counts(to_ops, from_ops)
        stopped = _stop_ops(from_ops, [t.op for t in stop], pending)
        ready = [op for op in dict.fromkeys(to_ops) if pending[op] == 0 and op in reachable]
        queue = deque(ready)
        while queue:
            op = queue.popleft()
            with self.placed_with(op):
                outputs = self._aggregated(op)
                inputs = self._input_gradients(op, outputs) if op not in stopped else [None] * len(op.inputs)
                for tensor, grad in zip(op.inputs, inputs, strict=True):
                    if grad is not None:
                        self._take(op, tensor, grad)
            for tensor in op.inputs:
                pending[tensor.op] -= 1
                if pending[tensor.op] == 0:
                    queue.append(tensor.op)

    def _collect(self, tensor: Tensor, grad: Any) -> None:
        rows = self.grads.setdefault(tensor.op, [[] for _ in tensor.op.outputs])
        if isinstance(rows[tensor.value_index], list):
            rows[tensor.value_index].append(grad)

    def _take(self, op: Operation, tensor: Tensor, grad: Any) -> None:
        if isinstance(grad, Tensor) and tensor.dtype.name != "resource":
            try:
                grad.set_shape(tensor.shape)
            except ValueError:
                raise ValueError(
                    "Incompatible shapes between op input and calculated input gradient. "
                    f"Forward operation: {op.name}. Original input: {tensor.name} of shape {tensor.shape}. "
                    f"Calculated input gradient shape: {grad.shape}."
                    + (f"\nCreated at {op.traceback_line}" if op.traceback_line else "")
                ) from None
        self._collect(tensor, grad)

    def _input_gradients(self, op: Operation, outputs: list[Any]) -> list[Any]:
        """The gradients of an op's inputs, by its rule."""
        if all(g is None for g in outputs):
            return [None] * len(op.inputs)
        rule = gradient_function(op)
        if rule is None:
            return [None] * len(op.inputs)
        outputs = [
            _zeros_of_output(t) if g is None and _is_differentiable(t) else g
            for g, t in zip(outputs, op.outputs, strict=True)
        ]
        with self.graph.name_scope(op.name + "_grad"):
            result = rule(op, *outputs)
            result = list(result) if isinstance(result, (list, tuple)) else [result]
            if len(result) != len(op.inputs):
                raise ValueError(
                    f"Num gradients {len(result)} generated for op {op.name} ({op.type}) do not match "
                    f"num inputs {len(op.inputs)}"
                )
            if self.gate and sum(g is not None for g in result) > 1:
                with self.graph.device(None), _uncolocated(self.graph):
                    result = gated(result)
        return list(result)

    def _aggregated(self, op: Operation) -> list[Any]:
        """Add up what has come in for each output of an op."""
        rows = self.grads.get(op)
        if rows is None:
            return [None] * len(op.outputs)
        for i, parts in enumerate(rows):
            if isinstance(parts, list):
                parts = [p for p in parts if p is not None]
                rows[i] = self._sum(op, parts)
        return list(rows)

    def _sum(self, op: Operation, parts: list[Any]) -> Any:
        if len(parts) < 2:
            return parts[0] if parts else None
        if all(isinstance(p, IndexedSlices) for p in parts):
            return _joined(parts)
        if any(isinstance(p, IndexedSlices) for p in parts):
            return emit("AddN", parts)
        if self.method == AggregationMethod.EXPERIMENTAL_ACCUMULATE_N and len(parts) > 2:
            shape = _common_shape(parts)
            if shape.is_fully_defined():
                return emit("AccumulateNV2", parts, shape=shape)
        if self.method in (AggregationMethod.EXPERIMENTAL_TREE, AggregationMethod.EXPERIMENTAL_ACCUMULATE_N):
            with self.graph.name_scope(op.name + "_gradient_sum"):
                return functools.reduce(lambda total, part: emit("AddN", [total, part]), parts)
        return self._add_by_device(parts)

    def _add_by_device(self, parts: list[Any]) -> Any:
        by_device: dict[str, list[Any]] = {}
        for part in parts:
            by_device.setdefault(part.device, []).append(part)
        sums = []
        for device in sorted(by_device):
            group = by_device[device]
            with _colocated(self.graph, group[0].op):
                sums.append(group[0] if len(group) == 1 else emit("AddN", group))
        return sums[0] if len(sums) == 1 else emit("AddN", sums)


def _zeros_of_output(tensor: Tensor) -> Tensor:
    """The gradient of an output that nothing depends on, where others of the op have one.

    For a Switch they are made on the other side, which is the one alive when no gradient comes through this.
    """
    context = tensor.op._get_control_flow_context() if tensor.op.type in SWITCHES else None
    if context is None:
        return emit("ZerosLike", tensor, name="zeros_like")  # type: ignore[no-any-return]
    with name_scope("Switch") as scope:
        side = emit("Switch", tensor.op.inputs[0], context.pred, name=scope)[1 - context.branch]
    pivot = emit("Identity", side)
    if tensor.dtype.name == "resource":
        with tensor.graph.control_dependencies([pivot]):
            return _zeros_of_shape(emit("VariableShape", side), dtypes.float32)
    shape = emit("Shape", side)
    with tensor.graph.control_dependencies([pivot]):
        return _zeros_of_shape(shape, tensor.dtype.base_dtype)


def _zeros_of_shape(shape: Tensor, dtype: Any) -> Tensor:
    with name_scope("zeros") as scope:
        zero = shape.graph.convert(0, dtype)
        return emit("Fill", shape, zero, name=scope)  # type: ignore[no-any-return]


def _common_shape(parts: list[Tensor]) -> TensorShape:
    """What is known of the shape of tensors of one shape."""
    return functools.reduce(lambda shape, part: shape.merge_with(part.shape), parts, unknown_shape())


def _uncolocated(graph: Graph) -> Any:
    return graph.colocate_with(None, ignore_existing=True)


def _colocated(graph: Graph, op: Operation) -> Any:
    return graph.colocate_with(op, ignore_existing=True)


def _joined(parts: Sequence[IndexedSlices]) -> IndexedSlices:
    """Several sparse gradients as one, rows one after the other."""
    types = {p.indices.dtype.base_dtype for p in parts}
    indices = [p.indices for p in parts]
    if len(types) > 1:
        indices = [emit("Cast", i, DstT=dtypes.int64) if i.dtype == dtypes.int32 else i for i in indices]
    values = emit("ConcatV2", [p.values for p in parts], 0, name="concat")
    return IndexedSlices(values, emit("ConcatV2", indices, 0, name="concat"), parts[0].dense_shape)


def _is_differentiable(tensor: Tensor) -> bool:
    return tensor.dtype.base_dtype.name in DIFFERENTIABLE


def _pending_counts(
    to_ops: list[Operation], from_ops: list[Operation]
) -> tuple[dict[Operation, int], set[Operation]]:
    """For each op between from and to, how many of its results' uses are still to be visited; and the to_ops
    reached."""
    reached: set[Operation] = set()
    queue = deque(from_ops)
    while queue:
        op = queue.popleft()
        if op not in reached:
            reached.add(op)
            queue.extend(c for t in op.outputs if _is_differentiable(t) for c in t.consumers())
    reachable = {op for op in to_ops if op in reached}
    between: dict[Operation, None] = {}
    queue = deque(to_ops)
    while queue:
        op = queue.popleft()
        if op in reached and op not in between:
            between[op] = None
            queue.extend(t.op for t in op.inputs)
    pending: dict[Operation, int] = defaultdict(int)
    for op in between:
        for t in op.inputs:
            if t.op in between:
                pending[t.op] += 1
    return pending, reachable


def _stop_ops(
    from_ops: Iterable[Operation], given: list[Operation], pending: dict[Operation, int]
) -> set[Operation]:
    """Ops that the walk does not pass: the xs that do not depend on other xs, and those of stop_gradients."""
    ends = {op for op in from_ops if not any(pending[t.op] > 0 for t in op.inputs)}
    return ends | set(given)


def gradient_function(op: Operation) -> Callable[..., Any] | None:
    """The gradient rule of an operation: its own, an overriding or registered one, or the generic one; None
    when it is declared not differentiable. LookupError when there is none."""
    own = getattr(op, "_gradient_rule", None)
    if own is not None:
        return own  # type: ignore[no-any-return]
    name = op.attrs.get("_gradient_op_type")
    if name is not None:
        rule = registry.rule(name)
        if name in scopes.process.gradient_rules:
            return scopes.process.gradient_rules[name]
        if rule is None:
            raise LookupError(
                f"No gradient is registered under the name {name!r}, which {op.name} ({op.type}) asks for"
            )
    else:
        if op.type in scopes.process.gradient_rules:
            return scopes.process.gradient_rules[op.type]
        rule = registry.rule(op.type)
    if rule is None or _refuses(rule):
        line = f"\nCreated at {op.traceback_line}" if op.traceback_line else ""
        raise LookupError(f"No gradient defined for operation '{op.name}' (op type: {op.type}){line}")
    return vjp_gradients if rule.gradient is registry.GENERIC else rule.gradient


def _refuses(rule: registry.Rule) -> bool:
    if rule.gradient is registry.GENERIC:
        return rule.host_only
    return rule.gradient is None and (rule.type in REFUSED or "Apply" in rule.type)


def _result(walk: _Walk, x: Tensor, unconnected: UnconnectedGradients) -> Any:
    rows = walk.grads.get(x.op)
    grad = rows[x.value_index] if rows is not None else None
    if isinstance(grad, list):  # a y that the walk does not start from: nothing of it can be differentiated
        grad = None
    if grad is None and unconnected is UnconnectedGradients.ZERO:
        return _zeros_for(x)
    return grad


def _zeros_for(x: Tensor) -> Any:
    if x.dtype.name == "resource":
        return _zeros_of_variable(x)
    if x.shape.is_fully_defined():
        sizes: Any = x.shape.as_list()
        zeros = np.zeros(sizes, x.dtype.base_dtype.as_numpy_dtype)
        return x.graph.convert(zeros, name="zeros_like")
    return emit("ZerosLike", x, name="zeros_like")


def _zeros_of_variable(handle: Tensor) -> Any:
    """Zeros of the shape and type of the variable behind a handle."""
    shape, dtype = as_shape(handle.op.attrs["shape"]), handle.op.attrs["dtype"]
    if shape.is_fully_defined():
        sizes = handle.graph.convert(np.array(shape.as_list(), np.int32))
    else:
        sizes = emit("VariableShape", handle)
    return _zeros_of_shape(sizes, dtype)


class RegisterGradient:
    """Decorator: registers a gradient rule for an op type, or under a name for `Graph.gradient_override_map`.

    >>> import reflow as tf
    >>> @tf.RegisterGradient("Doubled")
    ... def _doubled(op, grad):
    ...     return 2.0 * grad
    >>> with tf.Graph().as_default() as graph, tf.Session() as sess:
    ...     x = tf.constant(1.0)
    ...     with graph.gradient_override_map({"Identity": "Doubled"}):
    ...         y = tf.identity(x)
    ...     print(sess.run(tf.gradients(y, x)[0]))
    2.0
    """

    def __init__(self, op_type: str) -> None:
        if not isinstance(op_type, str):
            raise TypeError("op_type must be a string")
        self._op_type = op_type

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        _register_rule(self._op_type, f)
        return f


def _register_rule(name: str, function: Callable[..., Any] | None) -> None:
    own = registry.rule(name)
    if name in scopes.process.gradient_rules or (own is not None and own.gradient is not registry.GENERIC):
        raise KeyError(f"Registering two gradient with name {name!r}!")
    scopes.process.gradient_rules[name] = function  # type: ignore[assignment]  # None ends the way


def no_gradient(op_type: str) -> None:
    """Declare that ops of this type have no gradient (`tf.NoGradient`, `tf.NotDifferentiable`)."""
    if not isinstance(op_type, str):
        raise TypeError("op_type must be a string")
    _register_rule(op_type, None)


def hessians(
    ys: Any,
    xs: Any,
    name: str = "hessians",
    colocate_gradients_with_ops: bool = False,
    gate_gradients: bool = False,
    aggregation_method: int | None = None,
) -> list[Any]:
    """The matrix of second derivatives of the sum of `ys` for each x, of shape `x.shape + x.shape`.

    The number of elements of each x must be known: one set of gradient nodes is made for each.

    >>> import reflow as tf
    >>> x = tf.constant([1.0, 2.0])
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.hessians(tf.reduce_sum(x ** 3), x)[0]))
    [[ 6.  0.]
     [ 0. 12.]]
    """
    options: dict[str, Any] = {
        "colocate_gradients_with_ops": colocate_gradients_with_ops,
        "gate_gradients": gate_gradients,
        "aggregation_method": aggregation_method,
    }
    xs = _as_list(xs)
    firsts = gradients(ys, xs, **options)
    return [_hessian(x, first, options) for x, first in zip(xs, firsts, strict=True)]


def _hessian(x: Any, first: Any, options: dict[str, Any]) -> Tensor:
    shape = x.get_shape()
    if not shape.is_fully_defined():
        raise ValueError(f"tf.hessians needs the static shape of {x.name}; it is {shape}")
    if first is None:
        raise ValueError(f"tf.hessians: no y depends on {x.name}")
    flat = emit("Reshape", first, [-1])
    count = shape.num_elements()
    rows = []
    for i in range(count):
        row = gradients(flat[i], x, unconnected_gradients=UnconnectedGradients.ZERO, **options)[0]
        rows.append(emit("Reshape", row, [-1]))
    matrix: Tensor = emit("Reshape", emit("Pack", rows, axis=0, name="stack"), shape.as_list() * 2)
    return matrix
