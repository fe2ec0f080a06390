"""The variables that `get_variable` made in one graph, by name: making them, finding them, checking what is
found."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph import scopes
from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    colocate_with,
    convert_to_tensor,
    emit,
    init_scope,
    name_scope,
)
from reflow.graph.node import Tensor
from reflow.model.initializers import glorot_uniform_initializer, zeros_initializer
from reflow.model.partitioned import (
    PartitionedVariable,
    PartitionInfo,
    checked_partitions,
    slice_dim_and_count,
    slices_of,
)
from reflow.model.resource_variables import ResourceVariable
from reflow.model.variable_base import create_variable
from reflow.model.variable_common import SliceInfo


class VariableStore:
    """Variables, whole and in slices, by full name."""

    def __init__(self) -> None:
        self.variables: dict[str, Any] = {}
        self.partitioned: dict[str, PartitionedVariable] = {}

    def get_variable(
        self, name: str, *, custom_getter: Callable[..., Any] | None = None, **settings: Any
    ) -> Any:
        """The variable of full name `name`; `settings` are the arguments of `tf.get_variable` and `reuse`."""
        if custom_getter is not None and not callable(custom_getter):
            raise ValueError(f"Passed a custom_getter which is not callable: {custom_getter}")
        settings["dtype"] = getattr(settings.get("dtype"), "base_dtype", settings.get("dtype"))
        if custom_getter is None:
            return self._true_getter(name, **settings)
        if not _takes(custom_getter, "constraint"):  # getters were written before there were constraints
            settings.pop("constraint", None)
        return custom_getter(getter=self._true_getter, name=name, **settings)

    def _true_getter(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        initializer: Any = None,
        reuse: Any = None,
        partitioner: Callable[..., Any] | None = None,
        **settings: Any,
    ) -> Any:
        """What `get_variable` does when no custom getter stands in its place."""
        is_scalar = isinstance(shape, (list, tuple)) and not shape
        arguments = {
            "shape": shape,
            "dtype": dtypes.as_dtype(dtype),
            "initializer": initializer,
            "reuse": reuse,
            **settings,
        }
        if partitioner is not None and not is_scalar:
            if not callable(partitioner):
                raise ValueError(f"Partitioner must be callable, but received: {partitioner}")
            with name_scope(None):
                return self.get_partitioned_variable(name, partitioner=partitioner, **arguments)
        if reuse is True and partitioner is None and name in self.partitioned:
            return self.get_partitioned_variable(name, partitioner=None, **arguments)
        if f"{name}/part_0" in self.variables:
            raise ValueError(
                "No partitioner was provided, but a partitioned version of the variable was found: "
                f"{name}/part_0. "
                "Perhaps a variable of the same name was already created with partitioning?"
            )
        return self._get_single(name, **arguments)

    # A variable in one piece.

    def _get_single(
        self,
        name: str,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        initializer: Any = None,
        reuse: Any = None,
        partition_info: PartitionInfo | None = None,
        regularizer: Callable[..., Any] | None = None,
        use_resource: bool | None = None,
        **settings: Any,
    ) -> Any:
        from_value = initializer is not None and not callable(initializer)
        if shape is not None and from_value:
            raise ValueError("If initializer is a constant, do not specify shape.")
        wanted, shape = dtypes.as_dtype(dtype), as_shape(shape)
        if name in self.variables:
            return self._found(name, shape, wanted, reuse)
        if reuse is True:
            raise ValueError(
                f"Variable {name} does not exist, or was not created with tf.get_variable(). Did you mean "
                "to set "
                "reuse=tf.AUTO_REUSE in VarScope?"
            )
        variable_dtype = None
        if not from_value:
            initializer = default_initializer(name, wanted) if initializer is None else initializer
            initializer, variable_dtype = bound_initializer(initializer, shape, wanted, partition_info)
        variable = create_variable(
            initial_value=initializer,
            name=name,
            dtype=variable_dtype,
            use_resource=scopes.process.resource_variables if use_resource is None else use_resource,
            **settings,
        )
        self.variables[name] = variable
        if regularizer is not None:
            _regularize(name, variable, regularizer)
        return variable

    def _found(self, name: str, shape: TensorShape, dtype: dtypes.DType, reuse: Any) -> Any:
        """The existing variable `name`, if it may be shared and is what is wanted."""
        found = self.variables[name]
        if reuse is False:
            raise ValueError(_exists_message(name, found))
        if not shape.is_compatible_with(found.get_shape()):
            raise ValueError(
                f"Trying to share variable {name}, but specified shape {shape} and found shape "
                f"{found.get_shape()}."
            )
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(
                f"Trying to share variable {name}, but specified dtype {dtype.name} and found dtype "
                f"{found.dtype.name}."
            )
        return found

    # A variable in slices.

    def get_partitioned_variable(
        self,
        name: str,
        partitioner: Callable[..., Any] | None,
        shape: Any = None,
        dtype: Any = dtypes.float32,
        initializer: Any = None,
        reuse: Any = None,
        **settings: Any,
    ) -> PartitionedVariable:
        """The variable of full name `name` in slices `name/part_0`, `name/part_1` ..., made or found."""
        if name in self.variables:
            raise ValueError(
                "A partitioner was provided, but an unpartitioned version of the variable was found: "
                f"{name}.  Perhaps a variable of the same name was already created without partitioning?"
            )
        wanted, full_shape = dtypes.as_dtype(dtype), as_shape(shape)
        if isinstance(initializer, Tensor):
            full_shape = full_shape.merge_with(initializer.get_shape())
        partitions = None
        if partitioner is not None:
            partitions = checked_partitions(partitioner, full_shape, wanted)
        if name in self.partitioned:
            return self._found_partitioned(name, full_shape, wanted, partitions, reuse)
        if reuse is True or partitions is None:
            raise ValueError(
                f"PartitionedVariable {name} does not exist, or was not created with tf.get_variable(). "
                "Did you mean "
                "to set reuse=False or reuse=tf.AUTO_REUSE in VarScope?"
            )
        axis, count = slice_dim_and_count(partitions)
        self._check_parts(name, count)
        parts = [
            self._part(
                f"{name}/part_{i}", name, full_shape, offset, part_shape, wanted, initializer, reuse, settings
            )
            for i, (offset, part_shape) in enumerate(slices_of(_sizes(full_shape), count, axis))
        ]
        made = PartitionedVariable(name, full_shape, wanted, parts, partitions)
        self.partitioned[name] = made
        return made

    def _found_partitioned(
        self, name: str, shape: TensorShape, dtype: dtypes.DType, partitions: Any, reuse: Any
    ) -> PartitionedVariable:
        found = self.partitioned[name]
        if reuse is False:
            raise ValueError(
                f"Partitioned variable with name {name} already exists. Did you mean to set reuse=True or "
                "reuse=tf.AUTO_REUSE in VarScope?"
            )
        start = f"Trying to reuse partitioned variable {name}, but specified"
        if not shape.is_compatible_with(found.get_shape()):
            raise ValueError(f"{start} shape {shape} and found shape {found.get_shape()}.")
        if not dtype.is_compatible_with(found.dtype):
            raise ValueError(f"{start} dtype {dtype.name} and found dtype {found.dtype.name}.")
        if partitions is not None and found._get_partitions() != partitions:
            raise ValueError(
                f"{start} partitions {partitions} and found partitions {found._get_partitions()}."
            )
        return found

    def _check_parts(self, name: str, count: int) -> None:
        """ValueError if slices of `name` exist that are not those of `count` slices."""
        if f"{name}/part_0" not in self.variables:
            return
        start = (
            "Partitioner returned a different partitioning than what was already found.  Partitioner "
            "returned "
            f"{count} shards, and shard {name}/part_0 was found, but"
        )
        if f"{name}/part_{count - 1}" not in self.variables:
            raise ValueError(f"{start} {name}/part_{count - 1} was not.")
        if f"{name}/part_{count}" in self.variables:
            raise ValueError(f"{start} so was the extra shard {name}/part_{count}.")

    def _part(
        self,
        part_name: str,
        name: str,
        full_shape: TensorShape,
        offset: list[int],
        part_shape: list[int],
        dtype: dtypes.DType,
        initializer: Any,
        reuse: Any,
        settings: dict[str, Any],
    ) -> Any:
        """One slice, initialized by the slice of a value, or by a function that is told where the slice
        lies."""
        shape: list[int] | None = part_shape
        with name_scope(part_name + "/PartitionedInitializer"):
            if initializer is None:
                initializer = default_initializer(name, dtype)
            elif not callable(initializer):
                value = (
                    initializer
                    if isinstance(initializer, Tensor)
                    else convert_to_tensor(initializer, dtype=dtype)
                )
                initializer, shape = emit("Slice", value, offset, part_shape), None
                dtype = value.dtype.base_dtype
        with name_scope(None):
            part = self._get_single(
                part_name,
                shape=shape,
                dtype=dtype,
                initializer=initializer,
                reuse=reuse,
                partition_info=PartitionInfo(_sizes(full_shape), offset),
                **settings,
            )
        part._set_save_slice_info(SliceInfo(name, _sizes(full_shape), offset, part_shape))
        return part


def _sizes(shape: TensorShape) -> list[int]:
    return [int(d) for d in shape.as_list() if d is not None]


def _takes(function: Callable[..., Any], argument: str) -> bool:
    """Whether `function` can be called with `argument` by name."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return True
    return argument in parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values())


def _exists_message(name: str, found: Any) -> str:
    message = (
        f"Variable {name} already exists, disallowed. "
        "Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
    )
    if isinstance(found, ResourceVariable):
        return message
    lines = "".join(traceback.format_list(found.op.traceback[::-1][:5]))
    return f"{message} Originally defined at:\n\n{lines}"


def default_initializer(name: str, dtype: dtypes.DType) -> Any:
    """What starts a variable that was given no initializer; ValueError when its type has no default."""
    if dtype.is_floating:
        return glorot_uniform_initializer()
    if dtype.is_integer or dtype.is_bool or dtype == dtypes.string:
        return zeros_initializer()
    raise ValueError(f"An initializer for variable {name} of {dtype.base_dtype} is required")


def bound_initializer(
    initializer: Any, shape: TensorShape, dtype: dtypes.DType, partition_info: PartitionInfo | None
) -> tuple[Callable[[], Any], dtypes.DType | None]:
    """`initializer` as a function of no arguments, and the type that is left to say for the variable."""
    function: Any = initializer() if inspect.isclass(initializer) else initializer
    if shape.is_fully_defined():
        return lambda: function(shape.as_list(), dtype=dtype, partition_info=partition_info), dtype.base_dtype
    if _needs_no_arguments(function):
        return function, None
    raise ValueError(
        "The initializer passed is not valid. It should be a callable with no arguments and the shape "
        "should not be "
        "provided or an instance of `tf.keras.initializers.*' and `shape` should be fully defined."
    )


def _needs_no_arguments(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    return all(p.default is not p.empty or p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in parameters)


def _regularize(name: str, variable: Any, regularizer: Callable[..., Any]) -> None:
    """Add the regularizer's loss for a new variable to the collection of losses."""
    with colocate_with(variable), name_scope(name + "/Regularizer/"), init_scope():
        loss = regularizer(variable)
    if loss is not None:
        add_to_collection(GraphKeys.REGULARIZATION_LOSSES, loss)
