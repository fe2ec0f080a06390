"""Files made to take memory: each is refused before it gets it."""

from __future__ import annotations

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

import reflow as tf
from reflow.base import dtypes
from reflow.base.bundle import BundleReader, BundleWriter
from reflow.base.checkpoint_v1 import CheckpointV1, WriterV1
from reflow.base.pipeline.files import chunks
from reflow.base.slices import TensorSlice
from reflow.base.table import Table, TableBuilder
from reflow.ops import image_files


@pytest.fixture
def peak():
    """The memory taken since the test began, at its peak."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()


def test_keys_that_grow(peak):
    """Each key begins with the one before it, which costs three bytes in the file."""
    builder, key = TableBuilder(), b"k" * 500
    builder._data._interval = 10_000  # every so many keys are stored whole
    for _ in range(500):
        key += b"x"
        builder.add(key, b"")
    data = builder.finish()
    before = peak()
    with pytest.raises(tf.errors.DataLossError, match=r"keys of \d+ bytes come to more than 32 times"):
        list(Table(data, "t").items())
    assert peak() - before < 40 * len(data)


def test_blocks_within_blocks():
    builder = TableBuilder(block_size=1)
    for key in (b"a", b"c"):
        builder.add(key, b"value")
    data = bytearray(builder.finish())
    table = Table(bytes(data), "t")
    assert [k for k, _ in table.items()] == [b"a", b"c"]
    table._index[1] = table._index[0]
    with pytest.raises(tf.errors.DataLossError, match="begins within another"):
        table._check_apart()


def test_slices_of_the_same_bytes(tmp_path):
    """Slices that lie over each other hold less than they seem to."""
    prefix = str(tmp_path / "m")
    writer = BundleWriter(prefix)
    for start in range(1000):
        part = TensorSlice((start, 0), (2, 100))
        writer.add_slice("v", (10_000, 100), part, np.zeros((2, 100), np.float32), dtypes.float32)
    for entry in writer._entries.values():
        if entry.size:
            entry.offset = 0
    writer.finish()
    with open(f"{prefix}.data-00000-of-00001", "r+b") as file:
        file.truncate(800)
    with BundleReader(prefix) as reader, pytest.raises(tf.errors.DataLossError, match="slices overlap"):
        reader.read("v", TensorSlice((0, 0), (1000, 100)))


def test_one_slice_named_often(tmp_path, peak):
    path, values = str(tmp_path / "old"), np.arange(10_000, dtype=np.float32)
    writer = WriterV1(path)
    writer.add_slice("v", (10_000,), TensorSlice.whole(1), values, dtypes.float32)
    slices = writer._listed.meta.tensor[0].slice
    for _ in range(1000):
        slices.add().CopyFrom(slices[0])
    writer.finish()
    before = peak()
    np.testing.assert_array_equal(CheckpointV1(path).read("v"), values)
    assert peak() - before < 20 * values.nbytes


def test_an_image_that_is_too_small_for_its_size():
    pixels = np.zeros((8, 8, 3), np.uint8)
    png = bytearray(image_files.write_png(pixels))
    png[16:24] = struct.pack(">II", 6000, 6000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    with pytest.raises(image_files.BadImage, match="PNG data, .*too short for an image of 6000 by 6000"):
        image_files.read_png(bytes(png))
    jpeg = image_files.write_jpeg(pixels)
    at = jpeg.index(b"\xff\xc0") + 5
    with pytest.raises(image_files.BadImage, match="too short for an image of 6000 by 6000"):
        image_files.read_jpeg(jpeg[:at] + struct.pack(">HH", 6000, 6000) + jpeg[at + 4 :])
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "GIF")
    gif = stream.getvalue()
    with pytest.raises(image_files.BadImage, match="too short for an image of 6000 by 6000"):
        image_files.read_gif(gif[:6] + struct.pack("<HH", 6000, 6000) + gif[10:])


@pytest.mark.parametrize("value", [0, 255])
def test_uniform_images_are_no_bombs(value):
    """The smallest files of a size are read: large images of one color."""
    pixels = np.full((700, 1000, 3), value, np.uint8)
    assert (image_files.read_png(image_files.write_png(pixels, 9)) == value).all()
    jpeg = image_files.write_jpeg(pixels, optimize=True, progressive=True)
    assert abs(image_files.read_jpeg(jpeg).astype(int) - value).max() <= 1
    stream = io.BytesIO()
    Image.fromarray(pixels).quantize(2).save(stream, "GIF", optimize=True)
    assert image_files.read_gif(stream.getvalue()).shape == (1, 700, 1000, 3)


def test_compressed_text_comes_in_pieces(tmp_path, peak):
    path, size = tmp_path / "text", 50 << 20
    packer = zlib.compressobj()
    path.write_bytes(b"".join(packer.compress(b" " * (1 << 20)) for _ in range(50)) + packer.flush())
    before, found = peak(), 0
    for piece in chunks(str(path), "ZLIB"):
        found += len(piece)
    assert found == size and peak() - before < 4 << 20


def test_a_record_that_is_no_event(tmp_path):
    with tf.python_io.TFRecordWriter(str(tmp_path / "events")) as writer:
        writer.write(b"\xff\xff")
    with pytest.raises(tf.errors.DataLossError, match="record 0 of .*events is no event"):
        list(tf.train.summary_iterator(str(tmp_path / "events")))


def test_deeply_nested_texts(tmp_path):
    """An error of a few lines, whatever the length of the line that is wrong."""
    path = tmp_path / "graph.pbtxt"
    path.write_text("library { function { node_def " + "{ attr { value { list { func " * 50_000)
    with pytest.raises(tf.errors.DataLossError) as caught:
        tf.train.import_meta_graph(str(path))
    assert len(str(caught.value)) < 2000
