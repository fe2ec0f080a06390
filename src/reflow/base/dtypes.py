"""Element types of tensors.

A `DType` is one of TensorFlow's element types, or the reference form of one (the type of the output of a
reference variable). There is exactly one object for each, so `is`, `==` and `hash` are cheap and agree.

>>> as_dtype("float")
tf.float32
>>> float32._as_ref.base_dtype is float32
True
"""

import sys
from builtins import bool as _bool
from typing import Any, NamedTuple, NoReturn, Self

import numpy as np

# A reference type's number is that of its base type plus this.
_REF_OFFSET = 100


class _Facts(NamedTuple):
    """What is known of a base type: its name, its kind, and its NumPy type (None: there is none)."""

    name: str
    kind: str  # "float", "int", "uint", "complex", "bool", "string", "quantized" or "handle"
    numpy: Any


def _quantized(name: str, numpy_type: type) -> _Facts:
    """A quantized type is a record of one field in NumPy, so that it is not taken for a plain integer."""
    return _Facts(name, "quantized", np.dtype([(name, numpy_type)]))


# The numbers are those of the DataType enum in the serialized graph format.
_FACTS: dict[int, _Facts] = {
    1: _Facts("float32", "float", np.float32),
    2: _Facts("float64", "float", np.float64),
    3: _Facts("int32", "int", np.int32),
    4: _Facts("uint8", "uint", np.uint8),
    5: _Facts("int16", "int", np.int16),
    6: _Facts("int8", "int", np.int8),
    7: _Facts("string", "string", np.object_),
    8: _Facts("complex64", "complex", np.complex64),
    9: _Facts("int64", "int", np.int64),
    10: _Facts("bool", "bool", np.bool_),
    11: _quantized("qint8", np.int8),
    12: _quantized("quint8", np.uint8),
    13: _quantized("qint32", np.int32),
    14: _Facts("bfloat16", "float", None),  # ml_dtypes has it; imported when first asked for
    15: _quantized("qint16", np.int16),
    16: _quantized("quint16", np.uint16),
    17: _Facts("uint16", "uint", np.uint16),
    18: _Facts("complex128", "complex", np.complex128),
    19: _Facts("float16", "float", np.float16),
    20: _Facts("resource", "handle", None),
    21: _Facts("variant", "handle", None),
    22: _Facts("uint32", "uint", np.uint32),
    23: _Facts("uint64", "uint", np.uint64),
}
_BFLOAT16 = 14


class DType:
    """The type of the elements of a tensor, such as `tf.float32`.

    `DType(number)` gives the type with this number in the DataType enum; `as_dtype` takes more.

    Attributes (all read-only):
        name: such as `"float32"`, or `"float32_ref"` for a reference type.
        as_datatype_enum: the number in the DataType enum.
        base_dtype: the type itself, or for a reference type the type it refers to.
        is_ref_dtype: whether it is a reference type (`_is_ref_dtype` is the same).
        is_floating, is_integer, is_complex, is_bool, is_quantized: its kind; the same for a reference type.
            Quantized types are neither integer nor floating.
        is_unsigned: whether it is an unsigned integer type.
        is_numpy_compatible: whether a NumPy array can hold its values; not so for resource and variant.

    Raises:
        TypeError: there is no type with this number.

    >>> DType(3), DType(3) is int32, DType(103)
    (tf.int32, True, tf.int32_ref)
    >>> print(int32)
    <dtype: 'int32'>
    """

    __slots__ = (
        "_numpy",
        "as_datatype_enum",
        "base_dtype",
        "is_bool",
        "is_complex",
        "is_floating",
        "is_integer",
        "is_numpy_compatible",
        "is_quantized",
        "is_ref_dtype",
        "is_unsigned",
        "name",
    )

    name: str
    as_datatype_enum: int
    base_dtype: "DType"
    is_ref_dtype: _bool
    is_floating: _bool
    is_integer: _bool
    is_complex: _bool
    is_bool: _bool
    is_quantized: _bool
    is_unsigned: _bool
    is_numpy_compatible: _bool
    _numpy: Any

    def __new__(cls, type_enum: int) -> Self:
        try:
            return _BY_ENUM[int(type_enum)]  # type: ignore[return-value]
        except KeyError:
            raise TypeError(f"type_enum is not a valid types_pb2.DataType: {type_enum}") from None

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"can't set attribute {name!r}: a DType does not change")

    @property
    def _is_ref_dtype(self) -> _bool:
        return self.is_ref_dtype

    @property
    def _as_ref(self) -> "DType":
        """The reference form of this type; itself when it is one.

        >>> float32._as_ref
        tf.float32_ref
        """
        return _BY_ENUM[self.base_dtype.as_datatype_enum + _REF_OFFSET]

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy type of the values: a scalar type, or a record `np.dtype` for a quantized type.

        Raises:
            TypeError: for resource and variant, which NumPy cannot hold.

        >>> float32.as_numpy_dtype is np.float32, string.as_numpy_dtype is np.object_
        (True, True)
        """
        if self._numpy is None:
            return _lazy_numpy_type(self)
        return self._numpy

    @property
    def real_dtype(self) -> "DType":
        """The type of the real part of a complex type; any other type itself.

        >>> complex64.real_dtype, int32.real_dtype
        (tf.float32, tf.int32)
        """
        if not self.is_complex:
            return self
        return float32 if self.base_dtype is complex64 else float64

    @property
    def min(self) -> Any:
        """The lowest finite value, a Python int or a NumPy float.

        Raises:
            TypeError: for types without an order or without numbers, and for quantized types.

        >>> int8.min, uint8.min
        (-128, 0)
        """
        return self._extreme("min", "minimum")

    @property
    def max(self) -> Any:
        """The highest finite value, a Python int or a NumPy float.

        Raises:
            TypeError: for types without an order or without numbers, and for quantized types.

        >>> int8.max, float32.max
        (127, np.float32(3.4028235e+38))
        """
        return self._extreme("max", "maximum")

    @property
    def limits(self) -> tuple[int, int]:
        """The usual range of intensities of an image of this type: from 0 to 1 for floats, else to `max`.

        Raises:
            KeyError: the type is not one of images (only float32, float64 and integers are).

        >>> float32.limits, int8.limits
        ((0, 1), (0, 127))
        """
        if self.is_integer:
            return 0, self.max
        if self.base_dtype in (float32, float64):
            return 0, 1
        raise KeyError(self.name)

    @property
    def size(self) -> int:
        """Bytes that one element takes; 1 for resource and variant.

        >>> float64.size, bfloat16.size
        (8, 2)
        """
        base = self.base_dtype
        if base is bfloat16:
            return 2
        return np.dtype(self._numpy).itemsize if self._numpy is not None else 1

    def is_compatible_with(self, other: Any) -> _bool:
        """Whether a tensor of type `other` may stand where this type is asked for.

        That is so for the type itself, and for the reference form of it (but not the other way round).

        Raises:
            TypeError: `other` is not a type.

        >>> float32.is_compatible_with(float32._as_ref), float32._as_ref.is_compatible_with(float32)
        (True, False)
        """
        other = as_dtype(other)
        return self is other or self is other.base_dtype

    def _extreme(self, which: str, word: str) -> Any:
        if self.is_integer:
            return int(getattr(np.iinfo(self._numpy), which))
        if self.base_dtype is bfloat16:
            # The largest finite bfloat16: 8 bits of precision, exponent 127.
            largest = float.fromhex("0x1.FEp127")
            return self.as_numpy_dtype(largest if which == "max" else -largest)
        if self.is_floating:
            return getattr(np.finfo(self._numpy), which)
        raise TypeError(f"Cannot find {word} value of {self}.")

    def __eq__(self, other: object) -> _bool:
        if self is other:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return self is as_dtype(other)
        except TypeError:
            return False

    def __ne__(self, other: object) -> _bool:
        return not self == other

    def __hash__(self) -> int:
        return self.as_datatype_enum

    def __int__(self) -> int:
        return self.as_datatype_enum

    def __str__(self) -> str:
        return f"<dtype: {self.name!r}>"

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __reduce__(self) -> tuple[Any, ...]:
        return as_dtype, (self.name,)


def _lazy_numpy_type(dtype: DType) -> Any:
    """The NumPy type of a type that has none in the table: bfloat16's, from ml_dtypes."""
    if dtype.base_dtype is not bfloat16:
        raise TypeError(f"{dtype!r} has no NumPy type.")
    import ml_dtypes

    return ml_dtypes.bfloat16


def _make(number: int, facts: _Facts, base: DType | None) -> DType:
    """Build the one object of a type; `base` is given for a reference type."""
    dtype = object.__new__(DType)
    attributes = {
        "name": facts.name + "_ref" if base else facts.name,
        "as_datatype_enum": number,
        "base_dtype": base or dtype,
        "is_ref_dtype": base is not None,
        "is_floating": facts.kind == "float",
        "is_integer": facts.kind in ("int", "uint"),
        "is_complex": facts.kind == "complex",
        "is_bool": facts.kind == "bool",
        "is_quantized": facts.kind == "quantized",
        "is_unsigned": facts.kind == "uint",
        "is_numpy_compatible": facts.kind != "handle",
        "_numpy": facts.numpy,
    }
    for key, value in attributes.items():
        object.__setattr__(dtype, key, value)
    return dtype


def _make_all() -> dict[int, DType]:
    bases = {number: _make(number, facts, None) for number, facts in _FACTS.items()}
    refs = {n + _REF_OFFSET: _make(n + _REF_OFFSET, facts, bases[n]) for n, facts in _FACTS.items()}
    return bases | refs


_BY_ENUM: dict[int, DType] = _make_all()

float32 = _BY_ENUM[1]
float64 = double = _BY_ENUM[2]
int32 = _BY_ENUM[3]
uint8 = _BY_ENUM[4]
int16 = _BY_ENUM[5]
int8 = _BY_ENUM[6]
string = _BY_ENUM[7]
complex64 = _BY_ENUM[8]
int64 = _BY_ENUM[9]
bool_ = bool = _BY_ENUM[10]
qint8 = _BY_ENUM[11]
quint8 = _BY_ENUM[12]
qint32 = _BY_ENUM[13]
bfloat16 = _BY_ENUM[_BFLOAT16]
qint16 = _BY_ENUM[15]
quint16 = _BY_ENUM[16]
uint16 = _BY_ENUM[17]
complex128 = _BY_ENUM[18]
float16 = half = _BY_ENUM[19]
resource = _BY_ENUM[20]
variant = _BY_ENUM[21]
uint32 = _BY_ENUM[22]
uint64 = _BY_ENUM[23]

float32_ref = float32._as_ref
float64_ref = double_ref = float64._as_ref
int32_ref = int32._as_ref
uint8_ref = uint8._as_ref
int16_ref = int16._as_ref
int8_ref = int8._as_ref
string_ref = string._as_ref
complex64_ref = complex64._as_ref
int64_ref = int64._as_ref
bool_ref = bool_._as_ref
qint8_ref = qint8._as_ref
quint8_ref = quint8._as_ref
qint32_ref = qint32._as_ref
bfloat16_ref = bfloat16._as_ref
qint16_ref = qint16._as_ref
quint16_ref = quint16._as_ref
uint16_ref = uint16._as_ref
complex128_ref = complex128._as_ref
float16_ref = half_ref = float16._as_ref
resource_ref = resource._as_ref
variant_ref = variant._as_ref
uint32_ref = uint32._as_ref
uint64_ref = uint64._as_ref

QUANTIZED_DTYPES = frozenset(dtype for dtype in _BY_ENUM.values() if dtype.is_quantized)


def _conversions() -> dict[Any, DType]:
    """Everything that names a type: numbers, names, NumPy types and dtypes, Python types."""
    table: dict[Any, DType] = dict(_BY_ENUM)
    table |= {dtype.name: dtype for dtype in _BY_ENUM.values()}
    table |= {"half": float16, "float": float32, "double": float64}
    table |= {"half_ref": float16_ref, "float_ref": float32_ref, "double_ref": float64_ref}
    table |= {float: float32, int: int32, _bool: bool_, str: string, object: string}
    # Several C types may have one width, and NumPy keeps a scalar type for each.
    for c_type in (np.byte, np.short, np.intc, np.long, np.longlong):
        bits = 8 * np.dtype(c_type).itemsize
        unsigned = np.dtype(c_type).char.upper()  # NumPy's code of the unsigned type of the same width
        table[c_type] = table[f"int{bits}"]
        table[np.dtype(unsigned).type] = table[f"uint{bits}"]
    for dtype in _BY_ENUM.values():
        if dtype._numpy is not None and not dtype.is_ref_dtype:
            table |= {dtype._numpy: dtype, np.dtype(dtype._numpy): dtype}
    return table | {np.str_: string, np.bytes_: string}


_CONVERSIONS = _conversions()


def as_dtype(type_value: Any) -> DType:
    """The type that `type_value` names.

    Args:
        type_value: a `DType`; a number of the DataType enum; a name, such as `"float32"`, `"float"` or
            `"float32_ref"`; a NumPy scalar type or dtype (of strings or objects: `tf.string`); or one of
            Python's `float`, `int`, `bool` and `str`, which name the type that a constant made of such a
            value has (float32, int32, bool and string), or `object` (string).

    Raises:
        TypeError: `type_value` names no type.

    >>> as_dtype("double"), as_dtype(np.dtype("<U3")), as_dtype(9), as_dtype(float)
    (tf.float64, tf.string, tf.int64, tf.float32)
    """
    if isinstance(type_value, DType):
        return type_value
    try:
        return _CONVERSIONS[type_value]
    except (KeyError, TypeError):  # a TypeError: the value cannot be hashed
        pass
    scalar_type = type_value.type if isinstance(type_value, np.dtype) else type_value
    if isinstance(scalar_type, type):
        if scalar_type in _CONVERSIONS:
            return _CONVERSIONS[scalar_type]
        if _is_bfloat16(scalar_type):
            return bfloat16
    raise TypeError(f"Cannot convert value {type_value!r} to a TensorFlow DType.")


def _is_bfloat16(scalar_type: type) -> _bool:
    # Whoever holds the type has imported ml_dtypes; this module need not.
    ml_dtypes = sys.modules.get("ml_dtypes")
    return ml_dtypes is not None and scalar_type is ml_dtypes.bfloat16
