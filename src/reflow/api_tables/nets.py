"""Convolutions, layers, losses, metrics."""

TABLE = """
ops.convolution -> python.ops.nn_ops
  nn: conv1d conv1d_transpose conv2d conv2d_backprop_filter conv2d_backprop_input conv2d_transpose
      conv3d conv3d_backprop_filter_v2 conv3d_transpose conv_transpose
  nn: conv3d_backprop_filter=conv3d_backprop_filter_v2
  contrib.nn: conv1d_transpose
  python.ops.nn_ops: conv2d_transpose_v2 conv3d_transpose_v2
ops.atrous -> nn
  python.ops.nn_ops: atrous_conv2d atrous_conv2d_transpose convolution with_space_to_batch
  python.ops.nn_impl: depthwise_conv2d separable_conv2d
ops.atrous
  python.ops.nn_ops: convolution_v2
ops.depthwise -> python.ops.nn_ops
  nn: depthwise_conv2d_native depthwise_conv2d_native_backprop_filter depthwise_conv2d_native_backprop_input
  nn: depthwise_conv2d_backprop_filter=depthwise_conv2d_native_backprop_filter
      depthwise_conv2d_backprop_input=depthwise_conv2d_native_backprop_input
ops.pooling -> nn python.ops.nn_ops
  -: avg_pool avg_pool1d avg_pool3d avg_pool_v2 max_pool max_pool1d max_pool2d max_pool3d
     max_pool_v2 max_pool_with_argmax pool
  nn python.ops.nn_ops: avg_pool2d=avg_pool
ops.pooling_gradients
  python.ops.gen_nn_ops: max_pool_grad _max_pool_grad=max_pool_grad avg_pool_grad _avg_pool_grad=avg_pool_grad
ops.fractional_pooling -> python.ops.nn_ops
  nn: fractional_avg_pool fractional_max_pool
  -: fractional_avg_pool_v2 fractional_max_pool_v2
ops.morphology -> nn python.ops.nn_ops
  -: dilation2d erosion2d
ops.batch_norm -> nn python.ops.nn_impl
  -: fused_batch_norm
ops.fake_quantization
  . quantization python.ops.array_ops:
      fake_quant_with_min_max_args fake_quant_with_min_max_args_gradient
      fake_quant_with_min_max_vars fake_quant_with_min_max_vars_gradient
      fake_quant_with_min_max_vars_per_channel fake_quant_with_min_max_vars_per_channel_gradient
ops.ctc -> nn python.ops.ctc_ops
  -: ctc_beam_search_decoder ctc_beam_search_decoder_v2 ctc_greedy_decoder ctc_loss ctc_loss_v2
"""
