"""GraphDefs: the very message that TensorFlow 1.15 writes, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.graph import golden

import reflow as tf
from reflow.base import protos
from reflow.graph import graphdef

GOLDEN = (Path(__file__).parent / "data" / "golden.pb").read_bytes()


def nodes(message: Any) -> dict[str, Any]:
    return {n.name: n for n in message.node}


@pytest.fixture(scope="module")
def written() -> Any:
    with tf.Graph().as_default() as graph:
        golden.build(tf, np)
        return graph.as_graph_def(add_shapes=True)


def test_the_nodes_are_tensorflows(written: Any) -> None:
    wanted = protos.GraphDef.FromString(GOLDEN)
    assert [n.name for n in written.node] == [n.name for n in wanted.node]
    assert written.versions == wanted.versions
    for name, node in nodes(wanted).items():
        got = nodes(written)[name]
        assert folded(got.op) == folded(node.op), name
        assert (list(got.input), got.device) == (list(node.input), node.device), name
        assert set(got.attr) == set(node.attr), name


def folded(op: str) -> str:
    """Random ops end in an AddV2, as in later TensorFlows; 1.15's Add computes the same."""
    return "Add" if op == "AddV2" else op


@pytest.mark.parametrize("name", list(nodes(protos.GraphDef.FromString(GOLDEN))))
def test_the_attributes_are_tensorflows(written: Any, name: str) -> None:
    wanted, got = nodes(protos.GraphDef.FromString(GOLDEN))[name], nodes(written)[name]
    for key in wanted.attr:
        assert same(got.attr[key], wanted.attr[key]), (key, got.attr[key], wanted.attr[key])


def same(a: Any, b: Any) -> bool:
    """Equal messages; tensors may be written in either of their two forms."""
    if a == b:
        return True
    if a.WhichOneof("value") != "tensor" or a.tensor.tensor_shape != b.tensor.tensor_shape:
        return False
    left, right = graphdef.tensor_array(a.tensor), graphdef.tensor_array(b.tensor)
    return a.tensor.dtype == b.tensor.dtype and np.array_equal(left, right)


@pytest.mark.parametrize(
    "array",
    [
        np.array(1.5, np.float32),
        np.array([[1, 2], [3, 4]], np.int32),
        np.array([1.5, -2], np.float16),
        np.array(2.5, np.float16),
        np.array([1 + 2j], np.complex64),
        np.array([1 + 2j, 3], np.complex128),
        np.array([True, False]),
        np.array([b"a", b"\xff\0"], object),
        np.zeros([0, 3], np.float64),
        np.array(2**63, np.uint64),
        np.array([2**31], np.uint32),
        np.array(-5, np.int8),
        np.arange(6, dtype=np.int64)[::2],
    ],
    ids=lambda a: f"{a.dtype}{list(a.shape)}",
)
def test_tensors_there_and_back(array: Any) -> None:
    dtype = tf.string if array.dtype == object else tf.as_dtype(array.dtype)
    proto = graphdef.tensor_proto(array, dtype)
    back = graphdef.tensor_array(protos.TensorProto.FromString(proto.SerializeToString()))
    assert back.dtype == array.dtype and back.shape == array.shape and np.array_equal(back, array)


def test_short_tensors_are_filled() -> None:
    shape = tf.TensorShape([2, 2]).as_proto()
    filled = protos.TensorProto(dtype=1, tensor_shape=shape, float_val=[1.0, 2.0])
    assert graphdef.tensor_array(filled).tolist() == [[1, 2], [2, 2]]
    assert graphdef.tensor_array(protos.TensorProto(dtype=3, tensor_shape=shape)).tolist() == [[0, 0], [0, 0]]
    with pytest.raises(ValueError, match="has 5 values"):
        graphdef.tensor_array(protos.TensorProto(dtype=1, tensor_shape=shape, float_val=[1.0] * 5))
    with pytest.raises(ValueError, match="tensor_content has 3 bytes"):
        graphdef.tensor_array(protos.TensorProto(dtype=1, tensor_shape=shape, tensor_content=b"abc"))


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (3, "int"),
        (-(2**62), "int"),
        (1.5, "float"),
        (True, "bool"),
        ("a", "string"),
        (tf.float32, "type"),
        (tf.TensorShape([1, None]), "shape"),
        (tf.TensorShape(None), "shape"),
        ([1, 2], "list(int)"),
        ([1.5], "list(float)"),
        ([True, False], "list(bool)"),
        (["a", "b"], "list(string)"),
        ([tf.int32, tf.string], "list(type)"),
        ([tf.TensorShape([2]), tf.TensorShape([])], "list(shape)"),
        ([], "list(int)"),
    ],
    ids=repr,
)
def test_attributes_there_and_back(value: Any, kind: str) -> None:
    proto = graphdef.attr_proto(value, kind)
    back = graphdef.plain_attr(protos.AttrValue.FromString(proto.SerializeToString()))
    if isinstance(value, tf.TensorShape):
        assert back.ints == value.ints
    elif kind == "list(shape)":
        assert [s.ints for s in back] == [s.ints for s in value]
    else:
        assert back == value


def test_tensor_and_function_attributes() -> None:
    array = np.array([1.0, 2.0], np.float32)
    assert graphdef.plain_attr(graphdef.attr_proto(array, "tensor")).tolist() == [1, 2]
    assert graphdef.attr_proto("f", "func").func.name == "f"
    assert [f.name for f in graphdef.attr_proto(["f", "g"], "list(func)").list.func] == ["f", "g"]
    assert len(graphdef.attr_proto([array, array], "list(tensor)").list.tensor) == 2


def test_get_attr() -> None:
    x = tf.placeholder(tf.float32, [None, 2])
    c = tf.constant([1.0, 2.0])
    thin = tf.squeeze(tf.ones([1, 2, 1]), [0, 2]).op
    text = tf.as_string(c, fill="0").op
    assert x.op.get_attr("dtype") is tf.float32
    assert [d.size for d in x.op.get_attr("shape").dim] == [-1, 2]
    assert graphdef.tensor_array(c.op.get_attr("value")).tolist() == [1, 2]
    assert thin.get_attr("squeeze_dims") == [0, 2] and text.get_attr("fill") == b"0"
    with pytest.raises(ValueError, match="no attr named 'nonsense'"):
        thin.get_attr("nonsense")


def test_set_attr() -> None:
    op = tf.no_op()
    op._set_attr("_mine", protos.AttrValue(s=b"abc"))
    op._set_attr("_rows", protos.AttrValue(list=protos.AttrValue.ListValue(i=[1, 2])))
    assert op.get_attr("_mine") == b"abc" and op.get_attr("_rows") == [1, 2]
    assert op.node_def.attr["_mine"].s == b"abc" and list(op.node_def.attr["_rows"].list.i) == [1, 2]


def test_create_op_fills_defaults() -> None:
    a = tf.constant([[1.0]])
    op = a.graph.create_op("MatMul", [a, a], attrs={"T": protos.AttrValue(type=1)}, name="m")
    assert op.get_attr("transpose_a") is False and op.outputs[0].shape.as_list() == [1, 1]
    with tf.Session() as sess:
        assert sess.run(op.outputs[0]) == [[1]]


def test_from_version() -> None:
    graph = tf.get_default_graph()
    tf.constant(1, name="a")
    start = graph.version
    tf.constant(2, name="b")
    assert [n.name for n in graph.as_graph_def(from_version=start).node] == ["b"]
    assert "_output_shapes" not in graph.as_graph_def().node[0].attr


def test_control_inputs_are_written_in_order_of_their_names() -> None:
    """As TensorFlow does; the operation itself keeps the program's order."""
    with tf.Graph().as_default() as graph:
        one = tf.constant(1.0, name="mm")
        before = [tf.no_op(name=name) for name in ("zz", "aa", "a_b", "a/b", "B")]
        with tf.control_dependencies(before):
            op = tf.identity(one, name="i")
        assert [c.name for c in op.op.control_inputs] == ["zz", "aa", "a_b", "a/b", "B"]
        assert list(op.op.node_def.input) == ["mm", "^B", "^a/b", "^a_b", "^aa", "^zz"]
        assert graph.as_graph_def().node[-1] == op.op.node_def


def test_control_inputs_in_functions() -> None:
    def body(x: tf.Tensor) -> tf.Tensor:
        with tf.control_dependencies([tf.add(x, 1, name="zz"), tf.add(x, 2, name="aa")]):
            return tf.identity(x, name="i")

    with tf.Graph().as_default() as graph:
        tf.data.Dataset.range(3).map(body).make_initializable_iterator()
    (function,) = graph.as_graph_def().library.function
    assert [list(n.input)[1:] for n in function.node_def if n.name == "i"] == [["^aa", "^zz"]]
