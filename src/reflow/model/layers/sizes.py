"""Settings of layers on space axes, and the sizes of what convolutions and pools give."""

from __future__ import annotations

from typing import Any


def spread(value: Any, count: int, name: str) -> tuple[int, ...]:
    """A number for each space axis, from one number or a sequence. ValueError when it does not fit."""
    if isinstance(value, int):
        return (value,) * count
    try:
        result = tuple(value)
    except TypeError:
        raise ValueError(
            f"The `{name}` argument must be a tuple of {count} integers. Received: {value}"
        ) from None
    if len(result) != count:
        raise ValueError(f"The `{name}` argument must be a tuple of {count} integers. Received: {value}")
    for single in result:
        try:
            int(single)
        except (ValueError, TypeError):
            raise ValueError(
                f"The `{name}` argument must be a tuple of {count} integers. Received: {value} including "
                f"element "
                f"{single} of type {type(single)}"
            ) from None
    return result


def padding_word(value: Any) -> Any:
    """A padding in lower case; ValueError for one that is not known."""
    if isinstance(value, (list, tuple)):
        return value
    word = value.lower()
    if word not in ("valid", "same", "causal"):
        raise ValueError(
            'The `padding` argument must be a list/tuple or one of "valid", "same" (or "causal", only for '
            "`Conv1D). "
            f"Received: {word}"
        )
    return word


def format_word(data_format: str, rank: int) -> str:
    """TensorFlow's name of a data format: `NHWC` for channels_last and rank 4."""
    axes = {3: "W", 4: "HW", 5: "DHW"}[rank]
    return f"NC{axes}" if data_format == "channels_first" else f"N{axes}C"


def convolved_size(size: Any, window: int, padding: str, stride: int, dilation: int = 1) -> Any:
    """The size of an axis after a convolution or a pool; None when it is not known."""
    if size is None:
        return None
    reach = (window - 1) * dilation + 1
    length = size if padding in ("same", "causal") else size - reach + 1
    return (length + stride - 1) // stride


def transposed_size(size: Any, window: int, padding: str, stride: int) -> Any:
    """The size of an axis after a transposed convolution: a number, None, or a tensor for a tensor."""
    if size is None:
        return None
    if padding == "same":
        return size * stride
    rest = max(window - stride, 0)
    return size * stride + rest


def normalized_format(data_format: str | None) -> str:
    """ "channels_last" or "channels_first"; ValueError for another word."""
    word = (data_format or "channels_last").lower()
    if word not in ("channels_last", "channels_first"):
        raise ValueError(
            'The `data_format` argument must be one of "channels_first", "channels_last". Received: '
            + str(data_format)
        )
    return word
