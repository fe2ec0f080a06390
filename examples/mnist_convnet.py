"""Train a convolutional network on handwritten digits, in the style of TensorFlow 1.

    reflow run examples/mnist_convnet.py [--data FOLDER] [--steps 300] [--batch 64] [--rate 0.001]
                                            [--width 16]

FOLDER has the four idx files of MNIST (`train-images-idx3-ubyte.gz` and so on; unpacked ones will do too).
Without it, the program learns scikit-learn's digits of 8 x 8 pixels, which need no download.
"""

import argparse
import gzip
import struct
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

FILES = (
    "train-images-idx3-ubyte",
    "t10k-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-labels-idx1-ubyte",
)


class Refusal(Exception):
    """What the user is told in one line."""


def idx(folder, name):
    """The array of an idx file, packed or not."""
    path = next((p for p in (folder / f"{name}.gz", folder / name) if p.exists()), None)
    if path is None:
        raise Refusal(f"{folder} has neither {name}.gz nor {name}")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        zeros, kind, rank = struct.unpack(">HBB", content[:4])
        shape = struct.unpack(f">{rank}I", content[4 : 4 + 4 * rank])
        if zeros != 0 or kind != 8:
            raise ValueError("not an idx file of bytes")
        return np.frombuffer(content, np.uint8, offset=4 + 4 * rank).reshape(shape)
    except (ValueError, struct.error, OSError, EOFError) as error:
        raise Refusal(f"{path} can't be read: {error}") from error


def load(folder):
    """Images to train with and to test with [count, height, width, 1] in [0, 1], and their labels."""
    if folder is None:
        digits = load_digits()
        images = digits.images.astype(np.float32)[..., None] / 16.0
        return train_test_split(images, digits.target.astype(np.int64), test_size=0.25, random_state=0)
    arrays = [idx(Path(folder), name) for name in FILES]
    for images, labels in (arrays[0::2], arrays[1::2]):
        if images.ndim != 3 or labels.shape != images.shape[:1]:
            raise Refusal(f"images {images.shape} and labels {labels.shape} don't belong together")
    images = [array.astype(np.float32)[..., None] / 255.0 for array in arrays[:2]]
    return [*images, *(array.astype(np.int64) for array in arrays[2:])]


def build(shape, width, rate):
    """The graph: two convolutions, each with a pool, a dense layer with dropout; one step of Adam."""
    images = tf.placeholder(tf.float32, [None, *shape], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    training = tf.placeholder_with_default(False, [], name="training")
    hidden = tf.layers.conv2d(images, width, 5, padding="same", activation=tf.nn.relu, name="conv1")
    hidden = tf.layers.max_pooling2d(hidden, 2, 2, name="pool1")
    hidden = tf.layers.conv2d(hidden, 2 * width, 5, padding="same", use_bias=False, name="conv2")
    hidden = tf.nn.relu(tf.layers.batch_normalization(hidden, momentum=0.9, training=training, name="norm"))
    hidden = tf.layers.flatten(tf.layers.max_pooling2d(hidden, 2, 2, name="pool2"))
    hidden = tf.layers.dense(hidden, 8 * width, activation=tf.nn.relu, name="dense")
    hidden = tf.layers.dropout(hidden, 0.4, training=training)
    logits = tf.layers.dense(hidden, 10, name="logits")
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    right = tf.equal(tf.argmax(logits, 1), labels)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        step = tf.train.AdamOptimizer(rate).minimize(loss)
    return images, labels, training, loss, tf.reduce_sum(tf.cast(right, tf.int64)), step


def batches(images, labels, size, random):
    """Batches without end, in a new order after each pass."""
    while True:
        order = random.permutation(len(images))
        for start in range(0, len(order) - size + 1, size):
            chosen = order[start : start + size]
            yield images[chosen], labels[chosen]


def train(arguments):
    train_images, test_images, train_labels, test_labels = load(arguments.data)
    if arguments.batch > len(train_images):
        raise Refusal(f"--batch {arguments.batch} is more than the {len(train_images)} images there are")
    tf.set_random_seed(1)
    images, labels, training, loss, right, step = build(
        train_images.shape[1:], arguments.width, arguments.rate
    )

    def accuracy(sess):
        found = 0
        for start in range(0, len(test_images), 500):
            part = slice(start, start + 500)
            found += sess.run(right, {images: test_images[part], labels: test_labels[part]})
        return found / len(test_images)

    columns = [
        TextColumn("step {task.completed:>4.0f}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    ]
    source = batches(train_images, train_labels, arguments.batch, np.random.RandomState(1))
    started = time.perf_counter()
    with tf.Session() as sess, Progress(*columns) as progress:
        sess.run(tf.global_variables_initializer())
        bar = progress.add_task("train", total=arguments.steps, state="")
        for _ in range(arguments.steps):
            batch_images, batch_labels = next(source)
            feed = {images: batch_images, labels: batch_labels, training: True}
            _, last = sess.run([step, loss], feed)
            progress.update(bar, advance=1, state=f"loss {last:.4f}")
        seconds = time.perf_counter() - started
        held_out = accuracy(sess)
    speed = arguments.steps / seconds
    print(
        f"{arguments.steps} steps in {seconds:.1f} s ({speed:.0f} steps/s); held-out accuracy {held_out:.2%}"
    )


def positive(kind):
    def parse(text):
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not more than 0")
        return value

    return parse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", metavar="FOLDER")
    parser.add_argument("--steps", type=positive(int), default=300)
    parser.add_argument("--batch", type=positive(int), default=64)
    parser.add_argument("--rate", type=positive(float), default=0.001)
    parser.add_argument("--width", type=positive(int), default=16)
    try:
        train(parser.parse_args())
    except Refusal as refusal:
        print(f"mnist_convnet: {refusal}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
