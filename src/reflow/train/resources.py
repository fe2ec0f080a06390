"""The graph's collections of resources that must be initialized: objects other than variables and tables."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

from reflow.base import dtypes
from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    constant,
    device,
    emit,
    get_collection,
    name_scope,
)
from reflow.ops.control import group, no_op
from reflow.ops.masks import boolean_mask

REPORTING_DEVICE = "TF_DEVICE_FOR_UNINITIALIZED_VARIABLE_REPORTING"


class Resource(NamedTuple):
    """A resource: its handle, the operation that makes it, and a boolean scalar: whether it is there."""

    handle: Any
    create: Any
    is_initialized: Any


def register_resource(handle: Any, create_op: Any, is_initialized_op: Any, is_shared: bool = True) -> None:
    """Enter a resource in the graph's collection of shared resources, or of local ones.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     register_resource(tf.constant(1), tf.no_op(), tf.constant(True))
    ...     len(shared_resources()), len(local_resources())
    (1, 0)
    """
    key = GraphKeys.RESOURCES if is_shared else GraphKeys.LOCAL_RESOURCES
    add_to_collection(key, Resource(handle, create_op, is_initialized_op))


def shared_resources() -> list[Any]:
    """The shared resources of the default graph."""
    return get_collection(GraphKeys.RESOURCES)


def local_resources() -> list[Any]:
    """The local resources of the default graph."""
    return get_collection(GraphKeys.LOCAL_RESOURCES)


def report_uninitialized_resources(
    resource_list: Sequence[Any] | None = None, name: str = "report_uninitialized_resources"
) -> Any:
    """The names of the resources (all, or those of the list) that are not there yet: a string vector.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     register_resource(tf.constant(1, name="r"), tf.no_op(), tf.constant(False))
    ...     print(sess.run(report_uninitialized_resources()))
    [b'r:0']
    """
    if resource_list is None:
        resource_list = shared_resources() + local_resources()
    with name_scope(name), device(os.environ.get(REPORTING_DEVICE, "/cpu:0")):
        if not resource_list:
            return constant([], dtype=dtypes.string)
        missing = emit("LogicalNot", emit("Pack", [r.is_initialized for r in resource_list], name="stack"))
        return boolean_mask(constant([r.handle.name for r in resource_list]), missing)


def initialize_resources(resource_list: Sequence[Any], name: str = "init") -> Any:
    """An operation that makes the resources of the list.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     initialize_resources([]).type
    'NoOp'
    """
    if not resource_list:
        return no_op(name=name)
    return group(*[r.create for r in resource_list], name=name)
