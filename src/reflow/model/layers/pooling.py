"""Pooling layers: the largest or the mean element of each window."""

from __future__ import annotations

from typing import Any

from reflow.base.shape import TensorShape, as_shape
from reflow.model.layers.base import InputSpec, Layer
from reflow.model.layers.functional import functional
from reflow.model.layers.sizes import convolved_size, format_word, normalized_format, padding_word, spread
from reflow.ops import pooling as nn
from reflow.ops.shaping import expand_dims, squeeze


class _Pooling(Layer):
    """A pool over `rank` space axes."""

    rank: int
    function: Any

    def __init__(
        self,
        pool_size: Any,
        strides: Any,
        padding: str = "valid",
        data_format: str = "channels_last",
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.pool_size = spread(pool_size, self.rank, "pool_size")
        self.strides = spread(pool_size if strides is None else strides, self.rank, "strides")
        self.padding = padding_word(padding)
        self.data_format = normalized_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def call(self, inputs: Any) -> Any:
        if self.rank > 1:
            return self._pooled(inputs, self.pool_size, self.strides)
        axis = 2 if self.data_format == "channels_last" else 3
        wide = expand_dims(inputs, axis)
        return squeeze(self._pooled(wide, (*self.pool_size, 1), (*self.strides, 1)), axis)

    def _pooled(self, inputs: Any, window: tuple[int, ...], steps: tuple[int, ...]) -> Any:
        first = self.data_format == "channels_first"
        whole = [(1, 1, *v) if first else (1, *v, 1) for v in (window, steps)]
        word = format_word(self.data_format, len(window) + 2)
        return type(self).function(inputs, *whole, padding=self.padding.upper(), data_format=word)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        sizes = as_shape(input_shape).as_list()
        first = 2 if self.data_format == "channels_first" else 1
        for i, (window, stride) in enumerate(zip(self.pool_size, self.strides, strict=True)):
            sizes[first + i] = convolved_size(sizes[first + i], window, self.padding, stride)
        return TensorShape(sizes)


def _described(which: str, of: str, size: str, result: str) -> str:
    """The docstring of a pooling layer."""
    return f"""The {which} of each window of {of}.

    Args:
        pool_size: the size of the window, a number or one for each space axis.
        strides: how far the window moves, likewise.
        padding: "valid" or "same".
        data_format: "channels_last" or "channels_first".
        name: as of `Layer`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.{result.split()[0]}(2, 2)(tf.zeros({size})).shape.as_list()
    {result.split(maxsplit=1)[1]}
    """


class MaxPooling1D(_Pooling):
    __doc__ = _described("largest element", "sequences", "[1, 8, 3]", "MaxPooling1D [1, 4, 3]")
    rank, function = 1, staticmethod(nn.max_pool)


class MaxPooling2D(_Pooling):
    __doc__ = _described("largest element", "images", "[1, 8, 8, 3]", "MaxPooling2D [1, 4, 4, 3]")
    rank, function = 2, staticmethod(nn.max_pool)


class MaxPooling3D(_Pooling):
    __doc__ = _described("largest element", "volumes", "[1, 4, 4, 4, 3]", "MaxPooling3D [1, 2, 2, 2, 3]")
    rank, function = 3, staticmethod(nn.max_pool3d)


class AveragePooling1D(_Pooling):
    __doc__ = _described("mean", "sequences", "[1, 8, 3]", "AveragePooling1D [1, 4, 3]")
    rank, function = 1, staticmethod(nn.avg_pool)


class AveragePooling2D(_Pooling):
    __doc__ = _described("mean", "images", "[1, 8, 8, 3]", "AveragePooling2D [1, 4, 4, 3]")
    rank, function = 2, staticmethod(nn.avg_pool)


class AveragePooling3D(_Pooling):
    __doc__ = _described("mean", "volumes", "[1, 4, 4, 4, 3]", "AveragePooling3D [1, 2, 2, 2, 3]")
    rank, function = 3, staticmethod(nn.avg_pool3d)


def _example(name: str, shape: str, result: str) -> str:
    return (
        f">>> import reflow as tf\n>>> with tf.Graph().as_default():\n"
        f"...     tf.layers.{name}(tf.zeros({shape}), 2, 2).shape.as_list()\n{result}"
    )


max_pooling1d = functional(MaxPooling1D, "max_pooling1d", _example("max_pooling1d", "[1, 8, 3]", "[1, 4, 3]"))
max_pooling2d = functional(
    MaxPooling2D, "max_pooling2d", _example("max_pooling2d", "[1, 8, 8, 3]", "[1, 4, 4, 3]")
)
max_pooling3d = functional(
    MaxPooling3D, "max_pooling3d", _example("max_pooling3d", "[1, 4, 4, 4, 3]", "[1, 2, 2, 2, 3]")
)
average_pooling1d = functional(
    AveragePooling1D, "average_pooling1d", _example("average_pooling1d", "[1, 8, 3]", "[1, 4, 3]")
)
average_pooling2d = functional(
    AveragePooling2D, "average_pooling2d", _example("average_pooling2d", "[1, 8, 8, 3]", "[1, 4, 4, 3]")
)
average_pooling3d = functional(
    AveragePooling3D, "average_pooling3d", _example("average_pooling3d", "[1, 4, 4, 4, 3]", "[1, 2, 2, 2, 3]")
)
