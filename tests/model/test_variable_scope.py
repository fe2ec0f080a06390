"""Variable scopes: names, reuse, inheritance, errors, getters, templates, partitions, the global step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.model.partitioned import PartitionedVariable, PartitionInfo


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def name_here() -> str:
    return str(tf.constant(1.0).name)


# Names


def test_names_of_variables_and_ops() -> None:
    with tf.variable_scope("a") as scope:
        v = tf.get_variable("v", [1])
        assert (v.name, name_here()) == ("a/v:0", "a/Const:0")
        with tf.variable_scope("b"):
            assert tf.get_variable("v", [1]).name == "a/b/v:0"
            assert tf.Variable(1.0).name == "a/b/Variable:0"
    assert (scope.name, scope.original_name_scope) == ("a", "a/")
    with tf.variable_scope(scope, reuse=True) as again:
        assert tf.get_variable("v") is v
        assert (again.name, again.original_name_scope, name_here()) == ("a", "a/", "a_1/Const:0")
    with tf.variable_scope(scope, auxiliary_name_scope=False):
        assert name_here() == "Const:0"
    with tf.name_scope("n"):
        with tf.variable_scope(scope):
            assert name_here() == "n/a/Const:0"
        with tf.variable_scope("q") as inner:
            assert tf.get_variable("z", []).name == "q/z:0"
            assert (inner.name, inner.original_name_scope) == ("q", "n/q/")


def test_scopes_inside_a_scope_object_start_over() -> None:
    with tf.variable_scope("outer"), tf.variable_scope("inner") as scope:
        pass
    with tf.variable_scope("elsewhere"), tf.variable_scope(scope):
        assert tf.get_variable("v", []).name == "outer/inner/v:0"


def test_default_names_are_unique() -> None:
    found = []
    for _ in range(3):
        with tf.variable_scope(None, "d") as scope:
            found.append((scope.name, scope.original_name_scope, tf.get_variable("z", []).name))
    assert found == [("d", "d/", "d/z:0"), ("d_1", "d_1/", "d_1/z:0"), ("d_2", "d_2/", "d_2/z:0")]


def test_a_block_can_be_entered_again() -> None:
    block = tf.variable_scope("again", reuse=tf.AUTO_REUSE)
    names = []
    for _ in range(2):
        with block:
            names.append((tf.get_variable("z", []).name, name_here()))
    assert names == [("again/z:0", "again/Const:0"), ("again/z:0", "again_1/Const:0")]


def test_threads_have_scopes_of_their_own(graph: Any) -> None:
    import threading

    names: list[str] = []

    def build() -> None:
        with graph.as_default():
            names.append(tf.get_variable_scope().name)

    with tf.variable_scope("a"):
        thread = threading.Thread(target=build)
        thread.start()
        thread.join()
    assert names == [""]


# Reuse


def test_reuse_is_inherited() -> None:
    with tf.variable_scope("a") as scope:
        v = tf.get_variable("v", [1])
        scope.reuse_variables()
        assert tf.get_variable("v", [1]) is v
        with tf.variable_scope("b", reuse=False):
            assert tf.get_variable_scope().reuse is True
    assert tf.get_variable_scope().reuse is False
    with tf.variable_scope("a", reuse=tf.AUTO_REUSE):
        assert tf.get_variable("v", [1]) is v
        assert tf.get_variable("new", [1]) is tf.get_variable("new", [1])


def test_errors_of_sharing() -> None:
    tf.get_variable("v", [1])
    with pytest.raises(ValueError) as caught:
        tf.get_variable("v", [1])
    message, _, origin = str(caught.value).partition(" Originally defined at:\n\n")
    assert message == (
        "Variable v already exists, disallowed. "
        "Did you mean to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?"
    )
    assert __file__ in origin and 'tf.get_variable("v", [1])' in origin
    with tf.variable_scope("", reuse=True):
        with pytest.raises(ValueError, match="does not exist, or was not created with tf.get_variable"):
            tf.get_variable("w", [1])
        with pytest.raises(ValueError) as caught:
            tf.get_variable("v", [2])
        assert str(caught.value) == (
            "Trying to share variable v, but specified shape (2,) and found shape (1,)."
        )
        with pytest.raises(ValueError, match="specified dtype int32 and found dtype float32_ref"):
            tf.get_variable("v", [1], tf.int32)


def test_errors_of_creation() -> None:
    with pytest.raises(ValueError, match="The initializer passed is not valid"):
        tf.get_variable("q", initializer=tf.zeros_initializer())
    with pytest.raises(ValueError, match="If initializer is a constant, do not specify shape"):
        tf.get_variable("q", [2], initializer=[1.0])
    with pytest.raises(ValueError, match="explicit dtype '<dtype: 'int32'>' don't match"):
        tf.get_variable("q", initializer=[1.0], dtype=tf.int32)
    with pytest.raises(ValueError, match="An initializer for variable q of <dtype: 'complex64'> is required"):
        tf.get_variable("q", [2], tf.complex64)
    with pytest.raises(ValueError, match="Passed a custom_getter which is not callable: 3"):
        tf.get_variable("q", [2], custom_getter=3)


def test_errors_of_scopes() -> None:
    with pytest.raises(TypeError, match="If default_name is None then name_or_scope is required"):
        tf.variable_scope(None)
    with pytest.raises(ValueError, match="The reuse parameter must be True or False or None"):
        tf.variable_scope("a", reuse=3)
    with pytest.raises(ValueError, match="reuse=True cannot be used without a name_or_scope"):
        tf.variable_scope(None, "x", reuse=True).__enter__()
    with pytest.raises(TypeError, match="name_or_scope must be a string or VariableScope"):
        tf.variable_scope(3).__enter__()  # type: ignore[arg-type]
    assert name_here() == "Const:0"  # nothing stays open


# Defaults


def test_default_initializers() -> None:
    made = [tf.get_variable(t.name, [2], t) for t in (tf.int32, tf.bool, tf.string, tf.float64)]
    assert [v.initial_value.op.name for v in made] == [
        "int32/Initializer/zeros",
        "bool/Initializer/zeros",
        "string/Initializer/zeros",
        "float64/Initializer/random_uniform",
    ]


def test_settings_are_inherited() -> None:
    with tf.variable_scope(
        "a", initializer=tf.ones_initializer(), dtype=tf.float64, use_resource=True
    ) as scope:
        with tf.variable_scope("b"):
            v = tf.get_variable("v", [2])
        scope.set_dtype(tf.int32)
        scope.set_use_resource(False)
        scope.set_initializer(tf.constant_initializer(7))
        w = tf.get_variable("w", [2])
    assert repr(v) == "<tf.Variable 'a/b/v:0' shape=(2,) dtype=float64>"
    assert repr(w) == "<tf.Variable 'a/w:0' shape=(2,) dtype=int32_ref>"
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [sess.run(x).tolist() for x in (v, w)] == [[1, 1], [7, 7]]
    assert scope.global_variables() == [v, w] == scope.trainable_variables()


def test_regularizers_fill_the_collection() -> None:
    with tf.variable_scope("a", regularizer=lambda w: tf.reduce_sum(w, name="loss")):
        v = tf.get_variable("v", [2])
        tf.get_variable("plain", [2], regularizer=tf.no_regularizer)
    (loss,) = tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES)
    assert loss.name == "a/v/Regularizer/loss:0"
    assert loss.op.colocation_groups() == v.op.colocation_groups()


def test_values_and_functions_start_variables() -> None:
    a = tf.get_variable("a", initializer=3)
    b = tf.get_variable("b", initializer=lambda: tf.constant([1.0, 2.0]))
    c = tf.get_variable("c", [2], initializer=tf.zeros_initializer)
    assert [(v.dtype.base_dtype.name, v.shape.as_list()) for v in (a, b, c)] == [
        ("int32", []),
        ("float32", [2]),
        ("float32", [2]),
    ]


def test_getters_and_creators() -> None:
    calls: list[Any] = []

    def renamed(getter: Any, name: str, *args: Any, **kwargs: Any) -> Any:
        calls.append(sorted(kwargs))
        return getter(name + "_s", *args, **kwargs)

    def doubled(getter: Any, *args: Any, **kwargs: Any) -> Any:
        return getter(*args, **kwargs) * 2

    with tf.variable_scope("o", custom_getter=renamed), tf.variable_scope("i", custom_getter=doubled):
        assert tf.get_variable("v", [2]).name == "mul:0"
    assert [v.name for v in tf.global_variables()] == ["o/i/v_s:0"]
    assert {"shape", "dtype", "constraint", "synchronization", "reuse"} <= set(calls[0])

    def untrained(next_creator: Any, **kwargs: Any) -> Any:
        calls.append(kwargs["name"])
        return next_creator(**{**kwargs, "trainable": False})

    with tf.variable_creator_scope(untrained):
        assert not tf.get_variable("u", [1]).trainable
    assert calls[-1] == "u"
    assert tf.get_variable("t", [1]).trainable


def test_local_variables() -> None:
    keys = [tf.GraphKeys.MODEL_VARIABLES]
    v = tf.get_local_variable("v", [], collections=keys)
    assert tf.local_variables() == [v] == tf.model_variables()
    assert tf.global_variables() == tf.trainable_variables() == []
    assert keys == [tf.GraphKeys.MODEL_VARIABLES]


# Partitions


def test_a_variable_in_slices() -> None:
    a = tf.get_variable(
        "a", [5, 2], partitioner=tf.fixed_size_partitioner(2), initializer=tf.ones_initializer()
    )
    assert isinstance(a, PartitionedVariable)
    assert [repr(part) for part in a] == [
        "<tf.Variable 'a/part_0:0' shape=(3, 2) dtype=float32_ref>",
        "<tf.Variable 'a/part_1:0' shape=(2, 2) dtype=float32_ref>",
    ]
    assert [part._get_save_slice_info().spec for part in a] == ["5 2 0,3:0,2", "5 2 3,2:0,2"]
    assert (a.name, len(a), a.shape, a.dtype) == ("a", 2, (5, 2), tf.float32)
    whole = tf.convert_to_tensor(a)
    assert (whole.name, whole.op.inputs[0].name) == ("a:0", "a/ConcatPartitions/concat:0")
    changed = a.assign(np.arange(10.0, dtype=np.float32).reshape(5, 2))
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(whole).tolist() == [[1, 1]] * 5
        sess.run(changed)
        assert sess.run(whole * 1.0).tolist() == np.arange(10).reshape(5, 2).tolist()
    with tf.variable_scope("", reuse=True):
        assert tf.get_variable("a") is a
        with pytest.raises(ValueError, match=r"specified partitions \[5, 1\] and found partitions \[2, 1\]"):
            tf.get_variable("a", [5, 2], partitioner=tf.fixed_size_partitioner(5))


def test_slices_of_a_value() -> None:
    start = tf.reshape(tf.range(8), [4, 2])
    a = tf.get_variable("a", initializer=start, partitioner=tf.fixed_size_partitioner(2))
    assert [p.initial_value.op.name for p in a] == [
        f"a/part_{i}/PartitionedInitializer/Slice" for i in (0, 1)
    ]
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run(tf.identity(a)).tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]


def test_identity_in_slices() -> None:
    a = tf.get_variable(
        "a",
        [4, 4],
        partitioner=tf.fixed_size_partitioner(2, axis=1),
        initializer=tf.initializers.identity(gain=2.0),
    )
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert np.array_equal(sess.run(tf.identity(a)), 2 * np.eye(4))


def test_partitioners() -> None:
    shape = tf.TensorShape([10, 2])
    assert tf.fixed_size_partitioner(20)(shape=shape, dtype=tf.float32) == [10, 1]
    by_size = tf.variable_axis_size_partitioner(32, max_shards=2)
    assert by_size(shape=shape, dtype=tf.float32) == [2, 1]
    assert tf.variable_axis_size_partitioner(32, axis=1)(shape=shape, dtype=tf.float64) == [1, 2]
    assert tf.min_max_variable_partitioner(3, min_slice_size=8)(shape=shape, dtype=tf.float32) == [3, 1]
    with pytest.raises(ValueError, match="must be positive"):
        tf.variable_axis_size_partitioner(0)
    with pytest.raises(ValueError, match="Can only slice a variable along one dimension"):
        tf.get_variable("v", [4, 4], partitioner=lambda **_: [2, 2])
    with pytest.raises(ValueError, match="Partitioner returned zero partitions"):
        tf.get_variable("v", [4, 4], partitioner=lambda **_: [0, 1])
    with pytest.raises(ValueError, match="Expected 0 <= offset < shape"):
        PartitionInfo([2], [2])


def test_whole_and_slices_do_not_mix() -> None:
    tf.get_variable("v", [2])
    with pytest.raises(ValueError, match="an unpartitioned version of the variable was found: v"):
        tf.get_variable("v", [2], partitioner=tf.fixed_size_partitioner(2))
    tf.get_variable("w", [2], partitioner=tf.fixed_size_partitioner(2))
    with pytest.raises(ValueError, match="a partitioned version of the variable was found: w/part_0"):
        tf.get_variable("w", [2])


# Templates and the global step


def test_templates_share() -> None:
    def scaled(x: float, y: float = 1.0) -> Any:
        return x * tf.get_variable("s", []) * y

    template = tf.make_template("t", scaled, y=3.0)
    assert (template.variables, template.variable_scope) == ([], None)
    first, second = template(1.0), template(2.0)
    assert (first.name, second.name) == ("t/mul_1:0", "t_1/mul_1:0")
    assert [v.name for v in template.trainable_variables] == ["t/s:0"]
    assert template.variable_scope_name == "t/"
    assert tf.make_template("t", scaled, create_scope_now_=True).variable_scope.name == "t_1"
    with pytest.raises(
        ValueError, match=r"(?s)perhaps you used tf.Variable when you meant.*originally defined at"
    ):
        leaky = tf.make_template("leaky", lambda: tf.Variable(1.0))
        leaky()
        leaky()


def test_global_step() -> None:
    assert tf.train.get_global_step() is None
    step = tf.train.get_or_create_global_step()
    assert repr(step) == "<tf.Variable 'global_step:0' shape=() dtype=int64_ref>"
    assert tf.train.get_or_create_global_step() is step is tf.train.get_global_step()
    assert tf.get_collection(tf.GraphKeys.GLOBAL_STEP) == [step] and not step.trainable
    with pytest.raises(ValueError, match='"global_step" already exists'):
        tf.train.create_global_step()
    with tf.Session() as sess:
        sess.run(step.initializer)
        sess.run(tf.assign_add(step, 5))
        assert tf.train.global_step(sess, step) == 5


def test_global_step_by_name() -> None:
    with pytest.raises(TypeError, match="does not have integer type"):
        tf.train.assert_global_step(tf.Variable(1.0))
    with pytest.raises(TypeError, match="is not scalar"):
        tf.train.assert_global_step(tf.Variable([1]))
    step = tf.Variable(0, name="global_step", trainable=False)
    assert tf.train.get_global_step().op is step.op
