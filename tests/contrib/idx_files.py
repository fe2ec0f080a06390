"""Tiny MNIST files, and what is looked at in the data sets made of them.

Shared by the tests and the recorder (TensorFlow 1.15, Python 3.7): imports neither Reflow nor TensorFlow.
"""

import gzip
import os
import struct

import numpy as np

TRAIN, TEST, ROWS, COLUMNS = 12, 5, 2, 3


def images(count):
    """Images that tell their number: uint8 [count, 2, 3]."""
    return (np.arange(count * ROWS * COLUMNS) % 251).astype(np.uint8).reshape(count, ROWS, COLUMNS)


def labels(count):
    return (np.arange(count) * 7 % 10).astype(np.uint8)


def idx(array, magic):
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


def files():
    """The four files' contents, not compressed, by name."""
    return {
        "train-images-idx3-ubyte": idx(images(TRAIN), 2051),
        "train-labels-idx1-ubyte": idx(labels(TRAIN), 2049),
        "t10k-images-idx3-ubyte": idx(images(TEST), 2051),
        "t10k-labels-idx1-ubyte": idx(labels(TEST), 2049),
    }


def write(folder, compressed=True):
    for name, contents in files().items():
        path = os.path.join(str(folder), name + (".gz" if compressed else ""))
        with (gzip.open if compressed else open)(path, "wb") as file:
            file.write(contents)


def described(batch):
    """A batch as lists, and its types."""
    return [[np.asarray(x).tolist(), str(np.asarray(x).dtype)] for x in batch]


def orders(tf, read_data_sets, folder):
    """The batches of every way of reading and asking, as JSON."""
    found = {}
    for name, options in [
        ("seed", {"seed": 3}),
        ("one_hot", {"seed": 4, "one_hot": True, "dtype": tf.uint8}),
        ("whole", {"seed": 5, "validation_size": 0, "reshape": False}),
    ]:
        with tf.Graph().as_default():
            sets = read_data_sets(str(folder), **dict({"validation_size": 4}, **options))
        found[name] = [described(sets.train.next_batch(n)) for n in (3, 4, 3, 5, 8)]
        found[name] += [described(sets.test.next_batch(2, shuffle=False)) for _ in range(4)]
        found[name].append([sets.train.epochs_completed, sets.test.epochs_completed])
    with tf.Graph().as_default():
        tf.set_random_seed(11)
        sets = read_data_sets(str(folder), validation_size=3)
    found["graph_seed"] = [described(s.next_batch(3)) for s in sets for _ in range(2) if s.num_examples]
    np.random.seed(8)  # the data sets shuffle by NumPy's global numbers
    with tf.Graph().as_default():
        sets = read_data_sets(str(folder), validation_size=3)
    np.random.seed(9)
    found["global_seed"] = [described(sets.train.next_batch(4)) for _ in range(4)]
    fake = read_data_sets(str(folder), fake_data=True, one_hot=True)
    found["fake"] = [*described(fake.train.next_batch(2, fake_data=True)), fake.test.num_examples]
    return found
