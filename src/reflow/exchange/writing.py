"""`reflow export`: the variables of a model, or the program that it is, in the formats of other tools."""

from __future__ import annotations

import argparse
import json
import os
import secrets
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.bundle import Checkpoint
from reflow.base.checkpoint_v1 import open_checkpoint
from reflow.base.durable import remove, replace_file, reporting
from reflow.exchange.jax_function import to_jax
from reflow.exchange.model_files import META_GRAPH, SAVED_MODEL, ModelFile, find_model
from reflow.graph.composite import SparseTensor
from reflow.graph.core import Graph
from reflow.graph.importer import import_graph_def
from reflow.runtime import backend
from reflow.runtime.session import Session
from reflow.saved_model.loader import SavedModelLoader
from reflow.saved_model.tensor_info import get_tensor_from_tensor_info
from reflow.train.saver import import_meta_graph

# The names of types in a safetensors file.
SAFE_TYPES = {
    "bool": "BOOL", "uint8": "U8", "int8": "I8", "int16": "I16", "uint16": "U16", "float16": "F16",
    "bfloat16": "BF16", "int32": "I32", "uint32": "U32", "float32": "F32", "float64": "F64", "int64": "I64",
    "uint64": "U64", "complex64": "C64",
}  # fmt: skip
OWN_PREFIXES = ("_reflow/", "_CHECKPOINTABLE_OBJECT_GRAPH")


def export(options: argparse.Namespace) -> Iterator[str]:
    """Do what the command line asks for; gives lines about what a reader should know.

    Raises the errors of `find_model`, ValueError for options that do not fit the model, UnimplementedError
    for a graph that is no JAX program.
    """
    model = find_model(options.model)
    if options.to == "stablehlo":
        yield from _export_program(model, options)
        return
    if model.checkpoint is None:
        raise ValueError(f"{options.model} ({model.kind}) has no checkpoint with it: there are no variables")
    write = save_safetensors if options.to == "safetensors" else save_npz
    with open_checkpoint(model.checkpoint) as checkpoint:
        yield from write(checkpoint, options.output)


# Variables


def save_safetensors(checkpoint: Checkpoint, path: str) -> Iterator[str]:
    """Write the tensors of a checkpoint to a safetensors file, one at a time; names what cannot be in it."""
    names = [n for n in _names(checkpoint) if checkpoint.dtype(n).name in SAFE_TYPES]
    for name in _names(checkpoint):
        if name not in names:
            yield f"left out: {name} ({checkpoint.dtype(name).name}: safetensors has no such type)"
    header, at = {}, 0
    for name in names:
        dtype, shape = checkpoint.dtype(name), checkpoint.shape(name)
        size = int(np.prod(shape, dtype=np.int64)) * dtype.size
        header[name] = {
            "dtype": SAFE_TYPES[dtype.name],
            "shape": list(shape),
            "data_offsets": [at, at + size],
        }
        at += size
    text = json.dumps({"__metadata__": {"format": "reflow"}, **header}).encode()
    text += b" " * (-len(text) % 8)

    def write(file: Any) -> None:
        file.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            array = np.ascontiguousarray(checkpoint.read(name))
            file.write(array.view(np.uint8) if array.size else b"") if array.ndim else file.write(
                array.tobytes()
            )

    _write(path, write)
    yield f"{len(names)} tensors, {at} bytes"


def save_npz(checkpoint: Checkpoint, path: str) -> Iterator[str]:
    """Write the tensors of a checkpoint to an npz file, one at a time; says which types changed."""
    notes = []

    def write(file: Any) -> None:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
            for name in _names(checkpoint):
                array, note = _for_numpy(checkpoint.read(name), checkpoint.dtype(name))
                notes.extend([f"{name}: {note}"] if note else [])
                with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                    np.lib.format.write_array(entry, array, allow_pickle=False)

    _write(path, write)
    yield from notes
    yield f"{len(_names(checkpoint))} arrays"


def _for_numpy(array: np.ndarray, dtype: dtypes.DType) -> tuple[np.ndarray, str]:
    """An array of a type that NumPy's files have, and what was done to it."""
    if dtype == dtypes.bfloat16:
        return array.astype(np.float32), "bfloat16 became float32"
    if dtype != dtypes.string:
        return array, ""
    if any(x.endswith(b"\0") for x in array.reshape(-1)):
        raise ValueError(
            "A string that ends in a zero byte cannot be in an npz file: NumPy would drop the byte"
        )
    longest = max((len(x) for x in array.reshape(-1)), default=0)
    return array.astype(f"S{max(longest, 1)}"), ""


def _names(checkpoint: Checkpoint) -> list[str]:
    return [name for name in checkpoint.names() if not name.startswith(OWN_PREFIXES)]


def _write(path: str, write: Callable[[Any], None]) -> None:
    """Make a file by `write`; it is there in full or not at all."""
    beside = f"{path}.tmp{secrets.token_hex(8)}"
    with reporting(path):
        try:
            with open(beside, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        except BaseException:
            remove(beside)
            raise


# Programs


def _export_program(model: ModelFile, options: argparse.Namespace) -> Iterator[str]:
    with Graph().as_default() as graph, Session(graph=graph) as session:
        signature = _load(model, session, options)
        feeds, fetches = _ends(graph, signature, options)
        function, params = to_jax(list(fetches.values()), list(feeds.values()), session)
        shapes = [_argument(name, tensor, options) for name, tensor in feeds.items()]
    for name, shape in zip(feeds, shapes, strict=True):
        yield f"input {name}: {shape.dtype}{list(shape.shape)}"
    yield f"outputs: {', '.join(fetches)}"
    jax = backend.jax()
    from jax import export as jax_export

    exported = jax_export.export(jax.jit(lambda *inputs: function(params, *inputs)))(*shapes)
    replace_file(options.output, _program_bytes(exported, options.output))


def _program_bytes(exported: Any, path: str) -> bytes:
    if path.endswith(".mlir"):
        return str(exported.mlir_module()).encode()
    if path.endswith(".jax"):
        return bytes(exported.serialize())
    return bytes(exported.mlir_module_serialized)


def _load(model: ModelFile, session: Session, options: argparse.Namespace) -> Any:
    """Bring the model into a session; returns the signature that is asked for, if it has signatures."""
    if model.kind == SAVED_MODEL:
        return _load_saved_model(model, session, options)
    if not model.graphs:
        raise ValueError(f"{model.path} is a checkpoint without its graph (.meta): there is no program")
    if model.checkpoint is not None or model.kind == META_GRAPH:
        saver = import_meta_graph(model.graphs[0], clear_devices=True)
        if saver is not None and model.checkpoint is not None:
            saver.restore(session, model.checkpoint)
    else:
        import_graph_def(model.graphs[0].graph_def, name="")
    return None


def _load_saved_model(model: ModelFile, session: Session, options: argparse.Namespace) -> Any:
    loader = SavedModelLoader(model.path)
    tags = options.tags.split(",") if options.tags else None
    if tags is None:
        choices = [list(graph.meta_info_def.tags) for graph in model.graphs]
        if len(choices) != 1:
            raise ValueError(f"{model.path} has graphs with the tags {choices}: choose one with --tags")
        tags = choices[0]
    graph = loader.load(session, tags)
    if options.inputs is not None or options.outputs is not None:
        return None
    if options.signature not in graph.signature_def:
        known = ", ".join(sorted(graph.signature_def)) or "none"
        raise ValueError(f"{model.path} has no signature {options.signature!r}, but {known}")
    return graph.signature_def[options.signature]


def _ends(graph: Graph, signature: Any, options: argparse.Namespace) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tensors that are fed and fetched, by name."""
    if signature is not None:
        rows = (signature.inputs, signature.outputs)
        found = [{n: get_tensor_from_tensor_info(i, graph) for n, i in sorted(r.items())} for r in rows]
        return _parts(found[0]), found[1]
    if not options.outputs:
        raise ValueError("The model has no signatures: name its tensors with --inputs and --outputs")
    named = [
        {n: graph.get_tensor_by_name(n if ":" in n else f"{n}:0") for n in (names or "").split(",") if n}
        for names in (options.inputs, options.outputs)
    ]
    return named[0], named[1]


def _parts(tensors: dict[str, Any]) -> dict[str, Any]:
    """Tensors by name, the three parts of a sparse one each under a name of its own."""
    found = {}
    for name, tensor in tensors.items():
        if isinstance(tensor, SparseTensor):
            found[f"{name}/indices"], found[f"{name}/values"] = tensor.indices, tensor.values
            found[f"{name}/dense_shape"] = tensor.dense_shape
        else:
            found[name] = tensor
    return found


def _argument(name: str, tensor: Any, options: argparse.Namespace) -> Any:
    """The type and shape of an argument. ValueError when a dimension is not known and not given."""
    pairs = [text.partition("=")[::2] for text in options.shape]
    given = {key.removesuffix(":0"): value for key, value in pairs}.get(name.removesuffix(":0"))
    sizes = tensor.shape.ints
    if given is not None:
        sizes = tuple(int(size) for size in given.split("x") if size)
    elif sizes and sizes[0] is None and options.batch is not None:
        sizes = (options.batch, *sizes[1:])
    if sizes is None or None in sizes:
        raise ValueError(
            f"The input {name} has the shape {tensor.shape}: give --batch N or --shape {name}=2x3"
        )
    if not tensor.shape.is_compatible_with(sizes):
        raise ValueError(f"--shape {name}={given} does not fit {tensor.shape}")
    if tensor.dtype == dtypes.string:
        raise errors.UnimplementedError(
            None, tensor.op, f"The input {name} is text: StableHLO has no such type"
        )
    return backend.jax().ShapeDtypeStruct(sizes, tensor.dtype.as_numpy_dtype)
