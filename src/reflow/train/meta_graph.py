"""MetaGraphDef messages: a graph with its collections and its saver, out of a program and into one."""

from __future__ import annotations

import importlib
import logging
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from reflow.base import protos
from reflow.graph.core import Graph
from reflow.graph.graph import GraphKeys, get_default_graph
from reflow.graph.importer import import_graph_def
from reflow.graph.op_defs import op_list
from reflow.model.variable_common import without_scope
from reflow.platform.versions import GIT_VERSION, VERSION
from reflow.train.debug_info import debug_info
from reflow.train.graph_io import DamagedFileError, read_message, write_graph

UNBOUND = "$unbound_inputs_"
SAVE_AND_RESTORE_OPS = frozenset(("SaveV2", "Save", "SaveSlices", "RestoreV2", "Restore", "RestoreSlice"))
NOT_KEPT = frozenset((GraphKeys.WHILE_CONTEXT,))  # the graph's own nodes say it all
_log = logging.getLogger("tensorflow")


class _Kind(NamedTuple):
    """How the items of a collection are written: a message type, and the class that is made of one."""

    message: str
    module: str
    name: str

    def read(self, data: bytes, import_scope: str) -> Any:
        message = getattr(protos, self.message).FromString(data)
        return self.made(message, import_scope)

    def made(self, message: Any, import_scope: str) -> Any:
        holder = getattr(importlib.import_module(self.module), self.name)
        return holder.from_proto(message, import_scope=import_scope)


_VARIABLE = _Kind("VariableDef", "reflow.model.variable_base", "Variable")
# Looked up by name when a collection is read: these files import this one.
_KINDS = {
    **dict.fromkeys((*GraphKeys._VARIABLE_COLLECTIONS, GraphKeys.METRIC_VARIABLES), _VARIABLE),
    GraphKeys.SAVERS: _Kind("SaverDef", "reflow.train.saver", "Saver"),
    GraphKeys.COND_CONTEXT: _Kind("CondContextDef", "reflow.ops.control_flow", "CondContext"),
    GraphKeys.QUEUE_RUNNERS: _Kind("QueueRunnerDef", "reflow.train.queue_runner", "QueueRunner"),
}
_WRITTEN_AS_MESSAGES = frozenset(_KINDS) - {GraphKeys.METRIC_VARIABLES}


# Export


def add_collection_def(
    meta_graph_def: Any,
    key: Any,
    graph: Graph | None = None,
    export_scope: str | None = None,
    exclude_nodes: Iterable[str] | None = None,
    override_contents: Sequence[Any] | None = None,
) -> None:
    """Add a collection of a graph to a MetaGraphDef message.

    A collection whose items cannot be written is left out, with a warning, as are keys that are no strings.
    """
    if not isinstance(key, (str, bytes)):
        _log.warning("Only collections with string type keys will be serialized. This key has %s", type(key))
        return
    key = key.decode() if isinstance(key, bytes) else key
    items = override_contents or (graph or get_default_graph()).get_collection(key)
    items = [x for x in items if _included(getattr(x, "name", None), export_scope, exclude_nodes, x)]
    if not items or key in NOT_KEPT:
        return
    try:
        _write_items(meta_graph_def.collection_def[key], key, items, export_scope)
    except (AttributeError, TypeError, ValueError) as error:
        _log.warning(
            "Issue encountered when serializing %s.\nType is unsupported, or the types of the items don't "
            "match field type in CollectionDef. Note this is a warning and probably safe to ignore.\n%s",
            key,
            error,
        )
        del meta_graph_def.collection_def[key]


def _included(
    name: Any, export_scope: str | None, exclude_nodes: Iterable[str] | None, item: Any = None
) -> bool:
    """Whether a node, or an item of a collection, is exported."""
    if isinstance(item, (str, bytes)):
        name = item if isinstance(item, str) else item.decode(errors="replace")
    if not isinstance(name, str):
        return True
    if name in (exclude_nodes or ()):
        return False
    return name.startswith(UNBOUND) or not export_scope or name.startswith(export_scope)


def _write_items(target: Any, key: str, items: list[Any], export_scope: str | None) -> None:
    if key in _WRITTEN_AS_MESSAGES:
        for item in items:
            message = item.to_proto(export_scope=export_scope)
            if message is not None:
                target.bytes_list.value.append(message.SerializeToString())
        return
    first = items[0]
    if isinstance(first, (str, bytes)):
        target.bytes_list.value.extend(x if isinstance(x, bytes) else x.encode() for x in items)
    elif isinstance(first, int):
        target.int64_list.value.extend(items)
    elif isinstance(first, float):
        target.float_list.value.extend(items)
    elif hasattr(first, "DESCRIPTOR") and first.DESCRIPTOR.full_name == "google.protobuf.Any":
        target.any_list.value.extend(items)
    else:
        target.node_list.value.extend(
            without_scope(x.name, export_scope)
            for x in items
            if not export_scope or x.name.startswith(export_scope)
        )


def create_meta_graph_def(
    meta_info_def: Any = None,
    graph_def: Any = None,
    saver_def: Any = None,
    collection_list: Iterable[str] | None = None,
    graph: Graph | None = None,
    export_scope: str | None = None,
    exclude_nodes: Iterable[str] | None = None,
    clear_extraneous_savers: bool = False,
    strip_default_attrs: bool = False,
) -> Any:
    """A MetaGraphDef of a graph, or of `graph_def`, with the collections of the graph.

    The arguments are those of `export_scoped_meta_graph`. TypeError for one of the wrong type.
    """
    _check_type("graph", graph, Graph)
    _check_type("meta_info_def", meta_info_def, protos.MetaGraphDef.MetaInfoDef)
    _check_type("graph_def", graph_def, protos.GraphDef)
    _check_type("saver_def", saver_def, protos.SaverDef)
    graph = graph or get_default_graph()
    message = protos.MetaGraphDef()
    if meta_info_def is not None:
        message.meta_info_def.CopyFrom(meta_info_def)
    message.meta_info_def.tensorflow_version = VERSION
    message.meta_info_def.tensorflow_git_version = GIT_VERSION
    message.graph_def.MergeFrom(graph_def or graph.as_graph_def(add_shapes=True))
    if not message.meta_info_def.stripped_op_list.op:
        message.meta_info_def.stripped_op_list.MergeFrom(op_list(ops_used_by_graph_def(message.graph_def)))
    if strip_default_attrs:
        strip_graph_default_valued_attrs(message)
    if saver_def:
        message.saver_def.MergeFrom(saver_def)
    for key in graph.get_all_collection_keys() if collection_list is None else collection_list:
        only = None
        if clear_extraneous_savers and key == GraphKeys.SAVERS:
            only = [_KINDS[key].made(saver_def, "")]
        add_collection_def(message, key, graph, export_scope, exclude_nodes, only)
    return message


def _check_type(name: str, value: Any, kind: Any) -> None:
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{name} must be of type {kind.__name__}, not {type(value)}")


def ops_used_by_graph_def(graph_def: Any) -> list[str]:
    """The op types of the nodes of a GraphDef and of the functions that they use."""
    functions = {f.signature.name: f for f in graph_def.library.function}
    used = {node.op for node in graph_def.node}
    todo = [name for name in used if name in functions]
    while todo:
        new = {node.op for node in functions[todo.pop()].node_def} - used
        used |= new
        todo += [name for name in new if name in functions]
    return sorted(used - set(functions))


def strip_graph_default_valued_attrs(meta_graph_def: Any) -> None:
    """Remove the attributes of nodes that have the default value of their op, in place."""
    graph = meta_graph_def.graph_def
    defaults = {
        op.name: {a.name: a.default_value for a in op.attr if a.HasField("default_value")}
        for op in op_list(
            {n.op for n in graph.node} | {n.op for f in graph.library.function for n in f.node_def}
        ).op
    }
    for nodes in (graph.node, *(f.node_def for f in graph.library.function)):
        for node in nodes:
            for name, value in defaults.get(node.op, {}).items():
                if name in node.attr and node.attr[name] == value:
                    del node.attr[name]
    meta_graph_def.meta_info_def.stripped_default_attrs = True


def export_scoped_meta_graph(
    filename: str | None = None,
    graph_def: Any = None,
    graph: Graph | None = None,
    export_scope: str | None = None,
    as_text: bool = False,
    unbound_inputs_col_name: str | None = "unbound_inputs",
    clear_devices: bool = False,
    saver_def: Any = None,
    clear_extraneous_savers: bool = False,
    strip_default_attrs: bool = False,
    save_debug_info: bool = False,
    **kwargs: Any,
) -> tuple[Any, dict[str, Any]]:
    """A graph as a MetaGraphDef message, and its variables by name; also written to `filename` if given.

    Args:
        filename: a file for the message.
        graph_def: the nodes, if not those of `graph`.
        graph: the graph; the default graph if None.
        export_scope: export only the nodes of this name scope, without it in their names.
        as_text: write the text form.
        unbound_inputs_col_name: the collection that lists inputs that come from outside the scope.
        clear_devices: leave the devices out.
        saver_def: the SaverDef to add.
        clear_extraneous_savers: leave out the nodes of savers other than that of `saver_def`.
        strip_default_attrs: leave out attributes that have their default value.
        save_debug_info: write where the nodes were made to a file of its own, with the extension `.debug`.
        **kwargs: `meta_info_def` and `collection_list`.
    """
    graph = graph or get_default_graph()
    exclude: Iterable[str] = ()
    if export_scope or clear_extraneous_savers or clear_devices:
        source = graph_def or graph.as_graph_def(add_shapes=True)
        exclude = _extraneous_nodes(source, saver_def) if clear_extraneous_savers else ()
        graph_def, unbound = _scoped_graph_def(source, export_scope, exclude, clear_devices)
        if unbound_inputs_col_name:
            graph.clear_collection(unbound_inputs_col_name)
            for name in unbound:
                graph.add_to_collection(unbound_inputs_col_name, name)
    variables = {
        without_scope(v.name, export_scope): v
        for v in graph.get_collection(GraphKeys.GLOBAL_VARIABLES, scope=export_scope)
        if _included(v.name, export_scope, exclude)
    }
    message = create_meta_graph_def(
        graph_def=graph_def,
        graph=graph,
        export_scope=export_scope,
        exclude_nodes=exclude,
        clear_extraneous_savers=clear_extraneous_savers,
        saver_def=saver_def,
        strip_default_attrs=strip_default_attrs,
        **kwargs,
    )
    if filename:
        _write(message, filename, as_text)
        if save_debug_info:
            names = [_with_scope(n.name, export_scope) for n in message.graph_def.node]
            operations = [graph.get_operation_by_name(n) for n in names]
            _write(debug_info(operations), os.path.splitext(filename)[0] + ".debug", as_text)
    return message, variables


def _write(message: Any, filename: str, as_text: bool) -> None:
    write_graph(message, os.path.dirname(filename), os.path.basename(filename), as_text=as_text)


def _scoped_graph_def(
    source: Any, export_scope: str | None, exclude: Iterable[str], clear_devices: bool
) -> tuple[Any, list[str]]:
    """The nodes of a scope, and which of their inputs come from outside of it."""
    found = protos.GraphDef(versions=source.versions, library=source.library)
    unbound: list[str] = []
    for node in source.node:
        if _included(node.name, export_scope, exclude):
            copy = found.node.add()
            copy.CopyFrom(node)
            _strip_scope(copy, export_scope, unbound)
            if clear_devices:
                copy.device = ""
    return found, unbound


def _strip_scope(node: Any, scope: str | None, unbound: list[str]) -> None:
    for i, text in enumerate(node.input):
        if scope and not text.lstrip("^").startswith(scope):
            caret = "^" if text.startswith("^") else ""
            node.input[i] = caret + UNBOUND + text.removeprefix("^")
            unbound.append(node.input[i])
        else:
            node.input[i] = _without(text, scope)
    node.name = without_scope(node.name, scope)
    if "_class" in node.attr:
        groups = [s for s in node.attr["_class"].list.s if not scope or _group(s).startswith(scope)]
        del node.attr["_class"].list.s[:]
        node.attr["_class"].list.s.extend(_without(g.decode(), scope).encode() for g in groups)
        node.attr["_class"].list.SetInParent()
    if node.op in ("Enter", "RefEnter") and scope:
        frame = node.attr["frame_name"].s.decode()
        node.attr["frame_name"].s = without_scope(frame, scope).encode()


def _group(text: bytes) -> str:
    return text.decode().partition("@")[2]


def _without(text: str, scope: str | None) -> str:
    """A name, or one after `^` or `loc:@`, without the scope."""
    match = re.match(r"(\^|loc:@)?(.*)", text)
    return text if match is None else (match[1] or "") + without_scope(match[2], scope)


def _with_scope(text: str, scope: str | None) -> str:
    """A name, or one after `^` or `loc:@`, in a scope."""
    if not scope:
        return text
    match = re.match(r"(\^|loc:@)?(.*)", text, re.DOTALL)
    return text if match is None else f"{match[1] or ''}{scope.rstrip('/')}/{match[2]}"


def _extraneous_nodes(graph_def: Any, saver_def: Any) -> set[str]:
    """The nodes in the scopes of savers that are not that of `saver_def`."""
    names = {n.name for n in graph_def.node if n.op in SAVE_AND_RESTORE_OPS}
    scopes = {_scope_of(n) for n in names} - names
    if saver_def is not None:
        scopes -= {_scope_of(saver_def.save_tensor_name), _scope_of(saver_def.restore_op_name)}
    prefixes = tuple(s + "/" for s in scopes)
    return {n.name for n in graph_def.node if n.name.startswith(prefixes)}


def _scope_of(name: str) -> str:
    return name.lstrip("^").partition(":")[0].rpartition("/")[0]


# Import


def read_meta_graph_file(filename: str | os.PathLike[str]) -> Any:
    """The MetaGraphDef message in a file, binary or text.

    Raises OSError when there is no such file, and an error that is both DataLossError and OSError when it is
    damaged.
    """
    return read_message(filename, protos.MetaGraphDef)


def import_scoped_meta_graph(
    meta_graph_or_file: Any,
    clear_devices: bool = False,
    graph: Graph | None = None,
    import_scope: str | None = None,
    input_map: Mapping[str, Any] | None = None,
    unbound_inputs_col_name: str = "unbound_inputs",
    restore_collections_predicate: Callable[[str], bool] = lambda key: True,
) -> dict[str, Any]:
    """Add the graph and the collections of a MetaGraphDef to a graph; returns its variables by name.

    The arguments and errors are those of `import_scoped_meta_graph_with_return_elements`.
    """
    return import_scoped_meta_graph_with_return_elements(
        meta_graph_or_file,
        clear_devices,
        graph,
        import_scope,
        input_map,
        unbound_inputs_col_name,
        restore_collections_predicate,
    )[0]


def import_scoped_meta_graph_with_return_elements(
    meta_graph_or_file: Any,
    clear_devices: bool = False,
    graph: Graph | None = None,
    import_scope: str | None = None,
    input_map: Mapping[str, Any] | None = None,
    unbound_inputs_col_name: str = "unbound_inputs",
    restore_collections_predicate: Callable[[str], bool] = lambda key: True,
    return_elements: Sequence[str] | None = None,
) -> tuple[dict[str, Any], list[Any] | None]:
    """Add the graph and the collections of a MetaGraphDef to a graph.

    Args:
        meta_graph_or_file: the message, or the name of a file with it.
        clear_devices: leave the devices out.
        graph: the graph to add to; the default graph if None.
        import_scope: a name scope to put around all.
        input_map: as for `tf.import_graph_def`.
        unbound_inputs_col_name: the collection that lists inputs that `input_map` must give.
        restore_collections_predicate: which collections to take, by their keys.
        return_elements: names of operations and tensors to return.

    Returns:
        The variables by their names without the scope, and the elements asked for, or None.

    Raises:
        ValueError: an input is not given, or the graph is not well formed.
        OSError, DataLossError: the file is missing or damaged.
    """
    message = meta_graph_or_file
    path = None
    if not isinstance(message, protos.MetaGraphDef):
        path = os.fspath(message)
        message = read_meta_graph_file(path)
    _check_unbound(message, unbound_inputs_col_name, input_map)
    graph = graph or get_default_graph()
    with graph.as_default():
        producer = None
        if message.meta_info_def.HasField("stripped_op_list"):
            producer = message.meta_info_def.stripped_op_list
        if clear_devices:
            for node in message.graph_def.node:
                node.device = ""
        scope = graph.unique_name(import_scope or "", mark_as_used=False)
        elements = import_graph_def(
            message.graph_def,
            name=import_scope or scope,
            input_map=input_map,
            producer_op_list=producer,
            return_elements=return_elements,
        )
        _Collections(message, graph, scope, path).read(
            lambda key: key != unbound_inputs_col_name and restore_collections_predicate(key)
        )
        variables = graph.get_collection(GraphKeys.GLOBAL_VARIABLES, scope=re.escape(scope))
        return {without_scope(v.name, scope): v for v in variables}, elements


def _check_unbound(message: Any, name: str, input_map: Mapping[str, Any] | None) -> None:
    if not name or name not in message.collection_def:
        return
    kind = message.collection_def[name].WhichOneof("kind")
    wanted = [
        v.decode() if isinstance(v, bytes) else str(v)
        for v in (getattr(message.collection_def[name], kind).value if kind else ())
    ]
    if wanted and sorted(wanted) != sorted(input_map or ()):
        missing = [v for v in wanted if v not in (input_map or ())]
        raise ValueError(
            f"Graph contains unbound inputs: {','.join(missing)}. "
            "Must provide these inputs through input_map."
        )


class _Collections:
    """The collections of one message, as they are entered in a graph."""

    def __init__(self, message: Any, graph: Graph, scope: str, path: str | None) -> None:
        self._message = message
        self._graph = graph
        self._scope = scope
        self._path = path
        self._variables: dict[bytes, Any] = {}  # an object for each variable, whatever collections it is in
        self._old = _is_before(message.meta_info_def.tensorflow_version, (1, 9))

    def read(self, wanted: Callable[[str], bool]) -> None:
        """Enter all wanted collections; trainable variables first, as old files say nowhere else what is."""
        first = GraphKeys.TRAINABLE_VARIABLES
        for key in sorted(self._message.collection_def, key=lambda k: (k != first, k)):
            if not wanted(key) or key in NOT_KEPT:
                continue
            kind = self._message.collection_def[key].WhichOneof("kind")
            if kind is None:
                _log.error("Cannot identify data type for collection %s. Skipping.", key)
                continue
            values = getattr(self._message.collection_def[key], kind).value
            for value in values:
                self._graph.add_to_collection(key, self._item(key, kind, value))

    def _item(self, key: str, kind: str, value: Any) -> Any:
        if kind == "node_list":
            try:
                return self._graph.as_graph_element(_with_scope(value, self._scope))
            except (KeyError, ValueError) as error:
                self._damaged(key, error)
        if kind == "bytes_list":
            return self._message_item(key, value) if key in _KINDS else _with_scope_bytes(value, self._scope)
        return int(value) if kind == "int64_list" else value

    def _message_item(self, key: str, value: bytes) -> Any:
        from google.protobuf.message import DecodeError

        found = self._variables.get(value)
        if found is None:
            try:
                found = self._made(key, value)
            except (DecodeError, AttributeError, KeyError, TypeError, ValueError) as error:
                self._damaged(key, error)
            if _KINDS[key] is _VARIABLE:
                self._variables[value] = found
        return found

    def _made(self, key: str, value: bytes) -> Any:
        if _KINDS[key] is not _VARIABLE or not self._old:
            return _KINDS[key].read(value, self._scope)
        message = protos.VariableDef.FromString(value)
        message.trainable = key == GraphKeys.TRAINABLE_VARIABLES
        return _VARIABLE.made(message, self._scope)

    def _damaged(self, key: str, error: Exception) -> Any:
        """A collection that does not fit the graph: ValueError, or for a file the error of a damaged one."""
        text = f"The collection {key!r} does not fit the graph: {error}"
        if self._path is None:
            raise ValueError(text) from error
        raise DamagedFileError(None, None, f"{self._path} is damaged: {text}") from error


def _with_scope_bytes(value: bytes, scope: str) -> Any:
    try:
        return _with_scope(value.decode(), scope)
    except UnicodeDecodeError:
        return value


def _is_before(version: str, limit: tuple[int, int]) -> bool:
    """Whether a TensorFlow version is given and is older."""
    match = re.match(r"(\d{1,6})\.(\d{1,6})", version)
    return match is not None and (int(match[1]), int(match[2])) < limit


def copy_scoped_meta_graph(
    from_scope: str, to_scope: str, from_graph: Graph | None = None, to_graph: Graph | None = None
) -> dict[str, Any]:
    """Copy what is in one name scope to another; returns the variables of the copy.

    ValueError when both are the same scope of the same graph.
    """
    from_graph, to_graph = from_graph or get_default_graph(), to_graph or get_default_graph()
    if from_graph is to_graph and from_scope == to_scope:
        raise ValueError(
            "'from_scope' and 'to_scope' need to be different when performing copy in the same graph: "
            f"{from_scope}"
        )
    message, _ = export_scoped_meta_graph(export_scope=from_scope, graph=from_graph)
    return import_scoped_meta_graph(message, graph=to_graph, import_scope=to_scope)
