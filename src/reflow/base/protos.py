"""The protocol messages of TensorFlow's file formats, each an attribute of this module.

Importing this module imports nothing else: a message type is looked up when its attribute is first read, so
write `protos.GraphDef` where it is used and not `from reflow.base.protos import GraphDef` at the top.
The types are TensorBoard's copies (their full names begin with `tensorboard.`; the serialized forms and the
text forms are TensorFlow's). SavedModel, which TensorBoard lacks, is defined here.

>>> GraphDef = __getattr__("GraphDef")  # to other modules: protos.GraphDef
>>> GraphDef(node=[{"name": "x", "op": "Const"}]).SerializeToString()
b'\\n\\n\\n\\x01x\\x12\\x05Const'
"""

from functools import cache
from importlib import import_module
from typing import Any

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
    if name == "SavedModel":
        return _saved_model()
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _tensorboard_type(name)


def __dir__() -> list[str]:
    return sorted([*_MODULE_OF, "SavedModel"])


@cache
def _tensorboard_type(name: str) -> Any:
    return getattr(import_module(f"tensorboard.compat.proto.{_MODULE_OF[name]}"), name)


@cache
def _saved_model() -> Any:
    """The type of the file `saved_model.pb`: a version and one MetaGraphDef for each set of tags."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    graph = _tensorboard_type("MetaGraphDef").DESCRIPTOR
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="reflow/saved_model.proto", package="reflow", syntax="proto3", dependency=[graph.file.name]
    )
    message = file.message_type.add(name="SavedModel")
    message.field.add(
        name="saved_model_schema_version", number=1, type=field.TYPE_INT64, label=field.LABEL_OPTIONAL
    )
    message.field.add(
        name="meta_graphs",
        number=2,
        type=field.TYPE_MESSAGE,
        type_name=f".{graph.full_name}",
        label=field.LABEL_REPEATED,
    )
    pool = descriptor_pool.Default()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("reflow.SavedModel"))
