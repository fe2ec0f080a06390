"""`einsum` as TensorFlow 1 has it: products of batches of matrices, between transpositions and reshapes."""

from __future__ import annotations

import logging
import re
import string
from typing import Any

from reflow.graph.graph import emit, name_scope
from reflow.ops import blocks
from reflow.ops.linalg import matmul, trace

_EQUATION = re.compile(r"^([a-zA-Z,.]+)(->[a-zA-Z.]*)?$")


def einsum(equation: str, *inputs: Any, **kwargs: Any) -> Any:
    """A sum of products of elements, in Einstein's notation: "ij,jk->ik" is the product of two matrices.

    Args:
        equation: a letter for each axis of each input, with commas between the inputs; then, optionally, "->"
            and those of the output (else the letters that occur once, in alphabetical order). "..." stands
            for the axes that have no letters.
        *inputs: tensors of one type.
        name: names the scope.

    Raises:
        ValueError: the equation has another form, does not fit the inputs' ranks, or has a letter twice in
            one input.
        TypeError: for another keyword argument.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.einsum("i,j->ij", tf.constant([1, 2]), tf.constant([3, 4]))))
    [[3 4]
     [6 8]]
    """
    name = kwargs.pop("name", None)
    if kwargs:
        raise TypeError("invalid keyword arguments for this function: " + ", ".join(sorted(kwargs)))
    with name_scope(name, "einsum", [equation, list(inputs)]):
        labels, output = _parsed(equation, [x.get_shape() for x in inputs])
        if len(labels) == 1 and "->" not in equation and _is_trace(labels[0]):
            return trace(inputs[0])
        for own in labels:
            if len(set(own)) < len(own):
                raise ValueError(f"Subscript not supported: an axis appears more than once: {own}")
        for letter in sorted(set("".join(labels)) - set(output)):
            if sum(letter in own for own in labels) > 2:
                logging.getLogger("tensorflow").warning(
                    'einsum multiplies all inputs at once because index "%s" is summed over more than two.',
                    letter,
                )
                return _all_at_once(labels, output, list(inputs))
        return _step_by_step(equation, labels, output, list(inputs))


def _is_trace(labels: str) -> bool:
    """Whether the labels read the same backwards and one occurs twice: "ii"."""
    return labels == labels[::-1] and any(labels.count(c) == 2 for c in labels)


# Reading the equation


def _parsed(equation: str, shapes: list[Any]) -> tuple[list[str], str]:
    """The letters of each input, and of the output, without ellipses."""
    equation = equation.replace(" ", "")
    match = _EQUATION.match(equation)
    if not match:
        raise ValueError(f"Indices have incorrect format: {equation}")
    labels = match.group(1).split(",")
    output = match.group(2)[2:] if match.group(2) else None
    if len(shapes) != len(labels):
        raise ValueError(f'Got {len(shapes)} arguments for equation "{equation}", expecting {len(labels)}')
    wildcard = ""
    if "..." in equation:
        labels, wildcard = _without_ellipses(labels, shapes)
        if output is not None:
            output = output.replace("...", wildcard)
    if any("." in each for each in [*labels, output or ""]):
        raise ValueError('period "." found outside of ellipsis')
    if output is None:
        output = wildcard + _once(labels, wildcard)
    return labels, output


def _without_ellipses(labels: list[str], shapes: list[Any]) -> tuple[list[str], str]:
    """Labels with unused letters in place of each "...", and the longest such row of letters."""
    unused = "".join(c for c in string.ascii_letters if c not in "".join(labels))
    found, longest = [], ""
    for own, shape in zip(labels, shapes, strict=True):
        if "..." in own:
            count = _ellipsis_length(own, shape)
            if count > len(unused):
                raise ValueError("Unable to resolve ellipsis, too many distinct labels.")
            letters = unused[-count:] if count else ""
            own = own.replace("...", letters)
            longest = max(longest, letters, key=len)
        found.append(own)
    return found, longest


def _ellipsis_length(labels: str, shape: Any) -> int:
    parts = labels.split("...")
    if len(parts) != 2:
        raise ValueError("Unable to resolve ellipsis. Excess number found.")
    if shape.ndims is None:
        raise ValueError("Unable to statically infer ellipsis axes.")
    count = shape.ndims - len("".join(parts))
    if count < 0:
        raise ValueError("Ellipses lengths do not match.")
    return int(count)


def _once(labels: list[str], wildcard: str) -> str:
    """The letters that occur once, sorted."""
    letters = "".join(labels)
    return "".join(sorted(c for c in set(letters) - set(wildcard) if letters.count(c) == 1))


# One input after the other


def _step_by_step(equation: str, labels: list[str], output: str, inputs: list[Any]) -> Any:
    result, own = inputs[0], labels[0]
    for x, letters in zip(inputs[1:], labels[1:], strict=True):
        result, own = _contracted(result, own, x, letters, output)
    summed = [i for i, c in enumerate(own) if c not in output]
    if summed:
        result = blocks.reduce("Sum", result, summed)
        own = "".join(c for c in own if c in output)
    if sorted(own) != sorted(output):
        raise ValueError(f"Invalid equation: {equation}")
    return _transposed(result, [own.index(c) for c in output])


def _contracted(x: Any, x_labels: str, y: Any, y_labels: str, output: str) -> tuple[Any, str]:
    """The product of two tensors, summed over what both have and the output has not; and its letters."""
    for which, tensor, letters in (("t0", x, x_labels), ("t1", y, y_labels)):
        if len(tensor.get_shape()) != len(letters):
            raise ValueError(
                f"Tensor {which} of rank {len(tensor.get_shape())} does not match "
                f"einsum reduction of length {len(letters)}"
            )
    both = set(x_labels) & set(y_labels)
    summed = both - set(output)
    batch = sorted(both - summed)
    inner = sorted(summed)
    x_free = sorted(set(x_labels) - both)
    y_free = sorted(set(y_labels) - both)
    x = _transposed(x, [x_labels.find(c) for c in batch + x_free + inner])
    y = _transposed(y, [y_labels.find(c) for c in batch + inner + y_free])
    letters = "".join(batch + x_free + y_free)
    if not summed:
        return _outer(x, y, len(batch), len(x_free), len(y_free)), letters
    return _batch_product(x, y, len(batch), len(x_free), len(inner)), letters


def _outer(x: Any, y: Any, batch: int, x_free: int, y_free: int) -> Any:
    """The product of each element of `x` and each of `y` in a batch."""
    for _ in range(y_free):
        x = blocks.expand_dims(x, -1)
    for _ in range(x_free):
        y = blocks.expand_dims(y, batch)
    return emit("Mul", x, y)


def _batch_product(x: Any, y: Any, batch: int, x_free: int, inner: int) -> Any:
    """The matrix products of a batch, free and summed axes being joined to one each."""
    x_sizes = _sizes(x)
    rows, depth = _total(x_sizes[batch:-inner]), _total(x_sizes[-inner:])
    x = _reshaped(x, [*x_sizes[:batch], rows, depth])
    y_sizes = _sizes(y)
    columns = _total(y_sizes[batch + inner :])
    y = _reshaped(y, [*y_sizes[:batch], depth, columns])
    return _reshaped(matmul(x, y), x_sizes[: batch + x_free] + y_sizes[batch + inner :])


def _sizes(x: Any) -> list[Any]:
    """The sizes of the axes: numbers, or scalars for those that are not known."""
    sizes = x.get_shape().as_list()
    if None in sizes:
        shape = blocks.shape_of(x)
        sizes = [shape[i] if d is None else d for i, d in enumerate(sizes)]
    return sizes  # type: ignore[no-any-return]


def _total(sizes: list[Any]) -> Any:
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


def _transposed(x: Any, perm: list[int]) -> Any:
    return x if perm == list(range(len(perm))) else blocks.transpose(x, perm)


def _reshaped(x: Any, shape: list[Any]) -> Any:
    """`x` in the shape, or `x` itself when it is known to be in it."""
    current = x.get_shape().as_list()
    known = [d for d in shape if isinstance(d, int)]
    if len(known) == len(shape) == len(current) and all(a == b for a, b in zip(current, known, strict=True)):
        return x
    return blocks.reshape(x, tuple(shape))


# All at once: when an index is summed over more than two inputs


def _all_at_once(labels: list[str], output: str, inputs: list[Any]) -> Any:
    """All inputs broadcast against each other, multiplied, and summed: takes memory for every index."""
    letters = set("".join(labels))
    order = sorted(letters - set(output)) + list(output)
    spread = [_spread(i, x, own, order) for i, (x, own) in enumerate(zip(inputs, labels, strict=True))]
    for axis, letter in enumerate(order):
        sizes = {shape[axis] for _, shape in spread if shape[axis] > 1}
        if len(sizes) > 1:
            raise ValueError(f"Dimension mismatch on axis: {letter}")
    product: Any = 1
    for x in [blocks.reshape(x, shape) for x, shape in spread]:
        product = product * x
    return blocks.reduce("Sum", product, [i for i, c in enumerate(order) if c not in output])


def _spread(number: int, x: Any, labels: str, order: list[str]) -> tuple[Any, list[int]]:
    """`x` with its axes in the common order, and its shape with a 1 for each letter it has not."""
    rank = x.get_shape().ndims
    if rank != len(labels):
        raise ValueError(
            f"Input {number} with axes {labels} has incorrect number of dimensions "
            f"(expected {len(labels)}, got {rank})"
        )
    wanted = sorted(labels, key=order.index)
    if list(labels) != wanted:
        x = blocks.transpose(x, [labels.find(c) for c in wanted])
    sizes = iter(x.get_shape().as_list())
    return x, [(next(sizes) or -1) if c in labels else 1 for c in order]
