"""Arrays that go in and out of a session belong to the program: nothing changes behind anybody's back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.runtime import backend

LARGE = 2_000_000  # elements: large enough that the device takes the array in while the program goes on


@pytest.mark.parametrize("resource", [False, True])
@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_fed_arrays_may_be_changed_afterwards(session: Any, size: int, resource: bool) -> None:
    x = tf.placeholder(tf.float32, [size])
    v = tf.Variable(tf.zeros([size]), use_resource=resource)
    puts = [
        v.assign(x).op,
        v.assign(tf.reshape(tf.reshape(x, [size, 1]), [-1])).op,
        v.assign(tf.identity(x)).op,
    ]
    sess = session()
    for put in puts:
        for _ in range(2):
            array = np.ones(size, np.float32)
            sess.run(put, {x: array})
            array[:] = 7
            assert np.array_equal(sess.run(v), np.ones(size))


def test_while_the_device_still_computes(session: Any) -> None:
    x, v = tf.placeholder(tf.float32, [LARGE]), tf.Variable(tf.zeros([LARGE]))
    put = v.assign(tf.tanh(tf.tanh(tf.tanh(x)))).op
    sess = session()
    sess.run(put, {x: np.ones(LARGE, np.float32)})
    for _ in range(3):
        array = np.ones(LARGE, np.float32)
        sess.run(put, {x: array})  # does not wait for the result
        array[:] = 0
        assert sess.run(v).min() > 0.5


def test_aligned_arrays(session: Any) -> None:
    """XLA may use an array whose address suits it without a copy."""
    x, v = tf.placeholder(tf.float32, [1024]), tf.Variable(tf.zeros([1024]))
    put, sess = v.assign(x).op, session()
    space = np.zeros(1024 + 16, np.float32)
    start = (-space.ctypes.data % 64) // 4
    array = space[start : start + 1024]
    for value in (1, 2, 3):
        array[:] = value
        sess.run(put, {x: array})
        array[:] = 9
        assert np.array_equal(sess.run(v), np.full(1024, value))


@pytest.mark.parametrize("shift", [0, 1])
def test_copies_of_large_feeds_are_not_used_again_while_something_holds_them(
    session: Any, shift: int
) -> None:
    """Arrays too large for XLA to copy at once, at addresses that it takes as they are, or not."""
    size = 1 << 16
    x, names = tf.placeholder(tf.float32, [size]), "abc"
    variables = [tf.get_variable(name, [size], initializer=tf.zeros_initializer()) for name in names]
    puts = [v.assign(x).op for v in variables]
    space = np.zeros(size + 32, np.float32)
    start = (-space.ctypes.data % 64) // 4 + shift
    array = space[start : start + size]
    sess = session()
    sess.run(tf.global_variables_initializer())
    fetched = []
    for value in range(1, 13):
        array[:] = value
        sess.run(puts[value % 3], {x: array})
        fetched.append(sess.run(x * 1.0, {x: array}))
    array[:] = 0
    assert [float(v[-1]) for v in fetched] == list(range(1, 13))
    assert [set(v.tolist()) for v in sess.run(variables)] == [{12.0}, {10.0}, {11.0}]


def test_memory_of_a_copy_is_used_again_only_when_nobody_has_it() -> None:
    space = np.zeros((1 << 16) + 32, np.float32)
    start = (-space.ctypes.data % 64) // 4 + 1
    array, aligned = space[start : start + (1 << 16)], backend.Aligned()
    held = []
    for value in range(4):
        array[:] = value
        held.append(aligned(array))
        assert held[-1].ctypes.data % 64 == 0
    assert [set(copy.tolist()) for copy in held] == [{0.0}, {1.0}, {2.0}, {3.0}]
    places = {copy.ctypes.data for copy in held}
    del held[:]
    assert aligned(array).ctypes.data in places
    assert aligned(array[:-1]).shape == ((1 << 16) - 1,)  # of another shape: not that memory
    assert np.array_equal(aligned(array.astype(np.float64)), array)


def test_fed_texts(session: Any) -> None:
    x, v = tf.placeholder(tf.string, [1]), tf.Variable(["a"])
    put, sess = v.assign(x).op, session()
    array = np.array([b"b"], object)
    sess.run(put, {x: array})
    array[0] = b"c"
    assert sess.run(v) == [b"b"]
    texts = np.array(["d"], object)
    sess.run(put, {x: texts})
    assert texts[0] == "d"  # encoded in a copy


def test_arrays_of_python_functions(session: Any) -> None:
    own = np.ones(1000, np.float32)
    v = tf.Variable(tf.zeros([1000]))
    values = tf.py_func(lambda: own, [], tf.float32)
    values.set_shape([1000])
    put, sess = v.assign(values).op, session()
    sess.run(put)
    own[:] = 7
    assert sess.run(v)[0] == 1
    got = sess.run(values)
    got[:] = 9
    assert own[0] == 7


def test_fetched_arrays_are_writable_and_separate(session: Any) -> None:
    x = tf.placeholder(tf.float32, [3])
    v, w = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0], use_resource=True)
    c, text = tf.constant([1.0, 2.0, 3.0]), tf.constant(["a"])
    views = [v, w, c, x, tf.identity(x), tf.reshape(c, [1, 3]), tf.reshape(v, [3, 1]), w.read_value(), c[:2]]
    sess, fed = session(), np.array([1, 2, 3], np.float32)
    wanted = sess.run(views, {x: fed})
    for _ in range(2):
        got = sess.run(views, {x: fed})
        for array, same in zip(got, wanted, strict=True):
            assert array.flags.writeable and np.array_equal(array, same)
            array[...] = -1
        texts = sess.run(text)
        assert texts == [b"a"]
        texts[0] = b"z"
    assert fed.tolist() == [1, 2, 3]


def test_fetched_arrays_are_not_changed_by_later_runs(session: Any) -> None:
    v = tf.Variable(tf.zeros([1000]))
    add, sess = v.assign_add(tf.ones([1000])), session()
    kept = [sess.run([v, add])[0] for _ in range(5)] + [sess.run(add) for _ in range(3)]
    assert [a[0] for a in kept[:5]] in ([0, 1, 2, 3, 4], [1, 2, 3, 4, 5])
    assert [a[-1] for a in kept[5:]] == [6, 7, 8]


def test_constants_are_not_the_programs_arrays(session: Any) -> None:
    array = np.ones(1000, np.float32)
    c, part = tf.constant(array), tf.constant(array[::2])
    v = tf.Variable(c)
    array[:] = 5
    sess = session()
    assert sess.run(tf.reduce_max(c) + tf.reduce_max(part)) == 2
    add = v.assign_add(tf.ones([1000]))
    for _ in range(2):  # the constant's device array is not given away with the variable
        sess.run(v.initializer)
        sess.run(add.op)
        sess.run(add.op)
        assert sess.run(v)[0] == 3 and sess.run(c)[0] == 1


def test_one_constant_for_two_variables(session: Any) -> None:
    c = tf.constant(np.zeros(1000, np.float32))
    v, w = tf.Variable(c), tf.Variable(c)
    add, sess = tf.group(v.assign_add(tf.ones([1000])), w.assign_add(2 * tf.ones([1000]))), session()
    sess.run(add)
    sess.run(add)
    assert [a[0] for a in sess.run([v, w])] == [2, 4]


def test_sessions_share_nothing(tier: str) -> None:
    v = tf.Variable(1.0)
    add = v.assign_add(1.0)
    random = tf.random_uniform([], seed=5)
    first, second = tf.Session(tier=tier), tf.Session(tier=tier)
    first.run(v.initializer)
    with pytest.raises(tf.errors.FailedPreconditionError):
        second.run(v)
    second.run(v.initializer)
    assert [first.run(add) for _ in range(3)] == [2, 3, 4]
    assert second.run(add) == 2
    numbers = [first.run(random) for _ in range(3)]
    assert [second.run(random) for _ in range(3)] == numbers and len(set(numbers)) == 3


def test_a_variable_is_updated_in_place() -> None:
    v = tf.Variable(tf.zeros([4096]))
    m = tf.Variable(tf.zeros([4096]))
    step = tf.group(v.assign_add(m + 1), m.assign(m * 0.9 + 1))
    with tf.Session(tier="compile") as sess:
        sess.run(tf.global_variables_initializer())
        places = []
        for _ in range(6):
            sess.run(step)
            places.append([c.value.unsafe_buffer_pointer() for c in sess._store.cells.values()])
        assert sorted(places[1]) == sorted(places[-1])  # the same two buffers, in turn or in place
