"""What graph objects look like when they are printed: TensorFlow 1.15's texts."""

from __future__ import annotations

from typing import Any

import pytest

import reflow as tf


def objects() -> dict[str, Any]:
    x, u = tf.placeholder(tf.float32, [None, 3], name="x"), tf.placeholder(tf.int32, name="u")
    with tf.device("/cpu:0"):
        placed = tf.constant(1, name="d")
    variable = tf.Variable([1.0, 2.0], name="v")
    return {
        "x": x,
        "u": u,
        "placed": placed,
        "variable": variable,
        "resource": tf.get_variable("r", [2, 2], use_resource=True),
        "shape": x.shape,
        "unknown": u.shape,
        "scalar": tf.TensorShape([]),
        "size": x.shape[1],
        "no_size": x.shape[0],
        "type": x.dtype,
        "ref": variable.dtype,
        "operation": tf.no_op(),
        "slices": tf.IndexedSlices(x, u),
        "mode": tf.VariableAggregation.MEAN,
        "reuse": tf.AUTO_REUSE,
        "spec": tf.TensorSpec([2], tf.float32, "n"),
        "error": tf.errors.NotFoundError(None, None, "m"),
    }


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", 'Tensor("x:0", shape=(?, 3), dtype=float32)'),
        ("u", 'Tensor("u:0", dtype=int32)'),
        ("placed", 'Tensor("d:0", shape=(), dtype=int32, device=/device:CPU:0)'),
        ("variable", "<tf.Variable 'v:0' shape=(2,) dtype=float32_ref>"),
        ("resource", "<tf.Variable 'r:0' shape=(2, 2) dtype=float32>"),
        ("shape", "(?, 3)"),
        ("unknown", "<unknown>"),
        ("scalar", "()"),
        ("size", "3"),
        ("no_size", "?"),
        ("type", "<dtype: 'float32'>"),
        ("ref", "<dtype: 'float32_ref'>"),
        (
            "slices",
            'IndexedSlices(indices=Tensor("u:0", dtype=int32), '
            'values=Tensor("x:0", shape=(?, 3), dtype=float32))',
        ),
        ("error", "m"),
    ],
)
def test_str(name: str, text: str) -> None:
    assert str(objects()[name]) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("x", "<tf.Tensor 'x:0' shape=(?, 3) dtype=float32>"),
        ("u", "<tf.Tensor 'u:0' shape=<unknown> dtype=int32>"),
        ("shape", "TensorShape([Dimension(None), Dimension(3)])"),
        ("unknown", "TensorShape(None)"),
        ("scalar", "TensorShape([])"),
        ("size", "Dimension(3)"),
        ("no_size", "Dimension(None)"),
        ("type", "tf.float32"),
        ("ref", "tf.float32_ref"),
        ("operation", "<tf.Operation 'NoOp' type=NoOp>"),
        ("mode", "<VariableAggregation.MEAN: 2>"),
        ("reuse", "<_ReuseMode.AUTO_REUSE: 1>"),
        ("spec", "TensorSpec(shape=(2,), dtype=tf.float32, name='n')"),
    ],
)
def test_repr(name: str, text: str) -> None:
    assert repr(objects()[name]) == text


def test_an_operation_prints_its_node_with_sorted_attributes() -> None:
    text = str(objects()["variable"].op)
    assert text.startswith('name: "v"\nop: "VariableV2"\nattr {\n  key: "container"\n')
    keys = [line.split('"')[1] for line in text.splitlines() if line.startswith("  key:")]
    assert keys == ["container", "dtype", "shape", "shared_name"]
