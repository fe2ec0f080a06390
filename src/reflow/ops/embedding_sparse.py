"""Embedding lookups for rows with several ids, or none: the vectors of a row's ids are put together."""

from __future__ import annotations

import logging
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import as_shape, unknown_shape
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import constant_value, convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops.arithmetic import div
from reflow.ops.arithmetic import pow as power
from reflow.ops.array import ones_like
from reflow.ops.dense import embedding_lookup, partitions
from reflow.ops.segment import segment_sum
from reflow.ops.sets import unique
from reflow.ops.sparse_layout import sparse_fill_empty_rows, sparse_retain
from reflow.ops.sparse_segment import sparse_segment_mean, sparse_segment_sqrt_n, sparse_segment_sum

COMBINERS = {"mean": sparse_segment_mean, "sqrtn": sparse_segment_sqrt_n, "sum": sparse_segment_sum}


def embedding_lookup_sparse(
    params: Any,
    sp_ids: Any,
    sp_weights: Any,
    partition_strategy: str = "mod",
    name: str | None = None,
    combiner: str | None = None,
    max_norm: float | None = None,
) -> Any:
    """For each row of a sparse matrix of ids, the vectors of its ids put together.

    Args:
        params: the vectors; see `embedding_lookup`.
        sp_ids: a `SparseTensor` of integers, in row-major order, with at least one id in each row.
        sp_weights: a `SparseTensor` with the weight of each id, at the same places; None: all weigh 1.
        partition_strategy: how parts of `params` are numbered; see `embedding_lookup`.
        name: the name of the last node.
        combiner: "sum" adds up the weighted vectors; "mean" (the default) divides that by the sum of the
            weights, "sqrtn" by the root of the sum of their squares.
        max_norm: scale vectors down to this Euclidean norm first.

    Returns:
        `[rows, ...]`, of the type of `params`; float32 for half-precision `params`.

    Raises:
        TypeError: the ids, or weights, are no SparseTensor.
        ValueError: another combiner.
        InvalidArgumentError: in a run, naming an id that is no row of `params`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     ids = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 0, 1], [2, 2])
    ...     rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    ...     print(sess.run(tf.nn.embedding_lookup_sparse(rows, ids, None, combiner="sum")))
    [[4. 6.]
     [3. 4.]]
    """
    if combiner is None:
        logging.getLogger("tensorflow").warning(
            'embedding_lookup_sparse has no combiner: "mean" is the default now, "sqrtn" will be.'
        )
        combiner = "mean"
    if combiner not in COMBINERS:
        raise ValueError(f"combiner must be one of 'mean', 'sqrtn' or 'sum', not {combiner!r}")
    parts = partitions(params)
    _check(sp_ids, sp_weights)
    with name_scope(name, "embedding_lookup_sparse", [*parts, sp_ids]) as scope:
        segments = blocks.cast(sp_ids.indices[:, 0], dtypes.int32)
        ids, places = unique(sp_ids.values)
        rows = embedding_lookup(parts, ids, partition_strategy=partition_strategy, max_norm=max_norm)
        if rows.dtype in (dtypes.float16, dtypes.bfloat16):
            rows = blocks.cast(rows, dtypes.float32)
        if sp_weights is None:
            return COMBINERS[combiner](rows, places, segments, name=scope)
        weights = blocks.cast(sp_weights.values, rows.dtype)
        rows = blocks.gather(rows, places)
        weights = _beside(weights, rows)
        return _combined(combiner, rows * weights, weights, segments, scope)


def _check(sp_ids: Any, sp_weights: Any) -> None:
    """TypeError unless the ids, and the weights if any, are sparse; ValueError when their sizes differ."""
    if not isinstance(sp_ids, SparseTensor):
        raise TypeError(f"sp_ids must be SparseTensor, not {type(sp_ids).__name__}")
    if sp_weights is None:
        return
    if not isinstance(sp_weights, SparseTensor):
        raise TypeError(f"sp_weights must be either None or SparseTensor, not {type(sp_weights).__name__}")
    for part in ("values", "indices", "dense_shape"):
        shapes = [getattr(sparse, part).shape for sparse in (sp_ids, sp_weights)]
        shapes[0].assert_is_compatible_with(shapes[1])


def _beside(weights: Any, rows: Any) -> Any:
    """The weights with as many dimensions as the rows, to multiply them."""
    ones = emit("Fill", blocks.expand_dims(blocks.rank_of(rows) - 1, 0), 1)
    shape = weights.shape
    weights = blocks.reshape(weights, blocks.concat([blocks.shape_of(weights), ones], 0))
    if rows.shape.ndims is not None:
        weights.set_shape(shape.concatenate([1] * (rows.shape.ndims - 1)))
    return weights


def _combined(combiner: str, rows: Any, weights: Any, segments: Any, name: str) -> Any:
    """The weighted rows of each segment as their sum, or divided by what the weights say."""
    if combiner == "sum":
        return segment_sum(rows, segments, name=name)
    total = segment_sum(rows, segments)
    if combiner == "mean":
        return div(total, segment_sum(weights, segments), name=name)
    squares = segment_sum(power(weights, 2), segments)
    return div(total, emit("Sqrt", squares), name=name)


def safe_embedding_lookup_sparse(
    embedding_weights: Any,
    sparse_ids: Any,
    sparse_weights: Any = None,
    combiner: str = "mean",
    default_id: int | None = None,
    name: str | None = None,
    partition_strategy: str = "div",
    max_norm: float | None = None,
) -> Any:
    """`embedding_lookup_sparse` that passes over ids below 0, and gives rows without ids a vector too.

    Args:
        embedding_weights: the vectors; see `embedding_lookup`.
        sparse_ids: a `SparseTensor` of integers, of rank 2 or more.
        sparse_weights: the weight of each id, or None. Ids whose weight is not above 0 are passed over,
            unless the combiner is "sum".
        combiner: "mean", "sqrtn" or "sum".
        default_id: the id of rows without ids; None: their vector is zero.
        name: the name of the nodes' scope.
        partition_strategy: how parts of the vectors are numbered; see `embedding_lookup`.
        max_norm: scale vectors down to this Euclidean norm first.

    Returns:
        The shape of `sparse_ids` without its last dimension, then that of a vector.

    Raises:
        ValueError: there are no vectors.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     ids = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [1, 0, -1], [2, 2])
    ...     rows = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    ...     print(sess.run(tf.nn.safe_embedding_lookup_sparse(rows, ids)))
    [[2. 3.]
     [0. 0.]]
    """
    parts = _vectors(embedding_weights, sparse_weights.dtype if sparse_weights is not None else None)
    with name_scope(name, "embedding_lookup", [*parts, sparse_ids, sparse_weights]) as scope:
        shape = sparse_ids.dense_shape
        known = shape.shape.ints[0] if shape.shape.ints else None
        rank = blocks.size_of(shape) if known is None else known
        sparse_ids, sparse_weights, rows = _as_matrices(sparse_ids, sparse_weights, shape, rank)
        sparse_ids, sparse_weights = _pruned(sparse_ids, sparse_weights, combiner)
        sparse_ids, empty = sparse_fill_empty_rows(sparse_ids, default_id or 0)
        empty.set_shape([rows])
        if sparse_weights is not None:
            sparse_weights, _ = sparse_fill_empty_rows(sparse_weights, 1.0)
        result = embedding_lookup_sparse(
            parts,
            sparse_ids,
            sparse_weights,
            combiner=combiner,
            partition_strategy=partition_strategy,
            name=None if default_id is None else scope,
            max_norm=max_norm,
        )
        if default_id is None:
            result = _zero_where(empty, result, scope)
        lead = emit("Slice", blocks.cast(shape, dtypes.int32), [0], [rank - 1])
        own = emit("Slice", blocks.shape_of(result), [1], [-1])
        final = blocks.reshape(result, blocks.concat([lead, own], 0))
        sizes = constant_value(lead)
        outer = unknown_shape(None if known is None else known - 1) if sizes is None else as_shape(sizes)
        final.set_shape(outer.concatenate(result.shape[1:]))
        return final


def _vectors(embedding_weights: Any, dtype: Any) -> list[Any]:
    """The parts as tensors of the type of the weights; resource variables of that type as they are."""
    if embedding_weights is None or isinstance(embedding_weights, list) and not embedding_weights:
        raise ValueError(f"Missing embedding_weights {embedding_weights}.")
    return [
        part
        if hasattr(part, "sparse_read") and dtype in (None, part.dtype)
        else convert_to_tensor(part, dtype=dtype)
        for part in partitions(embedding_weights)
    ]


def _as_matrices(sparse_ids: Any, sparse_weights: Any, shape: Any, rank: Any) -> tuple[Any, Any, Any]:
    """Ids and weights with all dimensions but the last made one; how many rows these are, if it is known."""
    rows = blocks.reduce("Prod", emit("Slice", shape, [0], [rank - 1]))
    matrix = blocks.cast([rows, blocks.gather(shape, rank - 1)], dtypes.int64)
    with name_scope(None, "SparseReshape", [sparse_ids]) as scope:
        # As `sparse_reshape`, but a new shape that happens to be known is not made a constant.
        places, matrix = emit("SparseReshape", sparse_ids.indices, shape, matrix, name=scope)
        sparse_ids = SparseTensor(places, emit("Identity", sparse_ids.values), matrix)
    if sparse_weights is not None:
        sparse_weights = SparseTensor(sparse_ids.indices, sparse_weights.values, sparse_ids.dense_shape)
    known = constant_value(rows)
    return sparse_ids, sparse_weights, None if known is None else int(known)


def _pruned(sparse_ids: Any, sparse_weights: Any, combiner: str) -> tuple[Any, Any]:
    """Without ids below 0 and, unless they are summed, weights that are not above 0."""
    valid = emit("GreaterEqual", sparse_ids.values, 0)
    if sparse_weights is not None:
        valid = emit("LogicalAnd", valid, ones_like(sparse_weights.values, dtype=dtypes.bool))
    sparse_ids = sparse_retain(sparse_ids, valid)
    if sparse_weights is None:
        return sparse_ids, None
    sparse_weights = sparse_retain(sparse_weights, valid)
    if combiner == "sum":
        return sparse_ids, sparse_weights
    positive = emit("Greater", sparse_weights.values, 0)
    return sparse_retain(sparse_ids, positive), sparse_retain(sparse_weights, positive)


def _zero_where(empty: Any, result: Any, name: str) -> Any:
    """The result with zeros in the rows that had no id."""
    column = blocks.reshape(empty, [-1, 1])
    mask = emit("Tile", column, blocks.pack([1, blocks.shape_of(result)[1]]))
    return emit("Select", mask, blocks.zeros_like(result), result, name=name)
