"""Reference variables, TensorFlow 1's default: a mutable tensor, its initializer, and one read for all
uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.base.shape import as_shape, unknown_shape
from reflow.graph.graph import (
    add_to_collections,
    colocate_with,
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
    placed_with,
    with_scope,
)
from reflow.ops import state


class RefVariable(BaseVariable):
    """A variable whose tensor other ops take as a reference. See `tf.Variable`."""

    def __init__(
        self,
        initial_value: Any = None,
        trainable: bool | None = None,
        collections: Any = None,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        expected_shape: Any = None,
        import_scope: str | None = None,
        constraint: Any = None,
        synchronization: Any = None,
        aggregation: Any = None,
        shape: Any = None,
    ) -> None:
        if variable_def is not None:
            if initial_value is not None:
                raise ValueError("variable_def and initial_value are mutually exclusive.")
            self._rebuild(variable_def, import_scope)
            return
        check_initial(initial_value, constraint)
        self._synchronization, self._aggregation, self._trainable = checked_modes(
            synchronization, aggregation, trainable, name
        )
        collections = checked_collections(collections, self._trainable)
        self._constraint = constraint
        self._caching_device = caching_device
        with init_scope():
            self._build(initial_value, validate_shape, name, dtype, shape)
            add_to_collections(collections, self)

    def _build(
        self, initial_value: Any, validate_shape: bool, name: str | None, dtype: Any, shape: Any
    ) -> None:
        """Make the nodes, in TensorFlow's order."""
        from_function = callable(initial_value)
        with name_scope(name, "Variable", [] if from_function else [initial_value]) as scope:
            if from_function:
                with placed_with(scope[:-1]):
                    with name_scope("Initializer"), device(None):
                        value = convert_to_tensor(initial_value(), name="initial_value", dtype=dtype)
                    self._variable = self._holder(value, validate_shape, scope, shape)
            else:
                value = convert_to_tensor(initial_value, name="initial_value", dtype=dtype)
                if value.op._control_flow_context is not None:
                    raise ValueError(INSIDE_CONTROL_FLOW.format(scope))
                self._variable = self._holder(value, validate_shape, scope, shape)
            self._initial_value = value
            if validate_shape and not value.get_shape().is_fully_defined():
                raise ValueError(f"initial_value must have a shape specified: {value}")
            safe = guarded(scope, value)
            with colocate_with(self._variable.op):
                self._initializer_op = state.assign(self._variable, safe, validate_shape=validate_shape).op
            near = (
                colocate_with(self._variable.op)
                if self._caching_device is None
                else device(self._caching_device)
            )
            with near:
                self._snapshot = emit("Identity", self._variable, name="read")

    def _holder(self, value: Tensor, validate_shape: bool, scope: str, shape: Any) -> Tensor:
        if shape is None:
            shape = value.get_shape() if validate_shape else unknown_shape()
        made: Tensor = emit("VariableV2", shape=as_shape(shape), dtype=value.dtype.base_dtype, name=scope)
        return made

    def _rebuild(self, variable_def: Any, import_scope: str | None) -> None:
        graph = get_default_graph()

        def find(name: str) -> Any:
            return graph.as_graph_element(with_scope(name, import_scope))

        self._variable = find(variable_def.variable_name)
        self._initializer_op = find(variable_def.initializer_name)
        self._snapshot = find(variable_def.snapshot_name)
        initial = variable_def.initial_value_name
        self._initial_value = find(initial) if initial else None
        self._synchronization, self._aggregation, self._trainable = checked_modes(
            variable_def.synchronization,
            variable_def.aggregation,
            variable_def.trainable,
            variable_def.variable_name,
        )
        self._constraint = None
        if variable_def.HasField("save_slice_info_def"):
            self._save_slice_info = SliceInfo(
                save_slice_info_def=variable_def.save_slice_info_def, import_scope=import_scope
            )

    # Facts

    @property
    def name(self) -> str:
        return self._variable.name

    @property
    def dtype(self) -> Any:
        """The reference type: `dtype.base_dtype` is that of the value."""
        return self._variable.dtype

    @property
    def op(self) -> Any:
        return self._variable.op

    @property
    def shape(self) -> Any:
        return self._variable.get_shape()

    def set_shape(self, shape: Any) -> None:
        """Add what is known about the shape. ValueError if it contradicts what is known already."""
        self._variable.set_shape(shape)
        self._snapshot.set_shape(shape)

    # Values

    def value(self) -> Any:
        return self._snapshot

    def read_value(self) -> Tensor:
        read: Tensor = emit("Identity", self._variable, name="read")
        return read

    def _ref(self) -> Tensor:
        return self._variable

    def _as_graph_element(self) -> Tensor:
        return self._variable

    def _is_initialized(self) -> Any:
        return state.is_variable_initialized(self)

    def _read_through(self, change: Callable[[Operation], None]) -> Tensor:
        read = self.read_value()
        change(read.op)
        return read

    def _snapshot_name(self) -> str:
        return str(self._snapshot.name)

    # Updates

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Give the variable a new value. Returns a reference to it, or the operation with
        `read_value=False`."""
        return _result(state.assign(self._variable, value, use_locking=use_locking, name=name), read_value)

    def assign_add(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Add `delta`. Returns as `assign`."""
        return _result(
            state.assign_add(self._variable, delta, use_locking=use_locking, name=name), read_value
        )

    def assign_sub(
        self, delta: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> Any:
        """Subtract `delta`. Returns as `assign`."""
        return _result(
            state.assign_sub(self._variable, delta, use_locking=use_locking, name=name), read_value
        )

    def _scatter(self, op_type: str, sparse_delta: Any, use_locking: bool, name: str | None) -> Any:
        rows = checked_slices(sparse_delta)
        return emit(op_type, self._variable, rows.indices, rows.values, use_locking=use_locking, name=name)

    def scatter_add(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Add the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterAdd", sparse_delta, use_locking, name)

    def scatter_sub(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Subtract the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterSub", sparse_delta, use_locking, name)

    def scatter_mul(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Multiply by the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterMul", sparse_delta, use_locking, name)

    def scatter_div(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Divide by the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterDiv", sparse_delta, use_locking, name)

    def scatter_min(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Keep the lesser of the value and the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterMin", sparse_delta, use_locking, name)

    def scatter_max(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Keep the greater of the value and the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterMax", sparse_delta, use_locking, name)

    def scatter_update(self, sparse_delta: Any, use_locking: bool = False, name: str | None = None) -> Any:
        """Put in the rows of an IndexedSlices; TypeError for anything else."""
        return self._scatter("ScatterUpdate", sparse_delta, use_locking, name)

    def batch_scatter_update(
        self, sparse_delta: Any, use_locking: bool = False, name: str | None = None
    ) -> Any:
        """Put in rows batch by batch: see `tf.batch_scatter_update`."""
        rows = checked_slices(sparse_delta)
        return state.batch_scatter_update(self, rows.indices, rows.values, use_locking=use_locking, name=name)

    def scatter_nd_add(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Add `updates` at the places that the rows of `indices` name."""
        return state.scatter_nd_add(self, indices, updates, use_locking=True, name=name)

    def scatter_nd_sub(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Subtract `updates` at the places that the rows of `indices` name."""
        return state.scatter_nd_sub(self, indices, updates, use_locking=True, name=name)

    def scatter_nd_update(self, indices: Any, updates: Any, name: str | None = None) -> Any:
        """Put `updates` in the places that the rows of `indices` name."""
        return state.scatter_nd_update(self, indices, updates, use_locking=True, name=name)

    def count_up_to(self, limit: int) -> Any:
        """Add one to the value, up to `limit`: see `tf.count_up_to`."""
        return state.count_up_to(self, limit)

    def _strided_slice_assign(self, bounds: list[Any], value: Any, name: str, masks: dict[str, int]) -> Any:
        return emit("StridedSliceAssign", self._variable, *bounds, value, name=name, **masks)


def _result(assigned: Any, read_value: bool) -> Any:
    return assigned if read_value else assigned.op
