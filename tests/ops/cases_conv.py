"""Convolutions: every padding, stride, dilation and layout in use, their gradients, and morphology."""

from .table import Rows, call, distinct, f16, f32, f64, given, i32

rows = Rows("conv")
case, error = rows.case, rows.error

STATIC = "it needs static shapes"
RANK = "it needs the rank"
SECOND = "TensorFlow 1.15 has no second derivative"

# --- two space axes -------------------------------------------------------------------------------

SHAPES = {  # input, filter
    "odd": ((2, 7, 6, 3), (3, 3, 3, 2)),
    "even": ((1, 6, 5, 2), (2, 4, 2, 3)),
    "large": ((1, 3, 4, 1), (5, 5, 1, 2)),
    "first": ((2, 6, 6, 1), (5, 5, 1, 4)),
    "single": ((2, 4, 4, 2), (1, 1, 2, 3)),
}
for label, (x, w) in sorted(SHAPES.items()):
    for padding in ("SAME", "VALID"):
        if label == "large" and padding == "VALID":
            continue
        for stride in ([1, 1, 1, 1], [1, 2, 2, 1], [1, 1, 3, 1]):
            case(
                f"conv2d_{label}_{padding}_{stride[1]}{stride[2]}".lower(),
                call("nn.conv2d", strides=stride, padding=padding),
                x=f32(*x),
                w=f32(*w),
                rtol=1e-4,
            )
case("conv2d_default_strides", call("nn.conv2d", padding="SAME"), x=f32(1, 3, 3, 1), w=f32(2, 2, 1, 1))
case("conv2d_two_strides", call("nn.conv2d", [2, 1], "SAME"), x=f32(1, 4, 3, 1), w=f32(2, 2, 1, 1))
case(
    "conv2d_explicit_strided",
    call("nn.conv2d", strides=2, padding=[[0, 0], [2, 1], [1, 0], [0, 0]], name="padded"),
    x=f32(2, 4, 5, 2),
    w=f32(3, 3, 2, 2),
    rtol=1e-4,
)
case("conv2d_f16", call("nn.conv2d", 1, "SAME"), x=f16(1, 4, 4, 2), w=f16(3, 3, 2, 2), rtol=2e-2, grad=False)
case("conv2d_f64_strided", call("nn.conv2d", 2, "VALID"), x=f64(2, 5, 5, 2), w=f64(2, 3, 2, 2))
for rate in (2, 3):
    case(
        f"conv2d_dilated_same_{rate}",
        call("nn.conv2d", strides=1, padding="SAME", dilations=[1, rate, rate, 1]),
        x=f32(1, 6, 7, 2),
        w=f32(3, 2, 2, 2),
        rtol=1e-4,
        grad=False,
    )
case(
    "conv2d_dilated_strided",
    call("nn.conv2d", strides=2, padding="VALID", dilations=2),
    x=f32(1, 9, 8, 1),
    w=f32(3, 2, 1, 2),
    rtol=1e-4,
    grad=False,
)
case("conv2d_empty", call("nn.conv2d", 1, "SAME"), x=f32(0, 3, 3, 1), w=f32(2, 2, 1, 2))
case(
    "conv2d_network",
    lambda tf, x, v, w: tf.reduce_sum(
        tf.nn.conv2d(tf.nn.relu(tf.nn.conv2d(x, v, [1, 1, 1, 1], "SAME")), w, [1, 2, 2, 1], "VALID"), [1, 2]
    ),
    x=f32(2, 5, 5, 1),
    v=f32(3, 3, 1, 2),
    w=f32(2, 2, 2, 2),
    rtol=1e-4,
)

# The ops of the gradients, and their own gradients

for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        size = -(-5 // stride) if padding == "SAME" else (5 - 3) // stride + 1
        suffix = f"{padding}_{stride}".lower()
        case(
            "conv2d_backprop_input_" + suffix,
            lambda tf, w, g, stride=stride, padding=padding: tf.nn.conv2d_backprop_input(
                [2, 5, 5, 2], w, g, [1, stride, stride, 1], padding
            ),
            w=f32(3, 3, 2, 3),
            g=f32(2, size, size, 3),
            rtol=1e-4,
        )
        case(
            "conv2d_backprop_filter_" + suffix,
            lambda tf, x, g, stride=stride, padding=padding: tf.nn.conv2d_backprop_filter(
                x, [3, 3, 2, 3], g, [1, stride, stride, 1], padding, name="gradient"
            ),
            x=f32(2, 5, 5, 2),
            g=f32(2, size, size, 3),
            rtol=1e-4,
        )
        case(
            "conv2d_transpose_" + suffix,
            lambda tf, x, w, stride=stride, padding=padding: tf.nn.conv2d_transpose(
                x, w, [2, 5, 5, 1], [1, stride, stride, 1], padding
            ),
            x=f32(2, size, size, 2),
            w=f32(3, 3, 1, 2),
            rtol=1e-4,
        )
case(
    "conv2d_backprop_input_explicit",
    lambda tf, w, g: tf.nn.conv2d_backprop_input(
        [1, 4, 4, 1], w, g, [1, 1, 1, 1], [[0, 0], [1, 2], [0, 1], [0, 0]]
    ),
    w=f32(3, 2, 1, 2),
    g=f32(1, 5, 4, 2),
    rtol=1e-4,
)
case(
    "conv2d_transpose_keywords",
    lambda tf, x, w: tf.nn.conv2d_transpose(input=x, filters=w, output_shape=[1, 6, 4, 2], strides=2),
    x=f32(1, 3, 2, 1),
    w=f32(4, 4, 2, 1),
    rtol=1e-4,
)
case(
    "conv2d_transpose_dynamic",
    lambda tf, x, w: tf.nn.conv2d_transpose(
        x, w, tf.concat([tf.shape(x)[:1], [4, 4, 1]], 0), [1, 2, 2, 1], name="deconv"
    ),
    x=f32(2, 2, 2, 2),
    w=f32(2, 2, 1, 2),
    rtol=1e-4,
)

# --- one and three space axes ---------------------------------------------------------------------

for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        suffix = f"{padding}_{stride}".lower()
        case(
            "conv1d_" + suffix,
            call("nn.conv1d", stride=stride, padding=padding),
            x=f32(2, 7, 2),
            w=f32(3, 2, 3),
            rtol=1e-4,
        )
        size = -(-6 // stride) if padding == "SAME" else (6 - 3) // stride + 1
        case(
            "conv1d_transpose_" + suffix,
            lambda tf, x, w, stride=stride, padding=padding: tf.nn.conv1d_transpose(
                x, w, [2, 6, 2], stride, padding
            ),
            x=f32(2, size, 3),
            w=f32(3, 2, 3),
            rtol=1e-4,
        )
        case(
            "conv3d_" + suffix,
            call("nn.conv3d", strides=[1, stride, stride, 1, 1], padding=padding),
            x=f32(1, 4, 3, 3, 2),
            w=f32(2, 3, 2, 2, 2),
            rtol=1e-4,
        )
        size = -(-4 // stride) if padding == "SAME" else (4 - 2) // stride + 1
        case(
            "conv3d_transpose_" + suffix,
            lambda tf, x, w, stride=stride, padding=padding: tf.nn.conv3d_transpose(
                x, w, [1, 4, 4, 4, 1], [1, stride, stride, stride, 1], padding
            ),
            x=f32(1, size, size, size, 2),
            w=f32(2, 2, 2, 1, 2),
            rtol=1e-4,
        )
case("conv1d_list", call("nn.conv1d", [2], "SAME", data_format="NWC"), x=f32(1, 4, 1), w=f32(2, 1, 2))
case(
    "conv1d_keywords",
    lambda tf, x, w: tf.nn.conv1d(input=x, filters=w, stride=1, padding="VALID", use_cudnn_on_gpu=False),
    x=f32(1, 4, 1),
    w=f32(2, 1, 2),
)
case(
    "conv1d_dilated",
    call("nn.conv1d", 1, "SAME", dilations=2),
    x=f32(1, 6, 2),
    w=f32(3, 2, 1),
    rtol=1e-4,
    grad=False,
)
case(
    "conv1d_transpose_contrib",
    lambda tf, x, w: tf.contrib.nn.conv1d_transpose(x, w, tf.stack([tf.shape(x)[0], 4, 1]), 2),
    x=f32(2, 2, 1),
    w=f32(2, 1, 1),
)
case("conv3d_f64", call("nn.conv3d", [1, 1, 1, 1, 1], "SAME"), x=f64(1, 2, 2, 2, 1), w=f64(2, 2, 2, 1, 1))
case(
    "conv3d_backprop_filter",
    lambda tf, x, g: tf.nn.conv3d_backprop_filter_v2(x, [2, 2, 2, 1, 2], g, [1, 1, 1, 1, 1], "VALID"),
    x=f32(1, 3, 3, 3, 1),
    g=f32(1, 2, 2, 2, 2),
    rtol=1e-4,
)
for count, x, w, sizes in (
    (1, (1, 3, 2), (2, 1, 2), [1, 6, 1]),
    (2, (1, 3, 3, 1), (2, 2, 1, 1), [1, 6, 6, 1]),
    (3, (1, 2, 2, 2, 1), (2, 2, 2, 1, 1), [1, 4, 4, 4, 1]),
):
    case(
        f"conv_transpose_{count}",
        lambda tf, x, w, sizes=sizes: tf.nn.conv_transpose(x, w, sizes, 2),
        x=f32(*x),
        w=f32(*w),
        rtol=1e-4,
    )

# --- any rank, by way of the batch ----------------------------------------------------------------

RANKS = {1: ((1, 7, 2), (3, 2, 2)), 2: ((1, 7, 6, 2), (3, 2, 2, 2)), 3: ((1, 5, 4, 5, 1), (2, 2, 2, 1, 2))}
for count, (x, w) in sorted(RANKS.items()):
    for padding in ("SAME", "VALID"):
        case(
            f"convolution_{count}_{padding}".lower(),
            call("nn.convolution", padding=padding, strides=[2] * count),
            x=f32(*x),
            w=f32(*w),
            rtol=1e-4,
            unknown=RANK,
        )
        case(
            f"convolution_dilated_{count}_{padding}".lower(),
            call("nn.convolution", padding=padding, dilation_rate=[2] * count, name="spread"),
            x=f32(*x),
            w=f32(*w),
            rtol=1e-4,
            unknown=RANK,
        )
case(
    "convolution_dilated_unknown",
    lambda tf, x, w: tf.nn.convolution(
        tf.placeholder_with_default(x, [None, None, None, 2]), w, "SAME", dilations=[2, 1]
    ),
    x=f32(1, 5, 4, 2),
    w=f32(3, 3, 2, 1),
    rtol=1e-4,
    unknown=RANK,
)
for padding in ("SAME", "VALID"):
    for rate in (1, 2, 3):
        case(
            f"atrous_conv2d_{padding}_{rate}".lower(),
            call("nn.atrous_conv2d", rate=rate, padding=padding),
            x=f32(1, 7, 8, 1),
            w=f32(2, 3, 1, 2),
            rtol=1e-4,
            unknown=RANK,
        )
        case(
            f"atrous_conv2d_transpose_{padding}_{rate}".lower(),
            lambda tf, x, w, rate=rate, padding=padding: tf.nn.atrous_conv2d_transpose(
                x,
                w,
                [1, 7, 8, 1] if padding == "SAME" else [1, 7 + rate, 8 + 2 * rate, 1],
                rate,
                padding,
            ),
            x=f32(1, 7, 8, 2),
            w=f32(2, 3, 1, 2),
            rtol=1e-4,
            unknown=STATIC,
        )
        if rate < 3:
            case(
                f"depthwise_conv2d_{padding}_{rate}".lower(),
                call("nn.depthwise_conv2d", strides=[1, 1, 1, 1], padding=padding, rate=[rate, rate]),
                x=f32(2, 6, 5, 2),
                w=f32(3, 2, 2, 2),
                rtol=1e-4,
                unknown=STATIC if rate > 1 else None,
            )
            case(
                f"separable_conv2d_{padding}_{rate}".lower(),
                call("nn.separable_conv2d", strides=[1, 1, 1, 1], padding=padding, rate=[rate, rate]),
                x=f32(1, 5, 5, 2),
                d=f32(2, 3, 2, 2),
                p=f32(1, 1, 4, 3),
                rtol=1e-4,
                unknown=STATIC if rate > 1 else None,
            )
case(
    "with_space_to_batch",
    lambda tf, x: tf.nn.with_space_to_batch(
        x, [2, 1], "VALID", lambda y, count, padding: tf.nn.max_pool(y, 2, 1, padding)
    ),
    x=distinct(1, 5, 4, 1),
    unknown=RANK,
)

# --- depthwise ------------------------------------------------------------------------------------

for padding in ("SAME", "VALID"):
    for stride in (1, 2):
        for multiplier in (1, 3):
            case(
                f"depthwise_native_{padding}_{stride}_{multiplier}".lower(),
                call("nn.depthwise_conv2d_native", strides=[1, stride, stride, 1], padding=padding),
                x=f32(2, 5, 6, 2),
                w=f32(3, 3, 2, multiplier),
                rtol=1e-4,
            )
case(
    "depthwise_native_f64",
    call("nn.depthwise_conv2d_native", [1, 1, 1, 1], "SAME"),
    x=f64(1, 3, 3, 2),
    w=f64(2, 2, 2, 1),
)
case(
    "depthwise_backprop_input",
    lambda tf, w, g: tf.nn.depthwise_conv2d_backprop_input([1, 4, 4, 2], w, g, [1, 2, 2, 1], "SAME"),
    w=f32(3, 3, 2, 2),
    g=f32(1, 2, 2, 4),
    rtol=1e-4,
)
case(
    "depthwise_backprop_filter",
    lambda tf, x, g: tf.nn.depthwise_conv2d_backprop_filter(x, [3, 3, 2, 2], g, [1, 1, 1, 1], "VALID"),
    x=f32(1, 4, 4, 2),
    g=f32(1, 2, 2, 4),
    rtol=1e-4,
)

# --- morphology -----------------------------------------------------------------------------------

for each in ("dilation2d", "erosion2d"):
    for padding in ("SAME", "VALID"):
        for stride, rate in ((1, 1), (2, 1), (1, 2)):
            case(
                f"{each}_{padding}_{stride}{rate}".lower(),
                call("nn." + each, strides=[1, stride, stride, 1], rates=[1, rate, rate, 1], padding=padding),
                x=distinct(2, 6, 5, 2),
                w=f32(2, 3, 2, low=-0.1, high=0.1),
                second=SECOND,
            )
case(
    "dilation2d_keywords",
    lambda tf, x, w: tf.nn.dilation2d(
        x, filters=w, strides=[1, 1, 1, 1], dilations=[1, 1, 1, 1], padding="SAME"
    ),
    x=distinct(1, 3, 3, 1),
    w=f32(2, 2, 1),
    second=SECOND,
)
case(
    "dilation2d_i32",
    call("nn.dilation2d", [1, 1, 1, 1], [1, 1, 1, 1], "SAME"),
    x=i32(1, 3, 3, 1),
    w=i32(2, 2, 1),
)
case(
    "dilation2d_ties",
    call("nn.dilation2d", [1, 1, 1, 1], [1, 1, 1, 1], "SAME"),
    x=given([[[[1.0], [1.0]], [[1.0], [0.0]]]]),
    w=given([[[0.0], [0.0]], [[0.0], [0.0]]]),
    double="not differentiable there",
)

# --- mistakes -------------------------------------------------------------------------------------

CONV = {"x": f32(1, 4, 4, 2), "w": f32(3, 3, 2, 1)}
error(
    "conv2d_filter_rank",
    call("nn.conv2d", 1, "SAME"),
    "ValueError",
    "rank 4",
    x=f32(1, 3, 3, 2),
    w=f32(2, 2, 2),
)
error(
    "conv2d_stride_zero", call("nn.conv2d", [1, 0, 0, 1], "SAME"), "ValueError", "Stride must be > 0", **CONV
)
error("conv2d_stride_negative", call("nn.conv2d", -1, "SAME"), "ValueError", "Stride must be > 0", **CONV)
error(
    "conv2d_stride_count",
    call("nn.conv2d", [1, 1, 1], "SAME"),
    "ValueError",
    "length 1, 2 or 4 but was 3",
    **CONV,
)
error("conv2d_rate_zero", call("nn.conv2d", 1, "SAME", dilations=0), "ValueError", "Dilation rate", **CONV)
error("conv2d_padding", call("nn.conv2d", 1, "same"), "ValueError", "padding", **CONV)
error("conv2d_padding_word", call("nn.conv2d", 1, "EXPLICIT"), "ValueError", "must be a list", **CONV)
error(
    "conv2d_padding_pair", call("nn.conv2d", 1, [[0, 0], [1], [0, 0], [0, 0]]), "ValueError", "size 2", **CONV
)
error(
    "conv2d_padding_count", call("nn.conv2d", 1, [[0, 0], [1, 1]]), "ValueError", "must be of size 4", **CONV
)
error(
    "conv2d_padding_negative",
    call("nn.conv2d", 1, [[0, 0], [-1, 0], [0, 0], [0, 0]]),
    "ValueError",
    "nonnegative",
    **CONV,
)
error(
    "conv2d_padding_batch",
    call("nn.conv2d", 1, [[1, 0], [0, 0], [0, 0], [0, 0]]),
    "ValueError",
    "batch or depth",
    **CONV,
)
error("conv2d_format", call("nn.conv2d", 1, "SAME", data_format="NWC"), "ValueError", "data_format", **CONV)
error(
    "conv2d_batch_stride",
    call("nn.conv2d", [2, 1, 1, 1], "SAME"),
    "InvalidArgumentError",
    "batch and depth",
    "run",
    **CONV,
)
error(
    "conv2d_rank_run",
    call("nn.conv2d", 1, "SAME"),
    "InvalidArgumentError",
    "4-dimensional",
    "run",
    x=f32(3, 3, 2),
    w=f32(2, 2, 2, 1),
)
error(
    "conv2d_transpose_depth",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [1, 4, 4, 2], [1, 2, 2, 1]),
    "InvalidArgumentError",
    "out_",
    "run",
    x=f32(1, 2, 2, 3),
    w=f32(3, 3, 2, 4),
)
error(
    "conv2d_transpose_size",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [1, 9, 4, 2], [1, 2, 2, 1]),
    "InvalidArgumentError",
    "out_backprop",
    "run",
    x=f32(1, 2, 2, 3),
    w=f32(3, 3, 2, 3),
)
error(
    "conv2d_transpose_rank",
    lambda tf, x, w: tf.nn.conv2d_transpose(x, w, [4, 4, 2], [1, 2, 2, 1]),
    "ValueError",
    "rank 4",
    x=f32(1, 2, 2, 3),
    w=f32(3, 3, 2, 3),
)
error(
    "conv1d_depth",
    call("nn.conv1d", 1, "SAME"),
    "ValueError",
    "Depth of input",
    x=f32(1, 3, 2),
    w=f32(2, 3, 3),
)
error(
    "conv1d_format",
    call("nn.conv1d", 1, "SAME", data_format="NHW"),
    "ValueError",
    "data_format",
    x=f32(1, 3, 2),
    w=f32(2, 2, 3),
)
error(
    "conv3d_depth",
    call("nn.conv3d", [1] * 5, "SAME"),
    "ValueError",
    "Depth of input",
    x=f32(1, 3, 3, 3, 2),
    w=f32(2, 2, 2, 3, 1),
)
error(
    "conv3d_small",
    call("nn.conv3d", [1] * 5, "VALID"),
    "ValueError",
    "Negative dimension",
    x=f32(1, 3, 3, 3, 2),
    w=f32(4, 2, 2, 2, 1),
)
error(
    "conv3d_strides",
    call("nn.conv3d", [1, 1, 1], "SAME"),
    "ValueError",
    "",
    x=f32(1, 3, 3, 3, 2),
    w=f32(2, 2, 2, 2, 1),
)
error(
    "depthwise_depth",
    call("nn.depthwise_conv2d", [1, 1, 1, 1], "SAME"),
    "ValueError",
    "Dimensions must be equal",
    x=f32(1, 3, 3, 2),
    w=f32(2, 2, 3, 1),
)
error(
    "convolution_strided",
    call("nn.convolution", "SAME", [2], [2]),
    "ValueError",
    "in conjunction",
    x=f32(1, 4, 1),
    w=f32(2, 1, 1),
)
error(
    "convolution_rank",
    call("nn.convolution", "SAME"),
    "ValueError",
    "rank 3, 4 or 5",
    x=f32(1, 4),
    w=f32(2, 1),
)
error(
    "convolution_depth",
    call("nn.convolution", "SAME", dilation_rate=[2]),
    "ValueError",
    "number of input channels",
    x=f32(1, 4, 1),
    w=f32(2, 2, 1),
)
error(
    "atrous_padding",
    call("nn.atrous_conv2d", 2, "FULL"),
    "ValueError",
    "",
    x=f32(1, 4, 4, 1),
    w=f32(2, 2, 1, 1),
)
error(
    "dilation2d_depth",
    call("nn.dilation2d", [1] * 4, [1] * 4, "SAME"),
    "ValueError",
    "Dimensions must be equal",
    x=f32(1, 3, 3, 2),
    w=f32(2, 2, 3),
)
error(
    "dilation2d_depth_run",
    call("nn.dilation2d", [1] * 4, [1] * 4, "SAME"),
    "InvalidArgumentError",
    "same depth",
    "run",
    x=f32(1, 3, 3, 2),
    w=f32(2, 2, 3),
)
