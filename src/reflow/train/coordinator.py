"""Threads that stop together: `tf.train.Coordinator`."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NoReturn

from reflow.base import errors
from reflow.platform import logging

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
LONGEST_WAIT = 1.0  # seconds between two looks at the threads


class Coordinator:
    """Lets threads stop together, and the first exception of any of them arrive where they are joined.

    Each thread runs until `should_stop()`; any of them calls `request_stop()`. The main thread calls `join`,
    which waits for all and raises what a thread has reported.

    Args:
        clean_stop_exception_types: exceptions that stop the threads but are not raised by `join`;
            `tf.errors.OutOfRangeError`, the end of an input, by default.

    >>> import threading
    >>> import reflow as tf
    >>> coord = tf.train.Coordinator()
    >>> done = []
    >>> def work():
    ...     while not coord.should_stop():
    ...         done.append(len(done))
    ...         if len(done) == 3:
    ...             coord.request_stop()
    >>> thread = threading.Thread(target=work)
    >>> thread.start()
    >>> coord.join([thread])
    >>> done
    [0, 1, 2]
    """

    def __init__(self, clean_stop_exception_types: tuple[type[BaseException], ...] | None = None) -> None:
        if clean_stop_exception_types is None:
            clean_stop_exception_types = (errors.OutOfRangeError,)
        self._clean = tuple(clean_stop_exception_types)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: ExcInfo | None = None  # the first that was reported
        self._joined = False
        self._registered: set[threading.Thread] = set()

    def request_stop(self, ex: Any = None) -> None:
        """Ask the threads to stop.

        Args:
            ex: an exception, or what `sys.exc_info()` returned, that `join` shall raise. Only the first that
                is reported counts. After `join` it is raised here instead.
        """
        with self._lock:
            reported = self._filtered(ex)
            if self._joined:
                if reported is not None:
                    _raise(reported)
                return
            if self._stop.is_set():
                return
            if reported is not None and self._error is None:
                logging.info(f"Error reported to Coordinator: {reported[0]}, {reported[1]}")
                self._error = reported
            self._stop.set()

    def _filtered(self, ex: Any) -> ExcInfo | None:
        """What was reported as exc_info; None for nothing and for what is a clean way to stop."""
        if ex is None or (isinstance(ex, tuple) and ex[1] is None):
            return None
        info: ExcInfo = ex if isinstance(ex, tuple) else (type(ex), ex, ex.__traceback__)
        return None if isinstance(info[1], self._clean) else info

    def clear_stop(self) -> None:
        """Forget that a stop was asked for, and what was reported: threads may be started anew."""
        with self._lock:
            self._joined = False
            self._error = None
            self._stop.clear()

    def should_stop(self) -> bool:
        """Whether a stop was asked for."""
        return self._stop.is_set()

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Context manager: when its body raises, a stop is asked for, and the exception reported and dropped.

        >>> import reflow as tf
        >>> coord = tf.train.Coordinator()
        >>> with coord.stop_on_exception():
        ...     raise ValueError("no input")
        >>> coord.should_stop()
        True
        >>> coord.join()
        Traceback (most recent call last):
        ValueError: no input
        """
        try:
            yield
        except BaseException:
            self.request_stop(ex=sys.exc_info())

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until a stop is asked for, or `timeout` seconds; returns whether it is."""
        return self._stop.wait(timeout)

    def register_thread(self, thread: threading.Thread) -> None:
        """Add a thread that `join` waits for."""
        with self._lock:
            self._registered.add(thread)

    def join(
        self,
        threads: Iterable[threading.Thread] | None = None,
        stop_grace_period_secs: float = 120,
        ignore_live_threads: bool = False,
    ) -> None:
        """Wait for the threads to end, and raise what one of them has reported.

        Args:
            threads: the threads, beside those that are registered.
            stop_grace_period_secs: how long they may take once a stop is asked for.
            ignore_live_threads: return all the same when some have not ended by then.

        Raises:
            RuntimeError: some threads have not ended.
            any exception that was reported with `request_stop`.
        """
        with self._lock:
            waited = self._registered.union(threads or ())
        while any(thread.is_alive() for thread in waited) and not self._stop.wait(LONGEST_WAIT):
            pass
        _wait(waited, stop_grace_period_secs)
        alive = [thread.name for thread in waited if thread.is_alive()]
        with self._lock:
            self._joined = True
            self._registered.clear()
        self.raise_requested_exception()
        if alive and not ignore_live_threads:
            raise RuntimeError(f"Coordinator stopped with threads still running: {' '.join(alive)}")
        if alive:
            logging.info(f"Coordinator stopped with threads still running: {' '.join(alive)}")

    @property
    def joined(self) -> bool:
        """Whether `join` has ended."""
        return self._joined

    def raise_requested_exception(self) -> None:
        """Raise the exception that was reported with `request_stop`, if one was."""
        with self._lock:
            error = self._error
        if error is not None:
            _raise(error)


def _raise(info: ExcInfo) -> NoReturn:
    raise info[1].with_traceback(info[2])


def _wait(threads: Iterable[threading.Thread], seconds: float) -> None:
    """Wait until all threads have ended, or for so long."""
    end = time.monotonic() + seconds
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(max(end - time.monotonic(), 0))


class LooperThread(threading.Thread):
    """A thread that calls a function, again and again, until its coordinator asks for a stop.

    Args:
        coord: the coordinator, which the thread is registered with. It gets what the function raises.
        timer_interval_secs: from one call to the next, in seconds; None for no pause.
        target, args, kwargs: the function and its arguments. A class derived from this one may define
            `run_loop` instead, and `start_loop` and `stop_loop`, which are called once.

    Raises:
        ValueError: `coord` is no Coordinator.

    >>> import reflow as tf
    >>> coord, calls = tf.train.Coordinator(), []
    >>> def call():
    ...     calls.append(1)
    ...     if len(calls) == 2:
    ...         coord.request_stop()
    >>> thread = tf.train.LooperThread.loop(coord, None, target=call)
    >>> coord.join()
    >>> len(calls)
    2
    """

    def __init__(
        self,
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any] | None = None,
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        if not isinstance(coord, Coordinator):
            raise ValueError(f"'coord' argument must be a Coordinator: {coord}")
        super().__init__(daemon=True)
        self._coord = coord
        self._interval = timer_interval_secs
        if target is None and (args or kwargs):
            raise ValueError("'args' and 'kwargs' argument require that you also pass 'target'")
        self._function = target
        self._arguments = tuple(args or ())
        self._keywords = dict(kwargs or {})
        coord.register_thread(self)

    @staticmethod
    def loop(
        coord: Coordinator,
        timer_interval_secs: float | None,
        target: Callable[..., Any],
        args: Sequence[Any] | None = None,
        kwargs: Mapping[str, Any] | None = None,
    ) -> LooperThread:
        """Make such a thread and start it."""
        looper = LooperThread(coord, timer_interval_secs, target=target, args=args, kwargs=kwargs)
        looper.start()
        return looper

    def run(self) -> None:
        """What the thread does."""
        with self._coord.stop_on_exception():
            self.start_loop()
            due = time.monotonic()
            while not self._coord.wait_for_stop(0 if self._interval is None else due - time.monotonic()):
                due += self._interval or 0
                self.run_loop()
            self.stop_loop()

    def start_loop(self) -> None:
        """Called once, before the loop."""

    def stop_loop(self) -> None:
        """Called once, when the loop has ended without an exception."""

    def run_loop(self) -> None:
        """Called each time: calls `target`."""
        if self._function is not None:
            self._function(*self._arguments, **self._keywords)
