"""`tf.contrib.layers.optimize_loss`: an optimizer, clipping, decay, noise and summaries in one call."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.contrib.train_ops import GradsAndVars, with_values
from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import GraphKeys, Tensor, convert_to_tensor, get_collection
from reflow.model.global_step import assert_global_step, get_global_step
from reflow.model.initializers import constant_initializer, zeros_initializer
from reflow.model.variable_scope import get_variable, variable_scope
from reflow.model.variables import trainable_variables
from reflow.ops.arithmetic import maximum, minimum
from reflow.ops.array import ones_like
from reflow.ops.casting import cast
from reflow.ops.clip import clip_by_global_norm, global_norm
from reflow.ops.control import with_dependencies
from reflow.ops.masks import where
from reflow.ops.math import exp, log, sqrt, square
from reflow.ops.random import truncated_normal
from reflow.ops.rank_checks import assert_scalar
from reflow.ops.summary import histogram, scalar
from reflow.train.moving_average import assign_moving_average
from reflow.train.optimizer import Optimizer
from reflow.train.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    RMSPropOptimizer,
)
from reflow.train.proximal import FtrlOptimizer

OPTIMIZER_CLS_NAMES = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "Momentum": functools.partial(MomentumOptimizer, momentum=0.9),
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}
OPTIMIZER_SUMMARIES = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]
USUAL_SUMMARIES = ("loss", "learning_rate", "global_gradient_norm")
NORMS = ("global_gradient_norm", "gradient_norm")


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: float | None = None,
    gradient_multipliers: dict[Any, Any] | None = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Callable[[Any, Any], Any] | None = None,
    update_ops: Sequence[Any] | None = None,
    variables: Sequence[Any] | None = None,
    name: str | None = None,
    summaries: Sequence[str] | None = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
) -> Any:
    """A tensor that makes a training step when it is run, and gives the loss.

    Args:
        loss: a scalar.
        global_step: the counter of steps; None is the graph's own, if there is one.
        learning_rate: a float, which becomes a variable, or a scalar tensor; None when the optimizer needs
            none.
        optimizer: "Adagrad", "Adam", "Ftrl", "Momentum", "RMSProp", "SGD"; a class; an optimizer; or a
            function of the rate that makes one.
        gradient_noise_scale: the deviation of noise that is added to the gradients.
        gradient_multipliers: a factor for some variables, or names of variables.
        clip_gradients: the largest norm of all gradients together, a float; or a function from pairs of
            gradient and variable to changed ones.
        learning_rate_decay_fn: a function of the rate and the step that gives the rate.
        update_ops: operations to run before; those of the collection UPDATE_OPS by default.
        variables: those to train; the trainable ones by default.
        name: of the variable scope, `OptimizeLoss` by default.
        summaries: some of "learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm".
        colocate_gradients_with_ops: as of `Optimizer.compute_gradients`.
        increment_global_step: whether a step counts.

    ValueError for unknown optimizers, summaries, and rates that don't fit.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x, step = tf.Variable(1.0), tf.train.create_global_step()
    ...     train = tf.contrib.layers.optimize_loss(x * x, step, 0.25, "SGD")
    ...     sess.run(tf.global_variables_initializer())
    ...     print(sess.run(train), sess.run(x), sess.run(step))
    1.0 0.5 1
    """
    loss = convert_to_tensor(loss)
    assert_scalar(loss)
    if global_step is None:
        global_step = get_global_step()
    else:
        assert_global_step(global_step)
    with variable_scope(name, "OptimizeLoss", [loss, global_step]):
        updates = get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
        if updates:
            loss = with_dependencies(list(dict.fromkeys(updates)), loss)
        rate = _rate(learning_rate)
        shown = _summaries(summaries)
        if learning_rate is not None and learning_rate_decay_fn is not None:
            if global_step is None:
                raise ValueError("global_step is required for learning_rate_decay_fn.")
            rate = learning_rate_decay_fn(rate, global_step)
            if "learning_rate" in shown:
                scalar("learning_rate", rate)
        made = _optimizer(optimizer, rate)
        gradients = made.compute_gradients(
            loss,
            trainable_variables() if variables is None else variables,
            colocate_gradients_with_ops=colocate_gradients_with_ops,
        )
        gradients = _changed(gradients, gradient_noise_scale, gradient_multipliers)
        with_norms = any(norm in shown for norm in NORMS)
        if with_norms:
            scalar("global_norm/gradient_norm", global_norm([grad for grad, _ in gradients]))
        gradients = _clipped(gradients, clip_gradients)
        if "loss" in shown:
            scalar("loss", loss)
        _summarize_gradients(gradients, shown)
        if clip_gradients is not None and with_norms:
            scalar("global_norm/clipped_gradient_norm", global_norm([grad for grad, _ in gradients]))
        step = global_step if increment_global_step else None
        return with_dependencies([made.apply_gradients(gradients, global_step=step, name="train")], loss)


def _rate(learning_rate: Any) -> Any:
    if learning_rate is None or (isinstance(learning_rate, Tensor) and learning_rate.shape.ndims == 0):
        return learning_rate
    if not isinstance(learning_rate, float):
        raise ValueError(
            f"Learning rate should be 0d Tensor or float. Got {learning_rate} of type {type(learning_rate)}"
        )
    if learning_rate < 0.0:
        raise ValueError(f"Invalid learning_rate {learning_rate}.")
    initializer = constant_initializer(learning_rate)
    return get_variable("learning_rate", [], trainable=False, initializer=initializer)


def _summaries(summaries: Sequence[str] | None) -> Sequence[str]:
    if summaries is None:
        return USUAL_SUMMARIES
    for summary in summaries:
        if summary not in OPTIMIZER_SUMMARIES:
            raise ValueError(
                f"Summaries should be one of [{', '.join(OPTIMIZER_SUMMARIES)}], you provided {summary}."
            )
    return summaries


def _optimizer(optimizer: Any, rate: Any) -> Any:
    """The optimizer, from its name, its class, or a function that makes it."""
    if isinstance(optimizer, Optimizer):
        return optimizer
    kind = "string" if isinstance(optimizer, str) else "class" if isinstance(optimizer, type) else None
    if kind and rate is None:
        raise ValueError(
            f"Learning rate is None, but should be specified if optimizer is {kind} ({optimizer})."
        )
    if isinstance(optimizer, str):
        if optimizer not in OPTIMIZER_CLS_NAMES:
            raise ValueError(
                f"Optimizer name should be one of [{', '.join(OPTIMIZER_CLS_NAMES)}], you provided "
                f"{optimizer}."
            )
        return OPTIMIZER_CLS_NAMES[optimizer](learning_rate=rate)  # type: ignore[operator]
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        return optimizer(learning_rate=rate)  # type: ignore[call-arg]
    if not callable(optimizer):
        raise ValueError(
            "Unrecognized optimizer: should be string, subclass of Optimizer, instance of subclass of "
            f"Optimizer or function with one argument. Got {optimizer}."
        )
    made = optimizer() if rate is None else optimizer(rate)
    if not isinstance(made, Optimizer):
        raise ValueError(f"Unrecognized optimizer: function should return subclass of Optimizer. Got {made}.")
    return made


def _changed(
    gradients: GradsAndVars, noise: float | None, multipliers: dict[Any, Any] | None
) -> GradsAndVars:
    if noise is not None:
        gradients = [(_noisy(grad, noise), var) for grad, var in gradients]
    if multipliers is not None:
        gradients = [(_multiplied(grad, var, multipliers), var) for grad, var in gradients]
        if not gradients:
            raise ValueError(
                "Empty list of (gradient, var) pairs encountered. This is most likely to be caused by an "
                "improper value of gradient_multipliers."
            )
    return gradients


def _noisy(grad: Any, scale: float) -> Any:
    if grad is None:
        return None
    sizes = grad.dense_shape if isinstance(grad, IndexedSlices) else grad.shape
    return grad + truncated_normal(sizes) * scale


def _multiplied(grad: Any, var: Any, multipliers: dict[Any, Any]) -> Any:
    key = var if var in multipliers else var.name
    if grad is None or key not in multipliers:
        return grad
    if isinstance(grad, IndexedSlices):
        return with_values(grad, lambda values: values * multipliers[key])
    return grad * cast(multipliers[key], grad.dtype)


def _clipped(gradients: GradsAndVars, clip_gradients: Any) -> GradsAndVars:
    if clip_gradients is None:
        return gradients
    if isinstance(clip_gradients, float):
        clipped, _ = clip_by_global_norm([grad for grad, _ in gradients], clip_gradients)
        return [(grad, var) for grad, (_, var) in zip(clipped, gradients, strict=True)]
    if not callable(clip_gradients):
        raise ValueError(f"Unknown type {type(clip_gradients)} for clip_gradients")
    return clip_gradients(gradients)  # type: ignore[no-any-return]


def _summarize_gradients(gradients: GradsAndVars, shown: Sequence[str]) -> None:
    for grad, var in gradients:
        values = grad.values if isinstance(grad, IndexedSlices) else grad
        if values is None:
            continue
        name = var.name.replace(":", "_")
        if "gradients" in shown:
            histogram(f"gradients/{name}", values)
        if "gradient_norm" in shown:
            scalar(f"gradient_norm/{name}", global_norm([values]))


def adaptive_clipping_fn(
    std_factor: float = 2.0,
    decay: Any = 0.95,
    static_max_norm: float | None = None,
    global_step: Any = None,
    report_summary: bool = False,
    epsilon: float = 1e-8,
    name: str | None = None,
) -> Callable[[GradsAndVars], GradsAndVars]:
    """A function for `optimize_loss` that clips gradients whose norm is far above its moving average.

    Args:
        std_factor: how many deviations above the average is too far.
        decay: of the moving averages.
        static_max_norm: a bound of the norm besides.
        global_step: if given, `decay` is smaller in the first steps.
        report_summary: whether there is a summary of the bound.
        epsilon: a small number that keeps logarithms finite.
        name: of the variable scope, `AdaptiveMaxNorm` by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.Variable(1.0)
    ...     clip = tf.contrib.layers.adaptive_clipping_fn()
    ...     [grad.shape.as_list() for grad, _ in clip([(tf.constant(2.0), x)])]
    [[]]
    """

    def clip(grads_and_vars: GradsAndVars) -> GradsAndVars:
        norm = global_norm([grad for grad, _ in grads_and_vars])
        bound, mean = _adaptive_norm(norm, std_factor, decay, global_step, epsilon, name)
        if report_summary:
            scalar("global_norm/adaptive_max_gradient_norm", bound)
        factor = where(norm < bound, ones_like(norm), exp(mean) / norm)
        if static_max_norm is not None:
            factor = minimum(static_max_norm / norm, factor)
        return [
            (None if grad is None else with_values(grad, lambda values: values * factor), var)
            for grad, var in grads_and_vars
        ]

    return clip


def _adaptive_norm(
    norm: Any, std_factor: float, decay: Any, global_step: Any, epsilon: float, name: str | None
) -> tuple[Any, Any]:
    """The bound of the norm, and the moving average of its logarithm."""
    with variable_scope(name, "AdaptiveMaxNorm", [norm]):
        log_norm = log(norm + epsilon)
        if global_step is not None:
            steps = cast(global_step, dtypes.float32)
            decay = minimum(decay, steps / (steps + 1.0))
        mean = _average("mean", log_norm, decay)
        square_mean = _average("sq_mean", square(log_norm), decay)
        variance = square_mean - square(mean)
        deviation = sqrt(maximum(epsilon, variance))
        return exp(mean + std_factor * deviation), mean


def _average(name: str, value: Any, decay: Any) -> Any:
    variable = get_variable(
        name, shape=value.shape, dtype=value.dtype, initializer=zeros_initializer(), trainable=False
    )
    return assign_moving_average(variable, value, decay, zero_debias=False)
