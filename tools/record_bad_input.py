"""Record the errors in which the programs of ``tests/bad_input.py`` end under TensorFlow 1.15.

    python3.7 tools/record_bad_input.py

writes tests/bad_input.json: the type of each error, and the first line of its text.
"""

import json
import os
import sys

import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import bad_input  # noqa: E402


def main():
    tf.logging.set_verbosity(tf.logging.ERROR)
    found = {n: bad_input.answer(tf, build, tf.Session) for n, build in bad_input.PROGRAMS.items()}
    with open(os.path.join(ROOT, "tests", "bad_input.json"), "w") as file:
        json.dump(found, file, indent=0, sort_keys=True)
    print(len(found), "programs")


if __name__ == "__main__":
    main()
