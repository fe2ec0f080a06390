"""`tf.contrib.lookup`: tables that change while a program runs, and older names of the functions."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    colocate_with,
    convert_to_tensor,
    emit,
    name_scope,
)
from reflow.graph.node import Operation, Tensor
from reflow.model import vocabulary
from reflow.model.lookup import (
    InitializableLookupTableBase,
    LookupInterface,
    StaticHashTable,
    TableInitializerBase,
)
from reflow.model.vocabulary import FastHashSpec, HasherSpec
from reflow.train.saveable import SaveableObject, SaveSpec

# Tables that change


class _TableSaveable(SaveableObject):
    """A table as its keys and values in a checkpoint."""

    def __init__(self, table: _ChangingTable, name: str) -> None:
        keys, values = table.export()
        specs = [SaveSpec(keys, "", name + "-keys"), SaveSpec(values, "", name + "-values")]
        super().__init__(table, specs, name)

    def restore(self, restored_tensors: list[Any], restored_shapes: Any, name: str | None = None) -> Any:
        """The operation that replaces the table's entries by those of a checkpoint."""
        with name_scope(name, f"{self.name}_table_restore"), colocate_with(self.op.resource_handle):
            return emit("LookupTableImportV2", self.op.resource_handle, *restored_tensors)


class _ChangingTable(LookupInterface):
    """What tables that change have in common; derived classes make the handle in `_create_resource`."""

    def __init__(
        self, key_dtype: Any, value_dtype: Any, default_value: Tensor, name: str, checkpoint: bool
    ) -> None:
        super().__init__(key_dtype, value_dtype)
        self._default_value, self._name, self._checkpoint = default_value, name, checkpoint
        self._resource_handle = self._create_resource()
        self._table_name: str = self._resource_handle.op.name.split("/")[-1]
        if checkpoint:
            add_to_collection(GraphKeys.SAVEABLE_OBJECTS, _TableSaveable(self, name))

    def _create_resource(self) -> Tensor:
        raise NotImplementedError

    @property
    def name(self) -> str:
        return self._table_name

    def size(self, name: str | None = None) -> Tensor:
        handle = self.resource_handle
        with name_scope(name, f"{self.name}_Size", [handle]), colocate_with(handle):
            return emit("LookupTableSizeV2", handle)  # type: ignore[no-any-return]

    def lookup(self, keys: Any, name: str | None = None) -> Tensor:
        """The values of `keys`; the default value for those that are missing."""
        handle = self.resource_handle
        with name_scope(name, f"{self.name}_lookup_table_find", [handle, keys, self._default_value]):
            keys = convert_to_tensor(keys, self._key_dtype, name="keys")
            with colocate_with(handle):
                return emit("LookupTableFindV2", handle, keys, self._default_value)  # type: ignore[no-any-return]

    def insert(self, keys: Any, values: Any, name: str | None = None) -> Operation:
        """The operation that puts entries in; values of keys that are there already are replaced."""
        handle = self.resource_handle
        with name_scope(name, f"{self.name}_lookup_table_insert", [handle, keys, values]):
            keys = convert_to_tensor(keys, self._key_dtype, name="keys")
            values = convert_to_tensor(values, self._value_dtype, name="values")
            with colocate_with(handle):
                return emit("LookupTableInsertV2", handle, keys, values)  # type: ignore[no-any-return]

    def remove(self, keys: Any, name: str | None = None) -> Operation:
        """The operation that removes the entries of `keys`, where there are any; TypeError for other keys."""
        if keys.dtype != self._key_dtype:
            raise TypeError(f"Signature mismatch. Keys must be dtype {self._key_dtype}, got {keys.dtype}.")
        handle = self.resource_handle
        with name_scope(name, f"{self.name}_lookup_table_remove", [handle, keys, self._default_value]):
            return emit("LookupTableRemoveV2", handle, keys)  # type: ignore[no-any-return]

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """All keys and values, in one order."""
        handle = self.resource_handle
        with name_scope(name, f"{self.name}_lookup_table_export_values", [handle]), colocate_with(handle):
            types: dict[str, Any] = {"Tkeys": self._key_dtype, "Tvalues": self._value_dtype}
            keys, values = emit("LookupTableExportV2", handle, **types)
            return keys, values


class MutableHashTable(_ChangingTable):
    """A table that can be changed while a program runs.

    Args:
        key_dtype, value_dtype: the types of the keys, scalars, and of the values.
        default_value: the value of keys that are missing; its shape is that of all values.
        checkpoint: whether a `Saver` of all variables saves the table too.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     table = tf.contrib.lookup.MutableHashTable(tf.string, tf.int64, -1)
    ...     sess.run(table.insert(["a", "b"], [1, 2]))
    ...     print(sess.run(table.lookup(["b", "c"])))
    [ 2 -1]
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        name: str = "MutableHashTable",
        checkpoint: bool = True,
    ) -> None:
        default = convert_to_tensor(default_value, value_dtype)
        super().__init__(key_dtype, value_dtype, default, name, checkpoint)

    def _create_resource(self) -> Tensor:
        kind, attrs = "MutableHashTableV2", {}
        if self._default_value.shape.ndims != 0:
            kind, attrs = "MutableHashTableOfTensorsV2", {"value_shape": self._default_value.shape}
        return emit(  # type: ignore[no-any-return]
            kind,
            use_node_name_sharing=self._checkpoint,
            key_dtype=self._key_dtype,
            value_dtype=self._value_dtype,
            name=self._name,
            **attrs,
        )


class DenseHashTable(_ChangingTable):
    """A `MutableHashTable` whose keys may be tensors; two keys mark free places and may not be used.

    Args:
        empty_key, deleted_key: the two keys, of the shape of all keys.
        initial_num_buckets: accepted; the table grows as it needs to.
    """

    def __init__(
        self,
        key_dtype: Any,
        value_dtype: Any,
        default_value: Any,
        empty_key: Any,
        deleted_key: Any,
        initial_num_buckets: int | None = None,
        name: str = "MutableDenseHashTable",
        checkpoint: bool = True,
    ) -> None:
        default = convert_to_tensor(default_value, value_dtype, name="default_value")
        self._empty_key = convert_to_tensor(empty_key, key_dtype, name="empty_key")
        self._deleted_key = convert_to_tensor(deleted_key, key_dtype, name="deleted_key")
        self._buckets = {} if initial_num_buckets is None else {"initial_num_buckets": initial_num_buckets}
        super().__init__(key_dtype, value_dtype, default, name, checkpoint)

    def _create_resource(self) -> Tensor:
        return emit(  # type: ignore[no-any-return]
            "MutableDenseHashTableV2",
            self._empty_key,
            self._deleted_key,
            use_node_name_sharing=self._checkpoint,
            value_dtype=self._value_dtype,
            value_shape=self._default_value.shape,
            name=self._name,
            **self._buckets,
        )

    def insert_or_assign(self, keys: Any, values: Any, name: str | None = None) -> Operation:
        """The same as `insert`."""
        return self.insert(keys, values, name)

    def erase(self, keys: Any, name: str | None = None) -> Operation:
        """The same as `remove`."""
        return self.remove(keys, name)


# The names of tf.contrib.lookup


class HashTable(InitializableLookupTableBase):
    """A table that is filled once, by `initializer`; tables with one `shared_name` are the same.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     init = tf.contrib.lookup.KeyValueTensorInitializer(["a"], [1])
    ...     table = tf.contrib.lookup.HashTable(init, -1)
    ...     sess.run(table.init)
    ...     print(sess.run(table.lookup(tf.constant(["a", "b"]))))
    [ 1 -1]
    """

    def __init__(
        self,
        initializer: TableInitializerBase,
        default_value: Any,
        shared_name: str | None = None,
        name: str | None = None,
    ) -> None:
        self._shared_name, self._name = shared_name, name or "hash_table"
        super().__init__(default_value, initializer)

    @property
    def init(self) -> Operation:
        """The operation that fills the table."""
        return self.initializer

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """All keys and values."""
        with name_scope(name, f"{self.name}_Export", [self.resource_handle]) as scope:
            return self._exported(scope)


def string_to_index_table_from_file(
    vocabulary_file: Any = None,
    num_oov_buckets: int = 0,
    vocab_size: int | None = None,
    default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec,
    name: str | None = None,
) -> Any:
    """`index_table_from_file` for strings."""
    return vocabulary.index_table_from_file(
        vocabulary_file, num_oov_buckets, vocab_size, default_value, hasher_spec, dtypes.string, name
    )


def string_to_index_table_from_tensor(
    mapping: Any,
    num_oov_buckets: int = 0,
    default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec,
    name: str | None = None,
) -> Any:
    """`index_table_from_tensor` for strings. ValueError for other elements."""
    with name_scope(name, "string_to_index") as scope:
        mapping = convert_to_tensor(mapping)
    if mapping.dtype.base_dtype != dtypes.string:
        raise ValueError("string_to_index_table_from_tensor requires string.")
    return index_table_from_tensor(mapping, num_oov_buckets, default_value, hasher_spec, name=scope)


def index_table_from_tensor(
    mapping: Any,
    num_oov_buckets: int = 0,
    default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec,
    dtype: Any = dtypes.string,
    name: str | None = None,
) -> Any:
    """`index_table_from_tensor` of `reflow.model.vocabulary`, where `mapping` is called `vocabulary_list`."""
    if mapping is None:
        raise ValueError("mapping must be specified.")
    return vocabulary.index_table_from_tensor(
        mapping, num_oov_buckets, default_value, hasher_spec, dtype, name
    )


def string_to_index(tensor: Any, mapping: Any, default_value: int = -1, name: str | None = None) -> Any:
    """The number of each element of `tensor` in the vector `mapping`, int64.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     ids = tf.contrib.lookup.string_to_index(tf.constant(["b", "x"]), ["a", "b"])
    ...     sess.run(tf.tables_initializer())
    ...     print(sess.run(ids))
    [ 1 -1]
    """
    return index_table_from_tensor(mapping, default_value=default_value, name=name).lookup(tensor)


def index_to_string_table_from_tensor(
    mapping: Any, default_value: str = "UNK", name: str | None = None
) -> StaticHashTable:
    """`index_to_string_table_from_tensor` of `reflow.model.vocabulary`, `mapping` being its vector."""
    if mapping is None:
        raise ValueError("mapping must be specified.")
    return vocabulary.index_to_string_table_from_tensor(mapping, default_value, name)


def index_to_string(tensor: Any, mapping: Any, default_value: str = "UNK", name: str | None = None) -> Any:
    """The element of the vector `mapping` at each number in `tensor`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     names = tf.contrib.lookup.index_to_string(tf.constant([1, 9], tf.int64), ["a", "b"])
    ...     sess.run(tf.tables_initializer())
    ...     print(*sess.run(names))
    b'b' b'UNK'
    """
    return index_to_string_table_from_tensor(mapping, default_value, name).lookup(tensor)
