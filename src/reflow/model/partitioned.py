"""Variables in slices along one axis: the whole as one object, and the functions that decide how to cut."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.graph import control_dependencies, convert_to_tensor, emit, name_scope
from reflow.graph.node import Tensor

Partitioner = Callable[..., Sequence[int]]


class PartitionInfo:
    """Where a slice lies in the whole, for initializers: the whole's shape and the slice's offset.

    >>> PartitionInfo([4, 2], [2, 0]).single_slice_dim([2, 2])
    0
    """

    def __init__(self, full_shape: Sequence[int], var_offset: Sequence[int]) -> None:
        for argument, value in (("full_shape", full_shape), ("var_offset", var_offset)):
            if not isinstance(value, Sequence) or isinstance(value, str):
                raise TypeError(
                    f"`{argument}` must be a sequence (like tuple or list) instead of {type(value).__name__}"
                )
        if len(var_offset) != len(full_shape):
            raise ValueError(
                f"Expected equal length, but `var_offset` is of length {len(var_offset)} while full_shape "
                "is of length "
                f"{len(full_shape)}."
            )
        for offset, size in zip(var_offset, full_shape, strict=True):
            if offset < 0 or offset >= size:
                raise ValueError(
                    f"Expected 0 <= offset < shape but found offset={offset}, shape={size} for "
                    f"var_offset={var_offset}, full_shape={full_shape}"
                )
        self.full_shape = full_shape
        self.var_offset = var_offset

    def single_offset(self, shape: Sequence[int]) -> int:
        """The offset of a slice of `shape` along the axis that is cut."""
        axis = self.single_slice_dim(shape)
        return 0 if axis is None else self.var_offset[axis]

    def single_slice_dim(self, shape: Sequence[int]) -> int | None:
        """The axis along which a slice of `shape` is cut; None if it is the whole. ValueError if there are
        several."""
        if len(shape) != len(self.full_shape):
            raise ValueError(f"Expected a shape of length {len(self.full_shape)}, got {shape}")
        for axis, size in enumerate(shape):
            if self.var_offset[axis] + size > self.full_shape[axis]:
                raise ValueError(
                    f"With self.var_offset={self.var_offset}, a partition of shape={shape} would exceed "
                    f"self.full_shape={self.full_shape} in dimension {axis}."
                )
        cut = [axis for axis, size in enumerate(shape) if size != self.full_shape[axis]]
        if len(cut) > 1:
            raise ValueError(
                f"Cannot use single_slice_dim() with shape={shape} and self.full_shape={self.full_shape} "
                "since slice "
                f"dim could be either dimension {cut[1]} or {cut[0]}."
            )
        return cut[0] if cut else None


class PartitionedVariable:
    """Several variables that are slices of one: as a tensor, the slices put together.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     v = tf.get_variable("v", [5, 2], partitioner=tf.fixed_size_partitioner(2))
    ...     print([part.name for part in v], v.shape, tf.convert_to_tensor(v).shape)
    ['v/part_0:0', 'v/part_1:0'] (5, 2) (5, 2)
    """

    __array_priority__ = 100

    def __init__(
        self, name: str, shape: TensorShape, dtype: dtypes.DType, variable_list: Any, partitions: Any
    ) -> None:
        if not isinstance(variable_list, (list, tuple)):
            raise TypeError(f"variable_list is not a list or tuple: {variable_list}")
        if not isinstance(partitions, (list, tuple)):
            raise TypeError(f"partitions is not a list or tuple: {partitions}")
        if not all(p >= 1 for p in partitions):
            raise ValueError(f"partition values must be positive: {partitions}")
        if not variable_list:
            raise ValueError("variable_list may not be empty")
        if len(shape) != len(partitions):
            raise ValueError(f"len(shape) != len(partitions): {shape} vs. {partitions}")
        infos = [v._get_save_slice_info() for v in variable_list]
        if not all(infos):
            raise ValueError(
                f"All variables must have a save_slice_info available: {[v.name for v in variable_list]}"
            )
        if any(TensorShape(info.full_shape) != shape for info in infos):
            raise ValueError(
                f"All variables' full shapes must match shape: {shape}; but full shapes were: "
                f"{[info.full_shape for info in infos]}"
            )
        self._variables = sorted(variable_list, key=lambda v: v._get_save_slice_info().var_offset)
        self._name = name
        self._shape = shape
        self._dtype = dtype
        self._partitions = partitions

    def __iter__(self) -> Iterator[Any]:
        return iter(self._variables)

    def __len__(self) -> int:
        self._only_axis("Cannot get a length for more than one partition axis", ValueError)
        return len(self._variables)

    @property
    def name(self) -> str:
        """The name of the whole; there is no node of that name."""
        return self._name

    @property
    def dtype(self) -> dtypes.DType:
        return self._dtype

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole."""
        return self._shape

    def get_shape(self) -> TensorShape:
        """The shape of the whole, as `shape`."""
        return self._shape

    @property
    def graph(self) -> Any:
        return self._variables[0].graph

    def _get_variable_list(self) -> list[Any]:
        return self._variables

    def _get_partitions(self) -> Any:
        return self._partitions

    def _partition_axes(self) -> list[int]:
        """The axes that are cut; the first if none is."""
        return [axis for axis, count in enumerate(self._partitions) if count > 1] or [0]

    def _only_axis(self, refusal: str, error: type[Exception] = NotImplementedError) -> int:
        axes = self._partition_axes()
        if len(axes) > 1:
            raise error(f"{refusal}: {axes}")
        return axes[0]

    def as_tensor(self) -> Tensor:
        """The slices put together as one tensor."""
        with control_dependencies(None):
            if len(self._variables) == 1:
                whole = self._variables[0]
            else:
                axis = self._only_axis("Cannot concatenate along more than one dimension")
                with name_scope(self._name + "/ConcatPartitions/"):
                    whole = emit("ConcatV2", self._variables, axis, name="concat")
            with name_scope(None):
                made: Tensor = emit("Identity", whole, name=self._name)
                return made

    def _as_tensor(self, dtype: Any = None, name: str | None = None, as_ref: bool = False) -> Tensor:
        if dtype is not None and not dtypes.as_dtype(dtype).is_compatible_with(self._dtype):
            raise ValueError(
                f"Incompatible type conversion requested to type '{dtypes.as_dtype(dtype).name}' "
                f"for variable of type '{self._dtype.name}'"
            )
        if as_ref:
            raise NotImplementedError("PartitionedVariable doesn't support being used as a reference.")
        return self.as_tensor()

    def _parts_of(self, value: Any) -> list[Any]:
        """What each slice gets of `value`: a list of parts, another partitioned variable, or a whole to be
        cut."""
        axis = self._only_axis("Cannot do assign action along more than one dimension")
        if isinstance(value, (list, PartitionedVariable)):
            parts = list(value)
            if len(parts) != len(self._variables):
                raise ValueError(f"Expected {len(self._variables)} values for the slices, got {len(parts)}")
            return parts
        sizes = [v.shape.ints[axis] for v in self._variables]
        split: list[Any] = emit(
            "SplitV", value, convert_to_tensor(sizes), axis, num_split=len(sizes), name="split"
        )
        return split

    def _each(
        self, method: str, value: Any, use_locking: bool, name: str | None, read_value: bool
    ) -> list[Any]:
        return [
            getattr(v, method)(part, use_locking=use_locking, name=name, read_value=read_value)
            for v, part in zip(self._variables, self._parts_of(value), strict=True)
        ]

    def assign(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Give the slices their parts of `value`. Returns a list of what each slice's `assign` returns."""
        return self._each("assign", value, use_locking, name, read_value)

    def assign_add(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Add to the slices their parts of `value`. Returns as `assign`."""
        return self._each("assign_add", value, use_locking, name, read_value)

    def assign_sub(
        self, value: Any, use_locking: bool = False, name: str | None = None, read_value: bool = True
    ) -> list[Any]:
        """Subtract from the slices their parts of `value`. Returns as `assign`."""
        return self._each("assign_sub", value, use_locking, name, read_value)


# How to cut


def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Partitioner:
    """A partitioner that makes `num_shards` slices along `axis`, or as many as the axis has places.

    >>> import reflow as tf
    >>> tf.fixed_size_partitioner(3)(shape=tf.TensorShape([10, 2]), dtype=tf.float32)
    [3, 1]
    """

    def partitioner(shape: TensorShape, **_: Any) -> list[int]:
        return _along(axis, shape, min(num_shards, _size(shape, axis)))

    return partitioner


def variable_axis_size_partitioner(
    max_shard_bytes: int, axis: int = 0, bytes_per_string_element: int = 16, max_shards: int | None = None
) -> Partitioner:
    """A partitioner that makes slices along `axis` of at most `max_shard_bytes`, but at most `max_shards` of
    them.

    >>> import reflow as tf
    >>> tf.variable_axis_size_partitioner(16)(shape=tf.TensorShape([10, 2]), dtype=tf.float32)
    [5, 1]
    """
    if max_shard_bytes < 1 or bytes_per_string_element < 1:
        raise ValueError("Both max_shard_bytes and bytes_per_string_element must be positive.")
    if max_shards and max_shards < 1:
        raise ValueError("max_shards must be positive.")

    def partitioner(shape: TensorShape, dtype: dtypes.DType) -> list[int]:
        if not isinstance(shape, TensorShape):
            raise ValueError(f"shape is not a TensorShape: {shape}")
        if not shape.is_fully_defined():
            raise ValueError(f"shape is not fully defined: {shape}")
        if not isinstance(dtype, dtypes.DType):
            raise ValueError(f"dtype is not a DType: {dtype}")
        size = _size(shape, axis)
        slice_bytes = _elements(shape) / size * _element_bytes(dtype, bytes_per_string_element)
        shards = math.ceil(size / max(1, math.floor(max_shard_bytes / slice_bytes)))
        return _along(axis, shape, min(max_shards, shards) if max_shards else shards)

    return partitioner


def min_max_variable_partitioner(
    max_partitions: int = 1,
    axis: int = 0,
    min_slice_size: int = 256 << 10,
    bytes_per_string_element: int = 16,
) -> Partitioner:
    """A partitioner that makes at most `max_partitions` slices along `axis`, of at least `min_slice_size`
    bytes.

    >>> import reflow as tf
    >>> tf.min_max_variable_partitioner(4, min_slice_size=32)(shape=tf.TensorShape([10, 2]), dtype=tf.float32)
    [3, 1]
    """

    def partitioner(shape: TensorShape, dtype: dtypes.DType) -> list[int]:
        if axis >= len(shape):
            raise ValueError(f"Can not partition variable along axis {axis} when shape is only {shape}")
        total = _elements(shape) * _element_bytes(dtype, bytes_per_string_element)
        wanted = min(_size(shape, axis), max_partitions, math.ceil(total / min_slice_size))
        return _along(axis, shape, max(1, wanted))

    return partitioner


def _along(axis: int, shape: TensorShape, count: int) -> list[int]:
    partitions = [1] * len(shape)
    partitions[axis] = count
    return partitions


def _size(shape: TensorShape, axis: int) -> int:
    return int(shape.as_list()[axis] or 0)


def _elements(shape: TensorShape) -> int:
    return int(shape.num_elements() or 0)


def _element_bytes(dtype: dtypes.DType, bytes_per_string_element: int) -> int:
    return bytes_per_string_element if dtype.base_dtype == dtypes.string else dtype.size


def checked_partitions(partitioner: Partitioner, shape: TensorShape, dtype: dtypes.DType) -> Sequence[int]:
    """The partitioner's answer for a variable; ValueError unless it cuts a known shape along at most one
    axis."""
    if not shape.is_fully_defined():
        raise ValueError(
            f"Shape of a new partitioned variable must be fully defined, but instead was {shape}."
        )
    if len(shape) < 1:
        raise ValueError(f"A partitioned Variable must have rank at least 1, shape: {shape}")
    slicing = partitioner(shape=shape, dtype=dtype)
    if not isinstance(slicing, Sequence):
        raise ValueError(f"Partitioner must return a sequence, but saw: {slicing}")
    if len(slicing) != len(shape):
        raise ValueError(
            f"Partitioner returned a partition list that does not match the Variable's rank: {slicing} "
            f"vs. {shape}"
        )
    if any(p < 1 for p in slicing):
        raise ValueError(f"Partitioner returned zero partitions for some axes: {slicing}")
    if sum(p > 1 for p in slicing) > 1:
        raise ValueError(
            f"Can only slice a variable along one dimension: shape: {shape}, partitioning: {slicing}"
        )
    return slicing


def slice_dim_and_count(slicing: Sequence[int]) -> tuple[int, int]:
    """The axis that is cut, and into how many slices."""
    return next(((axis, count) for axis, count in enumerate(slicing) if count > 1), (0, 1))


def slices_of(full_shape: list[int], count: int, axis: int) -> Iterator[tuple[list[int], list[int]]]:
    """Offset and shape of each slice; the first ones are larger by one if the size does not divide.

    >>> list(slices_of([5, 2], 2, 0))
    [([0, 0], [3, 2]), ([3, 0], [2, 2])]
    """
    least, excess = divmod(full_shape[axis], count)
    offset = [0] * len(full_shape)
    for i in range(count):
        shape = list(full_shape)
        shape[axis] = least + (i < excess)
        yield list(offset), shape
        offset[axis] += shape[axis]
