"""Image files: JPEG, PNG, GIF and BMP read into arrays and written. No graph here.

Pillow does most of the work. What it cannot do is done here: PNG files of 16 bits a color, and BMP files as
TensorFlow reads them (their colors as they are, without the palette). `BadImage` says what is wrong.

JPEG files are decoded by the same library (libjpeg-turbo) as TensorFlow's, in the same mode: by default that
is its fast integer transformation, which Pillow offers only together with plain enlargement of reduced
colors. So the colors of 4:2:0 and 4:2:2 files, nearly all that there are, are enlarged smoothly here (in
`image_chroma`). Only files with colors reduced in another way go through the accurate transformation, and
may differ from TensorFlow's by up to 6 of 255.
"""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np

from reflow.ops import image_chroma

LIMIT = 1 << 29  # values: TensorFlow refuses larger images
# What a byte of a file may come to, so that a short file cannot ask for the memory of a large image: zlib's
# greatest ratio; a JPEG file has at least one bit for each 64 values of its first component.
ZLIB_RATIO = 1032
JPEG_RATIO = 512
GIF_ROOM, GIF_RATIO = 1 << 22, 8192  # a frame of a GIF file may leave most of the picture as it was
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SIGNATURES = {b"\xff\xd8\xff": "JPEG", PNG_SIGNATURE: "PNG", b"GIF8": "GIF"}
PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by the color type of the header
BROKEN = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error, zlib.error)
GRAY_SHARES = (9797, 19234, 3737)  # libpng's weights of red, green and blue, in 1/32768
Array = np.ndarray[Any, Any]


class BadImage(Exception):
    """A file that cannot be decoded, or an image that cannot be encoded."""


def kind_of(contents: bytes) -> str | None:
    """The format of a file by its first bytes: JPEG, PNG or GIF."""
    return next((kind for start, kind in SIGNATURES.items() if contents.startswith(start)), None)


def _broken(kind: str, contents: bytes, reason: object, position: int | None = None) -> BadImage:
    """The error of a file that breaks off or makes no sense."""
    what = "JPEG data or crop window, data" if kind == "JPEG" else f"{kind} data,"
    place = "" if position is None else f" (byte {position})"
    return BadImage(f"Invalid {what} size {len(contents)}: {reason}{place}")


def _opened(kind: str, contents: bytes) -> tuple[Any, io.BytesIO]:
    """A file opened by Pillow, its pixels not yet read."""
    from PIL import Image, UnidentifiedImageError

    stream = io.BytesIO(contents)
    try:
        return Image.open(stream, formats=[kind]), stream
    except Image.DecompressionBombError as error:
        raise BadImage(f"{kind} image is too large: {error}") from None
    except BROKEN as error:
        reason = "no header" if isinstance(error, UnidentifiedImageError) else error
        raise _broken(kind, contents, reason, stream.tell()) from None


def _check_size(kind: str, size: tuple[int, int], channels: int) -> None:
    width, height = size
    if width * height * channels >= LIMIT:
        raise BadImage(f"{kind} size too large for int: {width} by {height}")


def _check_enough(kind: str, contents: bytes, size: tuple[int, int], wanted: int) -> None:
    """BadImage when a file is shorter than `wanted`, the least that an image of its size takes."""
    if wanted > len(contents):
        width, height = size
        raise _broken(kind, contents, f"too short for an image of {width} by {height} pixels")


# JPEG


def jpeg_shape(contents: bytes) -> tuple[int, int, int]:
    """Height, width and channels of a JPEG file, from its header."""
    if kind_of(contents) != "JPEG":
        raise BadImage(f"Invalid JPEG data, size {len(contents)}")
    try:
        image, _ = _opened("JPEG", contents)
    except BadImage:
        raise BadImage(f"Invalid JPEG data, size {len(contents)}") from None
    return image.size[1], image.size[0], len(image.getbands())


def read_jpeg(
    contents: bytes,
    channels: int = 0,
    ratio: int = 1,
    smooth: bool = True,
    accurate: bool = False,
    recover: bool = False,
    acceptable: float = 1.0,
) -> Array:
    """A JPEG file as uint8 [height, width, channels].

    Args:
        channels: 1 or 3, or 0 for what the file has.
        ratio: 1, 2, 4 or 8: the size is divided by it.
        smooth: enlarge reduced colors smoothly.
        accurate: use the accurate transformation (unless colors are to be enlarged plainly).
        recover: fill the rest of a file that breaks off.
        acceptable: accept a file that breaks off if that part of its rows is there; the others are black.
    """
    image, stream = _opened("JPEG", contents)
    bands = len(image.getbands())
    if bands == 4 and channels == 1:
        raise _broken("JPEG", contents, "a CMYK image has no gray form")
    _check_size("JPEG", image.size, channels or min(bands, 3))
    width, height = image.size
    if not recover:
        _check_enough("JPEG", contents, image.size, int(acceptable * width * height) // JPEG_RATIO)
    reduced = None if channels == 1 else _reduced_colors(image, ratio)
    by_hand = smooth and not accurate and reduced in image_chroma.ENLARGE
    image.draft("L" if channels == 1 else "YCbCr" if by_hand else None, (width / ratio, height / ratio))
    if by_hand or not (accurate if reduced is None else smooth):
        image.decoderconfig = (ratio, 1)  # the fast transformation, and plain enlargement
    try:
        image.load()
    except BROKEN as error:
        if recover and not contents.endswith(b"\xff\xd9"):
            return read_jpeg(contents + b"\xff\xd9", channels, ratio, smooth, accurate)
        if _rows_read(image) < acceptable * image.size[1]:
            raise _broken("JPEG", contents, error, stream.tell()) from None
    if by_hand:
        return image_chroma.colors(np.asarray(image), image_chroma.ENLARGE[reduced])
    return _jpeg_pixels(image, channels)


def _reduced_colors(image: Any, ratio: int) -> Any:
    """How the colors of a file are reduced, as (across, down) of each component; None when they need no
    enlargement, as after a division of the size that makes up for it.
    """
    parts = tuple((across, down) for _, across, down, _ in image.layer)
    most = max(parts)
    square = parts[0] == most and most[0] == most[1] <= ratio
    if len(set(parts)) == 1 or ratio == 8 or square:
        return None
    names = [part[0] for part in image.layer]
    stored = names == [82, 71, 66] or image.info.get("adobe_transform") == 0 or len(parts) != 3
    return ("RGB", *parts) if stored else parts


def _rows_read(image: Any) -> int:
    """Of a file that breaks off, the rows that are there: all others are black. -1 if it has no pixels."""
    image.tile = []
    try:
        pixels = np.asarray(image)
    except BROKEN:
        return -1
    filled = np.flatnonzero(pixels.reshape(image.size[1], -1).any(axis=1))
    return int(filled[-1]) + 1 if filled.size else 0


def _jpeg_pixels(image: Any, channels: int) -> Array:
    pixels = np.asarray(image)
    if image.mode == "CMYK":
        rest = 255 - pixels.astype(np.int32)
        return (rest[..., :3] * rest[..., 3:] // 255).astype(np.uint8)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    return np.repeat(pixels, 3, axis=-1) if channels == 3 and pixels.shape[-1] == 1 else pixels


def write_jpeg(
    pixels: Array,
    quality: int = 95,
    progressive: bool = False,
    optimize: bool = False,
    reduce_colors: bool = True,
    density: tuple[str, int, int] = ("in", 300, 300),
    xmp: bytes = b"",
) -> bytes:
    """uint8 [height, width, 1 or 3] as a JPEG file.

    `density` is the unit ("in" or "cm") and the pixels across and down in it.
    """
    from PIL import Image

    if not pixels.size:
        raise BadImage(f"JPEG encoding failed: the image is empty, its shape is {list(pixels.shape)}")
    image = Image.fromarray(np.ascontiguousarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels))
    options: dict[str, Any] = {"xmp": xmp} if xmp else {}
    if pixels.shape[-1] == 3:
        options["subsampling"] = 2 if reduce_colors else 0
    stream = io.BytesIO()
    unit, across, down = density
    image.save(
        stream,
        "JPEG",
        quality=quality,
        progressive=progressive,
        optimize=optimize,
        dpi=(across, down),
        **options,
    )
    contents = stream.getvalue()
    return contents if unit == "in" else contents[:13] + b"\x02" + contents[14:]


# PNG


def read_png(contents: bytes, channels: int = 0, deep: bool = False) -> Array:
    """A PNG file as [height, width, channels]: uint8, or uint16 when `deep`.

    `channels` is 1, 3 or 4, or 0 for what the file has. Transparent colors make an alpha channel only where
    one is asked for, or in a file with a palette.
    """
    if len(contents) < 33 or contents[12:16] != b"IHDR":
        raise _broken("PNG", contents, "no header", min(len(contents), 33))
    width, height, depth, color_type = struct.unpack(">IIBB", contents[16:26])
    _check_size("PNG", (width, height), channels or PNG_CHANNELS.get(color_type, 4))
    bits = width * height * depth * PNG_CHANNELS.get(color_type, 1)
    _check_enough("PNG", contents, (width, height), bits // 8 // ZLIB_RATIO)
    samples, hidden = _png_samples(contents, depth, color_type, deep, channels)
    return _in_depth(_arranged(samples, channels, hidden, depth), deep)


def _png_samples(
    contents: bytes, depth: int, color_type: int, deep: bool, channels: int
) -> tuple[Array, Any]:
    """The samples of a file, in the depth of the file where it matters, and where its transparent color is
    (or None).
    """
    image, stream = _opened("PNG", contents)
    key = image.info.get("transparency")
    whole = deep or channels == 1 or key is not None and channels == 4
    try:
        if depth == 16 and (color_type == 4 or color_type != 0 and whole):
            samples = _deep_png(contents, image.size, PNG_CHANNELS[color_type])
        else:
            image.load()
            samples = _pillow_samples(image, key is not None and channels in (0, 4))
    except BROKEN as error:
        raise _broken("PNG", contents, error, stream.tell()) from None
    if key is None or color_type == 3:
        return samples, None
    wide = np.asarray(key) if depth >= 8 else np.asarray(key) * 255 // ((1 << depth) - 1)
    return samples, (samples == wide).all(axis=-1)


def _pillow_samples(image: Any, alpha: bool) -> Array:
    if image.mode == "P":
        if not alpha:
            image.info.pop("transparency", None)
        image = image.convert("RGBA" if alpha else "RGB")
    samples = np.asarray(image)
    if samples.dtype == bool:
        samples = samples * np.uint8(255)
    return samples if samples.ndim == 3 else samples[..., None]


def _in_depth(samples: Array, deep: bool) -> Array:
    if deep:
        return samples if samples.dtype == np.uint16 else samples.astype(np.uint16) * np.uint16(257)
    return samples if samples.dtype == np.uint8 else (samples >> 8).astype(np.uint8)


def _arranged(samples: Array, channels: int, hidden: Array | None, depth: int) -> Array:
    """Samples of 1 to 4 channels as so many as are wanted."""
    own = samples.shape[-1]
    if channels in (0, own):
        return samples
    colors = samples[..., : 1 if own < 3 else 3]
    if channels == 1:
        return _gray(colors)
    if colors.shape[-1] == 1:
        colors = np.repeat(colors, 3, axis=-1)
    if channels == 3:
        return colors
    if own in (2, 4):
        return np.concatenate([colors, samples[..., -1:]], axis=-1)
    return np.concatenate([colors, _opaque(colors, hidden, depth)], axis=-1)


def _opaque(colors: Array, hidden: Array | None, depth: int) -> Array:
    """An alpha channel for an image without one: the greatest number of the file's depth, as TensorFlow has
    it, and 0 where the color is the transparent one.
    """
    if hidden is not None:
        return np.where(hidden[..., None], 0, np.iinfo(colors.dtype).max).astype(colors.dtype)
    return np.full((*colors.shape[:2], 1), (1 << depth) - 1).astype(colors.dtype)


def _gray(colors: Array) -> Array:
    """Colors as gray, in libpng's integers."""
    if colors.shape[-1] == 1:
        return colors
    wide = colors.astype(np.uint64)
    total = sum(wide[..., i] * np.uint64(share) for i, share in enumerate(GRAY_SHARES))
    rounding = np.uint64(16384 if colors.dtype == np.uint16 else 0)
    mixed = ((total + rounding) >> np.uint64(15)).astype(colors.dtype)
    same = (colors[..., 0] == colors[..., 1]) & (colors[..., 1] == colors[..., 2])
    return np.where(same, colors[..., 0], mixed)[..., None]


def _chunks(contents: bytes) -> bytes:
    """The compressed data of a PNG file."""
    data, at = [], len(PNG_SIGNATURE)
    while at + 12 <= len(contents):
        (length,) = struct.unpack_from(">I", contents, at)
        if contents[at + 4 : at + 8] == b"IDAT":
            data.append(contents[at + 8 : at + 8 + length])
        at += 12 + length
    return b"".join(data)


def _deep_png(contents: bytes, size: tuple[int, int], channels: int) -> Array:
    """The samples of a PNG file of 16 bits a color: Pillow drops the lower eight."""
    width, height = size
    if contents[28]:
        return _interlaced(contents, width, height, channels)
    raw = _inflated(contents, height * (1 + width * channels * 2))
    return _rows(raw, width, height, channels)


def _inflated(contents: bytes, size: int) -> bytes:
    raw = zlib.decompressobj().decompress(_chunks(contents), size)
    if len(raw) < size:
        raise ValueError(f"the file ends after {len(raw)} of {size} bytes of pixels")
    return raw


def _rows(raw: bytes, width: int, height: int, channels: int) -> Array:
    """Filtered rows as uint16 [height, width, channels]."""
    step, stride = channels * 2, width * channels * 2
    lines = np.frombuffer(raw, np.uint8, height * (1 + stride)).reshape(height, 1 + stride)
    result = np.zeros((height, stride), np.uint8)
    above = np.zeros(stride, np.uint8)
    for line, row in zip(lines, result, strict=True):
        row[:] = _unfiltered(int(line[0]), line[1:], above, step)
        above = row
    return result.view(">u2").astype(np.uint16).reshape(height, width, channels)


def _unfiltered(kind: int, line: Array, above: Array, step: int) -> Array:
    """A row from what PNG's filters left of it."""
    if kind == 0:
        return line
    if kind == 1:
        return np.cumsum(line.reshape(-1, step), axis=0, dtype=np.uint8).reshape(-1)
    if kind == 2:
        return line + above
    if kind not in (3, 4):
        raise ValueError(f"a row has the filter {kind}")
    predict = _average if kind == 3 else _paeth
    row, up = line.tolist(), above.tolist()
    for i in range(len(row)):
        left, corner = (row[i - step], up[i - step]) if i >= step else (0, 0)
        row[i] = (row[i] + predict(left, up[i], corner)) & 255
    return np.array(row, np.uint8)


def _average(left: int, up: int, corner: int) -> int:
    return (left + up) >> 1


def _paeth(left: int, up: int, corner: int) -> int:
    near_left, near_up, near_corner = abs(up - corner), abs(left - corner), abs(left + up - 2 * corner)
    if near_left <= near_up and near_left <= near_corner:
        return left
    return up if near_up <= near_corner else corner


def _interlaced(contents: bytes, width: int, height: int, channels: int) -> Array:
    """The samples of an interlaced file: seven images, each with some of the pixels."""
    passes = (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    )
    parts = [(x, y, dx, dy, -(-(width - x) // dx), -(-(height - y) // dy)) for x, y, dx, dy in passes]
    parts = [part for part in parts if part[4] > 0 and part[5] > 0]
    sizes = [high * (1 + wide * channels * 2) for *_, wide, high in parts]
    raw = _inflated(contents, sum(sizes))
    whole = np.zeros((height, width, channels), np.uint16)
    for (x, y, dx, dy, wide, high), size in zip(parts, sizes, strict=True):
        whole[y::dy, x::dx] = _rows(raw[:size], wide, high, channels)
        raw = raw[size:]
    return whole


def write_png(pixels: Array, compression: int = -1) -> bytes:
    """uint8 or uint16 [height, width, 1 to 4 channels] as a PNG file.

    Each row is stored as what it differs by from the row above, which makes smooth images small.
    """
    height, width, channels = pixels.shape
    if not pixels.size:
        raise BadImage(f"PNG encoding failed: the image is empty, its shape is {list(pixels.shape)}")
    deep = pixels.dtype == np.uint16
    rows = np.ascontiguousarray(pixels.astype(">u2") if deep else pixels).view(np.uint8).reshape(height, -1)
    lines = np.full((height, 1 + rows.shape[1]), 2, np.uint8)
    lines[0, 1:] = rows[0]
    lines[1:, 1:] = rows[1:] - rows[:-1]
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, height, 16 if deep else 8, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), compression)), (b"IEND", b"")]
    return PNG_SIGNATURE + b"".join(_chunk(kind, data) for kind, data in parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# GIF and BMP


def read_gif(contents: bytes) -> Array:
    """A GIF file as uint8 [frames, height, width, 3]."""
    from PIL.Image import DecompressionBombError

    image, stream = _opened("GIF", contents)
    try:
        frames = image.n_frames
        _check_size("GIF", image.size, 3 * frames)
        wanted = image.size[0] * image.size[1] * 3 * frames - GIF_ROOM
        _check_enough("GIF", contents, image.size, wanted // GIF_RATIO)
        result = np.empty((frames, image.size[1], image.size[0], 3), np.uint8)
        for number in range(frames):
            result[number] = _gif_frame(image, number)
        return result
    except (*BROKEN, DecompressionBombError) as error:
        message = f"Invalid GIF data (size {len(contents)}), {error} (byte {stream.tell()})"
        raise BadImage(message) from None


def _gif_frame(image: Any, number: int) -> Array:
    image.seek(number)
    return np.asarray(image.convert("RGB"))


def read_bmp(contents: bytes, channels: int = 0) -> Array:
    """A BMP file of 8, 24 or 32 bits a pixel as uint8 [height, width, channels]; palettes do not count."""
    if len(contents) < 32:
        raise BadImage(f"Incomplete bmp content, requires at least 32 bytes, got {len(contents)} bytes")
    start, width, height, bits = struct.unpack("<10xi4xii2xH", contents[:30])
    own = bits // 8
    if channels and channels != own:
        raise BadImage(f"channels attribute {channels} does not match bits per pixel from file {own}")
    if own not in (1, 3, 4):
        raise BadImage(f"Number of channels must be 1, 3 or 4, was {own}")
    if width <= 0 or height == 0 or start < 0:
        raise BadImage(f"Invalid BMP data: {width} by {height} pixels from byte {start}")
    _check_size("BMP", (width, abs(height)), own)
    stride = -(-width * own // 4) * 4
    last = start + stride * (abs(height) - 1) + width * own
    if last > len(contents):
        raise BadImage(f"Incomplete bmp content, requires at least {last} bytes, got {len(contents)} bytes")
    data = np.frombuffer(contents, np.uint8)[start:]
    padded = np.resize(data, stride * abs(height)) if data.size < stride * abs(height) else data
    rows = padded[: stride * abs(height)].reshape(abs(height), stride)[:, : width * own]
    pixels = rows.reshape(abs(height), width, own)[:: -1 if height > 0 else 1]
    return np.ascontiguousarray(pixels[..., [2, 1, 0, 3][:own]] if own > 1 else pixels)
