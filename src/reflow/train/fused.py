"""Optimizers whose step on one variable is one op of `ops/training.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import numpy as np

from reflow.graph import registry
from reflow.graph.graph import Tensor, convert_to_tensor, emit
from reflow.model.resource_variables import is_resource_variable
from reflow.ops.casting import cast
from reflow.train.optimizer import Optimizer

Hyper = float | Tensor | Callable[[], Any]


class Setting(NamedTuple):
    """A number of an optimizer: the attribute with what the program gave, the attribute with the tensor, its
    name."""

    given: str
    tensor: str
    name: str


def setting(name: str, given: str | None = None) -> Setting:
    """A setting kept as `_<name>` and `_<name>_tensor`, or as `_<given>` and `_<given>_t`."""
    return (
        Setting(f"_{name}", f"_{name}_tensor", name)
        if given is None
        else Setting(f"_{given}", f"_{given}_t", name)
    )


class FusedOptimizer(Optimizer):
    """An optimizer whose step on one variable is the op `Apply<family>`, or its sparse or resource form.

    `slots` maps the op's slot inputs to slot names; `settings` maps its other inputs to numbers of the
    optimizer. The attributes' names are TensorFlow's, which subclasses in programs use.
    """

    family: ClassVar[str]
    slots: ClassVar[dict[str, str]] = {}
    settings: ClassVar[dict[str, Setting]] = {}

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            for name in self.slots.values():
                self._zeros_slot(var, name, self._name)

    def _prepare(self) -> None:
        for each in self.settings.values():
            value = self._call_if_callable(getattr(self, each.given))
            setattr(self, each.tensor, convert_to_tensor(value, name=each.name))

    def _attrs(self) -> dict[str, Any]:
        """Further attributes of the op."""
        return {}

    def _setting(self, key: str, dtype: Any) -> Any:
        """The setting for an input of the op, as a tensor."""
        return cast(getattr(self, self.settings[key].tensor), dtype)

    def _input(self, key: str, var: Any) -> Any:
        """What goes into an input of the op that is neither the gradient nor a variable."""
        return self._setting(key, var.dtype.base_dtype)

    def _apply_op(self, var: Any, grad: Any, indices: Any = None) -> Any:
        """Emit the op for one variable, its inputs by the names of the signature."""
        resource = is_resource_variable(var)
        op_type = (
            ("Resource" if resource else "") + ("Apply" if indices is None else "SparseApply") + self.family
        )
        given = {"var": place(var), "grad": grad, "delta": grad, "indices": indices}
        given.update({key: place(self.get_slot(var, name)) for key, name in self.slots.items()})
        names = _input_names(op_type)
        inputs = [given[name] if name in given else self._input(name, var) for name in names]
        result = emit(op_type, *inputs, use_locking=self._use_locking, **self._attrs())
        return result if resource else result.op

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return self._apply_op(var, grad)

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return self._apply_op(handle, grad)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        return self._apply_op(var, grad.values, grad.indices)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return self._apply_op(handle, grad, indices)


def _input_names(op_type: str) -> list[str]:
    signature = registry.definition(op_type)
    if signature is None:
        raise NotImplementedError(f"There is no op {op_type}: the optimizer has no such update")
    return [argument.name for argument in signature.inputs]


def place(var: Any) -> Any:
    """A variable as ops take it that write it: its handle or its reference."""
    return var.handle if is_resource_variable(var) else var._ref()


def filled(var: Any, value: float) -> Any:
    """A constant of the variable's shape and type, every element `value`. ValueError when the shape is not
    known."""
    shape = var.get_shape()
    if not shape.is_fully_defined():
        raise ValueError(f"Cannot make a slot for {var.name}: its shape {shape} is not fully known")
    dtype = var.dtype.base_dtype
    return convert_to_tensor(np.full(shape.as_list(), value, dtype.as_numpy_dtype), dtype=dtype)


def check_positive(name: str, value: float) -> None:
    """ValueError unless the number `value` is above zero."""
    if value <= 0.0:
        raise ValueError(f"{name} must be positive: {value}")
