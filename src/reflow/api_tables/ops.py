"""The ops, by family file."""

TABLE = """
ops.blocks
  . python.ops.array_ops: expand_dims gather ones ones_like squeeze where zeros zeros_like
  . python.ops.sparse_ops: sparse_concat=concat sparse_reshape=reshape sparse_transpose=transpose
  . math python.ops.math_ops: conj real
  . sparse python.ops.array_ops: concat transpose
  . dtypes python.ops.math_ops: cast
  . linalg python.ops.array_ops: matrix_transpose
  . linalg python.ops.linalg_ops: eye
  . manip sparse python.ops.array_ops: reshape
  . python.ops.array_ops python.ops.gen_array_ops: matrix_band_part=band_part
  . pywrap_tensorflow.deprecation.tf_inspect python.ops.array_ops python.util.tf_inspect: stack
  linalg: adjoint band_part transpose=matrix_transpose
ops.control -> python.ops.control_flow_ops
  .: group no_op tuple
  -: with_dependencies
ops.random_seed -> python.framework.random_seed
  . random: get_seed set_random_seed
ops.state -> python.ops.state_ops
  .: assign assign_add assign_sub batch_scatter_update count_up_to scatter_add scatter_div scatter_max
      scatter_min scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update
  . python.ops.variables: is_variable_initialized
"""
