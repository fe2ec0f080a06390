"""Image files beyond the op table: the fast JPEG transformation, files that break off, what Pillow writes."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import reflow as tf
from reflow.ops import image_files

IMAGES = Path(__file__).parent / "data" / "images"
RNG = np.random.RandomState(0)


def contents(name: str) -> bytes:
    return (IMAGES / name).read_bytes()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
def test_reduced_colors(subsampling: int) -> None:
    """The fast transformation stays close to the accurate one however the colors are reduced."""
    y, x = np.mgrid[0:24, 0:40]
    pixels = np.stack([6 * x, 10 * y, 3 * (x + y)], -1).astype(np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=95, subsampling=subsampling)
    file = stream.getvalue()
    fast, accurate = (image_files.read_jpeg(file, accurate=wanted) for wanted in (False, True))
    assert np.abs(fast.astype(int) - accurate).max() <= 6
    plain = image_files.read_jpeg(file, smooth=False)
    assert np.abs(plain.astype(int) - pixels).mean() < 12


def test_cut_jpeg() -> None:
    whole = image_files.read_jpeg(contents("color_0.jpg"))
    part = contents("cut.jpg")
    with pytest.raises(image_files.BadImage, match=r"data size 762: .*\(byte \d+\)"):
        image_files.read_jpeg(part)
    recovered = image_files.read_jpeg(part, recover=True)
    accepted = image_files.read_jpeg(part, acceptable=0.2)
    assert recovered.shape == accepted.shape == whole.shape
    np.testing.assert_array_equal(recovered[:8], whole[:8])
    assert not accepted[-1].any()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cut.png", r"Invalid PNG data, size 495: .*\(byte \d+\)"),
        ("cut.gif", r"Invalid GIF data \(size 1008\), .*\(byte \d+\)"),
        ("header_only.jpg", r"data size 100: .*\(byte \d+\)"),
    ],
)
def test_errors_say_the_position(name: str, message: str) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        image = tf.image.decode_image(contents(name), name="picture")
        with pytest.raises(tf.errors.InvalidArgumentError, match=message) as caught:
            sess.run(image)
    assert "picture" in str(caught.value)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_written_png(channels: int, dtype: type) -> None:
    pixels = RNG.randint(0, np.iinfo(dtype).max + 1, size=(5, 7, channels)).astype(dtype)
    written = image_files.write_png(pixels)
    np.testing.assert_array_equal(image_files.read_png(written, deep=dtype == np.uint16), pixels)
    seen = np.asarray(Image.open(io.BytesIO(written)))
    if dtype == np.uint8:
        np.testing.assert_array_equal(seen.reshape(pixels.shape), pixels)


def filtered(pixels: np.ndarray, kinds: list[int]) -> bytes:
    """A PNG file of 16 bits a color whose rows have these filters, by the book's definition of them."""
    height, width, channels = pixels.shape
    rows = pixels.astype(">u2").view(np.uint8).reshape(height, -1).astype(int)
    step, raw = 2 * channels, b""
    for y, kind in enumerate(kinds):
        line = []
        for i, value in enumerate(rows[y]):
            left = rows[y][i - step] if i >= step else 0
            up = rows[y - 1][i] if y else 0
            corner = rows[y - 1][i - step] if y and i >= step else 0
            best = sorted((left, up, corner), key=lambda n: abs(left + up - corner - n))[0]
            line.append((value - (0, left, up, (left + up) // 2, best)[kind]) % 256)
        raw += bytes([kind, *line])
    color_type = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    return encoded(struct.pack(">IIBBBBB", width, height, 16, color_type, 0, 0, 0), raw)


def encoded(header: bytes, raw: bytes) -> bytes:
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return image_files.PNG_SIGNATURE + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_filters_of_deep_png(channels: int) -> None:
    pixels = RNG.randint(0, 65536, size=(6, 5, channels)).astype(np.uint16)
    file = filtered(pixels, [4, 3, 2, 1, 4, 0])
    np.testing.assert_array_equal(image_files.read_png(file, deep=True), pixels)


def test_unknown_filter() -> None:
    pixels = np.zeros((1, 2, 3), np.uint16)
    header = struct.pack(">IIBBBBB", 2, 1, 16, 2, 0, 0, 0)
    file = encoded(header, b"\7" + pixels.tobytes())
    with pytest.raises(image_files.BadImage, match="a row has the filter 7"):
        image_files.read_png(file, deep=True)


@pytest.mark.parametrize("size", [(1, 1), (5, 3), (9, 10)])
def test_interlaced_deep_png(size: tuple[int, int]) -> None:
    height, width = size
    pixels = RNG.randint(0, 65536, size=(height, width, 3)).astype(np.uint16)
    raw = b""
    starts = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    for x, y, dx, dy in starts:
        part = pixels[y::dy, x::dx]
        if part.size:
            raw += b"".join(b"\0" + row.astype(">u2").tobytes() for row in part)
    header = struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 1)
    np.testing.assert_array_equal(image_files.read_png(encoded(header, raw), deep=True), pixels)


def test_interlaced_png() -> None:
    pixels = image_files.read_png(contents("color.png"))
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    np.testing.assert_array_equal(image_files.read_png(stream.getvalue()), pixels)


@pytest.mark.parametrize("kind", ["JPEG", "GIF", "BMP"])
def test_bombs_are_refused(kind: str) -> None:
    """Files of a few bytes that claim to be enormous."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, kind)
    file = bytearray(stream.getvalue())
    if kind == "JPEG":
        at = file.index(b"\xff\xc0")
        file[at + 5 : at + 9] = struct.pack(">HH", 60000, 60000)
    elif kind == "GIF":
        file[6:10] = struct.pack("<HH", 60000, 60000)
    else:
        file[18:26] = struct.pack("<ii", 60000, 60000)
    decode = {"JPEG": tf.image.decode_jpeg, "GIF": tf.image.decode_gif, "BMP": tf.image.decode_bmp}[kind]
    with tf.Graph().as_default(), tf.Session() as sess:
        image = decode(bytes(file))
        with pytest.raises(tf.errors.InvalidArgumentError, match="too large|60000 by 60000"):
            sess.run(image)


def test_empty_images_are_refused() -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        for encode in (tf.image.encode_png, tf.image.encode_jpeg):
            with pytest.raises(tf.errors.InvalidArgumentError, match="the image is empty"):
                sess.run(encode(np.zeros((0, 3, 3), np.uint8)))
