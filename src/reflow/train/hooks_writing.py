"""Hooks of monitored sessions that write files: checkpoints, summaries, the speed, timelines."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from reflow.base import protos
from reflow.graph.graph import GraphKeys, get_collection, get_default_graph
from reflow.model.global_step import get_global_step
from reflow.platform import gfile, logging
from reflow.summary.timeline import Timeline
from reflow.summary.writer import FileWriterCache
from reflow.train.graph_io import write_graph
from reflow.train.hooks import (
    SecondOrStepTimer,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
    step_tensor,
)
from reflow.train.meta_graph import create_meta_graph_def

WARNINGS = 5  # how often to tell that the global step stands still


class CheckpointSaverListener:
    """Base of objects that are told when a CheckpointSaverHook saves; each method does nothing.

    >>> import tempfile
    >>> import reflow as tf
    >>> class Told(tf.train.CheckpointSaverListener):
    ...     def after_save(self, session, global_step_value):
    ...         print("saved at", global_step_value)
    >>> with tf.Graph().as_default():
    ...     step = tf.train.create_global_step()
    ...     saver = tf.train.Saver()
    ...     hook = tf.train.CheckpointSaverHook(
    ...         tempfile.mkdtemp(), save_steps=10, saver=saver, listeners=[Told()])
    ...     with tf.train.MonitoredSession(hooks=[hook]) as sess:
    ...         value = sess.run(step)
    saved at 0
    """

    def begin(self) -> None:
        """Called once, before the session is made."""

    def before_save(self, session: Any, global_step_value: Any) -> None:
        """Called before a checkpoint is written."""

    def after_save(self, session: Any, global_step_value: Any) -> Any:
        """Called when a checkpoint was written; a true result asks for the end of the training."""

    def end(self, session: Any, global_step_value: Any) -> None:
        """Called once at the end, after the last checkpoint."""


class CheckpointSaverHook(SessionRunHook):
    """Saves a checkpoint when the session is made, every so many seconds or steps, and at the end.

    With a Saver that is `exact` it saves random counters and the positions of iterators, too.

    Args:
        checkpoint_dir: the folder.
        save_secs, save_steps: how often to save; exactly one of the two.
        saver: the Saver; by default that of the scaffold, or else the only one of the graph's collection.
        checkpoint_basename: the name of the checkpoints, before the number of the step.
        scaffold: gives the Saver.
        listeners: CheckpointSaverListeners to be told.

    Raises:
        ValueError: both or none of `save_secs` and `save_steps` are given, or both `saver` and `scaffold`.
        RuntimeError: when the session is made, there is no global step, or not one Saver.
    """

    def __init__(
        self,
        checkpoint_dir: str,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Any = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Any = None,
        listeners: Iterable[CheckpointSaverListener] | None = None,
    ) -> None:
        logging.info("Create CheckpointSaverHook.")
        if saver is not None and scaffold is not None:
            raise ValueError("You cannot provide both saver and scaffold.")
        self._saver = saver
        self._checkpoint_dir = checkpoint_dir
        self._save_path = os.path.join(checkpoint_dir, checkpoint_basename)
        self._scaffold = scaffold
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._listeners = list(listeners or ())
        self._steps_per_run = 1

    def _set_steps_per_run(self, steps_per_run: int) -> None:
        self._steps_per_run = steps_per_run

    def begin(self) -> None:
        self._summary_writer = FileWriterCache.get(self._checkpoint_dir)
        self._global_step_tensor = step_tensor("CheckpointSaverHook")
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        step = session.run(self._global_step_tensor)
        graph = get_default_graph()
        nodes = graph.as_graph_def(add_shapes=True)
        write_graph(nodes, self._checkpoint_dir, "graph.pbtxt")
        saver = self._get_saver()
        whole = create_meta_graph_def(graph_def=nodes, saver_def=saver.saver_def if saver else None)
        self._summary_writer.add_graph(graph)
        self._summary_writer.add_meta_graph(whole)
        self._save(session, step)  # where the training begins
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step_tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        # What was fetched is from before the step: the true step is asked for only when it is time.
        if not self._timer.should_trigger_for_step(run_values.results + self._steps_per_run):
            return
        step = run_context.session.run(self._global_step_tensor)
        if self._timer.should_trigger_for_step(step):
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def end(self, session: Any) -> None:
        last = session.run(self._global_step_tensor)
        if last != self._timer.last_triggered_step():
            self._save(session, last)
        for listener in self._listeners:
            listener.end(session, last)

    def _save(self, session: Any, step: Any) -> bool:
        """Save a checkpoint; returns whether a listener asks for the end."""
        logging.info("Saving checkpoints for %d into %s.", step, self._save_path)
        for listener in self._listeners:
            listener.before_save(session, step)
        self._get_saver().save(session, self._save_path, global_step=step)
        self._summary_writer.add_session_log(
            protos.SessionLog(status=protos.SessionLog.CHECKPOINT, checkpoint_path=self._save_path), step
        )
        stop = False
        for listener in self._listeners:
            if listener.after_save(session, step):
                logging.info(
                    f"A CheckpointSaverListener requested that training be stopped. listener: {listener}"
                )
                stop = True
        return stop

    def _get_saver(self) -> Any:
        if self._saver is None and self._scaffold is not None:
            return self._scaffold.saver
        if self._saver is None:
            self._saver = _only_saver()
        return self._saver


def _only_saver() -> Any:
    """The one Saver of the graph's collection. RuntimeError if there are none or several."""
    key = GraphKeys.SAVERS
    savers = get_collection(key)
    if not savers:
        raise RuntimeError(
            f"No items in collection {key}. "
            "Please add a saver to the collection or provide a saver or scaffold."
        )
    if len(savers) > 1:
        raise RuntimeError(
            f"More than one item in collection {key}. "
            "Please indicate which one to use by passing it to the constructor."
        )
    return savers[0]


class StepCounterHook(SessionRunHook):
    """Logs how many steps are made in a second, and writes it as the summary `global_step/sec`.

    Args:
        every_n_steps, every_n_secs: how often; exactly one of the two.
        output_dir: the folder of the summaries.
        summary_writer: a FileWriter in place of the folder.

    ValueError unless one period is given; RuntimeError when there is no global step.
    """

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: str | None = None,
        summary_writer: Any = None,
    ) -> None:
        if (every_n_steps is None) == (every_n_secs is None):
            raise ValueError("exactly one of every_n_steps and every_n_secs should be provided.")
        self._timer = SecondOrStepTimer(every_steps=every_n_steps, every_secs=every_n_secs)
        self._summary_writer = summary_writer
        self._output_dir = output_dir
        self._last_global_step: Any = None
        self._steps_per_run = 1

    def _set_steps_per_run(self, steps_per_run: int) -> None:
        self._steps_per_run = steps_per_run

    def begin(self) -> None:
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = FileWriterCache.get(self._output_dir)
        self._global_step_tensor = step_tensor("StepCounterHook")
        self._summary_tag = f"{get_global_step().op.name}/sec"

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step_tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        stale = run_values.results
        if self._timer.should_trigger_for_step(stale + self._steps_per_run):
            step = run_context.session.run(self._global_step_tensor)
            if self._timer.should_trigger_for_step(step):
                seconds, steps = self._timer.update_last_triggered_step(step)
                if seconds is not None:
                    self._log_and_record(steps, seconds, step)
        if stale == self._last_global_step:
            self._warn(stale)
        self._last_global_step = stale

    def _log_and_record(self, elapsed_steps: Any, elapsed_time: float, global_step: Any) -> None:
        speed = elapsed_steps / elapsed_time if elapsed_time > 0 else float("inf")
        if self._summary_writer is not None:
            value = protos.Summary.Value(tag=self._summary_tag, simple_value=speed)
            self._summary_writer.add_summary(protos.Summary(value=[value]), global_step)
        logging.info("%s: %g", self._summary_tag, speed)

    def _warn(self, step: Any) -> None:
        logging.log_first_n(
            logging.WARN,
            "It seems that global step (tf.train.get_global_step) has not been increased. Current value "
            "(could be stable): %s vs previous value: %s. You could increase the global step by passing "
            "tf.train.get_global_step() to Optimizer.apply_gradients or Optimizer.minimize.",
            WARNINGS,
            step,
            self._last_global_step,
        )


class SummarySaverHook(SessionRunHook):
    """Writes summaries at the first run and every so many steps or seconds.

    Args:
        save_steps, save_secs: how often; exactly one of the two.
        output_dir: the folder.
        summary_writer: a FileWriter in place of the folder.
        scaffold: its `summary_op` is written.
        summary_op: a summary, or a list of them, in place of the scaffold's.

    ValueError unless one period, and one of `scaffold` and `summary_op`, is given; RuntimeError when there is
    no global step.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: str | None = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
    ) -> None:
        if (scaffold is None) == (summary_op is None):
            raise ValueError("Exactly one of scaffold or summary_op must be provided.")
        self._summary_op = summary_op
        self._summary_writer = summary_writer
        self._output_dir = output_dir
        self._scaffold = scaffold
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)

    def begin(self) -> None:
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = FileWriterCache.get(self._output_dir)
        self._next_step: Any = None
        self._global_step_tensor = step_tensor("SummarySaverHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        self._request_summary = self._next_step is None or self._timer.should_trigger_for_step(
            self._next_step
        )
        fetches = {"global_step": self._global_step_tensor}
        if self._request_summary and (wanted := self._get_summary_op()) is not None:
            fetches["summary"] = wanted
        return SessionRunArgs(fetches)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if not self._summary_writer:
            return
        step = run_values.results["global_step"] + 1
        if self._request_summary:
            step = run_context.session.run(self._global_step_tensor)
        if self._next_step is None:
            self._summary_writer.add_session_log(protos.SessionLog(status=protos.SessionLog.START), step)
        if self._request_summary:
            self._timer.update_last_triggered_step(step)
            for summary in run_values.results.get("summary", ()):
                self._summary_writer.add_summary(summary, step)
        self._next_step = step + 1

    def end(self, session: Any = None) -> None:
        if self._summary_writer:
            self._summary_writer.flush()

    def _get_summary_op(self) -> Any:
        """The summaries in a list; None when there are none."""
        wanted = self._scaffold.summary_op if self._summary_op is None else self._summary_op
        return wanted if wanted is None or isinstance(wanted, list) else [wanted]


class ProfilerHook(SessionRunHook):
    """Traces a run every so many steps or seconds, and writes it to `timeline-<step>.json`.

    Chrome shows the file at chrome://tracing.

    Args:
        save_steps, save_secs: how often; exactly one of the two.
        output_dir: the folder.
        show_dataflow: draw arrows from nodes to those that use their outputs.
        show_memory: show the tensors, and the memory that they take.

    ValueError unless one period is given; RuntimeError when there is no global step.
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: str = "",
        show_dataflow: bool = True,
        show_memory: bool = False,
    ) -> None:
        self._output_file = os.path.join(output_dir, "timeline-{}.json")
        self._file_writer = FileWriterCache.get(output_dir)
        self._show_dataflow = show_dataflow
        self._show_memory = show_memory
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)

    def begin(self) -> None:
        self._next_step: Any = None
        self._global_step_tensor = step_tensor("ProfilerHook")

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        self._request_summary = self._next_step is not None and self._timer.should_trigger_for_step(
            self._next_step
        )
        traced = protos.RunOptions(trace_level=protos.RunOptions.FULL_TRACE)
        fetches = {"global_step": self._global_step_tensor}
        return SessionRunArgs(fetches, options=traced if self._request_summary else None)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        stale = run_values.results["global_step"]
        if self._next_step is None:
            self._timer.update_last_triggered_step(stale)  # the first run is no good measure
        step = stale + 1
        if self._request_summary:
            step = run_context.session.run(self._global_step_tensor)
            self._timer.update_last_triggered_step(step)
            self._save(step, self._output_file.format(step), run_values.run_metadata.step_stats)
            self._file_writer.add_run_metadata(run_values.run_metadata, f"step_{step}")
        self._next_step = step + 1

    def _save(self, step: Any, save_path: str, step_stats: Any) -> None:
        logging.info("Saving timeline for %d into '%s'.", step, save_path)
        trace = Timeline(step_stats).generate_chrome_trace_format(
            show_dataflow=self._show_dataflow, show_memory=self._show_memory
        )
        gfile.write_string_to_file(save_path, trace)
