"""The seeds of random datasets."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.data.structure import count_tensor
from reflow.graph.graph import constant, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor
from reflow.ops.random_seed import get_seed


def dataset_seeds(seed: Any) -> tuple[Tensor, Tensor]:
    """The two seeds of a random dataset, as int64 tensors made by TensorFlow's nodes."""
    first, second = get_seed(seed)
    if first is None or second is None:
        return constant(0, dtypes.int64, name="seed"), constant(0, dtypes.int64, name="seed2")
    seed_t = count_tensor(first, "seed")
    with name_scope("seed2") as scope:
        seed2 = convert_to_tensor(second, dtypes.int64)
        both = emit("LogicalAnd", emit("Equal", seed_t, 0), emit("Equal", seed2, 0))
        largest = constant(2**31 - 1, dtypes.int64)
        return seed_t, emit("Select", both, largest, seed2, name=scope)
