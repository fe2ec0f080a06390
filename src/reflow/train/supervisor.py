"""`tf.train.Supervisor`: the older way to run a training, with threads that save and write summaries."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from reflow.base import dtypes, protos
from reflow.graph.graph import (
    Graph,
    GraphKeys,
    add_to_collection,
    get_collection,
    get_default_graph,
)
from reflow.model.global_step import global_step as read_global_step
from reflow.model.variables import (
    global_variables,
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
)
from reflow.ops.control import group
from reflow.ops.summary import merge_all
from reflow.platform import logging
from reflow.summary.writer import FileWriter
from reflow.train.coordinator import Coordinator, LooperThread
from reflow.train.graph_io import write_graph
from reflow.train.meta_graph import create_meta_graph_def
from reflow.train.saver import Saver
from reflow.train.session_manager import SessionManager

TOLD = 10  # how often the speed is logged


class Supervisor:
    """Prepares sessions, restoring checkpoints, and runs threads that save, write summaries and fill queues.

    Deprecated: see `tf.train.MonitoredTrainingSession`. Where an argument is `USE_DEFAULT`, the first item
    of the graph's collection is taken, or made and entered there. The graph is final afterwards.

    Args:
        graph: the graph; the default graph if None.
        ready_op: a string vector of what has no value yet.
        ready_for_local_init_op: the same, before `local_init_op`.
        is_chief: False for a worker, which waits for the chief and writes nothing.
        init_op, init_feed_dict, init_fn: initialize the model when there is no checkpoint.
        local_init_op, local_init_run_options: run in each session.
        logdir: the folder of checkpoints and summaries; none are written without it.
        summary_op: the summaries that a thread writes; None for none.
        saver: the Saver that a thread uses; None for none.
        global_step: the step's tensor.
        save_summaries_secs, save_model_secs: how often to write; 0 for never.
        recovery_wait_secs: between two looks at a model that others initialize.
        stop_grace_secs: how long threads have to stop.
        checkpoint_basename: the name of the checkpoints.
        session_manager: a SessionManager.
        summary_writer: a FileWriter; None for none.

    ValueError when a worker's variables are on no device.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     total = tf.assign_add(tf.Variable(0), 2)
    ...     sv = tf.train.Supervisor()
    ...     with sv.managed_session() as sess:
    ...         while not sv.should_stop():
    ...             if sess.run(total) == 6:
    ...                 sv.request_stop()
    """

    USE_DEFAULT = 0

    def __init__(
        self,
        graph: Graph | None = None,
        ready_op: Any = USE_DEFAULT,
        ready_for_local_init_op: Any = USE_DEFAULT,
        is_chief: bool = True,
        init_op: Any = USE_DEFAULT,
        init_feed_dict: Any = None,
        local_init_op: Any = USE_DEFAULT,
        logdir: str | None = None,
        summary_op: Any = USE_DEFAULT,
        saver: Any = USE_DEFAULT,
        global_step: Any = USE_DEFAULT,
        save_summaries_secs: float = 120,
        save_model_secs: float = 600,
        recovery_wait_secs: float = 30,
        stop_grace_secs: float = 120,
        checkpoint_basename: str = "model.ckpt",
        session_manager: SessionManager | None = None,
        summary_writer: Any = USE_DEFAULT,
        init_fn: Callable[[Any], Any] | None = None,
        local_init_run_options: Any = None,
    ) -> None:
        self._graph = graph = get_default_graph() if graph is None else graph
        with graph.as_default():
            self._ready_op = _first(ready_op, GraphKeys.READY_OP, report_uninitialized_variables)
            self._ready_for_local_init_op = _first(ready_for_local_init_op, GraphKeys.READY_FOR_LOCAL_INIT_OP)
            self._init_op = _first(init_op, GraphKeys.INIT_OP, global_variables_initializer)
            self._local_init_op = _first(local_init_op, GraphKeys.LOCAL_INIT_OP, _default_local_init_op)
            self._saver = _first(saver, GraphKeys.SAVERS, _default_saver)
            self._summary_op = _first(summary_op, GraphKeys.SUMMARY_OP, merge_all)
            self._global_step = _first(global_step, GraphKeys.GLOBAL_STEP, _default_global_step)
            self._meta_graph_def = create_meta_graph_def(
                graph_def=graph.as_graph_def(add_shapes=True),
                saver_def=self._saver.saver_def if self._saver else None,
            )
        self._init_feed_dict = init_feed_dict
        self._init_fn = init_fn
        self._is_chief = is_chief
        self._coord = Coordinator()
        self._stop_grace_secs = stop_grace_secs
        self._logdir = logdir if is_chief else None
        self._save_summaries_secs = save_summaries_secs if is_chief else None
        self._save_model_secs = save_model_secs if is_chief else None
        self._save_path = os.path.join(self._logdir, checkpoint_basename) if self._logdir else None
        self._summary_writer = self._writer(summary_writer) if is_chief else None
        self._graph_added_to_summary = False
        self._session_manager = session_manager or SessionManager(
            local_init_op=self._local_init_op,
            ready_op=self._ready_op,
            ready_for_local_init_op=self._ready_for_local_init_op,
            graph=graph,
            recovery_wait_secs=recovery_wait_secs,
            local_init_run_options=local_init_run_options,
        )
        self._verify_setup()
        graph.finalize()

    def _writer(self, given: Any) -> Any:
        if not _is_default(given):
            return given
        return FileWriter(self._logdir) if self._logdir else None

    def _verify_setup(self) -> None:
        if self._is_chief:
            return
        for op in self._graph.get_operations():
            if op.type in ("Variable", "VariableV2") and not op.device:
                raise ValueError(f"When using replicas, all Variables must have their device set: {op}")

    # What it is made of

    @property
    def is_chief(self) -> bool:
        """Whether it initializes and writes."""
        return self._is_chief

    @property
    def session_manager(self) -> SessionManager:
        """The SessionManager."""
        return self._session_manager

    @property
    def coord(self) -> Coordinator:
        """The Coordinator of the threads."""
        return self._coord

    @property
    def init_op(self) -> Any:
        """Initializes the model."""
        return self._init_op

    @property
    def init_feed_dict(self) -> Any:
        """The feeds of `init_op`."""
        return self._init_feed_dict

    @property
    def ready_op(self) -> Any:
        """What has no value yet."""
        return self._ready_op

    @property
    def ready_for_local_init_op(self) -> Any:
        """What has no value yet before `local_init_op`."""
        return self._ready_for_local_init_op

    @property
    def summary_writer(self) -> Any:
        """The FileWriter, or None."""
        return self._summary_writer

    @property
    def summary_op(self) -> Any:
        """The summaries that are written, or None."""
        return self._summary_op

    @property
    def save_summaries_secs(self) -> float | None:
        """How often summaries are written."""
        return self._save_summaries_secs

    @property
    def global_step(self) -> Any:
        """The step's tensor, or None."""
        return self._global_step

    @property
    def saver(self) -> Any:
        """The Saver, or None."""
        return self._saver

    @property
    def save_model_secs(self) -> float | None:
        """How often checkpoints are saved."""
        return self._save_model_secs

    @property
    def save_path(self) -> str | None:
        """The path of the checkpoints, without the number of the step."""
        return self._save_path

    # Sessions

    def prepare_or_wait_for_session(
        self,
        master: str = "",
        config: Any = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        start_standard_services: bool = True,
    ) -> Any:
        """A session whose variables have values; its services and queues are started.

        Args:
            master: the session's target, which must be empty.
            config: a ConfigProto.
            wait_for_checkpoint: wait until there is a checkpoint.
            max_wait_secs: for so long.
            start_standard_services: start the threads that save and write, and fill queues.
        """
        self._coord.clear_stop()
        if self._summary_writer:
            self._summary_writer.reopen()
        if self._is_chief:
            sess = self._session_manager.prepare_session(
                master,
                init_op=self.init_op,
                saver=self.saver,
                checkpoint_dir=self._logdir,
                wait_for_checkpoint=wait_for_checkpoint,
                max_wait_secs=max_wait_secs,
                config=config,
                init_feed_dict=self._init_feed_dict,
                init_fn=self._init_fn,
            )
            self._write_graph()
            if start_standard_services:
                logging.info("Starting standard services.")
                self.start_standard_services(sess)
        else:
            sess = self._session_manager.wait_for_session(master, config=config, max_wait_secs=max_wait_secs)
        if start_standard_services:
            logging.info("Starting queue runners.")
            self.start_queue_runners(sess)
        return sess

    def _write_graph(self) -> None:
        if self._logdir:
            write_graph(self._graph.as_graph_def(add_shapes=True), self._logdir, "graph.pbtxt")
        if self._summary_writer and not self._graph_added_to_summary:
            self._summary_writer.add_graph(self._graph)
            self._summary_writer.add_meta_graph(self._meta_graph_def)
            self._graph_added_to_summary = True

    @contextlib.contextmanager
    def managed_session(
        self,
        master: str = "",
        config: Any = None,
        start_standard_services: bool = True,
        close_summary_writer: bool = True,
    ) -> Iterator[Any]:
        """Context manager: a session from `prepare_or_wait_for_session`; `stop` and `close` at the end.

        What the block or a thread raises is raised at the end, but for OutOfRangeError, the end of the input.
        """
        sess = None
        try:
            sess = self.prepare_or_wait_for_session(
                master=master, config=config, start_standard_services=start_standard_services
            )
            yield sess
        except Exception as error:
            self.request_stop(error)
        finally:
            try:
                self.stop(close_summary_writer=close_summary_writer)
            finally:
                if sess is not None:
                    sess.close()

    # Threads

    def start_standard_services(self, sess: Any) -> list[LooperThread] | None:
        """Start the threads that write summaries and the speed, and save checkpoints; returns them.

        None, with a warning, without a `logdir`. RuntimeError for a worker.
        """
        if not self._is_chief:
            raise RuntimeError(
                "Only chief supervisor can start standard services. "
                "Because only chief supervisors can write events."
            )
        if not self._logdir:
            logging.warning("Standard services need a 'logdir' passed to the SessionManager")
            return None
        if self._global_step is not None and self._summary_writer:
            self._log_status(protos.SessionLog.START, read_global_step(sess, self._global_step))
        threads: list[LooperThread] = []
        if self._save_summaries_secs and self._summary_writer:
            if self._summary_op is not None:
                threads.append(SVSummaryThread(self, sess))
            if self._global_step is not None:
                threads.append(SVStepCounterThread(self, sess))
        if self.saver and self._save_model_secs:
            threads.append(SVTimerCheckpointThread(self, sess))
        for thread in threads:
            thread.start()
        return threads

    def _log_status(self, status: int, step: Any = None, path: str | None = None) -> None:
        message = protos.SessionLog(status=status, checkpoint_path=path)
        assert self._summary_writer is not None  # who calls this has looked
        self._summary_writer.add_session_log(message, step)

    def start_queue_runners(self, sess: Any, queue_runners: Any = None) -> list[threading.Thread]:
        """Start the threads of the queue runners, by default those of the graph; returns them."""
        if queue_runners is None:
            queue_runners = self._graph.get_collection(GraphKeys.QUEUE_RUNNERS)
        started: list[threading.Thread] = []
        for runner in queue_runners:
            started += runner.create_threads(sess, coord=self._coord, daemon=True, start=True)
        return started

    def loop(
        self, timer_interval_secs: float | None, target: Any, args: Any = None, kwargs: Any = None
    ) -> LooperThread:
        """Call a function every so many seconds, in a thread, until the stop; returns the thread."""
        return LooperThread.loop(self._coord, timer_interval_secs, target, args, kwargs)

    def stop(
        self,
        threads: Iterable[threading.Thread] | None = None,
        close_summary_writer: bool = True,
        ignore_live_threads: bool = False,
    ) -> None:
        """Stop the threads and the writer; raises what a thread has reported."""
        self._coord.request_stop()
        try:
            self._coord.join(
                threads,
                stop_grace_period_secs=self._stop_grace_secs,
                ignore_live_threads=ignore_live_threads,
            )
        finally:
            if close_summary_writer and self._summary_writer:
                self._log_status(protos.SessionLog.STOP)
                self._summary_writer.close()
                self._graph_added_to_summary = False

    def request_stop(self, ex: Any = None) -> None:
        """`Coordinator.request_stop`."""
        self._coord.request_stop(ex=ex)

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self._coord.should_stop()

    def stop_on_exception(self) -> Any:
        """`Coordinator.stop_on_exception`, a context manager."""
        return self._coord.stop_on_exception()

    def wait_for_stop(self) -> None:
        """Wait until a stop is asked for."""
        self._coord.wait_for_stop()

    def summary_computed(self, sess: Any, summary: Any, global_step: Any = None) -> None:
        """Write a summary that the program has run itself. RuntimeError without a writer."""
        if not self._summary_writer:
            raise RuntimeError("Writing a summary requires a summary writer.")
        if global_step is None and self.global_step is not None:
            global_step = read_global_step(sess, self.global_step)
        self._summary_writer.add_summary(summary, global_step)

    # The older names

    PrepareSession = prepare_or_wait_for_session
    StartQueueRunners = start_queue_runners
    StartStandardServices = start_standard_services
    Stop = stop
    RequestStop = request_stop
    Loop = loop
    ShouldStop = should_stop
    StopOnException = stop_on_exception
    WaitForStop = wait_for_stop
    SummaryComputed = summary_computed


def _is_default(given: Any) -> bool:
    return given is Supervisor.USE_DEFAULT


def _first(given: Any, key: str, make: Callable[[], Any] | None = None) -> Any:
    """What is given; by default the first item of a collection, or else what is made, and entered there."""
    if not _is_default(given):
        return given
    items = get_collection(key)
    if len(items) > 1:
        logging.info("Found %d %s operations. Returning the first one.", len(items), key)
    if items:
        return items[0]
    made = make() if make is not None else None
    if made is not None:
        add_to_collection(key, made)
    return made


def _default_local_init_op() -> Any:
    return group(local_variables_initializer(), tables_initializer())


def _default_saver() -> Saver | None:
    return Saver() if global_variables() else None


def _default_global_step() -> Any:
    try:
        found = get_default_graph().get_tensor_by_name("global_step:0")
    except KeyError:
        return None
    if found.dtype.base_dtype in (dtypes.int32, dtypes.int64):
        return found
    logging.warning("Found 'global_step' is not an int type: %s", found.dtype)
    return None


class SVSummaryThread(LooperThread):
    """Writes the summaries every so many seconds."""

    def __init__(self, sv: Supervisor, sess: Any) -> None:
        super().__init__(sv.coord, sv.save_summaries_secs)
        self._sv = sv
        self._sess = sess

    def run_loop(self) -> None:
        sv, step = self._sv, None
        if sv.global_step is None:
            summary = self._sess.run(sv.summary_op)
        else:
            summary, step = self._sess.run([sv.summary_op, sv.global_step])
        if sv.summary_writer:
            logging.info("Recording summary at step %s.", step)
            sv.summary_writer.add_summary(summary, step)


class SVStepCounterThread(LooperThread):
    """Writes how many steps are made in a second."""

    def __init__(self, sv: Supervisor, sess: Any, step_counter: Any = None) -> None:
        super().__init__(sv.coord, sv.save_summaries_secs)
        self._sv = sv
        self._sess = sess
        self._last_time = 0.0
        self._last_step = 0
        self._step_counter = sv.global_step if step_counter is None else step_counter
        self._summary_tag = f"{self._step_counter.op.name}/sec"

    def start_loop(self) -> None:
        self._last_time = time.time()
        self._last_step = read_global_step(self._sess, self._step_counter)

    def run_loop(self) -> None:
        step, now = read_global_step(self._sess, self._step_counter), time.time()
        steps, seconds = step - self._last_step, now - self._last_time
        self._last_step, self._last_time = step, now
        speed = steps / seconds if seconds > 0 else float("inf")
        if self._sv.summary_writer:
            value = protos.Summary.Value(tag=self._summary_tag, simple_value=speed)
            self._sv.summary_writer.add_summary(protos.Summary(value=[value]), step)
        logging.log_first_n(logging.INFO, "%s: %g", TOLD, self._summary_tag, speed)


class SVTimerCheckpointThread(LooperThread):
    """Saves a checkpoint every so many seconds."""

    def __init__(self, sv: Supervisor, sess: Any) -> None:
        super().__init__(sv.coord, sv.save_model_secs)
        self._sv = sv
        self._sess = sess

    def run_loop(self) -> None:
        sv = self._sv
        logging.info("Saving checkpoint to path %s", sv.save_path)
        sv.saver.save(self._sess, sv.save_path, global_step=sv.global_step)
        if sv.summary_writer and sv.global_step is not None:
            step = read_global_step(self._sess, sv.global_step)
            sv._log_status(protos.SessionLog.CHECKPOINT, step, sv.save_path)
