"""Record SavedModels that TensorFlow writes, and have TensorFlow load what Reflow writes.

Three steps, each where it can run::

    python3.7 tools/record_saved_models.py write          # TensorFlow 1.15, then TensorFlow 2: the recordings
    python tools/record_saved_models.py save FOLDER       # Reflow
    python3.7 tools/record_saved_models.py read FOLDER    # TensorFlow: loads them and compares the answers

`write` fills `tests/saved_model/data/<version>/`; the tests load those files under Reflow.
"""

import importlib
import json
import os
import shutil
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from saved_model import models  # noqa: E402

DATA = os.path.join(ROOT, "tests", "saved_model", "data")


def tensorflow():
    import tensorflow as tf

    if tf.__version__.startswith("1."):
        tf.logging.set_verbosity(tf.logging.ERROR)
        return tf, "tf1"
    tf = tf.compat.v1
    tf.disable_v2_behavior()
    return tf, "tf2"


def _save_all(tf, folder):
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    answers = {name: models.save(tf, name, os.path.join(folder, name)) for name in sorted(models.MODELS)}
    with open(os.path.join(folder, "answers.json"), "w") as file:
        json.dump(answers, file, indent=1, sort_keys=True)
    print(f"{len(answers)} models")


def write():
    tf, version = tensorflow()
    os.chdir(DATA)  # the files that models name are written with the path that they were given
    _save_all(tf, version)


def save(folder):
    _save_all(importlib.import_module("reflow"), folder)


def read(folder):
    tf, version = tensorflow()
    with open(os.path.join(folder, "answers.json")) as file:
        answers = json.load(file)
    bad = 0
    for name in sorted(answers):
        for scope in (None, "outer"):
            try:
                found = models.ask(tf, name, os.path.join(folder, name), scope)
                problem = "" if models.same(found, answers[name]) else f"{found} is not {answers[name]}"
            except Exception as error:
                problem = f"{type(error).__name__}: {str(error)[:400]}"
            bad += bool(problem)
            print("FAIL" if problem else "ok  ", name, scope, problem)
    print(f"{version}: {bad} failed")
    return bad


if __name__ == "__main__":
    command, arguments = sys.argv[1], sys.argv[2:]
    sys.exit({"write": write, "save": save, "read": read}[command](*arguments))
