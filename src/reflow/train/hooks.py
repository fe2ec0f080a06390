"""Hooks: objects that a monitored session calls around its runs. Those that write no files are here."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from reflow.base import errors
from reflow.graph.graph import get_default_graph
from reflow.model.global_step import _get_or_create_global_step_read
from reflow.platform import logging

WAIT = 0.5  # seconds between two looks at the global step
MANY_STEPS = 1000  # a waiting hook tells how far the steps are when they are so many more


class SessionRunArgs(NamedTuple):
    """The fetches, feeds and RunOptions of a `Session.run` call, or what a hook adds to it.

    >>> import reflow as tf
    >>> tf.train.SessionRunArgs("loss:0")
    SessionRunArgs(fetches='loss:0', feed_dict=None, options=None)
    """

    fetches: Any
    feed_dict: Any = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What a hook gets after a run: the values of its own fetches, the RunOptions and the RunMetadata."""

    results: Any
    options: Any
    run_metadata: Any


class SessionRunContext:
    """What a hook is told of a run: what the caller asked for, and the session; it can ask for the end."""

    def __init__(self, original_args: SessionRunArgs, session: Any) -> None:
        self._original_args = original_args
        self._session = session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        """The fetches and feeds of the caller of `run`."""
        return self._original_args

    @property
    def session(self) -> Any:
        """The session of the run."""
        return self._session

    @property
    def stop_requested(self) -> bool:
        """Whether `request_stop` was called."""
        return self._stop_requested

    def request_stop(self) -> None:
        """Make `should_stop` of the monitored session true after this run."""
        self._stop_requested = True


class SessionRunHook:
    """Base of hooks; each method does nothing unless a derived class says otherwise.

    The order is: `begin`, `after_create_session` (again after each recovery), `before_run` and `after_run`
    around each run, `end`.

    >>> import reflow as tf
    >>> class Steps(tf.train.SessionRunHook):
    ...     def after_run(self, run_context, run_values):
    ...         print("ran", run_context.original_args.fetches.name)
    >>> with tf.Graph().as_default():
    ...     x = tf.constant(1.0, name="x")
    ...     with tf.train.MonitoredSession(hooks=[Steps()]) as sess:
    ...         value = sess.run(x)
    ran x:0
    """

    def begin(self) -> None:
        """Called once, before the session is made: the last moment to add to the graph."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Called when a session was made: the graph is final, the variables have values."""

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Called before each run; may return what is to be fetched, fed and asked for beside."""
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Called after each run that raised nothing."""

    def end(self, session: Any) -> None:
        """Called once at the end, unless it came by an exception other than OutOfRangeError."""


class HookTimer:
    """Base of timers: they tell whether a hook has its turn at a step."""

    def reset(self) -> None:
        """Forget the last turn."""

    def should_trigger_for_step(self, step: Any) -> bool:
        """Whether it is the hook's turn."""
        raise NotImplementedError

    def update_last_triggered_step(self, step: Any) -> tuple[Any, Any]:
        """Note a turn; returns the seconds and the steps since the one before, or `(None, None)`."""
        raise NotImplementedError

    def last_triggered_step(self) -> Any:
        """The step of the last turn, if there was one."""
        raise NotImplementedError


class SecondOrStepTimer(HookTimer):
    """A timer with a turn every so many seconds or steps; the first one at once.

    ValueError unless exactly one of the two is given.

    >>> import reflow as tf
    >>> timer = tf.train.SecondOrStepTimer(every_steps=2)
    >>> turns = [step for step in range(5) if timer.should_trigger_for_step(step)
    ...          and timer.update_last_triggered_step(step)]
    >>> turns
    [0, 2, 4]
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        self.reset()
        self._every_secs = every_secs
        self._every_steps = every_steps
        if every_secs is None and every_steps is None:
            raise ValueError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise ValueError("Can not provide both every_secs and every_steps.")

    def reset(self) -> None:
        self._last_step: Any = None
        self._last_time: float | None = None

    def should_trigger_for_step(self, step: Any) -> bool:
        if self._last_step is None or self._last_time is None:
            return True
        if self._last_step == step:
            return False
        if self._every_secs is not None:
            return time.time() >= self._last_time + self._every_secs
        return bool(step >= self._last_step + self._every_steps)

    def update_last_triggered_step(self, step: Any) -> tuple[Any, Any]:
        now, before, last = time.time(), self._last_time, self._last_step
        self._last_time, self._last_step = now, step
        return (None, None) if before is None else (now - before, step - last)

    def last_triggered_step(self) -> Any:
        return self._last_step


class NeverTriggerTimer(HookTimer):
    """A timer that never has its turn."""

    def should_trigger_for_step(self, step: Any) -> bool:
        return False

    def update_last_triggered_step(self, step: Any) -> tuple[Any, Any]:
        return None, None

    def last_triggered_step(self) -> Any:
        return None


def step_tensor(user: str) -> Any:
    """The tensor that reads the global step. RuntimeError that names the hook when there is none."""
    found = _get_or_create_global_step_read()
    if found is None:
        raise RuntimeError(f"Global step should be created to use {user}.")
    return found


def _exactly_one(**given: Any) -> None:
    """ValueError unless one of the two values is there."""
    first, second = given
    if all(value is None for value in given.values()):
        raise ValueError(f"One of {first} or {second} must be specified.")
    if all(value is not None for value in given.values()):
        raise ValueError(f"Only one of {first} or {second} can be specified.")


class LoggingTensorHook(SessionRunHook):
    """Logs the values of tensors at level INFO, every so many runs or seconds, or at the end.

    Args:
        tensors: tensors or their names, in a list, or in a dict by the tags to log them with.
        every_n_iter: log at the first run and every so many runs.
        every_n_secs: log at the first run and every so many seconds.
        at_end: log at the end, too; it may stand alone.
        formatter: makes the message from a dict of the values by tag.

    Raises:
        ValueError: none or both of the periods are given, or `every_n_iter` is not positive; when the session
            is made, a tensor of another graph.

    >>> import reflow as tf
    >>> def show(values):
    ...     print(f"x is {values['x']}")
    ...     return "x was shown"
    >>> with tf.Graph().as_default():
    ...     x = tf.constant(1.5)
    ...     hook = tf.train.LoggingTensorHook({"x": x}, every_n_iter=2, formatter=show)
    ...     with tf.train.MonitoredSession(hooks=[hook]) as sess:
    ...         values = [sess.run(x) for i in range(3)]
    x is 1.5
    x is 1.5
    """

    def __init__(
        self,
        tensors: Any,
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[Any, Any]], str] | None = None,
    ) -> None:
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ValueError(
                "either at_end and/or exactly one of every_n_iter and every_n_secs must be provided."
            )
        if every_n_iter is not None and every_n_iter <= 0:
            raise ValueError(f"invalid every_n_iter={every_n_iter}.")
        as_dict = isinstance(tensors, Mapping)
        self._tag_order = sorted(tensors) if as_dict else list(tensors)
        self._tensors = dict(tensors) if as_dict else {item: item for item in self._tag_order}
        self._formatter = formatter
        self._timer: HookTimer = (
            NeverTriggerTimer() if only_at_end else SecondOrStepTimer(every_n_secs, every_n_iter)
        )
        self._log_at_end = at_end

    def begin(self) -> None:
        self._timer.reset()
        self._iter_count = 0
        self._current_tensors = {tag: _as_graph_element(tensor) for tag, tensor in self._tensors.items()}

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        self._should_trigger = self._timer.should_trigger_for_step(self._iter_count)
        return SessionRunArgs(self._current_tensors) if self._should_trigger else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if self._should_trigger:
            self._log_tensors(run_values.results)
        self._iter_count += 1

    def end(self, session: Any) -> None:
        if self._log_at_end:
            self._log_tensors(session.run(self._current_tensors))

    def _log_tensors(self, values: dict[Any, Any]) -> None:
        seconds, _ = self._timer.update_last_triggered_step(self._iter_count)
        with np.printoptions(suppress=True):
            if self._formatter is not None:
                logging.info(self._formatter(values))
                return
            # str(), not format(): a float32 is to be shown with its own digits.
            text = ", ".join(f"{tag!s} = {values[tag]!s}" for tag in self._tag_order)
        if seconds is None:
            logging.info("%s", text)
        else:
            logging.info("%s (%.3f sec)", text, seconds)


def _as_graph_element(obj: Any) -> Any:
    """The tensor, operation or variable that an object or a name stands for; it must be of this graph."""
    graph = get_default_graph()
    if not isinstance(obj, str):
        if getattr(obj, "graph", None) is not graph:
            raise ValueError(
                f"Passed {obj} should have graph attribute that is equal to current graph {graph}."
            )
        return obj
    if ":" in obj:
        return graph.as_graph_element(obj)
    element = graph.as_graph_element(f"{obj}:0")
    if len(element.op.outputs) > 1:
        raise ValueError(f"Name {obj} is ambiguous, as this `Operation` has multiple outputs (at least 2).")
    return element


class StopAtStepHook(SessionRunHook):
    """Stops after a number of steps, or at a step.

    Args:
        num_steps: how many steps from where the session begins.
        last_step: the value of the global step to stop at.

    Raises:
        ValueError: none or both are given.
        RuntimeError: there is no global step when the session is made.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     step = tf.train.create_global_step()
    ...     one = tf.assign_add(step, 1)
    ...     with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(num_steps=3)]) as sess:
    ...         while not sess.should_stop():
    ...             print(sess.run(one))
    1
    2
    3
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        _exactly_one(num_steps=num_steps, last_step=last_step)
        self._num_steps = num_steps
        self._last_step: Any = last_step

    def begin(self) -> None:
        self._global_step_tensor = step_tensor("StopAtStepHook")

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._last_step is None:
            self._last_step = session.run(self._global_step_tensor) + self._num_steps

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._global_step_tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        # What was fetched may be from before the step: ask again near the end only.
        if (
            run_values.results + 1 >= self._last_step
            and run_context.session.run(self._global_step_tensor) >= self._last_step
        ):
            run_context.request_stop()


class NanLossDuringTrainingError(RuntimeError):
    """The loss has become NaN.

    >>> print(NanLossDuringTrainingError())
    NaN loss during training.
    """

    def __str__(self) -> str:
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Looks at the loss after each run, and stops when it is NaN.

    Args:
        loss_tensor: the loss, a scalar tensor.
        fail_on_nan_loss: raise NanLossDuringTrainingError; otherwise log a warning and ask for the end.
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._loss_tensor = loss_tensor
        self._fail_on_nan_loss = fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(self._loss_tensor)

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        if not np.isnan(run_values.results):
            return
        message = "Model diverged with loss = NaN."
        if self._fail_on_nan_loss:
            logging.error(message)
            raise NanLossDuringTrainingError
        logging.warning(message)
        run_context.request_stop()


class GlobalStepWaiterHook(SessionRunHook):
    """Waits, before the first run, until the global step has reached a value.

    Args:
        wait_until_step: the value; the session waits for it without end.
    """

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until_step = wait_until_step

    def begin(self) -> None:
        self._worker_is_started = False
        self._global_step_tensor = step_tensor("_GlobalStepWaiterHook")

    def before_run(self, run_context: SessionRunContext) -> None:
        if not self._worker_is_started and self._wait_until_step > 0:
            self._wait(run_context.session)
        self._worker_is_started = True

    def _wait(self, session: Any) -> None:
        text = f"Waiting for global step {self._wait_until_step} before starting training."
        logging.info(text)
        told = 0
        while (step := session.run(self._global_step_tensor)) < self._wait_until_step:
            if step - told > MANY_STEPS:
                logging.info("%s Current step is %d.", text, step)
                told = step
            time.sleep(WAIT)


class FinalOpsHook(SessionRunHook):
    """Runs something at the end, and keeps its values in `final_ops_values`.

    Args:
        final_ops: fetches, as of `Session.run`.
        final_ops_feed_dict: feeds.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     hook = tf.train.FinalOpsHook({"sum": tf.constant(1) + 2})
    ...     with tf.train.MonitoredSession(hooks=[hook]):
    ...         pass
    >>> print(hook.final_ops_values["sum"])
    3
    """

    def __init__(self, final_ops: Any, final_ops_feed_dict: Any = None) -> None:
        self._final_ops = final_ops
        self._final_ops_feed_dict = final_ops_feed_dict
        self._final_ops_values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """The values; None before the end."""
        return self._final_ops_values

    def end(self, session: Any) -> None:
        if self._final_ops is None:
            return
        try:
            self._final_ops_values = session.run(self._final_ops, feed_dict=self._final_ops_feed_dict)
        except (errors.OutOfRangeError, StopIteration):
            logging.warning(
                "An OutOfRangeError or StopIteration exception is raised by the code in FinalOpsHook. This "
                "typically means the Ops running by the FinalOpsHook have a dependency back to some input "
                "source, which should not happen: the values that they read, those of metrics for one, must "
                "come from variables alone, not from another batch of the input, which has ended by then."
            )
            raise


class FeedFnHook(SessionRunHook):
    """Feeds what a function returns, a dict from tensors to values, at each run.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32)
    ...     with tf.train.MonitoredSession(hooks=[tf.train.FeedFnHook(lambda: {x: 3.0})]) as sess:
    ...         print(sess.run(x))
    3.0
    """

    def __init__(self, feed_fn: Callable[[], Any]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs(fetches=None, feed_dict=self.feed_fn())
