"""Initializers and regularizers: nodes, names, settings, and the properties of what they make."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import reflow as tf
from reflow.contrib import layers_initializers
from reflow.model import convolutional_initializers as convolutional
from reflow.model import initializers, regularizers


@pytest.fixture(autouse=True)
def graph() -> Any:
    with tf.Graph().as_default() as graph:
        yield graph


def nodes_of(initializer: Any, shape: list[int]) -> list[tuple[str, str]]:
    """The nodes of the initial value of a variable, as (name below the variable, type)."""
    tf.get_variable("w", shape, initializer=initializer)
    operations = tf.get_default_graph().get_operations()[:-3]
    return [(op.name.removeprefix("w/Initializer/"), op.type) for op in operations]


def value_of(tensor: Any) -> Any:
    with tf.Session() as sess:
        return sess.run(tensor)


NORMAL = [
    ("random_normal/shape", "Const"),
    ("random_normal/mean", "Const"),
    ("random_normal/stddev", "Const"),
    ("random_normal/RandomStandardNormal", "RandomStandardNormal"),
    ("random_normal/mul", "Mul"),
    ("random_normal", "AddV2"),
]
TRUNCATED = [
    ("truncated_normal/shape", "Const"),
    ("truncated_normal/mean", "Const"),
    ("truncated_normal/stddev", "Const"),
    ("truncated_normal/TruncatedNormal", "TruncatedNormal"),
    ("truncated_normal/mul", "Mul"),
    ("truncated_normal", "AddV2"),
]
UNIFORM = [
    ("random_uniform/shape", "Const"),
    ("random_uniform/min", "Const"),
    ("random_uniform/max", "Const"),
    ("random_uniform/RandomUniform", "RandomUniform"),
    ("random_uniform/sub", "Sub"),
    ("random_uniform/mul", "Mul"),
    ("random_uniform", "AddV2"),
]
ORTHOGONAL = [*NORMAL, ("Qr", "Qr"), ("DiagPart", "DiagPart"), ("Sign", "Sign"), ("mul", "Mul")]
RESHAPED = [("Reshape/shape", "Const"), ("Reshape", "Reshape"), ("mul_1/x", "Const"), ("mul_1", "Mul")]
TRANSPOSED = [("matrix_transpose/transpose/perm", "Const"), ("matrix_transpose/transpose", "Transpose")]
CASES = [
    (tf.zeros_initializer(), [2], [("zeros", "Const")]),
    (
        tf.zeros_initializer(),
        [2000],
        [("zeros/shape_as_tensor", "Const"), ("zeros/Const", "Const"), ("zeros", "Fill")],
    ),
    (tf.ones_initializer(), [2], [("ones", "Const")]),
    (tf.constant_initializer([1.0, 2.0]), [2], [("Const", "Const")]),
    (tf.random_uniform_initializer(), [2], UNIFORM),
    (tf.random_normal_initializer(), [2], NORMAL),
    (tf.truncated_normal_initializer(stddev=0.1), [2], TRUNCATED),
    (tf.glorot_uniform_initializer(), [2, 3], UNIFORM),
    (tf.glorot_normal_initializer(), [2, 3], TRUNCATED),
    (tf.initializers.he_normal(), [2, 2], TRUNCATED),
    (tf.initializers.he_uniform(), [2, 2], UNIFORM),
    (tf.initializers.lecun_normal(), [2, 2], TRUNCATED),
    (tf.initializers.lecun_uniform(), [2, 2], UNIFORM),
    (tf.variance_scaling_initializer(distribution="untruncated_normal"), [2, 2], NORMAL),
    (tf.uniform_unit_scaling_initializer(), [2, 3], UNIFORM),
    (tf.orthogonal_initializer(2.0), [3, 2], ORTHOGONAL + RESHAPED),
    (tf.orthogonal_initializer(2.0), [2, 3], ORTHOGONAL + TRANSPOSED + RESHAPED),
    (
        tf.initializers.identity(2.0),
        [2, 2],
        [("eye/ones", "Const"), ("eye/diag", "MatrixDiag"), ("mul/x", "Const"), ("mul", "Mul")],
    ),
    (
        tf.initializers.identity(2.0),
        [2, 3],
        [
            ("eye/ones", "Const"),
            ("eye/zeros", "Const"),
            ("eye/set_diag", "MatrixSetDiag"),
            ("mul/x", "Const"),
            ("mul", "Mul"),
        ],
    ),
    (layers_initializers.xavier_initializer(), [5, 2], UNIFORM),
    (layers_initializers.xavier_initializer(uniform=False), [5, 2], TRUNCATED),
    (layers_initializers.variance_scaling_initializer(), [5, 2], TRUNCATED),
]


@pytest.mark.parametrize(("initializer", "shape", "expected"), CASES)
def test_nodes(initializer: Any, shape: list[int], expected: list[tuple[str, str]]) -> None:
    assert nodes_of(initializer, shape) == expected


def bounds(tensor: Any) -> tuple[float, float]:
    return tuple(
        float(t.op.get_attr("value").float_val[0]) for t in tensor.op.inputs[0].op.inputs[1].op.inputs
    )  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("initializer", "shape", "limit"),
    [
        (tf.glorot_uniform_initializer(), [3, 5], np.sqrt(6 / 8)),
        (tf.glorot_uniform_initializer(), [2, 2, 3, 5], np.sqrt(6 / 32)),
        (tf.glorot_uniform_initializer(), [], np.sqrt(3)),
        (tf.glorot_uniform_initializer(), [4], np.sqrt(3 / 4)),
        (tf.initializers.he_uniform(), [3, 5], np.sqrt(6 / 3)),
        (tf.initializers.lecun_uniform(), [3, 5], 1.0),
        (tf.variance_scaling_initializer(2.0, "fan_out", "uniform"), [3, 5], np.sqrt(6 / 5)),
        (tf.uniform_unit_scaling_initializer(2.0), [3, 5], 2.0),
        (layers_initializers.xavier_initializer(), [2, 2, 3, 5], np.sqrt(6 / 32)),
        (layers_initializers.variance_scaling_initializer(1.0, "FAN_OUT", True), [3, 4], np.sqrt(3 / 4)),
        (layers_initializers.variance_scaling_initializer(1.0, "FAN_IN", True), [4], np.sqrt(3 / 4)),
    ],
)
def test_bounds(initializer: Any, shape: list[int], limit: float) -> None:
    value = initializer(shape)
    high, low = value_of([value.op.inputs[0].op.inputs[1].op.inputs[0], value.op.inputs[1]])
    np.testing.assert_allclose([high, low], [limit, -limit], rtol=1e-6)


@pytest.mark.parametrize(
    "initializer",
    [
        tf.zeros_initializer(tf.int32),
        tf.ones_initializer(),
        tf.constant_initializer([1.0, 2.0]),
        tf.random_uniform_initializer(-1, 1, seed=3),
        tf.random_normal_initializer(1.0, 2.0, 3, tf.float64),
        tf.truncated_normal_initializer(),
        tf.uniform_unit_scaling_initializer(2.0),
        tf.variance_scaling_initializer(2.0, "fan_out", "uniform"),
        tf.glorot_uniform_initializer(seed=2),
        tf.glorot_normal_initializer(seed=2),
        tf.orthogonal_initializer(2.0),
        tf.initializers.identity(2.0),
    ],
)
def test_settings_come_back(initializer: Any) -> None:
    config = initializer.get_config()
    again = type(initializer).from_config(config)
    assert again.get_config() == config
    assert config["dtype"] == initializer.dtype.name


def test_types() -> None:
    assert tf.zeros_initializer()([2], dtype=tf.string).dtype == tf.string
    assert tf.random_uniform_initializer(0, 9, dtype=tf.int32)([2]).dtype == tf.int32
    with pytest.raises(ValueError, match="Expected floating point type, got <dtype: 'int32'>"):
        tf.random_normal_initializer(dtype=tf.int32)


def test_refusals() -> None:
    with pytest.raises(TypeError, match="Invalid type for initial value"):
        tf.constant_initializer({})
    with pytest.raises(TypeError, match="Expected Tensor's shape"):
        tf.constant_initializer([1.0, 2.0], verify_shape=True)([3])
    with pytest.raises(ValueError, match="`scale` must be positive float."):
        tf.variance_scaling_initializer(scale=0.0)
    with pytest.raises(ValueError, match="Invalid `mode` argument:"):
        tf.variance_scaling_initializer(mode="fan")
    with pytest.raises(ValueError, match="Invalid `distribution` argument:"):
        tf.variance_scaling_initializer(distribution="even")
    with pytest.raises(ValueError, match="must be at least two-dimensional"):
        tf.orthogonal_initializer()([2])
    with pytest.raises(ValueError, match="only be used for 2D matrices"):
        tf.initializers.identity()([2])
    with pytest.raises(TypeError, match="Unknown mode"):
        layers_initializers.variance_scaling_initializer(mode="FAN")


def test_constants_fill_up() -> None:
    assert value_of(tf.constant_initializer([1, 2])([2, 2])).tolist() == [[1, 2], [2, 2]]


@pytest.mark.parametrize("shape", [[5, 3], [3, 5], [2, 3, 4]])
def test_orthogonal(shape: list[int]) -> None:
    matrix = value_of(tf.orthogonal_initializer(2.0, seed=1)(shape)).reshape(-1, shape[-1])
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    np.testing.assert_allclose(matrix.T @ matrix, 4 * np.eye(matrix.shape[1]), atol=1e-5)


def circulant(kernel: np.ndarray, size: int) -> np.ndarray:
    """The matrix of a circular convolution with `kernel` on a grid of `size` places along each axis."""
    axes = kernel.ndim - 2
    grid = (size,) * axes
    matrix = np.zeros((*grid, kernel.shape[-1], *grid, kernel.shape[-2]))
    for place in np.ndindex(grid):
        for tap in np.ndindex(kernel.shape[:axes]):
            source = tuple((p + t) % size for p, t in zip(place, tap, strict=True))
            matrix[(*place, slice(None), *source, slice(None))] += kernel[tap].T
    return matrix.reshape(size**axes * kernel.shape[-1], -1)


@pytest.mark.parametrize(
    ("kind", "shape"),
    [
        (convolutional.ConvolutionDeltaOrthogonal, [3, 2, 3]),
        (convolutional.ConvolutionDeltaOrthogonal, [3, 3, 2, 3]),
        (convolutional.ConvolutionOrthogonal1D, [3, 2, 3]),
        (convolutional.ConvolutionOrthogonal2D, [3, 3, 2, 3]),
        (convolutional.ConvolutionOrthogonal2D, [1, 1, 2, 3]),
        (convolutional.ConvolutionOrthogonal3D, [2, 2, 2, 2, 2]),
    ],
)
def test_convolutions_keep_the_norm(kind: Any, shape: list[int]) -> None:
    kernel = kind(seed=4)(shape)
    assert kernel.shape.as_list() == shape
    matrix = circulant(value_of(kernel).astype(np.float64), 4)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-5)


def test_convolutional_nodes() -> None:
    names = [name for name, _ in nodes_of(convolutional.ConvolutionOrthogonal2D(seed=3), [2, 2, 1, 2])]
    assert len(names) == 79 and names[-1] == "mul_3"  # mul_5 where names fold case: two are `Mul`
    assert [n for n in names if n.startswith("stack")] == ["stack", "stack_1", "stack_2"]
    with pytest.raises(ValueError, match="Kernel sizes must be equal."):
        convolutional.ConvolutionOrthogonal2D()([2, 3, 1, 2])
    with pytest.raises(ValueError, match="In_filters cannot be greater than out_filters."):
        convolutional.ConvolutionDeltaOrthogonal()([2, 2, 2, 1])


# Regularizers


def operations_below(prefix: str) -> list[tuple[str, str]]:
    operations = tf.get_default_graph().get_operations()
    return [(op.name.removeprefix(prefix), op.type) for op in operations if op.name.startswith(prefix)]


def test_nodes_of_regularizers() -> None:
    tf.get_variable("b", [5, 2], regularizer=regularizers.l1_l2_regularizer(0.1, 0.2))
    assert operations_below("b/Regularizer/") == [
        ("l1_l2_regularizer/l1_regularizer/scale", "Const"),
        ("l1_l2_regularizer/l1_regularizer/Abs", "Abs"),
        ("l1_l2_regularizer/l1_regularizer/Const", "Const"),
        ("l1_l2_regularizer/l1_regularizer/Sum", "Sum"),
        ("l1_l2_regularizer/l1_regularizer", "Mul"),
        ("l1_l2_regularizer/l2_regularizer/scale", "Const"),
        ("l1_l2_regularizer/l2_regularizer/L2Loss", "L2Loss"),
        ("l1_l2_regularizer/l2_regularizer", "Mul"),
        ("l1_l2_regularizer", "AddN"),
    ]


def test_nodes_of_keras_regularizers() -> None:
    tf.get_variable("k", [5, 2], regularizer=regularizers.l1_l2(0.1, 0.2))
    assert operations_below("k/Regularizer/") == [
        ("Abs", "Abs"),
        ("Const", "Const"),
        ("Sum", "Sum"),
        ("mul/x", "Const"),
        ("mul", "Mul"),
        ("add/x", "Const"),
        ("add", "AddV2"),
        ("Square", "Square"),
        ("Const_1", "Const"),
        ("Sum_1", "Sum"),
        ("mul_1/x", "Const"),
        ("mul_1", "Mul"),
        ("add_1", "AddV2"),
    ]


def test_applying_regularizers() -> None:
    w = tf.constant([1.0, -2.0])
    both = regularizers.sum_regularizer([regularizers.l1_regularizer(0.5), regularizers.l2_regularizer(2.0)])
    total = regularizers.apply_regularization(both, [w])
    assert total.name == "get_regularization_penalty:0"
    assert tf.get_collection(tf.GraphKeys.REGULARIZATION_LOSSES) == [total]
    assert value_of(total) == 6.5
    with pytest.raises(ValueError, match="No weights to regularize."):
        regularizers.apply_regularization(both)
    with pytest.raises(ValueError, match="instead of a Tensor with rank 1"):
        regularizers.apply_regularization(lambda w: w, [w])


def test_scales() -> None:
    assert regularizers.l2_regularizer(0.0)("anything") is None
    assert regularizers.sum_regularizer([None]) is None
    with pytest.raises(ValueError, match="scale cannot be an integer: 1"):
        regularizers.l1_regularizer(1)
    with pytest.raises(ValueError, match="scale_l2 cannot be an integer: 1"):
        regularizers.l1_l2_regularizer(0.1, 1)
    with pytest.raises(ValueError, match="less than 0 on a regularizer: -1"):
        regularizers.l2_regularizer(-1.0)
    assert regularizers.get("l1_l2").get_config() == pytest.approx({"l1": 0.01, "l2": 0.01})
    with pytest.raises(ValueError, match="Could not interpret regularizer identifier"):
        regularizers.get("l3")


def test_every_alias_is_its_class() -> None:
    assert initializers.zeros_initializer is initializers.Zeros
    assert initializers.orthogonal_initializer is initializers.Orthogonal
