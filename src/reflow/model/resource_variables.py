"""Resource variables: a handle, and reads and writes that keep the order which the graph's edges give
them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.graph import (
    Graph,
    add_to_collections,
    colocate_with,
    control_dependencies,
    convert_to_tensor,
    device,
    emit,
    get_default_graph,
    init_scope,
    name_scope,
)
from reflow.graph.node import Operation, Tensor
from reflow.model.initial_values import guarded
from reflow.model.modes import checked_modes
from reflow.model.variable_common import (
    INSIDE_CONTROL_FLOW,
    BaseVariable,
    SliceInfo,
    check_initial,
    checked_collections,
    checked_slices,
    on_device_of,
    placed_with,
    with_scope,
)
from reflow.ops import state


class BaseResourceVariable(BaseVariable):
    """What a variable and the result of a write have in common: a handle, to read from and write to."""

    _handle: Tensor
    _dtype: dtypes.DType
    _shape: TensorShape
    _graph_element: Any
    _cached_value: Any = None
    _is_initialized_op: Any = None

    @property
    def handle(self) -> Tensor:
        """The resource tensor that names the variable."""
        return self._handle

    @property
    def create(self) -> Operation:
        """The initializer, by its older name."""
        made: Operation = self._initializer_op
        return made

    @property
    def name(self) -> str:
        return self._handle.name

    @property
    def dtype(self) -> dtypes.DType:
        """The type of the value."""
        return self._dtype

    @property
    def op(self) -> Operation:
        return self._handle.op

    @property
    def graph(self) -> Graph:
        return self._handle.graph

    @property
    def device(self) -> str:
        return self._handle.device

    @property
    def shape(self) -> TensorShape:
        return self._shape

    def __bool__(self) -> bool:
        return bool(self.read_value())

    def set_shape(self, shape: Any) -> NoReturn:
        """Not for resource variables: NotImplementedError."""
        raise NotImplementedError("ResourceVariable does not implement set_shape()")

    # Values

    def value(self) -> Tensor:
        if self._cached_value is not None:
            cached: Tensor = self._cached_value
            return cached
        with colocate_with(None, ignore_existing=True), on_device_of(self._handle):
            return self._read_variable_op()

    def read_value(self) -> Tensor:
        with name_scope("Read"), on_device_of(self._handle):
            value = self._read_variable_op()
        read: Tensor = emit("Identity", value)
        return read

    def _read_variable_op(self) -> Tensor:
        read: Tensor = emit("ReadVariableOp", self._handle, dtype=self._dtype)
        return read

    def sparse_read(self, indices: Any, name: str | None = None) -> Tensor:
        """The rows `indices` of the value, without reading the rest."""
        with name_scope("Gather" if name is None else name) as scope:
            rows = emit("ResourceGather", self._handle, indices, dtype=self._dtype, name=scope)
        read: Tensor = emit("Identity", rows)
        return read

    def gather_nd(self, indices: Any, name: str | None = None) -> Tensor:
        """The elements or slices that the rows of `indices` name, without reading the rest."""
        with name_scope("GatherNd" if name is None else name) as scope:
            rows = emit("ResourceGatherNd", self._handle, indices, dtype=self._dtype, name=scope)
        read: Tensor = emit("Identity", rows)
        return read

    def is_initialized(self, name: str | None = None) -> Tensor:
        """Whether the variable has a value yet: a scalar bool tensor."""
        found: Tensor = emit("VarIsInitializedOp", self._handle, name=name)
        return found

    def _is_initialized(self) -> Tensor:
        return self.is_initialized()

    def _read_through(self, change: Callable[[Operation], None]) -> Tensor:
        with name_scope("Read"):
            value = self._read_variable_op()
            change(value.op)
        read: Tensor = emit("Identity", value)
        return read

    def _as_graph_element(self) -> Any:
        return self._graph_element

    def _as_control_input(self) -> Operation:
        return self.op

    def _ref(self) -> Any:
        return self.read_value().op.inputs[0]

    def _snapshot_name(self) -> str:
        name: str = (self._graph_element if self._cached_value is None else self._cached_value).name
        return name

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The variable as a VariableDef message; None if it is not in `export_scope`."""
        message = super().to_proto(export_scope)
        if message is not None:
            message.is_resource = True
        return message

    # Updates

    @contextlib.contextmanager
    def _after_cached_read(self) -> Iterator[None]:
        """Writes come after the read that is cached."""
        with control_dependencies([] if self._cached_value is None else [self._cached_value]):
            yield

    def _lazy_read(self, write: Operation) -> UnreadVariable:
        return UnreadVariable(self, write)

    def _written(self, write: Operation, read_value: bool) -> Any:
        return self._lazy_read(write) if read_value else write

    def _new_value(self, value: Any) -> Tensor:
        return convert_to_tensor(value, dtype=self._dtype)

    def assign(
        self, value: Any, use_locking: bool | None = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Give the variable a new value. Returns the variable as it is after the write, or with
        `read_value=False` the operation. ValueError when the shapes are known to differ."""
        new = self._new_value(value)
        self._shape.assert_is_compatible_with(new.shape)
        return self._written(emit("AssignVariableOp", self._handle, new, name=name), read_value)

    def assign_add(
        self, delta: Any, use_locking: bool | None = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Add `delta`. Returns as `assign`."""
        with self._after_cached_read():
            write = emit("AssignAddVariableOp", self._handle, self._new_value(delta), name=name)
        return self._written(write, read_value)

    def assign_sub(
        self, delta: Any, use_locking: bool | None = None, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtract `delta`. Returns as `assign`."""
        with self._after_cached_read():
            write = emit("AssignSubVariableOp", self._handle, self._new_value(delta), name=name)
        return self._written(write, read_value)

    def _scatter(self, op_type: str, sparse_delta: Any, name: str | None) -> Any:
        rows = checked_slices(sparse_delta)
        return self._lazy_read(
            emit(op_type, self._handle, rows.indices, self._new_value(rows.values), name=name)
        )

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Add the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterAdd", sparse_delta, name)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Subtract the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterSub", sparse_delta, name)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Multiply by the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterMul", sparse_delta, name)

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Divide by the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterDiv", sparse_delta, name)

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Keep the lesser of the value and the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterMin", sparse_delta, name)

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Keep the greater of the value and the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterMax", sparse_delta, name)

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Put in the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ResourceScatterUpdate", sparse_delta, name)

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Put in rows batch by batch: see `tf.batch_scatter_update`."""
        rows = checked_slices(sparse_delta)
        return state.batch_scatter_update(self, rows.indices, rows.values, use_locking=use_locking, name=name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Add `updates` at the places that the rows of `indices` name."""
        return state.scatter_nd_add(self, indices, updates, name=name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtract `updates` at the places that the rows of `indices` name."""
        return state.scatter_nd_sub(self, indices, updates, name=name)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Put `updates` in the places that the rows of `indices` name."""
        return state.scatter_nd_update(self, indices, updates, name=name)

    def count_up_to(self, limit: int) -> Any:
        """Add one to the value, up to `limit`: see `tf.count_up_to`."""
        return state.count_up_to(self, limit)

    def _strided_slice_assign(self, bounds: list[Any], value: Any, name: str, masks: dict[str, int]) -> Any:
        with self._after_cached_read():
            new = self._new_value(value)
            write = emit("ResourceStridedSliceAssign", self._handle, *bounds, new, name=name, **masks)
        return self._lazy_read(write)


def _refusal(operator: str, instead: str) -> Any:
    def refuse(self: BaseResourceVariable, other: Any) -> NoReturn:
        raise RuntimeError(f"Variable {operator} value not supported. Use {instead}")

    return refuse


for _name, _operator, _method in (("__iadd__", "+", "assign_add"), ("__isub__", "-", "assign_sub")):
    _advice = (
        f"variable.{_method}(value) to modify the variable value and variable = variable {_operator} "
        "value to get a new "
        "Tensor object."
    )
    setattr(BaseResourceVariable, _name, _refusal(f"{_operator}=", _advice))
for _name, _operator in (("__imul__", "*"), ("__itruediv__", "/"), ("__ipow__", "**")):
    _advice = (
        f"`var.assign(var {_operator} value)` to modify the variable or `var = var {_operator} value` to "
        "get a new "
        "Tensor object."
    )
    setattr(BaseResourceVariable, _name, _refusal(f"{_operator}=", _advice))


class ResourceVariable(BaseResourceVariable):
    """A variable behind a resource handle. See `tf.Variable`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable([1.0, 2.0], name="x", use_resource=True)
    ...     sess.run(x.initializer)
    ...     print(x, sess.run(x.assign_add([1.0, 1.0])))
    <tf.Variable 'x:0' shape=(2,) dtype=float32> [2. 3.]
    """

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        dtype: Any = None,
        variable_def: Any = None,
        import_scope: str | None = None,
        constraint: Any = None,
        distribute_strategy: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError("variable_def and initial_value are mutually exclusive.")
            self._rebuild(variable_def, import_scope)
            return
        self._synchronization, self._aggregation, self._trainable = checked_modes(
            synchronization, aggregation, trainable, name
        )
        check_initial(initial_value, constraint)
        collections = checked_collections(collections, self._trainable)
        self._constraint = constraint
        self._caching_device = caching_device
        with init_scope():
            self._build(initial_value, name, dtype, shape)
            add_to_collections(collections, self)

    def _build(self, initial_value: Any, name: str | None, dtype: Any, shape: Any) -> None:
        """Make the nodes, in TensorFlow's order."""
        from_function = callable(initial_value)
        with name_scope(name, "Variable", [] if from_function else [initial_value]) as scope:
            with placed_with(scope[:-1]):
                with name_scope("Initializer"), device(None):
                    given = initial_value() if from_function else initial_value
                    value = convert_to_tensor(given, name="initial_value", dtype=dtype)
                self._initial_value = value
                self._make_handle(scope, value, shape)
            if value.op._control_flow_context is not None:
                raise ValueError(INSIDE_CONTROL_FLOW.format(scope))
            with name_scope("IsInitialized"):
                self._is_initialized_op = emit("VarIsInitializedOp", self._handle)
            with (
                name_scope("Assign") as assign_scope,
                colocate_with(None, ignore_existing=True),
                on_device_of(self._handle),
            ):
                self._initializer_op = emit(
                    "AssignVariableOp", self._handle, guarded(scope, value), name=assign_scope
                )
            self._make_read()

    def _make_handle(self, scope: str, value: Tensor, shape: Any) -> None:
        if shape is not None and not value.shape.is_compatible_with(shape):
            raise ValueError(
                f"The initial value's shape ({value.shape}) is not compatible with the explicitly "
                "supplied `shape` "
                f"argument ({shape})."
            )
        self._shape = as_shape(value.shape if shape is None else shape)
        self._dtype = value.dtype.base_dtype
        self._handle = emit(
            "VarHandleOp",
            dtype=self._dtype,
            shape=self._shape,
            shared_name=scope[:-1],
            container=get_default_graph()._container,
            name=scope,
        )

    def _make_read(self) -> None:
        with name_scope("Read"):
            with on_device_of(self._handle):
                self._graph_element = self._read_variable_op()
            if self._caching_device is not None:
                with colocate_with(None, ignore_existing=True), device(self._caching_device):
                    self._cached_value = emit("Identity", self._graph_element)

    def _rebuild(self, variable_def: Any, import_scope: str | None) -> None:
        if not variable_def.is_resource:
            raise ValueError("Trying to restore Variable as ResourceVariable.")
        graph = get_default_graph()

        def find(name: str) -> Any:
            return graph.as_graph_element(with_scope(name, import_scope))

        self._handle = find(variable_def.variable_name)
        self._shape = as_shape(self._handle.op.attrs["shape"])
        self._dtype = dtypes.as_dtype(self._handle.op.attrs["dtype"])
        self._initializer_op = find(variable_def.initializer_name)
        initial = variable_def.initial_value_name
        self._initial_value = find(initial) if initial else None
        self._synchronization, self._aggregation, self._trainable = checked_modes(
            variable_def.synchronization,
            variable_def.aggregation,
            variable_def.trainable,
            variable_def.variable_name,
        )
        self._constraint = None
        self._find_reads(find(variable_def.snapshot_name or self._handle.op.name + "/Read/ReadVariableOp:0"))
        if variable_def.HasField("save_slice_info_def"):
            self._save_slice_info = SliceInfo(
                save_slice_info_def=variable_def.save_slice_info_def, import_scope=import_scope
            )

    def _find_reads(self, snapshot: Tensor) -> None:
        """The read behind a snapshot, which is either that read or its copy on a caching device."""
        read = snapshot
        while read.op.type != "ReadVariableOp":
            read = read.op.inputs[0]
        self._graph_element = read
        self._cached_value = None if read is snapshot else snapshot


class UnreadVariable(BaseResourceVariable):
    """A resource variable as it is after a write: reads of it come after that write."""

    def __init__(self, variable: BaseResourceVariable, write: Operation) -> None:
        self._handle = variable.handle
        self._dtype = variable.dtype
        self._shape = variable.shape
        self._synchronization, self._aggregation, self._trainable = checked_modes(None, None, None, None)
        self._constraint = None
        self._initial_value = self._initializer_op = None
        self._write = write
        self._graph_element = None
        if not write.graph.building_function:  # there, only what is used is read
            with control_dependencies([write]):
                self._graph_element = emit("ReadVariableOp", self._handle, dtype=self._dtype)

    @property
    def name(self) -> str:
        return self._write.name

    @property
    def op(self) -> Operation:
        return self._write

    def value(self) -> Tensor:
        return self._read_variable_op()

    def read_value(self) -> Tensor:
        return self._read_variable_op()

    def _read_variable_op(self) -> Tensor:
        with control_dependencies([self._write]):
            return super()._read_variable_op()


def is_resource_variable(variable: Any) -> bool:
    """Whether `variable` is a resource variable."""
    return isinstance(variable, BaseResourceVariable)
