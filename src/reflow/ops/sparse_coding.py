"""Sparse tensors crossed with each other, and as strings."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes, protos
from reflow.base.shape import TensorShape, as_shape
from reflow.base.varint import read_varint, varint
from reflow.graph.checks import fail
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import emit
from reflow.graph.graphdef import whole_array
from reflow.graph.node import Tensor
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops.hashing import fingerprint64, joined_fingerprint
from reflow.ops.sparse_parts import any_parts_shape, as_sparse, components, same_rank, stacked, vector_of

DEFAULT_HASH_KEY = 0xDECAFCAFFE
SEPARATOR = b"_X_"
LARGEST = np.iinfo(np.int64).max

# Crosses of features


def _features(values: Any, hashed: bool) -> list[Any]:
    """The features as bytes to be joined, or as numbers to be hashed together."""
    texts = values.dtype == object
    if not hashed:
        return [v if texts else str(v).encode() for v in values.tolist()]
    return [fingerprint64(v) if texts else v for v in values.tolist()]


def _sparse_column(indices: Any, values: Any, sizes: Any, hashed: bool) -> list[list[Any]]:
    """The features of each row of a sparse matrix."""
    same_rank(indices, values, sizes)
    if len(sizes) != 2:
        fail(f"shape must have rank 2, got {len(sizes)}")
    rows: list[list[Any]] = [[] for _ in range(int(sizes[0]))]
    for row, feature in zip(indices[:, 0].tolist(), _features(values, hashed), strict=True):
        if not 0 <= row < len(rows):
            fail(f"Row {row} of a feature is not in [0, {len(rows)})")
        rows[row].append(feature)
    return rows


def _dense_column(values: Any, hashed: bool) -> list[list[Any]]:
    if values.ndim != 2:
        fail(f"Dense inputs should be a matrix but received shape {list(values.shape)}")
    return [_features(row, hashed) for row in values]


def _hashed(features: Sequence[int], key: int, num_buckets: int) -> int:
    value = key
    for feature in features:
        value = joined_fingerprint(value, feature)
    return value % (num_buckets if num_buckets > 0 else LARGEST)


def _cross_host(ctx: Any, *inputs: Any, N: int, hashed_output: bool, num_buckets: int, hash_key: int) -> Any:
    hashed = bool(hashed_output)
    sparse = zip(inputs[:N], inputs[N : 2 * N], inputs[2 * N : 3 * N], strict=True)
    columns = [_sparse_column(*parts, hashed) for parts in sparse]
    columns += [_dense_column(values, hashed) for values in inputs[3 * N :]]
    counts = {len(column) for column in columns}
    if len(counts) > 1:
        fail(f"Expected batch size {len(columns[0])}, got {sorted(counts - {len(columns[0])})[0]}")
    crosses = [list(itertools.product(*row)) for row in zip(*columns, strict=True)]
    flat = [cross for row in crosses for cross in row]
    if hashed:
        values: Any = np.array([_hashed(cross, hash_key, num_buckets) for cross in flat], np.int64)
    else:
        values = np.empty(len(flat), object)
        values[:] = [SEPARATOR.join(cross) for cross in flat]
    places = [(i, j) for i, row in enumerate(crosses) for j in range(len(row))]
    longest = max((len(row) for row in crosses), default=0)
    return np.array(places, np.int64).reshape(-1, 2), values, np.array([len(crosses), longest], np.int64)


register(
    "SparseCross",
    shape=lambda node: [TensorShape.of((None, 2)), vector_of(None), vector_of(2)],
    host=_cross_host,
    gradient=None,
)


def _cross(inputs: Any, name: str | None, **attrs: Any) -> SparseTensor:
    if not isinstance(inputs, list):
        raise TypeError("Inputs must be a list")
    if not all(isinstance(x, (SparseTensor, Tensor)) for x in inputs):
        raise TypeError("All inputs must be SparseTensors")
    sparse = [x for x in inputs if isinstance(x, SparseTensor)]
    values = [_as_feature(x.values) for x in sparse]
    dense = [_as_feature(x) for x in inputs if not isinstance(x, SparseTensor)]
    texts = all(v.dtype == dtypes.string for v in (*values, *dense))
    parts = emit(
        "SparseCross",
        [x.indices for x in sparse],
        values,
        [x.dense_shape for x in sparse],
        dense,
        internal_type=dtypes.string if texts else dtypes.int64,
        name=name,
        **attrs,
    )
    return SparseTensor(*parts)


def _as_feature(values: Tensor) -> Tensor:
    return values if values.dtype == dtypes.string else blocks.cast(values, dtypes.int64)


def sparse_cross(inputs: Any, name: str | None = None) -> SparseTensor:
    """All combinations of the features of each row, one of each input, joined by `_X_`.

    Args:
        inputs: a list of matrices with equal numbers of rows, sparse or dense, of strings or integers.

    Returns:
        A sparse matrix of strings: the sparse inputs' features come first.

    Raises:
        TypeError: `inputs` is not such a list.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 1]], ["a", "b"], [1, 2])
    >>> print(*tf.Session().run(tf.sparse.cross([x, tf.constant([["c"]])])).values)
    b'a_X_c' b'b_X_c'
    """
    attrs = {"hashed_output": False, "num_buckets": 0, "hash_key": DEFAULT_HASH_KEY}
    return _cross(inputs, name, out_type=dtypes.string, **attrs)


def sparse_cross_hashed(
    inputs: Any, num_buckets: int = 0, hash_key: int | None = None, name: str | None = None
) -> SparseTensor:
    """`sparse_cross` with int64 hashes instead of strings.

    Args:
        num_buckets: the hashes are below this number; any non-negative number if 0.
        hash_key: what the hash starts from.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 0], [0, 1]], ["a", "b"], [1, 2])
    >>> tf.Session().run(tf.sparse.cross_hashed([x, tf.constant([["c"]])], num_buckets=100)).values
    array([66, 54])
    """
    attrs = {"hashed_output": True, "num_buckets": num_buckets, "hash_key": hash_key or DEFAULT_HASH_KEY}
    return _cross(inputs, name, out_type=dtypes.int64, **attrs)


# Sparse tensors as strings: each part is a serialized TensorProto


def _only_strings(out_type: dtypes.DType) -> None:
    if out_type != dtypes.string:
        raise NotImplementedError(f"Reflow serializes sparse tensors to strings, not to {out_type.name}")


def _text(value: Any, dtype: dtypes.DType) -> bytes:
    """A tensor as a serialized TensorProto that has all in its content."""
    array = np.asarray(value)
    proto = protos.TensorProto(dtype=dtype.as_datatype_enum, tensor_shape=as_shape(array.shape).as_proto())
    flat = array.reshape(-1)
    if dtype == dtypes.string:
        lengths = b"".join(varint(len(item)) for item in flat)
        proto.tensor_content = lengths + b"".join(flat)
    else:
        kind = np.dtype(dtype.as_numpy_dtype).newbyteorder("<")
        proto.tensor_content = flat.astype(kind, copy=False).tobytes()
    return proto.SerializeToString(deterministic=True)  # type: ignore[no-any-return]


def _texts(rows: list[list[Any]], out_type: dtypes.DType) -> np.ndarray:
    """Rows of three tensors as strings, or as they are for variants."""
    texts = np.empty((len(rows), 3), object)
    for i, row in enumerate(rows):
        for j, (value, dtype) in enumerate(row):
            texts[i, j] = np.asarray(value) if out_type == dtypes.variant else _text(value, dtype)
    return texts


def _row(indices: Any, values: Any, sizes: Any, dtype: dtypes.DType) -> list[Any]:
    return [(indices, dtypes.int64), (values, dtype), (sizes, dtypes.int64)]


def _serialize_host(
    ctx: Any, indices: Any, values: Any, sizes: Any, *, T: dtypes.DType, out_type: dtypes.DType
) -> Any:
    same_rank(indices, values, sizes)
    return _texts([_row(indices, values, sizes, T)], out_type)[0]


def _serialize_many_host(
    ctx: Any, indices: Any, values: Any, sizes: Any, *, T: dtypes.DType, out_type: dtypes.DType
) -> Any:
    same_rank(indices, values, sizes)
    if len(sizes) < 2:
        fail(f"Rank of input SparseTensor should be > 1, but saw rank: {len(sizes)}")
    rows = []
    for number in range(int(sizes[0])):
        own = indices[:, 0] == number
        rows.append(_row(indices[own, 1:], values[own], sizes[1:], T))
    return _texts(rows, out_type)


def _parsed(text: Any, dtype: dtypes.DType) -> Any:
    """The array of a serialized TensorProto of `dtype`, or of a variant, which is the array itself."""
    if isinstance(text, np.ndarray):
        return text
    proto = protos.TensorProto()
    try:
        proto.ParseFromString(text)
        own = dtypes.as_dtype(proto.dtype)
        array = _strings_of(proto) if own == dtypes.string else whole_array(proto)
    except Exception:  # protobuf has its own exceptions, which differ by version
        return fail(f"Could not parse serialized_sparse: {text[:40]!r} is no serialized tensor")
    if own != dtype:
        fail(f"Requested SparseTensor of type {dtype.name} but found one of type {own.name}")
    return array


def _strings_of(proto: Any) -> np.ndarray:
    """The strings of a TensorProto: its content is their lengths and then the strings one after another."""
    if not proto.tensor_content:
        return whole_array(proto)
    shape, content = [d.size for d in proto.tensor_shape.dim], proto.tensor_content
    lengths, at = [], 0
    for _ in range(int(np.prod(shape, dtype=np.int64))):
        length, at = read_varint(content, at)
        lengths.append(length)
    ends = (at + np.cumsum(lengths)).tolist()
    if ends[-1] != len(content):
        raise ValueError(f"{len(content)} bytes, {ends[-1]} are wanted")
    values = np.empty(len(lengths), object)
    values[:] = [content[end - length : end] for end, length in zip(ends, lengths, strict=True)]
    return values.reshape(shape)


def _sparse_of(row: Any, dtype: dtypes.DType) -> tuple[Any, Any, Any]:
    """The parts of one serialized sparse tensor."""
    indices, sizes = _parsed(row[0], dtypes.int64), _parsed(row[2], dtypes.int64)
    values = _parsed(row[1], dtype)
    same_rank(indices, values, sizes)
    return indices, values, sizes


def _merged(rows: Sequence[Any], dtype: dtypes.DType) -> tuple[Any, Any, Any]:
    """Serialized sparse tensors as one, with their numbers as a first dimension."""
    return stacked([_sparse_of(row, dtype) for row in rows])


def _deserialize_many_host(ctx: Any, serialized: Any, *, dtype: dtypes.DType) -> Any:
    if serialized.ndim != 2 or serialized.shape[1] != 3:
        fail(f"Serialized sparse should be a matrix with 3 columns; received shape {list(serialized.shape)}")
    if not len(serialized):
        fail("Serialized sparse should have at least one row")
    return _merged(list(serialized), dtype)


def _deserialize_host(ctx: Any, serialized: Any, *, dtype: dtypes.DType) -> Any:
    if serialized.ndim == 0 or serialized.shape[-1] != 3:
        fail(f"Serialized sparse should have 3 as the last dimension; received {list(serialized.shape)}")
    batch = serialized.shape[:-1]
    if serialized.ndim == 1:
        return _sparse_of(serialized, dtype)
    if not serialized.size:
        fail(f"Serialized sparse should have at least one element; received shape {list(serialized.shape)}")
    indices, values, sizes = _merged(list(serialized.reshape(-1, 3)), dtype)
    lead = np.stack(np.unravel_index(indices[:, 0], batch), axis=1).astype(np.int64)
    shape = np.concatenate([batch, sizes[1:]]).astype(np.int64)
    return np.concatenate([lead, indices[:, 1:]], axis=1), values, shape


def _many_shape(node: Any) -> list[TensorShape]:
    node.inputs[0].shape.with_rank(2).assert_is_compatible_with((None, 3))
    return any_parts_shape(node)


register("DeserializeSparse", shape=any_parts_shape, host=_deserialize_host, gradient=None)


@op("SerializeSparse", shape=lambda node: vector_of(3), host=_serialize_host, gradient=None)
def serialize_sparse(sp_input: Any, name: str | None = None, out_type: Any = dtypes.string) -> Tensor:
    """A sparse tensor as three strings, its parts as serialized TensorProtos.

    Args:
        out_type: `tf.string`; NotImplementedError for `tf.variant`.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0]], [5], [3])
    >>> tf.Session().run(tf.serialize_sparse(x)).shape
    (3,)
    """
    return _serialized("SerializeSparse", sp_input, out_type, name)


@op(
    "SerializeManySparse",
    shape=lambda node: TensorShape.of((None, 3)),
    host=_serialize_many_host,
    gradient=None,
)
def serialize_many_sparse(sp_input: Any, name: str | None = None, out_type: Any = dtypes.string) -> Tensor:
    """Each slice along the first dimension of a sparse tensor as three strings.

    >>> import reflow as tf
    >>> x = tf.SparseTensor([[0, 1], [1, 0]], [5, 6], [2, 3])
    >>> tf.Session().run(tf.serialize_many_sparse(x)).shape
    (2, 3)
    """
    return _serialized("SerializeManySparse", sp_input, out_type, name)


def _serialized(op_type: str, sp_input: Any, out_type: Any, name: str | None) -> Tensor:
    _only_strings(dtypes.as_dtype(out_type))
    return emit(op_type, *components(as_sparse(sp_input)), out_type=out_type, name=name)  # type: ignore[no-any-return]


def deserialize_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """The sparse tensor of which `serialize_sparse` made three strings; of several rows, one of higher rank.

    Args:
        dtype: the type of its values.
        rank: its rank, when it is known.

    >>> import reflow as tf
    >>> text = tf.serialize_sparse(tf.SparseTensor([[1]], [5], [3]))
    >>> tf.Session().run(deserialize_sparse(text, tf.int32)).indices
    array([[1]])
    """
    return _deserialized("DeserializeSparse", serialized_sparse, dtype, rank, name)


@op("DeserializeManySparse", shape=_many_shape, host=_deserialize_many_host, gradient=None)
def deserialize_many_sparse(
    serialized_sparse: Any, dtype: Any, rank: int | None = None, name: str | None = None
) -> SparseTensor:
    """Sparse tensors, each serialized in a row of three strings, joined along a new first dimension.

    Args:
        dtype: the type of their values.
        rank: the rank of the result, when it is known.

    >>> import reflow as tf
    >>> text = tf.serialize_many_sparse(tf.SparseTensor([[0, 1], [1, 0]], [5, 6], [2, 3]))
    >>> tf.Session().run(tf.deserialize_many_sparse(text, tf.int32)).dense_shape
    array([2, 3])
    """
    return _deserialized("DeserializeManySparse", serialized_sparse, dtype, rank, name)


def _deserialized(op_type: str, serialized: Any, dtype: Any, rank: Any, name: str | None) -> SparseTensor:
    indices, values, sizes = emit(op_type, serialized, dtype=dtype, name=name)
    indices.set_shape([None, rank])
    sizes.set_shape([rank])
    return SparseTensor(indices, values, sizes)
