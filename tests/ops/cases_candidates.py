"""Candidate samplers, sampled losses, and lookups of sparse ids."""

from .table import Rows, call, f16, f32, f64, given, i64, raw

rows = Rows("candidates")
case, error = rows.case, rows.error

RANDOM = "its values are random"
STATIC = "it needs the static shape"
HITS = "TensorFlow's CPU kernel of SparseToDense takes these types only"
SINGLE = "the expected counts are float32"

# --- samplers -------------------------------------------------------------------------------------

PAIR = given([[1], [7]], "int64")


def sampler(row, kind, *args, **options):
    """A row that draws several times with one sampler."""
    steps = options.pop("steps", 3)
    inputs = {"t": options.pop("t", PAIR)}
    host = kind.startswith("fixed") or kind == "all_candidate_sampler"
    build = call("nn." + kind, *args, **options)
    case(row, build, grad=False, steps=steps, xla=not host, **inputs)


for each in ["uniform_candidate_sampler", "log_uniform_candidate_sampler"]:
    short = each[:-18]
    sampler(short + "_unique", each, 1, 8, True, 20, seed=5)
    sampler(short + "_again", each, 1, 8, False, 20, seed=5)
    sampler(short + "_every_class", each, 1, 16, True, 16, seed=2)
    sampler(short + "_words", each, 1, 64, True, 50000, seed=7)
    sampler(short + "_many", each, 1, 600, True, 700, seed=7, steps=1)
    sampler(short + "_one", each, 1, 1, True, 9, seed=7)
    sampler(short + "_odd", each, 1, 5, True, 9, seed=1)
    sampler(short + "_columns", each, 2, 3, True, 9, seed=1, t=given([[1, 2], [3, 4], [0, 8]], "int64"))
    sampler(short + "_empty", each, 2, 3, True, 9, seed=1, t=i64(0, 2))
    sampler(short + "_named", each, 1, 3, False, 9, seed=1, name="drawn")
    sampler(short + "_large_range", each, 1, 4, True, 2**40 + 12345, seed=3)
    sampler(short + "_beyond", each, 1, 3, True, 20, seed=5, t=given([[30], [-3], [-1]], "int64"))
case(
    "log_uniform_graph_seed",
    lambda tf, t: tf.random.log_uniform_candidate_sampler(t, 1, 5, True, 100),
    t=PAIR,
    seed=11,
    grad=False,
    steps=2,
)
sampler("learned", "learned_unigram_candidate_sampler", 1, 4, False, 20, seed=5, steps=6)
sampler("learned_unique", "learned_unigram_candidate_sampler", 1, 6, True, 9, seed=5, steps=6)
sampler(
    "learned_columns",
    "learned_unigram_candidate_sampler",
    2,
    40,
    True,
    50,
    seed=8,
    t=given([[1, 1], [30, 49], [0, 1]], "int64"),
    steps=4,
)
sampler("learned_two", "learned_unigram_candidate_sampler", 1, 2, True, 2, seed=5, t=given([[1]], "int64"))
sampler("learned_one", "learned_unigram_candidate_sampler", 1, 1, True, 1, seed=5, t=given([[0]], "int64"))
WEIGHTS = [1.0, 2, 3, 4, 5, 0.5, 0, 9, 100, 7, 1, 1]
sampler("fixed", "fixed_unigram_candidate_sampler", 1, 6, False, 12, unigrams=WEIGHTS, seed=5)
sampler("fixed_unique", "fixed_unigram_candidate_sampler", 1, 8, True, 12, unigrams=WEIGHTS, seed=5)
sampler(
    "fixed_distortion",
    "fixed_unigram_candidate_sampler",
    1,
    6,
    True,
    14,
    distortion=0.75,
    num_reserved_ids=2,
    unigrams=WEIGHTS,
    seed=9,
)
sampler(
    "fixed_shard",
    "fixed_unigram_candidate_sampler",
    1,
    8,
    False,
    8,
    unigrams=WEIGHTS,
    num_reserved_ids=3,
    num_shards=2,
    shard=0,
    seed=5,
    t=given([[1], [6], [7]], "int64"),
)
sampler(
    "fixed_many",
    "fixed_unigram_candidate_sampler",
    1,
    500,
    False,
    1000,
    unigrams=[float(i % 37) for i in range(1000)],
    seed=5,
    steps=1,
)
sampler("all", "all_candidate_sampler", 1, 9, True, seed=5)


case(
    "thread_unsafe",
    lambda tf, t: raw(
        tf,
        "ThreadUnsafeUnigramCandidateSampler",
        t,
        num_true=1,
        num_sampled=4,
        unique=True,
        range_max=20,
        seed=5,
        seed2=6,
    ),
    t=PAIR,
    grad=False,
    steps=4,
)
case(
    "hits",
    lambda tf, t, s: tf.nn.compute_accidental_hits(t, s, 2, name="hits"),
    t=given([[1, 3], [3, 9], [4, 2]], "int64"),
    s=given([3, 1, 2, 3, 8], "int64"),
    xla=False,
    grad=False,
)
case(
    "no_hits",
    lambda tf, t, s: tf.nn.compute_accidental_hits(t, s, 1, seed=3),
    t=given([[1], [3]], "int64"),
    s=given([5], "int64"),
    xla=False,
    grad=False,
)

TOO_FEW = "range is too small"
error(
    "uniform_range",
    call("nn.uniform_candidate_sampler", 1, 30, True, 20),
    t=PAIR,
    raises="InvalidArgumentError",
    when="run",
    match=TOO_FEW,
)
error(
    "learned_range",
    call("nn.learned_unigram_candidate_sampler", 1, 30, True, 20),
    t=PAIR,
    raises="InvalidArgumentError",
    when="run",
    match=TOO_FEW,
)
error(
    "log_uniform_columns",
    call("nn.log_uniform_candidate_sampler", 2, 3, True, 20),
    t=PAIR,
    raises="InvalidArgumentError",
    when="run",
    match="expected: 1 was: 2",
)
error(
    "log_uniform_rank",
    call("nn.log_uniform_candidate_sampler", 1, 3, True, 20),
    t=given([1], "int64"),
    raises="ValueError",
    match="rank 2",
)
error(
    "log_uniform_nothing",
    call("nn.log_uniform_candidate_sampler", 1, 0, True, 20),
    t=PAIR,
    raises="ValueError",
    match="num_sampled",
)
error(
    "fixed_nothing",
    call("nn.fixed_unigram_candidate_sampler", 1, 3, True, 20),
    t=PAIR,
    raises="InvalidArgumentError",
    when="run",
    match="either vocab_file or unigrams",
)
error(
    "hits_rank",
    lambda tf, t: tf.nn.compute_accidental_hits(t, [[1]], 1),
    t=PAIR,
    raises="ValueError",
    match="rank 1",
)
error(
    "hits_columns",
    lambda tf, t: tf.nn.compute_accidental_hits(t, [1], 2),
    t=PAIR,
    raises="ValueError",
    match="2",
)

# --- sampled losses -------------------------------------------------------------------------------

LABELS = given([[1], [5], [1]], "int64")
BATCH = {"w": f32(8, 2), "b": f32(8), "x": f32(3, 2), "y": LABELS}


def loss(label, kind, *options_of_row, **options):
    """A row for `nce_loss` or `sampled_softmax_loss` with labels from the inputs."""
    row = options_of_row[0] if options_of_row else {}
    inputs = dict(BATCH, **row.pop("inputs", {}))

    def build(tf, w, b, x, y):
        given_options = {k: v(tf) if callable(v) else v for k, v in options.items()}
        keywords = dict({"num_sampled": 3, "num_classes": 8}, **given_options)
        return getattr(tf.nn, kind)(weights=w, biases=b, labels=y, inputs=x, **keywords)

    row = dict({"double": RANDOM if "sampled_values" not in options else None, "seed": 3}, **row)
    case(label, build, **dict(inputs, **row))


def values(tf):
    drawn = tf.constant([0, 4, 5], tf.int64)
    return drawn, tf.constant([[0.5], [0.25], [0.5]]), tf.constant([0.5, 0.25, 0.0625])


COLUMNS = given([[1, 2], [5, 0], [1, 7]], "int64")
for each in ["nce_loss", "sampled_softmax_loss"]:
    short = each[:-5]
    loss(short + "_default", each)
    loss(short + "_steps", each, {"steps": 3})
    loss(short + "_two", each, {"inputs": {"y": COLUMNS}}, num_true=2)
    loss(short + "_values", each, {"double": SINGLE}, sampled_values=values)
    loss(short + "_hits", each, {"steps": 2}, remove_accidental_hits=True)
    loss(short + "_no_hits", each, {"steps": 2}, remove_accidental_hits=False)
    loss(short + "_hits_two", each, {"inputs": {"y": COLUMNS}}, num_true=2, remove_accidental_hits=True)
    loss(short + "_int32", each, {"inputs": {"y": given([[1], [5], [1]], "int32")}}, name="named")
loss(
    "sampled_softmax_values_hits",
    "sampled_softmax_loss",
    {"double": SINGLE},
    sampled_values=values,
    remove_accidental_hits=True,
)
loss("sampled_softmax_seed", "sampled_softmax_loss", {"seed": None}, seed=4)


def parts(tf, p, q, b, x, y, strategy, **options):
    return tf.nn.nce_loss([p, q], b, y, x, 3, 8, partition_strategy=strategy, **options)


for each in ["mod", "div"]:
    case(
        "nce_parts_" + each,
        lambda tf, p, q, b, x, y, each=each: parts(tf, p, q, b, x, y, each),
        p=f32(4, 2),
        q=f32(4, 2),
        b=f32(8),
        x=f32(3, 2),
        y=LABELS,
        seed=3,
        double=RANDOM,
    )
case(
    "nce_variables",
    lambda tf, x, y: tf.nn.nce_loss(
        tf.get_variable("w", [8, 2], initializer=tf.constant_initializer(0.5)),
        tf.get_variable("b", [8], initializer=tf.zeros_initializer()),
        y,
        x,
        3,
        8,
    ),
    x=f32(3, 2),
    y=LABELS,
    seed=3,
    double=RANDOM,
)
case(
    "nce_partitioned",
    lambda tf, x, y: tf.nn.nce_loss(
        tf.get_variable(
            "w", [8, 2], initializer=tf.ones_initializer(), partitioner=tf.fixed_size_partitioner(3)
        ),
        tf.zeros([8]),
        y,
        x,
        3,
        8,
        partition_strategy="div",
    ),
    x=f32(3, 2),
    y=LABELS,
    seed=3,
    double=RANDOM,
)
error(
    "nce_label",
    lambda tf, w, b, x, y: tf.nn.nce_loss(w, b, y, x, 3, 8),
    w=f32(8, 2),
    b=f32(8),
    x=f32(3, 2),
    y=given([[1], [8], [1]], "int64"),
    raises="InvalidArgumentError",
    when="run",
    match=r"indices\[1\] = 8 is not in \[0, 8\)",
)

# --- lookups of sparse ids ------------------------------------------------------------------------

INDICES = [[0, 0], [0, 2], [1, 1], [2, 0], [2, 3]]


def ids(tf, numbers=(1, 3, 0, 3, 1), indices=None, shape=(3, 4)):
    return tf.SparseTensor(indices or INDICES, tf.constant(list(numbers), tf.int64), list(shape))


def weights(tf, numbers=(1.0, 2.0, 0.5, 1.5, 3.0), indices=None, shape=(3, 4)):
    return tf.SparseTensor(indices or INDICES, list(numbers), list(shape))


for each in ["mean", "sum", "sqrtn"]:
    case(
        "sparse_lookup_" + each,
        lambda tf, p, each=each: tf.nn.embedding_lookup_sparse(p, ids(tf), None, combiner=each),
        p=f32(4, 2),
    )
    case(
        "sparse_lookup_weighted_" + each,
        lambda tf, p, each=each: tf.nn.embedding_lookup_sparse(
            p, ids(tf), weights(tf), combiner=each, name="looked"
        ),
        p=f32(4, 2),
        grad=False,  # a sparse gradient of unknown shape is made dense, which warns: see tests/model
    )
    case(
        "safe_lookup_" + each,
        lambda tf, p, each=each: tf.nn.safe_embedding_lookup_sparse(
            p, ids(tf, (1, -1, -2, 3, 1)), combiner=each
        ),
        p=f32(4, 2),
    )
case(
    "sparse_lookup_default",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), None),
    p=f32(4, 2),
)
case(
    "sparse_lookup_norm",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), None, combiner="sum", max_norm=1.0),
    p=f32(4, 2),
)
case(
    "sparse_lookup_parts",
    lambda tf, p, q: tf.nn.embedding_lookup_sparse(
        [p, q], ids(tf), weights(tf), partition_strategy="div", combiner="sum"
    ),
    p=f32(2, 2),
    q=f32(2, 2),
    grad=False,  # a sparse gradient of unknown shape is made dense, which warns: see tests/model
    second="its gradient is sparse",
)
case(
    "sparse_lookup_half",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), None, combiner="sum"),
    p=f16(4, 2),
)
case(
    "sparse_lookup_rank3",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), weights(tf), combiner="mean"),
    p=f32(4, 2, 2),
    grad=False,  # a sparse gradient of unknown shape is made dense, which warns: see tests/model
)
DEEP = [[0, 0, 0], [0, 1, 1], [1, 0, 0], [1, 0, 1]]
case(
    "safe_lookup_deep",
    lambda tf, p: tf.nn.safe_embedding_lookup_sparse(
        p, ids(tf, (1, 3, 0, 2), DEEP, (2, 3, 2)), weights(tf, (1.0, 0.0, -1.0, 2.0), DEEP, (2, 3, 2))
    ),
    p=f32(4, 2),
    grad=False,  # a sparse gradient of unknown shape is made dense, which warns: see tests/model
)
case(
    "safe_lookup_default_id",
    lambda tf, p, q: tf.nn.safe_embedding_lookup_sparse(
        [p, q], ids(tf, (1, -1, -2, 3, 1)), default_id=2, combiner="sum", name="safe"
    ),
    p=f32(2, 2),
    q=f32(2, 2),
    grad_nodes="TensorFlow's kernels tell it more of the static shape",
    second="its gradient is sparse",
)
error(
    "sparse_lookup_combiner",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), None, combiner="max"),
    p=f32(4, 2),
    raises="ValueError",
    match="combiner",
)
error(
    "sparse_lookup_dense",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, [1, 2], None, combiner="sum"),
    p=f32(4, 2),
    raises="TypeError",
    match="sp_ids",
)
error(
    "sparse_lookup_weights",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf), [1.0], combiner="sum"),
    p=f32(4, 2),
    raises="TypeError",
    match="sp_weights",
)
error(
    "sparse_lookup_range",
    lambda tf, p: tf.nn.embedding_lookup_sparse(p, ids(tf, (1, 3, 0, 4, 1)), None, combiner="sum"),
    p=f32(4, 2),
    raises="InvalidArgumentError",
    when="run",
    match=r"is not in \[0, 4\)",
)
error(
    "safe_lookup_nothing",
    lambda tf: tf.nn.safe_embedding_lookup_sparse([], ids(tf)),
    raises="ValueError",
    match="embedding_weights",
)
case("lookup_f64_norm", call("nn.embedding_lookup", max_norm=0.5), p=f64(4, 3), i=given([1, 3, 1], "int64"))
