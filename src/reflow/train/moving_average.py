"""Moving averages of variables: `ExponentialMovingAverage`, and the updates of single averages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import (
    GraphKeys,
    Operation,
    Tensor,
    add_to_collection,
    colocate_with,
    convert_to_tensor,
    get_default_graph,
    init_scope,
    name_scope,
)
from reflow.model.initializers import zeros_initializer
from reflow.model.variable_base import Variable
from reflow.model.variable_scope import get_variable, get_variable_scope, variable_scope
from reflow.model.variables import global_variables, moving_average_variables, trainable_variables
from reflow.ops.arithmetic import div, minimum, pow, truediv  # noqa: A004
from reflow.ops.casting import cast
from reflow.ops.control import group
from reflow.ops.state import assign, assign_sub
from reflow.train.slots import create_slot, create_zeros_slot

AVERAGED_TYPES = (dtypes.bfloat16, dtypes.float16, dtypes.float32, dtypes.float64)
VARIABLE_TYPES = ("Variable", "VariableV2", "VarHandleOp")


def assign_moving_average(
    variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None
) -> Any:
    """`variable` moved towards `value`: `variable -= (1 - decay) * (variable - value)`.

    Args:
        variable: the average, a variable.
        value: a tensor of the variable's shape and type.
        decay: how much of the average stays, a number or scalar tensor between 0 and 1.
        zero_debias: whether to divide by `1 - decay ** steps`, to correct an average that started at zero.
            Two variables, `biased` and `local_step`, are made for it.
        name: the operation's name.

    Returns: the updated variable.

    >>> import reflow as tf
    >>> from reflow.train.moving_average import assign_moving_average
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(1.0)
    ...     sess.run(x.initializer)
    ...     print(sess.run(assign_moving_average(x, 2.0, 0.75, zero_debias=False)))
    1.25
    """
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rate = convert_to_tensor(1.0 - decay, name="decay")
        if rate.dtype != variable.dtype.base_dtype:
            rate = cast(rate, variable.dtype.base_dtype)
        if zero_debias:
            return _debiased(variable, value, rate)
        return assign_sub(variable, (variable - value) * rate, name=scope)


def _debiased(unbiased: Any, value: Any, rate: Tensor) -> Any:
    """The update of an average kept in `biased` and corrected for its start at zero (Kingma and Ba, 2014)."""
    with variable_scope(unbiased.name[: -len(":0")], values=[unbiased, value, rate]):
        with init_scope():
            biased_zeros, step_zeros = zeros_initializer(), zeros_initializer()
        with colocate_with(unbiased):
            biased = get_variable(
                _unused_name("biased"),
                initializer=biased_zeros,
                shape=unbiased.get_shape(),
                dtype=unbiased.dtype.base_dtype,
                trainable=False,
            )
            local_step = get_variable(
                _unused_name("local_step"),
                shape=[],
                dtype=unbiased.dtype.base_dtype,
                initializer=step_zeros,
                trainable=False,
            )
    moved = assign_sub(biased, (biased - value) * rate)
    steps = local_step.assign_add(1)
    correction = 1 - pow(1.0 - rate, steps)
    return assign(unbiased, moved / correction, name=get_default_graph().get_name_scope() + "/")


def _unused_name(name: str) -> str:
    """`name`, or with a number after it when the variable scope has such a variable and does not reuse it."""
    scope = get_variable_scope()
    if scope.reuse:
        return name
    taken = {v.op.name for v in scope.global_variables()}
    found, number = name, 0
    while f"{scope.name}/{found}" in taken:
        number += 1
        found = f"{name}_{number}"
    return found


def weighted_moving_average(
    value: Any,
    decay: Any,
    weight: Any,
    truediv: bool = True,
    collections: Any = None,
    name: str | None = None,
) -> Any:
    """The moving average of `value`, each of which counts by its `weight`.

    Args:
        value: a tensor.
        decay: how much of the average stays.
        weight: a tensor that broadcasts with `value`.
        truediv: whether integers are divided as floats.
        collections: where the two variables that are made go; the global variables by default.
        name: the variable scope.

    >>> import reflow as tf
    >>> from reflow.train.moving_average import weighted_moving_average
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     mean = weighted_moving_average(tf.constant(3.0), 0.5, tf.constant(2.0))
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(mean))
    3.0
    """
    collections = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
    with variable_scope(name, "WeightedMovingAvg", [value, weight, decay]) as scope:
        total = _zero_variable("value_x_weight", value, collections)
        weights = _zero_variable("weight", weight, collections)
        numerator = assign_moving_average(total, value * weight, decay, zero_debias=False)
        denominator = assign_moving_average(weights, weight, decay, zero_debias=False)
        return _quotient(truediv)(numerator, denominator, name=scope.name)


def _quotient(exact: bool) -> Any:
    return truediv if exact else div


def _zero_variable(name: str, like: Tensor, collections: Any) -> Any:
    return get_variable(
        name,
        shape=like.get_shape(),
        dtype=like.dtype,
        initializer=zeros_initializer(),
        trainable=False,
        collections=collections,
    )


class ExponentialMovingAverage:
    """Moving averages of variables or tensors: shadow variables, often better than what they follow.

    Args:
        decay: how much of an average stays at each update, close to 1.
        num_updates: a count of updates, such as the global step; the decay is then at most
            `(1 + num_updates) / (10 + num_updates)`, so that averages move fast at first.
        zero_debias: whether averages of tensors, which start at zero, are corrected for that.
        name: the last part of the names of the averages.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.Variable(0.0, name="x")
    ...     averages = tf.train.ExponentialMovingAverage(0.75)
    ...     step = averages.apply([x])
    ...     sess.run(tf.global_variables_initializer())
    ...     x.load(4.0, sess)
    ...     sess.run(step)
    ...     print(averages.average(x).op.name, sess.run(averages.average(x)))
    x/ExponentialMovingAverage 1.0
    """

    def __init__(
        self,
        decay: Any,
        num_updates: Any = None,
        zero_debias: bool = False,
        name: str = "ExponentialMovingAverage",
    ) -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Any] = {}

    @property
    def name(self) -> str:
        """The last part of the names of the averages."""
        return self._name

    def apply(self, var_list: Iterable[Any] | None = None) -> Operation:
        """Make the averages of variables and tensors, and return the operation that updates them.

        The average of a variable starts at its initial value, that of a tensor at zero.
        May be called again, for others.

        Args:
            var_list: the variables and tensors; the trainable variables by default.

        Raises TypeError for one that is not bfloat16, float16, float32 or float64.
        """
        averaged = list(trainable_variables() if var_list is None else var_list)
        debiased = {id(v) for v in averaged if self._prepare(v)}
        with name_scope(self.name) as scope:
            decay = self._current_decay()
            updates = [
                assign_moving_average(self._averages[v], v, decay, zero_debias=id(v) in debiased)
                for v in averaged
            ]
            return group(*updates, name=scope)

    def _prepare(self, var: Any) -> bool:
        """Make the average of `var` if there is none; returns whether it must be corrected for its start."""
        if var.dtype.base_dtype not in AVERAGED_TYPES:
            raise TypeError(f"The variables must be half, float, or double: {var.name}")
        if var in self._averages:
            return False
        with init_scope():
            if isinstance(var, Variable):
                average = create_slot(var, var.initialized_value(), self.name, colocate_with_primary=True)
                add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            else:
                beside = var.op.type in VARIABLE_TYPES
                average = create_zeros_slot(var, self.name, colocate_with_primary=beside)
        self._averages[var] = average
        return self._zero_debias and not isinstance(var, Variable)

    def _current_decay(self) -> Tensor:
        decay = convert_to_tensor(self._decay, name="decay")
        if self._num_updates is None:
            return decay
        count = cast(self._num_updates, dtypes.float32, name="num_updates")
        above = 1.0 + count
        return minimum(decay, above / (10.0 + count))  # type: ignore[no-any-return]

    def average(self, var: Any) -> Any:
        """The variable that holds the average of `var`; None when there is none."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """The name of the average of `var`: of the one that there is, or would be.

        >>> import reflow as tf
        >>> with tf.Graph().as_default():
        ...     x = tf.Variable(0.0, name="x")
        ...     print(tf.train.ExponentialMovingAverage(0.9).average_name(x))
        x/ExponentialMovingAverage
        """
        if var in self._averages:
            return self._averages[var].op.name  # type: ignore[no-any-return]
        return get_default_graph().unique_name(f"{var.op.name}/{self.name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Iterable[Any] | None = None) -> dict[str, Any]:
        """What a Saver needs to restore averages into their variables: names in the file -> variables.

        Args:
            moving_avg_variables: the variables to take averages for; by default the trainable and those in
                the collection of averaged variables. All other global variables come under their own names.
        """
        if moving_avg_variables is None:
            moving_avg_variables = trainable_variables() + moving_average_variables()
        chosen = list(dict.fromkeys(moving_avg_variables))
        found = {self.average_name(v): v for v in chosen}
        names = {v.name for v in chosen}
        for v in dict.fromkeys(global_variables()):
            if v.name not in names and v.op.name not in found:
                found[v.op.name] = v
        return found
