"""The files that belong to a model, as vocabularies: copied into the SavedModel, and found there again."""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
from collections.abc import Iterable
from typing import Any

import numpy as np

from reflow.base import dtypes, protos
from reflow.base.durable import remove, reporting
from reflow.graph.graph import add_to_collection
from reflow.graph.node import Tensor
from reflow.model.variable_common import with_scope
from reflow.saved_model import constants
from reflow.saved_model.tensor_info import get_assets_dir, get_or_create_assets_dir

# The type that TensorFlow looks for in an `Any` message.
ASSET_TYPE = "type.googleapis.com/tensorflow.AssetFileDef"


def add_assets(tensors: Iterable[Any] | None) -> dict[str, str]:
    """Note files, given as constant string tensors of their paths, in the graph's collection of assets.

    Returns the path of each file by the name that it has in the SavedModel. Raises TypeError for what is no
    constant string scalar, ValueError for an empty path.
    """
    from google.protobuf.any_pb2 import Any as AnyMessage

    paths: dict[str, str] = {}
    for tensor in tensors or ():
        path = _path_of(tensor)
        if not path:
            raise ValueError(f"Invalid asset filepath tensor {tensor}")
        name = _free_name(path, paths)
        asset = protos.AssetFileDef(filename=name)
        asset.tensor_info.name = tensor.name
        packed = AnyMessage(type_url=ASSET_TYPE, value=asset.SerializeToString())
        add_to_collection(constants.ASSETS_KEY, packed)
        paths[name] = path
    return paths


def _path_of(tensor: Any) -> str:
    if not isinstance(tensor, Tensor):
        raise TypeError("Asset path tensor must be a Tensor.")
    if tensor.op.type != "Const":
        raise TypeError("Asset path tensor must be of type constant.")
    if tensor.dtype != dtypes.string:
        raise TypeError("Asset path tensor must be of dtype string.")
    value = np.asarray(tensor.op.attrs["value"])
    if value.size != 1:
        raise TypeError("Asset path tensor must be a scalar.")
    return os.fsdecode(value.reshape(-1)[0])


def _free_name(path: str, taken: dict[str, str]) -> str:
    """The file's own name; with a number when another file has it, unless both hold the same."""
    name = base = os.path.basename(path)
    if name in taken and taken[name] != path:
        with reporting(path):
            if filecmp.cmp(path, taken[name], shallow=False):
                return name
        number = 1
        while name in taken:
            name = f"{base}_{number}"
            number += 1
    return name


def copy_assets(paths: dict[str, str], export_dir: Any) -> None:
    """Copy files into a SavedModel; those that are there already stay. Raises the file system's error."""
    if not paths:
        return
    folder = get_or_create_assets_dir(export_dir)
    for name, source in paths.items():
        target = os.path.join(folder, name)
        if not os.path.exists(target):
            _copy(source, target)


def _copy(source: str, target: str) -> None:
    beside = f"{target}.tmp{secrets.token_hex(8)}"
    with reporting(source):
        try:
            shutil.copyfile(source, beside)
            os.replace(beside, target)
        except BaseException:
            remove(beside)
            raise


def get_asset_tensors(
    export_dir: Any, meta_graph_def_to_load: Any, import_scope: str | None = None
) -> dict[str, str]:
    """The paths of a SavedModel's files by the names of the tensors that are to be fed with them."""
    folder = get_assets_dir(export_dir)
    return {
        with_scope(asset.tensor_info.name, import_scope): os.path.join(folder, asset.filename)
        for asset in assets_of(meta_graph_def_to_load)
    }


def assets_of(meta_graph_def: Any) -> list[Any]:
    """The AssetFileDef messages of a graph. ValueError for one that is damaged."""
    from google.protobuf.message import DecodeError

    if meta_graph_def.asset_file_def:
        return list(meta_graph_def.asset_file_def)
    if constants.ASSETS_KEY not in meta_graph_def.collection_def:
        return []
    found = []
    for packed in meta_graph_def.collection_def[constants.ASSETS_KEY].any_list.value:
        if packed.type_url.rpartition(".")[2] != "AssetFileDef":
            raise ValueError(f"The collection {constants.ASSETS_KEY!r} has a message of {packed.type_url!r}")
        try:
            found.append(protos.AssetFileDef.FromString(packed.value))
        except DecodeError as error:
            raise ValueError(f"The collection {constants.ASSETS_KEY!r} is damaged: {error}") from None
    return found
