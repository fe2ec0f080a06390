"""The numbers of `reflow.ops.philox` against those that tools/record_philox.py got from TensorFlow 1.15."""

import hashlib
import json
import math
from pathlib import Path

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from reflow.base.errors import InternalError, InvalidArgumentError
from reflow.ops import philox, philox_sampling
from reflow.runtime import backend

jax.config.update("jax_enable_x64", True)

RECORD = np.load(Path(__file__).parent / "data" / "philox.npz")
CASES = json.loads(str(RECORD["cases"]))
LARGE = 4096
EXACT = {"uniform", "uniform_int", "shuffle", "multinomial", "random_poisson"}
HOST_ONLY = {"parameterized_truncated_normal"}
STATE = philox.initial_state(87654321, 7)


def array(values, dtype):
    return np.asarray(values, dtype=object).astype(np.float64).astype(dtype)


def fill(function):
    return lambda xp, state, a: function(xp, state, tuple(a["shape"]), np.dtype(a["dtype"]))


def uniform_int(xp, state, a):
    return philox.uniform_int(xp, state, tuple(a["shape"]), a["minval"], a["maxval"], a["dtype"])


def shuffle(xp, state, a):
    value = xp.arange(math.prod(a["shape"]), dtype=np.int32).reshape(a["shape"])
    return philox_sampling.shuffle(xp, state, value)


def multinomial(xp, state, a):
    logits = xp.asarray(array(a["logits"], a["dtype"]))
    return philox_sampling.multinomial(xp, state, logits, a["num_samples"], a["output_dtype"])


def random_gamma(xp, state, a):
    return philox_sampling.random_gamma(
        xp, state, tuple(a["shape"]), xp.asarray(array(a["alpha"], a["dtype"]))
    )


def random_poisson(xp, state, a):
    rate = xp.asarray(array(a["rate"], a["rate_dtype"]))
    return philox_sampling.random_poisson(xp, state, tuple(a["shape"]), rate, np.dtype(a["dtype"]))


def parameterized_truncated_normal(xp, state, a):
    values = [array(a[name], a["dtype"]) for name in ("means", "stdevs", "minvals", "maxvals")]
    return philox_sampling.parameterized_truncated_normal(state, tuple(a["shape"]), *values)


CALLS = {
    "uniform": fill(philox.uniform),
    "standard_normal": fill(philox.standard_normal),
    "truncated_normal": fill(philox.truncated_normal),
    "uniform_int": uniform_int,
    "shuffle": shuffle,
    "multinomial": multinomial,
    "random_gamma": random_gamma,
    "random_poisson": random_poisson,
    "parameterized_truncated_normal": parameterized_truncated_normal,
}


def first_state(xp, spec):
    if spec["op"].startswith("stateless"):
        return philox.stateless_state(xp, xp.asarray(np.array([spec["seed"], spec["seed2"]], np.int64)))
    return xp.asarray(philox.initial_state(spec["seed"], spec["seed2"]))


def sample(values):
    """As in tools/record_philox.py."""
    flat = values.reshape(-1)
    return np.concatenate([flat[:: flat.size // 31], flat[-9:]])


def check(spec, run, number, values):
    op = spec["op"].removeprefix("stateless_")
    wanted = RECORD[f"{number}.{run}"]
    if values.dtype == ml_dtypes.bfloat16:
        wanted = wanted.view(ml_dtypes.bfloat16)
    assert values.dtype == wanted.dtype
    if values.size > LARGE:
        if "sha256" in spec:
            assert hashlib.sha256(values.tobytes()).hexdigest() == spec["sha256"][run]
        values = sample(values)
    assert values.shape == wanted.shape
    if op in EXACT or values.dtype == ml_dtypes.bfloat16:
        np.testing.assert_array_equal(values, wanted)
    else:
        step = 1 if values.dtype == np.float16 else 2
        # A power or a difference in the float64 arithmetic of gamma magnifies its last bits.
        step = 200 if op == "random_gamma" and values.dtype == np.float64 else step
        eps = np.finfo(values.dtype).eps
        # Adding the mean to a scaled normal can cancel; the error stays that of the summands.
        absolute = 2 * eps if op == "parameterized_truncated_normal" else 0
        np.testing.assert_allclose(values, wanted, rtol=step * eps, atol=absolute)


def name_of(spec):
    return f"{spec['op']}-{spec['args'].get('dtype', '')}-{spec['seed']}"


@pytest.mark.parametrize("number", range(len(CASES)), ids=[name_of(spec) for spec in CASES])
def test_numpy_gives_the_recorded_values(number):
    spec = CASES[number]
    state = first_state(np, spec)
    for run in range(spec["runs"]):
        state, values = CALLS[spec["op"].removeprefix("stateless_")](np, state, spec["args"])
        assert isinstance(values, (np.ndarray, np.generic))
        assert state.dtype == np.uint32 and state.shape == (6,)
        check(spec, run, number, np.asarray(values))


def traced_numbers():
    """One case for each op, dtype and shape, for which there is other code; the seeds are inputs of it."""
    seen, numbers = set(), []
    for number, spec in enumerate(CASES):
        key = (spec["op"].removeprefix("stateless_"), json.dumps(spec["args"], sort_keys=True))
        if key not in seen and spec["op"] not in HOST_ONLY:
            seen.add(key)
            numbers.append(number)
    return numbers


@pytest.mark.joint
@pytest.mark.parametrize("number", traced_numbers(), ids=[name_of(CASES[n]) for n in traced_numbers()])
def test_xla_gives_the_recorded_values(number):
    spec = CASES[number]
    call = CALLS[spec["op"].removeprefix("stateless_")]
    step = backend.jitted(lambda state: call(jnp, state, spec["args"]), ())
    state = backend.jitted(lambda: first_state(jnp, spec), ())()
    for run in range(spec["runs"]):
        state, values = step(state)
        assert state.dtype == np.uint32
        check(spec, run, number, np.asarray(values))


def test_counter_carries_into_the_higher_words():
    state = np.array([1, 2, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF, 4], np.uint32)
    for xp in (np, jnp):
        assert philox.advance(xp, xp.asarray(state), 3).tolist() == [1, 2, 1, 0, 0, 5]
    state[2:] = 0xFFFFFFFE, 0, 9, 9
    index = np.arange(4, dtype=np.uint64)
    words = np.stack(philox.random_words(np, state, index))
    later = np.stack(philox.random_words(np, philox.advance(np, state, 3), np.uint64(0)))
    np.testing.assert_array_equal(words[:, 3], later)


def test_values_do_not_depend_on_how_they_are_cut_into_pieces():
    size = 4 * philox.CHUNK + 6
    _, all_values = philox.uniform(np, STATE, (size,), np.float32)
    _, few = philox.uniform(np, STATE, (size - 5,), np.float32)
    np.testing.assert_array_equal(all_values[:-5], few)


def test_numpy_and_xla_agree_on_many_values():
    for dtype in (np.float32, np.float64):
        for function in (philox.standard_normal, philox.truncated_normal):
            _, wanted = function(np, STATE, (200_000,), dtype)
            _, values = jax.jit(lambda s, f=function, d=dtype: f(jnp, s, (200_000,), d))(STATE)
            np.testing.assert_allclose(np.asarray(values), wanted, rtol=4 * np.finfo(dtype).eps, atol=0)


@pytest.mark.parametrize("size", [2, 3, 17, 500])
def test_swaps_without_a_loop(size):
    partners = np.random.RandomState(size).randint(np.arange(size), size)
    for sparse in (partners, np.where(partners % 3 == 0, np.arange(size), partners), np.full(size, size - 1)):
        wanted = list(range(size))
        for here, there in enumerate(sparse.tolist()):
            wanted[here], wanted[there] = wanted[there], wanted[here]
        for xp in (np, jnp):
            assert philox_sampling._swapped(xp, xp.asarray(sparse)).tolist() == wanted


def test_bounds_of_integers_may_be_traced():
    _, wanted = philox.uniform_int(np, STATE, (9,), -3, 8, np.int64)
    traced = jax.jit(lambda low, high: philox.uniform_int(jnp, STATE, (9,), low, high, np.int64)[1])
    assert traced(-3, 8).tolist() == wanted.tolist()


def test_moments():
    _, values = philox_sampling.random_gamma(np, STATE, (40_000,), np.array([0.4, 1.0, 3.0]))
    np.testing.assert_allclose(values.mean(axis=0), [0.4, 1.0, 3.0], rtol=0.03)
    _, counts = philox_sampling.random_poisson(np, STATE, (40_000,), np.array([0.5, 9.5, 60.0]), np.int64)
    np.testing.assert_allclose(counts.mean(axis=0), [0.5, 9.5, 60.0], rtol=0.03)
    np.testing.assert_allclose(counts.var(axis=0), [0.5, 9.5, 60.0], rtol=0.05)


def test_poisson_returns_for_rates_that_are_not_finite():
    rates = np.array([np.inf, np.nan, 2.0])
    for xp in (np, jnp):
        _, counts = philox_sampling.random_poisson(xp, STATE, (2,), xp.asarray(rates), np.float64)
        assert np.isnan(np.asarray(counts)).tolist() == [[True, True, False]] * 2


def test_other_dtypes_are_refused():
    for function in (philox.uniform, philox.standard_normal, philox.truncated_normal):
        with pytest.raises(TypeError, match="int32"):
            function(np, STATE, (2,), np.int32)
    with pytest.raises(TypeError, match="float32"):
        philox.uniform_int(np, STATE, (2,), 0, 1, np.float32)


@pytest.mark.parametrize("bounds", [(2.0, 1.0, 1.0), (0.0, 1.0, 0.0), (-np.inf, np.inf, 1.0)])
def test_bad_bounds_are_refused(bounds):
    low, high, stdev = (np.array(value, np.float32) for value in bounds)
    with pytest.raises(InvalidArgumentError, match="Invalid parameters"):
        philox_sampling.parameterized_truncated_normal(STATE, (3,), np.float32(0), stdev, low, high)


def test_bounds_that_do_not_fit_the_batches_are_refused():
    zero, one, two = (np.array(value, np.float32) for value in (0, 1, [2, 2]))
    with pytest.raises(InvalidArgumentError, match=r"length 1 or 3, got shape: \[2\]"):
        philox_sampling.parameterized_truncated_normal(STATE, (3,), zero, one, zero, two)


def test_the_counter_wraps_as_an_int32():
    # Checked against TensorFlow: 12000 batches of 100 values move the counter backwards.
    assert philox_sampling._reserved_blocks(12000, 100) == (1 << 64) - 455741824
    assert philox_sampling._reserved_blocks(7, 6) == 31500


def test_a_thousand_rejections_are_an_error():
    with pytest.raises(InternalError, match="failed to accept"):
        philox_sampling._longest_run(np.array([3, 2000]), 0, None)
    assert philox_sampling._longest_run(np.array([3]), 0, 8) == 4
    assert philox_sampling._longest_run(np.array([], int), 4, 8) == 12


def test_single_samples_are_the_words_of_the_stream():
    stream = philox_sampling.SingleSamples(STATE)
    index = np.arange(300, dtype=np.uint64)
    words = np.stack(philox.random_words(np, STATE, index), axis=-1).reshape(-1)
    assert [stream.next() for _ in range(1200)] == words.tolist()


def test_uniform_below_draws_again_what_would_be_biased():
    limit = (1 << 31) + 1  # almost half of all words are rejected
    index = np.arange(50, dtype=np.uint64)
    words = np.stack(philox.random_words(np, STATE, index), axis=-1).reshape(-1).tolist()
    wanted = [word % limit for word in words if word >= (1 << 32) % limit]
    stream = philox_sampling.SingleSamples(STATE)
    assert [stream.uniform_below(limit) for _ in range(20)] == wanted[:20]
    assert philox_sampling.SingleSamples(STATE).uniform_below(16) == words[0] % 16
    for bad in (0, -1, (1 << 32) + 1):
        with pytest.raises(ValueError, match="limit"):
            stream.uniform_below(bad)
