"""The clock as an op."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from reflow.graph import shapes
from reflow.graph.graph import Tensor, emit
from reflow.graph.registry import op


def _now(_ctx: Any) -> np.ndarray:
    return np.array(time.time())


@op("Timestamp", shape=shapes.scalar, host=_now, gradient=None)
def timestamp(name: str | None = None) -> Tensor:
    """The seconds since 1970 when the node is run: a float64 scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.timestamp()) > 1.7e9)
    True
    """
    return emit("Timestamp", name=name)  # type: ignore[no-any-return]
