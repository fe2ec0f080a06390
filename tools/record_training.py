"""Record TensorFlow 1.15's answers to the scenarios of ``tests/train`` into
``tests/train/data/<family>.npz``.

Run it where TensorFlow 1.15 is installed; it records the families named, or all of them::

    python3.7 tools/record_training.py                       # all
    python3.7 tools/record_training.py optimizers autodiff   # these two
"""

import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import tensorflow as tf  # noqa: E402

from train import FAMILIES, harness  # noqa: E402


def unique_name(graph, name, mark_as_used=True):
    """TensorFlow's names as they were up to 1.12, and as Reflow's are: "Mul" and "mul" are two names."""
    name = graph._name_stack + "/" + name if graph._name_stack else name
    used, base = graph._names_in_use, name
    count = used.get(base, 0)
    if mark_as_used:
        used[base] = count + 1
    if count:
        while name in used:
            name = f"{base}_{count}"
            count += 1
        if mark_as_used:
            used[name] = 1
    return name


def main(names):
    tf.Graph.unique_name = unique_name
    tf.logging.set_verbosity(tf.logging.ERROR)
    for family in names or sorted(FAMILIES):
        found = FAMILIES[family]
        answers = {}
        for name in found.builds:
            try:
                answers[name] = harness.answer(tf, found, name)
            except Exception as error:
                print(f"  FAILED {name}: {type(error).__name__}: {str(error).splitlines()[0][:300]}")
        harness.save(family, answers)
        size = os.path.getsize(harness.path(family)) // 1024
        print(f"{family}: {len(answers)} of {len(found.builds)} scenarios, {size} KB")


if __name__ == "__main__":
    main(sys.argv[1:])
