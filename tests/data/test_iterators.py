"""What a recording cannot show: tracebacks, threads, laziness, state, and that blocks change nothing."""

from __future__ import annotations

import gc
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.graph.function import read_library
from reflow.runtime.vectorize import Vectorized

Dataset = tf.data.Dataset


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as graph:
        yield graph


def all_elements(dataset: Any, session: Any = None) -> list[Any]:
    element = dataset.make_one_shot_iterator().get_next()
    session = session or tf.Session()
    found = []
    while True:
        try:
            found.append(session.run(element))
        except tf.errors.OutOfRangeError:
            return found


# Generators


def test_the_exception_of_a_generator_arrives_with_its_traceback() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise KeyError("the word is missing")

    element = Dataset.from_generator(broken, tf.int32, []).make_one_shot_iterator().get_next()
    session = tf.Session()
    assert session.run(element) == 1
    with pytest.raises(tf.errors.UnknownError, match="the word is missing") as caught:
        session.run(element)
    assert "in broken" in str(caught.value)
    assert caught.value.op is element.op
    causes, error = [], caught.value
    while error is not None:
        causes.append(type(error))
        error = error.__cause__
    assert KeyError in causes


@pytest.mark.parametrize(
    ("element", "types", "shapes", "message"),
    [
        ([1, 2, 3], tf.int32, [2], r"element of shape \(3,\) where an element of shape \(2,\)"),
        ("text", tf.int32, [], "expected type was int32, but the yielded element was text"),
        (1, (tf.int32, tf.int32), None, "did not match the expected structure"),
        ({"a": 1}, {"b": tf.int32}, None, "did not match the expected structure"),
    ],
)
def test_a_wrong_element_says_what_came(element: Any, types: Any, shapes: Any, message: str) -> None:
    dataset = Dataset.from_generator(lambda: iter([element]), types, shapes)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        all_elements(dataset)


def test_a_generator_is_not_run_ahead() -> None:
    asked = []

    def count() -> Iterator[int]:
        for i in range(100):
            asked.append(i)
            yield i

    dataset = Dataset.from_generator(count, tf.int64, []).map(lambda x: x * 2).batch(3)
    element = dataset.make_one_shot_iterator().get_next()
    session = tf.Session()
    assert asked == []
    session.run(element)
    assert asked == [0, 1, 2]


def test_what_a_generator_changes_later_stays_as_it_was() -> None:
    def reuse() -> Iterator[np.ndarray]:
        buffer = np.zeros(2)
        for i in range(3):
            buffer[:] = i
            yield buffer

    values = all_elements(Dataset.from_generator(reuse, tf.float64, [2]).prefetch(3))
    assert [v.tolist() for v in values] == [[0, 0], [1, 1], [2, 2]]


# Background work


def threads() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("reflow-")]


def wait_until(condition: Callable[[], bool]) -> bool:
    for _ in range(300):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_prefetch_makes_elements_ahead_and_no_more_than_asked_for() -> None:
    made = []

    def count() -> Iterator[int]:
        for i in range(100):
            made.append(i)
            yield i

    element = Dataset.from_generator(count, tf.int64, []).prefetch(4).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        assert session.run(element) == 0
        assert wait_until(lambda: len(made) >= 5)
        time.sleep(0.05)
        assert len(made) <= 6  # four are ready, one is given, one waits for its place


def test_the_threads_end_with_the_session() -> None:
    endless = Dataset.from_tensors(1).map(lambda x: tf.py_func(lambda v: v, [x], tf.int32)).repeat()
    element = endless.prefetch(2).make_one_shot_iterator().get_next()
    with tf.Session() as session:
        session.run(element)
        assert threads()
    assert wait_until(lambda: not threads())


def test_the_threads_end_when_a_pass_is_begun_anew_or_dropped() -> None:
    endless = Dataset.from_tensors(1).map(lambda x: tf.py_func(lambda v: v, [x], tf.int32)).repeat()
    iterator = endless.prefetch(2).make_initializable_iterator()
    element = iterator.get_next()
    session = tf.Session()
    for _ in range(3):
        session.run(iterator.initializer)
        session.run(element)
    assert wait_until(lambda: len(threads()) == 1)
    session.close()
    del session
    gc.collect()
    assert wait_until(lambda: not threads())


def test_each_element_goes_to_one_of_many_threads() -> None:
    element = Dataset.range(400).map(lambda x: x + 1).make_one_shot_iterator().get_next()
    found: list[Any] = []

    def pull() -> None:
        while True:
            try:
                found.append(session.run(element))
            except tf.errors.OutOfRangeError:
                return

    with tf.Session() as session:
        workers = [threading.Thread(target=pull) for _ in range(4)]
        for w in workers:
            w.start()
        for w in workers:
            w.join()
    assert sorted(found) == list(range(1, 401))


# State


def test_sessions_have_passes_of_their_own() -> None:
    element = Dataset.range(3).make_one_shot_iterator().get_next()
    one, two = tf.Session(), tf.Session()
    assert [one.run(element), one.run(element), two.run(element)] == [0, 1, 0]


def test_the_end_names_the_node_and_stays() -> None:
    element = Dataset.range(1).make_one_shot_iterator().get_next("pull")
    session = tf.Session()
    session.run(element)
    for _ in range(2):
        with pytest.raises(tf.errors.OutOfRangeError, match="End of sequence") as caught:
            session.run(element)
        assert caught.value.op.name == "pull"


def test_an_initializer_takes_what_is_fed() -> None:
    limit = tf.placeholder(tf.int64, [])
    iterator = Dataset.range(limit).batch(10).make_initializable_iterator()
    element = iterator.get_next()
    with tf.Session() as session:
        for n in (2, 3):
            session.run(iterator.initializer, {limit: n})
            assert session.run(element).tolist() == list(range(n))


def test_a_captured_resource_variable_is_read_for_each_element() -> None:
    variable = tf.get_variable("v", initializer=np.int64(10), use_resource=True)
    iterator = Dataset.range(9).map(lambda x: x + variable).make_initializable_iterator()
    element, more = iterator.get_next(), variable.assign_add(100)
    with tf.Session() as session:
        session.run(variable.initializer)
        session.run(iterator.initializer)
        assert session.run(element) == 10
        session.run(more)
        assert session.run(element) == 111


def test_a_step_fails_at_the_end_without_a_change() -> None:
    element = Dataset.range(1).make_one_shot_iterator().get_next()
    variable = tf.Variable(0, dtype=tf.int64)
    step = variable.assign_add(element + 1)
    with tf.Session() as session:
        session.run(variable.initializer)
        session.run(step)
        with pytest.raises(tf.errors.OutOfRangeError):
            session.run(step)
        assert session.run(variable) == 1


def test_an_error_in_a_function_names_its_node() -> None:
    dataset = Dataset.range(3).map(lambda x: tf.floordiv(np.int64(1), x, name="quotient"))
    element = dataset.make_one_shot_iterator().get_next()
    with pytest.raises(tf.errors.InvalidArgumentError, match="quotient") as caught:
        tf.Session().run(element)
    assert caught.value.op is element.op


# Blocks


PIPELINES: dict[str, Callable[[], Any]] = {
    "elementwise": lambda: Dataset.range(50).map(lambda x: tf.sin(tf.cast(x, tf.float32)) * 2.0 + 1.0),
    "several": lambda: Dataset.range(50).map(lambda x: (x % 7, x > 20, tf.as_string(x))),
    "ranks": lambda: Dataset.from_tensor_slices(np.arange(24.0).reshape(4, 2, 3)).map(
        lambda m: (m * tf.constant([1.0, 2.0, 3.0], tf.float64), m - 1.0, tf.expand_dims(m, 0))
    ),
    "scalar_and_matrix": lambda: Dataset.from_tensor_slices((np.arange(4.0), np.ones((4, 2, 3)))).map(
        lambda s, m: (s * m, m / (s + 1), tf.maximum(m, s))
    ),
    "table": lambda: Dataset.range(6).map(
        lambda x: (tf.gather(tf.constant([[5, 6], [7, 8], [9, 0]]), x % 3), tf.one_hot(x, 6))
    ),
    "reshape": lambda: Dataset.from_tensor_slices(np.arange(24).reshape(4, 6)).map(
        lambda r: (tf.reshape(r, [2, 3]), tf.squeeze(tf.reshape(r, [1, 6, 1])), tf.reshape(r, [-1, 2]))
    ),
    "filter": lambda: Dataset.range(60).filter(lambda x: tf.equal(x % 5, 3)).map(lambda x: x * x),
    "shuffle": lambda: Dataset.range(60).map(lambda x: x * 2).shuffle(13, seed=3).repeat(3),
    "shard": lambda: Dataset.range(60).skip(5).shard(4, 2).take(9),
    "zip": lambda: Dataset.zip((Dataset.range(30).filter(lambda x: x % 3 > 0), Dataset.range(99).skip(2))),
    "chain": lambda: Dataset.range(7).concatenate(Dataset.range(30, 40)).map(lambda x: -x).cache().repeat(2),
    "rows": lambda: Dataset.from_tensor_slices(np.arange(24).reshape(4, 2, 3)).map(
        lambda m: (m[1:, -1], tf.transpose(m), tf.stack([m[0], m[1] * 2]), m[..., tf.newaxis, 0], m[::-1])
    ),
    "bytes": lambda: Dataset.from_tensor_slices([b"ab", b"cd", b"ef"]).map(
        lambda b: tf.reshape(tf.cast(tf.decode_raw(b, tf.uint8), tf.int32), [2])
    ),
    "examples": lambda: Dataset.range(5).map(example_of).map(parsed),
    "flat": lambda: Dataset.range(9).flat_map(lambda x: Dataset.range(x)).filter(lambda y: y % 2 > 0),
    "unbatch": lambda: Dataset.range(23).batch(5).map(lambda x: x + 1).unbatch().shuffle(4, seed=1),
    "constants": lambda: Dataset.range(9).map(lambda x: (tf.constant([1, 2]), x)),
}


def example_of(number: Any) -> Any:
    def make(n: Any) -> bytes:
        floats = tf.train.FloatList(value=[n + 0.5] * 2)
        features = {"x": tf.train.Feature(float_list=floats)}
        if n != 3:
            features["y"] = tf.train.Feature(int64_list=tf.train.Int64List(value=[n]))
        return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()

    text = tf.py_func(make, [number], tf.string)
    text.set_shape([])
    return text


def parsed(text: Any) -> Any:
    features = {"x": tf.FixedLenFeature([2], tf.float32), "y": tf.FixedLenFeature([], tf.int64, -1)}
    found = tf.parse_single_example(text, features)
    return found["x"], found["y"]


@pytest.mark.parametrize("name", list(PIPELINES))
@pytest.mark.parametrize("size", [1, 4, 100])
def test_blocks_give_what_single_elements_give(name: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    fast = all_elements(PIPELINES[name]().batch(size))
    with tf.Graph().as_default():
        single = all_elements(PIPELINES[name]())
        monkeypatch.setattr(Vectorized, "of", classmethod(lambda *_: None))
    with tf.Graph().as_default():
        slow = all_elements(PIPELINES[name]().batch(size))
    assert_same(fast, slow)
    assert sum(len(first(b)) for b in fast) == len(single)


def first(element: Any) -> Any:
    return element[0] if isinstance(element, tuple) else element


def assert_same(one: Any, two: Any) -> None:
    if isinstance(one, (list, tuple)):
        assert len(one) == len(two)
        for a, b in zip(one, two, strict=True):
            assert_same(a, b)
    else:
        assert one.dtype == two.dtype and one.shape == two.shape
        assert one.tolist() == two.tolist()


def labels_of_examples() -> Any:
    """Serialized Examples of a label each, parsed one by one."""
    examples = [tf.train.Example() for _ in range(100)]
    for number, example in enumerate(examples):
        example.features.feature["label"].int64_list.value.append(number)
    features = {"label": tf.io.FixedLenFeature([], tf.int64)}
    strings = Dataset.from_tensor_slices([e.SerializeToString() for e in examples])
    return strings.map(lambda s: tf.io.parse_single_example(s, features)["label"])


@pytest.mark.parametrize("build", [lambda: Dataset.range(100).map(lambda x: x * 2), labels_of_examples])
def test_the_vectorized_form_is_used(build: Any) -> None:
    calls: list[int] = []
    own = Vectorized.call

    def counted(self: Any, arguments: Any, count: int) -> Any:
        results = own(self, arguments, count)
        calls.append(len(results[0]))
        return results

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Vectorized, "call", counted)
        all_elements(build().batch(25))
    assert calls == [25] * 4


def test_an_error_in_a_block_is_that_of_its_element() -> None:
    divided = Dataset.range(10).map(lambda x: 60 // (x - 3))
    element = divided.make_one_shot_iterator().get_next()
    batches = divided.shuffle(1).batch(2).make_one_shot_iterator().get_next()
    found: list[Any] = []
    with tf.Session() as session:
        for fetch in (element, batches):
            for _ in range(10):
                try:
                    found.append(np.ravel(session.run(fetch)).tolist())
                except tf.errors.OpError as error:
                    found.append(type(error).__name__)
    bad = "InvalidArgumentError"
    assert found[:10] == [[-20], [-30], [-60], bad, [60], [30], [20], [15], [12], [10]]
    assert found[10:13] == [[-20, -30], bad, [60, 30]]


def test_memory_stays_flat() -> None:
    squares = Dataset.range(10**7).map(lambda x: x * x).shuffle(1000, seed=1).batch(4096)
    element = squares.make_one_shot_iterator().get_next()
    with tf.Session() as session:
        session.run(element)
        tracemalloc.start()
        for _ in range(100):
            session.run(element)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 4e6


def test_elements_of_several_shapes_are_shuffled() -> None:
    rows = Dataset.from_tensor_slices([[1, 2], [3, 4]])
    both = rows.concatenate(Dataset.from_tensor_slices([[5, 6, 7]])).shuffle(3, seed=1)
    assert sorted(v.tolist() for v in all_elements(both)) == [[1, 2], [3, 4], [5, 6, 7]]


# Files


def test_records_before_the_damage_are_given(tmp_path: Path) -> None:
    paths = [tmp_path / "one", tmp_path / "two"]
    for path in paths:
        with tf.python_io.TFRecordWriter(str(path)) as writer:
            for i in range(3):
                writer.write(b"%d" % i)
    paths[0].write_bytes(paths[0].read_bytes()[:-1])
    whole = tf.data.TFRecordDataset([str(p) for p in paths])
    kept = whole.apply(tf.data.experimental.ignore_errors())
    assert all_elements(kept) == [b"0", b"1", b"0", b"1", b"2"]
    batches = whole.batch(2).apply(tf.data.experimental.ignore_errors())
    assert [b.tolist() for b in all_elements(batches)] == [[b"0", b"1"], [b"0", b"1"], [b"2"]]


def test_a_file_cache_is_read_by_another_session(tmp_path: Path) -> None:
    made = []

    def count() -> Iterator[Any]:
        made.append(1)
        yield from [(1, "one"), (2, "two")]

    name = str(tmp_path / "kept")
    dataset = Dataset.from_generator(count, (tf.int32, tf.string), ([], [])).cache(name)
    element = dataset.make_one_shot_iterator().get_next()
    session = tf.Session()
    session.run(element)
    assert not (tmp_path / "kept.cache").exists()  # only a full pass is kept
    two = [(1, b"one"), (2, b"two")]
    session.close()
    gc.collect()
    assert all_elements(dataset) == two
    assert len(made) == 2
    assert all_elements(dataset) == two
    assert len(made) == 2


def test_two_writers_of_one_cache_are_refused(tmp_path: Path) -> None:
    dataset = Dataset.range(3).cache(str(tmp_path / "kept"))
    one, two = (dataset.make_one_shot_iterator().get_next() for _ in range(2))
    session = tf.Session()
    session.run(one)
    with pytest.raises(tf.errors.AlreadyExistsError, match="kept.cache.lock"):
        session.run(two)


def test_damage_is_named_by_file_and_place(tmp_path: Path) -> None:
    path = tmp_path / "cut.tfrecord"
    with tf.python_io.TFRecordWriter(str(path)) as writer:
        writer.write(b"first")
        writer.write(b"second")
    path.write_bytes(path.read_bytes()[:-3])
    element = tf.data.TFRecordDataset(str(path)).make_one_shot_iterator().get_next()
    session = tf.Session()
    assert session.run(element) == b"first"
    with pytest.raises(tf.errors.DataLossError, match=r"at 21 of .*cut\.tfrecord"):
        session.run(element)


@pytest.mark.parametrize("kind", ["GZIP", "ZLIB"])
def test_compressed_files_that_are_cut_off(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "cut"
    options = tf.python_io.TFRecordOptions(getattr(tf.python_io.TFRecordCompressionType, kind))
    with tf.python_io.TFRecordWriter(str(path), options) as writer:
        writer.write(b"x" * 100)
    path.write_bytes(path.read_bytes()[:-6])
    with pytest.raises(tf.errors.DataLossError, match="cut"):
        all_elements(tf.data.TextLineDataset(str(path), compression_type=kind))


# Graphs


def test_a_graph_with_functions_is_written_and_read(graph: Any) -> None:
    outer = tf.constant(3, tf.int64)
    iterator = Dataset.range(5).map(lambda x: x * outer).make_initializable_iterator()
    iterator.get_next("element")
    definition = graph.as_graph_def()
    assert len(definition.library.function) == 1
    with tf.Graph().as_default() as other, tf.Session() as session:
        tf.import_graph_def(definition, name="")
        session.run(other.get_operation_by_name("MakeIterator"))
        assert [session.run("element:0") for _ in range(2)] == [0, 3]


def test_a_damaged_library_is_refused(graph: Any) -> None:
    Dataset.range(5).map(lambda x: x + 1)
    library = graph.as_graph_def().library
    library.function[0].node_def[0].op = "NoSuchOp"
    with pytest.raises(ValueError, match="unknown op 'NoSuchOp'"):
        read_library(tf.Graph(), library)


def test_a_tensor_of_another_function_is_refused() -> None:
    kept = []

    def keep(x: Any) -> Any:
        kept.append(x)
        return x

    Dataset.range(3).map(keep)
    with pytest.raises(ValueError, match="is of a graph that is not around it"):
        Dataset.range(3).map(lambda x: x + kept[0])


# Misuse


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Dataset.range(), ValueError, "Invalid arguments"),
        (lambda: Dataset.from_generator(3, tf.int32), TypeError, "must be callable"),
        (lambda: Dataset.zip([Dataset.range(3)]), TypeError, "please use a tuple"),
        (lambda: Dataset.range(3).map(lambda x: object()), TypeError, "Unsupported return value"),
        (lambda: Dataset.range(3).flat_map(lambda x: x), TypeError, "must return a `Dataset`"),
        (lambda: Dataset.range(3).filter(lambda x: x), ValueError, "scalar boolean"),
        (lambda: Dataset.range(3).apply(lambda d: 3), TypeError, "must return a Dataset"),
        (lambda: Dataset.range(3).with_options(3), TypeError, "Incompatible options"),
        (lambda: setattr(tf.data.Options(), "speed", 3), AttributeError, "speed"),
        (lambda: setattr(tf.data.Options(), "experimental_slack", 3), TypeError, "experimental_slack"),
        (lambda: iter(Dataset.range(3)), RuntimeError, "eager"),
        (lambda: tf.data.Iterator.from_structure(tf.int64).initializer, ValueError, "initializer"),
        (lambda: tf.data.experimental.get_single_element(3), TypeError, "tf.data.Dataset"),
        (lambda: tf.data.experimental.group_by_window(len, len), ValueError, "window_size"),
        (lambda: tf.data.TFRecordDataset(Dataset.range(3)), TypeError, "tf.string"),
    ],
)
def test_misuse_is_refused(call: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_an_iterator_of_no_handle() -> None:
    handle = tf.placeholder(tf.string, [])
    element = tf.data.Iterator.from_string_handle(handle, tf.int64, []).get_next()
    with pytest.raises(tf.errors.InvalidArgumentError, match="no iterator of the handle"):
        tf.Session().run(element, {handle: "nobody"})


def test_a_handle_chooses_the_iterator() -> None:
    one, two = (Dataset.range(n, n + 9).make_one_shot_iterator() for n in (0, 10))
    handle = tf.placeholder(tf.string, [])
    element = tf.data.Iterator.from_string_handle(handle, tf.int64, []).get_next()
    with tf.Session() as session:
        names = session.run([one.string_handle(), two.string_handle()])
        order = [session.run(element, {handle: names[i]}) for i in (0, 1, 1, 0)]
    assert order == [0, 10, 11, 1]


# Functions that change variables


def test_a_step_and_a_function_ahead_of_it_change_one_variable() -> None:
    total = tf.get_variable("total", initializer=np.int64(0), use_resource=True)
    last = tf.get_variable("last", initializer="", use_resource=True)
    dataset = Dataset.range(50).map(lambda x: total.assign_add(1)).prefetch(2)
    iterator = dataset.make_initializable_iterator()
    element = iterator.get_next()
    # The host segment that writes the text must not keep the thread that writes `total` waiting.
    step = [element, last.assign(tf.as_string(element)), total.assign_add(100)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(iterator.initializer)
        numbers = [int(session.run(step)[0]) for _ in range(50)]
        assert session.run(total) == 50 + 100 * 50
        assert session.run(last) == str(numbers[-1]).encode()
    assert numbers == sorted(set(numbers))


def test_a_function_of_an_imported_graph_changes_its_variable() -> None:
    v = tf.get_variable("v", initializer=np.float32([1, 2]), use_resource=True)
    iterator = Dataset.range(3).map(lambda x: v.assign_add([1.0, 0.5])).make_initializable_iterator()
    names = [t.name for t in (iterator.get_next(), iterator.initializer, v.initializer)]
    definition = tf.get_default_graph().as_graph_def()
    with tf.Graph().as_default(), tf.Session() as session:
        tf.import_graph_def(definition, name="")
        session.run([names[2]])
        session.run([names[1]])
        assert [session.run(names[0]).tolist() for _ in range(3)] == [[2, 2.5], [3, 3], [4, 3.5]]


def test_large_variables_are_changed_by_compiled_functions() -> None:
    v = tf.get_variable("v", initializer=np.ones((300, 300), np.float32), use_resource=True)
    more = v.assign_add(tf.ones_like(v))
    iterator = Dataset.range(9).map(lambda x: tf.reduce_sum(v.assign(tf.matmul(v, v) / 300.0 + 1.0)))
    iterator = iterator.make_initializable_iterator()
    element = iterator.get_next()
    with tf.Session() as session:
        session.run([v.initializer, iterator.initializer])
        found = []
        for _ in range(3):
            found.append(session.run(element) / 90000)
            session.run(more.op)
    assert np.allclose(found, [2, 10, 122])
