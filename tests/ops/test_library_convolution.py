"""Convolutions by oneDNN: against NumPy's, in all layouts; by parts, by several callers, when they fail."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
import pytest

import reflow as tf
from reflow.base import onednn
from reflow.ops import library_convolution

pytestmark = pytest.mark.skipif(onednn.find() is None, reason="oneDNN is not installed")


class Case(NamedTuple):
    rank: int
    channels_first: bool
    padding: str
    stride: int
    rate: int
    groups: int
    batch: int


def cases() -> Iterator[Case]:
    for first, padding, (stride, rate), groups in itertools.product(
        (False, True), ("SAME", "VALID"), ((1, 1), (2, 1), (3, 1), (1, 2)), (1, 2)
    ):
        yield Case(2, first, padding, stride, rate, groups, 5)
    for rank, batch in ((1, 4), (3, 3), (2, 1)):
        for padding, stride in itertools.product(("SAME", "VALID"), (1, 2)):
            yield Case(rank, False, padding, stride, 1, 1, batch)


CASES = list(cases())
SIZES, WINDOWS, DEPTH, FILTERS = (11, 10, 7), (3, 2, 2), 6, 8


def graph(case: Case) -> tuple[list[Any], dict[Any, np.ndarray]]:
    """The convolution and both gradients, and what is fed."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=(case.batch, *SIZES[: case.rank], DEPTH)).astype(np.float32)
    w = rng.normal(size=(*WINDOWS[: case.rank], DEPTH // case.groups, FILTERS)).astype(np.float32)
    if case.channels_first:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))

    def outer(n: int) -> list[int]:
        inner = [n] * case.rank
        return [1, 1, *inner] if case.channels_first else [1, *inner, 1]

    images, filters = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, w.shape)
    if case.rank == 1:
        y = tf.nn.conv1d(images, filters, case.stride, case.padding)
    elif case.rank == 3:
        y = tf.nn.conv3d(images, filters, outer(case.stride), case.padding)
    else:
        y = tf.nn.conv2d(
            images,
            filters,
            outer(case.stride),
            case.padding,
            data_format="NCHW" if case.channels_first else "NHWC",
            dilations=outer(case.rate),
        )
    seed = tf.constant(rng.normal(size=y.shape.as_list()).astype(np.float32))
    return [y, *tf.gradients(y, [images, filters], grad_ys=seed)], {images: x, filters: w}


@pytest.fixture
def everything(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Give all convolutions to the library, in parts for two threads; what it got."""
    called: list[str] = []
    original = library_convolution._called

    def noting(what: Any, arrays: list[Any]) -> Any:
        called.append(" ".join(w.kind for w in what))
        return original(what, arrays)

    library_convolution._ready()  # which calls, too
    monkeypatch.setattr(library_convolution, "_called", noting)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for name, value in {"SMALL": 1, "SMALL_PART": 1, "SHALLOW": 0}.items():
        monkeypatch.setattr(library_convolution, name, value)
    return called


def run_both(fetches: list[Any], feed: dict[Any, Any]) -> None:
    """In either tier, with the same results."""
    with tf.Session(tier="interpret") as session:
        expected = session.run(fetches, feed)
    with tf.Session(tier="compile") as session:
        found = session.run(fetches, feed)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=4e-6 * np.abs(b).max())


@pytest.mark.parametrize(("number", "kind"), [(1, "to_input"), (2, "to_filter")])
def test_one_gradient_alone(everything: list[str], number: int, kind: str) -> None:
    """What nobody asks for is not computed with the other."""
    fetches, feed = graph(CASES[0])
    run_both([fetches[number]], feed)
    assert everything == [kind]


def test_what_nobody_looks_at_is_not_called(everything: list[str]) -> None:
    """As the gradient for fed images, which a step's control dependencies ask for."""
    x, w = tf.placeholder(tf.float32, [2, 6, 6, 3]), tf.placeholder(tf.float32, [3, 3, 3, 4])
    with tf.control_dependencies([tf.nn.conv2d(2.0 * x, w, [1, 1, 1, 1], "SAME")]):
        y = tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
    rng = np.random.RandomState(0)
    run_both([y], {t: rng.normal(size=t.shape.as_list()).astype(np.float32) for t in (x, w)})
    assert everything == ["forward"]


def test_a_program_keeps_its_parts(everything: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever has become of the processors since it was made: it has room for what each part makes."""
    fetches, feed = graph(CASES[0])
    with tf.Session(tier="compile") as session:
        expected = session.run(fetches, feed)
        monkeypatch.setattr(os, "cpu_count", lambda: 5)
        library_convolution._work.cache_clear()
        for a, b in zip(session.run(fetches, feed), expected, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=4e-6 * np.abs(b).max())


def test_a_convolution_of_changed_weights_is_computed_once(
    everything: list[str], programs: list[str]
) -> None:
    """Where the step may fail, it is traced with the weights changed, and again with them changed or not."""
    x, place = tf.placeholder(tf.float32, [2, 6, 6, 3]), tf.placeholder(tf.int32, [])
    v, w = (tf.get_variable(name, [3, 3, 3, 4]) for name in "vw")

    def filtered(image: Any, filters: Any) -> Any:
        return tf.nn.conv2d(image, filters, [1, 1, 1, 1], "SAME")

    before = filtered(x, w)
    with tf.control_dependencies([before]):
        change = tf.assign_add(w, tf.ones_like(w) * tf.gather([1.0, 2.0], place))
    with tf.control_dependencies([change]):
        after = filtered(x, w.read_value())
    with tf.control_dependencies([after]):
        other = filtered(x, v) + filtered(2.0 * x, v)
    feed = {x: np.random.RandomState(0).normal(size=(2, 6, 6, 3)).astype(np.float32)}
    with tf.Session(tier="compile") as session:
        session.run(tf.global_variables_initializer())
        first = session.run([before, after, other], {**feed, place: 1})
        assert programs[-1].count('custom_call_target="reflow_convolution"') == 4
        assert np.array_equal(session.run(before, {**feed, place: 0}), first[1])
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run([before, after, other], {**feed, place: 7})
        assert np.array_equal(session.run(before, feed), first[1])


def test_gradients_of_two_convolutions_that_are_added(everything: list[str]) -> None:
    """Both get the same gradient of their outputs, one for its input and one for its filters."""
    rng = np.random.RandomState(0)
    x, z = (tf.placeholder(tf.float32, [4, 6, 6, 3]) for _ in range(2))
    v, w = (tf.placeholder(tf.float32, [n, n, 3, 5]) for n in (3, 1))
    y = tf.nn.conv2d(x, v, [1, 1, 1, 1], "SAME") + tf.nn.conv2d(z, w, [1, 1, 1, 1], "SAME")
    feed = {t: rng.normal(size=t.shape.as_list()).astype(np.float32) for t in (x, z, v, w)}
    for wanted in ([x, w], [v, z], [x, v, z, w]):
        run_both(tf.gradients(y * y, wanted), feed)
    assert {"to_input", "to_filter"} <= set(everything)


def test_values_and_gradients(everything: list[str]) -> None:
    built = [graph(case) for case in CASES]
    fetches = [f for f, _ in built]
    feed = {key: value for _, feeds in built for key, value in feeds.items()}
    with tf.Session(tier="interpret") as session:
        expected = session.run(fetches, feed)
    assert not everything
    with tf.Session(tier="compile") as session:
        found = session.run(fetches, feed)
        again = session.run(fetches, feed)
    separate = sum(case.rank == 3 for case in CASES)  # both gradients of the others are made in one call
    assert everything.count("forward") == len(CASES)
    assert everything.count("to_input") == everything.count("to_filter") == separate
    assert everything.count("to_input to_filter") == len(CASES) - separate
    for case, results, second, values in zip(CASES, found, again, expected, strict=True):
        for a, b, c in zip(results, second, values, strict=True):
            np.testing.assert_allclose(a, c, rtol=1e-5, atol=4e-6 * np.abs(c).max(), err_msg=str(case))
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("multiple", [1, 2])
def test_depthwise(everything: list[str], multiple: int) -> None:
    rng = np.random.RandomState(0)
    x = rng.normal(size=(3, 9, 8, 6)).astype(np.float32)
    w = rng.normal(size=(3, 2, 6, multiple)).astype(np.float32)
    images, filters = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, w.shape)
    fetches = []
    for stride, padding in itertools.product((1, 2), ("SAME", "VALID")):
        y = tf.nn.depthwise_conv2d(images, filters, [1, stride, stride, 1], padding)
        fetches += [y, *tf.gradients(y, [images, filters], grad_ys=tf.cos(y))]
    feed = {images: x, filters: w}
    with tf.Session(tier="interpret") as session:
        expected = session.run(fetches, feed)
    with tf.Session(tier="compile") as session:
        found = session.run(fetches, feed)
    assert everything.count("to_filter") == 4
    assert everything.count("forward") == everything.count("to_input") == (4 if multiple == 1 else 0)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * np.abs(b).max())


@pytest.mark.parametrize(("filters", "most"), [(64, library_convolution.TEAMS), (512, 1)])
def test_a_call_finds_its_addresses_as_it_left_them(
    monkeypatch: pytest.MonkeyPatch, filters: int, most: int
) -> None:
    """Layers of one size share what is prepared: up to so many do not displace each other."""
    made: list[object] = []
    monkeypatch.setattr(library_convolution.Work, "_new", lambda self: made.append(object()) or made[-1])
    sizes = (4, 6, 6, filters)
    work = library_convolution.Work(
        [onednn.Convolution("forward", sizes, sizes, (3, 3), (1, 1), (1, 1), (1, 1))], 2
    )

    def call(place: int) -> Any:
        team = work.taken((place,))
        work.given((place,), team)
        return team

    first = [call(place) for place in range(most)]
    assert len(set(map(id, first))) == most and [call(place) for place in range(most)] == first
    assert [call(most + place) in first for place in range(3)] == [True] * 3
    assert len(made) == most
    one, other = work.taken((0,)), work.taken((0,))  # at the same time, as of two sessions
    assert one is not other


def test_several_sessions_at_once(everything: list[str]) -> None:
    fetches, feed = graph(CASES[0])
    with tf.Session(tier="compile") as session:
        expected = session.run(fetches, feed)
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda _: session.run(fetches, feed), range(80)))
    assert everything
    for found in runs:
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_failing_call_is_an_error(everything: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise onednn.OneDnnError("oneDNN's dnnl_primitive_execute failed with status 1")

    images = tf.placeholder(tf.float32, [2, 6, 6, 3])
    filters = tf.Variable(tf.ones([3, 3, 3, 4]), name="filters")
    y = tf.nn.conv2d(images, filters, [1, 1, 1, 1], "SAME")
    train = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(y))
    feed = {images: np.ones([2, 6, 6, 3], np.float32)}
    with tf.Session(tier="compile") as session:
        session.run(filters.initializer)
        expected = session.run([y, train], feed)[0]
        with monkeypatch.context() as patch:
            patch.setattr(library_convolution.Team, "run", fail)
            with pytest.raises(tf.errors.InternalError, match="status 1") as caught:
                session.run([y, train], feed)
        assert "Lost, since they were being updated in place: filters" in caught.value.message
        with pytest.raises(tf.errors.FailedPreconditionError):
            session.run(filters)
        session.run(filters.initializer)
        np.testing.assert_array_equal(session.run([y, train], feed)[0], expected)


def test_what_leaves_the_process_calls_no_library(everything: list[str]) -> None:
    import jax

    (y, *_), feed = graph(CASES[0])
    with tf.Session():
        function, params = tf.export.to_jax(tf.reduce_sum(y), list(feed))
    text = jax.jit(function).lower(params, *feed.values()).as_text()
    assert "convolution" in text and library_convolution.TARGET not in text
    assert jax.grad(function, argnums=1)(params, *feed.values()).shape == y.op.inputs[0].shape
    assert not everything


def test_few_channels_and_small_convolutions_stay_with_xla() -> None:
    def worth(kind: Any, depth: int, side: int) -> bool:
        image, window = (4, side, side), (3, 3)
        what = onednn.Convolution(kind, (*image, depth), (*image, 8), window, (1, 1), (1, 1), (1, 1))
        return library_convolution._is_worth_it(what)

    assert worth("forward", 1, 64) and worth("to_filter", 1, 64) and worth("to_input", 8, 64)
    assert not worth("to_input", 1, 64) and not worth("forward", 1, 8)


@pytest.mark.parametrize(
    "place, answer",
    [(onednn.OFF, "None"), ("/nowhere/libdnnl.so", "ImportError: REFLOW_ONEDNN=/nowhere/libdnnl.so")],
)
def test_the_environment_chooses(place: str, answer: str) -> None:
    program = "from reflow.base import onednn\nprint(onednn.find())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "REFLOW_ONEDNN": place},
        capture_output=True,
        text=True,
    )
    assert answer in done.stdout + done.stderr


def test_a_library_that_is_none_is_told() -> None:
    """Where the environment names none, another file of this name is passed over, with a warning."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("REFLOW_ONEDNN", raising=False)
        patch.setattr(onednn, "_places", lambda: ["libc.so.6"])
        with pytest.warns(RuntimeWarning, match=r"libc\.so\.6 is not oneDNN 3 on OpenMP"):
            assert onednn.find.__wrapped__() is None
        patch.setenv("REFLOW_ONEDNN", "libc.so.6")
        with pytest.raises(ImportError, match="is not oneDNN 3"):
            onednn.find.__wrapped__()


def test_a_library_that_computes_wrong_numbers_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: library_convolution.Team, call: Any) -> None:
        for address in call.results:
            np.ctypeslib.as_array((onednn.ctypes.c_float * 36).from_address(address)).fill(1.0)

    monkeypatch.setattr(library_convolution.Team, "run", wrong)
    with pytest.warns(RuntimeWarning, match="XLA computes the convolutions: it computes wrong numbers"):
        assert library_convolution._ready.__wrapped__() is None


def test_an_xla_that_does_not_take_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    import jax

    def refuse(*_: Any, **__: Any) -> None:
        raise jax.errors.JaxRuntimeError("XLA's foreign functions have version 7.0")

    monkeypatch.setattr(jax.ffi, "register_ffi_target", refuse)
    with pytest.warns(RuntimeWarning, match=r"XLA does not take it: .* version 7\.0"):
        assert library_convolution._ready.__wrapped__() is None


@pytest.mark.parametrize("instructions", ["SSE41", "AVX2"])
def test_other_processors(instructions: str) -> None:
    """The library has other ways to compute the same for each; some need memory to note things down."""
    test = f"{__file__}::{test_values_and_gradients.__name__}"
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
        env={**os.environ, "ONEDNN_MAX_CPU_ISA": instructions},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    assert "1 passed" in ended.stdout
