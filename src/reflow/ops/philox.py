"""The random numbers of TensorFlow's CPU kernels, as pure functions of a Philox 4x32-10 state.

The state of a random op is a uint32 array of six words: the low and high words of the key (the attribute
`seed`), then the four words of the counter, least significant first; a new op's counter has `seed2` in its
upper half and zero in its lower half. Philox turns the key and one counter value into a *block* of four
random words, and the functions here are `f(xp, state, shape, ...) -> (new_state, values)`, with `xp` NumPy or
`jax.numpy` (which needs `jax_enable_x64`) and `shape` a tuple of Python ints.

Integers and uniforms equal TensorFlow's to the last bit. Normals go through `log`, `sin` and `cos`; those of
float32 and narrower are computed in double precision and rounded, so that NumPy and XLA agree with each
other.
Of TensorFlow's own, which are those of the C library, about one in seventy differs, by at most three units in
the last place; which samples are rejected would differ only for a normal that is so close to the bound.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

Shape = Sequence[int]
Blocks = Callable[[Any, Any], Sequence[Any]]

# Each execution of an op moves its counter by this many blocks for every value that it returns.
RESERVED_BLOCKS = 256
# NumPy works on so many blocks at a time: few enough for the ten rounds to stay in the processor's cache.
CHUNK = 1 << 14
TRACED_CHUNK = 1 << 16
MANY_CHUNKS = 4  # from which on several threads share them: what a chunk holds follows from its place alone

_WORD = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
# The multipliers and key increments of the Philox paper (Salmon et al., SC 2011).
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_INCREMENTS = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_STATELESS_KEY = (0x3EC8F720, 0x02461E29)
_NORMAL_BOUND = 2


def initial_state(seed: int, seed2: int) -> np.ndarray:
    """The state of a random op before its first execution, uint32 of shape [6].

    `seed` and `seed2` are the op's attributes, of which the low 64 bits count. For an op with both seeds
    zero, TensorFlow draws them from the system; that is the caller's business.

    >>> initial_state(87654321, 2).tolist()
    [87654321, 0, 0, 0, 2, 0]
    >>> initial_state(-1, 5).tolist()
    [4294967295, 4294967295, 0, 0, 5, 0]
    """
    low, high = _split(seed)
    return np.array([low, high, 0, 0, *_split(seed2)], np.uint32)


def stateless_state(xp: Any, seed: Any) -> Any:
    """The state from which a stateless op with this `seed`, an integer array of shape [2], draws.

    The two seeds are scrambled by one block, so that neither of them has to be a good one. The functions of
    this module then give the values, and the new state is dropped.

    >>> state = stateless_state(np, np.array([1, 2]))
    >>> uniform(np, state, (2,), np.float32)[1].shape
    (2,)
    """
    words = xp.asarray(seed).astype(np.int64).astype(np.uint64)
    counter = [words[0] & _WORD, words[0] >> _HALF, words[1] & _WORD, words[1] >> _HALF]
    mixed = _rounds(counter, [np.uint64(word) for word in _STATELESS_KEY])
    zero = xp.zeros((), np.uint64)
    return xp.stack([mixed[0], mixed[1], zero, zero, mixed[2], mixed[3]]).astype(np.uint32)


def advance(xp: Any, state: Any, blocks: int) -> Any:
    """The state after `blocks` blocks of four words, with the same dtype and shape.

    >>> advance(np, initial_state(1, 2), 2**32 + 5).tolist()
    [1, 0, 5, 1, 2, 0]
    """
    if not blocks:
        return state
    words = state.astype(np.uint64)
    sums, carry = [], np.uint64(0)
    for position, step in enumerate((*_split(blocks), 0, 0)):
        total = words[2 + position] + (np.uint64(step) + carry)
        sums.append(total & _WORD)
        carry = total >> _HALF
    return xp.stack([words[0], words[1], *sums]).astype(np.uint32)


def random_words(xp: Any, state: Any, index: Any) -> list[Any]:
    """The four words of the blocks that lie `index` (a uint64 array) after the state's counter.

    Returns four uint64 arrays of the shape of `index`, with values below 2**32. The lower half of the counter
    starts at zero and counts blocks, so the sum of it and `index` stays below 2**64.

    >>> [int(word) for word in random_words(np, initial_state(0, 0), np.uint64(0))]
    [1713891541, 3781805453, 3159862348, 2600524760]
    """
    words = state.astype(np.uint64)
    position = (words[2] | (words[3] << _HALF)) + index
    return _rounds([position & _WORD, position >> _HALF, words[4], words[5]], [words[0], words[1]])


def uniform(xp: Any, state: Any, shape: Shape, dtype: npt.DTypeLike) -> tuple[Any, Any]:
    """Uniform values in [0, 1), of dtype float16, bfloat16, float32 or float64 (the op RandomUniform).

    Raises TypeError for another dtype.

    >>> state = initial_state(87654321, 2)
    >>> state, first = uniform(np, state, (), np.float32)
    >>> state, second = uniform(np, state, (), np.float32)
    >>> float(first * 20 - 10), float(second * 20 - 10)
    (3.574932098388672, -5.973186492919922)
    """
    kind = _float_type(dtype)
    return _fill(xp, state, shape, kind, _width(kind), lambda module, words: units(words, kind))


def uniform_int(
    xp: Any, state: Any, shape: Shape, minval: Any, maxval: Any, dtype: npt.DTypeLike
) -> tuple[Any, Any]:
    """Integers in [minval, maxval), of dtype int32 or int64 (the op RandomUniformInt).

    As TensorFlow's, a value is a random word, or two, modulo the width of the range: slightly biased unless
    the width is a power of two. The bounds are scalars; the op checks that `minval < maxval`. Raises
    TypeError for another dtype.

    >>> uniform_int(np, initial_state(87654321, 7), (3,), 5, 6, np.int64)[1].tolist()
    [5, 5, 5]
    """
    kind = np.dtype(dtype)
    if kind not in (np.dtype(np.int32), np.dtype(np.int64)):
        raise TypeError(f"uniform_int makes int32 and int64, not {kind}")
    unsigned = np.dtype(f"u{kind}")
    low, high = (xp.asarray(bound).astype(kind).astype(unsigned) for bound in (minval, maxval))
    # NumPy warns of the wrap-around of scalars, which is what is wanted here; a range of shape [1] is not a
    # scalar.
    low, high = low.reshape(1), high.reshape(1)

    def place(bits: Any) -> Any:
        return (low + bits.astype(unsigned) % (high - low)).astype(kind)

    if kind == np.int64:
        return _fill(xp, state, shape, kind, 2, _pairwise(lambda a, b: place(a | (b << _HALF))))
    return _fill(xp, state, shape, kind, 4, lambda module, words: [place(word) for word in words])


def standard_normal(xp: Any, state: Any, shape: Shape, dtype: npt.DTypeLike) -> tuple[Any, Any]:
    """Standard normal values by the Box-Muller transform, of a floating dtype (the op RandomStandardNormal).

    Raises TypeError for a dtype that is not float16, bfloat16, float32 or float64.

    >>> state, values = standard_normal(np, initial_state(87654321, 7), (2, 3), np.float32)
    >>> values.shape, values.dtype.name
    ((2, 3), 'float32')
    """
    kind = _float_type(dtype)
    if xp is not np and kind != np.float64:

        def normal(words: Sequence[Any], lane: Any) -> Any:
            return _normal_of_lane(xp, words, lane).astype(kind)

        return _traced(xp, state, shape, 4, normal)
    return _fill(xp, state, shape, kind, _width(kind), lambda module, words: normals(module, words, kind))


def truncated_normal(xp: Any, state: Any, shape: Shape, dtype: npt.DTypeLike) -> tuple[Any, Any]:
    """Standard normal values less than two standard deviations from zero (the op TruncatedNormal).

    Each group of four values (two of float64) has a stretch of blocks of its own, from which it takes normals
    until it has enough that are inside. Raises TypeError for a dtype that is not floating.

    >>> state, values = truncated_normal(np, initial_state(87654321, 7), (1000,), np.float64)
    >>> bool(abs(values).max() < 2)
    True
    """
    kind = _float_type(dtype)
    width = _width(kind)
    stride = np.uint64(width * RESERVED_BLOCKS // 4)

    def keep(module: Any, index: Any) -> list[Any]:
        return _accepted(module, state, index * stride, kind, width)

    return _laid_out(xp, state, shape, kind, width, keep)


def repeat_until_done(
    xp: Any, body: Callable[..., tuple[Any, ...]], carry: tuple[Any, ...]
) -> tuple[Any, ...]:
    """Apply the elementwise `body` to every element of the carried arrays until that element is done.

    `carry` is a tuple of arrays of one shape [n], of which the first is boolean: True when the element is
    done. `body(xp, *carry)` returns the arrays after one step. NumPy gathers the unfinished elements for each
    step; XLA steps all of them and keeps what is done.

    >>> halve = lambda xp, done, x: (x < 4, x // 2)
    >>> repeat_until_done(np, halve, (np.zeros(3, bool), np.array([1, 9, 40])))[1].tolist()
    [0, 1, 1]
    """
    if xp is not np:
        return _while_traced(xp, body, carry)
    results = tuple(np.array(part) for part in carry)
    active = np.flatnonzero(~results[0])
    while active.size:
        stepped = body(np, *(part[active] for part in results))
        for part, values in zip(results, stepped, strict=True):
            part[active] = values
        active = active[~stepped[0]]
    return results


def map_outputs(xp: Any, count: int, width: int, dtype: npt.DTypeLike, compute: Blocks) -> Any:
    """The `width` arrays that `compute(xp, index)` makes for indices below `count`, as one [count, width].

    `index` is a uint64 array. NumPy computes it piece by piece, to stay in the processor's cache; XLA in
    larger pieces, lest what is between words and values take several times the memory of the result.
    """
    if xp is not np:
        return _mapped(xp, count, width, dtype, compute)
    out = np.empty((count, width), dtype)

    def fill(start: int) -> None:
        stop = min(start + CHUNK, count)
        with np.errstate(all="ignore"):
            for column, values in enumerate(compute(np, np.arange(start, stop, dtype=np.uint64))):
                out[start:stop, column] = values

    starts = range(0, count, CHUNK)
    if len(starts) < MANY_CHUNKS:
        for start in starts:
            fill(start)
    else:
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            list(pool.map(fill, starts))
    return out


def _mapped(xp: Any, count: int, width: int, dtype: npt.DTypeLike, compute: Blocks) -> Any:
    def piece(start: Any, size: int) -> Any:
        return xp.stack(compute(xp, start + xp.arange(size, dtype=np.uint64)), axis=-1).astype(dtype)

    if count <= TRACED_CHUNK:
        return piece(np.uint64(0), count)
    import jax

    def put(number: Any, out: Any) -> Any:
        start = xp.minimum(number * TRACED_CHUNK, count - TRACED_CHUNK)  # the last piece overlaps
        rows = piece(start.astype(np.uint64), TRACED_CHUNK)
        return jax.lax.dynamic_update_slice_in_dim(out, rows, start, 0)

    return jax.lax.fori_loop(0, -(-count // TRACED_CHUNK), put, xp.zeros((count, width), dtype))


def unit_float64(high: Any, low: Any) -> Any:
    """A float64 in [0, 1) from 20 bits of the word `high` and the word `low` (uint64 arrays below 2**32)."""
    bits = ((high & np.uint64(0xFFFFF)) << _HALF) | low | np.uint64(1023 << 52)
    return bits.view(np.float64) - 1.0


def unit_float32(word: Any, dtype: npt.DTypeLike = np.float32) -> Any:
    """A float32 in [0, 1) from 23 bits of a word (uint64 arrays below 2**32)."""
    bits = (word.astype(np.uint32) & np.uint32(0x7FFFFF)) | np.uint32(127 << 23)
    return bits.view(np.float32) - np.float32(1)


def units(words: Sequence[Any], dtype: npt.DTypeLike) -> list[Any]:
    """The values in [0, 1) that a block stands for: two of float64, or four of a narrower float."""
    kind = np.dtype(dtype)
    if kind == np.float64:
        return [unit_float64(words[0], words[1]), unit_float64(words[2], words[3])]
    convert = _UNIT_FLOATS[kind.name]
    return [convert(word, kind) for word in words]


def normals(xp: Any, words: Sequence[Any], dtype: npt.DTypeLike) -> list[Any]:
    """The normals of a block: two of float64, or four that are computed in float32 and rounded to `dtype`."""
    if dtype == np.float64:
        return box_muller_float64(xp, words)
    found = box_muller_float32(xp, words[0], words[1]) + box_muller_float32(xp, words[2], words[3])
    return [values.astype(dtype) for values in found]


def box_muller_float64(xp: Any, words: Sequence[Any]) -> list[Any]:
    """Two independent float64 normals from the four words of a block."""
    radius = xp.sqrt(-2.0 * xp.log(xp.maximum(unit_float64(words[0], words[1]), 1e-7)))
    angle = (2 * math.pi) * unit_float64(words[2], words[3])
    return [xp.sin(angle) * radius, xp.cos(angle) * radius]


def box_muller_float32(xp: Any, first: Any, second: Any) -> list[Any]:
    """Two independent float32 normals from two words."""
    # The float32 functions of NumPy and XLA differ from the C library's, and from each other, by a few units
    # in the last place; their float64 functions, rounded, hardly do.
    chosen = xp.maximum(unit_float32(first), np.float32(1e-7)).astype(np.float64)
    radius = xp.sqrt(np.float32(-2) * xp.log(chosen).astype(np.float32))
    angle = (2 * math.pi) * unit_float32(second).astype(np.float64)
    angle = angle.astype(np.float32).astype(np.float64)
    return [xp.sin(angle).astype(np.float32) * radius, xp.cos(angle).astype(np.float32) * radius]


def _split(value: int) -> tuple[int, int]:
    """The low and the high word of the low 64 bits of an integer."""
    return value & 0xFFFFFFFF, (value >> 32) & 0xFFFFFFFF


def _rounds(counter: Sequence[Any], key: Sequence[Any]) -> list[Any]:
    """The ten rounds of Philox; all words are uint64 values below 2**32."""
    a, b, c, d = counter
    left, right = key
    for _ in range(10):
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b = (second >> _HALF) ^ b ^ left, second & _WORD
        c, d = (first >> _HALF) ^ d ^ right, first & _WORD
        left, right = (left + _INCREMENTS[0]) & _WORD, (right + _INCREMENTS[1]) & _WORD
    return [a, b, c, d]


def _unit_float16(word: Any, dtype: np.dtype) -> Any:
    bits = (word.astype(np.uint16) & np.uint16(0x3FF)) | np.uint16(15 << 10)
    return bits.view(np.float16) - np.float16(1)


def _unit_bfloat16(word: Any, dtype: np.dtype) -> Any:
    bits = (word.astype(np.uint16) & np.uint16(0x7F)) | np.uint16(127 << 7)
    # A bfloat16 is the upper half of a float32, and the difference is exact in either.
    return ((bits.astype(np.uint32) << np.uint32(16)).view(np.float32) - np.float32(1)).astype(dtype)


_UNIT_FLOATS: dict[str, Callable[[Any, Any], Any]] = {
    "float16": _unit_float16,
    "bfloat16": _unit_bfloat16,
    "float32": unit_float32,
}


def _float_type(dtype: npt.DTypeLike) -> np.dtype:
    """The NumPy dtype of a floating type that TensorFlow has random kernels for."""
    kind = np.dtype(dtype)
    if kind.name not in ("float16", "bfloat16", "float32", "float64"):
        raise TypeError(f"there are no random numbers of dtype {kind.name}")
    return kind


def _pairwise(combine: Callable[[Any, Any], Any]) -> Blocks:
    """Two values of 64 bits from a block: one of each pair of words."""
    return lambda module, words: [combine(words[0], words[1]), combine(words[2], words[3])]


def _fill(xp: Any, state: Any, shape: Shape, dtype: np.dtype, width: int, convert: Blocks) -> tuple[Any, Any]:
    """Successive blocks, each converted to `width` values."""
    if xp is not np:

        def value(words: Sequence[Any], lane: Any) -> Any:
            return _chosen(xp, lane, convert(xp, words)).astype(dtype)

        return _traced(xp, state, shape, width, value)

    def compute(module: Any, index: Any) -> Sequence[Any]:
        return convert(module, random_words(module, state, index))

    return _laid_out(xp, state, shape, dtype, width, compute)


def _traced(
    xp: Any, state: Any, shape: Shape, width: int, value: Callable[[Sequence[Any], Any], Any]
) -> tuple[Any, Any]:
    """An array of `value(words of the block, place in the block)`, for XLA.

    Every element computes the whole block that it is of. So all is one loop over the elements, which XLA runs
    on all cores with vector instructions; of blocks put side by side it makes one that is 4 to 15 times as
    slow.
    """
    size = math.prod(shape)
    place = xp.arange(size, dtype=np.uint64)
    words = random_words(xp, state, place // np.uint64(width))
    values = value(words, place % np.uint64(width))
    return advance(xp, state, RESERVED_BLOCKS * size), values.reshape(tuple(shape))


def _chosen(xp: Any, lane: Any, values: Sequence[Any]) -> Any:
    """The value of each element's lane."""
    result = values[-1]
    for number, one in reversed(list(enumerate(values[:-1]))):
        result = xp.where(lane == np.uint64(number), one, result)
    return result


def _normal_of_lane(xp: Any, words: Sequence[Any], lane: Any) -> Any:
    """What `normals` gives for one of four lanes, with one logarithm instead of two."""
    is_first = lane < np.uint64(2)
    first, second = (xp.where(is_first, words[i], words[i + 2]) for i in (0, 1))
    sine, cosine = box_muller_float32(xp, first, second)
    return xp.where(lane % np.uint64(2) == 0, sine, cosine)


def _laid_out(
    xp: Any, state: Any, shape: Shape, dtype: np.dtype, width: int, compute: Blocks
) -> tuple[Any, Any]:
    """The groups of `width` values that `compute` makes, as an array of `shape`, without what is too many."""
    size = math.prod(shape)
    groups = map_outputs(xp, -(-size // width), width, dtype, compute)
    return advance(xp, state, RESERVED_BLOCKS * size), groups.reshape(-1)[:size].reshape(tuple(shape))


def _width(dtype: np.dtype) -> int:
    """How many values of a dtype a block of 128 bits gives."""
    return 2 if dtype == np.float64 else 4


def _accepted(xp: Any, state: Any, start: Any, dtype: np.dtype, width: int) -> list[Any]:
    """For each start (a number of blocks), the first `width` normals from there on inside the bound."""
    # The comparison is made before a float32 is rounded to a narrower type.
    working = dtype if dtype == np.float64 else np.dtype(np.float32)

    def step(module: Any, done: Any, block: Any, filled: Any, *kept: Any) -> tuple[Any, ...]:
        slots = list(kept)
        for candidate in normals(module, random_words(module, state, block), working):
            inside = abs(candidate) < _NORMAL_BOUND
            for number, slot in enumerate(slots):
                slots[number] = module.where(inside & (filled == number), candidate, slot)
            filled = filled + inside
        return (filled >= width, block + np.uint64(1), filled, *slots)

    empty = xp.zeros(start.shape, working)
    carry = (xp.zeros(start.shape, bool), start, xp.zeros(start.shape, np.int32), *([empty] * width))
    return [values.astype(dtype) for values in repeat_until_done(xp, step, carry)[3:]]


def _while_traced(xp: Any, body: Callable[..., tuple[Any, ...]], carry: tuple[Any, ...]) -> tuple[Any, ...]:
    from jax import lax

    def step(current: tuple[Any, ...]) -> tuple[Any, ...]:
        done = current[0]
        return tuple(xp.where(done, old, new) for old, new in zip(current, body(xp, *current), strict=True))

    return lax.while_loop(lambda current: ~xp.all(current[0]), step, carry)
