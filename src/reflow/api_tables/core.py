"""Types, shapes, errors, protocol messages, the graph, gradients and the session."""

TABLE = """
base.protos
  . core.framework.attr_value_pb2: AttrValue NameAttrList
  . core.framework.graph_pb2: GraphDef
  . core.framework.node_def_pb2: NodeDef
  . core.framework.summary_pb2: Summary SummaryMetadata
  core.framework.summary_pb2: SummaryDescription
  .: HistogramProto
  . core.protobuf.config_pb2: ConfigProto GPUOptions GraphOptions OptimizerOptions RunMetadata RunOptions
  . core.protobuf.meta_graph_pb2: MetaGraphDef TensorInfo
  core.protobuf.meta_graph_pb2: AssetFileDef CollectionDef SignatureDef
  . core.util.event_pb2: Event LogMessage SessionLog
  core.util.event_pb2: TaggedRunMetadata
  summary: Event SessionLog Summary SummaryDescription TaggedRunMetadata
  core.framework.function_pb2: FunctionDef FunctionDefLibrary
  core.framework.step_stats_pb2: DeviceStepStats NodeExecStats StepStats
  core.framework.tensor_pb2: TensorProto
  core.framework.tensor_shape_pb2: TensorShapeProto
  core.framework.types_pb2: DataType
  core.framework.variable_pb2: VariableDef SaveSliceInfoDef
  core.framework.versions_pb2: VersionDef
  core.framework.op_def_pb2: OpDef OpList
  core.protobuf.cluster_pb2 train: ClusterDef JobDef
  core.protobuf.rewriter_config_pb2: AutoParallelOptions RewriterConfig ScopedAllocatorOptions
  core.protobuf.saved_model_pb2: SavedModel
  core.protobuf.saver_pb2 train: SaverDef
autodiff
  . python.framework.ops: NoGradient=no_gradient NotDifferentiable=no_gradient RegisterGradient no_gradient
  . python.ops.gradients python.ops.gradients_impl: gradients hessians
  . python.ops.gradients python.ops.gradients_impl: AggregationMethod UnconnectedGradients
  python.framework.ops: get_gradient_function=gradient_function
base.dtypes
  . dtypes python.framework.dtypes: DType as_dtype bfloat16 bool complex128 complex64 double=float64 float16
      float32 float64 half=float16 int16 int32 int64 int8 qint16 qint32 qint8 quint16 quint8 resource string
      uint16 uint32 uint64 uint8 variant
  . dtypes: QUANTIZED_DTYPES
  python.framework.dtypes: bfloat16_ref bool_ref complex128_ref complex64_ref double_ref=float64_ref
      float16_ref float32_ref float64_ref half_ref=float16_ref int16_ref int32_ref int64_ref int8_ref
      qint16_ref qint32_ref qint8_ref quint16_ref quint8_ref resource_ref string_ref uint16_ref uint32_ref
      uint64_ref uint8_ref variant_ref
base.errors
  . errors python.framework.errors python.framework.errors_impl: OpError
  errors python.framework.errors python.framework.errors_impl: AbortedError AlreadyExistsError
      CancelledError DataLossError DeadlineExceededError FailedPreconditionError InternalError
      InvalidArgumentError NotFoundError OutOfRangeError PermissionDeniedError ResourceExhaustedError
      UnauthenticatedError UnavailableError UnimplementedError UnknownError error_code_from_exception_type
      exception_type_from_error_code
  errors: ABORTED ALREADY_EXISTS CANCELLED DATA_LOSS DEADLINE_EXCEEDED FAILED_PRECONDITION INTERNAL
      INVALID_ARGUMENT NOT_FOUND OK OUT_OF_RANGE PERMISSION_DENIED RESOURCE_EXHAUSTED UNAUTHENTICATED
      UNAVAILABLE UNIMPLEMENTED UNKNOWN
  python.framework.errors_impl: OperatorNotAllowedInGraphError
base.shape
  . compat python.framework.tensor_shape: dimension_at_index dimension_value
  . python.framework.tensor_shape: Dimension TensorShape
  . python.ops.array_ops: broadcast_static_shape
  python.framework.tensor_shape: as_dimension as_shape matrix scalar unknown_shape vector
graph.composite
  . python.framework.indexed_slices python.framework.ops: IndexedSlices convert_to_tensor_or_indexed_slices
  . contrib.framework python.framework.sparse_tensor: convert_to_tensor_or_sparse_tensor
  . python.framework.sparse_tensor: SparseTensorValue
  . sparse python.framework.sparse_tensor: SparseTensor
  python.framework.indexed_slices: IndexedSlicesValue
graph.device
  .: DeviceSpec
graph.graph
  . python.framework.ops: Graph GraphKeys Operation Tensor add_to_collection add_to_collections
      colocate_with container control_dependencies convert_to_tensor device get_collection
      get_collection_ref get_default_graph init_scope name_scope op_scope reset_default_graph
  . python.framework.constant_op: constant
  .: get_static_value=constant_value
  . python.framework.ops python.framework.tensor_conversion_registry: register_tensor_conversion_function
  contrib.util python.framework.tensor_util: constant_value
  python.framework.ops: has_default_graph
runtime.devices
  python.client.device_lib: list_local_devices
runtime.session
  . python.client.session: InteractiveSession Session
  . python.framework.ops: get_default_session
  python.client.session: BaseSession
graph.protos_of_arrays
  . python.framework.tensor_util contrib.util: make_ndarray make_tensor_proto
"""
