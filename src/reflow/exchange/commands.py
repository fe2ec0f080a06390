"""The commands `reflow inspect` and `reflow export`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from reflow import api
from reflow.base import errors
from reflow.exchange import inspection, writing

FAILURES = (errors.OpError, ImportError, OSError, KeyError, RuntimeError, TypeError, ValueError)


def main(words: Sequence[str]) -> int:
    """Run `inspect PATH` or `export MODEL ...`; the exit status.

    >>> main(["inspect", "/no/such/file"])
    1
    """
    return {"inspect": _inspect, "export": _export}[words[0]](words[1:])


def _failed(command: str, error: Exception) -> int:
    print(f"reflow {command}: {getattr(error, 'message', None) or error}", file=sys.stderr)
    return 1


# reflow inspect


def _inspect(words: Sequence[str]) -> int:
    from rich.console import Console

    parser = argparse.ArgumentParser(prog="reflow inspect", description="Show what is in a model's files.")
    parser.add_argument(
        "path",
        metavar="PATH",
        help="a checkpoint (with or without .index, .meta), a folder of checkpoints, a GraphDef or "
        "MetaGraphDef (.pb, .pbtxt, .meta), or the folder of a SavedModel",
    )
    options = parser.parse_args(list(words))
    try:
        parts = list(inspection.report(options.path))
    except FAILURES as error:
        return _failed("inspect", error)
    console = Console()
    for part in parts:
        console.print(part, markup=False, highlight=False)
    return 0


# reflow export


def _export(words: Sequence[str]) -> int:
    options = _export_parser().parse_args(list(words))
    api.load_ops()
    try:
        for line in writing.export(options):
            print(line, file=sys.stderr)
    except FAILURES as error:
        return _failed("export", error)
    return 0


def _export_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reflow export",
        description="Write a model's variables (safetensors, npz), or the program that computes its outputs "
        "with the variables' values in it (stablehlo).",
    )
    add = parser.add_argument
    add(
        "model",
        metavar="MODEL",
        help="a checkpoint, a .meta file beside one, a frozen graph, or a SavedModel",
    )
    add("--to", required=True, choices=("safetensors", "npz", "stablehlo"), help="the format")
    add(
        "-o",
        required=True,
        dest="output",
        metavar="FILE",
        help="where to write; for stablehlo, the ending .mlir asks for text, .jax for what "
        "jax.export.deserialize takes (needs the package flatbuffers); any other gives portable bytecode",
    )
    graph = parser.add_argument_group("for stablehlo")
    graph.add_argument(
        "--tags", metavar="TAG,TAG", help="the SavedModel's graph; not needed if it has one only"
    )
    graph.add_argument("--signature", metavar="NAME", default="serving_default", help="its signature")
    graph.add_argument("--inputs", metavar="X:0,Y:0", help="tensors to be arguments, in place of a signature")
    graph.add_argument("--outputs", metavar="Z:0", help="tensors to be computed, in place of a signature")
    graph.add_argument(
        "--batch", type=int, metavar="N", help="the size of first dimensions that are not known"
    )
    graph.add_argument(
        "--shape",
        action="append",
        default=[],
        metavar="X=2x3",
        help="the shape of an input (may be repeated)",
    )
    return parser
