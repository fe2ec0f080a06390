"""Nested structures of lists, tuples, named tuples, dicts and attrs classes (`tf.nest`).

The elements of a dict come in the order of its sorted keys. Strings, arrays and tensors are elements, never
structures.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterator, Mapping, MappingView, Sequence
from typing import Any

Path = tuple[Any, ...]


def _is_attrs(value: Any) -> bool:
    return hasattr(type(value), "__attrs_attrs__")


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def is_sequence(seq: Any) -> bool:
    """Whether `seq` is a structure: a sequence that is no string, a mapping or its views, an attrs object.

    >>> is_sequence([1]), is_sequence({}), is_sequence("abc"), is_sequence({1})
    (True, True, False, False)
    """
    if isinstance(seq, (str, bytes, bytearray)):
        return False
    return isinstance(seq, (Sequence, Mapping, MappingView)) or _is_attrs(seq)


is_nested = is_sequence


def _is_composite(value: Any) -> bool:
    """Whether `value` is made of tensors, as a SparseTensor or IndexedSlices is."""
    return hasattr(type(value), "_components")


def _nests(value: Any, expand: bool) -> bool:
    """Whether `value` has parts, those of a composite tensor among them if they are asked for."""
    return is_sequence(value) or (expand and _is_composite(value))


def _items(structure: Any) -> list[tuple[Any, Any]]:
    """Key (or field, or index) and value of each direct part of a structure, in the order of `flatten`."""
    if _is_composite(structure):
        return list(enumerate(structure._components()))
    if isinstance(structure, Mapping):
        return [(key, structure[key]) for key in _sorted_keys(structure)]
    if _is_namedtuple(structure):
        return list(zip(structure._fields, structure, strict=True))
    if _is_attrs(structure):
        return [(a.name, getattr(structure, a.name)) for a in type(structure).__attrs_attrs__]
    return list(enumerate(structure))


def _values(structure: Any) -> list[Any]:
    return [value for _, value in _items(structure)]


def _sorted_keys(mapping: Mapping[Any, Any]) -> list[Any]:
    try:
        return sorted(mapping)
    except TypeError:
        raise TypeError("nest only supports dicts with sortable keys.") from None


def _like(instance: Any, values: Sequence[Any]) -> Any:
    """A structure of the type of `instance` with `values` as its direct parts."""
    if isinstance(instance, Mapping):
        return _mapping_like(instance, dict(zip(_sorted_keys(instance), values, strict=True)))
    if _is_namedtuple(instance) or _is_attrs(instance) or _is_composite(instance):
        return type(instance)(*values)
    if isinstance(instance, (MappingView, range)):  # these can't be made from values
        return list(values)
    return type(instance)(values)


def _mapping_like(instance: Any, new: dict[Any, Any]) -> Any:
    ordered = {key: new[key] for key in instance}
    if isinstance(instance, collections.defaultdict):
        return type(instance)(instance.default_factory, ordered)
    return type(instance)(ordered)


def flatten(structure: Any, expand_composites: bool = False) -> list[Any]:
    """The elements of `structure`, in order; a single element for what is no structure.

    With `expand_composites`, a SparseTensor and its like are structures of their tensors.

    >>> flatten({"b": 1, "a": [2, (3,)]})
    [2, 3, 1]
    """
    if not _nests(structure, expand_composites):
        return [structure]
    return [leaf for value in _values(structure) for leaf in flatten(value, expand_composites)]


def _pack(structure: Any, leaves: Iterator[Any], expand: bool) -> Any:
    if not _nests(structure, expand):
        return next(leaves)
    return _like(structure, [_pack(value, leaves, expand) for value in _values(structure)])


def pack_sequence_as(structure: Any, flat_sequence: Any, expand_composites: bool = False) -> Any:
    """The elements of `flat_sequence` in a structure like `structure`. ValueError if the counts differ.

    >>> pack_sequence_as({"b": 1, "a": [2, (3,)]}, [10, 20, 30])
    {'b': 30, 'a': [10, (20,)]}
    """
    if not is_sequence(flat_sequence):
        raise TypeError("flat_sequence must be a sequence")
    if not _nests(structure, expand_composites):
        if len(flat_sequence) != 1:
            raise ValueError(f"Structure is a scalar but len(flat_sequence) == {len(flat_sequence)} > 1")
        return flat_sequence[0]
    wanted = len(flatten(structure, expand_composites))
    if wanted != len(flat_sequence):
        raise ValueError(
            f"Could not pack sequence. Structure had {wanted} elements, but flat_sequence had "
            f"{len(flat_sequence)} elements.  Structure: {structure}, flat_sequence: {flat_sequence}."
        )
    return _pack(structure, iter(flat_sequence), expand_composites)


def _same_type(a: Any, b: Any) -> bool:
    if _is_namedtuple(a) and _is_namedtuple(b):
        return type(a).__name__ == type(b).__name__ and a._fields == b._fields
    return type(a) is type(b) or (isinstance(a, Mapping) and isinstance(b, Mapping))


def _described(value: Any) -> str:
    return f"type={type(value).__name__} str={value}"


def _compare(a: Any, b: Any, check_types: bool, expand: bool) -> None:
    """Raise TypeError or ValueError, with the innermost reason, when the structures differ."""
    if not _nests(a, expand) and not _nests(b, expand):
        return
    if not (_nests(a, expand) and _nests(b, expand)):
        inside, outside = (a, b) if _nests(a, expand) else (b, a)
        raise ValueError(
            f'Substructure "{_described(inside)}" is a sequence, '
            f'while substructure "{_described(outside)}" is not'
        )
    if check_types and not _same_type(a, b):
        raise TypeError(
            "The two structures don't have the same sequence type: "
            f"{type(a).__name__} ({a}) and {type(b).__name__} ({b})"
        )
    _compare_parts(a, b, check_types, expand)


def _compare_parts(a: Any, b: Any, check_types: bool, expand: bool) -> None:
    if isinstance(a, Mapping) and isinstance(b, Mapping) and check_types and set(a) != set(b):
        raise ValueError(
            f"The two dictionaries don't have the same set of keys: {list(a)} and {list(b)}",
        )
    if len(_values(a)) != len(_values(b)):
        raise ValueError(
            f"The two structures don't have the same number of elements: {_described(a)} and {_described(b)}"
        )
    for x, y in zip(_values(a), _values(b), strict=True):
        _compare(x, y, check_types, expand)


def assert_same_structure(
    nest1: Any, nest2: Any, check_types: bool = True, expand_composites: bool = False
) -> None:
    """Raise unless two structures nest the same way.

    ValueError when the nesting, the lengths or the keys differ; TypeError when, with `check_types`, the types
    of two sequences do (dicts of any class are alike, and so are named tuples of one name and fields).

    >>> assert_same_structure([1, (2, 3)], ["a", ("b", "c")])
    >>> assert_same_structure([1, 2], (1, 2), check_types=False)
    """
    try:
        _compare(nest1, nest2, bool(check_types), expand_composites)
    except (TypeError, ValueError) as error:
        raise type(error)(
            "The two structures don't have the same nested structure.\n\n"
            f"First structure: {_described(nest1)}\n\nSecond structure: {_described(nest2)}\n\n"
            f"More specifically: {error}"
        ) from None


OPTIONS = ("check_types", "expand_composites")


def _check_options(
    func: Any, structures: Sequence[Any], options: Mapping[str, Any], known: Sequence[str] = OPTIONS
) -> tuple[bool, bool]:
    """The options `check_types` and `expand_composites`, after the checks that the map functions share."""
    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    if not structures:
        raise ValueError("Must provide at least one structure")
    for name in options:
        if name not in known:
            valid = " or ".join(f"`{n}`" for n in known)
            raise ValueError(f"Only valid keyword arguments are {valid}, not: `{name}`")
    return bool(options.get("check_types", True)), bool(options.get("expand_composites", False))


def map_structure(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """`func` of the elements at each place of one or several structures, in the first one's structure.

    `check_types=False` lets a list match a tuple.

    >>> map_structure(lambda x, y: x + y, {"a": 1, "b": [2]}, {"a": 10, "b": [20]})
    {'a': 11, 'b': [22]}
    """
    check_types, expand = _check_options(func, structure, kwargs)
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types, expand)
    columns = zip(*[flatten(s, expand) for s in structure], strict=True)
    return pack_sequence_as(structure[0], [func(*column) for column in columns], expand)


def yield_flat_paths(nest: Any, expand_composites: bool = False) -> Iterator[Path]:
    """The path (keys, fields and indices) to each element, in the order of `flatten`.

    >>> list(yield_flat_paths({"a": [1, 2]}))
    [('a', 0), ('a', 1)]
    """
    if not _nests(nest, expand_composites):
        yield ()
        return
    for key, value in _items(nest):
        for path in yield_flat_paths(value, expand_composites):
            yield (key, *path)


def flatten_with_tuple_paths(structure: Any, expand_composites: bool = False) -> list[tuple[Path, Any]]:
    """Path and element, for each element."""
    leaves = flatten(structure, expand_composites)
    return list(zip(yield_flat_paths(structure, expand_composites), leaves, strict=True))


def flatten_with_joined_string_paths(
    structure: Any, separator: str = "/", expand_composites: bool = False
) -> list[tuple[str, Any]]:
    """Path, as one string, and element, for each element.

    >>> flatten_with_joined_string_paths({"a": [1, (2, 3)]})
    [('a/0', 1), ('a/1/0', 2), ('a/1/1', 3)]
    """
    pairs = flatten_with_tuple_paths(structure, expand_composites)
    return [(separator.join(map(str, p)), v) for p, v in pairs]


def map_structure_with_tuple_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """As `map_structure`, with the path of the place as first argument of `func`."""
    check_types, expand = _check_options(func, structure, kwargs)
    for other in structure[1:]:
        assert_same_structure(structure[0], other, check_types, expand)
    leaves = [flatten(s, expand) for s in structure]
    columns = zip(yield_flat_paths(structure[0], expand), *leaves, strict=True)
    return pack_sequence_as(structure[0], [func(*column) for column in columns], expand)


def map_structure_with_paths(func: Callable[..., Any], *structure: Any, **kwargs: Any) -> Any:
    """As `map_structure`, with the path, joined by `/`, as first argument of `func`.

    >>> map_structure_with_paths(lambda path, x: f"{path}={x}", {"a": [1, 2]})
    {'a': ['a/0=1', 'a/1=2']}
    """

    def with_text(path: Path, *values: Any) -> Any:
        return func("/".join(map(str, path)), *values)

    if not callable(func):
        raise TypeError(f"func must be callable, got: {func}")
    return map_structure_with_tuple_paths(with_text, *structure, **kwargs)


def assert_shallow_structure(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> None:
    """Raise unless `input_tree` nests as `shallow_tree` does, as deep as that one goes.

    TypeError when the input has an element where the shallow tree has a structure, or (with `check_types`)
    another type of structure; ValueError when lengths or keys differ.

    >>> assert_shallow_structure([1, 2], [[3, 4], {"a": 5}])
    """
    if not _nests(shallow_tree, expand_composites):
        return
    if not _nests(input_tree, expand_composites):
        raise TypeError(
            "If shallow structure is a sequence, input must also be a sequence. "
            f"Input has type: {type(input_tree)}."
        )
    _compare_shallow(shallow_tree, input_tree, check_types, check_subtrees_length)
    for shallow, inner in _shallow_pairs(shallow_tree, input_tree):
        assert_shallow_structure(shallow, inner, check_types, expand_composites, check_subtrees_length)


def _compare_shallow(shallow: Any, tree: Any, check_types: bool, check_length: bool) -> None:
    if check_types and not _same_type(shallow, tree):
        raise TypeError(
            "The two structures don't have the same sequence type. "
            f"Input structure has type {type(tree)}, while shallow structure has type {type(shallow)}."
        )
    if check_length and len(_values(tree)) != len(_values(shallow)):
        raise ValueError(
            "The two structures don't have the same sequence length. Input structure has length "
            f"{len(_values(tree))}, while shallow structure has length {len(_values(shallow))}."
        )
    if check_types and isinstance(shallow, Mapping) and (missing := [k for k in shallow if k not in tree]):
        raise ValueError(
            "The shallow_tree's keys are not a subset of the input_tree's keys. The shallow_tree has the "
            f"following keys that are not in the input_tree: {sorted(missing)}."
        )


def _shallow_pairs(shallow: Any, tree: Any) -> list[tuple[Any, Any]]:
    """The direct parts of `shallow`, each with the part of `tree` at the same place."""
    if isinstance(shallow, Mapping) and isinstance(tree, Mapping):
        return [(value, tree[key]) for key, value in _items(shallow)]
    return list(zip(_values(shallow), _values(tree), strict=False))


def _yield_up_to(shallow: Any, tree: Any, expand: bool) -> Iterator[Any]:
    if not _nests(shallow, expand):
        yield tree
        return
    for inner_shallow, inner in _shallow_pairs(shallow, tree):
        yield from _yield_up_to(inner_shallow, inner, expand)


def flatten_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[Any]:
    """The parts of `input_tree` at the places of the elements of `shallow_tree`.

    >>> flatten_up_to([1, 2], [[3], (4, 5)])
    [[3], (4, 5)]
    """
    assert_shallow_structure(shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length)
    return list(_yield_up_to(shallow_tree, input_tree, expand_composites))


def map_structure_up_to(shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any) -> Any:
    """`func` of the parts of the inputs at the places of the elements of `shallow_tree`, in its structure.

    >>> map_structure_up_to([1, 2], lambda a, b: (a, b), [[3], 4], [5, 6])
    [([3], 5), (4, 6)]
    """
    check_types, expand = _check_options(func, inputs, kwargs)
    columns = zip(*[flatten_up_to(shallow_tree, tree, check_types, expand) for tree in inputs], strict=True)
    return pack_sequence_as(shallow_tree, [func(*column) for column in columns], expand)


def flatten_with_tuple_paths_up_to(
    shallow_tree: Any,
    input_tree: Any,
    check_types: bool = True,
    expand_composites: bool = False,
    check_subtrees_length: bool = True,
) -> list[tuple[Path, Any]]:
    """Path and part, for each part that `flatten_up_to` gives."""
    parts = flatten_up_to(shallow_tree, input_tree, check_types, expand_composites, check_subtrees_length)
    return list(zip(yield_flat_paths(shallow_tree, expand_composites), parts, strict=True))


def map_structure_with_tuple_paths_up_to(
    shallow_tree: Any, func: Callable[..., Any], *inputs: Any, **kwargs: Any
) -> Any:
    """As `map_structure_up_to`, with the path of the place as first argument of `func`."""
    check_types, expand = _check_options(func, inputs, kwargs)
    columns = zip(
        yield_flat_paths(shallow_tree, expand),
        *[flatten_up_to(shallow_tree, tree, check_types, expand) for tree in inputs],
        strict=True,
    )
    return pack_sequence_as(shallow_tree, [func(*column) for column in columns], expand)


def get_traverse_shallow_structure(
    traverse_fn: Callable[[Any], Any], structure: Any, expand_composites: bool = False
) -> Any:
    """A structure of booleans, as deep as `traverse_fn` says True (or a structure of booleans) for a part.

    >>> get_traverse_shallow_structure(lambda s: isinstance(s, tuple), ([1], 2))
    (False, False)
    """
    answer = traverse_fn(structure)
    if not _nests(structure, expand_composites):
        if not isinstance(answer, bool):
            raise TypeError(f"traverse_fn returned structure: {answer} for non-structure: {structure}")
        return answer
    if isinstance(answer, bool):
        if not answer:
            return False
        parts = [
            get_traverse_shallow_structure(traverse_fn, v, expand_composites) for v in _values(structure)
        ]
        # A composite tensor of booleans is none: its parts stand in a list.
        return parts if _is_composite(structure) else _like(structure, parts)
    return _traverse_parts(traverse_fn, structure, answer, expand_composites)


def _traverse_parts(traverse_fn: Callable[[Any], Any], structure: Any, answers: Any, expand: bool) -> Any:
    assert_shallow_structure(answers, structure, expand_composites=expand)
    parts = []
    for answer, value in _shallow_pairs(answers, structure):
        if not isinstance(answer, bool):
            raise TypeError(f"traverse_fn didn't return a depth=1 structure of bools: {answers}")
        parts.append(get_traverse_shallow_structure(traverse_fn, value, expand) if answer else False)
    return _like(structure, parts)


def flatten_dict_items(dictionary: Mapping[Any, Any]) -> dict[Any, Any]:
    """A dict whose keys and values may be structures, with each pair of elements as an item of its own.

    >>> flatten_dict_items({"a": 1, ("b", "c"): (2, 3)})
    {'a': 1, 'b': 2, 'c': 3}
    """
    if not isinstance(dictionary, Mapping):
        raise TypeError("input must be a dictionary")
    flat: dict[Any, Any] = {}
    for key, value in dictionary.items():
        for k, v in _item_pairs(key, value):
            if k in flat:
                raise ValueError(f"Could not flatten dictionary: key {k} is not unique.")
            flat[k] = v
    return flat


def _item_pairs(key: Any, value: Any) -> list[tuple[Any, Any]]:
    if not is_sequence(key):
        return [(key, value)]
    keys, values = flatten(key), flatten(value)
    if len(keys) != len(values):
        raise ValueError(
            f"Could not flatten dictionary. Key had {len(keys)} elements, but value had {len(values)}."
        )
    return list(zip(keys, values, strict=True))
