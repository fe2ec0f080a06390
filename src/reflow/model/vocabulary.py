"""Tables of vocabularies: ids of words, words of ids, and hash buckets for words that have no id."""

from __future__ import annotations

from typing import Any, NamedTuple

from reflow.base import dtypes
from reflow.graph.graph import constant_value, convert_to_tensor, emit, name_scope
from reflow.graph.node import Operation, Tensor
from reflow.model.lookup import (
    HashTable,
    KeyValueTensorInitializer,
    LookupInterface,
    StaticHashTable,
    TableInitializerBase,
    TextFileIdTableInitializer,
    TextFileStringTableInitializer,
    of_values,
)
from reflow.ops import blocks, strings
from reflow.ops.control import no_op
from reflow.ops.lookup import LINE_NUMBER, WHOLE_LINE
from reflow.ops.sequences import range as numbers

# Tables with buckets for keys that are missing


class HasherSpec(NamedTuple):
    """How keys that are missing are hashed: "fasthash", "legacy" or "stronghash", and the latter's key."""

    hasher: str
    key: Any


FastHashSpec = HasherSpec("fasthash", None)


class StrongHashSpec(HasherSpec):
    """A keyed hash; the key is two integers. ValueError or TypeError when it is not."""

    def __new__(cls, key: Any) -> StrongHashSpec:
        if len(key) != 2:
            raise ValueError(f"key must have size 2, got {len(key)}.")
        if not all(isinstance(k, int) for k in key):
            raise TypeError(f"Invalid key {key}. Must be unsigned integer values.")
        return super().__new__(cls, "stronghash", key)


def _bucket(spec: HasherSpec, keys: Tensor, count: int) -> Tensor:
    """The bucket of each key, by its text."""
    texts = keys if keys.dtype.base_dtype == dtypes.string else strings.as_string(keys)
    if spec.hasher == "fasthash":
        return strings.string_to_hash_bucket_fast(texts, num_buckets=count, name="hash_bucket")
    if spec.hasher == "legacy":
        return strings.string_to_hash_bucket(texts, num_buckets=count, name="hash_bucket")
    if spec.hasher == "stronghash":
        return strings.string_to_hash_bucket_strong(texts, count, key=spec.key, name="hash_bucket")
    raise ValueError(f"Unknown hasher {spec.hasher}")


class _BucketedTable(LookupInterface):
    """Ids of a table and, for keys that it does not have, of buckets after them."""

    _table: Any
    _num_oov_buckets: int
    _hasher_spec = FastHashSpec

    def __init__(self, table: Any, key_dtype: Any, name: str | None) -> None:
        key_dtype = dtypes.as_dtype(key_dtype)
        if not key_dtype.is_integer and key_dtype != dtypes.string:
            raise TypeError(f"Invalid key_dtype, expected integer or string, got {key_dtype}.")
        super().__init__(key_dtype, dtypes.int64)
        self._table = table
        self._table_name = name.split("/")[-1] if name else None

    @property
    def resource_handle(self) -> Any:
        return None if self._table is None else self._table.resource_handle

    @property
    def name(self) -> str | None:
        return self._table_name

    @property
    def initializer(self) -> Operation:
        """The operation that fills the table; one that does nothing when there is none."""
        if self._table is not None:
            return self._table.initializer  # type: ignore[no-any-return]
        with name_scope(None, "init"):
            return no_op()

    @property
    def init(self) -> Operation:
        """The older name of `initializer`."""
        return self.initializer

    def size(self, name: str | None = None) -> Tensor:
        """How many ids there are, those of the buckets included."""
        with name_scope(name, f"{self.name}_Size"):
            own = convert_to_tensor(0, dtypes.int64) if self._table is None else self._table.size()
            return own + self._num_oov_buckets  # type: ignore[no-any-return]

    def lookup(self, keys: Any, name: str | None = None) -> Any:
        """The ids of `keys`, a tensor or `SparseTensor`, int64. TypeError when they are of another type."""
        self._require_keys(keys)
        return of_values(lambda values: self._ids(values, name), keys)

    def _ids(self, keys: Tensor, name: str | None) -> Tensor:
        if self._table is not None and self._table.key_dtype == dtypes.int64:
            keys = blocks.cast(keys, dtypes.int64)
        if self._num_oov_buckets == 0:
            return self._table.lookup(keys, name=name)  # type: ignore[no-any-return]
        with name_scope(name, f"{self.name}_Lookup"):
            buckets = _bucket(self._hasher_spec, keys, self._num_oov_buckets)
            if self._table is None:
                return buckets
            ids = self._table.lookup(keys)
            buckets = emit("Add", buckets, self._table.size())
            known = emit("NotEqual", ids, self._table.default_value)
            return emit("SelectV2", known, ids, buckets)  # type: ignore[no-any-return]


def _check_id_types(source: Any, key_dtype: Any) -> None:
    """TypeError unless `source`, a table or initializer, maps keys like `key_dtype` to int64."""
    if source.key_dtype not in (dtypes.int64, dtypes.string):
        wanted = (dtypes.int64, dtypes.string)
        raise TypeError(f"Invalid key dtype, expected one of {wanted}, but got {source.key_dtype}.")
    if source.key_dtype.is_integer != dtypes.as_dtype(key_dtype).is_integer:
        kind = "integer" if dtypes.as_dtype(key_dtype).is_integer else "non-integer"
        raise TypeError(f"Invalid key dtype, expected {kind} but got {source.key_dtype}.")
    if source.value_dtype != dtypes.int64:
        raise TypeError(f"Invalid value dtype, expected {dtypes.int64} but got {source.value_dtype}.")


class IdTableWithHashBuckets(_BucketedTable):
    """The ids of a table, and hash buckets for the keys that it does not have.

    Args:
        table: a table from strings or int64 to int64 ids from 0 on; None for buckets only.
        num_oov_buckets: how many buckets there are; their ids come after those of the table.
        hasher_spec: `FastHashSpec` or a `StrongHashSpec`.
        key_dtype: the type of the keys; the table's (or string) if not given.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     table = IdTableWithHashBuckets(None, 5)
    ...     print(sess.run(table.lookup(tf.constant(["a", "b", "a"]))))
    [4 2 4]
    """

    def __init__(
        self,
        table: Any,
        num_oov_buckets: int,
        hasher_spec: HasherSpec = FastHashSpec,
        name: str | None = None,
        key_dtype: Any = None,
    ) -> None:
        name = name.rstrip("/") if name else name
        if table:
            key_dtype = table.key_dtype if key_dtype is None else key_dtype
            _check_id_types(table, key_dtype)
            name = name or table.name
        elif num_oov_buckets <= 0:
            raise ValueError("oov_buckets must be > 0 if no table is supplied.")
        if not isinstance(hasher_spec, HasherSpec):
            raise TypeError(f"hasher_spec must be of type HasherSpec, got {hasher_spec}")
        self._num_oov_buckets = num_oov_buckets
        self._hasher_spec = hasher_spec
        own_dtype = dtypes.string if key_dtype is None else key_dtype
        super().__init__(table or None, own_dtype, name or "hash_bucket")


class StaticVocabularyTable(_BucketedTable):
    """The ids of the entries of an initializer, and hash buckets for other keys.

    Args:
        initializer: fills the table with strings or int64 and their int64 ids; None for buckets only.
        num_oov_buckets: how many buckets there are; their ids come after the table's.
        lookup_key_dtype: the type of the keys to look up; the initializer's if not given.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     init = tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], tf.int64))
    ...     table = tf.lookup.StaticVocabularyTable(init, 3)
    ...     sess.run(tf.tables_initializer())
    ...     print(sess.run(table.lookup(tf.constant(["b", "z"]))))
    [1 3]
    """

    def __init__(
        self,
        initializer: TableInitializerBase | None,
        num_oov_buckets: int,
        lookup_key_dtype: Any = None,
        name: str | None = None,
    ) -> None:
        if num_oov_buckets <= 0:
            raise ValueError("oov_buckets must be > 0.")
        name = name.rstrip("/") if name else name
        table = None
        if initializer:
            lookup_key_dtype = initializer.key_dtype if lookup_key_dtype is None else lookup_key_dtype
            _check_id_types(initializer, lookup_key_dtype)
            table = HashTable(initializer, default_value=-1)
            name = name or table.name
        else:
            lookup_key_dtype = dtypes.string
        self._num_oov_buckets = num_oov_buckets
        super().__init__(table, lookup_key_dtype, name or "hash_bucket")


# Functions that make tables


def _check_vocabulary_file(vocabulary_file: Any, vocab_size: int | None) -> None:
    if vocabulary_file is None or isinstance(vocabulary_file, str) and not vocabulary_file:
        raise ValueError("vocabulary_file must be specified and must not be empty.")
    if vocab_size is not None and vocab_size < 1:
        shown = vocabulary_file
        if isinstance(shown, Tensor):
            known = constant_value(shown)
            shown = "?" if known is None else known
        raise ValueError(f"vocab_size must be greater than 0, got {vocab_size}. vocabulary_file: {shown}")


def _check_buckets(num_oov_buckets: int) -> None:
    if num_oov_buckets < 0:
        raise ValueError(f"num_oov_buckets must be greater or equal than 0, got {num_oov_buckets}.")


def _check_key_type(dtype: dtypes.DType) -> None:
    if not dtype.is_integer and dtype.base_dtype != dtypes.string:
        raise TypeError("Only integer and string keys are supported.")


def _bucketed(table: Any, count: int, spec: HasherSpec, dtype: Any) -> Any:
    """The table itself, or with buckets if there are to be any."""
    return IdTableWithHashBuckets(table, count, spec, key_dtype=dtype) if count else table


def index_table_from_file(
    vocabulary_file: Any = None,
    num_oov_buckets: int = 0,
    vocab_size: int | None = None,
    default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec,
    key_dtype: Any = dtypes.string,
    name: str | None = None,
    key_column_index: int = WHOLE_LINE,
    value_column_index: int = LINE_NUMBER,
    delimiter: str = "\t",
) -> Any:
    """A table from the lines of a file to their numbers, int64.

    Args:
        vocabulary_file: the file.
        num_oov_buckets: how many buckets there are for other keys; `default_value` for all of them if 0.
        vocab_size: how many lines to read; all if not given.
        hasher_spec: how the bucket is chosen.
        key_dtype: the type of the keys, string or an integer type.
        key_column_index, value_column_index: the columns of keys and ids, instead.
        delimiter: what parts columns.

    Raises:
        ValueError, TypeError: an argument is not of this kind.
    """
    key_dtype = dtypes.as_dtype(key_dtype)
    _check_vocabulary_file(vocabulary_file, None)
    _check_buckets(num_oov_buckets)
    _check_vocabulary_file(vocabulary_file, vocab_size)
    _check_key_type(key_dtype)
    with name_scope(name, "string_to_index"):
        with name_scope(None, "hash_table"):
            init = TextFileIdTableInitializer(
                vocabulary_file,
                vocab_size=vocab_size,
                key_dtype=dtypes.int64 if key_dtype.is_integer else key_dtype,
                name="table_init",
                key_column_index=key_column_index,
                value_column_index=value_column_index,
                delimiter=delimiter,
            )
            table = StaticHashTable(init, default_value)
        return _bucketed(table, num_oov_buckets, hasher_spec, key_dtype)


def index_table_from_tensor(
    vocabulary_list: Any,
    num_oov_buckets: int = 0,
    default_value: int = -1,
    hasher_spec: HasherSpec = FastHashSpec,
    dtype: Any = dtypes.string,
    name: str | None = None,
) -> Any:
    """A table from the elements of a vector to their numbers, int64; arguments as of `index_table_from_file`.

    Raises:
        ValueError: the elements are not of `dtype`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     table = index_table_from_tensor(["emerson", "lake", "palmer"])
    ...     ids = table.lookup(tf.constant(["lake", "unknown"]))
    ...     sess.run(tf.tables_initializer())
    ...     print(sess.run(ids))
    [ 1 -1]
    """
    dtype = dtypes.as_dtype(dtype)
    if vocabulary_list is None:
        raise ValueError("vocabulary_list must be specified.")
    _check_buckets(num_oov_buckets)
    _check_key_type(dtype)
    with name_scope(name, "string_to_index"):
        keys = convert_to_tensor(vocabulary_list)
        if keys.dtype.is_integer != dtype.is_integer:
            raise ValueError(
                f"Expected {'integer' if dtype.is_integer else 'non-integer'}, got {keys.dtype}."
            )
        if not dtype.is_integer and keys.dtype.base_dtype != dtype:
            raise ValueError(f"Expected {dtype}, got {keys.dtype}.")
        ids = blocks.cast(numbers(blocks.size_of(keys)), dtypes.int64)
        with name_scope(None, "hash_table"):
            own = blocks.cast(keys, dtypes.int64) if keys.dtype.is_integer else keys
            init = KeyValueTensorInitializer(own, ids, own.dtype.base_dtype, dtypes.int64, name="table_init")
            table = StaticHashTable(init, default_value)
        return _bucketed(table, num_oov_buckets, hasher_spec, dtype)


def index_to_string_table_from_file(
    vocabulary_file: Any,
    vocab_size: int | None = None,
    default_value: str = "UNK",
    name: str | None = None,
    key_column_index: int = LINE_NUMBER,
    value_column_index: int = WHOLE_LINE,
    delimiter: str = "\t",
) -> StaticHashTable:
    """A table from int64 numbers to the lines of a file; arguments as of `index_table_from_file`."""
    _check_vocabulary_file(vocabulary_file, vocab_size)
    with name_scope(name, "index_to_string"):
        init = TextFileStringTableInitializer(
            vocabulary_file,
            vocab_size=vocab_size,
            name="table_init",
            key_column_index=key_column_index,
            value_column_index=value_column_index,
            delimiter=delimiter,
        )
        return StaticHashTable(init, default_value)


def index_to_string_table_from_tensor(
    vocabulary_list: Any, default_value: str = "UNK", name: str | None = None
) -> StaticHashTable:
    """A table from int64 numbers to the elements of a vector of strings.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     table = index_to_string_table_from_tensor(["emerson", "lake", "palmer"])
    ...     names = table.lookup(tf.constant([1, 5], tf.int64))
    ...     sess.run(tf.tables_initializer())
    ...     print(*sess.run(names))
    b'lake' b'UNK'
    """
    if vocabulary_list is None:
        raise ValueError("vocabulary_list must be specified.")
    with name_scope(name, "index_to_string"):
        values = convert_to_tensor(vocabulary_list, dtypes.string)
        keys = blocks.cast(numbers(blocks.size_of(values)), dtypes.int64)
        init = KeyValueTensorInitializer(keys, values, dtypes.int64, dtypes.string, name="table_init")
        return StaticHashTable(init, default_value)
