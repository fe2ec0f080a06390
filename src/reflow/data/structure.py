"""Elements of datasets as flat lists of tensors, and back; and functions of elements, traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.data import nest
from reflow.graph.composite import SparseTensor
from reflow.graph.function import FuncGraph, trace, unique_function_name
from reflow.graph.graph import convert_to_tensor, name_scope
from reflow.graph.node import Tensor
from reflow.graph.specs import SparseTensorSpec, TensorSpec, TypeSpec, known_spec, spec_of


def normalized(element: Any) -> Any:
    """The element with its parts converted to tensors, named `normalize_element/component_0` and so on."""
    parts: list[Any] = []
    with name_scope("normalize_element"):
        for number, part in enumerate(nest.flatten(element)):
            spec = known_spec(part)
            if isinstance(spec, SparseTensorSpec):
                parts.append(SparseTensor.from_value(part))
            elif spec is None or isinstance(spec, TensorSpec):
                parts.append(convert_to_tensor(part, name=f"component_{number}"))
            else:
                parts.append(part)
    return nest.pack_sequence_as(element, parts)


def structure_of(element: Any) -> Any:
    """The specs of an element's parts, in its structure. TypeError for a part that is no tensor."""
    spec = known_spec(element)
    if spec is not None:
        return spec
    if nest.is_sequence(element):
        return nest.pack_sequence_as(element, [spec_of(part) for part in nest.flatten(element)])
    return spec_of(element)


def flat_specs(structure: Any) -> list[TensorSpec]:
    """The specs of the tensors that an element is passed as."""
    return [spec for part in nest.flatten(structure) for spec in part._flat_tensor_specs]


def flat_types(structure: Any) -> list[Any]:
    """The types of those tensors."""
    return [spec.dtype for spec in flat_specs(structure)]


def flat_shapes(structure: Any) -> list[Any]:
    """The shapes of those tensors."""
    return [spec.shape for spec in flat_specs(structure)]


def to_tensors(structure: Any, element: Any) -> list[Tensor]:
    """An element as a flat list of tensors."""
    nest.assert_same_structure(structure, element)
    pairs = zip(nest.flatten(structure), nest.flatten(element), strict=True)
    return [tensor for spec, part in pairs for tensor in spec._to_tensor_list(part)]


def to_batched_tensors(structure: Any, element: Any) -> list[Tensor]:
    """A batch of elements as a flat list of tensors, each with the elements' number as first dimension."""
    nest.assert_same_structure(structure, element)
    pairs = zip(nest.flatten(structure), nest.flatten(element), strict=True)
    return [tensor for spec, part in pairs for tensor in spec._to_batched_tensor_list(part)]


def from_tensors(structure: Any, tensors: Sequence[Any]) -> Any:
    """The element that a flat list of tensors stands for."""
    parts, at = [], 0
    for spec in nest.flatten(structure):
        count = len(spec._flat_tensor_specs)
        parts.append(spec._from_tensor_list(tensors[at : at + count]))
        at += count
    if at != len(tensors):
        raise ValueError(f"Expected {at} tensors but got {len(tensors)}.")
    return nest.pack_sequence_as(structure, parts)


def attributes(structure: Any) -> dict[str, Any]:
    """The attributes of a dataset op that say what its elements are."""
    return {"output_types": flat_types(structure), "output_shapes": flat_shapes(structure)}


def legacy(structure: Any, what: int) -> Any:
    """The types (0), shapes (1) or classes (2) of an element, in its structure."""
    return nest.map_structure(lambda spec: spec._legacy[what], structure)


def from_legacy(types: Any, shapes: Any, classes: Any) -> Any:
    """The structure of an element of these types, shapes and classes."""
    rows = zip(nest.flatten(types), nest.flatten(shapes), nest.flatten(classes), strict=True)
    return nest.pack_sequence_as(classes, [_spec(*row) for row in rows])


def _spec(dtype: Any, shape: Any, kind: Any) -> TypeSpec:
    if isinstance(kind, TypeSpec):
        return kind
    if isinstance(kind, type) and issubclass(kind, SparseTensor):
        return SparseTensorSpec(shape, dtype)
    if isinstance(kind, type) and issubclass(kind, Tensor):
        return TensorSpec(shape, dtype)
    raise TypeError(f"Could not build a structure for output class {kind!r}")


def batched(structure: Any, size: Any) -> Any:
    """The structure of a batch of elements."""
    return nest.map_structure(lambda spec: spec._batch(size), structure)


def unbatched(structure: Any) -> Any:
    """The structure of the rows of an element."""
    return nest.map_structure(lambda spec: spec._unbatch(), structure)


class ElementFunction:
    """A Python function of elements, traced into a body graph.

    Attributes:
        body: the body graph, which is entered in the graph's library.
        structure: the specs of what it returns.
        captured: the tensors of the graph around that it uses.
    """

    structure: Any = None

    def __init__(self, function: Callable[..., Any], what: str, structure: Any, add: bool = True) -> None:
        """`what` is the transformation as errors call it ("Dataset.map()")."""
        if not callable(function):
            raise ValueError("Argument must be callable")
        self._function = function
        self._what = what
        self._arguments = structure
        specs = flat_specs(structure)
        stem = "_".join([what.replace(".", "_")[:-2], _name_of(function)])
        types, shapes = [s.dtype for s in specs], [s.shape for s in specs]
        self.body: FuncGraph = trace(self._call, types, shapes, unique_function_name(stem), add=add)

    @property
    def captured(self) -> list[Tensor]:
        return self.body.captured_inputs

    def _call(self, *tensors: Tensor) -> list[Tensor]:
        arguments = from_tensors(self._arguments, tensors)
        unpack = type(arguments) is tuple
        returned = self._function(*arguments) if unpack else self._function(arguments)
        if isinstance(returned, list):
            returned = tuple(returned)
        try:
            self.structure = structure_of(returned)
        except (TypeError, ValueError):
            raise TypeError(
                f"Unsupported return value from function passed to {self._what}: {returned}."
            ) from None
        return to_tensors(self.structure, returned)


def _name_of(function: Any) -> str:
    """A function's name as TensorFlow's library has it."""
    inner = function
    while hasattr(inner, "func"):  # functools.partial
        inner = inner.func
    return getattr(inner, "__name__", None) or type(inner).__name__


def count_tensor(value: Any, name: str, dtype: Any = dtypes.int64) -> Tensor:
    """A number that a dataset op takes, as a tensor of that name."""
    return convert_to_tensor(value, dtype, name=name)


def check_predicate(function: ElementFunction) -> None:
    """ValueError when a function does not return a scalar bool."""
    spec = function.structure
    if not (isinstance(spec, TensorSpec) and TensorSpec([], dtypes.bool).is_compatible_with(spec)):
        raise ValueError(
            f"`predicate` return type must be convertible to a scalar boolean tensor. Was {spec}."
        )


def state_function(function: Callable[..., Any], what: str, spec: Any, element_spec: Any) -> tuple[Any, Any]:
    """The structure (at first `spec`) of a state that a function carries on, and the function, traced.

    Where the new state's shape differs from the old one's, the state has what both have in common.
    """
    while True:
        traced = ElementFunction(function, what, (spec, element_spec), add=False)
        new = traced.structure[0] if what.endswith("scan()") else traced.structure
        wider = _wider_state(spec, new)
        if wider is None:
            return spec, traced
        spec = wider


def _wider_state(old: Any, new: Any) -> Any:
    """What two states have in common; None when the old one takes the new one as it is."""
    pairs = list(zip(nest.flatten(old), nest.flatten(new), strict=True))
    for what, i in (("classes", 2), ("types", 0)):
        if any(a._legacy[i] != b._legacy[i] for a, b in pairs):
            raise TypeError(
                f"The element {what} for the new state must match the initial state. "
                f"Expected {legacy(old, i)}; got {legacy(new, i)}."
            )
    shapes = [a._legacy[1].most_specific_compatible_shape(b._legacy[1]) for a, b in pairs]
    if all(
        a._legacy[1].ndims is None or a._legacy[1].ints == s.ints
        for (a, _), s in zip(pairs, shapes, strict=True)
    ):
        return None
    packed = nest.pack_sequence_as(old, shapes)
    return from_legacy(legacy(old, 0), packed, legacy(old, 2))
