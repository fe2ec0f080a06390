"""Kernels of the candidate samplers: classes drawn at random, and how often each is expected among them.

A sampler is two functions: `draw`, which turns a stretch of the op's random words into candidates, and
`probability`. All of them draw one candidate after another from one stream of words, as TensorFlow does, and
with `unique` pass over those that they have already. NumPy does that with a set; XLA draws blocks of
candidates, of which nearly always the first is enough, and compares all with each other, or on the CPU, where
they are few, one after the other with those it has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from reflow.base import errors
from reflow.graph.checks import fail, require
from reflow.ops import parts, philox
from reflow.ops.philox_sampling import SingleSamples
from reflow.ops.random import initial_state

Probability = Callable[[Any, Any], Any]
Picker = Callable[[Any], tuple[Any, Any]]  # of a state: the candidates, and how many were drawn for them

RESERVED = 512  # blocks of four words that an op's counter moves on for each candidate asked for
WORDS = 6  # of a state that are Philox's
COMPARED = 1 << 18  # pairs of candidates: more than so many are sorted and not compared with each other
_MOST = np.iinfo(np.int32).max  # the greatest sum of counts
_HALF = np.uint64(32)


class Draw(NamedTuple):
    """How candidates are drawn.

    `some(xp, state, start, count)` gives candidates number start ... start + count - 1 of the stream that
    `state` begins, integers, and which of them are not rejected; both numbers are multiples of 4. Each
    takes `words` of the stream. `is_arithmetic` if it looks nothing up in a table.
    """

    some: Callable[[Any, Any, int, int], tuple[Any, Any]]
    words: int
    is_arithmetic: bool = True


class Sampled(NamedTuple):
    """What a kernel returns beside its state."""

    candidates: Any
    true_counts: Any
    sampled_counts: Any


# Picking


def _pick_numpy(draw: Draw, state: Any, count: int, unique: bool) -> tuple[np.ndarray, int]:
    """The first `count` candidates, and how many were drawn for them."""
    picked: dict[int, None] = {}
    block, start, tries = _block(count), 0, 0
    while True:
        values, accepted = draw.some(np, state, start, block)
        values = values[accepted]
        if not unique:
            return _enough(draw, state, values, count, start + block), count
        for value in values.tolist():
            tries += 1
            if value not in picked:
                picked[value] = None
                if len(picked) == count:
                    return np.array(list(picked), np.int64), tries
        start += block


def _enough(draw: Draw, state: Any, values: np.ndarray, count: int, start: int) -> np.ndarray:
    """`count` values, of which some are there."""
    while values.size < count:
        more, accepted = draw.some(np, state, start, _block(count))
        values, start = np.concatenate([values, more[accepted]]), start + _block(count)
    return values[:count]


def _block(count: int) -> int:
    """How many candidates to draw at a time for `count`."""
    return 4 * -(-3 * count // 8)


def _picker(xp: Any, draw: Draw, count: int, unique: bool) -> Picker:
    """How to pick, for the tier `xp`."""
    if xp is np:
        return lambda state: _pick_numpy(draw, state, count, unique)
    few = _block(count) * (_block(count) + count) <= COMPARED
    if few and draw.is_arithmetic and parts.fits(xp):
        return lambda state: parts.as_one(xp, lambda s: _pick_in_turn(xp, draw, s, count, unique), state)
    return lambda state: _pick_xla(xp, draw, state, count, unique)


def _pick_in_turn(jnp: Any, draw: Draw, state: Any, count: int, unique: bool) -> tuple[Any, Any]:
    """`_pick_numpy` in XLA, for one kernel: a loop over blocks, and one over the candidates of each."""
    import jax
    from jax import lax

    block = _block(count)

    def is_missing(picked: Any, filled: Any, tries: Any) -> Any:
        return filled < count

    def several(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        state, *picks = carry
        values, accepted = draw.some(jnp, state, 0, block)

        def one(progress: tuple[Any, ...]) -> tuple[Any, ...]:
            number, picked, filled, tries = progress
            value, good = values[number], accepted[number]
            new = good & ~jnp.any(picked == value) if unique else good
            # A repeated one may stand at the end too, where the next one will be.
            last = jnp.where(good, value, -1)[None]
            picked = lax.dynamic_update_slice(picked, last, (filled,))
            return number + 1, picked, filled + new.astype(np.int32), tries + good.astype(np.int32)

        def goes_on(progress: tuple[Any, ...]) -> Any:
            return (progress[0] < block) & is_missing(*progress[1:])

        _, *picks = lax.while_loop(goes_on, one, (np.int32(0), *picks))
        return philox.advance(jnp, state, block * draw.words // 4), *picks

    kind = jax.eval_shape(lambda s: draw.some(jnp, s, 0, block)[0], state).dtype
    first = (state, jnp.full((count,), -1, kind), np.int32(0), np.int32(0))
    _, picked, _, tries = lax.while_loop(lambda carry: is_missing(*carry[1:]), several, first)
    return picked.astype(np.int64), tries


def _pick_xla(jnp: Any, draw: Draw, state: Any, count: int, unique: bool) -> tuple[Any, Any]:
    """`_pick_numpy` in XLA: a block of candidates, and a loop over further ones where that is not enough."""
    import jax

    block = _block(count)

    def step(state: Any, picked: Any, filled: Any, tries: Any, first: bool = False) -> tuple[Any, ...]:
        values, accepted = draw.some(jnp, state, 0, block)
        if picked is None:
            picked = jnp.full((count,), -1, values.dtype)
        new = _new(jnp, None if first else picked, values, accepted) if unique else accepted
        rank = filled + jnp.cumsum(new.astype(np.int32))
        picked = picked.at[jnp.where(new, rank - 1, count)].set(values, mode="drop")
        # A candidate counts as tried as long as some are missing before it.
        missing = rank - new.astype(np.int32) < count
        tried = tries + jnp.sum(accepted & missing, dtype=np.int32)
        return state, picked, jnp.minimum(rank[-1], count), tried

    def further(carry: tuple[Any, ...]) -> tuple[Any, ...]:
        # The counter in the carried state moves on, and not the start in it: XLA computes what is the same
        # in all rounds before the loop, and so would work out the key of each round of Philox for nothing.
        return step(philox.advance(jnp, carry[0], block * draw.words // 4), *carry[1:])

    zero = np.int32(0)
    carry = step(state, None, zero, zero, first=True)
    # Not within a conditional: one costs XLA more than a loop of no rounds.
    carry = jax.lax.while_loop(lambda carry: carry[2] < count, further, carry)
    return carry[1].astype(np.int64), carry[3]


def _new(jnp: Any, picked: Any, values: Any, accepted: Any) -> Any:
    """Which accepted values are neither in `picked`, if there is any, nor earlier among the values."""
    size = values.shape[0]
    if size * (size + (0 if picked is None else picked.shape[0])) > COMPARED:
        return _new_by_sorting(jnp, values[:0] if picked is None else picked, values, accepted)
    place = jnp.arange(size)
    earlier = (place[:, None] > place) & accepted
    new = accepted & ~jnp.any((values[:, None] == values) & earlier, axis=1)
    return new if picked is None else new & ~jnp.any(values[:, None] == picked, axis=1)


def _new_by_sorting(jnp: Any, picked: Any, values: Any, accepted: Any) -> Any:
    together = jnp.concatenate([picked, jnp.where(accepted, values, -1)])
    order = jnp.argsort(together, stable=True)
    ordered = together[order]
    repeated = jnp.concatenate([jnp.zeros(1, bool), ordered[1:] == ordered[:-1]])
    return accepted & ~jnp.zeros(together.shape, bool).at[order].set(repeated)[picked.shape[0] :]


# Expected counts


def _expected(xp: Any, chances: Any, count: int, tries: Any) -> Any:
    """How often classes are expected, of which one draw gives each with `chances` (float32).

    As TensorFlow says it: when `tries` draws were needed, the chance that a class is among so many. The
    functions are computed in double precision and rounded at each step, as a good C library's are.
    """
    plain = chances * np.float32(count)
    logs = xp.log1p(-chances.astype(np.float64)).astype(np.float32)
    exponents = xp.asarray(tries).astype(np.float32) * logs
    inclusion = (-xp.expm1(exponents.astype(np.float64))).astype(np.float32)
    return xp.where(xp.asarray(tries) == count, plain, inclusion)


def _sample(
    xp: Any, state: Any, true_classes: Any, count: int, unique: bool, draw: Draw, probability: Probability
) -> Sampled:
    """The candidates with their expected counts, and those of the true classes."""
    picked, tries = _picker(xp, draw, count, unique)(state)
    tries = tries if unique else count
    with np.errstate(all="ignore"):  # a class that is none has a chance that is no number
        both = [_expected(xp, probability(xp, classes), count, tries) for classes in (true_classes, picked)]
    return Sampled(picked, *both)


def _check(true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int) -> None:
    if true_classes.ndim != 2:
        fail("true_classes must be a matrix")
    if true_classes.shape[1] != num_true:
        columns = f"expected: {true_classes.shape[1]} was: {num_true}"
        fail(f"true_classes must have num_true columns, {columns}")
    if unique and num_sampled > range_max:
        fail("Sampler's range is too small.")


def _require_inside(xp: Any, true_classes: Any, range_max: int) -> None:
    if not true_classes.size:
        return
    xp = np if isinstance(true_classes, np.ndarray) else xp
    outside = (true_classes < 0) | (true_classes >= range_max)
    message = f"`true_candidate` out of range [0, {range_max}), received {{}}"
    require(xp, ~xp.any(outside), message, true_classes.reshape(-1)[xp.argmax(outside)])


# Words as candidates


def _words(xp: Any, state: Any, start: Any, count: int) -> list[Any]:
    """The words of `count` blocks from block `start` on, as four arrays."""
    index = xp.asarray(start).astype(np.uint64) + xp.arange(count, dtype=np.uint64)
    return philox.random_words(xp, state, index)


def _pairs(xp: Any, state: Any, start: Any, count: int) -> tuple[Any, Any]:
    """The first and the second word of candidates that take two words each."""
    words = _words(xp, state, start // 2, count // 2)
    first, second = (xp.stack([words[i], words[i + 2]], axis=-1).reshape(-1) for i in (0, 1))
    return first, second


def _integer(xp: Any, limit: int) -> type:
    """The type of classes below `limit` while they are drawn: NumPy's, or what XLA compares fastest."""
    return np.int32 if xp is not np and limit <= _MOST else np.int64


def uniform_below(limit: int) -> Draw:
    """Numbers of 64 bits below `limit`; those that would favour small results are rejected."""
    rejected = (1 << 64) % limit

    def some(xp: Any, state: Any, start: int, count: int) -> tuple[Any, Any]:
        low, high = _pairs(xp, state, start, count)
        bits = low | (high << _HALF)
        return (bits % np.uint64(limit)).astype(_integer(xp, limit)), bits >= np.uint64(rejected)

    return Draw(some, 2)


def log_uniform_below(limit: int) -> Draw:
    """Zipf-like numbers: class k comes with a chance proportional to log((k + 2) / (k + 1))."""
    scale = math.log1p(limit)

    def some(xp: Any, state: Any, start: int, count: int) -> tuple[Any, Any]:
        power = xp.exp(philox.unit_float64(*_pairs(xp, state, start, count)) * scale)
        number = power.astype(np.int64) - 1  # below the limit but for rounding
        number = xp.where(number < limit, number, number - limit)
        return number.astype(_integer(xp, limit)), xp.ones((count,), bool)

    return Draw(some, 2)


def uniform_chance(limit: int) -> Probability:
    return lambda xp, classes: xp.full(classes.shape, np.float32(1.0 / limit))


def log_uniform_chance(limit: int) -> Probability:
    scale = math.log1p(limit)

    def chance(xp: Any, classes: Any) -> Any:
        number = classes.astype(np.float64)
        return (xp.log((number + 2.0) / (number + 1.0)) / scale).astype(np.float32)

    return chance


def ranged_kernel(
    draw_below: Callable[[int], Draw], chance_of: Callable[[int], Probability]
) -> Callable[..., Any]:
    def kernel(
        xp: Any,
        state: Any,
        true_classes: Any,
        *,
        num_true: int,
        num_sampled: int,
        unique: bool,
        range_max: int,
    ) -> tuple[Any, ...]:
        _check(true_classes, num_true, num_sampled, unique, range_max)
        draw, chance = draw_below(range_max), chance_of(range_max)
        found = _sample(xp, state, true_classes, num_sampled, unique, draw, chance)
        return philox.advance(xp, state, RESERVED * num_sampled), *found

    return kernel


# Unigrams that are learned: a tree of counts lies behind the words of the state


def _tree_size(range_max: int) -> int:
    """The leaves of the tree of counts: a power of two."""
    return 1 << (range_max - 1).bit_length()


def initial_counts(attrs: dict[str, Any]) -> np.ndarray:
    """The state of an op before it runs: every class counts once. Node i has the children 2i and 2i + 1."""
    size = _tree_size(attrs["range_max"])
    tree = np.zeros(2 * size, np.uint32)
    tree[size : size + attrs["range_max"]] = 1
    width = size
    while width > 1:
        level = tree[width : 2 * width]
        width //= 2
        tree[width : 2 * width] = level[::2] + level[1::2]
    return np.concatenate([initial_state(attrs), tree])


def _learned_draw(tree: Any, levels: int) -> Draw:
    """One word for each candidate: a place below the sum of the counts, found by going down the tree."""

    def some(xp: Any, state: Any, start: int, count: int) -> tuple[Any, Any]:
        words = xp.stack(_words(xp, state, start // 4, count // 4), axis=-1).reshape(-1)
        total = tree[1].astype(np.uint64)
        place = (words % total).astype(np.uint32)
        node = xp.ones((count,), np.int64)
        for _ in range(levels):
            left = tree[2 * node]
            right = place >= left
            node = 2 * node + right
            place = place - xp.where(right, left, np.uint32(0))
        return node - (1 << levels), words >= np.uint64(1 << 32) % total

    return Draw(some, 1, is_arithmetic=False)


def _learned_chance(tree: Any, size: int) -> Probability:
    def chance(xp: Any, classes: Any) -> Any:
        return tree[classes + size].astype(np.float32) / tree[1].astype(np.float32)

    return chance


def _with_counts(xp: Any, state: Any, classes: Any, levels: int) -> Any:
    """The state with one more count for each class, as long as their sum is an int32."""
    flat = classes.reshape(-1)
    room = np.int64(_MOST) - state[WORDS + 1].astype(np.int64)
    added = (xp.arange(flat.shape[0]) < room).astype(np.uint32)
    nodes = (flat[:, None] + (1 << levels)) >> np.arange(levels + 1)
    places, amounts = WORDS + nodes, xp.broadcast_to(added[:, None], nodes.shape)
    if xp is not np:
        return state.at[places].add(amounts)
    new = state.copy()
    np.add.at(new, places, amounts)
    return new


def learned_kernel(
    xp: Any,
    state: Any,
    true_classes: Any,
    *,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
) -> tuple[Any, ...]:
    _check(true_classes, num_true, num_sampled, unique, range_max)
    _require_inside(xp, true_classes, range_max)
    size = _tree_size(range_max)
    levels = size.bit_length() - 1
    words, tree = state[:WORDS], state[WORDS:]
    draw, chance = _learned_draw(tree, levels), _learned_chance(tree, size)
    within = xp.clip(true_classes, 0, range_max - 1)
    found = _sample(xp, words, within, num_sampled, unique, draw, chance)
    advanced = philox.advance(xp, words, RESERVED * num_sampled)
    return _with_words(xp, _with_counts(xp, state, true_classes, levels), advanced), *found


def _with_words(xp: Any, state: Any, words: Any) -> Any:
    if xp is not np:
        return state.at[:WORDS].set(words)
    state[:WORDS] = words
    return state


# Unigrams that are given: on the first run the tables are put behind the words of the state


def _given_weights(
    vocab_file: Any, distortion: float, reserved: int, shards: int, shard: int, unigrams: Sequence[float]
) -> np.ndarray:
    """The weights of the classes of one shard, float32."""
    path = vocab_file.decode() if isinstance(vocab_file, bytes) else vocab_file
    if not path and not len(unigrams):
        fail("Must provide either vocab_file or unigrams.")
    if path and len(unigrams):
        fail("Must only provide one of vocab_file and unigrams.")
    held = sum(1 for number in range(reserved) if number % shards == shard)
    given = _weights_in(path) if path else unigrams
    # The reserved classes of this shard, not of all, decide where the numbering goes on.
    own = [w for number, w in enumerate(given, held) if number % shards == shard]
    powers = np.asarray(own, np.float32).astype(np.float64) ** float(np.float32(distortion))
    return np.concatenate([np.zeros(held, np.float32), powers.astype(np.float32)])


def _weights_in(path: str) -> list[float]:
    """The last field of each line of a file."""
    try:
        with open(path, encoding="utf8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError as error:
        fail(f"{path}; {error.strerror}", errors.NotFoundError)
    weights = []
    for line in lines:
        try:
            weights.append(float(line.split(",")[-1]))
        except ValueError:
            fail(f"Wrong vocabulary format at line: {line}")
    return weights


def _alias_table(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Walker's tables: the chance (float32) to stay with each class, and the class to go to otherwise."""
    chances = (weights * np.float32(len(weights))).astype(np.float64) / sum(weights.tolist())
    left = chances.tolist()
    other = list(range(len(left)))
    low = [i for i, chance in enumerate(left) if chance < 1.0]
    high = [i for i, chance in enumerate(left) if chance >= 1.0]
    while low and high:
        short, long = low.pop(), high.pop()
        other[short] = long
        left[long] -= 1.0 - left[short]
        (low if left[long] < 1.0 else high).append(long)
    for i in low + high:  # what rounding has left over
        left[i], other[i] = 1.0, i
    return np.array(left, np.float32), np.array(other, np.uint32)


def _tabled_state(words: np.ndarray, weights: np.ndarray) -> np.ndarray:
    chances, others = _alias_table(weights)
    return np.concatenate([words, weights.view(np.uint32), chances.view(np.uint32), others])


def _given_draw(words: np.ndarray, chances: np.ndarray, others: np.ndarray) -> Draw:
    """Candidates from a fixed table: one word, and as many as it takes for a place in the table."""
    stream = SingleSamples(words)

    def some(xp: Any, state: Any, start: int, count: int) -> tuple[Any, Any]:
        found = np.empty(count, np.int64)
        for i in range(count):
            share = philox.unit_float32(np.uint64(stream.next()))
            place = stream.uniform_below(len(chances))
            found[i] = place if share < chances[place] else others[place]
        return found, np.ones(count, bool)

    return Draw(some, 1)


def _given_chance(weights: np.ndarray, total: np.float32) -> Probability:
    def chance(xp: Any, classes: Any) -> Any:
        inside = (classes >= 0) & (classes < len(weights))
        return np.where(inside, weights[np.where(inside, classes, 0)], np.float32(0)) / total

    return chance


def given_kernel(
    ctx: Any,
    state: Any,
    true_classes: Any,
    *,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: Any,
    distortion: float,
    num_reserved_ids: int,
    num_shards: int,
    shard: int,
    unigrams: Sequence[float],
) -> tuple[Any, ...]:
    _check(true_classes, num_true, num_sampled, unique, range_max)
    state = np.asarray(state)
    if state.size == WORDS:
        weights = _given_weights(vocab_file, distortion, num_reserved_ids, num_shards, shard, unigrams)
        _check_weights(weights, range_max)
        state = _tabled_state(state, weights)
    words, (weights, chances, others) = state[:WORDS], state[WORDS:].reshape(3, -1)
    weights, chances = weights.view(np.float32), chances.view(np.float32)
    if unique and np.count_nonzero(weights) < num_sampled:
        fail(f"{np.count_nonzero(weights)} classes have a weight: {num_sampled} cannot be drawn of them")
    total = np.add.accumulate(weights, dtype=np.float32)[-1]  # added up one by one in float32
    draw, chance = _given_draw(words, chances, others), _given_chance(weights, total)
    found = _sample(np, words, true_classes, num_sampled, unique, draw, chance)
    state = np.concatenate([philox.advance(np, words, RESERVED * num_sampled), state[WORDS:]])
    return state, *found


def _check_weights(weights: np.ndarray, range_max: int) -> None:
    if len(weights) != range_max:
        fail(f"range is {range_max} must be equal to weights size  {len(weights)}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and weights.any()):
        fail("the weights of the classes must be numbers of 0 or more, and not all 0")


# All classes


def all_kernel(
    xp: Any, true_classes: Any, *, num_true: int, num_sampled: int, unique: bool
) -> tuple[Any, ...]:
    _check(true_classes, num_true, num_sampled, unique, num_sampled)
    counts = [xp.ones(shape, np.float32) for shape in (true_classes.shape, (num_sampled,))]
    return xp.arange(num_sampled, dtype=np.int64), *counts


# Accidental hits


def _check_hits(true_classes: Any, candidates: Any, num_true: int) -> None:
    if true_classes.ndim != 2 or true_classes.shape[1] != num_true:
        fail("true_candidates must be a batch_size * num_true matrix")
    if candidates.ndim != 1:
        fail("sampled_candidates must be a vector, which is typically an output from CandidateSampler")


def hits_host(ctx: Any, true_classes: Any, candidates: Any, *, num_true: int) -> tuple[Any, ...]:
    _check_hits(true_classes, candidates, num_true)
    place = {number: at for at, number in enumerate(candidates.tolist())}
    pairs = [
        (row, place[number])
        for row, numbers in enumerate(true_classes.tolist())
        for number in numbers
        if number in place
    ]
    rows, ids = np.array(pairs, np.int64).reshape(-1, 2).T
    return rows.astype(np.int32), ids.copy(), np.full(len(pairs), -np.finfo(np.float32).max, np.float32)


def hits_padded(jnp: Any, true_classes: Any, candidates: Any, *, num_true: int) -> tuple[Any, ...]:
    """An element for each true class; where it is no hit, it says of the first place what is so there."""
    _check_hits(true_classes, candidates, num_true)
    numbers = jnp.asarray(true_classes).reshape(-1)
    last = candidates.shape[0] - 1
    equal = numbers[:, None] == jnp.asarray(candidates)[::-1]
    hit, column = jnp.any(equal, axis=1), last - jnp.argmax(equal, axis=1)
    row = jnp.arange(numbers.shape[0]) // num_true
    row, column = jnp.where(hit, row, 0), jnp.where(hit, column, 0)
    lowest = -np.finfo(np.float32).max
    at_first = jnp.any(hit & (row == 0) & (column == 0))
    weight = jnp.where(hit | at_first, np.float32(lowest), np.float32(0))
    return row.astype(np.int32), column.astype(np.int64), weight
