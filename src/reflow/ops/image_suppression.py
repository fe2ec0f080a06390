"""Non-maximum suppression: of boxes that overlap, the one with the best score. On the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import require
from reflow.graph.constant import constant_value
from reflow.graph.graph import convert_to_tensor, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import matrix_shapes as mats

SINGLE = np.float32
LEAST = float("-inf")
Similarity = Callable[[int, list[int]], Any]


# The algorithm


def _overlaps(boxes: Any) -> Similarity:
    """The intersection over union of a box with others."""
    low = np.minimum(boxes[:, :2], boxes[:, 2:])
    high = np.maximum(boxes[:, :2], boxes[:, 2:])
    areas = (high - low).prod(axis=1)

    def similarity(box: int, others: list[int]) -> Any:
        ends = np.minimum(high[box], high[others]) - np.maximum(low[box], low[others])
        common = np.maximum(ends, 0).prod(axis=1)
        union = areas[box] + areas[others] - common
        valid = (areas[box] > 0) & (areas[others] > 0)
        return np.where(valid, common / np.where(valid, union, 1), 0).astype(boxes.dtype)

    return similarity


class _Queue:
    """A binary heap of (score, box, begin), the best score on top.

    Among equal scores the order is that of the C++ library's heap, on which TensorFlow's rests.
    """

    def __init__(self) -> None:
        self.items: list[tuple[Any, int, int]] = []

    def push(self, item: tuple[Any, int, int]) -> None:
        self.items.append(item)
        self._rise(len(self.items) - 1, item)

    def _rise(self, hole: int, item: tuple[Any, int, int]) -> None:
        items = self.items
        while hole > 0 and items[(hole - 1) // 2][0] < item[0]:
            items[hole] = items[(hole - 1) // 2]
            hole = (hole - 1) // 2
        items[hole] = item

    def pop(self) -> tuple[Any, int, int]:
        items = self.items
        top, last = items[0], items.pop()
        if items:
            hole, size = 0, len(items)
            while 2 * hole + 2 < size:  # the hole sinks to a leaf, along the better children
                left = 2 * hole + 1
                child = left if items[left + 1][0] < items[left][0] else left + 1
                items[hole] = items[child]
                hole = child
            if 2 * hole + 2 == size:
                items[hole] = items[size - 1]
                hole = size - 1
            self._rise(hole, last)
        return top


def suppressed(
    scores: Any, similarity: Similarity, limit: int, threshold: Any, least_score: Any, sigma: Any = 0.0
) -> tuple[list[int], list[Any]]:
    """The numbers and the scores of the boxes that remain, best first, at most `limit`.

    A box goes when it is as similar as `threshold` to one that remains. With a `sigma` above 0, scores sink
    with the similarity, too, and boxes go when theirs is not above `least_score`.
    """
    kind = scores.dtype.type
    scale = kind(-0.5) / kind(sigma) if sigma > 0 else kind(0)
    queue = _Queue()
    for i, score in enumerate(scores):
        if score > least_score:
            queue.push((score, i, 0))
    chosen: dict[int, Any] = {}
    while queue.items and len(chosen) < limit:
        score, box, begin = queue.pop()
        if box in chosen:
            continue
        alike = similarity(box, list(chosen)[begin:]) if begin < len(chosen) else np.zeros(0, scores.dtype)
        if (alike >= threshold).any():
            continue
        lowered = _lowered(score, alike[::-1], scale, least_score) if sigma > 0 else score
        count = len(chosen)
        if lowered == score:
            chosen[box] = score
        if lowered > least_score:
            queue.push((lowered, box, count))  # a chosen one too: that settles the order of equal scores
    return list(chosen), list(chosen.values())


def _lowered(score: Any, alike: Any, scale: Any, least_score: Any) -> Any:
    """The score of a box after the boxes that it is similar to."""
    for similar in alike:
        score = score * np.exp(scale * similar * similar).astype(alike.dtype)
        if score <= least_score:
            break
    return score


def _best_of_class(scores: Any, similarity: Similarity, limit: int, threshold: Any, least: Any) -> list[int]:
    """The boxes that remain, best first, by a plain sort; similar is what is above `threshold`."""
    order = [i for i in np.argsort(-scores, kind="stable").tolist() if scores[i] > least]
    chosen: list[int] = []
    for box in order:
        if len(chosen) == limit:
            break
        if not chosen or not (similarity(box, chosen) > threshold).any():
            chosen.append(box)
    return chosen


# Kernels


def _check(boxes: Any, scores: Any, limit: Any, threshold: Any) -> None:
    require(np, np.ndim(limit) == 0, "max_output_size must be 0-D, got shape {}", list(np.shape(limit)))
    ok = 0 <= threshold <= 1
    require(np, ok, "iou_threshold must be in [0, 1]: {}", threshold)
    require(np, boxes.ndim == 2, "boxes must be 2-D{}", mats.shown(boxes))
    require(np, boxes.shape[1] == 4, "boxes must have 4 columns{}", mats.shown(boxes))
    ok = scores.ndim == 1 and scores.shape[0] == boxes.shape[0]
    require(np, ok, "scores has incompatible shape {} for {} boxes", mats.shown(scores), len(boxes))


def _select(
    boxes: Any, scores: Any, limit: Any, threshold: Any, least_score: Any = LEAST, sigma: Any = 0.0
) -> tuple[Any, Any]:
    """Checked, in single precision if the boxes are of 16 bits: numbers and scores as arrays."""
    _check(boxes, scores, limit, threshold)
    wide, points = boxes.astype(SINGLE), scores.astype(SINGLE)
    bounds = (SINGLE(threshold), SINGLE(least_score), float(sigma))
    chosen, kept = suppressed(points, _overlaps(wide), max(int(limit), 0), *bounds)
    return np.array(chosen, np.int32), np.array(kept, SINGLE).astype(scores.dtype)


def _first(ctx: Any, boxes: Any, scores: Any, limit: Any, *, iou_threshold: float) -> Any:
    return _select(boxes, scores, limit, iou_threshold)[0]


def _plain(ctx: Any, boxes: Any, scores: Any, limit: Any, *bounds: Any) -> Any:
    return _select(boxes, scores, limit, *bounds)[0]


def _padded(values: Any, limit: Any, pad: bool) -> Any:
    missing = int(limit) - len(values)
    return np.pad(values, (0, missing)) if pad and missing > 0 else values


def _counted(
    ctx: Any, boxes: Any, scores: Any, limit: Any, *bounds: Any, pad_to_max_output_size: bool
) -> tuple[Any, Any]:
    chosen, _ = _select(boxes, scores, limit, *bounds)
    return _padded(chosen, limit, pad_to_max_output_size), np.int32(len(chosen))


def _scored(
    ctx: Any, boxes: Any, scores: Any, limit: Any, *bounds: Any, pad_to_max_output_size: bool
) -> tuple[Any, Any, Any]:
    require(np, bounds[-1] >= 0, "soft_nms_sigma must be non-negative: {}", bounds[-1])
    chosen, kept = _select(boxes, scores, limit, *bounds)
    pad = pad_to_max_output_size
    return _padded(chosen, limit, pad), _padded(kept, limit, pad), np.int32(len(chosen))


def _by_matrix(ctx: Any, overlaps: Any, scores: Any, limit: Any, threshold: Any, least_score: Any) -> Any:
    require(np, overlaps.ndim == 2, "overlaps must be 2-D{}", mats.shown(overlaps))
    ok = overlaps.shape[0] == overlaps.shape[1]
    require(np, ok, "overlaps must be square{}", mats.shown(overlaps))
    ok = scores.shape == overlaps.shape[:1]
    require(np, ok, "scores has incompatible shape {} for {} boxes", mats.shown(scores), len(overlaps))
    similarity: Similarity = lambda box, others: overlaps[box, others]  # noqa: E731
    chosen, _ = suppressed(scores, similarity, max(int(limit), 0), threshold, least_score)
    return np.array(chosen, np.int32)


def _combined(
    ctx: Any,
    boxes: Any,
    scores: Any,
    per_class: Any,
    total: Any,
    threshold: Any,
    least_score: Any,
    *,
    pad_per_class: bool,
    clip_boxes: bool,
) -> tuple[Any, ...]:
    require(np, boxes.ndim == 4, "boxes must be 4-D{}", mats.shown(boxes))
    require(np, boxes.shape[3] == 4, "boxes must have 4 columns{}", mats.shown(boxes))
    require(np, scores.ndim == 3, "scores must be 3-D{}", mats.shown(scores))
    classes, shared = scores.shape[2], boxes.shape[2]
    message = "third dimension of boxes must be either 1 or equal to the third dimension of scores: {} {}"
    require(np, shared in (1, classes), message, mats.shown(boxes), mats.shown(scores))
    require(np, per_class > 0, "max_size_per_class must be positive: {}", per_class)
    require(np, total > 0, "max_total_size should be > 0: {}", total)
    require(np, 0 <= threshold <= 1, "iou_threshold must be in [0, 1]: {}", threshold)
    count = min(int(total), int(per_class) * classes) if pad_per_class else int(total)
    found = [
        _one_image(b, s, int(per_class), threshold, least_score) for b, s in zip(boxes, scores, strict=True)
    ]
    results = [_laid_out(rows, count, clip_boxes) for rows in found]
    stacked = [np.stack([r[i] for r in results]) if results else _nothing(count)[i] for i in range(3)]
    valid = np.array([min(len(rows), count) for rows in found], np.int32)
    return (*stacked, valid)


def _nothing(count: int) -> tuple[Any, Any, Any]:
    return np.zeros((0, count, 4), SINGLE), np.zeros((0, count), SINGLE), np.zeros((0, count), SINGLE)


def _one_image(boxes: Any, scores: Any, per_class: int, threshold: Any, least_score: Any) -> list[Any]:
    """(score, class, box) of all classes of one image, best first."""
    rows: list[Any] = []
    for number in range(scores.shape[1]):
        own = boxes[:, min(number, boxes.shape[1] - 1)]
        column = scores[:, number]
        chosen = _best_of_class(column, _overlaps(own), per_class, threshold, least_score)
        rows += [(column[i], number, own[i]) for i in chosen]
    return sorted(rows, key=lambda row: -row[0])


def _laid_out(rows: list[Any], count: int, clip: bool) -> tuple[Any, Any, Any]:
    """The first `count` rows as arrays, with zeros after them."""
    boxes, scores, classes = np.zeros((count, 4), SINGLE), np.zeros(count, SINGLE), np.zeros(count, SINGLE)
    for i, (score, number, box) in enumerate(rows[:count]):
        boxes[i], scores[i], classes[i] = np.clip(box, 0, 1) if clip else box, score, number
    return boxes, scores, classes


# Shapes


def _checked_boxes(node: Any) -> None:
    boxes, columns = mats.ranked(node.inputs[0].shape, 2)
    mats.same(boxes, mats.ranked(node.inputs[1].shape, 1)[0])
    mats.same(columns, 4)
    for scalar in node.inputs[2:]:
        mats.ranked(scalar.shape, 0)


def _selected_shape(node: Any) -> TensorShape:
    _checked_boxes(node)
    return TensorShape.of((None,))


def _counted_shapes(node: Any) -> list[TensorShape]:
    _checked_boxes(node)
    size = constant_value(node.inputs[2]) if node.attrs["pad_to_max_output_size"] else None
    length = TensorShape.of((None if size is None else max(int(size), 0),))
    return [length] * (len(node.outputs) - 1) + [TensorShape.of(())]


def _matrix_shape(node: Any) -> TensorShape:
    one, other = mats.ranked(node.inputs[0].shape, 2)
    mats.same(one, other)
    mats.same(one, mats.ranked(node.inputs[1].shape, 1)[0])
    return TensorShape.of((None,))


def _combined_shapes(node: Any) -> list[TensorShape]:
    batch, _, shared, columns = mats.ranked(node.inputs[0].shape, 4)
    scored, _, classes = mats.ranked(node.inputs[1].shape, 3)
    mats.same(columns, 4)
    mats.same(batch, scored)
    if shared is not None and classes is not None and shared not in (1, classes):
        raise ValueError(
            f"third dimension of boxes must be either 1 or equal to the third dimension of scores: "
            f"{shared} and {classes}"
        )
    per_class, total = constant_value(node.inputs[2]), constant_value(node.inputs[3])
    count = None if total is None else int(total)
    if node.attrs["pad_per_class"]:
        known = count is not None and per_class is not None and classes is not None
        count = min(int(total), int(per_class) * classes) if known else None  # type: ignore[arg-type,operator]
    rows = TensorShape.of((batch, count))
    return [TensorShape.of((batch, count, 4)), rows, rows, TensorShape.of((batch,))]


register("NonMaxSuppression", shape=_selected_shape, host=_first, gradient=None)
register("NonMaxSuppressionV2", shape=_selected_shape, host=_plain, gradient=None)


# Public functions


def _threshold(value: Any, name: str, dtype: Any = None) -> Any:
    return convert_to_tensor(value, dtype=dtype, name=name)


@op("NonMaxSuppressionV3", shape=_selected_shape, host=_plain, gradient=None)
def non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    name: str | None = None,
) -> Any:
    """The numbers of the boxes that remain when each drops those with a lower score that it overlaps.

    (TensorFlow 1.15, and no other version, repeats boxes without an area; here every number is there once.)

    Args:
        boxes: float32 or float16 [boxes, 4]: two opposite corners of each, in any units.
        scores: [boxes], of the boxes' type.
        max_output_size: how many boxes at most: an int32 scalar.
        iou_threshold: boxes overlap when their intersection over union is as great.
        score_threshold: boxes whose score is not greater are left out.

    Returns:
        int32, the best score first.

    Raises:
        ValueError: the shapes do not fit.
        InvalidArgumentError: when run, for an `iou_threshold` outside of [0, 1].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.9], [2.0, 2.0, 3.0, 3.0]]
    ...     print(sess.run(tf.image.non_max_suppression(boxes, [0.5, 0.9, 0.3], 3)))
    [1 2]
    """
    with name_scope(name, "non_max_suppression"):
        iou = _threshold(iou_threshold, "iou_threshold")
        least = _threshold(score_threshold, "score_threshold")
        return emit("NonMaxSuppressionV3", boxes, scores, max_output_size, iou, least)


@op("NonMaxSuppressionV4", shape=_counted_shapes, host=_counted, gradient=None)
def non_max_suppression_padded(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    pad_to_max_output_size: bool = False,
    name: str | None = None,
) -> Any:
    """`non_max_suppression` with, on demand, zeros after the numbers up to `max_output_size`.

    Returns:
        The numbers and how many of them count.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     boxes = [[0.0, 0.0, 1.0, 1.0]]
    ...     found = tf.image.non_max_suppression_padded(boxes, [0.5], 3, pad_to_max_output_size=True)
    ...     print(sess.run(list(found)))
    [array([0, 0, 0], dtype=int32), np.int32(1)]
    """
    with name_scope(name, "non_max_suppression_padded"):
        iou = _threshold(iou_threshold, "iou_threshold")
        least = _threshold(score_threshold, "score_threshold")
        return emit(
            "NonMaxSuppressionV4",
            boxes,
            scores,
            max_output_size,
            iou,
            least,
            pad_to_max_output_size=pad_to_max_output_size,
        )


@op("NonMaxSuppressionV5", shape=_counted_shapes, host=_scored, gradient=None)
def non_max_suppression_with_scores(
    boxes: Any,
    scores: Any,
    max_output_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    soft_nms_sigma: Any = 0.0,
    name: str | None = None,
) -> Any:
    """`non_max_suppression` that lowers the scores of overlapping boxes, for `soft_nms_sigma` above 0.

    Returns:
        The numbers of the boxes that remain, and their scores.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     boxes = [[0.0, 0.0, 1.0, 1.0], [0.0, 0.0, 1.0, 0.4]]
    ...     scores = tf.constant([0.5, 0.9])
    ...     print(sess.run(tf.image.non_max_suppression_with_scores(boxes, scores, 2, soft_nms_sigma=0.5)))
    (array([1, 0], dtype=int32), array([0.9       , 0.42607185], dtype=float32))
    """
    with name_scope(name, "non_max_suppression_with_scores"):
        iou = _threshold(iou_threshold, "iou_threshold")
        least = _threshold(score_threshold, "score_threshold")
        sigma = _threshold(soft_nms_sigma, "soft_nms_sigma")
        chosen, kept, _ = emit(
            "NonMaxSuppressionV5",
            boxes,
            scores,
            max_output_size,
            iou,
            least,
            sigma,
            pad_to_max_output_size=False,
        )
        return chosen, kept


@op("NonMaxSuppressionWithOverlaps", shape=_matrix_shape, host=_by_matrix, gradient=None)
def non_max_suppression_with_overlaps(
    overlaps: Any,
    scores: Any,
    max_output_size: Any,
    overlap_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    name: str | None = None,
) -> Any:
    """`non_max_suppression` by a matrix of how much each box overlaps each other one, float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     overlaps = [[1.0, 0.8], [0.8, 1.0]]
    ...     print(sess.run(tf.image.non_max_suppression_overlaps(overlaps, [0.5, 0.9], 2)))
    [1]
    """
    with name_scope(name, "non_max_suppression_overlaps"):
        threshold = _threshold(overlap_threshold, "overlap_threshold")
        return emit(
            "NonMaxSuppressionWithOverlaps", overlaps, scores, max_output_size, threshold, score_threshold
        )


@op("CombinedNonMaxSuppression", shape=_combined_shapes, host=_combined, gradient=None)
def combined_non_max_suppression(
    boxes: Any,
    scores: Any,
    max_output_size_per_class: Any,
    max_total_size: Any,
    iou_threshold: Any = 0.5,
    score_threshold: Any = LEAST,
    pad_per_class: bool = False,
    clip_boxes: bool = True,
    name: str | None = None,
) -> Any:
    """Non-maximum suppression for each class of each image of a batch; then the best of all classes.

    Args:
        boxes: float32 [batch, boxes, 1 or classes, 4].
        scores: float32 [batch, boxes, classes].
        max_output_size_per_class, max_total_size: int32 scalars.
        iou_threshold, score_threshold: as of `non_max_suppression`.
        pad_per_class: give max_output_size_per_class * classes rows if that is less than `max_total_size`.
        clip_boxes: clip coordinates to [0, 1].

    Returns:
        Boxes [batch, rows, 4], scores and classes [batch, rows], all float32 with zeros at the end, and how
        many rows count, int32 [batch].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     found = tf.image.combined_non_max_suppression([[[[0.0, 0.0, 1.0, 1.0]]]], [[[0.3, 0.7]]], 1, 3)
    ...     print(sess.run(found)[1:])
    [array([[0.7, 0.3, 0. ]], dtype=float32), array([[1., 0., 0.]], dtype=float32), array([2], dtype=int32)]
    """
    with name_scope(name, "combined_non_max_suppression"):
        iou = _threshold(iou_threshold, "iou_threshold", dtypes.float32)
        least = _threshold(score_threshold, "score_threshold", dtypes.float32)
        return emit(
            "CombinedNonMaxSuppression",
            boxes,
            scores,
            max_output_size_per_class,
            max_total_size,
            iou,
            least,
            pad_per_class=pad_per_class,
            clip_boxes=clip_boxes,
        )
