"""What may be fetched, and the structure it comes back in."""

from __future__ import annotations

import collections
from typing import Any, NamedTuple

import numpy as np
import pytest

import reflow as tf


class Pair(NamedTuple):
    a: Any
    b: Any


class Field(NamedTuple):
    name: str


class Point:
    """What `attr.s` makes of a class, as far as a session looks."""

    __attrs_attrs__ = (Field("x"), Field("y"))
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, x: Any, y: Any) -> None:
        self.x, self.y = x, y


class MyList(list):  # type: ignore[type-arg]
    pass


class MyDict(dict):  # type: ignore[type-arg]
    pass


@pytest.fixture
def one() -> Any:
    return tf.constant(1, name="one")


@pytest.fixture
def two() -> Any:
    return tf.constant([2.0], name="two")


def test_structures(one: Any, two: Any) -> None:
    with tf.Session() as sess:
        assert sess.run(one) == 1
        assert sess.run([one]) == [1]
        assert sess.run((one, one)) == (1, 1)
        assert sess.run([]) == [] and sess.run({}) == {} and sess.run(()) == ()
        assert sess.run({"a": one, "b": [two, (one, {"c": two})]}) == {"a": 1, "b": [2.0, (1, {"c": 2.0})]}
        assert sess.run([[[[one]]], one]) == [[[[1]]], 1]


def test_operations_between_tensors(one: Any, two: Any) -> None:
    """Flat lists have a way of their own, tuples go the general one."""
    with tf.Session() as sess:
        assert sess.run([one.op]) == [None] and sess.run(one.op) is None and sess.run((one.op,)) == (None,)
        assert sess.run([one.op, two, one, two, one.op]) == [None, [2.0], 1, [2.0], None]
        assert sess.run([two, one]) == [[2.0], 1] and sess.run([one, one]) == [1, 1]
        assert type(sess.run(MyList([one, one.op]))) is list


def test_types_of_containers(one: Any, two: Any) -> None:
    ordered = collections.OrderedDict([("z", one), ("a", two)])
    default = collections.defaultdict(list, a=one)
    with tf.Session() as sess:
        assert sess.run(Pair(one, two)) == Pair(1, 2.0)
        assert type(sess.run(Pair(one, [two]))) is Pair
        assert list(sess.run(ordered)) == ["z", "a"] and type(sess.run(ordered)) is collections.OrderedDict
        assert sess.run(default) == {"a": 1} and type(sess.run(default)) is collections.defaultdict
        assert type(sess.run(MyList([one]))) is list
        assert type(sess.run(MyDict(a=one))) is MyDict


def test_an_attrs_class(one: Any, two: Any) -> None:
    with tf.Session() as sess:
        for _ in range(2):
            point = sess.run(Point(one, [two, one]))
            assert isinstance(point, Point) and point.x == 1 and point.y == [2.0, 1]


def test_duplicates_are_equal_and_separate(two: Any) -> None:
    with tf.Session() as sess:
        first, second, third = sess.run([two, two, "two:0"])
        assert first == second == third == 2.0
        flat = sess.run({"a": two, "b": [two]})
        flat["a"][0] = 5
        assert sess.run(two) == 2.0


def test_names_and_operations(one: Any) -> None:
    with tf.Session() as sess:
        assert sess.run("one:0") == 1 and sess.run("one") is None and sess.run(one.op) is None
        assert sess.run([one, one.op, tf.no_op(), "one:0"]) == [1, None, None, 1]


def test_variables() -> None:
    reference, resource = tf.Variable(1.0), tf.Variable(2.0, use_resource=True)
    with tf.Session() as sess:
        assert sess.run(tf.global_variables_initializer()) is None
        assert sess.run([reference, resource, reference.name]) == [1.0, 2.0, 1.0]
        assert sess.run(reference.assign_add(2.0)) == 3.0
        assert sess.run(resource.assign_add(2.0)) == 4.0


def test_indexed_slices() -> None:
    rows = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]))
    whole = tf.IndexedSlices(tf.constant([[1.0]]), tf.constant([2]), tf.constant([3, 1]))
    with tf.Session() as sess:
        value, full = sess.run([rows, whole])
        assert (value.values, value.indices, value.dense_shape) == ([[1.0]], [2], None)
        assert full.dense_shape.tolist() == [3, 1]


def test_sparse_tensor() -> None:
    sparse = tf.SparseTensor([[0, 1]], ["a"], [2, 2])
    with tf.Session() as sess:
        value = sess.run({"s": sparse})["s"]
        assert type(value).__name__ == "SparseTensorValue"
        assert value.indices.tolist() == [[0, 1]] and value.values.tolist() == [b"a"]
        assert sparse.eval().dense_shape.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("fetch", "error", "text"),
    [
        (None, TypeError, "Fetch argument None has invalid type"),
        ([None], TypeError, "Fetch argument None has invalid type"),
        (3, TypeError, "Fetch argument 3 has invalid type <class 'int'>, must be a string or Tensor"),
        (np.ones(2), TypeError, "Can not convert a ndarray into a Tensor or Operation"),
        ({1}, TypeError, "Can not convert a set into a Tensor or Operation"),
        ("x:0", ValueError, "'x:0' refers to a Tensor which does not exist"),
        ("x", ValueError, "'x' refers to an Operation not in the graph"),
        ("one:1", ValueError, "The operation, 'one', exists but only has 1 outputs"),
        ("one:a", ValueError, "not a valid one"),
        ("a:b:0", ValueError, "not a valid one"),
    ],
    ids=repr,
)
def test_refused(one: Any, fetch: Any, error: type[Exception], text: str) -> None:
    with tf.Session() as sess, pytest.raises(error, match=text):
        sess.run(fetch)


def test_near_names_are_named(one: Any) -> None:
    with tf.Session() as sess, pytest.raises(ValueError, match="The nearest names: one"):
        sess.run("onw:0")


def test_another_graph(one: Any) -> None:
    with tf.Graph().as_default():
        other = tf.constant(5)
    with tf.Session() as sess:
        with pytest.raises(ValueError, match="is not an element of this graph"):
            sess.run(other)
        with pytest.raises(ValueError, match="is not an element of this graph"):
            sess.run([one, other])
        with pytest.raises(TypeError, match="Cannot interpret feed_dict key as Tensor.*not an element"):
            sess.run(one, {other: 1})


def test_unfetchable(one: Any) -> None:
    one.graph.prevent_fetching(one.op)
    with (
        tf.Session() as sess,
        pytest.raises(ValueError, match="Operation 'one' has been marked as not fetchable"),
    ):
        sess.run(one)


def test_results_are_numpy_values(one: Any, two: Any) -> None:
    text = tf.constant(["a"])
    with tf.Session() as sess:
        assert type(sess.run(one)) is np.int32 and type(sess.run(two)) is np.ndarray
        assert type(sess.run(text[0])) is bytes and sess.run(text).dtype == object
        assert type(sess.run(one > 0)) is np.bool_
