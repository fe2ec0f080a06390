"""Nested structures of dataset elements: tuples, named tuples, dicts and attrs objects.

Unlike in `tf.nest`, a list is no structure: it is converted to one tensor. Nor is a sparse tensor's value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from reflow.graph.composite import SparseTensorValue


def is_sequence(o: Any) -> bool:
    """Whether `o` is a structure.

    >>> is_sequence((1, 2)), is_sequence([1, 2]), is_sequence({"a": 1})
    (True, False, True)
    """
    if isinstance(o, SparseTensorValue):
        return False
    return isinstance(o, (tuple, Mapping)) or hasattr(type(o), "__attrs_attrs__")


def _values(structure: Any) -> list[Any]:
    if isinstance(structure, Mapping):
        return [structure[key] for key in _sorted_keys(structure)]
    if hasattr(type(structure), "__attrs_attrs__"):
        return [getattr(structure, a.name) for a in type(structure).__attrs_attrs__]
    return list(structure)


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError("nest only supports dicts with sortable keys.") from None


def _like(structure: Any, values: Sequence[Any]) -> Any:
    if isinstance(structure, Mapping):
        new = dict(zip(_sorted_keys(structure), values, strict=True))
        ordered = [(key, new[key]) for key in structure]
        make: Any = type(structure)
        return (
            make(structure.default_factory, ordered)
            if hasattr(structure, "default_factory")
            else make(ordered)
        )
    if hasattr(structure, "_fields") or hasattr(type(structure), "__attrs_attrs__"):
        return type(structure)(*values)
    return type(structure)(values)


def flatten(nested: Any) -> list[Any]:
    """The elements of a structure, dicts in the order of their keys.

    >>> flatten({"b": [1, 2], "a": (3, 4)})
    [3, 4, [1, 2]]
    """
    if not is_sequence(nested):
        return [nested]
    return [leaf for value in _values(nested) for leaf in flatten(value)]


def pack_sequence_as(structure: Any, flat_sequence: Sequence[Any]) -> Any:
    """The elements of `flat_sequence` in a structure like `structure`. ValueError if the counts differ.

    >>> pack_sequence_as({"b": 0, "a": (0, 0)}, [3, 4, 5])
    {'b': 5, 'a': (3, 4)}
    """
    flat = list(flat_sequence)
    if not is_sequence(structure):
        if len(flat) != 1:
            raise ValueError(f"Structure is a scalar but len(flat_sequence) == {len(flat)} > 1")
        return flat[0]
    wanted = len(flatten(structure))
    if wanted != len(flat):
        raise ValueError(
            f"Could not pack sequence. Structure had {wanted} elements, but flat_sequence had {len(flat)} "
            f"elements.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return _pack(structure, iter(flat))


def _pack(structure: Any, leaves: Iterator[Any]) -> Any:
    if not is_sequence(structure):
        return next(leaves)
    return _like(structure, [_pack(value, leaves) for value in _values(structure)])


def assert_same_structure(nest1: Any, nest2: Any, check_types: bool = True) -> None:
    """ValueError when two structures nest differently; TypeError when the types of their parts differ.

    >>> assert_same_structure((1, 2), (3, (4, 5)))
    Traceback (most recent call last):
    ValueError: The two structures don't have the same nested structure: (1, 2) and (3, (4, 5))
    """
    if is_sequence(nest1) != is_sequence(nest2):
        raise ValueError(_differ(nest1, nest2))
    if not is_sequence(nest1):
        return
    mappings = isinstance(nest1, Mapping) and isinstance(nest2, Mapping)
    if check_types and not mappings and type(nest1) is not type(nest2):
        raise TypeError(
            "The two structures don't have the same sequence type. First structure has type "
            f"{type(nest1)}, while second structure has type {type(nest2)}."
        )
    if mappings and set(nest1) != set(nest2):
        raise ValueError(
            "The two dictionaries don't have the same set of keys. "
            f"First: {list(nest1)}, second: {list(nest2)}"
        )
    if len(_values(nest1)) != len(_values(nest2)):
        raise ValueError(_differ(nest1, nest2))
    for a, b in zip(_values(nest1), _values(nest2), strict=True):
        try:
            assert_same_structure(a, b, check_types)
        except ValueError:
            raise ValueError(_differ(nest1, nest2)) from None


def _differ(a: Any, b: Any) -> str:
    return f"The two structures don't have the same nested structure: {a} and {b}"


def map_structure(func: Callable[..., Any], *structure: Any, check_types: bool = True) -> Any:
    """`func` of the corresponding elements of structures that nest the same way, in such a structure.

    >>> map_structure(lambda x, y: x + y, {"a": 1}, {"a": 10})
    {'a': 11}
    """
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structure:
        raise ValueError("Must provide at least one structure")
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types)
    columns = zip(*[flatten(s) for s in structure], strict=True)
    return pack_sequence_as(structure[0], [func(*column) for column in columns])


def assert_shallow_structure(shallow_tree: Any, input_tree: Any, check_types: bool = True) -> None:
    """TypeError or ValueError when `input_tree` does not nest at least as `shallow_tree` does."""
    if not is_sequence(shallow_tree):
        return
    if not is_sequence(input_tree):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. "
            f"Input has type: '{type(input_tree).__name__}'."
        )
    mappings = isinstance(shallow_tree, Mapping) and isinstance(input_tree, Mapping)
    if check_types and not mappings and not isinstance(input_tree, type(shallow_tree)):
        raise TypeError(
            "The two structures don't have the same sequence type. Input structure has type "
            f"'{type(input_tree).__name__}', while shallow structure has type "
            f"'{type(shallow_tree).__name__}'."
        )
    if len(_values(input_tree)) != len(_values(shallow_tree)):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(_values(input_tree))}, while shallow structure has length {len(_values(shallow_tree))}."
        )
    if mappings and set(input_tree) != set(shallow_tree):
        raise ValueError(
            "The two structures don't have the same keys. Input structure has keys "
            f"{sorted(input_tree)}, while shallow structure has keys {sorted(shallow_tree)}."
        )
    for a, b in zip(_values(shallow_tree), _values(input_tree), strict=True):
        assert_shallow_structure(a, b, check_types)


def flatten_up_to(shallow_tree: Any, input_tree: Any) -> list[Any]:
    """The parts of `input_tree` at the places of the elements of `shallow_tree`.

    >>> flatten_up_to((0, 0), ((1, 2), 3))
    [(1, 2), 3]
    """
    assert_shallow_structure(shallow_tree, input_tree)
    return _flat_up_to(shallow_tree, input_tree)


def _flat_up_to(shallow: Any, tree: Any) -> list[Any]:
    if not is_sequence(shallow):
        return [tree]
    pairs = zip(_values(shallow), _values(tree), strict=True)
    return [part for a, b in pairs for part in _flat_up_to(a, b)]


def map_structure_up_to(shallow_tree: Any, func: Callable[..., Any], *inputs: Any) -> Any:
    """`func` of the corresponding parts of `inputs`, in a structure like `shallow_tree`.

    >>> map_structure_up_to((0, 0), len, ([1], [1, 2]))
    (1, 2)
    """
    if not inputs:
        raise ValueError("Argument `inputs` is empty. Cannot map over no sequences.")
    columns = zip(*[flatten_up_to(shallow_tree, tree) for tree in inputs], strict=True)
    return pack_sequence_as(shallow_tree, [func(*column) for column in columns])
