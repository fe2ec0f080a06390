"""Parsing of serialized Examples and SequenceExamples."""

import struct

from .table import Rows, strings

rows = Rows("parsing")
error = rows.error


def case(name, build, **inputs_and_options):
    """Strings are the host's business: nothing is compiled or differentiated."""
    rows.case(name, build, **dict({"grad": False, "xla": False}, **inputs_and_options))


# --- messages, as bytes -----------------------------------------------------------------------------


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out + bytearray([number]))


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def floats(*values):
    return field(2, field(1, struct.pack("<%df" % len(values), *values)))


def ints(*values):
    return field(3, field(1, b"".join(map(varint, values))))


def texts(*values):
    return field(1, b"".join(field(1, v) for v in values))


def floats_one_by_one(*values):
    return field(2, b"".join(b"\r" + struct.pack("<f", v) for v in values))


def ints_one_by_one(*values):
    return field(3, b"".join(b"\x08" + varint(v) for v in values))


def features(**named):
    pairs = sorted(named.items())
    return b"".join(field(1, field(1, key.encode()) + field(2, value)) for key, value in pairs)


def example(**named):
    return field(1, features(**named))


def sequence(context, **lists):
    rows_ = b"".join(
        field(1, field(1, key.encode()) + field(2, b"".join(field(1, x) for x in lists[key])))
        for key in sorted(lists)
    )
    return field(1, features(**context)) + field(2, rows_)


LONG = (*range(-3, 300, 7), 2**62, -(2**63), 1 << 35)
FULL = example(a=floats(1.5, -2.0), b=ints(3), c=texts(b"x\xff", b""), v=ints(*LONG))
PART = example(a=floats(0.25, float("inf")), b=ints(-1), v=ints(300, 5))
NONE = example(a=floats(7.0, 8.0), b=ints(1 << 40))
ODD = example(a=floats_one_by_one(1.0, 2.0), b=ints_one_by_one(77), v=ints_one_by_one(1, 2, 3))
BATCH = strings([FULL, PART, NONE, ODD])
ONE = strings(FULL)
TWICE = example(a=floats(1.0, 2.0), b=ints(1)) + example(b=ints(2), c=texts(b"later"))
EXTRA = FULL + field(9, b"unknown") + varint(10 << 3) + varint(5)


def batch(wanted, **keywords):
    return lambda tf, x: tf.parse_example(x, wanted(tf), **keywords)


def single(wanted, **keywords):
    return lambda tf, x: tf.parse_single_example(x, wanted(tf), **keywords)


def fixed(tf):
    return {"a": tf.FixedLenFeature([2], tf.float32), "b": tf.FixedLenFeature([], tf.int64)}


def with_defaults(tf):
    return {
        "a": tf.FixedLenFeature((1, 2), tf.float32, [[9.0, 9.5]]),
        "c": tf.FixedLenFeature([2], tf.string, ["no", "ne"]),
        "z": tf.FixedLenFeature([], tf.int64, default_value=-5),
        "slash/key:0": tf.FixedLenFeature([2], tf.int64, [1, 2]),
    }


def variable(tf):
    return {
        "v": tf.VarLenFeature(tf.int64),
        "c": tf.VarLenFeature(tf.string),
        "z": tf.VarLenFeature(tf.float32),
    }


def padded(tf):
    return {
        "v": tf.FixedLenSequenceFeature([], tf.int64, allow_missing=True, default_value=-9),
        "c": tf.FixedLenSequenceFeature([], tf.string, allow_missing=True),
        "a": tf.FixedLenSequenceFeature([2], tf.float32, True),
        "z": tf.io.FixedLenSequenceFeature([3, 1], tf.float32, True),
    }


def mixed(tf):
    return dict(
        fixed(tf), v=tf.VarLenFeature(tf.int64), c=tf.FixedLenSequenceFeature([], tf.string, True, ".")
    )


def sparse(tf):
    return {"s": tf.SparseFeature("ix", "val", tf.float32, 10), "iy": tf.VarLenFeature(tf.int64)}


def sparse_sorted(tf):
    return {"s": tf.SparseFeature(["ix"], "val", tf.float32, [10], already_sorted=True)}


def sparse_two(tf):
    return {"s": tf.SparseFeature(["ix", "iy"], "val", tf.float32, [10, 7])}


SPARSE = example(ix=ints(5, 2), iy=ints(1, 6), val=floats(0.5, 0.25))

case("fixed", batch(fixed), x=BATCH)
case("fixed_empty_batch", batch(fixed), x=strings([]))
case("fixed_defaults", batch(with_defaults), x=strings([FULL, PART, NONE]))
case("fixed_all_default", batch(with_defaults), x=strings([b"", b""]))
case(
    "fixed_default_tensor",
    lambda tf, x: tf.parse_example(x, {"a": tf.FixedLenFeature([2], tf.float32, tf.constant([3.0, 4.0]))}),
    x=strings([PART, b""]),
)
case(
    "fixed_nothing",
    batch(lambda tf: {"e": tf.FixedLenFeature([0], tf.int64)}),
    x=strings([example(e=ints())]),
)
case("variable", batch(variable), x=BATCH)
case("variable_empty_batch", batch(variable), x=strings([]))
case("padded", batch(padded), x=BATCH)
case("padded_short", batch(padded), x=strings([NONE, NONE]))
case("padded_empty_batch", batch(padded), x=strings([]))
case("mixed", batch(mixed, name="inputs"), x=BATCH)
case("mixed_names", batch(mixed, example_names=["p", "q", "r", "s"]), x=BATCH)
case("sparse", batch(sparse), x=strings([SPARSE, b"", SPARSE]))
case("sparse_sorted", batch(sparse_sorted), x=strings([SPARSE]))
case("sparse_two", batch(sparse_two), x=strings([SPARSE, SPARSE]))
case("repeated", batch(lambda tf: dict(fixed(tf), c=tf.VarLenFeature(tf.string))), x=strings([TWICE, FULL]))
case("unknown_fields", batch(mixed), x=strings([EXTRA]))

case("single_fixed", single(fixed), x=ONE)
case("single_odd", single(mixed), x=strings(ODD))
case("single_defaults", single(with_defaults), x=strings(PART))
case("single_variable", single(variable), x=ONE)
case("single_padded", single(padded), x=ONE)
case("single_padded_missing", single(padded), x=strings(b""))
case("single_mixed", single(mixed, name="input"), x=ONE)
case("single_sparse", single(sparse), x=strings(SPARSE))
case("single_named", single(mixed, example_names="p"), x=ONE)
case("single_io", lambda tf, x: tf.io.parse_single_example(x, fixed(tf)), x=ONE)

# --- SequenceExamples -------------------------------------------------------------------------------

FIRST = sequence(
    {"n": ints(3), "name": texts(b"first"), "v": floats(1.0, 2.0)},
    x=[ints(1, 2), ints(3, 4), ints(5, 6)],
    w=[texts(b"p"), texts(b"q", b"r")],
    empty=[],
)
SECOND = sequence({"n": ints(4)}, x=[ints(7, 8)], w=[texts(b"s"), texts(b""), texts(b"t", b"u", b"v")])
BARE = sequence({"n": ints(5)})


def context(tf):
    return {
        "n": tf.FixedLenFeature([], tf.int64),
        "name": tf.FixedLenFeature([], tf.string, "nobody"),
        "v": tf.VarLenFeature(tf.float32),
    }


def lists(tf):
    return {
        "x": tf.FixedLenSequenceFeature([2], tf.int64, allow_missing=True),
        "w": tf.VarLenFeature(tf.string),
        "y": tf.FixedLenSequenceFeature([], tf.string, True),
    }


def one_sequence(use_context, use_lists, **keywords):
    return lambda tf, x: tf.parse_single_sequence_example(
        x, context(tf) if use_context else None, lists(tf) if use_lists else None, **keywords
    )


def sequences(use_context, use_lists, **keywords):
    return lambda tf, x: tf.io.parse_sequence_example(
        x, context(tf) if use_context else None, lists(tf) if use_lists else None, **keywords
    )


case("sequence", one_sequence(True, True), x=strings(FIRST))
case("sequence_context", one_sequence(True, False, name="scene"), x=strings(FIRST))
case("sequence_lists", one_sequence(False, True, example_name="take"), x=strings(SECOND))
case("sequence_bare", one_sequence(True, True), x=strings(BARE))
case("sequences", sequences(True, True), x=strings([FIRST, BARE, SECOND]))
case("sequences_context", sequences(True, False, name="scenes"), x=strings([FIRST, SECOND]))
case("sequences_lists", sequences(False, True, example_names=["f", "s"]), x=strings([FIRST, SECOND]))
case("sequences_bare", sequences(True, True), x=strings([BARE, BARE]))

# --- errors -----------------------------------------------------------------------------------------

INVALID = {"raises": "InvalidArgumentError", "when": "run"}
GARBAGE = "Could not parse example input, value: 'garbage'"


def only(**wanted):
    """Features by key, each a function of tf."""
    return lambda tf: {key: make(tf) for key, make in wanted.items()}


FLOAT_A = only(a=lambda tf: tf.FixedLenFeature([2], tf.float32))
SEQUENCE_V = only(v=lambda tf: tf.FixedLenSequenceFeature([2], tf.int64, True))
VARIABLE_A = only(a=lambda tf: tf.VarLenFeature(tf.string))
WRONG = {
    "missing": (
        FLOAT_A,
        example(b=ints(1)),
        r"Feature: a \(data type: float\) is required but could not be found",
    ),
    "empty": (FLOAT_A, b"", r"Feature: a \(data type: float\) is required but could not be found"),
    "type": (
        FLOAT_A,
        example(a=ints(1, 2)),
        "Data types don't match. Data type: int64 but expected type: float",
    ),
    "variable_type": (VARIABLE_A, FULL, "Data types don't match. Expected type: string, Actual type: float"),
    "garbage": (FLOAT_A, b"garbage", GARBAGE),
    "cut_off": (FLOAT_A, example(a=texts(b"abc"))[:-2], "Could not parse example input, value: "),
}
for name_, (wanted_, data, text) in sorted(WRONG.items()):
    error(name_, batch(wanted_), x=strings([FULL, data]), match=text, **INVALID)
    error("single_" + name_, single(wanted_), x=strings(data), match=text, **INVALID)
    error(
        "named_" + name_,
        batch(wanted_, example_names=["first", "second"]),
        x=strings([FULL, data]),
        match=text if "parse" in text else "Name: (first|second), ",
        **INVALID,
    )
error(
    "count",
    batch(FLOAT_A),
    x=strings([FULL, example(a=floats(1.0))]),
    match=r"Key: a, Index: 1.  Number of float values != expected.  Values size: 1 but output shape: \[2\]",
    **INVALID,
)
error(
    "single_count", single(FLOAT_A), x=strings(example(a=floats())), match="Key: a.  Can't parse", **INVALID
)
error(
    "stride", batch(SEQUENCE_V), x=strings([example(v=ints(1))]), match="not a multiple of stride", **INVALID
)
error("single_stride", single(SEQUENCE_V), x=strings(example(v=ints(1))), match="Can't parse", **INVALID)
error("rank", batch(FLOAT_A), x=strings(FULL), match="serialized to be a vector", **INVALID)
error("single_rank", single(FLOAT_A), x=strings([FULL]), match="serialized to be a scalar", **INVALID)
error(
    "single_named_rank",
    single(FLOAT_A, example_names="a"),
    x=strings([FULL]),
    match="must be a scalar",
    **INVALID,
)
error(
    "names_count",
    batch(FLOAT_A, example_names=["a"]),
    x=strings([FULL, FULL]),
    match="but got: 1 vs. 2",
    **INVALID,
)
error(
    "sequence_garbage",
    one_sequence(True, True),
    x=strings(b"garbage"),
    match="Could not parse example",
    **INVALID,
)
error(
    "sequences_garbage",
    sequences(True, True),
    x=strings([FIRST, b"garbage"]),
    match="Invalid protocol",
    **INVALID,
)
SEQUENCE_WRONG = {
    "context_missing": (sequence({}), "Context feature 'n' is required", "number of elements for feature n"),
    "context_type": (
        sequence({"n": floats(1.0)}),
        "Context feature: n.  Data types",
        "in context feature n in",
    ),
    "context_count": (
        sequence({"n": ints(1, 2)}),
        "Number of int64 values",
        "number of elements for feature n",
    ),
    "list_type": (
        sequence({"n": ints(1)}, x=[floats(1.0)]),
        "Feature list: x, Index: 0.  Data",
        "sequence feature x",
    ),
    "list_count": (
        sequence({"n": ints(1)}, x=[ints(1)]),
        "Key: x, Index: 0.  Number",
        "of elements in feature x",
    ),
}
for name_, (data, text, other) in sorted(SEQUENCE_WRONG.items()):
    error("sequence_" + name_, one_sequence(True, True), x=strings(data), match=text, **INVALID)
    error("sequences_" + name_, sequences(True, True), x=strings([data]), match=other, **INVALID)


def required_list(tf):
    return {"y": tf.FixedLenSequenceFeature([], tf.int64)}


error(
    "sequence_list_missing",
    lambda tf, x: tf.parse_single_sequence_example(x, None, required_list(tf)),
    x=strings(FIRST),
    match="Feature list 'y' is required but could not be found",
    **INVALID,
)
error(
    "sequences_list_missing",
    lambda tf, x: tf.io.parse_sequence_example(x, None, required_list(tf)),
    x=strings([FIRST]),
    match="Missing feature y in example",
    **INVALID,
)

# Descriptions that are refused when the graph is built.
REFUSED = {
    "no_features": (lambda tf: {}, "Missing"),
    "no_type": (only(a=lambda tf: tf.FixedLenFeature([], None)), "Missing type for feature a"),
    "no_shape": (only(a=lambda tf: tf.FixedLenFeature(None, tf.int64)), "Missing shape for feature a"),
    "unknown_length": (only(a=lambda tf: tf.FixedLenFeature([None], tf.int64)), "Consider using"),
    "unknown_shape": (only(a=lambda tf: tf.FixedLenFeature([2, None], tf.int64)), "All dimensions of shape"),
    "no_feature": (only(a=lambda tf: tf.int64), "Invalid feature a"),
    "not_missing": (only(a=lambda tf: tf.FixedLenSequenceFeature([], tf.int64)), "allow_missing to be True"),
    "no_index_key": (only(a=lambda tf: tf.SparseFeature("", "v", tf.int64, 3)), "Missing index_key"),
    "no_value_key": (only(a=lambda tf: tf.SparseFeature("i", "", tf.int64, 3)), "Missing value_key"),
    "default_shape": (only(a=lambda tf: tf.FixedLenFeature([2], tf.int64, [1])), "Cannot reshape"),
    "conflict": (
        only(i=lambda tf: tf.VarLenFeature(tf.float32), s=lambda tf: tf.SparseFeature("i", "v", tf.int64, 3)),
        "Conflicting type",
    ),
}
for name_, (wanted_, text) in sorted(REFUSED.items()):
    error(name_, batch(wanted_), x=strings([FULL]), raises="ValueError", match=text)
    error("single_" + name_, single(wanted_), x=strings(FULL), raises="ValueError", match=text)
error(
    "odd_type",
    batch(only(a=lambda tf: tf.FixedLenFeature([], tf.int32))),
    x=strings([FULL]),
    raises="TypeError",
    match="int32 not in list of allowed values",
)
error(
    "sequence_no_features", one_sequence(False, False), x=strings(FIRST), raises="ValueError", match="Missing"
)
error(
    "sequence_default",
    lambda tf, x: tf.parse_single_sequence_example(
        x, None, {"x": tf.FixedLenSequenceFeature([2], tf.int64, True, 3)}
    ),
    x=strings(FIRST),
    raises="ValueError",
    match="must be None",
)
error(
    "sequence_fixed",
    lambda tf, x: tf.parse_single_sequence_example(x, None, {"x": tf.FixedLenFeature([2], tf.int64)}),
    x=strings(FIRST),
    raises="ValueError",
    match="Unsupported FixedLenFeature",
)
