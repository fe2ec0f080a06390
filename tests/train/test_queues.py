"""Queues between threads, runners, producers and batches."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf

PATIENCE = 20  # seconds, after which a test fails instead of waiting for ever


@pytest.fixture(autouse=True)
def own_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


class Background:
    """A call in a thread, and what came of it."""

    def __init__(self, function: Callable[..., Any], *args: Any) -> None:
        self.value: Any = None
        self.error: Exception | None = None
        self.thread = threading.Thread(target=self._run, args=(function, *args), daemon=True)
        self.thread.start()

    def _run(self, function: Callable[..., Any], *args: Any) -> None:
        try:
            self.value = function(*args)
        except Exception as error:
            self.error = error

    @property
    def waits(self) -> bool:
        self.thread.join(0.05)
        return self.thread.is_alive()

    def result(self) -> Any:
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "still waiting"
        if self.error is not None:
            raise self.error
        return self.value


@contextmanager
def running(session: Any) -> Iterator[None]:
    coord = tf.train.Coordinator()
    threads = tf.train.start_queue_runners(session, coord)
    try:
        yield
    finally:
        coord.request_stop()
        coord.join(threads, stop_grace_period_secs=PATIENCE)


def until_the_end(session: Any, fetch: Any) -> list[Any]:
    values = []
    while len(values) < 1000:
        try:
            values.append(session.run(fetch))
        except tf.errors.OutOfRangeError:
            return values
    raise AssertionError("no end")


# Waiting


def test_taking_waits_for_an_element() -> None:
    queue = tf.FIFOQueue(2, tf.int32, shapes=[[]])
    with tf.Session() as session:
        taken = Background(session.run, queue.dequeue())
        assert taken.waits
        session.run(queue.enqueue(7))
        assert taken.result() == 7


def test_adding_waits_for_room() -> None:
    queue = tf.FIFOQueue(1, tf.int32, shapes=[[]])
    enqueue, dequeue = queue.enqueue_many([[1, 2, 3]]), queue.dequeue()
    with tf.Session() as session:
        added = Background(session.run, enqueue)
        assert added.waits
        assert [session.run(dequeue) for _ in range(3)] == [1, 2, 3]
        added.result()


def test_a_batch_may_be_larger_than_the_queue() -> None:
    queue = tf.FIFOQueue(2, tf.int32, shapes=[[]])
    with tf.Session() as session:
        taken = Background(session.run, queue.dequeue_many(7))
        session.run(queue.enqueue_many([list(range(7))]))
        assert taken.result().tolist() == list(range(7))


def test_closing_tells_who_waits_to_take() -> None:
    queue = tf.FIFOQueue(5, tf.int32, shapes=[[]])
    with tf.Session() as session:
        session.run(queue.enqueue(1))
        taken = Background(session.run, queue.dequeue_many(3))
        assert taken.waits
        session.run(queue.close())
        with pytest.raises(tf.errors.OutOfRangeError, match=r"requested 3, current size 1"):
            taken.result()
        assert session.run(queue.dequeue()) == 1  # what it had taken is back


def test_closing_lets_finish_who_waits_to_add() -> None:
    queue = tf.FIFOQueue(1, tf.int32, shapes=[[]])
    with tf.Session() as session:
        session.run(queue.enqueue(0))
        added = Background(session.run, queue.enqueue_many([[1, 2]]))
        assert added.waits
        session.run(queue.close())
        assert until_the_end(session, queue.dequeue()) == [0, 1, 2]
        added.result()
        with pytest.raises(tf.errors.CancelledError, match="already closed"):
            session.run(queue.close())


def test_closing_can_cancel_who_waits_to_add() -> None:
    queue = tf.FIFOQueue(1, tf.int32, shapes=[[]])
    with tf.Session() as session:
        added = [Background(session.run, queue.enqueue_many([[1, 2]])) for _ in range(3)]
        assert all(one.waits for one in added)
        session.run(queue.close(cancel_pending_enqueues=True))
        for one in added:
            with pytest.raises(tf.errors.CancelledError):
                one.result()


@pytest.mark.parametrize("make", [
    lambda queue: queue.dequeue(), lambda queue: queue.dequeue_many(3), lambda queue: queue.dequeue_up_to(3),
    lambda queue: queue.enqueue_many([[1, 2, 3]]), lambda queue: tf.TextLineReader().read(queue),
])  # fmt: skip
def test_the_end_of_a_session_ends_all_waiting(make: Any) -> None:
    queue = tf.FIFOQueue(1, tf.int32, shapes=[[]])
    fetch = make(queue)
    session = tf.Session()
    waiting = Background(session.run, fetch)
    assert waiting.waits
    session.close()
    with pytest.raises((tf.errors.CancelledError, RuntimeError)):
        waiting.result()


def test_a_shuffle_queue_keeps_some_to_choose_from() -> None:
    queue = tf.RandomShuffleQueue(10, 2, tf.int32, shapes=[[]])
    with tf.Session() as session:
        session.run(queue.enqueue_many([[1, 2]]))
        taken = Background(session.run, queue.dequeue())
        assert taken.waits
        session.run(queue.enqueue(3))
        assert taken.result() in (1, 2, 3)
        session.run(queue.close())
        assert session.run(queue.dequeue_many(2)).shape == (2,)


def test_variables_are_free_while_a_thread_waits() -> None:
    queue = tf.FIFOQueue(1, tf.float32, shapes=[[]])
    weight = tf.Variable(1.0)
    counted = weight.assign_add(1.0)
    with tf.control_dependencies([counted]):
        enqueue = queue.enqueue(weight.read_value())
    step = weight.assign_add(queue.dequeue())
    with tf.Session() as session:
        session.run(weight.initializer)
        session.run(queue.enqueue(0.0))
        added = Background(session.run, enqueue)  # writes a variable, then waits for room
        assert added.waits
        for _ in range(20):  # whichever way the session runs it
            assert session.run(weight) == 2.0
        assert session.run(step) == 2.0
        added.result()
        assert session.run(step) == 4.0


def test_many_threads_lose_nothing() -> None:
    queue = tf.FIFOQueue(3, tf.int64, shapes=[[]])
    number = tf.placeholder(tf.int64, [None])
    enqueue, dequeue = queue.enqueue_many([number]), queue.dequeue_many(5)
    with tf.Session() as session:
        adders = [
            Background(session.run, enqueue, {number: np.arange(n * 25, n * 25 + 25)}) for n in range(4)
        ]
        takers = [Background(lambda: [session.run(dequeue) for _ in range(5)]) for _ in range(4)]
        found = np.concatenate([batch for taker in takers for batch in taker.result()])
        for adder in adders:
            adder.result()
    assert sorted(found.tolist()) == list(range(100))


def test_elements_are_the_queues_own() -> None:
    queue = tf.FIFOQueue(3, tf.float32)
    value = tf.placeholder(tf.float32)
    fed = np.zeros(3, np.float32)
    with tf.Session() as session:
        session.run(queue.enqueue(value), {value: fed})
        fed[:] = 1
        assert session.run(queue.dequeue()).tolist() == [0, 0, 0]


def test_sessions_have_queues_of_their_own() -> None:
    queue = tf.FIFOQueue(3, tf.int32, shapes=[[]])
    with tf.Session() as one, tf.Session() as other:
        one.run(queue.enqueue(1))
        assert (one.run(queue.size()), other.run(queue.size())) == (1, 0)


# Runners


def test_runner_closes_the_queue_at_the_end_of_its_input() -> None:
    queue = tf.FIFOQueue(2, tf.int64, shapes=[[]])
    counter = tf.Variable(0, dtype=tf.int64)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(counter.count_up_to(7))] * 2)
    tf.train.add_queue_runner(runner)
    with tf.Session() as session:
        session.run(counter.initializer)
        with running(session):
            assert runner.create_threads(session) == []  # they run already
            assert sorted(until_the_end(session, queue.dequeue())) == list(range(7))
    assert runner.name == "fifo_queue" and runner.queue is queue and len(runner.enqueue_ops) == 2


def test_runner_reports_errors() -> None:
    queue = tf.FIFOQueue(2, tf.int64, shapes=[[]])
    tf.train.add_queue_runner(
        tf.train.QueueRunner(queue, [queue.enqueue(tf.string_to_number("x", tf.int64))])
    )
    with tf.Session() as session:
        coord = tf.train.Coordinator()
        threads = tf.train.start_queue_runners(session, coord)
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(queue.dequeue())
        with pytest.raises(tf.errors.InvalidArgumentError, match="correctly convert string: x"):
            coord.join(threads)


def test_runner_as_a_message() -> None:
    queue = tf.FIFOQueue(2, tf.int64, shapes=[[]], name="numbers")
    types = (tf.errors.OutOfRangeError, tf.errors.CancelledError)
    runner = tf.train.QueueRunner(queue, [queue.enqueue(1)], queue_closed_exception_types=types)
    message = runner.to_proto()
    again = tf.train.QueueRunner.from_proto(message)
    assert again.to_proto() == message
    assert again.queue_closed_exception_types == types
    assert again.close_op is runner.close_op and again.cancel_op is runner.cancel_op


def test_runner_refuses() -> None:
    queue = tf.FIFOQueue(2, tf.int64)
    with pytest.raises(ValueError, match="Must provide queue and enqueue_ops"):
        tf.train.QueueRunner(queue, [])
    with pytest.raises(TypeError, match="must be a tuple of tf.error types"):
        tf.train.QueueRunner(queue, [queue.close()], queue_closed_exception_types=[tf.errors.OutOfRangeError])
    with pytest.raises(ValueError, match="No default session"):
        tf.train.start_queue_runners()
    with pytest.raises(TypeError, match=r"must be a `tf.Session` object"):
        tf.train.start_queue_runners("session")


# Producers and batches


def test_string_producer() -> None:
    name = tf.train.string_input_producer(["a", "b", "c"], num_epochs=2, shuffle=False).dequeue()
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with running(session):
            assert until_the_end(session, name) == [b"a", b"b", b"c"] * 2
    with pytest.raises(ValueError, match="non-null input tensor"):
        tf.train.string_input_producer([])
    with pytest.raises(ValueError, match="num_epochs must be > 0 not 0"):
        tf.train.string_input_producer(["a"], num_epochs=0)


def test_slices_in_tensorflows_order() -> None:
    pair = tf.train.slice_input_producer([tf.range(10), tf.range(10) * 2], num_epochs=1, seed=3)
    batch = tf.train.batch(pair, 4, allow_smaller_final_batch=True)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with running(session):
            found = until_the_end(session, batch)
    assert [x.tolist() for x, _ in found] == [[7, 2, 6, 8], [9, 1, 5, 3], [4, 0]]
    assert all((y == 2 * x).all() for x, y in found)


def test_records_to_batches(tmp_path: Path) -> None:
    paths = [str(tmp_path / f"{n}.tfrecord") for n in range(2)]
    for part, path in enumerate(paths):
        with tf.python_io.TFRecordWriter(path) as writer:
            for n in range(10):
                feature = {"n": tf.train.Feature(int64_list=tf.train.Int64List(value=[10 * part + n]))}
                writer.write(
                    tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
                )
    names = tf.train.string_input_producer(
        tf.train.match_filenames_once(f"{tmp_path}/*.tfrecord"), num_epochs=1
    )
    _, record = tf.TFRecordReader().read(names)
    example = tf.parse_single_example(record, {"n": tf.FixedLenFeature([], tf.int64)})
    batch = tf.train.shuffle_batch(
        example, 4, capacity=12, min_after_dequeue=5, num_threads=2, allow_smaller_final_batch=True
    )
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with running(session):
            found = until_the_end(session, batch)
    numbers = [n for value in found for n in value["n"].tolist()]
    assert sorted(numbers) == list(range(20)) and numbers != list(range(20))


def test_batch_join_and_padding() -> None:
    numbers = [tf.train.range_input_producer(5, num_epochs=1, shuffle=False).dequeue() for _ in range(2)]
    rows = [[n, tf.range(n)] for n in numbers]
    batch = tf.train.batch_join(rows, 5, dynamic_pad=True)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with running(session):
            found = until_the_end(session, batch)
    assert len(found) == 2
    for sizes, values in found:
        assert values.shape == (5, sizes.max())
        for size, row in zip(sizes.tolist(), values.tolist(), strict=True):
            assert row == list(range(size)) + [0] * (len(row) - size)


@pytest.mark.parametrize("many", [True, False])
def test_maybe_batch(many: bool) -> None:
    producer = tf.train.range_input_producer(8, num_epochs=1, shuffle=False)
    number = producer.dequeue_many(4) if many else producer.dequeue()
    batch = tf.train.maybe_batch([number], tf.equal(number % 2, 0), 2, enqueue_many=many)
    with tf.Session() as session:
        session.run(tf.local_variables_initializer())
        with running(session):
            assert [x.tolist() for x in until_the_end(session, batch)] == [[0, 2], [4, 6]]


def test_training_from_a_queue() -> None:
    x = tf.train.range_input_producer(50, shuffle=True, seed=1).dequeue()
    inputs = tf.train.batch([tf.cast(x, tf.float32) / 50], 10)
    weight = tf.Variable(0.0)
    loss = tf.reduce_mean(tf.square(weight * inputs - 3 * inputs))
    train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with running(session):
            for _ in range(60):
                session.run(train)
        assert abs(session.run(weight) - 3) < 0.05


def test_batches_refuse() -> None:
    x = tf.placeholder(tf.float32)
    with pytest.raises(ValueError, match="Cannot infer Tensor's rank"):
        tf.train.batch([x], 2)
    with pytest.raises(ValueError, match="capacity 5 must be bigger than min_after_dequeue 5"):
        tf.train.shuffle_batch([tf.constant(1)], 2, 5, 5)
    with pytest.raises(ValueError, match="Expected at least one tensor"):
        tf.train.batch([], 2)
    with pytest.raises(TypeError, match="Expected types to be consistent: int32 vs. float32"):
        tf.train.batch_join([[tf.constant(1)], [tf.constant(1.0)]], 2)
    with pytest.raises(ValueError, match="cannot be a vector"):
        tf.train.maybe_batch([tf.constant([1])], tf.constant([True]), 2)
    with pytest.raises(NotImplementedError, match="SparseTensors are not supported"):
        tf.train.batch([tf.SparseTensor([[0]], [1], [1])], 2)
