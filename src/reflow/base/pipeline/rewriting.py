"""Changes to a pipeline before it runs that give what TensorFlow's own rewrites of its graph give."""

from __future__ import annotations

import copy

from reflow.base.pipeline.core import Dataset
from reflow.base.pipeline.shaping import Repeat
from reflow.base.pipeline.shuffling import Shuffle


def optimized(dataset: Dataset, rewrites: set[str]) -> Dataset:
    """The dataset with the rewrites that show in its elements: a repeated shuffle becomes one that goes on
    from pass to pass. Those that only save time need nothing."""
    return _fused(dataset) if "shuffle_and_repeat_fusion" in rewrites else dataset


def _fused(dataset: Dataset) -> Dataset:
    """A copy in which each repetition of a reshuffling dataset is one with it."""
    new = copy.copy(dataset)
    if hasattr(new, "sources"):
        new.sources = [_fused(s) for s in new.sources]
    source = getattr(new, "source", None)
    if source is None:
        return new
    new.source = source = _fused(source)  # type: ignore[attr-defined]
    if isinstance(new, Repeat) and isinstance(source, Shuffle) and source.fusible:
        return Shuffle(
            source.source,
            source.buffer_size,
            source.seeds,
            source.stream,
            reshuffles=False,
            repeats=new.count,
        )
    return new
