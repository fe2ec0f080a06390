"""The layers of a monitored session, each around the next: recovery, coordination, hooks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reflow.base import errors, protos
from reflow.platform import logging
from reflow.train.coordinator import Coordinator
from reflow.train.hooks import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues

# What tells that a machine was taken away: the work goes on in a new session.
PREEMPTION = (errors.AbortedError, errors.UnavailableError)
_WHY = "This may be due to a preemption in a connected worker or parameter server."
_ANEW = "The current session will be closed and a new session will be created."


class StepContext:
    """What `run_step_fn` gives its function: the session, and runs with and without hooks."""

    def __init__(self, session: Any, run_with_hooks_fn: Callable[..., Any]) -> None:
        self._session = session
        self._run_with_hooks_fn = run_with_hooks_fn

    @property
    def session(self) -> Any:
        """The session without hooks."""
        return self._session

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """`run` of the monitored session, with the same arguments."""
        return self._run_with_hooks_fn(*args, **kwargs)

    def request_stop(self) -> None:
        """Leave the function, and the `with` block of the session, by StopIteration."""
        raise StopIteration("step_fn has requested the iterations to stop.")


class WrappedSession:
    """A layer around a session or another layer, with the same `run`, that can say when to stop."""

    def __init__(self, sess: Any) -> None:
        self._sess = sess

    @property
    def graph(self) -> Any:
        """The session's graph."""
        return self._sess.graph

    @property
    def sess_str(self) -> Any:
        """The session's handle."""
        return self._sess.sess_str

    def should_stop(self) -> bool:
        """Whether this layer or one inside it wants to stop, or the session is closed."""
        if self._check_stop() or not self._sess:
            return True
        return isinstance(self._sess, WrappedSession) and self._sess.should_stop()

    def _check_stop(self) -> bool:
        return False

    def close(self) -> None:
        """Close the session, if it is not closed."""
        if not self._sess:
            return
        try:
            self._sess.close()
        except PREEMPTION as error:
            logging.warning(
                "An error occurred when attempting to close the session. %s Error: %s", _WHY, error
            )
        finally:
            self._sess = None

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """`Session.run`."""
        return self._sess.run(*args, **kwargs)

    def run_step_fn(self, step_fn: Any, raw_session: Any, run_with_hooks: Any) -> Any:
        """Call a function with a StepContext."""
        return step_fn(StepContext(raw_session, run_with_hooks or self.run))


class RecoverableSession(WrappedSession):
    """A layer that makes a new session and runs again when a run ends by AbortedError or UnavailableError."""

    def __init__(self, sess_creator: Any) -> None:
        self._sess_creator = sess_creator
        super().__init__(self._create_session())

    def _create_session(self) -> Any:
        while True:
            try:
                return self._sess_creator.create_session()
            except PREEMPTION as error:
                logging.info(
                    "An error was raised while a session was being created. %s "
                    "A new session will be created. Error: %s",
                    _WHY,
                    error,
                )

    def _check_stop(self) -> bool:
        if not self._sess:
            return True
        try:
            stop: bool = self._sess._check_stop()
        except PREEMPTION as error:
            logging.info(
                "An error was raised while considering whether the session is complete. %s %s Error: %s",
                _WHY,
                _ANEW,
                error,
            )
            self.close()
            self._sess = self._create_session()
            return False
        except Exception:  # `run` or `close` will raise it
            return True
        return stop

    def _until_it_works(self, call: Callable[[], Any]) -> Any:
        while True:
            try:
                if not self._sess:
                    self._sess = self._create_session()
                return call()
            except PREEMPTION as error:
                logging.info("An error was raised. %s %s Error: %s", _WHY, _ANEW, error)
                self.close()

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """`Session.run`, as often as it takes."""
        return self._until_it_works(
            lambda: self._sess.run(fetches, feed_dict=feed_dict, options=options, run_metadata=run_metadata)
        )

    def run_step_fn(self, step_fn: Any, raw_session: Any, run_with_hooks: Any) -> Any:
        """Call a function with a StepContext, as often as it takes: with the session of that time."""
        return self._until_it_works(
            lambda: self._sess.run_step_fn(step_fn, self._sess_creator.tf_sess, self._sess.run)
        )


class CoordinatedSession(WrappedSession):
    """A layer that stops, and raises what threads have reported, by a Coordinator."""

    def __init__(self, sess: Any, coord: Coordinator, stop_grace_period_secs: float = 120) -> None:
        super().__init__(sess)
        self._coord = coord
        self._stop_grace_period_secs = stop_grace_period_secs

    def _check_stop(self) -> bool:
        self._coord.raise_requested_exception()
        return self._coord.should_stop()

    def close(self) -> None:
        """Stop the threads, then close the session. Raises what a thread has reported."""
        self._coord.request_stop()
        try:
            self._coord.join(stop_grace_period_secs=self._stop_grace_period_secs, ignore_live_threads=True)
        finally:
            # What the threads reported, or nothing, is to be raised: not that closing failed.
            with contextlib.suppress(Exception):
                super().close()

    def run(self, *args: Any, **kwargs: Any) -> Any:
        """`Session.run`. A thread's report of a lost machine is raised in place of what followed from it."""
        try:
            return self._sess.run(*args, **kwargs)
        except PREEMPTION:
            raise
        except Exception as error:
            try:
                self._coord.raise_requested_exception()
            except PREEMPTION:
                raise
            except Exception:
                raise error from None
            raise


class HookedSession(WrappedSession):
    """A layer that calls hooks before and after each run, and adds their fetches and feeds to it."""

    def __init__(self, sess: Any, hooks: Sequence[SessionRunHook]) -> None:
        super().__init__(sess)
        self._hooks = hooks
        self._should_stop = False

    def _check_stop(self) -> bool:
        return self._should_stop

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """`Session.run` with the hooks. RuntimeError when it is over, or two feed the same tensor."""
        if self.should_stop():
            raise RuntimeError("Run called even after should_stop requested.")
        all_fetches: dict[Any, Any] = {"caller": fetches}
        context = SessionRunContext(SessionRunArgs(fetches, feed_dict), self._sess)
        options = options or protos.RunOptions()
        feed_dict = self._before_run(context, all_fetches, feed_dict, options)
        run_metadata = run_metadata or protos.RunMetadata()
        values = super().run(all_fetches, feed_dict=feed_dict, options=options, run_metadata=run_metadata)
        for hook in self._hooks:
            hook.after_run(context, SessionRunValues(values.get(hook), options, run_metadata))
        self._should_stop = self._should_stop or context.stop_requested
        return values["caller"]

    def _before_run(
        self, context: SessionRunContext, fetches: dict[Any, Any], user_feed: Any, options: Any
    ) -> Any:
        """Call `before_run` of all hooks: adds their fetches and options; returns all feeds."""
        feed: dict[Any, Any] = {}
        for hook in self._hooks:
            request = hook.before_run(context)
            if request is None:
                continue
            if request.fetches is not None:
                fetches[hook] = request.fetches
            if request.feed_dict:
                _refuse_common(feed, request.feed_dict, "Same tensor is fed by two hooks.")
                feed.update(request.feed_dict)
            if request.options:
                merge_run_options(options, request.options)
        if feed and user_feed:
            _refuse_common(user_feed, feed, "Same tensor is fed by a SessionRunHook and user.")
            return {**feed, **user_feed}
        return feed or user_feed


def _refuse_common(first: Mapping[Any, Any], second: Mapping[Any, Any], message: str) -> None:
    common = set(first) & set(second)
    if common:
        raise RuntimeError(f"{message} Conflict(s): {list(common)}")


def merge_run_options(options: Any, more: Any) -> None:
    """Add to RunOptions what others ask for: the most of each option.

    >>> import reflow as tf
    >>> options = tf.RunOptions(timeout_in_ms=5)
    >>> merge_run_options(options, tf.RunOptions(timeout_in_ms=3, trace_level=tf.RunOptions.FULL_TRACE))
    >>> options.timeout_in_ms, options.trace_level
    (5, 3)
    """
    for field in (
        "trace_level",
        "timeout_in_ms",
        "inter_op_thread_pool",
        "output_partition_graphs",
        "report_tensor_allocations_upon_oom",
    ):
        setattr(options, field, max(getattr(options, field), getattr(more, field)))
    watched = options.debug_options.debug_tensor_watch_opts
    watched.extend(more.debug_options.debug_tensor_watch_opts)
    if more.debug_options.reset_disk_byte_usage:
        options.debug_options.reset_disk_byte_usage = True
