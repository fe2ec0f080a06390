"""Convolutions in the frequency domain: against NumPy's and float64; zeros, infinities, threads."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.base import onednn
from reflow.base.onednn import Convolution
from reflow.ops import fourier_convolution, library_convolution

pytestmark = pytest.mark.skipif(onednn.find() is None, reason="oneDNN is not installed")


@dataclasses.dataclass(frozen=True)
class Case:
    size: tuple[int, int] = (11, 10)
    window: tuple[int, int] = (3, 3)
    padding: Any = "SAME"
    rate: int = 1
    channels_first: bool = False
    batch: int = 5
    depth: int = 6
    filters: int = 8


CASES = [
    Case(),
    Case(padding="VALID"),
    Case(window=(5, 5)),
    Case(window=(2, 4)),
    Case(window=(4, 1), padding="VALID"),
    Case(window=(1, 1)),
    Case(window=(11, 10), padding="VALID"),
    Case(size=(4, 5), window=(9, 7)),
    Case(rate=2),
    Case(rate=3, window=(3, 2), padding="VALID"),
    Case(channels_first=True, window=(5, 3)),
    Case(padding=[[0, 0], [3, 1], [0, 4], [0, 0]]),
    Case(batch=1),
    Case(batch=3, depth=1, filters=1),
    Case(size=(1, 13), window=(1, 5)),
]


@pytest.fixture
def teams(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Compute all convolutions so, in parts for two threads; the kinds that each call computed."""
    library_convolution._ready()
    called: list[str] = []
    run = fourier_convolution.Team.run

    def noted(self: fourier_convolution.Team, call: Any) -> None:
        called.append(" ".join(self._kinds))
        run(self, call)

    monkeypatch.setattr(fourier_convolution.Team, "run", noted)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(fourier_convolution, "GAIN", 1e9)
    for name, value in {"SMALL": 1, "SMALL_PART": 1, "SHALLOW": 0}.items():
        monkeypatch.setattr(library_convolution, name, value)
    forget()
    yield called
    forget()


def forget() -> None:
    for cache in (fourier_convolution.suits, library_convolution._accepts, library_convolution._work):
        cache.cache_clear()


def graph(case: Case) -> tuple[list[Any], dict[Any, np.ndarray]]:
    """The convolution and both gradients, and what is fed."""
    rng = np.random.RandomState(0)
    x = rng.normal(size=(case.batch, *case.size, case.depth)).astype(np.float32)
    w = rng.normal(size=(*case.window, case.depth, case.filters)).astype(np.float32)
    options = {"padding": case.padding, "dilations": [1, case.rate, case.rate, 1]}
    if case.channels_first:
        x = np.ascontiguousarray(np.moveaxis(x, -1, 1))
        options = {"padding": case.padding, "data_format": "NCHW"}
    images, filters = tf.placeholder(tf.float32, x.shape), tf.placeholder(tf.float32, w.shape)
    y = tf.nn.conv2d(images, filters, [1, 1, 1, 1], **options)
    seed = tf.constant(rng.normal(size=y.shape.as_list()).astype(np.float32))
    return [y, *tf.gradients(y, [images, filters], grad_ys=seed)], {images: x, filters: w}


def in_tier(tier: str, fetches: Any, feed: dict[Any, Any]) -> Any:
    with tf.Session(tier=tier) as session:
        return session.run(fetches, feed)


def directly(fetches: Any, feed: dict[Any, Any]) -> Any:
    """By oneDNN's own convolutions."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fourier_convolution, "GAIN", 0)
        forget()
        results = in_tier("compile", fetches, feed)
    forget()
    return results


def assert_close(found: Any, expected: Any, message: str = "") -> None:
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5 * np.abs(b).max(), err_msg=message)


def test_values_and_gradients(teams: list[str]) -> None:
    """Of all cases in one program, then the results, and either gradient, alone."""
    built = [graph(case) for case in CASES]
    feed = {key: value for _, feeds in built for key, value in feeds.items()}
    expected = in_tier("interpret", [fetches for fetches, _ in built], feed)
    found = in_tier("compile", [fetches for fetches, _ in built], feed)
    for case, results, values in zip(CASES, found, expected, strict=True):
        assert_close(results, values, str(case))
    assert sorted(" ".join(teams).split()) == sorted(["forward", "to_input", "to_filter"] * len(CASES))
    assert "to_input to_filter" in teams
    for n, kind in enumerate(("forward", "to_input", "to_filter")):
        teams.clear()
        alone = in_tier("compile", [fetches[n] for fetches, _ in built], feed)
        assert_close(alone, [values[n] for values in expected])
        assert teams == [kind] * len(CASES)


def test_more_threads_than_frequencies(teams: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have none leave their share of the filters' gradient at 0, whatever was in the memory."""
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    fetches, feed = graph(Case(size=(9, 3), window=(2, 2), batch=9))
    results = in_tier("compile", fetches, feed)
    assert_close(results, in_tier("interpret", fetches, feed))
    assert "to_input to_filter" in teams


def test_it_is_as_exact_as_direct_sums(teams: list[str]) -> None:
    rng = np.random.RandomState(0)
    x = np.maximum(rng.normal(size=(8, 14, 14, 32)), 0).astype(np.float32)
    w = rng.normal(size=(5, 5, 32, 64)).astype(np.float32)
    y = tf.nn.conv2d(x, w, [1, 1, 1, 1], "SAME")
    exact = tf.nn.conv2d(x.astype(np.float64), w.astype(np.float64), [1, 1, 1, 1], "SAME")
    right = in_tier("interpret", exact, {})
    fourier = in_tier("compile", y, {}) - right
    direct = directly(y, {}) - right
    assert np.square(fourier).mean() < 1.2 * np.square(direct).mean()
    assert np.abs(fourier).max() < 1.2 * np.abs(direct).max()
    assert teams == ["forward"]


def test_windows_that_see_only_zeros_give_zeros(teams: list[str]) -> None:
    """The gradient of a ReLU looks at whether they are more than 0."""
    (y, dx, _), feed = graph(Case(size=(12, 12), batch=3))
    images, _ = feed
    x = feed[images].copy()
    x[0, :7] = 0
    x[1] = 0
    x[2, :, 5:] = 0
    found, expected = (in_tier(tier, y, {**feed, images: x}) for tier in ("compile", "interpret"))
    assert (expected == 0).any() and np.array_equal(found == 0, expected == 0)
    seed = np.zeros(y.shape.as_list(), np.float32)
    seed[1, 3:5, 4] = 1.0
    dx = tf.gradients(y, images, grad_ys=tf.constant(seed))[0]
    found, expected = (in_tier(tier, dx, feed) for tier in ("compile", "interpret"))
    assert np.array_equal(found == 0, expected == 0)
    assert teams == ["forward", "to_input"]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("where", ["images", "filters"])
def test_what_is_not_finite_stays_where_it_is(teams: list[str], value: float, where: str) -> None:
    """One pixel spoils what sees it, not the image: such calls are computed again by direct sums."""
    fetches, feed = graph(Case(batch=3))
    images, filters = feed
    fed = feed[images if where == "images" else filters]
    fed[(1, 2, 3, 4) if where == "images" else (0, 1, 2, 3)] = value
    found, expected = in_tier("compile", fetches, feed), directly(fetches, feed)
    assert len(teams) == 2
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(np.isnan(a), np.isnan(b))
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [0, 2])
def test_small_numbers_beside_large_ones_keep_their_digits(teams: list[str], kind: int) -> None:
    """As those that stand for what is missing: the frequencies of such an image hold nothing of the rest."""
    fetches, feed = graph(Case(size=(16, 16), batch=2))
    images, _ = feed
    feed[images][1, 2:4, 3] = -1e9
    found = in_tier("compile", fetches[kind], feed)
    np.testing.assert_array_equal(found, directly(fetches[kind], feed))
    assert len(teams) == 1
    if kind == 0:
        expected = in_tier("interpret", fetches[0], feed)
        np.testing.assert_allclose(found[1, 8:], expected[1, 8:], rtol=1e-5, atol=1e-5)


def test_several_sessions_at_once(teams: list[str]) -> None:
    """Each call has memory of its own."""
    small, large = graph(CASES[0]), graph(Case(size=(14, 13), window=(5, 5)))
    with tf.Session(tier="compile") as session:
        expected = [session.run(*small), session.run(*large)]
        with ThreadPoolExecutor(4) as pool:
            runs = list(pool.map(lambda n: session.run(*(small, large)[n % 2]), range(60)))
    for n, found in enumerate(runs):
        for a, b in zip(found, expected[n % 2], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_failing_product_is_an_error(teams: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    fetches, feed = graph(CASES[0])
    expected = in_tier("compile", fetches, feed)

    def fail(*_: Any) -> None:
        raise onednn.OneDnnError("oneDNN's dnnl_primitive_execute failed with status 1")

    with monkeypatch.context() as patch:
        patch.setattr(onednn.Products, "run", fail)
        library_convolution._work.cache_clear()
        with pytest.raises(tf.errors.InternalError, match="status 1"):
            in_tier("compile", fetches, feed)
    library_convolution._work.cache_clear()
    assert_close(in_tier("compile", fetches, feed), expected)


def layer(batch: int, size: int, window: int, depth: int, filters: int, **other: Any) -> Convolution:
    whole = {
        "kind": "forward",
        "inputs": (batch, size, size, depth),
        "outputs": (batch, size, size, filters),
        "window": (window, window),
        "strides": (1, 1),
        "rates": (1, 1),
        "before": (window // 2, window // 2),
    }
    return Convolution(**{**whole, **other})


def test_large_windows_over_many_channels_suit() -> None:
    suits = fourier_convolution.suits
    assert suits(layer(128, 14, 5, 32, 64)) and suits(layer(32, 28, 7, 64, 64))
    assert suits(layer(128, 14, 5, 32, 64, kind="to_filter")) and suits(layer(32, 14, 11, 32, 32))
    assert not suits(layer(128, 14, 3, 64, 64)) and not suits(layer(32, 224, 7, 3, 64))
    assert not suits(layer(1, 14, 5, 32, 64)) and not suits(layer(128, 28, 5, 1, 32))
    assert not suits(layer(128, 14, 5, 32, 64, strides=(2, 2), outputs=(128, 7, 7, 64)))
    assert not suits(layer(128, 14, 5, 64, 64, groups=2))
    assert not suits(layer(64, 14, 11, 512, 512))  # its spectra are too large


def test_the_environment_turns_it_off() -> None:
    program = (
        "from reflow.ops.fourier_convolution import suits\n"
        "from reflow.base.onednn import Convolution\n"
        f"print(suits({layer(128, 14, 5, 32, 64)!r}))"
    )
    for value, answer in ((fourier_convolution.OFF, "False"), ("1", "True")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "REFLOW_FOURIER": value},
            capture_output=True,
            text=True,
        )
        assert done.stdout.strip() == answer, done.stderr
