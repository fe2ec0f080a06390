"""The optimizer's frame: gradients of a loss, applied to variables by rules that subclasses give."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.autodiff import gradients
from reflow.base import dtypes
from reflow.graph.composite import IndexedSlices, convert_to_tensor_or_indexed_slices
from reflow.graph.graph import (
    GraphKeys,
    Tensor,
    colocate_with,
    control_dependencies,
    convert_to_tensor,
    emit,
    get_collection,
    get_default_graph,
    init_scope,
    name_scope,
)
from reflow.model.resource_variables import is_resource_variable
from reflow.model.variable_base import Variable
from reflow.model.variables import trainable_variables
from reflow.ops.control import group
from reflow.ops.control import tuple as gated
from reflow.platform import nest
from reflow.train import slots

VALID_TYPES = (dtypes.float16, dtypes.bfloat16, dtypes.float32, dtypes.float64)


class Optimizer:
    """Base class of optimizers.

    A subclass gives `_apply_dense(grad, var)`, `_apply_sparse(grad, var)` and, for resource variables,
    `_resource_apply_dense(grad, handle)` and `_resource_apply_sparse(grad, handle, indices)`; and where it
    needs them `_create_slots(var_list)`, `_prepare()` and `_finish(update_ops, name_scope)`.

    Args:
        use_locking: kept in the nodes; Reflow's updates are always whole.
        name: the scope of the nodes and the name of the slots.
    """

    GATE_NONE = 0
    GATE_OP = 1
    GATE_GRAPH = 2

    def __init__(self, use_locking: bool, name: str) -> None:
        if not name:
            raise ValueError("Must specify the optimizer name")
        self._use_locking = use_locking
        self._name = name
        self._slots: dict[str, dict[Any, Any]] = {}
        self._non_slot_dict: dict[tuple[str, Any], Any] = {}

    def get_name(self) -> str:
        """The optimizer's name."""
        return self._name

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
    ) -> Any:
        """An operation that takes one step down the gradient of `loss`.

        Args:
            loss: the tensor to minimize, or a function that builds it.
            global_step: a variable to count the steps in.
            var_list: the variables to train; all trainable ones if None.
            gate_gradients: `GATE_NONE`, `GATE_OP` or `GATE_GRAPH`.
            aggregation_method: how gradients are added up, from `tf.AggregationMethod`.
            colocate_gradients_with_ops: place gradients with their ops.
            name: the operation's name.
            grad_loss: the gradient that flows into `loss`.

        Raises ValueError when no variable has a gradient.
        """
        pairs = self.compute_gradients(
            loss, var_list, gate_gradients, aggregation_method, colocate_gradients_with_ops, grad_loss
        )
        if all(g is None for g, _ in pairs):
            shown = [str(v) for _, v in pairs]
            raise ValueError(
                "No gradients provided for any variable, check your graph for ops that do not support "
                f"gradients, between variables {shown} and loss {loss}."
            )
        return self.apply_gradients(pairs, global_step=global_step, name=name)

    def compute_gradients(
        self,
        loss: Any,
        var_list: Any = None,
        gate_gradients: int = GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        grad_loss: Any = None,
    ) -> list[tuple[Any, Any]]:
        """Pairs (gradient, variable) of `loss` for each variable; a gradient is None where the loss does not
        depend on it."""
        if callable(loss):
            loss = loss()
        if gate_gradients not in (self.GATE_NONE, self.GATE_OP, self.GATE_GRAPH):
            raise ValueError(
                "gate_gradients must be one of: Optimizer.GATE_NONE, Optimizer.GATE_OP, "
                f"Optimizer.GATE_GRAPH. Not {gate_gradients}"
            )
        self._assert_valid_dtypes([loss])
        if grad_loss is not None:
            self._assert_valid_dtypes([grad_loss])
        variables = self._variables_of(var_list)
        if not variables:
            raise ValueError("No variables to optimize.")
        found = gradients(
            loss,
            [_target(v) for v in variables],
            grad_ys=grad_loss,
            aggregation_method=aggregation_method,
            gate_gradients=gate_gradients == self.GATE_OP,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        if gate_gradients == self.GATE_GRAPH:
            found = gated(found)
        pairs = list(zip(found, variables, strict=True))
        self._assert_valid_dtypes([v for g, v in pairs if g is not None and v.dtype != dtypes.resource])
        return pairs

    def _variables_of(self, var_list: Any) -> list[Any]:
        if var_list is None:
            return trainable_variables() + get_collection(GraphKeys.TRAINABLE_RESOURCE_VARIABLES)
        return nest.flatten(var_list)

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Any:
        """An operation that applies pairs (gradient, variable), and then adds one to `global_step`.

        Raises:
            ValueError: there is no pair, or no gradient in any.
            TypeError: a gradient cannot be a tensor.
            NotImplementedError: a variable is not one.
        """
        pairs = [(_as_gradient(g), v) for g, v in grads_and_vars]
        if not pairs:
            raise ValueError("No variables provided.")
        for _, v in pairs:
            if isinstance(_target(v), Tensor) and not isinstance(v, Variable):
                raise NotImplementedError("Trying to update a Tensor ", v)
        variables = [v for g, v in pairs if g is not None]
        if not variables:
            raise ValueError(f"No gradients provided for any variable: {[str(v) for _, v in pairs]}.")
        with init_scope():
            self._create_slots(variables)
        updates = []
        with name_scope(name, self._name) as scope:
            self._prepare()
            for grad, var in pairs:
                if grad is not None:
                    with name_scope("update_" + var.op.name), colocate_with(var):
                        updates.append(self._update(grad, var))
            step = self._counted(updates, global_step, scope)
            collection = get_default_graph().get_collection_ref(GraphKeys.TRAIN_OP)
            if step not in collection:
                collection.append(step)
        return step

    def _counted(self, updates: list[Any], global_step: Any, scope: str) -> Any:
        """The whole step as one operation: the updates and, after them, the count."""
        if global_step is None:
            return _operation(self._finish(updates, scope))
        with control_dependencies([self._finish(updates, "update")]), colocate_with(global_step):
            if is_resource_variable(global_step):
                one = convert_to_tensor(1, dtype=global_step.dtype)
                return emit("AssignAddVariableOp", global_step.handle, one, name=scope)
            return emit("AssignAdd", global_step._ref(), 1, name=scope).op

    def _update(self, grad: Any, var: Any) -> Any:
        """The operation that applies one gradient, and the variable's constraint after it."""
        resource = is_resource_variable(var)
        if isinstance(grad, IndexedSlices):
            if var.constraint is not None:
                raise RuntimeError("Cannot use a constraint function on a sparse variable.")
            if resource:
                return self._resource_apply_sparse_duplicate_indices(grad.values, var, grad.indices)
            return self._apply_sparse_duplicate_indices(grad, var)
        update = self._resource_apply_dense(grad, var) if resource else self._apply_dense(grad, var)
        if var.constraint is None:
            return update
        with control_dependencies([update]):
            return var.assign(var.constraint(var))

    # Slots

    def get_slot(self, var: Any, name: str) -> Any:
        """The slot `name` of a variable, or None when it has none of that name."""
        return self._slots.get(name, {}).get(_var_key(var))

    def get_slot_names(self) -> list[str]:
        """The names of the slots, sorted."""
        return sorted(self._slots)

    def variables(self) -> list[Any]:
        """The optimizer's own variables in the default graph, sorted by name."""
        graph = get_default_graph()
        own = [v for v in self._non_slot_variables() if v.graph is graph]
        own += [v for named in self._slots.values() for v in named.values() if v.graph is graph]
        return sorted(own, key=lambda v: v.name)

    def _slot_dict(self, slot_name: str) -> dict[Any, Any]:
        return self._slots.setdefault(slot_name, {})

    def _get_or_make_slot(self, var: Any, val: Any, slot_name: str, op_name: str) -> Any:
        named = self._slot_dict(slot_name)
        key = _var_key(var)
        if key not in named:
            named[key] = slots.create_slot(var, val, op_name)
        return named[key]

    def _get_or_make_slot_with_initializer(
        self, var: Any, initializer: Any, shape: Any, dtype: Any, slot_name: str, op_name: str
    ) -> Any:
        named = self._slot_dict(slot_name)
        key = _var_key(var)
        if key not in named:
            named[key] = slots.create_slot_with_initializer(var, initializer, shape, dtype, op_name)
        return named[key]

    def _zeros_slot(self, var: Any, slot_name: str, op_name: str) -> Any:
        named = self._slot_dict(slot_name)
        key = _var_key(var)
        if key not in named:
            named[key] = slots.create_zeros_slot(var, op_name)
        return named[key]

    def _create_non_slot_variable(self, initial_value: Any, name: str, colocate_with: Any) -> Any:
        """A variable of the optimizer's own, placed with one that it trains; made once for each graph."""
        graph = colocate_with.graph
        found = self._non_slot_dict.get((name, graph))
        if found is None:
            with graph.colocate_with(colocate_with):
                make: Any = Variable
                resource = is_resource_variable(colocate_with)
                found = make(initial_value, trainable=False, name=name, use_resource=resource)
            self._non_slot_dict[name, graph] = found
        return found

    def _get_non_slot_variable(self, name: str, graph: Any = None) -> Any:
        return self._non_slot_dict.get((name, graph or get_default_graph()))

    def _non_slot_variables(self) -> Any:
        """The optimizer's variables that belong to no variable that it trains."""
        return self._non_slot_dict.values()

    # What subclasses give

    def _create_slots(self, var_list: list[Any]) -> None:
        """Make the slots of the variables."""

    def _prepare(self) -> None:
        """Make the tensors that all updates use, such as the learning rate."""

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no update for reference variables")

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no update for sparse gradients")

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no update for resource variables")

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__} has no sparse update for resource variables")

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        values, indices = unique_rows(grad.values, grad.indices)
        return self._apply_sparse(IndexedSlices(values, indices, grad.dense_shape), var)

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        rows, unique = unique_rows(grad, indices)
        return self._resource_apply_sparse(rows, handle, unique)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        return group(*update_ops, name=name_scope)

    def _valid_dtypes(self) -> Iterable[Any]:
        return set(VALID_TYPES)

    def _assert_valid_dtypes(self, tensors: list[Any]) -> None:
        valid = list(self._valid_dtypes())
        for t in tensors:
            if t.dtype.base_dtype not in valid:
                raise ValueError(f"Invalid type {t.dtype.base_dtype!r} for {t.name}, expected: {valid}.")

    def _call_if_callable(self, param: Any) -> Any:
        return param() if callable(param) else param


def _operation(step: Any) -> Any:
    return step.op if isinstance(step, (Tensor, Variable)) else step


def _target(variable: Any) -> Any:
    """What the gradient of a variable is taken with respect to: its reference or its handle; a tensor stands
    for itself."""
    if is_resource_variable(variable):
        return variable.handle
    if isinstance(variable, Variable):
        return variable._ref()
    if isinstance(variable, Tensor):
        return variable
    raise NotImplementedError("Trying to optimize unsupported type ", variable)


def _var_key(var: Any) -> tuple[Any, str]:
    """What stands for a variable among the slots: its graph and name, which a variable found again shares."""
    return var.op.graph, var.op.name


def _as_gradient(grad: Any) -> Any:
    if grad is None:
        return None
    try:
        return convert_to_tensor_or_indexed_slices(grad)
    except TypeError:
        raise TypeError(
            f"Gradient must be convertible to a Tensor or IndexedSlices, or None: {grad!r}"
        ) from None


def unique_rows(values: Any, indices: Any) -> tuple[Any, Any]:
    """Sparse rows with those of equal index added up: (rows, indices), each index once."""
    unique, positions = emit("Unique", indices)
    count = emit("Shape", unique)[0]
    return emit("UnsortedSegmentSum", values, positions, count), unique
