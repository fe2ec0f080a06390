"""Saving tensors to checkpoints and restoring them, and the names of sharded files."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes, errors
from reflow.base.bundle import BundleWriter, Checkpoint, merge_bundles
from reflow.base.checkpoint_v1 import CheckpointV1, WriterV1, open_checkpoint
from reflow.base.shape import TensorShape, unknown_shape
from reflow.base.slices import TensorSlice, parse_shape_and_slice
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import constant_value, emit
from reflow.graph.registry import op, register

# The names of types in C++, as TensorFlow's messages have them.
_C_NAMES = {"float32": "float", "float64": "double", "float16": "half"}


def _text(value: Any) -> str:
    value = np.asarray(value)[()]
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)


def _texts(values: Any) -> list[str]:
    return [_text(v) for v in np.asarray(values).reshape(-1)]


# Saving


def _save_shape(node: Any) -> list[TensorShape]:
    node.inputs[0].shape.with_rank(0)
    names, count = node.inputs[1], len(node.inputs) - (2 if node.type == "Save" else 3)
    known = names.shape.with_rank(1).merge_with([count])
    if node.type != "Save":
        known.merge_with(node.inputs[2].shape.with_rank(1))
    return []


def _checked_lists(names: Any, slices: Any, tensors: tuple[Any, ...]) -> tuple[list[str], list[str]]:
    names = _texts(names)
    specs = _texts(slices) if slices is not None else [""] * len(names)
    if not len(names) == len(specs) == len(tensors):
        fail(f"{len(names)} tensor names, {len(specs)} slices and {len(tensors)} tensors are not as many")
    return names, specs


def _parsed(spec: str, what: str) -> tuple[tuple[int, ...], TensorSlice]:
    try:
        return parse_shape_and_slice(spec)
    except ValueError as error:
        raise errors.InvalidArgumentError(None, None, f"{what}: {error}") from None


def _place(spec: str, tensor: Any, name: str) -> tuple[tuple[int, ...], TensorSlice]:
    """The whole shape and the slice that a tensor is saved as."""
    if not spec:
        return np.shape(tensor), TensorSlice.whole(np.ndim(tensor))
    shape, part = _parsed(spec, name)
    if part.shape(shape) != np.shape(tensor):
        shown = ",".join(map(str, np.shape(tensor)))
        fail(
            "Slice in shape_and_slice specification does not match the shape of the tensor to  save: "
            f"{spec}, tensor: [{shown}]"
        )
    return shape, part


def _save_v2_host(
    ctx: Any, prefix: Any, names: Any, slices: Any, *tensors: Any, dtypes: list[dtypes.DType]
) -> None:
    keys, specs = _checked_lists(names, slices, tensors)
    with BundleWriter(_text(prefix)) as writer:
        for key, spec, tensor, dtype in zip(keys, specs, tensors, dtypes, strict=True):
            writer.add_slice(key, *_place(spec, tensor, key), tensor, dtype)


@op("SaveV2", shape=_save_shape, host=_save_v2_host, gradient=None)
def save_v2(
    prefix: Any, tensor_names: Any, shape_and_slices: Any, tensors: Any, name: str | None = None
) -> Any:
    """Write tensors to a checkpoint of version 2 at the path `prefix`. Returns the operation.

    Args:
        prefix: a scalar string.
        tensor_names: a vector of the names to save under.
        shape_and_slices: for each tensor "" or, when it is a slice, the whole shape and the slice, as
            "4 2 0,1:-": sizes, then start and length, or "-", for each axis.
        tensors: the tensors.

    Raises InvalidArgumentError for slices that do not fit, and the error of the file system.

    >>> import os, tempfile, reflow as tf
    >>> prefix = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(save_v2(prefix, ["v"], [""], [tf.constant([1.0, 2.0])]))
    ...     print(sess.run(restore_v2(prefix, ["v"], [""], [tf.float32])))
    [array([1., 2.], dtype=float32)]
    """
    return emit("SaveV2", prefix, tensor_names, shape_and_slices, tensors, name=name)


def _save_v1(path: Any, names: Any, slices: Any, tensors: tuple[Any, ...], types: list[dtypes.DType]) -> None:
    keys, specs = _checked_lists(names, slices, tensors)
    writer = WriterV1(_text(path))
    for key, spec, tensor, dtype in zip(keys, specs, tensors, types, strict=True):
        writer.add_slice(key, *_place(spec, tensor, key), tensor, dtype)
    writer.finish()


def _save_host(ctx: Any, filename: Any, names: Any, *data: Any, T: list[dtypes.DType]) -> None:
    _save_v1(filename, names, None, data, T)


def _save_slices_host(
    ctx: Any, filename: Any, names: Any, slices: Any, *data: Any, T: list[dtypes.DType]
) -> None:
    _save_v1(filename, names, slices, data, T)


register("Save", shape=_save_shape, host=_save_host, gradient=None)
register("SaveSlices", shape=_save_shape, host=_save_slices_host, gradient=None)


def save(
    filename: Any, tensor_names: Any, tensors: Any, tensor_slices: Any = None, name: str = "save"
) -> Any:
    """Write tensors to a checkpoint of version 1. Returns the operation.

    `tensor_slices` is as `shape_and_slices` of `save_v2`.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "model")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     sess.run(save(path, ["v"], [tf.constant([1.0, 2.0])]))
    ...     print(sess.run(restore(path, "v", tf.float32)))
    [1. 2.]
    """
    if tensor_slices is None:
        return emit("Save", filename, tensor_names, tensors, name=name)
    return emit("SaveSlices", filename, tensor_names, tensor_slices, tensors, name=name)


# Restoring


def _restore_v2_shape(node: Any) -> list[TensorShape]:
    node.inputs[0].shape.with_rank(0)
    node.inputs[1].shape.with_rank(1).merge_with(node.inputs[2].shape.with_rank(1))
    specs = constant_value(node.inputs[2])
    if specs is None:
        return [unknown_shape()] * len(node.outputs)
    found = [_slice_shape(s) for s in _texts(specs)]
    return found if len(found) == len(node.outputs) else [unknown_shape()] * len(node.outputs)


def _slice_shape(spec: str) -> TensorShape:
    if not spec:
        return unknown_shape()
    shape, part = parse_shape_and_slice(spec)
    return TensorShape(part.shape(shape))


def _restored(checkpoint: Checkpoint, name: str, spec: str, dtype: dtypes.DType) -> np.ndarray:
    """One tensor of a checkpoint, its type and shape as they are wanted."""
    stored = checkpoint.dtype(name)
    if stored != dtype:
        fail(f"tensor_name = {name}; expected dtype {_c(dtype)} does not equal original dtype {_c(stored)}")
    if not spec:
        return checkpoint.read(name)
    shape, part = _parsed(spec, f"tensor_name = {name}")
    if checkpoint.shape(name) != shape:
        shown = [f"[{','.join(map(str, s))}]" for s in (shape, checkpoint.shape(name))]
        fail(
            f"tensor_name = {name}; shape in shape_and_slice spec {shown[0]} does not match the shape stored "
            f"in checkpoint: {shown[1]}"
        )
    return checkpoint.read(name, part)


def _c(dtype: dtypes.DType) -> str:
    return _C_NAMES.get(dtype.name, dtype.name)


def _restore_v2_host(
    ctx: Any, prefix: Any, names: Any, slices: Any, *, dtypes: list[dtypes.DType]
) -> tuple[np.ndarray, ...]:
    keys, specs = _texts(names), _texts(slices)
    if not len(keys) == len(specs) == len(dtypes):
        fail(f"{len(keys)} tensor names, {len(specs)} slices and {len(dtypes)} types are not as many")
    with open_checkpoint(_text(prefix)) as checkpoint:
        for key in keys:  # before anything is read
            if not checkpoint.has(key):
                raise checkpoint.missing(key)
        return tuple(_restored(checkpoint, *row) for row in zip(keys, specs, dtypes, strict=True))


@op("RestoreV2", shape=_restore_v2_shape, host=_restore_v2_host, gradient=None)
def restore_v2(
    prefix: Any, tensor_names: Any, shape_and_slices: Any, dtypes: Any, name: str | None = None
) -> Any:
    """Read tensors from the checkpoint at the path `prefix`, of either version: a list of tensors.

    Args:
        prefix: a scalar string.
        tensor_names: a vector of names.
        shape_and_slices: for each "" or the slice wanted, as for `save_v2`.
        dtypes: the types.

    Raises NotFoundError for a missing file or name, InvalidArgumentError for another type or shape, and
    DataLossError for a damaged file. The example is at `save_v2`.
    """
    return emit("RestoreV2", prefix, tensor_names, shape_and_slices, dtypes=dtypes, name=name)


def _restore_host(ctx: Any, pattern: Any, name: Any, *, dt: dtypes.DType) -> np.ndarray:
    with CheckpointV1(_text(pattern)) as checkpoint:
        return _restored(checkpoint, _text(name), "", dt)


def _restore_slice_host(ctx: Any, pattern: Any, name: Any, spec: Any, *, dt: dtypes.DType) -> np.ndarray:
    with CheckpointV1(_text(pattern)) as checkpoint:
        return _restored(checkpoint, _text(name), _text(spec), dt)


def _restore_slice_shape(node: Any) -> TensorShape:
    spec = constant_value(node.inputs[2])
    return unknown_shape() if spec is None else _slice_shape(_text(spec))


register("Restore", shape=lambda node: unknown_shape(), host=_restore_host, gradient=None)
register("RestoreSlice", shape=_restore_slice_shape, host=_restore_slice_host, gradient=None)


def restore(
    file_pattern: Any, tensor_name: Any, dt: Any, preferred_shard: int = -1, name: str | None = None
) -> Any:
    """Read one tensor from the checkpoint of version 1 in the files that match `file_pattern`.

    Raises as `restore_v2`. The example is at `save`.
    """
    return emit("Restore", file_pattern, tensor_name, dt=dt, preferred_shard=preferred_shard, name=name)


# Shards


def _merge_host(ctx: Any, prefixes: Any, destination: Any, *, delete_old_dirs: bool) -> None:
    merge_bundles(_texts(prefixes), _text(destination), delete_old_dirs)


def _merge_shape(node: Any) -> list[TensorShape]:
    node.inputs[0].shape.with_rank(1)
    node.inputs[1].shape.with_rank(0)
    return []


@op("MergeV2Checkpoints", shape=_merge_shape, host=_merge_host, gradient=None)
def merge_v2_checkpoints(
    checkpoint_prefixes: Any, destination_prefix: Any, delete_old_dirs: bool = True, name: str | None = None
) -> Any:
    """Make the checkpoints at the paths of a vector the shards of one. Returns the operation.

    `delete_old_dirs` deletes the folders that become empty.

    >>> import os, tempfile, reflow as tf
    >>> path = os.path.join(tempfile.mkdtemp(), "")
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     for i in range(2):
    ...         sess.run(save_v2(f"{path}{i}", [f"v{i}"], [""], [tf.constant(i)]))
    ...     sess.run(merge_v2_checkpoints([path + "0", path + "1"], path + "model"))
    >>> sorted(os.listdir(path))
    ['model.data-00000-of-00002', 'model.data-00001-of-00002', 'model.index']
    """
    return emit(
        "MergeV2Checkpoints",
        checkpoint_prefixes,
        destination_prefix,
        delete_old_dirs=delete_old_dirs,
        name=name,
    )


def _string(text: str) -> np.ndarray:
    return np.array(text.encode(errors="surrogateescape"), object)


@op(
    "ShardedFilename",
    shape=shapes.scalar,
    host=lambda ctx, base, shard, count: _string(f"{_text(base)}-{int(shard):05d}-of-{int(count):05d}"),
    gradient=None,
)
def sharded_filename(basename: Any, shard: Any, num_shards: Any, name: str | None = None) -> Any:
    """The name of one of several files: a scalar string tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(sharded_filename("model", 1, 3)))
    b'model-00001-of-00003'
    """
    return emit("ShardedFilename", basename, shard, num_shards, name=name)


@op(
    "ShardedFilespec",
    shape=shapes.scalar,
    host=lambda ctx, base, count: _string(f"{_text(base)}-?????-of-{int(count):05d}"),
    gradient=None,
)
def sharded_filespec(basename: Any, num_shards: Any, name: str | None = None) -> Any:
    """The pattern of the names of several files: a scalar string tensor.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(sharded_filespec("model", 3)))
    b'model-?????-of-00003'
    """
    return emit("ShardedFilespec", basename, num_shards, name=name)
