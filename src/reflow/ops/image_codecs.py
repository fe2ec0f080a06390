"""Ops that decode and encode images, on the host. The files themselves are the business of `image_files`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from reflow.base import dtypes
from reflow.base.shape import TensorShape
from reflow.graph.checks import fail, require
from reflow.graph.constant import constant_value
from reflow.graph.graph import control_dependencies, emit, name_scope
from reflow.graph.registry import op, register
from reflow.ops import blocks, image_files
from reflow.ops import matrix_shapes as mats
from reflow.ops.check import Assert
from reflow.ops.control_flow import cond
from reflow.ops.image_adjust import convert_image_dtype

METHODS = ("", "INTEGER_FAST", "INTEGER_ACCURATE")
UNKNOWN_FORMAT = "Expected image (JPEG, PNG, or GIF), {} starting with '{}'"


# Shapes


def _scalar_contents(node: Any) -> None:
    mats.ranked(node.inputs[0].shape, 0)


def _channels_of(node: Any) -> int | None:
    channels = node.attrs.get("channels", 3)
    if channels < 0:
        raise ValueError(f"channels must be non-negative, got {channels}")
    return channels or None


def _decoded_shape(node: Any) -> TensorShape:
    _scalar_contents(node)
    return TensorShape.of((None, None, _channels_of(node)))


def _cropped_shape(node: Any) -> TensorShape:
    _scalar_contents(node)
    mats.same(mats.ranked(node.inputs[1].shape, 1)[0], 4)
    window = constant_value(node.inputs[1])
    height, width = (None, None) if window is None else (int(window[2]), int(window[3]))
    return TensorShape.of((height, width, _channels_of(node)))


def _frames_shape(node: Any) -> TensorShape:
    _scalar_contents(node)
    return TensorShape.of((None, None, None, 3))


def _triple(node: Any) -> TensorShape:
    _scalar_contents(node)
    return TensorShape.of((3,))


def _encoded_shape(node: Any) -> TensorShape:
    mats.ranked(node.inputs[0].shape, 3)
    return TensorShape.of(())


# Kernels


def _reading(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel of file contents as one whose refusals are InvalidArgumentErrors."""

    def run(ctx: Any, contents: Any, *inputs: Any) -> Any:
        held = np.asarray(contents, dtype=object)
        require(np, held.ndim == 0, "contents must be scalar, got shape {}", list(held.shape))
        try:
            return kernel(ctx.node.attrs, held.item(), *inputs)
        except image_files.BadImage as error:
            return fail(f"{ctx.node.type}: {error}")

    return run


def _decoded(attrs: dict[str, Any], contents: bytes, window: Any = None) -> Any:
    """One image from a file of any format."""
    channels = attrs.get("channels", 0)
    if channels not in (0, 1, 3, 4):
        raise image_files.BadImage(f"channels must be 0, 1, 3, or 4, got {channels}")
    _check_jpeg_attributes(attrs)
    kind = image_files.kind_of(contents)
    deep = attrs.get("dtype") == dtypes.uint16
    if kind is None:
        got = "got unknown format" if contents else "got empty file"
        raise image_files.BadImage(UNKNOWN_FORMAT.format(got, repr(contents[:16])[2:-1]))
    if kind == "PNG":
        return image_files.read_png(contents, channels, deep)
    if deep:
        raise image_files.BadImage(f"{kind} does not support uint16 output")
    return _jpeg(attrs, contents, window) if kind == "JPEG" else _only_frame(contents, channels)


def _check_jpeg_attributes(attrs: dict[str, Any]) -> None:
    if attrs.get("ratio", 1) not in (1, 2, 4, 8):
        raise image_files.BadImage(f"ratio must be 1, 2, 4, or 8, got {attrs['ratio']}")
    if _text(attrs.get("dct_method", "")) not in METHODS:
        raise image_files.BadImage("dct_method must be one of {'', 'INTEGER_FAST', 'INTEGER_ACCURATE'}")


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _jpeg(attrs: dict[str, Any], contents: bytes, window: Any) -> Any:
    channels = attrs.get("channels", 0)
    if channels == 4:
        raise image_files.BadImage("channels must be 0, 1, or 3 for JPEG, got 4")
    image = image_files.read_jpeg(
        contents,
        channels,
        ratio=attrs.get("ratio", 1),
        smooth=attrs.get("fancy_upscaling", True),
        accurate=_text(attrs.get("dct_method", "")) == "INTEGER_ACCURATE",
        recover=attrs.get("try_recover_truncated", False),
        acceptable=attrs.get("acceptable_fraction", 1.0),
    )
    return image if window is None else _cut(image, contents, window)


def _cut(image: Any, contents: bytes, window: Any) -> Any:
    """The part of an image that a crop window [y, x, height, width] asks for."""
    y, x, height, width = (int(n) for n in window)
    inside = y >= 0 and x >= 0 and y + height <= image.shape[0] and x + width <= image.shape[1]
    if not inside or height <= 0 or width <= 0:
        raise image_files.BadImage(
            f"Invalid JPEG data or crop window, data size {len(contents)}: the window "
            f"{[y, x, height, width]} is not inside of the image {list(image.shape[:2])}"
        )
    return np.ascontiguousarray(image[y : y + height, x : x + width])


def _only_frame(contents: bytes, channels: int) -> Any:
    if channels not in (0, 3):
        raise image_files.BadImage(f"channels must be 0 or 3 for GIF, got {channels}")
    frames = image_files.read_gif(contents)
    if len(frames) != 1:
        raise image_files.BadImage(
            f"Got {len(frames)} frames, but animated gifs can only be decoded by tf.image.decode_gif or "
            "tf.image.decode_image"
        )
    return frames[0]


def _frames(attrs: dict[str, Any], contents: bytes) -> Any:
    if image_files.kind_of(contents) == "GIF":
        return image_files.read_gif(contents)
    return _decoded({"channels": 3}, contents)[None]


def _bmp(attrs: dict[str, Any], contents: bytes) -> Any:
    if attrs["channels"] not in (0, 1, 3, 4):
        raise image_files.BadImage(f"channels must be 0, 1, 3 or 4, got {attrs['channels']}")
    return image_files.read_bmp(contents, attrs["channels"])


def _jpeg_shape(attrs: dict[str, Any], contents: bytes) -> Any:
    return np.array(image_files.jpeg_shape(contents), attrs["output_type"].as_numpy_dtype)


def _shape_text(image: Any) -> str:
    return mats.shown(image)


def _encoded(ctx: Any, image: Any, quality: int, **options: Any) -> Any:
    require(np, image.ndim == 3, "image must be 3-dimensional{}", _shape_text(image))
    ok = image.shape[2] in (1, 3)
    require(np, ok, "image must have 1 or 3 channels, got {}", _shape_text(image))
    require(np, 0 <= quality <= 100, "quality must be in [0,100], got {}", quality)
    try:
        return np.array(image_files.write_jpeg(image, quality, **options), dtype=object)
    except image_files.BadImage as error:
        return fail(str(error))


def _encode_jpeg(ctx: Any, image: Any) -> Any:
    attrs = ctx.node.attrs
    wanted = {"grayscale": 1, "rgb": 3}.get(_text(attrs["format"]))
    if wanted is not None and image.ndim == 3:
        message = "format {} expects {} channels, got {}"
        ok = image.shape[2] == wanted
        require(np, ok, message, _text(attrs["format"]), wanted, _shape_text(image))
    xmp = attrs["xmp_metadata"]
    return _encoded(
        ctx,
        image,
        attrs["quality"],
        progressive=attrs["progressive"],
        optimize=attrs["optimize_size"],
        reduce_colors=attrs["chroma_downsampling"],
        density=(_text(attrs["density_unit"]), attrs["x_density"], attrs["y_density"]),
        xmp=xmp if isinstance(xmp, bytes) else xmp.encode(),
    )


def _encode_jpeg_of_quality(ctx: Any, image: Any, quality: Any) -> Any:
    require(np, np.ndim(quality) == 0, "quality must be scalar: {}", list(np.shape(quality)))
    return _encoded(ctx, image, int(quality))


def _encode_png(ctx: Any, image: Any, *, compression: int) -> Any:
    require(np, image.ndim == 3, "image must be 3-dimensional{}", _shape_text(image))
    ok = 1 <= image.shape[2] <= 4
    require(np, ok, "image must have 1, 2, 3, or 4 channels, got {}", image.shape[2])
    ok = -1 <= compression <= 9
    require(np, ok, "compression should be in [-1,9], got {}", compression)
    try:
        return np.array(image_files.write_png(image, compression), dtype=object)
    except image_files.BadImage as error:
        return fail(str(error))


register("EncodeJpegVariableQuality", shape=_encoded_shape, host=_encode_jpeg_of_quality, gradient=None)


# Public functions


@op("DecodeJpeg", shape=_decoded_shape, host=_reading(_decoded), gradient=None)
def decode_jpeg(
    contents: Any,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
    name: str | None = None,
) -> Any:
    """The image that a JPEG file holds (PNG files and GIF files of one frame are decoded too).

    Args:
        contents: the file's contents: a scalar string.
        channels: 1 for gray, 3 for RGB, 0 for what the file has.
        ratio: 1, 2, 4 or 8: divides height and width.
        fancy_upscaling: enlarge reduced colors smoothly.
        try_recover_truncated: fill the rest of a file that breaks off.
        acceptable_fraction: accept a file that breaks off if this part of its rows is there.
        dct_method: "INTEGER_FAST" (the default) or "INTEGER_ACCURATE". (Files whose colors are reduced in
            unusual ways, not 4:2:0 or 4:2:2, may differ from TensorFlow's by up to 6 of 255.)

    Returns:
        uint8, [height, width, channels].

    Raises:
        InvalidArgumentError: when run, if the file cannot be decoded, is too large, or an argument is out of
            its range.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     contents = tf.image.encode_jpeg(tf.fill([8, 8, 1], tf.constant(200, tf.uint8)))
    ...     print(sess.run(tf.image.decode_jpeg(contents))[0, 0])
    [200]
    """
    return emit(
        "DecodeJpeg",
        contents,
        channels=channels,
        ratio=ratio,
        fancy_upscaling=fancy_upscaling,
        try_recover_truncated=try_recover_truncated,
        acceptable_fraction=acceptable_fraction,
        dct_method=dct_method,
        name=name,
    )


@op("DecodeAndCropJpeg", shape=_cropped_shape, host=_reading(_decoded), gradient=None)
def decode_and_crop_jpeg(
    contents: Any,
    crop_window: Any,
    channels: int = 0,
    ratio: int = 1,
    fancy_upscaling: bool = True,
    try_recover_truncated: bool = False,
    acceptable_fraction: float = 1,
    dct_method: str = "",
    name: str | None = None,
) -> Any:
    """A part of the image that a JPEG file holds.

    Args:
        crop_window: int32 [4]: the upper left corner's row and column, the height and the width.

    The other arguments and the errors are those of `decode_jpeg`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     contents = tf.image.encode_jpeg(tf.zeros([8, 8, 3], tf.uint8))
    ...     print(sess.run(tf.image.decode_and_crop_jpeg(contents, [1, 2, 3, 4])).shape)
    (3, 4, 3)
    """
    return emit(
        "DecodeAndCropJpeg",
        contents,
        crop_window,
        channels=channels,
        ratio=ratio,
        fancy_upscaling=fancy_upscaling,
        try_recover_truncated=try_recover_truncated,
        acceptable_fraction=acceptable_fraction,
        dct_method=dct_method,
        name=name,
    )


@op("DecodePng", shape=_decoded_shape, host=_reading(_decoded), gradient=None)
def decode_png(contents: Any, channels: int = 0, dtype: Any = dtypes.uint8, name: str | None = None) -> Any:
    """The image that a PNG file holds (JPEG files and GIF files of one frame are decoded too).

    Args:
        contents: the file's contents: a scalar string.
        channels: 1 for gray, 3 for RGB, 4 for RGBA, 0 for what the file has.
        dtype: uint8 or uint16.

    Returns:
        [height, width, channels], of `dtype`.

    Raises:
        InvalidArgumentError: when run, if the file cannot be decoded or is too large.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     contents = tf.image.encode_png([[[1, 2, 3]]])
    ...     print(sess.run(tf.image.decode_png(contents)))
    [[[1 2 3]]]
    """
    return emit("DecodePng", contents, channels=channels, dtype=dtype, name=name)


@op("DecodeGif", shape=_frames_shape, host=_reading(_frames), gradient=None)
def decode_gif(contents: Any, name: str | None = None) -> Any:
    """The frames that a GIF file holds: uint8, [frames, height, width, 3]. A JPEG or PNG file is one frame.

    InvalidArgumentError, when run, if the file cannot be decoded or is too large.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.decode_gif(tf.image.encode_png([[[1, 2, 3]]]))).shape)
    (1, 1, 1, 3)
    """
    return emit("DecodeGif", contents, name=name)


@op("DecodeBmp", shape=_decoded_shape, host=_reading(_bmp), gradient=None)
def decode_bmp(contents: Any, channels: int = 0, name: str | None = None) -> Any:
    """The image that a BMP file of 8, 24 or 32 bits a pixel holds: uint8, [height, width, channels].

    Args:
        contents: the file's contents: a scalar string.
        channels: 1, 3 or 4 as the file has it, or 0.

    InvalidArgumentError, when run, if the file cannot be decoded or has other channels.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.image.decode_bmp(tf.placeholder(tf.string), channels=3).shape)
    (?, ?, 3)
    """
    return emit("DecodeBmp", contents, channels=channels, name=name)


@op("ExtractJpegShape", shape=_triple, host=_reading(_jpeg_shape), gradient=None)
def extract_jpeg_shape(contents: Any, output_type: Any = dtypes.int32, name: str | None = None) -> Any:
    """Height, width and channels of a JPEG file, from its header: int32 (or int64) of shape [3].

    InvalidArgumentError, when run, if it is no JPEG file.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     contents = tf.image.encode_jpeg(tf.zeros([8, 9, 3], tf.uint8))
    ...     print(sess.run(tf.image.extract_jpeg_shape(contents)))
    [8 9 3]
    """
    return emit("ExtractJpegShape", contents, output_type=output_type, name=name)


@op("EncodeJpeg", shape=_encoded_shape, host=_encode_jpeg, gradient=None)
def encode_jpeg(
    image: Any,
    format: str = "",  # noqa: A002
    quality: int = 95,
    progressive: bool = False,
    optimize_size: bool = False,
    chroma_downsampling: bool = True,
    density_unit: str = "in",
    x_density: int = 300,
    y_density: int = 300,
    xmp_metadata: str | bytes = "",
    name: str | None = None,
) -> Any:
    """An image as the contents of a JPEG file: a scalar string.

    Args:
        image: uint8, [height, width, 1 or 3].
        format: "grayscale" or "rgb", to insist on it.
        quality: 0 to 100.
        progressive: store it from coarse to fine.
        optimize_size: a smaller file, in more time.
        chroma_downsampling: reduce the colors (4:2:0).
        density_unit, x_density, y_density: pixels for each inch ("in") or centimetre ("cm").
        xmp_metadata: an XMP packet to put in.

    InvalidArgumentError, when run, for other channels or an empty image.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.encode_jpeg(tf.zeros([8, 8, 3], tf.uint8)))[:4])
    b'\\xff\\xd8\\xff\\xe0'
    """
    return emit(
        "EncodeJpeg",
        image,
        format=format,
        quality=quality,
        progressive=progressive,
        optimize_size=optimize_size,
        chroma_downsampling=chroma_downsampling,
        density_unit=density_unit,
        x_density=x_density,
        y_density=y_density,
        xmp_metadata=xmp_metadata,
        name=name,
    )


@op("EncodePng", shape=_encoded_shape, host=_encode_png, gradient=None)
def encode_png(image: Any, compression: int = -1, name: str | None = None) -> Any:
    """An image as the contents of a PNG file: a scalar string.

    Args:
        image: uint8 or uint16, [height, width, 1 to 4]: gray, gray and alpha, RGB, or RGBA.
        compression: 0 (none) to 9 (the smallest file), -1 for the usual.

    InvalidArgumentError, when run, for other channels or an empty image.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.encode_png([[[1]]]))[:4])
    b'\\x89PNG'
    """
    return emit("EncodePng", image, compression=compression, name=name)


def is_jpeg(contents: Any, name: str | None = None) -> Any:
    """Whether `contents`, a scalar string, begins as a JPEG file does: a scalar bool.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.is_jpeg(b"\\xff\\xd8\\xff\\xe0")))
    True
    """
    with name_scope(name, "is_jpeg"):
        return emit("Equal", emit("Substr", contents, 0, 3), b"\xff\xd8\xff", name=name)


def _is_png(contents: Any) -> Any:
    with name_scope(None, "is_png"):
        return emit("Equal", emit("Substr", contents, 0, 3), b"\x89PN")


def decode_image(
    contents: Any,
    channels: int | None = None,
    dtype: Any = dtypes.uint8,
    name: str | None = None,
    expand_animations: bool = True,
) -> Any:
    """The image that a JPEG, PNG, GIF or BMP file holds. Its static shape is unknown.

    Args:
        contents: the file's contents: a scalar string.
        channels: 1, 3 or 4, or None or 0 for what the file has. ValueError for others.
        dtype: the type of the image, converted by `convert_image_dtype`.
        expand_animations: give a GIF file as [frames, height, width, 3]; else its first frame only.

    Returns:
        [height, width, channels], of `dtype`.

    Raises:
        InvalidArgumentError: when run, if the file cannot be decoded, or not to so many channels.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.image.decode_image(tf.image.encode_png([[[1, 2, 3]]]))))
    [[[1 2 3]]]
    """
    with name_scope(name, "decode_image"):
        if channels not in (None, 0, 1, 3, 4):
            raise ValueError("channels must be in (None, 0, 1, 3, 4)")
        start = emit("Substr", contents, 0, 3)
        file = _ImageFile(contents, start, channels, dtypes.as_dtype(dtype), expand_animations)
        return cond(is_jpeg(contents), file.jpeg, file.png_or_other, name="cond_jpeg")


class _ImageFile:
    """The branches of `decode_image`."""

    def __init__(
        self, contents: Any, start: Any, channels: int | None, dtype: dtypes.DType, animate: bool
    ) -> None:
        self.contents, self.start, self.dtype, self.animate = contents, start, dtype, animate
        self.channels = channels or 0

    def jpeg(self) -> Any:
        right = emit("NotEqual", self.channels, 4, name="check_jpeg_channels")
        message = "Channels must be in (None, 0, 1, 3) when decoding JPEG images"
        with control_dependencies([Assert(right, [message])]):
            return convert_image_dtype(decode_jpeg(self.contents, self.channels), self.dtype)

    def png_or_other(self) -> Any:
        return cond(_is_png(self.contents), self._png, self._gif_or_bmp, name="cond_png")

    def _png(self) -> Any:
        depth = dtypes.uint8 if self.dtype == dtypes.uint8 else dtypes.uint16
        return convert_image_dtype(decode_png(self.contents, self.channels, dtype=depth), self.dtype)

    def _gif_or_bmp(self) -> Any:
        is_gif = emit("Equal", self.start, b"GIF", name="is_gif")
        return cond(is_gif, self._gif, self._bmp, name="cond_gif")

    def _gif(self) -> Any:
        not_gray = emit("NotEqual", self.channels, 1, name="check_gif_channels")
        not_alpha = emit("NotEqual", self.channels, 4, name="check_gif_channels")
        right = emit("LogicalAnd", not_gray, not_alpha)
        message = "Channels must be in (None, 0, 3) when decoding GIF images"
        with control_dependencies([Assert(right, [message])]):
            frames = convert_image_dtype(decode_gif(self.contents), self.dtype)
            return frames if self.animate else blocks.gather(frames, 0)

    def _bmp(self) -> Any:
        signature = emit("Substr", self.contents, 0, 2)
        is_bmp = emit("Equal", signature, b"BM", name="is_bmp")
        checked = Assert(is_bmp, ["Unable to decode bytes as JPEG, PNG, GIF, or BMP"])
        right = emit("NotEqual", self.channels, 1, name="check_channels")
        message = "Channels must be in (None, 0, 3) when decoding BMP images"
        with control_dependencies([checked, Assert(right, [message])]):
            return convert_image_dtype(decode_bmp(self.contents), self.dtype)
