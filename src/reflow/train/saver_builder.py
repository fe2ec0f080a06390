"""The nodes of a Saver: what writes a checkpoint, and what reads one back into the variables."""

from __future__ import annotations

import uuid
from typing import Any

from reflow.base import protos
from reflow.graph.device import DeviceSpec
from reflow.graph.graph import constant, control_dependencies, device, get_default_graph, name_scope
from reflow.model.partitioned import PartitionedVariable
from reflow.ops import saving
from reflow.ops.array import identity, placeholder_with_default, shape
from reflow.ops.control import group, with_dependencies
from reflow.ops.strings import string_join
from reflow.train.saveable import (
    ReferenceVariableSaveable,
    ResourceVariableSaveable,
    SaveableObject,
    SaveSpec,
    all_saveables,
    on_cpu,
)

V1, V2 = 1, 2  # SaverDef's format versions
Saveables = list[SaveableObject]
Shards = list[tuple[str, Saveables]]  # devices, each with what is on it


class BaseSaverBuilder:
    """Builds the nodes of a Saver, with a restoring op for each tensor. Derive to make other nodes.

    Args:
        write_version: `tf.train.SaverDef.V2`, or `V1` for checkpoints of the older format.
    """

    VariableSaveable = ReferenceVariableSaveable
    ResourceVariableSaveable = ResourceVariableSaveable

    def __init__(self, write_version: int = V2) -> None:
        self._write_version = write_version

    # Parts that may be overridden

    def save_op(self, filename_tensor: Any, saveables: Saveables) -> Any:
        """The operation that writes the tensors of `saveables` to a file.

        RuntimeError for an unknown write version.
        """
        rows = [(s.name, s.tensor, s.slice_spec) for saveable in saveables for s in saveable.specs]
        names, tensors, slices = ([row[i] for row in rows] for i in range(3))
        if self._write_version == V1:
            return saving.save(filename_tensor, names, tensors, slices)
        if self._write_version == V2:
            return saving.save_v2(filename_tensor, names, slices, tensors)
        raise RuntimeError(f"Unexpected write_version: {self._write_version}")

    def restore_op(self, filename_tensor: Any, saveable: Any, preferred_shard: int) -> list[Any]:
        """The tensors of one saveable object, as read from a file."""
        return [
            saving.restore_v2(filename_tensor, [s.name], [s.slice_spec], [_base(s.dtype)])[0]
            for s in saveable.specs
        ]

    def bulk_restore(
        self,
        filename_tensor: Any,
        saveables: Saveables,
        preferred_shard: int,
        restore_sequentially: bool,
    ) -> list[Any]:
        """The tensors of all saveable objects, as read from a file."""
        found: list[Any] = []
        for saveable in saveables:
            with device(on_cpu(saveable.device) if saveable.device else None):
                found.extend(self.restore_op(filename_tensor, saveable, preferred_shard))
        return found

    def sharded_filename(self, filename_tensor: Any, shard: int, num_shards: Any) -> Any:
        """The name of one of several files, as a tensor."""
        return saving.sharded_filename(filename_tensor, shard, num_shards)

    # Saving

    def _save(self, filename: Any, saveables: Saveables) -> Any:
        """The filename, once the file is written."""
        return with_dependencies([self.save_op(filename, saveables)], filename)

    def _save_shards(self, filename: Any, shards: Shards) -> Any:
        """The checkpoint's name, once each device's variables are in a file of their own."""
        if self._write_version == V2:
            return self._save_shards_v2(filename, shards)
        count = constant(len(shards), name="num_shards")
        written = []
        for shard, (place, saveables) in enumerate(shards):
            with device(place):
                written.append(self._save(self.sharded_filename(filename, shard, count), saveables))
        with control_dependencies([w.op for w in written]):
            return saving.sharded_filespec(filename, count)

    def _save_shards_v2(self, prefix: Any, shards: Shards) -> Any:
        """Each shard is first a checkpoint in a folder of its own; then they are made one."""
        beside = string_join([prefix, f"_temp_{uuid.uuid4().hex}/part"])
        count = constant(len(shards), name="num_shards")
        names, written = [], []
        for shard, (place, saveables) in enumerate(shards):
            with device(on_cpu(place)):
                names.append(self.sharded_filename(beside, shard, count))
                written.append(self._save(names[-1], saveables))
        with control_dependencies([w.op for w in written]), device(on_cpu(shards[-1][0])):
            merged = saving.merge_v2_checkpoints(names, prefix, delete_old_dirs=True)
            with control_dependencies([merged]):
                return identity(prefix)

    # Restoring

    def _restore(
        self,
        filename: Any,
        saveables: Saveables,
        restore_sequentially: bool,
        reshape: bool,
        preferred_shard: int = -1,
        name: str = "restore_all",
    ) -> Any:
        """The operation that reads the file into the variables."""
        tensors = iter(self.bulk_restore(filename, saveables, preferred_shard, restore_sequentially))
        assigned = []
        for saveable in saveables:
            shapes = [_shape_of(spec.tensor) for spec in saveable.specs] if reshape else None
            assigned.append(saveable.restore([next(tensors) for _ in saveable.specs], shapes))
        return group(*assigned, name=name)

    def _restore_shards(
        self,
        filename: Any,
        shards: Shards,
        restore_sequentially: bool,
        reshape: bool,
    ) -> Any:
        parts = []
        for shard, (place, saveables) in enumerate(shards):
            with device(place):
                parts.append(
                    self._restore(filename, saveables, restore_sequentially, reshape, shard, "restore_shard")
                )
        return group(*parts, name="restore_all")

    def _by_device(self, saveables: Saveables) -> Shards:
        """Devices in order, each with its saveable objects. ValueError when an object is on several."""
        found: dict[str, Saveables] = {}
        for saveable in saveables:
            places = {DeviceSpec.from_string(s.tensor.device).to_string() for s in saveable.specs}
            if len(places) != 1:
                raise ValueError(
                    f"All tensors of a saveable object must be on the same device: {saveable.name}"
                )
            found.setdefault(places.pop(), []).append(saveable)
        return sorted(found.items(), key=lambda row: row[0])

    # All of it

    def build(
        self,
        names_to_saveables: Any,
        reshape: bool = False,
        sharded: bool = False,
        max_to_keep: int | None = 5,
        keep_checkpoint_every_n_hours: float = 10000.0,
        name: str | None = None,
        restore_sequentially: bool = False,
        filename: str | None = "model",
    ) -> Any:
        """Make the nodes in the default graph; returns a SaverDef that names them.

        The arguments are those of `tf.train.Saver`, `names_to_saveables` being its `var_list`. Raises
        TypeError for what cannot be saved, ValueError for names that are not unique.
        """
        saveables = all_saveables(names_to_saveables)
        with name_scope(name, "save", [s.op for s in saveables]):
            path = placeholder_with_default(filename or "model", shape=(), name="filename")
            path = placeholder_with_default(path, shape=(), name="Const")
            if sharded:
                shards = self._by_device(saveables)
                saved = self._save_shards(path, shards)
                restored = self._restore_shards(path, shards, restore_sequentially, reshape)
            else:
                saved = self._save(path, saveables)
                restored = self._restore(path, saveables, restore_sequentially, reshape)
        _add_whole_variables()
        return protos.SaverDef(
            filename_tensor_name=path.name,
            save_tensor_name=saved.name,
            restore_op_name=restored.name,
            max_to_keep=max_to_keep or 0,
            sharded=sharded,
            keep_checkpoint_every_n_hours=keep_checkpoint_every_n_hours,
            version=self._write_version,
        )

    _build_internal = build


# Under the names that programs know them by; set here so that the names above mean the classes.
BaseSaverBuilder.SaveSpec = SaveSpec  # type: ignore[attr-defined]
BaseSaverBuilder.SaveableObject = SaveableObject  # type: ignore[attr-defined]


class BulkSaverBuilder(BaseSaverBuilder):
    """Builds the nodes of a Saver, with one op that restores all tensors: the default."""

    def bulk_restore(
        self,
        filename_tensor: Any,
        saveables: Saveables,
        preferred_shard: int,
        restore_sequentially: bool,
    ) -> list[Any]:
        specs = [s for saveable in saveables for s in saveable.specs]
        with device("cpu:0"):
            found: list[Any] = saving.restore_v2(
                filename_tensor,
                [s.name for s in specs],
                [s.slice_spec for s in specs],
                [_base(s.dtype) for s in specs],
            )
            return found


def _base(dtype: Any) -> Any:
    return dtype.base_dtype


def _shape_of(tensor: Any) -> Any:
    known = tensor.get_shape()
    return known if known.is_fully_defined() else shape(tensor)


def _add_whole_variables() -> None:
    """Make the node of each partitioned variable in a collection, by which exported collections name it."""
    graph = get_default_graph()
    for key in graph.get_all_collection_keys():
        for item in graph.get_collection(key):
            if isinstance(item, PartitionedVariable) and item.name not in graph._by_name:
                item.as_tensor()
