"""Threads that fill queues: `tf.train.QueueRunner`."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Sequence
from typing import Any

from reflow.base import errors, protos
from reflow.graph import scopes
from reflow.graph.graph import Graph, GraphKeys, Operation, get_default_graph
from reflow.platform import logging
from reflow.train.coordinator import Coordinator


class QueueRunner:
    """Operations that fill a queue, each to be run again and again in a thread of its own.

    Args:
        queue: the queue.
        enqueue_ops: the operations; one that is there twice gets two threads.
        close_op: closes the queue, when the last thread ends; `queue.close()` by default.
        cancel_op: closes the queue and lets nobody wait to add, when the threads are asked to stop.
        queue_closed_exception_types: the exceptions that tell a thread that its input is at its end;
            OutOfRangeError by default.
        queue_runner_def: a QueueRunnerDef message, in place of all the others.
        import_scope: the name scope that the names in it are in.

    Raises:
        ValueError: a queue or operations are missing, or given beside `queue_runner_def`.
        TypeError: `queue_closed_exception_types` is no tuple of `tf.errors`.
    """

    def __init__(
        self,
        queue: Any = None,
        enqueue_ops: Sequence[Any] | None = None,
        close_op: Any = None,
        cancel_op: Any = None,
        queue_closed_exception_types: Any = None,
        queue_runner_def: Any = None,
        import_scope: str | None = None,
    ) -> None:
        if queue_runner_def is not None:
            if queue or enqueue_ops:
                raise ValueError("queue_runner_def and queue are mutually exclusive.")
            self._take_message(queue_runner_def, import_scope)
        else:
            if not queue or not enqueue_ops:
                raise ValueError("Must provide queue and enqueue_ops.")
            self._queue, self._enqueue_ops = queue, enqueue_ops
            self._closed_types = _closed_types(queue_closed_exception_types)
            self._close_op = queue.close() if close_op is None else close_op
            self._cancel_op = queue.close(cancel_pending_enqueues=True) if cancel_op is None else cancel_op
        self._lock = threading.Lock()
        self._running: weakref.WeakKeyDictionary[Any, int] = weakref.WeakKeyDictionary()
        self._exceptions: list[Exception] = []

    def _take_message(self, message: Any, import_scope: str | None) -> None:
        graph = get_default_graph()

        def element(name: str) -> Any:
            return graph.as_graph_element(f"{import_scope}/{name}" if import_scope else name)

        self._queue = element(message.queue_name)
        self._enqueue_ops = [element(name) for name in message.enqueue_op_name]
        self._close_op = element(message.close_op_name)
        self._cancel_op = element(message.cancel_op_name)
        codes = message.queue_closed_exception_types
        self._closed_types = tuple(map(errors.exception_type_from_error_code, codes)) or _closed_types(None)

    @property
    def queue(self) -> Any:
        """The queue."""
        return self._queue

    @property
    def enqueue_ops(self) -> Any:
        """The operations that fill it."""
        return self._enqueue_ops

    @property
    def close_op(self) -> Any:
        """The operation that closes it."""
        return self._close_op

    @property
    def cancel_op(self) -> Any:
        """The operation that closes it and lets nobody wait to add."""
        return self._cancel_op

    @property
    def queue_closed_exception_types(self) -> tuple[type[errors.OpError], ...]:
        """The exceptions that tell that the input is at its end."""
        return self._closed_types

    @property
    def exceptions_raised(self) -> list[Exception]:
        """What was raised in threads without a coordinator."""
        return self._exceptions

    @property
    def name(self) -> str:
        """The name of the queue."""
        return str(self._queue.name)

    def create_threads(
        self, sess: Any, coord: Coordinator | None = None, daemon: bool = False, start: bool = False
    ) -> list[threading.Thread]:
        """The threads that run the operations in a session; none while such threads run already.

        Args:
            sess: the session.
            coord: what to report exceptions to, and when to stop.
            daemon: the program may end while they run.
            start: start them, too.
        """
        with self._lock:
            if self._running.get(sess, 0) > 0:
                return []
            self._running[sess] = len(self._enqueue_ops)
            self._exceptions = []
        title = f"QueueRunnerThread-{self.name}"
        threads = [
            threading.Thread(target=self._fill, args=(sess, op, coord), name=f"{title}-{op.name}")
            for op in self._enqueue_ops
        ]
        if coord is not None:
            arguments = (sess, coord)
            threads.append(
                threading.Thread(target=self._cancel, args=arguments, name=f"{title}-close_on_stop")
            )
        for thread in threads:
            thread.daemon = daemon or thread.daemon
            if coord is not None:
                coord.register_thread(thread)
            if start:
                thread.start()
        return threads

    def _fill(self, sess: Any, op: Operation, coord: Coordinator | None) -> None:
        """What a thread does: run the operation until its input ends or a stop is asked for."""
        try:
            while coord is None or not coord.should_stop():
                sess.run(op)
            self._ended(sess)
        except self._closed_types:
            if self._ended(sess):
                self._quietly(sess, self._close_op)
        except Exception as error:
            self._ended(sess)
            self._report(error, sess, coord)

    def _ended(self, sess: Any) -> bool:
        """Note the end of a thread; returns whether it was the last."""
        with self._lock:
            self._running[sess] -= 1
            return self._running[sess] == 0

    def _report(self, error: Exception, sess: Any, coord: Coordinator | None) -> None:
        if coord is not None:
            coord.request_stop(error)
            return
        if getattr(sess, "_closed", False):
            return  # the end of the session is no failure, when nobody is to be told of it
        logging.error(f"Exception in QueueRunner: {error}")
        with self._lock:
            self._exceptions.append(error)
        raise error

    def _cancel(self, sess: Any, coord: Coordinator) -> None:
        """What the last thread does: let nobody wait to add once a stop is asked for."""
        coord.wait_for_stop()
        self._quietly(sess, self._cancel_op)

    def _quietly(self, sess: Any, op: Any) -> None:
        """Run an operation that may fail: the queue, or the session, may be closed already."""
        try:
            sess.run(op)
        except Exception as error:
            logging.vlog(1, f"Ignored exception: {error}")

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The QueueRunnerDef message; None when the queue is not in the name scope `export_scope`."""
        if export_scope is not None and not self.name.startswith(export_scope):
            return None

        def inner(thing: Any) -> str:
            name = str(thing.name)
            return name if export_scope is None else name.removeprefix(export_scope).lstrip("/")

        return protos.QueueRunnerDef(
            queue_name=inner(self._queue),
            enqueue_op_name=[inner(op) for op in self._enqueue_ops],
            close_op_name=inner(self._close_op),
            cancel_op_name=inner(self._cancel_op),
            queue_closed_exception_types=[_code(kind) for kind in self._closed_types],
        )

    @staticmethod
    def from_proto(queue_runner_def: Any, import_scope: str | None = None) -> QueueRunner:
        """The runner that a QueueRunnerDef message describes, of nodes of the default graph."""
        return QueueRunner(queue_runner_def=queue_runner_def, import_scope=import_scope)


def _code(kind: type[errors.OpError]) -> int:
    code = errors.error_code_from_exception_type(kind)
    return code if isinstance(code, int) else errors.UNKNOWN


def _closed_types(types: Any) -> tuple[type[errors.OpError], ...]:
    if types is None:
        return (errors.OutOfRangeError,)
    if not isinstance(types, tuple) or not types or not all(issubclass(t, errors.OpError) for t in types):
        raise TypeError(
            "queue_closed_exception_types, when provided, must be a tuple of tf.error types, but saw: "
            f"{types}"
        )
    return types


def add_queue_runner(qr: QueueRunner, collection: str = GraphKeys.QUEUE_RUNNERS) -> None:
    """Add a runner to a collection of the graph, for `start_queue_runners`."""
    get_default_graph().add_to_collection(collection, qr)


def start_queue_runners(
    sess: Any = None,
    coord: Coordinator | None = None,
    daemon: bool = True,
    start: bool = True,
    collection: str = GraphKeys.QUEUE_RUNNERS,
) -> list[threading.Thread]:
    """Start the threads of all runners that are in a collection of the session's graph.

    Args:
        sess: the session; the default session by default.
        coord: the coordinator of the threads.
        daemon: the program may end while they run.
        start: False only makes the threads.
        collection: where the runners are.

    Returns: the threads.

    Raises:
        ValueError: there is no session.
        TypeError: `sess` is none.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     name = tf.train.string_input_producer(["a", "b"], shuffle=False).dequeue()
    ...     coord = tf.train.Coordinator()
    ...     threads = tf.train.start_queue_runners(sess, coord)
    ...     print([sess.run(name) for _ in range(3)])
    ...     coord.request_stop()
    ...     coord.join(threads)
    [b'a', b'b', b'a']
    """
    if sess is None:
        sess = scopes.sessions.top
        if sess is None:
            raise ValueError(
                "Cannot start queue runners: No default session is registered. Use `with sess.as_default()` "
                "or pass an explicit session to tf.start_queue_runners(sess=sess)"
            )
    graph = getattr(sess, "graph", None)
    if not isinstance(graph, Graph) or not hasattr(sess, "run"):
        raise TypeError(f"sess must be a `tf.Session` object. Given class: {sess.__class__}")
    runners: Iterable[QueueRunner] = graph.get_collection(collection)
    if not runners:
        logging.warning(
            "`tf.train.start_queue_runners()` was called when no queue runners were defined. You can safely "
            "remove the call to this deprecated function."
        )
    with graph.as_default():
        return [
            thread
            for runner in runners
            for thread in runner.create_threads(sess, coord=coord, daemon=daemon, start=start)
        ]
