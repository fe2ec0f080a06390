"""Sparse tensors: to and from dense ones, rearranged, joined, added, reduced, crossed, serialized."""

import numpy as np

from .table import Rows, c64, distinct, f32, f64, given, i32, strings

rows = Rows("sparse")
case, error = rows.case, rows.error

KINK = "not differentiable there"
FOLDED = "Reflow knows the default permutation, TensorFlow does not"
FEW = {"i": given([[0, 1], [1, 0], [1, 2]], "int64"), "s": given([2, 3], "int64")}
OTHER = {"j": given([[0, 0], [0, 1], [1, 2]], "int64"), "t": given([2, 3], "int64")}


def on(_call, **options):
    """A build of ``_call(tf, sparse, *others)`` from the parts i, v and s of a sparse tensor."""

    def build(tf, i, v, s, **others):
        return _call(tf, tf.SparseTensor(i, v, s), *others.values(), **options)

    return build


def two(_name, **options):
    """A build of ``tf.<_name>`` on the sparse tensors of parts i, v, s and j, w, t."""

    def build(tf, i, v, s, j, w, t):
        return getattr(tf, _name)(tf.SparseTensor(i, v, s), tf.SparseTensor(j, w, t), **options)

    return build


# --- to dense and from dense ----------------------------------------------------------------------

case(
    "to_dense_matrix",
    lambda tf, i, v, d: tf.sparse_to_dense(i, [2, 3], v, d),
    i=given([[0, 1], [1, 0], [1, 2]], "int64"),
    v=f32(3),
    d=f32(),
)
case(
    "to_dense_vector",
    lambda tf, i, v: tf.sparse_to_dense(i, [5], v, name="d"),
    i=given([1, 3], "int32"),
    v=i32(2),
)
case("to_dense_scalar", lambda tf, i, v: tf.sparse_to_dense(i, [4], v), i=given([1, 3], "int32"), v=i32())
case(
    "to_dense_one",
    lambda tf, i, v: tf.sparse_to_dense(i, [4], v, 0.5),
    i=given(2, "int32"),
    v=f64(),
    grad=False,
)
case(
    "to_dense_unchecked",
    lambda tf, i, v, s: tf.sparse_to_dense(i, s, v, 7.0, validate_indices=False),
    i=given([[1, 1], [0, 0]], "int32"),
    v=f32(2),
    s=given([2, 2], "int32"),
)
case(
    "to_dense_empty",
    lambda tf, i, v: tf.sparse_to_dense(i, [2, 2], v),
    i=given(np.zeros((0, 2)), "int64"),
    v=i32(0),
)
case("tensor_to_dense", on(lambda tf, x: tf.sparse_tensor_to_dense(x)), v=f32(3), **FEW)
case("sparse_to_dense_room", on(lambda tf, x: tf.sparse.to_dense(x, 1.5, name="full")), v=f32(3), **FEW)
case(
    "tensor_to_dense_default",
    on(lambda tf, x, d: tf.sparse_tensor_to_dense(x, d, validate_indices=False)),
    v=f64(3),
    d=f64(),
    **FEW,
)
case(
    "tensor_to_dense_strings",
    on(lambda tf, x: tf.sparse_tensor_to_dense(x, default_value="-")),
    v=strings(["a", "b", "c"]),
    xla=False,
    **FEW,
)
case("tensor_to_dense_known", lambda tf, v: tf.sparse.to_dense(tf.SparseTensor([[1], [2]], v, [4])), v=f32(2))
case(
    "tensor_to_dense_value",
    lambda tf: tf.sparse.to_dense(tf.SparseTensorValue(np.array([[1]]), np.array([True]), np.array([2]))),
)
for name, indices, sizes, values, text in [
    ("order", [[0, 1], [0, 0]], [2, 2], [1, 2], r"indices\[1\] = \[0,0\] is out of order"),
    ("repeated", [[0, 1], [0, 1]], [2, 2], [1, 2], r"indices\[1\] = \[0,1\] is repeated"),
    ("bounds", [[0, 9], [1, 1]], [2, 2], [1, 2], r"indices\[0\] = \[0,9\] is out of bounds"),
    ("rank", [[[0, 1]]], [2, 2], [1], "scalar, vector, or matrix"),
    ("sizes", [0, 1], [2, 2], [1, 2], "output_shape has incorrect number of elements: 2 should be: 1"),
    ("count", [0, 1], [3], [1, 2, 3], r"sparse_values has incorrect shape \[3\], should be \[\] or \[2\]"),
]:
    error(
        "to_dense_" + name,
        lambda tf, i, s, v: tf.sparse_to_dense(i, s, v),
        i=given(indices, "int64"),
        s=given(sizes, "int64"),
        v=given(values, "int32"),
        raises="InvalidArgumentError",
        match=text,
        when="run",
    )
error("to_dense_kind", lambda tf: tf.sparse_tensor_to_dense([1]), raises="TypeError", match="SparseTensor")
case("from_dense", lambda tf, x: tf.sparse.from_dense(x), x=given([[0, 2.5], [-1, 0]]), xla=False, grad=False)
case(
    "from_dense_named",
    lambda tf, x: tf.sparse.from_dense(x, name="s"),
    x=given([0, 0, 3], "int32"),
    xla=False,
)
case("eye", lambda tf: tf.sparse.eye(2, 3), shapes="TensorFlow has no value of Minimum")
case("eye_square", lambda tf: tf.sparse.eye(2, dtype=tf.int32, name="unit"), shapes="as in the row eye")
error("eye_kind", lambda tf: tf.sparse.eye(2.5), raises="TypeError", match="num_rows must be an integer")
case("indicator", on(lambda tf, x: tf.sparse_to_indicator(x, 4)), v=given([3, 0, 2], "int32"), **FEW)
case(
    "indicator_i64",
    on(lambda tf, x: tf.sparse.to_indicator(x, 4, name="hot")),
    v=given([3, 0, 2], "int64"),
    **FEW,
)

# --- products -------------------------------------------------------------------------------------

for a in (False, True):
    for b in (False, True):
        case(
            "matmul_{:d}{:d}".format(a, b),
            on(
                lambda tf, x, y, **flags: tf.sparse_tensor_dense_matmul(x, y, **flags),
                adjoint_a=a,
                adjoint_b=b,
            ),
            v=f32(3),
            b=f32(*((4, 2 if a else 3) if b else (2 if a else 3, 4))),
            **FEW,
        )
case("matmul_named", on(lambda tf, x, y: tf.sparse.matmul(x, y, name="p")), v=f64(3), b=f64(3, 2), **FEW)
case(
    "matmul_complex",
    on(lambda tf, x, y: tf.sparse.sparse_dense_matmul(x, y, adjoint_a=True, adjoint_b=True)),
    v=c64(3),
    b=c64(2, 2),
    grad=False,
    **FEW,
)
case(
    "matmul_repeated",
    lambda tf, i, v, b: tf.sparse_tensor_dense_matmul(tf.SparseTensor(i, v, [3, 2]), b),
    i=given([[2, 1], [0, 0], [2, 1]], "int64"),
    v=f32(3),
    b=f32(2, 2),
)
case("matmul_ints", on(lambda tf, x, y: tf.sparse.matmul(x, y)), v=i32(3), b=i32(3, 2), **FEW)
case(
    "matmul_empty",
    lambda tf, i, v, b: tf.sparse_tensor_dense_matmul(tf.SparseTensor(i, v, [3, 2]), b),
    i=given(np.zeros((0, 2)), "int64"),
    v=f32(0),
    b=f32(2, 2),
)
error(
    "matmul_shape",
    lambda tf, b: tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 0]], [1.0], [2, 3]), b),
    b=f32(2, 2),
    raises="ValueError",
)
error(
    "matmul_inner",
    on(lambda tf, x, b: tf.sparse_tensor_dense_matmul(x, b)),
    i=given([[0, 0]], "int64"),
    v=f32(1),
    s=given([2, 3], "int64"),
    b=f32(2, 2),
    raises="InvalidArgumentError",
    match="inner dimension does not match: 3 vs. 2",
    when="run",
)
for name, place, text in [
    ("row", [5, 0], r"m \(5\) from index\[0"),
    ("column", [0, 5], r"k \(5\) from index\[0"),
]:
    error(
        "matmul_" + name,
        on(lambda tf, x, b: tf.sparse_tensor_dense_matmul(x, b)),
        i=given([place], "int64"),
        v=f32(1),
        s=given([2, 2], "int64"),
        b=f32(2, 2),
        raises="InvalidArgumentError",
        match=text,
        when="run",
    )

# --- rearranged -----------------------------------------------------------------------------------

MIXED = {"i": given([[1, 2], [0, 1], [1, 0]], "int64"), "s": given([2, 3], "int64")}
case("reorder", on(lambda tf, x: tf.sparse_reorder(x)), v=f32(3), **MIXED)
case("reorder_named", on(lambda tf, x: tf.sparse.reorder(x, name="sorted")), v=f64(3), **MIXED)
case(
    "reorder_strings", on(lambda tf, x: tf.sparse_reorder(x)), v=strings(["a", "b", "c"]), xla=False, **MIXED
)
case("reorder_known", lambda tf, v: tf.sparse_reorder(tf.SparseTensor([[3], [1]], v, [4])), v=f32(2))
case("reshape", on(lambda tf, x: tf.sparse_reshape(x, [3, 2])), v=f32(3), **FEW)
case("reshape_rest", on(lambda tf, x: tf.sparse.reshape(x, [-1], name="flat")), v=i32(3), **FEW)
case(
    "reshape_fed",
    on(lambda tf, x, to: tf.sparse_reshape(x, to)),
    v=f32(3),
    to=given([1, -1, 2], "int32"),
    **FEW,
)
case(
    "reshape_known",
    lambda tf, v: tf.sparse_reshape(tf.SparseTensor([[0, 1], [1, 2]], v, [2, 3]), [3, -1]),
    v=f32(2),
)
case(
    "reshape_of_empty",
    on(lambda tf, x: tf.sparse_reshape(x, [0, 4])),
    i=given(np.zeros((0, 2)), "int64"),
    v=f32(0),
    s=given([0, 3], "int64"),
)
error(
    "reshape_twice",
    lambda tf: tf.sparse_reshape(tf.SparseTensor([[0]], [1], [4]), [-1, -1]),
    raises="ValueError",
    match="At most one dimension can be inferred",
)
error(
    "reshape_known",
    lambda tf: tf.sparse_reshape(tf.SparseTensor([[0]], [1], [4]), [3]),
    raises="ValueError",
    match="Cannot reshape a tensor with 4 elements",
)
for name, target, text in [
    ("fed", [4], "6 dense values, but the requested shape has 4"),
    ("multiple", [4, -1], "requires a multiple of 4"),
    ("negative", [-2], "size 0 must be non-negative, not -2"),
    ("two", [-1, -1], "only one output shape size may be -1"),
]:
    error(
        "reshape_" + name,
        on(lambda tf, x, to: tf.sparse_reshape(x, to)),
        v=f32(3),
        to=given(target, "int64"),
        raises="InvalidArgumentError",
        match=text,
        when="run",
        **FEW,
    )
case("transpose", on(lambda tf, x: tf.sparse_transpose(x)), v=f32(3), shapes=FOLDED, grad_nodes=FOLDED, **FEW)
case("transpose_named", on(lambda tf, x: tf.sparse.transpose(x, [1, 0], name="turned")), v=f64(3), **FEW)
case(
    "transpose_known",
    lambda tf, v: tf.sparse_transpose(tf.SparseTensor([[0, 1, 1], [1, 0, 2]], v, [2, 2, 3]), [2, 0, 1]),
    v=f32(2),
)
case("transpose_back", lambda tf, v: tf.sparse_transpose(tf.SparseTensor([[0, 1]], v, [2, 3])), v=f32(1))
for axis in (0, 1, -1, None):
    case(
        "expand_dims_" + str(axis).replace("-", "m"),
        on(lambda tf, x, axis: tf.sparse.expand_dims(x, axis), axis=axis),
        v=i32(3),
        unknown="TensorFlow needs the static rank",
        **FEW,
    )
error(
    "expand_dims_kind", on(lambda tf, x: tf.sparse.expand_dims(x, 1.5)), v=i32(3), raises="TypeError", **FEW
)
case("reset_shape", on(lambda tf, x: tf.sparse_reset_shape(x)), v=f32(3), **FEW)
case("reset_shape_known", lambda tf, v: tf.sparse.reset_shape(tf.SparseTensor([[1]], v, [4]), [6]), v=f32(1))
case(
    "reset_shape_fed",
    on(lambda tf, x: tf.sparse_reset_shape(x, [4, 5])),
    v=i32(3),
    unknown="TensorFlow needs the rank",
    **FEW,
)
error(
    "reset_shape_small",
    lambda tf: tf.sparse_reset_shape(tf.SparseTensor([[1]], [1], [4]), [3]),
    raises="ValueError",
    match="Requested new_shape should have dimension sizes",
)
error(
    "reset_shape_less",
    lambda tf: tf.sparse_reset_shape(
        tf.SparseTensor([[0, 1]], [1], tf.placeholder_with_default(np.array([2, 3]), [2])), [2, 2]
    ),
    raises="InvalidArgumentError",
    match="2 3",
    when="run",
)

# --- joined and cut -------------------------------------------------------------------------------

PAIR = dict(FEW, **OTHER)


def joined(axis, **options):
    """A build of sparse_concat of two sparse tensors."""

    def build(tf, i, v, s, j, w, t):
        return tf.sparse_concat(axis, [tf.SparseTensor(i, v, s), tf.SparseTensor(j, w, t)], **options)

    return build


case("concat_0", joined(0), v=i32(3), w=i32(3), **PAIR)
case("concat_1", joined(1, name="row"), v=f32(3), w=f32(3), grad=False, **PAIR)
case("concat_last", joined(-1), v=strings(["a", "b", "c"]), w=strings(["d", "e", "f"]), xla=False, **PAIR)
case(
    "concat_expanded",
    joined(1, expand_nonconcat_dim=True),
    v=i32(3),
    w=i32(1),
    **dict(FEW, j=given([[3, 1]], "int64"), t=given([4, 2], "int64")),
)
case(
    "concat_expanded_last",
    joined(-1, expand_nonconcat_dim=True),
    v=i32(3),
    w=i32(1),
    **dict(FEW, j=given([[3, 1]], "int64"), t=given([4, 2], "int64")),
)
case(
    "concat_known",
    lambda tf, v, w: tf.sparse.concat(
        sp_inputs=[tf.SparseTensor([[0, 1]], v, [1, 2]), tf.SparseTensor([[0, 0]], w, [1, 3])], axis=1
    ),
    v=i32(1),
    w=i32(1),
)
case("concat_one", on(lambda tf, x: tf.sparse_concat(0, [x])), v=i32(3), **FEW)
error("concat_kind", lambda tf: tf.sparse_concat(0, 5), raises="TypeError", match="list or tuple")
for name, axis, sizes in [("sizes", 1, [3, 3]), ("axis", 2, [2, 3])]:
    error(
        "concat_" + name,
        joined(axis),
        v=i32(3),
        w=i32(3),
        raises="InvalidArgumentError",
        when="run",
        **dict(PAIR, t=given(sizes, "int64")),
    )
case("split", on(lambda tf, x: tf.sparse_split(sp_input=x, num_split=2, axis=1)), v=i32(3), **FEW)
case(
    "split_named",
    on(lambda tf, x: tf.sparse.split(sp_input=x, num_split=2, axis=0, name="cut")),
    v=f32(3),
    grad=False,
    **FEW,
)
error("split_position", on(lambda tf, x: tf.sparse_split(x, 2, 1)), v=i32(3), raises="ValueError", **FEW)
error(
    "split_missing",
    on(lambda tf, x: tf.sparse_split(sp_input=x, axis=1)),
    v=i32(3),
    raises="ValueError",
    **FEW,
)
error(
    "split_many",
    on(lambda tf, x: tf.sparse_split(sp_input=x, num_split=4, axis=1)),
    v=i32(3),
    raises="InvalidArgumentError",
    match="num_split",
    when="run",
    **FEW,
)
case("slice", on(lambda tf, x: tf.sparse_slice(x, [0, 1], [2, 5])), v=f32(3), double="as below", **FEW)
case("slice_named", on(lambda tf, x: tf.sparse.slice(x, [1, 0], [1, 3], name="part")), v=f64(3), **FEW)
case("slice_outside", on(lambda tf, x: tf.sparse_slice(x, [2, 0], [1, 3])), v=i32(3), **FEW)

# --- chosen and filled up -------------------------------------------------------------------------

case(
    "retain",
    on(lambda tf, x: tf.sparse_retain(x, [True, False, True])),
    v=f32(3),
    xla=False,
    second="gathers",
    **FEW,
)
case(
    "retain_fed",
    on(lambda tf, x, k: tf.sparse.retain(x, k)),
    v=i32(3),
    k=given([False, True, True], "bool"),
    xla=False,
    unknown="TensorFlow needs the rank",
    **FEW,
)
error("retain_count", on(lambda tf, x: tf.sparse_retain(x, [True])), v=i32(3), raises="ValueError", **FEW)
GAPS = {"i": given([[0, 1], [2, 0], [2, 2]], "int64"), "s": given([4, 3], "int64")}
case("fill_empty_rows", on(lambda tf, x, d: tf.sparse_fill_empty_rows(x, d)), v=f32(3), d=f32(), **GAPS)
case(
    "fill_empty_rows_named", on(lambda tf, x: tf.sparse.fill_empty_rows(x, 7, name="full")), v=i32(3), **GAPS
)
case(
    "fill_empty_rows_strings",
    on(lambda tf, x: tf.sparse_fill_empty_rows(x, "none")),
    v=strings(["a", "b", "c"]),
    xla=False,
    **GAPS,
)
case("fill_full_rows", on(lambda tf, x: tf.sparse_fill_empty_rows(x, 0.5)), v=f64(3), **FEW)
error(
    "fill_rows",
    on(lambda tf, x: tf.sparse_fill_empty_rows(x, 0)),
    i=given([[5, 0]], "int64"),
    v=i32(1),
    s=given([2, 3], "int64"),
    raises="InvalidArgumentError",
    match=r"indices\(0, 0\) is invalid: 5 >= 2",
    when="run",
)
case(
    "merge",
    on(lambda tf, x, w: tf.sparse_merge(x, tf.SparseTensor(x.indices, w, x.dense_shape), 4)),
    v=given([3, 0, 2], "int64"),
    w=f32(3),
    **FEW,
)
case(
    "merge_ids",
    on(
        lambda tf, x, w: tf.sparse.merge(
            [x, x], tf.SparseTensor(x.indices, w, x.dense_shape), [4, 5], name="m"
        )
    ),
    v=given([3, 0, 2], "int32"),
    w=i32(3),
    **FEW,
)
case(
    "merge_sorted",
    on(
        lambda tf, x, w: tf.sparse_merge(
            x, tf.SparseTensor(x.indices, w, x.dense_shape), 4, already_sorted=True
        )
    ),
    v=given([3, 0, 2], "int64"),
    w=i32(3),
    **FEW,
)
error("merge_size", on(lambda tf, x: tf.sparse_merge(x, x, 1.5)), v=i32(3), raises="TypeError", **FEW)
error("merge_count", on(lambda tf, x: tf.sparse_merge([x], x, [1, 2])), v=i32(3), raises="ValueError", **FEW)

# --- sums, extremes, reductions -------------------------------------------------------------------

case("add", two("sparse_add"), v=f32(3), w=f32(3), **PAIR)
case(
    "add_threshold",
    two("sparse_add", threshold=1.0),
    v=distinct(3, step=0.7),
    w=distinct(3, step=1.1),
    double=KINK,
    second=KINK,
    **PAIR,
)
case("add_thresh", two("sparse_add", thresh=2), v=i32(3), w=i32(3), **PAIR)
case("add_complex", two("sparse_add", threshold=0.5), v=c64(3), w=c64(3), grad=False, **PAIR)
case(
    "add_known",
    lambda tf, v, w: tf.sparse.add(tf.SparseTensor([[0]], v, [3]), tf.SparseTensor([[0], [2]], w, [3])),
    v=f32(1),
    w=f32(2),
)
case("add_dense", on(lambda tf, x, y: tf.sparse_add(x, y)), v=f32(3), y=f32(2, 3), **FEW)
case("add_dense_first", on(lambda tf, x, y: tf.sparse.add(y, x)), v=i32(3), y=i32(2, 3), **FEW)
error("add_kind", lambda tf: tf.sparse_add([1], [2]), raises="TypeError", match="At least one input")
error(
    "add_shape",
    two("sparse_add"),
    v=i32(3),
    w=i32(3),
    raises="InvalidArgumentError",
    match="shapes do not match",
    when="run",
    **dict(PAIR, t=given([2, 4], "int64")),
)
case("maximum", two("sparse_maximum"), v=f32(3), w=f32(3), grad=False, **PAIR)
case("minimum", two("sparse_minimum", name="least"), v=i32(3), w=i32(3), **PAIR)
case(
    "sparse_extremes",
    lambda tf, i, v, s: (
        tf.sparse.maximum(tf.SparseTensor(i, v, s), tf.SparseTensor(i, -v, s)),
        tf.sparse.minimum(tf.SparseTensor(i, v, s), tf.SparseTensor(i, -v, s)),
    ),
    v=f64(3),
    grad=False,
    **FEW,
)
error(
    "maximum_shape",
    two("sparse_maximum"),
    v=i32(3),
    w=i32(3),
    raises="InvalidArgumentError",
    match="shapes do not match: got 3 and 4 for dimension 1",
    when="run",
    **dict(PAIR, t=given([2, 4], "int64")),
)
case("times_dense", on(lambda tf, x, y: x * y), v=f32(3), y=f32(2, 3), **FEW)
case("times_row", on(lambda tf, x, y: y * x), v=f64(3), y=f64(3), **FEW)
case("times_scalar", on(lambda tf, x, y: x * y), v=f32(3), y=f32(), grad=False, **FEW)
case("over_dense", on(lambda tf, x, y: x / y), v=f64(3), y=f64(2, 1), **FEW)
case("over_ints", on(lambda tf, x, y: x / y), v=i32(3), y=given([2, -3, 4], "int32"), **FEW)
case("div_ints", on(lambda tf, x, y: x.__div__(y)), v=i32(3), y=given([2, -3, 4], "int32"), **FEW)
error(
    "times_shape",
    on(lambda tf, x, y: x * y),
    v=f32(3),
    y=f32(2),
    raises="InvalidArgumentError",
    match="broadcasts dense to sparse only",
    when="run",
    **FEW,
)
CUBE = {"i": given([[0, 0, 1], [0, 2, 0], [1, 0, 1], [1, 2, 1]], "int64"), "s": given([2, 3, 2], "int64")}
for kind in ("sum", "max"):
    for name, keywords in [
        ("all", {}),
        ("one", {"axis": 1}),
        ("two", {"axis": [0, -1]}),
        ("kept", {"axis": 2, "keepdims": True}),
        ("old", {"reduction_axes": [0], "keep_dims": True}),
        ("none", {"axis": []}),
        ("all_kept", {"keepdims": True}),
        ("every", {"axis": [0, 1, 2]}),
    ]:
        for suffix in ("", "_sparse"):
            case(
                "reduce_{}_{}{}".format(kind, name, suffix),
                on(
                    lambda tf, x, function, keywords: getattr(tf, function)(x, **keywords),
                    function="sparse_reduce_" + kind + suffix,
                    keywords=keywords,
                ),
                v=f32(4) if kind + suffix == "sum" else i32(4),
                **CUBE,
            )
case(
    "reduce_known",
    lambda tf, v: tf.sparse.reduce_sum(tf.SparseTensor([[0, 1], [1, 2]], v, [2, 3]), 1),
    v=f64(2),
)
case(
    "reduce_rest",
    lambda tf, v: [
        getattr(tf.sparse, f)(tf.SparseTensor([[0, 1], [1, 2]], v, [2, 3]), 0)
        for f in ("reduce_max", "reduce_max_sparse", "reduce_sum_sparse")
    ],
    v=f64(2),
    grad=False,
)
error(
    "reduce_axis",
    on(lambda tf, x: tf.sparse_reduce_sum(x, 2)),
    v=f32(3),
    raises="InvalidArgumentError",
    match="Invalid reduction dimension 2",
    when="run",
    **FEW,
)
case("softmax", on(lambda tf, x: tf.sparse_softmax(x)), v=f32(4), second="of dense sums", **CUBE)
case(
    "softmax_named", on(lambda tf, x: tf.sparse.softmax(x, name="p")), v=f64(3), second="of dense sums", **FEW
)

case(
    "elementwise",
    on(
        lambda tf, x: [f(x) for f in (tf.abs, tf.negative, tf.sign, tf.square, tf.sqrt, tf.tanh, tf.math.erf)]
    ),
    v=f32(3, low=0.5, high=2),
    **FEW,
)
case(
    "elementwise_bessel",
    on(lambda tf, x: [tf.math.bessel_i0e(x, name="b"), tf.math.bessel_i1e(x)]),
    v=f64(3),
    **FEW,
)

# --- crossed and serialized -----------------------------------------------------------------------

WORDS = {"v": strings(["a", "b", "c"]), "d": strings([["x", "y"], ["long text of many bytes", "z"]])}
case("cross", on(lambda tf, x, d: tf.sparse.cross([d, x])), xla=False, **dict(FEW, **WORDS))
case(
    "cross_hashed",
    on(lambda tf, x, d: tf.sparse.cross_hashed([x, d], 1000, name="h")),
    xla=False,
    **dict(FEW, **WORDS),
)
case(
    "cross_hashed_key",
    on(lambda tf, x, d: tf.sparse.cross_hashed([x, d], hash_key=5)),
    xla=False,
    **dict(FEW, **WORDS),
)
case("cross_ints", on(lambda tf, x, d: tf.sparse.cross([x, d])), v=i32(3), d=i32(2, 2), **FEW)
case(
    "cross_hashed_ints",
    on(lambda tf, x, d: tf.sparse.cross_hashed([x, d])),
    v=i32(3),
    d=strings([["u"], ["w"]]),
    xla=False,
    **FEW,
)
case(
    "cross_mixed",
    on(lambda tf, x, d: tf.sparse.cross([x, d])),
    v=i32(3),
    d=strings([["u"], ["w"]]),
    xla=False,
    **FEW,
)
error("cross_kind", lambda tf: tf.sparse.cross(5), raises="TypeError", match="must be a list")
error("cross_parts", lambda tf: tf.sparse.cross([5]), raises="TypeError", match="SparseTensors")


def read_back(tf, x):
    """A sparse tensor serialized by rows, and read again in another order."""
    return tf.deserialize_many_sparse(tf.gather(tf.serialize_many_sparse(x), [1, 0]), x.dtype, rank=2)


def read_one(tf, x):
    """A sparse tensor serialized as a whole, and read again."""
    from importlib import import_module

    read = import_module(tf.__name__ + ".python.ops.sparse_ops").deserialize_sparse
    return read(tf.serialize_sparse(x), x.dtype, rank=2)


case("serialize", on(lambda tf, x: tf.serialize_sparse(x)), v=f32(3), xla=False, grad=False, **FEW)
case(
    "serialize_strings",
    on(lambda tf, x: tf.serialize_sparse(x)),
    v=strings(["a", "", "c" * 200]),
    xla=False,
    **FEW,
)
case("serialize_many", on(lambda tf, x: tf.io.serialize_many_sparse(x, name="s")), v=i32(3), xla=False, **FEW)
case("deserialize_many", on(read_back), v=f32(3), xla=False, grad=False, **FEW)
case("deserialize_strings", on(read_back), v=strings(["a", "", "c"]), xla=False, **FEW)
case("deserialize", on(read_one), v=f64(3), xla=False, grad=False, **FEW)
error(
    "deserialize_type",
    on(lambda tf, x: tf.deserialize_many_sparse(tf.serialize_many_sparse(x), tf.float64)),
    v=f32(3),
    raises="InvalidArgumentError",
    match="Requested SparseTensor of type",
    when="run",
    **FEW,
)
error(
    "deserialize_text",
    lambda tf, x: tf.deserialize_many_sparse(x, tf.float64),
    x=strings([["a", "b", "c"]]),
    raises="InvalidArgumentError",
    match="Could not parse",
    when="run",
)
