"""The area under a curve of right and wrong predictions at many thresholds."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from reflow.model.metrics.common import Pair, streamed
from reflow.model.metrics.thresholds import BEYOND, Counts, counts_at_thresholds, even_thresholds
from reflow.model.variable_scope import variable_scope
from reflow.ops.arithmetic import div, div_no_nan, maximum, minimum, multiply
from reflow.ops.array import ones_like
from reflow.ops.comparison import logical_and
from reflow.ops.masks import where
from reflow.ops.math import log
from reflow.ops.reduction import reduce_sum

SMALL = 1e-6  # added to counts, so that 0 / 0 is no NaN
HEIGHTS: dict[str, Callable[[Any, Any], Any]] = {  # of a strip between two points
    "trapezoidal": lambda left, right: (left + right) / 2.0,
    "careful_interpolation": lambda left, right: (left + right) / 2.0,
    "minoring": minimum,
    "majoring": maximum,
}
_log = logging.getLogger("tensorflow")


def curve_points(counts: Counts, curve: str) -> tuple[Any, Any]:
    """The points of the curve, a vector of each coordinate, one element for each threshold.

    "ROC": false positive rate and recall; "PR": recall and precision.
    """
    tp, fn, tn, fp = (counts[key] for key in ("tp", "fn", "tn", "fp"))
    found = div(tp + SMALL, tp + fn + SMALL)
    if curve == "ROC":
        return div(fp, fp + tn + SMALL), found
    return found, div(tp + SMALL, tp + fp + SMALL)


def check_curve(curve: str) -> None:
    """ValueError unless the curve is one of the two."""
    if curve not in ("ROC", "PR"):
        raise ValueError(f"curve must be either ROC or PR, {curve} unknown")


def _strips(counts: Counts, curve: str, method: str, number: int, name: str) -> Any:
    """The sum of the strips between neighbouring points."""
    x, y = curve_points(counts, curve)
    if method not in HEIGHTS:
        raise ValueError(f"Invalid summation_method: {method}")
    widths = x[: number - 1] - x[1:]
    return reduce_sum(multiply(widths, HEIGHTS[method](y[: number - 1], y[1:])), name=name)


def _careful(counts: Counts, number: int) -> Any:
    """The area under precision and recall, the true positives interpolated and not the precision."""
    tp, fp, fn = counts["tp"], counts["fp"], counts["fn"]
    found = tp[: number - 1] - tp[1:]
    positive = tp + fp
    fewer = maximum(positive[: number - 1] - positive[1:], 0)
    slope = div_no_nan(found, fewer, name="prec_slope")
    intercept = tp[1:] - multiply(slope, positive[1:])
    both = logical_and(positive[: number - 1] > 0, positive[1:] > 0)
    growth = div_no_nan(positive[: number - 1], maximum(positive[1:], 0), name="recall_relative_ratio")
    ratio = where(both, growth, ones_like(positive[1:]))
    gained = slope * (found + intercept * log(ratio))
    relevant = maximum(tp[1:] + fn[1:], 0)
    return reduce_sum(div_no_nan(gained, relevant, name="pr_auc_increment"), name="interpolate_pr_auc")


def _area(counts: Counts, curve: str, method: str, number: int, name: str) -> Any:
    if curve == "PR" and method == "careful_interpolation":
        return _careful(counts, number)
    if curve == "PR" and method == "trapezoidal":
        _log.warning(
            "The trapezoidal rule overestimates the area under a curve of precision and recall: "
            'use summation_method="careful_interpolation".'
        )
    return _strips(counts, curve, method, number, name)


def auc(
    labels: Any,
    predictions: Any,
    weights: Any = None,
    num_thresholds: int = 200,
    metrics_collections: Any = None,
    updates_collections: Any = None,
    curve: str = "ROC",
    name: str | None = None,
    summation_method: str = "trapezoidal",
    thresholds: Sequence[float] | None = None,
) -> Pair:
    """The area under a curve, approximated at many thresholds.

    Args:
        labels: a tensor of the predictions' shape, cast to booleans.
        predictions: a floating-point tensor of numbers in [0, 1]; InvalidArgumentError in the run otherwise.
        weights: what each counts: a number, or a tensor of the labels' rank that broadcasts to them.
        num_thresholds: how many thresholds there are, 0 and 1 included.
        metrics_collections, updates_collections: collections for the value and for the update.
        curve: "ROC", recall over the false positive rate, or "PR", precision over recall; else ValueError.
        name: the variable scope.
        summation_method: "trapezoidal"; "careful_interpolation", better for "PR"; "minoring" and "majoring",
            bounds from below and above; ValueError otherwise.
        thresholds: the thresholds themselves in [0, 1]; 0 and 1 are added.

    Returns the value and the update, scalars of float32.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value, update = tf.metrics.auc([0, 0, 1, 1], tf.constant([0.1, 0.4, 0.35, 0.8]))
    ...     sess.run(tf.local_variables_initializer())
    ...     print(sess.run(update).round(3))
    0.75
    """
    with variable_scope(name, "auc", (labels, predictions, weights)):
        check_curve(curve)
        inner = even_thresholds(num_thresholds) if thresholds is None else sorted(thresholds)
        limits = [0.0 - BEYOND, *inner, 1.0 + BEYOND]
        counts = counts_at_thresholds(labels, predictions, limits, weights)

        def compute(counts: Counts, name: str) -> Any:
            return _area(counts, curve, summation_method, len(limits), name)

        return streamed(compute, *counts, metrics_collections, updates_collections)
