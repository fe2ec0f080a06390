"""Iterators: the nodes that hand a dataset's elements to the rest of the graph."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import as_shape, unknown_shape
from reflow.data import nest, structure
from reflow.graph.graph import (
    add_to_collection,
    colocate_with,
    convert_to_tensor,
    device,
    emit,
    get_default_graph,
    name_scope,
)
from reflow.graph.node import Operation, Tensor

MANY_CALLS = 32
COLLECTION = "iterators"


class Iterator:
    """Goes through the elements of a dataset, one `Session.run` of `get_next()` after the other.

    Made by `dataset.make_one_shot_iterator()`, `dataset.make_initializable_iterator()`,
    `Iterator.from_structure` and `Iterator.from_string_handle`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     next_number = tf.data.Dataset.range(2).make_one_shot_iterator().get_next()
    ...     print(sess.run(next_number), sess.run(next_number))
    0 1
    """

    def __init__(
        self, iterator_resource: Tensor, initializer: Any, output_types: Any, output_shapes: Any,
        output_classes: Any,
    ) -> None:  # fmt: skip
        if output_types is None or output_shapes is None or output_classes is None:
            raise ValueError(
                "If `structure` is not specified, all of `output_types`, `output_shapes`, and "
                "`output_classes` must be specified."
            )
        self._iterator_resource = iterator_resource
        self._initializer = initializer
        self._element_spec = structure.from_legacy(output_types, output_shapes, output_classes)
        self._string_handle = emit("IteratorToStringHandle", iterator_resource)
        self._get_next_call_count = 0
        add_to_collection(COLLECTION, iterator_resource)

    @staticmethod
    def from_structure(
        output_types: Any,
        output_shapes: Any = None,
        shared_name: str | None = None,
        output_classes: Any = None,
    ) -> Iterator:
        """An iterator without a dataset, for datasets of elements of these types and shapes.

        `make_initializer(dataset)` makes the operation that begins a pass over a dataset.

        >>> import reflow as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     iterator = tf.data.Iterator.from_structure(tf.int64, [])
        ...     begin = iterator.make_initializer(tf.data.Dataset.range(5, 7))
        ...     next_number = iterator.get_next()
        ...     _ = sess.run(begin)
        ...     print(sess.run(next_number))
        5
        """
        types, shapes, classes = _legacy(output_types, output_shapes, output_classes)
        attrs = structure.attributes(structure.from_legacy(types, shapes, classes))
        with _on_cpu():
            resource = emit("IteratorV2", container="", shared_name=shared_name or "", **attrs)
        return Iterator(resource, None, types, shapes, classes)

    @staticmethod
    def from_string_handle(
        string_handle: Any, output_types: Any, output_shapes: Any = None, output_classes: Any = None
    ) -> Iterator:
        """The iterator that a fed handle names: what `session.run(iterator.string_handle())` gave.

        >>> import reflow as tf
        >>> with tf.Graph().as_default(), tf.Session() as sess:
        ...     one = tf.data.Dataset.range(3).make_one_shot_iterator()
        ...     handle = tf.placeholder(tf.string, [])
        ...     any_iterator = tf.data.Iterator.from_string_handle(handle, tf.int64, [])
        ...     print(sess.run(any_iterator.get_next(), {handle: sess.run(one.string_handle())}))
        0
        """
        types, shapes, classes = _legacy(output_types, output_shapes, output_classes)
        attrs = structure.attributes(structure.from_legacy(types, shapes, classes))
        handle = convert_to_tensor(string_handle, dtypes.string)
        with _on_cpu():
            resource = emit("IteratorFromStringHandleV2", handle, **attrs)
        return Iterator(resource, None, types, shapes, classes)

    @property
    def initializer(self) -> Operation:
        """The operation that begins a pass over the dataset. ValueError when the iterator has none."""
        if self._initializer is None:
            raise ValueError("Iterator does not have an initializer.")
        return self._initializer  # type: ignore[no-any-return]

    def make_initializer(self, dataset: Any, name: str | None = None) -> Operation:
        """The operation that begins a pass over `dataset`. TypeError when its elements do not fit."""
        with name_scope(name, "make_initializer") as scope:
            self._check(dataset)
        with colocate_with(self._iterator_resource):
            return emit(  # type: ignore[no-any-return]
                "MakeIterator", dataset._variant_tensor, self._iterator_resource, name=scope
            )

    def _check(self, dataset: Any) -> None:
        mine, theirs = (
            [structure.legacy(s, i) for i in range(3)] for s in (self._element_spec, dataset.element_spec)
        )
        nest.assert_same_structure(mine[0], theirs[0])
        checks: Any = (
            ("classes", 2, lambda a, b: a is b or a == b),
            ("types", 0, lambda a, b: a == b),
            ("shapes compatible with", 1, lambda a, b: a.is_compatible_with(b)),
        )
        for what, i, fits in checks:
            pairs = zip(nest.flatten(mine[i]), nest.flatten(theirs[i]), strict=True)
            if not all(fits(a, b) for a, b in pairs):
                kind = what.split()[0]
                raise TypeError(
                    f"Expected output {what} {mine[i]!r} but got dataset with output {kind} {theirs[i]!r}."
                )

    def get_next(self, name: str | None = None) -> Any:
        """The next element, a structure of tensors: each run that evaluates it goes one element on.

        Call it once, outside of the training loop. OutOfRangeError when a run is past the end.
        """
        self._get_next_call_count += 1
        if self._get_next_call_count > MANY_CALLS:
            warnings.warn(
                "An unusually high number of `Iterator.get_next()` calls was detected. Each call adds nodes "
                "to the graph: call it once, outside of the training loop, and run its result in the loop.",
                stacklevel=2,
            )
        attrs = structure.attributes(self._element_spec)
        flat = emit("IteratorGetNext", self._iterator_resource, name=name, **attrs)
        return structure.from_tensors(self._element_spec, flat)

    def string_handle(self, name: str | None = None) -> Tensor:
        """A scalar string tensor that names the iterator in a session."""
        if name is None:
            return self._string_handle  # type: ignore[no-any-return]
        return emit("IteratorToStringHandle", self._iterator_resource, name=name)  # type: ignore[no-any-return]

    @property
    def output_classes(self) -> Any:
        """The class of each part of an element: Tensor or SparseTensor."""
        return structure.legacy(self._element_spec, 2)

    @property
    def output_shapes(self) -> Any:
        """The shape of each part of an element."""
        return structure.legacy(self._element_spec, 1)

    @property
    def output_types(self) -> Any:
        """The type of each part of an element."""
        return structure.legacy(self._element_spec, 0)

    @property
    def element_spec(self) -> Any:
        """The spec of each part of an element."""
        return self._element_spec


def _legacy(types: Any, shapes: Any, classes: Any) -> tuple[Any, Any, Any]:
    """Types, shapes and classes of elements, completed and brought into one structure."""
    types = nest.map_structure(dtypes.as_dtype, types)
    if shapes is None:
        shapes = nest.map_structure(lambda _: unknown_shape(), types)
    else:
        shapes = nest.map_structure_up_to(types, as_shape, shapes)
    if classes is None:
        classes = nest.map_structure(lambda _: Tensor, types)
    nest.assert_same_structure(types, shapes)
    return types, shapes, classes


def _on_cpu() -> Any:
    """The device of an iterator when the program names none."""
    return contextlib.nullcontext() if get_default_graph()._device_stack else device("/cpu:0")
