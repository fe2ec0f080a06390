"""Ops of datasets and iterators: each pipeline's first elements. `tests/data` has whole pipelines."""

import gzip
import os
import sqlite3
import tempfile

import numpy as np

from .table import Rows, raw

rows = Rows("dataset")


def case(name, build, **options):
    """Datasets are the host's business: nothing is compiled or differentiated."""
    rows.case(name, build, **dict({"grad": False, "xla": False}, **options))


def elements(name, build, steps=2, **options):
    """A row that runs the elements of the dataset that ``build`` makes, by a one-shot iterator."""

    def row(tf):
        return tf.compat.v1.data.make_one_shot_iterator(build(tf)).get_next()

    case(name, row, **dict({"steps": steps}, **options))


def started(name, build, **options):
    """A row that begins a pass over a dataset and runs its first element."""

    def row(tf):
        iterator = build(tf).make_initializable_iterator()
        with tf.control_dependencies([iterator.initializer]):
            return iterator.get_next()

    case(name, row, **options)


def numbers(tf, count=9):
    return tf.data.Dataset.range(count)


def file_of(content, compress=None):
    """The name of a new file with this content."""
    name = os.path.join(tempfile.mkdtemp(), "file")
    with open(name, "wb") as file:
        file.write(compress(content) if compress else content)
    return name


def experimental(name, *args, **keywords):
    return lambda tf: numbers(tf).apply(getattr(tf.data.experimental, name)(*args, **keywords))


def of_variant(tf, variant, spec):
    """A dataset of an op that TensorFlow's rewrites of a pipeline do not know."""
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    return tf.data.experimental.from_variant(variant, spec).with_options(options)


elements("tensors", lambda tf: tf.data.Dataset.from_tensors((1, ["x", "y"])), steps=1)
elements("slices", lambda tf: tf.data.Dataset.from_tensor_slices(([1, 2], [[3.0], [4.0]])))
elements(
    "sparse_slices",
    lambda tf: tf.data.Dataset.from_sparse_tensor_slices(tf.SparseTensor([[0, 1], [1, 2]], [1, 2], [2, 3])),
)
elements("range", lambda tf: tf.data.Dataset.range(5, 1, -2))
elements("generator", lambda tf: tf.data.Dataset.from_generator(lambda: iter([3, 4]), tf.int32, []))
elements("text_lines", lambda tf: tf.data.TextLineDataset(file_of(b"one\ntwo")))
elements(
    "text_lines_gzip",
    lambda tf: tf.data.TextLineDataset(file_of(b"one\ntwo", gzip.compress), compression_type="GZIP"),
)
elements("fixed_length", lambda tf: tf.data.FixedLengthRecordDataset(file_of(b"Haabb"), 2, header_bytes=1))
elements(
    "fixed_length_old",
    lambda tf: of_variant(
        tf, raw(tf, "FixedLengthRecordDataset", *fixed_length_inputs(tf))[0], tf.TensorSpec([], tf.string)
    ),
)


def fixed_length_inputs(tf):
    numbers = [tf.constant(n, tf.int64) for n in (1, 2, 0, 1000)]
    return [tf.constant([file_of(b"Haabb")]), *numbers]


def tf_records(tf):
    name = file_of(b"")
    with tf.python_io.TFRecordWriter(name) as writer:
        writer.write(b"one")
        writer.write(b"two")
    return tf.data.TFRecordDataset(name)


elements("tf_records", tf_records)
elements(
    "csv",
    lambda tf: tf.data.experimental.CsvDataset(
        file_of(b"n,x,s\n1,2.5,one\n3,,two\n"), [tf.int32, [0.5], tf.string], header=True
    ),
)


def database(tf):
    name = os.path.join(tempfile.mkdtemp(), "database")
    connection = sqlite3.connect(name)
    connection.executescript("create table t (i, s); insert into t values (3, 'x'), (4, null)")
    connection.close()
    return tf.data.experimental.SqlDataset("sqlite", name, "select i, s from t", (tf.int64, tf.string))


elements("sql", database)
elements("random", lambda tf: tf.data.experimental.RandomDataset(seed=5), steps=3)

elements("repeat", lambda tf: numbers(tf, 1).repeat(2))
elements("take", lambda tf: numbers(tf).take(2))
elements("skip", lambda tf: numbers(tf).skip(2))
elements("shard", lambda tf: numbers(tf).shard(3, 2))
elements("concatenate", lambda tf: numbers(tf, 1).concatenate(numbers(tf, 1)))
elements("zip", lambda tf: tf.data.Dataset.zip((numbers(tf), numbers(tf).skip(3))))
elements("enumerate", lambda tf: numbers(tf).skip(3).enumerate())
elements("shuffle", lambda tf: numbers(tf).shuffle(4, seed=2), steps=5)
elements("shuffle_and_repeat", experimental("shuffle_and_repeat", 4, 2, seed=2), steps=5)
elements("batch", lambda tf: numbers(tf).batch(4), steps=3)
elements(
    "batch_old",
    lambda tf: of_variant(tf, old_batch(tf), tf.TensorSpec([None], tf.int64)),
)


def old_batch(tf):
    op = tf.get_default_graph().create_op(
        "BatchDataset",
        [numbers(tf)._variant_tensor, tf.constant(4, tf.int64)],
        attrs={"output_types": types_attr(tf), "output_shapes": shapes_attr(tf, [None])},
    )
    return op.outputs[0]


def types_attr(tf):
    attr = tf.AttrValue()
    attr.list.type.append(tf.int64.as_datatype_enum)
    return attr


def shapes_attr(tf, shape):
    attr = tf.AttrValue()
    attr.list.shape.extend([tf.TensorShape(shape).as_proto()])
    return attr


elements("padded_batch", lambda tf: numbers(tf).map(lambda x: tf.fill([x], x)).padded_batch(3, [None]))


def old_padded_batch(tf):
    attrs = {"Toutput_types": types_attr(tf), "output_shapes": shapes_attr(tf, [None, None])}
    count = tf.AttrValue()
    count.i = 1
    grown = numbers(tf).map(lambda x: tf.fill([x], x))
    inputs = [tf.constant(3, tf.int64), tf.constant([-1], tf.int64), tf.constant(7, tf.int64)]
    op = tf.get_default_graph().create_op(
        "PaddedBatchDataset", [grown._variant_tensor, *inputs], attrs=dict(attrs, N=count)
    )
    spec = tf.TensorSpec([None, None], tf.int64)
    return of_variant(tf, op.outputs[0], spec)


elements("padded_batch_old", old_padded_batch)
elements("unbatch", lambda tf: tf.data.Dataset.from_tensors([5, 6]).unbatch())
elements("window", lambda tf: numbers(tf).window(3, 2).flat_map(lambda w: w.batch(3)))
elements("sliding_window", lambda tf: numbers(tf).apply(tf.contrib.data.sliding_window_batch(3, 2)))
elements("prefetch", lambda tf: numbers(tf).filter(lambda x: x > 2).prefetch(2))
elements("cache", lambda tf: numbers(tf).cache())
elements("ignore_errors", lambda tf: numbers(tf).map(lambda x: 6 // x).apply(
    tf.data.experimental.ignore_errors()))  # fmt: skip


def tuned(tf):
    options = tf.data.Options()
    options.experimental_threading.private_threadpool_size = 2
    options.experimental_threading.max_intra_op_parallelism = 1
    return numbers(tf).with_options(options)


elements("threads", tuned)
elements("bytes_produced", experimental("bytes_produced_stats", "bytes"))
elements("latency", experimental("latency_stats", "time"))


def not_serializable(tf):
    attrs = {"output_types": types_attr(tf), "output_shapes": shapes_attr(tf, [])}
    op = tf.get_default_graph().create_op(
        "NonSerializableDataset", [numbers(tf)._variant_tensor], attrs=attrs
    )
    return of_variant(tf, op.outputs[0], tf.TensorSpec([], tf.int64))


elements("not_serializable", not_serializable)

elements("map", lambda tf: numbers(tf).map(lambda x: (x * 2, tf.as_string(x))))
elements("map_parallel", lambda tf: numbers(tf).map(lambda x: x * 2, num_parallel_calls=2))


def parsed(tf):
    example = tf.train.Example()
    example.features.feature["n"].int64_list.value.append(7)
    example.features.feature["words"].bytes_list.value.extend([b"a", b"b"])
    features = {
        "n": tf.io.FixedLenFeature([], tf.int64),
        "x": tf.io.FixedLenFeature([2], tf.float32, [1.0, 2.0]),
        "words": tf.io.VarLenFeature(tf.string),
    }
    batches = tf.data.Dataset.from_tensors([example.SerializeToString()] * 2)
    dataset = batches.apply(tf.data.experimental.parse_example_dataset(features))
    return dataset.map(lambda row: (row["n"], row["x"], tf.sparse.to_dense(row["words"], "")))


elements("parse_examples", parsed, steps=1)
elements("map_and_batch", experimental("map_and_batch", lambda x: x * 2, 3))
elements("filter", lambda tf: numbers(tf).filter(lambda x: x > 3))
elements("take_while", experimental("take_while", lambda x: x < 3), steps=3)
elements("flat_map", lambda tf: numbers(tf).flat_map(lambda x: numbers(tf, x)), steps=4)


def interleaved(calls=None):
    def build(tf):
        inner = lambda x: numbers(tf, x).map(lambda y: y + 10 * x)  # noqa: E731
        return numbers(tf).interleave(inner, 3, 2, num_parallel_calls=calls)

    return build


elements("interleave", interleaved(), steps=6)
elements("interleave_parallel", interleaved(2), steps=6)
elements(
    "parallel_interleave",
    lambda tf: numbers(tf).apply(
        tf.data.experimental.parallel_interleave(lambda x: numbers(tf, x + 1), cycle_length=2)
    ),
    steps=4,
)
elements("scan", experimental("scan", np.int64(1), lambda s, x: (s + x, s * x)), steps=4)
elements(
    "group_by_window",
    experimental("group_by_window", lambda x: x % 2, lambda key, d: d.batch(3), 3),
    steps=3,
)


def group_by_reducer(tf):
    reducer = tf.data.experimental.Reducer(lambda key: key, lambda state, x: state + x, lambda s: s * 10)
    return numbers(tf).apply(tf.data.experimental.group_by_reducer(lambda x: x % 2, reducer))


elements("group_by_reducer", group_by_reducer)
elements(
    "choose",
    lambda tf: tf.data.experimental.choose_from_datasets([numbers(tf), numbers(tf).skip(5)], numbers(tf, 2)),
)
elements("unique", lambda tf: tf.data.Dataset.from_tensor_slices([1, 1, 2]).apply(
    tf.data.experimental.unique()))  # fmt: skip
elements(
    "dense_to_sparse_batch",
    lambda tf: numbers(tf).map(lambda x: tf.fill([x], x)).apply(
        tf.data.experimental.dense_to_sparse_batch(3, [9])
    ),
)  # fmt: skip

case("reduce", lambda tf: numbers(tf).reduce(np.int64(1), lambda s, x: s + x))
case("single", lambda tf: tf.data.experimental.get_single_element(tf.data.Dataset.from_tensors((1, "x"))))
case("cardinality", lambda tf: tf.data.experimental.cardinality(numbers(tf).batch(2)))

started("iterator", lambda tf: numbers(tf).skip(2))


def iterator_old(tf):
    attrs = {"output_types": types_attr(tf), "output_shapes": shapes_attr(tf, [])}
    for name in ("shared_name", "container"):
        attrs[name] = tf.AttrValue()
        attrs[name].s = b""
    handle = tf.get_default_graph().create_op("Iterator", [], attrs=attrs).outputs[0]
    begin = tf.get_default_graph().create_op("MakeIterator", [numbers(tf)._variant_tensor, handle])
    kinds = {k: attrs[k] for k in ("output_types", "output_shapes")}
    with tf.control_dependencies([begin]):
        return tf.get_default_graph().create_op("IteratorGetNextSync", [handle], attrs=kinds).outputs[0]


case("iterator_old", iterator_old)


def by_handle(tf):
    iterator = numbers(tf).skip(2).make_one_shot_iterator()
    fed = tf.data.Iterator.from_string_handle(iterator.string_handle(), tf.int64, [])
    return fed.get_next()


case("by_handle", by_handle, steps=2)


def by_old_handle(tf):
    handle = numbers(tf).skip(2).make_one_shot_iterator().string_handle()
    attrs = {"output_types": types_attr(tf), "output_shapes": shapes_attr(tf, [])}
    resource = tf.get_default_graph().create_op("IteratorFromStringHandle", [handle], attrs=attrs).outputs[0]
    return tf.get_default_graph().create_op("IteratorGetNext", [resource], attrs=attrs).outputs[0]


case("by_old_handle", by_old_handle)


def device_of(tf):
    resource = numbers(tf).make_one_shot_iterator()._iterator_resource
    return tf.get_default_graph().create_op("IteratorGetDevice", [resource]).outputs[0]


case("iterator_device", device_of)


def position(tf):
    """The element after a position was kept, and the one after it was gone back to."""
    iterator = numbers(tf).make_initializable_iterator()
    resource = iterator._iterator_resource
    with tf.control_dependencies([iterator.initializer]):
        kept = tf.get_default_graph().create_op("SerializeIterator", [resource]).outputs[0]
    with tf.control_dependencies([kept]):
        before = iterator.get_next()
    with tf.control_dependencies([before]):
        back = tf.get_default_graph().create_op("DeserializeIterator", [resource, kept])
    with tf.control_dependencies([back]):
        return before, iterator.get_next()


case("position", position)


def written(tf):
    name = file_of(b"")
    words = tf.data.Dataset.from_tensor_slices(["a", "bc"])
    records = tf.data.TFRecordDataset(name).batch(2)
    with tf.control_dependencies([tf.data.experimental.TFRecordWriter(name).write(words)]):
        iterator = records.make_initializable_iterator()
    with tf.control_dependencies([iterator.initializer]):
        return iterator.get_next()


case("written", written)


def optional_next(tf):
    found = tf.data.experimental.get_next_as_optional(numbers(tf).make_one_shot_iterator())
    return found.has_value(), found.get_value()


case("optional_next", optional_next)


def optional_values(tf):
    some = tf.data.experimental.Optional.from_value((1, "x"))
    none = tf.data.experimental.Optional.none_from_structure(some.value_structure)
    return some.get_value(), none.has_value()


case("optional_values", optional_values)
rows.error(
    "optional_none",
    lambda tf: tf.data.experimental.Optional.none_from_structure(tf.TensorSpec([], tf.int32)).get_value(),
    raises="InvalidArgumentError",
    when="run",
    match="does not have a value",
)


def refused(name, build, raises, match):
    """A row whose first element raises."""

    def row(tf):
        return build(tf).get_next()

    rows.error(name, row, raises=raises, when="run", match=match)


def one_shot(build):
    return lambda tf: build(tf).make_one_shot_iterator()


INVALID = "InvalidArgumentError"
refused("batch_of_none", one_shot(lambda tf: numbers(tf).batch(0)), INVALID, "(?i)batch.size must be greater")
refused("shard_past_end", one_shot(lambda tf: numbers(tf).shard(3, 3)), INVALID, "(?i)index must be between")
refused("end", one_shot(lambda tf: numbers(tf, 0)), "OutOfRangeError", "End of sequence")
refused(
    "not_initialized",
    lambda tf: numbers(tf).make_initializable_iterator(),
    "FailedPreconditionError",
    "has not been initialized",
)
rows.error(
    "reduce_type",
    lambda tf: numbers(tf).reduce(1.0, lambda s, x: x),
    raises="TypeError",
    match="must match the initial state",
)
