"""Connectionist temporal classification: the loss by forward and backward sums, and the beam search.

The loss is computed for all sequences at once: the labels of each, with a blank before, between and after
them, are the states of a chain; states and steps that a sequence does not have carry the logarithm of zero.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from reflow.graph.checks import fail, require

# Labels


class Labels(NamedTuple):
    """The labels of each sequence: `[sequences, most labels]`, how many are used, and how many were given."""

    values: Any
    used: Any
    given: Any


def padded_labels(
    xp: Any, indices: Any, values: Any, batch: int, time: int, blank: int, collapse: bool
) -> Labels:
    """The labels of a sparse matrix as a padded one; those from `blank` on end a sequence and are dropped."""
    count = values.shape[0]
    rows = indices[:, 0]
    first = xp.concatenate([xp.ones(min(count, 1), bool), rows[1:] != rows[:-1]])
    kept = values < blank
    if collapse:
        same = xp.concatenate([xp.zeros(min(count, 1), bool), values[1:] == values[:-1]])
        kept = kept & (first | ~same)
    given, used = _counts(xp, rows, xp.ones(count, bool), batch), _counts(xp, rows, kept, batch)
    before = xp.cumsum(used) - used
    places = xp.cumsum(kept) - 1 - xp.asarray(before)[rows]
    width = max(1, min(count, time))
    if xp is np:
        padded = np.zeros((batch, max(1, int(used.max()))), np.int32)
        padded[rows[kept], places[kept]] = values[kept]
        return Labels(padded, used, given)
    places = xp.where(kept, places, width)
    padded = xp.zeros((batch, width), np.int32).at[rows, places].set(values, mode="drop")
    return Labels(padded, xp.minimum(used, width), given)


def _counts(xp: Any, rows: Any, which: Any, batch: int) -> Any:
    """How many entries of each row are wanted."""
    if xp is np:
        return np.bincount(rows, which, minlength=batch).astype(np.int64)
    return xp.zeros(batch, np.int64).at[rows].add(which)


def check_labels(
    xp: Any, values: Any, rows: Any, labels: Labels, blank: int, lengths: Any, longer: bool
) -> None:
    """Refuse sequences without labels, negative labels, labels after a null label, and too many labels."""
    empty = labels.given == 0
    require(xp, ~xp.any(empty), "Labels length is zero in batch {}", xp.argmax(empty))
    negative = values < 0
    message = "All labels must be nonnegative integers, but labels[{}] is {}"
    require(xp, ~xp.any(negative), message, xp.argmax(negative), xp.min(values))
    wrong = (values[1:] < blank) & (values[:-1] >= blank) & (rows[1:] == rows[:-1])
    message = (
        "Saw a non-null label (index >= num_classes - 1) following a null label, batch: {} num_classes: {}"
    )
    require(xp, ~xp.any(wrong), message, rows[xp.argmax(wrong)] if wrong.shape[0] else 0, blank + 1)
    if not longer:
        late = labels.given > lengths
        at = xp.argmax(late)
        message = (
            "Not enough time for target transition sequence (required: {}, available: {}){} You can turn "
            "this error into a warning by using the flag ignore_longer_outputs_than_inputs"
        )
        require(xp, ~xp.any(late), message, labels.given[at], lengths[at], at)


# Sums over all paths


class Chain(NamedTuple):
    """The states of each sequence: the class that each stands for, and which moves lead to it."""

    classes: Any
    valid: Any
    stay: Any
    skip: Any
    last: Any


def chain_of(xp: Any, labels: Labels, blank: int, merge: bool) -> Chain:
    """A blank before, between and after the labels; a label may follow another one if they differ."""
    batch, width = labels.values.shape
    states = np.arange(2 * width + 1)
    is_label = states % 2 == 1
    spread = xp.asarray(labels.values)[:, np.minimum(states // 2, width - 1)]
    classes = xp.where(is_label, spread, blank)
    before = xp.concatenate([xp.full((batch, 2), blank, classes.dtype), classes[:, :-2]], axis=1)
    ends = 2 * labels.used[:, None]
    skip = is_label & (states >= 3) & ((classes != before) | (not merge))
    stay = xp.broadcast_to(~is_label | merge, classes.shape)
    last = (states == ends) | ((states == ends - 1) & (labels.used[:, None] > 0))
    return Chain(classes, states <= ends, stay, skip, last)


def _moved(xp: Any, values: Any, by: int) -> Any:
    """States moved on by `by` places, back if it is negative."""
    nothing = xp.full((values.shape[0], abs(by)), -np.inf, values.dtype)
    parts = [nothing, values[:, :-by]] if by > 0 else [values[:, -by:], nothing]
    return xp.concatenate(parts, axis=1)


def _masked(xp: Any, mask: Any, values: Any) -> Any:
    return xp.where(mask, values, -np.inf).astype(values.dtype)


def _added(xp: Any, *values: Any) -> Any:
    """The logarithm of a sum of exponentials."""
    result = values[0]
    for value in values[1:]:
        result = xp.logaddexp(result, value)
    return result


def _scan(xp: Any, step: Callable[[Any, Any], Any], first: Any, inputs: tuple[Any, ...]) -> Any:
    """All values of `carry = step(carry, inputs[t])`, the first one included."""
    if xp is np:
        results = [first]
        for row in zip(*inputs, strict=True):
            results.append(step(results[-1], row))
        return np.stack(results)
    import jax

    def body(carry: Any, row: Any) -> tuple[Any, Any]:
        new = step(carry, row)
        return new, new

    _, rest = jax.lax.scan(body, first, inputs)
    return xp.concatenate([first[None], rest])


def forward_sums(xp: Any, chain: Chain, emitted: Any) -> Any:
    """For each step and state the logarithm of the probability of all ways to be there by then."""
    states = np.arange(emitted.shape[2])
    first = _masked(xp, (states < 2) & chain.valid, emitted[0])

    def step(sums: Any, row: Any) -> Any:
        reached = _added(
            xp,
            _masked(xp, chain.stay, sums),
            _moved(xp, sums, 1),
            _masked(xp, chain.skip, _moved(xp, sums, 2)),
        )
        return _masked(xp, chain.valid, reached + row[0])

    return _scan(xp, step, first, (emitted[1:],))


def backward_sums(xp: Any, chain: Chain, emitted: Any, lengths: Any) -> Any:
    """For each step and state the logarithm of the probability of all ways from there to the end."""
    time = emitted.shape[0]
    end = _masked(xp, chain.last, xp.zeros_like(emitted[0]))
    leaves = xp.concatenate([chain.skip[:, 2:], xp.zeros((chain.skip.shape[0], 2), bool)], axis=1)

    def step(sums: Any, row: Any) -> Any:
        following, at = row
        ahead = sums + following
        reached = _added(
            xp,
            _masked(xp, chain.stay, ahead),
            _moved(xp, ahead, -1),
            _masked(xp, leaves, _moved(xp, ahead, -2)),
        )
        is_last, is_before = (at == lengths - 1)[:, None], (at < lengths - 1)[:, None]
        return xp.where(is_last, end, _masked(xp, chain.valid & is_before, reached))

    first = _masked(xp, (lengths == time)[:, None], end)
    rows = emitted[1:][::-1], np.arange(time - 1)[::-1]
    return _scan(xp, step, first, rows)[::-1]


def loss_and_gradient(
    xp: Any, logits: Any, labels: Labels, lengths: Any, merge: bool, longer: bool
) -> tuple[Any, Any]:
    """The loss of each sequence, and its gradient with respect to the logits `[time, sequences, classes]`."""
    time, _, classes = logits.shape
    shifted = logits - logits.max(axis=2, keepdims=True)
    log_shares = shifted - xp.log(xp.exp(shifted).sum(axis=2, keepdims=True))
    chain = chain_of(xp, labels, classes - 1, merge)
    emitted = xp.take_along_axis(
        log_shares, xp.broadcast_to(chain.classes, (time, *chain.classes.shape)), axis=2
    )
    paths = forward_sums(xp, chain, emitted) + backward_sums(xp, chain, emitted, lengths)
    total = _total(xp, paths[0])
    known = xp.isfinite(total)
    occupied = xp.where(known[:, None], xp.exp(paths - xp.where(known, total, 0)[:, None]), 0)
    shares = xp.exp(log_shares) - _by_class(xp, occupied.astype(logits.dtype), chain.classes, classes)
    counted = (lengths > 0) & (~np.bool_(longer) | (labels.given <= lengths))
    inside = (np.arange(time)[:, None] < lengths) & counted
    gradient = xp.where(inside[:, :, None], shares, 0).astype(logits.dtype)
    return xp.where(counted, -total, 0).astype(logits.dtype), gradient


def _total(xp: Any, values: Any) -> Any:
    """The logarithm of the sum of exponentials of each row."""
    most = values.max(axis=1)
    safe = xp.where(xp.isfinite(most), most, 0)
    return xp.log(xp.exp(values - safe[:, None]).sum(axis=1)) + safe


def _by_class(xp: Any, occupied: Any, classes: Any, count: int) -> Any:
    """The occupation of states `[time, sequences, states]` added up by the class that they stand for."""
    rows = np.arange(occupied.shape[1])[:, None]
    result = xp.zeros((occupied.shape[0], occupied.shape[1], count), occupied.dtype)
    if xp is not np:
        return result.at[:, rows, classes].add(occupied)
    index: Any = (slice(None), rows, classes)
    np.add.at(result, index, occupied)
    return result


# Decoding


class Beam(NamedTuple):
    """The label sequences that a beam search has kept, likeliest first, with logarithms of probabilities.

    `label` is that of all paths that end in the last label, `total` that of those that end in a blank too.
    """

    paths: list[tuple[int, ...]]
    label: np.ndarray
    blank: np.ndarray

    @property
    def total(self) -> np.ndarray:
        return np.logaddexp(self.label, self.blank)  # type: ignore[no-any-return]


def _continued(beam: Beam, shares: np.ndarray) -> Beam:
    """The same sequences one step later: the last label again, or a blank."""
    place = {path: i for i, path in enumerate(beam.paths)}
    label, total = beam.label.copy(), beam.total
    for i, path in enumerate(beam.paths):
        if not path:
            continue
        parent = place.get(path[:-1])
        if parent is not None:
            repeated = len(path) > 1 and path[-1] == path[-2]
            came = beam.blank[parent] if repeated else total[parent]
            label[i] = np.logaddexp(label[i], came)
        label[i] += shares[path[-1]]
    return Beam(beam.paths, label, total + shares[-1])


def _grown(beam: Beam, shares: np.ndarray) -> np.ndarray:
    """For each sequence and label, the probability of the sequence that this label makes longer."""
    grown: np.ndarray = beam.total[:, None] + shares[:-1]
    for i, path in enumerate(beam.paths):
        if path:  # the label again, which a blank must part from itself
            grown[i, path[-1]] = beam.blank[i] + shares[path[-1]]
    return grown


class _Candidates:
    """The best sequences found so far in one step: those of the beam first, then longer ones."""

    def __init__(self, beam: Beam, width: int) -> None:
        self.width = width
        self.paths = list(beam.paths)
        self.heap = [(float(total), -i) for i, total in enumerate(beam.total)]
        heapq.heapify(self.heap)
        self.place = {path: i for i, path in enumerate(beam.paths)}
        self.gone: set[int] = set()  # of the beam, no longer among the best
        self.barred: set[int] = set()  # those of them that are not made longer any more

    def accepts(self, score: float) -> bool:
        """Whether a sequence of this probability is among the best."""
        return score > -np.inf and (len(self.heap) < self.width or score > self.heap[0][0])

    def offer(self, path: tuple[int, ...], score: float) -> None:
        """A sequence made longer; one that is among the best already stays as it is."""
        number = self.place.get(path)
        if number is not None and number not in self.gone:
            return
        if not self.accepts(score):
            if number is not None:
                self.barred.add(number)
            return
        self.paths.append(path)
        entry = score, 1 - len(self.paths)
        if len(self.heap) < self.width:
            heapq.heappush(self.heap, entry)
        else:
            self.gone.add(-heapq.heapreplace(self.heap, entry)[1])


def _advanced(beam: Beam, shares: np.ndarray, width: int) -> Beam:
    """The best `width` sequences after one more step.

    As in TensorFlow, a sequence of the beam that falls out of the best while its beginning is made longer is
    not made longer itself.
    """
    old, grown = _continued(beam, shares), _grown(beam, shares)
    found = _Candidates(old, width)
    children: dict[int, list[int]] = {}
    for path in beam.paths:
        parent = found.place.get(path[:-1]) if path else None
        if parent is not None:
            children.setdefault(parent, []).append(path[-1])
    for i, (path, total) in enumerate(zip(beam.paths, beam.total.tolist(), strict=True)):
        if i in found.barred or not found.accepts(total):
            continue
        least = found.heap[0][0] if len(found.heap) == width else -np.inf
        labels = {*np.flatnonzero(grown[i] > least).tolist(), *children.get(i, ())}
        for label in sorted(labels):
            found.offer((*path, label), float(grown[i, label]))
    return _best(found, old, shares.dtype)


def _best(found: _Candidates, old: Beam, dtype: Any) -> Beam:
    """The candidates as a beam, likeliest first."""
    ranked = sorted(found.heap, reverse=True)
    numbers = [-number for _, number in ranked]
    kept = len(old.paths)
    label = [old.label[n] if n < kept else score for n, (score, _) in zip(numbers, ranked, strict=True)]
    blank = [old.blank[n] if n < kept else -np.inf for n in numbers]
    return Beam([found.paths[n] for n in numbers], np.array(label, dtype), np.array(blank, dtype))


def beam_search(logits: np.ndarray, width: int, top: int) -> tuple[list[tuple[int, ...]], list[Any]]:
    """The likeliest label sequences for logits `[time, classes]`, and logarithms of their probabilities."""
    if top > width:
        fail("requested more paths than the beam width.")
    dtype = logits.dtype
    beam = Beam([()], np.array([-np.inf], dtype), np.array([0], dtype))
    with np.errstate(all="ignore"):
        for row in logits:
            shifted = row - row.max()
            beam = _advanced(beam, shifted - np.log(np.exp(shifted).sum()), width)
        scores = beam.total
    if top > len(beam.paths):
        fail("Less leaves in the beam search than requested.")
    return beam.paths[:top], scores[:top].tolist()
