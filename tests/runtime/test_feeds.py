"""What may be fed, to which tensors, and what is refused."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

import reflow as tf


def fed(value: Any, dtype: Any = tf.int32, shape: Any = ()) -> Any:
    x = tf.placeholder(dtype, shape, name="x")
    with tf.Session() as sess:
        return sess.run(tf.identity(x), {x: value})


@pytest.mark.parametrize(
    ("value", "dtype", "shape", "wanted"),
    [
        (3, tf.int32, [], 3),
        (1.5, tf.int32, [], 1),
        (True, tf.int32, [], 1),
        (np.array([1.7]), tf.int32, [1], [1]),
        (np.array([True]), tf.int32, [1], [1]),
        (2**40, tf.int64, [], 2**40),
        (np.float64(1e300), tf.float32, [], np.inf),
        ([[1, 2], [3, 4]], tf.float32, [2, None], [[1, 2], [3, 4]]),
        (range(3), tf.float32, None, [0, 1, 2]),
        ((1, 2), tf.float64, [2], [1, 2]),
        ([], tf.float32, [0], []),
        (np.ones([2, 3])[:, ::2], tf.float32, [2, 2], [[1, 1], [1, 1]]),
        ("hé", tf.string, [], "hé".encode()),
        (b"a\0b", tf.string, [], b"a\0b"),
        (["a", b"bb"], tf.string, [2], [b"a", b"bb"]),
        (np.array(["a", "bb"]), tf.string, [2], [b"a", b"bb"]),
        (np.array(["a", b"b"], object), tf.string, [2], [b"a", b"b"]),
        (1 + 2j, tf.complex64, [], 1 + 2j),
        (np.uint8(200), tf.float16, [], 200),
    ],
)
def test_taken(value: Any, dtype: Any, shape: Any, wanted: Any) -> None:
    got = fed(value, dtype, shape)
    assert np.array_equal(got, np.array(wanted, getattr(got, "dtype", None)))
    assert np.asarray(got).dtype.kind == "S" or np.asarray(got).dtype == dtype.as_numpy_dtype


@pytest.mark.parametrize(
    ("value", "dtype", "shape", "error", "text"),
    [
        (2**31, tf.int32, [], TypeError, "2147483648.*not compatible with Tensor type.*larger type"),
        ([2**31], tf.int32, [1], TypeError, "not compatible with Tensor type"),
        (300, tf.uint8, [], TypeError, "not compatible with Tensor type"),
        (-1, tf.uint8, [], TypeError, "not compatible with Tensor type"),
        (2**64, tf.int64, [], TypeError, "not compatible with Tensor type"),
        (3e10, tf.int32, [], TypeError, "not compatible with Tensor type"),
        (3, tf.bool, [], TypeError, "not compatible with Tensor type"),
        (3, tf.string, [], TypeError, "3 of type int"),
        (1j, tf.float32, [], TypeError, "complex"),
        ("a", tf.int32, [], ValueError, "invalid literal"),
        (None, tf.int32, [], TypeError, "None"),
        ({}, tf.int32, [], TypeError, "dict"),
        ([[1], [1, 2]], tf.int32, None, ValueError, "setting an array element with a sequence"),
        ([1, 2], tf.int32, [3], ValueError, r"shape \(2,\) for Tensor 'x:0', which has shape '\(3,\)'"),
        (1, tf.int32, [3], ValueError, r"shape \(\) for Tensor 'x:0', which has shape '\(3,\)'"),
        (
            [[1]],
            tf.int32,
            [None, 2],
            ValueError,
            r"shape \(1, 1\) for Tensor 'x:0', which has shape '\(\?, 2\)'",
        ),
    ],
)
def test_refused(value: Any, dtype: Any, shape: Any, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        fed(value, dtype, shape)


def test_tensors_are_not_values() -> None:
    x = tf.placeholder(tf.int32, [])
    for value in (tf.constant(1), tf.Variable(1)):
        with tf.Session() as sess, pytest.raises(TypeError, match="value of a feed cannot be a tf.Tensor"):
            sess.run(x, {x: value})


def test_device_arrays(session: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    v = tf.Variable(tf.zeros([3]))
    put, add = v.assign(x), v.assign_add(tf.ones([3]))
    sess, array = session(), jnp.arange(3, dtype=jnp.float32)
    assert sess.run(x * 2, {x: array}).tolist() == [0, 2, 4]
    sess.run(put.op, {x: array})
    sess.run([add.op, add.op])
    assert sess.run(v).tolist() == [1, 2, 3]
    assert array.tolist() == [0, 1, 2]  # still the program's
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        sess.run(x, {x: array[:2]})


def test_any_tensor_can_be_fed(session: Any) -> None:
    a = tf.constant(1.0)
    b = a * 2
    c = b * 3
    v = tf.Variable(1.0)
    w = tf.Variable(1.0, use_resource=True)
    u = tf.Variable(v * 2.0)
    sess = session()
    assert sess.run([a, b, c], {b: 10, a: 5}) == [5, 10, 30]
    assert sess.run([c], {b: 7}) == [21]
    assert sess.run([v, v * 2], {v: 3.0}) == [3, 6]
    assert sess.run(u + 1, {u: 3.0}) == 4
    assert sess.run(c, {"mul:0": 1.0}) == 3
    assert sess.run(w.initializer) is None and sess.run(w * 2) == 2


def test_a_fed_node_is_not_run(session: Any) -> None:
    x = tf.placeholder(tf.float32)
    broken = tf.check_numerics(x, "bad")
    calls: list[int] = []
    watched = tf.py_func(lambda: calls.append(1) or np.float32(1), [], tf.float32)
    sess = session()
    assert sess.run(broken + watched, {broken: 1.0, watched: 2.0}) == 3
    assert calls == []


def test_keys(session: Any) -> None:
    a, b = tf.placeholder(tf.int32, [], name="a"), tf.placeholder(tf.int32, [], name="b")
    s = tf.sparse_placeholder(tf.float32)
    sess = session()
    assert sess.run([a, b], {(a, b): (1, 2)}) == [1, 2]
    assert sess.run("a:0", {"a:0": 4}) == 4
    value = tf.SparseTensorValue([[0]], [1.0], [3])
    assert sess.run(s, {s: value}).values == [1.0]
    assert sess.run([s, a], {s: ([[1]], [2.0], [3]), a: 5})[0].indices == [[1]]
    rows = tf.IndexedSlices(tf.placeholder(tf.float32), tf.placeholder(tf.int32), tf.placeholder(tf.int32))
    assert sess.run(rows, {rows: ([[2.0]], [1], [3, 1])}).dense_shape.tolist() == [3, 1]


@pytest.mark.parametrize(
    ("feed", "error", "text"),
    [
        ({"z:0": 1}, TypeError, "Cannot interpret feed_dict key as Tensor: .*'z:0'"),
        ({3: 1}, TypeError, "Can not convert a int into a Tensor"),
        ({"a": 1}, TypeError, "refers to an Operation, not a Tensor"),
        ([1], TypeError, "feed_dict must be a dict"),
    ],
)
def test_bad_keys(feed: Any, error: type[Exception], text: str) -> None:
    a = tf.constant(1, name="a")
    with tf.Session() as sess, pytest.raises(error, match=text):
        sess.run(a, feed)


def test_too_few_values() -> None:
    a, b = tf.placeholder(tf.int32, []), tf.placeholder(tf.int32, [])
    with tf.Session() as sess:
        for _ in range(2):
            with pytest.raises(ValueError, match="needs 2 values, got 1"):
                sess.run([a, b], {(a, b): (1,)})


def test_an_operation_is_no_key() -> None:
    a = tf.constant(1)
    with tf.Session() as sess, pytest.raises(TypeError, match="Can not convert a Operation into a Tensor"):
        sess.run(a, {a.op: 1})


def test_unfeedable() -> None:
    a = tf.constant(1)
    a.graph.prevent_feeding(a)
    with tf.Session() as sess, pytest.raises(ValueError, match="may not be fed"):
        sess.run(a, {a: 1})


def test_unfed_placeholder(session: Any) -> None:
    x, y = tf.placeholder(tf.float32, [None, 3], name="x"), tf.placeholder(tf.int32, name="y")
    sess = session()
    with pytest.raises(tf.errors.InvalidArgumentError) as info:
        sess.run(x + 1)
    text = "You must feed a value for placeholder tensor 'x' with dtype float and shape [?,3]"
    assert info.value.message == text and info.value.op is x.op
    with pytest.raises(tf.errors.InvalidArgumentError, match="'y' with dtype int32\n"):
        sess.run(y, {x: [[1, 2, 3]]})
    default = tf.placeholder_with_default(4, [])
    assert sess.run(default) == 4 and sess.run(default + 1, {default: 1}) == 2


def test_a_feed_that_nothing_needs(session: Any) -> None:
    x, y = tf.placeholder(tf.float32, [2]), tf.constant(1)
    sess = session()
    assert sess.run(y, {x: [1, 2]}) == 1
    with pytest.raises(ValueError, match="Cannot feed value of shape"):
        sess.run(y, {x: [1]})
    assert sess.run([], {x: [1, 2]}) == []


def test_static_feeds(session: Any) -> None:
    """Values that a shape follows from are part of the program's key, and do not grow it without end."""
    x, shape = tf.placeholder(tf.float32, [None]), tf.placeholder(tf.int32, [None])
    n = tf.placeholder(tf.int32, [])
    y, z = tf.reshape(x, shape), tf.fill([n], 2.0)
    sess = session()
    for rows in (1, 2, 3, 6, 2):
        assert sess.run(y, {x: np.arange(6), shape: [rows, -1]}).shape == (rows, 6 // rows)
        assert sess.run(z, {n: rows}).tolist() == [2.0] * rows
    with pytest.raises(tf.errors.InvalidArgumentError):
        sess.run(y, {x: np.arange(6), shape: [4, -1]})
