"""`tf.train.SessionManager`: makes sessions whose variables have values, new or from a checkpoint."""

from __future__ import annotations

import contextlib
import time
from typing import Any

import numpy as np

from reflow.base import errors
from reflow.graph.graph import Graph, get_default_graph
from reflow.platform import logging
from reflow.runtime.session import Session
from reflow.train.checkpoint_state import get_checkpoint_state

Outcome = tuple[bool, str | None]  # whether all is well, and else what is not


class SessionManager:
    """Makes sessions: restores a checkpoint or initializes, then looks whether the model is ready.

    Args:
        local_init_op: run in each new session once the rest is there: tables and local variables.
        ready_op: a string vector of what is missing (nothing is missing if it is empty), or an operation.
        ready_for_local_init_op: the same, before `local_init_op`.
        graph: the graph; the default graph if None.
        recovery_wait_secs: how long to wait between two looks at a model that others initialize.
        local_init_run_options: RunOptions for `local_init_op`.

    ValueError for a `ready_for_local_init_op` without a `local_init_op`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(2.0)
    ...     manager = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables())
    ...     sess = manager.prepare_session("", init_op=tf.global_variables_initializer())
    ...     print(sess.run(v))
    2.0
    """

    def __init__(
        self,
        local_init_op: Any = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        graph: Graph | None = None,
        recovery_wait_secs: float = 30,
        local_init_run_options: Any = None,
    ) -> None:
        self._local_init_op = local_init_op
        self._ready_op = ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._graph = get_default_graph() if graph is None else graph
        self._recovery_wait_secs = recovery_wait_secs
        self._local_init_run_options = local_init_run_options
        if ready_for_local_init_op is not None and local_init_op is None:
            raise ValueError(
                "If you pass a ready_for_local_init_op you must also pass a local_init_op , "
                f"ready_for_local_init_op [{ready_for_local_init_op}]"
            )

    def prepare_session(
        self,
        master: str,
        init_op: Any = None,
        saver: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
        init_feed_dict: Any = None,
        init_fn: Any = None,
    ) -> Session:
        """A new session with the values of a checkpoint, or of `init_op` and `init_fn` if there is none.

        Args:
            master: the session's target, which must be empty.
            init_op: the operation that initializes the model.
            saver: restores the checkpoint.
            checkpoint_dir: the folder whose newest checkpoint is restored.
            checkpoint_filename_with_path: the checkpoint itself, in place of the folder.
            wait_for_checkpoint: wait until there is a checkpoint in the folder.
            max_wait_secs: for so long.
            config: a ConfigProto.
            init_feed_dict: feeds for `init_op`.
            init_fn: called with the session after `init_op`.

        Raises:
            RuntimeError: there is nothing to initialize with, or the model is not ready after it.
            ValueError: a folder and a checkpoint are both given.
        """
        sess, restored = self._restore_checkpoint(
            master,
            saver,
            checkpoint_dir,
            checkpoint_filename_with_path,
            wait_for_checkpoint,
            max_wait_secs,
            config,
        )
        if not restored:
            self._initialize(sess, init_op, init_feed_dict, init_fn)
        done, problem = self._try_run_local_init_op(sess)
        if not done:
            raise RuntimeError(
                "Init operations did not make model ready for local_init.  "
                f"Init op: {_maybe_name(init_op)}, init fn: {init_fn}, error: {problem}"
            )
        ready, problem = self._model_ready(sess)
        if not ready:
            raise RuntimeError(
                f"Init operations did not make model ready.  Init op: {_maybe_name(init_op)}, "
                f"init fn: {init_fn}, local_init_op: {self._local_init_op}, error: {problem}"
            )
        return sess

    def _initialize(self, sess: Session, init_op: Any, feed: Any, init_fn: Any) -> None:
        if init_op is None and not init_fn and self._local_init_op is None:
            raise RuntimeError(
                "Model is not initialized and no init_op or init_fn or local_init_op was given"
            )
        if init_op is not None:
            sess.run(init_op, feed_dict=feed)
        if init_fn:
            init_fn(sess)

    def recover_session(
        self,
        master: str,
        saver: Any = None,
        checkpoint_dir: str | None = None,
        checkpoint_filename_with_path: str | None = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
    ) -> tuple[Session, bool]:
        """A new session with the values of a checkpoint, if there is one, and whether that made it ready.

        The arguments are those of `prepare_session`.
        """
        sess, restored = self._restore_checkpoint(
            master,
            saver,
            checkpoint_dir,
            checkpoint_filename_with_path,
            wait_for_checkpoint,
            max_wait_secs,
            config,
        )
        done, problem = self._try_run_local_init_op(sess)
        if not restored:
            return sess, False
        source = checkpoint_dir or checkpoint_filename_with_path
        if not done:
            logging.info(
                "Restoring model from %s did not make model ready for local init: %s", source, problem
            )
            return sess, False
        ready, problem = self._model_ready(sess)
        if not ready:
            logging.info("Restoring model from %s did not make model ready: %s", source, problem)
            return sess, False
        logging.info("Restored model from %s", source)
        return sess, True

    def wait_for_session(
        self, master: str, config: Any = None, max_wait_secs: float | None = float("inf")
    ) -> Session:
        """A new session, once the model is ready without being initialized here.

        In Reflow a session's variables are its own, so this needs a model without variables, or one that its
        `local_init_op` makes ready. DeadlineExceededError after `max_wait_secs` seconds.
        """
        limit = float("inf") if max_wait_secs is None else max_wait_secs
        end = time.monotonic() + limit
        while True:
            sess = Session(master, graph=self._graph, config=config)
            done, not_local = self._try_run_local_init_op(sess)
            ready, problem = self._model_ready(sess) if done else (False, None)
            if ready:
                return sess
            with contextlib.suppress(Exception):
                sess.close()
            if max(end - time.monotonic(), 0) < self._recovery_wait_secs:
                message = f"Session was not ready after waiting {limit:g} secs."
                raise errors.DeadlineExceededError(None, None, message)
            logging.info(
                "Waiting for model to be ready.  Ready_for_local_init_op:  %s, ready: %s", not_local, problem
            )
            time.sleep(self._recovery_wait_secs)

    def _restore_checkpoint(
        self,
        master: str,
        saver: Any,
        checkpoint_dir: str | None,
        path: str | None,
        wait_for_checkpoint: bool,
        max_wait_secs: float,
        config: Any,
    ) -> tuple[Session, bool]:
        """A new session, and whether a checkpoint was restored in it."""
        sess = Session(master, graph=self._graph, config=config)
        if checkpoint_dir and path:
            raise ValueError("Can not provide both checkpoint_dir and checkpoint_filename_with_path.")
        if not saver or not (checkpoint_dir or path):
            return sess, False
        if path:
            saver.restore(sess, path)
            return sess, True
        found = self._find(str(checkpoint_dir), max_wait_secs if wait_for_checkpoint else 0)
        if found is None:
            return sess, False
        saver.restore(sess, found.model_checkpoint_path)
        saver.recover_last_checkpoints(found.all_model_checkpoint_paths)
        return sess, True

    def _find(self, folder: str, seconds: float) -> Any:
        """What the folder says of its checkpoints; waits so long until there is one."""
        waited = 0.0
        while not (found := get_checkpoint_state(folder)) and waited < seconds:
            logging.info("Waiting for checkpoint to be available.")
            time.sleep(self._recovery_wait_secs)
            waited += self._recovery_wait_secs
        return found

    def _model_ready(self, sess: Session) -> Outcome:
        return _ready(self._ready_op, sess, "Model not ready")

    def _try_run_local_init_op(self, sess: Session) -> Outcome:
        if self._local_init_op is None:
            return True, None
        ready, problem = _ready(self._ready_for_local_init_op, sess, "Model not ready for local init")
        if not ready:
            return False, problem
        logging.info("Running local_init_op.")
        sess.run(self._local_init_op, options=self._local_init_run_options)
        logging.info("Done running local_init_op.")
        return True, None


def _maybe_name(obj: Any) -> str:
    if obj is None:
        return "None"
    return str(obj.name) if hasattr(obj, "name") else f"<no name for {type(obj)}>"


def _ready(op: Any, sess: Session, title: str) -> Outcome:
    """Whether the model is ready by what `op` gives: nothing, or names of what is missing."""
    if op is None:
        return True, None
    try:
        value = sess.run(op)
    except errors.FailedPreconditionError as error:
        if "uninitialized" not in str(error):
            logging.warning("%s : error [%s]", title, error)
            raise
        return False, str(error)
    # Older programs give a check that fails: its value, integers, says nothing.
    if value is None or value.dtype == np.int32 or value.size == 0:
        return True, None
    return False, "Variables not initialized: " + ", ".join(name.decode("utf-8") for name in value)
