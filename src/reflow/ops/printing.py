"""Printing values while a graph runs: tf.print, tf.Print, tf.strings.format."""

from __future__ import annotations

import os
import pprint
import random
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph import shapes
from reflow.graph.composite import SparseTensor
from reflow.graph.conversion import is_tensor_like
from reflow.graph.graph import Operation, Tensor, emit
from reflow.graph.registry import op
from reflow.ops.summarize import summarize as summary
from reflow.ops.summarize import summarize_ends
from reflow.platform import logging, nest

_LOG_LEVELS: dict[str, tuple[Any, ...]] = {  # the level first, then the functions
    "log(info)": (logging.INFO, logging.info),
    "log(warning)": (logging.WARN, logging.warning, logging.warn),
    "log(error)": (logging.ERROR, logging.error),
}


def _print_host(
    ctx: Any, printed: np.ndarray, value: Any, *data: Any, message: str, first_n: int, summarize: int
) -> tuple[np.ndarray, Any]:
    if first_n < 0 or printed < first_n:
        shown = "".join(f"[{summary(np.asarray(d), summarize)}]" for d in data)
        sys.stderr.write(f"{message}{shown}\n")
    return printed + 1, value


def _print_gradient(node: Operation, grad: Any) -> list[Any]:
    return [grad, *[None] * (len(node.inputs) - 1)]


@op(
    "Print",
    shape=shapes.unchanged,
    host=_print_host,
    gradient=_print_gradient,
    state=lambda attrs: np.array(0, np.int64),
)
def Print(  # noqa: N802
    input_: Any,
    data: Any,
    message: str | None = None,
    first_n: int | None = None,
    summarize: int | None = None,
    name: str | None = None,
) -> Tensor:
    """`input_`, whose evaluation writes `data` to the standard error stream.

    Args:
        input_: the tensor to pass on.
        data: a list of tensors and values to write.
        message: a text to write first.
        first_n: how many times to write; always by default.
        summarize: how many elements of each item to write, 3 by default, -1 for all.

    >>> import contextlib, sys
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess, contextlib.redirect_stderr(sys.stdout):
    ...     x = tf.constant([1.0, 2.0])
    ...     y = sess.run(tf.Print(x, [x, x.shape], "x: "))
    x: [1 2][2]
    """
    return emit(  # type: ignore[no-any-return]
        "Print", input_, data, message=message, first_n=first_n, summarize=summarize, name=name
    )


def _format_host(ctx: Any, *inputs: Any, template: str, placeholder: str, summarize: int) -> np.ndarray:
    first, *rest = template.split(placeholder)
    parts = (f"{summarize_ends(x, summarize)}{text}" for x, text in zip(inputs, rest, strict=True))
    return np.array((first + "".join(parts)).encode("utf-8", "surrogateescape"), object)


@op("StringFormat", shape=shapes.scalar, host=_format_host, gradient=None)
def string_format(
    template: str, inputs: Any, placeholder: str = "{}", summarize: int = 3, name: str | None = None
) -> Tensor:
    """`template` with each placeholder replaced by the text of a tensor, a scalar string tensor.

    Args:
        template: the text.
        inputs: a tensor, or a list with one for each placeholder.
        placeholder: what to replace.
        summarize: how many entries to show at both ends of each axis, -1 for all.

    Raises ValueError when the numbers of placeholders and tensors differ.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.format("x = {}!", tf.constant([1, 2]))))
    b'x = [1 2]!'
    """
    tensors = [inputs] if is_tensor_like(inputs) else list(inputs)
    if template.count(placeholder) != len(tensors):
        raise ValueError(
            f"{template.count(placeholder)} placeholder(s) in template does not match "
            f"{len(tensors)} tensor(s) provided as input"
        )
    return emit(  # type: ignore[no-any-return]
        "StringFormat", tensors, template=template, placeholder=placeholder, summarize=summarize, name=name
    )


def _print_v2_host(ctx: Any, text: Any, *, output_stream: str, end: str) -> tuple[()]:
    line = bytes(np.asarray(text).item()).decode("utf-8", "replace") + end
    if output_stream.startswith("file://"):
        with open(output_stream[len("file://") :], "a", encoding="utf-8") as out:
            out.write(line)
    elif output_stream in _LOG_LEVELS:
        _LOG_LEVELS[output_stream][1]("%s", line.rstrip("\n"))
    else:
        stream = sys.stdout if output_stream == "stdout" else sys.stderr
        stream.write(line)
        stream.flush()
    return ()


@op("PrintV2", shape=shapes.no_outputs, host=_print_v2_host, gradient=None)
def print_v2(*inputs: Any, **kwargs: Any) -> Operation:
    """An operation that prints `inputs` when it runs (`tf.print`).

    Args:
        *inputs: tensors, values, and nested structures of both.
        output_stream: sys.stderr (the default), sys.stdout, a level or function of `tf.logging`, or "file://path".
        summarize: how many entries to show at both ends of each axis of a tensor, 3 by default, -1 for all.
        sep: what stands between the inputs, a space by default.
        end: what follows the last, a line break by default.
        name: the operation's name.

    Raises ValueError for another keyword or stream.

    >>> import sys
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(tf.print("x:", tf.range(10), {"n": tf.constant(1.5)}, output_stream=sys.stdout))
    x: [0 1 2 ... 7 8 9] {'n': 1.5}
    """
    stream = _stream_name(kwargs.pop("output_stream", sys.stderr))
    name, limit = kwargs.pop("name", None), kwargs.pop("summarize", 3)
    sep, end = kwargs.pop("sep", " "), kwargs.pop("end", os.linesep)
    if kwargs:
        raise ValueError(f"Unrecognized keyword arguments for tf.print: {kwargs}")
    if len(inputs) == 1 and _is_text(inputs[0]):
        text = inputs[0]
    else:
        text = _formatted(inputs, sep, limit, f"{name}_format" if name else None)
    return emit("PrintV2", text, output_stream=stream, end=end, name=name)  # type: ignore[no-any-return]


def _stream_name(stream: Any) -> str:
    """The attribute that stands for an output stream."""
    if isinstance(stream, str) and stream.startswith("file://"):
        return stream
    if stream is sys.stdout:
        return "stdout"
    if stream is sys.stderr:
        return "stderr"
    for name, values in _LOG_LEVELS.items():
        if stream in values:
            return name
    raise ValueError(
        f"Unsupported output stream, logging level, or file.{stream}. Supported streams are sys.stdout, "
        "sys.stderr, tf.logging.info, tf.logging.warning, tf.logging.error. "
        "File needs to be in the form of 'file://<filepath>'."
    )


def _is_text(value: Any) -> bool:
    return isinstance(value, Tensor) and value.shape.ndims == 0 and value.dtype == dtypes.string


def _formatted(inputs: Sequence[Any], sep: str, limit: int, name: str | None) -> Tensor:
    """The inputs as one string: tensors are filled in when it is computed."""
    hollow = nest.map_structure(lambda x: "" if is_tensor_like(x) else x, tuple(inputs))
    mark = _unused_mark(" ".join(pprint.pformat(x) for x in hollow))
    tensors: list[Any] = []
    template = sep.join(_template(x, mark, tensors) for x in inputs).replace(f"'{mark}'", mark)
    return string_format(template, tensors, mark, limit, name)


def _template(value: Any, mark: str, tensors: list[Any]) -> str:
    """The text of one input, with `mark` for each tensor; the tensors are added to `tensors`."""
    if isinstance(value, str):
        return value
    leaves = []
    for leaf in nest.flatten(value):
        if isinstance(leaf, SparseTensor):
            tensors += [leaf.indices, leaf.values, leaf.dense_shape]
            leaves.append(f"SparseTensor(indices={mark}, values={mark}, shape={mark})")
        elif is_tensor_like(leaf):
            tensors.append(leaf)
            leaves.append(mark)
        else:
            leaves.append(leaf)
    return pprint.pformat(nest.pack_sequence_as(value, leaves))


def _unused_mark(text: str) -> str:
    """A placeholder that does not occur in `text`: `{}` and, if need be, digits, as TensorFlow adds them."""
    mark, digits = "{}", random.Random(5)
    while mark in text:
        mark += str(digits.randint(0, 9))
    return mark
