"""SignatureDef messages: what goes into a model and what comes out, by names of the program's choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflow.base import dtypes, errors, protos
from reflow.graph.node import Tensor
from reflow.saved_model import constants
from reflow.saved_model.tensor_info import (
    build_tensor_info,
    build_tensor_info_from_op,
    get_element_from_tensor_info,
)

STRING = dtypes.string.as_datatype_enum
FLOAT = dtypes.float32.as_datatype_enum
Infos = Mapping[str, Any]


def build_signature_def(
    inputs: Infos | None = None, outputs: Infos | None = None, method_name: str | None = None
) -> Any:
    """A SignatureDef message.

    Args:
        inputs: TensorInfo messages by name.
        outputs: the same for what comes out.
        method_name: what a server does with it, as `tf.saved_model.signature_constants.PREDICT_METHOD_NAME`.

    >>> build_signature_def(method_name="mine").method_name
    'mine'
    """
    signature = protos.SignatureDef()
    for target, infos in ((signature.inputs, inputs), (signature.outputs, outputs)):
        for name in infos or ():
            target[name].CopyFrom(infos[name])  # type: ignore[index]
    if method_name is not None:
        signature.method_name = method_name
    return signature


def predict_signature_def(inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> Any:
    """The signature of a model that computes `outputs` from `inputs`, both tensors by name.

    ValueError when one of them is empty.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     x = tf.placeholder(tf.float32, name="x")
    ...     signature = tf.saved_model.signature_def_utils.predict_signature_def({"in": x}, {"out": x * 2.0})
    >>> signature.inputs["in"].name, signature.outputs["out"].name, signature.method_name
    ('x:0', 'mul:0', 'tensorflow/serving/predict')
    """
    if not inputs:
        raise ValueError("Prediction inputs cannot be None or empty.")
    if not outputs:
        raise ValueError("Prediction outputs cannot be None or empty.")
    return build_signature_def(_infos(inputs), _infos(outputs), constants.PREDICT_METHOD_NAME)


def _infos(tensors: Mapping[str, Any]) -> dict[str, Any]:
    return {name: build_tensor_info(tensor) for name, tensor in tensors.items()}


def regression_signature_def(examples: Any, predictions: Any) -> Any:
    """The signature of a model that reads serialized examples and predicts a number for each.

    Args:
        examples: a string tensor.
        predictions: a float32 tensor.

    Raises ValueError for a tensor that is missing or of another type.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     examples = tf.placeholder(tf.string, [None])
    ...     signature = regression_signature_def(examples, tf.zeros([1]))
    >>> sorted(signature.inputs), sorted(signature.outputs)
    (['inputs'], ['outputs'])
    """
    _check_examples("Regression", examples)
    if predictions is None:
        raise ValueError("Regression predictions cannot be None.")
    given = _typed("Regression examples", examples, STRING)
    made = _typed("Regression output", predictions, FLOAT)
    return build_signature_def(
        {constants.REGRESS_INPUTS: given}, {constants.REGRESS_OUTPUTS: made}, constants.REGRESS_METHOD_NAME
    )


def classification_signature_def(examples: Any, classes: Any, scores: Any) -> Any:
    """The signature of a model that reads serialized examples and classifies them.

    Args:
        examples: a string tensor.
        classes: a string tensor of the names of classes, or None.
        scores: a float32 tensor, or None.

    Raises ValueError for a tensor of another type, or when there are neither classes nor scores.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     examples = tf.placeholder(tf.string, [None])
    ...     signature = classification_signature_def(examples, None, tf.zeros([1, 2]))
    >>> sorted(signature.outputs)
    ['scores']
    """
    _check_examples("Classification", examples)
    if classes is None and scores is None:
        raise ValueError("Classification classes and scores cannot both be None.")
    given = {constants.CLASSIFY_INPUTS: _typed("Classification examples", examples, STRING)}
    made = {}
    if classes is not None:
        made[constants.CLASSIFY_OUTPUT_CLASSES] = _typed("Classification classes", classes, STRING)
    if scores is not None:
        made[constants.CLASSIFY_OUTPUT_SCORES] = _typed("Classification scores", scores, FLOAT)
    return build_signature_def(given, made, constants.CLASSIFY_METHOD_NAME)


def _check_examples(kind: str, examples: Any) -> None:
    if examples is None:
        raise ValueError(f"{kind} examples cannot be None.")
    if not isinstance(examples, Tensor):
        raise ValueError(f"{kind} examples must be a string Tensor.")


def _typed(what: str, tensor: Any, wanted: int) -> Any:
    info = build_tensor_info(tensor)
    if info.dtype != wanted:
        raise ValueError(f"{what} must be a {'string' if wanted == STRING else 'float'} Tensor.")
    return info


def supervised_train_signature_def(
    inputs: Mapping[str, Any],
    loss: Mapping[str, Any] | None,
    predictions: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Any:
    """The signature of training: all that comes out of a step, by name. ValueError without inputs."""
    return _supervised(constants.SUPERVISED_TRAIN_METHOD_NAME, inputs, loss, predictions, metrics)


def supervised_eval_signature_def(
    inputs: Mapping[str, Any],
    loss: Mapping[str, Any] | None,
    predictions: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
) -> Any:
    """The signature of evaluation: all that comes out of it, by name. ValueError without inputs."""
    return _supervised(constants.SUPERVISED_EVAL_METHOD_NAME, inputs, loss, predictions, metrics)


def _supervised(method: str, inputs: Mapping[str, Any], *outputs: Mapping[str, Any] | None) -> Any:
    if not inputs:
        raise ValueError(f"{method} inputs cannot be None or empty.")
    made: dict[str, Any] = {}
    for part in outputs:
        made.update(_infos(part or {}))
    return build_signature_def(_infos(inputs), made, method)


# Servable signatures


def is_valid_signature(signature_def: Any) -> bool:
    """Whether TensorFlow Serving can serve a signature.

    >>> is_valid_signature(None), is_valid_signature(build_signature_def())
    (False, False)
    """
    if signature_def is None:
        return False
    method, given, made = signature_def.method_name, signature_def.inputs, signature_def.outputs
    if method == constants.PREDICT_METHOD_NAME:
        return bool(given) and bool(made)
    if method == constants.REGRESS_METHOD_NAME:
        return _has_exactly(given, {constants.REGRESS_INPUTS: STRING}) and _has_exactly(
            made, {constants.REGRESS_OUTPUTS: FLOAT}
        )
    if method != constants.CLASSIFY_METHOD_NAME or not made:
        return False
    kinds = {constants.CLASSIFY_OUTPUT_CLASSES: STRING, constants.CLASSIFY_OUTPUT_SCORES: FLOAT}
    return _has_exactly(given, {constants.CLASSIFY_INPUTS: STRING}) and all(
        name in kinds and info.dtype == kinds[name] for name, info in made.items()
    )


def _has_exactly(infos: Infos, kinds: dict[str, int]) -> bool:
    return set(infos) == set(kinds) and all(infos[name].dtype == kind for name, kind in kinds.items())


# Signatures that stand for an operation


def op_signature_def(op: Any, key: str) -> Any:
    """A signature that names an operation under `key`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     op_signature_def(tf.no_op(name="start"), "init").outputs["init"].name
    'start'
    """
    return build_signature_def(outputs={key: build_tensor_info_from_op(op)})


def load_op_from_signature_def(signature_def: Any, key: str, import_scope: str | None = None) -> Any:
    """The operation (or tensor) of the default graph that a signature names under `key`.

    NotFoundError when the graph does not have it.
    """
    try:
        return get_element_from_tensor_info(signature_def.outputs[key], import_scope=import_scope)
    except (KeyError, ValueError) as error:
        raise errors.NotFoundError(
            None,
            None,
            f"The {key} could not be found in the graph. A signature of that name must be one that the "
            f"builder of a SavedModel has made itself: {error}",
        ) from None
