"""Threads that stop together."""

import sys
import threading
import time
from typing import Any

import pytest

import reflow as tf


def started(target: Any, *args: Any) -> threading.Thread:
    thread = threading.Thread(target=target, args=args, daemon=True)
    thread.start()
    return thread


def test_threads_stop_together() -> None:
    coord = tf.train.Coordinator()
    counts = [0, 0]

    def work(number: int) -> None:
        while not coord.should_stop():
            counts[number] += 1
            if min(counts) > 10:
                coord.request_stop()
            time.sleep(0.0005)

    threads = [started(work, n) for n in range(2)]
    coord.join(threads)
    assert min(counts) > 10 and not any(t.is_alive() for t in threads)
    assert coord.joined and coord.should_stop()


def test_join_waits_for_threads_that_end_by_themselves() -> None:
    coord = tf.train.Coordinator()
    coord.register_thread(started(time.sleep, 0.01))
    coord.join()
    assert not coord.should_stop()


@pytest.mark.parametrize("as_tuple", [True, False])
def test_the_first_error_is_raised(as_tuple: bool) -> None:
    coord = tf.train.Coordinator()
    for text in ("first", "second"):
        try:
            raise ValueError(text)
        except ValueError as error:
            coord.request_stop(sys.exc_info() if as_tuple else error)
    with pytest.raises(ValueError, match="first") as raised:
        coord.join()
    assert [entry.name for entry in raised.traceback][-1] == "test_the_first_error_is_raised"
    with pytest.raises(ValueError, match="first"):
        coord.raise_requested_exception()


def test_the_end_of_the_input_is_no_error() -> None:
    coord = tf.train.Coordinator()
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "end"))
    coord.join()
    coord = tf.train.Coordinator(clean_stop_exception_types=(ValueError,))
    coord.request_stop(tf.errors.OutOfRangeError(None, None, "end"))
    with pytest.raises(tf.errors.OutOfRangeError, match="end"):
        coord.join()


def test_stop_on_exception() -> None:
    coord = tf.train.Coordinator()

    def work() -> None:
        with coord.stop_on_exception():
            raise KeyError("lost")

    coord.register_thread(started(work))
    with pytest.raises(KeyError, match="lost"):
        coord.join()


def test_an_error_after_join_is_raised_at_once() -> None:
    coord = tf.train.Coordinator()
    coord.request_stop()
    coord.join()
    coord.request_stop()
    with pytest.raises(ValueError, match="late"):
        coord.request_stop(ValueError("late"))


def test_threads_that_go_on() -> None:
    for ignored in (False, True):
        coord = tf.train.Coordinator()
        end = threading.Event()
        thread = started(end.wait)
        coord.request_stop()
        if ignored:
            coord.join([thread], stop_grace_period_secs=0.01, ignore_live_threads=True)
        else:
            with pytest.raises(RuntimeError, match="threads still running: Thread"):
                coord.join([thread], stop_grace_period_secs=0.01)
        end.set()
        thread.join()


def test_clear_stop() -> None:
    coord = tf.train.Coordinator()
    coord.request_stop(ValueError("old"))
    coord.clear_stop()
    assert not coord.should_stop() and not coord.wait_for_stop(0.001)
    coord.join()
    coord.clear_stop()
    assert not coord.joined


class Counting(tf.train.LooperThread):
    calls: list[str]

    def start_loop(self) -> None:
        self.calls = ["start"]

    def run_loop(self) -> None:
        self.calls.append("run")
        if len(self.calls) == 4:
            self._coord.request_stop()

    def stop_loop(self) -> None:
        self.calls.append("stop")


@pytest.mark.parametrize("interval", [None, 0.001])
def test_looper_thread(interval: float | None) -> None:
    coord = tf.train.Coordinator()
    thread = Counting(coord, interval)
    thread.start()
    coord.join()
    assert thread.calls == ["start", "run", "run", "run", "stop"] and thread.daemon


def test_looper_thread_reports_errors() -> None:
    coord = tf.train.Coordinator()
    tf.train.LooperThread.loop(coord, 0.001, int, args=("x",))
    with pytest.raises(ValueError, match="invalid literal"):
        coord.join()
    with pytest.raises(ValueError, match="must be a Coordinator"):
        tf.train.LooperThread(None, 1)
    with pytest.raises(ValueError, match="pass 'target'"):
        tf.train.LooperThread(coord, 1, args=(1,))
