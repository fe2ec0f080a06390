"""How the layer functions of `tf.contrib.layers` use the classes of `tf.layers`."""

from __future__ import annotations

from typing import Any

from reflow.contrib.layers_utils import add_variable_to_collections, collect_named_outputs
from reflow.contrib.model_variables import getter_of_model_variables
from reflow.model.variable_scope import variable_scope

RENAMED = {"bias": "biases", "kernel": "weights"}


def layer_scope(
    scope: Any, default_name: str, inputs: Any, reuse: Any = None, rename: dict[str, str] | None = None
) -> Any:
    """The variable scope of a layer function: variables of `tf.layers` get other names in it."""
    getter = getter_of_model_variables(rename)
    return variable_scope(scope, default_name, [inputs], reuse=reuse, custom_getter=getter)


def settings_of_layer(scope: Any, inputs: Any, trainable: bool, reuse: Any) -> dict[str, Any]:
    """The arguments of a layer that lives in a scope."""
    return {
        "trainable": trainable,
        "name": scope.name,
        "dtype": inputs.dtype.base_dtype,
        "_scope": scope,
        "_reuse": reuse,
    }


def settings_of_weights(
    normalizer_fn: Any,
    weights_initializer: Any,
    weights_regularizer: Any,
    biases_initializer: Any,
    biases_regularizer: Any,
) -> dict[str, Any]:
    """The arguments of a layer for its variables: there is no bias before a normalization."""
    return {
        "use_bias": bool(not normalizer_fn and biases_initializer),
        "kernel_initializer": weights_initializer,
        "bias_initializer": biases_initializer,
        "kernel_regularizer": weights_regularizer,
        "bias_regularizer": biases_regularizer,
    }


def collect_weights(layer: Any, variables_collections: Any) -> None:
    """Put the variables of a layer into the collections for "weights" and "biases"."""
    add_variable_to_collections(layer.kernel, variables_collections, "weights")
    if layer.bias is not None:
        add_variable_to_collections(layer.bias, variables_collections, "biases")


def finished(
    outputs: Any,
    scope_name: str,
    normalizer_fn: Any,
    normalizer_params: dict[str, Any] | None,
    activation_fn: Any,
    outputs_collections: Any,
) -> Any:
    """The outputs of a layer after normalization and activation, in their collections."""
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    if activation_fn is not None:
        outputs = activation_fn(outputs)
    return collect_named_outputs(outputs_collections, scope_name, outputs)


def keras_format(data_format: str | None) -> str:
    """The word of `tf.layers` for a data format such as "NHWC"."""
    return "channels_first" if data_format and data_format.startswith("NC") else "channels_last"


def check_format(data_format: Any, allowed: tuple[str, str] = ("NCHW", "NHWC")) -> None:
    """ValueError for another data format."""
    if data_format not in allowed:
        raise ValueError(f"data_format has to be either {allowed[0]} or {allowed[1]}, not {data_format}.")
