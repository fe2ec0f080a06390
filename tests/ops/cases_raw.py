"""Ops that no public function of TensorFlow 1.15 makes, as graphs of older programs hold them."""

from .table import Rows, distinct, f32, f64, given, i32, i64, invertible, raw, spd, strings

rows = Rows("raw")
case, error = rows.case, rows.error

FIXED = "its type attribute is float32"
RANDOM = "its values are random"


def plain(name, op_type, **inputs_and_options):
    """A row of an op whose only attribute without a default is ``T``, the type of the inputs."""
    options = dict({"double": FIXED}, **inputs_and_options)
    case(name, lambda tf, **i: raw(tf, op_type, *i.values(), T=next(iter(i.values())).dtype), **options)


plain("inv", "Inv", x=f32(4, low=0.5))
plain("inv_grad", "InvGrad", y=f32(4), dy=f32(4))
plain("div", "Div", x=f32(2, 3), y=f32(3, low=0.5))
plain("div_i32", "Div", x=given([-7, 7, 6], "int32"), y=given([2, -2, 3], "int32"))
plain("mod", "Mod", x=given([-7, 7, 6], "int32"), y=given([2, -2, 4], "int32"))
plain("mod_f32", "Mod", x=f32(4, low=-5, high=5), y=f32(4, low=0.5), grad=False)
plain("batch_matmul", "BatchMatMul", x=f32(2, 2, 3), y=f32(2, 3, 2))
plain("bias_add_v1", "BiasAddV1", x=f32(3, 2), b=f32(2))
case(
    "cholesky_grad",
    lambda tf, a, g: raw(tf, "CholeskyGrad", tf.cholesky(a), g, T=a.dtype),
    a=spd(3, 3),
    g=f32(3, 3),
    grad=False,
    rtol=1e-4,
)
plain("clip_by_value", "ClipByValue", x=distinct(2, 3, step=0.7), lo=given(-1.0), hi=given(1.0))
plain("clip_by_value_i32", "ClipByValue", x=i32(5), lo=given(-1, "int32"), hi=given(2, "int32"))
plain("approximate_equal", "ApproximateEqual", x=given([1.0, 2.0]), y=given([1.000001, 2.1]), grad=False)
plain("igamma_grad_a", "IgammaGradA", a=f32(3, low=0.5), x=f32(3, low=0.5), grad=False, rtol=1e-3)
plain("ones_like", "OnesLike", x=f32(2, 3), grad=False)
plain("ones_like_i32", "OnesLike", x=i32(2, 3))
plain("population_count", "PopulationCount", x=given([0, 1, 255, 70000], "int32"))
plain("reverse", "Reverse", x=f32(2, 3), dims=given([False, True], "bool"))
plain("snapshot", "Snapshot", x=f32(3))
plain("softplus_grad", "SoftplusGrad", dy=f32(5), x=f32(5, low=-5, high=5))
plain("nth_element", "NthElement", x=distinct(2, 5), n=given(1, "int32"))
plain("random_gamma_grad", "RandomGammaGrad", a=f32(3, low=0.5), x=f32(3, low=0.5), grad=False, rtol=1e-3)
case(
    "in_top_k",
    lambda tf, p, t: raw(tf, "InTopK", p, t, k=2, T=t.dtype),
    p=distinct(3, 4),
    t=given([0, 1, 2], "int32"),
    grad=False,
)
case(
    "gather",
    lambda tf, p, i: raw(tf, "Gather", p, i, Tparams=p.dtype, Tindices=i.dtype),
    p=f32(4, 2),
    i=given([2, 0, 2], "int32"),
)
case(
    "concat",
    lambda tf, a, x, y: raw(tf, "Concat", a, x, y, N=2, T=x.dtype),
    a=given(1, "int32"),
    x=f32(2, 3),
    y=f32(2, 1),
)
case("empty", lambda tf: raw(tf, "Empty", tf.constant([2, 2]), dtype=tf.float32, init=True))
case(
    "space_to_batch",
    lambda tf, x, p: raw(tf, "SpaceToBatch", x, p, block_size=2, T=x.dtype),
    x=f32(1, 2, 2, 1),
    p=given([[0, 0], [1, 1]], "int32"),
    double=None,
)
case(
    "batch_to_space",
    lambda tf, x, c: raw(tf, "BatchToSpace", x, c, block_size=2, T=x.dtype, Tidx=tf.int32),
    x=f32(4, 1, 2, 1),
    c=given([[0, 0], [1, 0]], "int32"),
)
case(
    "bucketize",
    lambda tf, x: raw(tf, "Bucketize", x, T=x.dtype, boundaries=[0.0, 1.0]),
    x=given([-1.0, 0.0, 0.5, 7.0]),
    grad=False,
)
UNIQUE_SHAPES = "TensorFlow's rule infers the shapes of a vector's elements, whatever the axis"
case(
    "unique_axis",
    lambda tf, x, a: raw(tf, "UniqueV2", x, a, T=x.dtype, Taxis=a.dtype),
    x=given([[1, 2], [3, 4], [1, 2]], "int32"),
    a=given([0], "int32"),
    xla=False,
    shapes=UNIQUE_SHAPES,
)
case(
    "unique_with_counts_axis",
    lambda tf, x, a: raw(tf, "UniqueWithCountsV2", x, a, T=x.dtype, Taxis=a.dtype),
    x=given([[1, 2], [3, 4], [1, 2]], "int32"),
    a=given([0], "int32"),
    xla=False,
    shapes=UNIQUE_SHAPES,
)
case(
    "scatter_nd_non_aliasing_add",
    lambda tf, x, i, u: raw(tf, "ScatterNdNonAliasingAdd", x, i, u, T=x.dtype, Tindices=i.dtype),
    x=f32(4),
    i=given([[1], [1]], "int32"),
    u=f32(2),
)
case(
    "tensor_strided_slice_update",
    lambda tf, x, b, e, s, v: raw(tf, "TensorStridedSliceUpdate", x, b, e, s, v, T=x.dtype, Index=b.dtype),
    x=f32(5),
    b=given([1], "int32"),
    e=given([3], "int32"),
    s=given([1], "int32"),
    v=f32(2),
)
case(
    "parameterized_truncated_normal",
    lambda tf, s, m, d, a, b: raw(
        tf, "ParameterizedTruncatedNormal", s, m, d, a, b, seed=3, seed2=5, dtype=m.dtype, T=s.dtype
    ),
    s=given([6], "int32"),
    m=given(1.0),
    d=given(2.0),
    a=given(-1.0),
    b=given(4.0),
    grad=False,
    double=RANDOM,
    xla=False,
    rtol=1e-5,
)
case(
    "variable",
    lambda tf: raw(
        tf,
        "IsVariableInitialized",
        raw(tf, "Variable", dtype=tf.float32, shape=tf.TensorShape([2]))[0],
        dtype=tf.float32,
    ),
    steps=2,
)
case(
    "variable_assigned",
    lambda tf, x: tf.assign(raw(tf, "Variable", dtype=tf.float32, shape=tf.TensorShape([2]))[0], x),
    x=f32(2),
    grad=False,
    double=FIXED,
)
case(
    "variable_shape", lambda tf: raw(tf, "VariableShape", tf.Variable([[1.0, 2.0]], use_resource=True).handle)
)
case("rank", lambda tf, x: tf.rank(x), x=f32(2, 3), known=False, grad=False)
case(
    "matrix_logarithm",
    lambda tf, a: tf.linalg.logm(tf.cast(a, tf.complex64)),
    a=spd(2, 2),
    rtol=1e-3,
    grad=False,
)
case(
    "tridiagonal_solve",
    lambda tf, d, b: tf.linalg.tridiagonal_solve(d, b, diagonals_format="compact"),
    d=given([[1.0, 1.0, 0.0], [4.0, 5.0, 6.0], [0.0, 1.0, 1.0]]),
    b=f32(3, 2),
    rtol=1e-4,
)
case(
    "extract_volume_patches",
    lambda tf, x: tf.extract_volume_patches(x, [1, 2, 2, 2, 1], [1, 1, 1, 1, 1], "VALID"),
    x=f32(1, 3, 2, 2, 1),
    grad=False,
)
case(
    "igamma_gradient",
    lambda tf, a, x: tf.igamma(a, x),
    a=f32(3, low=0.5),
    x=f32(3, low=0.5),
    rtol=1e-3,
    double="its rule for a is approximate",
)
case(
    "gamma_gradient",
    lambda tf, a: tf.random_gamma([2], a, seed=5),
    a=f32(3, low=0.5),
    rtol=1e-3,
    double=RANDOM,
    xla=False,
)
case("resource_count_up_to", lambda tf: tf.Variable(0, use_resource=True).count_up_to(5), steps=3)
case(
    "resource_gather_nd",
    lambda tf, i: tf.gather_nd(tf.Variable([[1.0, 2.0], [3.0, 4.0]], use_resource=True), i),
    i=given([[1, 0], [0, 1]], "int32"),
)
for suffix, resource in (("", False), ("_resource", True)):
    case("slice_assign" + suffix, lambda tf, resource=resource: _slice_assign(tf, resource), steps=2)
case("f64_inv", lambda tf, x: raw(tf, "Inv", x, T=tf.float64), x=f64(3, low=0.5))
case("i64_snapshot", lambda tf, x: raw(tf, "Snapshot", x, T=tf.int64), x=i64(3))
case("inverse_of_raw", lambda tf, a: raw(tf, "MatrixInverse", a, T=a.dtype), a=invertible(2, 2), rtol=1e-4)


def _slice_assign(tf, resource):
    variable = tf.Variable([1.0, 2.0, 3.0, 4.0], use_resource=resource)
    with tf.control_dependencies([variable[1:3].assign([7.0, 8.0])]):
        return variable.read_value()


# --- strings and parsing --------------------------------------------------------------------------

TEXTS = strings(["Hello", "", " a b ", "1.5"])


def text(name, build, **inputs_and_options):
    """A row of an op on strings, which never reaches XLA."""
    case("string_" + name, build, **dict({"xla": False, "grad": False}, **inputs_and_options))


text("length", lambda tf, x: tf.strings.length(x), x=TEXTS)
text("lower", lambda tf, x: tf.strings.lower(x), x=TEXTS)
text("upper", lambda tf, x: tf.strings.upper(x), x=TEXTS)
text("strip", lambda tf, x: tf.string_strip(x), x=TEXTS)
text("join", lambda tf, x: tf.string_join(["<", x, ">"], name="marked"), x=TEXTS)
text("as_string", lambda tf, x: tf.as_string(x, precision=3), x=f32(3))
text("as_string_int", lambda tf, x: tf.as_string(x, width=4, fill="0"), x=i32(3, low=0))
text("as_string_bool", lambda tf, x: tf.as_string(x), x=given([True, False], "bool"))
text("to_number", lambda tf, x: tf.string_to_number(x), x=strings(["1.5", "-2e3"]))
text("to_number_int", lambda tf, x: tf.string_to_number(x, out_type=tf.int32), x=strings(["15", "-2"]))
text("hash", lambda tf, x: tf.string_to_hash_bucket(x, 100), x=TEXTS)
text("hash_fast", lambda tf, x: tf.string_to_hash_bucket_fast(x, 1000), x=TEXTS)
text("hash_strong", lambda tf, x: tf.string_to_hash_bucket_strong(x, 1000, [3, 4]), x=TEXTS)
text("substr", lambda tf, x: tf.substr(x, 1, 2), x=strings(["Hello", "abc"]))
text(
    "substr_each",
    lambda tf, x, p, n: tf.substr(x, p, n),
    x=strings(["Hello", "abc"]),
    p=given([0, 1], "int32"),
    n=given([2, 9], "int32"),
)
text("split", lambda tf, x: tf.string_split(x), x=strings(["a b", "", "c  d e"]))
text("split_by", lambda tf, x: tf.string_split(x, ",", skip_empty=False), x=strings(["a,b", ",c"]))
text(
    "split_v2",
    lambda tf, x: tf.strings.split(x, result_type="SparseTensor"),
    x=strings(["a b", "c"]),
    unknown_nodes="for an unknown rank TensorFlow makes a RaggedTensor in between",
)
text("regex_replace", lambda tf, x: tf.regex_replace(x, "[aeiou]", "*"), x=TEXTS)
text(
    "regex_replace_groups",
    lambda tf, x: tf.strings.regex_replace(x, "(l+)", r"<\1>", replace_global=False),
    x=TEXTS,
)
text("regex_replace_dynamic", lambda tf, x, p: tf.regex_replace(x, p, "*"), x=TEXTS, p=strings("[a-z]"))
text("regex_full_match", lambda tf, x: tf.strings.regex_full_match(x, "[0-9.]+"), x=TEXTS)
text(
    "regex_full_match_dynamic", lambda tf, x, p: tf.strings.regex_full_match(x, p), x=TEXTS, p=strings("H.*")
)
text("format", lambda tf, x: tf.strings.format("x = {}!", x), x=i32(3))
text("format_two", lambda tf, x, y: tf.strings.format("{} and {}", (x, y)), x=f32(2), y=TEXTS)
text("reduce_join", lambda tf, x: tf.reduce_join(x, 1, separator="-"), x=strings([["a", "b"], ["c", "d"]]))
text("reduce_join_all", lambda tf, x: tf.reduce_join(x, keep_dims=True), x=strings([["a", "b"], ["c", "d"]]))
text(
    "unsorted_segment_join",
    lambda tf, x, i: tf.strings.unsorted_segment_join(x, i, 2, separator="+"),
    x=strings(["a", "b", "c"]),
    i=given([1, 0, 1], "int32"),
)
text("base64", lambda tf, x: [tf.encode_base64(x), tf.decode_base64(tf.encode_base64(x, pad=True))], x=TEXTS)
text("decode_raw", lambda tf, x: tf.decode_raw(x, tf.uint8), x=strings([b"\x00\x01\xff", b"abc"]))
text(
    "decode_raw_i16",
    lambda tf, x: tf.decode_raw(x, tf.int16, little_endian=False),
    x=strings(b"\x00\x01\x02\x03"),
)
text("equal", lambda tf, x: tf.equal(x, "Hello"), x=TEXTS)
text("print", lambda tf, x: _printed(tf, x), x=i32(2), nodes="its printed name has a number of the process")
text(
    "edit_distance",
    lambda tf: tf.edit_distance(
        tf.SparseTensor([[0, 0], [0, 1], [1, 0]], ["a", "b", "c"], [2, 2]),
        tf.SparseTensor([[0, 0], [1, 0], [1, 1]], ["a", "c", "d"], [2, 2]),
        normalize=False,
        name="far",
    ),
)


def _printed(tf, x):
    import sys

    with tf.control_dependencies([tf.print("x:", x, output_stream=sys.stdout)]):
        return tf.identity(x)


error(
    "string_to_number",
    lambda tf, x: tf.string_to_number(x),
    x=strings("abc"),
    raises="InvalidArgumentError",
    match="StringToNumberOp could not correctly convert string: abc",
    when="run",
)
error(
    "substr_range",
    lambda tf, x: tf.substr(x, 9, 1),
    x=strings("abc"),
    raises="InvalidArgumentError",
    match="out of range",
    when="run",
)
error(
    "decode_raw_size",
    lambda tf, x: tf.decode_raw(x, tf.float32),
    x=strings("abc"),
    raises="InvalidArgumentError",
    when="run",
)
