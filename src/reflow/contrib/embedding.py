"""Embeddings as `tf.contrib.layers` looks them up."""

from __future__ import annotations

from typing import Any

from reflow.ops import embedding_sparse
from reflow.platform.logging import warn


def safe_embedding_lookup_sparse(
    embedding_weights: Any,
    sparse_ids: Any,
    sparse_weights: Any = None,
    combiner: str | None = None,
    default_id: int | None = None,
    name: str | None = None,
    partition_strategy: str = "div",
    max_norm: float | None = None,
) -> Any:
    """`tf.nn.safe_embedding_lookup_sparse`; a combiner of None is "mean", with a warning.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     ids = tf.SparseTensor([[0, 0], [0, 1]], tf.constant([1, 2], tf.int64), [1, 2])
    ...     table = tf.constant([[0.0], [1.0], [3.0]])
    ...     print(sess.run(tf.contrib.layers.safe_embedding_lookup_sparse(table, ids, combiner="sum")))
    [[4.]]
    """
    if combiner is None:
        warn('The default value of combiner will change from "mean" to "sqrtn" after 2016/11/01.')
        combiner = "mean"
    return embedding_sparse.safe_embedding_lookup_sparse(
        embedding_weights,
        sparse_ids,
        sparse_weights,
        combiner,
        default_id,
        name,
        partition_strategy,
        max_norm,
    )
