"""Examples read by their common layout have the values that protobuf finds, or are left to it."""

from __future__ import annotations

import random

import numpy as np
import pytest

from reflow.base import examples
from reflow.base.example_layouts import Layouts
from reflow.base.protos import Example

WANTED = [("x", examples.KINDS["float32"]), ("n", examples.KINDS["int64"]), ("t", examples.KINDS["string"])]


def example(floats: list[float], integers: list[int], texts: list[bytes]) -> bytes:
    message = Example()
    message.features.feature["x"].float_list.value.extend(floats)
    message.features.feature["n"].int64_list.value.extend(integers)
    message.features.feature["t"].bytes_list.value.extend(texts)
    message.features.feature["not read"].int64_list.value.append(7)
    return bytes(message.SerializeToString())


def by_protobuf(batch: list[bytes]) -> list[examples.Column]:
    maps = examples.features_of(batch)
    return [examples.read(examples.look_up(maps, key), kind, pytest.fail) for key, kind in WANTED]


def check(batch: list[bytes], layouts: Layouts) -> bool:
    """Whether the batch was read by its layouts; then it must have been read rightly."""
    found = examples.columns(batch, WANTED, layouts)
    if found is None:
        return False
    for got, want in zip(found, by_protobuf(batch), strict=True):
        assert got.values.dtype == want.values.dtype
        assert got.values.tolist() == want.values.tolist()
        assert (got.counts.tolist(), got.absent) == (want.counts.tolist(), want.absent)
    return True


@pytest.mark.parametrize("top", [1, 100, 20_000])
def test_batches_of_one_writer(top: int) -> None:
    draw = random.Random(top)
    layouts = Layouts()
    for _ in range(20):
        batch = [
            example([draw.random(), 2.5], [draw.randrange(top), draw.randrange(top)], [b"ab", b"%03d" % i])
            for i in range(64)
        ]
        assert check(batch, layouts)


def test_negative_and_large_integers() -> None:
    limits = np.iinfo(np.int64)
    assert check([example([1], [n], [b""]) for n in [limits.min, -1] * 4], Layouts())
    assert check([example([1], [n], [b""]) for n in [limits.max, limits.max - 1] * 4], Layouts())


def test_lists_without_values() -> None:
    assert check([example([], [], [])] * 8, Layouts())


def test_what_differs_is_left_to_protobuf() -> None:
    layouts = Layouts()
    same = [example([1.5], [3], [b"abc"])] * 8
    assert check(same, layouts)
    other_kind = Example()
    other_kind.features.feature["x"].bytes_list.value.append(b"12")
    for odd in (example([1.5], [3, 4], [b"ab"]), b"x" * len(same[0]), bytes(other_kind.SerializeToString())):
        assert not check([*same, odd], layouts)
        assert not check([odd, *same], layouts)
        assert check(same, layouts)
    assert not check([bytes(other_kind.SerializeToString())] * 8, layouts)
    assert not check([example([1.5], [3], [b"x" * i]) for i in range(32)], layouts)
    assert not check([b""] * 8, layouts)


def test_damaged_examples_never_pass_for_others() -> None:
    draw = random.Random(3)
    layouts = Layouts()
    good = [example([i, 0.5], [i, -i], [b"text %02d" % i]) for i in range(24)]
    read = 0
    for _ in range(300):
        data = bytearray(draw.choice(good))
        for _ in range(draw.randrange(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        batch = [*good[:7], bytes(data)] if draw.random() < 0.7 else [bytes(data)] * 8
        try:
            by_protobuf(batch)
        except (examples.MalformedError, pytest.fail.Exception):
            assert not check_read(batch, layouts)
        else:
            read += check(batch, layouts)
    assert read > 20


def check_read(batch: list[bytes], layouts: Layouts) -> bool:
    return examples.columns(batch, WANTED, layouts) is not None
