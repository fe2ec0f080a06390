"""Initializers of convolution kernels that keep the norm of what they are applied to.

The general ones build a kernel of size k as the convolution of k - 1 kernels of size 2 (for each axis a
projection and its complement), which is orthogonal as its factors are.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

from reflow.base import dtypes
from reflow.graph.graph import convert_to_tensor, emit
from reflow.graph.node import Tensor
from reflow.model.initializers import Orthogonal, identity_matrix, random_orthogonal
from reflow.ops.array import zeros
from reflow.ops.blocks import expand_dims, matrix_transpose
from reflow.ops.random import random_normal

Place = tuple[int, ...]
Kernel = dict[Place, Any]


def _scaled(kernel: Any, gain: Any, dtype: Any) -> Tensor:
    product: Tensor = kernel * convert_to_tensor(gain, dtype=dtypes.as_dtype(dtype), name="Cast/x")
    return product


def _check_channels(shape: Any) -> None:
    if shape[-2] > shape[-1]:
        raise ValueError("In_filters cannot be greater than out_filters.")


class ConvolutionDeltaOrthogonal(Orthogonal):
    """A kernel that is an orthogonal matrix at its centre and zero elsewhere, for one to three spatial
    dimensions.

    Calls raise ValueError for other shapes, or if there are more inputs than outputs.

    >>> ConvolutionDeltaOrthogonal(gain=2.0).get_config()
    {'gain': 2.0, 'seed': None, 'dtype': 'float32'}
    """

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        if len(shape) < 3 or len(shape) > 5:
            raise ValueError(
                "The tensor to initialize must be at least three-dimensional and at most five-dimensional"
            )
        _check_channels(shape)
        chosen = self._chosen(dtype)
        q = random_orthogonal([shape[-1], shape[-1]], chosen, self.seed)
        q = _scaled(q[: shape[-2], :], self.gain, chosen)
        centre = [[(size - 1) // 2 for size in shape[:-2]]]
        kernel: Tensor = emit("ScatterNd", centre, expand_dims(q, 0), shape)
        return kernel


class _ConvolutionOrthogonal(Orthogonal):
    """The initializers for one, two and three spatial dimensions; the seed grows by one with each random
    op."""

    axes = 0
    dimensions = ""

    def __call__(self, shape: Any, dtype: Any = None, partition_info: Any = None) -> Tensor:
        if len(shape) != self.axes + 2:
            raise ValueError(f"The tensor to initialize must be {self.dimensions}-dimensional")
        _check_channels(shape)
        if len(set(shape[:-2])) > 1:
            raise ValueError("Kernel sizes must be equal.")
        return _scaled(self._kernel(*shape[-3:]), self.gain, self._chosen(dtype))

    def _next_seed(self) -> int | None:
        seed = self.seed
        if seed:
            self.seed = seed + 1
        return seed

    def _orthogonal(self, size: int) -> Tensor:
        return random_orthogonal([size, size], self.dtype, self._next_seed())

    def _projection(self, size: int) -> Tensor:
        """A random symmetric projection: onto the span of a random choice of orthonormal columns."""
        q = self._orthogonal(size)
        mask = emit("Cast", random_normal([size], seed=self._next_seed()) > 0, DstT=self.dtype)
        columns = emit("Mul", q, mask)
        product: Tensor = emit("MatMul", columns, matrix_transpose(columns))
        return product

    def _block(self, size: int) -> Kernel:
        """A kernel of size 2: at each place a product of projections (0) and their complements (1), one for
        each axis."""
        projections = [self._projection(size) for _ in range(self.axes)]
        unit = identity_matrix(size, size, self.dtype)
        block: Kernel = {}
        for place in itertools.product((0, 1), repeat=self.axes):
            factors = [self._side(unit, p, i) for p, i in zip(projections, place, strict=True)]
            block[place] = functools.reduce(lambda a, b: emit("MatMul", a, b), factors)
        return block

    def _side(self, unit: Any, projection: Any, side: int) -> Any:
        return unit - projection if side else projection

    def _convolved(self, first: Kernel, second: Kernel, size: int) -> Kernel:
        """The convolution of two kernels of matrices of `size`."""
        result: Kernel = {}
        k, n = (round(len(kernel) ** (1 / self.axes)) for kernel in (first, second))
        for place in itertools.product(range(k + n - 1), repeat=self.axes):
            total: Any = zeros([size, size], self.dtype)
            for at in itertools.product(*(range(min(k, i + 1)) for i in place)):
                rest = tuple(i - j for i, j in zip(place, at, strict=True))
                if all(r < n for r in rest):
                    total = total + emit("MatMul", first[at], second[rest])
            result[place] = total
        return result

    def _kernel(self, width: int, inputs: int, outputs: int) -> Tensor:
        rows = self._orthogonal(outputs)[0:inputs, :]
        if width == 1:
            single: Tensor = functools.reduce(lambda x, _: expand_dims(x, 0), range(self.axes), rows)
            return single
        kernel = self._block(outputs)
        for _ in range(width - 2):
            kernel = self._convolved(kernel, self._block(outputs), outputs)
        places = itertools.product(range(width), repeat=self.axes)
        return self._stacked({p: emit("MatMul", rows, kernel[p]) for p in places}, width)

    def _stacked(self, kernel: Kernel, width: int, before: Place = ()) -> Tensor:
        """The matrices of a kernel as one tensor."""
        if len(before) == self.axes:
            matrix: Tensor = kernel[before]
            return matrix
        parts = [self._stacked(kernel, width, (*before, i)) for i in range(width)]
        stack: Tensor = emit("Pack", parts, name="stack")
        return stack


class ConvolutionOrthogonal1D(_ConvolutionOrthogonal):
    """An orthogonal kernel for a convolution over one axis, of shape [width, inputs, outputs]."""

    axes = 1
    dimensions = "three"


class ConvolutionOrthogonal2D(_ConvolutionOrthogonal):
    """An orthogonal kernel for a convolution over two axes, of shape [width, width, inputs, outputs]."""

    axes = 2
    dimensions = "four"


class ConvolutionOrthogonal3D(_ConvolutionOrthogonal):
    """An orthogonal kernel for a convolution over three axes, of shape [width, width, width, inputs,
    outputs]."""

    axes = 3
    dimensions = "five"

    def _side(self, unit: Any, projection: Any, side: int) -> Any:
        return side * projection + (1 - side) * (unit - projection)


convolutional_delta_orthogonal = ConvolutionDeltaOrthogonal
convolutional_orthogonal_1d = ConvolutionOrthogonal1D
convolutional_orthogonal_2d = ConvolutionOrthogonal2D
convolutional_orthogonal_3d = ConvolutionOrthogonal3D
