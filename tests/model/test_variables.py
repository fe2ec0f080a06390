"""Variables of both kinds: the nodes they are made of, names, updates, messages, collections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.model.reference_variables import RefVariable
from reflow.model.resource_variables import ResourceVariable

KINDS = [False, True]


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def nodes(graph: Any) -> list[tuple[str, str, list[str]]]:
    return [(op.name, op.type, [t.name for t in op.inputs]) for op in graph.get_operations()]


def initialized(value: Any, *fetches: Any) -> Any:
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        return sess.run([value, *fetches])[0]


# What a variable is made of, as recorded from TensorFlow 1.15


def test_nodes_of_a_reference_variable(graph: Any) -> None:
    x = tf.Variable(3, name="x")
    assert nodes(graph) == [
        ("x/initial_value", "Const", []),
        ("x", "VariableV2", []),
        ("x/Assign", "Assign", ["x:0", "x/initial_value:0"]),
        ("x/read", "Identity", ["x:0"]),
    ]
    assert repr(x) == "<tf.Variable 'x:0' shape=() dtype=int32_ref>"
    assert (
        x.op.colocation_groups() == [b"loc:@x"] == graph.get_operation_by_name("x/read").colocation_groups()
    )
    assert graph.get_operation_by_name("x/Assign").get_attr("validate_shape") is True


def test_nodes_of_a_variable_from_a_function(graph: Any) -> None:
    tf.Variable(lambda: tf.zeros([2]), name="y")
    assert nodes(graph) == [
        ("y/Initializer/zeros", "Const", []),
        ("y", "VariableV2", []),
        ("y/Assign", "Assign", ["y:0", "y/Initializer/zeros:0"]),
        ("y/read", "Identity", ["y:0"]),
    ]
    assert graph.get_operation_by_name("y/Initializer/zeros").colocation_groups() == [b"loc:@y"]


def test_nodes_of_a_resource_variable(graph: Any) -> None:
    y = tf.Variable([1.0, 2.0], name="y", use_resource=True)
    assert nodes(graph) == [
        ("y/Initializer/initial_value", "Const", []),
        ("y", "VarHandleOp", []),
        ("y/IsInitialized/VarIsInitializedOp", "VarIsInitializedOp", ["y:0"]),
        ("y/Assign", "AssignVariableOp", ["y:0", "y/Initializer/initial_value:0"]),
        ("y/Read/ReadVariableOp", "ReadVariableOp", ["y:0"]),
    ]
    assert repr(y) == "<tf.Variable 'y:0' shape=(2,) dtype=float32>"


def test_nodes_of_writes_to_a_resource_variable(graph: Any) -> None:
    y = tf.Variable([1.0, 2.0], name="y", use_resource=True)
    known = len(graph.get_operations())
    z = y + 1
    a = y.assign([3.0, 4.0])
    y.read_value()
    y.sparse_read([0])
    assert repr(a) == "<tf.Variable 'AssignVariableOp' shape=(2,) dtype=float32>"
    assert z.shape == a.shape == (2,)
    assert [(name, op_type) for name, op_type, _ in nodes(graph)[known:]] == [
        ("ReadVariableOp", "ReadVariableOp"),
        ("add/y", "Const"),
        ("add", "AddV2"),
        ("Const", "Const"),
        ("AssignVariableOp", "AssignVariableOp"),
        ("ReadVariableOp_1", "ReadVariableOp"),
        ("Read/ReadVariableOp", "ReadVariableOp"),
        ("Identity", "Identity"),
        ("Gather/indices", "Const"),
        ("Gather", "ResourceGather"),
        ("Identity_1", "Identity"),
    ]
    after_write = graph.get_operation_by_name("ReadVariableOp_1")
    assert [op.name for op in after_write.control_inputs] == ["AssignVariableOp"]


def test_default_names_are_unique() -> None:
    assert [tf.Variable(0.0).name for _ in range(3)] == ["Variable:0", "Variable_1:0", "Variable_2:0"]


def test_initialized_value_is_a_conditional(graph: Any) -> None:
    a = tf.Variable(1.0, name="a")
    known = len(graph.get_operations())
    value = a.initialized_value()
    made = nodes(graph)[known:]
    assert value.name == "cond/Merge:0"
    assert sorted(made) == sorted(
        [
            ("IsVariableInitialized", "IsVariableInitialized", ["a:0"]),
            ("cond/Switch", "Switch", ["IsVariableInitialized:0", "IsVariableInitialized:0"]),
            ("cond/switch_t", "Identity", ["cond/Switch:1"]),
            ("cond/switch_f", "Identity", ["cond/Switch:0"]),
            ("cond/pred_id", "Identity", ["IsVariableInitialized:0"]),
            ("cond/read", "Identity", ["cond/read/Switch:1"]),
            ("cond/read/Switch", "RefSwitch", ["a:0", "cond/pred_id:0"]),
            ("cond/Switch_1", "Switch", ["a/initial_value:0", "cond/pred_id:0"]),
            ("cond/Merge", "Merge", ["cond/Switch_1:0", "cond/read:0"]),
        ]
    )


def test_initial_values_read_other_variables_safely(graph: Any) -> None:
    a = tf.Variable(1.0, name="a")
    tf.Variable(a * 3, name="c")
    assert graph.get_operation_by_name("c/Assign").inputs[1].name == "mul_c:0"
    assert [t.name for t in graph.get_operation_by_name("mul_c").inputs] == ["a/read_c:0", "mul/y:0"]
    assert graph.get_operation_by_name("a/read_c").inputs[0].name == "c/cond/Merge:0"


def test_deep_initial_values_need_no_deep_stack() -> None:
    value = tf.constant(0.0)
    for _ in range(2000):
        value = tf.identity(value)
    assert tf.Variable(value).initializer.inputs[1] is value


def test_caching_device(graph: Any) -> None:
    tf.Variable(1.0, name="a", caching_device="/cpu:0")
    b = tf.Variable(1.0, name="b", caching_device="/cpu:0", use_resource=True)
    assert graph.get_operation_by_name("a/read").device == "/device:CPU:0"
    assert b.value().name == "b/Read/Identity:0"


# Facts


@pytest.mark.parametrize("resource", KINDS)
def test_facts(graph: Any, resource: bool) -> None:
    x = tf.Variable([[1.0, 2.0]], name="x", use_resource=resource, constraint=abs)
    assert isinstance(x, tf.Variable)
    assert isinstance(x, ResourceVariable if resource else RefVariable)
    assert (x.name, x.op.name, x.graph, x.device, x.constraint) == ("x:0", "x", graph, "", abs)
    assert x.shape == x.get_shape() == (1, 2)
    assert x.dtype.base_dtype == tf.float32
    assert x.dtype == (tf.float32 if resource else tf.float32._as_ref)
    assert x.trainable and {x: 1}[x] == 1 and x == x
    assert x.initial_value.op.type == "Const"
    assert graph.as_graph_element(x).dtype.base_dtype == tf.float32


def test_not_every_class_is_a_variable() -> None:
    assert not isinstance(tf.constant(1.0), tf.Variable)
    assert issubclass(RefVariable, tf.Variable) and not issubclass(tf.Tensor, tf.Variable)


def test_collections() -> None:
    a = tf.Variable(1.0, name="a")
    b = tf.Variable(1.0, name="b", trainable=False)
    c = tf.Variable(1.0, name="c", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    assert tf.global_variables() == [a, b] == tf.all_variables()
    assert tf.trainable_variables() == [a, c]
    assert tf.local_variables() == [c]
    assert tf.global_variables("b") == [b]
    assert tf.model_variables() == tf.moving_average_variables() == []


def test_the_default_kind() -> None:
    assert not tf.resource_variables_enabled()
    tf.enable_resource_variables()
    try:
        assert isinstance(tf.Variable(1.0), ResourceVariable)
        assert isinstance(tf.get_variable("v", []), ResourceVariable)
        assert isinstance(tf.Variable(1.0, use_resource=False), RefVariable)
    finally:
        tf.disable_resource_variables()
    assert isinstance(tf.Variable(1.0), RefVariable)


def test_shape_may_be_left_open() -> None:
    x = tf.Variable([1.0, 2.0], validate_shape=False, name="v")
    assert repr(x) == "<tf.Variable 'v:0' shape=<unknown> dtype=float32_ref>"
    longer = tf.assign(x, [1.0, 2.0, 3.0], validate_shape=False)
    assert longer.shape == (3,)
    assert initialized(longer).tolist() == [1, 2, 3]
    x.set_shape([None])
    assert x.shape.as_list() == x.value().shape.as_list() == [None]


@pytest.mark.parametrize("resource", KINDS)
def test_messages(resource: bool) -> None:
    x = tf.Variable([1.0], name="x", use_resource=resource, trainable=False)
    x._set_save_slice_info(tf.Variable.SaveSliceInfo("whole", [4], [1], [1]))
    message = x.to_proto()
    assert message.variable_name == "x:0"
    assert message.initializer_name == "x/Assign"
    assert message.snapshot_name == ("x/Read/ReadVariableOp:0" if resource else "x/read:0")
    assert message.initial_value_name == (
        "x/Initializer/initial_value:0" if resource else "x/initial_value:0"
    )
    assert message.is_resource == resource and not message.trainable
    again = tf.Variable.from_proto(message)
    assert type(again) is type(x)
    assert (again.op, again.initializer, again.trainable) == (x.op, x.initializer, False)
    assert again._get_save_slice_info().spec == "4 1,1"
    assert x.to_proto(export_scope="elsewhere") is None


def test_messages_inside_a_scope() -> None:
    with tf.name_scope("outer"):
        x = tf.Variable(1.0, name="x")
    message = x.to_proto(export_scope="outer")
    assert message.variable_name == "x:0"
    assert tf.Variable.from_proto(message, import_scope="outer").op is x.op


# Values


@pytest.mark.parametrize("resource", KINDS)
def test_reading_and_writing(resource: bool) -> None:
    x = tf.Variable([1.0, 2.0], use_resource=resource)
    changed = x.assign([5.0, 6.0])
    added, taken = x.assign_add([1.0, 1.0]), x.assign_sub([2.0, 2.0])
    quiet = x.assign([0.0, 0.0], read_value=False)
    with tf.Session() as sess:
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(x + 1.0)
        sess.run(x.initializer)
        assert sess.run(x).tolist() == [1, 2] == x.eval().tolist()
        assert [sess.run(u).tolist() for u in (changed, added, taken)] == [[5, 6], [6, 7], [4, 5]]
        assert sess.run(quiet) is None
        assert sess.run([x.value(), x.read_value(), x[1]])[0].tolist() == [0, 0]
        x.load([8.0, 9.0], sess)
        x.load([7.0, 9.0])
        assert sess.run(2.0 * x - x / x + x[0]).tolist() == [20, 24]


@pytest.mark.parametrize("resource", KINDS)
def test_updates_of_parts(resource: bool) -> None:
    x = tf.Variable([1.0, 2.0, 3.0], use_resource=resource)
    rows = tf.IndexedSlices(tf.constant([10.0, 20.0]), tf.constant([0, 2]))
    expected = {
        "scatter_add": [11, 2, 23],
        "scatter_sub": [-9, 2, -17],
        "scatter_mul": [10, 2, 60],
        "scatter_div": [0.1, 2, 0.15],
        "scatter_min": [1, 2, 3],
        "scatter_max": [10, 2, 20],
        "scatter_update": [10, 2, 20],
    }
    for method, result in expected.items():
        np.testing.assert_allclose(initialized(getattr(x, method)(rows)), result, rtol=1e-6)
    assert initialized(x.scatter_nd_add([[1]], [5.0])).tolist() == [1, 7, 3]
    assert initialized(x.scatter_nd_sub([[1]], [5.0])).tolist() == [1, -3, 3]
    assert initialized(x.scatter_nd_update([[1]], [5.0])).tolist() == [1, 5, 3]
    assert initialized(x[1:].assign([8.0, 9.0])).tolist() == [1, 8, 9]
    assert initialized(x[0].assign(8.0)).tolist() == [8, 2, 3]


def test_reading_parts_of_a_resource() -> None:
    x = tf.Variable([[1, 2], [3, 4]], use_resource=True)
    assert initialized(x.sparse_read([[1], [0]])).tolist() == [[[3, 4]], [[1, 2]]]
    assert initialized(x.gather_nd([[1, 0]])).tolist() == [3]
    assert initialized(x.is_initialized())


@pytest.mark.parametrize("resource", KINDS)
def test_counting(resource: bool) -> None:
    step = tf.Variable(0, use_resource=resource).count_up_to(2)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert [sess.run(step), sess.run(step)] == [0, 1]
        with pytest.raises(tf.errors.OutOfRangeError, match="Reached limit of 2"):
            sess.run(step)


def test_sessions_share_nothing() -> None:
    x = tf.Variable(1.0)
    with tf.Session() as one, tf.Session() as other:
        one.run(x.initializer)
        other.run(x.initializer)
        one.run(x.assign(5.0))
        assert (one.run(x), other.run(x)) == (5.0, 1.0)


def test_reports() -> None:
    a = tf.Variable(1.0, name="a")
    tf.Variable(1.0, name="b", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    missing = tf.report_uninitialized_variables()
    assert missing.name == "report_uninitialized_variables/boolean_mask/GatherV2:0"
    check = tf.assert_variables_initialized()
    with tf.Session() as sess:
        assert sess.run(missing).tolist() == [b"a", b"b"]
        assert not sess.run(tf.is_variable_initialized(a))
        with pytest.raises(tf.errors.FailedPreconditionError):
            sess.run(check)
        sess.run(tf.variables_initializer([a]))
        assert sess.run(missing).tolist() == [b"b"]
        sess.run(tf.local_variables_initializer())
        assert sess.run(missing).tolist() == []
        assert sess.run(check).tolist() == [0, 0]


# Refusals


def test_a_variable_needs_a_known_initial_value() -> None:
    with pytest.raises(ValueError, match="initial_value must be specified"):
        tf.Variable()
    with pytest.raises(
        ValueError, match=r'initial_value must have a shape specified: Tensor\("Placeholder:0"'
    ):
        tf.Variable(tf.placeholder(tf.float32))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"collections": "a"}, "must be a list, tuple, or set. Got a of type <class 'str'>"),
        ({"constraint": 3}, "The `constraint` argument must be a callable."),
        ({"aggregation": 17}, "Invalid variable aggregation mode: 17 for variable: None"),
        ({"synchronization": 17}, "Invalid variable synchronization mode: 17 for variable: None"),
    ],
)
@pytest.mark.parametrize("resource", KINDS)
def test_bad_arguments(arguments: dict[str, Any], message: str, resource: bool) -> None:
    with pytest.raises(ValueError) as caught:
        tf.Variable(1.0, use_resource=resource, **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("resource", KINDS)
def test_what_a_variable_is_not(resource: bool) -> None:
    x = tf.Variable([1.0, 2.0], use_resource=resource)
    with pytest.raises(TypeError, match="'Variable' object is not iterable"):
        iter(x)
    with pytest.raises(TypeError):
        len(x)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="sparse_delta is not IndexedSlices: 3"):
        x.scatter_add(3)
    with pytest.raises(
        ValueError, match="Incompatible type conversion requested to type 'int32' for variable"
    ):
        tf.convert_to_tensor(x, tf.int32)
    with pytest.raises(ValueError, match="Either session argument should be provided"):
        x.load([1.0, 2.0])


def test_resources_are_not_changed_in_place() -> None:
    x = tf.Variable(1.0, use_resource=True)
    with pytest.raises(
        RuntimeError, match=r"Variable \+= value not supported. Use variable.assign_add\(value\)"
    ):
        x += 1.0
    with pytest.raises(NotImplementedError, match="does not implement set_shape"):
        x.set_shape([])


def test_wrong_shapes_are_refused_when_known() -> None:
    x, y = tf.Variable([1.0, 2.0, 3.0]), tf.Variable([1.0, 2.0, 3.0], use_resource=True)
    known = (
        r"Dimension 0 in both shapes must be equal, but are 3 and 2. Shapes are \[3\] and \[2\]. for 'Assign"
    )
    with pytest.raises(ValueError, match=known):
        tf.assign(x, [1.0, 2.0])
    with pytest.raises(ValueError, match="Shapes must be equal rank, but are 1 and 0"):
        tf.assign(x, 3)
    with pytest.raises(ValueError, match=r"Shapes \(3,\) and \(2,\) are incompatible"):
        tf.assign(y, [1.0, 2.0])
    with pytest.raises(ValueError, match=known):
        tf.assign_add(y, [1.0, 2.0])
    with pytest.raises(ValueError, match="Dimension 0 in both shapes must be equal, but are 2 and 1"):
        tf.scatter_add(x, [0], [1.0, 2.0])
    with pytest.raises(
        ValueError, match=r"The outer 1 dimensions of indices.shape=\[1,1\] must match the outer 1"
    ):
        tf.scatter_nd_add(y, [[0]], [1.0, 2.0])
