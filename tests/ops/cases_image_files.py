"""Image files: decoded and encoded."""

import os

from .table import Rows, call, given, strings, u8

rows = Rows("image_files")
case, error = rows.case, rows.error

IMAGES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "images")


def file(name):
    with open(os.path.join(IMAGES, name), "rb") as stream:
        return strings(stream.read())


def host(name, build, **options):
    case(name, build, xla=False, **options)


# PNG: every kind of file, with every number of channels, in both depths
PNGS = ["color", "alpha", "gray", "gray_alpha", "palette", "palette_4", "palette_alpha", "transparent"]
PNGS += ["gray_transparent", "gray_1", "gray_2", "gray_4", "gray_16", "gray_alpha_16", "color_16", "alpha_16"]
for each in PNGS:
    for channels in [0, 1, 3, 4]:
        name = "png_{}_{}".format(each, channels)
        host(name, call("image.decode_png", channels), x=file(each + ".png"))
        host(
            name + "_deep",
            lambda tf, x, c=channels: tf.image.decode_png(x, channels=c, dtype=tf.uint16, name="read"),
            x=file(each + ".png"),
        )

# JPEG: the accurate transformation is the same to the bit
JPEGS = ["color_0", "color_1", "color_2", "progressive", "gray", "cmyk"]
for each in JPEGS:
    for channels in [0, 1, 3]:
        if each == "cmyk" and channels == 1:
            continue
        host(
            "jpeg_{}_{}".format(each, channels),
            call("image.decode_jpeg", channels, dct_method="INTEGER_ACCURATE"),
            x=file(each + ".jpg"),
        )
    for ratio in [2, 4, 8]:
        host(
            "jpeg_{}_ratio_{}".format(each, ratio),
            call("image.decode_jpeg", ratio=ratio, dct_method="INTEGER_ACCURATE", name="read"),
            x=file(each + ".jpg"),
        )
    host("jpeg_shape_" + each, call("image.extract_jpeg_shape"), x=file(each + ".jpg"))
    host(
        "jpeg_{}_plain".format(each), call("image.decode_jpeg", fancy_upscaling=False), x=file(each + ".jpg")
    )
# ... and so is the fast one
for each in JPEGS:
    host("jpeg_fast_" + each, call("image.decode_jpeg"), x=file(each + ".jpg"))
    for ratio in [2, 4, 8]:
        host(
            "jpeg_fast_{}_ratio_{}".format(each, ratio),
            call("image.decode_jpeg", ratio=ratio),
            x=file(each + ".jpg"),
        )
for each in ["color_1", "color_2"]:
    host("jpeg_fast_gray_" + each, call("image.decode_jpeg", 1), x=file(each + ".jpg"))
host(
    "jpeg_shape_i64", lambda tf, x: tf.image.extract_jpeg_shape(x, tf.int64, name="shape"), x=file("gray.jpg")
)
host("jpeg_crop", call("image.decode_and_crop_jpeg", [2, 3, 4, 5], channels=3), x=file("color_0.jpg"))
host(
    "jpeg_crop_fed",
    call("image.decode_and_crop_jpeg"),
    x=file("color_0.jpg"),
    w=given([0, 0, 13, 21], "int32"),
)
host("jpeg_crop_corner", call("image.decode_and_crop_jpeg", [12, 20, 1, 1]), x=file("gray.jpg"))
WHOLE = "TensorFlow promises the window's size and gives the whole image"
host(
    "jpeg_crop_png",
    call("image.decode_and_crop_jpeg", [2, 3, 4, 5]),
    x=file("color.png"),
    shapes=WHOLE,
    unknown=WHOLE,
)
host("is_jpeg", call("image.is_jpeg"), x=file("gray.jpg"))
host("is_jpeg_not", call("image.is_jpeg", name="asked"), x=file("gray.png"))
host("jpeg_acceptable", call("image.decode_jpeg", acceptable_fraction=0.1), x=file("cut.jpg"))

# GIF and BMP
for each in ["single.gif", "animated.gif", "color.png", "gray.png", "gray.jpg"]:
    host("gif_" + each.replace(".", "_"), call("image.decode_gif"), x=file(each))
host("gif_as_png", call("image.decode_png"), x=file("single.gif"))
host("gif_as_jpeg", call("image.decode_jpeg", 3), x=file("single.gif"))
host("png_as_jpeg", call("image.decode_jpeg", 3), x=file("alpha.png"))
for each in ["color", "alpha", "gray", "top_down"]:
    host("bmp_" + each, call("image.decode_bmp"), x=file(each + ".bmp"))
host("bmp_channels", call("image.decode_bmp", channels=3, name="read"), x=file("color.bmp"))

# Any file
for each in [
    "color_0.jpg",
    "gray.jpg",
    "alpha.png",
    "gray_16.png",
    "single.gif",
    "animated.gif",
    "color.bmp",
]:
    name = "image_" + each.replace(".", "_")
    host(name, call("image.decode_image"), x=file(each))
    host(name + "_float", lambda tf, x: tf.image.decode_image(x, 3, tf.float32, name="read"), x=file(each))
    host(
        name + "_deep",
        lambda tf, x: tf.image.decode_image(x, dtype=tf.uint16, expand_animations=False),
        x=file(each),
    )

# Encoding
host("encode_jpeg", call("image.encode_jpeg"), x=u8(9, 11, 3))
host("encode_jpeg_gray", call("image.encode_jpeg", format="grayscale", name="written"), x=u8(9, 11, 1))
host("encode_jpeg_plain", call("image.encode_jpeg", chroma_downsampling=False, quality=70), x=u8(9, 11, 3))
host("encode_jpeg_progressive", call("image.encode_jpeg", "rgb", 30, progressive=True), x=u8(19, 31, 3))
host("encode_jpeg_small", call("image.encode_jpeg", optimize_size=True), x=u8(19, 31, 3))
host(
    "encode_jpeg_cm",
    call("image.encode_jpeg", density_unit="cm", x_density=100, y_density=120),
    x=u8(9, 11, 3),
)
host("encode_jpeg_worst", call("image.encode_jpeg", quality=0), x=u8(9, 11, 3))
host("encode_jpeg_best", call("image.encode_jpeg", quality=100), x=u8(9, 11, 3))
host("encode_jpeg_xmp", call("image.encode_jpeg", xmp_metadata="<x/>"), x=u8(9, 11, 1))
for channels in [1, 2, 3, 4]:
    host(
        "encode_png_{}".format(channels),
        lambda tf, x: tf.image.decode_png(tf.image.encode_png(x)),
        x=u8(5, 7, channels),
    )
host(
    "encode_png_deep",
    lambda tf, x: tf.image.decode_png(
        tf.image.encode_png(tf.cast(x, tf.uint16), compression=9, name="written"), dtype=tf.uint16
    ),
    x=given([[[1, 300, 65535]], [[7, 8, 9]]], "int32"),
)
host("quality", call("image.adjust_jpeg_quality", 75), x=u8(16, 16, 1))
host("quality_fed", call("image.adjust_jpeg_quality", name="worse"), x=u8(16, 16, 1), q=given(20, "int32"))
host(
    "random_quality",
    call("image.random_jpeg_quality", 50, 90, seed=4),
    x=u8(16, 16, 1),
    steps=3,
)

# What cannot be decoded or encoded
for name, build, contents, match in [
    ("cut_jpeg", call("image.decode_jpeg"), "cut.jpg", "Invalid JPEG data or crop window, data size 762"),
    ("header_jpeg", call("image.decode_jpeg"), "header_only.jpg", "Invalid JPEG data or crop window"),
    ("cut_png", call("image.decode_png"), "cut.png", "Invalid PNG data, size 495"),
    ("cut_gif", call("image.decode_gif"), "cut.gif", "Invalid GIF data .size 1008"),
    ("cut_bmp", call("image.decode_bmp"), "cut.bmp", "at least 885 bytes, got 786"),
    ("bomb", call("image.decode_png"), "bomb.png", "60000 by 60000"),
    ("channels", call("image.decode_png", 2), "gray.png", "channels must be 0, 1, 3, or 4, got 2"),
    ("channels_bmp", call("image.decode_bmp", 4), "color.bmp", "channels attribute 4"),
    ("channels_jpeg", call("image.decode_jpeg", 4), "gray.jpg", "channels must be 0, 1, or 3 for JPEG"),
    ("channels_gif", call("image.decode_png", 1), "single.gif", "channels must be 0 or 3 for GIF"),
    ("channels_cmyk", call("image.decode_jpeg", 1), "cmyk.jpg", "Invalid JPEG data"),
    ("animated", call("image.decode_png"), "animated.gif", "Got 3 frames"),
    ("ratio", call("image.decode_jpeg", ratio=3), "gray.jpg", "ratio must be 1, 2, 4, or 8, got 3"),
    ("method", call("image.decode_jpeg", dct_method="x"), "gray.jpg", "dct_method must be one of"),
    ("fraction", call("image.decode_jpeg", acceptable_fraction=0.9), "cut.jpg", "Invalid JPEG data"),
    ("crop", call("image.decode_and_crop_jpeg", [2, 3, 40, 5]), "gray.jpg", "crop window"),
    ("crop_negative", call("image.decode_and_crop_jpeg", [-1, 3, 4, 5]), "gray.jpg", "crop window"),
    ("deep_jpeg", lambda tf, x: tf.image.decode_png(x, dtype=tf.uint16), "gray.jpg", "uint16"),
    ("shape_png", call("image.extract_jpeg_shape"), "gray.png", "Invalid JPEG data, size"),
    ("image_bmp_gray", call("image.decode_image", 1), "color.bmp", "Channels must be in .None, 0, 3. when"),
    ("image_gif_gray", call("image.decode_image", 1), "single.gif", "Channels must be in .None, 0, 3. when"),
    (
        "image_jpeg_alpha",
        call("image.decode_image", 4),
        "gray.jpg",
        "Channels must be in .None, 0, 1, 3. when",
    ),
]:
    error(name, build, raises="InvalidArgumentError", match=match, when="run", x=file(contents))
error(
    "unknown",
    call("image.decode_png"),
    x=strings(b"no image at all"),
    raises="InvalidArgumentError",
    match="got unknown format starting with 'no image",
    when="run",
)
error(
    "empty",
    call("image.decode_jpeg"),
    x=strings(b""),
    raises="InvalidArgumentError",
    match="empty",
    when="run",
)
error(
    "image_unknown",
    call("image.decode_image"),
    x=strings(b"no image at all"),
    raises="InvalidArgumentError",
    match="Unable to decode bytes as JPEG, PNG, GIF, or BMP",
    when="run",
)
error("rank", call("image.decode_png"), x=strings([b"a"]), raises="ValueError", match="rank 0")
error(
    "rank_fed",
    call("image.decode_png"),
    x=strings([b"a"]),
    raises="InvalidArgumentError",
    match="contents must be scalar",
    when="run",
)
error(
    "window", call("image.decode_and_crop_jpeg", [1, 2, 3]), x=strings(b"a"), raises="ValueError", match="4"
)
error(
    "image_channels",
    call("image.decode_image", 2),
    x=strings(b"a"),
    raises="ValueError",
    match="channels must",
)
error("encode_rank", call("image.encode_jpeg"), x=u8(2, 2), raises="ValueError", match="rank 3")
error("encode_png_rank", call("image.encode_png"), x=u8(2, 2), raises="ValueError", match="rank 3")
error("encode_format", call("image.encode_jpeg", "x"), x=u8(2, 2, 3), raises="ValueError", match="format")
error(
    "encode_unit",
    call("image.encode_jpeg", density_unit="x"),
    x=u8(2, 2, 3),
    raises="ValueError",
    match="density",
)
error(
    "random_quality",
    call("image.random_jpeg_quality", 50, 40),
    x=u8(2, 2, 3),
    raises="ValueError",
    match="less",
)
error(
    "random_quality_range",
    call("image.random_jpeg_quality", 50, 140),
    x=u8(2, 2, 3),
    raises="ValueError",
    match="100",
)
for name, build, x, match in [
    ("encode_channels", call("image.encode_jpeg"), u8(2, 2, 2), "1 or 3 channels"),
    ("encode_gray", call("image.encode_jpeg", "grayscale"), u8(2, 2, 3), "grayscale expects 1 channels"),
    ("encode_quality", call("image.encode_jpeg", quality=101), u8(2, 2, 3), "quality must be in"),
    ("encode_png_channels", call("image.encode_png"), u8(2, 2, 5), "1, 2, 3, or 4 channels, got 5"),
]:
    error(name, build, raises="InvalidArgumentError", match=match, when="run", x=x)
