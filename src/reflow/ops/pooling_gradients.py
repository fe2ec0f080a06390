"""The ops of pooling's gradients as functions, for programs that write gradients of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.graph.graph import emit
from reflow.graph.node import Tensor


def max_pool_grad(
    orig_input: Any,
    orig_output: Any,
    grad: Any,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The gradient of `max_pool` for its input: it goes to the first maximum of each window.

    Args:
        orig_input, orig_output: the input and the output of the pooling.
        grad: the gradient of the output.
        ksize, strides: four numbers each.

    >>> import reflow as tf
    >>> from reflow.python.ops import gen_nn_ops
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.constant([1.0, 4.0, 3.0, 2.0], shape=[1, 2, 2, 1])
    ...     window = [1, 2, 2, 1]
    ...     y = tf.nn.max_pool(x, window, window, "VALID")
    ...     grad = gen_nn_ops.max_pool_grad(x, y, tf.ones_like(y), window, window, "VALID")
    ...     print(sess.run(grad).ravel())
    [0. 1. 0. 0.]
    """
    attrs = {"ksize": ksize, "strides": strides, "padding": padding, "data_format": data_format}
    return emit("MaxPoolGrad", orig_input, orig_output, grad, name=name, **attrs)  # type: ignore[no-any-return]


def avg_pool_grad(
    orig_input_shape: Any,
    grad: Any,
    ksize: Sequence[int],
    strides: Sequence[int],
    padding: str,
    data_format: str = "NHWC",
    name: str | None = None,
) -> Tensor:
    """The gradient of `avg_pool` for its input, of shape `orig_input_shape`: spread evenly over each window.

    >>> import reflow as tf
    >>> from reflow.python.ops import gen_nn_ops
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     window = [1, 2, 2, 1]
    ...     grad = gen_nn_ops.avg_pool_grad([1, 2, 2, 1], tf.ones([1, 1, 1, 1]), window, window, "VALID")
    ...     print(sess.run(grad).ravel())
    [0.25 0.25 0.25 0.25]
    """
    attrs = {"ksize": ksize, "strides": strides, "padding": padding, "data_format": data_format}
    return emit("AvgPoolGrad", orig_input_shape, grad, name=name, **attrs)  # type: ignore[no-any-return]
