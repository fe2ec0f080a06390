"""Pooling: maxima and means of windows, with every padding and stride in use, and their gradients."""

from .table import Rows, call, distinct, f16, f32, f64, given, i32, i64, raw

rows = Rows("pool")
case, error = rows.case, rows.error

SINGLE = "it takes float32 only"
KINK = "not differentiable there"
RANK = "it needs the rank"
SECOND = "TensorFlow 1.15 has no second derivative"
SHORT = "TensorFlow 1.15 says that the sequences are one element shorter than they are"

# --- images ---------------------------------------------------------------------------------------

WINDOWS = {  # height and width of the window, and its strides
    "square": ((2, 2), (2, 2)),
    "overlap": ((3, 3), (2, 2)),
    "dense": ((3, 2), (1, 1)),
    "gaps": ((1, 2), (2, 3)),
    "long": ((5, 1), (1, 2)),
    "whole": ((6, 5), (6, 5)),
    "huge": ((6, 5), (1, 1)),
}
for each in ("max_pool", "avg_pool"):
    for label, (window, strides) in sorted(WINDOWS.items()):
        for padding in ("SAME", "VALID"):
            case(
                f"{each}_{label}_{padding}".lower(),
                call("nn." + each, [1, *window, 1], [1, *strides, 1], padding),
                x=distinct(2, 6, 5, 2) if each == "max_pool" else f32(2, 6, 5, 2),
                rtol=1e-5,
            )
    case(each + "_one_number", call("nn." + each, 2, 1, "VALID"), x=distinct(1, 3, 3, 1))
    case(each + "_two_numbers", call("nn." + each, [2, 1], [1, 2], "VALID", name="p"), x=distinct(1, 3, 4, 1))
    case(
        each + "_input",
        lambda tf, x, each=each: getattr(tf.nn, each)(None, 2, 2, "SAME", data_format=None, input=x),
        x=distinct(1, 3, 3, 1),
    )
    case(each + "_f16", call("nn." + each, 2, 2, "SAME"), x=f16(1, 3, 3, 2), rtol=4e-3, grad=False)
    case(each + "_f64", call("nn." + each, 2, 2, "SAME"), x=f64(1, 3, 4, 2))
    case(each + "_empty", call("nn." + each, 2, 2, "SAME"), x=f32(0, 3, 3, 2))
case("max_pool_i32", call("nn.max_pool", 2, 1, "SAME"), x=i32(1, 3, 3, 2))
case("max_pool_i64", call("nn.max_pool", 3, 2, "VALID"), x=i64(1, 5, 5, 1))
case(
    "max_pool_depth_grouped",
    call("nn.max_pool", [1, 1, 1, 3], [1, 1, 1, 3], "SAME"),
    x=distinct(2, 2, 2, 6),
    grad=False,
)
case(
    "max_pool_ties_overlap",
    call("nn.max_pool", [1, 3, 1, 1], [1, 1, 1, 1], "SAME"),
    x=given([[[[1.0]], [[2.0]], [[2.0]], [[1.0]], [[2.0]]]]),
    double=KINK,
)
case("max_pool_ties_equal", call("nn.max_pool", 3, 2, "SAME"), x=given([[[[1.0]] * 5] * 5]), double=KINK)
case("max_pool_ties_whole", call("nn.max_pool", 2, 2, "VALID"), x=given([[[[1.0], [1.0]]] * 2]), double=KINK)
case(
    "max_pool_infinite",
    call("nn.max_pool", 2, 1, "SAME"),
    x=given([[[[float("-inf")], [1.0]], [[float("inf")], [2.0]]]]),
    grad=False,
)
case("max_pool2d", call("nn.max_pool2d", [2, 2], [2, 2], "VALID"), x=distinct(1, 4, 4, 1))
case("avg_pool2d", call("nn.avg_pool2d", [2, 2], [2, 2], "VALID"), x=f32(1, 4, 4, 1))
case(
    "max_pool_of_convolution",
    lambda tf, x, w: tf.nn.max_pool(tf.nn.relu(tf.nn.conv2d(x, w, 1, "SAME")), 2, 2, "SAME"),
    x=f32(2, 5, 5, 1),
    w=f32(3, 3, 1, 2),
    rtol=1e-4,
)

# --- sequences, volumes, any rank -----------------------------------------------------------------

for each in ("max_pool", "avg_pool"):
    for padding in ("SAME", "VALID"):
        case(f"{each}1d_{padding}".lower(), call(f"nn.{each}1d", 3, 2, padding), x=distinct(2, 6, 2))
        for window, stride in ((2, 2), (3, 1), (2, 3)):
            case(
                f"{each}3d_{window}{stride}_{padding}".lower(),
                call(f"nn.{each}3d", window, stride, padding),
                x=distinct(1, 4, 3, 5, 2),
                double=SINGLE if each == "max_pool" else None,
                second="checked in double only" if each == "max_pool" else None,
            )
    for count in (1, 2, 3):
        case(
            f"{each}_v2_{count}",
            call(f"nn.{each}_v2", 2, 2, "SAME"),
            x=distinct(1, *[4] * count, 1),
            unknown=RANK,
            double=SINGLE if count == 3 and each == "max_pool" else None,
            second="checked in double only" if count == 3 and each == "max_pool" else None,
        )
        kind = each[:3].upper()
        for padding in ("SAME", "VALID"):
            case(
                f"pool_{kind}_{count}_{padding}".lower(),
                call("nn.pool", [2] * count, kind, padding, strides=[2] * count),
                x=distinct(1, *[5] * count, 1),
                unknown=RANK,
                double=SINGLE if count == 3 and each == "max_pool" else None,
                second="checked in double only" if count == 3 and each == "max_pool" else None,
            )
        case(
            f"pool_{kind}_{count}_dilated".lower(),
            call("nn.pool", [2] * count, kind, "VALID", [2] * count, name="spread"),
            x=distinct(1, *[5] * count, 1),
            unknown=RANK,
            double=SINGLE if count == 3 and each == "max_pool" else None,
            second="checked in double only" if count == 3 and each == "max_pool" else None,
        )
case(
    "max_pool3d_ties", call("nn.max_pool3d", 2, 1, "SAME"), x=given([[[[[1.0]] * 2] * 2] * 2]), double=SINGLE
)

# --- the ops of the gradients ---------------------------------------------------------------------

POOL = {"ksize": [1, 3, 3, 1], "strides": [1, 2, 2, 1], "padding": "SAME"}
SQUARE = {"ksize": [1, 2, 2, 1], "strides": [1, 2, 2, 1], "padding": "VALID"}
for label, window in (("overlap", POOL), ("square", SQUARE)):
    size = 3 if window is POOL else 2
    case(
        "max_pool_grad_" + label,
        lambda tf, x, g, window=window: raw(
            tf, "MaxPoolGrad", x, tf.nn.max_pool(x, **window), g, T=x.dtype, **window
        ),
        x=distinct(1, 5, 5, 2),
        g=f32(1, size, size, 2),
        wrt=["g"],
    )
    case(
        "max_pool_grad_grad_" + label,
        lambda tf, x, g, window=window: raw(
            tf, "MaxPoolGradGrad", x, tf.nn.max_pool(x, **window), g, T=x.dtype, **window
        ),
        x=distinct(1, 5, 5, 2),
        g=f32(1, 5, 5, 2),
        wrt=["g"],
    )
    case(
        "max_pool_v2_" + label,
        lambda tf, x, window=window: raw(
            tf,
            "MaxPoolV2",
            x,
            tf.constant(window["ksize"]),
            tf.constant(window["strides"]),
            T=x.dtype,
            padding=window["padding"],
        ),
        x=distinct(1, 5, 5, 2),
        unknown_nodes="raw",
    )
for op_type, source in (("MaxPoolGradV2", 3), ("MaxPoolGradGradV2", 5)):
    case(
        op_type.lower(),
        lambda tf, x, g, op_type=op_type: raw(
            tf,
            op_type,
            x,
            tf.nn.max_pool(x, **POOL),
            g,
            tf.constant(POOL["ksize"]),
            tf.constant(POOL["strides"]),
            T=x.dtype,
            padding="SAME",
        ),
        x=distinct(1, 5, 5, 2),
        g=f32(1, source, source, 2),
        wrt=["g"],
    )
case(
    "max_pool3d_grad_grad",
    lambda tf, x, g: raw(
        tf,
        "MaxPool3DGradGrad",
        x,
        tf.nn.max_pool3d(x, 2, 1, "SAME"),
        g,
        T=x.dtype,
        ksize=[1, 2, 2, 2, 1],
        strides=[1, 1, 1, 1, 1],
        padding="SAME",
    ),
    x=distinct(1, 3, 3, 3, 1),
    g=f32(1, 3, 3, 3, 1),
    wrt=["g"],
    double=SINGLE,
)
case(
    "avg_pool_grad",
    lambda tf, g: raw(tf, "AvgPoolGrad", tf.constant([1, 5, 5, 2]), g, T=g.dtype, **POOL),
    g=f32(1, 3, 3, 2),
)

# --- where the maxima are -------------------------------------------------------------------------

for label, (window, strides) in sorted(WINDOWS.items()):
    for padding in ("SAME", "VALID"):
        case(
            f"argmax_{label}_{padding}".lower(),
            call("nn.max_pool_with_argmax", [1, *window, 1], [1, *strides, 1], padding),
            x=distinct(2, 6, 5, 2),
            second=SECOND,
        )
case(
    "argmax_batch",
    call("nn.max_pool_with_argmax", [1, 2, 2, 1], [1, 2, 2, 1], "SAME", include_batch_in_index=True),
    x=distinct(2, 3, 3, 2),
    second=SECOND,
)
case(
    "argmax_ties",
    call("nn.max_pool_with_argmax", [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
    x=given([[[[1.0]] * 3] * 3]),
    double=KINK,
)

# --- windows of random sizes ----------------------------------------------------------------------

for each in ("fractional_max_pool", "fractional_avg_pool"):
    for pseudo in (False, True):
        for overlapping in (False, True):
            case(
                f"{each}_{'pseudo' if pseudo else 'random'}{'_overlapping' if overlapping else ''}",
                call(
                    "nn." + each,
                    [1.0, 1.44, 1.73, 1.0],
                    pseudo_random=pseudo,
                    overlapping=overlapping,
                    deterministic=True,
                    seed=7,
                    seed2=11,
                ),
                x=distinct(2, 9, 8, 2),
                steps=2,
                xla=False,
                second=SECOND,
                shapes=SHORT,
                unknown="its gradient takes the static shape" if each == "fractional_avg_pool" else None,
            )
    case(
        each + "_i32",
        call("nn." + each, [1.0, 1.5, 1.5, 1.0], deterministic=True, seed=1, seed2=2),
        x=i32(1, 7, 7, 1),
        xla=False,
        grad=False,
        shapes=SHORT,
    )

# --- mistakes -------------------------------------------------------------------------------------

IMAGE = {"x": f32(2, 4, 4, 4)}
for each in ("max_pool", "avg_pool"):
    pool = "nn." + each
    error(each + "_rank", call(pool, 2, 2, "SAME"), "ValueError", "rank 4", x=f32(2, 3, 4))
    error(each + "_large", call(pool, 5, 2, "VALID"), "ValueError", "Negative dimension", **IMAGE)
    error(each + "_stride", call(pool, 2, 0, "VALID"), "ValueError", "Stride must be > 0", **IMAGE)
    error(each + "_padding", call(pool, 2, 2, "FULL"), "ValueError", "padding", **IMAGE)
    error(each + "_format", call(pool, 2, 2, "SAME", "NCWH"), "ValueError", "data_format", **IMAGE)
    error(each + "_count", call(pool, [1, 2, 2], 2, "SAME"), "ValueError", "length 1, 2 or 4", **IMAGE)
    error(each + "_batch", call(pool, [2, 2, 2, 1], 1, "SAME"), "UnimplementedError", "", "run", **IMAGE)
error("max_pool_zero", call("nn.max_pool", 0, 2, "SAME"), "ValueError", "cannot be zero", **IMAGE)
error(
    "max_pool_both",
    call("nn.max_pool", [1, 2, 2, 2], 2, "SAME"),
    "UnimplementedError",
    "exactly one",
    "run",
    **IMAGE,
)
error(
    "max_pool3d_large",
    call("nn.max_pool3d", 5, 2, "VALID"),
    "ValueError",
    "Negative dimension",
    x=f32(1, 3, 3, 3, 1),
)
error(
    "argmax_format",
    call("nn.max_pool_with_argmax", 2, 2, "SAME", "NCHW"),
    "ValueError",
    "not yet supported",
    **IMAGE,
)
error("pool_type", call("nn.pool", [2], "MIN", "SAME"), "ValueError", "not supported", x=f32(1, 4, 1))
error(
    "pool_strides",
    call("nn.pool", [2], "MAX", "SAME", strides=[3]),
    "ValueError",
    "strides > window_shape",
    x=f32(1, 4, 1),
)
error(
    "pool_dilated_same",
    call("nn.pool", [2], "MAX", "SAME", [2]),
    "ValueError",
    "not implemented",
    x=f32(1, 4, 1),
)
error(
    "pool_window", call("nn.pool", [2] * 4, "MAX", "SAME"), "ValueError", "num_spatial_dims", x=f32(1, 4, 1)
)
error(
    "fractional_seed",
    call("nn.fractional_max_pool", [1.0, 1.5, 1.5, 1.0], seed=3),
    "InvalidArgumentError",
    "should be 0",
    "run",
    **IMAGE,
)
error(
    "fractional_depth",
    call("nn.fractional_max_pool", [2.0, 1.5, 1.5, 2.0]),
    "UnimplementedError",
    "batch nor channel",
    "run",
    **IMAGE,
)
error("argmax_number", call("nn.max_pool_with_argmax", 2, 2, "SAME"), "TypeError", "ksize", **IMAGE)
error("fractional_ratio", call("nn.fractional_max_pool", [1.0, 1.5, 1.5]), "ValueError", "", **IMAGE)
