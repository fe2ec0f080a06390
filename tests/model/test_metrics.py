"""Metrics read after their updates: values, variables, collections."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

import reflow as tf

LABELS = np.array([0, 1, 1, 0, 1, 0, 1, 1])
CHANCES = np.array([0.1, 0.4, 0.75, 0.6, 0.9, 0.3, 0.2, 0.8], np.float32)
GUESSES = (CHANCES > 0.5).astype(np.int64)


def streamed(build: Any, batches: int = 2, **arrays: np.ndarray) -> tuple[Any, Any]:
    """The value and the last update after the arrays went in, in several batches."""
    with tf.Graph().as_default(), tf.Session() as sess:
        inputs = {k: tf.placeholder(v.dtype, [None, *v.shape[1:]]) for k, v in arrays.items()}
        value, update = build(**inputs)
        sess.run(tf.local_variables_initializer())
        for parts in zip(*(np.array_split(v, batches) for v in arrays.values()), strict=True):
            last = sess.run(update, dict(zip(inputs.values(), parts, strict=True)))
        return sess.run(value), last


WHOLE = [
    ("accuracy", GUESSES, reference.accuracy_score),
    ("precision", GUESSES, reference.precision_score),
    ("recall", GUESSES, reference.recall_score),
    ("mean_squared_error", GUESSES, reference.mean_squared_error),
    ("mean_absolute_error", GUESSES, reference.mean_absolute_error),
    ("auc", CHANCES, reference.roc_auc_score),
]


@pytest.mark.parametrize("batches", [1, 3])
@pytest.mark.parametrize(("name", "predictions", "expected"), WHOLE, ids=[row[0] for row in WHOLE])
def test_batches_add_up(name: str, predictions: np.ndarray, expected: Any, batches: int) -> None:
    labels = LABELS.astype(np.float32) if "error" in name else LABELS
    predictions = predictions.astype(np.float32) if "error" in name else predictions
    value, last = streamed(getattr(tf.metrics, name), batches, labels=labels, predictions=predictions)
    assert value == pytest.approx(expected(LABELS, predictions), abs=1e-5)
    assert last == value


def test_the_value_is_that_of_the_last_update() -> None:
    sure = {"labels": LABELS, "predictions": CHANCES}
    for build in (
        lambda labels, predictions: tf.metrics.recall_at_thresholds(labels, predictions, [0.2, 0.5]),
        lambda labels, predictions: tf.metrics.sensitivity_at_specificity(labels, predictions, 0.5),
        lambda labels, predictions: tf.metrics.auc(
            labels, predictions, curve="PR", summation_method="minoring"
        ),
        lambda labels, predictions: tf.contrib.metrics.f1_score(labels, predictions),
        lambda labels, predictions: tf.contrib.metrics.streaming_false_negative_rate(predictions, labels),
    ):
        value, last = streamed(build, **sure)
        np.testing.assert_array_equal(value, last)


def test_mean_iou() -> None:
    labels, predictions = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 2, 2, 2, 1, 1])
    value, matrix = streamed(
        lambda labels, predictions: tf.metrics.mean_iou(labels, predictions, 4),
        labels=labels,
        predictions=predictions,
    )
    assert value == pytest.approx(reference.jaccard_score(labels, predictions, average="macro"))
    np.testing.assert_array_equal(
        matrix, reference.confusion_matrix(labels, predictions, labels=[0, 1, 2, 3])
    )


def test_mean_per_class_accuracy() -> None:
    labels, predictions = np.array([0, 1, 2, 2, 1, 0]), np.array([0, 2, 2, 2, 1, 1])
    value, each = streamed(
        lambda labels, predictions: tf.metrics.mean_per_class_accuracy(labels, predictions, 3),
        labels=labels,
        predictions=predictions,
    )
    np.testing.assert_allclose(each, [0.5, 0.5, 1.0])
    assert value == pytest.approx(reference.balanced_accuracy_score(labels, predictions))


def test_kappa_and_correlation() -> None:
    kappa, _ = streamed(
        lambda labels, predictions: tf.contrib.metrics.cohen_kappa(labels, predictions, 2),
        labels=LABELS,
        predictions=GUESSES,
    )
    assert kappa == pytest.approx(reference.cohen_kappa_score(LABELS, GUESSES))
    floats = {"predictions": CHANCES, "labels": LABELS.astype(np.float32)}
    correlation, last = streamed(tf.contrib.metrics.streaming_pearson_correlation, 3, **floats)
    assert correlation == pytest.approx(np.corrcoef(CHANCES, LABELS)[0, 1], rel=1e-5)
    assert last == correlation


@pytest.mark.parametrize(("axis", "max_size", "kept"), [(0, None, 7), (0, 4, 4), (1, None, 7), (-1, 5, 5)])
def test_streaming_concat(axis: int, max_size: int | None, kept: int) -> None:
    values = np.arange(14, dtype=np.float32).reshape(7, 2)
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None, 2] if axis == 0 else [2, None])
        value, update = tf.contrib.metrics.streaming_concat(x, axis, max_size)
        sess.run(tf.local_variables_initializer())
        for part in (values[:1], values[1:4], values[4:4], values[4:]):
            number = sess.run(update, {x: part if axis == 0 else part.T})
        assert number == kept
        np.testing.assert_array_equal(sess.run(value), values[:kept] if axis == 0 else values[:kept].T)


def test_recall_at_k_of_sparse_labels() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        labels = tf.SparseTensor([[0, 0], [0, 1], [1, 0]], tf.constant([0, 2, 1], tf.int64), [2, 2])
        value, update = tf.metrics.recall_at_k(labels, [[0.5, 0.1, 0.4], [0.9, 0.1, 0.0]], 1)
        sess.run(tf.local_variables_initializer())
        assert sess.run(update) == sess.run(value) == pytest.approx(1 / 3)


def test_variables_and_collections() -> None:
    with tf.Graph().as_default():
        value, update = tf.metrics.mean(
            [1.0], metrics_collections=["m"], updates_collections="u", name="loss"
        )
        names = ["loss/total:0", "loss/count:0"]
        assert [v.name for v in tf.local_variables()] == names
        assert [v.name for v in tf.get_collection(tf.GraphKeys.METRIC_VARIABLES)] == names
        assert not tf.global_variables()
        assert not tf.trainable_variables()
        assert tf.get_collection("m") == [value]
        assert tf.get_collection("u") == [update]


def test_resetting_by_initializing_again() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        x = tf.placeholder(tf.float32, [None])
        value, update = tf.metrics.mean(x)
        for numbers in ([1.0, 3.0], [10.0]):
            sess.run(tf.local_variables_initializer())
            assert sess.run(value) == 0.0
            sess.run(update, {x: numbers})
            assert sess.run(value) == np.mean(numbers)


def test_predictions_out_of_range_name_the_check() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match="predictions must be in"):
        streamed(tf.metrics.auc, labels=LABELS, predictions=CHANCES + 1)


def test_a_variable_without_a_value() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        value, _ = tf.metrics.mean([1.0])
        with pytest.raises(tf.errors.FailedPreconditionError, match="mean/total"):
            sess.run(value)


def test_swapped_arguments_are_checked() -> None:
    with pytest.raises(TypeError, match="labels"):
        tf.contrib.metrics.streaming_accuracy([1])
