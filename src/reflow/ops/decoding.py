"""Strings that hold data in some format: comma-separated values, tensors, compressed data, JSON."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes, errors, protos
from reflow.base.shape import unknown_shape
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import Tensor, emit
from reflow.graph.graphdef import tensor_array
from reflow.graph.registry import op
from reflow.ops import csv_kernels
from reflow.ops.string_kernels import each

SHOWN = 1000  # bytes of malformed data that an error shows
_WINDOW_BITS = {"ZLIB": zlib.MAX_WBITS, "GZIP": zlib.MAX_WBITS + 16}


def _csv_shape(node: Any) -> list[Any]:
    for default in node.inputs[1:]:
        if default.shape.with_rank_at_most(1).ndims == 1 and (default.shape.ints[0] or 0) > 1:
            raise ValueError("Shape of a default must be a length-0 or length-1 vector, or a scalar.")
    return [node.inputs[0].shape] * len(node.outputs)


@op("DecodeCSV", shape=_csv_shape, host=csv_kernels.decode_csv, gradient=None)
def decode_csv(
    records: Any,
    record_defaults: Any,
    field_delim: str = ",",
    use_quote_delim: bool = True,
    name: str | None = None,
    na_value: str = "",
    select_cols: Sequence[int] | None = None,
) -> list[Tensor]:
    """Lines of comma-separated values as one tensor for each column.

    Args:
        records: a string tensor; each string is one line, without its end.
        record_defaults: a list with one item for each column (that is selected): its default, in a list or
            vector of length one or a scalar, which also tells the type: float32, float64, int32, int64 or
            string. An empty vector says that the column must not be missing.
        field_delim: the character between fields.
        use_quote_delim: fields may be in double quotes, within which a doubled quote stands for one.
        name: the name of the operation.
        na_value: a field of this text is missing, as an empty one is.
        select_cols: the numbers of the columns wanted, in increasing order; all by default.

    Returns: a list of tensors of the shape of `records`.

    Raises:
        ValueError: `select_cols` are not in order, negative, or not as many as the defaults.
        tf.errors.InvalidArgumentError (when run): a line is malformed or has another number of fields; a
            field is not a number of the type, or is missing without a default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     columns = tf.decode_csv(['1,"a, b",', "2,c,0.5"], [[0], [""], [-1.0]])
    ...     for column in sess.run(columns):
    ...         print(column)
    [1 2]
    [b'a, b' b'c']
    [-1.   0.5]
    """
    if select_cols is not None:
        _check_columns(list(select_cols), len(record_defaults))
    return emit(  # type: ignore[no-any-return]
        "DecodeCSV",
        records,
        record_defaults,
        field_delim=field_delim,
        use_quote_delim=use_quote_delim,
        na_value=na_value,
        select_cols=select_cols,
        name=name,
    )


def _check_columns(columns: list[int], count: int) -> None:
    if any(a >= b for a, b in itertools.pairwise(columns)):
        raise ValueError("select_cols is not strictly increasing.")
    if columns and columns[0] < 0:
        raise ValueError("select_cols contains negative values.")
    if len(columns) != count:
        raise ValueError("Length of select_cols and record_defaults do not match.")


# Tensors


def _serialize(ctx: Any, tensor: np.ndarray, *, T: dtypes.DType) -> np.ndarray:  # noqa: N803
    array = np.asarray(tensor)
    proto = protos.TensorProto(dtype=T.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if T.name == "string":
        proto.string_val.extend(array.reshape(-1).tolist())
    else:
        stored = np.dtype(T.as_numpy_dtype)
        stored = stored if stored.kind == "V" else stored.newbyteorder("<")
        proto.tensor_content = array.astype(stored, copy=False).tobytes()
    return np.array(proto.SerializeToString(), object)


@op("SerializeTensor", shape=shapes.scalar, host=_serialize, gradient=None)
def serialize_tensor(tensor: Any, name: str | None = None) -> Tensor:
    """A tensor as a scalar string: a serialized TensorProto, which `tf.parse_tensor` reads.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     text = tf.serialize_tensor([[1, 2], [3, 4]])
    ...     print(sess.run(tf.parse_tensor(text, tf.int32)))
    [[1 2]
     [3 4]]
    """
    return emit("SerializeTensor", tensor, name=name)  # type: ignore[no-any-return]


def _parse(ctx: Any, serialized: Any, *, out_type: dtypes.DType) -> np.ndarray:
    if np.ndim(serialized):
        fail(f"Expected `serialized` to be a scalar, got shape: {list(np.shape(serialized))}")
    data = np.asarray(serialized, object).item()
    proto = protos.TensorProto()
    try:
        proto.ParseFromString(data)
    except Exception as error:
        if type(error).__name__ != "DecodeError":
            raise
        fail(f"Could not parse `serialized` as TensorProto: '{_shown(data)}'")
    if not proto.dtype or any(d.size < 0 for d in proto.tensor_shape.dim) or proto.tensor_shape.unknown_rank:
        fail(f"Cannot parse tensor from proto: {_shown(data)}")
    found = dtypes.as_dtype(proto.dtype)
    if found != out_type:
        fail(f"Type mismatch between parsed tensor ({found.name}) and dtype ({out_type.name})")
    try:
        return tensor_array(proto)
    except ValueError as error:
        return fail(f"Cannot parse tensor from proto: {error}")  # type: ignore[no-any-return]


def _shown(data: bytes) -> str:
    return data[:SHOWN].decode("utf-8", "backslashreplace")


@op("ParseTensor", shape=lambda node: unknown_shape(), host=_parse, gradient=None)
def parse_tensor(serialized: Any, out_type: Any, name: str | None = None) -> Tensor:
    """The tensor in a scalar string: a serialized TensorProto.

    Args:
        serialized: the string.
        out_type: the tensor's type.
        name: the name of the operation.

    Returns: a tensor of unknown static shape.
    Raises InvalidArgumentError (when run) if the string is no TensorProto, or one of another type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.parse_tensor(tf.serialize_tensor([1.5]), tf.float32)))
    [1.5]
    """
    return emit("ParseTensor", serialized, out_type=out_type, name=name)  # type: ignore[no-any-return]


# Compressed data


def _decompress(ctx: Any, strings: Any, *, compression_type: str) -> Any:
    if not compression_type:
        return strings
    if compression_type not in _WINDOW_BITS:
        fail("Only ZLIB, GZIP or NONE are supported compressions")

    def inflate(data: bytes) -> bytes:
        machine = zlib.decompressobj(_WINDOW_BITS[compression_type])
        try:
            whole = machine.decompress(data) + machine.flush()
        except zlib.error as error:
            code, _, reason = str(error).removeprefix("Error ").partition(" while decompressing data: ")
            return fail(f"inflate() failed with error {code}: {reason}", errors.DataLossError)  # type: ignore[no-any-return]
        if not machine.eof:
            fail(f"the compressed data is truncated: {len(data)} bytes", errors.DataLossError)
        return whole

    return each(inflate)(ctx, strings)


@op("DecodeCompressed", shape=shapes.unchanged, host=_decompress, gradient=None)
def decode_compressed(bytes: Any, compression_type: str = "", name: str | None = None) -> Tensor:  # noqa: A002
    """Strings of compressed data, uncompressed.

    Args:
        bytes: a string tensor.
        compression_type: "ZLIB", "GZIP", or "" for strings that are not compressed.
        name: the name of the operation.

    Raises (when run): InvalidArgumentError for another compression; DataLossError for data that is damaged or
    cut off.

    >>> import zlib
    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.io.decode_compressed(zlib.compress(b"hello"), "ZLIB")))
    b'hello'
    """
    return emit("DecodeCompressed", bytes, compression_type=compression_type, name=name)  # type: ignore[no-any-return]


# JSON


def _from_json(text: bytes) -> bytes:
    from google.protobuf import json_format

    try:
        example = json_format.Parse(text, protos.Example())
    except (json_format.ParseError, UnicodeDecodeError) as error:
        return fail(f"Error while parsing JSON: {error}")  # type: ignore[no-any-return]
    return example.SerializeToString()  # type: ignore[no-any-return]


@op("DecodeJSONExample", shape=shapes.unchanged, host=each(_from_json), gradient=None)
def decode_json_example(json_examples: Any, name: str | None = None) -> Tensor:
    """Examples in protobuf's JSON form, as serialized Examples.

    Args:
        json_examples: a string tensor.
        name: the name of the operation.

    Raises InvalidArgumentError (when run) if a string is not an Example in JSON.

    >>> import reflow as tf
    >>> text = '{"features": {"feature": {"a": {"int64List": {"value": [3]}}}}}'
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     example = tf.train.Example.FromString(sess.run(tf.io.decode_json_example(text)))
    >>> print(example.features.feature["a"])
    int64_list {
      value: 3
    }
    """
    return emit("DecodeJSONExample", json_examples, name=name)  # type: ignore[no-any-return]
