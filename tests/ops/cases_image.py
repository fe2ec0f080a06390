"""Images: resizing, crops, paddings, flips, boxes cut out."""

from .table import Rows, call, f32, f64, given, i32, u8

rows = Rows("image")
case, error = rows.case, rows.error

SINGLE = "the output is single precision whatever the input"
METHODS = [
    ("bilinear", "resize_bilinear"),
    ("nearest", "resize_nearest_neighbor"),
    ("bicubic", "resize_bicubic"),
]

# Resizing: each kind up and down, with each corner rule
for short, each in METHODS:
    path = "image." + each
    off = {} if short == "nearest" else {"double": SINGLE}
    for size in [(7, 5), (2, 3), (8, 6), (1, 1)]:
        suffix = "_{}x{}".format(*size)
        case("resize_" + short + suffix, call(path, list(size)), x=f32(2, 4, 3, 2), **off)
        case(
            "resize_" + short + suffix + "_corners",
            call(path, list(size), align_corners=True),
            x=f32(1, 4, 3, 2),
            **off,
        )
        case(
            "resize_" + short + suffix + "_centers",
            call(path, list(size), half_pixel_centers=True, name="centred"),
            x=f32(1, 4, 3, 2),
            **off,
        )
    case("resize_" + short + "_same", call(path, [4, 3]), x=f32(2, 4, 3, 1), **off)
    case("resize_" + short + "_bytes", call(path, [5, 5]), x=u8(1, 3, 4, 3))
    case("resize_" + short + "_ints", call(path, [2, 2]), x=i32(1, 3, 4, 3))
    case("resize_" + short + "_size_fed", call(path), x=f32(1, 2, 3, 1), size=given([3, 4], "int32"), **off)
    # the weights are single precision
    case("resize_" + short + "_f64", call(path, [3, 4]), x=f64(1, 2, 3, 1), rtol=1e-6, **off)
    case("resize_" + short + "_large", call(path, [37, 53]), x=f32(1, 16, 24, 1), **off)
    error(
        "resize_" + short + "_rank", call(path, [2, 2]), x=f32(3, 4, 3), raises="ValueError", match="rank 4"
    )
    error(
        "resize_" + short + "_size", call(path, [2, 2, 2]), x=f32(1, 3, 4, 3), raises="ValueError", match="2"
    )
    error(
        "resize_" + short + "_zero",
        call(path),
        x=f32(1, 3, 4, 3),
        size=given([0, 3], "int32"),
        raises="InvalidArgumentError",
        match="output dimensions must be positive",
        when="run",
    )
error(
    "resize_both_rules",
    call("image.resize_bilinear", [2, 2], align_corners=True, half_pixel_centers=True),
    x=f32(1, 3, 4, 3),
    raises="InvalidArgumentError",
    match="align_corners must be False",
    when="run",
)
for size in [(7, 5), (2, 3), (8, 6), (3, 2), (1, 1)]:
    suffix = "_{}x{}".format(*size)
    case("resize_area" + suffix, call("image.resize_area", list(size)), x=f32(2, 4, 3, 2), grad=False)
    case(
        "resize_area" + suffix + "_corners",
        call("image.resize_area", list(size), align_corners=True),
        x=f32(2, 4, 3, 3),
        grad=False,
    )
case("resize_area_bytes", call("image.resize_area", [5, 3]), x=u8(1, 13, 11, 3))
case(
    "extract_patches",
    call(
        "image.extract_patches", sizes=[1, 2, 3, 1], strides=[1, 1, 2, 1], rates=[1, 1, 1, 1], padding="SAME"
    ),
    x=f32(1, 4, 5, 2),
    grad_nodes="the gradient is one node here",
)
