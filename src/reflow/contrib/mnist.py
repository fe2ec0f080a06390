"""The MNIST digits, as `tensorflow.examples.tutorials.mnist.input_data` gives them: batches of NumPy arrays.

The order of the examples is TensorFlow's: like it, the data sets shuffle by NumPy's global random numbers,
which they seed when they are made.
"""

from __future__ import annotations

import gzip
import io
import math
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.contrib import datasets
from reflow.ops.random_seed import get_seed

DEFAULT_SOURCE_URL = "https://storage.googleapis.com/cvdf-datasets/mnist/"
IMAGES_MAGIC, LABELS_MAGIC = 2051, 2049
MAX_RATIO = 1032  # what the compression of gzip files can make of one byte
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
Array = np.ndarray[Any, Any]


# Files


def _contents(f: Any, start: int) -> bytes:
    """What is in an open idx file, compressed or not, with a header of `start` bytes. ValueError when it
    breaks off."""
    contents: bytes = f.read()
    if not contents.startswith(b"\x1f\x8b"):
        return contents
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(contents)) as source:
            header = source.read(start)
            wanted = math.prod(struct.unpack(f">{len(header) // 4}I", header[: len(header) // 4 * 4])[1:])
            if wanted > MAX_RATIO * len(contents):
                raise EOFError(f"it cannot hold {wanted} bytes")
            return header + source.read(wanted) + source.read(1)
    except (EOFError, OSError, zlib.error) as error:
        raise ValueError(f"{f.name} is not a whole gzip file: {error}") from None


def _idx(f: Any, magic: int, kind: str, dimensions: int) -> Array:
    """The bytes of an idx file, checked, in their shape."""
    start = 4 * (1 + dimensions)
    contents = _contents(f, start)
    if len(contents) < start:
        raise ValueError(f"MNIST {kind} file {f.name} breaks off in its header, after {len(contents)} bytes")
    found, *shape = struct.unpack(f">{1 + dimensions}I", contents[:start])
    if found != magic:
        raise ValueError(f"Invalid magic number {found} in MNIST {kind} file: {f.name}")
    size = math.prod(shape)
    if len(contents) < start + size:
        raise ValueError(
            f"MNIST {kind} file {f.name} breaks off: its header says {shape}, but there are "
            f"{len(contents) - start} bytes"
        )
    return np.frombuffer(contents, np.uint8, size, start).reshape(shape)


def extract_images(f: Any) -> Array:
    """The images of an idx file: uint8, [images, rows, columns, 1].

    Args:
        f: the file, open for reading bytes, compressed or not.

    ValueError when it is no file of images or breaks off.
    """
    print("Extracting", f.name)
    return _idx(f, IMAGES_MAGIC, "image", 3)[..., None]


def extract_labels(f: Any, one_hot: bool = False, num_classes: int = 10) -> Array:
    """The labels of an idx file: uint8, [labels]; with `one_hot`, float64 of [labels, num_classes].

    Arguments and errors as of `extract_images`.
    """
    print("Extracting", f.name)
    labels = _idx(f, LABELS_MAGIC, "label", 1)
    return dense_to_one_hot(labels, num_classes) if one_hot else labels


def dense_to_one_hot(labels_dense: Array, num_classes: int) -> Array:
    """Rows of zeros, with a one at the place of each label: float64.

    >>> dense_to_one_hot(np.array([1, 0]), 3)
    array([[0., 1., 0.],
           [1., 0., 0.]])
    """
    rows = np.zeros((labels_dense.shape[0], num_classes))
    rows[np.arange(labels_dense.shape[0]), labels_dense.ravel()] = 1
    return rows


# Batches


class DataSet:
    """Images and labels, handed out in batches.

    Args:
        images: uint8, [examples, rows, columns, channels].
        labels: [examples, ...].
        fake_data: have no images; `next_batch` makes up some.
        one_hot: the form of made-up labels.
        dtype: float32, for images in [0, 1], or uint8, for images as they are; TypeError for others.
        reshape: make each image one row; its channel must be one.
        seed: of the order; by default the graph's seed, if it has one.

    >>> digits = DataSet(np.zeros([4, 2, 2, 1], np.uint8), np.arange(4), seed=1)
    >>> digits.num_examples, digits.images.shape
    (4, (4, 4))
    >>> images, labels = digits.next_batch(3)
    >>> len(labels), digits.epochs_completed
    (3, 0)
    """

    def __init__(
        self,
        images: Any,
        labels: Any,
        fake_data: bool = False,
        one_hot: bool = False,
        dtype: Any = dtypes.float32,
        reshape: bool = True,
        seed: int | None = None,
    ) -> None:
        first, second = get_seed(seed)
        np.random.seed(first if seed is None else second)
        dtype = dtypes.as_dtype(dtype).base_dtype
        if dtype not in (dtypes.uint8, dtypes.float32):
            raise TypeError(f"Invalid image dtype {dtype!r}, expected uint8 or float32")
        self.one_hot = one_hot
        if not fake_data:
            images = _prepared(images, labels, dtype, reshape)
        self._num_examples = 10000 if fake_data else images.shape[0]
        self._images, self._labels = images, labels
        self._epochs_completed = 0
        self._index_in_epoch = 0

    @property
    def images(self) -> Any:
        """All images, in the order of this epoch."""
        return self._images

    @property
    def labels(self) -> Any:
        """All labels, in the order of this epoch."""
        return self._labels

    @property
    def num_examples(self) -> int:
        return self._num_examples

    @property
    def epochs_completed(self) -> int:
        """How often all examples have been handed out."""
        return self._epochs_completed

    def next_batch(self, batch_size: int, fake_data: bool = False, shuffle: bool = True) -> tuple[Any, Any]:
        """The next `batch_size` images and labels; where an epoch ends, the rest of it and some of the next.

        Args:
            fake_data: make up images and labels.
            shuffle: put the examples in a new order when an epoch begins.
        """
        if fake_data:
            label = [1] + [0] * 9 if self.one_hot else 0
            return [[1] * 784 for _ in range(batch_size)], [label for _ in range(batch_size)]
        start = self._index_in_epoch
        if self._epochs_completed == 0 and start == 0 and shuffle:
            self._shuffle()
        if start + batch_size <= self._num_examples:
            self._index_in_epoch = start + batch_size
            return self._part(start, self._index_in_epoch)
        self._epochs_completed += 1
        rest = self._part(start, self._num_examples)
        if shuffle:
            self._shuffle()
        self._index_in_epoch = batch_size - (self._num_examples - start)
        fresh = self._part(0, self._index_in_epoch)
        return np.concatenate((rest[0], fresh[0])), np.concatenate((rest[1], fresh[1]))

    def _shuffle(self) -> None:
        order = np.arange(self._num_examples)
        np.random.shuffle(order)
        self._images, self._labels = self._images[order], self._labels[order]

    def _part(self, start: int, end: int) -> tuple[Any, Any]:
        return self._images[start:end], self._labels[start:end]


def _prepared(images: Any, labels: Any, dtype: dtypes.DType, reshape: bool) -> Any:
    """Images in the form that is wanted. AssertionError, as TensorFlow's, when their number or channels are
    not those expected.
    """
    if images.shape[0] != labels.shape[0]:
        raise AssertionError(f"images.shape: {images.shape} labels.shape: {labels.shape}")
    if reshape:
        if images.shape[3] != 1:
            raise AssertionError(f"reshape takes images of one channel, got the shape {images.shape}")
        images = images.reshape(images.shape[0], images.shape[1] * images.shape[2])
    return np.multiply(images.astype(np.float32), 1.0 / 255.0) if dtype == dtypes.float32 else images


def _read(name: str, folder: Any, source_url: str, extract: Callable[[Any], Array]) -> Array:
    """A file of the folder, or else of the source; it need not be compressed in the folder."""
    plain = Path(folder) / name.removesuffix(".gz")
    compressed = plain.with_name(name).exists()
    path = str(plain) if plain.exists() and not compressed else None
    if path is None:
        path = datasets.maybe_download(name, folder, source_url + name)
    with open(path, "rb") as f:
        return extract(f)


def read_data_sets(
    train_dir: str | os.PathLike[str],
    fake_data: bool = False,
    one_hot: bool = False,
    dtype: Any = dtypes.float32,
    reshape: bool = True,
    validation_size: int = 5000,
    seed: int | None = None,
    source_url: str = DEFAULT_SOURCE_URL,
) -> datasets.Datasets:
    """The MNIST data sets from four idx files in a folder; files that are not there are downloaded.

    Args:
        train_dir: the folder, made if need be. The files are `train-images-idx3-ubyte.gz`,
            `train-labels-idx1-ubyte.gz`, `t10k-images-idx3-ubyte.gz` and `t10k-labels-idx1-ubyte.gz`, or
            the same without `.gz`, not compressed.
        fake_data: read nothing; the data sets make up images.
        one_hot: labels as rows of zeros with a one.
        dtype: float32, for images in [0, 1], or uint8, for images as they are.
        reshape: each image as one row of numbers; else [rows, columns, 1].
        validation_size: how many of the training images to set aside.
        seed: of the order.
        source_url: where to download from.

    Returns:
        `train`, `validation` and `test`, each a `DataSet`.

    Raises:
        ValueError: a file is no idx file or breaks off, or there are fewer images than `validation_size`.
        URLError: a file is not there and cannot be downloaded.

    >>> read_data_sets("nowhere", fake_data=True).train.num_examples
    10000
    """
    if fake_data:
        fakes = [DataSet([], [], True, one_hot, dtype, seed=seed) for _ in range(3)]
        return datasets.Datasets(*fakes)
    url = source_url or DEFAULT_SOURCE_URL

    def labels(f: Any) -> Array:
        return extract_labels(f, one_hot=one_hot)

    readers = (extract_images, labels) * 2
    found = [_read(name, train_dir, url, read) for name, read in zip(FILES, readers, strict=True)]
    count = len(found[0])
    if not 0 <= validation_size <= count:
        raise ValueError(f"Validation size should be between 0 and {count}. Received: {validation_size}.")
    parts = (
        [x[validation_size:] for x in found[:2]],
        [x[:validation_size] for x in found[:2]],
        found[2:],
    )
    made = [DataSet(x, y, dtype=dtype, reshape=reshape, seed=seed) for x, y in parts]
    return datasets.Datasets(*made)


def load_mnist(train_dir: str | os.PathLike[str] = "MNIST-data") -> datasets.Datasets:
    """`read_data_sets(train_dir)`."""
    return read_data_sets(train_dir)


def load_dataset(name: str, size: str = "small", test_with_fake_data: bool = False) -> Any:
    """A data set by name: "mnist" or "iris".

    ValueError for other names, TensorFlow's "boston" and "dbpedia" among them, which it had in its package or
    downloaded from a place that is gone. `size` and `test_with_fake_data` were those of "dbpedia".
    """
    loaders: dict[str, Callable[[], Any]] = {"mnist": load_mnist, "iris": datasets.load_iris}
    if name not in loaders:
        raise ValueError(f"Name of dataset is not found: {name}; there are {sorted(loaders)}")
    return loaders[name]()
