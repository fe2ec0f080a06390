"""Arrays: constants, shapes, reshaping, joining and cutting."""

import numpy as np

from .table import Rows, bools, c64, call, distinct, f32, f64, given, i32, i64, strings, u8

rows = Rows("array")
case, error = rows.case, rows.error

# --- constants ------------------------------------------------------------------------------------

case("constant_float", lambda tf: tf.constant(1.5))
case("constant_int", lambda tf: tf.constant(3))
case("constant_bool", lambda tf: tf.constant(True))
case("constant_string", lambda tf: tf.constant("abc"), xla=False)
case("constant_strings", lambda tf: tf.constant(["abc", b"de", ""]), xla=False)
case("constant_list", lambda tf: tf.constant([[1, 2], [3, 4]], name="matrix"))
case("constant_mixed", lambda tf: tf.constant([1, 2.5]))
case("constant_complex", lambda tf: tf.constant(1 + 2j))
case("constant_dtype", lambda tf: tf.constant([1, 2], dtype=tf.float64))
case("constant_shape", lambda tf: tf.constant(2.0, shape=[2, 3]))
case("constant_reshape", lambda tf: tf.constant([1, 2, 3, 4], shape=[2, 2]))
case("constant_short", lambda tf: tf.constant([1, 2], shape=[2, 3]))
case("constant_numpy", lambda tf: tf.constant(np.arange(6.0).reshape(2, 3)))
case("constant_numpy_f32", lambda tf: tf.constant(np.float32(0.1)))
case("constant_numpy_f64_scalar", lambda tf: tf.constant(np.float64(0.1)))
case("constant_numpy_i64_scalar", lambda tf: tf.constant(np.int64(3)))
case("constant_numpy_bool_scalar", lambda tf: tf.constant(np.bool_(True)))
case("constant_numpy_list", lambda tf: tf.constant([np.float64(0.1), np.float64(2)]))
case("convert_numpy_f64_scalar", lambda tf: tf.convert_to_tensor(np.float64(0.1)))
case("constant_empty", lambda tf: tf.constant([]))
case("constant_value", lambda tf: tf.constant(value=7, dtype=tf.int64))
case("constant_f16", lambda tf: tf.constant([0.1, 70000.0], tf.float16))
case("constant_u8", lambda tf: tf.constant([0, 255], tf.uint8))
case("convert", lambda tf: tf.convert_to_tensor([1.0, 2.0], name="given"))
case("convert_dtype", lambda tf: tf.convert_to_tensor(np.arange(3), dtype=tf.float32))
case("convert_preferred", lambda tf: tf.convert_to_tensor([1, 2], preferred_dtype=tf.float32))
case("convert_tensors", lambda tf, x, y: tf.convert_to_tensor([x, y]), x=f32(2), y=f32(2))
case("convert_mixed", lambda tf, x: tf.convert_to_tensor([[x, 1.0], [2.0, x]]), x=f32())
case("convert_shape", lambda tf, x: tf.convert_to_tensor(tf.shape(x)), x=f32(2, 3))
case("convert_static_shape", lambda tf: tf.convert_to_tensor(tf.TensorShape([2, 3])))
case("zeros", lambda tf: tf.zeros([2, 3]))
case("zeros_int", lambda tf: tf.zeros(shape=[2], dtype=tf.int32, name="none"))
case("zeros_scalar", lambda tf: tf.zeros([]))
case("zeros_string", lambda tf: tf.zeros([2], tf.string), xla=False)
case("zeros_bool", lambda tf: tf.zeros((2,), tf.bool))
case("zeros_large", lambda tf: tf.reduce_sum(tf.zeros([40, 40])))
case("zeros_dynamic", lambda tf, n: tf.zeros([n, 2]), n=given(3, "int32"))
case("zeros_of_shape", lambda tf, x: tf.zeros(tf.shape(x)), x=f32(2, 3))
case("zeros_static_shape", lambda tf, x: tf.zeros(tf.TensorShape([2, 1])), x=f32(2, 3))
case("ones", lambda tf: tf.ones([2, 3]))
case("ones_dtype", lambda tf: tf.ones(shape=(2,), dtype=tf.float64, name="unit"))
case("ones_dynamic", lambda tf, n: tf.ones([2, n], tf.int32), n=given(3, "int32"))
case("ones_bool", lambda tf: tf.ones([2], tf.bool))
for each in ["zeros_like", "ones_like"]:
    case(each, call(each), x=f32(2, 3), grad=False)
    case(each + "_dtype", call(each, dtype="int32", name="blank"), x=f32(2, 3), grad=False)
    case(each + "_bool", call(each), x=bools(3))
    case(each + "_slow", call(each, optimize=False), x=f32(2, 3), grad=False)
    case(each + "_numpy", lambda tf, each=each: getattr(tf, each)(np.ones((2, 2), "int64")))
case("zeros_like_string", lambda tf, x: tf.zeros_like(x), x=strings(["a", "b"]), xla=False)
case(
    "zeros_like_keywords", lambda tf, x: tf.zeros_like(x, dtype=tf.int32, optimize=True), x=f32(2), grad=False
)
case("ones_like_keywords", lambda tf, x: tf.ones_like(x, dtype=tf.float64), x=f32(2), grad=False)
case("fill", lambda tf, v: tf.fill([2, 3], v), v=f32())
case("fill_int", lambda tf: tf.fill([2, 3], 7, name="sevens"))
case("fill_dynamic", lambda tf, dims: tf.fill(dims, 1.5), dims=given([2, 2], "int32"))
case("fill_i64_dims", lambda tf: tf.fill(np.array([2, 1], "int64"), True))
case("range", lambda tf: tf.range(5))
case("range_start", lambda tf: tf.range(2, 9, 3))
case("range_keywords", lambda tf: tf.range(start=1, limit=4, delta=1, name="steps"))
case("range_float", lambda tf: tf.range(0.0, 1.0, 0.25))
case("range_mixed", lambda tf: tf.range(0, 2.0, 0.5))
case("range_dtype", lambda tf: tf.range(3, dtype=tf.float32))
case("range_i64", lambda tf: tf.range(np.int64(3)))
case("range_down", lambda tf: tf.range(5, 0, -2))
case("range_empty", lambda tf: tf.range(3, 3))
case("range_dynamic", lambda tf, n: tf.range(n), n=given(4, "int32"))
case("range_of_shape", lambda tf, x: tf.range(tf.shape(x)[0]), x=f32(3, 2))
case("linspace", lambda tf: tf.linspace(0.0, 1.0, 5))
case("linspace_one", lambda tf: tf.linspace(2.0, 3.0, 1))
case("linspace_f64", lambda tf: tf.lin_space(np.float64(-1), np.float64(2), 4, name="ticks"), rtol=1e-6)
case("placeholder_with_default", lambda tf: tf.placeholder_with_default([1.0, 2.0], [None]))
case("placeholder_with_default_named", lambda tf: tf.placeholder_with_default(0.5, (), name="rate"))

case("placeholder", lambda tf: str(tf.placeholder(tf.float32, [None, 2])))
case("placeholder_keywords", lambda tf: str(tf.placeholder(dtype=tf.int64, shape=(3,), name="labels")))
case("placeholder_unknown", lambda tf: str(tf.placeholder("float")))
case("placeholder_scalar", lambda tf: str(tf.placeholder(tf.bool, shape=(), name="training")))
case("variable_shown", lambda tf: str(tf.Variable([1.0], name="v")))

# --- shapes ---------------------------------------------------------------------------------------

for each in ["shape", "size", "rank"]:
    case(each, call(each), x=f32(2, 3), grad=False)
    case(each + "_named", call(each, name="of_x"), x=i32(4, 1, 2))
case("shape_i64", lambda tf, x: tf.shape(x, out_type=tf.int64), x=f32(2, 3), grad=False)
case("size_i64", lambda tf, x: tf.size(x, out_type=tf.int64), x=f32(2, 3), grad=False)
case("shape_n", lambda tf, x, y: tf.shape_n([x, y]), x=f32(2, 3), y=f32(4), grad=False)
case("shape_slow", call("shape"), x=strings(["a", "b"]))
case("shape_item", lambda tf, x: tf.shape(x)[1], x=f32(2, 3), grad=False)
case("shape_part", lambda tf, x: tf.shape(x)[:-1], x=f32(2, 3, 4), grad=False)
case("reshape", lambda tf, x: tf.reshape(x, [3, 2]), x=f32(2, 3))
case("reshape_infer", lambda tf, x: tf.reshape(x, [-1, 2], name="rows"), x=f32(2, 3))
case("reshape_flat", lambda tf, x: tf.reshape(x, shape=[-1]), x=f32(2, 3))
case("reshape_scalar", lambda tf, x: tf.reshape(x, []), x=f32(1, 1))
case("reshape_tuple", lambda tf, x: tf.reshape(x, (6, 1)), x=i32(2, 3))
case("reshape_dynamic", lambda tf, x, s: tf.reshape(x, s), x=f32(2, 3), s=given([3, -1], "int32"))
case("reshape_by_shape", lambda tf, x: tf.reshape(x, [tf.shape(x)[0], -1]), x=f32(2, 3, 2))
case("reshape_i64", lambda tf, x: tf.reshape(x, np.array([3, 2])), x=f32(2, 3))
case("reshape_static", lambda tf, x: tf.reshape(x, tf.TensorShape([6])), x=f32(2, 3))
case("reshape_empty", lambda tf, x: tf.reshape(x, [0, 3]), x=f32(0))
case("expand_dims", lambda tf, x: tf.expand_dims(x, 1), x=f32(2, 3))
case("expand_dims_last", lambda tf, x: tf.expand_dims(x, axis=-1, name="column"), x=f32(2, 3))
case("expand_dims_old", lambda tf, x: tf.expand_dims(x, dim=0), x=f32(2))
case("expand_dims_tensor", lambda tf, x, a: tf.expand_dims(x, a), x=f32(2, 3), a=given(0, "int32"))
case("squeeze", call("squeeze"), x=f32(1, 2, 1, 3))
case("squeeze_axis", call("squeeze", axis=[0, -2]), x=f32(1, 2, 1, 3))
case("squeeze_int_axis", call("squeeze", axis=1, name="flat"), x=f32(2, 1))
case("squeeze_old", call("squeeze", squeeze_dims=[1]), x=f32(2, 1, 1))
case("transpose", call("transpose"), x=f32(2, 3))
case("transpose_perm", call("transpose", perm=[2, 0, 1]), x=f32(2, 3, 4))
case("transpose_positional", call("transpose", [1, 0]), x=i32(2, 3))
case("transpose_conjugate", call("transpose", conjugate=True), x=c64(2, 3))
case("transpose_named", lambda tf, x: tf.transpose(a=x, perm=(0, 2, 1), name="turned"), x=f32(2, 2, 3))
case("transpose_dynamic", call("transpose"), x=f32(2, 3, 1), perm=given([1, 2, 0], "int32"))
case("broadcast_to", call("broadcast_to", [3, 2]), x=f32(2))
case("broadcast_to_dynamic", call("broadcast_to"), x=f32(2, 1), shape=given([2, 3], "int32"), grad=False)
case(
    "broadcast_static_shape",
    lambda tf: tf.broadcast_static_shape(tf.TensorShape([2, 1]), tf.TensorShape([None, 3])),
)
case(
    "broadcast_dynamic_shape",
    call("broadcast_dynamic_shape"),
    a=given([2, 1], "int32"),
    b=given([3], "int32"),
)
case("ensure_shape", call("ensure_shape", [2, None]), x=f32(2, 3))
case("set_shape", lambda tf, x: (x.set_shape([2, None]), tf.identity(x))[1], x=f32(2, 3))
case("identity", call("identity"), x=f32(2))
case("identity_named", call("identity", name="out"), x=i32(2))
case("identity_n", lambda tf, x, y: tf.identity_n([x, y]), x=f32(2), y=i32(2))
case(
    "stop_gradient",
    lambda tf, x: tf.stop_gradient(x, name="held") * x,
    x=f32(2),
    double="it differs from the derivative on purpose",
)
case("guarantee_const", lambda tf: tf.guarantee_const(tf.constant([1.0])))
case("required_space", lambda tf: tf.required_space_to_batch_paddings([5, 7], [2, 3])[0])
case("meshgrid", lambda tf, x, y: tf.meshgrid(x, y), x=f32(2), y=f32(3))
case("meshgrid_ij", lambda tf, x, y: tf.meshgrid(x, y, indexing="ij"), x=f32(2), y=f32(3))
case("meshgrid_range", lambda tf: tf.meshgrid(tf.range(2), tf.range(3)))

# --- joining --------------------------------------------------------------------------------------

case("concat", lambda tf, x, y: tf.concat([x, y], 0), x=f32(2, 3), y=f32(1, 3))
case("concat_axis", lambda tf, x, y: tf.concat([x, y], axis=-1), x=f32(2, 3), y=f32(2, 1))
case(
    "concat_keywords",
    lambda tf, x, y: tf.concat(values=[x, y], axis=1, name="join"),
    x=f32(2, 3),
    y=f32(2, 1),
)
case("concat_three", lambda tf, x, y, z: tf.concat((x, y, z), 0), x=f32(1), y=f32(2), z=f32(3))
case("concat_one", lambda tf, x: tf.concat([x], 1), x=f32(2, 3))
case("concat_i32", lambda tf, x: tf.concat([tf.shape(x), [1], [-1]], 0), x=f32(2, 3), grad=False)
case("concat_constants", lambda tf, x: tf.concat([x, [[1.0, 2.0]]], 0), x=f32(3, 2))
case(
    "concat_dynamic_axis",
    lambda tf, x, y, a: tf.concat([x, y], a),
    x=f32(2, 2),
    y=f32(2, 2),
    a=given(1, "int32"),
)
case(
    "concat_strings",
    lambda tf, x, y: tf.concat([x, y], 0),
    x=strings(["a"]),
    y=strings(["b", "c"]),
    xla=False,
)
case("concat_empty", lambda tf, x, y: tf.concat([x, y], 0), x=f32(0, 2), y=f32(1, 2))
case("stack", lambda tf, x, y: tf.stack([x, y]), x=f32(2, 3), y=f32(2, 3))
case("stack_axis", lambda tf, x, y: tf.stack(values=[x, y], axis=1), x=f32(2, 3), y=f32(2, 3))
case("stack_last", lambda tf, x, y: tf.stack([x, y], axis=-1, name="pair"), x=f32(2), y=f32(2))
case("stack_constants", lambda tf: tf.stack([1, 2, 3]))
case("stack_mixed", lambda tf, x: tf.stack([x, 2.0]), x=f32())
case("stack_i32_dynamic", lambda tf, n: tf.stack([n, 3, n]), n=given(2, "int32"))
case(
    "parallel_stack",
    lambda tf, x, y: tf.parallel_stack([x, y]),
    x=f32(2),
    y=f32(2),
    grad=False,
    unknown="it needs static shapes",
    nodes="TF 1.15 stacks in place",
    double="TF has no gradient",
)
case("unstack", lambda tf, x: tf.unstack(x), x=f32(3, 2), unknown="it needs a static length")
case(
    "unstack_axis",
    lambda tf, x: tf.unstack(x, axis=1, name="parts"),
    x=f32(3, 2),
    unknown="it needs a static length",
)
case("unstack_num", lambda tf, x: tf.unstack(x, num=3, axis=0), x=f32(3, 2))
case("unstack_negative", lambda tf, x: tf.unstack(x, 2, -1), x=i32(3, 2))
case("unstack_some", lambda tf, x: tf.unstack(x, num=3)[1], x=f32(3, 2))
case("tile", call("tile", [2, 3]), x=f32(2, 2))
case("tile_one", call("tile", multiples=[3], name="thrice"), x=i32(2))
case("tile_zero", call("tile", [0, 1]), x=f32(2, 2))
case("tile_dynamic", call("tile"), x=f32(2, 1), m=given([1, 4], "int32"))
case("tile_rank3", call("tile", [1, 2, 1]), x=f32(2, 1, 3))
case("split", lambda tf, x: tf.split(x, 2), x=f32(4, 2))
case("split_axis", lambda tf, x: tf.split(value=x, num_or_size_splits=3, axis=1, name="gates"), x=f32(2, 6))
case("split_sizes", lambda tf, x: tf.split(x, [1, 3, 2], axis=-1), x=f32(2, 6))
case("split_rest", lambda tf, x: tf.split(x, [1, -1], 1), x=f32(2, 4))
case("split_some", lambda tf, x: tf.split(x, 3, 1)[2], x=f32(2, 6))
case("split_num", lambda tf, x, s: tf.split(x, s, 0, num=2), x=f32(4), s=given([1, 3], "int32"))
case("pad", call("pad", [[1, 0], [2, 1]]), x=f32(2, 3))
case("pad_value", call("pad", paddings=[[1, 1]], constant_values=7.0), x=f32(3))
case("pad_modes", call("pad", [[1, 1], [0, 2]], mode="CONSTANT", name="frame"), x=i32(2, 2))
case("pad_reflect", call("pad", [[1, 1], [2, 2]], mode="REFLECT"), x=f32(2, 3))
case("pad_symmetric", call("pad", [[1, 2], [0, 3]], "SYMMETRIC"), x=f32(2, 3))
case("pad_lower_case", call("pad", [[1, 1]], mode="reflect"), x=f32(3))
case("pad_dynamic", call("pad"), x=f32(2, 2), p=given([[0, 1], [1, 0]], "int32"))
case("pad_rank4", call("pad", [[0, 0], [1, 1], [1, 1], [0, 0]]), x=f32(1, 2, 2, 1))

# --- cutting --------------------------------------------------------------------------------------

case("slice", call("slice", [0, 1], [2, 2]), x=f32(3, 4))
case("slice_rest", call("slice", begin=[1, 0], size=[-1, 2], name="cut"), x=f32(3, 4))
case("slice_dynamic", call("slice"), x=f32(5), b=given([1], "int32"), s=given([3], "int32"))
case("slice_rank3", call("slice", [0, 0, 1], [-1, -1, 1]), x=f32(2, 2, 3))
CUTS = {
    "index": lambda x: x[1],
    "negative_index": lambda x: x[-1],
    "two_indices": lambda x: x[1, 2],
    "slice": lambda x: x[1:],
    "slices": lambda x: x[:2, 1:3],
    "step": lambda x: x[::2],
    "reverse": lambda x: x[::-1],
    "reverse_part": lambda x: x[2:0:-1, ::-2],
    "column": lambda x: x[:, 1],
    "last_column": lambda x: x[..., -1],
    "ellipsis": lambda x: x[..., 1:],
    "all": lambda x: x[:],
    "new_axis": lambda x: x[:, None],
    "new_axis_first": lambda x: x[None, 1:2, ..., None],
    "empty": lambda x: x[2:1],
    "beyond": lambda x: x[1:99, -99:2],
}
for each, cut in sorted(CUTS.items()):
    case("getitem_" + each, lambda tf, x, cut=cut: cut(x), x=f32(3, 4))
case("getitem_newaxis", lambda tf, x: x[tf.newaxis, :, 1], x=f32(3, 4))
case("getitem_rank3", lambda tf, x: x[:, -1, :], x=f32(2, 3, 2))
case("getitem_tensor", lambda tf, x, i: x[i], x=f32(3, 2), i=given(1, "int32"))
case("getitem_tensor_range", lambda tf, x, i: x[i : i + 2], x=f32(4), i=given(1, "int32"))
case("getitem_twice", lambda tf, x: x[1][0], x=f32(3, 2))
case("getitem_i64_tensor", lambda tf, x, i: x[i], x=f32(3), i=given(2, "int64"))
case("getitem_iterate", lambda tf, x: [row * 2.0 for row in tf.unstack(x, num=2)], x=f32(2, 3))
case("strided_slice", call("strided_slice", [0, 1], [2, 4], [1, 2], name="s"), x=f32(3, 4))
case(
    "strided_slice_masks",
    lambda tf, x: tf.strided_slice(x, [0, 1], [0, 3], begin_mask=1, end_mask=1),
    x=f32(3, 4),
)
case("strided_slice_shrink", lambda tf, x: tf.strided_slice(x, [1], [2], shrink_axis_mask=1), x=f32(3, 4))
case("reverse", call("reverse", [0]), x=f32(3, 2))
case("reverse_axes", call("reverse", axis=[-1, 0], name="flip"), x=f32(2, 3, 2))
case("reverse_i32", call("reverse", [1]), x=i32(2, 3))
case(
    "reverse_sequence",
    lambda tf, x, n: tf.reverse_sequence(x, n, seq_axis=1, batch_axis=0),
    x=f32(2, 4, 2),
    n=given([2, 4], "int32"),
)
case(
    "reverse_sequence_old",
    lambda tf, x, n: tf.reverse_sequence(x, n, seq_dim=0, batch_dim=1),
    x=f32(4, 2),
    n=given([3, 0], "int64"),
)
case("roll", lambda tf, x: tf.roll(x, shift=[1, -1], axis=[0, 1]), x=f32(3, 4))
case("roll_one", lambda tf, x: tf.roll(x, 2, 0), x=f32(5))
case("space_to_batch", call("space_to_batch", [[0, 0], [1, 1]], 2), x=f32(1, 2, 2, 1))
case("space_to_batch_nd", call("space_to_batch_nd", [2, 1], [[0, 0], [1, 0]]), x=f32(1, 2, 3, 2))
case("batch_to_space", call("batch_to_space", [[0, 0], [1, 0]], 2), x=f32(4, 1, 2, 1))
case("batch_to_space_nd", call("batch_to_space_nd", [2, 2], [[0, 0], [0, 1]]), x=f32(4, 1, 2, 1))
case("space_to_depth", call("space_to_depth", 2), x=f32(1, 4, 2, 3))
case("depth_to_space", call("depth_to_space", 2, name="shuffle"), x=f32(1, 2, 3, 4))
case("space_to_depth_i32", call("space_to_depth", block_size=2), x=i32(1, 2, 2, 1))
case(
    "extract_image_patches",
    lambda tf, x: tf.extract_image_patches(x, [1, 2, 2, 1], [1, 1, 1, 1], [1, 1, 1, 1], "VALID"),
    x=f32(1, 3, 3, 2),
    unknown="its gradient needs static shapes",
    grad_nodes="TensorFlow multiplies by a sparse matrix that has a row for each pixel of each patch",
)
case("bool_mask_dtype", call("reshape", [4]), x=u8(2, 2))
case("distinct_sort", lambda tf, x: tf.sort(x, direction="DESCENDING"), x=distinct(2, 4))
case("sort", lambda tf, x: tf.sort(x), x=distinct(5))
case("argsort", lambda tf, x: tf.argsort(x), x=distinct(2, 4), grad=False)
case(
    "argsort_down", lambda tf, x: tf.argsort(x, axis=0, direction="DESCENDING"), x=distinct(3, 2), grad=False
)
case("f64_reshape", call("reshape", [2, 2]), x=f64(4))
case("i64_transpose", call("transpose"), x=i64(2, 3))

error(
    "reshape_size",
    call("reshape", [4]),
    x=f32(2, 3),
    raises="ValueError",
    match="Cannot reshape a tensor with 6 elements",
)
error(
    "reshape_run",
    call("reshape", [4]),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="Input to reshape is a tensor with 6 values, but the requested shape has 4",
    when="run",
)
error("concat_shapes", lambda tf, x, y: tf.concat([x, y], 0), x=f32(2, 3), y=f32(2, 2), raises="ValueError")
error(
    "concat_run",
    lambda tf, x, y: tf.concat([x, y], 0),
    x=f32(2, 3),
    y=f32(2, 2),
    raises="InvalidArgumentError",
    match="Dimensions of inputs should match",
    when="run",
)
error("squeeze_axis", call("squeeze", axis=0), x=f32(2, 1), raises="ValueError", match="Can not squeeze dim")
error("squeeze_run", call("squeeze", axis=0), x=f32(2, 1), raises="InvalidArgumentError", when="run")
error("transpose_perm", call("transpose", [0, 0]), x=f32(2, 1), raises="InvalidArgumentError", when="run")
error("split_uneven", lambda tf, x: tf.split(x, 4, 1), x=f32(2, 6), raises="ValueError")
error("split_run", lambda tf, x: tf.split(x, 4, 1), x=f32(2, 6), raises="InvalidArgumentError", when="run")
error(
    "unstack_unknown",
    lambda tf: tf.unstack(tf.placeholder(tf.float32)),
    raises="ValueError",
    match="Cannot infer",
)
error("index_range", lambda tf, x: x[5], x=f32(3), raises="ValueError", match="out of bounds")
error(
    "index_range_run",
    lambda tf, x: x[5],
    x=f32(3),
    raises="InvalidArgumentError",
    match="out of bounds",
    when="run",
)
error("slice_beyond", call("slice", [2], [3]), x=f32(3), raises="InvalidArgumentError", when="run")
error("iterate", lambda tf, x: list(x), x=f32(3), raises="TypeError", match="iter")
error("as_bool", lambda tf, x: bool(x), x=bools(), raises="TypeError", match="Python `bool`")
error("constant_types", lambda tf: tf.constant([1.0, "a"]), raises="TypeError")
error("constant_dtype", lambda tf: tf.constant(1.5, tf.int32), raises="TypeError", match="1.5")
error(
    "constant_too_many",
    lambda tf: tf.constant([1, 2, 3], shape=[2]),
    raises="ValueError",
    match="Too many elements",
)
error("constant_ragged", lambda tf: tf.constant([[1, 2], [3]]), raises="ValueError")
error("constant_none", lambda tf: tf.constant(None), raises="ValueError", match="None values not supported")
error("tile_rank", call("tile", [2]), x=f32(2, 2), raises="ValueError")
error("pad_shape", call("pad", [[1, 1]]), x=f32(2, 2), raises="ValueError")
error(
    "pad_mode",
    call("pad", [[1, 1]], mode="WRAP"),
    x=f32(2),
    raises="ValueError",
    match="Unknown padding mode",
)
error("expand_dims_axis", call("expand_dims", 4), x=f32(2), raises="ValueError")
error("stack_shapes", lambda tf, x, y: tf.stack([x, y]), x=f32(2), y=f32(3), raises="ValueError")
error(
    "ensure_shape",
    call("ensure_shape", [3, None]),
    x=f32(2, 3),
    raises="InvalidArgumentError",
    match="is not compatible with expected shape",
    when="run",
)
error("broadcast_to", call("broadcast_to", [3]), x=f32(2), raises="ValueError")
error("fill_negative", lambda tf: tf.fill([-1], 1.0), raises="ValueError")
