"""Positions of iterators in checkpoints."""

from __future__ import annotations

import os
from typing import Any

from reflow.data.iterators import COLLECTION, Iterator
from reflow.graph.graph import colocate_with, emit, get_collection
from reflow.graph.node import Tensor
from reflow.train.checkpoint_state import latest_checkpoint
from reflow.train.hooks import SessionRunHook
from reflow.train.hooks_writing import CheckpointSaverHook
from reflow.train.saveable import SaveableObject, SaveSpec
from reflow.train.saver import Saver


class IteratorSaveable(SaveableObject):
    """What a Saver saves of an iterator: where it is."""

    def __init__(self, resource: Tensor) -> None:
        state = emit("SerializeIterator", resource)
        super().__init__(resource, [SaveSpec(state, "", f"{resource.name}-state")], resource.name)

    def restore(self, restored_tensors: list[Any], restored_shapes: list[Any] | None) -> Any:
        """The operation that goes to the position that was saved."""
        with colocate_with(self.op):
            return emit("DeserializeIterator", self.op, restored_tensors[0])


def make_saveable_from_iterator(iterator: Iterator) -> SaveableObject:
    """What a Saver needs to save and restore the position of an iterator.

    Give it to a `Saver`, or add it to the collection `SAVEABLE_OBJECTS` before one is made. Restoring needs
    an initialized iterator of the same dataset. It goes to the position by passing over elements; seeds that
    came from the system are saved too, so that a shuffle goes on as it would have.

    FailedPreconditionError, when run, for an iterator that is not initialized, and for a dataset whose
    functions keep state (random ops, variables, Python functions and generators).

    >>> import os, tempfile
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     iterator = tf.data.Dataset.range(9).shuffle(9).make_initializable_iterator()
    ...     number = iterator.get_next()
    ...     saver = tf.train.Saver([tf.data.experimental.make_saveable_from_iterator(iterator)])
    ...     _ = sess.run(iterator.initializer), sess.run(number)
    ...     path = saver.save(sess, os.path.join(tempfile.mkdtemp(), "input"))
    ...     rest = [sess.run(number) for _ in range(8)]
    ...     saver.restore(sess, path)
    ...     print(rest == [sess.run(number) for _ in range(8)])
    True
    """
    return IteratorSaveable(iterator._iterator_resource)


class CheckpointInputPipelineHook(SessionRunHook):
    """Saves the positions of all iterators whenever a model is saved, in a checkpoint beside the model's; and
    restores them when a session begins.

    Args:
        estimator: has the folder as `model_dir`, and as `_config` the settings `save_checkpoints_secs`,
            `save_checkpoints_steps`, `num_worker_replicas`, `task_type` and `task_id`.

    >>> import tempfile, types
    >>> import reflow as tf
    >>> config = types.SimpleNamespace(save_checkpoints_secs=None, save_checkpoints_steps=100)
    >>> estimator = types.SimpleNamespace(model_dir=tempfile.mkdtemp(), _config=config)
    >>> isinstance(tf.data.experimental.CheckpointInputPipelineHook(estimator), tf.train.SessionRunHook)
    True
    """

    def __init__(self, estimator: Any) -> None:
        config = estimator._config
        stem = "input"
        if getattr(config, "num_worker_replicas", 1) > 1:
            stem += f"_{config.task_type}_{config.task_id}"
        self._folder = estimator.model_dir
        self._latest = f"checkpoint_{stem}"
        self._saver: Saver | None = None
        self._hook = CheckpointSaverHook(
            estimator.model_dir,
            save_secs=config.save_checkpoints_secs,
            save_steps=config.save_checkpoints_steps,
            checkpoint_basename=stem + ".ckpt",
        )
        self._first = True

    def begin(self) -> None:
        saveables: list[SaveableObject] = [IteratorSaveable(r) for r in get_collection(COLLECTION)]
        self._saver = self._hook._saver = _InputSaver(self._latest, saveables)
        self._hook.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        self._first = True

    def before_run(self, run_context: Any) -> Any:
        if self._first:  # not earlier: iterators are initialized after the session is made
            self._first = False
            self._restore_or_save(run_context.session)
        return self._hook.before_run(run_context)

    def _restore_or_save(self, session: Any) -> None:
        path = latest_checkpoint(self._folder, latest_filename=self._latest)
        if path:
            assert self._saver is not None
            self._saver.restore(session, path)
        else:
            step = session.run(self._hook._global_step_tensor)
            self._hook._save(session, step)
            self._hook._timer.update_last_triggered_step(step)

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self._hook.after_run(run_context, run_values)

    def end(self, session: Any) -> None:
        self._hook.end(session)


class _InputSaver(Saver):
    """A Saver that keeps a list of its checkpoints of its own."""

    def __init__(self, latest_filename: str, saveables: list[SaveableObject]) -> None:
        super().__init__(saveables, sharded=True)
        self._list = latest_filename

    def save(self, sess: Any, save_path: Any, *args: Any, **settings: Any) -> Any:
        settings["latest_filename"] = os.fspath(self._list)
        return super().save(sess, save_path, *args, **settings)
