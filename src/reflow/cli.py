"""The `reflow` command.

reflow run [--graph-json FILE] [--check-numerics] SCRIPT [ARG ...]     run a TensorFlow 1 program
reflow run [--graph-json FILE] [--check-numerics] -m MODULE [ARG ...]  the same for a module
reflow board [--port PORT] DIR                      TensorBoard for a log folder
reflow runs DIR                                     a table of the runs in a log folder
reflow inspect PATH                                 what is in a checkpoint, a graph or a SavedModel
reflow export MODEL --to FORMAT -o FILE             a model as safetensors, npz or StableHLO
reflow graph FILE [--svg OUT] [--depth N]            the nodes of a graph's file, or a picture of them
reflow info                                         versions and devices
reflow --version
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import os
import platform
import runpy
import secrets
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType, TracebackType
from typing import Any

from reflow import api
from reflow.graph import drawing, scopes
from reflow.install import install
from reflow.platform import versions
from reflow.runtime import tracing
from reflow.summary import board, experiment, graph_file

USAGE_ERROR = 2
INTERRUPTED = 130
RUN_USAGE = "reflow run [-h] [--graph-json FILE] [--check-numerics] (SCRIPT | -m MODULE) [ARG ...]"
_RUNNER_FILES = (__file__, "<frozen runpy>", runpy.__file__)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="reflow", description="TensorFlow 1 programs, compiled by XLA.")
    parser.add_argument("--version", action="version", version=f"reflow {versions.REFLOW_VERSION}")
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{run,board,runs,graph,inspect,export,info}"
    )
    commands.add_parser("run", help="run a TensorFlow 1 program", add_help=False)
    board = commands.add_parser("board", help="show a log folder in TensorBoard, on localhost")
    board.add_argument("--port", type=int, help="6006 or the next that is free by default")
    runs = commands.add_parser("runs", help="compare the runs in a log folder: settings, step, last values")
    for command in (board, runs):
        command.add_argument("dir", metavar="DIR", help="the log folder")
    graph = commands.add_parser("graph", help="list the nodes of the graph in a file, or draw it")
    graph.add_argument("file", metavar="FILE", help="a GraphDef, MetaGraphDef, SavedModel or event file")
    graph.add_argument("--svg", metavar="OUT", help="write a picture to OUT")
    graph.add_argument("--depth", type=int, metavar="N", help="levels of name scopes to open in the picture")
    commands.add_parser("inspect", help="show what is in a checkpoint, a graph or a SavedModel")
    commands.add_parser("export", help="write a model's variables, or the model, for other tools")
    commands.add_parser("info", help="show versions and devices")
    return parser


def _run_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="reflow run",
        usage=RUN_USAGE,
        description="Run a program in which `import tensorflow` gives Reflow. What follows is its own.",
    )
    parser.add_argument(
        "--graph-json", metavar="FILE", help="at the end, write the default graph's nodes to FILE"
    )
    parser.add_argument(
        "--check-numerics",
        action="store_true",
        help="stop at the first node that makes a NaN or an infinity (every node runs in NumPy: slow)",
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module instead of a script")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help="the program's file")
    return parser


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words up to the program's name, and the program's own arguments after it."""
    i = 0
    while i < len(words):
        if words[i] == "-m":
            return list(words[: i + 2]), list(words[i + 2 :])
        if not words[i].startswith("-"):
            return list(words[: i + 1]), list(words[i + 1 :])
        i += 2 if words[i] == "--graph-json" else 1
    return list(words), []


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line `argv` (`sys.argv` by default); the exit status.

    >>> main(["--version"])
    Traceback (most recent call last):
    SystemExit: 0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["run"]:
        return _run(words[1:])
    if words[:1] in (["inspect"], ["export"]):  # their files take a while to import
        status: int = importlib.import_module("reflow.exchange.commands").main(words)
        return status
    options = _parser().parse_args(words)
    if options.command == "info":
        return _info()
    if options.command == "graph":
        return _graph(options)
    if not os.path.isdir(options.dir):
        print(f"reflow {options.command}: no such folder: {options.dir}", file=sys.stderr)
        return USAGE_ERROR
    return _board(options) if options.command == "board" else _runs(options)


# reflow run


def _run(words: list[str]) -> int:
    own, arguments = _split(words)
    parser = _run_parser()
    options = parser.parse_args(own)
    if not options.module and not options.script:
        parser.error("a SCRIPT or -m MODULE is needed")
    if options.script and not os.path.exists(options.script):
        parser.exit(USAGE_ERROR, f"reflow run: no such file: {options.script}\n")
    if options.script and os.path.isdir(options.script):
        parser.exit(USAGE_ERROR, f"reflow run: {options.script} is a folder, not a program\n")
    graph_file = (
        os.path.abspath(options.graph_json) if options.graph_json else None
    )  # the program may change folder
    install()
    if options.check_numerics:
        scopes.process.observer = tracing.refuse_not_finite
    try:
        return _status(options, arguments)
    finally:
        sys.stdout.flush()
        if graph_file:
            write_graph(graph_file)


def _status(options: argparse.Namespace, arguments: list[str]) -> int:
    """Run the program; 0, or the status that Python would exit with after the exception it ended with."""
    try:
        if options.module:
            _run_module(options.module, arguments)
        else:
            _run_script(options.script, arguments)
    except SystemExit:
        raise  # the program's own status, or message
    except BaseException as error:
        error.__traceback__ = _users_part(error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _run_script(path: str, arguments: list[str]) -> None:
    """Run a file as `python path arguments...` does: as `__main__`, its folder first on the module path."""
    with io.open_code(os.path.abspath(path)) as file:
        source = file.read()
    sys.argv = [path, *arguments]
    _set_first_path(os.path.dirname(os.path.realpath(path)))
    program = ModuleType("__main__")
    program.__dict__.update(__file__=os.path.abspath(path), __builtins__=__builtins__, __cached__=None)
    sys.modules["__main__"] = program  # stays, for what runs at exit and in threads
    exec(compile(source, path, "exec", dont_inherit=True), program.__dict__)


def _run_module(name: str, arguments: list[str]) -> None:
    """Run a module as `python -m name arguments...` does."""
    _set_first_path(os.getcwd())
    sys.argv = [name, *arguments]
    try:
        found = importlib.util.find_spec(name)
    except ModuleNotFoundError:
        found = None
    if found is None:
        print(f"reflow run: no module named {name}", file=sys.stderr)
        sys.exit(1)
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _set_first_path(folder: str) -> None:
    """Put `folder` where Python put the folder of the `reflow` command."""
    if sys.flags.safe_path:
        sys.path.insert(0, folder)
    else:
        sys.path[0] = folder


def _users_part(traceback: TracebackType | None) -> TracebackType | None:
    """The traceback from the program's first frame on."""
    while traceback is not None and traceback.tb_frame.f_code.co_filename in _RUNNER_FILES:
        traceback = traceback.tb_next
    return traceback


# --graph-json


def write_graph(path: str) -> None:
    """Write the default graph's nodes and collections to `path`, as JSON; whole or not at all."""
    graph = scopes.graphs.top or scopes.process.root_graph
    nodes = [] if graph is None else [_node(op) for op in graph.get_operations()]
    collections = {} if graph is None else _collections(graph)
    with _replaced(path) as file:
        json.dump({"nodes": nodes, "collections": collections}, file, indent=0)


def _node(op: Any) -> dict[str, Any]:
    return {
        "name": op.name,
        "op": op.type,
        "inputs": [tensor.name for tensor in op.inputs],
        "control_inputs": [before.name for before in op.control_inputs],
        "outputs": [[tensor.dtype.name, str(tensor.shape)] for tensor in op.outputs],
        "device": op.device,
    }


def _collections(graph: Any) -> dict[str, list[str]]:
    """The members of each collection by name, or, where they have none, by type."""
    names = graph.get_all_collection_keys()
    return {n: [getattr(x, "name", type(x).__name__) for x in graph.get_collection(n)] for n in names}


@contextlib.contextmanager
def _replaced(path: str) -> Iterator[Any]:
    """A text file to write that takes the place of `path` when the block ends well."""
    temporary = f"{path}.tmp{secrets.token_hex(8)}"
    try:
        with open(temporary, "x", encoding="utf8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


# reflow board, reflow runs


def _board(options: argparse.Namespace) -> int:
    return board.server(options.dir, options.port).main() or 0


def _runs(options: argparse.Namespace) -> int:
    from rich.console import Console

    found = experiment.runs(options.dir)
    if not found:
        print(f"reflow runs: no scalars or settings in {options.dir}", file=sys.stderr)
        return 1
    Console().print(experiment.runs_table(found))
    return 0


# reflow graph


def _graph(options: argparse.Namespace) -> int:
    try:
        graph = graph_file.read_graph(options.file)
        if not options.svg:
            for node in graph.node:
                print(f"{node.name} = {node.op}({', '.join(node.input)})")
            return 0
        picture = drawing.svg(_with_shapes(graph), options.depth)
        with _replaced(os.path.abspath(options.svg)) as file:
            file.write(picture)
    except (OSError, ValueError) as error:
        print(f"reflow graph: {error}", file=sys.stderr)
        return USAGE_ERROR
    return 0


def _with_shapes(graph: Any) -> Any:
    """The graph with shapes if it can be built here, else as it is, and a word about that."""
    api.load_ops()
    try:
        return graph_file.with_shapes(graph)
    except ValueError as error:
        print(f"reflow graph: drawn without inferred shapes: {error}", file=sys.stderr)
        return graph


# reflow info


def _info() -> int:
    from rich.console import Console
    from rich.table import Table

    table = Table("", "", show_header=False, box=None)
    for name, value in [*_versions(), *_devices()]:
        table.add_row(name, value)
    Console().print(table)
    return 0


def _versions() -> Iterator[tuple[str, str]]:
    yield "reflow", f"{versions.REFLOW_VERSION} (as TensorFlow {versions.VERSION})"
    yield "python", f"{platform.python_version()} ({platform.platform()})"
    for package in ("numpy", "jax", "jaxlib", "protobuf", "tensorboard"):
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"


def _devices() -> Iterator[tuple[str, str]]:
    import jax

    for device in jax.devices():
        yield f"{device.platform}:{device.id}", device.device_kind
