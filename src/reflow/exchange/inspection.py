"""`reflow inspect`: what is in a checkpoint, a graph or a SavedModel, as tables."""

from __future__ import annotations

import collections
import os
from collections.abc import Iterable, Iterator
from typing import Any

from reflow.base import dtypes
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.exchange.model_files import CHECKPOINT, SAVED_MODEL, ModelFile, find_model
from reflow.graph.op_defs import op_list
from reflow.saved_model.assets import assets_of

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def report(path: str | os.PathLike[str]) -> Iterator[Any]:
    """What is at `path`, as `rich` tables and lines. Raises as `find_model`.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "graph.pbtxt")
    >>> with tf.Graph().as_default() as graph:
    ...     one = tf.constant(1.0)
    ...     _ = tf.train.write_graph(graph, os.path.dirname(path), "graph.pbtxt")
    >>> [part for part in report(path) if isinstance(part, str)][0].startswith("GraphDef")
    True
    """
    model = find_model(path)
    yield f"{model.kind} {model.path} ({size_text(_bytes_of(model))})"
    if model.kind != CHECKPOINT:
        for graph in model.graphs:
            yield from _graph_parts(graph, tagged=model.kind == SAVED_MODEL)
    if model.checkpoint is not None:
        yield _variables(model.checkpoint)
    elif model.kind == SAVED_MODEL:
        yield "no variables"


def size_text(count: int) -> str:
    """A number of bytes for people.

    >>> size_text(12), size_text(5000), size_text(3 << 30)
    ('12 B', '4.9 KiB', '3.0 GiB')
    """
    size, unit = float(count), 0
    while size >= 1024 and unit < len(UNITS) - 1:
        size, unit = size / 1024, unit + 1
    return f"{count} B" if unit == 0 else f"{size:.1f} {UNITS[unit]}"


def _bytes_of(model: ModelFile) -> int:
    """The size of all files of a model."""
    if os.path.isdir(model.path):
        return sum(os.path.getsize(os.path.join(t, f)) for t, _, files in os.walk(model.path) for f in files)
    if model.kind != CHECKPOINT:
        return os.path.getsize(model.path)
    folder, name = os.path.split(model.path)
    parts = [
        f for f in os.listdir(folder or ".") if f == name or f.startswith((name + ".index", name + ".data-"))
    ]
    return sum(os.path.getsize(os.path.join(folder, f)) for f in parts)


def _table(title: str, *columns: str, right: Iterable[str] = ()) -> Any:
    from rich.table import Table

    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    return table


# Variables


def _variables(prefix: str) -> Any:
    """The table of a checkpoint's tensors."""
    table = _table("Variables", "name", "type", "shape", "size", right=("size",))
    total = elements = 0
    with open_checkpoint(prefix) as checkpoint:
        names = checkpoint.names()
        for name in names:
            dtype, shape = checkpoint.dtype(name), checkpoint.shape(name)
            count = _product(shape)
            size = None if dtype == dtypes.string else count * dtype.size
            elements += count
            total += size or 0
            shown = "" if size is None else size_text(size)
            table.add_row(_plain(name), dtype.name, str(list(shape)), shown)
    table.add_section()
    table.add_row(f"{len(names)} in all", "", f"{elements:,} elements", size_text(total))
    return table


def _product(shape: Iterable[int]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count


def _plain(text: str) -> Any:
    """Text as it is: names may have brackets, which `rich` would take for its markup."""
    from rich.text import Text

    return Text(text)


# Graphs


def _graph_parts(graph: Any, tagged: bool) -> Iterator[Any]:
    if tagged:
        yield f"\nGraph with the tags {', '.join(map(repr, graph.meta_info_def.tags)) or 'none'}"
    if graph.signature_def:
        yield _signatures(graph.signature_def)
    yield from _lines(graph)
    if graph.collection_def:
        yield _collections(graph.collection_def)
    yield _operations(graph.graph_def)


def _lines(graph: Any) -> Iterator[str]:
    """What is said of a graph in a line each."""
    versions = graph.graph_def.versions
    writer = graph.meta_info_def.tensorflow_version
    made = f"TensorFlow {writer}, " if writer else ""
    yield f"written by {made}GraphDef version {versions.producer} (readable from {versions.min_consumer} on)"
    for asset in assets_of(graph):
        yield f"file {asset.filename} (fed to {asset.tensor_info.name})"
    if graph.HasField("saver_def"):
        saver = graph.saver_def
        yield f"saver: saves by {saver.save_tensor_name}, restores by {saver.restore_op_name}"


def _signatures(signatures: Any) -> Any:
    table = _table("Signatures", "signature", "", "name", "tensor", "type", "shape")
    for key in sorted(signatures):
        signature = signatures[key]
        first = f"{key}\n{signature.method_name}" if signature.method_name else key
        rows = [("in", n, i) for n, i in sorted(signature.inputs.items())]
        rows += [("out", n, i) for n, i in sorted(signature.outputs.items())]
        for number, (way, name, info) in enumerate(rows):
            shown = first if number == 0 else ""
            table.add_row(_plain(shown), way, _plain(name), _plain(_tensors(info)), _type(info), _shape(info))
        table.add_section()
    return table


def _tensors(info: Any) -> str:
    encoding = info.WhichOneof("encoding")
    if encoding == "coo_sparse":
        parts = info.coo_sparse
        names = (parts.indices_tensor_name, parts.values_tensor_name, parts.dense_shape_tensor_name)
        return "sparse: " + ", ".join(names)
    if encoding == "composite_tensor":
        return ", ".join(_tensors(part) for part in info.composite_tensor.components)
    return str(info.name)


def _type(info: Any) -> str:
    try:
        return dtypes.as_dtype(info.dtype).name if info.dtype else "operation"
    except TypeError:
        return f"unknown ({info.dtype})"


def _shape(info: Any) -> str:
    if info.tensor_shape.unknown_rank:
        return "unknown"
    return str([d.size if d.size >= 0 else None for d in info.tensor_shape.dim]).replace("None", "?")


def _collections(collections_def: Any) -> Any:
    table = _table("Collections", "key", "kind", "items", right=("items",))
    for key in sorted(collections_def):
        kind = collections_def[key].WhichOneof("kind")
        count = len(getattr(collections_def[key], kind).value) if kind else 0
        table.add_row(_plain(key), str(kind or "").removesuffix("_list"), str(count))
    return table


def _operations(graph: Any) -> Any:
    """How many nodes of each type there are, in functions too, and their size."""
    functions = graph.library.function
    nodes = [*graph.node, *(n for f in functions for n in f.node_def)]
    counts = collections.Counter(n.op for n in nodes)
    sizes: collections.Counter[str] = collections.Counter()
    for node in nodes:
        sizes[node.op] += node.ByteSize()
    known = {op.name for op in op_list(counts).op} | {f.signature.name for f in functions}
    table = _table("Operations", "type", "nodes", "size", "", right=("nodes", "size"))
    for op_type, count in sorted(counts.items(), key=lambda row: (-row[1], row[0])):
        note = "" if op_type in known else "unknown to Reflow"
        table.add_row(_plain(op_type), str(count), size_text(sizes[op_type]), note)
    table.add_section()
    inside = f" ({len(functions)} functions)" if functions else ""
    table.add_row(f"{len(counts)} types{inside}", str(len(nodes)), size_text(graph.ByteSize()), "")
    return table
