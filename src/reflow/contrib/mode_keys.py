"""The names of what a model is built for, which model functions take as `mode`."""

from __future__ import annotations


class EstimatorModeKeys:
    """`tf.estimator.ModeKeys`: training, evaluation, prediction.

    >>> import reflow as tf
    >>> tf.estimator.ModeKeys.TRAIN, tf.estimator.ModeKeys.EVAL, tf.estimator.ModeKeys.PREDICT
    ('train', 'eval', 'infer')
    """

    TRAIN = "train"
    EVAL = "eval"
    PREDICT = "infer"


class LearnModeKeys:
    """`tf.contrib.learn.ModeKeys`: training, evaluation, inference."""

    TRAIN = "train"
    EVAL = "eval"
    INFER = "infer"

    @classmethod
    def validate(cls, key: str) -> None:
        """ValueError unless `key` is one of the modes.

        >>> LearnModeKeys.validate("test")
        Traceback (most recent call last):
        ValueError: Invalid mode test.
        """
        if key not in (cls.TRAIN, cls.EVAL, cls.INFER):
            raise ValueError(f"Invalid mode {key}.")
