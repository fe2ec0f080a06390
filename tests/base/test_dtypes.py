"""Element types. The table is recorded from TensorFlow 1.15."""

import copy
import operator
import pickle
import subprocess
import sys

import numpy as np
import pytest

from reflow.base import dtypes
from reflow.base.dtypes import DType, as_dtype

# number, name, size, kind ("u": unsigned integer, "-": none of the kinds asked for), min, max
TYPES = [
    (1, "float32", 4, "floating", np.finfo(np.float32).min, np.finfo(np.float32).max),
    (2, "float64", 8, "floating", np.finfo(np.float64).min, np.finfo(np.float64).max),
    (3, "int32", 4, "integer", -2147483648, 2147483647),
    (4, "uint8", 1, "u", 0, 255),
    (5, "int16", 2, "integer", -32768, 32767),
    (6, "int8", 1, "integer", -128, 127),
    (7, "string", 8, "-", None, None),
    (8, "complex64", 8, "complex", None, None),
    (9, "int64", 8, "integer", -9223372036854775808, 9223372036854775807),
    (10, "bool", 1, "bool", None, None),
    (11, "qint8", 1, "quantized", None, None),
    (12, "quint8", 1, "quantized", None, None),
    (13, "qint32", 4, "quantized", None, None),
    (14, "bfloat16", 2, "floating", -(2.0**128) + 2.0**120, 2.0**128 - 2.0**120),
    (15, "qint16", 2, "quantized", None, None),
    (16, "quint16", 2, "quantized", None, None),
    (17, "uint16", 2, "u", 0, 65535),
    (18, "complex128", 16, "complex", None, None),
    (19, "float16", 2, "floating", -65504, 65504),
    (20, "resource", 1, "-", None, None),
    (21, "variant", 1, "-", None, None),
    (22, "uint32", 4, "u", 0, 4294967295),
    (23, "uint64", 8, "u", 0, 18446744073709551615),
]
KINDS = ("floating", "integer", "complex", "bool", "quantized")


@pytest.mark.parametrize(("number", "name", "size", "kind", "low", "high"), TYPES)
@pytest.mark.parametrize("ref", [False, True])
def test_properties(number, name, size, kind, low, high, ref):
    base = DType(number)
    dtype = DType(number + 100) if ref else base
    full_name = name + "_ref" if ref else name
    assert dtype is getattr(dtypes, full_name)
    assert (dtype.name, int(dtype), dtype.as_datatype_enum) == (full_name, hash(dtype), number + 100 * ref)
    assert (repr(dtype), str(dtype)) == (f"tf.{full_name}", f"<dtype: '{full_name}'>")
    assert dtype.base_dtype is base and dtype._as_ref is DType(number + 100)
    assert dtype.is_ref_dtype is dtype._is_ref_dtype is ref
    assert dtype.size == size
    true = {"integer" if kind == "u" else kind}
    assert {k for k in KINDS if getattr(dtype, f"is_{k}")} == true - {"-"}
    assert dtype.is_unsigned == (kind == "u")
    assert dtype.is_numpy_compatible == (name not in ("resource", "variant"))
    if low is not None:
        assert (float(dtype.min), float(dtype.max)) == (float(low), float(high))


@pytest.mark.parametrize("name", [row[1] for row in TYPES if row[4] is None])
def test_no_extremes(name):
    with pytest.raises(TypeError, match=f"Cannot find minimum value of <dtype: '{name}'>."):
        _ = as_dtype(name).min
    with pytest.raises(TypeError, match=f"Cannot find maximum value of <dtype: '{name}_ref'>."):
        _ = as_dtype(name)._as_ref.max


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ("float", "float32"),
        ("double", "float64"),
        ("half", "float16"),
        ("float_ref", "float32_ref"),
        ("double_ref", "float64_ref"),
        ("half_ref", "float16_ref"),
        ("float32_ref", "float32_ref"),
        ("bool", "bool"),
        (float, "float32"),
        (int, "int32"),
        (bool, "bool"),
        (str, "string"),
        (object, "string"),
        (np.float32, "float32"),
        (np.dtype("f4"), "float32"),
        (np.dtype(">f4"), "float32"),
        (np.dtype("S5"), "string"),
        (np.dtype("U3"), "string"),
        (np.dtype(object), "string"),
        (np.object_, "string"),
        (np.str_, "string"),
        (np.bytes_, "string"),
        (np.bool_, "bool"),
        (np.longlong, "int64"),
        (np.dtype(np.ulonglong), "uint64"),
        (np.intp, "int64"),
        (np.int32(3), "int32"),
        (np.dtype([("qint8", "i1")]), "qint8"),
        (101, "float32_ref"),
    ],
)
def test_as_dtype(value, name):
    dtype = as_dtype(value)
    assert dtype.name == name
    assert operator.eq(dtype, value) and operator.eq(value, dtype) and not operator.ne(dtype, value)


@pytest.mark.parametrize(
    "value",
    [
        *(
            None,
            0,
            24,
            99,
            200,
            1.5,
            "",
            "foo",
            "f4",
            "<f4",
            "int",
            "str",
            "object",
            b"float32",
            [],
            {},
            dict,
        ),
        *(bytes, complex, list, type(None), np.longdouble, np.dtype("m8"), np.dtype([("a", "i4")])),
    ],
)
def test_not_a_dtype(value):
    with pytest.raises(TypeError, match="^Cannot convert value .* to a TensorFlow DType.$"):
        as_dtype(value)
    assert operator.ne(dtypes.float32, value) and not operator.eq(dtypes.float32, value)


@pytest.mark.parametrize("number", [0, 24, 100, 200])
def test_no_such_number(number):
    with pytest.raises(TypeError, match=f"type_enum is not a valid types_pb2.DataType: {number}"):
        DType(number)


@pytest.mark.parametrize("name", [row[1] for row in TYPES if row[1] not in ("resource", "variant", "string")])
def test_numpy_type_round_trip(name):
    numpy_type = as_dtype(name).as_numpy_dtype
    assert np.zeros(1, numpy_type).dtype == np.dtype(numpy_type)
    assert as_dtype(numpy_type) is as_dtype(np.dtype(numpy_type)) is as_dtype(name)
    assert as_dtype(name)._as_ref.as_numpy_dtype == numpy_type


def test_numpy_type_of_string_bool_and_handles():
    assert dtypes.string.as_numpy_dtype is np.object_
    assert dtypes.bool.as_numpy_dtype is np.bool_
    for dtype in (dtypes.resource, dtypes.variant, dtypes.resource_ref):
        with pytest.raises(TypeError, match="has no NumPy type"):
            _ = dtype.as_numpy_dtype


def test_one_object_for_each_type():
    for dtype in (dtypes.float32, dtypes.bool_ref, dtypes.qint8):
        assert copy.deepcopy(dtype) is copy.copy(dtype) is pickle.loads(pickle.dumps(dtype)) is dtype
    with pytest.raises(AttributeError, match="does not change"):
        dtypes.float32.name = "x"


def test_comparison():
    float32, ref = dtypes.float32, dtypes.float32_ref
    assert float32 != ref and float32 != dtypes.float64
    assert (float32.is_compatible_with(ref), ref.is_compatible_with(float32)) == (True, False)
    assert float32.is_compatible_with(np.float32) and not float32.is_compatible_with("int32")
    assert {float32: 1}[as_dtype("float")] == 1 and float32 in (np.int32, np.float32)


@pytest.mark.parametrize(
    ("name", "limits"),
    [("float32", (0, 1)), ("float64_ref", (0, 1)), ("int8", (0, 127)), ("uint16", (0, 65535))],
)
def test_limits(name, limits):
    assert as_dtype(name).limits == limits


@pytest.mark.parametrize("name", ["string", "bool", "float16", "bfloat16", "complex64", "qint8"])
def test_no_limits(name):
    with pytest.raises(KeyError):
        _ = as_dtype(name).limits


def test_real_dtype_and_quantized_types():
    assert dtypes.complex64.real_dtype is dtypes.complex64_ref.real_dtype is dtypes.float32
    assert dtypes.complex128.real_dtype is dtypes.float64
    assert dtypes.float32_ref.real_dtype is dtypes.float32_ref
    names = ["qint8", "quint8", "qint16", "quint16", "qint32"]
    assert {d.name for d in dtypes.QUANTIZED_DTYPES} == {*names, *(f"{n}_ref" for n in names)}


def test_import_is_light():
    """Importing the whole room imports no heavy package; only what needs them does."""
    program = (
        "import sys\nfrom reflow.base import dtypes, errors, protos, shape\n"
        "heavy = {'ml_dtypes', 'google.protobuf', 'tensorboard', 'tensorflow', 'jax'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "protos.GraphDef, dtypes.bfloat16.as_numpy_dtype\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    lines = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert lines.splitlines() == ["[]", "['google.protobuf', 'ml_dtypes', 'tensorboard']"]
