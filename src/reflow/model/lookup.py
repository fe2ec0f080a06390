"""Lookup tables that are filled once: from tensors or from the lines of a text file."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from reflow.base import dtypes
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import (
    GraphKeys,
    add_to_collection,
    convert_to_tensor,
    device,
    emit,
    init_scope,
    name_scope,
)
from reflow.graph.node import Operation, Tensor
from reflow.ops.lookup import LINE_NUMBER, WHOLE_LINE

# Interfaces


class LookupInterface:
    """A map from keys to values that a session keeps.

    Args:
        key_dtype, value_dtype: the types of the keys and the values.
    """

    _resource_handle: Any = None

    def __init__(self, key_dtype: Any, value_dtype: Any) -> None:
        self._key_dtype = dtypes.as_dtype(key_dtype)
        self._value_dtype = dtypes.as_dtype(value_dtype)

    @property
    def key_dtype(self) -> dtypes.DType:
        """The type of the keys."""
        return self._key_dtype

    @property
    def value_dtype(self) -> dtypes.DType:
        """The type of the values."""
        return self._value_dtype

    @property
    def resource_handle(self) -> Any:
        """The tensor that stands for the table in the graph; None when there is no table behind this one."""
        return self._resource_handle

    @property
    def name(self) -> Any:
        """The name of the table."""
        raise NotImplementedError

    def size(self, name: str | None = None) -> Tensor:
        """How many entries there are, an int64 scalar."""
        raise NotImplementedError

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of `keys`."""
        raise NotImplementedError

    def _require_keys(self, keys: Any) -> None:
        if keys.dtype.base_dtype != self._key_dtype:
            raise TypeError(f"Signature mismatch. Keys must be dtype {self._key_dtype}, got {keys.dtype}.")


class TableInitializerBase:
    """What fills a table; derived classes define `initialize(table)`, which returns an operation."""

    _shared_name = ""

    def __init__(self, key_dtype: Any, value_dtype: Any) -> None:
        self._key_dtype = dtypes.as_dtype(key_dtype)
        self._value_dtype = dtypes.as_dtype(value_dtype)

    @property
    def key_dtype(self) -> dtypes.DType:
        """The type of the keys."""
        return self._key_dtype

    @property
    def value_dtype(self) -> dtypes.DType:
        """The type of the values."""
        return self._value_dtype

    def initialize(self, table: LookupInterface) -> Operation:
        """The operation that fills `table`."""
        raise NotImplementedError

    def _check(self, table: LookupInterface) -> None:
        if self._key_dtype.base_dtype != table.key_dtype:
            raise TypeError(f"Invalid key dtype, expected {table.key_dtype} but got {self._key_dtype}.")
        if self._value_dtype.base_dtype != table.value_dtype:
            raise TypeError(f"Invalid value dtype, expected {table.value_dtype} but got {self._value_dtype}.")


def of_values(function: Callable[..., Any], keys: Any) -> Any:
    """`function` of a tensor, or of the values of a `SparseTensor`."""
    if isinstance(keys, SparseTensor):
        return SparseTensor(keys.indices, function(keys.values), keys.dense_shape)
    return function(keys)


# Tables


class InitializableLookupTableBase(LookupInterface):
    """A table with a default value that an initializer fills; derived classes define `_create_resource`."""

    _name = "hash_table"
    _shared_name: str | None = None

    def __init__(self, default_value: Any, initializer: TableInitializerBase) -> None:
        super().__init__(initializer.key_dtype, initializer.value_dtype)
        self._initializer = initializer
        self._default_value = convert_to_tensor(default_value, self._value_dtype)
        self._default_value.shape.merge_with(())
        with init_scope():
            self._resource_handle = self._create_resource()
        self._table_name: str = self._resource_handle.op.name.split("/")[-1]
        self._init_op = self._initialize()

    def _create_resource(self) -> Tensor:
        return emit(  # type: ignore[no-any-return]
            "HashTableV2",
            shared_name=self._shared_name or "",
            key_dtype=self._key_dtype,
            value_dtype=self._value_dtype,
            name=self._name,
        )

    def _initialize(self) -> Operation:
        return self._initializer.initialize(self)

    @property
    def initializer(self) -> Operation:
        """The operation that fills the table; `tf.tables_initializer()` runs it too."""
        return self._init_op

    @property
    def name(self) -> str:
        return self._table_name

    @property
    def default_value(self) -> Tensor:
        """The value of keys that are not in the table."""
        return self._default_value

    def size(self, name: str | None = None) -> Tensor:
        with name_scope(name, f"{self.name}_Size", [self.resource_handle]):
            return emit("LookupTableSizeV2", self.resource_handle)  # type: ignore[no-any-return]

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The values of `keys`, a tensor or `SparseTensor`; the default value for those that are missing.

        TypeError when `keys` are of another type; FailedPreconditionError in a run of a table not yet filled.
        """
        self._require_keys(keys)

        def find(keys: Tensor) -> Tensor:
            parts = self.resource_handle, keys, self._default_value
            with name_scope(name, f"{self.name}_Lookup", parts):
                values = emit("LookupTableFindV2", *parts)
            values.set_shape(keys.shape)
            return values  # type: ignore[no-any-return]

        return of_values(find, keys)

    def _exported(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        types = {"Tkeys": self._key_dtype, "Tvalues": self._value_dtype}
        keys, values = emit("LookupTableExportV2", self.resource_handle, name=name, **types)
        values.set_shape(keys.shape.concatenate(self._default_value.shape))
        return keys, values


InitializableLookupTableBaseV1 = InitializableLookupTableBase


class StaticHashTable(InitializableLookupTableBase):
    """A table that is filled once, by `initializer`.

    Args:
        initializer: a `KeyValueTensorInitializer` or `TextFileInitializer`.
        default_value: the value of keys that are missing, a scalar.
        name: the name of the table.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     init = tf.lookup.KeyValueTensorInitializer(["a", "b"], [1, 2])
    ...     table = tf.lookup.StaticHashTable(init, -1)
    ...     sess.run(tf.tables_initializer())
    ...     print(sess.run(table.lookup(tf.constant(["b", "c"]))))
    [ 2 -1]
    """

    def __init__(
        self, initializer: TableInitializerBase, default_value: Any, name: str | None = None
    ) -> None:
        self._shared_name = initializer._shared_name or f"hash_table_{uuid.uuid4()}"
        self._name = name or "hash_table"
        super().__init__(default_value, initializer)

    def export(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """All keys and values."""
        with name_scope(name, f"{self.name}_Export", [self.resource_handle]):
            return self._exported()


class HashTable(StaticHashTable):
    """A `StaticHashTable` whose initializer is called `init` too."""

    @property
    def init(self) -> Operation:
        """The operation that fills the table."""
        return self.initializer


# Initializers


class KeyValueTensorInitializer(TableInitializerBase):
    """Fills a table with `keys` and `values`, two tensors (or lists) of one length.

    FailedPreconditionError in a run when a key comes twice with different values.
    """

    def __init__(
        self, keys: Any, values: Any, key_dtype: Any = None, value_dtype: Any = None, name: str | None = None
    ) -> None:
        self._keys = convert_to_tensor(keys, key_dtype, name="keys")
        self._values = convert_to_tensor(values, value_dtype, name="values")
        self._name = "key_value_init" if name is None else name
        super().__init__(self._keys.dtype, self._values.dtype)

    def initialize(self, table: LookupInterface) -> Operation:
        self._check(table)
        parts = table.resource_handle, self._keys, self._values
        with name_scope(self._name, values=parts):
            operation: Operation = emit("LookupTableImportV2", *parts)
        add_to_collection(GraphKeys.TABLE_INITIALIZERS, operation)
        return operation


class TextFileIndex:
    """What stands for a column of a text file: the whole line, or its number from 0 on."""

    WHOLE_LINE = WHOLE_LINE
    LINE_NUMBER = LINE_NUMBER


class TextFileInitializer(TableInitializerBase):
    """Fills a table from a text file: each line has a key and a value.

    Args:
        filename: the file, a string or scalar string tensor.
        key_dtype, value_dtype: the types of the keys and values.
        key_index, value_index: the columns that they are in: numbers from 0 on, or those of `TextFileIndex`.
        vocab_size: how many lines to read; all if not given.
        delimiter: what parts the columns.

    ValueError for columns that do not fit the types. In a run, NotFoundError when there is no file, and
    InvalidArgumentError for lines that are empty, short or of wrong type.
    """

    def __init__(
        self,
        filename: Any,
        key_dtype: Any,
        key_index: int,
        value_dtype: Any,
        value_index: int,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = None,
    ) -> None:
        super().__init__(key_dtype, value_dtype)
        if not isinstance(filename, Tensor) and not filename:
            raise ValueError(f"Filename required for {name}.")
        _check_column("key", "Keys", key_index, self._key_dtype)
        _check_column("value", "Values", value_index, self._value_dtype)
        if vocab_size is not None and vocab_size <= 0:
            raise ValueError(f"Invalid vocab_size {vocab_size}.")
        self._key_index, self._value_index = key_index, value_index
        self._vocab_size, self._delimiter, self._name = vocab_size, delimiter, name
        limit = "" if vocab_size is None else f"{vocab_size}_"
        self._shared_name = f"hash_table_{filename}_{limit}{key_index}_{value_index}"
        with init_scope(), device("/device:CPU:*"):
            self._path = convert_to_tensor(filename, dtypes.string, name="asset_path")
        add_to_collection(GraphKeys.ASSET_FILEPATHS, self._path)

    def initialize(self, table: LookupInterface) -> Operation:
        self._check(table)
        with name_scope(self._name, "text_file_init", [table.resource_handle]):
            operation: Operation = emit(
                "InitializeTableFromTextFileV2",
                table.resource_handle,
                self._path,
                key_index=self._key_index,
                value_index=self._value_index,
                vocab_size=-1 if self._vocab_size is None else self._vocab_size,
                delimiter=self._delimiter,
            )
        add_to_collection(GraphKeys.TABLE_INITIALIZERS, operation)
        return operation


def _check_column(kind: str, what: str, column: int, dtype: dtypes.DType) -> None:
    """ValueError when values of `dtype` cannot be in a column."""
    if column < WHOLE_LINE:
        raise ValueError(f"Invalid {kind} index {column}.")
    if column == LINE_NUMBER and dtype != dtypes.int64:
        raise ValueError(f"Signature mismatch. {what} must be dtype {dtypes.int64}, got {dtype}.")
    if column == WHOLE_LINE and dtype != dtypes.string and not (kind == "key" and dtype.is_integer):
        wanted = "integer or string" if kind == "key" else f"dtype {dtypes.string}"
        raise ValueError(f"Signature mismatch. {what} must be {wanted}, got {dtype}.")


class TextFileStringTableInitializer(TextFileInitializer):
    """Fills a table from int64 keys (by default the lines' numbers) to strings (by default the lines)."""

    def __init__(
        self,
        filename: Any,
        key_column_index: int = LINE_NUMBER,
        value_column_index: int = WHOLE_LINE,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = "text_file_string_table_init",
    ) -> None:
        columns = dtypes.int64, key_column_index, dtypes.string, value_column_index
        super().__init__(filename, *columns, vocab_size=vocab_size, delimiter=delimiter, name=name)


class TextFileIdTableInitializer(TextFileInitializer):
    """Fills a table from keys, by default the lines, to int64 values, by default the numbers of the lines."""

    def __init__(
        self,
        filename: Any,
        key_column_index: int = WHOLE_LINE,
        value_column_index: int = LINE_NUMBER,
        vocab_size: int | None = None,
        delimiter: str = "\t",
        name: str | None = "text_file_id_table_init",
        key_dtype: Any = dtypes.string,
    ) -> None:
        columns = key_dtype, key_column_index, dtypes.int64, value_column_index
        super().__init__(filename, *columns, vocab_size=vocab_size, delimiter=delimiter, name=name)
