"""Cut what the tests need from event files that TensorFlow 1.1 wrote, and from the data of one of them.

    python tools/cut_tf1_logs.py LOGS HOUSING.NPZ

LOGS is the folder with `logs/` and `tf_logs/` that the author of a notebook on the ninth chapter of Geron's
book published (github.com/KaggleBreak/tensorbreak, chapter9); HOUSING.NPZ has `data` and `target` of the
California housing data. Writes tests/summary/data/tf1_logs.json, the graphs' nodes and the scalars, and
housing.npz, the batches of the first steps.
"""

import glob
import json
import os
import sys

import numpy as np

import reflow as tf

FOLDER = os.path.join(os.path.dirname(__file__), "..", "tests", "summary", "data")
RUNS = {
    "relu2": "logs/relu2",
    "relu6": "logs/relu6",
    "relu9": "logs/relu9",
    "mse": "tf_logs/run-20170704085244",
}
BATCH, BATCHES = 100, 21  # of which the 1st, the 11th and the 21st have a summary


def run_of(folder):
    """The nodes of the graph, as text, and the scalars of a run."""
    events = list(tf.train.summary_iterator(glob.glob(os.path.join(folder, "events*[!n]"))[0]))
    graph = tf.GraphDef.FromString(next(event.graph_def for event in events if event.graph_def))
    nodes = [f"{node.name} = {node.op}({', '.join(node.input)})" for node in graph.node]
    return {
        "nodes": nodes,
        "scalars": [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value],
    }


def batches(path):
    """The rows of the first batches: scaled features with a 1 before them, and the targets."""
    with np.load(path) as file:
        data, target = file["data"], file["target"]
    scaled = np.c_[np.ones(len(data)), (data - data.mean(axis=0)) / data.std(axis=0)]
    rows = [np.random.RandomState(number).randint(len(data), size=BATCH) for number in range(BATCHES)]
    return scaled[rows].astype(np.float32), target[rows].astype(np.float32)


def main():
    logs, housing = sys.argv[1:]
    runs = {name: run_of(os.path.join(logs, folder)) for name, folder in RUNS.items()}
    with open(os.path.join(FOLDER, "tf1_logs.json"), "w", encoding="utf8") as file:
        json.dump(runs, file, indent=0)
        file.write("\n")
    x, y = batches(housing)
    np.savez_compressed(os.path.join(FOLDER, "housing.npz"), x=x[..., 1:], y=y)


if __name__ == "__main__":
    main()
