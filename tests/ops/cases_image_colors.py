"""Colors of images: types, adjustments, color spaces."""

from .table import Rows, call, f16, f32, f64, given, i32, u8

rows = Rows("image_colors")
case, error = rows.case, rows.error

COUNTED = "the seed is the number of nodes"
DRAWS = "draws anew in every run"
SINGLE = "computed in single precision"
STATIC = "TensorFlow needs the rank"


def colors(*shape):
    return f32(*shape, low=0.0, high=1.0)


PRIMARY = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 0, 0], [1, 1, 1]]
PRIMARY += [
    [0.5, 0.5, 0.5],
    [0.2, 0.2, 0.7],
    [0.7, 0.2, 0.2],
    [0.2, 0.7, 0.2],
    [0.7, 0.7, 0.1],
    [0.1, 0.7, 0.7],
]

# Types
KINDS = ["uint8", "int16", "int32", "float32", "float64", "uint16", "int8"]
for source in KINDS:
    for target in KINDS:
        if source in ("float32", "float64"):
            x = given([0.0, 0.25, 0.5, 0.875, 0.999], source)
        else:
            x = given([0, 1, 5, 64, 100, 127], source)
        if source.startswith("float") and target == "float32":
            options = {"double": SINGLE}
        else:
            options = {}
        if (source, target) in (("uint16", "int8"),):
            continue
        name = "convert_{}_{}".format(source, target)
        case(
            name, lambda tf, x, t=target: tf.image.convert_image_dtype(x, t, name="converted"), x=x, **options
        )
for source, value in [("float32", [-0.5, 0.5, 1.5]), ("int32", [-5, 2**30, 2**31 - 1])]:
    case(
        "convert_saturated_" + source,
        lambda tf, x: tf.image.convert_image_dtype(x, tf.uint8, saturate=True),
        x=given(value, source),
    )
error(
    "convert_bool",
    lambda tf, x: tf.image.convert_image_dtype(x, tf.bool),
    x=f32(2),
    raises="AttributeError",
    match="floating point or integer",
)

# Adjustments
for name, x in [
    ("f32", colors(4, 5, 3)),
    ("u8", u8(4, 5, 3)),
    ("batch", colors(2, 4, 3, 3)),
    ("i32", i32(3, 3, 3)),
]:
    options = {"grad": False} if name == "batch" else {}
    case("brightness_" + name, call("image.adjust_brightness", 0.25), x=x, double=SINGLE)
    for each, amount in [("contrast", 1.5), ("hue", 0.2), ("saturation", 0.6)]:
        case(each + "_" + name, call("image.adjust_" + each, amount), x=x, grad=False, rtol=1e-4)
    case(
        "gamma_" + name,
        call("image.adjust_gamma", 2.0, 0.9),
        x=x if name != "i32" else u8(3, 3, 3),
        double=SINGLE,
    )
    case(
        "standardization_" + name,
        call("image.per_image_standardization"),
        x=x,
        rtol=2e-5,
        double=SINGLE,
        **({"unknown": "clips at the edge of the range"} if name == "i32" else {}),
    )
for delta in [-0.7, -0.1, 0.0, 0.5, 1.0]:
    case(
        "hue_{}".format(delta),
        call("image.adjust_hue", delta),
        x=given([[PRIMARY]][0]),
        grad=False,
        rtol=1e-4,
    )
for factor in [0.0, 1.0, 3.0]:
    case(
        "saturation_{}".format(factor),
        call("image.adjust_saturation", factor, name="vivid"),
        x=given([PRIMARY]),
        grad=False,
        rtol=1e-4,
    )
case(
    "hue_fed",
    call("image.adjust_hue", name="turned"),
    x=colors(3, 2, 3),
    delta=given(0.3),
    grad=False,
    rtol=1e-4,
)
case("brightness_fed", call("image.adjust_brightness"), x=colors(3, 2, 3), delta=given(0.3), double=SINGLE)
case("brightness_f16", call("image.adjust_brightness", 0.3), x=f16(3, 2, 3), double=SINGLE)
case("contrast_fed", call("image.adjust_contrast"), x=colors(3, 2, 3), factor=given(0.3), grad=False)
case("contrast_channels", call("image.adjust_contrast", 2.0), x=f32(2, 2, 4, 5), grad=False)
case("contrast_f64", call("image.adjust_contrast", 2.0), x=f64(2, 4, 1), grad=False)
case("gamma_default", call("image.adjust_gamma"), x=colors(3, 2, 3), double=SINGLE)
case("gamma_fed", call("image.adjust_gamma"), x=colors(3, 2, 3), gamma=given(1.5), double="a double gamma")
case("whole_equal", call("image.per_image_standardization"), x=given([[[3.0, 3.0], [3.0, 3.0]]]), grad=False)
case("standardization_f64", call("image.per_image_standardization"), x=f64(3, 4, 2), rtol=2e-5, double=SINGLE)
error(
    "gamma_negative",
    call("image.adjust_gamma", -1.0),
    x=f32(2, 2, 3),
    raises="ValueError",
    match="non-negative",
)
error(
    "gamma_negative_fed",
    call("image.adjust_gamma"),
    x=colors(2, 2, 3),
    gamma=given(-1.0),
    raises="InvalidArgumentError",
    match="non-negative",
    when="run",
)
error(
    "hue_channels",
    call("image.adjust_hue", 0.1),
    x=f32(2, 2, 4),
    raises="InvalidArgumentError",
    match="3 channels",
    when="run",
)
error("hue_rank", call("image.adjust_hue", 0.1), x=f32(2, 3), raises="ValueError", match="at least rank 3")
error(
    "hue_delta",
    call("image.adjust_hue", [0.1]),
    x=f32(2, 2, 3),
    raises="InvalidArgumentError",
    match="delta must be scalar",
    when="run",
)
error(
    "saturation_channels",
    call("image.adjust_saturation", 0.1),
    x=f32(2, 2, 4),
    raises="InvalidArgumentError",
    match="3 channels",
    when="run",
)
error(
    "contrast_rank",
    call("image.adjust_contrast", 0.1),
    x=f32(2, 3),
    raises="ValueError",
    match="at least rank 3",
)
error(
    "standardization_rank",
    call("image.per_image_standardization"),
    x=f32(2, 3),
    raises="ValueError",
    match="three",
)

# Random forms
for each, arguments in [
    ("brightness", (0.4,)),
    ("contrast", (0.5, 1.5)),
    ("hue", (0.3,)),
    ("saturation", (0.5, 1.5)),
]:
    path = "image.random_" + each
    case("random_" + each, call(path, *arguments, seed=3), x=colors(3, 4, 3), steps=3, grad=False, rtol=1e-4)
    case(
        "random_" + each + "_graph_seed",
        call(path, *arguments),
        x=u8(3, 4, 3),
        steps=2,
        seed=5,
        unknown=COUNTED,
        compiled="a value may lie at the edge of two integers",
    )
error(
    "random_brightness",
    call("image.random_brightness", -1.0),
    x=f32(2, 2, 3),
    raises="ValueError",
    match="non-neg",
)
error("random_hue", call("image.random_hue", -0.1), x=f32(2, 2, 3), raises="ValueError", match="non-neg")
error("random_hue_large", call("image.random_hue", 0.6), x=f32(2, 2, 3), raises="ValueError", match="0.5")
for each in ["contrast", "saturation"]:
    path = "image.random_" + each
    error("random_" + each, call(path, 2.0, 1.0), x=f32(2, 2, 3), raises="ValueError", match="upper")
    error(
        "random_" + each + "_low", call(path, -2.0, 1.0), x=f32(2, 2, 3), raises="ValueError", match="lower"
    )

# Color spaces
case("rgb_to_hsv", call("image.rgb_to_hsv", name="spaced"), x=colors(2, 3, 4, 3), double=SINGLE)
case("rgb_to_hsv_primary", call("image.rgb_to_hsv"), x=given(PRIMARY), grad=False)
case("rgb_to_hsv_f64", call("image.rgb_to_hsv"), x=f64(5, 3, low=0.0, high=1.0), grad=False)
case("hsv_to_rgb", call("image.hsv_to_rgb"), x=colors(2, 3, 4, 3), grad=False)
case("hsv_to_rgb_primary", call("image.hsv_to_rgb"), x=given(PRIMARY), grad=False)
case("hsv_to_rgb_f64", call("image.hsv_to_rgb"), x=f64(5, 3, low=0.0, high=1.0), grad=False)
error("rgb_to_hsv_channels", call("image.rgb_to_hsv"), x=f32(2, 2, 4), raises="ValueError", match="must be 3")
error(
    "hsv_to_rgb_channels",
    call("image.hsv_to_rgb"),
    x=f32(2, 2, 4),
    raises="FailedPreconditionError",
    match="3 channels",
    when="run",
)
case("rgb_to_grayscale", call("image.rgb_to_grayscale"), x=colors(2, 3, 3), double=SINGLE)
case("rgb_to_grayscale_u8", call("image.rgb_to_grayscale", name="gray"), x=u8(2, 2, 3, 3))
case("rgb_to_grayscale_f64", call("image.rgb_to_grayscale"), x=f64(2, 3, 3), rtol=1e-6, double=SINGLE)
case("grayscale_to_rgb", call("image.grayscale_to_rgb"), x=f32(2, 3, 1))
case("grayscale_to_rgb_u8", call("image.grayscale_to_rgb", name="rgb"), x=u8(2, 3, 4, 1))
error("grayscale_to_rgb", call("image.grayscale_to_rgb"), x=f32(2, 3, 3), raises="ValueError", match="size 1")
error("grayscale_to_rgb_rank", call("image.grayscale_to_rgb"), x=f32(2), raises="ValueError", match="two-dim")
for each in ["rgb_to_yiq", "yiq_to_rgb", "rgb_to_yuv", "yuv_to_rgb"]:
    case(each, call("image." + each), x=colors(2, 3, 4, 3), unknown=STATIC)
    case(each + "_image", call("image." + each), x=f64(3, 4, 3), unknown=STATIC)
