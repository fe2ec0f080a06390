"""The ops, by family file."""

TABLE = """
ops.activations
  nn python.ops.nn_ops: bias_add crelu leaky_relu relu6
  nn python.ops.gen_nn_ops python.ops.nn_ops: elu relu selu
  math nn python.ops.nn_ops: log_softmax softmax
  nn python.ops.nn_impl: swish
  python.ops.nn_ops: bias_add_v1
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
  python.ops.gen_math_ops: mul=multiply sub=subtract
  # TensorFlow 0.x had these names; programs still use them.
  .: mul=multiply sub=subtract
ops.array
  . python.ops.array_ops: broadcast_dynamic_shape fill identity one_hot ones ones_like placeholder
      placeholder_with_default rank shape shape_n size sparse_placeholder zeros zeros_like
  . python.ops.array_ops python.ops.gen_array_ops: broadcast_to guarantee_const identity_n stop_gradient
  .: newaxis
  . python.ops.check_ops: ensure_shape
  sparse: placeholder=sparse_placeholder
ops.bitwise -> python.ops.gen_bitwise_ops
  bitwise python.ops.bitwise_ops: bitwise_and bitwise_or bitwise_xor invert left_shift right_shift
ops.casting
  . python.ops.math_ops: to_bfloat16 to_complex128 to_complex64 to_double to_float to_int32 to_int64
  . math python.ops.math_ops: angle conj imag real
  . dtypes python.ops.math_ops: cast complex saturate_cast
  . python.ops.array_ops python.ops.gen_array_ops: bitcast
ops.branching -> python.ops.control_flow_ops
  -: merge switch
ops.case
  . python.ops.control_flow_ops: case
  python.framework.smart_cond: smart_case
ops.check
  . debugging python.ops.check_ops: assert_equal assert_greater assert_greater_equal assert_integer
      assert_less assert_less_equal assert_near assert_negative assert_non_negative assert_non_positive
      assert_none_equal assert_positive assert_proper_iterable assert_type is_numeric_tensor
  . debugging math python.ops.check_ops: is_non_decreasing is_strictly_increasing
  . debugging contrib.framework python.ops.check_ops: assert_same_float_dtype
  . debugging python.ops.control_flow_ops: Assert
ops.clip -> python.ops.clip_ops
  .: clip_by_average_norm clip_by_global_norm clip_by_norm clip_by_value
  . linalg: global_norm
ops.comparison -> python.ops.math_ops
  . math python.ops.gen_math_ops: greater greater_equal less less_equal logical_and logical_not logical_or
  . math: equal logical_xor not_equal
  python.ops.gen_math_ops: approximate_equal
ops.confusion
  . math python.ops.confusion_matrix: confusion_matrix
  python.ops.confusion_matrix: remove_squeezable_dimensions
ops.control_flow
  .: cond
  python.ops.control_flow_ops: cond CondContext
  python.framework.smart_cond contrib.framework: smart_cond smart_constant_value
  python.layers.utils: smart_cond constant_value=smart_constant_value
ops.control -> python.ops.control_flow_ops
  .: group no_op tuple
  -: with_dependencies
ops.cross_entropy
  nn python.ops.nn_impl: log_poisson_loss sigmoid_cross_entropy_with_logits weighted_cross_entropy_with_logits
  nn python.ops.nn_ops: softmax_cross_entropy_with_logits softmax_cross_entropy_with_logits_v2
      sparse_softmax_cross_entropy_with_logits
  nn python.ops.gen_nn_ops python.ops.nn_ops: l2_loss
ops.dense
  nn python.ops.nn_ops: dropout xw_plus_b
  nn python.ops.nn_impl: relu_layer
  nn python.ops.embedding_ops: embedding_lookup
  nn python.ops.nn_ops: local_response_normalization lrn=local_response_normalization
  python.ops.nn_ops: xw_plus_b_v1
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
  # TensorFlow 0.x had these names; programs still use them.
  .: pack=stack unpack=unstack
ops.linalg
  . linalg python.ops.math_ops: matmul tensordot trace
  .: sparse_matmul
  . linalg python.ops.gen_math_ops python.ops.math_ops: cross
  linalg: adjoint
  linalg python.ops.math_ops: matvec
  python.ops.gen_math_ops python.ops.math_ops: batch_mat_mul batch_mat_mul_v2 mat_mul
      sparse_mat_mul=sparse_matmul
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
ops.moments
  nn python.ops.nn_impl: batch_norm_with_global_normalization batch_normalization moments normalize_moments
      sufficient_statistics weighted_moments
  . linalg python.ops.linalg_ops: norm
  linalg: normalize
  linalg math nn python.ops.nn_impl: l2_normalize
  math nn python.ops.nn_impl: zero_fraction
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
ops.printing
  .: print=print_v2
  . python.ops.logging_ops: Print
  strings: format=string_format
  python.ops.string_ops: string_format
  python.ops.logging_ops: print_v2
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
ops.script
  . python.ops.script_ops: numpy_function py_func
model.eager_function -> python.ops.script_ops
  .: py_function
  python.ops.script_ops: eager_py_func=py_function
ops.segment -> python.ops.math_ops
  . math python.ops.gen_math_ops: segment_max segment_mean segment_min segment_prod segment_sum
      unsorted_segment_max unsorted_segment_min unsorted_segment_prod unsorted_segment_sum
  . math: unsorted_segment_mean unsorted_segment_sqrt_n
ops.sequences
  . math python.ops.math_ops: bincount cumprod cumsum
  . python.ops.histogram_ops: histogram_fixed_width histogram_fixed_width_bins
  . python.ops.math_ops: linspace range
  . python.ops.gen_math_ops python.ops.math_ops: lin_space=linspace
  math python.ops.math_ops: cumulative_logsumexp
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
  python.ops.nn_ops: nth_element
ops.space -> python.ops.array_ops
  . nn: depth_to_space space_to_batch space_to_depth
  .: batch_to_space required_space_to_batch_paddings
  . manip python.ops.gen_array_ops: batch_to_space_nd space_to_batch_nd
  . image: extract_image_patches
  . python.ops.gen_array_ops: extract_volume_patches
ops.sparse_segment -> python.ops.math_ops
  .: sparse_segment_mean sparse_segment_sqrt_n sparse_segment_sum
  sparse: segment_mean=sparse_segment_mean segment_sqrt_n=sparse_segment_sqrt_n
      segment_sum=sparse_segment_sum
ops.special
  . math python.ops.gen_math_ops python.ops.math_ops: betainc digamma erf erfc igamma igammac lgamma
      polygamma zeta
  . math python.ops.special_math_ops: lbeta
  math python.ops.gen_math_ops python.ops.math_ops: bessel_i0e bessel_i1e
  math python.ops.special_math_ops: bessel_i0 bessel_i1
ops.state -> python.ops.state_ops
  .: assign assign_add assign_sub batch_scatter_update count_up_to scatter_add scatter_div scatter_max
      scatter_min scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub scatter_update
  python.ops.state_ops: is_variable_initialized
ops.strings
  . python.ops.string_ops: string_join string_strip string_to_hash_bucket_fast string_to_hash_bucket_strong
  .: string_split string_to_hash_bucket string_to_number
  . strings python.ops.string_ops: reduce_join regex_replace substr
  . io python.ops.string_ops: decode_base64 encode_base64
  . dtypes strings python.ops.string_ops: as_string
  . io: decode_raw
  strings: join=string_join length=string_length lower=string_lower split=strings_split strip=string_strip
      to_hash_bucket=string_to_hash_bucket to_hash_bucket_fast=string_to_hash_bucket_fast
      to_hash_bucket_strong=string_to_hash_bucket_strong to_number=string_to_number upper=string_upper
  python.ops.string_ops: string_length string_lower string_upper substr_deprecated=substr
  strings python.ops.string_ops: regex_full_match unsorted_segment_join
ops.tridiagonal
  linalg: tridiagonal_matmul tridiagonal_solve
ops.trigonometry -> python.ops.gen_math_ops python.ops.math_ops
  . math: acos acosh asin asinh atan atan2 atanh cos cosh sin sinh tan
"""
