"""Damaged SavedModels and graphs: a clear error, never another exception and never much memory."""

from __future__ import annotations

import random

import pytest

import reflow as tf
from reflow.exchange import inspection
from reflow.saved_model.loader import SavedModelLoader, parse_saved_model
from train.test_fuzz import MUTATIONS, ROOM, mutated, peak, tried

# protobuf says so of an escape in a text that is none
pytestmark = pytest.mark.filterwarnings("ignore:invalid .*escape:DeprecationWarning")
FULL = 50  # every so many models are loaded with their variables


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small model with a variable, a file and a main op."""
    path = tmp_path_factory.mktemp("fuzz") / "model"
    asset = path.parent / "words.txt"
    asset.write_text("a\nb\n")
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None], name="x")
        v = tf.Variable(2.0, name="v")
        name = tf.constant(str(asset))
        sess.run(v.initializer)
        builder = tf.saved_model.builder.SavedModelBuilder(str(path))
        signature = tf.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": x * v})
        builder.add_meta_graph_and_variables(
            sess,
            ["serve"],
            {"serving_default": signature},
            assets_collection=[name],
            main_op=tf.group(tf.assign(v, 3.0)),
            strip_default_attrs=True,
        )
        message = builder._saved_model.meta_graphs[0]
        message.meta_info_def.ClearField("stripped_op_list")
        builder.save()
    return path


def load(folder, full):
    """Load the model, whatever tags it has by now."""
    loader = SavedModelLoader(str(folder))
    for graph in loader.saved_model.meta_graphs:
        with tf.Graph().as_default() as target, tf.Session() as sess:
            tags = list(graph.meta_info_def.tags)
            if full:
                loader.load(sess, tags)
            else:
                loader.load_graph(target, tags)


def test_models(folder):
    dice, path = random.Random(5), folder / "saved_model.pb"
    whole, before, refused = path.read_bytes(), peak(), 0
    for i in range(MUTATIONS):
        refused += tried(path, mutated(whole, dice), lambda i=i: load(folder, i % FULL == 0))
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.5 and peak() - before < ROOM


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A model of two nodes: text takes a hundred times as long to read as bytes do."""
    path = tmp_path_factory.mktemp("small") / "model"
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None], name="x")
        builder = tf.saved_model.builder.SavedModelBuilder(str(path))
        signature = tf.saved_model.signature_def_utils.predict_signature_def({"x": x}, {"y": -x})
        builder.add_meta_graph_and_variables(
            sess, ["serve"], {"serving_default": signature}, strip_default_attrs=True
        )
        builder._saved_model.meta_graphs[0].meta_info_def.ClearField("stripped_op_list")
        builder.save(as_text=True)
    return path


def test_models_as_text(small):
    dice, path = random.Random(6), small / "saved_model.pbtxt"
    whole, before, refused = path.read_bytes(), peak(), 0
    for i in range(MUTATIONS):
        refused += tried(path, mutated(whole, dice), lambda i=i: load(small, i % FULL == 0))
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.5 and peak() - before < ROOM


@pytest.mark.parametrize("name", ["graph.pb", "graph.pbtxt"])
def test_graphs(small, name):
    """Files with a GraphDef: read, imported, and shown by `reflow inspect`."""
    dice, path = random.Random(name), small.parent / name
    graph = parse_saved_model(small).meta_graphs[0].graph_def
    tf.train.write_graph(graph, str(small.parent), name, as_text=name.endswith("txt"))
    whole, before, refused = path.read_bytes(), peak(), 0

    def attempt():
        model = inspection.find_model(path)
        list(inspection._graph_parts(model.graphs[0], False))
        with tf.Graph().as_default():
            tf.import_graph_def(model.graphs[0].graph_def)

    for _ in range(MUTATIONS):
        refused += tried(path, mutated(whole, dice), attempt)
    assert refused > MUTATIONS * 0.5 and peak() - before < ROOM


def test_inspected_models(folder):
    dice, path = random.Random(8), folder / "saved_model.pb"
    whole, before, refused = path.read_bytes(), peak(), 0
    for _ in range(MUTATIONS):
        refused += tried(path, mutated(whole, dice), lambda: list(inspection.report(folder)))
    path.write_bytes(whole)
    assert refused > MUTATIONS * 0.3 and peak() - before < ROOM
