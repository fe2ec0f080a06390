"""Elements thrown away so that their classes are as often as wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.data.dataset import Dataset
from reflow.data.experimental import sample_from_datasets, scan, unbatch
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Tensor
from reflow.ops.arithmetic import add, truediv
from reflow.ops.array import one_hot, shape
from reflow.ops.casting import cast
from reflow.ops.control_flow import cond
from reflow.ops.printing import Print
from reflow.ops.random import random_uniform
from reflow.ops.reduction import reduce_max, reduce_min, reduce_sum
from reflow.ops.shaping import expand_dims

ELEMENTS = 32  # whose classes are counted at a time
SMOOTHING = 10  # how often each class is taken to have come before
PREFETCHED = 3
MESSAGE = "Proportion of examples rejected by sampler is high: "


def rejection_resample(
    class_func: Callable[..., Any], target_dist: Any, initial_dist: Any = None, seed: Any = None
) -> Callable[[Dataset], Dataset]:
    """For `dataset.apply`: pairs of a class and an element, of which some are thrown away.

    Args:
        class_func: a function of an element that returns its class, a scalar int32 from 0 on.
        target_dist: how often each class is wanted, a vector of float32 or float64 that sums to 1.
        initial_dist: how often each class is; estimated from the elements so far if left out.
        seed: the seed of what is thrown away.

    >>> import reflow as tf
    >>> resample = tf.data.experimental.rejection_resample(lambda x: tf.to_int32(x % 2), [0.1, 0.9])
    >>> tf.data.Dataset.range(10).apply(resample)
    <DatasetV1Adapter shapes: ((), ()), types: (tf.int32, tf.int64)>
    """

    def resampled(dataset: Dataset) -> Dataset:
        target = convert_to_tensor(target_dist, name="target_dist")
        classes = dataset.map(class_func)
        if initial_dist is None:
            initial = _estimated(target, classes)
            both = initial.map(lambda initial: _acceptance(initial, target))
            accepted = both.map(lambda accept_prob, _: accept_prob)
            kept = both.map(lambda _, prob_original: prob_original)
            known = None
        else:
            given = convert_to_tensor(initial_dist, name="initial_dist")
            acceptance, least = _acceptance(given, target)
            initial = Dataset.from_tensors(given).repeat()
            accepted = Dataset.from_tensors(acceptance).repeat()
            kept = Dataset.from_tensors(least).repeat()
            known = _known_share(given, target)
        filtered = _filtered(dataset, accepted, initial, classes, seed).prefetch(PREFETCHED)
        whole = Dataset.zip((classes, dataset))
        if known == 1:
            return whole
        if known == 0:
            return filtered
        weights = kept.map(lambda prob: [(prob, 1.0 - prob)])
        return sample_from_datasets([whole, filtered], weights, seed)

    return resampled


def _known_share(initial: Tensor, target: Tensor) -> Any:
    """The share of the elements to take as they are, where it is known."""
    known, wanted = constant_value(initial), constant_value(target)
    return None if known is None or wanted is None else np.min(wanted / known)


def _acceptance(initial: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """How often to accept an element of each class, and the share of elements to take as they are.

    With the latter, as few as possible are thrown away: the rest makes up for what it lacks.
    """
    dtype = initial.dtype.as_numpy_dtype
    ratio = target / (initial + np.finfo(dtype).tiny)
    most, least = reduce_max(ratio), reduce_min(ratio)
    return (ratio - least) / (most - least), least


def _filtered(dataset: Dataset, accepted: Dataset, initial: Dataset, classes: Dataset, seed: Any) -> Dataset:
    def maybe_warn_on_large_rejection(accept_dist: Tensor, initial_dist: Tensor) -> Tensor:
        rejected = reduce_sum((1 - accept_dist) * initial_dist)
        shown = [rejected, initial_dist, accept_dist]
        warn = lambda: Print(accept_dist, shown, message=MESSAGE, summarize=100, first_n=10)  # noqa: E731
        return cond(rejected < 0.5, lambda: accept_dist, warn)  # type: ignore[no-any-return]

    def _gather_and_copy(class_val: Tensor, acceptance_prob: Tensor, data: Any) -> Any:
        return class_val, emit("GatherV2", acceptance_prob, class_val, 0), data

    accepted = Dataset.zip((accepted, initial)).map(maybe_warn_on_large_rejection)
    rows = Dataset.zip((classes, accepted, dataset)).map(_gather_and_copy)
    rows = rows.filter(lambda _1, p, _2: random_uniform([], seed=seed) < p)
    return rows.map(lambda class_value, _, data: (class_value, data))


def _estimated(target: Tensor, classes: Dataset) -> Dataset:
    """For each element, how often each class was until then."""
    count = target.shape[0].value or shape(target)[0]
    seen = emit("Fill", [count], np.int64(SMOOTHING))

    def update_estimate_and_tile(seen: Tensor, found: Tensor) -> Any:
        updated, share = _counted(found, seen)
        return updated, emit("Tile", expand_dims(share, 0), [ELEMENTS, 1])

    return classes.batch(ELEMENTS).apply(scan(seen, update_estimate_and_tile)).apply(unbatch())


def _counted(found: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """How often each class has come, with some more classes found, and what share of all that is."""
    rows = one_hot(found, seen.shape[0].value, dtype=dtypes.int64)
    updated = add(seen, reduce_sum(rows, 0))
    return updated, cast(truediv(updated, reduce_sum(updated)), dtypes.float32)
