"""What a Saver saves: variables, slices of variables and other objects, each as the tensors it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from reflow.graph.device import DeviceSpec
from reflow.graph.graph import convert_to_tensor, device, emit
from reflow.graph.node import Tensor
from reflow.model.partitioned import PartitionedVariable
from reflow.model.resource_variables import BaseResourceVariable, is_resource_variable
from reflow.model.variable_common import BaseVariable
from reflow.ops import state
from reflow.ops.array import identity
from reflow.ops.shaping import reshape

HOLDERS = ("Variable", "VariableV2", "AutoReloadVariable")
VARIABLE_OPS = (*HOLDERS, "VarHandleOp", "ReadVariableOp")
VALUE_KEY = "VARIABLE_VALUE"  # under which an object that stands for a variable offers its value


def on_cpu(name: str) -> str:
    """A device name with the first CPU as its device.

    >>> on_cpu("/job:ps/device:GPU:1")
    '/job:ps/device:CPU:0'
    """
    return DeviceSpec(device_type="CPU", device_index=0).merged_over(DeviceSpec.from_string(name)).to_string()


class SaveSpec:
    """One tensor to be saved: the tensor (or a function that makes it), its slice and its name.

    Raises AssertionError when `tensor` is a function and `dtype` or `device` is not given.
    """

    def __init__(
        self, tensor: Any, slice_spec: str, name: str, dtype: Any = None, device: str | None = None
    ) -> None:
        self._tensor = tensor
        self.slice_spec = slice_spec
        self.name = name
        if callable(tensor):
            if dtype is None or device is None:
                raise AssertionError(
                    "When passing a callable `tensor` to a SaveSpec, an explicit dtype and device must be "
                    "provided."
                )
            self.dtype, self.device = dtype, device
        else:
            self.dtype, self.device = tensor.dtype, tensor.device

    @property
    def tensor(self) -> Any:
        """The tensor; made anew each time if the spec has a function."""
        return self._tensor() if callable(self._tensor) else self._tensor


class SaveableObject:
    """Something that is saved as one or more tensors and restored from them: derive, and define `restore`.

    Args:
        op: what is saved; an object is saved only once.
        specs: a list of `SaveSpec`, all on one device.
        name: the name it is saved under.
    """

    optional_restore = False

    def __init__(self, op: Any, specs: list[SaveSpec], name: str) -> None:
        self.op = op
        self.specs = specs
        self.name = name

    @property
    def device(self) -> str:
        """The device of the tensors."""
        return self.specs[0].device

    def restore(self, restored_tensors: list[Any], restored_shapes: list[Any] | None) -> Any:
        """The operation that puts the tensors read from a checkpoint in place.

        `restored_shapes` are the shapes they are to take, or None to leave them as they are.
        """
        raise ValueError("Calling an abstract method.")


def _reshaped(tensors: list[Any], shapes: list[Any] | None) -> Any:
    return tensors[0] if shapes is None else reshape(tensors[0], shapes[0])


class ReferenceVariableSaveable(SaveableObject):
    """A reference variable, or a slice that is one."""

    def __init__(self, var: Any, slice_spec: str, name: str) -> None:
        super().__init__(var, [SaveSpec(var, slice_spec, name, dtype=var.dtype)], name)

    def restore(self, restored_tensors: list[Any], restored_shapes: list[Any] | None) -> Any:
        value = _reshaped(restored_tensors, restored_shapes)
        whole = restored_shapes is None and self.op.get_shape().is_fully_defined()
        return state.assign(self.op, value, validate_shape=whole)


class ResourceVariableSaveable(SaveableObject):
    """A resource variable, given as itself or as a tensor that reads it, or a slice that is one."""

    def __init__(self, var: Any, slice_spec: str, name: str) -> None:
        self._device, self._shape = var.device, var.shape
        tensor: Any = var
        if isinstance(var, Tensor):
            self.handle_op = var.op.inputs[0]
        elif is_resource_variable(var):
            self.handle_op, tensor = var.handle, _reader(var)
        else:
            raise ValueError(f"Saveable is neither a resource variable nor a read operation. Got: {var!r}")
        super().__init__(var, [SaveSpec(tensor, slice_spec, name, var.dtype, var.device)], name)

    def restore(self, restored_tensors: list[Any], restored_shapes: list[Any] | None) -> Any:
        value = _reshaped(restored_tensors, restored_shapes)
        with device(self._device or None):
            value = identity(value)
            self._shape.assert_is_compatible_with(value.shape)
            return emit("AssignVariableOp", self.handle_op, value)


def _reader(variable: Any) -> Callable[[], Any]:
    """A function that reads the variable and brings the value to the CPU."""

    def read() -> Any:
        with device(variable.device or None):
            value = variable.read_value()
            with device("/device:CPU:0"):
                return identity(value)

    return read


def as_holder(value: Any) -> Any:
    """The tensor that stands for a variable: its reference, or the tensor that reads it."""
    if isinstance(value, BaseResourceVariable):
        return value._graph_element
    if isinstance(value, BaseVariable):
        return value._ref()
    return convert_to_tensor(value)


def _is_holder(tensor: Any) -> bool:
    return isinstance(tensor, Tensor) and tensor.op.type in VARIABLE_OPS


def saveables_of(value: Any, name: str) -> Iterator[SaveableObject]:
    """What is saved for `value` (a variable, its slices, an object of parts, a SaveableObject) as `name`.

    Raises TypeError when `name` is no string or `value` no variable, ValueError for slices that do not belong
    together.
    """
    if not isinstance(name, str):
        raise TypeError(
            "names_to_saveables must be a dict mapping string names to trackable operations. "
            f"Name is not a string: {name}"
        )
    if isinstance(value, SaveableObject):
        yield value
    elif isinstance(value, (list, tuple, PartitionedVariable)):
        yield from _slices(list(value), name)
    elif _has_parts(value):
        for key, factory in value._gather_saveables_for_checkpoint().items():
            part = factory(name if key == VALUE_KEY else f"{name}_{key}") if callable(factory) else factory
            yield from saveables_of(part, part.name)
    else:
        holder = as_holder(value)
        if not _is_holder(holder):
            raise TypeError(
                "names_to_saveables must be a dict mapping string names to Tensors/Variables. "
                f"Not a variable: {holder}"
            )
        kind = ReferenceVariableSaveable if holder.op.type in HOLDERS else ResourceVariableSaveable
        yield kind(holder, "", name)


def _has_parts(value: Any) -> bool:
    return hasattr(value, "_gather_saveables_for_checkpoint") and not isinstance(value, BaseVariable)


def _slices(variables: list[Any], name: str) -> Iterator[SaveableObject]:
    whole = None
    for variable in variables:
        if not isinstance(variable, BaseVariable):
            raise ValueError(f"Slices must all be Variables: {variable}")
        info = variable._get_save_slice_info()
        if not info:
            raise ValueError(f"Slices must all be slices: {variable}")
        whole = whole or info.full_name
        if whole != info.full_name:
            raise ValueError(f"Slices must all be from the same tensor: {whole} != {info.full_name}")
        kind = ReferenceVariableSaveable if variable.op.type in HOLDERS else ResourceVariableSaveable
        yield kind(variable, info.spec, name)


def by_name(values: Any) -> dict[str, Any]:
    """Variables and other saveable objects by the names they are saved under; slices of one in a list.

    Raises TypeError for what cannot be saved, ValueError when two have the same name.
    """
    if not isinstance(values, (list, tuple, set)):
        raise TypeError(f"Variables to save should be passed in a dict or a list: {values}")
    found: dict[str, Any] = {}
    for value in sorted(values, key=lambda v: v.name):
        if isinstance(value, SaveableObject):
            found[value.name] = value
        elif isinstance(value, PartitionedVariable):
            _enter(found, value.name, value)
        elif isinstance(value, BaseVariable) and value._get_save_slice_info():
            _enter_slice(found, value)
        elif _has_parts(value):
            parts = value._gather_saveables_for_checkpoint().values()
            found.update(by_name([p() if callable(p) else p for p in parts]))
        else:
            _enter_variable(found, value)
    return found


def _enter(found: dict[str, Any], name: str, value: Any) -> None:
    if name in found:
        raise ValueError(f"At least two variables have the same name: {name}")
    found[name] = value


def _enter_slice(found: dict[str, Any], variable: BaseVariable) -> None:
    info = variable._get_save_slice_info()
    name = info.full_name if info is not None else ""
    others = found.setdefault(name, [])
    if not isinstance(others, list):
        raise ValueError(f"Mixing slices and non-slices with the same name: {name}")
    others.append(variable)


def _enter_variable(found: dict[str, Any], value: Any) -> None:
    holder = as_holder(value)
    if not _is_holder(holder):
        raise TypeError(f"Variable to save is not a Variable: {holder}")
    source = holder.op.inputs[0] if holder.op.type == "ReadVariableOp" else holder
    _enter(found, source.op.name, holder)


def all_saveables(values: Any) -> list[SaveableObject]:
    """The saveable objects of a list or dict of variables, in the order of their names.

    Raises as `by_name` and `saveables_of`, and ValueError for an object with two names.
    """
    named = values if isinstance(values, dict) else by_name(values)
    found: list[SaveableObject] = []
    seen: set[int] = set()
    for name, value in sorted(named.items(), key=lambda row: str(row[0])):
        for saveable in saveables_of(value, name):
            if id(saveable.op) in seen:
                raise ValueError(f"The same saveable will be restored with two names: {saveable.name}")
            seen.add(id(saveable.op))
            found.append(saveable)
    return found
