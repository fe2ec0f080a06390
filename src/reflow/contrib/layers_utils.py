"""What the layer functions of `tf.contrib.layers` share: collections, aliases of outputs, checks of sizes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from reflow.base.shape import as_shape
from reflow.graph.constant import constant_value as folded_value
from reflow.graph.graph import (
    Tensor,
    add_to_collection,
    add_to_collections,
    get_collection,
    get_default_graph,
)
from reflow.model.partitioned import PartitionedVariable
from reflow.model.variable_base import Variable
from reflow.ops.control_flow import cond


class NamedOutputs(NamedTuple):
    """The outputs of a layer, with its name."""

    name: str
    outputs: Any


def append_tensor_alias(tensor: Any, alias: str) -> Any:
    """Give a tensor another name, by which `convert_collection_to_dict` shows it.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     append_tensor_alias(tf.zeros([]), "net/conv1/").aliases
    ['net/conv1']
    """
    alias = alias.removesuffix("/")
    tensor.aliases = [*getattr(tensor, "aliases", ()), alias]
    return tensor


def get_tensor_aliases(tensor: Any) -> list[str]:
    """The names that a tensor was given, or else its own.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     get_tensor_aliases(tf.zeros([], name="x"))
    ['x']
    """
    if hasattr(tensor, "aliases"):
        return list(tensor.aliases)
    return [tensor.op.name if tensor.name.endswith(":0") else tensor.name]


def gather_tensors_aliases(tensors: Sequence[Any]) -> list[str]:
    """The names of several tensors.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     gather_tensors_aliases([tf.zeros([], name="x"), tf.zeros([], name="y")])
    ['x', 'y']
    """
    return [alias for tensor in tensors for alias in get_tensor_aliases(tensor)]


def collect_named_outputs(collections: Any, alias: str, outputs: Any) -> Any:
    """Put the outputs of a layer into collections, under the name `alias`; gives them back.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = collect_named_outputs("ends", "net/conv1", tf.zeros([]))
    ...     list(convert_collection_to_dict("ends"))
    ['net/conv1']
    """
    if collections:
        append_tensor_alias(outputs, alias)
        add_to_collections(collections, outputs)
    return outputs


def convert_collection_to_dict(collection: str, clear_collection: bool = False) -> dict[str, Any]:
    """The tensors of a collection by their names, in order; `clear_collection` empties it.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.contrib.layers.fully_connected(tf.zeros([2, 3]), 4, outputs_collections="ends", scope="fc")
    ...     list(convert_collection_to_dict("ends"))
    ['fc']
    """
    tensors = get_collection(collection)
    output = {alias: tensor for tensor in tensors for alias in get_tensor_aliases(tensor)}
    if clear_collection:
        get_default_graph().clear_collection(collection)
    return output


def constant_value(value_or_tensor_or_var: Any, dtype: Any = None) -> Any:
    """The value of a Python value or a constant tensor; None when only a run tells it.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     constant_value(True), constant_value(tf.placeholder(tf.bool, []))
    (True, None)
    """
    value = value_or_tensor_or_var
    if value is None:
        raise ValueError("value_or_tensor_or_var cannot be None")
    if not isinstance(value, (Tensor, Variable)):
        return value
    if dtype and value.dtype != dtype:
        raise ValueError(f"It has the wrong type {value.dtype} instead of {dtype}")
    return None if isinstance(value, Variable) else folded_value(value)


def static_cond(pred: Any, fn1: Callable[[], Any], fn2: Callable[[], Any]) -> Any:
    """`fn1()` or `fn2()`, by a Python value.

    >>> static_cond(True, lambda: "yes", lambda: "no")
    'yes'
    """
    for name, function in (("fn1", fn1), ("fn2", fn2)):
        if not callable(function):
            raise TypeError(f"{name} must be callable.")
    return fn1() if pred else fn2()


def smart_cond(pred: Any, fn1: Callable[[], Any], fn2: Callable[[], Any], name: str | None = None) -> Any:
    """`tf.cond`, but only one branch is built when `pred` is known.

    >>> smart_cond(False, lambda: "yes", lambda: "no")
    'no'
    """
    value = constant_value(pred)
    return cond(pred, fn1, fn2, name=name) if value is None else static_cond(value, fn1, fn2)


def get_variable_collections(variables_collections: Any, name: str) -> Any:
    """The collections for a variable: of a dict those under its name, else all.

    >>> get_variable_collections({"weights": ["decayed"]}, "weights")
    ['decayed']
    """
    if isinstance(variables_collections, dict):
        return variables_collections.get(name, None)
    return variables_collections


def add_variable_to_collections(variable: Any, variables_collections: Any, name: str) -> None:
    """Put a variable (or its parts) into the collections for its name, once.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     add_variable_to_collections(tf.Variable(1.0, name="w"), {"weights": ["mine"]}, "weights")
    ...     [v.name for v in tf.get_collection("mine")]
    ['w:0']
    """
    parts = list(variable) if isinstance(variable, PartitionedVariable) else [variable]
    for collection in get_variable_collections(variables_collections, name) or []:
        known = set(map(id, get_collection(collection)))
        for part in parts:
            if id(part) not in known:
                add_to_collection(collection, part)


def _dimension(shape: Any, axis: int, min_rank: int) -> int:
    sizes = as_shape(shape)
    if sizes.ndims is None:
        raise ValueError("dims of shape must be known but is None")
    if sizes.ndims < min_rank:
        raise ValueError(f"rank of shape must be at least {min_rank} not: {sizes.ndims}")
    value = sizes.as_list()[axis]
    if value is None:
        raise ValueError(f"dimension {axis} of shape must be known but is None: {sizes}")
    return int(value)


def channel_dimension(shape: Any, data_format: str, min_rank: int = 1) -> int:
    """The number of channels of a shape, for "channels_first" or "channels_last".

    >>> channel_dimension([2, 5, 5, 3], "channels_last")
    3
    """
    return _dimension(shape, 1 if data_format == "channels_first" else -1, min_rank)


def last_dimension(shape: Any, min_rank: int = 1) -> int:
    """The last size of a shape; ValueError when it is not known.

    >>> last_dimension([None, 5])
    5
    """
    return _dimension(shape, -1, min_rank)


def two_element_tuple(int_or_tuple: Any) -> tuple[int, int]:
    """Two sizes, from one number or two.

    >>> two_element_tuple(3)
    (3, 3)
    """
    if isinstance(int_or_tuple, int):
        return int_or_tuple, int_or_tuple
    if not hasattr(int_or_tuple, "__len__"):
        raise ValueError(
            f"Must be an int, a list with 2 elements or a TensorShape of length 2: {int_or_tuple}"
        )
    if len(int_or_tuple) != 2:
        raise ValueError(f"Must be a list with 2 elements: {int_or_tuple}")
    first, second = int_or_tuple
    return int(first), int(second)


def n_positive_integers(n: int, value: Any) -> tuple[int, ...]:
    """`n` sizes, from one number or `n`; ValueError unless all are positive.

    >>> n_positive_integers(3, 2)
    (2, 2, 2)
    """
    if int(n) != n or n < 1:
        raise ValueError("n must be a positive integer")
    try:
        values = tuple(int(v) for v in value) if hasattr(value, "__len__") else (int(value),) * n
    except (TypeError, ValueError):
        raise ValueError(f"Expected sequence of {n} positive integers, but received {value!r}") from None
    if len(values) != n:
        raise ValueError(f"Expected sequence of {n} positive integers, but received {value!r}")
    for each in values:
        if each < 1:
            raise ValueError(f"expected positive integer, but received {each}")
    return values
