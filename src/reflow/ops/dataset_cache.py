"""The files of `dataset.cache(filename)`: the elements as TFRecords of tensors."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np

from reflow.base import errors, protos
from reflow.base.pipeline.buffering import FileCache
from reflow.base.pipeline.core import Dataset, Element
from reflow.base.records import RecordWriter, read_records
from reflow.graph.graphdef import _dtype as dtype_of_array
from reflow.graph.graphdef import tensor_proto, whole_array


def cache_files(source: Dataset, name: str) -> FileCache:
    """The dataset kept in the file `name.cache`, which a full pass writes and later ones read.

    The file appears when it is complete; until then it is `name.cache.lock`, whose presence stops a second
    writer. AlreadyExistsError for that one.
    """
    path = f"{name}.cache"
    return FileCache(
        source, lambda: os.path.exists(path), lambda: _read(path), lambda elements: _write(path, elements)
    )


def _read(path: str) -> Iterator[Element]:
    records = read_records(path)
    for header in records:
        count = int(header)
        yield [whole_array(protos.TensorProto.FromString(next(records))) for _ in range(count)]


def _write(path: str, elements: Iterator[Element]) -> Iterator[Element]:
    lock = f"{path}.lock"
    if os.path.exists(lock):
        raise errors.AlreadyExistsError(
            None,
            None,
            "There appears to be a concurrent caching iterator running - cache lockfile already exists "
            f"('{lock}'). If you are sure no other running TF computations are using this cache prefix, "
            "delete the lockfile and re-initialize the iterator.",
        )
    whole = False
    try:
        with RecordWriter(lock) as writer:
            for element in elements:
                _write_element(writer, element)
                yield element
        whole = True
    finally:
        if not whole and os.path.exists(lock):
            os.remove(lock)
    os.replace(lock, path)


def _write_element(writer: RecordWriter, element: Element) -> None:
    writer.write(b"%d" % len(element))
    for component in element:
        array = np.asarray(component)
        if array.dtype == object and not all(isinstance(x, bytes) for x in array.reshape(-1)):
            raise errors.UnimplementedError(
                None, None, "Only elements of numbers and strings can be cached in a file"
            )
        writer.write(tensor_proto(array, dtype_of_array(array)).SerializeToString())
