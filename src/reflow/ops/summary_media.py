"""Images as PNG files and sounds as WAV files, inside summaries."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

from reflow.graph.checks import fail
from reflow.ops import summary_wire as wire
from reflow.ops.summary_histogram import as_tag

COLOR_TYPES = {1: 0, 3: 2, 4: 6}  # channels -> PNG's gray, RGB, RGBA
SIGNATURE = b"\x89PNG\r\n\x1a\n"
ZERO_THRESHOLD = 1e-6  # an image whose values are all smaller is black
SUB = 1  # PNG's row filter: each byte less the one of the pixel before


def png(pixels: np.ndarray) -> bytes:
    """An array `[height, width, channels]` of uint8 as a PNG file; 1, 3 or 4 channels.

    >>> png(np.zeros([1, 1, 3], np.uint8))[:8]
    b'\\x89PNG\\r\\n\\x1a\\n'
    """
    height, width, channels = pixels.shape
    rows = np.empty((height, 1 + width * channels), np.uint8)
    rows[:, 0] = SUB
    rows[:, 1 : 1 + channels] = pixels[:, 0]
    rows[:, 1 + channels :] = (pixels[:, 1:] - pixels[:, :-1]).reshape(height, -1)
    header = struct.pack(">IIBBBBB", width, height, 8, COLOR_TYPES[channels], 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes())), (b"IEND", b"")]
    return SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def to_bytes(image: np.ndarray, bad_color: np.ndarray) -> np.ndarray:
    """A float image as uint8.

    Values that are all positive are scaled so that the largest is 255. With negative ones, 0 becomes 128 and
    the largest magnitude 127 from it. Pixels that are not finite get `bad_color`.
    """
    good = np.isfinite(image).all(-1)
    finite = image[good].astype(np.float32)
    low, high = (finite.min(), finite.max()) if finite.size else (np.float32(np.inf), np.float32(-np.inf))
    largest = max(abs(low), abs(high)) if low < 0 else high
    reach, offset = (127.0, 128.0) if low < 0 else (255.0, 0.0)
    scale = 0.0 if largest < ZERO_THRESHOLD else np.float32(reach) / largest
    kind = image.dtype.type
    with np.errstate(all="ignore"):  # what is not finite is replaced
        scaled = (np.where(good[..., None], image, kind(0)) * kind(scale) + kind(offset)).astype(np.uint8)
    return np.where(good[..., None], scaled, bad_color[: image.shape[-1]])


def image_host(ctx: Any, tag: Any, tensor: Any, *, max_images: int, bad_color: Any) -> np.ndarray:
    """The host kernel of ImageSummary."""
    name, shape = as_tag(tag), tensor.shape
    if len(shape) != 4 or shape[3] not in COLOR_TYPES:
        fail(f"Tensor must be 4-D with last dim 1, 3, or 4, not {_shown(shape)}")
    color = np.asarray(bad_color)
    if color.ndim != 1:
        fail(f"bad_color must be a vector, got shape {_shown(color.shape)}")
    if color.size < shape[3] and tensor.dtype != np.uint8:
        fail(f"expected depth <= bad_color.size, got depth = {shape[3]}, bad_color.size = {color.size}")
    images = tensor[:max_images]
    if len(images) and not images.size:
        fail(f"input tensor must have non-zero dims. Found: [{', '.join(map(str, shape))}].")
    pixels = [x if x.dtype == np.uint8 else to_bytes(x, color) for x in images]
    tags = _tags(name + b"/image", max_images)
    parts = [wire.image(t, p.shape, png(p)) for t, p in zip(tags, pixels, strict=False)]
    return wire.joined(parts)


def _tags(base: bytes, limit: int) -> list[bytes]:
    """The tags of the parts of a batch: numbered when there may be several."""
    return [base] if limit == 1 else [b"%s/%d" % (base, i) for i in range(limit)]


def _shown(shape: Any) -> str:
    return f"[{','.join(map(str, shape))}]"


def wav(samples: np.ndarray, rate: float) -> bytes:
    """An array `[frames, channels]` of floats in [-1, 1] as a WAV file of 16-bit samples.

    >>> wav(np.zeros([1, 1], np.float32), 8000.0)[:4]
    b'RIFF'
    """
    channels = samples.shape[1]
    scaled = samples.astype(np.float64) * 32768.0
    rounded = np.trunc(scaled + np.copysign(0.5, scaled))  # halves away from zero
    data = np.nan_to_num(rounded, nan=0.0).clip(-32768, 32767).astype("<i2").tobytes()
    whole = round_half_up(rate)
    form = struct.pack("<HHIIHH", 1, channels, whole, whole * channels * 2, channels * 2, 16)
    content = b"WAVE" + b"fmt " + struct.pack("<I", len(form)) + form
    content += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(content)) + content


def round_half_up(number: float) -> int:
    return int(np.floor(number + 0.5))


def audio_host(ctx: Any, tag: Any, tensor: Any, sample_rate: Any, *, max_outputs: int) -> np.ndarray:
    """The host kernel of AudioSummaryV2."""
    return _audio(as_tag(tag), tensor, _rate(sample_rate), max_outputs)


def _rate(value: Any) -> float:
    if value.ndim:
        fail(f"sample_rate must be a scalar, got shape {_shown(value.shape)}")
    if not value > 0:
        fail("sample_rate must be > 0")
    return float(value)


def _audio(name: bytes, tensor: np.ndarray, rate: float, limit: int) -> np.ndarray:
    if tensor.ndim not in (2, 3):
        fail(f"Tensor must be 3-D or 2-D, got: {_shown(tensor.shape)}")
    sounds = tensor[:limit].reshape(*tensor[:limit].shape[:2], -1) if tensor.size else tensor[:limit]
    if len(sounds) and not sounds.size:
        fail("num_frames must be positive." if not tensor.shape[1] else "num_channels must be positive.")
    tags = _tags(name + b"/audio", limit)
    parts = [
        wire.audio(t, rate, s.shape[1], s.shape[0], wav(s, rate)) for t, s in zip(tags, sounds, strict=False)
    ]
    return wire.joined(parts)
