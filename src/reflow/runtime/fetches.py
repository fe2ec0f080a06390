"""Fetches and feeds: any nesting of tensors, names and composites, as flat lists of tensors and back."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.node import Operation, Tensor
from reflow.runtime.evaluate import fits

LEAVES = frozenset((Tensor, Operation))  # a flat list of these is its own key
Rebuild = Callable[[list[Any]], Any]


def key_of(fetches: Any) -> Any:
    """A hashable key of a fetch structure: equal for equal structures of the same tensors."""
    kind = fetches.__class__
    if kind is Tensor or kind is Operation:
        return fetches
    if kind is list or kind is tuple or isinstance(fetches, (list, tuple)):
        return (kind, *[key_of(f) for f in fetches])
    if isinstance(fetches, Mapping):
        return (kind, *[(k, key_of(v)) for k, v in fetches.items()])
    if hasattr(kind, "__attrs_attrs__"):
        return (kind, *[key_of(f) for f in _fields(fetches)])
    return fetches


def _fields(item: Any) -> list[Any]:
    """The field values of an instance of an `attrs` class."""
    return [getattr(item, a.name) for a in type(item).__attrs_attrs__]


class Fetches:
    """The tensors and operations of a fetch structure, and how their values go back into it."""

    def __init__(self, graph: Any, structure: Any) -> None:
        self.graph = graph
        self.tensors: list[Tensor] = []
        self.targets: list[Operation] = []
        self.places: dict[Tensor, int] = {}
        self.rebuild: Rebuild = self._build(structure)

    def _build(self, item: Any) -> Rebuild:
        if isinstance(item, (list, tuple)):
            parts = [self._build(x) for x in item]
            make = _maker(item)
            return lambda values: make([p(values) for p in parts])
        if isinstance(item, Mapping):
            rows = [(k, self._build(v)) for k, v in item.items()]
            return lambda values: _mapping_like(item, [(k, p(values)) for k, p in rows])
        if hasattr(type(item), "__attrs_attrs__"):
            parts = [self._build(field) for field in _fields(item)]
            return lambda values: type(item)(*[p(values) for p in parts])
        return self._build_leaf(item)

    def _build_leaf(self, item: Any) -> Rebuild:
        composite = getattr(item, "_components", None)
        if composite is not None:
            parts = [self._build(t) for t in composite()]
            return lambda values: item._from_components([p(values) for p in parts])
        element = self._element(item)
        if isinstance(element, Operation):
            self.targets.append(element)
            return lambda values: None
        place = self.places.setdefault(element, len(self.tensors))
        if place == len(self.tensors):
            self.tensors.append(element)
        return lambda values: values[place]

    def _element(self, item: Any) -> Any:
        try:
            element = self.graph.as_graph_element(item, allow_tensor=True, allow_operation=True)
        except TypeError as error:
            raise TypeError(
                f"Fetch argument {item!r} has invalid type {type(item)!r}, must be a string or Tensor. "
                f"({error})"
            ) from None
        except (ValueError, KeyError) as error:
            text = error.args[0] if error.args else error
            raise ValueError(f"Fetch argument {item!r} cannot be interpreted as a Tensor. ({text})") from None
        if not self.graph.is_fetchable(element):
            node = element if isinstance(element, Operation) else element.op
            raise ValueError(f"Operation {node.name!r} has been marked as not fetchable.")
        return element


def _maker(item: Any) -> Callable[[list[Any]], Any]:
    """How a sequence like `item` is made from a list."""
    if hasattr(item, "_fields"):
        return lambda values: type(item)(*values)
    if isinstance(item, list):
        return lambda values: values  # a plain list for a subclass too, as in TF
    return type(item)


def _mapping_like(item: Any, rows: list[tuple[Any, Any]]) -> Any:
    """A mapping of the type of `item`.

    TF makes it empty first, so a defaultdict comes back without its factory.
    """
    result = type(item)()
    for key, value in rows:
        result[key] = value
    return result


def rebuilding(structure: Any, fetches: Fetches) -> Rebuild | None:
    """How the result of a run is made of the values; None if it is their list.

    The commonest structures, a tensor and a flat list of tensors and operations, have quick ways.
    """
    if isinstance(structure, Tensor):
        return operator.itemgetter(0)
    if type(structure) is not list or not LEAVES.issuperset(map(type, structure)):
        return fetches.rebuild
    places = [fetches.places.get(f) for f in structure]
    if places == list(range(len(fetches.tensors))):
        return None
    return lambda values: [None if place is None else values[place] for place in places]


def feed_tensors(graph: Any, feed: Mapping[Any, Any]) -> list[tuple[Any, list[Tensor]]]:
    """For each key of a feed, the tensors that it stands for."""
    rows = []
    for key in feed:
        composite = getattr(key, "_components", None)
        if isinstance(key, tuple):
            rows.append((key, [_feed_tensor(graph, k) for k in key]))
        elif composite is not None:
            rows.append((key, [t for t in composite() if t is not None]))
        else:
            rows.append((key, [_feed_tensor(graph, key)]))
    return rows


def _feed_tensor(graph: Any, key: Any) -> Tensor:
    try:
        tensor = graph.as_graph_element(key, allow_tensor=True, allow_operation=False)
    except Exception as error:
        text = error.args[0] if error.args else error
        raise TypeError(f"Cannot interpret feed_dict key as Tensor: {text}") from None
    if not graph.is_feedable(tensor):
        raise ValueError(f"Tensor {tensor} may not be fed.")
    return tensor  # type: ignore[no-any-return]


class Feeder:
    """Turns fed values into arrays of one tensor's type and checks them against its shape."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor
        self.dtype = tensor.dtype.base_dtype
        self.text = self.dtype == dtypes.string
        self.numpy = (
            None if self.dtype.name in ("resource", "variant") else np.dtype(self.dtype.as_numpy_dtype)
        )
        self.plain = self.numpy is not None and not self.text
        # What a program casts itself, for less than NumPy does.
        self.cast_later = np.dtype(np.float64) if self.numpy == np.float32 else None
        self.ints = tensor.shape.ints
        self.last: Any = None  # the shape that was fed last: steps feed one shape over and over

    def __call__(self, value: Any) -> Any:
        if value.__class__ is not np.ndarray or value.dtype is not self.numpy or self.text:
            value = self._array(value)
        ints = self.ints
        shape = value.shape
        if shape == self.last or ints is None:
            return value
        if not fits(shape, ints):
            raise ValueError(
                f"Cannot feed value of shape {value.shape!r} for Tensor {self.tensor.name!r}, "
                f"which has shape {str(self.tensor.shape)!r}"
            )
        self.last = shape
        return value

    def _array(self, value: Any) -> Any:
        if value.__class__ is not np.ndarray or not self.plain:
            return self._converted(value)
        if value.dtype is self.cast_later or value.dtype == self.numpy:
            return value
        return self.cast(value) if value.dtype.kind in "fiub" else self._converted(value)

    def cast(self, value: np.ndarray) -> np.ndarray:
        """An array of another type; what does not fit a float becomes inf, silently, as in TensorFlow."""
        with np.errstate(all="ignore"):
            return value.astype(self.numpy)

    def _converted(self, value: Any) -> Any:
        if isinstance(value, Tensor) or hasattr(value, "_as_graph_element"):
            raise TypeError(
                "The value of a feed cannot be a tf.Tensor object. Acceptable feed values include "
                "Python scalars, "
                f"strings, lists and numpy ndarrays. For reference, the tensor object was {value!r} "
                f"which was passed to "
                f"the feed with key {self.tensor!r}."
            )
        if self.text:
            return _text_array(value)
        if self.numpy is None:
            return value
        if hasattr(value, "addressable_shards") and value.dtype == self.numpy:
            return value  # a device array stays where it is
        try:
            with np.errstate(all="ignore"):
                array = np.asarray(value, dtype=self.numpy)
        except OverflowError:
            raise self._too_large(value) from None
        except (ValueError, TypeError) as error:
            raise type(error)(
                f"Cannot feed {_short(value)} for Tensor {self.tensor.name!r} of {self.dtype.name}: {error}"
            ) from None
        if isinstance(value, int) and array.dtype.kind in "iub" and int(array) != value:
            raise self._too_large(value)
        return array

    def _too_large(self, value: Any) -> TypeError:
        return TypeError(
            f"Type of feed value {_short(value)} with type {type(value)} is not compatible with Tensor type "
            f"{self.numpy} (of {self.tensor.name!r}). Try explicitly setting the type of the feed "
            f"tensor to a larger type (e.g. int64)."
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _text_array(value: Any) -> np.ndarray:
    array = np.array(value, dtype=object)  # a copy: the program's own array stays as it is
    flat = array.reshape(-1)
    for i, item in enumerate(flat):
        if isinstance(item, str):
            flat[i] = item.encode("utf-8")
        elif not isinstance(item, bytes):
            raise TypeError(f"Cannot feed {item!r} of type {type(item).__name__} for a string tensor")
    return flat.reshape(array.shape)
