"""What an exact resume needs beside the variables: random counters, positions of iterators, queues.

They are one text in the checkpoint, under a key of our own that TensorFlow does not look at. A random op's
counter is stored as it is. An iterator's position is the number of elements taken from it: the pipeline is
run again and that many are passed over, so it must give the same elements again, which `captured` checks as
far as seeds go. A queue's elements are stored as they are; those that the threads of queue runners fill are
refused, since what a thread holds at the moment cannot be brought back.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.base.queues import Contents, Queue
from reflow.base.readers import Reader
from reflow.graph import scopes
from reflow.graph.core import Graph
from reflow.graph.graph import constant, constant_value
from reflow.graph.keys import GraphKeys
from reflow.graph.node import Operation, Tensor
from reflow.graph.registry import rule
from reflow.ops.array import placeholder_with_default
from reflow.ops.iterators import IteratorState
from reflow.runtime.store import slot_name
from reflow.train.saveable import SaveableObject, SaveSpec
from reflow.train.saver_builder import BulkSaverBuilder

KEY = "_reflow/exact_state"
NODE = "exact_state"
STATE_OF = "state of "
VERSION = 1
MAX_DRAWN = 1 << 40  # random numbers of one queue: more is no honest count
_log = logging.getLogger("tensorflow")


class ExactSaverBuilder(BulkSaverBuilder):
    """Builds a Saver's nodes with one more tensor to be saved, which the Saver feeds."""

    _state: Tensor | None = None

    def save_op(self, filename_tensor: Any, saveables: list[SaveableObject]) -> Any:
        """The operation that writes the tensors; the first one writes the state, too."""
        if self._state is None:
            self._state = placeholder_with_default(constant(b"", name=f"{NODE}/empty"), shape=(), name=NODE)
            state = SaveableObject(self._state, [SaveSpec(self._state, "", KEY, dtypes.string)], KEY)
            saveables = [*saveables, state]
        return super().save_op(filename_tensor, saveables)


def state_tensor(graph: Graph, saver_def: Any) -> Tensor | None:
    """The tensor to feed with the state when a Saver saves; None if its nodes have none."""
    scope = saver_def.filename_tensor_name.rpartition("/")[0]
    try:
        found: Tensor = graph.get_tensor_by_name(f"{scope}/{NODE}:0" if scope else f"{NODE}:0")
    except (KeyError, ValueError):
        return None
    return found


# Saving


def captured(session: Any) -> bytes:
    """The state of a session's random ops, iterators and queues.

    ValueError when an input pipeline has no seed: it would give other elements when it is run again; and when
    other threads fill a queue.
    """
    random: dict[str, Any] = {}
    iterators: dict[str, Any] = {}
    queues: dict[str, Any] = {}
    with session._lock:
        for name, cell in sorted(session._store.cells.items()):
            if isinstance(cell.value, Queue):
                queues[name] = _packed_queue(cell.value, cell.node)
            elif isinstance(cell.value, Reader) and cell.value.started:
                raise ValueError(
                    f"The reader {cell.node.name!r} has begun, and its place cannot be saved: for "
                    f"Saver(exact=True) read by tf.data. It was made at {cell.node.traceback_line}"
                )
            elif isinstance(cell.value, IteratorState):
                if cell.value.iteration.ready:
                    iterators[name] = cell.value.iteration.taken
            elif name.startswith(STATE_OF) and cell.value is not None:
                random[name.removeprefix(STATE_OF)] = _packed(np.asarray(cell.value))
    if iterators:
        _check_seeds(session.graph)
    message = {"version": VERSION, "random": random, "iterators": iterators, "queues": queues}
    return json.dumps(message).encode()


def _packed(array: np.ndarray) -> dict[str, Any]:
    data: Any
    if array.dtype == object:
        data = [base64.b64encode(text).decode() for text in array.reshape(-1)]
    else:
        data = base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()
    return {"dtype": array.dtype.name, "shape": list(array.shape), "data": data}


def _as_array(value: Any) -> np.ndarray:
    return np.array(value, object) if isinstance(value, bytes) else np.asarray(value)


def _packed_queue(queue: Queue, node: Operation) -> dict[str, Any]:
    if node.type == "RandomShuffleQueueV2" and not (node.attrs["seed"] or node.attrs["seed2"]):
        raise ValueError(
            f"The queue {node.name!r} has no seed, so it cannot be brought back to where it is: for "
            "Saver(exact=True) call tf.set_random_seed before it is made, or give it a seed. It was made at "
            f"{node.traceback_line}"
        )
    runners = [r.name for r in node.graph.get_collection(GraphKeys.QUEUE_RUNNERS)]
    contents = queue.contents()
    if contents is None or node.name in runners:
        raise ValueError(
            f"The queue {node.name!r} is used by other threads, and what they hold cannot be saved: "
            "Saver(exact=True) takes input of tf.data, or queues that the program fills itself. It was made "
            f"at {node.traceback_line}"
        )
    rows = [[_packed(_as_array(array)) for array in element] for element in contents.elements]
    return {"elements": rows, "closed": contents.closed, "drawn": contents.drawn}


def _check_seeds(graph: Graph) -> None:
    for node in graph.get_operations():
        _check_seeded(node, node.type.endswith("Dataset") or "DatasetV" in node.type)
    for function in graph.functions.values():
        for node in _nodes_of(function):
            _check_seeded(node, True)


def _nodes_of(function: Any) -> Iterator[Operation]:
    yield from getattr(function, "get_operations", lambda: ())()


def _check_seeded(node: Operation, in_pipeline: bool) -> None:
    if in_pipeline and _is_unseeded(node):
        raise ValueError(
            f"The input pipeline has no seed in {node.name!r} ({node.type}), so it cannot be brought back to "
            "where it is: for Saver(exact=True) call tf.set_random_seed before the pipeline is made, or give "
            f"the op a seed. It was made at {node.traceback_line}"
        )


def _is_unseeded(node: Operation) -> bool:
    """Whether a node takes its seeds from the system."""
    own = rule(node.type)
    if own is not None and own.state is not None and "seed" in node.attrs and "seed2" in node.attrs:
        return not node.attrs["seed"] and not node.attrs["seed2"]
    names = [a.name for a in node.definition.inputs] if node.definition is not None else []
    if "seed" not in names or "seed2" not in names or len(names) != len(node.inputs):
        return False
    seeds = [constant_value(node.inputs[names.index(name)]) for name in ("seed", "seed2")]
    return all(seed is not None and seed == 0 for seed in seeds)


# Restoring


class SavedState:
    """The state in a checkpoint, read and checked against a graph before anything is changed.

    Raises DataLossError when it is damaged, NotFoundError when the graph lacks one of its ops.
    """

    def __init__(self, data: bytes, graph: Graph, path: str) -> None:
        self._path = path
        message = self._parsed(data)
        self._random = [
            (self._node(graph, name), self._array(name, row)) for name, row in message["random"].items()
        ]
        owners = {slot_name(op): op for op in graph.get_operations() if _is_iterator(op)}
        makers = {slot_name(op): op for op in graph.get_operations() if "QueueV2" in op.type}
        self._queues = [
            (self._maker(makers, name), self._contents(name, row)) for name, row in message["queues"].items()
        ]
        for node, contents in self._queues:
            self._check_types(node, contents)
        self._iterators = []
        for name, taken in message["iterators"].items():
            if not isinstance(taken, int) or taken < 0:
                self._damaged(f"the position {taken!r} of the iterator {name!r}")
            if name not in owners:
                raise errors.NotFoundError(
                    None, None, f"{path} has the position of an iterator {name!r}, which is not in the graph"
                )
            self._iterators.append((owners[name], taken))

    def _parsed(self, data: bytes) -> Any:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError) as error:
            self._damaged(str(error))
        if not isinstance(message, dict) or message.get("version") != VERSION:
            self._damaged("it is of another version")
        message.setdefault("queues", {})
        if not all(isinstance(message.get(part), dict) for part in ("random", "iterators", "queues")):
            self._damaged("parts are missing")
        return message

    def _node(self, graph: Graph, name: str) -> Operation:
        op = graph._by_name.get(name)
        own = rule(op.type) if op is not None else None
        if op is None or own is None or own.state is None:
            raise errors.NotFoundError(
                None, None, f"{self._path} has the counter of a random op {name!r}, which is not in the graph"
            )
        return op

    def _array(self, name: str, row: Any) -> np.ndarray:
        try:
            return _unpacked(row)
        except (KeyError, TypeError, ValueError) as error:
            self._damaged(f"the counter of {name!r}: {error}")

    def _maker(self, makers: dict[str, Operation], name: str) -> Operation:
        if name not in makers:
            raise errors.NotFoundError(
                None, None, f"{self._path} has the elements of a queue {name!r}, which is not in the graph"
            )
        return makers[name]

    def _contents(self, name: str, row: Any) -> Contents:
        try:
            elements = [tuple(_unpacked(array) for array in element) for element in row["elements"]]
            found = Contents(elements, row["closed"], row["drawn"])
        except (KeyError, TypeError, ValueError) as error:
            self._damaged(f"the queue {name!r}: {error}")
        drawn_well = isinstance(found.drawn, int) and 0 <= found.drawn <= MAX_DRAWN
        if not (isinstance(found.closed, bool) and drawn_well):
            self._damaged(f"the queue {name!r}: closed {found.closed!r}, {found.drawn!r} numbers drawn")
        return found

    def _check_types(self, node: Operation, contents: Contents) -> None:
        priority = [dtypes.int64] * (node.type == "PriorityQueueV2")
        wanted = [np.dtype(d.as_numpy_dtype) for d in (*priority, *node.attrs["component_types"])]
        for element in contents.elements:
            if [array.dtype for array in element] != wanted:
                self._damaged(f"the queue {node.name!r} has elements of other types than the graph's")

    def _damaged(self, what: str) -> NoReturn:
        raise errors.DataLossError(
            None, None, f"{self._path}: the state for an exact resume is damaged: {what}"
        )

    def apply(self, session: Any) -> None:
        """Bring a session's random ops, iterators and queues to where they were.

        An iterator that is not initialized yet is brought there when it is.
        """
        store = session._store
        with session._lock:
            for node, contents in self._queues:
                store.cell(slot_name(node), node).value.restore(contents)
            for node, array in self._random:
                store.cell(STATE_OF + node.name, node).value = array
            store.host_writes += 1
        with scopes.stores.pushed(store):
            for node, taken in self._iterators:
                store.cell(slot_name(node), node).value.iteration.resume(taken)


def _unpacked(row: Any) -> np.ndarray:
    """The array that `_packed` made a row of."""
    if row["dtype"] == "object":
        texts = np.empty(len(row["data"]), object)
        texts[:] = [base64.b64decode(text, validate=True) for text in row["data"]]
        return texts.reshape(row["shape"])
    data = base64.b64decode(row["data"], validate=True)
    return np.frombuffer(data, np.dtype(row["dtype"])).reshape(row["shape"]).copy()


def _is_iterator(op: Operation) -> bool:
    own = rule(op.type)
    return own is not None and own.slot is IteratorState


def read_state(graph: Graph, path: str) -> SavedState | None:
    """The state in a checkpoint; None, with a warning, if it has none."""
    with open_checkpoint(path) as checkpoint:
        data = checkpoint.read(KEY)[()] if checkpoint.has(KEY) else b""
    if not data:
        _log.warning("%s has no state for an exact resume: only variables are restored", path)
        return None
    return SavedState(bytes(data), graph, path)
