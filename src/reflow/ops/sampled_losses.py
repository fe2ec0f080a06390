"""Losses over very many classes, of which a few are drawn for each batch: NCE and sampled softmax."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.ops import blocks
from reflow.ops.candidates import compute_accidental_hits, log_uniform_candidate_sampler
from reflow.ops.cross_entropy import (
    sigmoid_cross_entropy_with_logits,
    softmax_cross_entropy_with_logits_v2,
)
from reflow.ops.dense import embedding_lookup, partitions
from reflow.ops.linalg import matmul


def _sum_rows(x: Any) -> Any:
    """The sums of the rows of a matrix, as a product with ones."""
    ones = blocks.ones(blocks.pack([blocks.shape_of(x)[1], 1]), x.dtype)
    return blocks.reshape(matmul(x, ones), [-1])


class _Looked:
    """Rows of the weights or the biases: those of the true classes, and those of the drawn ones."""

    def __init__(self, params: Any, ids: Any, dtype: Any, strategy: str) -> None:
        self.rows = blocks.cast(embedding_lookup(params, ids, partition_strategy=strategy), dtype)

    def part(self, begin: Any, size: Any) -> Any:
        return emit("Slice", self.rows, begin, size)


def _true_dots(inputs: Any, true_w: Any, num_true: int) -> Any:
    """The product of each row of the inputs with the weights of each of its true classes."""
    dim = blocks.shape_of(true_w)[1:2]
    layout = blocks.concat([[-1, num_true], dim], 0)
    products = emit("Mul", blocks.expand_dims(inputs, 1), blocks.reshape(true_w, layout))
    matrix = blocks.reshape(products, blocks.concat([[-1], dim], 0))
    return blocks.reshape(_sum_rows(matrix), [-1, num_true])


def _without_hits(logits: Any, labels: Any, sampled: Any, num_true: int, num_sampled: int) -> Any:
    """The logits of the drawn classes, the lowest number added where a class is a true one of the row."""
    hits = compute_accidental_hits(labels, sampled, num_true=num_true)
    rows = blocks.reshape(hits.indices, [-1, 1])
    columns = blocks.reshape(blocks.cast(hits.ids, dtypes.int32), [-1, 1])
    places = emit("ConcatV2", [rows, columns], 1, name="sparse_indices")
    batch = blocks.shape_of(labels)[:1]
    whole = blocks.concat([batch, blocks.expand_dims(num_sampled, 0)], 0)
    lowest = blocks.cast(hits.weights, logits.dtype)
    return logits + emit("SparseToDense", places, whole, lowest, 0.0, validate_indices=False)


def compute_sampled_logits(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    subtract_log_q: bool = True,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str | None = None,
    seed: int | None = None,
) -> tuple[Any, Any]:
    """Logits of the true and of the drawn classes, and the labels that fit them.

    The arguments are those of `nce_loss`; `subtract_log_q` takes the logarithm of the expected counts off the
    logits. Returns two tensors `[batch, num_true + num_sampled]`; true classes of a row share 1.
    """
    parts = partitions(weights)
    with name_scope(name, "compute_sampled_logits", [*parts, biases, inputs, labels]):
        if labels.dtype != dtypes.int64:
            labels = blocks.cast(labels, dtypes.int64)
        flat = blocks.reshape(labels, [-1])
        if sampled_values is None:
            sampled_values = log_uniform_candidate_sampler(
                labels, num_true, num_sampled, unique=True, range_max=num_classes, seed=seed
            )
        sampled, true_counts, sampled_counts = (
            emit("StopGradient", convert_to_tensor(value)) for value in sampled_values
        )
        sampled = blocks.cast(sampled, dtypes.int64)
        ids = blocks.concat([flat, sampled], 0)
        rows = _Looked(parts, ids, inputs.dtype, partition_strategy)
        true_w = rows.part([0, 0], blocks.pack([blocks.shape_of(flat)[0], -1]))
        sampled_w = rows.part(blocks.pack([blocks.shape_of(flat)[0], 0]), [-1, -1])
        sampled_logits = matmul(inputs, sampled_w, transpose_b=True)
        offsets = _Looked(biases, ids, inputs.dtype, partition_strategy)
        true_b = offsets.part([0], blocks.shape_of(flat))
        sampled_b = offsets.part(blocks.shape_of(flat), [-1])
        true_logits = _true_dots(inputs, true_w, num_true)
        true_logits = true_logits + blocks.reshape(true_b, [-1, num_true])
        sampled_logits = sampled_logits + sampled_b
        if remove_accidental_hits:
            sampled_logits = _without_hits(sampled_logits, labels, sampled, num_true, num_sampled)
        if subtract_log_q:
            true_logits = true_logits - emit("Log", true_counts)
            sampled_logits = sampled_logits - emit("Log", sampled_counts)
        logits = blocks.concat([true_logits, sampled_logits], 1)
        shares = blocks.ones_like(true_logits) / num_true
        return logits, blocks.concat([shares, blocks.zeros_like(sampled_logits)], 1)


def nce_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = False,
    partition_strategy: str = "mod",
    name: str = "nce_loss",
) -> Any:
    """Noise-contrastive estimation (Gutmann & Hyvärinen 2010): true classes told from drawn ones.

    For training; the classes drawn for a batch serve all its rows. Use all classes to evaluate.

    Args:
        weights: the vectors of the classes `[num_classes, dim]`, or a list of their parts, or a partitioned
            variable.
        biases: `[num_classes]`.
        labels: the true classes, integers `[batch, num_true]`.
        inputs: `[batch, dim]`, of a float type.
        num_sampled: how many classes to draw for the batch.
        num_classes: how many classes there are.
        num_true: how many true classes a row has.
        sampled_values: what a candidate sampler returned; by default `log_uniform_candidate_sampler` draws,
            which takes classes numbered by falling frequency for granted.
        remove_accidental_hits: leave a drawn class out of the rows of which it is a true one.
        partition_strategy: how parts of `weights` are numbered; see `embedding_lookup`.
        name: the scope of the nodes.

    Returns:
        The loss of each row, `[batch]`.

    Raises:
        InvalidArgumentError, in a run, naming a label that is no class.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     tf.set_random_seed(1)
    ...     labels = tf.constant([[3], [0]])
    ...     loss = tf.nn.nce_loss(tf.zeros([5, 2]), tf.zeros([5]), labels, tf.ones([2, 2]), 2, 5)
    ...     print(loss.shape, sess.run(loss).round(3))
    (2,) [2.513 2.799]
    """
    logits, targets = compute_sampled_logits(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true=num_true,
        sampled_values=sampled_values,
        subtract_log_q=True,
        remove_accidental_hits=remove_accidental_hits,
        partition_strategy=partition_strategy,
        name=name,
    )
    losses = sigmoid_cross_entropy_with_logits(labels=targets, logits=logits, name="sampled_losses")
    return _sum_rows(losses)


def sampled_softmax_loss(
    weights: Any,
    biases: Any,
    labels: Any,
    inputs: Any,
    num_sampled: int,
    num_classes: int,
    num_true: int = 1,
    sampled_values: Any = None,
    remove_accidental_hits: bool = True,
    partition_strategy: str = "mod",
    name: str = "sampled_softmax_loss",
    seed: int | None = None,
) -> Any:
    """The cross entropy of a softmax over the true and a few drawn classes (Jean et al. 2014).

    The arguments and the result are those of `nce_loss`.

    Args:
        seed: the seed of the sampler; see `tf.set_random_seed`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     labels = tf.constant([[3], [0]])
    ...     weights, biases, inputs = tf.zeros([5, 2]), tf.zeros([5]), tf.ones([2, 2])
    ...     print(sess.run(tf.nn.sampled_softmax_loss(weights, biases, labels, inputs, 2, 5, seed=1)).shape)
    (2,)
    """
    logits, targets = compute_sampled_logits(
        weights,
        biases,
        labels,
        inputs,
        num_sampled,
        num_classes,
        num_true=num_true,
        sampled_values=sampled_values,
        subtract_log_q=True,
        remove_accidental_hits=remove_accidental_hits,
        partition_strategy=partition_strategy,
        name=name,
        seed=seed,
    )
    targets = emit("StopGradient", targets, name="labels_stop_gradient")
    return softmax_cross_entropy_with_logits_v2(labels=targets, logits=logits)
