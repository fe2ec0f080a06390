"""Grids and masks of positions: `meshgrid`, `sequence_mask`."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.ops.array import ones, rank, size
from reflow.ops.joining import stack
from reflow.ops.shaping import expand_dims, reshape


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """Vectors broadcast against each other, each along a dimension of its own.

    Args:
        args: the vectors.
        indexing: "xy" (the first two dimensions exchanged, as for plots) or "ij".
        name: the scope of the nodes.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(*sess.run(tf.meshgrid([1, 2], [3, 4])), sep="\\n")
    [[1 2]
     [1 2]]
    [[3 3]
     [4 4]]
    """
    indexing = kwargs.pop("indexing", "xy")
    name = kwargs.pop("name", "meshgrid")
    if kwargs:
        raise TypeError(f"{next(iter(kwargs))!r} is an invalid keyword argument for this function")
    if indexing not in ("xy", "ij"):
        raise ValueError("indexing parameter must be either 'xy' or 'ij'")
    with name_scope(name, "meshgrid", args):
        count = len(args)
        grids = [reshape(stack(x), (1,) * i + (-1,) + (1,) * (count - i - 1)) for i, x in enumerate(args)]
        sizes = [size(x) for x in args]
        dtype = convert_to_tensor(args[0]).dtype.base_dtype
        if indexing == "xy" and count > 1:
            grids[0] = reshape(grids[0], (1, -1) + (1,) * (count - 2))
            grids[1] = reshape(grids[1], (-1, 1) + (1,) * (count - 2))
            sizes[0], sizes[1] = sizes[1], sizes[0]
        factor = ones(sizes, dtype)
        return [x * factor for x in grids]


def all_axes(x: Tensor) -> Tensor:
    """The numbers of all dimensions of a tensor."""
    if x.shape.ndims is not None:
        return constant(np.arange(x.shape.ndims), dtypes.int32)
    return emit("Range", 0, rank(x), 1)  # type: ignore[no-any-return]


def sequence_mask(
    lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool, name: str | None = None
) -> Tensor:
    """For each length n, a row whose first n elements are True (1) and whose others are not.

    Args:
        lengths: integers of any shape.
        maxlen: the length of a row; None: the largest of `lengths`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.sequence_mask([1, 3], dtype=tf.int32)))
    [[1 0 0]
     [1 1 1]]
    """
    with name_scope(name, "SequenceMask", [lengths, maxlen]):
        lengths = convert_to_tensor(lengths)
        if maxlen is None:
            longest = emit("Max", lengths, all_axes(lengths))
            maxlen = emit("Maximum", constant(0, longest.dtype), longest)
        else:
            maxlen = convert_to_tensor(maxlen)
        if maxlen.shape.ndims not in (None, 0):
            raise ValueError("maxlen must be scalar for sequence_mask")
        positions = emit("Range", constant(0, maxlen.dtype), maxlen, constant(1, maxlen.dtype))
        column = emit("Cast", expand_dims(lengths, -1), DstT=maxlen.dtype)
        mask = positions < column
        if dtype is None or dtypes.as_dtype(dtype).base_dtype == dtypes.bool:
            return mask  # type: ignore[no-any-return]
        return emit("Cast", mask, DstT=dtype)  # type: ignore[no-any-return]
