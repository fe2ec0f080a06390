"""`slim.model_analyzer`: how large a model is."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def tensor_description(var: Any) -> str:
    """Type and sizes of a tensor or variable.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tensor_description(tf.zeros([2, 3]))
    '(float32 2x3)'
    """
    sizes = "x".join("?" if n is None else str(n) for n in var.shape.as_list())
    return f"({var.dtype.name} {sizes})"


def _heading(title: str) -> None:
    print("---------")
    print(title)
    print("---------")


def analyze_ops(graph: Any, print_info: bool = False) -> int:
    """The number of elements of all outputs of a graph's operations, unknown sizes counting as none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     x = tf.zeros([2, 3])
    ...     tf.contrib.slim.model_analyzer.analyze_ops(graph)
    6
    """
    if print_info:
        _heading("Operations: name -> (type shapes) [size]")
    total = 0
    for op in graph.get_operations():
        size = sum(output.shape.num_elements() or 0 for output in op.outputs)
        total += size
        if print_info:
            shown = [tensor_description(output) for output in op.outputs if output.shape]
            print(op.name, "\t->", ", ".join(shown), f"[{size}]")
    return total


def analyze_vars(variables: Iterable[Any], print_info: bool = False) -> tuple[int, int]:
    """The number of elements of variables, and their bytes; `print_info` prints a line for each.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     w = tf.get_variable("w", [2, 3])
    ...     tf.contrib.slim.model_analyzer.analyze_vars([w])
    (6, 24)
    """
    if print_info:
        _heading("Variables: name (type shape) [size]")
    elements = octets = 0
    for var in variables:
        size = var.shape.num_elements() or 0
        elements, octets = elements + size, octets + size * var.dtype.size
        if print_info:
            print(var.name, tensor_description(var), f"[{size}, bytes: {size * var.dtype.size}]")
    if print_info:
        print(f"Total size of variables: {elements}")
        print(f"Total bytes of variables: {octets}")
    return elements, octets
