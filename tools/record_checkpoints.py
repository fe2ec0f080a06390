"""Record checkpoints and graphs that TensorFlow writes, and have TensorFlow read what Reflow writes.

Three steps, each where it can run::

    python3.7 tools/record_checkpoints.py write          # TensorFlow 1.15, then TensorFlow 2: the recordings
    python tools/record_checkpoints.py save FOLDER       # Reflow: a checkpoint and a .meta for each model
    python3.7 tools/record_checkpoints.py read FOLDER    # TensorFlow: restores and imports them, compares

`write` fills `tests/train/data/checkpoints/<version>/`; the tests read those files under Reflow.
"""

import importlib
import json
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import numpy as np  # noqa: E402

from train import checkpoint_models as models  # noqa: E402

DATA = os.path.join(ROOT, "tests", "train", "data", "checkpoints")


def tensorflow():
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        tf.logging.set_verbosity(tf.logging.ERROR)
        return tf, "tf1"
    tf = tf.compat.v1
    tf.disable_v2_behavior()
    return tf, "tf2"


def write():
    tf, version = tensorflow()
    folder = os.path.join(DATA, version)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    answers = {}
    for name in sorted(models.MODELS):
        answers[name] = models.save(tf, name, os.path.join(folder, name))
    models.save_tensors(tf, folder)
    with open(os.path.join(folder, "answers.json"), "w") as file:
        json.dump(answers, file, indent=1, sort_keys=True)
    size = sum(os.path.getsize(os.path.join(folder, f)) for f in os.listdir(folder))
    print(f"{len(answers)} models, {size} bytes")


def save(folder):
    tf = importlib.import_module("reflow")
    if not os.path.isdir(folder):
        os.makedirs(folder)
    answers = {name: models.save(tf, name, os.path.join(folder, name)) for name in models.MODELS}
    models.save_tensors(tf, folder)
    with open(os.path.join(folder, "answers.json"), "w") as file:
        json.dump(answers, file)
    print(f"{len(answers)} models")


def read(folder):
    tf, version = tensorflow()
    with open(os.path.join(folder, "answers.json")) as file:
        answers = json.load(file)
    bad = 0
    for name in sorted(answers):
        for how in (models.restore, models.import_and_restore):
            try:
                found = how(tf, name, os.path.join(folder, name))
                close = np.allclose(found, answers[name], rtol=1e-5, atol=1e-6)
                problem = "" if close else f"{found} instead of {answers[name]}"
            except Exception as error:
                problem = f"{type(error).__name__}: {str(error)[:300]}"
            bad += bool(problem)
            print("FAIL" if problem else "ok  ", name, how.__name__, problem)
    for name, same in models.check_tensors(tf, folder):
        bad += not same
        print("ok  " if same else "FAIL", "tensor", name)
    print(f"{version}: {bad} failed")
    return bad


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    sys.exit({"write": write, "save": save, "read": read}[command](*arguments))
