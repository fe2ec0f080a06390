"""What the ops of matrices share: shapes of batches of matrices, and the float types that NumPy's lack."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base.shape import TensorShape, broadcast_static_shape, unknown_shape
from reflow.graph.checks import require

Dims = tuple[int | None, ...]
Kernel = Callable[..., Any]


def ranked(shape: TensorShape, rank: int) -> Dims:
    """The dimensions of a shape that must have `rank`; all unknown when its rank is."""
    if shape.ints is None:
        return (None,) * rank
    if len(shape.ints) != rank:
        raise ValueError(f"Shape must be rank {rank} but is rank {len(shape.ints)}")
    return shape.ints


def at_least(shape: TensorShape, rank: int) -> Dims | None:
    """The dimensions of a shape of `rank` or more; None when its rank is unknown."""
    if shape.ints is not None and len(shape.ints) < rank:
        raise ValueError(f"Shape must be at least rank {rank} but is rank {len(shape.ints)}")
    return shape.ints


def same(a: int | None, b: int | None) -> int | None:
    """A dimension known in two places."""
    if a is not None and b is not None and a != b:
        raise ValueError(f"Dimensions must be equal, but are {a} and {b}")
    return b if a is None else a


def merged(a: Dims, b: Dims) -> Dims:
    """Dimensions known in two places."""
    if len(a) != len(b):
        raise ValueError(f"Shapes must be equal rank, but are {len(a)} and {len(b)}")
    return tuple(same(x, y) for x, y in zip(a, b, strict=True))


def square(shape: TensorShape) -> tuple[Dims, int | None] | None:
    """The batch dimensions and the size of square matrices; None when the rank is unknown."""
    dims = at_least(shape, 2)
    return None if dims is None else (dims[:-2], same(dims[-2], dims[-1]))


def broadcast_batch(a: Dims, b: Dims) -> TensorShape:
    """Batch dimensions that broadcast against each other."""
    return broadcast_static_shape(TensorShape.of(a), TensorShape.of(b))


def square_matrices(node: Any) -> TensorShape:
    """Shape rule: the input is a batch of square matrices, and so is the output."""
    found = square(node.inputs[0].shape)
    return unknown_shape() if found is None else TensorShape.of((*found[0], found[1], found[1]))


def one_number_each(node: Any) -> list[TensorShape]:
    """Shape rule: every output has one number for each square matrix of the input."""
    found = square(node.inputs[0].shape)
    return [unknown_shape() if found is None else TensorShape.of(found[0])] * len(node.outputs)


def shown(x: Any) -> str:
    """The shape of an array as TensorFlow's messages show it: [2,3]."""
    return "[" + ",".join(str(d) for d in x.shape) + "]"


def adjoint(xp: Any, x: Any) -> Any:
    """The conjugate transpose of the last two axes."""
    x = xp.swapaxes(x, -1, -2)
    return xp.conj(x) if x.dtype.kind == "c" else x


def is_short(x: Any) -> bool:
    """Whether `x` is of a 16-bit float type."""
    return bool(x.dtype.itemsize == 2 and x.dtype.kind not in "iu")


def widened(function: Kernel) -> Kernel:
    """`function(xp, *arrays)`, in single precision when the first array is of a 16-bit float type."""

    @functools.wraps(function)
    def run(xp: Any, *arrays: Any, **options: Any) -> Any:
        if not is_short(arrays[0]):
            return function(xp, *arrays, **options)
        short = arrays[0].dtype
        result = function(xp, *(a.astype(np.float32) if a.dtype == short else a for a in arrays), **options)
        if isinstance(result, tuple):
            return tuple(r.astype(short) if r.dtype == np.float32 else r for r in result)
        return result.astype(short)

    return run


def check_square(xp: Any, x: Any) -> None:
    """Refuse arrays that are no batches of square matrices."""
    ok = x.ndim >= 2 and x.shape[-1] == x.shape[-2]
    require(xp, ok, "Input must be a batch of square matrices, got shape {}", shown(x))
