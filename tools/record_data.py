"""Record TensorFlow 1.15's answers to the pipelines of ``tests/data/scenarios.py``.

Run it where TensorFlow 1.15 is installed; it records all of them::

    python3.7 tools/record_data.py
"""

import os
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
sys.path.insert(0, os.path.join(ROOT, "tools"))

import tensorflow as tf  # noqa: E402
from record_training import unique_name  # noqa: E402

from data import harness, scenarios  # noqa: E402


def main():
    tf.Graph.unique_name = unique_name
    tf.logging.set_verbosity(tf.logging.ERROR)
    answers = {}
    for name, build in scenarios.BUILDS.items():
        try:
            with tempfile.TemporaryDirectory() as folder:
                answers[name] = harness.answer(tf, build, folder)
        except Exception as error:
            print(f"  FAILED {name}: {type(error).__name__}: {str(error).splitlines()[0][:300]}")
    harness.save(answers)
    print(f"{len(answers)} scenarios, {os.path.getsize(harness.PATH) // 1024} KB")


if __name__ == "__main__":
    main()
