"""The optimizers. Each names its op family, its slots and its settings; the formulas are in `ops/training.py`."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from reflow.graph import registry
from reflow.graph.graph import colocate_with, control_dependencies, convert_to_tensor, emit
from reflow.model.initializers import constant_initializer
from reflow.model.resource_variables import is_resource_variable
from reflow.ops.control import group
from reflow.train.optimizer import Hyper, Optimizer


class FusedOptimizer(Optimizer):
    """An optimizer whose step on one variable is one op: `Apply<family>` and its sparse and resource forms.

    `slots` maps the op's slot inputs to slot names; `settings` maps its other inputs to the names of the constants.
    """

    family: ClassVar[str]
    slots: ClassVar[dict[str, str]] = {}
    settings: ClassVar[dict[str, str]] = {}

    def __init__(self, values: dict[str, Any], use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        self._values = values  # by the op's input names
        self._tensors: dict[str, Any] = {}

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            for name in self.slots.values():
                self._zeros_slot(var, name, self._name)

    def _prepare(self) -> None:
        for key, name in self.settings.items():
            value = self._call_if_callable(self._values[key])
            self._tensors[key] = convert_to_tensor(value, name=name)

    def _family_for(self, var: Any) -> str:
        return self.family

    def _attrs(self) -> dict[str, Any]:
        """Further attributes of the op."""
        return {}

    def _apply_op(self, var: Any, grad: Any, indices: Any = None) -> Any:
        """Emit the op for one variable, its inputs by the names of the signature."""
        resource = is_resource_variable(var)
        sparse = indices is not None
        op_type = ("Resource" if resource else "") + ("Sparse" if sparse else "") + "Apply" + self._family_for(var)
        dtype = var.dtype.base_dtype
        given = {"var": _place(var), "grad": grad, "delta": grad, "indices": indices}
        given.update({key: _place(self.get_slot(var, name)) for key, name in self.slots.items()})
        for argument in registry.definition(op_type).inputs:  # type: ignore[union-attr]
            if argument.name not in given:
                given[argument.name] = self._input(argument.name, var, dtype)
        inputs = [given[a.name] for a in registry.definition(op_type).inputs]  # type: ignore[union-attr]
        result = emit(op_type, *inputs, use_locking=self._use_locking, **self._attrs())
        return result if resource else result.op

    def _input(self, key: str, var: Any, dtype: Any) -> Any:
        return cast(self._tensors[self._alias(key)], dtype)

    def _alias(self, key: str) -> str:
        return key if key in self._tensors else {"alpha": "lr", "lr": "alpha"}[key]

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        return self._apply_op(var, grad)

    def _resource_apply_dense(self, grad: Any, handle: Any) -> Any:
        return self._apply_op(handle, grad)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        return self._apply_op(var, grad.values, grad.indices)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return self._apply_op(handle, grad, indices)


def _place(var: Any) -> Any:
    return var.handle if is_resource_variable(var) else var._ref()


def cast(tensor: Any, dtype: Any) -> Any:
    """`tensor` in `dtype`; itself when it is of it."""
    return tensor if tensor.dtype.base_dtype == dtype else emit("Cast", tensor, DstT=dtype)


class GradientDescentOptimizer(FusedOptimizer):
    """Gradient descent: `var -= learning_rate * gradient`.

    >>> import reflow as tf
    >>> x = tf.Variable(1.0)
    >>> step = tf.train.GradientDescentOptimizer(0.1).minimize(x ** 2)
    >>> with tf.Session() as sess:
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(x))
    0.8
    """

    family = "GradientDescent"
    settings: ClassVar[dict[str, str]] = {"alpha": "learning_rate"}

    def __init__(self, learning_rate: Hyper, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__({"alpha": learning_rate}, use_locking, name)
        self._learning_rate = learning_rate

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        delta = grad.values * cast(self._tensors["alpha"], var.dtype.base_dtype)
        return emit("ScatterSub", var._ref(), grad.indices, delta, use_locking=self._use_locking).op

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        delta = -grad * cast(self._tensors["alpha"], grad.dtype.base_dtype)
        return emit("ResourceScatterAdd", handle.handle, indices, delta)


class MomentumOptimizer(FusedOptimizer):
    """Momentum: `accum = momentum * accum + gradient; var -= learning_rate * accum`; or Nesterov's form (Sutskever et al. 2013)."""

    family = "Momentum"
    slots: ClassVar[dict[str, str]] = {"accum": "momentum"}
    settings: ClassVar[dict[str, str]] = {"lr": "learning_rate", "momentum": "momentum"}

    def __init__(
        self,
        learning_rate: Hyper,
        momentum: Hyper,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__({"lr": learning_rate, "momentum": momentum}, use_locking, name)
        self._use_nesterov = use_nesterov

    def _attrs(self) -> dict[str, Any]:
        return {"use_nesterov": self._use_nesterov}


class AdamOptimizer(FusedOptimizer):
    """Adam (Kingma & Ba 2015), with TensorFlow's "epsilon hat": epsilon is added to the uncorrected second moment's root.

    A sparse gradient decays the moments of all rows and moves every row, as TensorFlow's does.

    >>> import reflow as tf
    >>> x = tf.Variable(1.0)
    >>> step = tf.train.AdamOptimizer(0.1).minimize(x ** 2)
    >>> with tf.Session() as sess:
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(round(float(sess.run(x)), 4))
    0.9
    """

    family = "Adam"
    slots: ClassVar[dict[str, str]] = {"m": "m", "v": "v"}
    settings: ClassVar[dict[str, str]] = {
        "lr": "learning_rate",
        "beta1": "beta1",
        "beta2": "beta2",
        "epsilon": "epsilon",
    }

    def __init__(
        self,
        learning_rate: Hyper = 0.001,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        epsilon: Hyper = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        values = {"lr": learning_rate, "beta1": beta1, "beta2": beta2, "epsilon": epsilon}
        super().__init__(values, use_locking, name)

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        for power in ("beta1", "beta2"):
            value = self._call_if_callable(self._values[power])
            self._create_non_slot_variable(value, name=power + "_power", colocate_with=first)
        super()._create_slots(var_list)

    def _get_beta_accumulators(self) -> tuple[Any, Any]:
        return self._get_non_slot_variable("beta1_power"), self._get_non_slot_variable("beta2_power")

    def _input(self, key: str, var: Any, dtype: Any) -> Any:
        if not key.endswith("_power"):
            return super()._input(key, var, dtype)
        power = self._get_non_slot_variable(key, graph=var.graph)
        if is_resource_variable(power) and power.dtype.base_dtype == dtype:
            return power  # the op's input conversion reads it
        return cast(convert_to_tensor(power), dtype)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        def scatter_add(slot: Any, indices: Any, rows: Any) -> Any:
            return emit("ScatterAdd", slot._ref(), indices, rows, use_locking=self._use_locking)

        return self._move_all_rows(grad.values, var, grad.indices, scatter_add)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        def scatter_add(slot: Any, indices: Any, rows: Any) -> Any:
            with control_dependencies([emit("ResourceScatterAdd", slot.handle, indices, rows)]):
                return slot.value()

        return self._move_all_rows(grad, handle, indices, scatter_add)

    def _move_all_rows(self, rows: Any, var: Any, indices: Any, scatter_add: Any) -> Any:
        dtype = var.dtype.base_dtype
        beta1_power, beta2_power = [cast(convert_to_tensor(p), dtype) for p in self._get_beta_accumulators()]
        rate, beta1, beta2, epsilon = [cast(self._tensors[k], dtype) for k in ("lr", "beta1", "beta2", "epsilon")]
        rate = rate * emit("Sqrt", 1 - beta2_power) / (1 - beta1_power)
        m = self.get_slot(var, "m")
        scaled = rows * (1 - beta1)
        decayed = self._assigned(m, m * beta1)
        with control_dependencies([decayed]):
            m_new = scatter_add(m, indices, scaled)
        v = self.get_slot(var, "v")
        scaled = (rows * rows) * (1 - beta2)
        decayed = self._assigned(v, v * beta2)
        with control_dependencies([decayed]):
            v_new = scatter_add(v, indices, scaled)
        step = emit("Sqrt", v_new)
        moved = var.assign_sub(rate * m_new / (step + epsilon), use_locking=self._use_locking)
        return group(moved, m_new, v_new)

    def _assigned(self, variable: Any, value: Any) -> Any:
        assigned = variable.assign(value, use_locking=self._use_locking, read_value=False)
        return getattr(assigned, "op", assigned)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        powers = self._get_beta_accumulators()
        with control_dependencies(update_ops), colocate_with(powers[0]):
            advanced = [
                self._assigned(power, power * self._tensors[key])
                for power, key in zip(powers, ("beta1", "beta2"), strict=True)
            ]
        return group(*update_ops, *advanced, name=name_scope)


class AdagradOptimizer(FusedOptimizer):
    """Adagrad (Duchi et al. 2011): each element's rate falls with the root of its summed squared gradients."""

    family = "Adagrad"
    slots: ClassVar[dict[str, str]] = {"accum": "accumulator"}
    settings: ClassVar[dict[str, str]] = {"lr": "learning_rate"}

    def __init__(
        self,
        learning_rate: Hyper,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        super().__init__({"lr": learning_rate}, use_locking, name)
        self._initial = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            dtype = var.dtype.base_dtype
            if var.get_shape().is_fully_defined():
                initializer = constant_initializer(self._initial, dtype=dtype)
                self._get_or_make_slot_with_initializer(
                    var, initializer, var.get_shape(), dtype, "accumulator", self._name
                )
            else:
                with colocate_with(var):
                    start = emit("Fill", emit("Shape", var), convert_to_tensor(self._initial, dtype=dtype))
                self._get_or_make_slot(var, start, "accumulator", self._name)


class AdadeltaOptimizer(FusedOptimizer):
    """Adadelta (Zeiler 2012)."""

    family = "Adadelta"
    slots: ClassVar[dict[str, str]] = {"accum": "accum", "accum_update": "accum_update"}
    settings: ClassVar[dict[str, str]] = {"lr": "lr", "rho": "rho", "epsilon": "epsilon"}

    def __init__(
        self,
        learning_rate: Hyper = 0.001,
        rho: Hyper = 0.95,
        epsilon: Hyper = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__({"lr": learning_rate, "rho": rho, "epsilon": epsilon}, use_locking, name)


class RMSPropOptimizer(FusedOptimizer):
    """RMSProp (Hinton, Coursera lecture 6e), with momentum, and centered as in Graves 2013 if asked."""

    settings: ClassVar[dict[str, str]] = {
        "lr": "learning_rate",
        "rho": "decay",
        "momentum": "momentum",
        "epsilon": "epsilon",
    }

    def __init__(
        self,
        learning_rate: Hyper,
        decay: Hyper = 0.9,
        momentum: Hyper = 0.0,
        epsilon: Hyper = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        values = {"lr": learning_rate, "rho": decay, "momentum": momentum, "epsilon": epsilon}
        super().__init__(values, use_locking, name)
        self._centered = centered
        self.family = "CenteredRMSProp" if centered else "RMSProp"  # type: ignore[misc]
        self.slots = {"ms": "rms", "mom": "momentum"}  # type: ignore[misc]
        if centered:
            self.slots["mg"] = "mg"

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            dtype = var.dtype.base_dtype
            if var.get_shape().is_fully_defined():
                ones = constant_initializer(1.0, dtype=dtype)
                self._get_or_make_slot_with_initializer(var, ones, var.get_shape(), dtype, "rms", self._name)
            else:
                self._get_or_make_slot(var, emit("OnesLike", var), "rms", self._name)
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)


class FtrlOptimizer(FusedOptimizer):
    """FTRL-Proximal (McMahan et al. 2013), with optional l2 shrinkage of the gradient."""

    slots: ClassVar[dict[str, str]] = {"accum": "accum", "linear": "linear"}
    settings: ClassVar[dict[str, str]] = {
        "lr": "learning_rate",
        "l1": "l1_regularization_strength",
        "l2": "l2_regularization_strength",
        "l2_shrinkage": "l2_shrinkage_regularization_strength",
        "lr_power": "learning_rate_power",
    }

    def __init__(
        self,
        learning_rate: Hyper,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: float = 0.0,
    ) -> None:
        for what, value, wrong in (
            ("initial_accumulator_value", initial_accumulator_value, initial_accumulator_value < 0),
            ("learning_rate_power", learning_rate_power, learning_rate_power > 0),
            ("l1_regularization_strength", l1_regularization_strength, l1_regularization_strength < 0),
            ("l2_regularization_strength", l2_regularization_strength, l2_regularization_strength < 0),
            (
                "l2_shrinkage_regularization_strength",
                l2_shrinkage_regularization_strength,
                l2_shrinkage_regularization_strength < 0,
            ),
        ):
            if wrong:
                bound = "negative or zero" if what == "learning_rate_power" else "positive or zero"
                raise ValueError(f"{what} {value} needs to be {bound}")
        values = {
            "lr": learning_rate,
            "l1": l1_regularization_strength,
            "l2": l2_regularization_strength,
            "l2_shrinkage": l2_shrinkage_regularization_strength,
            "lr_power": learning_rate_power,
        }
        super().__init__(values, use_locking, name)
        self._initial = initial_accumulator_value
        self._names = (accum_name, linear_name)
        self.family = "FtrlV2" if l2_shrinkage_regularization_strength > 0 else "Ftrl"  # type: ignore[misc]

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                start = filled(var, self._initial)
            self._get_or_make_slot(var, start, "accum", self._names[0] or self._name)
            self._zeros_slot(var, "linear", self._names[1] or self._name)


def filled(var: Any, value: float) -> Any:
    """A tensor of the variable's shape and type, every element `value`."""
    dtype = var.dtype.base_dtype
    if var.get_shape().is_fully_defined():
        array = np.full(var.get_shape().as_list(), value, dtype.as_numpy_dtype)
        return convert_to_tensor(array, dtype=dtype)
    return emit("Fill", emit("Shape", var), convert_to_tensor(value, dtype=dtype))


class ProximalGradientDescentOptimizer(FusedOptimizer):
    """Gradient descent with a proximal step for l1 and l2 regularization (Duchi & Singer 2009)."""

    family = "ProximalGradientDescent"
    settings: ClassVar[dict[str, str]] = {
        "alpha": "learning_rate",
        "l1": "l1_regularization_strength",
        "l2": "l2_regularization_strength",
    }

    def __init__(
        self,
        learning_rate: Hyper,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        values = {"alpha": learning_rate, "l1": l1_regularization_strength, "l2": l2_regularization_strength}
        super().__init__(values, use_locking, name)


class ProximalAdagradOptimizer(FusedOptimizer):
    """Adagrad with a proximal step for l1 and l2 regularization."""

    family = "ProximalAdagrad"
    slots: ClassVar[dict[str, str]] = {"accum": "accumulator"}
    settings: ClassVar[dict[str, str]] = {
        "lr": "learning_rate",
        "l1": "l1_regularization_strength",
        "l2": "l2_regularization_strength",
    }

    def __init__(
        self,
        learning_rate: Hyper,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        if initial_accumulator_value <= 0.0:
            raise ValueError(f"initial_accumulator_value must be positive: {initial_accumulator_value}")
        values = {"lr": learning_rate, "l1": l1_regularization_strength, "l2": l2_regularization_strength}
        super().__init__(values, use_locking, name)
        self._initial = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                start = filled(var, self._initial)
            self._get_or_make_slot(var, start, "accumulator", self._name)


class AdagradDAOptimizer(FusedOptimizer):
    """Adagrad with dual averaging (Duchi et al. 2011): l1 regularization that gives exact zeros.

    Args:
        learning_rate: the rate.
        global_step: the variable that counts the steps; the first step is number 0.
    """

    family = "AdagradDA"
    slots: ClassVar[dict[str, str]] = {
        "gradient_accumulator": "gradient_accumulator",
        "gradient_squared_accumulator": "gradient_squared_accumulator",
    }
    settings: ClassVar[dict[str, str]] = {"lr": "learning_rate"}

    def __init__(
        self,
        learning_rate: Hyper,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        if initial_gradient_squared_accumulator_value <= 0.0:
            raise ValueError(
                "initial_gradient_squared_accumulator_value must be positive: "
                f"{initial_gradient_squared_accumulator_value}"
            )
        super().__init__({"lr": learning_rate}, use_locking, name)
        self._global_step = global_step
        self._initial = initial_gradient_squared_accumulator_value
        self._strengths = {"l1": l1_regularization_strength, "l2": l2_regularization_strength}

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                zeros, squares = filled(var, 0.0), filled(var, self._initial)
            self._get_or_make_slot(var, zeros, "gradient_accumulator", self._name)
            self._get_or_make_slot(var, squares, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        super()._prepare()
        with colocate_with(self._tensors["lr"]):
            self._next_step = emit("Identity", self._global_step) + 1

    def _apply_op(self, var: Any, grad: Any, indices: Any = None) -> Any:
        with colocate_with(var):
            self._step_here = emit("Identity", self._next_step)
        return super()._apply_op(var, grad, indices)

    def _input(self, key: str, var: Any, dtype: Any) -> Any:
        if key == "global_step":
            return self._step_here
        if key in self._strengths:
            with var.graph.name_scope("Cast"):
                return convert_to_tensor(self._strengths[key], dtype=dtype, name="x")
        return super()._input(key, var, dtype)
