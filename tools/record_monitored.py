"""Record what TensorFlow 1.15's monitored sessions and supervisors do in the programs of the tests.

    python tools/record_monitored.py

writes tests/train/data/monitored.json. Needs TensorFlow 1.15 (Python 3.7); the tests need only the file.
"""

import json
import os
import sys
import tempfile

import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

from train import monitored_programs as programs  # noqa: E402
from train import supervised_programs  # noqa: E402, F401  (they enter themselves among the programs)


def shorten(found):
    """Put the name of the first program with the same graph in place of its nodes."""
    first = {}
    for name in sorted(found):
        nodes = found[name]["nodes"]
        same = first.setdefault(tuple(nodes), name)
        if same != name:
            found[name]["nodes"] = same


def main():
    found = {name: programs.run(tf, name, tempfile.mkdtemp()) for name in sorted(programs.PROGRAMS)}
    shorten(found)
    path = os.path.join(ROOT, "tests", "train", "data", "monitored.json")
    with open(path, "w") as file:
        json.dump(found, file, indent=0, sort_keys=True)
        file.write("\n")
    print(len(found), "programs,", os.path.getsize(path), "bytes")


if __name__ == "__main__":
    main()
