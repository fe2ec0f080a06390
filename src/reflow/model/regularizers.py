"""Regularizers: functions of a weight that add the nodes of a loss, which keeps the weight small.

`l1_regularizer` and its like are those of `tf.contrib.layers`, `l1`, `l2` and `l1_l2` those of
`tf.keras.regularizers`.
"""

from __future__ import annotations

import logging
import numbers
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    constant,
    convert_to_tensor,
    emit,
    get_collection,
    name_scope,
)
from reflow.ops.arithmetic import add_n
from reflow.ops.blocks import reduce

_log = logging.getLogger("tensorflow")
Penalty = Callable[..., Any]


def _check_scale(scale: Any, name: str = "scale") -> bool:
    """Whether `scale` calls for a penalty. ValueError for integers (a mistaken rank, as a rule) and negative
    numbers."""
    if isinstance(scale, numbers.Integral):
        raise ValueError(f"{name} cannot be an integer: {scale}")
    if isinstance(scale, numbers.Real) and scale < 0.0:
        raise ValueError(f"Setting a scale less than 0 on a regularizer: {scale:g}")
    if isinstance(scale, numbers.Real) and scale == 0.0:
        _log.info("Scale of 0 disables regularizer.")
        return False
    return True


def _no_penalty(_: Any) -> None:
    return None


def _all_summed(tensor: Any) -> Any:
    return reduce("Sum", tensor)


def l1_regularizer(scale: Any, scope: str | None = None) -> Penalty:
    """A regularizer: `scale` times the sum of absolute values. With `scale` 0.0 it adds nothing.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(l1_regularizer(0.5)(tf.constant([1.0, -3.0]))))
    2.0
    """
    if not _check_scale(scale):
        return _no_penalty

    def l1(weights: Any, name: str | None = None) -> Any:
        with name_scope(scope, "l1_regularizer", [weights]) as scope_name:
            factor = convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return emit("Mul", factor, _all_summed(emit("Abs", weights)), name=scope_name)

    return l1


def l2_regularizer(scale: Any, scope: str | None = None) -> Penalty:
    """A regularizer: `scale` times half the sum of squares. With `scale` 0.0 it adds nothing.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(l2_regularizer(0.5)(tf.constant([1.0, -3.0]))))
    2.5
    """
    if not _check_scale(scale):
        return _no_penalty

    def l2(weights: Any) -> Any:
        with name_scope(scope, "l2_regularizer", [weights]) as scope_name:
            factor = convert_to_tensor(scale, dtype=weights.dtype.base_dtype, name="scale")
            return emit("Mul", factor, emit("L2Loss", weights), name=scope_name)

    return l2


def l1_l2_regularizer(scale_l1: Any = 1.0, scale_l2: Any = 1.0, scope: str | None = None) -> Penalty:
    """The sum of `l1_regularizer(scale_l1)` and `l2_regularizer(scale_l2)`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(l1_l2_regularizer(0.5, 0.5)(tf.constant([1.0, -3.0]))))
    4.5
    """
    for name, scale in (("scale_l1", scale_l1), ("scale_l2", scale_l2)):
        if isinstance(scale, numbers.Integral):
            raise ValueError(f"{name} cannot be an integer: {scale}")
    scope = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, scope)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, scope)
    both: Any = sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope=scope)
    return both  # type: ignore[no-any-return]


def sum_regularizer(regularizer_list: Any, scope: str | None = None) -> Penalty | None:
    """The sum of several regularizers, of which some may be None; None if all are.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     both = sum_regularizer([l1_regularizer(1.0), None, l2_regularizer(1.0)])
    ...     print(sess.run(both(tf.constant([2.0]))))
    4.0
    """
    regularizers = [r for r in regularizer_list if r is not None]
    if not regularizers:
        return None

    def summed(weights: Any) -> Any:
        with name_scope(scope, "sum_regularizer", [weights]) as scope_name:
            penalties = [p for p in (r(weights) for r in regularizers) if p is not None]
            return add_n(penalties, name=scope_name) if penalties else None

    return summed


def apply_regularization(regularizer: Penalty, weights_list: Any = None) -> Any:
    """The sum of `regularizer` over weights, which is also added to the collection of regularization losses.

    `weights_list` is by default the collection `GraphKeys.WEIGHTS`. Raises ValueError if it is empty, or if a
    penalty is not a scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     total = apply_regularization(l2_regularizer(1.0), [tf.constant([2.0]), tf.constant([4.0])])
    ...     print(sess.run(total), tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == [total])
    10.0 True
    """
    weights = weights_list or get_collection(GraphKeys.WEIGHTS)
    if not weights:
        raise ValueError("No weights to regularize.")
    with name_scope("get_regularization_penalty", values=weights) as scope:
        penalties = [regularizer(w) for w in weights]
        penalties = [constant(0.0) if p is None else p for p in penalties]
        for penalty in penalties:
            if penalty.get_shape().ndims != 0:
                raise ValueError(
                    "regularizer must return a scalar Tensor instead of a Tensor with rank "
                    f"{penalty.get_shape().ndims}."
                )
        total = add_n(penalties, name=scope)
    add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total


class Regularizer:
    """What Keras's regularizers are: called with a weight, they return a loss."""

    def __call__(self, x: Any) -> Any:
        return 0.0

    def get_config(self) -> dict[str, Any]:
        """The settings, as `from_config` takes them."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """A regularizer with the settings of `config`."""
        return cls(**config)


class L1L2(Regularizer):
    """`l1` times the sum of absolute values plus `l2` times the sum of squares.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(L1L2(l1=0.5, l2=0.5)(tf.constant([1.0, -3.0]))))
    7.0
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = np.float32(l1)
        self.l2 = np.float32(l2)

    def __call__(self, x: Any) -> Any:
        if not self.l1 and not self.l2:
            return constant(0.0)
        penalty: Any = 0.0
        if self.l1:
            penalty = penalty + float(self.l1) * _all_summed(emit("Abs", x))
        if self.l2:
            penalty = penalty + float(self.l2) * _all_summed(emit("Square", x))
        return penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": float(self.l1), "l2": float(self.l2)}


def l1(l: float = 0.01) -> L1L2:  # noqa: E741  (Keras's name)
    """Keras's regularizer by absolute values.

    >>> l1(0.5).get_config()
    {'l1': 0.5, 'l2': 0.0}
    """
    return L1L2(l1=l)


def l2(l: float = 0.01) -> L1L2:  # noqa: E741  (Keras's name)
    """Keras's regularizer by squares.

    >>> l2(0.5).get_config()
    {'l1': 0.0, 'l2': 0.5}
    """
    return L1L2(l2=l)


def l1_l2(l1: float = 0.01, l2: float = 0.01) -> L1L2:
    """Keras's regularizer by absolute values and squares.

    >>> l1_l2(0.5, 0.25).get_config()
    {'l1': 0.5, 'l2': 0.25}
    """
    return L1L2(l1=l1, l2=l2)


def get(identifier: Any) -> Any:
    """Keras's regularizer by name ("l1", "l2", "l1_l2"), by configuration, or itself. ValueError for anything
    else.

    >>> get("l2").get_config()["l1"]
    0.0
    """
    known: dict[str, Callable[..., Any]] = {"l1": l1, "l2": l2, "l1_l2": l1_l2, "L1L2": L1L2}
    if identifier is None or callable(identifier):
        return identifier
    if isinstance(identifier, dict) and identifier.get("class_name") in known:
        return known[identifier["class_name"]](**identifier.get("config", {}))
    if isinstance(identifier, str) and identifier in known:
        return known[identifier]()
    raise ValueError("Could not interpret regularizer identifier:", identifier)
