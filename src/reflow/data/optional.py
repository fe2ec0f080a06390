"""Values that may be absent: `tf.data.experimental.Optional`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.base import dtypes
from reflow.data import structure
from reflow.data.iterators import Iterator
from reflow.graph.graph import emit, name_scope
from reflow.graph.node import Tensor
from reflow.graph.specs import TensorSpec, TypeSpec


class Optional:
    """A value that is there or not, which the graph finds out when it runs.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     some = tf.data.experimental.Optional.from_value(3)
    ...     none = tf.data.experimental.Optional.none_from_structure(some.value_structure)
    ...     print(sess.run(some.has_value()), sess.run(some.get_value()), sess.run(none.has_value()))
    True 3 False
    """

    def __init__(self, variant_tensor: Tensor, value_structure: Any) -> None:
        self._variant_tensor = variant_tensor
        self._value_structure = value_structure

    @staticmethod
    def from_value(value: Any) -> Optional:
        """An optional that holds `value`, a structure of tensors."""
        with name_scope("optional") as scope, name_scope("value"):
            spec = structure.structure_of(value)
            parts = structure.to_tensors(spec, value)
        return Optional(emit("OptionalFromValue", parts, name=scope), spec)

    @staticmethod
    def none_from_structure(value_structure: Any) -> Optional:
        """An optional without a value, which would be of `value_structure`."""
        return Optional(emit("OptionalNone"), value_structure)

    def has_value(self, name: str | None = None) -> Tensor:
        """Whether there is a value: a scalar bool tensor."""
        return emit("OptionalHasValue", self._variant_tensor, name=name)  # type: ignore[no-any-return]

    def get_value(self, name: str | None = None) -> Any:
        """The value, a structure of tensors. InvalidArgumentError, when run, if there is none."""
        with name_scope(name, "OptionalGetValue", [self._variant_tensor]) as scope:
            attrs = structure.attributes(self._value_structure)
            flat = emit("OptionalGetValue", self._variant_tensor, name=scope, **attrs)
            return structure.from_tensors(self._value_structure, flat)

    @property
    def value_structure(self) -> Any:
        """The specs of the value's parts."""
        return self._value_structure

    @property
    def _type_spec(self) -> OptionalSpec:
        return OptionalSpec(self._value_structure)


class OptionalSpec(TypeSpec):
    """What is known of an optional: the structure of its value.

    >>> import reflow as tf
    >>> tf.OptionalSpec(tf.TensorSpec([], tf.int32)).value_type
    <class 'reflow.data.optional.Optional'>
    """

    value_type = Optional

    def __init__(self, value_structure: Any) -> None:
        self._value_structure = value_structure

    def _key(self) -> tuple[Any, ...]:
        return (self._value_structure,)

    @property
    def _flat_tensor_specs(self) -> list[TensorSpec]:
        return [TensorSpec((), dtypes.variant)]

    def _to_tensor_list(self, value: Any) -> list[Tensor]:
        return [value._variant_tensor]

    def _from_tensor_list(self, tensors: Sequence[Any]) -> Optional:
        return Optional(tensors[0], self._value_structure)


def get_next_as_optional(iterator: Iterator) -> Optional:
    """The next element of an iterator, or an optional without a value at the end.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     iterator = tf.data.Dataset.range(1).make_one_shot_iterator()
    ...     more = tf.data.experimental.get_next_as_optional(iterator).has_value()
    ...     print(sess.run(more), sess.run(more))
    True False
    """
    spec = iterator.element_spec
    variant = emit("IteratorGetNextAsOptional", iterator._iterator_resource, **structure.attributes(spec))
    return Optional(variant, spec)
