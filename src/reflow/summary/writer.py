"""`tf.summary.FileWriter`: summaries, graphs and run metadata as events in a file."""

from __future__ import annotations

import os
import struct
import threading
import time
import warnings
from typing import Any, ClassVar

from reflow.base import protos
from reflow.graph.graph import Graph, get_default_graph
from reflow.ops import summary_wire as wire
from reflow.platform import gfile, logging
from reflow.summary.event_file import EventFileWriter
from reflow.summary.plugin_asset import get_all_plugin_assets
from reflow.train.meta_graph import create_meta_graph_def

PLUGINS_FOLDER = "plugins"
_DOUBLE = struct.Struct("<d").pack
_MASK = (1 << 64) - 1  # negative steps are stored as their complement


def event_bytes(key: bytes, content: bytes, step: Any = None) -> bytes:
    """A serialized Event of this moment, with one field that holds bytes."""
    number = 0 if step is None else int(step)
    head = wire.WALL_TIME + _DOUBLE(time.time())
    if number:
        head += b"\x10" + wire.length(number & _MASK)
    return head + wire.field(key, content)


class SummaryToEventTransformer:
    """Turns summaries, graphs and the like into events for a writer of events.

    Args:
        event_writer: has `add_event(event)`, where an event may be serialized, and `get_logdir()`.
        graph: a Graph to write first.
        graph_def: a GraphDef to write first, the older way.
    """

    def __init__(self, event_writer: Any, graph: Any = None, graph_def: Any = None) -> None:
        self.event_writer = event_writer
        self._session_run_tags: set[str] = set()
        self._described_tags: set[bytes] = set()  # whose metadata are in the file
        if graph is not None or graph_def is not None:
            self.add_graph(graph=graph, graph_def=graph_def)
            whole = graph.as_graph_def(add_shapes=True) if isinstance(graph, Graph) else graph
            self.add_meta_graph(create_meta_graph_def(graph_def=graph_def or whole))

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Add a summary.

        Args:
            summary: a `tf.Summary`, or its bytes, as a summary op gives them.
            global_step: the step that TensorBoard shows it at.

        Raises:
            TypeError: `summary` is neither.
            ValueError: the bytes are not a summary.
            tf.errors.OpError: an earlier event could not be written (told once).

        >>> import tempfile
        >>> import reflow as tf
        >>> with tf.summary.FileWriter(tempfile.mkdtemp()) as writer:
        ...     writer.add_summary(tf.Summary(value=[{"tag": "loss", "simple_value": 0.5}]), 3)
        """
        if hasattr(summary, "SerializeToString"):
            summary = summary.SerializeToString()
        elif not isinstance(summary, bytes):
            raise TypeError(f"summary must be a tf.Summary or bytes, got {type(summary).__name__}")
        if wire.has_metadata(summary):
            summary = self._described_once(summary)
        self._add(wire.EVENT_SUMMARY, summary, global_step)

    def _described_once(self, summary: bytes) -> bytes:
        """The summary without the metadata that an earlier value of the same tag had."""
        parts = []
        for start, end in wire.values(summary):
            value = summary[start:end]
            tag = wire.tag_of(value)
            if tag in self._described_tags:
                value = wire.without(value, wire.METADATA)
            elif any(number == wire.METADATA for number, *_ in wire.fields(value)):
                self._described_tags.add(tag)
            parts.append(wire.field(wire.VALUE, value))
        return b"".join(parts)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Add a `tf.SessionLog`, such as "training starts here"."""
        self._add(wire.EVENT_SESSION_LOG, session_log.SerializeToString(), global_step)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Add a graph, for TensorBoard's graph tab: with the shapes of all tensors, and devices.

        Args:
            graph: a Graph; a GraphDef is taken too, with a warning.
            global_step: the step to record it at.
            graph_def: the older name for a GraphDef.

        Raises:
            ValueError: both are given.
            TypeError: neither is a graph.
        """
        if graph is not None and graph_def is not None:
            raise ValueError("Please pass only graph, or graph_def (deprecated), but not both.")
        given = graph if graph is not None else graph_def
        if isinstance(given, Graph):
            if graph is None:
                logging.warning("When passing a `Graph` object, please use the `graph` named argument.")
            self._write_plugin_assets(given)
            given = given.as_graph_def(add_shapes=True)
        elif isinstance(given, protos.GraphDef):
            logging.warning(
                "Passing a `GraphDef` to the SummaryWriter is deprecated. Pass a `Graph` instead."
            )
        else:
            raise TypeError(
                "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`, "
                f"got {type(given).__name__}"
            )
        self._add(wire.EVENT_GRAPH, given.SerializeToString(), global_step)

    def _write_plugin_assets(self, graph: Graph) -> None:
        for asset in get_all_plugin_assets(graph):
            plugin = str(asset.plugin_name)
            folder = os.path.join(self.event_writer.get_logdir(), PLUGINS_FOLDER, plugin)
            gfile.MakeDirs(folder)
            for name, content in asset.assets().items():
                gfile.write_string_to_file(os.path.join(folder, name), content)

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Add a MetaGraphDef. TypeError if it is none."""
        if not isinstance(meta_graph_def, protos.MetaGraphDef):
            raise TypeError(f"meta_graph_def must be type MetaGraphDef, saw type: {type(meta_graph_def)}")
        self._add(wire.EVENT_META_GRAPH, meta_graph_def.SerializeToString(), global_step)

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Add what a traced `Session.run` found, under a tag of its own, for TensorBoard's graph tab.

        ValueError when the tag was used before.

        >>> import tempfile
        >>> import reflow as tf
        >>> with tf.Graph().as_default() as graph, tf.Session() as sess:
        ...     found, options = tf.RunMetadata(), tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        ...     _ = sess.run(tf.constant(1.0) + 2.0, options=options, run_metadata=found)
        ...     with tf.summary.FileWriter(tempfile.mkdtemp(), graph) as writer:
        ...         writer.add_run_metadata(found, "step 1")
        """
        if tag in self._session_run_tags:
            raise ValueError("The provided tag was already used for this event type")
        self._session_run_tags.add(tag)
        tagged = protos.TaggedRunMetadata(tag=tag, run_metadata=run_metadata.SerializeToString())
        self._add(wire.EVENT_RUN_METADATA, tagged.SerializeToString(), global_step)

    def _add(self, key: bytes, content: bytes, step: Any) -> None:
        self.event_writer.add_event(event_bytes(key, content, step))


class FileWriter(SummaryToEventTransformer):
    """Writes summaries and graphs to an event file, which TensorBoard shows.

    Events are written a few at a time; `flush` and `close` write what is left.

    Args:
        logdir: the folder of the file; it is made if it is missing.
        graph: a Graph to write first.
        max_queue: how many events may wait to be written.
        flush_secs: how many seconds they may wait.
        graph_def: a GraphDef to write first, the older way.
        filename_suffix: what the file's name ends in.
        session: a session; all writers of one session and folder share one file.

    Raises:
        tf.errors.OpError: the folder cannot be made or written to.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     loss = tf.summary.scalar("loss", 0.5)
    ...     with tf.summary.FileWriter(folder, sess.graph) as writer:
    ...         writer.add_summary(sess.run(loss), global_step=1)
    >>> os.listdir(folder)[0].split(".")[:3]
    ['events', 'out', 'tfevents']
    """

    def __init__(
        self,
        logdir: Any,
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        self._closed = False
        settings = (max_queue, flush_secs, filename_suffix)
        events = EventFileWriter(logdir, *settings) if session is None else _shared(session, logdir, settings)
        super().__init__(events, graph, graph_def)

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self.close()

    def get_logdir(self) -> str:
        """The folder of the event file."""
        return self.event_writer.get_logdir()  # type: ignore[no-any-return]

    def _warn_if_closed(self) -> None:
        if self._closed:
            warnings.warn(
                "Attempting to use a closed FileWriter. The operation will be a noop unless the FileWriter "
                "is explicitly reopened.",
                stacklevel=4,
            )

    def _add(self, key: bytes, content: bytes, step: Any) -> None:
        self._warn_if_closed()
        super()._add(key, content, step)

    def add_event(self, event: Any) -> None:
        """Add a `tf.Event` message as it is."""
        self._warn_if_closed()
        self.event_writer.add_event(event)

    def flush(self) -> None:
        """Write all that was added to the file. tf.errors.OpError when that fails."""
        self._warn_if_closed()
        self.event_writer.flush()

    def close(self) -> None:
        """Write all that was added and close the file. tf.errors.OpError when that fails."""
        self._closed = True
        self.event_writer.close()

    def reopen(self) -> None:
        """Begin a new file in the same folder after `close`; nothing happens when the writer is open."""
        self.event_writer.reopen()
        self._closed = False


def _shared(session: Any, logdir: Any, settings: tuple[Any, ...]) -> EventFileWriter:
    """The one writer of events of a session and a folder."""
    writers: dict[str, EventFileWriter] = session.__dict__.setdefault("_event_writers", {})
    key = os.path.abspath(os.fsdecode(os.fspath(logdir)))
    if key not in writers:
        writers[key] = EventFileWriter(logdir, *settings)
    return writers[key]


class FileWriterCache:
    """One FileWriter for each folder, shared by all who ask.

    >>> import tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> tf.summary.FileWriterCache.get(folder) is tf.summary.FileWriterCache.get(folder)
    True
    >>> tf.summary.FileWriterCache.clear()
    """

    _writers: ClassVar[dict[str, FileWriter]] = {}
    _lock = threading.RLock()

    @classmethod
    def clear(cls) -> None:
        """Close and forget all writers."""
        with cls._lock:
            for writer in cls._writers.values():
                writer.close()
            cls._writers.clear()

    @classmethod
    def get(cls, logdir: str) -> FileWriter:
        """The writer of a folder; a new one begins with the default graph."""
        with cls._lock:
            if logdir not in cls._writers:
                cls._writers[logdir] = FileWriter(logdir, graph=get_default_graph())
            return cls._writers[logdir]
