"""Sparse tensors: how they are made, fed, fetched and evaluated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def value(dtype: Any = np.float32) -> tf.SparseTensorValue:
    indices, elements = np.array([[0, 1], [2, 0]]), np.array([3, 4], dtype)
    return tf.SparseTensorValue(indices, elements, np.array([3, 2]))


def assert_value(found: Any, expected: Any) -> None:
    assert isinstance(found, tf.SparseTensorValue)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", [None, [None, 2], [3, 2]])
@pytest.mark.parametrize("make", [tuple, tf.SparseTensorValue._make])
def test_a_placeholder_is_fed_and_fetched(shape: Any, make: Any) -> None:
    x = tf.sparse_placeholder(tf.float32, shape)
    if shape == [3, 2]:
        assert x.shape.as_list() == [3, 2]
    with tf.Session() as sess:
        assert_value(sess.run(x, {x: make(value())}), value())
        assert sess.run({"x": x}, {x: value()})["x"].dense_shape.tolist() == [3, 2]


def test_the_product_of_a_fed_matrix_compiles_for_every_count() -> None:
    x = tf.sparse_placeholder(tf.float32)
    y = tf.sparse_tensor_dense_matmul(x, tf.Variable(np.eye(2, dtype=np.float32)))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for count in range(5):
            places = np.array([[i, i % 2] for i in range(count)], np.int64).reshape(-1, 2)
            feed = tf.SparseTensorValue(places, np.ones(count, np.float32), [6, 2])
            expected = np.zeros((6, 2))
            expected[places[:, 0], places[:, 1]] = 1
            np.testing.assert_array_equal(sess.run(y, {x: feed}), expected)


def test_a_linear_model_of_sparse_features_learns() -> None:
    x = tf.sparse_placeholder(tf.float32, [3, 2])
    weights = tf.Variable(tf.zeros([2, 1]))
    loss = tf.reduce_mean(tf.square(tf.sparse_tensor_dense_matmul(x, weights) - [[3.0], [0.0], [-4.0]]))
    train = tf.train.GradientDescentOptimizer(0.05).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(200):
            sess.run(train, {x: value()})
        np.testing.assert_allclose(sess.run(weights), [[-1], [1]], atol=1e-4)


def test_from_value() -> None:
    x = tf.SparseTensor.from_value(value())
    assert tf.SparseTensor.from_value(x) is x
    assert x.dtype == tf.float32 and x.get_shape().as_list() == [3, 2]
    with tf.Session():
        assert_value(x.eval(), value())
    with pytest.raises(TypeError, match="Neither a SparseTensor nor SparseTensorValue"):
        tf.SparseTensor.from_value([1])


@pytest.mark.parametrize(
    ("indices", "values", "shape"),
    [([[0, 1]], [1, 2], [2, 2]), ([[0, 1]], [1], [2]), ([0, 1], [1], [2, 2]), ([[0, 1]], [[1]], [2, 2])],
)
def test_parts_that_do_not_fit(indices: Any, values: Any, shape: Any) -> None:
    with pytest.raises(ValueError):
        tf.SparseTensor(indices, values, shape)


def test_consumers_and_operation() -> None:
    x = tf.SparseTensor.from_value(value())
    dense = tf.sparse.to_dense(x)
    assert x.op is x.values.op and dense.op in x.consumers()
    assert str(x).startswith("SparseTensor(indices=Tensor(")
