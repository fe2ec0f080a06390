"""Static shapes: what is known of a tensor's shape before it is computed.

A `TensorShape` has an unknown rank, or a known rank with dimensions each known or not. It keeps one tuple,
`shape.ints`; the `Dimension` objects that programs see are made on demand.

Two rules of TensorFlow 1 surprise, and hold here: a comparison with an unknown dimension gives None, so
shapes with unknown dimensions are not equal (but to themselves); and shapes cannot be hashed
(use `shape.ints` as a key).

>>> TensorShape([None, 3]).merge_with([2, None])
TensorShape([Dimension(2), Dimension(3)])
"""

import math
import operator
from collections.abc import Callable, Iterable, Iterator
from itertools import zip_longest
from typing import Any, TypeAlias

from reflow.base import protos
from reflow.base.dtypes import DType

Ints: TypeAlias = "tuple[int | None, ...] | None"


class Dimension:
    """One dimension of a static shape: an int that is not negative, or unknown.

    Arithmetic with an unknown dimension gives an unknown dimension, a comparison with it gives None.

    Args:
        value: None (unknown), a Dimension, or anything `int` takes without loss.

    Raises:
        TypeError: `value` is not a number.
        ValueError: `value` is negative or not a whole number.

    >>> Dimension(6) // 4 + Dimension(2), Dimension(None) * 2
    (Dimension(3), Dimension(None))
    >>> print(Dimension(2) == None, Dimension(2) < 3)
    None True
    """

    __slots__ = ("_value",)
    _value: int | None

    def __init__(self, value: Any) -> None:
        self._value = _dimension_int(value)

    @property
    def value(self) -> int | None:
        """The size of the dimension, or None when it is unknown."""
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        """Whether both can stand for one and the same size: they are equal, or one is unknown.

        >>> Dimension(2).is_compatible_with(None), Dimension(2).is_compatible_with(3)
        (True, False)
        """
        try:
            value = _dimension_int(other)
        except (TypeError, ValueError):
            return NotImplemented  # type: ignore[no-any-return]
        return _compatible(self._value, value)

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError when `is_compatible_with(other)` does not hold.

        >>> Dimension(2).assert_is_compatible_with(3)
        Traceback (most recent call last):
        ValueError: Dimensions 2 and 3 are not compatible
        """
        if not _compatible(self._value, _dimension_int(other)):
            raise ValueError(f"Dimensions {self} and {other} are not compatible")

    def merge_with(self, other: Any) -> "Dimension":
        """What is known of the dimension from both.

        Raises:
            ValueError: the two are not compatible.

        >>> Dimension(None).merge_with(2)
        Dimension(2)
        """
        try:
            value = _dimension_int(other)
        except (TypeError, ValueError):
            return NotImplemented  # type: ignore[no-any-return]
        self.assert_is_compatible_with(value)
        return _dimension(value if self._value is None else self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value!r})"

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)

    # `int(Dimension(None))` is Python's own TypeError about a None.
    def __int__(self) -> int:
        return self._value  # type: ignore[return-value]

    def __index__(self) -> int:
        return self._value  # type: ignore[return-value]

    def __reduce__(self) -> tuple[Any, ...]:
        return Dimension, (self._value,)

    def __eq__(self, other: object) -> bool | None:  # type: ignore[override]
        try:
            return _compare(operator.eq, self._value, _dimension_int(other))
        except (TypeError, ValueError):
            return NotImplemented

    def __ne__(self, other: object) -> bool | None:  # type: ignore[override]
        try:
            return _compare(operator.ne, self._value, _dimension_int(other))
        except (TypeError, ValueError):
            return NotImplemented

    def __lt__(self, other: Any) -> bool | None:
        return _compare(operator.lt, self._value, _dimension_int(other))

    def __le__(self, other: Any) -> bool | None:
        return _compare(operator.le, self._value, _dimension_int(other))

    def __gt__(self, other: Any) -> bool | None:
        return _compare(operator.gt, self._value, _dimension_int(other))

    def __ge__(self, other: Any) -> bool | None:
        return _compare(operator.ge, self._value, _dimension_int(other))

    def __add__(self, other: Any) -> "Dimension":
        return self._combine(operator.add, other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> "Dimension":
        return self._combine(operator.sub, other)

    def __rsub__(self, other: Any) -> "Dimension":
        return _arithmetic(operator.sub, _dimension_int(other), self._value)

    def __mul__(self, other: Any) -> "Dimension":
        return self._combine(operator.mul, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> "Dimension":
        return self._combine(operator.floordiv, other)

    def __rfloordiv__(self, other: Any) -> "Dimension":
        return _arithmetic(operator.floordiv, _dimension_int(other), self._value)

    def __mod__(self, other: Any) -> "Dimension":
        return _arithmetic(operator.mod, self._value, _dimension_int(other))

    def __rmod__(self, other: Any) -> "Dimension":
        return _arithmetic(operator.mod, _dimension_int(other), self._value)

    def __truediv__(self, other: Any) -> "Dimension":
        raise TypeError(_TRUE_DIVISION.format("Dimension", type(other).__name__))

    def __rtruediv__(self, other: Any) -> "Dimension":
        raise TypeError(_TRUE_DIVISION.format(type(other).__name__, "Dimension"))

    def _combine(self, function: Callable[[int, int], int], other: Any) -> "Dimension":
        """Apply an operator to both sizes; NotImplemented when `other` is not a dimension."""
        try:
            value = _dimension_int(other)
        except (TypeError, ValueError):
            return NotImplemented  # type: ignore[no-any-return]
        return _arithmetic(function, self._value, value)


_TRUE_DIVISION = "unsupported operand type(s) for /: '{}' and '{}', please use // instead"


def _dimension_int(value: Any) -> int | None:
    """The size that a value given as a dimension stands for, checked."""
    if value is None or (type(value) is int and value >= 0):
        return value
    if isinstance(value, Dimension):
        return value._value
    if isinstance(value, DType):  # which has an `int()` of its own
        raise TypeError(f"Cannot convert {value} to Dimension")
    size = int(value)
    if not isinstance(value, str | bytes) and size != value:
        raise ValueError(f"Ambiguous dimension: {value}")
    if size < 0:
        raise ValueError(f"Dimension {size} must be >= 0")
    return size


def _dimension(size: int | None) -> Dimension:
    """A Dimension of a size that needs no check."""
    dimension = Dimension.__new__(Dimension)
    dimension._value = size
    return dimension


def _compatible(a: int | None, b: int | None) -> bool:
    return a is None or b is None or a == b


def _compare(function: Callable[[Any, Any], bool], a: int | None, b: int | None) -> bool | None:
    return None if a is None or b is None else function(a, b)


def _arithmetic(function: Callable[[int, int], int], a: int | None, b: int | None) -> Dimension:
    return Dimension(None if a is None or b is None else function(a, b))


class TensorShape:
    """The static shape of a tensor.

    Args:
        dims: None (unknown rank), an iterable of dimensions (ints, None, Dimensions, strings of digits), one
            dimension (a shape of rank 1), a TensorShape, or a TensorShapeProto message.

    Raises:
        TypeError: `dims` is a string, or an item is not a number.
        ValueError: an item is negative or not a whole number.

    `ints` is the whole content: a tuple of `int | None`, or None when the rank is unknown. Do not assign it.

    >>> TensorShape([None, 3]), TensorShape(None), TensorShape(5)
    (TensorShape([Dimension(None), Dimension(3)]), TensorShape(None), TensorShape([Dimension(5)]))
    >>> TensorShape([None, 3]).ints
    (None, 3)
    >>> print(TensorShape([None, 3]), TensorShape(None))
    (?, 3) <unknown>
    """

    __slots__ = ("ints",)
    ints: Ints

    def __init__(self, dims: Any) -> None:
        self.ints = _shape_ints(dims)

    @classmethod
    def of(cls, ints: Ints) -> "TensorShape":
        """A shape from what `ints` gives, without checks: a tuple of ints and Nones, or None.

        >>> TensorShape.of((2, None)).rank
        2
        """
        shape = cls.__new__(cls)
        shape.ints = ints
        return shape

    @property
    def rank(self) -> int | None:
        """The number of dimensions, or None when it is unknown."""
        return None if self.ints is None else len(self.ints)

    ndims = rank

    @property
    def dims(self) -> list[Dimension] | None:
        """A new list of the dimensions, or None when the rank is unknown."""
        return None if self.ints is None else [_dimension(size) for size in self.ints]

    def as_list(self) -> list[int | None]:
        """A new list of the sizes, None for an unknown one.

        Raises:
            ValueError: the rank is unknown.

        >>> TensorShape([2, None]).as_list()
        [2, None]
        """
        if self.ints is None:
            raise ValueError("as_list() is not defined on an unknown TensorShape.")
        return list(self.ints)

    def as_proto(self) -> Any:
        """The shape as a TensorShapeProto message, with -1 for an unknown size.

        >>> [d.size for d in TensorShape([2, None]).as_proto().dim]
        [2, -1]
        """
        proto = protos.TensorShapeProto(unknown_rank=self.ints is None)
        for size in self.ints or ():
            proto.dim.add(size=-1 if size is None else size)
        return proto

    def num_elements(self) -> int | None:
        """The number of elements of a tensor of this shape, or None when it is not known.

        >>> TensorShape([2, 3]).num_elements(), TensorShape([2, None]).num_elements()
        (6, None)
        """
        if self.ints is None or None in self.ints:
            return None
        return math.prod(self.ints)  # type: ignore[arg-type]

    def is_fully_defined(self) -> bool:
        """Whether the rank and all sizes are known.

        >>> TensorShape([2, 3]).is_fully_defined(), TensorShape([2, None]).is_fully_defined()
        (True, False)
        """
        return self.ints is not None and None not in self.ints

    def assert_is_fully_defined(self) -> None:
        """Raise ValueError when the rank or a size is unknown."""
        if not self.is_fully_defined():
            raise ValueError(f"Shape {self} is not fully defined")

    def is_compatible_with(self, other: Any) -> bool:
        """Whether one and the same full shape fits both.

        >>> TensorShape([2, None]).is_compatible_with([None, 3]), TensorShape([2]).is_compatible_with([3])
        (True, False)
        """
        mine, theirs = self.ints, as_shape(other).ints
        if mine is None or theirs is None:
            return True
        return len(mine) == len(theirs) and all(map(_compatible, mine, theirs))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError when `is_compatible_with(other)` does not hold."""
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are incompatible")

    def merge_with(self, other: Any) -> "TensorShape":
        """What is known of the shape from both.

        Raises:
            ValueError: the two are not compatible.

        >>> TensorShape([2, 3]).merge_with([3])
        Traceback (most recent call last):
        ValueError: Shapes (2, 3) and (3,) are not compatible
        """
        other = as_shape(other)
        if self.ints is None:
            return other  # type: ignore[no-any-return]
        if other.ints is None:
            return self
        if not self.is_compatible_with(other):
            raise ValueError(f"Shapes {self} and {other} are not compatible")
        return TensorShape.of(
            tuple(b if a is None else a for a, b in zip(self.ints, other.ints, strict=True))
        )

    def most_specific_compatible_shape(self, other: Any) -> "TensorShape":
        """The most specific shape that fits all tensors that fit either: what the two have in common.

        >>> TensorShape([2, 3]).most_specific_compatible_shape([5, 3])
        TensorShape([Dimension(None), Dimension(3)])
        """
        mine, theirs = self.ints, as_shape(other).ints
        if mine is None or theirs is None or len(mine) != len(theirs):
            return unknown_shape()
        return TensorShape.of(tuple(a if a == b else None for a, b in zip(mine, theirs, strict=True)))

    def concatenate(self, other: Any) -> "TensorShape":
        """The dimensions of this shape followed by those of `other`; unknown if either rank is.

        >>> TensorShape([2, 3]).concatenate([4])
        TensorShape([Dimension(2), Dimension(3), Dimension(4)])
        """
        other = as_shape(other)
        if self.ints is None or other.ints is None:
            return unknown_shape()
        return TensorShape.of(self.ints + other.ints)

    def with_rank(self, rank: int | None) -> "TensorShape":
        """This shape; if its rank is unknown, a shape of that rank with unknown dimensions.

        Raises:
            ValueError: the rank is another.

        >>> TensorShape(None).with_rank(1)
        TensorShape([Dimension(None)])
        """
        if rank is None:
            return self
        self.assert_has_rank(rank)
        return unknown_shape(rank) if self.ints is None else self

    def with_rank_at_least(self, rank: int) -> "TensorShape":
        """This shape.

        Raises:
            ValueError: its rank is known and lower than `rank`.
        """
        if self.ints is not None and len(self.ints) < rank:
            raise ValueError(f"Shape {self} must have rank at least {rank}")
        return self

    def with_rank_at_most(self, rank: int) -> "TensorShape":
        """This shape.

        Raises:
            ValueError: its rank is known and higher than `rank`.
        """
        if self.ints is not None and len(self.ints) > rank:
            raise ValueError(f"Shape {self} must have rank at most {rank}")
        return self

    def assert_has_rank(self, rank: int | None) -> None:
        """Raise ValueError when the rank is known to be another.

        >>> TensorShape([None, 3]).assert_has_rank(1)
        Traceback (most recent call last):
        ValueError: Shape (?, 3) must have rank 1
        """
        if self.ints is not None and rank is not None and len(self.ints) != rank:
            raise ValueError(f"Shape {self} must have rank {rank}")

    def assert_same_rank(self, other: Any) -> None:
        """Raise ValueError when both ranks are known and differ."""
        other = as_shape(other)
        if self.ints is not None and other.ints is not None and len(self.ints) != len(other.ints):
            raise ValueError(f"Shapes {self} and {other} must have the same rank")

    def __getitem__(self, key: Any) -> Any:
        """A Dimension for an index, a TensorShape for a slice.

        >>> TensorShape([2, 3])[-1], TensorShape([2, 3])[1:]
        (Dimension(3), TensorShape([Dimension(3)]))
        """
        if self.ints is None:
            return _unknown_slice(key) if isinstance(key, slice) else _dimension(None)
        if isinstance(key, slice):
            return TensorShape.of(self.ints[key])
        return _dimension(list(self.ints)[key])  # a list, for its texts about a wrong index

    def __len__(self) -> int:
        if self.ints is None:
            raise ValueError("Cannot take the length of shape with unknown rank.")
        return len(self.ints)

    def __iter__(self) -> Iterator[Dimension]:
        if self.ints is None:
            raise ValueError("Cannot iterate over a shape with unknown rank.")
        return map(_dimension, self.ints)

    def __bool__(self) -> bool:
        return self.ints is not None

    def __add__(self, other: Any) -> "TensorShape":
        return self.concatenate(other)

    def __radd__(self, other: Any) -> "TensorShape":
        return as_shape(other).concatenate(self)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        try:
            theirs = as_shape(other).ints
        except TypeError:
            return NotImplemented
        # An unknown size equals none, not even an unknown one; unknown ranks are equal.
        return self.ints == theirs and (theirs is None or None not in theirs)

    def __ne__(self, other: object) -> bool:
        try:
            shape = as_shape(other)
        except TypeError:
            return NotImplemented
        if self.ints is None or shape.ints is None:
            raise ValueError("The inequality of unknown TensorShapes is undefined.")
        return not self == shape

    def __str__(self) -> str:
        if self.ints is None:
            return "<unknown>"
        items = ["?" if size is None else str(size) for size in self.ints]
        return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"

    def __repr__(self) -> str:
        return f"TensorShape({self.dims!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return TensorShape, (self.ints,)


def _shape_ints(dims: Any) -> Ints:
    """The sizes that a value given as a shape stands for, checked."""
    if dims is None:
        return None
    if isinstance(dims, TensorShape):
        return dims.ints
    if isinstance(dims, str | bytes):
        raise TypeError(
            f"A string has ambiguous TensorShape, please wrap in a list or convert to an int: {dims!s}"
        )
    if hasattr(dims, "unknown_rank"):
        return _proto_ints(dims)
    items = _items(dims)
    return (_dimension_int(dims),) if items is None else tuple(map(_dimension_int, items))


def _items(dims: Any) -> Iterable[Any] | None:
    """The items of an iterable, None for anything else (such as a NumPy array of rank 0)."""
    try:
        return iter(dims)  # type: ignore[no-any-return]
    except TypeError:
        return None


def _proto_ints(proto: Any) -> Ints:
    # Told by its field and not by its class, so that shapes do not need protobuf.
    if proto.unknown_rank:
        return None
    return tuple(None if dim.size == -1 else _dimension_int(dim.size) for dim in proto.dim)


def _unknown_slice(key: slice) -> TensorShape:
    """What a slice of a shape of unknown rank is: its rank may be known from the bounds."""
    if key.step is not None:
        raise ValueError("Steps are not yet handled")
    start = 0 if key.start is None else int(key.start)
    if key.stop is None or start < 0 or key.stop < 0:
        return unknown_shape()
    return unknown_shape(max(0, int(key.stop) - start))


def as_dimension(value: Any) -> Dimension:
    """`value` as a Dimension (see there for what it may be).

    >>> as_dimension(3)
    Dimension(3)
    """
    return value if isinstance(value, Dimension) else Dimension(value)


def as_shape(shape: Any) -> TensorShape:
    """`shape` as a TensorShape (see there for what it may be).

    >>> as_shape((2, None))
    TensorShape([Dimension(2), Dimension(None)])
    """
    return shape if isinstance(shape, TensorShape) else TensorShape(shape)


def unknown_shape(rank: int | None = None, ndims: int | None = None) -> TensorShape:
    """A shape of which nothing is known, or nothing but the rank (`ndims` is another name for it).

    >>> unknown_shape(), unknown_shape(1)
    (TensorShape(None), TensorShape([Dimension(None)]))
    """
    rank = ndims if rank is None else rank
    return TensorShape.of(None if rank is None else (None,) * rank)


def scalar() -> TensorShape:
    """The shape of a scalar.

    >>> scalar()
    TensorShape([])
    """
    return TensorShape.of(())


def vector(length: Any) -> TensorShape:
    """The shape of a vector of this length; None: unknown.

    >>> vector(3)
    TensorShape([Dimension(3)])
    """
    return TensorShape([length])


def matrix(rows: Any, cols: Any) -> TensorShape:
    """The shape of a matrix with these rows and columns; None: unknown.

    >>> matrix(2, None)
    TensorShape([Dimension(2), Dimension(None)])
    """
    return TensorShape([rows, cols])


def dimension_value(dimension: Any) -> Any:
    """The size of a Dimension; anything else as it is.

    >>> dimension_value(Dimension(3)), dimension_value(4)
    (3, 4)
    """
    return dimension.value if isinstance(dimension, Dimension) else dimension


def dimension_at_index(shape: TensorShape, index: int) -> Dimension:
    """The dimension of `shape` at `index`, an unknown one when the rank is unknown.

    Raises:
        TypeError: `shape` is not a TensorShape.
        IndexError: there is no such dimension.

    >>> dimension_at_index(TensorShape([2, 3]), 1), dimension_at_index(TensorShape(None), 1)
    (Dimension(3), Dimension(None))
    """
    if not isinstance(shape, TensorShape):
        raise TypeError(f"dimension_at_index() needs a TensorShape, not {shape!r}")
    return shape[index]  # type: ignore[no-any-return]


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """The shape that two shapes broadcast to by NumPy's rules, as far as it is known.

    An unknown size beside a size above 1 is taken to fit it; beside 1, 0 or another unknown it stays unknown.

    Raises:
        ValueError: no tensors of these shapes broadcast.

    >>> broadcast_static_shape([2, None], [4])
    TensorShape([Dimension(2), Dimension(4)])
    >>> broadcast_static_shape([2, 3], [4])
    Traceback (most recent call last):
    ValueError: Incompatible shapes for broadcasting: (2, 3) and (4,)
    """
    x, y = as_shape(shape_x), as_shape(shape_y)
    if x.ints is None or y.ints is None:
        return unknown_shape()
    pairs = list(zip_longest(reversed(x.ints), reversed(y.ints), fillvalue=1))
    if not all(_compatible(a, b) or 1 in (a, b) for a, b in pairs):
        raise ValueError(f"Incompatible shapes for broadcasting: {x} and {y}")
    return TensorShape.of(tuple(_broadcast_size(a, b) for a, b in reversed(pairs)))


def _broadcast_size(a: int | None, b: int | None) -> int | None:
    """The size that two sizes that fit broadcast to."""
    if a is None or b is None:
        known = a if b is None else b
        return known if known is not None and known > 1 else None
    return b if a == 1 else a
