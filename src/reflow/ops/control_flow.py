"""Conditionals: `cond` and `case`, built of Switch and Merge as TensorFlow 1's are.

A Switch hands its input to one of two sides; what is computed from the other side is *dead* and does not run;
a Merge takes what is alive. See `runtime.guards` for how a session runs such a graph: XLA computes both sides
and selects, the interpreter skips the side that is not taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import protos
from reflow.graph.composite import IndexedSlices, SparseTensor
from reflow.graph.graph import (
    GraphKeys,
    Operation,
    Tensor,
    add_to_collection,
    constant_value,
    control_dependencies,
    convert_to_tensor,
    emit,
    get_collection,
    get_collection_ref,
    get_default_graph,
    name_scope,
)
from reflow.ops.branching import merge, switch, switch_ref_or_tensor
from reflow.ops.control import no_op, with_dependencies
from reflow.platform import nest

Branch = Callable[[], Any]


class CondContext:
    """One branch of a conditional while it is built: outer tensors that its nodes read go through a Switch.

    `pred` is the condition, `pivot` a tensor that is alive when this branch (1: true, 0: false) is taken. Or
    else `context_def` is the message of a branch whose nodes are in the default graph, in `import_scope`.
    """

    def __init__(
        self,
        pred: Any = None,
        pivot: Any = None,
        branch: Any = None,
        name: str = "cond_text",
        context_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        self._graph = get_default_graph() if context_def is not None else pred.graph
        self._name = self._graph.unique_name(name)
        self._nested: list[CondContext] = []
        self.outer_context: CondContext | None = self._graph._get_control_flow_context()
        self._known: set[Tensor] = set()  # tensors of this branch, and outer ones that were asked for
        self._inner: dict[Tensor, Tensor] = {}  # outer tensor -> what stands for it here
        if context_def is not None:
            self._read(context_def, import_scope)
        else:
            self.pred, self.pivot, self.branch = pred, pivot, branch
            self._known.update((pred, pivot))
            self._inner[pred] = pred
            pivot.op._set_control_flow_context(self)
        if self.outer_context is not None:
            self.outer_context._nested.append(self)

    # Messages

    def _read(self, message: Any, scope: str | None) -> None:
        def found(name: str) -> Any:
            return self._graph.as_graph_element(f"{scope}/{name}" if scope else name)

        self._name = f"{scope}/{message.context_name}" if scope else message.context_name
        self.pred, self.pivot = found(message.pred_name), found(message.pivot_name)
        self.branch = message.branch
        self._known = {found(name) for name in message.values_def.values}
        self._inner = {found(v.key): found(v.value) for v in message.values_def.external_values}
        for tensor in self._known - set(self._inner):
            tensor.op._set_control_flow_context(self)

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The branch, with those inside it, as a CondContextDef message; None if not in `export_scope`."""
        if export_scope is not None and not self._name.startswith(export_scope):
            return None

        def short(name: str) -> str:
            return name.removeprefix(f"{export_scope.rstrip('/')}/") if export_scope else name

        message = protos.CondContextDef(
            context_name=short(self._name),
            pred_name=short(self.pred.name),
            pivot_name=short(self.pivot.name),
            branch=self.branch,
        )
        message.values_def.values.extend(sorted(short(t.name) for t in self._known))
        for outer, inner in sorted(self._inner.items(), key=lambda row: row[0].name):
            message.values_def.external_values.add(key=short(outer.name), value=short(inner.name))
        for context in self._nested:
            message.nested_contexts.add().cond_ctxt.CopyFrom(context.to_proto(export_scope))
        return message

    @staticmethod
    def from_proto(context_def: Any, import_scope: str | None = None) -> CondContext:
        """The branch that a CondContextDef message describes, whose nodes are in the default graph."""
        context = CondContext(context_def=context_def, import_scope=import_scope)
        with context._graph.control_flow_context(context):
            for nested in context_def.nested_contexts:
                if nested.HasField("cond_ctxt"):
                    CondContext.from_proto(nested.cond_ctxt, import_scope)
        return context

    # Building

    @property
    def name(self) -> str:
        return self._name

    def contains(self, op: Operation) -> bool:
        """Whether an operation was made in this branch or one inside it."""
        context = op._get_control_flow_context()
        while context is not None and context is not self:
            context = context.outer_context
        return context is self

    def add_op(self, op: Operation) -> None:
        """A new operation of the branch: it reads outer tensors through switches, or waits for the pivot."""
        if op.inputs:
            for i, tensor in enumerate(list(op.inputs)):
                own = self.add_value(tensor)
                if own is not tensor:
                    op._update_input(i, own)
        elif not any(self.contains(c) for c in op.control_inputs):
            op._add_control_input(self.pivot.op)
        self._know(op.outputs)
        self._graph.prevent_fetching(op)

    def add_value(self, tensor: Tensor) -> Tensor:
        """What stands for a tensor in this branch."""
        if tensor in self._known:
            return self._inner.get(tensor, tensor)
        self._known.add(tensor)
        source = tensor
        if self.outer_context is not None:
            source = self.outer_context.add_value(tensor)
            self._known.add(source)
            self._inner[source] = source
        with control_dependencies(None):
            own: Tensor = switch_ref_or_tensor(source, self.pred)[self.branch]
        self._graph.prevent_fetching(own.op)
        own.op._set_control_flow_context(self)
        self._know([own])
        self._inner[tensor] = own
        return own

    def _know(self, tensors: Sequence[Tensor]) -> None:
        context: CondContext | None = self
        while context is not None:
            context._known.update(tensors)
            context = context.outer_context

    def build(self, function: Branch, which: str) -> tuple[Any, list[Any]]:
        """Call a branch's function; returns its result and the tensors that stand for it."""
        with self._graph.control_flow_context(self):
            result = _without_new_summaries(function)
            if result is None:
                raise ValueError(f"{which} must have a return value.")
            flat = [self._output(item) for item in _flat(result)]
        if self.outer_context is not None:
            self.outer_context._know([f for f in flat if isinstance(f, Tensor)])
        return result, flat

    def _output(self, value: Any) -> Tensor:
        if isinstance(value, Operation):
            return with_dependencies([value], self.pivot)  # type: ignore[no-any-return]
        tensor = convert_to_tensor(value)
        if tensor in self._known:
            return self._inner.get(tensor, tensor)
        self._known.add(tensor)
        source = tensor
        if self.outer_context is not None:
            source = self.outer_context.add_value(tensor)
            self._known.add(source)
            self._inner[source] = source
        own: Tensor = switch_ref_or_tensor(source, self.pred)[self.branch]
        self._inner[tensor] = own
        return own


def _without_new_summaries(function: Branch) -> Any:
    """A branch's result; summaries made in it belong to it: they run with it and are merged nowhere else."""
    before = get_collection(GraphKeys._SUMMARY_COLLECTION)
    result = function()
    made = get_collection(GraphKeys._SUMMARY_COLLECTION)[len(before) :]
    if not made:
        return result
    get_collection_ref(GraphKeys._SUMMARY_COLLECTION)[:] = before
    with control_dependencies(made):
        if result is None:
            return no_op()
        return _packed(result, [emit("Identity", item) for item in _flat(result)])


def _flat(structure: Any) -> list[Any]:
    """The tensors of a nested structure, the parts of slices and sparse tensors among them."""
    parts: list[Any] = []
    for item in nest.flatten(structure):
        if isinstance(item, (IndexedSlices, SparseTensor)):
            parts.extend(item._components())
        else:
            parts.append(item)
    return parts


def _packed(structure: Any, flat: Sequence[Any]) -> Any:
    """`flat` in the form of `structure`."""
    values = iter(flat)

    def rebuilt(item: Any) -> Any:
        if isinstance(item, (IndexedSlices, SparseTensor)):
            return type(item)(*[next(values) for _ in item._components()])
        return next(values)

    return nest.pack_sequence_as(structure, [rebuilt(item) for item in nest.flatten(structure)])


def _single(result: Any) -> Any:
    return result[0] if isinstance(result, (list, tuple)) and len(result) == 1 else result


def _branch_functions(given: dict[str, tuple[Any, Any]]) -> list[Branch]:
    """The functions of the two branches, under their new or their old names."""
    functions = []
    for new, (function, old) in given.items():
        old_name = {"true_fn": "fn1", "false_fn": "fn2"}[new]
        if old is not None:
            if function is not None:
                raise TypeError(f"cond(): {new} and {old_name} may not be set simultaneously.")
            function = old
        elif function is None:
            raise TypeError(f"cond(): {new} argument required")
        functions.append(function)
    for function, name in zip(functions, given, strict=True):
        if not callable(function):
            raise TypeError(f"{name} must be callable.")
    return functions


def cond(
    pred: Any,
    true_fn: Branch | None = None,
    false_fn: Branch | None = None,
    strict: bool = False,
    name: str | None = None,
    fn1: Branch | None = None,
    fn2: Branch | None = None,
) -> Any:
    """`true_fn()` if `pred` else `false_fn()`: both are called once, to build the graph; one runs.

    Nodes made outside of the functions run in either case.

    Args:
        pred: a boolean scalar tensor.
        true_fn, false_fn: functions without arguments that return tensors (or operations), or nested lists,
            tuples and dicts of them, alike in structure and types.
        strict: keep a list of one tensor a list.
        name: the name scope of the nodes.
        fn1, fn2: older names of the functions.

    Raises:
        TypeError: `pred` is a Python bool; a function is missing or no function; the structures differ.
        ValueError: the types of the results differ, or there is no result.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [])
    ...     y = tf.cond(x > 0.0, lambda: tf.sqrt(x), lambda: x * 0.0)
    ...     print(sess.run(y, {x: 4.0}), sess.run(y, {x: -4.0}))
    2.0 -0.0
    """
    functions = _branch_functions({"true_fn": (true_fn, fn1), "false_fn": (false_fn, fn2)})
    with name_scope(name, "cond", [pred]):
        if isinstance(pred, bool):
            raise TypeError("pred must not be a Python bool")
        contexts = _contexts(pred)
        result, on = contexts[0].build(functions[0], "true_fn")
        other, off = contexts[1].build(functions[1], "false_fn")
        if not strict:
            result, other = _single(result), _single(other)
        _check_alike(result, other, on, off)
        merges = [merge(pair)[0] for pair in zip(off, on, strict=True)]
        if contexts[0].outer_context is None:
            for context in contexts:
                add_to_collection(GraphKeys.COND_CONTEXT, context)
        merged = _packed(result, merges)
        return merged if strict else _single(merged)


def _contexts(pred: Any) -> tuple[CondContext, CondContext]:
    """The two branches of a new conditional, true first."""
    off, on = switch(pred, pred)
    pivots = [emit("Identity", on, name="switch_t"), emit("Identity", off, name="switch_f")]
    chosen = emit("Identity", pred, name="pred_id")
    for tensor in (on, *pivots, chosen):
        tensor.graph.prevent_fetching(tensor.op)
    return CondContext(chosen, pivots[0], 1), CondContext(chosen, pivots[1], 0)


def _check_alike(result: Any, other: Any, on: list[Any], off: list[Any]) -> None:
    """Refuse branches whose results differ in structure or type."""
    try:
        nest.assert_same_structure(result, other)
        if len(on) != len(off):
            raise ValueError(f"{len(on)} tensors against {len(off)}")
    except TypeError as error:
        raise TypeError(f"Incompatible return types of true_fn and false_fn: {error}") from None
    except ValueError as error:
        raise ValueError(f"Incompatible return values of true_fn and false_fn: {error}") from None
    if not on:
        raise ValueError("true_fn and false_fn must return at least one result.")
    for x, y in zip(on, off, strict=True):
        if x.dtype.base_dtype != y.dtype.base_dtype:
            raise ValueError(
                "Outputs of true_fn and false_fn must have the same type: "
                f"{x.dtype.name}, {y.dtype.name} ({x.name}, {y.name})"
            )


def smart_constant_value(pred: Any) -> bool | None:
    """The Python value of a condition that is known while the graph is built; None otherwise.

    >>> smart_constant_value(1)
    True
    """
    if isinstance(pred, Tensor):
        value = constant_value(pred)
        return None if value is None else bool(value)
    if hasattr(pred, "_as_tensor"):
        return None
    if pred in (0, 1):
        return bool(pred)
    raise TypeError(f"`pred` must be a Tensor, or a Python bool, or 1 or 0. Found instead: {type(pred)}")


def smart_cond(
    pred: Any, true_fn: Branch | None = None, false_fn: Branch | None = None, name: str | None = None
) -> Any:
    """`cond`, but when `pred` is a Python bool or a known constant only that branch is built.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     smart_cond(True, lambda: "yes", lambda: "no")
    'yes'
    """
    if not callable(true_fn):
        raise TypeError("`true_fn` must be callable.")
    if not callable(false_fn):
        raise TypeError("`false_fn` must be callable.")
    value = smart_constant_value(pred)
    if value is None:
        return cond(pred, true_fn, false_fn, name=name)
    return true_fn() if value else false_fn()
