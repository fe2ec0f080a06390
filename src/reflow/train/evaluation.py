"""Evaluation of a checkpoint in a monitored session: steps, which `eval_step` counts, and a last fetch."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import GraphKeys, control_dependencies, emit, get_collection
from reflow.model.initializers import zeros_initializer
from reflow.model.variable_scope import get_variable
from reflow.ops.state import assign_add
from reflow.platform import logging
from reflow.train.hooks import (
    FinalOpsHook,
    SessionRunArgs,
    SessionRunContext,
    SessionRunHook,
    SessionRunValues,
)
from reflow.train.monitored import ChiefSessionCreator, MonitoredSession
from reflow.train.monitored_scaffold import Scaffold

FEW = 20  # so many evaluations are logged each; of more about every tenth


def get_or_create_eval_step() -> Any:
    """The variable that counts evaluations, local and int64. ValueError if the graph has several.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     get_or_create_eval_step()
    <tf.Variable 'eval_step:0' shape=() dtype=int64_ref>
    """
    found = get_collection(GraphKeys.EVAL_STEP)
    if len(found) > 1:
        raise ValueError("Multiple tensors added to tf.GraphKeys.EVAL_STEP")
    if found:
        return found[0]
    return get_variable(
        "eval_step",
        shape=[],
        dtype=dtypes.int64,
        initializer=zeros_initializer(),
        trainable=False,
        collections=[GraphKeys.LOCAL_VARIABLES, GraphKeys.EVAL_STEP],
    )


def latest_eval_step_value(update_ops: Any) -> Any:
    """The tensor of the count after the updates, a list or dict of operations or tensors."""
    updates = list(update_ops.values()) if isinstance(update_ops, Mapping) else update_ops
    with control_dependencies(updates):
        return emit("Identity", get_or_create_eval_step().read_value())


class StopAfterNEvalsHook(SessionRunHook):
    """Stops after a number of evaluations, and logs how far they are.

    Args:
        num_evals: how many; None for no end.
        log_progress: whether to log.
    """

    def __init__(self, num_evals: int | None, log_progress: bool = True) -> None:
        self._num_evals = num_evals
        self._evals_completed: Any = None
        self._log_progress = log_progress
        self._log_frequency = 1 if num_evals is None or num_evals < FEW else num_evals // 10

    def _set_evals_completed_tensor(self, updated_eval_step: Any) -> None:
        self._evals_completed = updated_eval_step

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        return SessionRunArgs({"evals_completed": self._evals_completed})

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        done, wanted = run_values.results["evals_completed"], self._num_evals
        if self._log_progress and wanted is None:
            logging.info("Evaluation [%d]", done)
        elif self._log_progress and (done % self._log_frequency == 0 or done == wanted):
            logging.info("Evaluation [%d/%d]", done, wanted)
        if wanted is not None and done >= wanted:
            run_context.request_stop()


def with_step(eval_ops: Any, update: Any) -> Any:
    """What to run in a step: `eval_ops`, a tensor or a list or dict, and the count's update."""
    if isinstance(eval_ops, dict):
        return {**eval_ops, "update_eval_step": update}
    return [*eval_ops, update] if isinstance(eval_ops, (tuple, list)) else [eval_ops, update]


def evaluate_once(
    checkpoint_path: str | None,
    master: str = "",
    scaffold: Scaffold | None = None,
    eval_ops: Any = None,
    feed_dict: Any = None,
    final_ops: Any = None,
    final_ops_feed_dict: Any = None,
    hooks: Iterable[SessionRunHook] | None = None,
    config: Any = None,
) -> Any:
    """Restore a checkpoint, run `eval_ops` until a hook or the end of the input stops it, then `final_ops`.

    Args:
        checkpoint_path: the checkpoint; None to initialize the model.
        master: the session's target, which must be empty.
        scaffold: the parts beside the model.
        eval_ops: what to run in each step, a tensor or operation, or a list or dict; None for no steps.
        feed_dict: feeds for them.
        final_ops, final_ops_feed_dict: what to fetch at the end, and its feeds.
        hooks: SessionRunHooks; a StopAfterNEvalsHook is needed for an input without end.
        config: a ConfigProto.

    Returns the values of `final_ops`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     total = tf.get_local_variable("total", [], initializer=tf.zeros_initializer())
    ...     hooks = [StopAfterNEvalsHook(3)]
    ...     print(evaluate_once(None, eval_ops=tf.assign_add(total, 2.0), final_ops=total, hooks=hooks))
    6.0
    """
    step = get_or_create_eval_step()
    all_hooks = list(hooks or ())
    if eval_ops is not None:
        eval_ops = with_step(eval_ops, assign_add(step, 1, use_locking=True))
        count = latest_eval_step_value(eval_ops)
        for hook in all_hooks:
            if isinstance(hook, StopAfterNEvalsHook):
                hook._set_evals_completed_tensor(count)
    logging.info("Starting evaluation at " + time.strftime("%Y-%m-%dT%H:%M:%SZ", time.localtime()))
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_filename_with_path=checkpoint_path)
    final = FinalOpsHook(final_ops, final_ops_feed_dict)
    with MonitoredSession(creator, [*all_hooks, final]) as session:
        if eval_ops is not None:
            while not session.should_stop():
                session.run(eval_ops, feed_dict)
    logging.info("Finished evaluation at " + time.strftime("%Y-%m-%d-%H:%M:%S", time.localtime()))
    return final.final_ops_values
