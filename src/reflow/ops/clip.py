"""Clipping of values and norms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.composite import IndexedSlices
from reflow.graph.graph import Tensor, colocate_with, constant, convert_to_tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import blocks


def _values(t: Any, name: str) -> Tensor:
    """The tensor itself, or the values of slices."""
    return convert_to_tensor(t.values if isinstance(t, IndexedSlices) else t, name=name)


def _like(t: Any, values: Tensor) -> Any:
    """`values` in the place of those of `t`."""
    return IndexedSlices(values, t.indices, t.dense_shape) if isinstance(t, IndexedSlices) else values


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """`t` with elements below `clip_value_min` or above `clip_value_max` replaced by these.

    Args:
        t: a tensor or IndexedSlices.
        clip_value_min, clip_value_max: the bounds, which broadcast to the shape of `t`; ValueError if they
            are larger.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.clip_by_value([-3.0, 0.5, 3.0], -1.0, 1.0)))
    [-1.   0.5  1. ]
    """
    with name_scope(name, "clip_by_value", [t, clip_value_min, clip_value_max]) as scope:
        values = _values(t, "t")
        below = emit("Minimum", values, clip_value_max)
        values.shape.merge_with(below.shape)
        clipped = emit("Maximum", below, clip_value_min, name=scope)
        values.shape.merge_with(clipped.shape)
        return _like(t, clipped)


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """`t` scaled down so that its L2 norm is at most `clip_norm`.

    Args:
        t: a tensor or IndexedSlices.
        clip_norm: the largest norm, a positive scalar.
        axes: the axes over which the norm is computed; all by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.clip_by_norm([3.0, 4.0], 1.0)))
    [0.6 0.8]
    """
    with name_scope(name, "clip_by_norm", [t, clip_norm]) as scope:
        values = _values(t, "t")
        squares = blocks.reduce("Sum", values * values, axes, keepdims=True)
        positive = squares > 0
        # The root of zero has no finite gradient, so it is taken of one and not used.
        safe = blocks.where(positive, squares, blocks.ones_like(squares))
        norm = blocks.where(positive, emit("Sqrt", safe), squares)
        scaled = values * clip_norm
        values.shape.merge_with(scaled.shape)
        clipped = scaled / emit("Maximum", norm, clip_norm)
        return _like(t, emit("Identity", clipped, name=scope))


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """`t` scaled down so that its L2 norm divided by its number of elements is at most `clip_norm`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.clip_by_average_norm([3.0, 4.0], 0.5)))
    [0.6 0.8]
    """
    with name_scope(name, "clip_by_average_norm", [t, clip_norm]) as scope:
        t = convert_to_tensor(t, name="t")
        count = blocks.cast(blocks.size_of(t), dtypes.float32)
        inverse = emit("Rsqrt", emit("Sum", t * t, blocks.span(0, blocks.rank_of(t))))
        scaled = t * clip_norm
        factor = emit("Minimum", inverse * count, constant(1.0) / clip_norm)
        return emit("Identity", scaled * factor, name=scope)  # type: ignore[no-any-return]


def _checked_list(t_list: Any) -> list[Any]:
    if not isinstance(t_list, Sequence) or isinstance(t_list, str):
        raise TypeError("t_list should be a sequence")
    return list(t_list)


def _list_values(t_list: list[Any]) -> list[Tensor | None]:
    return [None if t is None else _values(t, f"t_{i}") for i, t in enumerate(t_list)]


def global_norm(t_list: Any, name: str | None = None) -> Tensor:
    """The L2 norm of all tensors of a list together: the root of the sum of all squares.

    Args:
        t_list: a list of tensors, IndexedSlices and Nones (which do not count); TypeError for anything else.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.global_norm([[3.0], None, [[4.0]]])))
    5.0
    """
    t_list = _checked_list(t_list)
    with name_scope(name, "global_norm", t_list):
        halves = []
        for values in _list_values(t_list):
            if values is not None:
                with colocate_with(values):
                    halves.append(emit("L2Loss", values))
        half = blocks.reduce("Sum", blocks.stack(halves, 0))
        return emit("Sqrt", half * constant(2.0, half.dtype), name="global_norm")  # type: ignore[no-any-return]


def clip_by_global_norm(
    t_list: Any, clip_norm: Any, use_norm: Any = None, name: str | None = None
) -> tuple[list[Any], Tensor]:
    """The tensors of a list scaled down together so that their global norm is at most `clip_norm`.

    Args:
        t_list: a list of tensors, IndexedSlices and Nones (which stay None); TypeError for anything else.
        clip_norm: the largest norm, a positive scalar.
        use_norm: the global norm, when it is known already.

    Returns: the list of scaled tensors (NaN when the norm is not finite), and the global norm.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     clipped, norm = tf.clip_by_global_norm([tf.constant([3.0]), None, tf.constant([4.0])], 1.0)
    ...     print(sess.run([clipped[0], clipped[2], norm]))
    [array([0.6], dtype=float32), array([0.8], dtype=float32), np.float32(5.0)]
    """
    t_list = _checked_list(t_list)
    norm = global_norm(t_list, name) if use_norm is None else use_norm
    with name_scope(name, "clip_by_global_norm", [*t_list, clip_norm]) as scope:
        scale = _global_scale(clip_norm, norm)
        clipped: list[Any] = []
        for i, (t, values) in enumerate(zip(t_list, _list_values(t_list), strict=True)):
            if values is None:
                clipped.append(None)
                continue
            with colocate_with(values):
                clipped.append(_like(t, emit("Identity", values * scale, name=f"{scope}_{i}")))
    return clipped, norm


def _global_scale(clip_norm: Any, norm: Any) -> Tensor:
    """The factor for all tensors: 1 if the norm is small enough, NaN if it is not finite."""
    inverse = 1.0 / norm
    least = emit("Minimum", inverse, constant(1.0, norm.dtype) / clip_norm)
    scale = clip_norm * least
    finite = emit("IsFinite", norm)
    return blocks.where(finite, scale, constant(float("nan"), norm.dtype))  # type: ignore[no-any-return]


# The op ClipByValue, which graphs of other programs may hold


def _clip_kernel(xp: Any, x: Any, low: Any, high: Any) -> Any:
    return xp.maximum(xp.minimum(x, high), low).astype(x.dtype)


def _clip_shape(node: Any) -> TensorShape:
    return node.inputs[0].shape  # type: ignore[no-any-return]


register("ClipByValue", shape=_clip_shape, kernel=_clip_kernel)
