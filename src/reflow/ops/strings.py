"""Ops on strings: converting, splitting, joining, searching, hashing, decoding. All run on the host."""

from __future__ import annotations

from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape, broadcast_static_shape, unknown_shape
from reflow.graph import shapes
from reflow.graph.composite import SparseTensor
from reflow.graph.constant import constant_value
from reflow.graph.graph import Tensor, constant, convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks
from reflow.ops import string_kernels as kernels
from reflow.ops.deprecation import renamed

_STRIPPED = b"\t\n\v\f\r "


@op("AsString", shape=shapes.unchanged, host=kernels.as_string, gradient=None)
def as_string(
    input: Any,  # noqa: A002
    precision: int = -1,
    scientific: bool = False,
    shortest: bool = False,
    width: int = -1,
    fill: str = "",
    name: str | None = None,
) -> Tensor:
    """Numbers and bools as strings.

    Args:
        input: a tensor of integers, floats, complex numbers or bools.
        precision: how many digits after the point; as C's printf does without it.
        scientific, shortest: exponents always, or where they are shorter.
        width, fill: the least width, and the character (one of " +-0#") to fill it with.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.as_string([3.14159, 2.0], precision=2)))
    [b'3.14' b'2.00']
    """
    return emit(  # type: ignore[no-any-return]
        "AsString",
        input,
        precision=precision,
        scientific=scientific,
        shortest=shortest,
        width=width,
        fill=fill,
        name=name,
    )


@op("StringToNumber", shape=shapes.unchanged, host=kernels.string_to_number, gradient=None)
def string_to_number(
    string_tensor: Any = None,
    out_type: Any = dtypes.float32,
    name: str | None = None,
    input: Any = None,  # noqa: A002
) -> Tensor:
    """Strings as numbers: float32, float64, int32 or int64. `input` is a newer name of `string_tensor`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_to_number(["1.5", "-2e3"])))
    [ 1.5e+00 -2.0e+03]
    """
    strings = renamed("input", input, "string_tensor", string_tensor)
    return emit("StringToNumber", strings, out_type=out_type, name=name)  # type: ignore[no-any-return]


@op("StringLength", shape=shapes.unchanged, host=kernels.string_length, gradient=None)
def string_length(input: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:  # noqa: A002
    """How long strings are, int32, in bytes or, with `unit="UTF8_CHAR"`, in characters.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.length(["a", "abc"])))
    [1 3]
    """
    return emit("StringLength", input, unit=unit, name=name)  # type: ignore[no-any-return]


def _substr_shape(node: Any) -> TensorShape:
    strings, pos, length = (t.shape for t in node.inputs)
    try:
        return broadcast_static_shape(strings, pos.merge_with(length))
    except ValueError:
        raise ValueError(f"Shapes of strings {strings} and positions {pos} do not broadcast") from None


@op("Substr", shape=_substr_shape, host=kernels.substr, gradient=None)
def substr(input: Any, pos: Any, len: Any, name: str | None = None, unit: str = "BYTE") -> Tensor:  # noqa: A002
    """The parts of strings that begin at `pos` (from the end when negative) and have at most `len` bytes.

    Args:
        input: strings.
        pos, len: integers of one type and shape, which broadcast against `input`.
        unit: "BYTE" or "UTF8_CHAR".

    Fails with InvalidArgumentError for a position outside a string.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.substr(["hello", "world"], 1, 3)))
    [b'ell' b'orl']
    """
    return emit("Substr", input, pos, len, unit=unit, name=name)  # type: ignore[no-any-return]


def _join_shape(node: Any) -> TensorShape:
    """The shape of the inputs that are no scalars."""
    shape = TensorShape([])
    for each in (t.shape for t in node.inputs):
        if each.ndims != 0:
            shape = each if shape.ndims == 0 else _merged(shape, each)
    return shape


def _merged(one: TensorShape, other: TensorShape) -> TensorShape:
    try:
        return one.merge_with(other)
    except ValueError:
        if one.ndims != other.ndims:
            raise ValueError(f"Shapes must be equal rank, but are {one.ndims} and {other.ndims}") from None
        pairs = zip(one.ints or (), other.ints or (), strict=True)
        i, (a, b) = next((i, p) for i, p in enumerate(pairs) if None not in p and p[0] != p[1])
        raise ValueError(f"Dimension {i} in both shapes must be equal, but are {a} and {b}") from None


@op("StringJoin", shape=_join_shape, host=kernels.string_join, gradient=None)
def string_join(inputs: Any, separator: str = "", name: str | None = None) -> Tensor:
    """The strings of several tensors, of one shape or scalars, put together element by element.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_join([["a", "b"], "x"], separator="-")))
    [b'a-x' b'b-x']
    """
    return emit("StringJoin", inputs, separator=separator, name=name)  # type: ignore[no-any-return]


def _reduce_join_shape(node: Any) -> TensorShape:
    rank, axes = node.inputs[0].shape.ndims, constant_value(node.inputs[1])
    if rank is None or axes is None:
        return unknown_shape()
    return shapes.reduction(node)


@op("ReduceJoin", shape=_reduce_join_shape, host=kernels.reduce_join, gradient=None)
def reduce_join(
    inputs: Any,
    axis: Any = None,
    keep_dims: bool | None = None,
    separator: str = "",
    name: str | None = None,
    reduction_indices: Any = None,
    keepdims: bool | None = None,
) -> Tensor:
    """The strings of a tensor joined along axes, in the order in which the axes are given.

    Args:
        inputs: strings.
        axis: an axis or a list of axes; all of them, the last first, by default.
        keepdims: whether joined axes stay, with size 1.
        separator: what to put between strings.
        keep_dims, reduction_indices: older names of `keepdims` and `axis`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.reduce_join([["a", "b"], ["c", "d"]], 0)))
    [b'ac' b'bd']
    """
    keep = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    with name_scope(None, "ReduceJoin", [inputs, axis]):
        strings = convert_to_tensor(inputs)
        axes = _join_axes(strings) if axis is None else axis
        return emit("ReduceJoin", strings, axes, keep_dims=bool(keep), separator=separator, name=name)  # type: ignore[no-any-return]


def _join_axes(strings: Tensor) -> Tensor:
    rank = strings.shape.ndims
    if rank is not None:
        return constant(np.arange(rank - 1, -1, -1), dtypes.int32)
    last = blocks.rank_of(strings) - 1
    return blocks.span(last, -1, -1)  # type: ignore[no-any-return]


def _segment_join_shape(node: Any) -> TensorShape:
    strings, ids = node.inputs[0].shape, node.inputs[1].shape
    if strings.ndims is None or ids.ndims is None:
        return unknown_shape()
    strings[: ids.ndims].merge_with(ids)
    count = constant_value(node.inputs[2])
    return TensorShape([None if count is None else int(count)]).concatenate(strings[ids.ndims :])


@op("UnsortedSegmentJoin", shape=_segment_join_shape, host=kernels.unsorted_segment_join, gradient=None)
def unsorted_segment_join(
    inputs: Any, segment_ids: Any, num_segments: Any, separator: str = "", name: str | None = None
) -> Tensor:
    """The strings of each segment joined.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.unsorted_segment_join(["a", "b", "c"], [1, 0, 1], 2, ":")))
    [b'b' b'a:c']
    """
    return emit(  # type: ignore[no-any-return]
        "UnsortedSegmentJoin", inputs, segment_ids, num_segments, separator=separator, name=name
    )


# Splitting


def _split_shape(node: Any) -> list[Any]:
    if node.inputs[0].shape.ndims not in (None, 1):
        raise ValueError(f"Shape must be rank 1 but is rank {node.inputs[0].shape.ndims}")
    return [[None, 2], [None], [2]]


for _type, _kernel in (("StringSplit", kernels.string_split), ("StringSplitV2", kernels.string_split_v2)):
    register(_type, shape=_split_shape, host=_kernel, gradient=None)


def _sparse(parts: list[Tensor], result_type: str) -> SparseTensor:
    if result_type != "SparseTensor":
        raise NotImplementedError(f"Reflow makes SparseTensors of split strings, not {result_type!r}")
    return SparseTensor(*parts)


def string_split(
    source: Any,
    sep: Any = None,
    skip_empty: bool = True,
    delimiter: Any = None,
    result_type: str = "SparseTensor",
    name: str | None = None,
) -> SparseTensor:
    """The pieces of a vector of strings, a sparse matrix with a row for each string.

    Args:
        source: strings, of shape [n].
        sep: the characters, each of which separates; a space by default; "" separates all bytes.
        skip_empty: whether empty pieces are left out.
        delimiter: an older name of `sep`.
        result_type: "SparseTensor".

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_split(["hello world", "a b c"])).values)
    [b'hello' b'world' b'a' b'b' b'c']
    """
    sep = renamed("sep", sep, "delimiter", delimiter)
    with name_scope(name, "StringSplit", [source]):
        mark = convert_to_tensor(" " if sep is None else sep, dtypes.string)
        strings = convert_to_tensor(source, dtypes.string)
        return _sparse(emit("StringSplit", strings, mark, skip_empty=skip_empty), result_type)


def strings_split(
    input: Any = None,  # noqa: A002
    sep: Any = None,
    maxsplit: int = -1,
    result_type: str = "SparseTensor",
    source: Any = None,
    name: str | None = None,
) -> SparseTensor:
    """The pieces of a vector of strings, as of Python's `split`, a sparse matrix with a row for each string.

    Args:
        input: strings, of shape [n].
        sep: the separator; runs of white space by default.
        maxsplit: how often to split at most; -1 for always.
        result_type: "SparseTensor".
        source: an older name of `input`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.split(["1<>2<>3"], "<>", maxsplit=1)).values)
    [b'1' b'2<>3']
    """
    strings = renamed("input", input, "source", source)
    with name_scope(name, "StringSplit", [strings]):
        strings = convert_to_tensor(strings, dtypes.string, name="input")
        if strings.shape.ndims == 0:
            strings = blocks.expand_dims(strings, 0)
        mark = convert_to_tensor("" if sep is None else sep, dtypes.string)
        return _sparse(emit("StringSplitV2", strings, mark, maxsplit=maxsplit), result_type)


# Searching

for _type, _search in (
    ("RegexReplace", kernels.regex_replace),
    ("StaticRegexReplace", kernels.static_regex_replace),
    ("RegexFullMatch", kernels.regex_full_match),
    ("StaticRegexFullMatch", kernels.static_regex_full_match),
):
    register(_type, shape=shapes.unchanged, host=_search, gradient=None)


def regex_replace(
    input: Any,  # noqa: A002
    pattern: Any,
    rewrite: Any,
    replace_global: bool = True,
    name: str | None = None,
) -> Tensor:
    """Strings with the matches of a regular expression replaced.

    Args:
        input: strings.
        pattern: the expression in RE2's syntax, a string or a scalar string tensor.
        rewrite: what to put in its place; `\\\\1` is the first group, `\\\\0` the whole match.
        replace_global: whether all matches are replaced, or the first only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.regex_replace(["a1b22"], "[0-9]+", "#")))
    [b'a#b#']
    """
    if isinstance(pattern, (str, bytes)) and isinstance(rewrite, (str, bytes)):
        return emit(  # type: ignore[no-any-return]
            "StaticRegexReplace",
            input,
            pattern=pattern,
            rewrite=rewrite,
            replace_global=replace_global,
            name=name,
        )
    return emit("RegexReplace", input, pattern, rewrite, replace_global=replace_global, name=name)  # type: ignore[no-any-return]


def regex_full_match(input: Any, pattern: Any, name: str | None = None) -> Tensor:  # noqa: A002
    """Whether strings, as a whole, match a regular expression in RE2's syntax.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.regex_full_match(["abc", "abcd"], "a.c")))
    [ True False]
    """
    if isinstance(pattern, (str, bytes)):
        return emit("StaticRegexFullMatch", input, pattern=pattern, name=name)  # type: ignore[no-any-return]
    return emit("RegexFullMatch", input, pattern, name=name)  # type: ignore[no-any-return]


# Element by element


@op(
    "StringStrip",
    shape=shapes.unchanged,
    host=kernels.each(lambda x: x.strip(_STRIPPED)),
    gradient=None,
)
def string_strip(input: Any, name: str | None = None) -> Tensor:  # noqa: A002
    """Strings without the white space at both ends.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_strip([" a b "])))
    [b'a b']
    """
    return emit("StringStrip", input, name=name)  # type: ignore[no-any-return]


@op("StringLower", shape=shapes.unchanged, host=kernels.case_kernel("lower"), gradient=None)
def string_lower(input: Any, encoding: str = "", name: str | None = None) -> Tensor:  # noqa: A002
    """Strings in lower case: of ASCII letters, or with `encoding="utf-8"` of all.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.lower("Abc")))
    b'abc'
    """
    return emit("StringLower", input, encoding=encoding, name=name)  # type: ignore[no-any-return]


@op("StringUpper", shape=shapes.unchanged, host=kernels.case_kernel("upper"), gradient=None)
def string_upper(input: Any, encoding: str = "", name: str | None = None) -> Tensor:  # noqa: A002
    """Strings in upper case: of ASCII letters, or with `encoding="utf-8"` of all.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.strings.upper("Abc")))
    b'ABC'
    """
    return emit("StringUpper", input, encoding=encoding, name=name)  # type: ignore[no-any-return]


@op("EncodeBase64", shape=shapes.unchanged, host=kernels.encode_base64, gradient=None)
def encode_base64(input: Any, pad: bool = False, name: str | None = None) -> Tensor:  # noqa: A002
    """Strings in web-safe base64, filled up with "=" when `pad` is true.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.encode_base64(["a"])))
    [b'YQ']
    """
    return emit("EncodeBase64", input, pad=pad, name=name)  # type: ignore[no-any-return]


@op("DecodeBase64", shape=shapes.unchanged, host=kernels.decode_base64, gradient=None)
def decode_base64(input: Any, name: str | None = None) -> Tensor:  # noqa: A002
    """The strings that web-safe base64 stands for.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.decode_base64(["YQ"])))
    [b'a']
    """
    return emit("DecodeBase64", input, name=name)  # type: ignore[no-any-return]


def _raw_shape(node: Any) -> TensorShape:
    return node.inputs[0].shape.concatenate([None])  # type: ignore[no-any-return]


@op("DecodeRaw", shape=_raw_shape, host=kernels.decode_raw, gradient=None)
def decode_raw(
    input_bytes: Any = None,
    out_type: Any = None,
    little_endian: bool = True,
    name: str | None = None,
    bytes: Any = None,  # noqa: A002
) -> Tensor:
    """The bytes of strings, all of one length, as numbers, in a new last axis.

    Args:
        input_bytes: the strings.
        out_type: the type of the numbers.
        little_endian: the order of bytes in the strings.
        bytes: an older name of `input_bytes`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.decode_raw(["ab", "cd"], tf.uint8)))
    [[ 97  98]
     [ 99 100]]
    """
    strings = renamed("input_bytes", input_bytes, "bytes", bytes)
    if out_type is None:
        raise ValueError("decode_raw() missing 1 positional argument: 'out_type'")
    return emit("DecodeRaw", strings, out_type=out_type, little_endian=little_endian, name=name)  # type: ignore[no-any-return]


# Hashing


@op("StringToHashBucket", shape=shapes.unchanged, host=kernels.hash_bucket, gradient=None)
def string_to_hash_bucket(
    string_tensor: Any = None,
    num_buckets: int | None = None,
    name: str | None = None,
    input: Any = None,  # noqa: A002
) -> Tensor:
    """A number below `num_buckets` for each string, by TensorFlow's first hash function, which is deprecated.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_to_hash_bucket(["hello"], 1000)))
    [938]
    """
    strings = renamed("input", input, "string_tensor", string_tensor)
    return emit("StringToHashBucket", strings, num_buckets=num_buckets, name=name)  # type: ignore[no-any-return]


@op("StringToHashBucketFast", shape=shapes.unchanged, host=kernels.hash_bucket_fast, gradient=None)
def string_to_hash_bucket_fast(input: Any, num_buckets: int, name: str | None = None) -> Tensor:  # noqa: A002
    """A number below `num_buckets` for each string, by FarmHash64.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_to_hash_bucket_fast(["", "a"], 10)))
    [3 9]
    """
    return emit("StringToHashBucketFast", input, num_buckets=num_buckets, name=name)  # type: ignore[no-any-return]


@op("StringToHashBucketStrong", shape=shapes.unchanged, host=kernels.hash_bucket_strong, gradient=None)
def string_to_hash_bucket_strong(
    input: Any,  # noqa: A002
    num_buckets: int,
    key: list[int],
    name: str | None = None,
) -> Tensor:
    """A number below `num_buckets` for each string, by SipHash under a secret `key` of two integers.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.string_to_hash_bucket_strong(["a"], 10, key=[1, 2])).shape)
    (1,)
    """
    return emit("StringToHashBucketStrong", input, num_buckets=num_buckets, key=key, name=name)  # type: ignore[no-any-return]
