"""Files that a graph brings along for a TensorBoard plugin; `FileWriter.add_graph` writes them."""

from __future__ import annotations

import abc
from typing import Any, ClassVar, TypeVar

from reflow.graph.graph import Graph, get_default_graph

PREFIX = "__tensorboard_plugin_asset__"
Asset = TypeVar("Asset", bound="PluginAsset")


class PluginAsset(abc.ABC):
    """The files of one plugin. A graph has at most one of each class; `get_plugin_asset` gives it."""

    plugin_name: ClassVar[str | None] = None

    @abc.abstractmethod
    def assets(self) -> dict[str, Any]:
        """The files: name -> content."""


def get_plugin_asset(plugin_asset_cls: type[Asset], graph: Graph | None = None) -> Asset:
    """The asset of a class in a graph (the default graph if None); it is made when there is none.

    ValueError when the class has no `plugin_name`, or another class has the same.

    >>> import reflow as tf
    >>> class Notes(PluginAsset):
    ...     plugin_name = "notes"
    ...     def assets(self):
    ...         return {"a.txt": "hello"}
    >>> with tf.Graph().as_default():
    ...     get_plugin_asset(Notes) is get_plugin_asset(Notes)
    True
    """
    graph = get_default_graph() if graph is None else graph
    if not plugin_asset_cls.plugin_name:
        raise ValueError(f"Class {plugin_asset_cls.__name__} has no plugin_name")
    found = _members(graph, plugin_asset_cls.plugin_name)
    if not found:
        found = [plugin_asset_cls()]
        graph.add_to_collection(PREFIX + plugin_asset_cls.plugin_name, found[0])
        graph.add_to_collection(PREFIX, plugin_asset_cls.plugin_name)
    if not isinstance(found[0], plugin_asset_cls):
        names = f"{plugin_asset_cls.__name__} and {type(found[0]).__name__}"
        raise ValueError(f"Plugin name collision between classes {names}")
    return found[0]


def get_all_plugin_assets(graph: Graph | None = None) -> list[PluginAsset]:
    """All assets of a graph (the default graph if None)."""
    graph = get_default_graph() if graph is None else graph
    return [_members(graph, name)[0] for name in graph.get_collection(PREFIX)]


def _members(graph: Graph, plugin_name: str) -> list[Any]:
    found = graph.get_collection(PREFIX + plugin_name)
    if len(found) > 1:
        raise ValueError(f"Collection for {plugin_name} had {len(found)} items, expected 1")
    return found
