"""Reading features out of serialized Examples, against protobuf's own parser."""

import random
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.base import example_protos, examples

LISTS = {"float32": tf.train.FloatList, "int64": tf.train.Int64List, "string": tf.train.BytesList}
FIELDS = {"float32": "float_list", "int64": "int64_list", "string": "bytes_list"}


def example(**features: Any) -> Any:
    return tf.train.Example(features=tf.train.Features(feature=features))


def values_of(rng: random.Random, dtype: str, count: int) -> list[Any]:
    if dtype == "float32":
        return [float(np.float32(rng.uniform(-1e3, 1e3))) for _ in range(count)]
    if dtype == "string":
        return [rng.randbytes(rng.choice([0, 1, 5, 200])) for _ in range(count)]
    bits = rng.choice([3, 7, 8, 14, 31, 63])
    return [
        rng.randint(-(2**bits), 2**bits - 1) if rng.random() < 0.3 else rng.getrandbits(bits)
        for _ in range(count)
    ]


def fail_on_mismatch(number: int, field: str) -> None:
    raise AssertionError((number, field))


@pytest.mark.parametrize("dtype", LISTS)
def test_columns_equal_protobufs(dtype: str) -> None:
    rng = random.Random(3)
    for _ in range(200):
        batch = rng.choice([1, 1, 2, 5])
        sizes = [rng.choice([0, 1, 1, 2, 3, 20, 33, 130, 5000]) for _ in range(batch)]
        if rng.random() < 0.3:
            sizes = [sizes[0]] * batch
        rows = [values_of(rng, dtype, size) for size in sizes]
        data = [
            example(x=tf.train.Feature(**{FIELDS[dtype]: LISTS[dtype](value=row)})).SerializeToString()
            for row in rows
        ]
        features = examples.look_up(examples.features_of(data), "x")
        column = examples.read(features, examples.KINDS[dtype], fail_on_mismatch)
        assert column.values.tolist() == [value for row in rows for value in row]
        assert column.counts.tolist() == sizes and column.absent == []
        assert column.values.dtype == (object if dtype == "string" else dtype)
        assert column.values.flags.writeable


def test_absent_features() -> None:
    data = [example(x=tf.train.Feature()), example(), example(y=tf.train.Feature())]
    features = examples.look_up(examples.features_of([e.SerializeToString() for e in data]), "x")
    for kind in examples.KINDS.values():
        column = examples.read(features, kind, fail_on_mismatch)
        assert column.absent == [0, 1, 2] and column.counts.tolist() == [0, 0, 0]


def test_other_kinds_are_told() -> None:
    told: list[tuple[int, str]] = []
    data = example(x=tf.train.Feature(int64_list=tf.train.Int64List(value=[1]))).SerializeToString()
    features = examples.look_up(examples.features_of([b"", data]), "x")
    examples.read(features, examples.KINDS["string"], lambda *what: told.append(what))
    assert told == [(1, "int64_list")]


@pytest.mark.parametrize(("dtype", "raw"), [
    ("float32", b"\n\x03abc"), ("float32", b"\n\x09abcd"), ("float32", b"\x0dab"), ("int64", b"\n\x01\x80"),
    ("int64", b"\x08"), ("int64", b"\n\x0b" + b"\x80" * 10 + b"\x01"), ("int64", b"\n\x40" + b"\x80" * 64),
])  # fmt: skip
def test_malformed_lists(dtype: str, raw: bytes) -> None:
    wire = example_protos.wire_type("Feature")
    good, bad = wire(**{FIELDS[dtype]: b""}), wire(**{FIELDS[dtype]: raw})
    for features, number in (([bad], 0), ([good, good, bad], 2)):
        with pytest.raises(examples.MalformedError) as error:
            examples.read(features, examples.KINDS[dtype], fail_on_mismatch)
        assert error.value.args == (number,)


def test_several_blocks_are_one_list() -> None:
    wire = example_protos.wire_type("Feature")
    feature = wire(int64_list=b"\n\x02\x01\x02\x08\x03\n\x01\x04")
    column = examples.read([feature, feature], examples.KINDS["int64"], fail_on_mismatch)
    assert column.values.tolist() == [1, 2, 3, 4] * 2 and column.counts.tolist() == [4, 4]


def test_keys_need_not_be_text() -> None:
    data = example(x=tf.train.Feature()).SerializeToString().replace(b"x", b"\xff")
    assert len(examples.features_of([data])) == 1


def test_messages_are_tensorflows() -> None:
    """The bytes of tf.train.Example with TensorFlow 1.15, fields in the same order."""
    message = example(a=tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0])))
    data = b"\n\x13\n\x11\n\x01a\x12\x0c\x12\n\n\x08\x00\x00\x80?\x00\x00\x00@"
    assert message.SerializeToString() == data
    assert tf.train.Example.FromString(data) == message
    lists = tf.train.FeatureLists(
        feature_list={"w": tf.train.FeatureList(feature=[message.features.feature["a"]])}
    )
    whole = tf.train.SequenceExample(context=message.features, feature_lists=lists)
    assert tf.train.SequenceExample.FromString(whole.SerializeToString()) == whole
    assert message.features.feature["a"].WhichOneof("kind") == "float_list"


def test_noise_is_refused_or_read() -> None:
    """No damaged Example gives another error than InvalidArgumentError."""
    rng = random.Random(11)
    text = example(
        a=tf.train.Feature(float_list=tf.train.FloatList(value=[1.0, 2.0])),
        b=tf.train.Feature(int64_list=tf.train.Int64List(value=range(60))),
        c=tf.train.Feature(bytes_list=tf.train.BytesList(value=[b"one", b"two"])),
    ).SerializeToString()
    with tf.Graph().as_default(), tf.Session() as session:
        strings = tf.placeholder(tf.string, [None])
        wanted = {
            "a": tf.FixedLenFeature([2], tf.float32, [0.0, 0.0]),
            "b": tf.VarLenFeature(tf.int64),
            "c": tf.FixedLenSequenceFeature([], tf.string, True),
        }
        batch, one = tf.parse_example(strings, wanted), tf.parse_single_example(strings[0], wanted)
        for _ in range(300):
            data = bytearray(text)
            for _ in range(rng.randint(1, 3)):
                place = rng.randrange(len(data))
                data[place : place + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 2))
            for fetch, fed in ((batch, [text, bytes(data)]), (one, [bytes(data)])):
                try:
                    session.run(fetch, {strings: fed})
                except tf.errors.InvalidArgumentError:
                    continue
