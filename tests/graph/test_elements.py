"""Finding nodes, collections, finalized and default graphs, what tensors say of themselves."""

from __future__ import annotations

import copy
import threading
from typing import Any

import pytest

import reflow as tf


@pytest.fixture
def graph() -> Any:
    return tf.get_default_graph()


def test_elements_by_name(graph: Any) -> None:
    a = tf.constant(1, name="a")
    parts = tf.unstack(tf.constant([1, 2]), name="parts")
    assert graph.as_graph_element("a:0") is a and graph.as_graph_element("a") is a.op
    assert graph.as_graph_element(b"parts:1") is parts[1]
    assert graph.as_graph_element(a) is a and graph.as_graph_element(a.op) is a.op
    assert graph.get_tensor_by_name("parts:1") is parts[1]
    assert graph.get_operation_by_name("parts") is parts[0].op
    assert graph.get_operations()[0] is a.op and graph.version == 3
    v = tf.Variable(1.0, name="v")
    assert graph.as_graph_element(v).name == "v:0"


@pytest.mark.parametrize(
    ("name", "options", "error", "text"),
    [
        ("b:0", {}, KeyError, "'b:0' refers to a Tensor which does not exist"),
        ("b", {}, KeyError, "'b' refers to an Operation not in the graph"),
        ("a:1", {}, KeyError, "exists but only has 1 outputs"),
        ("a:x", {}, ValueError, "looks a like a Tensor name, but is not a valid one"),
        ("a:0:0", {}, ValueError, "looks a like a Tensor name, but is not a valid one"),
        ("a", {"allow_operation": False}, ValueError, "refers to an Operation, not a Tensor"),
        ("a:0", {"allow_tensor": False}, ValueError, "appears to refer to a Tensor, not a Operation"),
        (3, {}, TypeError, "Can not convert a int into a Tensor or Operation"),
        (None, {"allow_operation": False}, TypeError, "Can not convert a NoneType into a Tensor"),
    ],
)
def test_bad_elements(graph: Any, name: Any, options: Any, error: type[Exception], text: str) -> None:
    tf.constant(1, name="a")
    with pytest.raises(error, match=text):
        graph.as_graph_element(name, **options)


def test_elements_of_the_wrong_kind(graph: Any) -> None:
    a = tf.constant(1)
    with pytest.raises(TypeError, match="Can not convert a Operation into a Tensor"):
        graph.as_graph_element(a.op, allow_operation=False)
    with pytest.raises(TypeError, match="Can not convert a Tensor into a Operation"):
        graph.as_graph_element(a, allow_tensor=False)
    with tf.Graph().as_default() as other, pytest.raises(ValueError, match="is not an element of this graph"):
        other.as_graph_element(a)
    for get in (graph.get_tensor_by_name, graph.get_operation_by_name):
        with pytest.raises(TypeError, match="names are strings"):
            get(a)


def test_collections(graph: Any) -> None:
    a, b = tf.constant(1, name="s/a"), tf.constant(1, name="t/b")
    tf.add_to_collection("c", a)
    tf.add_to_collections(["c", "d", "d"], b)
    graph.add_to_collections("e", 5)
    assert (
        tf.get_collection("c") == [a, b] and tf.get_collection("d") == [b] and tf.get_collection("e") == [5]
    )
    assert tf.get_collection("c", "s") == [a] and tf.get_collection("c", ".*b") == [b]
    assert tf.get_collection("e", "x") == [] and tf.get_collection("none") == []
    tf.get_collection("c").append(7)
    assert tf.get_collection("c") == [a, b]
    tf.get_collection_ref("c").append(7)
    assert tf.get_collection("c") == [a, b, 7]
    assert sorted(graph.get_all_collection_keys()) == ["c", "d", "e"]
    graph.clear_collection("c")
    assert tf.get_collection("c") == []
    with tf.Graph().as_default():
        assert tf.get_collection("d") == []


def test_finalized_graphs(graph: Any) -> None:
    c = tf.constant(1)
    graph.finalize()
    assert graph.finalized
    attempts = [lambda: tf.constant(2), lambda: c + 1, lambda: graph.add_to_collection("c", 1)]
    for attempt in attempts:
        with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified."):
            attempt()
    with tf.Session() as sess:
        assert sess.run(c) == 1
    graph._unsafe_unfinalize()
    assert (c + 1).graph is graph


def test_default_graphs(graph: Any) -> None:
    outer = tf.Graph()
    with outer.as_default() as same:
        assert same is outer is tf.get_default_graph()
        with pytest.raises(AssertionError, match="Do not use tf.reset_default_graph"):
            tf.reset_default_graph()
        with graph.as_default():
            assert tf.get_default_graph() is graph
        assert tf.get_default_graph() is outer
    tf.reset_default_graph()
    assert tf.get_default_graph() is not graph


def test_default_graphs_of_threads() -> None:
    seen = []
    with tf.Graph().as_default() as graph:
        thread = threading.Thread(target=lambda: seen.append(tf.get_default_graph()))
        thread.start()
        thread.join()
        assert seen[0] is not graph


def test_blocks_left_by_an_error(graph: Any) -> None:
    a = tf.constant(1)
    with pytest.raises(KeyError), tf.name_scope("s"), tf.device("/cpu:0"), tf.control_dependencies([a]):
        raise KeyError
    with (
        pytest.raises(KeyError),
        graph.as_default(),
        tf.colocate_with(a),
        graph.gradient_override_map({"Add": "X"}),
    ):
        raise KeyError
    b = tf.add(a, 1, name="b")
    assert (b.name, b.device, b.op.control_inputs) == ("b:0", "", [])
    assert b.op.colocation_groups() == [b"loc:@b"] and "_gradient_op_type" not in b.op.node_def.attr


def test_tensors_describe_themselves() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    assert str(x) == 'Tensor("x:0", shape=(?, 3), dtype=float32)'
    assert repr(x) == "<tf.Tensor 'x:0' shape=(?, 3) dtype=float32>"
    assert repr(x.op) == "<tf.Operation 'x' type=Placeholder>"
    assert str(tf.placeholder(tf.int32, name="u")) == 'Tensor("u:0", dtype=int32)'
    with tf.device("/cpu:0"):
        assert (
            str(tf.identity(x, name="y"))
            == 'Tensor("y:0", shape=(?, 3), dtype=float32, device=/device:CPU:0)'
        )
    assert 'op: "Placeholder"' in str(x.op)
    y, z = x + 1, x * x
    assert x.consumers()[1:] == [y.op, z.op] and y.consumers() == []
    assert y.op.values() == (y,) and y.op.inputs[0] is x and y.value_index == 0
    assert {x: 1}[x] == 1 and x in [y, x] and y not in [x]
    assert copy.copy(x) is x


def test_what_tensors_refuse() -> None:
    x = tf.placeholder(tf.float32, [2])
    for attempt, text in (
        (lambda: bool(x), "as a Python `bool`"),
        (lambda: list(x), "only iterable when eager"),
        (lambda: len(x), "len is not well defined"),
    ):
        with pytest.raises(TypeError, match=text):
            attempt()
    with pytest.raises(AttributeError, match="sess.run"):
        x.numpy()
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        x.nonsense  # noqa: B018


def test_a_node_knows_the_line_that_made_it() -> None:
    x = tf.constant(1) + 2  # here
    assert "x = tf.constant(1) + 2  # here" in x.op.traceback_line
    assert x.op.traceback[-1][2] == "test_a_node_knows_the_line_that_made_it"


def test_shape_errors_say_where() -> None:
    a, b = tf.ones([2, 3], name="a"), tf.ones([4, 5])
    with pytest.raises(
        ValueError, match=r"'MatMul' \(op: 'MatMul'\) with input shapes: \[2,3\], \[4,5\]"
    ) as info:
        tf.matmul(a, b)
    assert "tf.matmul(a, b)" in str(info.value)


def test_conversion_functions(graph: Any) -> None:
    class Mine:
        pass

    def convert(value: Any, dtype: Any = None, name: Any = None, as_ref: bool = False) -> Any:
        return NotImplemented if dtype == tf.string else tf.constant(42, dtype or tf.int32, name=name)

    from reflow.graph import scopes

    before = list(scopes.process.conversions)
    try:
        tf.register_tensor_conversion_function(Mine, convert)
        x = tf.constant(1.0) + Mine()
        assert x.dtype == tf.float32
        with tf.Session() as sess:
            assert sess.run(x) == 43
            assert sess.run(tf.stack([Mine(), tf.constant(1)])).tolist() == [42, 1]
        with pytest.raises((TypeError, ValueError)):
            tf.convert_to_tensor(Mine(), tf.string)
    finally:
        scopes.process.conversions[:] = before
