"""Lookup tables in sessions: their files, who shares them, checkpoints, and use inside a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.contrib import lookup
from reflow.model import vocabulary


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def of_file(tmp_path: Path, content: bytes, **options: Any) -> Any:
    """The entries of a table that is filled from a file of this content."""
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    table = vocabulary.index_table_from_file(str(path), **options)
    with tf.Session() as sess:
        sess.run(tf.tables_initializer())
        keys, ids = sess.run(table.export())
    return dict(zip(keys.tolist(), ids.tolist(), strict=True))


def test_lines_of_a_file(tmp_path: Path) -> None:
    assert of_file(tmp_path, b"a\r\nb\nc") == {b"a": 0, b"b": 1, b"c": 2}


def test_bytes_are_kept(tmp_path: Path) -> None:
    assert of_file(tmp_path, b"\xff\xfe \xc3\xa9\n") == {b"\xff\xfe \xc3\xa9": 0}


def test_columns_of_a_file(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"key_column_index": 1, "value_column_index": 0, "delimiter": " "}
    assert of_file(tmp_path, b"5 a\n-7 b\n", **columns) == {b"a": 5, b"b": -7}


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (b"", tf.errors.OutOfRangeError, "is empty"),
        (b"a\n\nb\n", tf.errors.InvalidArgumentError, "empty line found at position 3"),
        (b"a\nb\na\n", tf.errors.FailedPreconditionError, "Key a has 0 and trying to add value 2"),
    ],
)
def test_files_that_do_not_do(tmp_path: Path, content: bytes, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        of_file(tmp_path, content)


def test_number_too_large_for_its_type(tmp_path: Path) -> None:
    columns: dict[str, Any] = {"key_column_index": 0, "value_column_index": 1, "delimiter": " "}
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not a valid int64"):
        of_file(tmp_path, b"a 9223372036854775808\n", **columns)


def test_the_file_is_an_asset(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    vocabulary.index_table_from_file(str(path))
    (asset,) = tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS)
    assert tf.Session().run(asset) == str(path).encode()


def test_sessions_have_their_own_tables() -> None:
    table = lookup.MutableHashTable(tf.string, tf.int64, -1)
    fill, asked = table.insert(["a"], [5]), table.lookup(["a"])
    with tf.Session() as one, tf.Session() as other:
        one.run(fill)
        assert one.run(asked).tolist() == [5]
        assert other.run(asked).tolist() == [-1]


def test_a_failing_insert_changes_nothing() -> None:
    dense = lookup.DenseHashTable(tf.int64, tf.int64, -1, empty_key=0, deleted_key=-1)
    keys = tf.placeholder(tf.int64, [2])
    fill, size = dense.insert(keys, [1, 2]), dense.size()
    with tf.Session() as sess:
        with pytest.raises(tf.errors.InvalidArgumentError, match="empty_key"):
            sess.run(fill, {keys: [4, 0]})
        assert sess.run(size) == 0


def test_a_static_table_refuses_changes() -> None:
    table = lookup.HashTable(tf.lookup.KeyValueTensorInitializer(["a"], [1]), -1)
    handle = table.resource_handle
    node = tf.get_default_graph().create_op(
        "LookupTableInsertV2",
        [handle, tf.constant(["b"]), tf.constant([2])],
        attrs={"Tin": tf.string, "Tout": tf.int32},
    )
    with tf.Session() as sess, pytest.raises(tf.errors.UnimplementedError, match="filled once"):
        sess.run(node)


def test_a_mutable_table_in_a_checkpoint(tmp_path: Path) -> None:
    table = lookup.MutableHashTable(tf.string, tf.float32, [0.0, 0.0], name="vectors")
    saver, asked = tf.train.Saver(), table.lookup(["a", "b", "c"])
    with tf.Session() as sess:
        sess.run(table.insert(["a", "b"], [[1.0, 2.0], [3.0, 4.0]]))
        path = saver.save(sess, str(tmp_path / "model"))
    assert sorted(name for name, _ in tf.train.list_variables(path)) == ["vectors-keys", "vectors-values"]
    with tf.Session() as sess:
        sess.run(table.insert(["c"], [[9.0, 9.0]]))
        saver.restore(sess, path)
        assert sess.run(asked).tolist() == [[1, 2], [3, 4], [0, 0]]


def test_a_table_inside_a_dataset() -> None:
    table = vocabulary.index_table_from_tensor(["a", "b"], num_oov_buckets=2)
    words = tf.data.Dataset.from_tensor_slices(["b", "a", "b"]).map(table.lookup)
    iterator = words.make_initializable_iterator()
    following = iterator.get_next()
    with tf.Session() as sess:
        sess.run(tf.tables_initializer())
        sess.run(iterator.initializer)
        assert [int(sess.run(following)) for _ in range(3)] == [1, 0, 1]


def test_a_table_of_an_imported_graph(graph: tf.Graph) -> None:
    table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(["a"], [7]), -1, name="words")
    table.lookup(tf.constant(["a", "b"]), name="found")
    with tf.Graph().as_default():
        tf.import_graph_def(graph.as_graph_def(), name="")
        with tf.Session() as sess:
            sess.run("key_value_init/LookupTableImportV2")
            assert sess.run("found/LookupTableFindV2:0").tolist() == [7, -1]


def test_lookups_feed_a_compiled_step() -> None:
    table = vocabulary.index_table_from_tensor(["a", "b", "c"])
    words = tf.placeholder(tf.string, [None])
    rows = tf.gather(tf.Variable(np.eye(3, dtype=np.float32)), table.lookup(words))
    total = tf.reduce_sum(rows, 0)
    with tf.Session() as sess:
        sess.run([tf.global_variables_initializer(), tf.tables_initializer()])
        for _ in range(50):
            assert sess.run(total, {words: ["a", "c", "c"]}).tolist() == [1, 0, 2]
