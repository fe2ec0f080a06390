"""The optimizers of `tf.contrib.opt`: AdaMax, NAdam, lazy Adam, decoupled weight decay, averaged
variables."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from reflow.graph.graph import colocate_with, control_dependencies, convert_to_tensor, emit
from reflow.model.variables import global_variables
from reflow.ops import state
from reflow.ops.casting import cast
from reflow.ops.control import group, no_op
from reflow.ops.gather import gather
from reflow.train.fused import Hyper
from reflow.train.moving_average import ExponentialMovingAverage
from reflow.train.optimizer import Optimizer
from reflow.train.optimizers import AdamOptimizer, MomentumOptimizer
from reflow.train.saveable import by_name
from reflow.train.saver import Saver


def _scatter_then_read(op_type: str, slot: Any, indices: Any, rows: Any) -> Any:
    """Write rows of a resource variable; its value afterwards."""
    with control_dependencies([emit(op_type, slot.handle, indices, rows)]):
        return slot.value()


class AdaMaxOptimizer(AdamOptimizer):
    """AdaMax (Kingma & Ba 2015, section 7.1): Adam with the greatest gradient in place of the second moment.

    A sparse gradient touches its rows only.
    """

    family: ClassVar[str] = "AdaMax"

    def __init__(
        self,
        learning_rate: Hyper = 0.001,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        epsilon: Hyper = 1e-8,
        use_locking: bool = False,
        name: str = "AdaMax",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)

    def _get_beta_accumulators(self) -> Any:
        return self._get_non_slot_variable("beta1_power")

    def _create_slots(self, var_list: list[Any]) -> None:
        first = min(var_list, key=lambda v: v.name)
        self._create_non_slot_variable(self._beta1, name="beta1_power", colocate_with=first)
        for var in var_list:
            self._zeros_slot(var, "m", self._name)
            self._zeros_slot(var, "v", self._name)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        def update(slot: Any, indices: Any, rows: Any) -> Any:
            return state.scatter_update(slot, indices, rows, use_locking=self._use_locking)

        def add(slot: Any, indices: Any, rows: Any) -> Any:
            return state.scatter_add(slot, indices, rows, use_locking=self._use_locking)

        return self._apply_rows(grad.values, var, grad.indices, add, update)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        return self._apply_rows(
            grad, handle, indices, self._resource_scatter_add, self._resource_scatter_update
        )

    def _resource_scatter_update(self, x: Any, i: Any, v: Any) -> Any:
        return _scatter_then_read("ResourceScatterUpdate", x, i, v)

    def _apply_rows(self, grad: Any, var: Any, indices: Any, add: Any, update: Any) -> Any:
        dtype = var.dtype.base_dtype
        power = cast(self._get_beta_accumulators(), dtype)
        rate, beta1, beta2, epsilon = (self._setting(key, dtype) for key in self.settings)
        m = self.get_slot(var, "m")
        m_rows = gather(m, indices) * beta1 + grad * (1 - beta1)
        with control_dependencies([m_rows]):
            m_new = update(m, indices, m_rows)
        v = self.get_slot(var, "v")
        v_rows = emit("Maximum", gather(v, indices) * beta2, emit("Abs", grad))
        with control_dependencies([v_rows]):
            v_new = update(v, indices, v_rows)
        step = -rate / (1 - power) * (m_rows / (v_rows + epsilon))
        with control_dependencies([step]):
            moved = add(var, indices, step)
        return group(moved, m_new, v_new)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        with control_dependencies(update_ops):
            power = self._get_beta_accumulators()
            with colocate_with(power):
                advanced = power.assign(power * self._beta1_t, use_locking=self._use_locking)
        return group(*update_ops, advanced, name=name_scope)


class LazyAdamOptimizer(AdamOptimizer):
    """Adam whose sparse steps touch only the rows that have a gradient: faster for embeddings, and not the
    same method.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     table = tf.Variable(tf.ones([4, 2]))
    ...     step = tf.contrib.opt.LazyAdamOptimizer(0.1).minimize(tf.reduce_sum(tf.gather(table, [1])))
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(table).round(3)[:2])
    [[1.  1. ]
     [0.9 0.9]]
    """

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        rate, beta1, beta2, epsilon = self._rate_and_settings(var)
        indices, lock = grad.indices, self._use_locking
        m, v = self.get_slot(var, "m"), self.get_slot(var, "v")
        m_rows = beta1 * gather(m, indices) + (1 - beta1) * grad.values
        m_new = state.scatter_update(m, indices, m_rows, use_locking=lock)
        v_rows = beta2 * gather(v, indices) + (1 - beta2) * emit("Square", grad.values)
        v_new = state.scatter_update(v, indices, v_rows, use_locking=lock)
        m_rows, v_rows = gather(m_new, indices), gather(v_new, indices)
        root = emit("Sqrt", v_rows) + epsilon
        moved = state.scatter_sub(var, indices, rate * m_rows / root, use_locking=lock)
        return group(moved, m_new, v_new)

    def _resource_apply_sparse(self, grad: Any, handle: Any, indices: Any) -> Any:
        rate, beta1, beta2, epsilon = self._rate_and_settings(handle)
        m, v = self.get_slot(handle, "m"), self.get_slot(handle, "v")
        m_rows = beta1 * gather(m, indices) + (1 - beta1) * grad
        m_new = emit("ResourceScatterUpdate", m.handle, indices, m_rows)
        v_rows = beta2 * gather(v, indices) + (1 - beta2) * emit("Square", grad)
        v_new = emit("ResourceScatterUpdate", v.handle, indices, v_rows)
        step = rate * m_rows / (emit("Sqrt", v_rows) + epsilon)
        moved = emit("ResourceScatterSub", handle.handle, indices, step)
        return group(moved, m_new, v_new)

    def _rate_and_settings(self, var: Any) -> tuple[Any, ...]:
        """The corrected rate, the betas and epsilon, in the variable's type."""
        dtype = var.dtype.base_dtype
        beta1_power, beta2_power = (cast(power, dtype) for power in self._get_beta_accumulators())
        rate, beta1, beta2, epsilon = (self._setting(key, dtype) for key in self.settings)
        rate = rate * emit("Sqrt", 1 - beta2_power) / (1 - beta1_power)
        return rate, beta1, beta2, epsilon


class NadamOptimizer(AdamOptimizer):
    """Adam with Nesterov momentum (Dozat 2016)."""

    def _attrs(self) -> dict[str, Any]:
        return {"use_nesterov": True}

    def _apply_sparse_shared(self, grad: Any, var: Any, indices: Any, scatter_add: Any) -> Any:
        dtype = var.dtype.base_dtype
        beta1_power, beta2_power = (cast(power, dtype) for power in self._get_beta_accumulators())
        rate, beta1, beta2, epsilon = (self._setting(key, dtype) for key in self.settings)
        rate = rate * emit("Sqrt", 1 - beta2_power) / (1 - beta1_power)
        scaled, m = grad * (1 - beta1), self.get_slot(var, "m")
        with control_dependencies([state.assign(m, m * beta1, use_locking=self._use_locking)]):
            m_new = scatter_add(m, indices, scaled)
            m_bar = scaled + beta1 * gather(m_new, indices)
        squares, v = (grad * grad) * (1 - beta2), self.get_slot(var, "v")
        with control_dependencies([state.assign(v, v * beta2, use_locking=self._use_locking)]):
            v_new = scatter_add(v, indices, squares)
        root = emit("Sqrt", gather(v_new, indices))
        moved = scatter_add(var, indices, -rate * m_bar / (root + epsilon))
        return group(moved, m_bar, v_new)


class DecoupledWeightDecayExtension:
    """Base class beside an optimizer's: weights decay by themselves, not through the gradient (Loshchilov &
    Hutter 2019).

    Args:
        weight_decay: the part of each weight that a step takes off: a number, tensor or function. It is not
            multiplied by the learning rate; give both the same schedule.
        **kwargs: the arguments of the optimizer.
    """

    _use_locking: bool

    def __init__(self, weight_decay: Hyper, **kwargs: Any) -> None:
        self._decay_var_list: Any = None
        self._weight_decay: Any = weight_decay
        self._weight_decay_tensor: Any = None
        super().__init__(**kwargs)

    def minimize(
        self,
        loss: Any,
        global_step: Any = None,
        var_list: Any = None,
        gate_gradients: int = Optimizer.GATE_OP,
        aggregation_method: int | None = None,
        colocate_gradients_with_ops: bool = False,
        name: str | None = None,
        grad_loss: Any = None,
        decay_var_list: Any = None,
    ) -> Any:
        """As `Optimizer.minimize`. All variables decay: as in TensorFlow 1.15, `decay_var_list` counts only
        in `apply_gradients`, which this method calls without it."""
        self._decay_var_list = set(decay_var_list) if decay_var_list else False
        optimizer: Any = super()
        return optimizer.minimize(
            loss,
            global_step=global_step,
            var_list=var_list,
            gate_gradients=gate_gradients,
            aggregation_method=aggregation_method,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
            name=name,
            grad_loss=grad_loss,
        )

    def apply_gradients(
        self,
        grads_and_vars: Any,
        global_step: Any = None,
        name: str | None = None,
        decay_var_list: Any = None,
    ) -> Any:
        """As `Optimizer.apply_gradients`; `decay_var_list` names the variables that decay, all if None."""
        self._decay_var_list = set(decay_var_list) if decay_var_list else False
        optimizer: Any = super()
        return optimizer.apply_gradients(grads_and_vars, global_step=global_step, name=name)

    def _prepare(self) -> None:
        value = self._weight_decay() if callable(self._weight_decay) else self._weight_decay
        self._weight_decay_tensor = convert_to_tensor(value, name="weight_decay")
        optimizer: Any = super()
        optimizer._prepare()

    def _decays(self, var: Any) -> bool:
        return not self._decay_var_list or var in self._decay_var_list

    def _decay_weights_op(self, var: Any) -> Any:
        if not self._decays(var):
            return no_op()
        return var.assign_sub(self._weight_decay * var, self._use_locking)

    def _decay_weights_sparse_op(self, var: Any, indices: Any, scatter_add: Callable[..., Any]) -> Any:
        if not self._decays(var):
            return no_op()
        update = -self._weight_decay * gather(var, indices)
        return scatter_add(var, indices, update, self._use_locking)

    def _apply_dense(self, grad: Any, var: Any) -> Any:
        with control_dependencies([self._decay_weights_op(var)]):
            optimizer: Any = super()
            return optimizer._apply_dense(grad, var)

    def _resource_apply_dense(self, grad: Any, var: Any) -> Any:
        with control_dependencies([self._decay_weights_op(var)]):
            optimizer: Any = super()
            return optimizer._resource_apply_dense(grad, var)

    def _apply_sparse(self, grad: Any, var: Any) -> Any:
        decay = self._decay_weights_sparse_op(var, grad.indices, state.scatter_add)
        with control_dependencies([decay]):
            optimizer: Any = super()
            return optimizer._apply_sparse(grad, var)

    def _resource_scatter_add(self, x: Any, i: Any, v: Any, _: Any = None) -> Any:
        return _scatter_then_read("ResourceScatterAdd", x, i, v)

    def _resource_apply_sparse(self, grad: Any, var: Any, indices: Any) -> Any:
        decay = self._decay_weights_sparse_op(var, indices, self._resource_scatter_add)
        with control_dependencies([decay]):
            optimizer: Any = super()
            return optimizer._resource_apply_sparse(grad, var, indices)


def extend_with_decoupled_weight_decay(base_optimizer: type[Optimizer]) -> type[Optimizer]:
    """An optimizer class with decoupled weight decay: the class `base_optimizer` with a first argument
    `weight_decay`.

    >>> import reflow as tf
    >>> SGDW = tf.contrib.opt.extend_with_decoupled_weight_decay(tf.train.GradientDescentOptimizer)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0)
    ...     step = SGDW(weight_decay=0.5, learning_rate=0.1).minimize(x)
    ...     sess.run(tf.global_variables_initializer())
    ...     sess.run(step)
    ...     print(sess.run(x))
    0.4
    """

    class OptimizerWithDecoupledWeightDecay(DecoupledWeightDecayExtension, base_optimizer):  # type: ignore
        def __init__(self, weight_decay: Hyper, *args: Any, **kwargs: Any) -> None:
            DecoupledWeightDecayExtension.__init__(self, weight_decay, *args, **kwargs)

    return OptimizerWithDecoupledWeightDecay


class MomentumWOptimizer(DecoupledWeightDecayExtension, MomentumOptimizer):
    """Momentum with decoupled weight decay."""

    def __init__(
        self,
        weight_decay: Hyper,
        learning_rate: Hyper,
        momentum: Hyper,
        use_locking: bool = False,
        name: str = "MomentumW",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(
            weight_decay,
            learning_rate=learning_rate,
            momentum=momentum,
            use_locking=use_locking,
            name=name,
            use_nesterov=use_nesterov,
        )


class AdamWOptimizer(DecoupledWeightDecayExtension, AdamOptimizer):
    """Adam with decoupled weight decay."""

    def __init__(
        self,
        weight_decay: Hyper,
        learning_rate: Hyper = 0.001,
        beta1: Hyper = 0.9,
        beta2: Hyper = 0.999,
        epsilon: Hyper = 1e-8,
        use_locking: bool = False,
        name: str = "AdamW",
    ) -> None:
        super().__init__(
            weight_decay,
            learning_rate=learning_rate,
            beta1=beta1,
            beta2=beta2,
            epsilon=epsilon,
            use_locking=use_locking,
            name=name,
        )


class MovingAverageOptimizer(Optimizer):
    """An optimizer that also keeps moving averages of the variables that another one trains.

    Args:
        opt: the optimizer that takes the steps.
        average_decay: the decay of the averages.
        num_updates: the number of steps taken, which lowers the decay at first: see
            `tf.train.ExponentialMovingAverage`.
        sequential_update: whether the averages are of the values after the step.
    """

    def __init__(
        self,
        opt: Optimizer,
        average_decay: Any = 0.9999,
        num_updates: Any = None,
        sequential_update: bool = True,
    ) -> None:
        self._optimizer = opt
        self._ema = ExponentialMovingAverage(average_decay, num_updates=num_updates)
        self._swapped_variable_name_map: dict[str, str] | None = None
        self._sequential_update = sequential_update

    def compute_gradients(self, *args: Any, **kwargs: Any) -> list[tuple[Any, Any]]:
        """The gradients, by the optimizer that takes the steps."""
        return self._optimizer.compute_gradients(*args, **kwargs)

    def apply_gradients(self, grads_and_vars: Any, global_step: Any = None, name: str | None = None) -> Any:
        """An operation that takes the step and updates the averages."""
        pairs = list(grads_and_vars)
        step = self._optimizer.apply_gradients(pairs, global_step=global_step, name=name)
        variables = [v for g, v in pairs if g is not None]
        with control_dependencies([step] if self._sequential_update else []):
            averaged = self._ema.apply(variables)
        names: dict[str, str] = {}
        for var in variables:
            average = self._ema.average(var)
            names[var.op.name], names[average.op.name] = average.op.name, var.op.name
        self._swapped_variable_name_map = names
        return group(step, averaged, name="train_with_avg")

    def swapping_saver(self, var_list: Any = None, name: str = "swapping_saver", **kwargs: Any) -> Saver:
        """A saver that saves the averages under the names of their variables, and the variables under theirs.

        What it saved is restored by a saver of a graph without averages. `var_list` and the other arguments
        are those of `tf.train.Saver`. RuntimeError before a step is built; ValueError when a variable is
        listed and its average is not.
        """
        names = self._swapped_variable_name_map
        if names is None:
            raise RuntimeError("Must call apply_gradients or minimize before creating the swapping_saver")
        given = global_variables() if var_list is None else var_list
        listed = given if isinstance(given, dict) else by_name(given)
        keys = {value.op.name: key for key, value in listed.items()}
        if lost := [n for n in keys if n in names and names[n] not in keys]:
            raise ValueError(f"Variable to swap {names[lost[0]]} is not in variables to save")
        swapped = {keys[names.get(n, n)]: listed[key] for n, key in keys.items()}
        return Saver(swapped, name=name, **kwargs)
