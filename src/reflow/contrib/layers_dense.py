"""Fully connected layers, dropout, flattening, encodings: the plain layers of `tf.contrib.layers`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from reflow.base import dtypes
from reflow.contrib.arg_scopes import add_arg_scope
from reflow.contrib.layers_common import (
    RENAMED,
    check_format,
    collect_weights,
    finished,
    layer_scope,
    settings_of_layer,
    settings_of_weights,
)
from reflow.contrib.layers_initializers import xavier_initializer
from reflow.contrib.layers_utils import collect_named_outputs, get_variable_collections, last_dimension
from reflow.contrib.model_variables import model_variable
from reflow.graph.graph import convert_to_tensor, name_scope
from reflow.model.initializers import zeros_initializer
from reflow.model.layers import core
from reflow.model.variable_scope import variable_scope
from reflow.ops.activations import bias_add as nn_bias_add
from reflow.ops.activations import elu as nn_elu
from reflow.ops.activations import relu as nn_relu
from reflow.ops.activations import relu6 as nn_relu6
from reflow.ops.activations import softmax as nn_softmax
from reflow.ops.arithmetic import div
from reflow.ops.array import one_hot, ones, shape
from reflow.ops.casting import to_int64
from reflow.ops.dense import embedding_lookup
from reflow.ops.gather import gather
from reflow.ops.joining import concat
from reflow.ops.math import sqrt, square
from reflow.ops.padding import tile
from reflow.ops.reduction import reduce_max, reduce_prod, reduce_sum
from reflow.ops.sets import unique
from reflow.ops.shaping import reshape
from reflow.ops.slicing import strided_slice

XAVIER, ZEROS = xavier_initializer(), zeros_initializer()


@add_arg_scope
def fully_connected(
    inputs: Any,
    num_outputs: int,
    activation_fn: Any = nn_relu,
    normalizer_fn: Any = None,
    normalizer_params: dict[str, Any] | None = None,
    weights_initializer: Any = XAVIER,
    weights_regularizer: Any = None,
    biases_initializer: Any = ZEROS,
    biases_regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    scope: Any = None,
) -> Any:
    """activation_fn(inputs @ weights + biases), along the last dimension of the inputs.

    Args:
        inputs: a tensor of rank 2 at least, its last size known.
        num_outputs: the size of the last dimension of the outputs.
        activation_fn: a function of the result; None for none.
        normalizer_fn, normalizer_params: a function (`batch_norm`) in place of the bias, and its arguments.
        weights_initializer, weights_regularizer: of the variable `weights`.
        biases_initializer, biases_regularizer: of the variable `biases`; an initializer None is no bias.
        reuse, scope: of the variable scope, `fully_connected` by default.
        variables_collections: further collections for the variables, or a dict of these by "weights",
            "biases".
        outputs_collections: collections for the outputs.
        trainable: whether the variables are trainable.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     y = tf.contrib.layers.fully_connected(tf.zeros([2, 3]), 4)
    ...     y.op.name, [v.name for v in tf.model_variables()]
    ('fully_connected/Relu', ['fully_connected/weights:0', 'fully_connected/biases:0'])
    """
    if not isinstance(num_outputs, int):
        raise ValueError(f"num_outputs type should be one of [int], got {type(num_outputs)}.")
    with layer_scope(scope, "fully_connected", inputs, reuse, RENAMED) as opened:
        inputs = convert_to_tensor(inputs)
        layer = core.Dense(
            num_outputs,
            **settings_of_weights(
                normalizer_fn,
                weights_initializer,
                weights_regularizer,
                biases_initializer,
                biases_regularizer,
            ),
            **settings_of_layer(opened, inputs, trainable, reuse),
        )
        outputs = layer.apply(inputs)
        collect_weights(layer, variables_collections)
        rest = (normalizer_fn, normalizer_params, activation_fn, outputs_collections)
        return finished(outputs, opened.name, *rest)


relu = functools.partial(fully_connected, activation_fn=nn_relu)
relu6 = functools.partial(fully_connected, activation_fn=nn_relu6)
elu = functools.partial(fully_connected, activation_fn=nn_elu)
linear = functools.partial(fully_connected, activation_fn=None)


@add_arg_scope
def bias_add(
    inputs: Any,
    activation_fn: Any = None,
    initializer: Any = ZEROS,
    regularizer: Any = None,
    reuse: Any = None,
    variables_collections: Any = None,
    outputs_collections: Any = None,
    trainable: bool = True,
    data_format: str = "NHWC",
    scope: Any = None,
) -> Any:
    """activation_fn(inputs + biases), a bias for each channel; arguments as of `fully_connected`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.bias_add(tf.zeros([2, 3])).name
    'BiasAdd/BiasAdd:0'
    """
    check_format(data_format)
    with variable_scope(scope, "BiasAdd", [inputs], reuse=reuse) as opened:
        inputs = convert_to_tensor(inputs)
        rank = inputs.shape.ndims
        if rank is None:
            raise ValueError("Dims of shape must be known but is None")
        if rank != 4 and data_format == "NCHW":
            raise ValueError("Data format NCHW only supports 4D Tensor")
        size = inputs.shape.as_list()[1 if data_format == "NCHW" else -1]
        if size is None:
            raise ValueError("`C` dimension must be known but is None")
        biases = model_variable(
            "biases",
            shape=[size],
            dtype=inputs.dtype.base_dtype,
            initializer=initializer,
            regularizer=regularizer,
            collections=get_variable_collections(variables_collections, "biases"),
            trainable=trainable,
        )
        outputs = nn_bias_add(inputs, biases, data_format=data_format)
        return finished(outputs, opened.name, None, None, activation_fn, outputs_collections)


@add_arg_scope
def dropout(
    inputs: Any,
    keep_prob: Any = 0.5,
    noise_shape: Any = None,
    is_training: Any = True,
    outputs_collections: Any = None,
    scope: Any = None,
    seed: int | None = None,
) -> Any:
    """While training, sets each element to zero unless (with probability `keep_prob`) it is kept and scaled
    up.

    Args:
        noise_shape: the shape of the mask; that of the inputs by default.
        is_training: a bool or a scalar bool tensor.
        outputs_collections, scope: as of `fully_connected`.
        seed: of the mask's random numbers.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.layers.dropout(tf.ones([3]), is_training=False)))
    [1. 1. 1.]
    """
    with layer_scope(scope, "Dropout", inputs) as opened:
        inputs = convert_to_tensor(inputs)
        layer = core.Dropout(
            1 - keep_prob, noise_shape=noise_shape, seed=seed, name=opened.name, _scope=opened
        )
        outputs = layer.apply(inputs, training=is_training)
        return collect_named_outputs(outputs_collections, opened.name, outputs)


@add_arg_scope
def flatten(inputs: Any, outputs_collections: Any = None, scope: Any = None) -> Any:
    """All dimensions but the first as one.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.flatten(tf.zeros([2, 3, 4])).shape.as_list()
    [2, 12]
    """
    with name_scope(scope, "Flatten", [inputs]) as opened:
        outputs = core.flatten(convert_to_tensor(inputs))
        return collect_named_outputs(outputs_collections, opened, outputs)


@add_arg_scope
def one_hot_encoding(
    labels: Any,
    num_classes: int,
    on_value: Any = 1.0,
    off_value: Any = 0.0,
    outputs_collections: Any = None,
    scope: Any = None,
) -> Any:
    """Rows with `on_value` at the place of each label, `off_value` elsewhere: float32 [..., num_classes].

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.layers.one_hot_encoding([0, 2], 3)))
    [[1. 0. 0.]
     [0. 0. 1.]]
    """
    with name_scope(scope, "OneHotEncoding", [labels, num_classes]) as opened:
        labels = convert_to_tensor(labels)
        if labels.dtype == dtypes.int32:
            labels = to_int64(labels)
        outputs = one_hot(labels, num_classes, on_value=on_value, off_value=off_value)
        return collect_named_outputs(outputs_collections, opened, outputs)


@add_arg_scope
def softmax(logits: Any, scope: Any = None) -> Any:
    """`tf.nn.softmax` over the last dimension, of logits of rank 2 at least.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.layers.softmax(tf.zeros([1, 2]))))
    [[0.5 0.5]]
    """
    with variable_scope(scope, "softmax", [logits]):
        size = last_dimension(logits.shape, min_rank=2)
        predictions = nn_softmax(reshape(logits, [-1, size]))
        predictions = reshape(predictions, shape(logits))
        predictions.set_shape(logits.shape)
        return predictions


@add_arg_scope
def unit_norm(inputs: Any, dim: int, epsilon: float = 1e-7, scope: Any = None) -> Any:
    """The inputs, scaled so that their vectors along the axis `dim` have length 1.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.layers.unit_norm(tf.constant([[3.0, 4.0]]), dim=1)))
    [[0.6 0.8]]
    """
    with variable_scope(scope, "UnitNorm", [inputs]):
        rank = inputs.shape.ndims
        if not rank:
            raise ValueError("The input rank must be known.")
        if not 0 <= dim < rank:
            raise ValueError(f"dim must be positive but smaller than the input rank, {rank}: {dim}")
        lengths = sqrt(epsilon + reduce_sum(square(inputs), dim, True))
        multiples = [ones([dim], dtypes.int32)] if dim > 0 else []
        multiples.append(strided_slice(shape(inputs), [dim], [dim + 1]))
        if dim < rank - 1:
            multiples.append(ones([rank - 1 - dim], dtypes.int32))
        return div(inputs, tile(lengths, concat(multiples, 0)))


@add_arg_scope
def maxout(inputs: Any, num_units: int, axis: int = -1, scope: Any = None) -> Any:
    """The largest of each group of channels: `num_units` groups along an axis.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(tf.contrib.layers.maxout(tf.constant([[1.0, 5.0, 2.0, 3.0]]), 2)))
    [[5. 3.]]
    """
    with variable_scope(scope, "MaxOut", [inputs]):
        inputs = convert_to_tensor(inputs)
        sizes = inputs.shape.as_list()
        channels = sizes[axis]
        if channels % num_units:
            raise ValueError(f"number of features({channels}) is not a multiple of num_units({num_units})")
        sizes[axis] = num_units
        sizes.append(channels // num_units)
        wanted = [shape(inputs)[i] if n is None else n for i, n in enumerate(sizes)]
        return reduce_max(reshape(inputs, wanted), -1, keepdims=False)


def _name_of(layer: Any, default: str) -> str:
    """The name that the scopes of repeated layers begin with; of a partial function its function's."""
    named = layer if hasattr(layer, "__name__") else getattr(layer, "func", None)
    return getattr(named, "__name__", default)


def repeat(inputs: Any, repetitions: int, layer: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Apply a layer function several times, each time to the outputs of the time before.

    Args:
        repetitions: how often.
        layer: the function, with an argument `scope`.
        args, kwargs: its further arguments; `scope` names the scope of all: `scope/scope_1`, `scope/scope_2`
            ...

    >>> import reflow as tf
    >>> layers = tf.contrib.layers
    >>> with tf.Graph().as_default():
    ...     y = layers.repeat(tf.zeros([1, 8, 8, 3]), 2, layers.conv2d, 4, 3, scope="conv")
    ...     [v.op.name for v in tf.model_variables() if "weights" in v.name]
    ['conv/conv_1/weights', 'conv/conv_2/weights']
    """
    return _applied(inputs, layer, [args] * repetitions, kwargs, "Repeat", "repeat")


def stack(inputs: Any, layer: Callable[..., Any], stack_args: Sequence[Any], **kwargs: Any) -> Any:
    """Apply a layer function once for each element of `stack_args`: its second argument, or a list of
    arguments.

    >>> import reflow as tf
    >>> layers = tf.contrib.layers
    >>> with tf.Graph().as_default():
    ...     layers.stack(tf.zeros([2, 3]), layers.fully_connected, [8, 4], scope="fc").op.name
    'fc/fc_2/Relu'
    """
    if not isinstance(stack_args, (list, tuple)):
        raise ValueError(f"stack_args need to be a list or tuple, not {stack_args!r}")
    rows = [row if isinstance(row, (list, tuple)) else [row] for row in stack_args]
    return _applied(inputs, layer, rows, kwargs, "Stack", "stack")


def _applied(
    inputs: Any, layer: Any, rows: Sequence[Any], options: dict[str, Any], default: str, nameless: str
) -> Any:
    scope = options.pop("scope", None)
    with variable_scope(scope, default, [inputs]):
        outputs = convert_to_tensor(inputs)
        name = _name_of(layer, nameless) if scope is None else scope
        for i, row in enumerate(rows):
            outputs = layer(outputs, *row, **options, scope=f"{name}_{i + 1}")
        return outputs


def embed_sequence(
    ids: Any,
    vocab_size: int | None = None,
    embed_dim: int | None = None,
    unique: bool = False,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    scope: Any = None,
    reuse: Any = None,
) -> Any:
    """The embedding of each id: [batch, length] integers give [batch, length, embed_dim].

    Args:
        vocab_size, embed_dim: the shape of the variable `embeddings`; may be None when it is reused.
        unique: whether each id that occurs is looked up once only.
        initializer, regularizer, trainable: of the variable.
        scope, reuse: of the variable scope, `EmbedSequence` by default.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     tf.contrib.layers.embed_sequence([[1, 2, 3]], vocab_size=10, embed_dim=4).shape.as_list()
    [1, 3, 4]
    """
    if not (reuse or (vocab_size and embed_dim)):
        raise ValueError(
            "Must specify vocab size and embedding dimension when not reusing. Got vocab_size="
            f"{vocab_size} and embed_dim={embed_dim}"
        )
    with variable_scope(scope, "EmbedSequence", [ids], reuse=reuse):
        known = vocab_size is not None and embed_dim is not None
        embeddings = model_variable(
            "embeddings",
            shape=[vocab_size, embed_dim] if known else None,
            initializer=initializer,
            regularizer=regularizer,
            trainable=trainable,
        )
        lookup = embedding_lookup_unique if unique else embedding_lookup
        return lookup(embeddings, ids)


def embedding_lookup_unique(
    params: Any, ids: Any, partition_strategy: str = "mod", name: str | None = None
) -> Any:
    """`tf.nn.embedding_lookup`, looking up each id that occurs once only.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     print(sess.run(embedding_lookup_unique(tf.constant([[1.0], [2.0]]), [1, 1, 0])))
    [[2.]
     [2.]
     [1.]]
    """
    with name_scope(name, "EmbeddingLookupUnique", [params, ids]):
        ids = convert_to_tensor(ids)
        sizes = shape(ids)
        distinct, places = unique(reshape(ids, reduce_prod(sizes, keepdims=True)))
        rows = embedding_lookup(params, distinct, partition_strategy)
        flat = gather(rows, places)
        result = reshape(flat, concat([sizes, shape(rows)[1:]], 0))
        result.set_shape(ids.shape.concatenate(rows.shape[1:]))
        return result
