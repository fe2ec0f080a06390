"""Make the small encoded images of the op table, `tests/ops/data/images`: one for each kind of file.

Run with Pillow and NumPy installed: ``python tools/make_images.py``. The images are the same on every run of
one version of Pillow.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent.parent / "tests" / "ops" / "data" / "images"
HEIGHT, WIDTH = 13, 21


def waves() -> np.ndarray:
    """A smooth image with every hue, uint8 of shape [13, 21, 3]."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    parts = [np.sin(x / 3.0 + y / 5.0), np.cos(x / 4.0 - y / 3.0), np.sin(x * y / 40.0 + 1.0)]
    return np.stack([np.rint(127.5 + 120 * part) for part in parts], -1).astype(np.uint8)


def saved(image: Image.Image, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def png(pixels: np.ndarray, depth: int, color_type: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG file of packed rows, by hand: Pillow does not write all kinds."""
    rows = pixels.reshape(pixels.shape[0], -1)
    if depth == 16:
        packed = rows.astype(">u2").view(np.uint8)
    elif depth == 8:
        packed = rows.astype(np.uint8)
    else:
        bits = np.unpackbits(rows.astype(np.uint8)[..., None], axis=-1)[..., 8 - depth :]
        packed = np.packbits(bits.reshape(rows.shape[0], -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(packed))
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, color_type, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(raw)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts
    )


def files() -> dict[str, bytes]:
    """The contents by file name."""
    colors = waves()
    gray, alpha = colors[..., 0], colors[::-1, ::-1, 1]
    image, with_alpha = Image.fromarray(colors), Image.fromarray(np.dstack([colors, alpha]))
    wide = colors.astype(np.uint16) * 200 + np.arange(WIDTH, dtype=np.uint16)[None, :, None]
    palette = bytes(colors[:4, :4].reshape(-1))
    indices = (colors[..., 0] // 16).astype(np.uint8)
    made = {f"color_{n}.jpg": saved(image, "JPEG", quality=90, subsampling=n) for n in (0, 1, 2)}
    made |= {
        "progressive.jpg": saved(image, "JPEG", quality=80, progressive=True, subsampling=0),
        "gray.jpg": saved(Image.fromarray(gray), "JPEG", quality=90),
        "cmyk.jpg": saved(image.convert("CMYK"), "JPEG", quality=95, subsampling=0),
        "color.png": saved(image, "PNG"),
        "alpha.png": saved(with_alpha, "PNG"),
        "gray.png": saved(Image.fromarray(gray), "PNG"),
        "gray_alpha.png": saved(with_alpha.convert("LA"), "PNG"),
        "palette.png": png(indices, 8, 3, (b"PLTE", palette)),
        "palette_4.png": png(indices, 4, 3, (b"PLTE", palette)),
        "palette_alpha.png": png(indices, 8, 3, (b"PLTE", palette), (b"tRNS", bytes([0, 90, 200]))),
        "transparent.png": png(colors, 8, 2, (b"tRNS", struct.pack(">HHH", *colors[2, 3]))),
        "gray_transparent.png": png(gray[..., None], 8, 0, (b"tRNS", struct.pack(">H", gray[0, 0]))),
        "gray_1.png": png(gray[..., None] > 128, 1, 0),
        "gray_2.png": png(gray[..., None] // 64, 2, 0),
        "gray_4.png": png(gray[..., None] // 16, 4, 0),
        "gray_16.png": png(wide[..., :1], 16, 0),
        "gray_alpha_16.png": png(wide[..., :2], 16, 4),
        "color_16.png": png(wide, 16, 2),
        "alpha_16.png": png(np.dstack([wide, wide[::-1, :, 1]]), 16, 6),
        "single.gif": saved(image.quantize(256), "GIF"),
        "color.bmp": saved(image, "BMP"),
        "alpha.bmp": saved(with_alpha, "BMP"),
        "gray.bmp": saved(Image.fromarray(gray), "BMP"),
    }
    frames = [Image.fromarray(np.roll(colors, 3 * k, axis=1)).quantize(256) for k in range(3)]
    made["animated.gif"] = saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50)
    bmp = made["color.bmp"]
    made["top_down.bmp"] = bmp[:22] + struct.pack("<i", -HEIGHT) + bmp[26:]
    made["cut.jpg"] = made["color_0.jpg"][:-120]
    made["cut.png"] = made["color.png"][:-200]
    made["cut.gif"] = made["single.gif"][:-100]
    made["cut.bmp"] = bmp[:-100]
    made["header_only.jpg"] = made["color_0.jpg"][:100]
    huge = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    made["bomb.png"] = made["color.png"].replace(
        made["color.png"][12:33], b"IHDR" + huge + struct.pack(">I", zlib.crc32(b"IHDR" + huge))
    )
    return made


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, contents in files().items():
        (FOLDER / name).write_bytes(contents)
    print(f"{len(files())} files, {sum(map(len, files().values()))} bytes")


if __name__ == "__main__":
    main()
