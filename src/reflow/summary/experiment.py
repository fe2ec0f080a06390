"""Runs side by side: a folder for each setting of the hyperparameters, and a table of what came out."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, NamedTuple

from reflow.base import errors, protos
from reflow.graph.graphdef import constant_value_of
from reflow.summary.iterator import summary_iterator
from reflow.summary.writer import FileWriter
from reflow.train.checkpoint_state import latest_checkpoint

MAX_NAME = 120  # characters of a folder's name
HASHED = 10  # digits that keep two long names apart
MARK = "tfevents"  # in the name of every event file
HPARAMS_PLUGIN, SCALARS_PLUGIN = "hparams", "scalars"
_UNSAFE = re.compile(r"[^\w.+=,\-]")
_STEP = re.compile(r"-(\d+)$")

Setting = bool | int | float | str


def run_name(hparams: Mapping[str, Any]) -> str:
    """The folder's name for a setting of the hyperparameters, the same for any order of them.

    >>> run_name({"lr": 0.1, "layers": 2})
    'layers=2,lr=0.1'
    """
    whole = ",".join(f"{key}={_plain(hparams[key])}" for key in sorted(hparams)) or "default"
    safe = _UNSAFE.sub("_", whole)
    if safe == whole and len(whole) <= MAX_NAME:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:HASHED]
    return f"{safe[: MAX_NAME - HASHED - 1]}-{digest}"


def _plain(value: Any) -> Setting:
    """A setting as TensorBoard can show it: a number, a bool or a text."""
    if hasattr(value, "item"):  # of NumPy
        value = value.item()
    return value if isinstance(value, (bool, int, float, str)) else str(value)


class Experiment:
    """One run of a program with one setting of its hyperparameters: its folder, its writer, its checkpoints.

    Made by `reflow.experiment`. As a context manager it notes at the end whether the run succeeded.
    """

    def __init__(self, dir: Any, hparams: Mapping[str, Any]) -> None:  # noqa: A002
        self.hparams = dict(hparams)
        self.name = run_name(hparams)
        self.logdir = os.path.join(os.fsdecode(os.fspath(dir)), self.name)
        self._writer: FileWriter | None = None

    def __getitem__(self, name: str) -> Any:
        return self.hparams[name]

    @property
    def checkpoint_prefix(self) -> str:
        """What to give `tf.train.Saver.save` as the path."""
        return os.path.join(self.logdir, "model.ckpt")

    @property
    def checkpoint(self) -> str | None:
        """The newest checkpoint of an earlier run with the same settings; None when there is none."""
        return latest_checkpoint(self.logdir)

    def resume(self, session: Any, saver: Any) -> int:
        """Restore the newest checkpoint, if there is one.

        Args:
            session: the session.
            saver: a `tf.train.Saver`.

        Returns:
            The step that the checkpoint was saved at (the number at the end of its name), else 0.
        """
        found = self.checkpoint
        if found is None:
            return 0
        saver.restore(session, found)
        step = _STEP.search(found)
        return int(step.group(1)) if step else 0

    def writer(self, graph: Any = None) -> FileWriter:
        """The run's `tf.summary.FileWriter`, one for all calls; its first event records the settings."""
        if self._writer is None:
            self._writer = FileWriter(self.logdir)
            self._writer.add_summary(_session_start(self.hparams, self.name))
        if graph is not None:
            self._writer.add_graph(graph)
        return self._writer

    def close(self, succeeded: bool = True) -> None:
        """Note how the run ended, and close the writer."""
        writer = self.writer()
        writer.add_summary(_session_end(succeeded))
        writer.close()
        self._writer = None

    def __enter__(self) -> Experiment:
        self.writer()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(kind is None)


def experiment(dir: Any, hparams: Mapping[str, Any]) -> Experiment:  # noqa: A002
    """One run with these hyperparameters, in a folder of its own inside `dir`.

    The folder's name is made of the settings, so the same settings come back to the same folder, where
    `resume` finds the newest checkpoint. TensorBoard's HParams tab and `reflow runs DIR` compare the runs.

    Args:
        dir: the folder of all runs.
        hparams: the settings by name: numbers, bools and texts; others are recorded as text.

    Raises:
        TypeError: `hparams` is not a mapping from names.

    >>> import tempfile
    >>> import reflow as tf
    >>> with tf.experiment(tempfile.mkdtemp(), {"lr": 0.1}) as run:
    ...     value = tf.Summary.Value(tag="loss", simple_value=0.5 * run["lr"])
    ...     run.writer().add_summary(tf.Summary(value=[value]), 1)
    >>> run.name, run.checkpoint
    ('lr=0.1', None)
    """
    if not isinstance(hparams, Mapping) or not all(isinstance(key, str) for key in hparams):
        raise TypeError(f"hparams must be a dict from names to settings, got {hparams!r}")
    return Experiment(dir, hparams)


def _hparams_summary(tag: str, **content: Any) -> Any:
    """A summary for TensorBoard's HParams plugin."""
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2  # type: ignore[import-untyped]

    data = plugin_data_pb2.HParamsPluginData(version=metadata.PLUGIN_DATA_VERSION, **content)
    value = protos.Summary.Value(tag=tag, metadata=metadata.create_summary_metadata(data))
    value.tensor.CopyFrom(metadata.NULL_TENSOR)
    return protos.Summary(value=[value])


def _session_start(hparams: Mapping[str, Any], group: str) -> Any:
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    info = plugin_data_pb2.SessionStartInfo(group_name=group, start_time_secs=time.time())
    for key, value in hparams.items():
        plain, target = _plain(value), info.hparams[key]
        if isinstance(plain, bool):
            target.bool_value = plain
        elif isinstance(plain, str):
            target.string_value = plain
        else:
            target.number_value = plain
    return _hparams_summary(metadata.SESSION_START_INFO_TAG, session_start_info=info)


def _session_end(succeeded: bool) -> Any:
    from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

    status = api_pb2.STATUS_SUCCESS if succeeded else api_pb2.STATUS_FAILURE
    info = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    return _hparams_summary(metadata.SESSION_END_INFO_TAG, session_end_info=info)


# The table of runs


class Run(NamedTuple):
    """What the event files of one folder say."""

    name: str
    settings: dict[str, Setting]
    step: int | None  # the last one
    scalars: dict[str, float]  # the last value of each


def runs(logdir: str) -> list[Run]:
    """The runs in a folder and the folders below it, by name: those with scalars or settings.

    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> with experiment(folder, {"lr": 0.5}) as run:
    ...     value = protos.Summary.Value(tag="loss", simple_value=0.25)
    ...     run.writer().add_summary(protos.Summary(value=[value]), 7)
    >>> runs(folder)
    [Run(name='lr=0.5', settings={'lr': 0.5}, step=7, scalars={'loss': 0.25})]
    """
    found = []
    for folder, _, names in os.walk(logdir):
        files = sorted(os.path.join(folder, n) for n in names if MARK in n)
        if files:
            found.append(_run(os.path.relpath(folder, logdir), files))
    return sorted(run for run in found if run.settings or run.scalars)


def _run(name: str, files: list[str]) -> Run:
    settings: dict[str, Setting] = {}
    last: dict[str, tuple[int, float]] = {}
    for event in (e for path in files for e in _whole_events(path)):
        for value in event.summary.value:
            plugin = value.metadata.plugin_data
            if plugin.plugin_name == HPARAMS_PLUGIN:
                settings.update(_settings(plugin.content))
            number = _number(value)
            if number is not None:
                last[value.tag] = (event.step, number)
    step = max((step for step, _ in last.values()), default=None)
    return Run(name, settings, step, {tag: number for tag, (_, number) in last.items()})


def _whole_events(path: str) -> Iterator[Any]:
    """The events of a file that may still be written to."""
    try:
        yield from summary_iterator(path)
    except errors.DataLossError:
        return


def _number(value: Any) -> float | None:
    """A scalar, in the form of TensorFlow 1 or of later ones."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return float(value.simple_value)
    if kind == "tensor" and value.metadata.plugin_data.plugin_name == SCALARS_PLUGIN:
        array: Any = constant_value_of(value.tensor)
        return float(array) if array.size == 1 else None
    return None


def _settings(content: bytes) -> dict[str, Setting]:
    from tensorboard.plugins.hparams import plugin_data_pb2

    data = plugin_data_pb2.HParamsPluginData.FromString(content)
    found = data.session_start_info.hparams
    return {key: getattr(found[key], str(found[key].WhichOneof("kind"))) for key in sorted(found)}


def runs_table(found: list[Run]) -> Any:
    """The runs as a table of `rich`: name, settings, last step, last value of each scalar."""
    from rich.table import Table

    settings = list(dict.fromkeys(key for run in found for key in run.settings))
    tags = list(dict.fromkeys(tag for run in found for tag in run.scalars))
    table = Table("run", *settings, "step", *tags)
    for run in found:
        row = [run.name]
        row += [_cell(run.settings.get(key)) for key in settings]
        row += [_cell(run.step), *[_cell(run.scalars.get(tag)) for tag in tags]]
        table.add_row(*row)
    return table


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)
