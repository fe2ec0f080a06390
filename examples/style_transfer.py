"""Paint a photograph in the style of another picture, in the style of TensorFlow 1.

    reflow run examples/style_transfer.py [--content FILE] [--style FILE] [--out style_transfer.png]
                                             [--width 200] [--steps 120] [--filters 40] [--paint 60]
                                             [--smooth 2] [--begin 0.3] [--rate 0.03] [--logs FOLDER]

The picture is a variable, and Adam changes it until a network sees the content of one picture in it and the
style of the other. Content is what the network's features are at each place; style is which of them come
together, wherever: their Gram matrix. The network is made on the spot: a pyramid of the picture, and on each
level two layers of random filters. Nobody trains them, and still they know a texture when they see it.

Without --content it paints scikit-learn's photograph of a temple; without --style, with strokes that it
makes itself. --paint weighs style against content, --smooth evenness. --begin is the part of the style
picture in the first: even areas get no texture unless they begin with some. With --logs the losses and the
picture as it grows are written as summaries, which TensorBoard shows.
"""

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from scipy import ndimage
from sklearn.datasets import load_sample_image

LEVELS = 4  # each has half the width of the one before
SMALLEST = 16  # pixels: of a smaller picture the last levels are nothing
CONTENT = 3  # the layer whose features are the content: the second of level 1
REPORT = 10  # steps between two looks at the losses
PALETTE = [(10, 22, 62), (28, 74, 140), (86, 150, 196), (214, 224, 206), (244, 196, 66), (222, 120, 38)]


class Refusal(Exception):
    """What the user is told in one line."""


# Pictures: arrays [height, width, 3] of floats in [0, 1]


def read(path, width):
    """The picture of a file, made `width` pixels wide."""
    try:
        with Image.open(path) as image:
            return resized(image.convert("RGB"), width)
    except OSError as error:
        raise Refusal(f"{path} can't be read: {error.strerror or error}") from error


def resized(image, width):
    height = max(round(image.height * width / image.width), 1)
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS), np.float32) / 255.0


def strokes(height, width, random):
    """Swirling brush strokes: noise smeared along a field of directions, in a few colours."""
    angle = 3 * np.pi * ndimage.gaussian_filter(random.normal(size=(height, width)), width / 9, mode="wrap")
    angle = angle / angle.std()
    rows, columns = np.mgrid[:height, :width].astype(float)
    tones = np.zeros((height, width))
    noise = ndimage.gaussian_filter(random.uniform(size=(height, width)), 0.9, mode="wrap")
    for direction in (-1, 1):
        y, x = rows.copy(), columns.copy()
        for _ in range(9):
            at = [y, x]
            tones += ndimage.map_coordinates(noise, at, order=1, mode="wrap")
            turn = ndimage.map_coordinates(angle, at, order=1, mode="wrap")
            y, x = y + direction * np.sin(turn), x + direction * np.cos(turn)
    tones += 0.9 * tones.std() * ndimage.zoom(random.normal(size=(5, 7)), (height / 5, width / 7), order=3)
    place = tones.argsort(axis=None).argsort().reshape(tones.shape) / (tones.size - 1) * (len(PALETTE) - 1)
    colours = np.array(PALETTE) / 255.0
    return np.stack([np.interp(place, range(len(PALETTE)), c) for c in colours.T], -1).astype(np.float32)


# The network


def random_filters(size, inputs, outputs, random):
    """The filters of one layer; half of them have mean 0, so that brightness does not drown texture."""
    drawn = random.normal(size=[size, size, inputs, outputs])
    drawn[..., : outputs // 2] -= drawn[..., : outputs // 2].mean(axis=(0, 1), keepdims=True)
    return tf.constant(drawn / np.sqrt(np.square(drawn).sum((0, 1, 2))), tf.float32, name="filters")


def network(width, seed):
    """The filters of all levels: two layers each."""
    random = np.random.RandomState(seed)
    return [
        (random_filters(5, 3, width, random), random_filters(3, width, width, random)) for _ in range(LEVELS)
    ]


def features(picture, filters):
    """What the network sees in a picture [height, width, 3]: [height, width, features] for each layer."""
    found, image = [], picture[None] - 0.5
    for level, pair in enumerate(filters):
        with tf.name_scope(f"level{level}"):
            if level:
                image = tf.nn.avg_pool(image, [1, 4, 4, 1], [1, 2, 2, 1], "SAME")
            hidden = image
            for kernel in pair:
                hidden = tf.nn.relu(tf.nn.conv2d(hidden, kernel, [1, 1, 1, 1], "SAME"))
                found.append(hidden[0])
    return found


def gram(layer):
    """How much each two features come together."""
    flat = tf.reshape(layer, [-1, layer.shape[-1]])
    return tf.matmul(flat, flat, transpose_a=True) / tf.cast(tf.shape(flat)[0], tf.float32)


def relative(found, wanted):
    """The mean square of a difference, as a part of that of what is wanted."""
    return tf.reduce_mean(tf.square(found - wanted)) / np.mean(np.square(wanted))


def build(content, style, arguments):
    """The graph: the picture, its losses of content and style, one step of Adam, summaries."""
    filters = network(arguments.filters, seed=1)
    with tf.Session() as sess:
        shown = tf.placeholder(tf.float32, [None, None, 3], name="shown")
        seen = features(shown, filters)
        wanted_content = sess.run(seen[CONTENT], {shown: content})
        wanted_style = sess.run([gram(layer) for layer in seen], {shown: style})
    start = (1 - arguments.begin) * content + arguments.begin * style
    picture = tf.Variable(start, dtype=tf.float32, name="picture")
    seen = features(picture, filters)
    with tf.name_scope("losses"):
        kept = relative(seen[CONTENT], wanted_content)
        painted = tf.add_n([relative(gram(s), w) for s, w in zip(seen, wanted_style, strict=True)]) / len(
            seen
        )
        rough = tf.image.total_variation(picture) / content.size
    loss = kept + arguments.paint * painted + arguments.smooth * rough
    with tf.control_dependencies([tf.train.AdamOptimizer(arguments.rate).minimize(loss)]):
        step = picture.assign(tf.clip_by_value(picture, 0.0, 1.0))
    for name, part in [("content", kept), ("style", painted), ("roughness", rough), ("loss", loss)]:
        tf.summary.scalar(name, part)
    tf.summary.image("painting", picture[None], max_outputs=1)
    return picture, (kept, painted), step.op, tf.summary.merge_all()


def pictures(arguments):
    """The content, and a style picture of the same size."""
    if arguments.content is not None:
        content = read(arguments.content, arguments.width)
    else:
        content = resized(Image.fromarray(load_sample_image("china.jpg")), arguments.width)
    height, width = content.shape[:2]
    if min(height, width) < SMALLEST:
        raise Refusal(f"a picture of {width} x {height} pixels is too small; {SMALLEST} is the least")
    if arguments.style is None:
        return content, strokes(height, width, np.random.RandomState(0))
    style = read(arguments.style, width)
    rows = np.arange(height) % len(style)  # as often as it takes
    return content, style[rows]


def writer(folder):
    if folder is None:
        return None
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refusal(f"--logs {folder}: {error.strerror or error}") from error
    return tf.summary.FileWriter(folder, tf.get_default_graph())


def save(picture, path):
    try:
        Image.fromarray((picture * 255.0 + 0.5).astype(np.uint8)).save(path)
    except (OSError, ValueError) as error:
        raise Refusal(f"--out {path}: {getattr(error, 'strerror', None) or error}") from error


def paint(arguments):
    content, style = pictures(arguments)
    picture, losses, step, summaries = build(content, style, arguments)
    logs = writer(arguments.logs)
    columns = [
        TextColumn("step {task.completed:>4.0f}"),
        BarColumn(),
        TextColumn("{task.fields[state]}"),
        TimeElapsedColumn(),
    ]
    started = time.perf_counter()
    with tf.Session() as sess, Progress(*columns) as progress:
        sess.run(tf.global_variables_initializer())
        bar = progress.add_task("paint", total=arguments.steps, state="")
        for number in range(arguments.steps + 1):
            if number % REPORT == 0 or number == arguments.steps:
                kept, painted = sess.run(losses)
                progress.update(bar, state=f"content {kept:.3f}  style {painted:.4f}")
                if logs is not None:
                    logs.add_summary(sess.run(summaries), number)
            if number < arguments.steps:
                sess.run(step)
                progress.update(bar, advance=1)
        result = sess.run(picture)
    if logs is not None:
        logs.close()
    save(result, arguments.out)
    seconds = time.perf_counter() - started
    found = f"content {kept:.3f}, style {painted:.4f}"
    print(f"{arguments.steps} steps in {seconds:.1f} s; {found}: {arguments.out}")


def number(kind, least, most=np.inf, strict=False):
    """What parses a number in a range, whose least itself is left out if `strict`."""

    def parse(text):
        value = kind(text)
        if not least <= value <= most or (strict and value == least):
            end = "" if most == np.inf else f" and at most {most}"
            raise argparse.ArgumentTypeError(
                f"{text} is not {'more than' if strict else 'at least'} {least}{end}"
            )
        return value

    return parse


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--content", metavar="FILE")
    parser.add_argument("--style", metavar="FILE")
    parser.add_argument("--out", metavar="FILE", default="style_transfer.png")
    parser.add_argument("--width", type=number(int, SMALLEST), default=200)
    parser.add_argument("--steps", type=number(int, 0), default=120)
    parser.add_argument("--filters", type=number(int, 2), default=40)
    parser.add_argument("--paint", type=number(float, 0.0), default=60.0)
    parser.add_argument("--smooth", type=number(float, 0.0), default=2.0)
    parser.add_argument("--begin", type=number(float, 0.0, 1.0), default=0.3)
    parser.add_argument("--rate", type=number(float, 0.0, strict=True), default=0.03)
    parser.add_argument("--logs", metavar="FOLDER")
    try:
        paint(parser.parse_args())
    except Refusal as refusal:
        print(f"style_transfer: {refusal}", file=sys.stderr)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
