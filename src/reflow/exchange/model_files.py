"""What kind of model is at a path: a checkpoint, a graph, a graph with collections, a SavedModel."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from reflow.base import errors, protos
from reflow.base.bundle_files import current_index
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.saved_model.loader import maybe_saved_model_directory, parse_saved_model
from reflow.saved_model.tensor_info import get_variables_path
from reflow.train.checkpoint_state import checkpoint_exists, latest_checkpoint
from reflow.train.graph_io import read_message

CHECKPOINT, GRAPH, META_GRAPH, SAVED_MODEL = "checkpoint", "GraphDef", "MetaGraphDef", "SavedModel"
ENDINGS = (".index", ".meta")


@dataclass
class ModelFile:
    """What was found at `path`: its kind, its graphs, and the checkpoint with its variables, if any."""

    kind: str
    path: str
    graphs: list[Any] = field(default_factory=list)  # MetaGraphDef messages
    checkpoint: str | None = None


def find_model(path: str | os.PathLike[str]) -> ModelFile:
    """The model at `path`.

    A path may be that of a SavedModel's folder or file, of a folder with checkpoints (the newest is taken),
    of a checkpoint (with or without `.index`, `.meta` or `.data-...`), or of a file with a graph.

    Raises NotFoundError when nothing is there, DataLossError when it is damaged or none of these.
    """
    path = os.fspath(path)
    if os.path.isdir(path):
        return _folder(path)
    if os.path.basename(path) in ("saved_model.pb", "saved_model.pbtxt"):
        return _saved_model(os.path.dirname(path) or ".")
    if path.endswith(".meta") and os.path.exists(path):
        prefix = path.removesuffix(".meta")
        return ModelFile(META_GRAPH, path, [_message(path, protos.MetaGraphDef)], _if_there(prefix))
    prefix = _prefix(path)
    if _if_there(prefix) is not None and not path.endswith((".pb", ".pbtxt")):
        return ModelFile(CHECKPOINT, prefix, _graph_beside(prefix), prefix)
    if not os.path.exists(path):
        raise errors.NotFoundError(None, None, f"{path}: there is no such file, folder or checkpoint")
    return _file(path)


def _folder(path: str) -> ModelFile:
    if maybe_saved_model_directory(path):
        return _saved_model(path)
    newest = latest_checkpoint(path)
    if newest is None:
        raise errors.NotFoundError(
            None,
            None,
            f"{path}: the folder has neither a SavedModel (saved_model.pb) nor a file `checkpoint` that "
            "names a checkpoint that is there",
        )
    return ModelFile(CHECKPOINT, newest, _graph_beside(newest), newest)


def _saved_model(folder: str) -> ModelFile:
    if not maybe_saved_model_directory(folder):
        raise errors.NotFoundError(
            None, None, f"{folder}: there is no saved_model.pb and no saved_model.pbtxt"
        )
    message = parse_saved_model(folder)
    return ModelFile(SAVED_MODEL, folder, list(message.meta_graphs), _if_there(get_variables_path(folder)))


def _prefix(path: str) -> str:
    """The checkpoint that a file is a part of."""
    head, mark, _ = path.rpartition(".data-")
    return head if mark else path.removesuffix(".index")


def _if_there(prefix: str) -> str | None:
    if current_index(prefix) is not None:
        return prefix
    return prefix if os.path.isfile(prefix) and _is_old_checkpoint(prefix) else None


def _is_old_checkpoint(path: str) -> bool:
    """Whether a file is a checkpoint of version 1, which has no extension of its own."""
    try:
        with open_checkpoint(path):
            return checkpoint_exists(path)
    except errors.OpError:
        return False


def _graph_beside(prefix: str) -> list[Any]:
    path = prefix + ".meta"
    return [_message(path, protos.MetaGraphDef)] if os.path.exists(path) else []


def _message(path: str, kind: Any) -> Any:
    return read_message(path, kind)


def _file(path: str) -> ModelFile:
    """A file that holds a graph; a GraphDef unless it makes no sense as one."""
    failure = None
    for kind, name in ((protos.GraphDef, GRAPH), (protos.MetaGraphDef, META_GRAPH)):
        try:
            message = _message(path, kind)
        except errors.DataLossError as error:
            failure = failure or error
            continue
        if _is_graph(message if name == GRAPH else message.graph_def):
            graph = protos.MetaGraphDef(graph_def=message) if name == GRAPH else message
            return ModelFile(name, path, [graph])
    if failure is not None:
        raise failure
    raise errors.DataLossError(None, None, f"{path} holds no graph, and is no checkpoint and no SavedModel")


def _is_graph(graph: Any) -> bool:
    return bool(graph.node) and all(node.name and node.op for node in graph.node)
