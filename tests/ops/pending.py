"""The rows of the table that wait for a public function: ``pending.txt``."""

import os

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "pending.txt")


def parse(text):
    """The function that each row waits for, by the row's id.

    >>> parse("# Pooling\\ntf.nn.pool: nn-pool\\n    nn-pool_named\\n")
    {'nn-pool': 'tf.nn.pool', 'nn-pool_named': 'tf.nn.pool'}
    """
    found, function = {}, None
    for line in text.splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if not line[0].isspace():
            function, _, line = line.partition(":")
        for row in line.split():
            if row in found:
                raise ValueError(f"row {row} is pending twice")
            found[row] = function
    return found


def pending():
    """The rows of ``pending.txt``, and the function that each waits for."""
    with open(PATH, encoding="utf8") as file:
        return parse(file.read())
