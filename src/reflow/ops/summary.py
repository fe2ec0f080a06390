"""Summary ops: nodes whose value is a serialized Summary message, for `tf.summary.FileWriter` to write.

They are host ops, so a step `run([train, merged])` is one XLA program and then the encoding of its results.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from reflow.base import dtypes, protos
from reflow.graph import shapes
from reflow.graph.checks import fail
from reflow.graph.graph import Tensor, add_to_collection, convert_to_tensor, emit, get_collection, name_scope
from reflow.graph.graphdef import tensor_proto
from reflow.graph.keys import GraphKeys
from reflow.graph.registry import op, register
from reflow.ops import summary_wire as wire
from reflow.ops.summary_histogram import as_tag, histogram_encoder, histogram_host
from reflow.ops.summary_media import audio_host, image_host
from reflow.platform import logging

_ILLEGAL = re.compile(r"[^-/\w\.]")
_SUMMARIES = (GraphKeys.SUMMARIES,)


# Names and collections


def clean_tag(name: str | None) -> str | None:
    """`name` with `_` for each character that a node's name cannot have, and no leading slashes.

    What it changes is logged at level INFO.

    >>> clean_tag("/train loss")
    'train_loss'
    """
    if name is None:
        return None
    clean = _ILLEGAL.sub("_", name).lstrip("/")
    if clean != name:
        logging.info("Summary name %s is illegal; using %s instead.", name, clean)
    return clean


@contextlib.contextmanager
def summary_scope(
    name: str | None, family: str | None = None, default_name: str | None = None, values: Any = None
) -> Iterator[tuple[str, str]]:
    """Open the name scope of a summary; gives its tag and the scope's name.

    The tag is the scope's name, so it is unique. With a family, both begin with it, and the tag does even
    inside another scope, since TensorBoard groups tags by how they begin.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.name_scope("net"), summary_scope("loss", "train") as names:
    ...     print(names)
    ('train/net/train/loss', 'net/train/loss/')
    """
    name, family = clean_tag(name), clean_tag(family)
    with name_scope(name if family is None else f"{family}/{name}", default_name, values) as scope:
        tag = scope.rstrip("/")
        if not tag:
            raise ValueError(f"{name!r} is not a valid node name")
        yield (tag if family is None else f"{family}/{tag}"), scope


def collect(val: Any, collections: Sequence[str] | None, default_collections: Sequence[str]) -> None:
    """Add `val` to collections of the default graph: to the default ones if `collections` is None."""
    for key in default_collections if collections is None else collections:
        add_to_collection(key, val)


# Scalars


def _scalar_host(ctx: Any, tags: Any, values: Any) -> np.ndarray:
    if tags.shape != values.shape:
        hint = f" (tag '{tags.item().decode()}')" if tags.size == 1 else ""
        fail(f"tags and values not the same shape: {_shown(tags)} != {_shown(values)}{hint}")
    if tags.ndim == 0:
        return wire.text_scalar(wire.scalar(tags.item(), values.item()))
    pairs = zip(tags.ravel().tolist(), values.ravel().tolist(), strict=True)
    return wire.joined([wire.scalar(tag, value) for tag, value in pairs])


def _shown(array: Any) -> str:
    return f"[{','.join(map(str, array.shape))}]"


@op("ScalarSummary", shape=shapes.scalar, host=_scalar_host, gradient=None)
def scalar(name: str, tensor: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A summary of one number.

    Args:
        name: the node's name and, with the scopes around it, the tag in TensorBoard.
        tensor: a scalar of a real type.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.
        family: a first part for the tag, by which TensorBoard groups.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    Raises:
        TypeError: `tensor` is not of a real type.
        tf.errors.InvalidArgumentError: in a run, when `tensor` is not a scalar.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value = tf.Summary.FromString(sess.run(tf.summary.scalar("loss", 0.5))).value[0]
    ...     print(value.tag, value.simple_value)
    loss 0.5
    """
    with summary_scope(name, family, values=[tensor]) as (tag, scope):
        result = emit("ScalarSummary", tag, tensor, name=scope)
        collect(result, collections, _SUMMARIES)
    return result  # type: ignore[no-any-return]


# Histograms, images, sounds


@op("HistogramSummary", shape=shapes.scalar, host=histogram_host, gradient=None)
def histogram(name: str, values: Any, collections: Any = None, family: str | None = None) -> Tensor:
    """A summary of how values are distributed: a histogram with exponentially growing buckets.

    Args:
        name: the node's name and the tag.
        values: a tensor of a real type and any shape.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.
        family: a first part for the tag.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    Raises:
        tf.errors.InvalidArgumentError: in a run, when a value is NaN or infinite.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     found = tf.Summary.FromString(sess.run(tf.summary.histogram("w", [1.0, 1.0, -2.0])))
    ...     histo = found.value[0].histo
    ...     print(histo.min, histo.max, histo.num, histo.sum, list(histo.bucket))
    -2.0 1.0 3.0 0.0 [0.0, 1.0, 0.0, 2.0, 0.0]
    """
    with summary_scope(name, family, "HistogramSummary", [values]) as (tag, scope):
        result = emit("HistogramSummary", tag, values, name=scope)
        collect(result, collections, _SUMMARIES)
    return result  # type: ignore[no-any-return]


@op("ImageSummary", shape=shapes.scalar, host=image_host, gradient=None)
def image(
    name: str, tensor: Any, max_outputs: int = 3, collections: Any = None, family: str | None = None
) -> Tensor:
    """A summary of images.

    uint8 values are taken as they are. A float image with no negative value is scaled so that its largest
    value is 255; with negative ones, 0 becomes 128, and the smallest 1 or the largest 255. Pixels that are
    NaN or infinite become red.

    Args:
        name: the node's name; the tags are `name/image/0` and so on, or `name/image` when `max_outputs` is 1.
        tensor: `[batch, height, width, channels]`, uint8 or float; 1 channel is gray, 3 are RGB, 4 RGBA.
        max_outputs: how many images of the batch are taken at most.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.
        family: a first part for the tags.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    Raises:
        TypeError, ValueError: `tensor` is of another type, or `max_outputs` is not positive.
        tf.errors.InvalidArgumentError: in a run, when the shape is not that of images.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     found = tf.Summary.FromString(sess.run(tf.summary.image("x", tf.zeros([2, 5, 4, 3]))))
    ...     print([(v.tag, v.image.height, v.image.width) for v in found.value])
    [('x/image/0', 5, 4), ('x/image/1', 5, 4)]
    """
    with summary_scope(name, family, values=[tensor]) as (tag, scope):
        result = emit("ImageSummary", tag, tensor, max_images=max_outputs, name=scope)
        collect(result, collections, _SUMMARIES)
    return result  # type: ignore[no-any-return]


@op("AudioSummaryV2", shape=shapes.scalar, host=audio_host, gradient=None)
def audio(
    name: str,
    tensor: Any,
    sample_rate: Any,
    max_outputs: int = 3,
    collections: Any = None,
    family: str | None = None,
) -> Tensor:
    """A summary of sounds, as WAV files of 16-bit samples.

    Args:
        name: the node's name; the tags are `name/audio/0` and so on, or `name/audio` when `max_outputs` is 1.
        tensor: float32, `[batch, frames]` or `[batch, frames, channels]`, with values in [-1, 1].
        sample_rate: samples in a second, a float32 scalar.
        max_outputs: how many sounds of the batch are taken at most.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.
        family: a first part for the tags.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    Raises:
        tf.errors.InvalidArgumentError: in a run, when the shape is not that of sounds or the rate is not
            above 0.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     found = tf.Summary.FromString(sess.run(tf.summary.audio("x", tf.zeros([1, 100]), 8000.0)))
    ...     print(found.value[0].tag, found.value[0].audio.length_frames)
    x/audio/0 100
    """
    with summary_scope(name, family=family, values=[tensor]) as (tag, scope):
        rate = convert_to_tensor(sample_rate, dtype=dtypes.float32, name="sample_rate")
        result = emit("AudioSummaryV2", tag, tensor, rate, max_outputs=max_outputs, name=scope)
        collect(result, collections, _SUMMARIES)
    return result  # type: ignore[no-any-return]


# Tensors and texts


def _content_proto(tensor: np.ndarray, dtype: dtypes.DType) -> Any:
    """A TensorProto that holds its values as raw bytes, strings as such."""
    if dtype == dtypes.string:
        return tensor_proto(tensor, dtype)
    proto = protos.TensorProto(dtype=dtype.as_datatype_enum)
    proto.tensor_shape.SetInParent()
    for size in tensor.shape:
        proto.tensor_shape.dim.add(size=size)
    proto.tensor_content = np.ascontiguousarray(tensor).tobytes()
    return proto


def _tensor_v2_host(ctx: Any, tag: Any, tensor: Any, serialized_summary_metadata: Any) -> np.ndarray:
    found = protos.Summary()
    value = found.value.add(tag=as_tag(tag).decode())
    value.tensor.CopyFrom(_content_proto(np.asarray(tensor), ctx.node.inputs[1].dtype.base_dtype))
    value.metadata.ParseFromString(serialized_summary_metadata.item())
    return wire.text_scalar(found.SerializeToString())


def _tensor_host(ctx: Any, tensor: Any) -> np.ndarray:
    found = protos.Summary()
    value = found.value.add(node_name=ctx.node.name)
    value.tensor.CopyFrom(_content_proto(np.asarray(tensor), ctx.node.inputs[0].dtype.base_dtype))
    return wire.text_scalar(found.SerializeToString())


register("TensorSummary", shape=shapes.scalar, host=_tensor_host, gradient=None)  # in graphs of TF before 1.1


@op("TensorSummaryV2", shape=shapes.scalar, host=_tensor_v2_host, gradient=None)
def tensor_summary(
    name: str,
    tensor: Any,
    summary_description: str | None = None,
    collections: Any = None,
    summary_metadata: Any = None,
    family: str | None = None,
    display_name: str | None = None,
) -> Tensor:
    """A summary that holds a tensor of any type and shape, for a TensorBoard plugin.

    Args:
        name: the node's name and the tag.
        tensor: what to record.
        summary_description: a text about it, in Markdown.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.
        summary_metadata: a `tf.SummaryMetadata`, which names the plugin.
        family: a first part for the tag.
        display_name: what TensorBoard shows in place of the tag.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     made = tf.summary.tensor_summary("t", [1, 2], display_name="two numbers")
    ...     value = tf.Summary.FromString(sess.run(made)).value[0]
    ...     print(value.tag, value.metadata.display_name, value.tensor.tensor_shape.dim[0].size)
    t two numbers 2
    """
    metadata = protos.SummaryMetadata()
    if summary_metadata is not None:
        metadata.CopyFrom(summary_metadata)
    if summary_description is not None:
        metadata.summary_description = summary_description
    if display_name is not None:
        metadata.display_name = display_name
    serialized = metadata.SerializeToString()
    with summary_scope(name, family, values=[tensor]) as (tag, scope):
        tensor = convert_to_tensor(tensor, name="tensor") if not isinstance(tensor, Tensor) else tensor
        result = emit("TensorSummaryV2", tag, tensor, serialized, name=scope)
        collect(result, collections, _SUMMARIES)
    return result  # type: ignore[no-any-return]


def text(name: str, tensor: Any, collections: Any = None) -> Tensor:
    """A summary of text, which TensorBoard shows as Markdown; tensors of rank 1 and 2 become tables.

    Args:
        name: the node's name and the tag.
        tensor: a string tensor.
        collections: keys of collections to add the summary to, `[tf.GraphKeys.SUMMARIES]` by default.

    Returns:
        A scalar string tensor: a serialized `tf.Summary`.

    Raises:
        ValueError: `tensor` is not of type string.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     value = tf.Summary.FromString(sess.run(tf.summary.text("t", tf.constant("*hello*")))).value[0]
    ...     print(value.tensor.string_val[0], value.metadata.plugin_data.plugin_name)
    b'*hello*' text
    """
    if tensor.dtype != dtypes.string:
        raise ValueError(f"Expected tensor {tensor.name} to have dtype string, got {tensor.dtype}")
    metadata = protos.SummaryMetadata()
    metadata.plugin_data.plugin_name = "text"
    return tensor_summary(name, tensor, summary_metadata=metadata, collections=collections)


# Merging


def _merge_host(ctx: Any, *inputs: Any) -> np.ndarray:
    parts: list[bytes] = [x.item() for x in inputs]
    try:
        found = [tag for part in parts for tag in wire.tags(part) if tag]  # early tensor summaries had none
    except ValueError:
        fail("Could not parse one of the summary inputs")
    if len(set(found)) < len(found):
        twice = next(tag for i, tag in enumerate(found) if tag in found[:i])
        fail(f"Duplicate tag {twice.decode()} found in summary inputs")
    return wire.joined(parts)


# What encodes the one value of a summary, by the type of its node, for a tag that is known.
_ENCODERS = {"ScalarSummary": wire.scalar_encoder, "HistogramSummary": histogram_encoder}


def _merge_fused(makers: list[tuple[Any, list[Any]]]) -> Callable[..., np.ndarray] | None:
    """What encodes scalars and histograms of known tags, no two alike, into one summary."""
    known = [(node.type, inputs[0]) for node, inputs in makers]
    if any(kind not in _ENCODERS or tag is None or tag.ndim for kind, tag in known):
        return None
    if any(inputs[1] is not None for _, inputs in makers):
        return None
    if len({tag.item() for _, tag in known}) < len(known):
        return None
    encoders = [_ENCODERS[kind](tag.item()) for kind, tag in known]

    def kernel(*values: Any) -> np.ndarray:
        return wire.joined([encode(value) for encode, value in zip(encoders, values, strict=True)])

    return kernel


@op("MergeSummary", shape=shapes.scalar, host=_merge_host, fused=_merge_fused, gradient=None)
def merge(inputs: Any, collections: Any = None, name: str | None = None) -> Tensor:
    """A summary with all values of the given ones.

    Args:
        inputs: a list of scalar string tensors, each a serialized `tf.Summary`.
        collections: keys of collections to add the result to; none by default.
        name: the node's name.

    Raises:
        TypeError, ValueError: `inputs` is not a list of such tensors, or is empty.
        tf.errors.InvalidArgumentError: in a run, when a tag occurs twice or an input is not a summary.

    >>> import reflow as tf
    >>> with tf.Graph().as_default(), tf.Session() as sess:
    ...     both = tf.summary.merge([tf.summary.scalar("a", 1.0), tf.summary.scalar("b", 2.0)])
    ...     print([v.tag for v in tf.Summary.FromString(sess.run(both)).value])
    ['a', 'b']
    """
    name = clean_tag(name)
    if isinstance(inputs, Tensor):
        raise TypeError(f"Expected list for 'inputs' argument to 'MergeSummary' Op, not {inputs!r}.")
    with name_scope(name, "Merge", inputs):
        result = emit("MergeSummary", inputs, name=name)
        collect(result, collections, ())
    return result  # type: ignore[no-any-return]


def merge_all(
    key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None
) -> Tensor | None:
    """A summary with the values of all that were collected in the default graph; None when there are none.

    Args:
        key: the collection.
        scope: a regular expression that names of summaries must match from the start.
        name: the node's name.

    >>> import reflow as tf
    >>> with tf.Graph().as_default():
    ...     print(tf.summary.merge_all())
    ...     made = tf.summary.scalar("a", 1.0)
    ...     print(tf.summary.merge_all())
    None
    Tensor("Merge/MergeSummary:0", shape=(), dtype=string)
    """
    found = get_collection(key, scope=scope)
    return merge(found, name=name) if found else None


def get_summary_description(node_def: Any) -> Any:
    """The `tf.summary.SummaryDescription` that the node of a TensorSummary op holds as JSON.

    ValueError for a node of another type.

    >>> import reflow as tf
    >>> node = tf.NodeDef(op="TensorSummary")
    >>> node.attr["description"].s = b'{"typeHint": "image"}'
    >>> tf.summary.get_summary_description(node).type_hint
    'image'
    """
    from google.protobuf import json_format

    if node_def.op != "TensorSummary":
        raise ValueError(f"Can't get_summary_description on {node_def.op}")
    text = node_def.attr["description"].s.decode()
    return json_format.Parse(text, protos.SummaryDescription())
