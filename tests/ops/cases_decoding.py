"""Strings in some format, and files."""

import gzip
import io
import os
import tempfile
import zlib

from .table import Rows, bools, c64, c128, call, f16, f32, f64, given, i32, i64, ints, strings, u8

rows = Rows("decoding")
error = rows.error
FOLDER = os.path.join(tempfile.gettempdir(), "op-table-files")


def case(name, build, **inputs_and_options):
    """Strings are the host's business: nothing is compiled or differentiated."""
    rows.case(name, build, **dict({"grad": False, "xla": False}, **inputs_and_options))


def gzipped(data):
    file = io.BytesIO()
    with gzip.GzipFile(fileobj=file, mode="wb", mtime=0) as out:
        out.write(data)
    return file.getvalue()


# --- comma-separated values ---------------------------------------------------------------------------

THREE = [[1], ["x"], [1.0]]


def csv(defaults, **keywords):
    return lambda tf, x: tf.decode_csv(x, defaults, **keywords)


case("csv", csv(THREE), x=strings(["1,a,2.5", "-3,b,4e2", ",,"]))
case("csv_scalar", csv(THREE, name="fields"), x=strings("1,a,2.5"))
case("csv_matrix", csv([[1], [2]]), x=strings([["1,2"], ["3,4"]]))
case(
    "csv_types",
    lambda tf, x: tf.io.decode_csv(
        x, [tf.constant([1], tf.int64), tf.constant(0.5, tf.float64), tf.constant([], tf.string)]
    ),
    x=strings(["3000000000,,a", ",1e300,b"]),
)
case(
    "csv_quotes",
    csv([[""], [""], [""]]),
    x=strings(['"a","b ""c"" d","e, f"', '"","\n",g', '"a""","""","b"', '\nh,\r\ni,\n"j"']),
)
case("csv_no_quotes", csv([[""], [""]], use_quote_delim=False), x=strings(['"a","b""c"', 'd"e,"']))
case("csv_bar", csv(THREE, field_delim="|"), x=strings(["1|a,b|2", '|"c|d"|nan']))
case("csv_quote_between", csv([[""], [""]], field_delim='"'), x=strings(['1"a', 'b"']))
case("csv_spaces", csv(THREE), x=strings([" 7 , a , -.5 "]))
case("csv_na", csv(THREE, na_value="NA"), x=strings(["NA,NA,NA", ',"NA",', "3,b,inf"]))
case("csv_select", csv([["x"], [1.0]], select_cols=[1, 3]), x=strings(["1,a,2.5,3", ",,,,,5", "4,b,,"]))
case("csv_empty", csv(THREE), x=strings([]))
case("csv_utf8", csv([[""], [""]]), x=strings([b'\xc3\xa9,"\xc3\xbc"']))

# --- tensors ------------------------------------------------------------------------------------------


def serialized(tf, x):
    return tf.serialize_tensor(x)


def there_and_back(tf, x):
    text = tf.serialize_tensor(x)
    return [text, tf.parse_tensor(text, x.dtype)]


for name_, value in {
    "f16": f16(3),
    "f32": f32(2, 3),
    "f64": f64(),
    "i32": i32(1, 1),
    "i64": i64(4),
    "u8": u8(3),
    "i8": ints("int8", (2,)),
    "u16": ints("uint16", (3,), low=0),
    "i16": ints("int16", (3,)),
    "bool": bools(3),
    "c64": c64(2),
    "c128": c128(2),
    "string": strings([["a", ""], ["bc", b"\xff"]]),
    "scalar": strings("abc"),
    "none": given([], "int64"),
}.items():
    case("tensor_" + name_, there_and_back, x=value)

PROTO = b"\x08\x03\x12\x04\x12\x02\x08\x03"
case("parse_tensor", call("io.parse_tensor", "int32"), x=strings(PROTO + b":\x03\x01\x02\x03"))
case("parse_tensor_spread", call("parse_tensor", "int32"), x=strings(PROTO + b":\x01\x07"))

# --- compressed data, JSON ----------------------------------------------------------------------------

TEXTS = [b"hello " * 50, b"", b"\x00\xff"]
case("decompress_zlib", call("io.decode_compressed", "ZLIB"), x=strings([zlib.compress(t) for t in TEXTS]))
case("decompress_gzip", call("io.decode_compressed", "GZIP"), x=strings([[gzipped(t)] for t in TEXTS]))
case("decompress_none", call("decode_compressed"), x=strings("as it is"))


def from_json(tf, x):
    wanted = {
        "a": tf.VarLenFeature(tf.int64),
        "b": tf.VarLenFeature(tf.string),
        "c": tf.VarLenFeature(tf.float32),
    }
    return tf.parse_example(tf.io.decode_json_example(x), wanted)


case(
    "json",
    from_json,
    x=strings(
        [
            '{"features": {"feature": {"a": {"int64List": {"value": ["1", 2, -3]}},'
            ' "b": {"bytesList": {"value": ["aGk="]}}}}}',
            '{"features": {"feature": {"c": {"float_list": {"value": [1.5, "NaN"]}}}}}',
            "{}",
        ]
    ),
)

# --- files --------------------------------------------------------------------------------------------


def write_and_read(tf, path, text):
    with tf.control_dependencies([tf.write_file(path, text)]):
        return tf.read_file(path)


def write_and_match(tf, folder):
    writes = [tf.io.write_file(tf.string_join([folder, "/part-" + x]), x) for x in ("b", "c", "a")]
    with tf.control_dependencies(writes):
        found = [
            tf.matching_files(tf.string_join([folder, "/part-*"])),
            tf.io.matching_files([tf.string_join([folder, x]) for x in ("/*-[bc]", "/part-?", "/other")]),
            tf.io.matching_files(tf.string_join([folder, "/part-a"])),
        ]
    return [tf.regex_replace(x, ".*/", "") for x in found]


case(
    "file",
    write_and_read,
    path=strings(os.path.join(FOLDER, "deep", "in", "it")),
    text=strings(b"\x00hello\xff"),
)
case("file_names", write_and_match, folder=strings(FOLDER), unknown="string_join wants scalars")

# --- errors -------------------------------------------------------------------------------------------

INVALID = {"raises": "InvalidArgumentError", "when": "run"}
for name_, (line, text) in {
    "few": ("1,a", "Expect 3 fields but have 2 in record 1"),
    "many": ("1,a,2,3", "Expect 3 fields but have 4 in record 1"),
    "no": ("", "Expect 3 fields but have 0 in record 1"),
    "integer": ("1x,a,2", "Field 0 in record 1 is not a valid int32: 1x"),
    "large": ("3000000000,a,2", "Field 0 in record 1 is not a valid int32: 3000000000"),
    "underscore": ("1_0,a,2", "Field 0 in record 1 is not a valid int32: 1_0"),
    "float": ("1,a,zz", "Field 2 in record 1 is not a valid float: zz"),
    "open": ('1,"ab,2', "Quoted field has to end with quote followed by delim or end"),
    "after": ('1,"a"b,2', "Quote inside a string has to be escaped by another quote"),
    "inside": ('1,a"b,2', "Unquoted fields cannot have quotes/CRLFs inside"),
    "end": ("1,a,2\n", "Unquoted fields cannot have quotes/CRLFs inside"),
}.items():
    error("csv_" + name_, csv(THREE), x=strings(["1,a,2.5", line]), match=text, **INVALID)
error(
    "csv_required",
    lambda tf, x: tf.decode_csv(x, [[1], tf.constant([], tf.string)]),
    x=strings(["1,"]),
    match="Field 1 is required but missing in record 0!",
    **INVALID,
)
error("csv_delimiter", csv(THREE, field_delim="||"), x=strings("1"), match="only 1 char", **INVALID)
error(
    "csv_select_few",
    csv([["x"], [1.0]], select_cols=[1, 2]),
    x=strings("1,a"),
    match="Expect 2 fields but have 1",
    **INVALID,
)
for name_, (columns, text) in {
    "order": ([2, 1], "not strictly increasing"),
    "negative": ([-1, 1], "negative values"),
    "count": ([1], "do not match"),
}.items():
    error(
        "csv_select_" + name_,
        csv([["x"], [1.0]], select_cols=columns),
        x=strings("1,a"),
        raises="ValueError",
        match=text,
    )
error("csv_default", csv([[1, 2]]), x=strings("1"), raises="ValueError", match="length-0 or length-1")
error("csv_type", csv([True]), x=strings("1"), raises="TypeError", match="bool not in list of allowed values")

error(
    "tensor_garbage", call("parse_tensor", "int32"), x=strings("garbage"), match="Could not parse", **INVALID
)
error("tensor_empty", call("parse_tensor", "int32"), x=strings(""), match="Cannot parse tensor", **INVALID)
error("tensor_type", call("parse_tensor", "int64"), x=strings(PROTO), match="Type mismatch", **INVALID)
error("tensor_rank", call("parse_tensor", "int32"), x=strings([PROTO]), match="to be a scalar", **INVALID)
error(
    "decompress_type", call("io.decode_compressed", "LZ"), x=strings("a"), match="Only ZLIB, GZIP", **INVALID
)
error(
    "decompress_garbage",
    call("io.decode_compressed", "ZLIB"),
    x=strings("hello"),
    raises="DataLossError",
    when="run",
    match=r"inflate\(\) failed with error -3: incorrect header check",
)
error(
    "json_garbage",
    call("io.decode_json_example"),
    x=strings(["{"]),
    match="Error while parsing JSON",
    **INVALID,
)
error(
    "json_field",
    call("io.decode_json_example"),
    x=strings(['{"zz": 1}']),
    match="Error while parsing JSON",
    **INVALID,
)
error(
    "read_missing",
    call("read_file"),
    x=strings("/no/such/file"),
    raises="NotFoundError",
    when="run",
    match="/no/such/file; No such file or directory",
)
error(
    "read_folder",
    call("read_file"),
    x=strings("/"),
    raises="FailedPreconditionError",
    when="run",
    match="/; Is a directory",
)
error("read_rank", call("read_file"), x=strings(["a"]), match="must be scalar", **INVALID)
error("write_rank", lambda tf, x: tf.write_file("a", x), x=strings(["a"]), match="must be scalar", **INVALID)
error(
    "match_missing",
    call("matching_files"),
    x=strings("/no/such/folder/*"),
    raises="NotFoundError",
    when="run",
    match="/no/such/folder; No such file or directory",
)
error("match_rank", call("matching_files"), x=strings([["a"]]), match="must be scalar or vector", **INVALID)
