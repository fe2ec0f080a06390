"""The protocol messages of TensorFlow's file formats, each an attribute of this module.

Importing this module imports nothing else: a message type is looked up when its attribute is first read, so
write `protos.GraphDef` where it is used and not `from reflow.base.protos import GraphDef` at the top.
The types are TensorBoard's copies (their full names begin with `tensorboard.`; the serialized forms and the
text forms are TensorFlow's). Those that TensorBoard lacks, as SavedModel, are defined here.

>>> GraphDef = __getattr__("GraphDef")  # to other modules: protos.GraphDef
>>> GraphDef(node=[{"name": "x", "op": "Const"}]).SerializeToString()
b'\\n\\n\\n\\x01x\\x12\\x05Const'
"""

from functools import cache
from importlib import import_module
from typing import Any

from reflow.base import example_protos

# By the TensorBoard module that defines them.
_NAMES_BY_MODULE = {
    "attr_value_pb2": "AttrValue NameAttrList",
    "cluster_pb2": "ClusterDef JobDef",
    "config_pb2": "ConfigProto GPUOptions GraphOptions OptimizerOptions RunMetadata RunOptions "
    "SessionMetadata ThreadPoolOptionProto",
    "cost_graph_pb2": "CostGraphDef",
    "debug_pb2": "DebugOptions DebugTensorWatch",
    "event_pb2": "Event LogMessage SessionLog TaggedRunMetadata",
    "function_pb2": "FunctionDef FunctionDefLibrary GradientDef",
    "graph_pb2": "GraphDef",
    "histogram_pb2": "HistogramProto",
    "meta_graph_pb2": "AssetFileDef CollectionDef MetaGraphDef SignatureDef TensorInfo",
    "node_def_pb2": "NodeDef",
    "op_def_pb2": "OpDef OpList",
    "resource_handle_pb2": "ResourceHandleProto",
    "rewriter_config_pb2": "AutoParallelOptions RewriterConfig ScopedAllocatorOptions",
    "rpc_options_pb2": "RPCOptions",
    "saver_pb2": "SaverDef",
    "step_stats_pb2": "AllocatorMemoryUsed DeviceStepStats MemoryStats NodeExecStats NodeOutput StepStats",
    "summary_pb2": "Summary SummaryDescription SummaryMetadata",
    "tensor_description_pb2": "TensorDescription",
    "tensor_pb2": "TensorProto VariantTensorDataProto",
    "tensor_shape_pb2": "TensorShapeProto",
    "types_pb2": "DataType",
    "variable_pb2": "SaveSliceInfoDef VariableDef",
    "versions_pb2": "VersionDef",
}
_MODULE_OF = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in _OWN:
        return _own_type(name)
    if name in example_protos.NAMES:
        return example_protos.message_type(name)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _tensorboard_type(name)


def __dir__() -> list[str]:
    return sorted([*_MODULE_OF, *_OWN, *example_protos.NAMES])


@cache
def _tensorboard_type(name: str) -> Any:
    return getattr(import_module(f"tensorboard.compat.proto.{_MODULE_OF[name]}"), name)


# The types that TensorBoard lacks: "field type number", with `*` after a repeated field's type and `?` after
# that of one whose absence differs from zero. Enumerations are plain numbers.
_OWN = {
    "SavedModel": "saved_model_schema_version int64 1, meta_graphs MetaGraphDef* 2",
    # A checkpoint's index.
    "BundleHeaderProto": "num_shards int32 1, endianness int32 2, version VersionDef 3",
    "BundleEntryProto": "dtype int32 1, shape TensorShapeProto 2, shard_id int32 3, offset int64 4, "
    "size int64 5, crc32c fixed32 6, slices TensorSliceProto* 7",
    "TensorSliceProto": "extent TensorSliceExtent* 1",
    "TensorSliceExtent": "start int64 1, length int64? 2",
    # Checkpoints of version 1.
    "SavedSliceMeta": "name string 1, shape TensorShapeProto 2, type int32 3, slice TensorSliceProto* 4",
    "SavedTensorSliceMeta": "tensor SavedSliceMeta* 1, versions VersionDef 2",
    "SavedSlice": "name string 1, slice TensorSliceProto 2, data TensorProto 3",
    "SavedTensorSlices": "meta SavedTensorSliceMeta 1, data SavedSlice 2",
    # The file `checkpoint`.
    "CheckpointState": "model_checkpoint_path string 1, all_model_checkpoint_paths string* 2, "
    "all_model_checkpoint_timestamps double* 3, last_preserved_timestamp double 4",
    # What checkpoints of objects (not of names) say of themselves.
    "TrackableObjectGraph": "nodes TrackableObject* 1",
    "TrackableObject": "children ObjectReference* 1, attributes SerializedTensor* 2, "
    "slot_variables SlotVariable* 3",
    "ObjectReference": "node_id int32 1, local_name string 2",
    "SerializedTensor": "name string 1, full_name string 2, checkpoint_key string 3, optional_restore bool 4",
    "SlotVariable": "original_variable_node_id int32 1, slot_name string 2, slot_variable_node_id int32 3",
    # Where the nodes of a graph were made. A map is a repeated entry on the wire.
    "GraphDebugInfo": "files string* 1, traces DebugTraceEntry* 2",
    "DebugTraceEntry": "key string 1, value DebugStackTrace 2",
    "DebugStackTrace": "file_line_cols DebugFileLine* 1",
    "DebugFileLine": "file_index int32 1, line int32 2, col int32 3, func string 4, code string 5",
    # TensorBoard's embedding projector.
    "ProjectorConfig": (
        "model_checkpoint_path string 1, embeddings EmbeddingInfo* 2, model_checkpoint_dir string 3"
    ),
    "EmbeddingInfo": "tensor_name string 1, metadata_path string 2, bookmarks_path string 3, "
    "tensor_shape uint32* 4, sprite SpriteMetadata 5, tensor_path string 6",
    "SpriteMetadata": "image_path string 1, single_image_dim uint32* 2",
    # Input pipelines of queues.
    "QueueRunnerDef": "queue_name string 1, enqueue_op_name string* 2, close_op_name string 3, "
    "cancel_op_name string 4, queue_closed_exception_types int32* 5",
    "ReaderBaseState": "work_started int64 1, work_finished int64 2, num_records_produced int64 3, "
    "current_work bytes 4",
    # The branches of conditionals, as collections keep them. A map is a repeated entry on the wire.
    "ControlFlowContextDef": "cond_ctxt CondContextDef 1",
    "CondContextDef": "context_name string 1, pred_name string 2, pivot_name string 3, branch int32 4, "
    "values_def ValuesDef 5, nested_contexts ControlFlowContextDef* 6",
    "ValuesDef": "values string* 1, external_values ExternalValue* 2",
    "ExternalValue": "key string 1, value string 2",
    # A task of a cluster.
    "ServerDef": "cluster ClusterDef 1, job_name string 2, task_index int32 3, "
    "default_session_config ConfigProto 4, protocol string 5",
}


@cache
def _own_type(name: str) -> Any:
    from google.protobuf import descriptor_pool, message_factory

    pool = descriptor_pool.Default()
    pool.AddSerializedFile(_own_file().SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"reflow.{name}"))


@cache
def _own_file() -> Any:
    """The definitions of all own types as one file."""
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name="reflow/own.proto", package="reflow", syntax="proto3")
    for name, fields in _OWN.items():
        message = file.message_type.add(name=name)
        for row in fields.split(","):
            _add_field(file, message, *row.split())
    return file


def _add_field(file: Any, message: Any, name: str, kind: str, number: str) -> None:
    plain = kind.rstrip("*?")
    field = message.field.add(name=name, number=int(number))
    field.label = field.LABEL_REPEATED if kind.endswith("*") else field.LABEL_OPTIONAL
    if kind.endswith("?"):
        field.oneof_index = len(message.oneof_decl)
        message.oneof_decl.add(name=f"has_{name}")
    if plain.islower():
        field.type = getattr(field, f"TYPE_{plain.upper()}")
        return
    field.type = field.TYPE_MESSAGE
    if plain in _OWN:
        field.type_name = f".reflow.{plain}"
        return
    other = _tensorboard_type(plain).DESCRIPTOR
    field.type_name = f".{other.full_name}"
    if other.file.name not in file.dependency:
        file.dependency.append(other.file.name)
