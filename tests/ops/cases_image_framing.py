"""Images cut, padded, resized to a frame, mirrored and turned."""

from .table import Rows, call, f32, f64, given, i32, u8

rows = Rows("image_framing")
case, error = rows.case, rows.error

SINGLE = "the output is single precision whatever the input"
DRAWS = "draws anew in every run"
COUNTED = "the seed is the number of nodes"
THREE = "TensorFlow takes an unknown rank for 3"
STATIC = "TensorFlow asks for a known rank"

# Crops and paddings
case("central_crop", call("image.central_crop", 0.5), x=f32(5, 8, 2))
case("central_crop_batch", call("image.central_crop", 0.3), x=f32(2, 7, 6, 1))
case("central_crop_whole", call("image.central_crop", 1.0), x=f32(3, 4, 1))
error(
    "central_crop_fraction",
    call("image.central_crop", 0.0),
    x=f32(3, 4, 1),
    raises="ValueError",
    match="0, 1",
)
error(
    "central_crop_above", call("image.central_crop", 1.5), x=f32(3, 4, 1), raises="ValueError", match="0, 1"
)
error(
    "central_crop_rank",
    call("image.central_crop", 0.5),
    x=f32(1, 1, 3, 4, 1),
    raises="ValueError",
    match="rank",
)
error("central_crop_rank_2", call("image.central_crop", 0.5), x=f32(3, 4), raises="ValueError", match="three")

for each in ["crop_to_bounding_box", "pad_to_bounding_box"]:
    path = "image." + each
    frame = (1, 2, 3, 4) if each.startswith("crop") else (1, 2, 7, 10)
    case(each, call(path, *frame), x=f32(5, 7, 2))
    case(each + "_batch", call(path, *frame), x=f32(2, 5, 7, 1), unknown=THREE)
    case(each + "_bytes", call(path, *frame), x=u8(5, 7, 3))
    error(each + "_rank", call(path, *frame), x=f32(5, 7), raises="ValueError", match="3 or 4 dimensions")
    error(
        each + "_offset", call(path, -1, 0, 9, 9), x=f32(5, 7, 1), raises="ValueError", match="offset_height"
    )
    error(each + "_empty", call(path, 0, 0, 5, 7), x=f32(5, 0, 1), raises="ValueError", match="must be > 0")
case(
    "crop_fed",
    lambda tf, x, y, h: tf.image.crop_to_bounding_box(x, y, 1, h, 2),
    x=f32(5, 7, 1),
    y=given(1, "int32"),
    h=given(3, "int32"),
)
case(
    "pad_fed",
    lambda tf, x, y, h: tf.image.pad_to_bounding_box(x, y, 1, h, 9),
    x=f32(5, 7, 1),
    y=given(1, "int32"),
    h=given(8, "int32"),
)
error(
    "crop_too_large",
    call("image.crop_to_bounding_box", 1, 2, 5, 4),
    x=f32(5, 7, 1),
    raises="ValueError",
    match="height must be >= target",
)
error(
    "crop_too_large_fed",
    call("image.crop_to_bounding_box", 1, 2, 5, 4),
    x=f32(5, 7, 1),
    raises="InvalidArgumentError",
    match="height must be >= target",
    when="run",
)
error(
    "crop_nothing",
    call("image.crop_to_bounding_box", 1, 2, 0, 4),
    x=f32(5, 7, 1),
    raises="ValueError",
    match="target_height",
)
error(
    "pad_too_small",
    call("image.pad_to_bounding_box", 1, 2, 7, 8),
    x=f32(5, 7, 1),
    raises="ValueError",
    match="width must be <= target",
)

path = "image.resize_image_with_crop_or_pad"
for height, width in [(3, 4), (8, 9), (3, 9), (8, 2), (5, 7)]:
    case("crop_or_pad_{}x{}".format(height, width), call(path, height, width), x=f32(5, 7, 2))
case("crop_or_pad_batch", call(path, 4, 9), x=f32(2, 5, 7, 1), unknown=THREE)
case("crop_or_pad_alias", call("image.resize_with_crop_or_pad", 4, 9), x=u8(5, 7, 3))
case("crop_or_pad_fed", call(path), x=f32(5, 7, 1), h=given(3, "int32"), w=given(9, "int32"))
error("crop_or_pad_rank", call(path, 4, 9), x=f32(2, 3), raises="ValueError", match="3 or 4 dimensions")
error("crop_or_pad_zero", call(path, 0, 9), x=f32(2, 3, 1), raises="ValueError", match="target_height")
error(
    "crop_or_pad_zero_fed",
    lambda tf, x, h: tf.image.resize_image_with_crop_or_pad(x, h, 9),
    x=f32(2, 3, 1),
    h=given(0, "int32"),
    raises="InvalidArgumentError",
    match="target_height must be > 0",
    when="run",
)

# Resizing
for number, name in enumerate(["BILINEAR", "NEAREST_NEIGHBOR", "BICUBIC", "AREA"]):
    off = {"double": SINGLE} if number != 1 else {}
    if number == 3:
        off = {"grad": False}
    case(
        "resize_images_" + name.lower(),
        lambda tf, x, name=name: tf.image.resize_images(x, [3, 8], getattr(tf.image.ResizeMethod, name)),
        x=f32(5, 4, 2),
        unknown=STATIC,
        **off,
    )
    if number != 3:
        case(
            "resize_images_corners_" + name.lower(),
            call("image.resize_images", [3, 8], method=number, align_corners=True, name="sized"),
            x=f32(2, 5, 4, 2),
            unknown=STATIC,
            **off,
        )
    case(
        "resize_pad_" + name.lower(),
        call("image.resize_image_with_pad", 6, 9, method=number),
        x=f32(5, 4, 2),
        rtol=2e-5,
        **off,
    )
for word in ["bilinear", "nearest", "bicubic", "area"]:
    case(
        "resize_by_name_" + word,
        call("image.resize_images", [3, 8], method=word),
        x=f32(5, 4, 2),
        grad=False,
        unknown=STATIC,
    )
case("resize_images_same", call("image.resize_images", (5, 4)), x=f32(5, 4, 2), unknown=STATIC)
case(
    "resize_images_same_bytes",
    call("image.resize", (5, 4)),
    x=u8(5, 4, 2),
    unknown="bytes stay bytes only if the size is known to be the same",
)
case("resize_images_bytes", call("image.resize", (4, 4)), x=u8(5, 4, 2), unknown=STATIC)
case(
    "resize_images_fed",
    call("image.resize_images"),
    x=f32(5, 4, 2),
    size=given([6, 3], "int32"),
    unknown=STATIC,
    double=SINGLE,
)
for size in [(10, 5), (3, 9), (7, 7)]:
    case(
        "resize_images_ratio_{}x{}".format(*size),
        call("image.resize_images", size, preserve_aspect_ratio=True),
        x=f32(2, 5, 8, 1),
        unknown=STATIC,
        double=SINGLE,
    )
case(
    "resize_pad_corners",
    call("image.resize_image_with_pad", 6, 9, align_corners=True),
    x=f32(2, 5, 4, 2),
    double=SINGLE,
    rtol=2e-5,
    unknown=THREE,
)
case("resize_pad_bytes", call("image.resize_image_with_pad", 4, 3), x=u8(5, 7, 3), rtol=2e-5)
error(
    "resize_images_rank",
    call("image.resize_images", [2, 2]),
    x=f32(5, 4),
    raises="ValueError",
    match="3 or 4",
)
error(
    "resize_images_size",
    call("image.resize_images", [2, 2, 2]),
    x=f32(5, 4, 1),
    raises="ValueError",
    match="2 elements",
)
error(
    "resize_images_text", call("image.resize_images", "a"), x=f32(5, 4, 1), raises="ValueError", match="size"
)
error(
    "resize_images_method",
    call("image.resize_images", [2, 2], method=7),
    x=f32(5, 4, 1),
    raises="ValueError",
    match="not implemented",
)
error(
    "resize_pad_zero",
    call("image.resize_image_with_pad", 6, 0),
    x=f32(5, 4, 1),
    raises="ValueError",
    match="width",
)

# Mirrors and turns
for each in ["flip_left_right", "flip_up_down", "transpose_image", "rot90", "transpose"]:
    path = "image." + each
    # TensorFlow cannot differentiate a turn of an image that is no square
    case(each, call(path), x=f32(3, 4, 2), **({"grad": False} if each == "rot90" else {}))
    case(each + "_batch", call(path), x=i32(2, 3, 4, 1), unknown=THREE)
    error(each + "_rank", call(path), x=f32(3, 4), raises="ValueError", match="at least three")
    error(each + "_rank_5", call(path), x=f32(1, 1, 3, 4, 1), raises="ValueError", match="3 or 4 dimensions")
case("transpose_named", call("image.transpose", name="turned"), x=f64(2, 3, 2))
for k in [0, 2, 3, 5, -1]:
    case("rot90_{}".format(k), call("image.rot90", k), x=f32(3, 3, 1))
case("rot90_fed", call("image.rot90", name="turned"), x=f32(2, 3, 3, 1), k=given(3, "int32"), unknown=THREE)
case(
    "rot90_fed_ints",
    call("image.rot90", name="turned"),
    x=i32(2, 3, 4, 1),
    k=given(3, "int32"),
    unknown=THREE,
)
error("rot90_k", call("image.rot90", [1, 2]), x=f32(3, 4, 1), raises="ValueError", match="rank 0")
for each in ["random_flip_left_right", "random_flip_up_down"]:
    path = "image." + each
    case(each, call(path, seed=3), x=f32(3, 4, 2), steps=6, double=DRAWS)
    case(each + "_graph_seed", call(path), x=f32(3, 4, 2), steps=4, seed=11, double=DRAWS, unknown=COUNTED)
    case(each + "_batch", call(path, 5), x=f32(6, 3, 4, 1), steps=2, double=DRAWS, unknown=THREE)
    error(each + "_rank", call(path), x=f32(3, 4), raises="ValueError", match="at least three")
