"""`tf.contrib.image`: images turned, shifted and projected, colors changed in YIQ."""

from .table import Rows, f32, f64, given, i32, u8

rows = Rows("image_transforms")
case, error = rows.case, rows.error

RANK = "TensorFlow asks for a known rank"
INVERSE = "TensorFlow's gradient is the projection back, not the derivative"
PROJECTION = [0.9, 0.2, 1.1, -0.15, 1.1, 0.3, 0.01, -0.02]


def contrib(tf):
    return tf.contrib.image


for kind in ["NEAREST", "bilinear"]:
    name = kind.lower()
    case(
        "transform_" + name,
        lambda tf, x, t, kind=kind: contrib(tf).transform(x, t, kind),
        x=f32(2, 5, 6, 2),
        t=given(PROJECTION),
        wrt=["x"],
        unknown=RANK,
        double=INVERSE,
    )
    case(
        "transform_each_" + name,
        lambda tf, x, t, kind=kind: contrib(tf).transform(
            x, t, interpolation=kind, output_shape=[4, 7], name="t"
        ),
        x=f64(2, 5, 6, 1),
        t=given([PROJECTION, [1.0, 0.0, 0.4, 0.0, 1.0, -1.2, 0.0, 0.0]]),
        grad=False,
        unknown=RANK,
        rtol=1e-6,
    )
    case(
        "rotate_" + name,
        lambda tf, x, a, kind=kind: contrib(tf).rotate(x, a, kind),
        x=f32(2, 7, 6, 2),
        a=given([0.43, -1.1]),
        wrt=["x"],
        unknown=RANK,
        double=INVERSE,
        rtol=2e-5,
    )
    case(
        "translate_" + name,
        lambda tf, x, kind=kind: contrib(tf).translate(x, [1.3, -0.6], kind),
        x=f32(1, 5, 6, 2),
        unknown=RANK,
        double=INVERSE,
    )
case("transform_plane", lambda tf, x: contrib(tf).transform(x, PROJECTION), x=i32(5, 6), unknown=RANK)
case("rotate_plane", lambda tf, x: contrib(tf).rotate(x, 0.7), x=u8(5, 6), unknown=RANK)
case("rotate_image", lambda tf, x: contrib(tf).rotate(x, 0.7, name="turned"), x=u8(5, 6, 3), unknown=RANK)
case(
    "translate_each",
    lambda tf, x, t: contrib(tf).translate(x, t),
    x=i32(2, 4, 4, 1),
    t=given([[1.0, 2.0], [-1.0, 0.0]]),
    grad=False,
    unknown=RANK,
)
case(
    "compose",
    lambda tf, t: contrib(tf).compose_transforms(t, PROJECTION, [1.0, 0.0, 0.4, 0.0, 1.0, -1.2, 0.0, 0.0]),
    t=given(PROJECTION),
    unknown=RANK,
    grad=False,
)
error(
    "transform_rank",
    lambda tf, x: contrib(tf).transform(x, PROJECTION),
    x=f32(4),
    raises="TypeError",
    match="rank",
)
error(
    "transform_type",
    lambda tf, x: contrib(tf).transform(x, PROJECTION),
    x=given([[True]], "bool"),
    raises="TypeError",
    match="dtype",
)
error(
    "rotate_angles",
    lambda tf, x: contrib(tf).rotate(x, [[0.1]]),
    x=f32(3, 3),
    raises="TypeError",
    match="Angles",
)
error(
    "translate_rank",
    lambda tf, x: contrib(tf).translate(x, 0.1),
    x=f32(3, 3),
    raises="TypeError",
    match="Translations",
)
error(
    "transform_size",
    lambda tf, x: contrib(tf).transform(x, PROJECTION, output_shape=[1, 2, 3]),
    x=f32(3, 3),
    raises="ValueError",
    match="2 elements",
)
error(
    "transform_count",
    lambda tf, x: contrib(tf).transform(tf.reshape(x, [3, 2, 2, 1]), [PROJECTION, PROJECTION]),
    x=f32(12),
    raises="InvalidArgumentError",
    match="num_images x 8",
    when="run",
)


def distort(tf):
    """The module of color distortions, which `tf.contrib.image` does not show."""
    import importlib

    root = "tensorflow" if tf.__name__.startswith("tensorflow") else tf.__name__
    return importlib.import_module(root + ".contrib.image.python.ops.distort_image_ops")


case(
    "hsv_in_yiq",
    lambda tf, x: distort(tf).adjust_hsv_in_yiq(x, 0.7, 1.3, 0.8),
    x=f32(3, 4, 3, low=0.0, high=1.0),
    grad=False,
)
case(
    "hsv_in_yiq_u8",
    lambda tf, x: distort(tf).adjust_hsv_in_yiq(x, 0.1, name="a"),
    x=u8(2, 3, 4, 3),
    compiled="a value may lie at the edge of two integers",
)
case(
    "random_hsv_in_yiq",
    lambda tf, x: distort(tf).random_hsv_in_yiq(x, 0.7, 0.5, 1.5, 0.8, 1.2, seed=3),
    x=f32(3, 4, 3, low=0.0, high=1.0),
    grad=False,
    steps=2,
    rtol=1e-4,
)
error(
    "hsv_in_yiq_range",
    lambda tf, x: distort(tf).random_hsv_in_yiq(x, -1),
    x=f32(2, 2, 3),
    raises="ValueError",
    match="max_delta",
)
error(
    "hsv_in_yiq_channels",
    lambda tf, x: distort(tf).adjust_hsv_in_yiq(x),
    x=f32(2, 2, 4),
    raises="InvalidArgumentError",
    match="3 channels",
    when="run",
)
