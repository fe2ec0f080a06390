"""The graph in a file of any of TensorFlow's kinds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

from reflow.base import errors, protos
from reflow.graph import core, importer
from reflow.summary.iterator import summary_iterator

SAVED_MODELS = ("saved_model.pb", "saved_model.pbtxt")
KINDS = ("GraphDef", "MetaGraphDef", "SavedModel")
_OP_TYPE = re.compile(r"[A-Za-z_][A-Za-z0-9_.>]*")


def read_graph(path: Any) -> Any:
    """The GraphDef in a file: a GraphDef, or that of a MetaGraphDef, a SavedModel or an event file.

    Of the several that a SavedModel can have it is the first, of an event file the last.

    Args:
        path: the file, in binary or text form, or the folder of a SavedModel.

    Raises:
        ValueError: no graph is in it.
        OSError: it cannot be read.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> with tf.Graph().as_default() as graph:
    ...     _ = tf.constant(1.0, name="one")
    >>> file = tf.train.write_graph(graph, tempfile.mkdtemp(), "graph.pbtxt")
    >>> [node.name for node in read_graph(file).node]
    ['one']
    """
    path = _file(os.fspath(path))
    plain = list(_in_bytes(path))
    graphs = [*_in_events(path), *plain] or list(_in_text(path))
    if not graphs:
        raise ValueError(
            f"no graph in {path}: not a GraphDef, MetaGraphDef, SavedModel or event file with one"
        )
    return graphs[0]


def _file(path: str) -> str:
    found = [name for name in SAVED_MODELS if os.path.isfile(os.path.join(path, name))]
    return os.path.join(path, found[0]) if found else path


def _in_events(path: str) -> Iterator[Any]:
    """The last graph of an event file, which is the largest one of a program that goes on building."""
    found = None
    try:
        for event in summary_iterator(path):
            if event.graph_def:
                found = protos.GraphDef.FromString(event.graph_def)
            elif event.meta_graph_def and found is None:
                found = protos.MetaGraphDef.FromString(event.meta_graph_def).graph_def
    except (errors.DataLossError, ValueError):
        pass  # not records, or cut off: what was whole counts
    if found is not None:
        yield found


def _in_bytes(path: str) -> Iterator[Any]:
    from google.protobuf.message import DecodeError

    with open(path, "rb") as file:
        data = file.read()
    for kind in KINDS:
        try:
            yield from _graphs(getattr(protos, kind).FromString(data))
        except DecodeError:
            continue


def _in_text(path: str) -> Iterator[Any]:
    from google.protobuf import text_format

    for kind in KINDS:
        try:
            with open(path, encoding="utf-8") as file:
                yield from _graphs(text_format.ParseLines(file, getattr(protos, kind)()))
        except (text_format.ParseError, RecursionError):
            continue
        except UnicodeDecodeError:
            return


def _graphs(message: Any) -> Iterator[Any]:
    """The graph of a message, if it is one indeed: the bytes of one kind may pass for another's."""
    if hasattr(message, "meta_graphs"):
        message = message.meta_graphs[0] if message.meta_graphs else protos.MetaGraphDef()
    graph = message.graph_def if hasattr(message, "graph_def") else message
    if graph.node and all(node.name and _OP_TYPE.fullmatch(node.op) for node in graph.node):
        yield graph


def with_shapes(graph_def: Any) -> Any:
    """A GraphDef with the shapes of all outputs, which most files do not tell: found by building the graph.

    Raises:
        ValueError: Reflow cannot build it, for an op type that it does not know or a damaged graph.
    """
    if any("_output_shapes" in node.attr for node in graph_def.node):
        return graph_def
    graph = core.Graph()
    try:
        with graph.as_default():
            importer.import_graph_def(graph_def, name="")
    except errors.OpError as error:
        raise ValueError(error.message) from None
    return graph.as_graph_def(add_shapes=True)
