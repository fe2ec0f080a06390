"""The ops, by family file."""

TABLE = """
ops.arithmetic -> python.ops.math_ops
  . math: accumulate_n add_n divide floordiv floormod multiply pow scalar_mul subtract truediv
  .: div div_no_nan realdiv truncatediv truncatemod
  . math python.ops.gen_math_ops: add maximum minimum squared_difference
  . math python.ops.math_ops: mod=floormod
  . python.ops.gen_math_ops: floor_div
  python.ops.gen_math_ops python.ops.math_ops: floor_mod=floormod next_after=nextafter real_div=realdiv
      truncate_div=truncatediv truncate_mod=truncatemod
  math: divide_no_nan=div_no_nan multiply_no_nan nextafter polyval
  math python.ops.gen_math_ops: xdivy xlogy
ops.array
  . python.ops.array_ops: broadcast_dynamic_shape fill identity one_hot ones ones_like placeholder
      placeholder_with_default rank shape shape_n size sparse_placeholder zeros zeros_like
  . python.ops.array_ops python.ops.gen_array_ops: broadcast_to guarantee_const identity_n stop_gradient
  .: newaxis
  . python.ops.check_ops: ensure_shape
  sparse: placeholder=sparse_placeholder
ops.casting
  . python.ops.math_ops: to_bfloat16 to_complex128 to_complex64 to_double to_float to_int32 to_int64
  . math python.ops.math_ops: angle conj imag real
  . dtypes python.ops.math_ops: cast complex saturate_cast
  . python.ops.array_ops python.ops.gen_array_ops: bitcast
ops.check
  . debugging python.ops.check_ops: assert_equal assert_greater assert_greater_equal assert_integer
      assert_less assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive
      assert_none_equal assert_positive assert_proper_iterable assert_type is_numeric_tensor
  . debugging math python.ops.check_ops: is_non_decreasing is_strictly_increasing
  . debugging contrib.framework python.ops.check_ops: assert_same_float_dtype
  . debugging python.ops.control_flow_ops: Assert
ops.comparison -> python.ops.math_ops
  . math python.ops.gen_math_ops: greater greater_equal less less_equal logical_and logical_not logical_or
  . math: equal logical_xor not_equal
ops.control -> python.ops.control_flow_ops
  .: group no_op tuple
  -: with_dependencies
ops.diagonal
  . python.ops.array_ops: matrix_diag matrix_diag_part matrix_set_diag
  . python.ops.array_ops python.ops.gen_array_ops: diag diag_part matrix_band_part
  . linalg python.ops.linalg_ops: eye
  linalg: band_part=matrix_band_part diag=matrix_diag diag_part=matrix_diag_part set_diag=matrix_set_diag
      tensor_diag=diag tensor_diag_part=diag_part
ops.einsum
  . linalg python.ops.special_math_ops: einsum
ops.gather -> python.ops.array_ops
  .: batch_gather gather tensor_scatter_nd_add=tensor_scatter_add tensor_scatter_nd_sub=tensor_scatter_sub
      tensor_scatter_nd_update=tensor_scatter_update
  . python.ops.gen_array_ops: tensor_scatter_add tensor_scatter_sub tensor_scatter_update
  . manip: gather_nd
  . manip python.ops.gen_array_ops: scatter_nd
ops.grids -> python.ops.array_ops
  .: meshgrid sequence_mask
ops.joining -> python.ops.array_ops
  .: concat parallel_stack split stack unstack
ops.linalg
  . linalg python.ops.math_ops: matmul tensordot trace
  .: sparse_matmul
  . linalg python.ops.gen_math_ops python.ops.math_ops: cross
  linalg: adjoint
  linalg python.ops.math_ops: matvec
  python.ops.gen_math_ops python.ops.math_ops: sparse_mat_mul=sparse_matmul
ops.linalg_decompositions
  . linalg python.ops.linalg_ops: cholesky qr svd
  . python.ops.linalg_ops: matrix_square_root self_adjoint_eig self_adjoint_eigvals
  linalg: eigh=self_adjoint_eig eigvalsh=self_adjoint_eigvals expm=matrix_exponential logm=matrix_logarithm
      matrix_rank pinv sqrtm=matrix_square_root
  linalg python.ops.linalg_ops: lu
  python.ops.linalg_ops: matrix_logarithm
ops.linalg_solvers
  . python.ops.linalg_ops: matrix_determinant matrix_inverse matrix_solve matrix_solve_ls
      matrix_triangular_solve
  . linalg python.ops.linalg_ops: cholesky_solve
  linalg: det=matrix_determinant inv=matrix_inverse logdet lstsq=matrix_solve_ls
      slogdet=log_matrix_determinant solve=matrix_solve triangular_solve=matrix_triangular_solve
  python.ops.linalg_ops: log_matrix_determinant
ops.masks
  . python.ops.array_ops: boolean_mask repeat sparse_mask where
  .: where_v2
  sparse: mask=sparse_mask
ops.math
  . math python.ops.gen_math_ops python.ops.math_ops: ceil exp expm1 floor log log1p reciprocal rint rsqrt
      sign sqrt square
  . math python.ops.math_ops: abs log_sigmoid negative round
  . debugging math python.ops.gen_math_ops python.ops.math_ops: is_finite is_inf is_nan
  . math nn python.ops.gen_math_ops python.ops.math_ops: tanh
  . math nn python.ops.math_ops: sigmoid
  math nn python.ops.gen_nn_ops python.ops.nn_ops: softplus softsign
  math python.ops.math_ops: reciprocal_no_nan
  python.ops.gen_math_ops python.ops.math_ops: neg=negative
ops.numerics
  . python.ops.numerics: add_check_numerics_ops verify_tensor_all_finite
  . debugging python.ops.array_ops python.ops.gen_array_ops: check_numerics
  debugging: assert_all_finite=verify_tensor_all_finite
ops.padding
  . python.ops.array_ops: pad reverse_sequence
  .: reverse_v2=reverse
  . manip python.ops.array_ops: reverse
  . manip python.ops.array_ops python.ops.gen_array_ops: tile
  . manip python.ops.manip_ops: roll
ops.random
  . python.ops.random_ops: random_normal random_shuffle random_uniform
  . image python.ops.random_ops: random_crop
  . random python.ops.random_ops: truncated_normal
  random: normal=random_normal shuffle=random_shuffle stateless_normal=stateless_random_normal
      stateless_truncated_normal stateless_uniform=stateless_random_uniform uniform=random_uniform
ops.random_distributions
  . python.ops.random_ops: random_gamma random_poisson
  . random python.ops.random_ops: multinomial
  random: gamma=random_gamma poisson=random_poisson stateless_categorical stateless_multinomial
  python.ops.random_ops: parameterized_truncated_normal
  random python.ops.random_ops: categorical
ops.random_seed -> python.framework.random_seed
  . random: get_seed set_random_seed
ops.rank_checks -> python.ops.check_ops
  . debugging: assert_rank assert_rank_at_least assert_rank_in
  . debugging contrib.framework: assert_scalar
  debugging: assert_shapes
ops.reduction
  . math python.ops.math_ops: argmax argmin count_nonzero reduce_all reduce_any reduce_logsumexp reduce_max
      reduce_mean reduce_min reduce_prod reduce_sum
  . python.ops.gen_math_ops: arg_max arg_min
  math python.ops.math_ops: reduce_euclidean_norm reduce_std reduce_variance
ops.sets
  . python.ops.array_ops: edit_distance searchsorted setdiff1d unique unique_with_counts
  . python.ops.data_flow_ops: dynamic_partition dynamic_stitch
  . python.ops.array_ops python.ops.gen_array_ops: unravel_index
  python.ops.array_ops: listdiff
ops.shaping -> python.ops.array_ops
  .: expand_dims squeeze transpose
  . linalg: matrix_transpose
  . manip: reshape
  . math python.ops.gen_array_ops: invert_permutation
  linalg: transpose=matrix_transpose
ops.slicing -> python.ops.array_ops
  .: slice strided_slice
ops.sorting
  . contrib.framework contrib.framework.python.ops python.ops.sort_ops: argsort sort
  math nn python.ops.nn_ops: in_top_k top_k
ops.special
  . math python.ops.gen_math_ops python.ops.math_ops: betainc digamma erf erfc igamma igammac lgamma
      polygamma zeta
  . math python.ops.special_math_ops: lbeta
  math python.ops.gen_math_ops python.ops.math_ops: bessel_i0e bessel_i1e
  math python.ops.special_math_ops: bessel_i0 bessel_i1
ops.state -> python.ops.state_ops
  .: assign assign_add assign_sub batch_scatter_update count_up_to scatter_add scatter_div scatter_max
      scatter_min scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update
  . python.ops.variables: is_variable_initialized
ops.trigonometry -> python.ops.gen_math_ops python.ops.math_ops
  . math: acos acosh asin asinh atan atan2 atanh cos cosh sin sinh tan
"""
