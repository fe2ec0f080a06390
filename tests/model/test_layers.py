"""Layers: what their objects tell, layers in layers, messages. Graphs and values are in tests/train."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import reflow as tf


def test_outputs_by_call() -> None:
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [None, 5], name="x")
        dense = tf.layers.Dense(3)
        with pytest.raises(AttributeError, match="not connected"):
            dense.output  # noqa: B018
        first = dense(x)
        assert dense.input is x
        assert dense.output is first
        assert dense.input_shape == (None, 5)
        assert dense.output_shape == (None, 3)
        second = dense(x * 2.0)
        assert dense.get_output_at(1) is second
        assert dense.get_input_at(0) is x
        with pytest.raises(AttributeError, match="ill-defined"):
            dense.output  # noqa: B018


def test_count_before_the_call() -> None:
    with tf.Graph().as_default():
        dense = tf.layers.Dense(3)
        with pytest.raises(ValueError, match="isn't built"):
            dense.count_params()
        dense.build([None, 5])
        assert dense.count_params() == 18


def test_a_layer_has_the_variables_of_the_layers_in_it() -> None:
    class Tower(tf.layers.Layer):
        def __init__(self) -> None:
            super().__init__(name="tower")
            self.parts = [tf.layers.Dense(4, name="a"), tf.layers.Dense(2, name="b")]
            self.norm = tf.layers.BatchNormalization(name="norm")
            self.bias = tf.Variable([1.0, 2.0], name="own")

        def call(self, inputs, training=False):
            for part in self.parts:
                inputs = part(inputs)
            return self.norm(inputs, training=training) + self.bias

    with tf.Graph().as_default():
        tower = Tower()
        tower(tf.zeros([3, 5]), training=True)
        assert len(tower.trainable_variables) == 7
        assert {v.op.name for v in tower.non_trainable_variables} == {
            "tower/norm/moving_mean",
            "tower/norm/moving_variance",
        }
        assert len(tower.updates) == 2
        assert len(tf.get_collection(tf.GraphKeys.UPDATE_OPS)) == 2
        tower.trainable = False
        assert tower.trainable_variables == []
        assert len(tower.variables) == 9
        assert tower.updates == []


def test_sparse_inputs_of_a_dense_layer() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.SparseTensor([[0, 1], [2, 0]], [3.0, 5.0], [3, 4])
        dense = tf.layers.Dense(2, kernel_initializer=tf.ones_initializer())
        y = dense(x)
        session.run(tf.global_variables_initializer())
        assert session.run(y).tolist() == [[3.0, 3.0], [0.0, 0.0], [5.0, 5.0]]


def test_arrays_are_inputs() -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        flat = tf.layers.flatten(np.zeros([2, 3, 4], np.float32))
        assert session.run(flat).shape == (2, 12)


@pytest.mark.parametrize("size", [2, 3])
def test_virtual_batches_must_divide_the_batch(size: int) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        x = tf.placeholder(tf.float32, [None, 3])
        y = tf.layers.batch_normalization(x, training=True, virtual_batch_size=size)
        session.run(tf.global_variables_initializer())
        batch = np.arange(12, dtype=np.float32).reshape(4, 3)
        if size == 2:
            assert session.run(y, {x: batch}).shape == (4, 3)
        else:
            with pytest.raises(tf.errors.InvalidArgumentError):
                session.run(y, {x: batch})


@pytest.mark.parametrize("kind", ["conv2d", "separable_conv2d", "conv2d_transpose"])
def test_channels_first(kind: str) -> None:
    """The same numbers as with the channels last, moved."""
    batch = np.sin(np.arange(2 * 7 * 6 * 2)).astype(np.float32).reshape(2, 7, 6, 2)
    with tf.Graph().as_default(), tf.Session() as session:
        layer = getattr(tf.layers, kind)
        options = {"strides": 2, "padding": "same", "name": "layer"}
        last = layer(tf.constant(batch), 3, 3, **options)
        moved = tf.constant(batch.transpose(0, 3, 1, 2))
        first = layer(moved, 3, 3, data_format="channels_first", reuse=True, **options)
        session.run(tf.global_variables_initializer())
        one, other = session.run([last, first])
    assert first.shape.as_list() == list(other.shape)
    np.testing.assert_allclose(one.transpose(0, 3, 1, 2), other, rtol=1e-5, atol=1e-6)


def test_a_copy_shares_the_variables() -> None:
    with tf.Graph().as_default():
        dense = tf.layers.Dense(3)
        dense(tf.zeros([2, 5]))
        assert copy.deepcopy(dense).kernel is dense.kernel


def test_input_specs() -> None:
    spec = tf.layers.InputSpec(ndim=3, axes={-1: 4})
    assert repr(spec) == "InputSpec(ndim=3, axes={-1: 4})"
    with tf.Graph().as_default():
        layer = tf.layers.Layer(name="plain")
        layer.input_spec = spec
        assert layer(tf.zeros([2, 3, 4])).shape.as_list() == [2, 3, 4]
        with pytest.raises(ValueError, match="expected ndim=3, found ndim=2"):
            layer(tf.zeros([2, 3]))
        with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 4"):
            layer(tf.zeros([2, 3, 5]))
        layer.input_spec = tf.layers.InputSpec(dtype="float32")
        with pytest.raises(ValueError, match="expected dtype=float32"):
            layer(tf.zeros([2], tf.int32))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: tf.layers.conv2d(tf.zeros([1, 4, 4, 1]), 3, (2, 2, 2)), "kernel_size.*tuple of 2 integers"),
        (lambda: tf.layers.conv2d(tf.zeros([1, 4, 4, 1]), 3, 2, padding="full"), "padding.*full"),
        (lambda: tf.layers.conv2d(tf.zeros([4, 4, 1]), 3, 2), "conv2d.*expected ndim=4, found ndim=3"),
        (lambda: tf.layers.conv2d(tf.placeholder(tf.float32, [1, 4, 4, None]), 3, 2), "channel dimension"),
        (lambda: tf.layers.dense(tf.placeholder(tf.float32, [1, None]), 3), "last dimension"),
        (lambda: tf.layers.batch_normalization(tf.zeros([2, 3]), axis=4), "Invalid axis: 4"),
        (lambda: tf.layers.batch_normalization(tf.zeros([2, 3]), axis=[1, 1]), "Duplicate axis"),
    ],
)
def test_messages(build, message) -> None:
    with tf.Graph().as_default(), pytest.raises(ValueError, match=message):
        build()
