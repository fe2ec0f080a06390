"""`tf.contrib.framework`'s variables, and how the layers of `tf.contrib.layers` make theirs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.contrib.arg_scopes import add_arg_scope
from reflow.graph.graph import GraphKeys
from reflow.graph.graph import device as on_device
from reflow.model.modes import VariableAggregation, VariableSynchronization
from reflow.model.scope_state import get_variable_scope
from reflow.model.variable_scope import get_variable

AUTO, NONE = VariableSynchronization.AUTO, VariableAggregation.NONE


@add_arg_scope
def variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = AUTO,
    aggregation: Any = NONE,
) -> Any:
    """`tf.get_variable` whose arguments an `arg_scope` may set.

    Args:
        name, shape, dtype, initializer, regularizer, trainable, caching_device, partitioner, use_resource,
            synchronization, aggregation: as of `tf.get_variable`.
        collections: the collections it goes into; the global variables when None.
        device: the device.
        custom_getter: a function to call in place of `tf.get_variable`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.framework.variable("w", shape=[2, 3]).name
    'w:0'
    """
    wanted = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
    getter: Callable[..., Any] = get_variable
    if custom_getter is not None:
        getter = functools.partial(custom_getter, reuse=get_variable_scope().reuse)
    with on_device(device or ""):
        return getter(
            name,
            shape=shape,
            dtype=dtype,
            initializer=initializer,
            regularizer=regularizer,
            trainable=trainable,
            collections=list(dict.fromkeys(wanted)),
            caching_device=caching_device,
            partitioner=partitioner,
            use_resource=use_resource,
            synchronization=synchronization,
            aggregation=aggregation,
        )


@add_arg_scope
def model_variable(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: bool | None = None,
    synchronization: Any = AUTO,
    aggregation: Any = NONE,
) -> Any:
    """A `variable` that is a model's own: it is in the collection MODEL_VARIABLES too.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.contrib.framework.model_variable("w", shape=[2, 3])
    ...     [v.name for v in tf.contrib.framework.get_model_variables()]
    ['w:0']
    """
    return variable(
        name,
        shape=shape,
        dtype=dtype,
        initializer=initializer,
        regularizer=regularizer,
        trainable=trainable,
        collections=[*(collections or []), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES],
        caching_device=caching_device,
        device=device,
        partitioner=partitioner,
        custom_getter=custom_getter,
        use_resource=use_resource,
        synchronization=synchronization,
        aggregation=aggregation,
    )


# What a getter of variables hands on; the rest (reuse, validate_shape ...) is its own affair.
HANDED_ON = (
    "shape",
    "dtype",
    "initializer",
    "regularizer",
    "collections",
    "trainable",
    "caching_device",
    "partitioner",
    "use_resource",
    "synchronization",
    "aggregation",
)


def getter_of_model_variables(rename: dict[str, str] | None = None) -> Callable[..., Any]:
    """A custom getter by which the layers of `tf.layers` make model variables, some under other names.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     getter = getter_of_model_variables({"kernel": "weights"})
    ...     with tf.variable_scope("net", custom_getter=getter):
    ...         tf.get_variable("kernel", [2]).name
    'net/weights:0'
    """

    def get(getter: Callable[..., Any], name: str, **settings: Any) -> Any:
        *scope, short = name.split("/")
        renamed = "/".join([*scope, (rename or {}).get(short, short)])
        handed = {key: settings[key] for key in HANDED_ON if key in settings}
        return model_variable(renamed, custom_getter=getter, **handed)

    return get
