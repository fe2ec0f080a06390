"""`tf.contrib.training`'s and `slim`'s evaluation: of one checkpoint, or of each new one as it appears."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

from reflow.model.global_step import get_or_create_global_step
from reflow.model.global_step import global_step as read_global_step
from reflow.ops.state import assign_add
from reflow.ops.summary import merge_all
from reflow.platform import logging
from reflow.summary.writer import FileWriterCache
from reflow.train.checkpoint_reader import checkpoints_iterator
from reflow.train.evaluation import (
    StopAfterNEvalsHook,
    evaluate_once,
    get_or_create_eval_step,
    with_step,
)
from reflow.train.hooks import FinalOpsHook, SessionRunHook
from reflow.train.monitored import ChiefSessionCreator, MonitoredSession
from reflow.train.monitored_scaffold import Scaffold
from reflow.train.saver import Saver

USE_DEFAULT = 0  # for a summary that is not given, where None means "none"


class SummaryAtEndHook(SessionRunHook):
    """Writes a summary at the end.

    Args:
        log_dir: the folder.
        summary_writer: a FileWriter in place of the folder.
        summary_op: the summary; all of the graph merged by default.
        feed_dict: feeds for it.

    ValueError without a folder or a writer.
    """

    def __init__(
        self,
        log_dir: str | None = None,
        summary_writer: Any = None,
        summary_op: Any = None,
        feed_dict: Any = None,
    ) -> None:
        if log_dir is None and summary_writer is None:
            raise ValueError("One of log_dir or summary_writer should be used.")
        self._log_dir = log_dir
        self._summary_writer = summary_writer
        self._summary_op = summary_op
        self._replace_summary_op = summary_op is None
        self._feed_dict = feed_dict

    def begin(self) -> None:
        if self._replace_summary_op:  # in each evaluation, perhaps of another graph
            self._summary_op = merge_all()
        self._global_step = get_or_create_global_step()

    def after_create_session(self, session: Any, coord: Any) -> None:
        if self._summary_writer is None and self._log_dir:
            self._summary_writer = FileWriterCache.get(self._log_dir)

    def end(self, session: Any) -> None:
        if not self._summary_writer:
            return
        if self._summary_op is not None:
            step = read_global_step(session, self._global_step)
            self._summary_writer.add_summary(session.run(self._summary_op, self._feed_dict), step)
        self._summary_writer.flush()


def evaluate_repeatedly(
    checkpoint_dir: str,
    master: str = "",
    scaffold: Scaffold | None = None,
    eval_ops: Any = None,
    feed_dict: Any = None,
    final_ops: Any = None,
    final_ops_feed_dict: Any = None,
    eval_interval_secs: float = 60,
    hooks: Iterable[SessionRunHook] | None = None,
    config: Any = None,
    max_number_of_evaluations: int | None = None,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Any:
    """Evaluate each new checkpoint of a folder as `evaluate_once` does; returns the last `final_ops` values.

    Args:
        checkpoint_dir: the folder.
        master, scaffold, eval_ops, feed_dict, final_ops, final_ops_feed_dict, hooks, config: as there.
        eval_interval_secs: the least time between two evaluations.
        max_number_of_evaluations: how many; None for no end.
        timeout, timeout_fn: see `checkpoints_iterator`.
    """
    step = get_or_create_eval_step()
    all_hooks = list(hooks or ())
    if eval_ops is not None:
        update = assign_add(step, 1)
        for hook in all_hooks:
            if isinstance(hook, StopAfterNEvalsHook):
                hook._set_evals_completed_tensor(update)
        eval_ops = with_step(eval_ops, update)
    final = FinalOpsHook(final_ops, final_ops_feed_dict)
    paths = checkpoints_iterator(checkpoint_dir, eval_interval_secs, timeout, timeout_fn)
    for done, path in enumerate(paths, 1):
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_filename_with_path=path)
        with MonitoredSession(creator, [*all_hooks, final]) as session:
            logging.info("Starting evaluation at " + _now())
            if eval_ops is not None:
                while not session.should_stop():
                    session.run(eval_ops, feed_dict)
            logging.info("Finished evaluation at " + _now())
        if max_number_of_evaluations is not None and done >= max_number_of_evaluations:
            break
    return final.final_ops_values


def _now() -> str:
    return time.strftime("%Y-%m-%d-%H:%M:%S", time.gmtime())


def _slim_hooks(
    num_evals: int, logdir: str, summary_op: Any, feed: Any, hooks: Iterable[SessionRunHook] | None
) -> list[SessionRunHook]:
    found: list[SessionRunHook] = [StopAfterNEvalsHook(num_evals)]
    summary = merge_all() if summary_op is USE_DEFAULT else summary_op
    if summary is not None:
        found.append(SummaryAtEndHook(log_dir=logdir, summary_op=summary, feed_dict=feed))
    return [*found, *(hooks or ())]


def slim_evaluate_once(
    master: str,
    checkpoint_path: str,
    logdir: str,
    num_evals: int = 1,
    initial_op: Any = None,
    initial_op_feed_dict: Any = None,
    eval_op: Any = None,
    eval_op_feed_dict: Any = None,
    final_op: Any = None,
    final_op_feed_dict: Any = None,
    summary_op: Any = USE_DEFAULT,
    summary_op_feed_dict: Any = None,
    variables_to_restore: Any = None,
    session_config: Any = None,
    hooks: Iterable[SessionRunHook] | None = None,
) -> Any:
    """`slim.evaluation.evaluate_once`: evaluate a checkpoint in `num_evals` steps, and write a summary.

    Args:
        master: the session's target, which must be empty.
        checkpoint_path: the checkpoint.
        logdir: the folder of the summary.
        num_evals: how many steps.
        initial_op, initial_op_feed_dict: initialize the model.
        eval_op, eval_op_feed_dict: what to run in each step.
        final_op, final_op_feed_dict: what to fetch at the end.
        summary_op, summary_op_feed_dict: the summary; all of the graph by default, None for none.
        variables_to_restore: a list or dict of variables for a Saver; all by default.
        session_config: a ConfigProto.
        hooks: more SessionRunHooks.

    Returns the values of `final_op`.
    """
    all_hooks = _slim_hooks(num_evals, logdir, summary_op, summary_op_feed_dict, hooks)
    saver = None if variables_to_restore is None else Saver(variables_to_restore)
    return evaluate_once(
        checkpoint_path,
        master=master,
        scaffold=Scaffold(initial_op, initial_op_feed_dict, saver=saver),
        eval_ops=eval_op,
        feed_dict=eval_op_feed_dict,
        final_ops=final_op,
        final_ops_feed_dict=final_op_feed_dict,
        hooks=all_hooks,
        config=session_config,
    )


def evaluation_loop(
    master: str,
    checkpoint_dir: str,
    logdir: str,
    num_evals: int = 1,
    initial_op: Any = None,
    initial_op_feed_dict: Any = None,
    init_fn: Any = None,
    eval_op: Any = None,
    eval_op_feed_dict: Any = None,
    final_op: Any = None,
    final_op_feed_dict: Any = None,
    summary_op: Any = USE_DEFAULT,
    summary_op_feed_dict: Any = None,
    variables_to_restore: Any = None,
    eval_interval_secs: float = 60,
    max_number_of_evaluations: int | None = None,
    session_config: Any = None,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
    hooks: Iterable[SessionRunHook] | None = None,
) -> Any:
    """`slim.evaluation.evaluation_loop`: `slim.evaluation.evaluate_once` for each new checkpoint of a folder.

    The arguments are those of `slim_evaluate_once` and `evaluate_repeatedly`; `init_fn` is called with the
    scaffold and the session after `initial_op`.
    """
    all_hooks = _slim_hooks(num_evals, logdir, summary_op, summary_op_feed_dict, hooks)
    saver = None if variables_to_restore is None else Saver(variables_to_restore)
    return evaluate_repeatedly(
        checkpoint_dir,
        master=master,
        scaffold=Scaffold(initial_op, initial_op_feed_dict, init_fn, saver=saver),
        eval_ops=eval_op,
        feed_dict=eval_op_feed_dict,
        final_ops=final_op,
        final_ops_feed_dict=final_op_feed_dict,
        eval_interval_secs=eval_interval_secs,
        hooks=all_hooks,
        config=session_config,
        max_number_of_evaluations=max_number_of_evaluations,
        timeout=timeout,
        timeout_fn=timeout_fn,
    )
