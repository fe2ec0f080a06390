"""Record the event file that TensorFlow 1.15 writes for `tests/summary/scenario.py`."""

import os
import shutil
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import tensorflow as tf  # noqa: E402

from summary import scenario  # noqa: E402

folder = tempfile.mkdtemp()
scenario.write(tf, folder)
(name,) = os.listdir(folder)
shutil.copy(os.path.join(folder, name), os.path.join(ROOT, "tests", "summary", "data", "scenario.tfevents"))
shutil.rmtree(folder)
