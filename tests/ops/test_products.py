"""Products of matrices in programs for the CPU: in the form that is quickest for their sizes."""

from __future__ import annotations

import numpy as np
import pytest

import reflow as tf

# The sizes of a transposed product, [inner, rows] and [inner, columns]; what its program turns or copies.
FORMS = {
    "few columns": ((128, 256, 10), "f32[10,256]"),  # the transposed product
    "copied": ((64, 128, 100), "f32[128,64]"),  # the first matrix transposed
    "copied, large": ((256, 512, 499), "f32[512,256]"),
}
PLAIN = {
    "rows at odd distances": (64, 200, 100),
    "many to add up": (260, 128, 100),
    "many columns": (64, 128, 500),
    "small": (8, 128, 100),
}


def gradient_of_weights(
    sizes: tuple[int, int, int], dtype: tf.DType = tf.float32
) -> tuple[tf.Tensor, dict[tf.Tensor, np.ndarray]]:
    """The product with its first matrix transposed, and what is fed."""
    inner, rows, columns = sizes
    rng = np.random.RandomState(0)
    a, b = (tf.placeholder(dtype, [None, n]) for n in (rows, columns))
    feed = {t: rng.normal(size=(inner, t.shape[1].value)).astype(dtype.as_numpy_dtype) for t in (a, b)}
    return tf.matmul(a, b, transpose_a=True), feed


def check(product: tf.Tensor, feed: dict[tf.Tensor, np.ndarray]) -> None:
    a, b = feed.values()
    with tf.Session(tier="compile") as session:
        found = session.run(product, feed)
    np.testing.assert_allclose(found, a.T.astype(np.float64) @ b, rtol=1e-4, atol=1e-4)


def products(text: str) -> list[str]:
    """The shapes of the results of all products in a program."""
    return [line.split(" = ")[1].split("{")[0] for line in text.splitlines() if " dot(" in line]


@pytest.mark.parametrize("form", FORMS)
def test_another_form(programs: list[str], form: str) -> None:
    sizes, wanted = FORMS[form]
    check(*gradient_of_weights(sizes))
    assert wanted in programs[-1]
    assert "lhs_contracting_dims={0}" not in programs[-1]


@pytest.mark.parametrize("form", PLAIN)
def test_the_form_as_it_is_written(programs: list[str], form: str) -> None:
    sizes = PLAIN[form]
    check(*gradient_of_weights(sizes))
    assert products(programs[-1]) == ["f32[{1},{2}]".format(*sizes)]
    assert "lhs_contracting_dims={0}" in programs[-1]


def test_other_types_have_one_form(programs: list[str]) -> None:
    sizes, _ = FORMS["copied"]
    check(*gradient_of_weights(sizes, tf.float64))
    assert "lhs_contracting_dims={0}" in programs[-1]


def test_shapes_that_do_not_fit() -> None:
    """Large enough for another form, and found out only when they are fed."""
    product, feed = gradient_of_weights((64, 128, 100))
    wrong = {t: value[n:] for n, (t, value) in enumerate(feed.items())}
    for tier in ("interpret", "compile"):
        with (
            tf.Session(tier=tier) as session,
            pytest.raises(tf.errors.InvalidArgumentError, match="incompatible"),
        ):
            session.run(product, wrong)
