"""Dense layers, dropout, flattening."""

from __future__ import annotations

from typing import Any

from reflow.base import dtypes
from reflow.base.shape import TensorShape, as_shape
from reflow.graph.composite import SparseTensor
from reflow.graph.graph import Tensor, convert_to_tensor
from reflow.model.initializers import zeros_initializer
from reflow.model.layers.base import InputSpec, Layer
from reflow.model.layers.functional import functional
from reflow.model.layers.sizes import normalized_format
from reflow.ops.activations import bias_add
from reflow.ops.array import identity, shape
from reflow.ops.control_flow import smart_cond
from reflow.ops.dense import dropout as nn_dropout
from reflow.ops.linalg import matmul, tensordot
from reflow.ops.shaping import reshape, transpose
from reflow.ops.sparse import sparse_tensor_dense_matmul

ZEROS = zeros_initializer()


class Dense(Layer):
    """activation(inputs @ kernel + bias), along the last dimension of the inputs.

    Args:
        units: the size of the last dimension of the outputs.
        activation: a function of the result, or None.
        use_bias: whether there is a bias.
        kernel_initializer, bias_initializer: how the variables `kernel` [inputs, units] and `bias` [units]
            begin.
        kernel_regularizer, bias_regularizer: functions of them that are added to the losses.
        activity_regularizer: a function of the outputs that is added to the losses.
        kernel_constraint, bias_constraint: functions applied to their new values.
        trainable, name: as of `Layer`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     layer = tf.layers.Dense(3, activation=tf.nn.relu)
    ...     layer(tf.zeros([2, 4])).shape.as_list(), [v.name for v in layer.variables]
    ([2, 3], ['dense/kernel:0', 'dense/bias:0'])
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = None,
        bias_initializer: Any = ZEROS,
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        trainable: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(trainable, name, activity_regularizer=activity_regularizer, **kwargs)
        self.units = int(units) if not isinstance(units, int) else units
        self.activation = activation
        self.use_bias = use_bias
        self.kernel_initializer, self.bias_initializer = kernel_initializer, bias_initializer
        self.kernel_regularizer, self.bias_regularizer = kernel_regularizer, bias_regularizer
        self.kernel_constraint, self.bias_constraint = kernel_constraint, bias_constraint
        self.input_spec = InputSpec(min_ndim=2)
        self.kernel: Any = None
        self.bias: Any = None

    def build(self, input_shape: Any) -> None:
        dtype = dtypes.as_dtype(self.dtype or dtypes.float32)
        if not (dtype.is_floating or dtype.is_complex):
            raise TypeError(f"Unable to build `Dense` layer with non-floating point dtype {dtype}")
        size = as_shape(input_shape)[-1].value
        if size is None:
            raise ValueError("The last dimension of the inputs to `Dense` should be defined. Found `None`.")
        self.input_spec = InputSpec(min_ndim=2, axes={-1: size})
        self.kernel = self.add_weight(
            "kernel",
            [size, self.units],
            initializer=self.kernel_initializer,
            regularizer=self.kernel_regularizer,
            constraint=self.kernel_constraint,
        )
        if self.use_bias:
            self.bias = self.add_weight(
                "bias",
                [self.units],
                initializer=self.bias_initializer,
                regularizer=self.bias_regularizer,
                constraint=self.bias_constraint,
            )
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        rank = inputs.shape.ndims
        if isinstance(inputs, SparseTensor):
            outputs = sparse_tensor_dense_matmul(inputs, self.kernel)
        elif rank > 2:
            outputs = tensordot(inputs, self.kernel, [[rank - 1], [0]])
            outputs.set_shape([*inputs.shape.as_list()[:-1], self.units])
        else:
            outputs = matmul(inputs, self.kernel)
        if self.use_bias:
            outputs = bias_add(outputs, self.bias)
        return outputs if self.activation is None else self.activation(outputs)

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        sizes = as_shape(input_shape).with_rank_at_least(2).as_list()
        if sizes[-1] is None:
            raise ValueError(
                f"The innermost dimension of input_shape must be defined, but saw: {input_shape}"
            )
        return TensorShape([*sizes[:-1], self.units])


dense = functional(
    Dense,
    "dense",
    """>>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.dense(tf.zeros([2, 4]), 3, name="out").shape.as_list()
    [2, 3]""",
)


class Dropout(Layer):
    """Sets a share `rate` of the inputs to zero while training, and scales the others by 1 / (1 - rate).

    Args:
        rate: the share, from 0 to 1; a number or a scalar tensor.
        noise_shape: the shape of the mask, which is broadcast; that of the inputs by default.
        seed: the seed of the mask's random numbers.
        name: as of `Layer`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.layers.Dropout(0.5)(tf.ones([3]))))
    [1. 1. 1.]
    """

    def __init__(
        self,
        rate: Any = 0.5,
        noise_shape: Any = None,
        seed: int | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.rate, self.noise_shape, self.seed = rate, noise_shape, seed

    def call(self, inputs: Any, training: Any = False) -> Any:
        def dropped() -> Any:
            return nn_dropout(inputs, noise_shape=self._noise_shape(inputs), seed=self.seed, rate=self.rate)

        return smart_cond(training, dropped, lambda: identity(inputs))

    def _noise_shape(self, inputs: Any) -> Any:
        """The shape of the mask, None in it standing for the size of the inputs there."""
        if self.noise_shape is None or isinstance(self.noise_shape, Tensor):
            return self.noise_shape
        sizes = shape(inputs)
        return convert_to_tensor([sizes[i] if n is None else n for i, n in enumerate(self.noise_shape)])

    def compute_output_shape(self, input_shape: Any) -> Any:
        return input_shape


def dropout(
    inputs: Any,
    rate: Any = 0.5,
    noise_shape: Any = None,
    seed: int | None = None,
    training: Any = False,
    name: str | None = None,
) -> Tensor:
    """Sets a share `rate` of `inputs` to zero while `training` (a bool or a scalar tensor): see `Dropout`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sorted(set(sess.run(tf.layers.dropout(tf.ones([100]), 0.5, training=True)))))
    [np.float32(0.0), np.float32(2.0)]
    """
    layer = Dropout(rate, noise_shape=noise_shape, seed=seed, name=name)
    return layer.apply(inputs, training=training)  # type: ignore[no-any-return]


class Flatten(Layer):
    """All dimensions but the first as one.

    Args:
        data_format: "channels_last", or "channels_first": then the channels are moved to the end before.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.Flatten()(tf.zeros([2, 3, 4])).shape.as_list()
    [2, 12]
    """

    def __init__(self, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.data_format = normalized_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        rank = inputs.shape.ndims
        if self.data_format == "channels_first" and rank is not None and rank > 1:
            inputs = transpose(inputs, perm=[0, *range(2, rank), 1])
        sizes = inputs.shape.as_list()
        whole = self.compute_output_shape(inputs.shape).as_list()
        if sizes[0] is not None:
            target: Any = (sizes[0], -1 if whole[1] is None else whole[1])
            return reshape(inputs, target)
        outputs = reshape(inputs, (shape(inputs)[0], -1))
        outputs.set_shape(whole)
        return outputs

    def compute_output_shape(self, input_shape: Any) -> TensorShape:
        sizes = as_shape(input_shape).as_list()
        rest = 1
        for size in sizes[1:]:
            rest = None if size is None or rest is None else rest * size  # type: ignore[assignment]
        return TensorShape([sizes[0], rest if sizes else 1])


def flatten(inputs: Any, name: str | None = None, data_format: str = "channels_last") -> Tensor:
    """All dimensions of `inputs` but the first as one: see `Flatten`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.layers.flatten(tf.placeholder(tf.float32, [None, 3, 4])).shape.as_list()
    [None, 12]
    """
    return Flatten(name=name, data_format=data_format).apply(inputs)  # type: ignore[no-any-return]
