"""Candidate samplers: classes drawn at random, and how often each class is expected among those drawn."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from typing import Any, NamedTuple

from reflow.base.shape import TensorShape
from reflow.graph.graph import emit
from reflow.graph.registry import register
from reflow.ops import candidate_kernels as kernels
from reflow.ops.random import initial_state
from reflow.ops.random_seed import get_seed


def _sampler_shape(node: Any) -> list[TensorShape]:
    true_classes = node.inputs[0].shape.with_rank(2)
    sampled = TensorShape.of((node.attrs["num_sampled"],))
    rows = true_classes.ints[0] if true_classes.ints is not None else None
    return [sampled, TensorShape.of((rows, node.attrs["num_true"])), sampled]


def _hits_shape(node: Any) -> list[TensorShape]:
    columns = node.inputs[0].shape.with_rank(2).ints
    node.inputs[1].shape.with_rank(1)
    wanted = node.attrs["num_true"]
    if columns is not None and columns[1] not in (None, wanted):
        raise ValueError(f"Dimension must be {wanted} but is {columns[1]}")
    return [TensorShape.of((None,))] * 3


_ranged = (
    ("UniformCandidateSampler", kernels.uniform_below, kernels.uniform_chance),
    ("LogUniformCandidateSampler", kernels.log_uniform_below, kernels.log_uniform_chance),
)
for _type, _draw, _chance in _ranged:
    _kernel = kernels.ranged_kernel(_draw, _chance)
    register(_type, shape=_sampler_shape, kernel=_kernel, state=initial_state, gradient=None)
for _type in ("LearnedUnigramCandidateSampler", "ThreadUnsafeUnigramCandidateSampler"):
    register(
        _type,
        shape=_sampler_shape,
        kernel=kernels.learned_kernel,
        state=kernels.initial_counts,
        gradient=None,
    )
register(
    "FixedUnigramCandidateSampler",
    shape=_sampler_shape,
    host=kernels.given_kernel,
    state=initial_state,
    gradient=None,
)
register("AllCandidateSampler", shape=_sampler_shape, kernel=kernels.all_kernel, gradient=None)
register(
    "ComputeAccidentalHits",
    shape=_hits_shape,
    host=kernels.hits_host,
    padded=kernels.hits_padded,
    gradient=None,
)


_FIELDS = ("sampled_candidates", "true_expected_count", "sampled_expected_count")
# One type for each op, as TensorFlow has.
_RESULTS: dict[str, Any] = {
    op_type: namedtuple(op_type, _FIELDS)
    for op_type in (
        "UniformCandidateSampler",
        "LogUniformCandidateSampler",
        "LearnedUnigramCandidateSampler",
        "ThreadUnsafeUnigramCandidateSampler",
        "FixedUnigramCandidateSampler",
        "AllCandidateSampler",
    )
}


class AccidentalHits(NamedTuple):
    """Where true classes are among the sampled candidates; see `compute_accidental_hits`."""

    indices: Any
    ids: Any
    weights: Any


def _sampled(op_type: str, true_classes: Any, seed: int | None, name: str | None, **attrs: Any) -> Any:
    seed1, seed2 = get_seed(seed)
    seeds = {"seed": seed1 or 0, "seed2": seed2 or 0}
    return _RESULTS[op_type](*emit(op_type, true_classes, **attrs, **seeds, name=name))


def uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Classes drawn from `[0, range_max)`, each with the same chance, and their expected counts.

    Args:
        true_classes: int64 `[batch, num_true]`: classes whose expected counts are wanted too.
        num_true: the number of columns of `true_classes`.
        num_sampled: how many classes to draw.
        unique: draw without repetition. An expected count is then the chance that a class is drawn.
        range_max: the number of classes. InvalidArgumentError in a run when it is less than `num_sampled`
            although `unique`.
        seed: see `tf.set_random_seed`.

    Returns:
        A named tuple: `sampled_candidates` int64 `[num_sampled]`, `true_expected_count` float32 of the shape
        of `true_classes`, `sampled_expected_count` float32 `[num_sampled]`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     classes = tf.constant([[1]], tf.int64)
    ...     sampled = tf.random.uniform_candidate_sampler(classes, 1, 2, False, 8, seed=1)
    ...     print(sess.run(sampled.true_expected_count))
    [[0.25]]
    """
    return _sampled(
        "UniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def log_uniform_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Classes drawn by Zipf's law: for words that are numbered by falling frequency.

    The chance of class k is log((k + 2) / (k + 1)) / log(range_max + 1). Arguments and results are those of
    `uniform_candidate_sampler`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     classes = tf.constant([[0]], tf.int64)
    ...     sampled = tf.random.log_uniform_candidate_sampler(classes, 1, 2, False, 3, seed=1)
    ...     print(sess.run(sampled.true_expected_count))
    [[1.]]
    """
    return _sampled(
        "LogUniformCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def learned_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Classes drawn as often as they have been true classes before, counted by the op itself, from 1 on.

    The counts belong to the session. Arguments and results are those of `uniform_candidate_sampler`;
    InvalidArgumentError in a run with a true class that is none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     classes = tf.constant([[1], [1]], tf.int64)
    ...     counts = tf.random.learned_unigram_candidate_sampler(classes, 1, 1, False, 2).true_expected_count
    ...     print(sess.run(counts).ravel(), sess.run(counts).ravel())
    [0.5 0.5] [0.75 0.75]
    """
    return _sampled(
        "LearnedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
    )


def thread_unsafe_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    seed: int = 0,
    seed2: int = 0,
    name: str | None = None,
) -> Any:
    """`learned_unigram_candidate_sampler` under its second name, with both seeds of the op."""
    attrs = {"num_true": num_true, "num_sampled": num_sampled, "unique": unique, "range_max": range_max}
    op_type = "ThreadUnsafeUnigramCandidateSampler"
    return _RESULTS[op_type](*emit(op_type, true_classes, **attrs, seed=seed, seed2=seed2, name=name))


def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Sequence[float] = (),
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """Classes drawn by weights that are given. Further arguments are those of `uniform_candidate_sampler`.

    Args:
        vocab_file: a file with a line for each class, whose last field (after commas) is its weight.
        distortion: the power to which weights are raised: 0 makes all classes alike.
        num_reserved_ids: so many classes at the start have the weight 0, and no line in the file.
        num_shards, shard: draw only from the classes whose number is `shard` modulo `num_shards`.
        unigrams: the weights, instead of a file.

    InvalidArgumentError in a run when there is no weight, or both kinds, or another number of weights than
    `range_max`, or a line without a number; NotFoundError when there is no such file.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     classes = tf.constant([[0], [1]], tf.int64)
    ...     sampled = tf.random.fixed_unigram_candidate_sampler(classes, 1, 3, False, 2, unigrams=[0.0, 1.0])
    ...     print(sess.run(sampled.sampled_candidates), sess.run(sampled.true_expected_count).ravel())
    [1 1 1] [0. 3.]
    """
    return _sampled(
        "FixedUnigramCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
        range_max=range_max,
        vocab_file=vocab_file,
        distortion=distortion,
        num_reserved_ids=num_reserved_ids,
        num_shards=num_shards,
        shard=shard,
        unigrams=list(unigrams),
    )


def all_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    seed: int | None = None,
    name: str | None = None,
) -> Any:
    """All classes from 0 to `num_sampled - 1`, with expected counts of 1; for tests.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sampled = tf.random.all_candidate_sampler(tf.constant([[1]], tf.int64), 1, 3, True)
    ...     print(sess.run(sampled.sampled_candidates))
    [0 1 2]
    """
    return _sampled(
        "AllCandidateSampler",
        true_classes,
        seed,
        name,
        num_true=num_true,
        num_sampled=num_sampled,
        unique=unique,
    )


def compute_accidental_hits(
    true_classes: Any,
    sampled_candidates: Any,
    num_true: int,
    seed: int | None = None,
    name: str | None = None,
) -> AccidentalHits:
    """Where the true classes of a batch are among the candidates that were drawn for it.

    Args:
        true_classes: int64 `[batch, num_true]`.
        sampled_candidates: int64 `[num_sampled]`.
        num_true: the number of columns of `true_classes`.
        seed: kept in the node.

    Returns:
        A named tuple of vectors with an element for each hit: `indices`, the row of the true class, int32;
        `ids`, the position in `sampled_candidates`, int64; `weights`, the lowest float32, to be added to the
        logits of the candidates.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     true, drawn = tf.constant([[7], [5]], tf.int64), tf.constant([5, 6], tf.int64)
    ...     hits = tf.nn.compute_accidental_hits(true, drawn, 1)
    ...     print(*sess.run([hits.indices, hits.ids]))
    [1] [0]
    """
    seed1, seed2 = get_seed(seed)
    attrs = {"num_true": num_true, "seed": seed1 or 0, "seed2": seed2 or 0}
    return AccidentalHits(
        *emit("ComputeAccidentalHits", true_classes, sampled_candidates, **attrs, name=name)
    )
