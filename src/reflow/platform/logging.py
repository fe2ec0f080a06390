"""`tf.logging`: messages on standard error in TensorFlow's form, `WARNING:tensorflow:text`.

The messages go through Python's logger named "tensorflow", so that a program can redirect or silence them
the usual way. As TensorFlow does, it shows warnings and worse until `set_verbosity`.
"""

from __future__ import annotations

import collections
import functools
import logging as python_logging
import sys
from typing import Any

DEBUG = python_logging.DEBUG
INFO = python_logging.INFO
WARN = python_logging.WARN
ERROR = python_logging.ERROR
FATAL = python_logging.FATAL

Site = tuple[str, int]


class _StandardError(python_logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is at that moment, so that redirections hold.

    It stays silent when the root logger has handlers: then the message appears there, and once is enough.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.setFormatter(python_logging.Formatter(python_logging.BASIC_FORMAT))

    def emit(self, record: python_logging.LogRecord) -> None:
        if not python_logging.getLogger().handlers:
            self.stream = sys.stderr
            super().emit(record)


class _Counts:
    """How often each place in a program has logged, for `log_every_n` and `log_first_n`."""

    def __init__(self) -> None:
        self.seen: collections.Counter[Site] = collections.Counter()

    def next(self, site: Site) -> int:
        """How often `site` came here before."""
        self.seen[site] += 1
        return self.seen[site] - 1


@functools.cache
def get_logger() -> python_logging.Logger:
    """The Python logger that `tf.logging` writes to.

    >>> get_logger().name
    'tensorflow'
    """
    logger = python_logging.getLogger("tensorflow")
    if logger.level == python_logging.NOTSET:
        logger.setLevel(
            INFO if hasattr(sys, "ps1") else WARN
        )  # an interactive user wants to see what happens
    if not logger.handlers:
        logger.addHandler(_StandardError())
    return logger


@functools.cache
def _counts() -> _Counts:
    return _Counts()


def _caller() -> Site:
    """The file and line that called the public function."""
    frame = sys._getframe(2)
    return frame.f_code.co_filename, frame.f_lineno


def log(level: int, msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` at `level` (`tf.logging.INFO` ...)."""
    get_logger().log(level, msg, *args, **kwargs)


def debug(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` for debugging."""
    get_logger().debug(msg, *args, **kwargs)


def info(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` as information.

    >>> import reflow as tf
    >>> tf.logging.info("not shown at the default verbosity: %d", 1)
    """
    get_logger().info(msg, *args, **kwargs)


def warning(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` as a warning."""
    get_logger().warning(msg, *args, **kwargs)


warn = warning


def error(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` as an error."""
    get_logger().error(msg, *args, **kwargs)


def fatal(msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` as critical. The program goes on, as it does in TensorFlow."""
    get_logger().critical(msg, *args, **kwargs)


def vlog(level: int, msg: object, *args: Any, **kwargs: Any) -> None:
    """Log `msg % args` at the numeric `level` of Python's logging."""
    get_logger().log(level, msg, *args, **kwargs)


def TaskLevelStatusMessage(msg: object) -> None:
    """Log `msg` as an error."""
    error(msg)


def log_if(level: int, msg: object, condition: object, *args: Any) -> None:
    """Log `msg % args` at `level` if `condition` holds."""
    if condition:
        vlog(level, msg, *args)


def log_every_n(level: int, msg: object, n: int, *args: Any) -> None:
    """Log `msg % args` at the first call from the calling line, and then at every n-th."""
    log_if(level, msg, _counts().next(_caller()) % n == 0, *args)


def log_first_n(level: int, msg: object, n: int, *args: Any) -> None:
    """Log `msg % args` at the first n calls from the calling line."""
    log_if(level, msg, _counts().next(_caller()) < n, *args)


def get_verbosity() -> int:
    """The least level that is shown: 10 debug, 20 info, 30 warn, 40 error, 50 fatal."""
    return get_logger().getEffectiveLevel()


def set_verbosity(v: int | str) -> None:
    """Show only messages of level `v` and above.

    >>> import reflow as tf
    >>> before = tf.logging.get_verbosity()
    >>> tf.logging.set_verbosity(tf.logging.ERROR)
    >>> tf.logging.get_verbosity()
    40
    >>> tf.logging.set_verbosity(before)
    """
    get_logger().setLevel(v)


def flush() -> None:
    """Write out what the handlers hold back."""
    for handler in get_logger().handlers:
        handler.flush()
