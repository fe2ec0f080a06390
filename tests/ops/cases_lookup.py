"""Lookup tables: static, from files and tensors, mutable, with buckets."""

import os

import numpy as np

from .table import Rows, given, i64, raw, strings

rows = Rows("lookup")
case, error = rows.case, rows.error

FILE = os.path.join(os.path.dirname(__file__), "data", "vocabulary.txt")
COLUMNS = {"key_column_index": 0, "value_column_index": 1}
WORDS = {"k": strings(["b", "z", "a"])}
STATES = "TensorFlow's handles of mutable tables say more in functions"


def lookups(tf):
    """``tf.contrib.lookup``."""
    from importlib import import_module

    return import_module(tf.__name__ + ".contrib.lookup")


def table_ops(tf):
    """The module of the tables' functions."""
    from importlib import import_module

    return import_module(tf.__name__ + ".python.ops.lookup_ops")


def filled(tf, table, *keys, **options):
    """Lookups of ``keys`` in a table, then its size, once it is filled."""
    with tf.control_dependencies([table.initializer]):
        return [table.lookup(k, **options) for k in keys] + [table.size()]


def pairs(tf, keys=("a", "b"), values=(5, 7), **options):
    """An initializer of two lists."""
    return tf.lookup.KeyValueTensorInitializer(list(keys), list(values), **options)


# --- filled once ----------------------------------------------------------------------------------

case(
    "static",
    lambda tf, k: filled(tf, tf.lookup.StaticHashTable(pairs(tf), -1), k),
    steps=2,
    xla=False,
    **WORDS,
)
case(
    "static_named",
    lambda tf, k: filled(
        tf, tf.lookup.StaticHashTable(pairs(tf, name="fill"), -1, name="words"), k, name="find"
    ),
    xla=False,
    **WORDS,
)
case(
    "static_int_keys",
    lambda tf, k: filled(
        tf, tf.lookup.StaticHashTable(pairs(tf, (3, 4), ("x", "y"), key_dtype=tf.int64), "none"), k
    ),
    k=given([[3, 9], [4, 4]], "int64"),
    xla=False,
)
case(
    "static_floats",
    lambda tf, k: filled(tf, tf.lookup.StaticHashTable(pairs(tf, values=(0.5, 2.0)), -0.25), k),
    xla=False,
    grad=False,
    **WORDS,
)
case(
    "static_sparse",
    lambda tf, k: filled(
        tf, tf.lookup.StaticHashTable(pairs(tf), -1), tf.SparseTensor([[0, 1], [1, 0], [1, 2]], k, [2, 3])
    ),
    xla=False,
    unknown="the indices are constants",
    **WORDS,
)


def exported(tf, table):
    """Keys and values of a table, sorted by value."""
    with tf.control_dependencies([table.initializer]):
        keys, values = table.export()
    order = tf.argsort(values)
    return tf.gather(keys, order), tf.gather(values, order)


case("static_export", lambda tf: exported(tf, tf.lookup.StaticHashTable(pairs(tf), -1)), xla=False)
case("contrib_export", lambda tf: exported(tf, lookups(tf).HashTable(pairs(tf), -1, name="t")), xla=False)
case(
    "contrib_shared",
    lambda tf, k: filled(tf, lookups(tf).HashTable(pairs(tf), -1, shared_name="shared", name="t"), k),
    xla=False,
    **WORDS,
)


def all_tables(tf, k):
    """Two tables filled by one operation."""
    one, other = (lookups(tf).HashTable(pairs(tf, values=v), -1) for v in ((1, 2), (3, 4)))
    with tf.control_dependencies([tf.tables_initializer()]):
        return one.lookup(k), other.lookup(k)


case("tables_initializer", all_tables, xla=False, **WORDS)


def filled_twice(tf, k):
    """Tables of one name are one table; filling it again with as many entries changes nothing."""
    one = lookups(tf).HashTable(pairs(tf, values=(1, 2)), -1, shared_name="same")
    with tf.control_dependencies([one.init]):
        first = one.lookup(k)
    with tf.control_dependencies([first]):
        other = lookups(tf).HashTable(pairs(tf, values=(3, 4)), -1, shared_name="same")
    with tf.control_dependencies([other.init]):
        return first, other.lookup(k)


case("filled_twice", filled_twice, xla=False, **WORDS)


def fill_larger(tf):
    """A table of one entry, filled again with two."""
    one = lookups(tf).HashTable(pairs(tf, ("a",), (1,)), -1, shared_name="same")
    with tf.control_dependencies([one.init]):
        other = lookups(tf).HashTable(pairs(tf), -1, shared_name="same")
        with tf.control_dependencies([tf.identity(1)]):
            size = tf.identity(one.size())
    with tf.control_dependencies([size]):
        again = table_ops(tf).KeyValueTensorInitializer(["a", "b"], [5, 7])
    return again.initialize(other)


for name, build, kind, text in [
    (
        "not_filled",
        lambda tf: tf.lookup.StaticHashTable(pairs(tf), -1).lookup(tf.constant(["a"])),
        "FailedPreconditionError",
        "Table not initialized",
    ),
    (
        "differing",
        lambda tf: tf.lookup.StaticHashTable(pairs(tf, ("a", "a")), -1).initializer,
        "FailedPreconditionError",
        "HashTable has different value for same key. Key a has 5 and trying to add value 7",
    ),
    ("larger", fill_larger, "FailedPreconditionError", "already initialized with different data"),
]:
    error(name, build, raises=kind, match=text, when="run")
error(
    "key_type",
    lambda tf: tf.lookup.StaticHashTable(pairs(tf), -1).lookup(tf.constant([1])),
    raises="TypeError",
    match="Signature mismatch. Keys must be dtype",
)
error("count", lambda tf: tf.lookup.StaticHashTable(pairs(tf, values=(1,)), -1), raises="ValueError")
error("default", lambda tf: tf.lookup.StaticHashTable(pairs(tf), [1, 2]), raises="ValueError")

# --- from files -----------------------------------------------------------------------------------

LINES = {"k": strings(["fox\t9\t4e2", "quick", "quick\t5\t1.5"])}
case("from_file", lambda tf, k: filled(tf, lookups(tf).index_table_from_file(FILE), k), xla=False, **LINES)
case(
    "from_file_buckets",
    lambda tf, k: filled(tf, lookups(tf).index_table_from_file(FILE, 3, vocab_size=3, name="vocabulary"), k),
    xla=False,
    **LINES,
)
case(
    "from_file_columns",
    lambda tf, k: filled(tf, table_ops(tf).index_table_from_file(FILE, default_value=-5, **COLUMNS), k),
    k=strings(["fox", "dog"]),
    xla=False,
)
case(
    "from_file_ints",
    lambda tf, k: filled(
        tf,
        table_ops(tf).index_table_from_file(
            FILE, num_oov_buckets=2, key_dtype=tf.int32, key_column_index=1, value_column_index=-1
        ),
        k,
    ),
    k=given([9, 4, 7], "int32"),
    xla=False,
)
case(
    "to_string_file",
    lambda tf, k: filled(tf, lookups(tf).index_to_string_table_from_file(FILE, default_value="?"), k),
    k=i64(4, low=0, high=6),
    xla=False,
)
case(
    "text_initializer",
    lambda tf, k: filled(
        tf,
        tf.lookup.StaticHashTable(
            tf.lookup.TextFileInitializer(FILE, tf.string, 0, tf.float32, 2, vocab_size=4), 0.0
        ),
        k,
    ),
    k=strings(["fox", "brown", "the", "dog"]),
    xla=False,
    grad=False,
)
for name, options, text in [
    ("missing", {"vocabulary_file": FILE + ".missing"}, "missing"),
    ("short", {"vocabulary_file": FILE, "vocab_size": 9}, "expected 9 but got 4"),
    (
        "columns",
        {"vocabulary_file": FILE, "key_column_index": 3, "value_column_index": 1},
        "Invalid number of columns",
    ),
    (
        "field",
        {"vocabulary_file": FILE, "key_column_index": 1, "value_column_index": 2},
        "Field 0.5 in line 0 is not a valid int64",
    ),
]:
    error(
        "file_" + name,
        lambda tf, options: table_ops(tf).index_table_from_file(**options).initializer,
        raises="NotFoundError" if name == "missing" else "InvalidArgumentError",
        match=text,
        when="run",
    )
    rows.errors[-1].build = lambda tf, options=options: (
        table_ops(tf).index_table_from_file(**options).initializer
    )
for name, options in [
    ("none", {}),
    ("empty", {"vocabulary_file": ""}),
    ("buckets", {"vocabulary_file": FILE, "num_oov_buckets": -1}),
    ("size", {"vocabulary_file": FILE, "vocab_size": 0}),
    ("value_column", {"vocabulary_file": FILE, "value_column_index": -2}),
    ("index", {"vocabulary_file": FILE, "key_column_index": -3}),
]:
    error("file_" + name, None, raises="ValueError")
    rows.errors[-1].build = lambda tf, options=options: table_ops(tf).index_table_from_file(**options)

# --- from tensors ---------------------------------------------------------------------------------

case(
    "from_tensor",
    lambda tf, k: filled(tf, lookups(tf).index_table_from_tensor(["a", "b"]), k),
    xla=False,
    **WORDS,
)
case(
    "from_tensor_buckets",
    lambda tf, k: filled(tf, table_ops(tf).index_table_from_tensor(["a", "b"], 4, name="ids"), k),
    xla=False,
    **WORDS,
)
case(
    "from_tensor_strong",
    lambda tf, k: filled(
        tf,
        lookups(tf).index_table_from_tensor(["a"], 9, hasher_spec=lookups(tf).StrongHashSpec([3, 5])),
        k,
    ),
    xla=False,
    **WORDS,
)
case(
    "from_tensor_ints",
    lambda tf, k: filled(tf, table_ops(tf).index_table_from_tensor([5, 3], 2, dtype=tf.int32), k),
    k=given([3, 4, 5], "int32"),
    xla=False,
)
case(
    "to_string",
    lambda tf, k: filled(tf, lookups(tf).index_to_string_table_from_tensor(["x", "y"]), k),
    k=given([1, 0, 7], "int64"),
    xla=False,
)


def at_once(tf, k):
    """The functions that make a table and look up in one step."""
    ids = lookups(tf).string_to_index(k, ["a", "b"])
    names = lookups(tf).index_to_string(tf.constant([1], tf.int64), ["a", "b"])
    return ids, names


def at_once_filled(tf, k):
    """The same, with the tables filled first."""
    ids = lookups(tf).string_to_index_table_from_tensor(["a", "b"])
    return filled(tf, ids, k)


case("string_to_index", at_once_filled, xla=False, **WORDS)
error("string_to_index", at_once, k=strings(["a"]), raises="FailedPreconditionError", when="run")
error("from_tensor_none", lambda tf: lookups(tf).index_table_from_tensor(None), raises="ValueError")
error("from_tensor_type", lambda tf: lookups(tf).index_table_from_tensor([1, 2]), raises="ValueError")
error(
    "from_tensor_floats",
    lambda tf: lookups(tf).index_table_from_tensor([1.0], dtype=tf.float32),
    raises="TypeError",
)
error("from_tensor_buckets", lambda tf: lookups(tf).index_table_from_tensor(["a"], -1), raises="ValueError")

# --- buckets --------------------------------------------------------------------------------------


def ids(tf, dtype="int64"):
    """An initializer of ids."""
    return tf.lookup.KeyValueTensorInitializer(["a", "b"], tf.constant([0, 1], dtype))


case(
    "vocabulary", lambda tf, k: filled(tf, tf.lookup.StaticVocabularyTable(ids(tf), 3), k), xla=False, **WORDS
)
case(
    "vocabulary_buckets",
    lambda tf, k: filled(tf, tf.lookup.StaticVocabularyTable(None, 3, name="hashed/"), k),
    xla=False,
    **WORDS,
)
case(
    "id_table",
    lambda tf, k: filled(
        tf, lookups(tf).IdTableWithHashBuckets(lookups(tf).HashTable(ids(tf), -1), 5, name="with/buckets"), k
    ),
    xla=False,
    **WORDS,
)
case(
    "id_table_legacy",
    lambda tf, k: filled(
        tf,
        lookups(tf).IdTableWithHashBuckets(None, 50, hasher_spec=lookups(tf).HasherSpec("legacy", None)),
        k,
    ),
    xla=False,
    **WORDS,
)
case(
    "id_table_none",
    lambda tf, k: filled(tf, lookups(tf).IdTableWithHashBuckets(lookups(tf).HashTable(ids(tf), -1), 0), k),
    xla=False,
    **WORDS,
)
error("vocabulary_none", lambda tf: tf.lookup.StaticVocabularyTable(ids(tf), 0), raises="ValueError")
error("vocabulary_type", lambda tf: tf.lookup.StaticVocabularyTable(ids(tf, "int32"), 1), raises="TypeError")
error("id_table_empty", lambda tf: lookups(tf).IdTableWithHashBuckets(None, 0), raises="ValueError")
error(
    "id_table_hasher",
    lambda tf: lookups(tf).IdTableWithHashBuckets(None, 1, hasher_spec=5),
    raises="TypeError",
)
error("strong_key", lambda tf: lookups(tf).StrongHashSpec([1]), raises="ValueError")

# --- tables that change ---------------------------------------------------------------------------


def changed(tf, table, keys, values, gone, asked):
    """Entries put in and removed, then looked up."""
    with tf.control_dependencies([table.insert(keys, values)]):
        removed = table.remove(gone)
    with tf.control_dependencies([removed]):
        return table.lookup(asked), table.size()


case(
    "mutable",
    lambda tf, k, v: changed(
        tf, lookups(tf).MutableHashTable(tf.string, tf.int64, -1), k, v, tf.constant(["b", "c"]), k
    ),
    k=strings(["a", "b", "d"]),
    v=given([5, 6, 7], "int64"),
    xla=False,
    steps=2,
)
case(
    "mutable_rows",
    lambda tf, k, v: changed(
        tf,
        lookups(tf).MutableHashTable(tf.int64, tf.float32, [0.5, 1.5], name="vectors"),
        k,
        v,
        tf.constant([2], tf.int64),
        k,
    ),
    k=given([[1, 2], [3, 4]], "int64"),
    v=given(np.arange(8.0).reshape(2, 2, 2)),
    xla=False,
    grad=False,
)
case(
    "mutable_unsaved",
    lambda tf, k: changed(
        tf,
        lookups(tf).MutableHashTable(tf.string, tf.int64, -5, checkpoint=False),
        k,
        tf.constant([4, 5, 6], tf.int64),
        tf.constant(["a"]),
        k,
    ),
    xla=False,
    **WORDS,
)
case(
    "dense",
    lambda tf, k, v: changed(
        tf,
        lookups(tf).MutableDenseHashTable(
            tf.int64, tf.float32, 0.5, empty_key=0, deleted_key=-1, initial_num_buckets=4
        ),
        k,
        v,
        tf.constant([4, 8], tf.int64),
        k,
    ),
    k=given([3, 4, 5], "int64"),
    v=given([1.0, 2, 3]),
    xla=False,
    grad=False,
)
case(
    "dense_keys",
    lambda tf, k, v: changed(
        tf,
        table_ops(tf).DenseHashTable(tf.int64, tf.int64, [0, 0], empty_key=[0, 0], deleted_key=[-1, -1]),
        k,
        v,
        tf.constant([[1, 2]], tf.int64),
        tf.reverse(k, [0]),
    ),
    k=given([[1, 2], [3, 4]], "int64"),
    v=given([[5, 6], [7, 8]], "int64"),
    xla=False,
    unknown="the keys' rank must be known",
)


def exported_mutable(tf, k):
    """The entries of a table, put in with another's."""
    table = lookups(tf).MutableHashTable(tf.string, tf.int64, -1)
    with tf.control_dependencies([table.insert(k, [3, 1, 2])]):
        keys, values = table.export()
    order = tf.argsort(values)
    return tf.gather(keys, order), tf.gather(values, order)


case("mutable_export", exported_mutable, xla=False, **WORDS)
for name, key, act in [("empty", 0, "lookup"), ("deleted", -1, "erase")]:
    error(
        "dense_" + name, None, raises="InvalidArgumentError", match="Using the " + name + "_key", when="run"
    )
    rows.errors[-1].build = lambda tf, key=key, act=act: getattr(
        lookups(tf).MutableDenseHashTable(tf.int64, tf.int64, -1, empty_key=0, deleted_key=-1), act
    )(tf.constant([key], tf.int64))
error(
    "mutable_count",
    lambda tf: (
        lookups(tf).MutableHashTable(tf.string, tf.int64, [1, 2]).insert(["a"], tf.constant([1], tf.int64))
    ),
    raises="InvalidArgumentError",
    match="Expected shape",
    when="run",
)
error(
    "mutable_type",
    lambda tf: lookups(tf).MutableHashTable(tf.string, tf.int64, 1).remove(tf.constant([1])),
    raises="TypeError",
)

# --- ops of older graphs --------------------------------------------------------------------------


def old_table(tf, kind, *inputs, **attrs):
    """The handle of a table as a reference."""
    return raw(tf, kind, *inputs, key_dtype=tf.int64, value_dtype=tf.float32, **attrs)[0]


def used(tf, table, k, v, fill, **attrs):
    """A table of an older graph filled by the op ``fill``, looked up, measured and exported."""
    with tf.control_dependencies([raw(tf, fill, table, k, v, **attrs)]):
        found = raw(tf, "LookupTableFind", table, k, tf.constant(0.5), Tin=tf.int64, Tout=tf.float32)
        size = raw(tf, "LookupTableSize", table)
        keys, values = raw(tf, "LookupTableExport", table, Tkeys=tf.int64, Tvalues=tf.float32)
    return found, size, tf.sort(keys), tf.sort(values)


OLD = {"k": given([3, 4], "int64"), "v": given([1.5, 2.5])}
OPTIONS = {"xla": False, "grad": False, "shapes": "the old ops' rules know less"}
case(
    "old_hash_table",
    lambda tf, k, v: used(
        tf, old_table(tf, "HashTable"), k, v, "InitializeTable", Tkey=tf.int64, Tval=tf.float32
    ),
    **dict(OLD, **OPTIONS),
)
case(
    "old_mutable",
    lambda tf, k, v: used(
        tf, old_table(tf, "MutableHashTable"), k, v, "LookupTableImport", Tin=tf.int64, Tout=tf.float32
    ),
    **dict(OLD, **OPTIONS),
)


def old_rows(tf, k, v):
    """A table of vectors of an older graph."""
    table = old_table(tf, "MutableHashTableOfTensors", value_shape=tf.TensorShape([2]))
    with tf.control_dependencies([raw(tf, "LookupTableInsert", table, k, v, Tin=tf.int64, Tout=tf.float32)]):
        return raw(tf, "LookupTableFind", table, k, tf.constant([0.5, 0.5]), Tin=tf.int64, Tout=tf.float32)


case("old_rows", old_rows, k=given([3, 4], "int64"), v=given([[1.5, 2.5], [3, 4]]), **OPTIONS)


def old_file(tf):
    """A table of an older graph, filled from a file."""
    table = raw(tf, "HashTable", key_dtype=tf.string, value_dtype=tf.int64)[0]
    fill = raw(tf, "InitializeTableFromTextFile", table, tf.constant(FILE), key_index=0, value_index=1)
    with tf.control_dependencies([fill]):
        default = tf.constant(-1, tf.int64)
        return raw(
            tf, "LookupTableFind", table, tf.constant(["fox", "dog"]), default, Tin=tf.string, Tout=tf.int64
        )


def new_fill(tf, k, v):
    """InitializeTableV2, which older programs' graphs have."""
    table = raw(tf, "HashTableV2", key_dtype=tf.int64, value_dtype=tf.float32)[0]
    fill = raw(tf, "InitializeTableV2", table, k, v, Tkey=tf.int64, Tval=tf.float32)
    with tf.control_dependencies([fill]):
        return raw(tf, "LookupTableFindV2", table, k, tf.constant(0.5), Tin=tf.int64, Tout=tf.float32)


case("old_file", old_file, **OPTIONS)
case("initialize_v2", new_fill, **dict(OLD, **OPTIONS))
