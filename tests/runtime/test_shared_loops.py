"""Updates of a variable with slots: one loop writes all of them, in programs that gain by it."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.ops import parts
from reflow.runtime import compile, xla_options

VERSION = tuple(map(int, metadata.version("jax").split(".")[:2]))
pytestmark = pytest.mark.skipif(
    VERSION not in xla_options.TESTED,
    reason="without a trial, programs share no loops with this version of JAX",
)

INPUTS, UNITS = 48, 32
OPTIMIZERS = {  # and how many arrays one loop writes
    "momentum": (lambda: tf.train.MomentumOptimizer(0.1, 0.9), 2),
    "nesterov": (lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True), 2),
    "adagrad": (lambda: tf.train.AdagradOptimizer(0.1), 2),
    "adadelta": (lambda: tf.train.AdadeltaOptimizer(1.0), 3),
    "adam": (lambda: tf.train.AdamOptimizer(0.01), 3),
    "rms": (lambda: tf.train.RMSPropOptimizer(0.01, momentum=0.5), 3),
    "centered rms": (lambda: tf.train.RMSPropOptimizer(0.01, centered=True), 4),
    "ftrl": (lambda: tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.01), 3),
}


@pytest.fixture
def separate(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function after which programs share no loops."""
    return lambda: monkeypatch.setattr(compile.backend, "can_share_loops", lambda: False)


def network(batch: int, use_resource: bool = False) -> tuple[Any, Any, dict[Any, np.ndarray]]:
    """A layer with its loss, which refuses labels out of range; and what is fed."""
    random = np.random.RandomState(0)
    x = tf.placeholder(tf.float32, [None, INPUTS])
    labels = tf.placeholder(tf.int32, [None])
    start = random.normal(size=(INPUTS, UNITS)).astype(np.float32)
    w = tf.get_variable("w", initializer=start, use_resource=use_resource)
    b = tf.get_variable("b", initializer=np.zeros(UNITS, np.float32), use_resource=use_resource)
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=tf.matmul(x, w) + b)
    feed = {
        x: random.normal(size=(batch, INPUTS)).astype(np.float32),
        labels: random.randint(0, UNITS, batch).astype(np.int32),
    }
    return labels, tf.reduce_mean(each), feed


def trained(optimizer: Any, tier: str = "compile", batch: int = 4, steps: int = 3) -> list[np.ndarray]:
    """All variables after some steps."""
    with tf.Graph().as_default():
        _, loss, feed = network(batch)
        step = optimizer().minimize(loss)
        with tf.Session(tier=tier) as session:
            session.run(tf.global_variables_initializer())
            for _ in range(steps):
                session.run(step, feed)
            return session.run(tf.global_variables())


def results_of_loops(text: str) -> list[int]:
    """How many arrays of the size of the weights each loop of a program writes."""
    main = text.split("ENTRY")[1].splitlines()
    loops = [line.split(" fusion(")[0] for line in main if " fusion(" in line]
    counts = [len(re.findall(rf"f32\[{INPUTS},{UNITS}\]", loop)) for loop in loops]
    return sorted(n for n in counts if n)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_one_loop_writes_a_variable_and_its_slots(name: str, programs: list[str], separate: Any) -> None:
    """Were it not, this version of XLA or of JAX has lost what sharing relies on, and steps are slower."""
    optimizer, written = OPTIMIZERS[name]
    found = trained(optimizer)
    assert results_of_loops(programs[-2])[-1] == written  # the last program reads the variables
    assert " copy(f32" not in programs[-2]
    separate()
    for value, wanted, interpreted in zip(
        found, trained(optimizer), trained(optimizer, "interpret"), strict=True
    ):
        np.testing.assert_allclose(value, wanted, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(value, interpreted, rtol=1e-5, atol=1e-6)
    assert max(results_of_loops(programs[-2]), default=0) <= 1


@pytest.mark.parametrize("use_resource", [False, True])
def test_a_step_that_fails_changes_nothing(use_resource: bool, programs: list[str]) -> None:
    labels, loss, feed = network(4, use_resource)
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    with tf.Session(tier="compile") as session:
        session.run(tf.global_variables_initializer())
        session.run(step, feed)
        assert 3 in results_of_loops(programs[-1])
        before = session.run(tf.global_variables())
        with pytest.raises(tf.errors.InvalidArgumentError, match="label"):
            session.run(step, {**feed, labels: np.full(4, UNITS, np.int32)})
        for value, wanted in zip(session.run(tf.global_variables()), before, strict=True):
            np.testing.assert_array_equal(value, wanted)
        session.run(step, feed)
        assert not np.array_equal(session.run(tf.global_variables())[0], before[0])


def test_what_reads_the_old_contents_gets_them() -> None:
    _, loss, feed = network(4)
    step = tf.train.AdamOptimizer(0.01).minimize(loss)
    w = tf.trainable_variables()[0]
    with tf.Session(tier="compile") as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            before = session.run(w)
            total, _ = session.run([tf.reduce_sum(w.value() * w.value()), step], feed)
            np.testing.assert_allclose(total, np.sum(before * before), rtol=1e-5)
            assert not np.array_equal(session.run(w), before)


SMALL, LARGE = 4, 512  # batches: the elementwise work is less, or more, than that on the weights


def test_only_where_updates_are_most_of_the_work(programs: list[str]) -> None:
    trained(OPTIMIZERS["adam"][0], batch=LARGE)
    assert max(results_of_loops(programs[-2])) == 1
    trained(OPTIMIZERS["adam"][0], batch=SMALL)
    assert max(results_of_loops(programs[-2])) == 3


def without_slots() -> Any:
    _, loss, feed = network(SMALL)
    return tf.train.GradientDescentOptimizer(0.1).minimize(loss), feed


def with_random_numbers() -> Any:
    x = tf.placeholder(tf.float32, [SMALL, INPUTS])
    y = tf.nn.dropout(tf.matmul(x, tf.get_variable("w", [INPUTS, UNITS])), rate=0.5)
    feed = {x: np.ones((SMALL, INPUTS), np.float32)}
    return tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(y)), feed


def of_rows() -> Any:
    w = tf.get_variable("w", [INPUTS, UNITS])
    loss = tf.reduce_sum(tf.nn.embedding_lookup(w, np.int32([1, 3])))
    return tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss), {}


def with_a_convolution() -> Any:
    x = tf.placeholder(tf.float32, [1, 4, 4, 3])
    w = tf.get_variable("w", [3, 3, 3, 64])
    loss = tf.reduce_sum(tf.nn.conv2d(x, w, [1, 4, 4, 1], "SAME"))
    return tf.train.AdamOptimizer(0.1).minimize(loss), {x: np.ones((1, 4, 4, 3), np.float32)}


@pytest.mark.parametrize("make", [without_slots, with_random_numbers, of_rows, with_a_convolution])
def test_other_programs_are_compiled_as_before(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    jitted = compile.backend.jitted

    def noted(*arguments: Any) -> Any:
        asked.append(arguments[4] if len(arguments) > 4 else False)
        return jitted(*arguments)

    monkeypatch.setattr(compile.backend, "jitted", noted)
    step, feed = make()
    with tf.Session(tier="compile") as session:
        session.run(tf.global_variables_initializer())
        session.run(step, feed)
    assert asked and not any(asked)


def test_numpy_and_other_programs_call_the_function() -> None:
    results = parts.in_one_loop(np, lambda x: (x, x * 2), {"x": np.arange(3)})
    assert [r.tolist() for r in results] == [[0, 1, 2], [0, 2, 4]]
    seen = []
    parts.in_one_loop(compile.backend.jnp(), lambda x: seen.append(x) or (x, x), {"x": np.arange(3)})
    assert len(seen) == 1


@pytest.fixture
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """`can_share_loops` without what it remembers. What it does to JAX is undone."""
    from jax._src import compiler

    compile.backend.jax()
    monkeypatch.setattr(compiler, "get_compile_options", compiler.get_compile_options)
    yield xla_options.can_share_loops.__wrapped__


def test_users_can_do_without(afresh: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert afresh()
    monkeypatch.setenv("REFLOW_SHARED_LOOPS", "0")
    assert not afresh()
    monkeypatch.setenv("REFLOW_SHARED_LOOPS", "1")
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_extra_options=xla_cpu_disable_loop_unrolling=true")
    assert not afresh()


def test_a_jax_that_was_not_tested_or_is_built_otherwise_does_without(
    afresh: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import jax
    from jax._src import compiler

    with monkeypatch.context() as patch:
        patch.setattr(jax.version, "__version_info__", (0, 99, 0))
        assert not afresh()
    with monkeypatch.context() as patch:
        patch.delattr(compiler, "get_compile_options")
        assert not afresh()
    original = inspect.unwrap(compiler.get_compile_options)
    for other in (original, lambda *args, env_options_overrides, **more: original(*args, **more)):
        with monkeypatch.context() as patch:  # it refuses such options, or pays no attention to them
            patch.setattr(xla_options, "_extended", lambda *_, other=other: other)
            assert not afresh()
    assert afresh()


def test_programs_without_the_option_are_not_touched() -> None:
    """Another library's programs in this process share no loops."""
    import jax

    assert compile.backend.can_share_loops()
    x = np.ones((4, 4), np.float32)
    text = jax.jit(lambda x, y: (x * 2 + y, x - y * 3)).lower(x, x).compile().as_text()
    assert text.split("ENTRY")[1].count(" fusion(") == 2


PROGRAM = """
import numpy as np, reflow as tf
w = tf.get_variable("w", initializer=np.ones((64, 64), np.float32))
step = tf.train.AdamOptimizer(0.01).minimize(tf.reduce_sum(tf.square(w)))
with tf.Session(tier="compile") as session:
    session.run(tf.global_variables_initializer())
    for _ in range(3):
        session.run(step)
    print(repr(float(session.run(tf.reduce_sum(w)))))
"""


def test_a_whole_program_gives_the_same_with_and_without() -> None:
    found = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "REFLOW_SHARED_LOOPS": value},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for value in ("0", "1")
    ]
    assert float(found[0]) == pytest.approx(float(found[1]), rel=1e-6)
    assert float(found[0]) == pytest.approx(64 * 64 * 0.97, rel=1e-3)
