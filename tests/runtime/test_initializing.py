"""Large variables begin without copies: by NumPy's threads, each value dropped after its last use."""

from __future__ import annotations

import tracemalloc

import numpy as np

import reflow as tf
from reflow.ops import philox

SIZE = 1 << 18
LARGE = 1 << 20  # beside which the chunks that the generator works in are small


def test_temporaries_are_dropped_after_their_last_use() -> None:
    value = tf.random_uniform([LARGE], seed=1)
    for _ in range(8):
        value = value * 2.0
    variable = tf.Variable(value)
    with tf.Session(tier="interpret") as session:
        tracemalloc.start()
        session.run(variable.initializer)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert 4 * LARGE < peak < 4 * 4 * LARGE  # all nine together would be 9 times 4 bytes each
        assert session.run(variable).shape == (LARGE,)


def test_a_large_initializer_is_interpreted() -> None:
    variable = tf.Variable(tf.truncated_normal([1 << 16], seed=1))
    with tf.Session() as session:
        session.run(variable.initializer)
        (executable,) = variable.graph.runtime["executables"].values()
        assert not executable.programs


def test_threads_draw_what_one_thread_draws() -> None:
    state = philox.initial_state(3, 4)
    chunk = 4 * philox.CHUNK
    whole = philox.standard_normal(np, state, (philox.MANY_CHUNKS * chunk + 5,), np.float32)[1]
    for start in (0, chunk, 3 * chunk):
        part = philox.standard_normal(np, philox.advance(np, state, start // 4), (50,), np.float32)[1]
        np.testing.assert_array_equal(whole[start : start + 50], part)


def test_a_repeated_value_is_kept_and_written_once() -> None:
    repeated, listed = tf.constant(0.5, shape=[SIZE]), tf.constant([0.5, 0.5])
    assert list(repeated.op.node_def.attr["value"].tensor.float_val) == [0.5]
    assert listed.op.node_def.attr["value"].tensor.tensor_content == np.float32([0.5, 0.5]).tobytes()
    with tf.Session() as session:
        found = session.run(repeated)
    assert found.shape == (SIZE,) and found.flags.writeable and (found == 0.5).all()
