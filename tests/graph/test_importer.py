"""GraphDefs into graphs: every argument, nodes in any order, and messages that are not well formed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

import reflow as tf
from reflow.base import protos


def exported():
    """x + 1 and twice that, as a message."""
    with tf.Graph().as_default() as graph:
        x = tf.placeholder(tf.float32, [None], name="x")
        y = tf.add(x, tf.constant(1.0, name="one"), name="y")
        tf.multiply(y, 2.0, name="z")
        return graph.as_graph_def()


def node(message, name):
    return next(n for n in message.node if n.name == name)


def test_round_trip():
    message = exported()
    with tf.Graph().as_default() as graph:
        assert tf.import_graph_def(message, name="") is None
        assert graph.as_graph_def() == message


def test_scopes_and_repeated_imports():
    with tf.Graph().as_default() as graph:
        for expected in ("import/z", "import_1/z"):
            (z,) = tf.import_graph_def(exported(), return_elements=["z"])
            assert z.name == expected
        with tf.name_scope("outer"):
            (z,) = tf.import_graph_def(exported(), return_elements=["z:0"], name="inner")
        assert z.name == "outer/inner/z:0"
        tf.import_graph_def(exported(), name="")
        (z,) = tf.import_graph_def(exported(), name="", return_elements=["z:0"])
        assert z.name == "z_1:0" and z.op.inputs[0].name == "y_1:0"
        assert len(graph.get_operations()) == 5 * len(exported().node)


def test_inputs_from_the_graph():
    with tf.Graph().as_default(), tf.Session() as sess:
        (z,) = tf.import_graph_def(exported(), {"x": tf.constant([1.0, 2.0])}, ["z:0"])
        np.testing.assert_array_equal(sess.run(z), [4, 6])
        z, y = tf.import_graph_def(exported(), {"y:0": np.float32([5])}, ["z:0", "y:0"], name="n")
        np.testing.assert_array_equal(sess.run(z), [10])
        assert y.name == "n/_inputs/Const:0"


def test_control_inputs_from_the_graph():
    message = exported()
    node(message, "y").input.append("^one")
    with tf.Graph().as_default():
        gate = tf.no_op(name="gate")
        (y,) = tf.import_graph_def(message, {"^one": gate}, ["y"])
        assert y.control_inputs == [gate]


def test_nodes_in_any_order():
    message = exported()
    nodes = list(message.node)
    random.Random(3).shuffle(nodes)
    del message.node[:]
    message.node.extend(reversed(nodes))
    with tf.Graph().as_default(), tf.Session() as sess:
        (z,) = tf.import_graph_def(message, {"x": tf.constant([1.0])}, ["z:0"])
        np.testing.assert_array_equal(sess.run(z), [4])


def test_devices_and_groups():
    with tf.Graph().as_default() as graph:
        with tf.device("/cpu:0"):
            a = tf.constant(1, name="a")
        with tf.colocate_with(a):
            tf.constant(2, name="b")
        message = graph.as_graph_def()
    with tf.Graph().as_default() as graph:
        with tf.device("/job:worker"):
            tf.import_graph_def(message, name="n")
        b = graph.get_operation_by_name("n/b")
        assert b.colocation_groups() == [b"loc:@n/a"]
        assert b.device == "/job:worker/device:CPU:0" == graph.get_operation_by_name("n/a").device
    node(message, "b").attr["_class"].list.s[0] = b"loc:@c"
    with pytest.raises(ValueError, match="does not exist during import: c in"):
        tf.import_graph_def(message)


def test_unknown_ops_are_kept_and_named_when_run():
    message = exported()
    strange = message.node.add(name="s", op="Strange", input=["y"])
    strange.attr["T"].type = 1
    strange.attr["n"].i = 4
    message.node.add(name="t", op="Neg", input=["s"]).attr["T"].type = 1
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        y, t = tf.import_graph_def(message, {"x": tf.constant([1.0])}, ["y:0", "t:0"], name="")
        np.testing.assert_array_equal(sess.run(y), [2])
        with pytest.raises(tf.errors.UnimplementedError, match="Strange .node 's'"):
            sess.run(t)
        assert node(graph.as_graph_def(), "s").attr["n"].i == 4


def test_attributes_of_other_versions():
    message = exported()
    node(message, "y").attr["novel"].i = 3
    with pytest.raises(ValueError, match="Node 'y' .*NodeDef mentions attr 'novel' not in Op<name=Add"):
        tf.import_graph_def(message)
    producer = protos.OpList()
    producer.op.add(name=node(message, "y").op).attr.add(name="novel", type="int").default_value.i = 3
    tf.import_graph_def(message, producer_op_list=producer)
    producer.op[0].attr[0].default_value.i = 4
    with pytest.raises(ValueError, match="novel"):
        tf.import_graph_def(message, producer_op_list=producer)


def test_hints_of_later_versions_are_dropped():
    message = exported()
    node(message, "y").attr["grad_a"].b = True
    node(message, "y").attr["incompatible_shape_error"].b = True
    with tf.Graph().as_default() as graph:
        tf.import_graph_def(message, name="")
        assert graph.as_graph_def() == exported()
    node(message, "y").attr["incompatible_shape_error"].b = False
    with pytest.raises(ValueError, match="incompatible_shape_error"):
        tf.import_graph_def(message)


def test_defaults_are_filled_in():
    message = protos.GraphDef()
    for name in ("a", "b"):
        constant = message.node.add(name=name, op="Const")
        constant.attr["dtype"].type = 1
        constant.attr["value"].tensor.dtype = 1
        constant.attr["value"].tensor.tensor_shape.dim.add(size=2)
        constant.attr["value"].tensor.tensor_shape.dim.add(size=2)
        constant.attr["value"].tensor.float_val.extend([1, 2])
    message.node.add(name="m", op="MatMul", input=["a", "b"]).attr["T"].type = 1
    with tf.Graph().as_default(), tf.Session() as sess:
        (m,) = tf.import_graph_def(message, return_elements=["m:0"])
        assert m.op.get_attr("transpose_a") is False
        np.testing.assert_array_equal(
            sess.run(m), np.float32([[1, 2], [2, 2]]) @ np.float32([[1, 2], [2, 2]])
        )


def _filled(size, values):
    """A graph with a constant of `size` numbers of which the message has the first ones."""
    message = protos.GraphDef()
    constant = message.node.add(name="a", op="Const")
    constant.attr["dtype"].type = 1
    constant.attr["value"].tensor.dtype = 1
    constant.attr["value"].tensor.tensor_shape.dim.add(size=size)
    constant.attr["value"].tensor.float_val.extend(values)
    return message


def test_large_repeated_constants_take_no_memory():
    (a,) = tf.import_graph_def(_filled(1 << 40, [7]), return_elements=["a:0"])
    assert a.shape.as_list() == [1 << 40] and np.asarray(a.op.attrs["value"])[12345] == 7
    with tf.Session() as sess:
        assert sess.run(a[1 << 30 : (1 << 30) + 2]).tolist() == [7, 7]


def test_large_constants_that_go_on_are_made_when_they_are_run():
    message = _filled(100_000, [1, 2, 3])
    (a,) = tf.import_graph_def(message, name="", return_elements=["a:0"])
    assert a.graph.as_graph_def().node[0].attr["value"] == message.node[0].attr["value"]
    assert list(a.op.get_attr("value").float_val) == [1, 2, 3]
    with tf.Session() as sess:
        assert sess.run(a)[[0, 1, 2, 99_999]].tolist() == [1, 2, 3, 3]
        assert sess.run(tf.reduce_sum(a)) == 3 * 100_000 - 3


def test_a_constant_that_memory_cannot_hold():
    (a,) = tf.import_graph_def(_filled(1 << 50, [1, 2]), return_elements=["a:0"])
    assert tf.contrib.util.constant_value(a) is None
    with (
        tf.Session() as sess,
        pytest.raises(tf.errors.ResourceExhaustedError, match="no memory .*'import/a'"),
    ):
        sess.run(a)


def test_many_nodes_of_many_outputs():
    message = protos.GraphDef()
    message.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    for i in range(3):
        node = message.node.add(name=f"u{i}", op="Unpack", input=["x"])
        node.attr["T"].type, node.attr["num"].i = 1, 50_000
    with pytest.raises(ValueError, match=r"Node 'u1' .* it has 50000 outputs"):
        tf.import_graph_def(message)
    del message.node[2:]
    tf.import_graph_def(message)


def test_a_false_tensor_in_an_attribute_of_no_signature():
    message = _filled(2, [1, 2])
    extra = message.node[0].attr["_extra"].tensor
    extra.dtype = 1
    extra.tensor_shape.dim.add(size=1 << 60)
    (a,) = tf.import_graph_def(message, return_elements=["a:0"])
    assert a.op.node_def.attr["_extra"].tensor == extra


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: node(m, "y").input.__setitem__(0, "gone"), "Node 'y': Unknown input node 'gone'"),
        (lambda m: node(m, "y").input.append("^gone"), "Node 'y': Unknown input node '.gone'"),
        (lambda m: node(m, "y").input.__setitem__(0, "x:3"), "invalid output 3 of source node x"),
        (lambda m: node(m, "y").input.__setitem__(0, "z"), "2 nodes in a cycle: y, z"),
        (lambda m: node(m, "y").input.__setitem__(0, "a b:c"), "is not the name of a tensor"),
        (lambda m: node(m, "y").input.pop(), "expected inputs '2' do not match 1"),
        (lambda m: node(m, "y").attr["T"].__setattr__("type", 3), "incompatible with expected int32"),
        (lambda m: node(m, "y").attr["T"].__setattr__("type", 20), "not in list of allowed values"),
        (lambda m: node(m, "y").attr["T"].__setattr__("i", 3), "'T' is of kind i, type was wanted"),
        (lambda m: node(m, "y").attr.pop("T"), "missing attr 'T'"),
        (lambda m: m.node.add(name="y", op="NoOp"), "Node 'y' is not unique"),
        (lambda m: m.node.add(name="a b", op="NoOp"), "invalid characters"),
        (lambda m: m.versions.__setattr__("min_consumer", 9999), "min consumer version 9999 above"),
        (lambda m: m.versions.bad_consumers.append(134), "disallows consumer version 134"),
        (
            lambda m: node(m, "one").attr["value"].tensor.tensor_shape.dim.add(size=-5),
            "Node 'one' .* cannot be imported: a tensor of shape",
        ),
        (lambda m: node(m, "y").__setattr__("device", "/nonsense:x:y"), "Unknown attribute"),
    ],
)
def test_messages_that_are_not_well_formed(change, message):
    broken = exported()
    change(broken)
    with tf.Graph().as_default() as graph:
        tf.constant(1, name="before")
        with pytest.raises(ValueError, match=message):
            tf.import_graph_def(broken, name="")
        assert [op.name for op in graph.get_operations()] == ["before"], "a failed import leaves nothing"
        tf.import_graph_def(exported(), name="")
        assert graph.get_operation_by_name("y")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"graph_def": 3}, TypeError, "graph_def must be a GraphDef proto"),
        ({"input_map": [1]}, TypeError, "input_map must be a dictionary"),
        ({"return_elements": [1]}, TypeError, "return_elements must be a list of strings"),
        ({"input_map": {"gone:0": 1.0}}, ValueError, r"not found in graph_def: \[gone:0\]"),
        ({"input_map": {"x": 1.0}, "name": ""}, ValueError, "requires a non-empty `name`"),
        ({"return_elements": ["gone"]}, ValueError, "Requested return node 'gone' not found"),
        ({"return_elements": ["y:4"]}, ValueError, "Invalid return output 4 of node 'y'"),
    ],
)
def test_arguments_that_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        tf.import_graph_def(**{"graph_def": exported(), **arguments})


def test_graph_util():
    message = exported()
    message.node.add(name="extra", op="NoOp")
    part = tf.graph_util.extract_sub_graph(message, ["y"])
    assert [n.name for n in part.node] == ["x", "one", "y"]
    with pytest.raises(AssertionError, match="gone is not in graph"):
        tf.graph_util.extract_sub_graph(message, ["gone"])
    with pytest.raises(TypeError, match="dest_nodes must be a list"):
        tf.graph_util.extract_sub_graph(message, "y")
    assert tf.graph_util.must_run_on_cpu(tf.Variable(1).op.node_def, pin_variables_on_cpu=True)


@pytest.mark.parametrize("resource", [False, True])
def test_frozen_graphs(resource):
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        table = tf.get_variable(
            "t", initializer=tf.constant(np.arange(6.0).reshape(3, 2)), use_resource=resource
        )
        rows = tf.gather(table, [2, 0])
        out = tf.identity(rows + table[1], name="out")
        sess.run(tf.global_variables_initializer())
        expected = sess.run(out)
        frozen = tf.graph_util.convert_variables_to_constants(sess, graph.as_graph_def(), ["out"])
    assert not {n.op for n in frozen.node} & {"VariableV2", "VarHandleOp", "ReadVariableOp", "Assign"}
    light = tf.graph_util.remove_training_nodes(frozen, protected_nodes=["out"])
    assert len(light.node) <= len(frozen.node)
    for message in (frozen, light):
        with tf.Graph().as_default(), tf.Session() as sess:
            (out,) = tf.import_graph_def(message, return_elements=["out:0"])
            np.testing.assert_array_equal(sess.run(out), expected)


# Graphs with collections


def test_meta_graphs_of_a_scope():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2], name="x")
        with tf.name_scope("model"):
            v = tf.Variable([1.0, 2.0], name="v")
            y = tf.add(v, x, name="y")
        tf.add_to_collection("outputs", y)
        tf.add_to_collection("numbers", 3)
        message = tf.train.export_meta_graph(export_scope="model")
    assert {n.name for n in message.graph_def.node} >= {"v", "y"}
    with pytest.raises(ValueError, match=r"unbound inputs: \$unbound_inputs_x"):
        tf.train.import_meta_graph(message)
    with tf.Graph().as_default(), tf.Session() as sess:
        given = {"$unbound_inputs_x": tf.constant([10.0, 20.0])}
        saver = tf.train.import_meta_graph(message, import_scope="copy", input_map=given)
        assert saver is not None
        (variable,) = tf.global_variables()
        assert variable.name == "copy/v:0" and tf.trainable_variables() == [variable]
        sess.run(variable.initializer)
        np.testing.assert_array_equal(sess.run("copy/y:0"), [11, 22])
        assert tf.get_collection("outputs")[0].name == "copy/y:0" and tf.get_collection("numbers") == [3]


def test_meta_graphs_as_text_and_without_devices(tmp_path):
    with tf.device("/gpu:0"):
        v = tf.Variable(1.0, name="v")
    path = str(tmp_path / "graph.pbtxt")
    saver = tf.train.Saver([v])
    saver.export_meta_graph(path, as_text=True)
    assert (tmp_path / "graph.pbtxt").read_text().startswith("meta_info_def")
    with tf.Graph().as_default() as graph:
        tf.train.import_meta_graph(path, clear_devices=True)
        assert {op.device for op in graph.get_operations()} == {""}
    cleared = tf.train.export_meta_graph(clear_devices=True, clear_extraneous_savers=True, saver_def=None)
    assert not [n for n in cleared.graph_def.node if n.name.startswith("save/") or n.device]


def test_a_meta_graph_without_variables():
    tf.constant(1, name="c")
    message = tf.train.export_meta_graph()
    with tf.Graph().as_default():
        assert tf.train.import_meta_graph(message) is None


def test_files_that_are_no_meta_graphs(tmp_path):
    with pytest.raises(OSError, match="File .*gone does not exist"):
        tf.train.import_meta_graph(str(tmp_path / "gone"))
    (tmp_path / "bad").write_bytes(b"\xff\xff\xff")
    for kind in (OSError, tf.errors.DataLossError):
        with pytest.raises(kind, match="Cannot parse file .*bad: neither as a binary MetaGraphDef"):
            tf.train.import_meta_graph(str(tmp_path / "bad"))


def test_write_graph(tmp_path):
    tf.constant(1, name="c")
    graph = tf.get_default_graph()
    path = tf.train.write_graph(graph, str(tmp_path / "new"), "g.pb", as_text=False)
    assert protos.GraphDef.FromString(Path(path).read_bytes()) == graph.as_graph_def()
    path = tf.train.write_graph(graph.as_graph_def(), str(tmp_path), "g.pbtxt")
    assert 'name: "c"' in (tmp_path / "g.pbtxt").read_text()
