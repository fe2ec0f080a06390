"""Slots: the variables that an optimizer keeps for each variable that it trains, made beside it in scope and
placement."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import colocate_with, emit
from reflow.model.initializers import zeros_initializer
from reflow.model.resource_variables import is_resource_variable
from reflow.model.variable_base import Variable
from reflow.model.variable_scope import get_variable, get_variable_scope, variable_scope
from reflow.ops.array import zeros


@contextlib.contextmanager
def _slot_scope(primary: Any, name: str, colocated: bool) -> Iterator[None]:
    """The scope of a slot, `<variable>/<slot>`, with partitioners off: a slot is of one piece."""
    with variable_scope(None, f"{_name_of(primary)}/{name}"), contextlib.ExitStack() as stack:
        if colocated:
            stack.enter_context(colocate_with(primary))
        scope = get_variable_scope()
        partitioner = scope.partitioner
        scope.set_partitioner(None)
        stack.callback(scope.set_partitioner, partitioner)
        yield


def _name_of(primary: Any) -> str:
    return str(primary._shared_name if isinstance(primary, Variable) else primary.op.name)


def _slot_variable(primary: Any, initializer: Any, validate_shape: bool, shape: Any, dtype: Any) -> Any:
    slot = get_variable(
        "",
        initializer=initializer,
        trainable=False,
        use_resource=is_resource_variable(primary),
        shape=shape if callable(initializer) else None,  # a tensor has its own
        dtype=dtype,
        validate_shape=validate_shape,
    )
    part = primary._get_save_slice_info() if isinstance(primary, Variable) else None
    if part is not None and slot.shape.ndims != 0:
        n = slot.shape.ndims
        name = f"{part.full_name}/{slot.name[len(primary.op.name) + 1 : -1]}"
        slot._set_save_slice_info(
            type(part)(name, part.full_shape[:n], part.var_offset[:n], part.var_shape[:n])
        )
    return slot


def create_slot(primary: Any, val: Any, name: str, colocate_with_primary: bool = True) -> Any:
    """A variable that starts as the tensor `val`, named after `primary`."""
    with _slot_scope(primary, name, colocate_with_primary):
        return _slot_variable(primary, val, val.get_shape().is_fully_defined(), None, None)


def create_slot_with_initializer(
    primary: Any, initializer: Any, shape: Any, dtype: Any, name: str, colocate_with_primary: bool = True
) -> Any:
    """A variable of `shape` and `dtype` that `initializer` fills, named after `primary`."""
    with _slot_scope(primary, name, colocate_with_primary):
        return _slot_variable(primary, initializer, shape.is_fully_defined(), shape, dtype)


def create_zeros_slot(primary: Any, name: str, dtype: Any = None, colocate_with_primary: bool = True) -> Any:
    """A variable of zeros of `primary`'s shape, named after it."""
    dtype = dtypes.as_dtype(dtype or primary.dtype).base_dtype
    shape = primary.get_shape()
    if shape.is_fully_defined():
        return create_slot_with_initializer(
            primary, zeros_initializer(), shape, dtype, name, colocate_with_primary
        )
    start = primary.initialized_value() if isinstance(primary, Variable) else primary
    return create_slot(primary, zeros(emit("Shape", start), dtype), name, colocate_with_primary)
