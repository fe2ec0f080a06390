"""TFRecord files, against files that TensorFlow 1.15 wrote (`tools/record_records.py`) and what it says of
damaged ones.
"""

import gzip
import json
import random
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest

import reflow as tf
from reflow.base.checksums import masked_crc32c
from reflow.base.records import RecordWriter, read_records

DATA = Path(__file__).parent / "data"
RECORDS = [b"", b"one", b"\x00\xff" * 10, b"x" * 30]
COMPRESSIONS = {"plain": "", "zlib": "ZLIB", "gzip": "GZIP"}
PLAIN = (DATA / "records_plain").read_bytes()
DAMAGED = json.loads((DATA / "records_damaged.json").read_text())


def written(path: Path, records: list[bytes], *args: Any, **options: Any) -> Path:
    with RecordWriter(str(path), *args, **options) as writer:
        for record in records:
            writer.write(record)
    return path


def count_and_error(path: Path, compression: str = "") -> tuple[int, str | None]:
    count = 0
    try:
        for _ in read_records(str(path), compression):
            count += 1
    except tf.errors.DataLossError as error:
        return count, error.message
    return count, None


# Files of TensorFlow


@pytest.mark.parametrize(("name", "compression"), COMPRESSIONS.items())
def test_reads_what_tensorflow_wrote(name: str, compression: str) -> None:
    assert list(read_records(str(DATA / f"records_{name}"), compression)) == RECORDS


def test_reads_other_settings_of_zlib() -> None:
    assert list(read_records(str(DATA / "records_fast"), "ZLIB")) == RECORDS


def test_writes_what_tensorflow_writes(tmp_path: Path) -> None:
    assert written(tmp_path / "a", RECORDS).read_bytes() == PLAIN
    assert zlib.decompress(written(tmp_path / "b", RECORDS, "ZLIB").read_bytes()) == PLAIN
    packed = written(tmp_path / "c", RECORDS, "GZIP").read_bytes()
    assert gzip.decompress(packed) == PLAIN
    assert packed[:10] == (DATA / "records_gzip").read_bytes()[:10]


@pytest.mark.parametrize("size", range(len(PLAIN)))
def test_cut_off(size: int, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(PLAIN[:size])
    count, message = DAMAGED["cut"][size]
    found, own = count_and_error(path)
    assert found == count
    if message is None and size in record_starts():
        assert own is None
    elif message is None:  # TensorFlow does not see that a header is cut off
        assert own == f"truncated record at {max(s for s in record_starts() if s < size)} of {path}"
    else:
        assert own == f"{message} of {path}"


def record_starts() -> set[int]:
    starts = [0]
    for record in RECORDS:
        starts.append(starts[-1] + len(record) + 16)
    return set(starts)


@pytest.mark.parametrize("place", range(len(PLAIN)))
def test_changed_byte(place: int, tmp_path: Path) -> None:
    path = tmp_path / "changed"
    data = bytearray(PLAIN)
    data[place] ^= 1
    path.write_bytes(data)
    count, message = DAMAGED["flipped"][place]
    assert message is not None
    assert count_and_error(path) == (count, f"{message} of {path}")


# Reading


@pytest.mark.parametrize("buffer_size", [1, 2, 7, 64, None])
@pytest.mark.parametrize(("name", "compression"), COMPRESSIONS.items())
def test_any_buffer_size(name: str, compression: str, buffer_size: int | None) -> None:
    found = read_records(str(DATA / f"records_{name}"), compression, buffer_size=buffer_size)
    assert list(found) == RECORDS


@pytest.mark.parametrize("compression", ["", "ZLIB", "GZIP"])
def test_records_larger_than_a_block(compression: str, tmp_path: Path) -> None:
    rng = random.Random(1)
    records = [rng.randbytes(size) for size in (3 << 20, 0, 1, (1 << 20) - 16, 1 << 20, 5)]
    path = written(tmp_path / "large", records, compression)
    assert list(read_records(str(path), compression)) == records


@pytest.mark.parametrize("compression", ["", "ZLIB"])
def test_start(compression: str, tmp_path: Path) -> None:
    path = str(written(tmp_path / "a", RECORDS, compression))
    for number, start in enumerate(sorted(record_starts())):
        assert list(read_records(path, compression, start)) == RECORDS[number:]
    assert list(read_records(path, compression, 10**9)) == []
    with pytest.raises(tf.errors.DataLossError, match=f"corrupted record at 17 of {path}"):
        list(read_records(path, compression, 17))
    with pytest.raises(ValueError, match="start must not be negative, got -1"):
        read_records(path, start=-1)


def test_members_of_gzip_are_read_one_after_another(tmp_path: Path) -> None:
    path = tmp_path / "two"
    path.write_bytes(gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]) + b"\0\0 padding")
    for buffer_size in (1, 21, None):
        assert list(read_records(str(path), "GZIP", buffer_size=buffer_size)) == RECORDS


def test_a_length_beyond_the_file_takes_no_memory(tmp_path: Path) -> None:
    length = struct.pack("<Q", 1 << 50)
    header = length + struct.pack("<I", masked_crc32c(length))
    for compression, packed in (("", header), ("ZLIB", zlib.compress(header))):
        path = tmp_path / "huge"
        path.write_bytes(packed)
        tracemalloc.start()
        found = count_and_error(path, compression)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert found == (0, f"truncated record at 0 of {path}")
        assert peak < 8 << 20


def test_a_small_file_that_inflates_is_read_in_pieces(tmp_path: Path) -> None:
    path = written(tmp_path / "zeros", [bytes(1 << 20)] * 64, "ZLIB")
    assert path.stat().st_size < 1 << 20
    tracemalloc.start()
    assert sum(len(record) for record in read_records(str(path), "ZLIB")) == 64 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 12 << 20


def test_damaged_compressed_files(tmp_path: Path) -> None:
    packed = zlib.compress(PLAIN * 10)
    path = tmp_path / "packed"
    for size in range(1, len(packed)):
        path.write_bytes(packed[:size])
        count, message = count_and_error(path, "ZLIB")
        assert count <= len(RECORDS) * 10
        assert message is not None and message.startswith("truncated record at ") and str(path) in message
    path.write_bytes(b"")
    assert count_and_error(path, "ZLIB") == (0, None)
    path.write_bytes(PLAIN)
    expected = f"inflate() failed with error -3: incorrect header check (after 0 bytes of the data of {path})"
    assert count_and_error(path, "GZIP") == (0, expected)


def test_noise_gives_data_loss_or_nothing(tmp_path: Path) -> None:
    rng = random.Random(7)
    path = tmp_path / "noise"
    for _ in range(300):
        data = bytearray(rng.choice([PLAIN, zlib.compress(PLAIN), gzip.compress(PLAIN)]))
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(len(data))
            data[place : place + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 4))
        path.write_bytes(data)
        for compression in COMPRESSIONS.values():
            count_and_error(path, compression)  # any other exception fails the test


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match=f"{tmp_path}/no; No such file or directory"):
        next(read_records(f"{tmp_path}/no"))
    with pytest.raises(tf.errors.FailedPreconditionError, match=f"{tmp_path}; Is a directory"):
        next(read_records(str(tmp_path)))
    with pytest.raises(ValueError, match='Not a valid compression_type: "LZ"'):
        read_records("a", "LZ")
    assert list(read_records("/dev/null")) == []


# Writing


@pytest.mark.parametrize("options", [
    {"flush_mode": zlib.Z_SYNC_FLUSH},
    {"flush_mode": zlib.Z_FULL_FLUSH, "input_buffer_size": 10, "output_buffer_size": 3},
    {"compression_level": 0},
    {"compression_level": 9, "mem_level": 1, "compression_strategy": zlib.Z_HUFFMAN_ONLY},
    {"input_buffer_size": 0},
])  # fmt: skip
def test_settings_of_zlib(options: dict[str, int], tmp_path: Path) -> None:
    for compression in ("ZLIB", "GZIP"):
        path = written(tmp_path / compression, RECORDS * 3, compression, **options)
        assert list(read_records(str(path), compression)) == RECORDS * 3


def test_window_bits(tmp_path: Path) -> None:
    small, usual = (
        written(tmp_path / str(bits), RECORDS, "ZLIB", window_bits=bits).read_bytes() for bits in (9, 15)
    )
    assert small[0] >> 4 == 1 and usual[0] >> 4 == 7


def test_flush(tmp_path: Path) -> None:
    for compression, mode in (("", 0), ("ZLIB", zlib.Z_SYNC_FLUSH)):
        path = tmp_path / f"flushed{compression}"
        writer = RecordWriter(str(path), compression, flush_mode=mode)
        writer.write(b"first")
        writer.flush()
        reader = read_records(str(path), compression)
        assert next(reader) == b"first"
        writer.close()
        assert list(reader) == []


def test_closed_writer(tmp_path: Path) -> None:
    writer = RecordWriter(str(tmp_path / "a"))
    writer.close()
    writer.close()
    for call in (lambda: writer.write(b"x"), writer.flush):
        with pytest.raises(
            tf.errors.FailedPreconditionError, match="Writer not initialized or previously closed"
        ):
            call()


def test_a_forgotten_writer_writes_all(tmp_path: Path) -> None:
    path = tmp_path / "a"
    writer = RecordWriter(str(path), "GZIP")
    writer.write(b"x")
    del writer
    assert list(read_records(str(path), "GZIP")) == [b"x"]


@pytest.mark.parametrize("value", ["text", bytearray(b"x"), memoryview(b"x"), 3, None])
def test_only_bytes_are_records(value: Any, tmp_path: Path) -> None:
    with (
        RecordWriter(str(tmp_path / "a")) as writer,
        pytest.raises(TypeError, match="expected bytes, .* found"),
    ):
        writer.write(value)


def test_writers_that_cannot_be_made(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="no/a; No such file or directory"):
        RecordWriter(f"{tmp_path}/no/a")
    with pytest.raises(tf.errors.InvalidArgumentError, match="zlib refuses .*wbits=99"):
        RecordWriter(str(tmp_path / "a"), "ZLIB", window_bits=99)
    with pytest.raises(tf.errors.InvalidArgumentError, match="flush_mode must be one of"):
        RecordWriter(str(tmp_path / "a"), "ZLIB", flush_mode=zlib.Z_FINISH)
    assert not (tmp_path / "a").exists()


def test_a_full_disk_is_told() -> None:
    writer = RecordWriter("/dev/full")
    with pytest.raises(tf.errors.ResourceExhaustedError, match="/dev/full; No space left on device"):
        for _ in range(100):
            writer.write(bytes(1 << 16))
    with pytest.raises(tf.errors.ResourceExhaustedError, match="/dev/full; No space left on device"):
        writer.close()


# The public names

KINDS = tf.python_io.TFRecordCompressionType
Options = tf.python_io.TFRecordOptions


@pytest.mark.parametrize(("options", "compression"), [
    (None, ""), ("", ""), (KINDS.NONE, ""), (KINDS.ZLIB, "ZLIB"), (KINDS.GZIP, "GZIP"), ("GZIP", "GZIP"),
    (Options(KINDS.ZLIB), "ZLIB"), (Options("GZIP"), "GZIP"), (Options(), ""),
    (Options(compression_type="ZLIB", compression_level=9, window_bits=12), "ZLIB"),
])  # fmt: skip
def test_public_options(options: Any, compression: str, tmp_path: Path) -> None:
    path = str(tmp_path / "a")
    with tf.io.TFRecordWriter(path, options) as writer:
        for record in RECORDS:
            writer.write(record)
        writer.flush()
    assert list(read_records(path, compression)) == RECORDS
    assert list(tf.python_io.tf_record_iterator(path, options)) == RECORDS
    assert Options.get_compression_type_string(options) == compression


@pytest.mark.parametrize("wrong", [9, "LZ"])
def test_public_options_refused(wrong: Any) -> None:
    for call in (Options, Options.get_compression_type_string, lambda w: tf.io.TFRecordWriter("a", w)):
        with pytest.raises(ValueError, match=f'Not a valid compression_type: "{wrong}"'):
            call(wrong)


def test_paths(tmp_path: Path) -> None:
    for path in (tmp_path / "a", bytes(tmp_path / "b")):
        with tf.python_io.TFRecordWriter(path) as writer:
            writer.write(b"x")
        assert list(tf.python_io.tf_record_iterator(path)) == [b"x"]
    lazy = tf.python_io.tf_record_iterator(str(tmp_path / "none"))
    with pytest.raises(tf.errors.NotFoundError):
        next(lazy)


def test_examples_in_a_file(tmp_path: Path) -> None:
    path = str(tmp_path / "examples")
    with tf.python_io.TFRecordWriter(path) as writer:
        for n in range(3):
            feature = {"n": tf.train.Feature(int64_list=tf.train.Int64List(value=[n] * n))}
            writer.write(tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString())
    examples = [tf.train.Example.FromString(record) for record in tf.python_io.tf_record_iterator(path)]
    assert [list(e.features.feature["n"].int64_list.value) for e in examples] == [[], [1], [2, 2]]
