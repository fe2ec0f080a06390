"""Record files that TensorFlow 1.15 writes, for ``tests/base/test_records.py``: see ``tests/base/data``.

Run it where TensorFlow 1.15 is installed: ``python3.7 tools/record_records.py``.
"""

import json
import os
import sys

import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, "tests", "base", "data")
RECORDS = [b"", b"one", b"\x00\xff" * 10, b"x" * 30]
OPTIONS = {
    "plain": {},
    "zlib": {"compression_type": "ZLIB"},
    "gzip": {"compression_type": "GZIP"},
    "fast": {"compression_type": "ZLIB", "compression_level": 1, "window_bits": 9, "flush_mode": 2},
}


def error_of(data):
    """What reading all records of a damaged file gives: how many records, and the DataLossError."""
    path = os.path.join(FOLDER, "damaged")
    with open(path, "wb") as file:
        file.write(data)
    count = 0
    try:
        for _ in tf.python_io.tf_record_iterator(path):
            count += 1
    except tf.errors.OpError as error:
        assert isinstance(error, tf.errors.DataLossError), error
        return [count, error.message]
    finally:
        os.remove(path)
    return [count, None]


def flipped(data, place):
    """The bytes with one of them changed."""
    changed = bytearray(data)
    changed[place] ^= 1
    return bytes(changed)


def main():
    tf.logging.set_verbosity(tf.logging.ERROR)
    os.makedirs(FOLDER, exist_ok=True)
    for name, options in OPTIONS.items():
        options = tf.python_io.TFRecordOptions(**options)
        with tf.python_io.TFRecordWriter(os.path.join(FOLDER, "records_" + name), options) as writer:
            for record in RECORDS:
                writer.write(record)
    with open(os.path.join(FOLDER, "records_plain"), "rb") as file:
        data = file.read()
    damaged = {
        "cut": [error_of(data[:n]) for n in range(len(data))],
        "flipped": [error_of(flipped(data, n)) for n in range(len(data))],
    }
    with open(os.path.join(FOLDER, "records_damaged.json"), "w") as file:
        json.dump(damaged, file)


if __name__ == "__main__":
    sys.exit(main())
