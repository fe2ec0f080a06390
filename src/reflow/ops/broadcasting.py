"""How gradient rules undo a broadcast or a reduction: which axes to sum over, what shape to come back to."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.checks import fail
from reflow.graph.graph import convert_to_tensor, emit, get_default_graph, name_scope
from reflow.graph.node import Tensor
from reflow.graph.registry import register
from reflow.graph.shapes import vector
from reflow.ops import blocks


def gradient_axes(x: Any, y: Any) -> list[np.ndarray]:
    """The axes of the broadcast shape that the gradients of two shapes must be summed over.

    >>> gradient_axes((2, 3), (3,))
    [array([], dtype=int32), array([0], dtype=int32)]
    """
    rank = max(len(x), len(y))
    x, y = (1,) * (rank - len(x)) + tuple(x), (1,) * (rank - len(y)) + tuple(y)
    for a, b in zip(x, y, strict=True):
        if a != b and 1 not in (a, b):
            fail(f"Incompatible shapes: [{','.join(map(str, x))}] vs. [{','.join(map(str, y))}]")
    return [
        np.array([i for i in range(rank) if a[i] == 1 and (b[i] != 1 or x[i] == y[i])], np.int32)
        for a, b in ((x, y), (y, x))
    ]


def _axes_kernel(xp: Any, x: Any, y: Any) -> tuple[Any, ...]:
    return tuple(axes.astype(x.dtype) for axes in gradient_axes(x.tolist(), y.tolist()))


register(
    "BroadcastGradientArgs",
    shape=lambda node: [vector(node), vector(node)],
    kernel=_axes_kernel,
    static=(0, 1),
    gradient=None,
)


def broadcast_axes(x: Any, y: Any) -> tuple[Any, Any, Any, Any]:
    """The shapes of `x` and `y`, and the axes that their gradients are summed over: `sx, sy, rx, ry`."""
    sx, sy = blocks.shape_of(x), blocks.shape_of(y)
    rx, ry = emit("BroadcastGradientArgs", sx, sy)
    return sx, sy, rx, ry


def sum_to(gradient: Any, axes: Any, shape: Any) -> Any:
    """`gradient` summed over `axes`, and in `shape`."""
    return emit("Reshape", emit("Sum", gradient, axes), shape)


class Unbroadcast:
    """Undoes the broadcasting of two inputs, without the nodes that are not needed when shapes are known.

    For known shapes the axes are worked out once in a graph (in TensorFlow that leaves nodes, so here too).
    """

    def __init__(self, x: Any, y: Any, gradient: Any) -> None:
        dense = isinstance(gradient, Tensor)
        self.needed = [True, True]
        if dense and x.shape.is_fully_defined() and y.shape.is_fully_defined():
            self.shapes = [x.shape.ints, y.shape.ints]
            self.needed = [s != gradient.shape.ints for s in self.shapes]
            self.axes = _known_axes(*self.shapes)
        elif dense:
            self.shapes = [emit("Shape", x), emit("Shape", y)]
            self.axes = emit("BroadcastGradientArgs", *self.shapes)
        else:
            self.shapes = [blocks.shape_of(x), blocks.shape_of(y)]
            self.axes = emit("BroadcastGradientArgs", *self.shapes)

    def __call__(self, index: int, gradient: Any) -> Any:
        """The gradient of input `index`, from one of the output's shape."""
        if not self.needed[index]:
            return gradient
        return sum_to(gradient, self.axes[index], self.shapes[index])


def _known_axes(x: Any, y: Any) -> Any:
    known = get_default_graph().runtime.setdefault("broadcast axes", {})
    if (x, y) not in known:
        emit("BroadcastGradientArgs", x, y)
        known[x, y] = [tuple(axes.tolist()) for axes in gradient_axes(x, y)]
    return known[x, y]


def same_known_shape(*tensors: Any) -> bool:
    """Whether all are tensors of one fully known shape."""
    if not all(isinstance(t, Tensor) for t in tensors):
        return False
    return tensors[0].shape.is_fully_defined() and len({t.shape.ints for t in tensors}) == 1


def kept_shape(shape: Any, axes: Any) -> Any:
    """`shape` with 1 for each of the axes: the shape of a reduction that keeps its dimensions."""
    shape, axes = _int32(shape), _int32(axes)
    rank = blocks.size_of(shape)
    axes = (axes + rank) % rank
    axes_shape = blocks.shape_of(axes)
    positions = [blocks.span(0, rank), axes]
    return emit("DynamicStitch", positions, [shape, emit("Fill", axes_shape, 1)])


def _int32(x: Any) -> Any:
    """`x` as an int32 tensor; of Python numbers a constant, named as the input of a cast."""
    if isinstance(x, Tensor):
        return blocks.cast(x, dtypes.int32)
    with name_scope("Cast") as scope:
        return blocks.cast(convert_to_tensor(x, name="x"), dtypes.int32, name=scope)


def tile_scaling(shape: Any, kept: Any) -> Any:
    """How often each dimension of `kept` is to be repeated to fill `shape`; 0 // 0 is 0."""
    return shape // emit("Maximum", kept, 1)


def known_tiling(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """`kept_shape` and `tile_scaling` of a known shape and axes, worked out once in a graph."""
    known = get_default_graph().runtime.setdefault("reduced shapes", {})
    if (shape, axes) not in known:
        kept_shape(shape, axes)
        reduced = {a % len(shape) for a in axes}
        kept = tuple(1 if i in reduced else d for i, d in enumerate(shape))
        tile_scaling(shape, kept)
        known[shape, axes] = kept, tuple(d // max(k, 1) for d, k in zip(shape, kept, strict=True))
    return known[shape, axes]  # type: ignore[no-any-return]
