"""Writing SavedModels."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Mapping
from typing import Any

from reflow.base import protos
from reflow.base.durable import replace_file
from reflow.graph.graph import GraphKeys, Operation, add_to_collection, get_collection
from reflow.graph.node import Tensor
from reflow.platform import gfile
from reflow.saved_model import constants
from reflow.saved_model.assets import add_assets, copy_assets
from reflow.saved_model.signatures import predict_signature_def
from reflow.saved_model.tensor_info import get_or_create_variables_dir, get_variables_path
from reflow.train.saver import Saver, all_saveable_objects
from reflow.train.saver_builder import V2

_log = logging.getLogger("tensorflow")
RESERVED = {
    constants.INIT_OP_SIGNATURE_KEY: "initialization",
    constants.TRAIN_OP_SIGNATURE_KEY: "the train op",
}


class SavedModelBuilder:
    """Writes a SavedModel: one or more graphs that share their variables and files.

    The first graph is added with `add_meta_graph_and_variables`, further ones with `add_meta_graph`; `save`
    writes the model file, last of all: before it, there is no model to be loaded.

    Args:
        export_dir: the folder; it is made, and must be empty.

    Raises AssertionError when the folder is there and not empty.

    >>> import os, tempfile, reflow as tf
    >>> folder = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     v = tf.Variable(2.0)
    ...     sess.run(v.initializer)
    ...     builder = tf.saved_model.builder.SavedModelBuilder(folder)
    ...     builder.add_meta_graph_and_variables(sess, [tf.saved_model.tag_constants.SERVING])
    ...     print(os.path.basename(builder.save()))
    b'saved_model.pb'
    """

    def __init__(self, export_dir: Any) -> None:
        self._saved_model = protos.SavedModel(saved_model_schema_version=constants.SAVED_MODEL_SCHEMA_VERSION)
        self._export_dir = os.fsdecode(export_dir)
        self._has_saved_variables = False
        if not gfile.Exists(self._export_dir):
            gfile.MakeDirs(self._export_dir)
        elif gfile.ListDirectory(self._export_dir):
            raise AssertionError(
                "Export directory already exists, and isn't empty. Please choose a different export "
                f"directory, or delete all the contents of the specified directory: {self._export_dir}"
            )

    def add_meta_graph_and_variables(
        self,
        sess: Any,
        tags: Iterable[str],
        signature_def_map: Mapping[str, Any] | None = None,
        assets_collection: Iterable[Any] | None = None,
        legacy_init_op: Any = None,
        clear_devices: bool = False,
        main_op: Any = None,
        strip_default_attrs: bool = False,
        saver: Saver | None = None,
    ) -> None:
        """Add the default graph, and save the variables' values in a session.

        Args:
            sess: the session.
            tags: by which the graph is found when the model is loaded.
            signature_def_map: SignatureDef messages by name.
            assets_collection: constant string tensors with the paths of files to be copied into the model.
            legacy_init_op: an older name of `main_op`.
            clear_devices: leave the devices out.
            main_op: the operation that is run when the model is loaded, after the variables are restored.
            strip_default_attrs: leave out attributes that have their default value.
            saver: saves the variables; all of the graph, in files by device, if None.

        Raises:
            AssertionError: variables were saved before; or a signature has a tensor without name or type.
            KeyError: a signature has a reserved name.
            TypeError, ValueError: an asset or `main_op` is of the wrong type, or the graph has a main op.
            tf.errors.OpError: a variable has no value, or a file cannot be written.
        """
        if self._has_saved_variables:
            raise AssertionError(
                "Graph state including variables and assets has already been saved. Please invoke "
                "`add_meta_graph()` instead."
            )
        _check_signatures(signature_def_map or {})
        self._add_collections(assets_collection, legacy_init_op if main_op is None else main_op)
        get_or_create_variables_dir(self._export_dir)
        saver = saver or _default_saver()
        saver.save(sess, get_variables_path(self._export_dir), write_meta_graph=False, write_state=False)
        self._add_graph(saver, tags, signature_def_map, clear_devices, strip_default_attrs)
        self._has_saved_variables = True

    def add_meta_graph(
        self,
        tags: Iterable[str],
        signature_def_map: Mapping[str, Any] | None = None,
        assets_collection: Iterable[Any] | None = None,
        legacy_init_op: Any = None,
        clear_devices: bool = False,
        main_op: Any = None,
        strip_default_attrs: bool = False,
        saver: Saver | None = None,
    ) -> None:
        """Add the default graph, which is to use the variables that were saved with the first one.

        The arguments and errors are those of `add_meta_graph_and_variables`, which must have been called:
        AssertionError otherwise.
        """
        if not self._has_saved_variables:
            raise AssertionError(
                "Graph state including variables and assets has not been saved yet. Please invoke "
                "`add_meta_graph_and_variables()` first."
            )
        _check_signatures(signature_def_map or {})
        self._add_collections(assets_collection, legacy_init_op if main_op is None else main_op)
        saver = saver or _default_saver()
        self._add_graph(saver, tags, signature_def_map, clear_devices, strip_default_attrs)

    def _add_collections(self, assets: Iterable[Any] | None, main_op: Any) -> None:
        copy_assets(add_assets(assets), self._export_dir)
        if main_op is None:
            return
        if not isinstance(main_op, Operation):
            raise TypeError(f"main_op needs to be an Operation: {main_op!r}")
        for key in (constants.MAIN_OP_KEY, constants.LEGACY_INIT_OP_KEY):
            if get_collection(key):
                raise ValueError(f"Graph already contains one or more main ops under the collection {key}.")
        add_to_collection(constants.MAIN_OP_KEY, main_op)

    def _add_graph(
        self,
        saver: Saver,
        tags: Iterable[str],
        signatures: Mapping[str, Any] | None,
        clear_devices: bool,
        strip_default_attrs: bool,
    ) -> None:
        message = saver.export_meta_graph(
            clear_devices=clear_devices, strip_default_attrs=strip_default_attrs
        )
        message.meta_info_def.tags.extend(tags)
        for key, signature in (signatures or {}).items():
            message.signature_def[key].CopyFrom(signature)
        self._saved_model.meta_graphs.add().CopyFrom(message)

    def save(self, as_text: bool = False) -> bytes:
        """Write the model file; returns its path. Whoever looks finds none, or all of it.

        Args:
            as_text: write `saved_model.pbtxt` in place of `saved_model.pb`.
        """
        gfile.MakeDirs(self._export_dir)
        name = constants.SAVED_MODEL_FILENAME_PBTXT if as_text else constants.SAVED_MODEL_FILENAME_PB
        path = os.path.join(self._export_dir, name)
        if as_text:
            content = str(self._saved_model).encode()
        else:
            content = self._saved_model.SerializeToString(deterministic=True)
        replace_file(path, content)
        _log.info("SavedModel written to: %s", path)
        return os.fsencode(path)


def _default_saver() -> Saver:
    return Saver(all_saveable_objects(), sharded=True, write_version=V2, allow_empty=True)


def _check_signatures(signatures: Mapping[str, Any]) -> None:
    """Refuse signatures whose tensors lack a name or a type, and reserved names."""
    for signature in signatures.values():
        for infos in (signature.inputs, signature.outputs):
            for name in infos:
                _check_info(infos[name])
    for key, use in RESERVED.items():
        if key in signatures:
            raise KeyError(f'SignatureDef map key "{key}" is reserved for {use}. Please use a different key.')


def _check_info(info: Any) -> None:
    encoding = info.WhichOneof("encoding")
    if encoding is None:
        raise AssertionError(
            "All TensorInfo protos used in the SignatureDefs must have one of the 'encoding' fields (e.g., "
            f"name or coo_sparse) set: {info}"
        )
    if encoding == "composite_tensor":
        for component in info.composite_tensor.components:
            _check_info(component)
    elif info.dtype == 0:
        raise AssertionError(
            f"All TensorInfo protos used in the SignatureDefs must have the dtype field set: {info}"
        )


def simple_save(
    session: Any,
    export_dir: Any,
    inputs: Mapping[str, Tensor],
    outputs: Mapping[str, Tensor],
    legacy_init_op: Any = None,
) -> None:
    """Write a SavedModel of the default graph that computes `outputs` from `inputs`.

    Args:
        session: the session that has the variables' values.
        export_dir: the folder; it must not be there, or be empty.
        inputs: tensors to be fed, by name.
        outputs: tensors that are computed, by name.
        legacy_init_op: the operation that is run when the model is loaded.

    Raises as `SavedModelBuilder.add_meta_graph_and_variables`.

    >>> import os, tempfile, reflow as tf
    >>> folder = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     v = tf.Variable(2.0)
    ...     sess.run(v.initializer)
    ...     tf.saved_model.simple_save(sess, folder, {"x": x}, {"y": tf.multiply(x, v, name="y")})
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     model = tf.saved_model.loader.load(sess, [tf.saved_model.tag_constants.SERVING], folder)
    ...     y = model.signature_def["serving_default"].outputs["y"].name
    ...     print(y, sess.run(y, {"x:0": 4.0}))
    y:0 8.0
    """
    signatures = {constants.DEFAULT_SERVING_SIGNATURE_DEF_KEY: predict_signature_def(inputs, outputs)}
    builder = SavedModelBuilder(export_dir)
    builder.add_meta_graph_and_variables(
        session,
        tags=[constants.SERVING],
        signature_def_map=signatures,
        assets_collection=get_collection(GraphKeys.ASSET_FILEPATHS),
        main_op=legacy_init_op,
        clear_devices=True,
    )
    builder.save()
