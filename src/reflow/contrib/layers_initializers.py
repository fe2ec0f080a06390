"""The initializers of `tf.contrib.layers`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.ops.random import random_uniform, truncated_normal

MODES = ("FAN_IN", "FAN_OUT", "FAN_AVG")


def xavier_initializer(
    uniform: bool = True, seed: int | None = None, dtype: dtypes.DType = dtypes.float32
) -> Callable[..., Any]:
    """An initializer that keeps the scale of gradients in all layers: variance `2 / (inputs + outputs)`,
    about.

    Values are uniform, or truncated normal with `uniform=False`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.get_variable("w", [3, 2], initializer=xavier_initializer())
    ...     w.initial_value.op.name
    'w/Initializer/random_uniform'
    """
    return variance_scaling_initializer(factor=1.0, mode="FAN_AVG", uniform=uniform, seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(
    factor: float = 2.0,
    mode: str = "FAN_IN",
    uniform: bool = False,
    seed: int | None = None,
    dtype: dtypes.DType = dtypes.float32,
) -> Callable[..., Any]:
    """An initializer of variance `factor / n` (1.3 times that before truncation, for normal values).

    n is the number of inputs ("FAN_IN"), of outputs ("FAN_OUT"), or the mean of both ("FAN_AVG"). Raises
    TypeError for another mode or a type that is not floating-point.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     variance_scaling_initializer()([3, 2]).op.name
    'truncated_normal'
    """
    dtype = dtypes.as_dtype(dtype)
    if not dtype.is_floating:
        raise TypeError("Cannot create initializer for non-floating point type.")
    if mode not in MODES:
        raise TypeError(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]")

    def initializer(shape: Any, dtype: dtypes.DType = dtype, partition_info: Any = None) -> Any:
        if not dtype.is_floating:
            raise TypeError("Cannot create initializer for non-floating point type.")
        spread = factor / _fan(shape, mode)
        if uniform:
            bound = math.sqrt(3.0 * spread)
            return random_uniform(shape, -bound, bound, dtype, seed=seed)
        return truncated_normal(shape, 0.0, math.sqrt(1.3 * spread), dtype, seed=seed)

    return initializer


def _fan(shape: Any, mode: str) -> float:
    """The n of `variance_scaling_initializer`: the last two axes are inputs and outputs, the others multiply
    both."""
    sizes = [float(d) for d in shape]
    field = math.prod(sizes[:-2])
    fan_in = (sizes[-2:] or [1.0])[0] * field
    fan_out = (sizes[-1:] or [1.0])[0] * field
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "FAN_AVG": (fan_in + fan_out) / 2.0}[mode]
