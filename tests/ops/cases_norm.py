"""Batch normalization as one op, and rounding as a quantized network would."""

from .table import Rows, call, f16, f32, given, raw

rows = Rows("norm")
case, error = rows.case, rows.error

SINGLE = "it takes float32 only"
ONE_NODE = "Reflow's second derivative is one node"

# --- batch normalization --------------------------------------------------------------------------

for label, shape in (("one", (1, 4, 1, 2)), ("small", (2, 3, 3, 2)), ("large", (4, 5, 3, 3))):
    vectors = {"g": f32(shape[3]), "b": f32(shape[3])}
    case(
        "fused_batch_norm_" + label,
        lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, epsilon=0.01)[0],
        x=f32(*shape),
        rtol=2e-4,
        double=SINGLE,
        **vectors,
    )
    case(
        "fused_batch_norm_outputs_" + label,
        lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, name="norm"),
        x=f32(*shape),
        rtol=2e-4,
        grad=False,
        **vectors,
    )
    case(
        "fused_batch_norm_fixed_" + label,
        lambda tf, x, g, b, m, v: tf.nn.fused_batch_norm(x, g, b, m, v, is_training=False)[0],
        x=f32(*shape),
        m=f32(shape[3]),
        v=f32(shape[3], low=0.5),
        wrt=["x", "g", "b"],
        rtol=2e-4,
        double=SINGLE,
        **vectors,
    )
case(
    "fused_batch_norm_far",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x + 1000.0, g, b),
    x=f32(4, 4, 4, 2),
    g=f32(2),
    b=f32(2),
    rtol=5e-3,
    grad=False,
)
case(
    "fused_batch_norm_epsilon",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, epsilon=0.0)[0],
    x=given([[[[0.5], [0.5]]]]),
    g=f32(1),
    b=f32(1),
    grad=False,
)
case(
    "fused_batch_norm_f16",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b),
    x=f16(2, 3, 3, 2),
    g=f32(2),
    b=f32(2),
    rtol=5e-3,
    grad=False,
)
case(
    "fused_batch_norm_weighted",
    lambda tf, x, g, b: tf.reduce_sum(tf.nn.relu(tf.nn.fused_batch_norm(x, g, b)[0]), [1, 2]),
    x=f32(3, 2, 2, 2),
    g=f32(2),
    b=f32(2),
    rtol=2e-4,
    double=SINGLE,
)
for version in ("", "V2"):
    types = {"T": "x"} if not version else {"T": "x", "U": "g"}
    case(
        "fused_batch_norm_op" + version.lower(),
        lambda tf, x, g, b, version=version, types=types: raw(
            tf,
            "FusedBatchNorm" + version,
            x,
            g,
            b,
            tf.constant([], tf.float32),
            tf.constant([], tf.float32),
            epsilon=0.01,
            **dict.fromkeys(types, tf.float32),
        )[:3],
        x=f32(2, 3, 2, 2),
        g=f32(2),
        b=f32(2),
        rtol=2e-4,
        double=SINGLE,
    )

# --- quantization ---------------------------------------------------------------------------------

SMOOTH = "constant in pieces"
for bits, narrow in ((8, False), (8, True), (4, False), (2, True)):
    suffix = f"_{bits}{'_narrow' if narrow else ''}"
    options = {"num_bits": bits, "narrow_range": narrow}
    case(
        "fake_quant_args" + suffix,
        call("fake_quant_with_min_max_args", -0.7, 1.1, **options),
        x=f32(3, 4),
        double=SMOOTH,
        second=SMOOTH,
    )
    case(
        "fake_quant_vars" + suffix,
        lambda tf, x, options=options: tf.quantization.fake_quant_with_min_max_vars(
            x, tf.constant(-1.3), tf.constant(0.9), **options
        ),
        x=f32(3, 4),
        double=SMOOTH,
        second=SMOOTH,
    )
    for shape in ((3,), (4, 3), (2, 2, 2, 3)):
        case(
            f"fake_quant_channel{suffix}_{len(shape)}",
            call("fake_quant_with_min_max_vars_per_channel", **options),
            x=f32(*shape),
            low=given([-1.0, -0.3, -2.0]),
            high=given([1.0, 0.9, 0.1]),
            double=SMOOTH,
            second=SMOOTH,
        )
case(
    "fake_quant_vars_range",
    call("fake_quant_with_min_max_vars", name="quantized"),
    x=f32(3, 4),
    low=given(-0.5),
    high=given(0.75),
    double=SMOOTH,
    second=SMOOTH,
)
case(
    "fake_quant_gradients",
    lambda tf, g, x: [
        tf.fake_quant_with_min_max_args_gradient(g, x, -1.0, 1.0),
        tf.fake_quant_with_min_max_vars_gradient(g, x, -1.0, 1.0),
        tf.fake_quant_with_min_max_vars_per_channel_gradient(g, x, [-1.0, -0.5], [1.0, 0.5]),
    ],
    g=f32(3, 2),
    x=f32(3, 2),
    grad=False,
)

# --- mistakes -------------------------------------------------------------------------------------

error(
    "fused_batch_norm_rank",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b)[0],
    "ValueError",
    "rank 4",
    x=f32(3, 4, 5),
    g=f32(5),
    b=f32(5),
)
error(
    "fused_batch_norm_channels",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b)[0],
    "ValueError",
    "Dimensions must be equal",
    x=f32(2, 3, 4, 5),
    g=f32(4),
    b=f32(5),
)
error(
    "fused_batch_norm_statistics",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, g, b)[0],
    "ValueError",
    "must be None",
    x=f32(2, 3, 4, 5),
    g=f32(5),
    b=f32(5),
)
error(
    "fused_batch_norm_no_statistics",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b, is_training=False)[0],
    "ValueError",
    "Dimensions must be equal",
    x=f32(2, 3, 4, 5),
    g=f32(5),
    b=f32(5),
)
error(
    "fused_batch_norm_rank_run",
    lambda tf, x, g, b: tf.nn.fused_batch_norm(x, g, b)[0],
    "InvalidArgumentError",
    "4-dimensional",
    "run",
    x=f32(3, 4, 5),
    g=f32(5),
    b=f32(5),
)
error(
    "fake_quant_channel_size",
    call("fake_quant_with_min_max_vars_per_channel"),
    "ValueError",
    "Dimensions must be equal",
    x=f32(2, 3),
    low=f32(2),
    high=f32(2),
)
