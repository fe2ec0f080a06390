"""Pipelines that are recorded: functions, buffers, options, iterators."""

import collections
import os

import numpy as np

from .harness import Scenarios, numbers, one_shot

scenario = Scenarios()
Pair = collections.namedtuple("Pair", ["first", "second"])


# Functions


@scenario
def mapped(tf, folder):
    outer = tf.constant(3, tf.int64, name="outer")
    return numbers(tf, 5).map(lambda x: {"y": x * outer + 1, "z": tf.cast(x, tf.float32) / 2.0})


@scenario
def mapped_parallel(tf, folder):
    return numbers(tf, 9).map(lambda x: tf.py_func(lambda v: v * 2, [x], tf.int64), num_parallel_calls=3)


@scenario
def mapped_random(tf, folder):
    tf.set_random_seed(7)
    return numbers(tf, 4).map(lambda x: tf.random_uniform([2])).repeat(2)


@scenario
def mapped_random_seeded(tf, folder):
    return numbers(tf, 4).map(lambda x: tf.random_normal([2], seed=3)).batch(2)


@scenario
def mapped_list(tf, folder):
    return numbers(tf, 3).map(lambda x: [x, x + 1])


@scenario
def mapped_named(tf, folder):
    pairs = tf.data.Dataset.from_tensor_slices(Pair([1, 2], [3, 4]))
    return pairs.map(lambda p: Pair(p.second, p.first + p.second))


@scenario
def mapped_strings(tf, folder):
    words = tf.data.Dataset.from_tensor_slices(["a b", "c"])
    return words.map(lambda w: tf.string_split([w]).values).flat_map(tf.data.Dataset.from_tensor_slices)


@scenario
def mapped_constants(tf, folder):
    return numbers(tf, 2).map(lambda x: (1, "two", np.float32(3.0)))


@scenario
def mapped_conditions(tf, folder):
    return numbers(tf, 4).map(lambda x: tf.cond(x > 1, lambda: x * 10, lambda: -x))


@scenario
def mapped_to_nothing(tf, folder):
    return numbers(tf, 4).map(lambda x: None)


@scenario
def mapped_errors(tf, folder):
    return numbers(tf, 5).map(lambda x: 6 // (x - 2)).batch(1)


@scenario
def mapped_errors_ignored(tf, folder):
    return numbers(tf, 5).map(lambda x: 6 // (x - 2)).apply(tf.data.experimental.ignore_errors())


@scenario
def mapped_vectors(tf, folder):
    rows = tf.data.Dataset.from_tensor_slices(np.arange(12, dtype=np.float32).reshape(4, 3))
    weights = tf.constant([1.0, 2.0, 3.0])
    return rows.map(lambda r: (r * weights, tf.reduce_sum(r), r[1:], tf.reshape(r, [3, 1]))).batch(3)


@scenario
def mapped_lookup(tf, folder):
    table = tf.constant([[1, 2], [3, 4], [5, 6]])
    return numbers(tf, 3).map(lambda x: (tf.gather(table, x), tf.one_hot(x, 3))).batch(2)


@scenario
def mapped_variable(tf, folder):
    variable = tf.Variable(5, dtype=tf.int64, name="v")
    dataset = numbers(tf, 3).map(lambda x: x + variable)
    iterator = dataset.make_initializable_iterator()
    return iterator.get_next(), [variable.initializer, iterator.initializer]


@scenario
def mapped_changing_variable(tf, folder):
    variable = tf.get_variable("v", initializer=np.int64(5), use_resource=True)
    iterator = numbers(tf, 4).map(lambda x: (x, variable.assign_add(x))).make_initializable_iterator()
    return iterator.get_next(), [variable.initializer, iterator.initializer]


@scenario
def mapped_changing_in_order(tf, folder):
    variable = tf.get_variable("v", initializer=np.zeros(3, np.int32), use_resource=True)

    def count(x):
        with tf.control_dependencies([tf.scatter_add(variable, [x], [1])]):
            before = variable.read_value()
        variable.assign_sub([1, 0, 0])
        return before, variable.read_value()

    dataset = tf.data.Dataset.from_tensor_slices([0, 2, 2]).map(count)
    iterator = dataset.repeat(2).make_initializable_iterator()
    return iterator.get_next(), [variable.initializer, iterator.initializer]


@scenario
def filtered_changing_variable(tf, folder):
    variable = tf.get_variable("v", initializer=0, use_resource=True)
    dataset = numbers(tf, 9).filter(lambda x: tf.equal(variable.assign_add(1) % 2, 0))
    iterator = dataset.make_initializable_iterator()
    return iterator.get_next(), [variable.initializer, iterator.initializer]


@scenario
def nested_changing_variable(tf, folder):
    variable = tf.get_variable("v", initializer=np.int64(0), use_resource=True)

    def inner(y):
        return numbers(tf, 3).map(lambda x: variable.assign_add(x + y))

    iterator = numbers(tf, 2).flat_map(inner).make_initializable_iterator()
    return iterator.get_next(), [variable.initializer, iterator.initializer]


@scenario
def mapped_changing_reference(tf, folder):
    variable = tf.Variable(5)
    return numbers(tf, 3).map(lambda x: variable.assign_add(1))


@scenario
def mapped_uninitialized_variable(tf, folder):
    variable = tf.get_variable("v", initializer=1, use_resource=True)
    return numbers(tf, 2).map(lambda x: variable + 1)


@scenario
def mapped_new_variable(tf, folder):
    def add(x):
        return x + tf.get_variable("w", [], tf.int64, initializer=tf.ones_initializer())

    iterator = numbers(tf, 3).map(add).make_initializable_iterator()
    return iterator.get_next(), [tf.global_variables_initializer(), iterator.initializer]


@scenario
def mapped_table_insert(tf, folder):
    table = tf.contrib.lookup.MutableHashTable(tf.int64, tf.int64, -1)

    def remember(x):
        with tf.control_dependencies([table.insert(x, x * x)]):
            return table.lookup(x - [0, 1])

    return numbers(tf, 4).map(remember)


@scenario
def mapped_variable_one_shot(tf, folder):
    variable = tf.Variable(5, dtype=tf.int64)
    return one_shot(numbers(tf, 3).map(lambda x: x + variable))


@scenario
def mapped_placeholder_one_shot(tf, folder):
    return one_shot(tf.data.Dataset.from_tensors(tf.placeholder(tf.int32, [])))


@scenario
def filtered(tf, folder):
    return numbers(tf).filter(lambda x: tf.equal(x % 3, 0)).map(lambda x: x * x)


@scenario
def filtered_batches(tf, folder):
    return numbers(tf, 20).filter(lambda x: x % 3 > 0).batch(4)


@scenario
def filtered_by_no_bool(tf, folder):
    return numbers(tf).filter(lambda x: x)


@scenario
def flat_mapped(tf, folder):
    outer = tf.constant(100, tf.int64)
    return numbers(tf, 4).flat_map(lambda x: numbers(tf, x).map(lambda y: y + x * 10 + outer))


@scenario
def flat_mapped_to_tensor(tf, folder):
    return numbers(tf, 4).flat_map(lambda x: x)


def interleaves(cycle, block, calls=None):
    def build(tf, folder):
        def inner(x):
            return tf.data.Dataset.from_tensors(x).repeat(x)

        return numbers(tf, 6).interleave(inner, cycle, block, num_parallel_calls=calls)

    return build


for _cycle, _block, _calls in ((1, 1, None), (2, 1, None), (3, 2, None), (9, 3, None), (2, 2, 2), (3, 1, 3)):
    _name = "interleaved_%d_%d" % (_cycle, _block) + ("_%d" % _calls if _calls else "")
    scenario.builds[_name] = interleaves(_cycle, _block, _calls)


@scenario
def interleaved_contrib(tf, folder):
    def inner(x):
        return tf.data.Dataset.from_tensors(x).repeat(x)

    return numbers(tf, 6).apply(tf.contrib.data.parallel_interleave(inner, cycle_length=2, block_length=2))


@scenario
def interleaved_badly(tf, folder):
    return numbers(tf, 6).interleave(lambda x: numbers(tf, x), cycle_length=0)


@scenario
def reduced(tf, folder):
    total = numbers(tf, 5).reduce((np.int64(0), 0.0), lambda s, x: (s[0] + x, s[1] + 2.0))
    return total, []


@scenario
def reduced_growing(tf, folder):
    joined = numbers(tf, 3).reduce(np.zeros([0], np.int64), lambda s, x: tf.concat([s, [x]], 0))
    return joined, []


@scenario
def reduced_to_other_type(tf, folder):
    return numbers(tf, 5).reduce(np.int64(0), lambda s, x: tf.cast(s + x, tf.int32)), []


@scenario
def scanned(tf, folder):
    sums = tf.data.experimental.scan(np.int64(1), lambda s, x: (s + x, (s, x)))
    return numbers(tf, 5).apply(sums)


@scenario
def while_taken(tf, folder):
    return numbers(tf).apply(tf.data.experimental.take_while(lambda x: x < 4))


@scenario
def uniques(tf, folder):
    return tf.data.Dataset.from_tensor_slices([1, 3, 1, 2, 3]).apply(tf.data.experimental.unique())


@scenario
def grouped(tf, folder):
    groups = tf.data.experimental.group_by_window(lambda x: x % 2, lambda key, d: d.batch(3), 3)
    return numbers(tf, 11).apply(groups)


@scenario
def grouped_by_reducer(tf, folder):
    reducer = tf.data.experimental.Reducer(
        lambda key: np.int64(0), lambda state, x: state + x, lambda state: state * 10
    )
    return numbers(tf, 7).apply(tf.data.experimental.group_by_reducer(lambda x: x % 3, reducer))


@scenario
def bucketed(tf, folder):
    rows = numbers(tf, 9).map(lambda x: tf.fill([x], x))
    return rows.apply(tf.data.experimental.bucket_by_sequence_length(lambda x: tf.size(x), [3, 6], [2, 2, 2]))


@scenario
def bucketed_to_boundary(tf, folder):
    rows = tf.data.Dataset.range(1, 6).map(lambda x: tf.fill([x], x))
    return rows.apply(
        tf.data.experimental.bucket_by_sequence_length(
            lambda x: tf.size(x), [4, 8], [2, 2, 2], pad_to_bucket_boundary=True
        )
    )


@scenario
def counted(tf, folder):
    return tf.data.experimental.Counter(5, 3).take(4)


@scenario
def random_numbers(tf, folder):
    return tf.data.experimental.RandomDataset(seed=3).take(9)


@scenario
def sampled(tf, folder):
    ones = tf.data.Dataset.from_tensors(1).repeat(6)
    twos = tf.data.Dataset.from_tensors(2).repeat(6)
    return tf.data.experimental.sample_from_datasets([ones, twos], [0.3, 0.7], seed=4)


@scenario
def chosen(tf, folder):
    ones = tf.data.Dataset.from_tensors(1).repeat(2)
    twos = tf.data.Dataset.from_tensors(2).repeat()
    choice = tf.data.Dataset.from_tensor_slices(np.array([0, 1, 1, 0, 0, 1], np.int64))
    return tf.data.experimental.choose_from_datasets([ones, twos], choice)


@scenario
def single_element(tf, folder):
    return tf.data.experimental.get_single_element(tf.data.Dataset.from_tensors((1, "x"))), []


@scenario
def several_elements(tf, folder):
    return tf.data.experimental.get_single_element(numbers(tf, 2)), []


@scenario
def cardinality(tf, folder):
    def known(dataset):
        return tf.data.experimental.cardinality(dataset)

    return [
        known(numbers(tf, 7).batch(2)),
        known(numbers(tf, 7).repeat()),
        known(numbers(tf, 7).filter(lambda x: x > 2)),
        known(numbers(tf, 7).skip(2).take(3).concatenate(numbers(tf, 2))),
        known(tf.data.Dataset.zip((numbers(tf, 7), numbers(tf, 3)))),
    ], []


# Buffers, caches, options


@scenario
def prefetched(tf, folder):
    return numbers(tf, 5).map(lambda x: tf.py_func(lambda v: v + 1, [x], tf.int64)).prefetch(2).batch(2)


@scenario
def prefetched_automatically(tf, folder):
    return numbers(tf, 5).prefetch(tf.data.experimental.AUTOTUNE)


@scenario
def cached(tf, folder):
    tf.set_random_seed(3)
    return numbers(tf, 4).map(lambda x: tf.random_uniform([])).cache().repeat(2)


@scenario
def cached_in_file(tf, folder):
    tf.set_random_seed(3)
    random = numbers(tf, 4).map(lambda x: (tf.random_uniform([]), tf.as_string(x)))
    return random.cache(os.path.join(folder, "cache")).repeat(2)


@scenario
def threads(tf, folder):
    options = tf.data.Options()
    options.experimental_threading.private_threadpool_size = 2
    options.experimental_threading.max_intra_op_parallelism = 1
    return numbers(tf, 3).with_options(options)


@scenario
def sloppy(tf, folder):
    options = tf.data.Options()
    options.experimental_deterministic = False
    options.experimental_slack = True
    options.experimental_optimization.map_fusion = True
    options.experimental_optimization.autotune_cpu_budget = 2
    return numbers(tf, 3).map(lambda x: x + 1).prefetch(1).with_options(options)


@scenario
def no_tuning(tf, folder):
    options = tf.data.Options()
    options.experimental_optimization.autotune = False
    options.experimental_optimization.noop_elimination = False
    return numbers(tf, 3).with_options(options)


# Iterators


@scenario
def one_shot_iterator(tf, folder):
    outer = tf.constant(2, tf.int64, name="outer")
    return one_shot(numbers(tf, 5).map(lambda x: x + outer).batch(outer))


@scenario
def one_shot_generator(tf, folder):
    return one_shot(tf.data.Dataset.from_generator(lambda: iter([1, 2]), tf.int32, []).repeat(2))


@scenario
def not_initialized(tf, folder):
    return numbers(tf, 5).make_initializable_iterator().get_next(), []


@scenario
def reinitializable(tf, folder):
    one, two = numbers(tf, 3), tf.data.Dataset.range(10, 12)
    iterator = tf.data.Iterator.from_structure(one.output_types, one.output_shapes)
    iterator.make_initializer(one)
    begin = iterator.make_initializer(two, name="begin")
    return iterator.get_next("element"), [begin]


@scenario
def reinitializable_misfit(tf, folder):
    iterator = tf.data.Iterator.from_structure(tf.int32, [])
    return iterator.get_next(), [iterator.make_initializer(numbers(tf, 3))]


@scenario
def feedable(tf, folder):
    one = numbers(tf, 3).make_initializable_iterator(shared_name="shared")
    handle = one.string_handle(name="handle")
    fed = tf.data.Iterator.from_string_handle(handle, tf.int64, [])
    return fed.get_next(), [one.initializer]


@scenario
def feedable_misfit(tf, folder):
    one = numbers(tf, 3).make_initializable_iterator()
    fed = tf.data.Iterator.from_string_handle(one.string_handle(), tf.int32, [])
    return fed.get_next(), [one.initializer]


@scenario
def optional_elements(tf, folder):
    iterator = numbers(tf, 2).make_initializable_iterator()
    found = tf.data.experimental.get_next_as_optional(iterator)
    return found.has_value(), [iterator.initializer]


@scenario
def optional_values(tf, folder):
    some = tf.data.experimental.Optional.from_value((1, "x"))
    none = tf.data.experimental.Optional.none_from_structure(some.value_structure)
    return (some.get_value(), some.has_value(), none.has_value()), []
