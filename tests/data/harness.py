"""How a pipeline is built, described and run, in TensorFlow 1.15 and in Reflow alike.

A scenario is a function of a ``tf`` module and a folder for files. It returns a dataset; or an iterator and
what to run before its elements are pulled. Recorded are the nodes, the functions that they hold, and the
elements, errors included. This file imports neither system and runs on Python 3.7, as does ``scenarios``.
"""

import collections
import json
import os
import re

import numpy as np

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded", "pipelines.npz")
MOST = 40  # elements that are pulled


class Scenarios:
    """The scenarios by name, in the order of their definition."""

    def __init__(self):
        self.builds = collections.OrderedDict()

    def __call__(self, build):
        self.builds[build.__name__.strip("_")] = build
        return build


def numbers(tf, count=10):
    """The numbers up to ``count``."""
    return tf.data.Dataset.range(count)


def one_shot(dataset):
    """The element of a one-shot iterator."""
    return dataset.make_one_shot_iterator().get_next(), []


def answer(tf, build, folder):
    """What a system makes of a scenario, as plain JSON values."""
    graph = tf.Graph()
    with graph.as_default():
        try:
            made = build(tf, folder)
            element, begin = pulled(tf, made)
        except (ValueError, TypeError) as error:
            return {"raises": type(error).__name__}
        definition = graph.as_graph_def()
        nodes = [described(node) for node in definition.node]
        functions = {f.signature.name: f for f in definition.library.function}
        bodies = [body(n, functions) for n in definition.node]
        with tf.Session(graph=graph) as session:
            elements = run(tf, session, element, begin)
    return {"nodes": nodes, "bodies": [b for b in bodies if b], "elements": elements}


def pulled(tf, made):
    """The element to run and what to run before it."""
    if isinstance(made, tuple):
        return made
    iterator = tf.compat.v1.data.make_initializable_iterator(made)
    return iterator.get_next(), [iterator.initializer]


def run(tf, session, element, begin):
    """The elements, or the names of the errors that come in their places; three errors are the end."""
    values, errors = [], 0
    try:
        for one in begin:
            session.run(one)
    except tf.errors.OpError as error:
        return [type(error).__name__]
    while len(values) < MOST and errors < 3:
        try:
            values.append(plain(session.run(element)))
        except tf.errors.OpError as error:
            values.append(type(error).__name__)
            errors += 3 if isinstance(error, tf.errors.OutOfRangeError) else 1
    return values


def plain(value):
    """A structure of arrays as nested lists; arrays as [dtype, shape, elements]."""
    if isinstance(value, dict):
        return {key: plain(value[key]) for key in sorted(value)}
    if isinstance(value, (tuple, list)):
        return [plain(v) for v in value]
    array = np.asarray(value)
    if array.dtype.kind in "OSU":
        return ["string", list(array.shape), [x.decode("latin1") for x in array.ravel().tolist()]]
    return [array.dtype.name, list(array.shape), array.ravel().tolist()]


def described(node):
    """A node as one line: name, type, inputs, attributes."""
    attrs = ",".join(key + "=" + shown(node.attr[key]) for key in sorted(node.attr) if key[0] != "_")
    groups = sorted(x.decode() for x in node.attr["_class"].list.s) if "_class" in node.attr else []
    kind = "Add" if node.op == "AddV2" else node.op
    return "|".join([node.name, kind, ",".join(node.input), attrs, ",".join(groups), node.device]).rstrip("|")


def shown(attr):
    """An attribute; a function only as being one, as its name has a number that depends on the process."""
    if attr.WhichOneof("value") == "func":
        return "function"
    if attr.WhichOneof("value") == "tensor":
        return str([[d.size for d in attr.tensor.tensor_shape.dim], attr.tensor.dtype])
    text = re.sub(r"pyfunc_\d+", "pyfunc", str(attr))
    return re.sub(r"\s+", " ", text).strip()


def body(node, functions):
    """The functions that a node holds, each with its nodes and those of the functions inside."""
    found = {}
    for key in sorted(node.attr):
        if node.attr[key].WhichOneof("value") == "func":
            found[key] = body_of(functions[node.attr[key].func.name], functions)
    return found


def body_of(function, functions):
    signature = function.signature
    arguments = [a.name + ":" + str(a.type) for a in signature.input_arg]
    results = sorted(a.name + ":" + str(a.type) + "=" + function.ret[a.name] for a in signature.output_arg)
    lines = sorted(described(n) for n in function.node_def)
    inner = [body(n, functions) for n in sorted(function.node_def, key=lambda n: n.name)]
    name = re.sub(r"(_\d+)+$", "", signature.name)
    if name.startswith("_make_dataset_"):  # TensorFlow copies what two nodes use twice
        name, lines = "_make_dataset", sorted({n.op for n in function.node_def})
    return [name, arguments, results, lines, [i for i in inner if i]]


def save(answers):
    text = json.dumps(answers, sort_keys=True, separators=(",", ":")).encode()
    np.savez_compressed(PATH, answers=np.frombuffer(text, dtype=np.uint8))


def load():
    with np.load(PATH) as stored:
        return json.loads(stored["answers"].tobytes().decode())
