"""The formats of checkpoints: bytes as TensorFlow writes them, damage, unfinished and refused writes."""

from __future__ import annotations

import errno
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

from reflow.base import bundle, bundle_files, checkpoint_v1, dtypes, errors, protos, snappy
from reflow.base.bundle import BundleReader, BundleWriter
from reflow.base.bundle_files import NEXT
from reflow.base.checkpoint_v1 import CheckpointV1, WriterV1, open_checkpoint
from reflow.base.checksums import masked_crc32c
from reflow.base.slices import TensorSlice, parse_shape_and_slice, slice_key
from reflow.base.table import Table, TableBuilder
from reflow.base.varint import varint

from . import checkpoint_models as models

DATA = Path(__file__).parent / "data" / "checkpoints"
VERSIONS = ("tf1", "tf2")


def dtype_of(value):
    return dtypes.string if np.asarray(value).dtype == object else dtypes.as_dtype(np.asarray(value).dtype)


def write(prefix, rows):
    with BundleWriter(str(prefix)) as writer:
        for name, value in rows:
            writer.add(name, value, dtype_of(value))


def save_one(prefix, value):
    write(prefix, [("v", np.full(3, value, np.float32))])


def files(prefix):
    """The contents of a checkpoint's files."""
    return {
        path.name: path.read_bytes()
        for path in sorted(prefix.parent.iterdir())
        if path.name.startswith(prefix.name)
    }


# What TensorFlow wrote


@pytest.mark.parametrize("version", VERSIONS)
def test_tensors_of_every_type_are_read(version):
    with BundleReader(str(DATA / version / "all")) as reader:
        assert reader.names() == sorted(name for name, _ in models.tensors())
        for name, value in models.tensors():
            found = reader.read(name)
            assert found.dtype == np.asarray(value).dtype and found.shape == np.shape(value)
            np.testing.assert_array_equal(found, value)
            assert reader.dtype(name) == dtype_of(value) and reader.shape(name) == np.shape(value)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_same_tensors_make_the_same_bytes(version, tmp_path):
    write(tmp_path / "all", models.tensors())
    assert files(tmp_path / "all") == files(DATA / version / "all")
    names = [f"n{i:05d}/some/long/name/of/a/variable" for i in range(0, 3000, 10)]
    write(tmp_path / "many", [(n, np.int32(i)) for i, n in enumerate(names)])
    assert files(tmp_path / "many") == files(DATA / version / "many")


@pytest.mark.parametrize("version", VERSIONS)
def test_slices(version, tmp_path):
    with BundleReader(str(DATA / version / "sliced")) as reader:
        for name in ("w", "s"):
            whole = models.whole(name)
            np.testing.assert_array_equal(reader.read(name), whole)
        part = TensorSlice.parse("1,3:-")
        np.testing.assert_array_equal(reader.read("w", part), models.whole("w")[1:4])
        assert reader.shape("w") == (5, 2) and reader.names() == ["s", "w"]
    with BundleWriter(str(tmp_path / "sliced")) as writer:
        for name, spec, value in models.SLICED:
            writer.add_slice(name, *parse_shape_and_slice(spec), value, dtype_of(value))
    assert files(tmp_path / "sliced") == files(DATA / version / "sliced")


@pytest.mark.parametrize("version", VERSIONS)
def test_version_1_is_read(version):
    reader = open_checkpoint(str(DATA / version / "old"))
    assert isinstance(reader, CheckpointV1)
    for name, value in models.tensors():
        if name in models.OLD_TYPES:
            found = reader.read(name)
            assert found.dtype == np.asarray(value).dtype
            np.testing.assert_array_equal(found, value)
    two = CheckpointV1(str(DATA / version / "old_two"))
    np.testing.assert_array_equal(two.read("z"), np.zeros(500, np.float32))
    np.testing.assert_array_equal(two.read("r"), np.arange(300))


def test_bfloat16_and_quantized_types(tmp_path):
    rows = {
        "b": (np.array([1.5, -2.0, 3e38]).astype(dtypes.bfloat16.as_numpy_dtype), dtypes.bfloat16),
        "q": (np.array([(1,), (-2,)], dtypes.qint8.as_numpy_dtype), dtypes.qint8),
    }
    with BundleWriter(str(tmp_path / "m")) as writer:
        for name, (value, dtype) in rows.items():
            writer.add(name, value, dtype)
    with BundleReader(str(tmp_path / "m")) as reader:
        for name, (value, dtype) in rows.items():
            assert reader.dtype(name) == dtype
            np.testing.assert_array_equal(reader.read(name), value)


def test_version_1_round_trip(tmp_path):
    path = str(tmp_path / "old")
    writer = WriterV1(path)
    kept = [(n, np.asarray(v)) for n, v in models.tensors() if n in models.OLD_TYPES]
    for name, value in kept:
        writer.add_slice(name, value.shape, TensorSlice.whole(value.ndim), value, dtype_of(value))
    whole = np.arange(10.0).reshape(5, 2)
    for start, stop in ((0, 2), (2, 5)):
        part = TensorSlice((start, 0), (stop - start, -1))
        writer.add_slice("parts", (5, 2), part, whole[start:stop], dtypes.float64)
    writer.finish()
    reader = CheckpointV1(path)
    for name, value in [*kept, ("parts", whole)]:
        np.testing.assert_array_equal(reader.read(name), value)
    np.testing.assert_array_equal(reader.read("parts", TensorSlice.parse("1,2:1,1")), whole[1:3, 1:])


def test_version_1_refuses_what_it_cannot_store(tmp_path):
    writer = WriterV1(str(tmp_path / "m"))
    with pytest.raises(errors.InvalidArgumentError, match="x: .*do not store uint32"):
        writer.add_slice("x", (1,), TensorSlice.whole(1), np.zeros(1, np.uint32), dtypes.uint32)


# Tables, slices, compression


def test_tables_of_many_blocks():
    builder = TableBuilder(block_size=100)
    rows = [(f"key{i:04d}".encode(), bytes([i % 256]) * (i % 40)) for i in range(300)]
    for key, value in rows:
        builder.add(key, value)
    table = Table(builder.finish(), "t")
    assert list(table.items()) == rows
    assert all(table.get(k) == v for k, v in rows)
    assert table.get(b"key") is None and table.get(b"zzz") is None and table.get(b"key0001x") is None
    assert list(Table(TableBuilder().finish(), "empty").items()) == []
    with pytest.raises(ValueError, match="in order"):
        builder.add(b"a", b"")


@pytest.mark.parametrize(
    ("start", "length"), [(0, 1), (63, 64), (64, 63), (5000, 8191), (8192, 8193), (1 << 40, 1 << 41), (0, -1)]
)
def test_keys_of_slices_sort_as_the_slices(start, length):
    one = slice_key(b"w", TensorSlice((start,), (length,)))
    assert one < slice_key(b"w", TensorSlice((start + 1,), (length,)))
    assert one < slice_key(b"w", TensorSlice((start,), (length + 1,)))
    assert (
        one < slice_key(b"w\0", TensorSlice((start,), (length,))) < slice_key(b"x", TensorSlice((0,), (1,)))
    )


@pytest.mark.parametrize("text", ["x", "0", "1,2,3", "-1,2", "0,0", "a,b", "1:2"])
def test_malformed_slices(text):
    with pytest.raises(ValueError, match="Expected a pair"):
        TensorSlice.parse(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5", "least two"),
        ("5 2 0,6:-", "out of bounds"),
        ("5 0,1:0,1", "ranks"),
        ("x 0,1", "Non numerical"),
        ("99999999999999999999 0,1", "Non numerical"),
    ],
)
def test_malformed_shapes_and_slices(text, message):
    with pytest.raises(ValueError, match=message):
        parse_shape_and_slice(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x05",
        b"\xff\xff\xff\xff\x0f\x00a",  # claims four gigabytes
        b"\x05\x10ab",  # a literal that is cut off
        b"\x05\xf0",
        b"\x05\x01",
        b"\x05\x00a\x01\x02",  # a copy from before the start
        b"\x05\x00a\x01\x00",
        b"\x01\x04ab",  # more than it claims
    ],
)
def test_damaged_compressed_blocks(data):
    with pytest.raises(ValueError):
        snappy.decompress(data)


def compressed(data):
    """Snappy's form of bytes: literals, and copies where four bytes stood before."""
    out, at, literal = bytearray(varint(len(data))), 0, 0

    def flush(end):
        for start in range(literal, end, 60):
            piece = data[start : min(start + 60, end)]
            out.extend([(len(piece) - 1) << 2, *piece])

    while at < len(data):
        found = data.rfind(data[at : at + 4], 0, at + 3) if at + 4 <= len(data) else -1
        if found < 0 or found == at or at - found > 0xFFFF:
            at += 1
            continue
        size = 4
        while size < 64 and at + size < len(data) and data[found + size] == data[at + size]:
            size += 1
        flush(at)
        distance = at - found
        if distance < 2048 and size < 12:
            out.extend([1 | (size - 4) << 2 | (distance >> 8) << 5, distance & 255])
        else:
            out.extend([2 | (size - 1) << 2, distance & 255, distance >> 8])
        at = literal = at + size
    flush(at)
    return bytes(out)


@pytest.mark.parametrize(
    "data",
    [b"", b"a", b"ab" * 300, bytes(range(256)) * 20, b"x" * 100_000, b"to be or not to be, to be or not"],
)
def test_compressed_blocks(data):
    assert len(compressed(data)) < max(len(data), 100)
    assert snappy.decompress(compressed(data)) == data


def test_long_literals():
    data = bytes(i * 7 % 256 for i in range(70_000))
    for width, tag in ((2, 61), (3, 62), (4, 63)):
        size = min(len(data), 256**width)
        form = varint(size) + bytes([tag << 2]) + (size - 1).to_bytes(width, "little") + data[:size]
        assert snappy.decompress(form) == data[:size]


def test_tables_with_compressed_blocks(monkeypatch):
    rows = [(f"key{i:04d}".encode(), b"value" * 10) for i in range(300)]
    builder = TableBuilder()
    for key, value in rows:
        builder.add(key, value)
    plain = len(builder.finish())

    def write_compressed(self, block):
        handle = varint(len(self._out)) + varint(len(compressed(block)))
        content = compressed(block) + b"\1"
        self._out += content + struct.pack("<I", masked_crc32c(content))
        return handle

    monkeypatch.setattr(TableBuilder, "_write", write_compressed)
    builder = TableBuilder()
    for key, value in rows:
        builder.add(key, value)
    data = builder.finish()
    assert len(data) < plain / 3
    assert list(Table(data, "t").items()) == rows


# Damage


def damaged(prefix, name, change):
    """Change the bytes of one of a checkpoint's files."""
    path = prefix.parent / name
    content = bytearray(path.read_bytes())
    path.write_bytes(change(content) or content)


@pytest.fixture
def saved(tmp_path):
    write(tmp_path / "m", [("a", np.arange(6, dtype=np.float32)), ("s", np.array([b"x", b"yz"], object))])
    return tmp_path / "m"


def index_with(prefix, **changes):
    """Write the index anew with changed fields of the entry of `a`, its CRCs being right."""
    path = f"{prefix}.index"
    builder = TableBuilder()
    for key, value in Table(Path(path).read_bytes(), path).items():
        if key == b"a":
            entry = protos.BundleEntryProto.FromString(value)
            for name, new in changes.items():
                if name == "shape":
                    del entry.shape.dim[:]
                    for size in new:
                        entry.shape.dim.add(size=size)
                else:
                    setattr(entry, name, new)
            value = entry.SerializeToString()
        builder.add(key, value)
    Path(path).write_bytes(builder.finish())


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"offset": 1 << 60}, "lies beyond the end"),
        ({"offset": -4}, "lies beyond the end"),
        ({"size": 1 << 62}, "lies beyond the end"),
        ({"size": -1}, "lies beyond the end"),
        ({"size": 20}, "20 bytes"),
        ({"shard_id": 7}, "shard 7 of 1"),
        ({"shard_id": -1}, "shard -1 of 1"),
        ({"dtype": 99}, "type 99"),
        ({"dtype": 2}, "24 bytes"),
        ({"dtype": 7}, "lengths"),
        ({"shape": [1 << 62, 4]}, "24 bytes"),
        ({"shape": [-6]}, r"\[-6\]"),
        ({"shape": [1] * 300 + [6]}, "shape"),
        ({"crc32c": 1}, "checksum does not match: a, 24 bytes at byte 0"),
    ],
)
def test_a_false_index(saved, changes, message):
    index_with(saved, **changes)
    with pytest.raises(errors.DataLossError, match=message):
        BundleReader(str(saved)).read("a")


def test_a_flipped_bit_of_the_data_is_found(saved):
    damaged(saved, "m.data-00000-of-00001", lambda b: b.__setitem__(5, b[5] ^ 8))
    reader = BundleReader(str(saved))
    with pytest.raises(
        errors.DataLossError, match=r"m.data-00000-of-00001 is damaged: checksum .*: a, 24 bytes"
    ):
        reader.read("a")
    np.testing.assert_array_equal(reader.read("s"), [b"x", b"yz"])


def test_a_flipped_bit_of_a_string_is_found(saved):
    for place in range(24, 33):
        damaged(saved, "m.data-00000-of-00001", lambda b, i=place: b.__setitem__(i, b[i] ^ 1))
        with pytest.raises(errors.DataLossError, match="is damaged: .*s"):
            BundleReader(str(saved)).read("s")
        damaged(saved, "m.data-00000-of-00001", lambda b, i=place: b.__setitem__(i, b[i] ^ 1))


def test_every_truncation_of_the_index_is_found(saved):
    whole = Path(f"{saved}.index").read_bytes()
    for size in range(len(whole)):
        Path(f"{saved}.index").write_bytes(whole[:size])
        with pytest.raises(errors.DataLossError, match=r"m\.index"):
            BundleReader(str(saved))


def test_truncated_data(saved):
    damaged(saved, "m.data-00000-of-00001", lambda b: b[:20])
    with pytest.raises(errors.DataLossError, match="a, 24 bytes at byte 0, lies beyond the end at 20"):
        BundleReader(str(saved)).read("a")


def test_missing_files(saved):
    os.remove(f"{saved}.data-00000-of-00001")
    with pytest.raises(errors.NotFoundError, match="m.data-00000-of-00001"):
        BundleReader(str(saved)).read("a")
    with pytest.raises(errors.NotFoundError, match="Failed to find any matching files for .*/nothing"):
        open_checkpoint(str(saved.parent / "nothing"))


def test_missing_names_are_answered_with_the_nearest(saved):
    with pytest.raises(
        errors.NotFoundError, match="Key aa not found in checkpoint .*m. The nearest keys in it: a"
    ):
        BundleReader(str(saved)).read("aa")


def header_with(saved, **fields):
    builder = TableBuilder()
    header = protos.BundleHeaderProto(num_shards=1)
    header.version.producer = 1
    for name, value in fields.items():
        if name == "min_consumer":
            header.version.min_consumer = value
        else:
            setattr(header, name, value)
    builder.add(b"", header.SerializeToString())
    Path(f"{saved}.index").write_bytes(builder.finish())


def test_headers_that_are_refused(saved):
    header_with(saved, endianness=1)
    with pytest.raises(errors.UnimplementedError, match="big-endian"):
        BundleReader(str(saved))
    header_with(saved, min_consumer=9)
    with pytest.raises(errors.InvalidArgumentError, match="min consumer version 9 above"):
        BundleReader(str(saved))
    header_with(saved, num_shards=0)
    with pytest.raises(errors.DataLossError, match="0 shards"):
        BundleReader(str(saved))


def test_missing_and_false_slices(tmp_path):
    prefix = str(tmp_path / "m")
    with BundleWriter(prefix) as writer:
        writer.add_slice("w", (4,), TensorSlice((0,), (2,)), np.zeros(2, np.float32), dtypes.float32)
    with pytest.raises(errors.DataLossError, match="hold 2 of the 4 elements"):
        BundleReader(prefix).read("w")
    np.testing.assert_array_equal(BundleReader(prefix).read("w", TensorSlice((1,), (1,))), [0])


def test_slices_must_agree(tmp_path):
    with (
        pytest.raises(errors.InvalidArgumentError, match="slices of w do not agree"),
        BundleWriter(str(tmp_path / "m")) as writer,
    ):
        writer.add_slice("w", (4,), TensorSlice((0,), (2,)), np.zeros(2, np.float32), dtypes.float32)
        writer.add_slice("w", (5,), TensorSlice((2,), (3,)), np.zeros(3, np.float32), dtypes.float32)
    assert os.listdir(tmp_path) == []


# Replacing a checkpoint


def interrupted(monkeypatch, prefix, value, renames):
    """Save, the process ending after some renames."""
    real, count = os.replace, [0]

    def replace(source, target):
        if count[0] == renames:
            raise KeyboardInterrupt
        count[0] += 1
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", replace)
        patch.setattr(bundle, "discard", lambda prefix: None)  # a killed process clears nothing away
        try:
            save_one(prefix, value)
        except KeyboardInterrupt:
            return True
    return False


@pytest.mark.parametrize("before", [True, False])
def test_an_interrupted_save_leaves_a_whole_checkpoint(before, monkeypatch, tmp_path):
    prefix = tmp_path / "m"
    for renames in range(4):
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
        if before:
            save_one(prefix, 1)
        stopped = interrupted(monkeypatch, prefix, 2, renames)
        assert stopped == (renames < 3)
        if before or renames:
            expected = 2 if renames else 1
            np.testing.assert_array_equal(BundleReader(str(prefix)).read("v"), [expected] * 3)
        save_one(prefix, 3)
        np.testing.assert_array_equal(BundleReader(str(prefix)).read("v"), [3] * 3)
        assert sorted(os.listdir(tmp_path)) == ["m.data-00000-of-00001", "m.index"]


def test_what_another_program_wrote_since_wins(monkeypatch, tmp_path):
    prefix = tmp_path / "m"
    assert interrupted(monkeypatch, prefix, 1, 1)
    other = tmp_path / "other"
    save_one(other, 5)
    for name in ("data-00000-of-00001", "index"):
        shutil.copyfile(f"{other}.{name}", f"{prefix}.{name}")
    future = os.stat(f"{prefix}.index{NEXT}").st_mtime_ns + 10**9
    os.utime(f"{prefix}.index", ns=(future, future))
    np.testing.assert_array_equal(BundleReader(str(prefix)).read("v"), [5] * 3)


def test_merging(tmp_path):
    for i in range(2):
        with BundleWriter(str(tmp_path / "parts" / str(i))) as writer:
            writer.add(f"a{i}", np.int32(i), dtypes.int32)
            writer.add_slice("w", (2,), TensorSlice((i,), (1,)), np.int32([i + 5]), dtypes.int32)
    bundle.merge_bundles([str(tmp_path / "parts" / str(i)) for i in range(2)], str(tmp_path / "m"))
    assert sorted(os.listdir(tmp_path)) == ["m.data-00000-of-00002", "m.data-00001-of-00002", "m.index"]
    with BundleReader(str(tmp_path / "m")) as reader:
        assert [int(reader.read(f"a{i}")) for i in range(2)] == [0, 1]
        np.testing.assert_array_equal(reader.read("w"), [5, 6])


def test_merging_refuses_a_name_twice(tmp_path):
    for i in range(2):
        save_one(tmp_path / str(i), i)
    with pytest.raises(errors.InvalidArgumentError, match="Duplicate tensor keyed by v"):
        bundle.merge_bundles([str(tmp_path / "0"), str(tmp_path / "1")], str(tmp_path / "m"))


# Disks that refuse


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_full_disk_leaves_the_old_checkpoint(after, monkeypatch, tmp_path):
    prefix = tmp_path / "m"
    save_one(prefix, 1)
    before = files(prefix)
    real, count = os.write, [0]

    def write_some(file, data):
        if count[0] == after:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        count[0] += 1
        return real(file, data)

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(errors.ResourceExhaustedError, match="No space left on device"):
        write(prefix, [("v", np.full(3, 2, np.float32)), ("w", np.zeros(9, np.float32))])
    monkeypatch.undo()
    assert files(prefix) == before


def test_a_folder_that_may_not_be_written(monkeypatch, tmp_path):
    def refuse(path, flags, mode=0o777):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(errors.PermissionDeniedError, match=r"m.data-00000-of-00001.next; Read-only"):
        save_one(tmp_path / "m", 1)
    monkeypatch.undo()
    assert os.listdir(tmp_path) == []


def test_the_parent_of_the_folder_must_be_there(tmp_path):
    save_one(tmp_path / "new" / "m", 1)
    with pytest.raises(errors.NotFoundError, match="a/b"):
        save_one(tmp_path / "a" / "b" / "m", 1)


def test_shards_are_known_by_number():
    assert bundle_files.shard_name("m", 3, 12) == "m.data-00003-of-00012"
    assert struct.unpack("<Q", TableBuilder().finish()[-8:])[0] == 0xDB4775248B80FB57
    assert checkpoint_v1.VERSION == 1
