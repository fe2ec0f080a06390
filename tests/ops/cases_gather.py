"""Indexing ops: gather, scatter, where, masks, one_hot, unique, top_k, embedding lookups, segments."""

from .table import Rows, bools, c64, call, distinct, f32, f64, given, i32, i64, strings

rows = Rows("gather")
case, error = rows.case, rows.error

KINK = "not differentiable there"

case("gather", call("gather"), p=f32(4, 2), i=given([2, 0, 2], "int32"))
case("gather_i64", call("gather"), p=f32(4), i=given([[1, 3], [0, 1]], "int64"))
case(
    "gather_axis",
    lambda tf, p, i: tf.gather(params=p, indices=i, axis=1),
    p=f32(2, 4),
    i=given([3, 0], "int32"),
)
case(
    "gather_negative_axis", call("gather", axis=-1, name="pick"), p=f32(2, 2, 3), i=given([[2], [0]], "int32")
)
case("gather_scalar", call("gather"), p=f32(4, 2), i=given(1, "int32"))
case("gather_constant", call("gather", [1, 1]), p=f32(4, 2))
case("gather_ints", call("gather"), p=i32(4), i=given([3, 1], "int32"))
case("gather_strings", call("gather"), p=strings(["a", "b"]), i=given([1, 0], "int32"), xla=False)
case("gather_batch", call("gather", batch_dims=1, axis=1), p=f32(2, 3), i=given([[0, 2], [1, 1]], "int32"))
case("gather_empty", call("gather"), p=f32(4, 2), i=given([], "int32"))
case("batch_gather", call("batch_gather"), p=f32(2, 3), i=given([[0, 2], [1, 1]], "int32"))
case("gather_nd", call("gather_nd"), p=f32(3, 2), i=given([[0, 1], [2, 0]], "int32"))
case("gather_nd_slices", call("gather_nd"), p=f32(3, 2), i=given([[1], [1]], "int32"))
case("gather_nd_all", call("gather_nd", name="g"), p=f32(2, 2), i=given([[[0, 0]], [[1, 1]]], "int64"))
case(
    "gather_nd_batch",
    call("gather_nd", batch_dims=1),
    p=f32(2, 3),
    i=given([[1], [2]], "int32"),
    unknown="batch_dims needs static ranks",
)
case("scatter_nd", lambda tf, i, u: tf.scatter_nd(i, u, [4]), i=given([[1], [3], [1]], "int32"), u=f32(3))
case(
    "scatter_nd_rows",
    lambda tf, i, u: tf.scatter_nd(i, u, [3, 2], name="spread"),
    i=given([[2], [0]], "int32"),
    u=f32(2, 2),
)
case(
    "scatter_nd_i64",
    lambda tf, i, u, s: tf.scatter_nd(i, u, s),
    i=given([[0, 1]], "int64"),
    u=i32(1),
    s=given([2, 2], "int64"),
)
for each in ["tensor_scatter_update", "tensor_scatter_add", "tensor_scatter_sub"]:
    case(each, call(each), x=f32(4), i=given([[1], [3]], "int32"), u=f32(2))
case(
    "tensor_scatter_add_repeated",
    call("tensor_scatter_add"),
    x=f32(4),
    i=given([[1], [1]], "int32"),
    u=f32(2),
)

case("where_indices", lambda tf, c: tf.where(c), c=given([[True, False], [True, True]], "bool"), xla=False)
case("where_floats", lambda tf, x: tf.where(x), x=given([0.0, 1.0, -2.0]), grad=False, xla=False)
case("where_select", call("where"), c=bools(2, 3), x=f32(2, 3), y=f32(2, 3))
case("where_rows", call("where", name="either"), c=bools(3), x=f32(3, 2), y=f32(3, 2))
case("where_scalar", call("where"), c=given(False, "bool"), x=f32(2), y=f32(2))
case("where_relu", lambda tf, x: tf.where(x > 0, x, tf.zeros_like(x)), x=f32(2, 3))
case("where_ints", call("where"), c=bools(4), x=i32(4), y=i32(4))
case("where_v2", call("where_v2"), c=bools(3), x=f32(2, 3), y=f32(2, 1))
case("boolean_mask", call("boolean_mask"), x=f32(3, 2), m=given([True, False, True], "bool"), xla=False)
case(
    "boolean_mask_full",
    call("boolean_mask", name="kept"),
    x=f32(2, 2),
    m=given([[True, False], [True, True]], "bool"),
    xla=False,
)
case("boolean_mask_constant", call("boolean_mask", [False, True, True]), x=f32(3), xla=False)
case(
    "boolean_mask_axis",
    call("boolean_mask", axis=1),
    x=f32(2, 3),
    m=given([True, False, True], "bool"),
    xla=False,
)
case("sequence_mask", call("sequence_mask"), n=given([1, 3, 0], "int32"))
case("sequence_mask_maxlen", call("sequence_mask", maxlen=4), n=given([1, 3, 2], "int32"))
case(
    "sequence_mask_dtype",
    lambda tf, n: tf.sequence_mask(n, 3, dtype=tf.float32, name="valid"),
    n=given([[1], [3]], "int64"),
)

case("one_hot", call("one_hot", 3), i=given([0, 2, 1], "int32"))
case(
    "one_hot_keywords",
    lambda tf, i: tf.one_hot(indices=i, depth=4, on_value=5.0, off_value=-1.0, axis=0, name="hot"),
    i=given([0, 2, 7, -1], "int32"),
)
case("one_hot_dtype", lambda tf, i: tf.one_hot(i, depth=3, dtype=tf.int32), i=given([[0], [2]], "int64"))
case("one_hot_bool", lambda tf, i: tf.one_hot(i, 3, on_value=True, off_value=False), i=given([1], "int32"))
case("one_hot_u8", call("one_hot", 2, axis=-1), i=given([1, 0], "uint8"))
case("one_hot_dynamic", lambda tf, i, d: tf.one_hot(i, d), i=given([1, 0], "int32"), d=given(3, "int32"))
case(
    "one_hot_values",
    lambda tf, i, a, b: tf.one_hot(i, 3, a, b),
    i=given([1, 0], "int32"),
    a=f32(),
    b=f32(),
    grad=False,
)

case("unique", lambda tf, x: tf.unique(x), x=given([3, 1, 3, 2, 1], "int32"), xla=False)
case(
    "unique_i64",
    lambda tf, x: tf.unique(x, out_idx=tf.int64),
    x=given([3.0, 1.0, 3.0]),
    xla=False,
    grad=False,
)
case(
    "unique_with_counts", lambda tf, x: tf.unique_with_counts(x), x=given([3, 1, 3, 2, 1], "int32"), xla=False
)
case("unique_strings", lambda tf, x: tf.unique(x)[0], x=strings(["b", "a", "b"]), xla=False)
case(
    "setdiff1d",
    lambda tf, x, y: tf.setdiff1d(x, y),
    x=given([1, 2, 3, 4, 5], "int32"),
    y=given([1, 3], "int32"),
    xla=False,
)
case(
    "listdiff",
    lambda tf, x, y: tf.setdiff1d(x, y, index_dtype=tf.int64)[1],
    x=given([4, 1], "int32"),
    y=given([1, 3], "int32"),
    xla=False,
)
case("invert_permutation", call("invert_permutation"), x=given([2, 0, 1, 3], "int32"))
case("unravel_index", call("unravel_index", [2, 3]), i=given([0, 4, 5], "int32"))
case(
    "searchsorted",
    lambda tf, s, v: tf.searchsorted(s, v),
    s=given([[1, 3, 5.0]]),
    v=given([[0, 3, 9.0]]),
    grad=False,
)
case(
    "searchsorted_right",
    lambda tf, s, v: tf.searchsorted(s, v, side="right"),
    s=given([[1, 3, 5]], "int32"),
    v=given([[0, 3, 9]], "int32"),
)
case("top_k", lambda tf, x: tf.nn.top_k(x, k=2), x=distinct(2, 5))
case("top_k_default", lambda tf, x: tf.nn.top_k(x), x=distinct(4))
case(
    "top_k_unsorted",
    lambda tf, x: tf.reduce_sum(tf.nn.top_k(x, 3, sorted=False, name="best").values, -1),
    x=distinct(2, 5),
)
case("top_k_ties", lambda tf, x: tf.nn.top_k(x, 3), x=given([1, 2, 2, 0, 2]), double=KINK)
case("top_k_dynamic", lambda tf, x, k: tf.nn.top_k(x, k), x=distinct(5), k=given(2, "int32"))
case("top_k_i32", lambda tf, x: tf.nn.top_k(x, 2), x=i32(6))
case(
    "in_top_k",
    lambda tf, p, t: tf.nn.in_top_k(p, t, 2),
    p=distinct(3, 4),
    t=given([0, 1, 2], "int32"),
    grad=False,
)
case(
    "in_top_k_named",
    lambda tf, p, t: tf.nn.in_top_k(p, t, k=1, name="right"),
    p=distinct(3, 4),
    t=given([0, 1, 2], "int64"),
    grad=False,
)

case("embedding_lookup", call("nn.embedding_lookup"), p=f32(5, 2), ids=given([[1, 4], [1, 0]], "int32"))
case(
    "embedding_lookup_named",
    lambda tf, p, i: tf.nn.embedding_lookup(params=p, ids=i, name="words"),
    p=f32(5, 2),
    i=given([1, 4, 1], "int64"),
)
case(
    "embedding_lookup_norm",
    call("nn.embedding_lookup", max_norm=1.0),
    p=f32(5, 2),
    ids=given([1, 4, 1], "int32"),
)
for strategy in ("mod", "div"):
    case(
        "embedding_lookup_" + strategy,
        lambda tf, p, q, i, strategy=strategy: tf.nn.embedding_lookup([p, q], i, partition_strategy=strategy),
        p=f32(3, 2),
        q=f32(2, 2),
        i=given([0, 1, 4, 3], "int32"),
    )
case(
    "embedding_variable",
    lambda tf, i: tf.nn.embedding_lookup(tf.Variable([[1.0, 2.0], [3.0, 4.0]]), i),
    i=given([1, 0, 1], "int32"),
)
case(
    "embedding_lookup_sparse",
    lambda tf, p: tf.nn.embedding_lookup_sparse(
        p,
        tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([1, 3, 0], tf.int64), [2, 2]),
        None,
        combiner="mean",
    ),
    p=f32(4, 2),
)
case(
    "dynamic_partition",
    lambda tf, x, p: tf.dynamic_partition(x, p, 3),
    x=f32(5, 2),
    p=given([0, 2, 0, 1, 2], "int32"),
    xla=False,
)
case(
    "dynamic_partition_ints",
    lambda tf, x, p: tf.dynamic_partition(x, p, 2),
    x=i32(4),
    p=given([1, 0, 0, 1], "int32"),
    xla=False,
)
case("dynamic_stitch", lambda tf, a, b: tf.dynamic_stitch([[0, 2], [1, 3]], [a, b]), a=f32(2, 2), b=f32(2, 2))
case(
    "dynamic_stitch_overlap",
    lambda tf, a, b: tf.dynamic_stitch([[0, 2], [2, 1]], [a, b]),
    a=f32(2),
    b=f32(2),
    grad=False,
)
case(
    "dynamic_stitch_dynamic",
    lambda tf, i, a, b: tf.dynamic_stitch([i, [1, 2]], [a, b]),
    i=given([0, 3], "int32"),
    a=f32(2),
    b=f32(2),
    xla=False,
)

IDS = given([0, 0, 1, 3], "int32")
for each in ["sum", "mean", "prod", "max", "min"]:
    case("segment_" + each, call("segment_" + each), x=distinct(4, 2), ids=IDS, xla=False)
    case(
        f"segment_{each}_i64", call("segment_" + each), x=i64(4), ids=given([0, 1, 1, 2], "int64"), xla=False
    )
for each in ["sum", "mean", "prod", "max", "min", "sqrt_n"]:
    case(
        "unsorted_segment_" + each,
        call("unsorted_segment_" + each, 3),
        x=distinct(5, 2),
        ids=given([2, 0, 1, 0, 2], "int32"),
    )
    case(
        f"unsorted_segment_{each}_matrix",
        call("unsorted_segment_" + each, num_segments=4),
        x=distinct(2, 2),
        ids=given([[2, 0], [0, 3]], "int32"),
        double="the empty segment holds the largest number" if each in ("max", "min") else None,
    )
    case(
        f"unsorted_segment_{each}_negative",
        call("unsorted_segment_" + each, 2),
        x=distinct(3),
        ids=given([1, -1, 0], "int64"),
    )
case(
    "unsorted_segment_sum_dynamic",
    lambda tf, x, i, n: tf.unsorted_segment_sum(x, i, n),
    x=f32(3),
    i=given([1, 1, 0], "int32"),
    n=given(3, "int32"),
)
case("unsorted_segment_sum_c64", call("unsorted_segment_sum", 2), x=c64(3), i=given([1, 1, 0], "int32"))
for each in ["sum", "mean", "sqrt_n"]:
    case(
        "sparse_segment_" + each,
        call("sparse_segment_" + each),
        x=f32(4, 2),
        i=given([0, 2, 3], "int32"),
        ids=given([0, 0, 1], "int32"),
        xla=False,
    )
    case(
        f"sparse_segment_{each}_num",
        call("sparse_segment_" + each, num_segments=4),
        x=f64(4, 2),
        i=given([0, 2, 2], "int32"),
        ids=given([0, 0, 2], "int32"),
        grad=False,
        xla=False,
    )

error(
    "gather_range",
    call("gather"),
    p=f32(3),
    i=given([5], "int32"),
    raises="InvalidArgumentError",
    match=r"indices\[0\] = 5 is not in \[0, 3\)",
    when="run",
)
error("gather_float", call("gather"), p=f32(3), i=f32(2), raises="TypeError")
error("gather_axis", call("gather", axis=3), p=f32(3), i=given([1], "int32"), raises="ValueError")
error(
    "gather_nd_range",
    call("gather_nd"),
    p=f32(3),
    i=given([[3]], "int32"),
    raises="InvalidArgumentError",
    match="does not index into param",
    when="run",
)
error("where_shapes", call("where"), c=bools(2), x=f32(2), y=f32(3), raises="ValueError")
error(
    "boolean_mask_rank",
    lambda tf: tf.boolean_mask([1.0], tf.placeholder(tf.bool)),
    raises="ValueError",
    match="Number of mask dimensions must be specified",
)
error(
    "segment_order",
    call("segment_sum"),
    x=f32(3),
    ids=given([1, 0, 2], "int32"),
    raises="InvalidArgumentError",
    match="segment ids are not increasing",
    when="run",
)
error(
    "unsorted_segment_range",
    call("unsorted_segment_sum", 2),
    x=f32(2),
    ids=given([0, 5], "int32"),
    raises="InvalidArgumentError",
    match="is out of range",
    when="run",
)
error(
    "top_k_short",
    lambda tf, x: tf.nn.top_k(x, 5),
    x=f32(3),
    raises="ValueError",
    match="must have last dimension >= k",
)
error(
    "invert_permutation",
    call("invert_permutation"),
    x=given([0, 0], "int32"),
    raises="InvalidArgumentError",
    when="run",
)
error(
    "scatter_nd_range",
    lambda tf, i, u: tf.scatter_nd(i, u, [2]),
    i=given([[4]], "int32"),
    u=f32(1),
    raises="InvalidArgumentError",
    when="run",
)
error(
    "embedding_range",
    call("nn.embedding_lookup"),
    p=f32(3, 2),
    i=given([3], "int32"),
    raises="InvalidArgumentError",
    match="is not in",
    when="run",
)
