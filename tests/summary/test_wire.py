"""Summaries as bytes: what the hand-written encoder makes is what the messages make."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.base import protos
from reflow.ops import summary_histogram, summary_media, summary_wire

TAGS = [b"", b"a", b"loss/x", b"t" * 127, b"t" * 128, b"t" * 20000, "größe".encode()]


def parsed(data: bytes) -> Any:
    """The one value of a serialized Summary, which must serialize to the same bytes."""
    found = protos.Summary.FromString(data)
    assert found.SerializeToString() == data
    return found.value[0]


@pytest.mark.parametrize("tag", TAGS)
def test_scalars_and_tags(tag: bytes) -> None:
    value = parsed(summary_wire.scalar(tag, 0.25))
    assert (value.tag.encode(), value.simple_value) == (tag, 0.25)
    assert parsed(summary_wire.scalar(tag, 0.0)).HasField("simple_value")


@pytest.mark.parametrize("size", [0, 1, 2, 7, 14, 15, 16, 48, 49, 300, 3000])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32", "uint8"])
def test_histograms(size: int, dtype: str) -> None:
    random = np.random.RandomState(size)
    values = (random.randn(size) * 10.0 ** random.randint(-3, 4, size)).astype(dtype)
    histo = parsed(summary_histogram.encode(b"tag", values, "node")).histo
    doubles = values.astype(np.float64)
    if size:
        assert (histo.min, histo.max, histo.num) == (doubles.min(), doubles.max(), size)
        assert histo.sum == doubles.cumsum()[-1] and histo.sum_squares == np.square(doubles).cumsum()[-1]
    edges = np.array([-np.inf, *histo.bucket_limit])
    assert [np.sum((doubles >= a) & (doubles < b)) for a, b in itertools.pairwise(edges)] == list(
        histo.bucket
    )


def test_both_ways_of_counting_agree() -> None:
    limits = np.array(summary_histogram.bucket_limits())
    below, above = np.nextafter(limits[1:], -np.inf), np.nextafter(limits[:-1], np.inf)
    random = np.random.RandomState(0).randn(5000) * 10.0 ** np.random.RandomState(1).randint(-320, 300, 5000)
    values = np.concatenate([limits, below, above, random, -random, [0.0, -0.0, 5e-324, -5e-324]])
    for part in np.array_split(values, 500):
        with np.errstate(over="ignore"):  # as the interpreter does
            assert summary_histogram._count_few(part, "x") == summary_histogram._count_many(part, "x")
    expected = np.minimum(limits.searchsorted(values, "right"), len(limits) - 1)
    np.testing.assert_array_equal(summary_histogram._places(values), expected)


def test_images_and_sounds() -> None:
    value = parsed(summary_wire.image(b"i", (2, 300, 3), b"png"))
    assert (value.image.height, value.image.width, value.image.colorspace) == (2, 300, 3)
    value = parsed(summary_wire.audio(b"s", 44100.0, 2, 9, b"wav"))
    assert (value.audio.sample_rate, value.audio.num_channels, value.audio.length_frames) == (44100.0, 2, 9)
    assert summary_media.png(np.zeros([1, 1, 1], np.uint8)).endswith(b"IEND\xaeB`\x82")


def test_metadata_are_found_and_taken_away() -> None:
    plain = summary_wire.scalar(b"a", 1.0) + summary_histogram.encode(b"J", np.full(100, 74.0), "n")
    assert not summary_wire.has_metadata(plain)
    value = protos.Summary.Value(tag="a", simple_value=2.0)
    assert not summary_wire.has_metadata(protos.Summary(value=[value]).SerializeToString())
    value.metadata.display_name = "J"
    described = protos.Summary(value=[value]).SerializeToString()
    assert summary_wire.has_metadata(plain + described)
    ((start, end),) = summary_wire.values(described)
    bare = summary_wire.without(described[start:end], summary_wire.METADATA)
    assert protos.Summary.Value.FromString(bare) == protos.Summary.Value(tag="a", simple_value=2.0)
    without_tag = protos.Summary(value=[protos.Summary.Value(metadata=value.metadata)]).SerializeToString()
    assert summary_wire.has_metadata(without_tag)


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05abc", b"\x12\x00", b"\x0a\xff", b"abc"])
def test_what_is_no_summary(data: bytes) -> None:
    with pytest.raises(ValueError):
        summary_wire.values(data)


@pytest.mark.parametrize("tier", ["interpret", "compile"])
def test_a_step_with_summaries_is_one_xla_program_and_one_host_segment(tier: str) -> None:
    from reflow.runtime.session import Session

    x = tf.placeholder(tf.float32, [None, 2])
    y = tf.placeholder(tf.float32, [None, 1])
    w = tf.Variable([[1.0], [-1.0]])
    b = tf.Variable([0.5])
    out = tf.sigmoid(tf.matmul(x, w) + b)
    loss = -tf.reduce_mean(y * tf.log(out) + (1 - y) * tf.log(1 - out))
    train = tf.train.AdamOptimizer(0.1).minimize(loss)
    for name, tensor in [("w", w), ("out", out), ("grad", tf.gradients(loss, w)[0])]:
        tf.summary.histogram(name, tensor)
    tf.summary.scalar("loss", loss)
    merged = tf.summary.merge_all()
    session = Session(tier=tier)
    session.run(tf.global_variables_initializer())
    feed = {x: [[1.0, 2.0], [0.0, 1.0]], y: [[1.0], [0.0]]}
    for step in range(3):
        before = session.run([w, loss], feed)
        found = tf.Summary.FromString(session.run([train, merged], feed)[1])
        values = {v.tag: v for v in found.value}
        assert values["loss"].simple_value == pytest.approx(before[1], rel=1e-6), step
        assert values["w"].histo.sum == pytest.approx(before[0].sum(), rel=1e-6, abs=1e-6), step
    (entry,) = [e for e in session._entries.values() if train in e.fetches.targets]
    kinds = [segment.host for segment in entry.runner.executable.segments]
    assert kinds == [False, True]
