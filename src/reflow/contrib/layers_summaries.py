"""Summaries of variables and activations, by collection."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import GraphKeys, get_collection
from reflow.ops.casting import cast, to_float
from reflow.ops.comparison import greater, less
from reflow.ops.reduction import reduce_mean
from reflow.ops.summary import histogram, scalar


def _share(wrong: Any, tag: str) -> None:
    scalar(tag, reduce_mean(to_float(wrong)))


def summarize_activation(op: Any) -> Any:
    """A histogram of a tensor; of a ReLU or softplus the share of inputs below zero too.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.summarize_activation(tf.nn.relu(tf.zeros([2]))).op.name
    'Relu/activation'
    """
    name, kind = op.op.name, op.op.type
    if kind in ("Relu", "Softplus", "Relu6"):
        inputs = op.op.inputs[0]
        _share(less(inputs, cast(0.0, inputs.dtype)), f"{name}/zeros")
    if kind == "Relu6":
        inputs = op.op.inputs[0]
        _share(greater(inputs, cast(6.0, inputs.dtype)), f"{name}/sixes")
    return histogram(f"{name}/activation", op)


def summarize_tensor(tensor: Any, tag: str | None = None) -> Any:
    """A summary of a tensor: its value when it is a scalar, else a histogram; None for strings and bools.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.summarize_tensor(tf.zeros([], name="x")).op.name
    'x_summary'
    """
    if tensor.dtype.base_dtype in (dtypes.string, dtypes.bool):
        return None
    tag = tag or f"{tensor.op.name}_summary"
    return scalar(tag, tensor) if tensor.shape.ndims == 0 else histogram(tag, tensor)


def summarize_tensors(
    tensors: Iterable[Any], summarizer: Callable[[Any], Any] = summarize_tensor
) -> list[Any]:
    """A summary of each tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     [s.op.name for s in tf.contrib.layers.summarize_tensors([tf.zeros([2], name="x")])]
    ['x_summary']
    """
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(
    collection: str, name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_tensor
) -> list[Any]:
    """A summary of each tensor of a collection whose operation's name begins as the pattern `name_filter`
    says.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.add_to_collection("mine", tf.zeros([2], name="x"))
    ...     [s.op.name for s in tf.contrib.layers.summarize_collection("mine")]
    ['x_summary']
    """
    found = get_collection(collection)
    named = [t for t in found if name_filter is None or re.match(name_filter, t.op.name)]
    return summarize_tensors(named, summarizer)


summarize_variables = functools.partial(summarize_collection, GraphKeys.GLOBAL_VARIABLES)
summarize_weights = functools.partial(summarize_collection, GraphKeys.WEIGHTS)
summarize_biases = functools.partial(summarize_collection, GraphKeys.BIASES)


def summarize_activations(
    name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_activation
) -> list[Any]:
    """A summary of each tensor of the collection ACTIVATIONS.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.summarize_activations()
    []
    """
    return summarize_collection(GraphKeys.ACTIVATIONS, name_filter, summarizer)
