"""Train a small network on scikit-learn's handwritten digits, in the style of TensorFlow 1.

    reflow run examples/digits.py [--epochs 30] [--batch 64] [--hidden 128] [--rate 0.002]

The program is an ordinary TF 1 script: it says `import tensorflow as tf`, builds a graph, and runs it in a
session.
"""

import argparse
import time

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split


def load():
    """1,797 digits of 8 x 8 pixels, scaled to [0, 1]; a quarter is held out."""
    digits = load_digits()
    images = digits.data.astype(np.float32) / 16.0
    return train_test_split(images, digits.target.astype(np.int64), test_size=0.25, random_state=0)


def dense(inputs, units, name, activation=None):
    with tf.variable_scope(name):
        weights = tf.get_variable("weights", [inputs.shape[1], units])
        biases = tf.get_variable("biases", [units], initializer=tf.zeros_initializer())
        outputs = tf.matmul(inputs, weights) + biases
        return activation(outputs) if activation is not None else outputs


def build(hidden, rate):
    """The graph: placeholders, two layers, the loss, one step of Adam, the accuracy."""
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    logits = dense(dense(images, hidden, "hidden", tf.nn.relu), 10, "output")
    with tf.name_scope("loss"):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
        loss = tf.reduce_mean(losses)
    with tf.name_scope("accuracy"):
        accuracy = tf.reduce_mean(tf.cast(tf.equal(tf.argmax(logits, 1), labels), tf.float32))
    step = tf.train.AdamOptimizer(rate).minimize(loss)
    return images, labels, loss, accuracy, step


def batches(images, labels, size, random):
    order = random.permutation(len(images))
    for start in range(0, len(order), size):
        chosen = order[start : start + size]
        yield images[chosen], labels[chosen]


def train(arguments):
    train_images, test_images, train_labels, test_labels = load()
    tf.set_random_seed(1)
    random = np.random.RandomState(1)
    images, labels, loss, accuracy, step = build(arguments.hidden, arguments.rate)
    columns = [
        TextColumn("epoch {task.completed:>3.0f}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    ]
    started, steps = time.perf_counter(), 0
    with tf.Session() as sess, Progress(*columns) as progress:
        sess.run(tf.global_variables_initializer())
        bar = progress.add_task("train", total=arguments.epochs, state="")
        for _ in range(arguments.epochs):
            for batch_images, batch_labels in batches(train_images, train_labels, arguments.batch, random):
                _, last = sess.run([step, loss], {images: batch_images, labels: batch_labels})
                steps += 1
            held_out = sess.run(accuracy, {images: test_images, labels: test_labels})
            progress.update(bar, advance=1, state=f"loss {last:.4f}  held-out accuracy {held_out:.1%}")
    seconds = time.perf_counter() - started
    print(
        f"{steps} steps in {seconds:.1f} s ({steps / seconds:.0f} steps/s); held-out accuracy {held_out:.2%}"
    )
    return held_out


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--rate", type=float, default=0.002)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
