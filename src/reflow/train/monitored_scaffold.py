"""`tf.train.Scaffold`: what a training needs beside the model: initializers, a saver, a merged summary."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    emit,
    get_collection,
    get_default_graph,
)
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
from reflow.train.resources import (
    initialize_resources,
    local_resources,
    report_uninitialized_resources,
    shared_resources,
)
from reflow.train.saver import get_saver_or_default


class Scaffold:
    """The parts that a monitored session needs beside the model; those not given are made by `finalize`.

    What is made is entered in the graph's collections, and taken from them if it is there already.

    Args:
        init_op: initializes the model when no checkpoint is restored; by default all global variables.
        init_feed_dict: feeds for `init_op`.
        init_fn: called as `init_fn(scaffold, session)` after `init_op`.
        ready_op: a string vector of what has no value yet; training begins when it is empty.
        ready_for_local_init_op: the same, asked before `local_init_op`.
        local_init_op: run in each session: by default local variables and tables.
        summary_op: all summaries merged, by default.
        saver: the Saver; `tf.train.Saver(exact=True)` makes the training go on after a kill bit by bit as if
            nothing had happened.
        copy_from_scaffold: another Scaffold, to take from it what is not given.

    TypeError when `copy_from_scaffold` is no Scaffold.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.Variable(1.0, name="v")
    ...     scaffold = tf.train.Scaffold(init_fn=lambda scaffold, sess: v.load(5.0, sess))
    ...     with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as sess:
    ...         print(sess.run(v))
    5.0
    """

    def __init__(
        self,
        init_op: Any = None,
        init_feed_dict: Any = None,
        init_fn: Callable[[Any, Any], Any] | None = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        local_init_op: Any = None,
        summary_op: Any = None,
        saver: Any = None,
        copy_from_scaffold: Scaffold | None = None,
    ) -> None:
        if copy_from_scaffold is not None and not isinstance(copy_from_scaffold, Scaffold):
            raise TypeError("copy_from_scaffold is not a Scaffold instance.")

        def chosen(given: Any, field: str) -> Any:
            return getattr(copy_from_scaffold, field, None) if given is None else given

        self._user_init_fn = chosen(init_fn, "_user_init_fn")
        self._init_op = chosen(init_op, "_init_op")
        self._init_feed_dict = chosen(init_feed_dict, "_init_feed_dict")
        self._ready_op = chosen(ready_op, "_ready_op")
        self._ready_for_local_init_op = chosen(ready_for_local_init_op, "_ready_for_local_init_op")
        self._local_init_op = chosen(local_init_op, "_local_init_op")
        self._summary_op = chosen(summary_op, "_summary_op")
        self._saver = chosen(saver, "_saver")

    def finalize(self) -> Scaffold:
        """Make what was not given, and make the graph final. RuntimeError if a collection has several."""
        self._make("init_op", GraphKeys.INIT_OP, _default_init_op)
        self._make("ready_op", GraphKeys.READY_OP, _default_ready_op)
        self._make(
            "ready_for_local_init_op", GraphKeys.READY_FOR_LOCAL_INIT_OP, _default_ready_for_local_init_op
        )
        self._make("local_init_op", GraphKeys.LOCAL_INIT_OP, self.default_local_init_op)
        self._make("summary_op", GraphKeys.SUMMARY_OP, merge_all)
        if self._saver is None:
            self._saver = get_saver_or_default()
        self._saver.build()
        get_default_graph().finalize()
        logging.info("Graph was finalized.")
        return self

    def _make(self, field: str, key: str, constructor: Callable[[], Any]) -> None:
        if getattr(self, f"_{field}") is None:
            setattr(self, f"_{field}", self.get_or_default(field, key, constructor))

    @staticmethod
    def get_or_default(arg_name: str, collection_key: str, default_constructor: Callable[[], Any]) -> Any:
        """The one item of a collection, or else what the constructor makes, entered there.

        RuntimeError, which names the argument, if there are several.
        """
        items = get_collection(collection_key)
        if len(items) > 1:
            raise RuntimeError(
                f'More than one item in the collection "{collection_key}". Please indicate which one to use '
                f"by passing it to the tf.Scaffold constructor as:  tf.Scaffold({arg_name}=item to use)"
            )
        if items:
            return items[0]
        made = default_constructor()
        if made is not None:
            add_to_collection(collection_key, made)
        return made

    @staticmethod
    def default_local_init_op() -> Any:
        """An operation that initializes local variables, tables and local resources.

        >>> import reflow as tf
        >>> with tf.Graph().as_default():
        ...     tf.train.Scaffold.default_local_init_op().name
        'group_deps'
        """
        return group(
            local_variables_initializer(), tables_initializer(), initialize_resources(local_resources())
        )

    @property
    def init_fn(self) -> Callable[[Any], Any] | None:
        """The function that initializes, of the session alone."""
        function = self._user_init_fn
        return (lambda session: function(self, session)) if function else None

    @property
    def init_op(self) -> Any:
        """The operation that initializes the model."""
        return self._init_op

    @property
    def ready_op(self) -> Any:
        """What has no value yet."""
        return self._ready_op

    @property
    def ready_for_local_init_op(self) -> Any:
        """What has no value yet before `local_init_op`."""
        return self._ready_for_local_init_op

    @property
    def local_init_op(self) -> Any:
        """The operation that is run in each session."""
        return self._local_init_op

    @property
    def summary_op(self) -> Any:
        """All summaries merged."""
        return self._summary_op

    @property
    def saver(self) -> Any:
        """The Saver."""
        return self._saver

    @property
    def init_feed_dict(self) -> Any:
        """The feeds for `init_op`."""
        return self._init_feed_dict


def _default_init_op() -> Any:
    return group(global_variables_initializer(), initialize_resources(shared_resources()))


def _joined(first: Any, second: Any) -> Any:
    return emit("ConcatV2", [first, second], 0, name="concat")


def _default_ready_op() -> Any:
    return _joined(report_uninitialized_variables(), report_uninitialized_resources())


def _default_ready_for_local_init_op() -> Any:
    return _joined(
        report_uninitialized_variables(global_variables()), report_uninitialized_resources(shared_resources())
    )
