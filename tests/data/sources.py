"""Pipelines that are recorded: sources, order and number of elements, batches."""

import collections
import gzip
import os
import zlib

import numpy as np

from .harness import Scenarios, numbers, one_shot

scenario = Scenarios()
Pair = collections.namedtuple("Pair", ["first", "second"])


# Sources


@scenario
def from_tensors(tf, folder):
    return tf.data.Dataset.from_tensors({"a": [1, 2], "b": ("x", 3.0)})


@scenario
def from_tensor_slices(tf, folder):
    return tf.data.Dataset.from_tensor_slices((np.arange(6.0).reshape(3, 2), ["x", "y", "z"]))


@scenario
def from_tensor_slices_dict(tf, folder):
    return tf.data.Dataset.from_tensor_slices({"b": np.arange(3, dtype=np.int32), "a": [True, False, True]})


@scenario
def from_tensor_slices_named(tf, folder):
    return tf.data.Dataset.from_tensor_slices(Pair([1, 2], [[1.0], [2.0]]))


@scenario
def slices_of_different_lengths(tf, folder):
    return tf.data.Dataset.from_tensor_slices(([1, 2], [1, 2, 3]))


@scenario
def slices_of_scalars(tf, folder):
    return tf.data.Dataset.from_tensor_slices(3)


@scenario
def sparse_slices(tf, folder):
    sparse = tf.SparseTensor([[0, 1], [2, 0], [2, 3]], [1.0, 2.0, 3.0], [4, 5])
    return tf.data.Dataset.from_sparse_tensor_slices(sparse)


@scenario
def sparse_components(tf, folder):
    sparse = tf.SparseTensor([[0, 1], [2, 0], [2, 3]], [1.0, 2.0, 3.0], [3, 5])
    return tf.data.Dataset.from_tensor_slices({"s": sparse, "d": [1, 2, 3]}).batch(2)


@scenario
def sparse_map(tf, folder):
    sparse = tf.SparseTensor([[0, 1], [2, 0], [2, 3]], [1.0, 2.0, 3.0], [3, 5])
    return tf.data.Dataset.from_tensors(sparse).map(lambda s: tf.sparse.to_dense(s))


@scenario
def ranges(tf, folder):
    return tf.data.Dataset.zip((tf.data.Dataset.range(3), tf.data.Dataset.range(5, 1, -1)))


@scenario
def range_of_tensor(tf, folder):
    return tf.data.Dataset.range(tf.constant(3, tf.int64))


@scenario
def generator(tf, folder):
    def count():
        for i in range(3):
            yield i, [i] * i

    return tf.data.Dataset.from_generator(count, (tf.int64, tf.float32), ([], [None])).repeat(2)


@scenario
def generator_with_arguments(tf, folder):
    def count(n, word):
        for i in range(n):
            yield {"n": i, "w": word}

    types = {"n": tf.int32, "w": tf.string}
    return tf.data.Dataset.from_generator(count, types, args=(3, tf.constant("x")))


@scenario
def generator_of_wrong_shape(tf, folder):
    return tf.data.Dataset.from_generator(lambda: iter([[1, 2], [3]]), tf.int32, [2])


@scenario
def generator_of_wrong_type(tf, folder):
    return tf.data.Dataset.from_generator(lambda: iter([1, "x"]), tf.int32, [])


@scenario
def generator_of_wrong_structure(tf, folder):
    return tf.data.Dataset.from_generator(lambda: iter([(1, 2), 3]), (tf.int32, tf.int32))


@scenario
def generator_that_raises(tf, folder):
    def bad():
        yield 1
        raise KeyError("missing")

    return tf.data.Dataset.from_generator(bad, tf.int32, [])


@scenario
def word_vectors_input(tf, folder):
    def batches():
        while True:
            yield np.zeros([4], np.int32), np.ones([4, 1])

    return tf.data.Dataset.from_generator(
        batches, (tf.int32, tf.int32), (tf.TensorShape([4]), tf.TensorShape([4, 1]))
    ).take(3)


@scenario
def text_lines(tf, folder):
    names = []
    for i, text in enumerate([b"one\ntwo\r\nthree", b"", b"\nlast\n"]):
        names.append(os.path.join(folder, "text%d" % i))
        with open(names[-1], "wb") as file:
            file.write(text)
    return tf.data.TextLineDataset(names)


@scenario
def text_lines_gzip(tf, folder):
    name = os.path.join(folder, "text.gz")
    with gzip.open(name, "wb") as file:
        file.write(b"one\ntwo\n")
    return tf.data.TextLineDataset(name, compression_type="GZIP", buffer_size=7)


@scenario
def text_lines_parallel(tf, folder):
    names = []
    for i in range(3):
        names.append(os.path.join(folder, "par%d" % i))
        with open(names[-1], "w") as file:
            file.write("".join("%d %d\n" % (i, j) for j in range(4)))
    return tf.data.TextLineDataset(names, num_parallel_reads=2)


@scenario
def text_lines_missing(tf, folder):
    return tf.data.TextLineDataset(["/nowhere/text"])


@scenario
def fixed_length(tf, folder):
    name = os.path.join(folder, "fixed")
    with open(name, "wb") as file:
        file.write(b"HHaabbccF")
    return tf.data.FixedLengthRecordDataset([name], 2, header_bytes=2, footer_bytes=1)


@scenario
def fixed_length_zlib(tf, folder):
    name = os.path.join(folder, "fixed.z")
    with open(name, "wb") as file:
        file.write(zlib.compress(b"HHaabbccF"))
    return tf.data.FixedLengthRecordDataset(name, 2, header_bytes=2, footer_bytes=1, compression_type="ZLIB")


@scenario
def fixed_length_uneven(tf, folder):
    name = os.path.join(folder, "uneven")
    with open(name, "wb") as file:
        file.write(b"aabbc")
    return tf.data.FixedLengthRecordDataset(name, 2)


@scenario
def records(tf, folder):
    name = os.path.join(folder, "records")
    with tf.python_io.TFRecordWriter(name) as writer:
        for text in (b"one", b"", b"three"):
            writer.write(text)
    return tf.data.TFRecordDataset(name)


@scenario
def records_parallel(tf, folder):
    names = []
    for i in range(3):
        names.append(os.path.join(folder, "rec%d" % i))
        with tf.python_io.TFRecordWriter(names[-1]) as writer:
            for j in range(3):
                writer.write(b"%d %d" % (i, j))
    return tf.data.TFRecordDataset(tf.data.Dataset.from_tensor_slices(names), num_parallel_reads=3)


@scenario
def records_damaged(tf, folder):
    name = os.path.join(folder, "damaged")
    with tf.python_io.TFRecordWriter(name) as writer:
        writer.write(b"one")
        writer.write(b"two")
    with open(name, "r+b") as file:
        file.seek(-2, 2)
        file.write(b"x")
    return tf.data.TFRecordDataset(name)


@scenario
def listed_files(tf, folder):
    inside = os.path.join(folder, "listed")
    os.makedirs(inside)
    for name in ("b.txt", "a.txt", "c.dat"):
        open(os.path.join(inside, name), "w").close()
    found = tf.data.Dataset.list_files(os.path.join(inside, "*.txt"), shuffle=False)
    return found.map(lambda name: tf.string_split([name], "/").values[-1])


@scenario
def listed_files_shuffled(tf, folder):
    inside = os.path.join(folder, "listed2")
    os.makedirs(inside)
    for i in range(7):
        open(os.path.join(inside, "%d.txt" % i), "w").close()
    found = tf.data.Dataset.list_files(os.path.join(inside, "*.txt"), seed=3)
    return found.map(lambda name: tf.string_split([name], "/").values[-1])


@scenario
def no_files(tf, folder):
    return tf.data.Dataset.list_files(os.path.join(folder, "nothing*"))


# Order and number


@scenario
def concatenated(tf, folder):
    return numbers(tf, 2).concatenate(tf.data.Dataset.range(7, 9))


@scenario
def concatenated_shapes(tf, folder):
    one = tf.data.Dataset.from_tensors([1, 2])
    return one.concatenate(tf.data.Dataset.from_tensors([1, 2, 3]))


@scenario
def concatenated_types(tf, folder):
    return numbers(tf, 2).concatenate(tf.data.Dataset.from_tensors("x"))


@scenario
def taken(tf, folder):
    return numbers(tf).take(3).concatenate(numbers(tf).take(-1)).concatenate(numbers(tf).take(0))


@scenario
def skipped(tf, folder):
    return numbers(tf).skip(7).concatenate(numbers(tf).skip(-1)).concatenate(numbers(tf).skip(0))


@scenario
def repeated(tf, folder):
    return numbers(tf, 3).repeat(2).concatenate(numbers(tf, 3).repeat(0))


@scenario
def repeated_for_ever(tf, folder):
    return numbers(tf, 3).repeat()


@scenario
def repeated_nothing(tf, folder):
    return numbers(tf, 0).repeat()


@scenario
def sharded(tf, folder):
    return numbers(tf).shard(3, 1)


@scenario
def sharded_badly(tf, folder):
    return numbers(tf).shard(3, 3)


@scenario
def enumerated(tf, folder):
    return tf.data.Dataset.from_tensor_slices(["a", "b"]).enumerate(start=5)


@scenario
def zipped(tf, folder):
    return tf.data.Dataset.zip({"a": numbers(tf), "b": (numbers(tf, 2), numbers(tf, 3).batch(2))})


@scenario
def zipped_list(tf, folder):
    return tf.data.Dataset.zip([numbers(tf)])


def shuffles(count, size, **options):
    def build(tf, folder):
        return numbers(tf, count).shuffle(size, **options)

    return build


for _name, _build in (
    ("shuffled", shuffles(12, 4, seed=1)),
    ("shuffled_whole", shuffles(12, 100, seed=2)),
    ("shuffled_by_one", shuffles(5, 1, seed=2)),
    ("shuffled_same", shuffles(12, 5, seed=1, reshuffle_each_iteration=False)),
):
    scenario.builds[_name] = _build


@scenario
def shuffled_of_graph_seed(tf, folder):
    tf.set_random_seed(11)
    return numbers(tf, 12).shuffle(6).batch(5)


@scenario
def shuffled_twice(tf, folder):
    return numbers(tf, 12).shuffle(6, seed=4).shuffle(3, seed=5)


@scenario
def shuffled_and_repeated(tf, folder):
    return numbers(tf, 7).shuffle(5, seed=1).repeat(4)


@scenario
def shuffled_and_repeated_batches(tf, folder):
    return numbers(tf, 7).shuffle(4, seed=6).repeat().batch(3).take(10)


@scenario
def shuffled_repeated_same(tf, folder):
    return numbers(tf, 7).shuffle(5, seed=1, reshuffle_each_iteration=False).repeat(3)


@scenario
def shuffled_map_repeated(tf, folder):
    return numbers(tf, 7).shuffle(5, seed=1).map(lambda x: x + 1).repeat(4)


@scenario
def shuffled_batch_repeated(tf, folder):
    return numbers(tf, 7).shuffle(3, seed=9).batch(2).repeat(4)


@scenario
def shuffled_inside(tf, folder):
    return numbers(tf, 3).flat_map(lambda x: numbers(tf, 5).shuffle(5, seed=3))


@scenario
def shuffled_zip(tf, folder):
    mixed = numbers(tf, 6).shuffle(6, seed=3)
    return tf.data.Dataset.zip((mixed, mixed)).repeat(2)


@scenario
def shuffled_elements(tf, folder):
    words = tf.data.Dataset.from_tensor_slices(["w%d" % i for i in range(9)])
    return words.filter(lambda w: tf.not_equal(w, "w3")).shuffle(4, seed=2).repeat(2)


@scenario
def shuffle_and_repeat_op(tf, folder):
    return numbers(tf, 7).apply(tf.data.experimental.shuffle_and_repeat(4, 3, seed=5))


@scenario
def shuffled_without_rewrites(tf, folder):
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return numbers(tf, 7).shuffle(5, seed=1).repeat(4).with_options(options)


@scenario
def shuffled_one_shot(tf, folder):
    tf.set_random_seed(5)
    return one_shot(numbers(tf, 9).shuffle(9).repeat(2))


# Batches


@scenario
def batched(tf, folder):
    return tf.data.Dataset.zip((numbers(tf, 5), numbers(tf, 5).map(tf.as_string))).batch(2)


@scenario
def batched_dropped(tf, folder):
    return numbers(tf, 5).batch(2, drop_remainder=True)


@scenario
def batched_of_placeholder(tf, folder):
    return numbers(tf, 5).batch(tf.placeholder_with_default(np.int64(2), []), drop_remainder=True)


@scenario
def batched_twice(tf, folder):
    return numbers(tf, 7).batch(2).batch(2, drop_remainder=True)


@scenario
def batched_badly(tf, folder):
    return numbers(tf, 4).map(lambda x: tf.range(x)).batch(2)


@scenario
def batched_by_zero(tf, folder):
    return numbers(tf, 4).batch(0)


@scenario
def padded(tf, folder):
    return numbers(tf, 5).map(lambda x: tf.fill([x], x)).padded_batch(2, [None])


@scenario
def padded_parts(tf, folder):
    parts = numbers(tf, 5).map(lambda x: (tf.fill([x], "s"), {"m": tf.zeros([x, 2])}))
    shapes = ([None], {"m": tf.TensorShape([5, None])})
    return parts.padded_batch(2, shapes, padding_values=("-", {"m": 7.0}))


@scenario
def padded_dropped(tf, folder):
    return numbers(tf, 5).map(lambda x: tf.fill([x], x)).padded_batch(2, [-1], drop_remainder=True)


@scenario
def padded_too_small(tf, folder):
    return numbers(tf, 5).map(lambda x: tf.fill([x], x)).padded_batch(3, [2])


@scenario
def padded_misfit(tf, folder):
    return tf.data.Dataset.from_tensors([1, 2, 3]).padded_batch(3, [2])


@scenario
def padded_to_tensor(tf, folder):
    return numbers(tf, 3).map(lambda x: tf.fill([x], x)).padded_batch(3, tf.constant([4], tf.int64))


@scenario
def unbatched(tf, folder):
    whole = tf.data.Dataset.from_tensors((np.arange(6).reshape(3, 2), ["x", "y", "z"]))
    return whole.apply(tf.data.experimental.unbatch())


@scenario
def unbatched_scalar(tf, folder):
    return numbers(tf, 3).unbatch()


@scenario
def windows(tf, folder):
    return numbers(tf, 7).window(3, shift=2, stride=2).flat_map(lambda w: w.batch(3))


@scenario
def windows_dropped(tf, folder):
    pairs = tf.data.Dataset.zip((numbers(tf, 7), numbers(tf, 7)))
    both = pairs.window(3, shift=1, drop_remainder=True)
    return both.flat_map(lambda a, b: tf.data.Dataset.zip((a.batch(3), b.batch(3))))


@scenario
def sparse_batch(tf, folder):
    rows = numbers(tf, 5).map(lambda x: tf.fill([x], x))
    return rows.apply(tf.data.experimental.dense_to_sparse_batch(2, [6]))


@scenario
def map_and_batch(tf, folder):
    return numbers(tf, 7).apply(tf.data.experimental.map_and_batch(lambda x: (x * 2, x), 3))


@scenario
def map_and_batch_contrib(tf, folder):
    return numbers(tf, 7).apply(
        tf.contrib.data.map_and_batch(lambda x: x * 2, 3, num_parallel_batches=2, drop_remainder=True)
    )
