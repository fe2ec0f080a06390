"""Functions of datasets and iterators: what their elements are, and iterators over them."""

from __future__ import annotations

from typing import Any

from reflow.data import structure
from reflow.data.dataset import Dataset
from reflow.data.iterators import Iterator


def make_one_shot_iterator(dataset: Dataset) -> Iterator:
    """An iterator that needs no initializer: see `Dataset.make_one_shot_iterator`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.data.make_one_shot_iterator(tf.data.Dataset.range(3)).get_next()))
    0
    """
    return dataset.make_one_shot_iterator()


def make_initializable_iterator(dataset: Dataset, shared_name: str | None = None) -> Iterator:
    """An iterator whose `initializer` must be run first: see `Dataset.make_initializable_iterator`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     iterator = tf.data.make_initializable_iterator(tf.data.Dataset.range(3))
    ...     _ = sess.run(iterator.initializer)
    ...     print(sess.run(iterator.get_next()))
    0
    """
    return dataset.make_initializable_iterator(shared_name)


def get_structure(dataset_or_iterator: Any) -> Any:
    """The specs of an element's parts. TypeError for what is no dataset or iterator.

    >>> import reflow as tf
    >>> tf.data.experimental.get_structure(tf.data.Dataset.range(3))
    TensorSpec(shape=(), dtype=tf.int64, name=None)
    """
    try:
        return dataset_or_iterator.element_spec
    except AttributeError:
        raise TypeError(
            "`dataset_or_iterator` must be a Dataset or Iterator object, but got "
            f"{type(dataset_or_iterator)}."
        ) from None


def get_legacy_output_types(dataset_or_iterator: Any) -> Any:
    """The types of an element's parts.

    >>> import reflow as tf
    >>> tf.data.get_output_types(tf.data.Dataset.range(3))
    tf.int64
    """
    return structure.legacy(get_structure(dataset_or_iterator), 0)


def get_legacy_output_shapes(dataset_or_iterator: Any) -> Any:
    """The shapes of an element's parts.

    >>> import reflow as tf
    >>> tf.data.get_output_shapes(tf.data.Dataset.range(3))
    TensorShape([])
    """
    return structure.legacy(get_structure(dataset_or_iterator), 1)


def get_legacy_output_classes(dataset_or_iterator: Any) -> Any:
    """The classes of an element's parts: Tensor or SparseTensor.

    >>> import reflow as tf
    >>> tf.data.get_output_classes(tf.data.Dataset.range(3)) is tf.Tensor
    True
    """
    return structure.legacy(get_structure(dataset_or_iterator), 2)
