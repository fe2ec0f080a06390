"""`tf.test`: test cases with sessions, and comparisons of arrays and tensors."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import math
import os
import random
import re
import sys
import tempfile
import threading
import unittest
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from unittest import mock

import numpy as np
from absl import flags as absl_flags
from google.protobuf import text_format

from reflow.base import dtypes, errors
from reflow.graph import graph as graphs
from reflow.graph import scopes
from reflow.graph.device import DeviceSpec
from reflow.platform.benchmark import benchmarks_main
from reflow.runtime.session import Session

__all__ = [
    "TestCase",
    "get_temp_dir",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_built_with_gpu_support",
    "is_built_with_rocm",
    "is_gpu_available",
    "main",
    "mock",
    "test_src_dir_path",
]

GRAPH_SEED = 87654321  # what every test's graph starts with, so that random ops repeat


def _accelerators() -> list[Any]:
    """The GPUs that JAX can use."""
    if importlib.util.find_spec("jax") is None:
        return []
    import jax

    return [d for d in jax.devices() if d.platform in ("gpu", "cuda", "rocm")]


def is_gpu_available(
    cuda_only: bool = False, min_cuda_compute_capability: tuple[int, int] | None = None
) -> bool:
    """Whether JAX sees a GPU. This imports JAX and starts its devices.

    `min_cuda_compute_capability` is a pair such as `(7, 0)` that the GPU must reach.
    """
    wanted = min_cuda_compute_capability or (0, 0)
    return any(_capability(device) >= wanted for device in _accelerators())


def _capability(device: Any) -> tuple[int, ...]:
    numbers = re.findall(r"\d+", str(getattr(device, "compute_capability", "")))
    return tuple(map(int, numbers)) or (0, 0)


def gpu_device_name() -> str:
    """`"/device:GPU:0"` if JAX sees a GPU, else the empty string."""
    return "/device:GPU:0" if is_gpu_available() else ""


def is_built_with_cuda() -> bool:
    """Whether JAX's CUDA plugin is installed.

    >>> isinstance(is_built_with_cuda(), bool)
    True
    """
    return any(importlib.util.find_spec(f"jax_cuda{n}_plugin") is not None for n in (12, 13))


def is_built_with_rocm() -> bool:
    """Whether JAX's ROCm plugin is installed."""
    return any(importlib.util.find_spec(f"jax_rocm{n}_plugin") is not None for n in (60, 7))


def is_built_with_gpu_support() -> bool:
    """Whether a CUDA or ROCm plugin of JAX is installed."""
    return is_built_with_cuda() or is_built_with_rocm()


@functools.cache
def get_temp_dir() -> str:
    """A folder for a test's files: `$TEST_TMPDIR`, or a new folder of this process.

    >>> get_temp_dir() == get_temp_dir()
    True
    """
    return os.environ.get("TEST_TMPDIR") or tempfile.mkdtemp(prefix="reflow_test_")


def test_src_dir_path(relative_path: str) -> str:
    """`relative_path` under the folder of the test sources, `$TEST_SRCDIR`. KeyError if that is not set."""
    return os.path.join(os.environ["TEST_SRCDIR"], relative_path)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the tests of the main script, after parsing its flags; the other arguments go to unittest.

    With an argument `--benchmarks=PATTERN`, run the benchmarks of `tf.test.Benchmark` classes instead.
    """
    arguments = list(sys.argv if argv is None else argv)

    def tests() -> None:
        unittest.main(argv=absl_flags.FLAGS(arguments, known_only=True))

    benchmarks_main(tests, arguments)


class _CheckedThread:
    """A thread of a test: `join` fails the test if the target raised."""

    def __init__(self, test: unittest.TestCase, target: Callable[..., Any], args: Any, kwargs: Any) -> None:
        self._test, self._target = test, target
        self._args, self._kwargs = args or (), kwargs or {}
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._target(*self._args, **self._kwargs)
        except BaseException as error:  # whatever it is, the test's own thread must see it
            self._error = error

    def start(self) -> None:
        """Start the target."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the target, and fail the test if it raised."""
        self._thread.join()
        if self._error is not None:
            self._test.fail(f"Error in checkedThread: {self._error}")

    def is_alive(self) -> bool:
        """Whether the target still runs."""
        return self._thread.is_alive()


class TestCase(unittest.TestCase):
    """A `unittest.TestCase` with a fresh, seeded default graph for each test, sessions and array comparisons.

    >>> import reflow as tf
    >>> class SquareTest(tf.test.TestCase):
    ...     def test_square(self):
    ...         with self.session():
    ...             self.assertAllClose(tf.square([2.0, 3.0]).eval(), [4.0, 9.0])
    >>> import io
    >>> unittest.TextTestRunner(io.StringIO()).run(SquareTest("test_square")).wasSuccessful()
    True
    """

    __test__ = True

    def __init__(self, methodName: str = "runTest") -> None:
        super().__init__(methodName)
        self._cached_session: Any = None
        self._cached_for: Any = None
        self._temp_dir: str | None = None

    def setUp(self) -> None:
        """Reset and seed the default graph and Python's and NumPy's generators."""
        self._close_session()
        random.seed(GRAPH_SEED)
        np.random.seed(GRAPH_SEED)
        graphs.reset_default_graph()
        graphs.get_default_graph().seed = GRAPH_SEED

    def tearDown(self) -> None:
        """Close the session of `cached_session`."""
        self._close_session()

    def _close_session(self) -> None:
        if self._cached_session is not None:
            self._cached_session.close()
            self._cached_session = None

    def get_temp_dir(self) -> str:
        """A folder of this test alone."""
        if self._temp_dir is None:
            self._temp_dir = tempfile.mkdtemp(dir=get_temp_dir())
        return self._temp_dir

    # Sessions

    @contextlib.contextmanager
    def session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Iterator[Any]:
        """A new session, default in the `with` block; ops made there go to the CPU unless `use_gpu`."""
        with Session(graph=graph, config=config) as session, self._placed(session, use_gpu, force_gpu):
            yield session

    @contextlib.contextmanager
    def cached_session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Iterator[Any]:
        """The test's one session, default in the `with` block; it lives to the end of the test.

        ValueError when it is asked for again with another graph or configuration.
        """
        wanted = (graph, config, use_gpu, force_gpu)
        if self._cached_session is None:
            self._cached_session, self._cached_for = Session(graph=graph, config=config), wanted
        elif wanted != self._cached_for:
            raise ValueError(
                "The graph, config, use_gpu or force_gpu differs from that of the test's cached session"
            )
        session = self._cached_session
        with session.graph.as_default(), session.as_default(), self._placed(session, use_gpu, force_gpu):
            yield session

    def test_session(
        self, graph: Any = None, config: Any = None, use_gpu: bool = False, force_gpu: bool = False
    ) -> Any:
        """`cached_session` without a graph, `session` with one (the old name of both)."""
        if self._testMethodName == "test_session":
            self.skipTest("test_session is no test, though unittest takes it for one")
        kind = self.cached_session if graph is None else self.session
        return kind(graph, config, use_gpu, force_gpu)

    test_session.__test__ = False  # type: ignore[attr-defined]

    def _placed(self, session: Any, use_gpu: bool, force_gpu: bool) -> contextlib.AbstractContextManager[Any]:
        if force_gpu:
            return session.graph.device("/device:GPU:0")  # type: ignore[no-any-return]
        if use_gpu:
            return contextlib.nullcontext()
        return session.graph.device("/device:CPU:0")  # type: ignore[no-any-return]

    def evaluate(self, tensors: Any) -> Any:
        """The values of a structure of tensors, in the default session or the test's cached one."""
        session = scopes.sessions.top
        if session is not None:
            return session.run(tensors)
        with self.test_session() as session:
            return session.run(tensors)

    # Comparisons

    def _value(self, value: Any) -> Any:
        """`value` as an array; a tensor is evaluated."""
        if hasattr(value, "graph"):
            value = self.evaluate(value)
        return value if isinstance(value, np.ndarray) else np.array(value)

    def _arrays(self, a: Any, b: Any, msg: str | None) -> tuple[Any, Any]:
        a, b = self._value(a), self._value(b)
        self.assertEqual(a.shape, b.shape, f"Shape mismatch: expected {a.shape}, got {b.shape}. {msg or ''}")
        return a, b

    def assertAllClose(
        self, a: Any, b: Any, rtol: float = 1e-6, atol: float = 1e-6, msg: str | None = None
    ) -> None:
        """Fail unless two structures of arrays or tensors agree within `atol + rtol * abs(b)`."""
        if hasattr(a, "_asdict"):
            a = a._asdict()
        if hasattr(b, "_asdict"):
            b = b._asdict()
        if isinstance(a, Mapping) or isinstance(b, Mapping):
            self.assertIsInstance(a, Mapping, msg)
            self.assertIsInstance(b, Mapping, msg)
            self.assertCountEqual(list(a), list(b), msg)
            for key in a:
                self.assertAllClose(a[key], b[key], rtol, atol, f"Mismatch at {key!r}. {msg or ''}")
        elif _ragged(a) or _ragged(b):
            self.assertEqual(len(a), len(b), msg)
            for i, (x, y) in enumerate(zip(a, b, strict=True)):
                self.assertAllClose(x, y, rtol, atol, f"Mismatch at index {i}. {msg or ''}")
        else:
            self._assert_arrays_close(a, b, rtol, atol, msg)

    def _assert_arrays_close(self, a: Any, b: Any, rtol: float, atol: float, msg: str | None) -> None:
        a, b = self._arrays(a, b, msg)
        rtol, atol = (
            max(t, 1e-2) if dtypes.bfloat16.as_numpy_dtype in (a.dtype, b.dtype) else t for t in (rtol, atol)
        )
        a, b = (x.astype(np.float32) if x.dtype.kind == "V" else x for x in (a, b))
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol, err_msg=msg or "", equal_nan=True)

    def assertAllCloseAccordingToType(
        self,
        a: Any,
        b: Any,
        rtol: float = 1e-6,
        atol: float = 1e-6,
        float_rtol: float = 1e-6,
        float_atol: float = 1e-6,
        half_rtol: float = 1e-3,
        half_atol: float = 1e-3,
        bfloat16_rtol: float = 1e-2,
        bfloat16_atol: float = 1e-2,
        msg: str | None = None,
    ) -> None:
        """`assertAllClose`, with the bounds that suit the less precise of the two types."""
        a, b = self._value(a), self._value(b)
        types = {a.dtype, b.dtype}
        if types & {np.dtype(np.float32), np.dtype(np.complex64)}:
            rtol, atol = max(rtol, float_rtol), max(atol, float_atol)
        if np.dtype(np.float16) in types:
            rtol, atol = max(rtol, half_rtol), max(atol, half_atol)
        if np.dtype(dtypes.bfloat16.as_numpy_dtype) in types:
            rtol, atol = max(rtol, bfloat16_rtol), max(atol, bfloat16_atol)
        self.assertAllClose(a, b, rtol, atol, msg)

    def assertNotAllClose(self, a: Any, b: Any, **kwargs: Any) -> None:
        """Fail if `assertAllClose` passes."""
        try:
            self.assertAllClose(a, b, **kwargs)
        except AssertionError:
            return
        raise AssertionError("The two values are close at all elements")

    def assertAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fail unless two arrays or tensors have one shape and equal elements; NaN equals NaN."""
        a, b = self._arrays(a, b, msg)
        if a.dtype.kind in "SUO" or b.dtype.kind in "SUO":
            a, b = _as_bytes_array(a), _as_bytes_array(b)
        np.testing.assert_array_equal(a, b, err_msg=msg or "")

    def assertNotAllEqual(self, a: Any, b: Any, msg: str | None = None) -> None:
        """Fail if `assertAllEqual` passes."""
        try:
            self.assertAllEqual(a, b)
        except AssertionError:
            return
        raise AssertionError(f"The two values are equal at all elements. {msg or ''}")

    def _assert_all(self, a: Any, holds: Callable[[Any], Any], what: str) -> None:
        a = self._value(a)
        bad = np.logical_not(holds(a))
        if np.any(bad):
            self.fail(f"{int(np.sum(bad))} of {a.size} elements are not {what}: {a[bad][:10]}")

    def assertAllGreater(self, a: Any, comparison_target: Any) -> None:
        """Fail unless every element is greater than the target."""
        self._assert_all(a, lambda x: x > comparison_target, f"> {comparison_target}")

    def assertAllLess(self, a: Any, comparison_target: Any) -> None:
        """Fail unless every element is less than the target."""
        self._assert_all(a, lambda x: x < comparison_target, f"< {comparison_target}")

    def assertAllGreaterEqual(self, a: Any, comparison_target: Any) -> None:
        """Fail unless every element is at least the target."""
        self._assert_all(a, lambda x: x >= comparison_target, f">= {comparison_target}")

    def assertAllLessEqual(self, a: Any, comparison_target: Any) -> None:
        """Fail unless every element is at most the target."""
        self._assert_all(a, lambda x: x <= comparison_target, f"<= {comparison_target}")

    def assertAllInRange(
        self,
        target: Any,
        lower_bound: Any,
        upper_bound: Any,
        open_lower_bound: bool = False,
        open_upper_bound: bool = False,
    ) -> None:
        """Fail unless every element lies between the bounds, each inclusive unless it is `open`."""
        above: Any = np.greater if open_lower_bound else np.greater_equal
        below: Any = np.less if open_upper_bound else np.less_equal
        opening, closing = "(" if open_lower_bound else "[", ")" if open_upper_bound else "]"
        what = f"in {opening}{lower_bound}, {upper_bound}{closing}"
        self._assert_all(target, lambda x: above(x, lower_bound) & below(x, upper_bound), what)

    def assertAllInSet(self, target: Any, expected_set: Any) -> None:
        """Fail unless every element is in the set."""
        self._assert_all(target, lambda x: np.isin(x, list(expected_set)), f"in {expected_set}")

    def assertShapeEqual(self, np_array: Any, tf_tensor: Any, msg: str | None = None) -> None:
        """Fail unless the array's shape is the tensor's static shape."""
        self.assertAllEqual(np_array.shape, tf_tensor.get_shape().as_list(), msg)

    def assertDTypeEqual(self, target: Any, expected_dtype: Any) -> None:
        """Fail unless the array or tensor has the type."""
        self.assertEqual(self._value(target).dtype, dtypes.as_dtype(expected_dtype).as_numpy_dtype)

    def assertNear(self, f1: float, f2: float, err: float, msg: str | None = None) -> None:
        """Fail unless two numbers are equal (both infinite, too) or at most `err` apart."""
        self.assertTrue(f1 == f2 or math.fabs(f1 - f2) <= err, f"{f1!r} != {f2!r} +/- {err!r} {msg or ''}")

    def assertArrayNear(self, farray1: Any, farray2: Any, err: float, msg: str | None = None) -> None:
        """Fail unless two sequences of numbers are of one length and at most `err` apart at each place."""
        self.assertEqual(len(farray1), len(farray2), msg)
        for f1, f2 in zip(farray1, farray2, strict=True):
            self.assertNear(float(f1), float(f2), err, msg)

    def assertNDArrayNear(self, ndarray1: Any, ndarray2: Any, err: float, msg: str | None = None) -> None:
        """Fail unless the norm of the difference of two arrays is less than `err`."""
        self.assertLess(np.linalg.norm(np.asarray(ndarray1) - np.asarray(ndarray2)), err, msg)

    def assertStartsWith(self, actual: str, expected_start: str, msg: str | None = None) -> None:
        """Fail unless `actual` starts with `expected_start`."""
        self.assertTrue(
            actual.startswith(expected_start),
            f"{actual!r} does not start with {expected_start!r}. {msg or ''}",
        )

    def assertItemsEqual(self, first: Any, second: Any, msg: str | None = None) -> None:
        """Fail unless two sequences have the same elements, in any order."""
        self.assertCountEqual(first, second, msg)

    def assertDeviceEqual(self, device1: Any, device2: Any, msg: str | None = None) -> None:
        """Fail unless two device names (or specs) name the same device."""
        names = [DeviceSpec.from_string(str(d or "")).to_string() for d in (device1, device2)]
        self.assertEqual(names[0], names[1], msg)

    def assertProtoEquals(
        self, expected_message_maybe_ascii: Any, message: Any, msg: str | None = None
    ) -> None:
        """Fail unless two protocol messages are equal; the first may be given in text form."""
        expected = expected_message_maybe_ascii
        if isinstance(expected, (str, bytes)):
            expected = text_format.Parse(expected, type(message)())
        self.assertEqual(text_format.MessageToString(expected), text_format.MessageToString(message), msg)

    def assertRaisesRegexp(
        self, expected_exception: Any, expected_regex: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """`assertRaisesRegex`, which Python 3.12 no longer has under this name."""
        return self.assertRaisesRegex(expected_exception, expected_regex, *args, **kwargs)

    @contextlib.contextmanager
    def assertRaisesWithPredicateMatch(
        self, exception_type: Any, expected_err_re_or_predicate: Any
    ) -> Iterator[None]:
        """Fail unless the block raises the error and the pattern or predicate fits it."""
        expected = expected_err_re_or_predicate
        try:
            yield
        except exception_type as error:
            if not _fits(error, expected):
                raise AssertionError(
                    f"Exception of type {type(error)}: {error} does not match {expected}"
                ) from error
        else:
            self.fail(f"{exception_type.__name__} not raised")

    def assertRaisesOpError(self, expected_err_re_or_predicate: Any) -> Any:
        """`assertRaisesWithPredicateMatch` for any error of running a graph."""
        return self.assertRaisesWithPredicateMatch(errors.OpError, expected_err_re_or_predicate)

    def checkedThread(
        self, target: Callable[..., Any], args: Any = None, kwargs: Any = None
    ) -> _CheckedThread:
        """A thread whose `join` fails the test if `target` raised."""
        return _CheckedThread(self, target, args, kwargs)


def _ragged(value: Any) -> bool:
    """Whether a list or tuple can't be one array: it holds dicts or tensors, or arrays of several shapes."""
    if not isinstance(value, (list, tuple)):
        return False
    if any(isinstance(v, Mapping) or hasattr(v, "_asdict") or hasattr(v, "graph") for v in value):
        return True
    try:
        return np.asarray(value).dtype == object
    except ValueError:
        return True


def _as_bytes_array(array: Any) -> Any:
    """An array of text with its elements as bytes, which is how tensors hold text."""
    flat = [v.encode() if isinstance(v, str) else v for v in array.ravel().tolist()]
    result = np.empty(array.size, dtype=object)
    result[:] = flat
    return result.reshape(array.shape)


def _fits(error: Exception, expected: Any) -> bool:
    if callable(expected):
        return bool(expected(error))
    return re.search(expected, str(error)) is not None
