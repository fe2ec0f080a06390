"""Record what TensorFlow 1.15's random kernels return, for tests/ops/test_philox.py.

Run with a Python that has TensorFlow 1.15 (Python 3.7):

    TF_CPP_MIN_LOG_LEVEL=3 python tools/record_philox.py tests/ops/data/philox.npz

The archive holds `cases`, a JSON list of calls, and for case number `i` and execution number `r` of the same
op in one session the array `i.r`. Of a large result only a sample of the values is kept (see `sample`), and a
SHA-256 of its bytes where the result must be equal to the last bit. A bfloat16 result is kept as its 16-bit
patterns.
"""

import hashlib
import json
import sys

import numpy as np
import tensorflow as tf

SEEDS = [(2, 3), (87654321, 7), (0, 2), (-1, 5), (1234567890123456789, -987654321987654321)]
LARGE = 4096
EXACT = ("uniform", "uniform_int", "shuffle", "stateless_uniform", "stateless_uniform_int")


def sample(values):
    """About forty values spread over a large array, and its last nine."""
    flat = values.reshape(-1)
    step = flat.size // 31
    return np.concatenate([flat[::step], flat[-9:]])


def case(op, seed, runs=2, **args):
    """One call: the name of Reflow's function, the two seeds, the number of executions, and the arguments."""
    return {"op": op, "seed": seed[0], "seed2": seed[1], "runs": runs, "args": args}


def fill_cases():
    """The ops that fill an array of a given shape."""
    found = []
    for op in ("uniform", "standard_normal", "truncated_normal"):
        for seed in SEEDS:
            found.append(case(op, seed, runs=3, shape=[7], dtype="float32"))
            found.append(case(op, seed, shape=[3, 5], dtype="float64"))
        for dtype in ("float16", "bfloat16"):
            found.append(case(op, SEEDS[0], shape=[2, 9], dtype=dtype))
        for dtype in ("float16", "float32", "float64"):
            found.append(case(op, SEEDS[1], shape=[], dtype=dtype))
            found.append(case(op, SEEDS[1], shape=[0, 3], dtype=dtype))
            found.append(case(op, SEEDS[1], shape=[100003], dtype=dtype))
    return found


def int_cases():
    """RandomUniformInt: small ranges, negative bounds, and ranges wider than the signed type."""
    found = []
    bounds = {"int32": [(0, 10), (-7, 1), (-(2**31), 2**31 - 1)], "int64": [(0, 3), (-(10**15), 10**15)]}
    bounds["int64"].append((-(2**63), 2**63 - 1))
    for dtype, pairs in sorted(bounds.items()):
        for low, high in pairs:
            for seed in SEEDS:
                found.append(case("uniform_int", seed, shape=[3, 3], minval=low, maxval=high, dtype=dtype))
        found.append(case("uniform_int", SEEDS[1], shape=[100003], minval=0, maxval=1000, dtype=dtype))
        found.append(case("uniform_int", SEEDS[1], shape=[], minval=0, maxval=1000, dtype=dtype))
    return found


def shuffle_cases():
    """RandomShuffle of 0..n-1, and of the rows of a matrix."""
    found = [case("shuffle", seed, runs=3, shape=[n]) for seed in SEEDS for n in (2, 9, 10)]
    found += [
        case("shuffle", SEEDS[1], shape=shape) for shape in ([0], [1], [5, 3], [4, 0], [1, 6], [100003])
    ]
    return found


def multinomial_cases():
    """Multinomial over a few rows of logits, some with infinities."""
    rng = np.random.RandomState(0)
    logits = np.round(rng.randn(5, 7) * 3, 2).tolist()
    odd = [[0.0, "-inf", 1.0], ["-inf", "-inf", 2.0], [1.0, "nan", 0.5]]
    found = []
    for seed in SEEDS:
        for dtype in ("float32", "float64"):
            args = {"logits": logits, "num_samples": 6, "dtype": dtype, "output_dtype": "int64"}
            found.append(case("multinomial", seed, runs=3, **args))
    for values, count, dtype, output in (
        (odd, 9, "float32", "int32"),
        (logits, 1, "float16", "int64"),
        (logits, 0, "float32", "int64"),
        (logits[:1], 100, "float32", "int32"),
    ):
        args = {"logits": values, "num_samples": count, "dtype": dtype, "output_dtype": output}
        found.append(case("multinomial", SEEDS[1], **args))
    return found


def gamma_cases():
    """RandomGamma for small, unit and large alpha."""
    alpha = [0.01, 0.3, 1.0, 1.5, 7.0, 250.0]
    found = []
    for seed in SEEDS:
        for dtype in ("float32", "float64"):
            found.append(case("random_gamma", seed, shape=[11], alpha=alpha, dtype=dtype))
    found.append(case("random_gamma", SEEDS[0], shape=[2, 3], alpha=[alpha, alpha], dtype="float16"))
    found.append(case("random_gamma", SEEDS[0], shape=[], alpha=2.5, dtype="float32"))
    found.append(case("random_gamma", SEEDS[0], shape=[0], alpha=2.5, dtype="float32"))
    found.append(case("random_gamma", SEEDS[0], shape=[5003], alpha=alpha, dtype="float32"))
    return found


def poisson_cases():
    """RandomPoissonV2 on both sides of the change of algorithm at rate 10."""
    rate = [0.0, 0.2, 3.5, 9.99, 10.0, 37.5, 4000.0]
    found = []
    for seed in SEEDS:
        for dtype in ("float32", "float64"):
            found.append(case("random_poisson", seed, shape=[11], rate=rate, rate_dtype=dtype, dtype=dtype))
    for kind, dtype in (
        ("float32", "int64"),
        ("float64", "int32"),
        ("int32", "float32"),
        ("float16", "float16"),
    ):
        rates = [1, 8, 20, 300]
        found.append(case("random_poisson", SEEDS[0], shape=[2, 4], rate=rates, rate_dtype=kind, dtype=dtype))
    found.append(case("random_poisson", SEEDS[0], shape=[], rate=3.0, rate_dtype="float32", dtype="int32"))
    found.append(case("random_poisson", SEEDS[0], shape=[0], rate=3.0, rate_dtype="float32", dtype="int32"))
    found.append(
        case("random_poisson", SEEDS[0], shape=[5003], rate=rate, rate_dtype="float32", dtype="int32")
    )
    return found


def parameterized_cases():
    """ParameterizedTruncatedNormal through each of its three samplers, shared and per-batch parameters."""
    bounds = [(-2.0, 2.0), (-0.5, 0.5), (3.0, "inf"), ("-inf", -4.0), (-1.0, "inf"), (5.0, 5.1), (0.5, 9.0)]
    found = []
    for low, high in bounds:
        for dtype in ("float32", "float64"):
            args = {"means": 0.25, "stdevs": 1.5, "minvals": low, "maxvals": high, "dtype": dtype}
            found.append(case("parameterized_truncated_normal", SEEDS[1], shape=[37], **args))
    lows, highs = [pair[0] for pair in bounds], [pair[1] for pair in bounds]
    means, stdevs = [0.0, 0.5, -1.0, 2.0, 0.0, 3.0, 1.0], [1.0, 2.0, 0.5, 1.0, 3.0, 1.0, 1.0]
    for seed in SEEDS:
        for dtype in ("float32", "float64"):
            args = {"means": means, "stdevs": stdevs, "minvals": lows, "maxvals": highs, "dtype": dtype}
            found.append(case("parameterized_truncated_normal", seed, shape=[7, 6], **args))
    args = {"means": 1.0, "stdevs": 2.0, "minvals": -1.0, "maxvals": 4.0}
    for dtype in ("float16", "float32"):
        found.append(case("parameterized_truncated_normal", SEEDS[0], shape=[3, 150], dtype=dtype, **args))
    found.append(case("parameterized_truncated_normal", SEEDS[0], shape=[0], dtype="float32", **args))
    return found


def stateless_cases():
    """The stateless ops; here `seed` and `seed2` are the two values of the op's seed input."""
    found = []
    for seed in SEEDS:
        for dtype in ("float32", "float64"):
            for op in ("stateless_uniform", "stateless_standard_normal", "stateless_truncated_normal"):
                found.append(case(op, seed, runs=1, shape=[9], dtype=dtype))
        args = {"minval": -5, "maxval": 100, "dtype": "int32"}
        found.append(case("stateless_uniform_int", seed, runs=1, shape=[9], **args))
        args = {
            "logits": [[0.5, 1.5, -1.0, 2.0]],
            "num_samples": 9,
            "dtype": "float32",
            "output_dtype": "int64",
        }
        found.append(case("stateless_multinomial", seed, runs=1, **args))
    return found


def array(values, dtype):
    """A list of numbers and of the words inf, -inf and nan as an array."""
    return np.asarray(values, dtype=object).astype(np.float64).astype(dtype)


def shape_of(a):
    """The shape argument, also when it is empty, as TensorFlow takes it."""
    return np.array(a["shape"], np.int32)


def fill(raw_op):
    return lambda a, seeds: raw_op(shape=shape_of(a), dtype=a["dtype"], **seeds)


def uniform_int(raw_op):
    def build(a, seeds):
        low, high = (np.array(a[side], a["dtype"]) for side in ("minval", "maxval"))
        return raw_op(shape=shape_of(a), minval=low, maxval=high, **seeds)

    return build


def shuffle(a, seeds):
    size = int(np.prod(a["shape"]))
    return tf.raw_ops.RandomShuffle(value=np.arange(size, dtype=np.int32).reshape(a["shape"]), **seeds)


def multinomial(raw_op):
    def build(a, seeds):
        logits = array(a["logits"], a["dtype"])
        return raw_op(logits=logits, num_samples=a["num_samples"], output_dtype=a["output_dtype"], **seeds)

    return build


def random_gamma(a, seeds):
    return tf.raw_ops.RandomGamma(shape=shape_of(a), alpha=array(a["alpha"], a["dtype"]), **seeds)


def random_poisson(a, seeds):
    rate = array(a["rate"], a["rate_dtype"])
    return tf.raw_ops.RandomPoissonV2(shape=shape_of(a), rate=rate, dtype=a["dtype"], **seeds)


def parameterized_truncated_normal(a, seeds):
    values = {name: array(a[name], a["dtype"]) for name in ("means", "stdevs", "minvals", "maxvals")}
    return tf.raw_ops.ParameterizedTruncatedNormal(shape=shape_of(a), **values, **seeds)


BUILDERS = {
    "uniform": fill(tf.raw_ops.RandomUniform),
    "standard_normal": fill(tf.raw_ops.RandomStandardNormal),
    "truncated_normal": fill(tf.raw_ops.TruncatedNormal),
    "uniform_int": uniform_int(tf.raw_ops.RandomUniformInt),
    "shuffle": shuffle,
    "multinomial": multinomial(tf.raw_ops.Multinomial),
    "random_gamma": random_gamma,
    "random_poisson": random_poisson,
    "parameterized_truncated_normal": parameterized_truncated_normal,
    "stateless_uniform": fill(tf.raw_ops.StatelessRandomUniform),
    "stateless_standard_normal": fill(tf.raw_ops.StatelessRandomNormal),
    "stateless_truncated_normal": fill(tf.raw_ops.StatelessTruncatedNormal),
    "stateless_uniform_int": uniform_int(tf.raw_ops.StatelessRandomUniformInt),
    "stateless_multinomial": multinomial(tf.raw_ops.StatelessMultinomial),
}


def executions(spec):
    """The values of `runs` executions of one op in one session."""
    if spec["op"].startswith("stateless"):
        seeds = {"seed": np.array([spec["seed"], spec["seed2"]], np.int64)}
    else:
        seeds = {"seed": spec["seed"], "seed2": spec["seed2"]}
    with tf.Graph().as_default():
        output = BUILDERS[spec["op"]](spec["args"], seeds)
        with tf.compat.v1.Session() as session:
            return [session.run(output) for _ in range(spec["runs"])]


def main(path):
    cases = fill_cases() + int_cases() + shuffle_cases() + multinomial_cases() + gamma_cases()
    cases += poisson_cases() + parameterized_cases() + stateless_cases()
    arrays = {}
    for number, spec in enumerate(cases):
        for run, value in enumerate(executions(spec)):
            key = f"{number}.{run}"
            if value.dtype == tf.bfloat16.as_numpy_dtype:
                value = value.view(np.uint16)
            if value.size > LARGE:
                if spec["op"] in EXACT:
                    spec.setdefault("sha256", []).append(hashlib.sha256(value.tobytes()).hexdigest())
                value = sample(value)
            arrays[key] = value
    np.savez_compressed(path, cases=np.array(json.dumps(cases)), **arrays)
    print(f"{len(cases)} cases, {len(arrays)} arrays")


if __name__ == "__main__":
    main(sys.argv[1])
