"""Where an iterator is in its dataset, as something that can be kept and gone back to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from reflow.base import errors, protos
from reflow.base.pipeline.buffering import Iteration
from reflow.base.pipeline.core import Dataset

KIND = "reflow::Iterator"


def parts(dataset: Dataset) -> Iterator[Dataset]:
    """A dataset and all that it is made of, in an order that depends on nothing else."""
    todo = [dataset]
    while todo:
        one = todo.pop()
        yield one
        held = [getattr(one, name, None) for name in ("source", "selector")]
        todo += [d for d in (*held, *getattr(one, "sources", ())) if isinstance(d, Dataset)]


def functions(dataset: Dataset) -> Iterator[Any]:
    """The functions that a dataset and all that it is made of call."""
    for one in parts(dataset):
        yield from (f for f in (getattr(one, "function", None),) if f is not None)
        yield from getattr(one, "functions", ())


def _random(dataset: Dataset) -> list[Any]:
    """What draws numbers from seeds of its own."""
    return [one for one in parts(dataset) if getattr(one, "seeds", None) is not None]


def serialized(iteration: Iteration) -> bytes:
    """The position of an iterator that has begun a pass, as a VariantTensorDataProto: how many elements it
    took, and the seeds of what is random, also where these came from the system."""
    taken, dataset = iteration.position()
    state = {"taken": taken, "seeds": [list(one.seeds) for one in _random(dataset)]}
    message = protos.VariantTensorDataProto(type_name=KIND, metadata=json.dumps(state).encode())
    return bytes(message.SerializeToString())


def restore(iteration: Iteration, data: bytes) -> None:
    """Go to a position. InvalidArgumentError when it is not of such a dataset, or no position at all."""
    taken, seeds = _read(data)
    _, dataset = iteration.position()
    random = _random(dataset)
    if len(random) != len(seeds):
        raise errors.InvalidArgumentError(
            None,
            None,
            f"The iterator that was saved has {len(seeds)} random datasets, this one has {len(random)}",
        )
    for one, pair in zip(random, seeds, strict=True):
        one.seeds = pair
    iteration.resume(taken)


def _read(data: bytes) -> tuple[int, list[tuple[int, int]]]:
    try:
        message = protos.VariantTensorDataProto.FromString(data)
        if message.type_name == KIND:
            state = json.loads(message.metadata)
            return int(state["taken"]), [(int(a), int(b)) for a, b in state["seeds"]]
    except Exception as error:
        raise errors.DataLossError(None, None, f"The state of an iterator is damaged: {error}") from None
    raise errors.InvalidArgumentError(
        None, None, f"A state of the kind {message.type_name!r} is not one of an iterator of Reflow"
    )
