"""Learning rates that depend on the step. Each function makes one scalar, computed anew in each run."""

from __future__ import annotations

import functools
import math
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import (
    Tensor,
    constant,
    convert_to_tensor,
    name_scope,
)
from reflow.ops.arithmetic import add, divide, minimum, multiply, pow  # noqa: A004
from reflow.ops.case import case
from reflow.ops.casting import cast
from reflow.ops.comparison import equal
from reflow.ops.control_flow import cond
from reflow.ops.math import ceil, exp, floor, log, negative, sqrt
from reflow.ops.random import random_normal
from reflow.ops.trigonometry import cos


def _rate(learning_rate: Any) -> Tensor:
    return convert_to_tensor(learning_rate, name="initial_learning_rate")


def exponential_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate * decay_rate ** (global_step / decay_steps)`.

    Args:
        learning_rate: the rate at step 0, a float or scalar tensor, whose type is that of the result.
        global_step: the step, a number, tensor or variable.
        decay_steps: the steps in which the rate is multiplied by `decay_rate` once.
        decay_rate: the factor.
        staircase: whether the exponent is rounded down, so that the rate changes every `decay_steps` steps
            only.
        name: the operation's name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.exponential_decay(1.0, 200, 100, 0.5)))
    0.25
    """
    with name_scope(name or "ExponentialDecay") as scope:
        rate = _rate(learning_rate)
        steps = cast(decay_steps, rate.dtype)
        factor = cast(decay_rate, rate.dtype)
        power = cast(global_step, rate.dtype) / steps
        if staircase:
            power = floor(power)
        return multiply(rate, pow(factor, power), name=scope)


def natural_exp_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate * exp(-decay_rate * global_step / decay_steps)`; arguments as of `exponential_decay`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.natural_exp_decay(1.0, 0, 100, 0.5)))
    1.0
    """
    factor = exp(negative(decay_rate))
    return exponential_decay(learning_rate, global_step, decay_steps, factor, staircase, name)


def inverse_time_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    decay_rate: Any,
    staircase: bool = False,
    name: str | None = None,
) -> Any:
    """`learning_rate / (1 + decay_rate * global_step / decay_steps)`; arguments as of `exponential_decay`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.inverse_time_decay(1.0, 100, 100, 1.0)))
    0.5
    """
    with name_scope(name or "InverseTimeDecay") as scope:
        rate = _rate(learning_rate)
        steps = cast(decay_steps, rate.dtype)
        factor = cast(decay_rate, rate.dtype)
        passed = cast(global_step, rate.dtype) / steps
        if staircase:
            passed = floor(passed)
        one = cast(constant(1), rate.dtype)
        return divide(rate, add(one, multiply(factor, passed)), name=scope)


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Any:
    """A rate that goes from `learning_rate` to `end_learning_rate` in `decay_steps` steps.

    Args:
        learning_rate, global_step, decay_steps: as of `exponential_decay`.
        end_learning_rate: the last rate.
        power: the power of the part of the steps still to go; 1 gives a straight line.
        cycle: whether `decay_steps` is doubled, tripled ... when it is passed; else the rate stays at its
            end.
        name: the operation's name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.polynomial_decay(1.0, 50, 100, 0.5)))
    0.75
    """
    with name_scope(name or "PolynomialDecay") as scope:
        rate = _rate(learning_rate)
        end = cast(end_learning_rate, rate.dtype)
        exponent = cast(power, rate.dtype)
        step = cast(global_step, rate.dtype)
        steps = cast(decay_steps, rate.dtype)
        if cycle:
            steps = multiply(steps, _cycles(step, decay_steps))
        else:
            step = minimum(step, decay_steps)
        passed = divide(step, steps)
        span = rate - end
        return add(multiply(span, pow(1 - passed, exponent)), end, name=scope)


def _cycles(step: Tensor, decay_steps: Any) -> Tensor:
    """In which run through `decay_steps` a step is, counted from 1."""
    return cond(equal(step, 0), lambda: 1.0, lambda: ceil(step / decay_steps))  # type: ignore[no-any-return]


def _half_cosine(fraction: Any) -> Tensor:
    """From 1 at 0 down to 0 at 1."""
    return 0.5 * _raised_cosine(fraction)  # type: ignore[no-any-return]


def _raised_cosine(fraction: Any) -> Any:
    angle = constant(math.pi) * fraction
    return 1.0 + cos(angle)


def cosine_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None
) -> Any:
    """A rate that falls from `learning_rate` to `alpha * learning_rate` along half a cosine.

    Args:
        learning_rate, global_step: as of `exponential_decay`.
        decay_steps: the steps that it takes.
        alpha: the last rate as a part of the first.
        name: the name scope.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.cosine_decay(1.0, [0, 100, 200], 100, alpha=0.5)))
    [1.  0.5 0.5]
    """
    with name_scope(name or "CosineDecay"):
        rate = _rate(learning_rate)
        steps = cast(decay_steps, rate.dtype)
        step = minimum(cast(global_step, rate.dtype), steps)
        fallen = _half_cosine(step / steps)
        part = (1 - alpha) * fallen + alpha
        return multiply(rate, part)


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Any:
    """A rate that falls along half a cosine, again and again ("SGDR", Loshchilov and Hutter, 2016).

    Args:
        learning_rate, global_step, alpha: as of `cosine_decay`.
        first_decay_steps: the steps of the first fall.
        t_mul: how much longer each fall is than the one before.
        m_mul: how much higher each start is than the one before.
        name: the operation's name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.cosine_decay_restarts(1.0, 100, 100, m_mul=0.5)))
    0.5
    """
    with name_scope(name or "SGDRDecay") as scope:
        rate = _rate(learning_rate)
        steps = cast(first_decay_steps, rate.dtype)
        least = cast(alpha, rate.dtype)
        longer = cast(t_mul, rate.dtype)
        higher = cast(m_mul, rate.dtype)
        restart, fraction = _restarts(cast(global_step, rate.dtype) / steps, longer)
        height = 0.5 * higher**restart
        fallen = height * _raised_cosine(fraction)
        part = (1 - least) * fallen + least
        return multiply(rate, part, name=scope)


def _restarts(passed: Tensor, longer: Tensor) -> list[Tensor]:
    """How many falls are done, and which part of the present one; `passed` is in lengths of the first."""

    def even() -> tuple[Tensor, Tensor]:
        count = floor(passed)
        return count, passed - count

    def growing() -> tuple[Tensor, Tensor]:
        power = floor(log(1.0 - passed * (1.0 - longer)) / log(longer))
        total = (1.0 - longer**power) / (1.0 - longer)
        return power, (passed - total) / longer**power

    return cond(equal(longer, 1.0), even, growing)  # type: ignore[no-any-return]


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """`learning_rate * ((alpha + line) * wave + beta)`: a line to 0 in `decay_steps`, times a cosine.

    Args:
        learning_rate, global_step, decay_steps: as of `exponential_decay`.
        num_periods: how many periods the cosine, `0.5 * (1 + cos)`, has in these steps.
        alpha, beta: what is added to the line and to the product.
        name: the operation's name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.linear_cosine_decay(1.0, 100, 100, beta=0.25)))
    0.25
    """
    with name_scope(name or "LinearCosineDecay") as scope:
        rate = _rate(learning_rate)
        steps = cast(decay_steps, rate.dtype)
        parameters = [cast(value, rate.dtype) for value in (num_periods, alpha, beta)]
        step = minimum(cast(global_step, rate.dtype), steps)
        line = (steps - step) / steps
        return multiply(rate, _line_and_wave(step / steps, line, *parameters), name=scope)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Any:
    """`linear_cosine_decay` with normal noise added to the line.

    Args:
        initial_variance: the variance of the noise at step 0.
        variance_decay: it is divided by `(1 + step) ** variance_decay`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.train.noisy_linear_cosine_decay(1.0, 0, 100, initial_variance=0.0, beta=0.0)))
    1.0
    """
    with name_scope(name or "NoisyLinearCosineDecay") as scope:
        rate = _rate(learning_rate)
        steps = cast(decay_steps, rate.dtype)
        first = cast(initial_variance, rate.dtype)
        fall = cast(variance_decay, rate.dtype)
        parameters = [cast(value, rate.dtype) for value in (num_periods, alpha, beta)]
        step = minimum(cast(global_step, rate.dtype), steps)
        line = (steps - step) / steps
        deviation = sqrt(first / pow(1.0 + step, fall))
        line = line + random_normal(line.shape, stddev=deviation)
        return multiply(rate, _line_and_wave(step / steps, line, *parameters), name=scope)


def _line_and_wave(done: Tensor, line: Tensor, periods: Tensor, alpha: Tensor, beta: Tensor) -> Tensor:
    turns = 2.0 * periods * done
    wave = _half_cosine(turns)
    return (alpha + line) * wave + beta  # type: ignore[no-any-return]


def piecewise_constant(x: Any, boundaries: Any, values: Any, name: str | None = None) -> Any:
    """The first value up to and with the first boundary, the second from there to the second, and so on.

    Args:
        x: the step, a scalar number, tensor or variable.
        boundaries: n increasing numbers or tensors of the type of `x`.
        values: n + 1 numbers or tensors of one type.
        name: the name scope.

    Raises ValueError for boundaries or values of other types or numbers; the result fails with
    InvalidArgumentError when boundaries that are not known while building turn out not to increase.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     step = tf.placeholder(tf.int32, [])
    ...     rate = tf.train.piecewise_constant(step, [10, 20], [1.0, 0.5, 0.1])
    ...     print([float(sess.run(rate, {step: s})) for s in (10, 11, 21)])
    [1.0, 0.5, 0.10000000149011612]
    """
    limits = [convert_to_tensor(b) for b in boundaries]
    levels = [convert_to_tensor(v) for v in values]
    step = convert_to_tensor(x)
    limits = [_as_type_of(step, limit) for limit in limits]
    for level in levels[1:]:
        if level.dtype.base_dtype != levels[0].dtype.base_dtype:
            raise ValueError(
                "Values must have elements all with the same dtype "
                f"({levels[0].dtype.base_dtype} vs {level.dtype.base_dtype})."
            )
    if len(limits) != len(levels) - 1:
        raise ValueError("The length of boundaries should be 1 less than the length of values")
    with name_scope(name or "PiecewiseConstant"):
        first, last = step <= limits[0], step > limits[-1]
        cases = [(first, lambda: levels[0]), (last, lambda: levels[-1])]
        for low, high, level in zip(limits[:-1], limits[1:], levels[1:-1], strict=True):
            above = step > low
            cases.append((above & (step <= high), functools.partial(convert_to_tensor, level)))
        return case(cases, lambda: levels[0], exclusive=True)


def _as_type_of(step: Tensor, boundary: Tensor) -> Tensor:
    own, wanted = boundary.dtype.base_dtype, step.dtype.base_dtype
    if own == wanted:
        return boundary
    if own == dtypes.int32 and wanted == dtypes.int64:
        return cast(boundary, wanted)  # type: ignore[no-any-return]
    raise ValueError(f"Boundaries ({own}) must have the same dtype as x ({wanted}).")
