"""`slim.learning`'s training loop, on a `tf.train.Supervisor`."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from typing import Any

from reflow.base import errors
from reflow.base.protos import RunMetadata, RunOptions
from reflow.graph.graph import constant, get_default_graph, name_scope
from reflow.model.global_step import get_or_create_global_step
from reflow.model.global_step import global_step as step_of
from reflow.model.variables import (
    global_variables_initializer,
    local_variables_initializer,
    report_uninitialized_variables,
    tables_initializer,
)
from reflow.ops.arithmetic import floormod
from reflow.ops.comparison import equal, greater_equal
from reflow.ops.control import group
from reflow.ops.summary import merge_all
from reflow.summary.timeline import Timeline
from reflow.train.saver import Saver
from reflow.train.supervisor import Supervisor

log = logging.getLogger("tensorflow")
USE_DEFAULT = 0


def train_step(sess: Any, train_op: Any, global_step: Any, train_step_kwargs: dict[str, Any]) -> Any:
    """Run a training step.

    Args:
        sess: a session.
        train_op: the tensor that makes the step and gives the loss.
        global_step: the counter of steps.
        train_step_kwargs: tensors "should_stop", "should_log", "should_trace" (then "logdir", the folder for
            traces, and perhaps "summary_writer"); each may be missing.

    Returns: the loss, and whether to stop.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     step = tf.train.create_global_step()
    ...     sess.run(tf.global_variables_initializer())
    ...     loss, stop = tf.contrib.slim.learning.train_step(sess, tf.constant(2.0), step, {})
    ...     float(loss), stop
    (2.0, False)
    """
    started = time.perf_counter()
    traced = _is_traced(sess, train_step_kwargs)
    options = RunOptions(trace_level=RunOptions.FULL_TRACE) if traced else None
    metadata = RunMetadata() if traced else None
    loss, step = sess.run([train_op, global_step], options=options, run_metadata=metadata)
    elapsed = time.perf_counter() - started
    if traced:
        _write_trace(metadata, int(step), train_step_kwargs)
    if "should_log" in train_step_kwargs and sess.run(train_step_kwargs["should_log"]):
        log.info("global step %d: loss = %.4f (%.3f sec/step)", step, loss, elapsed)
    stop = sess.run(train_step_kwargs["should_stop"]) if "should_stop" in train_step_kwargs else False
    return loss, stop


def _is_traced(sess: Any, settings: dict[str, Any]) -> bool:
    if "should_trace" not in settings:
        return False
    if "logdir" not in settings:
        raise ValueError("logdir must be present in train_step_kwargs when should_trace is present")
    return bool(sess.run(settings["should_trace"]))


def _write_trace(metadata: Any, step: int, settings: dict[str, Any]) -> None:
    path = os.path.join(settings["logdir"], f"tf_trace-{step}.json")
    log.info("Writing trace to %s", path)
    with open(path, "w", encoding="utf8") as file:
        file.write(Timeline(metadata.step_stats).generate_chrome_trace_format())
    if "summary_writer" in settings:
        settings["summary_writer"].add_run_metadata(metadata, f"run_metadata-{step}")


def train(
    train_op: Any,
    logdir: str | None,
    train_step_fn: Callable[..., Any] = train_step,
    train_step_kwargs: Any = USE_DEFAULT,
    log_every_n_steps: int = 1,
    graph: Any = None,
    master: str = "",
    is_chief: bool = True,
    global_step: Any = None,
    number_of_steps: int | None = None,
    init_op: Any = USE_DEFAULT,
    init_feed_dict: dict[Any, Any] | None = None,
    local_init_op: Any = USE_DEFAULT,
    init_fn: Callable[[Any], Any] | None = None,
    ready_op: Any = USE_DEFAULT,
    summary_op: Any = USE_DEFAULT,
    save_summaries_secs: float = 600,
    summary_writer: Any = USE_DEFAULT,
    startup_delay_steps: int = 0,
    saver: Any = None,
    save_interval_secs: float = 600,
    sync_optimizer: Any = None,
    session_config: Any = None,
    session_wrapper: Callable[[Any], Any] | None = None,
    trace_every_n_steps: int | None = None,
    ignore_live_threads: bool = False,
) -> Any:
    """Run a training operation step by step, writing checkpoints and summaries; gives the last loss.

    Args:
        train_op: what `create_train_op` gave.
        logdir: the folder of checkpoints and summaries; None for none.
        train_step_fn, train_step_kwargs: the function that makes a step, and its last argument: see
            `train_step`.
        log_every_n_steps: how often the loss is logged.
        graph: the graph; the default one when None.
        master, session_config: of the session.
        is_chief: whether this process initializes and saves.
        global_step: the counter of steps; the graph's own by default.
        number_of_steps: after how many steps to stop; None for never.
        init_op, init_feed_dict, local_init_op, init_fn, ready_op, summary_op, save_summaries_secs,
            summary_writer: as of `tf.train.Supervisor`.
        startup_delay_steps: for which step a process that isn't the chief waits first.
        saver, save_interval_secs: what saves the checkpoints, and how often.
        sync_optimizer: not supported: synchronous replicas need several processes.
        session_wrapper: a function from the session to one to use in its place.
        trace_every_n_steps: how often a trace of the run is written.
        ignore_live_threads: whether threads that don't stop are no error.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.Variable(1.0)
    ...     step = tf.contrib.slim.learning.create_train_op(x * x, tf.train.GradientDescentOptimizer(0.25))
    ...     print(tf.contrib.slim.learning.train(step, None, number_of_steps=3))
    0.0625
    """
    _check(train_op, logdir, summary_op, saver, trace_every_n_steps, sync_optimizer, number_of_steps)
    graph = graph or get_default_graph()
    with graph.as_default():
        step = get_or_create_global_step() if global_step is None else global_step
        saver = saver or Saver()
        with name_scope("init_ops"):
            init_op = global_variables_initializer() if init_op is USE_DEFAULT else init_op
            ready_op = report_uninitialized_variables() if ready_op is USE_DEFAULT else ready_op
            if local_init_op is USE_DEFAULT:
                local_init_op = group(local_variables_initializer(), tables_initializer())
        summary_op = merge_all() if summary_op is USE_DEFAULT else summary_op
        if train_step_kwargs is USE_DEFAULT:
            every = trace_every_n_steps if is_chief else None
            train_step_kwargs = _step_settings(step, number_of_steps, log_every_n_steps, every, logdir)
    supervisor = Supervisor(
        graph=graph,
        is_chief=is_chief,
        logdir=logdir,
        init_op=init_op,
        init_feed_dict=init_feed_dict,
        local_init_op=local_init_op,
        ready_for_local_init_op=None,
        ready_op=ready_op,
        summary_op=summary_op,
        summary_writer=Supervisor.USE_DEFAULT if summary_writer is USE_DEFAULT else summary_writer,
        global_step=step,
        saver=saver,
        save_summaries_secs=save_summaries_secs,
        save_model_secs=save_interval_secs,
        init_fn=init_fn,
    )
    if summary_writer is not None:
        train_step_kwargs["summary_writer"] = supervisor.summary_writer
    wait = 0 if is_chief else min(startup_delay_steps, number_of_steps or startup_delay_steps)
    loop = _Loop(supervisor, train_op, step, train_step_fn, train_step_kwargs)
    return loop.run(master, session_config, session_wrapper, wait, ignore_live_threads)


def _check(
    train_op: Any,
    logdir: str | None,
    summary_op: Any,
    saver: Any,
    trace_every_n_steps: Any,
    sync_optimizer: Any,
    number_of_steps: int | None,
) -> None:
    if train_op is None:
        raise ValueError("train_op cannot be None.")
    named = (
        ("summary_op", summary_op is not USE_DEFAULT),
        ("saver", saver is not None),
        ("trace_every_n_steps", trace_every_n_steps is not None),
    )
    for name, given in named:
        if logdir is None and given:
            raise ValueError(f"Cannot provide {name} because logdir=None")
    if sync_optimizer is not None:
        raise NotImplementedError("slim.learning.train: sync_optimizer is not supported: give None")
    if number_of_steps is not None and number_of_steps <= 0:
        raise ValueError("`number_of_steps` must be either None or a positive number.")


def _step_settings(
    step: Any, number_of_steps: int | None, log_every: int, trace_every: int | None, logdir: str | None
) -> dict[str, Any]:
    """The tensors that `train_step` asks."""
    with name_scope("train_step"):
        stop = greater_equal(step, number_of_steps) if number_of_steps else constant(False)
        settings: dict[str, Any] = {"should_stop": stop}
        if log_every > 0:
            settings["should_log"] = equal(floormod(step, log_every), 0)
        if trace_every is not None:
            settings["should_trace"] = equal(floormod(step, trace_every), 0)
            settings["logdir"] = logdir
        return settings


class _Loop:
    """The steps in a supervisor's session; begun anew when the session is lost."""

    def __init__(
        self, supervisor: Supervisor, train_op: Any, step: Any, step_fn: Callable[..., Any], settings: Any
    ) -> None:
        self.supervisor, self.train_op, self.step = supervisor, train_op, step
        self.step_fn, self.settings = step_fn, settings
        self.loss: Any = None

    def run(self, master: str, config: Any, wrapper: Any, wait: int, ignore_live_threads: bool) -> Any:
        while True:
            try:
                with self.supervisor.managed_session(
                    master, start_standard_services=False, config=config
                ) as sess:
                    log.info("Starting Session.")
                    self._in_session(sess if wrapper is None else wrapper(sess), wait, ignore_live_threads)
                return self.loss
            except errors.AbortedError:
                log.info("Retrying training!")

    def _in_session(self, sess: Any, wait: int, ignore_live_threads: bool) -> None:
        supervisor = self.supervisor
        saves = bool(supervisor.is_chief and supervisor.save_path)
        if saves:
            supervisor.start_standard_services(sess)
        while step_of(sess, self.step) < wait:
            time.sleep(1.0)
        threads = supervisor.start_queue_runners(sess)
        try:
            self._steps(sess)
        except errors.OutOfRangeError as error:
            log.info("Caught OutOfRangeError. Stopping Training. %s", error)
        if saves:
            log.info("Finished training! Saving model to disk.")
            supervisor.saver.save(sess, supervisor.save_path, global_step=supervisor.global_step)
            # The end of the supervisor's session closes the writer.
            supervisor.stop(threads, close_summary_writer=False, ignore_live_threads=ignore_live_threads)

    def _steps(self, sess: Any) -> None:
        while not self.supervisor.should_stop():
            self.loss, stop = self.step_fn(sess, self.train_op, self.step, self.settings)
            if stop:
                log.info("Stopping Training.")
                self.supervisor.request_stop()
                return
