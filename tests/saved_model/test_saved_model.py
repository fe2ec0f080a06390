"""SavedModels under Reflow: the builder's and the loader's arguments and errors, signatures, predictors."""

from __future__ import annotations

import os

import numpy as np
import pytest

import reflow as tf
from reflow.base import protos
from reflow.contrib.prediction import SavedModelPredictor
from reflow.saved_model.loader import SavedModelLoader, get_train_op, parse_saved_model

constants = tf.saved_model.signature_constants
utils = tf.saved_model.signature_def_utils


@pytest.fixture
def model(tmp_path):
    """y = 2 x and z = x + 1, the latter under a signature of its own."""
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None], name="x")
        v = tf.Variable(2.0, name="v")
        sess.run(v.initializer)
        signatures = {
            "serving_default": utils.predict_signature_def({"x": x}, {"y": tf.multiply(x, v, name="y")}),
            "more": utils.predict_signature_def({"x": x}, {"z": x + 1.0}),
        }
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(sess, ["serve", "cpu"], signatures)
        builder.save()
    return folder


# The builder


def test_a_folder_with_something_in_it_is_refused(model, tmp_path):
    with pytest.raises(AssertionError, match="isn't empty"):
        tf.saved_model.builder.SavedModelBuilder(model)
    empty = tmp_path / "empty"
    empty.mkdir()
    tf.saved_model.Builder(str(empty))


def test_the_order_of_calls(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0)
        sess.run(v.initializer)
        builder = tf.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
        with pytest.raises(AssertionError, match="has not been saved yet"):
            builder.add_meta_graph(["serve"])
        builder.add_meta_graph_and_variables(sess, ["serve"])
        with pytest.raises(AssertionError, match="has already been saved"):
            builder.add_meta_graph_and_variables(sess, ["serve"])


def test_there_is_no_model_before_save(tmp_path):
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        v = tf.Variable(1.0)
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        with pytest.raises(tf.errors.FailedPreconditionError):
            builder.add_meta_graph_and_variables(sess, ["serve"])
        sess.run(v.initializer)
        builder.add_meta_graph_and_variables(sess, ["serve"])
        assert not tf.saved_model.contains_saved_model(folder)
        assert builder.save() == os.fsencode(os.path.join(folder, "saved_model.pb"))
        assert tf.saved_model.loader.maybe_saved_model_directory(folder)
    assert sorted(os.listdir(folder)) == ["saved_model.pb", "variables"]


@pytest.mark.parametrize(
    ("signature", "error", "match"),
    [
        ({"a": protos.SignatureDef(inputs={"x": protos.TensorInfo(dtype=1)})}, AssertionError, "encoding"),
        ({"a": protos.SignatureDef(outputs={"x": protos.TensorInfo(name="x")})}, AssertionError, "dtype"),
        ({"__saved_model_init_op": protos.SignatureDef()}, KeyError, "reserved for initialization"),
        ({"__saved_model_train_op": protos.SignatureDef()}, KeyError, "reserved for the train op"),
    ],
)
def test_bad_signatures(tmp_path, signature, error, match):
    with tf.Graph().as_default(), tf.Session() as sess:
        builder = tf.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
        with pytest.raises(error, match=match):
            builder.add_meta_graph_and_variables(sess, ["serve"], signature)


def test_bad_assets_and_main_ops(tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        builder = tf.saved_model.builder.SavedModelBuilder(str(tmp_path / "model"))
        for asset, match in (
            ("words.txt", "must be a Tensor"),
            (tf.placeholder(tf.string), "type constant"),
            (tf.constant(1), "dtype string"),
            (tf.constant(["a", "b"]), "scalar"),
        ):
            with pytest.raises(TypeError, match=match):
                builder.add_meta_graph_and_variables(sess, ["serve"], assets_collection=[asset])
        with pytest.raises(ValueError, match="Invalid asset filepath"):
            builder.add_meta_graph_and_variables(sess, ["serve"], assets_collection=[tf.constant("")])
        with pytest.raises(tf.errors.NotFoundError, match="gone"):
            builder.add_meta_graph_and_variables(
                sess, ["serve"], assets_collection=[tf.constant(str(tmp_path / "gone"))]
            )
        with pytest.raises(TypeError, match="main_op needs to be an Operation"):
            builder.add_meta_graph_and_variables(sess, ["serve"], main_op=tf.constant(1))
        tf.add_to_collection("legacy_init_op", tf.no_op())
        with pytest.raises(ValueError, match="already contains one or more main ops"):
            builder.add_meta_graph_and_variables(sess, ["serve"], main_op=tf.no_op())


def test_files_of_one_name(tmp_path):
    """Equal files become one, others get a number; the main op sees where they are now."""
    paths = []
    for folder, text in (("a", "one"), ("b", "one"), ("c", "two")):
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "words.txt"
        path.write_text(text)
        paths.append(str(path))
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        texts = [tf.read_file(tf.constant(path, name=f"path_{i}")) for i, path in enumerate(paths)]
        content = tf.Variable(["", "", ""], name="content")
        sess.run(content.initializer)
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(
            sess,
            ["serve"],
            assets_collection=[text.op.inputs[0] for text in texts],
            main_op=tf.assign(content, texts).op,
        )
        builder.save()
    for path in paths:
        os.remove(path)
    assert sorted(os.listdir(os.path.join(folder, "assets"))) == ["words.txt", "words.txt_1"]
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.saved_model.loader.load(sess, ["serve"], folder)
        assert sess.run("content:0").tolist() == [b"one", b"one", b"two"]


def test_devices_and_defaults_are_left_out(tmp_path):
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        with tf.device("/cpu:0"):
            tf.matmul(tf.ones([1, 1]), tf.ones([1, 1]), name="product")
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(sess, ["a"], clear_devices=True, strip_default_attrs=True)
        builder.add_meta_graph(["b"])
        builder.save()
    nodes = [
        next(n for n in graph.graph_def.node if n.name == "product")
        for graph in parse_saved_model(folder).meta_graphs
    ]
    assert [n.device for n in nodes] == ["", "/device:CPU:0"]
    assert ["transpose_a" in n.attr for n in nodes] == [False, True]


def test_a_saver_of_the_programs_own(tmp_path):
    folder = str(tmp_path / "model")
    with tf.Graph().as_default(), tf.Session() as sess:
        kept, left = tf.Variable(1.0, name="kept"), tf.Variable(2.0, name="left")
        sess.run(tf.global_variables_initializer())
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(sess, ["serve"], saver=tf.train.Saver([kept]))
        builder.save()
    assert tf.train.list_variables(os.path.join(folder, "variables", "variables")) == [("kept", [])]
    assert left.op.name == "left"


# The loader


def test_loading_in_steps(model):
    loader = SavedModelLoader(model)
    assert loader.export_dir == model and loader.variables_path.endswith("variables/variables")
    assert loader.saved_model.saved_model_schema_version == 1
    with tf.Graph().as_default() as graph, tf.Session() as sess:
        saver, (y,) = loader.load_graph(graph, ["cpu", "serve"], "scope", return_elements=["y:0"])
        with pytest.raises(ValueError, match="a saver is required"):
            loader.restore_variables(sess, None, "scope")
        loader.restore_variables(sess, saver, "scope")
        loader.run_init_ops(sess, ["cpu", "serve"], "scope")
        np.testing.assert_array_equal(sess.run(y, {"scope/x:0": [3.0]}), [6.0])


def test_what_is_not_there(model, tmp_path):
    with tf.Graph().as_default(), tf.Session() as sess:
        with pytest.raises(OSError, match="does not exist"):
            tf.saved_model.loader.load(sess, ["serve"], str(tmp_path))
        with pytest.raises(RuntimeError, match=r"available_tags: \[\['cpu', 'serve'\]\]"):
            tf.saved_model.load(sess, ["serve"], model)
        os.remove(os.path.join(model, "variables", "variables.index"))
        with pytest.raises(ValueError, match="not a valid checkpoint"):
            tf.saved_model.load(sess, ["serve", "cpu"], model)


def test_several_init_ops(model, tmp_path):
    message = parse_saved_model(model)
    message.meta_graphs[0].collection_def["saved_model_main_op"].node_list.value.extend(
        ["v/Assign", "v/Assign"]
    )
    (tmp_path / "model" / "saved_model.pb").write_bytes(message.SerializeToString())
    with tf.Graph().as_default(), tf.Session() as sess, pytest.raises(RuntimeError, match="exactly one"):
        tf.saved_model.load(sess, ["serve", "cpu"], model)


def test_ops_named_by_signatures(model):
    """The builder of TensorFlow 2's kind stores its init and train ops as signatures."""
    message = parse_saved_model(model).meta_graphs[0]
    key = "__saved_model_train_op"
    with tf.Graph().as_default():
        start = tf.no_op(name="start")
        signatures = tf.python.saved_model.signature_def_utils
        message.signature_def[key].CopyFrom(signatures.op_signature_def(start, key))
        assert get_train_op(message) is start
    with tf.Graph().as_default(), pytest.raises(tf.errors.NotFoundError, match=key):
        get_train_op(message)


# Signatures


def test_tensor_infos():
    with tf.Graph().as_default():
        sparse = tf.sparse_placeholder(tf.float32, name="s")
        info = tf.saved_model.build_tensor_info(sparse)
        assert info.WhichOneof("encoding") == "coo_sparse"
        back = tf.saved_model.get_tensor_from_tensor_info(info)
        assert [back.indices, back.values, back.dense_shape] == [
            sparse.indices,
            sparse.values,
            sparse.dense_shape,
        ]
        with pytest.raises(KeyError):
            tf.saved_model.get_tensor_from_tensor_info(protos.TensorInfo(name="gone:0"))
        with pytest.raises(ValueError, match="Invalid TensorInfo"):
            tf.saved_model.get_tensor_from_tensor_info(protos.TensorInfo())


def test_servable_signatures():
    with tf.Graph().as_default():
        texts, number, names = tf.placeholder(tf.string, [None]), tf.zeros([1]), tf.constant(["a"])
        good = [
            utils.predict_signature_def({"x": number}, {"y": number}),
            utils.regression_signature_def(texts, number),
            utils.classification_signature_def(texts, names, number),
            utils.classification_signature_def(texts, None, number),
        ]
        assert all(map(utils.is_valid_signature, good))
        infos = {"x": tf.saved_model.utils.build_tensor_info(number)}
        bad = [None, utils.build_signature_def(infos, infos, "mine")]
        for method in (constants.REGRESS_METHOD_NAME, constants.CLASSIFY_METHOD_NAME):
            bad.append(utils.build_signature_def(infos, infos, method))
        bad.append(utils.build_signature_def(infos, None, constants.PREDICT_METHOD_NAME))
        assert not any(map(utils.is_valid_signature, bad))


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda t, x: utils.predict_signature_def({}, {"y": x}), "inputs cannot be None or empty"),
        (lambda t, x: utils.predict_signature_def({"x": x}, None), "outputs cannot be None or empty"),
        (lambda t, x: utils.regression_signature_def(None, x), "examples cannot be None"),
        (lambda t, x: utils.regression_signature_def(t, None), "predictions cannot be None"),
        (lambda t, x: utils.regression_signature_def(x, x), "must be a string Tensor"),
        (lambda t, x: utils.regression_signature_def(t, t), "must be a float Tensor"),
        (lambda t, x: utils.classification_signature_def(t, None, None), "cannot both be None"),
        (lambda t, x: utils.classification_signature_def("t", t, x), "must be a string Tensor"),
        (lambda t, x: utils.classification_signature_def(t, x, x), "classes must be a string"),
        (lambda t, x: utils.classification_signature_def(t, t, t), "scores must be a float"),
    ],
)
def test_bad_parts_of_signatures(make, match):
    with tf.Graph().as_default(), pytest.raises(ValueError, match=match):
        make(tf.placeholder(tf.string, [None]), tf.zeros([1]))


def test_supervised_signatures():
    with tf.Graph().as_default():
        x = tf.zeros([1], name="x")
        signatures = tf.python.saved_model.signature_def_utils
        made = signatures.supervised_eval_signature_def({"x": x}, {"loss": x}, metrics={"acc": x})
        assert sorted(made.outputs) == ["acc", "loss"] and made.method_name == "tensorflow/supervised/eval"
        with pytest.raises(ValueError, match="supervised/training inputs"):
            signatures.supervised_train_signature_def({}, {"loss": x})


# Predictors


def test_predictors(model):
    load = tf.contrib.predictor.from_saved_model
    np.testing.assert_array_equal(load(model, tags="serve, cpu".replace(" ", ""))({"x": [4.0]})["y"], [8.0])
    predict = load(model, "more", tags="serve,cpu")
    assert isinstance(predict, SavedModelPredictor) and "feed tensors" in repr(predict)
    np.testing.assert_array_equal(predict({"x": [4.0]})["z"], [5.0])
    predict = load(model, tags="serve,cpu", input_names={"in": "x:0"}, output_names={"out": "y:0"})
    np.testing.assert_array_equal(predict({"in": [1.0]})["out"], [2.0])
    with pytest.raises(ValueError, match="unexpected keys"):
        predict({"x": [1.0]})
    with pytest.raises(ValueError, match="must both be specified"):
        load(model, input_names={"in": "x:0"})
    with pytest.raises(ValueError, match="at most one"):
        load(model, "more", signature_def=protos.SignatureDef())
    with pytest.raises(ValueError, match=r"Available signatures are \['more', 'serving_default'\]"):
        load(model, "none", tags="serve,cpu")
    with pytest.raises(RuntimeError, match="could not be found"):
        load(model)


# Conditionals


def test_conditionals_come_back_as_contexts():
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [], name="x")
        tf.cond(x > 0.0, lambda: tf.cond(x > 1.0, lambda: x * 2.0, lambda: x), lambda: -x, name="c")
        before = tf.train.export_meta_graph()
    with tf.Graph().as_default():
        tf.train.import_meta_graph(before)
        contexts = tf.get_collection(tf.GraphKeys.COND_CONTEXT)
        assert [c.branch for c in contexts] == [1, 0] and contexts[0].name == "c/cond_text"
        inner = tf.get_default_graph().get_operation_by_name("c/cond/mul")._get_control_flow_context()
        assert inner.outer_context is contexts[0]
        after = tf.train.export_meta_graph()
        assert after.collection_def["cond_context"] == before.collection_def["cond_context"]
    with tf.Graph().as_default():
        tf.train.import_meta_graph(before, import_scope="outer")
        assert tf.get_collection(tf.GraphKeys.COND_CONTEXT)[0].name == "outer/c/cond_text"
        scoped = tf.train.export_meta_graph(export_scope="outer")
        assert scoped.collection_def["cond_context"] == before.collection_def["cond_context"]


def test_a_damaged_context_is_refused():
    with tf.Graph().as_default():
        tf.cond(tf.constant(True), lambda: tf.constant(1.0), lambda: tf.constant(2.0))
        message = tf.train.export_meta_graph()
    values = message.collection_def["cond_context"].bytes_list.value
    values[0] = values[0].replace(b"cond/pred_id:0", b"cond/pred_ix:0")
    with tf.Graph().as_default(), pytest.raises(ValueError, match="cond_context"):
        tf.train.import_meta_graph(message)
