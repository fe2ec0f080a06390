"""Monitored sessions: `tf.train.MonitoredTrainingSession` and what it is made of."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from types import TracebackType
from typing import Any

from reflow.base import errors
from reflow.graph.graph import GraphKeys, get_collection, get_default_graph
from reflow.train import monitored_layers
from reflow.train.coordinator import Coordinator
from reflow.train.hooks import SessionRunHook
from reflow.train.hooks_writing import CheckpointSaverHook, StepCounterHook, SummarySaverHook
from reflow.train.monitored_layers import CoordinatedSession, HookedSession, RecoverableSession
from reflow.train.monitored_scaffold import Scaffold
from reflow.train.queue_runner import start_queue_runners
from reflow.train.session_manager import SessionManager

USE_DEFAULT = object()  # stands for an argument that was not given, where None means "never"
SUMMARY_STEPS = 100
CHECKPOINT_SECS = 600


class SessionCreator(ABC):
    """Base of what makes sessions for a MonitoredSession."""

    @abstractmethod
    def create_session(self) -> Any:
        """A new session, ready to run."""
        raise NotImplementedError(f"create_session is not implemented for {self}.")


class _ScaffoldedCreator(SessionCreator):
    """A creator of sessions with a scaffold and a SessionManager."""

    def __init__(self, scaffold: Scaffold | None, master: str, config: Any) -> None:
        self._scaffold = scaffold or Scaffold()
        self._session_manager: SessionManager | None = None
        self._master = master
        self._config = config

    def _get_session_manager(self) -> SessionManager:
        """Made when the scaffold is final."""
        if self._session_manager is None:
            self._session_manager = SessionManager(
                local_init_op=self._scaffold.local_init_op,
                ready_op=self._scaffold.ready_op,
                ready_for_local_init_op=self._scaffold.ready_for_local_init_op,
                graph=get_default_graph(),
            )
        return self._session_manager


class ChiefSessionCreator(_ScaffoldedCreator):
    """Makes sessions, restoring a checkpoint or initializing the model.

    Args:
        scaffold: the parts beside the model.
        master: the session's target, which must be empty.
        config: a ConfigProto.
        checkpoint_dir: the folder whose newest checkpoint is restored, if there is one.
        checkpoint_filename_with_path: the checkpoint itself, in place of the folder.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(1.5)
    ...     print(tf.train.ChiefSessionCreator().create_session().run(v))
    1.5
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:
        super().__init__(scaffold, master, config)
        self._checkpoint_dir = checkpoint_dir
        self._checkpoint_filename_with_path = checkpoint_filename_with_path

    def create_session(self) -> Any:
        scaffold = self._scaffold.finalize()
        return self._get_session_manager().prepare_session(
            self._master,
            saver=scaffold.saver,
            checkpoint_dir=self._checkpoint_dir,
            checkpoint_filename_with_path=self._checkpoint_filename_with_path,
            config=self._config,
            init_op=scaffold.init_op,
            init_feed_dict=scaffold.init_feed_dict,
            init_fn=scaffold.init_fn,
        )


class WorkerSessionCreator(_ScaffoldedCreator):
    """Makes sessions, waiting until somebody else has initialized the model.

    In Reflow a session's variables are its own: only a model without global variables becomes ready.

    Args:
        scaffold: the parts beside the model.
        master: the session's target, which must be empty.
        config: a ConfigProto.
        max_wait_secs: how long to wait; then DeadlineExceededError.
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        max_wait_secs: float = 30 * 60,
    ) -> None:
        super().__init__(scaffold, master, config)
        self._max_wait_secs = max_wait_secs

    def create_session(self) -> Any:
        self._scaffold.finalize()
        return self._get_session_manager().wait_for_session(
            self._master, config=self._config, max_wait_secs=self._max_wait_secs
        )


class _CoordinatedSessionCreator(SessionCreator):
    """Makes sessions with their coordinator and hooks around them, and keeps the newest."""

    def __init__(self, creator: SessionCreator, hooks: Sequence[SessionRunHook], grace: float) -> None:
        self._creator = creator
        self._hooks = hooks
        self._grace = grace
        self.coord: Coordinator | None = None
        self.tf_sess: Any = None

    def create_session(self) -> CoordinatedSession:
        self.tf_sess = sess = self._creator.create_session()
        # The end of an input is the end of the training, so it is passed on like any other exception.
        self.coord = coord = Coordinator(clean_stop_exception_types=())
        if get_collection(GraphKeys.QUEUE_RUNNERS):
            start_queue_runners(sess=sess, coord=coord)
        for hook in self._hooks:
            hook.after_create_session(sess, coord)
        return CoordinatedSession(HookedSession(sess, self._hooks), coord, self._grace)


class _MonitoredSession:
    """What MonitoredSession and SingularMonitoredSession share."""

    StepContext = monitored_layers.StepContext

    def __init__(
        self,
        session_creator: SessionCreator | None,
        hooks: Iterable[SessionRunHook] | None,
        should_recover: bool,
        stop_grace_period_secs: float = 120,
    ) -> None:
        self._graph_was_finalized = get_default_graph().finalized
        self._hooks = list(hooks or ())
        for hook in self._hooks:
            hook.begin()
        creator = session_creator or ChiefSessionCreator()
        self._coordinated_creator = _CoordinatedSessionCreator(creator, self._hooks, stop_grace_period_secs)
        self._sess: Any = (
            RecoverableSession(self._coordinated_creator)
            if should_recover
            else self._coordinated_creator.create_session()
        )

    @property
    def graph(self) -> Any:
        """The graph; None when the session is closed."""
        sess = self._tf_sess()
        return None if sess is None else sess.graph

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """`Session.run` with the hooks around it.

        RuntimeError after `should_stop` became true, and when two hooks, or a hook and the caller, feed the
        same tensor; besides what `Session.run` and the hooks raise.
        """
        return self._sess.run(fetches, feed_dict=feed_dict, options=options, run_metadata=run_metadata)

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Call a function that makes a step by several runs, with and without hooks.

        Args:
            step_fn: takes one argument, `step_context`: its `session.run` calls no hooks, its
                `run_with_hooks` is the `run` of this session, its `request_stop` ends the training.

        Returns what the function returns. ValueError if its arguments are others.

        >>> import reflow as tf
        >>> with tf.Graph().as_default():
        ...     c = tf.constant(2)
        ...     with tf.train.MonitoredSession() as sess:
        ...         print(sess.run_step_fn(lambda step_context: step_context.run_with_hooks(c)))
        2
        """
        names = _argument_names(step_fn)
        if names not in (("step_context",), ("self", "step_context")):
            raise ValueError(
                "`step_fn` may either have one `step_context` argument, or `self` and `step_context` "
                f"arguments if it's an instance method. Got {names} instead."
            )
        return self._sess.run_step_fn(step_fn, self._tf_sess(), run_with_hooks=None)

    def should_stop(self) -> bool:
        """Whether the training is over: a hook or thread has asked for it, or the session is closed."""
        return self._sess is None or self._sess.should_stop()

    def close(self) -> None:
        """End the session: hooks, threads, then the session itself. RuntimeError if it has been closed."""
        self._close_internal()

    def __enter__(self) -> Any:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        # The end of the input is no mistake: hooks get their end, and the block is left in peace.
        if exception_type in (errors.OutOfRangeError, StopIteration):
            exception_type = None
        self._close_internal(exception_type)
        return exception_type is None

    def _close_internal(self, exception_type: type[BaseException] | None = None) -> None:
        try:
            if not exception_type:
                for hook in self._hooks:
                    hook.end(self._tf_sess())
        finally:
            try:
                if self._sess is None:
                    raise RuntimeError("Session is already closed.")
                self._sess.close()
            finally:
                self._sess = self._coordinated_creator.tf_sess = self._coordinated_creator.coord = None
                if not self._graph_was_finalized:
                    get_default_graph()._unsafe_unfinalize()

    def _is_closed(self) -> bool:
        return self._tf_sess() is None

    def _tf_sess(self) -> Any:
        return self._coordinated_creator.tf_sess


def _argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
    """The names of the arguments that a function takes, without those that are bound."""
    parameters = inspect.signature(function).parameters.values()
    return tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)


class MonitoredSession(_MonitoredSession):
    """A session with hooks, which is made anew when a run ends by AbortedError or UnavailableError.

    The hooks' `begin` is called, then the session is made, and `after_create_session` called. Each `run` is
    done with `before_run` and `after_run` of the hooks around it. At the end of the `with` block `end` is
    called, unless an exception goes through it; OutOfRangeError and StopIteration end it in peace.

    Args:
        session_creator: makes the sessions; a ChiefSessionCreator by default.
        hooks: SessionRunHooks.
        stop_grace_period_secs: how long threads have to stop, when the session is closed.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     total = tf.assign_add(tf.Variable(0), 2)
    ...     with tf.train.MonitoredSession() as sess:
    ...         print(sess.run(total), sess.run(total))
    2 4
    """

    def __init__(
        self,
        session_creator: SessionCreator | None = None,
        hooks: Iterable[SessionRunHook] | None = None,
        stop_grace_period_secs: float = 120,
    ) -> None:
        super().__init__(session_creator, hooks, True, stop_grace_period_secs)


class SingularMonitoredSession(_MonitoredSession):
    """A session with hooks that is not made anew after errors; `raw_session` is the session inside.

    Args:
        hooks: SessionRunHooks.
        scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path: see ChiefSessionCreator.
        stop_grace_period_secs: how long threads have to stop, when the session is closed.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(3)
    ...     with tf.train.SingularMonitoredSession() as sess:
    ...         print(sess.raw_session().run(v))
    3
    """

    def __init__(
        self,
        hooks: Iterable[SessionRunHook] | None = None,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: str | None = None,
        stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: str | None = None,
    ) -> None:
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks, False, stop_grace_period_secs)

    def raw_session(self) -> Any:
        """The session itself, without hooks."""
        return self._tf_sess()


def MonitoredTrainingSession(
    master: str = "",
    is_chief: bool = True,
    checkpoint_dir: str | None = None,
    scaffold: Scaffold | None = None,
    hooks: Iterable[SessionRunHook] | None = None,
    chief_only_hooks: Iterable[SessionRunHook] | None = None,
    save_checkpoint_secs: Any = USE_DEFAULT,
    save_summaries_steps: Any = USE_DEFAULT,
    save_summaries_secs: Any = USE_DEFAULT,
    config: Any = None,
    stop_grace_period_secs: float = 120,
    log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200,
    save_checkpoint_steps: Any = USE_DEFAULT,
    summary_dir: str | None = None,
) -> MonitoredSession:
    """A MonitoredSession with the usual hooks: checkpoints, summaries and the speed.

    It goes on from the newest checkpoint of `checkpoint_dir`. With
    `scaffold=tf.train.Scaffold(saver=tf.train.Saver(exact=True))` it goes on exactly, random numbers and
    positions of iterators among it.

    Args:
        master: the session's target, which must be empty.
        is_chief: False for a worker, which waits for the chief and writes nothing.
        checkpoint_dir: the folder of the checkpoints; none are written without it.
        scaffold: the parts beside the model.
        hooks: SessionRunHooks.
        chief_only_hooks: SessionRunHooks for the chief alone.
        save_checkpoint_secs, save_checkpoint_steps: how often to save; by default every 600 seconds; None or
            0 for never.
        save_summaries_steps, save_summaries_secs: how often to write summaries; every 100 steps by default.
        config: a ConfigProto.
        stop_grace_period_secs: how long threads have to stop, when the session is closed.
        log_step_count_steps: how often to log the steps in a second.
        max_wait_secs: how long a worker waits.
        summary_dir: the folder of the summaries; `checkpoint_dir` by default.

    >>> import os, tempfile
    >>> import reflow as tf
    >>> folder = tempfile.mkdtemp()
    >>> with tf.Graph().as_default():
    ...     one = tf.assign_add(tf.train.create_global_step(), 1)
    ...     stop = tf.train.StopAtStepHook(last_step=4)
    ...     with tf.train.MonitoredTrainingSession(checkpoint_dir=folder, hooks=[stop]) as sess:
    ...         while not sess.should_stop():
    ...             _ = sess.run(one)
    >>> os.path.basename(tf.train.latest_checkpoint(folder))
    'model.ckpt-4'
    """
    scaffold = scaffold or Scaffold()
    if not is_chief:
        worker = WorkerSessionCreator(scaffold, master, config, max_wait_secs)
        return MonitoredSession(worker, hooks, stop_grace_period_secs)
    summaries = _period(save_summaries_steps, save_summaries_secs, (SUMMARY_STEPS, None))
    checkpoints = _period(save_checkpoint_steps, save_checkpoint_secs, (None, CHECKPOINT_SECS))
    chief = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    summary_dir = summary_dir or checkpoint_dir
    all_hooks = list(chief_only_hooks or ())
    if summary_dir and log_step_count_steps and log_step_count_steps > 0:
        all_hooks.append(StepCounterHook(every_n_steps=log_step_count_steps, output_dir=summary_dir))
    if summary_dir and _ever(summaries):
        all_hooks.append(SummarySaverHook(*summaries, output_dir=summary_dir, scaffold=scaffold))
    if checkpoint_dir and _ever(checkpoints):
        steps, secs = checkpoints
        all_hooks.append(CheckpointSaverHook(checkpoint_dir, secs, steps, scaffold=scaffold))
    return MonitoredSession(chief, [*all_hooks, *(hooks or ())], stop_grace_period_secs)


def _period(steps: Any, secs: Any, default: tuple[Any, Any]) -> tuple[Any, Any]:
    """Steps and seconds, of which one is None; the default when neither was given."""
    if steps is USE_DEFAULT and secs is USE_DEFAULT:
        return default
    return (None if steps is USE_DEFAULT else steps), (None if secs is USE_DEFAULT else secs)


def _ever(period: tuple[Any, Any]) -> bool:
    return any(value is not None and value > 0 for value in period)
