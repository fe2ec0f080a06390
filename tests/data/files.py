"""Pipelines that are recorded: files of comma-separated values, of Examples, of a database; resampling."""

import gzip
import os
import sqlite3
import zlib

import numpy as np

from .harness import Scenarios, numbers

scenario = Scenarios()

ROWS = b'a,b,c,d\n1,2.5,x,4\n,3.5,,5\n7,,"q,""r""",\n-8,1e3,y,9\n'


def written(folder, text, name="data.csv", pack=None):
    """The name of a new file of these bytes."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(pack(text) if pack else text)
    return path


def csv(tf, folder, text, defaults, **settings):
    return tf.data.experimental.CsvDataset(written(folder, text), defaults, **settings)


@scenario
def csv_all_columns(tf, folder):
    return csv(tf, folder, ROWS, [[0], [-1.0], [""], [-5]], header=True)


@scenario
def csv_selected(tf, folder):
    return csv(tf, folder, ROWS, [tf.constant([7], tf.int64), ["none"]], header=True, select_cols=[0, 2])


@scenario
def csv_required_is_missing(tf, folder):
    return csv(tf, folder, ROWS, [tf.int32, tf.float32, tf.string, [0]], header=True)


@scenario
def csv_types(tf, folder):
    row = b"1,2,3.5,1e-300,text\n"
    return csv(tf, folder, row * 2, [tf.int32, tf.int64, tf.float32, tf.float64, tf.string])


@scenario
def csv_other_delimiter(tf, folder):
    text = b'1;"a";NA\n2;b;3\n'
    return csv(
        tf, folder, text, [tf.int32, tf.string, [9]], field_delim=";", use_quote_delim=False, na_value="NA"
    )


@scenario
def csv_packed(tf, folder):
    one = written(folder, b"1,2\n3,4\n", "a", lambda t: zlib.compress(t))
    return tf.data.experimental.CsvDataset([one], [[0], [0]], compression_type="ZLIB")


@scenario
def csv_gzip(tf, folder):
    one = written(folder, b"1,2\n3,4\n", "a", gzip.compress)
    two = written(folder, b"5,6", "b", gzip.compress)
    return tf.data.experimental.CsvDataset([one, two], [[0], [0]], "GZIP", buffer_size=10)


@scenario
def csv_several_files(tf, folder):
    names = [written(folder, b"h\n%d\n%d\n" % (i, i + 1), str(i)) for i in (1, 5)]
    return tf.data.experimental.CsvDataset(tf.data.Dataset.from_tensor_slices(names), [tf.int64], header=True)


@scenario
def csv_quotes(tf, folder):
    text = b'"a\nb","c""d"\r\n"",e\r\n"x" ,y\nz"z,w\n"last","one"'
    return csv(tf, folder, text, [tf.string, ["?"]])


@scenario
def csv_open_quote(tf, folder):
    return csv(tf, folder, b'1,"open\n2,b\n', [tf.int32, tf.string])


@scenario
def csv_wrong_counts(tf, folder):
    return csv(tf, folder, b"1,2\n3\n4,5,6\n7,8\n\n9,10\n", [tf.int32, tf.int32])


@scenario
def csv_wrong_values(tf, folder):
    return csv(tf, folder, b"1,2\nx,2\n3,1.5\n99999999999,1\n4, 5\n", [tf.int32, tf.int32])


@scenario
def csv_line_ends(tf, folder):
    return csv(tf, folder, b"1,2\r\n3,4\r\n5,6\r7,8", [tf.int32, tf.int32])


@scenario
def csv_empty(tf, folder):
    return csv(tf, folder, b"", [tf.int32], header=True)


@scenario
def csv_missing_file(tf, folder):
    return tf.data.experimental.CsvDataset(os.path.join(folder, "nothing"), [tf.int32])


@scenario
def csv_too_few_columns_selected(tf, folder):
    return csv(tf, folder, b"1,2,3\n4,5\n6,7,8\n", [tf.int32], select_cols=[2])


@scenario
def csv_selection_not_sorted(tf, folder):
    return csv(tf, folder, b"1,2,3\n", [tf.int32, tf.int32], select_cols=[2, 0])


@scenario
def csv_selection_of_another_length(tf, folder):
    return csv(tf, folder, b"1,2,3\n", [tf.int32], select_cols=[0, 1])


@scenario
def csv_long_delimiter(tf, folder):
    return csv(tf, folder, b"1,2\n", [tf.int32, tf.int32], field_delim=",,")


@scenario
def csv_default_of_two(tf, folder):
    return csv(tf, folder, b"1,2\n", [[1, 2], [3]])


@scenario
def csv_bool(tf, folder):
    return csv(tf, folder, b"true\n", [tf.bool])


@scenario
def csv_bad_compression(tf, folder):
    return csv(tf, folder, b"1\n", [tf.int32], compression_type="LZ4")


# make_csv_dataset


def table(folder, name="t.csv", start=0, count=6):
    lines = ["id,size,name,flag"] + [
        ",".join([str(i), str(i / 2.0), f"n{i}", str(i % 2)]) for i in range(start, start + count)
    ]
    return written(folder, ("\n".join(lines) + "\n").encode(), name)


def made(tf, folder, **settings):
    return tf.data.experimental.make_csv_dataset(
        settings.pop("files", None) or table(folder), settings.pop("batch_size", 4), **settings
    )


@scenario
def made_csv(tf, folder):
    return made(tf, folder, num_epochs=1, shuffle=False)


@scenario
def made_csv_endless(tf, folder):
    return made(tf, folder, shuffle=False)


@scenario
def made_csv_label(tf, folder):
    return made(tf, folder, label_name="flag", num_epochs=2, shuffle_seed=3, shuffle_buffer_size=5)


@scenario
def made_csv_shuffled_once(tf, folder):
    return made(tf, folder, num_epochs=1, shuffle_seed=3, prefetch_buffer_size=2)


@scenario
def made_csv_selected(tf, folder):
    return made(tf, folder, select_columns=["name", "id"], num_epochs=1, shuffle=False)


@scenario
def made_csv_selected_numbers(tf, folder):
    settings = {"column_defaults": [tf.int64, ["x"]], "column_names": ["i", "s", "n", "f"]}
    return made(tf, folder, select_columns=[0, 2], num_epochs=1, shuffle=False, **settings)


@scenario
def made_csv_files(tf, folder):
    names = [table(folder, "a", 0, 3), table(folder, "b", 10, 5)]
    return made(tf, folder, files=names, num_parallel_reads=2, num_epochs=1, shuffle=False)


@scenario
def made_csv_pattern(tf, folder):
    table(folder, "p1.csv", 0, 3)
    table(folder, "p2.csv", 10, 3)
    return made(tf, folder, files=os.path.join(folder, "p*.csv"), num_epochs=1, shuffle=False, sloppy=False)


@scenario
def made_csv_inferred(tf, folder):
    text = b"a,b,c,d,e\n1,3000000000,1.5,1e300,x\n,,,,\n2,1,2,3,4\n"
    name = written(folder, text)
    return made(tf, folder, files=name, num_epochs=1, shuffle=False, num_rows_for_inference=1)


@scenario
def made_csv_inferred_all(tf, folder):
    text = b"a,b,c\n1,NA,3\n2.5,7,NA\n3,8,word\n"
    name = written(folder, text)
    settings = {"na_value": "NA", "num_rows_for_inference": None}
    return made(tf, folder, files=name, num_epochs=1, shuffle=False, **settings)


@scenario
def made_csv_without_header(tf, folder):
    name = written(folder, b"1|2\n3|4\n")
    settings = {"header": False, "column_names": ["x", "y"], "field_delim": "|"}
    return made(tf, folder, files=name, num_epochs=1, shuffle=False, **settings)


@scenario
def made_csv_ignoring_errors(tf, folder):
    name = written(folder, b"a,b\n1,2\nx,3\n4,5\n")
    settings = {"ignore_errors": True, "num_rows_for_inference": 1}
    return made(tf, folder, files=name, num_epochs=1, shuffle=False, **settings)


@scenario
def made_csv_gzip(tf, folder):
    name = written(folder, b"a,b\n1,2\n4,5\n", pack=gzip.compress)
    return made(tf, folder, files=name, num_epochs=1, shuffle=False, compression_type="GZIP")


@scenario
def made_csv_automatic(tf, folder):
    settings = {"num_parallel_reads": tf.data.experimental.AUTOTUNE}
    return made(tf, folder, num_epochs=1, shuffle=False, **settings)


def refused(name, **settings):
    """A scenario of a call that is refused."""

    def build(tf, folder):
        return made(tf, folder, **settings)

    build.__name__ = "made_csv_" + name
    scenario(build)


refused("no_header", header=False)
refused("names_twice", column_names=["a", "a", "b", "c"])
refused("defaults_of_another_length", column_defaults=[0, 0], select_columns=["id"])
refused("unknown_label", label_name="weight")
refused("unknown_column", select_columns=["weight"])
refused("columns_of_two_types", select_columns=["id", 1], shuffle=False, num_epochs=1)
refused("column_twice", select_columns=["id", "id"])
refused("column_out_of_range", select_columns=[9])
refused("no_columns", select_columns=[])
refused("no_batch", batch_size=0, num_epochs=1)
refused("not_zlib", compression_type="ZLIB")


@scenario
def made_csv_no_file(tf, folder):
    return made(tf, folder, files=os.path.join(folder, "*.nothing"))


@scenario
def made_csv_names_differ(tf, folder):
    names = [table(folder, "a"), written(folder, b"x,y\n1,2\n", "b")]
    return made(tf, folder, files=names)


# Examples


def examples_file(tf, folder, name="e.tfrecord", count=7):
    path = os.path.join(folder, name)
    with tf.io.TFRecordWriter(path) as writer:
        for i in range(count):
            example = tf.train.Example()
            example.features.feature["n"].int64_list.value.append(i)
            example.features.feature["x"].float_list.value.extend([i, i / 4.0])
            example.features.feature["words"].bytes_list.value.extend([b"w%d" % j for j in range(i % 3)])
            writer.write(example.SerializeToString())
    return path


def features_of(tf):
    return {
        "n": tf.io.FixedLenFeature([], tf.int64),
        "x": tf.io.FixedLenFeature([2], tf.float32),
        "words": tf.io.VarLenFeature(tf.string),
    }


def read(tf, folder, **settings):
    features = settings.pop("features", None) or features_of(tf)
    files = settings.pop("files", None) or examples_file(tf, folder)
    return tf.data.experimental.make_batched_features_dataset(files, 3, features, **settings)


@scenario
def features_in_order(tf, folder):
    return read(tf, folder, num_epochs=1, shuffle=False)


@scenario
def features_dropping(tf, folder):
    return read(tf, folder, num_epochs=2, shuffle=False, drop_final_batch=True, prefetch_buffer_size=1)


@scenario
def features_shuffled(tf, folder):
    return read(tf, folder, num_epochs=2, shuffle_seed=4, shuffle_buffer_size=4)


@scenario
def features_shuffled_endless(tf, folder):
    return read(tf, folder, shuffle_seed=4, parser_num_threads=2)


@scenario
def features_label(tf, folder):
    return read(tf, folder, num_epochs=1, shuffle=False, label_key="n", reader_num_threads=1)


@scenario
def features_of_files(tf, folder):
    names = [examples_file(tf, folder, "a", 3), examples_file(tf, folder, "b", 5)]
    settings = {"reader_num_threads": 2, "parser_num_threads": 3, "sloppy_ordering": False}
    return read(tf, folder, files=names, num_epochs=1, shuffle=False, **settings)


@scenario
def features_other_reader(tf, folder):
    one = examples_file(tf, folder)
    settings = {"reader": tf.data.TFRecordDataset, "reader_args": ["", 1000]}
    return read(tf, folder, files=[one], num_epochs=1, shuffle=False, **settings)


@scenario
def features_unknown_label(tf, folder):
    return read(tf, folder, num_epochs=1, shuffle=False, label_key="m")


@scenario
def features_no_file(tf, folder):
    return read(tf, folder, files=os.path.join(folder, "*.nothing"))


@scenario
def features_batches_read(tf, folder):
    name = examples_file(tf, folder)
    features = tf.contrib.data.read_batch_features(
        name, 2, features_of(tf), tf.data.TFRecordDataset, num_epochs=1, randomize_input=False
    )
    return features, []


@scenario
def examples_parsed(tf, folder):
    batches = tf.data.TFRecordDataset(examples_file(tf, folder)).batch(3)
    return batches.apply(tf.data.experimental.parse_example_dataset(features_of(tf), num_parallel_calls=2))


@scenario
def examples_parsed_defaults(tf, folder):
    features = {
        "n": tf.io.FixedLenFeature([1], tf.int64),
        "m": tf.io.FixedLenFeature([2], tf.float32, default_value=[1.0, 2.0]),
        "words": tf.io.FixedLenSequenceFeature([], tf.string, allow_missing=True, default_value="-"),
    }
    batches = tf.data.TFRecordDataset(examples_file(tf, folder)).batch(3)
    return batches.apply(tf.data.experimental.parse_example_dataset(features))


@scenario
def examples_parsed_sparse(tf, folder):
    features = {"s": tf.io.SparseFeature("n", "n", tf.int64, 10), "x": tf.io.FixedLenFeature([2], tf.float32)}
    batches = tf.data.TFRecordDataset(examples_file(tf, folder)).batch(4)
    return batches.apply(tf.data.experimental.parse_example_dataset(features))


@scenario
def examples_parsed_wrongly(tf, folder):
    features = {"x": tf.io.FixedLenFeature([3], tf.float32)}
    batches = tf.data.TFRecordDataset(examples_file(tf, folder)).batch(3)
    return batches.apply(tf.data.experimental.parse_example_dataset(features))


@scenario
def examples_parsed_scalars(tf, folder):
    records = tf.data.TFRecordDataset(examples_file(tf, folder))
    return records.apply(tf.data.experimental.parse_example_dataset(features_of(tf)))


@scenario
def examples_parsed_not_strings(tf, folder):
    return numbers(tf).batch(2).apply(tf.data.experimental.parse_example_dataset(features_of(tf)))


@scenario
def examples_parsed_no_features(tf, folder):
    return tf.data.TFRecordDataset("x").batch(2).apply(tf.data.experimental.parse_example_dataset(None))


# A database


def database(folder):
    path = os.path.join(folder, "data.sqlite")
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (i integer, x real, s text, b integer)")
        rows = [(1, 1.5, "one", 1), (2, None, None, 0), (-3, 3.0, "drei", 1)]
        connection.executemany("insert into t values (?, ?, ?, ?)", rows)
    connection.close()
    return path


def sql(tf, folder, query, types, driver="sqlite"):
    return tf.data.experimental.SqlDataset(driver, database(folder), query, types)


@scenario
def sql_rows(tf, folder):
    return sql(tf, folder, "select i, x, s, b from t", (tf.int32, tf.float64, tf.string, tf.bool)).repeat(2)


@scenario
def sql_numbers(tf, folder):
    types = (tf.int8, tf.int16, tf.int64, tf.uint8)
    return sql(tf, folder, "select i, i, i, b from t order by i", types)


@scenario
def sql_wrong_query(tf, folder):
    return sql(tf, folder, "select z from t", (tf.int32,))


@scenario
def sql_other_columns(tf, folder):
    return sql(tf, folder, "select i, x from t", (tf.int32,))


@scenario
def sql_other_driver(tf, folder):
    return sql(tf, folder, "select i from t", (tf.int32,), "mysql")


@scenario
def sql_float32(tf, folder):
    return sql(tf, folder, "select x from t", (tf.float32,))


# Windows, samples, writers


@scenario
def sliding_windows(tf, folder):
    return numbers(tf, 7).apply(tf.contrib.data.sliding_window_batch(3, window_shift=2))


@scenario
def sliding_windows_strided(tf, folder):
    return numbers(tf, 9).apply(tf.contrib.data.sliding_window_batch(2, None, 1, 3))


@scenario
def sliding_windows_refused(tf, folder):
    return numbers(tf, 9).apply(tf.contrib.data.sliding_window_batch(2, 1, 1, 1))


@scenario
def sliding_windows_of_none(tf, folder):
    return numbers(tf, 9).apply(tf.contrib.data.sliding_window_batch(0))


@scenario
def resampled(tf, folder):
    tf.set_random_seed(4)
    resample = tf.data.experimental.rejection_resample(
        lambda x: tf.cast(x % 4 < 1, tf.int32), target_dist=[0.5, 0.5], initial_dist=[0.75, 0.25], seed=3
    )
    return numbers(tf, 60).apply(resample)


@scenario
def resampled_without_dist(tf, folder):
    tf.set_random_seed(4)
    resample = tf.data.experimental.rejection_resample(
        lambda x: tf.cast(x % 4 < 1, tf.int32), target_dist=[0.5, 0.5], seed=3
    )
    return numbers(tf, 60).apply(resample)


@scenario
def resampled_hardly(tf, folder):
    tf.set_random_seed(4)
    resample = tf.data.experimental.rejection_resample(
        lambda x: tf.cast(x % 10 < 1, tf.int32), [0.02, 0.98], np.array([0.9, 0.1], np.float64), 5
    )
    return numbers(tf, 60).apply(resample)


def records_of(tf, folder, dataset, kind):
    """The records of a file after a dataset was written to it."""
    path = os.path.join(folder, "written")
    write = tf.data.experimental.TFRecordWriter(path, kind).write(dataset)
    iterator = tf.data.TFRecordDataset(path, kind).make_initializable_iterator()
    return iterator.get_next(), [write, iterator.initializer]


@scenario
def records_written(tf, folder):
    return records_of(tf, folder, tf.data.Dataset.from_tensor_slices(["a", "bc", ""]), None)


@scenario
def records_written_packed(tf, folder):
    return records_of(tf, folder, numbers(tf, 5).map(tf.as_string).shuffle(5, seed=1), "GZIP")


@scenario
def records_of_numbers(tf, folder):
    return records_of(tf, folder, numbers(tf, 5), None)


@scenario
def records_of_vectors(tf, folder):
    return records_of(tf, folder, tf.data.Dataset.from_tensors(["a", "b"]), None)


@scenario
def records_of_failing_elements(tf, folder):
    dataset = numbers(tf, 3).map(lambda x: tf.as_string(1 // (x - 1)))
    return records_of(tf, folder, dataset, None)


@scenario
def measured(tf, folder):
    dataset = numbers(tf, 3).apply(tf.data.experimental.bytes_produced_stats("bytes"))
    return dataset.apply(tf.data.experimental.latency_stats("time"))
