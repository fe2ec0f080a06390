"""Measures of images."""

from .table import Rows, call, f32, f64, u8

rows = Rows("image_quality")
case, error = rows.case, rows.error

SINGLE = "computed in single precision"
RANK = "TensorFlow asks for a known rank"


def values(*shape):
    return f32(*shape, low=0.0, high=1.0)


case(
    "total_variation", call("image.total_variation"), x=f32(4, 5, 2), unknown=RANK, second="piecewise linear"
)
case(
    "total_variation_batch",
    call("image.total_variation", name="noise"),
    x=f64(2, 4, 5, 2),
    unknown=RANK,
    second="piecewise linear",
)
case("image_gradients", call("image.image_gradients"), x=f32(2, 4, 5, 2), unknown=RANK)
case("image_gradients_u8", call("image.image_gradients"), x=u8(1, 3, 3, 1), unknown=RANK)
case("sobel_edges", call("image.sobel_edges"), x=f32(2, 4, 5, 3), rtol=2e-5)
case("psnr", call("image.psnr", 1.0), a=values(2, 3, 4, 3), b=values(2, 3, 4, 3), double=SINGLE)
case("psnr_u8", call("image.psnr", 255, name="quality"), a=u8(3, 4, 3), b=u8(3, 4, 3))
case("psnr_equal", lambda tf, a: tf.image.psnr(a, a, 1.0), a=values(3, 4, 3), grad=False)
case(
    "ssim", call("image.ssim", 1.0), a=values(2, 12, 13, 2), b=values(2, 12, 13, 2), double=SINGLE, rtol=5e-4
)
case("ssim_u8", call("image.ssim", 255), a=u8(12, 13, 3), b=u8(12, 13, 3), rtol=1e-3)
case(
    "ssim_options",
    call("image.ssim", max_val=2.0, filter_size=5, filter_sigma=0.8, k1=0.02, k2=0.05),
    a=values(3, 2, 8, 9, 1),
    b=values(2, 8, 9, 1),
    double=SINGLE,
    rtol=5e-4,
)
case(
    "ssim_multiscale",
    lambda tf, a, b: tf.image.ssim_multiscale(
        a, 0.8 * a + 0.2 * b, 1.0, power_factors=(0.4, 0.3, 0.3), filter_size=3
    ),
    a=values(2, 17, 18, 2),
    b=values(2, 17, 18, 2),
    double=SINGLE,
    rtol=2e-3,
)
error("total_variation", call("image.total_variation"), x=f32(4, 5), raises="ValueError", match="3 or 4-dim")
error(
    "image_gradients", call("image.image_gradients"), x=f32(4, 5, 1), raises="ValueError", match="4D tensor"
)
error("psnr_shapes", call("image.psnr", 1.0), a=f32(3, 4, 3), b=f32(3, 4, 1), raises="ValueError")
error("ssim_rank", call("image.ssim", 1.0), a=f32(3, 4), b=f32(3, 4), raises="ValueError")
error("ssim_batch", call("image.ssim", 1.0), a=f32(3, 12, 12, 1), b=f32(2, 12, 12, 1), raises="ValueError")
error(
    "ssim_small",
    call("image.ssim", 1.0),
    a=f32(3, 4, 3),
    b=f32(3, 4, 3),
    raises="InvalidArgumentError",
    match="assertion failed",
    when="run",
)
