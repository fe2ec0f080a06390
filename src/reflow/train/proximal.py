"""The optimizers with l1 and l2 regularization in the step itself; the formulas are in `ops/training.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from reflow.graph.graph import colocate_with, emit
from reflow.ops.casting import cast
from reflow.train.fused import FusedOptimizer, Hyper, Setting, check_positive, filled, setting

L1, L2 = setting("l1_regularization_strength"), setting("l2_regularization_strength")


class FtrlOptimizer(FusedOptimizer):
    """FTRL-Proximal (McMahan et al. 2013), with optional l2 shrinkage of the gradient.

    Raises ValueError for a strength or an initial accumulator below zero, or a power of the rate above zero.
    """

    slots: ClassVar[dict[str, str]] = {"accum": "accum", "linear": "linear"}
    settings: ClassVar[dict[str, Setting]] = {
        "lr": setting("learning_rate"),
        "l1": L1,
        "l2": L2,
        "l2_shrinkage": setting("l2_shrinkage_regularization_strength"),
        "lr_power": setting("learning_rate_power"),
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
        super().__init__(use_locking, name)
        _check_not_below("initial_accumulator_value", initial_accumulator_value)
        if learning_rate_power > 0.0:
            raise ValueError(f"learning_rate_power {learning_rate_power} needs to be negative or zero")
        _check_not_below("l1_regularization_strength", l1_regularization_strength)
        _check_not_below("l2_regularization_strength", l2_regularization_strength)
        _check_not_below("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength)
        self._learning_rate = learning_rate
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength
        self._l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self._accum_name, self._linear_name = accum_name, linear_name
        self.family = "FtrlV2" if l2_shrinkage_regularization_strength > 0 else "Ftrl"  # type: ignore[misc]

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                start = filled(var, self._initial_accumulator_value)
            self._get_or_make_slot(var, start, "accum", self._accum_name or self._name)
            self._zeros_slot(var, "linear", self._linear_name or self._name)


def _check_not_below(name: str, value: float) -> None:
    if value < 0.0:
        raise ValueError(f"{name} {value} needs to be positive or zero")


class ProximalGradientDescentOptimizer(FusedOptimizer):
    """Gradient descent with a proximal step for l1 and l2 regularization (Duchi & Singer 2009)."""

    family = "ProximalGradientDescent"
    settings: ClassVar[dict[str, Setting]] = {"alpha": setting("learning_rate"), "l1": L1, "l2": L2}

    def __init__(
        self,
        learning_rate: Hyper,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength


class ProximalAdagradOptimizer(FusedOptimizer):
    """Adagrad with a proximal step for l1 and l2 regularization. ValueError unless the accumulator starts
    above zero."""

    family = "ProximalAdagrad"
    slots: ClassVar[dict[str, str]] = {"accum": "accumulator"}
    settings: ClassVar[dict[str, Setting]] = {"lr": setting("learning_rate"), "l1": L1, "l2": L2}

    def __init__(
        self,
        learning_rate: Hyper,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        check_positive("initial_accumulator_value", initial_accumulator_value)
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                start = filled(var, self._initial_accumulator_value)
            self._get_or_make_slot(var, start, "accumulator", self._name)


class AdagradDAOptimizer(FusedOptimizer):
    """Adagrad with dual averaging (Duchi et al. 2011): l1 regularization that gives exact zeros.

    Args:
        learning_rate: the rate.
        global_step: the variable that counts the steps; the first step is number 0.
        initial_gradient_squared_accumulator_value: where the sums of squared gradients start; above zero.
        l1_regularization_strength: zero, or above.
        l2_regularization_strength: zero, or above.
    """

    family = "AdagradDA"
    _learning_rate_tensor: Any
    slots: ClassVar[dict[str, str]] = {
        "gradient_accumulator": "gradient_accumulator",
        "gradient_squared_accumulator": "gradient_squared_accumulator",
    }
    settings: ClassVar[dict[str, Setting]] = {"lr": setting("learning_rate")}

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
        check_positive(
            "initial_gradient_squared_accumulator_value", initial_gradient_squared_accumulator_value
        )
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_gradient_squared_accumulator_value = initial_gradient_squared_accumulator_value
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength
        self._global_step = global_step

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            with colocate_with(var):
                zeros, squares = (
                    filled(var, 0.0),
                    filled(var, self._initial_gradient_squared_accumulator_value),
                )
            self._get_or_make_slot(var, zeros, "gradient_accumulator", self._name)
            self._get_or_make_slot(var, squares, "gradient_squared_accumulator", self._name)

    def _prepare(self) -> None:
        super()._prepare()
        with colocate_with(self._learning_rate_tensor):
            self._global_step_on_worker = emit("Identity", self._global_step) + 1

    def _apply_op(self, var: Any, grad: Any, indices: Any = None) -> Any:
        self._step_here = emit("Identity", self._global_step_on_worker)  # a copy beside the variable
        return super()._apply_op(var, grad, indices)

    def _input(self, key: str, var: Any) -> Any:
        if key == "global_step":
            return self._step_here
        if key in ("l1", "l2"):
            return cast(getattr(self, f"_{key}_regularization_strength"), var.dtype.base_dtype)
        return super()._input(key, var)
