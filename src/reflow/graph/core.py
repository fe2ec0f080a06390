"""The graph: a growing list of operations, their names, and the scopes that new ones are made in."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any

from reflow.base import dtypes, errors
from reflow.base.shape import Dimension, TensorShape, as_shape, unknown_shape
from reflow.graph import drawing, graphdef, registry, scopes
from reflow.graph.binding import Binding, default_value
from reflow.graph.constant import make_constant
from reflow.graph.conversion import convert, holds_tensor, pack_nested
from reflow.graph.device import merged
from reflow.graph.node import Operation, Tensor, user_frames

_OP_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$")
_SCOPE_NAME = re.compile(r"^[A-Za-z0-9_.\-/]*$")


class _ControlBlock:
    """One `control_dependencies` block: its operations, and which nodes were made inside."""

    def __init__(self, ops: list[Operation], clears: bool) -> None:
        self.ops = ops
        self.clears = clears
        self.seen: set[Operation] = set()


class Graph:
    """A TensorFlow 1 graph: operations and tensors, to be run by a `Session`.

    >>> import reflow as tf
    >>> graph = tf.Graph()
    >>> with graph.as_default():
    ...     x = tf.constant(2.0, name="x")
    >>> graph.get_tensor_by_name("x:0") is x
    True
    """

    def __init__(self) -> None:
        self._operations: list[Operation] = []
        self._by_name: dict[str, Operation] = {}
        self._names_in_use: dict[str, int] = {}
        self._name_stack = ""
        self._control_stack: list[_ControlBlock] = []
        self._device_stack: list[Any] = []
        self._colocation_stack: list[list[bytes]] = []
        self._collections: dict[Any, list[Any]] = {}
        self._gradient_overrides: dict[str, str] = {}
        self._kernel_labels: dict[str, str] = {}
        self._attribute_scopes: dict[str, Any] = {}
        self._unfeedable: set[Tensor] = set()
        self._unfetchable: set[Operation] = set()
        self._finalized = False
        self._seed: int | None = None
        self._container = ""
        self._control_flow_context: Any = None
        self.mutations = 0  # changes of existing nodes; with the number of nodes it dates a plan
        self.runtime: dict[str, Any] = {}  # what the runtime keeps with a graph
        self.functions: dict[str, Any] = {}  # the library: body graphs (graph/function.py) by name

    # Making operations

    def emit(self, op_type: str, *inputs: Any, name: str | None = None, **attrs: Any) -> Any:
        """Add an op by type: convert inputs, infer attributes; returns its output(s), or the Operation if
        it has none.
        """
        definition = registry.definition(op_type)
        if definition is None:
            raise errors.UnimplementedError(None, None, f"Op type {op_type!r} is not known to Reflow")
        outer = self._name_stack
        scope = self._enter_name(op_type if name is None else name)
        try:
            binding = Binding(self, definition, attrs)
            binding.bind(inputs)
        finally:
            self._name_stack = outer
        with contextlib.ExitStack() as stack:
            for tensor in binding.references:  # an op on a reference is placed with its variable
                stack.enter_context(self.colocate_with(tensor))
            op = self.add(op_type, binding.inputs, binding.attrs, scope + "/" if scope else op_type)
        return structured_outputs(op)

    def add(self, op_type: str, inputs: list[Tensor], attrs: dict[str, Any], name: str) -> Operation:
        """Add an operation whose inputs are tensors and whose attributes are complete."""
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")
        name = name[:-1] if name.endswith("/") else self.unique_name(name)
        if not _OP_NAME.match(name):
            raise ValueError(f"'{name}' is not a valid node name")
        op = Operation(self, op_type, name, inputs, attrs)
        op.frames = user_frames()
        self._place(op)
        dtype_of = [
            d for a in (op.definition.outputs if op.definition else ()) for d in output_types(a, attrs)
        ]
        op.outputs = [Tensor(op, i, d) for i, d in enumerate(dtype_of)]
        self._infer_shapes(op)
        for tensor in inputs:
            tensor._consumers.append(op)
        self._register(op)
        if op._control_flow_context is not None:  # a branch makes what the op reads its own
            outer, self._name_stack = self._name_stack, name
            try:
                op._control_flow_context.add_op(op)
            finally:
                self._name_stack = outer
        return op

    def _register(self, op: Operation) -> None:
        self._operations.append(op)
        self._by_name[op.name] = op
        op._id = len(self._operations)
        self._names_in_use.setdefault(op.name, 1)
        for block in self._control_stack:
            block.seen.add(op)

    def _infer_shapes(self, op: Operation) -> None:
        rule = registry.rule(op.type)
        if rule is None:
            return
        try:
            shapes = rule.shape(op)
        except ValueError as error:
            shown = ", ".join(_shown(t.shape) for t in op.inputs)
            raise ValueError(
                f"{error} for '{op.name}' (op: '{op.type}') with input shapes: {shown}."
                + (f"\nCreated at {op.traceback_line}" if op.traceback_line else "")
            ) from None
        for tensor, shape in zip(op.outputs, _shape_list(shapes, len(op.outputs)), strict=True):
            tensor._shape = shape

    def _place(self, op: Operation) -> None:
        """Give a new operation the control inputs, device, groups and gradient of the blocks it is made
        in.
        """
        controls = self._controls_for(op.inputs)
        if controls:
            op.control_inputs = controls
            for c in controls:
                c.control_outputs.append(op)
        if self._device_stack:
            op.device = self._device_for(op)
        if self._colocation_stack:
            op.colocation = sorted({g for groups in self._colocation_stack for g in groups})
            self._follow_device(op)
        override = self._gradient_overrides.get(op.type)
        if override is not None:
            op.attrs["_gradient_op_type"] = override
        if self._kernel_labels.get(op.type):
            op.attrs["_kernel"] = self._kernel_labels[op.type]
        if self._attribute_scopes:
            op.attrs.update(self._attribute_scopes)
        if self._container and op.attrs.get("container") == "":
            op.attrs["container"] = self._container
        op._control_flow_context = self._control_flow_context

    def _follow_device(self, op: Operation) -> None:
        for group in op.colocation:
            leader = self._by_name.get(group[len(b"loc:@") :].decode())
            if leader is not None and leader.device:
                op.device = leader.device

    def _controls_for(self, inputs: list[Tensor]) -> list[Operation]:
        found: dict[Operation, None] = {}
        sources = {t.op for t in inputs}
        for block in self._control_stack:
            if not sources & block.seen:
                found.update(dict.fromkeys(o for o in block.ops if o not in sources))
        return list(found)

    def _device_for(self, op: Operation) -> str:
        device = ""
        for function in reversed(self._device_stack):
            if function is None:
                break
            if callable(function):
                op.device = device
                device = str(function(op) or "")
            else:
                device = merged(device, function) if device else function
        return device

    def create_op(
        self,
        op_type: str,
        inputs: Iterable[Tensor],
        dtypes: Any = None,
        input_types: Any = None,
        name: str | None = None,
        attrs: dict[str, Any] | None = None,
        op_def: Any = None,
        compute_shapes: bool = True,
        compute_device: bool = True,
    ) -> Operation:
        """Add an operation of any type; `attrs` may hold AttrValue messages. The low-level form of `emit`."""
        plain = {k: self.plain_attr(v) for k, v in (attrs or {}).items()}
        definition = registry.definition(op_type)
        for attribute in definition.attrs.values() if definition is not None else ():
            if attribute.has_default:
                plain.setdefault(attribute.name, default_value(attribute))
        op = self.add(op_type, list(inputs), plain, name or op_type)
        if dtypes is not None and not op.outputs:
            op.outputs = [Tensor(op, i, d) for i, d in enumerate(dtypes)]
        return op

    def convert(
        self, value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None
    ) -> Tensor:
        """`convert_to_tensor` in this graph."""
        return convert(self, value, dtype, name, preferred_dtype=preferred_dtype)

    def pack(self, values: list[Any], name: str) -> Tensor:
        """A list of scalars as a vector: one constant, or a `Pack` when a tensor is among them."""
        if not values:
            return make_constant(self, [], dtypes.int32, name="Const")
        if holds_tensor(values):
            return pack_nested(self, values, None, name)
        if any(isinstance(v, Dimension) for v in values):
            self.convert(values, name=name)  # TensorFlow makes a constant first, and does not use it
            parts = [v.value if isinstance(v, Dimension) else v for v in values]
            return self.emit("Pack", parts, axis=0, name=name)  # type: ignore[no-any-return]
        return self.convert(values, name=name)

    # Names

    def unique_name(self, name: str, mark_as_used: bool = True) -> str:
        """`name` in the current name scope, with `_1`, `_2` ... appended until no node has it.

        Names are case-sensitive, as in the TensorFlow 1.x of the documents (1.13 and later fold case).
        """
        if self._name_stack:
            name = f"{self._name_stack}/{name}"
        used = self._names_in_use
        i = used.get(name, 0)
        if mark_as_used:
            used[name] = i + 1
        if i > 0:
            base = name
            while name in used:
                name = f"{base}_{i}"
                i += 1
            if mark_as_used:
                used[name] = 1
        return name

    def _enter_name(self, name: str) -> str:
        """Make `name` the current name scope; returns the scope's full name."""
        if not name:
            scope = ""
        elif name[-1] == "/":
            scope = name[:-1]
        else:
            valid = _SCOPE_NAME if self._name_stack else _OP_NAME
            if not valid.match(name):
                raise ValueError(f"'{name}' is not a valid scope name")
            scope = self.unique_name(name)
        self._name_stack = scope
        return scope

    @contextlib.contextmanager
    def name_scope(self, name: str | None) -> Iterator[str]:
        """Names of nodes made in the block begin with `name/`; a name that ends in `/` is taken as it is."""
        if name is not None and not isinstance(name, str):
            raise TypeError(f"name for name_scope must be a string, got {name!r}")
        outer = self._name_stack
        scope = self._enter_name(name or "")
        try:
            yield scope + "/" if scope else ""
        finally:
            self._name_stack = outer

    def get_name_scope(self) -> str:
        """The current name scope, without the final slash."""
        return self._name_stack

    # Finding operations and tensors

    def get_operations(self) -> list[Operation]:
        """All operations, in creation order."""
        return list(self._operations)

    def get_operation_by_name(self, name: str) -> Operation:
        """The operation of that name; KeyError when there is none."""
        if not isinstance(name, str):
            raise TypeError(f"Operation names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=False, allow_operation=True)  # type: ignore[no-any-return]

    def get_tensor_by_name(self, name: str) -> Tensor:
        """The tensor of that name, such as `"x:0"`; KeyError when there is none, ValueError when it is
        malformed.
        """
        if not isinstance(name, str):
            raise TypeError(f"Tensor names are strings (or similar), not {type(name).__name__}.")
        return self.as_graph_element(name, allow_tensor=True, allow_operation=False)  # type: ignore[no-any-return]

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """The tensor or operation of this graph that `obj` (itself, a name, a variable) stands for."""
        own = getattr(obj, "_as_graph_element", None)
        element = own() if own is not None else obj
        if isinstance(element, bytes):
            element = element.decode()
        if isinstance(element, str):
            element = self._element_by_name(element, allow_tensor, allow_operation)
        wanted = " or ".join(["Tensor"] * allow_tensor + ["Operation"] * allow_operation)
        if not isinstance(element, (Tensor, Operation)):
            raise TypeError(f"Can not convert a {type(obj).__name__} into a {wanted}.")
        if not (allow_tensor if isinstance(element, Tensor) else allow_operation):
            raise TypeError(f"Can not convert a {type(element).__name__} into a {wanted}.")
        if element.graph is not self:
            raise ValueError(f"{type(element).__name__} {element} is not an element of this graph.")
        return element

    def _element_by_name(self, name: str, allow_tensor: bool, allow_operation: bool) -> Any:
        op_name, colon, index = name.partition(":")
        op = self._by_name.get(op_name)
        if colon and allow_tensor:
            if not index.isdigit():
                raise ValueError(
                    f"The name {name!r} looks a like a Tensor name, but is not a valid one: "
                    f"<op_name>:<index>."
                )
            if op is None:
                raise KeyError(
                    f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r}, "
                    f"does not exist in the graph.{self._nearest(op_name)}"
                )
            if int(index) >= len(op.outputs):
                raise KeyError(
                    f"The name {name!r} refers to a Tensor which does not exist. The operation, {op_name!r}, "
                    f"exists but only has {len(op.outputs)} outputs."
                )
            return op.outputs[int(index)]
        if colon:
            raise ValueError(f"Name {name!r} appears to refer to a Tensor, not a Operation.")
        if not allow_operation:
            raise ValueError(
                f"The name {name!r} refers to an Operation, not a Tensor. Tensor names must be of the form "
                f'"<op_name>:<output_index>".'
            )
        if op is None:
            raise KeyError(f"The name {name!r} refers to an Operation not in the graph.{self._nearest(name)}")
        return op

    def _nearest(self, name: str) -> str:
        near = get_close_matches(name, self._by_name, n=3)
        return f" The nearest names: {', '.join(near)}" if near else ""

    def is_feedable(self, tensor: Tensor) -> bool:
        return tensor not in self._unfeedable

    def prevent_feeding(self, tensor: Tensor) -> None:
        self._unfeedable.add(tensor)

    def is_fetchable(self, tensor_or_op: Any) -> bool:
        return getattr(tensor_or_op, "op", tensor_or_op) not in self._unfetchable

    def prevent_fetching(self, op: Operation) -> None:
        self._unfetchable.add(op)

    def _get_control_flow_context(self) -> Any:
        return self._control_flow_context

    def _set_control_flow_context(self, context: Any) -> None:
        self._control_flow_context = context

    # Collections

    def add_to_collection(self, name: Any, value: Any) -> None:
        """Append `value` to the collection `name`."""
        self._check_open()
        self._collections.setdefault(name, []).append(value)

    def add_to_collections(self, names: Any, value: Any) -> None:
        """Append `value` to each of the collections `names`."""
        for name in (names,) if isinstance(names, str) else set(names):
            self.add_to_collection(name, value)

    def get_collection_ref(self, name: Any) -> list[Any]:
        """The collection itself: changes of the list change the graph."""
        return self._collections.setdefault(name, [])

    def get_collection(self, name: Any, scope: str | None = None) -> list[Any]:
        """A copy of the collection; with `scope`, the items whose names match it as a regular expression
        from the start.
        """
        items = self._collections.get(name, [])
        if scope is None:
            return list(items)
        pattern = re.compile(scope)
        return [i for i in items if hasattr(i, "name") and pattern.match(i.name)]

    def get_all_collection_keys(self) -> list[str]:
        return [k for k in self._collections if isinstance(k, str)]

    def clear_collection(self, name: Any) -> None:
        self._check_open()
        self._collections.pop(name, None)

    @property
    def collections(self) -> list[Any]:
        return list(self._collections)

    # Blocks

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Graph]:
        """Make this the default graph of the thread for a `with` block."""
        with scopes.graphs.pushed(self, what="Graph"):
            yield self

    @contextlib.contextmanager
    def control_dependencies(self, control_inputs: Any) -> Iterator[None]:
        """Nodes made in the block run after `control_inputs`; None clears the blocks around."""
        outer, context = self._control_stack, self._control_flow_context
        if control_inputs is None:
            self._control_stack = []
            self._control_flow_context = None
        else:
            ops: list[Operation] = []
            for item in control_inputs:
                item = getattr(item, "_as_control_input", lambda item=item: item)()
                element = self.as_graph_element(item)
                op = element.op if isinstance(element, Tensor) else element
                if op not in ops:
                    ops.append(op)
            self._control_stack = [*outer, _ControlBlock(ops, False)]
        try:
            yield
        finally:
            self._control_stack, self._control_flow_context = outer, context

    @contextlib.contextmanager
    def control_flow_context(self, context: Any) -> Iterator[None]:
        """Nodes made in the block are told to `context`, the branch of a conditional (None: to nobody)."""
        outer, self._control_flow_context = self._control_flow_context, context
        try:
            yield
        finally:
            self._control_flow_context = outer

    @contextlib.contextmanager
    def device(self, device_name_or_function: Any) -> Iterator[None]:
        """The device that nodes made in the block are asked to run on: a name, a function of the Operation,
        or None.
        """
        wanted = device_name_or_function
        if wanted is not None and not callable(wanted):
            wanted = merged(str(wanted), "")  # ValueError for a malformed name, here rather than at a node
        self._device_stack.append(wanted)
        try:
            yield
        finally:
            self._device_stack.pop()

    @contextlib.contextmanager
    def colocate_with(self, op: Any, ignore_existing: bool = False) -> Iterator[None]:
        """Nodes made in the block are placed with `op`."""
        if op is None and not ignore_existing:
            raise ValueError("Trying to reset colocation (op is None) but ignore_existing is not True")
        outer, devices = self._colocation_stack, self._device_stack
        groups = [] if op is None else [self._leader(op).colocation_groups()]
        self._colocation_stack = groups if ignore_existing else [*outer, *groups]
        self._device_stack = []
        try:
            yield
        finally:
            self._colocation_stack, self._device_stack = outer, devices

    def _leader(self, op: Any) -> Operation:
        element = self.as_graph_element(getattr(op, "op", op))
        return element.op if isinstance(element, Tensor) else element

    @contextlib.contextmanager
    def gradient_override_map(self, op_type_map: dict[str, str]) -> Iterator[None]:
        """Nodes of the given types made in the block use the registered gradient of another name."""
        if not isinstance(op_type_map, dict):
            raise TypeError("op_type_map must be a dictionary mapping strings to strings")
        for text in (*op_type_map, *op_type_map.values()):
            if not isinstance(text, str):
                raise TypeError(f"op_type_map must map strings to strings, got {text!r}")
        outer = self._gradient_overrides
        self._gradient_overrides = {**outer, **op_type_map}
        try:
            yield
        finally:
            self._gradient_overrides = outer

    @contextlib.contextmanager
    def container(self, container_name: str) -> Iterator[str]:
        outer, self._container = self._container, container_name
        try:
            yield container_name
        finally:
            self._container = outer

    # The graph as a whole

    @property
    def seed(self) -> int | None:
        """The graph-level random seed."""
        return self._seed

    @seed.setter
    def seed(self, seed: int | None) -> None:
        self._seed = seed

    @property
    def version(self) -> int:
        """The number of operations made so far."""
        return len(self._operations)

    @property
    def _last_id(self) -> int:
        return len(self._operations)

    @property
    def finalized(self) -> bool:
        return self._finalized

    def finalize(self) -> None:
        """Make the graph read-only."""
        self._finalized = True

    def _unsafe_unfinalize(self) -> None:
        self._finalized = False

    def _check_open(self) -> None:
        if self._finalized:
            raise RuntimeError("Graph is finalized and cannot be modified.")

    @property
    def building_function(self) -> bool:
        return False

    @property
    def graph_def_versions(self) -> Any:
        return graphdef.versions()

    def as_graph_def(self, from_version: int | None = None, add_shapes: bool = False) -> Any:
        """The graph as TF's GraphDef message."""
        start = from_version or 0
        message = graphdef.graph_def(self._operations[start:], add_shapes)
        if self.functions:
            message.library.function.extend(f.as_function_def() for f in self.functions.values())
        return message

    def _repr_html_(self) -> str:
        """The picture that a notebook shows: scopes are boxes, edges have shapes."""
        return drawing.notebook(self.as_graph_def(add_shapes=True))

    def node_def_of(self, op: Operation) -> Any:
        return graphdef.node_def(op)

    def public_attr(self, op: Operation, name: str) -> Any:
        return graphdef.public_attr(op, name)

    def plain_attr(self, value: Any) -> Any:
        return graphdef.plain_attr(value)


def output_types(argument: registry.Argument, attrs: dict[str, Any]) -> list[dtypes.DType]:
    """The types of the tensors that one output argument stands for."""
    if argument.type_list_attr:
        found = list(attrs[argument.type_list_attr])
    else:
        one = argument.type if argument.type is not None else attrs[argument.type_attr or ""]
        found = [one] * (attrs[argument.number_attr] if argument.number_attr else 1)
    return [d._as_ref for d in found] if argument.is_ref else found


def structured_outputs(op: Operation) -> Any:
    """What a call of an op returns: a tensor, a list for a list output or several outputs, the op if there
    is none.
    """
    arguments = op.definition.outputs if op.definition else ()
    if not arguments:
        return op
    if len(arguments) == 1:
        return list(op.outputs) if arguments[0].is_list else op.outputs[0]
    outputs = iter(op.outputs)
    result: list[Any] = []
    for argument in arguments:
        if not argument.is_list:
            result.append(next(outputs))
        else:
            result.append([next(outputs) for _ in output_types(argument, op.attrs)])
    return result


def _shown(shape: TensorShape) -> str:
    """A shape as TensorFlow's shape functions print it: `[2,?]`."""
    if shape.ints is None:
        return "<unknown>"
    return f"[{','.join('?' if d is None else str(d) for d in shape.ints)}]"


def _shape_list(shapes: Any, count: int) -> list[TensorShape]:
    if count == 0:
        return []
    if isinstance(shapes, list) and len(shapes) == count and not all(isinstance(s, int) for s in shapes):
        return [as_shape(s) for s in shapes]
    if isinstance(shapes, list) and count != 1:
        raise AssertionError(f"A shape rule gave {len(shapes)} shapes for {count} outputs")
    return [as_shape(shapes)] * count if shapes is not None else [unknown_shape()] * count
