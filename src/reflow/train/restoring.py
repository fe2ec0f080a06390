"""What is said when a checkpoint does not fit the graph, and checkpoints that keep objects."""

from __future__ import annotations

from typing import Any

from reflow.base import errors, protos
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.graph.graph import constant_value

OBJECT_GRAPH_KEY = "_CHECKPOINTABLE_OBJECT_GRAPH"
ASSIGNMENTS = ("Assign", "AssignVariableOp")
PASSES_ON = ("Identity",)


def explained(
    error: errors.OpError, reason: str, path: str | None = None, restoring: Any = None
) -> errors.OpError:
    """The error of restoring with what is most likely wrong, and the variables whose shapes differ."""
    text = (
        f"Restoring from checkpoint failed. This is most likely due to {reason} from the checkpoint. Please "
        f"ensure that you have not altered the graph expected based on the checkpoint. Original error:\n\n"
        f"{error.message}"
    )
    if path is not None:
        rows = _differences(path, restoring)
        text += "".join(f"\n{row}" for row in rows)
    return type(error)(error.node_def, error.op, text)  # type: ignore[call-arg]


def _differences(path: str, restoring: Any) -> list[str]:
    """A line for each variable whose shape in the checkpoint is another one than in the graph."""
    rows = []
    with open_checkpoint(path) as checkpoint:
        for name, shape in _restored_shapes(restoring):
            if checkpoint.has(name) and not shape.is_compatible_with(checkpoint.shape(name)):
                stored = list(checkpoint.shape(name))
                rows.append(f"{name!r} has the shape {stored} in the checkpoint, and {shape} in the graph")
    return rows


def _restored_shapes(restoring: Any) -> list[tuple[str, Any]]:
    """The names in the checkpoint of the variables that an operation restores as wholes, and their shapes."""
    found, todo, seen = [], [restoring], set()
    while todo:
        op = todo.pop()
        if op in seen:
            continue
        seen.add(op)
        todo += op.control_inputs
        if op.type in ASSIGNMENTS:
            source = op.inputs[1]
            while source.op.type in PASSES_ON:
                source = source.op.inputs[0]
            if source.op.type == "RestoreV2":
                found += _named(source, op)
    return sorted(found, key=lambda row: row[0])


def _named(source: Any, assignment: Any) -> list[tuple[str, Any]]:
    names, slices = (constant_value(t) for t in source.op.inputs[1:])
    if names is None or slices is None or slices[source.value_index]:
        return []
    target = assignment.inputs[0]
    shape = target.op.attrs.get("shape", target.shape) if target.dtype.name == "resource" else target.shape
    return [(names[source.value_index].decode(), shape)]


def object_names(path: str) -> dict[str, str] | None:
    """The keys of a checkpoint of objects by the variables' names; None for a checkpoint of names."""
    from google.protobuf.message import DecodeError

    with open_checkpoint(path) as checkpoint:
        if not checkpoint.has(OBJECT_GRAPH_KEY):
            return None
        data = checkpoint.read(OBJECT_GRAPH_KEY)[()]
    try:
        message = protos.TrackableObjectGraph.FromString(data)
    except (DecodeError, TypeError) as error:
        raise errors.DataLossError(None, None, f"{path}: the graph of objects: {error}") from None
    return {a.full_name: a.checkpoint_key for node in message.nodes for a in node.attributes}
