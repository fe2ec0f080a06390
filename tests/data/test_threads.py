"""Threads behind datasets: that they work side by side and ahead, in order, and that they end."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import reflow as tf

Dataset = tf.data.Dataset
PATIENCE = 20.0  # seconds: only a failing test waits so long


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def called(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of datasets that calls a Python function."""
    return lambda x: tf.py_func(function, [x], tf.int64)


def together(count: int) -> Callable[[Any], Any]:
    """A function that returns its argument as soon as `count` calls of it are going on."""
    barrier = threading.Barrier(count)

    def wait(x: Any) -> Any:
        barrier.wait(PATIENCE)
        return x

    return called(wait)


def elements(dataset: Any, count: int = 1000) -> list[Any]:
    """The elements, or the classes of errors in their places."""
    element, found = dataset.make_one_shot_iterator().get_next(), []
    with tf.Session() as session:
        while len(found) < count:
            try:
                found.append(int(session.run(element)))
            except tf.errors.OutOfRangeError:
                break
            except tf.errors.OpError as error:
                found.append(type(error).__name__)
    return found


# Side by side


def test_calls_of_a_parallel_map_go_on_side_by_side() -> None:
    assert elements(Dataset.range(8).map(together(4), 4)) == list(range(8))


def test_calls_of_map_and_batch_go_on_side_by_side() -> None:
    for settings in ({"num_parallel_calls": 4}, {"num_parallel_batches": 2}):
        batches = tf.data.experimental.map_and_batch(together(4), 2, **settings)
        dataset = Dataset.range(8).apply(batches)
        assert elements(dataset.map(tf.reduce_sum)) == [1, 5, 9, 13]


def inner(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda i: Dataset.range(10 * i, 10 * i + 3).map(function)


@pytest.mark.parametrize(("cycle", "datasets"), [(2, 4), (3, 3)])
def test_datasets_of_a_parallel_interleave_work_side_by_side(cycle: int, datasets: int) -> None:
    make = inner(together(cycle))
    dataset = Dataset.range(datasets).interleave(make, cycle, num_parallel_calls=cycle)
    assert elements(dataset) == elements(Dataset.range(datasets).interleave(inner(lambda x: x), cycle))


def test_generators_interleaved_work_side_by_side() -> None:
    barrier = threading.Barrier(3)

    def count(n: int) -> Iterator[int]:
        for i in range(3):
            barrier.wait(PATIENCE)
            yield 10 * n + i

    make = lambda n: Dataset.from_generator(count, tf.int64, [], args=(n,))  # noqa: E731
    dataset = Dataset.range(3).apply(tf.data.experimental.parallel_interleave(make, 3))
    assert elements(dataset) == [0, 10, 20, 1, 11, 21, 2, 12, 22]


@pytest.mark.parametrize(("cycle", "block"), [(1, 1), (2, 3), (3, 2), (5, 1)])
def test_threads_keep_the_order_of_interleaved_elements(cycle: int, block: int) -> None:
    make = lambda i: Dataset.range(10 * i, 11 * i).map(called(lambda x: x))  # noqa: E731
    plain = lambda i: Dataset.range(10 * i, 11 * i)  # noqa: E731
    want = elements(Dataset.range(7).interleave(plain, cycle, block))
    assert elements(Dataset.range(7).interleave(make, cycle, block, num_parallel_calls=1)) == want
    settings = {"buffer_output_elements": 1, "prefetch_input_elements": 2}
    parallel = tf.data.experimental.parallel_interleave(make, cycle, block, **settings)
    assert elements(Dataset.range(7).apply(parallel)) == want


def test_a_sloppy_interleave_passes_over_what_is_not_ready() -> None:
    others_done = threading.Event()

    def slow_at_first(x: Any) -> Any:
        if x == 0:
            assert others_done.wait(PATIENCE)
        if x == 22:
            others_done.set()
        return x

    make = inner(called(slow_at_first))
    dataset = Dataset.range(3).apply(tf.data.experimental.parallel_interleave(make, 2, sloppy=True))
    found = elements(dataset)
    assert sorted(found) == [0, 1, 2, 10, 11, 12, 20, 21, 22]
    assert found.index(0) >= 5


# Ahead


def test_a_prefetch_works_while_nobody_asks() -> None:
    third = threading.Event()

    def note(x: Any) -> Any:
        if x == 2:
            third.set()
        return x

    element = Dataset.range(9).map(called(note)).prefetch(2).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        assert session.run(element) == 0
        assert third.wait(PATIENCE)


# Errors


@pytest.mark.parametrize(
    "change",
    [
        lambda d, f: d.map(f, 3),
        lambda d, f: d.map(f).prefetch(2),
        lambda d, f: d.interleave(lambda x: Dataset.from_tensors(x).map(f), 2, num_parallel_calls=2),
        lambda d, f: d.apply(
            tf.data.experimental.parallel_interleave(lambda x: Dataset.from_tensors(x).map(f), 2)
        ),
    ],
)
def test_errors_come_in_the_place_of_their_elements(change: Any) -> None:
    def refuse(x: Any) -> Any:
        if x in (1, 3):
            raise ValueError(f"no {x}")
        return x

    want = [0, "InvalidArgumentError", 2, "InvalidArgumentError", 4]
    assert elements(change(Dataset.range(5), called(refuse))) == want


def test_the_error_of_a_thread_has_the_traceback_of_the_function() -> None:
    def broken_function(x: Any) -> Any:
        raise KeyError("from a thread")

    dataset = Dataset.range(3).map(called(broken_function), 2).prefetch(1)
    element = dataset.make_one_shot_iterator().get_next()
    with tf.Session() as session, pytest.raises(tf.errors.UnknownError) as caught:
        session.run(element)
    assert "in broken_function" in str(caught.value)
    assert "from a thread" in str(caught.value)


# The end


def working() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("reflow-")]


def nobody_works(but: int = 0) -> bool:
    """Whether all threads `but` a few end soon."""
    end = time.monotonic() + PATIENCE
    while len(working()) > but and time.monotonic() < end:
        gc.collect()
        time.sleep(0.02)
    return len(working()) <= but


MANY = {
    "prefetch": lambda f: Dataset.range(100).map(f).prefetch(3),
    "map": lambda f: Dataset.range(100).map(f, 3).repeat(3),
    "batches": lambda f: Dataset.range(100).apply(tf.data.experimental.map_and_batch(f, 2, 2)),
    "interleave": lambda f: Dataset.range(9).interleave(inner(f), 3, num_parallel_calls=2).prefetch(1),
    "sloppy": lambda f: Dataset.range(9).apply(
        tf.data.experimental.parallel_interleave(inner(f), 3, sloppy=True)
    ),
}


@pytest.mark.parametrize("name", list(MANY))
@pytest.mark.parametrize("how", ["close", "drop", "initialize"])
def test_threads_end_with_their_iterator(name: str, how: str) -> None:
    assert nobody_works()
    dataset = MANY[name](called(lambda x: x))
    iterator = dataset.make_initializable_iterator()
    element, initializer = iterator.get_next(), iterator.initializer
    other = iterator.make_initializer(MANY[name](lambda x: x))
    session: Any = tf.Session()
    session.run(initializer)
    session.run(element)
    assert working()
    if how == "close":
        session.close()
    elif how == "initialize":
        session.run(other)
    else:
        session = None
    if how == "initialize" and name == "prefetch":
        session.close()  # the new pass has a thread as well
    assert nobody_works()


def test_passes_of_a_repeated_map_leave_no_threads() -> None:
    dataset = Dataset.range(2).map(called(lambda x: x), 2).repeat(40)
    element = dataset.make_one_shot_iterator().get_next()
    with tf.Session() as session:
        for _ in range(60):
            session.run(element)
        assert nobody_works(but=2)


EXIT = """
import numpy as np, sys, reflow as tf
x = np.ones((300, 300), np.float32)
def heavy(i):
    y = x * tf.cast(i, tf.float32)
    for _ in range(8):
        y = tf.tanh(tf.matmul(y, y))
    return tf.py_func(lambda v: v, [y], tf.float32)
dataset = tf.data.Dataset.range(10**9).map(heavy, 2).prefetch(50)
element = dataset.make_one_shot_iterator().get_next()
session = tf.Session(tier="compile")
session.run(element)
sys.exit(7)
"""


def test_a_process_ends_while_threads_work() -> None:
    done = subprocess.run([sys.executable, "-c", EXIT], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (7, "")


def test_numbers_of_threads_do_not_change_what_a_seeded_function_draws() -> None:
    tf.set_random_seed(5)
    dataset = Dataset.range(6).map(lambda x: tf.random_uniform([], maxval=1000, dtype=tf.int64, seed=2), 1)
    first = elements(dataset)
    assert first == elements(dataset) and len(set(first)) > 1
    assert np.mean(first) > 0
