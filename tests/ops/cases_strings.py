"""Ops on strings, and Python functions as ops."""

import numpy as np

from .table import Rows, call, f32, f64, given, i32, i64, strings

rows = Rows("strings")
error = rows.error

WORDS = [b"hello world", b" a  b ", b"", b"x\xc3\xa9y"]
GRID = [["a", "b"], ["c", "d"], ["e", "f"]]
FLOATS = [3.14159, 2.0, 1e10, -1e-7, float("nan"), float("inf")]


def case(name, build, **inputs_and_options):
    """Strings are the host's business: nothing is compiled or differentiated."""
    rows.case(name, build, **dict({"grad": False, "xla": False}, **inputs_and_options))


def split(name, **keywords):
    return lambda tf, x: getattr(tf, name)(x, **keywords)


case("as_string", call("as_string"), x=given(FLOATS))
case("as_string_f64", call("as_string", precision=2, width=8, fill="0"), x=f64(3))
case("as_string_scientific", call("as_string", scientific=True), x=f64(3))
case("as_string_shortest", call("as_string", shortest=True, width=12), x=f64(3))
case("as_string_i64", call("as_string", width=5, fill="+"), x=i64(4))
case("as_string_left", call("as_string", width=5, fill="-"), x=i32(4))
case("as_string_bool", call("as_string", width=6), x=given([True, False], "bool"))
case("as_string_complex", call("as_string", precision=1), x=given([1 + 2j, -0.5j], "complex64"))
case("string_join", lambda tf, x, y: tf.string_join([x, "-", y]), x=strings(GRID[0]), y=strings(GRID[1]))
case("string_join_separator", lambda tf, x: tf.string_join([x, x], separator=", "), x=strings("a"))
case("string_split", split("string_split"), x=strings(WORDS))
case("string_split_set", split("string_split", sep="lo"), x=strings(WORDS))
case("string_split_empty", split("string_split", delimiter=" ", skip_empty=False), x=strings(WORDS))
case("string_split_bytes", split("string_split", sep=""), x=strings(WORDS))
case("strings_split", lambda tf, x: tf.strings.split(x), x=strings(WORDS), unknown="the rank must be known")
case(
    "strings_split_once",
    lambda tf, x: tf.strings.split(x, "<>", maxsplit=1),
    x=strings(["1<>2<>3", "<>", ""]),
    unknown="the rank must be known",
)
case("substr", call("substr", 1, 3), x=strings(["hello", "world"]))
case("substr_ends", call("substr", [-2, 4], [10, 0]), x=strings(["hello", "world"]))
case("substr_characters", call("substr", -3, 2, unit="UTF8_CHAR"), x=strings([b"h\xc3\xa9llo"]))
case("string_length", call("strings.length"), x=strings(WORDS))
case("string_length_characters", call("strings.length", unit="UTF8_CHAR"), x=strings(WORDS))
case("regex_replace", call("regex_replace", "[0-9]+", "#"), x=strings(["a1b22", ""]))
case("regex_replace_groups", call("regex_replace", "([a-z])(\\d)", "\\2\\1<\\0>\\\\"), x=strings(["a1b22"]))
case("regex_replace_first", call("regex_replace", "a*", "X", replace_global=False), x=strings(["aaa bab"]))
case("regex_replace_empty", call("regex_replace", "a*", "X"), x=strings(["aaa bab"]))
case("regex_replace_class", call("regex_replace", "[[:space:]]", "_"), x=strings(WORDS))
case("regex_replace_character", call("regex_replace", "x.y", "_"), x=strings(WORDS))
case(
    "regex_replace_tensor",
    lambda tf, x: tf.regex_replace(x, tf.constant("l+"), tf.constant("L")),
    x=strings(WORDS),
)
case("regex_full_match", call("strings.regex_full_match", "a.*"), x=strings(["abc", "ba", "a\nb"]))
case(
    "regex_full_match_tensor",
    lambda tf, x: tf.strings.regex_full_match(x, tf.constant("a.c")),
    x=strings(["abc", "abcd"]),
)
case("string_to_number", call("string_to_number"), x=strings(["1.5", "-2e3", " 7 ", "inf", "0x10", ".5"]))
case("string_to_number_f64", call("string_to_number", "float64"), x=strings(["0.1", "1e-300"]))
case("string_to_number_i32", call("string_to_number", "int32"), x=strings(["15", " -3 "]))
case("string_to_number_i64", lambda tf, x: tf.string_to_number(input=x, out_type=tf.int64), x=strings("99"))
case("string_to_hash_bucket", call("string_to_hash_bucket", 1000), x=strings(WORDS))
case("string_to_hash_bucket_fast", call("string_to_hash_bucket_fast", 2**40), x=strings(WORDS))
case(
    "string_to_hash_bucket_long",
    call("string_to_hash_bucket_fast", 999),
    x=strings(["ab" * n for n in range(70)]),
)
case("string_to_hash_bucket_strong", call("string_to_hash_bucket_strong", 1000, [7, -1]), x=strings(WORDS))
case("decode_raw", call("decode_raw", "int16"), x=strings(["abcd", "efgh"]))
case("decode_raw_big", call("decode_raw", "int32", little_endian=False), x=strings("abcd"))
case("decode_raw_bool", call("decode_raw", "bool"), x=strings([b"\x01\x00"]))
case("encode_base64", call("encode_base64"), x=strings([b"a", b"ab", b"\xff\xfe\xfd"]))
case("encode_base64_pad", call("encode_base64", pad=True), x=strings(["a", "ab"]))
case("decode_base64", call("decode_base64"), x=strings(["YQ", "YWI=", "__79", ""]))
case("reduce_join", call("reduce_join", 0), x=strings(GRID))
case("reduce_join_all", call("reduce_join"), x=strings(GRID))
case("reduce_join_order", call("reduce_join", [0, 1], separator=","), x=strings(GRID))
case("reduce_join_keep", call("reduce_join", reduction_indices=-1, keep_dims=True), x=strings(GRID))
case("reduce_join_none", call("reduce_join", []), x=strings(GRID))
case(
    "unsorted_segment_join",
    call("strings.unsorted_segment_join", [1, 0, 1], 3, ":"),
    x=strings(["a", "b", "c"]),
)
case("string_strip", call("string_strip"), x=strings([" a b\n\t", "x"]))
case("string_lower", call("strings.lower"), x=strings([b"AbC\xc3\x89"]))
case("string_lower_utf8", call("strings.lower", encoding="utf-8"), x=strings([b"AbC\xc3\x89"]))
case("string_upper", call("strings.upper", encoding="utf-8"), x=strings([b"AbC\xc3\xa9"]))
case("string_format", lambda tf, x: tf.strings.format("x: {}!", x, summarize=1), x=i32(3, 4))
case("string_format_several", lambda tf, x, y: tf.strings.format("{}, {}", [x, y]), x=f32(2), y=strings("a"))

# --- Python functions -----------------------------------------------------------------------------


def cumulated(x):
    return np.cumsum(x, dtype=np.float32)


def described(x, text):
    return [np.int64(x.size), text + b"!"]


case("py_func", lambda tf, x: tf.py_func(cumulated, [x], tf.float32), x=f32(4))
case(
    "py_func_list",
    lambda tf, x: tf.py_func(described, [x, "text"], [tf.int64, tf.string], stateful=False, name="facts"),
    x=f32(4),
)
case("py_func_nothing", lambda tf, x: tf.py_func(lambda value: None, [x], []), x=f32(4))
case("numpy_function", lambda tf, x: tf.numpy_function(cumulated, [x], tf.float32), x=f32(4))

# --- errors ---------------------------------------------------------------------------------------

INVALID = {"raises": "InvalidArgumentError", "when": "run"}
error(
    "as_string_precision",
    call("as_string", precision=2),
    x=i32(1),
    match="precision not supported",
    **INVALID,
)
error("as_string_fill", call("as_string", fill="x"), x=f32(1), match="Fill argument not supported", **INVALID)
error(
    "substr_range", call("substr", 4, 1), x=strings(["hello", "wor"]), match="pos 4 out of range", **INVALID
)
error("not_a_number", call("string_to_number"), x=strings(["1.5x"]), match="convert string: 1.5x", **INVALID)
error("not_an_integer", call("string_to_number", "int32"), x=strings(["+3"]), match="convert", **INVALID)
error("too_large", call("string_to_number", "int32"), x=strings(["3000000000"]), match="convert", **INVALID)
error("decode_raw_sizes", call("decode_raw", "uint8"), x=strings(["abc", "de"]), match="same size", **INVALID)
error("decode_raw_rest", call("decode_raw", "int16"), x=strings(["abc"]), match="multiple of 2", **INVALID)
error("decode_base64", call("decode_base64"), x=strings(["Y+"]), match="Invalid character", **INVALID)
error(
    "hash_key", call("string_to_hash_bucket_strong", 10, [1]), x=strings(["a"]), match="2 elements", **INVALID
)
error("pattern", call("regex_replace", "(", ""), x=strings(["a"]), match="Invalid pattern", **INVALID)
error("split_rank", call("string_split"), x=strings("a"), raises="ValueError", match="rank 1")
error(
    "join_shapes",
    lambda tf, x, y: tf.string_join([x, y]),
    x=strings(["a"]),
    y=strings(["b", "c"]),
    raises="ValueError",
    match="must be equal",
)
error(
    "format_count",
    lambda tf: tf.strings.format("{} {}", [tf.constant(1)]),
    raises="ValueError",
    match="does not match",
)
error("py_func_raises", lambda tf: tf.py_func(lambda: int("x"), [], tf.int64), match="ValueError", **INVALID)
error(
    "py_func_type",
    lambda tf: tf.py_func(lambda: 1.0, [], tf.float32),
    match="is double, but expects",
    **INVALID,
)
error(
    "py_func_count", lambda tf: tf.py_func(lambda: (1, 2), [], tf.int64), match="returns 2 values", **INVALID
)
error(
    "py_func_unknown",
    lambda tf: tf.py_func(lambda: [][0], [], tf.int64),
    raises="UnknownError",
    when="run",
    match="IndexError",
)
error("py_func_callable", lambda tf: tf.py_func(3, [], tf.int64), raises="ValueError", match="callable")
