"""Damaged files of each kind: a clear error, never another exception and never much memory."""

from __future__ import annotations

import random
import resource
from pathlib import Path

import numpy as np
import pytest

import reflow as tf
from reflow.base import dtypes
from reflow.base.bundle import BundleReader, BundleWriter
from reflow.base.checkpoint_v1 import CheckpointV1, WriterV1
from reflow.base.checksums import masked_crc32c
from reflow.base.slices import TensorSlice
from reflow.base.table import TRAILER, Table

MUTATIONS = 10_000
CLEAR = (tf.errors.OpError, ValueError)
ROOM = 256 << 20  # bytes that all mutations of a kind together may add to the process


def mutated(data, dice):
    """A copy with some bytes changed, cut off, repeated or put in."""
    copy = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 5))):
        where = dice.randrange(len(copy) + 1)
        how = dice.random()
        if how < 0.5 and where < len(copy):
            copy[where] = dice.choice(
                (0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256), copy[where] ^ (1 << dice.randrange(8)))
            )
        elif how < 0.65:
            del copy[where:]
        elif how < 0.8:
            del copy[where : where + dice.randrange(1, 9)]
        else:
            copy[where:where] = bytes(dice.randrange(256) for _ in range(dice.randrange(1, 9)))
        if not copy:
            break
    return bytes(copy)


def resealed(data):
    """A table whose blocks have right CRCs again, so that what is inside them is looked at."""
    copy = bytearray(data)
    try:
        index = Table(copy, "t")._index
    except tf.errors.OpError:
        return bytes(copy)
    for _, handle in index:
        end = handle.offset + handle.size + 1
        if end + 4 <= len(copy):
            copy[end : end + 4] = masked_crc32c(bytes(copy[handle.offset : end])).to_bytes(4, "little")
    return bytes(copy)


def inner(data, dice):
    """A table with changed bytes in its first block, sealed again."""
    _, handle = Table(data, "t")._index[0]
    end = handle.offset + handle.size
    block = mutated(data[handle.offset : end], dice)[: handle.size].ljust(handle.size, b"\0")
    return resealed(data[: handle.offset] + block + data[end : end + TRAILER] + data[end + TRAILER :])


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def tried(path, data, attempt):
    """1 when a damaged file is refused, 0 when it reads; any other exception fails the test."""
    path.unlink(missing_ok=True)  # quicker than to overwrite it
    path.write_bytes(data)
    try:
        attempt()
    except CLEAR as error:
        assert str(error)
        return 1
    return 0


def read_all(reader):
    for name in reader.names():
        reader.read(name)
        reader.shape(name), reader.dtype(name)
    reader.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz")
    rows = {
        "numbers": np.arange(12, dtype=np.float32).reshape(3, 4),
        "words": np.array([b"one", b"", b"three"], object),
        "scalar": np.int64(5),
    }
    old = WriterV1(str(path / "old"))
    with BundleWriter(str(path / "m")) as writer:
        for name, value in rows.items():
            kind = dtypes.string if np.asarray(value).dtype == object else dtypes.as_dtype(value.dtype)
            writer.add(name, value, kind)
            old.add_slice(name, np.shape(value), TensorSlice.whole(np.ndim(value)), value, kind)
        for start in (0, 2):
            part = TensorSlice((start, 0), (2, -1))
            writer.add_slice("parts", (4, 2), part, np.ones((2, 2)), dtypes.float64)
    old.finish()
    return path


def test_indexes(folder):
    dice, path = random.Random(1), folder / "m.index"
    whole, before, refused = path.read_bytes(), peak(), 0
    for i in range(MUTATIONS):
        data = (mutated if i % 3 == 0 else inner)(whole, dice)
        refused += tried(path, data, lambda: read_all(BundleReader(str(folder / "m"))))
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.6 and peak() - before < ROOM


def test_data(folder):
    dice, path = random.Random(2), folder / "m.data-00000-of-00001"
    whole, before, refused = path.read_bytes(), peak(), 0
    for _ in range(MUTATIONS):
        data = mutated(whole, dice)
        same = data[: len(whole)] == whole
        found = tried(path, data, lambda: read_all(BundleReader(str(folder / "m"))))
        assert found or same, "a changed tensor was not noticed"
        refused += found
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.6 and peak() - before < ROOM


def test_version_1(folder):
    dice, path = random.Random(3), folder / "old"
    whole, before, refused = path.read_bytes(), peak(), 0
    for i in range(MUTATIONS):
        data = (mutated if i % 3 == 0 else inner)(whole, dice)
        refused += tried(path, data, lambda: read_all(CheckpointV1(str(path))))
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.6 and peak() - before < ROOM


def graph_file(path):
    """A small graph with a variable and a Saver, as a file."""
    with tf.Graph().as_default():
        v = tf.Variable([1.0, 2.0], name="v")
        tf.add_to_collection("out", tf.multiply(v, 2.0, name="y"))
        tf.train.Saver([v]).export_meta_graph(str(path))
    return Path(path).read_bytes()


def test_meta_graphs(folder):
    dice, path = random.Random(4), folder / "m.meta"
    whole, before, refused = graph_file(path), peak(), 0
    message = tf.MetaGraphDef.FromString(whole)
    message.meta_info_def.ClearField("stripped_op_list")
    whole = message.SerializeToString()

    def attempt():
        with tf.Graph().as_default():
            tf.train.import_meta_graph(str(path))

    for _ in range(MUTATIONS):
        refused += tried(path, mutated(whole, dice), attempt)
    assert refused > MUTATIONS * 0.5 and peak() - before < ROOM
