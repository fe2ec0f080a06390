"""`tf.contrib.predictor`: functions that run a saved model."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from reflow.graph.core import Graph
from reflow.runtime.session import Session
from reflow.saved_model import constants, loader

DEFAULT_TAGS = "serve"
_log = logging.getLogger("tensorflow")


class Predictor:
    """A graph in a session of its own, to be called with a dict of values by name."""

    _graph: Graph
    _session: Session
    _feed_tensors: dict[str, Any]
    _fetch_tensors: dict[str, Any]

    @property
    def graph(self) -> Graph:
        """The graph."""
        return self._graph

    @property
    def session(self) -> Session:
        """The session, which has the variables' values."""
        return self._session

    @property
    def feed_tensors(self) -> dict[str, Any]:
        """The tensors that are fed, by the names of their values."""
        return self._feed_tensors

    @property
    def fetch_tensors(self) -> dict[str, Any]:
        """The tensors that are computed, by the names of the results."""
        return self._fetch_tensors

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__} with feed tensors {self._feed_tensors} "
            f"and fetch_tensors {self._fetch_tensors}"
        )

    def __call__(self, input_dict: Mapping[str, Any]) -> dict[str, Any]:
        """The results, by name, for values by name. ValueError for a name that is no input."""
        unexpected = set(input_dict) - set(self._feed_tensors)
        if unexpected:
            raise ValueError(
                f"Got unexpected keys in input_dict: {sorted(unexpected)}\n"
                f"expected: {sorted(self._feed_tensors)}"
            )
        feed = {
            tensor: input_dict[key]
            for key, tensor in self._feed_tensors.items()
            if input_dict.get(key) is not None
        }
        result: dict[str, Any] = self._session.run(self._fetch_tensors, feed)
        return result


class SavedModelPredictor(Predictor):
    """Runs a signature of a SavedModel. The arguments are those of `from_saved_model`."""

    def __init__(
        self,
        export_dir: Any,
        signature_def_key: str | None = None,
        signature_def: Any = None,
        input_names: Mapping[str, str] | None = None,
        output_names: Mapping[str, str] | None = None,
        tags: str | None = None,
        graph: Graph | None = None,
        config: Any = None,
    ) -> None:
        _check_arguments(signature_def_key, signature_def, input_names, output_names)
        tags = tags or DEFAULT_TAGS
        self._graph = graph or Graph()
        with self._graph.as_default():
            self._session = Session(config=config)
            loader.load(self._session, tags.split(","), export_dir)
        if input_names is None or output_names is None:
            signature = signature_def or get_signature_def(signature_def_key, export_dir, tags)
            input_names = {name: info.name for name, info in signature.inputs.items()}
            output_names = {name: info.name for name, info in signature.outputs.items()}
        self._feed_tensors = {k: self._graph.get_tensor_by_name(v) for k, v in input_names.items()}
        self._fetch_tensors = {k: self._graph.get_tensor_by_name(v) for k, v in output_names.items()}


def _check_arguments(key: Any, signature: Any, input_names: Any, output_names: Any) -> None:
    if (input_names is None) != (output_names is None):
        raise ValueError("input_names and output_names must both be specified or both be unspecified.")
    if sum(x is not None for x in (key, signature, input_names)) > 1:
        raise ValueError(
            "You must specify at most one of signature_def_key OR signature_def OR "
            "(input_names AND output_names)."
        )


def get_meta_graph_def(saved_model_dir: Any, tags: str) -> Any:
    """The MetaGraphDef of a SavedModel that has the tags, separated by commas. ValueError when none has."""
    wanted = {tag.strip() for tag in tags.split(",")}
    for graph in loader.parse_saved_model(saved_model_dir).meta_graphs:
        if set(graph.meta_info_def.tags) == wanted:
            return graph
    raise ValueError(f"Could not find MetaGraphDef with tags {tags}")


def get_signature_def(signature_def_key: str | None, export_dir: Any, tags: str) -> Any:
    """A signature of a SavedModel, the default one for None. ValueError when it is not there."""
    key = signature_def_key or constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    found = get_meta_graph_def(export_dir, tags).signature_def
    for name in (key, f"default_input_alternative:{key}"):
        if name in found:
            if name != key:
                _log.warning('Could not find signature def "%s". Using "%s" instead', key, name)
            return found[name]
    raise ValueError(f'Got signature_def_key "{key}". Available signatures are {sorted(found)}.')


def from_saved_model(
    export_dir: Any,
    signature_def_key: str | None = None,
    signature_def: Any = None,
    input_names: Mapping[str, str] | None = None,
    output_names: Mapping[str, str] | None = None,
    tags: str | None = None,
    graph: Graph | None = None,
    config: Any = None,
) -> SavedModelPredictor:
    """A function that runs a SavedModel: it takes and returns dicts of values by name.

    Args:
        export_dir: the SavedModel's folder.
        signature_def_key: the name of the signature; "serving_default" if None.
        signature_def: a SignatureDef message in place of one of the model's.
        input_names, output_names: names of tensors by the names that the values are to have, in place of a
            signature.
        tags: the tags of the graph, separated by commas; "serve" if None.
        graph: the graph to load the model into; a new one if None.
        config: the session's `tf.ConfigProto`.

    Raises:
        ValueError: there is no such signature, or more than one way to choose one is used.
        OSError, RuntimeError, tf.errors.DataLossError: as `tf.saved_model.loader.load`.

    >>> import os, tempfile, reflow as tf
    >>> folder = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, [None])
    ...     v = tf.Variable(2.0)
    ...     sess.run(v.initializer)
    ...     tf.saved_model.simple_save(sess, folder, {"x": x}, {"y": x * v})
    >>> predict = tf.contrib.predictor.from_saved_model(folder)
    >>> predict({"x": [1, 4]})
    {'y': array([2., 8.], dtype=float32)}
    """
    return SavedModelPredictor(
        export_dir, signature_def_key, signature_def, input_names, output_names, tags, graph, config
    )
