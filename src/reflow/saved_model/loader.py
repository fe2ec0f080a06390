"""Reading SavedModels."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any

from reflow.base import protos
from reflow.graph.core import Graph
from reflow.graph.graph import get_collection
from reflow.saved_model import constants
from reflow.saved_model.assets import get_asset_tensors
from reflow.saved_model.signatures import load_op_from_signature_def
from reflow.saved_model.tensor_info import get_variables_path
from reflow.train.graph_io import read_message
from reflow.train.saver import Saver, all_saveable_objects, import_meta_graph_with_return_elements

_log = logging.getLogger("tensorflow")


def model_file(export_dir: Any) -> str | None:
    """The path of a SavedModel's file, the binary one if there are both; None if there is none."""
    for name in (constants.SAVED_MODEL_FILENAME_PB, constants.SAVED_MODEL_FILENAME_PBTXT):
        path = os.path.join(os.fsdecode(export_dir), name)
        if os.path.exists(path):
            return path
    return None


def maybe_saved_model_directory(export_dir: Any) -> bool:
    """Whether a folder has the file of a SavedModel; the file is not read.

    >>> maybe_saved_model_directory("/no/such/folder")
    False
    """
    return model_file(export_dir) is not None


def parse_saved_model(export_dir: Any) -> Any:
    """The SavedModel message of a folder.

    Raises OSError when there is none, and an error that is both DataLossError and OSError when it is damaged.
    """
    path = model_file(export_dir)
    if path is None:
        raise OSError(
            f"SavedModel file does not exist at: {os.fsdecode(export_dir)}/"
            f"{{{constants.SAVED_MODEL_FILENAME_PBTXT}|{constants.SAVED_MODEL_FILENAME_PB}}}"
        )
    return read_message(path, protos.SavedModel)


def read_saved_model(saved_model_dir: Any) -> Any:
    """`parse_saved_model` by the name that `tf.contrib.saved_model` gives it."""
    return parse_saved_model(saved_model_dir)


def get_saved_model_tag_sets(saved_model_dir: Any) -> list[list[str]]:
    """The tags of each graph of a SavedModel. Raises as `parse_saved_model`."""
    return [list(graph.meta_info_def.tags) for graph in parse_saved_model(saved_model_dir).meta_graphs]


def get_init_op(meta_graph_def: Any, import_scope: str | None = None) -> Any:
    """The operation of an imported graph that is to be run after its variables are restored, or None.

    RuntimeError when there are several, NotFoundError when the graph does not have it.
    """
    found = _op_of_signature(meta_graph_def, constants.INIT_OP_SIGNATURE_KEY, import_scope)
    for key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
        if found is None:
            found = _op_of_collection(meta_graph_def, key)
    return found


def get_train_op(meta_graph_def: Any, import_scope: str | None = None) -> Any:
    """The operation (or tensor) of an imported graph that trains it, or None. Raises as `get_init_op`."""
    found = _op_of_signature(meta_graph_def, constants.TRAIN_OP_SIGNATURE_KEY, import_scope)
    return _op_of_collection(meta_graph_def, constants.TRAIN_OP_KEY) if found is None else found


def _op_of_signature(meta_graph_def: Any, key: str, import_scope: str | None) -> Any:
    if key not in meta_graph_def.signature_def:
        return None
    return load_op_from_signature_def(meta_graph_def.signature_def[key], key, import_scope)


def _op_of_collection(meta_graph_def: Any, key: str) -> Any:
    if key not in meta_graph_def.collection_def:
        return None
    names = meta_graph_def.collection_def[key].node_list.value
    if len(names) != 1:
        raise RuntimeError(f"Expected exactly one SavedModel init op. Found: {list(names)}")
    return get_collection(key)[0]


def load(
    sess: Any, tags: Iterable[str], export_dir: Any, import_scope: str | None = None, **saver_kwargs: Any
) -> Any:
    """Load a graph of a SavedModel, with its variables, into a session.

    Args:
        sess: the session; the graph is added to its graph.
        tags: the tags of the graph, all of them.
        export_dir: the SavedModel's folder.
        import_scope: a name scope to put around the graph. Names in the result are without it.
        **saver_kwargs: as for `tf.train.import_meta_graph`.

    Returns:
        The graph's MetaGraphDef message: its `signature_def` tells what to feed and to fetch.

    Raises:
        OSError: there is no SavedModel.
        tf.errors.DataLossError: it is damaged.
        RuntimeError: no graph has those tags.

    See `tf.saved_model.simple_save` for an example.
    """
    return SavedModelLoader(export_dir).load(sess, tags, import_scope, **saver_kwargs)


class SavedModelLoader:
    """Loads a SavedModel in steps. `load` does them all.

    Args:
        export_dir: the SavedModel's folder.

    Raises as `parse_saved_model`.
    """

    def __init__(self, export_dir: Any) -> None:
        self._export_dir = export_dir
        self._variables_path = get_variables_path(export_dir)
        self._saved_model = parse_saved_model(export_dir)

    @property
    def export_dir(self) -> Any:
        """The SavedModel's folder."""
        return self._export_dir

    @property
    def variables_path(self) -> str:
        """The path of the variables' checkpoint."""
        return self._variables_path

    @property
    def saved_model(self) -> Any:
        """The SavedModel message."""
        return self._saved_model

    def get_meta_graph_def_from_tags(self, tags: Iterable[str]) -> Any:
        """The MetaGraphDef with exactly these tags. RuntimeError when there is none."""
        wanted = set(tags)
        available = [set(graph.meta_info_def.tags) for graph in self._saved_model.meta_graphs]
        for found, graph in zip(available, self._saved_model.meta_graphs, strict=True):
            if found == wanted:
                return graph
        raise RuntimeError(
            f"MetaGraphDef associated with tags {str(tags).strip('[]')} could not be found in SavedModel. "
            f"To inspect available tag-sets in the SavedModel, use `reflow inspect {self._export_dir}`"
            f"\navailable_tags: {[sorted(found) for found in available]}"
        )

    def load_graph(
        self, graph: Graph, tags: Iterable[str], import_scope: str | None = None, **saver_kwargs: Any
    ) -> tuple[Saver | None, list[Any] | None]:
        """Add a graph of the model to `graph`; returns its Saver, if any, and the elements asked for."""
        message = self.get_meta_graph_def_from_tags(tags)
        with graph.as_default():
            return import_meta_graph_with_return_elements(message, import_scope=import_scope, **saver_kwargs)

    def restore_variables(self, sess: Any, saver: Saver | None, import_scope: str | None = None) -> None:
        """Give the variables in a session their values. ValueError when there are some, but no Saver."""
        with sess.graph.as_default():
            if saver is None and not all_saveable_objects(scope=import_scope):
                _log.info("The specified SavedModel has no variables; no checkpoints were restored.")
            elif isinstance(saver, Saver):
                saver.restore(sess, self._variables_path)
            else:
                raise ValueError(
                    "No tf.train.Saver object was passed to the function "
                    "SavedModelLoader.restore_variables. Since there are variables in the graph, a saver is "
                    "required."
                )

    def run_init_ops(self, sess: Any, tags: Iterable[str], import_scope: str | None = None) -> None:
        """Run the model's main op, if it has one, with the paths of its files."""
        message = self.get_meta_graph_def_from_tags(tags)
        with sess.graph.as_default():
            paths = get_asset_tensors(self._export_dir, message, import_scope=import_scope)
            init_op = get_init_op(message, import_scope)
            if init_op is not None:
                sess.run(fetches=[init_op], feed_dict=paths)

    def load(
        self, sess: Any, tags: Iterable[str], import_scope: str | None = None, **saver_kwargs: Any
    ) -> Any:
        """Load a graph of the model, with its variables, into a session; returns its MetaGraphDef."""
        with sess.graph.as_default():
            saver, _ = self.load_graph(sess.graph, tags, import_scope, **saver_kwargs)
            self.restore_variables(sess, saver, import_scope)
            self.run_init_ops(sess, tags, import_scope)
        return self.get_meta_graph_def_from_tags(tags)
