"""Summary ops: serialized Summary messages, to the byte, but for the compression of images."""

import struct
import zlib

import numpy as np

from .table import Rows, f16, f32, f64, given, i32, i64, raw, strings, u8

rows = Rows("summary")
case, error = rows.case, rows.error


def made(path, name, **keywords):
    """A row's build that calls `tf.summary.<path>` with a name, the row's input and keywords."""

    def build(tf, x):
        return getattr(tf.summary, path)(name, x, **keywords)

    return build


def pixels(path, name, **keywords):
    """The same for images: their pixels, one after the other, since PNG files differ in compression."""

    def build(tf, x):
        summary = made(path, name, **keywords)(tf, x)
        return tf.py_func(png_pixels, [summary], tf.uint8)

    return build


def png_pixels(summary):
    """The size and the bytes of each PNG file inside a serialized Summary."""
    parts, at = [], summary.find(b"\x89PNG")
    while at >= 0:
        end = summary.index(b"IEND", at)
        width, height, _, color = struct.unpack(">IIBB", summary[at + 16 : at + 26])
        start = summary.index(b"IDAT", at)
        size = struct.unpack(">I", summary[start - 4 : start])[0]
        data = zlib.decompress(summary[start + 4 : start + 4 + size])
        channels = {0: 1, 2: 3, 6: 4}[color]
        parts += [np.array([height, width, channels], np.uint8), unfiltered(data, height, channels)]
        at = summary.find(b"\x89PNG", end)
    return np.concatenate(parts) if parts else np.zeros([0], np.uint8)


def unfiltered(data, height, channels):
    """The bytes of the rows of a PNG file."""
    rows_of = np.frombuffer(data, np.uint8).reshape(height, -1).astype(int)
    done = np.zeros((height + 1, rows_of.shape[1] - 1), int)
    for y, row in enumerate(rows_of):
        for x, value in enumerate(row[1:]):
            left = done[y + 1, x - channels] if x >= channels else 0
            corner = done[y, x - channels] if x >= channels else 0
            up = done[y, x]
            done[y + 1, x] = (value + predicted(row[0], left, up, corner)) % 256
    return done[1:].astype(np.uint8).ravel()


def predicted(kind, left, up, corner):
    guess = left + up - corner
    nearest = sorted([left, up, corner], key=lambda v: abs(guess - v))[0]
    return [0, left, up, (left + up) // 2, nearest][kind]


case("scalar", made("scalar", "loss"), x=f32())
case("scalar_illegal_name", made("scalar", "/train loss:1"), x=f32())
case("scalar_family", made("scalar", "loss", family="my family"), x=f64())
case("scalar_int", made("scalar", "n"), x=given(7, "int32"))
case("scalar_half", made("scalar", "n"), x=f16())
case("scalar_bytes", made("scalar", "n"), x=given(200, "uint8"))
case("scalar_nan", made("scalar", "n"), x=given(np.nan))
case("scalar_twice", lambda tf, x: [tf.summary.scalar("a", x), tf.summary.scalar("a", x)], x=f32())
case(
    "scalar_tags", lambda tf, x: raw(tf, "ScalarSummary", tf.constant([b"a", b"b"]), x), x=f32(2), grad=False
)
error("scalar", made("scalar", "n"), x=f32(2), raises="InvalidArgumentError", match="same shape", when="run")
error("scalar_text", made("scalar", "n"), x=strings("a"), raises="TypeError")
error("scalar_no_name", made("scalar", None), x=f32(), raises="ValueError")

case("histogram", made("histogram", "w"), x=f32(3, 4))
case("histogram_large", made("histogram", "w"), x=f64(100, 3, low=-1000, high=1000))
case("histogram_default_name", made("histogram", None), x=f32(3))
case("histogram_family", made("histogram", "w", family="layer"), x=f32(3))
case("histogram_scalar", made("histogram", "w"), x=f32())
case("histogram_empty", made("histogram", "w"), x=f32(0, 2))
case("histogram_zeros", made("histogram", "w"), x=given(np.zeros(5)))
case("histogram_ints", made("histogram", "w"), x=i32(20))
case("histogram_longs", made("histogram", "w"), x=i64(200))
case("histogram_bytes", made("histogram", "w"), x=u8(70))
case("histogram_half", made("histogram", "w"), x=f16(70))
case("histogram_extremes", made("histogram", "w"), x=given([1e-30, -1e-30, 3e38, -3e38, 0.0, 1e-12, 1e20]))
error("histogram_nan", made("histogram", "w"), x=given([1.0, np.nan]), raises="InvalidArgumentError",
      match="Nan in summary histogram for: w", when="run")  # fmt: skip
error("histogram_inf", made("histogram", "w"), x=given([np.inf] * 99), raises="InvalidArgumentError",
      match="Infinity in summary histogram for: w", when="run")  # fmt: skip
error("histogram_bool", made("histogram", "w"), x=given([True], "bool"), raises="TypeError")

case("image", pixels("image", "x"), x=u8(2, 4, 5, 3))
case("image_gray", pixels("image", "x"), x=u8(1, 3, 3, 1))
case("image_rgba", pixels("image", "x"), x=u8(1, 3, 2, 4))
case("image_limit", pixels("image", "x", max_outputs=1), x=u8(3, 2, 2, 1))
case("image_positive", pixels("image", "x"), x=f32(2, 4, 4, 1, low=0.0, high=3.0), grad=False)
case("image_signed", pixels("image", "x"), x=f32(2, 4, 4, 3), grad=False)
case("image_half", pixels("image", "x"), x=f16(1, 4, 4, 3), grad=False)
case("image_double", pixels("image", "x"), x=f64(1, 4, 4, 1), grad=False)
case("image_tiny", pixels("image", "x"), x=given([[[[1e-9], [-1e-8]]]]), grad=False)
case("image_nan", pixels("image", "x"), x=given([[[[1.0, 2.0, 0.0], [np.nan, 1.0, 1.0]]]]), grad=False)
case("image_all_nan", pixels("image", "x"), x=given([[[[np.nan], [np.inf]]]]), grad=False)
case("image_no_batch", made("image", "x"), x=u8(0, 2, 2, 1))
error("image_rank", made("image", "x"), x=f32(2, 2), raises="InvalidArgumentError", match="4-D", when="run")
error("image_depth", made("image", "x"), x=f32(1, 2, 2, 2), raises="InvalidArgumentError", match="last dim",
      when="run")  # fmt: skip
error("image_empty", made("image", "x"), x=f32(1, 0, 2, 1), raises="InvalidArgumentError", match="non-zero",
      when="run")  # fmt: skip
error("image_int", made("image", "x"), x=i32(1, 2, 2, 1), raises="TypeError")
error("image_none", made("image", "x", max_outputs=0), x=u8(1, 2, 2, 1), raises="ValueError")

case("audio", made("audio", "x", sample_rate=44100.0), x=f32(2, 30), grad=False)
case("audio_channels", made("audio", "x", sample_rate=8000.7, max_outputs=1), x=f32(2, 10, 2), grad=False)
case(
    "audio_rate",
    lambda tf, x: tf.summary.audio("x", x, tf.constant(11025.0), family="f"),
    x=f32(1, 8),
    grad=False,
)
case("audio_rounding", made("audio", "x", sample_rate=0.5),
     x=given([[0.0, 1.0, -1.0, 0.5, 1 / 65536.0, -1 / 65536.0, 3 / 65536.0]]), grad=False)  # fmt: skip
case("audio_no_batch", made("audio", "x", sample_rate=1.0), x=f32(0, 3), grad=False)
error("audio_rank", made("audio", "x", sample_rate=1.0), x=f32(3), raises="InvalidArgumentError",
      match="3-D or 2-D", when="run")  # fmt: skip
error("audio_empty", made("audio", "x", sample_rate=1.0), x=f32(1, 0), raises="InvalidArgumentError",
      match="num_frames", when="run")  # fmt: skip
error("audio_still", made("audio", "x", sample_rate=0.0), x=f32(1, 3), raises="InvalidArgumentError",
      match="sample_rate", when="run")  # fmt: skip

case("text", made("text", "t"), x=strings(["a", "bc"]))
case("text_scalar", made("text", "t"), x=strings("hello"))
error("text_number", made("text", "t"), x=f32(2), raises="ValueError")
case("tensor", made("tensor_summary", "t"), x=f32(2, 3))
case("tensor_scalar", made("tensor_summary", "t", display_name="shown", summary_description="what"), x=f64())
case("tensor_ints", made("tensor_summary", "t", family="f"), x=i64(3))
case("tensor_half", made("tensor_summary", "t"), x=f16(3))
case("tensor_bool", made("tensor_summary", "t"), x=given([True, False], "bool"))
case("tensor_empty", made("tensor_summary", "t"), x=f32(0, 2))
case("tensor_old", lambda tf, x: raw(tf, "TensorSummary", x, description="{}"), x=f32(2), grad=False)

case(
    "merge",
    lambda tf, x: tf.summary.merge([tf.summary.scalar("a", x), tf.summary.histogram("b", x)]),
    x=f32(),
)
case("merge_named", lambda tf, x: tf.summary.merge([tf.summary.scalar("a", x)], name="my sum"), x=f32())
case("merge_all", lambda tf, x: [tf.summary.merge_all(), tf.summary.scalar("a", x), tf.summary.merge_all()],
     x=f32())  # fmt: skip


def _scoped(tf, x):
    with tf.name_scope("net"):
        tf.summary.scalar("a", x, collections=["mine"])
        tf.summary.scalar("b", x, collections=["mine", "summaries"])
    tf.summary.scalar("c", x, collections=["mine"])
    return tf.summary.merge_all("mine", scope="net/"), tf.summary.merge_all(name="all")


case("merge_all_scope", _scoped, x=f32())
error("merge_duplicate", lambda tf, x: tf.summary.merge([tf.summary.scalar("a", x)] * 2), x=f32(),
      raises="InvalidArgumentError", match="Duplicate tag a", when="run")  # fmt: skip
error("merge_rubbish", lambda tf, x: tf.summary.merge([x]), x=strings("abc"), raises="InvalidArgumentError",
      match="parse", when="run")  # fmt: skip
error("merge_none", lambda tf: tf.summary.merge([]), raises="ValueError")
error("merge_one", lambda tf, x: tf.summary.merge(tf.summary.scalar("a", x)), x=f32(), raises="TypeError")
error(
    "merge_number",
    lambda tf, x: tf.summary.merge([tf.summary.scalar("a", x), x]),
    x=f32(),
    raises="TypeError",
)
