"""`tf.test.Benchmark`: classes whose `benchmark...` methods time steps of a session."""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from reflow.base import protos
from reflow.platform import app

REPORT_PREFIX = "TEST_REPORT_FILE_PREFIX"


def benchmark_config() -> Any:
    """A ConfigProto for benchmarks.

    >>> benchmark_config().graph_options.rewrite_options.dependency_optimization
    2
    """
    config = protos.ConfigProto()
    config.graph_options.rewrite_options.dependency_optimization = 2  # off
    return config


class Benchmark:
    """A base class for benchmarks. `tf.test.main()` runs them when the program gets `--benchmarks=PATTERN`.

    >>> import reflow as tf
    >>> class Sums(tf.test.Benchmark):
    ...     def benchmark_sum(self):
    ...         with tf.Graph().as_default(), tf.Session() as sess:
    ...             return self.run_op_benchmark(sess, tf.reduce_sum(tf.ones([8])), min_iters=3)
    >>> found = Sums().benchmark_sum()
    >>> found["iters"], found["wall_time"] > 0.0
    (3, True)
    """

    @classmethod
    def is_abstract(cls) -> bool:
        """Whether this is the base class itself."""
        return cls is Benchmark

    def _full_name(self, name: str | None) -> str:
        """`Class.method` of the benchmark method that is being run."""
        frame: Any = sys._getframe(1)
        while name is None and frame is not None:
            if frame.f_locals.get("self") is self and frame.f_code.co_name.startswith("benchmark"):
                name = frame.f_code.co_name
            frame = frame.f_back
        if name is None:
            raise ValueError("Unable to determine calling Benchmark class.")
        return f"{type(self).__name__}.{name}"

    def report_benchmark(
        self,
        iters: int | None = None,
        cpu_time: float | None = None,
        wall_time: float | None = None,
        throughput: float | None = None,
        extras: dict[str, Any] | None = None,
        name: str | None = None,
        metrics: Any = None,
    ) -> None:
        """Add a line of JSON to the file `$TEST_REPORT_FILE_PREFIX + name`; nothing if that is not set.

        TensorFlow writes the same facts there as a protocol message.
        """
        full_name = self._full_name(name)
        prefix = os.environ.get(REPORT_PREFIX)
        if prefix is None:
            return
        facts = {"iters": iters, "cpu_time": cpu_time, "wall_time": wall_time, "throughput": throughput}
        entry = {"name": full_name, **facts, "extras": extras or {}, "metrics": metrics or []}
        with open(prefix + full_name.replace("/", "__"), "a", encoding="utf8") as file:
            file.write(json.dumps(entry) + "\n")

    def run_op_benchmark(
        self,
        sess: Any,
        op_or_tensor: Any,
        feed_dict: dict[Any, Any] | None = None,
        burn_iters: int = 2,
        min_iters: int = 10,
        store_trace: bool = False,
        store_memory_usage: bool = True,
        name: str | None = None,
        extras: dict[str, Any] | None = None,
        mbs: float = 0,
    ) -> dict[str, Any]:
        """Run something `burn_iters` times, then `min_iters` times with a clock, and report the median.

        Args:
            sess, op_or_tensor, feed_dict: what to run.
            store_trace: not available: take a trace with `RunOptions`.
            store_memory_usage: accepted; XLA does not tell what a step allocates.
            name: the name to report, in place of the method's.
            extras: more facts to report.
            mbs: the megabytes that one run handles, for the throughput.

        Returns: a dict of `iters`, `wall_time` (seconds), `throughput`, `extras` and `name`.
        Raises NotImplementedError with `store_trace`.
        """
        if store_trace:
            raise NotImplementedError(
                "run_op_benchmark(store_trace=True): run with options=tf.RunOptions(...) for a trace"
            )
        for _ in range(burn_iters):
            sess.run(op_or_tensor, feed_dict=feed_dict)
        times = [_timed(sess, op_or_tensor, feed_dict) for _ in range(min_iters)]
        median = statistics.median(times) if times else -1.0
        facts = {"iters": min_iters, "wall_time": median, "extras": extras or {}, "name": name}
        facts["throughput"] = mbs / median
        self.report_benchmark(**facts)  # type: ignore[arg-type]
        return facts


def _timed(sess: Any, what: Any, feed_dict: Any) -> float:
    start = time.perf_counter()
    sess.run(what, feed_dict=feed_dict)
    return time.perf_counter() - start


def _subclasses(cls: type[Any]) -> Iterator[type[Any]]:
    inner: type[Any]
    for inner in cls.__subclasses__():
        yield inner
        yield from _subclasses(inner)


def run_benchmarks(pattern: str) -> None:
    """Run the methods `benchmark...` whose full names the pattern is found in; all of them for "all"."""
    for cls in _subclasses(Benchmark):
        for name in dir(cls):
            full_name = f"{cls.__module__}.{cls.__name__}.{name}"
            if name.startswith("benchmark") and (pattern == "all" or re.search(pattern, full_name)):
                getattr(cls(), name)()


def benchmarks_main(true_main: Callable[[], Any], argv: list[str] | None = None) -> None:
    """Run the benchmarks that an argument `--benchmarks=PATTERN` asks for, or else `true_main`."""
    argv = sys.argv if argv is None else argv
    asked = [a for a in argv if a.startswith(("--benchmarks=", "-benchmarks="))]
    if not asked:
        true_main()
        return
    argv.remove(asked[0])
    app.run(lambda _: run_benchmarks(asked[0].partition("=")[2]), argv=argv)
