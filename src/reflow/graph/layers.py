"""Layered drawings of directed graphs: who stands in which row, in which order, and where.

The steps are those of Sugiyama, Tagawa and Toda (1981): edges against the stream are turned round, rows come
from the longest paths, long edges get a bend in every row between, sweeps order the rows by the mean place of
the neighbours, and boxes move towards their neighbours as far as their row lets them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

Point = tuple[float, float]
Edge = tuple[int, int]
Lists = list[list[int]]

GAP, ROW_GAP, BEND = 18.0, 44.0, 6.0  # between boxes of a row, between rows; the width kept for an edge
SWEEPS, MOVES = 8, 12


class Layout(NamedTuple):
    """Centres of the boxes, the bends of each edge (from its source to its target), and the whole size."""

    centres: list[Point]
    bends: list[list[Point]]
    width: float
    height: float


def arrange(sizes: Sequence[Point], edges: Sequence[Edge]) -> Layout:
    """Lay boxes out in rows, so that edges run down.

    Args:
        sizes: width and height of each box.
        edges: pairs of boxes, by number. Cycles are allowed, edges of a box to itself are not.

    >>> arrange([(30.0, 10.0), (30.0, 10.0)], [(0, 1)]).centres
    [(15.0, 5.0), (15.0, 59.0)]
    """
    if not sizes:
        return Layout([], [[] for _ in edges], 0.0, 0.0)
    down = _acyclic(len(sizes), edges)
    row_of = _rows(len(sizes), down)
    widths = [width for width, _ in sizes]
    chains = [_chain(edge, row_of, widths) for edge in down]
    links = [pair for chain in chains for pair in itertools.pairwise(chain)]
    rows, above, below = _ordered(row_of, links)
    xs = _spread(rows, widths, above, below)
    middles = _row_middles(rows, sizes)
    points = [(x, middles[row_of[i]]) for i, x in enumerate(xs)]
    bends = [[points[i] for i in chain[1:-1]] for chain in chains]
    turned = [b if d == e else b[::-1] for b, d, e in zip(bends, down, edges, strict=True)]
    width = max(x + w / 2 for x, w in zip(xs, widths, strict=True))
    height = max(y + size[1] / 2 for (_, y), size in zip(points, sizes, strict=False))
    return Layout(points[: len(sizes)], turned, width, height)


def _acyclic(count: int, edges: Sequence[Edge]) -> list[Edge]:
    """The edges, those turned round that close a cycle in a walk from the first box on."""
    after: list[list[int]] = [[] for _ in range(count)]
    for source, target in edges:
        after[source].append(target)
    state = [0] * count  # 1 on the walk's way, 2 done
    back = set()
    for root in range(count):
        way = [(root, iter(after[root]))] if not state[root] else []
        state[root] = state[root] or 1
        while way:
            box, targets = way[-1]
            target = next(targets, -1)
            if target < 0:
                state[box] = 2
                way.pop()
            elif state[target] == 1:
                back.add((box, target))
            elif not state[target]:
                state[target] = 1
                way.append((target, iter(after[target])))
    return [(t, s) if (s, t) in back else (s, t) for s, t in edges]


def _rows(count: int, edges: Sequence[Edge]) -> list[int]:
    """The row of each box: below all its sources; a box without sources stands just above its targets."""
    after: list[list[int]] = [[] for _ in range(count)]
    waits = [0] * count
    for source, target in edges:
        after[source].append(target)
        waits[target] += 1
    rows = [0] * count
    starts = [i for i in range(count) if not waits[i]]
    ready = list(starts)
    for box in ready:  # grows as it goes
        for target in after[box]:
            rows[target] = max(rows[target], rows[box] + 1)
            waits[target] -= 1
            if not waits[target]:
                ready.append(target)
    for box in starts:
        rows[box] = min((rows[t] for t in after[box]), default=1) - 1
    return rows


def _chain(edge: Edge, rows: list[int], widths: list[float]) -> list[int]:
    """The boxes of an edge from end to end, with a new one for a bend in each row between."""
    source, target = edge
    between = range(rows[source] + 1, rows[target])
    first = len(rows)
    rows.extend(between)
    widths.extend([BEND] * len(between))
    return [source, *range(first, first + len(between)), target]


def _ordered(row_of: list[int], links: list[Edge]) -> tuple[Lists, Lists, Lists]:
    """The rows from left to right, and each box's neighbours in the row above and in the row below."""
    above: list[list[int]] = [[] for _ in row_of]
    below: list[list[int]] = [[] for _ in row_of]
    for upper, lower in links:
        above[lower].append(upper)
        below[upper].append(lower)
    rows: list[list[int]] = [[] for _ in range(max(row_of) + 1)]
    for box, number in enumerate(row_of):
        rows[number].append(box)
    place = {box: float(i) for row in rows for i, box in enumerate(row)}
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for row in rows[:: -1 if sweep % 2 else 1]:
            mean = {b: _mean([place[n] for n in near[b]], place[b]) for b in row}
            row.sort(key=mean.__getitem__)
            place.update((box, float(i)) for i, box in enumerate(row))
    return rows, above, below


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _spread(
    rows: list[list[int]], widths: list[float], above: list[list[int]], below: list[list[int]]
) -> list[float]:
    """The x of each box's middle; the leftmost edge of all is at 0."""
    xs = [0.0] * len(widths)
    for move in range(MOVES):
        for row in rows[:: -1 if move % 2 else 1]:
            wanted = [_mean([xs[n] for n in above[box] + below[box]], xs[box]) for box in row]
            for box, x in zip(row, _apart(wanted, [widths[box] for box in row]), strict=True):
                xs[box] = x
    left = min(x - w / 2 for x, w in zip(xs, widths, strict=True))
    return [x - left for x in xs]


def _apart(wanted: list[float], widths: list[float]) -> list[float]:
    """Places in the same order near the wanted ones, with gaps between boxes."""
    offsets: list[float] = []
    total = 0.0
    for before, width in zip([0.0, *widths], widths, strict=False):
        total += (before + width) / 2 + (GAP if offsets else 0.0)
        offsets.append(total)
    free = [w - o for w, o in zip(wanted, offsets, strict=True)]  # what remains may fall nowhere
    right, left = list(free), list(free)
    for i in range(1, len(free)):
        right[i] = max(right[i], right[i - 1])
        left[-i - 1] = min(left[-i - 1], left[-i])
    return [(r + b) / 2 + o for r, b, o in zip(right, left, offsets, strict=True)]


def _row_middles(rows: list[list[int]], sizes: Sequence[Point]) -> list[float]:
    middles, y = [], 0.0
    for row in rows:
        height = max((sizes[i][1] for i in row if i < len(sizes)), default=0.0)
        middles.append(y + height / 2)
        y += height + ROW_GAP
    return middles
