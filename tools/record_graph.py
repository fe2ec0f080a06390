"""Record what TensorFlow 1.15 makes of the graph snippets and values of tests/graph: run it under
TensorFlow 1.15.

python tools/record_graph.py tests/graph
"""

import importlib.util
import json
import os
import sys

import numpy as np
import tensorflow as tf


def load(folder, name):
    spec = importlib.util.spec_from_file_location(name, os.path.join(folder, name + ".py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dump(path, rows):
    with open(path, "w") as file:
        lines = [json.dumps(k) + ": " + json.dumps(v) for k, v in sorted(rows.items())]
        file.write("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    folder = sys.argv[1]
    describe = load(folder, "describe")
    snippets, values = load(folder, "snippets"), load(folder, "values")
    for group in ("NAMES", "OPERATORS", "SLICES", "BLOCKS", "SHAPES"):
        rows = {k: describe.built(tf, np, text) for k, text in getattr(snippets, group).items()}
        dump(os.path.join(folder, "data", group.lower() + ".json"), rows)
    rows = {k: describe.converted(tf, np, k) for k in values.CALLS}
    dump(os.path.join(folder, "data", "values.json"), rows)
    with tf.Graph().as_default() as graph:
        load(folder, "golden").build(tf, np)
        with open(os.path.join(folder, "data", "golden.pb"), "wb") as file:
            file.write(graph.as_graph_def(add_shapes=True).SerializeToString(deterministic=True))


if __name__ == "__main__":
    main()
