"""What the string ops compute, on object arrays of bytes."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.graph.checks import fail
from reflow.ops.hashing import fingerprint64, hash64, sip_hash

# RE2 knows these classes and escapes, Python's `re` does not.
_POSIX_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "ascii": "\\x00-\\x7f",
    "blank": "\\t ",
    "cntrl": "\\x00-\\x1f\\x7f",
    "digit": "0-9",
    "graph": "!-~",
    "lower": "a-z",
    "print": " -~",
    "punct": "!-/:-@\\[-`{-~",
    "space": "\\t\\n\\v\\f\\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}


def texts(values: Iterable[bytes], shape: Any) -> np.ndarray:
    """An object array of bytes of a shape."""
    items = list(values)
    array = np.empty(len(items), object)
    array[:] = items
    return array.reshape(shape)


def flat(array: Any) -> list[Any]:
    """The elements of an array, in row-major order."""
    return np.asarray(array, object).reshape(-1).tolist()


def each(function: Callable[..., bytes]) -> Callable[..., Any]:
    """The kernel that applies `function`, from bytes to bytes, to every element."""

    def kernel(ctx: Any, strings: Any) -> np.ndarray:
        return texts(map(function, flat(strings)), np.shape(strings))

    return kernel


def case_kernel(name: str) -> Callable[..., Any]:
    """The kernel of StringLower (`name` is "lower") or StringUpper: ASCII only, or all of Unicode."""

    def convert(text: bytes, encoding: str) -> bytes:
        if encoding == "utf-8":
            return getattr(text.decode("utf-8", "replace"), name)().encode("utf-8")  # type: ignore[no-any-return]
        return getattr(text, name)()  # type: ignore[no-any-return]

    def kernel(ctx: Any, strings: Any, *, encoding: str) -> np.ndarray:
        if encoding not in ("", "utf-8"):
            fail(f"only utf-8 or '' (no encoding) is supported, received {encoding}")
        return texts((convert(x, encoding) for x in flat(strings)), np.shape(strings))

    return kernel


# Numbers


def as_string(
    ctx: Any, values: np.ndarray, *, precision: int, scientific: bool, shortest: bool, width: int, fill: str
) -> np.ndarray:
    kind = values.dtype.kind
    _check_format(dtypes.as_dtype(values.dtype).name, kind, precision, (scientific, shortest), fill)
    pattern = "%" + (f"{fill}{width}" if width > -1 else "")
    if kind == "b":
        found = ["true" if v else "false" for v in values.reshape(-1).tolist()]
    elif kind in "iu":
        found = [(pattern + "d") % v for v in values.reshape(-1).tolist()]
    else:
        pattern += (f".{precision}" if precision > -1 else "") + (
            "g" if shortest else "e" if scientific else "f"
        )
        found = [_float_text(pattern, v) for v in values.reshape(-1).tolist()]
    return texts((t.encode() for t in found), values.shape)


def _float_text(pattern: str, value: Any) -> str:
    if isinstance(value, complex):
        return f"({pattern % value.real},{pattern % value.imag})"
    return pattern % value  # type: ignore[no-any-return]


def _check_format(type_name: str, kind: str, precision: int, exponents: tuple[bool, bool], fill: str) -> None:
    scientific, shortest = exponents
    if kind not in "fc":
        if precision > -1:
            fail(f"precision not supported for datatype {type_name}")
        if scientific or shortest:
            fail(f"scientific and shortest format not supported for datatype {type_name}")
    if scientific and shortest:
        fail("Cannot select both scientific and shortest notation")
    if len(fill) > 1:
        fail("Fill string must be one or fewer characters")
    if fill and fill not in " +-0#":
        fail(f'Fill argument not supported: "{fill}"')


_INTEGER = re.compile(rb"\s*-?\d+\s*\Z")
_FLOAT = re.compile(rb"\s*[-+]?(?:(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?|inf|nan|0x[0-9a-f]+)\s*\Z", re.IGNORECASE)


def string_to_number(ctx: Any, strings: Any, *, out_type: dtypes.DType) -> np.ndarray:
    wanted = np.dtype(out_type.as_numpy_dtype)
    parse = _integer if out_type.is_integer else _float
    with np.errstate(over="ignore"):
        return np.array([parse(x, wanted) for x in flat(strings)], wanted).reshape(np.shape(strings))


def _integer(text: bytes, dtype: np.dtype) -> int:
    limits = np.iinfo(dtype)
    value = int(text) if _INTEGER.match(text) else None
    if value is None or not limits.min <= value <= limits.max:
        _refuse_number(text)
    return value  # type: ignore[return-value]


def _float(text: bytes, dtype: np.dtype) -> Any:
    if not _FLOAT.match(text):
        _refuse_number(text)
    return dtype.type(int(text, 16) if b"x" in text.lower() else float(text))


def _refuse_number(text: bytes) -> None:
    fail(f"StringToNumberOp could not correctly convert string: {text.decode('utf-8', 'replace')}")


# Parts


def string_length(ctx: Any, strings: Any, *, unit: str) -> np.ndarray:
    count = len if unit == "BYTE" else lambda x: sum((b & 0xC0) != 0x80 for b in x)
    return np.array([count(x) for x in flat(strings)], np.int32).reshape(np.shape(strings))


def substr(ctx: Any, strings: Any, pos: np.ndarray, length: np.ndarray, *, unit: str) -> np.ndarray:
    if np.shape(pos) != np.shape(length):
        fail(
            f"pos and len should have the same shape, got: {list(np.shape(pos))} vs. {list(np.shape(length))}"
        )
    array = np.asarray(strings, object)
    shape = np.broadcast_shapes(array.shape, np.shape(pos))
    rows = zip(*(flat(np.broadcast_to(x, shape)) for x in (array, pos, length)), strict=True)
    cut = _cut_bytes if unit == "BYTE" else _cut_characters
    return texts((cut(x, p, n, i) for i, (x, p, n) in enumerate(rows)), shape)


def _cut_bytes(text: bytes, pos: int, length: int, index: int) -> bytes:
    if not -len(text) <= pos <= len(text):
        fail(f"pos {pos} out of range for string b'{text.decode('utf-8', 'replace')}' at index {index}")
    start = pos if pos >= 0 else len(text) + pos
    return text[start : start + max(length, 0)]


def _cut_characters(text: bytes, pos: int, length: int, index: int) -> bytes:
    characters = re.findall(rb"[^\x80-\xbf][\x80-\xbf]*", text, re.DOTALL)
    if not -len(characters) <= pos <= len(characters):
        fail(f"pos {pos} out of range for string b'{text.decode('utf-8', 'replace')}' at index {index}")
    start = pos if pos >= 0 else len(characters) + pos
    return b"".join(characters[start : start + max(length, 0)])


def _pieces(rows: list[list[bytes]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lists of pieces as the indices, values and shape of a sparse matrix."""
    indices = [(i, j) for i, row in enumerate(rows) for j in range(len(row))]
    values = [piece for row in rows for piece in row]
    widest = max((len(row) for row in rows), default=0)
    return (
        np.array(indices, np.int64).reshape(-1, 2),
        texts(values, [len(values)]),
        np.array([len(rows), widest], np.int64),
    )


def string_split(ctx: Any, strings: Any, delimiter: Any, *, skip_empty: bool) -> Any:
    """Pieces between any of the bytes of the delimiter, or all single bytes when there is none."""
    (marks,) = flat(delimiter) if np.ndim(delimiter) == 0 else fail("delimiter must be a scalar")

    def pieces(text: bytes) -> list[bytes]:
        if not marks:
            return [text[i : i + 1] for i in range(len(text))]
        found = re.split(b"[" + re.escape(marks) + b"]", text) if text else []
        return [p for p in found if p] if skip_empty else found

    return _pieces([pieces(x) for x in flat(strings)])


def string_split_v2(ctx: Any, strings: Any, sep: Any, *, maxsplit: int) -> Any:
    """Pieces as Python's `split` gives them; an empty separator stands for white space."""
    (mark,) = flat(sep) if np.ndim(sep) == 0 else fail("sep must be a scalar")
    return _pieces([x.split(mark or None, maxsplit) for x in flat(strings)])


# Together


def string_join(ctx: Any, *strings: Any, separator: str) -> np.ndarray:
    arrays = [np.asarray(x, object) for x in strings]
    shapes = {a.shape for a in arrays if a.ndim}
    if len(shapes) > 1:
        fail(f"Input shapes do not match: {' vs. '.join(str(list(s)) for s in sorted(shapes))}")
    shape = shapes.pop() if shapes else ()
    rows = zip(*(flat(np.broadcast_to(a, shape)) for a in arrays), strict=True)
    return texts((separator.encode().join(row) for row in rows), shape)


def reduce_join(ctx: Any, strings: Any, axes: np.ndarray, *, keep_dims: bool, separator: str) -> np.ndarray:
    array = np.asarray(strings, object)
    reduced = [_axis(int(a), array.ndim) for a in np.ravel(axes)]
    if len(set(reduced)) < len(reduced):
        fail(f"Duplicate reduction dimension {next(a for a in reduced if reduced.count(a) > 1)}")
    kept = [i for i in range(array.ndim) if i not in reduced]
    if not reduced:
        return array.copy()
    shape = [array.shape[i] for i in kept]
    rows = (
        array.transpose(kept + reduced[::-1]).reshape(*shape, -1)
        if array.size
        else np.empty((*shape, 0), object)
    )
    joined = [separator.encode().join(rows[i].tolist()) for i in np.ndindex(*shape)]
    out = [1 if i in reduced else d for i, d in enumerate(array.shape)] if keep_dims else shape
    return texts(joined, out)


def _axis(axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        fail(f"Invalid reduction dimension {axis} for input with {rank} dimension(s)")
    return axis % rank


def unsorted_segment_join(
    ctx: Any, strings: Any, segment_ids: np.ndarray, num_segments: np.ndarray, *, separator: str
) -> np.ndarray:
    array, count = np.asarray(strings, object), int(num_segments)
    inner = array.shape[segment_ids.ndim :]
    rows = array.reshape(segment_ids.size, -1)
    groups: list[list[list[bytes]]] = [[[] for _ in range(rows.shape[1])] for _ in range(count)]
    for segment, row in zip(segment_ids.reshape(-1).tolist(), rows, strict=True):
        if not 0 <= segment < count:
            fail(f"segment_ids should be in [0, {count}), got {segment}")
        for column, text in enumerate(row):
            groups[segment][column].append(text)
    joined = [separator.encode().join(cell) for row in groups for cell in row]
    return texts(joined, (count, *inner))


# Regular expressions


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern in RE2's syntax, for decoded text. InvalidArgumentError when it is malformed."""
    own = re.sub(r"\[:(\^?)(\w+):\]", _posix_class, pattern).replace("\\z", "\\Z")
    try:
        return re.compile(own, re.ASCII)
    except re.error as error:
        return fail(f"Invalid pattern: {pattern}, error: {error}")  # type: ignore[no-any-return]


def _posix_class(match: re.Match[str]) -> str:
    members = _POSIX_CLASSES.get(match[2])
    if members is None or match[1]:
        fail(f"Invalid pattern: the character class {match[0]} is not supported")
    return members or ""


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _rewriter(rewrite: str, groups: int) -> Callable[[re.Match[str]], str]:
    """RE2's rewrites: `\\1` is a group, `\\0` the match, `\\\\` a backslash; anything else ends the text."""
    parts: list[str | int] = []
    for part in re.findall(r"\\.?|[^\\]+", rewrite, re.DOTALL):
        if part[0] != "\\" or part == "\\\\":
            parts.append(part[:1] if part[0] == "\\" else part)
        elif part[1:].isdigit() and int(part[1:]) <= groups:
            parts.append(int(part[1:]))
        else:
            break

    def replace(match: re.Match[str]) -> str:
        return "".join(p if isinstance(p, str) else match[p] or "" for p in parts)

    return replace


def regex_replace(ctx: Any, strings: Any, pattern: Any, rewrite: Any, *, replace_global: bool) -> np.ndarray:
    (one,), (other,) = flat(pattern), flat(rewrite)
    return static_regex_replace(
        ctx, strings, pattern=_text(one), rewrite=_text(other), replace_global=replace_global
    )


def static_regex_replace(
    ctx: Any, strings: Any, *, pattern: str, rewrite: str, replace_global: bool
) -> np.ndarray:
    expression = compiled(pattern)
    replace, count = _rewriter(rewrite, expression.groups), 0 if replace_global else 1
    found = (_substituted(expression, replace, _text(x), count) for x in flat(strings))
    return texts((x.encode("utf-8", "surrogateescape") for x in found), np.shape(strings))


def _substituted(
    expression: re.Pattern[str], replace: Callable[[re.Match[str]], str], text: str, count: int
) -> str:
    """As `re.sub`, but, as in RE2, there is no empty match where the last match ended."""
    end = -1

    def one(match: re.Match[str]) -> str:
        nonlocal end
        skipped = match.start() == match.end() == end
        end = match.end()
        return "" if skipped else replace(match)

    return expression.sub(one, text, count=count)


def regex_full_match(ctx: Any, strings: Any, pattern: Any) -> np.ndarray:
    (one,) = flat(pattern)
    return static_regex_full_match(ctx, strings, pattern=_text(one))


def static_regex_full_match(ctx: Any, strings: Any, *, pattern: str) -> np.ndarray:
    expression = compiled(pattern)
    found = [expression.fullmatch(_text(x)) is not None for x in flat(strings)]
    return np.array(found, bool).reshape(np.shape(strings))


# Hashes


def _buckets(strings: Any, number: Callable[[bytes], int], count: int) -> np.ndarray:
    found = [number(x) % count for x in flat(strings)]
    return np.array(found, np.int64).reshape(np.shape(strings))


def hash_bucket(ctx: Any, strings: Any, *, num_buckets: int) -> np.ndarray:
    return _buckets(strings, hash64, num_buckets)


def hash_bucket_fast(ctx: Any, strings: Any, *, num_buckets: int) -> np.ndarray:
    return _buckets(strings, fingerprint64, num_buckets)


def hash_bucket_strong(ctx: Any, strings: Any, *, num_buckets: int, key: list[int]) -> np.ndarray:
    if len(key) != 2:
        fail("Key must have 2 elements")
    return _buckets(strings, lambda x: sip_hash(x, key), num_buckets)


# Encodings


def decode_raw(ctx: Any, strings: Any, *, out_type: dtypes.DType, little_endian: bool) -> np.ndarray:
    items, dtype = flat(strings), np.dtype(out_type.as_numpy_dtype)
    if not items:
        return np.zeros((*np.shape(strings), 0), dtype)
    size = len(items[0])
    for i, item in enumerate(items):
        if len(item) != size:
            fail(
                "DecodeRaw requires input strings to all be the same size, "
                f"but element {i} has size {size} != {len(item)}"
            )
    if size % dtype.itemsize:
        fail(
            f"Input to DecodeRaw has length {size} that is not a multiple of {dtype.itemsize}, "
            f"the size of {out_type.name}"
        )
    stored = dtype if dtype.kind == "b" else dtype.newbyteorder("<" if little_endian else ">")
    found = np.frombuffer(b"".join(items), stored).astype(dtype)
    return found.reshape(*np.shape(strings), size // dtype.itemsize)


def encode_base64(ctx: Any, strings: Any, *, pad: bool) -> np.ndarray:
    encoded = (base64.urlsafe_b64encode(x) for x in flat(strings))
    return texts((x if pad else x.rstrip(b"=") for x in encoded), np.shape(strings))


def decode_base64(ctx: Any, strings: Any) -> np.ndarray:
    return texts((_from_base64(x) for x in flat(strings)), np.shape(strings))


def _from_base64(data: bytes) -> bytes:
    bare = data.rstrip(b"=")
    if len(bare) % 4 == 1:
        fail("Base64 string length cannot be 1 modulo 4.")
    if re.search(rb"[^-\w]", bare) or len(data) - len(bare) > 2:
        fail("Invalid character found in base64.")
    return base64.urlsafe_b64decode(bare + b"=" * (-len(bare) % 4))
