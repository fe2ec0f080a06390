"""Models that are saved as SavedModels by one system and loaded by the other.

Shared with `tools/record_saved_models.py`, which runs under the Python 3.7 of TensorFlow 1.15: nothing here
imports either system. Each model is saved by a function of `tf` and a folder, and asked by `ask`, which loads
it and returns what its signatures compute.
"""

import os

import numpy as np

INPUTS = {  # what is fed to an input of a signature, by its name
    "x": np.array([[1.0, 2.0], [3.0, -1.0]], np.float32),
    "n": np.array(3, np.int32),
    "words": np.array(["b", "c", "zz"], object),
    "sparse": ([[0, 1], [1, 0]], np.array([5.0, 6.0], np.float32), [2, 2]),
}


def grid(*shape):
    """Numbers that are not all alike, exact in float32."""
    return (np.arange(np.prod(shape)).reshape(shape) % 17 / 8.0 - 1).astype(np.float32)


def _started(tf):
    sess = tf.Session()
    sess.run(tf.global_variables_initializer())
    return sess


def simple(tf, folder):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    w = tf.get_variable("w", initializer=tf.constant(grid(2, 3)))
    with _started(tf) as sess:
        tf.saved_model.simple_save(sess, folder, {"x": x}, {"y": tf.nn.relu(tf.matmul(x, w), name="y")})


def two_graphs(tf, folder):
    """A graph for training and one for serving that share the variables; as text."""
    builder = tf.saved_model.builder.SavedModelBuilder(folder)
    for tag in ("train", "serve"):
        with tf.Graph().as_default():
            x = tf.placeholder(tf.float32, [None, 2], name="x")
            w = tf.Variable(grid(2, 1), name="w")
            y = tf.matmul(x, w, name="y") + (100.0 if tag == "train" else 0.0)
            utils = tf.saved_model.signature_def_utils
            signatures = {"serving_default": utils.predict_signature_def({"x": x}, {"y": y})}
            if tag == "train":
                with _started(tf) as sess:
                    builder.add_meta_graph_and_variables(sess, [tag], signatures, strip_default_attrs=True)
            else:
                builder.add_meta_graph([tag, "extra"], signatures)
    builder.save(as_text=True)


def vocabulary(tf, folder):
    """A table that is filled from a file of the model when it is loaded."""
    path = os.path.join(os.path.dirname(folder), "words.txt")
    with open(path, "w") as file:
        file.write("a\nb\nc\n")
    words = tf.placeholder(tf.string, [None], name="words")
    table = tf.contrib.lookup.index_table_from_file(path) if hasattr(tf, "contrib") else None
    if table is None:
        source = tf.lookup.TextFileInitializer(
            path, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
        )
        table = tf.lookup.StaticHashTable(source, -1)
    scale = tf.Variable(np.int64(2), name="scale")
    with _started(tf) as sess:
        signature = tf.saved_model.signature_def_utils.predict_signature_def(
            {"words": words}, {"ids": table.lookup(words) * scale}
        )
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        builder.add_meta_graph_and_variables(
            sess,
            [tf.saved_model.tag_constants.SERVING],
            {"serving_default": signature},
            assets_collection=tf.get_collection(tf.GraphKeys.ASSET_FILEPATHS),
            main_op=tf.tables_initializer(),
        )
        builder.save()
    os.remove(path)


def no_variables(tf, folder):
    n = tf.placeholder(tf.int32, [], name="n")
    with tf.Session() as sess:
        tf.saved_model.simple_save(sess, folder, {"n": n}, {"y": tf.range(n)})


def conditional(tf, folder):
    """A conditional in a conditional."""
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    v = tf.Variable(grid(2), name="v")
    total = tf.reduce_sum(x)
    y = tf.cond(
        total > 0.0,
        lambda: tf.cond(total > 100.0, lambda: x * v, lambda: x + v),
        lambda: x - v,
        name="choice",
    )
    with _started(tf) as sess:
        tf.saved_model.simple_save(sess, folder, {"x": x}, {"y": y})


def sparse(tf, folder):
    x = tf.sparse_placeholder(tf.float32, name="sparse")
    w = tf.Variable(grid(2, 2), name="w", use_resource=True)
    y = tf.sparse_tensor_dense_matmul(x, w)
    with _started(tf) as sess:
        tf.saved_model.simple_save(sess, folder, {"sparse": x}, {"y": y})


def main_op(tf, folder):
    """An operation that changes a variable when the model is loaded."""
    n = tf.placeholder(tf.int32, [], name="n")
    v = tf.Variable(5, name="v")
    loads = tf.Variable(0, name="loads", collections=[tf.GraphKeys.LOCAL_VARIABLES])
    with _started(tf) as sess:
        sess.run(tf.local_variables_initializer())
        signature = tf.saved_model.signature_def_utils.predict_signature_def({"n": n}, {"y": n + v + loads})
        builder = tf.saved_model.builder.SavedModelBuilder(folder)
        start = tf.group(tf.assign(loads, 1000), name="start")
        builder.add_meta_graph_and_variables(
            sess, ["serve"], {"serving_default": signature}, legacy_init_op=start
        )
        builder.save()


def convnet(tf, folder):
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    image = tf.tile(tf.reshape(x, [-1, 2, 1, 1]), [1, 2, 4, 1])
    w = tf.get_variable("conv/w", initializer=tf.constant(grid(3, 3, 1, 2)))
    with tf.device("/cpu:0"):
        y = tf.nn.conv2d(image, w, strides=[1, 1, 1, 1], padding="SAME")
    y = tf.nn.max_pool(tf.nn.relu(y), ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    with _started(tf) as sess:
        tf.saved_model.simple_save(sess, folder, {"x": x}, {"y": tf.reduce_mean(y, [1, 2])})


MODELS = {
    f.__name__: f
    for f in (conditional, convnet, main_op, no_variables, simple, sparse, two_graphs, vocabulary)
}
TAGS = {"two_graphs": (["train"], ["serve", "extra"])}


def save(tf, name, folder):
    """Save a model and return what it answers once it is loaded."""
    with tf.Graph().as_default():
        tf.set_random_seed(1)
        MODELS[name](tf, folder)
    return ask(tf, name, folder)


def ask(tf, name, folder, scope=None):
    """Load each graph of a model and return the values of its outputs."""
    found = []
    for tags in TAGS.get(name, (["serve"],)):
        with tf.Graph().as_default(), tf.Session() as sess:
            model = tf.saved_model.loader.load(sess, tags, folder, import_scope=scope)
            signature = model.signature_def["serving_default"]
            get = tf.saved_model.utils.get_tensor_from_tensor_info
            feeds = {get(info, import_scope=scope): INPUTS[key] for key, info in signature.inputs.items()}
            fetches = {key: get(info, import_scope=scope) for key, info in sorted(signature.outputs.items())}
            values = sess.run(fetches, feeds)
            found.append(
                {k: np.asarray(v).astype(np.float64).reshape(-1).tolist() for k, v in values.items()}
            )
    return found


def same(found, wanted):
    """Whether two answers agree."""
    return len(found) == len(wanted) and all(
        set(a) == set(b) and all(np.allclose(a[k], b[k], rtol=1e-5, atol=1e-6) for k in a)
        for a, b in zip(found, wanted)
    )
