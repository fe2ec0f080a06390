"""Sessions: where graphs are run and variables live."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from reflow.base import errors
from reflow.graph import scopes
from reflow.graph.graph import Graph, get_default_graph
from reflow.runtime import backend, tracing
from reflow.runtime.executable import Executable, Runner
from reflow.runtime.fetches import LEAVES, Feeder, Fetches, Rebuild, feed_tensors, key_of, rebuilding
from reflow.runtime.functions import Functions
from reflow.runtime.partial import PartialRun
from reflow.runtime.policy import tier_of
from reflow.runtime.store import Store


class _Entry:
    """What the session remembers of one form of `run` call."""

    __slots__ = ("feeders", "fetches", "rebuild", "runner", "spread")

    def __init__(
        self, fetches: Fetches, rebuild: Rebuild | None, runner: Runner, feeders: list[Feeder], spread: Any
    ) -> None:
        self.fetches = fetches
        self.rebuild = rebuild
        self.runner = runner
        self.feeders = feeders
        self.spread = spread  # key -> number of tensors, when some key stands for several

    def run(self, feed: Mapping[Any, Any] | None) -> Any:
        if self.spread is None:
            arrays = [f(v) for f, v in zip(self.feeders, feed.values(), strict=True)] if feed else []
        else:
            arrays = self._spread(feed or {})
        values = self.runner.run(arrays)
        return values if self.rebuild is None else self.rebuild(values)

    def _spread(self, feed: Mapping[Any, Any]) -> list[Any]:
        values: list[Any] = []
        for (key, count), value in zip(self.spread, feed.values(), strict=True):
            if count == 1 and not isinstance(key, tuple):
                values.append(value)
                continue
            parts = [p for p in value if p is not None] if isinstance(value, (tuple, list)) else [value]
            if len(parts) != count:
                raise ValueError(f"Feed of {key} needs {count} values, got {len(parts)}")
            values.extend(parts)
        return [f(v) for f, v in zip(self.feeders, values, strict=True)]


class BaseSession:
    """What `Session` and `InteractiveSession` share: `run` and the session's state."""

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, tier: str | None = None
    ) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise TypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        if not isinstance(target, str):
            raise TypeError(f"target must be a string, but got {type(target)}")
        if target:
            raise errors.UnimplementedError(
                None,
                None,
                f"Session target {target!r}: Reflow runs in its own process; leave the target empty",
            )
        if config is not None and not hasattr(config, "graph_options"):
            raise TypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        self._graph = graph if graph is not None else get_default_graph()
        self._config = config
        self._tier = tier_of(config, tier)
        self._store = Store()
        self._entries: dict[Any, _Entry] = {}
        self._dated = self._graph.mutations  # the state of the graph's nodes that the entries are of
        self._lock = threading.RLock()
        self._store.functions = Functions(self._lock, self._tier)
        self._closed = False
        self._partials: dict[str, PartialRun] = {}
        self._partial_count = 0

    @property
    def graph(self) -> Graph:
        """The graph that the session runs."""
        return self._graph

    @property
    def graph_def(self) -> Any:
        """The graph as a GraphDef."""
        return self._graph.as_graph_def()

    @property
    def sess_str(self) -> bytes:
        return b""

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Run what the fetches need and return their values.

        Args:
            fetches: a tensor, operation, variable or name, or any nesting of lists, tuples, dicts and
                named tuples of them.
            feed_dict: values for tensors: numbers, lists or arrays that fit the tensor's type and shape.
            options: a RunOptions message: with a `trace_level`, the run is interpreted node by node.
            run_metadata: a RunMetadata message to fill with what the options ask for.

        Returns:
            The structure of `fetches` with NumPy values in place of tensors and None in place of operations.

        Raises:
            RuntimeError: the session is closed.
            ValueError, TypeError: a fetch or feed is not of this graph, or a value does not fit.
            tf.errors.OpError: an operation failed; no variable was changed by the failing step.

        >>> import reflow as tf
        >>> x = tf.placeholder(tf.float32, [None])
        >>> with tf.Session() as sess:
        ...     print(sess.run({"twice": x * 2.0}, {x: [1, 2]}))
        {'twice': array([2., 4.], dtype=float32)}
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        try:
            flat = fetches.__class__ is list and LEAVES.issuperset(map(type, fetches))
            shape = (list, *fetches) if flat else key_of(fetches)
            key = (shape, tuple(feed_dict) if feed_dict else None, self._graph.mutations)
            entry = self._entries.get(key)
        except TypeError:  # an unhashable fetch or feed key: say which
            self._check_hashable(fetches, feed_dict)
            raise
        if entry is None:
            entry = self._entry(key, fetches, feed_dict)
        if options is None and run_metadata is None:
            return entry.run(feed_dict)
        return tracing.run(entry, feed_dict, options, run_metadata)

    def _check_hashable(self, fetches: Any, feed_dict: Any) -> None:
        Fetches(self._graph, fetches)
        if not isinstance(feed_dict or {}, Mapping):
            raise TypeError(f"feed_dict must be a dict, got {type(feed_dict)}")

    def _entry(self, key: Any, structure: Any, feed: Any) -> _Entry:
        """Work out a call of a new form: its plan is shared by all sessions of the graph."""
        graph = self._graph
        if graph.version == 0:
            raise RuntimeError(
                "The Session graph is empty.  Add operations to the graph before calling run()."
            )
        if not isinstance(feed or {}, Mapping):
            raise TypeError(f"feed_dict must be a dict from tensors to values, got {type(feed)}")
        fetches = Fetches(graph, structure)
        rows = feed_tensors(graph, feed or {})
        feeds = [t for _, tensors in rows for t in tensors]
        spread = None
        if any(len(tensors) != 1 for _, tensors in rows):
            spread = [(k, len(tensors)) for k, tensors in rows]
        shared = self._executables(graph)
        executable = shared.get(key)
        if executable is None:
            executable = shared.setdefault(key, Executable(fetches.tensors, fetches.targets, feeds))
        runner = Runner(executable, self._store, self._lock, self._tier)
        if scopes.process.observer is not None:
            runner = tracing.ObservedRunner(runner, scopes.process.observer)
        entry = _Entry(fetches, rebuilding(structure, fetches), runner, [Feeder(t) for t in feeds], spread)
        self._entries[key] = entry
        return entry

    def _executables(self, graph: Graph) -> dict[Any, Executable]:
        """The plans that all sessions of the graph share; those of an earlier state of it are let go."""
        if self._dated != graph.mutations:
            self._entries.clear()
            self._dated = graph.mutations
        if graph.runtime.get("mutations") != graph.mutations:
            graph.runtime.update(executables={}, mutations=graph.mutations)
        plans: dict[Any, Executable] = graph.runtime["executables"]
        return plans

    def make_callable(
        self, fetches: Any, feed_list: Any = None, accept_options: bool = False
    ) -> Callable[..., Any]:
        """A function that runs `fetches`, taking the values of `feed_list` as positional arguments.

        >>> import reflow as tf
        >>> x = tf.placeholder(tf.float32)
        >>> with tf.Session() as sess:
        ...     square = sess.make_callable(x * x, [x])
        ...     print(square(3))
        9.0
        """
        feeds = list(feed_list or [])
        Fetches(self._graph, fetches)
        feed_tensors(self._graph, dict.fromkeys(feeds))

        def call(*values: Any, options: Any = None, run_metadata: Any = None) -> Any:
            if len(values) != len(feeds):
                raise TypeError(f"The callable takes {len(feeds)} fed values, got {len(values)}")
            return self.run(fetches, dict(zip(feeds, values, strict=True)) or None, options, run_metadata)

        return call

    def partial_run_setup(self, fetches: Any, feeds: Any = None) -> str:
        """Begin a run that is made in several `partial_run` calls; returns its handle.

        Args:
            fetches: all that the calls will fetch.
            feeds: all tensors that the calls will feed.

        >>> import reflow as tf
        >>> a, b = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
        >>> total = a + 1.0
        >>> product = total * b
        >>> with tf.Session() as sess:
        ...     run = sess.partial_run_setup([total, product], [a, b])
        ...     first = sess.partial_run(run, total, {a: 1.0})
        ...     print(first, sess.partial_run(run, product, {b: first * 2.0}))
        2.0 8.0
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        with self._lock:
            run = PartialRun(self._graph, self._store, fetches, feeds)
            handle = f"partial_run_{self._partial_count}"
            self._partial_count += 1
            self._partials[handle] = run
        return handle

    def partial_run(self, handle: str, fetches: Any, feed_dict: Any = None) -> Any:
        """Go on with the run that `handle` stands for: feed some values, fetch what follows from all so far.

        Each feed is given, and each fetch made, once. InvalidArgumentError for an unknown or finished run, a
        second feed, or a fetch that needs a value not fed yet.
        """
        if self._closed:
            raise RuntimeError("Attempted to use a closed Session.")
        with self._lock:
            run = self._partials.get(handle)
            if run is None:
                message = "Must run 'setup' before performing partial runs!"
                raise errors.InvalidArgumentError(None, None, message)
            values = run.run(fetches, feed_dict)
            if run.finished:
                del self._partials[handle]
        return values

    def list_devices(self) -> list[Any]:
        """The names of the devices that XLA runs on."""
        return [f"/device:{d.platform.upper()}:{d.id}" for d in backend.jax().devices()]

    def close(self) -> None:
        """End the session and free its variables."""
        self._closed = True
        self._entries.clear()
        self._store.clear()

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Any]:
        """Make this the session of `Tensor.eval` and `Operation.run` for a `with` block; it is not closed.

        >>> import reflow as tf
        >>> sess = tf.Session()
        >>> with sess.as_default():
        ...     print(tf.constant(3).eval())
        3
        """
        with scopes.sessions.pushed(self, what="Session"):
            yield self


class Session(BaseSession):
    """A session: runs a graph and holds the values of its variables.

    Args:
        target: must be empty.
        graph: the graph to run; the default graph if None.
        config: a ConfigProto; `graph_options.optimizer_options.global_jit_level` chooses the tier.
        tier: "interpret" (NumPy), "compile" (XLA) or "auto", which decides by the plan's work.

    >>> import reflow as tf
    >>> with tf.Session() as sess:
    ...     print(sess.run(tf.constant(2) + 3))
    5
    """

    _stack: contextlib.ExitStack | None = None

    def __enter__(self) -> Session:
        if self._stack is not None:
            raise RuntimeError(
                "Session context managers are not re-entrant. "
                "Use `Session.as_default()` if you want to enter a session multiple times."
            )
        self._stack = stack = contextlib.ExitStack()
        stack.enter_context(self._graph.as_default())
        stack.enter_context(self.as_default())
        return self

    def __exit__(self, *error: Any) -> None:
        stack, self._stack = self._stack, None
        try:
            if stack is not None:
                stack.__exit__(*error)
        finally:
            self.close()

    @staticmethod
    def reset(target: str, containers: Any = None, config: Any = None) -> None:
        """Not implemented: it clears the variables of a remote server."""
        raise errors.UnimplementedError(
            None, None, "Session.reset needs a remote target, which Reflow does not have"
        )


class InteractiveSession(BaseSession):
    """A session that is the default one from its making until `close()`, for notebooks.

    >>> import reflow as tf
    >>> sess = tf.InteractiveSession()
    >>> print(tf.constant(3).eval())
    3
    >>> sess.close()
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: Any = None, tier: str | None = None
    ) -> None:
        super().__init__(target, graph, config, tier)
        self._installed = contextlib.ExitStack()
        if graph is not None:
            self._installed.enter_context(graph.as_default())
        self._installed.enter_context(self.as_default())

    def close(self) -> None:
        super().close()
        with contextlib.suppress(AssertionError):  # closed out of order: leave the stacks of others alone
            self._installed.close()


def get_default_session() -> Any:
    """The innermost session that `with` or `as_default` made the default of this thread; None outside.

    >>> import reflow as tf
    >>> with tf.Session() as sess:
    ...     tf.get_default_session() is sess
    True
    """
    return scopes.sessions.top
