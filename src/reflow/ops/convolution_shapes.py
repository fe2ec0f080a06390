"""Shape rules of ops on sliding windows: convolutions, their gradients, pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reflow.base.shape import TensorShape
from reflow.graph.constant import constant_value_as_shape
from reflow.ops import matrix_shapes as mats
from reflow.ops.windows import arranged, depth_of, space_of, static_count


def layout_of(node: Any, default: str = "NHWC") -> str:
    """The attribute `data_format`."""
    return node.attrs.get("data_format", default)  # type: ignore[no-any-return]


def _check_length(node: Any, name: str, rank: int) -> list[int]:
    values: list[int] = node.attrs[name]
    if len(values) != rank:
        raise ValueError(
            f"{node.type} requires the {name} attribute to contain {rank} values, but got: {len(values)}"
        )
    return values


def explicit_ends(node: Any, rank: int, layout: str) -> Sequence[tuple[int, int]]:
    """The explicit padding of the space axes; ValueError when it is no padding of a convolution."""
    values = list(node.attrs.get("explicit_paddings", ()))
    if node.attrs["padding"] != "EXPLICIT":
        if values:
            raise ValueError(
                "explicit_paddings attribute must be empty if the padding attribute is not EXPLICIT"
            )
        return [(0, 0)] * (rank - 2)
    if len(values) != 2 * rank:
        raise ValueError(
            f"explicit_paddings attribute must contain {2 * rank} values, but got: {len(values)}"
        )
    if min(values) < 0:
        raise ValueError("All elements of explicit_paddings must be nonnegative")
    pairs = [(values[2 * i], values[2 * i + 1]) for i in range(rank)]
    if any(pairs[0]) or any(depth_of(pairs, layout)):
        raise ValueError("Nonzero explicit padding in the batch or depth dimensions is not supported")
    return space_of(pairs, layout)


def convolution_shape(rank: int) -> Any:
    """The shape rule of a convolution of `rank` axes in all."""

    def rule(node: Any) -> TensorShape:
        layout = layout_of(node, "NDHWC" if rank == 5 else "NHWC")
        dilations = _check_length(node, "dilations", rank)
        strides = _check_length(node, "strides", rank)
        inputs = mats.ranked(node.inputs[0].shape, rank)
        kernel = mats.ranked(node.inputs[1].shape, rank)
        ends = explicit_ends(node, rank, layout)
        depth, part = depth_of(inputs, layout), kernel[-2]
        if depth is not None and part and depth % part:
            raise ValueError(f"Depth of input ({depth}) is not a multiple of input depth of filter ({part})")
        if depth is not None and part and kernel[-1] is not None and kernel[-1] % (depth // part):
            raise ValueError(
                f"Depth of output ({kernel[-1]}) is not a multiple of the number of groups ({depth // part})"
            )
        axes = zip(
            space_of(inputs, layout),
            kernel,
            space_of(strides, layout),
            space_of(dilations, layout),
            ends,
            strict=False,
        )
        space = [static_count(n, k, s, r, node.attrs["padding"], e) for n, k, s, r, e in axes]
        return TensorShape.of(arranged(inputs[0], space, kernel[-1], layout))

    return rule


def depthwise_shape(node: Any) -> TensorShape:
    """The shape rule of a depthwise convolution."""
    layout = layout_of(node)
    dilations, strides = _check_length(node, "dilations", 4), _check_length(node, "strides", 4)
    inputs, kernel = mats.ranked(node.inputs[0].shape, 4), mats.ranked(node.inputs[1].shape, 4)
    depth = mats.same(depth_of(inputs, layout), kernel[2])
    filters = None if depth is None or kernel[3] is None else depth * kernel[3]
    axes = zip(
        space_of(inputs, layout), kernel, space_of(strides, layout), space_of(dilations, layout), strict=False
    )
    space = [static_count(n, k, s, r, node.attrs["padding"]) for n, k, s, r in axes]
    return TensorShape.of(arranged(inputs[0], space, filters, layout))


def sizes_input(position: int, rank: int) -> Any:
    """The shape rule of an op whose output has the sizes that an input gives."""

    def rule(node: Any) -> TensorShape:
        return TensorShape.of(mats.ranked(constant_value_as_shape(node.inputs[position]), rank))

    return rule


def pooled_dims(
    node: Any, inputs: mats.Dims, ksize: Sequence[int] | None, strides: Sequence[int] | None, layout: str
) -> TensorShape:
    """The sizes of a pooled tensor; those of windows that are not known are unknown."""
    rank = len(inputs)
    if ksize is None or strides is None:
        return TensorShape.of((inputs[0], *[None] * (rank - 1)))
    sizes = [inputs[0], *space_of(inputs, layout), depth_of(inputs, layout)]
    windows = [ksize[0], *space_of(ksize, layout), depth_of(ksize, layout)]
    steps = [strides[0], *space_of(strides, layout), depth_of(strides, layout)]
    padding = node.attrs["padding"]
    space = [
        static_count(n, k, s, 1, padding)
        for n, k, s in zip(sizes[1:-1], windows[1:-1], steps[1:-1], strict=True)
    ]
    depth = static_count(sizes[-1], windows[-1], steps[-1], 1, padding)
    return TensorShape.of(arranged(inputs[0], space, depth, layout))


def pooling_shape(rank: int) -> Any:
    """The shape rule of pooling with the attributes `ksize` and `strides`."""

    def rule(node: Any) -> TensorShape:
        layout = layout_of(node, "NDHWC" if rank == 5 else "NHWC")
        inputs = mats.ranked(node.inputs[0].shape, rank)
        ksize, strides = _check_length(node, "ksize", rank), _check_length(node, "strides", rank)
        return pooled_dims(node, inputs, ksize, strides, layout)

    return rule
