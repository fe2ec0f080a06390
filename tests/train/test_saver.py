"""Saving and restoring: what TensorFlow wrote, every argument of a Saver, and what goes wrong."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest

import reflow as tf
from reflow.base import protos
from reflow.train.saveable import SaveableObject, SaveSpec

from . import checkpoint_models as models

DATA = Path(__file__).parent / "data" / "checkpoints"
RECORDED = [(version, name) for version in ("tf1", "tf2") for name in sorted(models.MODELS)]


def answer(version, name):
    return json.loads((DATA / version / "answers.json").read_text())[name]


def listed(folder):
    return sorted(os.listdir(folder))


def started(*names, value=1.0):
    """A session of variables of these names, initialized."""
    variables = [tf.Variable(value + i, name=n) for i, n in enumerate(names)]
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return (sess, *variables)


# TensorFlow's files


@pytest.mark.parametrize(("version", "name"), RECORDED)
def test_recorded_checkpoints_are_restored(version, name):
    found = models.restore(tf, name, str(DATA / version / name))
    np.testing.assert_allclose(found, answer(version, name), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("version", "name"), RECORDED)
def test_recorded_graphs_are_imported(version, name):
    found = models.import_and_restore(tf, name, str(DATA / version / name))
    np.testing.assert_allclose(found, answer(version, name), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", sorted(models.MODELS))
def test_round_trip(name, tmp_path):
    path = str(tmp_path / name)
    expected = models.save(tf, name, path)
    np.testing.assert_allclose(expected, answer("tf1", name), rtol=1e-5, atol=1e-6)
    for how in (models.restore, models.import_and_restore):
        np.testing.assert_allclose(how(tf, name, path), expected, rtol=1e-6)


def inputs_of(node):
    """The inputs in order; the control inputs have none."""
    return [i for i in node.input if i[0] != "^"], {i for i in node.input if i[0] == "^"}


@pytest.mark.parametrize("name", ["dense", "partitioned", "sharded", "resource", "momentum"])
def test_the_saver_has_tensorflows_nodes(name):
    recorded = protos.MetaGraphDef.FromString((DATA / "tf1" / f"{name}.meta").read_bytes())
    with tf.Graph().as_default() as graph:
        models.MODELS[name](tf)
        saver = tf.train.Saver(sharded=name == "sharded")
        own = graph.as_graph_def()
    assert saver.as_saver_def() == recorded.saver_def
    rows = []
    for message in (own, recorded.graph_def):
        nodes = [n for n in message.node if n.name.startswith("save/")]
        rows.append([(n.name, n.op, inputs_of(n), n.device, list(n.attr["_class"].list.s)) for n in nodes])
    assert rows[0] == rows[1]


def test_the_example_of_a_resumed_training():
    path = str(DATA / "tf1" / "optimizer_slots")
    with tf.Graph().as_default(), tf.Session() as sess:
        saver = tf.train.import_meta_graph(path + ".meta")
        saver.restore(sess, path)
        train = tf.get_collection("train_op")[0]
        first = int(sess.run("global_step:0"))
        sess.run(train)
        assert int(sess.run("global_step:0")) == first + 1
        assert [v.name for v in tf.trainable_variables()] == ["w:0"]


# Arguments


def test_numbers_and_old_checkpoints(tmp_path):
    sess, v = started("v")
    saver = tf.train.Saver(max_to_keep=2)
    paths = [saver.save(sess, str(tmp_path / "m"), global_step=i) for i in range(4)]
    assert saver.last_checkpoints == paths[2:]
    assert [n for n in listed(tmp_path) if n.endswith(".index")] == ["m-2.index", "m-3.index"]
    assert [n for n in listed(tmp_path) if n.endswith(".meta")] == ["m-2.meta", "m-3.meta"]
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert state.model_checkpoint_path == paths[3] and list(state.all_model_checkpoint_paths) == paths[2:]
    assert tf.train.latest_checkpoint(str(tmp_path)) == paths[3]
    sess.run(v.assign(0.0))
    saver.restore(sess, paths[2])
    assert sess.run(v) == 1.0


def test_the_step_may_be_a_tensor_or_padded(tmp_path):
    sess, _ = started("v")
    step = tf.constant(7, tf.int64, name="step")
    saver = tf.train.Saver(pad_step_number=True)
    assert saver.save(sess, str(tmp_path / "m"), global_step=step).endswith("m-00000007")
    assert tf.train.Saver().save(sess, str(tmp_path / "m"), global_step="step:0").endswith("m-7")
    assert tf.train.Saver().save(sess, str(tmp_path / "m"), global_step=np.int64(9)).endswith("m-9")


@pytest.mark.parametrize("keep", [0, None])
def test_keeping_all(keep, tmp_path):
    sess, _ = started("v")
    saver = tf.train.Saver(max_to_keep=keep)
    for i in range(7):
        saver.save(sess, str(tmp_path / "m"), global_step=i)
    assert len([n for n in listed(tmp_path) if n.endswith(".index")]) == 7
    state = tf.train.get_checkpoint_state(str(tmp_path))
    assert [os.path.basename(p) for p in state.all_model_checkpoint_paths] == ["m-6"]


def test_keeping_one_of_each_period(monkeypatch, tmp_path):
    sess, _ = started("v")
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    saver = tf.train.Saver(max_to_keep=1, keep_checkpoint_every_n_hours=1.0)
    for i in range(8):
        saver.save(sess, str(tmp_path / "m"), global_step=i, write_meta_graph=False)
        now[0] += 1200  # a third of an hour
    assert [n for n in listed(tmp_path) if n.endswith(".index")] == ["m-4.index", "m-7.index"]


def test_what_is_written(tmp_path):
    sess, _ = started("v")
    saver = tf.train.Saver()
    saver.save(sess, str(tmp_path / "m"), write_meta_graph=False, write_state=False)
    assert listed(tmp_path) == ["m.data-00000-of-00001", "m.index"]
    saver.save(
        sess,
        str(tmp_path / "n"),
        latest_filename="last",
        meta_graph_suffix="graph",
        save_debug_info=True,
        strip_default_attrs=True,
    )
    new = ["n.data-00000-of-00001", "n.debug", "n.graph", "n.index"]
    assert listed(tmp_path) == ["last", "m.data-00000-of-00001", "m.index", *new]
    message = protos.MetaGraphDef.FromString((tmp_path / "n.graph").read_bytes())
    assert message.meta_info_def.stripped_default_attrs
    assert all("use_locking" not in n.attr for n in message.graph_def.node)
    debug = protos.GraphDebugInfo.FromString((tmp_path / "n.debug").read_bytes())
    assert any(f.endswith("test_saver.py") for f in debug.files)
    assert tf.train.latest_checkpoint(str(tmp_path), "last") == str(tmp_path / "n")


def test_relative_paths(tmp_path, monkeypatch):
    sess, _ = started("v")
    tf.train.Saver(save_relative_paths=True).save(sess, str(tmp_path / "a" / "m"))
    assert 'model_checkpoint_path: "m"' in (tmp_path / "a" / "checkpoint").read_text()
    os.rename(tmp_path / "a", tmp_path / "b")
    assert tf.train.latest_checkpoint(str(tmp_path / "b")) == str(tmp_path / "b" / "m")
    monkeypatch.chdir(tmp_path)
    assert tf.train.Saver().save(sess, "b/n") == "b/n"
    assert 'model_checkpoint_path: "n"' in (tmp_path / "b" / "checkpoint").read_text()
    assert tf.train.Saver().save(sess, "here") == "here"
    assert tf.train.latest_checkpoint(".") == "./here"


def test_names_of_ones_own(tmp_path):
    sess, a, b = started("a", "b")
    path = tf.train.Saver({"x": a, "y": b}).save(sess, str(tmp_path / "m"))
    assert tf.train.list_variables(path) == [("x", []), ("y", [])]
    tf.train.Saver({"y": a}).restore(sess, path)
    assert sess.run([a, b]) == [2.0, 2.0]


def test_another_shape(tmp_path):
    v = tf.Variable(np.arange(6.0), name="v")
    w = tf.Variable(np.zeros((2, 3)), name="w")
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        path = tf.train.Saver({"v": v}).save(sess, str(tmp_path / "m"))
        tf.train.Saver({"v": w}, reshape=True).restore(sess, path)
        np.testing.assert_array_equal(sess.run(w), np.arange(6.0).reshape(2, 3))
        with pytest.raises(tf.errors.InvalidArgumentError, match=r"'v' has the shape \[6\] .* and \(2, 3\)"):
            tf.train.Saver({"v": w}).restore(sess, path)


def test_whole_and_in_slices(tmp_path):
    cut = tf.get_variable("p", [5, 2], partitioner=tf.fixed_size_partitioner(2))
    whole = tf.get_variable("whole", [5, 2])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        expected = sess.run(tf.convert_to_tensor(cut))
        path = tf.train.Saver([cut]).save(sess, str(tmp_path / "m"))
        assert tf.train.list_variables(path) == [("p", [5, 2])]
        tf.train.Saver({"p": whole}).restore(sess, path)
        np.testing.assert_array_equal(sess.run(whole), expected)
        path = tf.train.Saver({"q": whole}).save(sess, str(tmp_path / "n"))
        sess.run([part.assign(tf.zeros_like(part)) for part in cut])
        tf.train.Saver({"q": list(cut)}).restore(sess, path)
        np.testing.assert_array_equal(sess.run(tf.convert_to_tensor(cut)), expected)


@pytest.mark.parametrize("sharded", [False, True])
def test_version_1(sharded, tmp_path):
    sess, a, b = started("a", "b")
    saver = tf.train.Saver(write_version=tf.train.SaverDef.V1, sharded=sharded)
    path = saver.save(sess, str(tmp_path / "m"), global_step=3)
    assert os.path.basename(path) == ("m-3-?????-of-00001" if sharded else "m-3")
    assert tf.train.checkpoint_exists(path) and tf.train.latest_checkpoint(str(tmp_path)) == path
    sess.run([a.assign(0.0), b.assign(0.0)])
    saver.restore(sess, path)
    assert sess.run([a, b]) == [1.0, 2.0]


def test_a_saveable_object(tmp_path):
    sess, a = started("a")

    class Doubled(SaveableObject):
        def __init__(self, variable):
            super().__init__(variable, [SaveSpec(variable * 2.0, "", "doubled")], "doubled")

        def restore(self, restored_tensors, restored_shapes):
            return tf.assign(self.op, restored_tensors[0] / 2.0)

    saver = tf.train.Saver([Doubled(a)])
    path = saver.save(sess, str(tmp_path / "m"))
    assert tf.train.load_variable(path, "doubled") == 2.0
    sess.run(a.assign(9.0))
    saver.restore(sess, path)
    assert sess.run(a) == 1.0


def test_deferred_and_empty(tmp_path):
    empty = tf.train.Saver(allow_empty=True)
    later = tf.train.Saver(defer_build=True)
    sess, _ = started("v")
    with pytest.raises(RuntimeError, match="should be called before save if defer_build"):
        later.save(sess, str(tmp_path / "m"))
    later.build()
    assert later.save(sess, str(tmp_path / "m")) == str(tmp_path / "m")
    assert empty.save(sess, str(tmp_path / "e")) is None and empty.restore(sess, "nowhere") is None
    assert "e.meta" in listed(tmp_path) and "e.index" not in listed(tmp_path)


def test_messages_and_recovery(tmp_path):
    sess, _ = started("v")
    saver = tf.train.Saver()
    paths = [saver.save(sess, str(tmp_path / "m"), global_step=i) for i in range(2)]
    again = tf.train.Saver.from_proto(saver.to_proto())
    again.recover_last_checkpoints([*paths, str(tmp_path / "gone")])
    assert again.last_checkpoints == paths
    again.set_last_checkpoints(["x"])
    assert again.last_checkpoints == ["x"]
    again.restore(sess, paths[0])
    assert saver.to_proto("elsewhere") is None
    assert saver.to_proto("save").save_tensor_name == "control_dependency:0"


def test_two_sessions_and_both_kinds_of_variables(tmp_path):
    v = tf.get_variable("v", initializer=tf.constant([1.0, 2.0]), use_resource=True)
    w = tf.Variable(tf.constant("text"), name="w")
    saver = tf.train.Saver()
    with tf.Session() as one:
        one.run(tf.global_variables_initializer())
        one.run(v.assign_add([1.0, 1.0]).op)
        path = saver.save(one, str(tmp_path / "m"))
    for tier in ("interpret", "compile", "auto"):
        with tf.Session(tier=tier) as two:
            saver.restore(two, path)
            np.testing.assert_array_equal(two.run(v), [2, 3])
            assert two.run(w) == b"text"
            two.run(v.assign_add([1.0, 1.0]).op)
            np.testing.assert_array_equal(two.run(v), [3, 4])
    np.testing.assert_array_equal(tf.train.load_variable(path, "v"), [2, 3])


# What goes wrong


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda v: tf.train.Saver([v, v]), ValueError, "At least two variables have the same name: v"),
        (lambda v: tf.train.Saver({"a": v, "b": v}), ValueError, "restored with two names: b"),
        (lambda v: tf.train.Saver({1: v}), TypeError, "Name is not a string: 1"),
        (lambda v: tf.train.Saver("v"), TypeError, "should be passed in a dict or a list: v"),
        (lambda v: tf.train.Saver([tf.constant(1)]), TypeError, "Variable to save is not a Variable"),
        (lambda v: tf.train.Saver({"a": tf.constant(1)}), TypeError, "Not a variable"),
        (lambda v: tf.train.Saver({"a": [v]}), ValueError, "Slices must all be slices"),
        (lambda v: tf.train.Saver([v], defer_build=True), ValueError, "build cannot be deferred"),
        (lambda v: tf.train.Saver(saver_def=3), ValueError, "must be a saver_pb2.SaverDef"),
        (lambda v: tf.train.Saver(saver_def=protos.SaverDef(version=2)), ValueError, "must specify the"),
        (lambda v: tf.train.Saver([]), ValueError, "No variables to save"),
    ],
)
def test_savers_that_cannot_be_made(make, error, message):
    with pytest.raises(error, match=message):
        make(tf.Variable(1.0, name="v"))


def test_saves_that_are_refused(tmp_path):
    sess, _ = started("v")
    saver = tf.train.Saver()
    with pytest.raises(ValueError, match="must not contain path components"):
        saver.save(sess, str(tmp_path / "m"), latest_filename="a/b")
    with pytest.raises(ValueError, match="'latest_filename' collides with 'save_path'"):
        saver.save(sess, str(tmp_path / "checkpoint"))
    with pytest.raises(TypeError, match="'sess' must be a Session"):
        saver.save("sess", str(tmp_path / "m"))
    with pytest.raises(ValueError, match=r"Parent directory of .*a/b/m doesn't exist, can't save"):
        saver.save(sess, str(tmp_path / "a" / "b" / "m"))
    assert listed(tmp_path) == []
    with (
        tf.Session() as fresh,
        pytest.raises(tf.errors.FailedPreconditionError, match="uninitialized value v"),
    ):
        saver.save(fresh, str(tmp_path / "m"))
    assert listed(tmp_path) == []


def test_restores_that_are_refused(tmp_path):
    sess, v, w = started("velocity", "weight")
    path = tf.train.Saver().save(sess, str(tmp_path / "m"))
    saver = tf.train.Saver({"velocities": v, "weight": w})
    sess.run([v.assign(5.0), w.assign(6.0)])
    with pytest.raises(ValueError, match="Can't load save_path when it is None"):
        saver.restore(sess, None)
    with pytest.raises(ValueError, match="The passed save_path is not a valid checkpoint: .*nothing"):
        saver.restore(sess, str(tmp_path / "nothing"))
    with pytest.raises(
        tf.errors.NotFoundError, match="Key velocities not found .* nearest keys in it: velocity"
    ):
        saver.restore(sess, path)
    whole = tf.Variable([1, 2], name="ints")
    sess.run(whole.initializer)
    with pytest.raises(
        tf.errors.InvalidArgumentError,
        match="tensor_name = weight; expected dtype int32 does not equal original dtype float",
    ):
        tf.train.Saver({"weight": whole}).restore(sess, path)
    data = bytearray((tmp_path / "m.data-00000-of-00001").read_bytes())
    data[1] ^= 1
    (tmp_path / "m.data-00000-of-00001").write_bytes(data)
    with pytest.raises(tf.errors.DataLossError, match="checksum does not match: velocity"):
        tf.train.Saver([v, w]).restore(sess, path)
    assert sess.run([v, w]) == [5.0, 6.0], "a restore that fails changes nothing"


def test_a_checkpoint_whose_graph_cannot_be_written_is_none(tmp_path, monkeypatch):
    """A disk that is full when the graph comes: the new checkpoint goes, one of that name stays."""
    sess, _ = started("a")
    saver = tf.train.Saver()
    first = saver.save(sess, str(tmp_path / "m"), global_step=1)
    before = sorted(os.listdir(tmp_path))

    def full(*_, **__):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device")

    monkeypatch.setattr(saver, "export_meta_graph", full)
    for step in (1, 2):
        with pytest.raises(tf.errors.ResourceExhaustedError):
            saver.save(sess, str(tmp_path / "m"), global_step=step)
        assert sorted(os.listdir(tmp_path)) == before
        assert tf.train.latest_checkpoint(str(tmp_path)) == first
        saver.restore(sess, first)


def test_state_files_that_are_refused(tmp_path):
    (tmp_path / "checkpoint").write_text("model_checkpoint_path: 'gone'\n")
    assert tf.train.latest_checkpoint(str(tmp_path)) is None
    (tmp_path / "checkpoint").write_bytes(b"\xff\xfe nonsense {")
    assert tf.train.get_checkpoint_state(str(tmp_path)) is None
    (tmp_path / "checkpoint").write_text("")
    with pytest.raises(ValueError, match="Invalid checkpoint state loaded from"):
        tf.train.get_checkpoint_state(str(tmp_path))
    with pytest.raises(ValueError, match="must match checkpoint paths"):
        tf.train.generate_checkpoint_state_proto("d", "d/a", ["d/a"], [1.0, 2.0])
    with pytest.raises(RuntimeError, match="conflicts with path used for checkpoint state"):
        tf.train.update_checkpoint_state(str(tmp_path), str(tmp_path / "checkpoint"))
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file"):
        tf.train.load_checkpoint(str(tmp_path / ".."))


def test_checkpoints_are_deleted(tmp_path):
    sess, _ = started("v")
    path = tf.train.Saver().save(sess, str(tmp_path / "m"))
    assert tf.train.checkpoint_exists(path)
    assert abs(tf.train.get_checkpoint_mtimes([path, "gone"])[0] - time.time()) < 60
    tf.train.remove_checkpoint(path)
    assert listed(tmp_path) == ["checkpoint"] and not tf.train.checkpoint_exists(path)


# Initial values


def test_initial_values_by_scope_name_and_slices(tmp_path):
    with tf.Graph().as_default():
        sess, _, _ = started("old/a", "old/b", value=3.0)
        table = tf.Variable(np.arange(10.0).reshape(5, 2), name="table")
        sess.run(table.initializer)
        path = tf.train.Saver().save(sess, str(tmp_path / "m"))
    with tf.variable_scope("new"):
        a, b = tf.get_variable("a", []), tf.get_variable("b", [], use_resource=True)
    cut = tf.get_variable("t", [5, 2], tf.float64, partitioner=tf.fixed_size_partitioner(2))
    tf.train.init_from_checkpoint(path, {"old/": "new/", "table": "t"})
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        assert sess.run([a, b]) == [3.0, 4.0]
        np.testing.assert_array_equal(sess.run(tf.convert_to_tensor(cut)), np.arange(10.0).reshape(5, 2))
        tf.train.init_from_checkpoint(path, {"old/b": a})
        sess.run(a.initializer)
        assert sess.run(a) == 4.0
    for given, message in (
        ({"old/c": "new/a"}, "Tensor old/c is not found"),
        ({"table": a}, r"Shape of variable new/a:0 \(\(\)\) doesn't match with shape of tensor table"),
        ({"old": "new/"}, "should map to scope only"),
        ({"else/": "new/"}, "Tensor else/a .* is not found"),
        ({"old/a": 3}, "target of 'old/a' must be a name, .* got 3"),
        ({"table": cut}, "target of 'table' must be a name"),
    ):
        with pytest.raises((TypeError, ValueError), match=message):
            tf.train.init_from_checkpoint(path, given)


def test_contrib_assignments(tmp_path):
    sess, a, b = started("s/a", "b")
    framework = tf.contrib.framework
    path = tf.train.Saver([a]).save(sess, str(tmp_path / "m"))
    sess.run([a.assign(0.0), b.assign(0.0)])
    with pytest.raises(ValueError, match=r"missing variable \[b\]"):
        framework.assign_from_checkpoint(path, [a, b])
    op, feeds = framework.assign_from_checkpoint(path, [a, b], ignore_missing_vars=True)
    sess.run(op, feeds)
    assert sess.run([a, b]) == [1.0, 0.0]
    sess.run(a.assign(0.0))
    framework.assign_from_checkpoint_fn(path, [a, b], ignore_missing_vars=True)(sess)
    assert sess.run(a) == 1.0
    assert framework.assign_from_checkpoint_fn(path, [b], ignore_missing_vars=True) is None
    assert framework.get_variables_to_restore(exclude=["s"]) == [b]
    assert framework.get_variables_by_name("a") == [a] and framework.get_unique_variable("b") is b
    assert framework.filter_variables([a, b], exclude_patterns=["s/"]) == [b]
    assert framework.list_variables(path) == [("s/a", [])]
