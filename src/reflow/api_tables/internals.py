"""What programs import from `tensorflow.python` and single names that stand in no larger room."""

TABLE = """
contrib.internals
  .: control_flow_v2_enabled is_tensor
  python.framework.ops: uid
  python.framework.tensor_util: is_tensor
  python.tf2: enabled
  python.layers.utils: conv_output_length
  python.ops.math_ops: _as_indexed_slices_list=as_indexed_slices_list
  python.ops.control_flow_util: GetContainingWhileContext=containing_while_context
      GetContainingXLAContext=containing_xla_context GraphOrParentsInXlaContext=in_xla_context
  python.pywrap_tensorflow: EventsWriter
graph.device -> python.framework.device
  -: DeviceSpec
model.layers.sizes
  python.layers.utils: normalize_tuple=spread normalize_padding=padding_word
      normalize_data_format=normalized_format
model.variables
  .: initialize_all_tables=tables_initializer
ops.clock
  .: timestamp
ops.arithmetic
  python.ops.math_ops: mul=multiply sub=subtract
ops.padding
  python.ops.array_ops: reverse_v2=reverse
graph.graph
  python.ops.array_ops: constant
ops.raw
  python.training.training_ops: apply_ada_max apply_adadelta apply_adagrad apply_adagrad_da apply_adam
      apply_centered_rms_prop apply_ftrl apply_ftrl_v2 apply_gradient_descent apply_momentum
      apply_proximal_adagrad apply_proximal_gradient_descent apply_rms_prop
      resource_apply_ada_max resource_apply_adadelta resource_apply_adagrad resource_apply_adagrad_da
      resource_apply_adam resource_apply_centered_rms_prop resource_apply_ftrl resource_apply_ftrl_v2
      resource_apply_gradient_descent resource_apply_momentum resource_apply_proximal_adagrad
      resource_apply_proximal_gradient_descent resource_apply_rms_prop resource_sparse_apply_adadelta
      resource_sparse_apply_adagrad resource_sparse_apply_adagrad_da resource_sparse_apply_centered_rms_prop
      resource_sparse_apply_ftrl resource_sparse_apply_momentum resource_sparse_apply_proximal_adagrad
      resource_sparse_apply_proximal_gradient_descent resource_sparse_apply_rms_prop sparse_apply_adadelta
      sparse_apply_adagrad sparse_apply_adagrad_da sparse_apply_centered_rms_prop sparse_apply_ftrl
      sparse_apply_momentum sparse_apply_proximal_adagrad sparse_apply_proximal_gradient_descent
      sparse_apply_rms_prop
  python.ops.resource_variable_ops python.ops.gen_resource_variable_ops: resource_scatter_add
      resource_scatter_update assign_add_variable_op assign_sub_variable_op
  python.ops.gen_nn_ops: bias_add_grad
platform.benchmark
  test: Benchmark benchmark_config
  python.platform.benchmark: Benchmark
"""

RENAMED = """
batch_matmul = matmul
batch_svd = linalg.svd
batch_cholesky = linalg.cholesky
batch_matrix_inverse = linalg.inv
batch_matrix_diag = linalg.diag
concat_v2 = concat
complex_abs = abs
inv = reciprocal
listdiff = setdiff1d
neg = negative
select = where
nn.deconv2d = nn.conv2d_transpose
AdagradOptimizer = train.AdagradOptimizer
AdamOptimizer = train.AdamOptimizer
GradientDescentOptimizer = train.GradientDescentOptimizer
MomentumOptimizer = train.MomentumOptimizer
RMSPropOptimizer = train.RMSPropOptimizer
MonitoredTrainingSession = train.MonitoredTrainingSession
moments = nn.moments
"""
