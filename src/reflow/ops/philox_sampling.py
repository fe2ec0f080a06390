"""Random sampling on top of `philox`: shuffles, categories, gamma, Poisson and bounded normal values.

The functions keep to the form of `reflow.ops.philox`: `f(xp, state, ...) -> (new_state, values)`. Those that
TensorFlow draws one after another from one stream, so that no value is known before the last one, are for the
host only and have no `xp`: `parameterized_truncated_normal` and the class `SingleSamples`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from reflow.base.errors import InternalError, InvalidArgumentError
from reflow.ops import philox

Shape = Sequence[int]

# Above this rate TensorFlow goes from multiplying uniforms to transformed rejection.
_POISSON_SWITCH = 10.0
# With so many standard deviations inside the bounds, normals are drawn until they are inside.
_INSIDE_FOR_NORMALS = 1.3
# A bounded normal value is given up after so many rejections; the counter moves by twice as many for each
# value.
_MAX_REJECTIONS = 1000
# So many values are drawn in a row when all of them have the same bounds.
_BATCH = 100


class SingleSamples:
    """The words of a state's stream one at a time, as kernels consume them that need a number now and then.

    `state` is a NumPy uint32 array of shape [6], which is not changed.

    >>> stream = SingleSamples(philox.initial_state(0, 0))
    >>> stream.next(), stream.next()
    (1713891541, 3781805453)
    """

    _BLOCKS = 256

    def __init__(self, state: np.ndarray) -> None:
        self._state = state
        self._start = 0
        self._words: list[int] = []

    def next(self) -> int:
        """The next word, 0 <= word < 2**32."""
        if not self._words:
            index = np.arange(self._start, self._start + self._BLOCKS, dtype=np.uint64)
            block = np.stack(philox.random_words(np, self._state, index), axis=-1)
            self._words = block.reshape(-1)[::-1].tolist()
            self._start += self._BLOCKS
        return self._words.pop()

    def uniform_below(self, limit: int) -> int:
        """An integer in [0, limit), unbiased: words that would favour small numbers are drawn again.

        Raises ValueError unless 0 < limit <= 2**32.

        >>> SingleSamples(philox.initial_state(0, 0)).uniform_below(10)
        1
        """
        if not 0 < limit <= 1 << 32:
            raise ValueError(f"limit must be in [1, 2**32], got {limit}")
        if limit & (limit - 1) == 0:
            return self.next() & (limit - 1)
        rejected = (1 << 32) % limit
        word = self.next()
        while word < rejected:
            word = self.next()
        return word % limit


def permutation(xp: Any, state: Any, size: int) -> tuple[Any, Any]:
    """The permutation of 0..size-1 by which RandomShuffle moves rows, int32 of shape [size].

    Row `i` of the shuffled array is row `permutation[i]` of the array. With fewer than two rows nothing is
    drawn.

    >>> permutation(np, philox.initial_state(87654321, 7), 5)[1].tolist()
    [2, 4, 3, 0, 1]
    """
    if size < 2:
        return state, xp.arange(size, dtype=np.int32)
    blocks = -(-(size - 1) // 4)
    words = philox.map_outputs(xp, blocks, 4, np.uint32, lambda m, i: philox.random_words(m, state, i))
    left = xp.arange(size, 1, -1).astype(np.uint32)
    steps = (words.reshape(-1)[: size - 1] % left).astype(np.int64)
    partners = xp.arange(size) + xp.concatenate([steps, xp.zeros(1, np.int64)])
    return philox.advance(xp, state, blocks), _swapped(xp, partners)


def shuffle(xp: Any, state: Any, value: Any) -> tuple[Any, Any]:
    """`value` with its rows (along dimension 0) in random order (the op RandomShuffle).

    A value without elements, or with one row, is returned as it is, and the state too.

    >>> shuffle(np, philox.initial_state(87654321, 7), np.array(list("abcde")))[1].tolist()
    ['c', 'e', 'd', 'a', 'b']
    """
    if value.ndim == 0 or value.size < 2 or value.shape[0] < 2:
        return state, value
    state, order = permutation(xp, state, value.shape[0])
    return state, xp.asarray(value)[order]


def multinomial(
    xp: Any, state: Any, logits: Any, num_samples: int, dtype: npt.DTypeLike = np.int64
) -> tuple[Any, Any]:
    """Class numbers drawn from the rows of unnormalised log-probabilities (the op Multinomial).

    `logits` is floating, of shape [batch, classes]; the result has shape [batch, num_samples] and dtype int32
    or int64. Classes whose logit is not finite are never drawn; in a row without any other the result is the
    number of classes. Large batches are drawn as TensorFlow draws them on one thread (on several its numbers
    depend on their number).

    >>> state = philox.initial_state(87654321, 7)
    >>> multinomial(np, state, np.array([[0.0, -np.inf]]), 3)[1].tolist()
    [[0, 0, 0]]
    """
    batch = logits.shape[0]
    shape = (batch, num_samples)
    if batch * num_samples == 0:
        return state, xp.zeros(shape, dtype)
    _, draws = philox.uniform(xp, state, shape, np.float64)
    cumulative = _cumulative_weights(xp, logits)
    found = _upper_bounds(xp, cumulative, draws * cumulative[:, -1:])
    reserved = batch * -(-num_samples // 4) * 8 * philox.RESERVED_BLOCKS
    return philox.advance(xp, state, reserved), found.astype(dtype)


def random_gamma(xp: Any, state: Any, shape: Shape, alpha: Any) -> tuple[Any, Any]:
    """Gamma(alpha, 1) values by the method of Marsaglia and Tsang (the op RandomGamma).

    `alpha` is floating (float16, float32 or float64) and positive. For each of its elements a sample of shape
    `shape` is drawn: the result has the shape `shape + alpha.shape` and the dtype of alpha.

    >>> state, values = random_gamma(np, philox.initial_state(1, 2), (3,), np.array([0.5, 2.0], np.float32))
    >>> values.shape, values.dtype.name
    ((3, 2), 'float32')
    """
    samples = math.prod(shape)
    flat = xp.asarray(alpha).reshape(-1).astype(np.float64)
    smallest = 0.0 if alpha.dtype == np.float16 else float(np.finfo(alpha.dtype).tiny)

    def compute(module: Any, index: Any) -> list[Any]:
        each = flat[(index // np.uint64(max(samples, 1))).astype(np.int64)]
        values = _gamma_values(module, state, index * np.uint64(philox.RESERVED_BLOCKS), each)
        # TensorFlow's threads treat subnormal numbers as zero, and a small alpha makes many of them.
        return [module.where(values < smallest, 0.0, values)]

    return _per_parameter(xp, state, shape, alpha.shape, alpha.dtype, compute)


def random_poisson(xp: Any, state: Any, shape: Shape, rate: Any, dtype: npt.DTypeLike) -> tuple[Any, Any]:
    """Poisson(rate) counts (the op RandomPoissonV2).

    `rate` is a number array; the result has the shape `shape + rate.shape` and the given `dtype`, in which
    the counts are whole numbers. Rates below 10 go by Knuth's product of uniforms, others by Hörmann's
    transformed rejection. The count of an infinite rate is NaN, and so is that of a rate that is NaN, for
    which TensorFlow never returns.

    >>> random_poisson(np, philox.initial_state(1, 2), (3,), np.array(0.0), np.int64)[1].tolist()
    [0, 0, 0]
    """
    samples = math.prod(shape)
    flat = xp.asarray(rate).reshape(-1).astype(np.float64)

    def compute(module: Any, index: Any) -> list[Any]:
        each = flat[(index // np.uint64(max(samples, 1))).astype(np.int64)]
        start = index * np.uint64(philox.RESERVED_BLOCKS)
        small = _small_poisson(module, state, start, each)
        large = _large_poisson(module, state, start, each)
        return [module.where(each < _POISSON_SWITCH, small, large)]

    return _per_parameter(xp, state, shape, rate.shape, dtype, compute)


def parameterized_truncated_normal(
    state: np.ndarray,
    shape: Shape,
    means: np.ndarray,
    stdevs: np.ndarray,
    minvals: np.ndarray,
    maxvals: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Normal values within bounds (the op ParameterizedTruncatedNormal); on the host only.

    The parameters are arrays of one floating dtype (float16, float32, float64), which is that of the result;
    each is a scalar or has shape [1] or [shape[0]]. Values are drawn as TensorFlow draws them on one thread.
    Raises InvalidArgumentError for parameters that do not broadcast, for a deviation that is not positive,
    and for bounds that are not in order or both infinite; InternalError when a thousand proposals in a row
    were rejected.

    >>> first = philox.initial_state(1, 2)
    >>> low, high, zero, one = (np.array(x, np.float32) for x in (1, 2, 0, 1))
    >>> state, values = parameterized_truncated_normal(first, (50,), zero, one, low, high)
    >>> bool((values >= 1).all() and (values <= 2).all())
    True
    """
    parameters = [np.asarray(each) for each in (means, stdevs, minvals, maxvals)]
    size, batches = math.prod(shape), shape[0]
    samples = math.prod(shape[1:])
    if max(each.size for each in parameters[:2]) == 1 and max(each.ndim for each in parameters[2:]) == 0:
        batches, samples = -(-size // _BATCH), _BATCH
    for each in parameters:
        if each.ndim > 1 or each.size not in (1, batches):
            message = f"Input parameter should have length 1 or {batches}, got shape: {list(each.shape)}"
            raise InvalidArgumentError(None, None, message)
    rows = zip(*(np.broadcast_to(each, (batches,)) for each in parameters), strict=True)
    drawn, used = [], 0
    for number, (mean, stdev, low, high) in enumerate(rows):
        count = min(samples, size - number * samples)
        values, used = _bounded_normals(state, used, count, mean, stdev, low, high)
        drawn.append(values)
    flat = np.concatenate(drawn) if drawn else np.empty(0, parameters[0].dtype)
    return philox.advance(np, state, _reserved_blocks(batches, samples)), flat.reshape(tuple(shape))


def _swapped(xp: Any, partners: Any) -> Any:
    """0..n-1 after swapping element `i` with element `partners[i] >= i`, for each `i` in turn.

    Without the loop, which XLA would run in quadratic time. Position `i` is final after step `i`, which
    brings it the number from position `partners[i]`. That position holds its own number, or what the last
    earlier step with the same partner has left there: the number that was at the place of that step when its
    turn came (`arrived`).
    """
    places = xp.arange(partners.shape[0])
    order = xp.argsort(partners, stable=True)
    grouped = partners[order]
    follows = xp.concatenate([xp.zeros(1, bool), grouped[1:] == grouped[:-1]])
    earlier = xp.where(follows, xp.roll(order, 1), -1)[xp.argsort(order)]
    end = xp.maximum(xp.searchsorted(grouped, places, side="right") - 1, 0)
    latest = xp.where(grouped[end] == places, order[end], -1)
    # The last step to write to a place before its turn, or the place itself: a forest, climbed by doubling.
    latest = xp.where(latest == places, earlier, latest)
    arrived = xp.where(latest < 0, places, latest)
    for _ in range(partners.shape[0].bit_length()):
        arrived = arrived[arrived]
    moved = xp.where(earlier < 0, partners, arrived[earlier])
    return xp.where(partners == places, arrived, moved).astype(np.int32)


def _cumulative_weights(xp: Any, logits: Any) -> Any:
    """The running sums of the exponentials of each row, relative to its largest finite logit, in float64."""
    values = logits.astype(np.float64)
    finite = xp.isfinite(values)
    largest = xp.max(xp.where(finite, values, -np.inf), axis=1, keepdims=True)
    weights = xp.exp(xp.where(finite, values - xp.where(xp.isfinite(largest), largest, 0.0), -np.inf))
    return xp.cumsum(weights, axis=1)


def _upper_bounds(xp: Any, rows: Any, wanted: Any) -> Any:
    """For each row of increasing numbers, how many of them are at most each wanted number."""
    if xp is np:
        pairs = zip(rows, wanted, strict=True)
        return np.stack([np.searchsorted(row, targets, side="right") for row, targets in pairs])
    from jax import vmap

    return vmap(lambda row, targets: xp.searchsorted(row, targets, side="right"))(rows, wanted)


def _per_parameter(
    xp: Any, state: Any, shape: Shape, inner: Shape, dtype: npt.DTypeLike, compute: philox.Blocks
) -> tuple[Any, Any]:
    """Values numbered parameter by parameter, laid out as `shape` samples of all the parameters."""
    samples, parameters = math.prod(shape), math.prod(inner)
    total = samples * parameters
    values = philox.map_outputs(xp, total, 1, dtype, compute) if total else xp.zeros((0, 1), dtype)
    values = values.reshape(parameters, samples).T.reshape((*shape, *inner))
    return philox.advance(xp, state, philox.RESERVED_BLOCKS * total), values


def _uniform_pair(xp: Any, state: Any, block: Any) -> tuple[Any, Any]:
    """The two float64 uniforms of a block as the sampling kernels use them: the last one first."""
    words = philox.random_words(xp, state, block)
    return philox.unit_float64(words[2], words[3]), philox.unit_float64(words[0], words[1])


def _gamma_values(xp: Any, state: Any, start: Any, alpha: Any) -> Any:
    """One gamma value (float64) for each start (a number of blocks) and alpha."""
    boosted = alpha < 1
    depth = alpha + xp.where(boosted, 2.0 / 3, -1.0 / 3)
    scale = (1.0 / 3) / xp.sqrt(depth)
    zero = xp.zeros(start.shape)
    never = xp.zeros(start.shape, bool)
    carry = (never, start, depth, scale, never, zero, never, zero, zero)
    done = philox.repeat_until_done(xp, _gamma_step(state), carry)
    block, spare_left, spare, result = done[1], done[6], done[7], done[8]
    fresh, _ = _uniform_pair(xp, state, block)
    power = xp.where(spare_left, spare, fresh) ** (1.0 / xp.where(boosted, alpha, 1.0))
    result = xp.where(boosted, result * power, result)
    exponential, _ = _uniform_pair(xp, state, start)
    return xp.where(alpha == 1, -xp.log1p(-exponential), result)


def _gamma_step(state: Any) -> Callable[..., tuple[Any, ...]]:
    """One proposal. Normals and uniforms come in pairs; a new block is drawn when a pair is used up."""

    def step(
        xp: Any,
        done: Any,
        block: Any,
        depth: Any,
        scale: Any,
        normal_left: Any,
        normal: Any,
        uniform_left: Any,
        uniform: Any,
        result: Any,
    ) -> tuple[Any, ...]:
        first, second = philox.box_muller_float64(xp, philox.random_words(xp, state, block))
        x, normal = xp.where(normal_left, normal, second), xp.where(normal_left, normal, first)
        block = block + xp.where(normal_left, np.uint64(0), np.uint64(1))
        cube = 1.0 + scale * x
        usable = cube > 0
        cube = xp.where(usable, cube * cube * cube, 1.0)
        last, other = _uniform_pair(xp, state, block)
        u = xp.where(uniform_left, uniform, last)
        # A proposal with a cube that is not positive is dropped before it takes a uniform.
        draws = usable & ~uniform_left
        block = block + xp.where(draws, np.uint64(1), np.uint64(0))
        uniform = xp.where(draws, other, uniform)
        uniform_left = xp.where(usable, ~uniform_left, uniform_left)
        square = x * x
        bound = 0.5 * square + depth * (1.0 - cube + xp.log(cube))
        inside = (u < 1.0 - 0.0331 * square * square) | (xp.log(xp.maximum(u, 1e-300)) < bound)
        return (
            usable & inside,
            block,
            depth,
            scale,
            ~normal_left,
            normal,
            uniform_left,
            uniform,
            depth * cube,
        )

    return step


def _small_poisson(xp: Any, state: Any, start: Any, rate: Any) -> Any:
    """Counts for rates below 10: how many uniforms have a product above exp(-rate)."""

    def step(module: Any, done: Any, block: Any, limit: Any, product: Any, count: Any) -> tuple[Any, ...]:
        first, second = _uniform_pair(module, state, block)
        after_first = product * first
        after_both = after_first * second
        count = count + module.where(after_first <= limit, 0.0, module.where(after_both <= limit, 1.0, 2.0))
        return (after_both <= limit, block + np.uint64(1), limit, after_both, count)

    limit = xp.exp(-xp.where(rate < _POISSON_SWITCH, rate, 0.0))
    carry = (~(rate < _POISSON_SWITCH), start, limit, xp.ones(start.shape), xp.zeros(start.shape))
    return philox.repeat_until_done(xp, step, carry)[4]


def _large_poisson(xp: Any, state: Any, start: Any, rate: Any) -> Any:
    """Counts for rates from 10 on, by transformed rejection (Hörmann, 1993)."""

    def step(module: Any, done: Any, block: Any, rate: Any, count: Any) -> tuple[Any, ...]:
        u, v = _uniform_pair(module, state, block)
        count, accepted = _poisson_proposal(module, rate, u - 0.5, v)
        return (accepted, block + np.uint64(1), rate, count)

    active = (rate >= _POISSON_SWITCH) & (rate < np.inf)
    carry = (~active, start, xp.where(active, rate, _POISSON_SWITCH), xp.full(start.shape, np.nan))
    return philox.repeat_until_done(xp, step, carry)[3]


def _poisson_proposal(xp: Any, rate: Any, u: Any, v: Any) -> tuple[Any, Any]:
    """The count proposed by `u`, and whether `v` accepts it."""
    b = 0.931 + 2.53 * xp.sqrt(rate)
    a = -0.059 + 0.02483 * b
    shifted = 0.5 - abs(u)
    # At the very edge, where `u` is -0.5, the proposal is minus infinity, and rejected.
    shifted = xp.maximum(shifted, 1e-150)
    count = xp.floor((2 * a / shifted + b) * u + rate + 0.43)
    quick = (shifted >= 0.07) & (v <= 0.9277 - 3.6224 / (b - 2))
    rejected = (count < 0) | ((shifted < 0.013) & (v > shifted))
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    left = xp.log(xp.maximum(v, 1e-300) * inverse_alpha / (a / (shifted * shifted) + b))
    right = -rate + count * xp.log(rate) - _log_gamma(xp, xp.maximum(count, 0.0) + 1)
    return count, quick | (~rejected & (left <= right))


def _log_gamma(xp: Any, values: Any) -> Any:
    if xp is np:
        return np.array([math.lgamma(value) for value in values.tolist()])
    from jax import lax

    return lax.lgamma(values)


def _bounded_normals(
    state: np.ndarray, used: int, count: int, mean: Any, stdev: Any, low: Any, high: Any
) -> tuple[np.ndarray, int]:
    """`count` values of one batch, drawn from block `used` on, and the number of blocks used after it."""
    if not (stdev > 0 and low < high and (np.isfinite(low) or np.isfinite(high))):
        raise InvalidArgumentError(None, None, "Invalid parameters")
    if (np.isinf(low) and low < 0) or high < mean:
        # The mirrored problem: a bound that is alone becomes the lower one, and two on one side become
        # positive.
        low, high, stdev = high, low, -stdev
    least, greatest = (low - mean) / stdev, (high - mean) / stdev
    propose, per_group, blocks = _proposals(least, greatest, np.dtype(type(mean)))
    accepted: list[np.ndarray] = []
    missing, rejected = count, 0
    while missing:
        groups = max(16, 2 * missing // per_group)
        index = np.arange(used, used + groups * blocks, dtype=np.uint64)
        values, inside = propose(philox.random_words(np, state, index))
        positions = np.flatnonzero(inside.reshape(-1))[:missing]
        rejected = _longest_run(positions, rejected, inside.size if positions.size < missing else None)
        accepted.append(values.reshape(-1)[positions] * stdev + mean)
        missing -= positions.size
        used += groups * blocks if missing else (int(positions[-1]) // per_group + 1) * blocks
    return np.concatenate(accepted) if accepted else np.empty(0, type(mean)), used


def _reserved_blocks(batches: int, samples: int) -> int:
    """By how many blocks an execution moves the counter, modulo 2**64.

    TensorFlow computes it in int32, which wraps from about a million values on, and divides towards zero.
    """
    words = batches * 2 * _MAX_REJECTIONS * (samples + 3)
    wrapped = (words + (1 << 31)) % (1 << 32) - (1 << 31)
    return (wrapped // 4 if wrapped >= 0 else -(-wrapped // 4)) % (1 << 64)


def _longest_run(positions: np.ndarray, before: int, end: int | None) -> int:
    """The rejections since the last accepted position; InternalError when any run of them was too long."""
    edges = np.concatenate([[-1 - before], positions, [] if end is None else [end]])
    if edges.size > 1 and np.diff(edges).max() > _MAX_REJECTIONS:
        raise InternalError(None, None, "TruncatedNormal rejection sampler failed to accept a sample.")
    return 0 if end is None else int(edges[-1] - edges[-2] - 1)


Proposals = Callable[[Sequence[np.ndarray]], tuple[np.ndarray, np.ndarray]]


def _proposals(least: Any, greatest: Any, dtype: np.dtype) -> tuple[Proposals, int, int]:
    """How to propose normalised values in [least, greatest], how many a group gives, and its blocks."""
    width = 2 if dtype == np.float64 else 4
    edge = dtype.type(_INSIDE_FOR_NORMALS)
    if (least < -edge and greatest >= 0) or (greatest > edge and least <= 0):
        return _normal_proposals(least, greatest, dtype), width, 1
    if greatest - least < _uniform_cutoff(least):
        return _uniform_proposals(least, greatest, dtype), width, 2
    return _exponential_proposals(least, greatest, dtype), width // 2, 1


def _uniform_cutoff(least: Any) -> Any:
    """The width below which uniform proposals are better than exponential ones (Robert, 1995)."""
    one = type(least)
    factor = np.sqrt(least * least + one(4))
    with np.errstate(over="ignore"):
        growth = np.exp(one(0.5) + (least * (least - factor)) / one(4))
        return one(2) * growth / (least + factor)


def _normal_proposals(least: Any, greatest: Any, dtype: np.dtype) -> Proposals:
    def propose(words: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        values = np.stack(philox.normals(np, words, dtype), axis=-1)
        return values, (values >= least) & (values <= greatest)

    return propose


def _uniform_proposals(least: Any, greatest: Any, dtype: np.dtype) -> Proposals:
    offset = dtype.type(0) if least < 0 else least * least
    width = greatest - least

    def propose(words: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        units = np.stack(philox.units(words, dtype), axis=-1)
        values = units[0::2] * width + least
        return values, units[1::2] <= np.exp((offset - values * values) / dtype.type(2))

    return propose


def _exponential_proposals(least: Any, greatest: Any, dtype: np.dtype) -> Proposals:
    one = dtype.type
    alpha = (least + np.sqrt(least * least + one(4))) / one(2)

    def propose(words: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        units = np.stack(philox.units(words, dtype), axis=-1)
        with np.errstate(divide="ignore"):
            values = -np.log(units[:, 0::2]) / alpha + least
        distance = alpha - values if least < alpha else least - alpha
        accepted = units[:, 1::2] <= np.exp(-distance * distance / one(2))
        return values, accepted & (values < greatest)

    return propose
