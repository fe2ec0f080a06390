"""The optimizers. Each names its op family, its slots and its settings; the formulas are in
`ops/training.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from reflow.graph.graph import colocate_with, control_dependencies, emit
from reflow.model.initializers import constant_initializer, ones_initializer
from reflow.ops import state
from reflow.ops.array import ones_like
from reflow.ops.casting import cast
from reflow.ops.control import group
from reflow.train.fused import FusedOptimizer, Hyper, Setting, check_positive, setting


class GradientDescentOptimizer(FusedOptimizer):
    """Gradient descent: `var -= learning_rate * gradient`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0)
    ...     step = tf.train.GradientDescentOptimizer(0.1).minimize(x ** 2)
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(x))
    0.8
    """

    family = "GradientDescent"
    settings: ClassVar[dict[str, Setting]] = {"alpha": setting("learning_rate")}

    def __init__(
        self, learning_rate: Hyper, use_locking: bool = False, name: str = "GradientDescent"
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate

    def _apply_sparse_duplicate_indices(self, grad: Any, var: Any) -> Any:
        delta = grad.values * self._setting("alpha", var.dtype.base_dtype)
        return var.scatter_sub(
            type(grad)(delta, grad.indices, grad.dense_shape), use_locking=self._use_locking
        )

    def _resource_apply_sparse_duplicate_indices(self, grad: Any, handle: Any, indices: Any) -> Any:
        delta = -grad * self._call_if_callable(self._learning_rate)  # of the gradient's type: no Cast
        return emit("ResourceScatterAdd", handle.handle, indices, delta)


class MomentumOptimizer(FusedOptimizer):
    """Momentum: `accum = momentum * accum + gradient; var -= learning_rate * accum`; with `use_nesterov`
    in Nesterov's form (Sutskever et al. 2013)."""

    family = "Momentum"
    slots: ClassVar[dict[str, str]] = {"accum": "momentum"}
    settings: ClassVar[dict[str, Setting]] = {"lr": setting("learning_rate"), "momentum": setting("momentum")}

    def __init__(
        self,
        learning_rate: Hyper,
        momentum: Hyper,
        use_locking: bool = False,
        name: str = "Momentum",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    def _attrs(self) -> dict[str, Any]:
        return {"use_nesterov": self._use_nesterov}


class AdamOptimizer(FusedOptimizer):
    """Adam (Kingma & Ba 2015), with TensorFlow's "epsilon hat": epsilon is added to the uncorrected second
    moment's root.

    A sparse gradient decays the moments of all rows and moves every row, as TensorFlow's does.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0)
    ...     step = tf.train.AdamOptimizer(0.1).minimize(x ** 2)
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(round(float(sess.run(x)), 4))
    0.9
    """

    family = "Adam"
    _lr_t: Any
    _beta1_t: Any
    _beta2_t: Any
    _epsilon_t: Any
    slots: ClassVar[dict[str, str]] = {"m": "m", "v": "v"}
    settings: ClassVar[dict[str, Setting]] = {
        "lr": setting("learning_rate", "lr"),
        "beta1": setting("beta1", "beta1"),
        "beta2": setting("beta2", "beta2"),
        "epsilon": setting("epsilon", "epsilon"),
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
        super().__init__(use_locking, name)
        self._lr, self._beta1, self._beta2, self._epsilon = learning_rate, beta1, beta2, epsilon

    def _get_beta_accumulators(self) -> tuple[Any, ...]:
        """The variables that hold the powers of the betas."""
        return self._get_non_slot_variable("beta1_power"), self._get_non_slot_variable("beta2_power")

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)  # the same in every replica of the graph
        self._create_non_slot_variable(self._beta1, name="beta1_power", colocate_with=first)
        self._create_non_slot_variable(self._beta2, name="beta2_power", colocate_with=first)
        super()._create_slots(var_list)

    def _input(self, key: str, var: Any) -> Any:
        if key.endswith("_power"):
            return cast(self._get_non_slot_variable(key), var.dtype.base_dtype)
        return super()._input(key, var)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        def scatter_add(slot: Any, indices: Any, rows: Any) -> Any:
            return state.scatter_add(slot, indices, rows, use_locking=self._use_locking)

        return self._apply_sparse_shared(grad.values, var, grad.indices, scatter_add)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return self._apply_sparse_shared(grad, handle, indices, self._resource_scatter_add)

    def _resource_scatter_add(self, x: Any, i: Any, v: Any) -> Any:
        """Add rows to a slot; its value afterwards."""
        with control_dependencies([emit("ResourceScatterAdd", x.handle, i, v)]):
            return x.value()

    def _apply_sparse_shared(self, grad: Any, var: Any, indices: Any, scatter_add: Any) -> Any:
        """The step for some rows, in ops of its own: the moments of all rows decay, and every row moves."""
        dtype = var.dtype.base_dtype
        beta1_power, beta2_power = (cast(power, dtype) for power in self._get_beta_accumulators())
        rate, beta1, beta2, epsilon = (self._setting(key, dtype) for key in self.settings)
        rate = rate * emit("Sqrt", 1 - beta2_power) / (1 - beta1_power)
        m = self._decayed_slot(var, "m", beta1, grad * (1 - beta1), indices, scatter_add)
        v = self._decayed_slot(var, "v", beta2, (grad * grad) * (1 - beta2), indices, scatter_add)
        root = emit("Sqrt", v)
        moved = state.assign_sub(var, rate * m / (root + epsilon), use_locking=self._use_locking)
        return group(moved, m, v)

    def _decayed_slot(self, var: Any, name: str, beta: Any, rows: Any, indices: Any, scatter_add: Any) -> Any:
        slot = self.get_slot(var, name)
        decayed = state.assign(slot, slot * beta, use_locking=self._use_locking)
        with control_dependencies([decayed]):
            return scatter_add(slot, indices, rows)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        with control_dependencies(update_ops):
            powers = self._get_beta_accumulators()
            with colocate_with(powers[0]):
                advanced = [
                    power.assign(power * beta, use_locking=self._use_locking)
                    for power, beta in zip(powers, self._beta_tensors(), strict=True)
                ]
        return group(*update_ops, *advanced, name=name_scope)

    def _beta_tensors(self) -> list[Any]:
        return [self._beta1_t, self._beta2_t]


class AdagradOptimizer(FusedOptimizer):
    """Adagrad (Duchi et al. 2011): each element's rate falls with the root of its summed squared
    gradients."""

    family = "Adagrad"
    slots: ClassVar[dict[str, str]] = {"accum": "accumulator"}
    settings: ClassVar[dict[str, Setting]] = {"lr": setting("learning_rate")}

    def __init__(
        self,
        learning_rate: Hyper,
        initial_accumulator_value: float = 0.1,
        use_locking: bool = False,
        name: str = "Adagrad",
    ) -> None:
        check_positive("initial_accumulator_value", initial_accumulator_value)
        super().__init__(use_locking, name)
        self._learning_rate = learning_rate
        self._initial_accumulator_value = initial_accumulator_value

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            dtype, shape = var.dtype.base_dtype, var.get_shape()
            start: Any = constant_initializer(self._initial_accumulator_value, dtype=dtype)
            if not shape.is_fully_defined():
                start = self._filled_at_start(var, dtype)
            self._get_or_make_slot_with_initializer(var, start, shape, dtype, "accumulator", self._name)

    def _filled_at_start(self, var: Any, dtype: Any) -> Any:
        """The accumulator's first value for a variable whose shape is known only when it is initialized."""
        return lambda: cast(emit("Fill", emit("Shape", var), self._initial_accumulator_value), dtype)


class AdadeltaOptimizer(FusedOptimizer):
    """Adadelta (Zeiler 2012): steps in the units of the variable, from running means of squared gradients and
    updates."""

    family = "Adadelta"
    slots: ClassVar[dict[str, str]] = {"accum": "accum", "accum_update": "accum_update"}
    settings: ClassVar[dict[str, Setting]] = {
        "lr": setting("lr", "lr"),
        "rho": setting("rho", "rho"),
        "epsilon": setting("epsilon", "epsilon"),
    }

    def __init__(
        self,
        learning_rate: Hyper = 0.001,
        rho: Hyper = 0.95,
        epsilon: Hyper = 1e-8,
        use_locking: bool = False,
        name: str = "Adadelta",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr, self._rho, self._epsilon = learning_rate, rho, epsilon


class RMSPropOptimizer(FusedOptimizer):
    """RMSProp (Hinton, Coursera lecture 6e), with momentum, and centered as in Graves 2013 if asked."""

    slots: ClassVar[dict[str, str]] = {"ms": "rms", "mom": "momentum"}
    settings: ClassVar[dict[str, Setting]] = {
        "lr": setting("learning_rate"),
        "rho": setting("decay"),
        "momentum": setting("momentum"),
        "epsilon": setting("epsilon"),
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
        super().__init__(use_locking, name)
        self._learning_rate, self._decay, self._momentum, self._epsilon = (
            learning_rate,
            decay,
            momentum,
            epsilon,
        )
        self._centered = centered
        self.family = "CenteredRMSProp" if centered else "RMSProp"  # type: ignore[misc]
        if centered:
            self.slots = {**self.slots, "mg": "mg"}  # type: ignore[misc]

    def _create_slots(self, var_list: list[Any]) -> None:
        for var in var_list:
            dtype, shape = var.dtype.base_dtype, var.get_shape()
            ones = ones_initializer(dtype=dtype) if shape.is_fully_defined() else ones_like(var)
            self._get_or_make_slot_with_initializer(var, ones, shape, dtype, "rms", self._name)
            if self._centered:
                self._zeros_slot(var, "mg", self._name)
            self._zeros_slot(var, "momentum", self._name)
