"""TensorInfo messages: what a signature says of a tensor."""

from __future__ import annotations

import os
from typing import Any

from reflow.base import dtypes, protos
from reflow.base.shape import unknown_shape
from reflow.graph.composite import SparseTensor
from reflow.graph.core import Graph
from reflow.graph.graph import get_default_graph
from reflow.model.variable_common import with_scope
from reflow.platform import gfile
from reflow.saved_model import constants


def build_tensor_info(tensor: Any) -> Any:
    """A TensorInfo message with the name, the type and the shape of a tensor or sparse tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     info = tf.saved_model.utils.build_tensor_info(tf.placeholder(tf.float32, [None, 2], name="x"))
    >>> info.name, info.dtype, [d.size for d in info.tensor_shape.dim]
    ('x:0', 1, [-1, 2])
    """
    info = protos.TensorInfo(
        dtype=dtypes.as_dtype(tensor.dtype).as_datatype_enum, tensor_shape=tensor.get_shape().as_proto()
    )
    if isinstance(tensor, SparseTensor):
        info.coo_sparse.values_tensor_name = tensor.values.name
        info.coo_sparse.indices_tensor_name = tensor.indices.name
        info.coo_sparse.dense_shape_tensor_name = tensor.dense_shape.name
    else:
        info.name = tensor.name
    return info


def build_tensor_info_from_op(op: Any) -> Any:
    """A TensorInfo message that names an operation; it has no type and no shape.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     build_tensor_info_from_op(tf.no_op(name="start")).name
    'start'
    """
    return protos.TensorInfo(dtype=0, tensor_shape=unknown_shape().as_proto(), name=op.name)


def get_tensor_from_tensor_info(
    tensor_info: Any, graph: Graph | None = None, import_scope: str | None = None
) -> Any:
    """The tensor, or sparse tensor, that a TensorInfo message names.

    Args:
        tensor_info: the message.
        graph: where to look; the default graph if None.
        import_scope: the name scope that the graph was imported into.

    Raises:
        KeyError: there is no such tensor.
        ValueError: the message names nothing, or a tensor of a kind that Reflow does not have.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     tf.saved_model.utils.get_tensor_from_tensor_info(build_tensor_info(x)) is x
    True
    """
    graph = graph or get_default_graph()
    encoding = tensor_info.WhichOneof("encoding")

    def found(name: str) -> Any:
        return graph.get_tensor_by_name(with_scope(name, import_scope))

    if encoding == "name":
        return found(tensor_info.name)
    if encoding == "coo_sparse":
        parts = tensor_info.coo_sparse
        return SparseTensor(
            found(parts.indices_tensor_name),
            found(parts.values_tensor_name),
            found(parts.dense_shape_tensor_name),
        )
    raise ValueError(f"Invalid TensorInfo.encoding: {encoding}")


def get_element_from_tensor_info(
    tensor_info: Any, graph: Graph | None = None, import_scope: str | None = None
) -> Any:
    """The operation or tensor that a TensorInfo message names. KeyError when there is none."""
    graph = graph or get_default_graph()
    return graph.as_graph_element(with_scope(tensor_info.name, import_scope))


# Where the parts of a SavedModel are


def get_variables_dir(export_dir: Any) -> str:
    """The folder of the variables' checkpoint.

    >>> get_variables_dir("model")
    'model/variables'
    """
    return os.path.join(os.fsdecode(export_dir), constants.VARIABLES_DIRECTORY)


def get_variables_path(export_dir: Any) -> str:
    """The path of the variables' checkpoint, without extensions.

    >>> get_variables_path("model")
    'model/variables/variables'
    """
    return os.path.join(get_variables_dir(export_dir), constants.VARIABLES_FILENAME)


def get_assets_dir(export_dir: Any) -> str:
    """The folder of the model's files.

    >>> get_assets_dir("model")
    'model/assets'
    """
    return os.path.join(os.fsdecode(export_dir), constants.ASSETS_DIRECTORY)


def get_or_create_variables_dir(export_dir: Any) -> str:
    """The folder of the variables' checkpoint; it is made if it is missing."""
    return _made(get_variables_dir(export_dir))


def get_or_create_assets_dir(export_dir: Any) -> str:
    """The folder of the model's files; it is made if it is missing."""
    return _made(get_assets_dir(export_dir))


def _made(folder: str) -> str:
    gfile.MakeDirs(folder)
    return folder
