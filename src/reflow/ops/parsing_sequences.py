"""Serialized SequenceExamples as tensors: parse_sequence_example and parse_single_sequence_example."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflow.base.shape import TensorShape
from reflow.graph.graph import Tensor, emit, name_scope
from reflow.graph.registry import register
from reflow.ops import sequence_kernels as kernels
from reflow.ops.parsing import by_key, default_of, sparse_shapes
from reflow.ops.parsing_features import CONTEXT_TYPES, LIST_TYPES, Wanted, wanted


def _single_shapes(node: Any) -> list[TensorShape]:
    attrs = node.attrs
    node.inputs[0].shape.with_rank(0)
    steps = TensorShape.of((None,))
    return [
        *sparse_shapes(attrs["Ncontext_sparse"], 1),
        *attrs["context_dense_shapes"],
        *sparse_shapes(attrs["Nfeature_list_sparse"], 2),
        *(steps.concatenate(shape) for shape in attrs["feature_list_dense_shapes"]),
    ]


def _batch_shapes(node: Any) -> list[TensorShape]:
    attrs, batch = node.attrs, node.inputs[0].shape.with_rank(1)
    steps = batch.concatenate(TensorShape.of((None,)))
    return [
        *sparse_shapes(attrs["Ncontext_sparse"], 2),
        *(batch.concatenate(shape) for shape in attrs["context_dense_shapes"]),
        *sparse_shapes(attrs["Nfeature_list_sparse"], 3),
        *(steps.concatenate(shape) for shape in attrs["feature_list_dense_shapes"]),
        *[batch] * attrs["Nfeature_list_dense"],
    ]


register(
    "ParseSingleSequenceExample",
    shape=_single_shapes,
    host=kernels.parse_single_sequence_example,
    gradient=None,
)
register("ParseSequenceExample", shape=_batch_shapes, host=kernels.parse_sequence_example, gradient=None)


def parse_single_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_name: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The features of one serialized SequenceExample.

    Args:
        serialized: a scalar string, a serialized `tf.train.SequenceExample`.
        context_features: by key, which features of the whole to parse: `FixedLenFeature` or `VarLenFeature`.
        sequence_features: by key, which feature lists to parse: `FixedLenSequenceFeature` or `VarLenFeature`.
        example_name: a scalar string, what errors call the example.
        name: the name of the operation.

    Returns: two dicts of the same keys. In the context, a `FixedLenFeature` gives a tensor of its shape and a
    `VarLenFeature` a SparseTensor with one dimension. Of a feature list, a `FixedLenSequenceFeature` gives
    `[steps, *shape]` and a `VarLenFeature` a SparseTensor `[steps, longest]`.

    Raises:
        ValueError: a feature is not described well, or there is none.
        tf.errors.InvalidArgumentError (when run): the string is not a SequenceExample; a feature is missing,
            or is not of the type or the number of values described.

    >>> import reflow as tf
    >>> steps = [tf.train.Feature(int64_list=tf.train.Int64List(value=[n])) for n in (4, 2)]
    >>> lists = tf.train.FeatureLists(feature_list={"word": tf.train.FeatureList(feature=steps)})
    >>> sentence = tf.train.SequenceExample(feature_lists=lists).SerializeToString()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     features = {"word": tf.FixedLenSequenceFeature([], tf.int64)}
    ...     _, sequences = tf.parse_single_sequence_example(sentence, sequence_features=features)
    ...     print(sess.run(sequences["word"]))
    [4 2]
    """
    context, lists = _wanted(context_features, sequence_features)
    with name_scope(name, "ParseSingleSequenceExample", [serialized]):
        may_lack, defaults = _may_lack(lists), _defaults(context, reshaped=True)
        found = emit(
            "ParseSingleSequenceExample",
            serialized,
            may_lack,
            context.sparse_keys,
            context.dense_keys,
            lists.sparse_keys,
            lists.dense_keys,
            defaults,
            "" if example_name is None else example_name,
            name=name,
            **_types_and_shapes(context, lists),
        )
    return by_key(context, *found[:4]), by_key(lists, *found[4:8])


def parse_sequence_example(
    serialized: Any,
    context_features: Mapping[str, Any] | None = None,
    sequence_features: Mapping[str, Any] | None = None,
    example_names: Any = None,
    name: str | None = None,
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The features of a batch of serialized SequenceExamples.

    Args:
        serialized: a string vector, each string a serialized `tf.train.SequenceExample`.
        context_features: by key, which features of the whole to parse: `FixedLenFeature` or `VarLenFeature`.
        sequence_features: by key, which feature lists to parse: `FixedLenSequenceFeature` or `VarLenFeature`.
        example_names: a string vector, what errors call the examples.
        name: the name of the operation.

    Returns: three dicts: of the context, of the feature lists, and of the lengths of the dense feature lists.
    In the context, a `FixedLenFeature` gives a tensor `[batch, *shape]` and a `VarLenFeature` a SparseTensor
    `[batch, longest]`. Of a feature list, a `FixedLenSequenceFeature` gives `[batch, most_steps, *shape]`,
    filled up with zeros or empty strings; a `VarLenFeature` gives a SparseTensor
    `[batch, most_steps, longest]`. Lengths are int64 vectors `[batch]`.

    Raises: as `parse_single_sequence_example`.

    >>> import reflow as tf
    >>> steps = [tf.train.Feature(int64_list=tf.train.Int64List(value=[n])) for n in (4, 2)]
    >>> lists = tf.train.FeatureLists(feature_list={"word": tf.train.FeatureList(feature=steps)})
    >>> sentence = tf.train.SequenceExample(feature_lists=lists).SerializeToString()
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     features = {"word": tf.FixedLenSequenceFeature([], tf.int64, allow_missing=True)}
    ...     _, sequences, lengths = tf.io.parse_sequence_example([sentence, ""], None, features)
    ...     print(sess.run([sequences["word"], lengths["word"]]))
    [array([[4, 2],
           [0, 0]]), array([2, 0])]
    """
    context, lists = _wanted(context_features, sequence_features)
    with name_scope(name, "ParseSequenceExample", [serialized]):
        may_lack, defaults = _may_lack(lists), _defaults(context, reshaped=False)
        found = emit(
            "ParseSequenceExample",
            serialized,
            [] if example_names is None else example_names,
            defaults,
            feature_list_dense_missing_assumed_empty=may_lack,
            Ncontext_sparse=len(context.sparse_keys),
            Ncontext_dense=len(context.dense_keys),
            Nfeature_list_sparse=len(lists.sparse_keys),
            Nfeature_list_dense=len(lists.dense_keys),
            context_sparse_keys=context.sparse_keys,
            context_dense_keys=context.dense_keys,
            feature_list_sparse_keys=lists.sparse_keys,
            feature_list_dense_keys=lists.dense_keys,
            name=name,
            **_types_and_shapes(context, lists),
        )
    lengths = dict(zip(lists.dense_keys, found[8], strict=True))
    return by_key(context, *found[:4]), by_key(lists, *found[4:8]), lengths


def _wanted(context: Any, lists: Any) -> tuple[Wanted, Wanted]:
    if not (context or lists):
        raise ValueError("Missing features.")
    return wanted(context, CONTEXT_TYPES), wanted(lists, LIST_TYPES)


def _may_lack(lists: Wanted) -> list[str]:
    """The feature lists that an example need not have."""
    for key, value in lists.dense_defaults.items():
        if value is not None:
            raise ValueError(f"Value feature_list_dense_defaults[{key}] must be None")
    return list(lists.dense_defaults)


def _defaults(context: Wanted, reshaped: bool) -> list[Tensor]:
    rows = zip(context.dense_keys, context.dense_types, context.dense_shapes, strict=True)
    return [
        default_of(key, context.dense_defaults.get(key), dtype, shape if reshaped else None)
        for key, dtype, shape in rows
    ]


def _types_and_shapes(context: Wanted, lists: Wanted) -> dict[str, Any]:
    return {
        "context_sparse_types": context.sparse_types,
        "context_dense_shapes": context.dense_shapes,
        "feature_list_sparse_types": lists.sparse_types,
        "feature_list_dense_types": lists.dense_types,
        "feature_list_dense_shapes": lists.dense_shapes,
    }
