"""Record the batches that TensorFlow 1.15 makes of tiny MNIST files into `tests/contrib/data/mnist.json`.

Run it where TensorFlow 1.15 is installed: ``python3.7 tools/record_mnist.py``.
"""

import json
import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests", "contrib"))

import idx_files  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.examples.tutorials.mnist import input_data  # noqa: E402

with tempfile.TemporaryDirectory() as folder:
    idx_files.write(folder)
    found = idx_files.orders(tf, input_data.read_data_sets, folder)
with open(os.path.join(ROOT, "tests", "contrib", "data", "mnist.json"), "w") as file:
    json.dump(found, file, sort_keys=True, separators=(",", ":"))
    file.write("\n")
