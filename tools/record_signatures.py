"""Record the signatures of TensorFlow 1.15's public functions and classes.

    python -c "from reflow import api; print(*api.all_names(), sep='\\n')" > names.txt   # under Reflow
    python3.7 tools/record_signatures.py names.txt                                       # under 1.15

writes tests/signatures.txt.gz, one line for each function and method that has one of the names.
"""

import gzip
import os
import sys

import tensorflow as tf

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "tests"))

import signatures  # noqa: E402


def main(path):
    tf.logging.set_verbosity(tf.logging.ERROR)
    with open(path) as file:
        found = signatures.lines(tf, sorted(file.read().split()))
    text = "".join(f"{name}{found[name]}\n" for name in sorted(found))
    target = os.path.join(ROOT, "tests", "signatures.txt.gz")
    with open(target, "wb") as file, gzip.GzipFile("", "wb", fileobj=file, mtime=0) as packed:
        packed.write(text.encode())
    print(f"{len(found)} signatures, {os.path.getsize(target) // 1024} KB")


if __name__ == "__main__":
    main(sys.argv[1])
