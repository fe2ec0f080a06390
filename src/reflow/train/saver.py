"""`tf.train.Saver`, and graphs with their savers in files."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from reflow.base import errors, protos
from reflow.graph.graph import Graph, GraphKeys, add_to_collection, get_collection, get_default_graph
from reflow.model.global_step import global_step as read_global_step
from reflow.model.variable_common import with_scope, without_scope
from reflow.model.variables import global_variables
from reflow.platform import gfile
from reflow.runtime.session import BaseSession
from reflow.train import checkpoint_state, meta_graph
from reflow.train.checkpoint_state import (
    checkpoint_exists,
    get_checkpoint_mtimes,
    meta_graph_filename,
    remove_checkpoint,
)
from reflow.train.exact_state import ExactSaverBuilder, captured, read_state, state_tensor
from reflow.train.restoring import explained, object_names
from reflow.train.saveable import all_saveables
from reflow.train.saver_builder import V2, BulkSaverBuilder

HOUR = 3600
_log = logging.getLogger("tensorflow")
_V1_WARNING = (
    "TensorFlow's V1 checkpoint format has been deprecated. Consider switching to the more efficient V2 "
    "format: `tf.train.Saver(write_version=tf.train.SaverDef.V2)` now on by default."
)


def all_saveable_objects(scope: str | None = None) -> list[Any]:
    """What a Saver saves if nothing else is asked for: global variables and other saveable objects."""
    return global_variables(scope) + get_collection(GraphKeys.SAVEABLE_OBJECTS, scope)


class Saver:
    """Saves variables to checkpoints and restores them.

    The constructor adds the nodes that do it to the graph; `save` and `restore` run them. A save is complete
    or has not happened: a kill at any moment, or a full disk, leaves the checkpoints that were there.

    Args:
        var_list: the variables (and saveable objects), in a list, or in a dict by the names to save them
            under; all of the graph if None. Slices of one variable may stand in a list of their own.
        reshape: whether variables may be restored from values of another shape with as many elements.
        sharded: write one file for each device.
        max_to_keep: how many checkpoints to keep; 0 or None keeps all.
        keep_checkpoint_every_n_hours: keep one checkpoint of each such period for good.
        name: the name scope of the nodes; "save" by default.
        restore_sequentially: has no effect on the nodes made by the default builder.
        saver_def: a SaverDef message that names nodes that are there; nothing is built then.
        builder: makes the nodes; a `BulkSaverBuilder` by default.
        defer_build: wait for a call of `build`.
        allow_empty: make a Saver that does nothing when there are no variables.
        write_version: `tf.train.SaverDef.V2`, or `V1` for checkpoints of the older format.
        pad_step_number: write step numbers with eight digits.
        save_relative_paths: write relative paths to the file `checkpoint`, so that the folder may be moved.
        filename: the path that the nodes use when they are run without one.
        exact: also save where random ops and dataset iterators are and what is in queues, so that a run that
            is killed and goes on from the checkpoint ends with the same bits as one that was not. Input
            pipelines need seeds. TensorFlow restores the variables from such a checkpoint. Queues that queue
            runners fill are refused. Not saved: lookup tables, and variables that are not in `var_list`.

    Raises:
        TypeError: something in `var_list` cannot be saved.
        ValueError: there are no variables, or names are not unique.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(3.0, name="v")
    ...     saver = tf.train.Saver()
    ...     sess.run(v.initializer)
    ...     path = saver.save(sess, path, global_step=10)
    ...     v.load(0.0, sess)
    ...     saver.restore(sess, path)
    ...     print(os.path.basename(path), sess.run(v))
    model-10 3.0
    """

    def __init__(
        self,
        var_list: Any = None,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        saver_def: Any = None,
        builder: Any = None,
        defer_build: bool = False,
        allow_empty: bool = False,
        write_version: int = V2,
        pad_step_number: bool = False,
        save_relative_paths: bool = False,
        filename: str | None = None,
        exact: bool = False,
    ) -> None:
        if exact and builder is not None:
            raise ValueError("exact=True needs the default builder, but `builder` is given")
        if defer_build and var_list:
            raise ValueError(
                "If `var_list` is provided then build cannot be deferred. "
                "Either set defer_build=False or var_list=None."
            )
        self._var_list = var_list
        self._reshape = reshape
        self._sharded = sharded
        self._max_to_keep = max_to_keep
        self._keep_checkpoint_every_n_hours = keep_checkpoint_every_n_hours
        self._name = name
        self._restore_sequentially = restore_sequentially
        self.saver_def = saver_def
        self._builder = builder
        self._is_built = False
        self._allow_empty = allow_empty
        self._is_empty: bool | None = None
        self._write_version = write_version
        self._pad_step_number = pad_step_number
        self._filename = filename
        self._exact = exact
        self._save_relative_paths = save_relative_paths
        self._last_checkpoints: list[tuple[str, float]] = []
        self._checkpoints_to_be_deleted: list[tuple[str, float]] = []
        self._object_restore_saver: Saver | None = None
        if not defer_build:
            self.build()
        if self.saver_def:
            self._check_saver_def()
            self._write_version = self.saver_def.version

    # Building

    def build(self) -> None:
        """Add the nodes to the default graph, if the constructor was told to wait with it."""
        if self._is_built:
            return
        self._is_built = True
        if not self.saver_def:
            if not self._build_nodes():
                return
        elif self._name:
            for field in ("filename_tensor_name", "save_tensor_name", "restore_op_name"):
                setattr(self.saver_def, field, with_scope(getattr(self.saver_def, field), self._name))
        self._check_saver_def()
        self._next_checkpoint_time = time.time() + self.saver_def.keep_checkpoint_every_n_hours * HOUR

    def _build_nodes(self) -> bool:
        """Make the nodes; False when there is nothing to save."""
        if self._builder is None:
            kind = ExactSaverBuilder if self._exact else BulkSaverBuilder
            self._builder = kind(self._write_version)
        if self._var_list is None:
            self._var_list = all_saveable_objects()
        self._is_empty = not self._var_list
        if self._is_empty:
            if not self._allow_empty:
                raise ValueError("No variables to save")
            return False
        self.saver_def = self._builder._build_internal(
            self._var_list,
            reshape=self._reshape,
            sharded=self._sharded,
            max_to_keep=self._max_to_keep,
            keep_checkpoint_every_n_hours=self._keep_checkpoint_every_n_hours,
            name=self._name,
            restore_sequentially=self._restore_sequentially,
            filename=self._filename,
        )
        return True

    def _check_saver_def(self) -> None:
        if not isinstance(self.saver_def, protos.SaverDef):
            raise ValueError(f"saver_def must be a saver_pb2.SaverDef: {self.saver_def}")
        for field in ("save_tensor_name", "restore_op_name"):
            if not getattr(self.saver_def, field):
                raise ValueError(f"saver_def must specify the {field}: {self.saver_def}")

    # Messages

    def as_saver_def(self) -> Any:
        """The Saver as a SaverDef message."""
        return self.saver_def

    def to_proto(self, export_scope: str | None = None) -> Any:
        """The Saver as a SaverDef message; None if it is not in `export_scope`."""
        if export_scope is None:
            return self.saver_def
        fields = ("filename_tensor_name", "save_tensor_name", "restore_op_name")
        if not all(getattr(self.saver_def, f).startswith(export_scope) for f in fields):
            return None
        message = protos.SaverDef()
        message.CopyFrom(self.saver_def)
        for field in fields:
            setattr(message, field, without_scope(getattr(message, field), export_scope))
        return message

    @staticmethod
    def from_proto(saver_def: Any, import_scope: str | None = None) -> Saver:
        """The Saver that a SaverDef message describes, whose nodes are in the default graph."""
        return Saver(saver_def=saver_def, name=import_scope)

    # The checkpoints that are kept

    @property
    def last_checkpoints(self) -> list[str]:
        """The checkpoints that are kept, the oldest first."""
        return [path for path, _ in self._last_checkpoints]

    def set_last_checkpoints(self, last_checkpoints: list[str]) -> None:
        """Say which checkpoints there are, the oldest first. Deprecated: they will never be deleted."""
        assert isinstance(last_checkpoints, list)
        self._last_checkpoints = [(path, np.inf) for path in last_checkpoints]

    def set_last_checkpoints_with_time(self, last_checkpoints_with_time: list[tuple[str, float]]) -> None:
        """Say which checkpoints there are and when they were made, the oldest first."""
        assert isinstance(last_checkpoints_with_time, list)
        self._last_checkpoints = last_checkpoints_with_time

    def recover_last_checkpoints(self, checkpoint_paths: Iterable[str]) -> None:
        """Say which checkpoints there are, after a restart; those whose files are gone are left out."""
        found = [(path, get_checkpoint_mtimes([path])) for path in checkpoint_paths]
        self.set_last_checkpoints_with_time([(path, times[0]) for path, times in found if times])

    def _record(self, path: str) -> None:
        """Note a new checkpoint, and which one has become too many."""
        if not self.saver_def.max_to_keep:
            return
        self._last_checkpoints = [row for row in self._last_checkpoints if row[0] != path]
        self._last_checkpoints.append((path, time.time()))
        if len(self._last_checkpoints) > self.saver_def.max_to_keep:
            self._checkpoints_to_be_deleted.append(self._last_checkpoints.pop(0))

    def _delete_old(self, meta_graph_suffix: str) -> None:
        """Delete the checkpoint that is too many, unless it is one of those kept for good."""
        if not self._checkpoints_to_be_deleted:
            return
        path, made = self._checkpoints_to_be_deleted.pop(0)
        if made > self._next_checkpoint_time:
            self._next_checkpoint_time += self.saver_def.keep_checkpoint_every_n_hours * HOUR
            return
        self._remove(path, meta_graph_suffix)

    def _remove(self, path: str, meta_graph_suffix: str) -> None:
        try:
            remove_checkpoint(path, self.saver_def.version, meta_graph_suffix)
        except errors.OpError as error:
            _log.warning("Ignoring: %s", error)

    # Saving

    def save(
        self,
        sess: Any,
        save_path: str | os.PathLike[str],
        global_step: Any = None,
        latest_filename: str | None = None,
        meta_graph_suffix: str = "meta",
        write_meta_graph: bool = True,
        write_state: bool = True,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> str | None:
        """Save the variables' values in a session.

        Args:
            sess: the session.
            save_path: the checkpoint's path, without extensions.
            global_step: a number that is appended to the path: an integer, or a tensor or its name.
            latest_filename: the name of the file that lists the checkpoints, "checkpoint" by default.
            meta_graph_suffix: the extension of the file with the graph.
            write_meta_graph: whether to write the graph, too.
            write_state: whether to enter the checkpoint in the list, and delete one that is too many.
            strip_default_attrs: write the graph without attributes that have their default value.
            save_debug_info: write where the nodes were made beside the graph.

        Returns:
            The checkpoint's path, to be given to `restore`; None if there is nothing to save.

        Raises:
            TypeError: `sess` is no session.
            ValueError: `latest_filename` has a folder in it, or is that of the checkpoint; or the folder of
                `save_path` is missing.
            RuntimeError: the nodes are not built.
            tf.errors.OpError: a variable has no value, or a file cannot be written.
        """
        if not self._is_built:
            raise RuntimeError("`build()` should be called before save if defer_build==True")
        if self._write_version != V2:
            _log.warning(_V1_WARNING)
        path = os.fspath(save_path)
        state_name = latest_filename or checkpoint_state.DEFAULT_NAME
        if os.path.dirname(state_name):
            raise ValueError("'latest_filename' must not contain path components")
        target = self._numbered(sess, path, global_step, state_name)
        if not isinstance(sess, BaseSession):
            raise TypeError(f"'sess' must be a Session; {sess}")
        known = checkpoint_exists(target)
        saved = None if self._is_empty else self._write(sess, path, target)
        if write_meta_graph:
            try:
                with sess.graph.as_default():
                    self.export_meta_graph(
                        meta_graph_filename(target, meta_graph_suffix),
                        strip_default_attrs=strip_default_attrs,
                        save_debug_info=save_debug_info,
                    )
            except (OSError, errors.OpError):
                if saved is not None and not known:
                    self._remove(saved, meta_graph_suffix)  # else a full disk fills with parts of checkpoints
                raise
        if write_state and saved is not None:
            self._enter(saved, os.path.dirname(path), state_name, meta_graph_suffix)
        return saved

    def _numbered(self, sess: Any, path: str, global_step: Any, state_name: str) -> str:
        """The path with the step's number."""
        if global_step is None:
            if os.path.basename(path) == state_name and not self._sharded:
                raise ValueError(f"'latest_filename' collides with 'save_path': '{state_name}' and '{path}'")
            return path
        if not isinstance(global_step, (int, np.integer)):
            global_step = read_global_step(sess, global_step)
        return f"{path}-{global_step:08d}" if self._pad_step_number else f"{path}-{global_step:d}"

    def _write(self, sess: Any, path: str, target: str) -> str:
        feed: dict[Any, Any] = {self.saver_def.filename_tensor_name: target}
        state = state_tensor(sess.graph, self.saver_def)
        if state is not None:
            feed[state] = captured(sess)
        try:
            saved = sess.run(self.saver_def.save_tensor_name, feed)
        except (errors.FailedPreconditionError, errors.NotFoundError) as error:
            folder = os.path.dirname(path)
            if folder and not gfile.IsDirectory(folder):
                raise ValueError(f"Parent directory of {path} doesn't exist, can't save.") from error
            raise
        return os.fsdecode(saved)

    def _enter(self, saved: str, folder: str, state_name: str, meta_graph_suffix: str) -> None:
        self._record(saved)
        checkpoint_state.write_state(
            folder, saved, self.last_checkpoints, state_name, self._save_relative_paths
        )
        self._delete_old(meta_graph_suffix)

    def export_meta_graph(
        self,
        filename: str | None = None,
        collection_list: Iterable[str] | None = None,
        as_text: bool = False,
        export_scope: str | None = None,
        clear_devices: bool = False,
        clear_extraneous_savers: bool = False,
        strip_default_attrs: bool = False,
        save_debug_info: bool = False,
    ) -> Any:
        """The default graph with this Saver as a MetaGraphDef message: see `tf.train.export_meta_graph`."""
        return export_meta_graph(
            filename=filename,
            graph_def=get_default_graph().as_graph_def(add_shapes=True),
            saver_def=self.saver_def,
            collection_list=collection_list,
            as_text=as_text,
            export_scope=export_scope,
            clear_devices=clear_devices,
            clear_extraneous_savers=clear_extraneous_savers,
            strip_default_attrs=strip_default_attrs,
            save_debug_info=save_debug_info,
        )

    # Restoring

    def restore(self, sess: Any, save_path: str | os.PathLike[str] | None) -> None:
        """Give the variables in a session the values that they have in a checkpoint.

        They need not be initialized. When it fails, no variable is changed.

        Args:
            sess: the session.
            save_path: the checkpoint's path, as `save` returned it.

        Raises:
            ValueError: there is no checkpoint at `save_path`.
            tf.errors.NotFoundError: it does not have all the variables; the message names the nearest ones.
            tf.errors.InvalidArgumentError: a variable has another shape or type in it.
            tf.errors.DataLossError: it is damaged.
        """
        if self._is_empty:
            return
        if save_path is None:
            raise ValueError("Can't load save_path when it is None.")
        path = os.fsdecode(save_path)
        if not checkpoint_exists(path):
            raise ValueError(f"The passed save_path is not a valid checkpoint: {path}")
        _log.info("Restoring parameters from %s", path)
        exact = state_tensor(sess.graph, self.saver_def) is not None
        state = read_state(sess.graph, path) if exact else None
        self._restore_variables(sess, path)
        if state is not None:
            state.apply(sess)

    def _restore_variables(self, sess: Any, path: str) -> None:
        try:
            sess.run(self.saver_def.restore_op_name, {self.saver_def.filename_tensor_name: path})
        except errors.NotFoundError as error:
            names = object_names(path)
            if names is None:
                raise explained(error, "a Variable name or other graph key that is missing") from None
            self._restore_objects(sess, path, names)
        except errors.InvalidArgumentError as error:
            restoring = sess.graph.as_graph_element(self.saver_def.restore_op_name)
            raise explained(
                error, "a mismatch between the current graph and the graph", path, restoring
            ) from None

    def _restore_objects(self, sess: Any, path: str, names: dict[str, str]) -> None:
        """Restore from a checkpoint that keeps its variables by objects and not by names."""
        _log.warning(
            "Restoring an object-based checkpoint using a name-based saver. This may be somewhat fragile, "
            "and will re-build the Saver. Instead, consider loading object-based checkpoints using "
            "tf.train.Checkpoint()."
        )
        self._object_restore_saver = saver_from_object_based_checkpoint(
            path, self._var_list, self._builder, names, self._object_restore_saver
        )
        self._object_restore_saver.restore(sess, path)


def saver_from_object_based_checkpoint(
    checkpoint_path: str,
    var_list: Any = None,
    builder: Any = None,
    names_to_keys: dict[str, str] | None = None,
    cached_saver: Saver | None = None,
) -> Saver:
    """A Saver that finds variables by name in a checkpoint of objects, as `tf.train.Checkpoint` writes it.

    Args:
        checkpoint_path: the checkpoint.
        var_list: the variables; all of the graph if None.
        builder: ignored: the Saver is made by the default one.
        names_to_keys: the checkpoint's keys by the variables' names; read from the checkpoint if None.
        cached_saver: a Saver made before for a checkpoint of the same kind, to be returned after the checks.

    Raises ValueError when it is no such checkpoint, NotFoundError when it lacks a variable.
    """
    names = names_to_keys if names_to_keys is not None else object_names(checkpoint_path)
    if names is None:
        raise ValueError(f"Checkpoint in {checkpoint_path} not an object-based checkpoint.")
    saveables = all_saveables(all_saveable_objects() if var_list is None else var_list)
    specs = [spec for saveable in saveables for spec in saveable.specs]
    _check_names({spec.name for spec in specs}, set(names))
    for spec in specs:
        spec.name = names[spec.name]
    return cached_saver if cached_saver is not None else Saver(saveables)


def _check_names(wanted: set[str], stored: set[str]) -> None:
    missing = wanted - stored
    if missing:
        raise errors.NotFoundError(
            None,
            None,
            f"\n\nExisting variables not in the checkpoint: {', '.join(sorted(missing))}\n\n"
            "Variables names when this checkpoint was written which don't exist now: "
            f"{', '.join(sorted(stored - wanted))}\n\n({len(stored & wanted)} variable name(s) did match)\n\n"
            "The checkpoint keeps variables by objects (as tf.train.Checkpoint writes it), and some of the "
            "graph's variables are not in it by their names. Give Saver(var_list=...) those that are, in a "
            "dict by the older names if names have changed.",
        )


def get_saver_or_default() -> Saver:
    """The one Saver of the graph's collection of savers, or a new one for all variables, entered there.

    RuntimeError when there are several.
    """
    savers = get_collection(GraphKeys.SAVERS)
    if len(savers) > 1:
        raise RuntimeError(
            f"More than one item in collection {GraphKeys.SAVERS}. "
            "Please indicate which one to use by passing it to the constructor."
        )
    if savers:
        found: Saver = savers[0]
        return found
    saver = Saver(sharded=True, allow_empty=True)
    add_to_collection(GraphKeys.SAVERS, saver)
    return saver


# Graphs with their savers


def export_meta_graph(
    filename: str | None = None,
    meta_info_def: Any = None,
    graph_def: Any = None,
    saver_def: Any = None,
    collection_list: Iterable[str] | None = None,
    as_text: bool = False,
    graph: Graph | None = None,
    export_scope: str | None = None,
    clear_devices: bool = False,
    clear_extraneous_savers: bool = False,
    strip_default_attrs: bool = False,
    save_debug_info: bool = False,
    **kwargs: Any,
) -> Any:
    """A graph with its collections as a MetaGraphDef message; also written to `filename` if given.

    Args:
        filename: a file for the message.
        meta_info_def: a MetaInfoDef message to begin with.
        graph_def: the nodes, if not those of `graph`.
        saver_def: the SaverDef message to add.
        collection_list: the keys of the collections to write; all if None.
        as_text: write the text form.
        graph: the graph; the default graph if None.
        export_scope: export only the nodes of this name scope, without it in their names.
        clear_devices: leave the devices out.
        clear_extraneous_savers: leave out the nodes of savers other than that of `saver_def`.
        strip_default_attrs: leave out attributes that have their default value.
        save_debug_info: write where the nodes were made to a file of its own, with the extension `.debug`.

    Raises TypeError for a message of the wrong type, and the error of the file system.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     print([n.name for n in tf.train.export_meta_graph().graph_def.node])
    ['x']
    """
    return meta_graph.export_scoped_meta_graph(
        filename=filename,
        meta_info_def=meta_info_def,
        graph_def=graph_def,
        saver_def=saver_def,
        collection_list=collection_list,
        as_text=as_text,
        graph=graph,
        export_scope=export_scope,
        clear_devices=clear_devices,
        clear_extraneous_savers=clear_extraneous_savers,
        strip_default_attrs=strip_default_attrs,
        save_debug_info=save_debug_info,
        **kwargs,
    )[0]


def import_meta_graph(
    meta_graph_or_file: Any, clear_devices: bool = False, import_scope: str | None = None, **kwargs: Any
) -> Saver | None:
    """Add the graph and the collections of a MetaGraphDef to the default graph.

    Args:
        meta_graph_or_file: the message, or the name of a file with it, such as `model.meta`.
        clear_devices: leave the devices out.
        import_scope: a name scope to put around all.
        **kwargs: `input_map`, `restore_collections_predicate` and `unbound_inputs_col_name`.

    Returns:
        The graph's Saver; None if it has no variables.

    Raises:
        OSError: there is no such file.
        tf.errors.DataLossError: the file is damaged.
        ValueError: the graph is not well formed, or inputs that it needs are not given.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     v = tf.Variable(3.0, name="v")
    ...     sess.run(v.initializer)
    ...     path = tf.train.Saver().save(sess, path)
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     tf.train.import_meta_graph(path + ".meta").restore(sess, path)
    ...     print(sess.run("v:0"))
    3.0
    """
    return import_meta_graph_with_return_elements(meta_graph_or_file, clear_devices, import_scope, **kwargs)[
        0
    ]


def import_meta_graph_with_return_elements(
    meta_graph_or_file: Any,
    clear_devices: bool = False,
    import_scope: str | None = None,
    return_elements: Any = None,
    **kwargs: Any,
) -> tuple[Saver | None, Any]:
    """`import_meta_graph`, which also returns the operations and tensors named in `return_elements`."""
    message = meta_graph_or_file
    if not isinstance(message, protos.MetaGraphDef):
        message = meta_graph.read_meta_graph_file(message)
    variables, elements = meta_graph.import_scoped_meta_graph_with_return_elements(
        message, clear_devices, import_scope=import_scope, return_elements=return_elements, **kwargs
    )
    return _saver_of(message, import_scope, variables), elements


def _saver_of(message: Any, import_scope: str | None, variables: dict[str, Any]) -> Saver | None:
    """The Saver of an imported graph."""
    if message.HasField("saver_def"):
        scope = import_scope
        for name, variable in variables.items():  # the scope as it was made unique
            scope = variable.name.removesuffix(name)
            break
        definition = protos.SaverDef()
        definition.CopyFrom(message.saver_def)
        return Saver(saver_def=definition, name=scope)
    if all_saveable_objects(import_scope):
        return Saver()
    _log.info("Saver not created because there are no variables in the graph to restore")
    return None
