"""Random ops: the very numbers of TensorFlow, with op seeds, graph seeds and none but the graph's."""

from .table import Rows, call, f32, find, given, i32

rows = Rows("random")
case, error = rows.case, rows.error


def seeded(name, build, **inputs_and_options):
    """Rows with fixed numbers: three runs in one session."""
    case(
        name,
        build,
        **dict(
            {"steps": 3, "grad": False, "rtol": 2e-6, "double": "its values are random"}, **inputs_and_options
        ),
    )


def sample(name, path, *args, **keywords):
    """The op with an op seed, with a graph seed, and with both."""
    seeded(name, lambda tf: find(tf, path)(*args, seed=7, **keywords))
    seeded(name + "_graph_seed", lambda tf: find(tf, path)(*args, **keywords), seed=42)
    seeded(name + "_both_seeds", lambda tf: find(tf, path)(*args, seed=11, **keywords), seed=3)


sample("uniform", "random_uniform", [5])
sample("uniform_range", "random_uniform", [2, 3], -10.0, 10.0)
sample("uniform_i32", "random_uniform", [6], 0, 100, "int32")
sample("uniform_i64", "random_uniform", [6], -3, 10**12, "int64")
sample("uniform_f64", "random_uniform", [3], 1.0, 2.0, "float64")
sample("uniform_f16", "random_uniform", [6], 0, 1, "float16")
sample("normal", "random_normal", [5])
sample("normal_scaled", "random_normal", [2, 3], 1.0, 0.5)
sample("normal_f64", "random_normal", [3], 0.0, 1.0, "float64")
sample("normal_f16", "random_normal", [3], 0.0, 1.0, "float16")
sample("truncated", "truncated_normal", [9])
sample("truncated_scaled", "truncated_normal", [2, 3], 5.0, 2.0)
sample("truncated_f64", "truncated_normal", [5], 0.0, 1.0, "float64")
seeded("uniform_scalar", lambda tf: tf.random_uniform([], -10, 10, seed=2), rtol=1e-5)
seeded("uniform_two", lambda tf: [tf.random_uniform([], -10, 10), tf.random_uniform([], -10, 10)], seed=2)
seeded(
    "uniform_keywords",
    lambda tf: tf.random_uniform(shape=[2], minval=-1, maxval=1, dtype=tf.float32, seed=1, name="u"),
)
seeded(
    "normal_keywords",
    lambda tf: tf.random_normal(shape=(2, 2), mean=1.0, stddev=0.1, dtype=tf.float32, seed=1, name="n"),
)
seeded(
    "truncated_keywords",
    lambda tf: tf.truncated_normal(shape=[3], mean=0.0, stddev=0.1, dtype=tf.float32, seed=9, name="t"),
)
seeded(
    "uniform_tensor_limits",
    lambda tf, a, b: tf.random_uniform([4], a, b, seed=3),
    a=f32(low=-2, high=0),
    b=f32(low=1),
)
seeded("uniform_large", lambda tf: tf.reduce_mean(tf.random_uniform([50, 30], seed=3)))
seeded("uniform_tail", lambda tf: tf.random_uniform([300], seed=3)[250:])
seeded("normal_tail", lambda tf: tf.random_normal([301], seed=3)[290:], rtol=1e-5)
seeded("truncated_tail", lambda tf: tf.truncated_normal([301], seed=3)[290:], rtol=1e-5)
seeded("uniform_empty", lambda tf: tf.random_uniform([0, 2], seed=3))
seeded("dynamic_shape", lambda tf, s: tf.random_normal(s, seed=3), s=given([2, 3], "int32"))
seeded("like_batch", lambda tf, x: tf.random_uniform([tf.shape(x)[0], 2], seed=3), x=f32(3, 1))
seeded("two_ops_one_seed", lambda tf: [tf.random_normal([2], seed=5), tf.random_normal([2], seed=5)])
seeded("seeds_after_nodes", lambda tf: [tf.constant(1.0) + tf.constant(2.0), tf.random_normal([2])], seed=1)
seeded("op_seed_zero", lambda tf: tf.random_normal([2], seed=0))
seeded("graph_seed_zero", lambda tf: tf.random_normal([2], seed=0), seed=0)
seeded("random_module", lambda tf: [tf.random.uniform([2], seed=4), tf.random.normal([2], seed=4)])
seeded(
    "reparametrized", lambda tf, m, s: m + s * tf.random_normal([3], seed=8), m=f32(3), s=f32(3), grad=None
)
seeded("normal_module_truncated", lambda tf: tf.random.truncated_normal([3], seed=4))

seeded("shuffle", lambda tf, x: tf.random_shuffle(x, seed=5), x=i32(7), xla=False)
seeded("shuffle_rows", lambda tf, x: tf.random_shuffle(x, name="mixed"), x=f32(5, 2), seed=3, xla=False)
seeded("shuffle_gradient", lambda tf, x: tf.random_shuffle(x, seed=5), x=f32(1, 2), xla=False)
seeded("multinomial", lambda tf, x: tf.multinomial(x, 6, seed=5), x=f32(2, 4), xla=False)
seeded(
    "multinomial_i32",
    lambda tf, x: tf.multinomial(x, num_samples=3, seed=5, output_dtype=tf.int32),
    x=f32(3, 3),
    xla=False,
)
seeded(
    "multinomial_graph_seed",
    lambda tf, x: tf.multinomial(tf.log(x), 4, name="draw"),
    x=f32(2, 3, low=0.1),
    seed=9,
    xla=False,
)
seeded("categorical", lambda tf, x: tf.random.categorical(x, 4, seed=1), x=f32(2, 3), xla=False)
seeded("random_crop", lambda tf, x: tf.random_crop(x, [2, 3], seed=5), x=f32(4, 5))
seeded(
    "random_crop_named", lambda tf, x: tf.random_crop(x, size=[2, 2, 1], name="patch"), x=f32(4, 4, 1), seed=6
)
seeded("gamma", lambda tf: tf.random_gamma([4], 0.7, seed=5), rtol=1e-5)
seeded(
    "gamma_shapes",
    lambda tf, a, b: tf.random_gamma([2], a, b, seed=5),
    a=f32(3, low=0.5),
    b=f32(3, low=0.5),
    rtol=1e-5,
)
seeded("gamma_f64", lambda tf: tf.random_gamma([3], [2.5, 0.3], dtype=tf.float64, seed=5), rtol=1e-9)
seeded("poisson", lambda tf, m: tf.random_poisson(m, [4], seed=5), m=given([0.5, 3.0, 30.0]), xla=False)
seeded(
    "poisson_i32", lambda tf: tf.random_poisson(lam=[2.0, 12.0], shape=[3], dtype=tf.int32, seed=5), xla=False
)
seeded("stateless_uniform", lambda tf: tf.random.stateless_uniform([5], seed=[1, 2]))
seeded("stateless_uniform_range", lambda tf: tf.random.stateless_uniform([4], [7, 8], -3, 30, tf.int32))
seeded("stateless_normal", lambda tf: tf.random.stateless_normal([5], seed=[3, -4]))
seeded("stateless_truncated", lambda tf: tf.random.stateless_truncated_normal([5], seed=[5, 6]))
seeded(
    "stateless_multinomial",
    lambda tf, x: tf.random.stateless_categorical(x, 4, seed=[1, 2]),
    x=f32(2, 3),
    xla=False,
)
for each, build in sorted(
    {
        "random_uniform": lambda tf: tf.random_uniform_initializer(-1, 1, seed=3),
        "random_normal": lambda tf: tf.random_normal_initializer(0.5, 2.0, seed=3),
        "truncated_normal": lambda tf: tf.truncated_normal_initializer(stddev=0.1, seed=3),
        "glorot_uniform": lambda tf: tf.glorot_uniform_initializer(seed=3),
        "glorot_normal": lambda tf: tf.glorot_normal_initializer(seed=3),
        "variance_scaling": lambda tf: tf.variance_scaling_initializer(scale=2.0, mode="fan_out", seed=3),
        "variance_scaling_uniform": lambda tf: tf.variance_scaling_initializer(
            distribution="uniform", seed=3
        ),
        "uniform_unit_scaling": lambda tf: tf.uniform_unit_scaling_initializer(seed=3),
        "orthogonal": lambda tf: tf.orthogonal_initializer(seed=3),
        "he_normal": lambda tf: tf.initializers.he_normal(seed=3),
        "lecun_uniform": lambda tf: tf.initializers.lecun_uniform(seed=3),
        "constant": lambda tf: tf.constant_initializer(0.5),
        "zeros": lambda tf: tf.zeros_initializer(),
        "ones": lambda tf: tf.ones_initializer(tf.float32),
        "constant_keywords": lambda tf: tf.constant_initializer(value=2.0, dtype=tf.float32),
        "constant_values": lambda tf: tf.constant_initializer(list(range(12))),
        "zeros_dtype": lambda tf: tf.zeros_initializer(dtype=tf.float64),
        "random_normal_keywords": lambda tf: tf.random_normal_initializer(
            mean=1.0, stddev=0.02, dtype=tf.float32, seed=1
        ),
        "truncated_normal_mean": lambda tf: tf.truncated_normal_initializer(mean=0.5, stddev=0.1, seed=2),
    }.items()
):
    seeded("initializer_" + each, lambda tf, build=build: build(tf)([4, 3]), rtol=1e-5, steps=1)
seeded("initializer_identity", lambda tf: tf.initializers.identity(gain=2.0)([3, 3]), steps=1)

error(
    "uniform_int_no_max",
    lambda tf: tf.random_uniform([2], dtype=tf.int32),
    raises="ValueError",
    match="Must specify maxval",
)
error(
    "uniform_empty_range",
    lambda tf: tf.random_uniform([2], 5, 5, tf.int32),
    raises="InvalidArgumentError",
    match="Need minval < maxval",
    when="run",
)
error("normal_int", lambda tf: tf.random_normal([2], dtype=tf.int32), raises="TypeError")
error("negative_shape", lambda tf: tf.random_normal([-2]), raises="ValueError")
error("multinomial_rank", call("multinomial", 2), x=f32(3), raises="ValueError", match="rank 2")
