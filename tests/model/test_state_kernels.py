"""The kernels of updates: NumPy and XLA agree, and refuse what TensorFlow refuses, in its words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.ops import state_kernels as kernels

TIERS = ["interpret", "compile"]
MESSAGE = "updates {} indices {} params {}"


@pytest.mark.parametrize("how", list(kernels.UPDATES))
@pytest.mark.parametrize("dtype", [np.float32, np.int32])
def test_both_tiers_agree(how: str, dtype: Any) -> None:
    import jax
    import jax.numpy as jnp

    ref = np.array([[7, -7], [9, 5], [-4, 2]], dtype)
    indices = np.array([[0, 2], [0, 1]], np.int64)
    updates = np.arange(1, 9).reshape(2, 2, 2).astype(dtype)
    if how == "Update":
        indices = np.array([[0, 2]], np.int64)  # the order of two writes to one row is nobody's promise
        updates = updates[:1]
    concrete = kernels.scatter_rows(np, ref, indices, updates, how, MESSAGE)

    def traced(*arrays: Any) -> Any:
        return kernels.scatter_rows(jnp, *arrays, how, MESSAGE)

    compiled = jax.jit(traced)(ref, indices, updates)
    assert compiled.dtype == concrete.dtype == dtype
    np.testing.assert_allclose(compiled, concrete, rtol=1e-6)


def test_integers_divide_towards_zero() -> None:
    ref = np.array([7, -7, 9], np.int32)
    result = kernels.scatter_rows(np, ref, np.array([0, 1]), np.array([2, 2], np.int32), "Div", MESSAGE)
    assert result.tolist() == [3, -3, 9]
    assert ref.tolist() == [7, -7, 9]  # the old value is not touched


REFUSED = [
    (tf.scatter_add, False, [0, 5], [1.0, 2.0], r"indices\[1\] = 5 is not in \[0, 3\)"),
    (tf.scatter_update, True, [[0, 1], [1, -5]], [[1.0, 2.0], [1.0, 1.0]], r"indices\[1,1\] = -5 is not in"),
    (
        tf.scatter_nd_add,
        False,
        [[0], [5]],
        [1.0, 2.0],
        r"indices\[1\] = \[5\] does not index into shape \[3\]",
    ),
    (tf.scatter_nd_update, True, [[0], [5]], [1.0, 2.0], r"indices\[1\] = \[5\] does not index into shape"),
    (
        tf.scatter_sub,
        False,
        [0, 1],
        [1.0, 2.0, 3.0],
        r"got updates.shape \[3\], indices.shape \[2\], params.shape",
    ),
    (tf.scatter_mul, True, [0, 1], [1.0, 2.0, 3.0], r"shape of indices \(\[2\]\) is not compatible with"),
    (tf.scatter_nd_sub, True, [[0], [1]], [1.0, 2.0, 3.0], r"Got indices.shape \[2,1\], updates.shape \[3\]"),
]


@pytest.mark.joint
@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("update", "resource", "indices", "updates", "message"), REFUSED)
def test_refusals(update: Any, resource: bool, indices: Any, updates: Any, message: str, tier: str) -> None:
    with tf.Graph().as_default() as graph:
        x = tf.Variable([1.0, 2.0, 3.0], use_resource=resource)
        i, u = tf.placeholder(tf.int32), tf.placeholder(tf.float32)
        result = update(x, i, u)
        with tf.Session(graph=graph, tier=tier) as sess:
            sess.run(x.initializer)
            with pytest.raises(tf.errors.InvalidArgumentError, match=message):
                sess.run(result, {i: indices, u: updates})
            assert sess.run(x).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("resource", "message"),
    [
        (False, "Parameters and update must be the same size"),
        (True, r"Cannot update variable with shape \[3\]"),
    ],
)
def test_sums_do_not_broadcast(resource: bool, message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.Variable([1.0, 2.0, 3.0], use_resource=resource)
        u = tf.placeholder(tf.float32)
        sess.run(x.initializer)
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            sess.run(tf.assign_add(x, u), {u: [1.0]})


def test_rows_by_batch() -> None:
    value = np.arange(12).reshape(2, 3, 2)
    found = kernels.gather_rows(np, value, np.array([[2, 0], [1, 1]]), 1)
    assert found.tolist() == [[[4, 5], [0, 1]], [[8, 9], [8, 9]]]


def test_gradient_of_rows_is_sparse() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.Variable([[1.0], [2.0], [3.0]], use_resource=True)
        sess.run(x.initializer)
        (gradient,) = tf.gradients(x.sparse_read([2, 0]) ** 2.0, [x.handle])
        assert isinstance(gradient, tf.IndexedSlices)
        values, indices = sess.run([gradient.values, gradient.indices])
        assert (values.tolist(), indices.tolist()) == ([[6.0], [2.0]], [2, 0])
