"""Train a variational autoencoder on handwritten digits, in the style of TensorFlow 1, and draw new
digits with it.

    reflow run examples/vae.py [--epochs 40] [--batch 64] [--hidden 128] [--latent 8] [--rate 0.002]
                                 [--logs FOLDER]

With --logs the losses and pictures of invented digits are written as summaries, which TensorBoard shows.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from sklearn.datasets import load_digits

SIZE, SHADES = 8, " .:-=+*#%@"


class Refusal(Exception):
    """What the user is told in one line."""


def load():
    """1,797 digits of 8 x 8 pixels, scaled to [0, 1]; the last 297 are held out."""
    images = load_digits().data.astype(np.float32) / 16.0
    return images[:1500], images[1500:]


def encoder(images, hidden, latent):
    """The mean and the logarithm of the variance of each image's code."""
    with tf.variable_scope("encoder"):
        features = tf.layers.dense(images, hidden, activation=tf.nn.relu)
        return tf.layers.dense(features, latent, name="mean"), tf.layers.dense(
            features, latent, name="spread"
        )


def decoder(codes, hidden):
    """The logits of the pixels of each code; called again, it has the same variables."""
    with tf.variable_scope("decoder", reuse=tf.AUTO_REUSE):
        features = tf.layers.dense(codes, hidden, activation=tf.nn.relu, name="features")
        return tf.layers.dense(features, SIZE * SIZE, name="pixels")


def build(hidden, latent, rate):
    """The graph: the loss (negative evidence bound), one step of Adam, invented digits, summaries."""
    images = tf.placeholder(tf.float32, [None, SIZE * SIZE], name="images")
    mean, spread = encoder(images, hidden, latent)
    codes = mean + tf.exp(0.5 * spread) * tf.random_normal(tf.shape(mean))
    logits = decoder(codes, hidden)
    wrong = tf.nn.sigmoid_cross_entropy_with_logits(labels=images, logits=logits)
    rebuilt = tf.reduce_mean(tf.reduce_sum(wrong, 1))
    divergence = tf.reduce_mean(0.5 * tf.reduce_sum(tf.exp(spread) + tf.square(mean) - 1.0 - spread, 1))
    loss = rebuilt + divergence
    invented = tf.reshape(tf.sigmoid(decoder(tf.random_normal([8, latent]), hidden)), [-1, SIZE, SIZE, 1])
    tf.summary.scalar("reconstruction", rebuilt)
    tf.summary.scalar("divergence", divergence)
    tf.summary.image("invented", invented, max_outputs=8)
    tf.summary.image("rebuilt", tf.reshape(tf.sigmoid(logits), [-1, SIZE, SIZE, 1]), max_outputs=8)
    return images, loss, invented, tf.train.AdamOptimizer(rate).minimize(loss), tf.summary.merge_all()


def drawn(digits):
    """Some pictures side by side, as text."""
    rows = np.concatenate(list(digits[..., 0]), axis=1)
    places = np.minimum((rows * len(SHADES)).astype(int), len(SHADES) - 1)
    return "\n".join("".join(SHADES[place] for place in row) for row in places)


def writer(folder):
    if folder is None:
        return None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"--logs {folder}: {error.strerror or error}") from error
    return tf.summary.FileWriter(folder, tf.get_default_graph())


def train(arguments):
    training, held_out = load()
    if arguments.batch > len(training):
        raise Refusal(f"--batch {arguments.batch} is more than the {len(training)} images there are")
    tf.set_random_seed(1)
    random = np.random.RandomState(1)
    images, loss, invented, step, summaries = build(arguments.hidden, arguments.latent, arguments.rate)
    logs = writer(arguments.logs)
    columns = [
        TextColumn("epoch {task.completed:>3.0f}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    ]
    started = time.perf_counter()
    with tf.Session() as sess, Progress(*columns) as progress:
        sess.run(tf.global_variables_initializer())
        bar = progress.add_task("train", total=arguments.epochs, state="")
        for epoch in range(arguments.epochs):
            order = random.permutation(len(training))
            for start in range(0, len(order) - arguments.batch + 1, arguments.batch):
                sess.run(step, {images: training[order[start : start + arguments.batch]]})
            last, summary = sess.run([loss, summaries], {images: held_out})
            if logs is not None:
                logs.add_summary(summary, epoch + 1)
            progress.update(bar, advance=1, state=f"held-out loss {last:.3f}")
        digits = sess.run(invented)
    if logs is not None:
        logs.close()
    print(drawn(digits))
    seconds = time.perf_counter() - started
    print(f"{arguments.epochs} epochs in {seconds:.1f} s; held-out loss {last:.3f}")


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
    parser.add_argument("--epochs", type=positive(int), default=40)
    parser.add_argument("--batch", type=positive(int), default=64)
    parser.add_argument("--hidden", type=positive(int), default=128)
    parser.add_argument("--latent", type=positive(int), default=8)
    parser.add_argument("--rate", type=positive(float), default=0.002)
    parser.add_argument("--logs", metavar="FOLDER")
    try:
        train(parser.parse_args())
    except Refusal as refusal:
        print(f"vae: {refusal}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
