"""The forms that convolutions take in XLA, on both sides of each rule, against NumPy."""

import jax
import numpy as np
import pytest

import reflow as tf
from reflow.ops import convolution_kernels as kernels
from reflow.runtime import backend, xla_options

# (input, filters, stride, padding, layout, dilation); the depth, the strides and the taps choose the form.
CASES = {
    "one channel": ((2, 7, 6, 1), (3, 3, 1, 4), 1, "SAME", "NHWC", 1),
    "one channel, many taps": ((1, 12, 12, 1), (9, 9, 1, 2), 1, "SAME", "NHWC", 1),
    "one channel, strides, channels first": ((2, 1, 7, 6), (3, 2, 1, 3), 2, "SAME", "NCHW", 1),
    "three channels": ((2, 6, 5, 3), (3, 3, 3, 4), 1, "VALID", "NHWC", 1),
    "three channels, more taps": ((2, 9, 8, 3), (5, 5, 3, 2), 1, "SAME", "NHWC", 1),
    "three channels, dilated": ((2, 9, 8, 3), (3, 3, 3, 2), 1, "SAME", "NHWC", 2),
    "deep": ((2, 6, 5, 8), (3, 3, 8, 5), 1, "SAME", "NHWC", 1),
    "deep, strides": ((2, 7, 6, 8), (3, 3, 8, 5), 2, "SAME", "NHWC", 1),
    "deep, long window, strides": ((1, 14, 13, 8), (7, 7, 8, 3), 2, "SAME", "NHWC", 1),
    "deep, one tap, strides": ((2, 8, 7, 8), (1, 1, 8, 5), 3, "VALID", "NHWC", 1),
    "groups": ((2, 6, 5, 6), (3, 3, 2, 9), 2, "SAME", "NHWC", 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_forms_agree_with_numpy(case):
    size, kernel, stride, padding, layout, rate = case
    random = np.random.RandomState(0)
    x, w = (random.normal(size=s).astype(np.float32) for s in (size, kernel))
    along = [1, 1, stride, stride] if layout == "NCHW" else [1, stride, stride, 1]
    rates = [1, 1, rate, rate] if layout == "NCHW" else [1, rate, rate, 1]
    geometry = kernels.Settings(along, padding, layout, rates).geometry("Conv2D", size, kernel)
    y = kernels.forward(geometry, x, w)
    g = random.normal(size=y.shape).astype(np.float32)

    @jax.jit
    def compiled(x, w, g):
        return (
            kernels.xla_forward(geometry, x, w),
            kernels.xla_to_input(geometry, w, g),
            kernels.xla_to_filter(geometry, x, g),
        )

    expected = (y, kernels.to_input(geometry, w, g), kernels.to_filter(geometry, x, g))
    for got, wanted in zip(compiled(x, w, g), expected, strict=True):
        np.testing.assert_allclose(np.asarray(got), wanted, rtol=1e-4, atol=1e-4)


def test_infinities_pass_through():
    x = tf.placeholder(tf.float32, [1, 2, 2, 8])
    y = tf.nn.conv2d(x, tf.ones([1, 1, 8, 1]), [1, 1, 1, 1], "VALID")
    value = np.ones((1, 2, 2, 8), np.float32)
    value[0, 0, 0, 3], value[0, 1, 1, 0] = np.inf, np.nan
    with tf.Session() as session:
        found = session.run(y, {x: value}).ravel()
    np.testing.assert_array_equal(found, np.float32([np.inf, 8, 8, np.nan]))


def test_options_that_the_compiler_does_not_know_or_that_the_user_sets_are_left_out(monkeypatch):
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    backend.jax()
    knows = xla_options.knows.__wrapped__
    assert knows("xla_cpu_multi_thread_eigen", "True")
    assert not knows("xla_cpu_no_such_option", "True")
    assert not knows("xla_cpu_enable_fast_math", "True")
