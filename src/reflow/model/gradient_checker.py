"""Derivatives compared with differences: `tf.test.compute_gradient` and `compute_gradient_error`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.autodiff import gradients
from reflow.graph import scopes
from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import constant, emit

Jacobians = tuple[np.ndarray, np.ndarray]


def compute_gradient(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Sequence[Any] | None = None,
    extra_feed_dict: dict[Any, Any] | None = None,
) -> Jacobians | list[Jacobians]:
    """The Jacobian of y with respect to x, by `tf.gradients` and by central differences, in the default
    session.

    Args:
        x: a tensor, or a list of tensors.
        x_shape: the shape of x, or the list of the shapes.
        y: a tensor.
        y_shape: the shape of y.
        x_init_value: the array (or list of arrays) to take the derivative at; random if None.
        delta: half the step of the differences.
        init_targets: operations to run first.
        extra_feed_dict: further values to feed.

    Returns:
        Two matrices with a row for each element of x and a column for each of y: the derivative by the graph
            and by
        differences; a complex element counts as two. For a list x, a list of such pairs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session():
    ...     x = tf.constant([1.0, 2.0])
    ...     exact, near = tf.test.compute_gradient(x, [2], x * x, [2], np.array([1.0, 2.0]))
    ...     print(exact)
    [[2. 0.]
     [0. 4.]]
    """
    for init in init_targets or ():
        init.run()
    if not isinstance(x, list):
        return _compare(_Check(x, x_shape, y, y_shape, delta, extra_feed_dict), x_init_value)
    starts = [None] * len(x) if x_init_value is None else x_init_value
    checks = [
        _Check(one, shape, y, y_shape, delta, extra_feed_dict) for one, shape in zip(x, x_shape, strict=True)
    ]
    return [_compare(check, start) for check, start in zip(checks, starts, strict=True)]


def compute_gradient_error(
    x: Any,
    x_shape: Any,
    y: Any,
    y_shape: Any,
    x_init_value: Any = None,
    delta: float = 1e-3,
    init_targets: Sequence[Any] | None = None,
    extra_feed_dict: dict[Any, Any] | None = None,
) -> float:
    """The greatest difference between the two Jacobians of `compute_gradient`, which has the arguments.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session():
    ...     x = tf.constant([1.0, 2.0])
    ...     error = tf.test.compute_gradient_error(x, [2], tf.sin(x), [2], np.array([1.0, 2.0]))
    >>> bool(error < 1e-3)
    True
    """
    found = compute_gradient(x, x_shape, y, y_shape, x_init_value, delta, init_targets, extra_feed_dict)
    pairs = found if isinstance(found, list) else [found]
    return max((np.fabs(exact - near).max() for exact, near in pairs if exact.size or near.size), default=0)


class _Check:
    """One x and y, and the nodes that give the derivative."""

    def __init__(self, x: Any, x_shape: Any, y: Any, y_shape: Any, delta: float, feed: Any) -> None:
        self.x, self.y, self.delta, self.feed = x, y, delta, dict(feed or {})
        self.x_shape, self.y_shape = tuple(x_shape), tuple(y_shape)
        with x.graph.as_default():
            self.dy = constant(1.0, shape=y_shape, dtype=y.dtype.base_dtype)
            self.dx = gradients(y, x, emit("Identity", self.dy))[0]
        if self.dx is None:
            raise ValueError(f"{y.name} does not depend on {x.name}")

    def run(self, fetch: Any, **fed: Any) -> Any:
        """The value of `fetch`; `fed` names what to feed: x, dy."""
        values = {getattr(self, name): value for name, value in fed.items()}
        session = scopes.sessions.top
        if session is None:
            raise ValueError("No default session is registered: use `with sess.as_default()`")
        return session.run(fetch, {**self.feed, **values})


def _compare(check: _Check, start: Any) -> Jacobians:
    dtype = check.x.dtype.base_dtype
    if start is None:
        start = np.random.uniform(size=check.x_shape)
    elif tuple(np.shape(start)) != check.x_shape:
        raise ValueError(f"x_init_value has shape {np.shape(start)}, x_shape is {check.x_shape}")
    start = np.asarray(start, dtype.as_numpy_dtype)
    return _by_graph(check, start), _by_differences(check, start)


def _real(dtype: Any) -> Any:
    return dtype.base_dtype.real_dtype.as_numpy_dtype


def _size(shape: tuple[int, ...], dtype: Any) -> int:
    return int(np.prod(shape, dtype=np.int64)) * (2 if dtype.is_complex else 1)


def _by_graph(check: _Check, start: np.ndarray) -> np.ndarray:
    """The Jacobian by the graph: a column for each element of y, whose gradient alone is one."""
    x_size, y_size = _size(check.x_shape, check.x.dtype), _size(check.y_shape, check.y.dtype)
    jacobian = np.zeros((x_size, y_size), _real(check.x.dtype))
    for column in range(y_size):
        seed = np.zeros(check.y_shape, check.y.dtype.base_dtype.as_numpy_dtype)
        seed.reshape(-1).view(_real(check.y.dtype))[column] = 1
        jacobian[:, column] = _dense(check.run(check.dx, x=start, dy=seed), start)
    if y_size == 0:
        _check_empty(check, start)
    return jacobian


def _dense(grad: Any, start: np.ndarray) -> np.ndarray:
    """A gradient as a flat array of reals, the rows of slices added up."""
    whole = grad
    if hasattr(grad, "indices"):
        whole = np.zeros_like(start)
        np.add.at(whole, grad.indices, grad.values)
    return np.ascontiguousarray(whole).reshape(-1).view(start.real.dtype)


def _check_empty(check: _Check, start: np.ndarray) -> None:
    """ValueError unless the gradient of an empty y is zeros of x's shape."""
    grad = check.run(check.dx, x=start, dy=np.zeros(check.y_shape, check.y.dtype.base_dtype.as_numpy_dtype))
    if isinstance(check.dx, IndexedSlices):
        return
    if grad.shape != start.shape:
        raise ValueError(f"Empty gradient has wrong shape: expected {start.shape}, got {grad.shape}")
    if np.any(grad):
        raise ValueError("Empty tensor with non-zero gradients")


def _by_differences(check: _Check, start: np.ndarray) -> np.ndarray:
    """The Jacobian by central differences: a row for each element of x."""
    x_size, y_size = _size(check.x_shape, check.x.dtype), _size(check.y_shape, check.y.dtype)
    jacobian = np.zeros((x_size, y_size), _real(check.x.dtype))
    scale = np.asarray(2 * check.delta, _real(check.y.dtype))[()]
    for row in range(x_size):
        ends = []
        for step in (check.delta, -check.delta):
            moved = start.copy()
            moved.reshape(-1).view(start.real.dtype)[row] += step
            ends.append(np.asarray(check.run(check.y, x=moved)))
        difference = np.ascontiguousarray((ends[0] - ends[1]) / scale, ends[0].dtype)
        jacobian[row, :] = difference.reshape(-1).view(_real(check.y.dtype))
    return jacobian
